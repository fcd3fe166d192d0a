"""Files are written whole or not at all, through no link, and a full disk is called a full disk."""

from __future__ import annotations

import ast
import errno
import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sygus.app.cli import main
from sygus.errors import SycamError
from sygus.export.gallery import Gallery
from sygus.writing import FORGOTTEN, PARTIAL, WriteError, check_named, make_folder, sweep, write_file, write_named

ROOT = Path(__file__).parents[2]
TINY = ("--budget", "size=2", "--search-images", "8", "--held-out-images", "8", "--device", "cpu")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and permissions of POSIX")


def write_by_name(path: Path, content: str | bytes) -> None:
    write_named(path, content, "--out")


WRITERS: list[Callable[[Path, str | bytes], None]] = [write_file, write_by_name]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("content", ["", "α\n", b"\0\xff", "x" * 3_000_001])
def test_what_is_written_is_read(
    write: Callable[[Path, str | bytes], None], content: str | bytes, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    for _ in range(2):
        write(path, content)
        assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("target", ["victim", "nothing", "folder/victim"])
def test_no_link_is_followed(write: Callable[[Path, str], None], target: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for victim in (tmp_path / "victim", tmp_path / "folder" / "victim"):
        victim.write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(target)
    write(link, "theirs")
    assert not link.is_symlink()
    assert link.read_text() == "theirs"
    assert (tmp_path / "victim").read_text() == (tmp_path / "folder" / "victim").read_text() == "mine"
    assert not (tmp_path / "nothing").exists()


def test_a_pipe_in_the_place_of_a_file_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")
    write_file(tmp_path / "file", "content")
    assert (tmp_path / "file").read_text() == "content"


def test_a_pipe_and_a_device_that_a_person_names_get_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_text()))
    reader.start()
    write_by_name(tmp_path / "pipe", "content")
    reader.join(10)
    assert heard == ["content"]
    (tmp_path / "null").symlink_to(os.devnull)
    check_named(tmp_path / "null", "--all")
    write_by_name(tmp_path / "null", "content")
    assert (tmp_path / "null").is_symlink()
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert names(tmp_path) == ["null", "pipe"]


def test_a_full_device_is_called_full() -> None:
    with pytest.raises(WriteError, match=r"--out: cannot write '/dev/full' \(the disk is full: No space left"):
        write_by_name(Path("/dev/full"), "content")


@pytest.mark.parametrize("write", WRITERS)
def test_permissions_are_those_of_the_umask_or_of_the_file_that_was_there(
    write: Callable[[Path, str], None], tmp_path: Path
) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "file", "content")
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
        (tmp_path / "file").chmod(0o600)
        write(tmp_path / "file", "content")
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    finally:
        os.umask(before)


FAILURES = {
    errno.ENOSPC: ("the disk is full", "make room"),
    errno.EDQUOT: ("the quota is used up", "make room"),
    errno.EFBIG: ("larger than this process may write", "ulimit"),
    errno.EROFS: ("read-only", "another place"),
    errno.EACCES: ("Permission denied", "right to write there"),
    errno.EIO: ("Input/output error", "right to write there"),
}


@pytest.mark.parametrize("number", FAILURES)
@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
def test_what_fails_leaves_what_was_there(
    number: int, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("before")

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(WriteError) as error:
        write_file(path, "after")
    monkeypatch.undo()
    meant, remedy = FAILURES[number]
    for fragment in (f"'{path}'", meant, remedy, "unchanged"):
        assert fragment in str(error.value)
    assert path.read_text() == "before"
    assert names(tmp_path) == ["file"]


def test_a_disk_that_fills_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, room = os.write, 10

    def write(descriptor: int, content: memoryview) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = real(descriptor, content[: min(3, room)])
        room -= done
        return done

    monkeypatch.setattr(os, "write", write)
    write_file(tmp_path / "short", "1234567890")
    with pytest.raises(WriteError, match="the disk is full"):
        write_file(tmp_path / "long", "1")
    monkeypatch.undo()
    assert (tmp_path / "short").read_text() == "1234567890"
    assert names(tmp_path) == ["short"]


@pytest.mark.parametrize(
    ("path", "what"), [("folder", "Is a directory"), ("none/file", "No such file"), ("plain/file", "Not a directory")]
)
@pytest.mark.parametrize("write", [*WRITERS, lambda path, _: check_named(path, "--all")])
def test_where_nothing_can_be_written(write: Callable[[Path, str], None], path: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "plain").touch()
    with pytest.raises(WriteError, match=what):
        write(tmp_path / path, "content")
    assert names(tmp_path) == ["folder", "plain"]


def left_by(tmp_path: Path, code: str) -> Path:
    """What a process that was killed in the middle of a write leaves."""
    kill = "os.fsync = lambda _: os.kill(os.getpid(), 9)"
    program = f"import os\nfrom pathlib import Path\nfrom sygus.writing import write_file\n{kill}\n{code}"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -9
    (left,) = (path for path in tmp_path.iterdir() if PARTIAL.fullmatch(path.name))
    return left


def parts(left: Path) -> tuple[str, int]:
    """Where a file was being written, and by which process."""
    found = PARTIAL.fullmatch(left.name)
    assert found is not None
    return found[1], int(found[2])


def test_what_a_killed_write_left_is_swept(tmp_path: Path) -> None:
    left = left_by(tmp_path, "write_file(Path('file'), 'half of it')")
    assert names(tmp_path) == [left.name], "half a file has the file's name"
    (here, dead), process = parts(left), os.getpid()

    def partial(place: str, number: int, mark: int) -> Path:
        return tmp_path / f".sycam-sygus-{place}-{number}-{mark:016x}.part"

    other = "0" * 8
    mine, theirs, old = partial(here, process, 1), partial(other, 1, 2), partial(other, process, 3)
    similar = [tmp_path / f"{left.name}.txt", tmp_path / left.name[1:], tmp_path / "x.part"]
    for path in (mine, theirs, old, *similar):
        path.touch()
    os.utime(old, times=(0, old.stat().st_mtime - FORGOTTEN - 60))
    link, folder, pipe = (partial(here, dead, mark) for mark in (4, 5, 6))
    (tmp_path / "victim").write_text("mine")
    link.symlink_to("victim")
    folder.mkdir()
    os.mkfifo(pipe)
    make_folder(tmp_path, "--out")
    assert not left.exists()
    assert not old.exists()
    assert names(tmp_path) == sorted(p.name for p in (mine, theirs, link, folder, pipe, *similar, tmp_path / "victim"))


@pytest.mark.parametrize("number", [0, 1, 9_999_999_999])
def test_strange_numbers_of_processes_are_no_matter(number: int, tmp_path: Path) -> None:
    left = left_by(tmp_path, "write_file(Path('file'), 'half of it')")
    here, _ = parts(left)
    (tmp_path / f".sycam-sygus-{here}-{number}-{0:016x}.part").touch()
    sweep(tmp_path)
    assert len(names(tmp_path)) == (1 if number < 2 else 0)


def test_a_write_by_name_sweeps_its_folder(tmp_path: Path) -> None:
    left_by(tmp_path, "write_file(Path('file'), 'half of it')")
    write_by_name(tmp_path / "file", "content")
    assert names(tmp_path) == ["file"]


RESULTS = ("answer.sy", "solution.json", "gallery.safetensors", "heatmaps.png")


def test_a_run_writes_through_no_link(tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    for name in RESULTS[:-1]:
        (tmp_path / name).write_text("mine")
        (out / name).symlink_to(f"../{name}")
    os.mkfifo(out / RESULTS[-1])
    result = run("gradcam", *TINY, "--out", out, "--quiet")
    assert result.exit_code == 0, result.output
    assert all((tmp_path / name).read_text() == "mine" for name in RESULTS[:-1])
    assert all((out / name).is_file() and not (out / name).is_symlink() for name in RESULTS)
    assert not [name for name in names(out) if PARTIAL.fullmatch(name)]


@pytest.mark.parametrize("name", ["journal.sqlite", "journal.lock", "journal.sqlite-wal", "journal.lock-journal"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_a_journal_that_is_no_file_is_refused(name: str, kind: str, tmp_path: Path) -> None:
    victim, out = tmp_path / "victim", tmp_path / "run"
    victim.write_text("mine")
    out.mkdir()
    if kind == "pipe":
        os.mkfifo(out / name)
    elif kind == "folder":
        (out / name).mkdir()
    else:
        (out / name).symlink_to(victim if kind == "link" else tmp_path / "nothing")
    for more in ((), ("--resume",)):
        result = run("gradcam", *TINY, "--out", out, *more)
        assert result.exit_code == 2
        assert str(out / name) in result.stderr
    assert victim.read_text() == "mine"
    assert names(tmp_path) == ["run", "victim"]


def test_a_folder_that_is_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert make_folder(tmp_path / "link", "--out").is_symlink()
    (tmp_path / "dangling").symlink_to("nothing")
    with pytest.raises(WriteError, match="--out: cannot write to"):
        make_folder(tmp_path / "dangling", "--out")


def test_a_pipe_in_the_place_of_the_gallery_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gallery.safetensors")
    with pytest.raises(SycamError, match="no file"):
        Gallery.read(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("failing", ["answer.sy", "solution.json", "gallery.safetensors", "heatmaps.png"])
def test_a_disk_that_is_full_at_the_end_of_a_run(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if target.name == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    out = tmp_path / "run"
    monkeypatch.setattr(os, "replace", replace)
    broken = run("gradcam", *TINY, "--out", out)
    monkeypatch.undo()
    assert broken.exit_code == 2
    assert f"cannot write '{out / failing}' (the disk is full: No space left on device)" in broken.stderr
    assert "what was scored is kept" in broken.stderr
    assert re.search(r"^resume: sycam-sygus gradcam .*--resume$", broken.stderr, re.MULTILINE)
    assert "Traceback" not in broken.output
    resumed = run("gradcam", *TINY, "--out", out, "--resume", "--quiet")
    assert (resumed.exit_code, resumed.stdout) == (0, broken.stdout)
    assert (out / failing).is_file()


def test_a_disk_that_is_full_while_the_journal_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sqlite3.connect

    def connect(path: Any, **options: Any) -> sqlite3.Connection:
        connection = real(path, **options)
        if str(path).endswith("journal.sqlite?mode=rw"):
            connection.execute("PRAGMA max_page_count = 8")
        return connection

    out = tmp_path / "run"
    options = ("channel_weights", *TINY, "--budget", "size=5", "--out", out)
    monkeypatch.setattr(sqlite3, "connect", connect)
    broken = run(*options)
    monkeypatch.undo()
    assert broken.exit_code == 2, broken.output
    assert f"cannot write the journal {out / 'journal.sqlite'} (the disk is full: " in broken.stderr
    assert "only the batch that was being scored is lost" in broken.stderr
    assert "resume: " in broken.stderr
    assert "Traceback" not in broken.output
    assert run(*options, "--resume", "--quiet").exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("what", ["report", "export"])
def test_a_limit_on_the_size_of_files(what: str, finished_run: Path, tmp_path: Path) -> None:
    arguments = [what, str(finished_run), "--out", str(tmp_path / "out")]
    arguments += ["--to", "json"] if what == "export" else []
    program = (
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "from sygus.app.start import main; main()"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: --out: cannot write '.*/out' \(.*\); raise the limit of ulimit -f; .*\n", done.stderr)
    assert names(tmp_path) == []


WRITING = {"write_text", "write_bytes", "savefig", "save_file", "touch", "symlink_to", "mkstemp", "NamedTemporaryFile"}
MODES = re.compile(r"[wax+]")
OTHERS = {
    "sygus/writing.py",
    "sygus/oracles/external.py",  # into a folder of its own, which is removed
    "sygus/oracles/workers/processes.py",  # likewise
    "sygus/saliency/features/cache.py",  # the cache
}


def test_nothing_writes_past_it() -> None:
    for file in (*(ROOT / "sygus").rglob("*.py"), *(ROOT / "solvers").rglob("*.py")):
        if file.relative_to(ROOT).as_posix() in OTHERS:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            into_memory = name == "savefig" and ast.unparse(node.args[0]) in ("buffer", "content")
            assert name not in WRITING or into_memory, f"{file}:{node.lineno}"
            if name == "open":
                given = (*node.args, *(keyword.value for keyword in node.keywords))
                modes = [str(one.value) for one in given if isinstance(one, ast.Constant)]
                assert not any(map(MODES.match, modes)), f"{file}:{node.lineno}"

"""Commands that are ended: by signals, by a terminal that is gone, by nobody who reads what they print."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sygus.app.signals import ended

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")

ROOT = Path(__file__).parents[2]
ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SLOWLY = [signal.SIGINT, *(pytest.param(number, marks=pytest.mark.slow) for number in ENDING[1:])]
"""The same, where one of them takes long."""
HEEDED = """import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""
"""Pytest may have been started to ignore some of them, which is inherited."""

CUBE_ROOT = """(set-logic NIA)
(synth-fun f ((x Int)) Int)
(declare-var x Int)
(constraint (let ((g (f x))) (and (<= (* g g g) x) (< x (* (+ g 1) (+ g 1) (+ g 1))))))
(check-synth)
"""
"""There is such a function, and no term of it: Z3 ponders until its time is over."""

MANY = """(set-logic LIA)
(synth-fun f ((x Int) (y Int)) Int)
(declare-var x Int)
(declare-var y Int)
(constraint (>= (f x y) x))
(check-synth)
"""


@contextmanager
def started(*arguments: object, folder: Path, prelude: str = HEEDED, **streams: int) -> Iterator[subprocess.Popen[str]]:
    """The program; whatever happens, it does not outlive the block."""
    program = f"{prelude}from sygus.app.start import main\nmain()"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    process = subprocess.Popen(command, text=True, cwd=folder, env=environment, **streams)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait(until: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def hold(pipe: Path) -> int:
    """Open a pipe for writing once it is read, and write nothing."""
    found: list[int] = []

    def opened() -> bool:
        try:
            found.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    wait(opened)
    time.sleep(0.3)  # until it waits for what is written: Python hears of nothing between opening and reading
    return found[0]


def said(number: int) -> str:
    return "interrupted\n" if number == signal.SIGINT else f"interrupted by {signal.Signals(number).name}\n"


@pytest.mark.parametrize(
    ("command", "number"),
    [
        *((("check", "pipe"), number) for number in ENDING),
        (("pipe",), signal.SIGTERM),
        (("verify", "pipe", "pipe"), signal.SIGINT),
        (("export", "pipe", "--to", "json"), signal.SIGHUP),
        (("report", "pipe"), signal.SIGINT),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else value.name,
)
def test_while_a_file_is_read(command: tuple[str, ...], number: signal.Signals, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with started(*command, folder=tmp_path) as process:
        held = hold(tmp_path / "pipe")
        process.send_signal(number)
        answer, messages = process.communicate(timeout=30)
        os.close(held)
    assert (process.returncode, answer, messages) == (128 + number, "", said(number))


@pytest.mark.parametrize(
    ("command", "number", "when"),
    [
        (("gradcam", "--out", "run"), signal.SIGINT, "made"),
        (("evaluate", "--methods", "gradcam"), signal.SIGTERM, "imported"),
        (("explain", "shapes:0"), signal.SIGHUP, "made"),
        (("oracle", "average-drop", "(lambda ((gradient Map)) (gap gradient))"), signal.SIGINT, "imported"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else str(value),
)
def test_while_a_network_is_loaded(command: tuple[str, ...], number: signal.Signals, when: str, tmp_path: Path) -> None:
    sleep = "open('here', 'w').close(); time.sleep(60)"
    text = {"imported": f"import time\n{sleep}\n", "made": f"import time\ndef make():\n    {sleep}\n"}
    (tmp_path / "own.py").write_text(text[when])
    with started(*command, "--network", "own:make", folder=tmp_path) as process:
        wait((tmp_path / "here").exists)
        process.send_signal(number)
        answer, messages = process.communicate(timeout=30)
    assert (process.returncode, answer, messages) == (128 + number, "", said(number))
    assert not (tmp_path / "run").exists()


def test_a_second_interrupt_is_no_traceback(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with started("check", "pipe", folder=tmp_path) as process:
        held = hold(tmp_path / "pipe")
        for _ in range(20):
            process.send_signal(signal.SIGINT)
            time.sleep(0.002)
        _, messages = process.communicate(timeout=30)
        os.close(held)
    assert process.returncode in (130, -signal.SIGINT)
    assert messages in ("interrupted\n", "")


def test_what_a_process_was_started_to_ignore_is_ignored(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ignoring = "import signal\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\n"
    with started("check", "pipe", folder=tmp_path, prelude=ignoring) as process:
        held = hold(tmp_path / "pipe")
        for number in ENDING:
            process.send_signal(number)
        os.write(held, MANY.encode())
        os.close(held)
        answer, messages = process.communicate(timeout=60)
    assert process.returncode == 0, messages
    assert "well-formed" in answer


def test_an_interrupt_that_a_library_makes_another_error_of_is_one() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def import_half() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise ImportError("half a module") from None

    with pytest.raises(SystemExit) as end, ended():
        import_half()
    assert end.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


class Lost:
    """Interrupted while it is finalised, where Python ignores exceptions."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)
        sum(range(10))


def test_an_interrupt_that_is_lost_comes_again(capfd: pytest.CaptureFixture[str]) -> None:
    before, began = sys.unraisablehook, time.monotonic()

    def lose() -> None:
        Lost()
        time.sleep(30)

    with pytest.raises(SystemExit) as end, ended():
        lose()
    assert end.value.code == 143
    assert time.monotonic() - began < 10
    assert capfd.readouterr().err == "interrupted by SIGTERM\n"
    assert sys.unraisablehook is before


def test_errors_without_a_signal_stay_errors() -> None:
    with pytest.raises(ZeroDivisionError), ended():
        raise ZeroDivisionError
    with pytest.raises(FileNotFoundError), ended():
        Path("/nowhere/at/all").read_text()
    with pytest.raises(SystemExit) as end, ended():
        sys.exit(2)
    assert end.value.code == 2


@pytest.mark.parametrize("number", SLOWLY)
def test_while_z3_ponders(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "file.sl").write_text(CUBE_ROOT)
    with started("file.sl", "--time", 300, folder=tmp_path) as process:
        time.sleep(6)
        process.send_signal(number)
        began = time.monotonic()
        _, messages = process.communicate(timeout=60)
    assert time.monotonic() - began < 10
    assert process.returncode == 128 + number
    assert "Traceback" not in messages


@pytest.mark.parametrize("number", ENDING)
def test_answers_so_far_stay(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "file.sl").write_text(MANY)
    with started("file.sl", "--all", "--time", 300, folder=tmp_path) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(number)
        _, messages = process.communicate(timeout=30)
    assert first == "(\n"
    assert process.returncode == 128 + number
    assert messages == "interrupted\n"


SEARCH = ("channel_weights", "--budget", "size=9", "--search-images", "16", "--held-out-images", "4", "--device", "cpu")


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_a_search_ends_with_the_best_so_far(number: signal.Signals, tmp_path: Path) -> None:
    with started(*SEARCH, "--out", "run", folder=tmp_path) as process:
        wait(lambda: (tmp_path / "run" / "journal.sqlite-wal").exists())
        time.sleep(2)
        process.send_signal(number)
        answer, messages = process.communicate(timeout=120)
    assert process.returncode == 128 + number, messages
    assert re.fullmatch(r"; cut: interrupted after \d+ s, .*\n\(\(\S+ \d+\) \(define-fun w .*\)\)\n", answer)
    assert (tmp_path / "run" / "answer.sy").read_text() == answer
    assert json.loads((tmp_path / "run" / "solution.json").read_text())["ended"] == "interrupted"
    assert re.search(r"^resume: sycam-sygus channel_weights .* --out run --resume$", messages, re.MULTILINE)
    assert "Traceback" not in messages


@pytest.mark.slow
def test_a_terminal_that_is_gone_costs_no_result(tmp_path: Path) -> None:
    master, slave = os.openpty()
    terminal = "import fcntl, os, termios\nos.setsid()\nfcntl.ioctl(2, termios.TIOCSCTTY, 0)\n"
    streams = {"stdin": slave, "stdout": slave, "stderr": slave}
    with started(*SEARCH, "--out", "run", folder=tmp_path, prelude=HEEDED + terminal, **streams) as process:
        os.close(slave)
        os.set_blocking(master, False)

        def begun() -> bool:
            with suppress(BlockingIOError):
                os.read(master, 1 << 16)
            return (tmp_path / "run" / "journal.sqlite-wal").exists()

        wait(begun)
        time.sleep(2)
        os.close(master)
        assert process.wait(timeout=120) == 129
    assert json.loads((tmp_path / "run" / "solution.json").read_text())["ended"] == "interrupted"


def test_nobody_reads_the_answers(tmp_path: Path) -> None:
    (tmp_path / "file.sl").write_text(MANY)
    with started("file.sl", "--all", "--time", 300, folder=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 141


@pytest.mark.parametrize("command", [("--help",), ("solve", "--help"), ("list", "metrics"), ("completion", "bash")])
@pytest.mark.parametrize("where", ["closed", "/dev/full"])
def test_output_that_cannot_be_written(command: tuple[str, ...], where: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    with started(*command, folder=tmp_path, stdout=writer if where == "closed" else full) as process:
        _, messages = process.communicate(timeout=60)
    os.close(writer)
    os.close(full)
    if where == "closed":
        assert (process.returncode, messages) == (141, "")
    else:
        assert process.returncode == 2
        assert re.fullmatch(r"error: cannot write to standard output \(the disk is full: .*\); .*\n", messages)


@pytest.mark.parametrize("where", ["closed", "/dev/full"])
def test_messages_that_cannot_be_written_cost_no_answer(where: str, tmp_path: Path) -> None:
    (tmp_path / "file.sl").write_text(MANY)
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    with started("file.sl", folder=tmp_path, stderr=writer if where == "closed" else full) as process:
        answer, _ = process.communicate(timeout=60)
    os.close(writer)
    os.close(full)
    assert (process.returncode, answer) == (0, "(\n(define-fun f ((x Int) (y Int)) Int x)\n)\n")

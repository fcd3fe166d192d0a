"""The cache of features: what is read from it is what was written under that key, or it is measured anew."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load, save
from torch import Tensor

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.app.cli import main
from sygus.saliency.features import FEATURES, Feature, Measurements
from sygus.saliency.features.cache import OLD, VARIABLE, Cache
from sygus.saliency.features.draws import normal
from sygus.saliency.features.entry import encode
from sygus.saliency.features.feature import register
from sygus.saliency.methods import MAP_METHODS
from sygus.saliency.methods.method import method
from sygus.saliency.metrics import Subject

NAME = "smooth-gradient"
TOGETHER = ("smooth-gradient", "smooth-square", "smooth-cube")
HOSTILE = "a\x1b]0;title\x07\x1b[31m\nb"
"""What a terminal would act on."""


@pytest.fixture(scope="module")
def subject() -> Subject:
    settings = Settings(network="shapes-resnet", search_images=2, held_out_images=2, device="cpu")
    return load_subjects(settings).search.subject


@pytest.fixture(scope="module")
def plain(subject: Subject) -> Tensor:
    """The feature as it is measured."""
    return Measurements(subject.network, subject.images.pictures, subject.targets)[NAME]


def measurements(subject: Subject, folder: Path) -> Measurements:
    return Measurements(subject.network, subject.images.pictures, subject.targets, cache=Cache(folder))


def entry_in(folder: Path) -> Path:
    (path,) = folder.glob("*.safetensors")
    return path


@pytest.fixture
def kept(subject: Subject, tmp_path: Path) -> Path:
    """The file of an entry."""
    measurements(subject, tmp_path / "cache")[NAME]
    return entry_in(tmp_path / "cache")


def count_measuring(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is measured of features that are kept, noted as it happens."""
    asked: list[str] = []
    measure = Measurements._measure

    def noting(self: Measurements, name: str) -> object:
        if FEATURES[name].kept:
            asked.append(name)
        return measure(self, name)

    monkeypatch.setattr(Measurements, "_measure", noting)
    return asked


@pytest.mark.parametrize("name", ["score", "ablation", "smooth-cube"])
def test_kept_on_disk(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    first = measurements(subject, tmp_path)[name]
    asked = count_measuring(monkeypatch)
    assert torch.equal(measurements(subject, tmp_path)[name], first)
    assert asked == []


def test_other_pictures_and_targets_have_keys_of_their_own(subject: Subject, tmp_path: Path) -> None:
    measurements(subject, tmp_path)["ablation"]
    for pictures, targets in (
        (subject.images.pictures, 1 - subject.targets.clamp(max=1)),
        (subject.images.pictures * 0.5, subject.targets),
    ):
        Measurements(subject.network, pictures, targets, cache=Cache(tmp_path))["ablation"]
    assert len(list(tmp_path.glob("*.safetensors"))) == 3


def test_passes_of_another_size_have_keys_of_their_own(subject: Subject, tmp_path: Path) -> None:
    measurements(subject, tmp_path)["ablation"]
    few = subject.network.for_few(2)
    Measurements(few, subject.images.pictures, subject.targets, cache=Cache(tmp_path))["ablation"]
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert Cache.of_user() is None
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert Cache.of_user() == Cache(tmp_path)
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Cache.of_user() == Cache(tmp_path / "sycam-sygus" / "features")


Damage = Callable[[Path], None]


def header_length(content: bytes) -> int:
    return 8 + int(struct.unpack("<Q", content[:8])[0])


def put(place: Callable[[bytes], int], new: bytes) -> Damage:
    """Bytes overwritten at a place."""

    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        start = place(bytes(content)) % len(content)
        assert content[start : start + len(new)] != new
        content[start : start + len(new)] = new
        path.write_bytes(bytes(content))

    return damage


def content(change: Callable[[bytes], bytes]) -> Damage:
    return lambda path: path.write_bytes(change(path.read_bytes())) and None


def header(change: Callable[[dict[str, object]], object]) -> Damage:
    """Another header before the same numbers."""

    def changed(content: bytes) -> bytes:
        length = header_length(content)
        stated = json.loads(content[8:length])
        replaced = change(stated)
        text = replaced if isinstance(replaced, bytes) else json.dumps(stated).encode()
        return struct.pack("<Q", len(text)) + text + content[length:]

    return content(changed)


def tensors(change: Callable[[dict[str, Tensor]], object], *, metadata: bool = True) -> Damage:
    """Other tensors, under the metadata of the entry."""

    def changed(content: bytes) -> bytes:
        stated = json.loads(content[8 : header_length(content)])["__metadata__"]
        values = load(content)
        change(values)
        return save(values, stated if metadata else None)

    return content(changed)


def signed(change: Callable[[dict[str, Tensor]], object]) -> Damage:
    """Other tensors with a digest that fits them."""

    def damage(path: Path) -> None:
        values = load(path.read_bytes())
        change(values)
        path.write_bytes(encode(path.stem, values))

    return damage


def instead(make: Damage) -> Damage:
    """Something else under the name."""

    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


def linked_elsewhere(path: Path) -> None:
    other = path.with_name("other")
    path.rename(other)
    path.symlink_to(other)


def listening(path: Path) -> None:
    """A socket; its name is too long for one that is not relative."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def sparse(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 40)


def change_one(index: tuple[int, ...]) -> Callable[[dict[str, Tensor]], object]:
    return lambda values: values[NAME][index].mul_(2).add_(1)


def swap_names(values: dict[str, Tensor]) -> None:
    values["smooth-gradient"], values["smooth-cube"] = values["smooth-cube"], values["smooth-gradient"]


DAMAGES: dict[str, Damage] = {
    "empty": content(lambda _: b""),
    "text": content(lambda _: b"no tensors"),
    "ones": content(lambda _: b"\xff" * 64),
    "cut": content(lambda old: old[:-1]),
    "cut in half": content(lambda old: old[: len(old) // 2]),
    "only a header": content(lambda old: old[: header_length(old)]),
    "longer": content(lambda old: old + b"\0"),
    "twice": content(lambda old: old + old),
    "far longer": content(lambda old: old + bytes(1 << 24)),
    "sparse": sparse,
    "first number": put(header_length, b"\x01\x02\x03\x04"),
    "last number": put(lambda _: -4, b"\x01\x02\x03\x04"),
    "64 bytes": put(lambda old: len(old) // 2, bytes(range(64))),
    "a bit": content(lambda old: old[:-1] + bytes([old[-1] ^ 1])),
    "random values": tensors(lambda values: values[NAME].normal_()),
    "zeros": tensors(lambda values: [value.zero_() for value in values.values()]),
    "a picture": tensors(change_one((0,))),
    "a channel": tensors(change_one((0, 3))),
    "pictures swapped": tensors(lambda values: values[NAME].copy_(values[NAME].flip(0))),
    "names swapped": tensors(swap_names),
    "no metadata": tensors(lambda _: None, metadata=False),
    "other name": tensors(lambda values: values.update({"other": values.pop(NAME)})),
    "a name less": tensors(lambda values: values.pop(NAME)),
    "a name more": tensors(lambda values: values.update(more=torch.zeros(1))),
    "no tensors": tensors(lambda values: values.clear()),
    "doubles": tensors(lambda values: values.update({NAME: values[NAME].double()})),
    "halves": tensors(lambda values: values.update({NAME: values[NAME].half()})),
    "integers": tensors(lambda values: values.update({NAME: values[NAME].int()})),
    "scalars": tensors(lambda values: values.update({name: torch.tensor(1.0) for name in TOGETHER})),
    "flat": tensors(lambda values: values.update({NAME: values[NAME].flatten()})),
    "fewer pictures": tensors(lambda values: values.update({NAME: values[NAME][:1].clone()})),
    "dtype renamed": header(lambda stated: stated[NAME].update(dtype="I32")),
    "dtype unknown": header(lambda stated: stated[NAME].update(dtype="F3")),
    "shape of negatives": header(lambda stated: stated[NAME].update(shape=[-1])),
    "shape too large": header(lambda stated: stated[NAME].update(shape=[1 << 62, 1 << 62])),
    "offsets beyond": header(lambda stated: stated[NAME].update(data_offsets=[0, 1 << 60])),
    "no digest": header(lambda stated: stated["__metadata__"].pop("digest")),
    "digest of another": header(lambda stated: stated["__metadata__"].update(digest="0" * 64)),
    "metadata of numbers": header(lambda stated: stated.update(__metadata__={"digest": 1})),
    "nested": header(lambda _: b"[" * 100_000),
    "not UTF-8": header(lambda _: b'{"\xff\xfe": 1}'),
    "huge header": put(lambda _: 0, struct.pack("<Q", 1 << 62)),
    "signed, not finite": signed(lambda values: values[NAME].fill_(torch.nan)),
    "signed, infinite": signed(lambda values: values[NAME][0, 0, 0, 0].fill_(torch.inf)),
    "signed, negative squares": signed(lambda values: values["smooth-square"].fill_(-1)),
    "signed, of other shape": signed(lambda values: values.update({NAME: values[NAME][:1].clone()})),
    "a pipe": instead(os.mkfifo),
    "a socket": instead(listening),
    "a link to an entry": linked_elsewhere,
    "a link to zeros": instead(lambda path: path.symlink_to("/dev/zero")),
    "a link to nothing": instead(lambda path: path.symlink_to("nowhere")),
    "a link to itself": instead(lambda path: path.symlink_to(path)),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_was_not_written_so_is_measured_again(
    subject: Subject, plain: Tensor, kept: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    DAMAGES[name](kept)
    with caplog.at_level(logging.WARNING):
        assert torch.equal(measurements(subject, kept.parent)[NAME], plain)
        (note,) = caplog.messages
        assert note.startswith("note: ")
        assert repr(str(kept)) in note
        assert torch.equal(measurements(subject, kept.parent)[NAME], plain)
    assert len(caplog.messages) == 1, "it was not written over"
    assert stat.S_ISREG(kept.lstat().st_mode)


def test_a_folder_in_the_place_of_an_entry(
    subject: Subject, plain: Tensor, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept.unlink()
    kept.mkdir()
    (kept / "mine").touch()
    with caplog.at_level(logging.WARNING):
        assert torch.equal(measurements(subject, kept.parent)[NAME], plain)
    (note,) = caplog.messages
    assert "a folder" in note
    assert (kept / "mine").exists()
    assert not list(kept.parent.glob("*.part"))


@pytest.mark.skipif(not hasattr(os, "mknod") or os.geteuid() != 0, reason="only root makes devices")
def test_an_endless_device(subject: Subject, plain: Tensor, kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept.unlink()
    try:
        os.mknod(kept, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this system makes no devices")
    with caplog.at_level(logging.WARNING):
        assert torch.equal(measurements(subject, kept.parent)[NAME], plain)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("other", ["ablation", "score"])
def test_an_entry_under_the_name_of_another(
    subject: Subject, tmp_path: Path, caplog: pytest.LogCaptureFixture, other: str
) -> None:
    """Also where names and shapes are the same, as of other pictures."""
    fresh = Measurements(subject.network, subject.images.pictures.flip(0), subject.targets)[other]
    measurements(subject, tmp_path)[other]
    path = entry_in(tmp_path)
    content = path.read_bytes()
    flipped = Measurements(subject.network, subject.images.pictures.flip(0), subject.targets, cache=Cache(tmp_path))
    flipped[other]
    (second,) = set(tmp_path.glob("*.safetensors")) - {path}
    second.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = Measurements(subject.network, subject.images.pictures.flip(0), subject.targets, cache=Cache(tmp_path))
        assert torch.equal(again[other], fresh)
    (note,) = caplog.messages
    assert "its content is not what was written under this name" in note


def test_names_are_said_without_what_a_terminal_acts_on(
    subject: Subject, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / HOSTILE
    measurements(subject, folder)["ablation"]
    entry_in(folder).write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        measurements(subject, folder)["ablation"]
        folder.chmod(0o777)
        measurements(subject, folder)["ablation"]
    assert len(caplog.messages) == 2
    for note in caplog.messages:
        assert note.isprintable()


def test_the_folder_is_made_for_its_owner_alone(subject: Subject, tmp_path: Path) -> None:
    measurements(subject, tmp_path / "deep" / "cache")["ablation"]
    assert stat.S_IMODE((tmp_path / "deep" / "cache").stat().st_mode) == 0o700
    assert stat.S_IMODE(entry_in(tmp_path / "deep" / "cache").stat().st_mode) == 0o600


def poison(path: Path) -> None:
    """Other numbers, as one who knows the program would write them."""
    signed(lambda values: [value.fill_(0.5) for value in values.values()])(path)


def everyone_writes(folder: Path) -> None:
    folder.chmod(0o777)


def everyone_replaces(folder: Path) -> None:
    folder.parent.chmod(0o777)


def is_of_another(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives folders away")
    os.chown(folder, 12345, -1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (everyone_writes, "every user may write to it"),
        (everyone_replaces, "every user may replace it"),
        (is_of_another, "it belongs to another user"),
    ],
)
def test_a_folder_that_others_may_fill_is_not_used(
    subject: Subject, plain: Tensor, kept: Path, caplog: pytest.LogCaptureFixture, change: Damage, why: str
) -> None:
    poison(kept)
    content = kept.read_bytes()
    change(kept.parent)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert torch.equal(measurements(subject, kept.parent)[NAME], plain)
        measurements(subject, kept.parent)["ablation"]
    (note,) = caplog.messages
    assert why in note
    assert VARIABLE in note
    assert kept.read_bytes() == content
    assert list(kept.parent.iterdir()) == [kept]


def test_a_folder_that_cannot_be_written_is_said(
    subject: Subject, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "cache"):
        measurements(subject, folder)["ablation"]
    assert [
        f"features are not kept in {str(folder)!r}" in note
        for note, folder in zip(caplog.messages, (tmp_path / "file", tmp_path / "file" / "cache"), strict=True)
    ] == [True, True]


def test_a_full_disk_is_said_once_and_leaves_nothing(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    for name in ("ablation", NAME):
        measurements(subject, tmp_path)[name]
    (note,) = caplog.messages
    assert "No space left on device" in note
    assert list(tmp_path.iterdir()) == []


def test_what_killed_writers_left_is_swept(subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "tmplink.part").symlink_to(tmp_path / "target")
    for name in ("tmpold.part", "tmpyoung.part", "tmpfolder.part", "mine.part", "target"):
        (tmp_path / name).mkdir() if "folder" in name else (tmp_path / name).touch()
        if "young" not in name:
            os.utime(tmp_path / name, (time.time() - 2 * OLD,) * 2)
    measurements(subject, tmp_path)["ablation"]
    left = {path.name for path in tmp_path.iterdir() if path.suffix != ".safetensors"}
    assert left == {"tmpyoung.part", "tmplink.part", "tmpfolder.part", "mine.part", "target"}


@pytest.mark.usefixtures("registered")
def test_what_is_not_finite_is_given_and_not_kept(
    subject: Subject, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    enter("mine", lambda _: {"mine": torch.full((2, 4), torch.inf)})
    for _ in range(2):
        assert measurements(subject, tmp_path)["mine"].isinf().all()
    assert caplog.messages == []
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def registered() -> Iterator[None]:
    """What a test registers is forgotten after it."""
    before, drawn = dict(FEATURES), dict(MAP_METHODS)
    yield
    for registry, old in ((FEATURES, before), (MAP_METHODS, drawn)):
        registry.clear()
        registry.update(old)


def enter(name: str, measure: Callable[..., object]) -> None:
    """A feature of the user's own, instead of one that was there."""
    FEATURES.pop(name, None)
    register(Feature(name=name, rank="weight", latex="x", doc="x", measure=measure, draw=normal, kept=True))


OWN = """
import torch
import ownhelper

def measure(measured):
    channels = measured["activation"].shape[1]
    return {{"mine": torch.full((len(measured.targets), channels), {value}) * ownhelper.scale()}}
"""


def load_own(folder: Path, value: str, scale: str) -> Callable[..., object]:
    (folder / "ownfeature.py").write_text(OWN.format(value=value))
    (folder / "ownhelper.py").write_text(f"def scale():\n    return {scale}\n")
    for name in ("ownfeature", "ownhelper"):
        sys.modules.pop(name, None)
    import ownfeature

    found: Callable[..., object] = ownfeature.measure
    return found


@pytest.mark.usefixtures("registered")
def test_an_edited_feature_is_measured_anew(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for value, scale in (("1.0", "1"), ("2.0", "1"), ("2.0", "3"), ("1.0", "1")):
        enter("mine", load_own(tmp_path, value, scale))
        found = measurements(subject, tmp_path / "cache")["mine"]
        assert found.unique().tolist() == [float(value) * int(scale)]
    assert len(list((tmp_path / "cache").iterdir())) == 3


@pytest.mark.usefixtures("registered")
def test_a_feature_made_of_an_edited_one_is_measured_anew(subject: Subject, tmp_path: Path) -> None:
    for factor in (1.0, 2.0):
        enter("inner", lambda _, factor=factor: {"inner": torch.full((2, 64), factor)})
        enter("mine", lambda measured: {"mine": measured["inner"].flatten(1) * 5})
        assert measurements(subject, tmp_path)["mine"].unique().tolist() == [5 * factor]


@pytest.mark.usefixtures("registered")
def test_a_feature_whose_code_cannot_be_told_is_not_kept(
    subject: Subject, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = (value for value in (1.0, 2.0))
    enter("mine", lambda _: {"mine": torch.full((2, 64), next(values))})
    found = [measurements(subject, tmp_path)["mine"].unique().tolist() for _ in range(2)]
    assert found == [[1.0], [2.0]]
    (note,) = caplog.messages
    assert "'mine' is not kept on disk, since not all code can be told" in note
    assert list(tmp_path.iterdir()) == []
    measurements(subject, tmp_path)["ablation"]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.usefixtures("registered")
def test_an_edited_method_is_drawn_anew(subject: Subject, tmp_path: Path) -> None:
    side = subject.network.size
    for value in (0.25, 0.5, 0.25):
        MAP_METHODS.pop("mine", None)
        method("mine", "Mine", "nowhere")(lambda _, value=value: torch.full((2, *side), value))
        assert MAP_METHODS["mine"](measurements(subject, tmp_path)).unique().tolist() == [value]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
def test_the_answer_of_a_run_does_not_depend_on_a_damaged_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = ("--search-images", "4", "--held-out-images", "2", "--device", "cpu", "--methods", "scorecam,ablationcam")
    said = []
    for damage in ("cold", "warm", "random values", "zeros", "cut", "a pipe"):
        monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
        if damage in DAMAGES:
            for path in (tmp_path / "cache").iterdir():
                values = load(path.read_bytes())
                change = {"random values": torch.randn_like, "zeros": torch.zeros_like}.get(damage)
                if change is None:
                    DAMAGES[damage](path)
                else:
                    path.write_bytes(save({name: change(value) for name, value in values.items()}))
        result = CliRunner().invoke(main, ["evaluate", *few])
        assert result.exit_code == 0, result.output
        assert "Traceback" not in result.output
        said.append(result.stdout)
    assert len(list((tmp_path / "cache").iterdir())) > 1
    assert set(said) == {said[0]}

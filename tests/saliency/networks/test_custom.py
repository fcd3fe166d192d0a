"""Networks of the user's own, ``package.module:function``: every form they may have, and every way they may fail."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from sygus.app.cli import main
from sygus.errors import OptionError
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import applicable_methods, methods
from sygus.saliency.images import NO_CLASS, ImageSet, Preprocessing, load_images
from sygus.saliency.metrics import subject_of
from sygus.saliency.networks import Classifier, load_network, make_network
from toy_models import CPU

SOURCE = '''"""A user's networks."""

import torch
from torch import nn

from sygus.saliency.images import Preprocessing
from sygus.saliency.networks import Classifier

torch.manual_seed(0)
BODY = nn.Sequential(
    nn.Conv2d(3, 8, 5, 4), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 8)
)
SIZE = {"preprocessing": Preprocessing.square(64)}


class Output:
    def __init__(self, scores):
        self.scores = scores


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = BODY

    def forward(self, x):
        return Output(self.body(x))


def module():
    return BODY


def with_options():
    return BODY, {**SIZE, "mean": (0.5, 0.4, 0.3), "classes": tuple("abcdefgh"), "layer": "0"}


def classifier():
    return Classifier(Wrapped(), Preprocessing.square(64), output=lambda out: out.scores)


def unpicked():
    return Wrapped(), SIZE


def a_number():
    return 3


def nothing():
    return None


def a_triple():
    return BODY, SIZE, 1


def options_first():
    return SIZE, BODY


def unknown_options():
    return BODY, {"sizes": 64, "layr": "0"}


def of_a_side():
    return BODY, {"size": 48}


def of_a_size():
    return BODY, {"size": (40, 64)}


def of_no_size():
    return BODY, {"size": "large"}


def of_two_sizes():
    return BODY, {**SIZE, "size": 64}


def wrong_value():
    return BODY, {"preprocessing": (64, 64)}


def wrong_classes():
    return BODY, {**SIZE, "classes": ["one"]}


def raising():
    raise RuntimeError("no weights\\non this machine")


def silent():
    raise KeyError


def needing(path):
    return BODY


CONSTANT = 7
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with the module ``mine`` and the package ``pack``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SOURCE)
    (tmp_path / "broken.py").write_text("import torch\nraise ValueError('half\\ndone')\n")
    (tmp_path / "syntax.py").write_text("def module(:\n")
    (tmp_path / "needy.py").write_text("import surely_not_installed.part\n")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "inner.py").write_text(SOURCE)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.partition(".")[0] in ("mine", "pack", "broken", "syntax", "needy"):
            del sys.modules[name]


def body() -> nn.Module:
    made: nn.Module = sys.modules["mine"].BODY
    return made


def pictures(side: int = 64) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.usefixtures("folder")
def test_a_module_takes_pictures_in_pixel_space() -> None:
    network = load_network("mine:module", CPU)
    assert network.preprocessing == Preprocessing.square(224, 256)
    assert (network.layer, network.name) == ("2", "mine:module")
    assert body().training
    assert body()[1].num_batches_tracked == 0  # type: ignore[index]
    with torch.no_grad():
        torch.testing.assert_close(network.logits(pictures(224)), body().eval()(pictures(224)))


@pytest.mark.usefixtures("folder")
def test_a_module_with_options() -> None:
    network = load_network("mine:with_options", CPU)
    assert (network.size, network.layer, network.classes) == ((64, 64), "0", tuple("abcdefgh"))
    with torch.no_grad():
        expected = body().eval()(pictures() - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1))
    torch.testing.assert_close(network.logits(pictures()), expected)
    assert load_network("mine:with_options", CPU, "2").layer == "2"


@pytest.mark.usefixtures("folder")
def test_a_classifier_that_picks_its_logits() -> None:
    network = load_network("mine:classifier", CPU)
    assert network.layer == "body.2"
    with torch.no_grad():
        torch.testing.assert_close(network.logits(pictures()), body().eval()(pictures()))


@pytest.mark.usefixtures("folder")
def test_a_function_of_a_package() -> None:
    assert load_network("pack.inner:with_options", CPU).layer == "0"
    assert str(Path.cwd()) not in sys.path


_FORMS = "return a torch.nn.Module; or (module, options) with some of preprocessing, mean, deviation, classes, layer"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        ("mine:a_number", "'mine:a_number' returns int, which is no network", _FORMS),
        ("mine:nothing", "'mine:nothing' returns NoneType, which is no network", _FORMS),
        ("mine:a_triple", "returns tuple, which is no network", _FORMS),
        ("mine:options_first", "returns tuple, which is no network", _FORMS),
        (
            "mine:unknown_options",
            "'mine:unknown_options' gives unknown options: sizes, layr",
            "did you mean 'size'?",
        ),
        ("mine:of_no_size", "gives the size 'large'", "give a side, as 224, or (H, W)"),
        ("mine:of_two_sizes", "gives size and preprocessing", "give one of them"),
        ("mine:wrong_value", "preprocessing of the classifier is (64, 64)", "give a sygus.saliency.images.Preproc"),
        ("mine:wrong_classes", "1 classes are named, the model gives 8 logits", ""),
        ("mine:unpicked", "the model returns Output, in which nothing is named 'logits'", "output="),
        ("mine:raising", "'mine:raising' fails: RuntimeError: no weights", "called without arguments"),
        ("mine:silent", "'mine:silent' fails: KeyError", "called without arguments"),
        ("mine:needing", "'mine:needing' fails: TypeError: needing() missing", "called without arguments"),
        ("mine:missing", "the module 'mine' has no 'missing'", "package.module:function"),
        ("mine:CONSTANT", "the module 'mine' has a int, not a function, 'CONSTANT'", "package.module:function"),
        ("mien:module", "there is no module 'mien' to import for 'mien:module'", "run in the folder"),
        ("pack.outer:module", "there is no module 'pack.outer' to import", "run in the folder"),
        ("needy:module", "'needy' imports surely_not_installed, which is not installed", ""),
        ("broken:module", "importing 'broken' fails: ValueError: half", ""),
        ("syntax:module", "importing 'syntax' fails: SyntaxError: ", ""),
        ("mine.py:module", "there is no module 'mine.py' to import", "run in the folder"),
        ("../mine:module", "'../mine' in '../mine:module' is no name of a module", "write package.module:function"),
        (".mine:module", "'.mine' in '.mine:module' is no name of a module", "write package.module:function"),
        ("mine.:module", "'mine.' in 'mine.:module' is no name of a module", "write package.module:function"),
    ],
)
def test_what_may_be_wrong(spec: str, message: str, hint: str) -> None:
    with pytest.raises(OptionError) as error:
        load_network(spec, CPU)
    assert error.value.message.startswith("--network: ")
    assert message in error.value.message
    assert hint in error.value.hint
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("folder")
def test_errors_of_ours_that_the_function_raises_stay_as_they_are(folder: Path) -> None:
    (folder / "mine.py").write_text(
        "from sygus.errors import OptionError\n\n\ndef module():\n    raise OptionError('--network: x', 'do y')\n"
    )
    with pytest.raises(OptionError) as error:
        load_network("mine:module", CPU)
    assert str(error.value) == "--network: x; do y"


@pytest.mark.usefixtures("folder")
def test_the_size_alone_is_a_preprocessing() -> None:
    assert load_network("mine:of_a_side", CPU).preprocessing == Preprocessing.square(48)
    assert load_network("mine:of_a_size", CPU).preprocessing == Preprocessing((40, 64), (40, 64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": 3}, "model of the classifier is 3; give a torch.nn.Module"),
        ({"model": nn.Linear}, "model of the classifier is type; give a torch.nn.Module"),
        ({"preprocessing": 224}, "preprocessing of the classifier is 224; give a sygus.saliency.images.Preprocessing"),
        ({"mean": 0.5}, "mean of the classifier is 0.5; give a number for each channel"),
        ({"mean": ()}, "mean of the classifier is (); give a number for each channel"),
        (
            {"mean": (0.5, 0.5)},
            "the classifier has a mean of 2 channels and a deviation of 3",
        ),
        ({"mean": (0.5, 0.5, "a")}, "mean of the classifier is (0.5, 0.5, 'a'); give a number for each channel"),
        ({"mean": (0.5, float("nan"), 0)}, "mean of the classifier is (0.5, nan, 0); give a number for each channel"),
        ({"deviation": (1, 0, 1)}, "deviation of the classifier is (1, 0, 1); give a positive number for each"),
        ({"classes": "abc"}, "classes of the classifier is 'abc'; give the names of the classes, in their order"),
        ({"classes": 10}, "classes of the classifier is 10; give the names of the classes, in their order"),
        ({"classes": [0, 1]}, "classes of the classifier is [0, 1]; give the names of the classes, in their order"),
        ({"layer": 4}, "layer of the classifier is 4; give the name of a layer"),
        ({"grid": (14, 14)}, "grid of the classifier is (14, 14); give (rows, columns, tokens before them) or"),
        ({"grid": "NHWC"}, "grid of the classifier is 'NHWC'; give (rows, columns, tokens before them) or"),
        ({"grid": (14.0, 14, 1)}, "grid of the classifier is (14.0, 14, 1); give (rows, columns, tokens"),
        (
            {"output": "odds"},
            "output of the classifier is 'odds'; give 'logits', 'probabilities'",
        ),
    ],
)
def test_a_description_of_another_kind_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as error:
        Classifier(**({"model": nn.Identity()} | options))
    assert str(error.value).startswith(f"--network: {message}")


def test_numbers_of_numpy_are_numbers() -> None:
    third = np.float32(0.5)
    described = Classifier(nn.Identity(), mean=(third,) * 3, deviation=[third] * 3, grid=(np.int64(2), 2, 0))
    assert described.mean == (0.5, 0.5, 0.5)


LATE = """
import torch
from torch import nn
from sygus.saliency.images import Preprocessing

BODY = nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 8))


class Tiring(nn.Module):
    def __init__(self, passes):
        super().__init__()
        self.body, self.passes, self.done = BODY, passes, 0

    def forward(self, x):
        self.done += 1
        if self.done > self.passes:
            raise RuntimeError("tired")
        return self.body(x) if self.done else None  # no graph


def soon():
    return Tiring(1)


def later():
    return Tiring(30), {"preprocessing": Preprocessing.square(64)}


class Leaving(nn.Module):
    def forward(self, x):
        raise SystemExit(3)


def leaving():
    return Leaving()


def wrong_key():
    return BODY, {"output": lambda made: made["scores"]}


def no_tensor():
    return BODY, {"output": lambda made: None}
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("soon", "'tiring:soon' fails while it is tried and split: RuntimeError: tired (tiring.py:"),
        ("leaving", "'tiring:leaving' fails while it is tried and split: SystemExit: 3 (tiring.py:"),
        ("wrong_key", "output= fails on the Tensor of the model: IndexError"),
        ("no_tensor", "output= gives NoneType, not a tensor; it must pick the logits (B, classes)"),
    ],
)
def test_networks_that_fail_after_the_first_trial(folder: Path, name: str, message: str) -> None:
    (folder / "tiring.py").write_text(LATE)
    with pytest.raises(OptionError) as error:
        load_network(f"tiring:{name}", CPU)
    assert message in str(error.value)


def test_a_network_that_fails_in_mid_search(folder: Path) -> None:
    (folder / "tiring.py").write_text(LATE)
    few = ("--search-images", "32", "--held-out-images", "2", "--device", "cpu", "--budget", "size=5")
    result = CliRunner().invoke(main, ["channel_weights", "--network", "tiring:later", *few, "--out", "a run"])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert "'tiring:later' fails on a pass of 32 pictures: RuntimeError: tired (tiring.py:" in result.stderr
    assert "resume: sycam-sygus channel_weights --network tiring:later --search-images 32" in result.stderr
    assert "--out 'a run' --resume" in result.stderr


@pytest.mark.usefixtures("folder")
def test_through_the_command_line() -> None:
    few = ("--search-images", "2", "--held-out-images", "2", "--device", "cpu", "--metrics", "average-drop")
    options = ("evaluate", "--methods", "gradcam", *few, "--format", "json")
    result = CliRunner().invoke(main, [*options, "--network", "mine:with_options"])
    assert result.exit_code == 0, result.output
    value = json.loads(result.stdout)[0]["search"]["average-drop"]["value"]
    assert 0 <= value <= 100
    assert "mine:with_options: split at 0 by fx" in result.stderr
    result = CliRunner().invoke(main, [*options, "--network", "mine:raising"])
    assert result.exit_code == 2
    assert "--network: 'mine:raising' fails: RuntimeError: no weights" in result.stderr
    assert "Traceback" not in result.output


def of_channels(channels: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stem = nn.Conv2d(channels, 6, 3, padding=1)
        return nn.Sequential(stem, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)).eval()


@pytest.mark.parametrize("channels", [1, 4, 12])
def test_the_numbers_of_the_normalisation_say_how_many_channels_there_are(channels: int) -> None:
    model = of_channels(channels)
    mean, deviation = (0.4,) * channels, (0.25,) * channels
    network = make_network(Classifier(model, Preprocessing.square(16), mean=mean, deviation=deviation), "mine", CPU)
    assert network.channels == channels
    pictures = torch.rand(3, channels, 16, 16)
    images = ImageSet("mine", pictures, torch.full((3,), NO_CLASS), None, ((),) * 3, tuple("abc"))
    oracle = CamOracle(subject_of(network, images))
    with torch.no_grad():
        torch.testing.assert_close(network.logits(pictures), model((pictures - 0.4) / 0.25))
    applicable = {method.name for method in applicable_methods("all", oracle, lambda _: None)}
    for name, method in methods().items():
        if name not in applicable or name in ("extremal", "sscam"):
            continue
        maps = method.saliency(oracle)
        assert maps.shape == (3, 16, 16), name
        assert bool(((maps >= 0) & (maps <= 1)).all()), name


def test_pictures_in_colour_are_grey_for_a_network_of_one_channel() -> None:
    network = make_network(
        Classifier(of_channels(1), Preprocessing.square(64), mean=(0.5,), deviation=(0.5,)), "grey", CPU
    )
    images = load_images("shapes", search=4, held_out=2, seed=0, preprocessing=network.preprocessing).search
    assert images is not None
    subject = subject_of(network, images)
    red, green, blue = images.pictures.unbind(1)
    torch.testing.assert_close(subject.pictures[:, 0], 0.299 * red + 0.587 * green + 0.114 * blue)
    network = make_network(
        Classifier(of_channels(4), Preprocessing.square(64), mean=(0.5,) * 4, deviation=(0.5,) * 4), "four", CPU
    )
    with pytest.raises(OptionError, match="have 3 channels, 'four' takes 4 channels"):
        subject_of(network, images)


def test_mean_and_deviation_are_of_as_many_channels() -> None:
    with pytest.raises(OptionError, match="a mean of 1 channels and a deviation of 3"):
        Classifier(of_channels(1), mean=(0.5,))


def test_a_grey_network_is_searched_for_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "grey.py").write_text(
        "import torch\nfrom torch import nn\nfrom sygus.saliency.images import Preprocessing\n\n\n"
        "def network():\n    torch.manual_seed(0)\n"
        "    model = nn.Sequential(nn.Conv2d(1, 6, 5, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), "
        "nn.Linear(6, 4))\n"
        "    return model, {'preprocessing': Preprocessing.square(64), 'mean': (0.5,), 'deviation': (0.3,)}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    counts = ["--search-images", "4", "--held-out-images", "4", "--validation-images", "0"]
    command = ["gradcam", "--network", "grey:network", *counts, "--budget", "terms=3", "--out", "run"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(main, ["report", "run"])
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(main, ["explain", "shapes:0", "--network", "grey:network", "--out", "maps.png"])
    assert result.exit_code == 0, result.output


def test_a_model_of_several_inputs_is_told_what_to_do() -> None:
    class Two(nn.Module):
        def forward(self, pictures: torch.Tensor, ages: torch.Tensor) -> torch.Tensor:
            return pictures.mean((2, 3)) * ages

    with pytest.raises(OptionError, match="missing 1 required positional argument: 'ages'") as caught:
        make_network(Classifier(Two(), Preprocessing.square(16)), "two", CPU)
    assert "wrap it in a module that takes the pictures and gives it the rest" in caught.value.hint

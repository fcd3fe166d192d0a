"""One more thing is one more file: in a copy of the tree each kind of thing is added, listed, used and documented.

Nothing but the files of an addition is written. The command line of the copy runs in a process of its own.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import CliRunner

from picture_folders import picture
from places import ROOT
from sygus.app.cli import main

FEW = ("--search-images", "3", "--held-out-images", "2", "--device", "cpu")

FILES = {
    "metric": 1,
    "method": 1,
    "expression method": 1,
    "feature": 1,
    "function": 1,
    "network family": 1,
    "image layout": 1,
    "export": 1,
    "learner": 1,
    "strategy": 1,
}
"""How many files an addition of each kind touches."""

Answers = Sequence[Mapping[str, Any]]
"""Of each command: ``status``, ``stdout`` and ``stderr``."""


@dataclass(frozen=True)
class Addition:
    """Something that is added to a copy of the tree.

    Attributes:
        kind: of :data:`FILES`.
        name: what lists and tables call it.
        doc: what they say of it.
        files: by path in the tree: the text of a new file; or a place in one that is there, and what goes in front.
        listed: the kind that ``sycam-sygus list`` takes.
        table: of the documentation.
        commands: that use it. In them and in ``beside`` FOLDER stands for an empty folder, RUN for a finished run.
        check: looks at what they answer.
        beside: files in FOLDER, outside the tree, that the commands read.
    """

    kind: str
    name: str
    doc: str
    files: Mapping[str, str | tuple[str, str]]
    listed: str
    table: str
    commands: Sequence[Sequence[str]]
    check: Callable[[Answers], None]
    beside: Mapping[str, str] | None = None


def means(answer: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """By method and metric the mean on the search pictures of a table in CSV."""
    rows = csv.DictReader(io.StringIO(answer["stdout"]))
    return {(row["method"], row["metric"]): float(row["mean"]) for row in rows if row["pictures"] == "search"}


def evaluation(*arguments: str) -> Sequence[str]:
    return ("evaluate", *arguments, "--format", "csv", *FEW)


def problem(parameters: str, grammar: str, sort: str) -> str:
    return f"""
        (set-logic CAM)
        (set-feature :oracles true)
        (declare-oracle-fun drop ((-> {sort} Weight)) Real average-drop)
        (synth-fun w ({parameters}) Weight ((W Weight)) ((W Weight ({grammar}))))
        (optimize-synth ((! (drop w) :min)))
    """


METRIC = '''
    """How much of the picture the map lights up."""

    from torch import Tensor

    from sygus.saliency.metrics.evaluation import Evaluation
    from sygus.saliency.metrics.metric import metric


    @metric("own-brightness", direction="min", low=0, high=1)
    def brightness(evaluation: Evaluation) -> Tensor:
        """The mean of S over the pixels (nobody 2000)."""
        return evaluation.saliency.mean((-2, -1))
'''


def check_metric(answers: Answers) -> None:
    found = means(answers[0])
    assert found["Fake-CAM", "own-brightness"] == pytest.approx(1 - 1 / 64**2)  # one pixel is dark


METHOD = '''
    """A map that asks nothing of the network."""

    import torch
    from torch import Tensor

    from sygus.saliency.features import Measurements
    from sygus.saliency.methods.method import method


    @method("own-half", "Left half", "nobody 2000", quick=True)
    def half(measured: Measurements) -> Tensor:
        """S = 1 on the left half."""
        mask = torch.zeros(len(measured.targets), *measured.network.size)
        mask[:, :, : mask.shape[-1] // 2] = 1
        return mask
'''


def check_method(answers: Answers) -> None:
    assert means(answers[0])["Left half", "sparseness"] == pytest.approx(0.5)  # the Gini index of a half


EXPRESSION = """
    ; Nobody 2000.
    (define-fun own-double ((gradient Map)) Weight
      (! (* 2 (gap gradient)) :title "Twice Grad-CAM"))
"""


def check_expression(answers: Answers) -> None:
    found = means(answers[0])
    assert found["Twice Grad-CAM", "average-drop"] == pytest.approx(found["Grad-CAM", "average-drop"], abs=1e-4)


FEATURE = '''
    """The largest value of each channel."""

    import torch
    from torch import Tensor

    from sygus.saliency.features.feature import Feature, Measured, register


    def measure(measured: Measured) -> dict[str, Tensor]:
        return {"own-peak": measured["activation"].amax((-2, -1))}


    def draw(shape: tuple[int, ...], generator: torch.Generator, nonnegative: bool) -> Tensor:
        values = torch.randn(shape, generator=generator, dtype=torch.float64)
        return values.relu() if nonnegative else values


    register(
        Feature(
            name="own-peak",
            rank="weight",
            latex=r"\\hat{A}^k",
            doc="The largest value of a channel (nobody 2000).",
            domain="activation",
            measure=measure,
            draw=draw,
        )
    )
'''


def check_feature(answers: Answers) -> None:
    first, second, search, latex = answers
    assert means(first)["expression", "average-drop"] == pytest.approx(means(second)["expression", "average-drop"])
    assert "(define-fun w ((own-peak Weight)) Weight " in search["stdout"]
    assert r"\hat{A}^k" in latex["stdout"]


FUNCTION = """
    _unary(
        "own-cube",
        doc="The third power.",
        kernel=lambda a: a**3,
        z3=lambda _, a: a * a * a,
        sympy=lambda a: a**3,
        latex=lambda a: Latex(rf"\\left({a.text}\\right)^3", POWER),
        source=code("({0}) ** 3"),
    ),
"""


def check_function(answers: Answers) -> None:
    check, search, latex, torch, sympy = (answer["stdout"] for answer in answers)
    assert "strict division: 0 of 1 productions are unsafe" in check  # of the cube Z3 knows the sign
    assert "(define-fun w ((probability Real) (gradient Map)) Weight (gap (/ (own-cube gradient) (own-cube" in search
    assert r"\right)^3" in latex
    assert ") ** 3" in torch
    assert "gradient**3" in sympy


FAMILY = '''
    """A network that is made, not trained."""

    import torch
    from torch import nn

    from sygus.saliency.images.geometry import Preprocessing
    from sygus.saliency.networks.classifier import Classifier
    from sygus.saliency.networks.families.family import family


    @family("own-tiny", "one convolution, untrained")
    def load(name: str) -> Classifier:
        """A network for the pictures `shapes`."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
            model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), *head)
        return Classifier(model, Preprocessing.square(64), classes=("one", "two", "three"), owned=True)
'''


def check_family(answers: Answers) -> None:
    assert answers[0]["stdout"].split()[:2][1] in ("one", "two", "three")
    assert "own-tiny: " in answers[0]["stderr"]


LAYOUT = '''
    """Pictures that are named by their class."""

    from pathlib import Path

    from sygus.saliency.images.collection import Collection, Record, entry_of, pictures_in
    from sygus.saliency.images.layouts.layout import layout


    @layout("own-flat", detect=lambda folder: (folder / "classes.txt").is_file())
    def collect(folder: Path) -> Collection:
        """A folder with classes.txt, whose pictures begin with the number of their class."""
        records = [Record(path, int(path.name.partition("-")[0])) for path in pictures_in(folder)]
        classes = tuple((folder / "classes.txt").read_text().split())
        return Collection(tuple(entry_of(folder, record) for record in records), classes)
'''


def check_layout(answers: Answers) -> None:
    named, detected = map(means, answers)
    assert named["Fake-CAM", "sparseness"] == detected["Fake-CAM", "sparseness"]


EXPORT = '''
    """The size of what was found."""

    from sygus.export.forms.form import Source, text_form


    @text_form("own-size", "how large the expression is")
    def size_text(source: Source) -> str:
        """In words."""
        found = source.record.found
        return "nothing" if found is None else f"{found.size} nodes"
'''


def check_export(answers: Answers) -> None:
    assert re.fullmatch(r"[1-5] nodes\n", answers[0]["stdout"])
    assert "own-size: how large the expression is" in " ".join(answers[1]["stdout"].split())


LEARNER = '''
    """Every term once, the largest first."""

    from solvers.cam.learner import Learner, Proposal, Space, learner
    from solvers.cam.learners.enumerate import Enumerate


    @learner("own-backwards")
    class Backwards(Learner):
        """The terms of the smallest size, in the other order."""

        def __init__(self, space: Space) -> None:
            super().__init__(space)
            self.left = Enumerate(space).ask(100)

        def ask(self, count: int) -> list[Proposal]:
            return [self.left.pop() for _ in range(min(count, len(self.left)))]

        def conclusion(self) -> str:
            return "looked at backwards"
'''


def check_learner(answers: Answers) -> None:
    assert "search ended: looked at backwards" in answers[0]["stderr"]
    assert re.search(r"define-fun w .* \((gap|gmp) gradient\)", answers[0]["stdout"])


STRATEGY = '''
    """One answer to everything."""

    from solvers.cegis.limits import Limits
    from solvers.cegis.specification import Specification
    from solvers.cegis.strategy import Candidate, Proposals, Strategy
    from sygus.language.terms import leaf


    class First(Strategy):
        """Proposes the first parameter."""

        name = "own-first"
        doc = "the first parameter"

        def applies(self, specification: Specification) -> bool:
            return all(function.parameters for function in specification.functions)

        def propose(self, specification: Specification, limits: Limits) -> Proposals:
            yield Candidate({function: leaf(function.parameters[0]) for function in specification.functions})
'''

IDENTITY = """
    (set-logic LIA)
    (synth-fun f ((x Int) (y Int)) Int)
    (declare-var x Int)
    (declare-var y Int)
    (constraint (= (f x y) x))
    (check-synth)
"""


def check_strategy(answers: Answers) -> None:
    assert "(define-fun f ((x Int) (y Int)) Int x)" in answers[0]["stdout"].splitlines()
    assert answers[0]["stderr"].startswith("own-first: 1 nodes after")


QUOTIENT = "(gap (/ (own-cube gradient) (own-cube probability)))"

# One for each kind that there is; a further kind takes an addition here, and its number of files above.
ADDITIONS = (
    Addition(
        kind="metric",
        name="own-brightness",
        doc="The mean of S over the pixels (nobody 2000).",
        files={"sygus/saliency/metrics/brightness.py": METRIC},
        listed="metrics",
        table="metrics",
        commands=[evaluation("--methods", "fakecam", "--metrics", "own-brightness")],
        check=check_metric,
    ),
    Addition(
        kind="method",
        name="own-half",
        doc="Left half",
        files={"sygus/saliency/methods/half.py": METHOD},
        listed="methods",
        table="methods",
        commands=[evaluation("--methods", "own-half", "--metrics", "sparseness")],
        check=check_method,
    ),
    Addition(
        kind="expression method",
        name="own-double",
        doc="Twice Grad-CAM",
        files={"grammars/methods.sy": ("", EXPRESSION)},
        listed="methods",
        table="methods",
        commands=[evaluation("--methods", "gradcam,own-double", "--metrics", "average-drop")],
        check=check_expression,
    ),
    Addition(
        kind="feature",
        name="own-peak",
        doc="The largest value of a channel (nobody 2000).",
        files={"sygus/saliency/features/peak.py": FEATURE},
        listed="features",
        table="features",
        commands=[
            evaluation("--methods", "gradcam", "--expression", "own-peak"),
            evaluation("--methods", "gradcam", "--expression", "(gmp activation)"),
            ("FOLDER/peak.sy", "--budget", "size=3", "--out", "FOLDER/run", "--quiet", *FEW),
            ("export", "FOLDER/run", "--to", "latex"),
        ],
        check=check_feature,
        beside={"peak.sy": problem("(own-peak Weight)", "own-peak (* W W)", "Weight")},
    ),
    Addition(
        kind="function",
        name="own-cube",
        doc="The third power.",
        files={"sygus/language/theories/cam.py": ("    includes=(CORE, COMPARISON),", FUNCTION)},
        listed="functions",
        table="functions",
        commands=[
            ("check", "FOLDER/cube.sy"),
            ("FOLDER/cube.sy", "--budget", "size=7", "--out", "FOLDER/run", "--quiet", *FEW),
            *(("export", "FOLDER/run", "--to", form) for form in ("latex", "torch", "sympy")),
        ],
        check=check_function,
        beside={"cube.sy": problem("(probability Real) (gradient Map)", QUOTIENT, "Real Map")},
    ),
    Addition(
        kind="network family",
        name="own-tiny",
        doc="one convolution, untrained",
        files={"sygus/saliency/networks/families/tiny.py": FAMILY},
        listed="networks",
        table="networks",
        commands=[("explain", "shapes:0", "--network", "own-tiny", "--device", "cpu", "--out", "FOLDER/drawn")],
        check=check_family,
    ),
    Addition(
        kind="image layout",
        name="own-flat:DIR",
        doc="A folder with classes.txt, whose pictures begin with the number of their class",
        files={"sygus/saliency/images/layouts/own_flat.py": LAYOUT},
        listed="images",
        table="images",
        commands=[
            evaluation("--methods", "fakecam", "--metrics", "sparseness", "--target", "label", "--images", images)
            for images in ("own-flat:FOLDER", "FOLDER")
        ],
        check=check_layout,
        beside={"classes.txt": "circle square triangle ring cross star crescent heart"},
    ),
    Addition(
        kind="export",
        name="own-size",
        doc="how large the expression is",
        files={"sygus/export/forms/size.py": EXPORT},
        listed="exports",
        table="exports",
        commands=[("export", "RUN", "--to", "own-size"), ("export", "--help")],
        check=check_export,
    ),
    Addition(
        kind="learner",
        name="own-backwards",
        doc="in CAM: the terms of the smallest size, in the other order",
        files={"solvers/cam/learners/backwards.py": LEARNER},
        listed="strategies",
        table="strategies",
        commands=[("gradcam", "--strategy", "own-backwards", "--out", "FOLDER/run", *FEW)],
        check=check_learner,
    ),
    Addition(
        kind="strategy",
        name="own-first",
        doc="in other logics: the first parameter",
        files={"solvers/cegis/strategies/first.py": STRATEGY},
        listed="strategies",
        table="strategies",
        commands=[("FOLDER/identity.sl", "--strategy", "own-first", "--time", "10")],
        check=check_strategy,
        beside={"identity.sl": IDENTITY},
    ),
)

DRIVER = """
import importlib.util, json, sys
from click.testing import CliRunner
from sygus.app.cli import main

asked = json.load(sys.stdin)
answers = []
for arguments in asked["commands"]:
    result = CliRunner().invoke(main, arguments)
    unforeseen = None if isinstance(result.exception, SystemExit | None) else repr(result.exception)
    answers.append(
        {"status": result.exit_code, "stdout": result.stdout, "stderr": result.stderr, "unforeseen": unforeseen}
    )
spec = importlib.util.spec_from_file_location("hooks", "docs/hooks.py")
hooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hooks)
json.dump({"answers": answers, "table": hooks.TABLES[asked["table"]]()}, sys.stdout)
"""
"""Runs the command line several times, and makes a table of the documentation."""


def test_one_of_each_kind_is_added() -> None:
    assert {addition.kind: len(addition.files) for addition in ADDITIONS} == FILES


@pytest.mark.slow
@pytest.mark.parametrize("addition", ADDITIONS, ids=lambda addition: addition.kind)
def test_one_more(addition: Addition, tmp_path: Path, finished_run: Path) -> None:
    tree, folder = tmp_path / "tree", tmp_path / "beside"
    for name in ("sygus", "solvers", "grammars", "docs"):
        shutil.copytree(ROOT / name, tree / name)
    for path, text in addition.files.items():
        write(tree / path, text)
    folder.mkdir()
    for path, text in (addition.beside or {}).items():
        (folder / path).write_text(dedent(text), encoding="utf-8")
    for index in range(6):  # pictures of every class, for layouts
        picture(folder / f"{index}-picture.png", index)

    named = {"FOLDER": str(folder), "RUN": str(finished_run)}
    commands = [("list", addition.listed), *addition.commands]
    asked = {"table": addition.table, "commands": [[filled(word, named) for word in command] for command in commands]}
    found = run(tree, asked)

    for command, answer in zip(commands, found["answers"], strict=True):
        assert answer["status"] == 0, (command, answer)
    listing, *answers = found["answers"]
    lines = {line.split()[0]: line for line in listing["stdout"].splitlines()}
    assert lines[addition.name].endswith(addition.doc)
    before = CliRunner().invoke(main, ["list", addition.listed]).stdout.splitlines()
    assert [name for name in lines if name != addition.name] == [line.split()[0] for line in before]
    (row,) = (line for line in found["table"].splitlines() if f"`{addition.name}`" in line)
    assert addition.doc in row
    addition.check(answers)


def write(path: Path, text: str | tuple[str, str]) -> None:
    """A new file, or an insertion in front of a place in one, or at its end."""
    if isinstance(text, str):
        assert not path.exists()
        path.write_text(dedent(text).lstrip(), encoding="utf-8")
        return
    place, insertion = text
    old = path.read_text(encoding="utf-8")
    if not place:
        path.write_text(old + dedent(insertion), encoding="utf-8")
        return
    before, found, after = old.partition(place)
    assert found
    path.write_text(f"{before.rstrip()}{insertion.rstrip()}\n{found}{after}", encoding="utf-8")


def filled(word: str, named: Mapping[str, str]) -> str:
    for name, value in named.items():
        word = word.replace(name, value)
    return word


def run(tree: Path, asked: Mapping[str, Any]) -> Any:
    """What the driver answers in the copy."""
    environment = os.environ | {"PYTHONPATH": str(tree), "SYCAM_SYGUS_CACHE": ""}
    ran = subprocess.run(
        [sys.executable, "-P", "-c", DRIVER],
        cwd=tree,
        env=environment,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)

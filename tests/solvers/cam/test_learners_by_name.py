"""Learners by name, of other packages, and of the user's own: found, obeyed, and every way they may fail."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from solvers.cam.learner import Learner
from solvers.cam.learners import chosen_learner, find_learner, known_learners, learner_names
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.learners.random import Random
from sygus.app.cli import main
from sygus.errors import OptionError
from sygus.resources import read_problem

SOURCE = '''"""A user's learners."""

from solvers.cam.learner import Learner, Proposal
from solvers.cam.learners.random import Random
from sygus.language.terms import Variable, leaf
from sygus.language.theories.ranks import MAP
from sygus.oracles.expressions import read_expression

NUMBER = 3


class Backwards(Learner):
    """Proposes three terms, the largest first, and notes what it is told."""

    terms = ["(gap (abs gradient))", "(gap (abs gradient))", "(gap gradient)"]
    told = []

    def __init__(self, space):
        super().__init__(space)
        Backwards.told = []
        self.left = list(self.terms)

    def ask(self, count):
        taken, self.left = self.left[:count], self.left[count:]
        return [Proposal(read_expression(text)) for text in taken]

    def tell(self, proposal, outcome):
        Backwards.told.append((repr(proposal.term), str(outcome.fate)))

    def status(self):
        return {"left": len(self.left)}


class NoLearner:
    pass


class NoAsk(Learner):
    pass


class Wants(Learner):
    def __init__(self, space, more):
        pass

    def ask(self, count):
        return []


class Raises(Random):
    def ask(self, count):
        return [][1]


class RaisesLater(Random):
    def tell(self, proposal, outcome):
        raise ValueError("not this one")


class Leaves(Random):
    def ask(self, count):
        raise SystemExit(0)


class Unending(Random):
    def conclusion(self):
        return 1 / 0


class Fractions(Random):
    def status(self):
        return {"share": 0.5}


def proposing(*answers):
    class Proposing(Learner):
        def ask(self, count):
            return answers[0] if answers[0] is None else [*answers]

    return Proposing


Nothing = proposing(None)
Bare = proposing(read_expression("(gap gradient)"))
Texts = proposing("(gap gradient)")
WrongSort = proposing(Proposal(leaf(Variable("gradient", MAP))))
Outside = proposing(Proposal(read_expression("(gap (sign gradient))")))
Large = proposing(Proposal(read_expression("(relu (relu (relu (relu (gap gradient)))))")))
Lying = proposing(Proposal(read_expression("(gap gradient)"), 5))
Many = proposing(*[Proposal(read_expression("(gap gradient)"))] * 33)
'''

FEW = ("--search-images", "8", "--held-out-images", "4", "--device", "cpu", "--budget", "size=3")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "own.py").write_text(SOURCE)
    (tmp_path / "undefined.py").write_text("x = 1\nnowhere()\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("own", "undefined"):
        sys.modules.pop(name, None)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, *FEW])


def rejected(result: Result, *fragments: str) -> None:
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stderr
    for fragment in fragments:
        assert fragment in result.stderr


# By name


@pytest.mark.slow
def test_the_strategy_that_is_named_is_obeyed() -> None:
    assert find_learner("enumerate") is chosen_learner("enumerate") is Enumerate
    assert find_learner("random") is Random
    for name, counted in (("enumerate", "combined"), ("random", "drawn")):
        assert run("gradcam", "--strategy", name, "--out", name).exit_code == 0
        record = json.loads(Path(name, "solution.json").read_text())
        assert counted in record["accounting"]
        assert record["settings"]["strategy"] == name
    answers = [Path(name, "answer.sy").read_text() for name in ("enumerate", "random")]
    assert answers[0] == answers[1]  # both exhaust the space


def test_a_file_names_a_registered_learner(tmp_path: Path) -> None:
    path = tmp_path / "problem.sy"
    path.write_text(
        read_problem("gradcam")[1].replace(
            "(set-option :images", '(set-option :strategy "random")\n(set-option :images'
        )
    )
    assert run(str(path), "--out", "run").exit_code == 0
    assert "drawn" in json.loads(Path("run", "solution.json").read_text())["accounting"]
    path.write_text(path.read_text().replace('"random"', '"randon"'))
    rejected(run(str(path)), "problem.sy:", "--strategy: unknown value 'randon'; did you mean 'random'?")


@pytest.mark.parametrize("option", ["strategy", "metric", "network"])
def test_a_file_imports_no_module(option: str, tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    (tmp_path / "own.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    path = tmp_path / "problem.sy"
    text = read_problem("gradcam")[1].replace('(set-option :network "shapes-vgg")', "")
    path.write_text(text.replace("(set-logic CAM)", f'(set-logic CAM)(set-option :{option} "own:thing")'))
    fragments = (f":{option} is 'own:thing'", f"give --{option} own:thing, or --allow-file-options")
    rejected(run(str(path)), "problem.sy:", *fragments)
    rejected(CliRunner().invoke(main, ["check", str(path)]), *fragments)
    assert not marker.exists()


def test_a_file_names_no_network_of_a_hub(tmp_path: Path) -> None:
    path = tmp_path / "problem.sy"
    path.write_text(read_problem("gradcam")[1].replace('"shapes-vgg"', '"timm:resnet18"'))
    rejected(CliRunner().invoke(main, ["check", str(path)]), "problem.sy:", "give --network timm:resnet18")


def test_lists_name_them() -> None:
    listed = CliRunner().invoke(main, ["list", "strategies"]).stdout
    assert "enumerate" in listed
    assert "in CAM: random terms, none like an earlier one" in listed
    assert list(known_learners()) == learner_names()
    with pytest.raises(OptionError, match="unknown learner 'enumerat'; did you mean 'enumerate'"):
        find_learner("enumerat")


# Of other packages


def offer(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    found = [EntryPoint(name, value, "sycam_sygus.learners") for name, value in points.items()]
    monkeypatch.setattr("solvers.cam.learners.entry_points", lambda group: found if group.endswith("learners") else [])
    monkeypatch.syspath_prepend(".")


def test_a_package_offers_a_learner(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, backwards="own:Backwards")
    assert known_learners()["backwards"] == "proposes three terms, the largest first, and notes what it is told"
    assert run("gradcam", "--strategy", "backwards", "--out", "run").exit_code == 0
    assert [term for term, _ in sys.modules["own"].Backwards.told][-1] == "(gap gradient)"


def test_a_package_that_does_not_load_is_no_matter_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, broken="undefined:Here", nothing="own:NoLearner", absent="nowhere.at.all:Here")
    known = known_learners()
    assert "the entry point 'broken' does not load: NameError" in known["broken"]
    assert "mend or uninstall the package that offers undefined:Here" in known["broken"]
    assert "'own:NoLearner' is no learner" in known["nothing"]
    assert run("gradcam", "--out", "run").exit_code == 0
    rejected(
        run("gradcam", "--strategy", "absent"), "--strategy: the learner of the entry point 'absent' does not load"
    )


def test_a_package_does_not_take_the_place_of_a_learner_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, random="own:NoLearner")
    assert find_learner("random") is Random
    assert learner_names().count("random") == 1


# Of the user's own


@pytest.mark.parametrize("equivalence", ["value", "map"])
def test_a_learner_of_the_current_folder_is_obeyed(equivalence: str) -> None:
    result = run("gradcam", "--strategy", "own:Backwards", "--out", "run", "--equivalence", equivalence)
    assert result.exit_code == 0, result.output
    told = sys.modules["own"].Backwards.told
    assert [term for term, _ in told] == ["(gap (abs gradient))", "(gap (abs gradient))", "(gap gradient)"]
    assert told[1][1] == "duplicate"  # in the same batch as what it repeats
    record = json.loads(Path("run", "solution.json").read_text())
    assert record["accounting"]["left"] == 0
    assert record["ending"] == "the learner proposes nothing more"
    with sqlite3.connect("run/journal.sqlite") as connection:
        rows = connection.execute("SELECT term, alias FROM proposals ORDER BY id").fetchall()
    start = "(gap gradient)"  # the file's own macro, before the learner is asked
    assert rows == [(start, None), (told[0][0], None), (told[1][0], 1), (start, 0)]


@pytest.mark.slow
def test_a_run_of_it_is_resumed_by_name() -> None:
    first = run("gradcam", "--strategy", "own:Backwards", "--out", "run")
    again = run("gradcam", "--strategy", "own:Backwards", "--out", "run", "--resume")
    assert first.stdout == again.stdout
    rejected(run("gradcam", "--out", "run", "--resume"), "--strategy: own:Backwards there, auto here")


@pytest.mark.parametrize(
    ("name", "fragments"),
    [
        ("own:Missing", ("the module 'own' has no 'Missing'; write package.module:Class",)),
        ("own:NUMBER", ("has a int, not a class, 'NUMBER'; write package.module:Class",)),
        ("own:NoLearner", ("'own:NoLearner' is no learner; derive the class from solvers.cam.learner.Learner",)),
        ("own:proposing", ("has a function, not a class, 'proposing'",)),
        ("owm:Backwards", ("there is no module 'owm' to import", "run in the folder that holds it")),
        ("undefined:Here", ("importing 'undefined' fails: NameError", "(undefined.py:2)")),
        ("1:2", ("'1' in '1:2' is no name of a module; write package.module:Class",)),
    ],
)
def test_classes_that_cannot_be_had_are_said_before_anything_is_made(name: str, fragments: tuple[str, ...]) -> None:
    rejected(run("gradcam", "--strategy", name, "--out", "run"), "error: --strategy: ", *fragments)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("name", "fragments"),
    [
        ("NoAsk", ("fails when it is made: TypeError", "abstract")),
        ("Wants", ("fails when it is made: TypeError", "more")),
        ("Raises", ("fails when it is asked: IndexError", "(own.py:", "solvers.cam.learner.Learner is its contract")),
        ("RaisesLater", ("fails when it is told an outcome: ValueError: not this one (own.py:",)),
        ("Leaves", ("fails when it is asked: SystemExit",)),
        ("Unending", ("fails when it is asked for its conclusion: ZeroDivisionError",)),
        ("Fractions", ("has a float for 'share' in its status; the contract wants an int for each name",)),
        ("Nothing", ("answers None when it is asked; the contract wants a list",)),
        ("Bare", ("proposes a Term; the contract wants Proposal(term)",)),
        ("Texts", ("proposes a str;",)),
        ("WrongSort", ("proposes gradient of sort Map; the contract wants a term of sort Weight",)),
        ("Outside", ("proposes (gap (sign gradient)), which the grammar does not derive",)),
        ("Large", ("of 6 nodes; the contract wants at most 3",)),
        ("Lying", ("proposes (gap gradient) with a signature that it does not have",)),
        ("Many", ("proposes 33 terms where 32 are asked for",)),
    ],
)
def test_a_broken_learner_is_one_message_that_names_it(name: str, fragments: tuple[str, ...]) -> None:
    result = run("gradcam", "--strategy", f"own:{name}", "--out", "run", "--quiet")
    began = Path("run", "journal.sqlite").exists()
    kept = "what was scored is kept in 'run'" if began else "nothing was scored"
    rejected(result, f"error: the learner 'own:{name}' ", *fragments, kept)
    assert len(result.stderr.splitlines()) == 1 + began  # the other is how to resume


def test_learners_are_learners() -> None:
    assert all(issubclass(find_learner(name), Learner) for name in learner_names())

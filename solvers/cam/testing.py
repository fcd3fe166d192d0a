"""The contract of learners as tests, for those of this package and for a user's own; needs pytest.

One fixture is enough::

    class TestMine(LearnerConformance):
        @pytest.fixture
        def made(self) -> type[Learner]:
            return Mine
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle

import pytest

from solvers.cam.learner import Fate, Learner, Outcome, Proposal, Space
from solvers.cam.search import space_of
from solvers.cam.settings import Settings, resolve
from solvers.cam.subjects import Subjects, load_subjects
from sygus.language.elaborate import load_problem
from sygus.language.terms import Term
from sygus.oracles.equivalence import Equivalence
from sygus.oracles.objective import CamProblem
from sygus.resources import grammar_names, read_problem

PROPOSALS = 100
"""So many at most are looked at of one search."""


def _file(groups: str) -> str:
    """A problem with a grammar that begins with a Weight."""
    return f"""(set-logic CAM)
(set-feature :oracles true)
(declare-oracle-fun average-drop ((-> Map Map Weight)) Real average-drop)
(synth-fun w ((activation Map) (gradient Map)) Weight {groups})
(optimize-synth ((! (average-drop w) :min)))
"""


AWKWARD = {
    "one term": _file("((W Weight)) ((W Weight ((gap gradient))))"),
    "renamings in a circle": _file(
        "((W Weight) (V Weight) (U Weight)) "
        "((W Weight (V)) (V Weight (U W (relu W))) (U Weight (V W (gap gradient) (+ U V))))"
    ),
    "two ways to a term": _file(
        "((W Weight) (V Weight)) ((W Weight ((gap gradient) V)) (V Weight ((gap gradient) (+ W V))))"
    ),
    "recursion before an end": _file(
        "((W Weight) (M Map) (N Map)) "
        "((W Weight ((gap M) (* W W))) (M Map ((relu M) (+ M N) N)) (N Map ((* N N) (max activation gradient))))"
    ),
    "three places": _file(
        "((W Weight) (B Bool) (R Real)) "
        "((W Weight ((gap gradient) (gmp (relu gradient)) (ite B W W))) "
        "(B Bool ((< R R) (not B))) (R Real (0 1 (+ R R))))"
    ),
    "strict divisions": _file(
        "((W Weight) (M Map)) ((W Weight ((gap M) (/ W W))) (M Map (activation gradient (square M) (/ M M))))"
    ),
    "(Constant Real)": _file(
        "((W Weight) (M Map)) "
        "((W Weight ((gap (* (Constant Real) M)) (+ W (Constant Real)))) (M Map (gradient (abs M))))"
    ),
}
"""Grammars that are hard on learners, by what makes them so."""

SIZES = (3, 5, 9)

FEW = ("gradcam_plus", "layercam", *AWKWARD)
"""Grammars that differ, for what need not be tried on all."""


@cache
def few_pictures(layers: str | None = None) -> Subjects:
    """What maps are drawn on, when a learner asks for them."""
    return load_subjects(Settings(layers=layers, search_images=4, held_out_images=2, device="cpu"))


@cache
def space_for(name: str, size: int, equivalence: Equivalence = Equivalence.MAP, seed: int = 0) -> Space:
    """The space of a shipped grammar, or of one of :data:`AWKWARD`."""
    stated, settings = _asked(name, size, equivalence, seed)
    return space_of(stated, settings, few_pictures(settings.layers).search)


@cache
def _asked(name: str, size: int, equivalence: Equivalence, seed: int) -> tuple[CamProblem, Settings]:
    """A problem with its options; read once, for grammars are not changed."""
    text = AWKWARD[name] if name in AWKWARD else read_problem(name)[1]
    stated = load_problem(text, name)
    settings, _ = resolve(stated, {"equivalence": equivalence, "seed": seed, "budget": f"size={size}"})
    return CamProblem(stated), settings


def problem_names() -> list[str]:
    """Every grammar that terms can be proposed from."""
    shipped = [name for name in grammar_names() if "(synth-fun" in read_problem(name)[1]]
    return [*shipped, *AWKWARD]


def told(space: Space, fates: Iterator[Fate], number: int) -> Outcome:
    """Some outcome of the next fate."""
    fate = next(fates)
    if fate not in (Fate.SCORED, Fate.DUPLICATE):
        return Outcome(fate, images=8 if fate is Fate.PRUNED else 0)
    values = tuple(float((37 * number + 11 * place) % 101) for place in range(len(space.goals)))
    return Outcome(fate, values, 96, feasible=number % 3 != 0)


@dataclass
class Search:
    """A learner at work: asked and told, as a run does."""

    learner: Learner
    batch: int = 32

    def __post_init__(self) -> None:
        self.proposals: list[Proposal] = []
        self.ended = False
        self._fates = cycle(Fate)

    def go_on(self, limit: int = PROPOSALS) -> list[Proposal]:
        """Until the learner ends, or so many more proposals were made; the new ones."""
        before = len(self.proposals)
        while not self.ended and len(self.proposals) - before < limit:
            asked = self.learner.ask(self.batch)
            self.ended = not asked
            assert isinstance(asked, list)
            assert len(asked) <= self.batch, f"{len(asked)} proposals where {self.batch} were asked for"
            for proposal in asked:
                self.learner.tell(proposal, told(self.learner.space, self._fates, len(self.proposals)))
                self.proposals.append(proposal)
        return self.proposals[before:]


def terms(proposals: list[Proposal]) -> list[Term]:
    """What was proposed."""
    return [proposal.term for proposal in proposals]


class LearnerConformance:
    """What every learner must do. A subclass gives the fixture ``made``."""

    @pytest.fixture
    def made(self) -> type[Learner]:
        """The class under test."""
        raise NotImplementedError

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("problem", problem_names())
    def test_it_proposes_terms_of_the_grammar_within_the_size(
        self, made: type[Learner], problem: str, size: int
    ) -> None:
        """Well-sorted, derivable, not too large; a signature given is the right one; something where there is any."""
        space = space_for(problem, size)
        search = Search(made(space))
        found = search.go_on()
        grammar = space.written if search.learner.tunes else space.grammar
        assert bool(found) == (space.grammar.smallest()[space.grammar.start] <= size)
        for proposal in found:
            assert isinstance(proposal, Proposal)
            assert proposal.term.sort == space.grammar.start.sort
            assert proposal.term.size <= size
            assert grammar.derive(proposal.term) is not None, proposal.term
            if proposal.signature is not None:
                assert proposal.signature == space.probes.signature(proposal.term)

    @pytest.mark.parametrize("batch", [1, 7, 32])
    @pytest.mark.parametrize("problem", FEW)
    def test_the_same_seed_gives_the_same_proposals(self, made: type[Learner], problem: str, batch: int) -> None:
        """Whatever the fates that are told."""
        one, other = (Search(made(space_for(problem, 5, seed=3)), batch) for _ in range(2))
        assert terms(one.go_on()) == terms(other.go_on())
        assert one.ended == other.ended
        assert one.learner.status() == other.learner.status()

    @pytest.mark.parametrize("equivalence", list(Equivalence))
    @pytest.mark.parametrize("problem", FEW)
    def test_no_proposal_behaves_like_an_earlier_one_unless_it_is_smaller(
        self, made: type[Learner], problem: str, equivalence: Equivalence
    ) -> None:
        """By value on the probes; where nothing counts as alike, no term comes twice."""
        space = space_for(problem, 4, equivalence)
        smallest: dict[object, int] = {}
        for term in terms(Search(made(space)).go_on()):
            key = space.probes.signature(term) if equivalence.is_by_value else term
            assert term.size < smallest.get(key, term.size + 1), f"{term!r} behaves like an earlier one"
            smallest[key] = term.size

    @pytest.mark.parametrize("batch", [1, 7])
    def test_it_takes_outcomes_of_every_fate_and_ends_for_good(self, made: type[Learner], batch: int) -> None:
        """And says then what its search is worth."""
        search = Search(made(space_for("gradcam", 3)), batch)
        search.go_on(limit=5_000)
        assert search.ended, "the terms of a small space do not come to an end"
        assert search.learner.conclusion()
        assert search.learner.ask(batch) == []

    @pytest.mark.parametrize("problem", ["gradcam_plus", *AWKWARD])
    def test_a_size_below_the_smallest_term_ends_at_once(self, made: type[Learner], problem: str) -> None:
        """With a conclusion."""
        learner = made(space_for(problem, 1))
        assert learner.ask(32) == []
        assert learner.conclusion()

    def test_its_status_is_counts_by_name(self, made: type[Learner]) -> None:
        """Before, while and after it is asked."""
        search = Search(made(space_for("gradcam_plus", 5)))
        for _ in range(3):
            status = search.learner.status()
            assert all(type(name) is str and type(count) is int for name, count in status.items()), status
            search.go_on(40)

    def test_its_aliases_are_terms_of_the_grammar(self, made: type[Learner]) -> None:
        """Of each proposal; they behave like it."""
        space = space_for("gradcam_plus", 4)
        search = Search(made(space))
        for term in terms(search.go_on(40)):
            for alias in search.learner.aliases(term):
                assert space.grammar.derive(alias) is not None
                assert space.probes.signature(alias) == space.probes.signature(term)

    @pytest.mark.parametrize("equivalence", [Equivalence.MAP, Equivalence.SCORE, Equivalence.NONE])
    @pytest.mark.parametrize("batches", [0, 1, 3])
    @pytest.mark.parametrize("problem", FEW)
    def test_a_state_goes_on_as_the_search_would_have(
        self, made: type[Learner], problem: str, equivalence: Equivalence, batches: int
    ) -> None:
        """Written as JSON and read into another learner, which then proposes the same and says the same."""
        first = Search(made(space_for(problem, 4, equivalence)), 8)
        for _ in range(batches):
            first.go_on(1)
        state = json.loads(json.dumps(first.learner.state_dict()))
        second = Search(made(space_for(problem, 4, equivalence)), 8)
        second.learner.load_state_dict(state)
        assert second.learner.status() == first.learner.status()
        first._fates, second._fates = cycle(Fate), cycle(Fate)
        first.proposals, second.proposals = [], []
        assert terms(second.go_on(60)) == terms(first.go_on(60))
        assert second.learner.status() == first.learner.status()

    def test_what_it_is_given_stays_as_it_is(self, made: type[Learner]) -> None:
        """Grammar and probes are shared with the run."""
        space = space_for("gradcam_plus", 5)
        counts = Counter({n: len(productions) for n, productions in space.grammar.productions.items()})
        values = {variable: value.clone() for variable, value in space.probes.values.items()}
        Search(made(space)).go_on()
        assert Counter({n: len(productions) for n, productions in space.grammar.productions.items()}) == counts
        assert all(bool((space.probes.values[variable] == value).all()) for variable, value in values.items())

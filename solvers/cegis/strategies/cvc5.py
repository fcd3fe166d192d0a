"""What cvc5 answers."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from solvers.cegis.limits import Limits
from solvers.cegis.logic.fitting import proposed
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Candidate, GaveUpError, Proposals, Strategy
from sygus.errors import SourceError, SycamError
from sygus.language.elaborate import load_answer


class Cvc5(Strategy):
    """Another solver's answers, read as its text and judged like every candidate.

    Reynolds, Barbosa, Nötzli, Barrett, Tinelli, cvc4sy: Smart and Fast Term Enumeration for Syntax-Guided Synthesis,
    CAV 2019; Barbosa et al., cvc5: A Versatile and Industrial-Strength SMT Solver, TACAS 2022.
    """

    name = "cvc5"
    doc = "the answers of cvc5, where its package is installed (the extra cvc5); only where it is named"
    turn = 90
    on_request = True

    def missing(self) -> str:
        """The package cvc5."""
        from solvers.cegis.peer import INSTALL, is_installed

        return "" if is_installed() else INSTALL

    def applies(self, specification: Specification) -> bool:
        """To whole problems, for its answers are answers to those."""
        from solvers.cegis.peer import is_installed

        return is_installed() and specification.functions == tuple(t.function for t in specification.problem.targets)

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """Its answers in its own order; one that the grammar does not derive comes again as the grammar writes it."""
        with closing(_answers(specification, limits)) as answers:
            for printed in answers:
                if printed is None:
                    yield None
                    continue
                if printed == "infeasible":
                    raise GaveUpError("cvc5 says that there is no answer, which is not proved here")
                try:
                    bodies = load_answer(specification.problem, printed, "cvc5's answer")
                except SourceError as error:
                    raise GaveUpError(f"cvc5's answer cannot be read here: {error}") from None
                verdict = yield Candidate(bodies)
                if verdict.function is not None:
                    yield from proposed(specification, bodies, limits)


def _answers(specification: Specification, limits: Limits) -> Generator[str | None, None, None]:
    """What cvc5 prints: an answer as it finds it quickest, then those that it finds where it goes on after one.

    None is a pause.
    """
    from solvers.cegis.peer import Peer, PeerError, problem_text

    limits.check()
    try:
        text = problem_text(specification)
        with Peer(limits, sygus=True) as peer:
            printed = yield from peer.run(text)
        if printed == "fail":
            return
        yield printed
        with Peer(limits, sygus=True, further=True) as peer:
            printed = yield from peer.run(text)
            while printed != "fail":
                yield printed
                printed = yield from peer.run("(check-synth-next)")
    except PeerError as error:
        raise GaveUpError(str(error)) from None
    except SycamError as error:
        raise GaveUpError(f"cvc5 cannot be asked: {error}") from None

"""Strategies for ordinary problems as strangers may write them: one that keeps the contract, and some that do not."""

from __future__ import annotations

from typing import Any

from solvers.cegis.limits import Limits
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Candidate, Proposals, Strategy
from sygus.language.terms import INT, Literal, Variable, leaf


class Sums(Strategy):
    """Sums of two leaves of a grammar."""

    name = "sums"
    doc = "sums of two leaves"

    def applies(self, specification: Specification) -> bool:
        return [function.sort for function in specification.functions] == [INT]

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        (target,) = specification.targets
        productions = target.written.productions[target.written.start]
        leaves = [p.template for p in productions if not p.holes and not p.constants]
        for one in leaves:
            for other in leaves:
                limits.check()
                total = specification.apply("+", one, other)
                if limits.largest is None or total.size <= limits.largest:
                    yield Candidate({target.function: total})


class NoStrategy:
    """It has a name, and nothing else."""

    name = "none"


class Nameless(Sums):
    name = ""


class Auto(Sums):
    name = "a:b"


class Greedy(Sums):
    share = 0.0


class Choosy(Sums):
    def __init__(self, what: str) -> None:
        self.what = what


class Abstract(Strategy):
    name = "abstract"
    doc = "it lacks propose"

    def applies(self, specification: Specification) -> bool:
        return bool(specification)


class Unsure(Sums):
    def applies(self, specification: Specification) -> bool:
        raise ValueError(f"cannot say of {len(specification.functions)} functions")


class Failing(Sums):
    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        yield from super().propose(specification, limits)
        raise ZeroDivisionError("nothing left")


class Listing(Sums):
    def propose(self, specification: Specification, limits: Limits) -> Any:
        return list(super().propose(specification, limits))


class Proposing(Sums):
    """Proposes one thing for the function."""

    def body(self, specification: Specification) -> Any:
        raise NotImplementedError

    def propose(self, specification: Specification, limits: Limits) -> Any:
        limits.check()
        yield Candidate({specification.functions[0]: self.body(specification)})


class Garbled(Sums):
    def propose(self, specification: Specification, limits: Limits) -> Any:
        limits.check()
        yield dict.fromkeys(specification.functions, "x")


class Forgetful(Sums):
    def propose(self, specification: Specification, limits: Limits) -> Any:
        limits.check()
        yield Candidate({function: leaf(Literal(1, INT)) for function in specification.functions[1:]})


class IllSorted(Proposing):
    def body(self, specification: Specification) -> Any:
        return specification.apply("=", *[leaf(Literal(1, INT))] * 2)


class Stray(Proposing):
    def body(self, specification: Specification) -> Any:
        return leaf(Variable("elsewhere", specification.functions[0].sort))


BAD = {
    "NoStrategy": "'strangers:NoStrategy' is no class derived from solvers.cegis.strategy.Strategy",
    "Nothing": "the module 'strangers' has no 'Nothing'",
    "BAD": "the module 'strangers' has a dict, not a class, 'BAD'",
    "Nameless": "'strangers:Nameless' needs a name without a colon, and a doc",
    "Auto": "'strangers:Auto' needs a name without a colon, and a doc",
    "Greedy": "'strangers:Greedy' needs a positive number as its share",
    "Choosy": "'strangers:Choosy' cannot be made: TypeError",
    "Abstract": "'strangers:Abstract' cannot be made: TypeError",
    "Unsure": "the strategy 'sums' fails: ValueError: cannot say of 1 functions (strangers.py:",
    "Failing": "the strategy 'sums' fails: ZeroDivisionError: nothing left (strangers.py:",
    "Listing": "the strategy 'sums' fails: its propose is no generator",
    "Garbled": "which is no Candidate",
    "Forgetful": "it proposes no term for 'f'",
    "IllSorted": "it proposes (= 1 1) for 'f', whose sort is Int",
    "Stray": "of which 'elsewhere' is no part",
}
"""The classes that do not keep the contract, with what is said of each."""

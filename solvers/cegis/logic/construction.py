"""Building terms of a logic, small and simplified, and linear arithmetic as coefficients."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from fractions import Fraction

from solvers.cegis.specification import literal_value
from sygus.language.syntax.printer import print_symbol
from sygus.language.terms import BOOL, INT, REAL, Literal, Sort, Term, fold, leaf, term
from sygus.language.theories import Function, Theory
from sygus.language.theories.structured import Constructor, record_of
from sygus.records import record

TRUE, FALSE = leaf(Literal(True, BOOL)), leaf(Literal(False, BOOL))

COMPARISONS = {"<=", "<", ">=", ">", "="}
_COMPARE = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "=": operator.eq}
_OPPOSITE = {"<=": ">", "<": ">=", ">=": "<", ">": "<="}
MIRROR = {"<=": ">=", "<": ">", ">=": "<=", ">": "<", "=": "="}


@record(frozen=True)
class Linear:
    """A sum of multiples of terms and a constant.

    Attributes:
        factors: the nonzero coefficient of each term.
        constant: the rest.
        sort: Int or Real.
    """

    factors: Mapping[Term, Fraction]
    constant: Fraction
    sort: Sort

    def plus(self, other: Linear, times: Fraction = Fraction(1)) -> Linear:
        """The sum with a multiple of another."""
        factors = dict(self.factors)
        for part, factor in other.factors.items():
            factors[part] = factors.get(part, Fraction(0)) + times * factor
        constant = self.constant + times * other.constant
        return Linear({part: factor for part, factor in factors.items() if factor}, constant, self.sort)

    def times(self, factor: Fraction) -> Linear:
        """A multiple."""
        nothing = Linear({}, Fraction(0), self.sort)
        return nothing.plus(self, factor)

    def without(self, part: Term) -> Linear:
        """The rest when a term is left out."""
        return Linear({p: f for p, f in self.factors.items() if p is not part}, self.constant, self.sort)


def linear(root: Term) -> Linear:
    """A number as a linear sum; what is no sum or multiple counts as a term of its own."""

    def visit(node: Term, arguments: list[Linear | None]) -> Linear | None:
        if node.sort not in (INT, REAL):
            return None
        value = literal_value(node)
        if value is not None and not node.arguments:
            return Linear({}, Fraction(value), node.sort)
        parts = [argument for argument in arguments if argument is not None]
        if len(parts) == len(node.arguments) and parts and node.head.name in ("+", "-", "*"):
            return _combined(node, parts)
        return Linear({node: Fraction(1)}, Fraction(0), node.sort)

    found = fold(root, visit)
    assert found is not None
    return found


def _combined(node: Term, parts: list[Linear]) -> Linear:
    first, *others = parts
    if node.head.name == "*":
        sums = [part for part in parts if part.factors]
        if len(sums) > 1:
            return Linear({node: Fraction(1)}, Fraction(0), node.sort)
        factor = math.prod((part.constant for part in parts if not part.factors), start=Fraction(1))
        return sums[0].times(factor) if sums else Linear({}, factor, node.sort)
    if node.head.name == "-" and not others:
        return first.times(Fraction(-1))
    sign = Fraction(-1 if node.head.name == "-" else 1)
    for other in others:
        first = first.plus(other, sign)
    return first


def _is_made(root: Term) -> bool:
    """Whether a term is a constructor applied."""
    return isinstance(root.head, Function) and root.head.constructor and bool(root.arguments)


class Construction:
    """Makes terms of one logic; every function of two arguments is given two, as grammars have them.

    Args:
        theory: the logic.
    """

    def __init__(self, theory: Theory) -> None:
        self.theory = theory

    def apply(self, name: str, *arguments: Term) -> Term:
        """A function applied.

        Raises:
            KeyError: the logic lacks it for these sorts.
        """
        resolved = self.theory.resolve(name, tuple(argument.sort for argument in arguments))
        if resolved is None:
            raise KeyError(name)
        return term(resolved[0], arguments, resolved[1])

    def number(self, value: Fraction | int, sort: Sort) -> Term:
        """A constant; a negative one is the negation of its magnitude."""
        held = Fraction(value) if sort == REAL else int(value)
        if held < 0:
            return self.apply("-", leaf(Literal(-held, sort)))
        return leaf(Literal(held, sort))

    def negation(self, a: Term) -> Term:
        """Not a, pushed into comparisons; without recursion, for of many parts each is inside the one before."""
        found: dict[Term, Term] = {}
        stack = [a]
        while stack:
            one = stack[-1]
            parts = one.arguments if one.head.name in ("and", "or") else ()
            missing = [part for part in parts if part not in found]
            if missing:
                stack.extend(reversed(missing))
                continue
            found[stack.pop()] = self._negation(one, [found[part] for part in parts])
        return found[a]

    def _negation(self, a: Term, negated: list[Term]) -> Term:
        """Not a, given the negations of what a connective connects."""
        if a in (TRUE, FALSE):
            return FALSE if a is TRUE else TRUE
        match a.head.name:
            case "not":
                return a.arguments[0]
            case "and":
                return self.disjunction(negated)
            case "or":
                return self.conjunction(negated)
            case name if name in _OPPOSITE and len(a.arguments) == 2:
                return self.apply(_OPPOSITE[name], *a.arguments)
        return self.apply("not", a)

    def conjunction(self, parts: Iterable[Term]) -> Term:
        """All of them; true of none."""
        return self._join("and", parts, TRUE, FALSE)

    def disjunction(self, parts: Iterable[Term]) -> Term:
        """Any of them; false of none."""
        return self._join("or", parts, FALSE, TRUE)

    def _join(self, name: str, parts: Iterable[Term], neutral: Term, absorbing: Term) -> Term:
        kept = [part for part in dict.fromkeys(parts) if part is not neutral]
        if absorbing in kept:
            return absorbing
        if not kept:
            return neutral
        found = kept[-1]
        for part in reversed(kept[:-1]):
            found = self.apply(name, part, found)
        return found

    def sum_of(self, total: Linear) -> Term:
        """A linear sum as a term, positive parts first."""
        positive = [(part, factor) for part, factor in total.factors.items() if factor > 0]
        negative = [(part, -factor) for part, factor in total.factors.items() if factor < 0]
        found: Term | None = None
        for part, factor in positive:
            scaled = self._scaled(part, factor, total.sort)
            found = scaled if found is None else self.apply("+", found, scaled)
        if total.constant > 0 or (found is None and (total.constant or not negative)):
            constant = self.number(total.constant, total.sort)
            found = constant if found is None else self.apply("+", found, constant)
        elif total.constant < 0 and found is not None:
            found = self.apply("-", found, self.number(-total.constant, total.sort))
        for part, factor in negative:
            scaled = self._scaled(part, factor, total.sort)
            found = self.apply("-", scaled) if found is None else self.apply("-", found, scaled)
        assert found is not None
        return found

    def _scaled(self, part: Term, factor: Fraction, sort: Sort) -> Term:
        return part if factor == 1 else self.apply("*", self.number(factor, sort), part)

    def comparison(self, name: str, difference: Linear) -> Term:
        """``difference ⋈ 0`` with negative parts moved to the right."""
        if not difference.factors:
            return TRUE if _COMPARE[name](difference.constant, 0) else FALSE
        if all(factor < 0 for factor in difference.factors.values()):
            difference, name = difference.times(Fraction(-1)), MIRROR[name]
        sort = difference.sort
        left = {part: factor for part, factor in difference.factors.items() if factor > 0}
        right = {part: -factor for part, factor in difference.factors.items() if factor < 0}
        constant = difference.constant
        nothing = Fraction(0)
        above, below = (constant, nothing) if constant > 0 and right else (nothing, -constant)
        lower, upper = Linear(left, above, sort), Linear(right, below, sort)
        return self.apply(name, self.sum_of(lower), self.sum_of(upper))

    def simplified(self, root: Term) -> Term:
        """The term with constants folded, comparisons of numbers in linear form and negations inside."""

        def visit(node: Term, arguments: list[Term]) -> Term:
            return self._simplified(node, arguments) if arguments else node

        return fold(root, visit)

    def _simplified(self, node: Term, arguments: list[Term]) -> Term:
        name = node.head.name
        if name in ("and", "or", "not", "=>", "ite"):
            return self._connective(name, arguments)
        match name:
            case "=" if node.arguments[0].sort == BOOL and len(arguments) == 2:
                return self._equivalence(*arguments)
            case "=" if len(set(arguments)) == 1:
                return TRUE
            case "distinct" if len(arguments) == 2:
                return self.negation(self._simplified_equality(arguments))
        if name in COMPARISONS and len(arguments) == 2 and all(a.sort == arguments[0].sort for a in arguments):
            return self._simplified_comparison(name, arguments)
        record = record_of(arguments[0].sort)
        if record is not None and len(arguments) == 1:
            return self._of_a_record(node, arguments[0], record)
        if name in ("+", "-") and node.sort in (INT, REAL):
            return self.sum_of(_combined(node, [linear(argument) for argument in arguments]))
        return term(node.head, tuple(arguments), node.sort)

    def _connective(self, name: str, arguments: list[Term]) -> Term:
        match name:
            case "and":
                return self.conjunction(arguments)
            case "or":
                return self.disjunction(arguments)
            case "not":
                return self.negation(arguments[0])
            case "=>":
                return self.disjunction([*(self.negation(a) for a in arguments[:-1]), arguments[-1]])
            case _:
                return self.conditional(*arguments)

    def _simplified_equality(self, arguments: list[Term]) -> Term:
        if arguments[0].sort == BOOL:
            return self._equivalence(*arguments)
        return TRUE if arguments[0] is arguments[1] else self._simplified_comparison("=", arguments)

    def _simplified_comparison(self, name: str, arguments: list[Term]) -> Term:
        if record_of(arguments[0].sort) is not None:
            return self._equal_records(*arguments)
        if arguments[0].sort not in (INT, REAL):
            return self.apply(name, *arguments)
        return self.comparison(name, linear(arguments[0]).plus(linear(arguments[1]), Fraction(-1)))

    def _of_a_record(self, node: Term, argument: Term, record: Constructor) -> Term:
        """A part of a record that is made here; every record is made by the only constructor."""
        names = [print_symbol(name) for name, _ in record.selectors]
        if node.head.name in names and _is_made(argument):
            return argument.arguments[names.index(node.head.name)]
        if node.head.name == f"(_ is {print_symbol(record.name)})":
            return TRUE
        return term(node.head, (argument,), node.sort)

    def _equal_records(self, *records: Term) -> Term:
        """Part by part where one is made here, and so on within; without recursion."""
        found: list[Term] = []
        pairs = [records]
        while pairs:
            pair = pairs.pop()
            record = record_of(pair[0].sort)
            if record is None:
                found.append(self._simplified_equality(list(pair)))
            elif any(map(_is_made, pair)):
                pairs += [
                    tuple(one.arguments[place] if _is_made(one) else self.apply(name, one) for one in pair)
                    for place, (name, _) in reversed(list(enumerate(record.selectors)))
                ]
            elif pair[0] is not pair[1]:
                found.append(self.apply("=", *pair))
        return self.conjunction(found)

    def _equivalence(self, a: Term, b: Term) -> Term:
        for one, other in ((a, b), (b, a)):
            if one in (TRUE, FALSE):
                return other if one is TRUE else self.negation(other)
        return TRUE if a is b else self.apply("=", a, b)

    def conditional(self, condition: Term, then: Term, other: Term) -> Term:
        """``(ite condition then other)``, simplified where a part is constant."""
        if condition is TRUE or then is other:
            return then
        if condition is FALSE:
            return other
        if then.sort == BOOL and {then, other} <= {TRUE, FALSE}:
            return condition if then is TRUE else self.negation(condition)
        return self.apply("ite", condition, then, other)

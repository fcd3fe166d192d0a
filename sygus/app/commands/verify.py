"""``sycam-sygus verify FILE ANSWER``, for problems of every logic but CAM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from solvers.cegis.answer import Answer, Judgement, Verdict, derived
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.logic.verifier import check, interrupted
from solvers.cegis.relaxation import computed, number
from solvers.cegis.specification import Specification
from solvers.cegis.weighted import Weighted
from sygus.app.dispatch import read, side_of
from sygus.app.functions import derivation_lines
from sygus.app.options import Side
from sygus.app.ordinary import open_ended
from sygus.app.statuses import ExitStatus
from sygus.app.terminal import echo
from sygus.bounds import alarm, bounded_memory, long_numbers
from sygus.errors import OptionError, SourceError
from sygus.language.elaborate import ReadAnswer, read_answer
from sygus.language.linked import linked
from sygus.language.problem import Problem
from sygus.language.syntax import script as ast
from sygus.language.syntax.printer import print_symbol
from sygus.language.terms import (
    INT,
    Literal,
    OracleFunction,
    Sort,
    SynthFunction,
    Term,
    Variable,
    WeightSymbol,
    expand,
    leaf,
    plain_name,
    readable_name,
    substitute,
    subterms,
    term,
)
from sygus.language.text import term_text
from sygus.language.theories import Theory, find_logic
from sygus.language.theories.structured import curried
from sygus.language.theories.values import value_term
from sygus.oracles.external import read_value
from sygus.resources import read_text


def run_verify(file: str, answer_file: str, seconds: float) -> ExitStatus:
    """Say whether an answer is right and in the grammar, with its derivation.

    Args:
        file: a path of an ordinary problem.
        answer_file: of an answer in SyGuS-IF.
        seconds: that Z3 may take.

    Returns:
        The exit status.

    Raises:
        OptionError: a file cannot be read, the answer defines no function, or the problem asks for heat maps.
        SourceError: with the position of what is wrong in either file.
    """
    try:
        answer = read_text(answer_file)
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"ANSWER: cannot read '{answer_file}' ({error})", "give a text file") from None
    if answer.strip() in ("infeasible", "fail"):
        raise OptionError(f"ANSWER: '{answer.strip()}' defines no function", "give a file with (define-fun …)")
    try:
        with bounded_memory(), long_numbers(), alarm(seconds, OutOfTimeError):
            return _verified(file, answer_file, answer, seconds)
    except OutOfTimeError:
        echo("not decided: the time is over")
        return ExitStatus.NOT_VERIFIED


def _verified(file: str, answer_file: str, answer: str, seconds: float) -> ExitStatus:
    problem = read(file)
    if side_of(problem) is Side.CAM:
        hint = f"score it: sycam-sygus evaluate --expression @{answer_file} --metrics …"
        raise OptionError(f"FILE: '{file}' asks for heat maps, of which no answer is proved", hint)
    given = read_answer(problem, answer, answer_file)
    try:
        limits = Limits(seconds)
        with interrupted(limits):
            wrong = _wrong(problem, given, limits)
    except SourceError as error:
        raise error.located(answer_file, answer) from None
    if wrong is not None:
        echo(wrong)
        return ExitStatus.NOT_VERIFIED
    echo("correct: in the grammar, and every constraint is proved by Z3")
    for line in open_ended(linked(given.bodies).values()):
        echo(f"note: {line}")
    if problem.objectives:
        about = "the values are right" if given.values else "the answer gives no values"
        echo(f"note: {about}; whether others are better is not checked")
    return ExitStatus.DONE


def _wrong(problem: Problem, read: ReadAnswer, limits: Limits) -> str | None:
    """What is wrong with an answer, in words; of one in which nothing is, the derivation is printed."""
    for target in problem.targets:
        if target.function in read.binding and not target.free:
            return f"wrong: {_underived(target.function)}, for grammars have no 'let'"
    numbers = Weighted.of(problem)
    underived = derived(Specification(numbers.without_weights()), read.bodies)
    if isinstance(underived, SynthFunction):
        return f"wrong: {_underived(underived)}"
    weights = numbers.weights_of(underived)
    checked = check(Specification(numbers.numbered(weights, problem.targets, ())), read.bodies, limits)
    if checked.answer is None:
        found = "not decided" if checked.judgement is Judgement.UNDECIDED else "wrong"
        if weights and check(Specification(numbers.without_weights()), read.bodies, limits).answer is not None:
            return f"not decided: {_why(checked, problem.theory)}, by the weights of the derivation that was found"
        return f"{found}: {_why(checked, problem.theory)}"
    for function, derivation in checked.answer.derivations.items():
        echo(f"{function.name} is derived by")
        for line in derivation_lines(derivation, problem.theory.numerals):
            echo(f"  {line}")
    return _wrong_value(problem, checked.answer, read.values)


def _why(verdict: Verdict, theory: Theory) -> str:
    assert verdict.conjunct is not None
    formula, point = _plain(verdict.conjunct.formula, verdict.counterexample or {})
    constraint = term_text(formula, theory.numerals)
    if verdict.counterexample is None:
        return f"Z3 does not decide {constraint}"
    values = ", ".join(f"{print_symbol(v.name)} = {_value_shown(value, v.sort, theory)}" for v, value in point.items())
    return f"{constraint} fails{f' where {values}' if values else ''}"


def _underived(function: SynthFunction) -> str:
    return f"the grammar does not derive the body of '{function.name}'"


def _wrong_value(problem: Problem, answer: Answer, values: Sequence[ast.TermExpression]) -> str | None:
    """What is wrong with the values that are given for the objectives, in words; None where they are right.

    Raises:
        SourceError: one is no constant of its objective's sort.
    """
    weights = {
        term(WeightSymbol(keyword, function.name), (), INT): leaf(Literal(derivation.weight(keyword, default), INT))
        for function, derivation in answer.derivations.items()
        for keyword, default in problem.weights.items()
    }
    for objective, expression in zip(problem.objectives, values, strict=False):
        objective_term = expand(objective.term)
        for node in subterms(objective_term):
            if isinstance(node.head, OracleFunction):
                message = f"the value of the oracle '{node.head.oracle}' is not verified"
                raise problem.error(message, problem.asked, "leave the values out of the answer")
        given = read_value(expression, objective.term.sort, problem.theory)
        assert isinstance(given, Term)
        shown, weighed = term_text(objective.term), any(node in weights for node in subterms(objective_term))
        found = computed(substitute(objective_term, weights), answer.bodies)
        if found is None:
            return f"not decided: Z3 does not compute {shown}"
        if found == number(Encoder()(given)):
            continue
        value = _value_shown(found, given.sort, problem.theory)
        by = " by the derivation that was found" if weighed else ""
        given_text = term_text(given, problem.theory.numerals)
        return f"{'not decided' if weighed else 'wrong'}: {shown} is {value}{by}, the answer says {given_text}"
    return None


def _plain(formula: Term, point: Mapping[Variable, Any]) -> tuple[Term, Mapping[Variable, Any]]:
    """A formula and values of its variables, with the names that the file gives them where no two share one."""
    names = Counter(plain_name(node.head.name) for node in subterms(formula) if isinstance(node.head, Variable))
    plain = {v: replace(v, name=plain_name(v.name)) for v in point if names[plain_name(v.name)] == 1}
    shown = {plain.get(v, replace(v, name=readable_name(v.name))): value for v, value in point.items()}
    return substitute(formula, {leaf(old): leaf(new) for old, new in plain.items()}), shown


def _value_shown(value: Any, sort: Sort, theory: Theory) -> str:
    """A value as the standard writes it, functions as arrays, or as Python does where the logic has no term for it."""
    if sort.is_function:
        sort, theory = curried(sort), find_logic("ALL") or theory
    try:
        return term_text(value_term(value, sort, theory), theory.numerals)
    except ValueError:
        return repr(value)

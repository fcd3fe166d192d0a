"""``sycam-sygus verify FILE ANSWER``, for problems of every logic but CAM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from solvers.cegis.answer import Judgement, check
from solvers.cegis.limits import Limits
from solvers.cegis.specification import Specification
from sygus.elaborate import load_answer, load_problem
from sygus.errors import OptionError
from sygus.export.sygus import term_text
from sygus.problem import Derivation
from sygus.resources import read_problem
from sygus.syntax.printer import print_symbol
from sygus.terms import Sort, Term, Variable, leaf, plain_name, readable_name, substitute, subterms
from sygus.theories import Theory
from sygus.theories.values import value_term

NOT_VERIFIED = 1


def run_verify(file: str, answer_file: str, seconds: float) -> int:
    """Say whether an answer is right and in the grammar, with its derivation; the exit status."""
    name, text = read_problem(file)
    try:
        answer = Path(answer_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"ANSWER: cannot read '{answer_file}' ({error})", "give a text file") from None
    if answer.strip() in ("infeasible", "fail"):
        raise OptionError(f"ANSWER: '{answer.strip()}' defines no function", "give a file with (define-fun …)")
    specification = Specification(load_problem(text, name))
    bodies = load_answer(text, name, answer, answer_file)
    checked = check(specification, bodies, Limits(seconds))
    if checked.answer is not None:
        numerals = specification.problem.theory.numerals
        for function, derivation in checked.answer.derivations.items():
            click.echo(f"{function.name} is derived by")
            for line in derivation_lines(derivation, numerals):
                click.echo(f"  {line}")
        click.echo("correct: in the grammar, and every constraint is proved by Z3")
        return 0
    found = "not decided" if checked.judgement is Judgement.UNDECIDED else "wrong"
    click.echo(f"{found}: {_why(checked, specification.problem.theory)}")
    return NOT_VERIFIED


def _why(checked: Any, theory: Theory) -> str:
    if checked.function is not None:
        return f"the grammar does not derive the body of '{checked.function.name}'"
    verdict = checked.verdict
    formula, point = _plain(verdict.conjunct.formula, verdict.counterexample or {})
    constraint = term_text(formula, theory.numerals)
    if verdict.counterexample is None:
        return f"Z3 does not decide {constraint}"
    values = ", ".join(f"{print_symbol(v.name)} = {_value_shown(value, v.sort, theory)}" for v, value in point.items())
    return f"{constraint} fails{f' where {values}' if values else ''}"


def _plain(formula: Term, point: Mapping[Variable, Any]) -> tuple[Term, Mapping[Variable, Any]]:
    """A formula and values of its variables, with the names that the file gives them where no two share one."""
    names = Counter(plain_name(node.head.name) for node in subterms(formula) if isinstance(node.head, Variable))
    plain = {v: replace(v, name=plain_name(v.name)) for v in point if names[plain_name(v.name)] == 1}
    shown = {plain.get(v, replace(v, name=readable_name(v.name))): value for v, value in point.items()}
    return substitute(formula, {leaf(old): leaf(new) for old, new in plain.items()}), shown


def _value_shown(value: Any, sort: Sort, theory: Theory) -> str:
    """A value as the standard writes it, or as Python does where the logic has no term for it."""
    try:
        return term_text(value_term(value, sort, theory), theory.numerals)
    except ValueError:
        return repr(value)


def derivation_lines(derivation: Derivation, numerals: Sort | None) -> list[str]:
    """The productions used, the outermost first, each below and to the right of the one whose hole it fills."""
    lines, stack = [], [(derivation, 0)]
    while stack:
        node, depth = stack.pop()
        lines.append(f"{'  ' * depth}{term_text(node.production.template, numerals)}")
        stack.extend((child, depth + 1) for child in reversed(node.children))
    return lines

"""External oracles: executables that answer by the protocol of the standard (SyGuS-IF 2.1, "Calling Oracles").

An oracle is started once for each question, without a shell: ``N v₁ … vₙ``, or ``N file.query`` where the file holds
``(v₁ … vₙ)``. It prints the tuple ``(w₁ … w_m)``. Values are constants of the standard's syntax; functions are closed
lambda terms.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from sygus.errors import Position, SourceError, SycamError
from sygus.language.problem import OracleCall, is_constant
from sygus.language.scope import Scope, check_parameters
from sygus.language.syntax import script as ast
from sygus.language.syntax.parser import parse_values
from sygus.language.syntax.printer import print_symbol
from sygus.language.terms import (
    INT,
    REAL,
    Literal,
    OracleFunction,
    Sort,
    Term,
    Variable,
    expand,
    fold,
    function_sort,
    leaf,
    substitute,
    term,
)
from sygus.language.text import term_text
from sygus.language.theories import Theory
from sygus.language.theories.calls import Call
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.sorts import representation
from sygus.language.theories.values import value_term
from sygus.language.typecheck import check_term
from sygus.oracles.processes import Ending, Outcome, run
from sygus.records import record

SECONDS = 10.0
"""What one question may take."""

LONGEST_ANSWER = 1_000_000
"""Bytes of an answer that are read."""


class OracleError(SycamError):
    """An oracle that cannot be started, crashes, takes too long, or answers what is no answer."""


class OracleTimeError(OracleError):
    """An oracle that takes too long."""


@record(frozen=True)
class Lambda:
    """A function as a value: a closed lambda term. That of no parameters is its body."""

    parameters: tuple[Variable, ...]
    body: Term

    @property
    def sort(self) -> Sort:
        """The function's sort."""
        return function_sort(tuple(p.sort for p in self.parameters), self.body.sort)

    def apply(self, arguments: Sequence[Term]) -> Term:
        """The body with arguments in place of the parameters."""
        return substitute(self.body, {leaf(p): a for p, a in zip(self.parameters, arguments, strict=True)})


OracleValue = Term | Lambda
"""A constant, or a function."""


def value_text(value: OracleValue, numerals: Sort | None = REAL) -> str:
    """The value in the standard's syntax, in a logic whose numerals are of a sort; macros are written out."""
    if isinstance(value, Lambda):
        body = term_text(expand(value.body), numerals)
        if not value.parameters:
            return body
        return f"(lambda ({' '.join(f'({print_symbol(p.name)} {p.sort})' for p in value.parameters)}) {body})"
    return term_text(expand(value), numerals)


class ExternalOracle:
    """An executable that answers questions.

    Args:
        executable: a name looked up in the search path, or a path.
        inputs: the sorts of what it is asked.
        outputs: the sorts of what it answers.
        theory: that of the file, whose constants values are written with.
        by_file: ask by a file, not on the command line.
        seconds: what one question may take.
        functional: equal questions have equal answers; remembered answers serve again.

    Raises:
        OracleError: there is no such executable.
    """

    def __init__(
        self,
        executable: str,
        inputs: tuple[Sort, ...],
        outputs: tuple[Sort, ...],
        theory: Theory,
        *,
        by_file: bool = False,
        seconds: float = SECONDS,
        functional: bool = True,
    ) -> None:
        found = shutil.which(executable)
        if found is None:
            raise OracleError(
                f"the oracle '{executable}' is no executable", "give a path, or a name in the search path"
            )
        self.name = executable
        self.path = found
        self.inputs = inputs
        self.outputs = outputs
        self.theory = theory
        self.by_file = by_file
        self.seconds = seconds
        self.functional = functional
        self.asked = 0
        self._known: dict[tuple[str, ...], tuple[OracleValue, ...]] = {}

    def ask(
        self, values: Sequence[OracleValue], *, seconds: float | None = None, again: bool = False
    ) -> tuple[OracleValue, ...]:
        """The answer to a question.

        Args:
            values: one of each input sort.
            seconds: what it may take; by default what each may.
            again: start a functional oracle even where the answer is known, to see whether it stands.

        Raises:
            OracleError: there is none, it is not of the output sorts, or not what it was before.
        """
        if tuple(value.sort for value in values) != self.inputs:
            given = " ".join(str(value.sort) for value in values)
            raise ValueError(f"the oracle '{self.name}' takes {' '.join(map(str, self.inputs))}, not {given}")
        texts = tuple(value_text(value, self.theory.numerals) for value in values)
        known = self._known.get(texts) if self.functional else None
        if known is not None and not again:
            return known
        answer = self._read(self._run(texts, self.seconds if seconds is None else seconds), texts)
        if known is not None and answer != known:
            before, now = (f"({' '.join(value_text(v, self.theory.numerals) for v in one)})" for one in (known, answer))
            raise self._error(texts, f"answered {before} before and {now} now", "a function has one value")
        self._known[texts] = answer
        return answer

    def _error(self, texts: Sequence[str], what: str, hint: str) -> OracleError:
        asked = " ".join(texts)
        shown = asked if len(asked) <= 200 else f"{asked[:200]}…"
        return OracleError(f"the oracle '{self.name}', asked ({shown}), {what}", hint)

    def _run(self, texts: Sequence[str], seconds: float) -> str:
        """What the oracle prints."""
        self.asked += 1
        if not self.by_file:
            return self._start([self.path, *texts], texts, seconds)
        with tempfile.TemporaryDirectory() as folder:
            query = Path(folder) / "question.query"
            query.write_text(f"({' '.join(texts)})\n", encoding="utf-8")
            return self._start([self.path, str(query)], texts, seconds)

    def _start(self, command: list[str], texts: Sequence[str], seconds: float) -> str:
        try:
            outcome = run(command, seconds=seconds, most=LONGEST_ANSWER)
        except OSError as error:
            raise self._error(texts, f"cannot be started ({error.strerror})", "ask it by :file") from None
        left = _left(outcome)
        match outcome.ending:
            case Ending.LATE:
                late = self._error(texts, f"took more than {seconds:.3g} s{left}", "give it more by --time, or mend it")
                raise OracleTimeError(late.message, late.hint)
            case Ending.TALKATIVE:
                raise self._error(texts, f"printed more than {LONGEST_ANSWER} bytes{left}", "it prints one tuple")
            case Ending.NOT_STARTED:
                raise self._error(texts, f"cannot be started ({outcome.reason})", "ask it by :file")
            case Ending.UNGUARDED:
                raise self._error(texts, f"ended the process that watches over it{left}", "mend it, or do without it")
        if outcome.status or left:
            said = f"ended with status {outcome.status}{_last_line(outcome.complaints)}{left}"
            raise self._error(texts, said, "it must end with status 0, and all that it starts with it")
        return outcome.printed.decode("utf-8", "replace")

    def _read(self, printed: str, texts: Sequence[str]) -> tuple[OracleValue, ...]:
        """The answer that a text means."""
        shape = f"({' '.join(map(str, self.outputs))})"
        hint = f"it prints a tuple of values {shape}"
        try:
            found = parse_values(printed, self.name)
        except SourceError as error:
            shown = printed.strip()[:100]
            raise self._error(texts, f"answered '{shown}', which cannot be read: {error.message}", hint) from None
        if len(found) != len(self.outputs):
            raise self._error(texts, f"answered {len(found)} values, not {len(self.outputs)}", hint)
        try:
            pairs = zip(found, self.outputs, strict=True)
            return tuple(read_value(expression, sort, self.theory) for expression, sort in pairs)
        except SourceError as error:
            raise self._error(texts, f"answered '{printed.strip()[:100]}': {error.message}", hint) from None


def _left(outcome: Outcome) -> str:
    """What of an executable is still there, in words."""
    if outcome.left:
        return f", and left processes that cannot be ended: {', '.join(map(str, outcome.left))}"
    if outcome.watched or outcome.ending is Ending.ANSWERED:
        return ""
    return ", and what it started in sessions of its own may still run"


def _last_line(complaints: bytes) -> str:
    lines = complaints.decode("utf-8", "replace").strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""


def read_value(expression: ast.TermExpression | ast.Lambda, sort: Sort, theory: Theory) -> OracleValue:
    """The value of a sort that an expression writes; numbers come in one form only.

    Raises:
        TypeCheckError: it is of another sort, or no value.
    """
    scope = Scope(theory, {known.name: known for known in theory.every_sort})
    if isinstance(expression, ast.Lambda):
        parameters = check_parameters(expression.variables, scope)
        body = check_term(expression.body, scope.binding({p.name: leaf(p) for p in parameters}))
        made = Lambda(parameters, body)
        if made.sort != sort:
            raise _wrong(f"a function of sort {made.sort} is no {sort}", expression.position)
        return made
    if sort == REAL:  # where numerals are Ints too, (/ 1 3) is what everybody writes
        scope = replace(scope, theory=replace(theory, numerals=REAL))
    found = check_term(expression, scope)
    if not is_constant(found):
        raise _wrong("this is no constant", expression.position)
    if found.sort in (INT, REAL):
        number = _number(found)
        whole = number is not None and number.denominator == 1
        if number is not None and (sort == REAL or (sort == INT and whole)):
            return value_term(number, sort, theory)
    if found.sort != sort:
        raise _wrong(f"this is {found.sort}, not {sort}", expression.position)
    held = representation(sort)
    return value_term(held.decode(evaluate(found, {}).item()), sort, theory)


def _wrong(message: str, position: Position) -> SourceError:
    return SourceError(message, position)


def _number(root: Term) -> Fraction | None:
    """The exact value of a constant number; None of a division by zero."""

    def visit(node: Term, arguments: list[Fraction | None]) -> Fraction | None:
        if isinstance(node.head, Literal):
            return Fraction(node.head.value)
        if any(argument is None for argument in arguments):
            return None
        values = [argument for argument in arguments if argument is not None]
        if len(values) == 1:
            return -values[0]
        return values[0] / values[1] if values[1] else None

    return fold(root, visit)


def with_answers(call: OracleCall, asked: Sequence[OracleValue], answered: Sequence[OracleValue]) -> Term:
    """The statement of an oracle command with the values of one call in it."""
    values = dict(zip((*call.inputs, *call.outputs), (*asked, *answered), strict=True))

    def visit(node: Term, arguments: list[Term]) -> Term:
        function = node.arguments[0].head if isinstance(node.head, Call) else node.head
        value = values.get(function) if isinstance(function, Variable) else None
        if isinstance(value, Lambda):
            if isinstance(node.head, Call):
                return value.apply(arguments[1:])
            return node if node.sort.is_function else value.apply(arguments)
        if value is not None:
            return value
        return term(node.head, tuple(arguments), node.sort) if arguments else node

    return fold(expand(call.statement), visit)


def of_function(symbol: OracleFunction, theory: Theory, seconds: float = SECONDS) -> ExternalOracle:
    """The executable behind a declared oracle function.

    Raises:
        OracleError: there is none.
    """
    by_file = any(keyword == "file" for keyword, _ in symbol.options)
    return ExternalOracle(symbol.oracle, symbol.parameters, (symbol.sort,), theory, by_file=by_file, seconds=seconds)


def of_call(call: OracleCall, theory: Theory, seconds: float = SECONDS) -> ExternalOracle:
    """The executable behind an oracle command; each time it is asked it may answer something else.

    Raises:
        OracleError: there is none.
    """
    inputs, outputs = (tuple(v.sort for v in variables) for variables in (call.inputs, call.outputs))
    return ExternalOracle(call.oracle, inputs, outputs, theory, by_file=call.by_file, seconds=seconds, functional=False)


def applications(root: Term) -> list[Term]:
    """Every application of an oracle function in a term, arguments before what is made of them."""
    found: list[Term] = []

    def visit(node: Term, _: list[None]) -> None:
        if isinstance(node.head, OracleFunction) and node.arguments:
            found.append(node)

    fold(root, visit)
    return found

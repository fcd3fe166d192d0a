"""cvc5 beside Z3: asked for answers, and whether it proves one. It runs in a process of its own, within the time."""

from __future__ import annotations

import importlib.util
import json
import select
import socket
import sys
from pathlib import Path
from types import TracebackType

from solvers.cegis import peer_process
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.specification import Bodies, Specification
from solvers.pausing import Pausing, finished
from sygus.bounds import FOREVER
from sygus.errors import SycamError
from sygus.language.problem import Target
from sygus.language.smtlib import Writer, free_variables
from sygus.language.terms import Definition, Term, subterms
from sygus.records import record

PACKAGE = "cvc5"
"""What is imported, in the process."""

INSTALL = 'pip install "sycam-sygus[cvc5]"'

LOGICS = {"LIA", "LRA", "NIA", "NRA", "BV", "SLIA"}
"""That mean to cvc5 what they mean here, so that it proposes their terms where a file gives no grammar; else ALL."""

MOST_PRINTED = 1 << 26
"""Bytes of an answer that are read."""

POLL = 0.05
"""Seconds for which the process is waited for between two pauses."""

_PROGRAM = Path(peer_process.__file__)


class PeerError(Exception):
    """cvc5 cannot read what it is asked, or has ended; the message says so."""


def is_installed() -> bool:
    """Whether cvc5 can be asked."""
    return importlib.util.find_spec(PACKAGE) is not None


class Peer:
    """A process of cvc5; ended with the block that it is made for.

    Args:
        limits: of time.
        sygus: whether the commands are of SyGuS-IF; of SMT-LIB otherwise.
        further: whether other commands come after the first ones, which cvc5 is slower with.
    """

    def __init__(self, limits: Limits, *, sygus: bool = False, further: bool = False) -> None:
        self._limits = limits
        options = {"incremental": str(further).lower()} | ({"sygus": "true"} if sygus else {})
        self._first = {"language": "SYGUS_2_1" if sygus else "SMT_LIB_2_6", "options": options}

    def __enter__(self) -> Peer:
        import subprocess  # this program's own interpreter with a file of this package, never through a shell

        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise PeerError(f"cvc5 is not installed: {INSTALL}")
        folder, seconds = str(Path(spec.origin).parents[1]), str(min(self._limits.left, FOREVER) + 1.0)
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own program, and there is no shell
                    [sys.executable, "-I", "-S", str(_PROGRAM), folder, seconds],
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                self._ours.close()
                raise PeerError(f"cvc5 cannot be started: {error.strerror}") from None
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._ours.close()
        self._process.kill()
        self._process.wait()

    def run(self, text: str) -> Pausing[str]:
        """What cvc5 prints when it runs commands, after those before, with a pause wherever it is waited for.

        Raises:
            PeerError: it cannot read them, or does not survive them.
            OutOfTimeError: from the limits.
        """
        request = json.dumps({**self._first, "text": text})
        try:
            yield from self._sent(memoryview(f"{request}\n".encode()))
            answer = json.loads((yield from self._line()))
        except (OSError, ValueError):
            self._limits.check()
            raise PeerError("cvc5 ended without an answer") from None
        if "error" in answer:
            raise PeerError(f"cvc5 says: {answer['error']}")
        return str(answer["printed"])

    def _sent(self, data: memoryview) -> Pausing[None]:
        while data:
            yield from self._ready([], [self._ours])
            data = data[self._ours.send(data) :]

    def _line(self) -> Pausing[bytes]:
        received = bytearray()
        while not received.endswith(b"\n"):
            yield from self._ready([self._ours], [])
            data = self._ours.recv(1 << 16)
            if not data or len(received) > MOST_PRINTED:
                raise PeerError("cvc5 printed more than is read" if data else "cvc5 ended without an answer")
            received += data
        return bytes(received)

    def _ready(self, readable: list[socket.socket], writable: list[socket.socket]) -> Pausing[None]:
        """Wait until the process may be read from or written to.

        Raises:
            OutOfTimeError: from the limits.
        """
        while True:
            self._limits.check()
            if any(select.select(readable, writable, [], min(POLL, self._limits.left))):
                return
            yield


@record(frozen=True)
class Opinion:
    """What cvc5 says of an answer.

    Attributes:
        agrees: whether it proves every constraint; None where it cannot tell.
        reason: why it cannot tell, in words.
    """

    agrees: bool | None
    reason: str = ""


def opinion(specification: Specification, bodies: Bodies, limits: Limits) -> Opinion:
    """Whether cvc5 proves that bodies satisfy the constraints, from the text of both and without our view of Z3."""
    try:
        limits.check()
        with Peer(limits) as peer:
            said = finished(peer.run(claim_text(specification, bodies)))
    except OutOfTimeError:
        return Opinion(None, "cvc5 did not decide it in time")
    except PeerError as error:
        return Opinion(None, str(error))
    except SycamError as error:  # too large to be written out
        return Opinion(None, f"cvc5 was not asked: {error}")
    if said in ("sat", "unsat"):
        return Opinion(said == "unsat")
    return Opinion(None, "cvc5 could not decide it")


def claim_text(specification: Specification, bodies: Bodies) -> str:
    """SMT-LIB that is satisfiable where bodies break a constraint.

    Raises:
        SycamError: it is too large to be written out.
    """
    writer = Writer(_taken(specification))
    formulas = [conjunct.formula for conjunct in specification.conjuncts]
    lines = [f"(declare-const {writer.name(v)} {writer.sort(v.sort)})" for v in free_variables(formulas)]
    lines += [writer.definition(function, body) for function, body in bodies.items()]
    claims = " ".join(writer.term(formula) for formula in formulas)
    lines += [f"(assert (not (and true {claims})))", "(check-sat)"]
    return "\n".join(["(set-logic ALL)", *writer.declarations(), *lines])


def problem_text(specification: Specification) -> str:
    """The whole problem in SyGuS-IF as cvc5 reads it, without anything that a file asks of its solver.

    Raises:
        SycamError: it is too large to be written out.
    """
    writer = Writer(_taken(specification))
    formulas = [conjunct.formula for conjunct in specification.conjuncts]
    lines = [f"(declare-var {writer.name(v)} {writer.sort(v.sort)})" for v in free_variables(formulas)]
    lines += [writer.definition(macro, macro.body) for macro in _macros(specification)]
    lines += [f"(synth-fun {writer.signature(t.function)}{_grammar(t, writer)})" for t in specification.targets]
    lines += [f"(constraint {writer.term(formula)})" for formula in formulas]
    logic = specification.problem.logic
    start = f"(set-logic {logic if logic in LOGICS else 'ALL'})"
    return "\n".join([start, *writer.declarations(), *lines, "(check-synth)"])


def _taken(specification: Specification) -> set[str]:
    """The names that mean something in a problem."""
    problem = specification.problem
    return {*problem.theory.entries, *problem.scope.symbols, *(str(sort) for sort in problem.theory.every_sort)}


def _templates(target: Target) -> list[Term]:
    return [p.template for productions in target.written.productions.values() for p in productions]


def _macros(specification: Specification) -> list[Definition]:
    """The macros of the file that grammars apply; cvc5's answers may apply them too."""
    heads = {n.head for t in specification.targets if not t.free for one in _templates(t) for n in subterms(one)}
    return [macro for macro in specification.problem.definitions if macro in heads]


def _grammar(target: Target, writer: Writer) -> str:
    if target.free:
        return ""
    symbols = " ".join(f"({writer.name(n)} {writer.sort(n.sort)})" for n in target.written.productions)
    rules = " ".join(
        f"({writer.name(n)} {writer.sort(n.sort)} ({' '.join(writer.template(p.template) for p in productions)}))"
        for n, productions in target.written.productions.items()
    )
    return f" ({symbols}) ({rules})"

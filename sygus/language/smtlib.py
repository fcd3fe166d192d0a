"""Terms as other solvers read them: SMT-LIB, macros written out, what comes several times bound by ``let``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from sygus.errors import SycamError
from sygus.language.linked import defining
from sygus.language.syntax.printer import print_symbol
from sygus.language.terms import (
    INT,
    AnyConstant,
    Definition,
    Head,
    Hole,
    Literal,
    Nonterminal,
    Sort,
    SynthFunction,
    Term,
    Variable,
    expand,
    fold,
    leaf,
    private_variable,
    subterms,
    term,
    text_pieces,
)
from sygus.language.text import LARGEST, literal_text, term_text
from sygus.language.theories.calls import Call
from sygus.language.theories.quantifiers import Quantifier, is_quantified
from sygus.language.theories.recursion import Recursive, reached
from sygus.language.theories.structured import Datatype, Uninterpreted, datatypes_within

Named = Variable | Nonterminal | SynthFunction | Definition
"""What a file gives a name, or what stands for something in it."""


class Writer:
    """Writes terms; variables and nonterminals get names of their own, so that none is another's or a solver's word.

    Args:
        taken: names that mean something else in the text.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._names: dict[Head, str] = {}
        self._sorts: dict[Sort, None] = {}

    def name(self, one: Named) -> str:
        """As it is written: functions and macros keep their names."""
        if isinstance(one, SynthFunction | Definition):
            return print_symbol(one.name)
        if one not in self._names:
            letter = "N" if isinstance(one, Nonterminal) else "v"
            number = len(self._names)
            while f"{letter}{number}" in self._taken:
                number += 1
            self._taken.add(f"{letter}{number}")
            self._names[one] = f"{letter}{number}"
        return self._names[one]

    def sort(self, sort: Sort) -> str:
        """A sort, which is declared among :meth:`declarations`."""
        self._sorts[sort] = None
        return str(sort)

    def term(self, root: Term) -> str:
        """A term without macros.

        Raises:
            SycamError: it has so many nodes that nobody could read it, or calls what only its file defines.
        """
        if is_quantified(root):  # what is bound may not be taken out of its binder
            return self._text(root)
        bound, body = _shared(root)
        lets = [f"(let (({self.name(variable)} {self._text(one)})) " for variable, one in bound]
        return f"{''.join(lets)}{self._text(body)}{')' * len(lets)}"

    def template(self, root: Term) -> str:
        """The right-hand side of a production, in which macros keep their names."""
        return self._text(root)

    def signature(self, one: SynthFunction | Definition) -> str:
        """``f ((x σ)…) σ``."""
        parameters = " ".join(f"({self.name(p)} {self.sort(p.sort)})" for p in one.parameters)
        return f"{self.name(one)} ({parameters}) {self.sort(one.sort)}"

    def definition(self, one: SynthFunction | Definition, body: Term) -> str:
        """``(define-fun f ((x σ)…) σ body)``, macros written out; a ``define-fun-rec`` where the body calls f."""
        command = defining(one, body) if isinstance(one, SynthFunction) else "define-fun"
        return f"({command} {self.signature(one)} {self.term(expand(body))})"

    def declarations(self) -> list[str]:
        """The declared sorts and datatypes of all that was written."""
        return declarations(self._sorts)

    def _text(self, root: Term) -> str:
        if root.size > LARGEST:
            raise SycamError(f"a term of more than {LARGEST} nodes cannot be written out", "ask for a smaller one")
        for node in subterms(root):
            if isinstance(node.head, Recursive | Call):
                what = "a recursive definition" if isinstance(node.head, Recursive) else "a variable that is a function"
                raise SycamError(f"{what} is not written for other solvers", "Z3 alone is asked about it")
            self._sorts[node.sort] = None

        def named(head: Head) -> str:
            match head:
                case Literal():
                    return literal_text(head, INT)
                case Hole():
                    return self.name(head.nonterminal)
                case AnyConstant():
                    return f"(Constant {head.sort})"
                case Variable() | SynthFunction() | Definition():
                    return self.name(head)
                case Quantifier():
                    bound = " ".join(f"({self.name(v)} {self.sort(v.sort)})" for v in head.variables)
                    return f"{head.name.partition(' ')[0]} ({bound})"
            return str(head.name)

        return "".join(text_pieces(root, named))


def declarations(sorts: Iterable[Sort]) -> list[str]:
    """The commands that declare some sorts, and all that these are made of."""
    given = tuple(sorts)
    made = datatypes_within(*given)
    datatypes = list(dict.fromkeys(s.declaration for s in made if isinstance(s.declaration, Datatype)))
    parts = [sort for datatype in datatypes for c in datatype.constructors for _, sort in c.selectors]
    plain = dict.fromkeys(
        print_symbol(sort.name)
        for one in (*given, *parts)
        for sort in _within(one)
        if isinstance(sort.declaration, Uninterpreted)
    )
    lines = [f"(declare-sort {name} 0)" for name in plain]
    if datatypes:
        names = " ".join(f"({print_symbol(d.name)} {len(d.parameters)})" for d in datatypes)
        lines.append(f"(declare-datatypes ({names}) ({' '.join(map(_constructors, datatypes))}))")
    return lines


def recursions(root: Term) -> list[Recursive]:
    """The recursive functions that a term without macros calls, and those that these call."""
    return reached([node.head for node in subterms(root) if isinstance(node.head, Recursive)])


def definition_of(functions: Sequence[Recursive]) -> str:
    """``(define-funs-rec (…) (…))``, under the names of the file."""
    heads = []
    for one in functions:
        parameters = " ".join(f"({print_symbol(p.name)} {p.sort})" for p in one.parameters)
        heads.append(f"({print_symbol(one.name)} ({parameters}) {one.sort})")
    bodies = " ".join(term_text(one.body, INT) for one in functions)
    return f"(define-funs-rec ({' '.join(heads)}) ({bodies}))"


def free_variables(roots: Iterable[Term]) -> tuple[Variable, ...]:
    """The variables of formulas that no quantifier binds, in the order in which they come."""
    found: dict[Variable, None] = {}
    bound: set[Variable] = set()
    for node in (node for root in roots for node in subterms(root)):
        if isinstance(node.head, Variable):
            found[node.head] = None
        elif isinstance(node.head, Quantifier):
            bound.update(node.head.variables)
    return tuple(variable for variable in found if variable not in bound)


def _shared(root: Term) -> tuple[list[tuple[Variable, Term]], Term]:
    """What comes several times, as variables that stand for it, of which later ones may hold earlier ones; the rest."""
    uses = Counter(argument for node in subterms(root) for argument in node.arguments)
    bound: list[tuple[Variable, Term]] = []

    def visit(node: Term, arguments: list[Term]) -> Term:
        if not arguments:
            return node
        made = term(node.head, tuple(arguments), node.sort)
        if uses[node] < 2:
            return made
        variable = private_variable("let", len(bound), node.sort)
        bound.append((variable, made))
        return leaf(variable)

    return bound, fold(root, visit)


def _within(sort: Sort) -> Iterator[Sort]:
    """A sort and all that it is made of."""
    yield sort
    for argument in sort.arguments:
        yield from _within(argument)


def _constructors(datatype: Datatype) -> str:
    made = []
    for constructor in datatype.constructors:
        parts = "".join(f" ({print_symbol(name)} {sort})" for name, sort in constructor.selectors)
        made.append(f"({print_symbol(constructor.name)}{parts})")
    listed = f"({' '.join(made)})"
    return f"(par ({' '.join(map(str, datatype.parameters))}) {listed})" if datatype.parameters else listed

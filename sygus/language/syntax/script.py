"""The commands, terms, sorts and grammars of a SyGuS-IF script, as immutable records with positions.

The classes follow the syntax chapter of the SyGuS-IF 2.1 standard, one per alternative. Two nodes are equal when
they say the same, wherever they were written: positions take no part in comparisons. Comparing, hashing and ``repr``
recurse, so for terms nested hundreds deep compare what the printer makes of them.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal, TypeAlias

from sygus.errors import Position
from sygus.language.syntax._node import Node as Node
from sygus.records import record

#: The position of nodes that were not read from a text.
NOWHERE = Position(0, 0, 0, 0)

LiteralKind: TypeAlias = Literal["numeral", "decimal", "boolean", "hexadecimal", "binary", "string"]


# Identifiers, sorts and attributes


class Identifier(Node):
    """A symbol ``f``, an indexed one such as ``(_ BitVec 8)``, or one with its sort, ``(as nil (List Int))``.

    A quoted symbol stands without its bars.
    """

    symbol: str
    indices: tuple[int | str, ...] = ()
    sort: SortExpression | None = None


class SortExpression(Node):
    """A sort, with the arguments of a parametric one; ``(-> A B C)`` is "->" with the arguments A, B and C."""

    identifier: Identifier
    arguments: tuple[SortExpression, ...] = ()


class SortedVariable(Node):
    """``(name sort)``: a parameter, a bound variable, a selector, a predeclared nonterminal."""

    name: str
    sort: SortExpression


class LiteralExpression(Node):
    """A literal; ``text`` as written, but for a string its characters, without quotes and with ``""`` read as one."""

    kind: LiteralKind
    text: str


class SExpression(Node):
    """A list in the value of an attribute; a bare keyword in it is an attribute without a value."""

    items: tuple[AttributeValue | Attribute, ...]


AttributeValue: TypeAlias = LiteralExpression | Identifier | SExpression


class Attribute(Node):
    """``:keyword`` or ``:keyword value``; the keyword without its colon."""

    keyword: str
    value: AttributeValue | None = None


# Terms


class Reference(Node):
    """An identifier used as a term: a variable, a constant, a nonterminal."""

    identifier: Identifier


class Application(Node):
    """``(f t…)`` with one argument or more."""

    identifier: Identifier
    arguments: tuple[TermExpression, ...]


class Annotated(Node):
    """``(! t attribute…)`` with one attribute or more."""

    term: TermExpression
    attributes: tuple[Attribute, ...]


class Quantified(Node):
    """``(forall ((x S)…) t)`` or ``(exists ((x S)…) t)``."""

    quantifier: Literal["forall", "exists"]
    variables: tuple[SortedVariable, ...]
    body: TermExpression


class Let(Node):
    """``(let ((x t)…) body)``; the bindings are parallel."""

    bindings: tuple[tuple[str, TermExpression], ...]
    body: TermExpression


class AnyConstant(Node):
    """``(Constant S)`` in a grammar: any constant of the sort."""

    sort: SortExpression


class AnyVariable(Node):
    """``(Variable S)`` in a grammar: any parameter of the sort."""

    sort: SortExpression


class Lambda(Node):
    """``(lambda ((x S)…) t)``: a function as a value; oracles alone take and give them."""

    variables: tuple[SortedVariable, ...]
    body: TermExpression


TermExpression: TypeAlias = (
    LiteralExpression | Reference | Application | Annotated | Quantified | Let | AnyConstant | AnyVariable
)


# Grammars and datatypes


class NonterminalGroup(Node):
    """``(name sort (production…))``."""

    name: str
    sort: SortExpression
    productions: tuple[TermExpression, ...]


class GrammarExpression(Node):
    """The rules of a function to synthesise; ``predeclarations`` is None where older syntax leaves the list out."""

    predeclarations: tuple[SortedVariable, ...] | None
    groups: tuple[NonterminalGroup, ...]


class ConstructorDeclaration(Node):
    """``(constructor (selector S)…)`` of a datatype."""

    name: str
    selectors: tuple[SortedVariable, ...]


class DatatypeDeclaration(Node):
    """``(constructor…)``, or ``(par (u…) (constructor…))`` with SMT-LIB's sort parameters."""

    constructors: tuple[ConstructorDeclaration, ...]
    parameters: tuple[str, ...] = ()


class SortDeclaration(Node):
    """``(name arity)`` in declare-datatypes."""

    name: str
    arity: int


# Commands


class SetInfo(Node):
    """``(set-info :keyword value)``."""

    keyword: str
    value: AttributeValue


class SetLogic(Node):
    """``(set-logic logic)``."""

    logic: str


class SetFeature(Node):
    """``(set-feature :feature true)`` or ``false``; the feature without its colon."""

    feature: str
    enabled: bool


class SetOption(Node):
    """``(set-option :keyword value)``."""

    keyword: str
    value: AttributeValue


class DeclareVar(Node):
    """``(declare-var name S)``."""

    name: str
    sort: SortExpression


class DeclareDatatype(Node):
    """``(declare-datatype name datatype)``."""

    name: str
    datatype: DatatypeDeclaration


class DeclareDatatypes(Node):
    """``(declare-datatypes ((name arity)…) (datatype…))``; both lists are of one length."""

    sorts: tuple[SortDeclaration, ...]
    datatypes: tuple[DatatypeDeclaration, ...]


class DeclareSort(Node):
    """``(declare-sort name arity)``."""

    name: str
    arity: int


class DefineSort(Node):
    """``(define-sort name S)`` or ``(define-sort name (u…) S)``."""

    name: str
    parameters: tuple[str, ...]
    sort: SortExpression


class DeclareWeight(Node):
    """``(declare-weight keyword attribute…)``; the keyword without its colon."""

    keyword: str
    attributes: tuple[Attribute, ...]


class DefineFun(Node):
    """``(define-fun name ((x S)…) S body)``."""

    name: str
    parameters: tuple[SortedVariable, ...]
    sort: SortExpression
    body: TermExpression


class DefineFunRec(DefineFun):
    """The same in an answer, by ``define-fun-rec`` or as one of a ``define-funs-rec``, so that it may call itself."""


class FunctionDeclaration(Node):
    """``(name ((x S)…) S)``, in ``define-funs-rec``."""

    name: str
    parameters: tuple[SortedVariable, ...]
    sort: SortExpression


class DefineFunsRec(Node):
    """``(define-funs-rec (declaration…) (body…))``, or ``(define-fun-rec name ((x S)…) S body)``; of SMT-LIB."""

    declarations: tuple[FunctionDeclaration, ...]
    bodies: tuple[TermExpression, ...]


class SynthFun(Node):
    """``(synth-fun name ((x S)…) S grammar)``; without a grammar every term of the logic is allowed."""

    name: str
    parameters: tuple[SortedVariable, ...]
    sort: SortExpression
    grammar: GrammarExpression | None


class SynthInv(Node):
    """``(synth-inv name ((x S)…) grammar)``, of the standard before 2.1: a synth-fun of sort Bool."""

    name: str
    parameters: tuple[SortedVariable, ...]
    grammar: GrammarExpression | None


class Constraint(Node):
    """``(constraint t)``."""

    term: TermExpression


class Assume(Node):
    """``(assume t)``."""

    term: TermExpression


class InvConstraint(Node):
    """``(inv-constraint Inv Pre Trans Post)``."""

    invariant: str
    precondition: str
    transition: str
    postcondition: str


class ChcConstraint(Node):
    """``(chc-constraint ((x S)…) body head)``."""

    variables: tuple[SortedVariable, ...]
    body: TermExpression
    head: TermExpression


class CheckSynth(Node):
    """``(check-synth)``."""


class OptimizeSynth(Node):
    """``(optimize-synth (t…) attribute…)``."""

    objectives: tuple[TermExpression, ...]
    attributes: tuple[Attribute, ...]


class DeclareOracleFun(Node):
    """``(declare-oracle-fun name (S…) S oracle attribute…)``."""

    name: str
    parameters: tuple[SortExpression, ...]
    sort: SortExpression
    oracle: str
    attributes: tuple[Attribute, ...]


class _OracleTerm(Node):
    """``(command ((x S)…) ((y T)…) t oracle attribute…)``: what a call with inputs x and outputs y adds."""

    inputs: tuple[SortedVariable, ...]
    outputs: tuple[SortedVariable, ...]
    term: TermExpression
    oracle: str
    attributes: tuple[Attribute, ...]


class OracleConstraint(_OracleTerm):
    """``(oracle-constraint ((x S)…) ((y T)…) t oracle attribute…)``."""


class OracleAssume(_OracleTerm):
    """``(oracle-assume ((x S)…) ((y T)…) t oracle attribute…)``."""


class _OracleOfFunction(Node):
    """``(command function oracle attribute…)``: an oracle of one of the standard's predefined kinds."""

    function: str
    oracle: str
    attributes: tuple[Attribute, ...]


class OracleConstraintIO(_OracleOfFunction):
    """``(oracle-constraint-io F oracle)``: input in, output out."""


class OracleConstraintCex(_OracleOfFunction):
    """``(oracle-constraint-cex F oracle)``: candidate in, counterexample out."""


class OracleConstraintMembership(_OracleOfFunction):
    """``(oracle-constraint-membership F oracle)``: is this pair of input and output in F?"""


class OracleConstraintPosWitness(_OracleOfFunction):
    """``(oracle-constraint-poswitness F oracle)``: a pair that is in F."""


class OracleConstraintNegWitness(_OracleOfFunction):
    """``(oracle-constraint-negwitness F oracle)``: a pair that is not in F."""


class DeclareCorrectnessOracle(_OracleOfFunction):
    """``(declare-correctness-oracle F oracle)``: is the candidate right?"""


class DeclareCorrectnessCexOracle(_OracleOfFunction):
    """``(declare-correctness-cex-oracle F oracle)``: is it right, and if not, where does it fail?"""


SettingCommand: TypeAlias = SetInfo | SetLogic | SetFeature | SetOption
SortCommand: TypeAlias = DeclareDatatype | DeclareDatatypes | DeclareSort | DefineSort
SymbolCommand: TypeAlias = DeclareVar | DeclareWeight | DefineFun | DefineFunsRec | SynthFun | SynthInv
ConstraintCommand: TypeAlias = Constraint | Assume | InvConstraint | ChcConstraint
SolveCommand: TypeAlias = CheckSynth | OptimizeSynth
OracleTermCommand: TypeAlias = OracleConstraint | OracleAssume
WitnessCommand: TypeAlias = OracleConstraintMembership | OracleConstraintPosWitness | OracleConstraintNegWitness
CorrectnessCommand: TypeAlias = OracleConstraintCex | DeclareCorrectnessOracle | DeclareCorrectnessCexOracle
OracleOfFunctionCommand: TypeAlias = OracleConstraintIO | WitnessCommand | CorrectnessCommand
OracleCommand: TypeAlias = DeclareOracleFun | OracleTermCommand | OracleOfFunctionCommand
Command: TypeAlias = SettingCommand | SortCommand | SymbolCommand | ConstraintCommand | SolveCommand | OracleCommand


@record(frozen=True, slots=True)
class Script:
    """The commands of a text, in order, and the text they were read from.

    ``legacy`` says in words which syntax older than 2.1 was met, one entry for each kind, with its first line.
    """

    commands: tuple[Command, ...]
    file: str = field(default="<text>", compare=False)
    text: str = field(default="", compare=False, repr=False)
    legacy: tuple[str, ...] = field(default=(), compare=False)

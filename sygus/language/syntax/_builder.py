"""What each rule of ``grammar.lark`` makes of its tokens and of what the rules inside it made.

Every token is kept, so that the first and the last child of a rule give its position.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from lark import Token, Transformer

from sygus.errors import ParseError, Position
from sygus.language.syntax import script as ast
from sygus.language.syntax._diagnosis import COMMAND_FORMS, shortened
from sygus.language.syntax.legacy import FUNCTIONS

#: The standard's reserved words: as names they must be quoted with bars. It leaves out assume and synth-inv.
RESERVED = frozenset({"!", "_", "true", "false", "Constant", "Variable", "exists", "forall", "let"}).union(
    COMMAND_FORMS.keys() - {"assume", "synth-inv"}
)

_LONGEST_INTEGER = 1000  # digits; no arity or index comes near, and Python refuses to read more than 4,300

#: The constructors of the sorts with arguments that a let of the first standard may name.
_OLDER_SORTS = tuple(ast.Identifier(name, position=ast.NOWHERE) for name in ("BitVec", "Array"))

_Children: TypeAlias = list[Any]
_Node = TypeVar("_Node", bound=ast.Node)


def _span(children: Sequence[Any]) -> Position:
    """From the start of the first child to the end of the last; tokens and nodes both serve."""
    start, end = children[0], children[-1]
    first: Any = start if isinstance(start, Token) else start.position
    last: Any = end if isinstance(end, Token) else end.position
    return Position(first.line, first.column, last.end_line, last.end_column)


def _name(token: Token) -> str:
    text: str = token.value
    if text[0] == "|":
        return text[1:-1]
    if text in RESERVED:
        hint = f"a name is needed here: quote it, |{text}|, if it is one"
        if text in ("forall", "exists"):
            hint += "; the rules of a grammar hold no binders"
        if text in ("Constant", "Variable"):
            hint = f"({text} S) may stand only in the rules of a grammar"
        raise ParseError(f"{text!r} is a reserved word", _span([token]), hint)
    return text


def _integer(token: Token) -> int:
    if token[0] == "-" or len(token) > _LONGEST_INTEGER:
        raise ParseError(
            f"{shortened(token)!r} is no index or arity", _span([token]), "a natural number is needed here"
        )
    return int(token)


def _record(node: Callable[..., Any], skip: int = 2) -> Callable[[Builder, _Children], Any]:
    """The method for a rule in which ``skip`` tokens come before the fields of the node, and a ")" after them."""

    def build(_: Builder, children: _Children) -> Any:
        return node(*children[skip:-1], position=_span(children))

    return build


def _listed(_: Builder, children: _Children) -> tuple[Any, ...]:
    """The elements of a list in parentheses."""
    return tuple(children[1:-1])


def _literal(kind: ast.LiteralKind) -> Callable[[Builder, _Children], ast.LiteralExpression]:
    def build(_: Builder, children: _Children) -> ast.LiteralExpression:
        return ast.LiteralExpression(kind, children[0].value, position=_span(children))

    return build


def _number(kind: ast.LiteralKind) -> Callable[[Builder, _Children], ast.LiteralExpression]:
    def build(builder: Builder, children: _Children) -> ast.LiteralExpression:
        text: str = children[0].value
        natural = text.lstrip("-")
        if natural[0] == "0" and natural[1:2].isdigit():
            raise ParseError(f"{shortened(text)!r} is no number", _span(children), "leading zeros are not allowed")
        if text[0] == "-":
            builder.note("a number with a sign, as -1 for (- 1)", children)
        return ast.LiteralExpression(kind, text, position=_span(children))

    return build


def _oracle_term(node: type[ast.OracleTermCommand]) -> Callable[[Builder, _Children], ast.OracleTermCommand]:
    """The standard's grammar puts the oracle's name after the term, some of its examples before."""

    def build(_: Builder, children: _Children) -> ast.OracleTermCommand:
        inputs, outputs, term, name, attributes = children[2:-1]
        if not _is_name(name):
            term, name = name, term
        if not _is_name(name):
            raise ParseError("the name of the oracle is missing", _span(children), "it is a symbol, after the term")
        return node(inputs, outputs, term, name.identifier.symbol, attributes, position=_span(children))

    return build


def _is_name(term: ast.TermExpression) -> bool:
    return isinstance(term, ast.Reference) and not term.identifier.indices and term.identifier.sort is None


class Builder(Transformer[Token, Any]):
    """One method for each rule of the grammar, under the rule's name or its alias; ``older`` collects older syntax."""

    def __init__(self) -> None:
        super().__init__()
        self.older: dict[str, int] = {}

    def note(self, kind: str, children: Sequence[Any]) -> None:
        """Remember older syntax and the line it was first met in."""
        self.older.setdefault(kind, _span(children).line)

    def note_function(self, identifier: ast.Identifier) -> None:
        """Remember the older name of a function."""
        today = FUNCTIONS.get(identifier.symbol)
        if today is not None:
            self.note(f"{identifier.symbol} for {today}", [identifier])

    def script(self, children: _Children) -> tuple[ast.Command, ...]:
        commands: list[ast.Command] = []
        for child in children:
            commands.extend(child if isinstance(child, tuple) else (child,))
        return tuple(commands)

    # Literals, symbols, identifiers

    literal_numeral = _number("numeral")
    literal_decimal = _number("decimal")
    literal_boolean = _literal("boolean")
    literal_hexadecimal = _literal("hexadecimal")
    literal_binary = _literal("binary")

    def literal_string(self, children: _Children) -> ast.LiteralExpression:
        content = children[0].value[1:-1].replace('""', '"')
        return ast.LiteralExpression("string", content, position=_span(children))

    def symbol(self, children: _Children) -> str:
        return _name(children[0])

    def plain_identifier(self, children: _Children) -> ast.Identifier:
        return ast.Identifier(_name(children[0]), position=_span(children))

    def indexed_identifier(self, children: _Children) -> ast.Identifier:
        return ast.Identifier(children[2], tuple(children[3:-1]), position=_span(children))

    def ascribed_identifier(self, children: _Children) -> ast.Identifier:
        return ast.Identifier(children[2], (), children[3], position=_span(children))

    def natural(self, children: _Children) -> int:
        return _integer(children[0])

    def index_symbol(self, children: _Children) -> str:
        return _name(children[0])

    # Attributes

    def attributes(self, children: _Children) -> tuple[ast.Attribute, ...]:
        return tuple(children)

    some_attributes = attributes

    def attribute(self, children: _Children) -> ast.Attribute:
        keyword, value = children
        position = _span(children if value is not None else children[:1])
        return ast.Attribute(keyword.value[1:], value, position=position)

    def attribute_symbol(self, children: _Children) -> ast.Identifier:
        text = children[0].value
        return ast.Identifier(text[1:-1] if text[0] == "|" else text, position=_span(children))

    def attribute_list(self, children: _Children) -> ast.SExpression:
        return ast.SExpression(tuple(children[1:-1]), position=_span(children))

    def attribute_keyword(self, children: _Children) -> ast.Attribute:
        return ast.Attribute(children[0].value[1:], position=_span(children))

    # Sorts

    sorts = _listed

    def plain_sort(self, children: _Children) -> ast.SortExpression:
        return ast.SortExpression(children[0], position=children[0].position)

    def parametric_sort(self, children: _Children) -> ast.SortExpression:
        return ast.SortExpression(children[1], tuple(children[2:-1]), position=_span(children))

    def older_bit_vector_sort(self, children: _Children) -> ast.SortExpression:
        identifier = children[1]
        if identifier != _OLDER_SORTS[0]:
            hint = "an indexed sort is written (_ NAME INDEX)"
            raise ParseError("a number is no argument of a sort", _span(children), hint)
        self.note("the sort (BitVec n) for (_ BitVec n)", children)
        indexed = ast.Identifier("BitVec", (children[2],), position=_span(children))
        return ast.SortExpression(indexed, position=_span(children))

    # Terms

    variables = some_variables = bindings = grammar_bindings = terms = _listed
    variable = _record(ast.SortedVariable, skip=1)
    annotated = _record(ast.Annotated)
    any_constant = _record(ast.AnyConstant)
    any_variable = _record(ast.AnyVariable)
    let = _record(ast.Let)
    lambda_term = _record(ast.Lambda)
    values = _listed

    def expression(self, children: _Children) -> ast.TermExpression:
        term: ast.TermExpression = children[0]
        return term

    def reference(self, children: _Children) -> ast.Reference:
        self.note_function(children[0])
        return ast.Reference(children[0], position=children[0].position)

    def application(self, children: _Children) -> ast.Application:
        self.note_function(children[1])
        return ast.Application(children[1], tuple(children[2:-1]), position=_span(children))

    def application_to_nothing(self, children: _Children) -> None:
        symbol = children[1].symbol
        hint = f"a constant stands without parentheses: {symbol}"
        raise ParseError(f"{symbol!r} is applied to no arguments", _span(children), hint)

    def quantified(self, children: _Children) -> ast.Quantified:
        return ast.Quantified(children[1].value, *children[2:-1], position=_span(children))

    def binding(self, children: _Children) -> tuple[str, ast.TermExpression]:
        return children[1], children[-2]

    def older_binding(self, children: _Children) -> tuple[str, ast.TermExpression]:
        _, name, sort, value, _ = children
        if not (isinstance(sort, ast.Reference) or getattr(sort, "identifier", None) in _OLDER_SORTS):
            raise ParseError(f"{name!r} is bound to two terms", _span(children), "a binding is a name and a term")
        self.note("a let that names the sort of its variable", children)
        return name, value

    def older_grammar_let(self, children: _Children) -> ast.Let:
        self.note("a let in the rules of a grammar", children)
        return ast.Let(*children[2:-1], position=_span(children))

    def older_input_variable(self, children: _Children) -> ast.AnyVariable:
        self.note("InputVariable for Variable", children)
        return ast.AnyVariable(children[2], position=_span(children))

    def objective_without_list(self, children: _Children) -> None:
        hint = "they need a pair of parentheses of their own: (optimize-synth ((! t :min)))"
        raise ParseError("the objectives are no list", _span(children[2:-2]), hint)

    # Grammars and datatypes

    symbols = _listed
    sort_declaration = _record(ast.SortDeclaration, skip=1)

    def constructor(self, children: _Children) -> ast.ConstructorDeclaration:
        return ast.ConstructorDeclaration(children[1], tuple(children[2:-1]), position=_span(children))

    def datatype(self, children: _Children) -> ast.DatatypeDeclaration:
        return ast.DatatypeDeclaration(_all(ast.ConstructorDeclaration, children), position=_span(children))

    def parametric_datatype(self, children: _Children) -> ast.DatatypeDeclaration:
        constructors = _all(ast.ConstructorDeclaration, children)
        return ast.DatatypeDeclaration(constructors, children[2], position=_span(children))

    def group(self, children: _Children) -> ast.NonterminalGroup:
        return ast.NonterminalGroup(children[1], children[2], tuple(children[4:-2]), position=_span(children))

    def grammar(self, children: _Children) -> ast.GrammarExpression:
        groups = _all(ast.NonterminalGroup, children)
        return ast.GrammarExpression(_all(ast.SortedVariable, children), groups, position=_span(children))

    def older_grammar(self, children: _Children) -> ast.GrammarExpression:
        self.note("a grammar without the list of its nonterminals", children)
        return ast.GrammarExpression(None, _all(ast.NonterminalGroup, children), position=_span(children))

    # Commands

    assume = _record(ast.Assume)
    check_synth = _record(ast.CheckSynth)
    chc_constraint = _record(ast.ChcConstraint)
    constraint = _record(ast.Constraint)
    declare_var = _record(ast.DeclareVar)
    declare_weight = _record(ast.DeclareWeight)
    inv_constraint = _record(ast.InvConstraint)
    optimize_synth = _record(ast.OptimizeSynth)
    synth_fun = _record(ast.SynthFun)
    oracle_assume = _oracle_term(ast.OracleAssume)
    oracle_constraint = _oracle_term(ast.OracleConstraint)
    declare_oracle_fun = _record(ast.DeclareOracleFun)
    oracle_constraint_io = _record(ast.OracleConstraintIO)
    oracle_constraint_cex = _record(ast.OracleConstraintCex)
    oracle_constraint_membership = _record(ast.OracleConstraintMembership)
    oracle_constraint_poswitness = _record(ast.OracleConstraintPosWitness)
    oracle_constraint_negwitness = _record(ast.OracleConstraintNegWitness)
    declare_correctness_oracle = _record(ast.DeclareCorrectnessOracle)
    declare_correctness_cex_oracle = _record(ast.DeclareCorrectnessCexOracle)
    declare_datatype = _record(ast.DeclareDatatype)
    declare_sort = _record(ast.DeclareSort)
    define_fun = _record(ast.DefineFun)
    set_logic = _record(ast.SetLogic)

    def declare_oracle_fun_name_first(self, children: _Children) -> ast.DeclareOracleFun:
        name, oracle, parameters, sort, attributes = children[2:-1]
        return ast.DeclareOracleFun(name, parameters, sort, oracle, attributes, position=_span(children))

    def set_feature(self, children: _Children) -> ast.SetFeature:
        return ast.SetFeature(children[2].value[1:], children[3] == "true", position=_span(children))

    def set_info(self, children: _Children) -> ast.SetInfo:
        return ast.SetInfo(children[2].value[1:], children[3], position=_span(children))

    def set_option(self, children: _Children) -> ast.SetOption:
        return ast.SetOption(children[2].value[1:], children[3], position=_span(children))

    def synth_inv(self, children: _Children) -> ast.SynthInv:
        self.note("synth-inv for a synth-fun of sort Bool", children)
        return ast.SynthInv(*children[2:-1], position=_span(children))

    def older_primed_variable(self, children: _Children) -> tuple[ast.DeclareVar, ast.DeclareVar]:
        self.note("declare-primed-var for two declare-var", children)
        name, sort, position = children[2], children[3], _span(children)
        return ast.DeclareVar(name, sort, position=position), ast.DeclareVar(f"{name}!", sort, position=position)

    def declare_datatypes(self, children: _Children) -> ast.DeclareDatatypes:
        sorts, datatypes = _all(ast.SortDeclaration, children), _all(ast.DatatypeDeclaration, children)
        if len(sorts) != len(datatypes):
            message = f"{len(sorts)} names of datatypes, but {len(datatypes)} datatypes"
            raise ParseError(message, _span(children), "one list of constructors is needed for each name")
        return ast.DeclareDatatypes(sorts, datatypes, position=_span(children))

    function = _record(ast.FunctionDeclaration, skip=1)

    def define_fun_rec(self, children: _Children) -> ast.DefineFunsRec:
        name, parameters, sort, body = children[2:-1]
        declaration = ast.FunctionDeclaration(name, parameters, sort, position=_span(children))
        return ast.DefineFunsRec((declaration,), (body,), position=_span(children))

    def define_funs_rec(self, children: _Children) -> ast.DefineFunsRec:
        declarations = _all(ast.FunctionDeclaration, children)
        bodies = tuple(children[5 + len(declarations) : -2])
        if len(declarations) != len(bodies):
            message = f"{len(declarations)} functions, but {len(bodies)} bodies"
            raise ParseError(message, _span(children), "one body is needed for each function")
        return ast.DefineFunsRec(declarations, bodies, position=_span(children))

    def define_sort(self, children: _Children) -> ast.DefineSort:
        name, *parameters, sort = children[2:-1]
        names = _sort_parameters(parameters[0]) if parameters else ()
        return ast.DefineSort(name, names, sort, position=_span(children))

    def define_sort_of_none(self, children: _Children) -> ast.DefineSort:
        return ast.DefineSort(children[2], (), children[5], position=_span(children))

    def define_sort_of_one(self, children: _Children) -> ast.DefineSort:
        return ast.DefineSort(children[2], (children[4],), children[6], position=_span(children))

    def answer(self, children: _Children) -> tuple[tuple[ast.TermExpression, ...], tuple[ast.DefineFun, ...]]:
        values = children[1] if len(children) > 1 and isinstance(children[1], tuple) else ()
        return values, tuple(one for child in children for one in _definitions(child))


def _definitions(command: Any) -> tuple[ast.DefineFun, ...]:
    """The functions that a command of an answer defines."""
    if not isinstance(command, ast.DefineFunsRec):
        return (command,) if isinstance(command, ast.DefineFun) else ()
    return tuple(
        ast.DefineFunRec(one.name, one.parameters, one.sort, body, position=one.position)
        for one, body in zip(command.declarations, command.bodies, strict=True)
    )


def _all(node: type[_Node], children: _Children) -> tuple[_Node, ...]:
    return tuple(child for child in children if isinstance(child, node))


def _sort_parameters(listed: ast.SortExpression) -> tuple[str, ...]:
    """The names in a list of two or more, which reads as a sort with arguments."""
    names = (listed.identifier, *(sort.identifier for sort in listed.arguments))
    plain = not any(name.indices or name.sort for name in names) and not any(s.arguments for s in listed.arguments)
    if not plain or len(names) < 2:
        raise ParseError("this is no list of sort parameters", listed.position, "it is a list of names, (u v)")
    return tuple(name.symbol for name in names)

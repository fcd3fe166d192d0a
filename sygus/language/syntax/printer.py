"""From :class:`~sygus.language.syntax.script.Script` to text that parses to an equal script.

A node is first turned into nested blocks that know their width, then the blocks are laid out in lines of about 100
columns. Both steps keep their own stacks, so terms may nest as deep as memory allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import TypeAlias

from sygus.language.syntax import script as ast
from sygus.language.syntax.parser import is_simple_symbol
from sygus.records import record

_WIDTH = 100
_DEEPEST_INDENT = 48  # deeper lines stay at this column, or a nested term would print in quadratic size

_KEYWORDS: dict[type[ast.Node], str] = {
    ast.Assume: "assume",
    ast.CheckSynth: "check-synth",
    ast.ChcConstraint: "chc-constraint",
    ast.Constraint: "constraint",
    ast.DeclareCorrectnessCexOracle: "declare-correctness-cex-oracle",
    ast.DeclareCorrectnessOracle: "declare-correctness-oracle",
    ast.DeclareDatatype: "declare-datatype",
    ast.DeclareDatatypes: "declare-datatypes",
    ast.DeclareOracleFun: "declare-oracle-fun",
    ast.DeclareSort: "declare-sort",
    ast.DeclareVar: "declare-var",
    ast.DeclareWeight: "declare-weight",
    ast.DefineFun: "define-fun",
    ast.DefineFunsRec: "define-funs-rec",
    ast.DefineSort: "define-sort",
    ast.InvConstraint: "inv-constraint",
    ast.OptimizeSynth: "optimize-synth",
    ast.OracleAssume: "oracle-assume",
    ast.OracleConstraint: "oracle-constraint",
    ast.OracleConstraintCex: "oracle-constraint-cex",
    ast.OracleConstraintIO: "oracle-constraint-io",
    ast.OracleConstraintMembership: "oracle-constraint-membership",
    ast.OracleConstraintNegWitness: "oracle-constraint-negwitness",
    ast.OracleConstraintPosWitness: "oracle-constraint-poswitness",
    ast.SetFeature: "set-feature",
    ast.SetInfo: "set-info",
    ast.SetLogic: "set-logic",
    ast.SetOption: "set-option",
    ast.SynthFun: "synth-fun",
    ast.SynthInv: "synth-inv",
}

#: Commands of different sections are set apart by an empty line.
_SECTIONS: dict[type[ast.Node], int] = {
    **dict.fromkeys((ast.SetInfo, ast.SetLogic, ast.SetFeature, ast.SetOption), 0),
    **dict.fromkeys(
        (ast.DefineFun, ast.DefineFunsRec, ast.DefineSort, ast.DeclareSort, ast.DeclareDatatype, ast.DeclareDatatypes),
        1,
    ),
    **dict.fromkeys((ast.DeclareVar, ast.DeclareWeight, ast.DeclareOracleFun), 2),
    **dict.fromkeys((ast.SynthFun, ast.SynthInv), 3),
}
_CONSTRAINTS = 4


def print_script(script: ast.Script) -> str:
    """The script as SyGuS-IF text; parsing it gives an equal script."""
    lines: list[str] = []
    previous: tuple[int, bool] | None = None
    for command in script.commands:
        text = print_command(command)
        current = _SECTIONS.get(type(command), _CONSTRAINTS), "\n" in text
        if previous and (previous[0] != current[0] or previous[1] or current[1]):
            lines.append("")
        lines.append(text)
        previous = current
    return "\n".join(lines) + "\n"


def print_command(command: ast.Command) -> str:
    """One command, without a final line's end."""
    return _lay_out(_measure(command))


def print_term(term: ast.TermExpression) -> str:
    """One term, over several lines if it is long."""
    return _lay_out(_measure(term))


def print_sort(sort: ast.SortExpression) -> str:
    """One sort."""
    return _lay_out(_measure(sort))


def print_symbol(name: str) -> str:
    """A name in one line, between bars where it is no plain symbol.

    Raises:
        ValueError: the name holds a bar and can be written neither way.
    """
    if is_simple_symbol(name):
        return name
    if "|" in name:
        raise ValueError(f"{name!r} can be written neither plainly nor between bars")
    return f"|{name}|"


# From nodes to blocks


@record(slots=True)
class _List:
    """A list in parentheses whose items may still be nodes.

    When it does not fit on a line, the ``first`` items stay on the opening line and the others take a line each,
    or, with ``fill``, as many a line as fit; ``indent`` is counted from the opening parenthesis.
    """

    items: Sequence[_Item]
    first: int = 1
    indent: int = 2
    fill: bool = False


_Item: TypeAlias = "str | ast.Node | _List"


@record(slots=True)
class _Block:
    """A list whose items are all laid out; ``width`` is its size on one line."""

    shape: _List
    items: list[_Printed] = field(default_factory=list)
    width: int = 2

    def add(self, item: _Printed) -> None:
        self.width += _width(item) + (1 if self.items else 0)
        self.items.append(item)


_Printed: TypeAlias = "str | _Block"


def _width(item: _Printed) -> int:
    return len(item) if isinstance(item, str) else item.width


def _measure(node: ast.Node) -> _Printed:
    """The blocks of a node, innermost first."""
    root = _expanded(node)
    if isinstance(root, str):
        return root
    stack: list[tuple[_Block, Iterator[_Item]]] = [(_Block(root), iter(root.items))]
    while True:
        block, pending = stack[-1]
        for item in pending:
            expanded = _expanded(item)
            if isinstance(expanded, _List):
                stack.append((_Block(expanded), iter(expanded.items)))
                break
            block.add(expanded)
        else:
            stack.pop()
            if not stack:
                return block
            stack[-1][0].add(block)


def _expanded(item: _Item) -> str | _List:
    """One step from a node to text: an atom, or a list of smaller nodes."""
    match item:
        case str() | _List():
            return item
        case ast.LiteralExpression():
            return f'"{item.text.replace(chr(34), chr(34) * 2)}"' if item.kind == "string" else item.text
        case ast.Identifier(symbol, _, ast.SortExpression() as sort):
            return _List(["as", print_symbol(symbol), sort])
        case ast.Identifier(symbol, indices):
            return _List(["_", print_symbol(symbol), *map(_index, indices)]) if indices else print_symbol(symbol)
        case ast.Reference(identifier):
            return _expanded(identifier)
        case ast.SortExpression(identifier, arguments):
            return _List([identifier, *arguments]) if arguments else _expanded(identifier)
        case ast.Application(identifier, arguments):
            return _List([identifier, *arguments])
        case ast.SortedVariable(name, sort):
            return _List([print_symbol(name), sort])
        case _ if type(item) in _KEYWORDS:
            return _command(item)
        case _:
            return _special_form(item)


def _special_form(node: ast.Node) -> _List:
    match node:
        case ast.Annotated(term, attributes):
            return _List(["!", term, *_attribute_items(attributes)], first=2)
        case ast.Quantified(quantifier, variables, body):
            return _List([quantifier, _filled(variables), body], first=2)
        case ast.Let(bindings, body):
            pairs = [_List([print_symbol(name), value]) for name, value in bindings]
            return _List(["let", _List(pairs, indent=1), body], first=2)
        case ast.AnyConstant(sort):
            return _List(["Constant", sort])
        case ast.AnyVariable(sort):
            return _List(["Variable", sort])
        case ast.SExpression(items):
            return _List([_value(value) for value in items], indent=1, fill=True)
        case _:
            return _part_of_command(node)


def _part_of_command(node: ast.Node) -> _List:
    match node:
        case ast.NonterminalGroup(name, sort, productions):
            return _List([print_symbol(name), sort, _filled(productions)], first=3)
        case ast.ConstructorDeclaration(name, selectors):
            return _List([print_symbol(name), *selectors])
        case ast.DatatypeDeclaration(constructors, ()):
            return _List(constructors, indent=1)
        case ast.DatatypeDeclaration(constructors, parameters):
            names = [print_symbol(name) for name in parameters]
            return _List(["par", _filled(names), _List(constructors, indent=1)], first=2)
        case ast.FunctionDeclaration(name, parameters, sort):
            return _List([print_symbol(name), _filled(parameters), sort])
        case ast.SortDeclaration(name, arity):
            return _List([print_symbol(name), str(arity)])
        case _:
            raise TypeError(f"{type(node).__name__} is no part of a script that can be printed")


def _command(command: ast.Node) -> _List:
    """The command's keyword, then its fields in the order of their declaration, which is the standard's."""
    items: list[_Item] = [_KEYWORDS[type(command)]]
    for name in command.field_names:
        items.extend(_field_items(name, getattr(command, name)))
    if isinstance(command, ast.DefineSort) and not command.parameters:
        del items[2]
    if isinstance(command, ast.DeclareWeight):
        items[1] = print_symbol(command.keyword)
    # Of a definition the head stays on the first line and the body, or the grammar, starts the next.
    first = {ast.DefineFun: 4, ast.SynthFun: 4, ast.SynthInv: 3, ast.OptimizeSynth: 2}.get(type(command), 1)
    one_line = not any(isinstance(item, ast.Node | _List) for item in items)
    return _List(items, first=len(items) if one_line else first)


def _field_items(name: str, value: object) -> list[_Item]:
    match value:
        case None:
            return []
        case bool():
            return ["true" if value else "false"]
        case int():
            return [str(value)]
        case str():
            return [f":{value}" if name in ("feature", "keyword") else print_symbol(value)]
        case ast.GrammarExpression(predeclarations, groups):
            listed: list[_Item] = [] if predeclarations is None else [_filled(predeclarations)]
            return [*listed, _List(groups, indent=1)]
        case ast.Identifier() | ast.SExpression():
            return [_value(value)]
        case ast.Node():
            return [value]
        case tuple() if name == "attributes":
            return _attribute_items(value)
        case tuple():
            names = all(isinstance(entry, str) for entry in value)
            return [_filled([print_symbol(entry) for entry in value] if names else value)]
        case _:
            raise TypeError(f"a command holds no {type(value).__name__}")


def _filled(items: Sequence[_Item]) -> _List:
    return _List(items, indent=1, fill=True)


def _attribute_items(attributes: Sequence[ast.Attribute]) -> list[_Item]:
    items: list[_Item] = []
    for attribute in attributes:
        items.append(f":{attribute.keyword}")
        if attribute.value is not None:
            items.append(_value(attribute.value))
    return items


def _value(value: ast.AttributeValue | ast.Attribute) -> _Item:
    """A symbol in the value of an attribute may be any word but true and false."""
    if isinstance(value, ast.Attribute):
        return f":{value.keyword}"
    if isinstance(value, ast.Identifier) and not value.indices:
        bare = is_simple_symbol(value.symbol, reserved=("true", "false"))
        return value.symbol if bare else print_symbol(value.symbol)
    return value


def _index(index: int | str) -> str:
    return str(index) if isinstance(index, int) or index.startswith("#x") else print_symbol(index)


# From blocks to lines


@record(frozen=True, slots=True)
class _Break:
    """Between two items: a space, or the start of a line at ``indent``."""

    indent: int
    room: int = 0  # what must still fit on this line for a space; 0 asks for a new line


def _lay_out(root: _Printed) -> str:
    pieces: list[str] = []
    column = 0
    pending: list[_Printed | _Break] = [root]
    while pending:
        item = pending.pop()
        match item:
            case str():
                pieces.append(item)
                column += len(item)
            case _Break(indent, room):
                same_line = 0 < room <= _WIDTH - column
                pieces.append(" " if same_line else "\n" + " " * indent)
                column = column + 1 if same_line else indent
            case _Block() if column + item.width <= _WIDTH:
                pending.extend(_on_one_line(item))
            case _Block():
                pending.extend(_broken(item, column))
    return "".join(pieces)


def _on_one_line(block: _Block) -> Iterator[_Printed]:
    """The contents in reverse, as a stack wants them."""
    yield ")"
    for position in range(len(block.items) - 1, -1, -1):
        yield block.items[position]
        if position:
            yield " "
    yield "("


def _broken(block: _Block, column: int) -> Iterator[_Printed | _Break]:
    """The contents in reverse, with the breaks of a block that starts at ``column`` and does not fit."""
    indent = min(column + block.shape.indent, _DEEPEST_INDENT)
    yield ")"
    for position in range(len(block.items) - 1, -1, -1):
        item = block.items[position]
        yield item
        if position >= max(1, block.shape.first):
            yield _Break(indent, 1 + _width(item) if block.shape.fill else 0)
        elif position:
            yield " "
    yield "("

"""Text to script: literals, positions, each command, older syntax, answers, depth."""

import pytest

from places import SHARED
from sygus.errors import ParseError, Position
from sygus.language.syntax import parse, parse_answer, parse_term, print_term
from sygus.language.syntax.script import (
    NOWHERE,
    Annotated,
    AnyConstant,
    AnyVariable,
    Application,
    Assume,
    Attribute,
    ChcConstraint,
    CheckSynth,
    Constraint,
    ConstructorDeclaration,
    DatatypeDeclaration,
    DeclareCorrectnessCexOracle,
    DeclareCorrectnessOracle,
    DeclareDatatype,
    DeclareDatatypes,
    DeclareOracleFun,
    DeclareSort,
    DeclareVar,
    DeclareWeight,
    DefineFun,
    DefineFunRec,
    DefineSort,
    GrammarExpression,
    Identifier,
    InvConstraint,
    Let,
    LiteralExpression,
    NonterminalGroup,
    OptimizeSynth,
    OracleAssume,
    OracleConstraint,
    OracleConstraintCex,
    OracleConstraintIO,
    OracleConstraintMembership,
    OracleConstraintNegWitness,
    OracleConstraintPosWitness,
    Quantified,
    Reference,
    Script,
    SetFeature,
    SetInfo,
    SetLogic,
    SetOption,
    SExpression,
    SortDeclaration,
    SortedVariable,
    SortExpression,
    SynthFun,
    SynthInv,
)

PUBLIC = SHARED / "sygus"

EXAMPLE = """\
; Channel weights from activations and gradients: the family of Grad-CAM and Grad-CAM++.
(set-info :sygus-version "2.1")
(set-logic CAM)
(set-feature :oracles true)
(set-feature :weights true)
(set-option :network "shapes-vgg")            ; each overridable on the command line
(set-option :images "shapes")
(declare-weight size :default 1)              ; :default of this keyword counts nodes

(define-fun gradcam ((activation Map) (gradient Map)) Weight (gap gradient))

(declare-oracle-fun average-drop ((-> Map Map Weight)) Real average-drop)

(synth-fun w ((activation Map) (gradient Map)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (relu W) (+ W W) (* W W) (div0 W W)))
   (M Map    (activation gradient (relu M) (abs M) (square M) (+ M M) (* M M) (div0 M M)))))

(constraint (<= (average-drop w) (average-drop gradcam)))      ; the threshold: at least as good as Grad-CAM
(optimize-synth ((! (average-drop w) :min) (! (_ size w) :min)) :lexico)
"""


def name(symbol, *indices):
    return Identifier(symbol, indices, position=NOWHERE)


def sort(symbol, *arguments):
    identifier = symbol if isinstance(symbol, Identifier) else name(symbol)
    return SortExpression(identifier, arguments, position=NOWHERE)


def var(symbol, its_sort="Int"):
    return SortedVariable(symbol, sort(its_sort), position=NOWHERE)


def literal(kind, text):
    return LiteralExpression(kind, text, position=NOWHERE)


def ref(symbol, *indices):
    return Reference(name(symbol, *indices), position=NOWHERE)


def call(symbol, *arguments):
    identifier = symbol if isinstance(symbol, Identifier) else name(symbol)
    return Application(identifier, arguments, position=NOWHERE)


def note(keyword, value=None):
    return Attribute(keyword, value, position=NOWHERE)


def group(symbol, its_sort, *productions):
    return NonterminalGroup(symbol, sort(its_sort), productions, position=NOWHERE)


X, Y, ONE = ref("x"), ref("y"), literal("numeral", "1")
LIST = DatatypeDeclaration(
    (
        ConstructorDeclaration("nil", (), position=NOWHERE),
        ConstructorDeclaration("cons", (var("head"), var("tail", "List")), position=NOWHERE),
    ),
    position=NOWHERE,
)
GRAMMAR = GrammarExpression(
    (var("S"), var("B", "Bool")),
    (
        group("S", "Int", X, AnyConstant(sort("Int"), position=NOWHERE), call("ite", ref("B"), ref("S"), ONE)),
        group("B", "Bool", AnyVariable(sort("Bool"), position=NOWHERE), call("=", ref("S"), ref("S"))),
    ),
    position=NOWHERE,
)
RULES = "((S Int (x (Constant Int) (ite B S 1))) (B Bool ((Variable Bool) (= S S))))"


def made(node, *parts):
    return node(*parts, position=NOWHERE)


COMMANDS = [
    ("(assume (> x 1))", made(Assume, call(">", X, ONE))),
    ("(check-synth)", made(CheckSynth)),
    ("(chc-constraint ((x Int)) (> x 1) (I x))", made(ChcConstraint, (var("x"),), call(">", X, ONE), call("I", X))),
    ("(chc-constraint () a b)", made(ChcConstraint, (), ref("a"), ref("b"))),
    ("(constraint true)", made(Constraint, literal("boolean", "true"))),
    ("(declare-var x Int)", made(DeclareVar, "x", sort("Int"))),
    ("(declare-var x (_ BitVec 8))", made(DeclareVar, "x", sort(name("BitVec", 8)))),
    ("(declare-var a (Array Int Bool))", made(DeclareVar, "a", sort("Array", sort("Int"), sort("Bool")))),
    ("(declare-var f (-> Int Bool))", made(DeclareVar, "f", sort("->", sort("Int"), sort("Bool")))),
    ("(declare-weight ops)", made(DeclareWeight, "ops", ())),
    ("(declare-weight ops :default 1)", made(DeclareWeight, "ops", (note("default", ONE),))),
    ("(inv-constraint I Pre Trans Post)", made(InvConstraint, "I", "Pre", "Trans", "Post")),
    ("(optimize-synth () :lexico)", made(OptimizeSynth, (), (note("lexico"),))),
    (
        "(optimize-synth ((! x :min) y))",
        made(OptimizeSynth, (made(Annotated, X, (note("min"),)), Y), ()),
    ),
    ("(set-feature :oracles true)", made(SetFeature, "oracles", True)),
    ("(set-feature :grammars false)", made(SetFeature, "grammars", False)),
    ("(synth-fun f () Int)", made(SynthFun, "f", (), sort("Int"), None)),
    (f"(synth-fun f ((x Int)) Int ((S Int) (B Bool)) {RULES})", made(SynthFun, "f", (var("x"),), sort("Int"), GRAMMAR)),
    ("(synth-inv I ((x Int)))", made(SynthInv, "I", (var("x"),), None)),
    (f"(synth-inv I () ((S Int) (B Bool)) {RULES})", made(SynthInv, "I", (), GRAMMAR)),
    (
        "(oracle-assume ((x Int)) ((y Int)) (= x y) N)",
        made(OracleAssume, (var("x"),), (var("y"),), call("=", X, Y), "N", ()),
    ),
    (
        "(oracle-assume ((x Int)) ((y Int)) N (= x y))",
        made(OracleAssume, (var("x"),), (var("y"),), call("=", X, Y), "N", ()),
    ),
    (
        "(oracle-constraint () ((y Bool)) y N :file)",
        made(OracleConstraint, (), (var("y", "Bool"),), Y, "N", (note("file"),)),
    ),
    ("(oracle-constraint () () N (f 1))", made(OracleConstraint, (), (), call("f", ONE), "N", ())),
    ("(declare-oracle-fun t (Int) Bool N)", made(DeclareOracleFun, "t", (sort("Int"),), sort("Bool"), "N", ())),
    (
        "(declare-oracle-fun t N () Bool :file :top 1)",
        made(DeclareOracleFun, "t", (), sort("Bool"), "N", (note("file"), note("top", ONE))),
    ),
    ("(oracle-constraint-io f N)", made(OracleConstraintIO, "f", "N", ())),
    ("(oracle-constraint-cex f N :file)", made(OracleConstraintCex, "f", "N", (note("file"),))),
    ("(oracle-constraint-membership f N)", made(OracleConstraintMembership, "f", "N", ())),
    ("(oracle-constraint-poswitness f N)", made(OracleConstraintPosWitness, "f", "N", ())),
    ("(oracle-constraint-negwitness f N)", made(OracleConstraintNegWitness, "f", "N", ())),
    ("(declare-correctness-oracle f N)", made(DeclareCorrectnessOracle, "f", "N", ())),
    (
        "(declare-correctness-cex-oracle f N :command-line)",
        made(DeclareCorrectnessCexOracle, "f", "N", (note("command-line"),)),
    ),
    ("(declare-datatype List ((nil) (cons (head Int) (tail List))))", made(DeclareDatatype, "List", LIST)),
    (
        "(declare-datatypes ((List 0) (P 1)) (((nil) (cons (head Int) (tail List))) (par (T) ((p (q T))))))",
        made(
            DeclareDatatypes,
            (made(SortDeclaration, "List", 0), made(SortDeclaration, "P", 1)),
            (LIST, made(DatatypeDeclaration, (made(ConstructorDeclaration, "p", (var("q", "T"),)),), ("T",))),
        ),
    ),
    ("(declare-sort U 2)", made(DeclareSort, "U", 2)),
    ("(define-fun f ((x Int)) Int x)", made(DefineFun, "f", (var("x"),), sort("Int"), X)),
    ("(define-sort I Int)", made(DefineSort, "I", (), sort("Int"))),
    ("(define-sort I () Int)", made(DefineSort, "I", (), sort("Int"))),
    ("(define-sort A (u) (Set u))", made(DefineSort, "A", ("u",), sort("Set", sort("u")))),
    ("(define-sort A (u v) (Array u v))", made(DefineSort, "A", ("u", "v"), sort("Array", sort("u"), sort("v")))),
    ("(define-sort B (_ BitVec 8))", made(DefineSort, "B", (), sort(name("BitVec", 8)))),
    ("(set-info :sygus-version 2.1)", made(SetInfo, "sygus-version", literal("decimal", "2.1"))),
    ("(set-info :status sat)", made(SetInfo, "status", name("sat"))),
    ("(set-logic LIA)", made(SetLogic, "LIA")),
    (
        '(set-option :a (1 b :c "d"))',
        made(SetOption, "a", made(SExpression, (ONE, name("b"), note("c"), literal("string", "d")))),
    ),
]


@pytest.mark.parametrize(("text", "command"), COMMANDS, ids=[text for text, _ in COMMANDS])
def test_each_command_gives_its_node(text, command):
    assert parse(text) == Script((command,))


TERMS = [
    ("0", literal("numeral", "0")),
    ("120", literal("numeral", "120")),
    ("-1", literal("numeral", "-1")),
    ("1.50", literal("decimal", "1.50")),
    ("false", literal("boolean", "false")),
    ("#x0aF", literal("hexadecimal", "#x0aF")),
    ("#b010", literal("binary", "#b010")),
    ('"a""b\\n ;c(|"', literal("string", 'a"b\\n ;c(|')),
    ("-", ref("-")),
    ("-1x", ref("-1x")),
    ("x!", ref("x!")),
    ("@a|b", ref("@a|b")),
    ("|a b;\n(c|", ref("a b;\n(c")),
    ("|let|", ref("let")),
    ("||", ref("")),
    ("assume", ref("assume")),
    ("(_ extract 3 0)", ref("extract", 3, 0)),
    ("(_ is cons)", ref("is", "cons")),
    ("(_ char #x41)", ref("char", "#x41")),
    ("((_ extract 3 0) x)", call(name("extract", 3, 0), X)),
    ("(- 5 x)", call("-", literal("numeral", "5"), X)),
    ("(forall ((x Int) (y Int)) x)", made(Quantified, "forall", (var("x"), var("y")), X)),
    ("(exists ((x Int)) y)", made(Quantified, "exists", (var("x"),), Y)),
    ("(let ((x 1) (y x)) (f y))", made(Let, (("x", ONE), ("y", X)), call("f", Y))),
    ("(! x :named let :w 1)", made(Annotated, X, (note("named", name("let")), note("w", ONE)))),
    ("(! x :pattern ((f x) true))", made(Annotated, X, (
        note("pattern", made(SExpression, (made(SExpression, (name("f"), name("x"))), literal("boolean", "true")))),
    ))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "term"), TERMS, ids=[text for text, _ in TERMS])
def test_each_kind_of_term_gives_its_node(text, term):
    assert parse_term(text) == term


def test_the_example_of_the_design_document():
    script = parse(EXAMPLE, "gradcam.sl")
    assert [type(command).__name__ for command in script.commands] == [
        "SetInfo", "SetLogic", "SetFeature", "SetFeature", "SetOption", "SetOption", "DeclareWeight", "DefineFun",
        "DeclareOracleFun", "SynthFun", "Constraint", "OptimizeSynth",
    ]  # fmt: skip
    assert (script.file, script.text, script.legacy) == ("gradcam.sl", EXAMPLE, ())
    function = script.commands[9]
    assert [entry.name for entry in function.grammar.predeclarations] == ["W", "M"]
    assert [len(rules.productions) for rules in function.grammar.groups] == [5, 8]
    size = script.commands[11].objectives[1].term
    assert size == ref("size", "w")


def test_every_node_knows_its_line_and_columns():
    command = parse('(set-logic LIA) ; note\n\n  (constraint\n    (= (f "a\nb") |x\ny|))').commands[1]
    equality = command.term
    application, variable = equality.arguments
    assert command.position == Position(3, 3, 6, 5)
    assert equality.position == Position(4, 5, 6, 4)
    assert equality.identifier.position == Position(4, 6, 4, 7)
    assert application.position == Position(4, 8, 5, 4)
    assert application.arguments[0].position == Position(4, 11, 5, 3)
    assert variable.position == Position(5, 5, 6, 3)


def test_positions_of_grammars_attributes_and_sorts():
    text = "(synth-fun f ((x (Set Int))) Int ((S Int)) ((S Int (x (! S :w 3)))))"
    function = parse(text).commands[0]
    grammar = function.grammar

    def written(node):
        return text[node.position.column - 1 : node.position.end_column - 1]

    assert written(function) == text
    assert written(function.parameters[0]) == "(x (Set Int))"
    assert written(function.parameters[0].sort) == "(Set Int)"
    assert written(function.sort) == "Int"
    assert written(grammar) == "((S Int)) ((S Int (x (! S :w 3))))"
    assert written(grammar.groups[0]) == "(S Int (x (! S :w 3)))"
    assert written(grammar.groups[0].productions[1].attributes[0]) == ":w 3"


def test_older_syntax_is_read_and_noted():
    script = parse(
        "\ufeff(synth-fun f ((x (BitVec 8))) Int\n ((S Int (-1 (InputVariable Int)))))\r\n"
        "(synth-inv I ())\n(declare-primed-var y Int)\n(constraint (let ((z (BitVec 8) -2) (u Int x)) z))"
    )
    function, _, first, second, constraint = script.commands
    assert function.parameters[0].sort == sort(name("BitVec", 8))
    assert function.grammar.predeclarations is None
    assert function.grammar.groups[0].productions == (literal("numeral", "-1"), made(AnyVariable, sort("Int")))
    assert (first, second) == (made(DeclareVar, "y", sort("Int")), made(DeclareVar, "y!", sort("Int")))
    assert constraint.term == made(Let, (("z", literal("numeral", "-2")), ("u", X)), ref("z"))
    assert script.legacy == (
        "the sort (BitVec n) for (_ BitVec n) (line 1)",
        "a number with a sign, as -1 for (- 1) (line 2)",
        "InputVariable for Variable (line 2)",
        "a grammar without the list of its nonterminals (line 2)",
        "synth-inv for a synth-fun of sort Bool (line 3)",
        "declare-primed-var for two declare-var (line 4)",
        "a let that names the sort of its variable (line 5)",
    )
    assert parse("(set-logic LIA)").legacy == ()


@pytest.mark.parametrize(
    ("text", "values", "functions"),
    [
        ("((define-fun f () Int 1) (define-fun g () Int 1))", 0, "fg"),
        ("(\n(define-fun f () Int 1)\n)", 0, "f"),
        ("(((- 5) 3) (define-fun f () Int 1))", 2, "f"),
        ("(define-fun f () Int 1)", 0, "f"),
        ("(define-fun f () Int 1)(define-fun g () Int 1)", 0, "fg"),
        ("((define-fun-rec f () Int 1))", 0, "f"),
        ("((define-funs-rec ((f () Int) (g () Int)) (1 2)) (define-fun h () Int 1))", 0, "fgh"),
        ("(define-fun h () Int 1) (define-funs-rec ((f () Int)) (1))", 0, "hf"),
        ("()", 0, ""),
        ("(())", 0, ""),
    ],
)
def test_answers(text, values, functions):
    found_values, found_functions = parse_answer(text)
    assert len(found_values) == values
    assert "".join(function.name for function in found_functions) == functions


def test_the_values_of_an_answer():
    values, functions = parse_answer("((0.5 (- 5)) (define-fun f ((x Int)) Int x))")
    assert values == (literal("decimal", "0.5"), call("-", literal("numeral", "5")))
    assert functions == (made(DefineFun, "f", (var("x"),), sort("Int"), X),)


def test_the_functions_of_an_answer_that_may_call_themselves():
    _, functions = parse_answer(
        "((define-fun a () Int 1) (define-fun-rec b () Int 1) (define-funs-rec ((c () Int)) (1)))"
    )
    assert [type(function) for function in functions] == [DefineFun, DefineFunRec, DefineFunRec]


@pytest.mark.slow
def test_terms_may_nest_a_hundred_thousand_deep():
    depth = 100_000
    term = parse("(constraint " + "(not " * depth + "x" + ")" * depth + ")").commands[0].term
    for _ in range(depth):
        assert term.identifier.symbol == "not"
        (term,) = term.arguments
    assert term == X
    with pytest.raises(ParseError, match="never closed"):
        parse("(constraint " + "(not " * depth)


def test_deep_sorts_lets_and_attributes_do_not_recurse():
    depth = 5_000
    parse("(declare-var x " + "(Set " * depth + "Int" + ")" * depth + ")")
    parse("(set-info :a " + "(" * depth + ")" * depth + ")")
    term = parse_term("(let ((x " * depth + "1" + ")) x)" * depth)
    assert print_term(term).count("let") == depth


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="needs the sample of public SyGuS files in ../shared/sygus")
def test_public_files_parse():
    for path in sorted(PUBLIC.glob("*/*.sl")):
        script = parse(path.read_text(encoding="utf-8"), path.name)
        assert isinstance(script.commands[-1], CheckSynth), path

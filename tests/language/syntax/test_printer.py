"""Script to text: what is printed parses to an equal script, and long commands are broken as people would."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from places import SHARED
from sygus.language.syntax import parse, parse_term, print_command, print_script, print_sort, print_term
from sygus.language.syntax import script as ast

PUBLIC = SHARED / "sygus"


def built(node, *parts):
    return st.builds(lambda *values: node(*values, position=ast.NOWHERE), *parts)


def tuples(elements, least=0, most=3):
    return st.lists(elements, min_size=least, max_size=most).map(tuple)


PLAIN = st.sampled_from(["f", "x", "+", "=>", "bvadd", "a.b", "x!0", "@p", "s|t", "assume", "str.++", "par", "-1x"])
ODD = st.sampled_from(
    ["", "let", "true", "_", "!", "-1", "-1.5", "a b", "1x", "é", '"', ";", ")", ":k", "Constant", "\n"]
)
NAMES = PLAIN | ODD | st.text(st.characters(exclude_characters="|", exclude_categories=["Cs"]), max_size=5)
KEYWORDS = st.sampled_from(["min", "weight", "default", "a.b", "1", "-->"])

INDICES = st.integers(0, 10**20) | NAMES | st.just("#x41")
PLAIN_IDENTIFIERS = built(ast.Identifier, NAMES)
IDENTIFIERS = PLAIN_IDENTIFIERS | built(ast.Identifier, NAMES, tuples(INDICES, least=1))

LITERALS = st.one_of(
    built(ast.LiteralExpression, st.just("numeral"), st.integers().map(str)),
    built(ast.LiteralExpression, st.just("decimal"), st.sampled_from(["0.5", "-2.0", "10.001"])),
    built(ast.LiteralExpression, st.just("boolean"), st.sampled_from(["true", "false"])),
    built(ast.LiteralExpression, st.just("hexadecimal"), st.sampled_from(["#x0", "#xfF09"])),
    built(ast.LiteralExpression, st.just("binary"), st.sampled_from(["#b0", "#b0110"])),
    built(ast.LiteralExpression, st.just("string"), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
)

SORTS = st.recursive(
    built(ast.SortExpression, IDENTIFIERS),
    lambda inner: built(ast.SortExpression, IDENTIFIERS, tuples(inner, least=1)),
    max_leaves=4,
)
VARIABLES = built(ast.SortedVariable, NAMES, SORTS)

BARE_KEYWORDS = built(ast.Attribute, KEYWORDS)
VALUES = st.recursive(
    LITERALS | PLAIN_IDENTIFIERS,
    lambda inner: built(ast.SExpression, tuples(inner | BARE_KEYWORDS)),
    max_leaves=5,
)
ATTRIBUTES = BARE_KEYWORDS | built(ast.Attribute, KEYWORDS, VALUES)


def simple_terms(inner):
    return built(ast.Application, IDENTIFIERS, tuples(inner, least=1)) | built(
        ast.Annotated, inner, tuples(ATTRIBUTES, least=1)
    )


LEAVES = LITERALS | built(ast.Reference, IDENTIFIERS)
TERMS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        simple_terms(inner),
        built(ast.Quantified, st.sampled_from(["forall", "exists"]), tuples(VARIABLES, least=1), inner),
        built(ast.Let, tuples(st.tuples(NAMES, inner), least=1), inner),
    ),
    max_leaves=8,
)
PRODUCTIONS = st.recursive(
    LEAVES | built(ast.AnyConstant, SORTS) | built(ast.AnyVariable, SORTS), simple_terms, max_leaves=6
)

GRAMMARS = st.none() | built(
    ast.GrammarExpression,
    st.none() | tuples(VARIABLES, least=1),
    tuples(built(ast.NonterminalGroup, NAMES, SORTS, tuples(PRODUCTIONS, least=1)), least=1),
)
DATATYPES = built(
    ast.DatatypeDeclaration,
    tuples(built(ast.ConstructorDeclaration, NAMES, tuples(VARIABLES)), least=1),
    tuples(NAMES),
)
ARITIES = st.integers(0, 1000)
ORACLES_OF_FUNCTIONS = [
    ast.OracleConstraintIO,
    ast.OracleConstraintCex,
    ast.OracleConstraintMembership,
    ast.OracleConstraintPosWitness,
    ast.OracleConstraintNegWitness,
    ast.DeclareCorrectnessOracle,
    ast.DeclareCorrectnessCexOracle,
]


@st.composite
def several_datatypes(draw):
    size = draw(st.integers(1, 3))
    sorts = draw(tuples(built(ast.SortDeclaration, NAMES, ARITIES), size, size))
    return ast.DeclareDatatypes(sorts, draw(tuples(DATATYPES, size, size)), position=ast.NOWHERE)


COMMANDS = st.one_of(
    built(ast.SetInfo, KEYWORDS, VALUES),
    built(ast.SetLogic, NAMES),
    built(ast.SetFeature, KEYWORDS, st.booleans()),
    built(ast.SetOption, KEYWORDS, VALUES),
    built(ast.DeclareVar, NAMES, SORTS),
    built(ast.DeclareDatatype, NAMES, DATATYPES),
    several_datatypes(),
    built(ast.DeclareSort, NAMES, ARITIES),
    built(ast.DefineSort, NAMES, tuples(NAMES), SORTS),
    built(ast.DeclareWeight, NAMES, tuples(ATTRIBUTES)),
    built(ast.DefineFun, NAMES, tuples(VARIABLES), SORTS, TERMS),
    built(ast.SynthFun, NAMES, tuples(VARIABLES), SORTS, GRAMMARS),
    built(ast.SynthInv, NAMES, tuples(VARIABLES), GRAMMARS),
    built(ast.Constraint, TERMS),
    built(ast.Assume, TERMS),
    built(ast.InvConstraint, NAMES, NAMES, NAMES, NAMES),
    built(ast.ChcConstraint, tuples(VARIABLES), TERMS, TERMS),
    built(ast.CheckSynth),
    built(ast.OptimizeSynth, tuples(TERMS), tuples(ATTRIBUTES)),
    built(ast.DeclareOracleFun, NAMES, tuples(SORTS), SORTS, NAMES, tuples(ATTRIBUTES)),
    built(ast.OracleConstraint, tuples(VARIABLES), tuples(VARIABLES), TERMS, NAMES, tuples(ATTRIBUTES)),
    built(ast.OracleAssume, tuples(VARIABLES), tuples(VARIABLES), TERMS, NAMES, tuples(ATTRIBUTES)),
    *(built(node, NAMES, NAMES, tuples(ATTRIBUTES)) for node in ORACLES_OF_FUNCTIONS),
)


@pytest.mark.slow
@given(tuples(COMMANDS, least=1, most=4))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_script_prints_to_text_that_parses_to_it(commands):
    script = ast.Script(commands)
    assert parse(print_script(script)) == script


@given(TERMS)
@settings(max_examples=200)
def test_any_term_prints_to_text_that_parses_to_it(term):
    assert parse_term(print_term(term)) == term


EXAMPLE = """\
(set-info :sygus-version "2.1")
(set-logic CAM)
(set-feature :oracles true)

(declare-weight size :default 1)

(define-fun gradcam ((activation Map) (gradient Map)) Weight (gap gradient))

(declare-oracle-fun average-drop ((-> Map Map Weight)) Real average-drop)

(synth-fun w ((activation Map) (gradient Map)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (relu W) (+ W W) (* W W) (div0 W W)))
   (M Map (activation gradient (relu M) (abs M) (square M) (+ M M) (* M M) (div0 M M)))))

(constraint (<= (average-drop w) (average-drop gradcam)))
(optimize-synth ((! (average-drop w) :min) (! (_ size w) :min)) :lexico)
"""


def test_a_script_in_the_printers_style_prints_as_it_is():
    assert print_script(parse(EXAMPLE)) == EXAMPLE
    assert print_script(parse(EXAMPLE.replace("\n", " "))) == EXAMPLE


def test_long_commands_are_broken():
    text = f"(define-fun f ((x Int)) Bool (and {' '.join(f'(= x {n})' for n in range(12))} (or (> x 5) (< x 1))))"
    assert print_command(parse(text).commands[0]).splitlines()[:4] == [
        "(define-fun f ((x Int)) Bool",
        "  (and",
        "    (= x 0)",
        "    (= x 1)",
    ]
    productions = " ".join(f"(long-function-name{n} S)" for n in range(8))
    grammar = print_command(parse(f"(synth-fun f () Int ((S Int)) ((S Int ({productions}))))").commands[0])
    assert grammar.splitlines() == [
        "(synth-fun f () Int",
        "  ((S Int))",
        "  ((S Int ((long-function-name0 S) (long-function-name1 S) (long-function-name2 S)",
        "           (long-function-name3 S) (long-function-name4 S) (long-function-name5 S)",
        "           (long-function-name6 S) (long-function-name7 S)))))",
    ]


@pytest.mark.parametrize(
    "text",
    ["-1", '"a""b"', "|a b|", "|let|", "|-1|", "(_ extract 3 0)", "(! x :named a :pattern ((f x) |true|))", "(- 5)"],
)
def test_terms_print_as_they_are_written(text):
    assert print_term(parse_term(text)) == text


def test_the_standards_grammar_decides_between_two_orders():
    first = "(oracle-constraint ((x Int)) ((y Int)) N (= x y))(declare-oracle-fun t N (Int) Bool)(define-sort I () Int)"
    assert print_script(parse(first)).split("\n") == [
        "(oracle-constraint ((x Int)) ((y Int)) (= x y) N)",
        "",
        "(declare-oracle-fun t (Int) Bool N)",
        "",
        "(define-sort I Int)",
        "",
    ]


def test_sorts():
    (command,) = parse("(declare-var x (Array (_ BitVec 8) (-> Int Bool)))").commands
    assert print_sort(command.sort) == "(Array (_ BitVec 8) (-> Int Bool))"


def test_a_name_with_a_bar_that_cannot_be_written_is_refused():
    with pytest.raises(ValueError, match="neither plainly nor between bars"):
        print_command(ast.SetLogic("|a b", position=ast.NOWHERE))


@pytest.mark.slow
def test_deep_terms_print_in_linear_size():
    depth = 100_000
    text = "(not " * depth + "x" + ")" * depth
    printed = print_term(parse_term(text))
    assert len(printed) < 60 * depth
    assert "".join(printed.split()) == "".join(text.split())


def test_lines_stay_within_about_a_hundred_columns():
    text = "(constraint " + "(and (= x 1) " * 40 + "true" + ")" * 41
    lines = print_script(parse(text)).splitlines()
    assert max(len(line.rstrip(")")) for line in lines) <= 100


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="needs the sample of public SyGuS files in ../shared/sygus")
def test_public_files_print_to_text_that_parses_to_the_same():
    for path in sorted(PUBLIC.glob("*/*.sl")):
        script = parse(path.read_text(encoding="utf-8"), path.name)
        assert parse(print_script(script)) == script, path

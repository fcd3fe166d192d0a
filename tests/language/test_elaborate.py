"""From text to problem in the logic CAM: what is accepted and what it means, what is refused and where."""

from __future__ import annotations

from fractions import Fraction

import pytest

from cam_terms import read
from sygus.errors import TypeCheckError
from sygus.language.elaborate import load_definitions, load_problem
from sygus.language.problem import Grammar, Problem
from sygus.language.scope import Scope
from sygus.language.syntax.parser import parse, parse_term
from sygus.language.terms import BOOL, INT, REAL, Definition, Literal, Nonterminal, Term, expand, leaf
from sygus.language.text import term_text
from sygus.language.theories.cam import CAM
from sygus.language.theories.ranks import HEATMAP, MAP, SALIENCY, WEIGHT
from sygus.language.typecheck import check_term
from sygus.oracles.objective import CamProblem
from sygus.resources import grammar_names, read_problem

HEAD = "(set-logic CAM)\n(set-feature :oracles true)\n(set-feature :weights true)\n"
SYNTH = "(synth-fun w ((gradient Map)) Weight)\n"
DROP = "(declare-oracle-fun drop ((-> Map Weight)) Real average-drop)\n"


def load(text: str) -> Problem:
    return load_problem(text, "test.sy")


def grammar(text: str, *before: str, parameters: str = "(activation Map) (gradient Map) (logit Real)",
            sort: str = "Map") -> Grammar:  # fmt: skip
    """The grammar of a function."""
    head = "\n".join([HEAD, *before])
    return load(f"{head}(synth-fun w ({parameters}) {sort} {text})(check-synth)").target.grammar


def texts(of: Grammar, name: str) -> list[str]:
    """The productions of a nonterminal."""
    return [repr(p.template) for n, ps in of.productions.items() if n.name == name for p in ps]


# The shipped grammars


@pytest.mark.parametrize("name", [name for name in grammar_names() if name != "methods"])
def test_shipped_grammars_load(name: str) -> None:
    file, text = read_problem(name)
    problem = load_problem(text, file)
    assert problem.logic == "CAM"
    assert problem.objectives
    assert CamProblem(problem).goals
    smallest = problem.target.grammar.smallest()
    assert set(smallest) == set(problem.target.grammar.productions)
    assert problem.target.grammar.start.sort == problem.target.function.sort


def test_the_methods_load_and_ask_for_nothing() -> None:
    file, text = read_problem("methods")
    names = [definition.name for definition in load_definitions(text, file)]
    assert {"gradcam", "gradcam++", "xgradcam", "layercam"} <= set(names)
    with pytest.raises(TypeCheckError, match="nothing to synthesise"):
        load_problem(text, file)


def test_a_shipped_problem_in_detail() -> None:
    file, text = read_problem("channel_weights.sy")
    problem = load_problem(text, file)
    function = problem.target.function
    assert [(p.name, p.sort) for p in function.parameters] == [("activation", MAP), ("gradient", MAP), ("alpha", MAP)]
    assert function.sort == WEIGHT
    assert [repr(c) for c in problem.constraints] == [
        "(<= (average-drop w) (average-drop gradcam))",
        "(<= (average-drop w) (average-drop gradcam++))",
    ]
    assert [(repr(o.term), o.direction) for o in problem.objectives] == [
        ("(average-drop w)", "min"),
        ("(_ size w)", "min"),
    ]
    assert problem.lexicographic
    assert problem.weights["size"] == 1
    assert problem.options["network"].value == "shapes-vgg"
    assert problem.options["network"].position.line == text[: text.index("(set-option :network")].count("\n") + 1
    line = next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith("(synth-fun"))
    assert problem.target.position.line == line
    assert [position.line for position in problem.target.parameter_positions] == [line] * 3


# What is refused: « stands where the error must be

ONE_NUMBER = "(synth-fun w () Real ((R Real)) ((R Real ((Constant Real)))))(check-synth)"
REFUSED = [
    # commands
    ("«(synth-fun w () Weight)(check-synth)", "the logic is not set"),
    ("«(set-info :x 1)(synth-fun w () Rael)(set-feature :oracles true)(check-synth)", "in ALL, line 1 is wrong"),
    ("«(synth-fun w () Real)(set-logic CAM)(check-synth)", "the logic is not set"),
    ("«(declare-weight size)", "the logic is not set"),
    ("(set-logic CAM)\n«(set-logic CAM)", "the logic is set twice"),
    ("«(set-logic CAN)", "unknown logic 'CAN'; did you mean 'CAM'?"),
    ("(set-logic CAM) «(set-feature :oracle true)", "unknown feature ':oracle'; did you mean 'oracles'?"),
    ("(set-logic CAM) «(declare-weight size)", "this command needs the feature :weights"),
    ("(set-logic CAM) «(declare-oracle-fun drop ((-> Map Weight)) Real d)", "this command needs the feature :oracles"),
    (f"{HEAD}(declare-weight size «:defualt 1)", "unknown attribute ':defualt'; write :default n"),
    (f"{HEAD}(declare-weight size «:default 0.5)", "':default' takes a whole number"),
    (f"{HEAD}(declare-weight size «:default)", "':default' takes a whole number"),
    (f"{HEAD}(declare-weight size «:default -1)", "':default' takes no negative number"),
    (f"{HEAD}(declare-datatype D ((c)))«(declare-datatype D ((d)))", "the sort 'D' is defined twice"),
    (f"{HEAD}{SYNTH}(check-synth)\n  «(check-synth)", "a command after the last one"),
    (f"{HEAD}«(check-synth)", "the file has nothing to synthesise"),
    (f"{HEAD}«(synth-fun w ((gradient Map)) Weight)", "the file does not ask for an answer"),
    (f"{HEAD}(define-fun f () Real 1)\n«(define-fun f () Real 2)", "'f' is defined twice"),
    (f"{HEAD}{SYNTH}«(synth-fun w ((gradient Map)) Weight)", "'w' is defined twice"),
    (f"{HEAD}«(define-fun gap () Real 1)", "'gap' is a function of the logic"),
    (f"{HEAD}(synth-fun w ((gradient Map) «(gradient Map)) Weight)", "the parameter 'gradient' appears twice"),
    (f"{HEAD}(define-fun f ((x Map) «(x Weight)) Map x)", "the parameter 'x' appears twice"),
    (f"{HEAD}{SYNTH}{DROP}(constraint «(drop w))", "a constraint must be Bool, this is Real"),
    (f"{HEAD}{SYNTH}«(optimize-synth ())", "optimize-synth has no objective"),
    (f"{HEAD}{SYNTH}{DROP}(optimize-synth ((drop w)) «:lexical)", "unknown attribute ':lexical'; write :lexico"),
    (f"{HEAD}{SYNTH}{DROP}(optimize-synth ((! (drop w) «:minimum)))", "unknown attribute ':minimum'"),
    (f"{HEAD}{SYNTH}(optimize-synth («true))", "an objective must be a number, this is Bool"),
    # sorts
    (f"{HEAD}(synth-fun w ((gradient «Mapp)) Weight)", "unknown sort 'Mapp'; did you mean 'Map'?"),
    (f"{HEAD}(synth-fun w () «(Map Real))", "there is no sort '(Map Real)'; write Map, or (_ Map LAYER)"),
    (f"{HEAD}(synth-fun w () «(_ Map 3))", "there is no sort '(_ Map 3)'; write Map, or (_ Map LAYER)"),
    (f"{HEAD}(synth-fun w () «(_ Saliency early))", "the sort 'Saliency' takes no arguments; write Saliency"),
    (f"{HEAD}(declare-oracle-fun drop («->) Real average-drop)", "there is no sort '->'"),
    # terms
    (f"{HEAD}(define-fun f ((x Map)) Map «y)", "unknown symbol 'y'"),
    (f"{HEAD}(define-fun f ((x Map)) Map «(softmaxx x))", "unknown symbol 'softmaxx'; did you mean 'softmax'?"),
    (f"{HEAD}(define-fun f ((x Map)) Map «(f x))", "'f' calls itself, which a define-fun may not; write"),
    (f"{HEAD}(define-fun c () Map «c)", "'c' calls itself, which a define-fun may not; write define-fun-rec"),
    (f"{HEAD}(define-fun f ((x Map)) Map «(g x)) (define-fun g ((x Map)) Map (f x))", "'g' is defined further on"),
    (f"{HEAD}(define-fun f ((x Map)) Map «c) (define-fun-rec c () Map c)", "'c' is defined further on"),
    (f"{HEAD}(define-fun f ((x Map)) Map «relu)", "'relu' is a function and needs arguments; write (relu …)"),
    (f"{HEAD}(define-fun f ((x Map)) Map «(x x))", "'x' is a variable and takes no arguments; write x"),
    (f"{HEAD}(define-fun c () Real 1) (define-fun f ((x Map)) Map «(c x))", "'c' takes no arguments; write c"),
    (f"{HEAD}(define-fun c ((x Map)) Map x) (define-fun f ((x Weight)) Map «(c x))",
     "'c' is applied to Weight; it takes Map"),
    (f"{HEAD}(define-fun f ((x Weight)) Weight «(gap x))",
     "ill-sorted: 'gap' is applied to Weight; gap : Map → Weight"),
    (f"{HEAD}(define-fun f ((x Map)) Bool «(= x x))", "ill-sorted: '=' is applied to Map Map"),
    (f"{HEAD}(define-fun f ((x Map)) Weight «x)", "'f' is declared Weight, its body is Map; write Map"),
    (f"{HEAD}(define-fun f ((x Map)) Map (+ x «#x0f))", "a hexadecimal literal has no sort in the logic CAM"),
    (f'{HEAD}(define-fun f ((x Map)) Map (+ x «"a"))', "a string literal has no sort in the logic CAM"),
    (f"{HEAD}(define-fun f ((x Map)) Map (let ((y x)) «(let ((z y) (z y)) z)))", "a let binds a name twice"),
    (f"{HEAD}(define-fun f ((x Map)) Bool (exists ((y Map)) «x))", "the body of 'exists' is Map"),
    (f"{HEAD}(define-fun f ((x Map)) Map «((_ relu 3) x))", "ill-sorted: '(_ relu 3)' is applied to Map"),
    (f"{HEAD}(define-fun f () Real «(_ gap 3))", "'gap' is a function and needs arguments"),
    (f"{HEAD}{SYNTH}(optimize-synth («(_ sise w)))", "unknown indexed identifier 'sise'"),
    (f"{HEAD}(declare-weight size){SYNTH}(optimize-synth («(_ size v)))",
     "(_ size …) takes the name of a function to synthesise; known: w"),
    # grammars
    (f"{HEAD}(synth-fun w ((gradient Map)) Weight («(M Map (gradient))))",
     "the grammar starts with Map, 'w' is Weight"),
    (f"{HEAD}(synth-fun w ((gradient Map)) Map ((M Map (gradient)) «(M Map (gradient))))",
     "the nonterminal 'M' has two groups"),
    (f"{HEAD}(synth-fun w ((gradient Map)) Map («(N Map)) ((M Map (gradient))))",
     "the list declares 'N' of Map where the groups have 'M'; write (M Map)"),
    (f"{HEAD}(synth-fun w ((gradient Map)) Map («(M Weight)) ((M Map (gradient))))",
     "the list declares 'M' of Weight where the groups have 'M'"),
    (f"{HEAD}(synth-fun w ((gradient Map)) Map «((M Map) (N Map)) ((M Map (gradient))))",
     "2 nonterminals are declared, 1 have a group"),
    (f"{HEAD}(synth-fun w ((gradient Map)) Map ((M Map) (N Map)) («(M Map ((relu N))) (N Map ((relu N)))))",
     "the nonterminal 'M' derives nothing"),
    (f"{HEAD}(synth-fun w ((gradient Map)) Map ((M Map)) ((M Map (gradient «(gap M)))))",
     "ill-sorted: 'M' is Map, this production Weight"),
    (f"{HEAD}(synth-fun w ((gradient Map)) Map ((M Map)) ((M Map ((! gradient «:size 2)))))",
     "':size' is no declared weight"),
    (f"{HEAD}(declare-weight size)(synth-fun w ((gradient Map)) Map ((M Map)) ((M Map ((! gradient «:size 0.5)))))",
     "':size' takes a whole number"),
    (f"{HEAD}(synth-fun w () Weight ((W Weight)) ((W Weight («(Constant Weight)))))",
     "there are no constants of Weight"),
    (f'{HEAD}«(set-option :constants "1 x"){ONE_NUMBER}', "bad constants '1 x'"),
    (f'{HEAD}«(set-option :constants "1/0"){ONE_NUMBER}', "bad constants '1/0'"),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "message"), REFUSED)
def test_what_is_wrong_is_said_where_it_is(marked: str, message: str) -> None:
    before, text = marked.partition("«")[0], marked.replace("«", "")
    with pytest.raises(TypeCheckError) as caught:
        load(text)
    error = caught.value
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert message in f"{error.message}; {error.hint}"
    assert (error.position.line, error.position.column) == (line, column)
    assert error.hint
    assert str(error).startswith(f"test.sy:{line}:{column}: ")
    assert text.splitlines()[line - 1][:20] in str(error)


def test_constants_outside_grammars_are_refused() -> None:
    """The parser knows them in grammars only, so this needs a term of a grammar."""
    production = load_production("(Constant Real)")
    with pytest.raises(TypeCheckError, match="stands outside a grammar"):
        check_term(production, Scope(CAM, {}))


def load_production(text: str) -> object:
    script = parse(f"(synth-fun w () Real ((R Real)) ((R Real ({text}))))")
    return script.commands[0].grammar.groups[0].productions[0]  # type: ignore[union-attr]


# Terms


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("(let ((x (gap gradient))) (+ x x))", "(+ (gap gradient) (gap gradient))"),
        ("(let ((activation gradient) (gradient activation)) (- activation gradient))", "(- gradient activation)"),
        ("(let ((x gradient)) (let ((x (relu x))) (square x)))", "(square (relu gradient))"),
        ("(! (relu (! gradient :note a)) :size 3)", "(relu gradient)"),
        ("(+ gradient 1.50)", "(+ gradient 1.5)"),
        ("(* -2 gradient)", "(* (- 2) gradient)"),
    ],
)
def test_let_annotations_and_numbers_are_read(text: str, plain: str) -> None:
    assert read(text) is read(plain)


def test_numerals_are_reals() -> None:
    assert read("3") is leaf(Literal(Fraction(3), REAL))
    assert read("0.125") is leaf(Literal(Fraction(1, 8), REAL))
    assert read("true") is leaf(Literal(True, BOOL))


def test_deep_terms_are_checked_without_recursion() -> None:
    depth = 20_000
    root = read("(relu " * depth + "gradient" + ")" * depth)
    assert (root.size, root.sort) == (depth + 1, MAP)


def test_weights_of_functions_are_integers() -> None:
    problem = load(f"{HEAD}(declare-weight size :default 1){SYNTH}(optimize-synth ((! (_ size w) :max)))")
    (objective,) = problem.objectives
    assert (repr(objective.term), objective.term.sort, objective.direction) == ("(_ size w)", INT, "max")
    assert not problem.lexicographic


# Grammars


def test_constants_are_those_of_the_option() -> None:
    text = "((M Map) (R Real)) ((M Map (gradient (* R gradient))) (R Real ((Constant Real))))"
    assert texts(grammar(text), "R") == ["1/2", "1", "2", "3"]
    assert texts(grammar(text, '(set-option :constants "0.25 4 0.25 1/3")'), "R") == ["1/4", "4", "1/3"]


def test_variables_are_those_of_the_sort() -> None:
    of = grammar("((M Map) (R Real)) ((M Map ((Variable Map) (+ (Variable Map) M))) (R Real ((Variable Real))))")
    assert texts(of, "M") == ["activation", "gradient", "(+ activation M)", "(+ gradient M)"]
    assert texts(of, "R") == ["logit"]


def test_two_choices_in_one_production_give_every_pair() -> None:
    of = grammar("((M Map)) ((M Map ((+ (Variable Map) (* (Constant Real) (Variable Map))))))",
                 '(set-option :constants "2 3")')  # fmt: skip
    pairs = [(x, c, y) for x in ("activation", "gradient") for c in (2, 3) for y in ("activation", "gradient")]
    assert sorted(texts(of, "M")) == sorted(f"(+ {x} (* {c} {y}))" for x, c, y in pairs)


def test_holes_are_numbered_from_the_left_even_when_they_repeat() -> None:
    of = grammar("((M Map) (W Weight)) ((M Map (gradient (+ M (* M W)) (ite (< logit 0) M M))) (W Weight ((gap M))))")
    assert [tuple(h.name for h in p.holes) for p in of.productions[of.start]] == [(), ("M", "M", "W"), ("M", "M")]
    children = tuple(read(text) for text in ("activation", "gradient", "(gap gradient)"))
    production = of.productions[of.start][1]
    made = production.instantiate(children)
    assert made is read("(+ activation (* gradient (gap gradient)))")
    assert production.match(made) == children
    assert production.size == 2
    assert production.match(read("(* activation gradient)")) is None


def test_nested_productions_count_all_their_nodes() -> None:
    of = grammar("((M Map)) ((M Map (gradient (max (neg M) (+ activation 1)))))")
    assert [p.size for p in of.productions[of.start]] == [1, 5]
    assert of.smallest() == {of.start: 1}


def test_macros_may_be_used_in_productions() -> None:
    of = grammar("((M Map)) ((M Map (gradient (shifted M))))", "(define-fun shifted ((x Map)) Map (+ x 1))")
    made = of.productions[of.start][1].instantiate((read("gradient"),))
    assert isinstance(made.head, Definition)
    assert made.size == 2
    assert expand(made) is read("(+ gradient 1)")
    assert of.derive(made) is not None
    assert of.derive(expand(made)) is None


def test_commutative_productions_are_recognised() -> None:
    of = grammar("((M Map) (N Map)) ((M Map (N (+ M M) (- M M) (* M N) (+ M gradient) (max N N))) (N Map (gradient)))")
    assert [p.is_commutative for p in of.productions[of.start]] == [False, True, False, False, False, True]
    assert [p.is_chain for p in of.productions[of.start]] == [True, False, False, False, False, False]


def test_smallest_sizes_go_through_chains() -> None:
    of = grammar(
        """((A Map) (B Map) (C Weight))
        ((A Map (B (relu A))) (B Map ((* gradient C))) (C Weight ((gap B) score)))""",
        parameters="(gradient Map) (score Weight)",
    )
    assert {n.name: size for n, size in of.smallest().items()} == {"A": 3, "B": 3, "C": 1}


# Derivations and weights


def weight(of: Grammar, text: str, default: int = 1) -> int | None:
    derivation = of.derive(read(text))
    return None if derivation is None else derivation.weight("cost", default)


COST = "(declare-weight cost :default 1)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gradient", 3),
        ("activation", 1),
        ("(relu gradient)", 4),
        ("(+ gradient (relu gradient))", 10 + 3 + 4),
        ("(+ (relu (relu activation)) activation)", 10 + 3 + 1),
        ("(neg gradient)", None),
        ("(+ gradient alpha)", None),
    ],
)
def test_weights_add_up_over_the_productions_used(text: str, expected: int | None) -> None:
    of = grammar("((M Map)) ((M Map ((! gradient :cost 3) activation (relu M) (! (+ M M) :cost 10))))", COST)
    assert weight(of, text) == expected


def test_the_default_is_that_of_whoever_asks() -> None:
    of = grammar("((M Map)) ((M Map ((! gradient :cost 3) (relu M))))", COST)
    assert [weight(of, "(relu (relu gradient))", default) for default in (0, 1, 5)] == [3, 5, 13]


def test_the_first_production_that_fits_is_the_derivation() -> None:
    ambiguous = grammar("((M Map)) ((M Map (gradient (! (relu M) :cost 7) (! (relu gradient) :cost 2))))", COST)
    assert weight(ambiguous, "(relu gradient)") == 7 + 1
    turned = grammar("((M Map)) ((M Map (gradient (! (relu gradient) :cost 2) (! (relu M) :cost 7))))", COST)
    assert weight(turned, "(relu gradient)") == 2
    assert weight(turned, "(relu (relu gradient))") == 7 + 2


def test_chains_are_derived_and_weighed() -> None:
    of = grammar(
        """((A Map) (B Map) (C Map))
        ((A Map ((! B :cost 5))) (B Map ((! C :cost 6) (relu A))) (C Map ((! A :cost 1) gradient)))""",
        COST,
    )
    assert weight(of, "gradient") == 5 + 6 + 1
    assert weight(of, "(relu gradient)") == 5 + 1 + (5 + 6 + 1)


def test_derivations_spell_the_term_they_derive() -> None:
    of = grammar("((M Map) (W Weight)) ((M Map (gradient (* M W))) (W Weight ((gap (relu M)) (+ W W))))")
    root = read("(* (* gradient (gap (relu gradient))) (+ (gap (relu gradient)) (gap (relu gradient))))")
    derivation = of.derive(root)

    def spell(node: object) -> Term:
        return node.production.instantiate(tuple(spell(child) for child in node.children))  # type: ignore[attr-defined]

    assert derivation is not None
    assert spell(derivation) is root


# Without a grammar


def test_the_default_grammar_spans_the_theory() -> None:
    of = load(f"{HEAD}(synth-fun w ((gradient Map) (logit Real)) Weight)(check-synth)").target.grammar
    assert of.start.sort == WEIGHT
    assert {n.sort for n in of.productions} == {MAP, HEATMAP, SALIENCY, WEIGHT, REAL, BOOL}
    assert set(of.smallest()) == set(of.productions)
    for text in (
        "(gap gradient)",
        "(ite (< logit (* logit logit)) (softmax (gap gradient)) (gmp (/ gradient (exp gradient))))",
        "(* logit (gap (max gradient logit)))",
        "(gap (* gradient (unit (channel-sum gradient))))",
    ):
        assert of.derive(read(text)) is not None
    assert of.derive(read("gradient")) is None
    assert of.derive(read("(+ (gap gradient) 1)")) is None


def test_the_default_grammar_leaves_out_what_cannot_be_made() -> None:
    of = load(f"{HEAD}(synth-fun w ((score Weight)) Weight)(check-synth)").target.grammar
    assert {n.sort for n in of.productions} == {WEIGHT, REAL, BOOL}  # nothing has pixels
    assert all(
        hole in of.productions for productions in of.productions.values() for p in productions for hole in p.holes
    )


def test_a_nonterminal_is_not_a_term() -> None:
    of = grammar("((M Map)) ((M Map (gradient)))")
    assert of.derive(leaf(Nonterminal("M", MAP))) is None
    assert term_text(of.productions[of.start][0].template) == "gradient"
    assert check_term(parse_term("gradient"), Scope(CAM, {}, variables={"gradient": read("gradient")})) is read(
        "gradient"
    )

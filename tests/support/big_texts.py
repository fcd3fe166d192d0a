"""Texts of any size: each holds one thing many times, so that whatever grows faster than the text shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Text = Callable[[int], str]

F = "(synth-fun f ((x Int)) Int)\n"
SMALL = "(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 0 (+ I I)))))\n"


def problem(*commands: str, logic: str = "LIA", functions: str = F) -> str:
    """A problem: the commands stand after the functions."""
    return "\n".join([f"(set-logic {logic})", functions, *commands, "(check-synth)"])


def before(*commands: str, logic: str = "LIA", functions: str = F) -> str:
    """A problem: the commands stand before the functions."""
    return "\n".join([f"(set-logic {logic})", *commands, functions, "(check-synth)"])


def each(count: int, command: str) -> str:
    """A command so many times, with its number for ``#``."""
    return "\n".join(command.replace("#", str(number)) for number in range(count))


def words(count: int, word: str) -> str:
    """A word so many times, with its number for ``#``."""
    return " ".join(word.replace("#", str(number)) for number in range(count))


def nested(count: int, opening: str, inner: str, closing: str = ")") -> str:
    """One within the other, with its number for ``#``."""
    return "".join(opening.replace("#", str(number)) for number in range(count)) + inner + closing * count


def _datatypes(count: int) -> str:
    names = words(count, "(D# 0)")
    cycle = (f"((c{i} (a{i} D{(i + 1) % count}) (b{i} D{(i + 2) % count})) (e{i}))" for i in range(count))
    return f"(declare-datatypes ({names}) ({' '.join(cycle)}))"


def _chain(count: int) -> str:
    """Datatypes that each hold the one before."""
    others = (f"(declare-datatype D{i} ((c{i} (s{i} D{i - 1}))))" for i in range(1, count))
    return "\n".join(["(declare-datatype D0 ((n0)))", *others])


def _nonterminals(count: int) -> str:
    groups = " ".join(f"(N{i} Int (N{i + 1} (+ N{i} N{i + 1})))" for i in range(count - 1))
    return f"(synth-fun f ((x Int)) Int ({words(count, '(N# Int)')}) ({groups} (N{count - 1} Int (x))))"


def _grammar(productions: str) -> str:
    return f"(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x {productions}))))"


def _macros(count: int, body: str) -> str:
    """Macros that each apply the one before, by ``#``."""
    others = (f"(define-fun g{i} ((x Int)) Int {body.replace('#', f'g{i - 1}')})" for i in range(1, count))
    return "\n".join(["(define-fun g0 ((x Int)) Int x)", *others])


def _lets(count: int, value: str) -> str:
    bindings = "".join(f"(let ((t{i + 1} {value.replace('#', f't{i}')})) " for i in range(count))
    return f"(declare-var t0 Int)(constraint (= (f t0) {bindings} t{count}{')' * count}))"


def _sort_macros(count: int) -> str:
    others = (f"(define-sort S{i} (T U) (S{i - 1} (S{i - 1} T U) (S{i - 1} U T)))" for i in range(1, count))
    return "\n".join(["(define-sort S0 (T U) Int)", *others, f"(declare-var v (S{count - 1} Int Bool))"])


def _doubled(count: int) -> str:
    lets = "".join(f"(let ((t{i + 1} (and t{i} t{i}))) " for i in range(count))
    return f"(declare-var v Int)(constraint (let ((t0 (= (f v) v))) {lets} t{count}{')' * count}))"


IN_CAM = "(synth-fun f ((gradient Map)) Weight)"
IN_D0 = "(synth-fun f ((x D0)) D0)"
CONSTANTS_OF_D = "(synth-fun f ((x D)) D ((S D)) ((S D (x (Constant D)))))"
TESTED = "(declare-datatype D# ((c# (s# Int)) (n#)))(declare-var v# D#)(constraint ((_ is c#) v#))"
MANY = SMALL.replace("synth-fun f", "synth-fun f#")
OF_STRINGS = "(synth-fun f ((x String)) Int)"
WEIGHED = "(synth-fun g# () Int ((I Int)) ((I Int ((! 0 :weight #)))))(declare-weight w#)"
HORN = "(chc-constraint ((x Int)) (p x) (p (+ x 1)))\n"

LINEAR: Mapping[str, tuple[int, Text]] = {
    "datatypes that hold one another": (150, lambda n: before(_datatypes(n), logic="ALL")),
    "a function of such a datatype": (150, lambda n: before(_datatypes(n), logic="ALL", functions=IN_D0)),
    "datatypes": (150, lambda n: before(each(n, "(declare-datatype D# ((c# (s# Int)) (n#)))"), logic="ALL")),
    "datatypes that hold the one before": (150, lambda n: before(_chain(n), logic="ALL")),
    "constructors": (800, lambda n: before(f"(declare-datatype D ({words(n, '(c#)')}))", logic="ALL")),
    "constructors as constants": (
        800,
        lambda n: before(f"(declare-datatype D ({words(n, '(c#)')}))", logic="ALL", functions=CONSTANTS_OF_D),
    ),
    "testers": (300, lambda n: problem(each(n, TESTED), logic="ALL", functions=SMALL)),
    "selectors": (800, lambda n: before(f"(declare-datatype D ((n) (c {words(n, '(s# Int)')})))", logic="ALL")),
    "declared sorts": (400, lambda n: before(each(n, "(declare-sort S# 0)"), logic="ALL")),
    "declared sorts in CAM": (400, lambda n: before(each(n, "(declare-sort S# 0)"), logic="CAM", functions=IN_CAM)),
    "defined sorts": (2000, lambda n: before(each(n, "(define-sort S# Int)"))),
    "defined sorts that take the one before": (600, lambda n: before(_sort_macros(n))),
    "variables": (2000, lambda n: problem(each(n, "(declare-var v# Int)"))),
    "variables and macros": (600, lambda n: problem(each(n, "(declare-var v# Int)(define-fun g# ((x Int)) Int v#)"))),
    "constraints": (600, lambda n: problem(each(n, "(declare-var v# Int)(constraint (>= (f v#) #))"))),
    "assumptions": (1500, lambda n: problem("(declare-var v Int)", each(n, "(assume (> v #))"))),
    "conjuncts": (
        700,
        lambda n: problem(f"(declare-var v Int)(constraint (and {words(n, '(=> (> v #) (> (f v) #))')}))"),
    ),
    "a conjunct that doubles": (1000, lambda n: problem(_doubled(n))),
    "productions": (1500, lambda n: problem(functions=_grammar(words(n, "(+ I #)")))),
    "productions of macros": (
        800,
        lambda n: before(each(n, "(define-fun g# ((x Int)) Int (+ x #))"), functions=_grammar(words(n, "(g# I)"))),
    ),
    "nonterminals": (500, lambda n: problem(functions=_nonterminals(n))),
    "constants": (
        1500,
        lambda n: before(f'(set-option :constants "{words(n, "#")}")', functions=_grammar("(Constant Int)")),
    ),
    "parameters": (1500, lambda n: problem(functions=f"(synth-fun f ({words(n, '(x# Int)')}) Int)")),
    "functions": (120, lambda n: problem(functions=each(n, "(synth-fun f# ((x Int)) Int)"))),
    "functions with grammars": (300, lambda n: problem(functions=each(n, MANY))),
    "constraints of many functions": (
        300,
        lambda n: problem("(declare-var v Int)", each(n, "(constraint (= (f# v) v))"), functions=each(n, MANY)),
    ),
    "functions that constraints connect": (
        300,
        lambda n: problem(*(f"(constraint (= (f{i} 0) (f{i + 1} 0)))" for i in range(n - 1)), functions=each(n, MANY)),
    ),
    "macros": (1000, lambda n: before(each(n, "(define-fun g# ((x Int)) Int (+ x #))"))),
    "macros that apply the one before": (
        500,
        lambda n: problem(_macros(n, "(# (+ x 1))"), f"(constraint (= (f 0) (g{n - 1} 0)))"),
    ),
    "macros that double": (
        500,
        lambda n: problem(_macros(n, "(+ (# x) (# x))"), f"(constraint (= (f 0) (g{n - 1} 0)))"),
    ),
    "lets within lets": (1000, lambda n: problem(_lets(n, "(+ # 1)"))),
    "lets that double": (1000, lambda n: problem(_lets(n, "(+ # #)"))),
    "a wide let": (2500, lambda n: problem(f"(constraint (= (f 0) (let ({words(n, '(v# #)')}) v0)))")),
    "a deep term": (2500, lambda n: problem(f"(constraint (= (f 0) {nested(n, '(+ 1 ', '0')}))")),
    "a wide term": (5000, lambda n: problem(f"(constraint (= (f 0) (+ {words(n, '#')})))")),
    "a deep formula": (2500, lambda n: problem(f"(constraint {nested(n, '(not ', '(= (f 0) 0)')})")),
    "annotations": (4000, lambda n: problem(f"(constraint {nested(n, '(! ', '(= (f 0) 0)', ' :a)')})")),
    "foralls": (800, lambda n: problem(f"(constraint {nested(n, '(forall ((q# Int)) ', '(= (f q0) 0)')})")),
    "existses": (600, lambda n: problem(f"(constraint (not {nested(n, '(exists ((q# Int)) ', '(= (f q0) 0)')}))")),
    "deep attributes": (8000, lambda n: f"(set-info :a {'(' * n}{')' * n})" + problem()),
    "options": (2000, lambda n: each(n, "(set-option :o# #)") + problem()),
    "features": (2000, lambda n: problem("(set-feature :weights true)" * n)),
    "weights": (
        300,
        lambda n: problem("(set-feature :weights true)", each(n, WEIGHED)),
    ),
    "Horn clauses": (500, lambda n: problem(HORN * n, functions="(synth-fun p ((x Int)) Bool)")),
    "a long string": (
        1_000_000,
        lambda n: problem(f'(constraint (= (f "{"a" * n}") 1))', logic="SLIA", functions=OF_STRINGS),
    ),
    "a string of quotes": (
        1_000_000,
        lambda n: problem(f'(constraint (= (f "{2 * (n // 2) * chr(34)}") 1))', logic="SLIA", functions=OF_STRINGS),
    ),
    "a long comment": (1_000_000, lambda n: f";{'a' * n}\n" + problem()),
    "comments": (20_000, lambda n: ";a\n" * n + problem()),
    "spaces": (1_000_000, lambda n: " " * n + problem()),
    "a long name": (1_000_000, lambda n: problem(f"(declare-var {'a' * n} Int)")),
    "long numbers": (100, lambda n: problem(each(n, f"(constraint (= (f #) {'9' * 3990}))"))),
}
"""By what there is much of: a size that is read in a moment, and the text of a size."""

WRONG: Mapping[str, tuple[int, Text]] = {
    "an unknown name among many": (
        3000,
        lambda n: problem(each(n, "(declare-var variable# Int)"), "(constraint (= variabl 1))"),
    ),
    "a long unknown name": (
        200_000,
        lambda n: problem(f"(declare-var {'a' * n} Int)", f"(constraint (= {'a' * n}b 1))"),
    ),
    "a sort of many that is unknown": (
        2000,
        lambda n: problem(each(n, "(define-sort Sort# Int)"), "(declare-var v Sortt)"),
    ),
    "an open string": (1_000_000, lambda n: problem(f'(constraint (= (f "{"a" * n}) 1))')),
    "an open quotation": (1_000_000, lambda n: problem(f"(constraint (= |{'a' * n} 1))")),
    "open parentheses": (50_000, lambda n: problem("(" * n)),
    "parentheses that close nothing": (50_000, lambda n: problem(")" * n)),
    "a command within commands": (4000, lambda n: f"(foo ;{'a' * n}\n" + "(constraint " * n),
    "a wrong command at the end": (1500, lambda n: problem(each(n, "(constraint (= (f #) #))"), "(check synth)")),
}
"""Texts that are refused, which takes no longer."""

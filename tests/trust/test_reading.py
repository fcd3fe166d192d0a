"""Reading a problem takes time and memory by its length, whatever there is much of, and what is too large says so."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from big_texts import LINEAR, WRONG, Text, before, each, nested, problem, words
from solvers.cegis.portfolio import usable_strategies
from solvers.cegis.specification import Specification
from sygus.errors import LONGEST_MESSAGE, SourceError
from sygus.language.elaborate import load_problem
from sygus.language.problem import MOST_PRODUCTIONS
from sygus.language.terms import LARGEST_EXPANSION

FACTOR = 4
MOST = FACTOR**1.6
"""How much longer a text of so many times the length may take; the square would be the factor squared."""

LEAST = 0.02
"""Seconds that are lost in noise."""


def read(text: str) -> None:
    """All that ``check`` does of an ordinary problem; of one of CAM the reading alone."""
    stated = load_problem(text, "big.sl")
    if stated.logic != "CAM":
        specification = Specification(stated)
        for part in specification.parts:
            usable_strategies(specification.of(part))


def refused(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        load_problem(text, "big.sl")
    assert len(str(caught.value)) < 3 * LONGEST_MESSAGE


def seconds(action: Callable[[str], None], text: str) -> float:
    """The time of the processor, the least of some tries."""
    found = []
    for _ in range(3):
        gc.collect()
        began = time.process_time()
        action(text)
        found.append(time.process_time() - began)
        if found[-1] < LEAST:
            break
    return min(found)


def grows_with_the_text(action: Callable[[str], None], size: int, text: Text) -> None:
    short, long = text(size), text(FACTOR * size)
    assert len(long) < 2 * FACTOR * len(short)
    if ratio(action, short, long) >= MOST:  # or is it what hundreds of other tests have left in this process?
        given = json.dumps([action.__name__, short, long])
        command = [sys.executable, "-c", dedent(ALONE)]
        said = subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout
        assert float(said) < MOST


def ratio(action: Callable[[str], None], short: str, long: str) -> float:
    """How much longer the long text takes."""
    action(short)  # what is loaded on first use, is
    took = seconds(action, short)
    return seconds(action, long) / max(LEAST, took)


ALONE = f"""
    import json, sys
    sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]!r}
    import test_reading
    name, short, long = json.load(sys.stdin)
    print(test_reading.ratio(getattr(test_reading, name), short, long))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("size", "text"), LINEAR.values(), ids=LINEAR.keys())
def test_reading_takes_time_by_the_length_of_the_text(size: int, text: Text) -> None:
    grows_with_the_text(read, size, text)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "text"), WRONG.values(), ids=WRONG.keys())
def test_refusing_takes_no_longer(size: int, text: Text) -> None:
    grows_with_the_text(refused, size, text)


MEMORY = """
    import sys
    from sygus.errors import SycamError
    from sygus.language.elaborate import load_problem
    try:
        load_problem(sys.stdin.read(), "big.sl")
    except SycamError:
        pass
    words = open("/proc/self/status").read().split()
    print(int(words[words.index("VmHWM:") + 1]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is Linux's to tell")
@pytest.mark.parametrize(
    ("text", "megabytes"),
    [
        pytest.param(LINEAR["a long string"][1](10_000_000), 250, id="a string of ten megabytes"),
        pytest.param(LINEAR["a string of quotes"][1](10_000_000), 250, id="quotes of ten megabytes"),
        pytest.param(WRONG["an open string"][1](10_000_000), 250, id="an open string of ten megabytes"),
        pytest.param(LINEAR["a deep term"][1](100_000), 400, id="a deep term of half a megabyte"),
        pytest.param(LINEAR["lets that double"][1](20_000), 250, id="lets that double"),
    ],
)
def test_reading_takes_memory_by_the_length_of_the_text(text: str, megabytes: int) -> None:
    command = [sys.executable, "-c", dedent(MEMORY)]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert int(result.stdout) < megabytes


PAIRS = "(declare-datatype P (par (T) ((p (l T) (r T)))))"
LOOP = '(constraint (str.in_re "a" ((_ re.loop 1 #) (str.to_re "a"))))'
SQUARES = [f"(define-sort S{i} (T) (S{i - 1} (S{i - 1} T)))" for i in range(1, 9)]
MACROS = "\n".join(
    ["(define-fun g0 ((x Int)) Int x)"]
    + [f"(define-fun g{i} ((x Int)) Int (+ (g{i - 1} (+ x 1)) (g{i - 1} (- x 1))))" for i in range(1, 31)]
)
DOUBLING = "\n".join(
    ["(declare-datatype D0 ((n0)))"]
    + [f"(declare-datatype D{i} ((c{i} (s{i} D{i - 1}) (t{i} D{i - 1}))))" for i in range(1, 40)]
)
OF_MACROS = "(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (g30 I)))))"
OF_VARIABLES = f"(synth-fun f ({words(100, '(x# Int)')}) Int ((I Int)) ((I Int ((+ {'(Variable Int) ' * 4})))))"
OF_CONSTANTS = f"(synth-fun f () Int ((I Int)) ((I Int ((+ {'(Constant Int) ' * 40})))))"
OF_TWO = "(synth-fun f# () Int ((I Int)) ((I Int ((+ (Constant Int) (Constant Int))))))"

TOO_LARGE = {
    "a sort": (
        before("(define-sort S0 (T) (Array T T))", *SQUARES, logic="ALL"),
        (":5:", "this sort is too large", "at most 200 names"),
    ),
    "a deep sort": (
        problem(f"(declare-var v {nested(300, '(Array Int ', 'Int')})", logic="ALL"),
        (":4:", "this sort", "at most 200"),
    ),
    "a datatype": (before(DOUBLING, logic="ALL"), (":18:", "'D16' has more than 100000 parts", "recursive")),
    "an instance of a datatype": (
        problem(PAIRS, f"(declare-var v {nested(40, '(P ', 'Int')})", logic="ALL"),
        (":5:", "more than 100000 parts"),
    ),
    "the arity of a sort": (before(f"(declare-sort S {10**30})", logic="ALL"), (":2:", "too many others", "200")),
    "macros": (
        problem(MACROS, "(constraint (= (f 0) (g30 0)))"),
        (":35:", f"macros written out come to more than {LARGEST_EXPANSION} nodes"),
    ),
    "a macro in a grammar": (before(MACROS, functions=OF_MACROS), (":33:", f"more than {LARGEST_EXPANSION} nodes")),
    "choices of variables": (
        problem(functions=OF_VARIABLES),
        (":2:", "stands for 100000000 productions", f"at most {MOST_PRODUCTIONS}"),
    ),
    "choices of constants": (problem(functions=OF_CONSTANTS), (":2:", f"stands for {4**40} productions")),
    "grammars together": (
        before(f'(set-option :constants "{words(700, "#")}")', functions=each(3, OF_TWO)),
        (":5:", f"more than {MOST_PRODUCTIONS} productions"),
    ),
    "a loop": (
        problem(LOOP.replace("#", str(1 << 32)), logic="SLIA"),
        (":4:", "(_ re.loop 1 4294967296)", "at most 4294967295"),
    ),
    "a power": (
        problem(f'(constraint (str.in_re "a" ((_ re.^ {10**40}) (str.to_re "a"))))', logic="SLIA"),
        (":4:", "at most 4294967295"),
    ),
    "a bit-vector": (problem(f"(declare-var v (_ BitVec {10**20}))", logic="ALL"), (":4:", "n from 1 to 65536")),
    "a repeated bit-vector": (
        problem(f"(constraint (= ((_ repeat {10**20}) #b1) #b1))", logic="ALL"),
        (":4:", "at most 65536 bits"),
    ),
}


SLOW = ("grammars together", "a macro in a grammar", "macros")


@pytest.mark.parametrize(
    ("text", "fragments"),
    [pytest.param(*TOO_LARGE[one], id=one, marks=[pytest.mark.slow] if one in SLOW else []) for one in TOO_LARGE],
)
def test_what_is_too_large_says_where_and_what_the_limit_is(text: str, fragments: tuple[str, ...]) -> None:
    with pytest.raises(SourceError) as caught:
        load_problem(text, "big.sl")
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_a_loop_of_any_number_is_read_at_once() -> None:
    text = problem(LOOP.replace("#", "999999999"), logic="SLIA", functions="(synth-fun f () Bool)")
    began = time.process_time()
    read(text)
    assert time.process_time() - began < 5


def test_names_of_a_megabyte_are_cut_in_messages() -> None:
    with pytest.raises(SourceError) as caught:
        load_problem(problem(f"(constraint {'a' * 1_000_000})"), "big.sl")
    assert len(str(caught.value)) < 2 * LONGEST_MESSAGE

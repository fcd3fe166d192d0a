"""Strings and regular languages: every entry against Python's strings, finite languages, and Z3."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import reduce
from itertools import pairwise, product
from typing import Any

import pytest
import torch
import z3
from hypothesis import given
from hypothesis import strategies as st

from agreement import check_agreement, seeded, tensors, z3_equals
from sygus.language.elaborate import load_problem
from sygus.language.terms import BOOL, INT, REGLAN, STRING, Literal, Sort, Term, leaf, term
from sygus.language.theories import find_logic, regex
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.interned import LANGUAGES, STRINGS, lift
from sygus.language.theories.languages import LANGUAGES_THEORY
from sygus.language.theories.large import held, meant
from sygus.language.theories.sorts import representation
from sygus.language.theories.strings import STRINGS_THEORY, escape, unescape
from sygus.language.theories.tables import Table

LOGIC = find_logic("S")
assert LOGIC is not None
WORDS = [
    "",
    "a",
    "b",
    "ab",
    "aba",
    "abab",
    "A",
    "0",
    "7",
    "42",
    "007",
    "-1",
    " a b ",
    "é",
    "\U0001f600",
    'q"q',
    "\\u{41}",
]


def points(sorts: tuple[Sort, ...], count: int = 250) -> list[tuple[Any, ...]]:
    generator = seeded(5)

    def draw(sort: Sort) -> Any:
        if sort == INT:
            return generator.choice([-3, -1, 0, 0, 1, 1, 2, 3, 9, 65, 123456, 0x2FFFF, 0x30000])
        if generator.random() < 0.4:
            return generator.choice(WORDS)
        return "".join(generator.choice("ab") for _ in range(generator.randint(0, 6)))

    return [tuple(draw(sort) for sort in sorts) for _ in range(count)]


def substr(s: str, i: int, n: int) -> str:
    return "".join(c for k, c in enumerate(s) if i <= k < i + n) if i >= 0 else ""


def indexof(s: str, t: str, i: int) -> int:
    return next((k for k in range(i, len(s) + 1) if s[k:].startswith(t)), -1) if i >= 0 else -1


def replace(s: str, old: str, new: str) -> str:
    before, found, after = s.partition(old) if old else ("", "yes", s)
    return before + new + after if found else s


S2, S3 = (STRING,) * 2, (STRING,) * 3

ENTRIES: list[tuple[str, tuple[Sort, ...], Sort, Callable[..., Any]]] = [
    ("str.++", S2, STRING, lambda a, b: a + b),
    ("str.++", S3, STRING, lambda a, b, c: a + b + c),
    ("str.len", (STRING,), INT, lambda a: sum(1 for _ in a)),
    ("str.at", (STRING, INT), STRING, lambda s, i: substr(s, i, 1)),
    ("str.substr", (STRING, INT, INT), STRING, substr),
    ("str.prefixof", S2, BOOL, lambda a, b: b[: len(a)] == a),
    ("str.suffixof", S2, BOOL, lambda a, b: a == "" or b[-len(a) :] == a),
    ("str.contains", S2, BOOL, lambda a, b: indexof(a, b, 0) >= 0),
    ("str.indexof", (STRING, STRING, INT), INT, indexof),
    ("str.replace", S3, STRING, replace),
    ("str.replace_all", S3, STRING, lambda s, old, new: new.join(s.split(old)) if old else s),
    ("str.to_int", (STRING,), INT, lambda s: int(s) if s.isascii() and s.isdigit() else -1),
    ("str.from_int", (INT,), STRING, lambda i: "" if i < 0 else str(i)),
    ("str.to_code", (STRING,), INT, lambda s: ord(s) if len(s) == 1 else -1),
    ("str.from_code", (INT,), STRING, lambda i: chr(i) if 0 <= i < 0x30000 else ""),
    ("str.is_digit", (STRING,), BOOL, lambda s: s in tuple("0123456789")),
    *[("str.<", (STRING,) * n, BOOL, lambda *xs: all(a < b for a, b in pairwise(xs))) for n in (2, 3)],
    *[("str.<=", (STRING,) * n, BOOL, lambda *xs: all(a <= b for a, b in pairwise(xs))) for n in (2, 3)],
    ("=", S2, BOOL, lambda a, b: a == b),
    ("ite", (BOOL, STRING, STRING), STRING, lambda c, a, b: a if c else b),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry[0]}-{len(entry[1])}")
def test_faces_agree(entry: tuple[str, tuple[Sort, ...], Sort, Callable[..., Any]]) -> None:
    name, sorts, result, reference = entry
    drawn = points(sorts)
    if BOOL in sorts:
        drawn = [(index % 2 == 0, *point[1:]) for index, point in enumerate(drawn)]
    if name == "str.is_digit":
        drawn += [(digit,) for digit in "0123456789/:"]
    check_agreement(LOGIC, name, sorts, drawn, reference, result=result, proved=60)


ALPHABET, LONGEST = "ab", 4
EVERY_WORD = ["".join(letters) for n in range(LONGEST + 1) for letters in product(ALPHABET, repeat=n)]
Words = frozenset[str]


def apply(name: str, *arguments: Term, indices: tuple[int, ...] = ()) -> Term:
    resolved = LOGIC.resolve(name, tuple(a.sort for a in arguments), indices)
    assert resolved is not None
    return term(resolved[0], arguments, resolved[1])


def text(value: str) -> Term:
    return leaf(Literal(value, STRING))


def concatenated(*languages: Words) -> Words:
    def two(first: Words, second: Words) -> Words:
        return frozenset(a + b for a in first for b in second if len(a + b) <= LONGEST)

    return reduce(two, languages)


def repeated(language: Words, least: int, most: int) -> Words:
    return frozenset(word for n in range(least, most + 1) for word in concatenated(frozenset({""}), *[language] * n))


def random_language(generator: random.Random, depth: int) -> tuple[Term, Words]:
    """A term and, computed with sets, the words over the alphabet up to the length that are in it."""
    if depth == 0 or generator.random() < 0.15:
        word = "".join(generator.choice(ALPHABET) for _ in range(generator.randint(0, 2)))
        leaves: list[tuple[Term, set[str]]] = [
            (apply("str.to_re", text(word)), {word}),
            (apply("re.none"), set()),
            (apply("re.all"), set(EVERY_WORD)),
            (apply("re.allchar"), set(ALPHABET)),
            (apply("re.range", text("a"), text("b")), {"a", "b"}),
            (apply("re.range", text("b"), text("z")), {"b"}),
            (apply("re.range", text("b"), text("a")), set()),
            (apply("re.range", text("ab"), text("b")), set()),
        ]
        chosen, words = generator.choice(leaves)
        return chosen, frozenset(words)
    a, in_a = random_language(generator, depth - 1)
    b, in_b = random_language(generator, depth - 1)
    i, j = generator.randint(0, 2), generator.randint(0, 3)
    everything = frozenset(EVERY_WORD)
    return generator.choice(
        [
            (apply("re.++", a, b), concatenated(in_a, in_b)),
            (apply("re.++", a, b, a), concatenated(in_a, in_b, in_a)),
            (apply("re.union", a, b), in_a | in_b),
            (apply("re.inter", a, b), in_a & in_b),
            (apply("re.diff", a, b), in_a - in_b),
            (apply("re.comp", a), everything - in_a),
            (apply("re.*", a), repeated(in_a, 0, LONGEST)),
            (apply("re.+", a), repeated(in_a, 1, LONGEST + 1)),
            (apply("re.opt", a), in_a | {""}),
            (apply("re.^", a, indices=(i,)), repeated(in_a, i, i)),
            (apply("re.loop", a, indices=(i, j)), repeated(in_a, i, j)),
        ]
    )


def z3_form(root: Term) -> z3.ExprRef:
    arguments = [z3_form(argument) for argument in root.arguments]
    if isinstance(root.head, Literal):
        return representation(root.sort).z3_value(root.head.value)
    return root.head.z3(None, *arguments)


def test_languages_agree_with_sets_of_words() -> None:
    generator = seeded(17)
    used: set[str] = set()
    words = tensors((STRING,), [(word,) for word in EVERY_WORD])[0]
    member = LOGIC.resolve("str.in_re", (STRING, REGLAN))
    assert member is not None
    for _ in range(300):
        language, expected = random_language(generator, 3)
        stack = [language]
        while stack:
            node = stack.pop()
            used.add(node.head.name.strip("(").removeprefix("_ ").split()[0])
            stack.extend(node.arguments)
        found = member[0].kernel(words, evaluate(language, {}))
        assert found.dtype == torch.bool
        assert {word for word, inside in zip(EVERY_WORD, found.tolist(), strict=True) if inside} == expected, language
    assert set(LANGUAGES_THEORY.entries) <= used | {"str.in_re"}


def test_languages_agree_with_z3() -> None:
    generator = seeded(23)
    for _ in range(60):
        language, expected = random_language(generator, 2)
        for word in generator.sample(EVERY_WORD, 4):
            claim = z3_form(apply("str.in_re", text(word), language))
            assert z3_equals(claim, z3.BoolVal(word in expected)), (word, language)


def test_long_words_and_large_powers() -> None:
    """Nothing recurses with the length of a word or the number of repetitions."""
    word = "ab" * 3000
    language = regex.loop(regex.text("ab"), 2999, 3001)
    assert regex.matches(word, language)
    assert not regex.matches(word + "a", language)
    assert regex.matches(word, regex.star(regex.text("ab")))
    assert regex.matches(word, regex.text(word))


def test_every_entry_is_tested() -> None:
    own = set(STRINGS_THEORY.entries) - set(LANGUAGES_THEORY.entries)
    assert {name for name in own if name.startswith("str.")} == {
        name for name, *_ in ENTRIES if name.startswith("str.")
    } | {"str.replace_re", "str.replace_re_all"}


@pytest.mark.parametrize(
    ("old", "new", "sorts"),
    [
        ("str.to.int", "str.to_int", (STRING,)),
        ("int.to.str", "str.from_int", (INT,)),
        ("str.in.re", "str.in_re", (STRING, REGLAN)),
        ("str.to.re", "str.to_re", (STRING,)),
        ("str.replaceall", "str.replace_all", S3),
        ("re.nostr", "re.none", ()),
        ("re.complement", "re.comp", (REGLAN,)),
    ],
)
def test_older_names(old: str, new: str, sorts: tuple[Sort, ...]) -> None:
    resolved = LOGIC.resolve(old, sorts)
    assert resolved is not None
    assert resolved == LOGIC.resolve(new, sorts)
    assert resolved[0].name == new


@pytest.mark.parametrize(
    ("name", "sorts", "indices"),
    [
        ("str.++", (STRING,), ()),
        ("str.++", (STRING, INT), ()),
        ("str.at", (STRING,), ()),
        ("str.substr", (STRING, INT), ()),
        ("str.in_re", S2, ()),
        ("re.*", (STRING,), ()),
        ("re.^", (REGLAN,), ()),
        ("re.loop", (REGLAN,), (1,)),
        ("re.loop", (REGLAN,), (1, "n")),
        ("re.none", (REGLAN,), ()),
    ],
)
def test_ill_sorted(name: str, sorts: tuple[Sort, ...], indices: tuple[Any, ...]) -> None:
    assert LOGIC.resolve(name, sorts, indices) is None


@given(st.text(st.characters(max_codepoint=0x2FFFF, exclude_categories=["Cs"])))
def test_escapes_read_back(string: str) -> None:
    assert unescape(escape(string)) == string
    assert escape(string).isascii()


@pytest.mark.parametrize(
    ("literal", "string"),
    [
        (r"\u{41}b", "Ab"),
        (r"\u0041b", "Ab"),
        (r"\u{1F600}", "\U0001f600"),
        (r"\u{30000}", r"\u{30000}"),
        (r"\u{}", r"\u{}"),
        (r"\u004", r"\u004"),
        (r"\n\x41", r"\n\x41"),
        (r"\u{5c}u{41}", r"\u{41}"),
    ],
)
def test_escapes(literal: str, string: str) -> None:
    assert unescape(literal) == string


@given(st.text(st.characters(max_codepoint=0x2FFFF, exclude_categories=["Cs"]), max_size=8))
def test_z3_reads_back_strings(string: str) -> None:
    held = representation(STRING)
    assert held.read_z3(held.z3_value(string)) == string


@pytest.mark.parametrize("shape", [(0,), (3, 0), (2, 3), (1, 4, 2)])
def test_kernels_broadcast(shape: tuple[int, ...]) -> None:
    concatenation = LOGIC.resolve("str.++", S2)
    assert concatenation is not None
    left = torch.full(shape, STRINGS.number("x"))
    right = torch.tensor(STRINGS.number("y"))
    found = concatenation[0].kernel(left, right)
    assert found.shape == shape
    assert all(STRINGS.value(number) == "xy" for number in found.reshape(-1).tolist())


def test_each_combination_is_computed_once() -> None:
    calls: list[tuple[int, int]] = []

    def add(a: int, b: int) -> int:
        calls.append((a, b))
        return a + b

    kernel = lift(add, [meant, meant], held, "int64")
    a, b = torch.arange(1000) % 3, torch.arange(1000) % 2
    assert kernel(a, b).tolist() == (a + b).tolist()
    assert len(calls) == 6


def test_tables_are_safe_to_share() -> None:
    table: Table[int] = Table()
    threads = [threading.Thread(target=lambda: [table.number(i) for i in range(2000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(table.number(i) for i in range(2000)) == list(range(2000))
    assert all(table.value(table.number(i)) == i for i in range(2000))


def test_equal_languages_have_one_number() -> None:
    first = regex.union(regex.text("a"), regex.text("b"), regex.NOTHING)
    second = regex.union(regex.text("b"), regex.union(regex.text("a")))
    assert LANGUAGES.number(first) == LANGUAGES.number(second)


@pytest.mark.parametrize(
    ("string", "language", "once", "everywhere"),
    [
        ("xaay", '(re.+ (str.to_re "a"))', "xZay", "xZZy"),
        ("xaay", '(re.* (str.to_re "a"))', "Zxaay", "xZZy"),
        ("xabay", '(re.union (str.to_re "ab") (str.to_re "a"))', "xZbay", "xZbZy"),
        ("xabay", '(re.union (str.to_re "ab") (str.to_re "y"))', "xZay", "xZaZ"),
        ("bb", '(str.to_re "a")', "bb", "bb"),
        ("", "re.all", "Z", ""),
        ("abc", "re.allchar", "Zbc", "ZZZ"),
        ("abc", "re.none", "abc", "abc"),
        ("a1b22", '(re.range "0" "9")', "aZb22", "aZbZZ"),
    ],
)
def test_replacing_by_regular_languages(string: str, language: str, once: str, everywhere: str) -> None:
    """The cases follow from the definitions of SMT-LIB by hand."""
    for name, expected in (("str.replace_re", once), ("str.replace_re_all", everywhere)):
        text = f'(= ({name} "{string}" {language} "Z") "{expected}")'
        (found,) = load_problem(
            f"(set-logic SLIA)(synth-fun f () Bool)(constraint {text})(check-synth)", "test.sl"
        ).constraints
        assert evaluate(found, {}).item(), text

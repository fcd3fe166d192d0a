"""Random and mutated scripts give problems or errors with a position; ``benchmarks/fuzz.py`` runs many more."""

from __future__ import annotations

import random

import pytest

from mutations import mutated, random_script
from sygus.errors import SourceError
from sygus.language.elaborate import problem_of
from sygus.language.syntax.parser import parse
from sygus.language.syntax.printer import print_script
from sygus.resources import grammar_names, read_problem

COUNT, PARTS = 2000, 8


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, PARTS))])
def test_random_and_mutated_scripts_give_problems_or_errors_with_a_position(part: int) -> None:
    texts = [read_problem(name)[1] for name in grammar_names()]
    errors = [(seed, text, judged(text)) for seed in range(part, COUNT, PARTS) for text in [drawn(seed, texts)]]
    for seed, text, error in errors:
        if error is not None:
            assert 1 <= error.position.line <= len(text.splitlines()) + 1, seed
            assert error.message, seed
            assert str(error), seed
    assert any(error is None for _, _, error in errors)


def drawn(seed: int, texts: list[str]) -> str:
    generator = random.Random(seed)  # noqa: S311 - inputs, not secrets
    return random_script(generator) if seed // PARTS % 2 else mutated(generator.choice(texts), generator, texts)


def judged(text: str) -> SourceError | None:
    """The error of a text; one that parses must print to what parses to the same script."""
    try:
        script = parse(text)
        printed = print_script(script)
        assert print_script(parse(printed)) == printed, text
        problem_of(script)
    except SourceError as error:
        return error
    return None

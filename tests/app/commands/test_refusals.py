"""What the solvers of ordinary logics do not answer is refused with the place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sygus.app.cli import main

ORACLES = "(set-logic LIA)\n(set-feature :oracles true)\n(declare-oracle-fun g (Int) Int cat)\n"
F = "(synth-fun f ((x Int)) Int)\n"


@pytest.mark.parametrize(
    ("text", "at", "fragment"),
    [
        (f"{ORACLES}{F} (constraint (= (f 1) (g 1)))", "5:2", "the oracle 'cat' would have to be asked; add --allow"),
        (f"{ORACLES}{F}(assume (= (g 1) 2))(constraint true)", "5:1", "the oracle 'cat' would have to be asked"),
        (f"{ORACLES}{F}(oracle-constraint-io f cat)", "5:1", "the oracle 'cat' would have to be asked; add --allow"),
        (
            f"{ORACLES}(define-fun h ((y Int)) Int (g y))\n(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (h I)))))",
            "5:49",
            "a grammar that calls an oracle, 'g', is not searched",
        ),
        (
            f"(set-logic LIA)\n{F}(optimize-synth ((div (f 1) 0)))",
            "3:1",
            "Z3 does not compute the value of an objective",
        ),
    ],
)  # fmt: skip
def test_refusals(text: str, at: str, fragment: str, tmp_path: Path) -> None:
    file = tmp_path / "p.sl"
    file.write_text(text if "optimize" in text else f"{text}\n(check-synth)", encoding="utf-8")
    result = CliRunner().invoke(main, [str(file), "--time", "5"])
    assert result.exit_code == 2
    assert f"p.sl:{at}: {fragment}" in result.stderr


def test_an_oracle_in_a_grammar_is_refused_where_oracles_are_asked(tmp_path: Path) -> None:
    file = tmp_path / "p.sl"
    grammar = "((I Int)) ((I Int (x (g I))))"
    file.write_text(f"{ORACLES}(synth-fun f ((x Int)) Int {grammar})(check-synth)", encoding="utf-8")
    result = CliRunner().invoke(main, [str(file), "--time", "5", "--allow-external-oracles"])
    assert result.exit_code == 2
    assert "p.sl:4:49: a grammar that calls an oracle, 'g', is not searched" in result.stderr

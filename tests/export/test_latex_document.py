"""The LaTeX document of a run: compiles, and means every text of the run literally."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from sygus.errors import SourceError
from sygus.export.latex_document import bare_formula, document
from sygus.export.record import Measure, Record
from sygus.oracles.expressions import parse_expression
from sygus.oracles.methods import methods
from sygus.oracles.parameters import SORTS
from sygus.saliency.features import FEATURES
from sygus.saliency.metrics import known_metrics
from sygus.statistics import Mean

LONG = (
    "(+ (* (gap (div0 (* (relu gradient) (square (+ activation gradient))) (+ (abs gradient) (sqrt0 (* activation "
    "alpha))))) (softmax (minmax (gap (* (log1p (+ activation (neg gradient))) (exp (neg (square gradient)))))))) "
    "(ite (or (and (< logit 2) (> probability 0.25)) (= logit 3)) (gap (/ (square activation) (+ 1 (square gradient))))"
    " (total (max (* 0.5 activation) (min gradient (* alpha (relu (+ gradient (square alpha)))))))))"
)
HOSTILE = r"\input{/etc/passwd} $\loop ^^41 %&#_{}~<>| \end{document} 漢 é \x"


def found(record: Record, text: str) -> Record:
    parameters = " ".join(f"({name} {kind})" for name, kind in KINDS.items())
    return dataclasses.replace(record, answer=f"((1.0 2) (define-fun w ({parameters}) Weight {text}))")


KINDS = {name: str(SORTS[feature.rank]) for name, feature in FEATURES.items()}


@pytest.fixture(scope="module")
def record(finished_run: Path) -> Record:
    return Record.read(str(finished_run))


def compiled(text: str, folder: Path) -> str:
    """The log of a document that compiles."""
    program = shutil.which("tectonic") or shutil.which("pdflatex")
    if program is None:
        pytest.skip("neither tectonic nor pdflatex is installed")
    (folder / "run.tex").write_text(text, encoding="utf-8")
    options = ["--keep-logs"] if program.endswith("tectonic") else ["-interaction=nonstopmode", "-halt-on-error"]
    result = subprocess.run(
        [program, *options, "run.tex"], cwd=folder, capture_output=True, text=True, check=False, timeout=100
    )
    assert result.returncode == 0, result.stdout[-2000:]
    assert (folder / "run.pdf").read_bytes().startswith(b"%PDF")
    return (folder / "run.log").read_text(errors="replace")


def test_the_answer_compiles(record: Record, tmp_path: Path) -> None:
    log = compiled(document(record), tmp_path)
    assert "Missing character" not in log


def test_long_expressions_fit_the_page(record: Record, tmp_path: Path) -> None:
    log = compiled(document(found(record, LONG)), tmp_path)
    assert "Overfull" not in log


def test_every_feature_and_every_metric_compiles(record: Record, tmp_path: Path) -> None:
    by_pixel = ("map", "heatmap", "saliency")
    ranks = {name: f"(gap {name})" if feature.rank in by_pixel else name for name, feature in FEATURES.items()}
    measures = tuple(Measure(m.name, m.direction, m.unit, m.doc) for m in known_metrics().values())
    mean = Mean(0.5, 0.25, 0.75, 16, (0.5,) * 16)
    scores = dict.fromkeys((measure.name for measure in measures), mean)
    rows = tuple(dataclasses.replace(row, search=scores, held_out=scores) for row in record.table)
    whole = dataclasses.replace(found(record, f"(+ {' (+ '.join(ranks.values())} 1{')' * len(ranks)}"), table=rows)
    log = compiled(document(dataclasses.replace(whole, measures=measures)), tmp_path)
    assert "Missing character" not in log


def test_texts_of_the_run_mean_themselves(record: Record, tmp_path: Path) -> None:
    search = dataclasses.replace(record.search, name=HOSTILE)
    rows = tuple(dataclasses.replace(row, title=HOSTILE) for row in record.table)
    hostile = dataclasses.replace(
        record,
        search=search,
        table=rows,
        ending=HOSTILE,
        problem={"file": HOSTILE},
        settings={"network": HOSTILE},
        versions={HOSTILE: HOSTILE},
    )
    text = document(hostile)
    assert r"\input{" not in text
    assert text.count(r"\end{document}") == 1
    compiled(text, tmp_path)


def test_an_answer_that_does_not_parse_is_an_error(record: Record) -> None:
    with pytest.raises(SourceError, match="the run's answer"):
        document(dataclasses.replace(record, answer="((1.0) (define-fun w ((g Map)) Weight (gap g)))"))


def test_a_run_without_an_answer_has_a_document(record: Record, tmp_path: Path) -> None:
    empty = dataclasses.replace(record, answer="fail", found=None, table=record.table[:-1])
    assert "no expression" in document(empty)
    compiled(document(empty), tmp_path)


def test_the_bare_formula_of_one_line_and_of_several() -> None:
    short = parse_expression("(gap (div0 gradient activation))", "test")
    assert bare_formula(short).startswith(r"w^c_k = \frac{1}{Z}\sum_i\sum_j \frac{")
    assert bare_formula(short).splitlines()[1].startswith(r"% \dagger: 0 where")
    long = bare_formula(parse_expression(LONG, "test"))
    assert long.startswith("\\begin{aligned}\nw^c_k &= ")
    assert long.count("&=") == long.count(r"\\" + "\n") + 1 > 3


def test_methods_have_titles_that_latex_can_show() -> None:
    from sygus.export.escaping import latex_text

    assert all("U+" not in latex_text(method.title) for method in methods().values())

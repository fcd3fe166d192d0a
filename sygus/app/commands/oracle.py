"""``sycam-sygus oracle METRIC``: a metric as an external oracle of the standard, for any solver that asks one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.app.terminal import echo
from sygus.errors import OptionError, SourceError
from sygus.language.terms import Term
from sygus.language.text import number_text
from sygus.oracles.expressions import function_expression
from sygus.oracles.methods import expression_method
from sygus.resources import read_text
from sygus.saliency.metrics import chosen_metric
from sygus.statistics import Mean


def run_oracle(name: str, question: Sequence[str], given: Mapping[str, Any]) -> None:
    """Print ``(score)``: the mean of a metric over the search pictures, of the function that is asked about.

    Args:
        name: of the metric.
        question: the words of the command line.
        given: settings by name, None where one is not given.

    Raises:
        OptionError: an unknown metric, or the question cannot be read.
        SourceError: the question is no function over features.
    """
    settings = Settings(**{option: value for option, value in given.items() if value is not None})
    try:
        metric = chosen_metric(name)
    except OptionError as error:
        raise OptionError(f"METRIC: {error.message}", error.hint) from None
    expression = asked_about(question)
    oracle = load_subjects(settings).search
    metric.require(oracle.subject)
    scores = expression_method("asked", "asked", expression).score(oracle, metric)
    echo(f"({number_text(Mean.of(scores).value)})")


def asked_about(question: Sequence[str]) -> Term:
    """The function of a question.

    Args:
        question: one value on the command line, or a file that holds the tuple of it.

    Returns:
        Its body, over features.

    Raises:
        OptionError: the file cannot be read.
        SourceError: there is not one value, or it is no function over features.
    """
    where, text = "QUESTION", f"({' '.join(question)})"
    if len(question) == 1 and not question[0].lstrip().startswith("("):
        where = question[0]
        try:
            text = read_text(where)
        except (OSError, UnicodeDecodeError, ValueError) as error:
            hint = "give a closed lambda term, as '(lambda ((gradient Map)) (gap gradient))', or a file with one"
            raise OptionError(f"QUESTION: cannot read '{where}' ({error})", hint) from None
    try:
        return function_expression(text, where)
    except SourceError as error:
        raise error.located(where, text) from None

"""Tables of scores: methods by metrics, on the pictures of the search and on those held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from solvers.cam.subjects import Subjects
from sygus.export.tables import Row
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import Method
from sygus.saliency.metrics import Evaluation, Metric
from sygus.saliency.progress import track
from sygus.statistics import Mean


def is_slow(method: Method, metric: Metric) -> bool:
    """Whether a score takes many explanations, each of many passes."""
    return "explain" in metric.needs and not method.quick


def compare(
    subjects: Subjects,
    rows: list[Method],
    metrics: list[Metric],
    skip: Callable[[Method, Metric], bool] = lambda method, metric: False,  # noqa: ARG005 - nothing is skipped
    keep: Callable[[Method, Evaluation], None] = lambda method, evaluation: None,  # noqa: ARG005 - nothing is kept
) -> list[Row]:
    """The table of scores: every method by every metric but those skipped, on both sets of pictures.

    Args:
        subjects: network and pictures.
        rows: the methods.
        metrics: the columns.
        skip: which pairs to leave out.
        keep: told each method's maps of the held-out pictures.
    """
    return list(compared(subjects, rows, metrics, skip, keep))


def compared(
    subjects: Subjects,
    rows: list[Method],
    metrics: list[Metric],
    skip: Callable[[Method, Metric], bool],
    keep: Callable[[Method, Evaluation], None] = lambda method, evaluation: None,  # noqa: ARG005 - nothing is kept
) -> Iterator[Row]:
    """The rows of :func:`compare`, each as soon as it is done."""

    def cost(method: Method, metric: Metric) -> int:
        """Forward passes of a picture, and one for what takes none."""
        explaining = method.passes(subjects.search) if "explain" in metric.needs else 0
        return 1 + metric.passes(subjects.search.subject.network.size) + explaining

    def wanted(method: Method) -> list[Metric]:
        return [metric for metric in metrics if not skip(method, metric)]

    def means(method: Method, oracle: CamOracle) -> tuple[dict[str, Mean], int]:
        evaluation = method.evaluation(oracle)
        if oracle is subjects.held_out:
            keep(method, evaluation)
        columns = wanted(method)
        costs = [cost(method, metric) for metric in columns]
        scored = track(columns, len(columns), f"metrics of {method.title}", costs)
        return {m.name: Mean.of(oracle.judge(evaluation, m)) for m in scored}, int(evaluation.empty.sum())

    whole = [method.passes(subjects.search) + sum(cost(method, metric) for metric in wanted(method)) for method in rows]
    for method in track(rows, len(rows), "methods scored", whole):
        (search, black), (held_out, also_black) = means(method, subjects.search), means(method, subjects.held_out)
        yield Row(method.title, search, held_out, (black, also_black), method.control)

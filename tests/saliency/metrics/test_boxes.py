"""The box of the largest component: hand-worked, and at every threshold at once against one threshold at a time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sygus.saliency.metrics.boxes import boxes_by_threshold, largest_boxes, overlap

THRESHOLDS = np.linspace(0, 1, 101)


def test_diagonal_neighbours_connect_and_the_first_of_equals_is_taken() -> None:
    active = np.zeros((2, 6, 6), bool)
    active[0, 0, 0] = active[0, 1, 1] = active[0, 2, 2] = True
    active[0, 4:6, 4] = True
    active[1, 5, 5] = active[1, 0, 3] = True
    assert largest_boxes(active).tolist() == [[0, 0, 3, 3], [3, 0, 4, 1]]


def test_pictures_do_not_connect_and_nothing_has_an_empty_box() -> None:
    active = np.zeros((3, 4, 4), bool)
    active[0, 1, 1] = active[2] = True
    assert largest_boxes(active).tolist() == [[1, 1, 2, 2], [0, 0, 0, 0], [0, 0, 4, 4]]
    assert largest_boxes(active[1:2]).tolist() == [[0, 0, 0, 0]]


def test_overlap_takes_the_best_box() -> None:
    boxes = np.array([[0, 0, 4, 2], [0, 0, 0, 0]])
    assert overlap(boxes, [(2, 0, 6, 2), (0, 0, 1, 1)]).tolist() == [4 / 12, 0]


maps = arrays(
    np.float32,
    st.tuples(st.integers(2, 9), st.integers(2, 9)),
    elements=st.integers(0, 12).map(lambda v: float(np.float32(v / 12))),
)


@given(maps)
@settings(max_examples=150)
def test_every_threshold_at_once_equals_one_at_a_time(saliency: np.ndarray) -> None:
    together = boxes_by_threshold(saliency, THRESHOLDS)
    for threshold, box in zip(THRESHOLDS, together, strict=True):
        assert box.tolist() == largest_boxes(saliency[None] > threshold)[0].tolist()

"""Maps of the ground truth, which explain nothing: what a metric gives to where the object is, and to all the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from sygus.errors import OptionError
from sygus.saliency.metrics import Subject


@dataclass(frozen=True)
class TruthMap:
    """A map that is made of the boxes of the pictures alone (Zhang et al. 2024, Opti-CAM, figure 4).

    Attributes:
        name: how options name it.
        title: how tables write it.
        draw: S (N, H, W), 0 or 1, of the union of the boxes (N, H, W) bool.
    """

    name: str
    title: str
    draw: Callable[[Tensor], Tensor]

    def check(self, subject: Subject) -> None:
        """Check that every picture has boxes, or a mask, around which there is one.

        Raises:
            OptionError: one has neither.
        """
        if subject.unlocated:
            raise OptionError(f"the map '{self.name}' {subject.unlocated}", "give pictures with masks or boxes")

    def __call__(self, subject: Subject) -> Tensor:
        """S (N, H, W) of every picture.

        Raises:
            OptionError: one has neither mask nor boxes.
        """
        self.check(subject)
        return self.draw(subject.boxed).float()


TRUTH_MAPS = (
    TruthMap("box", "Box", lambda boxed: boxed),
    TruthMap("outside-box", "Outside the box", lambda boxed: ~boxed),
)
"""S := B and S := I ∖ B."""

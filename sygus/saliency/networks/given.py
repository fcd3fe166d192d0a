"""A network that Python holds, in place of the name of one."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sygus.saliency.networks.classifier import Classifier, Shape, undescribed
from sygus.saliency.networks.families.custom import described


@dataclass(frozen=True, eq=False)
class GivenNetwork:
    """A network that Python gives. Which it is tells the fingerprint of the network that is made of it.

    Attributes:
        classifier: what it is.
        bare: whether nothing but the module was given, so that what it takes is to be told from the pictures.
    """

    classifier: Classifier
    bare: bool = False

    @property
    def name(self) -> str:
        """The name of the model's class."""
        return type(self.classifier.model).__name__

    @property
    def text(self) -> str:
        """What records call it."""
        return f"{self.name}, a module given in Python"

    def __str__(self) -> str:
        return self.name

    def taking(self, shape: Shape | None) -> GivenNetwork:
        """The network, said to take pictures C, H, W of a shape where nothing else was said of what it takes."""
        if not self.bare or shape is None:
            return self
        return GivenNetwork(undescribed(self.classifier.model, shape))


def given_network(value: object) -> GivenNetwork | None:
    """The network of an object of Python; None where it is none.

    Args:
        value: a ``torch.nn.Module``, a pair of one and a mapping with attributes of :class:`Classifier`, or a
            :class:`Classifier`.

    Raises:
        OptionError: an attribute is unknown, or of another kind.
    """
    if isinstance(value, GivenNetwork):
        return value
    found = described(value, "the network given in Python")
    return None if found is None else GivenNetwork(found, bare=isinstance(value, nn.Module))

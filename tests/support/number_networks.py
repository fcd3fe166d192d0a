"""Networks that give no classes: one number a picture, or logits of pixels; random weights, pictures of 16x16."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sygus.saliency.images import ImageSet, Preprocessing
from sygus.saliency.networks import Classifier, Network, make_network, read_target
from sygus.saliency.networks.target import Compute
from toy_models import CPU, SIDE, pictures

SEGMENTS = ("road", "sky", "car")


def body(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 6, 3, 1, 1), nn.ReLU()).eval()


class Number(nn.Module):
    """One number a picture: the square of a linear function, so that second derivatives are not 0.

    Args:
        flat: whether it is (n,), else (n, 1).
    """

    def __init__(self, *, flat: bool = False) -> None:
        super().__init__()
        self.body = body()
        self.head = nn.Linear(6 * 8 * 8, 1)
        self.flat = flat

    def forward(self, x: Tensor) -> Tensor:
        found = self.head(self.body(x).flatten(1)).square()
        return found[:, 0] if self.flat else found


class Pixels(nn.Module):
    """Logits (n, 3, 16, 16) of the pixels, in a mapping as torchvision's segmentations."""

    def __init__(self) -> None:
        super().__init__()
        self.body = body()
        self.classify = nn.Conv2d(6, 3, 1)
        with torch.no_grad():
            self.classify.weight.mul_(8)
            self.classify.bias.copy_(torch.tensor([0.0, 0.05, 0.1]))
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": self.up(self.classify(self.body(x)))}


def logits_of_pixels(returned: dict[str, Tensor]) -> Tensor:
    return returned["out"]


def network_of(model: nn.Module, target: str | Compute, **options: object) -> Network:
    """A network of 16x16 pictures that is made for a target."""
    described = Classifier(model.eval(), Preprocessing.square(SIDE), **options)  # type: ignore[arg-type]
    return make_network(described, "toy", CPU, target=read_target(target))


def number_network(*, flat: bool = False) -> Network:
    torch.manual_seed(1)
    return network_of(Number(flat=flat), "regression")


def segmentation(target: str | Compute = "region car") -> Network:
    torch.manual_seed(1)
    return network_of(Pixels(), target, output=logits_of_pixels, classes=SEGMENTS)


def located(count: int = 4) -> ImageSet:
    """Pictures with masks, boxes and labels."""
    masks = torch.zeros(count, SIDE, SIDE, dtype=torch.bool)
    masks[:, 4:10, 3:12] = True
    ids = tuple(f"picture {index}" for index in range(count))
    labels = torch.arange(count) % 2
    return ImageSet("toys", pictures(count), labels, masks, (((3, 4, 12, 10),),) * count, ids, ("cat", "dog"))

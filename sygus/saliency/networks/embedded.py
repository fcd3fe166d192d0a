"""The networks `shapes-vgg`, `shapes-resnet` and `shapes-lfi`, trained on the pictures `shapes` and shipped.

Both take pictures (B, 3, 64, 64) in pixel space and compute ``head(features(normalise(x)))``, logits (B, 8). The
attribute ``features`` is the target layer: 64 maps of 8x8 after a ReLU.
"""

from __future__ import annotations

from importlib import resources
from typing import Literal, TypeAlias, get_args

import torch
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from sygus.errors import OptionError, SycamError
from sygus.maps import unit_range
from sygus.saliency.images.generator import CLASSES
from sygus.saliency.networks.classifier import Normalise

NetworkName: TypeAlias = Literal["shapes-vgg", "shapes-resnet", "shapes-lfi"]

NAMES: tuple[NetworkName, ...] = get_args(NetworkName)
CHANNELS = 64
"""Maps of the target layer."""


class ShapesNetwork(nn.Module):
    """A network for the pictures `shapes`, in evaluation or training mode.

    Attributes:
        features: the target layer, (B, 3, 64, 64) to (B, 64, 8, 8), ends in a ReLU.
        head: what follows, to logits (B, 8).
    """

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.normalise = Normalise((0.47, 0.47, 0.47), (0.25, 0.25, 0.25))  # the generator treats channels alike
        self.features = features
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """The logits (B, 8) of pictures (B, 3, 64, 64) in pixel space."""
        logits: Tensor = self.head(self.features(self.normalise(x)))
        return logits


class ShapesVGG(ShapesNetwork):
    """Plain convolutions and a hidden fully connected layer, so that gradients at ``features`` vary in space.

    About 13 million multiply-adds a picture, 150 thousand parameters.
    """

    def __init__(self) -> None:
        features = nn.Sequential(
            *_convolution(3, 12),
            nn.MaxPool2d(2),
            *_convolution(12, 32),
            nn.MaxPool2d(2),
            *_convolution(32, 48),
            nn.MaxPool2d(2),
            *_convolution(48, 64),
            *_convolution(64, CHANNELS),
        )
        head = nn.Sequential(
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(CHANNELS * 4 * 4, 64),
            nn.ReLU(),
            nn.Linear(64, len(CLASSES)),
        )
        super().__init__(features, head)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # no batch norm: the default, smaller weights leave channels dead
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


def _convolution(inputs: int, outputs: int) -> tuple[nn.Conv2d, nn.ReLU]:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1), nn.ReLU()


class ShapesResNet(ShapesNetwork):
    """Residual blocks, global average pooling and one linear layer, so that Grad-CAM at ``features`` equals CAM.

    About 17 million multiply-adds a picture, 150 thousand parameters.
    """

    def __init__(self) -> None:
        super().__init__(_residual_features(), _pooled_linear())


def _residual_features() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 16, kernel_size=3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        ResidualBlock(16, 16, stride=1),
        ResidualBlock(16, 32, stride=2),
        ResidualBlock(32, 64, stride=2),
        ResidualBlock(64, CHANNELS, stride=1),
    )


def _pooled_linear() -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, len(CLASSES)))


class ResidualBlock(nn.Module):
    """ReLU(x + two normalised convolutions of x); x goes through a 1x1 convolution where its shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(outputs),
            )
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H/stride, W/stride)."""
        result: Tensor = self.activation(self.shortcut(x) + self.residual(x))
        return result


class ShapesLFI(ShapesNetwork):
    """The maps of `shapes-resnet`, which a branch of the network weighs by itself (Lee et al. 2021, arXiv 2105.00937).

    About 20 million multiply-adds a picture, 190 thousand parameters.
    """

    def __init__(self) -> None:
        super().__init__(_residual_features(), AttentiveHead(_pooled_linear()))


IMPORTANCE = "head.importance"
"""The branch of :class:`ShapesLFI`, as :class:`sygus.saliency.networks.Classifier` declares it."""


class AttentiveHead(nn.Module):
    """Classifies F ⊙ (1 + n(M)), M = ReLU(Σ_k softmax(s)_k F_k): LFI-CAM's attention, drawn in the forward pass.

    The branch sees the maps alone; that of the authors' program sees them multiplied by the picture in grey.

    Attributes:
        importance: the branch, from F (B, K, h, w) to s (B, K).
        classifier: from maps like F to logits.
    """

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.importance = nn.Sequential(
            nn.Conv2d(CHANNELS, CHANNELS, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(CHANNELS),
            nn.ReLU(),
            nn.Conv2d(CHANNELS, CHANNELS, kernel_size=1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.classifier = classifier

    def forward(self, features: Tensor) -> Tensor:
        """The logits of maps F (B, K, h, w)."""
        weights = torch.softmax(self.importance(features), 1)
        attention = unit_range((weights[:, :, None, None] * features).sum(1, keepdim=True).relu())
        logits: Tensor = self.classifier(features * (1 + attention))
        return logits


def build(name: str) -> ShapesNetwork:
    """The network with fresh random weights, in training mode.

    Raises:
        OptionError: no network has this name.
    """
    if name == "shapes-vgg":
        return ShapesVGG()
    if name == "shapes-resnet":
        return ShapesResNet()
    if name == "shapes-lfi":
        return ShapesLFI()
    raise OptionError(f"there is no network {name!r} for the pictures `shapes`", f"choose one of {', '.join(NAMES)}")


def load(name: NetworkName) -> ShapesNetwork:
    """The trained network: evaluation mode, parameters frozen, on the CPU.

    Raises:
        OptionError: no network has this name.
        SycamError: the installation lacks the file with its weights.
    """
    network = build(name)
    file = resources.files("sygus.saliency") / "weights" / f"{name}.safetensors"
    if not file.is_file():
        raise SycamError(
            f"the weights of {name} are missing from the installation",
            f"install the package again, or train them: python -m sygus.saliency.training --network {name}",
        )
    network.load_state_dict(load_tensors(file.read_bytes()))
    return network.eval().requires_grad_(False)

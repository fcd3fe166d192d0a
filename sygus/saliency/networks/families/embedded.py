"""The networks that are shipped with the package."""

from __future__ import annotations

from sygus.saliency.images.generator import CLASSES, SIZE
from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.networks import embedded
from sygus.saliency.networks.classifier import Classifier
from sygus.saliency.networks.families.family import family


@family("shapes-vgg", "plain convolutions with a hidden fully connected layer; gradients vary in space", order=0)
@family("shapes-resnet", "residual blocks, global average pooling, one linear layer; Grad-CAM equals CAM", order=1)
@family("shapes-lfi", "as shapes-resnet, with a branch that learns the importance of channels; LFI-CAM", order=2)
def load(name: str) -> Classifier:
    """A network for the pictures `shapes`; it normalises by itself."""
    model = embedded.load(name)  # type: ignore[arg-type]
    importance = embedded.IMPORTANCE if isinstance(model, embedded.ShapesLFI) else None
    preprocessing = Preprocessing.square(SIZE)
    return Classifier(model, preprocessing, classes=CLASSES, layer="features", importance=importance, owned=True)

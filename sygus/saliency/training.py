"""Train the networks `shapes-vgg`, `shapes-resnet` and `shapes-lfi` and write their weights.

``python -m sygus.saliency.training`` reproduces the files shipped in ``sygus/saliency/weights``: two to five minutes a
network on two cores. The pictures have the same bits everywhere, the weights on the same machine with the same
versions (recorded in the file); elsewhere they differ by rounding, which training amplifies.

The networks are made to be explained. Metrics show them pictures multiplied by heat maps, so a part of the training
pictures is multiplied by soft random masks around the labelled shapes, and smoothed labels keep the probability of the
right class near 0.9: a saturated network could not tell one heat map from another.

``--gradients`` and ``--attention`` train them by other losses, see :mod:`sygus.saliency.losses`, into another folder.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from sygus.errors import OptionError, SycamError
from sygus.saliency.images.generator import generate
from sygus.saliency.losses import (
    ERROR_NAMES,
    ErrorName,
    Loss,
    attentive,
    classification,
    interpretable_gradients,
)
from sygus.saliency.networks.embedded import NAMES, NetworkName, ShapesNetwork, build
from sygus.writing import make_folder, write_file

STREAM = 2**31
"""Training with seed s takes its pictures from the stream ``STREAM + s``, which no image set uses."""

TRAINING_PICTURES = 12288
TEST_PICTURES = 2000
THREADS = 2
"""Part of the recipe: the order of a parallel sum, hence its rounding, follows the number of threads."""

EPOCHS = 12
BATCH = 64
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.02
MASKED: dict[NetworkName, float] = {"shapes-vgg": 0.5, "shapes-resnet": 0.0625, "shapes-lfi": 0.0625}
"""The part of the pictures that is masked; without a mean over the map it takes more of them to get used to masks."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures as tensors.

    Attributes:
        images: uint8 (N, 3, 64, 64), 255 for 1.0: a quarter of the memory of float32.
        labels: int64 (N,).
        coverage: the masks at the resolution of heat maps, float32 (N, 1, 8, 8) in [0, 1].
    """

    images: Tensor
    labels: Tensor
    coverage: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Tensor) -> Pictures:
        return Pictures(self.images[rows], self.labels[rows], self.coverage[rows])

    def pixels(self) -> Tensor:
        """Pixel space, float32 (N, 3, 64, 64) in [0, 1]."""
        return self.images.float() / 255

    def batches(self, order: Tensor, size: int = BATCH) -> Iterator[Pictures]:
        """Consecutive batches of the rows ``order``."""
        return (self[rows] for rows in torch.split(order, size))


def pictures(indices: Iterable[int], seed: int) -> Pictures:
    """The pictures ``indices`` of the training stream of ``seed``."""
    images, labels, coverage = [], [], []
    for index in indices:
        picture = generate(index, STREAM + seed)
        images.append(torch.from_numpy(np.rint(255 * picture.image).astype(np.uint8)))
        labels.append(picture.label)
        coverage.append(functional.avg_pool2d(torch.from_numpy(picture.mask)[None].float(), 8))
    return Pictures(torch.stack(images), torch.tensor(labels), torch.stack(coverage))


def train(
    network: ShapesNetwork,
    data: Pictures,
    masked: float,
    seed: int,
    *,
    loss_of: Loss = classification,
    epochs: int = EPOCHS,
    batch_size: int = BATCH,
) -> None:
    """Train in place.

    Args:
        network: to train; left in evaluation mode.
        data: to train on.
        masked: the part of each batch that is masked, in [0, 1].
        seed: of the order, the masks and the other augmentation.
        loss_of: what is made small.
        epochs: how often each picture is seen.
        batch_size: pictures of a step.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=LEARNING_RATE, epochs=epochs, steps_per_epoch=-(-len(data) // batch_size)
    )
    network.train()
    for epoch in range(epochs):
        total = 0.0
        for batch in data.batches(torch.randperm(len(data), generator=generator), batch_size):
            loss = loss_of(network, augmented(batch, masked, generator), batch.labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        click.echo(f"  epoch {epoch + 1}/{epochs}: loss {total / len(data):.4f}")
    network.eval()


def augmented(batch: Pictures, masked: float, generator: torch.Generator) -> Tensor:
    """Pixel space (B, 3, 64, 64): the first part masked, then all turned, mirrored and recoloured alike."""
    x = batch.pixels()
    first = round(masked * len(batch))
    x[:first] *= soft_masks(batch.coverage[:first], generator)
    turns, mirror = torch.randint(4, (2,), generator=generator).tolist()
    x = x.rot90(turns, dims=(2, 3))
    if mirror % 2:
        x = x.flip(3)
    return x[:, torch.randperm(3, generator=generator)]


def soft_masks(coverage: Tensor, generator: torch.Generator) -> Tensor:
    """Random masks that look like heat maps of networks that are right.

    Coverage, widened at random, and noise of random strength, up-sampled as heat maps are, sharpened at random.

    Args:
        coverage: of the labelled shapes, (B, 1, 8, 8) in [0, 1].
        generator: source of randomness.

    Returns:
        Float32 (B, 1, 64, 64), each with minimum 0 and maximum 1.
    """
    width, strength, sharpness = torch.rand(3, len(coverage), 1, 1, 1, generator=generator)
    wide = functional.avg_pool2d(functional.avg_pool2d(coverage, 3, 1, 1), 3, 1, 1)
    wide = wide / wide.amax(dim=(2, 3), keepdim=True)
    noise = torch.rand(coverage.shape, generator=generator)
    coarse = coverage + width * (wide - coverage) + 0.5 * strength * noise
    masks = functional.interpolate(coarse, scale_factor=8, mode="bilinear", align_corners=False)
    low, high = masks.amin(dim=(2, 3), keepdim=True), masks.amax(dim=(2, 3), keepdim=True)
    sharpened: Tensor = ((masks - low) / (high - low)) ** (1 + 2 * sharpness)
    return sharpened


@torch.no_grad()
def accuracy(network: nn.Module, data: Pictures) -> float:
    """The fraction of pictures classified correctly."""
    right = sum(
        int((network(batch.pixels()).argmax(dim=1) == batch.labels).sum())
        for batch in data.batches(torch.arange(len(data)))
    )
    return right / len(data)


def _description(arguments: str, seed: int, measured: float) -> dict[str, str]:
    """The header of a weights file; one entry, as several would be written in no fixed order."""
    facts = {
        "accuracy": measured,
        "accuracy_pictures": TEST_PICTURES,
        "command": f"python -m sygus.saliency.training --seed {seed}{arguments}",
        "numpy": np.__version__,
        "python": platform.python_version(),
        "seed": seed,
        "torch": torch.__version__,
    }
    return {"training": json.dumps(facts, sort_keys=True)}


def _loss(gradients: ErrorName | None, weight: float | None, attention: bool) -> tuple[Loss, str]:
    """The loss that options choose, and these options in words of the command line.

    Raises:
        OptionError: they exclude each other.
    """
    if (weight is None) != (gradients is None):
        lacking = "--gradients" if gradients is None else "--gradient-weight"
        raise OptionError(f"{lacking} is lacking", "--gradients and --gradient-weight belong together")
    if weight is not None and not math.isfinite(weight):
        raise OptionError(f"--gradient-weight is {weight}", "give a finite number, at least 0")
    if gradients is not None and attention:
        raise OptionError("--attention: --gradients is given too", "give one of them")
    if gradients is not None and weight is not None:
        return interpretable_gradients(gradients, weight), f" --gradients {gradients} --gradient-weight {weight:g}"
    return (attentive, " --attention") if attention else (classification, "")


WEIGHTS_FOLDER = Path(__file__).parent / "weights"


@click.command()
@click.option("--network", type=click.Choice([*NAMES, "all"]), default="all", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of pictures and weights.")
@click.option(
    "--gradients",
    type=click.Choice(ERROR_NAMES),
    help="Add to the loss how far gradients of pictures are from guided ones, by this error.",
)
@click.option(
    "--gradient-weight",
    type=click.FloatRange(min=0),
    help="Times this.",
)
@click.option("--attention", is_flag=True, help="Classify the features under their own Grad-CAM as well.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the weights; default: where the package looks for them, for networks trained as those shipped.",
)
def main(
    network: str,
    seed: int,
    gradients: ErrorName | None,
    gradient_weight: float | None,
    attention: bool,
    out: Path | None,
) -> None:
    """Train the networks for the pictures `shapes` and write their weights."""
    try:
        loss_of, arguments = _loss(gradients, gradient_weight, attention)
        if out is None and arguments:
            raise OptionError("--out: networks by another loss are not those shipped", "name a folder for them")
        make_folder(out or WEIGHTS_FOLDER, "--out")
    except SycamError as error:
        raise click.ClickException(str(error)) from None
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(THREADS)
    click.echo(f"making {TRAINING_PICTURES + TEST_PICTURES} pictures")
    training = pictures(range(TRAINING_PICTURES), seed)
    test = pictures(range(TRAINING_PICTURES, TRAINING_PICTURES + TEST_PICTURES), seed)
    for name in [name for name in NAMES if network in (name, "all")]:
        click.echo(f"training {name}")
        torch.manual_seed(seed)
        model = build(name)
        train(model, training, MASKED[name], seed, loss_of=loss_of)
        measured = accuracy(model, test)
        file = (out or WEIGHTS_FOLDER) / f"{name}.safetensors"
        write_file(file, save(model.state_dict(), metadata=_description(arguments, seed, measured)))
        click.echo(f"  {100 * measured:.2f} % of {TEST_PICTURES} fresh pictures; wrote {file}")


if __name__ == "__main__":
    main()

"""What a metric is given: saliency maps of the pictures that are explained, and what may be asked of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from sygus.errors import OptionError, counted, listed
from sygus.saliency.images import NO_CLASS, Box, ImageSet, box_around, unread
from sygus.saliency.images.labelling import labelled
from sygus.saliency.networks import Network, Target, class_number, read_target
from sygus.saliency.progress import track


@dataclass(frozen=True, eq=False)
class Subject:
    """What is explained: the network's view of an image set. Every candidate is scored on the same subject.

    Of pictures on a shelf all that has one number for each is known; what has more, :meth:`part` has of some of them.

    Attributes:
        network: the classifier f.
        images: the pictures x.
        targets: (N,) the class c explained in each; 0 where a number is explained that is of no class.
        known_probability: (N,) of the targets for the clean pictures, where it is known already.
        known_logits: (N, classes) of the clean pictures, where they are known already.
        known_outputs: what else is known of them, where the logits are not.
    """

    network: Network
    images: ImageSet
    targets: Tensor
    known_probability: Tensor | None = None
    known_logits: Tensor | None = None
    known_outputs: Outputs | None = None

    def part(self, rows: range) -> Subject:
        """Some of the pictures that follow one another, in memory.

        Raises:
            SycamError: one of a shelf cannot be read any more, or is another one now.
        """
        if self.images.shelf is None and len(rows) == len(self.images):
            return self
        chosen = slice(rows.start, rows.stop)
        probability, logits = (
            None if one is None else one[chosen] for one in (self.known_probability, self.known_logits)
        )
        return Subject(self.network, self.images.part(rows), self.targets[chosen], probability, logits)

    @cached_property
    def pictures(self) -> Tensor:
        """The pictures (N, 3, H, W) on the network's device."""
        return self.images.pictures.to(self.network.device)

    @cached_property
    def logits(self) -> Tensor:
        """The network's logits of the clean pictures, (N, classes)."""
        return self.network.logits(self.pictures) if self.known_logits is None else self.known_logits

    @cached_property
    def probability(self) -> Tensor:
        """P of the clean pictures, softmax(f(x))_c, or of a multi-label network sigmoid; (N,).

        Raises:
            OptionError: what is explained is no class.
        """
        if self.known_probability is not None:
            return self.known_probability
        if self.images.shelf is not None:
            return torch.cat([self.part(rows).probability for rows in self.images.spans])
        return self.network.probabilities(self.pictures, self.targets)

    @property
    def predicted(self) -> Tensor:
        """The class that the network predicts for each clean picture, (N,)."""
        return self.logits.argmax(1) if self.known_outputs is None else self.known_outputs.predicted

    @property
    def extremes(self) -> tuple[Tensor, Tensor]:
        """Of each class the least and the largest logit of a clean picture, (classes,) float32."""
        if self.known_outputs is not None:
            return self.known_outputs.least, self.known_outputs.largest
        return self.logits.float().amin(0), self.logits.float().amax(0)

    @cached_property
    def region(self) -> Tensor:
        """U, the ground truth as pixels, (N, H, W) bool: the mask, else the union of the boxes."""
        if self.images.masks is not None:
            return self.images.masks.to(self.network.device)
        return self.boxed

    @cached_property
    def boxed(self) -> Tensor:
        """The union of the boxes as pixels, (N, H, W) bool."""
        inside = torch.zeros(len(self.images), *self.network.size, dtype=torch.bool)
        for row, boxes in enumerate(self.boxes):
            for left, top, right, bottom in boxes:
                inside[row, top:bottom, left:right] = True
        return inside.to(self.network.device)

    @cached_property
    def boxes(self) -> tuple[tuple[Box, ...], ...]:
        """The boxes of each picture; where there are none, the box around its mask."""
        masks = self.images.masks
        if masks is None or self.images.shelf is not None:  # of pictures on a shelf they are among the boxes
            return self.images.boxes
        return tuple(boxes or box_around(mask) for boxes, mask in zip(self.images.boxes, masks, strict=True))

    @cached_property
    def unlocated(self) -> str:
        """What needs ground truth lacks, in words; "" where every picture has a mask or boxes."""
        count = sum(not boxes for boxes in self.boxes)
        of = f"{count} of {len(self.images)} pictures of {self.images.name}"
        return f"needs a mask or boxes, which {of} lack" if count else ""

    def showing(self, pictures: Tensor, index: Tensor, probability: Tensor | None = None) -> Subject:
        """Other pixels for the pictures with these indices; network, targets and ground truth stay.

        Args:
            pictures: (n, 3, H, W).
            index: (n,).
            probability: (n,) of the targets, where it is known already.
        """
        targets, chosen = self.targets[index.to(self.targets.device)], index.cpu()
        images, rows = self.images, chosen.tolist()
        changed = replace(
            images,
            pictures=pictures.cpu(),
            labels=images.labels[chosen],
            masks=None if images.masks is None else images.masks[chosen],
            boxes=tuple(images.boxes[row] for row in rows),
            ids=tuple(images.ids[row] for row in rows),
        )
        return Subject(self.network, changed, targets, probability)


@dataclass(frozen=True, eq=False)
class Outputs:
    """What is kept of the logits of clean pictures where all of them would be too many.

    Attributes:
        predicted: the class that the network predicts for each, (N,).
        least, largest: of each class the least and the largest logit of a picture, (classes,) float32.
    """

    predicted: Tensor
    least: Tensor
    largest: Tensor


@dataclass(frozen=True)
class Change:
    """Another situation in which the same targets are explained again.

    Attributes:
        name: explanations under changes of one name share what is measured on the network; "" is never shared.
        apply: the subject in that situation.
    """

    name: str
    apply: Callable[[Subject], Subject]


Explain = Callable[[Change, Tensor], Tensor]
"""S (n, H, W) of the pictures with some indices (n,) of the changed subject, by the expression or method scored."""

Refer = Callable[[str], "Evaluation"]
"""The evaluation of another expression or method, by its name, on every picture of the subject."""


Within = Literal["all", "box", "outside"]
"""A part of each picture: all of it, the union of its boxes B, or what is outside, I ∖ B."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Saliency maps of some pictures of a subject.

    Attributes:
        subject: what is explained.
        index: (n,) which pictures.
        saliency: S, (n, H, W) in [0, 1], on the network's device.
        explain: explains again; None where the maps of several explanations are scored together.
        refer: finds what ``win`` compares with.
    """

    subject: Subject
    index: Tensor
    saliency: Tensor
    explain: Explain | None = None
    refer: Refer | None = None
    _parts: dict[Within, Evaluation] = field(default_factory=dict, init=False, repr=False)

    @property
    def pictures(self) -> Tensor:
        """The clean pictures x, (n, 3, H, W)."""
        return self.subject.pictures[self.index]

    @property
    def targets(self) -> Tensor:
        """The class c of each, (n,)."""
        return self.subject.targets[self.index]

    @property
    def probability(self) -> Tensor:
        """P of the clean pictures, (n,)."""
        return self.subject.probability[self.index]

    @cached_property
    def masked(self) -> Tensor:
        """X ⊙ S, the mask applied in pixel space, (n, 3, H, W)."""
        return self.pictures * self.saliency[:, None]

    @cached_property
    def masked_probability(self) -> Tensor:
        """O, the probability P of x ⊙ S, (n,)."""
        subject = self.subject
        return subject.network.masked_probabilities(subject.pictures, self.index, self.saliency, self.targets)

    @property
    def region(self) -> Tensor:
        """U, (n, H, W) bool."""
        return self.subject.region[self.index]

    def pixels(self, within: Within) -> Tensor:
        """Which pixels are in a part of the pictures, (n, H, W) bool."""
        if within == "all":
            return torch.ones_like(self.saliency, dtype=torch.bool)
        boxed = self.subject.boxed[self.index]
        return boxed if within == "box" else ~boxed

    def within(self, within: Within) -> Evaluation:
        """The same of the maps B ∩ S or S ∖ B: S is 0 outside the part, and not normalised again.

        (Zhang et al. 2024, Opti-CAM, figure 4.) It is made once, so that what is measured on it is shared.
        """
        if within == "all":
            return self
        if within not in self._parts:
            self._parts[within] = replace(self, saliency=self.saliency * self.pixels(within))
        return self._parts[within]

    @cached_property
    def empty(self) -> Tensor:
        """Which maps are black, S = 0: the degenerate ones, (n,) bool."""
        return self.saliency.amax((-2, -1)) <= 0

    def explained(self, change: Change) -> Tensor:
        """S of the same pictures under a change, (n, H, W)."""
        assert self.explain is not None, "a metric that explains again says so: needs=('explain',)"
        return self.explain(change, self.index)

    def explained_masked(self) -> Tensor:
        """S(x ⊙ S), (n, H, W)."""
        assert self.explain is not None, "a metric that explains again says so: needs=('explain',)"
        change = Change("", lambda subject: subject.showing(self.masked, self.index, self.masked_probability))
        return self.explain(change, torch.arange(len(self.index), device=self.index.device))


def subject_of(
    network: Network, images: ImageSet, target: Target | str | None = None, *, strict: bool = False
) -> Subject:
    """The network's view of the pictures.

    Labels become classes of the network, see :mod:`sygus.saliency.images.labelling`. Pictures for which the network
    gives a NaN or an infinity are left out, and a note of the pictures names them.

    Args:
        network: made for what is explained.
        images: the pictures.
        target: the class explained, of a network that gives classes; None: the network's own target.
        strict: whether a picture without a finite output is an error.

    Raises:
        OptionError: the pictures do not fit the network, or true labels are explained and are not its classes, or it
            has no such class, or fewer than two pictures have a finite output.
    """
    if tuple(images.pictures.shape[-2:]) != network.size:
        height, width = network.size
        raise OptionError(f"--images: the pictures of {images.name} have the wrong size", f"make them {height}x{width}")
    images = _of_channels(images, network)
    chosen = network.target if target is None else read_target(target)
    if not chosen.is_class or not network.target.is_class:
        return _of_a_number(network, images, chosen, strict)
    if images.shelf is not None:
        return _of_a_shelf(network, images, chosen, strict)
    images, logits = _with_output(network, images, strict)
    images = labelled(images, network.classes, network.name)
    targets = _targets(network, images, chosen, logits.argmax(1), logits.shape[1])
    return Subject(network, images, targets, network.probability_of(logits, targets), logits)


def _targets(network: Network, images: ImageSet, chosen: Target, predicted: Tensor, classes: int) -> Tensor:
    """The class explained in each picture, (N,), on the network's device.

    Raises:
        OptionError: true labels are explained and are not the network's classes, or it has no such class.
    """
    match chosen.kind:
        case "predicted":
            return predicted
        case "label":
            return images.labels_for(classes).to(predicted.device)
    found = torch.full((len(predicted),), class_number(chosen.name, network.classes, network.name))
    return found.to(predicted.device)


GREY = (0.299, 0.587, 0.114)
"""The luma of red, green and blue (ITU-R BT.601)."""


def _of_channels(images: ImageSet, network: Network) -> ImageSet:
    """The pictures with as many channels as the network takes: those in colour as grey, if it takes one.

    Raises:
        OptionError: they have another number of channels.
    """
    there, wanted = images.pictures.shape[1], network.channels
    if there == wanted:
        return images
    if (there, wanted) == (len(GREY), 1):
        shelf = images.shelf
        if shelf is not None:
            size = images.pictures.shape[-2:]
            return replace(images, pictures=unread((len(images), 1, *size)), shelf=shelf.changed(in_grey))
        return replace(images, pictures=in_grey(images.pictures))
    takes = f"'{network.name}' takes {counted(wanted, 'channel')}"
    message = f"--images: the pictures of {images.name} have {there} channels, {takes}"
    raise OptionError(message, "describe it with as many numbers in mean= and deviation= as pictures have channels")


def in_grey(pictures: Tensor) -> Tensor:
    """Pictures (n, 3, H, W) in colour as grey ones, (n, 1, H, W)."""
    return torch.einsum("nchw,c->nhw", pictures, torch.tensor(GREY))[:, None]


def _with_output(network: Network, images: ImageSet, strict: bool) -> tuple[ImageSet, Tensor]:
    """The pictures with a finite output, and it."""
    logits = network.logits(images.pictures)
    kept, images = _finite(network, images, logits.isfinite().all(1).cpu(), strict)
    return images, logits if kept is None else logits[kept.to(logits.device)]


def _finite(network: Network, images: ImageSet, finite: Tensor, strict: bool) -> tuple[Tensor | None, ImageSet]:
    """The places of the pictures with a finite output, None where all have one; and these pictures.

    Raises:
        OptionError: some have none, and are not to be left out, or too few have one.
    """
    if finite.all():
        return None, images
    ids = [name for name, fine in zip(images.ids, finite.tolist(), strict=True) if not fine]
    named = listed(ids, _NAMED)
    message = f"'{network.name}' gives a NaN or an infinity for {len(ids)} of {len(images)} pictures of {images.name}"
    if strict or int(finite.sum()) < 2:
        raise OptionError(f"--network: {message}: {named}", "mend the network, or leave these pictures out")
    kept = finite.nonzero()[:, 0]
    return kept, images.only(kept, f"{message}, which are left out: {named}")


_NAMED = 5
"""Pictures that messages name."""


@dataclass(frozen=True, eq=False)
class _Looked:
    """What one look at all pictures of a shelf gives.

    Attributes:
        finite: which have a finite output, (N,).
        outputs: of those.
        probability: of the classes explained, (n,) of those; None of a network that gives no classes.
        numbers: the numbers that such a one gives, (n, 1).
    """

    finite: Tensor
    outputs: Outputs
    probability: Tensor | None
    numbers: Tensor | None


def _looked(network: Network, images: ImageSet, explained: Callable[[range, Tensor], Tensor]) -> _Looked:
    """Show all pictures of a shelf to a network, part by part.

    Args:
        network: that sees them.
        images: the pictures.
        explained: of the rows of a part and the classes predicted there the classes explained.
    """
    finite, predicted, probability, numbers = (list[Tensor]() for _ in range(4))
    least = largest = None

    def look(rows: range) -> None:
        nonlocal least, largest
        logits = network.logits(images.part(rows).pictures)
        fine = logits.isfinite().all(1)
        finite.append(fine.cpu())
        best = logits.argmax(1)
        if network.no_class:
            numbers.append(logits[fine])
        else:
            probability.append(network.probability_of(logits, explained(rows, best))[fine])
        predicted.append(best[fine])
        if fine.any():
            low, high = logits[fine].float().amin(0), logits[fine].float().amax(0)
            least = low if least is None else torch.minimum(least, low)
            largest = high if largest is None else torch.maximum(largest, high)

    spans = images.spans
    for rows in track(spans, len(spans), f"{len(spans)} parts of the pictures classified", list(map(len, spans))):
        look(rows)
    nothing = torch.empty(0)  # where no picture has a finite output, which is an error
    return _Looked(
        torch.cat(finite),
        Outputs(torch.cat(predicted), nothing if least is None else least, nothing if largest is None else largest),
        torch.cat(probability) if probability else None,
        torch.cat(numbers) if numbers else None,
    )


def _of_a_shelf(network: Network, images: ImageSet, chosen: Target, strict: bool) -> Subject:
    """The view of pictures whose pixels are not in memory, on a network that gives classes."""
    classes = len(network.classes)
    labels = None
    if chosen.kind == "label":  # known for certain before the network is asked, which may take long
        labels = labelled(images, network.classes, network.name).labels_for(classes)

    def explained(rows: range, predicted: Tensor) -> Tensor:
        if labels is not None:
            return labels[rows.start : rows.stop].to(predicted.device)
        return _targets(network, images, chosen, predicted, classes)

    looked = _looked(network, images, explained)
    _, images = _finite(network, images, looked.finite, strict)
    images = labelled(images, network.classes, network.name)
    targets = _targets(network, images, chosen, looked.outputs.predicted, classes)
    return Subject(network, images, targets, looked.probability, known_outputs=looked.outputs)


def _of_a_number(network: Network, images: ImageSet, target: Target, strict: bool) -> Subject:
    """The view of a network of which a number is explained, so that no label is a class of it."""
    if target != network.target:
        raise OptionError(
            f"--target: '{network.name}' was made for '{network.target.text}', not for '{target.text}'",
            "give load_network or make_network the target",
        )
    outputs = None
    if images.shelf is None:
        images, logits = _with_output(network, images, strict)
    else:
        looked = _looked(network, images, lambda _, predicted: predicted)
        _, images = _finite(network, images, looked.finite, strict)
        assert looked.numbers is not None
        logits, outputs = looked.numbers, looked.outputs
    if bool((images.labels != NO_CLASS).any()):
        reason = f"'{network.name}' gives no classes where '{target.text}' is explained"
        nothing = torch.full_like(images.labels, NO_CLASS)
        images = replace(images, labels=nothing, classes=(), numbers=(), unmatched=reason)
    targets = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
    return Subject(network, images, targets, known_logits=logits, known_outputs=outputs)

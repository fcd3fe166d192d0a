"""What a metric is given: saliency maps of the pictures that are explained, and what may be asked of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from sygus.errors import OptionError, listed
from sygus.saliency.images import NO_CLASS, Box, ImageSet
from sygus.saliency.images.labelling import labelled
from sygus.saliency.networks import Network, Target, class_number, read_target


@dataclass(frozen=True, eq=False)
class Subject:
    """What is explained: the network's view of an image set. Every candidate is scored on the same subject.

    Attributes:
        network: the classifier f.
        images: the pictures x.
        targets: (N,) the class c explained in each; 0 where a number is explained that is of no class.
        known_probability: (N,) of the targets for the clean pictures, where it is known already.
        known_logits: (N, classes) of the clean pictures, where they are known already.
    """

    network: Network
    images: ImageSet
    targets: Tensor
    known_probability: Tensor | None = None
    known_logits: Tensor | None = None

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
        return self.network.probabilities(self.pictures, self.targets)

    @property
    def predicted(self) -> Tensor:
        """The class that the network predicts for each clean picture, (N,)."""
        return self.logits.argmax(1)

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
        return tuple(boxes or _around(None if masks is None else masks[i]) for i, boxes in enumerate(self.images.boxes))

    @cached_property
    def unlocated(self) -> int:
        """How many pictures have no ground truth, neither mask nor boxes."""
        return sum(not boxes for boxes in self.boxes)

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


def _around(mask: Tensor | None) -> tuple[Box, ...]:
    """The box around the pixels of a mask (H, W), where it has any."""
    if mask is None or not mask.any():
        return ()
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    return ((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1),)


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
    images, logits = _with_output(network, images, strict)
    images = labelled(images, network.classes, network.name)
    match chosen.kind:
        case "predicted":
            targets = logits.argmax(1)
        case "label":
            targets = images.labels_for(logits.shape[1]).to(logits.device)
        case _:
            targets = torch.full((len(logits),), class_number(chosen.name, network.classes, network.name))
            targets = targets.to(logits.device)
    return Subject(network, images, targets, network.probability_of(logits, targets), logits)


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
        grey = torch.einsum("nchw,c->nhw", images.pictures, torch.tensor(GREY))
        return replace(images, pictures=grey[:, None])
    channels = "1 channel" if wanted == 1 else f"{wanted} channels"
    message = f"--images: the pictures of {images.name} have {there} channels, '{network.name}' takes {channels}"
    raise OptionError(message, "describe it with as many numbers in mean= and deviation= as pictures have channels")


def _with_output(network: Network, images: ImageSet, strict: bool) -> tuple[ImageSet, Tensor]:
    """The pictures with a finite output, and it."""
    logits = network.logits(images.pictures)
    finite = logits.isfinite().all(1).cpu()
    if finite.all():
        return images, logits
    ids = [name for name, fine in zip(images.ids, finite.tolist(), strict=True) if not fine]
    named = listed(ids, _NAMED)
    message = f"'{network.name}' gives a NaN or an infinity for {len(ids)} of {len(images)} pictures of {images.name}"
    if strict or int(finite.sum()) < 2:
        raise OptionError(f"--network: {message}: {named}", "mend the network, or leave these pictures out")
    kept = finite.nonzero()[:, 0]
    return images.only(kept, f"{message}, which are left out: {named}"), logits[kept.to(logits.device)]


_NAMED = 5
"""Pictures that messages name."""


def _of_a_number(network: Network, images: ImageSet, target: Target, strict: bool) -> Subject:
    """The view of a network of which a number is explained, so that no label is a class of it."""
    if target != network.target:
        raise OptionError(
            f"--target: '{network.name}' was made for '{network.target.text}', not for '{target.text}'",
            "give load_network or make_network the target",
        )
    images, logits = _with_output(network, images, strict)
    if bool((images.labels != NO_CLASS).any()):
        reason = f"'{network.name}' gives no classes where '{target.text}' is explained"
        nothing = torch.full_like(images.labels, NO_CLASS)
        images = replace(images, labels=nothing, classes=(), numbers=(), unmatched=reason)
    targets = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
    return Subject(network, images, targets, known_logits=logits)

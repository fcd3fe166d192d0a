"""What is explained: a network and pictures, as the oracles of the search and of the report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor

from solvers.cam.settings import Settings
from sygus.errors import OptionError, counted
from sygus.language.theories.ranks import parted
from sygus.oracles.cam import CamOracle, Saliency
from sygus.oracles.methods import methods
from sygus.oracles.objective import CamProblem
from sygus.oracles.workers import workers_of
from sygus.saliency.features import sources_of
from sygus.saliency.images import Room, check_images, everything, load_images, load_some
from sygus.saliency.metrics import Subject, subject_of
from sygus.saliency.networks import Network, split_at
from sygus.saliency.networks.classifier import probe_pictures
from sygus.saliency.remarks import remarks


@dataclass(frozen=True, eq=False)
class Subjects:
    """The oracles on the pictures that the search sees, on those held out, and on those that finalists are judged on.

    Attributes:
        search, held_out: always.
        validation: None where there are no such pictures.
        taken: how many pictures were loaded to search on, and to hold out; None for those of the oracles.
    """

    search: CamOracle
    held_out: CamOracle
    validation: CamOracle | None = None
    taken: tuple[int, int] | None = None

    def counted(self, settings: Settings) -> Settings:
        """The settings with the numbers of pictures that they left open."""
        search, held_out = self.taken or (len(self.search.subject.images), len(self.held_out.subject.images))
        return replace(
            settings,
            search_images=search if settings.search_images is None else settings.search_images,
            held_out_images=held_out if settings.held_out_images is None else settings.held_out_images,
        )

    @property
    def parts(self) -> tuple[CamOracle, ...]:
        """All of them."""
        return tuple(part for part in (self.search, self.held_out, self.validation) if part is not None)

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of scores should know of the network on these pictures, in words."""
        return remarks([one.subject for one in self.parts], self._activations)

    def _activations(self) -> Iterator[tuple[Subject, Tensor]]:
        """Pictures with their feature maps: all that are in memory, some of the others, then all of those."""
        for oracle in self.parts:
            yield oracle.sample.subject, oracle.sample.measured["activation"]
        for oracle in self.parts:
            for rows in oracle.spans if oracle.sample is not oracle else ():
                part = oracle.part(rows)
                yield part.subject, part.measured["activation"]


PARTS = ("search", "held out", "validation")
"""The sets of pictures, as :class:`Subjects` has them."""

MEMORY = 1 << 31
"""Bytes that the pictures of a set may take with all that is drawn and measured of them, before they are worked through
part by part; and those of a part. By the estimate of :func:`bytes_of_a_picture`."""


@dataclass(frozen=True)
class Holding:
    """Which pictures need not be in memory together.

    Attributes:
        many: the sets, of :data:`PARTS`, that may be worked through part by part.
        at_once: how many of their pictures are in memory at a time; None for as many as :data:`MEMORY` lets.
    """

    many: Collection[str] = ()
    at_once: int | None = None

    def room(self, network: Network, layers: Mapping[str, Network]) -> Room:
        """How many pictures of a set are in memory at a time.

        Of many they are as many as fill passes of the network, so that every picture has the place in its pass that it
        has where all are in memory, and the same scores.
        """
        if not self.many:
            return everything

        def room(part: str, count: int) -> int:
            if part not in self.many:
                return count
            most = self.at_once
            if most is None:
                least = count * BYTES * PICTURES_OF_EACH * network.channels * network.size[0] * network.size[1]
                most = count if least * _MARGIN <= MEMORY else MEMORY // bytes_of_a_picture(network, layers)
            size = network.chunk.size
            return count if count <= most else max(size, most // size * size)

        return room


BYTES = 4
"""Of a number."""

PICTURES_OF_EACH, MAPS_OF_EACH, FEATURES_OF_EACH = 3, 4, 6
"""How many tensors of a picture's, a saliency map's and the feature maps' size there are of a picture at a time, while
several methods are scored by several metrics."""

_MARGIN = 16
"""So many times what the pixels take, all that is measured of a picture hardly takes."""


def bytes_of_a_picture(network: Network, layers: Mapping[str, Network]) -> int:
    """Bytes that a picture takes with all that is drawn and measured of it, by a rule.

    Args:
        network: that sees it.
        layers: the network split at further layers.
    """
    height, width = network.size
    trial = probe_pictures(1, (network.channels, height, width))
    features = sum(one.activation(trial).numel() for one in (network, *layers.values()))
    pixels = height * width
    tensors = PICTURES_OF_EACH * network.channels * pixels + MAPS_OF_EACH * pixels + FEATURES_OF_EACH * features
    return BYTES * tensors


def load_subjects(
    settings: Settings,
    references: Mapping[str, Saliency] | None = None,
    *,
    choosing: bool = False,
    holding: Holding = Holding(),
) -> Subjects:
    """Network, pictures and features.

    Args:
        settings: name them.
        references: what the metric ``win`` may compare with; every method by default.
        choosing: whether there is to be a choice between finalists; without one, no pictures are loaded for it.
        holding: which pictures need not be in memory together; by default all are.

    Raises:
        OptionError: an unknown network, layer, target or image set.
    """
    check_images(settings.images)
    network = settings.load_network()
    layers = split_at(network, settings.modules)
    split = load_images(
        settings.images,
        search=settings.search_images,
        held_out=settings.held_out_images,
        validation=settings.validation_images,
        choosing=choosing,
        seed=settings.seed,
        preprocessing=network.preprocessing,
        strict=settings.strict,
        room=holding.room(network, layers),
    )
    named = {name: method.saliency for name, method in methods().items()} if references is None else references
    search, held_out, validation = (
        None if part is None else CamOracle(subject_of(network, part, strict=settings.strict), named, layers=layers)
        for part in (split.search, split.held_out, split.validation)
    )
    assert search is not None
    assert held_out is not None
    return Subjects(search, held_out, validation, (len(split.search), len(split.held_out)))


def started_workers(
    count: int | None, cluster: str | None, settings: Settings, stack: ExitStack
) -> Callable[[Subjects], None]:
    """What has workers score the pictures of subjects; nothing where none are asked for.

    To be called before the network is loaded: from now on this process computes with one thread, as they do.

    Args:
        count: how many workers.
        cluster: the address of the Ray cluster where they are; None for processes of this machine, if any.
        settings: name the device.
        stack: ends them.

    Raises:
        OptionError: so many are not started, or not for this device, or the cluster cannot be reached.
    """
    workers = workers_of(count, cluster, settings.torch_device())
    if workers is None:
        return lambda _: None
    stack.enter_context(workers)
    option = workers.words.option

    def serve(subjects: Subjects) -> None:
        for one in subjects.parts:
            if one.subject.images.shelf is not None:
                message = f"{option}: {one.subject.images.name} is worked through part by part, by one process"
                raise OptionError(message, f"leave {option} out, take fewer pictures, or give --at-once their number")
        workers.serve(subjects.parts)

    return serve


def load_pilot(
    settings: Settings, pictures: int, fewest: int, references: Mapping[str, Saliency]
) -> tuple[CamOracle, int | None]:
    """The oracle on the first pictures that a search would see, as many as are asked for or as there are.

    Args:
        settings: name network, layers, target and images.
        pictures: how many at most.
        fewest: how many at least.
        references: what the metric ``win`` may compare with.

    Returns:
        It, and how many pictures there are in all; None where there is no end of them.

    Raises:
        OptionError: an unknown network, layer, target or image set, or too few pictures.
    """
    check_images(settings.images)
    network = settings.load_network()
    images, there = load_some(
        settings.images,
        pictures,
        seed=settings.seed,
        preprocessing=network.preprocessing,
        strict=settings.strict,
    )
    if len(images) < fewest:
        message = f"--images: '{settings.images}' has {len(images)} pictures that can be read, too few to tell noise by"
        raise OptionError(message, f"give at least {fewest}")
    subject = subject_of(network, images, strict=settings.strict)
    return CamOracle(subject, references, layers=split_at(network, settings.modules)), there


def subject_notes(subjects: Subjects) -> list[str]:
    """How the network was split, folded and fed, what it makes of the pictures, and which were skipped, in words."""
    return notes_of(subjects.parts, subjects.remarks)


def notes_of(oracles: Sequence[CamOracle], said: Sequence[str]) -> list[str]:
    """The same of oracles on parts of the pictures, with what is said of the scores."""
    network, parts = oracles[0].subject.network, [one.subject.images for one in oracles]
    notes = [f"{network.name}: {'; '.join(network.notes)}"]
    notes += [f"layer {name}: {split.notes[0]}" for name, split in oracles[0].layers.items()]
    for part in parts:
        if part.shelf is not None:
            notes.append(f"{part.name}: {part.shelf.at_once} of {len(part)} pictures are in memory at a time")
    skipped = [picture for part in parts for picture in part.skipped]
    if skipped:
        notes.append(skipping(skipped))
    copies = [picture for part in parts for picture in part.copies]
    if copies:
        are = "is a copy of another and is" if len(copies) == 1 else "are copies of others and are"
        notes.append(f"{counted(len(copies), 'picture')} {are} left out: {_named(copies)}")
    return [*notes, *dict.fromkeys(note for part in parts for note in part.notes), *said]


_LISTED = 100
"""Pictures that a note names."""


def skipping(pictures: Sequence[str]) -> str:
    """That pictures are skipped, each as ``name: reason``."""
    are = "is" if len(pictures) == 1 else "are"
    return f"{counted(len(pictures), 'picture')} cannot be read and {are} skipped: {_named(pictures)}"


def _named(pictures: Sequence[str]) -> str:
    """What became of pictures, of very many of the first ones."""
    more = f"; and {len(pictures) - _LISTED} more" if len(pictures) > _LISTED else ""
    return "; ".join(pictures[:_LISTED]) + more


def check_measurable(problem: CamProblem, oracles: Sequence[CamOracle]) -> None:
    """Check that the features and the metrics of a problem are to be had of what is explained.

    Raises:
        OptionError: one is not.
    """
    for feature in sources_of(parted(one.name)[0] for one in problem.problem.target.function.parameters):
        feature.require(oracles[0].subject.network)
    for metric in problem.metrics.values():
        for part in oracles:
            metric.require(part.subject)

"""What is explained: a network and pictures, as the oracles of the search and of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from solvers.cam.settings import Settings
from sygus.errors import OptionError
from sygus.language.theories.ranks import parted
from sygus.oracles.cam import CamOracle, Saliency
from sygus.oracles.methods import methods
from sygus.oracles.objective import CamProblem
from sygus.saliency.features import sources_of
from sygus.saliency.images import check_images, load_images, load_some
from sygus.saliency.metrics import subject_of
from sygus.saliency.networks import load_network, split_at
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
        return remarks([one.subject for one in self.parts], [one.measured["activation"] for one in self.parts])


def load_subjects(
    settings: Settings, references: Mapping[str, Saliency] | None = None, *, choosing: bool = False
) -> Subjects:
    """Network, pictures and features.

    Args:
        settings: name them.
        references: what the metric ``win`` may compare with; every method by default.
        choosing: whether there is to be a choice between finalists; without one, no pictures are loaded for it.

    Raises:
        OptionError: an unknown network, layer, target or image set.
    """
    check_images(settings.images)
    network = load_network(settings.network, settings.torch_device(), settings.layer, settings.explained)
    split = load_images(
        settings.images,
        search=settings.search_images,
        held_out=settings.held_out_images,
        validation=settings.validation_images,
        choosing=choosing,
        seed=settings.seed,
        preprocessing=network.preprocessing,
        strict=settings.strict,
    )
    named = {name: method.saliency for name, method in methods().items()} if references is None else references
    layers = split_at(network, settings.modules)
    search, held_out, validation = (
        None if part is None else CamOracle(subject_of(network, part, strict=settings.strict), named, layers=layers)
        for part in (split.search, split.held_out, split.validation)
    )
    assert search is not None
    assert held_out is not None
    return Subjects(search, held_out, validation, (len(split.search), len(split.held_out)))


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
    network = load_network(settings.network, settings.torch_device(), settings.layer, settings.explained)
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
    skipped = [picture for part in parts for picture in part.skipped]
    if skipped:
        notes.append(f"{len(skipped)} pictures cannot be read and are skipped: {'; '.join(skipped)}")
    copies = [picture for part in parts for picture in part.copies]
    if copies:
        notes.append(f"{len(copies)} pictures are copies of others and are left out: {'; '.join(copies)}")
    return [*notes, *dict.fromkeys(note for part in parts for note in part.notes), *said]


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

"""What is explained: a network and pictures, as the oracles of the search and of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

from solvers.cam.settings import Settings
from sygus.oracles.cam import CamOracle, Saliency
from sygus.oracles.methods import methods
from sygus.saliency.images import load_images
from sygus.saliency.metrics import subject_of
from sygus.saliency.networks import load_network, split_at
from sygus.saliency.remarks import remarks


@dataclass(frozen=True, eq=False)
class Subjects:
    """The oracles on the pictures that the search sees, and on those held out."""

    search: CamOracle
    held_out: CamOracle

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of scores should know of the network on these pictures, in words."""
        parts = (self.search, self.held_out)
        return remarks([one.subject for one in parts], [one.measured["activation"] for one in parts])


def load_subjects(settings: Settings, references: Mapping[str, Saliency] | None = None) -> Subjects:
    """Network, pictures and features.

    Args:
        settings: name them.
        references: what the metric ``win`` may compare with; every method by default.

    Raises:
        OptionError: an unknown network, layer or image set.
    """
    network = load_network(settings.network, settings.torch_device(), settings.layer)
    split = load_images(
        settings.images,
        search=settings.search_images,
        held_out=settings.held_out_images,
        seed=settings.seed,
        preprocessing=network.preprocessing,
        strict=settings.strict,
    )
    target = cast("Literal['predicted', 'label']", settings.target)
    named = {name: method.saliency for name, method in methods().items()} if references is None else references
    layers = split_at(network, settings.modules)
    search, held_out = (
        CamOracle(subject_of(network, part, target), named, layers=layers) for part in (split.search, split.held_out)
    )
    return Subjects(search, held_out)


def subject_notes(subjects: Subjects) -> list[str]:
    """How the network was split, folded and fed, what it makes of the pictures, and which were skipped, in words."""
    network, parts = subjects.search.subject.network, (subjects.search.subject.images, subjects.held_out.subject.images)
    notes = [f"{network.name}: {'; '.join(network.notes)}"]
    notes += [f"layer {name}: {split.notes[0]}" for name, split in subjects.search.layers.items()]
    skipped = [picture for part in parts for picture in part.skipped]
    if skipped:
        notes.append(f"{len(skipped)} pictures cannot be read and are skipped: {'; '.join(skipped)}")
    return [*notes, *dict.fromkeys(note for part in parts for note in part.notes), *subjects.remarks]

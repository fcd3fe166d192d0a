"""What a worker needs to score units: networks, pictures and targets, as tensors by their names.

Pictures and masks are tensors of their own, so that workers can share one copy of them. Everything else is pickled and
is the bytes of another tensor: a program sends it to the workers that it starts, and nobody else reads it.
"""

from __future__ import annotations

import io
import pickle  # between workers of one program
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sygus.foreign import failure
from sygus.language.text import term_text
from sygus.oracles.cam import CamOracle
from sygus.oracles.executor import Unit
from sygus.oracles.expressions import parse_expression
from sygus.saliency.images import ImageSet
from sygus.saliency.metrics import Subject
from sygus.saliency.networks import Classifier, Network, Target, make_network
from sygus.saliency.networks.chunks import Chunk
from sygus.saliency.networks.precision import Precision

SUBJECTS = "subjects"
"""The name of the tensor that is what is pickled; the names of others have a slash."""

IMPORTABLE = "define its code at the top level of a module that can be imported"
"""What to do where something cannot be sent."""


class UnfitError(Exception):
    """Something cannot be had by another process, or is another one there.

    Args:
        message: what is wrong.
        remedy: what to do, beside doing without other processes.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, eq=False)
class _SentNetwork:
    """What a network is made of, once more, by the worker that it is sent to.

    Attributes:
        classifier, name, layer, chunk, target, precision: as :func:`make_network` takes them.
        fingerprint: of the network; that of the code would be another where the program that was started is imported.
    """

    classifier: Classifier
    name: str
    layer: str
    chunk: Chunk
    target: Target
    precision: Precision
    fingerprint: str

    def made(self, others: Sequence[Network]) -> Network:
        """The network; one of a classifier that is split already is split from there."""
        same = [one for one in others if one.classifier is not None and one.classifier.model is self.classifier.model]
        if same:
            network = same[0].at(self.layer)
        else:
            device = torch.device("cpu")
            network = make_network(
                self.classifier, self.name, device, self.layer, self.chunk, self.target, precision=self.precision
            )
        return replace(network, fingerprint=self.fingerprint)


@dataclass(frozen=True, eq=False)
class _SentSubject:
    """A subject, and further layers of its network; networks by their places."""

    network: int
    layers: Mapping[str, int]
    images: ImageSet
    targets: Tensor
    probability: Tensor | None
    logits: Tensor | None


def packed_subjects(oracles: Mapping[str, CamOracle]) -> dict[str, Tensor]:
    """What workers need to score units of these subjects, on the CPU.

    Args:
        oracles: of the subjects, by their fingerprints.

    Raises:
        UnfitError: a network cannot be sent.
    """
    networks: list[Network] = []
    shared: dict[str, Tensor] = {}
    subjects = {}
    for key, oracle in oracles.items():
        subject = oracle.subject
        for name, tensor in (("pictures", subject.images.pictures), ("masks", subject.images.masks)):
            if tensor is not None:
                shared[f"{key}/{name}"] = tensor
        subjects[key] = _SentSubject(
            _place(networks, subject.network),
            {name: _place(networks, split) for name, split in oracle.layers.items()},
            subject.images,
            subject.targets,
            subject.known_probability,
            subject.known_logits,
        )
    sent = [_sent(network) for network in networks]
    data = io.BytesIO()
    try:
        _Pickler(data, {id(tensor): name for name, tensor in shared.items()}).dump((sent, subjects))
    except (pickle.PicklingError, AttributeError, TypeError, RuntimeError, NotImplementedError) as error:
        message = f"'{networks[0].name}' cannot be sent to other processes: {failure(error)}"
        raise UnfitError(message, IMPORTABLE) from error
    found = {name: tensor.cpu().contiguous() for name, tensor in shared.items()}
    return found | {SUBJECTS: torch.frombuffer(data.getbuffer(), dtype=torch.uint8)}


def _place(networks: list[Network], network: Network) -> int:
    if not any(one is network for one in networks):
        networks.append(network)
    return next(place for place, one in enumerate(networks) if one is network)


def _sent(network: Network) -> _SentNetwork | Network:
    """A network as it is sent; what was split by hand goes as it is."""
    if network.classifier is None:
        return network
    return _SentNetwork(
        network.classifier,
        network.name,
        network.layer,
        network.chunk,
        network.target,
        network.precision,
        network.fingerprint,
    )


def unpacked_subjects(tensors: Mapping[str, Tensor]) -> dict[str, CamOracle]:
    """The oracles of the subjects that were sent, by their fingerprints.

    Raises:
        UnfitError: something that was sent is not to be had here, or a network is another here.
    """
    try:
        sent, subjects = _Unpickler(io.BytesIO(tensors[SUBJECTS].numpy().data), tensors).load()
    except Exception as error:
        message = f"what is explained cannot be had in another process: {failure(error)}"
        raise UnfitError(message, IMPORTABLE) from error
    networks: list[Network] = []
    for one in sent:
        networks.append(one if isinstance(one, Network) else one.made(networks))
    found = {key: _oracle(one, networks) for key, one in subjects.items()}
    checked = {id(oracle.subject.network): oracle.subject for oracle in found.values()}
    for subject in checked.values():
        _check_same(subject)
    return found


def _check_same(subject: Subject) -> None:
    """Check that a network gives the same here.

    Raises:
        UnfitError: it does not.
    """
    network, known = subject.network, subject.known_logits
    if known is None:
        return
    size = network.chunk.size
    if not torch.equal(network.logits(subject.images.pictures[:size]), known[:size]):
        message = f"'{network.name}' gives other outputs in another process"
        raise UnfitError(message, "let it depend on nothing but its own parameters")


def _oracle(sent: _SentSubject, networks: Sequence[Network]) -> CamOracle:
    subject = Subject(networks[sent.network], sent.images, sent.targets, sent.probability, sent.logits)
    layers = {name: networks[place] for name, place in sent.layers.items()}
    return CamOracle(subject, layers=layers, lasting=False)


class _Pickler(pickle.Pickler):
    """Leaves tensors out that are sent by themselves, by their names."""

    def __init__(self, file: Any, names: Mapping[int, str]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.names = names

    def persistent_id(self, value: object) -> str | None:
        """The name of such a tensor; None of everything else."""
        return self.names.get(id(value))


class _Unpickler(pickle.Unpickler):
    """Puts them in again."""

    def __init__(self, file: Any, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(file)
        self.tensors = tensors

    def persistent_load(self, name: str) -> Tensor:
        """The tensor of this name."""
        return self.tensors[name]


def packed(unit: Unit) -> tuple[Any, ...]:
    """A unit as it is sent; of a term its text.

    Raises:
        UnfitError: a metric cannot be sent.
    """
    try:
        metrics = pickle.dumps(unit.metrics, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        named = ", ".join(metric.name for metric in unit.metrics)
        message = f"the metric '{named}' cannot be sent to other processes: {failure(error)}"
        raise UnfitError(message, IMPORTABLE) from error
    text = None if unit.term is None else term_text(unit.term)
    return unit.subject, metrics, unit.maps.cpu().numpy(), unit.drawn, unit.index.cpu().numpy(), unit.owners, text


def unpacked(sent: tuple[Any, ...]) -> Unit:
    """The unit that was sent.

    Raises:
        UnfitError: a metric is not to be had here.
    """
    subject, metrics, maps, drawn, index, owners, text = sent
    try:
        found = pickle.loads(metrics)  # noqa: S301 - the program's own
    except Exception as error:
        message = f"a metric cannot be had in another process: {failure(error)}"
        raise UnfitError(message, IMPORTABLE) from error
    term = None if text is None else parse_expression(text, "a unit of work")
    return Unit(subject, found, torch.from_numpy(maps), drawn, torch.from_numpy(index), owners, term)

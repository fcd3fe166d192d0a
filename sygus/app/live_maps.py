"""Heat maps of a candidate of a watched run, for whoever selects it: of few pictures, one candidate at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import get_args

import torch

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_pilot
from solvers.cam.watching import Candidate, Watched
from sygus.errors import SycamError
from sygus.export.figures import overlay
from sygus.export.gallery import Gallery, in_colours
from sygus.export.live import Pair, maps_piece
from sygus.export.nodes import Node
from sygus.export.record import FOUND
from sygus.language.terms import Term
from sygus.oracles.cam import CamOracle, saliency_of
from sygus.oracles.expressions import parse_expression
from sygus.saliency.networks import Target
from sygus.saliency.networks.embedded import NetworkName

PICTURES = 4
"""So many are shown, the first of the search or, from a gallery, the first held out; none is chosen."""

FEWEST = 2
"""A network is not split on fewer."""

KEPT = 64
"""Candidates whose maps are kept."""

PATIENCE = 60.0
"""Seconds that a request waits while other maps are drawn."""

LONGEST = 4000
"""Characters of a term that is read: a formula of more takes long and shows nothing."""

EMBEDDED: tuple[str, ...] = get_args(NetworkName)
"""The networks that may be loaded: what a journal says chooses among these, and no others."""


def term_of(candidate: Candidate) -> Term:
    """The term of a candidate, read as an expression over features.

    Raises:
        SycamError: it is none, or too long.
    """
    if len(candidate.term) > LONGEST:
        raise SycamError(f"the expression has more than {LONGEST} characters")
    return parse_expression(candidate.term, "the expression")


class Maps:
    """Draws maps on the network and the pictures that this package holds, or takes them from a run's gallery.

    A journal is somebody else's: it chooses among the embedded networks, their layers and the embedded pictures; it
    names no file and no code.

    Args:
        load: the oracle by the settings and how many pictures it sees, and at least.
    """

    def __init__(self, load: Callable[..., tuple[CamOracle, int | None]] = load_pilot) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._oracle: tuple[Settings, CamOracle] | None = None
        self._kept: OrderedDict[tuple[Settings, str], str] = OrderedDict()

    def piece(self, run: Watched, candidate: Candidate) -> str:
        """The maps as a piece of a page, or why there are none."""
        try:
            settings = _settings(run.stated)
            if isinstance(settings, Settings):
                return self._drawn(settings, run, candidate)
            return _from_gallery(run, candidate) or maps_piece([], settings)
        except SycamError as error:
            return maps_piece([], f"There are no maps: {error}")

    def _drawn(self, settings: Settings, run: Watched, candidate: Candidate) -> str:
        term, key = term_of(candidate), (settings, candidate.term)
        if not self._lock.acquire(timeout=PATIENCE):
            raise SycamError("other maps are being drawn; select the expression again later")
        try:
            if key not in self._kept:
                self._kept[key] = self._draw(settings, run, term)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]
        finally:
            self._lock.release()

    def _draw(self, settings: Settings, run: Watched, term: Term) -> str:
        if self._oracle is None or self._oracle[0] != settings:
            torch.set_num_threads(1)  # the search needs the other cores
            self._oracle = (settings, self._load(settings, PICTURES, FEWEST, {})[0])
        oracle = self._oracle[1]
        subject = oracle.subject
        maps, pictures = saliency_of(term)(oracle), in_colours(subject.images.pictures)
        captions = [
            f"{name}, explained as {subject.network.classes[target]}"
            for name, target in zip(subject.images.ids, subject.targets.tolist(), strict=True)
        ]
        note = f"On the first {len(maps)} pictures of the search, drawn now by {settings.network}."
        if subject.network.fingerprint != run.stated.at("fingerprints").at("network").value:
            note += " The run's network has another fingerprint (another device or version): its maps may differ."
        return maps_piece(
            [Pair(*one) for one in zip(captions, pictures, map(overlay, pictures, maps), strict=True)], note
        )


def _settings(stated: Node) -> Settings | str:
    """The settings that maps depend on, of a run on what this package holds; else why nothing is loaded.

    Raises:
        SycamError: they are not what a run states.
    """
    settings = stated.at("settings")
    network, images = settings.at("network").text(), settings.at("images").text()
    if network not in EMBEDDED or images != "shapes":
        reason = f"Maps are drawn on the networks and pictures of this package ({', '.join(EMBEDDED)}; shapes)"
        return f"{reason}: a journal may choose no other code or files. An answer's are shown from the run's gallery."
    layer, layers = (settings.at(name) for name in ("layer", "layers"))
    known = Settings(
        network=network,
        images=images,
        seed=settings.at("seed").integer(),
        target=settings.at("target").text(),
        device="cpu",
        layer=None if layer.value is None else layer.text(),
        layers=None if layers.value is None else layers.text(),
    )
    if isinstance(known.explained, Target) and known.explained.kind == "function":
        return "Maps are not drawn where a function of the user's own is explained, as a journal may choose no code."
    return known


def _from_gallery(run: Watched, candidate: Candidate) -> str:
    """The maps of the run's answer as they were kept; "" for other candidates, and where there are none.

    Raises:
        SycamError: the gallery is damaged.
    """
    record = run.record
    if record is None or record.found is None or record.found.id != candidate.id:
        return ""
    gallery = Gallery.read(run.folder)
    if gallery is None or FOUND not in gallery.maps:
        return ""
    maps, pictures = (one[:PICTURES] / 255 for one in (gallery.maps[FOUND], gallery.pictures))
    captions = [
        f"{name}, explained as {target}"
        for name, target in zip(record.held_out.ids, record.held_out.targets, strict=True)
    ]
    pairs = [Pair(*one) for one in zip(captions, pictures, map(overlay, pictures, maps), strict=False)]
    return maps_piece(pairs, f"On the first {len(pairs)} held-out pictures, from the run's gallery.")

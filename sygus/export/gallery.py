"""Some pictures of a run with every method's heat maps, kept so that figures and reports need no network."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sygus.errors import SycamError
from sygus.writing import write_file

GALLERY = "gallery.safetensors"
"""The gallery's name in the folder of a run."""

PICTURES = 8
"""So many are kept, the first that are held out; none is chosen."""


CANDIDATES = 32
"""Of so many candidates maps are kept: those of the front, then finalists."""


def in_colours(pictures: Tensor) -> Tensor:
    """Pictures (n, C, H, W) as red, green and blue, (n, 3, H, W): one or two channels as grey, else the first three."""
    grey = pictures.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    return grey if pictures.shape[1] < grey.shape[1] else pictures[:, : grey.shape[1]]


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures and heat maps.

    Attributes:
        pictures: (n, 3, H, W) uint8: the first held-out pictures, as the network sees them; see :func:`in_colours`.
        maps: for each title of the table its saliency maps (n, H, W), uint8.
        candidates: the same of candidates of the search, by the number of the proposal; at most :data:`CANDIDATES`.
    """

    pictures: Tensor
    maps: Mapping[str, Tensor]
    candidates: Mapping[int, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls, pictures: Tensor, maps: Mapping[str, Tensor], candidates: Mapping[int, Tensor] = MappingProxyType({})
    ) -> Gallery:
        """From values in [0, 1]: all pictures (N, C, H, W) and maps (N, H, W); the first :data:`PICTURES` are kept."""
        return cls(
            _bytes(in_colours(pictures[:PICTURES])),
            {title: _bytes(values[:PICTURES]) for title, values in maps.items()},
            {number: _bytes(values[:PICTURES]) for number, values in islice(candidates.items(), CANDIDATES)},
        )

    def write(self, folder: Path) -> None:
        """Write :data:`GALLERY` into a folder.

        Raises:
            WriteError: it cannot be written.
        """
        tensors = {"pictures": self.pictures} | {f"map {index}": one for index, one in enumerate(self.maps.values())}
        tensors |= {f"candidate {number}": one for number, one in self.candidates.items()}
        write_file(folder / GALLERY, save(tensors, {"titles": json.dumps(list(self.maps))}))

    @classmethod
    def read(cls, folder: Path) -> Gallery | None:
        """The gallery in a folder; None where there is none.

        Raises:
            SycamError: it is damaged.
        """
        path = folder / GALLERY
        if not os.path.lexists(path):
            return None
        if not path.is_file():  # to open a pipe is to wait for ever
            raise SycamError(f"{path} is no file", "run again, or remove it to do without")
        try:
            with safe_open(path, "pt") as file:
                titles = json.loads((file.metadata() or {})["titles"])
                pictures = file.get_tensor("pictures")
                maps = {str(title): file.get_tensor(f"map {index}") for index, title in enumerate(titles)}
                numbers = [int(name.split()[1]) for name in file.keys() if name.startswith("candidate ")]  # noqa: SIM118
                candidates = {number: file.get_tensor(f"candidate {number}") for number in sorted(numbers)}
        except (SafetensorError, OSError, LookupError, ValueError, TypeError) as error:
            raise SycamError(f"cannot read {path} ({error})", "run again, or remove the file to do without") from None
        shape = (len(pictures), *pictures.shape[2:])
        drawn = (*maps.values(), *candidates.values())
        fits = pictures.ndim == 4 and pictures.shape[1] == 3 and all(one.shape == shape for one in drawn)
        if not fits or any(one.dtype != torch.uint8 for one in (pictures, *drawn)):
            raise SycamError(f"{path} holds no pictures with their maps", "run again, or remove the file to do without")
        return cls(pictures, maps, candidates)


def _bytes(values: Tensor) -> Tensor:
    return (values * 255).round().to("cpu", torch.uint8).contiguous()

"""Expensive features on disk, so that later runs need not measure them again."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from sygus.saliency.networks import Network

VARIABLE = "SYCAM_SYGUS_CACHE"
"""Environment variable: the folder of the cache; empty, there is none."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cache:
    """Files of tensors in a folder, one for each key.

    A damaged file is computed anew, and a folder that cannot be written is not used; both are said in the log.
    """

    folder: Path

    @classmethod
    def of_user(cls) -> Cache | None:
        """The user's cache: ``$SYCAM_SYGUS_CACHE``, else under ``$XDG_CACHE_HOME`` or ``~/.cache``."""
        chosen = os.environ.get(VARIABLE)
        if chosen is not None:
            return cls(Path(chosen)) if chosen else None
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return cls(Path(home) / "sycam-sygus" / "features")

    def key(self, network: Network, subject: bytes, features: tuple[str, ...]) -> str:
        """Of everything that the features depend on.

        Args:
            network: the classifier, split at its layer.
            subject: pictures and targets, as bytes.
            features: their names; their options are those of this version of the package.
        """
        parts = (
            version("sycam-sygus"),
            torch.__version__,
            network.device.type,
            network.fingerprint,
            network.layer,
            *features,
        )
        digest = hashlib.sha256("\n".join(parts).encode() + b"\0")
        digest.update(subject)
        return digest.hexdigest()[:40]

    def remember(
        self, key: str, names: tuple[str, ...], device: torch.device, compute: Callable[[], Mapping[str, Tensor]]
    ) -> Mapping[str, Tensor]:
        """The tensors kept under a key, computed and kept where there are none."""
        path = self.folder / f"{key}.safetensors"
        try:
            kept = load(path.read_bytes())
            if set(kept) == set(names):
                return {name: value.to(device) for name, value in kept.items()}
            _log.warning("note: the cached features in %s are not those expected; computing them again", path)
        except FileNotFoundError:
            pass
        except (SafetensorError, OSError, ValueError) as error:
            _log.warning("note: cannot read the cached features in %s (%s); computing them again", path, error)
        found = compute()
        self._keep(path, found)
        return found

    def _keep(self, path: Path, values: Mapping[str, Tensor]) -> None:
        """Write in one step, so that no reader meets half a file."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as file:
                file.write(save({name: value.detach().cpu().contiguous() for name, value in values.items()}))
            Path(file.name).replace(path)
        except OSError as error:
            _log.warning("note: cannot keep features in %s (%s); set %s", self.folder, error, VARIABLE)

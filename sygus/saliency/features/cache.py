"""Expensive features on disk, so that later runs need not measure them again."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sygus.deferred import torch
from sygus.files import UnfitFileError, read_plain
from sygus.saliency.features.entry import EntryError, Expected, decode, encode, largest

if TYPE_CHECKING:
    from torch import Tensor

    from sygus.saliency.networks import Network

VARIABLE = "SYCAM_SYGUS_CACHE"
"""Environment variable: the folder of the cache; empty, there is none."""

OLD = 24 * 3600
"""Seconds after which a file that was begun and not finished is taken for one of a writer that died."""

_UNFINISHED = ".part"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cache:
    """Files of tensors in a folder, one for each key.

    Only plain files of the size that is expected are read. A file whose digest, names, shapes or numbers are not what
    was written under its key is computed anew and written over, and a folder that cannot be written is not used; each
    is said in the log, once.

    The digest finds damage and mix-ups. It is no signature: who may write to the folder can make an entry of other
    numbers with a digest that fits. So the folder is made for its owner alone, and one of another user, or one that
    every user may write to or replace, is not used. The user's own programs, and those who share the user's group
    where the folder is open to it, must be trusted; where they are not, leave the cache out.
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

    def key(self, network: Network, subject: bytes, features: tuple[str, ...], code: str = "") -> str:
        """Of everything that the features depend on.

        Args:
            network: the classifier, split at its layer; features depend on the size of its passes in the last bits.
            subject: pictures and targets, as bytes.
            features: their names; their options are those of this version of the package.
            code: what else tells how they are computed.
        """
        parts = (
            version("sycam-sygus"),
            _own_code(),
            torch.__version__,
            network.device.type,
            network.fingerprint,
            network.layer,
            network.deviation,
            network.chunk.size,
            code,
            features,
        )
        digest = hashlib.sha256(repr(parts).encode() + b"\0")
        digest.update(subject)
        return digest.hexdigest()[:40]

    def remember(
        self,
        key: str,
        expected: Mapping[str, Expected],
        device: torch.device,
        compute: Callable[[], Mapping[str, Tensor]],
    ) -> Mapping[str, Tensor]:
        """The tensors kept under a key, computed and kept where there are none.

        Args:
            key: see :meth:`key`.
            expected: the tensors; what was computed and is not such is given back and not kept.
            device: where they are wanted.
            compute: gives them.
        """
        unsafe = _unsafe(self.folder)
        if unsafe:
            self._leave_out(unsafe)
            return compute()
        path, damaged = self.folder / f"{key}.safetensors", True
        try:
            kept = decode(read_plain(path, largest(expected)), key, expected)
            return {name: value.to(device) for name, value in kept.items()}
        except FileNotFoundError:
            damaged = False
        except (UnfitFileError, EntryError) as error:
            _log.warning("note: the cached features in %r are not used (%s); computing them again", str(path), error)
        except OSError as error:
            _log.warning("note: cannot read the cached features in %r (%s)", str(path), error.strerror)
        found = compute()
        if set(found) == set(expected) and all(one.admits(found[name]) for name, one in expected.items()):
            failure = self._keep(path, encode(key, found))
            if failure and not damaged:
                self._leave_out(failure)
        return found

    def _keep(self, path: Path, content: bytes) -> str:
        """Write in one step, so that no reader meets half a file; why that is not possible, in words."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=stat.S_IRWXU)
            unsafe = _unsafe(self.folder)
            if unsafe:
                return unsafe
            self._sweep()
            handle, name = tempfile.mkstemp(_UNFINISHED, dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def _sweep(self) -> None:
        """Take away what writers that died left."""
        for path in self.folder.glob(f"tmp*{_UNFINISHED}"):
            try:
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > OLD:
                    path.unlink()
            except OSError:
                continue  # another process sweeps too, or it is not ours to take away

    def _leave_out(self, why: str) -> None:
        say_once(f"note: features are not kept in {str(self.folder)!r} ({why}); set {VARIABLE} to a folder of yours")


def _unsafe(folder: Path) -> str:
    """Why a folder is not to be trusted, in words; "" where it may be, or is not there yet."""
    if not hasattr(os, "geteuid"):
        return ""  # rights are not those of POSIX
    try:
        status = folder.stat()
        if not stat.S_ISDIR(status.st_mode):
            return "it is no folder"
        if status.st_uid != os.geteuid():
            return "it belongs to another user"
        if status.st_mode & stat.S_IWOTH:
            return "every user may write to it"
        for place in folder.resolve().parents:
            mode = place.stat().st_mode
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                return f"every user may replace it, by way of {str(place)!r}"
    except FileNotFoundError:
        return ""
    except (OSError, RuntimeError) as error:
        return getattr(error, "strerror", None) or str(error)
    return ""


@cache
def say_once(text: str) -> None:
    """A note that concerns every entry."""
    _log.warning("%s", text)


@cache
def _own_code() -> str:
    """The text of all that measures: a version is not changed with every edit."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()

"""Chest X-rays with masks: COVID-QU-Ex (Tahir et al. 2022), or a manifest with findings."""

from __future__ import annotations

from pathlib import Path

from sygus.errors import OptionError
from sygus.saliency.images.collection import Collection, Record, entry_of, pictures_in
from sygus.saliency.images.layouts.folders import class_folders
from sygus.saliency.images.layouts.layout import layout
from sygus.saliency.images.layouts.manifest import collect_findings, has_findings

_INFECTION, _LUNGS = "Infection Segmentation Data", "Lung Segmentation Data"


def _part(folder: Path, name: str) -> Path | None:
    """The folder ``Test`` of one of the two halves; Kaggle's archive repeats the name of a half."""
    candidates = (root / "Test" for root in (folder / name / name, folder / name))
    return next((path for path in candidates if path.is_dir()), None)


@layout("covid", detect=lambda folder: has_findings(folder) or _part(folder, _INFECTION) is not None, generality=20)
def collect(folder: Path) -> Collection:
    """COVID-QU-Ex's test pictures with masks of the infection; or X-rays with a manifest that has mask_infection.

    Raises:
        OptionError: the folder has neither layout.
    """
    return _collect(folder, (_INFECTION,), "infection")


@layout("covid-lungs", detect=None)
def collect_lungs(folder: Path) -> Collection:
    """The same X-rays with masks of the lungs.

    Raises:
        OptionError: the folder has neither layout.
    """
    return _collect(folder, (_LUNGS, _INFECTION), "lung")


def _collect(folder: Path, halves: tuple[str, ...], kind: str) -> Collection:
    if has_findings(folder):
        return collect_findings(folder, "mask_lungs" if kind == "lung" else "mask_infection")
    part = next((path for path in (_part(folder, half) for half in halves) if path is not None), None)
    if part is None:
        message = f"--images: '{folder}' has neither manifest.csv with findings nor '{halves[0]}/Test'"
        raise OptionError(message, "give the root of COVID-QU-Ex")
    folders = class_folders(part)
    records = [
        Record(file, label, mask=path / f"{kind} masks" / file.name)
        for label, path in enumerate(folders)
        for file in pictures_in(path / "images")
    ]
    return Collection(tuple(entry_of(part, record) for record in records), tuple(path.name for path in folders))

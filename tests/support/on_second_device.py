"""Run by a test in a process of its own: methods, metrics and a search on the CPU and on a second device.

Writes, as JSON: where each method's map is and how far it is off, how far each metric's scores are, and both searches.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import torch

import sygus
from second_device import install, second_device
from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.errors import OptionError
from sygus.oracles.cam import CamOracle
from sygus.oracles.expressions import parse_expression
from sygus.oracles.methods import methods
from sygus.saliency.metrics import METRICS, find_metric

PICTURES = 6
OPTIMISED = ("opticam", "extremal", "peak-opticam")
"""Hundreds of passes for a picture; each step is one that other methods take."""

TERMS = ("(gap gradient)", "(cam (gmp activation))", "(unit (cam (gap (relu gradient))))")


def subject(network: str) -> CamOracle:
    """The search pictures, on the device of the settings."""
    return load_subjects(Settings(network=network, search_images=PICTURES, held_out_images=2)).search


def searched(network: str) -> dict[str, Any]:
    """What a small search finds."""
    result = sygus.solve(
        "channel_weights",
        network=network,
        search_images=8,
        held_out_images=8,
        validation_images=8,
        budget="size=6,terms=60",
        baselines="quick",
    )
    return {"answer": result.answer, "candidates": result.candidates, "table": result.record.as_json()["table"]}


def compared(network: str) -> dict[str, Any]:
    """Everything, on both devices."""
    device = install()  # before anything is differentiated: torch counts devices then
    here = subject(network)
    found: dict[str, Any] = {"maps": {}, "metrics": {}, "skipped": [], "searches": [searched(network)]}
    Settings.torch_device = lambda _: device  # type: ignore[method-assign]
    with second_device():
        there = subject(network)
        for name, method in methods().items():
            if name in OPTIMISED:
                continue
            try:
                expected = method.saliency(here)
            except OptionError as error:
                found["skipped"].append([name, error.message])
                continue
            maps = method.saliency(there)
            found["maps"][name] = [maps.device.type, float((maps.cpu() - expected).abs().max())]
        terms = [parse_expression(text, "test") for text in TERMS]
        index = torch.arange(PICTURES)
        for name in METRICS:
            metric = find_metric(name)
            expected = here.score(here.heat_maps(terms), metric, index)
            scores = there.score(there.heat_maps(terms), metric, index)
            found["metrics"][name] = float(np.nan_to_num(np.abs(scores - expected)).max())
            assert np.array_equal(np.isnan(scores), np.isnan(expected)), name
        found["searches"].append(searched(network))
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.stdout.write(json.dumps(compared(sys.argv[1])))

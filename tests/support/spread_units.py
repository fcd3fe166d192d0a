"""Maps to be scored by workers, one of which ``hard_metrics`` does not survive, and what they score."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from solvers.cam.settings import Settings
from solvers.cam.subjects import Subjects
from sygus.oracles.cam import CamOracle, HeatMaps
from sygus.oracles.expressions import parse_expression

CPU = torch.device("cpu")
FEW = Settings(search_images=40, held_out_images=2, validation_images=4, device="cpu", budget="size=4")
TEXTS = ("(gap gradient)", "(cam (gmp gradient))", "(relu gradient)", "(unit (cam (gmp activation)))")


def copy_of(oracle: CamOracle) -> CamOracle:
    return CamOracle(oracle.subject, oracle.references, layers=oracle.layers)


def maps_of(oracle: CamOracle) -> list[HeatMaps]:
    return oracle.heat_maps([parse_expression(text, "test") for text in TEXTS])


def hard(oracle: CamOracle) -> tuple[list[HeatMaps], int]:
    """Maps of which one is bright in more than half of some pictures, and its place."""
    heat = maps_of(oracle)
    bright = torch.ones_like(heat[0].maps)
    bright[:, 0, 0] = 0
    return [heat[0], oracle.keyed(bright), heat[1]], 1


def harmless(subjects: Subjects, hard_metrics: Any) -> np.ndarray:
    """The scores of these maps by a metric that would survive them, (terms, n)."""
    here = copy_of(subjects.search)
    heat, place = hard(here)
    shown = [here.drawn(one, torch.arange(40)).mean((-2, -1)).numpy() for one in heat]
    assert all((values.max() < hard_metrics.HARD) == (number != place) for number, values in enumerate(shown))
    return np.stack(shown)

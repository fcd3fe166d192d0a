"""What a result depends on, stated in the journal and the record of a run."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from typing import Any

import torch

from solvers.cam.settings import Settings
from solvers.cam.subjects import Subjects, subject_notes
from sygus.oracles.objective import CamProblem
from sygus.saliency.networks.repeatable import arithmetic


def describe(problem: CamProblem, settings: Settings, subjects: Subjects) -> dict[str, Any]:
    """Everything that a result depends on."""
    subject = subjects.search.subject
    return {
        "problem": {
            "file": problem.problem.file,
            "sha256": hashlib.sha256(problem.problem.text.encode()).hexdigest(),
        },
        "settings": settings.as_dict(),
        "fingerprints": {
            "network": subject.network.fingerprint,
            "layer": subject.network.layer,
            **{f"layer {name}": split.fingerprint for name, split in subjects.search.layers.items()},
            "device": arithmetic(subject.network.device),
            "search images": subject.images.fingerprint,
            "held-out images": subjects.held_out.subject.images.fingerprint,
            **(
                {}
                if subjects.validation is None
                else {"validation images": subjects.validation.subject.images.fingerprint}
            ),
        },
        "notes": subject_notes(subjects),
        "versions": {
            name: version(name)
            for name in ("sycam-sygus", "torch", "numpy", "scipy", "sympy", "z3-solver", "lark", "safetensors")
        }
        | {"python": platform.python_version()},
        "machine": {
            "device": str(subject.network.device),
            "threads": torch.get_num_threads(),
            **subjects.search.executor.stated,
            "platform": platform.platform(terse=True),
        },
    }

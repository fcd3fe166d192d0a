"""Scoring candidates against the bare masked forward passes that it needs.

Run ``python benchmarks/scoring.py``. Everything from terms to scores (evaluating the terms on the features, combining,
up-sampling, masking, the passes, the metric) is timed beside the network's passes over pictures masked beforehand.
"""

from __future__ import annotations

import torch

from harness import interleaved, report
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.run import BATCH
from solvers.cam.search import space_of
from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.language.elaborate import load_problem
from sygus.oracles.objective import CamProblem
from sygus.resources import read_problem
from sygus.saliency.heatmap import saliency
from sygus.saliency.metrics import find_metric

SKIPPED = 400
"""Terms of the enumeration before the batch that is timed, so that it holds terms of some size."""


def main() -> None:
    """Measure and report."""
    rows = []
    for network in ("shapes-vgg", "shapes-resnet"):
        settings = Settings(network=network, budget="size=7")
        subjects = load_subjects(settings)
        oracle = subjects.search
        subject, metric = oracle.subject, find_metric("average-drop")
        problem = CamProblem(load_problem(*reversed(read_problem("channel_weights"))))
        learner = Enumerate(space_of(problem, settings, oracle))
        terms = []
        while len(terms) < SKIPPED + BATCH:
            terms.extend(proposal.term for proposal in learner.ask(BATCH))
        batch = terms[SKIPPED : SKIPPED + BATCH]
        everything = torch.arange(len(subject.targets))
        heat = oracle.heat_maps(batch)
        masks = torch.cat([saliency(one.maps, subject.network.size) for one in heat])
        masked = subject.pictures.repeat(BATCH, 1, 1, 1) * masks[:, None]
        targets = subject.targets.repeat(BATCH)

        def bare(masked: torch.Tensor = masked, targets: torch.Tensor = targets, network=subject.network) -> None:
            network.probabilities(masked, targets)

        def scoring(batch=batch, oracle=oracle, metric=metric, everything=everything) -> None:
            oracle.score(oracle.heat_maps(batch), metric, everything)

        seconds = interleaved({"bare passes": bare, "scoring": scoring}, repeats=7)
        rows.append(
            {
                "network": network,
                "candidates": BATCH,
                "pictures": len(everything),
                "bare passes, s": seconds["bare passes"],
                "scoring, s": seconds["scoring"],
                "ratio": seconds["scoring"] / seconds["bare passes"],
            }
        )
    report("scoring", "scoring over the bare masked passes", rows)


if __name__ == "__main__":
    main()

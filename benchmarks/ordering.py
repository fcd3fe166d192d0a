"""Methods by metrics on real pictures, and whether the published ordering holds where it must.

Run ``python benchmarks/ordering.py FOLDER`` with a folder of ImageNet pictures with boxes. Fake-CAM has no average
drop; of the methods that explain, Opti-CAM, which minimises it, has the smallest, and the largest average gain (Zhang
et al. 2024, table 1).
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys

from harness import report

METHODS = (
    "fakecam,randomcam,uniform,cam,gradcam,gradcam++,xgradcam,layercam,hirescam,ablationcam,eigencam,opticam,scorecam"
)
METRICS = (
    "average-drop,average-gain,average-increase,insertion(steps=28),deletion(steps=28),official-metric,"
    "localization-error,pixel-f1,box-accuracy,pointing-game,energy-pointing-game,saliency-metric"
)
CONTROLS = ("Fake-CAM", "Random-CAM", "Uniform weights")


def main() -> None:
    """Evaluate, check and report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder")
    arguments.add_argument("--network", default="efficientnet-lite0")
    arguments.add_argument("--pictures", type=int, default=28, help="of each part")
    given = arguments.parse_args()
    count = str(given.pictures)
    command = ["sycam-sygus", "evaluate", "--network", given.network, "--images", given.folder]
    command += ["--search-images", count, "--held-out-images", count]
    command += ["--methods", METHODS, "--metrics", METRICS, "--format", "csv"]
    program = shutil.which(command[0])
    if program is None:
        sys.exit("sycam-sygus is not on the path: install the package first")
    printed = subprocess.run([program, *command[1:]], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = list(csv.DictReader(printed.splitlines()))
    parts = list(dict.fromkeys(row["pictures"] for row in found))
    table = {(row["method"], row["pictures"], row["metric"]): float(row["mean"]) for row in found}
    names = list(dict.fromkeys(row["method"] for row in found))
    metrics = list(dict.fromkeys(row["metric"] for row in found))
    real = [name for name in names if name not in CONTROLS]
    checks = {}
    for part in parts:
        checks[f"Fake-CAM has no average drop, {part}"] = table["Fake-CAM", part, "average-drop"] < 1
        lowest = min(real, key=lambda name: table[name, part, "average-drop"])
        highest = max(real, key=lambda name: table[name, part, "average-gain"])
        checks[f"Opti-CAM's average drop is the lowest, {part}"] = lowest == "Opti-CAM"
        checks[f"Opti-CAM's average gain is the highest, {part}"] = highest == "Opti-CAM"
    rows = [
        {"method": name, "pictures": part, **{metric: table[name, part, metric] for metric in metrics}}
        for part in parts
        for name in names
    ]
    report("ordering", "methods by metrics on real pictures", rows, command=command, checks=checks)
    sys.exit(0 if all(checks.values()) else 1)


if __name__ == "__main__":
    main()

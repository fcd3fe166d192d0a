"""The memory of ``evaluate`` on folders of many pictures of 224².

Run ``python benchmarks/large.py``, or ``python benchmarks/large.py --pictures 2000,4000,8000``. The pictures are JPEG
files that are written into a temporary folder, 10 kB each, all of different pixels; a small network classifies them.
Each folder is evaluated by a process of its own, whose largest resident memory is read.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

import sygus
from harness import report
from soak import peak

MOST = 4e9
"""Bytes that a process may hold."""

SIZE = 224
BLOCK = 8
"""Pixels of the side of a square that is a digit of a picture's number."""

TEXTURES = 16


def write_pictures(folder: Path, count: int) -> None:
    """Write so many pictures: one of some textures each, with its number in squares along the upper edge."""
    rng = np.random.Generator(np.random.PCG64(0))
    coarse = rng.random((TEXTURES, 14, 14, 3))
    textures = [
        np.asarray(Image.fromarray((one * 255).astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        for one in coarse
    ]
    for number in range(count):
        pixels = textures[number % TEXTURES].copy()
        for place in range(20):
            left = place * BLOCK
            pixels[:BLOCK, left : left + BLOCK] = 255 * (number >> place & 1)
        Image.fromarray(pixels).save(folder / f"{number:06}.jpg", quality=80)


def network() -> nn.Module:
    """A small classifier of pictures of 224², with random weights."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, 4),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, 2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


def evaluate(folder: Path, count: int, method: str, metric: str) -> None:
    """Evaluate a folder, and print what it took as JSON."""
    began = time.monotonic()
    described = (network(), {"size": SIZE})
    counts = {"search_images": 96, "held_out_images": count - 96}
    table = sygus.evaluate(method, metric, network=described, images=str(folder), device="cpu", progress=True, **counts)
    mean = table[0].held_out[metric]
    took = {"peak": peak(), "seconds": time.monotonic() - began, "scored": mean.images, "mean": mean.value}
    print(json.dumps(took))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", default="2000,10000,50000")
    parser.add_argument("--method", default="gradcam")
    parser.add_argument("--metric", default="average-drop")
    parser.add_argument("--written", type=Path, metavar="DIR", help="pictures that an earlier run left, to be taken")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    counts = sorted(map(int, options.pictures.split(",")))
    if options.folder is not None:
        evaluate(options.folder, counts[0], options.method, options.metric)
        return
    rows = []
    with tempfile.TemporaryDirectory() as top:
        every = options.written or Path(top, "all")
        if options.written is None:
            every.mkdir()
            write_pictures(every, counts[-1])
        for count in counts:
            folder = Path(top, str(count))
            folder.mkdir()
            for number in range(count):
                os.link(every / f"{number:06}.jpg", folder / f"{number:06}.jpg")
            words = ["--pictures", str(count), "--method", options.method, "--metric", options.metric]
            command = [sys.executable, __file__, "--folder", str(folder), *words]
            took = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
            rows.append(
                {
                    "pictures": count,
                    "peak, MB": took["peak"] / 1e6,
                    "seconds": took["seconds"],
                    "ms a picture": 1e3 * took["seconds"] / count,
                    options.metric: took["mean"],
                }
            )
            first, last = rows[0], rows[-1]
            grown = 1e3 * (last["peak, MB"] - first["peak, MB"]) / max(1, last["pictures"] - first["pictures"])
            facts = {"size": SIZE, "kB a further picture": grown, "bound": MOST, "kept": last["peak, MB"] * 1e6 < MOST}
            report("large", f"{options.method} by {options.metric} on folders of many pictures", rows, **facts)


if __name__ == "__main__":
    main()

"""The options of commands beside ``solve``."""

from __future__ import annotations

from dataclasses import replace

from sygus.app.kinds import COUNT, TEXT
from sygus.app.options import BY_NAME, Option, Side

PILOT = (
    Option(name="candidates", kind=COUNT, side=Side.CAM, metavar="N", help="Expressions of the pilot; by default 64."),
    Option(name="pilot_images", kind=COUNT, side=Side.CAM, metavar="N", help="Its pictures; by default 96."),
)
"""Of the command ``plan`` alone."""

_ON_ALL = ("layer", "layers", "images", "search_images", "held_out_images", "strict", "target")

COMPARED = (
    Option(
        name="strategies",
        kind=TEXT,
        side=Side.BOTH,
        metavar="S",
        help="What is compared, separated by commas (sycam-sygus list strategies); by default all.",
    ),
    Option(name="seeds", kind=COUNT, side=Side.CAM, metavar="N", help="Trials of each on a task; by default 20."),
    replace(BY_NAME["budget"], help="Of a trial, as forwards=20000 or terms=1000, beside it size=9."),
    replace(BY_NAME["network"], help="Networks, separated by commas; every file is a task on each."),
    *(BY_NAME[name] for name in _ON_ALL),
    replace(BY_NAME["seed"], help="Seed of the pictures, their order and the probes, which all trials share."),
    *(BY_NAME[name] for name in ("device", "precision", "race", "equivalence", "metric")),
    Option(
        name="cache",
        kind=TEXT,
        side=Side.CAM,
        metavar="C",
        help="shared: what another trial has scored is not computed again, but counts; run: each trial by itself; "
        "none: duplicates are scored again.",
        choices=("shared", "run", "none"),
    ),
    Option(
        name="exhaustive",
        kind=COUNT,
        side=Side.CAM,
        metavar="SIZE",
        help="Score every expression up to SIZE nodes, and rank the winners among them.",
    ),
    replace(
        BY_NAME["time"], help="Seconds of a file in the other logics, from the start of the process; by default 5."
    ),
    BY_NAME["workers"],
    BY_NAME["ray"],
    Option(name="shard", kind=TEXT, side=Side.CAM, metavar="I/N", help="Do the I-th of N parts of the work."),
)
"""Of the command ``compare``: what is compared, on what, and how much of it."""

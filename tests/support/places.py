"""Where things are that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The repository."""

SHARED = ROOT.parent / "shared"
"""Real pictures and public problems, where they are there."""

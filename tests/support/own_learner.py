"""The learner that README shows."""

from __future__ import annotations

import re
from pathlib import Path

from places import ROOT


def readme_learner() -> tuple[str, str, str]:
    """Its module, its class and the text of the block."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (block,) = (block for block in blocks if "(Learner):" in block)
    (module,) = re.findall(r"\A# (\w+)\.py\n", block)
    (name,) = re.findall(r"^class (\w+)\(Learner\):$", block, re.MULTILINE)
    return module, name, block


def write_readme_learner(folder: Path) -> str:
    """Write the block into a module of the folder; how ``--strategy`` names the class."""
    module, name, block = readme_learner()
    (folder / f"{module}.py").write_text(block, encoding="utf-8")
    return f"{module}:{name}"

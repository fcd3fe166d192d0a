"""Random and mutated scripts through parser, type checker and elaborator.

Run ``python benchmarks/fuzz.py --count 100000``. Each input must give a problem or an error with a position, within
limits of time and memory; whatever else happens is reported with the seed that repeats it. A script that parses must
also print to a text that parses to the same script. Inputs are mutations of the shipped grammars, of the files in
``--corpus``, and scripts drawn from the grammar of the language.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from types import FrameType

from harness import report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from mutations import mutated, random_script
from sygus.errors import SourceError
from sygus.language.elaborate import problem_of
from sygus.language.syntax.parser import parse
from sygus.language.syntax.printer import print_script
from sygus.resources import grammar_names, read_problem

SECONDS = 10
"""For one input."""
MEMORY = 1 << 30
"""Bytes that the process may take beyond what it has after its imports."""
LARGEST = 6_000
"""Characters of a corpus file that is mutated."""


class TooLongError(Exception):
    """An input took more than its time."""


def corpus(folder: Path | None) -> list[str]:
    """The shipped grammars and the small files of a folder."""
    texts = [read_problem(name)[1] for name in grammar_names()]
    if folder is not None:
        files = sorted(path for path in folder.rglob("*") if path.suffix in (".sl", ".sy"))
        texts += [text for path in files if len(text := path.read_text(encoding="utf-8")) <= LARGEST]
    return texts


def draw(seed: int, texts: list[str]) -> str:
    """The input of a seed: two in three are mutations."""
    generator = random.Random(seed)  # noqa: S311 - inputs, not secrets
    if seed % 3 == 0:
        script = random_script(generator)
        return script if seed % 2 else mutated(script, generator, texts)
    return mutated(generator.choice(texts), generator, texts)


def judge(text: str) -> str:
    """What became of an input: ``well-formed``, the kind of error, or ``FAILED`` with the reason."""
    try:
        script = parse(text, "fuzz.sy")
        again = parse(print_script(script))
        if print_script(again) != print_script(script):
            return "FAILED: prints to another script"
        problem_of(script)
    except SourceError as error:
        lines = max(1, len(text.splitlines()))
        placed = 1 <= error.position.line <= lines + 1 and error.position.column >= 1
        return type(error).__name__ if placed and str(error) else "FAILED: an error without a position"
    except TooLongError:
        return "FAILED: took too long"
    except MemoryError:
        return "FAILED: took too much memory"
    except Exception:
        return f"FAILED: {traceback.format_exc().splitlines()[-1]}"
    return "well-formed"


def _late(_: int, __: FrameType | None) -> None:
    raise TooLongError


def main() -> None:
    """Fuzz and report; exit 1 where an input failed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=100_000, help="inputs")
    options.add_argument("--first", type=int, default=0, help="seed of the first")
    options.add_argument("--corpus", type=Path, help="folder of .sl files to mutate too")
    given = options.parse_args()
    texts = corpus(given.corpus)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    signal.signal(signal.SIGALRM, _late)
    fates: Counter[str] = Counter()
    failures: list[tuple[int, str]] = []
    slowest = (0.0, -1)
    started = time.perf_counter()
    for seed in range(given.first, given.first + given.count):
        text = draw(seed, texts)
        signal.alarm(SECONDS)
        began = time.perf_counter()
        fate = judge(text)
        seconds = time.perf_counter() - began
        signal.alarm(0)
        slowest = max(slowest, (seconds, seed))
        fates[fate.split(":")[0]] += 1
        if fate.startswith("FAILED"):
            failures.append((seed, fate))
            print(seed, fate, flush=True)
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    row = {
        "inputs": given.count,
        "well-formed": fates["well-formed"],
        "syntax errors": fates["ParseError"],
        "other errors": fates["TypeCheckError"],
        "failed": fates["FAILED"],
        "slowest, s": slowest[0],
        "memory, MB": taken / 1e6,
        "inputs/s": given.count / (time.perf_counter() - started),
    }
    facts = {"failures": failures[:20], "slowest seed": slowest[1], "corpus files": len(texts)}
    report("fuzz", "random and mutated scripts through parser and type checker", [row], **facts)
    sys.exit(1 if failures or taken > MEMORY else 0)


if __name__ == "__main__":
    main()

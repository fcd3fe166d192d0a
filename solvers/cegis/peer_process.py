"""cvc5 in a process of its own, which it may crash, fill and outstay without harm to anybody.

It is a program, started by its path, that imports nothing of this package: ``peer_process.py FOLDER SECONDS``, where
FOLDER is where the package cvc5 is. On its standard input come requests, each a line of JSON: ``{"text": …}`` with
commands, of the first one also ``"language"``, a name of cvc5's, and ``"options"``, values of cvc5's options by name.
To each it answers by a line on its standard output: ``{"printed": …}`` with what cvc5 prints, or ``{"error": …}``. It
ends with its input, with the process that started it, and after so many seconds.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any


def main(folder: str, seconds: float) -> None:
    """Answer requests."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)  # nobody handles the signal: the system ends the process
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    sys.path.append(folder)
    import cvc5

    solver = cvc5.Solver()
    symbols = cvc5.SymbolManager(solver)
    language = None
    for line in sys.stdin:
        request = json.loads(line)
        if language is None:
            language = getattr(cvc5.InputLanguage, request["language"])
            for name, value in request["options"].items():
                solver.setOption(name, value)
        try:
            answer = {"printed": _printed(cvc5, solver, symbols, language, request["text"])}
        except RuntimeError as error:  # cvc5's own errors
            answer = {"error": str(error).strip().partition("\n")[0]}
        print(json.dumps(answer), flush=True)  # noqa: T201 - this is how it answers


def _printed(cvc5: Any, solver: Any, symbols: Any, language: Any, text: str) -> str:
    """What cvc5 prints while it runs commands."""
    parser = cvc5.InputParser(solver, symbols)
    parser.setStringInput(language, text, "text")
    printed = []
    while not (command := parser.nextCommand()).isNull():
        printed.append(str(command.invoke(solver, symbols)))
    return "".join(printed).strip()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))

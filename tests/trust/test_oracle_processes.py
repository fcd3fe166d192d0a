"""Executables that misbehave on purpose: the run goes on in time, and nothing of them is left."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from sygus.bounds import bounded_memory
from sygus.oracles import guard
from sygus.oracles.processes import MOST_COMPLAINTS, Ending, Outcome, run

pytestmark = pytest.mark.skipif(not guard.adopts_orphans(), reason="elsewhere only process groups are ended")

SECONDS = 1.5
MOST = 100_000

Program = Callable[[str], list[str]]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Makes commands of Python code; what they start carries a mark in its arguments, and must be gone in the end."""
    mark = f"mark-{uuid.uuid4().hex}"

    def make(code: str) -> list[str]:
        path = tmp_path / f"{mark}.py"
        path.write_text(f"import os, signal, subprocess, sys, time\nMARK = {mark!r}\n{dedent(code)}", encoding="utf-8")
        return [sys.executable, str(path), mark]

    yield make
    assert running(mark) == []


def running(mark: str) -> list[str]:
    """The processes that carry a mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if mark in (entry / "cmdline").read_text(errors="replace"):
                    found.append(entry.name)
            except OSError:
                continue
    return found


def asked(command: list[str], seconds: float = SECONDS) -> Outcome:
    began = time.monotonic()
    outcome = run(command, seconds=seconds, most=MOST)
    assert time.monotonic() - began < seconds + guard.PATIENCE + 10
    assert outcome.left == ()
    return outcome


FORKS = """
    def fork_bomb(depth):
        for _ in range(3):
            if depth and os.fork() == 0:
                os.setsid()
                fork_bomb(depth - 1)
                time.sleep(600)
"""

LATE = {
    "it says nothing": "time.sleep(600)",
    "it answers, and does not end": "print('(3)', flush=True); time.sleep(600)",
    "it closes its output, and does not end": "os.close(1); sys.stdout = None; time.sleep(600)",
    "it ignores what asks it to end": """
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(one, signal.SIG_IGN)
        time.sleep(600)
    """,
    "a child in a session of its own holds the output": """
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", MARK], start_new_session=True)
        print('(3)', flush=True)
    """,
    "a daemon holds the output": """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
        os.wait()
        print('(3)', flush=True)
    """,
    "a child writes on when it has ended": """
        if os.fork() == 0:
            os.setsid()
            while True:
                os.write(1, b' ')
                time.sleep(0.05)
        print('(3)', flush=True)
    """,
    "it forks and forks": FORKS + "    fork_bomb(3)\n    time.sleep(600)",
    "its children adopt the orphans": """
        import ctypes
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
        if os.fork() == 0:
            os.setsid()
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
            if os.fork() == 0:
                os.setsid()
                time.sleep(600)
            time.sleep(600)
        print('(3)', flush=True)
    """,
    "it stops itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "it complains without end": "while True: os.write(2, b'complaint ' * 1000)",
}


@pytest.mark.parametrize("code", LATE.values(), ids=LATE.keys())
def test_it_is_ended_when_its_time_is_over(program: Program, code: str) -> None:
    outcome = asked(program(code))
    assert outcome.ending is Ending.LATE
    assert outcome.watched
    assert len(outcome.complaints) <= MOST_COMPLAINTS


ANSWERED = {
    "it ends": "print('(3)')",
    "a child without the output lives on": """
        nothing = subprocess.DEVNULL
        command = [sys.executable, "-c", "import time; time.sleep(600)", MARK]
        subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
        print('(3)')
    """,
    "a child holds only its complaints": """
        if os.fork() == 0:
            os.close(1)
            os.setsid()
            time.sleep(600)
        print('(3)', flush=True)
    """,
    "a child answers when it has ended": """
        if os.fork() == 0:
            time.sleep(0.3)
            print('(3)', flush=True)
            os._exit(0)
    """,
    "its children end before it, and it does not look": """
        for _ in range(50):
            if os.fork() == 0:
                os._exit(0)
        print('(3)')
    """,
}


@pytest.mark.parametrize("code", ANSWERED.values(), ids=ANSWERED.keys())
def test_an_answer_is_an_answer_whatever_it_leaves_behind(program: Program, code: str) -> None:
    outcome = asked(program(code), seconds=20)
    assert (outcome.ending, outcome.printed, outcome.status) == (Ending.ANSWERED, b"(3)\n", 0)


@pytest.mark.parametrize("code", ["while True: os.write(1, b'0' * 10000)", "print('0' * 200_000)"])
def test_what_it_prints_has_a_limit(program: Program, code: str) -> None:
    outcome = asked(program(code), seconds=30)
    assert outcome.ending is Ending.TALKATIVE
    assert MOST < len(outcome.printed) <= MOST + (1 << 16)


def test_how_it_ends_is_told(program: Program) -> None:
    outcome = asked(program("sys.stderr.write('x' * 5000 + 'the end'); sys.exit(7)"), seconds=20)
    assert (outcome.ending, outcome.status) == (Ending.ANSWERED, 7)
    assert outcome.complaints.endswith(b"xthe end")
    assert asked(program("os.kill(os.getpid(), 9)"), seconds=20).status == -9


def test_what_cannot_be_started_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    outcome = asked([str(broken)])
    assert (outcome.ending, outcome.reason) == (Ending.NOT_STARTED, "No such file or directory")


def test_one_that_ends_its_guard_is_found_out(program: Program) -> None:
    outcome = asked(program("os.kill(os.getppid(), signal.SIGKILL); time.sleep(600)"), seconds=20)
    assert outcome.ending is Ending.UNGUARDED
    assert not outcome.watched


def test_it_runs_as_if_there_were_no_guard(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING", "else")
    outcome = asked(
        program("""
            print(sys.stdin.read() == "", os.environ["SOMETHING"], sorted(map(int, os.listdir("/proc/self/fd")))[:-1])
            print(signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN, os.getsid(0) == os.getpid())
        """),
        seconds=20,
    )
    assert outcome.printed == b"True else [0, 1, 2]\nTrue True\n"  # Python itself ignores the signal


def test_the_bound_on_memory_is_this_programs_own(program: Program) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded_memory(1 << 30):
        assert resource.getrlimit(resource.RLIMIT_DATA) != before
        outcome = asked(program("import resource; print(resource.getrlimit(resource.RLIMIT_DATA))"), seconds=20)
    assert outcome.printed.decode().strip() == str(before)


def test_nothing_is_left_where_the_asking_process_is_killed(program: Program) -> None:
    command = program("subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)', MARK])")
    code = f"from sygus.oracles.processes import run; run({command!r}, seconds=600, most=1)"
    asking = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: len(running(command[-1])) >= 4)  # this one, the guard, the program and its child
    asking.kill()
    asking.wait()
    wait_until(lambda: running(command[-1]) == [])


def test_an_interrupt_ends_it(program: Program) -> None:
    command = program("time.sleep(600)")
    main = threading.get_ident()
    threading.Timer(1.0, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run(command, seconds=600, most=1)


def test_pipes_and_zombies_do_not_pile_up(program: Program) -> None:
    command = program("print('(3)')")
    asked(command, seconds=20)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        asked(command, seconds=20)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    assert not children.exists() or children.read_text().split() == []


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)

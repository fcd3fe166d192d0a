"""The bounds of a command: its time covers reading, its memory has a limit, and numbers that do not fit say so."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from big_texts import LINEAR, nested, problem
from solvers.cam.settings import LARGEST_SEED, MOST_PICTURES, resolve
from solvers.cegis.limits import Limits
from sygus import bounds
from sygus.app.cli import main
from sygus.app.commands.check import run_check
from sygus.bounds import alarm, available_memory, bounded_memory, last_resort, long_numbers, memory_outside
from sygus.errors import OptionError, SourceError
from sygus.language.elaborate import load_problem
from sygus.resources import LARGEST_TEXT, read_text
from sygus.saliency.images import load_images

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the limit on data is Linux's")

NAME, DEEP = "big.sl", LINEAR["a deep term"][1]
ONE = "(constraint (= (f 1) 1))"


class OverError(Exception):
    """The time is over."""


def written(folder: Path, text: str) -> str:
    path = folder / NAME
    path.write_text(text)
    return str(path)


def program(*arguments: str, code: str = "from sygus.app.cli import main; main()") -> subprocess.CompletedProcess[str]:
    """The program in a process of its own."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def in_this_process(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def spin() -> None:
    while True:
        pass


# Time


@pytest.mark.slow
def test_time_covers_reading(tmp_path: Path) -> None:
    file = written(tmp_path, DEEP(400_000))
    began = time.monotonic()
    result = program(file, "--time", "1")
    assert (result.returncode, result.stdout) == (3, "fail\n")
    assert result.stderr.startswith(f"out of time: '{file}' was still being read; give it more by --time")
    assert time.monotonic() - began < 30


def test_what_was_spent_on_reading_is_not_there_for_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def slowly(name: str) -> object:
        time.sleep(0.4)
        return load_problem(problem(), name)

    def limits(*of: float) -> Limits:
        given.append(of[0])
        return Limits(*of)  # type: ignore[arg-type]

    monkeypatch.setattr("sygus.app.commands.solve.read", slowly)
    monkeypatch.setattr("sygus.app.ordinary.Limits", limits)
    assert in_this_process(written(tmp_path, ""), "--time", "5").exit_code == 0
    assert 2 < given[0] <= 4.6


@pytest.mark.parametrize("spend", [lambda _: time.sleep(60), lambda _: spin()], ids=["sleep", "spin"])
def test_a_search_that_does_not_look_at_the_clock_is_ended(
    spend: Callable[[object], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sygus.app.ordinary.Specification", spend)
    began = time.monotonic()
    result = in_this_process(written(tmp_path, problem()), "--time", "0.2")
    assert (result.exit_code, result.stdout) == (3, "fail\n")
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("seconds", ["1e999", "1e300", "99999999999999999999"])
def test_any_time_may_be_given(seconds: str, tmp_path: Path) -> None:
    assert in_this_process(written(tmp_path, problem(ONE)), "--time", seconds).exit_code == 0


def test_any_number_of_answers_may_be_asked_for(tmp_path: Path) -> None:
    many = "9" * 30
    file = written(tmp_path, problem(ONE, functions="(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 0 1))))"))
    result = in_this_process(file, "--next", many, "--size", many, "--depth", many, "--time", "20")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("define-fun") == 2


def test_the_alarm_ends_what_runs_and_is_taken_back() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    began = time.monotonic()
    with pytest.raises(OverError), alarm(0.1, OverError):
        spin()
    assert time.monotonic() - began < 10
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    with alarm(0.0, OverError):
        pass
    time.sleep(bounds.GRACE + 0.1)


def test_the_alarm_comes_again_where_the_error_is_dropped() -> None:
    dropped: list[OverError] = []

    def stubborn() -> None:
        while len(dropped) < 3:
            try:
                spin()
            except OverError as error:
                dropped.append(error)
        raise dropped[-1]

    with pytest.raises(OverError), alarm(0.0, OverError):
        stubborn()


def test_an_error_that_a_finaliser_drops_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    class Slow:
        def __del__(self) -> None:
            spin()

    def drop() -> None:
        Slow()
        spin()

    with pytest.raises(OverError), alarm(0.0, OverError):
        drop()
    assert capsys.readouterr().err == ""


def test_an_error_that_a_library_wraps_is_the_error_again() -> None:
    def wrap() -> None:
        try:
            spin()
        except OverError as error:
            raise ValueError("argument 1") from error

    with pytest.raises(OverError), alarm(0.0, OverError):
        wrap()
    with pytest.raises(ValueError, match="own"), alarm(60.0, OverError):
        raise ValueError("its own")


def test_an_alarm_of_somebody_else_still_comes() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.6)
    try:
        with alarm(5, OverError):
            time.sleep(0.1)
        time.sleep(1.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert heard == [1]


def test_other_threads_have_no_alarm() -> None:
    ended: list[bool] = []

    def block() -> None:
        with alarm(0.0, OverError):
            time.sleep(bounds.GRACE + 0.3)
        ended.append(True)

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert ended == [True]


STUCK = """
import re
from sygus import bounds
bounds.LAST_GRACE = 0.5
def farewell():
    print("fail")
    return 3
with bounds.last_resort(0.1, farewell):
    re.match(r"(a*)*b", "a" * 60)
"""


def test_a_library_that_does_not_return_is_left_behind() -> None:
    with last_resort(0.0, lambda: 1):  # the output of a test is not the program's own
        time.sleep(0.01)
    freeing = STUCK.replace("re.match", "__import__('z3').Z3_get_version; __import__('time').sleep(60); re.match")
    result = program(code=freeing)
    assert (result.returncode, result.stdout) == (3, "fail\n")


STUBBORN = """
import threading, time
from sygus import bounds
from sygus.app import ordinary
from sygus.app.cli import main
over, attend, search = threading.Event(), bounds.LastResort.attend, ordinary.best_answer
def attend_at_once(resort, seconds):
    assert 66.2 <= seconds <= 66.3
    over.wait()
    attend(resort, 0.0)
def stubborn(portfolio, patience):
    search(portfolio, patience)
    if {forgetful}:
        portfolio.best = None
    over.set()
    while True:
        try:
            time.sleep(60)
        except ordinary.OutOfTimeError:
            pass
bounds.LastResort.attend, ordinary.best_answer = attend_at_once, stubborn
main()
"""


@pytest.mark.parametrize("forgetful", [False, True])
def test_of_a_search_that_does_not_end_the_best_so_far_is_said(forgetful: bool, tmp_path: Path) -> None:
    result = program(written(tmp_path, problem(ONE)), "--time", "60", code=STUBBORN.format(forgetful=forgetful))
    assert result.stderr == "out of time: the search does not stop by itself\n"
    if forgetful:
        assert (result.returncode, result.stdout) == (3, "fail\n")
    else:
        assert result.returncode == 0
        assert result.stdout.startswith("(\n(define-fun f ")


def test_what_is_called_off_goes_on() -> None:
    code = """
import time
from sygus import bounds
bounds.LAST_GRACE = 0.0
with bounds.last_resort(0.2, lambda: 3) as resort:
    resort.call_off()
    time.sleep(0.5)
print("on")
"""
    result = program(code=code)
    assert (result.returncode, result.stdout) == (0, "on\n")


# Memory


@LINUX
@pytest.mark.slow
def test_memory_covers_reading(tmp_path: Path) -> None:
    file = written(tmp_path, DEEP(200_000))
    result = program(file, "--memory", "100")
    assert (result.returncode, result.stdout) == (3, "fail\n")
    assert result.stderr.startswith(f"out of memory: '{file}' was still being read; give it more by --memory")


LITTLE = """
from sygus import bounds
bounds.available_memory, bounds.LEAST_MEMORY = lambda: 100 << 20, 0
from sygus.app.cli import main
main()
"""


@LINUX
@pytest.mark.slow
def test_check_says_that_memory_does_not_suffice(tmp_path: Path) -> None:
    result = program("check", written(tmp_path, DEEP(200_000)), code=LITTLE)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: the memory that is free does not suffice")
    assert result.stderr.count("\n") == 1


GROWING = """(set-logic NIA)
(synth-fun f ((x Int) (y Int)) Int ((I Int)) ((I Int (x y 1 2 3 (+ I I) (* I I) (- I I)))))
(declare-var a Int)
(declare-var b Int)
(constraint (= (f a b) (+ (* a a a a b b b) (* 7 a b b) 123456789)))
(check-synth)
"""


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--all",)])
def test_memory_covers_the_search(more: tuple[str, ...], tmp_path: Path) -> None:
    result = program(written(tmp_path, GROWING), "--memory", "80", "--time", "60", *more)
    assert (result.returncode, result.stdout) == (3, "fail\n"), result.stderr
    assert "Traceback" not in result.stderr
    assert "out of memory: give it more by --memory" in result.stderr


HELD = """
import resource
from sygus.bounds import bounded_memory, memory_outside
def refused(megabytes):
    try:
        bytearray(megabytes << 20)
    except MemoryError:
        return True
    return False
before = resource.getrlimit(resource.RLIMIT_DATA)
kept = bytearray(64 << 20)
with bounded_memory(64 << 20):
    assert memory_outside() == before[0]
    assert not refused(16) and refused(256)
    with bounded_memory(1 << 40):  # never more than outside
        assert refused(256)
assert resource.getrlimit(resource.RLIMIT_DATA) == before
assert not refused(256)
"""


@LINUX
def test_the_bound_holds_and_is_taken_back() -> None:
    result = program(code=HELD)
    assert result.returncode == 0, result.stderr


SMALL_OBJECTS = """
import signal
from sygus.bounds import bounded_memory
def fill():
    try:
        found = []
        while True:
            found.append([len(found)])
    except TypeError:  # the block that CPython could not enter
        raise
for _ in range(3):
    try:
        with bounded_memory(64 << 20):
            fill()
    except MemoryError:
        print("over")
print(signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL, signal.getitimer(signal.ITIMER_VIRTUAL))
"""


@LINUX
def test_small_objects_meet_the_bound_too() -> None:
    result = program(code=SMALL_OBJECTS)
    assert result.stdout == "over\n" * 3 + "True (0.0, 0.0)\n", result.stderr


@LINUX
def test_the_memory_that_is_free_is_known() -> None:
    free = available_memory()
    assert free is not None
    words = Path("/proc/meminfo").read_text().split()
    assert 0 <= free <= int(words[words.index("MemTotal:") + 1]) * 1024


@LINUX
def test_a_group_of_processes_may_have_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("700000\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 200000\n")
    monkeypatch.setattr(bounds, "_group_folders", lambda: iter([tmp_path / "none", tmp_path]))
    assert available_memory() == 500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert (available_memory() or 0) > 500_000


def test_any_memory_may_be_given(tmp_path: Path) -> None:
    file = written(tmp_path, problem(ONE))
    assert in_this_process(file, "--memory", "9" * 30).exit_code == 0
    assert in_this_process(file, "--memory", "0").exit_code == 2
    assert "63 MB are too little; give at least 64" in in_this_process(file, "--memory", "63").stderr
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded_memory(1 << 70):
        assert resource.getrlimit(resource.RLIMIT_DATA) == before
        assert memory_outside() == before[0]


# Files


def test_a_file_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LARGEST_TEXT > 100_000_000
    monkeypatch.setattr("sygus.resources.LARGEST_TEXT", 10 << 20)
    for command in (("check", "/dev/zero"), ("/dev/zero",), ("verify", written(tmp_path, problem()), "/dev/zero")):
        result = in_this_process(*command)
        assert result.exit_code == 2
        assert "it has more than 10 MB" in result.stderr


def test_a_text_is_read_as_python_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("\ufeffa\r\nb\rc\né".encode())
    assert read_text(path) == path.read_text(encoding="utf-8") == "\ufeffa\nb\nc\né"
    path.write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(path)


# Numbers

CAM = """(set-logic CAM)
(set-feature :oracles true)
(declare-oracle-fun drop ((-> Map Weight)) Real average-drop)
(synth-fun w ((gradient Map)) Weight ((W Weight)) ((W Weight (
  {}))))
{}
(optimize-synth ((! (drop w) :min)))
"""
NINES = "9" * 400


@pytest.mark.parametrize(
    ("production", "constraint", "line"),
    [
        (f"(* {NINES} (gap gradient))", "", 5),
        (f"(* {NINES}.0 (gap gradient))", "", 5),
        (f"(* 0.{'0' * 400}1 (gap gradient))", "", 5),
        ("(gap gradient)", f"(constraint (< (drop w) {NINES}))", 6),
    ],
)
def test_a_real_of_cam_that_is_no_float_says_where(production: str, constraint: str, line: int) -> None:
    with pytest.raises(SourceError) as caught:
        load_problem(CAM.format(production, constraint), NAME)
    assert f"{NAME}:{line}:" in str(caught.value)
    assert "this number is no float: it is too large, or too near to 0" in str(caught.value)


def test_a_real_of_cam_that_is_a_float_is_taken() -> None:
    for number in ("0", "0.0", "9" * 308, f"0.{'0' * 322}5"):
        load_problem(CAM.format(f"(* {number} (gap gradient))", ""), NAME)
    with pytest.raises(SourceError, match="bad constants"):
        load_problem('(set-option :constants "1 1e999")' + CAM.format("(* (Constant Real) (gap gradient))", ""), NAME)


SETTINGS = {
    ":seed": ("99999999999999999999999", "give a whole number"),
    ":held-out-images": ("1000000000", f"give at most {MOST_PICTURES}"),
    ":search-images": ("99999999", f"give at most {MOST_PICTURES}"),
    ":budget": (f'"size={NINES}"', "--budget: size is too large"),
}


@pytest.mark.parametrize(("option", "value", "hint"), [(o, v, h) for o, (v, h) in SETTINGS.items()])
def test_an_option_of_a_file_that_does_not_fit_says_where(option: str, value: str, hint: str, tmp_path: Path) -> None:
    stated = load_problem(f"\n  (set-option {option} {value}){CAM.format('(gap gradient)', '')}", NAME)
    with pytest.raises(OptionError) as caught:
        resolve(stated, {})
    assert str(caught.value).startswith(f"{NAME}:2:3: ")
    assert hint in str(caught.value)
    with pytest.raises(OptionError):
        run_check(written(tmp_path, stated.text))


@pytest.mark.parametrize("option", SETTINGS)
def test_an_option_of_the_command_line_that_does_not_fit_says_so(option: str) -> None:
    value, hint = SETTINGS[option]
    assert LARGEST_SEED < 10**22
    result = in_this_process("gradcam", f"--{option[1:]}", value.strip('"'))
    assert result.exit_code == 2
    assert hint in result.stderr
    assert result.stderr.count("\n") == 1


def test_more_pictures_than_memory_holds_are_refused_before_any_is_made() -> None:
    began = time.monotonic()
    with pytest.raises(OptionError, match=r"take [0-9.]+ GB, [0-9.]+ GB are free; let them sum to at most [0-9]+"):
        load_images("shapes", search=2, held_out=10**10, seed=0)
    assert time.monotonic() - began < 5


ROTATED = f"""(synth-fun f ((x (_ BitVec 8))) (_ BitVec 8)
    ((B (_ BitVec 8))) ((B (_ BitVec 8) (x ((_ rotate_left 7) B) (bvnot B)))))
    (declare-var x (_ BitVec 8))(constraint (= (f x) ((_ rotate_left {8 * 10**20 + 7}) x)))"""
SPELLED = f"""(synth-fun f ((x String)) Int ((I Int) (S String)) ((I Int ((str.to_int S) (str.len S))) (S String (x))))
    (constraint (= (f "{"7" * 6000}") 6000))"""

ORDINARY = {
    "a real beyond floats": (
        f"(set-logic LRA)(synth-fun f ((x Real)) Real)(declare-var x Real)(constraint (= (f x) (+ x {NINES}.0)))",
        f"(+ x {NINES})",
    ),
    "an int beyond 64 bits": (
        f"(set-logic LIA)(synth-fun f ((x Int)) Int)(declare-var x Int)(constraint (= (f x) (+ x {NINES})))",
        f"(+ x {NINES})",
    ),
    "an int of more digits than Python prints": (
        f"(set-logic NIA)(synth-fun f () Int)(constraint (= f (* {' '.join(['1' + '0' * 999] * 6)})))",
        "1" + "0" * 5994,
    ),
    "a rotation": (f"(set-logic BV){ROTATED}", "((_ rotate_left 7) x)"),
    "a number in a string": (f"(set-logic SLIA){SPELLED}", "(str.len x)"),
}


@pytest.mark.parametrize(("text", "body"), ORDINARY.values(), ids=ORDINARY.keys())
def test_numbers_of_any_size_are_solved_with(text: str, body: str, tmp_path: Path) -> None:
    result = in_this_process(written(tmp_path, f"{text}(check-synth)"), "--time", "20")
    assert result.exit_code == 0, result.output
    assert f" {body})" in result.stdout


def test_numbers_beyond_what_is_printed_end_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "DIGITS", 4300)
    monkeypatch.setattr("sygus.app.ordinary.DIGITS", 4300)
    text = ORDINARY["an int of more digits than Python prints"][0]
    result = in_this_process(written(tmp_path, f"{text}(check-synth)"))
    assert (result.exit_code, result.stdout) == (3, "fail\n")
    assert "a number of more than 4300 digits came up" in result.stderr


def test_python_keeps_its_own_limit() -> None:
    before = sys.get_int_max_str_digits()
    with long_numbers():
        assert len(str(10**50_000)) == 50_001
    assert sys.get_int_max_str_digits() == before


STRINGS = {
    "replacing": '(str.replace_all S "a" S)',
    "joining": f"(str.++{' S' * 16})",
    "replacing by a language": "(str.replace_re_all S re.allchar S)",
}


@pytest.mark.slow
@pytest.mark.parametrize("production", STRINGS.values(), ids=STRINGS.keys())
def test_strings_that_multiply_end_the_strategy_and_not_the_program(production: str, tmp_path: Path) -> None:
    text = f"""(set-logic SLIA)(synth-fun f ((s String)) String ((S String)) ((S String (s {production}))))
        (constraint (= (f "{"a" * 100}") "b"))(check-synth)"""
    result = in_this_process(written(tmp_path, text), "--time", "10")
    assert result.exit_code in (0, 3), result.output
    assert result.stdout in ("fail\n", "infeasible\n")


@pytest.mark.slow
def test_a_deep_formula_is_read() -> None:
    stated = load_problem(problem(f"(constraint {nested(50_000, '(not ', '(= (f 0) 0)')})"), NAME)
    assert stated.constraints[0].size > 50_000

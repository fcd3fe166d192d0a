"""How many pictures pass at once: the rule of CPUs, and the timing of GPUs by a clock that the test moves."""

from collections.abc import Callable

import pytest
import torch

from sygus.errors import SycamError
from sygus.saliency.devices import is_out_of_memory
from sygus.saliency.networks.chunks import TIMED, Chunk, _timed, by_rule, chunk_for, chunk_for_few
from toy_models import EXAMPLES, network_of


class Device:
    """A device on which a pass of so many pictures takes the time it is told, and which computes asynchronously.

    Work is queued without taking time; synchronising waits for it.
    """

    def __init__(self, seconds: Callable[[int], float], memory: int = 10**9) -> None:
        self.seconds, self.memory = seconds, memory
        self.now = self.queued = 0.0
        self.passes: list[int] = []

    def run(self, count: int) -> None:
        if count > self.memory:
            raise torch.cuda.OutOfMemoryError("of the test")
        warm = count in self.passes
        self.passes.append(count)
        self.queued += self.seconds(count) if warm else 100.0  # the first pass of a size compiles and allocates

    def synchronise(self) -> None:
        self.now += self.queued
        self.queued = 0.0

    def chosen(self) -> Chunk:
        return _timed(self.run, TIMED, self.synchronise, lambda: self.now)


def test_the_smallest_after_which_the_time_per_picture_no_longer_falls() -> None:
    """Ten milliseconds for a pass of up to 64 pictures, and then in proportion."""
    device = Device(lambda count: 0.01 * max(1.0, count / 64))
    chunk = device.chosen()
    assert chunk.size == 64
    assert chunk.reason == "timed, 0.156 ms a picture"
    assert device.passes == [size for size in (8, 16, 32, 64, 128) for _ in range(3)]  # 256 is not tried


@pytest.mark.parametrize(
    ("seconds", "size"),
    [
        (lambda count: 0.001 * count, 8),  # no gain at all
        (lambda count: 0.001 * count**0.93, 8),  # 2^0.93 / 2 = 0.953: less than 5 % a doubling
        (lambda count: 0.001 * count**0.92, 512),  # 0.946: enough
        (lambda _: 0.01, 512),
        (lambda count: 0.001 * count**2, 8),
    ],
)
def test_larger_chunks_must_gain_five_percent(seconds: Callable[[int], float], size: int) -> None:
    assert Device(seconds).chosen().size == size


def test_the_first_pass_and_the_slower_of_two_do_not_count() -> None:
    disturbed = {8: [0.01, 9.0], 16: [9.0, 0.011], 32: [0.012, 0.012], 64: [0.1, 0.1]}
    device = Device(lambda count: disturbed[count].pop(0))
    assert device.chosen().size == 32


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.cuda.OutOfMemoryError("of the test"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), False),
        (ValueError("CUDA out of memory"), False),
    ],
)
def test_which_errors_are_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_a_trial_that_fails_otherwise_is_an_error() -> None:
    def run(_: int) -> None:
        raise RuntimeError("an illegal memory access")

    with pytest.raises(RuntimeError, match="illegal"):
        _timed(run, TIMED, lambda: None)


@pytest.mark.parametrize(("memory", "size"), [(100, 64), (64, 64), (63, 32), (8, 8)])
def test_the_timing_stops_where_the_memory_ends(memory: int, size: int) -> None:
    assert Device(lambda _: 0.01, memory).chosen().size == size


def test_without_memory_for_the_smallest_it_is_tried_and_halved_later() -> None:
    chunk = Device(lambda _: 0.01, memory=3).chosen()
    assert (chunk.size, chunk.reason) == (8, "the smallest")
    chunk.halve()
    assert chunk.size == 4


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1, 1), 32), ((64, 64), 32), ((96, 96), 32), ((96, 97), 16), ((160, 160), 16), ((160, 161), 8), ((518, 518), 8)],
)
def test_the_rule_of_processors_runs_nothing(size: tuple[int, int], expected: int) -> None:
    def run(_: int) -> None:
        raise AssertionError("nothing is timed")

    chunk = chunk_for(size, torch.device("cpu"), run)
    assert chunk.size == by_rule(size) == expected
    assert chunk.reason == f"by the rule for {size[0]}x{size[1]} on cpu"


@pytest.mark.parametrize(
    ("count", "size", "expected"), [(1, 224, 1), (2, 224, 2), (3, 64, 4), (5, 224, 8), (20, 224, 8), (100, 64, 32)]
)
def test_few_pictures_take_no_larger_passes(count: int, size: int, expected: int) -> None:
    chunk = chunk_for_few((size, size), count)
    assert (chunk.size, chunk.reason) == (expected, f"enough for {count}")


def test_what_the_trials_took_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[object] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: None)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: events.append("given back"))

    def run(count: int) -> None:
        events.append(count)
        if count > 8:
            raise torch.cuda.OutOfMemoryError("of the test")

    assert chunk_for((64, 64), torch.device("cuda"), run).size == 8
    assert events == [8, 8, 8, 16, "given back"]


def test_another_layer_of_a_network_is_not_timed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(EXAMPLES[0])

    def timed(*_: object) -> Chunk:
        raise AssertionError("timed again")

    monkeypatch.setattr("sygus.saliency.networks.network.chunk_for", timed)
    assert network.at("1").chunk is network.chunk
    few = network.for_few(3)
    assert few.at("1").chunk.size == 4
    assert f"4 pictures in a pass, {few.chunk.reason}" in few.at("1").notes


def test_halving_ends_at_one_picture() -> None:
    chunk = Chunk(6, "given")
    chunk.halve()
    chunk.halve()
    assert repr(chunk) == (
        "Chunk(1, 'given, halved to 3 when the memory did not suffice, halved to 1 when the memory did not suffice')"
    )
    with pytest.raises(SycamError, match="single picture"):
        chunk.halve()
    assert chunk.size == 1

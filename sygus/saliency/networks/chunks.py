"""How many pictures go through a network at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from sygus.errors import SycamError
from sygus.saliency.devices import is_out_of_memory

TIMED = (8, 16, 32, 64, 128, 256, 512)
"""What is tried on a GPU."""

_GAIN = 0.95
"""A larger chunk must take less than this share of the time per picture."""


class Chunk:
    """The number of pictures in one pass. Every pass has exactly so many, the last is padded.

    So the score of a picture does not depend on what it was batched with: kernels are chosen by batch size, and differ
    in the last bits. The number changes only where the memory does not suffice for it. Nor does it depend on the
    picture's place in the batch where rows are whole vectors of the processor, as layers of 64 channels give them; of
    others, as of 6 channels, the kernels treat every second row differently.

    Args:
        size: the number.
        reason: how it was chosen, in words.
    """

    def __init__(self, size: int = 32, reason: str = "given") -> None:
        self.size = size
        self.reason = reason

    def __repr__(self) -> str:
        return f"Chunk({self.size}, {self.reason!r})"

    def halve(self) -> None:
        """Take half of it after the memory did not suffice.

        Raises:
            SycamError: it is one picture already.
        """
        if self.size == 1:
            raise SycamError(
                "the memory does not suffice for a single picture", "use --device cpu, or a smaller network"
            )
        self.size //= 2
        self.reason = f"{self.reason}, halved to {self.size} when the memory did not suffice"


def chunk_for(size: tuple[int, int], device: torch.device, run: Callable[[int], object]) -> Chunk:
    """The chunk for pictures of this size: by a fixed rule, on a GPU by timing.

    Args:
        size: H, W.
        device: where the network computes.
        run: passes so many pictures through the network.
    """
    if device.type == "cuda":
        chunk = _timed(run, TIMED, lambda: torch.cuda.synchronize(device))
        torch.cuda.empty_cache()  # what the largest trial took would otherwise stay reserved
        return chunk
    return Chunk(by_rule(size), f"by the rule for {size[0]}x{size[1]} on {device.type}")


def chunk_for_few(size: tuple[int, int], count: int) -> Chunk:
    """The chunk for so many pictures of this size and no more, without timing."""
    return Chunk(min(by_rule(size), enough(count)), f"enough for {count}")


def enough(count: int) -> int:
    """The next power of two."""
    return 1 << max(count - 1, 0).bit_length()


def by_rule(size: tuple[int, int]) -> int:
    """32 pictures up to 96x96, 16 up to 160x160, else 8: what was fastest on 2 cores, and the same on every machine."""
    pixels = size[0] * size[1]
    return 32 if pixels <= 96 * 96 else 16 if pixels <= 160 * 160 else 8


def _timed(
    run: Callable[[int], object],
    sizes: Sequence[int],
    synchronise: Callable[[], None],
    clock: Callable[[], float] = time.perf_counter,
) -> Chunk:
    """The smallest of the sizes, in ascending order, after which the time per picture no longer falls."""
    best, best_time = sizes[0], float("inf")
    for count in sizes:
        try:
            per_picture = _seconds(lambda: run(count), synchronise, clock) / count  # noqa: B023 - called at once
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            break
        if per_picture > _GAIN * best_time:
            break
        best, best_time = count, per_picture
    return Chunk(best, f"timed, {best_time * 1e3:.3g} ms a picture" if best_time < float("inf") else "the smallest")


def _seconds(work: Callable[[], object], synchronise: Callable[[], None], clock: Callable[[], float]) -> float:
    """The shorter of two runs, after one that is not timed."""
    work()
    taken = []
    for _ in range(2):
        synchronise()
        start = clock()
        work()
        synchronise()
        taken.append(clock() - start)
    return min(taken)

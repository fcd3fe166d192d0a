"""Numbers that are the same each time on a GPU, and as precise as on the CPU."""

from __future__ import annotations

import os

import torch

from sygus.errors import counted


def compute_repeatably(device: torch.device) -> None:
    """On CUDA, from now on: full float32, no algorithm chosen by timing, and deterministic ones where torch has them.

    Without it convolutions are rounded to ten bits, and sums depend on the order in which threads finish, so that a run
    that is resumed would compare scores of different precision. Other devices are left as they are.

    Args:
        device: where the process computes. Call before the first product on it: cuBLAS reads its setting once.
    """
    if device.type != "cuda":
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def arithmetic(device: torch.device) -> str:
    """What the last bits of numbers depend on beside what is computed: kind of device, its processor, threads.

    Sums are split among threads and among the lanes of a processor, and so are rounded differently.
    """
    if device.type == "cuda" and torch.cuda.is_available():
        return f"cuda, {torch.cuda.get_device_name(device)}"
    if device.type != "cpu":
        return device.type
    return f"cpu, {torch.backends.cpu.get_cpu_capability()}, {counted(torch.get_num_threads(), 'thread')}"

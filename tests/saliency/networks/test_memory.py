"""Freed memory is kept for the next pass, where the C library can."""

from __future__ import annotations

import platform
import resource

import pytest
import torch

from sygus.saliency.networks.memory import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_no_page_of_a_freed_tensor_is_mapped_anew() -> None:
    assert keep_freed_memory()
    torch.ones(4 << 20)  # 16 MiB, freed at once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2 << 20)
    pages = 20 * (8 << 20) // resource.getpagesize()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < pages / 10

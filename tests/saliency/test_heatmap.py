"""Up-sampling, by what torch's own kernel gives; normal forms on every scale."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import interpolate

from sygus.maps import _bilinear, unit_range, upsample
from sygus.saliency.heatmap import degenerate, saliency

SIZES = [((4, 4), (16, 16)), ((3, 7), (20, 11)), ((1, 1), (5, 6)), ((9, 9), (4, 4))]


@pytest.mark.parametrize(("small", "size"), SIZES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_it_is_bilinear_with_the_same_gradient(
    small: tuple[int, int], size: tuple[int, int], dtype: torch.dtype, tolerance: float
) -> None:
    maps = torch.rand(3, *small, generator=torch.Generator().manual_seed(0), dtype=dtype).requires_grad_()
    expected = interpolate(maps[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    found = upsample(maps, size)
    assert found.dtype == dtype
    assert torch.allclose(found, expected, rtol=0, atol=tolerance)
    weights = torch.rand(expected.shape, generator=torch.Generator().manual_seed(1), dtype=dtype)
    gradients = [torch.autograd.grad((one * weights).sum(), maps)[0] for one in (found, expected)]
    assert torch.allclose(*gradients, rtol=0, atol=100 * tolerance)


def test_a_device_that_is_not_the_processor_multiplies_matrices_too() -> None:
    """The device ``meta`` knows shapes only; torch's kernel would need no matrix."""
    _bilinear.cache_clear()
    found = upsample(torch.empty(2, 4, 5, device="meta"), (8, 10))
    assert found.shape == (2, 8, 10)
    assert _bilinear.cache_info().currsize == 2
    for count, wanted in ((4, 8), (5, 10)):
        assert _bilinear(count, wanted, torch.device("meta"), torch.float32).device.type == "meta"
    assert _bilinear.cache_info().hits == 2
    upsample(torch.zeros(2, 4, 5), (8, 10))
    assert _bilinear.cache_info().currsize == 4


@pytest.mark.parametrize("factor", [1e-30, 1e-20, 1e-13, 1e-6, 1.0, 1e6, 1e30])
def test_a_factor_changes_no_normal_form(factor: float) -> None:
    maps = torch.rand(4, 6, 5, generator=torch.Generator().manual_seed(0))
    maps[3] = 0.7  # constant
    for change in (unit_range, lambda one: saliency(one, (24, 20))):
        found, expected = change(maps * factor), change(maps)
        assert torch.allclose(found, expected, rtol=0, atol=1e-5)
        assert bool(found[:3].amax((1, 2)).eq(1).all())
        assert not bool(found[3].any())
    assert degenerate(maps * factor).tolist() == [False, False, False, True]


def test_what_rounding_makes_of_a_constant_map_is_constant() -> None:
    """Up-sampling weighs by numbers that are rounded, and so does a sum over channels."""
    maps = torch.full((1, 7, 5), 0.1) + 1e-8 * torch.rand(1, 7, 5, generator=torch.Generator().manual_seed(0))
    assert not bool(saliency(maps, (23, 17)).any())
    assert bool(degenerate(maps).all())

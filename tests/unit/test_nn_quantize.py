"""Fake quantisation is `dsf.numerics.quantize`, bit for bit, and its gradient is the straight-through one."""

import numpy as np
import pytest
import torch

from dsf import numerics
from dsf.nn.quantize import fake_quantize


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("frac", [-2, 0, 3, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_numerics(bits: int, frac: int, dtype: torch.dtype):
    low, high = numerics.int_range(bits)
    rng = np.random.default_rng(bits)
    # All ties and their neighbours on the way through the range, where it is small, and random numbers beyond it.
    steps = np.arange(2 * max(low, -300) - 6, 2 * min(high, 300) + 6) / 2
    values = np.concatenate([steps, steps + 2.0**-16, steps - 2.0**-16, rng.normal(0, high, 1000)])
    x = torch.tensor(np.ldexp(values, -frac), dtype=dtype)
    got = fake_quantize(x, bits, frac)
    expected = numerics.dequantize(numerics.quantize(x.double().numpy(), bits, frac), frac)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got.double().numpy(), expected)


def test_half_goes_to_even():
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, -2.5])
    assert fake_quantize(x, 8, 0).tolist() == [0, 2, 2, 0, -2, -2]


def test_one_bit_is_a_sign():
    """Of 0 it is +1. A gradient passes but where a descent step would move a value, beyond 1.5 steps, further out."""
    x = torch.tensor([0.0, -0.0, 0.1, -0.1, 9.0, -9.0], requires_grad=True)
    y = fake_quantize(x, 1, 1)
    assert y.tolist() == [0.5, 0.5, 0.5, -0.5, 0.5, -0.5]
    y.backward(torch.tensor([1.0, 1.0, 2.0, -2.0, -1.0, -1.0]))
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0, 2.0, -2.0, 0.0, -1.0]


def test_gradient_passes_inside_and_stops_outwards():
    x = torch.tensor([0.3, -7.9, 20.0, 20.0, -20.0, -20.0], requires_grad=True)
    upstream = torch.tensor([1.0, 2.0, -1.0, 1.0, 1.0, -1.0])
    fake_quantize(x, 4, 0).backward(upstream)
    # A descent step goes against the gradient: 20 with gradient -1 would move further out, with +1 comes back.
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 2.0, 0.0, 1.0, 0.0, -1.0]

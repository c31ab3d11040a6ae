"""
Fake quantisation: real tensors rounded to a fixed-point grid in the forward pass, seen as the identity by the gradient.

    y = clip(rhe(x * 2**frac), -2**(bits-1), 2**(bits-1) - 1) * 2**-frac

and to one bit the sign, `y = 2**-frac if x >= 0 else -2**-frac`.

This is `dsf.numerics.quantize` followed by `dequantize`, on PyTorch tensors: `torch.round` rounds half to even as well, and
scaling by a power of two is exact, so the two agree in every bit for float64 (and for float32, up to 24-bit grids).

The gradient is the straight-through estimator (Bengio, Leonard, Courville 2013, arXiv 1308.3432), stopped where `x` is
clipped and a descent step would move it further out: weights don't drift away from their grid, and can always come back.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from dsf.numerics import int_range


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bits: int, frac: int) -> Tensor:
        low, high = int_range(bits)
        scaled = x * 2.0**frac
        ctx.save_for_backward(scaled < low - 0.5, scaled > high + 0.5)
        if bits == 1:
            return torch.where(x < 0, -(2.0**-frac), 2.0**-frac).to(x.dtype)
        return torch.round(scaled).clamp(low, high) * 2.0**-frac

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor, None, None]:
        (gradient,) = grad_outputs
        below, above = ctx.saved_tensors
        outwards = (below & (gradient > 0)) | (above & (gradient < 0))
        return gradient.masked_fill(outwards, 0.0), None, None


def fake_quantize(x: Tensor, bits: int, frac: int) -> Tensor:
    """`x` on the grid of `q<bits, frac>`, same shape and dtype."""
    return cast(Tensor, _FakeQuantize.apply(x, bits, frac))  # pyright: ignore[reportUnknownMemberType]

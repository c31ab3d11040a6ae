"""Quantisation in PyTorch to fewer integers than their type has: as torch.export writes it, and fake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.ao.quantization.fx._decomposed
from torch import Tensor, nn

import dsf
from dsf.errors import ModelError

Quantise = Callable[[Tensor, float, int, int, int], Tensor]
OPS: Any = torch.ops.quantized_decomposed


def decomposed(x: Tensor, scale: float, zero: int, low: int, high: int) -> Tensor:
    numbers = scale, zero, low, high, torch.int8 if low < 0 else torch.uint8
    return OPS.dequantize_per_tensor.default(OPS.quantize_per_tensor.default(x, *numbers), *numbers)


def of_tensors(x: Tensor, scale: float, zero: int, low: int, high: int) -> Tensor:
    numbers = torch.tensor(scale), torch.tensor(zero), low, high, torch.int8 if low < 0 else torch.uint8
    return OPS.dequantize_per_tensor.tensor(OPS.quantize_per_tensor.tensor(x, *numbers), *numbers)


def fake(x: Tensor, scale: float, zero: int, low: int, high: int) -> Tensor:
    return torch.fake_quantize_per_tensor_affine(x, scale, zero, low, high)


class Net(nn.Module):
    """Each tensor is quantised to another range; weights leave out the lowest number."""

    def __init__(self, quantise: Quantise, ranges: list[tuple[int, int, int]]):
        super().__init__()
        self.quantise, self.ranges = quantise, ranges
        self.layers = nn.ModuleList(nn.Conv2d(3, 3, 3) for _ in ranges[1:])

    def forward(self, x: Tensor) -> Tensor:
        x = self.quantise(x, 0.02, *self.ranges[0])
        for layer, numbers in zip(self.layers, self.ranges[1:], strict=True):
            scales, zeros = torch.full((3,), 0.0012), torch.zeros(3, dtype=torch.int32)
            weight = torch.fake_quantize_per_channel_affine(layer.weight, scales, zeros, 0, -127, 127)
            x = self.quantise(nn.functional.conv2d(x, weight, layer.bias), 0.01, *numbers)
        return x


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("quantise", [decomposed, of_tensors, fake])
def test_narrow_ranges(quantise: Quantise) -> None:
    """Numbers are clipped as torch does it, far from the limits of the type."""
    torch.manual_seed(0)
    module = Net(quantise, [(0, -127, 127), (0, -64, 63), (100, 60, 140), (3, 0, 15)]).eval()
    x = 2 * torch.randn(4, 3, 12, 12)
    with torch.no_grad():
        wanted = module(x).numpy()
    apart = np.abs(dsf.from_torch(module, x[:1]).predict(x.numpy()) - wanted)
    assert apart.max() < 0.011 and np.mean(apart > 0.005) < 0.005
    assert {round(float(one) / 0.01) for one in np.unique(wanted)} == set(range(-3, 13))


@pytest.mark.filterwarnings("ignore")
def test_more_than_8_bits() -> None:
    module = Net(fake, [(0, -200, 200), (0, -64, 63)]).eval()
    with pytest.raises(ModelError, match="fake quantisation to -200 to 200 has more than 8 bits"):
        dsf.from_torch(module, torch.zeros(1, 3, 8, 8))

"""The integers of each operation of `fxp`, against loops written out as its definition says, and against torch."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, IntegerType, ModuleOp, TensorType
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.utils.exceptions import InterpretationError

from dsf.dialects import fxp
from dsf.dialects.bundle_types import PoolKind
from dsf.dialects.constants import dense_ints
from dsf.geometry import Window
from dsf.numerics import Ints, int_range
from dsf.runtime.execute import run
from dsf.runtime.interpreters import convolution


def network(sizes: tuple[int, ...], bits: int, layers: Callable[[SSAValue], list[Operation]]) -> ModuleOp:
    """A module whose `@main` applies `layers` to integers of `bits` bits."""
    block = Block(arg_types=[TensorType(IntegerType(bits), sizes)])
    ops = layers(block.args[0])
    block.add_ops([*ops, func.ReturnOp(ops[-1].results[0])])
    signature = FunctionType.from_lists([block.args[0].type], [ops[-1].results[0].type])
    module = ModuleOp([func.FuncOp("main", signature, Region(block))])
    module.verify()
    return module


def draw(rng: np.random.Generator, sizes: tuple[int, ...], bits: int = 8) -> Ints:
    low, high = int_range(bits)
    return rng.integers(low, high, size=sizes, endpoint=True)


def convolve_by_loops(x: Ints, w: Ints, window: Window, groups: int, pad_value: int) -> Ints:
    """The docstring of `bundle.conv`, word for word, with `pad_value` outside."""
    batch, height, width, _ = x.shape
    kernel_height, kernel_width, inputs, outputs = w.shape
    top, _, left, _ = window.padding
    y = np.zeros((batch, *window.output_shape(height, width), outputs), dtype=np.int64)
    for n, oy, ox, co in np.ndindex(*y.shape):
        g = co // (outputs // groups)
        for ky, kx, ci in product(range(kernel_height), range(kernel_width), range(inputs)):
            iy = oy * window.strides[0] - top + ky * window.dilation[0]
            ix = ox * window.strides[1] - left + kx * window.dilation[1]
            inside = 0 <= iy < height and 0 <= ix < width
            y[n, oy, ox, co] += (x[n, iy, ix, g * inputs + ci] if inside else pad_value) * w[ky, kx, ci, co]
    return y


@pytest.mark.parametrize("pad_value", [0, -8])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize(
    "window",
    [
        Window((1, 1)),
        Window((3, 2), (2, 1), (1, 2, 0, 3)),
        Window((2, 3), (1, 2), (4, 0, 0, 1), (2, 3)),
    ],
    ids=("point", "strided", "dilated"),
)
def test_conv(window: Window, groups: int, pad_value: int) -> None:
    rng = np.random.default_rng(1)
    x, w = draw(rng, (2, 5, 7, 3), 4), draw(rng, (*window.kernel, 3 // groups, 6), 4)
    module = network(
        x.shape,
        4,
        lambda value: [fxp.ConvOp(value, dense_ints(w, 4), window, bits_sum=24, groups=groups, pad_value=pad_value)],
    )
    np.testing.assert_array_equal(run(module, x), convolve_by_loops(x, w, window, groups, pad_value))


def test_conv_like_torch_in_float64() -> None:
    rng = np.random.default_rng(2)
    x, w = draw(rng, (3, 16, 12, 20)), draw(rng, (5, 4, 20, 17))
    window = Window((5, 4), (2, 1), (2, 2, 1, 2))
    padded = torch.nn.functional.pad(torch.from_numpy(x.astype(np.float64)).permute(0, 3, 1, 2), (1, 2, 2, 2))
    expected = torch.nn.functional.conv2d(padded, torch.from_numpy(w.astype(np.float64)).permute(3, 2, 0, 1), stride=(2, 1))
    np.testing.assert_array_equal(convolution.convolve(x, w, window), expected.permute(0, 2, 3, 1).numpy())


def test_conv_is_exact_beyond_float64() -> None:
    """Sums near 2**60, where float64 has steps of 256, and one that float64 still holds, agree with Python's integers."""
    for bits in (31, 20):
        x = np.full((1, 1, 1, 3), (1 << bits) - 1, dtype=np.int64)
        w = np.array([[1 << (bits - 2)], [1], [-3]], dtype=np.int64).reshape(1, 1, 3, 1)
        expected = ((1 << bits) - 1) * ((1 << (bits - 2)) - 2)
        assert int(convolution.convolve(x, w, Window((1, 1)))[0, 0, 0, 0]) == expected
        assert int(convolution.matmul(x.reshape(1, 3), w.reshape(3, 1))[0, 0]) == expected


def test_many_images_are_convolved_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    x, w, window = draw(rng, (7, 6, 5, 4)), draw(rng, (3, 3, 4, 2)), Window((3, 3))
    expected = convolution.convolve(x, w, window)
    monkeypatch.setattr(convolution, "CHUNK_ELEMENTS", 500)
    np.testing.assert_array_equal(convolution.convolve(x, w, window), expected)


def test_sum_beyond_its_type_is_an_error() -> None:
    w = dense_ints(np.full((1, 1, 2, 1), -8), 4)
    module = network((1, 1, 1, 2), 8, lambda value: [fxp.ConvOp(value, w, Window((1, 1)), bits_sum=11)])
    np.testing.assert_array_equal(run(module, np.full((1, 1, 1, 2), 64)), [[[[-1024]]]])
    with pytest.raises(InterpretationError, match=r"values from 1040 to 1040, needs i12; widen the sum \(bits_sum\)"):
        run(module, np.full((1, 1, 1, 2), -65))


def rounded(x: Fraction) -> int:
    """Half to even, as Python's `round` of a fraction."""
    return round(x)


@pytest.mark.parametrize("leak", [0, 3])
def test_requantize(leak: int) -> None:
    acc = np.arange(-3000, 3000).reshape(1, -1, 2)[:, :, None]
    bias, multiplier, shift = [7, -300], [1, 40000], [4, 22]
    module = network(
        acc.shape,
        24,
        lambda value: [
            fxp.RequantizeOp(
                value, bits=8, bias=bias, bias_shift=2, multiplier=multiplier, shift=shift, leak=leak, low=-100, high=127
            )
        ],
    )
    y = run(module, acc)
    for n, i, j, c in np.ndindex(*acc.shape):
        v = int(acc[n, i, j, c]) + bias[c] * 4
        exact = rounded(Fraction(v * multiplier[c], 2 ** (shift[c] + (leak if v < 0 else 0))))
        assert y[n, i, j, c] == min(max(exact, -100), 127)


def test_raw() -> None:
    acc = np.array([[[[5, -5]]]])
    module = network(acc.shape, 24, lambda value: [fxp.RawOp(value, bias=[1, -2], bias_shift=4)])
    np.testing.assert_array_equal(run(module, acc), [[[[21, -37]]]])


def test_raw_beyond_32_bits_is_an_error() -> None:
    module = network((1, 1, 1, 1), 32, lambda value: [fxp.RawOp(value, bias=[1], bias_shift=0)])
    with pytest.raises(InterpretationError, match="needs i33"):
        run(module, [[[[(1 << 31) - 1]]]])


@settings(max_examples=30, deadline=None)
@given(
    multipliers=st.tuples(st.sampled_from((1, 2, 30000)), st.sampled_from((1, 4, 65535))),
    offset=st.integers(-500, 500),
    shift=st.integers(0, 20),
    leak=st.integers(0, 15),
)
def test_add(multipliers: tuple[int, int], offset: int, shift: int, leak: int) -> None:
    a = np.arange(-8, 8).reshape(1, -1)

    def layers(value: SSAValue) -> list[Operation]:
        numbers = {"multiplier_a": multipliers[0], "multiplier_b": multipliers[1], "offset": offset, "shift": shift}
        return [fxp.AddOp(value, value, bits=4, **numbers, leak=leak, low=-8, high=7)]

    y = run(network(a.shape, 4, layers), a)
    for got, one in zip(y[0], a[0], strict=True):
        v = int(one) * sum(multipliers) + offset
        exact = rounded(Fraction(v, 2 ** (shift + (leak if v < 0 else 0))))
        assert got == min(max(exact, -8), 7)


@pytest.mark.parametrize("kind", list(PoolKind))
@pytest.mark.parametrize("count_padding", [False, True])
@pytest.mark.parametrize(("left", "right", "leak"), [(0, 0, 0), (2, 0, 1), (0, 1, 3)])
def test_pool(kind: PoolKind, count_padding: bool, left: int, right: int, leak: int) -> None:
    x = draw(np.random.default_rng(4), (2, 5, 4, 3))
    window = Window((3, 2), (2, 1), (1, 2, 1, 0))
    module = network(
        x.shape,
        8,
        lambda value: [
            fxp.PoolOp(
                value,
                kind,
                window,
                bits=8,
                left=left,
                right=right,
                leak=leak,
                low=-90,
                high=110,
                count_padding=count_padding,
                pad_value=-5,
            )
        ],
    )
    y = run(module, x)
    assert y.shape == (2, 3, 4, 3)
    for n, oy, ox, c in np.ndindex(*y.shape):
        taps = [(oy * 2 - 1 + ky, ox - 1 + kx) for ky, kx in product(range(3), range(2))]
        inside = [int(x[n, iy, ix, c]) for iy, ix in taps if 0 <= iy < 5 and 0 <= ix < 4]
        if kind is PoolKind.MAX:
            acc, count = max(inside), 1
        else:
            outside = [-5] * (len(taps) - len(inside)) if count_padding else []
            acc, count = sum(inside + outside), len(inside + outside)
        exact = rounded(Fraction(acc * 2**left, count * 2 ** (right + (leak if acc < 0 else 0))))
        assert y[n, oy, ox, c] == min(max(exact, -90), 110)


def test_reshape() -> None:
    x = np.arange(12).reshape(1, 2, 3, 2)
    module = network(x.shape, 8, lambda value: [fxp.ReshapeOp(value, (1, 12))])
    np.testing.assert_array_equal(run(module, x), [np.arange(12)])

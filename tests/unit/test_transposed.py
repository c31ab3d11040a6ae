"""
Transposed convolutions: where taps go against loops over the definition and against torch, the phases against both, and the
`bundle` and `fxp` levels.
"""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
import torch
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region

from dsf import numerics
from dsf.constraints.check import problems_of
from dsf.dialects import bundle
from dsf.dialects.engine import HardwareOp
from dsf.errors import ModelError
from dsf.geometry import Window
from dsf.hardware import Hardware
from dsf.numerics import Ints
from dsf.runtime.execute import run, run_integers
from dsf.runtime.interpreters.convolution import convolve, convolve_transposed
from dsf.transforms.bundle_to_fxp import BundleToFxpPass
from dsf.transposed import TransposedWindow, phase_weights, resolve_transposed

SEEDS = range(200)


def by_loops(x: Ints, w: Ints, window: TransposedWindow, groups: int) -> Ints:
    """The docstring of `bundle.conv_transpose`, word for word."""
    batch, height, width, _ = x.shape
    kernel_height, kernel_width, inputs, outputs = w.shape
    top, _, left, _ = window.window.padding
    strides, dilation = window.window.strides, window.window.dilation
    y = np.zeros((batch, *window.output_shape(height, width), outputs), dtype=np.int64)
    for n, iy, ix, ky, kx in np.ndindex(batch, height, width, kernel_height, kernel_width):
        oy = iy * strides[0] - top + ky * dilation[0]
        ox = ix * strides[1] - left + kx * dilation[1]
        if not (0 <= oy < y.shape[1] and 0 <= ox < y.shape[2]):
            continue
        for ci, co in product(range(inputs), range(outputs)):
            g = co // (outputs // groups)
            y[n, oy, ox, co] += x[n, iy, ix, g * inputs + ci] * w[ky, kx, ci, co]
    return y


def drawn(seed: int) -> tuple[TransposedWindow, tuple[int, int], int]:
    """A window, an image that leaves something of the output, and groups."""
    rng = random.Random(seed)
    while True:
        kernel, strides = ((rng.randint(1, 5), rng.randint(1, 5)) for _ in range(2))
        dilation = (rng.randint(1, 3), rng.randint(1, 3))
        padding = (rng.randint(0, 4), rng.randint(0, 4), rng.randint(0, 4), rng.randint(0, 4))
        more = (rng.randint(0, strides[0] - 1), rng.randint(0, strides[1] - 1))
        window, image = (
            TransposedWindow(Window(kernel, strides, padding, dilation), more),
            (rng.randint(1, 5), rng.randint(1, 5)),
        )
        try:
            window.output_shape(*image)
        except ModelError:
            continue
        return window, image, rng.choice((1, 2))


def operands(seed: int, window: TransposedWindow, image: tuple[int, int], groups: int) -> tuple[Ints, Ints]:
    draw = np.random.default_rng(seed)
    return draw.integers(-8, 8, (2, *image, 2 * groups)), draw.integers(-8, 8, (*window.window.kernel, 2, 3 * groups))


@pytest.mark.parametrize("seed", SEEDS)
def test_taps_go_where_the_definition_says(seed: int) -> None:
    window, image, groups = drawn(seed)
    x, w = operands(seed, window, image, groups)
    np.testing.assert_array_equal(convolve_transposed(x, w, window, groups=groups), by_loops(x, w, window, groups))


@pytest.mark.parametrize("seed", SEEDS)
def test_phases_interleave_to_the_whole(seed: int) -> None:
    """Every position is of one phase, whose taps are all that reach it; of phases without taps nothing is left but 0."""
    window, image, groups = drawn(seed)
    x, w = operands(seed, window, image, groups)
    expected = by_loops(x, w, window, groups)
    y = np.full_like(expected, 1 << 40)
    for phase in window.phases(*image):
        assert phase.window.output_shape(*image) == phase.image
        down, right = window.window.strides
        part = convolve(x, phase_weights(w, phase, 7), phase.window, groups=groups)
        assert part.shape[1:3] == phase.image
        y[:, phase.first[0] :: down, phase.first[1] :: right] = part
    np.testing.assert_array_equal(y, expected)


def test_kinds_of_phases_occur() -> None:
    """Phases without taps, of different sizes, with cropped inputs, and dilated ones are among those above."""
    phases = [window.phases(*image) for window, image, _ in map(drawn, SEEDS)]
    assert any(phase.is_empty for some in phases for phase in some)
    assert any(len({phase.image for phase in some}) > 1 for some in phases)
    assert any(min(phase.window.padding) < 0 and not phase.is_empty for some in phases for phase in some)
    assert any(max(phase.window.dilation) > 1 for some in phases for phase in some)


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize(
    ("kernel", "strides", "padding", "more", "dilation"),
    [
        ((2, 2), (2, 2), (0, 0), (0, 0), (1, 1)),
        ((3, 3), (2, 2), (1, 1), (1, 1), (1, 1)),
        ((4, 5), (2, 3), (1, 2), (0, 2), (1, 1)),
        ((3, 2), (1, 3), (2, 0), (0, 0), (2, 1)),
        ((2, 1), (3, 4), (0, 0), (1, 3), (1, 1)),
    ],
    ids=("twice", "three", "rectangular", "dilated", "gaps"),
)
def test_bundle_like_torch(kernel, strides, padding, more, dilation, groups: int) -> None:
    """With torch's weights in the layout of the docstring; torch pads both sides alike."""
    draw = np.random.default_rng(3)
    inputs, outputs = 2 * groups, 4 * groups
    x, bias = draw.integers(-128, 128, (2, 4, 5, inputs)), draw.integers(-99, 99, outputs)
    theirs = draw.integers(-8, 8, (inputs, outputs // groups, *kernel))
    parts = theirs.reshape(groups, inputs // groups, outputs // groups, *kernel)
    w = parts.transpose(3, 4, 1, 0, 2).reshape(*kernel, inputs // groups, outputs)
    block = Block(arg_types=[bundle.tensor_of(x.shape, bundle.QType.of(8, 4))])
    sides = (padding[0], padding[0], padding[1], padding[1])
    core = bundle.ConvTransposeOp(
        block.args[0],
        w / 4,
        bundle.QType.of(4, 2),
        bits_sum=32,
        bias=bias / 8,
        bias_type=bundle.QType.of(16, 3),
        strides=strides,
        padding=sides,
        output_padding=more,
        dilation=dilation,
        groups=groups,
    )
    block.add_ops([core, func.ReturnOp(core.output)])
    module = ModuleOp([func.FuncOp("main", ([block.args[0].type], [core.output.type]), Region(block))])
    module.verify()
    reals = [torch.from_numpy(one).double() for one in (x.transpose(0, 3, 1, 2) / 16, theirs / 4, bias / 8)]
    expected = torch.nn.functional.conv_transpose2d(*reals, strides, padding, more, groups, dilation).permute(0, 2, 3, 1)
    np.testing.assert_array_equal(numerics.dequantize(run(module, x), 6), expected.numpy())


def free_module(seed: int, hardware: Hardware) -> tuple[ModuleOp, bundle.ConvTransposeOp, bundle.ActivationOp]:
    """A transposed convolution with free scales and a zero point, and an activation."""
    window, image, groups = drawn(seed)
    rng, draw = random.Random(seed), np.random.default_rng(seed)
    block = Block(arg_types=[bundle.tensor_of((1, *image, 2 * groups), bundle.AffineType.of(8, 0.05, rng.randint(-128, 127)))])
    core = bundle.ConvTransposeOp(
        block.args[0],
        draw.integers(-128, 128, (*window.window.kernel, 2, 3 * groups)),
        bundle.QType.of(8, 0),
        scales=draw.uniform(0.001, 0.02, 3 * groups),
        bits_sum=hardware.bits_sum,
        bias=draw.integers(-(1 << 14), 1 << 14, 3 * groups) if rng.random() < 0.7 else None,
        bias_type=None,
        strides=window.window.strides,
        padding=window.window.padding,
        output_padding=window.output_padding,
        dilation=window.window.dilation,
        groups=groups,
    )
    if core.bias is not None:
        core.properties["bias_type"] = bundle.QType.of(32, 0)
    activation = bundle.ActivationOp(core.output, bundle.AffineType.of(8, 0.7, rng.randint(-128, 127)), rng.choice((1.0, 0.0)))
    block.add_ops([core, activation, func.ReturnOp(activation.output)])
    function = func.FuncOp("main", ([block.args[0].type], [activation.output.type]), Region(block))
    return ModuleOp([HardwareOp.from_hardware(hardware), function]), core, activation


@pytest.mark.parametrize("seed", range(40))
def test_a_zero_point_adds_nothing(seed: int) -> None:
    """How many taps a position has differs: where the bias stood for all of them, the results would be others."""
    hardware = Hardware(bits_bias=32)
    module, core, activation = free_module(seed, hardware)
    assert not problems_of(module)
    zero, sizes = bundle.grid_of(core.input).zero, core.input.type.get_shape()
    x = np.random.default_rng(seed).integers(-128, 128, sizes)
    weights, groups = core.weights_array.astype(np.int64), core.groups.value.data
    sums = by_loops(x - zero, weights, core.window, groups)
    sums = sums if core.bias_array is None else sums + core.bias_array.astype(np.int64)
    grid = bundle.grid_of(activation.output)
    reals = sums * core.units / grid.unit
    wanted = np.clip(
        np.maximum(reals, 0) if activation.negative_slope.value.data == 0 else reals, -128 - grid.zero, 127 - grid.zero
    )
    got = run_integers(module, x)
    # A result is rounded, and the gain has 16 bits: see `test_a_convolution_is_near_real_arithmetic`.
    assert np.abs(got - grid.zero - wanted).max() <= 0.5 + 256 * 2.0**-16
    lowered = module.clone()
    BundleToFxpPass().apply(None, lowered)  # type: ignore[arg-type]
    lowered.verify()
    np.testing.assert_array_equal(run_integers(lowered, x), got)


@pytest.mark.parametrize(
    ("padding", "expected"),
    [("same", (8, 15)), ("valid", (11, 13)), (((1, 2), (0, 1)), (8, 12))],
)
def test_padding_by_name(padding, expected: tuple[int, int]) -> None:
    """'same' makes the output as many times as large as the strides say, also where the kernel is smaller than they are."""
    assert resolve_transposed(padding, (5, 1), (2, 3)).output_shape(4, 5) == expected


@pytest.mark.parametrize(
    ("image", "strides", "problem"),
    [
        ((2048, 3), (1, 2), None),
        ((2049, 3), (1, 2), "2049 rows that no tap of the kernel reaches, needs at most 2048"),
        ((3, 1310), (2, 1), None),
        ((3, 1311), (2, 1), "1311 columns that no tap of the kernel reaches, needs at most 1310"),
    ],
    ids=str,
)
def test_results_that_no_tap_reaches(image: tuple[int, int], strides: tuple[int, int], problem: str | None) -> None:
    """They are told by what the user knows, their number, where the field of an instruction does not hold it."""
    hardware = Hardware(max_image_size=(4095, 4095))
    block = Block(arg_types=[bundle.tensor_of((1, *image, 100), bundle.QType.of(8, 4))])
    weights = np.ones((1, 1, 100, 2))
    core = bundle.ConvTransposeOp(
        block.args[0],
        weights,
        bundle.QType.of(8, 0),
        bits_sum=32,
        strides=strides,
        output_padding=(strides[0] - 1, strides[1] - 1),
    )
    layer = bundle.BundleOp("up", [core])
    block.add_ops([layer, func.ReturnOp(layer.output)])
    function = func.FuncOp("main", ([block.args[0].type], [layer.output.type]), Region(block))
    found = problems_of(ModuleOp([HardwareOp.from_hardware(hardware), function]))
    wanted = [] if problem is None else [f"'up': a result with {problem}; use smaller images or strides"]
    assert found == wanted


def test_padding_may_leave_nothing() -> None:
    with pytest.raises(ModelError, match="'window': an output of -1x4, needs at least 1x1; use less padding"):
        resolve_transposed(((3, 2), (0, 0)), (2, 2), (2, 2)).output_shape(2, 2)

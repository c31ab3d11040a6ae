"""Networks with free scales and zero points: all levels agree, and the `bundle` level is near real arithmetic."""

from __future__ import annotations

import random

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Block, Operation, Region, SSAValue

from dsf.compiler import compile_module, random_input
from dsf.dialects import bundle
from dsf.dialects.bundle import AffineType, Grid, QType
from dsf.dialects.bundle_types import PoolKind
from dsf.dialects.engine import HardwareOp
from dsf.dialects.shapes import shape
from dsf.hardware import Hardware
from dsf.numerics import Floats
from dsf.runtime.execute import run_integers
from dsf.runtime.interpreters.bundle import BundleFunctions
from dsf.runtime.interpreters.convolution import windows

SEEDS = range(20)
#: Hardware with the most bits for gains and biases.
EXACT = {"bits_sum": 26, "bits_multiplier": 26, "bits_fraction": 10}


def random_grid(rng: random.Random, unit: float) -> AffineType:
    return AffineType.of(8, unit * rng.uniform(0.7, 1.4), rng.randint(-128, 127))


def random_core(rng: random.Random, x: SSAValue, hardware: Hardware, outputs: int) -> bundle.ConvOp:
    draw = np.random.default_rng(rng.getrandbits(32))
    channels = shape(x)[-1]
    groups = channels if outputs == channels and rng.random() < 0.5 else 1
    kernel = (rng.randint(1, 3), rng.randint(1, 3))
    weights = draw.integers(-128, 128, (*kernel, channels // groups, outputs))
    fraction = rng.randint(0, hardware.bits_fraction)
    bias = draw.integers(-(1 << 14), 1 << 14, outputs) / 2.0**fraction if rng.random() < 0.8 else None
    return bundle.ConvOp(
        x,
        weights,
        QType.of(8, 0),
        scales=draw.uniform(0.001, 0.02, outputs),
        bits_sum=hardware.bits_sum,
        bias=bias,
        bias_type=None if bias is None else QType.of(32, fraction),
        padding=(kernel[0] // 2, (kernel[0] - 1) // 2, kernel[1] // 2, (kernel[1] - 1) // 2),
        groups=groups,
    )


def random_activation(rng: random.Random, core: bundle.ConvOp) -> bundle.ActivationOp:
    """To a grid that typical sums fill; a ReLU, a leaky one, limits, or none."""
    typical = float(core.product_units.mean()) * 75 * 75 * np.sqrt(np.prod(core.weights.get_shape()[:-1]))
    slope = rng.choice((1.0, 0.0, 0.25, 2.0**-5))
    maximum = typical / 2 if rng.random() < 0.3 else None
    return bundle.ActivationOp(core.output, random_grid(rng, typical / 60), slope, minimum=-typical / 3, maximum=maximum)


def random_module(seed: int, hardware: Hardware) -> ModuleOp:
    """A few convolutions, some in groups, some with a residual addition, then perhaps a pooling."""
    rng = random.Random(seed)
    channels = rng.randint(1, 14)
    sizes = (rng.randint(1, 2), rng.randint(3, 9), rng.randint(3, 9), channels)
    block = Block(arg_types=[bundle.tensor_of(sizes, random_grid(rng, 0.05))])
    x: SSAValue = block.args[0]

    def push(op: Operation) -> SSAValue:
        block.add_op(op)
        return op.results[0]

    for _ in range(rng.randint(1, 3)):
        core = random_core(rng, x, hardware, channels)
        push(core)
        y = push(random_activation(rng, core))
        if rng.random() < 0.6:
            a, b = (x, y) if rng.random() < 0.5 else (y, x)
            unit = bundle.grid_of(a).unit + bundle.grid_of(b).unit
            y = push(bundle.AddOp(a, b, random_grid(rng, unit), rng.choice((1.0, 0.0))))
        x = y
    if rng.random() < 0.5:
        x = push(bundle.PoolOp(x, rng.choice(list(PoolKind)), (2, 2), bundle.grid_of(x)))
    block.add_op(func.ReturnOp(x))
    return ModuleOp([HardwareOp.from_hardware(hardware), func.FuncOp("main", ([block.args[0].type], [x.type]), Region(block))])


@pytest.mark.parametrize(("seed", "wide"), [*((seed, {}) for seed in SEEDS), *((seed, EXACT) for seed in range(20, 28))])
def test_all_levels_agree(seed: int, wide: dict[str, int]) -> None:
    """Also where gains have 26 bits, and sums bits behind their point."""
    hardware = Hardware(processing_elements=(3, 10), column_groups=2, bits_bias=32, **wide)
    module = random_module(seed, hardware)
    compile_module(module, verify_each=True, verify_input=random_input(module, seed))


def real_sum(core: bundle.ConvOp, x: Floats) -> Floats:
    """A convolution of real numbers with real weights, by a plain loop over groups."""
    weights = core.weights_array * core.product_units / core.input_scale
    taps = windows(x, core.window, 0)
    groups, inputs = core.groups.value.data, weights.shape[2]
    per_group = weights.shape[3] // groups
    y = np.zeros((*taps.shape[:3], weights.shape[3]))
    for g in range(groups):
        outs, ins = slice(g * per_group, (g + 1) * per_group), slice(g * inputs, (g + 1) * inputs)
        y[..., outs] = np.einsum("nhwklc,klco->nhwo", taps[..., ins], weights[..., outs])
    bias = core.bias_array
    return y if bias is None else y + bias * core.product_units


def nearest(y: Floats, grid: Grid) -> Floats:
    """Real numbers, in units of a grid, above its zero."""
    return np.clip(y / grid.unit, -128 - grid.zero, 127 - grid.zero)


@pytest.mark.parametrize("wide", [{}, EXACT], ids=["16 bits", "26 bits"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_convolution_is_near_real_arithmetic(seed: int, wide: dict[str, int]) -> None:
    """Within half a unit, and the bits of the gain: 2**-16 of the at most 256 units of a result, or 2**-26."""
    hardware = Hardware(bits_bias=32, **wide)
    rng = random.Random(seed)
    channels = rng.randint(1, 6)
    block = Block(arg_types=[bundle.tensor_of((1, 5, 6, channels), random_grid(rng, 0.05))])
    core = random_core(rng, block.args[0], hardware, rng.choice((channels, 7)))
    activation = random_activation(rng, core)
    block.add_ops([core, activation, func.ReturnOp(activation.output)])
    signature = ([block.args[0].type], [activation.output.type])
    module = ModuleOp([HardwareOp.from_hardware(hardware), func.FuncOp("main", signature, Region(block))])
    x = random_input(module, seed)
    sums = real_sum(core, bundle.grid_of(block.args[0]).to_reals(x))
    low, high = bundle.limits_of(activation)
    wanted = np.clip(np.where(sums < 0, sums * activation.negative_slope.value.data, sums), low, high)
    grid = bundle.grid_of(activation.output)
    got = run_integers(module, x) - grid.zero
    # A limit is rounded to the grid too.
    assert np.abs(got - nearest(wanted, grid)).max() <= 0.5 + 256 * 2.0**-hardware.bits_multiplier


def pairs_of(
    kind: type[bundle.AddOp | bundle.MultiplyOp], a: AffineType, b: AffineType, y: AffineType, second: np.ndarray, **wide: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Every element of `a` with each of `second`, added or multiplied: what the engine computes, and real arithmetic, both in
    integers of `y`.
    """
    first, second = (one.reshape(1, -1) for one in np.meshgrid(np.arange(-128, 128), second, indexing="ij"))
    sizes = first.shape
    block = Block(arg_types=[bundle.tensor_of(sizes, a), bundle.tensor_of(sizes, b)])
    op = kind(block.args[0], block.args[1], y)
    block.add_ops([op, func.ReturnOp(op.output)])
    main = func.FuncOp("main", ([one.type for one in block.args], [op.output.type]), Region(block))
    module = ModuleOp([HardwareOp.from_hardware(Hardware(bits_bias=32, **wide)), main])
    interpreter = Interpreter(module)
    interpreter.register_implementations(BundleFunctions())
    (got,) = interpreter.run_op(op, (first, second))
    reals = a.to_reals(first), b.to_reals(second)
    return got, y.to_integers(sum(reals) if kind is bundle.AddOp else reals[0] * reals[1])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", [bundle.AddOp, bundle.MultiplyOp])
def test_sums_and_products_are_exact(kind: type[bundle.AddOp | bundle.MultiplyOp], seed: int) -> None:
    """Of all pairs of elements, where multipliers have 26 bits; about one in a thousand is not where they have 16."""
    rng = random.Random(seed)
    a, b = random_grid(rng, 0.05), random_grid(rng, 0.05)
    y = random_grid(rng, a.unit + b.unit if kind is bundle.AddOp else 128 * a.unit * b.unit)
    elements = np.arange(-128, 128)
    got, real = pairs_of(kind, a, b, y, elements, **EXACT)
    assert np.array_equal(got, real), seed
    got, real = pairs_of(kind, a, b, y, elements)
    assert 0 < np.count_nonzero(got != real) <= 0.001 * real.size, seed


def test_additions_round_as_real_ones() -> None:
    """
    With these scales, of a residual network, the nearest gain is 27 / 16: one in 16 sums with 0 would lie half-way between two
    steps, where those of the exact one do not. Zero is what a ReLU leaves of every other element.
    """
    a, b = AffineType.of(8, 0.04134219512343407, -2), AffineType.of(8, 0.015601202845573425, -128)
    y = AffineType.of(8, 0.024499254301190376, -128)
    got, real = pairs_of(bundle.AddOp, a, b, y, np.array([b.zero]))
    assert np.count_nonzero(got != real) <= 1
    got, real = pairs_of(bundle.AddOp, a, b, y, np.arange(-128, 128))
    assert np.abs(got - real).max() <= 1
    assert np.mean(got != real) <= 0.001

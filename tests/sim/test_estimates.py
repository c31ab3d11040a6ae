"""
The compiler's estimates against the RTL: cycles of every bundle within 2 % or 20 cycles, of the whole run within 3 %.

The network has what costs cycles in different ways: a first layer with short runs, a residual whose reads compete with the
feeder's, a pooling that follows, a layer as long as its weights take to load, and raw sums. Another has convolutions in groups.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from bundle_networks import Network
from engines import ONE_BIT, WIDE

from dsf.codegen.program import Program
from dsf.compiler import compile_module
from dsf.dialects import bundle
from dsf.hardware import Hardware
from dsf.layout import unpack_elements
from dsf.numerics import random_elements
from dsf.proof import measure
from dsf.runtime.execute import run
from dsf.runtime.rtl import simulate_program


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("hw", "outputs", "resident"),
    [(WIDE, 8, True), (WIDE, 10, False), (ONE_BIT, 10, True)],
    ids=["wide, resident", "wide", "one_bit"],
)
def test_bundles_take_what_was_estimated(hw: Hardware, batch: int, outputs: int, resident: bool) -> None:
    """With 8 outputs the weights just fit on the wide engine all at once."""
    network = Network(hw, (batch, 16, 16, 3))
    first = network.conv(3, 8)
    network.conv(3, 8)
    network.conv(3, 8, add=first)
    network.conv(3, 16, stride=2, pool=True)
    network.conv(3, 16, flatten=True)
    network.dense(outputs)
    check(network, resident)


def test_grouped_and_depthwise_bundles_take_what_was_estimated() -> None:
    """
    In the middle of a network, where nothing but the layers themselves uses feature memory: groups that fill the array and
    groups that do not, with a channel multiplier, depthwise with stride, dilation and a residual addition.
    """
    network = Network(WIDE, (1, 8, 14, 4))
    network.conv(3, 12)
    network.conv(3, 24, groups=12)
    before = network.conv(3, 24, groups=24)
    network.conv(5, 24, groups=24, add=before)
    network.conv(3, 24, groups=24, dilation=2)
    network.conv(3, 16, groups=8)
    network.conv(3, 16, groups=16, stride=2, pool=True)
    network.conv(3, 40, groups=2, flatten=True)
    network.dense(10)
    check(network, resident=False)


def test_functions_of_single_elements_take_what_was_estimated() -> None:
    """Sums and products of tensors, of images with a pixel, and tables: more of them than the engine holds at once."""
    network = Network(WIDE, (1, 8, 14, 4))
    first = network.conv(3, 12)
    second = network.conv(3, 12)
    network.sum(first)
    network.product(network.value, second)
    images = network.function("sigmoid")
    network.average()
    network.function("tanh")
    network.product(images, network.function("gelu"))
    network.function("sigmoid")
    network.conv(3, 8, flatten=True)
    network.dense(10)
    check(network, resident=False)


def test_moves_take_what_was_estimated() -> None:
    """Concatenation, parts, borders and enlargement, of many channels and of few."""
    network = Network(WIDE, (1, 8, 14, 4))
    first = network.conv(3, 12)
    second = network.conv(3, 20)
    network.add([bundle.ConcatOp([first, second])])
    network.add([bundle.SliceOp(network.value, (1, 1, 3), (6, 12, 20))])
    network.add([bundle.PadOp(network.value, (1, 1, 1, 1), 3.0)])
    network.conv(3, 5, stride=2)
    network.add([bundle.ResizeOp(network.value, (2, 2))])
    network.conv(3, 8, flatten=True)
    network.dense(10)
    check(network, resident=False)


def long_in_banks() -> Network:
    """Tall, the 1080 words of a channel group go through both banks of 1024, and those of the next one fit beside them."""
    network = Network(WIDE, (1, 6, 5, 120))
    network.conv(3, 16, flatten=True)
    network.dense(10)
    return network


def long_in_parts() -> Network:
    """2340 words for two positions, with an addition behind the last part of the sums; a dense layer."""
    network = Network(WIDE, (2, 1, 2, 260))
    x = network.value
    added = network.conv(1, 24)
    network.value = x
    network.conv(3, 24, add=added, flatten=True)
    network.dense(10)
    return network


def long_dense(hw: Hardware, inputs: int, images: int) -> Network:
    """A dense layer; 5 images are more than a tile of the binary engine."""
    network = Network(hw, (images, inputs))
    network.dense(10)
    return network


LONG = {
    "in banks": long_in_banks,
    "in parts": long_in_parts,
    "dense": lambda: long_dense(WIDE, 2100, 1),
    "dense, one bit": lambda: long_dense(ONE_BIT, 17_000, 5),
}


@pytest.mark.parametrize("make", LONG.values(), ids=LONG.keys())
def test_reductions_longer_than_weight_memory(make: Callable[[], Network]) -> None:
    check(make(), resident=False, stall=0.3)


def check(network: Network, resident: bool, stall: float | None = None) -> None:
    program = Program.from_module(compile_module(network.module()))
    x = random_elements(np.random.default_rng(1), program.inputs[0].dimensions, network.hw.bits_input)
    expected = run(program.to_module(), x)
    simulation = simulate_program(program, [x])
    np.testing.assert_array_equal(unpack_elements(simulation.outputs[0], 32, expected.size).reshape(expected.shape), expected)
    if stall is not None:
        stalled = simulate_program(program, [x], stall=stall)
        assert stalled.outputs == simulation.outputs
    measured = measure(program, simulation)
    for info in program.bundles:
        estimate = info.cycles
        assert estimate is not None
        found = measured.bundles[info.name]
        assert abs(estimate - found) <= max(20, 0.02 * found), (info.name, estimate, found)
    assert program.cycles == pytest.approx(simulation.cycles, rel=0.03)
    assert bool(program.load_steps) == resident
    assert program.load_cycles == (pytest.approx(measured.load_cycles, rel=0.03) if resident else None)

"""
The compiler's estimates against the RTL: cycles of every bundle within 2 % or 20 cycles, of the whole run within 3 %.

The network has what costs cycles in different ways: a first layer with short runs, a residual whose reads compete with the
feeder's, a pooling that follows, a layer as long as its weights take to load, and raw sums. Another has convolutions in groups.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from engines import ONE_BIT, WIDE
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue

from dsf.codegen.program import Program
from dsf.compiler import compile_module
from dsf.dialects import bundle
from dsf.dialects.engine import HardwareOp
from dsf.dialects.shapes import shape
from dsf.geometry import resolve_padding
from dsf.hardware import Hardware
from dsf.layout import unpack_elements
from dsf.numerics import random_elements
from dsf.proof import measure
from dsf.runtime.execute import run
from dsf.runtime.rtl import simulate_program
from dsf.transposed import resolve_transposed


class Network:
    """Bundles one after the other, with random weights."""

    def __init__(self, hw: Hardware, sizes: tuple[int, ...]):
        self.hw = hw
        self.activation, self.weights = bundle.QType.of(hw.bits_input, 1), bundle.QType.of(hw.bits_weights, 4)
        self.random = np.random.default_rng(0)
        self.block = Block()
        self.value: SSAValue = self.block.insert_arg(bundle.tensor_of(sizes, bundle.QType.of(hw.bits_input, 4)), 0)
        self.count = 0

    def conv(
        self,
        kernel: int,
        channels: int,
        *,
        add: SSAValue | None = None,
        pool: bool = False,
        flatten: bool = False,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
    ) -> SSAValue:
        _, height, width, inputs = shape(self.value)
        weights = np.ldexp(self.random.integers(-20, 20, (kernel, kernel, inputs // groups, channels)), -4)
        strides, dilations = (stride, stride), (dilation, dilation)
        sums = bundle.ConvOp(
            self.value,
            weights,
            self.weights,
            bits_sum=self.hw.bits_sum,
            strides=strides,
            padding=resolve_padding("same", (height, width), (kernel, kernel), strides, dilations),
            dilation=dilations,
            groups=groups,
        )
        layers: list[Operation] = [sums, bundle.ActivationOp(sums.results[0], self.activation, 0.125)]
        if add is not None:
            layers.append(bundle.AddOp(layers[-1].results[0], add, self.activation, 0.5))
        if pool:
            layers.append(bundle.PoolOp(layers[-1].results[0], bundle.PoolKind.MAX, (2, 2), self.activation, strides=(2, 2)))
        if flatten:
            layers.append(bundle.FlattenOp(layers[-1].results[0]))
        return self.add(layers)

    def transposed(
        self,
        kernel: tuple[int, int],
        channels: int,
        strides: tuple[int, int],
        *,
        more: tuple[int, int] = (0, 0),
        add: bool = False,
        pool: bool = False,
        raw: bool = False,
        groups: int = 1,
    ) -> SSAValue:
        """A transposed convolution, padded by 'same'; with `add`, the sum with the result of another of its kind."""

        def core() -> bundle.ConvTransposeOp:
            window = resolve_transposed("same", kernel, strides, output_padding=more)
            weights = np.ldexp(self.random.integers(-20, 20, (*kernel, shape(self.value)[3] // groups, channels)), -4)
            return bundle.ConvTransposeOp(
                self.value,
                weights,
                self.weights,
                bits_sum=self.hw.bits_sum,
                bias=self.random.integers(-30, 30, channels) / 4,
                bias_type=bundle.QType.of(16, 2),
                strides=strides,
                padding=window.window.padding,
                output_padding=window.output_padding,
                groups=groups,
            )

        if add:
            before, sums = self.value, core()
            other = self.add([sums, bundle.ActivationOp(sums.output, self.activation, 0.25)])
            self.value = before
        layers: list[Operation] = [core()]
        if not raw:
            layers.append(bundle.ActivationOp(layers[-1].results[0], self.activation, 0.125))
        if add:
            layers.append(bundle.AddOp(layers[-1].results[0], other, self.activation, 0.5))
        if pool:
            layers.append(bundle.PoolOp(layers[-1].results[0], bundle.PoolKind.MAX, (2, 2), self.activation, strides=(2, 2)))
        return self.add(layers)

    def dense(self, outputs: int) -> SSAValue:
        weights = np.ldexp(self.random.integers(-20, 20, (shape(self.value)[1], outputs)), -4)
        return self.add([bundle.DenseOp(self.value, weights, self.weights, bits_sum=self.hw.bits_sum)])

    def function(self, kind: str) -> SSAValue:
        return self.add([bundle.FunctionOp(self.value, kind, self.activation)])

    def sum(self, other: SSAValue) -> SSAValue:
        return self.add([bundle.AddOp(self.value, other, self.activation)])

    def product(self, x: SSAValue, other: SSAValue) -> SSAValue:
        return self.add([bundle.MultiplyOp(x, other, self.activation)])

    def average(self) -> SSAValue:
        """Of whole images."""
        _, height, width, _ = shape(self.value)
        return self.add([bundle.PoolOp(self.value, bundle.PoolKind.AVG, (height, width), self.activation)])

    def add(self, layers: list[Operation]) -> SSAValue:
        group = bundle.BundleOp(f"bundle_{self.count}", layers)
        self.count += 1
        self.block.add_op(group)
        self.value = group.output
        return self.value

    def module(self) -> ModuleOp:
        self.block.add_op(func.ReturnOp(self.value))
        signature = FunctionType.from_lists([self.block.args[0].type], [self.value.type])
        return ModuleOp([HardwareOp.from_hardware(self.hw), func.FuncOp("main", signature, Region(self.block))])


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

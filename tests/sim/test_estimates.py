"""
The compiler's estimates against the RTL: cycles of every bundle within 2 % or 20 cycles, of the whole run within 3 %.

The network has what costs cycles in different ways: a first layer with short runs, a residual whose reads compete with the
feeder's, a pooling that follows, a layer as long as its weights take to load, and raw sums.
"""

from __future__ import annotations

import numpy as np
import pytest
from engines import WIDE
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
from dsf.layout import pack_elements, unpack_elements
from dsf.nn.export_inference import measured_cycles
from dsf.runtime.execute import run
from dsf.runtime.rtl import simulate

ACTIVATION = bundle.QType.of(8, 1)


class Network:
    """Bundles one after the other, with random weights."""

    def __init__(self, hw: Hardware, sizes: tuple[int, int, int, int]):
        self.hw = hw
        self.random = np.random.default_rng(0)
        self.block = Block()
        self.value: SSAValue = self.block.insert_arg(bundle.tensor_of(sizes, bundle.QType.of(8, 4)), 0)
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
    ) -> SSAValue:
        _, height, width, inputs = shape(self.value)
        weights = np.ldexp(self.random.integers(-20, 20, (kernel, kernel, inputs, channels)), -4)
        padding = resolve_padding("same", (height, width), (kernel, kernel), (stride, stride))
        strides, bits = (stride, stride), self.hw.bits_sum
        sums = bundle.ConvOp(self.value, weights, bundle.QType.of(8, 4), bits_sum=bits, strides=strides, padding=padding)
        layers: list[Operation] = [sums, bundle.ActivationOp(sums.results[0], ACTIVATION, 0.125)]
        if add is not None:
            layers.append(bundle.AddOp(layers[-1].results[0], add, ACTIVATION, 0.0))
        if pool:
            layers.append(bundle.PoolOp(layers[-1].results[0], bundle.PoolKind.MAX, (2, 2), ACTIVATION, strides=(2, 2)))
        if flatten:
            layers.append(bundle.FlattenOp(layers[-1].results[0]))
        return self.add(layers)

    def dense(self, outputs: int) -> SSAValue:
        weights = np.ldexp(self.random.integers(-20, 20, (shape(self.value)[1], outputs)), -4)
        return self.add([bundle.DenseOp(self.value, weights, bundle.QType.of(8, 4), bits_sum=self.hw.bits_sum)])

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
def test_bundles_take_what_was_estimated(batch: int) -> None:
    network = Network(WIDE, (batch, 16, 16, 3))
    first = network.conv(3, 8)
    network.conv(3, 8)
    network.conv(3, 8, add=first)
    network.conv(3, 16, stride=2, pool=True)
    network.conv(3, 16, flatten=True)
    network.dense(10)
    program = Program.from_module(compile_module(network.module()))
    x = np.random.default_rng(1).integers(-128, 128, (batch, 16, 16, 3))
    expected = run(program.to_module(), x)
    simulation = simulate(WIDE, program.stream, program.weights, pack_elements(x, 8), program.output_bytes)
    np.testing.assert_array_equal(unpack_elements(simulation.outputs[0], 32, expected.size).reshape(expected.shape), expected)
    measured = measured_cycles(program, simulation)
    for info in program.bundles:
        estimate = info.cycles
        assert estimate is not None
        assert abs(estimate - measured[info.name]) <= max(20, 0.02 * measured[info.name]), (info.name, estimate, measured)
    assert program.cycles == pytest.approx(simulation.cycles, rel=0.03)

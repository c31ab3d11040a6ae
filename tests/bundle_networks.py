"""Networks of bundles one after the other, with random weights: what tests of whole programs are written with."""

from __future__ import annotations

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue

from dsf.dialects import bundle
from dsf.dialects.engine import HardwareOp
from dsf.dialects.shapes import shape
from dsf.geometry import resolve_padding
from dsf.hardware import Hardware
from dsf.transposed import resolve_transposed


class Network:
    """Bundles one after the other, with random weights."""

    def __init__(self, hw: Hardware, sizes: tuple[int, ...], seed: int = 0):
        self.hw = hw
        self.activation, self.weights = bundle.QType.of(hw.bits_input, 1), bundle.QType.of(hw.bits_weights, 4)
        self.random = np.random.default_rng(seed)
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

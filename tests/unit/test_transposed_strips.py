"""
Transposed convolutions whose result or input does not fit feature memory: all levels give the same numbers, strip by strip.
`verify_each` runs every level on its interpreter; `sched` and `isa` find each word of memory as the instructions left it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue

from dsf import Hardware
from dsf.codegen.program import Program
from dsf.compiler import compile_module
from dsf.dialects import bundle
from dsf.dialects.engine import HardwareOp
from dsf.dialects.shapes import shape
from dsf.errors import ModelError
from dsf.isa.table import BaseRegister
from dsf.transposed import resolve_transposed


def hardware(**options: int) -> Hardware:
    small = Hardware(
        processing_elements=(2, 4),
        column_groups=2,
        vector_length=8,
        axi_width=32,
        bits_sum=24,
        max_image_size=(64, 64),
        feature_memory=1 << 12,
        weight_memory=1 << 12,
    )
    return replace(small, **options)


class Network:
    """Bundles one after the other, with random weights."""

    def __init__(self, hw: Hardware, sizes: tuple[int, ...], seed: int = 0):
        self.hw, self.random = hw, np.random.default_rng(seed)
        self.block = Block(arg_types=[bundle.tensor_of(sizes, bundle.QType.of(hw.bits_input, 4))])
        self.value: SSAValue = self.block.args[0]
        self.activation, self.weights = bundle.QType.of(hw.bits_input, 1), bundle.QType.of(hw.bits_weights, 4)
        self.count = 0

    def core(self, kernel: tuple[int, int], outputs: int, strides: tuple[int, int], groups: int) -> bundle.ConvTransposeOp:
        more = (int(self.random.integers(strides[0])), int(self.random.integers(strides[1])))
        window = resolve_transposed("same", kernel, strides, output_padding=more)
        values = self.random.integers(-20, 20, (*kernel, shape(self.value)[3] // groups, outputs))
        return bundle.ConvTransposeOp(
            self.value,
            np.ldexp(values, -4),
            self.weights,
            bits_sum=self.hw.bits_sum,
            strides=strides,
            padding=window.window.padding,
            output_padding=window.output_padding,
            groups=groups,
        )

    def transposed(
        self, kernel: tuple[int, int], outputs: int, strides: tuple[int, int], *, groups: int = 1, add: SSAValue | None = None
    ) -> SSAValue:
        core = self.core(kernel, outputs, strides, groups)
        layers: list[Operation] = [core, bundle.ActivationOp(core.output, self.activation, 0.125)]
        if add is not None:
            layers.append(bundle.AddOp(layers[-1].results[0], add, self.activation, 0.5))
        group = bundle.BundleOp(f"bundle_{self.count}", layers)
        self.count += 1
        self.block.add_op(group)
        self.value = group.output
        return self.value

    def module(self) -> ModuleOp:
        self.block.add_op(func.ReturnOp(self.value))
        signature = FunctionType.from_lists([self.block.args[0].type], [self.value.type])
        return ModuleOp([HardwareOp.from_hardware(self.hw), func.FuncOp("main", signature, Region(self.block))])


def compiled(network: Network) -> Program:
    return Program.from_module(compile_module(network.module(), verify_each=True))


def long_result() -> Network:
    """Only the result does not fit."""
    network = Network(hardware(), (1, 8, 8, 8))
    network.transposed((4, 4), 20, (2, 2))
    return network


def long_input() -> Network:
    """And here only the input."""
    network = Network(hardware(), (1, 10, 8, 64))
    network.transposed((2, 3), 3, (2, 1))
    return network


def both() -> Network:
    """Neither of them does."""
    network = Network(hardware(), (1, 10, 8, 64))
    network.transposed((2, 3), 16, (2, 2))
    return network


def added() -> Network:
    """The second operand lies in DRAM too; two images."""
    network = Network(hardware(), (2, 7, 6, 12))
    x = network.value
    other = network.transposed((3, 3), 16, (2, 2))
    network.value, network.random = x, np.random.default_rng(0)
    network.transposed((3, 3), 16, (2, 2), add=other)
    return network


def loads_for_each_strip() -> Network:
    """The weights of all phases are not on chip at once, nor are the parameters."""
    network = Network(hardware(weight_memory=1 << 11, parameter_groups=8), (1, 6, 6, 24))
    network.transposed((4, 4), 40, (2, 2))
    return network


def reductions_in_parts() -> Network:
    """Those of a phase, of 288 words, are longer than both banks."""
    network = Network(hardware(weight_memory=1 << 9), (1, 24, 2, 72))
    network.transposed((4, 2), 12, (2, 1))
    return network


def deep() -> Network:
    """One reads what the other has stored; in groups, and steps along one axis only."""
    network = Network(hardware(), (1, 12, 10, 8))
    network.transposed((2, 2), 16, (1, 2), groups=2)
    network.transposed((3, 1), 16, (3, 1), groups=16)
    return network


NETWORKS = [long_result, long_input, both, added, loads_for_each_strip, reductions_in_parts, deep]


@pytest.mark.parametrize("make", NETWORKS, ids=[make.__name__ for make in NETWORKS])
def test_levels_agree(make: Callable[[], Network]) -> None:
    network = make()
    program = compiled(network)
    matrices = [step.instruction for step in program.steps if step.instruction.name == "matrix"]
    assert any(one["partial"] for one in matrices) == (make is reductions_in_parts)
    stores = [step.instruction for step in program.steps if step.instruction.name == "store"]
    assert len(stores) > 1
    bases = {step.instruction["base"] for step in program.steps if step.instruction.name == "load"}
    assert (BaseRegister.ARENA in bases) == (make in (added, deep))


@pytest.mark.parametrize("seed", range(6))
def test_levels_agree_on_random_ones(seed: int) -> None:
    random = np.random.default_rng(seed)
    strides = int(random.integers(1, 4)), int(random.integers(1, 4))
    channels = int(random.integers(4, 20))
    network = Network(hardware(), (int(random.integers(1, 3)), *map(int, random.integers(4, 9, 2)), channels), seed)
    kernel = int(random.integers(1, 6)), int(random.integers(1, 6))
    network.transposed(kernel, 2 * int(random.integers(4, 13)), strides)
    network.transposed((2, 2), int(random.integers(1, 6)), (1, 2))
    compiled(network)


def test_an_input_strip_is_loaded_once() -> None:
    """All phases see it: what is loaded is the input, once."""
    program = compiled(both())
    loads = [step.instruction for step in program.steps if step.instruction.name == "load"]
    assert sum(one["rows"] * one["row_elements"] for one in loads) == 10 * 8 * 64


def test_a_row_that_does_not_fit_is_refused_by_name() -> None:
    network = Network(hardware(feature_memory=1 << 10), (1, 4, 16, 20))
    network.transposed((2, 2), 24, (2, 2))
    with pytest.raises(ModelError, match=r"^'bundle_0': \d+ elements of feature memory at once, for strips of one row, needs"):
        compile_module(network.module())

"""A pooling runs along with the layer before it, strip by strip, if there is room for its result meanwhile."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Operation, Region

from dsf.compiler import context, run_pass
from dsf.dialects import bundle, sched
from dsf.dialects.engine import HardwareOp
from dsf.hardware import Hardware
from dsf.numerics import int_range
from dsf.runtime.execute import input_shape, run
from dsf.transforms.dsf_pipeline import DsfPipelinePass

CTX = context()
HARDWARE = Hardware(processing_elements=(4, 8), column_groups=1, axi_width=64, max_image_size=(16, 16), feature_memory=1 << 13)


def network(hw: Hardware, batch: int, padding: bool) -> ModuleOp:
    """Two convolutions of 8 channels over images of 12x12, the first one pooled by overlapping windows."""
    random = np.random.default_rng(0)
    kind = bundle.QType.of(8, 4)
    block = Block(arg_types=[bundle.tensor_of((batch, 12, 12, 8), kind)])
    value = block.args[0]
    for index, pool in enumerate((True, False)):
        weights = np.ldexp(random.integers(-20, 20, (3, 3, 8, 8)), -4)
        sums = bundle.ConvOp(value, weights, kind, bits_sum=hw.bits_sum, padding=(1, 1, 1, 1))
        layers: list[Operation] = [sums, bundle.ActivationOp(sums.output, kind, 0.125)]
        if pool:
            around = (1, 1, 1, 1) if padding else (0, 0, 0, 0)
            value = layers[-1].results[0]
            layers.append(bundle.PoolOp(value, bundle.PoolKind.MAX, (3, 3), kind, strides=(2, 2), padding=around))
        group = bundle.BundleOp(f"bundle_{index}", layers)
        block.add_op(group)
        value = group.output
    block.add_op(func.ReturnOp(value))
    signature = FunctionType.from_lists([block.args[0].type], [value.type])
    return ModuleOp([HardwareOp.from_hardware(hw), func.FuncOp("main", signature, Region(block))])


def program_of(module: ModuleOp) -> str:
    """Its MATRIX and VECTOR instructions, M and V, in program order; every level computes the same."""
    sizes, bits = input_shape(module)
    x = np.random.default_rng(1).integers(*int_range(bits), sizes, endpoint=True)
    expected, program = run(module, x), ""
    for one in DsfPipelinePass().passes():
        run_pass(CTX, module, one)
        np.testing.assert_array_equal(run(module, x).reshape(expected.shape), expected, err_msg=one.name)
        if one.name == "tile-to-sched":
            letters = {sched.MatrixOp: "M", sched.PoolOp: "V"}
            program = "".join(letters.get(type(op), "") for op in module.walk())
    np.testing.assert_array_equal(run(module, x, seed=5).reshape(expected.shape), expected, err_msg="random order")
    return program


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("batch", [1, 3])
def test_strips_are_pooled_while_others_are_computed(batch: int, padding: bool) -> None:
    assert re.fullmatch("M+V+(M+V+)+M+", program_of(network(HARDWARE, batch, padding)))


def test_without_room_the_layers_follow_each_other() -> None:
    """What the convolution reads, 1152 elements, makes and what is pooled of it, 288, are not there together."""
    hw = dataclasses.replace(HARDWARE, feature_memory=2 * 1152 + 64)
    assert re.fullmatch("M+V+M+", program_of(network(hw, 1, padding=True)))

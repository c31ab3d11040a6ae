"""Images with exchanged axes: every permutation, at all levels and in strips, against numpy."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region

from dsf.compiler import compile_module, random_input
from dsf.constraints.check import problems_of
from dsf.dialects import bundle
from dsf.dialects.engine import HardwareOp
from dsf.hardware import Hardware
from dsf.runtime.execute import run_integers
from dsf.transforms.dsf_pipeline import DsfPipelinePass


def exchanged(sizes: tuple[int, ...], permutation: tuple[int, ...], hardware: Hardware) -> ModuleOp:
    """A transposition between two roundings to the type that there is, which change nothing."""
    q = bundle.QType.of(8, 4)
    block = Block(arg_types=[bundle.tensor_of(sizes, q)])
    before = bundle.ActivationOp(block.args[0], q, 1.0)
    moved = bundle.TransposeOp(before.output, permutation)
    after = bundle.ActivationOp(moved.output, q, 1.0)
    block.add_ops([before, moved, after, func.ReturnOp(after.output)])
    function = func.FuncOp("main", ([block.args[0].type], [after.output.type]), Region(block))
    return ModuleOp([HardwareOp.from_hardware(hardware), function])


@pytest.mark.parametrize("permutation", list(permutations(range(3))))
@pytest.mark.parametrize(("sizes", "rows"), [((1, 3, 4, 5), 0), ((2, 1, 4, 6), 0), ((1, 4, 4, 4), 1), ((1, 5, 1, 3), 2)])
def test_all_levels_agree(permutation: tuple[int, ...], sizes: tuple[int, ...], rows: int) -> None:
    module = exchanged(sizes, permutation, Hardware(processing_elements=(3, 10), column_groups=2))
    module.verify()
    x = random_input(module, 1)
    np.testing.assert_array_equal(run_integers(module, x), x.transpose(0, *(1 + axis for axis in permutation)))
    # Every level is executed, and has to give the same as the one above.
    compile_module(module, pipeline=DsfPipelinePass(rows=rows), verify_each=True, verify_input=x)


def test_channels_that_come_to_lie_too_far_apart() -> None:
    hardware = Hardware(max_channels_in=4096, max_channels_out=4096, max_image_size=(2048, 2048))
    module = exchanged((1, 1, 40, 2000), (2, 0, 1), hardware)
    assert not problems_of(module)
    (problem,) = problems_of(exchanged((1, 40, 2000, 2), (2, 0, 1), hardware))
    assert (
        "channels that come to lie 80000 elements apart, needs 0 to 65535, as its instruction field 'dst_channel_step'"
        in problem
    )

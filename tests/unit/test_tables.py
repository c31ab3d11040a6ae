"""Lookup tables: more of them than the engine holds take turns, and layers that share one find it."""

import random

import numpy as np
import pytest
from bundle_networks import Network
from networks import input_of
from xdsl.dialects.builtin import ModuleOp

from dsf.compiler import context, run_pass
from dsf.dialects import sched
from dsf.dialects.sched_base import buffer_of
from dsf.dialects.sched_types import Space
from dsf.hardware import VECTOR_TABLES, Hardware
from dsf.runtime.execute import run
from dsf.transforms.bundle_to_fxp import BundleToFxpPass
from dsf.transforms.check_hardware import CheckHardwarePass
from dsf.transforms.fxp_to_tile import FxpToTilePass
from dsf.transforms.sched_to_isa import SchedToIsaPass
from dsf.transforms.tile_to_sched import TileToSchedPass

CTX = context()
FUNCTIONS = ("tanh", "sigmoid", "gelu", "hard_swish")


@pytest.mark.parametrize("kinds", [(0, 1, 2, 1, 0), (0, 0, 0, 1, 2, 3, 0), (0, 1, 0, 1), (2, 1, 0, 3, 0, 1, 2)])
@pytest.mark.parametrize("rows", [0, 1])
def test_tables_that_others_took_the_place_of_are_loaded_again(kinds: tuple[int, ...], rows: int) -> None:
    module = network([FUNCTIONS[one] for one in kinds])
    run_pass(CTX, module, CheckHardwarePass())
    run_pass(CTX, module, BundleToFxpPass())
    x = input_of(random.Random(1), module)
    expected = run(module, x)
    run_pass(CTX, module, FxpToTilePass(rows=rows))
    run_pass(CTX, module, TileToSchedPass())
    loads = [
        op for op in module.walk() if isinstance(op, sched.LoadWeightsOp) and buffer_of(op.target).space.data is Space.TABLE
    ]
    assert len(loads) == loads_of(kinds)
    np.testing.assert_array_equal(run(module, x), expected)
    run_pass(CTX, module, SchedToIsaPass())
    np.testing.assert_array_equal(run(module, x), expected)


def network(kinds: list[str]) -> ModuleOp:
    """Each function behind a convolution."""
    net = Network(Hardware(processing_elements=(4, 8)), (2, 6, 5, 4))
    for kind in kinds:
        net.conv(3, 4)
        net.function(kind)
    return net.module()


def loads_of(kinds: tuple[int, ...]) -> int:
    """How often a table is loaded, if all that fit stay and of others the one used longest ago makes room."""
    there: list[int] = []
    count = 0
    for kind in kinds:
        count += kind not in there
        there = [*(one for one in there if one != kind), kind]
        if len(set(kinds)) > VECTOR_TABLES:
            there = there[-VECTOR_TABLES:]
    return count

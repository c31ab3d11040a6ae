"""
Networks whose tensors do not fit feature memory, on the RTL: strips from DRAM and to it, bit-exact with stalls, and in the
time that was estimated.
"""

from __future__ import annotations

import numpy as np
import pytest
from bundle_networks import Network
from engines import WIDE
from xdsl.dialects.builtin import ModuleOp

from dsf.codegen.program import Program
from dsf.codegen.report import make_report
from dsf.compiler import compile_module, context, run_pass
from dsf.dialects import tile
from dsf.isa.table import BaseRegister
from dsf.numerics import random_elements
from dsf.proof import measure
from dsf.runtime.execute import level_of
from dsf.runtime.expected import interpret
from dsf.runtime.rtl import simulate_program
from dsf.transforms.dsf_pipeline import DsfPipelinePass


def pooled_and_added() -> Network:
    """Images of 32x32, of which a memory of 8192 elements holds no tensor: poolings, a stride, a residual addition."""
    network = Network(WIDE, (1, 32, 32, 3))
    before = network.conv(3, 16)
    network.conv(3, 16)
    network.conv(3, 16, add=before)
    network.conv(3, 32, pool=True)
    network.conv(5, 32, stride=2)
    return network


def wide_weights() -> Network:
    """Weights that take turns on chip, so that results leave some channels after the others, pooled ones too."""
    network = Network(WIDE, (2, 20, 20, 24))
    before = network.conv(3, 40)
    network.conv(3, 40, add=before)
    network.conv(3, 48, pool=True)
    network.conv(3, 24, stride=2)
    return network


def enlarged() -> Network:
    """A transposed convolution, all of whose phases make each strip of its result of 20x20x24, and a layer that reads it."""
    network = Network(WIDE, (1, 10, 10, 24))
    network.transposed((4, 4), 24, (2, 2))
    network.conv(3, 8, stride=2)
    return network


def fused() -> Network:
    """
    Layers that go on in one with each strip: a projection that is added, 1x1 before 3x3, and behind the addition that is stored
    too; and a pooling before a convolution.
    """
    network = Network(WIDE, (1, 24, 24, 16))
    first = network.conv(3, 32, pool=True)
    network.conv(1, 16)
    inner = network.conv(3, 16)
    network.value = first
    before = network.conv(1, 40)
    network.value = inner
    before = network.conv(1, 40, add=before)
    network.conv(1, 8)
    network.conv(3, 8)
    network.conv(3, 40, add=before)
    return network


NETWORKS = {"pooled": pooled_and_added, "weights": wide_weights, "enlarged": enlarged, "fused": fused}


def places_of(module: ModuleOp) -> list[str]:
    """Where the layers of a network have their results."""
    for one in DsfPipelinePass().passes():
        if level_of(module) == "tile":
            break
        run_pass(context(), module, one)
    return [op.cut.place.data for op in module.walk() if isinstance(op, (tile.MatrixOp, tile.PoolOp))]


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS.keys())
def test_strips_in_rtl(make) -> None:
    module = make().module()
    places = places_of(module.clone())
    program = Program.from_module(compile_module(module))
    loads = [step.instruction for step in program.steps if step.instruction.name == "load"]
    assert any(one["base"] == BaseRegister.ARENA for one in loads)
    assert any(one["rows"] > 1 for one in loads) == (make is wide_weights)
    assert make is not fused or ("dram_strips" in places and sum("strips" in one for one in places) >= 5)
    x = random_elements(np.random.default_rng(1), program.inputs[0].dimensions, WIDE.bits_input)
    expected = interpret(program, [x])
    simulation = simulate_program(program, [x], expected=expected)
    assert simulation.outputs == expected.outputs
    for seed in range(2):
        options = {"stall": 0.3, "latency": 40 * seed, "seed": seed, "max_cycles": 2_000_000}
        assert simulate_program(program, [x], expected=expected, **options).outputs == expected.outputs
    measured = measure(program, simulation)
    print(
        program.cycles, simulation.cycles, [(info.name, info.cycles, measured.bundles[info.name]) for info in program.bundles]
    )
    for info in program.bundles:
        estimate = info.cycles
        assert estimate is not None
        found = measured.bundles[info.name]
        assert abs(estimate - found) <= max(20, 0.02 * found), (info.name, estimate, found)
    assert program.cycles == pytest.approx(simulation.cycles, rel=0.02)
    counted = simulation.runs[0].counted
    assert counted is not None
    assert list(counted.port_bytes.values()) == list(make_report(program, "strips")["port_bytes"].values())

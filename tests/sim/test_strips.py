"""
Networks whose tensors do not fit feature memory, on the RTL: strips from DRAM and to it, bit-exact with stalls, and in the
time that was estimated.
"""

from __future__ import annotations

import numpy as np
import pytest
from engines import WIDE
from test_estimates import Network

from dsf.codegen.program import Program
from dsf.codegen.report import make_report
from dsf.compiler import compile_module
from dsf.isa.table import BaseRegister
from dsf.numerics import random_elements
from dsf.proof import measure
from dsf.runtime.expected import interpret
from dsf.runtime.rtl import simulate_program


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


NETWORKS = {"pooled": pooled_and_added, "weights": wide_weights, "enlarged": enlarged}


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS.keys())
def test_strips_in_rtl(make) -> None:
    network = make()
    program = Program.from_module(compile_module(network.module()))
    loads = [step.instruction for step in program.steps if step.instruction.name == "load"]
    assert any(one["base"] == BaseRegister.ARENA for one in loads)
    assert any(one["rows"] > 1 for one in loads) == (make is wide_weights)
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

"""
Transposed convolutions on the RTL: bit-exact with stalls, no cycle lost to zeros between the inputs, in the time that was
estimated.
"""

from __future__ import annotations

import numpy as np
import pytest
from bundle_networks import Network
from engines import WIDE

from dsf.codegen.program import Program
from dsf.codegen.report import make_report
from dsf.compiler import compile_module
from dsf.numerics import random_elements
from dsf.proof import measure
from dsf.runtime.expected import interpret
from dsf.runtime.rtl import simulate_program


def decoder() -> Network:
    """From 4x5 to 17x20, as decoders do it, with a sum of two, in groups, a pooling behind, and raw at the end."""
    network = Network(WIDE, (1, 4, 5, 12))
    network.transposed((4, 4), 16, (2, 2))
    network.transposed((3, 3), 16, (2, 1), more=(1, 0), add=True)
    network.transposed((3, 3), 16, (1, 2), groups=2, pool=True)
    network.transposed((3, 3), 8, (2, 2), more=(1, 0), groups=2)
    network.transposed((2, 5), 5, (1, 1), raw=True)
    return network


def gaps() -> Network:
    """
    Kernels smaller than their strides: positions that no tap reaches have the bias alone. Phases of different sizes, and
    depthwise. So little is computed for each result that the array waits for them to leave.
    """
    network = Network(WIDE, (2, 3, 4, 6))
    network.transposed((2, 1), 9, (3, 2))
    network.transposed((1, 4), 10, (2, 1), more=(1, 2), add=True)
    network.transposed((3, 2), 10, (1, 2), groups=10)
    return network


NETWORKS = {"decoder": decoder, "gaps": gaps}


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS.keys())
def test_transposed_in_rtl(make) -> None:
    program = Program.from_module(compile_module(make().module(), verify_each=True))
    generator = np.random.default_rng(1)
    x = [random_elements(generator, program.inputs[0].dimensions, WIDE.bits_input) for _ in range(2)]
    expected = interpret(program, x)
    simulation = simulate_program(program, x, expected=expected)
    assert simulation.outputs == expected.outputs
    for seed in range(2):
        options = {"stall": 0.3, "latency": 40 * seed, "seed": seed, "max_cycles": 2_000_000}
        assert simulate_program(program, x, expected=expected, **options).outputs == expected.outputs
    measured = measure(program, simulation)
    print([(info.name, info.cycles, measured.bundles[info.name]) for info in program.bundles])
    for info in program.bundles:
        estimate, found = info.cycles, measured.bundles[info.name]
        assert estimate is not None
        assert abs(estimate - found) <= max(20, 0.02 * found), (info.name, estimate, found)


def test_no_cycle_for_zeros_between_inputs() -> None:
    """A layer that fills the array takes a cycle for each step of its own taps, where one over images with zeros took 4."""
    network = Network(WIDE, (1, 8, 8, 16))
    network.conv(1, 16)
    network.transposed((4, 4), 16, (2, 2))
    network.conv(1, 4)
    program = Program.from_module(compile_module(network.module()))
    x = random_elements(np.random.default_rng(1), program.inputs[0].dimensions, WIDE.bits_input)
    simulation = simulate_program(program, [x], expected=interpret(program, [x]))
    macs = 8 * 8 * 16 * 4 * 4 * 16
    assert make_report(program, "network")["bundles"][1]["macs"] == macs
    elements = WIDE.processing_elements[0] * WIDE.processing_elements[1]
    cycles = measure(program, simulation).bundles["bundle_1"]
    print(cycles, macs / elements)
    assert cycles <= 1.02 * macs / elements

"""Images with exchanged axes on the RTL: bit-exact with stalls, in the time that was estimated."""

from __future__ import annotations

import numpy as np
from bundle_networks import Network
from engines import WIDE

from dsf.codegen.program import Program
from dsf.compiler import compile_module
from dsf.dialects import bundle
from dsf.numerics import random_elements
from dsf.proof import measure
from dsf.runtime.expected import interpret
from dsf.runtime.rtl import simulate_program


def test_exchanged_axes_in_rtl() -> None:
    """
    Every permutation. The first of two behind a convolution runs along with it, and its writes come after those of the array;
    the second one is alone.
    """
    network = Network(WIDE, (1, 6, 10, 4))
    for pair in (((0, 2, 1), (2, 0, 1)), ((1, 0, 2), (0, 2, 1)), ((2, 1, 0), (1, 2, 0))):
        network.conv(1, 7)
        for permutation in pair:
            network.add([bundle.TransposeOp(network.value, permutation)])
    network.conv(3, 5)
    program = Program.from_module(compile_module(network.module(), verify_each=True))
    steps = {step.instruction["dst_channel_step"] for step in program.steps if step.instruction.name == "vector"}
    assert 1 in steps and len(steps) >= 4
    x = random_elements(np.random.default_rng(1), program.inputs[0].dimensions, WIDE.bits_input)
    expected = interpret(program, [x])
    simulation = simulate_program(program, [x], expected=expected)
    assert simulation.outputs == expected.outputs
    options = {"stall": 0.3, "latency": 40, "seed": 3, "max_cycles": 2_000_000}
    assert simulate_program(program, [x], expected=expected, **options).outputs == expected.outputs
    measured = measure(program, simulation)
    print([(info.name, info.cycles, measured.bundles[info.name]) for info in program.bundles])
    for info in program.bundles:
        estimate, found = info.cycles, measured.bundles[info.name]
        assert estimate is not None
        if info.name in ("bundle_2", "bundle_5", "bundle_8"):
            assert abs(estimate - found) <= max(4, 0.02 * found), (info.name, estimate, found)

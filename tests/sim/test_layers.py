"""
Single layers of `benchmarks.layers`, and layers with poolings, in RTL: bit-exact, no slower than the engine once was, and as
the compiler estimates it, within 2 % or 20 cycles from the first input beat to the last output beat.
"""

from __future__ import annotations

import pytest
from bundle_networks import Network
from engines import EIGHT_BITS

from benchmarks.layers import CASES, compile_case, run_program
from dsf.codegen.program import Program
from dsf.compiler import compile_module

#: Most cycles, a little more than what was measured.
BOUNDS = {
    "conv1x1": 11_500,
    "conv3x3s2": 25_000,
    "conv7x7s2": 39_700,
    "dense_b1": 4_500,
    "dense_b8": 4_700,
    "depthwise3x3": 14_600,
}


@pytest.mark.parametrize("name", BOUNDS)
def test_layers(name: str) -> None:
    check(compile_case(CASES[name], EIGHT_BITS), BOUNDS[name])


@pytest.mark.parametrize(("inputs", "channels", "most"), [(16, (24, 24, 24), 26_900), (3, (8, 16, 24), 7_200)])
def test_poolings(inputs: int, channels: tuple[int, ...], most: int) -> None:
    """
    Poolings run beside the convolutions: fast beside those that leave them the port of feature memory (24 channels, wide),
    slow beside those that read in every cycle (tall with short runs).
    """
    network = Network(EIGHT_BITS, (1, 32, 32, inputs))
    for count in channels:
        network.conv(3, count, pool=True)
    check(Program.from_module(compile_module(network.module())), most)


def check(program: Program, most: int) -> None:
    cycles = run_program(program, latency=0)
    assert cycles <= most
    assert program.cycles is not None
    assert abs(program.cycles - cycles) <= max(20, 0.02 * cycles), (program.cycles, cycles)

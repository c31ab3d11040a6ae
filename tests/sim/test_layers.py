"""
Single layers of `benchmarks.layers` in RTL: bit-exact, no slower than the engine once was, and as the compiler estimates it,
within 2 % or 20 cycles from the first input beat to the last output beat.
"""

from __future__ import annotations

import pytest
from engines import EIGHT_BITS

from benchmarks.layers import CASES, compile_case, run_program

#: Most cycles, a little more than what was measured.
BOUNDS = {"conv1x1": 11_500, "conv3x3s2": 25_600, "conv7x7s2": 40_700, "dense_b8": 9_000}


@pytest.mark.parametrize("name", BOUNDS)
def test_layers(name: str) -> None:
    program = compile_case(CASES[name], EIGHT_BITS)
    cycles = run_program(program, latency=0)
    assert cycles <= BOUNDS[name]
    assert program.cycles is not None
    assert abs(program.cycles - cycles) <= max(20, 0.02 * cycles), (program.cycles, cycles)

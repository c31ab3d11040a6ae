"""Whole programs on the Verilated core, through `dsf.runtime.rtl.simulate`."""

from __future__ import annotations

import pytest
from core_programs import network

from dsf.hardware import Hardware
from dsf.runtime.rtl import simulate

WIDE = Hardware(
    processing_elements=(4, 8),
    column_groups=2,
    vector_length=16,
    axi_width=64,
    feature_memory=1 << 13,
    weight_memory=1 << 13,
    bits_sum=24,
    watchdog_cycles=1024,
)
NARROW = Hardware(
    processing_elements=(3, 10),
    column_groups=5,
    vector_length=32,
    axi_width=32,
    bits_input=4,
    bits_weights=2,
    bits_sum=20,
    bits_bias=8,
    feature_memory=1 << 13,
    weight_memory=1 << 13,
    capture_tiles=2,
    queue_depth=2,
    watchdog_cycles=1024,
    reset="async",
)
CORES = {"wide": WIDE, "narrow": NARROW}


@pytest.mark.parametrize("hw", CORES.values(), ids=CORES.keys())
@pytest.mark.parametrize("seed", range(6))
def test_networks(hw: Hardware, seed: int) -> None:
    """Twice without a reset, without and with stalls."""
    print(f"seed {seed}")
    one = network(hw, seed, tall=seed % 2)
    for stall in (0.0, 0.4):
        result = simulate(hw, one.program, one.weights, one.input, len(one.output), stall=stall, seed=seed, runs=2)
        assert result.outputs == (one.output, one.output)
        assert [run.name for run in result.instructions] == list(one.instructions[:-1])

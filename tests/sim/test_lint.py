"""The whole core is clean under `verilator --lint-only -Wall`, for several parameters and both styles of reset."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsf.codegen.hardware_config import core_defines, core_parameters
from dsf.hardware import Hardware
from dsf.resources import rtl_sources
from dsf.runtime.verilator import Design, lint

CORES = {
    "default": Hardware(),
    "as large as Kraken's": Hardware(
        processing_elements=(7, 96), column_groups=3, bits_input=8, bits_sum=24, vector_length=32, axi_width=256
    ),
    "odd": Hardware(
        processing_elements=(5, 14),
        column_groups=7,
        bits_input=4,
        bits_weights=2,
        bits_sum=17,
        bits_bias=8,
        axi_width=32,
        weight_memory=1000,
        parameter_groups=5,
        capture_tiles=2,
        queue_depth=3,
    ),
    "binary": Hardware(processing_elements=(2, 6), column_groups=3, bits_input=1, bits_weights=1, bits_sum=16, axi_width=32),
    "smallest": Hardware(processing_elements=(1, 1), bits_input=2, bits_weights=2, axi_width=32),
}


@pytest.mark.parametrize("reset", ["sync", "async"])
@pytest.mark.parametrize("hw", CORES.values(), ids=CORES.keys())
def test_core(hw: Hardware, reset: str) -> None:
    hw = replace(hw, reset=reset)
    # An asynchronous reset is also sampled by assertions, which synthesis does not see.
    defines = core_defines(hw) | ({"SYNTHESIS": ""} if reset == "async" else {})
    assert lint(Design("dsf_core", rtl_sources(), core_parameters(hw), defines)) == ""

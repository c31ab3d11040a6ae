"""The whole engine on its bus (`dsf_top`), through registers, DMA and interrupt."""

from __future__ import annotations

import json

import pytest
from dma_designs import RTL

from dsf.codegen.hardware_config import core_defines, core_parameters
from dsf.hardware import Hardware
from dsf.resources import rtl_sources
from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

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
#: Besides the hardware: the bus. One with room for full rate, one with everything as small as it goes.
ENGINES = {
    "wide": (WIDE, {"AxiAddrWidth": 64, "AxiIdWidth": 1, "MaxBurst": 16, "ReadFifoDepth": 128, "WriteFifoDepth": 64}),
    "narrow": (NARROW, {"AxiAddrWidth": 32, "AxiIdWidth": 4, "MaxBurst": 3, "ReadFifoDepth": 4, "WriteFifoDepth": 3}),
}


def parameters(hw: Hardware, bus: dict[str, int]) -> dict[str, int]:
    return {**core_parameters(hw), **bus, "ConfigHash": hw.hash}


@pytest.mark.parametrize(("hw", "bus"), ENGINES.values(), ids=ENGINES.keys())
def test_top(hw: Hardware, bus: dict[str, int]) -> None:
    executable = build_cocotb(
        "dsf_top", rtl_sources(), parameters(hw, bus), defines=core_defines(hw), includes=[RTL], optimize="-O2"
    )
    settings = {"DSF_HARDWARE": json.dumps(hw.to_dict()), "DSF_PARAMETERS": json.dumps(bus), "DSF_SEED": "1"}
    run_cocotb(executable, "tb_top", environment=settings)


@pytest.mark.parametrize("hw", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("bus", [{}, ENGINES["narrow"][1]], ids=["default", "narrow bus"])
def test_lint(hw: Hardware, bus: dict[str, int]) -> None:
    design = Design("dsf_top", rtl_sources(), parameters(hw, bus), core_defines(hw), [RTL])
    assert lint(design) == ""

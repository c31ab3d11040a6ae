"""The counters of the whole engine (`dsf_counters`, `dsf_stall`): what they count, and that no cycle of a run is missing."""

from __future__ import annotations

import json

import pytest
from dma_designs import RTL
from test_top import ENGINES, parameters

from dsf.codegen.hardware_config import core_defines
from dsf.hardware import Hardware
from dsf.resources import rtl_sources
from dsf.runtime.verilator import build_cocotb, run_cocotb


@pytest.mark.parametrize(("hw", "bus"), ENGINES.values(), ids=ENGINES.keys())
def test_counters(hw: Hardware, bus: dict[str, int]) -> None:
    executable = build_cocotb(
        "dsf_top", rtl_sources(), parameters(hw, bus), defines=core_defines(hw), includes=[RTL], optimize="-O2"
    )
    settings = {"DSF_HARDWARE": json.dumps(hw.to_dict()), "DSF_PARAMETERS": json.dumps(bus), "DSF_SEED": "1"}
    run_cocotb(executable, "tb_counters", environment=settings)

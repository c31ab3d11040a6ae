"""The core (`dsf_core`, `dsf_control`, `dsf_queue`, `dsf_watchdog`): programs, stalls, runs in a row, every error."""

from __future__ import annotations

import json

from dsf.codegen.hardware_config import core_parameters
from dsf.hardware import Hardware
from dsf.resources import rtl_sources
from dsf.runtime.verilator import build_cocotb, run_cocotb

HW = Hardware(
    processing_elements=(3, 6),
    column_groups=2,
    vector_length=16,
    axi_width=64,
    feature_memory=1 << 13,
    weight_memory=1 << 13,
    bits_sum=24,
    max_channels_in=32,
    max_channels_out=32,
    watchdog_cycles=256,
)


def test_core() -> None:
    executable = build_cocotb("dsf_core", rtl_sources(), core_parameters(HW))
    run_cocotb(executable, "tb_core", environment={"DSF_HARDWARE": json.dumps(HW.to_dict()), "DSF_SEED": "1"})

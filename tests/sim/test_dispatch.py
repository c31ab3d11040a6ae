"""Dispatcher (`dsf_dispatch`, `dsf_instr_check`): programs to queues, and every way a program can be wrong."""

from __future__ import annotations

import json

import pytest
from rtl_bench import rtl

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

PARAMETERS = {
    "128-bit": {"AxiWidth": 128, "Rows": 8, "Groups": 3, "GroupCols": 8, "VecLen": 32, "XBits": 8},
    "256-bit": {"AxiWidth": 256, "Rows": 3, "Groups": 1, "GroupCols": 5, "VecLen": 64, "XBits": 1},
}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_dispatch(parameters: dict[str, int]) -> None:
    sources = rtl("dsf_stream_resize", "dsf_instr_check", "dsf_dispatch")
    assert lint(Design("dsf_dispatch", sources, parameters)) == ""
    executable = build_cocotb("dsf_dispatch", sources, parameters)
    run_cocotb(executable, "tb_dispatch", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})

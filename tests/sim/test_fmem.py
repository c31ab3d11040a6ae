"""Feature memory (`dsf_fmem`): unaligned reads and writes, priorities, latencies."""

from __future__ import annotations

import json

import pytest
from rtl_bench import FMEM, rtl

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

PARAMETERS = {
    "8-bit": {"XBits": 8, "VecLen": 16, "FeatureWords": 64},
    "2-bit": {"XBits": 2, "VecLen": 32, "FeatureWords": 10},
}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_fmem(parameters: dict[str, int]) -> None:
    executable = build_cocotb("dsf_fmem", rtl(*FMEM), parameters)
    run_cocotb(executable, "tb_fmem", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})


@pytest.mark.parametrize("parameters", [*PARAMETERS.values(), {"XBits": 4, "VecLen": 4, "FeatureWords": 4}])
def test_lint(parameters: dict[str, int]) -> None:
    assert lint(Design("dsf_fmem", rtl(*FMEM), parameters)) == ""

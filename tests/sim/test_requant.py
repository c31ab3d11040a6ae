"""The requantiser lane (`dsf_requant_lane`, `dsf_round_clip`) against `dsf.numerics`."""

from __future__ import annotations

import json

import pytest
from rtl_bench import rtl

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

SOURCES = rtl("dsf_shift_stage", "dsf_round_clip", "dsf_requant_lane")
PARAMETERS = [
    {"AccBits": 32, "BBits": 16, "OutBits": 8},
    {"AccBits": 24, "BBits": 8, "OutBits": 4},
    {"AccBits": 16, "BBits": 32, "OutBits": 2},
    {"AccBits": 28, "BBits": 32, "MBits": 26, "FBits": 8, "OutBits": 8},
]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
def test_requant(parameters: dict[str, int]) -> None:
    executable = build_cocotb("dsf_requant_lane", SOURCES, parameters)
    run_cocotb(executable, "tb_requant", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
def test_lint(parameters: dict[str, int]) -> None:
    assert lint(Design("dsf_requant_lane", SOURCES, parameters)) == ""

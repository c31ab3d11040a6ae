"""The residual lane (`dsf_residual_lane`) against `dsf.numerics`."""

from __future__ import annotations

import json

import pytest
from rtl_bench import rtl

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

SOURCES = rtl("dsf_shift_stage", "dsf_round_clip", "dsf_residual_lane")


@pytest.mark.parametrize("bits", [8, 2])
def test_residual(bits: int) -> None:
    executable = build_cocotb("dsf_residual_lane", SOURCES, {"XBits": bits})
    run_cocotb(executable, "tb_residual", environment={"DSF_PARAMETERS": json.dumps({"XBits": bits}), "DSF_SEED": "1"})


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_lint(bits: int) -> None:
    assert lint(Design("dsf_residual_lane", SOURCES, {"XBits": bits})) == ""

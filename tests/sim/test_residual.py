"""The residual lane (`dsf_residual_lane`) against `dsf.numerics`."""

from __future__ import annotations

import json

import pytest
from rtl_bench import rtl

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

SOURCES = rtl("dsf_shift_stage", "dsf_round_clip", "dsf_residual_lane")


@pytest.mark.parametrize(("bits", "gain_bits"), [(8, 16), (2, 16), (8, 26)])
def test_residual(bits: int, gain_bits: int) -> None:
    parameters = {"XBits": bits, "MBits": gain_bits}
    executable = build_cocotb("dsf_residual_lane", SOURCES, parameters)
    run_cocotb(executable, "tb_residual", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})


@pytest.mark.parametrize(("bits", "gain_bits"), [(2, 16), (4, 16), (8, 16), (8, 26)])
def test_lint(bits: int, gain_bits: int) -> None:
    assert lint(Design("dsf_residual_lane", SOURCES, {"XBits": bits, "MBits": gain_bits})) == ""

"""The vector unit (`dsf_vector`): poolings of every kind against `dsf.numerics`, stalls, throughput, errors."""

from __future__ import annotations

import json

import pytest
from rtl_bench import FMEM, HDL, VECTOR, rtl

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

PARAMETERS = {
    "8-bit": {"XBits": 8, "VecLen": 16},
    "4-bit": {"XBits": 4, "VecLen": 8},
    "2-bit": {"XBits": 2, "VecLen": 32},
}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_vector(parameters: dict[str, int]) -> None:
    parameters = {**parameters, "FeatureWords": 256}
    executable = build_cocotb(
        "dsf_vector_tb", [*rtl(*FMEM, *VECTOR), HDL / "dsf_stall.sv", HDL / "dsf_vector_tb.sv"], parameters
    )
    run_cocotb(executable, "tb_vector", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_lint(parameters: dict[str, int]) -> None:
    assert lint(Design("dsf_vector", rtl(*VECTOR), parameters)) == ""

"""The vector unit (`dsf_vector`): every function against `dsf.numerics`, stalls, throughput, errors."""

from __future__ import annotations

import json

import pytest
from rtl_bench import FMEM, HDL, VECTOR, rtl

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

PARAMETERS = {
    "8-bit": {"XBits": 8, "VecLen": 16, "Lanes": 4},
    "4-bit": {"XBits": 4, "MBits": 26, "VecLen": 8, "Lanes": 8},
    "1-bit": {"XBits": 1, "VecLen": 32, "Lanes": 4},
    "2-bit": {"XBits": 2, "VecLen": 32, "Lanes": 1},
}


@pytest.mark.parametrize("bench", ["tb_vector", "tb_elementwise"])
@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_vector(parameters: dict[str, int], bench: str) -> None:
    parameters = {**parameters, "FeatureWords": 256}
    executable = build_cocotb(
        "dsf_vector_tb", [*rtl(*FMEM, *VECTOR), HDL / "dsf_random_stall.sv", HDL / "dsf_vector_tb.sv"], parameters
    )
    run_cocotb(executable, bench, environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_lint(parameters: dict[str, int]) -> None:
    assert lint(Design("dsf_vector", rtl("dsf_ram", *VECTOR), parameters)) == ""

"""The drain (`dsf_drain`): order of pieces, epilogue, residual, raw sums, tokens of capture memory, throughput."""

from __future__ import annotations

import json

import pytest
from rtl_bench import DRAIN, FMEM, HDL, rtl

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

PARAMETERS = {
    "8-bit": {"Rows": 4, "Groups": 3, "GCols": 5, "XBits": 8, "BBits": 16, "AccBits": 32, "VecLen": 16, "CaptureTiles": 4},
    "2-bit": {"Rows": 3, "Groups": 3, "GCols": 8, "XBits": 2, "BBits": 32, "AccBits": 24, "VecLen": 16, "CaptureTiles": 2},
    "1-bit": {"Rows": 3, "Groups": 2, "GCols": 5, "XBits": 1, "BBits": 16, "AccBits": 16, "VecLen": 32, "CaptureTiles": 4},
    "4-bit, one row": {
        "Rows": 1,
        "Groups": 1,
        "GCols": 32,
        "XBits": 4,
        "BBits": 8,
        "AccBits": 16,
        "VecLen": 32,
        "CaptureTiles": 8,
    },
}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_drain(parameters: dict[str, int]) -> None:
    # A raw sum of 2-bit hardware is 16 elements long, one of 1-bit hardware 32.
    parameters = {**parameters, "FeatureWords": 2048 if parameters["XBits"] > 2 else 4096, "ParamGroups": 16}
    sources = [*rtl(*FMEM, *DRAIN), HDL / "dsf_random_stall.sv", HDL / "dsf_drain_tb.sv"]
    executable = build_cocotb("dsf_drain_tb", sources, parameters)
    run_cocotb(executable, "tb_drain", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_lint(parameters: dict[str, int]) -> None:
    assert lint(Design("dsf_drain", rtl("dsf_ram", *DRAIN), parameters)) == ""

"""LOAD, STORE and LOAD_WEIGHTS (`dsf_load`, `dsf_store`, `dsf_row_walker`, `dsf_load_weights`)."""

from __future__ import annotations

import json

import pytest
from rtl_bench import FMEM, HDL, rtl

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

ROWS = {
    "8-bit": {"XBits": 8, "VecLen": 16, "AxiWidth": 64, "FeatureWords": 32},
    "2-bit": {"XBits": 2, "VecLen": 32, "AxiWidth": 64, "FeatureWords": 20},
}
WEIGHTS = {
    "several words in a beat": {"Groups": 3, "GroupCols": 5, "WBits": 4, "XBits": 4, "AxiWidth": 128},
    "several beats in a word": {"Groups": 2, "GroupCols": 16, "WBits": 8, "XBits": 8, "AxiWidth": 32},
    "one bank, one lane": {"Groups": 1, "GroupCols": 1, "WBits": 2, "XBits": 2, "AxiWidth": 32},
}


@pytest.mark.parametrize("parameters", ROWS.values(), ids=ROWS.keys())
def test_load_store(parameters: dict[str, int]) -> None:
    modules = ("dsf_dma_pkg", *FMEM, "dsf_fifo", "dsf_skid", "dsf_row_walker", "dsf_load", "dsf_store")
    sources = [*rtl(*modules), HDL / "dsf_load_store_tb.sv"]
    assert lint(Design("dsf_load_store_tb", sources, parameters)) == ""
    executable = build_cocotb("dsf_load_store_tb", sources, parameters)
    run_cocotb(executable, "tb_load_store", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})


@pytest.mark.parametrize("parameters", WEIGHTS.values(), ids=WEIGHTS.keys())
def test_load_weights(parameters: dict[str, int]) -> None:
    parameters = parameters | {"WeightWords": 100, "ParamGroups": 13}
    sources = rtl("dsf_dma_pkg", "dsf_ram", "dsf_fifo", "dsf_skid", "dsf_stream_resize", "dsf_load_weights")
    assert lint(Design("dsf_load_weights", sources, parameters)) == ""
    executable = build_cocotb("dsf_load_weights", sources, parameters)
    run_cocotb(executable, "tb_load_weights", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})

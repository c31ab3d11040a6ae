"""
The matrix front (`dsf_matrix`) against the loops of `dsf.isa.table`: sums bit by bit, cycles one by one, for arrays of
several shapes and widths.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from matrix_reference import Shape

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

ROOT = Path(__file__).parents[2]
RTL = [
    ROOT / "hardware" / "rtl" / f"{name}.sv"
    for name in (
        "dsf_isa_pkg",
        "dsf_pkg",
        "dsf_matrix_pkg",
        "dsf_ram",
        "dsf_delay",
        "dsf_skid",
        "dsf_pixel_walker",
        "dsf_pixel_table",
        "dsf_row_skip",
        "dsf_element_decode",
        "dsf_feeder",
        "dsf_weight_mem",
        "dsf_pe_integer",
        "dsf_pe_binary",
        "dsf_pe",
        "dsf_array_row",
        "dsf_array_group",
        "dsf_array",
        "dsf_capture",
        "dsf_matrix_seq",
        "dsf_matrix_issue",
        "dsf_matrix",
    )
]
TB = Path(__file__).parent / "hdl" / "dsf_matrix_tb.sv"

SHAPES = {
    "4x12": Shape(4, 12, 3),
    "2x5-one-group": Shape(2, 5, 1, capture_tiles=2),
    "8x24": Shape(8, 24, 3, vector_length=32, beat_words=2),
    "narrow": Shape(3, 8, 4, bits_input=4, bits_weights=2, bits_sum=20, capture_tiles=2, weight_words=1021, beat_words=4),
    "one-row": Shape(1, 6, 2, bits_input=2, bits_weights=8, bits_sum=16, vector_length=16, capture_tiles=8),
    "depthwise-leaves-a-group": Shape(2, 12, 3, vector_length=8),
    "binary": Shape(3, 16, 2, pe="binary", bits_input=1, bits_weights=1, bits_sum=16, vector_length=32, feature_words=256),
    "wide-sums-wrap": Shape(4, 8, 2, bits_sum=16, vector_length=8),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_matrix(shape: Shape) -> None:
    executable = build_cocotb("dsf_matrix_tb", [*RTL, TB], shape.parameters(), includes=[RTL[0].parent])
    seed = 1
    run_cocotb(executable, "tb_matrix", seed=seed, environment={"DSF_SHAPE": json.dumps(asdict(shape)), "DSF_SEED": str(seed)})


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_lint(shape: Shape) -> None:
    parameters = {k: v for k, v in shape.parameters().items() if k != "FeatureWords"}
    assert lint(Design("dsf_matrix", RTL, parameters)) == ""

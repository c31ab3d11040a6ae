"""The read DMA (`dsf_dma_read`): alignment, bursts, latency, errors, halt."""

from __future__ import annotations

import json

import pytest
from dma_designs import PARAMETERS, design

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_dma_read(parameters: dict[str, int]) -> None:
    top, sources = design("dsf_dma_tb")
    executable = build_cocotb(top, sources, parameters)
    run_cocotb(executable, "tb_dma_read", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_lint(parameters: dict[str, int]) -> None:
    top, sources = design("dsf_dma_tb")
    assert lint(Design(top, sources, parameters)) == ""

"""The write DMA (`dsf_dma_write`): alignment, strobes, bursts, acknowledgements, errors, halt."""

from __future__ import annotations

import json

import pytest
from dma_designs import PARAMETERS, design

from dsf.runtime.verilator import build_cocotb, run_cocotb


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_dma_write(parameters: dict[str, int]) -> None:
    top, sources = design("dsf_dma_tb")
    executable = build_cocotb(top, sources, parameters)
    run_cocotb(executable, "tb_dma_write", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})

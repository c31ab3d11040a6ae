"""Builds a stream block and runs `tb_stream` on it."""

from __future__ import annotations

import json

from rtl_bench import rtl

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb


def check_stream_block(top: str, parameters: dict[str, int], *helpers: str) -> None:
    """Lints module `top`, made of itself and `helpers`, and runs its cocotb tests."""
    sources = rtl(*helpers, top)
    assert lint(Design(top, sources, parameters)) == ""
    executable = build_cocotb(top, sources, parameters)
    run_cocotb(executable, "tb_stream", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})

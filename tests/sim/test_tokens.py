"""Token counters (`dsf_tokens`)."""

from __future__ import annotations

from rtl_bench import rtl

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb


def test_tokens() -> None:
    sources = rtl("dsf_tokens")
    assert lint(Design("dsf_tokens", sources)) == ""
    run_cocotb(build_cocotb("dsf_tokens", sources), "tb_tokens", environment={"DSF_SEED": "1"})

"""The control and status registers (`dsf_regs`)."""

from __future__ import annotations

from dma_designs import PACKAGES, RTL

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

HASH = 0x1234_ABCD
SOURCES = [RTL / f"{name}.sv" for name in (*PACKAGES, "dsf_regs")]


def test_regs() -> None:
    executable = build_cocotb("dsf_regs", SOURCES, {"ConfigHash": HASH})
    run_cocotb(executable, "tb_regs", environment={"DSF_HASH": str(HASH), "DSF_SEED": "1"})


def test_lint() -> None:
    assert lint(Design("dsf_regs", SOURCES)) == ""

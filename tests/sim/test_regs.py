"""The control and status registers (`dsf_regs`)."""

from __future__ import annotations

from dma_designs import PACKAGES, RTL

from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

HASH = 0x1234_ABCD
BEAT_BYTES = 32
SOURCES = [RTL / f"{name}.sv" for name in (*PACKAGES, "dsf_regs")]


def test_regs() -> None:
    executable = build_cocotb("dsf_regs", SOURCES, {"ConfigHash": HASH, "BeatBytes": BEAT_BYTES})
    settings = {"DSF_HASH": str(HASH), "DSF_BEAT_BYTES": str(BEAT_BYTES), "DSF_SEED": "1"}
    run_cocotb(executable, "tb_regs", environment=settings)


def test_lint() -> None:
    assert lint(Design("dsf_regs", SOURCES)) == ""

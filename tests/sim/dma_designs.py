"""Sources and parameters for the tests of DMAs, registers and the whole engine."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
RTL = ROOT / "hardware" / "rtl"
HDL = Path(__file__).parent / "hdl"

PACKAGES = ("dsf_pkg", "dsf_isa_pkg", "dsf_dma_pkg", "dsf_regs_pkg")
STREAMS = ("dsf_ram", "dsf_rotate", "dsf_fifo", "dsf_skid")
READ = ("dsf_burst_split", "dsf_align_read", "dsf_dma_read")
WRITE = ("dsf_align_write", "dsf_dma_write")

#: A wide and a narrow bus; the narrow one with everything as small as it goes.
PARAMETERS = {
    "128-bit": {"AxiWidth": 128, "AddrWidth": 64, "MaxBurst": 16, "ReadFifoDepth": 128, "WriteFifoDepth": 64},
    "32-bit": {
        "AxiWidth": 32,
        "AddrWidth": 32,
        "MaxBurst": 5,
        "ReadFifoDepth": 5,
        "WriteFifoDepth": 5,
        "MaxOutstanding": 2,
    },
}


def design(top: str) -> tuple[str, list[Path]]:
    """The test bench `top` and its files: packages, the DMAs, and the bench itself."""
    return top, [*(RTL / f"{name}.sv" for name in (*PACKAGES, *STREAMS, *READ, *WRITE)), HDL / f"{top}.sv"]

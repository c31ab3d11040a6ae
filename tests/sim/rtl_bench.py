"""What the module tests of feature memory, drain and vector unit share: source lists, packing, and the clock."""

from __future__ import annotations

from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import Timer
from numpy.typing import ArrayLike

from dsf.numerics import Ints, as_ints

ROOT = Path(__file__).parents[2]
RTL = ROOT / "hardware" / "rtl"
HDL = Path(__file__).parent / "hdl"

PACKAGES = ("dsf_pkg", "dsf_isa_pkg")
FMEM = ("dsf_ram", "dsf_rotate", "dsf_fmem")
DRAIN = (
    "dsf_pixel_walker",
    "dsf_round_clip",
    "dsf_requant_lane",
    "dsf_residual_lane",
    "dsf_param_mem",
    "dsf_epilogue",
    "dsf_drain_seq",
    "dsf_drain",
)
VECTOR = (
    "dsf_fifo",
    "dsf_pixel_walker",
    "dsf_pool_lane",
    "dsf_divider_lane",
    "dsf_divider",
    "dsf_pooling",
    "dsf_round_clip",
    "dsf_element_lane",
    "dsf_lookup",
    "dsf_elementwise",
    "dsf_vector_seq",
    "dsf_vector",
)


def rtl(*names: str) -> list[Path]:
    """The files of the packages and of the given modules."""
    return [RTL / f"{name}.sv" for name in (*PACKAGES, *names)]


def pack(values: ArrayLike, bits: int) -> int:
    """Integers as one packed vector, the first one lowest."""
    result = 0
    for value in reversed(as_ints(values).reshape(-1).tolist()):
        result = result << bits | value & ((1 << bits) - 1)
    return result


def unpack(vector: int, bits: int, count: int) -> Ints:
    """The inverse of `pack` for signed integers."""
    fields = np.array([vector >> bits * i & ((1 << bits) - 1) for i in range(count)], dtype=np.int64)
    return np.where(fields >= 1 << (bits - 1), fields - (1 << bits), fields)


def signed(handle) -> int:
    """The value of a signal as a signed integer."""
    return handle.value.to_signed()


async def start_clock(dut, *idle: str) -> None:
    """Clears the inputs `idle`, which include reset (active low), and starts the clock."""
    for name in idle:
        getattr(dut, name).value = 0
    await Timer(1, "ns")
    cocotb.start_soon(Clock(dut.clk_i, 2, "ns").start(start_high=True))

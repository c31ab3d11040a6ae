"""What the module tests of feature memory, drain and vector unit share: source lists, packing, and the clock."""

from __future__ import annotations

from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import Timer
from numpy.typing import ArrayLike

from dsf.layout import element_codes, elements_of_codes
from dsf.numerics import Ints, as_ints

ROOT = Path(__file__).parents[2]
RTL = ROOT / "hardware" / "rtl"
HDL = Path(__file__).parent / "hdl"

PACKAGES = ("dsf_pkg", "dsf_isa_pkg")
FMEM = ("dsf_ram", "dsf_rotate", "dsf_fmem")
DRAIN = (
    "dsf_fifo",
    "dsf_pixel_walker",
    "dsf_shift_stage",
    "dsf_round_clip",
    "dsf_requant_lane",
    "dsf_residual_lane",
    "dsf_param_mem",
    "dsf_element_decode",
    "dsf_element_encode",
    "dsf_epilogue",
    "dsf_drain_seq",
    "dsf_drain",
)
VECTOR = (
    "dsf_fifo",
    "dsf_skid",
    "dsf_pixel_walker",
    "dsf_pool_lane",
    "dsf_divider_lane",
    "dsf_divider",
    "dsf_pooling",
    "dsf_shift_stage",
    "dsf_round_clip",
    "dsf_element_lane",
    "dsf_lookup",
    "dsf_elementwise",
    "dsf_element_decode",
    "dsf_element_encode",
    "dsf_vector_seq",
    "dsf_vector",
)


def rtl(*names: str) -> list[Path]:
    """The files of the packages and of the given modules."""
    return [RTL / f"{name}.sv" for name in (*PACKAGES, *names)]


def pack(values: ArrayLike, bits: int) -> int:
    """Integers as one packed vector, the first one lowest; of one bit, -1 and 1."""
    result = 0
    codes = element_codes(values, 1) if bits == 1 else as_ints(values) & ((1 << bits) - 1)
    for code in reversed(codes.reshape(-1).tolist()):
        result = result << bits | code
    return result


def unpack(vector: int, bits: int, count: int) -> Ints:
    """The inverse of `pack` for signed integers."""
    return elements_of_codes([vector >> bits * i & ((1 << bits) - 1) for i in range(count)], bits)


def stages(valid: ArrayLike, cycle: int, count: int) -> int:
    """What a pipeline of `count` stages is told in a cycle: bit s is whether something came s cycles ago."""
    flags = np.asarray(valid)
    return sum(int(flags[cycle - s]) << s for s in range(count) if 0 <= cycle - s < len(flags))


def signed(handle) -> int:
    """The value of a signal as a signed integer."""
    return handle.value.to_signed()


async def start_clock(dut, *idle: str) -> None:
    """Clears the inputs `idle`, which include reset (active low), and starts the clock."""
    for name in idle:
        getattr(dut, name).value = 0
    await Timer(1, "ns")
    cocotb.start_soon(Clock(dut.clk_i, 2, "ns").start(start_high=True))

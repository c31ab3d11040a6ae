"""A processing element under cocotb: sums and latency, cycle by cycle. `test_pe.py` builds it and chooses the kind."""

from __future__ import annotations

import json
import os

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge
from rtl_bench import pack, signed, stages, start_clock

from dsf.hardware import PE_KINDS
from dsf.numerics import Ints, int_range, random_elements

P = json.loads(os.environ["DSF_PARAMETERS"])
LATENCY = next(kind.latency for kind in PE_KINDS.values() if kind.parameter == P["Pe"])
X_BITS, W_BITS, ACC_BITS = P["XBits"], P["WBits"], P["AccBits"]
SEED = int(os.environ["DSF_SEED"])
CYCLES = 3000


def operands(draw: np.random.Generator) -> tuple[Ints, Ints]:
    """Uniform, and now and then runs of the extremes. Operands of a binary PE are also 0, which is padding; weights never."""
    x_low, x_high = (-1, 1) if W_BITS == 1 else int_range(X_BITS)
    w_low, w_high = int_range(W_BITS)
    x = draw.integers(x_low, x_high + 1, CYCLES)
    w = random_elements(draw, CYCLES, W_BITS)
    for _ in range(20):
        start = int(draw.integers(0, CYCLES - 40))
        x[start : start + 40], w[start : start + 40] = draw.choice([x_low, x_high]), draw.choice([w_low, w_high])
    return x, w


def expected(valid: np.ndarray, first: np.ndarray, x: Ints, w: Ints) -> list[int | None]:
    """The sum after each cycle, modulo 2**AccBits; `None` before the first sum."""
    sums: list[int | None] = []
    total: int | None = None
    half = 1 << (ACC_BITS - 1)
    for cycle in range(CYCLES):
        if valid[cycle]:
            before = 0 if first[cycle] else total
            assert before is not None
            total = (before + int(x[cycle]) * int(w[cycle]) + half) % (2 * half) - half
        sums.append(total)
    return sums


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def sums(dut) -> None:
    """Sums of all lengths with gaps between steps, each right `LATENCY` cycles later, and kept until the next step's is."""
    draw = np.random.default_rng(SEED)
    x, w = operands(draw)
    valid = draw.random(CYCLES) < np.repeat(draw.choice([0.3, 0.9, 1.0], CYCLES // 100), 100)
    first = draw.random(CYCLES) < np.repeat(draw.choice([0.02, 0.3, 1.0], CYCLES // 100), 100)
    first[np.flatnonzero(valid)[0]] = True
    want = expected(valid, first, x, w)
    await start_clock(dut, "valid_i")
    await FallingEdge(dut.clk_i)
    for cycle in range(CYCLES + LATENCY - 1):
        # In the last cycles nothing comes.
        dut.valid_i.value = stages(valid, cycle, LATENCY)
        dut.first_i.value = stages(first, cycle, LATENCY)
        if cycle < CYCLES:
            dut.x_i.value = pack(x[cycle], X_BITS)
            dut.w_i.value = pack(w[cycle], W_BITS)
        await FallingEdge(dut.clk_i)
        # The edge in between has ended the cycle.
        index = cycle + 1 - LATENCY
        if index >= 0 and want[index] is not None:
            got = signed(dut.acc_o)
            assert got == want[index], f"seed {SEED}, cycle {index}: {got}, expected {want[index]}"

"""The residual lane under cocotb: random values with gaps, extremes and exact ties. `test_residual.py` builds it."""

from __future__ import annotations

import json
import os

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from rtl_bench import signed, stages

from dsf.numerics import int_range, residual_add

PARAMETERS = json.loads(os.environ["DSF_PARAMETERS"])
BITS, GAIN_BITS = PARAMETERS["XBits"], PARAMETERS["MBits"]
#: The largest offset, and one more.
FAR = 1 << (GAIN_BITS + 15)
SEED = int(os.environ["DSF_SEED"])
LATENCY = 5
BATCH = 200


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def values_match_numerics(dut) -> None:
    draw = np.random.default_rng(SEED)
    cocotb.start_soon(Clock(dut.clk_i, 2, "ns").start(start_high=True))
    await FallingEdge(dut.clk_i)
    least, most = int_range(BITS)
    ties = 0
    for batch in range(60):
        a, b = (draw.integers(least, most + 1, BATCH) for _ in "ab")
        a[:4], b[:4] = (least, most, least, 0), (least, most, most, least)
        # Powers of two make ties likely: (a + b) / 2, say.
        power = batch % 2 == 0
        multiplier_a, multiplier_b = (1 << int(draw.integers(0, 3 if power else GAIN_BITS + 1)) for _ in "ab")
        if not power:
            multiplier_a, multiplier_b = (int(draw.integers(0, one)) for one in (multiplier_a, multiplier_b))
        offset = int(draw.choice([0, 1, -5, -FAR, FAR - 1, draw.integers(-(1 << 20), 1 << 20)]))
        shift = int(draw.integers(0, 6)) if power else int(draw.integers(0, 48))
        leak = int(draw.choice([0, 0, 1, 3, 15]))
        low, high = sorted(int(v) for v in draw.integers(least, most + 1, 2)) if batch % 3 else (least, most)
        settings = {"multiplier_a": multiplier_a, "multiplier_b": multiplier_b, "offset": offset, "shift": shift, "leak": leak}
        settings |= {"low": low, "high": high}
        results = residual_add(a, b, **settings)
        value = a * multiplier_a + b * multiplier_b + offset
        total = shift + np.where(value < 0, leak, 0)
        ties += int(np.sum((total > 0) & (value % (1 << total) == (1 << np.maximum(total - 1, 0)))))

        # Between values the lane keeps the last one.
        comes = draw.random(BATCH) < 0.8
        comes[0] = True
        latest = np.maximum.accumulate(np.where(comes, np.arange(BATCH), 0))

        for name, setting in settings.items():
            getattr(dut, f"{name}_i").value = setting
        for cycle in range(BATCH + LATENCY):
            dut.valid_i.value = stages(comes, cycle, LATENCY)
            if cycle < BATCH:
                dut.a_i.value = int(a[cycle])
                dut.b_i.value = int(b[cycle])
            await FallingEdge(dut.clk_i)
            # Now in the middle of cycle + 1.
            i = cycle + 1 - LATENCY
            if 0 <= i < BATCH:
                assert signed(dut.result_o) == results[latest[i]], f"seed {SEED}, batch {batch}, value {i}, {settings}"
    dut._log.info(f"seed {SEED}: {ties} exact ties")
    assert ties > 500

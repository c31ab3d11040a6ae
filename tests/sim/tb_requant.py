"""The requantiser lane under cocotb: random values with gaps, extremes and exact ties. `test_requant.py` builds it."""

from __future__ import annotations

import json
import os

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from rtl_bench import signed, stages

from dsf.numerics import MAX_SHIFT, Ints, biased, int_range, raw, requantize

PARAMETERS = json.loads(os.environ["DSF_PARAMETERS"])
ACC_BITS, BIAS_BITS, OUT_BITS = PARAMETERS["AccBits"], PARAMETERS["BBits"], PARAMETERS["OutBits"]
GAIN_BITS, FRACTION = PARAMETERS.get("MBits", 16), PARAMETERS.get("FBits", 0)
SUM_BITS = ACC_BITS + FRACTION
SEED = int(os.environ["DSF_SEED"])
SUM_LATENCY, RESULT_LATENCY = 2, 6
BATCH = 400


def sums_with_ties(draw: np.random.Generator, multiplier: Ints, total_shift: Ints) -> Ints:
    """
    Sums that fit the accumulator, in units of the last bit behind its point: a third random, a third extremes, and a third such
    that sum * multiplier is an odd multiple of half a step, as far as there is one in range, or next to it.
    """
    low, high = int_range(SUM_BITS)
    sums = draw.integers(low, high + 1, BATCH) >> draw.integers(0, SUM_BITS, BATCH)
    extremes = draw.choice([low, low + 1, -1, 0, 1, high - 1, high], BATCH)
    trailing = np.array([(int(m) & -int(m)).bit_length() - 1 if m else 0 for m in multiplier])
    exponent = np.clip(total_shift - 1 - trailing, 0, SUM_BITS - 2)
    odd = 2 * (draw.integers(low, high + 1, BATCH) >> exponent >> draw.integers(2, SUM_BITS, BATCH)) + 1
    ties = np.clip((odd << exponent) + draw.choice([-1, 0, 0, 0, 1], BATCH), low, high)
    return np.choose(draw.integers(0, 3, BATCH), [sums, extremes, ties])


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def values_match_numerics(dut) -> None:
    draw = np.random.default_rng(SEED)
    cocotb.start_soon(Clock(dut.clk_i, 2, "ns").start(start_high=True))
    await FallingEdge(dut.clk_i)
    acc_low, acc_high = int_range(ACC_BITS)
    bias_low, bias_high = int_range(BIAS_BITS)
    ties = 0
    for batch in range(24):
        several, single = draw.integers(0, 1 << GAIN_BITS, BATCH), 1 << draw.integers(0, GAIN_BITS, BATCH)
        multiplier = np.where(draw.random(BATCH) < 0.5, several, single)
        multiplier[:2] = (1 << GAIN_BITS) - 1
        shift = draw.integers(0, MAX_SHIFT + 1, BATCH)
        leak = int(draw.choice([0, 1, 7, 15]))
        # As the lane is told, in units of the last bit of a sum.
        bias_shift = int(draw.integers(0, 6 + FRACTION)) if batch % 2 else 0
        least, most = int_range(OUT_BITS)
        low, high = sorted(int(v) for v in draw.integers(least, most + 1, 2)) if batch % 3 else (least, most)
        # Also the extremes, where limits less it take a bit more.
        zero_point = int(draw.choice([0, least // 2, least, most]))

        # Where acc = sum - bias is out of range, there is no bias: a sum must stay within the accumulator. What a bias does not
        # bring of the bits behind the point, no sum has.
        wanted = sums_with_ties(draw, multiplier, shift + FRACTION)
        wanted = np.where(wanted < 0, sums_with_ties(draw, multiplier, shift + FRACTION + leak), wanted)
        bias = draw.integers(bias_low, bias_high + 1, BATCH) >> draw.integers(0, BIAS_BITS, BATCH)
        if bias_shift < FRACTION:
            behind = 1 << (FRACTION - bias_shift)
            bias += (wanted >> bias_shift) % behind - bias % behind
        acc = (wanted - (bias << bias_shift)) >> FRACTION
        bias = np.where((acc < acc_low) | (acc > acc_high) | (bias > bias_high), 0, bias)
        acc = (wanted - (bias << bias_shift)) >> FRACTION

        values, behind = biased(acc, bias, bias_shift - FRACTION)
        sums = raw(acc, bias, bias_shift=bias_shift - FRACTION)
        assert FRACTION or np.array_equal(sums, wanted)
        results = requantize(
            acc,
            bias,
            bias_shift=bias_shift - FRACTION,
            multiplier=multiplier,
            shift=shift,
            leak=leak,
            zero_point=zero_point,
            low=low,
            high=high,
        )
        total = np.minimum(shift + behind + np.where(values < 0, leak, 0), 62)
        ties += int(np.sum((total > 0) & ((values * multiplier) % (1 << total) == (1 << np.maximum(total - 1, 0)))))

        # Between values the lane keeps the last one.
        comes = draw.random(BATCH) < 0.8
        comes[0] = True
        latest = np.maximum.accumulate(np.where(comes, np.arange(BATCH), 0))

        dut.bias_shift_i.value = bias_shift
        dut.leak_i.value = leak
        dut.zero_i.value = zero_point
        dut.low_i.value = low
        dut.high_i.value = high
        for cycle in range(BATCH + RESULT_LATENCY):
            dut.valid_i.value = stages(comes, cycle, RESULT_LATENCY)
            if cycle < BATCH:
                dut.acc_i.value = int(acc[cycle])
                dut.bias_i.value = int(bias[cycle])
                dut.multiplier_i.value = int(multiplier[cycle])
                dut.shift_i.value = int(shift[cycle])
            await FallingEdge(dut.clk_i)
            # Now in the middle of cycle + 1.
            i = cycle + 1 - SUM_LATENCY
            if 0 <= i < BATCH:
                assert signed(dut.sum_o) == sums[latest[i]], f"seed {SEED}, batch {batch}, value {i}"
            i = cycle + 1 - RESULT_LATENCY
            if 0 <= i < BATCH:
                assert signed(dut.result_o) == results[latest[i]], f"seed {SEED}, batch {batch}, value {i}"
    dut._log.info(f"seed {SEED}: {ties} exact ties")
    assert ties > 500

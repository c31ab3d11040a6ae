"""
Poolings of the vector unit under cocotb. `test_vector.py` builds it. Expected values are those of `dsf.numerics`, with the
loops of `dsf.isa.table`.
"""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import cast

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge
from rtl_bench import pack
from vector_bench import BITS, ELEMENTS, HIGH, LENGTH, LOW, OPERAND_BITS, SEED, Bench

from dsf.cost import division_steps, pool_cost
from dsf.hardware import Hardware
from dsf.isa.encoding import default_fields, encode_instruction
from dsf.isa.table import ErrorCode, VectorFunction
from dsf.numerics import Ints, pool_scale, to_element


def random_pooling(draw: np.random.Generator, average: bool) -> dict[str, int]:
    """A pooling of an image in the lower half of memory into the upper half, with padding, strides and any scale."""

    def pick(low: int, high: int) -> int:
        return int(draw.integers(low, high + 1))

    while True:
        channels = pick(1, 2 * LENGTH + 3)
        kernel_rows, kernel_columns = pick(1, 3), pick(1, 3)
        stride_y, stride_x = pick(1, 3), pick(1, 3)
        # Every window has an element inside.
        pad_top, pad_left = pick(0, kernel_rows - 1), pick(0, kernel_columns - 1)
        rows, columns, images = pick(1, 3), pick(1, 4), pick(1, 2)
        height = (rows - 1) * stride_y - pad_top + pick(1, kernel_rows)
        width = (columns - 1) * stride_x - pad_left + pick(1, kernel_columns)
        if height < 1 or width < 1 or pad_top >= height or pad_left >= width:
            continue
        pixel = channels + pick(0, 2)
        row_elements, image = width * pixel, height * width * pixel
        out_pixel, out_row = channels + pick(0, 2), 0
        out_row = columns * out_pixel + pick(0, 3)
        if images * image < ELEMENTS // 2 and images * rows * out_row < ELEMENTS // 2:
            break
    base = pick(0, ELEMENTS // 2 - images * image - 1)
    scaled = draw.random() < 0.6
    low, high = sorted((pick(LOW, HIGH), pick(LOW, HIGH))) if draw.random() < 0.3 else (LOW, HIGH)
    return {
        "function": VectorFunction.AVERAGE_POOL if average else VectorFunction.MAX_POOL,
        "src": (base - pad_top * row_elements - pad_left * pixel) % (1 << 24),
        "x_start": -pad_left * pixel,
        "x_step": stride_x * pixel,
        "y_start": -pad_top,
        "y_step": stride_y,
        "row_step": stride_y * row_elements,
        "image_step": image,
        "row_elements": row_elements,
        "height": height,
        "pad_value": pick(LOW, HIGH),
        "kernel_rows": kernel_rows,
        "kernel_row_step": row_elements,
        "kernel_columns": kernel_columns,
        "kernel_column_step": pixel,
        "columns": columns,
        "rows": rows,
        "images": images,
        "dst": ELEMENTS // 2 + pick(0, ELEMENTS // 2 - images * rows * out_row),
        "dst_pixel_step": out_pixel,
        "dst_row_step": out_row,
        "dst_image_step": rows * out_row,
        "channels": channels,
        "count_padding": pick(0, 1),
        "left": pick(0, 3) if scaled and draw.random() < 0.8 else pick(0, 15) if scaled else 0,
        "right": pick(0, 3) if scaled and draw.random() < 0.8 else pick(0, 20) if scaled else 0,
        "leak": int(draw.choice([0, 1, 4, 15])) if scaled else 0,
        "low": low,
        "high": high,
    }


def apply(f: dict[str, int], memory: Ints) -> int:
    """The instruction's effect on feature memory; returns the number of elements that windows visit, in reads."""
    f = default_fields("vector") | f
    average = f["function"] == VectorFunction.AVERAGE_POOL
    before = memory.copy()
    channels = np.arange(f["channels"])
    for n, oy, ox in product(range(f["images"]), range(f["rows"]), range(f["columns"])):
        values = []
        for ky, kx in product(range(f["kernel_rows"]), range(f["kernel_columns"])):
            y = f["y_start"] + oy * f["y_step"] + ky
            x = f["x_start"] + ox * f["x_step"] + kx * f["kernel_column_step"]
            a = f["src"] + n * f["image_step"] + oy * f["row_step"] + ox * f["x_step"]
            a += ky * f["kernel_row_step"] + kx * f["kernel_column_step"]
            if 0 <= y < f["height"] and 0 <= x < f["row_elements"]:
                values.append(before[(a + channels) % (1 << 24)])
            elif average and f["count_padding"]:
                values.append(np.full(f["channels"], f["pad_value"]))
        acc, count = (np.sum(values, axis=0), len(values)) if average else (np.max(values, axis=0), 1)
        scale = {name: f[name] for name in ("left", "right", "leak", "low", "high")}
        dst = f["dst"] + n * f["dst_image_step"] + oy * f["dst_row_step"] + ox * f["dst_pixel_step"]
        memory[dst : dst + f["channels"]] = to_element(pool_scale(acc, count, **scale), BITS)
    windows = f["images"] * f["rows"] * f["columns"] * -(-f["channels"] // LENGTH)
    return windows * f["kernel_rows"] * f["kernel_columns"]


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def poolings(dut) -> None:
    """Memory is right in the very cycle in which `done_o` comes, whatever stalls."""
    bench = Bench(dut)
    await bench.start()
    for number in range(60):
        fields = random_pooling(bench.draw, average=number % 2 == 0)
        bench.stall(int(bench.draw.choice([0, 128, 240])), int(bench.draw.choice([0, 128, 240])))
        await bench.run(fields)
        apply(fields, bench.memory)
        last = fields["dst"] + (fields["images"] - 1) * fields["dst_image_step"] + (fields["rows"] - 1) * fields["dst_row_step"]
        last += (fields["columns"] - 1) * fields["dst_pixel_step"] + fields["channels"] - 1
        try:
            await bench.check_memory(last)
        except AssertionError as error:
            raise AssertionError(f"seed {SEED}, pooling {number}: {error}\n{fields}") from error


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def chains_without_tokens(dut) -> None:
    """The next instruction of the queue may read what the one before wrote."""
    bench = Bench(dut)
    await bench.start()
    for _ in range(10):
        fields = random_pooling(bench.draw, average=True)
        await bench.push(fields)
        apply(fields, bench.memory)
        # What was written last goes back to the lower half.
        count = (fields["channels"] - 1) % LENGTH + 1
        last = fields["dst"] + (fields["images"] - 1) * fields["dst_image_step"] + (fields["rows"] - 1) * fields["dst_row_step"]
        last += (fields["columns"] - 1) * fields["dst_pixel_step"] + fields["channels"] - count
        back = {"function": VectorFunction.MAX_POOL, "src": last, "row_elements": 1, "height": 1, "kernel_rows": 1}
        back |= {"kernel_columns": 1, "columns": 1, "rows": 1, "images": 1, "dst": 5, "channels": count}
        back |= {"low": LOW, "high": HIGH}
        await bench.push(back)
        while int(dut.busy_o.value):
            await FallingEdge(dut.clk_i)
        apply(back, bench.memory)
    await bench.check_memory(0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def large_window(dut) -> None:
    """The largest square window, over one element again and again, which is the minimum: the largest sum."""
    bench = Bench(dut)
    await bench.start()
    bench.memory[:LENGTH] = LOW
    dut.load_req_i.value = 1
    dut.load_addr_i.value = 0
    dut.load_data_i.value = pack(bench.memory[:LENGTH], BITS)
    await FallingEdge(dut.clk_i)
    dut.load_req_i.value = 0
    size = 255
    fields = {"function": VectorFunction.AVERAGE_POOL, "row_elements": 1, "height": size, "kernel_rows": size}
    fields |= {"kernel_columns": size, "columns": 1, "rows": 1, "images": 1, "channels": LENGTH}
    fields |= {"dst": ELEMENTS // 2, "low": -(1 << 15), "high": (1 << 15) - 1}
    cycles = await bench.run(fields)
    assert cycles <= size * size + 40
    apply(fields, bench.memory)
    await bench.check_memory(0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def cycles_are_those_of_the_cost_model(dut) -> None:
    """Without stalls: windows of all sizes, few and many channels, with and without a division."""
    bench = Bench(dut)
    await bench.start()
    # All that the cost depends on.
    hw = SimpleNamespace(vector_length=LENGTH, operand_bits=OPERAND_BITS)
    for (kernel_rows, kernel_columns), channels, average in product(
        [(1, 1), (1, 2), (3, 1), (2, 2), (3, 3), (4, 4)], [1, LENGTH, 2 * LENGTH + 1], [False, True]
    ):
        vectors = -(-channels // LENGTH)
        rows, columns = 5 - kernel_rows, max(1, 12 // vectors - kernel_columns)
        pixel, row = channels, (columns + kernel_columns - 1) * channels
        fields = {"function": VectorFunction.AVERAGE_POOL if average else VectorFunction.MAX_POOL}
        fields |= {"x_step": pixel, "y_step": 1, "row_step": row, "row_elements": row, "height": 4}
        fields |= {"kernel_rows": kernel_rows, "kernel_row_step": row, "kernel_columns": kernel_columns}
        fields |= {"kernel_column_step": pixel, "columns": columns, "rows": rows, "images": 1, "channels": channels}
        fields |= {"low": LOW, "high": HIGH, "right": int(average), "dst": ELEMENTS // 2}
        fields |= {"dst_pixel_step": pixel, "dst_row_step": columns * pixel}
        cycles = await bench.run(fields)
        taps = kernel_rows * kernel_columns
        steps = division_steps(cast(Hardware, hw), 0, int(average), 0, sums=average and taps > 1)
        cost = pool_cost(cast(Hardware, hw), rows * columns, channels, taps, steps)
        assert cycles == cost.latency, f"{cycles} cycles, estimated {cost.latency}: {fields}"
        assert cost.reads == apply(fields, bench.memory)
    await bench.check_memory(0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def what_does_not_fit_is_an_error(dut) -> None:
    legal = {"function": VectorFunction.AVERAGE_POOL, "row_elements": 1, "height": 1, "kernel_rows": 1, "kernel_columns": 1}
    legal |= {"columns": 1, "rows": 1, "images": 1, "channels": 1}
    window = {"kernel_rows": 256, "kernel_columns": 128}
    product = {"function": VectorFunction.MULTIPLY}
    zeros = (product | {"zero_a": HIGH + 1}, product | {"zero_b": LOW - 1})
    for wrong in (window, {"pad_value": HIGH + 1}, {"pad_value": LOW - 1}, *zeros):
        bench = Bench(dut)
        await bench.start()
        await bench.run(legal)
        dut.instr_valid_i.value = 1
        dut.instr_i.value = int.from_bytes(encode_instruction("vector", **legal | wrong), "little")
        await FallingEdge(dut.clk_i)
        for _ in range(20):
            await FallingEdge(dut.clk_i)
            assert not int(dut.instr_ready_o.value)
            assert not int(dut.done_o.value)
        dut.instr_valid_i.value = 0
        assert int(dut.error_o.value)
        assert int(dut.error_code_o.value) == ErrorCode.ILLEGAL_FIELD

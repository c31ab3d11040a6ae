"""
ADD, MULTIPLY, TABLE and COPY of the vector unit under cocotb. `test_vector.py` builds it. Expected values are those of the
`isa` interpreter, which are `dsf.numerics`.
"""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge
from vector_bench import BITS, ELEMENTS, GAIN_BITS, HIGH, LANES, LENGTH, LOW, SEED, Bench

from dsf.hardware import VECTOR_TABLES, Hardware
from dsf.isa.checks import instruction_problems
from dsf.isa.encoding import default_fields
from dsf.isa.table import ELEMENTWISE, VECTOR, VectorFunction
from dsf.numerics import MAX_SHIFT, to_element
from dsf.runtime.interpreters import isa as semantics
from dsf.runtime.machine import Machine

#: The largest multiplier, and the least and the largest constant.
MOST, CONSTANTS = (1 << GAIN_BITS) - 1, (-(1 << (GAIN_BITS + 15)), (1 << (GAIN_BITS + 15)) - 1)
HARDWARE = Hardware(
    processing_elements=(1, LANES),
    column_groups=1,
    bits_input=BITS,
    bits_multiplier=GAIN_BITS,
    bits_weights=1 if BITS == 1 else 8,
    axi_width=32,
    vector_length=max(LENGTH, 32 // BITS),
    feature_memory=ELEMENTS * BITS // 8,
)
MASK = (1 << 24) - 1
assert HARDWARE.feature_elements == ELEMENTS


def apply(bench: Bench, fields: dict[str, int]) -> None:
    """The instruction's effect on the copy of feature memory."""
    fields = default_fields("vector") | fields
    assert instruction_problems("vector", fields, HARDWARE) == []
    machine = Machine(HARDWARE)
    machine.feature, machine.tables = bench.memory, bench.tables
    semantics.vector(machine, fields)


def used(fields: dict[str, int]) -> dict[str, int]:
    """The fields that the function uses."""
    names = {field.name for field in VECTOR.fields if fields["function"] in (field.functions or ELEMENTWISE)}
    return {name: value for name, value in fields.items() if name in names}


def dense(prefix: str, base: int, shape: tuple[int, int, int], channels: int) -> dict[str, int]:
    """Addresses of a dense tensor of (images, rows, columns)."""
    _, rows, columns = shape
    steps = {"pixel_step": channels, "row_step": columns * channels, "image_step": rows * columns * channels}
    return {prefix: base} | {f"{prefix}_{name}": value for name, value in steps.items()}


def source(base: int, shape: tuple[int, int, int], channels: int) -> dict[str, int]:
    """The first operand: a dense tensor, without padding."""
    images, rows, columns = shape
    return {
        "src": base,
        "x_step": channels,
        "y_step": 1,
        "row_step": columns * channels,
        "image_step": rows * columns * channels,
        "row_elements": columns * channels,
        "height": rows,
        "columns": columns,
        "rows": rows,
        "images": images,
        "channels": channels,
    }


def random_function(draw: np.random.Generator, function: VectorFunction) -> dict[str, int]:
    """
    Operands from the lower half of memory, the result in the upper half: broadcasts, padding around the first operand or a
    crop of it, channels side by side or apart.
    """

    def pick(low: int, high: int) -> int:
        return int(draw.integers(low, high + 1))

    half = ELEMENTS // 2
    while True:
        channels = pick(1, 2 * LENGTH + 3)
        apart = pick(2, 9) if draw.random() < 0.3 else 1
        images, rows, columns = shape = pick(1, 2), pick(1, 3), pick(1, 4)
        # The image that is read, and where the output begins in it: before, within or after.
        height, width, top, left = pick(1, 4), pick(1, 4), pick(-1, 1), pick(-1, 1)
        out = (channels - 1) * apart + 1 + pick(0, 3)
        read = images * max(height, rows + 1) * max(width, columns + 1) * channels
        if images * rows * columns * out < half and 2 * read < half:
            break
    a, b = pick(0, half // 4), half // 2
    shift = pick(0, 2 * BITS + 2) if draw.random() < 0.8 else pick(0, MAX_SHIFT)
    low, high = sorted((pick(LOW, HIGH), pick(LOW, HIGH))) if draw.random() < 0.3 else (LOW, HIGH)
    keep = {name: int(draw.random() < 0.7) for name in ("pixel", "row", "image")}
    fields = source((a + (top * width + left) * channels) & MASK, shape, channels)
    fields |= {
        "function": function,
        "x_start": left * channels,
        "y_start": top,
        "row_step": width * channels,
        "image_step": height * width * channels,
        "row_elements": width * channels,
        "height": height,
        "pad_value": pick(LOW, HIGH),
        "channels": channels,
        "dst": half + pick(0, half - images * rows * columns * out),
        "dst_pixel_step": out,
        "dst_row_step": columns * out,
        "dst_image_step": rows * columns * out,
        "dst_channel_step": apart,
        "right": shift,
        "leak": int(draw.choice([0, 1, 4, 15])),
        "low": low,
        "high": high,
        # Of some the engine has only the lowest bits.
        "multiplier_a": pick(1, 4)
        if draw.random() < 0.5
        else int(draw.choice([0, MOST, pick(0, MOST), pick(0, (1 << 26) - 1)])),
        "multiplier_b": pick(0, 3) if draw.random() < 0.5 else int(draw.choice([0, MOST, pick(0, MOST), MOST + 1 & 0x3FFFFFF])),
        "constant": pick(-9, 9)
        if draw.random() < 0.5
        else int(draw.choice([*CONSTANTS, pick(-99999, 99999), pick(0, 1 << 41) - 1])),
        "table_address": pick(0, VECTOR_TABLES - 1),
        "zero_a": pick(LOW, HIGH) if draw.random() < 0.5 else 0,
        "zero_b": pick(LOW, HIGH) if draw.random() < 0.5 else 0,
    }
    second = dense("src_b", b + pick(0, LENGTH), shape, channels)
    fields |= {name: value * keep.get(name.split("_")[2], 1) if "step" in name else value for name, value in second.items()}
    return used(fields)


def last_written(fields: dict[str, int]) -> int:
    """Address of the last element of the result."""
    counts = {"image": fields["images"], "row": fields["rows"], "pixel": fields["columns"]}
    last = fields["dst"] + sum((count - 1) * fields[f"dst_{name}_step"] for name, count in counts.items())
    return last + (fields["channels"] - 1) * fields.get("dst_channel_step", 1)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def functions(dut) -> None:
    """Memory is right in the very cycle in which `done_o` comes, whatever stalls."""
    bench = Bench(dut)
    await bench.start()
    for number in range(80):
        fields = random_function(bench.draw, ELEMENTWISE[number % len(ELEMENTWISE)])
        bench.stall(int(bench.draw.choice([0, 128, 240])), int(bench.draw.choice([0, 128, 240])))
        await bench.run(fields)
        apply(bench, fields)
        try:
            await bench.check_memory(last_written(fields))
        except AssertionError as error:
            raise AssertionError(f"seed {SEED}, function {number}: {error}\n{fields}") from error


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def in_place_and_in_a_row(dut) -> None:
    """Each instruction reads what the one before wrote, and writes over one of its own operands."""
    bench = Bench(dut)
    await bench.start()
    shape, channels = (1, 2, 3), LENGTH + 3
    size = 6 * channels
    common = source(7, shape, channels) | dense("dst", 7, shape, channels)
    second = dense("src_b", 7 + size, shape, channels)
    scale = {"right": 1, "low": LOW, "high": HIGH}
    program = [
        {"function": VectorFunction.ADD, **common, **second, **scale, "multiplier_a": 1, "multiplier_b": 3, "constant": 1},
        {"function": VectorFunction.TABLE, **common, "table_address": 1},
        {"function": VectorFunction.MULTIPLY, **common, **second, **scale, "multiplier_a": 1},
        {"function": VectorFunction.COPY, **common, "dst": 7 + size, "low": LOW, "high": HIGH - 1},
        {"function": VectorFunction.MAX_POOL, **common, "src": 7 + size, "dst": 7, "low": LOW, "high": HIGH},
        {"function": VectorFunction.ADD, **common, **second, **scale, "multiplier_a": 3, "multiplier_b": 0},
    ]
    for write_stall in (0, 200):
        bench.stall(0, write_stall)
        for fields in program * 2:
            await bench.push(fields)
            apply(bench, fields)
        while int(dut.busy_o.value):
            await FallingEdge(dut.clk_i)
    await bench.check_memory(0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def extremes(dut) -> None:
    """Every pair of operands at the ends of the range, with the largest multipliers and constants, and every tie."""
    bench = Bench(dut)
    values = to_element([LOW, LOW + 1, -1, 0, 1, HIGH - 1, HIGH], BITS)
    pairs = np.array(np.meshgrid(values, values)).reshape(2, -1)
    count = pairs.shape[1]
    bench.memory[:count], bench.memory[count : 2 * count] = pairs
    await bench.start()
    common = source(0, (1, 1, 1), count) | dense("dst", ELEMENTS // 2, (1, 1, 1), count) | {"low": LOW, "high": HIGH}
    common |= dense("src_b", count, (1, 1, 1), count)
    for shift in (0, 1, BITS, 16, MAX_SHIFT):
        for leak in (0, 1, 15):
            scale = {"right": shift, "leak": leak}
            fields = {"function": VectorFunction.MULTIPLY, **common, **scale}
            for multiplier, zero, constant in ((1, 0, 0), (3, 1, 1), (MOST, LOW, CONSTANTS[1]), (MOST, HIGH, CONSTANTS[0])):
                terms = {"multiplier_a": multiplier, "zero_a": zero, "zero_b": zero, "constant": constant}
                await bench.run(fields | terms)
                apply(bench, fields | terms)
                await bench.check_memory(ELEMENTS // 2)
            fields = {"function": VectorFunction.ADD, **common, **scale}
            for constant in (0, *CONSTANTS):
                extreme = {"multiplier_a": MOST, "multiplier_b": MOST, "constant": constant}
                await bench.run(fields | extreme)
                apply(bench, fields | extreme)
                await bench.check_memory(ELEMENTS // 2)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_entry_of_every_table(dut) -> None:
    """All values of an element through each table, and again after it has been replaced."""
    bench = Bench(dut)
    entries = 1 << BITS
    bench.memory[:entries] = np.unique(to_element(np.arange(LOW, HIGH + 1), BITS))
    await bench.start()
    fields = {"function": VectorFunction.TABLE, **source(0, (1, 1, 1), entries)}
    fields |= dense("dst", ELEMENTS // 2, (1, 1, 1), entries)
    for _ in range(2):
        for number in range(VECTOR_TABLES):
            await bench.run(fields | {"table_address": number})
            apply(bench, fields | {"table_address": number})
            await bench.check_memory(ELEMENTS // 2)
            bench.tables[number] = bench.tables[number, ::-1]
            await bench.load_table(number)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def rate(dut) -> None:
    """
    Without stalls, a block of Lanes channels takes a cycle for each operand that is read; apart, a channel takes a cycle; a
    copy side by side takes at most 4 cycles for VecLen channels.
    """
    bench = Bench(dut)
    await bench.start()
    shape, channels = (1, 4, 4), 2 * LENGTH
    blocks, words = 16 * channels // LANES, 16 * channels // LENGTH
    common = source(0, shape, channels) | dense("dst", ELEMENTS // 2, shape, channels)
    clip = {"low": LOW, "high": HIGH}
    second = dense("src_b", 16 * channels, shape, channels)
    transposed = {"dst_pixel_step": 1, "dst_row_step": 4, "dst_channel_step": 16}
    cases = [
        ({"function": VectorFunction.TABLE, **common}, blocks),
        ({"function": VectorFunction.ADD, **common, **clip, "multiplier_a": 1}, blocks),
        ({"function": VectorFunction.ADD, **common, **clip, **second, "multiplier_a": 1, "multiplier_b": 1}, 2 * blocks),
        ({"function": VectorFunction.MULTIPLY, **common, **clip, **second, "multiplier_a": 1}, 2 * blocks),
        ({"function": VectorFunction.COPY, **common, **clip}, 4 * words),
        ({"function": VectorFunction.COPY, **common, **clip, **transposed}, 16 * channels),
    ]
    for fields, cycles in cases:
        taken = await bench.run(fields)
        apply(bench, fields)
        print(f"{fields['function'].name}: {taken} cycles for {16 * channels} elements")
        assert taken <= cycles + 24, f"{fields['function'].name}: {taken} cycles, expected about {cycles}"
    await bench.check_memory(0)

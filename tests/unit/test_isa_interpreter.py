"""
The vectorised interpreter of the instructions against the loops of `dsf/isa/table.py`, one element at a time in plain
Python, on random small instructions; and the order of the queues.
"""

import copy
import random
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from dsf.dialects import isa
from dsf.errors import BinaryError, EngineError
from dsf.hardware import VECTOR_TABLES, Hardware
from dsf.isa.checks import instruction_problems
from dsf.isa.table import ELEMENTWISE, POOLS, VECTOR, BaseRegister, Queue, VectorFunction
from dsf.numerics import int_range
from dsf.runtime import queues
from dsf.runtime.interpreters import isa as semantics
from dsf.runtime.machine import Machine
from dsf.runtime.queues import run_queues, token_problems

MACHINES = {
    "8x8": Hardware(processing_elements=(2, 6), column_groups=3, axi_width=32, feature_memory=1 << 12, weight_memory=1 << 12),
    "4x2": Hardware(
        processing_elements=(3, 5), bits_input=4, bits_weights=2, axi_width=32, feature_memory=1 << 11, weight_memory=1 << 11
    ),
    "2x24": Hardware(
        processing_elements=(2, 24),
        column_groups=3,
        axi_width=32,
        feature_memory=1 << 12,
        weight_memory=1 << 12,
        vector_length=16,
    ),
    "2x4": Hardware(
        processing_elements=(1, 4), column_groups=2, bits_input=2, bits_weights=4, axi_width=32, feature_memory=1 << 10
    ),
}


def filled(hardware: Hardware, seed: int) -> Machine:
    """A machine with random contents everywhere."""
    rng = np.random.default_rng(seed)
    machine = Machine(hardware)
    low, high = int_range(hardware.bits_input)
    machine.feature[:] = rng.integers(low, high + 1, machine.feature.shape)
    machine.tables[:] = rng.integers(low, high + 1, machine.tables.shape)
    low, high = int_range(hardware.bits_weights)
    machine.weights[:] = rng.integers(low, high + 1, machine.weights.shape)
    machine.bias[:] = rng.integers(-500, 500, machine.bias.shape)
    machine.multiplier[:] = rng.integers(1, 1 << 16, machine.multiplier.shape)
    machine.shift[:] = rng.integers(12, 28, machine.shift.shape)
    for base in BaseRegister:
        machine.dram[base] = rng.integers(0, 256, 3000, dtype=np.uint8)
    return machine


def assert_same(a: Machine, b: Machine) -> None:
    for name in ("feature", "weights", "bias", "multiplier", "shift", "tables"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for base in BaseRegister:
        np.testing.assert_array_equal(a.dram[base], b.dram[base], err_msg=base.name)


def half_even(numerator: int, denominator: int) -> int:
    return round(Fraction(numerator, denominator))


def clipped(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def bits_of(memory: np.ndarray, byte: int, element: int, bits: int, signed: bool = True) -> int:
    """The `element`th integer of `bits` bits from a byte on, bit by bit."""
    value = 0
    for bit in range(bits):
        place = element * bits + bit
        value |= (int(memory[byte + place // 8]) >> place % 8 & 1) << bit
    return value - (1 << bits) if signed and value >> (bits - 1) else value


# The loops of the table.


def loop_load(m: Machine, f: dict[str, int]) -> None:
    for r, e in product(range(f["rows"]), range(f["row_elements"])):
        memory, byte = m.dram[BaseRegister(f["base"])], f["offset"] + r * f["row_stride"]
        m.feature[f["dst"] + r * f["dst_stride"] + e] = bits_of(memory, byte, e, m.hardware.bits_input)


def loop_store(m: Machine, f: dict[str, int]) -> None:
    bits = m.hardware.bits_input
    for r in range(f["rows"]):
        memory, start = m.dram[BaseRegister(f["base"])], f["offset"] + r * f["row_stride"]
        for byte in range(-(-f["row_elements"] * bits // 8)):
            memory[start + byte] = 0
        for e in range(f["row_elements"]):
            value = int(m.feature[f["src"] + r * f["src_stride"] + e]) % 2**bits
            memory[start + e * bits // 8] |= value << e * bits % 8


def loop_load_weights(m: Machine, f: dict[str, int]) -> None:
    hw, memory = m.hardware, m.dram[BaseRegister(f["base"])]
    lanes = hw.columns // hw.column_groups
    if f["target"] == 1:
        for i, lane in product(range(f["groups"]), range(lanes)):
            byte = f["offset"] + 8 * (i * lanes + lane)
            word = sum(int(memory[byte + k]) << 8 * k for k in range(8))
            bias = word & 0xFFFFFFFF
            m.bias[f["address"] + i, lane] = bias - (1 << 32) if bias >> 31 else bias
            m.multiplier[f["address"] + i, lane] = word >> 32 & 0xFFFF
            m.shift[f["address"] + i, lane] = word >> 48 & 0x3F
        return
    if f["target"] == 2:
        entries = 2**hw.bits_input
        size = max(8, entries * hw.bits_input // 8)
        for i, entry in product(range(f["groups"]), range(entries)):
            value = bits_of(memory, f["offset"] + i * size, entry, hw.bits_input)
            m.tables[f["address"] + i, entry] = value
        return
    slot = 8
    while slot < lanes * hw.bits_weights:
        slot *= 2
    for i, k, lane in product(range(f["groups"]), range(f["words"]), range(lanes)):
        bank, word = (f["bank"] + i) % hw.column_groups, f["address"] + (f["bank"] + i) // hw.column_groups * f["words"] + k
        byte = f["offset"] + (i * f["words"] + k) * slot // 8
        m.weights[bank, word, lane] = bits_of(memory, byte, lane, hw.bits_weights)


def loop_matrix(m: Machine, f: dict[str, int]) -> None:
    hw, before = m.hardware, m.feature.copy()
    lanes = hw.columns // hw.column_groups
    depth = f["bank_words"] or f["weight_words"]
    held = None if m.sums is None else m.sums.copy()
    m.sums = np.zeros((f["pixels"], f["channel_groups"] * lanes), dtype=np.int64) if f["partial"] else None
    for i in range(f["channel_groups"]):
        bank = (f["weight_bank"] + i) % hw.column_groups
        first = f["weight_address"] + (f["weight_bank"] + i) // hw.column_groups * f["weight_words"]
        for n, oy, ox in product(range(f["images"]), range(f["rows"]), range(f["columns"])):
            for lane in range(lanes if i < f["channel_groups"] - 1 else f["last_group_lanes"]):
                position = (n * f["rows"] + oy) * f["columns"] + ox
                acc = int(held[position, i * lanes + lane]) if f["accumulate"] and held is not None else 0
                taps = product(range(f["kernel_rows"]), range(f["kernel_runs"]), range(f["run"]))
                for k, (ky, kx, j) in enumerate(taps):
                    y = f["y_start"] + oy * f["y_step"] + ky * f["y_dilation"]
                    x = f["x_start"] + ox * f["x_step"] + kx * f["run_step"] + j
                    a = f["src"] + n * f["image_step"] + oy * f["row_step"] + ox * f["x_step"]
                    a = (a + ky * f["kernel_row_step"] + kx * f["run_step"] + j) % 2**24
                    inside = 0 <= y < f["height"] and 0 <= x < f["row_elements"]
                    w = int(m.weights[bank + k // depth, first + k % depth, lane])
                    acc += (int(before[a]) if inside else f["pad_value"]) * w
                if m.sums is not None:
                    m.sums[position, i * lanes + lane] = acc
                    continue
                c = i * lanes + lane
                p = f["parameter_address"] + i
                v = acc + (int(m.bias[p, lane]) << f["bias_shift"])
                place = n * f["dst_image_step"] + oy * f["dst_row_step"] + ox * f["dst_pixel_step"] + f["dst"]
                if f["raw"]:
                    per = 32 // hw.bits_input
                    for e in range(per):
                        part = v >> e * hw.bits_input & ((1 << hw.bits_input) - 1)
                        part -= (1 << hw.bits_input) if part >> (hw.bits_input - 1) else 0
                        m.feature[(place + c * per + e) % 2**24] = part
                    continue
                down = int(m.shift[p, lane]) + (f["leak"] if v < 0 else 0)
                v = half_even(v * int(m.multiplier[p, lane]), 1 << down) + f["zero_point"]
                v = clipped(v, f["low"], f["high"])
                if f["residual"]:
                    b = f["residual_src"] + n * f["residual_image_step"] + oy * f["residual_row_step"]
                    b += ox * f["residual_pixel_step"] + c
                    v = v * f["residual_multiplier_a"] + int(before[b]) * f["residual_multiplier_b"] + f["residual_offset"]
                    down = f["residual_shift"] + (f["residual_leak"] if v < 0 else 0)
                    v = clipped(half_even(v, 1 << down), f["residual_low"], f["residual_high"])
                m.feature[(place + c) % 2**24] = v


def loop_depthwise(m: Machine, f: dict[str, int]) -> None:
    """The table's loops for a depthwise convolution that leaves raw."""
    hw, before = m.hardware, m.feature.copy()
    lanes = hw.columns // hw.column_groups
    at_once = min(hw.column_groups, hw.vector_length // lanes)
    for i in range(f["channel_groups"]):
        bank, first = i % at_once, f["weight_address"] + i // at_once * f["weight_words"]
        for n, oy, ox in product(range(f["images"]), range(f["rows"]), range(f["columns"])):
            for lane in range(lanes if i < f["channel_groups"] - 1 else f["last_group_lanes"]):
                acc, k, c = 0, first, i * lanes + lane
                for ky, phase in product(range(f["kernel_rows"]), range(f["kernel_runs"])):
                    for j in range(f["chunk"] if phase < f["chunks"] else f["last_chunk"]):
                        y = f["y_start"] + oy * f["y_step"] + ky * f["y_dilation"]
                        x = f["x_start"] + (ox + j) * f["x_step"] + phase * f["run_step"] + c
                        a = f["src"] + n * f["image_step"] + oy * f["row_step"] + (ox + j) * f["x_step"]
                        a = (a + ky * f["kernel_row_step"] + phase * f["run_step"] + c) % 2**24
                        inside = 0 <= y < f["height"] and 0 <= x < f["row_elements"]
                        acc += (int(before[a]) if inside else f["pad_value"]) * int(m.weights[bank, k, lane])
                        k += 1
                place = n * f["dst_image_step"] + oy * f["dst_row_step"] + ox * f["dst_pixel_step"] + f["dst"]
                v = acc + (int(m.bias[f["parameter_address"] + i, lane]) << f["bias_shift"])
                for e in range(per := 32 // hw.bits_input):
                    part = v >> e * hw.bits_input & ((1 << hw.bits_input) - 1)
                    part -= (1 << hw.bits_input) if part >> (hw.bits_input - 1) else 0
                    m.feature[(place + c * per + e) % 2**24] = part


def loop_vector(m: Machine, f: dict[str, int]) -> None:
    before, function = m.feature.copy(), f["function"]
    average = function == VectorFunction.AVERAGE_POOL
    for n, oy, ox, c in product(range(f["images"]), range(f["rows"]), range(f["columns"]), range(f["channels"])):
        values = []
        for ky, kx in product(range(f["kernel_rows"]), range(f["kernel_columns"])):
            y = f["y_start"] + oy * f["y_step"] + ky
            x = f["x_start"] + ox * f["x_step"] + kx * f["kernel_column_step"]
            a = f["src"] + n * f["image_step"] + oy * f["row_step"] + ox * f["x_step"]
            a = (a + ky * f["kernel_row_step"] + kx * f["kernel_column_step"] + c) % 2**24
            if 0 <= y < f["height"] and 0 <= x < f["row_elements"]:
                values.append(int(before[a]))
            elif function in ELEMENTWISE or (average and f["count_padding"]):
                values.append(f["pad_value"])
        b = f["src_b"] + n * f["src_b_image_step"] + oy * f["src_b_row_step"] + ox * f["src_b_pixel_step"] + c
        if function in (VectorFunction.MAX_POOL, VectorFunction.AVERAGE_POOL):
            acc, count = (sum(values), len(values)) if average else (max(values), 1)
            down = f["right"] + (f["leak"] if acc < 0 else 0)
            v = clipped(half_even(acc << f["left"], count << down), f["low"], f["high"])
        elif function == VectorFunction.TABLE:
            v = int(m.tables[f["table_address"], values[0] + 2 ** (m.hardware.bits_input - 1)])
        elif function == VectorFunction.COPY:
            v = clipped(values[0], f["low"], f["high"])
        else:
            v = values[0] * f["multiplier_a"] + int(before[b]) * f["multiplier_b"] + f["constant"]
            if function == VectorFunction.MULTIPLY:
                v = (values[0] - f["zero_a"]) * (int(before[b]) - f["zero_b"]) * f["multiplier_a"] + f["constant"]
            v = clipped(half_even(v, 1 << f["right"] + (f["leak"] if v < 0 else 0)), f["low"], f["high"])
        place = f["dst"] + n * f["dst_image_step"] + oy * f["dst_row_step"] + ox * f["dst_pixel_step"]
        m.feature[place + c * f["dst_channel_step"]] = v


# Random instructions.


def window(rng: random.Random, hw: Hardware, kernel: tuple[int, int], channels: int, dilation: int = 1) -> dict[str, int]:
    """A tensor of a few images, and a window with padding, strides and pads that moves over it."""
    height, width, images = rng.randint(1, 5), rng.randint(1, 5), rng.randint(1, 2)
    top, left = rng.randint(0, kernel[0] - 1), rng.randint(0, kernel[1] - 1)
    sy, sx = rng.randint(1, 2), rng.randint(1, 2)
    start = rng.randint(0, 40)
    low, high = int_range(hw.bits_input)
    # Each window holds at least one element: its first or its last tap lies inside.
    rows = max(1, min((height + top - 1) // sy + 1, 3))
    columns = max(1, min((width + left - 1) // sx + 1, 3))
    return {
        "src": (start - (top * width + left) * channels) % 2**24,
        "x_start": -left * channels,
        "x_step": sx * channels,
        "y_start": -top,
        "y_step": sy,
        "row_step": sy * width * channels,
        "image_step": height * width * channels,
        "row_elements": width * channels,
        "height": height,
        "pad_value": rng.randint(low, high),
        "columns": columns,
        "rows": rows,
        "images": images,
        "dst": 300,
    }


def random_matrix(rng: random.Random, hw: Hardware) -> dict[str, int]:
    kernel, channels = (rng.randint(1, 3), rng.randint(1, 3)), rng.randint(1, 5)
    runs = rng.choice([1, kernel[1]])
    run = channels if runs > 1 else kernel[1] * channels
    f = window(rng, hw, kernel, channels)
    groups, last = rng.randint(1, 3), rng.randint(1, hw.group_columns)
    out = (groups - 1) * hw.group_columns + last
    raw, tall = rng.random() < 0.25, rng.random() < 0.5
    per = hw.raw_elements if raw else 1
    width = f["row_elements"] // channels
    chunk = rng.randint(1, min(run, hw.reach))
    low, high = int_range(hw.bits_input)
    step = out * per + rng.randint(0, 2)
    f |= {
        "kernel_rows": kernel[0],
        "kernel_row_step": width * channels,
        "y_dilation": 1,
        "kernel_runs": runs,
        "run_step": channels,
        "run": run,
        "chunk": chunk,
        "chunks": -(-run // chunk),
        "last_chunk": run - (-(-run // chunk) - 1) * chunk,
        "pixels": f["images"] * f["rows"] * f["columns"],
        "dst_pixel_step": step,
        "dst_row_step": step * f["columns"] + 1,
        "dst_image_step": (step * f["columns"] + 1) * f["rows"],
        "channel_groups": groups,
        "last_group_lanes": last,
        "tall": int(tall),
        "raw": int(raw),
        "weight_bank": rng.randrange(hw.column_groups) if tall else 0,
        "weight_address": rng.randint(0, 3),
        "weight_words": kernel[0] * runs * run,
        "parameter_address": rng.randint(0, 3),
        "bias_shift": rng.randint(0, 6),
        "leak": rng.randint(0, 3),
        "zero_point": rng.choice([0, low, high]),
        "low": rng.choice([low, 0]),
        "high": high,
    }
    if tall and groups == 1 and hw.column_groups > 1 and rng.random() < 0.8:
        bank = f["weight_bank"]
        f["bank_words"] = rng.randint(-(-f["weight_words"] // (hw.column_groups - bank)), f["weight_words"])
    if not raw and rng.random() < 0.5:
        f |= {
            "residual": 1,
            "residual_src": rng.randint(0, 30),
            "residual_pixel_step": out,
            "residual_row_step": out * f["columns"],
            "residual_image_step": out * f["columns"] * f["rows"],
            "residual_multiplier_a": rng.randint(0, 300),
            "residual_multiplier_b": rng.randint(0, 300),
            "residual_offset": rng.randint(-300, 300),
            "residual_shift": rng.randint(0, 9),
            "residual_leak": rng.randint(0, 3),
            "residual_low": low,
            "residual_high": high,
        }
    return isa.MatrixOp(**f).fields


def random_depthwise(rng: random.Random, hw: Hardware) -> dict[str, int]:
    """Raw; any stride, and the array along the width."""
    kernel, stride = (rng.randint(1, 3), rng.randint(1, 5)), rng.randint(1, 3)
    groups, last = rng.randint(1, hw.column_groups + 1), rng.randint(1, hw.group_columns)
    channels = (groups - 1) * hw.group_columns + last
    f = window(rng, hw, kernel, channels)
    phases = min(stride, kernel[1])
    chunk = -(-kernel[1] // phases)
    step = channels * hw.raw_elements
    f |= {
        "x_step": stride * channels,
        "kernel_rows": kernel[0],
        "kernel_row_step": f["row_elements"],
        "y_dilation": 1,
        "kernel_runs": phases,
        "run_step": channels,
        "run": kernel[1],
        "chunk": chunk,
        "chunks": kernel[1] - (chunk - 1) * phases,
        "last_chunk": max(1, chunk - 1),
        "pixels": f["images"] * f["rows"] * f["columns"],
        "dst": f["image_step"] * f["images"] + 50,
        "dst_pixel_step": step,
        "dst_row_step": step * f["columns"],
        "dst_image_step": step * f["columns"] * f["rows"],
        "channel_groups": groups,
        "last_group_lanes": last,
        "depthwise": 1,
        "raw": 1,
        "weight_address": rng.randint(0, 3),
        "weight_words": kernel[0] * kernel[1],
        "parameter_address": rng.randint(0, 3),
        "bias_shift": rng.randint(0, 6),
    }
    return isa.MatrixOp(**f).fields


def random_vector(rng: random.Random, hw: Hardware) -> dict[str, int]:
    """Every function; fields that it does not use are left at their default."""
    function = rng.choice(list(VectorFunction))
    kernel = (rng.randint(1, 3), rng.randint(1, 3)) if function in POOLS else (1, 1)
    channels = rng.randint(1, 5)
    f = window(rng, hw, kernel, channels)
    low, high = int_range(hw.bits_input)
    if function in ELEMENTWISE and rng.random() < 0.3:
        # Some elements are outside the image.
        f |= {"x_start": -channels, "y_start": -1}
    apart = rng.randint(1, 3) if function in ELEMENTWISE else 1
    pixel = channels * apart + rng.randint(0, 2)
    pixels = f["columns"] * f["rows"] * f["images"]
    f |= {
        "function": function,
        "kernel_rows": kernel[0],
        "kernel_row_step": f["row_elements"],
        "kernel_columns": kernel[1],
        "kernel_column_step": channels,
        "dst_pixel_step": pixel,
        "dst_row_step": pixel * f["columns"],
        "dst_image_step": pixel * f["columns"] * f["rows"],
        "dst_channel_step": apart,
        "channels": channels,
        "count_padding": rng.randint(0, 1),
        "left": rng.randint(0, 3),
        "right": rng.randint(0, 3) if function in POOLS else rng.randint(0, 20),
        "leak": rng.randint(0, 3),
        "low": rng.choice([low, 0]),
        "high": high,
        "src_b": rng.randint(0, 40),
        "src_b_pixel_step": rng.choice([0, channels]),
        "src_b_row_step": rng.choice([0, channels * f["columns"]]),
        "src_b_image_step": rng.choice([0, channels * f["columns"] * f["rows"]]),
        "multiplier_a": rng.choice([1, 3, rng.randint(0, 65535)]),
        "multiplier_b": rng.choice([0, 1, rng.randint(0, 65535)]),
        "constant": rng.choice([0, rng.randint(-100000, 100000)]),
        "table_address": rng.randrange(VECTOR_TABLES),
        "zero_a": rng.randint(low, high),
        "zero_b": rng.choice([0, rng.randint(low, high)]),
    }
    assert f["dst"] + pixels * pixel <= hw.feature_elements
    unused = [field for field in VECTOR.fields if field.functions is not None and function not in field.functions]
    return isa.VectorOp(**f | {field.name: field.default for field in unused}).fields


def random_load(rng: random.Random, hw: Hardware) -> dict[str, int]:
    fields = {"base": rng.randrange(5), "offset": rng.randint(0, 50), "rows": rng.randint(1, 4)}
    fields |= {"row_elements": rng.randint(1, 40), "row_stride": rng.randint(0, 60)}
    return isa.LoadOp(**fields, dst=rng.randint(0, 99), dst_stride=rng.randint(0, 60)).fields


def random_store(rng: random.Random, hw: Hardware) -> dict[str, int]:
    fields = {"base": rng.randrange(5), "offset": rng.randint(0, 50), "rows": rng.randint(1, 4)}
    fields |= {"row_elements": rng.randint(1, 40), "row_stride": rng.randint(0, 60)}
    return isa.StoreOp(**fields, src=rng.randint(0, 99), src_stride=rng.randint(0, 60)).fields


def random_load_weights(rng: random.Random, hw: Hardware) -> dict[str, int]:
    groups, words, target = rng.randint(1, 5), rng.randint(1, 7), rng.randint(0, 2)
    address = rng.randint(0, 9)
    if target == 2:
        groups, words, bank = rng.randint(1, VECTOR_TABLES), 1, 0
        address, size = rng.randint(0, VECTOR_TABLES - groups), groups * hw.table_bytes
    elif target == 1:
        words, bank, size = 1, 0, groups * hw.group_columns * 8
    else:
        bank, size = rng.randrange(hw.column_groups), groups * words * hw.weight_slot_bits // 8
    fields = {"base": 1, "offset": rng.randint(0, 50), "bytes": size, "target": target, "bank": bank}
    return isa.LoadWeightsOp(**fields, address=address, words=words, groups=groups).fields


CASES = {
    "load": (random_load, loop_load, semantics.load),
    "store": (random_store, loop_store, semantics.store),
    "load_weights": (random_load_weights, loop_load_weights, semantics.load_weights),
    "matrix": (random_matrix, loop_matrix, semantics.matrix),
    "depthwise": (random_depthwise, loop_depthwise, semantics.matrix),
    "vector": (random_vector, loop_vector, semantics.vector),
}


@pytest.mark.parametrize("kind", MACHINES)
@pytest.mark.parametrize("name", CASES)
def test_against_the_table(name: str, kind: str):
    hardware = MACHINES[kind]
    draw, loop, vectorised = CASES[name]
    for seed in range(40 if name == "vector" else 12):
        fields = draw(random.Random(f"{name} {kind} {seed}"), hardware)
        assert instruction_problems("matrix" if name == "depthwise" else name, fields, hardware) == [], f"seed {seed}"
        got = filled(hardware, seed)
        want = copy.deepcopy(got)
        vectorised(got, fields)
        loop(want, fields)
        assert_same(got, want)
        written = (got.feature != filled(hardware, seed).feature).any()
        assert written or name not in ("matrix", "depthwise"), f"seed {seed} writes nothing"


def in_parts(f: dict[str, int]) -> list[dict[str, int]]:
    """A matrix instruction as several ones, a kernel row each, whose sums stay in the array."""
    words = f["weight_words"] // f["kernel_rows"]
    nothing = {"residual": 0, "raw": 0}
    return [
        f
        | {
            "src": (f["src"] + ky * f["kernel_row_step"]) % 2**24,
            "y_start": f["y_start"] + ky * f["y_dilation"],
            "kernel_rows": 1,
            "weight_words": words,
            "weight_address": f["weight_address"] + ky * words,
            "accumulate": int(ky > 0),
            "partial": int(ky < f["kernel_rows"] - 1),
        }
        | (nothing if ky < f["kernel_rows"] - 1 else {})
        for ky in range(f["kernel_rows"])
    ]


@pytest.mark.parametrize("kind", MACHINES)
def test_sums_that_stay_in_the_array(kind: str):
    """The parts of a reduction are what the table says, and together the whole."""
    hardware = MACHINES[kind]
    tried = 0
    for seed in range(400):
        whole = random_matrix(random.Random(f"parts {kind} {seed}"), hardware) | {"bank_words": 0}
        groups, pixels = (1, hardware.pixels_tall) if whole["tall"] else (hardware.column_groups, hardware.rows)
        if whole["kernel_rows"] == 1 or whole["pixels"] > pixels or whole["channel_groups"] > groups:
            continue
        tried += 1
        got, want, together = (filled(hardware, seed) for _ in range(3))
        for fields in in_parts(whole):
            assert instruction_problems("matrix", fields, hardware) == [], f"seed {seed}"
            semantics.matrix(got, fields)
            loop_matrix(want, fields)
            assert_same(got, want)
            channels = (fields["channel_groups"] - 1) * hardware.group_columns + fields["last_group_lanes"]
            assert (got.sums is None) == (want.sums is None) == (fields["partial"] == 0)
            if got.sums is not None and want.sums is not None:
                assert np.array_equal(got.sums, want.sums[:, :channels]), f"seed {seed}"
        semantics.matrix(together, whole)
        assert_same(got, together)
    assert tried >= 5


def test_blocks_of_positions(monkeypatch: pytest.MonkeyPatch):
    """A large layer is cut into blocks of positions; the sums don't depend on it."""
    hardware = MACHINES["8x8"]
    fields = random_matrix(random.Random(3), hardware)
    whole, cut = filled(hardware, 3), filled(hardware, 3)
    semantics.matrix(whole, fields)
    monkeypatch.setattr(semantics, "BLOCK", 1)
    semantics.matrix(cut, fields)
    assert_same(whole, cut)


# What stops the engine.

SMALL = MACHINES["8x8"]


def run(*ops: isa.InstructionOp, seed: int | None = None, hardware: Hardware = SMALL) -> list[int]:
    machine = filled(hardware, 0)
    table = {isa.LoadOp: semantics.load, isa.StoreOp: semantics.store, isa.MatrixOp: semantics.matrix}
    return run_queues([*ops, isa.EndOp()], hardware, lambda op: table[type(op)](machine, op.fields), seed=seed)


def load(**fields: int) -> isa.InstructionOp:
    return isa.LoadOp(**{"base": BaseRegister.INPUT, "rows": 1, "row_elements": 8, **fields})


def store(**fields: int) -> isa.InstructionOp:
    return isa.StoreOp(**{"base": BaseRegister.OUTPUT, "rows": 1, "row_elements": 8, **fields})


def test_tokens_order_the_queues():
    to_store, from_load = 1 << Queue.STORE, 1 << Queue.LOAD
    ops = [store(wait=from_load), load(), load(signal=to_store), load()]
    for seed in (None, *range(8)):
        order = run(*ops, seed=seed)
        assert order.index(0) > order.index(2), f"seed {seed}"
        assert order[-1] == 4
        assert [index for index in order if index in (1, 2, 3)] == [1, 2, 3]


def test_deadlock_names_both_queues():
    ops = [load(wait=1 << Queue.STORE, signal=1 << Queue.STORE), store(wait=1 << Queue.LOAD, signal=1 << Queue.LOAD)]
    with pytest.raises(EngineError, match=r"'instruction 0' .isa.load.: queue load waits for a token from store") as caught:
        run(*ops)
    assert "'instruction 1' (isa.store): queue store waits for a token from load" in caught.value.problems[1]


def test_deadlock_by_a_full_queue():
    """The token that the first store needs is behind more stores than the queue holds."""
    ops = [store(wait=1 << Queue.LOAD), *(store() for _ in range(SMALL.queue_depth)), load(signal=1 << Queue.STORE)]
    with pytest.raises(EngineError, match="this program deadlocks"):
        run(*ops)
    assert "this program deadlocks" in token_problems(ops, SMALL)[0]
    del ops[1]
    assert run(*ops)[0] == len(ops) - 1
    assert token_problems(ops, SMALL) == []


KINDS = {Queue.LOAD: load, Queue.STORE: store, Queue.MATRIX: lambda **masks: isa.MatrixOp(**MATRIX, **masks)}


def random_tokens(rng: random.Random, most: int) -> list[isa.InstructionOp]:
    """Instructions with random masks, and others behind, so that queues may be full."""
    masks = [1 << queue for queue in KINDS]
    waits, signals = [*masks, *rng.choice((1, 6, 20)) * [0]], [*masks, *rng.choice((0, 3, 20)) * [0]]
    drawn = rng.choices(list(KINDS), k=rng.randint(2, most))
    ops = [KINDS[queue](wait=rng.choice(waits), signal=rng.choice(signals)) for queue in drawn]
    ops += [store() for _ in range(rng.choice((0, SMALL.queue_depth)))]
    rng.shuffle(ops)
    return ops


@pytest.mark.parametrize("seed", range(8))
def test_deadlocks_and_tokens_left_are_those_of_every_order(seed: int):
    """A program that is found to end does so in every order, one that does not in none; with tokens left in all or none."""
    rng = random.Random(seed)
    found = [0, 0, 0]
    for _ in range(150):
        ops = random_tokens(rng, 6)
        problems = token_problems(ops, SMALL)
        kinds = [any(kind in problem for problem in problems) for kind in ("this program deadlocks", "tokens are left")]
        found = [count + one for count, one in zip(found, (*kinds, not problems), strict=True)]
        for order in (None, *range(6)):
            try:
                run_queues([*ops, isa.EndOp()], SMALL, lambda _: None, seed=order)
                error = ""
            except EngineError as caught:
                error = str(caught)
            assert ["this program deadlocks" in error, "tokens are left" in error] == kinds, (seed, problems)
    assert min(found) > 0, (seed, found)


def most_tokens(ops: list[isa.InstructionOp], depth: int) -> dict[tuple[Queue, Queue], int]:
    """How many tokens of each counter can wait, by all orders of a program."""
    of_queue = {queue: [index for index, op in enumerate(ops) if op.instruction.queue is queue] for queue in KINDS}
    most = {pair: 0 for pair in product(KINDS, repeat=2)}
    start = tuple(0 for _ in KINDS)
    seen, todo = {start}, [start]
    while todo:
        done = dict(zip(KINDS, todo.pop(), strict=True))
        complete = [ops[index] for queue, count in done.items() for index in of_queue[queue][:count]]
        tokens = {
            (a, b): sum(op.instruction.queue is a and op["signal"] >> b & 1 for op in complete)
            - sum(op.instruction.queue is b and op["wait"] >> a & 1 for op in complete)
            for a, b in most
        }
        most = {pair: max(count, tokens[pair]) for pair, count in most.items()}
        # The first instruction that its queue has no room for holds up all behind it.
        full = [of_queue[queue][done[queue] + depth] for queue in KINDS if len(of_queue[queue]) > done[queue] + depth]
        for queue in KINDS:
            head = next(iter(of_queue[queue][done[queue] :]), len(ops))
            if head < min([len(ops), *full]) and all(tokens[a, queue] > 0 for a in KINDS if ops[head]["wait"] >> a & 1):
                after = tuple(count + (one is queue) for one, count in done.items())
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
    return most


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limit", [1, 2])
def test_token_overflows_are_those_of_some_order(seed: int, limit: int, monkeypatch: pytest.MonkeyPatch):
    """With counters that hold few, on queues that hold what they and the units behind them do: for each pair of queues."""
    monkeypatch.setattr(queues, "MAX_TOKENS", limit)
    monkeypatch.setattr(queues, "IN_FLIGHT", 0)
    rng = random.Random(f"overflow {seed}")
    overflows = 0
    for _ in range(150):
        ops = random_tokens(rng, 9)
        problems = [problem for problem in token_problems(ops, SMALL) if "more than" in problem]
        expected = {pair for pair, count in most_tokens(ops, SMALL.queue_depth).items() if count > limit}
        names = {f"tokens from {a.name.lower()} to {b.name.lower()}," for a, b in expected}
        assert len(problems) == len(names) and all(any(name in one for one in problems) for name in names), (seed, problems)
        overflows += len(names)
    assert overflows > 0


def test_more_tokens_than_a_counter_holds():
    """LOAD may be through before STORE starts; not if it waits for STORE every now and then, or is held up by its queue."""
    many = [*(load(signal=1 << Queue.STORE) for _ in range(300)), *(store(wait=1 << Queue.LOAD) for _ in range(300))]
    (problem,) = token_problems(many, SMALL)
    assert problem.startswith("'instruction 255' (isa.load): more than 255 tokens from load to store, needs earlier waits")
    turns = [many[index // 2 + 300 * (index % 2)] for index in range(600)]
    assert token_problems(turns, SMALL) == []
    assert "tokens are left (300 from load to store)" in token_problems(many[:255] + many[:45], SMALL)[0]


def test_tokens_left():
    with pytest.raises(EngineError, match=r"tokens are left .2 from load to store., needs each signal"):
        run(load(signal=1 << Queue.STORE), load(signal=1 << Queue.STORE))


def test_token_overflow():
    with pytest.raises(EngineError, match="more than 255 tokens from load to store"):
        run(*(load(signal=1 << Queue.STORE) for _ in range(256)))


def test_missing_end():
    with pytest.raises(BinaryError, match=r"stops after 1 instructions, needs 'isa.end' last"):
        run_queues([load()], SMALL, lambda op: None)


MATRIX = {
    "x_step": 1, "row_elements": 8, "height": 1, "kernel_rows": 1, "kernel_runs": 1, "run": 1, "chunk": 1, "chunks": 1,
    "last_chunk": 1, "columns": 1, "rows": 1, "images": 1, "pixels": 1, "channel_groups": 1, "last_group_lanes": 1,
    "weight_words": 1, "low": -128, "high": 127,
}  # fmt: skip


LONG = {"tall": 1, "run": 7, "chunk": 7, "last_chunk": 7, "weight_words": 7, "bank_words": 3}
SKIPPING = {"skip_rows": 1, "kernel_row_words": 1}
DEPTHWISE = {"depthwise": 1, "kernel_runs": 2, "run": 3, "chunk": 2, "weight_words": 3}


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (lambda: load(rows=0), "rows is 0, needs at least 1"),
        (lambda: load(dst=4095), "dst reaches element 4102 of feature memory, needs at most 4095"),
        (lambda: store(src=4000, rows=3, src_stride=100), "src reaches element 4207 of feature memory"),
        (lambda: load(offset=2999), "reads input up to byte 3007, needs at most its 3000 bytes"),
        (lambda: load(base=7), "reads base register 7, needs one of 0 to 4"),
        (lambda: isa.MatrixOp(**MATRIX | {"pixels": 2}), "pixels is 2, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | {"chunk": 0}), "chunk is 0, needs at least 1"),
        (lambda: isa.MatrixOp(**MATRIX | {"run": 99, "chunk": 99}), "chunk is 99, needs at most 17, what one read brings"),
        (lambda: isa.MatrixOp(**MATRIX | {"chunks": 2}), "chunks is 2, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | {"weight_bank": 1}), "weight_bank is 1, needs 0 unless tall"),
        (lambda: isa.MatrixOp(**MATRIX | {"weight_bank": 3, "tall": 1}), "weight_bank is 3, needs at most 2"),
        (lambda: isa.MatrixOp(**MATRIX | {"last_group_lanes": 3}), "last_group_lanes is 3, needs at most 2"),
        (lambda: isa.MatrixOp(**MATRIX | {"weight_address": 682}), "uses weights up to word 682, needs at most 681"),
        (lambda: isa.MatrixOp(**MATRIX | {"parameter_address": 4000}), "uses parameters up to group 4000"),
        (lambda: isa.MatrixOp(**MATRIX | {"depthwise": 1, "tall": 1}), "tall is 1, needs 0"),
        (lambda: isa.MatrixOp(**MATRIX | {"depthwise": 1, "kernel_runs": 2}), "kernel_runs is 2, needs at most 1"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | {"chunk": 3}), "chunk is 3, needs 2"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | {"chunks": 2}), "chunks is 2, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | {"last_chunk": 2}), "last_chunk is 2, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | {"weight_words": 6}), "weight_words is 6, needs 3"),
        (lambda: isa.MatrixOp(**MATRIX | SKIPPING | {"pad_value": -1}), "pad_value is -1, needs 0 where skip_rows is 1"),
        (lambda: isa.MatrixOp(**MATRIX | SKIPPING | {"kernel_row_words": 3}), "kernel_row_words is 3, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | SKIPPING), "kernel_row_words is 1, needs 3"),
        (lambda: isa.MatrixOp(**MATRIX | SKIPPING | {"skip_rows": 0}), "kernel_row_words is 1, needs 0"),
        (lambda: isa.MatrixOp(**MATRIX | {"raw": 1, "residual": 1}), "residual is 1, needs 0 where raw is 1"),
        (lambda: isa.MatrixOp(**MATRIX | {"accumulate": 1}), "accumulates, needs a partial matrix instruction before it"),
        (lambda: isa.MatrixOp(**MATRIX | {"partial": 1, "residual": 1}), "residual is 1, needs 0 where partial is 1"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | {"partial": 1}), "depthwise is 1, needs 0"),
        (lambda: isa.MatrixOp(**MATRIX | {"partial": 1, "columns": 3, "pixels": 3}), "pixels is 3, needs at most 2 where sums"),
        (lambda: isa.MatrixOp(**MATRIX | {"partial": 1, "channel_groups": 4}), "channel_groups is 4, needs at most 3 where"),
        (lambda: isa.MatrixOp(**MATRIX | {"bank_words": 1}), "tall is 0, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | LONG | {"channel_groups": 2}), "channel_groups is 2, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | LONG | SKIPPING | {"kernel_row_words": 7}), "skip_rows is 1, needs 0"),
        (lambda: isa.MatrixOp(**MATRIX | LONG | {"bank_words": 2}), "bank_words is 2, needs at least 3: 7 in all banks"),
        (lambda: isa.MatrixOp(**MATRIX | LONG | {"weight_bank": 1}), "needs at least 4: 7 in the banks from 1 on"),
        (lambda: isa.MatrixOp(**MATRIX | LONG | {"weight_address": 680}), "uses weights up to word 682, needs at most 681"),
        (lambda: isa.MatrixOp(**MATRIX | {"src": 5000}), "reads element 5000 of feature memory, needs at most 4095"),
        (lambda: isa.MatrixOp(**MATRIX | {"zero_point": 128}), "zero_point is 128, needs -128 to 127"),
        (lambda: isa.MatrixOp(**MATRIX | {"low": 200, "high": 200}), "low is 200, needs -128 to 127"),
        (lambda: isa.MatrixOp(**MATRIX | {"residual": 1, "residual_high": 128}), "residual_high is 128, needs -128 to 127"),
        (lambda: isa.MatrixOp(**MATRIX | {"pad_value": -129}), "pad_value is -129, needs -128 to 127"),
        (lambda: isa.VectorOp(function=6), "function is 6, needs one of max_pool, average_pool"),
        (lambda: isa.VectorOp(dst_channel_step=0), "dst_channel_step is 0, needs at least 1"),
        (lambda: isa.VectorOp(src_b=3), "src_b is 3, needs 0, since max_pool does not use it"),
        (lambda: isa.VectorOp(function=VectorFunction.ADD, right=48), "right is 48, needs at most 47"),
        (lambda: isa.VectorOp(function=VectorFunction.TABLE, table_address=2), "table_address is 2, needs at most 1"),
        (lambda: isa.VectorOp(kernel_rows=256, kernel_columns=128), "have 17 bits together, needs at most 16"),
        (lambda: isa.VectorOp(pad_value=128), "pad_value is 128, needs -128 to 127"),
        (lambda: isa.VectorOp(function=VectorFunction.MULTIPLY, zero_a=128), "zero_a is 128, needs -128 to 127"),
        (lambda: isa.VectorOp(function=VectorFunction.MULTIPLY, zero_b=-129), "zero_b is -129, needs -128 to 127"),
        (lambda: isa.VectorOp(high=128), "high is 128, needs -128 to 127"),
        (lambda: isa.LoadWeightsOp(target=2, groups=1, words=1, bytes=8), "bytes is 8, needs 256"),
        (lambda: isa.LoadWeightsOp(target=2, groups=1, words=2, bytes=256), "words is 2, needs 1"),
        (lambda: isa.LoadWeightsOp(target=2, groups=2, words=1, bytes=512, address=1), "fills up to table 2, needs at most 1"),
        (lambda: isa.LoadWeightsOp(groups=1, words=1, bank=3), "bank is 3, needs at most 2"),
        (lambda: isa.LoadWeightsOp(groups=1, words=1, bytes=5), "bytes is 5, needs 2"),
        (lambda: isa.LoadWeightsOp(groups=1, words=683, bytes=1366), "fills up to weight word 682, needs at most 681"),
    ],
)  # fmt: skip
def test_stops_the_engine(op, message: str):
    with pytest.raises(EngineError, match=f"'instruction 0' .isa.*{message}"):
        run(op())


def test_partial_sums_are_gone_on_with():
    hardware = SMALL
    whole = isa.MatrixOp(**MATRIX | {"partial": 1}).fields
    for second, message in (
        ({}, "does not accumulate, needs to after a partial matrix instruction"),
        (
            {"accumulate": 1, "columns": 2, "pixels": 2},
            r"accumulates sums of shape \(2, 1\), needs \(1, 1\), those in the array",
        ),
    ):
        machine = Machine(hardware)
        semantics.matrix(machine, whole)
        with pytest.raises(EngineError, match=message):
            semantics.matrix(machine, isa.MatrixOp(**MATRIX | second).fields)


def test_accumulator_is_checked():
    hardware = Hardware(processing_elements=(2, 6), bits_sum=16, axi_width=32)
    machine = Machine(hardware)
    machine.feature[:], machine.weights[:] = -128, -128
    fields = isa.MatrixOp(**MATRIX | {"run": 16, "chunk": 16, "last_chunk": 16, "row_elements": 16, "weight_words": 16}).fields
    with pytest.raises(EngineError, match="sums up to 262144, needs -32768 to 32767"):
        semantics.matrix(machine, fields)


@pytest.mark.parametrize("raw", [0, 1])
def test_accumulator_is_checked_with_its_bias(raw: int):
    """The engine adds the bias in the accumulator: both fit alone, their sum does not."""
    hardware = Hardware(processing_elements=(2, 6), bits_sum=16, axi_width=32)
    machine = Machine(hardware)
    machine.feature[:], machine.weights[:], machine.bias[:] = 127, 127, 16638
    fields = isa.MatrixOp(**MATRIX | {"raw": raw, "dst": 100}).fields
    semantics.matrix(machine, fields)
    machine.bias[:] = -48897
    semantics.matrix(machine, fields)
    machine.bias[:] = 16638
    with pytest.raises(EngineError, match="sums up to 49405, needs -32768 to 32767"):
        semantics.matrix(machine, fields | {"bias_shift": 1})
    machine.bias[0, 1] = 16639
    with pytest.raises(EngineError, match="sums up to 32768, needs -32768 to 32767"):
        semantics.matrix(machine, fields | {"last_group_lanes": 2})
    semantics.matrix(machine, fields)


def test_second_operand_is_not_read_without_a_multiplier():
    """ADD with `multiplier_b` 0 is a function of one element, wherever `src_b` points."""
    machine = filled(SMALL, 1)
    before = machine.feature.copy()
    fields = {"function": VectorFunction.ADD, "columns": 1, "rows": 1, "images": 1, "channels": 8, "height": 1}
    fields |= {"row_elements": 8, "src_b": 1 << 23, "multiplier_a": 1, "low": 0, "high": 127, "dst": 100}
    semantics.vector(machine, isa.VectorOp(**fields).fields)
    np.testing.assert_array_equal(machine.feature[100:108], np.maximum(before[:8], 0))
    with pytest.raises(EngineError, match="reads element 8388615 of feature memory"):
        semantics.vector(machine, isa.VectorOp(**fields | {"multiplier_b": 1}).fields)


def test_empty_window():
    machine = Machine(SMALL)
    fields = isa.VectorOp(columns=1, rows=1, images=1, channels=1, kernel_rows=1, kernel_columns=1, height=0).fields
    with pytest.raises(EngineError, match="output position 0 has no element in its window"):
        semantics.vector(machine, fields)

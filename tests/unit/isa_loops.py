"""The loops of `dsf/isa/table.py` in plain Python, one element at a time: what instructions do to a machine."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

from dsf.isa.table import ELEMENTWISE, BaseRegister, VectorFunction
from dsf.runtime.machine import Machine


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
            m.multiplier[f["address"] + i, lane] = (word >> 32 & 0xFFFF | word >> 54 << 16) & ((1 << hw.bits_multiplier) - 1)
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
                v = (acc << hw.bits_fraction) + (int(m.bias[p, lane]) << f["bias_shift"])
                place = n * f["dst_image_step"] + oy * f["dst_row_step"] + ox * f["dst_pixel_step"] + f["dst"]
                if f["raw"]:
                    per = 32 // hw.bits_input
                    for e in range(per):
                        part = v >> hw.bits_fraction >> e * hw.bits_input & ((1 << hw.bits_input) - 1)
                        part -= (1 << hw.bits_input) if part >> (hw.bits_input - 1) else 0
                        m.feature[(place + c * per + e) % 2**24] = part
                    continue
                down = int(m.shift[p, lane]) + hw.bits_fraction + (f["leak"] if v < 0 else 0)
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
                v = (acc << hw.bits_fraction) + (int(m.bias[f["parameter_address"] + i, lane]) << f["bias_shift"])
                for e in range(per := 32 // hw.bits_input):
                    part = v >> hw.bits_fraction >> e * hw.bits_input & ((1 << hw.bits_input) - 1)
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

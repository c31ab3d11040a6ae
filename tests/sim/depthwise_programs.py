"""
Depthwise convolutions written by hand as instructions, with the result of each from numpy loops that know nothing of
instructions.
"""

from __future__ import annotations

import numpy as np
from core_programs import LOAD, MATRIX, STORE, WEIGHT, Network, Parameters, Program, convolve, output_steps
from matrix_reference import Shape, depthwise_window, skipping, window

from dsf import numerics
from dsf.hardware import Hardware
from dsf.isa.table import BaseRegister
from dsf.layout import pack_elements, pack_parameters, pack_weight_groups, packed_bytes
from dsf.numerics import Ints, int_range

Padding = tuple[int, int, int, int]


def depthwise(x: Ints, w: Ints, stride: tuple[int, int], padding: Padding, pad_value: int) -> Ints:
    """NHWC by (KH, KW, C), one channel at a time."""
    channels = [
        convolve(x[..., c : c + 1], w[..., c].reshape(*w.shape[:2], 1, 1), stride, padding, pad_value)
        for c in range(x.shape[-1])
    ]
    return np.concatenate(channels, axis=-1)


class DepthwiseProgram(Program):
    """A program that grows layer by layer; each takes the tensor `x` (NHWC) at `at`, and leaves its result there."""

    def __init__(self, hw: Hardware, seed: int, size: tuple[int, int], channels: int, images: int):
        super().__init__(hw)
        self.random = np.random.default_rng(seed)
        self.shape = Shape(hw.rows, hw.columns, hw.column_groups, vector_length=hw.vector_length)
        self.range = low, high = int_range(hw.bits_input)
        self.x = self.random.integers(low, high + 1, size=(images, *size, channels))
        self.at = self.place(self.x.size)
        self.input, rows = self.rows_of_x()
        self.add("load", base=BaseRegister.INPUT, **rows, dst=self.at, dst_stride=rows["row_elements"], signal=MATRIX)
        self.tokens = LOAD

    def rows_of_x(self) -> tuple[bytes, dict[str, int]]:
        """The tensor, each row from a byte of its own on, and the fields that move it."""
        rows = self.x.reshape(-1, self.x.shape[2] * self.x.shape[3])
        data = b"".join(pack_elements(row, self.hw.bits_input) for row in rows)
        stride = packed_bytes(rows.shape[1], self.hw.bits_input)
        return data, {"rows": rows.shape[0], "row_elements": rows.shape[1], "row_stride": stride}

    def draw_weights(self, *dimensions: int) -> Ints:
        return self.random.integers(*int_range(self.hw.bits_weights), size=dimensions, endpoint=True)

    def load_taps(self, w: Ints, p: Parameters, stride: int) -> dict[str, int]:
        """
        (kernel rows, taps, C) and its parameters to the next free words, taps in the order of phases, one LOAD_WEIGHTS for the
        groups of each pass; the fields that name them.
        """
        hw, lanes = self.hw, self.hw.group_columns
        taps, channels = w.shape[1:]
        phases = min(stride, taps)
        order = [tap for phase in range(phases) for tap in range(phase, taps, phases)]
        groups = -(-channels // lanes)
        fill = groups * lanes - channels
        words = np.pad(w[:, order], ((0, 0), (0, 0), (0, fill))).reshape(-1, groups, lanes).transpose(1, 0, 2)
        parameters = pack_parameters(*(np.pad(v, (0, fill)) for v in (p.bias, p.multiplier, p.shift)))
        places = {"weight_address": self.bank_words, "parameter_address": self.groups}
        self.stream(parameters, target=1, address=self.groups, words=1, groups=groups)
        for first in range(0, groups, hw.depthwise_groups):
            part = words[first : first + hw.depthwise_groups]
            data = pack_weight_groups(part, hw.bits_weights, hw.weight_slot_bits)
            signal = MATRIX if first + hw.depthwise_groups >= groups else 0
            self.stream(data, target=0, address=self.bank_words, words=words.shape[1], groups=len(part), signal=signal)
            self.bank_words += words.shape[1]
        self.groups += groups
        return places

    def matrix(self, result: Ints, fields: dict[str, int], transposed: bool = False, signal: int = MATRIX) -> None:
        """The instruction that makes `result` of x. Transposed, what is a row step elsewhere is a pixel step."""
        at = self.place(result.size)
        steps = transposed_steps(output_steps(at, *result.shape[1:]), transposed)
        self.add("matrix", **fields, **steps, wait=WEIGHT | self.tokens, signal=signal)
        self.x, self.at, self.tokens = result, at, MATRIX

    def add_depthwise(
        self,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        *,
        transposed: bool,
        residual: bool = False,
        skips: bool = False,
        signal: int = MATRIX,
    ) -> None:
        """
        With as much padding as keeps the size where the stride is 1; `residual`: plus its own input, `skips`: kernel rows in
        padding, which is zero.
        """
        padding = tuple(v for k in kernel for v in ((k - 1) // 2, k // 2))
        channels = self.x.shape[3]
        pad_value = 0 if skips else int(self.random.integers(self.range[0], self.range[1] + 1))
        w = self.draw_weights(*kernel, channels)
        p = Parameters.draw(self.random, self.hw, channels, w[..., 0].size)
        along = w.transpose(1, 0, 2) if transposed else w
        places = self.load_taps(along, p, stride[0] if transposed else stride[1])
        result = p.requantize(depthwise(self.x, w, stride, padding, pad_value))
        fields = depthwise_window(
            self.shape,
            size=self.x.shape[1:3],
            channels=channels,
            kernel=kernel,
            stride=stride,
            padding=padding,
            images=self.x.shape[0],
            base=self.at,
            transposed=transposed,
            pad_value=pad_value,
        )
        fields = (skipping(fields) if skips else fields) | places | p.fields()
        if residual:
            low, high = self.range
            add = {"multiplier_a": 3, "multiplier_b": 2, "offset": 5, "shift": 2, "leak": 1, "low": low, "high": high}
            result = numerics.residual_add(result, self.x, **add)
            steps = transposed_steps(output_steps(self.at, *self.x.shape[1:]), transposed)
            fields |= {f"residual_{name}": value for name, value in add.items()} | {"residual": 1, "residual_src": self.at}
            fields |= {name.replace("dst", "residual"): value for name, value in steps.items() if name != "dst"}
        self.matrix(result, fields, transposed, signal)

    def add_pointwise(self, channels: int, tall: int) -> None:
        """A 1x1 convolution to other channels."""
        w = self.draw_weights(1, 1, self.x.shape[3], channels)
        p = Parameters.draw(self.random, self.hw, channels, self.x.shape[3])
        places = self.load_weights(w, p, signal=MATRIX)
        result = p.requantize(convolve(self.x, w, (1, 1), (0, 0, 0, 0), 0))
        images, *size, channels_in = self.x.shape
        fields = window(self.shape, size=tuple(size), channels=channels_in, images=images, base=self.at, tall=tall)
        groups = -(-channels // self.hw.group_columns)
        fields |= {"channel_groups": groups, "last_group_lanes": channels - (groups - 1) * self.hw.group_columns}
        self.matrix(result, fields | places | p.fields())

    def finish(self) -> Network:
        output, rows = self.rows_of_x()
        self.add("store", base=BaseRegister.OUTPUT, **rows, src=self.at, src_stride=rows["row_elements"], wait=MATRIX)
        self.add("end")
        assert self.bank_words <= self.hw.weight_words and self.groups <= self.hw.parameter_groups
        return Network(self.code, self.weights, self.input, output, tuple(self.instructions))


def transposed_steps(steps: dict[str, int], transposed: bool) -> dict[str, int]:
    if not transposed:
        return steps
    return steps | {"dst_pixel_step": steps["dst_row_step"], "dst_row_step": steps["dst_pixel_step"]}


def network(hw: Hardware, seed: int) -> Network:
    """input -> depthwise 3x3 -> 1x1 on the tall array -> depthwise, of any stride or with a residual -> output."""
    draw = np.random.default_rng(seed)
    size = tuple(int(v) for v in draw.integers(4, 2 * hw.rows + 2, size=2))
    program = DepthwiseProgram(hw, seed, size, int(draw.integers(1, 2 * hw.columns)), images=2)
    program.add_depthwise((3, 3), (1, 1), transposed=bool(draw.integers(0, 2)), skips=seed % 3 == 0)
    program.add_pointwise(int(draw.integers(1, hw.columns + 2)), tall=int(hw.column_groups > 1))
    kernel, transposed, residual = tuple(int(v) for v in draw.integers(1, 5, size=2)), bool(draw.integers(0, 2)), seed % 2 == 1
    stride = (1, 1) if residual else tuple(int(v) for v in draw.integers(1, 4, size=2))
    program.add_depthwise(kernel, stride, transposed=transposed, residual=residual, skips=seed < 3, signal=STORE)
    return program.finish()

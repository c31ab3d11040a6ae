"""
Small networks written by hand as instructions, with the result of each from numpy loops that know nothing of instructions.

    input -> conv A -> max pool -> conv B + residual -> average pool -> dense (raw) -> output

The window fields come from `matrix_reference.window`; what is computed comes from `convolve`, `pool` and `dsf.numerics`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from matrix_reference import Shape, skipping, window

from dsf import numerics
from dsf.hardware import Hardware
from dsf.isa.encoding import encode_instruction
from dsf.isa.table import BaseRegister, Queue, VectorFunction
from dsf.layout import pack_elements, pack_parameters, pack_weight_groups, packed_bytes, unpack_elements
from dsf.numerics import Ints, int_range, random_elements, to_element

LOAD, WEIGHT, MATRIX, VECTOR, STORE = (1 << queue for queue in Queue)
MASK = (1 << 24) - 1


def convolve(x: Ints, w: Ints, stride: tuple[int, int], padding: tuple[int, int, int, int], pad_value: int) -> Ints:
    """NHWC by (KH, KW, CI, CO), one window at a time."""
    top, bottom, left, right = padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=pad_value)
    kh, kw = w.shape[:2]
    rows, columns = (x.shape[1] - kh) // stride[0] + 1, (x.shape[2] - kw) // stride[1] + 1
    y = np.zeros((x.shape[0], rows, columns, w.shape[3]), dtype=np.int64)
    for r in range(rows):
        for c in range(columns):
            patch = x[:, r * stride[0] :, c * stride[1] :][:, :kh, :kw]
            y[:, r, c] = np.einsum("nhwi,hwio->no", patch, w)
    return y


@dataclass(frozen=True)
class Parameters:
    """A layer's epilogue: per channel, and for the whole layer."""

    bias: Ints
    multiplier: Ints
    shift: Ints
    bias_shift: int
    leak: int
    zero_point: int
    low: int
    high: int
    bits: int
    fraction: int

    @staticmethod
    def draw(random: np.random.Generator, hw: Hardware, channels: int, words: int) -> Parameters:
        """Values that keep most outputs inside the range."""
        low, high = int_range(hw.bits_input)
        spread = max(2, hw.bits_input + hw.bits_weights - 4 + max(0, words.bit_length() // 2))
        return Parameters(
            bias=random.integers(*int_range(min(hw.bits_bias, spread)), size=channels),
            multiplier=random.integers(1 << (hw.bits_multiplier - 1), 1 << hw.bits_multiplier, size=channels),
            shift=random.integers(-1, 1, size=channels) + hw.bits_multiplier + max(0, spread - hw.bits_input + 1),
            bias_shift=int(random.integers(-hw.bits_fraction, 3)),
            leak=int(random.integers(0, 4)),
            zero_point=int(random.integers(low // 4, high // 4 + 1)),
            low=low,
            high=high,
            bits=hw.bits_input,
            fraction=hw.bits_fraction,
        )

    def fields(self) -> dict[str, int]:
        """Those of an instruction: the engine shifts a bias from the last bit behind the point of a sum on."""
        same = {name: getattr(self, name) for name in ("leak", "zero_point", "low", "high")}
        return {"bias_shift": self.bias_shift + self.fraction, **same}

    def requantize(self, acc: Ints) -> Ints:
        numbers = self.fields() | {"bias_shift": self.bias_shift}
        y = numerics.requantize(acc, self.bias, multiplier=self.multiplier, shift=self.shift, **numbers)
        return to_element(y, self.bits)


@dataclass
class Program:
    """Instructions and weights as they grow, and the next free place in each memory."""

    hw: Hardware
    code: bytes = b""
    weights: bytes = b""
    feature: int = 5  # Not aligned to anything.
    bank_words: int = 0
    groups: int = 0
    instructions: list[str] = field(default_factory=list)

    def add(self, name: str, **fields: int) -> None:
        self.code += encode_instruction(name, **fields)
        self.instructions.append(name)

    def place(self, elements: int) -> int:
        start, self.feature = self.feature, self.feature + elements + 3
        assert self.feature <= self.hw.feature_elements
        return start

    def load_weights(self, w: Ints, p: Parameters, **tokens: int) -> dict[str, int]:
        """(KH, KW, CI, CO) and its parameters to the next free words; the fields that name them."""
        hw, lanes = self.hw, self.hw.group_columns
        groups = -(-w.shape[3] // lanes)
        flat = to_element(np.zeros((np.prod(w.shape[:3]), groups * lanes)), hw.bits_weights)
        flat[:, : w.shape[3]] = w.reshape(-1, w.shape[3])
        words = flat.reshape(-1, groups, lanes).transpose(1, 0, 2)
        fill = groups * lanes - w.shape[3]
        parameters = pack_parameters(*(np.pad(v, (0, fill)) for v in (p.bias, p.multiplier, p.shift)))
        places = {"weight_address": self.bank_words, "parameter_address": self.groups}
        self.stream(parameters, target=1, address=self.groups, words=1, groups=groups)
        data = pack_weight_groups(words, hw.bits_weights, hw.weight_slot_bits)
        self.stream(data, target=0, address=self.bank_words, words=words.shape[1], groups=groups, **tokens)
        self.groups += groups
        self.bank_words += -(-groups // hw.column_groups) * words.shape[1]
        return places

    def stream(self, data: bytes, **fields: int) -> None:
        """A LOAD_WEIGHTS of these bytes."""
        self.add("load_weights", base=BaseRegister.WEIGHTS, offset=len(self.weights), bytes=len(data), **fields)
        self.weights += data


@dataclass(frozen=True)
class Network:
    """A complete program and what it has to give."""

    program: bytes
    weights: bytes
    input: bytes
    output: bytes
    instructions: tuple[str, ...]


def output_steps(base: int, rows: int, columns: int, channels: int, prefix: str = "dst") -> dict[str, int]:
    """Addresses of a dense NHWC tensor."""
    return {
        f"{prefix}": base,
        f"{prefix}_pixel_step": channels,
        f"{prefix}_row_step": columns * channels,
        f"{prefix}_image_step": rows * columns * channels,
    }


def pool_fields(function: VectorFunction, x: tuple[int, ...], base: int, size: int, stride: int, pad: int) -> dict[str, int]:
    """The window of a pooling over the NHWC tensor of shape `x` at `base`."""
    images, height, width, channels = x
    rows, columns = ((extent + 2 * pad - size) // stride + 1 for extent in (height, width))
    return {
        "function": function,
        "src": base - pad * (width + 1) * channels & MASK,
        "x_start": -pad * channels,
        "x_step": stride * channels,
        "y_start": -pad,
        "y_step": stride,
        "row_step": stride * width * channels,
        "image_step": height * width * channels,
        "row_elements": width * channels,
        "height": height,
        "kernel_rows": size,
        "kernel_row_step": width * channels,
        "kernel_columns": size,
        "kernel_column_step": channels,
        "columns": columns,
        "rows": rows,
        "images": images,
        "channels": channels,
    }


def pool(x: Ints, size: int, stride: int, pad: int) -> tuple[Ints, Ints, Ints]:
    """Maximum, sum and number of the elements inside each window."""
    images, height, width, channels = x.shape
    rows, columns = ((extent + 2 * pad - size) // stride + 1 for extent in (height, width))
    top, total, count = (np.zeros((images, rows, columns, channels), dtype=np.int64) for _ in range(3))
    for r in range(rows):
        for c in range(columns):
            ys = slice(max(0, r * stride - pad), min(height, r * stride - pad + size))
            xs = slice(max(0, c * stride - pad), min(width, c * stride - pad + size))
            inside = x[:, ys, xs]
            top[:, r, c], total[:, r, c] = inside.max(axis=(1, 2)), inside.sum(axis=(1, 2))
            count[:, r, c] = inside.shape[1] * inside.shape[2]
    return top, total, count


def network(hw: Hardware, seed: int, *, tall: int, images: int = 2) -> Network:
    """A random network for this hardware; `tall` is the shape of the array for both convolutions."""
    random = np.random.default_rng(seed)
    low, high = int_range(hw.bits_input)
    shape = Shape(hw.rows, hw.columns, hw.column_groups, vector_length=hw.vector_length)
    height, width = (int(v) for v in random.integers(5, 9, size=2))
    ci, ca, classes = (int(v) for v in random.integers(1, 6, size=3) + np.array([0, hw.group_columns, 2]))
    kernel = tuple(int(v) for v in random.integers(1, 5, size=2))
    stride = tuple(int(v) for v in random.integers(1, 3, size=2))
    padding = tuple(int(v) for v in random.integers(0, 3, size=4) % np.repeat(kernel, 2))
    # With zeros for padding the second convolution, and every other time the first one, skip kernel rows.
    pad_value = int(random.integers(low, high + 1)) * (seed % 2)
    program = Program(hw)

    # Input, row by row so that rows may end inside a byte.
    x = random_elements(random, (images, height, width, ci), hw.bits_input)
    row_bytes = packed_bytes(width * ci, hw.bits_input)
    at = program.place(x.size)
    program.add(
        "load",
        base=BaseRegister.INPUT,
        rows=images * height,
        row_elements=width * ci,
        row_stride=row_bytes,
        dst=at,
        dst_stride=width * ci,
        signal=MATRIX,
    )

    def draw_weights(*dimensions: int) -> Ints:
        return random_elements(random, dimensions, hw.bits_weights)

    def last_lanes(channels: int) -> dict[str, int]:
        groups = -(-channels // hw.group_columns)
        return {"channel_groups": groups, "last_group_lanes": channels - (groups - 1) * hw.group_columns}

    # Conv A.
    w = draw_weights(*kernel, ci, ca)
    p = Parameters.draw(random, hw, ca, w[..., 0].size)
    places = program.load_weights(w, p, signal=MATRIX)
    a = p.requantize(convolve(x, w, stride, padding, pad_value))
    fields = window(
        shape,
        size=(height, width),
        channels=ci,
        kernel=kernel,
        stride=stride,
        padding=padding,
        images=images,
        base=at,
        tall=tall,
    )
    at = program.place(a.size)
    fields = fields | {"pad_value": pad_value} if pad_value != 0 else skipping(fields)
    fields |= places | last_lanes(ca) | p.fields() | output_steps(at, *a.shape[1:])
    program.add("matrix", **fields, wait=LOAD | WEIGHT, signal=VECTOR)

    # Max pool, 3x3, same size.
    fields = pool_fields(VectorFunction.MAX_POOL, a.shape, at, 3, 1, 1)
    b = pool(a, 3, 1, 1)[0]
    a_at, at = at, program.place(b.size)
    program.add("vector", **fields, **output_steps(at, *b.shape[1:]), low=low, high=high, wait=MATRIX, signal=MATRIX)

    # Conv B, 3x3, same size, plus A.
    w = draw_weights(3, 3, ca, ca)
    p = Parameters.draw(random, hw, ca, w[..., 0].size)
    places = program.load_weights(w, p, signal=MATRIX)
    residual = {
        "multiplier_a": int(random.integers(1, 1 << hw.bits_multiplier)),
        "multiplier_b": int(random.integers(1, 1 << hw.bits_multiplier)),
        "offset": int(random.integers(-(1 << (hw.bits_multiplier + 2)), 1 << (hw.bits_multiplier + 2))),
        "shift": hw.bits_multiplier,
        "leak": int(random.integers(0, 3)),
        "low": low,
        "high": high,
    }
    c = numerics.residual_add(p.requantize(convolve(b, w, (1, 1), (1, 1, 1, 1), 0)), a, **residual)
    c = to_element(c, hw.bits_input)
    fields = window(
        shape, size=b.shape[1:3], channels=ca, kernel=(3, 3), padding=(1, 1, 1, 1), images=images, base=at, tall=tall
    )
    at = program.place(c.size)
    fields = skipping(fields) | places | last_lanes(ca) | p.fields() | output_steps(at, *c.shape[1:])
    fields |= {f"residual_{name}": value for name, value in residual.items()} | {"residual": 1}
    fields |= output_steps(a_at, *a.shape[1:], prefix="residual_src")
    fields = {name.replace("residual_src_", "residual_"): value for name, value in fields.items()}
    program.add("matrix", **fields, wait=WEIGHT | VECTOR, signal=VECTOR)

    # Average pool, 2x2 with stride 2 and padding 1, counting what is inside.
    fields = pool_fields(VectorFunction.AVERAGE_POOL, c.shape, at, 2, 2, 1)
    _, total, count = pool(c, 2, 2, 1)
    scale = {"left": int(random.integers(0, 3)), "right": int(random.integers(0, 2)), "leak": 1, "low": low, "high": high}
    d = to_element(numerics.pool_scale(total, count, **scale), hw.bits_input)
    at = program.place(d.size)
    program.add("vector", **fields, **output_steps(at, *d.shape[1:]), **scale, wait=MATRIX, signal=MATRIX | STORE)

    # Dense, raw: one pixel per image.
    features = d[0].size
    w = draw_weights(1, 1, features, classes)
    p = Parameters.draw(random, hw, classes, features)
    places = program.load_weights(w, p, signal=MATRIX)
    logits = numerics.raw(
        convolve(d.reshape(images, 1, 1, features), w, (1, 1), (0, 0, 0, 0), 0), p.bias, bias_shift=p.bias_shift
    )
    fields = window(shape, size=(1, 1), channels=features, images=images, base=at)
    raw_at = program.place(logits.size * hw.raw_elements)
    fields |= places | last_lanes(classes) | p.fields() | output_steps(raw_at, 1, 1, classes * hw.raw_elements)
    program.add("matrix", **fields, raw=1, wait=WEIGHT | VECTOR, signal=STORE)

    # Output: the averages row by row, then the logits.
    row_elements = d.shape[2] * ca
    row_bytes = packed_bytes(row_elements, hw.bits_input)
    rows = d.reshape(-1, row_elements)
    program.add(
        "store",
        base=BaseRegister.OUTPUT,
        rows=len(rows),
        row_elements=row_elements,
        row_stride=row_bytes,
        src=at,
        src_stride=row_elements,
        wait=VECTOR,
    )
    program.add(
        "store",
        base=BaseRegister.OUTPUT,
        offset=len(rows) * row_bytes,
        rows=1,
        row_elements=logits.size * hw.raw_elements,
        src=raw_at,
        wait=MATRIX,
    )
    program.add("end")
    assert program.bank_words <= hw.weight_words and program.groups <= hw.parameter_groups
    assert abs(logits).max() < 1 << (hw.bits_sum - 1)
    data = b"".join(pack_elements(row, hw.bits_input) for row in x.reshape(-1, width * ci))
    output = b"".join(pack_elements(row, hw.bits_input) for row in rows) + pack_elements(logits, 32)
    assert np.array_equal(unpack_elements(output[-4 * logits.size :], 32, logits.size), logits.reshape(-1))
    return Network(program.code, program.weights, data, output, tuple(program.instructions))

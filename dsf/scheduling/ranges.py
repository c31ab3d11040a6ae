"""
The proof that the numbers of a network fit the hardware, whatever its input.

    max|x| * sum|w| + |bias|  fits  bits_sum        weights, biases and clips fit the widths of the hardware

`x` is within the clip of the layer that makes it; what comes from DRAM nothing clips, so it has all bits of the hardware.
"""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.builtin import i1

from dsf import numerics
from dsf.constraints.sums import largest_sums, overflow
from dsf.dialects import tile
from dsf.dialects.constants import ints_of, stored_ints
from dsf.dialects.integers import MAX_BIAS_SHIFT, width
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.numerics import MULTIPLIER_BITS
from dsf.scheduling.network import Layer, Network


def check_ranges(network: Network, hw: Hardware) -> None:
    """Raises `ModelError` with every number that may leave its width."""
    values: dict[int, int] = {}
    for layer in network.layers:
        op = layer.op
        copied = isinstance(op, tile.CopyOp)
        made = _bits_of_copy(layer, op, values, hw) if copied else _bits_of_result(layer)
        # Others may have made a part of it before.
        values[layer.result] = max(made, values.get(layer.result, 0))
    problems: list[str] = []
    for layer in network.layers:
        problems += _clips(layer, hw)
        problems += _factors(layer, hw)
        if isinstance(layer.op, tile.MatrixOp):
            bits = values.get(layer.source, max(width(layer.op.x), hw.bits_input))
            problems += list(_constants(layer, layer.op, hw)) or _sums(layer, layer.op, bits, hw)
    if problems:
        raise ModelError(problems)


def _bits_of_result(layer: Layer) -> int:
    """Bits of the integers that a layer's result can hold: those of its last clip, or of raw sums; 1 if it is binary."""
    if width(layer.op.y) == 1:
        return 1
    clips = _clips_of(layer)
    return numerics.bits_of(clips[-1]) if clips else width(layer.op.y)


def _bits_of_copy(layer: Layer, op: tile.CopyOp, values: dict[int, int], hw: Hardware) -> int:
    """What is copied, or stands for what is outside."""
    copied = values.get(layer.source, max(width(op.x), hw.bits_input))
    padding = numerics.bits_of(op.part.pad_value.data) if width(op.x) > 1 else 1
    return max(copied, padding)


def _factors(layer: Layer, hw: Hardware) -> Iterator[str]:
    """By what elements are multiplied and what is added to them, in sums and products of two tensors."""
    numbers = layer.op.add if isinstance(layer.op, tile.MatrixOp) else getattr(layer.op, "function", None)
    match numbers:
        case tile.AddAttr():
            multiplier = max(numbers.multiplier_a.data, numbers.multiplier_b.data)
        case tile.MultiplyAttr():
            multiplier = numbers.multiplier.data
        case _:
            return
    # An offset has the bits of a product.
    bits = max(multiplier.bit_length(), numerics.bits_of(numbers.offset.data) - MULTIPLIER_BITS)
    if bits > hw.bits_multiplier:
        change = f"use Hardware(bits_multiplier={bits})"
        has = f"multipliers of {multiplier.bit_length()} bits and an offset of {numerics.bits_of(numbers.offset.data)}"
        needs = f"at most {hw.bits_multiplier} (bits_multiplier) and {hw.bits_multiplier + MULTIPLIER_BITS}"
        yield f"'{layer.name}': {has}, needs {needs}; {change}"


def _clips_of(layer: Layer) -> list[tuple[int, int]]:
    """The intervals that a layer clips to, in order."""
    match layer.op:
        case tile.MatrixOp() as op:
            numbers = [one for one in (op.requantize, op.add) if one is not None]
        case tile.PoolOp() as op:
            numbers = [op.scale]
        case tile.ElementwiseOp() as op:
            numbers = [op.function]
        case tile.LookupOp() as op:
            table = ints_of(op.table)
            return [(int(table.min()), int(table.max()))]
        case tile.CopyOp():
            return []
    return [(one.low.data, one.high.data) for one in numbers]


def _clips(layer: Layer, hw: Hardware) -> Iterator[str]:
    low, high = numerics.int_range(hw.bits_input)
    for clip in _clips_of(layer):
        if not low <= clip[0] <= clip[1] <= high:
            needs = f"an interval in [{low}, {high}] (bits_input)"
            yield f"'{layer.name}': a clip to {list(clip)}, needs {needs}; narrow it or use hardware with more bits"


def _constants(layer: Layer, op: tile.MatrixOp, hw: Hardware) -> Iterator[str]:
    binary = op.weights.get_element_type() == i1
    if binary != (hw.bits_weights == 1):
        has, needs = ("1 bit", "2 bits or more") if binary else ("more than 1 bit", "1 bit")
        yield f"'{layer.name}': weights of {has}, needs {needs} (bits_weights); quantise them anew"
    for what, values, parameter, most in (
        ("weights", op.weights, "bits_weights", hw.bits_weights),
        ("a bias", op.bias, "bits_bias", hw.bits_bias),
    ):
        stored = stored_ints(values)
        bits = numerics.bits_of([stored.min(), stored.max()])
        if bits > most > 1:
            needs = f"at most {most} ({parameter})"
            yield f"'{layer.name}': {what} of {bits} bits, needs {needs}; use fewer bits or hardware with more"
    yield from _rescaling(layer, op, hw)


def _rescaling(layer: Layer, op: tile.MatrixOp, hw: Hardware) -> Iterator[str]:
    """Multipliers, and how biases are aligned with sums."""
    bits = 0 if op.multiplier is None else int(ints_of(op.multiplier).max()).bit_length()
    if bits > hw.bits_multiplier:
        change = f"use Hardware(bits_multiplier={bits})"
        yield f"'{layer.name}': a multiplier of {bits} bits, needs at most {hw.bits_multiplier} (bits_multiplier); {change}"
    shift, most = op.epilogue.bias_shift.data, MAX_BIAS_SHIFT - hw.bits_fraction
    if shift < -hw.bits_fraction:
        change = f"use Hardware(bits_fraction={-shift})"
        yield f"'{layer.name}': a bias with {-shift} bits behind the point, needs at most {hw.bits_fraction}; {change}"
    if shift > most:
        change = "use more fraction bits for the bias"
        yield f"'{layer.name}': a bias shifted left by {shift}, needs at most {most} (31 less bits_fraction); {change}"


def _sums(layer: Layer, op: tile.MatrixOp, bits: int, hw: Hardware) -> Iterator[str]:
    # Padding of binary inputs is -1 to 1, no larger than they are.
    bits = max(bits, numerics.bits_of(op.window.pad_value.data)) if bits > 1 else 1
    bound = largest_sums(stored_ints(op.weights), ints_of(op.bias), op.epilogue.bias_shift.data, bits)
    yield from overflow(f"'{layer.name}'", bound, hw.bits_sum)

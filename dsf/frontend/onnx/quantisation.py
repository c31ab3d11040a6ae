"""Handlers of QuantizeLinear and DequantizeLinear: where real numbers get their grid, and integers their meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dsf.dialects.bundle import AffineType
from dsf.dialects.shapes import shape
from dsf.frontend.onnx.graph import CODE_TYPES, Node, is_float
from dsf.frontend.onnx.host import on_host
from dsf.frontend.onnx.importer import Importer, handles
from dsf.frontend.onnx.operands import constant_of, real_of
from dsf.frontend.onnx.rounding import pending_of, quantise
from dsf.frontend.onnx.signs import signs_of
from dsf.frontend.onnx.values import (
    Array,
    Border,
    Constant,
    Host,
    Input,
    Padded,
    QuantisedConstant,
    Rounded,
    Sign,
    State,
    UnsupportedError,
    Wire,
)
from dsf.numerics import as_ints

#: Bits of activations that an engine may have.
ACTIVATION_BITS = (2, 4, 8)


def grid_of_numbers(scale: Array, zero_point: Array | None, kind: str = "uint8") -> tuple[AffineType, int]:
    """
    The engine's grid of a tensor's scale and zero point, which has the integers' type (`kind` without one), and by how much
    ONNX's integers are larger than the engine's.
    """
    kind = kind if zero_point is None else zero_point.dtype.name
    bits, signed = CODE_TYPES.get(kind, (0, True))
    if bits not in ACTIVATION_BITS:
        raise UnsupportedError(f"activations of type {kind}", "int8 or uint8 (or 4 or 2 bits)", "quantise to such a type")
    if scale.size != 1 or (zero_point is not None and zero_point.size != 1):
        raise UnsupportedError(f"{scale.size} scales of an activation", "one for the whole tensor", "quantise it per tensor")
    offset = 0 if signed else 1 << (bits - 1)
    zero = 0 if zero_point is None else int(zero_point.astype(np.int64).item())
    unit = float(scale.astype(np.float64).item())
    if not (np.isfinite(unit) and unit > 0):
        raise UnsupportedError(f"a scale of {unit}", "a positive number", "calibrate the model again")
    return AffineType.of(bits, unit, zero - offset), offset


def _numbers(inputs: Sequence[State | None]) -> tuple[Array, Array | None]:
    """Scale and zero point."""
    zero_point = inputs[2] if len(inputs) > 2 else None
    scale = constant_of(inputs[1], "a scale")
    if not is_float(scale):
        raise UnsupportedError(f"a scale of type {scale.dtype}", "floating point", "export the model again")
    if isinstance(zero_point, Constant | None):
        return scale, None if zero_point is None else zero_point.array
    return scale, constant_of(zero_point, "a zero point")


def _axis(node: Node, rank: int, scale: Array) -> int | None:
    """The axis of a scale that has one number for each index of it."""
    if scale.size == 1:
        return None
    if scale.ndim != 1:
        raise UnsupportedError(f"scales of shape {scale.shape}", "one for each channel, or one", "quantise without blocks")
    axis = int(node.get("axis", 1))
    return axis + rank if axis < 0 else axis


@handles("QuantizeLinear")
def quantize_linear(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    Integers of 2, 4 or 8 bits with or without sign; one scale and zero point for an activation, one for each index of an axis
    for a constant; no blocks. The one of the input is the processor's. Also onnxruntime's copy of it, com.microsoft.
    """
    x = inputs[0]
    scale, zero_point = _numbers(inputs)
    if isinstance(x, Constant):
        importer.note(node, "constant")
        return [Constant(quantised(node, x.array, scale, zero_point))]
    if isinstance(x, Host):
        importer.note(node, "processor")
        return [on_host(x, "quantise", lambda y: quantised(node, y, scale, zero_point))]
    grid, offset = grid_of_numbers(scale, zero_point)
    if isinstance(x, Padded):
        importer.note(node, "grid of a result")
        if x.wire.grid == grid:
            return [replace(x, wire=replace(x.wire, codes=True, offset=offset))]
        pending = replace(pending_of(x.wire, node.name), moves=(Border(x.margin, 0.0),), places=x.places)
        return [quantise(importer, pending, grid, offset, node.name)]
    if isinstance(x, Input):
        if not x.is_real:
            raise UnsupportedError(f"an input of type {x.kind} that is quantised", "a float input", "drop the QuantizeLinear")
        if x.kind == "double" and not x.steps:
            raise UnsupportedError("an input of type double that is quantised", "float32, as ONNX has it", "cast it before")
        importer.note(node, "input, by the processor")
        wire = importer.input_wire(x, grid, offset, codes=True)
        if x.function.is_identity:
            return [wire]
        # What is clipped and then rounded is what is rounded and then clipped to rounded limits.
        clipped = Rounded(wire.places, shape(wire.value), node.name, wire=wire, function=x.function)
        return [quantise(importer, clipped, grid, offset, node.name)]
    importer.note(node, "grid of a result")
    return [quantise(importer, real_of(x), grid, offset, node.name)]


def quantised(node: Node, x: Array, scale: Array, zero_point: Array | None) -> Array:
    """QuantizeLinear of ONNX, in float32 as there."""
    kind = np.dtype(np.uint8) if zero_point is None else zero_point.dtype
    bits, signed = CODE_TYPES.get(kind.name, (0, True))
    if bits == 0:
        raise UnsupportedError(f"integers of type {kind.name}", ", ".join(CODE_TYPES), "quantise to such a type")
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    axis = _axis(node, x.ndim, scale)
    scale = _along(scale.astype(np.float32), x.ndim, axis)
    zero = np.zeros(1) if zero_point is None else zero_point.astype(np.float64)
    codes = np.rint(x.astype(np.float32) / scale).astype(np.float64) + _along(zero, x.ndim, axis)
    return np.clip(codes, low, high).astype(np.int64).astype(kind)


def _along(values: Array, rank: int, axis: int | None) -> Array:
    """Numbers for each index of an axis, so that they broadcast."""
    if axis is None or values.size == 1:
        return values.reshape(())
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)


@handles("DequantizeLinear")
def dequantize_linear(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As QuantizeLinear, with the same numbers where an activation is; of the output it is the processor's."""
    x = inputs[0]
    scale, zero_point = _numbers(inputs)
    if isinstance(x, Constant):
        importer.note(node, "constant")
        return [quantised_constant(x.array, scale, zero_point, _axis(node, x.array.ndim, scale))]
    if isinstance(x, Host):
        importer.note(node, "processor")
        zero = 0.0 if zero_point is None else zero_point.astype(np.float64)
        return [on_host(x, "dequantise", lambda y: (y.astype(np.float64) - zero) * scale.astype(np.float64))]
    if isinstance(x, Sign):
        importer.note(node, "scale of a tensor")
        return [signs_of(importer, x, scale, zero_point, node.name)]
    kind = x.kind if isinstance(x, Input) else "uint8"
    grid, offset = grid_of_numbers(scale, zero_point, kind)
    importer.note(node, "scale of a tensor")
    if isinstance(x, Input):
        if kind not in CODE_TYPES:
            raise UnsupportedError(f"an input of type {kind}", "integers", "quantise the input first")
        return [importer.input_wire(x, grid, offset, codes=False)]
    if isinstance(x, Wire) and x.stand_in:
        return [x.on_grid(grid, codes=False, offset=offset)]
    if isinstance(x, Padded) and grid == x.wire.grid and x.wire.codes:
        return [replace(x, wire=replace(x.wire, codes=False))]
    if not isinstance(x, Wire) or not x.codes:
        raise UnsupportedError("an operand that is no quantised tensor", "one", "add a QuantizeLinear before it")
    if zero_point is None and x.offset != 0:
        grid = AffineType.of(grid.bits.data, grid.unit, -x.offset)
    if grid != x.grid:
        has = f"scale and zero point {grid.unit:g} and {grid.zero + x.offset} of a tensor quantised by {x.grid.unit:g}"
        raise UnsupportedError(f"{has} and {x.grid.zero + x.offset}", "the same", "use the QuantizeLinear's numbers")
    return [replace(x, codes=False)]


def quantised_constant(codes: Array, scale: Array, zero_point: Array | None, axis: int | None) -> QuantisedConstant:
    """A constant's integers less their zero point, with their scale."""
    bits, _ = CODE_TYPES.get(codes.dtype.name, (0, True))
    if bits == 0:
        raise UnsupportedError(f"a quantised constant of type {codes.dtype}", "integers", "quantise it to int8")
    if axis is not None and not (0 <= axis < codes.ndim and codes.shape[axis] == scale.size):
        has = f"{scale.size} scales along axis {axis} of a constant of shape {codes.shape}"
        raise UnsupportedError(has, "one for each index of an axis", "export the model again")
    integers = as_ints(codes.astype(np.int64))
    if zero_point is not None:
        integers = integers - _along(as_ints(zero_point.astype(np.int64)), codes.ndim, axis)
    return QuantisedConstant(integers, scale.astype(np.float64).reshape(-1), axis, bits)

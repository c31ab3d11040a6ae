"""
Tensors as sums of the array, which linear functions behind them may be part of: means, factors and offsets.

A tensor of the engine is a sum of one tap. A function of its elements, or two tensors of different scales, are several tensors
of integers, the digits of a number of 16 bits or so (`digits.py`), that stand beside each other as columns:

    f(x) = unit * (low(x) + 127 * high(x) + 127 * high(x))

each looked up in a table. So nothing is rounded to 8 bits between two operators that leave a number as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dsf.dialects.bundle import AffineType, ConcatOp, FunctionOp
from dsf.dialects.shapes import shape
from dsf.frontend.onnx.digits import Digits
from dsf.frontend.onnx.operands import images_of, lifted, wire_of
from dsf.frontend.onnx.rounding import reshaped, values_of
from dsf.frontend.onnx.values import UNIT_BITS, Addition, Function, Rounded, State, Sum, UnsupportedError, Wire, composed
from dsf.geometry import Window
from dsf.numerics import Floats

if TYPE_CHECKING:
    from dsf.frontend.onnx.importer import Importer

#: The unit of offsets of a function that is 0 everywhere, in steps of its operand.
OFFSETS = 2.0**-10


def linear_of(importer: Importer, state: State | None, name: str) -> Sum:
    """
    A tensor of the engine, or what waits for its rounding, as sums. Raises `UnsupportedError` for what was clipped or moved
    after it was summed.
    """
    if isinstance(state, Sum) and state.function.is_identity and not state.moves:
        return state
    if isinstance(state, Function | Rounded) and isinstance(state.wire, Wire) and not state.moves:
        steps = state.steps if isinstance(state, Function) else ()
        values = composed((*steps, state.function), values_of(state.wire))
        if importer.hardware.bits_input > 1:
            return _digits(importer, state, [(state.wire, values)])
    if isinstance(state, Addition) and state.function.is_identity and not state.moves and _are_alike(state):
        return _digits(importer, state, [(one, values_of(one)) for one in (state.a, state.b)])
    x = wire_of(state)
    sizes = shape(x.value)
    if len(sizes) != 4:
        images_of(lifted(x))  # Says that they are none.
    return Sum(
        x.places,
        sizes,
        name,
        x=x.value,
        x_grid=x.grid,
        weights=np.ones((1, 1, 1, sizes[3]), dtype=np.int64),
        bits=UNIT_BITS,
        scales=np.full(sizes[3], x.grid.unit),
        bias=np.zeros(sizes[3]),
        window=Window((1, 1)),
        groups=sizes[3],
    )


def _are_alike(state: Addition) -> bool:
    """Whether the second tensor has as many elements as the first, and no pixel for each image."""
    return shape(state.a.value) == shape(state.b.value)


def _digits(importer: Importer, state: Function | Rounded | Addition, functions: list[tuple[Wire, Floats]]) -> Sum:
    """
    The sum of functions, of which each has a real number for every integer of its tensor. Raises `UnsupportedError` if one of
    these is infinite.
    """
    for _, values in functions:
        if not bool(np.isfinite(values).all()):
            what = state.kind if isinstance(state, Function) else "function"
            has = f"a {what} that is infinite for integers of its operand ('{state.name}')"
            raise UnsupportedError(has, "numbers, or a QuantizeLinear and DequantizeLinear behind it", "quantise its result")
    width = shape(functions[0][0].value)[2] if len(shape(functions[0][0].value)) == 4 else 1
    digits = Digits.of_hardware(importer.hardware, width, len(functions))
    grid = AffineType.of(importer.hardware.bits_input, 1.0, 0)
    # Of nothing but 0 the unit is only that of an offset behind it.
    unit = max(float(np.abs(values).max()) for _, values in functions) / digits.largest or functions[0][0].grid.unit * OFFSETS
    parts: list[FunctionOp] = []
    for wire, values in functions:
        batch, *image = shape(wire.value)
        sizes = (batch, *image) if len(image) == 3 else (batch, 1, 1, image[0])
        value = reshaped(importer, wire.value, sizes, state.name)
        for one, count in zip(digits.of(values, unit), digits.columns, strict=True):
            table = FunctionOp(value, "values", grid, one.astype(np.float64).tolist())
            importer.insert(table, state.name)
            parts += [table] * count
    together = ConcatOp([one.output for one in parts])
    importer.insert(together, state.name)
    batch, height, width, channels = shape(parts[0].output)
    beside = reshaped(importer, together.output, (batch, height, len(parts) * width, channels), state.name)
    return Sum(
        state.places,
        (batch, height, width, channels),
        state.name,
        x=beside,
        x_grid=grid,
        weights=np.tile(np.array(digits.weights * len(functions)).reshape(1, -1, 1, 1), (1, 1, 1, channels)),
        bits=importer.hardware.bits_weights,
        scales=np.full(channels, unit),
        bias=np.zeros(channels),
        window=Window((1, len(parts)), (1, len(parts))),
        groups=channels,
        digits=digits.weights * len(functions),
    )

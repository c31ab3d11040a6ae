"""
What handlers ask of their operands: constants, weights, tensors of real numbers, images. What is none of it ends in an
`UnsupportedError` that says what to change.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import SSAValue

from dsf.dialects.shapes import shape
from dsf.errors import ModelError
from dsf.frontend.onnx.values import (
    MAX_ELEMENTS,
    Array,
    Constant,
    Host,
    Input,
    Pending,
    QuantisedConstant,
    Real,
    Sign,
    State,
    Unknown,
    UnsupportedError,
    Wire,
    is_images,
)
from dsf.frontend.quantize.options import QuantizeOptions
from dsf.frontend.quantize.ranges import weight_quantizer
from dsf.geometry import Window
from dsf.numerics import Floats

if TYPE_CHECKING:
    from dsf.frontend.onnx.importer import Importer


def constant_of(state: State | None, what: str) -> Array:
    """The numbers of an operand that has to be known."""
    if isinstance(state, Constant | QuantisedConstant):
        return state.array
    raise UnsupportedError(f"{what} that is computed", "a constant", "export the model with constants folded")


def array_of(state: State | None, what: str) -> Array:
    if not isinstance(state, Constant):
        raise UnsupportedError(f"{what} that is computed", "a constant", "export the model with constants folded")
    return state.array


#: What stands between two operators in floating point.
QDQ = "a QuantizeLinear and DequantizeLinear before it"


def real_of(state: State | None, what: str = "an operand") -> Real:
    """An operand that is a real tensor on a grid, or waits for one."""
    if isinstance(state, Wire) and not state.codes:
        return state
    if isinstance(state, Pending):
        return state
    if isinstance(state, Input):
        if not state.is_real:
            raise UnsupportedError(f"{what} that is the input of type {state.kind}", "real numbers", "add a DequantizeLinear")
        change = "quantise the model: dsf compile --calibrate DATA.npz, or onnxruntime's quantize_static"
        raise UnsupportedError(
            f"{what} that is the input in floating point", "a QuantizeLinear and DequantizeLinear before it", change
        )
    if isinstance(state, Host):
        raise UnsupportedError(f"{what} behind a function of the processor", "it at the network's end", "end the network there")
    kind = "integers" if isinstance(state, Wire) else "a comparison" if isinstance(state, Sign) else "a constant"
    raise UnsupportedError(f"{what} that is {kind}", "real numbers that the network computes", "add a DequantizeLinear")


def wire_of(state: State | None, what: str = "an operand") -> Wire:
    """An operand that is a real tensor on a grid."""
    real = real_of(state, what)
    if isinstance(real, Wire):
        return real
    change = "quantise the model with a QuantizeLinear and DequantizeLinear after each operator"
    raise UnsupportedError(
        f"{what} that is not quantised ('{real.name}')", "a QuantizeLinear and DequantizeLinear before it", change
    )


def weights_of(state: State | None) -> QuantisedConstant:
    """Weights that are quantised."""
    if isinstance(state, Constant):
        change = "quantise the model: dsf compile --calibrate DATA.npz, or onnxruntime's quantize_static"
        raise UnsupportedError("weights in floating point", "integers behind a DequantizeLinear", change)
    if not isinstance(state, QuantisedConstant):
        raise UnsupportedError("weights that are computed", "constants", "make one operand a constant")
    if state.codes.size == 0:
        raise UnsupportedError("no weights", "at least one", "export the model again")
    return state


def weights_beside_integers(importer: Importer, state: State | None, axis: int | None) -> QuantisedConstant:
    """
    Weights as `weights_of`. In a model of operators on integers those that have no such operator stay in floating point: they
    are quantised here, with a scale for each index of `axis`, or one.
    """
    bits = importer.hardware.bits_weights
    if not isinstance(state, Constant) or not importer.graph.is_of_integers or bits == 1 or state.array.size == 0:
        return weights_of(state)
    options = QuantizeOptions(weight_bits=bits)
    quantizer = weight_quantizer(state.array, axis, bits, options)
    return QuantisedConstant(quantizer.quantize(state.array), quantizer.scale.reshape(-1), axis, bits)


def scales_of_channels(weights: QuantisedConstant, axis: int, channels: int) -> Floats:
    """One scale for each output channel, which is this axis of the weights."""
    if weights.axis is None:
        return np.full(channels, float(weights.scale[0]))
    if weights.axis % weights.codes.ndim != axis:
        has = f"scales along axis {weights.axis} of the weights"
        raise UnsupportedError(has, f"axis {axis}, that of the output channels", "quantise per output channel, or per tensor")
    return weights.scale


def bias_of(state: State | None, channels: int) -> Floats:
    """A bias as real numbers, one for each output channel."""
    if state is None:
        return np.zeros(channels)
    bias = constant_of(state, "a bias").astype(np.float64)
    if bias.size not in (1, channels):
        raise UnsupportedError(f"a bias of shape {bias.shape}", f"one number for each of {channels} channels", "correct it")
    return np.broadcast_to(bias.reshape(-1), channels).copy()


def transposed(constant: QuantisedConstant, axes: tuple[int, ...]) -> QuantisedConstant:
    """A quantised constant with its axes in another order."""
    axis = None if constant.axis is None else axes.index(constant.axis % constant.codes.ndim)
    return replace(constant, codes=constant.codes.transpose(axes), axis=axis)


def images_of(x: Wire) -> SSAValue:
    """The engine's tensor (N, H, W, C) whose ONNX tensor is (N, C, H, W)."""
    if len(x.shape) == 4 and is_images(x):
        return x.value
    value = shape(x.value)
    raise UnsupportedError(
        f"an operand whose axes were moved, {'x'.join(map(str, x.shape))} of the engine's {'x'.join(map(str, value))}",
        "images (N, C, H, W), as convolutions leave them",
        "move the Transpose or Reshape to the input or the end of the network",
    )


def lifted(x: Wire) -> Wire:
    """A tensor (N, C, L) as images of one line."""
    return replace(x, places=x.places[:, :, None, :]) if len(x.shape) == 3 else x


def engine_shape(window: Window, batch: int, height: int, width: int, channels: int) -> tuple[int, int, int, int]:
    try:
        rows, columns = window.output_shape(height, width)
    except ModelError as error:
        raise UnsupportedError(f"a window: {error.problems[0]}", "one inside the padded image", "use larger images") from error
    if prod((batch, rows, columns, channels)) > MAX_ELEMENTS:
        has = f"a result of {batch}x{channels}x{rows}x{columns}"
        raise UnsupportedError(has, f"at most {MAX_ELEMENTS} elements", "use smaller images or a smaller batch")
    return batch, rows, columns, channels


def shape_of_state(state: State | None) -> tuple[int, ...]:
    """The shape of an operand, in ONNX's axes."""
    if isinstance(state, Constant | QuantisedConstant):
        return state.array.shape
    if state is None or isinstance(state, Unknown):
        raise UnsupportedError("an operand that is left out", "one", "export the model again")
    return state.shape

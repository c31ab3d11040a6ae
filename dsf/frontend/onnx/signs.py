"""
Signs, as QONNX's BipolarQuant becomes QDQ: a comparison with 0 that selects +1 or -1, and a DequantizeLinear with the scale.

On hardware of one bit this is a grid of one bit. Its numbers have no rounding: a sum is 0 or more, or it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dsf.dialects.bundle import AffineType
from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.importer import Importer, handles
from dsf.frontend.onnx.operands import constant_of, real_of
from dsf.frontend.onnx.rounding import quantise
from dsf.frontend.onnx.values import Array, Input, Joined, Pointwise, Real, Sign, State, UnsupportedError, Wire

_NEEDS = "signs, as BipolarQuant has them: GreaterOrEqual of 0, Where of +1 and -1, DequantizeLinear"


@handles("GreaterOrEqual")
def greater_or_equal(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """With 0, for a Where of +1 and -1 that a DequantizeLinear follows: a sign, on hardware of one bit."""
    if bool(np.any(constant_of(inputs[1], "what is compared with") != 0)):
        raise UnsupportedError("a comparison with numbers other than 0", _NEEDS, "subtract the number before")
    importer.note(node, "sign")
    x = inputs[0]
    return [Sign(x if isinstance(x, Input) else real_of(x))]


@handles("Where")
def where(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Of +1 and -1 by a GreaterOrEqual, with a DequantizeLinear after it."""
    x, least, most = inputs[0], constant_of(inputs[2], "a choice"), constant_of(inputs[1], "a choice")
    if isinstance(x, Wire) and x.stand_in:
        x = Sign(replace(x, codes=False))
    if not isinstance(x, Sign) or bool(np.any(most != 1)) or bool(np.any(least != -1)):
        raise UnsupportedError("a choice between other numbers, or by another condition", _NEEDS, "replace it")
    importer.note(node, "sign")
    return [x]


def signs_of(importer: Importer, state: Sign, scale: Array, zero_point: Array | None, name: str) -> Wire:
    """A tensor of the engine with these signs, which stand for `scale` and `-scale`."""
    if scale.size != 1 or not float(scale.item()) > 0 or (zero_point is not None and bool(np.any(zero_point != 0))):
        has = "signs with several scales, a negative one, or a zero point"
        raise UnsupportedError(has, "one scale", "quantise them so")
    grid = AffineType.of(1, float(scale.astype(np.float64).item()), 0)
    if isinstance(state.x, Input):
        _check(state.x.function)
        return importer.input_wire(state.x, grid, 0, codes=False)
    return replace(quantise(importer, _bare(state.x), grid, 0, name), codes=False)


def _bare(x: Real) -> Real:
    """The numbers without a function that leaves their signs as they are."""
    if isinstance(x, Wire):
        return x
    if isinstance(x, Joined):
        return replace(x, parts=tuple(_bare(one) for one in x.parts))
    _check(x.function)
    return replace(x, function=Pointwise())


def _check(function: Pointwise) -> None:
    """Raises `UnsupportedError` for a function that changes signs."""
    least, most = function.apply(np.array([-np.inf, np.inf]))
    if least >= 0 or most < 0:
        raise UnsupportedError("the sign of what a ReLU or a clip left one sign of", "numbers on both sides of 0", "drop it")

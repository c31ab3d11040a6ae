"""
Handlers of functions of single elements, and of sums, products and normalisations by constants.

A ReLU or a clip goes into the rounding of what is before it. What is added or multiplied per channel goes into the core before
it; where there is none, it becomes a depthwise convolution of one tap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from dsf.dialects.bundle import AffineType, Grid
from dsf.dialects.shapes import shape
from dsf.frontend.functions import ONNX_FUNCTIONS
from dsf.frontend.onnx.affine import scaled_and_shifted, turned_to_channels
from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.host import ARITHMETIC, checked, hosted, of_input, on_host
from dsf.frontend.onnx.importer import Importer, handles
from dsf.frontend.onnx.linear import operand, rounded
from dsf.frontend.onnx.moving import as_images, expanded
from dsf.frontend.onnx.operands import array_of, constant_of, images_of, real_of, shape_of_state, wire_of
from dsf.frontend.onnx.quantisation import quantised, quantised_constant
from dsf.frontend.onnx.rounding import SLOPES, quantise, then
from dsf.frontend.onnx.stepwise import turns_of
from dsf.frontend.onnx.sums import linear_of
from dsf.frontend.onnx.values import (
    Addition,
    Apart,
    Array,
    Constant,
    Function,
    Host,
    Input,
    Named,
    Pointwise,
    Product,
    QuantisedConstant,
    Real,
    Rounded,
    State,
    Sum,
    UnsupportedError,
    Wire,
    is_in_order,
    sizes_of,
)
from dsf.numerics import apply_function, as_ints


@handles("Relu")
def relu(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """In the rounding of what is before it."""
    importer.note(node, "processor" if isinstance(inputs[0], Host) else "in the rounding before it")
    return [_limited(inputs[0], node.name, 0.0, None)]


def _limited(state: State | None, name: str, low: float | None, high: float | None) -> State:
    """A tensor clipped to limits; of the input it is the engine that does it, behind the rounding."""
    if isinstance(state, Input) and state.is_real:
        return replace(state, function=state.function.then(Pointwise(minimum=low, maximum=high)))
    if isinstance(state, Host):
        return on_host(state, "clip", Pointwise(minimum=low, maximum=high).apply)
    x = real_of(state)
    if isinstance(x, Wire) and (low is None or _least(x.grid) >= low) and high is None:
        return x
    return then(x, Pointwise(0.0) if (low, high) == (0, None) else Pointwise(minimum=low, maximum=high), name)


def _least(grid: Grid) -> float:
    """The smallest number of a grid."""
    return float(grid.to_reals(as_ints([-(1 << (grid.bits.data - 1))]))[0])


@handles("LeakyRelu")
def leaky_relu(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    Any slope: of a quantised tensor by a table; 0 and 2**-k with k to 15 in the rounding of a convolution or dense layer;
    others of what is not quantised by computing it twice, once for each sign. Of what is clipped or pooled by a maximum before
    it is quantised: 0 or more.
    """
    state = inputs[0]
    if isinstance(state, Host):
        importer.note(node, "processor")
        return [on_host(state, "leaky_relu", Pointwise(float(node.get("alpha", 0.01))).apply)]
    return [_leaky(importer, node, real_of(state))]


def _leaky(importer: Importer, node: Node, x: Real) -> Real:
    alpha = float(node.get("alpha", 0.01))
    if isinstance(x, Wire):
        importer.note(node, "table")
        return Function(x.places, shape(x.value), node.name, wire=x, steps=(Named("leaky_relu", (alpha,)),))
    slope = next((one for one in SLOPES if np.float32(one) == np.float32(alpha)), alpha)
    fits = isinstance(x, Sum) and slope in SLOPES
    importer.note(node, "in the rounding before it" if fits else "twice, once for each sign")
    return then(x, Pointwise(slope), node.name)


@handles(*ONNX_FUNCTIONS)
def by_table(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    Of a quantised tensor, by a table; of what is not quantised before it, if it is known where the function turns, by computing
    it once for each number of the result, exactly: for few bits or few channels.
    """
    function = ONNX_FUNCTIONS[node.op_type]
    return [_function(importer, node, inputs[0], function.kind, function.parameters(node.get))]


def _function(importer: Importer, node: Node, state: State | None, kind: str, parameters: tuple[float, ...] = ()) -> State:
    """A function of single elements: by a table, or of the processor behind another one of its own."""
    if isinstance(state, Host):
        importer.note(node, "processor")
        return on_host(state, kind, lambda y: apply_function(kind, y, parameters))
    return function_of(importer, node, real_of(state), Named(kind, parameters))


def function_of(importer: Importer, node: Node, x: Real, function: Named) -> Real:
    """A function: of a tensor by a table, behind other functions of its elements too; or of sums by thresholds."""
    if isinstance(x, Addition) and x.function.is_identity and not x.moves:
        x = linear_of(importer, x, x.name)
    if isinstance(x, Wire):
        x = Rounded(x.places, shape(x.value), node.name, wire=x)
    if isinstance(x, Rounded | Function) and isinstance(x.wire, Wire) and not x.moves:
        importer.note(node, "table")
        before = x.steps if isinstance(x, Function) else ()
        before = before if x.function.is_identity else (*before, x.function)
        return Function(x.places, x.shape_of_engine, node.name, wire=x.wire, steps=(*before, function))
    if isinstance(x, Sum) and not x.moves:
        steps = (function,) if x.function.is_identity else (x.function, function)
        if turns_of(steps) is not None:
            importer.note(node, "as many channels as its result has steps, of the layer before it")
            sums = replace(x, function=Pointwise())
            return Function(x.places, x.shape_of_engine, node.name, wire=sums, steps=steps)
    has = f"an operand that is not quantised ('{x.name}')"
    change = "quantise it there, of a Brevitas layer by output_quant=Int8ActPerTensorFloat, say"
    raise UnsupportedError(has, "a QuantizeLinear and DequantizeLinear before it, as a table has 8 bits", change)


@handles("Gelu", "com.microsoft.Gelu")
def gelu(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As Sigmoid; exact, or approximated by tanh."""
    approximate = node.get("approximate", "none")
    if approximate not in ("none", "tanh"):
        raise UnsupportedError(f"an approximation by {approximate}", "none, or by tanh", "export it with such a one")
    return [_function(importer, node, inputs[0], "gelu", (float(approximate == "tanh"),))]


@handles("com.microsoft.QLinearSigmoid", "com.microsoft.QLinearLeakyRelu")
def qlinear_function(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """By a table, on integers."""
    scale, zero_point, y_scale, y_zero = (array_of(one, "a scale or zero point") for one in inputs[1:5])
    x = operand(importer, inputs[0], scale, zero_point)
    pending = _leaky(importer, node, x) if node.op_type.endswith("Relu") else function_of(importer, node, x, Named("sigmoid"))
    return rounded(importer, node, real_of(pending), y_scale, y_zero)


@handles("Clip")
def clip(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Constant limits; in the rounding of what is before it."""
    low, high = (_limit(node, inputs, place, name) for place, name in ((1, "min"), (2, "max")))
    importer.note(node, "processor" if isinstance(inputs[0], Host) else "in the rounding before it")
    return [_limited(inputs[0], node.name, low, high)]


def _limit(node: Node, inputs: Sequence[State | None], place: int, name: str) -> float | None:
    """A limit of a Clip, or `None` if there is none."""
    state = inputs[place] if len(inputs) > place else None
    given = node.get(name) if state is None else constant_of(state, f"'{name}'").astype(np.float64).item()
    if given is None or given == (-np.inf if name == "min" else np.inf):
        return None
    if not np.isfinite(given):
        raise UnsupportedError(f"'{name}' of {given}", "a number", "correct it")
    return float(given)


@handles("Min", "Max")
def limited(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Of a tensor and one number, as Clip."""
    constants = [one for one in inputs if isinstance(one, Constant | QuantisedConstant)]
    others = [one for one in inputs if not isinstance(one, Constant | QuantisedConstant)]
    if len(others) != 1:
        has = f"{len(others)} operands that are computed"
        raise UnsupportedError(has, "one, and numbers that are known", "use a Relu of their difference")
    numbers = [one.array.astype(np.float64) for one in constants]
    if any(one.size == 0 or not np.isfinite(one).all() or (one != one.flat[0]).any() for one in numbers):
        raise UnsupportedError("limits that differ from element to element", "one finite number", "use such a limit")
    limits = [float(checked(one, shape_of_state(others[0])).flat[0]) for one in numbers]
    importer.note(node, "processor" if isinstance(others[0], Host) else "in the rounding before it")
    low, high = (max(limits, default=None), None) if node.op_type == "Max" else (None, min(limits, default=None))
    return [_limited(others[0], node.name, low, high)]


@handles("Neg")
def negative(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As Mul by -1."""
    return [_with_constant(importer, node, inputs[0], "Mul", np.array(-1.0))]


@handles("Pow")
def power(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """To one exponent that is known, as Sigmoid; where there is no result it is 0."""
    exponent = constant_of(inputs[1], "an exponent").astype(np.float64)
    if exponent.size != 1 or not np.isfinite(exponent).all():
        raise UnsupportedError(f"exponents of shape {exponent.shape}", "one finite number", "use several operators")
    checked(exponent, shape_of_state(inputs[0]))
    return [_function(importer, node, inputs[0], "pow", (float(exponent.item()),))]


@handles("PRelu")
def parametric_relu(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As LeakyRelu with one slope; with several, what is above 0 and what is below are computed each, and added."""
    slopes = constant_of(inputs[1], "slopes").astype(np.float64)
    state = inputs[0]
    if slopes.size and bool((slopes == slopes.flat[0]).all()):
        checked(slopes, shape_of_state(state))
        alpha = float(slopes.flat[0])
        return leaky_relu(importer, replace(node, attributes={**node.attributes, "alpha": alpha}), inputs[:1])
    if isinstance(state, Host):
        importer.note(node, "processor")
        return [on_host(state, "prelu", lambda y: np.where(y < 0, y * checked(slopes, state.shape), y))]
    x = real_of(state)
    x = turned_to_channels(importer, x, slopes, node.name) if isinstance(x, Wire) else x
    parts: list[Real] = [then(x, Pointwise(0.0), node.name)]
    for factors, function in ((np.maximum(slopes, 0), Pointwise(maximum=0.0)), (np.minimum(slopes, 0), Pointwise(minimum=0.0))):
        if factors.any():
            parts.append(then(scaled_and_shifted(importer, node, x, factors, None), function, node.name))
    if any(not np.array_equal(one.places, x.places) or sizes_of(one) != sizes_of(x) for one in parts):
        has = f"slopes of shape {slopes.shape} that are not one for each channel of what is not quantised before"
        raise UnsupportedError(has, "a QuantizeLinear and DequantizeLinear before it", "quantise it there")
    importer.note(node, "once for each sign, and added")
    return [Apart(x.places, sizes_of(x), node.name, parts=tuple(parts))]


@handles("Add")
def add(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    Two quantised tensors, of which one may be broadcast along channels, rows or columns; or one tensor and a constant, which is
    the same for each image of a batch: of the input before it is quantised, and at the end, by the processor.
    """
    a, b = inputs[0], inputs[1]
    if isinstance(a, Constant | QuantisedConstant):
        a, b = b, a
    if isinstance(b, Constant | QuantisedConstant):
        return [_with_constant(importer, node, a, "Add", b.array)]
    return [_sum(importer, node, wire_of(a), wire_of(b))]


def _with_constant(importer: Importer, node: Node, state: State | None, operator: str, constant: Array) -> State:
    """
    A tensor and a constant, in this order, added, subtracted, multiplied or divided: by the processor of the input, and at the
    end of the network; by the engine between.
    """
    if operator == "Div" and not bool(constant.all()):
        raise UnsupportedError("a divisor of 0", "other numbers", "correct the constant")
    if isinstance(state, Input) and state.is_real:
        importer.note(node, "input, by the processor")
        return of_input(state, operator, constant)
    host = _at_the_end(importer, node, state)
    if host is not None:
        importer.note(node, "processor")
        values = checked(constant, host.shape)
        return on_host(host, operator.lower(), lambda y: ARITHMETIC[operator](y, values))
    x, reals = real_of(state), constant.astype(np.float64)
    factor = reals if operator == "Mul" else 1 / reals if operator == "Div" else None
    offset = reals if operator == "Add" else -reals if operator == "Sub" else None
    return scaled_and_shifted(importer, node, x, factor, offset)


def _is_of_processor(importer: Importer, node: Node, state: State | None) -> bool:
    """Whether a node with constants is computed by the processor."""
    return (isinstance(state, Input) and state.is_real) or _at_the_end(importer, node, state) is not None


def _at_the_end(importer: Importer, node: Node, state: State | None) -> Host | None:
    """What the processor computes from where a node is at the network's end, and its operand is no sum that it may go into."""
    if isinstance(state, Host):
        return state
    behind_grid = not isinstance(state, Wire) or not state.codes
    if node.outputs[0] not in importer.behind_all or not isinstance(state, Real) or not behind_grid:
        return None
    return None if isinstance(state, Sum) and state.function.is_identity and not state.moves else hosted(importer, state)


def _sum(importer: Importer, node: Node, left: Wire, right: Wire) -> Addition:
    """The sum of two tensors, element by element."""
    left, right = _beside(importer, node, left, right)
    importer.note(node, "residual addition")
    return Addition(left.places, shape(left.value), node.name, a=left, b=right)


def _beside(importer: Importer, node: Node, a: Wire, b: Wire) -> tuple[Wire, Wire]:
    """
    Two tensors whose elements lie alike in the engine, the larger one first, of which the second may have one pixel for each
    image. The engine moves their elements, and repeats them where one tensor is broadcast otherwise.
    """
    if a.places.size < b.places.size:
        a, b = b, a
    try:
        sizes = np.broadcast_shapes(a.shape, b.shape)
    except ValueError as error:
        has = f"operands of shapes {a.shape} and {b.shape}"
        raise UnsupportedError(has, "such that broadcast", "export the model again") from error
    if a.shape == sizes and len(sizes) == 4 and b.shape == (*sizes[:2], 1, 1):
        a = as_images(importer, a, node.name)
        if _is_pixel(b) and images_of(a) is a.value:
            return a, b
    if a.shape != sizes or b.shape != sizes:
        a, b = (one if one.shape == sizes else expanded(importer, one, sizes, node.name) for one in (a, b))
    if not _are_alike(a, b):
        a, b = as_images(importer, a, node.name), as_images(importer, b, node.name)
    if not _are_alike(a, b):
        raise UnsupportedError("operands whose axes were moved differently", "the same order", "drop the Transpose before one")
    return a, b


def _are_alike(a: Wire, b: Wire) -> bool:
    return shape(a.value) == shape(b.value) and np.array_equal(a.places, b.places)


def _is_pixel(x: Wire) -> bool:
    """Whether all of the engine's tensor is one number for each channel, in the order of the channels."""
    return prod(shape(x.value)) == x.places.size and shape(x.value)[-1] == x.shape[1] and is_in_order(x.places)


@handles("com.microsoft.QLinearAdd")
def qlinear_add(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As Add, on integers."""
    scale, zero_point = array_of(inputs[6], "a scale"), array_of(inputs[7] if len(inputs) > 7 else None, "a zero point")
    (state,) = add(importer, node, _operands(importer, inputs))
    return rounded(importer, node, real_of(state), scale, zero_point)


@handles("Sub")
def subtract(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As Add; of two tensors the second one is negated before."""
    a, b = inputs[0], inputs[1]
    if isinstance(b, Constant | QuantisedConstant):
        return [_with_constant(importer, node, a, "Sub", b.array)]
    if isinstance(a, Constant | QuantisedConstant):
        if _is_of_processor(importer, node, b):
            return [_with_constant(importer, node, _with_constant(importer, node, b, "Mul", np.array(-1.0)), "Add", a.array)]
        return [scaled_and_shifted(importer, node, real_of(b), np.array(-1.0), a.array)]
    return [_sum(importer, node, wire_of(a), _negative(importer, node, wire_of(b)))]


def _negative(importer: Importer, node: Node, x: Wire) -> Wire:
    """A tensor times -1, on the grid that has the numbers of its own negated."""
    grid = AffineType.of(x.grid.bits.data, x.grid.unit, -1 - x.grid.zero)
    negative = scaled_and_shifted(importer, node, x, np.array(-1.0), None)
    return replace(quantise(importer, negative, grid, 0, node.name), codes=False)


@handles("Mul")
def multiply(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    By a constant, or of two quantised tensors, as Add.
    """
    a, b = inputs[0], inputs[1]
    if isinstance(a, Constant | QuantisedConstant):
        a, b = b, a
    if not isinstance(b, Constant | QuantisedConstant):
        return [_product(importer, node, wire_of(a), wire_of(b))]
    return [_with_constant(importer, node, a, "Mul", b.array)]


def _product(importer: Importer, node: Node, a: Wire, b: Wire) -> Product:
    """The product of two tensors."""
    a, b = _beside(importer, node, a, b)
    importer.note(node, "product")
    return Product(a.places, shape(a.value), node.name, a=a, b=b)


@handles("com.microsoft.QLinearMul")
def qlinear_mul(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As Mul, on integers."""
    scale, zero_point = array_of(inputs[6], "a scale"), array_of(inputs[7] if len(inputs) > 7 else None, "a zero point")
    (state,) = multiply(importer, node, _operands(importer, inputs))
    return rounded(importer, node, real_of(state), scale, zero_point)


def _operands(importer: Importer, inputs: Sequence[State | None]) -> tuple[Wire | QuantisedConstant, ...]:
    """Both operands of an operator on integers, each with scale and zero point after it."""
    found: list[Wire | QuantisedConstant] = []
    for place in (0, 3):
        state, scale = inputs[place], array_of(inputs[place + 1], "a scale")
        zero = array_of(inputs[place + 2], "a zero point")
        known = isinstance(state, Constant)
        found.append(quantised_constant(state.array, scale, zero, None) if known else operand(importer, state, scale, zero))
    return tuple(found)


@handles("Div")
def divide(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """By a constant, as Add."""
    return [_with_constant(importer, node, inputs[0], "Div", constant_of(inputs[1], "a divisor"))]


@handles("BatchNormalization")
def batch_normalization(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """In inference; in the weights before it, or a depthwise convolution of one tap."""
    names = ("gamma", "beta", "mean", "variance")
    gamma, beta, mean, variance = (
        constant_of(one, name).astype(np.float64).reshape(-1) for one, name in zip(inputs[1:5], names, strict=True)
    )
    if node.get("training_mode", 0):
        raise UnsupportedError("training_mode", "inference", "export the model in eval mode")
    least = variance + float(node.get("epsilon", 1e-5))
    if least.size == 0 or least.min() <= 0:
        raise UnsupportedError("a variance + epsilon that is not positive", "a positive number", "enlarge epsilon")
    scale = gamma / np.sqrt(least)
    state = inputs[0]
    along = (1, -1, *(1,) * (len(getattr(state, "shape", ())) - 2))
    factor, offset = scale.reshape(along), (beta - mean * scale).reshape(along)
    if _is_of_processor(importer, node, state):
        return [_with_constant(importer, node, _with_constant(importer, node, state, "Mul", factor), "Add", offset)]
    return [scaled_and_shifted(importer, node, real_of(state), factor, offset)]


# At the end.


def _host(importer: Importer, node: Node, state: State | None, step: Callable[[Array], Array]) -> Host:
    """A function that the processor computes of the network's result."""
    importer.note(node, "processor")
    real = state if isinstance(state, Host) else real_of(state)
    host = hosted(importer, real)
    if host is None:
        name = getattr(real, "name", "")
        raise UnsupportedError(f"an operand that is not quantised ('{name}')", "a QuantizeLinear after it", "quantise it")
    return on_host(host, node.op_type.lower(), step)


@handles("Softmax", "LogSoftmax")
def softmax(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """At the end of the network, by the processor."""
    step = _softmax(node, importer.graph.opset, log=node.op_type == "LogSoftmax")
    return [_host(importer, node, inputs[0], step)]


@handles("com.microsoft.QLinearSoftmax")
def qlinear_softmax(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As Softmax, on integers."""
    scale, zero_point, y_scale, y_zero = (array_of(one, "a scale or zero point") for one in inputs[1:5])
    x = operand(importer, inputs[0], scale, zero_point)
    real = _host(importer, node, x, _softmax(node, int(node.get("opset", importer.graph.opset)), log=False))
    return [on_host(real, "quantise", lambda y: quantised(node, y, y_scale, y_zero))]


def _softmax(node: Node, opset: int, *, log: bool) -> Callable[[Array], Array]:
    """A softmax as this version of ONNX defines it."""
    modern = opset >= 13
    axis = int(node.get("axis", -1 if modern else 1))

    def step(x: Array) -> Array:
        # Before version 13 the axes from `axis` on are one.
        rows = x if modern else x.reshape(*x.shape[:axis], -1)
        along = axis if modern else -1
        shifted = rows - rows.max(axis=along, keepdims=True)
        total = np.exp(shifted).sum(axis=along, keepdims=True)
        return (shifted - np.log(total) if log else np.exp(shifted) / total).reshape(x.shape)

    return step


@handles("ArgMax", "ArgMin")
def argmax(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """At the end of the network, by the processor."""
    axis, keep, last = int(node.get("axis", 0)), bool(node.get("keepdims", 1)), bool(node.get("select_last_index", 0))
    sign = 1 if node.op_type == "ArgMax" else -1

    def step(x: Array) -> Array:
        x = sign * x.astype(np.float64)
        found = x.shape[axis] - 1 - np.argmax(np.flip(x, axis), axis=axis) if last else np.argmax(x, axis=axis)
        return np.expand_dims(found, axis) if keep else found

    return [_host(importer, node, inputs[0], step)]

"""
Shape rules that the `bundle`, `fxp` and `tile` dialects share: what their verifiers check before anything is computed.

Feature tensors are (N, H, W, C) or (N, K); convolution weights are (KH, KW, CI / groups, CO). Every function raises
`VerifyException` with a message that says what to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from dsf.dialects.constants import DenseAttr, IntsAttr
from dsf.errors import ModelError
from dsf.geometry import Window
from dsf.transforms.locations import location_name
from dsf.transposed import TransposedWindow


def where(op: Operation) -> str:
    """How messages name `op`: its kind, and its bundle if it has one."""
    name = location_name(op)
    return f"'{op.name}'" if name is None else f"'{op.name}' of '{name}'"


def tensor_type(value: SSAValue) -> TensorType[Attribute]:
    """The type of a value that its operation's definition constrains to a tensor."""
    return cast("TensorType[Attribute]", value.type)


def shape(value: SSAValue) -> tuple[int, ...]:
    return tuple(tensor_type(value).get_shape())


def element(value: SSAValue) -> Attribute:
    return tensor_type(value).element_type


def as_text(sizes: Sequence[int]) -> str:
    return "x".join(str(size) if size >= 0 else "?" for size in sizes) or "scalar"


def need(ok: bool, op: Operation, has: str, needs: str, change: str) -> None:
    """The form of every message: `'<where>': <has>, needs <needs>; <change>`."""
    if not ok:
        raise VerifyException(f"{where(op)}: {has}, needs {needs}; {change}")


def check_rank(op: Operation, value: SSAValue, ranks: tuple[int, ...], what: str = "input") -> None:
    names = {2: "(N, K)", 4: "(N, H, W, C)"}
    needed = " or ".join(names[rank] for rank in ranks)
    need(len(shape(value)) in ranks, op, f"{what} of shape {as_text(shape(value))}", needed, "reshape or flatten it first")
    check_sizes(op, value, what)


def check_sizes(op: Operation, value: SSAValue, what: str = "input") -> None:
    """A tensor has a batch, and no size is unknown or 0."""
    has = f"{what} of shape {as_text(shape(value))}"
    need(min(shape(value), default=0) >= 1, op, has, "static sizes of at least 1", "fix the shape")


def check_result(op: Operation, expected: Sequence[int]) -> None:
    has = shape(op.results[0])
    need(has == tuple(expected), op, f"result of shape {as_text(has)}", as_text(expected), "correct the result type")


def check_lists(op: Operation, **lists: IntsAttr) -> None:
    """Strides, sizes and dilations are pairs of at least 1, output paddings of at least 0, paddings four such numbers."""
    for name, attribute in lists.items():
        values = list(attribute.get_values())
        count, least = {"padding": (4, 0), "output_padding": (2, 0)}.get(name, (2, 1))
        has = f"{name} {[int(v) for v in values]}"
        needs = f"{count} integers of at least {least}"
        need(len(values) == count and min(values) >= least, op, has, needs, "correct the list")


def check_window(op: Operation, image: tuple[int, int], window: Window | TransposedWindow) -> tuple[int, int]:
    """The output's (height, width)."""
    try:
        return window.output_shape(*image)
    except ModelError as error:
        message = error.problems[0].removeprefix("'window': ")
        raise VerifyException(f"{where(op)}: window {message}") from error


def check_convolution(op: Operation, x: SSAValue, weights: DenseAttr, window: Window | TransposedWindow, groups: int) -> None:
    """Ranks, channels, groups and the result's shape of a convolution over NHWC, or of a transposed one."""
    check_result(op, check_kernel(op, x, weights, window, groups))


def check_kernel(
    op: Operation, x: SSAValue, weights: DenseAttr, window: Window | TransposedWindow, groups: int
) -> tuple[int, int, int, int]:
    """The same but for the result, whose shape it returns."""
    check_rank(op, x, (4,))
    w_shape = tuple(weights.get_shape())
    change = "transpose the weights"
    need(len(w_shape) == 4 and min(w_shape) >= 1, op, f"weights of shape {as_text(w_shape)}", "(KH, KW, CI, CO)", change)
    batch, height, width, channels = shape(x)
    *_, inputs, outputs = w_shape
    divides = groups >= 1 and channels % groups == 0 and outputs % groups == 0
    needs = f"a divisor of {channels} input and {outputs} output channels"
    need(divides, op, f"{groups} groups", needs, "change the groups")
    has = f"weights for {inputs} input channels per group"
    need(inputs * groups == channels, op, has, f"{channels // groups}", "correct the weights' shape")
    return batch, *check_window(op, (height, width), window), outputs


def check_operands(op: Operation, a: SSAValue, b: SSAValue) -> None:
    """Two operands at the same places: `b` is of the shape of `a`, or one pixel for each of its images; the result as `a`."""
    check_rank(op, a, (2, 4))
    equal, pixel = shape(b) == shape(a), shape(b) == (shape(a)[0], 1, 1, shape(a)[-1])
    has = f"operands of shapes {as_text(shape(a))} and {as_text(shape(b))}"
    needs = "equal shapes, or one pixel for each image as the second"
    need(equal or (len(shape(a)) == 4 and pixel), op, has, needs, "match the two branches")
    check_result(op, shape(a))


def check_channels(op: Operation, name: str, values: DenseAttr, channels: int) -> None:
    has = tuple(values.get_shape())
    needs = f"one value for each of {channels} channels"
    need(has == (channels,), op, f"{name} of shape {as_text(has)}", needs, "correct the shape")


def check_pool(op: Operation, x: SSAValue, window: Window) -> None:
    """Ranks and the result's shape of a pooling; every window covers at least one element of the image."""
    check_rank(op, x, (4,))
    batch, height, width, channels = shape(x)
    top, bottom, left, right = window.padding
    inside = max(top, bottom) < window.kernel[0] and max(left, right) < window.kernel[1]
    needs = f"less than the window, {as_text(window.kernel)}"
    has = f"padding {list(window.padding)}"
    need(inside, op, has, needs, "pad less, so that each window covers an element")
    check_result(op, (batch, *check_window(op, (height, width), window), channels))

"""Handlers of operators that move or rename elements without computing: they change the places of a tensor, or a constant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from dsf.frontend.onnx.engine_order import depth_to_space, flattened_shape, reshaped, space_to_depth
from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.host import on_host
from dsf.frontend.onnx.importer import Importer, handles
from dsf.frontend.onnx.operands import constant_of, transposed
from dsf.frontend.onnx.values import Array, Constant, Host, QuantisedConstant, State, UnsupportedError


def moved_places(importer: Importer, node: Node, state: State | None, move: Callable[[Array], Array]) -> Sequence[State]:
    """`state` with its elements in other places."""
    importer.note(node, "layout only")
    try:
        if isinstance(state, Constant):
            return [Constant(move(state.array))]
        if isinstance(state, QuantisedConstant):
            return [_moved_constant(state, move)]
        if isinstance(state, Host):
            return [on_host(state, "layout", move)]
        if state is None or not hasattr(state, "places"):
            raise UnsupportedError("an operand that is left out", "one", "export the model again")
        return [replace(state, places=move(state.places))]  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue, reportArgumentType, reportUnknownArgumentType, reportUnknownMemberType]
    except (ValueError, IndexError, TypeError) as error:
        raise UnsupportedError(f"a shape that does not fit ({error})", "one that does", "export the model again") from error


def _moved_constant(constant: QuantisedConstant, move: Callable[[Array], Array]) -> QuantisedConstant:
    codes = move(constant.codes)
    if constant.axis is None:
        return replace(constant, codes=codes)
    # Where the channels are afterwards.
    shape = [1] * constant.codes.ndim
    shape[constant.axis] = -1
    numbers = move(np.broadcast_to(np.arange(constant.scale.size).reshape(shape), constant.codes.shape))
    for axis in range(codes.ndim):
        along = np.moveaxis(numbers, axis, 0).reshape(numbers.shape[axis], -1)
        if len(along) == constant.scale.size and bool((along == np.arange(constant.scale.size)[:, None]).all()):
            return replace(constant, codes=codes, axis=axis)
    raise UnsupportedError(
        "channels with scales of their own that are mixed", "an axis of channels", "reshape before quantising"
    )


@handles("Identity", "Dropout")
def identity(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """In inference; nothing to do."""
    importer.note(node, "nothing to do")
    training = len(inputs) > 2 and inputs[2] is not None and bool(constant_of(inputs[2], "training_mode").any())
    if training and (inputs[1] is None or bool(constant_of(inputs[1], "a ratio").any())):
        raise UnsupportedError("training_mode", "inference", "export the model in eval mode")
    if len(node.outputs) > 1 and node.outputs[1] in importer.read:
        raise UnsupportedError("a second result, the mask", "the numbers only", "drop what uses it")
    assert inputs[0] is not None
    return [inputs[0]]


@handles("Transpose")
def transpose(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Only renames axes; where a convolution or pooling reads them in another order, the engine exchanges them."""
    axes = node.ints("perm") or None
    state = inputs[0]
    if isinstance(state, QuantisedConstant):
        importer.note(node, "constant")
        order = tuple(reversed(range(state.codes.ndim))) if axes is None else axes
        if sorted(order) != list(range(state.codes.ndim)):
            raise UnsupportedError(f"perm {order}", f"the {state.codes.ndim} axes", "export the model again")
        return [transposed(state, order)]
    return moved_places(importer, node, state, lambda x: x.transpose(axes))


@handles("DepthToSpace")
def to_space(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    Either mode: of the input and the output nothing to do; between layers copies of the engine, in mode CRD, which mixes
    channels, a transposed convolution of one tap.
    """
    return moved_places(importer, node, inputs[0], lambda x: depth_to_space(node, x))


@handles("SpaceToDepth")
def to_depth(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Either mode: of the input and the output nothing to do; between layers copies of the engine."""
    return moved_places(importer, node, inputs[0], lambda x: space_to_depth(node, x))


@handles("Flatten")
def flatten(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Before a dense layer, whose weights are permuted, and at the end."""
    return moved_places(importer, node, inputs[0], lambda x: x.reshape(flattened_shape(node, x.shape)))


@handles("Reshape")
def reshape(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """A constant shape; before a dense layer, whose weights are permuted, and at the end."""
    wanted = tuple(int(size) for size in constant_of(inputs[1], "a shape").reshape(-1).tolist())
    return moved_places(importer, node, inputs[0], lambda x: x.reshape(reshaped(node, x.shape, wanted)))


@handles("Gather")
def gather(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Constant indices, as Slice; of images channels in any order, or rows or columns at equal distances."""
    indices, axis = constant_of(inputs[1], "indices").astype(np.int64), int(node.get("axis", 0))
    return moved_places(importer, node, inputs[0], lambda x: np.take(x, indices, axis=axis))


def _axes(node: Node, inputs: Sequence[State | None]) -> tuple[int, ...] | None:
    if len(inputs) > 1 and inputs[1] is not None:
        return tuple(int(axis) for axis in constant_of(inputs[1], "axes").reshape(-1).tolist())
    return node.ints("axes") or None


@handles("Squeeze")
def squeeze(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Constant axes."""
    axes = _axes(node, inputs)
    return moved_places(importer, node, inputs[0], lambda x: np.squeeze(x, axes))


@handles("Unsqueeze")
def unsqueeze(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Constant axes."""
    axes = _axes(node, inputs) or ()
    return moved_places(importer, node, inputs[0], lambda x: np.expand_dims(x, axes))

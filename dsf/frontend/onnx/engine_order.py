"""
In what shape and order the input of a model lies in the engine: as the first operator on images or rows needs it, whatever
renames its axes before. Inputs without a batch, such as images (C, H, W) that an Unsqueeze follows, or one row, are of one.
"""

from __future__ import annotations

from math import prod

import numpy as np

from dsf.frontend.onnx.graph import Graph, Node
from dsf.frontend.onnx.values import Array, Places, row_major

#: Operators that only rename axes.
_RENAMING = {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "DepthToSpace", "SpaceToDepth"}
#: Operators after which elements are where they were.
_ELEMENTWISE = {"QuantizeLinear", "DequantizeLinear", "Identity", "Cast", "Dropout", "Relu", "Clip"}
#: Operators that with a constant the processor computes of the input before it is quantised.
_PREPARING = {"Add", "Sub", "Mul", "Div", "BatchNormalization"}
#: Operators that read rows, or of more axes the last one.
_DENSE = {"Gemm", "MatMul", "QLinearMatMul", "MatMulInteger", "com.microsoft.QGemm"}


def engine_order(graph: Graph, name: str, sizes: tuple[int, ...]) -> tuple[tuple[int, ...], Places]:
    """
    The shape of the input in the engine, and for each of its elements the place there: images as the first operator on them
    needs them, (N, H, W, C); anything else as rows.
    """
    constants = {**graph.constants, **_constants(graph)}
    tensors = {name: row_major(sizes)}
    rows: Places | None = None
    real = {name}
    for node in graph.nodes:
        # Of a sum or a product a constant may come first.
        elements = next((tensors[one] for one in node.inputs if one in tensors), None)
        if elements is None:
            continue
        given = [one for one in node.inputs if one not in constants]
        prepares = node.op_type in _PREPARING and len(given) == 1 and given[0] in real
        same = prepares or node.op_type in _ELEMENTWISE
        if node.op_type != "QuantizeLinear" and not real.isdisjoint(given):
            real.update(node.outputs)
        renamed = elements if same else _renamed(node, constants, elements)
        if renamed is not None:
            tensors[node.outputs[0]] = renamed
        elif node.op_type not in _RENAMING and elements.ndim in (3, 4):
            return _placed(_as_images(elements, of_rows=node.op_type in _DENSE), sizes)
        elif node.op_type not in _RENAMING and elements.ndim == 2 and rows is None:
            rows = elements.T if node.op_type == "Gemm" and node.get("transA", 0) else elements
    batch = sizes[0] if len(sizes) > 1 else 1
    return _placed(row_major((batch, prod(sizes) // batch)) if rows is None else rows, sizes)


def _constants(graph: Graph) -> dict[str, Array]:
    """What nodes Constant give."""
    nodes = [node for node in graph.nodes if node.op_type == "Constant"]
    values = {node.outputs[0]: node.get("value", node.get("value_ints")) for node in nodes}
    return {name: np.asarray(value) for name, value in values.items() if value is not None}


def _renamed(node: Node, constants: dict[str, Array], elements: Places) -> Places | None:
    """The elements of a tensor as an operator renames them, or `None` of one that does more, or can't."""
    operand = constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
    try:
        numbers = node.ints("axes") if operand is None else tuple(int(one) for one in operand.reshape(-1).tolist())
        match node.op_type:
            case "Transpose":
                return elements.transpose(node.ints("perm") or None)
            case "Reshape" if operand is not None:
                return elements.reshape(reshaped(node, elements.shape, numbers))
            case "Flatten":
                return elements.reshape(flattened_shape(node, elements.shape))
            case "Squeeze":
                return np.squeeze(elements, numbers or None)
            case "Unsqueeze":
                return np.expand_dims(elements, numbers)
            case "DepthToSpace":
                return depth_to_space(node, elements)
            case "SpaceToDepth":
                return space_to_depth(node, elements)
            case _:
                return None
    except (ValueError, IndexError, TypeError):
        return None


def reshaped(node: Node, sizes: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that a Reshape asks for, in which 0 keeps a size, and -1 is what is left."""
    keep = not node.get("allowzero", 0)
    return tuple(sizes[axis] if size == 0 and keep else size for axis, size in enumerate(wanted))


def flattened_shape(node: Node, sizes: tuple[int, ...]) -> tuple[int, int]:
    """The shape that a Flatten makes."""
    axis = int(node.get("axis", 1))
    return prod(sizes[: axis + len(sizes) if axis < 0 else axis]), -1


def depth_to_space(node: Node, x: Places) -> Places:
    """Images (N, C, H, W) whose channels are blocks of their pixels: the first axes of the channels, or CRD the last ones."""
    block, by_columns = int(node.get("blocksize", 1)), node.get("mode", "DCR") == "CRD"
    batch, channels, height, width = x.shape
    left = channels // block**2
    split = (left, block, block) if by_columns else (block, block, left)
    axes = (0, 1, 4, 2, 5, 3) if by_columns else (0, 3, 4, 1, 5, 2)
    return x.reshape(batch, *split, height, width).transpose(axes).reshape(batch, left, height * block, width * block)


def space_to_depth(node: Node, x: Places) -> Places:
    """Images (N, C, H, W) whose blocks of pixels are one, with as many times the channels; mode as above."""
    block, by_columns = int(node.get("blocksize", 1)), node.get("mode", "DCR") == "CRD"
    batch, channels, height, width = x.shape
    axes = (0, 1, 3, 5, 2, 4) if by_columns else (0, 3, 5, 1, 2, 4)
    blocks = x.reshape(batch, channels, height // block, block, width // block, block).transpose(axes)
    return blocks.reshape(batch, channels * block**2, height // block, width // block)


def _as_images(elements: Places, *, of_rows: bool) -> Places:
    """A tensor (N, C, ...), or one of rows (N, ..., C), as (N, H, W, C); of one axis besides these H is 1."""
    last = elements if of_rows else np.moveaxis(elements, 1, -1)
    return last if last.ndim == 4 else last[:, None]


def _placed(elements: Places, sizes: tuple[int, ...]) -> tuple[tuple[int, ...], Places]:
    """The shape of the engine's tensor that has these elements of the model's, counted row-major, and the place of each."""
    places = np.empty(elements.size, dtype=np.int64)
    places[elements.reshape(-1)] = np.arange(elements.size)
    return elements.shape, places.reshape(sizes)

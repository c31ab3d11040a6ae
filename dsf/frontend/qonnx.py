"""
QONNX, as Brevitas exports it, to QDQ: `Quant`, `IntQuant`, `BipolarQuant` and `Trunc` become QuantizeLinear and
DequantizeLinear, or integer constants.

    Quant(x, scale, zero_point, bits)     y = (round(clip(x / scale + zero_point, low, high)) - zero_point) * scale
    BipolarQuant(x, scale)                y = scale if x >= 0 else -scale
    Trunc(x, scale, 0, bits_in, ...)      y = mode(round(x / scale) / 2**k) * scale_out

with `low` and `high` as `signed`, `narrow` and `bits` say. Source: Pappalardo et al., QONNX (arXiv 2206.07527), and the
operators' definitions in the package qonnx.

- **Widths.** The type of the integers is the narrowest of ONNX's that holds `low` to `high`: INT2, INT4, INT8 and their
  unsigned kin; a bias has INT32 where 8 bits are not enough. Where a range is narrower than the type (3 bits, 7 bits, narrow) a
  Clip of the real numbers stands before the QuantizeLinear: its limits are on the grid, so nothing else changes.
- **Constants** are rounded here, in any rounding mode. What the network computes has to be rounded half to even (ROUND), which
  is what QuantizeLinear does. Trunc also rounds down or up: between integers 2**k apart that is the nearest one after half a
  step less 2**-(k+1) is taken off or added, which is never half-way. Where k is less than 0 the integers become larger, and
  nothing is rounded.
- **Zero points.** QONNX rounds `x / scale + zero_point`, ONNX `x / scale`. With an odd zero point the two differ where a number
  lies exactly half-way between two steps, by one step.
- **One bit.** BipolarQuant of what the network computes becomes a comparison with 0 that selects +1 or -1, as INT8, which is
  the least that Where has, and a DequantizeLinear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from dsf.errors import ModelError
from dsf.frontend.integer_types import TYPES, Limits, real_clip
from dsf.frontend.quantize.fold import fold_constants
from dsf.frontend.quantize.graph import Array, Graph, a, attribute, label
from dsf.frontend.quantize.ready import OPSET, OPSET_OF_2_BITS, converted, inferred, opset_problems
from dsf.frontend.reading import Source, inlined, model_of

#: Under which names the operators go.
DOMAINS = frozenset({"qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"})
_QUANT = frozenset({"Quant", "IntQuant"})
OPERATORS = _QUANT | {"BipolarQuant", "Trunc"}

Floats = NDArray[np.float64]
Round = Callable[[Array], Array]
_ROUNDING: dict[str, Round] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.trunc,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}


def is_qonnx(model: onnx.ModelProto) -> bool:
    """Whether a model has operators that `qonnx_to_qdq` converts."""
    return any(node.domain in DOMAINS and node.op_type in OPERATORS for node in model.graph.node)


def qonnx_to_qdq(model: Source) -> onnx.ModelProto:
    """
    A model without QONNX's operators that computes the same. Raises `ModelError` with everything that can't be expressed.
    """
    model = inlined(model_of(model))
    problems = [*opset_problems(model), *_foreign(model)]
    if problems:
        raise ModelError(problems)
    graph = Graph(inferred(converted(model)))
    graph.sort()
    fold_constants(graph)
    conversions = [_Conversion(graph, node) for node in graph.nodes if node.domain in DOMAINS]
    problems = [problem for one in conversions for problem in one.problems()]
    if problems:
        raise ModelError(problems)
    for one in conversions:
        one.replace()
    opset = OPSET_OF_2_BITS if graph.has_2_bits() else OPSET
    return inferred(graph.to_model(opset=max(graph.opset, opset)))


def _foreign(model: onnx.ModelProto) -> Iterator[str]:
    for node in model.graph.node:
        if node.domain in DOMAINS and node.op_type not in OPERATORS:
            known = ", ".join(sorted(OPERATORS))
            yield f"'{label(node)}': is {a(node.op_type)} of domain '{node.domain}', needs one of {known}; replace the layer"


class _Conversion:
    """One node of QONNX, and what it becomes."""

    def __init__(self, graph: Graph, node: NodeProto):
        self.graph, self.node = graph, node
        self.value = graph.constant(node, 0)
        self.mode = str(attribute(node, "rounding_mode", "FLOOR" if node.op_type == "Trunc" else "ROUND")).upper()

    # What is wrong.

    def problems(self) -> Iterator[str]:
        for sentence in self._sentences():
            yield f"'{label(self.node)}': {sentence}"

    def _sentences(self) -> Iterator[str]:
        least = {"BipolarQuant": 2, "Trunc": 5}.get(self.node.op_type, 4)
        if len(self.node.input) < least:
            yield f"has {len(self.node.input)} operands, needs {least}; export the model again"
            return
        if self.node.op_type == "Trunc" and len(self.node.input) > 6:
            yield f"has {len(self.node.input)} operands, needs 5 or 6, those of versions 1 and 2; export the model again"
            return
        constants = [self.graph.constant(self.node, index) for index in range(1, len(self.node.input))]
        if any(one is None for one in constants):
            yield "its scale, zero point or width is computed, needs constants; export the model in eval mode"
            return
        found = list(self._number_sentences([one for one in constants if one is not None]))
        yield from found
        if not found:
            yield from self._kind_sentences()

    def _number_sentences(self, constants: list[Array]) -> Iterator[str]:
        scale = constants[0]
        if not np.all(np.isfinite(scale)) or not np.all(scale > 0):
            yield "has a scale that is not positive, needs numbers above 0; train or calibrate the model again"
        if _scale_axis(self.graph, self.node, scale) == -1:
            yield f"has scales of shape {_text(scale.shape)}, needs one, or one for each index of an axis; quantise per channel"
        if self.node.op_type == "BipolarQuant":
            return
        zero_point = constants[1]
        if not np.array_equal(zero_point, np.rint(zero_point)):
            yield "has a zero point that is no integer, needs one; quantise with an integer zero point"
        widths = constants[2:3] if self.node.op_type != "Trunc" else [constants[2], constants[-1]]
        for width in widths:
            if width.size != 1 or width.item() != np.rint(width.item()) or not 1 <= width.item() <= 32:
                has = width.item() if width.size == 1 else _text(width.shape)
                yield f"has a width of {has} bits, needs a whole number from 1 to 32; choose such a bit_width"

    def _kind_sentences(self) -> Iterator[str]:
        if self.mode not in _ROUNDING:
            yield f"rounds by {self.mode}, needs one of {', '.join(_ROUNDING)}; choose such a rounding mode"
        elif self.node.op_type == "Trunc":
            yield from self._trunc_sentences()
        elif self.node.op_type in _QUANT and not self._is_binary:
            yield from self._quant_sentences()

    def _quant_sentences(self) -> Iterator[str]:
        if self.value is None and self.mode not in ("ROUND", "HALF_EVEN"):
            yield f"rounds what the network computes by {self.mode}, needs ROUND; choose that rounding mode"
        if self.value is None and self._bits(3) > 8:
            yield f"quantises what the network computes to {self._bits(3)} bits, needs at most 8; choose a smaller bit_width"
        low, high = TYPES[self._range.type]
        zero_point = self._constant(2)
        if np.any(zero_point < low) or np.any(zero_point > high):
            yield f"has a zero point outside {low} to {high}, needs one of the integers; calibrate the model again"

    def _trunc_sentences(self) -> Iterator[str]:
        if np.any(self._constant(2) != 0) or self._constant(1).size != 1:
            yield "truncates with a zero point or several scales, needs zero and one scale; quantise the tensor so"
        elif self._floor_or_ceil is None:
            yield f"rounds by {self.mode}, needs ROUND, FLOOR or CEIL; choose such a rounding mode"
        elif len(self.node.input) == 5 and self._bits(4) > 7:
            yield "does not say whether its 8 bits are signed, needs version 2 of Trunc; export with a newer Brevitas"
        elif self._bits(len(self.node.input) - 1) > 8:
            yield f"truncates to {self._bits(len(self.node.input) - 1)} bits, needs at most 8; choose a smaller bit_width"

    # What it has.

    def _constant(self, index: int) -> Array:
        return self.graph.constants[self.node.input[index]]

    def _bits(self, index: int) -> int:
        return int(self._constant(index).item())

    @property
    def _signed(self) -> bool:
        return bool(attribute(self.node, "signed", 1))

    @property
    def _is_binary(self) -> bool:
        """One signed bit is exported as Quant, and means BipolarQuant."""
        return self.node.op_type == "BipolarQuant" or (self._signed and self._bits(3) == 1)

    @property
    def _range(self) -> Limits:
        if self.node.op_type == "Trunc" and len(self.node.input) == 5:
            return Limits(*TYPES[TensorProto.INT8])  # Version 1 does not clip.
        index = 5 if self.node.op_type == "Trunc" else 3
        return Limits.of(self._bits(index), self._signed, bool(attribute(self.node, "narrow", 0)))

    @property
    def _truncated(self) -> int:
        """By how many bits a Trunc shifts to the right, or less than 0: version 1 says it by widths, version 2 by scales."""
        if len(self.node.input) == 5:
            return self._bits(3) - self._bits(4)
        return int(np.rint(np.log2(self._constant(4).astype(np.float64).item() / self._constant(1).item())))

    @property
    def _floor_or_ceil(self) -> int | None:
        """-1 if a Trunc rounds down, 1 if up, 0 if to the nearest; `None` if that depends on the sign of what it rounds."""
        unsigned = {"DOWN": -1, "UP": 1} if not self._signed else {}
        return {"FLOOR": -1, "CEIL": 1, "ROUND": 0, "HALF_EVEN": 0, **unsigned}.get(self.mode)

    # What it becomes.

    def replace(self) -> None:
        """Puts other nodes in its place."""
        if self.node.op_type == "Trunc":
            self.graph.replace(self.node, self._truncation())
        elif self._is_binary:
            self.graph.replace(self.node, self._signs())
        elif self.value is not None:
            self.graph.replace(self.node, self._dequantized_constant(self._rounded(self.value), self._range.type))
        else:
            self.graph.replace(self.node, self._quantized(self.node.input[0], self._constant(1), self._constant(1)))

    def _rounded(self, value: Array) -> Floats:
        """The integers of a constant: in float32, as QONNX computes them."""
        quotient = value.astype(np.float32) / self._constant(1).astype(np.float32) + self._constant(2).astype(np.float32)
        return np.clip(_ROUNDING[self.mode](quotient).astype(np.float64), self._range.low, self._range.high)

    def _signs(self) -> list[NodeProto]:
        if self.value is not None:
            return self._dequantized_constant(np.where(self.value >= 0, 1.0, -1.0), TensorProto.INT2)
        stem, graph = label(self.node), self.graph
        zero = graph.add_constant(f"{stem}_zero", np.array(0, dtype=np.float32))
        signs = [graph.add_constant(f"{stem}_{name}", _typed(np.array(sign), TensorProto.INT8)) for name, sign in _SIGNS]
        positive, stored = graph.fresh(f"{stem}_positive"), graph.fresh(f"{stem}_quantized")
        return [
            helper.make_node("GreaterOrEqual", [self.node.input[0], zero], [positive], name=positive),
            helper.make_node("Where", [positive, *signs], [stored], name=stored),
            self._dequantize(stored, self._constant(1), None),
        ]

    def _dequantized_constant(self, integers: Floats, kind: int) -> list[NodeProto]:
        stored = self.graph.add_constant(f"{label(self.node)}_quantized", _typed(integers, kind))
        zero_point = None if self._is_binary else self._zero_point(kind)
        return [self._dequantize(stored, self._constant(1), zero_point)]

    def _zero_point(self, kind: int) -> str | None:
        values = self._constant(2)
        scale = self._constant(1)
        if kind == TensorProto.INT32 and not np.any(values):
            return None
        shape = () if scale.size == 1 else (scale.size,)
        return self.graph.add_constant(
            f"{label(self.node)}_zero_point", _typed(np.broadcast_to(values.reshape(-1), shape or (1,)).reshape(shape), kind)
        )

    def _dequantize(self, stored: str, scale: Array, zero_point: str | None) -> NodeProto:
        inputs = [stored, self._scale(scale), *([] if zero_point is None else [zero_point])]
        node = helper.make_node("DequantizeLinear", inputs, [self.node.output[0]], name=label(self.node))
        self._add_axis(node, scale)
        return node

    def _scale(self, scale: Array) -> str:
        shape = () if scale.size == 1 else (scale.size,)
        return self.graph.add_constant(f"{label(self.node)}_scale", scale.astype(np.float32).reshape(shape))

    def _add_axis(self, node: NodeProto, scale: Array) -> None:
        axis = _scale_axis(self.graph, self.node, scale)
        if axis is not None:
            node.attribute.append(helper.make_attribute("axis", axis))

    def _quantized(self, real: str, scale: Array, back: Array) -> list[NodeProto]:
        """QuantizeLinear by `scale` and DequantizeLinear by `back`, with a Clip where the type holds more than the range."""
        graph, stem, kind = self.graph, label(self.node), self._range.type
        nodes: list[NodeProto] = []
        if not self._range.are_whole_type:
            axis = _scale_axis(graph, self.node, scale)
            rank = len(graph.shape(self.node.input[0]) or scale.shape)
            zero_point = self._constant(2).reshape(-1).astype(np.int64)
            nodes = real_clip(graph, real, self._range, scale.reshape(-1), zero_point, stem, axis, rank)
            real = nodes[-1].output[0]
        zero = self._zero_point(kind)
        assert zero is not None
        stored = graph.fresh(f"{stem}_quantized")
        quantize = helper.make_node("QuantizeLinear", [real, self._scale(scale), zero], [stored], name=stored)
        self._add_axis(quantize, scale)
        return [*nodes, quantize, self._dequantize(stored, back, zero)]

    def _truncation(self) -> list[NodeProto]:
        graph, stem, steps = self.graph, label(self.node), 2.0**self._truncated
        scale, real = self._constant(1), self.node.input[0]
        nodes: list[NodeProto] = []
        direction = self._floor_or_ceil
        assert direction is not None
        if direction and steps > 1:
            offset = graph.add_constant(
                f"{stem}_offset", (scale * (direction * (steps - 1) / 2)).astype(np.float32).reshape(())
            )
            real = graph.fresh(f"{stem}_shifted")
            nodes.append(helper.make_node("Add", [self.node.input[0], offset], [real], name=real))
        if len(self.node.input) == 6:
            return nodes + self._quantized(real, scale * np.float32(steps), self._constant(4))
        factor = graph.add_constant(f"{stem}_factor", np.array(1 / steps, dtype=np.float32))
        divided = graph.fresh(f"{stem}_divided")
        nodes.append(helper.make_node("Mul", [real, factor], [divided], name=divided))
        return nodes + self._quantized(divided, scale, scale)


_SIGNS = (("plus", 1), ("minus", -1))


def _scale_axis(graph: Graph, node: NodeProto, scale: Array) -> int | None:
    """The axis that a node's scales go along, `None` for a single one, -1 if there is no such axis."""
    if scale.size == 1:
        return None
    # No shape is inferred behind an operator of QONNX; then a scale has as many axes as the tensor.
    shape = graph.shape(node.input[0]) or (scale.size,) * scale.ndim
    axes = [index for index, size in enumerate(scale.shape) if size > 1]
    if len(axes) != 1 or scale.ndim > len(shape):
        return -1
    axis = axes[0] + len(shape) - scale.ndim
    return axis if shape[axis] == scale.size else -1


def _typed(integers: Array, kind: int) -> Array:
    return integers.astype(np.int64).astype(helper.tensor_dtype_to_np_dtype(kind))


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))

"""
Levels that have tensors, compared operation by operation.

Operations of two levels stand for the same values if they have the same bundle and the same role in it: the sum of the core,
without its bias and with it; the core's result after its activation; those of additions, products, functions and poolings, in
order. What the next level no longer has, such as a sum that is fused with its activation, is not compared there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation

from dsf import numerics
from dsf.bisection.difference import Difference, first_difference
from dsf.constraints.layers import bundle_of, source_of, users_of
from dsf.constraints.sums import engine_bias
from dsf.dialects import bundle, fxp, tile
from dsf.dialects.bundle_cores import BatchNormOp, CoreOp
from dsf.dialects.engine import hardware_of
from dsf.dialects.shapes import where
from dsf.numerics import Ints
from dsf.runtime.execute import main_of, run_function
from dsf.runtime.interpreters.tile import pieces_of
from dsf.scheduling.network import IMAGES
from dsf.scheduling.pieces import Piece, Span
from dsf.transforms.group_into_bundles import named_chains
from dsf.transforms.locations import location_name, source_names
from dsf.transforms.skip_unread import SkipUnreadPass, at_positions

#: Bundle, role, and which of those with that role.
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Point:
    """A value at which levels are compared: the operation that makes it, what goes into that, and its result."""

    op: Operation
    inputs: tuple[Ints, ...] = field(repr=False)
    values: Ints = field(repr=False)


@dataclass
class Trace(Interpreter.Listener):
    """The points of a module in the order in which they are computed, and the result; `images` are a chunk of the batch."""

    labels: dict[Operation, str]
    images: int
    points: dict[Key, Point] = field(default_factory=dict[Key, Point])
    result: Ints | None = None
    _inputs: PythonValues = ()
    _counts: Counter[tuple[str, str]] = field(default_factory=lambda: Counter[tuple[str, str]]())

    @staticmethod
    def of(module: ModuleOp, x: Ints) -> Trace:
        """Executes a module of a level with tensors. Raises what an interpreter does."""
        images = main_of(module).attributes.get(IMAGES)
        labels = {op: label for label, chain in named_chains(module) for op in chain}
        trace = Trace(labels, images.value.data if isinstance(images, IntegerAttr) else len(x))
        result = run_function(module, x, trace)
        if _is_integers(result):
            trace.result = result
        return trace

    def will_interpret_op(self, op: Operation, args: PythonValues) -> None:
        self._inputs = args
        if isinstance(op, (fxp.RequantizeOp, fxp.RawOp)):
            self._add(op, "biased", numerics.biased(args[0], op.bias_array, op.bias_shift.value.data)[0])

    def did_interpret_op(self, op: Operation, results: PythonValues) -> None:
        if isinstance(op, CoreOp) and not _is_normalised(op):
            bias, shift = engine_bias(op)
            self._add(op, "sum", (results[0] - numerics.biased(0, bias, shift)[0]) >> op.fraction)
        for role in _roles(op):
            self._add(op, role, results[0])
        if len(results) == 1 and _is_integers(results[0]):
            # What goes into a softmax of the host is the result.
            self.result = results[0]

    def _add(self, op: Operation, role: str, values: Ints) -> None:
        label = self.labels.get(op) or bundle_of(op)
        if label is None:
            return
        count = self._counts[label, role]
        self._counts[label, role] += 1
        self.points[label, role, count] = Point(op, tuple(filter(_is_integers, self._inputs)), values)


def _is_integers(value: object) -> bool:
    return isinstance(value, np.ndarray) and np.issubdtype(cast(Ints, value).dtype, np.integer)


def _is_normalised(op: CoreOp | BatchNormOp) -> bool:
    """Whether a core has a batch normalisation behind it, whose meaning is that of the core once it is folded."""
    return any(isinstance(user, BatchNormOp) for user in users_of(op.output))


def _roles(op: Operation) -> tuple[str, ...]:
    """What the result of an operation is in its bundle."""
    match op:
        case CoreOp() | BatchNormOp():
            ends = all(isinstance(user, (bundle.SoftmaxOp, ReturnOp)) for user in users_of(op.output, behind_flatten=True))
            return () if _is_normalised(op) else ("biased", "core") if ends else ("biased",)
        case bundle.ActivationOp():
            return ("core",) if isinstance(source_of(op.input).owner, (CoreOp, BatchNormOp)) else ("pool",)
        case fxp.ConvOp() | fxp.ConvTransposeOp():
            return ("sum",)
        case fxp.RequantizeOp() | fxp.RawOp():
            return ("core",)
        case bundle.AddOp() | fxp.AddOp():
            return ("add",)
        case bundle.MultiplyOp() | fxp.MultiplyOp():
            return ("multiply",)
        case bundle.FunctionOp() | fxp.TableOp() | tile.LookupOp():
            return ("function",)
        case bundle.PoolOp() | fxp.PoolOp() | tile.PoolOp():
            return ("pool",)
        case tile.MatrixOp():
            whole = "core" if op.add is None else "add"
            if op.target == tile.WHOLE:
                return (whole,)
            # Of a result that several make, the last one has all.
            return ("phase",) if op.is_partial else ("phase", whole)
        case bundle.ConcatOp() | bundle.SliceOp() | bundle.PadOp() | bundle.ResizeOp() | bundle.TransposeOp():
            return ("move",)
        case fxp.ConcatOp() | fxp.SliceOp() | fxp.PadOp() | fxp.ResizeOp() | fxp.TransposeOp():
            return ("move",)
        case tile.CopyOp():
            return () if op.is_partial else ("move",)
        case tile.ElementwiseOp():
            return ("add",) if isinstance(op.function, tile.AddAttr) else ("multiply",)
        case _:
            return ()


def compare_functions(before: Trace, after: Trace, step: str) -> Difference | None:
    """The first operation of `after` whose result is not what it was before."""
    for key, point in after.points.items():
        if key not in before.points:
            continue
        needed = before.points[key].values
        if step == SkipUnreadPass.name:
            needed = at_positions(needed, point.values)
        elements = first_difference(point.values, needed)
        if elements is not None:
            part = part_of(point.op, elements.index) if len(elements.index) == 4 else None
            return Difference(step, described(point.op, key[0]), sources_of(point.op, key[0]), part, elements)
    if before.result is None or after.result is None:
        return None
    elements = first_difference(after.result, before.result)
    return None if elements is None else Difference(step, "the result", (), None, elements)


def described(op: Operation, label: str | None) -> str:
    """How an operation is named: with its bundle."""
    return where(op) if label is None else f"'{op.name}' of '{label}'"


def sources_of(op: Operation, label: str | None) -> tuple[str, ...]:
    """The nodes of the source, if they have other names than the bundle."""
    names = source_names(op)
    return () if names == (label,) or (label is None and names == (location_name(op),)) else names


def part_of(op: Operation, index: tuple[int, ...]) -> str | None:
    """The piece of an operation of the level `tile` that has an element."""
    if not isinstance(op, tile.MatrixOp | tile.VectorOp) or isinstance(op, tile.CopyOp):
        return None
    if isinstance(op, tile.MatrixOp) and not op.is_whole:
        return None
    module = op.get_toplevel_object()
    assert isinstance(module, ModuleOp)
    lanes = hardware_of(module).group_columns if isinstance(op, tile.MatrixOp) else op.y.type.get_shape()[3]
    for piece in pieces_of(op, lanes):
        places: dict[str, int] = dict(zip(("image", "row", "column", "channel"), index, strict=True))
        if all(span.first <= places[name] < span.stop for name, span in _spans(piece, lanes).items()):
            return piece_text(piece, lanes)
    return None


def _spans(piece: Piece, lanes: int) -> dict[str, Span]:
    columns = {} if piece.columns is None else {"column": piece.columns}
    return {"image": piece.images, "row": piece.rows, **columns, "channel": piece.channels(lanes)}


def piece_text(piece: Piece, lanes: int) -> str:
    """A piece in words."""
    return ", ".join(_span_text(name, span) for name, span in _spans(piece, lanes).items())


def _span_text(name: str, span: Span) -> str:
    return f"{name} {span.first}" if span.count == 1 else f"{name}s {span.first} to {span.stop - 1}"

"""
The network of a function at the `tile` level, as scheduling sees it: layers in order, and the tensors between them.

A reshape is no layer: its result is the tensor that it reshapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerType, ModuleOp
from xdsl.ir import Operation, SSAValue

from dsf.cost import (
    Cost,
    DepthwiseWork,
    MatrixWork,
    depthwise_cost,
    division_steps,
    elements_cost,
    matrix_cost,
    pool_cost,
    runs_of,
    scattered_cost,
)
from dsf.dialects import tile
from dsf.dialects.bundle_types import PoolKind
from dsf.dialects.functions import function_problems
from dsf.dialects.integers import RAW_BITS, width
from dsf.dialects.shapes import element, shape
from dsf.dialects.tile_cuts import Mode, Place
from dsf.errors import ModelError
from dsf.geometry import Window
from dsf.hardware import Hardware
from dsf.kernel_rows import lines_of
from dsf.scheduling.allocator import Request
from dsf.scheduling.depthwise import axis_of, lines_across
from dsf.scheduling.pieces import Block, Piece, Span, channel_blocks
from dsf.transforms.locations import location_name

#: The function's attribute that says how many images are a chunk of the batch.
IMAGES = "tile.images"
#: The function's attribute that says where its input lies, a `tile.Place`: on chip if there is none.
INPUT_PLACE = "tile.input_place"


@dataclass(frozen=True)
class Tensor:
    """A tensor in feature memory; an image of it takes `elements` elements."""

    name: str
    elements: int


def blocks_of(op: tile.MatrixOp | tile.VectorOp) -> list[Block]:
    """The channels of an operation that are computed together, as its cut has them."""
    inputs, outputs = shape(op.x)[3], shape(op.y)[3]
    if isinstance(op, tile.CopyOp):
        outputs = op.image[2]
    if not isinstance(op, tile.MatrixOp):
        return [Block(Span(0, inputs), Span(0, outputs))]
    return channel_blocks(inputs, outputs, op.groups.value.data, op.cut.block.data)


def places_apart(target: tile.TargetAttr, result: tuple[int, int, int]) -> tuple[int, int, int]:
    """
    How many elements lie from one row, column and channel of what is made to the next, in a result of (height, width, channels)
    without gaps.
    """
    _, width, channels = result
    of_axis, (down, right) = (width * channels, channels, 1), target.steps
    row, column, channel = (of_axis[axis] for axis in target.order)
    return down * row, right * column, channel


def weight_words(window: Window, block: Block, *, depthwise: bool) -> int:
    """Weight words of a channel group of a block: one for each reduction step."""
    return prod(window.kernel) * (1 if depthwise else block.inputs.count)


def bank_words(hw: Hardware, words: int, groups: int, mode: Mode) -> int:
    """
    Words of each bank that a load of `groups` channel groups of `words` weight words takes, where a channel group goes on from
    bank to bank: tall, one alone of which there is no room for two in a bank. Otherwise 0.
    """
    runs_on = mode is Mode.TALL and groups == 1 and hw.column_groups > 1 and 2 * words > hw.weight_words
    return -(-words // hw.column_groups) if runs_on else 0


@dataclass(frozen=True)
class Layer:
    """An operation of the engine; `source`, `second` (a residual, or a second operand) and `result` are indices of tensors."""

    op: tile.MatrixOp | tile.VectorOp
    name: str
    source: int
    second: int | None
    result: int

    @cached_property
    def input_image(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        _, height, image_width, channels = shape(self.op.x)
        return height, image_width, channels

    @cached_property
    def output_image(self) -> tuple[int, int, int]:
        """Height, width, channels of what it makes, which may be a part of its result."""
        if isinstance(self.op, tile.CopyOp | tile.MatrixOp):
            return self.op.image
        _, height, image_width, channels = shape(self.op.y)
        return height, image_width, channels

    @cached_property
    def result_image(self) -> tuple[int, int, int]:
        """Height, width, channels of the tensor that it goes to."""
        _, height, image_width, channels = shape(self.op.y)
        return height, image_width, channels

    @cached_property
    def window(self) -> Window:
        """The window over the input."""
        match self.op:
            case tile.MatrixOp() | tile.PoolOp():
                return self.op.window.window
            case tile.CopyOp():
                return self.op.part.window
            case _:
                # An element of the result is computed from the elements at its own place.
                return Window((1, 1))

    @cached_property
    def fills_result(self) -> bool:
        """Whether it alone makes its result, row by row; others make a part of it."""
        return not isinstance(self.op, tile.CopyOp | tile.MatrixOp) or self.op.is_whole

    @cached_property
    def completes_result(self) -> bool:
        """Whether it is the last to write its result."""
        return not isinstance(self.op, tile.CopyOp | tile.MatrixOp) or not self.op.is_partial

    def rows_written(self, rows: Span) -> Span:
        """The rows of the result from the first to the last that rows of what it makes go to."""
        if not isinstance(self.op, tile.CopyOp | tile.MatrixOp):
            return rows
        if self.op.target.is_transposed:
            return Span(0, self.result_image[0])
        return Span(*self.op.target.rows(rows.first, rows.count))

    def strip_of_result(self, rows: Span) -> Span:
        """The rows of the result that operations which make parts of it, row by row in turn, make together for rows of each."""
        step, (height, *_) = self.op.target.steps[0] if isinstance(self.op, tile.MatrixOp) else 1, self.result_image
        return Span(rows.first * step, min(rows.stop * step, height) - rows.first * step)

    def rows_made(self, rows: int) -> int:
        """How many rows of the result are there once the first `rows` of this layer's, which is the last to write it, are."""
        if not isinstance(self.op, tile.CopyOp | tile.MatrixOp):
            return rows
        if rows == self.output_image[0]:
            return self.result_image[0]
        return 0 if self.op.target.is_transposed else self.rows_written(Span(rows - 1, 1)).stop

    @cached_property
    def reads(self) -> tuple[int, ...]:
        return (self.source,) if self.second is None else (self.source, self.second)

    @cached_property
    def is_pixel(self) -> bool:
        """Whether the second operand has one pixel for each image of the result."""
        op = self.op
        return isinstance(op, tile.ElementwiseOp) and shape(op.b) != shape(op.x)

    def second_rows(self, rows: Span) -> tuple[Span, tuple[int, int, int]]:
        """The rows of the second operand that rows of what it makes need, and its (height, width, channels)."""
        height, width, channels = self.result_image
        return (Span(0, 1), (1, 1, channels)) if self.is_pixel else (self.rows_written(rows), (height, width, channels))

    @property
    def blocks(self) -> list[Block]:
        """The channels that depend on each other, as the cut has them; the vector unit has one block."""
        return blocks_of(self.op)

    @property
    def is_depthwise(self) -> bool:
        """Whether the array computes it depthwise, as the cut has it."""
        return any(mode.data.is_depthwise for mode in self.op.cut.mode)

    def lanes(self, hw: Hardware) -> int:
        """Channels of a channel group; the vector unit has one group, all channels."""
        return hw.group_columns if isinstance(self.op, tile.MatrixOp) else self.output_image[2]

    def groups(self, hw: Hardware) -> int:
        """Channel groups of the result, those of all blocks."""
        return sum(block.channel_groups(self.lanes(hw)) for block in self.blocks)

    def groups_of_block(self, hw: Hardware) -> int:
        """Channel groups of the first block, which is the largest."""
        return self.blocks[0].channel_groups(self.lanes(hw))

    def words(self, block: Block) -> int:
        """Weight words of a channel group of a block."""
        return weight_words(self.window, block, depthwise=self.is_depthwise)

    def costs(self, hw: Hardware, piece: Piece, mode: Mode) -> list[Cost]:
        """Cycles of each of the matrix unit's instructions for a piece."""
        op, window, width = self.op, self.window, piece.width(self.output_image[1])
        assert isinstance(op, tile.MatrixOp)
        # Partial sums leave the array as activations would, and are dropped.
        after = (op.raw is not None and not piece.partial, self.second is not None and not piece.partial)
        zeros = op.window.pad_value.data == 0
        images, rows = piece.images.count, piece.rows
        if mode.is_depthwise:
            axis = axis_of(window, mode)
            along, padded = axis.along(piece, width), lines_across(window, axis, self.input_image, piece, width)
            works: list[DepthwiseWork] = []
            for residue in axis.residues(along):
                lines = replace(padded, columns=axis.count(along, residue))
                count = lines.images * lines.rows, piece.groups.count
                works.append(DepthwiseWork(axis.taps, lines.columns, *count, *after, lines if zeros else None))
            return [depthwise_cost(hw, work) for work in works]
        runs = runs_of(hw, window, self.input_image[2], piece.block.inputs.count)
        depth = bank_words(hw, runs.words, piece.groups.count, mode)
        if piece.run is not None:
            runs, depth = runs.part(hw, piece.run.count), piece.run.count
        lines = lines_of(window, self.input_image[0], rows.first, rows.count, width, images) if zeros else None
        if depth and lines is not None:
            _, kernel_rows = lines.through_banks(runs.words // runs.kernel_rows, depth)
            runs, lines = replace(runs, kernel_rows=kernel_rows), None
        work = MatrixWork(runs, images * rows.count * width, piece.groups.count, *after, lines)
        return [matrix_cost(hw, work, mode is Mode.TALL)]

    def vector_cost(self, hw: Hardware, pixels: int, channels: int = 0) -> Cost:
        """Cycles of the vector unit for `pixels` results of some channels, or of all."""
        assert not isinstance(self.op, tile.MatrixOp)
        channels = channels or self.output_image[2]
        if isinstance(self.op, tile.CopyOp):
            apart = places_apart(self.op.target, self.result_image)[2] > 1
            return scattered_cost(hw, pixels, channels) if apart else pool_cost(hw, pixels, channels, taps=1, division_steps=0)
        if not isinstance(self.op, tile.PoolOp):
            return elements_cost(hw, pixels, channels, operands=len(self.reads))
        taps, scale = prod(self.op.window.window.kernel), self.op.scale
        sums = self.op.kind.data is PoolKind.AVG and taps > 1
        steps = division_steps(hw, scale.left.data, scale.right.data, scale.leak.data, sums=sums)
        return pool_cost(hw, pixels, channels, taps, steps)


@dataclass(frozen=True)
class Network:
    """`images` is the whole batch; `input` and `output` are indices of tensors, `input_place` is where the input lies."""

    images: int
    tensors: tuple[Tensor, ...]
    layers: tuple[Layer, ...]
    input: int
    output: int
    input_place: Place = Place.CHIP

    @property
    def places(self) -> tuple[Place, ...]:
        """Where each tensor lies, as the cuts have it."""
        places = [self.input_place] * len(self.tensors)
        for layer in self.layers:
            places[layer.result] = layer.op.cut.place.data
        return tuple(places)

    def readers(self, tensor: int) -> Sequence[int]:
        """The layers that read a tensor."""
        return self._readers[tensor]

    def makers(self, tensor: int) -> Sequence[int]:
        """The layers that make a tensor: one, or several copies."""
        return self._makers[tensor]

    @cached_property
    def _readers(self) -> list[list[int]]:
        return self._layers_of(lambda layer: layer.reads)

    @cached_property
    def _makers(self) -> list[list[int]]:
        return self._layers_of(lambda layer: (layer.result,))

    def _layers_of(self, tensors: Callable[[Layer], Iterable[int]]) -> list[list[int]]:
        """For each tensor the layers that have it among these."""
        found = [list[int]() for _ in self.tensors]
        for index, layer in enumerate(self.layers):
            for tensor in dict.fromkeys(tensors(layer)):
                found[tensor].append(index)
        return found

    def follower_of(self, index: int) -> int | None:
        """
        The layer, if it is the vector unit's and comes next, that works on what matrix layer `index` makes, on images of as
        many rows: strips of another shape are not those that have been made.
        """
        before = self.layers[index]
        if index + 1 == len(self.layers) or not isinstance(before.op, tile.MatrixOp) or not before.fills_result:
            return None
        layer, made = self.layers[index + 1], self.layers[index].result
        if isinstance(layer.op, tile.MatrixOp) or layer.source != made or (layer.is_pixel and layer.second == made):
            return None
        return index + 1 if layer.input_image[0] == before.result_image[0] else None

    def requests(self, images: int, along: Set[int] = frozenset()) -> list[Request]:
        """
        For each tensor its size for a chunk of `images`, and the layers between which it lives; the layers `along` make
        theirs while the layer before them computes.
        """
        born = {self.input: 0}
        dies = {self.input: 0}
        for index, layer in enumerate(self.layers):
            born.setdefault(layer.result, index - 1 if index in along else index)
            for tensor in (*layer.reads, layer.result):
                dies[tensor] = index
        return [
            Request(tensor.name, images * tensor.elements, born[index], dies[index])
            for index, tensor in enumerate(self.tensors)
        ]

    def chunks(self, images: int) -> list[Span]:
        """The batch in chunks of `images`."""
        return list(Span(0, self.images).blocks(images))


def function_of(module: ModuleOp) -> func.FuncOp:
    """The function that a module describes. Raises `ModelError` if there is not exactly one, or not a straight line."""
    functions = [op for op in module.ops if isinstance(op, func.FuncOp)]
    if len(functions) != 1:
        raise ModelError(f"'module': {len(functions)} functions, needs exactly one; keep the network's")
    problems = function_problems(functions[0])
    if problems:
        raise ModelError(problems)
    return functions[0]


def name_of(op: Operation, index: int) -> str:
    """The bundle that an operation belongs to, or a name by its position."""
    return location_name(op) or f"layer_{index}"


class _Builder:
    def __init__(self, hw: Hardware):
        self.hw = hw
        self.tensors: list[Tensor] = []
        self.layers: list[Layer] = []
        self.indices: dict[SSAValue, int] = {}

    def add_tensor(self, value: SSAValue, name: str) -> int:
        if not isinstance(element(value), IntegerType):
            raise ModelError(f"'{name}': elements of type {element(value)}, needs integers; run bundle-to-fxp first")
        bits, most = width(value), self.hw.bits_input
        if bits != RAW_BITS and (bits > most or (bits == 1) != (most == 1)):
            needs = "1" if most == 1 else f"2 to {most}"
            raise ModelError(
                f"'{name}': elements of {bits} bits, needs {needs}, or {RAW_BITS} for raw sums; "
                "change bits_input or the layer's result"
            )
        per_element = self.hw.raw_elements if bits == RAW_BITS else 1
        self.tensors.append(Tensor(name, prod(shape(value)[1:]) * per_element))
        self.indices[value] = len(self.tensors) - 1
        return self.indices[value]

    def add(self, op: Operation) -> None:
        if isinstance(op, tile.ReshapeOp):
            self.indices[op.y] = self.indices[op.x]
            return
        name = name_of(op, len(self.layers))
        if not isinstance(op, tile.MatrixOp | tile.VectorOp):
            raise ModelError(f"'{name}': '{op.name}', needs an operation of the tile dialect; run fxp-to-tile first")
        second = _second(op)
        for value in (op.x, second):
            if value is not None and width(value) == RAW_BITS:
                raise ModelError(f"'{name}': works on raw sums, needs activations; requantise the layer before it")
        if isinstance(op, tile.CopyOp | tile.MatrixOp) and op.into is not None:
            result = self.indices[op.y] = self.indices[op.into]
        else:
            result = self.add_tensor(op.y, name)
        source = self.indices[op.x]
        self.layers.append(Layer(op, name, source, None if second is None else self.indices[second], result))


def _second(op: tile.MatrixOp | tile.VectorOp) -> SSAValue | None:
    """What an operation reads beside its input."""
    match op:
        case tile.MatrixOp():
            return op.residual
        case tile.ElementwiseOp():
            return op.b
        case _:
            return None


def network_of(function: func.FuncOp, hw: Hardware) -> Network:
    """
    The network of a function of `tile` operations.

    Raises `ModelError` for what has no place on the engine: other operations or widths, an output that is the input, results
    that nothing uses.
    """
    block = function.body.block
    terminator = function.get_return_op()
    assert terminator is not None
    builder = _Builder(hw)
    first = builder.add_tensor(block.args[0], "input")
    for op in block.ops:
        if op is not terminator:
            builder.add(op)
    output = builder.indices[terminator.arguments[0]]
    # A reshape of the input is the input: no layer would make it, and no store would write it.
    if output == first:
        raise ModelError("'main': returns its input, needs at least one layer; add one")
    needed = {output, *(tensor for layer in builder.layers for tensor in layer.reads)}
    problems = [
        f"'{layer.name}': a result that nothing uses, needs a layer after it or to be the output; remove the layer"
        for layer in builder.layers
        if layer.result not in needed
    ]
    images = shape(block.args[0])[0]
    place = function.attributes.get(INPUT_PLACE)
    input_place = place.data if isinstance(place, tile.PlaceAttr) else Place.CHIP
    network = Network(images, tuple(builder.tensors), tuple(builder.layers), first, output, input_place)
    problems += [
        f"'{layer.name}': parts of a result in DRAM with another layer between, needs them one after the other; reorder them"
        for index, layer in enumerate(network.layers)
        if network.places[layer.result] is Place.DRAM
        and not layer.completes_result
        and network.layers[index + 1].result != layer.result
    ]
    if problems:
        raise ModelError(problems)
    return Network(images, tuple(builder.tensors), tuple(builder.layers), first, output, input_place)

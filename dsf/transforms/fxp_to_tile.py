"""
`fxp-to-tile`: sums, requantisation and residual addition become one operation, cut into pieces that fit on chip.

    conv -> requantize [-> add]  =>  tile.matrix          conv -> raw  =>  tile.matrix          pool  =>  tile.pool
    conv_transpose               =>  tile.matrix, one for each phase of its outputs (`dsf.transposed`)
    add, multiply                =>  tile.elementwise     table        =>  tile.lookup
    transpose                    =>  tile.copy
    concat, slice, pad, resize   =>  tile.copy, one for each operand, or for each place in a square of enlarged elements

An addition is fused into the later one of the two convolutions that it follows, if nothing else uses that one's result
(reshapes between them are free); otherwise it is an operation of its own. The numbers do not change.

Hand-written fxp has not gone through `check-hardware`, so that no sum overflows and that constants fit is proved here too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerType, ModuleOp, TensorType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dsf import numerics
from dsf.dialects import fxp, tile
from dsf.dialects.constants import DenseAttr, dense_ints, integer, ints_of, pair, quad
from dsf.dialects.engine import hardware_of
from dsf.dialects.integers import RAW_BITS
from dsf.dialects.shapes import element, shape, tensor_type
from dsf.dialects.tile_cuts import Mode
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.numerics import to_element
from dsf.scheduling.blocks import Way, choose_ways
from dsf.scheduling.cut_rules import TilingOptions
from dsf.scheduling.cuts import choose_cuts
from dsf.scheduling.features import choose_images, fits
from dsf.scheduling.network import IMAGES, INPUT_PLACE, Network, function_of, name_of, network_of
from dsf.scheduling.places import choose_places
from dsf.scheduling.ranges import check_ranges
from dsf.scheduling.tried import Tried
from dsf.transforms.locations import fuse_locations
from dsf.transposed import phase_weights


def _whole(sizes: tuple[int, ...], way: Way | None = None) -> tile.CutAttr:
    """
    The provisional cut of what an operation makes, of these sizes: all of it at once, of a grouped convolution in the way that
    is chosen for it.
    """
    images, rows, *_ = sizes
    way = Way(1, (Mode.WIDE,)) if way is None else way
    return tile.CutAttr.of(images=images, rows=rows, groups=1 << 12, block=way.block, mode=way.modes[0])


def _all_rows(value: SSAValue) -> tile.CutAttr:
    """The provisional cut of what the vector unit computes."""
    images, rows, *_ = shape(value)
    return tile.CutAttr.of(images=images, rows=rows)


def _sum(op: fxp.AddOp, *, swapped: bool = False) -> tile.AddAttr:
    """The numbers of a sum, of its operands in their order or `swapped`."""
    a, b = op.multiplier_a.value.data, op.multiplier_b.value.data
    return tile.AddAttr.of(
        multiplier_a=b if swapped else a,
        multiplier_b=a if swapped else b,
        offset=op.offset.value.data,
        shift=op.shift.value.data,
        leak=op.leak.value.data,
        low=op.low.value.data,
        high=op.high.value.data,
    )


def _multiply(op: fxp.MultiplyOp) -> tile.MultiplyAttr:
    return tile.MultiplyAttr.of(
        zero_a=op.zero_a.value.data,
        zero_b=op.zero_b.value.data,
        multiplier=op.multiplier.value.data,
        offset=op.offset.value.data,
        shift=op.shift.value.data,
        leak=op.leak.value.data,
        low=op.low.value.data,
        high=op.high.value.data,
    )


#: What only moves elements.
Move = fxp.ConcatOp | fxp.SliceOp | fxp.PadOp | fxp.ResizeOp | fxp.TransposeOp


def image_of(value: SSAValue) -> tuple[int, int, int]:
    """Rows, columns and channels of images; a row (N, K) is an image of one pixel."""
    *image, channels = shape(value)[1:]
    height, width = image or (1, 1)
    return height, width, channels


def moves_of(op: Move) -> Iterator[tuple[SSAValue, tile.PartAttr, tile.TargetAttr]]:
    """What is copied from where to where, for the whole result."""
    match op:
        case fxp.ConcatOp():
            channel = 0
            for value in op.inputs:
                yield value, tile.PartAttr.of(size=image_of(value)), tile.TargetAttr.of(first=(0, 0, channel))
                channel += shape(value)[-1]
        case fxp.SliceOp():
            yield op.input, tile.PartAttr.of(first=op.starts, size=op.sizes), tile.TargetAttr.of()
        case fxp.PadOp():
            top, _, left, _ = quad(op.padding)
            size, value = shape(op.output)[1:], op.value.value.data
            yield op.input, tile.PartAttr.of(first=(-top, -left, 0), size=size, pad_value=value), tile.TargetAttr.of()
        case fxp.TransposeOp():
            # Where the axes of the input are among those of the result.
            axes = tuple(op.order.index(axis) for axis in range(3))
            yield op.input, tile.PartAttr.of(size=shape(op.input)[1:]), tile.TargetAttr.of(axes=axes)
        case fxp.ResizeOp():
            factors = pair(op.factors)
            for row, column in product(*map(range, factors)):
                target = tile.TargetAttr.of(first=(row, column, 0), strides=factors)
                yield op.input, tile.PartAttr.of(size=shape(op.input)[1:]), target


@dataclass
class _Lowering:
    """The new block, what each old value became in it, and the order in which its operations came."""

    block: Block
    numbers: dict[Operation, int] = field(default_factory=dict[Operation, int])
    values: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    problems: list[str] = field(default_factory=list[str])
    #: Multiplications by the zeros of phases that have no tap, by bundle.
    zeros: Counter[str] = field(default_factory=lambda: Counter[str]())
    index: int = 0

    def insert(self, op: Operation, *sources: Operation) -> None:
        """Adds an operation that is made from `sources`, and belongs to the bundle of the first."""
        fuse_locations(op, *sources)
        self.block.add_op(op)
        self.numbers[op] = len(self.numbers)

    def lower(self, op: Operation) -> None:
        match op:
            case fxp.ConvOp() | fxp.ConvTransposeOp():
                self._core(op)
            case fxp.RequantizeOp() | fxp.RawOp():
                # With a convolution it is lowered already.
                if not isinstance(op.input.owner, fxp.ConvOp | fxp.ConvTransposeOp):
                    self.problem(op, "requantises what is no sum", "the sums of an fxp.conv", "put a convolution before it")
            case fxp.AddOp():
                self._add(op)
            case fxp.MultiplyOp():
                self._elementwise(op, op.a, op.b, _multiply(op))
            case fxp.TableOp():
                self._table(op)
            case fxp.ConcatOp() | fxp.SliceOp() | fxp.PadOp() | fxp.ResizeOp() | fxp.TransposeOp():
                self._copies(op)
            case fxp.PoolOp():
                self._pool(op)
            case fxp.ReshapeOp():
                self.values[op.output] = self.reshape(self.values[op.input], op.output.type, op)
            case func.ReturnOp():
                self.insert(func.ReturnOp(*(self.values[value] for value in op.arguments)), op)
            case _:
                self.problem(op, f"'{op.name}'", "an operation of the fxp dialect", "run bundle-to-fxp first")
        self.index += 1

    def problem(self, op: Operation, has: str, needs: str, change: str) -> None:
        self.problems.append(f"'{name_of(op, self.index)}': {has}, needs {needs}; {change}")
        # Later operations still get a value, so that all problems are found at once.
        for result in op.results:
            self.values[result] = self.reshape_any(result, op)

    def reshape_any(self, value: SSAValue, op: Operation) -> SSAValue:
        stand_in = Block(arg_types=[value.type]).args[0]
        return stand_in

    def reshape(self, value: SSAValue, result_type: Attribute, op: Operation) -> SSAValue:
        if value.type == result_type:
            return value
        reshaped = tile.ReshapeOp(value, result_type)
        self.insert(reshaped, op)
        return reshaped.y

    def _core(self, op: fxp.ConvOp | fxp.ConvTransposeOp) -> None:
        users = [use.operation for use in op.output.uses]
        end = users[0] if len(users) == 1 else None
        if not isinstance(end, (fxp.RequantizeOp, fxp.RawOp)):
            self.problem(
                op, "sums that are used otherwise", "one fxp.requantize or fxp.raw of them", "requantise the sums once"
            )
            return
        if isinstance(op, fxp.ConvTransposeOp):
            self._phases(op, end)
            return
        multiplier, shift = _scale(end)
        matrix = tile.MatrixOp(
            self.values[op.input],
            window=tile.WindowAttr.from_window(op.window, op.pad_value.value.data),
            epilogue=_epilogue(end, end.bias_shift.value.data),
            cut=_whole(shape(op.output)),
            weights=op.weights,
            bias=end.bias,
            multiplier=multiplier,
            shift=shift,
            groups=op.groups.value.data,
            result_type=end.output.type,
        )
        self.insert(matrix, op, end)
        self.values[end.output] = matrix.y

    def _phases(self, op: fxp.ConvTransposeOp, end: fxp.RequantizeOp | fxp.RawOp) -> None:
        """The ordinary convolutions that a transposed one is, all into one result."""
        batch, height, image_width, _ = shape(op.input)
        weights, zero, kind = ints_of(op.weights), op.zero_point.value.data, op.weights.get_element_type()
        assert isinstance(kind, IntegerType)
        bits, (multiplier, shift) = kind.bitwidth, _scale(end)
        window, groups, made = op.window, op.groups.value.data, None
        for phase in window.phases(height, image_width):
            # A binary weight is never 0, but in padding any one is as good.
            kernel = phase_weights(weights, phase, int(to_element(0, bits)))
            folded = numerics.fold_zero_point(end.bias_array, end.bias_shift.value.data, kernel, zero)
            image = (batch, *phase.image, op.weights.get_shape()[-1])
            matrix = tile.MatrixOp(
                self.values[op.input],
                into=made,
                target=tile.TargetAttr.of(first=(*phase.first, 0), strides=window.window.strides),
                window=tile.WindowAttr.from_window(phase.window, zero),
                epilogue=_epilogue(end, folded[1]),
                cut=_whole(image),
                weights=dense_ints(kernel, bits),
                bias=dense_ints(folded[0], RAW_BITS),
                multiplier=multiplier,
                shift=shift,
                groups=groups,
                result_type=end.output.type,
            )
            self.insert(matrix, op, end)
            made = matrix.y
            if phase.is_empty:
                self.zeros[name_of(op, self.index)] += prod(image) * kernel.shape[2]
        assert made is not None
        self.values[end.output] = made

    def _add(self, op: fxp.AddOp) -> None:
        candidates = [self._fusible(value) for value in (op.a, op.b)]
        fusible = [(self.numbers[matrix], side) for side, matrix in enumerate(candidates) if matrix is not None]
        if not fusible or op.a is op.b or shape(op.a) != shape(op.b):
            self._elementwise(op, op.a, op.b, _sum(op))
            return
        _, side = max(fusible)
        matrix = candidates[side]
        assert matrix is not None
        self._fuse(op, matrix, self.values[op.b if side == 0 else op.a], swapped=side == 1)

    def _fusible(self, value: SSAValue) -> tile.MatrixOp | None:
        """The matrix operation whose result is `value`, through reshapes, if all of these are used only here."""
        while True:
            if len(list(value.uses)) != 1:
                return None
            owner = value.owner
            if isinstance(owner, fxp.RequantizeOp):
                matrix = self.values[value].owner
                return matrix if isinstance(matrix, tile.MatrixOp) and matrix.add is None else None
            if not isinstance(owner, fxp.ReshapeOp):
                return None
            value = owner.input

    def images(self, value: SSAValue, op: Operation) -> SSAValue:
        """A tensor (N, K) as images of one pixel."""
        sizes = shape(value)
        whole = (sizes[0], *image_of(value))
        return self.reshape(value, TensorType(element(value), whole), op)

    def _elementwise(
        self,
        op: fxp.AddOp | fxp.MultiplyOp,
        a: SSAValue,
        b: SSAValue,
        function: tile.AddAttr | tile.MultiplyAttr,
    ) -> None:
        x, second = (self.images(self.values[value], op) for value in (a, b))
        made = tile.ElementwiseOp(function, x, second, cut=_all_rows(x), result_type=TensorType(element(op.output), shape(x)))
        self.insert(made, op)
        self.values[op.output] = self.reshape(made.y, op.output.type, op)

    def _copies(self, op: Move) -> None:
        made: SSAValue | None = None
        images = TensorType(element(op.output), (shape(op.output)[0], *image_of(op.output)))
        for value, part, target in moves_of(op):
            rows = part.image[0]
            copy = tile.CopyOp(
                self.images(self.values[value], op),
                into=made,
                part=part,
                target=target,
                cut=tile.CutAttr.of(images=shape(op.output)[0], rows=rows),
                result_type=images,
            )
            self.insert(copy, op)
            made = copy.y
        assert made is not None
        self.values[op.output] = self.reshape(made, op.output.type, op)

    def _table(self, op: fxp.TableOp) -> None:
        x = self.images(self.values[op.input], op)
        made = tile.LookupOp(x, op.table, cut=_all_rows(x), result_type=TensorType(element(op.output), shape(x)))
        self.insert(made, op)
        self.values[op.output] = self.reshape(made.y, op.output.type, op)

    def _fuse(self, op: fxp.AddOp, matrix: tile.MatrixOp, other: SSAValue, *, swapped: bool) -> None:
        """
        Replaces `matrix`, and those that make other parts of its result, by ones with the addition, here, where the other
        operand is there too.
        """
        b = self.reshape(other, TensorType(element(other), shape(matrix.y)), op)
        parts, made = _parts_of(matrix), None
        for part in parts:
            fused = tile.MatrixOp(
                part.x,
                into=made,
                target=part.target,
                window=part.window,
                epilogue=part.epilogue,
                cut=part.cut,
                weights=part.weights,
                bias=part.bias,
                multiplier=part.multiplier,
                shift=part.shift,
                groups=part.groups.value.data,
                residual=b,
                add=_sum(op, swapped=swapped),
                result_type=TensorType(element(op.output), shape(matrix.y)),
            )
            # Of the bundle whose result it makes.
            self.insert(fused, op, part)
            made = fused.y
        for old in (*_reshapes_of(matrix.y), *reversed(parts)):
            old.detach()
            old.erase()
        assert made is not None
        self.values[op.output] = self.reshape(made, op.output.type, op)

    def _pool(self, op: fxp.PoolOp) -> None:
        pool = tile.PoolOp(
            op.kind.data,
            self.values[op.input],
            window=tile.WindowAttr.from_window(op.window, op.pad_value.value.data),
            scale=tile.ScaleAttr.of(
                count_padding=int(op.count_padding is not None),
                left=op.left.value.data,
                right=op.right.value.data,
                leak=op.leak.value.data,
                low=op.low.value.data,
                high=op.high.value.data,
            ),
            cut=_all_rows(op.output),
            result_type=op.output.type,
        )
        self.insert(pool, op)
        self.values[op.output] = pool.y


def _parts_of(matrix: tile.MatrixOp) -> list[tile.MatrixOp]:
    """The operations that make the result of `matrix` together, the last of them."""
    parts = [matrix]
    while parts[0].into is not None and isinstance(parts[0].into.owner, tile.MatrixOp):
        parts.insert(0, parts[0].into.owner)
    return parts


def _scale(end: fxp.RequantizeOp | fxp.RawOp) -> tuple[DenseAttr | None, DenseAttr | None]:
    """By what sums are multiplied, and how far they are shifted; raw ones are not."""
    return (None, None) if isinstance(end, fxp.RawOp) else (end.multiplier, end.shift)


def _reshapes_of(value: SSAValue) -> list[tile.ReshapeOp]:
    """The chain of reshapes that use only `value`, last first; an addition that is fused needs them no more."""
    chain: list[tile.ReshapeOp] = []
    while uses := list(value.uses):
        owner = uses[0].operation
        if not isinstance(owner, tile.ReshapeOp):
            break
        chain.insert(0, owner)
        value = owner.y
    return chain


def _epilogue(op: fxp.RequantizeOp | fxp.RawOp, bias_shift: int) -> tile.RequantizeAttr | tile.RawAttr:
    if isinstance(op, fxp.RawOp):
        return tile.RawAttr.of(bias_shift=bias_shift)
    return tile.RequantizeAttr.of(
        bias_shift=bias_shift,
        leak=op.leak.value.data,
        zero_point=op.zero_point.value.data,
        low=op.low.value.data,
        high=op.high.value.data,
    )


@dataclass(frozen=True)
class FxpToTilePass(TilingOptions, ModulePass):
    """Fuse epilogues into convolutions and cut everything into pieces; the numbers stay the same."""

    name = "fxp-to-tile"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        self.cut(op)

    def cut(self, op: ModuleOp, tried: Tried | None = None) -> Network:
        """Applies the pass; `tried`, if given, receives what came into question for the batch and for each layer."""
        hw = hardware_of(op)
        function = function_of(op)
        self._lower(function)
        network = network_of(function, hw)
        check_ranges(network, hw)
        images = choose_images(network, hw, self.images, tried)
        function.attributes[IMAGES] = integer(images)
        for layer, way in zip(network.layers, choose_ways(network, hw, images, self, tried), strict=True):
            layer.op.cut = _whole((network.images, *layer.output_image), way)
        cuts = self._cuts(function, network, hw, images, tried)
        for layer, cut in zip(network.layers, cuts, strict=True):
            layer.op.cut = cut
        return network

    def _cuts(
        self, function: func.FuncOp, network: Network, hw: Hardware, images: int, tried: Tried | None
    ) -> list[tile.CutAttr]:
        """The cuts of all layers; what does not fit on chip gets a place elsewhere."""
        if fits(network, hw, images):
            return choose_cuts(network, hw, images, self, tried)
        place, cuts = choose_places(network, hw, images, self, tried)
        if place is not tile.Place.CHIP:
            function.attributes[INPUT_PLACE] = tile.PlaceAttr(place)
        return cuts

    def _lower(self, function: func.FuncOp) -> None:
        old = function.body.block
        new = Block(arg_types=[tensor_type(argument) for argument in old.args])
        lowering = _Lowering(new)
        for before, after in zip(old.args, new.args, strict=True):
            after.name_hint = before.name_hint
            lowering.values[before] = after
        for op in old.ops:
            lowering.lower(op)
        if lowering.problems:
            raise ModelError(lowering.problems)
        fxp.add_zero_macs(function, lowering.zeros)
        function.body.detach_block(old)
        function.body.add_block(new)
        old.erase()

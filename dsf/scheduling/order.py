"""
In what order instructions stand in the program.

The spine is the order of computing: chunk by chunk, layer by layer, piece by piece. A layer that runs along with the one before
it, such as a pooling, has each piece right behind the last one that it needs, or a strip later (`dsf.scheduling.passed`). Of a
tensor in DRAM each piece has the strip that it reads slide into feature memory (`dsf.scheduling.strips`), and its results are
stored behind it. Loads of weights and features go in between, each queue in the order of first use. Two rules place them:

- a load stands before its first use, and after the last use of what lay in its place and after the stores of what it loads, so
  that every instruction waits for earlier ones only and no order of the queues deadlocks;
- it stands as early as that allows, but at most `queue_depth` loads of a queue stand before they are needed: the dispatcher
  would have to wait for room, and what is needed now stands behind.

With resident weights (`dsf.scheduling.emit`) their loads are a program of their own, in the same order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dsf.dialects import tile
from dsf.dialects.tile_cuts import Mode, Place
from dsf.errors import ModelError
from dsf.hardware import VECTOR_TABLES, Hardware
from dsf.scheduling.features import FeaturePlan
from dsf.scheduling.hazards import Memory
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.operands import Operands, rows_made, rows_of_second, rows_read
from dsf.scheduling.parts import loads_stay, makes_parts, of_images, parts_strips
from dsf.scheduling.passed import height_of, rows_needed, waits_a_strip
from dsf.scheduling.pieces import Block, Cut, Piece, Span
from dsf.scheduling.rooms import Use
from dsf.scheduling.spine import Order, WeightLoad, Work
from dsf.scheduling.split import split_layer
from dsf.scheduling.weights import WEIGHT_MEMORIES, Stretch, WeightStream


@dataclass
class _Run:
    """What is left of a layer in a chunk, pieces with the shape of the array and whether they complete a strip."""

    index: int
    pieces: deque[tuple[Piece, Mode, bool]]
    #: The rows that the layer before has made, counted through all images.
    there: int = 0
    #: What is left of the layers behind it, of some channels each, where these go on alone.
    parts: dict[Span, list[_Run]] = field(default_factory=dict[Span, "list[_Run]"])


@dataclass(frozen=True)
class _Part:
    """
    A strip that several layers make: the first of them, through whose windows all see it, the rows that are read and made,
    counted through all images, and whether all their loads are on chip at once.
    """

    layer: int
    read: Span
    made: Span
    stays: bool


def _layer_pieces(layer: Layer, images: int, hw: Hardware) -> Iterator[tuple[Piece, Mode, bool]]:
    rows, columns, _ = layer.output_image
    return Cut.of(layer.op.cut).pieces(Span(0, images), rows, layer.blocks, layer.lanes(hw), columns)


class _Weights:
    """The loads of weights, parameters and tables, in the order of their first use."""

    def __init__(self, network: Network, hw: Hardware, stream: WeightStream):
        self.network, self.hw, self.stream = network, hw, stream
        #: Memories that hold all that the network needs: each stretch is loaded once, and stays.
        self.resident = {memory for memory in WEIGHT_MEMORIES if stream.fits(memory, hw)}
        self.stretches: list[Stretch] = []
        self.last_use: list[int] = []
        self.numbers: dict[tuple[tuple[int, int, int], int], int] = {}
        #: Of tables that take turns, which are there, by what `numbers` has them under; the one used longest ago comes first.
        self.tables: list[tuple[tuple[int, int, int], int]] = []

    def loads(self) -> Iterator[WeightLoad]:
        for stretch, last in zip(self.stretches, self.last_use, strict=True):
            yield WeightLoad(stretch, None if stretch.memory in self.resident else last)

    def needed(self, chunk: int, index: int, piece: Piece, step: int, stays: bool) -> tuple[int, ...]:
        """
        The numbers of the loads that step `step`, a piece of layer `index`, needs; all of a layer's are on chip at once, and
        `stays` is true, or each strip has its own.
        """
        layer = self.network.layers[index]
        matrix = isinstance(layer.op, tile.MatrixOp)
        first = piece.channels(layer.lanes(self.hw)).first if matrix else 0
        stretches = self.stream.stretches.get((index, first, piece.block.inputs.first if matrix else 0), ())
        if piece.run is not None:
            stretches = tuple(one for one in stretches if one.run is None or one.run == piece.run)
        # The weights of the parts of a reduction are not on chip at once, so each strip loads them anew.
        once = stays and (not piece.is_cut or piece.run is not None)
        strip = (0, 0) if once else (piece.images.first, piece.rows.first)
        again = [Memory.WEIGHT] if stays else WEIGHT_MEMORIES
        return tuple(self._number(chunk, one, step, strip if one.memory in again else (0, 0)) for one in stretches)

    def _number(self, chunk: int, stretch: Stretch, step: int, strip: tuple[int, int]) -> int:
        """The number of the load that brings `stretch` for a chunk, or a strip of it, for step `step`, which uses it last."""
        key = ((0, 0, 0) if stretch.memory in self.resident else (chunk, *strip), stretch.offset)
        if stretch.memory is Memory.TABLE and stretch.memory not in self.resident:
            self._turn_of_table(key)
        if key not in self.numbers:
            self.numbers[key] = len(self.stretches)
            self.stretches.append(stretch)
            self.last_use.append(step)
        self.last_use[self.numbers[key]] = step
        return self.numbers[key]

    def _turn_of_table(self, key: tuple[tuple[int, int, int], int]) -> None:
        """Layers far from each other share a table; it is loaded again if others took its place in between."""
        if key in self.tables:
            self.tables.remove(key)
        elif len(self.tables) == VECTOR_TABLES:
            del self.numbers[self.tables.pop(0)]
        self.tables.append(key)


class _Planner:
    """Layers and their pieces, one after the other."""

    def __init__(self, network: Network, hw: Hardware, plan: FeaturePlan, stream: WeightStream):
        self.network, self.hw, self.plan = network, hw, plan
        self.operands = Operands(network, hw, plan)
        self.weights = _Weights(network, hw, stream)

    def build(self) -> Order:
        operands = self.operands
        for chunk, images in enumerate(self.network.chunks(self.plan.images)):
            operands.begin(chunk, images.count)
            self._add_chunk(images.count)
        if operands.problems:
            raise ModelError(list(dict.fromkeys(operands.problems)))
        return Order(tuple(operands.spine), tuple(self.weights.loads()), tuple(operands.inputs))

    def _add_chunk(self, images: int) -> None:
        for first, *others in self.plan.chains(self.network):
            self.operands.split = None
            if makes_parts(self.network, [first, *others]):
                self._add_parts(images, [first, *others])
                continue
            cuts = {index: Cut.of(self.network.layers[index].op.cut) for index in (first, *others)}
            self.operands.split = split_layer(self.network, self.hw, self.plan.places, cuts, [first, *others])
            parts: dict[Span, list[_Run]] = {}
            behind = self._runs(others, images)
            pieces = list(_layer_pieces(self.network.layers[first], images, self.hw))
            for number, (piece, mode, complete) in enumerate(pieces):
                part = self.operands.channels_apart(first, piece)
                if part is not None:
                    behind = self._of_part(parts, part, others, images)
                ends = not piece.partial and piece.ends_rows(self.network.layers[first].output_image[1])
                done = complete or (part is not None and ends)
                self._add(first, piece, mode, done, behind)
                if number + 1 < len(pieces) and behind:
                    # What the array waits for comes before what the vector unit does with this piece.
                    self._rows_of_next(first, pieces[number + 1][0])
                if done:
                    self._follow(images, behind, piece)
            for runs in parts.values() or [behind]:
                self._finish(images, runs)

    def _add_parts(self, images: int, chain: Sequence[int]) -> None:
        """Layers that make parts of one result: strip by strip, each strip by all of them."""
        layers = [self.network.layers[index] for index in chain]
        cuts = [Cut.of(layer.op.cut) for layer in layers]
        stays = loads_stay(self.hw, zip(layers, cuts, strict=True))
        pieces = [list(_layer_pieces(layer, images, self.hw)) for layer in layers]
        for strip in parts_strips(layers, cuts, images):
            read = of_images(strip.images, strip.read, layers[0].input_image[0])
            made = of_images(strip.images, strip.made, layers[0].result_image[0])
            work = [
                (index, piece, mode)
                for index, rows, some in zip(chain, strip.rows, pieces, strict=True)
                for piece, mode, _ in some
                if (piece.images, piece.rows) == (strip.images, rows)
            ]
            for number, (index, piece, mode) in enumerate(work):
                part = _Part(chain[0], read, made, stays)
                self._add(index, piece, mode, number + 1 == len(work), (), part)

    def _rows_of_next(self, index: int, piece: Piece) -> None:
        """Lets the window over the input of a layer slide to the rows of its next piece."""
        layer = self.network.layers[index]
        if self.operands.place(index, layer.source) is Place.DRAM:
            self.operands.operand(index, Use.X, layer.source, rows_read(layer, piece), piece)

    def _lap_of_next(self, images: int, run: _Run, behind: Sequence[_Run], piece: Piece, before: Piece) -> None:
        """Where other channels of a strip go on alone, what their lap needs of the one before is copied in time."""
        if run.index != self.operands.split or piece.rows != before.rows or piece.images != before.images:
            return
        layer = self.network.layers[run.index]
        part = piece.channels(layer.lanes(self.hw))
        others = self._of_part(run.parts, part, [other.index for other in behind], images)
        self.operands.result(run.index, piece, rows_made(layer, piece), self._waiting(others))

    def _runs(self, indices: Sequence[int], images: int, channels: Span | None = None) -> list[_Run]:
        """The layers that run along with one, of some channels where that makes no others at once."""
        runs: list[_Run] = []
        for index in indices:
            pieces = deque(_layer_pieces(self.network.layers[index], images, self.hw))
            if channels is not None:
                some = Block(channels, channels)
                pieces = deque((replace(piece, block=some), mode, complete) for piece, mode, complete in pieces)
            runs.append(_Run(index, pieces))
        return runs

    def _of_part(self, parts: dict[Span, list[_Run]], part: Span, others: Sequence[int], images: int) -> list[_Run]:
        """Of the layers that run along with one, what is left of some channels; others have all of theirs before them."""
        if part not in parts:
            parts[part] = self._runs(others, images, part)
        return parts[part]

    def _follow(self, images: int, behind: list[_Run], made: Piece) -> None:
        """Adds what the layers behind one can take on when `made` completes a strip of it."""
        if not behind:
            return
        run = behind[0]
        before, layer = run.there, self.network.layers[run.index]
        height = height_of(layer, self.network.layers[run.index - 1].result)
        run.there = (made.images.stop - 1) * height + made.rows.stop
        self._take(images, behind, before if waits_a_strip(layer) else run.there)

    def _take(self, images: int, behind: list[_Run], there: int) -> None:
        """Adds the pieces of the layer behind one that need no more than the first rows of it, and what follows them."""
        run, *run_behind = behind
        others = run_behind
        while run.pieces and self._rows_passed(run.index, run.pieces[0][0]).stop <= there:
            piece, mode, complete = run.pieces.popleft()
            if run.index == self.operands.split:
                layer = self.network.layers[run.index]
                part, complete = piece.channels(layer.lanes(self.hw)), piece.ends_rows(layer.output_image[1])
                others = self._of_part(run.parts, part, [other.index for other in run_behind], images)
            self._add(run.index, piece, mode, complete, others)
            if run.pieces:
                self._rows_of_next(run.index, run.pieces[0][0])
                self._lap_of_next(images, run, run_behind, run.pieces[0][0], piece)
            if complete:
                self._follow(images, others, piece)

    def _finish(self, images: int, behind: list[_Run]) -> None:
        """Adds what is left of the layers behind one that is complete."""
        if behind:
            self._take(images, behind, behind[0].there)
            for runs in behind[0].parts.values() or [behind[1:]]:
                self._finish(images, runs)

    def _rows_passed(self, index: int, piece: Piece) -> Span:
        """The rows of what the layer before makes, counted through all images, that a piece reads."""
        layer = self.network.layers[index]
        return rows_needed(layer, self.network.layers[index - 1].result, piece.images, piece.rows)

    def _waiting(self, behind: Sequence[_Run]) -> Iterator[Span]:
        """The rows of what a layer makes that pieces of the one behind it still read, one after the other."""
        for run in behind[:1]:
            yield from (self._rows_passed(run.index, piece) for piece, *_ in run.pieces)

    def _add(
        self,
        index: int,
        piece: Piece,
        mode: Mode,
        complete: bool,
        behind: Sequence[_Run],
        part: _Part | None = None,
    ) -> None:
        layer = self.network.layers[index]
        window = index if part is None else part.layer
        read = rows_read(layer, piece) if part is None else part.read
        made = rows_made(layer, piece) if part is None else part.made
        operands = self.operands
        operands.need_input(index, piece)
        x = operands.operand(window, Use.X, layer.source, read, piece)
        second, added = None, Span(0, 0)
        if layer.second is not None:
            added = rows_of_second(layer, piece) if part is None else part.made
            second = operands.operand(window, Use.SECOND, layer.second, added, piece)
        y = operands.result(window, piece, made, self._waiting(behind))
        step = len(operands.spine)
        loads = self.weights.needed(operands.chunk, index, piece, step, part is None or part.stays)
        stored = operands.store(index, made, step) if complete and self.plan.places[layer.result].in_dram else None
        last = isinstance(layer.op, tile.MatrixOp) or piece.block.outputs.stop == layer.output_image[2]
        output = self._output_made(layer, piece) if complete and last and stored is None else 0
        inputs = len(operands.inputs)
        operands.spine.append(Work(operands.chunk, index, piece, mode, x, y, second, loads, inputs, output, stored))
        if output > 0:
            # The store takes what did not fill a beat before, too.
            operands.use_all(y, output, step)
        operands.use(x, read, layer.input_image, step)
        # A store behind it takes all that has been made.
        operands.use(y, made, layer.result_image, step)
        if second is not None:
            operands.use(second, added, layer.second_rows(piece.rows)[1], step)

    def _output_made(self, layer: Layer, piece: Piece) -> int:
        """Elements of the chunk's output, from its start, that are there after the last piece of a strip."""
        if layer.result != self.network.output or not layer.completes_result:
            return 0
        height, *_ = layer.result_image
        per_row = self.network.tensors[layer.result].elements // height
        return ((piece.images.stop - 1) * height + layer.rows_made(piece.rows.stop)) * per_row


def order_network(network: Network, hw: Hardware, plan: FeaturePlan, stream: WeightStream) -> Order:
    """
    The spine of a network whose layers are cut, and its loads.

    Raises `ModelError`, naming the layers of chains that load what others of them have not stored yet.
    """
    return _Planner(network, hw, plan, stream).build()

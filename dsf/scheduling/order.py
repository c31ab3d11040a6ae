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

from dsf.dialects import tile, tile_types
from dsf.dialects.tile_types import Outer
from dsf.dialects.tile_types import Place as Location
from dsf.errors import ModelError
from dsf.hardware import VECTOR_TABLES, Hardware
from dsf.scheduling.accesses import piece_range
from dsf.scheduling.features import FeaturePlan
from dsf.scheduling.hazards import Memory
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.parts import loads_stay, makes_parts, of_images, parts_strips
from dsf.scheduling.passed import first_with, height_of, passing, place_for, rows_needed, waits_a_strip
from dsf.scheduling.pieces import Block, Cut, Piece, Span, input_rows
from dsf.scheduling.rooms import Use, in_bytes
from dsf.scheduling.segments import Segments
from dsf.scheduling.split import room_of, split_layer
from dsf.scheduling.strips import Held, Slide, Sliding
from dsf.scheduling.weights import WEIGHT_MEMORIES, Stretch, WeightStream
from dsf.sizes import align_up

#: Beats of rows that are loaded once more at the beginning of a lap, rather than copied behind what the vector unit takes on.
RELOADED = 128


@dataclass(frozen=True)
class Work:
    """
    One step of the spine: a piece of a layer for a chunk, and the shape of the array for it. `x`, `second` and `y` are where
    its operands and its result lie. `loads` are the numbers of its parameters and weights, or of its table, among the weight
    loads, and `inputs` is how many feature loads it needs, counted from the first.
    """

    chunk: int
    layer: int
    piece: Piece
    mode: tile_types.Mode
    x: Held
    y: Held
    second: Held | None
    loads: tuple[int, ...]
    inputs: int
    #: Elements of the chunk's output that are complete after it, where it is on chip as a whole; 0 if it makes none.
    output: int = 0
    #: The rows of the result that go to DRAM after it; none if it is not complete, or stays on chip.
    stored: Span | None = None


@dataclass(frozen=True)
class Copy:
    """One step of the spine: `rows` of a lap, for layer `layer`, are copied to the next one. Rows are of `image`."""

    chunk: int
    layer: int
    before: Held
    after: Held
    image: tuple[int, int, int]
    rows: Span
    inputs: int


Step = Work | Copy


@dataclass(frozen=True)
class WeightLoad:
    """A load of weights or parameters; `last` is the last step of the spine that uses it, `None` if it stays for good."""

    stretch: Stretch
    last: int | None


@dataclass(frozen=True)
class FeatureLoad:
    """
    Elements of a tensor that go from DRAM to `held`, all of one stretch or, where `held` has only some channels, those of some
    pixels; `part` counts what is moved. `earliest` is the step of the spine before which it may not stand.
    """

    chunk: int
    layer: int
    held: Held
    part: Span
    earliest: int


@dataclass(frozen=True)
class Order:
    """The spine, and the loads in the order of their queues."""

    spine: tuple[Step, ...]
    weights: tuple[WeightLoad, ...]
    inputs: tuple[FeatureLoad, ...]


@dataclass
class _Run:
    """What is left of a layer in a chunk, pieces with the shape of the array and whether they complete a strip."""

    index: int
    pieces: deque[tuple[Piece, tile_types.Mode, bool]]
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


def _layer_pieces(layer: Layer, images: int, hw: Hardware) -> Iterator[tuple[Piece, tile_types.Mode, bool]]:
    rows, columns, _ = layer.output_image
    return Cut.of(layer.op.cut).pieces(Span(0, images), rows, layer.blocks, layer.lanes(hw), columns)


class _Planner:
    def __init__(self, network: Network, hw: Hardware, plan: FeaturePlan, stream: WeightStream):
        self.network, self.hw, self.plan, self.stream = network, hw, plan, stream
        #: Memories that hold all that the network needs: each stretch is loaded once, and stays.
        self.resident = {memory for memory in WEIGHT_MEMORIES if stream.fits(memory, hw)}
        self.spine: list[Step] = []
        self.stretches: list[Stretch] = []
        self.last_use: list[int] = []
        self.numbers: dict[tuple[tuple[int, int, int], int], int] = {}
        #: Of tables that take turns, which are there, by what `numbers` has them under; the one used longest ago comes first.
        self.tables: list[tuple[tuple[int, int, int], int]] = []
        self.inputs: list[FeatureLoad] = []
        self.loaded = 0
        #: The last step of the spine that uses an address of feature memory.
        self.used: Segments[int] = Segments()
        #: For each tensor in DRAM, the step whose result, stored after it, has an element.
        self.stored: dict[int, Segments[int]] = {}
        #: By use and layer, and channels where those of a strip go on alone.
        self.windows: dict[tuple[Use, int, Span | None], Sliding] = {}
        #: In the chain whose turn it is, the layer from which on channels do.
        self.split: int | None = None
        self.laps = 0
        self.problems: list[str] = []

    def build(self) -> Order:
        for chunk, images in enumerate(self.network.chunks(self.plan.images)):
            self.loaded = 0
            self.windows.clear()
            self._add_chunk(chunk, images.count)
        if self.problems:
            raise ModelError(list(dict.fromkeys(self.problems)))
        weights = [
            WeightLoad(stretch, None if self._stays(stretch) else last)
            for stretch, last in zip(self.stretches, self.last_use, strict=True)
        ]
        return Order(tuple(self.spine), tuple(weights), tuple(self.inputs))

    # Layers and their pieces.

    def _add_chunk(self, chunk: int, images: int) -> None:
        for first, *others in self.plan.chains(self.network):
            self.split = None
            if makes_parts(self.network, [first, *others]):
                self._add_parts(chunk, images, [first, *others])
                continue
            cuts = {index: Cut.of(self.network.layers[index].op.cut) for index in (first, *others)}
            self.split = split_layer(self.network, self.hw, self.plan.places, cuts, [first, *others])
            parts: dict[Span, list[_Run]] = {}
            behind = self._runs(others, images)
            pieces = list(_layer_pieces(self.network.layers[first], images, self.hw))
            for number, (piece, mode, complete) in enumerate(pieces):
                part = self._part(first, piece)
                if part is not None:
                    behind = self._of_part(parts, part, others, images)
                ends = not piece.partial and piece.ends_rows(self.network.layers[first].output_image[1])
                done = complete or (part is not None and ends)
                self._add(chunk, images, first, piece, mode, done, behind)
                if number + 1 < len(pieces) and behind:
                    # What the array waits for comes before what the vector unit does with this piece.
                    self._rows_of_next(chunk, first, pieces[number + 1][0])
                if done:
                    self._follow(chunk, images, behind, piece)
            for runs in parts.values() or [behind]:
                self._finish(chunk, images, runs)

    def _add_parts(self, chunk: int, images: int, chain: Sequence[int]) -> None:
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
                self._add(chunk, images, index, piece, mode, number + 1 == len(work), (), part)

    def _rows_of_next(self, chunk: int, index: int, piece: Piece) -> None:
        """Lets the window over the input of a layer slide to the rows of its next piece."""
        source = self.network.layers[index].source
        if self._place(index, source) is Location.DRAM:
            self._operand(chunk, index, Use.X, source, self._rows_read(index, piece), piece)

    def _lap_of_next(self, chunk: int, images: int, run: _Run, behind: Sequence[_Run], piece: Piece, before: Piece) -> None:
        """Where other channels of a strip go on alone, what their lap needs of the one before is copied in time."""
        if run.index != self.split or piece.rows != before.rows or piece.images != before.images:
            return
        part = piece.channels(self.network.layers[run.index].lanes(self.hw))
        others = self._of_part(run.parts, part, [other.index for other in behind], images)
        self._result(chunk, run.index, piece, self._rows_made(run.index, piece), others)

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

    def _follow(self, chunk: int, images: int, behind: list[_Run], made: Piece) -> None:
        """Adds what the layers behind one can take on when `made` completes a strip of it."""
        if not behind:
            return
        run = behind[0]
        before, layer = run.there, self.network.layers[run.index]
        height = height_of(layer, self.network.layers[run.index - 1].result)
        run.there = (made.images.stop - 1) * height + made.rows.stop
        self._take(chunk, images, behind, before if waits_a_strip(layer) else run.there)

    def _take(self, chunk: int, images: int, behind: list[_Run], there: int) -> None:
        """Adds the pieces of the layer behind one that need no more than the first rows of it, and what follows them."""
        run, *run_behind = behind
        others = run_behind
        while run.pieces and self._rows_passed(run.index, run.pieces[0][0]).stop <= there:
            piece, mode, complete = run.pieces.popleft()
            if run.index == self.split:
                layer = self.network.layers[run.index]
                part, complete = piece.channels(layer.lanes(self.hw)), piece.ends_rows(layer.output_image[1])
                others = self._of_part(run.parts, part, [other.index for other in run_behind], images)
            self._add(chunk, images, run.index, piece, mode, complete, others)
            if run.pieces:
                self._rows_of_next(chunk, run.index, run.pieces[0][0])
                self._lap_of_next(chunk, images, run, run_behind, run.pieces[0][0], piece)
            if complete:
                self._follow(chunk, images, others, piece)

    def _finish(self, chunk: int, images: int, behind: list[_Run]) -> None:
        """Adds what is left of the layers behind one that is complete."""
        if behind:
            self._take(chunk, images, behind, behind[0].there)
            for runs in behind[0].parts.values() or [behind[1:]]:
                self._finish(chunk, images, runs)

    def _part(self, index: int, piece: Piece) -> Span | None:
        """The channels of a piece, if the result leaves feature memory some channels after the other."""
        layer = self.network.layers[index]
        cut, channels = Cut.of(layer.op.cut), piece.channels(layer.lanes(self.hw))
        whole = channels == Span(0, layer.output_image[2])
        together = cut.outer is Outer.STRIPS and index != self.split
        return None if cut.place is Location.CHIP or together or whole else channels

    def _rows_read(self, index: int, piece: Piece) -> Span:
        """The rows of a layer's input, counted through all images, that a piece reads."""
        layer = self.network.layers[index]
        height, *_ = layer.input_image
        rows = input_rows(layer.window, piece.rows, height)
        return Span(piece.images.first * height + rows.first, (piece.images.count - 1) * height + rows.count)

    def _rows_passed(self, index: int, piece: Piece) -> Span:
        """The rows of what the layer before makes, counted through all images, that a piece reads."""
        layer = self.network.layers[index]
        return rows_needed(layer, self.network.layers[index - 1].result, piece.images, piece.rows)

    def _place(self, index: int, tensor: int) -> Location:
        """Where a layer finds an operand."""
        return place_for(self.network, self.plan.places, index, tensor)

    def _rows_of_second(self, index: int, piece: Piece) -> Span:
        """The rows of a layer's second operand, counted through all images, that a piece reads."""
        rows, (height, *_) = self.network.layers[index].second_rows(piece.rows)
        return Span(piece.images.first * height + rows.first, (piece.images.count - 1) * height + rows.count)

    def _rows_made(self, index: int, piece: Piece) -> Span:
        """The rows of a layer's result, counted through all images, that a piece makes."""
        layer = self.network.layers[index]
        rows, (height, *_) = layer.rows_written(piece.rows), layer.result_image
        return Span(piece.images.first * height + rows.first, (piece.images.count - 1) * height + rows.count)

    def _stays(self, stretch: Stretch) -> bool:
        return stretch.memory in self.resident

    def _add(
        self,
        chunk: int,
        images: int,
        index: int,
        piece: Piece,
        mode: tile_types.Mode,
        complete: bool,
        behind: Sequence[_Run],
        part: _Part | None = None,
    ) -> None:
        layer = self.network.layers[index]
        window = index if part is None else part.layer
        read = self._rows_read(index, piece) if part is None else part.read
        made = self._rows_made(index, piece) if part is None else part.made
        if self.plan.places[self.network.input] is Location.CHIP:
            self._need_input(chunk, index, images, self._input_needed(layer, piece))
        x = self._operand(chunk, window, Use.X, layer.source, read, piece)
        second = None
        if layer.second is not None:
            rows = self._rows_of_second(index, piece) if part is None else part.made
            second = self._operand(chunk, window, Use.SECOND, layer.second, rows, piece)
        y = self._result(chunk, window, piece, made, behind)
        step = len(self.spine)
        matrix = isinstance(layer.op, tile.MatrixOp)
        first = piece.channels(layer.lanes(self.hw)).first if matrix else 0
        stretches = self.stream.stretches.get((index, first, piece.block.inputs.first if matrix else 0), ())
        if piece.run is not None:
            stretches = tuple(one for one in stretches if one.run is None or one.run == piece.run)
        # The weights of the parts of a reduction are not on chip at once, so each strip loads them anew.
        stays = (not piece.is_cut or piece.run is not None) and (part is None or part.stays)
        strip = (0, 0) if stays else (piece.images.first, piece.rows.first)
        again = [Memory.WEIGHT] if part is None or part.stays else WEIGHT_MEMORIES
        loads = tuple(self._number(chunk, one, step, strip if one.memory in again else (0, 0)) for one in stretches)
        stored = self._store(index, made, step) if complete and self.plan.places[layer.result].in_dram else None
        last = matrix or piece.block.outputs.stop == layer.output_image[2]
        output = self._output_made(layer, piece) if complete and last and stored is None else 0
        self.spine.append(Work(chunk, index, piece, mode, x, y, second, loads, len(self.inputs), output, stored))
        if output > 0:
            # The store takes what did not fill a beat before, too.
            self.used.assign(y.address, y.address + output, step)
        self._use(x, read, self._row(layer.source, layer.input_image, x), step)
        # A store behind it takes all that has been made.
        self._use(y, made, self._row(layer.result, layer.result_image, y), step)
        if second is not None:
            _, image = layer.second_rows(piece.rows)
            row = self._row(second.tensor, image, second)
            self._use(second, self._rows_of_second(index, piece) if part is None else part.made, row, step)

    def _number(self, chunk: int, stretch: Stretch, step: int, strip: tuple[int, int] = (0, 0)) -> int:
        """The number of the load that brings `stretch` for this chunk, or a strip of it."""
        key = ((0, 0, 0) if self._stays(stretch) else (chunk, *strip), stretch.offset)
        if stretch.memory is Memory.TABLE and not self._stays(stretch):
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

    # Where operands and results lie.

    def _row(self, tensor: int, image: tuple[int, int, int], held: Held) -> int:
        """Elements of a row of a tensor, in images of (height, width, channels), as a buffer has them."""
        height, _, channels = image
        row = self.network.tensors[tensor].elements // height
        return row if held.channels is None else row // channels * held.channels.count

    def _use(self, held: Held, rows: Span, row: int, step: int) -> None:
        """Notes that a step uses rows of a buffer."""
        first = held.address - held.holds + rows.first * row
        self.used.assign(first, first + rows.count * row, step)

    def _last_use(self, start: int, stop: int) -> int:
        return max((step for _, _, step in self.used.over(start, stop) if step is not None), default=-1)

    def _whole(self, tensor: int, chunk: int) -> Held:
        parity = chunk % 2 if tensor == self.network.input else 0
        address = self.plan.inputs[parity] if tensor == self.network.input else self.plan.addresses[tensor]
        return Held(tensor, address, self.plan.images * self.network.tensors[tensor].elements, number=parity)

    def _window(self, index: int, use: Use, tensor: int, image: tuple[int, int, int], channels: Span | None) -> Sliding:
        """The window through which a layer sees a tensor, of all channels or of some; other channels are another window."""
        key = (use, index, channels if self._is_split(index) else None)
        window = self.windows.get(key)
        if window is None or window.channels != channels:
            row, room = self.network.tensors[tensor].elements // image[0], self.plan.rooms[use, index]
            if channels is not None:
                room = room_of(room, row, channels, image[2]) if self._is_split(index) else room
                row = row // image[2] * channels.count
            begins = self._laps_of(index, room.size // row) if use is Use.Y else frozenset[int]()
            window = self.windows[key] = Sliding(tensor, room, row, channels, begins)
        return window

    def _is_split(self, index: int) -> bool:
        """Whether channels of a layer's result go on alone."""
        return self.split is not None and index >= self.split

    def _laps_of(self, index: int, rows: int) -> frozenset[int]:
        """The rows with which laps begin in a room of `rows` rows, if a layer passes its result on."""
        layer = self.network.layers[index]
        if not self.plan.places[layer.result].in_strips:
            return frozenset()
        behind = self.network.layers[index + 1]
        passed = passing(layer, Cut.of(layer.op.cut), behind, Cut.of(behind.op.cut), self.plan.images)
        laps = passed.laps(rows)
        assert laps is not None, f"'{layer.name}': a room of {rows} rows, needs {passed.least}"
        return frozenset(passed.strips[number].rows.first for number in laps)

    def _operand(self, chunk: int, index: int, use: Use, tensor: int, rows: Span, piece: Piece) -> Held:
        """Where rows of an operand lie: on chip as a whole, in the strip that was made last, or in one that is loaded."""
        place, layer = self._place(index, tensor), self.network.layers[index]
        if place is Location.CHIP:
            return self._whole(tensor, chunk)
        if place is Location.STRIPS:
            part = piece.block.inputs if self._is_split(index - 1) else None
            return self.windows[Use.Y, index - 1, part].lap_of(rows)
        image = layer.input_image if use is Use.X else layer.second_rows(piece.rows)[1]
        channels = self._part_of_second(layer, piece) if use is Use.SECOND else None
        window = self._window(index, use, tensor, image, channels)
        slide = window.slide(rows, self._next_lap(), self._last_use)
        small = slide.kept.count * window.row <= RELOADED * self.hw.beat_elements
        if self.split is not None and slide.before is not None and small:
            slide = Slide(slide.held, Span(slide.kept.first, slide.missing.stop - slide.kept.first))
        self._copy(chunk, index, slide, image, window.row)
        self._load(chunk, index, slide, tensor, window.row, image)
        return slide.held

    def _part_of_second(self, layer: Layer, piece: Piece) -> Span | None:
        """The channels of a second operand that a piece needs, if each piece of a strip is computed at another time."""
        channels = piece.channels(layer.lanes(self.hw))
        whole = channels == Span(0, layer.output_image[2]) or Cut.of(layer.op.cut).outer is Outer.STRIPS
        return None if whole or not in_bytes(self.hw, layer) else channels

    def _result(self, chunk: int, index: int, piece: Piece, rows: Span, behind: Sequence[_Run]) -> Held:
        layer = self.network.layers[index]
        place = self.plan.places[layer.result]
        if place is Location.CHIP:
            return self._whole(layer.result, chunk)
        part = self._part(index, piece)
        if not isinstance(layer.op, tile.MatrixOp) and piece.block.outputs.count < layer.output_image[2]:
            part = piece.block.outputs
        window = self._window(index, Use.Y, layer.result, layer.result_image, part)
        if place.in_strips:
            # What the next layer reads together with any of it stays.
            needed = (self._rows_passed(behind[0].index, piece) for piece, *_ in behind[0].pieces)
            first = first_with(needed, rows)
            rows = Span(first, rows.stop - first)
        slide = window.slide(rows, self._next_lap())
        self._copy(chunk, index, slide, layer.result_image, window.row)
        return slide.held

    def _next_lap(self) -> int:
        self.laps += 1
        return self.laps

    def _copy(self, chunk: int, index: int, slide: Slide, image: tuple[int, int, int], row: int) -> None:
        if slide.before is None or slide.kept.count == 0:
            return
        step = len(self.spine)
        self.spine.append(Copy(chunk, index, slide.before, slide.held, image, slide.kept, len(self.inputs)))
        for held in (slide.before, slide.held):
            self._use(held, slide.kept, row, step)

    # Transfers.

    def _load(self, chunk: int, index: int, slide: Slide, tensor: int, row: int, image: tuple[int, int, int]) -> None:
        """Plans the load of the missing rows of a window."""
        rows, held = slide.missing, slide.held
        if rows.count <= 0:
            return
        part = Span(rows.first * row, rows.count * row)
        start = held.address - held.holds + part.first
        earliest = 1 + self._last_use(start, start + part.count)
        whole = self.network.tensors[tensor].elements // image[0]
        if tensor != self.network.input:
            earliest = max(earliest, 1 + self._stored_by(index, tensor, Span(rows.first * whole, rows.count * whole)))
        self.inputs.append(FeatureLoad(chunk, index, held, part, earliest))

    def _stored_by(self, index: int, tensor: int, elements: Span) -> int:
        """The step after which elements of a tensor that a layer loads are stored; notes where they are not."""
        made = self.stored.setdefault(tensor, Segments()).over(elements.first, elements.stop)
        steps = [step for _, _, step in made if step is not None]
        if len(steps) < len(made):
            # Only a layer of the same chain can still be at it.
            name, before = self.network.layers[index].name, self.network.layers[index - 1].name
            self.problems.append(
                f"'{name}': with strips of '{before}', loads of '{self.network.tensors[tensor].name}' what is not stored yet, "
                f"needs it stored before; change the place of '{before}'"
            )
        return max(steps, default=-1)

    def _store(self, index: int, rows: Span, step: int) -> Span:
        """The rows that a piece completes, noted as stored after `step`."""
        layer = self.network.layers[index]
        row = self.network.tensors[layer.result].elements // layer.result_image[0]
        self.stored.setdefault(layer.result, Segments()).assign(rows.first * row, rows.stop * row, step)
        return rows

    def _input_needed(self, layer: Layer, piece: Piece) -> int:
        """Elements of the chunk's input, from its start, that the piece reads."""
        needed = 0
        if layer.source == self.network.input:
            rows = input_rows(layer.window, piece.rows, layer.input_image[0])
            needed = piece_range(piece, rows, layer.input_image).stop if rows.count > 0 else 0
        if layer.second == self.network.input:
            needed = max(needed, piece_range(piece, *layer.second_rows(piece.rows)).stop)
        return needed

    def _need_input(self, chunk: int, index: int, images: int, needed: int) -> None:
        """Plans the load of what is still missing of `needed` elements of an input that is on chip, up to a whole beat."""
        if needed <= self.loaded:
            return
        total = images * self.network.tensors[self.network.input].elements
        stop = min(total, align_up(needed, self.hw.beat_elements))
        held = self._whole(self.network.input, chunk)
        earliest = 1 + self._last_use(held.address + self.loaded, held.address + stop)
        self.inputs.append(FeatureLoad(chunk, index, held, Span(self.loaded, stop - self.loaded), earliest))
        self.loaded = stop

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

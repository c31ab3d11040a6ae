"""
Where the operands and results of each step lie in feature memory, and what that takes: loads, and copies of what a lap needs of
the one before.

A tensor on chip is there as a whole. Of others a window slides over the rows (`dsf.scheduling.strips`); the strips that are
passed on stay until the layer behind has read them (`dsf.scheduling.passed`).
"""

from __future__ import annotations

from collections.abc import Iterable

from dsf.dialects import tile
from dsf.dialects.tile_cuts import Outer, Place
from dsf.hardware import Hardware
from dsf.scheduling.accesses import piece_range
from dsf.scheduling.features import FeaturePlan
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.parts import of_images
from dsf.scheduling.passed import first_with, passing, place_for
from dsf.scheduling.pieces import Cut, Piece, Span, input_rows
from dsf.scheduling.rooms import Use, in_bytes
from dsf.scheduling.segments import Segments
from dsf.scheduling.spine import Copy, FeatureLoad, Step
from dsf.scheduling.split import room_of
from dsf.scheduling.strips import Held, Slide, Sliding
from dsf.sizes import align_up

#: Beats of rows that are loaded once more at the beginning of a lap, rather than copied behind what the vector unit takes on.
RELOADED = 128


def rows_read(layer: Layer, piece: Piece) -> Span:
    """The rows of a layer's input, counted through all images, that a piece reads."""
    height, *_ = layer.input_image
    return of_images(piece.images, input_rows(layer.window, piece.rows, height), height)


def rows_of_second(layer: Layer, piece: Piece) -> Span:
    """The rows of a layer's second operand, counted through all images, that a piece reads."""
    rows, (height, *_) = layer.second_rows(piece.rows)
    return of_images(piece.images, rows, height)


def rows_made(layer: Layer, piece: Piece) -> Span:
    """The rows of a layer's result, counted through all images, that a piece makes."""
    rows, (height, *_) = layer.rows_written(piece.rows), layer.result_image
    return of_images(piece.images, rows, height)


class Operands:
    """The spine as far as it is planned, the loads of features that it needs, and what is in feature memory after it."""

    def __init__(self, network: Network, hw: Hardware, plan: FeaturePlan):
        self.network, self.hw, self.plan = network, hw, plan
        self.spine: list[Step] = []
        self.inputs: list[FeatureLoad] = []
        #: The chunk whose turn it is, its images, and how many elements of its input are loaded, if that is on chip.
        self.chunk = self.images = self.loaded = 0
        #: The last step of the spine that uses an address of feature memory.
        self.used: Segments[int] = Segments()
        #: For each tensor in DRAM, the step whose result, stored after it, has an element.
        self.stored: dict[int, Segments[int]] = {}
        #: By use and layer, and channels where those of a strip go on alone.
        self.windows: dict[tuple[Use, int, Span | None], Sliding] = {}
        #: In the chain whose turn it is, the layer from which on channels do.
        self.split: int | None = None
        self.laps = 0
        #: Loads of what is not there yet.
        self.problems: list[str] = []

    def begin(self, chunk: int, images: int) -> None:
        """From here on it is the turn of a chunk of so many images."""
        self.chunk, self.images, self.loaded = chunk, images, 0
        self.windows.clear()

    def place(self, index: int, tensor: int) -> Place:
        """Where a layer finds an operand."""
        return place_for(self.network, self.plan.places, index, tensor)

    def channels_apart(self, index: int, piece: Piece) -> Span | None:
        """The channels of a piece, if the result leaves feature memory some channels after the other."""
        layer = self.network.layers[index]
        cut, channels = Cut.of(layer.op.cut), piece.channels(layer.lanes(self.hw))
        whole = channels == Span(0, layer.output_image[2])
        together = cut.outer is Outer.STRIPS and index != self.split
        return None if cut.place is Place.CHIP or together or whole else channels

    def operand(self, index: int, use: Use, tensor: int, rows: Span, piece: Piece) -> Held:
        """Where rows of an operand lie: on chip as a whole, in the strip that was made last, or in one that is loaded."""
        place, layer = self.place(index, tensor), self.network.layers[index]
        if place is Place.CHIP:
            return self._whole(tensor)
        if place is Place.STRIPS:
            part = piece.block.inputs if self._is_split(index - 1) else None
            return self.windows[Use.Y, index - 1, part].lap_of(rows)
        image = layer.input_image if use is Use.X else layer.second_rows(piece.rows)[1]
        channels = self._part_of_second(layer, piece) if use is Use.SECOND else None
        window = self._window(index, use, tensor, image, channels)
        slide = window.slide(rows, self._next_lap(), self._last_use)
        small = slide.kept.count * window.row <= RELOADED * self.hw.beat_elements
        if self.split is not None and slide.before is not None and small:
            slide = Slide(slide.held, Span(slide.kept.first, slide.missing.stop - slide.kept.first))
        self._copy(index, slide, image, window.row)
        self._load(index, slide, tensor, window.row, image)
        return slide.held

    def result(self, index: int, piece: Piece, rows: Span, waiting: Iterable[Span]) -> Held:
        """Where rows of a result go, and stay that are `waiting` to be read by the layer behind, if they are passed on."""
        layer = self.network.layers[index]
        place = self.plan.places[layer.result]
        if place is Place.CHIP:
            return self._whole(layer.result)
        part = self.channels_apart(index, piece)
        if not isinstance(layer.op, tile.MatrixOp) and piece.block.outputs.count < layer.output_image[2]:
            part = piece.block.outputs
        window = self._window(index, Use.Y, layer.result, layer.result_image, part)
        if place.in_strips:
            # What the next layer reads together with any of it stays.
            first = first_with(waiting, rows)
            rows = Span(first, rows.stop - first)
        slide = window.slide(rows, self._next_lap())
        self._copy(index, slide, layer.result_image, window.row)
        return slide.held

    def use(self, held: Held, rows: Span, image: tuple[int, int, int], step: int) -> None:
        """Notes that a step uses rows of a buffer, those of a tensor of images of (height, width, channels)."""
        height, _, channels = image
        row = self.network.tensors[held.tensor].elements // height
        self._use(held, rows, row if held.channels is None else row // channels * held.channels.count, step)

    def use_all(self, held: Held, elements: int, step: int) -> None:
        """Notes that a step uses the first elements of a buffer."""
        self.used.assign(held.address, held.address + elements, step)

    def store(self, index: int, rows: Span, step: int) -> Span:
        """The rows that a piece completes, noted as stored after `step`."""
        layer = self.network.layers[index]
        row = self.network.tensors[layer.result].elements // layer.result_image[0]
        self.stored.setdefault(layer.result, Segments()).assign(rows.first * row, rows.stop * row, step)
        return rows

    def need_input(self, index: int, piece: Piece) -> None:
        """Plans the load of what a piece needs and is missing of an input that is on chip, up to a whole beat."""
        if self.plan.places[self.network.input] is not Place.CHIP:
            return
        needed = self._input_needed(self.network.layers[index], piece)
        if needed <= self.loaded:
            return
        total = self.images * self.network.tensors[self.network.input].elements
        stop = min(total, align_up(needed, self.hw.beat_elements))
        held = self._whole(self.network.input)
        earliest = 1 + self._last_use(held.address + self.loaded, held.address + stop)
        self.inputs.append(FeatureLoad(self.chunk, index, held, Span(self.loaded, stop - self.loaded), earliest))
        self.loaded = stop

    def _input_needed(self, layer: Layer, piece: Piece) -> int:
        """Elements of the chunk's input, from its start, that the piece reads."""
        needed = 0
        if layer.source == self.network.input:
            rows = input_rows(layer.window, piece.rows, layer.input_image[0])
            needed = piece_range(piece, rows, layer.input_image).stop if rows.count > 0 else 0
        if layer.second == self.network.input:
            needed = max(needed, piece_range(piece, *layer.second_rows(piece.rows)).stop)
        return needed

    def _use(self, held: Held, rows: Span, row: int, step: int) -> None:
        """Notes that a step uses rows of a buffer."""
        first = held.address - held.holds + rows.first * row
        self.used.assign(first, first + rows.count * row, step)

    def _last_use(self, start: int, stop: int) -> int:
        return max((step for _, _, step in self.used.over(start, stop) if step is not None), default=-1)

    def _whole(self, tensor: int) -> Held:
        parity = self.chunk % 2 if tensor == self.network.input else 0
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

    def _part_of_second(self, layer: Layer, piece: Piece) -> Span | None:
        """The channels of a second operand that a piece needs, if each piece of a strip is computed at another time."""
        channels = piece.channels(layer.lanes(self.hw))
        whole = channels == Span(0, layer.output_image[2]) or Cut.of(layer.op.cut).outer is Outer.STRIPS
        return None if whole or not in_bytes(self.hw, layer) else channels

    def _next_lap(self) -> int:
        self.laps += 1
        return self.laps

    def _copy(self, index: int, slide: Slide, image: tuple[int, int, int], row: int) -> None:
        if slide.before is None or slide.kept.count == 0:
            return
        step = len(self.spine)
        self.spine.append(Copy(self.chunk, index, slide.before, slide.held, image, slide.kept, len(self.inputs)))
        for held in (slide.before, slide.held):
            self._use(held, slide.kept, row, step)

    def _load(self, index: int, slide: Slide, tensor: int, row: int, image: tuple[int, int, int]) -> None:
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
        self.inputs.append(FeatureLoad(self.chunk, index, held, part, earliest))

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

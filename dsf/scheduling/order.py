"""
In what order instructions stand in the program.

The spine is the order of computing: chunk by chunk, layer by layer, piece by piece; a layer that runs along with the one before
it, such as a pooling, has each piece right behind the last one that it needs. Loads of weights and inputs go in between, each
queue in the order of first use. Two rules place them:

- a load stands before its first use, and after the last use of what lay in its place, so that every instruction waits for
  earlier ones only and no order of the queues deadlocks;
- it stands as early as that allows, but at most `queue_depth` loads of a queue stand before they are needed: the dispatcher
  would have to wait for room, and what is needed now stands behind.

With resident weights (`dsf.scheduling.emit`) their loads are a program of their own, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dsf.dialects import tile
from dsf.hardware import Hardware
from dsf.scheduling.accesses import piece_range
from dsf.scheduling.features import FeaturePlan
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.pieces import Cut, Piece, Span, input_rows
from dsf.scheduling.weights import WEIGHT_MEMORIES, Stretch, WeightStream
from dsf.sizes import align_up


@dataclass(frozen=True)
class Work:
    """
    One step of the spine: a piece of a layer for a chunk, and the shape of the array for it. `loads` are the numbers of its
    parameters and weights, or of its table, among the weight loads, and `inputs` is how many input loads it needs, counted from
    the first.
    """

    chunk: int
    layer: int
    piece: Piece
    mode: tile.Mode
    loads: tuple[int, ...]
    inputs: int
    #: Elements of the chunk's output that are complete after it, 0 if it makes none.
    output: int


@dataclass(frozen=True)
class WeightLoad:
    """A load of weights or parameters; `last` is the last step of the spine that uses it, `None` if it stays for good."""

    stretch: Stretch
    last: int | None


@dataclass(frozen=True)
class InputLoad:
    """Elements of a chunk's input, and the step of the spine before which it may not stand (its place is in use)."""

    chunk: int
    part: Span
    earliest: int


@dataclass(frozen=True)
class Order:
    """The spine, and the loads in the order of their queues."""

    spine: tuple[Work, ...]
    weights: tuple[WeightLoad, ...]
    inputs: tuple[InputLoad, ...]


def _layer_pieces(layer: Layer, images: int, hw: Hardware) -> Iterator[tuple[Piece, tile.Mode, bool]]:
    return Cut.of(layer.op.cut).pieces(Span(0, images), layer.output_image[0], layer.blocks, layer.lanes(hw))


class _Planner:
    def __init__(self, network: Network, hw: Hardware, plan: FeaturePlan, stream: WeightStream):
        self.network, self.hw, self.plan, self.stream = network, hw, plan, stream
        #: Memories that hold all that the network needs: each stretch is loaded once, and stays.
        self.resident = {memory for memory in WEIGHT_MEMORIES if stream.fits(memory, hw)}
        self.spine: list[Work] = []
        self.stretches: list[Stretch] = []
        self.last_use: list[int] = []
        self.numbers: dict[tuple[int, int, int, int], int] = {}
        self.inputs: list[InputLoad] = []
        self.loaded = 0
        #: For each chunk the step of the spine from which the next chunk's input may be loaded.
        self.released: list[int] = []

    def build(self) -> Order:
        for chunk, images in enumerate(self.network.chunks(self.plan.images)):
            self.loaded = 0
            self.released.append(len(self.spine))
            self._add_chunk(chunk, images.count)
        weights = [
            WeightLoad(stretch, None if self._stays(stretch) else last)
            for stretch, last in zip(self.stretches, self.last_use, strict=True)
        ]
        return Order(tuple(self.spine), tuple(weights), tuple(self.inputs))

    def _add_chunk(self, chunk: int, images: int) -> None:
        released = False
        for index, layer in enumerate(self.network.layers):
            if index in self.plan.along:
                continue
            if index >= self.plan.release and not released:
                self.released[chunk], released = len(self.spine), True
            follower = index + 1 if index + 1 in self.plan.along else None
            waiting = [] if follower is None else list(_layer_pieces(self.network.layers[follower], images, self.hw))
            for piece, mode, complete in _layer_pieces(layer, images, self.hw):
                self._add(chunk, images, index, piece, mode, complete)
                while complete and follower is not None and waiting and self._is_ready(follower, waiting[0][0], piece):
                    self._add(chunk, images, follower, *waiting.pop(0))
        if not released:
            self.released[chunk] = len(self.spine)

    def _is_ready(self, follower: int, piece: Piece, made: Piece) -> bool:
        """Whether all that a piece of a layer reads is there with `made`, the end of a strip of the one before it."""
        layer = self.network.layers[follower]
        height, *_ = layer.input_image
        needed = (piece.images.stop - 1) * height + input_rows(layer.op.window.window, piece.rows, height).stop
        return needed <= (made.images.stop - 1) * height + made.rows.stop

    def _stays(self, stretch: Stretch) -> bool:
        return stretch.memory in self.resident

    def _add(self, chunk: int, images: int, index: int, piece: Piece, mode: tile.Mode, complete: bool) -> None:
        step, layer = len(self.spine), self.network.layers[index]
        output = self._output_made(layer, piece) if complete else 0
        first = piece.channels(layer.lanes(self.hw)).first
        loads = tuple(self._number(chunk, one, step) for one in self.stream.stretches.get((index, first), ()))
        self._need_input(chunk, images, self._input_needed(layer, piece))
        self.spine.append(Work(chunk, index, piece, mode, loads, len(self.inputs), output))

    def _number(self, chunk: int, stretch: Stretch, step: int) -> int:
        """The number of the load that brings `stretch` for this chunk."""
        key = (0 if self._stays(stretch) else chunk, stretch.layer, stretch.channels.first, stretch.offset)
        if key not in self.numbers:
            self.numbers[key] = len(self.stretches)
            self.stretches.append(stretch)
            self.last_use.append(step)
        self.last_use[self.numbers[key]] = step
        return self.numbers[key]

    def _input_needed(self, layer: Layer, piece: Piece) -> int:
        """Elements of the chunk's input, from its start, that the piece reads."""
        needed = 0
        if layer.source == self.network.input:
            rows = input_rows(layer.op.window.window, piece.rows, layer.input_image[0])
            needed = piece_range(piece, rows, layer.input_image).stop if rows.count > 0 else 0
        if layer.second == self.network.input:
            needed = max(needed, piece_range(piece, *layer.second_rows(piece.rows)).stop)
        return needed

    def _need_input(self, chunk: int, images: int, needed: int) -> None:
        """Plans the load of what is still missing of `needed` elements, up to a whole beat."""
        if needed <= self.loaded:
            return
        total = images * self.network.tensors[self.network.input].elements
        beat = self.hw.beat_elements
        stop = min(total, align_up(needed, beat))
        earliest = self.released[chunk - 1] if chunk > 0 else 0
        self.inputs.append(InputLoad(chunk, Span(self.loaded, stop - self.loaded), earliest))
        self.loaded = stop

    def _output_made(self, layer: Layer, piece: Piece) -> int:
        """Elements of the chunk's output, from its start, that are there after the last piece of a strip."""
        if layer.result != self.network.output:
            return 0
        height, *_ = layer.output_image
        per_row = self.network.tensors[layer.result].elements // height
        return ((piece.images.stop - 1) * height + piece.rows.stop) * per_row


def order_network(network: Network, hw: Hardware, plan: FeaturePlan, stream: WeightStream) -> Order:
    """The spine of a network whose layers are cut, and its loads."""
    return _Planner(network, hw, plan, stream).build()

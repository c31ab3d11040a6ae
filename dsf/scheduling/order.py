"""
In what order instructions stand in the program.

The spine is the order of computing: chunk by chunk, layer by layer, piece by piece. Loads of weights and inputs go in
between, each queue in the order of first use. Two rules place them:

- a load stands before its first use, and after the last use of what lay in its place, so that every instruction waits for
  earlier ones only and no order of the queues deadlocks;
- it stands as early as that allows, but at most `queue_depth` loads of a queue stand before they are needed: the dispatcher
  would have to wait for room, and what is needed now stands behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dsf.dialects import tile
from dsf.hardware import Hardware
from dsf.scheduling.accesses import piece_range
from dsf.scheduling.features import FeaturePlan
from dsf.scheduling.hazards import Memory
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.pieces import Piece, Span, input_rows, pieces
from dsf.scheduling.weights import Stretch, WeightStream
from dsf.sizes import align_up


@dataclass(frozen=True)
class Work:
    """
    One step of the spine: a piece of a layer for a chunk. `loads` are the numbers of its parameters and weights among the
    weight loads, and `inputs` is how many input loads it needs, counted from the first.
    """

    chunk: int
    layer: int
    piece: Piece
    loads: tuple[int, int] | None
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


def _layer_pieces(layer: Layer, images: int, hw: Hardware) -> Iterator[Piece]:
    cut = layer.op.cut
    sizes = cut.images.data, cut.rows.data, cut.groups.data
    return pieces(Span(0, images), layer.output_image[0], layer.groups(hw), sizes)


class _Planner:
    def __init__(self, network: Network, hw: Hardware, plan: FeaturePlan, stream: WeightStream):
        self.network, self.hw, self.plan, self.stream = network, hw, plan, stream
        #: Memories that hold all that the network needs: each stretch is loaded once, and stays.
        capacity = {Memory.WEIGHT: hw.weight_words, Memory.PARAMETER: hw.parameter_groups}
        self.resident = {memory for memory, size in capacity.items() if stream.needs(memory) <= size}
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
            for index, layer in enumerate(self.network.layers):
                if index == self.plan.release:
                    self.released[chunk] = len(self.spine)
                for piece in _layer_pieces(layer, images.count, self.hw):
                    self._add(chunk, images.count, index, layer, piece)
            if self.plan.release >= len(self.network.layers):
                self.released[chunk] = len(self.spine)
        weights = [
            WeightLoad(stretch, None if self._stays(stretch) else last)
            for stretch, last in zip(self.stretches, self.last_use, strict=True)
        ]
        return Order(tuple(self.spine), tuple(weights), tuple(self.inputs))

    def _stays(self, stretch: Stretch) -> bool:
        return stretch.memory in self.resident

    def _add(self, chunk: int, images: int, index: int, layer: Layer, piece: Piece) -> None:
        step = len(self.spine)
        loads = None
        if isinstance(layer.op, tile.MatrixOp):
            pair = self.stream.stretches[index, piece.groups.first]
            loads = self._number(chunk, pair[0], step), self._number(chunk, pair[1], step)
        self._need_input(chunk, images, self._input_needed(layer, piece))
        self.spine.append(Work(chunk, index, piece, loads, len(self.inputs), self._output_made(layer, piece)))

    def _number(self, chunk: int, stretch: Stretch, step: int) -> int:
        """The number of the load that brings `stretch` for this chunk."""
        key = (0 if self._stays(stretch) else chunk, stretch.layer, stretch.groups.first, stretch.offset)
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
        if layer.residual == self.network.input:
            needed = max(needed, piece_range(piece, piece.rows, layer.output_image).stop)
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
        if layer.result != self.network.output or piece.groups.stop < layer.groups(self.hw):
            return 0
        height, *_ = layer.output_image
        per_row = self.network.tensors[layer.result].elements // height
        return ((piece.images.stop - 1) * height + piece.rows.stop) * per_row


def order_network(network: Network, hw: Hardware, plan: FeaturePlan, stream: WeightStream) -> Order:
    """The spine of a network whose layers are cut, and its loads."""
    return _Planner(network, hw, plan, stream).build()

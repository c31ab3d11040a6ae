"""
The weight stream: the weights and parameters of all layers in the order in which the engine first needs them.

Each block of channel groups of a layer is two stretches of the stream, parameters first, each beginning at a multiple of
64 bytes, so that every load begins with a whole beat and a whole cache line. How weights lie in a stretch is in `dsf.layout`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dsf.dialects import tile
from dsf.dialects.constants import DenseAttr, ints_of
from dsf.hardware import Hardware
from dsf.layout import pack_parameters, pack_weight_groups
from dsf.numerics import Ints, to_element
from dsf.scheduling.cuts import weight_depth
from dsf.scheduling.hazards import Memory
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.pieces import Cut, Span

#: Alignment of a load in the stream, in bytes.
ALIGNMENT = 64

#: The memories that the weight stream fills.
WEIGHT_MEMORIES = (Memory.WEIGHT, Memory.PARAMETER)


def capacity_of(memory: Memory, hw: Hardware) -> int:
    """What a memory holds, in the unit of `Stretch.size`."""
    return hw.weight_words if memory is Memory.WEIGHT else hw.parameter_groups


@dataclass(frozen=True)
class Stretch:
    """One load: `size` is what it takes of its memory, in words of all banks, or in channel groups."""

    memory: Memory
    layer: int
    groups: Span
    offset: int
    bytes: int
    words: int
    size: int


@dataclass(frozen=True)
class WeightStream:
    """The bytes, and for each matrix layer (by index) and block of groups (by its first) the parameters and the weights."""

    data: bytes
    stretches: dict[tuple[int, int], tuple[Stretch, Stretch]]

    def needs(self, memory: Memory) -> int:
        """What all stretches of a memory take together."""
        return sum(one.size for pair in self.stretches.values() for one in pair if one.memory is memory)

    def fits(self, memory: Memory, hw: Hardware) -> bool:
        """Whether all stretches of a memory fit it at once."""
        return self.needs(memory) <= capacity_of(memory, hw)


class _Stream:
    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0

    def append(self, part: bytes) -> int:
        """The offset at which `part` was put."""
        gap = -self.length % ALIGNMENT
        self.parts += [bytes(gap), part]
        offset = self.length + gap
        self.length = offset + len(part)
        return offset


def pack_network(network: Network, hw: Hardware) -> WeightStream:
    """The weight stream of a network whose layers are cut."""
    stream = _Stream()
    stretches: dict[tuple[int, int], tuple[Stretch, Stretch]] = {}
    for index, layer in enumerate(network.layers):
        if isinstance(layer.op, tile.MatrixOp):
            for pair in _pack_layer(stream, index, layer, layer.op, hw):
                stretches[index, pair[0].groups.first] = pair
    stream.append(b"")
    return WeightStream(b"".join(stream.parts), stretches)


def _pack_layer(
    stream: _Stream, index: int, layer: Layer, op: tile.MatrixOp, hw: Hardware
) -> Iterator[tuple[Stretch, Stretch]]:
    lanes, groups, words = hw.group_columns, layer.groups(hw), layer.runs(hw).words
    flat = ints_of(op.weights).reshape(words, -1)
    parameters = [_padded(values, groups * lanes) for values in (op.bias, op.multiplier, op.shift)]
    for block, _ in Cut.of(op.cut).loads(groups):
        channels = slice(block.first * lanes, block.stop * lanes)
        some = pack_parameters(*(values[channels] for values in parameters))
        first = Stretch(Memory.PARAMETER, index, block, stream.append(some), len(some), 1, block.count)
        part = flat[:, channels]
        whole = to_element(np.zeros((words, block.count * lanes), dtype=np.int64), hw.bits_weights)
        whole[:, : part.shape[1]] = part
        by_group = whole.reshape(words, block.count, lanes).transpose(1, 0, 2)
        packed = pack_weight_groups(by_group, hw.bits_weights, hw.weight_slot_bits)
        depth = weight_depth(hw, words, block.count)
        yield first, Stretch(Memory.WEIGHT, index, block, stream.append(packed), len(packed), words, depth)


def _padded(values: DenseAttr | None, channels: int) -> Ints:
    """One number for each of `channels` channels, 0 where there is none."""
    padded = np.zeros(channels, dtype=np.int64)
    if values is not None:
        numbers = ints_of(values)
        padded[: numbers.size] = numbers
    return padded


class Placer:
    """
    Addresses for loads into a memory of `capacity` that is reused all the time: each load goes behind the last one, or to the
    first gap from the bottom if there is no room, so that the place used longest ago is used next.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self._held: list[Span] = []
        self._cursor = 0

    def place(self, size: int) -> Span | None:
        """A stretch that is held until it is released; `None` if there is no gap of this size."""
        for start in sorted({self._cursor, 0, *(span.stop for span in self._held)}, key=self._turn):
            if self._is_free(start, size):
                self._cursor = start + size
                placed = Span(start, size)
                self._held.append(placed)
                return placed
        return None

    def release(self, placed: Span) -> None:
        self._held.remove(placed)

    def _turn(self, start: int) -> int:
        return (start - self._cursor) % (self.capacity + 1)

    def _is_free(self, start: int, size: int) -> bool:
        if start + size > self.capacity:
            return False
        return all(span.stop <= start or start + size <= span.first for span in self._held)

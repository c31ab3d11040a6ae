"""
The weight stream: the weights and parameters of all layers in the order in which the engine first needs them.

The channel groups of a load of a layer are two stretches of the stream, parameters first, each beginning at a multiple of
64 bytes, so that every load begins with a whole beat and a whole cache line. A layer with a table has one stretch; those of
equal tables are one and the same. How weights and tables lie in a stretch is in `dsf.layout`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from dsf.dialects import tile
from dsf.dialects.constants import DenseAttr, ints_of, stored_ints
from dsf.dialects.tile_cuts import Mode
from dsf.geometry import Window
from dsf.hardware import VECTOR_TABLES, Hardware
from dsf.layout import Stored, pack_parameters, pack_tables, pack_weight_groups
from dsf.numerics import Ints, to_element
from dsf.scheduling.cut_rules import place_of_ranges, weight_depth
from dsf.scheduling.depthwise import axis_of
from dsf.scheduling.hazards import Memory
from dsf.scheduling.network import Layer, Network, bank_words
from dsf.scheduling.pieces import Block, Cut, Load, Span

#: Alignment of a load in the stream, in bytes.
ALIGNMENT = 64

#: The memories that the weight stream fills.
WEIGHT_MEMORIES = (Memory.WEIGHT, Memory.PARAMETER, Memory.TABLE)


def capacity_of(memory: Memory, hw: Hardware) -> int:
    """What a memory holds, in the unit of `Stretch.size`."""
    sizes = {Memory.WEIGHT: hw.weight_words, Memory.PARAMETER: hw.parameter_groups, Memory.TABLE: VECTOR_TABLES}
    return sizes[memory]


@dataclass(frozen=True)
class Stretch:
    """
    One load, of the `channels` of a layer: `groups` channel groups of `words` words, or as many banks that one of them goes
    through, or one table. `size` is what it takes of its memory, in words of all banks, in channel groups, or in tables. A
    range of weights is `run`, and all of them have the `place` in memory.
    """

    memory: Memory
    layer: int
    channels: Span
    groups: int
    offset: int
    bytes: int
    words: int
    size: int
    run: Span | None = None
    place: Span | None = None


@dataclass(frozen=True)
class WeightStream:
    """
    The bytes, and for each layer (by index) and load (by its first channel, and the first input channel of its part of the
    reduction) the parameters, which the parts share, and the weights, all ranges of them, or the table; none for a layer
    without either.
    """

    data: bytes
    stretches: dict[tuple[int, int, int], tuple[Stretch, ...]]

    def needs(self, memory: Memory) -> int:
        """What all stretches of a memory take together."""
        return sum(one.size for one in dict.fromkeys(chain(*self.stretches.values())) if one.memory is memory)

    def layers_fit(self, indices: Container[int], memory: Memory, hw: Hardware) -> bool:
        """Whether all stretches of layers are in a memory at once, wherever the first one lies: the end may stay unused."""
        stretches = dict.fromkeys(one for (layer, *_), some in self.stretches.items() if layer in indices for one in some)
        sizes = [one.size for one in stretches if one.memory is memory]
        return sum(sizes) + (max(sizes) if len(sizes) > 1 else 0) <= capacity_of(memory, hw)

    def fits(self, memory: Memory, hw: Hardware) -> bool:
        """Whether all stretches of a memory fit it at once; ranges of weights take each other's places."""
        in_ranges = any(one.place is not None for one in chain(*self.stretches.values()))
        return self.needs(memory) <= capacity_of(memory, hw) and not (memory is Memory.WEIGHT and in_ranges)


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
    stretches: dict[tuple[int, int, int], tuple[Stretch, ...]] = {}
    tables: dict[bytes, Stretch] = {}
    for index, layer in enumerate(network.layers):
        if isinstance(layer.op, tile.MatrixOp):
            for first_input, some in _pack_layer(stream, index, layer, layer.op, hw):
                stretches[index, some[0].channels.first, first_input] = some
        elif isinstance(layer.op, tile.LookupOp):
            packed = pack_tables([whole_table(ints_of(layer.op.table), hw)], hw.operand_bits)
            if packed not in tables:
                tables[packed] = _table_stretch(stream, index, packed)
            stretches[index, 0, 0] = (tables[packed],)
    stream.append(b"")
    return WeightStream(b"".join(stream.parts), stretches)


def whole_table(table: Ints, hw: Hardware) -> Ints:
    """A table for elements of fewer bits than the engine's, with entries for all of its, those beyond as the last ones."""
    return np.pad(table, (hw.table_entries - table.size) // 2, mode="edge")


def _table_stretch(stream: _Stream, index: int, packed: bytes) -> Stretch:
    return Stretch(Memory.TABLE, index, Span(0, 1), 1, stream.append(packed), len(packed), 1, 1)


def _pack_layer(
    stream: _Stream, index: int, layer: Layer, op: tile.MatrixOp, hw: Hardware
) -> Iterator[tuple[int, tuple[Stretch, ...]]]:
    """The loads of a layer: the first input channel of each, its parameters, its weights."""
    lanes, weights = hw.group_columns, stored_ints(op.weights)
    filling = int(to_element(0, hw.bits_weights))
    first: Stretch | None = None
    for load in Cut.of(op.cut).loads(layer.blocks, lanes):
        count = load.groups.count
        channels = load.block.channels(load.groups, lanes)
        # The parts of a reduction share the parameters of their sum.
        if first is None or not load.accumulate:
            parameters = (_padded(_part(one, channels), count * lanes) for one in (op.bias, op.multiplier, op.shift))
            some = pack_parameters(*parameters)
            first = Stretch(Memory.PARAMETER, index, channels, count, stream.append(some), len(some), 1, count)
        by_group = arranged_weights(op.window.window, weights, load, lanes, filling=filling)
        if load.ranges:
            yield load.block.inputs.first, (first, *_pack_ranges(stream, first, load, by_group, layer.window.kernel[0], hw))
            continue
        groups, words, depth = weight_places(hw, layer.words(load.block), count, load.mode)
        if groups != count:
            by_group = np.pad(by_group, ((0, 0), (0, groups * words - by_group.shape[1]), (0, 0)), constant_values=filling)
            by_group = by_group.reshape(groups, words, lanes)
        packed = pack_weight_groups(by_group, hw.bits_weights, hw.weight_slot_bits)
        offset = stream.append(packed)
        weight = Stretch(Memory.WEIGHT, index, channels, groups, offset, len(packed), words, depth)
        yield load.block.inputs.first, (first, weight)


def _pack_ranges(stream: _Stream, parameters: Stretch, load: Load, words: Ints, banks: int, hw: Hardware) -> Iterator[Stretch]:
    """The ranges of a load of the weights (1, words, lanes): each kernel row is in one of as many banks."""
    place = place_of_ranges(load)
    for run in load.ranges:
        some = words_of_run(words, banks, run).reshape(banks, run.count, -1)
        packed = pack_weight_groups(some, hw.bits_weights, hw.weight_slot_bits)
        offset, where = stream.append(packed), (Memory.WEIGHT, parameters.layer, parameters.channels)
        yield Stretch(*where, banks, offset, len(packed), run.count, run.count, run, place)


def weight_places(hw: Hardware, words: int, groups: int, mode: Mode) -> tuple[int, int, int]:
    """
    How a load of `groups` channel groups of `words` weight words fills the banks: the number of stretches, each in the next
    bank, the words of each, and the words that are taken in all banks.
    """
    depth = bank_words(hw, words, groups, mode)
    return (-(-words // depth), depth, depth) if depth else (groups, words, weight_depth(hw, words, groups))


def arranged_weights(window: Window, weights: Stored, load: Load, lanes: int, *, filling: int) -> Ints:
    """
    The weights of a load, (channel groups, words, lanes), from those of the whole layer of this window; lanes that have no
    channel hold `filling`.
    """
    part = load_weights(window, weights, load, load.block.channels(load.groups, lanes))
    part = part.reshape(-1, part.shape[-1])
    whole = np.full((len(part), load.groups.count * lanes), filling, dtype=np.int64)
    whole[:, : part.shape[1]] = part
    return whole.reshape(len(part), load.groups.count, lanes).transpose(1, 0, 2)


def words_of_run(words: Ints, kernel_rows: int, run: Span) -> Ints:
    """Of the words of a channel group, (1, words, lanes), those of some elements of each kernel row."""
    _, _, lanes = words.shape
    return words.reshape(kernel_rows, -1, lanes)[:, run.first : run.stop].reshape(1, -1, lanes)


def load_weights(window: Window, weights: Stored, load: Load, channels: Span) -> Stored:
    """
    The weights of some channels in the order of the reduction, channels last. Depthwise that is the order of the taps along
    the lines, (kernel rows, taps, channels), with kernel rows across the lines.
    """
    if not load.mode.is_depthwise:
        first = channels.first - load.block.outputs.first
        return block_weights(weights, load.block)[..., first : first + channels.count]
    axis = axis_of(window, load.mode)
    kernel = weights[:, :, 0, channels.first : channels.stop]
    return (kernel if axis.index == 1 else kernel.transpose(1, 0, 2))[:, axis.taps.order]


def block_weights(weights: Stored, block: Block) -> Stored:
    """
    The kernel (KH, KW, inputs of the block, its outputs), from that of the whole layer (KH, KW, CI / groups, CO): 0 where
    input and output channel are of different groups. A block of one group may have a part of its input channels.
    """
    outputs, parts = block.outputs, block.convolutions
    of_block = weights[..., outputs.first : outputs.stop]
    *kernel, ins, outs = of_block.shape
    if parts == 1:
        first = block.inputs.first % ins
        return of_block[:, :, first : first + block.inputs.count]
    by_part = of_block.reshape(*kernel, ins, parts, outs // parts)
    dense = np.zeros((*kernel, parts, ins, parts, outs // parts), dtype=weights.dtype)
    for part in range(parts):
        dense[:, :, part, :, part] = by_part[:, :, :, part]
    return dense.reshape(*kernel, parts * ins, outs)


def _part(values: DenseAttr | None, channels: Span) -> Ints:
    """The numbers of some channels; none where a layer has none."""
    return np.zeros(0, dtype=np.int64) if values is None else ints_of(values)[channels.first : channels.stop]


def _padded(values: Ints, channels: int) -> Ints:
    """`values` with zeros at the end, so that there are `channels`."""
    return np.pad(values, (0, channels - values.size))


class Placer:
    """
    Addresses for loads into a memory of `capacity` that is reused all the time: each load goes behind the last one, or to the
    first gap from the bottom if there is no room, so that the place used longest ago is used next.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        #: By address; they do not overlap.
        self._held: list[Span] = []
        self._cursor = 0

    def place(self, size: int, *, in_turn: bool = False) -> Span | None:
        """
        A stretch, of at least 1, that is held until it is released; `None` if there is no gap of this size. With `in_turn` it
        is right behind the last one, or at the bottom if the end is too close: what is placed so has no gaps but that one.
        """
        assert size > 0, size
        behind = self._cursor if self._cursor + size <= self.capacity else 0
        for start in (behind,) if in_turn else self._starts():
            number = self._number(start)
            if self._is_free(start, size, number):
                self._cursor = start + size
                placed = Span(start, size)
                self._held.insert(number, placed)
                return placed
        return None

    def place_at(self, span: Span) -> bool:
        """Holds a certain stretch until it is released, if it is free; says whether it is."""
        number = self._number(span.first)
        if span.stop > self.capacity or not self._is_free(span.first, span.count, number):
            return False
        self._held.insert(number, span)
        return True

    def release(self, placed: Span) -> None:
        self._held.remove(placed)

    def _starts(self) -> Iterator[int]:
        """Where gaps may begin, from the cursor on and then from the bottom."""
        number = self._number(self._cursor)
        yield self._cursor
        yield from (span.stop for span in self._held[max(0, number - 1) :] if span.stop > self._cursor)
        yield 0
        yield from (span.stop for span in self._held[:number] if span.stop < self._cursor)

    def _number(self, start: int) -> int:
        """How many stretches begin no later than `start`."""
        return bisect_right(self._held, start, key=lambda span: span.first)

    def _is_free(self, start: int, size: int, number: int) -> bool:
        """Whether a stretch fits between those number - 1 and `number`."""
        end = self._held[number].first if number < len(self._held) else self.capacity
        return start + size <= end and (number == 0 or self._held[number - 1].stop <= start)

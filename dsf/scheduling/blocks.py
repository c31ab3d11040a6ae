"""
How a grouped convolution is computed: in blocks of so many groups, or depthwise.

A block is a convolution over the channels of its groups, whose weights between channels of different groups are 0. The more
groups it has, the more of the array's columns compute, the longer a run of input channels, which a chunk of pixels has to
hide, and the fewer instructions there are; but the longer is each sum, and the more weights are loaded. Groups of few channels
lie together until these two balance: of all numbers of blocks, and depthwise where that is possible, the one with the fewest
estimated cycles is taken.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from dsf.dialects import tile
from dsf.dialects.tile_cuts import Mode
from dsf.hardware import Hardware
from dsf.scheduling.cut_rules import PIECE_OVERHEAD, TilingOptions, dense_modes, depthwise_modes, load_cycles
from dsf.scheduling.network import Layer, Network, weight_words
from dsf.scheduling.pieces import Block, Piece, Span, channel_blocks
from dsf.scheduling.tried import Tried, TriedWay


@dataclass(frozen=True)
class Way:
    """Groups of a block, and the shapes of the array that come into question."""

    block: int
    modes: tuple[Mode, ...]


def choose_ways(network: Network, hw: Hardware, images: int, options: TilingOptions, tried: Tried | None = None) -> list[Way]:
    """How each layer is computed, for chunks of `images`. `tried`, if given, receives all that came into question."""
    ways: list[Way] = []
    known: dict[object, tuple[Way, list[TriedWay]]] = {}
    for index, layer in enumerate(network.layers):
        likeness = _likeness(layer)
        if likeness not in known:
            seen: list[TriedWay] = []
            known[likeness] = _way(layer, hw, images, options, seen), seen
        way, seen = known[likeness]
        ways.append(way)
        if tried is not None:
            tried.ways.setdefault(index, []).extend(seen)
    return ways


def _likeness(layer: Layer) -> object:
    """What the way depends on: another layer that has all this in common is computed alike."""
    op = layer.op
    if not isinstance(op, tile.MatrixOp):
        return None
    images = layer.input_image, layer.output_image, layer.result_image
    return *images, op.window, op.target, op.groups, op.raw is None, layer.second is None


def fewest_cycles(layer: Layer, hw: Hardware, images: int, options: TilingOptions) -> int:
    """Estimated cycles of a matrix layer in the best way to compute it."""
    assert isinstance(layer.op, tile.MatrixOp)
    way = _way(layer, hw, images, options, [])
    return _cycles(layer, hw, images, _blocks(layer, layer.op.groups.value.data, way), way)


def _way(layer: Layer, hw: Hardware, images: int, options: TilingOptions, tried: list[TriedWay]) -> Way:
    if not isinstance(layer.op, tile.MatrixOp):
        return Way(1, (Mode.WIDE,))
    groups, dense = layer.op.groups.value.data, dense_modes(hw, options)
    depthwise = depthwise_modes(layer, hw, options)
    if any(mode == options.mode for mode in depthwise):
        return Way(groups, depthwise)
    # A binary weight is never 0.
    most = 1 if hw.bits_weights == 1 else groups
    if options.block != 0:
        return Way(min(options.block, most), dense)
    ways = [Way(size, dense) for size in sorted({-(-groups // count) for count in range(1, groups + 1)}) if size <= most]
    if depthwise:
        ways.append(Way(groups, depthwise))
    # Even the smallest block may have too many weights: the cuts find that out and say so.
    fitting = [way for way in ways if _words(layer, way, groups) <= hw.weight_words]
    costs = {way: _cycles(layer, hw, images, _blocks(layer, groups, way), way) for way in fitting or ways[:1]}
    tried += [TriedWay(way.block, way.modes, cycles) for way, cycles in costs.items()]
    tried += [_too_large(layer, hw, way, groups) for way in ways if way not in costs]
    return min(costs, key=lambda way: costs[way])


def _too_large(layer: Layer, hw: Hardware, way: Way, groups: int) -> TriedWay:
    words = _words(layer, way, groups)
    return TriedWay(way.block, way.modes, 0, f"needs {words} words of each weight bank, has {hw.weight_words}")


def _blocks(layer: Layer, groups: int, way: Way) -> list[Block]:
    return channel_blocks(layer.input_image[2], layer.output_image[2], groups, way.block)


def _words(layer: Layer, way: Way, groups: int) -> int:
    depthwise = way.modes[0].is_depthwise
    return weight_words(layer.window, _blocks(layer, groups, way)[0], depthwise=depthwise)


def _cycles(layer: Layer, hw: Hardware, images: int, blocks: list[Block], way: Way) -> int:
    """Cycles of all blocks, in the better shape of the array, where one's weights are loaded while another is computed."""
    kinds = Counter((block.inputs.count, block.outputs.count, block.convolutions) for block in blocks)

    def cycles(mode: Mode) -> int:
        total = 0
        for (inputs, outputs, convolutions), count in kinds.items():
            block = Block(Span(0, inputs), Span(0, outputs), convolutions)
            groups = Span(0, block.channel_groups(hw.group_columns))
            piece = Piece(Span(0, images), Span(0, layer.output_image[0]), groups, block)
            busy = sum(cost.busy + PIECE_OVERHEAD for cost in layer.costs(hw, piece, mode))
            words = weight_words(layer.window, block, depthwise=mode.is_depthwise)
            total += count * max(busy, load_cycles(hw, groups.count, words))
        return total

    return min(cycles(mode) for mode in way.modes)

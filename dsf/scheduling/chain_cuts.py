"""
The cuts that a chain of layers may have: heights of strips, and loads of weights in one of two orders.

    groups outer    each load of weights once; strips are loaded for each of them, or once if all of a tensor has room
    strips outer    each strip once; all weights of the layer have to be on chip at once

What runs along with a layer is cut by what it can compute after each strip. Of longer chains (`dsf.scheduling.fusion`) each
layer behind the first one has a strip for one of the layer before, or for several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import inf

from dsf.dialects import tile
from dsf.dialects.tile_cuts import Mode, Outer, Place
from dsf.geometry import span
from dsf.scheduling.chain_costs import ChainCosts, Choice
from dsf.scheduling.cut_rules import (
    dense_modes,
    depthwise_modes,
    equal_parts,
    most_groups,
    most_words,
    parts_modes,
    pixels_at_once,
    ranges_able,
    strips_behind,
    strips_of,
)
from dsf.scheduling.fusion import MAX_FACTOR, Loads, fit_together, rows_behind, smaller_loads
from dsf.scheduling.network import Layer, bank_words
from dsf.scheduling.parts import loads_stay, makes_parts
from dsf.scheduling.pieces import Cut, Piece, Span, first_apart, last_apart
from dsf.scheduling.rooms import in_bytes
from dsf.scheduling.split import split_layer

#: Heights of strips to choose from; the height of the image is another.
HEIGHTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112)
#: Loads of weights to choose from, for a layer all of whose weights fit.
LOADS = (1, 2, 4)
#: How many times the least cost of a chain so far strips may cost to be tried with more of them for one of the next layer.
FAR = 1.1
#: Most ranges in which the weights of a channel group come.
MAX_RANGES = 8
#: Takes a tile of so many rows and columns out of a piece of rows of so many columns.
Apart = Callable[[Piece, int, int, int], list[Piece]]


@dataclass
class ChainCuts(ChainCosts):
    """The cuts of chains of a network, and what they cost."""

    def _can_follow(self, layer: Layer, behind: Layer) -> bool:
        """
        Whether the next layer can take the strips of a layer. A copy takes rows that are all there; if the images have another
        shape to the next layer, its channels are others, and those of a strip have to be made at once.
        """
        if isinstance(behind.op, tile.CopyOp):
            return False
        at_once = layer.words(layer.blocks[0]) <= self.hw.weight_words and any(self._loads(layer, in_parts=False))
        return at_once or behind.input_image == layer.output_image

    def _choices_of(self, chain: Sequence[int], places: Sequence[Place], free: int) -> Iterator[Choice]:
        if self._is_fused(chain, places):
            yield from self._fused_choices(chain, places, free)
            return
        for cuts in self._cuts(chain, places):
            choice = self._priced(chain, cuts, places, free)
            if choice is not None:
                yield choice

    def _fused_choices(self, chain: Sequence[int], places: Sequence[Place], free: int) -> Iterator[Choice]:
        """
        Strips of growing height of the first layer, as long as there is room; for one strip of each layer behind it one, or as
        many as are best of the one before.
        """
        layers = [self.network.layers[index] for index in chain]
        ways = [self._ways(layer) for layer in layers]
        for some in smaller_loads(ways):
            if all(some) and fit_together(self.hw, [min(one, key=lambda way: sum(way.depths)) for one in some]):
                break
        else:
            return
        height = layers[0].output_image[0]
        heights = [rows for rows in HEIGHTS if rows < height] + [height]
        if self.options.rows != 0:
            heights = [min(self.options.rows, height)]
        least = inf
        for rows in heights:
            factors = [1] * (len(layers) - 1)
            best = self._fused_choice(chain, some, rows, factors, places, free)
            if best is None:
                return
            yield best
            # What is far from the best so far would not be it with other factors.
            tried = layers[1:] if best.cost <= FAR * least else []
            for number, layer in enumerate(tried):
                for factor in range(2, MAX_FACTOR + 1) if isinstance(layer.op, tile.MatrixOp) else ():
                    other = [*factors[:number], factor, *factors[number + 1 :]]
                    choice = self._fused_choice(chain, some, rows, other, places, free)
                    if choice is None:
                        break
                    yield choice
                    if choice.cost < best.cost:
                        factors, best = other, choice
            least = min(least, best.cost)

    def _ways(self, layer: Layer) -> list[Loads]:
        """How the weights of a layer, all of them on chip, can be loaded."""
        ways = [(groups, modes) for groups, modes, _ in self._loads(layer, in_parts=False)]
        return [Loads.of(layer, self.hw, *way) for way in dict.fromkeys(ways)]

    def _fused_choice(
        self,
        chain: Sequence[int],
        ways: Sequence[Sequence[Loads]],
        rows: int,
        factors: Sequence[int],
        places: Sequence[Place],
        free: int,
    ) -> Choice | None:
        """The choice for strips of `rows` rows of the first layer, and these factors for the others."""
        layers = [self.network.layers[index] for index in chain]
        strips = [Span(0, layers[0].output_image[0]).sizes(rows)]
        for (before, layer), factor in zip(pairwise(layers), factors, strict=True):
            strips.append(rows_behind(layer, before.result, strips[-1], factor))
        taken: list[Loads] = []
        for layer, some, of_layer in zip(layers, ways, strips, strict=True):
            taken.append(min(some, key=lambda way, layer=layer, rows=of_layer: self._cycles_of_way(layer, way, rows)))
        if not fit_together(self.hw, taken):
            taken = [min(some, key=lambda way: sum(way.depths)) for some in ways]
        cuts = tuple(way.cut(layer, of_layer) for way, layer, of_layer in zip(taken, layers, strips, strict=True))
        ways_to_go = [cuts, *self._split(chain, cuts, taken, places)]
        ways_to_go += [self._row_by_row(layers, one) for one in ways_to_go if not isinstance(layers[-1].op, tile.MatrixOp)]
        priced = [self._priced(chain, one, places, free) for one in dict.fromkeys(ways_to_go)]
        return min((one for one in priced if one is not None), key=lambda one: one.cost, default=None)

    def _row_by_row(self, layers: Sequence[Layer], cuts: Sequence[Cut]) -> tuple[Cut, ...]:
        """The same with single rows of what the vector unit makes, which take less room."""
        return tuple(
            cut if isinstance(layer.op, tile.MatrixOp) else replace(cut, rows=(1,))
            for layer, cut in zip(layers, cuts, strict=True)
        )

    def _split(
        self, chain: Sequence[int], cuts: Sequence[Cut], taken: Sequence[Loads], places: Sequence[Place]
    ) -> Iterator[tuple[Cut, ...]]:
        """The same with the least loads of the last layer with weights, if their channels can go on alone."""
        matrices = [place for place, index in enumerate(chain) if isinstance(self.network.layers[index].op, tile.MatrixOp)]
        if not matrices or matrices[-1] == len(chain) - 1:
            return
        number = matrices[-1]
        layer, mode = self.network.layers[chain[number]], cuts[number].modes[0]
        least = Loads.of(layer, self.hw, (1 if mode is Mode.TALL else self.hw.column_groups,), (mode,))
        made = tuple(
            replace(cut, groups=least.groups, modes=least.modes) if place == number else cut for place, cut in enumerate(cuts)
        )
        fit = fit_together(self.hw, [least if place == number else one for place, one in enumerate(taken)])
        if fit and split_layer(self.network, self.hw, places, dict(zip(chain, made, strict=True)), chain) is not None:
            yield made
            for cut in self._edges_apart(layer, made[number]):
                yield (*made[:number], cut, *made[number + 1 :])

    def _cuts(self, chain: Sequence[int], places: Sequence[Place]) -> Iterator[tuple[Cut, ...]]:
        """The cuts to choose from: strips of growing height for each way to load the weights."""
        layer = self.network.layers[chain[0]]
        height = layer.output_image[0]
        heights = [rows for rows in HEIGHTS if rows < height]
        strips = [(1, (rows,)) for rows in heights] + [(1, (height,)), (self.images, (height,))]
        if self.options.rows != 0:
            strips = [(1, (min(self.options.rows, height),))]
        if makes_parts(self.network, chain):
            for images, rows in dict.fromkeys(strips):
                in_dram = places[self.network.layers[chain[0]].result] is Place.DRAM
                cuts = [self._part_cut(self.network.layers[index], images, rows[0], in_dram) for index in chain]
                made = tuple(cut for cut in cuts if cut is not None)
                if len(made) == len(cuts):
                    yield made
            return
        in_parts = in_bytes(self.hw, layer) or places[self.network.layers[chain[-1]].result] is Place.CHIP
        layers = [self.network.layers[index] for index in chain]
        # Strips of some channels are those of the next layer too.
        in_parts &= all(one.output_image == behind.input_image for one, behind in pairwise(layers))
        if isinstance(layer.op, tile.MatrixOp):
            for first in self._long(layer, dict.fromkeys(strips)):
                # Strips of all channels, or of some where those may be computed after the others.
                channels = {(one.block.outputs, one.groups) for one in first.loads(layer.blocks, layer.lanes(self.hw))}
                if in_parts or len(channels) == 1:
                    yield self._followed(chain, first)
            if layer.words(layer.blocks[0]) > self.hw.weight_words:
                return
        for groups, modes, outer in self._loads(layer, in_parts=in_parts):
            for images, rows in dict.fromkeys(strips):
                first = Cut(images, rows, groups, modes, outer, layer.op.cut.block.data)
                yield self._followed(chain, first)

    def _part_cut(self, layer: Layer, images: int, rows: int, in_dram: bool) -> Cut | None:
        """
        The fastest cut of a layer that makes a part of a result, with strips of so many rows, or of all that it makes. In DRAM
        each strip has all its channels at once.
        """
        strip = images, (min(rows, layer.output_image[0]),)
        found = [replace(cut, outer=Outer.STRIPS) for cut in self._long(layer, [strip]) if (cut.images, cut.rows) == strip]
        if layer.words(layer.blocks[0]) <= self.hw.weight_words:
            depthwise = layer.is_depthwise
            modes = depthwise_modes(layer, self.hw, self.options) if depthwise else dense_modes(self.hw, self.options)
            found += [
                Cut(*strip, *shapes, Outer.STRIPS, layer.op.cut.block.data)
                for groups in self._sizes(layer)
                for shapes in self._shapes(layer, groups, modes)
            ]
        if not in_dram:
            found = [cut if loads_stay(self.hw, [(layer, cut)]) else replace(cut, outer=Outer.GROUPS) for cut in found]
        return min(found, key=lambda cut: self._array_cycles(layer, cut), default=None)

    def _long(self, layer: Layer, strips: Iterable[tuple[int, tuple[int, ...]]]) -> Iterator[Cut]:
        """
        The cuts of a layer of whose reductions a bank has no room for two: tall, through several banks; or if that is not
        enough, in parts, where a strip is no more than a tile.
        """
        modes, block, words = dense_modes(self.hw, self.options), layer.op.cut.block.data, layer.words(layer.blocks[0])
        if words <= self.hw.weight_words and (layer.is_depthwise or self.options.groups > 1):
            return
        if words <= most_words(layer, self.hw, modes):
            if not bank_words(self.hw, words, 1, modes[-1]):
                return
            for strip in strips:
                for images, rows in dict.fromkeys(self._apart_from_padding(layer, *strip)):
                    cut = Cut(images, rows, (1,), (Mode.TALL,), block=block)
                    yield from (cut, *self._edges_apart(layer, cut), *self._in_ranges(layer, cut))
            return
        _, width, _ = layer.output_image
        for mode in parts_modes(layer, self.hw, modes):
            groups = 1 if mode is Mode.TALL else min(self.hw.column_groups, layer.groups_of_block(self.hw))
            most = pixels_at_once(self.hw, mode) // width
            for images, rows in dict.fromkeys((images, (min(*rows, most),)) for images, rows in strips):
                if images == 1 or images * rows[0] <= most:
                    yield Cut(images, rows, (groups,), (mode,), block=block, inputs=equal_parts(layer, self.hw))

    def _edges_apart(self, layer: Layer, cut: Cut) -> Iterator[Cut]:
        """
        The same with those tiles apart that lie in the first row, or in the last one, as a whole: of weights that go through
        several banks all of an instruction's tiles have the same kernel rows.
        """
        _, columns, _ = layer.output_image
        tiles = columns // self.hw.pixels_tall * self.hw.pixels_tall
        through = bank_words(self.hw, layer.words(layer.blocks[0]), cut.groups[0], cut.modes[0]) > 0
        one = self.images == cut.images == cut.block == 1 and cut.inputs == (0,) and not layer.is_depthwise
        if tiles > 0 and through and one:
            yield replace(cut, ends=(1, tiles, 1, tiles))

    def _in_ranges(self, layer: Layer, cut: Cut) -> Iterator[Cut]:
        """
        The same with the weights of a channel group in ranges, if there is room for one and some of the next: for what has room
        beside those before it, and in equal parts for the others.
        """
        if cut.images > 1 or self.images > 1 or not ranges_able(layer, self.hw):
            return
        elements = layer.words(layer.blocks[0]) // self.hw.column_groups
        beside = self.hw.weight_words - elements
        if not 0 < beside < elements or layer.groups(self.hw) < 2:
            return
        ends = self._end_tiles(layer, cut)
        for count in range(1, MAX_RANGES):
            part = -(-(elements - beside) // count)
            if part * count < elements:
                yield replace(cut, ranges=(elements - part * count, *[part] * count), ends=ends)

    def _end_tiles(self, layer: Layer, cut: Cut) -> tuple[int, ...]:
        """Rows and columns of the first tile, and of the last one, with which their strips take the fewest cycles."""
        _, columns, _ = layer.output_image
        load = replace(cut, ranges=(0,)).loads(layer.blocks, layer.lanes(self.hw))[0]
        pieces = [load.piece(*strip) for strip in cut.strips(Span(0, 1), layer.output_image[0])]
        ends: list[int] = []
        for piece, apart in ((pieces[0], first_apart), (pieces[-1], last_apart)):
            most = min(piece.rows.count, self.hw.pixels_tall)
            tiles = [(rows, min(columns, self.hw.pixels_tall // rows)) for rows in range(1, most + 1)]

            def cycles(tile: tuple[int, int], piece: Piece = piece, apart: Apart = apart) -> int:
                return sum(self._piece_cycles(layer, one, Mode.TALL) for one in apart(piece, *tile, columns))

            ends += min(tiles, key=cycles)
        return tuple(ends)

    def _apart_from_padding(self, layer: Layer, images: int, rows: tuple[int, ...]) -> Iterator[tuple[int, tuple[int, ...]]]:
        """
        Strips, also with those at the top and at the bottom apart that touch padding: all of such a strip does without some
        kernel rows.
        """
        yield images, rows
        window, (height, *_), (inputs, *_) = layer.window, layer.output_image, layer.input_image
        # Of a phase of a transposed convolution padding may be below 0.
        above = max(0, -(-window.padding[0] // window.strides[0]))
        inside = (inputs + window.padding[0] - span(window.kernel[0], window.dilation[0])) // window.strides[0]
        below = max(0, height - 1 - inside)
        for first, last in product(dict.fromkeys((0, above)), dict.fromkeys((0, below))):
            if images == 1 and self.options.rows == 0 and 0 < first + last < height:
                yield 1, strips_of(height, first, rows[0], last)

    def _followed(self, chain: Sequence[int], first: Cut) -> tuple[Cut, ...]:
        """The cuts of a chain: what runs along is cut by what it can compute after each strip."""
        cuts = [first]
        for index in chain[1:]:
            cuts.append(strips_behind(self.network.layers[index], cuts[-1]))
        return tuple(cuts)

    def _loads(self, layer: Layer, *, in_parts: bool) -> Iterator[tuple[tuple[int, ...], tuple[Mode, ...], Outer]]:
        """
        Channel groups of the loads of weights, the shapes of the array for them, and the order of the loops; `in_parts` says
        whether some channels may be computed after the others.
        """
        if not isinstance(layer.op, tile.MatrixOp):
            yield (1,), (Mode.WIDE,), Outer.GROUPS
            return
        depthwise = layer.is_depthwise
        modes = depthwise_modes(layer, self.hw, self.options) if depthwise else dense_modes(self.hw, self.options)
        for groups in self._sizes(layer):
            for shapes in self._shapes(layer, groups, modes):
                sizes, of_each = shapes
                cut = Cut(1, (1,), sizes, of_each, Outer.STRIPS, layer.op.cut.block.data)
                if loads_stay(self.hw, [(layer, cut)]):
                    yield sizes, of_each, Outer.STRIPS
                elif in_parts:
                    yield sizes, of_each, Outer.GROUPS

    def _sizes(self, layer: Layer) -> list[int]:
        """Channel groups of a load: all, a half, a quarter; what fits half of the memory, or all of it."""
        hw, total, words = self.hw, layer.groups_of_block(self.hw), layer.words(layer.blocks[0])
        passes = -(-total // hw.column_groups)
        fit = max(1, hw.weight_words // words)
        wanted = [-(-passes // count) for count in LOADS] + [fit, max(1, fit // 2)]
        if self.options.groups != 0:
            return [min(self.options.groups, most_groups(layer, hw))]
        most = min(most_groups(layer, hw), hw.parameter_groups)
        equal = [-(-passes // -(-passes // min(one, passes, fit))) for one in wanted]
        return list(dict.fromkeys(min(most, one * hw.column_groups) for one in equal))

    def _shapes(self, layer: Layer, groups: int, modes: Sequence[Mode]) -> Iterator[tuple[tuple[int, ...], tuple[Mode, ...]]]:
        """Loads of `groups` channel groups in each shape, or what is left of whole passes tall and the others wide."""
        for mode in modes:
            yield (groups,), (mode,)
        total, passes = layer.groups_of_block(self.hw), self.hw.column_groups
        wide, left = total // passes * passes, total % passes
        if len(modes) > 1 and not layer.is_depthwise and 0 < wide < total and self.options.groups == 0:
            sizes = Span(0, wide).sizes(max(passes, groups // passes * passes))
            yield (*sizes, left), (*(Mode.WIDE for _ in sizes), Mode.TALL)

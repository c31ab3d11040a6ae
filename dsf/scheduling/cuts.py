"""
How each layer is cut into pieces, and in which shape the array computes them.

- Strips of rows or images: a layer that reads the input or makes the output is cut into strips, so that computing starts with
  the first rows, and results are stored all along. The first one and the last one may be smaller, as nothing hides the load of
  the one and the store of the other. So is a layer whose result the vector unit takes on, to pool it for example, a strip while
  the next is computed.
- Loop order: strip by strip where the weights of the network fit on chip, as output can then be stored from the first strip on;
  otherwise load by load of weights, so that each is loaded once.
- Channel groups: loads of weights grow from a small one, with which computing starts. Where weights do not fit a load takes at
  most half of their memory, so that one is loaded while the other is used.
- Reductions longer than weight memory: tall, a channel group's weights go on from bank to bank; where also that is too little,
  and a strip is a tile of the array, the input channels are cut into parts, each with weights of its own. So are the last
  loads of a layer that computes faster than its weights arrive, as what remains to be computed after them is then a small
  part.
- Mode: wide, tall, or wide for whole passes of G channel groups and tall for what is left of them; depthwise, along rows or
  columns of the image.

Of these combinations the one with the fewest estimated cycles is taken. How many groups of a grouped convolution are computed
together, and whether depthwise, is decided before (`dsf.scheduling.blocks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from dsf.cost import Cost, dispatch_cycles, load_cost, shape_change, store_cost, weights_cost
from dsf.dialects import tile
from dsf.dialects.tile_cuts import Mode, Outer
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.scheduling.cut_rules import (
    PIECE_OVERHEAD,
    TilingOptions,
    computable,
    dense_modes,
    depthwise_modes,
    equal_parts,
    load_costs,
    load_cycles,
    matrix_layers,
    most_groups,
    most_words,
    parts_modes,
    pixels_at_once,
    strips_behind,
    strips_of,
    weight_depth,
    weight_problems,
)
from dsf.scheduling.network import Layer, Network, bank_words
from dsf.scheduling.pieces import Cut, Piece, Span, input_rows
from dsf.scheduling.tried import Tried, TriedCut

#: Cycles of weights that are worth a load of their own.
LEAST_WEIGHT_LOAD = 128
#: Most strips of equal size.
MAX_STRIPS = 16
#: Most parts of a reduction whose weights are computed with as they arrive.
MAX_PARTS = 4
#: Most loads at the end of a layer that are in parts.
MAX_IN_PARTS = 3
#: Most rows of a first or last strip of another size.
MAX_END = 8


@dataclass(frozen=True)
class Resident:
    """Whether all weights, and all parameters, of the network fit on chip at once."""

    weights: bool
    parameters: bool


def needed_at_once(network: Network, hw: Hardware) -> tuple[int, int]:
    """Words of each weight bank, and groups of parameters, that all layers take together."""
    layers = matrix_layers(network)
    words = sum(
        weight_depth(hw, layer.words(block), block.channel_groups(hw.group_columns))
        for layer in layers
        for block in layer.blocks
    )
    return words, sum(layer.groups(hw) for layer in layers)


def resident(network: Network, hw: Hardware) -> Resident:
    """Whether everything fits at once, so that it is loaded once and not for each chunk."""
    words, groups = needed_at_once(network, hw)
    return Resident(words <= hw.weight_words, groups <= hw.parameter_groups)


def choose_cuts(
    network: Network, hw: Hardware, images: int, options: TilingOptions, tried: Tried | None = None
) -> list[tile.CutAttr]:
    """
    A cut for each layer, for chunks of `images`. `tried`, if given, receives all that came into question.

    Raises `ModelError` with all layers whose weights do not fit the weight memory.
    """
    problems = [problem for layer in matrix_layers(network) for problem in weight_problems(layer, hw, options)]
    if problems:
        raise ModelError(problems)
    fits = resident(network, hw)
    cuts = _choose_all(network, hw, images, fits, options, tried)
    if not _fit(network, hw, cuts, fits):
        # Small loads leave banks unused. Without them it may still fit, but there is no need.
        cuts = _choose_all(network, hw, images, Resident(False, False), options, tried)
    return [cut.attribute for cut in cuts]


def _choose_all(
    network: Network, hw: Hardware, images: int, fits: Resident, options: TilingOptions, tried: Tried | None
) -> list[Cut]:
    cuts: list[Cut] = []
    for index in range(len(network.layers)):
        follows = index > 0 and network.follower_of(index - 1) is not None
        if tried is not None:
            tried.cuts[index], tried.notes[index] = [], []
        chooser = _Chooser(network, index, hw, images, fits, options, tried=tried)
        cuts.append(chooser.choose(cuts[-1] if follows else None))
        if tried is not None:
            tried.taken[index] = cuts[-1]
    return cuts


def _fit(network: Network, hw: Hardware, cuts: Sequence[Cut], fits: Resident) -> bool:
    """Whether the loads of these cuts are all on chip at once where they were meant to be."""
    if not fits.weights:
        return True
    depth = 0
    for layer, cut in zip(network.layers, cuts, strict=True):
        if isinstance(layer.op, tile.MatrixOp):
            loads = cut.loads(layer.blocks, hw.group_columns)
            for load in loads:
                words, groups = layer.words(load.block), load.groups.count
                depth += bank_words(hw, words, groups, load.mode) or weight_depth(hw, words, groups)
    return depth <= hw.weight_words


def _grown(total: int, first: int, most: int) -> tuple[int, ...]:
    """`total` in blocks of `first`, then twice as much each time, up to `most`."""
    sizes: list[int] = []
    size = first
    while sum(sizes) < total:
        sizes.append(min(size, most, total - sum(sizes)))
        size *= 2
    return tuple(sizes)


#: What the cost of a piece depends on: images, rows, channel groups, input channels, whether partial, mode.
_CostKey = tuple[int, Span, int, int, bool, Mode]


@dataclass
class _Chooser:
    """Chooses the cut of one layer."""

    network: Network
    index: int
    hw: Hardware
    images: int
    fits: Resident
    options: TilingOptions
    tried: Tried | None = None
    costs: dict[_CostKey, Cost] = field(default_factory=dict[_CostKey, Cost])

    def choose(self, before: Cut | None) -> Cut:
        """The cut; where the vector unit works on what a matrix layer makes, `before` is that one's."""
        if not isinstance(self.layer.op, tile.MatrixOp):
            follows = None if before is None or self.options.rows != 0 else self._strip_by_strip(before)
            return follows or self._with_ends(self._fastest(Cut(*strips) for strips in self._strips()))
        block = self.layer.op.cut.block.data
        best = self._fastest(
            [
                *(
                    Cut(*strips, groups, modes, outer, block)
                    for groups, modes in dict.fromkeys(self._loads())
                    for outer in self._outers(groups)
                    for strips in self._strips()
                ),
                *self._in_parts(),
            ]
        )
        return best if best.inputs != (0,) else self._with_ends(best)

    def _strip_by_strip(self, before: Cut) -> Cut | None:
        """The strips, each what can be computed after a strip of the layer before; `None` if that has only one."""
        rows, *_ = self.layer.output_image
        if before.images < self.images:
            return Cut(before.images, (rows,))
        sizes = strips_behind(self.layer, before).rows
        return Cut(1, sizes) if len(sizes) > 1 and self.images == 1 else None

    def _with_ends(self, cut: Cut) -> Cut:
        """A cut with a first and a last strip of other sizes, where that is better: one of them after the other."""
        height = self.layer.output_image[0]
        middle = cut.rows[0]
        if self.options.rows != 0 or self.images > 1 or not self.exchanges:
            return cut
        ends = range(min(MAX_END, height - 1) + 1)
        with_first = [strips_of(height, first, middle, 0) for first in ends]
        cut = self._fastest([cut, *(replace(cut, rows=rows) for rows in with_first)])
        first = cut.rows[0] if len(cut.rows) > 1 else 0
        with_last = [strips_of(height, first, middle, last) for last in ends if first + last <= height]
        return self._fastest([cut, *(replace(cut, rows=rows) for rows in with_last)])

    def _fastest(self, cuts: Iterable[Cut]) -> Cut:
        costs = [(cut, self._cycles(cut)) for cut in cuts]
        if self.tried is not None:
            self.tried.cuts[self.index] += [TriedCut(cut, cycles, self._dram_words(cut)) for cut, cycles in costs]
        # Of equal ones the first: few strips, and the wide array, which drains sooner.
        return min(costs, key=lambda one: one[1])[0]

    def _dram_words(self, cut: Cut) -> int:
        """Words of DRAM traffic of a chunk: weights and parameters, and the network's input and output if they are its own."""
        (height, *_), lanes = self.layer.output_image, self.layer.lanes(self.hw)
        words = loaded = made = 0
        if isinstance(self.layer.op, tile.MatrixOp):
            for load in cut.loads(self.layer.blocks, lanes):
                costs = load_costs(self.hw, load.groups.count, self.layer.words(load.block))
                words += sum(cost.beats for cost in costs)
        for piece, _, complete in cut.pieces(Span(0, self.images), height, self.layer.blocks, lanes):
            if self.loads_input:
                loaded = max(loaded, self._input_cost(piece).beats)
            if complete and self.makes_output:
                made += self._store_cost(piece.images.count * piece.rows.count).beats
        return words + loaded + made

    def _outers(self, groups: tuple[int, ...]) -> tuple[Outer, ...]:
        can_stay = self.fits.weights and self.fits.parameters and self.options.groups == 0
        several = len(groups) > 1 or len(self.layer.blocks) > 1
        if self.tried is not None and several and not (self.fits.weights and self.fits.parameters):
            words, needed = needed_at_once(self.network, self.hw)
            self.tried.note(
                self.index,
                f"strip by strip: needs all weights on chip at once, {words} words of each weight bank and {needed} parameter "
                f"groups, and has {self.hw.weight_words} and {self.hw.parameter_groups}",
            )
        return (Outer.GROUPS, Outer.STRIPS) if can_stay and several else (Outer.GROUPS,)

    @property
    def layer(self) -> Layer:
        return self.network.layers[self.index]

    @property
    def follower(self) -> _Chooser | None:
        """What the vector unit makes of the result, in the next layer."""
        index = self.network.follower_of(self.index)
        return None if index is None else replace(self, index=index, costs={})

    @property
    def loads_input(self) -> bool:
        return self.network.input in self.layer.reads

    @property
    def makes_output(self) -> bool:
        return self.layer.result == self.network.output and self.layer.completes_result

    @property
    def exchanges(self) -> bool:
        """Whether something can run beside it: transfers from DRAM or to it, or the vector unit."""
        return self.loads_input or self.makes_output or self.network.follower_of(self.index) is not None

    @property
    def is_cold(self) -> bool:
        """Whether nothing hides the load of its first weights."""
        return all(not isinstance(layer.op, tile.MatrixOp) for layer in self.network.layers[: self.index])

    def _strips(self) -> list[tuple[int, tuple[int, ...]]]:
        """Images and rows of strips of equal size to choose from: several only where something can run beside."""
        height = self.layer.output_image[0]
        if self.options.rows != 0:
            rows = min(self.options.rows, height)
            return [(1 if rows < height else self.images, (rows,))]
        counts = range(1, MAX_STRIPS + 1) if self.exchanges else (1,)
        if self.images > 1:
            return list(dict.fromkeys((-(-self.images // count), (height,)) for count in counts))
        return list(dict.fromkeys((1, (-(-height // count),)) for count in counts))

    def _loads(self) -> Iterator[tuple[tuple[int, ...], tuple[Mode, ...]]]:
        """Channel groups of one load after the other, and their modes, to choose from."""
        total, passes = self.layer.groups_of_block(self.hw), self.hw.column_groups
        words = self.layer.words(self.layer.blocks[0])
        in_banks = words <= most_words(self.layer, self.hw, [Mode.TALL]) < 2 * passes * words
        if in_banks and (self.options.groups <= 1 or words > self.hw.weight_words) and Mode.TALL in self._modes():
            yield (1,), (Mode.TALL,)
        if words > self.hw.weight_words:
            return
        if self.options.groups != 0:
            size = min(self.options.groups, most_groups(self.layer, self.hw))
            yield from (((size,), (mode,)) for mode in self._modes())
            return
        size = self._groups_of_load()
        for mode in self._modes():
            yield (size,), (mode,)
        if self.layer.is_depthwise:
            return
        wide, left = total // passes * passes, total % passes
        if len(self._modes()) > 1 and 0 < wide < total:
            sizes = Span(0, wide).sizes(size)
            yield (*sizes, left), (*(Mode.WIDE for _ in sizes), Mode.TALL)
            yield (left, *sizes), (Mode.TALL, Mode.WIDE)
        if not (self.fits.weights and self.fits.parameters):
            return
        for mode in self._modes():
            sizes = _grown(total, 1 if mode is Mode.TALL else passes, self.hw.parameter_groups)
            yield sizes, (mode,)
        if len(self._modes()) > 1 and 0 < wide < total:
            tall, rest = _grown(left, 1, left), _grown(wide, passes, self.hw.parameter_groups)
            yield (*tall, *rest), (*(Mode.TALL for _ in tall), Mode.WIDE)

    def _in_parts(self) -> Iterator[Cut]:
        """Cuts with parts of the reduction, to choose from."""
        layer, hw, block = self.layer, self.hw, self.layer.blocks[0]
        words, total = layer.words(block), layer.groups_of_block(hw)
        if self.options.groups != 0 and words <= hw.weight_words:
            return
        for mode in parts_modes(layer, hw, self._modes()):
            groups = 1 if mode is Mode.TALL else min(hw.column_groups, total, self.options.groups or total)
            for strips in self._tiles(mode):
                if 2 * words > hw.weight_words:
                    parts = equal_parts(layer, hw)
                    yield Cut(*strips, (groups,), (mode,), block=layer.op.cut.block.data, inputs=parts)
                elif self.is_cold and len(layer.blocks) == 1:
                    yield from self._last_in_parts(strips, groups, mode)

    def _last_in_parts(self, strips: tuple[int, tuple[int, ...]], groups: int, mode: Mode) -> Iterator[Cut]:
        """
        Cuts whose last loads are in parts. While one part is computed the next one arrives: sizes fall as computing is faster
        than that. Computing lags behind by a whole load before, and has to catch up too. What does not fill a pass comes first.
        """
        layer, hw, block = self.layer, self.hw, self.layer.blocks[0]
        inputs, total = block.inputs.count, layer.groups_of_block(hw)
        ratio = hw.axi_width / (groups * hw.weight_slot_bits)
        first = (total % groups,) if total % groups else ()
        sizes = (*first, *Span(0, total - sum(first)).sizes(groups))
        if ratio >= 1 or strips[0] < self.images:
            return
        for count, last in product(range(2, MAX_PARTS + 1), range(1, MAX_IN_PARTS + 1)):
            shares = [ratio**number for number in range(count)]
            parts = [max(1, round(inputs * share / sum(shares) / hw.beat_words)) * hw.beat_words for share in shares]
            parts[0] += inputs - sum(parts)
            if parts[0] > 0 and last <= len(sizes):
                yield Cut(*strips, sizes, (mode,), inputs=tuple(parts), whole=len(sizes) - last)

    def _tiles(self, mode: Mode) -> list[tuple[int, tuple[int, ...]]]:
        """
        Images and rows of the largest strips that are a tile of the array. Where weights come in parts only, strips are no
        larger, whatever the user wants.
        """
        height, width, _ = self.layer.output_image
        rows = pixels_at_once(self.hw, mode) // width
        if self.options.rows != 0 and self.options.rows < height:
            longest = most_words(self.layer, self.hw, self._modes())
            in_parts_only = self.layer.words(self.layer.blocks[0]) > longest
            return [(1, (min(self.options.rows, rows),))] if self.options.rows <= rows or in_parts_only else []
        return [(min(self.images, rows // height), (height,))] if rows >= height else [(1, (min(rows, height),))]

    def _modes(self) -> tuple[Mode, ...]:
        """The shapes of the array to choose from, of the kind that the provisional cut has."""
        if self.layer.is_depthwise:
            return depthwise_modes(self.layer, self.hw, self.options)
        return dense_modes(self.hw, self.options)

    def _groups_of_load(self) -> int:
        """Channel groups of loads of equal size: a multiple of G, or all."""
        hw, words, total = self.hw, self.layer.words(self.layer.blocks[0]), self.layer.groups_of_block(self.hw)
        passes = -(-total // hw.column_groups)
        most = passes
        if not self.fits.weights:
            most = min(most, max(1, hw.weight_words // 2 // words))
            if self.tried is not None and most < passes:
                self.tried.note(
                    self.index,
                    f"loads of more than {most * hw.column_groups} channel groups: need more than half of the weight memory, "
                    f"{(most + 1) * words} words of each bank, and have {hw.weight_words // 2}",
                )
        if not self.fits.parameters:
            most = min(most, max(1, hw.parameter_groups // 2 // hw.column_groups))
        cycles_of_pass = max(1, words * hw.column_groups * hw.weight_slot_bits // hw.axi_width)
        most = min(most, max(1, -(-LEAST_WEIGHT_LOAD // cycles_of_pass)))
        equal = -(-passes // -(-passes // most)) * hw.column_groups
        return min(total, hw.parameter_groups, most_groups(self.layer, hw), equal)

    def _cycles(self, cut: Cut) -> int:
        """
        Cycles of a chunk, alone: input and weights arrive in the order in which they are needed (but for the first weights,
        where layers before hide their load), pieces are computed one after the other, and what is complete is taken on by the
        vector unit or stored, in the cycles in which computing does not read feature memory.
        """
        height, *_ = self.layer.output_image
        weights = loaded = computed = behind = drained = followed = 0
        seen: set[tuple[int, ...]] = set()
        last_mode, follower = Mode.WIDE, self.follower
        lanes = self.layer.lanes(self.hw)
        for piece, mode, complete in cut.pieces(Span(0, self.images), height, self.layer.blocks, lanes):
            key = self._load_key(piece, piece.channels(lanes).first)
            if key not in seen and isinstance(self.layer.op, tile.MatrixOp):
                if seen or self.is_cold:
                    weights += self._load_cycles(piece, mode)
                seen.add(key)
            if self.loads_input:
                loaded = max(loaded, self._input_cycles(piece))
            cost = self._cost(piece, mode)
            begin = computed
            computed += shape_change(self.hw, last_mode is Mode.TALL, mode is Mode.TALL)
            computed = max(computed, weights, loaded) + max(cost.busy, dispatch_cycles(self.hw, "matrix")) + PIECE_OVERHEAD
            last_mode, drained = mode, computed + cost.fill + cost.drain
            behind = max(0, behind - (computed - begin - cost.reads))
            if complete and self.makes_output:
                behind += self._output_cycles(piece)
            if complete and follower is not None:
                done = follower.rows_after(piece)
                behind, followed = behind + follower.cycles_of_rows(done - followed), done
        return drained + behind

    def rows_after(self, made: Piece) -> int:
        """Rows of the result, of all images, that can be computed after a strip of the layer before."""
        height, *_ = self.layer.output_image
        return (made.images.stop - 1) * height + computable(self.layer, made.rows.stop)

    def cycles_of_rows(self, rows: int) -> int:
        """Cycles of the vector unit for `rows` rows, and to store them if they are the output."""
        if rows == 0:
            return 0
        _, width, _ = self.layer.output_image
        cost = self.layer.vector_cost(self.hw, rows * width)
        return cost.busy + cost.gap + (self._store_cycles(rows) if self.makes_output else 0)

    def _cost(self, piece: Piece, mode: Mode) -> Cost:
        key = piece.images.count, piece.rows, piece.groups.count, piece.block.inputs.count, piece.partial, mode
        if key not in self.costs:
            self.costs[key] = self._new_cost(piece, mode)
        return self.costs[key]

    def _new_cost(self, piece: Piece, mode: Mode) -> Cost:
        if isinstance(self.layer.op, tile.MatrixOp):
            costs = self.layer.costs(self.hw, piece, mode)
            busy = sum(cost.busy for cost in costs) + (len(costs) - 1) * PIECE_OVERHEAD
            return replace(costs[-1], busy=busy, reads=sum(cost.reads for cost in costs))
        return self.layer.vector_cost(self.hw, piece.images.count * piece.rows.count * self.layer.output_image[1])

    def _load_key(self, piece: Piece, channel: int) -> tuple[int, ...]:
        """Which load brings the weights of a piece: those of the parts of a reduction are not kept for other strips."""
        strip = (piece.images.first, piece.rows.first) if piece.is_cut and not self.fits.weights else (0, 0)
        return channel, piece.block.inputs.first, *strip

    def _load_cycles(self, piece: Piece, mode: Mode) -> int:
        words, groups = self.layer.words(piece.block), piece.groups.count
        depth = bank_words(self.hw, words, groups, mode)
        if piece.accumulate:
            cost = weights_cost(self.hw, groups, words)
            return cost.busy + cost.gap
        return load_cycles(self.hw, *((-(-words // depth), depth) if depth else (groups, words)))

    def _input_cycles(self, piece: Piece) -> int:
        """Cycles until the input of a piece has been loaded, with all that lies before it."""
        return self._input_cost(piece).latency

    def _input_cost(self, piece: Piece) -> Cost:
        height, *_ = self.layer.input_image
        needed = input_rows(self.layer.window, piece.rows, height).stop
        elements = self.network.tensors[self.network.input].elements
        rows = (piece.images.stop - 1) * height + min(height, needed)
        return load_cost(self.hw, -(-elements * rows // height))

    def _output_cycles(self, piece: Piece) -> int:
        return self._store_cycles(piece.images.count * piece.rows.count)

    def _store_cycles(self, rows: int) -> int:
        cost = self._store_cost(rows)
        return cost.busy + cost.gap

    def _store_cost(self, rows: int) -> Cost:
        elements = self.network.tensors[self.network.output].elements
        return store_cost(self.hw, -(-elements * rows // self.layer.output_image[0]))

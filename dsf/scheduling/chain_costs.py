"""
What the cuts of a chain of layers cost that goes on strip by strip.

Of all cuts of a chain that have room, what takes the fewest cycles is to be chosen, a word of DRAM traffic counted as a small
part of one:

    cycles = max(array, features in, results out, weights in) + first strip in + last strip out

where the array waits for weights that have no room on chip beside those before them (`dsf.scheduling.prefetch`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.ir import Operation

from dsf.array_timing import RESULT_TO_WRITE, STEP_TO_RESULT, WRITE_TO_DONE
from dsf.cost import LOAD_FILL, TOKEN_LATENCY, dispatch_cycles, load_cost, parameters_cost, shape_change, weights_cost
from dsf.dialects import tile
from dsf.dialects.tile_cuts import Mode, Outer, Place
from dsf.hardware import Hardware
from dsf.scheduling.cut_rules import PIECE_OVERHEAD, TilingOptions, load_cycles, place_of_ranges
from dsf.scheduling.fusion import Loads, depth_of
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.parts import loads_stay, makes_parts
from dsf.scheduling.pieces import Cut, Load, Piece, Span, strip_window
from dsf.scheduling.prefetch import Arriving, Ranges, cycles_in_ranges, cycles_with_loads
from dsf.scheduling.rooms import Cuts, KnownRows, Use, Wanted, sizes_of
from dsf.scheduling.split import split_layer
from dsf.sizes import align_up

#: Words of DRAM traffic that are worth a cycle. With fewer of them less crosses the bus, for a little more time.
WORDS_OF_A_CYCLE = 8
#: Words of the instructions of a strip, about.
INSTRUCTION_WORDS = 256


@dataclass(frozen=True)
class Choice:
    """The cuts of a chain and what they cost: cycles, some of them for DRAM traffic, and words of that traffic."""

    cuts: tuple[Cut, ...]
    cost: float
    words: int


@dataclass(frozen=True)
class Work:
    """What the array does for a layer of a chain: of each load, cycles of the first strip, of those between, of the last."""

    cycles: tuple[tuple[int, int, int], ...]
    arriving: tuple[Arriving, ...]


@dataclass
class Known:
    """What is the same in all chains in which a layer is, so that it is found once for each layer, or for each cut of it."""

    #: Numbers of layers, the same for those whose pieces take the same cycles; by layer, and by what these depend on.
    kinds: dict[Operation, int] = field(default_factory=dict[Operation, int])
    numbers: dict[object, int] = field(default_factory=dict[object, int])
    #: Cycles of pieces, of each strip with one load of weights, and of a strip with all loads.
    pieces: dict[object, int] = field(default_factory=dict[object, int])
    strips: dict[object, list[int]] = field(default_factory=dict[object, list[int]])
    ways: dict[object, int] = field(default_factory=dict[object, int])
    #: By layer and cut: cycles of the array for it alone, what it does in a longer chain, cycles in which weights are loaded.
    arrays: dict[tuple[Operation, Cut], int] = field(default_factory=dict[tuple[Operation, Cut], int])
    works: dict[tuple[Operation, Cut], Work] = field(default_factory=dict[tuple[Operation, Cut], Work])
    weights: dict[tuple[Operation, Cut], int] = field(default_factory=dict[tuple[Operation, Cut], int])
    rows: KnownRows = field(default_factory=KnownRows)


@dataclass
class ChainCosts:
    """What chains of a network cost, for chunks of `images`."""

    network: Network
    hw: Hardware
    images: int
    options: TilingOptions
    known: Known = field(default_factory=Known)

    def _is_fused(self, chain: Sequence[int], places: Sequence[Place]) -> bool:
        """Whether a chain is more than the vector unit behind the array."""
        if len(chain) == 1 or makes_parts(self.network, chain):
            return False
        first, made = chain[0], self.network.layers[chain[0]].result
        return len(chain) > 2 or self.network.follower_of(first) is None or places[made] is not Place.STRIPS

    def _cycles_of_way(self, layer: Layer, way: Loads, rows: tuple[int, ...]) -> int:
        """Cycles of the array for a strip of a layer that is neither the first nor the last."""
        if not isinstance(layer.op, tile.MatrixOp):
            return 0
        middle = len(rows) // 2
        strip = Span(sum(rows[:middle]), rows[middle])
        key = (layer.op, way, strip)
        if key not in self.known.ways:
            loads = way.cut(layer, rows).loads(layer.blocks, layer.lanes(self.hw))
            pieces = ((load.piece(Span(0, 1), strip), load.mode) for load in loads)
            self.known.ways[key] = sum(self._piece_cycles(layer, *one) for one in pieces)
        return self.known.ways[key]

    def _windows(self, chain: Sequence[int], cuts: Sequence[Cut], places: Sequence[Place]) -> list[Wanted]:
        by_layer = dict(zip(chain, cuts, strict=True))
        return list(Cuts(self.network, self.hw, self.images, by_layer, places, self.known.rows).wanted(chain))

    def _least(self, windows: Sequence[Wanted]) -> int:
        return sum(align_up(one.least, self.hw.vector_length) for one in windows)

    def _priced(self, chain: Sequence[int], cuts: tuple[Cut, ...], places: Sequence[Place], free: int) -> Choice | None:
        """The cuts with their cost; `None` if their strips have no room in `free` elements."""
        windows = self._windows(chain, cuts, places)
        if self._least(windows) > free:
            return None
        sizes = dict(zip(((one.use, one.layer) for one in windows), sizes_of(self.hw, windows, free, 2), strict=True))
        first = self.network.layers[chain[0]]
        loads = cuts[0].loads(first.blocks, first.lanes(self.hw)) if isinstance(first.op, tile.MatrixOp) else []
        passes = len(loads) if cuts[0].outer is Outer.GROUPS and len(loads) > 1 else 1
        by_layer = [(self.network.layers[index], cut) for index, cut in zip(chain, cuts, strict=True)]
        fused = self._is_fused(chain, places)
        array = self._array_of_chain(by_layer) if fused else sum(self._array_cycles(*one) for one in by_layer)
        vector = behind = features = again = results = weights = strips = 0
        for index, cut in zip(chain, cuts, strict=True):
            layer, number = self.network.layers[index], self._strips(index, cut)
            if isinstance(layer.op, tile.MatrixOp):
                weights, behind = weights + self._weight_cycles(layer, cut), 0
            else:
                cost = layer.vector_cost(self.hw, self.images * layer.output_image[0] * layer.output_image[1])
                vector += cost.busy + number * passes * cost.gap
                behind += cost.busy
            if (Use.X, index) in sizes:
                whole = sizes[Use.X, index] >= next(one.most for one in windows if (one.use, one.layer) == (Use.X, index))
                features += (1 if whole else passes) * self._beats(layer.source)
                # The first strip of the first pass is as long as that of others.
                again += (passes - 1 if whole else 0) * self._beats(layer.source)
            if layer.second is not None and (Use.SECOND, index) in sizes:
                features += self._beats(layer.second)
            if places[layer.result].in_dram and (Use.Y, index) in sizes:
                results += self._beats(layer.result)
            strips = max(strips, number)
        if makes_parts(self.network, chain) and places[first.result] is Place.DRAM:
            layers = [self.network.layers[index] for index in chain]
            weights *= 1 if loads_stay(self.hw, zip(layers, cuts, strict=True)) else strips
        split = split_layer(self.network, self.hw, places, dict(zip(chain, cuts, strict=True)), chain)
        waits = sum(self._waits(one, sizes[one.use, one.layer], by_layer, chain, split) for one in windows)
        cycles = max(array, vector, features, results, weights) + passes * waits
        cycles += (features + again + behind + results) // (passes * strips)
        words = (features + results + weights) * self.hw.beat_elements + passes * strips * INSTRUCTION_WORDS
        return Choice(cuts, cycles + words / WORDS_OF_A_CYCLE, features + results + weights)

    def _waits(
        self, one: Wanted, size: int, by_layer: Sequence[tuple[Layer, Cut]], chain: Sequence[int], split: int | None
    ) -> int:
        """
        Cycles in which computing waits for a window. Where the vector unit takes on what the array makes, the array has the
        other layers of the chain to go on with, or other channels.
        """
        waits, number = one.waits(size), chain.index(one.layer)
        if split is not None and one.use is Use.Y and one.layer >= split:
            return 0
        along = one.use is Use.Y and number + 1 < len(chain) and not isinstance(by_layer[number + 1][0].op, tile.MatrixOp)
        if waits == 0 or not along:
            return waits
        others = (self._array_cycles(*other) for place, other in enumerate(by_layer) if place != number)
        return max(0, waits - sum(others))

    def _strips(self, index: int, cut: Cut) -> int:
        return self._strips_of(self.network.layers[index], cut)

    def _strips_of(self, layer: Layer, cut: Cut) -> int:
        height = layer.output_image[0]
        return -(-self.images // cut.images) * len(Span(0, height).sizes(*cut.rows))

    def _beats(self, tensor: int) -> int:
        return load_cost(self.hw, self.images * self.network.tensors[tensor].elements).beats

    def _array_of_chain(self, layers: Sequence[tuple[Layer, Cut]]) -> int:
        """Cycles of the array for some layers, strip by strip one after the other."""
        matrices = [(layer, cut) for layer, cut in layers if isinstance(layer.op, tile.MatrixOp)]
        steps: tuple[list[tuple[int, int]], ...] = ([], [], [])
        arriving: list[Arriving] = []
        for layer, cut in matrices:
            work = self._work(layer, cut)
            for number, cycles in enumerate(work.cycles, start=len(arriving)):
                for some, part in zip(steps, cycles, strict=True):
                    some.append((number, part))
            arriving += work.arriving
        modes = {mode for _, cut in matrices for mode in cut.modes}
        changes = max(self._strips_of(layer, cut) for layer, cut in matrices) if len(modes) > 1 else 0
        capacity = self.hw.weight_words, self.hw.parameter_groups
        changed = changes * shape_change(self.hw, True, False)
        return cycles_with_loads([*steps[0], *steps[1], *steps[2]], arriving, capacity) + changed

    def _work(self, layer: Layer, cut: Cut) -> Work:
        """What the array does for a layer of a chain."""
        key = (layer.op, cut)
        if key not in self.known.works:
            cycles: list[tuple[int, int, int]] = []
            loads = cut.loads(layer.blocks, layer.lanes(self.hw))
            for load in loads:
                of_strips = self._strip_cycles(layer, cut, load)
                first, between, last = (sum(of_strips[part]) for part in _parts(len(of_strips)))
                cycles.append((first, between, last))
            self.known.works[key] = Work(tuple(cycles), tuple(self._arriving(layer, load) for load in loads))
        return self.known.works[key]

    def _array_cycles(self, layer: Layer, cut: Cut) -> int:
        """Cycles of the array, and those in which it waits for weights."""
        key = (layer.op, cut)
        if key not in self.known.arrays:
            self.known.arrays[key] = self._new_array_cycles(layer, cut)
        return self.known.arrays[key]

    def _new_array_cycles(self, layer: Layer, cut: Cut) -> int:
        if not isinstance(layer.op, tile.MatrixOp):
            return 0
        loads = cut.loads(layer.blocks, layer.lanes(self.hw))
        if cut.ranges != (0,):
            # Of channel groups every other one has the same.
            kinds = {(load.mirrored, load.groups.count): load for load in loads}
            of_kinds = {kind: (self._ranges(layer, load), self._range_steps(layer, cut, load)) for kind, load in kinds.items()}
            of_loads = [of_kinds[load.mirrored, load.groups.count] for load in loads]
            # A tile is complete when its last row has left the array.
            done = self.hw.pe_latency + self.hw.pixels_tall + STEP_TO_RESULT + RESULT_TO_WRITE + WRITE_TO_DONE
            latency = done + TOKEN_LATENCY + LOAD_FILL
            return cycles_in_ranges(of_loads, latency)
        by_load = [self._strip_cycles(layer, cut, load) for load in loads]
        if any(load.partial for load in loads):
            # Each strip has loads of its own.
            return sum(map(sum, by_load))
        arriving = [self._arriving(layer, load) for load in loads]
        capacity = self.hw.weight_words, self.hw.parameter_groups
        if cut.outer is Outer.GROUPS or len(loads) == 1:
            return cycles_with_loads([(number, sum(one)) for number, one in enumerate(by_load)], arriving, capacity)
        changes = len(by_load[0]) * shape_change(self.hw, True, False) // 2 if len(set(cut.modes)) > 1 else 0
        steps = [(number, sum(one[part])) for part in _parts(len(by_load[0])) for number, one in enumerate(by_load)]
        return cycles_with_loads(steps, arriving, capacity) + changes

    def _arriving(self, layer: Layer, load: Load) -> Arriving:
        """What it takes to load the weights of a load."""
        cycles = load_cycles(self.hw, load.groups.count, layer.words(load.block))
        return Arriving(cycles, (depth_of(self.hw, layer, load), load.groups.count))

    def _ranges(self, layer: Layer, load: Load) -> Ranges:
        """The ranges of a load, with the parameters before the first one."""
        banks, place = self.hw.column_groups, place_of_ranges(load)
        costs = [weights_cost(self.hw, banks, run.count) for run in load.ranges]
        first = parameters_cost(self.hw, load.groups.count)
        cycles = [cost.busy + cost.gap for cost in costs]
        cycles[0] += first.busy + first.gap
        return Ranges(tuple(Span(place.first + run.first, run.count) for run in load.ranges), tuple(cycles))

    def _range_steps(self, layer: Layer, cut: Cut, load: Load) -> list[tuple[int | None, int]]:
        """The pieces of a load: which range each uses, and its cycles."""
        rows, columns, _ = layer.output_image
        return [
            (None if piece.run is None else load.ranges.index(piece.run), self._piece_cycles(layer, piece, load.mode))
            for piece in cut.pieces_of(load, Span(0, self.images), rows, columns)
        ]

    def _strip_cycles(self, layer: Layer, cut: Cut, load: Load) -> list[int]:
        """Cycles of each strip with one load of weights."""
        inputs, groups = load.block.inputs.count, load.groups.count
        key = (self._kind(layer), cut.images, cut.rows, cut.ends, groups, inputs, load.partial, load.mode)
        if key not in self.known.strips:
            height, width, _ = layer.output_image
            of_strips = (cut.of_strip(load, *strip, height, width) for strip in cut.strips(Span(0, self.images), height))
            self.known.strips[key] = [sum(self._piece_cycles(layer, one, load.mode) for one in pieces) for pieces in of_strips]
        return self.known.strips[key]

    def _piece_cycles(self, layer: Layer, piece: Piece, mode: Mode) -> int:
        """Cycles of a piece; those that touch no padding above or below take the same."""
        inside = strip_window(layer.window, piece.rows, layer.input_image[0])[1].padding[:2] == (0, 0)
        key = (
            (self._kind(layer), piece.partial),
            (piece.images.count, piece.rows.count if inside else piece.rows, piece.columns, piece.run),
            (piece.groups.count, piece.block.inputs.count, mode),
        )
        if key not in self.known.pieces:
            least = dispatch_cycles(self.hw, "matrix")
            costs = layer.costs(self.hw, piece, mode)
            self.known.pieces[key] = sum(max(cost.busy, least) + PIECE_OVERHEAD for cost in costs)
        return self.known.pieces[key]

    def _kind(self, layer: Layer) -> int:
        """A number that layers have in common whose pieces take the same cycles."""
        op, known = layer.op, self.known
        if op not in known.kinds:
            raw = isinstance(op, tile.MatrixOp) and op.raw is not None
            shapes = layer.input_image, layer.output_image, window_of(layer), layer.second is None, raw
            known.kinds[op] = known.numbers.setdefault(shapes, len(known.numbers))
        return known.kinds[op]

    def _weight_cycles(self, layer: Layer, cut: Cut) -> int:
        key = (layer.op, cut)
        if key not in self.known.weights:
            loads = cut.loads(layer.blocks, layer.lanes(self.hw))
            self.known.weights[key] = sum(self._cycles_of_load(layer, cut, load) for load in loads)
        return self.known.weights[key]

    def _cycles_of_load(self, layer: Layer, cut: Cut, load: Load) -> int:
        if cut.ranges != (0,):
            return sum(self._ranges(layer, load).cycles)
        return load_cycles(self.hw, load.groups.count, layer.words(load.block))


def _parts(strips: int) -> tuple[slice, slice, slice]:
    """The first strip, those between, and the last one."""
    return slice(0, 1), slice(1, -1), slice(max(1, strips - 1), None)


def window_of(layer: Layer) -> object:
    """How a layer sees its input, apart from the sizes."""
    op = layer.op
    if isinstance(op, tile.CopyOp):
        return op.part, op.target
    return (op.window, op.target) if isinstance(op, tile.MatrixOp) else op.window

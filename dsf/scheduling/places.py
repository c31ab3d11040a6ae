"""
Which tensors lie in DRAM where not all fit on chip, and how the layers are cut then.

What the vector unit makes of the result of a convolution, if nothing else reads it, runs along, and the result is nowhere as a
whole. For the layers of such a chain a cut is the height of a strip and the loads of weights, in one of two orders:

    groups outer    each load of weights once; strips are loaded for each of them, or once if all of a tensor has room
    strips outer    each strip once; all weights of the layer have to be on chip at once

Of all that fits, what takes the fewest cycles is chosen, a word of DRAM traffic counted as a small part of one:

    cycles = max(array, vector, features in, results out, weights in) + first strip in + last strip taken on and out

where the array waits for weights that have no room on chip beside those before them (`dsf.scheduling.prefetch`).

At first all tensors are in DRAM. Then one after the other is kept on chip, those first that save most traffic for their room,
if all layers meanwhile still have room for their strips and the sum of all costs becomes less. That is done twice, the second
time with longer chains (`dsf.scheduling.fusion`), and what costs less in total is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from math import inf

from xdsl.ir import Operation

from dsf.array_timing import RESULT_TO_WRITE, STEP_TO_RESULT, WRITE_TO_DONE
from dsf.cost import (
    LOAD_FILL,
    TOKEN_LATENCY,
    dispatch_cycles,
    load_cost,
    parameters_cost,
    shape_change,
    weights_cost,
)
from dsf.dialects import tile
from dsf.dialects.tile_types import Mode, Outer, Place
from dsf.errors import ModelError
from dsf.geometry import span
from dsf.hardware import Hardware
from dsf.scheduling.allocator import Request, allocate
from dsf.scheduling.cuts import (
    PIECE_OVERHEAD,
    TilingOptions,
    dense_modes,
    depthwise_modes,
    equal_parts,
    load_cycles,
    most_groups,
    most_words,
    parts_modes,
    pixels_at_once,
    place_of_ranges,
    ranges_able,
    strips_behind,
    strips_of,
    weight_problems,
)
from dsf.scheduling.fusion import (
    MAX_FACTOR,
    MAX_LAYERS,
    Loads,
    Segment,
    can_pass,
    depth_of,
    fit_together,
    reads_itself,
    rows_behind,
    shortest,
    smaller_loads,
    with_passed,
)
from dsf.scheduling.network import Layer, Network, bank_words
from dsf.scheduling.parts import loads_stay, makes_parts
from dsf.scheduling.passed import chains, place_for
from dsf.scheduling.pieces import Cut, Load, Piece, Span, first_apart, last_apart, strip_window
from dsf.scheduling.prefetch import Arriving, Ranges, cycles_in_ranges, cycles_with_loads
from dsf.scheduling.rooms import (
    Cuts,
    KnownRows,
    Use,
    Wanted,
    all_requests,
    in_bytes,
    live_elements,
    rows_in_bytes,
    sizes_of,
    tensor_requests,
)
from dsf.scheduling.split import split_layer
from dsf.scheduling.tried import Tried, TriedChain, TriedCut
from dsf.sizes import align_up, power_of_two_at_least

#: Words of DRAM traffic that are worth a cycle. With fewer of them less crosses the bus, for a little more time.
WORDS_OF_A_CYCLE = 8
#: Heights of strips to choose from; the height of the image is another.
HEIGHTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112)
#: Loads of weights to choose from, for a layer all of whose weights fit.
LOADS = (1, 2, 4)
#: How many times the least cost of a chain so far strips may cost to be tried with more of them for one of the next layer.
FAR = 1.1
#: Words of the instructions of a strip, about.
INSTRUCTION_WORDS = 256
#: Most ranges in which the weights of a channel group come.
MAX_RANGES = 8

#: Takes a tile of so many rows and columns out of a piece of rows of so many columns.
Apart = Callable[[Piece, int, int, int], list[Piece]]


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


def choose_places(
    network: Network, hw: Hardware, images: int, options: TilingOptions, tried: Tried | None = None
) -> tuple[Place, list[tile.CutAttr]]:
    """
    The place of the input, and a cut for each layer, for chunks of `images` that do not fit on chip. `tried`, if given,
    receives all that came into question in the end.

    Raises `ModelError` with all layers that have no room for their strips or their weights.
    """
    chooser = _Chooser(network, hw, images, options)
    chooser.choose()
    best = min(chooser, chooser.fused(), key=lambda one: one.cost)
    if tried is not None:
        best.explain(tried)
    return best.places[network.input], best.cuts()


@dataclass
class _Chooser:
    network: Network
    hw: Hardware
    images: int
    options: TilingOptions
    places: list[Place] = field(default_factory=list[Place])
    choices: dict[object, Choice | None] = field(default_factory=dict[object, "Choice | None"])
    known: Known = field(default_factory=lambda: Known())
    order: list[list[int]] = field(default_factory=list[list[int]])
    #: The places before any tensor is kept on chip that need not be.
    start: list[Place] = field(default_factory=list[Place])
    #: Between which chains each tensor lives, and what those on chip take meanwhile.
    lives: dict[int, Request] = field(default_factory=dict[int, Request])
    held: list[int] = field(default_factory=list[int])
    #: For each chain what was chosen.
    chosen: list[Choice] = field(default_factory=list[Choice])
    #: Longer chains that were tried.
    tried_chains: list[TriedChain] = field(default_factory=list[TriedChain])

    def choose(self) -> None:
        """Chooses places and cuts; chains are those of the vector unit behind the array."""
        self.places = self._in_dram()
        for chain in chains(self.network, self.places):
            if next(self._cuts(chain, self.places), None) is None:
                # Channels that are no whole bytes, and too many weights for all at once.
                self.places[self.network.layers[chain[-1]].result] = Place.CHIP
        self._order_chains()
        problems = self._problems()
        if problems:
            raise ModelError(problems)
        self.start = list(self.places)
        self._keep_on_chip()

    def fused(self) -> _Chooser:
        """The same with longer chains, as far as they are better with all else in DRAM."""
        other = replace(self, places=list(self.start))
        other._order_chains()
        passed = [index for one in other._segments() for index in other._ends(one.first, one.last)]
        other.places = with_passed(self.network, self.start, passed)
        other._order_chains()
        other._keep_on_chip()
        return other

    @property
    def cost(self) -> float:
        return sum(choice.cost for choice in self.chosen)

    def cuts(self) -> list[tile.CutAttr]:
        """The cut of each layer, with the place of its result."""
        return [
            replace(cut, place=self.places[self.network.layers[index].result]).attribute
            for chain, choice in zip(self.order, self.chosen, strict=True)
            for index, cut in zip(chain, choice.cuts, strict=True)
        ]

    def _order_chains(self) -> None:
        """The chains that the places make, when tensors live, and what those on chip take meanwhile."""
        self.order = chains(self.network, self.places)
        self.lives = tensor_requests(self.network, self.images, [Place.CHIP] * len(self.places), self.order)
        on_chip = (request for tensor, request in self.lives.items() if self.places[tensor] is Place.CHIP)
        self.held = live_elements(self.hw, on_chip, len(self.order))

    def _keep_on_chip(self) -> None:
        """Chooses cuts, and moves tensors on chip while that is better."""
        chosen = [self._choice(number) for number in range(len(self.order))]
        kept = [tensor for tensor in self._candidates() if self._keep(tensor, chosen)]
        self.chosen = self._allocated(kept, chosen)

    def explain(self, tried: Tried) -> None:
        """Notes all cuts that have room, with what is on chip now, and those that were taken."""
        taken = self.cuts()
        tried.chains[:], tried.fused = self.tried_chains, {tuple(chain) for chain in self.order}
        for number, chain in enumerate(self.order):
            for index in chain:
                tried.cuts[index], tried.notes[index], tried.taken[index] = [], [], Cut.of(taken[index])
            best: dict[Cut, TriedCut] = {}
            for choice in self._choices(number):
                one = TriedCut(choice.cuts[0], round(choice.cost), choice.words)
                # Those that differ in what layers behind it do are one.
                best[one.cut] = min(best.get(one.cut, one), one, key=lambda other: other.cycles)
            tried.cuts[chain[0]] = list(best.values())

    # Chains.

    def _ends(self, first: int, last: int) -> list[int]:
        """The layers that pass on their results where chains `first` to `last` are one."""
        return [chain[-1] for chain in self.order[first:last]]

    def _segments(self) -> list[Segment[Choice]]:
        """The chains in order, in longer ones of the least total cost."""
        return shortest(len(self.order), self._as_one)

    def _as_one(self, first: int, last: int) -> tuple[float, Choice] | None:
        """Chains `first` to `last` as one; `None` if they can't be, or have no room."""
        chain = [index for one in self.order[first : last + 1] for index in one]
        if first == last:
            choice = self._choice(first)
            return choice.cost, choice
        if len(chain) > MAX_LAYERS or not can_pass(self.network, self.places, self.order[first][-1]):
            return None
        places = with_passed(self.network, self.places, self._ends(first, last))
        if reads_itself(self.network, places, chain):
            return None
        choice = self._best_of(chain, places, self.hw.feature_elements - max(self.held[first : last + 1]))
        cost, words = (None, None) if choice is None else (round(choice.cost), choice.words)
        apart = sum(self._choice(number).cost for number in range(first, last + 1))
        self.tried_chains.append(TriedChain(tuple(chain), cost, words, round(apart)))
        return None if choice is None else (choice.cost, choice)

    # Places.

    def _in_dram(self) -> list[Place]:
        """Everything that can be in DRAM is there; what runs along is nowhere."""
        places = [self._place(index) for index in range(len(self.network.tensors))]
        for index, layer in enumerate(self.network.layers):
            follower = self.network.follower_of(index)
            if follower is None or not self._can_follow(layer, self.network.layers[follower]):
                continue
            if self.network.readers(layer.result) == [follower]:
                places[layer.result] = Place.STRIPS
        return places

    def _can_follow(self, layer: Layer, behind: Layer) -> bool:
        """
        Whether the next layer can take the strips of a layer. A copy takes rows that are all there; if the images have another
        shape to the next layer, its channels are others, and those of a strip have to be made at once.
        """
        if isinstance(behind.op, tile.CopyOp):
            return False
        at_once = layer.words(layer.blocks[0]) <= self.hw.weight_words and any(self._loads(layer, in_parts=False))
        return at_once or behind.input_image == layer.output_image

    def _place(self, tensor: int) -> Place:
        """
        In DRAM, if one layer makes it row by row, or the phases of a transposed convolution do, and its rows are whole bytes
        wherever it is made or read.
        """
        makers = [self.network.layers[index] for index in self.network.makers(tensor)]
        readers = [self.network.layers[index] for index in self.network.readers(tensor)]
        if not all(layer.fills_result or isinstance(layer.op, tile.MatrixOp) for layer in makers):
            return Place.CHIP
        elements = self.network.tensors[tensor].elements
        heights = [layer.result_image[0] for layer in makers]
        heights += [layer.second_rows(Span(0, 1))[1][0] for layer in readers if tensor == layer.second]
        heights += [layer.input_image[0] for layer in readers if tensor == layer.source]
        return Place.DRAM if all(rows_in_bytes(self.hw, elements, height) for height in heights) else Place.CHIP

    def _candidates(self) -> list[int]:
        """The tensors in DRAM; those first that save most words, for each element and chain that they would be on chip."""

        def worth(tensor: int) -> float:
            request = self.lives[tensor]
            moves = len(self.network.readers(tensor)) + (tensor not in (self.network.input, self.network.output))
            return moves / (request.stop - request.start + 1)

        return sorted(
            (tensor for tensor, place in enumerate(self.places) if place is Place.DRAM),
            key=lambda tensor: (-worth(tensor), self.lives[tensor].size),
        )

    def _keep(self, tensor: int, chosen: list[Choice]) -> bool:
        """Keeps one more tensor on chip, with other choices for the chains in which it lives, if that is better."""
        self._move(tensor, Place.CHIP)
        numbers = self.lives[tensor].steps
        choices = [self._best(number) for number in numbers]
        made = [choice for choice in choices if choice is not None]
        if len(made) < len(choices) or sum(choice.cost for choice in made) >= sum(chosen[number].cost for number in numbers):
            self._move(tensor, Place.DRAM)
            return False
        chosen[numbers.start : numbers.stop] = made
        return True

    def _allocated(self, kept: Sequence[int], chosen: list[Choice]) -> list[Choice]:
        """
        The choices for which there are addresses: of the tensors that live with one that has none the last goes back to DRAM,
        until all have some.
        """
        left = list(kept)
        while crowded := self._crowded(chosen):
            tensor = next((one for one in reversed(left) if not crowded.isdisjoint(self.lives[one].steps)), None)
            if tensor is None:
                break
            left.remove(tensor)
            self._move(tensor, Place.DRAM)
            for number in self.lives[tensor].steps:
                chosen[number] = self._choice(number)
        return chosen

    def _move(self, tensor: int, place: Place) -> None:
        """Gives a tensor another place, and the chains in which it lives what is left of feature memory."""
        change = (place is Place.CHIP) - (self.places[tensor] is Place.CHIP)
        for number in self.lives[tensor].steps:
            self.held[number] += change * align_up(self.lives[tensor].size, self.hw.vector_length)
        self.places[tensor] = place

    def _crowded(self, chosen: Sequence[Choice]) -> set[int]:
        """The numbers of the chains in which something has no address."""
        cuts = {
            index: cut
            for chain, choice in zip(self.order, chosen, strict=True)
            for index, cut in zip(chain, choice.cuts, strict=True)
        }
        requests = all_requests(Cuts(self.network, self.hw, self.images, cuts, self.places), 1)
        found = allocate([request for _, request in requests], self.hw.vector_length)
        outside = (
            request.steps
            for (_, request), address in zip(requests, found.addresses, strict=True)
            if address + request.size > self.hw.feature_elements
        )
        return {number for steps in outside for number in steps}

    # Cuts.

    def _problems(self) -> list[str]:
        """Why the smallest strips of a chain do not fit, or its weights."""
        matrices = [layer for layer in self.network.layers if isinstance(layer.op, tile.MatrixOp)]
        problems = [problem for layer in matrices for problem in weight_problems(layer, self.hw, self.options)]
        if problems:
            return problems
        # Layers that make parts of one result have the same to say.
        return list(dict.fromkeys(problem for number in range(len(self.order)) for problem in self._why(number)))

    def _why(self, number: int) -> list[str]:
        if self._best(number) is not None:
            return []
        chain, held = self.order[number], self.held[number]
        needs = min(self._least(self._windows(chain, cuts, self.places)) for cuts in self._cuts(chain, self.places))
        size = power_of_two_at_least((held + needs) * self.hw.bits_input // 8)
        name = self.network.layers[chain[0]].name
        return [
            f"'{name}': {held + needs} elements of feature memory at once, for strips of one row, needs at most "
            f"{self.hw.feature_elements}; raise feature_memory to {size} bytes or use smaller images or fewer channels"
        ]

    def _choice(self, number: int) -> Choice:
        choice = self._best(number)
        assert choice is not None, "a chain that had room with all tensors in DRAM has none"
        return choice

    def _best(self, number: int) -> Choice | None:
        """The best cuts of a chain; `None` if none has room."""
        return self._best_of(self.order[number], self.places, self.hw.feature_elements - self.held[number])

    def _best_of(self, chain: Sequence[int], places: Sequence[Place], free: int) -> Choice | None:
        """The best cuts of some layers as a chain, with `free` elements of feature memory."""
        key = (free, *(self._likeness(index, places) for index in chain))
        if key not in self.choices:
            self.choices[key] = min(self._choices_of(chain, places, free), key=lambda choice: choice.cost, default=None)
        return self.choices[key]

    def _choices(self, number: int) -> Iterator[Choice]:
        """All cuts of a chain that have room."""
        return self._choices_of(self.order[number], self.places, self.hw.feature_elements - self.held[number])

    def _choices_of(self, chain: Sequence[int], places: Sequence[Place], free: int) -> Iterator[Choice]:
        if self._is_fused(chain, places):
            yield from self._fused_choices(chain, places, free)
            return
        for cuts in self._cuts(chain, places):
            choice = self._priced(chain, cuts, places, free)
            if choice is not None:
                yield choice

    def _is_fused(self, chain: Sequence[int], places: Sequence[Place]) -> bool:
        """Whether a chain is more than the vector unit behind the array."""
        if len(chain) == 1 or makes_parts(self.network, chain):
            return False
        first, made = chain[0], self.network.layers[chain[0]].result
        return len(chain) > 2 or self.network.follower_of(first) is None or places[made] is not Place.STRIPS

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

    def _likeness(self, index: int, places: Sequence[Place]) -> object:
        """What the cut of a layer depends on: another one that has all this in common is cut alike."""
        layer = self.network.layers[index]
        found = tuple(place_for(self.network, places, index, tensor) for tensor in layer.reads)
        op = layer.op
        shapes = layer.input_image, layer.output_image, _window_of(layer), op.cut
        kind = (op.groups.value.data, op.raw is None) if isinstance(op, tile.MatrixOp) else (type(op), layer.is_pixel)
        return shapes, kind, found, layer.source == layer.second, places[layer.result]

    def _windows(self, chain: Sequence[int], cuts: Sequence[Cut], places: Sequence[Place]) -> list[Wanted]:
        by_layer = dict(zip(chain, cuts, strict=True))
        return list(Cuts(self.network, self.hw, self.images, by_layer, places, self.known.rows).wanted(chain))

    def _least(self, windows: Sequence[Wanted]) -> int:
        return sum(align_up(one.least, self.hw.vector_length) for one in windows)

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

    # Costs.

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
            shapes = layer.input_image, layer.output_image, _window_of(layer), layer.second is None, raw
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


def _window_of(layer: Layer) -> object:
    """How a layer sees its input, apart from the sizes."""
    op = layer.op
    if isinstance(op, tile.CopyOp):
        return op.part, op.target
    return (op.window, op.target) if isinstance(op, tile.MatrixOp) else op.window

"""
Which tensors lie in DRAM where not all fit on chip, and how the layers are cut then.

What the vector unit makes of the result of a convolution, if nothing else reads it, runs along, and the result is nowhere as a
whole. The layers of such a chain are cut (`dsf.scheduling.chain_cuts`) as costs least (`dsf.scheduling.chain_costs`).

At first all tensors are in DRAM. Then one after the other is kept on chip, those first that save most traffic for their room,
if all layers meanwhile still have room for their strips and the sum of all costs becomes less. That is done twice, the second
time with longer chains (`dsf.scheduling.fusion`), and what costs less in total is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dsf.dialects import tile
from dsf.dialects.tile_cuts import Place
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.scheduling.allocator import Request, allocate
from dsf.scheduling.chain_costs import Choice, window_of
from dsf.scheduling.chain_cuts import ChainCuts
from dsf.scheduling.cut_rules import TilingOptions, weight_problems
from dsf.scheduling.fusion import MAX_LAYERS, Segment, can_pass, reads_itself, shortest, with_passed
from dsf.scheduling.network import Network
from dsf.scheduling.passed import chains, place_for
from dsf.scheduling.pieces import Cut, Span
from dsf.scheduling.rooms import Cuts, all_requests, live_elements, rows_in_bytes, tensor_requests
from dsf.scheduling.tried import Tried, TriedChain, TriedCut
from dsf.sizes import align_up, power_of_two_at_least


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
class _Chooser(ChainCuts):
    places: list[Place] = field(default_factory=list[Place])
    choices: dict[object, Choice | None] = field(default_factory=dict[object, "Choice | None"])
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
        or of all the last, until all have some.
        """
        left = list(kept)
        while left and (crowded := self._crowded(chosen)):
            tensor = next((one for one in reversed(left) if not crowded.isdisjoint(self.lives[one].steps)), left[-1])
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
        requests = all_requests(Cuts(self.network, self.hw, self.images, cuts, self.places, self.known.rows), 1)
        found = allocate([request for _, request in requests], self.hw.vector_length)
        outside = (
            request.steps
            for (_, request), address in zip(requests, found.addresses, strict=True)
            if address + request.size > self.hw.feature_elements
        )
        # With tensors on chip chains may be others than those by which lives are counted.
        now = chains(self.network, self.places)
        crowded = {index for steps in outside for number in steps for index in now[number]}
        return {number for number, chain in enumerate(self.order) if not crowded.isdisjoint(chain)}

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

    def _likeness(self, index: int, places: Sequence[Place]) -> object:
        """What the cut of a layer depends on: another one that has all this in common is cut alike."""
        layer = self.network.layers[index]
        found = tuple(place_for(self.network, places, index, tensor) for tensor in layer.reads)
        op = layer.op
        shapes = layer.input_image, layer.output_image, window_of(layer), op.cut
        kind = (op.groups.value.data, op.raw is None) if isinstance(op, tile.MatrixOp) else (type(op), layer.is_pixel)
        return shapes, kind, found, layer.source == layer.second, places[layer.result]

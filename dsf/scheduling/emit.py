"""
From the order of a network's work to the operations of a `sched.program`, each waiting for what its memory accesses demand.

What is resident is loaded by a program of its own, all of it before the first run, so runs neither load it nor wait for it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence, Set
from dataclasses import dataclass

from xdsl.ir import Operation, SSAValue

from dsf.cost import (
    Cost,
    dispatch_cycles,
    instruction_beats,
    load_cost,
    parameters_cost,
    pool_cost,
    store_cost,
    tables_cost,
    weights_cost,
)
from dsf.dialects import sched, tile
from dsf.dialects.constants import integer
from dsf.dialects.sched_types import ON_CHIP, Space
from dsf.dialects.tile_cuts import Place
from dsf.hardware import Hardware
from dsf.isa.table import VECTOR
from dsf.layout import packed_bytes
from dsf.scheduling.accesses import MEMORIES, step_of
from dsf.scheduling.allocator import allocate, check_allocation
from dsf.scheduling.features import FeaturePlan
from dsf.scheduling.hazards import Hazards, Memory
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.parts import makes_parts
from dsf.scheduling.pieces import Block, Piece, Span, strip_window
from dsf.scheduling.rooms import arena_requests
from dsf.scheduling.spine import Copy, FeatureLoad, Order, Work
from dsf.scheduling.strips import Held
from dsf.scheduling.timeline import Task
from dsf.scheduling.weights import WEIGHT_MEMORIES, Placer, Stretch, WeightStream, capacity_of
from dsf.transforms.locations import location_name, set_location

#: The inverse of `MEMORIES`.
SPACES = {memory: space for space, memory in MEMORIES.items()}

#: The instruction of each operation, for its length in the stream.
INSTRUCTIONS: dict[type[Operation], str] = {
    sched.LoadOp: "load",
    sched.StoreOp: "store",
    sched.LoadWeightsOp: "load_weights",
    sched.MatrixOp: "matrix",
    sched.PoolOp: "vector",
    sched.ElementwiseOp: "vector",
    sched.LookupOp: "vector",
    sched.CopyOp: "vector",
    sched.MoveOp: "vector",
}


#: Elements of a pixel at most, for the fields of a VECTOR instruction.
LONGEST_PIXEL = min(VECTOR.field(name).high for name in ("channels", "x_step", "kernel_column_step"))

#: Tensors in the arena begin at cache lines.
ARENA_ALIGNMENT = 64


@dataclass(frozen=True)
class _Move:
    """Elements in DRAM: byte offset, elements of a row, rows, bytes from one row to the next (one row: 0)."""

    offset: int
    elements: int
    rows: int = 1
    pitch: int = 0


@dataclass(frozen=True)
class Emitted:
    """
    The operations of a program, buffers and load program included, and the instructions as tasks for the timeline: those of
    a run, and those of the load program; and the size of the arena.
    """

    ops: list[Operation]
    tasks: list[Task]
    load_tasks: list[Task]
    arena_bytes: int


class _Line:
    """Instructions that the engine reads one after the other."""

    def __init__(self, hw: Hardware):
        self.hw = hw
        self.instructions: list[sched.InstructionOp] = []
        self.tasks: list[Task] = []
        self._hazards = Hazards()

    def add(self, op: sched.InstructionOp, cost: Cost) -> None:
        """Appends an instruction, with the tokens of all that it must wait for."""
        producers = self._hazards.add(step_of(op, self.hw))
        op.wait_for([self.instructions[producer].token for producer in producers])
        self.instructions.append(op)
        name = INSTRUCTIONS[type(op)]
        self.tasks.append(Task(op.QUEUE, producers, cost, dispatch_cycles(self.hw, name), instruction_beats(self.hw, name)))


def _cost_of(stretch: Stretch, hw: Hardware) -> Cost:
    """What it takes to load a stretch."""
    match stretch.memory:
        case Memory.WEIGHT:
            return weights_cost(hw, stretch.groups, stretch.words)
        case Memory.PARAMETER:
            return parameters_cost(hw, stretch.groups)
        case _:
            return tables_cost(hw, stretch.bytes)


def _chains_with_weights(order: Sequence[Sequence[int]], network: Network) -> dict[int, int]:
    """By layer the number of its chain, of those in which several layers have weights."""
    matrices = [[index for index in chain if isinstance(network.layers[index].op, tile.MatrixOp)] for chain in order]
    fused = (number for number, chain in enumerate(order) if len(matrices[number]) > 1 and not makes_parts(network, chain))
    return {index: number for number in fused for index in matrices[number]}


class Emitter:
    """Builds the operations of one program."""

    def __init__(
        self, network: Network, hw: Hardware, plan: FeaturePlan, stream: WeightStream, order: Order, *, resident: Set[Memory]
    ):
        """What goes to `resident` memories is loaded once for all runs; the caller has checked that it fits."""
        self.network, self.hw, self.plan, self.order = network, hw, plan, order
        self.ops: list[Operation] = []
        self._run, self._load = _Line(hw), _Line(hw)
        self._placers = {memory: Placer(capacity_of(memory, hw)) for memory in WEIGHT_MEMORIES}
        #: Of the weight loads, by number, those for all runs and those of the run, in order, and where they are placed.
        numbers = range(len(order.weights))
        self._once = [number for number in numbers if order.weights[number].stretch.memory in resident]
        self._each = [number for number in numbers if order.weights[number].stretch.memory not in resident]
        self._placed: dict[int, tuple[sched.BufferOp, Span]] = {}
        #: The number of the chain of a layer in which several have weights, and that of the last load into each memory.
        self._chain_of = _chains_with_weights(plan.chains(network), network)
        self._last_chain: dict[Memory, int | None] = {}
        #: The buffers of weights that come in ranges, by layer and channels.
        self._in_ranges: dict[tuple[int, Span], sched.BufferOp] = {}
        self._loads_emitted = 0
        self._costs: dict[object, list[Cost]] = {}
        self._inputs_emitted = 0
        self._stored = 0
        self._chunks = network.chunks(plan.images)
        self._dram = {
            network.input: self._buffer(Space.INPUT, "input", 0, self._bytes(network.input, network.images)),
            network.output: self._buffer(Space.OUTPUT, "output", 0, self._bytes(network.output, network.images)),
        }
        self.arena_bytes = self._add_arena()
        self._stream = self._buffer(Space.WEIGHTS, "weights", 0, len(stream.data)) if stream.data else None
        self._features = self._feature_buffers()

    def _bytes(self, tensor: int, images: int) -> int:
        return packed_bytes(images * self.network.tensors[tensor].elements, self.hw.bits_input)

    def _add_arena(self) -> int:
        """Buffers in the arena for the tensors that are there; returns its size in bytes."""
        requests = arena_requests(self.network, self.plan.images, self.hw, self.plan.chains(self.network))
        allocation = allocate(list(requests.values()), ARENA_ALIGNMENT)
        check_allocation(list(requests.values()), allocation, allocation.peak, ARENA_ALIGNMENT)
        for (tensor, request), address in zip(requests.items(), allocation.addresses, strict=True):
            self._dram[tensor] = self._buffer(Space.ARENA, request.name, address, request.size)
        return allocation.peak

    def _feature_buffers(self) -> dict[Held, sched.BufferOp]:
        """The buffers of the tensors that are on chip as a whole; the input may have two."""
        buffers: dict[Held, sched.BufferOp] = {}
        for index, tensor in enumerate(self.network.tensors):
            if self.plan.places[index] is Place.CHIP:
                size = self.plan.images * tensor.elements
                address = self.plan.addresses[index]
                buffer = self._buffer(Space.FEATURE, tensor.name, address, size)
                buffers[Held(index, address, size)] = buffer
                if index == self.network.input and self.plan.inputs == (address, address):
                    buffers[Held(index, address, size, number=1)] = buffer
        first, second = self.plan.inputs
        if first != second:
            tensor = self.network.tensors[self.network.input]
            size = self.plan.images * tensor.elements
            held = Held(self.network.input, second, size, number=1)
            buffers[held] = self._buffer(Space.FEATURE, tensor.name, second, size)
        return buffers

    def _buffer(self, space: Space, label: str, address: int, size: int) -> sched.BufferOp:
        buffer = sched.BufferOp(space, label, address, size)
        hint = f"{label}.{space}" if space in ON_CHIP else str(space)
        buffer.buffer.name_hint = _as_name(hint)
        self.ops.append(buffer)
        return buffer

    def _feature(self, held: Held) -> SSAValue:
        """The buffer; that of a strip stands in the program where it is first used."""
        if held not in self._features:
            name = self.network.tensors[held.tensor].name
            buffer = self._buffer(Space.FEATURE, name, held.address, held.size)
            buffer.properties["holds"] = integer(held.holds)
            if held.channels is not None:
                buffer.properties["channels"] = integer(held.channels.count)
                buffer.properties["first"] = integer(held.channels.first)
            self._features[held] = buffer
        return self._features[held].buffer

    def _add(self, op: sched.InstructionOp, cost: Cost, layer: Layer) -> None:
        """Appends an instruction to the run."""
        set_location(op, layer.op if location_name(layer.op) is not None else layer.name)
        self._run.add(op, cost)
        self.ops.append(op)

    # Loads.

    def _load_weights(self, number: int) -> tuple[sched.LoadWeightsOp, Cost, Layer] | None:
        """A load, placed, if there is room for it."""
        assert self._stream is not None
        stretch = self.order.weights[number].stretch
        chain = self._chain_of.get(stretch.layer)
        # Of layers that run along with each other all are on chip at once, as they are if they lie behind each other.
        in_turn = chain is not None and self._last_chain.get(stretch.memory) == chain
        placed = self._place(stretch, in_turn=in_turn)
        if placed is None:
            return None
        self._last_chain[stretch.memory] = chain
        layer = self.network.layers[stretch.layer]
        buffer = self._weight_buffer(stretch, placed, layer)
        cost = _cost_of(stretch, self.hw)
        op = sched.LoadWeightsOp(
            self._stream.buffer,
            buffer.buffer,
            offset=stretch.offset,
            bytes=stretch.bytes,
            groups=stretch.groups,
            words=stretch.words,
            at=0 if stretch.run is None else stretch.run.first,
            cycles=cost.busy,
            beats=cost.beats,
        )
        self._placed[number] = buffer, placed
        return op, cost, layer

    def _place(self, stretch: Stretch, *, in_turn: bool) -> Span | None:
        """Where a load goes, if there is room for it: a range of weights to its own place."""
        placer = self._placers[stretch.memory]
        if stretch.run is None or stretch.place is None:
            return placer.place(stretch.size, in_turn=in_turn)
        span = Span(stretch.place.first + stretch.run.first, stretch.run.count)
        return span if placer.place_at(span) else None

    def _weight_buffer(self, stretch: Stretch, placed: Span, layer: Layer) -> sched.BufferOp:
        """The buffer that a load fills, or a part of it, where the weights of a channel group come in ranges."""
        whole, key = stretch.place or placed, (stretch.layer, stretch.channels)
        if stretch.place is not None and key in self._in_ranges:
            return self._in_ranges[key]
        buffer = self._buffer(SPACES[stretch.memory], layer.name, whole.first, whole.count)
        set_location(buffer, layer.op)
        if stretch.place is not None:
            self._in_ranges[key] = buffer
        return buffer

    def _emit_load_program(self) -> None:
        """What is loaded before the first run. That it fits was checked."""
        for number in self._once:
            load = self._load_weights(number)
            assert load is not None
            op, cost, layer = load
            set_location(op, layer.op if location_name(layer.op) is not None else layer.name)
            self._load.add(op, cost)
        if self._load.instructions:
            self.ops.append(sched.LoadProgramOp(self._load.instructions))

    def _load_features(self, load: FeatureLoad) -> None:
        held = load.held
        layer = self.network.layers[load.layer]
        move = self._move(load.chunk, held, load.part, layer)
        cost = load_cost(self.hw, move.elements, move.rows, move.offset, move.pitch)
        op = sched.LoadOp(
            self._dram[held.tensor].buffer,
            self._feature(held),
            offset=move.offset,
            at=load.part.first - held.holds,
            elements=move.elements,
            rows=move.rows,
            pitch=move.pitch,
            cycles=cost.busy,
            beats=cost.beats,
        )
        self._add(op, cost, layer)
        self._inputs_emitted += 1

    def _move(self, chunk: int, held: Held, part: Span, layer: Layer) -> _Move:
        """How elements of a buffer lie in DRAM: behind each other, or some channels of each pixel of a layer's result."""
        tensor, bits = self.network.tensors[held.tensor], self.hw.bits_input
        ends = (self.network.input, self.network.output)
        before = self._chunks[chunk].first * tensor.elements if held.tensor in ends else 0
        if held.channels is None:
            return _Move((before + part.first) * bits // 8, part.count)
        height, width, channels = layer.result_image
        pixel = tensor.elements // (height * width)
        per_element = pixel // channels
        count = held.channels.count * per_element
        first = before + part.first // count * pixel + held.channels.first * per_element
        rows = part.count // count
        return _Move(first * bits // 8, count, rows, pixel * bits // 8 if rows > 1 else 0)

    def _emit_loads(self, step: int, weights_needed: int, inputs_needed: int) -> None:
        """What step `step` of the spine needs, and what may be loaded ahead of later ones."""
        depth = self.hw.queue_depth
        while self._inputs_emitted < min(len(self.order.inputs), inputs_needed + depth):
            load = self.order.inputs[self._inputs_emitted]
            if self._inputs_emitted >= inputs_needed and load.earliest > step:
                break
            self._load_features(load)
        needed = bisect_left(self._each, weights_needed)
        while self._loads_emitted < min(len(self._each), needed + depth):
            load = self._load_weights(self._each[self._loads_emitted])
            if load is None:
                break
            self._add(*load)
            self._loads_emitted += 1
        if self._loads_emitted < needed:
            raise AssertionError("weights that were checked to fit the memory alone do not fit it")

    # Work.

    def _compute(self, work: Work) -> None:
        layer = self.network.layers[work.layer]
        if isinstance(layer.op, tile.MatrixOp):
            self._compute_matrix(work, layer, layer.op)
            return
        x, y = self._feature(work.x), self._feature(work.y)
        pixels = work.piece.images.count * work.piece.rows.count * layer.output_image[1]
        cost = layer.vector_cost(self.hw, pixels, work.piece.block.outputs.count)
        piece = sched.PieceAttr.of_piece(work.piece, layer.input_image, layer.output_image)
        match layer.op:
            case tile.PoolOp() as op:
                made = sched.PoolOp(op.kind.data, x, y, window=op.window, scale=op.scale, piece=piece, cycles=cost.busy)
            case tile.ElementwiseOp() as op:
                assert work.second is not None
                b = self._feature(work.second)
                made = sched.ElementwiseOp(op.function, x, b, y, pixel=layer.is_pixel, piece=piece, cycles=cost.busy)
            case tile.LookupOp():
                (table,) = self._loaded(work)
                made = sched.LookupOp(x, table, y, piece=piece, cycles=cost.busy)
            case tile.CopyOp() as op:
                piece = sched.PieceAttr.of_rows(work.piece, layer.input_image, layer.result_image)
                made = sched.MoveOp(x, y, part=op.part, target=op.target, piece=piece, cycles=cost.busy)
        self._add(made, cost, layer)

    def _loaded(self, work: Work) -> list[SSAValue]:
        """The buffers of what was loaded for a step."""
        return [self._placed[number][0].buffer for number in work.loads]

    def _copy(self, copy: Copy) -> None:
        """Copies rows from one lap to the next."""
        height, width, channels = copy.image
        row = self._row(copy.before, copy.image)
        if copy.before.channels is None and row <= LONGEST_PIXEL:
            # Whole rows are contiguous: vectors need not begin with a pixel.
            width, channels = 1, row
        some = copy.before.channels or Span(0, channels)
        image, first = divmod(copy.rows.first, height)
        piece = Piece(Span(image, 1), Span(first, copy.rows.count), Span(0, 1), Block(some, some))
        cost = pool_cost(self.hw, copy.rows.count * width, some.count, taps=1, division_steps=0)
        shape = height, width, channels
        op = sched.CopyOp(
            self._feature(copy.before),
            self._feature(copy.after),
            piece=sched.PieceAttr.of_piece(piece, shape, shape),
            cycles=cost.busy,
        )
        self._add(op, cost, self.network.layers[copy.layer])

    def _compute_matrix(self, work: Work, layer: Layer, op: tile.MatrixOp) -> None:
        # All ranges of weights have one buffer.
        parameters, weights, *_ = self._loaded(work)
        mode, partial = work.mode, work.piece.partial
        for residue, cost in enumerate(self._matrix_costs(work, layer)):
            matrix = sched.MatrixOp(
                self._feature(work.x),
                weights,
                parameters,
                self._feature(work.y),
                mode=mode,
                piece=sched.PieceAttr.of_piece(work.piece, layer.input_image, layer.result_image, residue),
                target=op.target,
                window=op.window,
                epilogue=op.epilogue,
                residual=None if work.second is None or partial else self._feature(work.second),
                add=None if partial else op.add,
                cycles=cost.busy,
            )
            self._add(matrix, cost, layer)

    def _matrix_costs(self, work: Work, layer: Layer) -> list[Cost]:
        """`Layer.costs` of a piece; those that touch no padding above or below cost the same."""
        piece, window, (height, *_) = work.piece, layer.window, layer.input_image
        inside = strip_window(window, piece.rows, height)[1].padding[:2] == (0, 0)
        where = piece.rows.count if inside else piece.rows
        part = piece.columns, piece.run, piece.partial
        key = (work.layer, piece.images.count, where, piece.groups.count, piece.block.inputs.count, part, work.mode)
        if key not in self._costs:
            self._costs[key] = layer.costs(self.hw, piece, work.mode)
        return self._costs[key]

    def _store(self, work: Work, layer: Layer) -> None:
        """Stores what is complete: rows of a strip; or of a chunk's output, in whole beats until all is."""
        if work.stored is not None:
            row = self._row(work.y, layer.result_image)
            self._store_part(work.chunk, work.y, Span(work.stored.first * row, work.stored.count * row), layer)
        total = self._chunks[work.chunk].count * self.network.tensors[self.network.output].elements
        made = work.output
        stop = made if made == total else made // self.hw.beat_elements * self.hw.beat_elements
        if stop <= self._stored:
            return
        self._store_part(work.chunk, work.y, Span(self._stored, stop - self._stored), layer)
        self._stored = 0 if stop == total else stop

    def _row(self, held: Held, image: tuple[int, int, int]) -> int:
        """Elements of a row of a result, as a buffer has them."""
        height, _, channels = image
        row = self.network.tensors[held.tensor].elements // height
        return row if held.channels is None else row // channels * held.channels.count

    def _store_part(self, chunk: int, held: Held, part: Span, layer: Layer) -> None:
        move = self._move(chunk, held, part, layer)
        cost = store_cost(self.hw, move.elements, move.rows, move.offset, move.pitch)
        op = sched.StoreOp(
            self._feature(held),
            self._dram[held.tensor].buffer,
            at=part.first - held.holds,
            offset=move.offset,
            elements=move.elements,
            rows=move.rows,
            pitch=move.pitch,
            cycles=cost.busy,
            beats=cost.beats,
        )
        self._add(op, cost, layer)

    def _release(self, step: int, work: Work) -> None:
        """Frees the places of loads that no later step uses."""
        for number in work.loads:
            load = self.order.weights[number]
            if load.last == step:
                self._placers[load.stretch.memory].release(self._placed[number][1])

    def emit(self) -> Emitted:
        """All operations, in program order."""
        self._emit_load_program()
        weights_needed = inputs_needed = 0
        for step, work in enumerate(self.order.spine):
            loads = work.loads if isinstance(work, Work) else ()
            weights_needed = max(weights_needed, 1 + max(loads, default=-1))
            inputs_needed = max(inputs_needed, work.inputs)
            self._emit_loads(step, weights_needed, inputs_needed)
            if isinstance(work, Copy):
                self._copy(work)
                continue
            self._compute(work)
            self._release(step, work)
            self._store(work, self.network.layers[work.layer])
        return Emitted(self.ops, self._run.tasks, self._load.tasks, self.arena_bytes)


def _as_name(text: str) -> str | None:
    """A name of a value that is like `text`: other tools name layers `/layer1/conv`."""
    name = re.sub(r"[^A-Za-z0-9_$.-]+", "_", text)
    return SSAValue.extract_valid_name(name if name[0].isalpha() else f"_{name}")

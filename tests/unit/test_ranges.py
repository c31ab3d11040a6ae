"""Weights that come in ranges: how pieces are cut for them, what the compiler makes of them, and what they take."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import input_of
from xdsl.dialects.builtin import ModuleOp

from benchmarks.layers import Layer
from dsf.codegen.files import write_files
from dsf.compiler import compile_module, context, run_pass
from dsf.dialects import sched, tile
from dsf.dialects.sched_base import buffer_of
from dsf.dialects.tile_cuts import Mode
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.provenance import Provenance
from dsf.runtime.execute import run
from dsf.scheduling.accesses import step_of
from dsf.scheduling.hazards import uncovered
from dsf.scheduling.pieces import Block, Cut, Span
from dsf.scheduling.prefetch import Ranges, cycles_in_ranges
from dsf.scheduling.tokens import reduce_waits
from dsf.scheduling.verify import problems_of_program
from dsf.transforms.bundle_to_fxp import BundleToFxpPass
from dsf.transforms.check_hardware import CheckHardwarePass
from dsf.transforms.dsf_pipeline import DsfPipelinePass
from dsf.transforms.fxp_to_tile import FxpToTilePass
from dsf.transforms.sched_to_isa import SchedToIsaPass
from dsf.transforms.tile_to_sched import TileToSchedPass

CTX = context()
#: Banks of 128 words, and tall 12 positions at once.
HW = Hardware(
    processing_elements=(4, 12),
    column_groups=3,
    vector_length=16,
    axi_width=64,
    feature_memory=1 << 11,
    weight_memory=1536,
)
#: A kernel row has 90 words, so there is room for one channel group and a third of the next.
LONG = Layer((30, 20), 3, (9, 8))


@pytest.mark.parametrize("seed", range(60))
def test_every_element_is_summed_once(seed: int) -> None:
    """Of all pieces together each element of a channel group is once computed from each element of the kernel rows."""
    rng = random.Random(seed)
    rows, columns, groups = rng.randint(1, 9), rng.randint(1, 9), rng.randint(1, 4)
    strips = tuple(rng.randint(1, rows) for _ in range(rng.randint(1, 3)))
    strips = strips if sum(strips) <= rows else (rows,)
    heights = Span(0, rows).sizes(*strips)
    ranges = tuple(rng.randint(1, 5) for _ in range(rng.randint(2, 4)))
    ends = rng.randint(1, heights[0]), rng.randint(1, columns), rng.randint(1, heights[-1]), rng.randint(1, columns)
    cut = Cut(1, strips, (1,), (Mode.TALL,), ranges=ranges, ends=ends)
    assert Cut.of(cut.attribute) == cut
    sums = np.zeros((rows, columns, groups, sum(ranges)), dtype=np.int64)
    held: list[int] = []
    loads = cut.loads([Block(Span(0, 1), Span(0, groups))], 1)
    for piece, mode, complete in cut.pieces(Span(0, 1), rows, [Block(Span(0, 1), Span(0, groups))], 1, columns):
        assert mode is Mode.TALL
        some = piece.columns or Span(0, columns)
        run = piece.run or Span(0, sum(ranges))
        sums[piece.rows.first : piece.rows.stop, some.first : some.stop, piece.groups.first, run.first : run.stop] += 1
        if piece.run is not None:
            assert piece.run in loads[piece.groups.first].ranges
            assert piece.rows.count * some.count <= max(ends[0] * ends[1], ends[2] * ends[3])
        assert piece.accumulate == bool(held)
        held = [*held, run.count] if piece.partial else []
        if complete:
            assert (sums[piece.rows.first : piece.rows.stop] == 1).all(), (seed, piece)
    assert (sums == 1).all(), (seed, cut)


def test_the_last_tile_frees_what_the_next_load_needs_first() -> None:
    """Ranges are used in the order of their loads, and in the last tile the other way round; every other load is mirrored."""
    cut = Cut(1, (2,), (1,), (Mode.TALL,), ranges=(3, 2, 1), ends=(1, 2, 2, 1))
    pieces = [piece for piece, *_ in cut.pieces(Span(0, 1), 4, [Block(Span(0, 1), Span(0, 2))], 1, 3)]
    even, odd = [Span(0, 3), Span(3, 2), Span(5, 1)], [Span(3, 3), Span(1, 2), Span(0, 1)]
    for group, spans in enumerate((even, odd)):
        runs = [piece.run for piece in pieces if piece.groups.first == group]
        assert runs == [*spans, None, None, None, *reversed(spans)]
    where = [(piece.rows, piece.columns) for piece in pieces[: len(pieces) // 2]]
    assert where[2:7] == [
        (Span(0, 1), Span(0, 2)),
        (Span(1, 1), Span(0, 2)),
        (Span(0, 2), Span(2, 1)),
        (Span(2, 2), Span(0, 2)),
        (Span(2, 2), Span(2, 1)),
    ]


def levels(layer: Layer, hw: Hardware, seed: int = 0, cut: dict[str, Any] | None = None) -> tuple[ModuleOp, sched.ProgramOp]:
    """A layer at the levels `tile`, with some fields of its cut as given, and `sched`; those and `isa` give the same result."""
    rng = random.Random(seed)
    module = layer.module(hw)
    x = input_of(rng, module)
    for done in (CheckHardwarePass(), BundleToFxpPass()):
        run_pass(CTX, module, done)
    expected = run(module, x)
    run_pass(CTX, module, FxpToTilePass())
    for op in module.walk():
        if isinstance(op, tile.MatrixOp) and cut is not None:
            op.cut = replace(Cut.of(op.cut), **cut).attribute
    module.verify()
    np.testing.assert_array_equal(run(module, x), expected, err_msg="tile")
    tiled = module.clone()
    run_pass(CTX, module, TileToSchedPass())
    np.testing.assert_array_equal(run(module, x), expected, err_msg="sched")
    placed = module.clone()
    run_pass(CTX, module, SchedToIsaPass())
    for _ in range(2):
        order = rng.getrandbits(16)
        np.testing.assert_array_equal(run(module, x, seed=order), expected, err_msg=f"isa, order {order}")
    return tiled, next(op for op in placed.ops if isinstance(op, sched.ProgramOp))


def cut_of(module: ModuleOp) -> Cut:
    return next(Cut.of(op.cut) for op in module.walk() if isinstance(op, tile.MatrixOp))


@pytest.mark.parametrize(
    "layer",
    [
        LONG,
        replace(LONG, channels=(30, 6), image=(12, 5)),
        replace(LONG, channels=(25, 13), image=(7, 16)),
        replace(LONG, stride=2, image=(11, 12)),
        replace(LONG, channels=(35, 13), image=(10, 12)),
    ],
    ids=str,
)
def test_all_levels_agree(layer: Layer) -> None:
    """The compiler takes ranges where there is room for one channel group and some of the next."""
    module, program = levels(layer, HW)
    cut = cut_of(module)
    assert cut.ranges != (0,), cut
    loads = [op for op in program.instructions if isinstance(op, sched.LoadWeightsOp) and op.words.value.data > 1]
    elements = 3 * layer.channels[0]
    assert {op.at.value.data + op.words.value.data <= elements for op in loads} == {True}
    by_buffer: defaultdict[object, int] = defaultdict(int)
    for op in loads:
        by_buffer[op.target] += op.words.value.data
    assert set(by_buffer.values()) == {elements}


@pytest.mark.parametrize("seed", range(8))
def test_any_cut_into_ranges_gives_the_same_numbers(seed: int) -> None:
    """Ranges and tiles that the compiler would not choose, with padding at the top, at the bottom and at the sides."""
    rng = random.Random(seed)
    rows, columns, groups = rng.randint(3, 8), rng.randint(2, 8), rng.randint(1, 4)
    inputs = rng.randint(22, 41)
    layer = Layer((inputs, groups * 4), 3, (rows, columns))
    strips = rng.choice(((rows,), (1, rows - 2, 1), (rng.randint(1, rows),)))
    heights = Span(0, rows).sizes(*strips)
    tiles = [(high, rng.randint(1, min(columns, 12 // high))) for high in (rng.randint(1, min(h, 12)) for h in heights)]
    parts = [rng.randint(1, min(3 * inputs - 2, 128 - 3 * inputs))]
    parts += Span(0, 3 * inputs - parts[0]).sizes(rng.randint(1, 3 * inputs - parts[0]))
    cut = {"rows": strips, "groups": (1,), "modes": (Mode.TALL,), "ranges": tuple(parts), "ends": (*tiles[0], *tiles[-1])}
    cut |= {"inputs": (0,), "whole": 0}
    levels(layer, replace(HW, feature_memory=1 << 13), seed, cut)


def test_a_missing_token_of_a_range_is_found() -> None:
    """Each token that a load of a range, or what is computed with one, needs is taken away in turn."""
    module, program = levels(LONG, HW)
    instructions = program.instructions
    assert problems_of_program(program, HW) == []
    numbers = {op: index for index, op in enumerate(instructions)}
    steps = [step_of(op, HW) for op in instructions]
    waits = [[numbers[producer] for producer in op.producers] for op in instructions]
    needed = [list(one) for one in reduce_waits([step.queue for step in steps], waits)]
    assert uncovered(steps, needed) == []
    found = 0
    for consumer, producers in enumerate(needed):
        pair = {type(instructions[index]) for index in (consumer, *producers)}
        for producer in producers if {sched.LoadWeightsOp, sched.MatrixOp} <= pair else ():
            without = [[w for w in one if (index, w) != (consumer, producer)] for index, one in enumerate(needed)]
            assert uncovered(steps, without), (producer, consumer)
            found += 1
    # The ranges of 4 more channel groups wait for the last tiles, and their parts of first tiles for the ranges.
    assert found >= 4 * (len(cut_of(module).ranges) - 1)


def test_what_two_ranges_load_is_not_read_as_one() -> None:
    """A load that is too early for the last tile is over what that still reads: found by its contents, whatever the tokens."""
    _, program = levels(LONG, HW)
    loads = [op for op in program.instructions if isinstance(op, sched.LoadWeightsOp) and op.at.value.data > 0]
    early = next(op for op in reversed(loads) if any(isinstance(one, sched.MatrixOp) for one in op.producers))
    waited = next(one for one in early.producers if isinstance(one, sched.MatrixOp))
    early.operands = early.operands[:2]
    early.detach()
    block = program.body.block
    block.insert_op_before(early, waited)
    buffer = buffer_of(early.target)
    if not buffer.is_before_in_block(early):
        buffer.detach()
        block.insert_op_before(buffer, early)
    assert any("was written last; move one of the buffers" in one for one in problems_of_program(program, HW))


@pytest.mark.parametrize("seed", range(40))
def test_cycles_in_ranges_against_a_simulation(seed: int) -> None:
    """Cycle by cycle: one load and one step at a time, each as soon as it may."""
    rng = random.Random(seed)
    loads: list[tuple[Ranges, list[tuple[int | None, int]]]] = []
    latency = rng.randint(0, 6)
    for number in range(2 * rng.randint(1, 3)):
        sizes = [rng.randint(1, 5) for _ in range(rng.randint(2, 4))]
        spans = list(Span(0, sum(sizes)).blocks(*sizes))
        first = 0 if number % 2 == 0 else rng.randint(1, 6)
        places = tuple(Span(first + one.first, one.count) for one in spans)
        order = list(range(len(spans)))
        steps: list[tuple[int | None, int]] = [*((one, rng.randint(1, 9)) for one in order), (None, rng.randint(1, 30))]
        steps += [(one, rng.randint(1, 9)) for one in reversed(order)]
        loads.append((Ranges(places, tuple(rng.randint(1, 12) for _ in spans)), steps))
    assert cycles_in_ranges(loads, latency) == _simulated(loads, latency), seed


def _simulated(loads: list[tuple[Ranges, list[tuple[int | None, int]]]], latency: int) -> int:
    """The cycles from the end of all loads to the end of them once more."""
    twice = [*loads, *loads]
    todo = [(n, one) for n, (ranges, _) in enumerate(twice) for one in range(len(ranges.places))]
    steps = [(n, used, cycles) for n, (_, of_load) in enumerate(twice) for used, cycles in of_load]
    there: set[tuple[int, int]] = set()
    done = now = 0
    loading = computing = 0
    finished: list[int] = []
    while done < len(steps):
        if todo and loading == 0:
            n, one = todo[0]
            place = twice[n][0].places[one]
            # What the loads before have there must have been used for the last time.
            left = [step for step, at in zip(steps, finished, strict=False) if step[0] < n and at + latency > now]
            left += [step for step in steps[done:] if step[0] < n]
            in_use = [
                other
                for m, used, _ in left
                for index, other in enumerate(twice[m][0].places)
                if used in (None, index) and m == n - 1
            ]
            if (
                all(other.stop <= place.first or place.stop <= other.first for other in in_use)
                and len({m for m, *_ in left}) < 2
            ):
                loading = twice[n][0].cycles[one]
        if done < len(steps) and computing == 0:
            n, used, cycles = steps[done]
            needed = range(len(twice[n][0].places)) if used is None else (used,)
            if all((n, one) in there for one in needed):
                computing = cycles
        now += 1
        if loading > 0:
            loading -= 1
            if loading == 0:
                there.add(todo.pop(0))
        if computing > 0:
            computing -= 1
            if computing == 0:
                done += 1
                finished.append(now)
    half = len(steps) // 2
    return finished[-1] - finished[half - 1]


@pytest.mark.parametrize(
    ("layer", "cut", "message"),
    [
        (Layer((30, 8), 5, (6, 6)), {"ranges": (100, 50)}, "weights in ranges for 5 kernel rows, needs 3, one for each column"),
        (
            Layer((50, 8), 3, (6, 6)),
            {"ranges": (100, 50)},
            "weights in ranges of 250 words of each bank together, with the",
        ),
        (LONG, {"ranges": (30, 60), "ends": (3, 5, 1, 1)}, "weights in ranges, 15 positions of a tile, needs at most 12; make"),
    ],
)
def test_what_does_not_fit_is_refused(layer: Layer, cut: dict[str, tuple[int, ...]], message: str) -> None:
    module = layer.module(replace(HW, feature_memory=1 << 13, weight_memory=6144 if layer.kernel == 5 else 1536))
    for done in (CheckHardwarePass(), BundleToFxpPass(), FxpToTilePass()):
        run_pass(CTX, module, done)
    op = next(one for one in module.walk() if isinstance(one, tile.MatrixOp))
    fields = {"groups": (1,), "modes": (Mode.TALL,), "inputs": (0,), "ends": (1, 1, 1, 1), **cut}
    op.cut = replace(Cut.of(op.cut), **fields).attribute
    module.verify()
    with pytest.raises(ModelError, match=f"'layer': {message}"):
        run_pass(CTX, module, TileToSchedPass())


def test_where_a_byte_of_a_range_comes_from(tmp_path: Path) -> None:
    """Each weight is in one byte of the stream, which has its value, and instructions say which columns they make."""
    layer = replace(LONG, image=(7, 16))
    write_files(compile_module(layer.module(HW), pipeline=DsfPipelinePass(), keep_in=tmp_path), tmp_path)
    provenance = Provenance.of(tmp_path)
    ends = {op.offset.value.data: op for op in provenance.scheduled.instructions if isinstance(op, sched.LoadWeightsOp)}
    assert any(op.at.value.data > 0 for op in ends.values())
    data, seen = np.frombuffer(provenance.program.weights, dtype=np.int8), set[tuple[int, ...]]()
    inputs, outputs = layer.channels
    for byte in range(0, data.size, 7):
        facts = provenance.weight_byte(byte)
        for one in facts.get("weights", ()) if facts["of"] == "weights" else ():
            if one is not None:
                assert one["value"] == data[byte], (byte, one)
                key = (*one["kernel"], one["input"], one["channel"])
                assert key not in seen
                seen.add(key)
    assert len(seen) > 9 * inputs * outputs // 8
    parts = [provenance.instruction(index) for index in range(len(provenance.program.steps))]
    columns = {tuple(part["columns"]) for part in parts if "columns" in part}
    assert columns and all(first + count <= layer.image[1] for first, count in columns)


def test_ranges_are_not_resident() -> None:
    """All weights together would fit, but each range has its place, where others lie too: every run loads them."""
    layer = Layer((20, 8), 3, (5, 6))
    cut = {"groups": (1,), "modes": (Mode.TALL,), "inputs": (0,), "ranges": (20, 40), "ends": (1, 6, 1, 6)}
    _, program = levels(layer, replace(HW, feature_memory=1 << 13), cut={**cut, "rows": (5,)})
    assert program.load_program is None

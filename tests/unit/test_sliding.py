"""Windows that slide through feature memory find their rows there; rooms, transfers and places of what does not fit."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_levels_agree import CTX, case, tiled_in_small_memories
from test_poolings import HARDWARE, network

from dsf.bisection.levels import Bisection, levels_of_passes
from dsf.codegen.files import write_files
from dsf.compiler import compile_module, random_input, run_pass
from dsf.cost import transfer_beats
from dsf.dialects import sched, sched_transfers
from dsf.dialects.sched_types import Space
from dsf.dialects.tile_cuts import Place
from dsf.hardware import Hardware
from dsf.provenance import Provenance
from dsf.scheduling.passed import chains
from dsf.scheduling.pieces import Span
from dsf.scheduling.rooms import Use, Wanted, arena_requests, rows_overlapping, sizes_of
from dsf.scheduling.strips import Room, Sliding
from dsf.transforms.bundle_to_fxp import BundleToFxpPass
from dsf.transforms.check_hardware import CheckHardwarePass
from dsf.transforms.dsf_pipeline import DsfPipelinePass
from dsf.transforms.fxp_to_tile import FxpToTilePass


@pytest.mark.parametrize("seed", range(100))
def test_rows_are_where_the_window_says(seed: int) -> None:
    """Against a memory of single elements, for any height of windows, steps and room; sometimes it begins anew."""
    rng = random.Random(seed)
    row, height, step = rng.randint(1, 4), rng.randint(1, 5), rng.randint(1, 6)
    room = Room(rng.randint(0, 20), row * rng.randint(height, 4 * height))
    memory: dict[int, int] = {}
    window = Sliding(0, room, row)
    first = 0
    for number in range(40):
        first = 0 if rng.random() < 0.1 else first + rng.randint(0, step)
        rows = Span(first, height)
        slide = window.slide(rows, number, rng.choice((None, lambda start, stop: start * 7 % 5)))
        if slide.before is not None:
            source = slide.before.address - slide.before.holds
            copied = {one: memory[source + one] for one in range(slide.kept.first * row, slide.kept.stop * row)}
            place = slide.held.address - slide.held.holds
            assert {source + one for one in copied}.isdisjoint(place + one for one in copied), seed
            memory |= {place + one: value for one, value in copied.items()}
        place = slide.held.address - slide.held.holds
        memory |= {place + one: one for one in range(slide.missing.first * row, slide.missing.stop * row)}
        wanted = range(rows.first * row, rows.stop * row)
        assert [memory[place + one] for one in wanted] == list(wanted), (seed, number)
        assert room.address <= place + wanted[0] and place + wanted[-1] < room.address + room.size, (seed, number)
        assert slide.held.address + slide.held.size == room.address + room.size


@pytest.mark.parametrize("height", range(1, 12))
def test_rows_overlapping_are_the_fewest_with_which_nothing_waits(height: int) -> None:
    """What comes for a window goes where the window before has no rows; with a row less it does not, for any new rows."""
    for new in range(1, height + 1):
        rooms = [rows_overlapping(height, new), rows_overlapping(height, new) - 1]
        assert [_waits_at_the_end_of_a_lap(height, new, Room(0, room)) for room in rooms] == [False, True], new


def _waits_at_the_end_of_a_lap(height: int, new: int, room: Room) -> bool:
    """Whether a window ever comes over the rows of the one before."""
    window = Sliding(0, room, 1)
    before: range | None = None
    for number in range(20):
        rows = Span(number * new, height)
        slide = window.slide(rows, number)
        place = rows.first - slide.held.holds + slide.held.address
        written = (
            range(place, place + height)
            if slide.missing == rows or slide.before is not None
            else range(place + height - slide.missing.count, place + height)
        )
        if before is not None and max(before[0], written[0]) <= min(before[-1], written[-1]):
            return True
        before = range(place, place + height)
    return False


def test_a_window_that_moves_on_loads_each_row_once() -> None:
    window = Sliding(0, Room(0, 6 * 8), 8)
    slides = [window.slide(Span(first, 3), first) for first in range(20)]
    assert [row for slide in slides for row in range(slide.missing.first, slide.missing.stop)] == list(range(22))
    assert [slide.kept.count for slide in slides] == [0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0]


@pytest.mark.parametrize("seed", range(20))
def test_beats_of_rows(seed: int) -> None:
    """Against the beats that each byte lies in."""
    rng = random.Random(seed)
    hw = Hardware(axi_width=rng.choice((32, 64, 128)), bits_input=rng.choice((2, 4, 8)))
    elements, rows, offset = rng.randint(1, 80), rng.randint(1, 50), rng.randint(0, 40)
    size = -(-elements * hw.bits_input // 8)
    pitch = size + rng.randint(0, 30)
    beats = [{(offset + row * pitch + byte) // hw.beat_bytes for byte in range(size)} for row in range(rows)]
    assert transfer_beats(hw, elements, rows, offset, pitch) == sum(map(len, beats))


def kinds_of(program: sched.ProgramOp) -> set[str]:
    """What there is of strips in a program."""
    kinds: set[str] = set()
    for op in program.body.block.ops:
        match op:
            case sched.BufferOp():
                kinds |= {name for name, holds in (("holds", op.holds), ("channels", op.channels)) if holds.value.data > 0}
                kinds |= {"arena"} if op.space.data is Space.ARENA else set()
            case sched_transfers.TransferOp():
                kinds |= {op.name} if op.rows.value.data > 1 else set()
            case sched.PoolOp():
                kinds |= {"part"} if op.piece.block.outputs.count < op.piece.output_image[2] else set()
            case _:
                pass
    return kinds


def test_small_memories_need_strips() -> None:
    """What the tests of random networks in small memories are worth: all there is of strips occurs in them."""
    seen, kinds = Counter[str](), ("arena", "holds", "channels", "sched.store", "part")
    for seed in range(200):
        module, _, rng = case(seed)
        run_pass(CTX, module, CheckHardwarePass())
        run_pass(CTX, module, BundleToFxpPass())
        _, placed = tiled_in_small_memories(module, FxpToTilePass(), rng)
        seen.update(kinds_of(next(op for op in placed.ops if isinstance(op, sched.ProgramOp))))
        if all(seen[kind] >= 2 for kind in kinds):
            return
    raise AssertionError(f"some kinds are not among 200 networks: {seen}")


def some_windows(rng: random.Random) -> list[Wanted]:
    windows: list[Wanted] = []
    for layer in range(rng.randint(1, 4)):
        strips, strip = rng.randint(1, 30), rng.randint(1, 20)
        least = min(strips * strip, strip + rng.randint(0, 40))
        most = strips * strip
        windows.append(Wanted(Use.X, layer, least, min(2 * least, most), most, strips, rng.randint(0, 50)))
    return windows


@pytest.mark.parametrize("seed", range(100))
def test_room_is_given_where_it_saves_cycles(seed: int) -> None:
    """Never more than there is, never less than is needed; with less of it computing waits no less."""
    rng = random.Random(seed)
    windows, hw = some_windows(rng), Hardware()
    least = sum(sizes_of(hw, windows, 0, 0))
    assert sizes_of(hw, windows, least, 2) == sizes_of(hw, windows, 0, 0)
    before = sum(one.waits(one.least) for one in windows)
    for more in range(0, 400, 32):
        sizes = sizes_of(hw, windows, least + more, rng.choice((1, 2)))
        assert sum(sizes) <= least + more
        assert all(size >= one.least for one, size in zip(windows, sizes, strict=True))
        assert sum(one.waits(size) for one, size in zip(windows, sizes, strict=True)) <= before
    plenty = sizes_of(hw, windows, 1 << 20, 1)
    assert sum(one.waits(size) for one, size in zip(windows, plenty, strict=True)) == 0
    assert all(size >= one.most for one, size in zip(windows, sizes_of(hw, windows, 1 << 20, 2), strict=True))


def test_a_room_waits_at_the_end_of_its_laps() -> None:
    """Windows of 3 rows of 10 elements, one row further each time: a room of 5 rows has laps of 3 strips."""
    window = Wanted(Use.X, 0, least=30, overlap=60, most=320, strips=30, wait=7)
    assert window.strip == 11
    rows = dataclasses.replace(window, most=300)
    assert [rows.waits(size) for size in (30, 39, 40, 50, 59, 60, 300)] == [210, 210, 105, 70, 70, 0, 0]


def test_what_the_end_of_a_chain_stores_does_not_lie_over_what_its_beginning_still_loads() -> None:
    """As in AlexNet: 0 and 1, a convolution and its pooling, then 2 and 3, then 4; the results of 1, 3 and 4 are in DRAM."""
    places = (Place.DRAM, Place.STRIPS, Place.DRAM, Place.STRIPS, Place.DRAM, Place.DRAM)
    layers = [SimpleNamespace(reads=(index,), result=index + 1) for index in range(5)]
    tensors = [SimpleNamespace(name=f"t{index}", elements=64) for index in range(6)]
    network: Any = SimpleNamespace(
        places=places, layers=layers, tensors=tensors, output=5, readers=lambda tensor: [tensor] if tensor < 5 else []
    )
    assert chains(network, places) == [[0, 1], [2, 3], [4]]
    first, second = arena_requests(network, 1, Hardware(), chains(network, places)).values()
    assert (first.name, second.name) == ("t2", "t4")
    assert set(first.steps) & set(second.steps)


def test_programs_with_strips_lead_back_to_their_source(tmp_path: Path) -> None:
    """Every instruction, copies too, has its bundle and its place; what each makes is what the level above has there."""
    module = network(dataclasses.replace(HARDWARE, feature_memory=1 << 10), 1, True)
    compiled = compile_module(module, keep_in=tmp_path)
    write_files(compiled, tmp_path)
    provenance = Provenance.of(tmp_path)
    facts = [provenance.instruction(index) for index in range(len(provenance.program.steps) - 1)]
    assert {"arena"} <= {place["memory"] for one in facts if one["name"] == "load" for place in one["reads"]}
    assert any(one["name"] == "vector" and "rows" not in one for one in facts)
    for bundle in ("bundle_0", "bundle_1"):
        made = [one for one in facts if one["name"] == "matrix" and one["bundle"] == bundle]
        assert sum(one["rows"][1] * one["channels"][1] for one in made) == made[0]["height"] * 8
        assert {tuple(one["images"]) for one in made} == {(0, 1)}
    bisection = Bisection(random_input(module))
    bisection.run(levels_of_passes(module, DsfPipelinePass().passes()))
    assert bisection.difference is None

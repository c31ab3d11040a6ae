"""The cost model against its definition tile by tile, against what the RTL was measured at, and the timeline."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from itertools import pairwise, product

import pytest

from dsf.array_timing import RESULT_TO_START, STEP_TO_RESULT
from dsf.cost import (
    FETCH_AHEAD,
    FETCH_BURST,
    FETCH_START,
    MATRIX_FILL,
    STORE_READS,
    TOKEN_LATENCY,
    YIELD_CYCLES,
    Cost,
    DepthwiseWork,
    MatrixWork,
    Taps,
    depthwise_cost,
    division_steps,
    instruction_beats,
    load_cost,
    matrix_cost,
    parameters_cost,
    pool_cost,
    runs_of,
    store_cost,
    weights_cost,
)
from dsf.geometry import Window
from dsf.hardware import PE_KINDS, Hardware
from dsf.isa.table import Queue
from dsf.kernel_rows import Lines, lines_of
from dsf.resources import hardware_directory
from dsf.scheduling import timeline
from dsf.scheduling.estimate import Interval, bundle_cycles
from dsf.scheduling.ports import PARTS, parts_of
from dsf.scheduling.timeline import Task, simulate

TRIAL = Hardware(processing_elements=(8, 24), column_groups=3, vector_length=32)


def test_yield_cycles_are_those_of_the_rtl() -> None:
    """The bench of the matrix front takes them from here, too."""
    package = (hardware_directory() / "rtl" / "dsf_matrix_pkg.sv").read_text()
    assert re.findall(r"\bYieldCycles\s*=\s*(\d+);", package) == [str(YIELD_CYCLES)]


def work(
    hw: Hardware, kernel: tuple[int, int], channels: int, pixels: int, groups: int, *, raw: bool = False, residual: bool = False
) -> MatrixWork:
    return MatrixWork(runs_of(hw, Window(kernel), channels), pixels, groups, raw, residual)


#: Cycles from a tile's last step until its buffer is free, beside those of its results.
ON_THE_WAY = STEP_TO_RESULT + RESULT_TO_START + max(kind.latency for kind in PE_KINDS.values())


def slots(hw: Hardware, kernel: tuple[int, int], channels: int, pixels: int, groups: int, tall: bool) -> tuple[int, int]:
    """Cycles by walking passes, tiles, kernel rows and chunks, without a residual, and results."""
    lanes, at_once = (hw.pixels_tall, 1) if tall else (hw.rows, hw.column_groups)
    total = results = 0
    for first_group, first_pixel in product(range(0, groups, at_once), range(0, pixels, lanes)):
        active = min(lanes, pixels - first_pixel)
        run = kernel[1] * channels
        count = -(-run // (hw.vector_length + 1))
        size = -(-run // count)
        chunks = [min(size, run - start) for start in range(0, run, size)]
        total += sum(max(chunk, active) for _ in range(kernel[0]) for chunk in chunks)
        results += active * min(at_once, groups - first_group)
    return total, results


@pytest.mark.parametrize("seed", range(200))
def test_matrix_cycles_are_the_sum_of_slots(seed: int):
    rng = random.Random(seed)
    groups = rng.choice((1, 2, 3, 4))
    hw = Hardware(processing_elements=(rng.randint(1, 8), groups * rng.randint(1, 8)), column_groups=groups)
    kernel, channels = (rng.randint(1, 5), rng.randint(1, 5)), rng.randint(1, 40)
    pixels, count, tall = rng.randint(1, 300), rng.randint(1, 9), rng.random() < 0.5
    cost = matrix_cost(hw, work(hw, kernel, channels, pixels, count), tall)
    steps, results = slots(hw, kernel, channels, pixels, count, tall)
    least = kernel[0] * runs_of(hw, Window(kernel), channels).chunks * (min(pixels, hw.pixels_tall if tall else hw.rows))
    assert steps <= cost.busy <= cost.latency - MATRIX_FILL, seed
    assert cost.latency > max(steps, results), seed
    if least >= hw.pixels_tall * groups and (hw.capture_tiles - 1) * least >= ON_THE_WAY + hw.pixels_tall * groups:
        assert cost.busy == steps, seed


@pytest.mark.parametrize("seed", range(50))
def test_kernel_rows_in_padding_cost_nothing(seed: int):
    rng = random.Random(seed)
    kernel, channels, tall = (rng.randint(2, 7), rng.randint(1, 5)), rng.randint(8, 40), rng.random() < 0.5
    height, columns, images = rng.randint(1, 12), rng.randint(1, 12), rng.randint(1, 3)
    window = Window(kernel, padding=(rng.randint(0, kernel[0] - 1), rng.randint(0, kernel[0] - 1), 0, 0))
    rows = window.output_shape(height + kernel[0], columns + kernel[1])[0] - kernel[0]
    if rows < 1:
        return
    lines = lines_of(window, height, 0, rows, columns, images)
    runs, lanes = runs_of(TRIAL, window, channels), TRIAL.pixels_tall if tall else TRIAL.rows
    done = MatrixWork(runs, images * rows * columns, 1, lines=lines)
    expected = 0
    for first in range(0, done.pixels, lanes):
        positions = range(first, min(first + lanes, done.pixels))
        ys = [p // columns % rows - window.padding[0] for p in positions]
        needed = [k for k in range(kernel[0]) if any(0 <= y + k < height for y in ys)]
        expected += runs.steps(len(positions), needed[-1] - needed[0] + 1)
    cost, all_rows = (matrix_cost(TRIAL, one, tall) for one in (done, MatrixWork(runs, done.pixels, 1)))
    assert cost.busy == expected <= all_rows.busy, seed
    assert (cost.busy < all_rows.busy) == lines.skips(lanes) == (cost.fill > MATRIX_FILL)


@pytest.mark.parametrize(
    ("kernel", "channels", "pixels", "groups", "tall", "residual", "busy", "latency"),
    [
        # kernel, channels, pixels, groups; then first to last step, and start to completion, measured on the RTL.
        ((3, 3), 3, 512, 2, False, False, 1728, 1773),
        ((3, 3), 16, 1024, 2, True, False, 12384, 12429),
        ((3, 3), 16, 1024, 2, True, True, 14301, 14359),
        ((3, 3), 16, 256, 3, False, False, 4608, 4661),
        ((1, 1), 64, 16, 3, False, False, 128, 181),
        ((1, 1), 64, 16, 2, False, False, 128, 173),
    ],
)
def test_matrix_cycles_as_measured(
    kernel: tuple[int, int],
    channels: int,
    pixels: int,
    groups: int,
    tall: bool,
    residual: bool,
    busy: int,
    latency: int,
):
    cost = matrix_cost(TRIAL, work(TRIAL, kernel, channels, pixels, groups, residual=residual), tall)
    assert abs(cost.busy - busy) <= max(3, busy // 1000)
    assert abs(cost.latency - latency) <= 40


@pytest.mark.parametrize("seed", range(50))
def test_depthwise_cycles_are_the_reads_of_all_phases(seed: int):
    rng = random.Random(seed)
    groups = rng.choice((1, 2, 3))
    hw = Hardware(processing_elements=(rng.randint(1, 8), groups * rng.randint(1, 8)), column_groups=groups)
    taps = Taps(rng.randint(1, 5), rng.randint(1, 7), rng.randint(1, 4))
    work = DepthwiseWork(taps, rng.randint(1, 30), rng.randint(1, 20), rng.randint(1, 9), residual=rng.random() < 0.3)
    steps, slots = 0, 0
    for first, _, start in product(
        range(0, work.groups, hw.depthwise_groups), range(work.lines), range(0, work.columns, hw.rows)
    ):
        pixels = min(hw.rows, work.columns - start)
        phases = (range(f, taps.taps, taps.stride) for f in range(min(taps.stride, taps.taps)))
        reads = taps.kernel_rows * sum(pixels + len(phase) - 1 for phase in phases)
        results = pixels * min(hw.depthwise_groups, work.groups - first)
        steps, slots = steps + reads, slots + max(reads + results * work.residual, results)
    cost = depthwise_cost(hw, work)
    assert steps <= cost.busy <= cost.latency - MATRIX_FILL, seed
    assert cost.latency >= slots + MATRIX_FILL, seed
    assert taps.chunks * taps.chunk + (taps.phases - taps.chunks) * taps.last_chunk == taps.taps
    assert taps.words == taps.kernel_rows * taps.taps


def test_depthwise_of_the_trial():
    # 3x3 at stride 1: 30 cycles for 8 x 24 outputs.
    assert depthwise_cost(TRIAL, DepthwiseWork(Taps(3, 3, 1), 32, 32, 3)).busy == 32 * 4 * 30


def test_depthwise_kernel_rows_in_padding_cost_nothing():
    # 3x3 over 5 lines of 8 positions, one row of padding above and one below: 13 of 15 kernel rows.
    work = DepthwiseWork(Taps(3, 3, 1), 8, 5, 3, padded=Lines(8, 5, 1, 3, -1, 1, 1, 5))
    assert depthwise_cost(TRIAL, work).busy == 13 * 10


def test_first_layer_with_short_runs_is_faster_wide():
    # A kernel row of 9 elements takes 9 cycles at 8 pixels in flight, and 24 at 24 (DESIGN.md).
    def faster(kernel: tuple[int, int], channels: int, groups: int) -> bool:
        one = work(TRIAL, kernel, channels, 1024, groups)
        return matrix_cost(TRIAL, one, tall=True).busy < matrix_cost(TRIAL, one, tall=False).busy

    assert not faster((3, 3), 3, 2)
    assert faster((3, 3), 16, 2)
    assert not faster((3, 3), 16, 3)


@pytest.mark.parametrize(
    ("run", "chunk", "chunks", "last"),
    [(1, 1, 1, 1), (32, 32, 1, 32), (33, 33, 1, 33), (34, 17, 2, 17), (65, 33, 2, 32), (96, 32, 3, 32)],
)
def test_runs_are_cut_into_equal_chunks(run: int, chunk: int, chunks: int, last: int):
    runs = runs_of(TRIAL, Window((2, 1)), run)
    assert (runs.kernel_rows, runs.runs, runs.run, runs.chunk, runs.chunks, runs.last_chunk) == (2, 1, run, chunk, chunks, last)
    assert runs.words == 2 * run


def test_dilated_taps_are_runs_of_their_own():
    runs = runs_of(TRIAL, Window((3, 5), dilation=(1, 2)), 7)
    assert (runs.runs, runs.run, runs.run_step, runs.words) == (5, 7, 14, 105)
    assert runs_of(TRIAL, Window((3, 1), dilation=(2, 2)), 7).runs == 1


def test_taps_of_some_channels_are_runs_of_their_own():
    runs = runs_of(TRIAL, Window((3, 5)), 7, 2)
    assert (runs.runs, runs.run, runs.run_step, runs.words) == (5, 2, 7, 30)
    assert runs_of(TRIAL, Window((3, 1)), 7, 2).runs == 1


def test_raw_sums_take_several_writes():
    # 16 elements of 4 bits hold two sums: a group of 8 takes four writes.
    hw = Hardware(processing_elements=(8, 8), column_groups=1, bits_input=4, vector_length=16, axi_width=32)
    assert matrix_cost(hw, work(hw, (1, 1), 1, 160, 1), False).busy == 20 * 8
    # 20 tiles, of which 4 are captured: the 20th starts when the results of the 16th have left, which follow each other.
    raw = matrix_cost(hw, work(hw, (1, 1), 1, 160, 1, raw=True), False)
    first = 1 + STEP_TO_RESULT + hw.pe_latency
    assert raw.busy == first + 16 * 32 - 4 + RESULT_TO_START + 8


def test_moves_take_a_cycle_a_beat():
    for move_cost in (load_cost, store_cost):
        assert [move_cost(TRIAL, elements).beats for elements in (1, 16, 17)] == [1, 1, 2]
    # A read brings 32 elements, two beats; a write takes one.
    assert (load_cost(TRIAL, 17).reads, load_cost(TRIAL, 17).writes) == (0, 2)
    assert [store_cost(TRIAL, elements).reads for elements in (17, 32, 33)] == [1, 1, 2]
    assert store_cost(TRIAL, 17).writes == 0


def test_weights_take_a_cycle_for_each_channel_group_of_a_beat():
    # Weight words of 8 bytes, two a beat.
    assert TRIAL.beat_words == 2
    assert weights_cost(TRIAL, 1, 20) == Cost(10, gap=2, beats=10)
    for hw in (TRIAL, replace(TRIAL, bits_weights=2), replace(TRIAL, axi_width=32)):
        per_beat = hw.beat_words
        for groups, words in product((1, 2, 3, 7, 16), (1, 2, 3, 6, 20, 27)):
            bounds = [(first, first + words - 1) for first in range(0, groups * words, words)]
            writes = sum(last // per_beat - first // per_beat + 1 for first, last in bounds)
            slots = groups * words * hw.weight_slot_bits
            assert weights_cost(hw, groups, words).busy == max(writes, -(-slots // hw.axi_width))
    # A channel a cycle, two of them in a beat.
    assert parameters_cost(TRIAL, 3) == Cost(24, gap=2, beats=12)


def test_pooling_takes_a_cycle_a_tap_or_the_division():
    assert division_steps(TRIAL, 0, 0, 0, sums=False) == 0
    assert division_steps(TRIAL, 2, 2, 0, sums=False) == 0
    assert division_steps(TRIAL, 0, 0, 3, sums=False) == 9
    assert division_steps(TRIAL, 2, 0, 0, sums=True) == 11
    assert pool_cost(TRIAL, 64, 33, 4, 0).busy == 64 * 2 * 4
    assert pool_cost(TRIAL, 64, 32, 4, 9).busy == 64 * 10
    assert pool_cost(TRIAL, 64, 32, 25, 9).busy == 64 * 25


def test_instructions_take_whole_words_of_the_stream():
    assert instruction_beats(TRIAL, "load") == 2
    assert instruction_beats(Hardware(axi_width=32), "load") == 8


# The timeline.


def task(
    queue: Queue,
    *waits: int,
    busy: int = 100,
    drain: int = 10,
    gap: int = 0,
    reads: int = 0,
    writes: int = 0,
    yields: int = 0,
    slot: int = 0,
    beats: int = 0,
) -> Task:
    """An instruction of `beats` beats, whose cycles, if it moves data, are beats too."""
    fill = MATRIX_FILL if queue is Queue.MATRIX else 0
    moved = 0 if queue is Queue.MATRIX else busy
    return Task(queue, waits, Cost(busy, fill, drain, gap, moved, reads, writes, yields, slot), 1, beats)


def test_an_instruction_starts_when_it_is_dispatched():
    (one,) = simulate([task(Queue.LOAD)], 4)
    assert (one.start, one.finish) == (2, 112)


def test_an_instruction_waits_for_tokens():
    load, matrix = simulate([task(Queue.LOAD), task(Queue.MATRIX, 0)], 4)
    assert matrix.start == load.finish + TOKEN_LATENCY


def test_matrix_instructions_follow_without_a_gap():
    first, second = simulate([task(Queue.MATRIX), task(Queue.MATRIX)], 4)
    assert second.start == first.start + 100
    first, second = simulate([task(Queue.MATRIX), task(Queue.MATRIX, 0)], 4)
    assert second.start == first.finish + TOKEN_LATENCY


def test_other_queues_do_not_delay_each_other():
    load, store = simulate([task(Queue.LOAD), task(Queue.STORE)], 4)
    assert store.start == load.start + 1


def test_a_full_queue_blocks_what_stands_behind():
    tasks = [task(Queue.LOAD, gap=10) for _ in range(5)]
    deep = simulate([*tasks, task(Queue.STORE)], 8)[-1]
    shallow = simulate([*tasks, task(Queue.STORE)], 2)[-1]
    assert deep.start == 7
    assert shallow.start > 2 * 100


def test_a_queue_completes_in_order():
    long, short = simulate([task(Queue.MATRIX, drain=500), task(Queue.MATRIX, drain=1)], 4)
    assert short.finish >= long.finish


def test_a_store_reads_when_the_matrix_unit_does_not():
    """Beside a MATRIX instruction that reads in 3 of 4 cycles a STORE has a quarter of them, and all when that is over."""
    matrix, store = simulate([task(Queue.MATRIX, busy=1000, reads=750), task(Queue.STORE, busy=100, reads=100)], 4)
    begin, end = matrix.start + MATRIX_FILL, matrix.start + MATRIX_FILL + 1000
    alone = begin - store.start
    assert store.finish == begin + 4 * (100 - alone) + 10
    matrix, store = simulate([task(Queue.MATRIX, busy=1000, reads=1000), task(Queue.STORE, busy=100, reads=100)], 4)
    assert store.finish == end + (100 - alone) + 10


def test_a_store_has_few_reads_under_way_in_the_rest_of_a_slot():
    """
    MATRIX reads in the first half of each 40 cycles. A STORE that leaves a beat every other cycle has 7 reads at once in the
    other 20, and 6.5 in the 13 cycles after them; a pooling is not held up by that, nor a STORE where slots leave 7 or fewer.
    """
    assert STORE_READS == 7
    matrix = task(Queue.MATRIX, busy=1000, reads=500, slot=40)
    begin = simulate([matrix], 4)[0].start + MATRIX_FILL
    _, store = simulate([matrix, task(Queue.STORE, busy=200, reads=100)], 4)
    alone = begin - store.start
    assert store.finish == pytest.approx(begin + (200 - alone) / 2 * 40 / 13.5 + 10, abs=1)
    _, pooling = simulate([matrix, task(Queue.VECTOR, busy=200, reads=100)], 4)
    assert pooling.busy == 200
    _, store = simulate([task(Queue.MATRIX, busy=1000, reads=500, slot=14), task(Queue.STORE, busy=200, reads=100)], 4)
    assert store.busy == 200


def test_a_depthwise_instruction_lets_a_store_read_between_its_tiles():
    """
    One that reads in all of its 900 cycles, and may stop for 100 more, leaves a STORE a tenth of the cycles, and takes as much
    longer as that reads in them; for a pooling it does not stop.
    """
    depthwise = task(Queue.MATRIX, busy=900, reads=900, yields=100)
    matrix, store = simulate([depthwise, task(Queue.STORE, busy=60, reads=60)], 4)
    begin = matrix.start + MATRIX_FILL
    alone = begin - store.start
    assert store.finish == begin + 10 * (60 - alone) + 10
    assert matrix.busy == pytest.approx(900 + 60 - alone, abs=5)
    assert matrix.finish == matrix.start + MATRIX_FILL + matrix.busy + 10
    matrix, store = simulate([depthwise, task(Queue.STORE, busy=400, reads=400)], 4)
    assert matrix.busy == pytest.approx(1000, abs=2)
    assert store.finish == pytest.approx(begin + 1000 + 400 - 100 - alone + 10, abs=3)
    matrix, pooling = simulate([depthwise, task(Queue.VECTOR, busy=60, reads=60)], 4)
    assert matrix.busy == 900
    assert pooling.finish == begin + 900 + 60 - alone + 10


def test_a_load_writes_when_the_matrix_unit_does_not():
    """Beside one that writes a result in a quarter of the cycles a LOAD has three quarters; a STORE has them all."""
    matrix = task(Queue.MATRIX, busy=1000, reads=0, writes=250)
    begin = simulate([matrix], 4)[0].start + MATRIX_FILL
    _, load = simulate([matrix, task(Queue.LOAD, busy=300, writes=300)], 4)
    alone = begin - load.start
    assert load.finish == begin + round((300 - alone) * 4 / 3) + 10
    _, store = simulate([matrix, task(Queue.STORE, busy=300, reads=300)], 4)
    assert store.finish == store.start + 300 + 10


def test_a_load_shares_its_bus_with_the_fetch_of_instructions():
    """
    Bursts come in the order in which they are asked for. The two that there is room for when a program starts are under way
    when a LOAD starts; the next one, asked for when the beats of the first have been taken, is behind what the LOAD has asked
    for by then, all of it if that is short.
    """
    others = [replace(task(Queue.MATRIX, 0, beats=8), dispatch=8) for _ in range(40)]
    program = [task(Queue.LOAD, busy=48, beats=2), *others]
    load = simulate(program, 2)[0]
    fetched = FETCH_START + FETCH_AHEAD
    assert (load.first, load.start + load.busy) == (fetched, fetched + 48)
    long = simulate([task(Queue.LOAD, busy=1000, beats=2), *others], 2)[0]
    # Taken are the LOAD, two MATRIX, and one that waits for room.
    assert long.start + long.busy == fetched + 1000 + (2 + 3 * 8) // FETCH_BURST * FETCH_BURST
    # Nothing is left to be fetched.
    assert simulate(program[:2], 2)[0].first == FETCH_START + 10
    assert simulate([task(Queue.STORE, beats=2), *others], 2)[0].busy == 100


@pytest.mark.parametrize("seed", range(4))
def test_walks_settle(seed: int):
    """
    Layers whose instructions slow each other, depthwise ones too, which stop for a STORE that then reads sooner. What is late
    moves all behind it, so a long program settles as soon as a short one; where the ports are as busy as here instructions may
    make room for each other in turn, which changes its end by a few per cent, here 5 % at most.
    """
    rng = random.Random(seed)

    def layer(number: int) -> list[Task]:
        first, busy = 4 * number, rng.randint(200, 400)
        before = (first - 3,) if number else ()
        depthwise = rng.random() < 0.5
        reads = busy if depthwise else rng.randint(50, busy)
        return [
            task(Queue.LOAD, *(one - 4 for one in before if one > 4), busy=150, writes=150),
            task(Queue.MATRIX, first, *before, busy=busy, reads=reads, writes=150, yields=100 * depthwise),
            task(Queue.STORE, first + 1, busy=rng.randint(50, 300), reads=50),
            task(Queue.VECTOR, first + 1, busy=100, reads=100, writes=100),
        ]

    tasks = [one for number in range(100) for one in layer(number)]
    walk, ends = None, list[int]()
    for _ in range(12):
        walk = timeline.walk(tasks, 4, walk)
        ends.append(max(one.finish for one in walk.times))
    assert ends[3:] == pytest.approx([ends[-1]] * len(ends[3:]), rel=0.05), seed


def test_a_pooling_that_reads_seldom_is_not_slowed():
    """One that divides for longer than it reads has no need of every cycle."""
    _, pooling = simulate([task(Queue.MATRIX, busy=1000, reads=500), task(Queue.VECTOR, busy=100, reads=50)], 4)
    assert pooling.finish == pooling.start + 110


def test_what_waits_for_a_pooling_does_not_slow_it():
    """The matrix instruction behind it comes later, however the walks through the program find that."""
    tasks = [
        task(Queue.MATRIX, busy=100, reads=100),
        task(Queue.VECTOR, 0, busy=100, reads=100),
        task(Queue.MATRIX, busy=100, reads=100),
        task(Queue.MATRIX, 1, busy=1000, reads=1000),
    ]
    _, pooling, _, last = simulate(tasks, 4)
    assert last.start == pooling.finish + TOKEN_LATENCY
    assert pooling.finish < pooling.start + 2 * 100 + 10 + MATRIX_FILL


def test_bundle_cycles_count_each_stretch():
    array, vector = ((10, 30, True), (25, 60, True), (60, 80, True), (100, 110, True)), ((0, 5, False), (50, 70, False))
    first, second, other, last = (Interval(name, *one) for name, one in zip("aaba", array, strict=True))
    assert bundle_cycles([first, second, other, last]) == {"a": 60, "b": 20}
    # The vector unit before the array is not counted, behind it or alone it is.
    before, behind = (Interval("a", *one) for one in vector)
    assert bundle_cycles([before, first, second, behind, other]) == {"a": 60, "b": 20}
    assert bundle_cycles([before, behind, other]) == {"a": 70, "b": 20}
    assert bundle_cycles([]) == {}


@pytest.mark.parametrize("seed", range(30))
def test_parts_of_an_instruction_are_as_fast_as_it_gets_on(seed: int):
    """Up to where it has changed its speed as often as there are parts; what is left is one more part, of the average."""
    rng = random.Random(seed)
    speeds = [rng.choice((0.0, 0.25, 0.5, 0.75, 1.0)) for _ in range(rng.randint(1, 2 * PARTS))] + [1.0]
    lengths = [rng.randint(1, 40) for _ in speeds]
    work = sum(speed * length for speed, length in zip(speeds, lengths, strict=True))
    start, pace, now, left = rng.randint(0, 99), [], 0.0, work
    for speed, length in zip(speeds, lengths, strict=True):
        pace.append((start + now, left))
        now, left = now + length, left - speed * length
    parts = parts_of(pace, start, start + sum(lengths))
    assert len(parts) == PARTS and parts[0][0] == start and parts[-1][1] == start + sum(lengths)
    assert all(one[1] == other[0] for one, other in pairwise(parts))
    assert sum(share for *_, share in parts) == pytest.approx(1)
    by_cycle = [speed for speed, length in zip(speeds, lengths, strict=True) for _ in range(length)]
    for first, last, share in parts:
        assert share * work == pytest.approx(sum(by_cycle[first - start : last - start])), seed
    alike = [first for first, last, _ in parts[:-1] if len(set(by_cycle[first - start : last - start])) > 1]
    assert not alike, seed
    assert parts_of([], 5, 9) == [(5, 9, 1.0), *[(9, 9, 0.0)] * (PARTS - 1)]

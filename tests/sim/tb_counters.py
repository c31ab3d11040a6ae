"""
The counters of the whole engine, as firmware reads them. `test_counters.py` builds it.

Expected values come from the program (steps, slots, pieces) and from what the memory models have seen or done; where a
constant of the pipeline would be in the way, two runs that differ in one thing are compared, counter by counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cocotb
from axi_memory import Timing
from core_programs import LOAD, MATRIX, STORE, VECTOR, WEIGHT, network
from instructions import array_steps, legal
from tb_top import TIMINGS
from top_bench import DONE, HW, ORIGIN, SEED, START, Engine

from dsf.cost import MATRIX_FILL
from dsf.isa.encoding import decode_stream
from dsf.isa.registers import ARRAY, BY_NAME, Counter
from dsf.isa.table import BaseRegister

#: The IDs of the feature port.
FEATURES, INSTRUCTIONS = 0, 1
END = legal("end")
ROWS, GROUPS = HW.rows, HW.column_groups


@dataclass(frozen=True)
class Work:
    """A MATRIX instruction without a purpose: `slots` slots of `chunk` steps for each tile of its `pixels` positions."""

    pixels: int
    chunk: int
    slots: int = 1
    groups: int = 1
    tall: int = 0

    def encode(self, *, wait: int = 0, signal: int = 0) -> bytes:
        words = self.chunk * self.slots
        return legal(
            "matrix",
            tall=self.tall,
            run=words,
            chunk=self.chunk,
            chunks=self.slots,
            last_chunk=self.chunk,
            columns=self.pixels,
            pixels=self.pixels,
            channel_groups=self.groups,
            weight_words=words,
            wait=wait,
            signal=signal,
        )


def steps_of(program: bytes) -> int:
    """Array steps of a program."""
    return sum(array_steps(one, HW) for one in decode_stream(program) if one.name == "matrix")


class Bench(Engine):
    """Runs programs and reads all counters."""

    async def count(self) -> dict[Counter, int]:
        return {counter: await self.read(f"COUNT_{counter.name}") for counter in Counter}

    async def cycles_of_run(self) -> int:
        return await self.read("CYCLES_HI") << 32 | await self.read("CYCLES_LO")

    async def run(self, *instructions: bytes) -> dict[Counter, int]:
        """The counters of a program, whose regions always lie at the same addresses. They fit together."""
        program = b"".join((*instructions, END))
        for base in BaseRegister:
            await self.set_base(base, ORIGIN + 0x4000 * base)
        self.memory.data[: len(program)] = program
        await self.write("PROGRAM_HASH", HW.hash)
        await self.write("PROGRAM_BYTES", len(program))
        await self.write("CONTROL", START)
        status = await self.wait()
        assert status == DONE, await self.failure()
        counts = await self.count()
        assert counts[Counter.MATRIX_STEPS] == steps_of(program)
        assert sum(counts[one] for one in ARRAY) == await self.cycles_of_run(), counts
        return counts


def changes(before: Mapping[Counter, int], after: Mapping[Counter, int]) -> dict[Counter, int]:
    """The counters of the array that differ, and by how much."""
    return {one: after[one] - before[one] for one in ARRAY if after[one] != before[one]}


async def started(dut) -> Bench:
    bench = Bench(dut)
    await bench.start()
    return bench


@cocotb.test(timeout_time=8, timeout_unit="ms")
@cocotb.parametrize(kind=list(TIMINGS), tall=[0, 1])
async def counters_of_networks(dut, kind: str, tall: int) -> None:
    """Under all kinds of stalls: steps of the program, beats of the ports, and no cycle without a reason or with two."""
    engine = Bench(dut, TIMINGS[kind])
    await engine.start()
    for seed in range(3):
        one = network(HW, SEED + 10 * seed, tall=tall)
        before = dict(engine.features.beats_of), engine.weights.beats, engine.output.beats
        await engine.good_run(one)
        counts = await engine.count()
        features = {name: engine.features.beats_of[name] - before[0].get(name, 0) for name in (FEATURES, INSTRUCTIONS)}
        assert counts[Counter.MATRIX_STEPS] == steps_of(one.program)
        assert counts[Counter.INSTRUCTION_BEATS] == features[INSTRUCTIONS]
        assert counts[Counter.FEATURE_BEATS] == features[FEATURES]
        assert counts[Counter.WEIGHT_BEATS] == engine.weights.beats - before[1]
        assert counts[Counter.OUTPUT_BEATS] == engine.output.beats - before[2]
        assert sum(counts[one] for one in ARRAY) == await engine.cycles_of_run(), f"{counts} (seed {SEED})"
    assert await engine.read("BEAT_BYTES") == HW.beat_bytes


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(tall=[0, 1])
async def pixels(dut, tall: int) -> None:
    """A slot that is shorter than its pixels takes as many cycles as they are; an instruction takes a while to begin."""
    bench = await started(dut)
    in_flight = ROWS * (GROUPS if tall else 1)
    for chunk, slots, tiles in ((1, 9, 3), (in_flight - 1, 11, 2), (in_flight, 8, 3), (in_flight + 1, 7, 2)):
        counts = await bench.run(Work(in_flight * tiles, chunk, slots, tall=tall).encode())
        refill = tiles * slots * max(0, in_flight - chunk)
        assert counts[Counter.STALL_PIXELS] == refill + MATRIX_FILL - 1, (chunk, slots, tiles)
        stalls = {one for one in ARRAY if counts[one]}
        assert stalls == {Counter.MATRIX_STEPS, Counter.STALL_PIXELS, Counter.IDLE}


# Where capture memory has room for what is on its way (dsf_matrix).
@cocotb.test(timeout_time=1, timeout_unit="ms", skip=(HW.capture_tiles - 1) * ROWS * GROUPS < 14 + ROWS * GROUPS)
async def drain(dut) -> None:
    """A tile of fewer steps than pieces waits for the pieces, once capture memory is full."""
    bench = await started(dut)
    chunk, pieces = ROWS, ROWS * GROUPS
    few, many = HW.capture_tiles + 8, HW.capture_tiles + 31
    before, after = [await bench.run(Work(ROWS * tiles, chunk, groups=GROUPS).encode()) for tiles in (few, many)]
    assert changes(before, after) == {
        Counter.MATRIX_STEPS: (many - few) * chunk,
        Counter.STALL_DRAIN: (many - few) * (pieces - chunk),
    }


# With fewer rows the second instruction, short as it is, comes late by itself.
@cocotb.test(timeout_time=1, timeout_unit="ms", skip=ROWS < 4)
async def drain_of_the_instruction_before(dut) -> None:
    """The first rows of a short tile would leave together with the last ones of the tile before: its steps come later."""
    bench = await started(dut)
    first = Work(ROWS, ROWS, slots=10).encode()
    counts = await bench.run(first, Work(1, 1).encode())
    assert counts[Counter.STALL_DRAIN] == ROWS - 1


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def matrix(dut) -> None:
    """An instruction that waits for another's results waits for each piece of its last tile."""
    bench = await started(dut)
    runs = [
        await bench.run(Work(ROWS, ROWS, 6, groups).encode(signal=MATRIX), Work(ROWS, ROWS, 6).encode(wait=MATRIX))
        for groups in (1, GROUPS)
    ]
    assert changes(*runs) == {Counter.STALL_MATRIX: ROWS * (GROUPS - 1)}


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def vector(dut) -> None:
    """A maximum takes a cycle for each element."""
    bench = await started(dut)
    window = {"kernel_columns": 8, "row_elements": 8, "height": 1, "signal": MATRIX}
    runs = [
        await bench.run(legal("vector", columns=windows, **window), Work(ROWS, ROWS).encode(wait=VECTOR))
        for windows in (30, 47)
    ]
    assert changes(*runs) == {Counter.STALL_VECTOR: 8 * (47 - 30)}


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def memory(dut) -> None:
    """Memory that takes longer: for input, weights, output, and instructions."""
    bench = await started(dut)
    load = legal("load", base=BaseRegister.INPUT, signal=MATRIX)
    weights = legal("load_weights", base=BaseRegister.WEIGHTS, bytes=HW.weight_slot_bits // 8, signal=MATRIX)
    store = legal("store", base=BaseRegister.OUTPUT, signal=MATRIX)
    work = Work(ROWS, ROWS)

    async def slow(features: int, weight: int, output: int, instructions: int = 0) -> dict[Counter, int]:
        bench.features.delays = {FEATURES: features, INSTRUCTIONS: instructions}
        bench.weights.timing, bench.output.timing = Timing(lambda: weight), Timing(lambda: output)
        return await bench.run(load, weights, store, work.encode(wait=LOAD | WEIGHT | STORE))

    # The input comes no earlier than the last instruction, so that the two never meet.
    same = await slow(300, 300, 300)
    assert changes(same, await slow(300, 300, 300)) == {}
    assert changes(same, await slow(357, 300, 300)).keys() == {Counter.STALL_LOAD}
    for longer in (60, 200):
        base, later = await slow(500, 0, 0), await slow(500 + longer, 0, 0)
        assert changes(base, later) == {Counter.STALL_LOAD: longer}
        base, later = await slow(100, 500, 0), await slow(100, 500 + longer, 0)
        assert changes(base, later) == {Counter.STALL_WEIGHTS: longer}
        base, later = await slow(100, 0, 500), await slow(100, 0, 500 + longer)
        assert changes(base, later) == {Counter.STALL_OUTPUT: longer}
    # Of several that are missing the first one counts: STORE, then LOAD, then WEIGHT.
    counts = await slow(500, 400, 0)
    assert counts[Counter.STALL_WEIGHTS] == 0
    assert changes(counts, await slow(500, 0, 400)).keys() == {Counter.STALL_LOAD, Counter.STALL_OUTPUT}
    counts, later = await slow(500, 600, 0), await slow(500, 700, 0)
    assert changes(counts, later) == {Counter.STALL_WEIGHTS: 100}
    bench.features.delays = {INSTRUCTIONS: 100}
    alone = await bench.run(work.encode())
    bench.features.delays = {INSTRUCTIONS: 220}
    longer = changes(alone, await bench.run(work.encode()))
    assert longer.keys() == {Counter.IDLE} and longer[Counter.IDLE] >= 120


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def of_several_tokens_the_first_counts(dut) -> None:
    """MATRIX, then VECTOR, then STORE; WEIGHT is the last: what comes later changes nothing for what comes before."""
    bench = await started(dut)
    # As long as all of the program takes to arrive.
    first = Work(ROWS, ROWS, slots=100).encode(signal=MATRIX)
    window = {"kernel_columns": 8, "row_elements": 8, "height": 1, "signal": MATRIX}
    store = legal("store", base=BaseRegister.OUTPUT, signal=MATRIX)
    weights = legal("load_weights", base=BaseRegister.WEIGHTS, bytes=HW.weight_slot_bits // 8, signal=MATRIX)

    async def run(windows: int, output: int, weight: int) -> dict[Counter, int]:
        bench.output.timing, bench.weights.timing = Timing(lambda: output), Timing(lambda: weight)
        last = Work(ROWS, ROWS).encode(wait=MATRIX | VECTOR | STORE | WEIGHT)
        return await bench.run(legal("vector", columns=windows, **window), store, weights, first, last)

    counts = await run(1, 0, 0)
    assert counts[Counter.STALL_MATRIX] > 0 and counts[Counter.STALL_VECTOR] == 0
    # STORE's read comes after those of VECTOR: what is later in the order may change.
    for one, times in (
        (Counter.STALL_VECTOR, (100, 0, 0)),
        (Counter.STALL_OUTPUT, (100, 900, 0)),
        (Counter.STALL_WEIGHTS, (100, 900, 2100)),
    ):
        before, counts = counts, await run(*times)
        assert next(iter(changes(before, counts))) is one and counts[one] > before[one]
    assert changes(counts, await run(100, 900, 2200)) == {Counter.STALL_WEIGHTS: 100}


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def counters_begin_at_zero(dut) -> None:
    """Each run counts for itself, also after one that was cut off."""
    bench = await started(dut)
    first = await bench.run(Work(ROWS * 3, ROWS, groups=GROUPS).encode())
    await bench.write("CONTROL", START)
    await bench.write("CONTROL", 1 << BY_NAME["CONTROL"].fields[1].low)
    await bench.wait()
    counts = await bench.count()
    assert sum(counts[one] for one in ARRAY) == await bench.cycles_of_run()
    assert await bench.run(Work(ROWS * 3, ROWS, groups=GROUPS).encode()) == first

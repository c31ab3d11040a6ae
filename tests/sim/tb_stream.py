"""
The small stream blocks under cocotb: dsf_fifo, dsf_skid and dsf_stream_resize have the same ports, in_* and out_*.
`test_fifo.py`, `test_skid.py` and `test_stream_resize.py` build them; DSF_PARAMETERS says what is built.
"""

from __future__ import annotations

import json
import os
import random

import cocotb
from streams import Cycles, Sink, Source

PARAMETERS = json.loads(os.environ["DSF_PARAMETERS"])
SEED = int(os.environ["DSF_SEED"])
BEATS = 300
IN_WIDTH = PARAMETERS.get("InWidth", PARAMETERS.get("Width"))
OUT_WIDTH = PARAMETERS.get("OutWidth", PARAMETERS.get("Width"))
RESIZE = "InWidth" in PARAMETERS
DEPTH = PARAMETERS.get("Depth")
#: Patterns of holding up: none, one side, both.
PATTERNS = ((0.0, 0.0), (0.0, 0.7), (0.7, 0.0), (0.5, 0.5))


class Bench(Cycles):
    def __init__(self, dut, source_stall: float = 0.0, sink_stall: float = 0.0) -> None:
        super().__init__(dut, "in_valid_i", "out_ready_i", *(["clear_i", "in_last_i"] if RESIZE else []))
        self.stalls = source_stall, sink_stall

    async def __aenter__(self) -> Bench:
        dut = self.dut
        await super().__aenter__()
        ins = (dut.in_data_i, dut.in_last_i) if RESIZE else (dut.in_data_i,)
        outs = (dut.out_data_o, dut.out_last_o, dut.out_partial_o) if RESIZE else (dut.out_data_o,)
        self.source = Source(self, dut.in_valid_i, dut.in_ready_o, ins, stall=self.stalls[0], seed=SEED)
        self.sink = Sink(self, dut.out_valid_o, dut.out_ready_i, outs, stall=self.stalls[1], seed=SEED)
        return self

    async def transfer(self, beats: list[tuple[int, ...]], expected: list[tuple[int, ...]]) -> None:
        self.source.send(*beats)
        await self.until(lambda: len(self.sink.beats) >= len(expected))
        await self.wait(10)
        assert self.sink.beats == expected


def packets(draw: random.Random, count: int, *, whole: bool) -> list[tuple[int, ...]]:
    """Random beats; for the resizer in packets, which fill their last wide beat if `whole`."""
    if not RESIZE:
        return [(draw.getrandbits(IN_WIDTH),) for _ in range(count)]
    beats: list[tuple[int, ...]] = []
    per_wide = max(1, OUT_WIDTH // IN_WIDTH)
    while len(beats) < count:
        length = draw.randint(1, 9)
        length = -(-length // per_wide) * per_wide if whole else length
        beats += [(draw.getrandbits(IN_WIDTH), int(i == length - 1)) for i in range(length)]
    return beats


def resized(beats: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """What comes out; the data of a wide beat that is not full are not defined."""
    if not RESIZE:
        return beats
    result: list[tuple[int, ...]] = []
    if IN_WIDTH > OUT_WIDTH:
        pieces = IN_WIDTH // OUT_WIDTH
        for data, last in beats:
            for i in range(pieces):
                piece = data >> (OUT_WIDTH * i) & ((1 << OUT_WIDTH) - 1)
                result.append((piece, int(last and i == pieces - 1), 0))
        return result
    pieces, have, wide = OUT_WIDTH // IN_WIDTH, 0, 0
    for data, last in beats:
        wide |= data << (IN_WIDTH * have)
        have += 1
        if have == pieces or last:
            result.append((wide, last, int(have != pieces)))
            have = wide = 0
    return result


@cocotb.test()
async def keeps_order_under_stalls(dut) -> None:
    draw = random.Random(SEED)
    for source_stall, sink_stall in PATTERNS:
        beats = packets(draw, BEATS, whole=True)
        async with Bench(dut, source_stall, sink_stall) as bench:
            await bench.transfer(beats, resized(beats))


@cocotb.test()
async def loses_no_cycle(dut) -> None:
    """Without stalls, the side with more beats moves one each cycle."""
    beats = packets(random.Random(SEED), BEATS, whole=True)
    expected = resized(beats)
    async with Bench(dut) as bench:
        await bench.transfer(beats, expected)
        taken = bench.sink.taken if len(expected) > len(beats) else bench.source.taken
        assert taken[-1] - taken[0] == len(taken) - 1
        assert bench.sink.taken[-1] - bench.source.taken[-1] <= max(2, IN_WIDTH // OUT_WIDTH)


@cocotb.test(skip=DEPTH is None)
async def holds_what_it_promises(dut) -> None:
    """A blocked FIFO takes Depth + 1 beats, and knows when it is empty."""
    async with Bench(dut, sink_stall=1.0) as bench:
        assert dut.empty_o.value == 1
        beats = packets(random.Random(SEED), DEPTH + 5, whole=True)
        bench.source.send(*beats)
        await bench.wait(DEPTH + 20)
        assert len(bench.source.taken) == DEPTH + 1
        assert dut.empty_o.value == 0
        bench.sink.stall = 0.0
        await bench.until(lambda: len(bench.sink.beats) == len(beats))
        await bench.wait(3)
        assert bench.sink.beats == beats
        assert dut.empty_o.value == 1


@cocotb.test(skip=not RESIZE)
async def marks_partial_beats(dut) -> None:
    """A packet may end inside a wide beat; the next one starts a new beat."""
    beats = packets(random.Random(SEED), BEATS, whole=False)
    expected = resized(beats)
    async with Bench(dut, 0.3, 0.3) as bench:
        bench.source.send(*beats)
        await bench.until(lambda: len(bench.sink.beats) >= len(expected))
        assert [beat[1:] for beat in bench.sink.beats] == [beat[1:] for beat in expected]
        assert [beat for beat in bench.sink.beats if not beat[2]] == [beat for beat in expected if not beat[2]]


@cocotb.test(skip=not RESIZE)
async def clears(dut) -> None:
    """What is inside when clear comes never comes out, and the next beat starts a new wide one."""
    async with Bench(dut, sink_stall=1.0) as bench:
        bench.source.send((1, 0))
        await bench.wait(6)
        dut.clear_i.value = 1
        await bench.wait(1)
        dut.clear_i.value = 0
        await bench.wait(1)
        bench.sink.stall = 0.0
        beats = packets(random.Random(SEED), 20, whole=True)
        await bench.transfer(beats, resized(beats))

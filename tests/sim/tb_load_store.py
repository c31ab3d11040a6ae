"""LOAD and STORE under cocotb, against an array. `test_load_store.py` builds `hdl/dsf_load_store_tb.sv`."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass

import cocotb
from instructions import legal
from rtl_bench import pack
from streams import Cycles, Sink, Source

PARAMETERS = json.loads(os.environ["DSF_PARAMETERS"])
SEED = int(os.environ["DSF_SEED"])
BITS, AXI = PARAMETERS["XBits"], PARAMETERS["AxiWidth"]
BEAT = AXI // BITS
ELEMENTS = PARAMETERS["FeatureWords"] * PARAMETERS["VecLen"]
ADDRESSES = 1 << 24


@dataclass(frozen=True)
class Rows:
    """What a LOAD or a STORE moves."""

    address: int
    rows: int
    elements: int
    stride: int

    def addresses(self) -> list[list[int]]:
        return [[(self.address + r * self.stride) % ADDRESSES + i for i in range(self.elements)] for r in range(self.rows)]

    def instruction(self, name: str, **fields: int) -> int:
        local = "dst" if name == "load" else "src"
        fields |= {local: self.address, f"{local}_stride": self.stride % ADDRESSES}
        return int.from_bytes(legal(name, rows=self.rows, row_elements=self.elements, **fields), "little")

    def beats(self) -> int:
        return self.rows * -(-self.elements // BEAT)

    @staticmethod
    def draw(draw: random.Random) -> Rows:
        """Inside the memory; strides of all signs, rows that may overlap."""
        elements = draw.choice([1, BEAT - 1, BEAT, BEAT + 1, draw.randint(1, 5 * BEAT)])
        rows = draw.randint(1, 6)
        reach = (ELEMENTS - elements) // rows
        stride = draw.randint(-reach, reach)
        low, high = sorted((0, (rows - 1) * stride))
        return Rows(draw.randint(-low, ELEMENTS - elements - high), rows, elements, stride)


class Bench(Cycles):
    """Both units, DMA channels that answer commands, and clients of feature memory that get in the way."""

    def __init__(self, dut, stall: float = 0.0) -> None:
        valids = ("load_valid_i", "store_valid_i", "ld_valid_i", "ldcmd_ready_i", "stcmd_ready_i", "st_ready_i")
        super().__init__(dut, *valids, "block_read_i", "block_write_i", "st_done_i")
        self.stall, self.draw = stall, random.Random(SEED)
        self.memory = [0] * ELEMENTS
        self.loaded = self.expected_done = 0

    async def __aenter__(self) -> Bench:
        d = self.dut
        await super().__aenter__()
        knobs = {"stall": self.stall, "seed": SEED}
        self.loads = Source(self, d.load_valid_i, d.load_ready_o, (d.load_instr_i, d.load_index_i), **knobs)
        self.stores = Source(self, d.store_valid_i, d.store_ready_o, (d.store_instr_i, d.store_index_i), **knobs)
        self.data_in = Source(self, d.ld_valid_i, d.ld_ready_o, (d.ld_data_i,), **knobs)
        self.load_commands = Sink(self, d.ldcmd_valid_o, d.ldcmd_ready_i, (d.ldcmd_o,), **knobs)
        self.store_commands = Sink(self, d.stcmd_valid_o, d.stcmd_ready_i, (d.stcmd_o,), **knobs)
        self.data_out = Sink(self, d.st_valid_o, d.st_ready_i, (d.st_data_o, d.st_last_o), **knobs)
        self.run(self._others())
        return self

    async def _others(self) -> None:
        while True:
            await self.wait(1)
            self.loaded += int(self.dut.load_done_o.value)
            for name in ("block_read_i", "block_write_i"):
                getattr(self.dut, name).value = int(self.draw.random() < self.stall)

    def element(self) -> int:
        return self.draw.getrandbits(BITS)

    def load(self, rows: Rows, index: int = 0) -> None:
        """Sends a LOAD with random data, and notes what the memory holds after it."""
        self.loads.send((rows.instruction("load", base=2, offset=index, row_stride=77), index))
        for addresses in rows.addresses():
            for first in range(0, len(addresses), BEAT):
                values = [self.element() for _ in range(BEAT)]
                self.data_in.send((pack(values, BITS),))
                for address, value in zip(addresses[first : first + BEAT], values, strict=False):
                    self.memory[address] = value
        self.expected_done += 1

    async def loads_done(self) -> None:
        await self.until(lambda: self.loaded == self.expected_done)

    def stored(self, rows: Rows) -> list[tuple[int, int]]:
        """The beats of a STORE: zero beyond the row, the last one marked."""
        beats: list[tuple[int, int]] = []
        for addresses in rows.addresses():
            values = [self.memory[address] for address in addresses]
            for first in range(0, len(values), BEAT):
                last = first + BEAT >= len(values)
                beats += [(pack(values[first : first + BEAT], BITS), int(last))]
        return beats

    async def beats_out(self, count: int) -> None:
        await self.until(lambda: len(self.data_out.beats) >= count)


def command(rows: Rows, base: int, offset: int, stride: int) -> tuple[int]:
    """The packed `dma_command_t`."""
    row_bytes = -(-rows.elements * BITS // 8)
    return (stride << 83 | row_bytes << 51 | rows.rows << 35 | offset << 3 | base,)


@cocotb.test()
async def moves_rows(dut) -> None:
    """Random rows in, and each of them out again as soon as LOAD says that it is there; then random rows out."""
    for stall in (0.0, 0.5):
        async with Bench(dut, stall) as bench:
            everything = Rows(0, 1, ELEMENTS, 0)
            bench.load(everything)
            commands = [command(everything, 2, 0, 77)]
            expected: list[tuple[int, int]] = []
            for index in range(1, 40):
                rows = Rows.draw(bench.draw)
                bench.load(rows, index)
                commands.append(command(rows, 2, index, 77))
                await bench.loads_done()
                bench.stores.send((rows.instruction("store"), index))
                expected += bench.stored(rows)
                await bench.beats_out(len(expected))
            several = [Rows.draw(bench.draw) for _ in range(30)]
            for rows in several:
                bench.stores.send((rows.instruction("store", base=3, offset=5, row_stride=99), 0))
                expected += bench.stored(rows)
            await bench.beats_out(len(expected))
            await bench.wait(20)
            assert bench.data_out.beats == expected
            assert bench.load_commands.beats == commands
            assert bench.store_commands.beats[-30:] == [command(rows, 3, 5, 99) for rows in several]
            assert dut.load_error_o.value == 0 and dut.store_error_o.value == 0


@cocotb.test()
async def moves_a_beat_each_cycle(dut) -> None:
    """Within an instruction always; a LOAD after another takes no cycle more."""
    shapes = [Rows(3, 1, ELEMENTS - 3, 0), Rows(1, 20, 1, 3), Rows(5, 7, 2 * BEAT, 2 * BEAT)]
    async with Bench(dut) as bench:
        for rows in shapes:
            bench.load(rows)
        await bench.loads_done()
        taken = bench.data_in.taken
        assert taken[-1] - taken[4] == len(taken) - 5, "once the skid buffer has filled up"
        for rows in shapes:
            before = len(bench.data_out.beats)
            bench.stores.send((rows.instruction("store"), 0))
            await bench.beats_out(before + rows.beats())
            taken = bench.data_out.taken[before:]
            assert taken[-1] - taken[0] == rows.beats() - 1


@cocotb.test()
async def store_completes_with_the_dma(dut) -> None:
    async with Bench(dut) as bench:
        bench.stores.send((Rows(0, 1, BEAT, 0).instruction("store"), 0))
        await bench.until(lambda: len(bench.data_out.beats) == 1)
        dut.st_done_i.value = 1
        await bench.wait(1)
        assert dut.store_done_o.value == 1
        dut.st_done_i.value = 0
        await bench.wait(1)
        assert dut.store_done_o.value == 0


@cocotb.test()
async def addresses_outside_are_errors(dut) -> None:
    """Of the second row here; nothing of it moves, and the stream is drained."""
    outside = [Rows(ELEMENTS - 2, 2, 2, 1), Rows(0, 2, 4, -1), Rows(1, 1, ELEMENTS, 0), Rows(4, 1, ADDRESSES - 1, 0)]
    for rows in outside:
        async with Bench(dut, 0.2) as bench:
            bench.load(Rows(0, 1, ELEMENTS, 0), 6)
            await bench.loads_done()
            held = bench.stored(Rows(0, 1, ELEMENTS, 0))
            bench.loads.send((rows.instruction("load"), 7))
            bench.data_in.send(*[(pack([0] * BEAT, BITS),)] * (8 + (rows.rows > 1)))
            await bench.until(lambda: dut.load_error_o.value == 1)
            assert int(dut.load_error_index_o.value) == 7
            await bench.until(bench.data_in.idle)
            if rows.rows == 1:
                bench.stores.send((Rows(0, 1, ELEMENTS, 0).instruction("store"), 8))
                await bench.beats_out(len(held))
                assert bench.data_out.beats == held
            bench.stores.send((rows.instruction("store"), 9))
            await bench.until(lambda: dut.store_error_o.value == 1)
            assert int(dut.store_error_index_o.value) == 9
            bench.loads.send((Rows(0, 1, 1, 0).instruction("load"), 10))
            await bench.wait(30)
            assert not bench.loads.idle(), "nothing is taken after an error"

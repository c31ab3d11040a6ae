"""The core under cocotb, with a DMA in Python on its streams. `test_core.py` builds it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import cocotb
from core_programs import LOAD, MATRIX, STORE, VECTOR, WEIGHT, Network, network
from instructions import legal, patched
from streams import Cycles, Sink, Source

from dsf.hardware import Hardware
from dsf.isa.table import BaseRegister, ErrorCode, Queue

HW = Hardware.from_dict(json.loads(os.environ["DSF_HARDWARE"]))
SEED = int(os.environ["DSF_SEED"])
BEAT = HW.beat_bytes
END = legal("end")
#: Queue number of the watchdog where the instruction stream itself is waited for.
STREAM = len(Queue)


@dataclass(frozen=True)
class Command:
    """`dma_command_t`."""

    base: int
    offset: int
    rows: int
    row_bytes: int
    row_stride: int

    @staticmethod
    def unpack(bits: int) -> Command:
        fields: list[int] = []
        for width in (3, 32, 16, 32, 32):
            fields.append(bits & ((1 << width) - 1))
            bits >>= width
        return Command(*fields)

    def row_offsets(self) -> list[int]:
        return [self.offset + row * self.row_stride for row in range(self.rows)]


class Bench(Cycles):
    """The core, DRAM, and what the core did."""

    def __init__(self, dut, stall: float = 0.0, *, serve: bool = True) -> None:
        ready = ("m_axis_ldcmd_tready", "m_axis_wtcmd_tready", "m_axis_stcmd_tready", "m_axis_st_tready")
        super().__init__(dut, "s_axis_inst_tvalid", "s_axis_ld_tvalid", "s_axis_wt_tvalid", *ready, "st_done_i")
        self.stall, self.serve = stall, serve
        self.dram = {base: bytearray() for base in BaseRegister}
        self.starts: list[int] = []
        self.finishes: list[int] = []

    async def __aenter__(self) -> Bench:
        d = self.dut
        await super().__aenter__()
        knobs = {"stall": self.stall, "seed": SEED}
        inst = (d.s_axis_inst_tdata, d.s_axis_inst_tlast)
        self.inst = Source(self, d.s_axis_inst_tvalid, d.s_axis_inst_tready, inst, **knobs)
        self.ld = Source(self, d.s_axis_ld_tvalid, d.s_axis_ld_tready, (d.s_axis_ld_tdata,), **knobs)
        self.wt = Source(self, d.s_axis_wt_tvalid, d.s_axis_wt_tready, (d.s_axis_wt_tdata,), **knobs)
        self.ldcmd = Sink(self, d.m_axis_ldcmd_tvalid, d.m_axis_ldcmd_tready, (d.m_axis_ldcmd_tdata,), **knobs)
        self.wtcmd = Sink(self, d.m_axis_wtcmd_tvalid, d.m_axis_wtcmd_tready, (d.m_axis_wtcmd_tdata,), **knobs)
        self.stcmd = Sink(self, d.m_axis_stcmd_tvalid, d.m_axis_stcmd_tready, (d.m_axis_stcmd_tdata,), **knobs)
        self.st = Sink(self, d.m_axis_st_tvalid, d.m_axis_st_tready, (d.m_axis_st_tdata, d.m_axis_st_tlast), **knobs)
        self.run(self._watch())
        if self.serve:
            self.run(self._read(self.ldcmd, self.ld))
            self.run(self._read(self.wtcmd, self.wt))
            self.run(self._write())
        return self

    async def _watch(self) -> None:
        while True:
            await self.wait(1)
            for events, signal in ((self.starts, self.dut.start_o), (self.finishes, self.dut.finish_o)):
                bits = int(signal.value)
                events += [queue for queue in Queue if bits >> queue & 1]

    async def _read(self, commands: Sink, data: Source) -> None:
        served = 0
        while True:
            await self.wait(1)
            for (bits,) in commands.beats[served:]:
                command = Command.unpack(bits)
                for offset in command.row_offsets():
                    row = self.dram[BaseRegister(command.base)][offset : offset + command.row_bytes]
                    assert len(row) == command.row_bytes
                    for first in range(0, len(row), BEAT):
                        beat = row[first : first + BEAT].ljust(BEAT, b"\xa5")
                        data.send((int.from_bytes(beat, "little"),))
                served += 1

    async def _write(self) -> None:
        commands = beats = 0
        while True:
            await self.until(lambda commands=commands: len(self.stcmd.beats) > commands)
            command = Command.unpack(self.stcmd.beats[commands][0])
            commands += 1
            for offset in command.row_offsets():
                for first in range(0, command.row_bytes, BEAT):
                    await self.until(lambda beats=beats: len(self.st.beats) > beats)
                    data, last = self.st.beats[beats]
                    beats += 1
                    count = min(BEAT, command.row_bytes - first)
                    assert last == (first + count == command.row_bytes)
                    assert data >> 8 * count == 0
                    memory = self.dram[BaseRegister(command.base)]
                    memory[offset + first : offset + first + count] = data.to_bytes(BEAT, "little")[:count]
            self.dut.st_done_i.value = 1
            await self.wait(1)
            self.dut.st_done_i.value = 0

    def send(self, *instructions: bytes, last: bool = True) -> None:
        program = b"".join(instructions)
        beats = [program[i : i + BEAT].ljust(BEAT, b"\0") for i in range(0, len(program), BEAT)]
        self.inst.send(*((int.from_bytes(b, "little"), int(last and i == len(beats) - 1)) for i, b in enumerate(beats)))

    async def error(self, limit: int = 5000) -> tuple[ErrorCode, int]:
        """The error and its instruction; that nothing starts any more, and that every stream is drained."""
        await self.until(lambda: self.dut.error_o.value == 1, limit)
        assert self.dut.busy_o.value == 0 and self.dut.done_o.value == 0
        started = len(self.starts)
        self.send(legal("load"), END)
        await self.until(self.inst.idle)
        await self.wait(20)
        assert len(self.starts) == started and self.dut.error_o.value == 1
        return ErrorCode(int(self.dut.error_code_o.value)), int(self.dut.error_index_o.value)

    async def run_network(self, one: Network) -> None:
        self.dram[BaseRegister.WEIGHTS][:] = one.weights
        self.dram[BaseRegister.INPUT][:] = one.input
        self.dram[BaseRegister.OUTPUT][:] = bytes(len(one.output))
        self.starts.clear()
        self.finishes.clear()
        self.send(one.program)
        await self.until(lambda: self.dut.busy_o.value == 1)
        await self.until(lambda: self.dut.done_o.value == 1 or self.dut.error_o.value == 1, 40000)
        assert self.dut.error_o.value == 0 and self.dut.busy_o.value == 0
        assert bytes(self.dram[BaseRegister.OUTPUT]) == one.output
        assert len(self.starts) == len(self.finishes) == len(one.instructions) - 1


@cocotb.test()
async def runs_networks(dut) -> None:
    """Different programs one after the other without a reset, each of them twice, and with stalls on every stream."""
    networks = [network(HW, SEED + 10 + tall, tall=tall, images=1) for tall in (0, 1)]
    for stall in (0.0, 0.5):
        async with Bench(dut, stall) as bench:
            for one in (*networks, *networks):
                await bench.run_network(one)


@cocotb.test()
async def issues_as_soon_as_tokens_arrive(dut) -> None:
    """A STORE that waits for a LOAD starts in the cycle after the LOAD completes."""
    async with Bench(dut) as bench:
        bench.dram[BaseRegister.INPUT][:] = bytes(range(64))
        bench.dram[BaseRegister.OUTPUT][:] = bytes(64)
        load = legal("load", base=BaseRegister.INPUT, row_elements=64, signal=STORE)
        bench.send(load, legal("store", base=BaseRegister.OUTPUT, row_elements=64, wait=LOAD), END)
        await bench.until(lambda: int(dut.finish_o.value) == LOAD)
        await bench.wait(1)
        assert int(dut.start_o.value) == STORE
        await bench.until(lambda: dut.done_o.value == 1)
        assert bench.dram[BaseRegister.OUTPUT] == bytes(range(64))


@cocotb.test()
async def illegal_instructions(dut) -> None:
    bad_field = patched(legal("matrix"), "matrix", "chunk", 0)
    unit_refuses = legal("vector", pad_value=300)
    for code, instruction in (
        (ErrorCode.ILLEGAL_OPCODE, bytes(32)),
        (ErrorCode.ILLEGAL_FIELD, bad_field),
        (ErrorCode.ILLEGAL_FIELD, unit_refuses),
    ):
        async with Bench(dut, 0.3) as bench:
            bench.dram[BaseRegister.INPUT][:] = bytes(64)
            bench.send(legal("load", base=BaseRegister.INPUT), instruction, END)
            assert await bench.error() == (code, 1)


@cocotb.test()
async def truncated_program(dut) -> None:
    async with Bench(dut) as bench:
        bench.send(legal("matrix")[:64])
        assert await bench.error() == (ErrorCode.TRUNCATED, 0)


@cocotb.test()
async def addresses_outside(dut) -> None:
    elements, words = HW.feature_elements, HW.weight_words
    weights = {"base": BaseRegister.WEIGHTS, "bytes": 64, "address": words - 1, "words": 8 * 64 // HW.weight_slot_bits}
    for instruction in (
        legal("load", base=BaseRegister.INPUT, dst=elements - 1, row_elements=2),
        legal("store", base=BaseRegister.OUTPUT, src=elements, row_elements=1),
        legal("load_weights", **weights),
    ):
        async with Bench(dut) as bench:
            bench.dram[BaseRegister.INPUT][:] = bytes(64)
            bench.dram[BaseRegister.WEIGHTS][:] = bytes(64)
            bench.send(legal("load", base=BaseRegister.INPUT), legal("load", base=BaseRegister.INPUT), instruction, END)
            assert await bench.error() == (ErrorCode.ADDRESS, 2)


@cocotb.test()
async def tokens(dut) -> None:
    """A token that nobody takes, and one too many."""
    async with Bench(dut) as bench:
        bench.dram[BaseRegister.INPUT][:] = bytes(64)
        bench.send(legal("load", base=BaseRegister.INPUT, signal=MATRIX), END)
        assert await bench.error() == (ErrorCode.TOKENS_LEFT, 1)
    async with Bench(dut) as bench:
        bench.dram[BaseRegister.INPUT][:] = bytes(64)
        bench.send(*[legal("load", base=BaseRegister.INPUT, signal=VECTOR)] * 260, END)
        assert await bench.error() == (ErrorCode.TOKEN_OVERFLOW, 255)


async def watchdog(bench: Bench) -> tuple[int, int, int]:
    """Instruction, queue and missing tokens of a watchdog error; that it takes as long as it has to."""
    code, index = await bench.error(HW.watchdog_cycles + 200)
    assert code is ErrorCode.WATCHDOG
    detail = int(bench.dut.error_detail_o.value)
    return index, detail & 7, detail >> 3


@cocotb.test()
async def watchdog_names_what_is_missing(dut) -> None:
    """Two queues wait for each other: the lower one is named, and the tokens that it does not have."""
    async with Bench(dut) as bench:
        bench.dram[BaseRegister.INPUT][:] = bytes(64)
        bench.send(
            legal("load", base=BaseRegister.INPUT, signal=MATRIX),
            legal("store", wait=VECTOR),
            legal("matrix", wait=LOAD | WEIGHT | VECTOR),
            last=False,
        )
        await bench.wait(HW.watchdog_cycles - 10)
        assert dut.error_o.value == 0
        assert await watchdog(bench) == (2, Queue.MATRIX, WEIGHT | VECTOR)


@cocotb.test()
async def watchdog_names_the_stream_that_stands_still(dut) -> None:
    async with Bench(dut, serve=False) as bench:
        bench.send(legal("store"), legal("load"), END)
        assert await watchdog(bench) == (1, Queue.LOAD, 0)
    async with Bench(dut, serve=False) as bench:
        # More LOADs than the unit takes: those that are left wait for the unit, not for tokens.
        bench.send(legal("store", wait=MATRIX), *[legal("load")] * 9, END)
        assert await watchdog(bench) == (0, Queue.STORE, MATRIX)
    async with Bench(dut) as bench:
        bench.dram[BaseRegister.INPUT][:] = bytes(64)
        bench.send(legal("load", base=BaseRegister.INPUT), legal("matrix")[:BEAT], last=False)
        assert await watchdog(bench) == (1, STREAM, 0)


@cocotb.test()
async def reset_recovers(dut) -> None:
    """A run that a reset cuts off leaves nothing behind."""
    one = network(HW, SEED, tall=1, images=1)
    for cycles in (0, 40, 500):
        async with Bench(dut) as bench:
            bench.dram[BaseRegister.WEIGHTS][:] = one.weights
            bench.dram[BaseRegister.INPUT][:] = one.input
            bench.dram[BaseRegister.OUTPUT][:] = bytes(len(one.output))
            bench.send(one.program)
            await bench.wait(cycles)
    async with Bench(dut) as bench:
        await bench.run_network(one)

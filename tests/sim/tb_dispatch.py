"""The dispatcher under cocotb. `test_dispatch.py` builds it."""

from __future__ import annotations

import json
import os
import random

import cocotb
from instructions import drawn, illegal_fields, legal, legal_limits, sums_in_the_array
from streams import Cycles, Source

from dsf.isa.encoding import decode_instruction
from dsf.isa.table import BY_NAME, ErrorCode

PARAMETERS = json.loads(os.environ["DSF_PARAMETERS"])
SEED = int(os.environ["DSF_SEED"])
BEAT = PARAMETERS["AxiWidth"] // 8
SIZES = {
    "rows": PARAMETERS["Rows"],
    "groups": PARAMETERS["Groups"],
    "lanes": PARAMETERS["GroupCols"],
    "vector_length": PARAMETERS["VecLen"],
    "bits": PARAMETERS["XBits"],
}
NAMES = [name for name in BY_NAME if name != "end"]
END = legal("end")
ILLEGAL_OPCODES = sorted(set(range(16)) - {one.opcode for one in BY_NAME.values()})


class Bench(Cycles):
    """One dispatcher; the five queues take what they are given, at random."""

    def __init__(self, dut, stall: float = 0.0) -> None:
        super().__init__(dut, "s_axis_inst_tvalid_i", "queue_ready_i", "stop_i", "idle_i", "tokens_zero_i")
        self.stall, self.draw = stall, random.Random(SEED)
        self.received: list[tuple[int, int, bytes]] = []

    async def __aenter__(self) -> Bench:
        dut = self.dut
        await super().__aenter__()
        payload = (dut.s_axis_inst_tdata_i, dut.s_axis_inst_tlast_i)
        self.source = Source(self, dut.s_axis_inst_tvalid_i, dut.s_axis_inst_tready_o, payload, stall=self.stall, seed=SEED)
        self.run(self._queues())
        dut.idle_i.value = 1
        dut.tokens_zero_i.value = 1
        return self

    async def _queues(self) -> None:
        dut, ready = self.dut, 0
        while True:
            await self.wait(1)
            valid = int(dut.queue_valid_o.value)
            assert valid & (valid - 1) == 0
            if valid & ready:
                instr = int(dut.queue_instr_o.value).to_bytes(128, "little")
                self.received.append((valid.bit_length() - 1, int(dut.queue_index_o.value), instr))
            ready = sum((self.draw.random() >= self.stall) << queue for queue in range(5))
            dut.queue_ready_i.value = ready

    def send(self, program: bytes, *, last: bool = True) -> None:
        beats = [program[i : i + BEAT].ljust(BEAT, b"\0") for i in range(0, len(program), BEAT)]
        self.source.send(*((int.from_bytes(b, "little"), int(last and i == len(beats) - 1)) for i, b in enumerate(beats)))

    async def error(self, limit: int = 2000) -> tuple[ErrorCode, int]:
        await self.until(lambda: self.dut.error_o.value == 1, limit)
        return ErrorCode(int(self.dut.error_code_o.value)), int(self.dut.error_index_o.value)


def check_received(received: list[tuple[int, int, bytes]], program: list[bytes]) -> None:
    assert len(received) == len(program)
    for number, ((queue, index, data), sent) in enumerate(zip(received, program, strict=True)):
        assert index == number
        assert queue == decode_instruction(sent).instruction.queue
        assert data[: len(sent)] == sent


@cocotb.test()
async def hands_out_programs(dut) -> None:
    """In order, numbered from 0, one program after the other, at several patterns of stalls."""
    for stall in (0.0, 0.5):
        async with Bench(dut, stall) as bench:
            for _ in range(3):
                program = [drawn(bench.draw, bench.draw.choice(NAMES), **SIZES) for _ in range(30)]
                bench.received.clear()
                bench.send(b"".join(program) + END)
                await bench.until(lambda: dut.busy_o.value == 1)
                await bench.until(lambda: dut.done_o.value == 1)
                assert dut.busy_o.value == 0 and dut.error_o.value == 0
                check_received(bench.received, program)


@cocotb.test()
async def is_as_fast_as_its_stream(dut) -> None:
    """An instruction takes its beats, or four cycles."""
    async with Bench(dut) as bench:
        program = [legal(name) for name in NAMES * 4]
        bench.send(b"".join(program) + END)
        await bench.until(lambda: dut.done_o.value == 1)
        fastest = sum(max(len(data) // BEAT, len(data) // 32 + 2) for data in program)
        assert bench.source.taken[-1] - bench.source.taken[0] <= fastest + 8


@cocotb.test()
async def end_waits_for_all_queues(dut) -> None:
    async with Bench(dut) as bench:
        dut.idle_i.value = 0
        bench.send(legal("load") + END)
        bench.send(legal("store") + END)
        await bench.wait(60)
        assert dut.done_o.value == 0 and dut.busy_o.value == 1
        assert len(bench.received) == 1
        assert len(bench.source.taken) == 2 * (32 // BEAT), "the next program has to wait outside"
        dut.idle_i.value = 1
        await bench.until(lambda: dut.done_o.value == 1, 10)
        await bench.until(lambda: dut.done_o.value == 0, 10)
        await bench.until(lambda: dut.done_o.value == 1, 60)
        assert [one[1] for one in bench.received] == [0, 0]


@cocotb.test()
async def tokens_left(dut) -> None:
    async with Bench(dut) as bench:
        dut.tokens_zero_i.value = 0
        bench.send(legal("load") + legal("matrix") + END)
        assert await bench.error() == (ErrorCode.TOKENS_LEFT, 2)
        assert dut.done_o.value == 0


@cocotb.test()
async def illegal_opcodes(dut) -> None:
    for opcode in ILLEGAL_OPCODES:
        async with Bench(dut) as bench:
            bench.send(legal("vector") + bytes([opcode]) + bytes(31) + END)
            assert await bench.error() == (ErrorCode.ILLEGAL_OPCODE, 1)
            bench.send(legal("load") + END)
            await bench.wait(40)
            assert len(bench.received) == 1, "nothing is handed out after an error"


@cocotb.test()
async def illegal_fields_one_by_one(dut) -> None:
    for one in illegal_fields(**SIZES):
        async with Bench(dut) as bench:
            bench.send(legal("load") + one.data + END)
            assert await bench.error() == (ErrorCode.ILLEGAL_FIELD, 1), one.why
            assert len(bench.received) == 1, one.why


@cocotb.test()
async def sums_stay_in_the_array(dut) -> None:
    """Parts of a reduction follow each other among MATRIX instructions; the next program begins without sums."""
    legals, wrong = sums_in_the_array(**SIZES)
    partial = legal("matrix", partial=1)
    for program in [*legals, [legal("matrix"), partial]]:
        async with Bench(dut) as bench:
            for _ in range(2):
                bench.received.clear()
                bench.send(b"".join(program) + END)
                await bench.until(lambda: dut.busy_o.value == 1)
                await bench.until(lambda: dut.done_o.value == 1 or dut.error_o.value == 1)
                assert dut.error_o.value == 0, program
                check_received(bench.received, program)
    for one in wrong:
        async with Bench(dut) as bench:
            bench.send(partial + one.data + END)
            assert await bench.error() == (ErrorCode.ILLEGAL_FIELD, 1), one.why
            assert len(bench.received) == 1, one.why


@cocotb.test()
async def legal_limits_are_legal(dut) -> None:
    """Nothing is refused that is only just legal."""
    for program in legal_limits(**SIZES):
        async with Bench(dut) as bench:
            bench.send(program + END)
            await bench.until(lambda: dut.done_o.value == 1 or dut.error_o.value == 1, 100)
            assert dut.error_o.value == 0, decode_instruction(program)
            check_received(bench.received, [program])


@cocotb.test()
async def truncated(dut) -> None:
    """tlast before END: between instructions, after one, between words, inside a word."""
    whole = legal("load") + legal("matrix")
    cuts = [32, 32 + 128, 32 + 64] + [32 + 32 + BEAT] * (BEAT < 32)
    for cut in cuts:
        async with Bench(dut) as bench:
            bench.send(whole[:cut])
            code, index = await bench.error()
            assert (code, index) == (ErrorCode.TRUNCATED, 0 if cut == 32 else 1), cut


@cocotb.test()
async def an_error_elsewhere_stops_it(dut) -> None:
    """It takes the rest of the stream, so that nobody waits for it."""
    async with Bench(dut) as bench:
        bench.send(legal("load") * 4)
        await bench.until(lambda: len(bench.received) == 2)
        dut.stop_i.value = 1
        bench.send(legal("load") * 20 + END)
        await bench.until(bench.source.idle)
        await bench.wait(20)
        assert len(bench.received) <= 3 and dut.error_o.value == 0 and dut.done_o.value == 0

"""LOAD_WEIGHTS under cocotb, against arrays. `test_load_store.py` builds `dsf_load_weights`."""

from __future__ import annotations

import json
import os
import random

import cocotb
import numpy as np
from instructions import legal
from rtl_bench import unpack
from streams import Cycles, Sink, Source

from dsf.hardware import VECTOR_TABLES
from dsf.isa.table import ErrorCode
from dsf.layout import pack_weight_groups
from dsf.numerics import Ints, int_range

PARAMETERS = json.loads(os.environ["DSF_PARAMETERS"])
SEED = int(os.environ["DSF_SEED"])
GROUPS, LANES, BITS = PARAMETERS["Groups"], PARAMETERS["GroupCols"], PARAMETERS["WBits"]
BEAT_BYTES = PARAMETERS["AxiWidth"] // 8
TABLE_WORDS = max(1, (PARAMETERS["XBits"] << PARAMETERS["XBits"]) // 64)
SLOT_BITS = max(8, 1 << (LANES * BITS - 1).bit_length())
BEAT_WORDS = max(1, 8 * BEAT_BYTES // SLOT_BITS)
WORDS, PARAMETER_GROUPS = PARAMETERS["WeightWords"], PARAMETERS["ParamGroups"]


class Bench(Cycles):
    """The unit, a DMA channel, and copies of both memories."""

    def __init__(self, dut, stall: float = 0.0) -> None:
        super().__init__(dut, "instr_valid_i", "s_axis_wt_tvalid_i", "m_axis_wtcmd_tready_i")
        self.stall = stall
        self.numpy = np.random.default_rng(SEED)
        self.weights: dict[tuple[int, int], list[int]] = {}
        self.parameters: dict[tuple[int, int], int] = {}
        self.tables: dict[tuple[int, int], int] = {}
        self.writes: list[int] = []
        self.done: list[int] = []

    async def __aenter__(self) -> Bench:
        d = self.dut
        await super().__aenter__()
        knobs = {"stall": self.stall, "seed": SEED}
        self.instructions = Source(self, d.instr_valid_i, d.instr_ready_o, (d.instr_i, d.instr_index_i), **knobs)
        self.stream = Source(self, d.s_axis_wt_tvalid_i, d.s_axis_wt_tready_o, (d.s_axis_wt_tdata_i,), **knobs)
        command = (d.m_axis_wtcmd_tdata_o,)
        self.commands = Sink(self, d.m_axis_wtcmd_tvalid_o, d.m_axis_wtcmd_tready_i, command, **knobs)
        self.run(self._memories())
        return self

    async def _memories(self) -> None:
        d = self.dut
        while True:
            await self.wait(1)
            enables = int(d.wm_wr_en_o.value)
            if enables:
                bank, first = int(d.wm_wr_bank_o.value), int(d.wm_wr_addr_o.value)
                words = unpack(int(d.wm_wr_data_o.value), BITS, BEAT_WORDS * LANES).reshape(BEAT_WORDS, LANES)
                count = enables.bit_count()
                assert enables == sum(1 << a % BEAT_WORDS for a in range(first, first + count)), "words that follow each other"
                for address in range(first, first + count):
                    self.weights[bank, address] = words[address % BEAT_WORDS].tolist()
                self.writes.append(self.now)
            lanes = int(d.pm_wr_en_o.value)
            if lanes:
                assert lanes & (lanes - 1) == 0
                self.parameters[int(d.pm_wr_addr_o.value), lanes.bit_length() - 1] = int(d.pm_wr_data_o.value)
                self.writes.append(self.now)
            if d.tb_wr_en_o.value == 1:
                place = int(d.tb_wr_table_o.value), int(d.tb_wr_word_o.value) % TABLE_WORDS
                self.tables[place] = int(d.tb_wr_data_o.value)
                self.writes.append(self.now)
            if d.done_o.value == 1:
                self.done.append(self.now)

    def send(self, data: bytes, index: int = 0, **fields: int) -> None:
        instr = legal("load_weights", base=1, offset=index * 3, bytes=len(data), **fields)
        self.instructions.send((int.from_bytes(instr, "little"), index))
        self.send_data(data)

    def send_data(self, data: bytes) -> None:
        beats = [data[i : i + BEAT_BYTES].ljust(BEAT_BYTES, b"\xa5") for i in range(0, len(data), BEAT_BYTES)]
        self.stream.send(*((int.from_bytes(beat, "little"),) for beat in beats))

    def draw(self, groups: int, words: int) -> Ints:
        return self.numpy.integers(*int_range(BITS), size=(groups, words, LANES), endpoint=True)

    async def error(self) -> tuple[ErrorCode, int]:
        await self.until(lambda: self.dut.error_o.value == 1)
        return ErrorCode(int(self.dut.error_code_o.value)), int(self.dut.error_index_o.value)


@cocotb.test()
async def fills_banks_parameters_and_tables(dut) -> None:
    """One instruction after the other, of all lengths, to all memories."""
    for stall in (0.0, 0.5):
        async with Bench(dut, stall) as bench:
            draw = random.Random(SEED)
            weights: dict[tuple[int, int], list[int]] = {}
            parameters: dict[tuple[int, int], int] = {}
            tables: dict[tuple[int, int], int] = {}
            lengths: list[int] = []
            for index in range(40):
                groups, bank = draw.randint(1, 7), draw.randrange(GROUPS)
                target = draw.choice((0, 0, 1, 2))
                if target == 0:
                    words = draw.randint(1, 9)
                    address = draw.randint(0, WORDS - 7 * words)
                    values = bench.draw(groups, words)
                    data = pack_weight_groups(values, BITS, SLOT_BITS)
                    bench.send(data, index, bank=bank, address=address, words=words, groups=groups)
                    for i in range(groups):
                        for k in range(words):
                            place = (bank + i) % GROUPS, address + (bank + i) // GROUPS * words + k
                            weights[place] = values[i, k].tolist()
                elif target == 2:
                    groups = draw.randint(1, VECTOR_TABLES)
                    address = draw.randint(0, VECTOR_TABLES - groups)
                    values = [draw.getrandbits(64) for _ in range(groups * TABLE_WORDS)]
                    data = b"".join(value.to_bytes(8, "little") for value in values)
                    bench.send(data, index, target=2, address=address, groups=groups)
                    for i, value in enumerate(values):
                        tables[address + i // TABLE_WORDS, i % TABLE_WORDS] = value
                else:
                    address = draw.randint(0, PARAMETER_GROUPS - groups)
                    values = [draw.getrandbits(64) for _ in range(groups * LANES)]
                    data = b"".join(value.to_bytes(8, "little") for value in values)
                    bench.send(data, index, target=1, bank=bank, address=address, groups=groups)
                    for i, value in enumerate(values):
                        parameters[address + i // LANES, i % LANES] = value
                lengths.append(len(data))
            await bench.until(lambda: len(bench.done) == 40)
            await bench.wait(10)
            assert len(bench.done) == 40 and dut.error_o.value == 0
            assert (bench.weights, bench.parameters, bench.tables) == (weights, parameters, tables)
            wanted = [(n << 51 | 1 << 35 | index * 3 << 3 | 1,) for index, n in enumerate(lengths)]
            assert bench.commands.beats == wanted


@cocotb.test()
async def loses_no_cycle(dut) -> None:
    """A beat each cycle, or a cycle for each channel group in it; done when a read sees the last write."""
    async with Bench(dut) as bench:
        taken, writes = bench.stream.taken, bench.writes
        for words in (7 * BEAT_WORDS, 7 * BEAT_WORDS + 1, 1):
            groups = GROUPS if words > 1 else 10
            taken.clear()
            writes.clear()
            bench.done.clear()
            data = pack_weight_groups(bench.draw(groups, words), BITS, SLOT_BITS)
            bench.send(data, words=words, groups=groups, address=3)
            await bench.until(lambda: len(bench.done) == 1)
            if SLOT_BITS // 8 > BEAT_BYTES:
                assert len(taken) < 7 or taken[-1] - taken[4] == len(taken) - 5, "once the skid buffer has filled up"
            else:
                bounds = [(first, first + words - 1) for first in range(0, groups * words, words)]
                assert len(writes) == sum(last // BEAT_WORDS - first // BEAT_WORDS + 1 for first, last in bounds)
                assert writes[-1] - writes[0] == len(writes) - 1
            assert bench.done[0] - writes[-1] == 3
        bench.done[1:] = []

        writes.clear()
        bench.send(bytes(8 * LANES * 4), target=1, groups=4)
        await bench.until(lambda: len(bench.done) == 2)
        assert len(writes) == 4 * LANES
        assert writes[-1] - writes[0] + 1 <= max(len(writes), 8 * len(writes) // BEAT_BYTES)

        writes.clear()
        bench.send(bytes(8 * TABLE_WORDS * VECTOR_TABLES), target=2, groups=VECTOR_TABLES)
        await bench.until(lambda: len(bench.done) == 3)
        assert len(writes) == VECTOR_TABLES * TABLE_WORDS
        assert writes[-1] - writes[0] + 1 <= max(len(writes), 8 * len(writes) // BEAT_BYTES)


@cocotb.test()
async def wrong_instructions_are_errors(dut) -> None:
    """Addresses beyond a memory, and streams that are too long or too short for what they fill."""
    slot = SLOT_BITS // 8
    beat_words = max(1, BEAT_BYTES // slot)
    wrong = [
        (ErrorCode.ADDRESS, 4 * slot, {"address": WORDS - 3, "words": 4}),
        (ErrorCode.ADDRESS, (GROUPS + 1) * 4 * slot, {"address": WORDS - 7, "words": 4, "groups": GROUPS + 1}),
        (ErrorCode.ADDRESS, slot, {"address": (1 << 20) - 1, "words": 1}),
        (ErrorCode.ADDRESS, 16 * LANES, {"address": PARAMETER_GROUPS - 1, "groups": 2, "target": 1}),
        (ErrorCode.ADDRESS, 16 * TABLE_WORDS, {"address": VECTOR_TABLES - 1, "groups": 2, "target": 2}),
        (ErrorCode.ILLEGAL_FIELD, 4 * beat_words * slot, {"words": 3 * beat_words}),
        (ErrorCode.ILLEGAL_FIELD, 4 * beat_words * slot, {"words": 5 * beat_words}),
        (ErrorCode.ILLEGAL_FIELD, 1, {"target": 1, "groups": 1 + BEAT_BYTES // (8 * LANES)}),
        (ErrorCode.ILLEGAL_FIELD, 8 * TABLE_WORDS + BEAT_BYTES, {"target": 2}),
    ]
    for code, length, fields in wrong:
        async with Bench(dut, 0.2) as bench:
            bench.send(pack_weight_groups(bench.draw(1, beat_words), BITS, SLOT_BITS), 4, words=beat_words)
            bench.send(bytes(length), 5, **fields)
            assert await bench.error() == (code, 5), fields
            bench.send(bytes(40 * BEAT_BYTES), 6, words=1)
            await bench.until(lambda bench=bench: not bench.stream.beats)
            await bench.wait(10)
            assert len(bench.done) == 1, "an instruction with an error does not complete"

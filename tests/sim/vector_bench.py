"""The bench of the vector unit's tests: `dsf_vector` on a real feature memory, in `dsf_vector_tb`."""

from __future__ import annotations

import json
import os

import numpy as np
from cocotb.triggers import FallingEdge
from rtl_bench import pack, start_clock, unpack

from dsf.hardware import VECTOR_TABLES
from dsf.isa.encoding import encode_instruction
from dsf.layout import pack_tables
from dsf.numerics import Ints, int_range, random_elements

P = json.loads(os.environ["DSF_PARAMETERS"])
BITS, LENGTH, LANES, WORDS = P["XBits"], P["VecLen"], P["Lanes"], P["FeatureWords"]
GAIN_BITS = P.get("MBits", 16)
ELEMENTS = WORDS * LENGTH
LOW, HIGH = int_range(BITS)
OPERAND_BITS = max(2, BITS)
SEED = int(os.environ["DSF_SEED"])


class Bench:
    """The unit, and copies of feature memory and of the tables, which are filled from the start."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.draw = np.random.default_rng(SEED)
        self.tables: Ints = self.draw.integers(LOW, HIGH + 1, (VECTOR_TABLES, 1 << OPERAND_BITS))
        self.memory: Ints = random_elements(self.draw, ELEMENTS, BITS)
        # Runs of the extremes: sums that are as large as can be.
        for value in (LOW, HIGH):
            start = int(self.draw.integers(0, ELEMENTS // 4))
            self.memory[start : start + ELEMENTS // 8] = value

    async def start(self) -> None:
        dut = self.dut
        stalls = ("read_stall_rate_i", "write_stall_rate_i")
        await start_clock(dut, "reset_ni", "instr_valid_i", "tb_wr_en_i", "load_req_i", "store_req_i", *stalls)
        await FallingEdge(dut.clk_i)
        await FallingEdge(dut.clk_i)
        dut.reset_ni.value = 1
        for address in range(0, ELEMENTS, LENGTH):
            dut.load_req_i.value = 1
            dut.load_addr_i.value = address
            dut.load_data_i.value = pack(self.memory[address : address + LENGTH], BITS)
            await FallingEdge(dut.clk_i)
        dut.load_req_i.value = 0
        for number in range(VECTOR_TABLES):
            await self.load_table(number)

    async def load_table(self, number: int) -> None:
        """Writes a table as LOAD_WEIGHTS does, 64 bits at a time."""
        dut, data = self.dut, pack_tables(self.tables[number : number + 1], OPERAND_BITS)
        for word in range(len(data) // 8):
            dut.tb_wr_en_i.value = 1
            dut.tb_wr_table_i.value = number
            dut.tb_wr_word_i.value = (word - len(data) // 8) % 32 if len(data) < 256 else word
            dut.tb_wr_data_i.value = int.from_bytes(data[8 * word : 8 * word + 8], "little")
            await FallingEdge(dut.clk_i)
        dut.tb_wr_en_i.value = 0

    async def push(self, fields: dict[str, int]) -> None:
        """Hands over one instruction, as soon as the unit takes it."""
        dut = self.dut
        dut.instr_valid_i.value = 1
        dut.instr_i.value = int.from_bytes(encode_instruction("vector", **fields), "little")
        while not int(dut.instr_ready_o.value):
            await FallingEdge(dut.clk_i)
        await FallingEdge(dut.clk_i)
        dut.instr_valid_i.value = 0

    async def run(self, fields: dict[str, int]) -> int:
        """Runs one instruction; returns the cycles from its acceptance to done."""
        dut = self.dut
        await self.push(fields)
        for cycle in range(1, 1 << 17):
            if int(dut.done_o.value):
                return cycle
            assert not int(dut.error_o.value)
            await FallingEdge(dut.clk_i)
        raise AssertionError("not done")

    def stall(self, reads: int, writes: int) -> None:
        self.dut.read_stall_rate_i.value = reads
        self.dut.write_stall_rate_i.value = writes

    async def check_memory(self, first: int) -> None:
        """Reads feature memory back, word by word from `first` on around, starting in this very cycle."""
        self.stall(0, 0)
        found = np.zeros_like(self.memory)
        for i in range(WORDS + 2):
            self.dut.store_req_i.value = int(i < WORDS)
            self.dut.store_addr_i.value = (first // LENGTH + i) % WORDS * LENGTH
            await FallingEdge(self.dut.clk_i)
            if i >= 2:
                assert int(self.dut.store_valid_o.value)
                address = (first // LENGTH + i - 2) % WORDS * LENGTH
                found[address : address + LENGTH] = unpack(int(self.dut.store_data_o.value), BITS, LENGTH)
        wrong = np.flatnonzero(found != self.memory)
        assert wrong.size == 0, f"{wrong.size} wrong, from {wrong[0]}: {found[wrong[0]]}, expected {self.memory[wrong[0]]}"

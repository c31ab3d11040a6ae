"""Feature memory under cocotb, against a plain array. `test_fmem.py` builds it."""

from __future__ import annotations

import json
import os
import random
from collections import deque
from dataclasses import dataclass

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, ReadOnly
from rtl_bench import pack, start_clock, unpack

from dsf.numerics import int_range

PARAMETERS = json.loads(os.environ["DSF_PARAMETERS"])
BITS, LENGTH, WORDS = PARAMETERS["XBits"], PARAMETERS["VecLen"], PARAMETERS["FeatureWords"]
ELEMENTS = LENGTH * WORDS
SEED = int(os.environ["DSF_SEED"])
READERS, WRITERS = 4, 3
READ_LATENCY = WRITE_LATENCY = 3
ADDRESS_BITS = 24
COUNT_BITS = LENGTH.bit_length()


@dataclass
class Request:
    """What a client asks for until it is granted; `data` is for writes."""

    address: int
    data: np.ndarray | None = None


class Bench:
    """
    Clients that ask at random and hold on to what they asked for, and a model of the memory.

    An element that a write of the last `WRITE_LATENCY` cycles touches is not defined for a read.
    """

    def __init__(self, dut) -> None:
        self.dut = dut
        self.draw = random.Random(SEED)
        self.low, self.high = int_range(BITS)
        self.memory = np.zeros(ELEMENTS, dtype=np.int64)
        self.known = np.zeros(ELEMENTS, dtype=bool)
        self.reads: list[Request | None] = [None] * READERS
        self.writes: list[Request | None] = [None] * WRITERS
        # Oldest first, one entry a cycle: the write that is not visible yet, and the read that is on its way.
        self.landing: deque[Request | None] = deque([None] * WRITE_LATENCY)
        self.coming: deque[tuple[int, np.ndarray, np.ndarray] | None] = deque([None] * READ_LATENCY)
        self.compared = 0

    async def start(self) -> None:
        await start_clock(self.dut, "rst_ni", "rd_req_i", "wr_req_i")
        for _ in range(3):
            await FallingEdge(self.dut.clk_i)
        self.dut.rst_ni.value = 1

    async def cycle(self, read_rate: float, write_rate: float) -> None:
        """One cycle, from falling edge to falling edge: ask, look at the grants, and at the data of earlier ones."""
        self.ask(read_rate, write_rate)
        await ReadOnly()
        self.check_read_data()
        self.landing.append(self.check_write_grant())
        landed = self.landing.popleft()
        if landed is not None and landed.data is not None:
            where = self.span(landed.address, len(landed.data))
            self.memory[where], self.known[where] = landed.data, True
        self.coming.append(self.check_read_grant())
        await FallingEdge(self.dut.clk_i)

    def span(self, address: int, count: int) -> np.ndarray:
        """The elements that an access touches."""
        return (address + np.arange(count)) % ELEMENTS

    def address(self, count: int) -> int:
        """Where `count` elements lie: anywhere, wrapping where the size is a power of two; often at the ends."""
        if self.draw.random() < 0.1:
            return self.draw.choice((0, ELEMENTS - count))
        wraps = ELEMENTS & (ELEMENTS - 1) == 0
        return self.draw.randrange(1 << ADDRESS_BITS if wraps else ELEMENTS - count + 1)

    def ask(self, read_rate: float, write_rate: float) -> None:
        for client in range(READERS):
            if self.reads[client] is None and self.draw.random() < read_rate:
                self.reads[client] = Request(self.address(LENGTH + 1))
        for client in range(WRITERS):
            if self.writes[client] is None and self.draw.random() < write_rate:
                count = self.draw.choice((0, 1, LENGTH, self.draw.randint(0, LENGTH)))
                data = np.array([self.draw.randint(self.low, self.high) for _ in range(count)], dtype=np.int64)
                self.writes[client] = Request(self.address(count), data)
        dut = self.dut
        dut.rd_req_i.value = sum(1 << c for c, request in enumerate(self.reads) if request is not None)
        dut.rd_addr_i.value = sum(r.address << ADDRESS_BITS * c for c, r in enumerate(self.reads) if r is not None)
        dut.wr_req_i.value = sum(1 << c for c, request in enumerate(self.writes) if request is not None)
        writes = [(c, r.address, r.data) for c, r in enumerate(self.writes) if r is not None and r.data is not None]
        dut.wr_addr_i.value = sum(address << ADDRESS_BITS * c for c, address, _ in writes)
        dut.wr_count_i.value = sum(len(data) << COUNT_BITS * c for c, _, data in writes)
        dut.wr_data_i.value = sum(pack(data, BITS) << LENGTH * BITS * c for c, _, data in writes)

    def check_write_grant(self) -> Request | None:
        """The write granted in this cycle: that of the first client that asks."""
        first = next((c for c, request in enumerate(self.writes) if request is not None), None)
        assert int(self.dut.wr_gnt_o.value) == (0 if first is None else 1 << first)
        if first is None:
            return None
        granted, self.writes[first] = self.writes[first], None
        return granted

    def check_read_grant(self) -> tuple[int, np.ndarray, np.ndarray] | None:
        """The client that is granted, its data, and which elements of them are defined."""
        first = next((c for c, request in enumerate(self.reads) if request is not None), None)
        assert int(self.dut.rd_gnt_o.value) == (0 if first is None else 1 << first)
        if first is None:
            return None
        granted, self.reads[first] = self.reads[first], None
        assert granted is not None
        where = self.span(granted.address, LENGTH + 1)
        defined = self.known[where]
        for write in self.landing:
            if write is not None and write.data is not None:
                defined = defined & ~np.isin(where, self.span(write.address, len(write.data)))
        return first, self.memory[where], defined

    def check_read_data(self) -> None:
        expected = self.coming.popleft()
        assert int(self.dut.rd_valid_o.value) == (0 if expected is None else 1 << expected[0])
        if expected is None:
            return
        _, data, defined = expected
        after = int(self.dut.rd_after_o.value) << LENGTH * BITS
        actual = unpack(int(self.dut.rd_data_o.value) | after, BITS, LENGTH + 1)
        assert np.array_equal(actual[defined], data[defined])
        self.compared += int(defined.sum())


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reads_see_writes(dut) -> None:
    bench = Bench(dut)
    await bench.start()
    for read_rate, write_rate in ((0.0, 1.0), (0.2, 0.05), (0.5, 0.5), (1.0, 1.0), (0.05, 0.3)):
        for _ in range(1500):
            await bench.cycle(read_rate, write_rate)
    dut._log.info(f"seed {SEED}: compared {bench.compared} elements")
    assert bench.known.all()
    assert bench.compared > 1000 * LENGTH

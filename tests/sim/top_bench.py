"""The whole engine on three ports of one memory, driven through its registers as firmware would."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass

import cocotb
from axi_memory import Memory, ReadPort, Timing, WritePort, serve
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster
from core_programs import Network

from dsf.hardware import Hardware
from dsf.isa.registers import BY_NAME, Port
from dsf.isa.table import BaseRegister, ErrorCode

HW = Hardware.from_dict(json.loads(os.environ["DSF_HARDWARE"]))
PARAMETERS = json.loads(os.environ["DSF_PARAMETERS"])
SEED = int(os.environ["DSF_SEED"])
ADDRESS_BITS = PARAMETERS["AxiAddrWidth"]
SIZE = 1 << 17
ORIGIN = (1 << ADDRESS_BITS) - 4 * SIZE
GUARD = 64

BUSY, DONE, ERROR = 1, 2, 4
START, ABORT = 1, 2


@dataclass(frozen=True)
class Failure:
    """ERROR and its companions, taken apart."""

    code: ErrorCode
    port: Port
    response: int
    index: int
    detail: int


class Engine:
    """Clock, reset, memory, registers. Regions of memory lie at odd addresses, with guards between them."""

    def __init__(self, dut, timing: Timing | None = None, seed: int = SEED) -> None:
        self.dut, self.draw = dut, random.Random(seed)
        self.memory = Memory(bytearray(self.draw.randbytes(SIZE)), ORIGIN)
        timing = timing or Timing()
        burst = PARAMETERS["MaxBurst"]
        self.features = ReadPort(dut, "m_axi_feat", self.memory, timing, seed, burst)
        self.weights = ReadPort(dut, "m_axi_wt", self.memory, timing, seed + 1, burst)
        self.output = WritePort(dut, "m_axi_out", self.memory, timing, seed + 2, burst)
        self.ports = (self.features, self.weights, self.output)
        self.bus = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, reset_active_level=False)
        for interface in (self.bus.write_if, self.bus.read_if):
            interface.log.setLevel("WARNING")
        self.bases: dict[BaseRegister, int] = {}

    async def start(self, *, memory: bool = True) -> None:
        """Clock and reset; `memory` False leaves the ports to somebody else."""
        cocotb.start_soon(Clock(self.dut.clk_i, 2, "ns").start())
        self.dut.rst_ni.value = 0
        if memory:
            cocotb.start_soon(serve(self.dut.clk_i, self.ports, lambda: not self.dut.rst_ni.value))
        await self.reset()

    async def reset(self) -> None:
        """Of engine and bus together."""
        self.dut.rst_ni.value = 0
        await self.cycles(4)
        self.dut.rst_ni.value = 1
        await self.cycles(2)

    async def cycles(self, count: int) -> None:
        for _ in range(count):
            await FallingEdge(self.dut.clk_i)

    async def read(self, name: str) -> int:
        return await self.bus.read_dword(BY_NAME[name].offset)

    async def write(self, name: str, value: int) -> None:
        await self.bus.write_dword(BY_NAME[name].offset, value)

    async def set_base(self, base: BaseRegister, address: int) -> None:
        self.bases[base] = address
        await self.write(f"BASE{base.value}_LO", address & 0xFFFF_FFFF)
        await self.write(f"BASE{base.value}_HI", address >> 32)

    async def load(self, network: Network, *, arena: int = 0) -> None:
        """Places a network in memory, at new addresses each time, and tells the engine where."""
        sizes = {
            BaseRegister.PROGRAM: network.program,
            BaseRegister.WEIGHTS: network.weights,
            BaseRegister.INPUT: network.input,
            BaseRegister.OUTPUT: bytes(len(network.output)),
            BaseRegister.ARENA: bytes(arena),
        }
        at = ORIGIN + GUARD
        for base, data in sizes.items():
            at += self.draw.randrange(5000)
            await self.set_base(base, at)
            self.memory.data[at - ORIGIN : at - ORIGIN + len(data)] = data
            at += len(data) + GUARD
        assert at < ORIGIN + SIZE
        await self.write("PROGRAM_HASH", HW.hash)
        await self.write("PROGRAM_BYTES", len(network.program))

    def region(self, base: BaseRegister, length: int) -> bytes:
        return self.memory.read(self.bases[base], length)

    async def wait(self, limit: int = 60_000) -> int:
        """Waits until the engine is idle; STATUS."""
        for _ in range(limit):
            if not await self.read("STATUS") & BUSY:
                return await self.read("STATUS")
        raise AssertionError(f"busy for {limit} reads of STATUS (seed {SEED})")

    async def failure(self) -> Failure:
        word, code, port, response = await self.read("ERROR"), *(bits.low for bits in BY_NAME["ERROR"].fields)
        return Failure(
            ErrorCode(word >> code & 15),
            Port(word >> port & 15),
            word >> response & 3,
            await self.read("ERROR_INDEX"),
            await self.read("ERROR_DETAIL"),
        )

    async def good_run(self, network: Network, *, place: bool = True) -> None:
        """One run: the output is right to the last byte, and nothing else in memory has changed."""
        if place:
            await self.load(network)
        expected = bytearray(self.memory.data)
        start = self.bases[BaseRegister.OUTPUT] - ORIGIN
        expected[start : start + len(network.output)] = network.output
        await self.write("CONTROL", START)
        status = await self.wait()
        assert status == DONE, f"{await self.failure()} (seed {SEED})"
        assert self.region(BaseRegister.OUTPUT, len(network.output)) == network.output, f"wrong output (seed {SEED})"
        assert self.memory.data == expected, f"bytes outside the output have changed (seed {SEED})"
        self.check_quiet()

    async def bad_run(self, code: ErrorCode, port: Port = Port.NONE, response: int = 0) -> Failure:
        """A run that has to end with this error, and with a quiet bus."""
        await self.write("CONTROL", START)
        status = await self.wait()
        failure = await self.failure()
        assert status == ERROR, f"status {status}, {failure} (seed {SEED})"
        assert (failure.code, failure.port, failure.response) == (code, port, response), f"{failure} (seed {SEED})"
        self.check_quiet()
        return failure

    def check_quiet(self) -> None:
        """Nothing is in flight on any port."""
        assert all(port.quiet for port in self.ports)

"""What the tests of both DMAs share: commands, their expected bytes, driver and monitor of the streams, the memory."""

from __future__ import annotations

import json
import os
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import cocotb
from axi_memory import Memory, ReadPort, Timing, WritePort
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

PARAMETERS = json.loads(os.environ.get("DSF_PARAMETERS", "{}"))
SEED = int(os.environ.get("DSF_SEED", "1"))
ADDRESS_BITS = PARAMETERS.get("AddrWidth", 64)
BEAT = PARAMETERS.get("AxiWidth", 128) // 8
MAX_BURST = PARAMETERS.get("MaxBurst", 16)
SIZE = 1 << 16
#: Bases that the tests use: somewhere high, at odd addresses, so that carries and alignments are tried.
ORIGIN = (0xFEDC_BA98_7654_0000 if ADDRESS_BITS == 64 else 0xFFF0_0000) & ((1 << ADDRESS_BITS) - 1)
BASES = tuple(ORIGIN + offset for offset in (0, 1, 2 * BEAT - 1, 4096, 4095, 8190, 12288 + 7, 3))


@dataclass(frozen=True)
class Command:
    """A DMA command; `pack` is the layout of dma_command_t."""

    base: int
    offset: int
    rows: int
    row_bytes: int
    row_stride: int

    def pack(self) -> int:
        bits = position = 0
        for value, width in ((self.base, 3), (self.offset, 32), (self.rows, 16), (self.row_bytes, 32), (self.row_stride, 32)):
            assert 0 <= value < 1 << width
            bits |= value << position
            position += width
        return bits

    def addresses(self, bases: Sequence[int] = BASES) -> list[int]:
        """The first address of each row."""
        return [bases[self.base] + self.offset + r * self.row_stride for r in range(self.rows)]

    def beats_in_memory(self) -> int:
        """Beats of the bus that the rows touch."""
        return sum((a % BEAT + self.row_bytes + BEAT - 1) // BEAT for a in self.addresses())


def beats_of(row: bytes) -> list[tuple[int, bool]]:
    """A row as stream beats: lane 0 first, filled with zeros, the last one marked."""
    padded = row + bytes(-len(row) % BEAT)
    words = [int.from_bytes(padded[i : i + BEAT], "little") for i in range(0, len(padded), BEAT)]
    return [(word, i == len(words) - 1) for i, word in enumerate(words)]


def random_command(draw: random.Random, *, disjoint: tuple[int, int] | None = None) -> Command:
    """A command within the memory: all alignments, short and long rows. `disjoint` keeps it in a range of offsets."""
    low, high = disjoint or (0, SIZE - 16384)
    base = draw.randrange(len(BASES))
    rows = draw.choice((1, 1, 2, 3, draw.randint(1, 12)))
    room = high - low
    most = max(1, min(room // rows - BEAT, draw.choice((3, BEAT, 4 * BEAT, 600, 6000))))
    row_bytes = draw.choice((1, BEAT, most, draw.randint(1, most)))
    row_bytes = min(row_bytes, most)
    slack = max(0, (room - rows * row_bytes) // rows)
    stride = row_bytes + draw.choice((0, draw.randint(0, min(slack, 40)), draw.randint(0, slack)))
    span = (rows - 1) * stride + row_bytes
    return Command(base, low + draw.randint(0, room - span), rows, row_bytes, stride)


@dataclass
class Stall:
    """How often the DMA's user pauses, by stream."""

    command: float = 0.0
    data: float = 0.0


@dataclass
class Bench:
    """Clock, reset, memory and streams. Everything is driven at the falling edge and looked at before the rising one."""

    dut: object
    timing: Timing = field(default_factory=Timing)
    stall: Stall = field(default_factory=Stall)
    seed: int = SEED

    def __post_init__(self) -> None:
        self.bases = list(BASES)
        self.draw = random.Random(self.seed)
        self.memory = Memory(bytearray(self.draw.randbytes(SIZE)), ORIGIN)
        self.reads = ReadPort(self.dut, "m_axi", self.memory, self.timing, self.seed, MAX_BURST)
        self.writes = WritePort(self.dut, "m_axi", self.memory, self.timing, self.seed + 1, MAX_BURST)
        self.read_commands: deque[Command] = deque()
        self.write_commands: deque[Command] = deque()
        self.read_beats: list[tuple[int, int, bool]] = []  # cycle, data, last
        self.write_beats: deque[tuple[int, bool]] = deque()
        self.offered = dict.fromkeys(("rd_cmd", "wr_cmd", "wr"), False)
        self.done = 0
        self.now = 0

    async def start(self, *, memory: bool = True) -> None:
        """Reset; `memory` False leaves the bus to somebody else."""
        dut = self.dut
        cocotb.start_soon(Clock(dut.clk_i, 2, "ns").start(start_high=True))
        self.set_bases()
        for name in ("rst_ni", "halt_i", "rd_cmd_valid_i", "rd_ready_i", "wr_cmd_valid_i", "wr_valid_i"):
            getattr(dut, name).value = 0
        self.ports = [self.reads, self.writes] if memory else []
        for port in self.ports:
            port.drive()
        for _ in range(3):
            await FallingEdge(dut.clk_i)
        dut.rst_ni.value = 1

    def set_bases(self) -> None:
        self.dut.base_i.value = sum(base << i * (ADDRESS_BITS + 1) for i, base in enumerate(self.bases))

    async def reset(self) -> None:
        """What dsf_top does between runs: reset when the bus is quiet. The memory goes on."""
        self.offered = dict.fromkeys(self.offered, False)
        self.dut.rst_ni.value = 0
        for _ in range(2):
            await self.cycle()
        self.dut.rst_ni.value = 1

    async def cycle(self) -> None:
        """One cycle, from falling edge to falling edge."""
        dut = self.dut
        self.offer("rd_cmd", bool(self.read_commands), self.stall.command)
        self.offer("wr_cmd", bool(self.write_commands), self.stall.command)
        self.offer("wr", bool(self.write_beats), self.stall.data)
        if self.read_commands:
            dut.rd_cmd_i.value = self.read_commands[0].pack()
        if self.write_commands:
            dut.wr_cmd_i.value = self.write_commands[0].pack()
        # What is not valid is noise.
        noise = (self.draw.getrandbits(8 * BEAT), self.draw.getrandbits(1))
        dut.wr_data_i.value, dut.wr_last_i.value = self.write_beats[0] if self.offered["wr"] else noise
        dut.rd_ready_i.value = self.draw.random() >= self.stall.data
        for port in self.ports:
            port.drive()
        await ReadOnly()
        for port in self.ports:
            port.sample()
        if self.taken("rd_cmd"):
            self.read_commands.popleft()
        if self.taken("wr_cmd"):
            self.write_commands.popleft()
        if self.taken("wr"):
            self.write_beats.popleft()
        if dut.rd_valid_o.value and dut.rd_ready_i.value:
            self.read_beats.append((self.now, int(dut.rd_data_o.value), bool(dut.rd_last_o.value)))
        self.done += int(dut.wr_done_o.value)
        self.now += 1
        await FallingEdge(dut.clk_i)

    def offer(self, stream: str, there: bool, stall: float) -> None:
        """A valid that is up stays; a new one comes up when there is something and the stream does not pause."""
        self.offered[stream] = there and (self.offered[stream] or self.draw.random() >= stall)
        getattr(self.dut, f"{stream}_valid_i").value = self.offered[stream]

    def taken(self, stream: str) -> bool:
        if not (self.offered[stream] and getattr(self.dut, f"{stream}_ready_o").value):
            return False
        self.offered[stream] = False
        return True

    def expected_read(self, commands: list[Command]) -> list[tuple[int, bool]]:
        """The stream that the commands ask for."""
        return [
            beat
            for command in commands
            for address in command.addresses(self.bases)
            for beat in beats_of(self.memory.read(address, command.row_bytes))
        ]

    def queue_write(self, command: Command, data: list[bytes]) -> None:
        """A write command and its rows."""
        self.write_commands.append(command)
        for row in data:
            self.write_beats.extend(beats_of(row))

"""
A memory on AXI4 ports, for tests that need more than cocotbext-axi's: pipelined latency, answers of different IDs interleaved,
error answers, and a check of the master against the AXI rules at every handshake.

Ports are driven at the falling edge and looked at before the rising one, so that a beat moves at the rising edge between.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cocotb.triggers import FallingEdge, ReadOnly

OKAY, SLVERR, DECERR = 0, 2, 3
INCR = 1


@dataclass
class Memory:
    """`len(data)` bytes from address `origin`; outside is DECERR. `faults` are (first, last, response) of byte ranges."""

    data: bytearray
    origin: int = 0
    faults: list[tuple[int, int, int]] = field(default_factory=list)

    def response(self, address: int, size: int) -> int:
        for first, last, response in self.faults:
            if address <= last and address + size > first:
                return response
        inside = self.origin <= address and address + size <= self.origin + len(self.data)
        return OKAY if inside else DECERR

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes; poison where the answer is an error."""
        if self.response(address, size) != OKAY:
            return b"\xa5" * size
        return bytes(self.data[address - self.origin : address - self.origin + size])

    def write(self, address: int, data: bytes, strobe: int) -> None:
        for i, byte in enumerate(data):
            if strobe >> i & 1 and 0 <= address + i - self.origin < len(self.data):
                self.data[address + i - self.origin] = byte


@dataclass
class Timing:
    """How a port behaves: cycles from an address to its first data, and how often each channel pauses."""

    latency: Callable[[], int] = lambda: 0
    stall: float = 0.0
    #: Seldom and long, in cycles: (probability, length).
    freeze: tuple[float, int] = (0.0, 0)


@dataclass(eq=False)
class Burst:
    id: int
    address: int
    beats: int
    due: int
    done: int = 0
    response: int = OKAY
    data: list[tuple[int, int]] = field(default_factory=list)


class Channel:
    """One valid/ready pair. `pauses` is drawn once a cycle; a valid that is up never falls before its ready."""

    def __init__(self, timing: Timing, draw: random.Random) -> None:
        self.timing, self.draw, self.frozen = timing, draw, 0

    def pauses(self) -> bool:
        if self.frozen > 0:
            self.frozen -= 1
            return True
        chance, length = self.timing.freeze
        if chance and self.draw.random() < chance:
            self.frozen = length
        return self.draw.random() < self.timing.stall


class Port:
    """What reads and writes share: signal access by prefix, time, and the rules for addresses."""

    def __init__(self, dut, prefix: str, memory: Memory, timing: Timing, seed: int, max_burst: int) -> None:
        self.dut, self.prefix, self.memory, self.timing, self.max_burst = dut, prefix, memory, timing, max_burst
        self.draw = random.Random(seed)
        self.now = 0
        self.bytes = len(self.signal("rdata" if self.is_read else "wdata")) // 8
        self.held: dict[str, tuple[int, ...]] = {}
        self.bursts = 0
        self.beats = 0

    is_read = True

    def signal(self, name: str):
        return getattr(self.dut, f"{self.prefix}_{name}")

    def get(self, name: str) -> int:
        return int(self.signal(name).value)

    def set(self, name: str, value: int) -> None:
        self.signal(name).value = value

    def handshake(self, channel: str, payload: Iterable[str]) -> tuple[int, ...] | None:
        """The payload of a master's channel if it moves in this cycle; checks that a waiting one stands still."""
        valid, ready = self.get(f"{channel}valid"), self.get(f"{channel}ready")
        now = tuple(self.get(channel + name) for name in payload) if valid else ()
        held = self.held.pop(channel, None)
        assert held is None or held == now, f"{self.prefix}_{channel}: {now}, needs what waits: {held}"
        if valid and not ready:
            self.held[channel] = now
        return now if valid and ready else None

    def check_address(self, address: int, length: int, size: int, burst: int) -> None:
        where = f"{self.prefix}: burst of {length + 1} beats at {address:#x}"
        assert 1 << size == self.bytes and burst == INCR, f"{where}: needs full width and INCR"
        assert address % self.bytes == 0, f"{where}: needs a whole beat's address"
        assert address // 4096 == (address + (length + 1) * self.bytes - 1) // 4096, f"{where}: crosses a 4 KB border"
        assert length < self.max_burst, f"{where}: needs at most {self.max_burst}"
        self.bursts += 1


class ReadPort(Port):
    """Answers reads. Bursts of one ID in order; different IDs interleave beat by beat, at random."""

    is_read = True

    def __init__(self, dut, prefix: str, memory: Memory, timing: Timing, seed: int = 1, max_burst: int = 256) -> None:
        super().__init__(dut, prefix, memory, timing, seed, max_burst)
        self.address, self.data = Channel(timing, self.draw), Channel(timing, self.draw)
        self.waiting: deque[Burst] = deque()
        self.current: Burst | None = None
        #: By ID: beats that have moved, and cycles by which answers are later than `timing` says.
        self.beats_of: Counter[int] = Counter()
        self.delays: dict[int, int] = {}

    @property
    def quiet(self) -> bool:
        return not self.waiting and not self.held

    def reset(self) -> None:
        self.waiting.clear()
        self.held.clear()
        self.current = None

    def drive(self) -> None:
        self.set("arready", not self.address.pauses())
        if self.current is None:
            heads: dict[int, Burst] = {}
            for burst in self.waiting:
                heads.setdefault(burst.id, burst)
            due = [burst for burst in heads.values() if burst.due <= self.now]
            if due and not self.data.pauses():
                self.current = self.draw.choice(due)
        self.set("rvalid", self.current is not None)
        if self.current is not None:
            address = self.current.address + self.current.done * self.bytes
            self.set("rid", self.current.id)
            self.set("rdata", int.from_bytes(self.memory.read(address, self.bytes), "little"))
            self.set("rresp", self.memory.response(address, self.bytes))
            self.set("rlast", self.current.done == self.current.beats - 1)

    def sample(self) -> None:
        asked = self.handshake("ar", ("id", "addr", "len", "size", "burst"))
        if asked is not None:
            identity, address, length, size, burst = asked
            self.check_address(address, length, size, burst)
            due = self.now + self.timing.latency() + self.delays.get(identity, 0)
            self.waiting.append(Burst(identity, address, length + 1, due))
        if self.current is not None and self.get("rready"):
            self.beats += 1
            self.beats_of[self.current.id] += 1
            self.current.done += 1
            if self.current.done == self.current.beats:
                self.waiting.remove(self.current)
            self.current = None
        self.now += 1


class WritePort(Port):
    """Takes writes: data before, with, or after its address; acknowledges in order once data and address are in."""

    is_read = False

    #: "any"; "data first": takes an address only after all its data; "address first": takes data only after its address.
    order = "any"

    def __init__(self, dut, prefix: str, memory: Memory, timing: Timing, seed: int = 1, max_burst: int = 256) -> None:
        super().__init__(dut, prefix, memory, timing, seed, max_burst)
        self.address, self.data, self.answer = (Channel(timing, self.draw) for _ in range(3))
        self.asked: deque[Burst] = deque()
        self.written: deque[list[tuple[int, int]]] = deque([[]])
        self.answers: deque[Burst] = deque()
        self.answering = False
        #: Cycles in which a begun burst had no data.
        self.gaps = 0

    @property
    def quiet(self) -> bool:
        return not self.asked and not self.answers and not self.held and not self.written[0]

    def reset(self) -> None:
        self.asked.clear()
        self.answers.clear()
        self.held.clear()
        self.written = deque([[]])
        self.answering = False

    def drive(self) -> None:
        whole, begun = len(self.written) > 1, bool(self.written[-1])
        self.set("awready", not self.address.pauses() and (self.order != "data first" or whole))
        # With "address first" at most one burst is open, and all whole ones have been finished.
        self.set("wready", not self.data.pauses() and (self.order != "address first" or begun or bool(self.asked)))
        if not self.answering and self.answers and self.answers[0].due <= self.now:
            self.answering = not self.answer.pauses()
        self.set("bvalid", self.answering)
        if self.answering:
            self.set("bid", self.answers[0].id)
            self.set("bresp", self.answers[0].response)
            self.store(self.answers[0])

    def sample(self) -> None:
        asked = self.handshake("aw", ("id", "addr", "len", "size", "burst"))
        if asked is not None:
            identity, address, length, size, burst = asked
            self.check_address(address, length, size, burst)
            self.asked.append(Burst(identity, address, length + 1, 0))
        self.gaps += bool(self.written[-1]) and not self.get("wvalid")
        beat = self.handshake("w", ("data", "strb", "last"))
        if beat is not None:
            self.beats += 1
            data, strobe, last = beat
            self.written[-1].append((data, strobe))
            if last:
                self.written.append([])
        if self.answering and self.get("bready"):
            self.answers.popleft()
            self.answering = False
        while self.asked and len(self.written) > 1:
            self.finish(self.asked.popleft(), self.written.popleft())
        self.now += 1

    def finish(self, burst: Burst, beats: list[tuple[int, int]]) -> None:
        assert len(beats) == burst.beats, f"{self.prefix}: {len(beats)} beats at {burst.address:#x}, needs {burst.beats}"
        for i in range(burst.beats):
            burst.response = burst.response or self.memory.response(burst.address + i * self.bytes, self.bytes)
        burst.data = beats
        burst.due = self.now + self.timing.latency()
        self.answers.append(burst)

    def store(self, burst: Burst) -> None:
        """The bytes become visible no earlier than they are acknowledged."""
        for i, (data, strobe) in enumerate(burst.data):
            self.memory.write(burst.address + i * self.bytes, data.to_bytes(self.bytes, "little"), strobe)


async def serve(clock, ports: Iterable[ReadPort | WritePort], idle: Callable[[], bool] = lambda: False) -> None:
    """Runs the ports for ever; while `idle` (reset), they forget everything and stand still."""
    ports = list(ports)
    while True:
        await FallingEdge(clock)
        for port in ports:
            if idle():
                port.reset()
            port.drive()
        await ReadOnly()
        for port in ports:
            if not idle():
                port.sample()

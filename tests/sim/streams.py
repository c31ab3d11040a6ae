"""
Streams for cocotb: a source that keeps what it offers until it is taken, and a sink that takes what it likes.

Both act right after the rising edge and look at the handshake just before the next one.
"""

from __future__ import annotations

import random
from collections import deque

import cocotb
import cocotb.task
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

#: More than assertions look back.
RESET_CYCLES = 6


class Cycles:
    """
    Clock, reset and time of one bench, as an async context: entering it applies reset, with the inputs `idle` at 0, and
    leaving it stops all that was started with `run`. Assertions count from the first edge, so reset is there before it.
    """

    def __init__(self, dut, *idle: str) -> None:
        self.dut, self.now, self.idle = dut, 0, idle
        self.tasks: list[cocotb.task.Task] = []

    def run(self, coroutine) -> None:
        self.tasks.append(cocotb.start_soon(coroutine))

    async def __aenter__(self) -> Cycles:
        for name in ("rst_ni", *self.idle):
            getattr(self.dut, name).value = 0
        await Timer(1, "ns")
        self.run(Clock(self.dut.clk_i, 2, "ns").start(start_high=False))
        self.run(self._count())
        for _ in range(RESET_CYCLES):
            await RisingEdge(self.dut.clk_i)
        self.dut.rst_ni.value = 1
        await RisingEdge(self.dut.clk_i)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
        await Timer(1, "ns")

    async def _count(self) -> None:
        while True:
            await RisingEdge(self.dut.clk_i)
            self.now += 1

    async def until(self, condition, limit: int = 20000) -> None:
        """Waits until `condition()` holds at a rising edge; fails after `limit` cycles."""
        for _ in range(limit):
            await RisingEdge(self.dut.clk_i)
            if condition():
                return
        raise AssertionError(f"nothing happened for {limit} cycles")

    async def wait(self, cycles: int) -> None:
        for _ in range(cycles):
            await RisingEdge(self.dut.clk_i)


class Source:
    """
    Sends beats. A beat is a tuple with one integer for each of the signals `payload`. `stall` is the probability, each
    cycle, that a beat which is there is not offered yet. `taken` are the cycles of the handshakes.
    """

    def __init__(self, cycles: Cycles, valid, ready, payload, *, stall: float = 0.0, seed: int = 0) -> None:
        self.cycles, self.valid, self.ready, self.payload = cycles, valid, ready, payload
        self.stall, self.draw = stall, random.Random(seed)
        self.beats: deque[tuple[int, ...]] = deque()
        self.taken: list[int] = []
        valid.value = 0
        cycles.run(self._run())

    def send(self, *beats: tuple[int, ...]) -> None:
        self.beats.extend(beats)

    def idle(self) -> bool:
        return not self.beats and not self.offered

    async def _run(self) -> None:
        self.offered = False
        while True:
            await RisingEdge(self.cycles.dut.clk_i)
            if self.offered and self.ready.value == 1:
                self.taken.append(self.cycles.now)
                self.offered = False
            if not self.offered and self.beats and self.draw.random() >= self.stall:
                for signal, value in zip(self.payload, self.beats.popleft(), strict=True):
                    signal.value = value
                self.offered = True
            self.valid.value = int(self.offered)


class Sink:
    """Takes beats into `beats`, tuples as those of `Source`; `stall` is the probability of not being ready."""

    def __init__(self, cycles: Cycles, valid, ready, payload, *, stall: float = 0.0, seed: int = 0) -> None:
        self.cycles, self.valid, self.ready, self.payload = cycles, valid, ready, payload
        self.stall, self.draw = stall, random.Random(seed + 1)
        self.beats: list[tuple[int, ...]] = []
        self.taken: list[int] = []
        ready.value = 0
        cycles.run(self._run())

    async def _run(self) -> None:
        was_ready = False
        while True:
            await RisingEdge(self.cycles.dut.clk_i)
            if was_ready and self.valid.value == 1:
                self.beats.append(tuple(int(signal.value) for signal in self.payload))
                self.taken.append(self.cycles.now)
            was_ready = self.draw.random() >= self.stall
            self.ready.value = int(was_ready)

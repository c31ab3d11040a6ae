"""The write DMA under cocotb: the memory afterwards against slices of bytes. `test_dma_write.py` builds it."""

from __future__ import annotations

import random

import cocotb
from axi_memory import DECERR, SLVERR, Timing
from cocotb.triggers import FallingEdge
from cocotbext.axi import AxiRamWrite, AxiWriteBus
from dma_bench import ADDRESS_BITS, BEAT, ORIGIN, PARAMETERS, SEED, SIZE, Bench, Command, Stall, random_command

DRAW = random.Random(SEED)
#: Rows of different commands stay apart, so that their order does not matter.
SLICE = 6000


def queue(bench: Bench, commands: list[Command]) -> bytearray:
    """Queues the commands with random rows; returns what the memory has to hold when they are done."""
    expected = bytearray(bench.memory.data)
    for command in commands:
        rows = [bench.draw.randbytes(command.row_bytes) for _ in range(command.rows)]
        bench.queue_write(command, rows)
        for address, row in zip(command.addresses(bench.bases), rows, strict=True):
            expected[address - bench.memory.origin : address - bench.memory.origin + len(row)] = row
    return expected


async def write_all(bench: Bench, commands: list[Command], *, limit: int = 100_000) -> None:
    """Queues the commands and waits until all are done; each done comes when its bytes are there, in order."""
    expected = queue(bench, commands)
    bench.done = 0
    while bench.done < len(commands):
        assert bench.now < limit, f"{bench.done} of {len(commands)} commands in {bench.now} cycles (seed {SEED})"
        await bench.cycle()
    assert bench.writes.quiet
    for _ in range(8):
        await bench.cycle()
    assert bench.done == len(commands) and not bench.dut.wr_busy_o.value
    assert bench.memory.data == expected, f"seed {SEED}"
    assert PARAMETERS["WriteFifoDepth"] < 64 or bench.writes.gaps == 0


def random_commands(draw: random.Random, count: int) -> list[Command]:
    return [random_command(draw, disjoint=(i * SLICE, (i + 1) * SLICE - 1)) for i in range(count)]


TIMINGS = {
    "immediate": (Timing(), Stall()),
    "slow stream": (Timing(lambda: 5), Stall(data=0.7)),
    "slow memory": (Timing(lambda: DRAW.randint(0, 80), stall=0.5), Stall()),
    "all": (Timing(lambda: DRAW.randint(0, 30), stall=0.3, freeze=(0.003, 100)), Stall(0.3, 0.3)),
}


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(kind=list(TIMINGS), order=["any", "data first", "address first"])
async def rows_arrive(dut, kind: str, order: str) -> None:
    """Random commands, under all kinds of stalls, to memories that take address and data in either order."""
    timing, stall = TIMINGS[kind]
    bench = Bench(dut, timing, stall)
    bench.writes.order = order
    await bench.start()
    for _ in range(2):
        await write_all(bench, random_commands(bench.draw, 8))


@cocotb.test(timeout_time=4, timeout_unit="ms")
async def every_alignment_and_length(dut) -> None:
    """Rows of 1 to 2 beats + 1 bytes from every byte lane, across a 4 KB border too."""
    bench = Bench(dut)
    await bench.start()
    lengths = sorted({1, 2, BEAT - 1, BEAT, BEAT + 1, 2 * BEAT - 1, 2 * BEAT, 2 * BEAT + 1})
    for at in (0, 4096 - BEAT, 4096 - 2 * BEAT):
        for lane in range(BEAT):
            await write_all(
                bench, [Command(0, at + lane + 8192 * i, 3, length, length) for i, length in enumerate(lengths[:6])]
            )
            await write_all(bench, [Command(0, at + lane + 8192 * i, 2, n, n + 1) for i, n in enumerate(lengths[6:])])


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(latency=[0, 64])
async def full_rate(dut, latency: int) -> None:
    """A beat a cycle, for long rows: aligned, unaligned, and short ones back to back."""
    if PARAMETERS["WriteFifoDepth"] < 64:
        return  # Two bursts do not fit.
    bench = Bench(dut, Timing(lambda: latency))
    await bench.start()
    one = Command(0, 0, 1, 512 * BEAT, 0)
    unaligned = Command(1, 3, 8, 64 * BEAT, 64 * BEAT + 5)
    back_to_back = [Command(0, 4096 + 8 * BEAT * i, 1, 8 * BEAT, 0) for i in range(32)]
    for name, commands in (("one", [one]), ("unaligned", [unaligned]), ("back to back", back_to_back)):
        begin = bench.now
        await write_all(bench, commands)
        beats = sum(command.beats_in_memory() for command in commands)
        dut._log.info(f"{name}, latency {latency}: {bench.now - begin} cycles for {beats} beats")
        assert bench.now - begin <= beats + latency + PARAMETERS["MaxBurst"] + 24


async def fails(bench: Bench, commands: list[Command], signal: str, limit: int = 20_000) -> None:
    """Runs until the error signal is up, then until the bus is quiet; nothing new may begin after that."""
    queue(bench, commands)
    while not getattr(bench.dut, signal).value:
        assert bench.now < limit, f"no {signal}"
        await bench.cycle()
    await drain(bench, limit)


async def drain(bench: Bench, limit: int) -> None:
    while bench.dut.wr_busy_o.value:
        assert bench.now < limit, "busy for ever"
        await bench.cycle()
    bursts = bench.writes.bursts
    for _ in range(50):
        await bench.cycle()
    assert bench.writes.bursts == bursts and bench.writes.quiet
    bench.write_commands.clear()
    bench.write_beats.clear()


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(response=[SLVERR, DECERR], order=["any", "data first", "address first"])
async def bus_error_stops_and_a_good_run_follows(dut, response: int, order: str) -> None:
    bench = Bench(dut, Timing(lambda: DRAW.randint(0, 20), stall=0.3), Stall(data=0.2))
    bench.writes.order = order
    await bench.start()
    bench.memory.faults = [(ORIGIN + 410 * BEAT, ORIGIN + 410 * BEAT, response)]  # The last beat of the second.
    await fails(bench, [Command(0, 5 + 210 * BEAT * i, 5, 40 * BEAT, 40 * BEAT) for i in range(4)], "wr_bus_error_o")
    assert int(dut.wr_bus_response_o.value) == response
    assert bench.done == 1, "the command with the error, and those behind it, may not be done"
    bench.memory.faults = []
    await bench.reset()
    assert not dut.wr_bus_error_o.value
    await write_all(bench, random_commands(bench.draw, 6))


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def addresses_beyond_the_width_are_refused(dut) -> None:
    top = 1 << ADDRESS_BITS
    bench = Bench(dut)
    bench.memory.origin = top - SIZE
    await bench.start()
    for base, command in (
        (top - 64, Command(7, 64, 1, 4, 0)),
        (top - 64, Command(7, 0, 3, 4, 60)),
        (top - 64, Command(7, 60, 1, 5, 0)),
        (top + 4, Command(7, 0, 1, 4, 0)),
    ):
        bench.bases[7] = base
        bench.set_bases()
        await bench.reset()
        rows = [bytes(command.row_bytes)] * command.rows
        bench.queue_write(command, rows)
        while not dut.wr_address_error_o.value:
            assert bench.now < 2000
            await bench.cycle()
        dut.halt_i.value = 1  # As dsf_top does on any error.
        await bench.cycle()
        await drain(bench, 2000)
        dut.halt_i.value = 0
    bench.bases[7] = top - 64
    bench.set_bases()
    await bench.reset()
    await write_all(bench, [Command(7, 0, 2, 30, 30), Command(7, 60, 1, 4, 0)])


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(after=[3, 25, 70], order=["any", "data first", "address first"])
async def halt_completes_what_has_begun(dut, after: int, order: str) -> None:
    """Halted at any moment, with the stream dead from then on: begun bursts end, and a good run follows."""
    bench = Bench(dut, Timing(lambda: 10, stall=0.3))
    bench.writes.order = order
    await bench.start()
    queue(bench, [Command(0, 1, 4, 100 * BEAT, 100 * BEAT)])
    for _ in range(after):
        await bench.cycle()
    dut.halt_i.value = 1
    bench.stall.data = 1.0
    await bench.cycle()
    await drain(bench, 4000)
    await bench.reset()
    dut.halt_i.value = 0
    bench.stall.data = 0.0
    await write_all(bench, random_commands(bench.draw, 5))


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def agrees_with_cocotbext_axi(dut) -> None:
    """The same against a memory model that others wrote, with pauses on all its channels."""
    bench = Bench(dut, stall=Stall(0.2, 0.3))
    await bench.start(memory=False)
    ram = AxiRamWrite(AxiWriteBus.from_prefix(dut, "m_axi"), dut.clk_i, dut.rst_ni, reset_active_level=False, size=1 << 20)
    ram.write(ORIGIN % (1 << 20), bytes(bench.memory.data))
    pauses = random.Random(SEED)
    for channel in (ram.aw_channel, ram.w_channel, ram.b_channel):
        channel.set_pause_generator(iter(lambda: pauses.random() < 0.3, None))
    commands = random_commands(bench.draw, 8)
    expected = queue(bench, commands)
    while bench.done < len(commands):
        assert bench.now < 50_000
        await bench.cycle()
    await FallingEdge(dut.clk_i)
    assert ram.read(ORIGIN % (1 << 20), SIZE) == bytes(expected)

"""The read DMA under cocotb, against slices of the memory's bytes. `test_dma_read.py` builds it."""

from __future__ import annotations

import random

import cocotb
from axi_memory import DECERR, SLVERR, Timing
from cocotb.triggers import FallingEdge, ReadOnly
from cocotbext.axi import AxiRamRead, AxiReadBus
from dma_bench import ADDRESS_BITS, BEAT, ORIGIN, PARAMETERS, SEED, SIZE, Bench, Command, Stall, random_command

DRAW = random.Random(SEED)


async def read_all(bench: Bench, commands: list[Command], *, limit: int = 100_000) -> None:
    """Queues the commands, and waits for all their beats."""
    expected = bench.expected_read(commands)
    bench.read_beats.clear()
    bench.read_commands.extend(commands)
    while len(bench.read_beats) < len(expected):
        assert bench.now < limit, f"{len(bench.read_beats)} of {len(expected)} beats in {bench.now} cycles (seed {SEED})"
        await bench.cycle()
    for _ in range(8):
        await bench.cycle()
    actual = [(data, last) for _, data, last in bench.read_beats]
    assert actual == expected, f"seed {SEED}"
    assert bench.reads.quiet and not bench.dut.rd_busy_o.value


# With room for one burst, every burst waits for memory.
LATENCY = 80 if PARAMETERS["ReadFifoDepth"] >= 128 else 10

TIMINGS = {
    "immediate": (Timing(), Stall()),
    "slow reader": (Timing(lambda: 5), Stall(data=0.7)),
    "slow memory": (Timing(lambda: DRAW.randint(0, LATENCY), stall=0.5), Stall()),
    "all": (Timing(lambda: DRAW.randint(0, LATENCY // 2), stall=0.3, freeze=(0.003, 100)), Stall(0.3, 0.3)),
}


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(kind=list(TIMINGS))
async def rows_arrive(dut, kind: str) -> None:
    """Random commands, all alignments, under all kinds of stalls."""
    timing, stall = TIMINGS[kind]
    bench = Bench(dut, timing, stall)
    await bench.start()
    await read_all(bench, [random_command(bench.draw) for _ in range(40)])


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_alignment_and_length(dut) -> None:
    """Rows of 1 to 2 beats + 1 bytes from every byte lane, across a 4 KB border too."""
    bench = Bench(dut)
    await bench.start()
    lengths = sorted({1, 2, BEAT - 1, BEAT, BEAT + 1, 2 * BEAT - 1, 2 * BEAT, 2 * BEAT + 1})
    commands = [
        Command(0, at + lane, 3, length, length + 1)
        for at in (0, 4096 - BEAT, 4096 - 2 * BEAT)
        for lane in range(BEAT)
        for length in lengths
    ]
    await read_all(bench, commands)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(latency=[0, 64])
async def full_rate(dut, latency: int) -> None:
    """A beat a cycle, for long rows: aligned, unaligned, and short ones back to back."""
    if PARAMETERS["ReadFifoDepth"] < 128:
        return  # Two bursts do not fit.
    bench = Bench(dut, Timing(lambda: latency))
    await bench.start()
    one = Command(0, 0, 1, 512 * BEAT, 0)
    unaligned = Command(1, 3, 8, 64 * BEAT, 64 * BEAT + 5)
    back_to_back = [Command(0, 4096 + 8 * BEAT * i, 1, 8 * BEAT, 0) for i in range(32)]
    for name, commands in (("one", [one]), ("unaligned", [unaligned]), ("back to back", back_to_back)):
        begin = bench.now
        await read_all(bench, commands)
        beats = sum(command.beats_in_memory() for command in commands)
        first, last = bench.read_beats[0][0], bench.read_beats[-1][0]
        dut._log.info(f"{name}, latency {latency}: first after {first - begin}, {last - first + 1} cycles for {beats} beats")
        assert first - begin <= latency + 14
        assert last - first + 1 <= beats + 2


async def fails(bench: Bench, command: Command, signal: str, limit: int = 2000) -> None:
    """Runs until the error signal is up, then until the bus is quiet; nothing new may be asked for after that."""
    bench.read_commands.append(command)
    while not getattr(bench.dut, signal).value:
        assert bench.now < limit, f"no {signal}"
        await bench.cycle()
    bench.read_commands.clear()
    while bench.dut.rd_busy_o.value:
        assert bench.now < limit, "busy for ever"
        await bench.cycle()
    bursts = bench.reads.bursts
    for _ in range(50):
        await bench.cycle()
    assert bench.reads.bursts == bursts and bench.reads.quiet


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(response=[SLVERR, DECERR])
async def bus_error_stops_and_a_good_run_follows(dut, response: int) -> None:
    bench = Bench(dut, Timing(lambda: DRAW.randint(0, 20), stall=0.3), Stall(data=0.5))
    await bench.start()
    bench.memory.faults = [(ORIGIN + 400 * BEAT, ORIGIN + 400 * BEAT + 1, response)]
    await fails(bench, Command(0, 5, 20, 40 * BEAT, 40 * BEAT), "rd_bus_error_o", 20_000)
    assert int(dut.rd_bus_response_o.value) == response
    bench.memory.faults = []
    await bench.reset()
    assert not dut.rd_bus_error_o.value
    await read_all(bench, [random_command(bench.draw) for _ in range(10)])


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def addresses_beyond_the_width_are_refused(dut) -> None:
    """Base + offset, a later row, and a row that runs over the end; the row before the end is read."""
    top = 1 << ADDRESS_BITS
    bench = Bench(dut)
    bench.memory.origin = top - SIZE
    await bench.start()

    async def rebase(last: int) -> None:
        bench.bases[7] = last
        bench.set_bases()
        await bench.reset()

    await rebase(top - 64)
    await fails(bench, Command(7, 64, 1, 4, 0), "rd_address_error_o")
    await rebase(top - 64)
    await fails(bench, Command(7, 0, 3, 4, 60), "rd_address_error_o")
    await rebase(top - 64)
    await fails(bench, Command(7, 60, 1, 5, 0), "rd_address_error_o")
    await rebase(top + 4)
    await fails(bench, Command(7, 0, 1, 4, 0), "rd_address_error_o")
    await rebase(top - 64)
    bench.memory.faults = []
    await read_all(bench, [Command(7, 0, 2, 32, 32), Command(7, 60, 1, 4, 0)])


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(after=[3, 20, 60])
async def halt_drains_the_bus(dut, after: int) -> None:
    """Halted at any moment, after the stream's reader was dead: what was asked for is taken, and a good run follows."""
    bench = Bench(dut, Timing(lambda: 10, stall=0.3))
    await bench.start()
    bench.read_commands.append(Command(0, 1, 4, 100 * BEAT, 100 * BEAT))
    bench.stall.data = 1.0
    for _ in range(after):
        await bench.cycle()
    dut.halt_i.value = 1
    bursts, waiting = bench.reads.bursts, int(dut.m_axi_arvalid.value)
    bench.stall.data = 0.0
    await bench.cycle()
    while dut.rd_busy_o.value:
        assert bench.now < 4000, "busy for ever"
        await bench.cycle()
    assert bench.reads.quiet and bench.reads.bursts <= bursts + waiting, "a burst after the halt"
    bench.read_commands.clear()
    await bench.reset()
    dut.halt_i.value = 0
    await read_all(bench, [random_command(bench.draw) for _ in range(5)])


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def agrees_with_cocotbext_axi(dut) -> None:
    """The same against a memory model that others wrote, with pauses on all its channels."""
    bench = Bench(dut, stall=Stall(0.2, 0.3))
    await bench.start(memory=False)
    ram = AxiRamRead(AxiReadBus.from_prefix(dut, "m_axi"), dut.clk_i, dut.rst_ni, reset_active_level=False, size=1 << 20)
    ram.write(ORIGIN % (1 << 20), bytes(bench.memory.data))
    pauses = random.Random(SEED)
    for channel in (ram.ar_channel, ram.r_channel):
        channel.set_pause_generator(iter(lambda: pauses.random() < 0.3, None))
    commands = [random_command(bench.draw) for _ in range(12)]
    expected = bench.expected_read(commands)
    bench.read_commands.extend(commands)
    while len(bench.read_beats) < len(expected):
        assert bench.now < 50_000
        await bench.cycle()
    await ReadOnly()
    assert [(data, last) for _, data, last in bench.read_beats] == expected
    await FallingEdge(dut.clk_i)

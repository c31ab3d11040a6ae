"""The whole engine under cocotb: networks bit-exact under all kinds of stalls, and every fault. `test_top.py` builds it."""

from __future__ import annotations

import random
from dataclasses import replace

import cocotb
from axi_memory import DECERR, SLVERR, Timing
from cocotb.triggers import FallingEdge
from cocotbext.axi import AxiRamRead, AxiRamWrite, AxiReadBus, AxiWriteBus
from core_programs import LOAD, MATRIX, STORE, Network, network
from top_bench import ABORT, ADDRESS_BITS, BUSY, ERROR, HW, ORIGIN, SEED, SIZE, START, Engine

from dsf.isa.encoding import encode_instruction
from dsf.isa.registers import BY_NAME, Port
from dsf.isa.table import BaseRegister, ErrorCode

DRAW = random.Random(SEED)
SMALL = network(HW, SEED, tall=0, images=1)

TIMINGS = {
    "immediate": Timing(),
    "slow": Timing(lambda: DRAW.randint(0, 80), stall=0.3),
    "stuttering": Timing(lambda: DRAW.randint(0, 20), stall=0.6, freeze=(0.002, 200)),
}


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(kind=list(TIMINGS), seed=[0, 1])
async def networks_are_bit_exact(dut, kind: str, seed: int) -> None:
    """Twice each, at other addresses, wide and tall."""
    engine = Engine(dut, TIMINGS[kind])
    await engine.start()
    one = network(HW, SEED + seed, tall=seed)
    for order in ("any", "data first", "address first")[seed:]:
        engine.output.order = order
        await engine.good_run(one)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def memory_of_cocotbext_axi(dut) -> None:
    """The same against memory models that others wrote, with pauses on every channel."""
    engine = Engine(dut)
    await engine.start(memory=False)
    # Addresses wrap in it.
    memory = bytearray(1 << 20)
    clock = (dut.clk_i, dut.rst_ni, False)
    reads = [AxiRamRead(AxiReadBus.from_prefix(dut, name), *clock, mem=memory) for name in ("m_axi_feat", "m_axi_wt")]
    write = AxiRamWrite(AxiWriteBus.from_prefix(dut, "m_axi_out"), *clock, mem=memory)
    channels = [channel for port in reads for channel in (port.ar_channel, port.r_channel)]
    for channel in (*channels, write.aw_channel, write.w_channel, write.b_channel):
        channel.set_pause_generator(iter(lambda: DRAW.random() < 0.2, None))
    for port in (*reads, write):
        port.log.setLevel("WARNING")
    await engine.load(SMALL)
    start = ORIGIN % len(memory)
    memory[start : start + SIZE] = engine.memory.data
    await engine.write("CONTROL", START)
    assert await engine.wait() & ERROR == 0, await engine.failure()
    output = engine.bases[BaseRegister.OUTPUT] % len(memory)
    assert memory[output : output + len(SMALL.output)] == SMALL.output


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def interrupt_and_counters(dut) -> None:
    """The interrupt comes, once, when the output is there; counters are what the ports have seen."""
    engine = Engine(dut, Timing(lambda: 20))
    await engine.start()
    await engine.load(SMALL)
    await engine.write("IRQ_ENABLE", 1)
    for _ in range(2):
        seen = [port.beats for port in engine.ports]
        await engine.write("CONTROL", START)
        cycles = 0
        while not dut.irq_o.value:
            cycles += 1
            assert cycles < 50_000
            await FallingEdge(dut.clk_i)
        assert engine.region(BaseRegister.OUTPUT, len(SMALL.output)) == SMALL.output
        assert await engine.read("IRQ_STATUS") == 1
        await engine.write("IRQ_STATUS", 1)
        await engine.cycles(1)
        assert not dut.irq_o.value
        counts = {name: await engine.read(name) for name in BY_NAME if name.startswith("COUNT_")}
        features, weights, output = (port.beats - before for port, before in zip(engine.ports, seen, strict=True))
        assert counts["COUNT_INSTRUCTION_BEATS"] + counts["COUNT_FEATURE_BEATS"] == features
        assert counts["COUNT_INSTRUCTION_BEATS"] >= len(SMALL.program) * 8 // HW.axi_width
        assert (counts["COUNT_WEIGHT_BEATS"], counts["COUNT_OUTPUT_BEATS"]) == (weights, output)
        assert counts["COUNT_MATRIX_STEPS"] > 0
        assert abs(await engine.read("CYCLES_LO") - cycles) < 20 and await engine.read("CYCLES_HI") == 0


FAULTS = {
    Port.INSTRUCTIONS: BaseRegister.PROGRAM,
    Port.FEATURES: BaseRegister.INPUT,
    Port.WEIGHTS: BaseRegister.WEIGHTS,
    Port.OUTPUT: BaseRegister.OUTPUT,
}
LENGTHS = {
    Port.INSTRUCTIONS: len(SMALL.program),
    Port.FEATURES: len(SMALL.input),
    Port.WEIGHTS: len(SMALL.weights),
    Port.OUTPUT: len(SMALL.output),
}


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(port=list(FAULTS), response=[SLVERR, DECERR])
async def bus_errors_are_named_and_a_good_run_follows(dut, port: Port, response: int) -> None:
    engine = Engine(dut, Timing(lambda: DRAW.randint(0, 30), stall=0.3))
    await engine.start()
    for byte in (0, LENGTHS[port] - 1):
        await engine.load(SMALL)
        at = engine.bases[FAULTS[port]] + byte
        engine.memory.faults = [(at, at, response)]
        await engine.bad_run(ErrorCode.WRITE_ERROR if port is Port.OUTPUT else ErrorCode.READ_ERROR, port, response)
        assert await engine.read("IRQ_STATUS") == 2
        await engine.write("IRQ_STATUS", 2)
        engine.memory.faults = []
        await engine.good_run(SMALL)
        await engine.write("IRQ_STATUS", 1)


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(port=list(FAULTS))
async def addresses_beyond_the_bus_are_named(dut, port: Port) -> None:
    """A region that runs over the end of the address space, and a base that the bus can't express."""
    engine = Engine(dut)
    await engine.start()
    await engine.load(SMALL)
    good = dict(engine.bases)
    beyond = [(1 << ADDRESS_BITS) - 4] + ([1 << ADDRESS_BITS] if ADDRESS_BITS < 64 else [])
    for address in beyond:
        await engine.set_base(FAULTS[port], address)
        # The first bytes of the region are within the address space, but not in this memory.
        engine.memory.origin, size = (1 << ADDRESS_BITS) - (1 << 21), 1 << 21
        whole = bytearray(size)
        start = ORIGIN - engine.memory.origin
        whole[start : start + SIZE] = engine.memory.data
        data, engine.memory.data = engine.memory.data, whole
        await engine.bad_run(ErrorCode.ADDRESS, port)
        engine.memory.origin, engine.memory.data = ORIGIN, data
    await engine.set_base(FAULTS[port], good[FAULTS[port]])
    await engine.good_run(SMALL)


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(kind=list(TIMINGS))
async def abort_at_any_time(dut, kind: str) -> None:
    """Aborted runs, each followed by a good one."""
    engine = Engine(dut, TIMINGS[kind])
    await engine.start()
    for after in (0, 7, *(DRAW.randrange(2500) for _ in range(6))):
        await engine.load(SMALL)
        await engine.write("CONTROL", START)
        await engine.cycles(after)
        running = await engine.read("STATUS") & BUSY
        await engine.write("CONTROL", ABORT)
        if await engine.wait() & ERROR:
            assert (await engine.failure()).code is ErrorCode.ABORTED
        else:
            assert not running or after > 500
        engine.check_quiet()
        await engine.good_run(SMALL)


@cocotb.test(timeout_time=4, timeout_unit="ms")
async def reset_at_any_time(dut) -> None:
    engine = Engine(dut, TIMINGS["slow"])
    await engine.start()
    for after in (0, 50, *(DRAW.randrange(2500) for _ in range(3))):
        await engine.load(SMALL)
        await engine.write("CONTROL", START)
        await engine.cycles(after)
        await engine.reset()
        assert await engine.read("STATUS") == 0
        await engine.good_run(SMALL)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def refused_starts(dut) -> None:
    """A foreign program and an empty one: nothing moves on the bus."""
    engine = Engine(dut)
    await engine.start()
    await engine.load(SMALL)
    before = [port.bursts for port in engine.ports]
    await engine.write("PROGRAM_HASH", HW.hash ^ 1)
    await engine.bad_run(ErrorCode.HASH_MISMATCH)
    await engine.write("PROGRAM_HASH", HW.hash)
    await engine.write("PROGRAM_BYTES", 0)
    await engine.bad_run(ErrorCode.TRUNCATED)
    await engine.write("CONTROL", START | ABORT)
    assert [port.bursts for port in engine.ports] == before
    assert await engine.read("STATUS") == ERROR
    assert await engine.read("HASH") == HW.hash
    await engine.good_run(SMALL)


def program(*instructions: bytes) -> Network:
    return Network(b"".join(instructions), SMALL.weights, SMALL.input, bytes(64), ())


END = encode_instruction("end")
WAITING = encode_instruction("load", base=BaseRegister.INPUT, rows=1, row_elements=8, wait=MATRIX | STORE)
UNREAD = encode_instruction("load", base=BaseRegister.INPUT, rows=1, row_elements=8, signal=MATRIX)
OUTSIDE = encode_instruction("load", base=BaseRegister.INPUT, rows=1, row_elements=8, dst=HW.feature_elements - 4)
EMPTY = encode_instruction("load", base=BaseRegister.INPUT, rows=0, row_elements=8)
GOOD = encode_instruction("load", base=BaseRegister.INPUT, rows=1, row_elements=8)

BROKEN = {
    "truncated between instructions": (program(GOOD), ErrorCode.TRUNCATED, None),
    "truncated inside one": (program(GOOD, END[:20]), ErrorCode.TRUNCATED, None),
    "illegal opcode": (program(GOOD, bytes(32), END), ErrorCode.ILLEGAL_OPCODE, 1),
    "illegal field": (program(GOOD, GOOD, EMPTY, END), ErrorCode.ILLEGAL_FIELD, 2),
    "feature memory": (program(GOOD, OUTSIDE, END), ErrorCode.ADDRESS, 1),
    "tokens that never come": (program(GOOD, WAITING, END), ErrorCode.WATCHDOG, 1),
    "tokens that nobody takes": (program(UNREAD, END), ErrorCode.TOKENS_LEFT, None),
}


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(kind=list(BROKEN))
async def broken_programs_are_named_and_a_good_run_follows(dut, kind: str) -> None:
    engine = Engine(dut, Timing(lambda: 10, stall=0.2))
    await engine.start()
    broken, code, index = BROKEN[kind]
    await engine.load(broken)
    failure = await engine.bad_run(code)
    assert index is None or failure.index == index
    if code is ErrorCode.WATCHDOG:
        queue, tokens = BY_NAME["ERROR_DETAIL"].fields
        assert failure.detail >> queue.low & 7 == 0 and failure.detail >> tokens.low & 31 == MATRIX | STORE
    await engine.good_run(SMALL)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def bytes_behind_the_end_do_not_matter(dut) -> None:
    engine = Engine(dut, Timing(lambda: 10, stall=0.2))
    await engine.start()
    rest = encode_instruction("store", base=BaseRegister.INPUT, rows=3, row_elements=8) * 40
    await engine.good_run(replace(SMALL, program=SMALL.program + rest))
    await engine.good_run(SMALL)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_running_engine_is_not_disturbed(dut) -> None:
    """Start and new bases are ignored while busy."""
    engine = Engine(dut, TIMINGS["slow"])
    await engine.start()
    await engine.load(SMALL)
    await engine.write("CONTROL", START)
    for base in BaseRegister:
        await engine.write(f"BASE{base.value}_LO", 0)
    await engine.write("PROGRAM_BYTES", 1)
    await engine.write("CONTROL", START)
    assert await engine.read("STATUS") & BUSY
    assert await engine.wait() & ERROR == 0
    assert engine.region(BaseRegister.OUTPUT, len(SMALL.output)) == SMALL.output
    await engine.good_run(SMALL, place=False)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def what_was_stored_can_be_loaded(dut) -> None:
    """Through the arena and back, on a memory that acknowledges late and shows nothing before it does."""
    engine = Engine(dut, Timing(lambda: 150))
    await engine.start()
    per_byte = 8 // HW.bits_input
    elements = len(SMALL.input) * per_byte
    move = {"rows": 1, "row_elements": elements}
    copy = program(
        encode_instruction("load", base=BaseRegister.INPUT, **move, signal=STORE),
        encode_instruction("store", base=BaseRegister.ARENA, **move, wait=LOAD, signal=LOAD),
        encode_instruction("load", base=BaseRegister.ARENA, **move, dst=elements + 1, wait=STORE, signal=STORE),
        encode_instruction("store", base=BaseRegister.OUTPUT, **move, src=elements + 1, wait=LOAD),
        END,
    )
    await engine.load(replace(copy, output=bytes(len(SMALL.input))), arena=len(SMALL.input))
    await engine.write("CONTROL", START)
    assert await engine.wait() & ERROR == 0, await engine.failure()
    assert engine.region(BaseRegister.OUTPUT, len(SMALL.input)) == SMALL.input

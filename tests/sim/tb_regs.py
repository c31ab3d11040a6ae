"""The registers under cocotb, with cocotbext-axi as the host, against the table. `test_regs.py` builds them."""

from __future__ import annotations

import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, ReadOnly
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from dsf.isa.registers import BY_NAME, NUM_BASES, REGISTERS, Access, Counter, Register

SEED = int(os.environ["DSF_SEED"])
OF_HARDWARE = {"HASH": int(os.environ["DSF_HASH"]), "BEAT_BYTES": int(os.environ["DSF_BEAT_BYTES"])}
INPUTS = ("busy_i", "done_i", "error_i", "error_word_i", "error_index_i", "error_detail_i", "cycles_i", "counter_i")


class Host:
    """Clock, reset, and reads and writes by register name."""

    def __init__(self, dut, stall: float) -> None:
        self.dut = dut
        self.draw = random.Random(SEED)
        cocotb.start_soon(Clock(dut.clk_i, 2, "ns").start())
        self.bus = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, reset_active_level=False)
        if stall:
            write, read = self.bus.write_if, self.bus.read_if
            for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel):
                channel.set_pause_generator(iter(lambda: self.draw.random() < stall, None))

    async def reset(self) -> None:
        for name in (*INPUTS, "done_event_i", "error_event_i"):
            getattr(self.dut, name).value = 0
        self.dut.rst_ni.value = 0
        await ClockCycles(self.dut.clk_i, 3)
        self.dut.rst_ni.value = 1
        await ClockCycles(self.dut.clk_i, 2)

    async def read(self, name: str) -> int:
        return await self.bus.read_dword(BY_NAME[name].offset)

    async def write(self, name: str, value: int) -> None:
        await self.bus.write_dword(BY_NAME[name].offset, value)

    async def pulse(self, name: str) -> None:
        await FallingEdge(self.dut.clk_i)
        getattr(self.dut, name).value = 1
        await FallingEdge(self.dut.clk_i)
        getattr(self.dut, name).value = 0

    def watch(self) -> dict[str, int]:
        """Counts the cycles of start_o and abort_o from now on."""
        seen = {"start_o": 0, "abort_o": 0}

        async def count() -> None:
            while True:
                await FallingEdge(self.dut.clk_i)
                await ReadOnly()
                for name in seen:
                    seen[name] += int(getattr(self.dut, name).value)

        cocotb.start_soon(count())
        return seen


def stored(register: Register) -> bool:
    return register.access in (Access.READ_WRITE, Access.BUSY_LOCKED)


def mask(register: Register) -> int:
    """The bits that a register keeps."""
    if not register.fields:
        return 0xFFFF_FFFF
    return sum(((1 << bits.bits) - 1) << bits.low for bits in register.fields)


@cocotb.test(timeout_time=100, timeout_unit="us")
async def reset_values(dut) -> None:
    host = Host(dut, 0.0)
    await host.reset()
    for register in REGISTERS:
        assert await host.read(register.name) == OF_HARDWARE.get(register.name, register.reset), register.name


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=[0.0, 0.5])
async def registers_keep_what_the_table_says(dut, stall: float) -> None:
    """Random writes of whole words and of single bytes, to all addresses, busy or not, against a dictionary."""
    host = Host(dut, stall)
    await host.reset()
    model = dict.fromkeys((register.name for register in REGISTERS if stored(register)), 0)
    for busy in (0, 1, 0):
        dut.busy_i.value = busy
        for _ in range(150):
            register = host.draw.choice(REGISTERS)
            if register.name == "CONTROL":
                continue
            first = host.draw.randrange(4)
            data = host.draw.randbytes(host.draw.choice((4 - first, 1)))
            await host.bus.write(register.offset + first, data)
            locked = register.access is Access.BUSY_LOCKED and busy
            if stored(register) and not locked:
                old = bytearray(model[register.name].to_bytes(4, "little"))
                old[first : first + len(data)] = data
                model[register.name] = int.from_bytes(old, "little") & mask(register)
        for name, value in model.items():
            assert await host.read(name) == value, f"{name} (seed {SEED})"
    bases = [model[f"BASE{i}_HI"] << 32 | model[f"BASE{i}_LO"] for i in range(NUM_BASES)]
    assert int(dut.base_o.value) == sum(base << 64 * i for i, base in enumerate(bases))
    assert int(dut.program_hash_o.value) == model["PROGRAM_HASH"]
    assert int(dut.program_bytes_o.value) == model["PROGRAM_BYTES"]


@cocotb.test(timeout_time=100, timeout_unit="us")
async def status_is_read_through(dut) -> None:
    host = Host(dut, 0.3)
    await host.reset()
    words = {name: host.draw.getrandbits(32) for name in ("ERROR", "ERROR_INDEX", "ERROR_DETAIL")}
    dut.error_word_i.value, dut.error_index_i.value, dut.error_detail_i.value = words.values()
    cycles, counters = host.draw.getrandbits(64), [host.draw.getrandbits(32) for _ in Counter]
    dut.cycles_i.value = cycles
    dut.counter_i.value = sum(value << 32 * i for i, value in enumerate(counters))
    for name, value in words.items():
        assert await host.read(name) == value
    assert (await host.read("CYCLES_HI")) << 32 | await host.read("CYCLES_LO") == cycles
    for counter, value in zip(Counter, counters, strict=True):
        assert await host.read(f"COUNT_{counter.name}") == value
    for status in range(8):
        dut.busy_i.value, dut.done_i.value, dut.error_i.value = status & 1, status >> 1 & 1, status >> 2 & 1
        assert await host.read("STATUS") == status


@cocotb.test(timeout_time=100, timeout_unit="us")
async def control_gives_one_pulse(dut) -> None:
    host = Host(dut, 0.3)
    await host.reset()
    seen = host.watch()
    for value, start, abort in ((0, 0, 0), (1, 1, 0), (2, 0, 1), (3, 0, 1), (1, 1, 0)):
        seen.update(start_o=0, abort_o=0)
        await host.write("CONTROL", value)
        await ClockCycles(dut.clk_i, 3)
        assert seen == {"start_o": start, "abort_o": abort}, f"CONTROL = {value}"
    seen.update(start_o=0, abort_o=0)
    await host.bus.write(BY_NAME["CONTROL"].offset + 1, b"\x03")
    assert seen == {"start_o": 0, "abort_o": 0}, "only the lowest byte counts"
    assert await host.read("CONTROL") == 0


@cocotb.test(timeout_time=100, timeout_unit="us")
async def interrupt_follows_enabled_events(dut) -> None:
    host = Host(dut, 0.0)
    await host.reset()
    for bit, event in ((1, "done_event_i"), (2, "error_event_i")):
        for enable in range(4):
            await host.write("IRQ_ENABLE", enable)
            await host.pulse(event)
            assert await host.read("IRQ_STATUS") == bit
            assert int(dut.irq_o.value) == bool(bit & enable)
            await host.write("IRQ_STATUS", 3 - bit)
            assert await host.read("IRQ_STATUS") == bit, "a 0 leaves it"
            await host.write("IRQ_STATUS", bit)
            assert await host.read("IRQ_STATUS") == 0
            assert int(dut.irq_o.value) == 0

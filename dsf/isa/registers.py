"""
The engine's control and status registers, as one table.

Everything that knows a register is generated from `REGISTERS`: the SystemVerilog package of `dsf_regs`, the firmware's
C header and `docs/registers.md`. Registers have 32 bits, the AXI4-Lite address 12; unnamed addresses read as zero.

A run, as the firmware sees it:

    write BASE[...], PROGRAM_HASH, PROGRAM_BYTES; write CONTROL.start
    wait until STATUS.busy is 0, or for the interrupt
    STATUS.done: the results are in memory; STATUS.error: ERROR says why not
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum

from dsf.isa.table import BaseRegister, ErrorCode

ADDRESS_BITS = 12
NUM_BASES = 8

#: "DSF1", read as a big-endian number.
ID_VALUE = 0x44534631
#: 16 bits major (programs and firmware have to match it), 16 bits minor.
VERSION_VALUE = 0x0001_0001


class Access(Enum):
    """What software may do. BUSY_LOCKED ignores writes while STATUS.busy is 1; CLEAR clears the bits written as 1."""

    READ = "read"
    WRITE = "write"
    READ_WRITE = "read/write"
    BUSY_LOCKED = "read/write when idle"
    CLEAR = "read, write 1 to clear"


class Port(IntEnum):
    """Which AXI port an error came from; the value is ERROR.port."""

    NONE = 0
    INSTRUCTIONS = 1
    FEATURES = 2
    WEIGHTS = 3
    OUTPUT = 4


class Counter(IntEnum):
    """
    The 32-bit event counters: one event per cycle at most, counted while a run is busy, cleared when one starts, and
    wrapping. The value is the position behind CYCLES_HI.
    """

    MATRIX_STEPS = 0
    INSTRUCTION_BEATS = 1
    FEATURE_BEATS = 2
    WEIGHT_BEATS = 3
    OUTPUT_BEATS = 4
    STALL_PIXELS = 5
    STALL_DRAIN = 6
    STALL_MATRIX = 7
    STALL_VECTOR = 8
    STALL_OUTPUT = 9
    STALL_LOAD = 10
    STALL_WEIGHTS = 11
    IDLE = 12


COUNTER_DOC = {
    Counter.MATRIX_STEPS: "Steps of the array: cycles in which it is busy.",
    Counter.INSTRUCTION_BEATS: "Beats of instructions read.",
    Counter.FEATURE_BEATS: "Beats of features read.",
    Counter.WEIGHT_BEATS: "Beats of weights and parameters read.",
    Counter.OUTPUT_BEATS: "Beats written.",
    Counter.STALL_PIXELS: "The array waits for pixels of an instruction that has started: positions, reads of feature memory.",
    Counter.STALL_DRAIN: "The array waits for results to leave it: no free tile in capture memory, or rows on their way there.",
    Counter.STALL_MATRIX: "The array waits for a token of MATRIX: results of its own that are not in feature memory yet.",
    Counter.STALL_VECTOR: "The array waits for a token of VECTOR.",
    Counter.STALL_OUTPUT: "The array waits for a token of STORE, which has to free feature memory.",
    Counter.STALL_LOAD: "The array waits for a token of LOAD.",
    Counter.STALL_WEIGHTS: "The array waits for a token of WEIGHT.",
    Counter.IDLE: "No MATRIX instruction is there.",
}

#: What the array does: in each cycle of a run one of these counts, so that together they are its cycles. Of several
#: tokens that are missing, the first in this order counts: memory is blamed only where nothing else is missing.
ARRAY = (
    Counter.MATRIX_STEPS,
    Counter.STALL_PIXELS,
    Counter.STALL_DRAIN,
    Counter.STALL_MATRIX,
    Counter.STALL_VECTOR,
    Counter.STALL_OUTPUT,
    Counter.STALL_LOAD,
    Counter.STALL_WEIGHTS,
    Counter.IDLE,
)


def array_name(counter: Counter) -> str:
    """What reports call a counter of `ARRAY`."""
    return "busy" if counter is Counter.MATRIX_STEPS else counter.name.removeprefix("STALL_").lower()


@dataclass(frozen=True)
class Bits:
    """A field of a register, `bits` wide from bit `low`."""

    name: str
    low: int
    bits: int
    doc: str


@dataclass(frozen=True)
class Register:
    """One 32-bit register at byte `offset`. Without `fields` it is one number."""

    name: str
    offset: int
    access: Access
    doc: str
    fields: tuple[Bits, ...] = ()
    reset: int = 0


def _bases() -> Iterable[Register]:
    names = {base.value: base.name.lower() for base in BaseRegister}
    for i in range(NUM_BASES):
        what = f"what programs call `{names[i]}`" if i in names else "free for programs"
        yield Register(f"BASE{i}_LO", 0x40 + 8 * i, Access.BUSY_LOCKED, f"Base register {i}, {what}: address bits 31 to 0.")
        yield Register(f"BASE{i}_HI", 0x44 + 8 * i, Access.BUSY_LOCKED, f"Base register {i}: address bits 63 to 32.")


_EVENTS = (
    Bits("done", 0, 1, "A run ended well."),
    Bits("error", 1, 1, "A run ended with an error, or start was refused."),
)

REGISTERS = (
    Register("ID", 0x000, Access.READ, 'The engine\'s identity, "DSF1".', reset=ID_VALUE),
    Register(
        "VERSION",
        0x004,
        Access.READ,
        "Version of this table and of the instruction set.",
        (Bits("minor", 0, 16, "Additions."), Bits("major", 16, 16, "Changes that firmware has to know.")),
        VERSION_VALUE,
    ),
    Register("HASH", 0x008, Access.READ, "Configuration hash of the hardware (`Hardware.hash`)."),
    Register(
        "CONTROL",
        0x00C,
        Access.WRITE,
        "Commands; reads as zero.",
        (
            Bits("start", 0, 1, "Run the program at base register 0; ignored while busy, or together with abort."),
            Bits("abort", 1, 1, "Stop; ignored unless busy. The run ends with error ABORTED when the bus is quiet."),
        ),
    ),
    Register(
        "STATUS",
        0x010,
        Access.READ,
        "What the engine does. done and error are cleared by start.",
        (
            Bits("busy", 0, 1, "A run, or the way down from one: wait for 0 before the next start."),
            Bits("done", 1, 1, "The last run ended well: all its output is in memory."),
            Bits("error", 2, 1, "The last run ended with an error, and every transaction on the bus is over."),
        ),
    ),
    Register(
        "ERROR",
        0x014,
        Access.READ,
        "Why the run stopped; valid from the moment of the error, cleared by start.",
        (
            Bits("code", 0, 4, "`ErrorCode`: " + ", ".join(f"{code.value} {code.name}" for code in ErrorCode) + "."),
            Bits("port", 4, 4, "Whose transaction it was: " + ", ".join(f"{port.value} {port.name}" for port in Port) + "."),
            Bits("response", 8, 2, "The bus's answer (READ_ERROR, WRITE_ERROR): 2 SLVERR, 3 DECERR."),
        ),
    ),
    Register("ERROR_INDEX", 0x018, Access.READ, "Number of the instruction to blame, from 0; 0 for errors of the bus."),
    Register(
        "ERROR_DETAIL",
        0x01C,
        Access.READ,
        "Of WATCHDOG: who waits for what.",
        (
            Bits("queue", 0, 3, "The queue that waits (`Queue`); 5: the instruction stream."),
            Bits("tokens", 3, 5, "The queues whose tokens it lacks, one bit each."),
        ),
    ),
    Register("IRQ_ENABLE", 0x020, Access.READ_WRITE, "Events that raise the interrupt line.", _EVENTS),
    Register("IRQ_STATUS", 0x024, Access.CLEAR, "Events since they were cleared; the line is any that is enabled.", _EVENTS),
    Register("PROGRAM_HASH", 0x028, Access.BUSY_LOCKED, "Hardware hash of the program; start is refused if it is not HASH."),
    Register("PROGRAM_BYTES", 0x02C, Access.BUSY_LOCKED, "Length of the program at base register 0."),
    Register("BEAT_BYTES", 0x030, Access.READ, "Bytes of a beat of the AXI ports."),
    *_bases(),
    Register("CYCLES_LO", 0x080, Access.READ, "Clock cycles from start to done or error, bits 31 to 0. Read when idle."),
    Register("CYCLES_HI", 0x084, Access.READ, "Clock cycles from start to done or error, bits 63 to 32."),
    *(
        Register(f"COUNT_{counter.name}", 0x088 + 4 * counter.value, Access.READ, f"{COUNTER_DOC[counter]} Cleared by start.")
        for counter in Counter
    ),
)

BY_NAME = {register.name: register for register in REGISTERS}

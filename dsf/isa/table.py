"""
The instruction set, as one table.

Everything that knows an instruction's layout is generated from `INSTRUCTIONS`: the encoder and decoder, the operations
of the `isa` dialect, the SystemVerilog package, the C header and the reference in `docs/isa.md`.

An instruction is a whole number of 256-bit words. Bit 0 of the first word is the lowest bit of the first
field; fields follow each other without gaps; the bits after the last field are zero. Every instruction
begins with the fields of `HEADER`.

Instructions of one queue start, and complete, in program order; queues run concurrently. There is one token
counter for each ordered pair of queues. An instruction waits until, for each bit p of `wait`, the counter
(p -> its own queue) is above zero, and takes one token from each of them when it starts. When it completes (its
writes are visible) it adds one to the counter (its own queue -> c) for each bit c of `signal`.

Addresses of feature memory count elements of `bits_input` bits and wrap at 2**24. A step is what is added to an address
or a coordinate from one position to the next; an `x` coordinate counts elements within an image row, a `y` coordinate rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Queue(IntEnum):
    """The engine's queues; the value is the bit in the `wait` and `signal` masks."""

    LOAD = 0
    WEIGHT = 1
    MATRIX = 2
    VECTOR = 3
    STORE = 4


class BaseRegister(IntEnum):
    """What a base register points at; programs name DRAM by base register and byte offset."""

    PROGRAM = 0
    WEIGHTS = 1
    INPUT = 2
    OUTPUT = 3
    ARENA = 4


class VectorFunction(IntEnum):
    """Functions of the vector unit. Only the poolings are built; others are an illegal field."""

    MAX_POOL = 0
    AVERAGE_POOL = 1
    ADD = 2
    MULTIPLY = 3
    TABLE = 4
    COPY = 5
    SOFTMAX = 6
    LAYER_NORM = 7


class ErrorCode(IntEnum):
    """Why the engine stopped. `error_index` is the number of the instruction, from 0, where one is to blame."""

    NONE = 0
    ILLEGAL_OPCODE = 1
    ILLEGAL_FIELD = 2
    TRUNCATED = 3
    ADDRESS = 4
    TOKEN_OVERFLOW = 5
    TOKENS_LEFT = 6
    WATCHDOG = 7
    HASH_MISMATCH = 8
    READ_ERROR = 9
    WRITE_ERROR = 10
    ABORTED = 11


@dataclass(frozen=True)
class Field:
    """One bit field. `only` is its one legal value where the engine does not implement others yet."""

    name: str
    bits: int
    doc: str
    signed: bool = False
    only: int | None = None

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1


@dataclass(frozen=True)
class Instruction:
    """One instruction: its opcode, its queue (`None`: the dispatcher itself), and its fields after `HEADER`."""

    name: str
    opcode: int
    queue: Queue | None
    fields: tuple[Field, ...]
    doc: str

    @property
    def all_fields(self) -> tuple[Field, ...]:
        return HEADER + self.fields

    @property
    def words(self) -> int:
        """Length in units of `WORD_BITS`."""
        used = sum(field.bits for field in self.all_fields)
        return -(-used // WORD_BITS)

    @property
    def bytes(self) -> int:
        return self.words * WORD_BITS // 8


WORD_BITS = 256

HEADER = (
    Field("opcode", 4, "Which instruction; 0 is illegal, so that empty memory is."),
    Field("wait", 5, "Queues to take a token from before starting, one bit each."),
    Field("signal", 5, "Queues to give a token to on completion, one bit each."),
    Field("reserved", 18, "Zero.", only=0),
)

_DRAM = (
    Field("base", 3, "Base register."),
    Field("offset", 32, "Byte offset from the base register."),
)

_DRAM_ROWS = (
    *_DRAM,
    Field("rows", 16, "Rows to move, at least 1. Each row starts on a new beat of the stream."),
    Field("row_elements", 24, "Elements of a row, at least 1; `ceil(row_elements * bits_input / 8)` bytes in DRAM."),
    Field("row_stride", 32, "Bytes from one row to the next in DRAM."),
)

_WINDOW = (
    Field("src", 24, "Address of the window's first element for output position 0 (in padding: outside the tensor)."),
    Field("x_start", 18, "x of that element.", signed=True),
    Field("x_step", 16, "From one output column to the next, in elements: address and x."),
    Field("y_start", 12, "y of that element.", signed=True),
    Field("y_step", 8, "From one output row to the next, in rows: y."),
    Field("row_step", 24, "From one output row to the next: address."),
    Field("image_step", 24, "From one image to the next: address."),
    Field("row_elements", 18, "Elements with 0 <= x < row_elements are inside."),
    Field("height", 12, "Rows with 0 <= y < height are inside."),
    Field("pad_value", 16, "Value of elements outside.", signed=True),
)

_OUTPUT = (
    Field("columns", 12, "Output columns."),
    Field("rows", 12, "Output rows."),
    Field("images", 12, "Images."),
    Field("dst", 24, "Address of the first output element."),
    Field("dst_pixel_step", 20, "From one output column to the next: address."),
    Field("dst_row_step", 24, "From one output row to the next: address."),
    Field("dst_image_step", 24, "From one image to the next: address."),
    Field("dst_channel_step", 16, "From one channel to the next, in elements (raw: in logits).", only=1),
)

LOAD = Instruction(
    "load",
    1,
    Queue.LOAD,
    (
        *_DRAM_ROWS,
        Field("dst", 24, "Address of the first row in feature memory."),
        Field("dst_stride", 24, "From one row to the next in feature memory."),
    ),
    """
    DRAM to feature memory.

        for r in range(rows):
            F[dst + r*dst_stride :][:row_elements] = DRAM[base + offset + r*row_stride :]
    """,
)

LOAD_WEIGHTS = Instruction(
    "load_weights",
    2,
    Queue.WEIGHT,
    (
        *_DRAM,
        Field("bytes", 32, "Length of the stream, without the padding of its last beat."),
        Field("target", 1, "0: weight memory, 1: parameter memory."),
        Field("source", 1, "0: DRAM, 1: feature memory.", only=0),
        Field("bank", 4, "Bank of the first channel group (weights)."),
        Field("address", 20, "Address of the first channel group: weight words, or parameter groups."),
        Field("words", 20, "Weight words of a channel group (parameters: 1)."),
        Field("groups", 12, "Channel groups."),
        Field("src", 24, "Address in feature memory, where `source` is 1.", only=0),
        Field("src_stride", 24, "From one weight word to the next in feature memory.", only=0),
    ),
    """
    Fills weight banks, or parameter memory. C columns in G groups make channel groups of C/G channels.

        for i in range(groups):                                    # target 0; a word has C/G weights
            for k in range(words):
                W[(bank + i) % G][address + (bank + i) // G * words + k] = next(stream)
        for i in range(groups):                                    # target 1; 64 bits a channel
            for lane in range(C // G):
                P[address + i][lane] = next(stream)                # {shift[53:48], multiplier[47:32], bias[31:0]}

    In the stream a weight word takes a slot of the next power of two of bits (at least 8), lane 0 lowest.
    """,
)

MATRIX = Instruction(
    "matrix",
    3,
    Queue.MATRIX,
    (
        *_WINDOW,
        Field("kernel_rows", 8, "Kernel rows, at least 1."),
        Field("kernel_row_step", 24, "From one kernel row to the next: address."),
        Field("y_dilation", 8, "From one kernel row to the next, in rows: y."),
        Field("kernel_runs", 8, "Runs of a kernel row: 1, or with dilation or channel subsets one for each kernel column."),
        Field("run_step", 18, "From one run to the next, in elements: address and x."),
        Field("run", 18, "Elements of a run, contiguous in memory: KW*CI, or CI."),
        Field("chunk", 10, "Elements of a chunk, the part of a run that one read fetches: 1 to V."),
        Field("chunks", 18, "Chunks of a run: `ceil(run / chunk)`."),
        Field("last_chunk", 10, "Elements of a run's last chunk: `run - (chunks - 1) * chunk`."),
        *_OUTPUT,
        Field("pixels", 24, "`images * rows * columns`."),
        Field("channel_groups", 12, "Groups of C/G output channels, at least 1."),
        Field("last_group_lanes", 8, "Channels of the last group: 1 to C/G."),
        Field("tall", 1, "0: R pixels by C channels. 1: G*R pixels by C/G channels."),
        Field("depthwise", 1, "1: depthwise taps.", only=0),
        Field("raw", 1, "1: 32-bit `acc + bias`, little-endian over 32/bits_input elements; no requantisation, no residual."),
        Field("to_stream", 1, "1: to the output stream instead of feature memory.", only=0),
        Field("weight_bank", 4, "Bank of the first channel group; 0 unless tall."),
        Field("weight_address", 20, "Address of the first channel group in its bank."),
        Field("weight_words", 20, "Weight words of a channel group: `kernel_rows * kernel_runs * run`."),
        Field("parameter_address", 12, "Parameter group of the first channel group."),
        Field("bias_shift", 5, "Left shift of the bias."),
        Field("leak", 4, "Further right shift of negative values."),
        Field("negative_multiplier", 16, "Multiplier of negative values.", only=0),
        Field("low", 16, "Lower clip.", signed=True),
        Field("high", 16, "Upper clip.", signed=True),
        Field("residual", 1, "1: add a tensor from feature memory."),
        Field("residual_src", 24, "Its first element."),
        Field("residual_pixel_step", 20, "From one output column to the next: address."),
        Field("residual_row_step", 24, "From one output row to the next: address."),
        Field("residual_image_step", 24, "From one image to the next: address."),
        Field("residual_multiplier_a", 16, "Multiplier of the requantised value."),
        Field("residual_multiplier_b", 16, "Multiplier of the added tensor."),
        Field("residual_offset", 32, "Added to the sum.", signed=True),
        Field("residual_shift", 6, "Right shift of the sum."),
        Field("residual_leak", 4, "Further right shift of negative sums."),
        Field("residual_low", 16, "Lower clip of the sum.", signed=True),
        Field("residual_high", 16, "Upper clip of the sum.", signed=True),
    ),
    """
    A convolution or a dense layer with its epilogue, for whole tensors at a time. `requantize`, `residual_add` and `raw`
    are those of `dsf.numerics`.

        for i in range(channel_groups):                            # wide: G at a time
            bank, first = (weight_bank + i) % G, weight_address + (weight_bank + i) // G * weight_words
            for n, oy, ox in product(range(images), range(rows), range(columns)):    # P at a time
                for lane in range(C // G if i < channel_groups - 1 else last_group_lanes):
                    acc, k = 0, first
                    for ky, kx, j in product(range(kernel_rows), range(kernel_runs), range(run)):
                        y = y_start + oy*y_step + ky*y_dilation
                        x = x_start + ox*x_step + kx*run_step + j
                        a = src + n*image_step + oy*row_step + ox*x_step + ky*kernel_row_step + kx*run_step + j
                        inside = 0 <= y < height and 0 <= x < row_elements
                        acc += (F[a] if inside else pad_value) * W[bank][k][lane]
                        k += 1
                    c = i * (C // G) + lane
                    v = requantize(acc, P[parameter_address + i][lane])
                    if residual:
                        b = residual_src + n*residual_image_step + oy*residual_row_step + ox*residual_pixel_step
                        v = residual_add(v, F[b + c])
                    F[dst + n*dst_image_step + oy*dst_row_step + ox*dst_pixel_step + c] = v
    """,
)

VECTOR = Instruction(
    "vector",
    4,
    Queue.VECTOR,
    (
        Field("function", 4, "See `VectorFunction`; MAX_POOL and AVERAGE_POOL are built."),
        *_WINDOW,
        Field("kernel_rows", 12, "Window rows, at least 1."),
        Field("kernel_row_step", 24, "From one window row to the next: address (and 1 in y)."),
        Field("kernel_columns", 12, "Window columns, at least 1."),
        Field("kernel_column_step", 16, "From one window column to the next, in elements: address and x."),
        *_OUTPUT,
        Field("channels", 16, "Channels, at least 1."),
        Field("count_padding", 1, "1: an average counts positions outside too, each `pad_value`."),
        Field("left", 4, "Left shift of the numerator."),
        Field("right", 6, "Left shift of the denominator."),
        Field("leak", 4, "Further left shift of the denominator of negative values."),
        Field("low", 16, "Lower clip.", signed=True),
        Field("high", 16, "Upper clip.", signed=True),
        Field("src_b", 24, "Second operand.", only=0),
        Field("src_b_pixel_step", 20, "From one output column to the next.", only=0),
        Field("src_b_row_step", 24, "From one output row to the next.", only=0),
        Field("src_b_image_step", 24, "From one image to the next.", only=0),
        Field("multiplier_a", 16, "Multiplier of the first operand.", only=0),
        Field("multiplier_b", 16, "Multiplier of the second operand.", only=0),
        Field("constant", 32, "Added constant.", signed=True, only=0),
        Field("table_address", 20, "Address of a lookup table.", only=0),
    ),
    """
    Pooling. `pool_scale` is that of `dsf.numerics`.

        for n, oy, ox, c in product(range(images), range(rows), range(columns), range(channels)):
            values = []
            for ky, kx in product(range(kernel_rows), range(kernel_columns)):
                y = y_start + oy*y_step + ky
                x = x_start + ox*x_step + kx*kernel_column_step
                a = src + n*image_step + oy*row_step + ox*x_step + ky*kernel_row_step + kx*kernel_column_step + c
                if 0 <= y < height and 0 <= x < row_elements:
                    values.append(F[a])
                elif function == AVERAGE_POOL and count_padding:
                    values.append(pad_value)
            acc, count = (max(values), 1) if function == MAX_POOL else (sum(values), len(values))
            F[dst + n*dst_image_step + oy*dst_row_step + ox*dst_pixel_step + c] = pool_scale(acc, count)
    """,
)

STORE = Instruction(
    "store",
    5,
    Queue.STORE,
    (
        *_DRAM_ROWS,
        Field("src", 24, "Address of the first row in feature memory."),
        Field("src_stride", 24, "From one row to the next in feature memory."),
    ),
    """
    Feature memory to DRAM.

        for r in range(rows):
            DRAM[base + offset + r*row_stride :] = F[src + r*src_stride :][:row_elements]
    """,
)

END = Instruction(
    "end",
    6,
    None,
    (),
    """
    The program's last instruction. The engine is done when every queue has completed; tokens that are left then are an error.
    """,
)

INSTRUCTIONS = (LOAD, LOAD_WEIGHTS, MATRIX, VECTOR, STORE, END)
BY_OPCODE = {instruction.opcode: instruction for instruction in INSTRUCTIONS}
BY_NAME = {instruction.name: instruction for instruction in INSTRUCTIONS}

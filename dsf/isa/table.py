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

An element of one bit b stands for 2b - 1. What an instruction computes is then written as its sign, +1 for 0 (`to_element` of
`dsf.numerics`), also where another step follows, as after `requantize` with a residual.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property


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
    """Functions of the vector unit."""

    MAX_POOL = 0
    AVERAGE_POOL = 1
    ADD = 2
    MULTIPLY = 3
    TABLE = 4
    COPY = 5


POOLS = (VectorFunction.MAX_POOL, VectorFunction.AVERAGE_POOL)
#: Functions of one element, or of two at the same place.
ELEMENTWISE = (VectorFunction.ADD, VectorFunction.MULTIPLY, VectorFunction.TABLE, VectorFunction.COPY)


class WeightTarget(IntEnum):
    """What LOAD_WEIGHTS fills."""

    WEIGHTS = 0
    PARAMETERS = 1
    TABLES = 2


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
    """
    One bit field. `most` is its largest legal value where that is less than its bits allow. A field of VECTOR with `functions`
    is used by these functions alone, and has its `default` with others.
    """

    name: str
    bits: int
    doc: str
    signed: bool = False
    most: int | None = None
    default: int = 0
    functions: tuple[VectorFunction, ...] | None = None

    @cached_property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @cached_property
    def high(self) -> int:
        if self.most is not None:
            return self.most
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1


@dataclass(frozen=True)
class Instruction:
    """One instruction: its opcode, its queue (`None`: the dispatcher itself), and its fields after `HEADER`."""

    name: str
    opcode: int
    queue: Queue | None
    fields: tuple[Field, ...]
    doc: str

    @cached_property
    def all_fields(self) -> tuple[Field, ...]:
        return HEADER + self.fields

    def field(self, name: str) -> Field:
        """The field of this name."""
        return next(field for field in self.all_fields if field.name == name)

    @cached_property
    def words(self) -> int:
        """Length in units of `WORD_BITS`."""
        used = sum(field.bits for field in self.all_fields)
        return -(-used // WORD_BITS)

    @property
    def bytes(self) -> int:
        return self.words * WORD_BITS // 8


WORD_BITS = 256

#: Addresses of feature memory are taken modulo this.
FEATURE_ADDRESSES = 1 << 24
#: Largest value of a token counter.
MAX_TOKENS = 255

HEADER = (
    Field("opcode", 4, "Which instruction; 0 is illegal, so that empty memory is."),
    Field("wait", 5, "Queues to take a token from before starting, one bit each."),
    Field("signal", 5, "Queues to give a token to on completion, one bit each."),
    Field("reserved", 18, "Zero.", most=0),
)

_DRAM = (
    Field("base", 3, "Base register.", most=max(BaseRegister)),
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

_SUM = (VectorFunction.ADD,)
_PRODUCT = (VectorFunction.MULTIPLY,)
_TWO = (*_SUM, *_PRODUCT)
_SCALED = (*POOLS, *_TWO)
_CLIPPED = (*_SCALED, VectorFunction.COPY)

_POSITIONS = (
    Field("columns", 12, "Output columns."),
    Field("rows", 12, "Output rows."),
    Field("images", 12, "Images."),
    Field("dst", 24, "Address of the first output element."),
    Field("dst_pixel_step", 20, "From one output column to the next: address."),
    Field("dst_row_step", 24, "From one output row to the next: address."),
    Field("dst_image_step", 24, "From one image to the next: address."),
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
        Field("target", 2, "See `WeightTarget`: weight memory, parameter memory, tables.", most=max(WeightTarget)),
        Field("bank", 4, "Bank of the first channel group (weights)."),
        Field("address", 20, "Address of the first channel group: weight words, or parameter groups; or the first table."),
        Field("words", 20, "Weight words of a channel group (parameters, tables: 1)."),
        Field("groups", 12, "Channel groups, or tables."),
    ),
    """
    Fills weight banks, parameter memory or tables. C columns in G groups make channel groups of C/G channels.

        for i in range(groups):                                    # target 0; a word has C/G weights
            for k in range(words):
                W[(bank + i) % G][address + (bank + i) // G * words + k] = next(stream)
        for i in range(groups):                                    # target 1; 64 bits a channel
            for lane in range(C // G):
                P[address + i][lane] = next(stream)                # as below
        for i in range(groups):                                    # target 2
            for value in range(-(2 ** (bits - 1)), 2 ** (bits - 1)):   # bits = max(2, bits_input)
                T[address + i][value] = next(stream)

    In the stream a weight word takes a slot of the next power of two of bits (at least 8), lane 0 lowest. The parameters of a
    channel are `{multiplier[25:16], shift[5:0], multiplier[15:0], bias[31:0]}`, of which the engine keeps `bits_multiplier`
    and `bits_bias`. The entries of a table are packed, `bits` bits each, and a table takes at least 64 bits.
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
        Field("skip_rows", 1, "1: kernel rows that are padding for all of a tile are skipped; only where `pad_value` is 0."),
        Field(
            "kernel_row_words",
            20,
            "Weight words of a kernel row where rows may be skipped: `kernel_runs * run`; depthwise: `run`; otherwise 0.",
        ),
        Field(
            "kernel_runs",
            8,
            "Runs of a kernel row: 1, or with dilation or channel subsets one for each kernel column; depthwise: phases.",
        ),
        Field("run_step", 18, "From one run to the next, in elements: address and x; depthwise: from one tap to the next."),
        Field("run", 18, "Elements of a run, contiguous in memory: KW*CI, or CI; depthwise: taps of a kernel row, KW."),
        Field(
            "chunk",
            10,
            "Elements of a chunk, the part of a run that one read fetches: 1 to V + 1; depthwise: taps of the first phases, "
            "`ceil(run / kernel_runs)`.",
        ),
        Field(
            "chunks",
            18,
            "Chunks of a run: `ceil(run / chunk)`; depthwise: phases of `chunk` taps, `run - (chunk - 1) * kernel_runs`.",
        ),
        Field(
            "last_chunk",
            10,
            "Elements of a run's last chunk: `run - (chunks - 1) * chunk`; depthwise: taps of the other phases, "
            "`max(1, chunk - 1)`.",
        ),
        *_POSITIONS,
        Field("pixels", 24, "`images * rows * columns`."),
        Field("channel_groups", 12, "Groups of C/G output channels, at least 1."),
        Field("last_group_lanes", 8, "Channels of the last group: 1 to C/G."),
        Field("tall", 1, "0: R pixels by C channels. 1: G*R pixels by C/G channels."),
        Field("depthwise", 1, "1: each output channel sums its own input channel only; not tall."),
        Field("accumulate", 1, "1: the sums go on from those of the instruction before, which was `partial`; 0 after others."),
        Field("partial", 1, "1: the sums stay in the array and nothing is written, for the next instruction, `accumulate`."),
        Field("raw", 1, "1: 32-bit `acc + bias`, little-endian over 32/bits_input elements; no requantisation, no residual."),
        Field("weight_bank", 4, "Bank of the first channel group; 0 unless tall."),
        Field("weight_address", 20, "Address of the first channel group in its bank."),
        Field(
            "weight_words",
            20,
            "Weight words of a channel group: `kernel_rows * kernel_runs * run`; depthwise: `kernel_rows * run`.",
        ),
        Field(
            "bank_words",
            20,
            "Weight words of a channel group in each bank, after which it goes on in the next one: tall, with one channel "
            "group, no rows skipped. 0: all are in one bank.",
        ),
        Field("parameter_address", 12, "Parameter group of the first channel group."),
        Field("bias_shift", 5, "Left shift of the bias, in units of 2^-bits_fraction of a sum."),
        Field("leak", 4, "Further right shift of negative values."),
        Field("zero_point", 16, "Added after rounding, before the clip.", signed=True),
        Field("low", 16, "Lower clip.", signed=True),
        Field("high", 16, "Upper clip.", signed=True),
        Field("residual", 1, "1: add a tensor from feature memory."),
        Field("residual_src", 24, "Its first element."),
        Field("residual_pixel_step", 20, "From one output column to the next: address."),
        Field("residual_row_step", 24, "From one output row to the next: address."),
        Field("residual_image_step", 24, "From one image to the next: address."),
        Field("residual_multiplier_a", 26, "Multiplier of the requantised value; the engine has its lowest `bits_multiplier`."),
        Field("residual_multiplier_b", 26, "Multiplier of the added tensor, as `residual_multiplier_a`."),
        Field("residual_offset", 42, "Added to the sum; the engine has its lowest `bits_multiplier + 16`.", signed=True),
        Field("residual_shift", 6, "Right shift of the sum."),
        Field("residual_leak", 4, "Further right shift of negative sums."),
        Field("residual_low", 16, "Lower clip of the sum.", signed=True),
        Field("residual_high", 16, "Upper clip of the sum.", signed=True),
    ),
    """
    A convolution, depthwise or not, or a dense layer, with its epilogue, for whole tensors at a time. `requantize`,
    `residual_add` and `raw` are those of `dsf.numerics`.

        depth = bank_words or weight_words
        for i in range(channel_groups):                            # wide: G at a time
            bank, first = (weight_bank + i) % G, weight_address + (weight_bank + i) // G * weight_words
            for n, oy, ox in product(range(images), range(rows), range(columns)):    # P at a time
                for lane in range(C // G if i < channel_groups - 1 else last_group_lanes):
                    acc, k = sums[n, oy, ox, i, lane] if accumulate else 0, 0
                    for ky, kx, j in product(range(kernel_rows), range(kernel_runs), range(run)):
                        y = y_start + oy*y_step + ky*y_dilation
                        x = x_start + ox*x_step + kx*run_step + j
                        a = src + n*image_step + oy*row_step + ox*x_step + ky*kernel_row_step + kx*run_step + j
                        inside = 0 <= y < height and 0 <= x < row_elements
                        w = W[bank + k // depth][first + k % depth][lane]
                        acc += (F[a] if inside else pad_value) * w
                        k += 1
                    if partial:
                        sums[n, oy, ox, i, lane] = acc
                        continue
                    c = i * (C // G) + lane
                    v = requantize(acc, P[parameter_address + i][lane])
                    if residual:
                        b = residual_src + n*residual_image_step + oy*residual_row_step + ox*residual_pixel_step
                        v = residual_add(v, F[b + c])
                    F[dst + n*dst_image_step + oy*dst_row_step + ox*dst_pixel_step + c] = v

    A reduction longer than the weight memory is several instructions for the same positions and channels, one right after the
    other in the MATRIX queue, all but the first one `accumulate` and all but the last one `partial`. Their sums stay where they
    are, in the array, which holds those of one tile of one pass: at most P positions and, wide, G channel groups, tall, one.
    They are not depthwise, and a partial one has no residual.

    Rows that are skipped cost no cycles. A tile is P consecutive positions, at a time as above, or what is left of them (wide:
    P = R, tall: G*R). Of its positions' y for ky = 0 let top be the least and bottom the greatest. Its kernel rows are then

        first = min({ky : bottom + ky*y_dilation >= 0} | {kernel_rows - 1})
        last = max({ky : top + ky*y_dilation < height} | {first})

    Depthwise, channel c of the output comes from channel c of the input. The taps of a kernel row fall into `kernel_runs`
    phases, tap t into phase `t % kernel_runs`, and one read serves all columns in flight: what a tap of a phase takes at
    column ox + 1, the phase's next tap takes at column ox. That is so where columns are a stride of s taps apart, with
    `x_step = s * run_step` and `kernel_runs = min(s, KW)`. (Dilated taps are s apart for every d-th column only: d
    instructions.) Banks and accumulator differ from above:

        D = min(G, V // (C // G))
        for i in range(channel_groups):                            # D at a time
            bank, first = i % D, weight_address + i // D * weight_words
            for n, oy, ox in product(range(images), range(rows), range(columns)):    # R columns of a row at a time
                for lane in range(C // G if i < channel_groups - 1 else last_group_lanes):
                    acc, k, c = 0, first, i * (C // G) + lane
                    for ky, phase in product(range(kernel_rows), range(kernel_runs)):
                        for j in range(chunk if phase < chunks else last_chunk):
                            y = y_start + oy*y_step + ky*y_dilation
                            x = x_start + (ox + j)*x_step + phase*run_step + c
                            a = src + n*image_step + oy*row_step + (ox + j)*x_step + ky*kernel_row_step + phase*run_step + c
                            inside = 0 <= y < height and 0 <= x < row_elements
                            acc += (F[a] if inside else pad_value) * W[bank][k][lane]
                            k += 1
    """,
)

VECTOR = Instruction(
    "vector",
    4,
    Queue.VECTOR,
    (
        Field("function", 4, "See `VectorFunction`.", most=max(VectorFunction)),
        *_WINDOW,
        Field("kernel_rows", 12, "Window rows, at least 1.", default=1, functions=POOLS),
        Field("kernel_row_step", 24, "From one window row to the next: address (and 1 in y).", functions=POOLS),
        Field("kernel_columns", 12, "Window columns, at least 1.", default=1, functions=POOLS),
        Field("kernel_column_step", 16, "From one window column to the next, in elements: address and x.", functions=POOLS),
        *_POSITIONS,
        Field("dst_channel_step", 16, "From one channel to the next: address; at least 1.", default=1, functions=ELEMENTWISE),
        Field("channels", 16, "Channels, at least 1."),
        Field("count_padding", 1, "1: an average counts positions outside too, each `pad_value`.", functions=POOLS),
        Field("left", 4, "Left shift of the numerator.", functions=POOLS),
        Field("right", 6, "Left shift of the denominator; add, multiply: right shift, at most 47.", functions=_SCALED),
        Field("leak", 4, "Further shift of negative values, as `right`.", functions=_SCALED),
        Field("low", 16, "Lower clip.", signed=True, functions=_CLIPPED),
        Field("high", 16, "Upper clip.", signed=True, functions=_CLIPPED),
        Field("src_b", 24, "Second operand: its first element.", functions=_TWO),
        Field("src_b_pixel_step", 20, "From one output column to the next: address.", functions=_TWO),
        Field("src_b_row_step", 24, "From one output row to the next: address.", functions=_TWO),
        Field("src_b_image_step", 24, "From one image to the next: address.", functions=_TWO),
        Field(
            "multiplier_a",
            26,
            "Multiplier of the first operand, or of the product; the engine has its lowest `bits_multiplier`.",
            functions=_TWO,
        ),
        Field("multiplier_b", 26, "Of the second operand, as `multiplier_a`; with 0 it is not read.", functions=_SUM),
        Field(
            "constant",
            42,
            "Added to the sum, or to the product; the engine has its lowest `bits_multiplier + 16`.",
            signed=True,
            functions=_TWO,
        ),
        Field("table_address", 20, "Which table.", functions=(VectorFunction.TABLE,)),
        Field("zero_a", 16, "Subtracted from the first operand.", signed=True, functions=_PRODUCT),
        Field("zero_b", 16, "Subtracted from the second operand.", signed=True, functions=_PRODUCT),
    ),
    """
    Poolings, and functions of one or two elements. `pool_scale`, `residual_add`, `multiply`, `lookup` and `clip` are those of
    `dsf.numerics`. A field that a function does not use has its default: 1 for `kernel_rows`, `kernel_columns` and
    `dst_channel_step`, 0 for others.

        for n, oy, ox, c in product(range(images), range(rows), range(columns), range(channels)):
            values = []
            for ky, kx in product(range(kernel_rows), range(kernel_columns)):
                y = y_start + oy*y_step + ky
                x = x_start + ox*x_step + kx*kernel_column_step
                a = src + n*image_step + oy*row_step + ox*x_step + ky*kernel_row_step + kx*kernel_column_step + c
                if 0 <= y < height and 0 <= x < row_elements:
                    values.append(F[a])
                elif function in ELEMENTWISE or (function == AVERAGE_POOL and count_padding):
                    values.append(pad_value)
            b = F[src_b + n*src_b_image_step + oy*src_b_row_step + ox*src_b_pixel_step + c]
            match function:
                case MAX_POOL:
                    v = pool_scale(max(values), 1)
                case AVERAGE_POOL:
                    v = pool_scale(sum(values), len(values))
                case ADD:
                    v = residual_add(values[0], b)
                case MULTIPLY:
                    v = multiply(values[0], b)
                case TABLE:
                    v = lookup(values[0], T[table_address])
                case COPY:
                    v = clip(values[0])
            F[dst + n*dst_image_step + oy*dst_row_step + ox*dst_pixel_step + c*dst_channel_step] = v

    With steps of 0 the second operand is the same for all columns, rows or images. A result may go to the place of the very
    elements that it is computed from; otherwise what is written must not be read.
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

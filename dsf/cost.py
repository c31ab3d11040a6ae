"""
Cycles and traffic of single instructions, as functions of their geometry.

The matrix unit spends one cycle for each reduction step. A run of a kernel row is cut into equal chunks of at most V + 1
elements; a chunk refills the row registers of the P pixels in flight, one a cycle, so it lasts max(chunk, P) cycles
(docs/architecture.md, and the cycle law in the trial of the array). A tile's

    steps    are the sum over kernel rows, runs and chunks of max(chunk, pixels); rows in padding may be skipped
             (dsf.kernel_rows)
    results  leave the array: one channel group of one pixel a cycle (raw sums: several cycles each), with a residual only in
             cycles in which the feeder does not read, since they share a port

and tiles wait for the results of others as `dsf.array_timing` says.

Depthwise, a slot is n taps of a kernel row for P pixels of one output line, and reads P + n - 1 positions.

Instructions overlap: a MATRIX instruction may start `busy` cycles after the one before, long before that one is complete,
and the next LOAD while the last elements of one are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import gcd

from dsf.array_timing import ACCEPT_TO_START, Before, Tile, Tiles, run
from dsf.geometry import Window
from dsf.hardware import Hardware
from dsf.isa.table import BY_NAME, WORD_BITS
from dsf.kernel_rows import Lines
from dsf.layout import PARAMETER_BYTES, packed_bytes

# Measured on the RTL (benchmarks compare every bundle of every network again).

#: From a MATRIX instruction's start to its first step, where the one before it does not hide that.
MATRIX_FILL = ACCEPT_TO_START + 1
#: For how long a depthwise tile lets STORE read before it starts (dsf_matrix_pkg).
YIELD_CYCLES = 7
#: Cycles of LOAD and LOAD_WEIGHTS beside their beats, and from the last beat of a LOAD_WEIGHTS or STORE to the first of the
#: next.
MOVE_OVERHEAD = 6
MOVE_GAP = 2
#: The same of STORE, beside its first burst, until memory has all of it; and beats of a burst.
STORE_OVERHEAD = 11
STORE_BURST = 16
#: From the first beat of a LOAD to the last of a STORE, both included, beside the cycles from its first to the completion.
ENDS = 2
#: Cycles of a VECTOR instruction beside its windows, of a division beside its steps, and from one division to the next at
#: least.
VECTOR_OVERHEAD = 15
DIVIDE_OVERHEAD = 1
LEAST_DIVIDE = 5
#: The same for functions of single elements.
ELEMENTS_OVERHEAD = 21
#: Reads of a STORE that are under way at most, until their beats have left: `Credits` of dsf_store.
STORE_READS = 7
#: The dispatcher takes an instruction in this many cycles, or in as many as it has beats.
LEAST_DISPATCH = 3
#: Beats of a burst of instructions, and how many are fetched before the dispatcher takes them.
FETCH_BURST = 16
FETCH_AHEAD = 32
#: When the first beat of the program is on the bus, as LOADs count: the first instruction can be dispatched so much later. And
#: by how much earlier than the dispatcher has an instruction the beats behind it are asked for.
FETCH_START = -6
FETCH_LEAD = 7
#: Beats that a LOAD asks for before they can be written.
LOAD_AHEAD = 128
#: From the start of a LOAD or LOAD_WEIGHTS that has waited for a token to its first beat: nothing of it was asked for before.
LOAD_FILL = 8
#: Cycles of a load program beside its instructions: until the first of them, and from the last to its end.
LOAD_PROGRAM_OVERHEAD = 23
#: From a completion to the start of an instruction that waits for its token.
TOKEN_LATENCY = 1


@dataclass(frozen=True)
class Runs:
    """How a window's taps are fetched: kernel rows of `runs` runs of `run` elements, in `chunks` chunks of a run."""

    kernel_rows: int
    runs: int
    run_step: int
    run: int
    chunk: int
    chunks: int

    @property
    def last_chunk(self) -> int:
        return self.run - (self.chunks - 1) * self.chunk

    @property
    def words(self) -> int:
        """Weight words of a channel group: one for each reduction step."""
        return self.kernel_rows * self.runs * self.run

    def tile(self, pixels: int, kernel_rows: int, search: int = 0) -> Tile:
        """A tile's reduction over so many kernel rows, with `pixels` pixels in flight."""
        pattern = (*(max(self.chunk, pixels) for _ in range(self.chunks - 1)), max(self.last_chunk, pixels))
        return Tile(pixels, pattern, kernel_rows * self.runs, self.last_chunk, pixels, search)

    def part(self, hw: Hardware, run: int) -> Runs:
        """Those with so many elements of each kernel row, which is one run."""
        assert self.runs == 1, self.runs
        chunk, chunks = _chunks_of(hw, run)
        return replace(self, run=run, chunk=chunk, chunks=chunks)

    def steps(self, pixels: int, kernel_rows: int) -> int:
        """Cycles of a tile's reduction."""
        return self.tile(pixels, kernel_rows).cycles

    def reads(self, pixels: int, kernel_rows: int) -> int:
        """Reads of feature memory for it."""
        return pixels * kernel_rows * self.runs * self.chunks


def runs_of(hw: Hardware, window: Window, channels: int, taken: int | None = None) -> Runs:
    """
    The runs of a convolution over images of `channels` channels: a whole kernel row, contiguous in NHWC, is one run; with
    dilation, or where only `taken` of the channels are read, each tap is one.
    """
    kernel_rows, kernel_columns = window.kernel
    taken = channels if taken is None else taken
    merged = kernel_columns == 1 or (window.dilation[1] == 1 and taken == channels)
    runs, run = (1, kernel_columns * taken) if merged else (kernel_columns, taken)
    return Runs(kernel_rows, runs, 0 if merged else window.dilation[1] * channels, run, *_chunks_of(hw, run))


def _chunks_of(hw: Hardware, run: int) -> tuple[int, int]:
    """Elements of a chunk of a run, and chunks."""
    chunk = -(-run // -(-run // hw.reach))
    return chunk, -(-run // chunk)


@dataclass(frozen=True)
class MatrixWork:
    """
    What a MATRIX instruction computes: `pixels` output positions of `groups` channel groups. Kernel rows that are padding for a
    whole tile are skipped where `lines` says where the positions lie.
    """

    runs: Runs
    pixels: int
    groups: int
    raw: bool = False
    residual: bool = False
    lines: Lines | None = None

    def kernel_rows(self, pixels: int) -> list[int]:
        """How many kernel rows each tile of `pixels` positions has."""
        if self.lines is not None:
            return self.lines.tiles(pixels).count.tolist()
        return [self.runs.kernel_rows] * -(-self.pixels // pixels)


@dataclass(frozen=True)
class Cost:
    """
    Cycles from the start of an instruction: it is busy from `fill` to `fill + busy`, and its results are visible at
    `fill + busy + drain`. The next one of its queue may start at `busy + gap`. `beats` counts beats of DRAM traffic, `reads`
    and `writes` those of feature memory, all but the writes of MATRIX in the busy cycles; `yields` are the most cycles that it
    stops for reads of STORE. Its reads come at the beginning of each `slot` of so many cycles; 0: at any time. Of MATRIX
    `tiles` tell what it takes behind others.
    """

    busy: int
    fill: int = 0
    drain: int = MOVE_OVERHEAD
    gap: int = 0
    beats: int = 0
    reads: int = 0
    writes: int = 0
    yields: int = 0
    slot: int = 0
    tiles: Tiles | None = None

    @property
    def latency(self) -> int:
        return self.fill + self.busy + self.drain


def matrix_cost(hw: Hardware, work: MatrixWork, tall: bool) -> Cost:
    """Cycles of a MATRIX instruction in one of the two shapes of the array."""
    lanes = hw.pixels_tall if tall else hw.rows
    at_once = 1 if tall else hw.column_groups
    skips = work.lines is not None and work.lines.skips(lanes)
    rows = work.kernel_rows(lanes)
    pixels = [lanes] * (len(rows) - 1) + [work.pixels - (len(rows) - 1) * lanes]
    searches = work.lines.searches(lanes).tolist() if skips and work.lines is not None else [0] * len(rows)
    tiles = [(work.runs.tile(*one), count) for one, count in _counted(zip(pixels, rows, searches, strict=True))]
    reads = sum(work.runs.reads(one, of_tile) for one, of_tile in zip(pixels, rows, strict=True))
    return _array_cost(
        hw, work, tiles, at_once, reads=reads, far=shape_change(hw, tall, False), slot=max(work.runs.chunk, lanes)
    )


def _counted(sequence: Iterable[tuple[int, int, int]]) -> list[tuple[tuple[int, int, int], int]]:
    """What follows each other, and how often the same does."""
    return [(one, len(list(same))) for one, same in groupby(sequence)]


def _array_cost(
    hw: Hardware,
    work: MatrixWork | DepthwiseWork,
    tiles: Sequence[tuple[Tile, int]],
    at_once: int,
    *,
    reads: int,
    far: int = 0,
    slot: int = 0,
    yields: int = 0,
) -> Cost:
    """
    The cost of tiles that are computed for `at_once` channel groups at a time, with so many reads in each pass, by an array
    that has nothing else to do.
    """
    passes = -(-work.groups // at_once)
    pixels = sum(tile.pixels * count for tile, count in tiles)
    results = pixels * work.groups * _writes_of_result(hw, work.raw)
    all_tiles = Tiles(
        tiles=tuple(tiles),
        passes=passes,
        groups=min(at_once, work.groups),
        last_groups=work.groups - (passes - 1) * at_once,
        writes=_writes_of_result(hw, work.raw),
        residual=work.residual and not work.raw,
        raw=work.raw,
        depthwise=isinstance(work, DepthwiseWork),
        latency=hw.pe_latency,
        buffers=hw.capture_tiles,
        ahead=max(16, 1 << (2 * hw.pixels_tall - 1).bit_length()),
        far=far,
    )
    ran = run(all_tiles, Before(), 0)
    fill, busy = ran.first, ran.end + 1 - ran.first
    port_reads = passes * reads + (pixels * work.groups if work.residual else 0)
    return Cost(
        busy,
        fill,
        ran.finish - fill - busy,
        reads=min(port_reads, busy),
        writes=results,
        yields=yields * passes,
        slot=slot,
        tiles=all_tiles,
    )


def shape_change(hw: Hardware, before_tall: bool, tall: bool) -> int:
    """Cycles between two MATRIX instructions: a tall tile has to have entered the last group before a wide one starts."""
    return (hw.column_groups - 1) * hw.rows if before_tall and not tall else 0


@dataclass(frozen=True)
class Taps:
    """
    The taps of a depthwise kernel: `kernel_rows` rows of `taps` along the array's rows, whose output positions are `stride`
    taps apart. Those that differ by a multiple of the stride are a phase: one slot, in which each position is read once.
    """

    kernel_rows: int
    taps: int
    stride: int

    @property
    def phases(self) -> int:
        return min(self.stride, self.taps)

    @property
    def chunk(self) -> int:
        """Taps of each of the first `chunks` phases; the others have `last_chunk`."""
        return -(-self.taps // self.phases)

    @property
    def chunks(self) -> int:
        return self.taps - (self.chunk - 1) * self.phases

    @property
    def last_chunk(self) -> int:
        return max(1, self.chunk - 1)

    @property
    def order(self) -> list[int]:
        """The taps of a kernel row in the order of their weights, phase after phase."""
        return [tap for phase in range(self.phases) for tap in range(phase, self.taps, self.phases)]

    @property
    def words(self) -> int:
        """Weight words of a channel group."""
        return self.kernel_rows * self.taps

    def tile(self, pixels: int, kernel_rows: int, search: int = 0) -> Tile:
        """A tile of `pixels` pixels over so many kernel rows: a slot for each phase, of all its reads."""
        taps = [self.chunk] * self.chunks + [self.last_chunk] * (self.phases - self.chunks)
        return Tile(pixels, tuple(pixels - 1 + one for one in taps), kernel_rows, taps[-1], search=search)


@dataclass(frozen=True)
class DepthwiseWork:
    """
    What a depthwise MATRIX instruction computes: `lines` lines of `columns` positions of `groups` channel groups. Kernel rows
    that are padding for a whole line are skipped where `padded` says where the lines lie.
    """

    taps: Taps
    columns: int
    lines: int
    groups: int
    raw: bool = False
    residual: bool = False
    padded: Lines | None = None

    def kernel_rows(self) -> list[int]:
        """How many kernel rows the tiles of each line have."""
        return [self.taps.kernel_rows] * self.lines if self.padded is None else self.padded.lines().count.tolist()


def depthwise_cost(hw: Hardware, work: DepthwiseWork) -> Cost:
    """Cycles of a depthwise MATRIX instruction: tiles of up to R pixels of one line, as many channels as one read feeds."""
    full, rest = divmod(work.columns, hw.rows)
    pixels = [hw.rows] * full + [rest] * (rest > 0)
    rows = work.kernel_rows()
    firsts = [0] * len(rows)
    if work.padded is not None and min(rows) < work.taps.kernel_rows:
        # A tile has one line.
        firsts = (work.padded.lines().first + 1).tolist()
    lines = zip(rows, firsts, strict=True)
    tiles = [(work.taps.tile(*one), count) for one, count in _counted((p, *line) for line in lines for p in pixels)]
    reads = sum(tile.cycles * count for tile, count in tiles)
    count = sum(count for _, count in tiles)
    return _array_cost(hw, work, tiles, hw.depthwise_groups, reads=reads, yields=count * YIELD_CYCLES)


def _writes_of_result(hw: Hardware, raw: bool) -> int:
    """Cycles in which a channel group of a position leaves: raw sums may not fit one write."""
    return -(-hw.group_columns // (hw.vector_length // hw.raw_elements)) if raw else 1


def pool_cost(hw: Hardware, pixels: int, channels: int, taps: int, division_steps: int) -> Cost:
    """
    Cycles of a VECTOR pooling: V channels at a time, one tap a cycle, while the window before is divided in
    `division_steps` (0: not at all).
    """
    vectors = pixels * -(-channels // hw.vector_length)
    divide = division_steps + DIVIDE_OVERHEAD if division_steps > 0 else 0
    each = max(divide, LEAST_DIVIDE) if divide > 0 else 0
    # The first window is read before there is anything to divide, and the last one divided after all is read.
    drain = VECTOR_OVERHEAD + (divide - 1 - max(0, each - taps) if divide > 0 else 0)
    return Cost(vectors * max(taps, each), drain=drain, gap=drain, reads=vectors * taps, writes=vectors)


def elements_cost(hw: Hardware, pixels: int, channels: int, operands: int) -> Cost:
    """Cycles of a VECTOR function of single elements: a few channels at a time, a cycle for each operand that is read."""
    blocks = pixels * -(-channels // hw.vector_lanes)
    return Cost(blocks * operands, drain=ELEMENTS_OVERHEAD, gap=ELEMENTS_OVERHEAD, reads=blocks * operands, writes=blocks)


def scattered_cost(hw: Hardware, pixels: int, channels: int) -> Cost:
    """Cycles of a VECTOR function of single elements whose results lie apart: a write for each of them."""
    cost = elements_cost(hw, pixels, channels, operands=1)
    return Cost(pixels * channels, drain=cost.drain, gap=cost.gap, reads=cost.reads, writes=pixels * channels)


def division_steps(hw: Hardware, left: int, right: int, leak: int, *, sums: bool) -> int:
    """
    Steps of the divider for a window, one for each bit of the result; 0 where nothing is to be divided. `sums` says that
    the window's elements are added and their number divides.
    """
    if not sums and left == right and leak == 0:
        return 0
    return max(1, hw.operand_bits + 1 - (right - left))


def transfer_beats(hw: Hardware, elements: int, rows: int = 1, offset: int = 0, pitch: int = 0) -> int:
    """
    Beats of the bus for rows of `elements` elements, `pitch` bytes apart from byte `offset` on: every row begins with a new
    one, and one that begins within a beat may end in one more.
    """
    size, beat = packed_bytes(elements, hw.bits_input), hw.beat_bytes
    # Where rows begin within a beat is the same again after `beat` rows.
    counts = [-(-((offset + row * pitch) % beat + size) // beat) for row in range(min(rows, beat))]
    return sum(counts) * (rows // len(counts)) + sum(counts[: rows % len(counts)])


def load_cost(hw: Hardware, elements: int, rows: int = 1, offset: int = 0, pitch: int = 0) -> Cost:
    """Cycles of a LOAD of rows of `elements` elements: one beat, and one write to feature memory, a cycle."""
    beats = transfer_beats(hw, elements, rows, offset, pitch)
    return Cost(beats, beats=beats, writes=beats)


def store_cost(hw: Hardware, elements: int, rows: int = 1, offset: int = 0, pitch: int = 0) -> Cost:
    """
    Cycles of a STORE of rows of `elements` elements: one beat a cycle; a read of feature memory may bring several. A burst
    leaves when all of it is there.
    """
    beats = transfer_beats(hw, elements, rows, offset, pitch)
    first = min(transfer_beats(hw, elements, 1, offset), STORE_BURST)
    reads = rows * -(-elements // hw.vector_length)
    return Cost(beats, drain=STORE_OVERHEAD + first, gap=MOVE_GAP, beats=beats, reads=reads)


def weights_cost(hw: Hardware, groups: int, words: int) -> Cost:
    """
    Cycles of a LOAD_WEIGHTS of `groups` channel groups of `words` weight words: one beat a cycle, but a beat that holds words
    of several channel groups takes one for each of them.
    """
    beats = -(-groups * words * hw.weight_slot_bits // hw.axi_width)
    # Channel groups between two that begin with a beat.
    apart = hw.beat_words // gcd(hw.beat_words, words)
    shared = groups - 1 - (groups - 1) // apart
    return Cost(beats + shared, gap=MOVE_GAP, beats=beats)


def parameters_cost(hw: Hardware, groups: int) -> Cost:
    """Cycles of a LOAD_WEIGHTS of the parameters of `groups` channel groups: one beat, and one channel, a cycle."""
    channels = groups * hw.group_columns
    beats = -(-channels * PARAMETER_BYTES // hw.beat_bytes)
    return Cost(max(beats, channels), gap=MOVE_GAP, beats=beats)


def tables_cost(hw: Hardware, stream_bytes: int) -> Cost:
    """Cycles of a LOAD_WEIGHTS of lookup tables: one beat, and as many bytes as a channel's parameters have, a cycle."""
    beats = -(-stream_bytes // hw.beat_bytes)
    return Cost(max(beats, stream_bytes // PARAMETER_BYTES), gap=MOVE_GAP, beats=beats)


def instruction_beats(hw: Hardware, name: str) -> int:
    """Beats of an instruction of the table in the instruction stream, whose words follow each other without gaps."""
    return max(1, BY_NAME[name].words * WORD_BITS // hw.axi_width)


def dispatch_cycles(hw: Hardware, name: str) -> int:
    """Cycles until the dispatcher can take the next instruction."""
    return max(LEAST_DISPATCH, instruction_beats(hw, name))

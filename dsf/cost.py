"""
Cycles and traffic of single instructions, as functions of their geometry.

The matrix unit spends one cycle for each reduction step. A run of a kernel row is cut into equal chunks of at most V + 1
elements; a chunk refills the row registers of the P pixels in flight, one a cycle, so it lasts max(chunk, P) cycles
(docs/architecture.md, and the cycle law in the trial of the array). A tile of P pixels lasts as long as the slowest of

    steps    sum over kernel rows, runs and chunks of max(chunk, pixels); rows in padding may be skipped (dsf.kernel_rows)
    drain    results that leave the array: one channel group of one pixel a cycle (raw sums: several cycles each)
    reads    reads of feature memory, by the feeder and for the residual, which share a port with the feeder first

Depthwise, a slot is n taps of a kernel row for P pixels of one output line, and reads P + n - 1 positions.

Instructions overlap: a MATRIX instruction may start `busy` cycles after the one before, long before that one is complete,
and the next LOAD while the last elements of one are written.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from dsf.geometry import Window
from dsf.hardware import Hardware
from dsf.isa.table import BY_NAME, WORD_BITS
from dsf.kernel_rows import Lines
from dsf.layout import PARAMETER_BYTES, packed_bytes

# Measured on the RTL (benchmarks compare every bundle of every network again).

#: From a MATRIX instruction's start to its first step, where the one before it does not hide that.
MATRIX_FILL = 4
#: From the last step of a MATRIX instruction to its completion, beside the results of the last tile and the latency of a PE:
#: array and epilogue.
MATRIX_DRAIN = 16
#: The same for a depthwise one, from the very last step.
DEPTHWISE_DRAIN = 23
#: For how long a depthwise tile lets STORE read before it starts (dsf_matrix_pkg).
YIELD_CYCLES = 7
#: Cycles of LOAD, LOAD_WEIGHTS and STORE beside their beats, and from the last beat of one to the first of the next.
MOVE_OVERHEAD = 6
MOVE_GAP = 2
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

    def steps(self, pixels: int, kernel_rows: int) -> int:
        """Cycles of a tile's reduction over so many kernel rows, with `pixels` pixels in flight."""
        of_run = (self.chunks - 1) * max(self.chunk, pixels) + max(self.last_chunk, pixels)
        return kernel_rows * self.runs * of_run

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
    chunk = -(-run // -(-run // hw.reach))
    return Runs(kernel_rows, runs, 0 if merged else window.dilation[1] * channels, run, chunk, -(-run // chunk))


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
    and `writes` those of feature memory in the busy cycles; `yields` are the most cycles that it stops for reads of STORE.
    Its reads come at the beginning of each `slot` of so many cycles; 0: at any time.
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

    @property
    def latency(self) -> int:
        return self.fill + self.busy + self.drain


def matrix_cost(hw: Hardware, work: MatrixWork, tall: bool) -> Cost:
    """Cycles of a MATRIX instruction in one of the two shapes of the array."""
    lanes = hw.pixels_tall if tall else hw.rows
    at_once = 1 if tall else hw.column_groups
    writes = _writes_of_result(hw, work.raw)
    passes = -(-work.groups // at_once)
    rows = work.kernel_rows(lanes)
    last_pixels, last_groups = work.pixels - (len(rows) - 1) * lanes, work.groups - (passes - 1) * at_once
    pixels = [lanes] * (len(rows) - 1) + [last_pixels]
    steps = [work.runs.steps(*tile) for tile in zip(pixels, rows, strict=True)]
    of_tiles = [work.runs.reads(*tile) for tile in zip(pixels, rows, strict=True)]

    def results(groups: int) -> list[int]:
        each = [one * groups for one in pixels]
        return _results(each, [one * writes for one in each], steps, of_tiles if work.residual else None)

    waits, late = _waits(hw, steps, results(at_once), results(last_groups), passes)
    caught_up = max(steps[-1], results(last_groups)[-1]) - of_tiles[-1]
    skew = 0 if tall else last_pixels
    drain = MATRIX_DRAIN + hw.pe_latency + skew + last_pixels * last_groups * writes + max(0, late - caught_up)
    search = work.lines.search(lanes) if work.lines is not None and work.lines.skips(lanes) else 0
    port_reads = passes * sum(of_tiles) + (work.pixels * work.groups if work.residual else 0)
    busy = passes * sum(steps) + waits
    reads, slot = min(port_reads, busy), max(work.runs.chunk, lanes)
    port_writes = min(work.pixels * work.groups * writes, busy)
    # What is late also holds up the first tiles of the next instruction.
    return Cost(busy, MATRIX_FILL + search, drain, gap=late, reads=reads, writes=port_writes, slot=slot)


def _results(results: list[int], writes: list[int], steps: list[int], reads: list[int] | None) -> list[int]:
    """
    Cycles that the results of each tile of a pass take: its writes. With a residual, `reads` are those of the feeder, which has
    the port first; then results hardly catch up in a tile with few of them.
    """
    if reads is None:
        return writes
    return [max(*of_tile, read + result) for *of_tile, read, result in zip(writes, steps, reads, results, strict=True)]


def _waits(hw: Hardware, steps: list[int], results: list[int], last_results: list[int], passes: int) -> tuple[int, int]:
    """
    Cycles in which the array waits for results to leave, and by how many cycles they are late in the end. Of each tile of a
    pass, `steps` are the array's cycles and `results` those that its results take (`last_results`: in the last pass).

    The captured tiles are a buffer: where results are slower than steps, the last of them leave while nothing is computed.
    """
    late = waits = 0
    # All but the last pass; each is like the one before as soon as they begin with the same delay.
    for done in range(passes - 1):
        before, (more, late) = late, _pass_waits(hw, steps, results, late)
        waits += more
        if late == before:
            waits += (passes - 2 - done) * more
            break
    last = [*last_results[:-1], max(steps[-1], last_results[-1])]
    more, late = _pass_waits(hw, steps, last, late)
    return waits + more, late


def _pass_waits(hw: Hardware, steps: list[int], results: list[int], late: int) -> tuple[int, int]:
    """The same for one pass, where the results before it are `late`."""
    waits = 0
    for of_steps, of_results in zip(steps, results, strict=True):
        most = max(late, hw.capture_tiles * (of_results - of_steps))
        late = max(0, late + of_results - of_steps)
        waits += max(0, late - most)
        late = min(late, most)
    return waits, late


def shape_change(hw: Hardware, before_tall: bool, tall: bool) -> int:
    """Cycles between two MATRIX instructions: a tall tile has to have entered the last group before a wide one starts."""
    return (hw.column_groups - 1) * hw.rows + 1 if before_tall and not tall else 0


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

    def steps(self, pixels: int, kernel_rows: int) -> int:
        """Cycles of a tile of `pixels` pixels over so many kernel rows: the reads of all phases."""
        return kernel_rows * (self.phases * (pixels - 1) + self.taps)


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
    writes = _writes_of_result(hw, work.raw)
    full, rest = divmod(work.columns, hw.rows)
    pixels = [hw.rows] * full + [rest] * (rest > 0)
    passes = -(-work.groups // hw.depthwise_groups)
    last_groups = work.groups - (passes - 1) * hw.depthwise_groups
    rows = work.kernel_rows()
    steps = [work.taps.steps(one, of_line) for of_line in rows for one in pixels]

    def results(groups: int) -> list[int]:
        each = [one * groups for one in pixels * len(rows)]
        return _results(each, [one * writes for one in each], steps, steps if work.residual else None)

    waits, late = _waits(hw, steps, results(hw.depthwise_groups), results(last_groups), passes)
    # A tile's last step comes with the first of its last slot's reads, so that of a small tile follows soon.
    before, last = pixels[-2:] if len(pixels) > 1 else pixels * 2
    alone = passes * len(steps) == 1
    behind = 0 if alone or work.residual else max(0, before * last_groups * writes - (steps[-1] + before - last))
    drain = DEPTHWISE_DRAIN + hw.pe_latency - (last - 1) + max(last * last_groups * writes + behind, late)
    search = work.padded.search(pixels[0]) if work.padded is not None and min(rows) < work.taps.kernel_rows else 0
    busy = passes * sum(steps) + waits
    port_writes = min(work.lines * work.columns * work.groups * writes, busy)
    yields = passes * len(steps) * YIELD_CYCLES
    return Cost(busy, MATRIX_FILL + search, drain, gap=late, reads=busy, writes=port_writes, yields=yields)


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
    return Cost(vectors * max(taps, each), drain=drain, gap=drain, reads=vectors * taps)


def elements_cost(hw: Hardware, pixels: int, channels: int, operands: int) -> Cost:
    """Cycles of a VECTOR function of single elements: a few channels at a time, a cycle for each operand that is read."""
    reads = pixels * -(-channels // hw.vector_lanes) * operands
    return Cost(reads, drain=ELEMENTS_OVERHEAD, gap=ELEMENTS_OVERHEAD, reads=reads)


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
    return Cost(beats, gap=MOVE_GAP, beats=beats, writes=beats)


def store_cost(hw: Hardware, elements: int, rows: int = 1, offset: int = 0, pitch: int = 0) -> Cost:
    """Cycles of a STORE of rows of `elements` elements: one beat a cycle; a read of feature memory may bring several."""
    beats = transfer_beats(hw, elements, rows, offset, pitch)
    return Cost(beats, gap=MOVE_GAP, beats=beats, reads=rows * -(-elements // hw.vector_length))


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

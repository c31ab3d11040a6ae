"""The matrix front under cocotb: exact sums, and exact cycles. `test_matrix.py` builds it and chooses the parameters."""

from __future__ import annotations

import os
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from matrix_programs import SHAPE, draw_depthwise, draw_tile, draw_window
from matrix_reference import (
    Fields,
    Ints,
    all_sums,
    depthwise_window,
    drain_keeps_up,
    in_parts,
    pieces,
    skipping,
    tiles,
    window,
)
from rtl_bench import pack

from dsf.cost import YIELD_CYCLES
from dsf.isa.encoding import encode_instruction
from dsf.numerics import int_range, random_elements

SEED = int(os.environ["DSF_SEED"])


class Bench:
    """Drives `dsf_matrix_tb` and notes pieces, steps and tile starts. Signals change at the falling edge."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.cycle = 0
        self.pieces: list[int] = []
        self.starts: list[int] = []
        self.taken: list[int] = []
        self.steps = 0
        #: What signals that change now and then have.
        self.inputs: dict[str, bool] = {}
        self.draw = random.Random(SEED)
        numbers = np.random.default_rng(SEED)
        self.features: Ints = random_elements(numbers, SHAPE.feature_words * SHAPE.vector_length, SHAPE.bits_input)
        sizes = SHAPE.groups, SHAPE.weight_words, SHAPE.lanes
        self.weights: Ints = random_elements(numbers, sizes, SHAPE.bits_weights)

    async def start(self) -> None:
        dut = self.dut
        cocotb.start_soon(Clock(dut.clk_i, 2, "ns").start(start_high=True))
        for name in ("rst_ni", "instr_valid_i", "fm_wr_en_i", "wm_wr_en_i", "drain_pause_i", "drain_refuse_i", "yield_i"):
            getattr(dut, name).value = 0
        for _ in range(3):
            await FallingEdge(dut.clk_i)
        dut.rst_ni.value = 1
        dut.fm_wr_en_i.value = 1
        for word, values in enumerate(self.features.reshape(-1, SHAPE.vector_length)):
            dut.fm_wr_word_i.value = word
            dut.fm_wr_data_i.value = pack(values, SHAPE.bits_input)
            await FallingEdge(dut.clk_i)
        dut.fm_wr_en_i.value = 0
        for bank in range(SHAPE.groups):
            dut.wm_wr_bank_i.value = bank
            word = 0
            while word < SHAPE.weight_words:
                count = min(self.draw.randint(1, SHAPE.beat_words), SHAPE.weight_words - word)
                self.write_weights(bank, word, count)
                word += count
                await FallingEdge(dut.clk_i)
        dut.wm_wr_en_i.value = 0

    def write_weights(self, bank: int, first: int, count: int) -> None:
        """Writes some words of a bank, each in its place; others have no enable, and random data."""
        low, high = int_range(SHAPE.bits_weights)
        data = np.array([self.draw.choice((low, high)) for _ in range(SHAPE.beat_words * SHAPE.lanes)])
        data = data.reshape(SHAPE.beat_words, SHAPE.lanes)
        words = range(first, first + count)
        for word in words:
            data[word % SHAPE.beat_words] = self.weights[bank, word]
        self.dut.wm_wr_en_i.value = sum(1 << word % SHAPE.beat_words for word in words)
        self.dut.wm_wr_addr_i.value = first
        self.dut.wm_wr_data_i.value = pack(data.reshape(-1), SHAPE.bits_weights)

    async def run(
        self, program: list[Fields], *, gap: float = 0.0, pause: float = 0.0, refuse: float = 0.0, yields: float = 0.0
    ) -> None:
        """
        Issues the instructions and collects their pieces. In a cycle, with probability `gap` no instruction is offered
        (where none is pending), with `pause` the drain does not read, with `refuse` it takes no instruction, and with `yields`
        someone else wants to read feature memory.
        """
        dut, draw = self.dut, self.draw
        expected = [piece for f, sums in zip(program, self.sums(program), strict=True) for piece in pieces(SHAPE, f, sums)]
        limit = 1000 + 40 * sum(tile.cycles for f in program for tile in tiles(SHAPE, f))
        waiting, start = list(program), self.cycle
        self.pieces.clear()
        self.starts.clear()
        self.taken.clear()
        self.steps = 0
        offered = False
        while waiting or offered or int(dut.busy_o.value) or len(self.pieces) < len(expected):
            assert self.cycle - start < limit, f"{len(self.pieces)} of {len(expected)} pieces after {limit} cycles, seed {SEED}"
            if not offered and waiting and draw.random() >= gap:
                offered = True
                dut.instr_i.value = int.from_bytes(encode_instruction("matrix", **waiting.pop(0)), "little")
            self.put("instr_valid_i", offered)
            self.put("drain_pause_i", draw.random() < pause)
            self.put("drain_refuse_i", draw.random() < refuse)
            self.put("yield_i", draw.random() < yields)
            await self.tick()
            if int(dut.instr_taken_o.value):
                offered = False
                self.taken.append(self.cycle - 1)
        self.put("instr_valid_i", False)
        assert len(self.pieces) == len(expected), f"{len(self.pieces)} pieces, needs {len(expected)}, seed {SEED}"
        assert self.steps == sum(tile.steps for f in program for tile in tiles(SHAPE, f))
        for i, (got, want) in enumerate(zip(self.pieces, expected, strict=True)):
            assert got == pack(want, SHAPE.bits_sum), f"piece {i} of {len(expected)} differs, seed {SEED}: {want}"

    def put(self, name: str, value: bool) -> None:
        """Gives a signal a value; one that it has takes no time."""
        if self.inputs.get(name) != value:
            self.inputs[name] = value
            getattr(self.dut, name).value = value

    def sums(self, program: list[Fields]) -> list[Ints]:
        return all_sums(SHAPE, program, self.features, self.weights)

    async def tick(self) -> None:
        """Ends the cycle and looks at the next one."""
        dut = self.dut
        await FallingEdge(dut.clk_i)
        self.cycle += 1
        if int(dut.piece_valid_o.value):
            self.pieces.append(int(dut.piece_o.value))
        self.steps += int(dut.step_o.value)
        if int(dut.tile_o.value):
            self.starts.append(self.cycle)


def check_cycles(program: list[Fields], starts: list[int], most_idle: int) -> None:
    """
    Within an instruction, tiles start exactly as far apart as they take cycles. Between two instructions at most `most_idle`
    cycles are lost, or what a change of shape costs. Last steps are as far apart as the capture of a tile's rows takes.
    """
    rest = iter(starts)
    end, tall, capturing = None, 0, 0
    for f in program:
        got, want = [], []
        for tile in tiles(SHAPE, f):
            got.append(next(rest))
            if not want:
                if end is not None:
                    allowed = most_idle + ((SHAPE.groups - 1) * SHAPE.rows if tall and not f["tall"] else 0)
                    assert 0 <= got[0] - end <= allowed, f"{got[0] - end} idle cycles before {f}, seed {SEED}"
                    capturing -= got[0] - end
                end = got[0]
            want.append(end)
            cycles, capturing = tile.cycles_after(capturing)
            end += cycles
        assert got == want, f"{f} lost {got[-1] - want[-1]} cycles, seed {SEED}"
        tall = f["tall"]
    assert next(rest, None) is None


async def bench_of(dut) -> Bench:
    dut._log.info("seed %d, %s", SEED, SHAPE)
    bench = Bench(dut)
    await bench.start()
    return bench


@cocotb.test()
async def shapes(dut) -> None:
    """One of each kind, alone, wide and tall: also exact cycles."""
    bench = await bench_of(dut)
    deep = SHAPE.vector_length + 1
    for tall in (0, 1):
        for f in (
            window(SHAPE, size=(1, 1), channels=1, tall=tall),
            window(SHAPE, size=(1, 1), channels=70, out_groups=2, tall=tall),
            window(SHAPE, size=(5, 5), channels=deep, kernel=(3, 3), padding=(1, 1, 1, 1), base=3, tall=tall),
            window(SHAPE, size=(6, 7), channels=3, kernel=(3, 3), stride=(2, 2), padding=(0, 1, 0, 1), pad_value=-1, tall=tall),
            window(SHAPE, size=(6, 7), channels=3, kernel=(2, 4), padding=(2, 2, 4, 4), pad_value=1, base=7, tall=tall),
            window(SHAPE, size=(9, 8), channels=4, kernel=(3, 3), dilation=(2, 3), padding=(2, 2, 3, 3), base=1, tall=tall),
            window(SHAPE, size=(64, 1), channels=1, kernel=(64, 1), out_groups=3 * SHAPE.groups, tall=tall),
            window(SHAPE, size=(3, 3), channels=5, images=3, out_groups=SHAPE.groups + 1, weight_address=9, tall=tall),
        ):
            await bench.run([f])
            assert bench.starts[0] - bench.taken[0] == 4
            if drain_keeps_up(SHAPE, f):
                check_cycles([f], bench.starts, 0)


@cocotb.test()
async def skips_padding(dut) -> None:
    """Kernel rows in padding are skipped: above, below, all but one, dilated, over several images; also exact cycles."""
    bench = await bench_of(dut)
    columns = SHAPE.columns
    programs = [
        window(SHAPE, size=(6, 5), channels=channels, kernel=(3, 3), padding=(1, 1, 1, 1), base=3, tall=tall, **how)
        for tall in (0, 1)
        for channels, how in ((3, {}), (SHAPE.vector_length, {"out_groups": SHAPE.groups + 1}), (2, {"images": 3}))
    ]
    for tall in (0, 1):
        programs += [
            window(SHAPE, size=(9, 9), channels=3, kernel=(11, 11), stride=(2, 1), padding=(4, 5, 5, 5), tall=tall),
            window(SHAPE, size=(1, 3), channels=4, kernel=(7, 3), padding=(3, 3, 1, 1), images=4, tall=tall),
            window(SHAPE, size=(4, 4), channels=2, kernel=(5, 3), dilation=(3, 2), padding=(9, 9, 2, 2), tall=tall),
            window(SHAPE, size=(2, 9), channels=2, kernel=(3, 1), dilation=(4, 1), padding=(6, 12, 0, 0), tall=tall),
            window(SHAPE, size=(3, 1), channels=9, kernel=(2, 1), stride=(3, 1), padding=(12, 9, 0, 0), tall=tall),
            window(SHAPE, size=(12, 1), channels=2, kernel=(9, 1), padding=(8, 8, 0, 0), tall=tall, weight_address=20),
        ]
    for kernel, stride in (((3, 3), (1, 1)), ((5, 3), (1, 2)), ((5, 3), (3, 1))):
        for transposed in (False, True):
            how = {"stride": stride, "padding": (2, 3, 1, 4), "transposed": transposed, "images": 2}
            programs.append(depthwise_window(SHAPE, size=(4, 2 * SHAPE.rows), channels=columns, kernel=kernel, **how))
    for f in map(skipping, programs):
        await bench.run([f])
        first = tiles(SHAPE, f)[0]
        assert bench.starts[0] - bench.taken[0] == 4 + first.search, f
        if drain_keeps_up(SHAPE, f):
            check_cycles([f], bench.starts, 0)
    await bench.run([*map(skipping, programs)])


@cocotb.test()
async def depthwise_shapes(dut) -> None:
    """Depthwise convolutions of each kind, alone: also exact cycles."""
    bench = await bench_of(dut)
    few, many = SHAPE.columns, 2 * SHAPE.columns + SHAPE.lanes - 1
    for f in (
        depthwise_window(SHAPE, size=(1, 1), channels=1, kernel=(1, 1)),
        depthwise_window(SHAPE, size=(3, 2 * SHAPE.rows + 2), channels=few, base=5),
        depthwise_window(SHAPE, size=(5, SHAPE.rows + 1), channels=few, padding=(1, 1, 1, 1), pad_value=-1),
        depthwise_window(SHAPE, size=(7, 5), channels=many, padding=(1, 1, 1, 1), base=3, transposed=True),
        depthwise_window(SHAPE, size=(6, 7), channels=few, stride=(2, 2), padding=(0, 1, 0, 1), pad_value=1, images=2),
        depthwise_window(SHAPE, size=(7, 9), channels=few, stride=(3, 3), padding=(1, 1, 2, 2)),
        depthwise_window(SHAPE, size=(7, 9), channels=3, stride=(4, 4), kernel=(3, 3), padding=(1, 1, 2, 2)),
        depthwise_window(SHAPE, size=(4, 9), channels=2, stride=(1, 2), kernel=(2, 5), weight_address=11),
        depthwise_window(SHAPE, size=(2, 11), channels=2, stride=(1, 3), kernel=(1, 11), padding=(0, 0, 5, 5)),
        depthwise_window(SHAPE, size=(9, 4), channels=many, kernel=(3, 2), dilation=2, padding=(2, 2, 0, 1)),
    ):
        await bench.run([f])
        assert bench.starts[0] - bench.taken[0] == 4
        if drain_keeps_up(SHAPE, f):
            check_cycles([f], bench.starts, 0)
        if f["run"] == 3 and f["kernel_rows"] == 3 and f["kernel_runs"] == 1 and SHAPE.rows == 8 and f["columns"] > 8:
            assert bench.starts[1] - bench.starts[0] == 3 * (8 + 2)


@cocotb.test()
async def depthwise_yields_the_read_port(dut) -> None:
    """Between depthwise tiles others may read, for a while; other tiles do not wait for them."""
    bench = await bench_of(dut)
    for f in (
        depthwise_window(SHAPE, size=(5, SHAPE.rows + 1), channels=SHAPE.columns, padding=(1, 1, 1, 1), pad_value=-1),
        depthwise_window(SHAPE, size=(7, 9), channels=2 * SHAPE.columns, stride=(3, 3), padding=(1, 1, 2, 2)),
    ):
        await bench.run([f], yields=1.0)
        assert bench.starts[0] - bench.taken[0] == 4 + YIELD_CYCLES
        if drain_keeps_up(SHAPE, f):
            apart = [later - start for start, later in zip(bench.starts, bench.starts[1:], strict=False)]
            assert apart == [tile.cycles + YIELD_CYCLES for tile in tiles(SHAPE, f)[:-1]], f
    f = window(SHAPE, size=(5, 5), channels=SHAPE.reach, kernel=(3, 3), padding=(1, 1, 1, 1), base=3)
    await bench.run([f], yields=1.0)
    assert bench.starts[0] - bench.taken[0] == 4
    if drain_keeps_up(SHAPE, f):
        check_cycles([f], bench.starts, 0)
    for yields in (0.2, 0.8):
        await bench.run([draw_depthwise(bench.draw) for _ in range(3)], yields=yields, gap=0.2)


@cocotb.test()
async def wraps_addresses_and_coordinates(dut) -> None:
    """A tensor at address 0 with padding: addresses below 0 wrap, and are not used."""
    bench = await bench_of(dut)
    low, high = int_range(SHAPE.bits_input)
    for pad_value in (low, high):
        await bench.run(
            [
                window(SHAPE, size=(4, 5), channels=3, kernel=(5, 5), padding=(4, 4, 4, 4), pad_value=pad_value, tall=tall)
                for tall in (0, 1)
            ]
        )


@cocotb.test()
async def full_rate(dut) -> None:
    """Back-to-back instructions of one shape: no cycle is lost within one, at most 2 between two."""
    bench = await bench_of(dut)
    for tall in (0, 1):
        program = [draw_window(bench.draw, tall=tall, busy=True) for _ in range(8)]
        await bench.run(program)
        check_cycles(program, bench.starts, 2)
    program = [draw_depthwise(bench.draw, busy=True) for _ in range(6)]
    await bench.run(program)
    check_cycles(program, bench.starts, 2)


@cocotb.test()
async def depthwise_among_others(dut) -> None:
    """Depthwise before and after both shapes: a change of mode costs no more than one of shape."""
    bench = await bench_of(dut)
    program = []
    for _ in range(3):
        for tall in (0, 1):
            program += [draw_window(bench.draw, tall=tall, busy=True), draw_depthwise(bench.draw, busy=True)]
    await bench.run(program)
    check_cycles(program, bench.starts, 2)
    for stall in ({}, {"gap": 0.9}, {"pause": 0.8}, {"gap": 0.5, "pause": 0.2, "refuse": 0.9}):
        kinds = [draw_depthwise if bench.draw.random() < 0.7 else draw_window for _ in range(6)]
        await bench.run([draw(bench.draw) for draw in kinds], **stall)


@cocotb.test()
async def sums_stay_in_the_array(dut) -> None:
    """A reduction in parts gives the sums of the whole, also where the array is idle or the drain pauses between them."""
    bench = await bench_of(dut)
    for stall in ({}, {"gap": 0.9}, {"pause": 0.5, "refuse": 0.5}):
        program: list[Fields] = []
        for tall in (0, 1, 1, 0):
            whole = draw_tile(bench.draw, tall)
            if whole["weight_words"] > SHAPE.weight_words - 9:
                continue
            parts = in_parts(skipping(whole) if bench.draw.random() < 0.5 else whole)
            last = bench.sums(parts)[-1]
            assert (last == bench.sums([whole])[0]).all() or whole["pad_value"] != 0
            program += [*parts, draw_window(bench.draw)]
        await bench.run(program, **stall)


@cocotb.test()
async def goes_on_from_bank_to_bank(dut) -> None:
    """Tall, the words of a channel group that do not fit a bank are in the next ones: also exact cycles."""
    bench = await bench_of(dut)
    if SHAPE.groups == 1:
        return
    program: list[Fields] = []
    for channels, kernel in ((SHAPE.reach, (3, 3)), (7, (1, 1)), (SHAPE.vector_length, (2, 3)), (3, (5, 1))):
        f = window(SHAPE, size=(7, 5), channels=channels, kernel=kernel, tall=1, padding=(kernel[0] // 2,) * 2 + (1, 1))
        words = f["weight_words"]
        for depth in {-(-words // SHAPE.groups), words // 2 + 1, words - 1, words}:
            if depth <= SHAPE.weight_words and f["pixels"] * words < 30_000:
                first = bench.draw.randint(0, SHAPE.weight_words - depth)
                bank = bench.draw.randint(0, SHAPE.groups - -(-words // depth))
                program.append(f | {"bank_words": depth, "weight_address": first, "weight_bank": bank})
    for f in program:
        await bench.run([f])
        if drain_keeps_up(SHAPE, f):
            check_cycles([f], bench.starts, 0)
    await bench.run(program, gap=0.5, pause=0.3)


@cocotb.test()
async def random_programs(dut) -> None:
    """Shapes alternate; the drain pauses, refuses, and instructions come late."""
    bench = await bench_of(dut)
    for stall in ({}, {"gap": 0.9}, {"pause": 0.5}, {"pause": 0.9, "refuse": 0.5}, {"gap": 0.5, "pause": 0.2, "refuse": 0.9}):
        await bench.run([draw_window(bench.draw) for _ in range(6)], **stall)


@cocotb.test()
async def small_instructions(dut) -> None:
    """Instructions of a few cycles: last steps of neighbours come closer than the capture allows."""
    bench = await bench_of(dut)
    kinds = [
        window(SHAPE, size=(1, columns), channels=channels, tall=tall, out_groups=groups)
        for columns in (1, SHAPE.rows, SHAPE.rows * SHAPE.groups)
        for channels in (1, 2, SHAPE.vector_length)
        for tall in (0, 1)
        for groups in (1, 2)
    ]
    kinds += [
        depthwise_window(SHAPE, size=(2, columns), channels=channels, kernel=(1, taps), padding=(0, 0, 0, taps - 1))
        for columns in (1, SHAPE.rows, SHAPE.rows + 1)
        for channels in (1, SHAPE.columns)
        for taps in (1, 2, 5)
    ]
    await bench.run(kinds)
    await bench.run([bench.draw.choice(kinds) for _ in range(80)])


@cocotb.test()
async def waits_for_the_drain(dut) -> None:
    """A drain that stands still stops the array after as many tiles as there are buffers, and nothing is lost."""
    bench = await bench_of(dut)
    programs = [window(SHAPE, size=(8, 8), channels=2, out_groups=2 * SHAPE.groups, tall=tall) for tall in (0, 1)]
    programs.append(depthwise_window(SHAPE, size=(9, 8), channels=2 * SHAPE.columns, kernel=(2, 1)))
    for f in programs:
        bench.put("drain_pause_i", True)
        dut.instr_i.value = int.from_bytes(encode_instruction("matrix", **f), "little")
        bench.put("instr_valid_i", True)
        bench.pieces.clear()
        bench.steps = 0
        for _ in range(60 * SHAPE.capture_tiles):
            await bench.tick()
            if int(dut.instr_taken_o.value):
                bench.put("instr_valid_i", False)
        assert bench.steps == SHAPE.capture_tiles * f["weight_words"]
        bench.put("drain_pause_i", False)
        want = [pack(piece, SHAPE.bits_sum) for piece in pieces(SHAPE, f, *bench.sums([f]))]
        for _ in range(4000):
            if len(bench.pieces) == len(want):
                break
            await bench.tick()
        assert bench.pieces == want

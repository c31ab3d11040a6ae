"""
The drain under cocotb. `test_drain.py` builds it.

The test plays the array: it writes accumulators into capture memory row by row, as late as the contract allows, and
gives tiles as credits permit. Expected values are those of `dsf.numerics`, with the loops of `dsf.isa.table`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import product

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge
from rtl_bench import pack, start_clock, unpack

from dsf.isa.encoding import encode_instruction
from dsf.layout import pack_elements, pack_parameters, unpack_elements
from dsf.numerics import Ints, int_range, random_elements, raw, requantize, residual_add, to_element

P = json.loads(os.environ["DSF_PARAMETERS"])
ROWS, GROUPS, LANES, BITS = P["Rows"], P["Groups"], P["GCols"], P["XBits"]
BIAS_BITS, ACC_BITS, LENGTH, TILES = P["BBits"], P["AccBits"], P["VecLen"], P["CaptureTiles"]
ELEMENTS = P["FeatureWords"] * LENGTH
RAW_ELEMENTS = 32 // BITS
DEPTHWISE_GROUPS = min(GROUPS, LENGTH // LANES)
SEED = int(os.environ["DSF_SEED"])

Fields = Mapping[str, int]
#: Accumulators by (channel group, position), each a vector of lanes.
Sums = Ints


class Layer:
    """One random MATRIX instruction, its accumulators, and what it does to feature memory."""

    def __init__(self, draw: np.random.Generator, kind: str, parameters: tuple[Ints, Ints, Ints]) -> None:
        def pick(low: int, high: int) -> int:
            return int(draw.integers(low, high + 1))

        self.bias, self.multiplier, self.shift = parameters
        groups = pick(1, 2 * GROUPS + 1)
        depthwise = pick(0, 2) == 0
        columns, rows, images = pick(1, 4), pick(1, 3), pick(1, 2)
        if depthwise:
            columns, rows, groups = pick(1, 2 * ROWS + 1), pick(1, 2), pick(1, GROUPS + 1)
        last_lanes = pick(1, LANES)
        element = RAW_ELEMENTS if kind == "raw" else 1
        channels = ((groups - 1) * LANES + last_lanes) * element
        pixel = channels + pick(0, 3)
        row = columns * pixel + pick(0, 5)
        image = rows * row + pick(0, 5)
        size = images * image
        assert 2 * size < ELEMENTS
        # In place, as a residual often is, or apart.
        apart = int(draw.choice([0, size]))
        low, high = int_range(BITS)
        first = int(draw.choice([low, 0, -1]))
        self.fields: dict[str, int] = {
            "columns": columns,
            "rows": rows,
            "images": images,
            "pixels": columns * rows * images,
            "dst": pick(0, ELEMENTS - 2 * size - 1),
            "dst_pixel_step": pixel,
            "dst_row_step": row,
            "dst_image_step": image,
            "channel_groups": groups,
            "last_group_lanes": last_lanes,
            "tall": 0 if depthwise else pick(0, 1),
            "depthwise": int(depthwise),
            "raw": int(kind == "raw"),
            "parameter_address": pick(0, P["ParamGroups"] - groups),
            "bias_shift": pick(0, 3),
            "zero_point": pick(low, high),
            "leak": int(draw.choice([0, 0, 3])),
            "low": first if kind == "plain" else low,
            "high": high,
        }
        if kind == "residual":
            self.fields |= {
                "residual": 1,
                "residual_src": self.fields["dst"] + apart,
                "residual_pixel_step": pixel,
                "residual_row_step": row,
                "residual_image_step": image,
                "residual_multiplier_a": pick(0, 3),
                "residual_multiplier_b": int(draw.choice([1, 300, 65535])),
                "residual_offset": pick(-500, 500),
                "residual_shift": pick(0, 9),
                "residual_leak": int(draw.choice([0, 2])),
                "residual_low": first,
                "residual_high": high,
            }
        # acc + bias has to fit the accumulator.
        acc_low, acc_high = int_range(ACC_BITS)
        shape = (groups, self.fields["pixels"], LANES)
        wanted = draw.integers(acc_low, acc_high + 1, shape) >> draw.integers(0, ACC_BITS, shape)
        wanted = np.where(draw.random(shape) < 0.05, draw.choice([acc_low, acc_high], shape), wanted)
        bias = self.bias[self.groups()][:, None] << self.fields["bias_shift"]
        self.sums: Sums = np.clip(wanted - bias, acc_low, acc_high)
        total = self.sums + bias
        self.sums = np.where((total < acc_low) | (total > acc_high), np.clip(-bias, acc_low, acc_high), self.sums)

    def groups(self) -> slice:
        """Its parameter groups."""
        first = self.fields["parameter_address"]
        return slice(first, first + self.fields["channel_groups"])

    def encoded(self) -> int:
        return int.from_bytes(encode_instruction("matrix", **self.fields), "little")

    def pieces(self) -> int:
        return self.fields["channel_groups"] * self.fields["pixels"]

    def tiles(self) -> Iterator[list[list[tuple[int, int, Ints]]]]:
        """For each tile, for each cycle in which rows become ready: (capture group, row, accumulators)."""
        f = self.fields
        size = GROUPS * ROWS if f["tall"] else ROWS
        step = 1 if f["tall"] else DEPTHWISE_GROUPS if f["depthwise"] else GROUPS
        line = f["columns"] if f["depthwise"] else f["pixels"]
        starts = [first + start for first in range(0, f["pixels"], line) for start in range(0, line, size)]
        for first_group in range(0, f["channel_groups"], step):
            for start in starts:
                positions = range(start, min(start + size, start // line * line + line))
                if f["tall"]:
                    yield [[((q - start) // ROWS, (q - start) % ROWS, self.sums[first_group, q])] for q in positions]
                else:
                    groups = range(first_group, min(first_group + step, f["channel_groups"]))
                    yield [[(g - first_group, q - start, self.sums[g, q]) for g in groups] for q in positions]

    def apply(self, memory: Ints) -> None:
        """The instruction's effect on feature memory."""
        f = self.fields
        before = memory.copy()
        settings = {"bias_shift": f["bias_shift"]}
        positions = list(product(range(f["images"]), range(f["rows"]), range(f["columns"])))
        for i in range(f["channel_groups"]):
            lanes = f["last_group_lanes"] if i == f["channel_groups"] - 1 else LANES
            p = f["parameter_address"] + i
            for q, (n, oy, ox) in enumerate(positions):
                c = i * LANES
                acc, bias = self.sums[i, q, :lanes], self.bias[p, :lanes]
                dst = f["dst"] + n * f["dst_image_step"] + oy * f["dst_row_step"] + ox * f["dst_pixel_step"]
                if f["raw"]:
                    words = pack_elements(raw(acc, bias, **settings), 32)
                    memory[dst + c * RAW_ELEMENTS :][: lanes * RAW_ELEMENTS] = unpack_elements(
                        words, BITS, lanes * RAW_ELEMENTS
                    )
                    continue
                values = requantize(
                    acc,
                    bias,
                    **settings,
                    multiplier=self.multiplier[p, :lanes],
                    shift=self.shift[p, :lanes],
                    leak=f["leak"],
                    zero_point=f["zero_point"],
                    low=f["low"],
                    high=f["high"],
                )
                if f.get("residual"):
                    src = f["residual_src"] + n * f["residual_image_step"]
                    src += oy * f["residual_row_step"] + ox * f["residual_pixel_step"] + c
                    names = ("multiplier_a", "multiplier_b", "offset", "shift", "leak", "low", "high")
                    values = to_element(values, BITS)
                    values = residual_add(values, before[src : src + lanes], **{name: f[f"residual_{name}"] for name in names})
                memory[dst + c :][:lanes] = to_element(values, BITS)


class Bench:
    def __init__(self, dut) -> None:
        self.dut = dut
        self.draw = np.random.default_rng(SEED)
        self.memory: Ints = random_elements(self.draw, ELEMENTS, BITS)
        shape = (P["ParamGroups"], LANES)
        bias_low, bias_high = int_range(BIAS_BITS)
        bias = self.draw.integers(bias_low, bias_high + 1, shape) >> max(0, BIAS_BITS - ACC_BITS + 5)
        self.parameters = (bias, self.draw.integers(0, 1 << 16, shape), self.draw.integers(0, ACC_BITS + 12, shape))
        self.free = TILES
        self.tile = 0
        self.done = 0
        self.cycle = 0
        self.written = 0

    async def start(self) -> None:
        dut = self.dut
        writes = ("cap_wr_en_i", "pm_wr_en_i", "load_req_i")
        await start_clock(dut, "reset_ni", "instr_valid_i", "tile_ready_i", "stall_rate_i", "store_req_i", *writes)
        await self.step()
        await self.step()
        dut.reset_ni.value = 1
        for address in range(0, ELEMENTS, LENGTH):
            dut.load_req_i.value = 1
            dut.load_addr_i.value = address
            dut.load_data_i.value = pack(self.memory[address : address + LENGTH], BITS)
            await self.step()
        dut.load_req_i.value = 0
        words = np.frombuffer(pack_parameters(*self.parameters), dtype="<u8").reshape(-1, LANES)
        for group, lane in product(range(P["ParamGroups"]), range(LANES)):
            dut.pm_wr_en_i.value = 1 << lane
            dut.pm_wr_addr_i.value = group
            dut.pm_wr_data_i.value = int(words[group, lane])
            await self.step()
        dut.pm_wr_en_i.value = 0
        await self.check_memory()

    async def step(self) -> None:
        """One cycle; then notes what the drain shows in the next one."""
        await FallingEdge(self.dut.clk_i)
        self.cycle += 1
        self.free += int(self.dut.tile_free_o.value)
        self.done += int(self.dut.done_o.value)
        self.written += int(self.dut.written_o.value)

    async def push(self, layer: Layer) -> None:
        self.dut.instr_valid_i.value = 1
        self.dut.instr_i.value = layer.encoded()
        while not int(self.dut.instr_ready_o.value):
            await self.step()
        await self.step()
        self.dut.instr_valid_i.value = 0

    async def feed(self, layer: Layer, gap: float) -> None:
        """
        Writes the layer's tiles into capture memory. Row 0 lies there one cycle before tile_ready, the others
        follow, a cycle apart: any read that is earlier than the contract allows finds something else.
        """
        for tile in layer.tiles():
            while self.free == 0 or self.draw.random() < gap:
                await self.step()
            self.free -= 1
            for p, row in enumerate(tile):
                enable, data = 0, [0] * GROUPS
                for group, _, acc in row:
                    enable |= 1 << group
                    data[group] = pack(acc, ACC_BITS)
                self.dut.cap_wr_en_i.value = enable
                self.dut.cap_wr_addr_i.value = self.tile * ROWS + row[0][1]
                self.dut.cap_wr_data_i.value = sum(d << LANES * ACC_BITS * g for g, d in enumerate(data))
                self.dut.tile_ready_i.value = int(p == 1)
                await self.step()
            self.dut.cap_wr_en_i.value = 0
            if len(tile) == 1:
                self.dut.tile_ready_i.value = 1
                await self.step()
            self.dut.tile_ready_i.value = 0
            self.tile = (self.tile + 1) % TILES

    async def finish(self, count: int) -> None:
        """Until `count` instructions are done."""
        for _ in range(20000):
            if self.done == count:
                return
            await self.step()
        raise AssertionError(f"{self.done} of {count} instructions done")

    async def check_memory(self, first: int = 0) -> None:
        """Reads feature memory back, word by word from `first` on around, starting in this very cycle."""
        self.dut.stall_rate_i.value = 0
        words = P["FeatureWords"]
        found = np.zeros_like(self.memory)
        for i in range(words + 3):
            if i < words:
                self.dut.store_req_i.value = 1
                self.dut.store_addr_i.value = (first // LENGTH + i) % words * LENGTH
            else:
                self.dut.store_req_i.value = 0
            await self.step()
            if i >= 2:
                address = (first // LENGTH + i - 2) % words * LENGTH
                if i - 2 < words:
                    assert int(self.dut.store_valid_o.value)
                    found[address : address + LENGTH] = unpack(int(self.dut.store_data_o.value), BITS, LENGTH)
        wrong = np.flatnonzero(found != self.memory)
        assert wrong.size == 0, f"{wrong.size} wrong, from {wrong[0]}: {found[wrong[0]]}, expected {self.memory[wrong[0]]}"


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def layers_one_by_one(dut) -> None:
    """Memory is right in the very cycle in which `done_o` comes, whatever stalls."""
    bench = Bench(dut)
    await bench.start()
    for number, kind in enumerate(("plain", "residual", "raw") * 5, start=1):
        layer = Layer(bench.draw, kind, bench.parameters)
        dut.stall_rate_i.value = int(bench.draw.choice([0, 128, 240]))
        assert not int(dut.busy_o.value)
        await bench.push(layer)
        await bench.feed(layer, float(bench.draw.choice([0, 0.5])))
        await bench.finish(number)
        layer.apply(bench.memory)
        # The last element written.
        f = layer.fields
        last = f["dst"] + (f["images"] - 1) * f["dst_image_step"] + (f["rows"] - 1) * f["dst_row_step"]
        last += (f["columns"] - 1) * f["dst_pixel_step"]
        last += ((f["channel_groups"] - 1) * LANES + f["last_group_lanes"]) * (RAW_ELEMENTS if f["raw"] else 1) - 1
        try:
            await bench.check_memory(last)
        except AssertionError as error:
            raise AssertionError(f"seed {SEED}, layer {number} ({kind}): {error}\n{f}") from error


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def layers_back_to_back(dut) -> None:
    """Instructions queue up, with different settings one behind the other."""
    bench = Bench(dut)
    await bench.start()
    kinds = [str(kind) for kind in bench.draw.choice(["plain", "residual", "raw"], 24)]
    layers = [Layer(bench.draw, kind, bench.parameters) for kind in kinds]

    dut.stall_rate_i.value = 100
    pushing = cocotb.start_soon(push_all_from(bench, layers))
    for layer in layers:
        await bench.feed(layer, 0.0)
        layer.apply(bench.memory)
    await pushing
    await bench.finish(len(layers))
    await bench.check_memory()


async def push_all_from(bench: Bench, layers: list[Layer]) -> None:
    """Pushes instructions as the queue takes them, beside the test's own cycles."""
    dut = bench.dut
    for layer in layers:
        dut.instr_valid_i.value = 1
        dut.instr_i.value = layer.encoded()
        while not int(dut.instr_ready_o.value):
            await FallingEdge(dut.clk_i)
        await FallingEdge(dut.clk_i)
    dut.instr_valid_i.value = 0


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def one_piece_a_cycle(dut) -> None:
    """Without stalls, an instruction takes a cycle a piece (raw: a cycle a write), and a constant."""
    bench = Bench(dut)
    await bench.start()
    for number, kind in enumerate(("plain", "residual", "raw") * 4, start=1):
        layer = Layer(bench.draw, kind, bench.parameters)
        layer.fields["tall"] = 0
        # No gaps in the stream of tiles either: each has as many pieces as the capture takes cycles for it.
        layer.fields["depthwise"] = 0
        tiles = list(layer.tiles())
        first = bench.cycle
        await bench.push(layer)
        await bench.feed(layer, 0.0)
        await bench.finish(number)
        beats = -(-LANES * RAW_ELEMENTS // LENGTH) if kind == "raw" else 1
        rows = sum(max(len(tile), 2) for tile in tiles)
        assert bench.cycle - first <= max(layer.pieces() * beats, rows) + 24, f"seed {SEED}: {kind}, {layer.fields}"
        layer.apply(bench.memory)
    await bench.check_memory()

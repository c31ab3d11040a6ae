"""
What a MATRIX instruction sums up, straight from the loops of `dsf.isa.table`, and how long the array takes for it.

    accumulators(...)[i, p, lane] = sum over ky, kx, j of (F[a] if inside else pad_value) * W[bank][k][lane]

and depthwise, where each lane has its own a, as the table says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsf.hardware import PE_KINDS

Ints = NDArray[np.int64]
Fields = Mapping[str, int]

# From a tile's last step to the start of the tile that finds its buffer free, beside the latency of a PE and one cycle for each
# piece.
LATENCY = 12


@dataclass(frozen=True)
class Shape:
    """Parameters of the array under test."""

    rows: int
    columns: int
    groups: int
    bits_input: int = 8
    bits_weights: int = 8
    bits_sum: int = 32
    vector_length: int = 16
    weight_words: int = 1024
    beat_words: int = 1
    feature_words: int = 512
    capture_tiles: int = 4
    pe: str = "integer"

    @property
    def lanes(self) -> int:
        return self.columns // self.groups

    @property
    def reach(self) -> int:
        return self.vector_length + 1

    @property
    def depthwise_groups(self) -> int:
        return min(self.groups, self.vector_length // self.lanes)

    def pixels(self, tall: int) -> int:
        return self.rows * (self.groups if tall else 1)

    def parameters(self) -> dict[str, int | str]:
        return {
            "Pe": PE_KINDS[self.pe].parameter,
            "Rows": self.rows,
            "Cols": self.columns,
            "Groups": self.groups,
            "XBits": self.bits_input,
            "WBits": self.bits_weights,
            "AccBits": self.bits_sum,
            "VecLen": self.vector_length,
            "WeightWords": self.weight_words,
            "Words": self.beat_words,
            "FeatureWords": self.feature_words,
            "CaptureTiles": self.capture_tiles,
        }


def accumulators(shape: Shape, f: Fields, features: Ints, weights: Ints) -> Ints:
    """(channel groups, pixels, lanes), modulo 2**bits_sum. `features` is the whole memory, `weights` is (bank, word, lane)."""
    if f.get("depthwise"):
        return depthwise_accumulators(shape, f, features, weights)
    n, oy, ox = np.meshgrid(*(np.arange(f[k]) for k in ("images", "rows", "columns")), indexing="ij")
    n, oy, ox = (v.reshape(-1, 1) for v in (n, oy, ox))
    ky, kx, j = np.meshgrid(*(np.arange(f[k]) for k in ("kernel_rows", "kernel_runs", "run")), indexing="ij")
    ky, kx, j = (v.reshape(1, -1) for v in (ky, kx, j))
    y = f["y_start"] + oy * f["y_step"] + ky * f["y_dilation"]
    x = f["x_start"] + ox * f["x_step"] + kx * f["run_step"] + j
    a = f["src"] + n * f["image_step"] + oy * f["row_step"] + ox * f["x_step"]
    a = a + ky * f["kernel_row_step"] + kx * f["run_step"] + j
    inside = (y >= 0) & (y < f["height"]) & (x >= 0) & (x < f["row_elements"])
    values = np.where(inside, features[a % 2**24 % features.size], f["pad_value"])
    sums: list[Ints] = []
    if depth := f.get("bank_words"):
        words = np.arange(values.shape[1])
        return _wrapped(shape, (values @ weights[f["weight_bank"] + words // depth, f["weight_address"] + words % depth])[None])
    for i in range(f["channel_groups"]):
        bank = (f["weight_bank"] + i) % shape.groups
        first = f["weight_address"] + (f["weight_bank"] + i) // shape.groups * f["weight_words"]
        sums.append(values @ weights[bank, first : first + values.shape[1]])
    return _wrapped(shape, np.stack(sums))


def all_sums(shape: Shape, program: Sequence[Fields], features: Ints, weights: Ints) -> list[Ints]:
    """The accumulators of each instruction of a program, some of which go on from those of the one before."""
    found: list[Ints] = []
    for f in program:
        before = found[-1] if f.get("accumulate") else 0
        found.append(_wrapped(shape, accumulators(shape, f, features, weights) + before))
    return found


def in_parts(f: Fields) -> list[dict[str, int]]:
    """An instruction as several ones, a kernel row each, whose sums stay in the array."""
    words, rows = f["weight_words"] // f["kernel_rows"], range(f["kernel_rows"])
    return [
        dict(f)
        | {
            "src": (f["src"] + ky * f["kernel_row_step"]) % 2**24,
            "y_start": f["y_start"] + ky * f["y_dilation"],
            "kernel_rows": 1,
            "weight_words": words,
            "weight_address": f["weight_address"] + ky * words,
            "accumulate": int(ky > 0),
            "partial": int(ky < rows[-1]),
        }
        for ky in rows
    ]


def depthwise_accumulators(shape: Shape, f: Fields, features: Ints, weights: Ints) -> Ints:
    """The same for a depthwise instruction."""
    n, oy, ox, lane = np.meshgrid(*(np.arange(k) for k in (f["images"], f["rows"], f["columns"], shape.lanes)), indexing="ij")
    n, oy, ox, lane = (v.reshape(-1, shape.lanes) for v in (n, oy, ox, lane))
    sums = np.zeros((f["channel_groups"], *lane.shape), dtype=np.int64)
    banks = shape.depthwise_groups
    for i in range(f["channel_groups"]):
        c, k = i * shape.lanes + lane, f["weight_address"] + i // banks * f["weight_words"]
        for ky in range(f["kernel_rows"]):
            for phase in range(f["kernel_runs"]):
                for tap in range(f["chunk"] if phase < f["chunks"] else f["last_chunk"]):
                    y = f["y_start"] + oy * f["y_step"] + ky * f["y_dilation"]
                    along = (ox + tap) * f["x_step"] + phase * f["run_step"] + c
                    x, a = f["x_start"] + along, f["src"] + n * f["image_step"] + oy * f["row_step"] + along
                    a = a + ky * f["kernel_row_step"]
                    inside = (y >= 0) & (y < f["height"]) & (x >= 0) & (x < f["row_elements"])
                    sums[i] += np.where(inside, features[a % 2**24 % features.size], f["pad_value"]) * weights[i % banks, k]
                    k += 1
    return _wrapped(shape, sums)


def _wrapped(shape: Shape, sums: Ints) -> Ints:
    half = 1 << (shape.bits_sum - 1)
    return (sums + half) % (2 * half) - half


def groups_per_pass(shape: Shape, f: Fields) -> int:
    """Channel groups at once."""
    if f["tall"]:
        return 1
    return shape.depthwise_groups if f.get("depthwise") else shape.groups


def tile_positions(shape: Shape, f: Fields) -> list[range]:
    """The output positions of each tile of a pass; a depthwise tile ends with its row."""
    per_tile, line = shape.pixels(f["tall"]), f["columns"] if f.get("depthwise") else f["pixels"]
    return [
        range(start + first, start + min(first + per_tile, line))
        for start in range(0, f["pixels"], line)
        for first in range(0, line, per_tile)
    ]


def pieces(shape: Shape, f: Fields, sums: Ints) -> list[Ints]:
    """The order in which the drain reads: pass, tile, pixel, channel group."""
    per_pass, groups = groups_per_pass(shape, f), len(sums)
    return [
        sums[i, p]
        for first_group in range(0, groups, per_pass)
        for positions in tile_positions(shape, f)
        for p in positions
        for i in range(first_group, min(first_group + per_pass, groups))
    ]


def kernel_rows(f: Fields, positions: range) -> range:
    """The kernel rows of a tile: with `skip_rows` from the first to the last not in padding, at least one."""
    rows = range(f["kernel_rows"])
    if not f.get("skip_rows"):
        return rows
    ys = [f["y_start"] + p // f["columns"] % f["rows"] * f["y_step"] for p in positions]
    first = min([k for k in rows if max(ys) + k * f["y_dilation"] >= 0], default=rows[-1])
    last = max([k for k in rows if min(ys) + k * f["y_dilation"] < f["height"]], default=0)
    return range(first, max(first, last) + 1)


def search_cycles(f: Fields, positions: range) -> int:
    """What it takes to find the first of them: a cycle for each line of positions, one for each kernel row before it."""
    if not f.get("skip_rows"):
        return 0
    lines = {p // f["columns"] for p in positions}
    return len(lines) + kernel_rows(f, positions).start + 1


@dataclass(frozen=True)
class Tile:
    """
    What the array does for some pixels: for each slot its steps and its reads, which is how many cycles it takes. `search` are
    the cycles in which its kernel rows are found, usually while others are computed.
    """

    pixels: int
    depthwise: bool
    slots: tuple[tuple[int, int], ...]
    search: int

    @property
    def steps(self) -> int:
        return sum(steps for steps, _ in self.slots)

    @property
    def cycles(self) -> int:
        """A slot takes as many cycles as it has steps, or reads, whichever is more."""
        return sum(max(slot) for slot in self.slots)

    def cycles_after(self, capturing: int) -> tuple[int, int]:
        """
        Cycles of the tile if its last step may only come `capturing` cycles after those before the tile, and the same
        number for the next tile.
        """
        steps, reads = self.slots[-1]
        late = max(0, capturing - (self.cycles - max(steps, reads)) - steps)
        last = late + reads if self.depthwise else max(late + steps, reads)
        return self.cycles - max(steps, reads) + last, self.pixels - (last - late - steps)


def tiles(shape: Shape, f: Fields) -> list[Tile]:
    """Every tile of every pass, in order."""
    passes, depthwise = -(-f["channel_groups"] // groups_per_pass(shape, f)), bool(f.get("depthwise"))
    if depthwise:
        row = [f["chunk"]] * f["chunks"] + [f["last_chunk"]] * (f["kernel_runs"] - f["chunks"])
    else:
        row = ([f["chunk"]] * (f["chunks"] - 1) + [f["last_chunk"]]) * f["kernel_runs"]

    def tile(positions: range) -> Tile:
        pixels = len(positions)
        kernel = row * len(kernel_rows(f, positions))
        slots = tuple((steps, pixels + steps - 1 if depthwise else pixels) for steps in kernel)
        return Tile(pixels, depthwise, slots, search_cycles(f, positions))

    return [tile(positions) for _ in range(passes) for positions in tile_positions(shape, f)]


def drain_keeps_up(shape: Shape, f: Fields) -> bool:
    """
    Whether a drain that reads one piece a cycle lets the array run without a pause, also after other instructions for which
    this holds: every tile has to take as many cycles as it has pieces, and a tile buffer, which a tile holds from its first
    step until `LATENCY` cycles, the PE's and its pieces after its last one, has to be free in time for the tile that uses it
    next. An instruction shorter than that may also have to wait for a place in the drain's queue. Nor does the search for
    kernel rows hold up the array: it takes two cycles less than a tile at most.
    """
    most = LATENCY + PE_KINDS[shape.pe].latency + shape.pixels(1)
    work = tiles(shape, f)
    cycles = [tile.cycles for tile in work]
    pieces_of_tile = shape.pixels(f["tall"]) * groups_per_pass(shape, f)
    least = max(pieces_of_tile, most / (shape.capture_tiles - 1), 2 + max(tile.search for tile in work))
    return sum(cycles) >= most and min(cycles) >= least


def window(
    shape: Shape,
    *,
    size: tuple[int, int],
    channels: int,
    kernel: tuple[int, int] = (1, 1),
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    images: int = 1,
    base: int = 0,
    pad_value: int = 0,
    out_groups: int = 1,
    tall: int = 0,
    weight_address: int = 0,
    weight_bank: int = 0,
) -> dict[str, int]:
    """The fields of a convolution over an NHWC tensor at `base`; `padding` is top, bottom, left, right."""
    (height, width), (kh, kw), (sy, sx), (dy, dx) = size, kernel, stride, dilation
    top, bottom, left, right = padding
    rows = (height + top + bottom - (kh - 1) * dy - 1) // sy + 1
    columns = (width + left + right - (kw - 1) * dx - 1) // sx + 1
    row = width * channels
    runs, run, run_step = (1, kw * channels, 0) if dx == 1 else (kw, channels, dx * channels)
    chunks = -(-run // shape.reach)
    chunk = -(-run // chunks)
    return {
        "src": (base - top * row - left * channels) % 2**24,
        "x_start": -left * channels,
        "x_step": sx * channels,
        "y_start": -top,
        "y_step": sy,
        "row_step": sy * row,
        "image_step": height * row,
        "row_elements": row,
        "height": height,
        "pad_value": pad_value,
        "kernel_rows": kh,
        "kernel_row_step": dy * row,
        "y_dilation": dy,
        "kernel_runs": runs,
        "run_step": run_step,
        "run": run,
        "chunk": chunk,
        "chunks": -(-run // chunk),
        "last_chunk": run - (-(-run // chunk) - 1) * chunk,
        "columns": columns,
        "rows": rows,
        "images": images,
        "pixels": images * rows * columns,
        "channel_groups": out_groups,
        "last_group_lanes": shape.lanes,
        "tall": tall,
        "weight_bank": weight_bank,
        "weight_address": weight_address,
        "weight_words": kh * runs * run,
    }


def skipping(f: Fields) -> dict[str, int]:
    """The same instruction with zeros for padding, and kernel rows in padding skipped."""
    words = f["weight_words"] // f["kernel_rows"]
    return dict(f) | {"pad_value": 0, "skip_rows": 1, "kernel_row_words": words}


def depthwise_window(
    shape: Shape,
    *,
    size: tuple[int, int],
    channels: int,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    dilation: int = 1,
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    images: int = 1,
    base: int = 0,
    pad_value: int = 0,
    transposed: bool = False,
    weight_address: int = 0,
) -> dict[str, int]:
    """
    The fields of a depthwise convolution over an NHWC tensor at `base`, dilated along the height only. Transposed, the array's
    rows lie along the height (and the kernel rows along the width, and there is no dilation).
    """
    (height, width), (kh, kw), (sy, sx), (top, bottom, left, right) = size, kernel, stride, padding
    rows = (height + top + bottom - (kh - 1) * dilation - 1) // sy + 1
    columns = (width + left + right - kw) // sx + 1
    src, image = (base - top * width * channels - left * channels) % 2**24, height * width * channels
    # Along the array: pitch, positions, what comes before, kernel, stride, outputs; across it: the same.
    along = (channels, width, left, kw, sx, columns)
    across = (width * channels, height, top, kh, sy, rows)
    if transposed:
        along, across = across, along
    pitch, positions, before, taps, step, outputs = along
    other_pitch, other_positions, other_before, kernel_rows, other_step, lines = across
    phases = min(step, taps)
    chunk = -(-taps // phases)
    groups = -(-channels // shape.lanes)
    return {
        "src": src,
        "x_start": -before * pitch,
        "x_step": step * pitch,
        "y_start": -other_before,
        "y_step": other_step,
        "row_step": other_step * other_pitch,
        "image_step": image,
        "row_elements": positions * pitch,
        "height": other_positions,
        "pad_value": pad_value,
        "kernel_rows": kernel_rows,
        "kernel_row_step": dilation * other_pitch,
        "y_dilation": dilation,
        "kernel_runs": phases,
        "run_step": pitch,
        "run": taps,
        "chunk": chunk,
        "chunks": taps - (chunk - 1) * phases,
        "last_chunk": max(1, chunk - 1),
        "columns": outputs,
        "rows": lines,
        "images": images,
        "pixels": images * rows * columns,
        "channel_groups": groups,
        "last_group_lanes": channels - (groups - 1) * shape.lanes,
        "tall": 0,
        "depthwise": 1,
        "weight_bank": 0,
        "weight_address": weight_address,
        "weight_words": kernel_rows * taps,
    }

"""
What a MATRIX instruction sums up, straight from the loops of `dsf.isa.table`, and how long the array takes for it.

    accumulators(...)[i, p, lane] = sum over ky, kx, j of (F[a] if inside else pad_value) * W[bank][k][lane]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Fields = Mapping[str, int]

# From a tile's last step to the start of the tile that finds its buffer free, beside one cycle for each piece.
LATENCY = 14


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
    feature_words: int = 512
    capture_tiles: int = 4

    @property
    def lanes(self) -> int:
        return self.columns // self.groups

    def pixels(self, tall: int) -> int:
        return self.rows * (self.groups if tall else 1)

    def parameters(self) -> dict[str, int | str]:
        return {
            "Rows": self.rows,
            "Cols": self.columns,
            "Groups": self.groups,
            "XBits": self.bits_input,
            "WBits": self.bits_weights,
            "AccBits": self.bits_sum,
            "VecLen": self.vector_length,
            "WeightWords": self.weight_words,
            "FeatureWords": self.feature_words,
            "CaptureTiles": self.capture_tiles,
        }


def accumulators(shape: Shape, f: Fields, features: Ints, weights: Ints) -> Ints:
    """(channel groups, pixels, lanes), modulo 2**bits_sum. `features` is the whole memory, `weights` is (bank, word, lane)."""
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
    for i in range(f["channel_groups"]):
        bank = (f["weight_bank"] + i) % shape.groups
        first = f["weight_address"] + (f["weight_bank"] + i) // shape.groups * f["weight_words"]
        sums.append(values @ weights[bank, first : first + values.shape[1]])
    half = 1 << (shape.bits_sum - 1)
    return (np.stack(sums) + half) % (2 * half) - half


def pieces(shape: Shape, f: Fields, sums: Ints) -> list[Ints]:
    """The order in which the drain reads: pass, tile, pixel, channel group."""
    per_pass, per_tile = (1, shape.pixels(1)) if f["tall"] else (shape.groups, shape.pixels(0))
    groups, pixels, _ = sums.shape
    return [
        sums[i, p]
        for first_group in range(0, groups, per_pass)
        for first_pixel in range(0, pixels, per_tile)
        for p in range(first_pixel, min(first_pixel + per_tile, pixels))
        for i in range(first_group, min(first_group + per_pass, groups))
    ]


def tiles(shape: Shape, f: Fields) -> list[list[tuple[int, int]]]:
    """(steps, pixels) of every slot of every tile, in order."""
    passes = f["channel_groups"] if f["tall"] else -(-f["channel_groups"] // shape.groups)
    per_tile = shape.pixels(f["tall"])
    kernel = ([f["chunk"]] * (f["chunks"] - 1) + [f["last_chunk"]]) * (f["kernel_runs"] * f["kernel_rows"])
    pixels = [min(per_tile, f["pixels"] - first) for first in range(0, f["pixels"], per_tile)]
    return [[(steps, count) for steps in kernel] for _ in range(passes) for count in pixels]


def tile_cycles(tile: list[tuple[int, int]]) -> int:
    """A slot takes as many cycles as it has steps, or pixels, whichever is more."""
    return sum(max(slot) for slot in tile)


def drain_keeps_up(shape: Shape, f: Fields) -> bool:
    """
    Whether a drain that reads one piece a cycle lets the array run without a pause, also after other instructions for which
    this holds: every tile has to take as many cycles as it has pieces, and a tile buffer, which a tile holds from its first
    step until `LATENCY` cycles and its pieces after its last one, has to be free in time for the tile that uses it next. An
    instruction shorter than that may also have to wait for a place in the drain's queue.
    """
    most = LATENCY + shape.pixels(1)
    cycles = [tile_cycles(tile) for tile in tiles(shape, f)]
    pieces_of_tile = shape.pixels(f["tall"]) * (1 if f["tall"] else shape.groups)
    return sum(cycles) >= most and min(cycles) >= max(pieces_of_tile, most / (shape.capture_tiles - 1))


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
    chunks = -(-run // shape.vector_length)
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

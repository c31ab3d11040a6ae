"""Kernel rows in padding: what is left out against the positions of each tile, one by one."""

from __future__ import annotations

import random
from itertools import product

import pytest

from dsf.geometry import Window
from dsf.kernel_rows import Lines, TileRows, lines_of


def draw(rng: random.Random) -> Lines:
    return Lines(
        columns=rng.randint(1, 9),
        rows=rng.randint(1, 9),
        images=rng.randint(1, 3),
        kernel_rows=rng.randint(1, 7),
        start=rng.randint(-12, 12),
        step=rng.randint(1, 4),
        dilation=rng.randint(1, 4),
        height=rng.randint(1, 9),
    )


def check(lines: Lines, tiles: list[list[tuple[int, int, int]]], rows: TileRows) -> None:
    """The rows of tiles, given as (image, row, column) of their positions."""
    assert len(rows.first) == len(rows.count) == len(tiles)
    for positions, first, count in zip(tiles, rows.first.tolist(), rows.count.tolist(), strict=True):
        ys = [lines.start + row * lines.step for _, row, _ in positions]
        lies = [[y + k * lines.dilation for y in ys] for k in range(lines.kernel_rows)]
        needed = [k for k, at in enumerate(lies) if any(0 <= y < lines.height for y in at)]
        assert count >= 1
        assert 0 <= first <= first + count <= lines.kernel_rows
        assert set(needed) <= set(range(first, first + count))
        # No more than that at either end: the first is not above the image, the last is not below it, unless it is alone.
        assert max(lies[first]) >= 0 or first == lines.kernel_rows - 1
        assert all(max(lies[k]) < 0 for k in range(first))
        assert count == 1 or min(lies[first + count - 1]) < lines.height
        assert all(min(lies[k]) >= lines.height for k in range(first + count, lines.kernel_rows))


@pytest.mark.parametrize("seed", range(100))
def test_tiles(seed: int) -> None:
    rng = random.Random(seed)
    lines, pixels = draw(rng), rng.randint(1, 30)
    positions = list(product(range(lines.images), range(lines.rows), range(lines.columns)))
    tiles = [positions[first : first + pixels] for first in range(0, len(positions), pixels)]
    check(lines, tiles, lines.tiles(pixels))
    assert lines.skips(pixels) == any(count < lines.kernel_rows for count in lines.tiles(pixels).count)
    touched = len({(image, row) for image, row, _ in tiles[0]})
    assert lines.searches(pixels)[0] == touched + lines.tiles(pixels).first[0]


@pytest.mark.parametrize("seed", range(100))
def test_through_banks(seed: int) -> None:
    """All kernel rows that a position needs, from one with which a bank begins; none that could be left out."""
    rng = random.Random(seed)
    lines, row_words, bank_words = draw(rng), rng.randint(1, 4), rng.randint(1, 8)
    first, count = lines.through_banks(row_words, bank_words)
    whole = lines.tiles(lines.images * lines.rows * lines.columns)
    needed, stop = int(whole.first[0]), int(whole.first[0] + whole.count[0])
    assert first <= needed and first + count == stop
    assert first * row_words % bank_words == 0
    assert all(row * row_words % bank_words for row in range(first + 1, needed + 1))


@pytest.mark.parametrize("seed", range(30))
def test_lines(seed: int) -> None:
    lines = draw(random.Random(seed))
    check(lines, [[(image, row, 0)] for image, row in product(range(lines.images), range(lines.rows))], lines.lines())


def test_of_a_window() -> None:
    # 18 rows, 11 kernel rows of stride 2: 4 rows of padding above. The lines of the third output row on start at y = 0.
    window = Window((11, 11), strides=(2, 1), padding=(4, 5, 5, 5))
    lines = lines_of(window, 18, first_row=0, rows=9, columns=18, images=1)
    assert lines.lines().first.tolist() == [4, 2, 0, 0, 0, 0, 0, 0, 0]
    assert lines.lines().count.tolist() == [7, 9, 11, 11, 11, 11, 10, 8, 6]
    assert lines_of(window, 18, 2, 7, 18, 1).start == 0
    # One row of 24 positions is 1 1/3 lines.
    assert lines.tiles(24).first.tolist() == [2, 0, 0, 0, 0, 0, 0]
    assert not lines_of(Window((3, 3), padding=(0, 0, 1, 1)), 5, 0, 3, 5, 1).skips(1)

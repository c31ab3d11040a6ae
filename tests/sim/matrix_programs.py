"""Random instructions for the matrix front of the shape that `test_matrix.py` has chosen."""

from __future__ import annotations

import json
import os
import random

from matrix_reference import Shape, depthwise_window, drain_keeps_up, skipping, window

from dsf.numerics import int_range

SHAPE = Shape(**json.loads(os.environ["DSF_SHAPE"]))


def draw_window(draw: random.Random, *, tall: int | None = None, busy: bool = False) -> dict[str, int]:
    """A random convolution that fits the memories; with `busy`, the drain does not hold it up."""
    low, high = int_range(SHAPE.bits_input)
    elements = SHAPE.feature_words * SHAPE.vector_length
    while True:
        kernel = draw.choice([(1, 1), (3, 3), (2, 2), (1, 3), (4, 1), (5, 3)])
        dilation = draw.choice([(1, 1), (1, 1), (2, 1), (1, 2), (2, 3)])
        channels = draw.choice([1, 2, 3, 5, 8, SHAPE.vector_length, SHAPE.vector_length + 1, 2 * SHAPE.vector_length + 3])
        size = (draw.randint(1, 9), draw.randint(1, 9))
        padding = tuple(draw.randint(0, k * d) for k, d in zip(kernel, dilation, strict=True) for _ in range(2))
        images = draw.choice([1, 1, 2, 3])
        tensor = images * size[0] * size[1] * channels
        if tensor > elements or any(
            s + sum(padding[2 * i : 2 * i + 2]) <= (kernel[i] - 1) * dilation[i] for i, s in enumerate(size)
        ):
            continue
        f = window(
            SHAPE,
            size=size,
            channels=channels,
            kernel=kernel,
            stride=(draw.randint(1, 3), draw.randint(1, 3)),
            dilation=dilation,
            padding=padding,  # type: ignore[arg-type]
            images=images,
            base=draw.randint(0, elements - tensor),
            pad_value=draw.randint(low, high),
            out_groups=draw.randint(1, 2 * SHAPE.groups + 1),
            tall=draw.randint(0, 1) if tall is None else tall,
        )
        if draw.random() < 0.5:
            f = skipping(f)
        if f["tall"]:
            f["weight_bank"] = draw.randrange(SHAPE.groups)
        words = f["weight_words"] * -(-(f["weight_bank"] + f["channel_groups"]) // SHAPE.groups)
        if words > SHAPE.weight_words or f["pixels"] * f["weight_words"] * f["channel_groups"] > 40_000:
            continue
        if busy and not drain_keeps_up(SHAPE, f):
            continue
        f["weight_address"] = draw.randint(0, SHAPE.weight_words - words)
        return f


def draw_depthwise(draw: random.Random, *, busy: bool = False) -> dict[str, int]:
    """A random depthwise convolution that fits the memories; with `busy`, the drain does not hold it up."""
    low, high = int_range(SHAPE.bits_input)
    elements = SHAPE.feature_words * SHAPE.vector_length
    while True:
        kernel = draw.choice([(1, 1), (3, 3), (3, 3), (2, 2), (1, 3), (4, 1), (5, 3), (2, 7)])
        channels = draw.choice([1, 2, SHAPE.lanes, SHAPE.lanes + 1, SHAPE.columns, 2 * SHAPE.columns + 1])
        size = (draw.randint(1, 12), draw.randint(1, 12))
        dilation = draw.choice([1, 1, 2])
        transposed = dilation == 1 and draw.random() < 0.5
        padding = tuple(draw.randint(0, k) for k in (kernel[0] * dilation, kernel[1]) for _ in range(2))
        images = draw.choice([1, 1, 2])
        tensor = images * size[0] * size[1] * channels
        extent = ((kernel[0] - 1) * dilation, kernel[1] - 1)
        if tensor > elements or any(size[i] + sum(padding[2 * i : 2 * i + 2]) <= extent[i] for i in range(2)):
            continue
        f = depthwise_window(
            SHAPE,
            size=size,
            channels=channels,
            kernel=kernel,
            stride=(draw.randint(1, 4), draw.randint(1, 4)),
            dilation=dilation,
            padding=padding,  # type: ignore[arg-type]
            images=images,
            base=draw.randint(0, elements - tensor),
            pad_value=draw.randint(low, high),
            transposed=transposed,
        )
        if draw.random() < 0.5:
            f = skipping(f)
        words = f["weight_words"] * -(-f["channel_groups"] // SHAPE.depthwise_groups)
        if words > SHAPE.weight_words or f["pixels"] * f["weight_words"] * f["channel_groups"] > 20_000:
            continue
        if busy and not drain_keeps_up(SHAPE, f):
            continue
        f["weight_address"] = draw.randint(0, SHAPE.weight_words - words)
        return f


def draw_tile(draw: random.Random, tall: int) -> dict[str, int]:
    """A random convolution of one tile of one pass, of several kernel rows."""
    size = draw.randint(1, 4), draw.randint(1, 4)
    most, taps = SHAPE.pixels(tall), draw.randint(2, 4)
    while size[0] * size[1] > most:
        size = draw.randint(1, 4), draw.randint(1, 4)
    return window(
        SHAPE,
        size=size,
        channels=draw.choice((1, 3, SHAPE.vector_length, SHAPE.reach, 2 * SHAPE.vector_length + 5)),
        kernel=(2 * taps - 1, 3),
        padding=(taps - 1, taps - 1, 1, 1),
        out_groups=1 if tall else draw.randint(1, SHAPE.groups),
        tall=tall,
        weight_address=draw.randint(0, 9),
        weight_bank=draw.randrange(SHAPE.groups) if tall else 0,
    )

"""
Weights with more bits than the engine's, as unsigned integers less a zero point have: they are sums of several that fit, and
what they are multiplied by is there as many times.

    x * w = x * clip(w) + x * (w - clip(w))

A convolution reads its input channels again, of those that need it; one in groups reads columns that are repeated, so that
every tap is several. A dense layer has its inputs again. It is exact, as all of it is one sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dsf.dialects.shapes import shape
from dsf.frontend.onnx.importer import Importer
from dsf.frontend.onnx.moving import concatenated, moved_wire
from dsf.frontend.onnx.values import (
    Enlargement,
    Part,
    QuantisedConstant,
    Sum,
    Wire,
    places_of_images,
    row_major,
    sizes_of,
)
from dsf.geometry import Window, span
from dsf.hardware import Hardware
from dsf.numerics import Ints, int_range

#: Widths of weights.
WIDTHS = (2, 4, 8)


def fitted(weights: QuantisedConstant, hardware: Hardware) -> tuple[int, list[Ints]]:
    """Bits of weights of the engine, at least those they were stored in, and integers of so many bits whose sum they are."""
    bits = max(weights.bits, hardware.bits_weights)
    for one in WIDTHS:
        if weights.bits <= one <= bits and _fits(weights.codes, one):
            return one, [weights.codes]
    parts: list[Ints] = []
    rest = weights.codes
    while bool(rest.any()):
        parts.append(np.clip(rest, *int_range(bits)))
        rest = rest - parts[-1]
    return bits, parts or [rest]


def negated(importer: Importer, pending: Sum, signs: Ints) -> Sum:
    """A sum whose weights of each output channel are multiplied by 1, -1 or 0: the lowest number has no negative one."""
    return with_weights(importer, pending, pending.weights * signs)


def with_weights(importer: Importer, pending: Sum, weights: Ints) -> Sum:
    """A sum with other weights, of as many bits as they need."""
    bits, parts = fitted(QuantisedConstant(weights, np.ones(1), None, pending.bits), importer.hardware)
    if len(parts) == 1:
        return replace(pending, weights=parts[0], bits=bits)
    name, window, groups = pending.name, pending.window, pending.groups
    sizes = shape(pending.x)
    if window is None:
        x, weights = repeat_inputs(importer, Wire(pending.x, pending.x_grid, row_major(sizes)), parts, name)
        return replace(pending, x=x.value, weights=weights, bits=bits)
    images = Wire(pending.x, pending.x_grid, places_of_images(sizes, 4))
    if groups > 1 and not isinstance(window, Window):
        parts, groups = [ungrouped(one, groups) for one in parts], 1
    parts = [one.transpose(3, 2, 0, 1) for one in parts]
    if groups > 1 and isinstance(window, Window):
        x, weights, window = repeat_columns(importer, images, parts, window, name)
    else:
        x, weights = repeat_channels(importer, images, parts, name)
    return replace(pending, x=x.value, weights=weights.transpose(2, 3, 1, 0), bits=bits, window=window, groups=groups)


def ungrouped(weights: Ints, groups: int) -> Ints:
    """Weights (..., CI / groups, CO) in groups as those (..., CI, CO) without: each reads the others' inputs times 0."""
    if groups == 1:
        return weights
    *kernel, inputs, outputs = weights.shape
    whole = np.zeros((*kernel, groups, inputs, outputs), dtype=np.int64)
    each = outputs // groups
    for group in range(groups):
        part = slice(group * each, (group + 1) * each)
        whole[..., group, :, part] = weights[..., part]
    return whole.reshape(*kernel, groups * inputs, outputs)


def _fits(codes: Ints, bits: int) -> bool:
    low, high = int_range(bits)
    return bool((codes >= low).all() and (codes <= high).all())


def repeat_channels(importer: Importer, x: Wire, parts: Sequence[Ints], name: str) -> tuple[Wire, Ints]:
    """
    Images, and behind their channels again those for which there is more than one part; and weights (CO, CI, KH, KW) for all of
    them.
    """

    _, height, width, channels = sizes_of(x)
    wires, weights = [x], [parts[0]]
    for part in parts[1:]:
        used = np.flatnonzero(part.any(axis=(0, 2, 3)))
        first, stop = int(used[0]), int(used[-1]) + 1
        weights.append(part[:, first:stop])
        whole = stop - first == channels
        more = Part((0, 0, first), (height, width, stop - first))
        wires.append(x if whole else moved_wire(importer, x, [more], name))
    return concatenated(importer, wires, 1, name), np.concatenate(weights, axis=1)


def repeat_columns(importer: Importer, x: Wire, parts: Sequence[Ints], window: Window, name: str) -> tuple[Wire, Ints, Window]:
    """Images whose columns are there once for each part; weights (CO, CI / groups, KH, KW) and the window over them."""

    count, step = len(parts), window.dilation[1]
    height, wide = window.kernel[0], span(window.kernel[1], step)
    weights = np.zeros((*parts[0].shape[:2], height, count * wide), dtype=np.int64)
    for index, part in enumerate(parts):
        weights[..., index :: count * step] = part
    top, bottom, left, right = window.padding
    over = Window(
        (height, count * wide),
        (window.strides[0], count * window.strides[1]),
        (top, bottom, count * left, count * right),
        (window.dilation[0], 1),
    )
    return moved_wire(importer, x, [Enlargement((1, count))], name), weights, over


def repeat_inputs(importer: Importer, x: Wire, parts: Sequence[Ints], name: str) -> tuple[Wire, Ints]:
    """Rows whose numbers are there once for each part, and weights (K, CO) for all of them."""

    return concatenated(importer, [x] * len(parts), 1, name), np.concatenate(parts)

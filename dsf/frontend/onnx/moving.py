"""Images that are moved, bordered with zeros, or put together along an axis: what several handlers do with tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import SSAValue

from dsf.dialects.bundle import Grid, TransposeOp
from dsf.dialects.shapes import shape
from dsf.frontend.onnx.blocks import as_blocks
from dsf.frontend.onnx.operands import engine_shape, images_of, lifted
from dsf.frontend.onnx.rounding import (
    CHANNELS,
    COLUMNS,
    NUMBERS,
    ROWS,
    join,
    move,
    pending_of,
    quantise,
    reshaped,
    with_last,
)
from dsf.frontend.onnx.values import (
    MAX_ELEMENTS,
    UNIT_BITS,
    Border,
    Enlargement,
    Joined,
    Move,
    Padded,
    Part,
    Places,
    Real,
    State,
    Sum,
    UnsupportedError,
    Wire,
    is_images,
    places_of_images,
    row_major,
    sizes_of,
)
from dsf.geometry import Window
from dsf.numerics import Floats, Ints

if TYPE_CHECKING:
    from dsf.frontend.onnx.importer import Importer


def size_after(one: Move, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape (N, H, W, C) of images after a move. Raises `UnsupportedError` if there would be none, or too many elements."""
    batch, height, width, channels = sizes
    match one:
        case Window():
            return engine_shape(one, batch, height, width, channels)
        case Part():
            found = (batch, *one.size)
        case Border():
            top, bottom, left, right = one.padding
            found = (batch, height + top + bottom, width + left + right, channels)
        case Enlargement():
            found = (batch, height * one.factors[0], width * one.factors[1], channels)
    if prod(found) > MAX_ELEMENTS:
        raise UnsupportedError(f"a result of {'x'.join(map(str, found))}", f"at most {MAX_ELEMENTS} elements", "use less")
    return found


def moved(importer: Importer, x: Real, moves: Sequence[Move], name: str) -> Real:
    """Images after moves: those of the engine at once, others when they are rounded."""
    if isinstance(x, Wire):
        return moved_wire(importer, x, moves, name)
    sizes = _sizes_after(x, moves)
    pending = pending_of(x, name)
    places = places_of_images(sizes, len(x.shape))
    return replace(pending, places=places, shape_of_engine=sizes, moves=(*pending.moves, *moves))


def moved_wire(importer: Importer, x: Wire, moves: Sequence[Move], name: str) -> Wire:
    """Images of the engine after moves."""
    places = places_of_images(_sizes_after(x, moves), len(x.shape))
    return replace(x, value=move(importer, images_of(lifted(x)), moves, name), places=places)


def _sizes_after(x: Real, moves: Sequence[Move]) -> tuple[int, ...]:
    if not is_images(x):
        raise UnsupportedError(
            "an operand whose axes were moved",
            "images (N, C, H, W), as convolutions leave them",
            "move the Transpose or Reshape to the input or the end of the network",
        )
    sizes = sizes_of(x)
    for one in moves:
        sizes = size_after(one, sizes)
    return sizes


def is_on(grid: Grid, value: float) -> bool:
    """Whether a number is one of a grid, but for what float32 leaves of it."""
    nearest = float(grid.to_reals(grid.to_integers(np.array(value))))
    return abs(nearest - value) <= 2.0**-20 * abs(value)


def bordered(importer: Importer, state: Padded, name: str) -> State:
    """Images whose margin of zeros no convolution adds. Raises `UnsupportedError` where their grid has no 0."""
    if not is_on(state.wire.grid, 0.0):
        has = f"a border of 0 around images on the grid {state.wire.grid}"
        raise UnsupportedError(has, "one of their own numbers, or a Conv after it", "pad with such, or in the Conv")
    return moved(importer, state.wire, [Border(state.margin, 0.0)], name)


def concatenated(importer: Importer, wires: Sequence[Wire], axis: int, name: str) -> Wire:
    """Tensors of one grid along an axis of ONNX's."""
    together = joined(wires, axis, name)
    first = next((one for one in wires if not one.stand_in), wires[0])
    if any(one.stand_in for one in wires):
        return Wire.standing_in(together.shape, first.grid, codes=first.codes, offset=first.offset)
    return replace(first, value=join(importer, [one.value for one in wires], together.axis, name), places=together.places)


def joined(parts: Sequence[Real], axis: int, name: str) -> Joined:
    """Where the elements of tensors joined along an axis of ONNX's lie in the engine's."""
    rank = len(parts[0].shape)
    if rank > 2 and axis > 1 and all(is_images(one) for one in parts):
        along = ROWS if axis == 2 and rank == 4 else COLUMNS
        sizes = list(sizes_of(parts[0]))
        sizes[along] = sum(sizes_of(one)[along] for one in parts)
        return Joined(places_of_images(tuple(sizes), rank), tuple(sizes), name, parts=tuple(parts), axis=along)
    engine = [sizes_of(one) for one in parts]
    if len({one[:3] for one in engine}) > 1 or len(engine[0]) != 4:
        engine = [(one[0], prod(one[1:])) for one in engine]
    if len({one[:-1] for one in engine}) > 1:
        raise UnsupportedError("operands of several batches of the engine's", "one batch", "reshape to the batch first")
    sizes = (*engine[0][:-1], sum(one[-1] for one in engine))
    if prod(sizes) > MAX_ELEMENTS:
        raise UnsupportedError(f"a result of {sizes}", f"at most {MAX_ELEMENTS} elements", "join smaller tensors")
    first = 0
    found: list[Places] = []
    for one, part in zip(engine, parts, strict=True):
        pixel, channel = np.divmod(part.places, one[-1])
        found.append(pixel * sizes[-1] + first + channel)
        first += one[-1]
    return Joined(np.concatenate(found, axis), sizes, name, parts=tuple(parts), axis=CHANNELS if len(sizes) == 4 else NUMBERS)


def as_images(importer: Importer, x: Wire, name: str) -> Wire:
    """
    A tensor whose axes were exchanged, and of which perhaps a part was taken, that was reshaped, or of which channels were
    chosen, as images: the engine does that. Any other as it is.
    """
    if x.stand_in or is_images(x):
        return x
    taken = _taken(x)
    if taken is None:
        return _as_reshaped_images(importer, x, name)
    order, (rows, columns, channels) = taken
    value = x.value
    if channels.step != 1:
        # Every second channel is taken as every second row.
        value = _exchanged(importer, value, order[::-1], name)
        whole = range(shape(value)[2]), range(shape(value)[3])
        value = move(importer, value, every(channels, *whole, shape(value)), name)
        order, channels = (2, 1, 0), range(len(channels))
    value = _exchanged(importer, value, order, name)
    value = move(importer, value, every(rows, columns, channels, shape(value)), name)
    return replace(x, value=value, places=places_of_images(shape(value), len(x.shape)))


def _as_reshaped_images(importer: Importer, x: Wire, name: str) -> Wire:
    """A tensor of another shape than the engine's, of other channels, or of blocks, as images; any other as it is."""
    stored = _stored(x)
    if stored is not None:
        sizes, order = stored
        value = _exchanged(importer, reshaped(importer, x.value, sizes, name), order, name)
        return replace(x, value=value, places=places_of_images(shape(value), len(x.shape)))
    chosen = chosen_channels(x)
    if chosen is None:
        return as_blocks(importer, x, name) or x
    weights = np.zeros((shape(x.value)[3], chosen.size), dtype=np.int64)
    weights[chosen, np.arange(chosen.size)] = 1
    pending = selection(x, weights, np.zeros(chosen.size), name)
    return replace(quantise(importer, pending, x.grid, x.offset, name), codes=x.codes)


def _channels_last(x: Wire) -> Places:
    """The places of a tensor (N, C, H, W) or (N, C, L) as (N, H, W, C)."""
    return np.moveaxis(x.places if len(x.shape) == 4 else x.places[:, :, None], 1, -1)


def _stored(x: Wire) -> tuple[tuple[int, int, int, int], tuple[int, ...]] | None:
    """
    The shape as which all of the engine's tensor has an axis for each one (rows, columns, channels) of a tensor (N, C, H, W) or
    (N, C, L), and the permutation that brings them into this order; `None` if there is none.
    """
    if len(x.shape) not in (3, 4) or x.places.size != prod(shape(x.value)) or x.shape[0] != shape(x.value)[0]:
        return None
    last = _channels_last(x)
    for stored in permutations(range(3)):
        sizes = last.shape[0], *(last.shape[1 + axis] for axis in stored)
        order = tuple(stored.index(axis) for axis in range(3))
        if np.array_equal(row_major(sizes).transpose(0, *(1 + axis for axis in order)), last):
            return sizes, order
    return None


def chosen_channels(x: Wire) -> Ints | None:
    """Which of the engine's channels a tensor (N, C, H, W) or (N, C, L) has, if it has them of all pixels in their order."""
    sizes = shape(x.value)
    if x.stand_in or len(x.shape) not in (3, 4) or len(sizes) != 4:
        return None
    pixels, channels = np.divmod(_channels_last(x), sizes[3])
    if pixels.shape[:3] != sizes[:3] or not np.array_equal(pixels[..., 0], row_major(sizes[:3])):
        return None
    chosen = channels[0, 0, 0]
    return chosen if bool((pixels == pixels[..., :1]).all() and (channels == chosen).all()) else None


def whole_images(x: Wire) -> Wire:
    """All of the engine's images, of which `x` has some channels."""
    return replace(x, places=places_of_images(shape(x.value), len(x.shape)))


def selection(x: Wire, weights: Ints, bias: Floats, name: str) -> Sum:
    """The engine's channels times weights (CI, CO) of 0 and 1, and a bias: a convolution of one tap."""
    batch, height, width, _ = shape(x.value)
    outputs = weights.shape[1]
    sizes = engine_shape(Window((1, 1)), batch, height, width, outputs)
    return Sum(
        places_of_images(sizes, len(x.shape)),
        sizes,
        name,
        x=x.value,
        x_grid=x.grid,
        weights=weights[None, None],
        bits=UNIT_BITS,
        scales=x.grid.unit * np.ones(outputs),
        bias=bias,
        window=Window((1, 1)),
    )


def expanded(importer: Importer, x: Wire, sizes: tuple[int, ...], name: str) -> Wire:
    """
    Images (N, C, H, W) or (N, C, L) whose axes of one element are repeated. Raises `UnsupportedError` for what are none, or of
    another batch.
    """
    if len(sizes) not in (3, 4) or len(x.shape) != len(sizes) or x.shape[0] != sizes[0]:
        has = f"an operand of shape {x.shape} for one of {sizes}"
        raise UnsupportedError(has, "images of the same batch and as many axes", "expand it before, or make it a constant")
    x = as_images(importer, x, name)
    if x.shape[1] < sizes[1]:
        images_of(lifted(x))
        pending = selection(x, np.ones((1, sizes[1]), dtype=np.int64), np.zeros(sizes[1]), name)
        x = replace(quantise(importer, pending, x.grid, x.offset, name), codes=x.codes)
    rows, columns = (1, *sizes[2:])[-2:]
    factors = (rows // (1, *x.shape[2:])[-2], columns // x.shape[-1])
    return x if factors == (1, 1) else moved_wire(importer, x, [Enlargement(factors)], name)


def turned_wire(importer: Importer, x: Wire, order: tuple[int, int, int], name: str) -> Wire:
    """A tensor whose axes in the engine (1 rows, 2 columns, 3 channels) are brought into this order."""
    value = _exchanged(importer, x.value, tuple(axis - 1 for axis in order), name)
    before = np.unravel_index(x.places, shape(x.value))
    return replace(x, value=value, places=np.ravel_multi_index([before[axis] for axis in (0, *order)], shape(value)))


def with_last_axis(importer: Importer, x: Wire, name: str) -> Wire | None:
    """
    A tensor whose last axis, in ONNX, is the channels of the engine's, all of them: other axes are exchanged with these, and
    what is several axes of the engine's, such as the pixels of an image, or part of one, is an axis of the same elements in
    another shape. `None` if its elements do not lie equally far from each other.
    """
    inputs, (batch, *sizes) = x.shape[-1], shape(x.value)
    first, each = x.places[..., :1], prod(sizes)
    step = int(np.ravel(x.places)[1] - np.ravel(x.places)[0]) if inputs > 1 else 1
    if step < 1 or each % (inputs * step):
        return None
    # As one of (blocks, inputs, step).
    along = np.arange(inputs)
    if not np.array_equal(first + step * along, x.places) or not bool((first // step % inputs == 0).all()):
        return None
    before = next((axis for axis, size in enumerate(sizes) if size == inputs and prod(sizes[axis + 1 :]) == step), None)
    if len(sizes) == 3 and before is not None:
        return with_last(importer, x, 1 + before, name)
    blocks = each // (inputs * step)
    shaped = (batch, blocks, inputs, step) if step > 1 else (batch, *_as_image(blocks, sizes), inputs)
    return with_last(importer, replace(x, value=reshaped(importer, x.value, shaped, name)), 2 if step > 1 else 3, name)


def _as_image(pixels: int, sizes: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of so many pixels, with as many rows as there were if that can be."""
    rows = sizes[0] if pixels % sizes[0] == 0 else 1
    return rows, pixels // rows


def _exchanged(importer: Importer, value: SSAValue, order: tuple[int, ...], name: str) -> SSAValue:
    """Images with their axes (rows, columns, channels) in another order."""
    if order == (0, 1, 2):
        return value
    op = TransposeOp(value, order)
    importer.insert(op, name)
    return op.output


def _taken(x: Wire) -> tuple[tuple[int, ...], list[range]] | None:
    """
    Which of the engine's axes (rows, columns, channels) those of a tensor (N, C, H, W) or (N, C, L) are, and which indices of
    each it has; `None` if it is made in another way.
    """
    sizes = shape(x.value)
    if len(x.shape) not in (3, 4) or len(sizes) != 4 or x.shape[0] != sizes[0]:
        return None
    last = _channels_last(x)
    indices = np.unravel_index(last, sizes)
    for order in permutations(range(3)):
        spans = [_span(np.moveaxis(indices[axis + 1], place + 1, 0)[:, 0, 0, 0]) for place, axis in enumerate(order)]
        inside = all(one and one[-1] < sizes[axis + 1] for one, axis in zip(spans, order, strict=True))
        if inside:
            whole = row_major(sizes).transpose(0, *(axis + 1 for axis in order))
            if np.array_equal(whole[np.ix_(np.arange(sizes[0]), *(np.array(one) for one in spans))], last):
                return order, spans
    return None


def _span(indices: Ints) -> range:
    """The indices that equally many lie between, beginning as these do; none if they fall."""
    step = int(indices[1] - indices[0]) if len(indices) > 1 else 1
    first = int(indices[0])
    return range(first, first + step * len(indices), step) if step > 0 else range(0)


def every(rows: range, columns: range, channels: range, sizes: tuple[int, ...]) -> list[Move]:
    """The moves that leave these rows, columns and channels."""
    first = (rows[0], columns[0], channels[0])
    size = (rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1, len(channels))
    strides = (rows.step, columns.step)
    moves: list[Move] = [] if (*size,) == sizes[1:] else [Part(first, size)]
    # The maximum of a single element.
    return [*moves, Window((1, 1), strides)] if strides != (1, 1) else moves

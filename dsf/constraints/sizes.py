"""Constraints on sizes: kernels, channels, images, memories, and the fields of instructions."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from xdsl.dialects import func
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation

from dsf.constraints.layers import CONVOLUTIONS, MOVES, Problems, is_last, name_of, source_of
from dsf.dialects import bundle
from dsf.dialects.engine import MAX_BYTES
from dsf.dialects.shapes import as_text, shape
from dsf.geometry import Window
from dsf.hardware import Hardware
from dsf.isa.checks import POOL_WINDOW_BITS, window_bits
from dsf.isa.table import MATRIX, VECTOR, Instruction
from dsf.transposed import Phase


def kernel_size(op: Operation, hardware: Hardware) -> Problems:
    """The kernel of a convolution is at most `max_kernel_size` in each direction."""
    if not isinstance(op, CONVOLUTIONS):
        return
    kernel, most = (op.weights.get_shape()[0], op.weights.get_shape()[1]), hardware.max_kernel_size
    if kernel[0] > most[0] or kernel[1] > most[1]:
        yield (
            f"{name_of(op)}: a kernel of {as_text(kernel)}, needs at most {as_text(most)}; "
            f"use a smaller kernel or Hardware(max_kernel_size={_larger(most, kernel)})"
        )


def channels(op: Operation, hardware: Hardware) -> Problems:
    """A convolution has at most `max_channels_in` input channels, a core at most `max_channels_out` output channels."""
    if isinstance(op, CONVOLUTIONS) and shape(op.input)[-1] > hardware.max_channels_in:
        count = shape(op.input)[-1]
        yield (
            f"{name_of(op)}: {count} input channels, needs at most {hardware.max_channels_in}; "
            f"use fewer filters before it or Hardware(max_channels_in={count})"
        )
    if isinstance(op, bundle.CoreOp) and op.channels_out > hardware.max_channels_out:
        yield (
            f"{name_of(op)}: {op.channels_out} output channels, needs at most {hardware.max_channels_out}; "
            f"use fewer filters or Hardware(max_channels_out={op.channels_out})"
        )


def image_size(op: Operation, hardware: Hardware) -> Problems:
    """The images that go into and come out of convolutions, poolings and moves are at most `max_image_size`."""
    if not isinstance(op, CONVOLUTIONS | bundle.PoolOp | MOVES):
        return
    most = hardware.max_image_size
    named = [("input", value) for value in op.operands] + [("output", value) for value in op.results]
    for what, value in named:
        # A row (N, K) is an image of one pixel.
        _, height, width, _ = shape(value) if len(shape(value)) == 4 else (1, 1, 1, 1)
        if height > most[0] or width > most[1]:
            yield (
                f"{name_of(op)}: an {what} image of {height}x{width}, needs at most {as_text(most)}; "
                f"use smaller images or Hardware(max_image_size={_larger(most, (height, width))})"
            )


def _larger(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return max(a[0], b[0]), max(a[1], b[1])


def weight_memory(op: Operation, hardware: Hardware) -> Problems:
    """
    The weights of one channel group, KH * KW * CI / groups words, fit into weight memory; or a row of the result is no wider
    than G * R, so that the sums stay in the array while weights come in parts, of whole input channels.
    """
    if not isinstance(op, bundle.CoreOp):
        return
    inputs, taps, width = op.weights.get_shape()[-2], 1, 1
    if isinstance(op, CONVOLUTIONS):
        taps = max(prod(window.kernel) for window in windows_of(op))
        width = shape(op.output)[2]
    if isinstance(op, bundle.ConvTransposeOp):
        # Each phase makes some of the columns.
        width = -(-width // op.window.window.strides[1])
    words = inputs * taps
    most = hardware.weight_words * hardware.column_groups
    in_parts = width <= hardware.pixels_tall and taps <= hardware.weight_words
    if words > most and not in_parts:
        needed = hardware.weight_bytes(-(-words // hardware.column_groups))
        yield (
            f"{name_of(op)}: {words} weights per output channel, needs at most {most} in "
            f"{hardware.weight_memory} bytes of weight memory; use Hardware(weight_memory={needed}), or pool before the layer"
        )


def instruction_fields(op: Operation, hardware: Hardware) -> Problems:
    """
    Sizes, strides and padding of a convolution or pooling, and images of a layer of single elements, fit the fields of its
    instruction; a batch is cut to fit.
    """
    if isinstance(op, bundle.FunctionOp | bundle.AddOp | bundle.MultiplyOp | MOVES):
        yield from _elements(op)
    if isinstance(op, bundle.TransposeOp):
        yield from _transposed(op)
    if not isinstance(op, CONVOLUTIONS | bundle.PoolOp):
        return
    if isinstance(op, bundle.ConvTransposeOp):
        yield from _unreached(op)
    for window in windows_of(op):
        yield from _window_fields(op, window, hardware)


def windows_of(op: CONVOLUTIONS | bundle.PoolOp) -> list[Window]:
    """
    The windows with which the engine computes a layer: one, but of a transposed convolution one for each phase. Where a phase
    without taps begins is left out: see `_unreached`.
    """
    if isinstance(op, bundle.ConvTransposeOp):
        return [replace(one.window, padding=(0, 0, 0, 0)) if one.is_empty else one.window for one in _phases(op)]
    return [op.window]


def _phases(op: bundle.ConvTransposeOp) -> list[Phase]:
    _, height, width, _ = shape(op.input)
    return op.window.phases(height, width)


def _unreached(op: bundle.ConvTransposeOp) -> Problems:
    """The window of positions that no tap reaches begins as far before the image as there are of them, to lie in padding."""
    limits = _limits(MATRIX)
    most = -limits["y_start"][0], -limits["x_start"][0] // shape(op.input)[-1]
    for phase in _phases(op):
        for what, count, limit in zip(("rows", "columns"), phase.image, most, strict=True):
            if phase.is_empty and count > limit:
                has = f"a result with {count} {what} that no tap of the kernel reaches"
                yield f"{name_of(op)}: {has}, needs at most {limit}; use smaller images or strides"


def _window_fields(op: CONVOLUTIONS | bundle.PoolOp, window: Window, hardware: Hardware) -> Problems:
    _, _, width, inputs = shape(op.input)
    top, _, left, _ = window.padding
    values = {
        "row_elements": (width * inputs, "an image row of {} elements"),
        "x_step": (window.strides[1] * inputs, "a horizontal stride of {} elements"),
        "y_step": (window.strides[0], "a vertical stride of {} rows"),
        "x_start": (-left * inputs, "the first window at element {} of a row"),
        "y_start": (-top, "the first window at row {}"),
        "kernel_rows": (window.kernel[0], "a window of {} rows"),
    }
    if isinstance(op, CONVOLUTIONS):
        values |= {
            "y_dilation": (window.dilation[0], "a vertical dilation of {} rows"),
            "run_step": (window.dilation[1] * inputs, "a horizontal dilation of {} elements"),
        }
        if isinstance(op, bundle.ConvTransposeOp):
            channels = op.channels_out * (hardware.raw_elements if is_last(op) else 1)
            steps = "results {} elements apart"
            values |= {"dst_pixel_step": (op.window.window.strides[1] * channels, steps)}
        instruction = MATRIX
    else:
        values |= {"kernel_columns": (window.kernel[1], "a window of {} columns"), "channels": (inputs, "{} channels")}
        instruction = VECTOR
    yield from _in_fields(op, instruction, values)


def _elements(op: Operation) -> Problems:
    for value in (*op.operands, *op.results):
        *image, channels = shape(value)
        width = image[-1] if len(image) == 3 else 1
        values = {"row_elements": (width * channels, "an image row of {} elements"), "channels": (channels, "{} channels")}
        yield from _in_fields(op, VECTOR, values)


def _transposed(op: bundle.TransposeOp) -> Problems:
    """How far columns and channels of the input lie apart in the result."""
    _, _, width, channels = shape(op.output)
    apart = (width * channels, channels, 1)
    _, column, channel = (apart[op.order.index(axis)] for axis in range(3))
    values = {
        "dst_pixel_step": (column, "columns that come to lie {} elements apart"),
        "dst_channel_step": (channel, "channels that come to lie {} elements apart"),
    }
    yield from _in_fields(op, VECTOR, values)


def _in_fields(op: Operation, instruction: Instruction, values: dict[str, tuple[int, str]]) -> Problems:
    """Values that the fields of an instruction can't hold, each with its text."""
    limits = _limits(instruction)
    for field, (value, text) in values.items():
        low, high = limits[field]
        if not low <= value <= high:
            has = text.format(value)
            yield f"{name_of(op)}: {has}, needs {low} to {high}, as its instruction field '{field}'; use a smaller layer"


def pool_window(op: Operation, hardware: Hardware) -> Problems:
    """The numbers of rows and of columns of a pooling window have at most `POOL_WINDOW_BITS` bits together."""
    if not isinstance(op, bundle.PoolOp):
        return
    kernel = op.window.kernel
    bits = window_bits(*kernel)
    if bits > POOL_WINDOW_BITS:
        yield (
            f"{name_of(op)}: a window of {as_text(kernel)}, {bits} bits for rows and columns, needs at most {POOL_WINDOW_BITS} "
            f"(as 255x255 has); pool in two steps"
        )


def _limits(instruction: Instruction) -> dict[str, tuple[int, int]]:
    return {field.name: (field.low, field.high) for field in instruction.all_fields}


def whole_bytes(op: Operation, hardware: Hardware) -> Problems:
    """In a batch, every image of the network's input and quantised output begins at a byte of DRAM."""
    if not isinstance(op, func.FuncOp):
        return
    returned = op.get_return_op()
    values = {"input": list(op.args), "output": [] if returned is None else [source_of(one) for one in returned.operands]}
    for what, one in ((what, one) for what, several in values.items() for one in several):
        if isinstance(one.owner, bundle.CoreOp | bundle.SoftmaxOp):
            continue
        batch, *image = shape(one)
        bits = prod(image) * hardware.bits_input
        if batch > 1 and bits % 8 != 0:
            yield (
                f"'{what}': images of {as_text(image)} elements, {bits} bits each, needs whole bytes for a batch of {batch}; "
                f"use batch 1 or a number of channels that fills bytes"
            )


def addresses(op: Operation, hardware: Hardware) -> Problems:
    """A network's input and its output lie within the bytes that a base register and an offset reach."""
    if not isinstance(op, func.FuncOp):
        return
    for what, kinds in (("input", op.function_type.inputs), ("output", op.function_type.outputs)):
        for kind in kinds:
            # A raw sum takes 32 bits, whatever the elements.
            size = prod(kind.get_shape()) * 4 if isinstance(kind, TensorType) else 0
            if size > MAX_BYTES:
                yield f"'{what}': {size} bytes with 4 for a number, needs at most {MAX_BYTES}; use a smaller batch"

"""
What the engine can do, as one function per constraint: its docstring is the rule, its result what breaks it.

A constraint takes a layer (an operation of the `bundle` dialect) and the hardware, and yields sentences of the form
`'<bundle>': <what it has>, needs <what>; <what to change>`. `problems_of` collects those of a whole module, so that the
user sees all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import inf, prod

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import BlockArgument, Operation, SSAValue

from dsf import numerics
from dsf.dialects import bundle
from dsf.dialects.bundle_group import LETTERS
from dsf.dialects.bundle_scales import gains, has_free_scale
from dsf.dialects.engine import MAX_BYTES, hardware_of
from dsf.dialects.functions import function_problems
from dsf.dialects.integers import MAX_BIAS_SHIFT, MAX_POOL_SHIFT
from dsf.dialects.shapes import as_text, element, shape
from dsf.geometry import Window
from dsf.hardware import Hardware
from dsf.isa.checks import POOL_WINDOW_BITS, window_bits
from dsf.isa.table import MATRIX, VECTOR, Instruction
from dsf.numerics import MULTIPLIER_BITS
from dsf.transforms.locations import location_name
from dsf.transposed import Phase, phase_weights

#: Cores whose windows move over images.
CONVOLUTIONS = bundle.ConvOp | bundle.ConvTransposeOp
#: Layers that only move elements.
MOVES = bundle.ConcatOp | bundle.SliceOp | bundle.PadOp | bundle.ResizeOp | bundle.TransposeOp
#: Layers that round.
ROUNDED = bundle.ActivationOp | bundle.FunctionOp | bundle.AddOp | bundle.MultiplyOp | bundle.PoolOp

Problems = Iterator[str]
Constraint = Callable[[Operation, Hardware], Problems]


def problems_of_layers(layers: Iterable[Operation], hardware: Hardware) -> list[str]:
    """What the engine can't do of layers that are not a whole network yet: their sizes, widths and scales."""
    found = [problem for op in layers for constraint in LAYER_CONSTRAINTS for problem in constraint(op, hardware)]
    return list(dict.fromkeys(found))


def problems_of(module: ModuleOp, *, weights: bool = True) -> list[str]:
    """
    Everything in a module of the `bundle` level that its `engine.hardware` can't do, in program order, each once; without
    `weights` only what holds whatever they are.

    Raises `ModelError` if the module names no hardware.
    """
    hardware = hardware_of(module)
    constraints = [one for one in CONSTRAINTS if weights or one not in OF_WEIGHTS]
    found = [problem for op in module.walk() for constraint in constraints for problem in constraint(op, hardware)]
    return list(dict.fromkeys(found))


def bundle_of(op: Operation) -> str | None:
    """The name of the bundle that `op` is, or is in; outside of bundles that of its location."""
    holder: Operation | None = op
    while holder is not None and not isinstance(holder, func.FuncOp):
        if isinstance(holder, bundle.BundleOp):
            return holder.label.data
        holder = holder.parent_op()
    return location_name(op)


def name_of(op: Operation) -> str:
    """How messages name `op`: by its bundle, or else by its kind."""
    return f"'{bundle_of(op) or op.name}'"


def users_of(value: SSAValue, *, behind_flatten: bool = False) -> list[Operation]:
    """The layers that use `value`, also outside its bundle, and if asked behind a flatten instead of it."""
    users: list[Operation] = []
    for use in value.uses:
        user = use.operation
        parent = user.parent_op()
        if isinstance(user, bundle.YieldOp) and isinstance(parent, bundle.BundleOp):
            users += users_of(parent.output, behind_flatten=behind_flatten)
        elif isinstance(user, bundle.FlattenOp) and behind_flatten:
            users += users_of(user.output, behind_flatten=True)
        else:
            users.append(user)
    return users


def is_last(core: bundle.CoreOp) -> bool:
    """Whether the sum of `core` is the result of the network: the function's, or what its softmax is computed from."""
    users = users_of(core.output, behind_flatten=True)
    return len(users) == 1 and isinstance(users[0], bundle.SoftmaxOp | func.ReturnOp)


def source_of(value: SSAValue) -> SSAValue:
    """The value behind the results of bundles and flattens."""
    owner = value.owner
    if isinstance(owner, bundle.BundleOp):
        return source_of(owner.yielded)
    if isinstance(owner, bundle.FlattenOp):
        return source_of(owner.input)
    return value


def _returned(function: func.FuncOp) -> list[SSAValue]:
    """The values behind what a function returns, also behind the softmax of the host."""
    returned = function.get_return_op()
    sources = [] if returned is None else [source_of(one) for one in returned.operands]
    return [source_of(one.owner.input) if isinstance(one.owner, bundle.SoftmaxOp) else one for one in sources]


# The network.


def one_network(op: Operation, hardware: Hardware) -> Problems:
    """A module holds one function, with one tensor in, one out, and at least one layer between."""
    if not isinstance(op, ModuleOp):
        return
    functions = [one for one in op.ops if isinstance(one, func.FuncOp)]
    if len(functions) != 1:
        yield f"'module': {len(functions)} functions, needs one, @main; split the module"
        return
    yield from function_problems(functions[0])
    if not any(isinstance(one, bundle.CoreOp | ROUNDED | MOVES) for one in op.walk()):
        yield f"'{functions[0].sym_name.data}': no layer, needs at least one; add a Bundle"
    elif any(isinstance(one, BlockArgument) for one in _returned(functions[0])):
        yield f"'{functions[0].sym_name.data}': returns its input, needs the result of a layer; return the last layer's"


def result_is_used(op: Operation, hardware: Hardware) -> Problems:
    """Every layer leads to the result of the network; for a core, `sum_is_quantised` says it."""
    if not isinstance(op, ROUNDED | MOVES):
        return
    if not users_of(op.output, behind_flatten=True):
        yield f"{name_of(op)}: a result that nothing uses, needs a layer after it or to be the output; remove the layer"


def known_layer(op: Operation, hardware: Hardware) -> Problems:
    """Every operation of a network is one of the `bundle` dialect."""
    known = isinstance(op, bundle.BundleOp | bundle.YieldOp | func.ReturnOp) or op.name in LETTERS
    if isinstance(op.parent_op(), func.FuncOp | bundle.BundleOp) and not known:
        yield f"{name_of(op)}: a {op.name}, needs layers of the bundle dialect only; express it by them"


def sum_is_quantised(op: Operation, hardware: Hardware) -> Problems:
    """The sum of a core goes into one activation, or is the result of the network (raw logits, or those of a softmax)."""
    if not isinstance(op, bundle.CoreOp):
        return
    users = users_of(op.output)
    if is_last(op) or (len(users) == 1 and isinstance(users[0], bundle.ActivationOp | bundle.BatchNormOp)):
        return
    kinds = ", ".join(sorted(user.name for user in users)) or "nothing"
    yield (
        f"{name_of(op)}: a sum used by {kinds}, needs one activation after it unless it is the last layer; "
        f"add activation=QLeakyReLu(...) or QIdentity(...)"
    )


def softmax_is_last(op: Operation, hardware: Hardware) -> Problems:
    """A softmax is the end of the network: the host computes it, of fixed-point numbers."""
    if not isinstance(op, bundle.SoftmaxOp):
        return
    if not isinstance(element(op.input), bundle.QType):
        needs = "!bundle.q<bits, frac>"
        yield f"{name_of(op)}: a softmax of {element(op.input)}, needs {needs}; compute it outside the network"
    users = {user.name for user in users_of(op.output)} | {
        user.name for user in users_of(source_of(op.input), behind_flatten=True)
    }
    others = users - {"func.return", op.name}
    if others:
        yield f"{name_of(op)}: a softmax beside {', '.join(sorted(others))}, needs to be the last layer; move it to the end"


def batch_norm_folded(op: Operation, hardware: Hardware) -> Problems:
    """Batch normalisations are folded into the weights."""
    if isinstance(op, bundle.BatchNormOp):
        yield f"{name_of(op)}: a batch_norm, needs folded weights; run fold-batch-norm first"


# Sizes.


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


# Widths and scales.


def widths(op: Operation, hardware: Hardware) -> Problems:
    """Activations, weights and biases are at most as wide as the hardware has them; sums have its width."""
    for value in (*op.operands, *op.results) if op.name in LETTERS else ():
        q = getattr(value.type, "element_type", None)
        if isinstance(q, bundle.QType | bundle.AffineType) and not _is_sum(value):
            yield from _width(op, "an activation", q.bits.data, "bits_input", hardware.bits_input)
    if not isinstance(op, bundle.CoreOp):
        return
    yield from _width(op, "weights", op.weights_type.bits.data, "bits_weights", hardware.bits_weights)
    # With scales, what counts is the bias with the zero point in it: `folded_bias`.
    if op.bias_type is not None and op.scales is None and op.bias_type.bits.data > hardware.bits_bias:
        yield _too_wide(op, f"a bias of {op.bias_type.bits.data} bits", "bits_bias", hardware.bits_bias)
    bits_sum = bundle.bits_of(op.output)
    if bits_sum != hardware.bits_sum:
        needs = f"{hardware.bits_sum} (bits_sum)"
        yield f"{name_of(op)}: a sum of {bits_sum} bits, needs {needs}; correct the type or Hardware(bits_sum={bits_sum})"


def _is_sum(value: SSAValue) -> bool:
    return isinstance(source_of(value).owner, bundle.CoreOp | bundle.BatchNormOp)


def _width(op: Operation, what: str, bits: int, parameter: str, most: int) -> Problems:
    """One bit is binary, and no narrower integer: it needs hardware for it."""
    if bits > most:
        yield _too_wide(op, f"{what} of {bits} bits", parameter, most)
    if bits == 1 and most > 1:
        change = "use more bits or Hardware(bits_input=1, bits_weights=1)"
        yield f"{name_of(op)}: {what} of 1 bit, needs 2 to {most} ({parameter}); {change}"


def sign(op: Operation, hardware: Hardware) -> Problems:
    """
    A result of one bit is the sign of what it is computed from, so that a ReLU before it, or limits on one side of 0, would
    leave one sign.
    """
    if not isinstance(op, ROUNDED) or isinstance(op, bundle.FunctionOp) or bundle.bits_of(op.output) > 1:
        return
    low, high = (-inf, inf) if isinstance(op, bundle.PoolOp) else bundle.limits_of(op)
    if low >= 0 or high < 0:
        yield (
            f"{name_of(op)}: limits {low:g} to {high:g} and a result of 1 bit, which is always {1 if low >= 0 else -1:+d}, "
            f"needs limits on both sides of 0; drop the clip"
        )
    if op.negative_slope.value.data == 0:
        yield (
            f"{name_of(op)}: a ReLU with a result of 1 bit, which is always +1, needs a negative_slope above 0; "
            f"use QIdentity, which is the sign"
        )


def _too_wide(op: Operation, has: str, parameter: str, most: int) -> str:
    return f"{name_of(op)}: {has}, needs at most {most} ({parameter}); use fewer bits or hardware with more"


def accumulator(op: Operation, hardware: Hardware) -> Problems:
    """
    The sum can't overflow, whatever the input: `max|x| * sum|w| + |bias|` of every channel, with the actual weights, fits
    `bits_sum` bits. What comes from DRAM, nothing clips: `x` then has all bits of the hardware.
    """
    if not isinstance(op, bundle.CoreOp):
        return
    bits = bundle.bits_of(op.input)
    if isinstance(source_of(op.input), BlockArgument):
        bits = max(bits, hardware.bits_input)
    bounds = [numerics.accumulator_bound(*sums, bits) for sums in engine_sums(op)]
    yield from overflow(name_of(op), np.max(bounds, axis=0), hardware.bits_sum)


def overflow(name: str, bound: numerics.Ints, bits_sum: int) -> Problems:
    """What to say of the layer `name` if sums up to `bound`, one for each channel, need more than `bits_sum` bits."""
    channel = int(bound.argmax())
    needed = numerics.bits_for(int(bound[channel]))
    if needed > bits_sum:
        change = f"Hardware(bits_sum={needed}) or smaller weights" if needed <= 32 else "fewer or smaller weights"
        has = f"sums of up to {bound[channel]} (channel {channel}) in {bits_sum} bits"
        yield f"{name}: {has}, needs {needed} bits; use {change}"


def quantised(op: bundle.CoreOp) -> tuple[numerics.Ints, numerics.Ints | None]:
    """The integers of a core's weights, and of its bias if it has one."""
    weights = numerics.quantize(op.weights_array, op.weights_type.bits.data, op.weights_type.frac.data)
    if op.bias_array is None or op.bias_type is None:
        return weights, None
    return weights, numerics.quantize(op.bias_array, op.bias_type.bits.data, op.bias_type.frac.data)


def integer_bias(op: bundle.CoreOp) -> tuple[numerics.Ints, int]:
    """(one integer for each channel, left shift) that is added to a core's sum; zeros if there is nothing to add."""
    _, bias = quantised(op)
    return (np.zeros(op.channels_out, dtype=np.int64), 0) if bias is None else (bias, max(op.bias_shift, 0))


def engine_bias(op: bundle.CoreOp) -> tuple[numerics.Ints, int]:
    """
    The same for the sums of the `fxp` level. An ordinary convolution multiplies elements as they are there, so that a zero
    point of the input is in its bias.
    """
    if isinstance(op, bundle.ConvTransposeOp):
        return integer_bias(op)
    return numerics.fold_zero_point(*integer_bias(op), quantised(op)[0], bundle.grid_of(op.input).zero)


def engine_sums(op: bundle.CoreOp) -> list[tuple[numerics.Ints, numerics.Ints, int]]:
    """
    (weights, one bias for each channel, its left shift) of the convolutions that the engine computes for a core, each for some
    of the positions of the result; all but transposed ones are a single one. The engine multiplies elements as they are, so a
    zero point of the input is in the bias: `-zero_point * sum(w)`.
    """
    weights, _ = quantised(op)
    kernels = [weights]
    if isinstance(op, bundle.ConvTransposeOp):
        _, height, width, _ = shape(op.input)
        kernels = [phase_weights(weights, phase) for phase in op.window.phases(height, width)]
    zero = bundle.grid_of(op.input).zero
    return [(kernel, *numerics.fold_zero_point(*integer_bias(op), kernel, zero)) for kernel in kernels]


def folded_bias(op: Operation, hardware: Hardware) -> Problems:
    """A bias with `-zero_point * sum(w)` of the input's zero point in it has at most `bits_bias` bits."""
    if not isinstance(op, bundle.CoreOp) or op.scales is None:
        return
    bits = max(numerics.bits_of(bias) for _, bias, _ in engine_sums(op))
    if bits > hardware.bits_bias:
        most = next((width for width in (8, 16, 32) if width >= bits), None)
        change = "use smaller weights" if most is None else f"use Hardware(bits_bias={most})"
        yield f"{name_of(op)}: a bias of {bits} bits with the input's zero point, needs at most {hardware.bits_bias}; {change}"


def bias_shift(op: Operation, hardware: Hardware) -> Problems:
    """A bias is aligned with the sum by a left shift of at most 31."""
    if isinstance(op, bundle.CoreOp) and op.bias_shift > MAX_BIAS_SHIFT:
        yield (
            f"{name_of(op)}: a bias {op.bias_shift} fraction bits coarser than the sum, needs at most {MAX_BIAS_SHIFT}; "
            f"use more bias_frac_bits"
        )


def rescaling(op: Operation, hardware: Hardware) -> Problems:
    """
    From sums to activations: a right shift of at most `numerics.MAX_SHIFT`, or a gain of at most 2**15. In poolings, at most
    15 either way.
    """
    if not isinstance(op, bundle.ActivationOp | bundle.PoolOp) or has_free_scale(op):
        return
    before, after = bundle.frac_of(op.input), bundle.frac_of(op.output)
    pools = isinstance(op, bundle.PoolOp) or not _is_sum(op.input)
    most_right = MAX_POOL_SHIFT if pools else numerics.MAX_SHIFT
    if not -15 <= before - after <= most_right:
        yield (
            f"{name_of(op)}: from {before} to {after} fraction bits, needs to lose at most {most_right} or gain at most 15; "
            f"change frac_bits"
        )


def alignment(op: Operation, hardware: Hardware) -> Problems:
    """An add aligns operands and result by multipliers of at most 2**15, then shifts right by at most `numerics.MAX_SHIFT`."""
    if not isinstance(op, bundle.AddOp) or has_free_scale(op):
        return
    a, b, y = (bundle.frac_of(value) for value in (op.a, op.b, op.output))
    if max(a, b, y) - min(a, b) > 15 or max(a, b) - y > numerics.MAX_SHIFT:
        yield (
            f"{name_of(op)}: an add of operands with {a} and {b} fraction bits to {y}, needs at most 15 between them; "
            f"change frac_bits"
        )


def free_scale(op: Operation, hardware: Hardware) -> Problems:
    """Free scales: a sum or a product becomes at most 2**15 times as large a number. In an add neither operand does."""
    if not isinstance(op, bundle.ActivationOp | bundle.AddOp | bundle.MultiplyOp) or not has_free_scale(op):
        return
    scales = gains(op)
    largest = float(scales.max())
    if largest >= 1 << MULTIPLIER_BITS - 1:
        yield (
            f"{name_of(op)}: a result whose scale is {largest:.3g} times finer than that of what it is made of, needs at most "
            f"2**{MULTIPLIER_BITS - 1}; quantise the result more coarsely"
        )


def one_grid(op: Operation, hardware: Hardware) -> Problems:
    """Where no core or add computes, as in poolings, a free scale and zero point stay as they are."""
    if not isinstance(op, bundle.ActivationOp | bundle.PoolOp) or not has_free_scale(op) or _is_sum(op.input):
        return
    before, after = element(op.input), element(op.output)
    if before != after:
        yield f"{name_of(op)}: a change from {before} to {after}, needs the same type; quantise both alike"


def slope_of_free_scale(op: Operation, hardware: Hardware) -> Problems:
    """A leaky ReLU with a free scale follows a core: in an add, a product or a pooling the zero point hides the sign."""
    if not isinstance(op, bundle.ActivationOp | bundle.AddOp | bundle.MultiplyOp | bundle.PoolOp) or not has_free_scale(op):
        return
    hidden = not (isinstance(op, bundle.ActivationOp) and _is_sum(op.input))
    slope = op.negative_slope.value.data
    if hidden and slope not in (0, 1):
        change = "put the leaky ReLU right after a convolution"
        yield f"{name_of(op)}: a negative slope of {slope} with a zero point, needs 0 or 1; {change}"


def product(op: Operation, hardware: Hardware) -> Problems:
    """A product is shifted right by at most `numerics.MAX_SHIFT`, or gains at most 2**15."""
    if not isinstance(op, bundle.MultiplyOp) or has_free_scale(op):
        return
    a, b, y = (bundle.frac_of(value) for value in (op.a, op.b, op.output))
    if not -15 <= a + b - y <= numerics.MAX_SHIFT:
        yield (
            f"{name_of(op)}: a product of {a} and {b} fraction bits to {y}, needs to lose at most {numerics.MAX_SHIFT} or "
            f"gain at most 15; change frac_bits"
        )


#: Those of single layers, whatever comes before and after them.
LAYER_CONSTRAINTS: tuple[Constraint, ...] = (
    kernel_size,
    channels,
    image_size,
    weight_memory,
    instruction_fields,
    pool_window,
    widths,
    accumulator,
    folded_bias,
    free_scale,
)


#: All of them, in the order in which their problems are listed for one operation.
CONSTRAINTS: tuple[Constraint, ...] = (
    one_network,
    known_layer,
    sum_is_quantised,
    result_is_used,
    softmax_is_last,
    batch_norm_folded,
    kernel_size,
    channels,
    image_size,
    weight_memory,
    instruction_fields,
    pool_window,
    whole_bytes,
    addresses,
    widths,
    sign,
    accumulator,
    folded_bias,
    bias_shift,
    rescaling,
    alignment,
    free_scale,
    one_grid,
    slope_of_free_scale,
    product,
)
#: Those that read the values of weights.
OF_WEIGHTS: tuple[Constraint, ...] = (accumulator,)

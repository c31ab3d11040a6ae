"""Single operators against onnxruntime, in graphs of one or two of them: what the exported networks do not have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from test_onnx_check import Graph

from dsf.compiler import compile_module
from dsf.frontend.onnx.digits import MOST_COLUMNS, Digits
from dsf.frontend.onnx.model import from_onnx
from dsf.frontend.onnx.values import QuantisedConstant
from dsf.frontend.onnx.wide_weights import fitted
from dsf.hardware import Hardware

HARDWARE = Hardware(processing_elements=(4, 12), bits_bias=32, max_image_size=(32, 64), max_kernel_size=(32, 48))
Change = Callable[[Graph], None]


def then_conv(made: Graph) -> None:
    made.conv(4, 3, "conv", kernel=3)


def padded(made: Graph) -> None:
    made.then("Pad", made.constant(np.array([0, 0, 1, 0, 0, 0, 2, 1])), name="pad")
    then_conv(made)


def padded_axes(made: Graph) -> None:
    made.then("Pad", made.constant(np.array([3, 1])), "", made.constant(np.array([-1])), name="pad")
    made.conv(4, 3, "conv", kernel=3, auto_pad="SAME_UPPER", strides=[2, 2])


def channel_constant(made: Graph, op_type: str, values: list[float]) -> None:
    made.then(op_type, made.constant(np.array(values, np.float32).reshape(1, 3, 1, 1)), name="op")


def folded(made: Graph) -> None:
    """A convolution, a factor of both signs and 0, an offset, then one rounding."""
    weights = np.random.default_rng(1).integers(-127, 128, (3, 3, 3, 3)).astype(np.int8)
    w = made.node("DequantizeLinear", made.constant(weights), made.constant(np.float32(0.004)))
    factor, offset = (np.array(one, np.float32).reshape(1, 3, 1, 1) for one in ([0.5, -1.5, 0.0], [0.3, 0.1, -0.7]))
    x = made.node("Mul", made.node("Conv", made.x, w), made.constant(factor))
    made.quantise(made.node("Clip", made.node("Add", x, made.constant(offset)), "", made.constant(np.float32(1.5))))


def norm(made: Graph, x: str) -> str:
    """With factors of both signs."""
    numbers = [[0.5, -2.0, 1.0], [0.1, 0.2, -0.3], [0.3, -0.1, 0.0], [0.5, 2.0, 1.0]]
    return made.node("BatchNormalization", x, *(made.constant(np.array(one, np.float32)) for one in numbers))


def batch_norm(made: Graph) -> None:
    made.quantise(norm(made, made.x))


def norm_of_lowest(made: Graph) -> None:
    """Behind a convolution whose weights include the lowest, of the channel that is negated too."""
    made.quantise(norm(made, made.node("Conv", made.x, lowest(made, 3, 3, 3, 3))))


def negative_of_lowest(op_type: str, *sizes: int, scale: float = 0.004, **attributes: object) -> Change:
    def change(made: Graph) -> None:
        sums = made.node(op_type, made.x, lowest(made, *sizes, scale=scale), **attributes)
        made.quantise(made.node("Mul", sums, made.constant(np.float32(-0.7))))

    return change


def negative_of_lowest_dense(made: Graph) -> None:
    made.then("Flatten", name="flat")
    negative_of_lowest("MatMul", 192, 5, scale=0.001)(made)
    made.x = made.node("Unsqueeze", made.x, ints(made, 1, 2))


def integers(made: Graph) -> None:
    """ConvInteger with a zero point, scaled to real numbers by constants."""
    weights = made.constant(np.random.default_rng(2).integers(-127, 128, (4, 3, 3, 3)).astype(np.int8))
    codes = made.nodes[-1].input[0]
    sums = made.node("ConvInteger", codes, weights, made.constant(np.uint8(117)))
    real = made.node("Cast", sums, to=onnx.TensorProto.FLOAT)
    made.quantise(made.node("Mul", real, made.constant(np.float32(0.0007))))


def last_channels(made: Graph) -> None:
    """A network of images (N, H, W, C): the transposes around its convolution go."""
    made.then("Transpose", name="to", perm=[0, 3, 1, 2])
    made.conv(4, 8, "conv", kernel=3)
    made.then("Transpose", name="back", perm=[0, 2, 3, 1])


def mixed_dense(made: Graph) -> None:
    """A dense layer whose inputs were moved about: its weights are permuted."""
    made.conv(4, 3, "conv", kernel=3)
    made.then("Transpose", name="turn", perm=[0, 3, 1, 2])
    made.then("Reshape", made.constant(np.array([0, -1])), name="rows")
    weights = made.constant(np.random.default_rng(3).integers(-127, 128, (144, 5)).astype(np.int8))
    w = made.node("DequantizeLinear", weights, made.constant(np.float32(0.002)))
    made.x = made.node("Unsqueeze", made.node("MatMul", made.x, w), made.constant(np.array([1, 2])))


def ints(made: Graph, *values: int) -> str:
    return made.constant(np.array(values, np.int64))


def weights(made: Graph, *sizes: int, scale: float = 0.004) -> str:
    codes = np.random.default_rng(len(made.nodes)).integers(-127, 128, sizes).astype(np.int8)
    return made.node("DequantizeLinear", made.constant(codes), made.constant(np.float32(scale)))


def lowest(made: Graph, *sizes: int, scale: float = 0.004) -> str:
    """Weights of which those of every second channel, or row of a matrix, are the lowest there are."""
    codes = np.random.default_rng(len(made.nodes)).integers(-128, 128, sizes).astype(np.int8)
    codes[1::2] = -128
    return made.node("DequantizeLinear", made.constant(codes), made.constant(np.float32(scale)))


def concat_alike(made: Graph) -> None:
    source = made.x
    made.then("Relu", name="relu")
    made.then("Concat", source, name="concat", axis=1)
    made.conv(4, 6, "after", kernel=3)


def concat_of_scales(made: Graph) -> None:
    """Every operand has a scale of its own, and the result another one."""
    source = made.x
    made.quantise(made.node("Conv", source, weights(made, 4, 3, 1, 1)), 0.011, 100)
    first = made.x
    made.quantise(made.node("Sigmoid", source), 1 / 256, 0)
    made.then("Concat", first, source, name="concat", axis=-3)


def concat_of_sums(made: Graph) -> None:
    """Two convolutions whose sums are rounded after the concatenation, behind a ReLU; one of them pooled before."""
    first = made.node("Conv", made.x, weights(made, 4, 3, 3, 3))
    second = made.node("MaxPool", made.node("Conv", made.x, weights(made, 5, 3, 1, 1)), kernel_shape=[3, 3])
    made.quantise(made.node("Relu", made.node("Concat", first, second, axis=1)))


def concat_of_borders(made: Graph) -> None:
    """Two convolutions with borders, which the function behind the concatenation changes too."""
    border = ints(made, 0, 0, 1, 0, 0, 0, 2, 1), made.constant(np.float32(-2))
    sums = [made.node("Conv", made.x, weights(made, 4, 3, 1, 1)) for _ in range(2)]
    joined = made.node("Concat", *(made.node("Pad", one, *border) for one in sums), axis=1)
    made.quantise(made.node("Relu", made.node("Pad", joined, *border)))


def concat_along(axis: int) -> Change:
    def change(made: Graph) -> None:
        source = made.x
        made.then("Slice", ints(made, 1), ints(made, 5), ints(made, axis), name="part")
        made.then("Concat", source, made.x, name="concat", axis=axis)

    return change


def concat_of_rows(made: Graph) -> None:
    """Images and rows of a dense layer, in one row, before a dense layer."""
    made.conv(4, 3, "conv", kernel=7)
    made.then("Flatten", name="flat")
    source = made.x
    made.quantise(made.node("MatMul", source, weights(made, 16, 6)))
    made.then("Concat", source, name="concat", axis=1)
    made.quantise(made.node("MatMul", made.x, weights(made, 22, 5)))
    made.x = made.node("Unsqueeze", made.x, ints(made, 1, 2))


def split(made: Graph) -> None:
    """Three parts, of which one is not read."""
    made.conv(9, 3, "conv", kernel=1)
    node = onnx.helper.make_node("Split", [made.x, ints(made, 3, 2, 4)], ["a", "b", "c"], name="split", axis=1)
    made.nodes.append(node)
    made.quantise("c")
    left = made.node("Conv", made.x, weights(made, 3, 4, 1, 1))
    made.quantise(left)
    other = made.x
    made.quantise("a")
    made.then("Add", other, name="add")


def slice_steps(made: Graph) -> None:
    made.then("Slice", ints(made, 1, -7, 1), ints(made, 8, 1000, -1), ints(made, 2, 3, 1), ints(made, 3, 2, 1), name="part")
    made.conv(4, 1, "conv", kernel=2)


def every_second_channel(made: Graph) -> None:
    """And of other axes too, read by a convolution."""
    made.conv(7, 3, "first")
    made.then("Slice", ints(made, 1, 1), ints(made, 7, 6), ints(made, 1, 2), ints(made, 2, 3), name="part")
    made.conv(4, 3, "conv", kernel=2)


def of_turned(op_type: str) -> Change:
    """Two operands of which one was turned, as in an MLP-Mixer."""

    def change(made: Graph) -> None:
        made.conv(4, 3, "conv")
        source = made.x
        made.then("Transpose", name="turn", perm=[0, 1, 3, 2])
        made.then(op_type, source, name="two")

    return change


def slice_of_rows(made: Graph) -> None:
    """A dense layer that reads some of the numbers, backwards: the others get no weights."""
    made.then("Flatten", name="flat")
    made.then("Slice", ints(made, 150), ints(made, 10), ints(made, 1), ints(made, -3), name="part")
    made.quantise(made.node("MatMul", made.x, weights(made, 47, 5)))
    made.x = made.node("Unsqueeze", made.x, ints(made, 1, 2))


def pad_with(*pads: int, value: float = -1.25) -> Change:
    def change(made: Graph) -> None:
        made.then("Pad", ints(made, *pads), made.constant(np.float32(value)), name="pad")

    return change


def pad_on_the_grid_of_the_result(made: Graph) -> None:
    """The number around images is none of their grid, but one of the result's."""
    made.quantise(made.node("Sigmoid", made.x), 1 / 256, 0)
    border = made.node("Pad", made.x, ints(made, 0, 0, 1, 2, 0, 0, 0, 1), made.constant(np.float32(-1.5)))
    made.quantise(border, 0.02, 90)


def pad_to_another_scale(made: Graph) -> None:
    made.quantise(made.node("Pad", made.x, ints(made, 0, 0, 1, 1, 0, 0, 1, 1)), 0.0371, 100)
    then_conv(made)


def pad_then_pool(made: Graph) -> None:
    made.then("Pad", ints(made, 0, 0, 1, 1, 0, 0, 1, 1), name="pad")
    made.then("MaxPool", name="pool", kernel_shape=[2, 2], strides=[2, 2])


def pad_of_sums(made: Graph) -> None:
    """Rounded after it, and rectified, the border too."""
    sums = made.node("Conv", made.x, weights(made, 4, 3, 3, 3))
    border = made.node("Pad", sums, ints(made, 0, 0, 1, 0, 0, 0, 0, 2), made.constant(np.float32(-0.7)))
    made.quantise(made.node("LeakyRelu", border, alpha=0.5))


def resized(*, scales: list[float] | None = None, sizes: list[int] | None = None, **attributes: object) -> Change:
    def change(made: Graph) -> None:
        given = ("", "", ints(made, *sizes)) if sizes else ("", made.constant(np.array(scales, np.float32)))
        made.then("Resize", *given, name="resize", mode="nearest", **attributes)
        made.conv(4, 3, "conv", kernel=3)

    return change


def interpolated(scales: list[float], **attributes: object) -> Change:
    """On a grid on which few results are half-way between two numbers."""

    def change(made: Graph) -> None:
        x = made.node("Resize", made.x, "", made.constant(np.array(scales, np.float32)), mode="linear", **attributes)
        made.quantise(x, 0.0371, 120)

    return change


def older_resize(mode: str, scale: float) -> Change:
    """Of opset 10, whose positions are others than those that newer versions have by default."""

    def change(made: Graph) -> None:
        made.opset = 10
        made.quantise(made.node("Resize", made.x, made.constant(np.float32([1, 1, scale, scale])), mode=mode), 0.0371, 120)

    return change


def resize_of_sums(made: Graph) -> None:
    sums = made.node("Conv", made.x, weights(made, 4, 3, 3, 3))
    scales = made.constant(np.array([1, 1, 3, 2], np.float32))
    made.quantise(made.node("Resize", sums, "", scales, mode="nearest", nearest_mode="round_prefer_ceil"))


def wide(made: Graph, *sizes: int, zero: int = 100, scale: float = 0.004) -> str:
    """Weights of uint8 that have up to 9 bits less their zero point."""
    codes = np.random.default_rng(len(made.nodes)).integers(0, 256, sizes).astype(np.uint8)
    return made.node("DequantizeLinear", made.constant(codes), made.constant(np.float32(scale)), made.constant(np.uint8(zero)))


def wide_dense(made: Graph) -> None:
    """Images in a row, then a row: the inputs of both layers are there twice."""
    made.conv(4, 3, "conv", kernel=7)
    made.then("Flatten", name="flat")
    made.quantise(made.node("Gemm", made.x, wide(made, 16, 6)))
    made.quantise(made.node("Gemm", made.x, wide(made, 5, 6, zero=140), transB=1))
    made.x = made.node("Unsqueeze", made.x, ints(made, 1, 2))


def wide_integers(made: Graph) -> None:
    """Weights of int8 with a zero point may be up to 255 apart from it: three parts."""
    codes = np.random.default_rng(5).integers(-128, 128, (4, 3, 2, 2)).astype(np.int8)
    w = made.node("DequantizeLinear", made.constant(codes), made.constant(np.float32(0.004)), made.constant(np.int8(-128)))
    made.quantise(made.node("Conv", made.x, w))


def few_wide(made: Graph) -> None:
    """One input channel has weights of 9 bits."""
    codes = np.random.default_rng(6).integers(0, 228, (5, 3, 3, 3)).astype(np.uint8)
    codes[2, 1, 0, 2] = 255
    w = made.node("DequantizeLinear", made.constant(codes), made.constant(np.float32(0.004)), made.constant(np.uint8(100)))
    made.quantise(made.node("Conv", made.x, w, pads=[1, 1, 1, 1]))


def conv_of(weights: Callable[[Graph], str], **attributes: object) -> Change:
    return lambda made: made.quantise(made.node("Conv", made.x, weights(made), **attributes))


def mean_of(scale: float = 0.0371, zero: int = 120, **attributes: object) -> Change:
    """On a scale of its own."""
    return lambda made: made.quantise(made.node("AveragePool", made.x, **attributes), scale, zero)


def mean_of_sums(op_type: str, *, normed: bool = False, **attributes: object) -> Change:
    """Of what a convolution with padding and strides, and perhaps a normalisation, has not rounded."""

    def change(made: Graph) -> None:
        numbers = {"pads": [1, 2, 1, 0], "strides": [1, 2], "dilations": [2, 1]}
        sums = made.node("Conv", made.x, weights(made, 3, 3, 2, 3), **numbers)
        sums = norm(made, sums) if normed else sums
        made.quantise(made.node(op_type, sums, **attributes), 0.0371, 120)

    return change


def mean_of_norm(made: Graph) -> None:
    made.quantise(made.node("GlobalAveragePool", norm(made, made.x)), 0.0371, 120)


def conv_with_bias(made: Graph) -> str:
    return made.node("Conv", made.x, weights(made, 3, 3, 3, 3), made.constant(np.float32([0.9, -0.6, 0.3])), pads=[1, 1, 1, 1])


def conv_with_strides(made: Graph) -> str:
    """Without padding and bias: every second row is read."""
    return made.node("Conv", made.x, weights(made, 3, 3, 1, 2), strides=[2, 1])


def conv_of_channels(made: Graph) -> str:
    return made.node("Conv", made.x, weights(made, 3, 1, 2, 3), made.constant(np.float32([0.9, -0.6, 0.3])), group=3)


def offsets_of_function(made: Graph) -> str:
    """A factor for each channel of what is several digits, and an offset."""
    x = made.node("Mul", made.node("HardSwish", made.x), made.constant(np.float32([[[1.5]], [[-0.7]], [[0.4]]])))
    return made.node("Add", x, made.constant(np.float32([[[1.5]], [[-2.2]], [[0.4]]])))


#: What nothing has rounded yet; and windows over it that count their padding, or some of it.
UNROUNDED: dict[str, Callable[[Graph], str]] = {
    "conv": conv_with_bias,
    "conv-strides": conv_with_strides,
    "conv-channels": conv_of_channels,
    "norm": lambda made: norm(made, made.x),
    "function": offsets_of_function,
}
COUNTED: dict[str, dict[str, object]] = {
    "same": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]},
    "strides": {"kernel_shape": [3, 2], "pads": [2, 1, 0, 0], "strides": [2, 1]},
    "ceil": {"kernel_shape": [3, 3], "pads": [0, 0, 1, 1], "strides": [2, 2], "ceil_mode": 1},
    "dilated": {"kernel_shape": [2, 3], "pads": [1, 2, 1, 1], "dilations": [1, 2]},
}


def mean_of_turned(made: Graph) -> None:
    """Of axes that are none of the image's, of what waits for its rounding."""
    turned = made.node("Transpose", made.node("Conv", made.x, weights(made, 3, 3, 3, 3)), perm=[0, 3, 1, 2])
    made.quantise(made.node("GlobalAveragePool", turned), 0.0371, 120)


def mean_on_integers(made: Graph) -> None:
    """Of axes that were exchanged before, with another scale for the result."""
    codes = made.node("Transpose", made.nodes[-1].input[0], perm=[0, 3, 2, 1])
    numbers = ((0.05, 117), (0.0371, 120), (0.01377, 117))
    x, y, z = ([made.constant(np.float32(step)), made.constant(np.uint8(zero))] for step, zero in numbers)
    codes = made.node("QLinearAveragePool", codes, *x, *y, kernel_shape=[3, 2], domain="com.microsoft")
    codes = made.node("QLinearGlobalAveragePool", codes, *y, *z, domain="com.microsoft")
    made.x = made.node("DequantizeLinear", codes, *z)


def on_integers(op_type: str) -> Change:
    """With a constant that is quantised."""

    def change(made: Graph) -> None:
        codes, *x = made.nodes[-1].input
        values = made.constant(np.array([[[90]], [[255]], [[3]]], np.uint8))
        numbers = [made.constant(np.float32(0.013)), made.constant(np.uint8(100))]
        operands = (values, *numbers, codes, *x) if op_type == "QLinearAdd" else (codes, *x, values, *numbers)
        made.x = made.node("DequantizeLinear", made.node(op_type, *operands, *x, domain="com.microsoft"), *x)

    return change


def mean_of_line(made: Graph) -> None:
    made.quantise(made.node("AveragePool", made.x, kernel_shape=[3], pads=[1, 2], strides=[2]), 0.0371, 120)


def leaky_sums(alpha: float, zero: int = 117) -> Change:
    """Rounded after the function, of any slope; the weights are any of their type."""

    def change(made: Graph) -> None:
        sums = made.node("Conv", made.x, lowest(made, 4, 3, 3, 3), made.constant(np.float32([0.3, -0.2, 0.1, 0])))
        pooled = made.node("MaxPool", made.node("LeakyRelu", sums, alpha=alpha), kernel_shape=[2, 2])
        made.quantise(pooled, zero_point=zero)

    return change


def limits_apart(made: Graph) -> None:
    """Of one half of the channels a ReLU, then a clip below it, then a ReLU; of the other half a clip, then a leaky ReLU."""
    first, second = (made.node("Conv", made.x, weights(made, 4, 3, 3, 3)) for _ in range(2))
    low, high = (made.constant(np.float32(one)) for one in (-3, -1))
    nothing = made.node("Relu", made.node("Clip", made.node("Relu", first), low, high))
    below = made.node("Clip", made.node("Relu", first), low, high)
    leaky = made.node("LeakyRelu", made.node("Clip", second, low), alpha=0.5)
    made.quantise(made.node("Concat", nothing, below, leaky, axis=1))


def leaky_of_two(op_type: str, alpha: float, zero: int = 117) -> Change:
    def change(made: Graph) -> None:
        source = made.x
        made.quantise(made.node("Sigmoid", source), 0.0041, 0)
        limited = made.node("LeakyRelu", made.node(op_type, source, made.x), alpha=alpha)
        clipped = made.node("Clip", limited, made.constant(np.float32(-1.2)), made.constant(np.float32(2.1)))
        made.quantise(clipped, zero_point=zero)

    return change


def clipped_table(made: Graph) -> None:
    made.quantise(made.node("Relu", made.node("Tanh", made.x)), 0.01, 117)


def transposed(*sizes: int, wide_by: int = 0, **attributes: object) -> Change:
    """Weights (CI, CO / groups, KH, KW), with a scale for each output channel or in parts."""

    def change(made: Graph) -> None:
        if wide_by:
            w = wide(made, *sizes, zero=128 + wide_by)
        else:
            codes = np.random.default_rng(1).integers(-127, 128, sizes).astype(np.int8)
            scales = made.constant(np.linspace(0.003, 0.006, sizes[1]).astype(np.float32))
            w = made.node("DequantizeLinear", made.constant(codes), scales, axis=1)
        bias = made.constant(np.linspace(-0.5, 0.5, sizes[1] * int(attributes.get("group", 1))).astype(np.float32))
        made.quantise(made.node("Relu", made.node("ConvTranspose", made.x, w, bias, **attributes)), 0.0371, 20)

    return change


def transposed_line(made: Graph) -> None:
    made.then("ConvTranspose", weights(made, 5, 4, 3), name="up", strides=[2], pads=[1, 0], output_padding=[1])


def turned(made: Graph) -> None:
    """Rows become channels between two layers: the engine exchanges them."""
    made.then("Sigmoid", name="first")
    made.then("Transpose", name="turn", perm=[0, 2, 3, 1])
    made.conv(4, 8, "conv", kernel=2)


def turned_and_back(made: Graph) -> None:
    """A pooling over channels."""
    made.then("Sigmoid", name="first")
    made.then("Transpose", name="turn", perm=[0, 3, 1, 2])
    made.then("MaxPool", name="pool", kernel_shape=[3, 2], strides=[1, 2])
    made.then("Transpose", name="back", perm=[0, 2, 3, 1])
    made.conv(4, 1, "conv", kernel=3)


def part_of_turned(made: Graph) -> None:
    """Every second of some of the rows that channels become: the engine exchanges axes, and takes them."""
    made.then("Sigmoid", name="first")
    made.then("Transpose", name="turn", perm=[0, 3, 2, 1])
    made.then("Slice", ints(made, 1, 2), ints(made, 7, 8), ints(made, 1, 2), ints(made, 1, 3), name="part")
    made.quantise(made.node("Conv", made.x, weights(made, 8, 6, 1, 2)), 0.0371, 120)


def part_of_product(made: Graph) -> None:
    """Rows of what a product of columns makes."""
    made.then("MatMul", weights(made, 8, 5), name="product")
    made.then("Slice", ints(made, 2), ints(made, 7), ints(made, 2), name="part")
    made.then("MaxPool", name="pool", kernel_shape=[2, 2])


def joined_turned(made: Graph) -> None:
    """Along columns, of images whose rows are the engine's channels."""
    made.then("Relu", name="first")
    made.then("Transpose", name="turn", perm=[0, 2, 1, 3])
    made.then("Concat", made.x, name="both", axis=3)
    made.then("MaxPool", name="pool", kernel_shape=[2, 3])


def joined_products(made: Graph) -> None:
    """Along rows, of images whose columns are the engine's channels."""
    made.then("MatMul", weights(made, 8, 5), name="product")
    made.then("Concat", made.x, name="both", axis=2)
    made.then("MaxPool", name="pool", kernel_shape=[3, 2])


def qlinear_concat(made: Graph) -> None:
    """On integers, with a scale for each operand and another one for the result."""
    first = made.nodes[-1].input[0]
    made.quantise(made.node("Sigmoid", made.x), 1 / 256, 0)
    second = made.nodes[-1].input[0]
    numbers = [(0.05, 117), (0.05, 117), (1 / 256, 0)]
    y, a, b = ([made.constant(np.float32(step)), made.constant(np.uint8(zero))] for step, zero in numbers)
    codes = made.node("QLinearConcat", *y, first, *a, second, *b, axis=1, domain="com.microsoft")
    made.x = made.node("DequantizeLinear", codes, *y)


def numbers(made: Graph, *sizes: int) -> str:
    """Constants of both signs, of which none is small."""
    drawn = np.random.default_rng(len(made.nodes)).uniform(0.4, 1.6, sizes)
    drawn.reshape(-1)[::3] *= -1
    return made.constant(drawn.astype(np.float32))


def sub_from_constant(made: Graph) -> None:
    made.quantise(made.node("Sub", made.constant(np.array([1, 0.5, -0.7], np.float32).reshape(3, 1, 1)), made.x))


def sub_tensors(made: Graph) -> None:
    source = made.x
    made.quantise(made.node("Sigmoid", source), 1 / 256, 0)
    made.then("Sub", source, name="sub")


def then_layer(change: Change) -> Change:
    """What a convolution reads has to be images again."""

    def both(made: Graph) -> None:
        change(made)
        made.quantise(made.node("Conv", made.x, weights(made, 4, 3, 3, 3)), 0.0371, 120)

    return both


def everywhere(op_type: str, *sizes: int) -> Change:
    return then_layer(lambda made: made.then(op_type, numbers(made, *sizes), name="op"))


def beside(op_type: str, pooled: tuple[int, ...], *, first: bool = False) -> Change:
    """Images and the largest numbers along some of their axes (channels, rows, columns): a pixel, a line or one channel."""

    def change(made: Graph) -> None:
        source = made.x
        made.then("Transpose", name="turn", perm=[0, 2, 3, 1])
        rows, columns = (8 if axis in pooled else 1 for axis in (2, 3))
        made.then("MaxPool", name="channels", kernel_shape=[1, 3 if 1 in pooled else 1])
        made.then("Transpose", name="back", perm=[0, 3, 1, 2])
        made.then("MaxPool", name="pool", kernel_shape=[rows, columns])
        operands = (made.x, source) if first else (source, made.x)
        made.quantise(made.node(op_type, *operands), 0.0371, 120)

    return change


def shuffled(op_type: str, groups: int = 1) -> Change:
    """
    Channels in another order, which a depthwise and a dense convolution take as they are, one in groups and a pooling do not.
    """

    def change(made: Graph) -> None:
        source = made.x
        made.then("Sigmoid", name="other")
        made.then("Concat", source, name="both", axis=1)
        made.then("Reshape", ints(made, 1, 2, 3, 8, 8), name="groups")
        made.then("Transpose", name="exchange", perm=[0, 2, 1, 3, 4])
        made.then("Reshape", ints(made, 1, 6, 8, 8), name="together")
        if op_type == "Slice":
            made.then("Slice", ints(made, 1), ints(made, 5), ints(made, 1), name="part")
        if op_type == "MaxPool":
            made.then("MaxPool", name="pool", kernel_shape=[2, 2])
            return
        w = weights(made, 6, (4 if op_type == "Slice" else 6) // groups, 3, 3)
        made.quantise(made.node("Conv", made.x, w, group=groups, pads=[1, 1, 1, 1]), 0.0371, 120)

    return change


def images_of_rows(made: Graph) -> None:
    """A decoder: a dense layer whose results are images."""
    made.conv(4, 3, "conv", kernel=7)
    made.then("Flatten", name="flat")
    made.quantise(made.node("Gemm", made.x, weights(made, 16, 36)), 0.0371, 120)
    made.then("Reshape", ints(made, -1, 4, 3, 3), name="images")
    made.then("ConvTranspose", weights(made, 4, 3, 2, 2), name="up", strides=[2, 2])


def matmul_rows(made: Graph) -> None:
    """Rows are multiplied, and what follows adds one number to each of their results."""
    made.then("Transpose", name="turn", perm=[0, 1, 3, 2])
    sums = made.node("MatMul", made.x, weights(made, 8, 5))
    made.quantise(made.node("Add", sums, numbers(made, 5)))


def matmul_of_sums(made: Graph) -> None:
    """Of a sequence (N, L, C), as a convolution and a Transpose leave it."""
    made.conv(6, 3, "conv")
    made.then("Reshape", ints(made, 0, 6, -1), name="line")
    made.then("Transpose", name="turn", perm=[0, 2, 1])
    made.then("MatMul", weights(made, 6, 5), name="dense")
    made.x = made.node("Unsqueeze", made.x, ints(made, 1))


def matmul_of_pixels(made: Graph) -> None:
    """A mixer: over all pixels of each channel, then over channels, then over a part of the rows' pixels."""
    made.conv(6, 3, "conv", kernel=4)
    made.then("Reshape", ints(made, 0, 6, -1), name="line")
    made.then("MatMul", weights(made, 25, 16), name="pixels")
    made.then("Transpose", name="turn", perm=[0, 2, 1])
    made.then("MatMul", weights(made, 6, 6), name="channels")
    made.then("Reshape", ints(made, 0, 4, 4, 6), name="image")
    made.then("Transpose", name="back", perm=[0, 3, 1, 2])
    made.then("Reshape", ints(made, 0, 12, 2, 4), name="part")
    made.then("MatMul", weights(made, 4, 5), name="columns")


def reduced(*axes: int) -> Change:
    """Without the axes; the result has as many as the input, for who compares."""

    def change(made: Graph) -> None:
        made.quantise(made.node("ReduceMean", made.x, ints(made, *axes), keepdims=0), 0.013717, 120)
        made.x = made.node("Unsqueeze", made.x, ints(made, *axes))

    return change


def mean_of_means(*axes: int, keep: bool = False) -> Change:
    """One axis after the other, counted as what is left of them; nothing is rounded between."""

    def change(made: Graph) -> None:
        x = made.x
        for axis in axes:
            x = made.node("ReduceMean", x, ints(made, axis), keepdims=int(keep))
        made.quantise(x, 0.013717, 120)
        if not keep:
            made.x = made.node("Unsqueeze", made.x, ints(made, 2, 3))

    return change


def of_sums(op_type: str, *, kind: str = "Conv", step: float = 1 / 255, zero: int = 0) -> Change:
    """A function of what a layer has not rounded yet: weights of several scales, and a bias between their units."""

    def change(made: Graph) -> None:
        codes = np.random.default_rng(3).integers(-127, 128, (2, 3, 3, 3)).astype(np.int8)
        scales = made.constant(np.float32([0.004, 0.0071]))
        w = made.node("DequantizeLinear", made.constant(codes), scales, axis=0)
        sums = made.node(kind, made.x, w, made.constant(np.float32([0.3, -0.21])), pads=[1, 1, 1, 1])
        made.quantise(made.node(op_type, sums), step, zero)

    return change


def of_function(op_type: str, *operands: object, kind: str = "HardSwish", zero: int = 117, **attributes: object) -> Change:
    """Of a function of each element that nothing rounds before."""

    def change(made: Graph) -> None:
        numbers = [made.constant(np.asarray(one)) for one in operands]
        made.quantise(made.node(op_type, made.node(kind, made.x), *numbers, **attributes), 0.0217, zero)

    return change


def of_two(op_type: str, *operands: object, scale: float = 0.0217, **attributes: object) -> Change:
    """Of a sum of two tensors of different scales that nothing rounds before."""

    def change(made: Graph) -> None:
        source = made.x
        made.quantise(made.node("Sigmoid", source), 1 / 256, 0)
        numbers = [made.constant(np.asarray(one)) for one in operands]
        made.quantise(made.node(op_type, made.node("Add", source, made.x), *numbers, **attributes), scale, 117)

    return change


def few_bits(operator: str, bits: int) -> Change:
    """A sigmoid of a tensor of 4 or 8 bits, or its sum with that, then a mean, factors of both signs, or a function."""

    def quantise(made: Graph, x: str, scale: float) -> str:
        kind = helper.tensor_dtype_to_np_dtype(onnx.TensorProto.INT4 if bits == 4 else onnx.TensorProto.INT8)
        step, zero = made.constant(np.float32(scale / (1 << bits))), made.constant(np.array(0, kind))
        return made.node("DequantizeLinear", made.node("QuantizeLinear", x, step, zero), step, zero)

    def change(made: Graph) -> None:
        made.nodes.clear()
        x = quantise(made, "x", 8)
        y, scale = made.node("Sigmoid", x), 1.5
        if operator == "mean":
            made.x = quantise(made, made.node("AveragePool", y, kernel_shape=[2, 3]), scale)
            return
        if operator in ("sum", "tanh"):
            y, scale = made.node("Add", quantise(made, y, 2.1), x), 9.0
        if operator == "tanh":
            made.x = quantise(made, made.node("Tanh", y), 2.1)
            return
        made.x = quantise(made, made.node("Mul", y, made.constant(np.float32([[[1]], [[-0.7]], [[0.3]]]))), scale)

    return change


def rectified_pole(made: Graph) -> None:
    """The logarithm of 0 is infinite, and what a ReLU makes of it 0."""
    made.quantise(made.node("Relu", made.x), 0.05, 0)
    made.quantise(made.node("Relu", made.node("Log", made.x)), 0.01, 0)


def nothing_of_pole(made: Graph) -> None:
    """A factor of 0 behind what is infinite for an integer that no element has, and an offset."""
    source = made.x
    made.then("Clip", made.constant(np.float32(0.3)), name="clip")
    scaled = made.node("Mul", made.node("Reciprocal", made.x), made.constant(np.float32(0)))
    made.quantise(made.node("Add", scaled, made.constant(np.float32(0.5))))
    made.then("Concat", source, name="both", axis=1)


def nothing_left(made: Graph) -> None:
    """A function that is 0 everywhere, then an offset and a mean, beside others."""
    source = made.x
    nothing = made.node("Clip", made.node("Neg", made.node("Relu", made.x)), made.constant(np.float32(0)))
    offset = made.node("Add", nothing, made.constant(np.float32([[[0.7]], [[-1.4]], [[0.02]]])))
    made.quantise(made.node("AveragePool", offset, kernel_shape=[3, 3], pads=[1, 1, 1, 1]), 0.01, 200)
    made.then("Concat", source, name="both", axis=1)


def huge_numbers(made: Graph) -> None:
    """Two functions, of up to 3.7e35, on a grid of such."""
    made.quantise(made.node("Mul", made.x, made.constant(np.float32(30))), 0.7, 138)
    made.quantise(made.node("Abs", made.node("Exp", made.x)), 4e33, 0)
    made.then("Mul", made.constant(np.float32(1e-35)), name="scaled")


def clipped_sums(made: Graph) -> None:
    """A function behind a slope and a clip of sums."""
    leaky = made.node("LeakyRelu", made.node("Conv", made.x, weights(made, 2, 3, 2, 2)), alpha=0.3)
    limited = made.node("Clip", leaky, made.constant(np.float32(-1.7)), made.constant(np.float32(3)))
    made.quantise(made.node("HardSwish", limited), 0.017, 60)


def two_at_the_end(op_type: str) -> Change:
    """The difference, or sum, of two tensors is the result, or what the processor puts through a function."""

    def change(made: Graph) -> None:
        source = made.x
        made.quantise(made.node("Sigmoid", source), 1 / 256, 0)
        made.x = made.node("Softmax", made.node("Relu", made.node(op_type, source, made.x)), axis=1)

    return change


def in_blocks(op_type: str, block: int, **attributes: object) -> Change:
    """Of 8 channels or more, before a convolution and at the end."""

    def change(made: Graph) -> None:
        made.conv(2 * block**2 if op_type == "DepthToSpace" else 4, 3, "conv", kernel=1)
        made.then(op_type, name="blocks", blocksize=block, **attributes)
        channels = 2 if op_type == "DepthToSpace" else 4 * block**2
        made.quantise(made.node("Conv", made.x, weights(made, 8, channels, 2, 2)), 0.0371, 120)
        made.then(op_type, name="more", blocksize=1, **attributes)

    return change


def input_in_blocks(made: Graph) -> None:
    """A focus layer: the processor puts the input's pixels where they belong."""
    made.then("SpaceToDepth", name="blocks", blocksize=2)
    made.quantise(made.node("Conv", made.x, weights(made, 4, 12, 3, 3)), 0.0371, 120)


def pixels_to_channels(made: Graph) -> None:
    """As torch's PixelUnshuffle does it, of more channels than are copied."""
    made.conv(20, 3, "conv", kernel=1)
    made.then("Reshape", ints(made, 1, 20, 4, 2, 4, 2), name="apart")
    made.then("Transpose", name="turn", perm=[0, 1, 3, 5, 2, 4])
    made.then("Reshape", ints(made, 1, 80, 4, 4), name="together")
    made.quantise(made.node("Conv", made.x, weights(made, 4, 80, 2, 2, scale=0.001)), 0.0371, 120)


def parametric(*, of_sums: bool, slopes: list[float]) -> Change:
    """Slopes of both signs, one for each channel; a clip behind it."""

    def change(made: Graph) -> None:
        x = made.node("Conv", made.x, weights(made, 3, 3, 3, 3)) if of_sums else made.x
        rectified = made.node("PRelu", x, made.constant(np.float32(slopes).reshape(-1, 1, 1)))
        made.quantise(made.node("Clip", rectified, "", made.constant(np.float32(3))), 0.0371, 60)

    return change


def reduced_by(op_type: str, *axes: int, scale: float = 0.05) -> Change:
    """Of axes that are kept."""
    return lambda made: made.quantise(made.node(op_type, made.x, *([ints(made, *axes)] if axes else [])), scale, 117)


def chosen(axis: int, *indices: int) -> Change:
    """Elements by their indices, before a layer of one tap."""

    def change(made: Graph) -> None:
        made.then("Gather", ints(made, *indices), name="chosen", axis=axis)
        channels = len(indices) if axis == 1 else 3
        made.quantise(made.node("Conv", made.x, weights(made, 4, channels, 1, 1)), 0.0371, 120)

    return change


def limited_by(op_type: str, *limits: float) -> Change:
    def change(made: Graph) -> None:
        sums = made.node("Conv", made.x, weights(made, 4, 3, 3, 3))
        made.quantise(made.node(op_type, *(made.constant(np.float32(one)) for one in limits), sums))

    return change


def sigmoid_of_rows(made: Graph) -> None:
    """Of 4 bits; a ReLU behind it changes nothing but what is below 0."""
    made.conv(4, 3, "conv", kernel=7)
    made.then("Flatten", name="flat")
    sums = made.node("Gemm", made.x, weights(made, 16, 5), made.constant(np.float32([0.1, 0.2, -0.3, 0, 1])))
    uint4 = helper.tensor_dtype_to_np_dtype(onnx.TensorProto.UINT4)
    scale, zero = made.constant(np.float32(0.13)), made.constant(np.array(8, uint4))
    x = made.node("QuantizeLinear", made.node("Relu", made.node("Tanh", sums)), scale, zero)
    made.x = made.node("Unsqueeze", made.node("DequantizeLinear", x, scale, zero), ints(made, 1, 2))


def pad_positive(made: Graph) -> None:
    """Channels and rows of a negative number, beside ones whose grid has none."""
    made.quantise(made.node("Relu", made.x), 0.05, 0)
    pad_with(0, 2, 0, 0, 0, 1, 1, 0)(made)


OPERATORS: dict[str, Change] = {
    "pad": padded,
    "pad-axes": padded_axes,
    "pad-value": pad_with(0, 0, 1, 0, 0, 0, 2, 1),
    "pad-result": pad_on_the_grid_of_the_result,
    "pad-rescaled": pad_to_another_scale,
    "pad-channels": pad_with(0, 2, 0, 0, 0, 1, 1, 0),
    "pad-channels-of-another-grid": pad_positive,
    "pad-less-than-nothing": pad_with(0, -1, -2, 1, 0, 0, 0, -1),
    "pad-then-pool": pad_then_pool,
    "pad-of-sums": pad_of_sums,
    "concat-alike": concat_alike,
    "concat-of-scales": concat_of_scales,
    "concat-of-sums": concat_of_sums,
    "concat-of-borders": concat_of_borders,
    "concat-rows": concat_along(2),
    "concat-columns": concat_along(3),
    "concat-numbers": concat_of_rows,
    "concat-integers": qlinear_concat,
    "mean-inside": mean_of(kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "mean-edges": mean_of(kernel_shape=[3, 4], pads=[2, 1, 1, 3], strides=[2, 1]),
    "mean-ceil": mean_of(kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "mean-ceil-counted": mean_of(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 0, 1], ceil_mode=1, count_include_pad=1),
    "mean-same": mean_of(kernel_shape=[2, 3], auto_pad="SAME_UPPER"),
    "mean-same-between": mean_of(kernel_shape=[1, 2], strides=[2, 3], auto_pad="SAME_LOWER"),
    "mean-large": mean_of(kernel_shape=[9, 9], pads=[4, 4, 4, 4], scale=0.0137),
    "mean-on-its-scale": mean_of(0.05, 117, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
    "mean-of-sums": mean_of_sums("AveragePool", kernel_shape=[2, 3], dilations=[2, 1], strides=[2, 1]),
    "mean-of-norm-of-sums": mean_of_sums("AveragePool", normed=True, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "mean-of-all-sums": mean_of_sums("GlobalAveragePool", normed=True),
    "mean-of-norm": mean_of_norm,
    "mean-of-turned-sums": mean_of_turned,
    "mean-on-integers": mean_on_integers,
    "add-on-integers": on_integers("QLinearAdd"),
    "mul-on-integers": on_integers("QLinearMul"),
    "leaky-sums": leaky_sums(0.1),
    "leaky-sums-steep": leaky_sums(1.7),
    "leaky-sums-negative": leaky_sums(-0.3),
    "leaky-sums-positive": leaky_sums(-0.3, 0),
    "leaky-add-positive": leaky_of_two("Add", -1.0, 0),
    "leaky-add-steep": leaky_of_two("Add", -2.5, 30),
    "leaky-mul-positive": leaky_of_two("Mul", -0.77, 0),
    "leaky-add": leaky_of_two("Add", 0.25),
    "leaky-add-odd": leaky_of_two("Add", 0.3),
    "leaky-mul": leaky_of_two("Mul", -0.77),
    "limits-apart": limits_apart,
    "clipped-table": clipped_table,
    "turned": turned,
    "turned-and-back": turned_and_back,
    "part-of-turned": part_of_turned,
    "part-of-product": part_of_product,
    "joined-turned": joined_turned,
    "joined-products": joined_products,
    "transposed": transposed(3, 5, 3, 3, strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
    "transposed-groups": transposed(3, 2, 2, 3, group=3, strides=[1, 2], pads=[0, 1, 1, 0]),
    "transposed-wide-groups": transposed(3, 2, 2, 3, group=3, wide_by=30, strides=[1, 2]),
    "transposed-dilated": transposed(3, 4, 3, 2, dilations=[2, 3], strides=[2, 1]),
    "transposed-same-upper": transposed(3, 4, 3, 4, auto_pad="SAME_UPPER", strides=[2, 3]),
    "transposed-same-lower": transposed(3, 4, 3, 2, auto_pad="SAME_LOWER", strides=[2, 1]),
    "transposed-shape": transposed(3, 4, 3, 3, output_shape=[14, 17], strides=[2, 2]),
    "transposed-wide": transposed(3, 4, 2, 2, wide_by=30, strides=[2, 2]),
    "wide": conv_of(lambda made: wide(made, 5, 3, 3, 3), pads=[1, 0, 2, 1], strides=[2, 1]),
    "wide-few": few_wide,
    "wide-depthwise": conv_of(lambda made: wide(made, 6, 1, 3, 3), group=3, pads=[1, 2, 1, 0], strides=[1, 2]),
    "wide-dilated": conv_of(lambda made: wide(made, 3, 1, 3, 2, zero=160), group=3, dilations=[2, 3], pads=[2, 3, 1, 0]),
    "wide-three-parts": wide_integers,
    "wide-dense": wide_dense,
    "split": split,
    "slice-steps": slice_steps,
    "slice-channels": every_second_channel,
    "slice-of-rows": slice_of_rows,
    "add-turned": of_turned("Add"),
    "mul-turned": of_turned("Mul"),
    "resize-scales": resized(scales=[1, 1, 2, 3]),
    "resize-sizes": resized(sizes=[1, 3, 12, 6], coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    "resize-smaller": resized(scales=[1, 1, 0.5, 0.5], nearest_mode="ceil"),
    "resize-axes": resized(sizes=[16, 16], axes=[2, 3], coordinate_transformation_mode="half_pixel_symmetric"),
    "resize-of-sums": resize_of_sums,
    "resize-older-linear": older_resize("linear", 2),
    "resize-older-nearest": older_resize("nearest", 1 / 4),
    "resize-linear": interpolated([1, 1, 2, 3]),
    "resize-linear-rows": interpolated([1, 1, 4, 1], coordinate_transformation_mode="pytorch_half_pixel"),
    "resize-linear-asymmetric": interpolated([1, 1, 3, 2], coordinate_transformation_mode="asymmetric"),
    "global-max": lambda made: made.then("GlobalMaxPool", name="pool"),
    "add-constant": lambda made: channel_constant(made, "Add", [0.5, -0.25, 1.0]),
    "sub-constant": lambda made: channel_constant(made, "Sub", [0.5, -0.25, 1.0]),
    "mul-constant": lambda made: channel_constant(made, "Mul", [0.53, -1.27, 0.0]),
    "add-everywhere": lambda made: made.then("Add", numbers(made, 3, 8, 8), name="op"),
    "mul-rows-and-channels": lambda made: made.then("Mul", numbers(made, 3, 8, 1), name="op"),
    "add-everywhere-then-conv": everywhere("Add", 3, 8, 8),
    "mul-rows-and-columns": everywhere("Mul", 8, 8),
    "add-columns-and-channels": everywhere("Add", 3, 1, 8),
    "div-rows-and-channels": everywhere("Div", 3, 8, 1),
    "add-pixel": beside("Add", (2, 3)),
    "sub-pixel": beside("Sub", (2, 3)),
    "sub-from-pixel": beside("Sub", (2, 3), first=True),
    "add-channel": beside("Add", (1,)),
    "mul-line": beside("Mul", (3,), first=True),
    "mul-number": beside("Mul", (1, 2, 3)),
    "shuffled-dense": shuffled("Conv"),
    "shuffled-deep": shuffled("Conv", 6),
    "shuffled-groups": shuffled("Conv", 2),
    "shuffled-pool": shuffled("MaxPool"),
    "shuffled-part": shuffled("Slice"),
    "to-space": in_blocks("DepthToSpace", 2),
    "to-space-by-columns": in_blocks("DepthToSpace", 2, mode="CRD"),
    "to-depth-of-input": input_in_blocks,
    "to-depth": in_blocks("SpaceToDepth", 2),
    "to-depth-of-many": pixels_to_channels,
    "images-of-rows": images_of_rows,
    "sub-columns": lambda made: made.then("Sub", numbers(made, 8), name="op"),
    "div-rows": lambda made: made.then("Div", numbers(made, 1, 8, 1), name="op"),
    "sub-from-constant": sub_from_constant,
    "sub-tensors": sub_tensors,
    "matmul-columns": lambda made: made.then("MatMul", weights(made, 8, 5), name="op"),
    "matmul-rows": matmul_rows,
    "matmul-of-sums": matmul_of_sums,
    "matmul-of-pixels": matmul_of_pixels,
    "sigmoid-of-sums": of_sums("Sigmoid"),
    "tanh-of-sums": of_sums("Tanh", step=0.02, zero=101),
    "hard-sigmoid-of-sums": of_sums("HardSigmoid", step=0.01, zero=3),
    "tanh-of-rows": sigmoid_of_rows,
    "hard-swish-of-sums": of_sums("HardSwish", step=0.02, zero=30),
    "gelu-of-sums": of_sums("Gelu", step=0.013, zero=11),
    "function-of-clipped-sums": clipped_sums,
    "mean-of-function": of_function("AveragePool", kernel_shape=[3, 3], pads=[1, 0, 1, 0]),
    "mean-of-rows-of-function": of_function("ReduceMean", np.array([2]), kind="Gelu"),
    "div-of-function": of_function("Div", np.float32([[[1.3]], [[-2]], [[0.7]]]), kind="Tanh"),
    "add-rows-to-function": of_function("Add", np.linspace(-1, 1, 8, dtype=np.float32).reshape(8, 1)),
    "mul-of-function": of_function("Mul", np.float32(-0.61), kind="Tanh"),
    "leaky-of-function": of_function("LeakyRelu", alpha=0.37),
    "sigmoid-of-function": of_function("Sigmoid"),
    "relu-of-pole": rectified_pole,
    "nothing-of-pole": nothing_of_pole,
    "mean-of-nothing": nothing_left,
    "huge-numbers": huge_numbers,
    "mean-of-add": of_two("AveragePool", kernel_shape=[2, 3], pads=[1, 1, 0, 0]),
    "tanh-of-add": of_two("Tanh"),
    "mul-of-add": of_two("Mul", np.float32([[[1.3]], [[-2]], [[0.7]]])),
    "sub-at-the-end": two_at_the_end("Sub"),
    "add-at-the-end": two_at_the_end("Add"),
    "softplus-of-sums": of_sums("Softplus", step=0.03),
    "elu-of-sums": of_sums("Elu", step=0.03, zero=40),
    "abs-of-sums": of_sums("Abs", step=0.03),
    "prelu": parametric(of_sums=False, slopes=[0.25, 0.1, -0.3]),
    "prelu-of-sums": parametric(of_sums=True, slopes=[1.3, 0.0, -0.2]),
    "prelu-alike": parametric(of_sums=True, slopes=[0.2]),
    "max-of-number": limited_by("Max", 0.3, -0.2),
    "min-of-number": limited_by("Min", 0.7),
    "neg": lambda made: made.then("Neg", name="neg"),
    "neg-of-sums": limited_by("Neg"),
    "pow": of_function("Pow", np.float32(2), kind="Identity"),
    "gather-channels": chosen(1, 2, 0, 2),
    "gather-rows": chosen(2, 1, 3, 5, 7),
    "reduce-sum": reduced_by("ReduceSum", 1, 3, scale=0.0713),
    "reduce-max": reduced_by("ReduceMax", 2),
    "reduce-max-channels": reduced_by("ReduceMax", 1, 3),
    "reduce-channels": reduced(1),
    "reduce-rows": reduced(2),
    "reduce-some": reduced(1, 3),
    "reduce-one-by-one": mean_of_means(3, 2),
    "reduce-from-the-front": mean_of_means(2, -1),
    "reduce-one-by-one-kept": mean_of_means(1, 3, keep=True),
    "div-constant": lambda made: channel_constant(made, "Div", [1.93, -1.27, 0.61]),
    "folded": folded,
    "batch-norm": batch_norm,
    "norm-of-lowest": norm_of_lowest,
    "negative-of-lowest": negative_of_lowest("Conv", 4, 3, 3, 3),
    "negative-of-lowest-groups": negative_of_lowest("Conv", 6, 1, 3, 3, group=3, pads=[1, 0, 2, 1], strides=[1, 2]),
    "negative-of-lowest-transposed": negative_of_lowest("ConvTranspose", 3, 4, 2, 2, strides=[2, 2]),
    "negative-of-lowest-transposed-groups": negative_of_lowest("ConvTranspose", 3, 2, 2, 2, group=3, strides=[2, 1]),
    "negative-of-lowest-dense": negative_of_lowest_dense,
    "conv-integer": integers,
    "mean": lambda made: made.then("AveragePool", name="pool", kernel_shape=[3, 2], strides=[2, 1]),
    "mean-with-padding": lambda made: made.then(
        "AveragePool", name="pool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "max-ceil": lambda made: made.then("MaxPool", name="pool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "max-same": lambda made: made.then("MaxPool", name="pool", kernel_shape=[3, 2], auto_pad="SAME_LOWER"),
    "relu": lambda made: made.then("Relu", name="relu"),
    "leaky": lambda made: made.then("LeakyRelu", name="leaky", alpha=0.37),
    "square": lambda made: made.then("Mul", made.x, name="mul"),
    "gelu": lambda made: made.then("Gelu", name="gelu"),
    "gelu-tanh": lambda made: made.then("Gelu", name="gelu", approximate="tanh"),
    "hard-swish": lambda made: made.then("HardSwish", name="swish"),
    "dense-of-moved": mixed_dense,
}


#: Where more results may be neighbours: means of an even number of elements, and functions on this grid, are often just between
#: two, and onnxruntime decides by the noise of float32. The sums of a dense layer are not rounded, so each has its input's.
NEIGHBOURS = {
    "slice-steps": 0.02,
    "mean": 1 / 6,
    "mean-on-its-scale": 1 / 6,
    "leaky": 0.02,
    "hard-swish": 0.03,
    "mul-turned": 0.02,
    "to-depth": 0.1,
    "to-depth-of-many": 0.1,
    "dense-of-moved": 1.0,
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name: str) -> None:
    """Within a step of the grid (0.05); few are not equal."""
    compare(OPERATORS[name], (1, 3, 8, 8), NEIGHBOURS.get(name, 0.01))


@pytest.mark.parametrize("window", COUNTED)
@pytest.mark.parametrize("sums", UNROUNDED)
def test_means_that_count_their_padding(sums: str, window: str) -> None:
    """Where the padding of a mean is, the sums before it are 0: they are not computed there, and have no bias."""

    def change(made: Graph) -> None:
        made.quantise(made.node("AveragePool", UNROUNDED[sums](made), count_include_pad=1, **COUNTED[window]), 0.0371, 120)

    compare(change, (1, 3, 6, 5))


def test_interpolated_line() -> None:
    compare(interpolated([1, 1, 2]), (1, 5, 12))


def test_interpolated_by_weights_of_more_than_8_bits() -> None:
    """Of 8 times as many rows and columns the largest is 15 * 15."""
    compare(interpolated([1, 1, 8, 8]), (1, 2, 4, 3), hardware=replace(HARDWARE, max_kernel_size=(16, 16)))


def test_channels_last() -> None:
    compare(last_channels, (1, 6, 7, 8))


def test_mean_of_line() -> None:
    compare(mean_of_line, (1, 5, 12))


def test_transposed_line() -> None:
    compare(transposed_line, (1, 5, 12))


def sequence(made: Graph) -> None:
    """(N, L, C): two dense layers with a function between them, and the mean over L."""
    made.quantise(made.node("Add", made.node("MatMul", made.x, weights(made, 12, 6)), numbers(made, 6)))
    made.then("Sigmoid", name="function")
    made.then("MatMul", weights(made, 6, 5, scale=0.02), name="second")
    made.quantise(made.node("ReduceMean", made.x, ints(made, 1), keepdims=0), 0.013717, 120)


def test_sequences() -> None:
    compare(sequence, (4, 7, 12), 0.02, rank=2)


def test_mean_of_everything() -> None:
    compare(reduced(-1, -2, -3), (1, 2, 1, 2))


def image(made: Graph) -> None:
    """(C, H, W), as PyTorch exports a convolution without a batch."""
    made.then("Unsqueeze", ints(made, 0), name="batch")
    made.conv(4, 3, "conv")
    made.then("Squeeze", ints(made, 0), name="squeeze")


def test_images_without_a_batch() -> None:
    compare(image, (3, 8, 8))


def constant_first(made: Graph) -> None:
    """The first operator on the input has it as its second operand."""
    made.quantise(made.node("Sub", made.constant(np.float32(0.5)), made.x))
    then_conv(made)


def test_inputs_behind_a_constant() -> None:
    compare(constant_first, (2, 3, 8, 8))


def row(made: Graph) -> None:
    made.then("Mul", numbers(made, 12), name="op")
    made.then("Sigmoid", name="function")
    made.then("MatMul", weights(made, 12, 5, scale=0.02), name="dense")


def test_rows_without_a_batch() -> None:
    compare(row, (12,))


def turned_dense(made: Graph) -> None:
    """The batch is the second axis of the input."""
    made.quantise(made.node("Gemm", made.x, weights(made, 12, 5), transA=1), 0.0371, 120)


def test_transposed_rows() -> None:
    compare(turned_dense, (12, 3), rank=2)


def nothing(made: Graph) -> None:
    """The engine copies it, in the model's order."""
    made.x = made.node("Transpose", made.x, perm=[1, 0, 3, 2])


def test_a_network_that_computes_nothing() -> None:
    compare(nothing, (1, 3, 4, 5))


def joined_batches(made: Graph) -> None:
    source = made.x
    made.then("Sigmoid", name="function")
    made.then("Concat", source, name="concat", axis=0)


def test_batches_joined() -> None:
    compare(joined_batches, (2, 3, 4, 5))


@pytest.mark.parametrize(("bits", "most"), [(4, 4), (4, 8), (8, 8)])
def test_weights_in_parts_are_their_sum(bits: int, most: int) -> None:
    codes = np.random.default_rng(bits + most).integers(-(1 << bits) + 1, 1 << bits, (40, 50))
    hardware = Hardware(bits_input=most, bits_weights=most, bits_bias=32)
    width, parts = fitted(QuantisedConstant(codes, np.ones(1), None, bits), hardware)
    assert (width, len(parts)) == (most, 1 if most > bits else 3)
    np.testing.assert_array_equal(sum(parts), codes)
    assert min(one.min() for one in parts) >= -(1 << (width - 1)) and max(one.max() for one in parts) < 1 << (width - 1)


@pytest.mark.parametrize("bits_input", [2, 4, 8])
@pytest.mark.parametrize("bits_weights", [2, 4, 8])
@pytest.mark.parametrize("columns", [2, 3, 7, 32])
def test_digits_fit_tensors_and_weights(bits_input: int, bits_weights: int, columns: int) -> None:
    hardware = Hardware(bits_input=bits_input, bits_weights=bits_weights, bits_bias=32, max_kernel_size=(3, columns))
    digits = Digits.of_hardware(hardware)
    numbers = np.arange(-digits.largest, digits.largest + 1)
    found = np.repeat(digits.of(numbers * 0.37, 0.37), digits.columns, axis=0)
    assert np.abs(found).max() < 1 << (bits_input - 1)
    assert max(digits.weights) < 1 << (bits_weights - 1) and len(digits.weights) <= min(columns, MOST_COLUMNS)
    np.testing.assert_array_equal(digits.weights @ found, numbers)


#: The largest number of tables, of a tensor of some bits and weights of some.
LARGEST = {(8, 8): 32384, (8, 4): 7139, (8, 2): 1019, (4, 8): 952, (4, 4): 314, (2, 8): 190}


@pytest.mark.parametrize(("bits", "largest"), LARGEST.items())
def test_digits_are_as_fine_as_columns_allow(bits: tuple[int, int], largest: int) -> None:
    hardware = Hardware(bits_input=bits[0], bits_weights=bits[1], bits_bias=32, max_kernel_size=(3, 32))
    assert Digits.of_hardware(hardware).largest == largest
    narrow = Digits.of_hardware(replace(hardware, max_kernel_size=(3, 2)))
    assert Digits.of_hardware(hardware, numbers=16) == narrow == Digits.of_hardware(hardware, hardware.max_image_size[1] // 2)


@pytest.mark.parametrize(("bits_input", "bits_weights"), [(4, 8), (4, 4), (8, 4)])
@pytest.mark.parametrize("operator", ["function", "mean", "sum", "tanh"])
def test_functions_of_few_bits(bits_input: int, bits_weights: int, operator: str) -> None:
    """On a grid of as many bits, whose steps are large, no result is another one but next to half-way between two."""
    sizes = {"max_image_size": (8, 144), "max_kernel_size": (8, 32)}
    hardware = Hardware((4, 32), bits_input=bits_input, bits_weights=bits_weights, bits_bias=32, **sizes)
    step = {"sum": 9, "tanh": 2.1}.get(operator, 1.5) / (1 << bits_input)
    compare(few_bits(operator, bits_input), (1, 3, 8, 8), 0.03, hardware=hardware, step=step)


def compare(
    change: Change,
    shape: tuple[int, ...],
    neighbours: float = 0.01,
    *,
    rank: int | None = None,
    hardware: Hardware = HARDWARE,
    step: float = 0.05,
) -> None:
    """`rank` is that of the result, if it is another one than that of the input; no result is more than a step apart."""
    made = Graph(shape)
    change(made)
    proto = made.model(len(shape) if rank is None else rank)
    model = from_onnx(proto, hardware)
    x = np.random.default_rng(0).normal(size=(4 * shape[0], *shape[1:])).astype(np.float32) * 2
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    wanted = np.concatenate([session.run(None, {"x": one})[0] for one in np.split(x, 4)])
    got = model.predict(x)
    assert got.shape == wanted.shape
    apart = np.abs(got - wanted)
    assert apart.max() <= step * 1.001
    assert (apart > 1e-4).mean() <= neighbours
    assert np.ptp(wanted) > 0.5
    compile_module(model.module, verify_each=True)

"""
Files that are no networks for the engine, each with one clear message, and files that were damaged: never a traceback, never a
hang.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from test_onnx_check import Graph

from dsf.errors import DsfError, ModelError
from dsf.frontend.onnx.check import check_onnx
from dsf.frontend.onnx.model import from_onnx
from dsf.hardware import Hardware

FOLDER = Path(__file__).parents[1] / "data" / "onnx"
HARDWARE = Hardware(processing_elements=(4, 12), bits_bias=32)


def graph(change: Callable[[Graph], None], shape: tuple[int, ...] = (1, 3, 8, 8)) -> onnx.ModelProto:
    made = Graph(shape)
    change(made)
    return made.model()


def weights(made: Graph, *sizes: int, scale: object = np.float32(0.01), **attributes: object) -> str:
    codes = made.constant(np.ones(sizes, np.int8))
    return made.node("DequantizeLinear", codes, made.constant(np.asarray(scale, np.float32)), **attributes)


def two_inputs() -> onnx.ModelProto:
    model = graph(lambda made: made.conv(4, 3, "conv"))
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1]))
    return model


def without_size() -> onnx.ModelProto:
    model = graph(lambda made: made.conv(4, 3, "conv"))
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    return model


def old_operators() -> onnx.ModelProto:
    model = graph(lambda made: made.conv(4, 3, "conv"))
    model.opset_import[0].version = 9
    return model


def moved(made: Graph) -> None:
    made.conv(8, 3, "first", pads=[1, 1, 1, 1])
    made.then("Reshape", made.constant(np.array([1, 4, 16, 8])), name="mix")
    made.conv(8, 4, "second", kernel=1)


def behind_the_end(made: Graph) -> None:
    made.x = made.node("MaxPool", made.node("Softmax", made.x, name="softmax"), name="pool", kernel_shape=[2, 2])


def no_weights() -> onnx.ModelProto:
    """Weights without axes, but with several scales."""
    made = Graph((1, 3, 8, 8))
    scale, zero = made.constant(np.float32(0.05)), made.constant(np.uint8(117))
    scales, zeros = made.constant(np.full(3, 0.1, np.float32)), made.constant(np.zeros(3, np.int8))
    w = made.constant(np.int8(5))
    made.x = made.node("QLinearConv", "quantizelinear_0_y", scale, zero, w, scales, zeros, scale, zero, name="conv")
    return made.model()


def ints(made: Graph, *values: int) -> str:
    return made.constant(np.array(values, np.int64))


def split_badly(made: Graph) -> None:
    made.nodes.append(helper.make_node("Split", [made.x, ints(made, 1, 1)], ["x1", "x2"], name="split", axis=1))
    made.quantise("x1")


def resize(made: Graph, scales: list[float], **attributes: object) -> None:
    roi = made.constant(np.zeros(8, np.float32))
    made.then("Resize", roi, made.constant(np.array(scales, np.float32)), name="resize", **attributes)


def turned_sums(made: Graph) -> None:
    """Factors for the rows of a convolution's sums, which are as many as its channels."""
    w = weights(made, 6, 3, 3, 3)
    sums = made.node("Transpose", made.node("Conv", made.x, w), perm=[0, 2, 1, 3])
    made.quantise(made.node("Mul", sums, made.constant(np.arange(1, 7, dtype=np.float32).reshape(1, 6, 1, 1)), name="mul"))


def falling(made: Graph, parts: int) -> None:
    """Behind the largest of sums in each window, perhaps joined."""
    sums = [made.node("Conv", made.x, weights(made, 2, 3, 1, 1)) for _ in range(parts)]
    pooled = [made.node("MaxPool", one, kernel_shape=[2, 2]) for one in sums]
    x = pooled[0] if parts == 1 else made.node("Concat", *pooled, axis=1)
    made.quantise(made.node("LeakyRelu", x, name="leaky", alpha=-0.5))


def pool_of_biased(made: Graph, **attributes: object) -> None:
    """Counting its padding, which is 0, though the convolution has a bias."""
    sums = made.node("Conv", made.x, weights(made, 4, 3, 1, 1), made.constant(np.ones(4, np.float32)))
    made.quantise(made.node("AveragePool", sums, name="pool", count_include_pad=1, **attributes))


def pool_of_transposed(made: Graph) -> None:
    sums = made.node("ConvTranspose", made.x, weights(made, 3, 4, 2, 2), name="up")
    made.quantise(made.node("AveragePool", sums, name="pool", kernel_shape=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1))


def clip_to(made: Graph, place: int, limit: float) -> None:
    limits = [made.constant(np.float32(limit if index == place else other)) for index, other in enumerate((-np.inf, np.inf))]
    made.then("Clip", *limits, name="clip")


def mean_of_turned_rows(made: Graph) -> None:
    """Images whose last element comes first."""
    made.then("Flatten", name="flat")
    w = made.node("DequantizeLinear", made.constant(np.ones((192, 8), np.int8)), made.constant(np.float32(0.01)))
    made.then("MatMul", w, name="dense")
    made.then("Slice", ints(made, -1), ints(made, -9), ints(made, 1), ints(made, -1), name="back")
    made.then("Reshape", ints(made, 1, 2, 2, 2), name="images")
    made.then("ReduceMean", ints(made, 2), name="mean")


def five_axes(made: Graph) -> None:
    """And something of these axes behind it."""
    made.then("Mul", made.constant(np.ones((1, 3, 1, 1, 1), np.float32)), name="mul")
    made.then("Add", made.x, name="add")


def different(made: Graph, *sizes: int) -> str:
    return made.constant(np.arange(np.prod(sizes), dtype=np.float32).reshape(sizes))


def slopes_of_columns(made: Graph) -> None:
    sums = made.node("Relu", made.x)
    made.quantise(made.node("PRelu", sums, made.constant(np.arange(8, dtype=np.float32)), name="prelu"))


def product_of_turned_images(made: Graph) -> None:
    """The last pixel of each channel comes first."""
    made.conv(3, 3, "conv", kernel=1)
    made.then("Reshape", ints(made, 0, 0, -1), name="line")
    made.then("Slice", ints(made, -1), ints(made, -65), ints(made, 2), ints(made, -1), name="back")
    made.then("MatMul", weights(made, 64, 2), name="mul")


def cast_of_constant(made: Graph) -> None:
    made.node("Cast", made.constant(np.ones(3, np.float32)), name="cast", to=TensorProto.FLOAT8E4M3FN)


def mean_of_channels(made: Graph) -> None:
    """Of sums of which each channel has a scale of its own."""
    sums = made.node("Mul", made.x, made.constant(np.float32([[[[0.5]], [[1]], [[2]]]])), name="mul")
    made.quantise(made.node("ReduceMean", sums, ints(made, 1), name="mean"))


def zeros_of_type(made: Graph, kind: type) -> None:
    w = made.node("DequantizeLinear", made.constant(np.zeros((4, 3, 1, 1), kind)), made.constant(np.float32(2.0**-7)))
    made.then("Conv", w, name="conv")


def rectified(made: Graph) -> None:
    made.then("Relu", name="relu")


def length(made: Graph) -> None:
    made.then("LpNormalization", name="norm")


def mean_of_function(made: Graph, op_type: str, step: float = 0.05) -> None:
    """Nothing rounds between them; large numbers if `step` is."""
    made.quantise(made.x, step)
    made.quantise(made.node("GlobalAveragePool", made.node(op_type, made.x, name=op_type.lower()), name="mean"))


def factors_of_pole(made: Graph) -> None:
    factors = made.constant(np.float32([[[1]], [[2]], [[3]]]))
    made.quantise(made.node("Mul", made.node("Reciprocal", made.x), factors, name="mul"))


def wide_factors(made: Graph) -> None:
    factors = made.constant(np.float32([[[1]], [[2]], [[3]]]))
    made.quantise(made.node("Mul", made.node("Sigmoid", made.x), factors, name="function"))


def integer_input() -> onnx.ModelProto:
    """Integers that are rectified before it is said what they stand for."""
    made = Graph((1, 3, 8, 8))
    made.nodes.clear()
    made.x = made.node("DequantizeLinear", made.node("Relu", "x", name="relu"), made.constant(np.float32(0.05)))
    model = made.model()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
    return model


def mirrored_operand(op_type: str) -> onnx.ModelProto:
    def change(made: Graph) -> None:
        made.conv(4, 3, "conv")
        source = made.x
        numbers = [made.constant(np.array([one], np.int64)) for one in (-1, -100, 3, -1)]
        made.then("Slice", *numbers, name="mirrored")
        made.then(op_type, source, name="two")

    return graph(change)


def float_input() -> onnx.ModelProto:
    model = graph(lambda made: made.then("Sigmoid", name="sigmoid"))
    del model.graph.node[:2]
    model.graph.node[0].input[0] = "x"
    return model


ERRORS: list[tuple[str, Callable[[], onnx.ModelProto]]] = [
    (r"'test': inputs 'x', 'z', needs one; make constants of the others, or split the model", two_inputs),
    (r"'x': an input of shape 1x3x\?x8, needs fixed sizes, but for a batch; export it with a fixed shape", without_size),
    (r"'test': operators of version 9, needs 10 to 28; export it .*|'test': no valid ONNX model .*", old_operators),
    (
        r"'conv': weights in floating point, needs integers behind a DequantizeLinear; quantise the model: .*",
        lambda: graph(lambda made: made.then("Conv", made.constant(np.ones((2, 3, 1, 1), np.float32)), name="conv")),
    ),
    (
        r"'conv': scales along axis 1 of the weights, needs axis 0, that of the output channels; quantise .*",
        lambda: graph(lambda made: made.then("Conv", weights(made, 2, 3, 1, 1, scale=[0.1, 0.2, 0.3], axis=1), name="conv")),
    ),
    (
        r"'conv': an input of rank 4 and weights of rank 3, needs both 4, or both 3; reshape them",
        lambda: graph(lambda made: made.then("Conv", weights(made, 2, 3, 1), name="conv")),
    ),
    (
        r"'conv': 3 channels, 2 groups, and weights of shape \(2, 3, 1, 1\), needs \(CO, CI / groups, KH, KW\); .*",
        lambda: graph(lambda made: made.then("Conv", weights(made, 2, 3, 1, 1), name="conv", group=2)),
    ),
    (
        r"'conv': a window: .*, needs one inside the padded image; use larger images",
        lambda: graph(lambda made: made.conv(2, 3, "conv", kernel=9)),
    ),
    (
        r"'pool': windows outside the image, needs at least one element in each; pad less",
        lambda: graph(lambda made: made.then("AveragePool", name="pool", kernel_shape=[2, 2], pads=[2, 2, 1, 1])),
    ),
    (
        r"'pool': a window: .* spans 9x1 elements, .* has 8x8; .*, needs one inside the padded image; use larger images",
        lambda: graph(lambda made: made.then("AveragePool", name="pool", kernel_shape=[5, 1], dilations=[2, 1])),
    ),
    (
        r"'pool': auto_pad of windows that leave out 2 elements of \(8, 8\) at the ends, needs at most 1; use pads, or .*",
        lambda: graph(
            lambda made: made.then("AveragePool", name="pool", kernel_shape=[1, 3], strides=[5, 3], auto_pad="SAME_UPPER")
        ),
    ),
    (
        r"'pool': windows outside the image, needs at least one element in each; pad less",
        lambda: graph(lambda made: pool_of_biased(made, kernel_shape=[2, 1], dilations=[9, 1], pads=[1, 0, 1, 0])),
    ),
    (
        r"'pool': a mean of what is not quantised, behind a transposed convolution or a dense layer \('up'\), needs a "
        "QuantizeLinear and DequantizeLinear before it; quantise the model there",
        lambda: graph(pool_of_transposed),
    ),
    (
        r"'pool': a dilation of \(2, 2\), needs 1; use a pooling without",
        lambda: graph(lambda made: made.then("MaxPool", name="pool", kernel_shape=[2, 2], dilations=[2, 2])),
    ),
    (r"'second': an operand whose axes were moved, 1x4x16x8 of the engine's 1x8x8x8, needs images .*", lambda: graph(moved)),
    (
        r"'add': a constant of shape \(8, 7\) for a tensor of \(1, 3, 8, 8\), needs one that broadcasts against it; use .*",
        lambda: graph(lambda made: made.then("Add", made.constant(np.ones((8, 7), np.float32)), name="add")),
    ),
    (
        r"'add': a constant of 43200 numbers that differ along several axes, needs at most 32768; use one that differs .*",
        lambda: graph(lambda made: made.then("Add", different(made, 3, 120, 120), name="add"), (1, 3, 120, 120)),
    ),
    (
        r"'add': numbers that differ from image to image, of a tensor of \(2, 3, 8, 8\), needs the same for each image; .*",
        lambda: graph(lambda made: made.then("Add", different(made, 2, 1, 1, 1), name="add"), (2, 3, 8, 8)),
    ),
    (
        r"'mul': a product over an axis whose elements are in another order than the engine's, of a tensor of \(1, 3, 64\), .*",
        lambda: graph(product_of_turned_images),
    ),
    (
        r"'max': a constant of shape \(3, 4\) for a tensor of \(1, 4\), needs one that broadcasts against it; .*",
        lambda: graph(lambda made: made.then("Max", made.constant(np.zeros((3, 4), np.float32)), name="max"), (1, 4)),
    ),
    (
        r"'pow': a constant of shape \(1, 1, 1\) for a tensor of \(1, 4\), needs one that broadcasts against it; .*",
        lambda: graph(lambda made: made.then("Pow", made.constant(np.full((1, 1, 1), 2, np.float32)), name="pow"), (1, 4)),
    ),
    (
        r"'prelu': a constant of shape \(1, 1, 1\) for a tensor of \(1, 4\), needs one that broadcasts against it; .*",
        lambda: graph(lambda made: made.then("PRelu", made.constant(np.full((1, 1, 1), 2, np.float32)), name="prelu"), (1, 4)),
    ),
    (
        r"'prelu': slopes of shape \(8,\) that are not one for each channel of what is not quantised before, needs a .*",
        lambda: graph(slopes_of_columns),
    ),
    (
        r"'mul': a product of ranks 4 and 3, needs weights of rank 2, the same for each image; reshape them",
        lambda: graph(lambda made: made.then("MatMul", weights(made, 3, 8, 2), name="mul")),
    ),
    (
        r"'mean': a mean over axes \(0, 2\) of a tensor of \(2, 3, 8, 8\), needs axes of rows or images; average the batch .*",
        lambda: graph(lambda made: made.then("ReduceMean", ints(made, 0, 2), name="mean"), (2, 3, 8, 8)),
    ),
    (
        r"'mean': an operand whose axes were moved, 1x2x2x2 of the engine's 1x8, needs images .*",
        lambda: graph(mean_of_turned_rows),
    ),
    (
        r"'mul': a constant of shape \(1, 3, 1, 1, 1\) for a tensor of \(1, 3, 8, 8\), needs one that broadcasts against .*",
        lambda: graph(five_axes),
    ),
    (
        r"'cast': a cast to float8_e4m3fn, needs integers, or real numbers of 16 bits or more; use such a type",
        lambda: graph(cast_of_constant),
    ),
    (
        r"'div': a divisor of 0, needs other numbers; correct the constant",
        lambda: graph(lambda made: made.then("Div", made.constant(np.float32(0)), name="div")),
    ),
    (
        r"'div': a divisor that is computed, needs a constant; export the model with constants folded",
        lambda: graph(lambda made: made.then("Div", made.x, name="div")),
    ),
    (
        r"'gemm': an input of rank 4, needs 2; flatten it",
        lambda: graph(lambda made: made.then("Gemm", weights(made, 3, 2), name="gemm")),
    ),
    (r"'conv': operands or attributes that do not belong together \(IndexError: .*\), needs some that do; .*", no_weights),
    (
        r"'x': an input of \(100000, 1000\), needs at most 16777216 elements; use smaller images",
        lambda: graph(rectified, (100000, 1000)),
    ),
    (
        r"'mul': a factor or an offset of what is not quantised, behind a function or of moved axes, needs a QuantizeLinear .*",
        lambda: graph(turned_sums),
    ),
    (
        r"'up': 3 channels, 1 groups, and weights of shape \(4, 2, 2, 2\), needs \(CI, CO / groups, KH, KW\); .*",
        lambda: graph(lambda made: made.then("ConvTranspose", weights(made, 4, 2, 2, 2), name="up")),
    ),
    (
        r"'up': an input of rank 4 and weights of rank 3, needs both 4, or both 3; reshape them",
        lambda: graph(lambda made: made.then("ConvTranspose", weights(made, 3, 2, 2), name="up")),
    ),
    (
        r"'up': kernel_shape \(3, 3\), needs \(2, 2\), as weights; export the model again",
        lambda: graph(lambda made: made.then("ConvTranspose", weights(made, 3, 2, 2, 2), name="up", kernel_shape=[3, 3])),
    ),
    (
        r"'up': strides, dilations, pads, output_padding or output_shape of another rank, or below 1, needs 2 axes; .*",
        lambda: graph(lambda made: made.then("ConvTranspose", weights(made, 3, 2, 2, 2), name="up", strides=[1, 0])),
    ),
    (
        r"'up': pads \(-1, 0, 0, 0\) and output_padding \(0, 0\), needs 0 or more; slice the tensor before it",
        lambda: graph(lambda made: made.then("ConvTranspose", weights(made, 3, 2, 2, 2), name="up", pads=[-1, 0, 0, 0])),
    ),
    (
        r"'up': a window: .*, needs one that leaves some output; pad less",
        lambda: graph(lambda made: made.then("ConvTranspose", weights(made, 3, 2, 2, 2), name="up", pads=[9, 9, 9, 9])),
    ),
    (
        r"'mean': a mean of what is not quantised, behind a transposed convolution or a dense layer \('up'\), needs a Quan.*",
        lambda: graph(
            lambda made: made.quantise(
                made.node(
                    "GlobalAveragePool",
                    made.node("ConvTranspose", made.x, weights(made, 3, 1, 2, 2), name="up", group=3),
                    name="mean",
                )
            )
        ),
    ),
    (
        r"'concat': a constant among its operands, needs tensors that the network computes; append it outside",
        lambda: graph(
            lambda made: made.then("Concat", made.constant(np.ones((1, 2, 8, 8), np.float32)), name="concat", axis=1)
        ),
    ),
    (
        r"'concat': operands of shapes .* along axis 4, needs such that fit; export the model again",
        lambda: graph(lambda made: made.then("Concat", made.x, name="concat", axis=4)),
    ),
    (
        r"'part': a part without elements, needs at least one along each axis; export the model again",
        lambda: graph(lambda made: made.then("Slice", ints(made, 5), ints(made, 5), name="part")),
    ),
    (
        r"'part': a step of 0, needs another one; export the model again",
        lambda: graph(lambda made: made.then("Slice", ints(made, 0), ints(made, 5), "", ints(made, 0), name="part")),
    ),
    (
        r"'split': parts of \(1, 1\) of 3, needs 2 whose sum is that; export the model again",
        lambda: graph(split_badly),
    ),
    (
        r"'pad': mode reflect, needs a constant; pad outside the network, or with zeros",
        lambda: graph(lambda made: made.then("Pad", ints(made, 0, 0, 1, 1, 0, 0, 1, 1), name="pad", mode="reflect")),
    ),
    (
        r"'pad': padding of the batch, needs that of images; pad outside the network",
        lambda: graph(lambda made: made.then("Pad", ints(made, 1, 0, 0, 0, 0, 0, 0, 0), name="pad")),
    ),
    (
        r"'pad': padding with -inf, needs a finite number; use another one",
        lambda: graph(
            lambda made: made.then("Pad", ints(made, 0, 0, 1, 1, 0, 0, 1, 1), made.constant(np.float32(-np.inf)), name="pad")
        ),
    ),
    (
        r"'pad': pads that leave nothing, needs at least one element along each axis; crop less",
        lambda: graph(lambda made: made.then("Pad", ints(made, 0, 0, -8, 0, 0, 0, 0, 0), name="pad")),
    ),
    (
        r"'resize': mode cubic, needs nearest or linear; use one of these, or a ConvTranspose",
        lambda: graph(lambda made: resize(made, [1, 1, 2, 2], mode="cubic")),
    ),
    (
        r"'resize': an interpolation of 8 elements at 12 positions from -0.167 to 7.17, needs positions a whole fraction .*",
        lambda: graph(lambda made: resize(made, [1, 1, 2, 1.5], mode="linear")),
    ),
    (
        r"'resize': an interpolation of 8 elements at 16 positions from 0 to 7, needs positions a whole fraction of an .*",
        lambda: graph(lambda made: resize(made, [1, 1, 2, 1], mode="linear", coordinate_transformation_mode="align_corners")),
    ),
    (
        r"'resize': other channels or images, needs other rows and columns; resize these only",
        lambda: graph(lambda made: resize(made, [1, 2, 1, 1])),
    ),
    (
        r"'resize': a mapping of 8 elements to 16 by half_pixel, needs elements repeated equally often; use whole .*",
        lambda: graph(lambda made: resize(made, [1, 1, 2, 2], nearest_mode="ceil")),
    ),
    (
        r"'resize': coordinates by tf_crop_and_resize, needs those of images as they are; use 'asymmetric'",
        lambda: graph(lambda made: resize(made, [1, 1, 2, 2], coordinate_transformation_mode="tf_crop_and_resize")),
    ),
    (
        r"'leaky': a slope of -0.5 behind a max pooling of what is not quantised, needs a QuantizeLinear and Dequant.*; .*",
        lambda: graph(lambda made: falling(made, 1)),
    ),
    (
        r"'leaky': a slope of -0.5 behind a max pooling of what is not quantised, needs a QuantizeLinear and Dequant.*; .*",
        lambda: graph(lambda made: falling(made, 2)),
    ),
    (
        r"'mean': a mean over channels of what is not quantised, each of another scale \('mul'\), needs a QuantizeLinear .*",
        lambda: graph(mean_of_channels),
    ),
    (
        r"'relu': an operand that is the input of type int8, needs real numbers; add a DequantizeLinear",
        integer_input,
    ),
    (
        r"'sigmoid': an operand that is the input in floating point, needs a QuantizeLinear and Dequant.*; quantise .*",
        float_input,
    ),
    *(
        (
            rf"'clip': '{'min' if place == 0 else 'max'}' of {limit}, needs a number; correct it",
            lambda place=place, limit=limit: graph(lambda made: clip_to(made, place, limit)),
        )
        for place, limit in ((0, np.inf), (0, np.nan), (1, -np.inf))
    ),
    *(
        (
            r"'two': operands whose axes were moved differently, needs the same order; drop the Transpose before one",
            lambda op_type=op_type: mirrored_operand(op_type),
        )
        for op_type in ("Add", "Mul")
    ),
    *(
        (
            rf"'conv': weights of {np.dtype(kind).itemsize * 8} bits, needs at most 8 \(bits_weights\); use fewer bits or .*",
            lambda kind=kind: graph(lambda made: zeros_of_type(made, kind)),
        )
        for kind in (np.int16, np.int32)
    ),
    (
        r".*: a sigmoid of 40 sums that are not quantised \('conv_.*'\), of 25. steps, needs 1 to 192, or a Quant.*",
        lambda: graph(
            lambda made: made.quantise(
                made.node("Sigmoid", made.node("Conv", made.x, weights(made, 40, 3, 1, 1, scale=np.float32(1)))), 1 / 255, 0
            )
        ),
    ),
    (
        r"'mean': a log that is infinite for integers of its operand \('log'\), needs numbers, or a QuantizeLinear .*",
        lambda: graph(lambda made: mean_of_function(made, "Log")),
    ),
    (
        r"'mul': a reciprocal that is infinite for integers of its operand \('.*'\), needs numbers, or a QuantizeLinear .*",
        lambda: graph(factors_of_pole),
    ),
    (
        r"'.*': results in steps of 0.05 of what tables have in steps of 2.97e\+10 \('mean'\), needs at least 1.19e\+11, or .*",
        lambda: graph(lambda made: mean_of_function(made, "Exp", 0.25), (1, 3, 4, 4)),
    ),
    (
        r"'.*': a kernel of 8x24, with 3 columns for each number that is not quantised \('mean'\), needs at most 13x13, or a "
        r"QuantizeLinear and DequantizeLinear before it; quantise there, or use Hardware\(max_kernel_size=\(13, 24\)\)",
        lambda: graph(lambda made: mean_of_function(made, "Sigmoid")),
    ),
    (
        r"'.*': an input image of 8x40, with 2 columns for each number that is not quantised \('function'\), needs at most .*",
        lambda: graph(wide_factors, (1, 3, 8, 20)),
    ),
    (
        r"'pool': an operand behind a function of the processor, needs it at the network's end; end the network there",
        lambda: graph(behind_the_end),
    ),
]


@pytest.mark.parametrize(("message", "make"), ERRORS, ids=range(len(ERRORS)))
def test_one_message(message: str, make: Callable[[], onnx.ModelProto]) -> None:
    with pytest.raises(ModelError) as caught:
        from_onnx(make(), HARDWARE)
    (problem,) = caught.value.problems
    assert re.fullmatch(message, problem), problem


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, data in {"empty": b"", "text": b"no model at all", "zeros": bytes(100)}.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        with pytest.raises(ModelError, match=f"'{path}': .*, needs "):
            from_onnx(path, HARDWARE)
    with pytest.raises(ModelError, match="No such file or directory, needs an ONNX file"):
        from_onnx(tmp_path / "none.onnx", HARDWARE)


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Truncated, or with a few bytes changed, removed or doubled."""
    if draw.random() < 0.2:
        return data[: draw.randrange(len(data))]
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8))):
        place, kind = draw.randrange(len(made)), draw.randrange(4)
        if kind == 0:
            made[place] = draw.randrange(256)
        elif kind == 1:
            made[place] ^= 1 << draw.randrange(8)
        elif kind == 2:
            del made[place : place + draw.randrange(1, 9)]
        else:
            made[place:place] = made[place : place + draw.randrange(1, 9)]
    return bytes(made)


@pytest.mark.parametrize("seed", range(6))
def test_damaged_files(seed: int, tmp_path: Path) -> None:
    """QDQ, operators on integers, QONNX, QCDQ and float, read and checked: a network, or messages."""
    draw = random.Random(seed)
    path = tmp_path / "damaged.onnx"
    trained = [FOLDER.parent / "trained" / f"cancer.{form}.onnx" for form in ("qonnx", "qcdq", "float")]
    for name in [*sorted(FOLDER.glob("*.onnx")), *trained]:
        for _ in range(4):
            path.write_bytes(damaged(name.read_bytes(), draw))
            try:
                from_onnx(path, HARDWARE)
            except DsfError as error:
                assert error.problems and all(" needs " in one for one in error.problems), (seed, error.problems)
            try:
                check_onnx(path, HARDWARE)
            except ModelError as error:
                assert error.problems, seed

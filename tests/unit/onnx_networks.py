"""
Random float ONNX graphs of the operators that are supported, drawn from a `random.Random`: chains with branches, of images and
then perhaps of rows. Weights keep the size of what goes through about the same.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
POINTWISE = ("Relu", "LeakyRelu", "Clip", "HardSwish", "Sigmoid", "Tanh", "Gelu")


@dataclass
class Drawn:
    """A graph that grows; `x` is the last result, of `shape`, and `images` all that are images."""

    rng: random.Random
    shape: tuple[int, ...] = ()
    x: str = "x"
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    images: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = np.random.default_rng(self.rng.getrandbits(32))
        self.input = self.shape = (1, self.rng.randint(1, 5), self.rng.randint(4, 9), self.rng.randint(4, 9))
        self.images.append((self.x, self.shape))

    def constant(self, values: object, kind: type = np.float32) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=kind), name))
        return name

    def push(self, op_type: str, *inputs: str, shape: tuple[int, ...], **attributes: object) -> None:
        name = f"{op_type.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [f"{name}_y"], name=name, **attributes))
        self.x, self.shape = f"{name}_y", shape
        if len(shape) == 4:
            self.images.append((self.x, shape))

    def weights(self, *sizes: int, inputs: int) -> str:
        return self.constant(self.draw.normal(size=sizes) * self.rng.uniform(0.8, 1.5) / np.sqrt(inputs))

    def conv(self) -> None:
        rng, (batch, channels, height, width) = self.rng, self.shape
        groups = rng.choice([one for one in range(1, channels + 1) if channels % one == 0])
        outputs = groups * rng.randint(1, max(1, 8 // groups))
        kernel = (rng.randint(1, min(3, height)), rng.randint(1, min(4, width)))
        strides, pads = (rng.randint(1, 2), rng.randint(1, 2)), [rng.randint(0, one - 1) for one in (*kernel, *kernel)]
        top, left, bottom, right = pads
        rows = (height + top + bottom - kernel[0]) // strides[0] + 1
        columns = (width + left + right - kernel[1]) // strides[1] + 1
        w = self.weights(outputs, channels // groups, *kernel, inputs=channels // groups * kernel[0] * kernel[1])
        bias = [self.constant(self.draw.normal(size=outputs) * 0.3)] if rng.random() < 0.8 else []
        shape = (batch, outputs, rows, columns)
        self.push("Conv", self.x, w, *bias, shape=shape, group=groups, strides=strides, pads=pads)
        if rng.random() < 0.3:
            self.norm()
        if rng.random() < 0.6:
            self.pointwise(rng.choice(("Relu", "Clip", "LeakyRelu")))

    def transposed(self) -> None:
        rng, (batch, channels, height, width) = self.rng, self.shape
        groups = rng.choice([1, 1, 1, *(one for one in range(1, channels + 1) if channels % one == 0)])
        outer = rng.randint(1, max(1, 6 // groups))
        kernel, strides = (rng.randint(1, 3), rng.randint(1, 3)), (rng.randint(1, 2), rng.randint(1, 2))
        more = [rng.randint(0, one - 1) for one in strides]
        pads = [rng.randint(0, (one - 1) // 2) for one in (*kernel, *kernel)]
        rows = (height - 1) * strides[0] + kernel[0] - pads[0] - pads[2] + more[0]
        columns = (width - 1) * strides[1] + kernel[1] - pads[1] - pads[3] + more[1]
        if not (0 < rows <= 24 and 0 < columns <= 24):
            return
        w = self.weights(channels, outer, *kernel, inputs=max(channels // groups, 1))
        attributes = {"group": groups, "strides": strides, "pads": pads, "output_padding": more}
        bias = self.constant(self.draw.normal(size=groups * outer) * 0.3)
        self.push("ConvTranspose", self.x, w, bias, shape=(batch, groups * outer, rows, columns), **attributes)

    def norm(self) -> None:
        channels = self.shape[1]
        gamma = self.draw.uniform(0.5, 1.5, channels) * self.draw.choice((-1, 1), channels)
        numbers = [gamma, *self.draw.normal(size=(2, channels)) * 0.3]
        names = [self.constant(one) for one in (*numbers, self.draw.uniform(0.5, 1.5, channels))]
        self.push("BatchNormalization", self.x, *names, shape=self.shape)

    def pointwise(self, kind: str) -> None:
        attributes = {"alpha": self.rng.choice((0.125, 0.1, 0.3, -0.2))} if kind == "LeakyRelu" else {}
        limits = [self.constant(-0.5), self.constant(6.0)] if kind == "Clip" else []
        self.push(kind, self.x, *limits, shape=self.shape, **attributes)

    def pool(self) -> None:
        rng, (batch, channels, height, width) = self.rng, self.shape
        kind = rng.choice(("MaxPool", "AveragePool", "GlobalAveragePool"))
        if kind == "GlobalAveragePool":
            self.push(kind, self.x, shape=(batch, channels, 1, 1))
            return
        kernel = (rng.randint(1, min(3, height)), rng.randint(1, min(3, width)))
        strides, pads = (rng.randint(1, 2), rng.randint(1, 2)), [rng.randint(0, one - 1) for one in (*kernel, *kernel)]
        top, left, bottom, right = pads
        rows = (height + top + bottom - kernel[0]) // strides[0] + 1
        columns = (width + left + right - kernel[1]) // strides[1] + 1
        shape = (batch, channels, rows, columns)
        self.push(kind, self.x, shape=shape, kernel_shape=kernel, strides=strides, pads=pads)

    def two(self) -> None:
        """An addition, product or concatenation with an earlier tensor, or with what a function makes of this one."""
        rng, here, shape = self.rng, self.x, self.shape
        fitting = [one for one, sizes in self.images[:-1] if sizes == shape]
        kind = rng.choice(("Add", "Mul", "Concat", "Concat"))
        if not fitting:
            self.pointwise(rng.choice(("Tanh", "Sigmoid", "HardSwish")))
            fitting = [self.x]
        other = rng.choice(fitting)
        if kind == "Concat":
            axis = rng.choice((1, 1, 2, 3))
            sizes = tuple(size * 2 if place == axis else size for place, size in enumerate(shape))
            self.push(kind, here, other, shape=sizes, axis=axis)
        else:
            self.push(kind, here, other, shape=shape)

    def move(self) -> None:
        rng, shape = self.rng, self.shape
        kind = rng.choice(("Slice", "Pad", "Resize", "Transpose"))
        if kind == "Slice":
            axis = rng.randint(1, 3)
            first = rng.randint(0, shape[axis] - 1)
            stop, step = rng.randint(first + 1, shape[axis]), 1 if axis == 1 else rng.randint(1, 2)
            sizes = tuple(len(range(first, stop, step)) if place == axis else size for place, size in enumerate(shape))
            limits = [self.constant([one], np.int64) for one in (first, stop, axis, step)]
            self.push(kind, self.x, *limits, shape=sizes)
        if kind == "Pad":
            # Less than nothing crops.
            least = [-min(2, (size - 1) // 2) for size in shape[2:]]
            top, left, bottom, right = (rng.randint(one, 2) for one in (*least, *least))
            sizes = (*shape[:2], shape[2] + top + bottom, shape[3] + left + right)
            value = [self.constant(rng.uniform(-0.5, 0.5))] if rng.random() < 0.5 else []
            self.push(kind, self.x, self.constant([0, 0, top, left, 0, 0, bottom, right], np.int64), *value, shape=sizes)
        if kind == "Transpose":
            axes = rng.sample((1, 2, 3), 3)
            self.push(kind, self.x, shape=(1, *(shape[axis] for axis in axes)), perm=[0, *axes])
        if kind == "Resize" and max(shape[2:]) <= 10:
            factors = (rng.randint(1, 2), rng.randint(1, 2))
            sizes = (*shape[:2], shape[2] * factors[0], shape[3] * factors[1])
            self.push(kind, self.x, "", self.constant((1, 1, *factors)), shape=sizes, mode="nearest")

    def scaled(self) -> None:
        """A factor or an offset by constants, one for each channel, row or column."""
        _, *sizes = self.shape
        differ = self.rng.choice(((1, 0, 0), (0, 1, 0), (0, 0, 1)))
        shape = [size if one else 1 for size, one in zip(sizes, differ, strict=True)]
        kind = self.rng.choice(("Add", "Mul", "Sub", "Div"))
        drawn = self.draw.uniform(0.5, 1.5, shape) * self.draw.choice((-1, 1), shape)
        self.push(kind, self.x, self.constant(drawn), shape=self.shape)

    def mean(self) -> None:
        """Over one axis or two, which keep a size of 1."""
        axes = self.rng.choice(([1], [2], [3], [1, 2], [2, 3]))
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(self.shape))
        self.push("ReduceMean", self.x, self.constant(axes, np.int64), shape=shape)

    def product(self) -> None:
        """Of the last axis, that of columns."""
        inputs, outputs = self.shape[3], self.rng.randint(1, 8)
        self.push("MatMul", self.x, self.weights(inputs, outputs, inputs=inputs), shape=(*self.shape[:3], outputs))

    def rows(self) -> None:
        inputs = int(np.prod(self.shape[1:]))
        self.push("Flatten", self.x, shape=(1, inputs))
        for _ in range(self.rng.randint(1, 2)):
            outputs = self.rng.randint(2, 8)
            w = self.weights(self.shape[1], outputs, inputs=self.shape[1])
            bias = self.constant(self.draw.normal(size=outputs) * 0.3)
            self.push("Gemm", self.x, w, bias, shape=(1, outputs))
            if self.rng.random() < 0.4:
                self.pointwise(self.rng.choice(("Relu", "Tanh")))

    def model(self) -> onnx.ModelProto:
        source = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.input)
        result = helper.make_tensor_value_info(self.x, TensorProto.FLOAT, self.shape)
        graph = helper.make_graph(self.nodes, "drawn", [source], [result], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def random_model(rng: random.Random) -> onnx.ModelProto:
    """A float model with one convolution or more."""
    made = Drawn(rng)
    made.conv()
    for _ in range(rng.randint(1, 5)):
        kind = rng.choice(
            ("conv", "conv", "conv", "transposed", "pool", "two", "move", "pointwise", "scaled", "mean", "product")
        )
        if kind == "pointwise":
            made.pointwise(rng.choice(POINTWISE))
        else:
            getattr(made, kind)()
    if max(made.shape[2:]) > 16 or rng.random() < 0.5:
        made.push("GlobalAveragePool", made.x, shape=(*made.shape[:2], 1, 1))
    if np.prod(made.shape) <= 300 and rng.random() < 0.6:
        made.rows()
    elif made.nodes[-1].op_type not in ("Conv", "Gemm"):
        # Ends with a layer: the last tensor is quantised.
        made.conv()
    return made.model()


def inputs_of(model: onnx.ModelProto, count: int, seed: int) -> np.ndarray:
    sizes = [one.dim_value for one in model.graph.input[0].type.tensor_type.shape.dim]
    return np.random.default_rng(seed).normal(size=(count, *sizes[1:])).astype(np.float32)

"""
Random networks and random hardware, for tests that compare levels.

Everything is drawn from a `random.Random`, so the same functions serve seeded tests (`random.Random(seed)`) and Hypothesis
(`hypothesis.strategies.randoms(use_true_random=False)`, or the strategies at the end, which shrink). Every network passes
`check-hardware` for its hardware: weights are drawn, then thinned until no sum can overflow.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue

from dsf import numerics
from dsf.constraints.check import problems_of
from dsf.dialects import bundle
from dsf.dialects.engine import HardwareOp
from dsf.dialects.shapes import shape
from dsf.errors import ModelError
from dsf.geometry import Window, resolve_padding, span
from dsf.hardware import Hardware
from dsf.numerics import Ints
from dsf.runtime.execute import input_shape
from dsf.transposed import resolve_transposed

SLOPES = (1.0, 0.0, 0.5, 0.25, 0.125, 2.0**-15)
#: Some of the functions: below the bundle level all of them are tables.
DRAWN_FUNCTIONS = ("sigmoid", "tanh", "exp", "gelu", "swish", "hard_sigmoid", "hard_swish", "leaky_relu")


def random_hardware(rng: random.Random, **widths: int) -> Hardware:
    """Small engines of all shapes and widths, or with these `widths` (parameters by name); memories at their defaults."""
    groups = rng.choice((1, 1, 2, 3, 4))
    bits_input = rng.choice((1, 2, 4, 8))
    drawn = {
        "bits_input": bits_input,
        "bits_weights": 1 if bits_input == 1 else rng.choice((2, 4, 8)),
        "bits_sum": rng.choice((16, 20, 24, 32)),
        "bits_bias": rng.choice((8, 16, 32)),
    }
    return Hardware(
        processing_elements=(rng.randint(1, 8), groups * rng.randint(1, 9)),
        column_groups=groups,
        **(drawn | widths),
        max_kernel_size=(7, 7),
        max_channels_in=64,
        max_channels_out=64,
        max_image_size=(16, 16),
        axi_width=rng.choice((32, 64, 128)),
    )


#: By how many rows or columns transposed convolutions crop their results at most, unless that is what is wanted.
USUAL_CROP = 2


def random_network(
    rng: random.Random, hardware: Hardware, *, layers: int = 4, depthwise: bool = False, crop: int = USUAL_CROP
) -> ModuleOp:
    """
    A module of the `bundle` level, `engine.hardware` included, with one function `@main` of up to `layers` bundles named
    bundle_0, bundle_1, ...: convolutions with every kind of kernel, stride and padding, in groups and depthwise, also
    transposed, residual adds, poolings, flatten and dense layers, activations of all slopes; the last layer raw or
    quantised. With `depthwise`, convolutions are depthwise wherever they can be, and dilated more often. Transposed
    ones lose up to `crop` rows or columns at each side: if that is more than usual, most layers are such, and their phases
    often begin inside the image.
    """
    module = _Network(rng, hardware, depthwise, crop).build(rng.randint(1, layers))
    module.verify()
    problems = problems_of(module)
    assert not problems, problems
    return module


def input_of(rng: random.Random, module: ModuleOp) -> Ints:
    """Integers for a module of any level: mostly uniform over the input's type, sometimes only the extremes and 0."""
    sizes, bits = input_shape(module)
    low, high = numerics.int_range(bits)
    generator = np.random.default_rng(rng.getrandbits(32))
    if rng.random() < 0.2:
        return numerics.to_element(generator.choice(np.array([low, high, 0]), size=sizes), bits)
    return numerics.random_elements(generator, sizes, bits)


@dataclass
class _Network:
    """A network that grows one bundle at a time; `value` is the result so far, `skips` all results with images."""

    rng: random.Random
    hardware: Hardware
    depthwise: bool
    crop: int
    block: Block = field(default_factory=Block)
    layers: list[Operation] = field(default_factory=list)
    skips: list[SSAValue] = field(default_factory=list)
    bundles: int = 0

    def __post_init__(self) -> None:
        self.weights = np.random.default_rng(self.rng.getrandbits(32))

    def build(self, count: int) -> ModuleOp:
        """The whole module with `count` bundles."""
        rng = self.rng
        self.batch = rng.choice((1, 1, 2, 3))
        sizes = (self.batch, rng.randint(1, 10), rng.randint(1, 10), self._channels(rng.choice((3, 8, 20))))
        q = bundle.QType.of(self.hardware.bits_input, rng.randint(0, 6))
        self.value: SSAValue = self.block.insert_arg(bundle.tensor_of(sizes, q), 0)
        self.skips.append(self.value)
        dense = rng.randint(0, min(2, count)) if rng.random() < 0.6 else 0
        images = count - dense
        for index in range(count):
            last = index == count - 1
            if index >= images:
                self._dense_bundle(last)
            else:
                self._image_bundle(last, flatten=index == images - 1 and (dense > 0 or rng.random() < 0.2))
        self.block.add_op(func.ReturnOp(self.value))
        signature = FunctionType.from_lists([self.block.args[0].type], [self.value.type])
        function = func.FuncOp("main", signature, Region(self.block))
        return ModuleOp([HardwareOp.from_hardware(self.hardware), function])

    # Bundles.

    def _image_bundle(self, last: bool, flatten: bool) -> None:
        rng = self.rng
        kinds = ("conv", "pool", "activation", "function", "add", "multiply", "gate", "move", "transposed")
        kind = rng.choices(kinds, (2, 2, 1, 1, 1, 1, 1, 2, 12) if self.crop > USUAL_CROP else (12, 2, 1, 1, 1, 1, 1, 2, 2))[0]
        if kind == "conv":
            target = self._skip_target() if rng.random() < 0.4 else None
            self._conv(target)
            if last and target is None and rng.random() < 0.4:
                self._end(flatten)
                return
            self._activate_sum()
            if target is not None:
                self._add(target)
        if kind == "transposed" and self._conv_transpose():
            if last and rng.random() < 0.3:
                self._end(flatten)
                return
            self._activate_sum()
            alike = [one for one in self.skips if shape(one) == shape(self.value)]
            if alike and rng.random() < 0.7:
                self._add(rng.choice(alike))
        if kind == "activation":
            self._push(bundle.ActivationOp(self.value, self._activation(self._near_frac()), self._slope()))
        if kind == "move":
            self._move()
        if kind == "gate":
            self._gate()
        if kind in ("add", "multiply"):
            others = [one for one in self.skips if shape(one) == shape(self.value)]
            self._add(rng.choice(others)) if kind == "add" else self._multiply(rng.choice(others))
        if kind == "function" or (kind == "conv" and self.layers and rng.random() < 0.15):
            self._function()
        if kind == "pool" or (kind in ("conv", "transposed", "add") and rng.random() < 0.35):
            self._pool()
        if not self.layers:
            self._push(bundle.ActivationOp(self.value, self._activation(self._near_frac()), self._slope()))
        self._end(flatten)

    def _dense_bundle(self, last: bool) -> None:
        rng = self.rng
        if len(shape(self.value)) == 4:
            self._push(bundle.FlattenOp(self.value))
            self._end(False)
        before = self.value
        residual = not last and rng.random() < 0.3
        inputs = shape(before)[1]
        most = self.hardware.max_channels_out
        outputs = inputs if residual and inputs <= most else self._channels(rng.choice((10, 40)))
        weights, bias, types = self._constants((inputs, outputs))
        self._push(bundle.DenseOp(before, weights, types[0], bits_sum=self.hardware.bits_sum, bias=bias, bias_type=types[1]))
        if last and rng.random() < 0.6:
            self._end(False)
            return
        self._activate_sum()
        if residual and outputs == inputs:
            self._add(before)
        self._end(False)

    def _end(self, flatten: bool) -> None:
        """Wraps the layers since the last bundle into one."""
        if flatten and len(shape(self.value)) == 4:
            self._push(bundle.FlattenOp(self.value))
        group = bundle.BundleOp(f"bundle_{self.bundles}", self.layers)
        self.bundles += 1
        self.layers = []
        self.block.add_op(group)
        self.value = group.output
        if len(shape(self.value)) == 4:
            self.skips.append(self.value)

    def _push(self, op: Operation) -> None:
        self.layers.append(op)
        self.value = op.results[0]

    # Layers.

    def _skip_target(self) -> SSAValue | None:
        """An earlier result with images as large as those of `value`."""
        fitting = [one for one in self.skips if shape(one)[:3] == shape(self.value)[:3]]
        fitting = [one for one in fitting if shape(one)[3] <= self.hardware.max_channels_out]
        return self.rng.choice(fitting) if fitting else None

    def _conv(self, target: SSAValue | None) -> None:
        """A convolution; with `target`, one whose result has the shape of that value."""
        window = self._conv_window(keep_size=target is not None)
        groups, outputs = self._groups(None if target is None else shape(target)[3])
        weights, bias, types = self._constants((*window.kernel, shape(self.value)[3] // groups, outputs))
        self._push(
            bundle.ConvOp(
                self.value,
                weights,
                types[0],
                bits_sum=self.hardware.bits_sum,
                bias=bias,
                bias_type=types[1],
                strides=window.strides,
                padding=window.padding,
                dilation=window.dilation,
                groups=groups,
            )
        )

    def _conv_transpose(self) -> bool:
        """A transposed convolution, unless its result would be too large."""
        rng, (_, height, width, channels) = self.rng, shape(self.value)
        kernel, strides = (rng.randint(1, 4), rng.randint(1, 4)), (rng.choice((1, 2, 2, 3)), rng.choice((1, 2, 2, 3)))
        if kernel[0] * kernel[1] * channels > self.hardware.weight_words:
            kernel = (1, 1)
        dilation = (rng.randint(1, 3), rng.randint(1, 3)) if rng.random() < 0.2 else (1, 1)
        sizes, reach = (height, width), (span(one, step) for one, step in zip(kernel, dilation, strict=True))
        rows, columns = (self._lost((size - 1) * step + one) for size, step, one in zip(sizes, strides, reach, strict=True))
        more = (rng.randint(0, strides[0] - 1), rng.randint(0, strides[1] - 1))
        same = rng.random() < 0.4 and self.crop == USUAL_CROP
        window = resolve_transposed("same" if same else (rows, columns), kernel, strides, dilation, (0, 0) if same else more)
        try:
            image = window.output_shape(height, width)
        except ModelError:
            return False
        if any(one > most for one, most in zip(image, self.hardware.max_image_size, strict=True)):
            return False
        groups, outputs = self._groups(None)
        weights, bias, types = self._constants((*kernel, channels // groups, outputs))
        self._push(
            bundle.ConvTransposeOp(
                self.value,
                weights,
                types[0],
                bits_sum=self.hardware.bits_sum,
                bias=bias,
                bias_type=types[1],
                strides=strides,
                padding=window.window.padding,
                output_padding=window.output_padding,
                dilation=dilation,
                groups=groups,
            )
        )
        return True

    def _lost(self, size: int) -> tuple[int, int]:
        """By how much an axis of a result is cropped at its ends; if by much, so that something is left."""
        most = self.crop if self.crop == USUAL_CROP else min(self.crop, size - 1)
        before = self.rng.randint(0, most)
        return before, self.rng.randint(0, most if self.crop == USUAL_CROP else min(self.crop, size - 1 - before))

    def _groups(self, wanted: int | None) -> tuple[int, int]:
        """Groups and output channels, `wanted` if given: often one group, or as many as channels, or any number between."""
        rng, inputs = self.rng, shape(self.value)[3]
        if self.depthwise and inputs == (wanted or inputs) and self._is_number_of_channels(inputs):
            return inputs, inputs
        outputs = self._channels(rng.choice((4, 12, 40))) if wanted is None else wanted
        if rng.random() < 0.5:
            return 1, outputs
        if wanted is None:
            multiples = [inputs * n for n in (1, 1, 1, 2, 3) if self._is_number_of_channels(inputs * n)]
            outputs = rng.choice([*multiples, outputs])
        common = math.gcd(inputs, outputs)
        return rng.choice((common, rng.choice([n for n in range(1, common + 1) if common % n == 0]))), outputs

    def _conv_window(self, keep_size: bool) -> Window:
        rng = self.rng
        _, height, width, channels = shape(self.value)
        most = tuple(min(7, size) for size in self.hardware.max_kernel_size)
        kernel = (rng.randint(1, rng.choice((3, most[0]))), rng.randint(1, rng.choice((3, most[1]))))
        if kernel[0] * kernel[1] * channels > self.hardware.weight_words:
            kernel = (1, 1)
        dilated = rng.random() < (0.5 if self.depthwise else 0.2)
        dilation = (rng.randint(1, 3), rng.randint(1, 3)) if dilated else (1, 1)
        strides = (1, 1) if keep_size else (rng.choice((1, 1, 2, 3)), rng.choice((1, 1, 2, 3)))
        same = Window(kernel, strides, resolve_padding("same", (height, width), kernel, strides, dilation), dilation)
        if keep_size:
            return same
        explicit = tuple(rng.randint(0, size) for size in (kernel[0], kernel[0], kernel[1], kernel[1]))
        padding = rng.choice((same.padding, (0, 0, 0, 0), explicit))
        return self._if_legal(Window(kernel, strides, padding, dilation), same)

    def _if_legal(self, window: Window, otherwise: Window) -> Window:
        _, height, width, _ = shape(self.value)
        top, bottom, left, right = window.padding
        spans = span(window.kernel[0], window.dilation[0]), span(window.kernel[1], window.dilation[1])
        if height + top + bottom < spans[0] or width + left + right < spans[1]:
            return otherwise
        fits = all(a <= b for a, b in zip(window.output_shape(height, width), self.hardware.max_image_size, strict=True))
        return window if fits else otherwise

    def _constants(
        self, sizes: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray | None, tuple[bundle.QType, bundle.QType | None]]:
        """Real weights of these sizes, output channel last, and a bias or none, on the grids of their types."""
        rng, hardware = self.rng, self.hardware
        x = bundle.q_of(self.value)
        w_type = bundle.QType.of(hardware.bits_weights, rng.randint(-1, hardware.bits_weights + 2))
        weights = numerics.random_elements(self.weights, tuple(sizes), hardware.bits_weights)
        sum_frac = x.frac.data + w_type.frac.data
        largest_sum = (1 << (hardware.bits_sum - 1)) - 1
        bias, b_type, used = None, None, 0
        if rng.random() < 0.8:
            shift = rng.randint(0, min(6, hardware.bits_sum - 10))
            b_type = bundle.QType.of(hardware.bits_bias, sum_frac - shift)
            most = min(largest_sum // 2 >> shift, numerics.int_range(hardware.bits_bias)[1])
            # Mostly as large as the sums, so that the two matter alike.
            most = min(most, 1 << rng.randint(4, hardware.bits_bias))
            integers = self.weights.integers(-most, most, size=sizes[-1], endpoint=True)
            bias, used = numerics.dequantize(integers, b_type.frac.data), most << shift
        # Binary weights can't be 0; 49 * 64 of them need no more than 13 bits.
        if hardware.bits_weights > 1:
            weights = self._thinned(weights, (largest_sum - used) >> (x.bits.data - 1))
        return numerics.dequantize(weights, w_type.frac.data), bias, (w_type, b_type)

    def _thinned(self, weights: Ints, most: int) -> Ints:
        """`weights` with random ones set to 0, so that the magnitudes of no output channel sum up to more than `most`."""
        flat = weights.reshape(-1, weights.shape[-1])
        order = self.weights.permuted(np.tile(np.arange(flat.shape[0])[:, None], flat.shape[1]), axis=0)
        kept = np.take_along_axis(flat, order, axis=0)
        kept = np.where(np.cumsum(np.abs(kept), axis=0) <= most, kept, 0)
        thinned = np.zeros_like(flat)
        np.put_along_axis(thinned, order, kept, axis=0)
        return thinned.reshape(weights.shape)

    def _activate_sum(self) -> None:
        """An activation whose shift brings typical sums into range, give or take two bits."""
        core = self.layers[-1]
        assert isinstance(core, bundle.CoreOp)
        weights = np.ldexp(core.weights_array, core.weights_type.frac.data)
        typical = np.sqrt((weights**2).reshape(-1, weights.shape[-1]).sum(axis=0)).mean()
        shift = int(np.log2(max(1.0, typical))) + self.rng.randint(-2, 2)
        self._push(bundle.ActivationOp(self.value, self._activation(core.sum_frac - shift), self._slope()))

    def _add(self, other: SSAValue) -> None:
        a, b = self.value, other
        if shape(a) == shape(b) and self.rng.random() < 0.5:
            a, b = b, a
        near = max(bundle.q_of(a).frac.data, bundle.q_of(b).frac.data) - 6
        frac = max(self._near_frac(), near, bundle.q_of(a).frac.data - 8, bundle.q_of(b).frac.data - 8)
        if abs(bundle.q_of(a).frac.data - bundle.q_of(b).frac.data) > 12:
            return
        self._push(bundle.AddOp(a, b, self._activation(frac), self._slope()))

    def _multiply(self, other: SSAValue) -> None:
        """The product with another tensor, unless fractions grow: typical products stay in range, give or take two bits."""
        a, b = self.value, other
        if shape(a) == shape(b) and self.rng.random() < 0.5:
            a, b = b, a
        frac = bundle.q_of(a).frac.data + bundle.q_of(b).frac.data - self.hardware.bits_input + self.rng.randint(0, 4)
        if abs(frac) > 32:
            return
        self._push(bundle.MultiplyOp(a, b, self._activation(frac), self._slope()))

    def _move(self) -> None:
        """A concatenation, a part, a border, an enlargement, or other axes, unless it would be too large."""
        rng, (_, height, width, channels) = self.rng, shape(self.value)
        kind = rng.choice(("concat", "slice", "pad", "resize", "transpose"))
        if kind == "concat":
            alike = [one for one in self.skips if one.type == self.value.type]
            others = rng.choices(alike, k=rng.randint(0, 2))
            if self._is_number_of_channels(channels * (1 + len(others))):
                self._push(bundle.ConcatOp([*others, self.value]))
        if kind == "slice":
            count = self._unit * rng.randint(1, channels // self._unit) if channels % self._unit == 0 else channels
            size = (rng.randint(1, height), rng.randint(1, width), count)
            first = [rng.randint(0, most - one) for most, one in zip((height, width, channels), size, strict=True)]
            self._push(bundle.SliceOp(self.value, first, size))
        if kind == "transpose":
            order = rng.sample(range(3), 3)
            rows, columns, depth = ((height, width, channels)[axis] for axis in order)
            if max(rows, columns) <= 16 and self._is_number_of_channels(depth):
                self._push(bundle.TransposeOp(self.value, order))
        if kind == "pad" and self.hardware.bits_input > 1:
            top, bottom, left, right = (rng.randint(0, 2) for _ in range(4))
            if height + top + bottom <= 16 and width + left + right <= 16:
                self._push(bundle.PadOp(self.value, (top, bottom, left, right), rng.uniform(-3, 3)))
        if kind == "resize":
            factors = rng.randint(1, min(3, 16 // height)), rng.randint(1, min(3, 16 // width))
            self._push(bundle.ResizeOp(self.value, factors))
        self._reshape(random.Random(f"{height} {width} {channels}"))

    def _reshape(self, rng: random.Random) -> None:
        """Perhaps another shape, and an activation, as it is no layer alone."""
        batch, *sizes = shape(self.value)
        rows = rng.choice([one for one in range(1, 17) if math.prod(sizes) % one == 0])
        left = math.prod(sizes) // rows
        columns = rng.choice([one for one in range(1, 17) if left % one == 0])
        if rng.random() < 0.4 and self._is_number_of_channels(left // columns):
            self._push(bundle.ReshapeOp(self.value, (batch, rows, columns, left // columns)))
            self._push(bundle.ActivationOp(self.value, bundle.grid_of(self.value)))

    def _gate(self) -> None:
        """Squeeze and excite: the product or sum of the images and a function of their averages, in bundles of their own."""
        images = self.value
        if abs(bundle.q_of(images).frac.data) > 8:
            # The product might have no type.
            return
        _, height, width, _ = shape(images)
        self._push(bundle.PoolOp(images, bundle.PoolKind.AVG, (height, width), self._activation(self._near_frac())))
        self._function()
        self._end(flatten=self.rng.random() < 0.5)
        gate, self.value = self.value, images
        near = abs(bundle.q_of(images).frac.data - bundle.q_of(gate).frac.data) <= 8
        self._add(gate) if near and (height + width) % 3 == 0 else self._multiply(gate)

    def _function(self) -> None:
        kind = self.rng.choice(DRAWN_FUNCTIONS)
        parameters = [0.3] if kind == "leaky_relu" and self.rng.random() < 0.5 else []
        self._push(bundle.FunctionOp(self.value, kind, self._activation(self._near_frac()), parameters))

    def _pool(self) -> None:
        rng = self.rng
        _, height, width, _ = shape(self.value)
        kernel = (rng.randint(1, 4), rng.randint(1, 4))
        if rng.random() < 0.2:
            kernel = (height, width)
        strides = (rng.randint(1, kernel[0]), rng.randint(1, kernel[1]))
        same = Window(kernel, strides, resolve_padding("same", (height, width), kernel, strides))
        explicit = tuple(rng.randint(0, (size - 1) // 2) for size in (kernel[0], kernel[0], kernel[1], kernel[1]))
        window = self._if_legal(Window(kernel, strides, rng.choice((same.padding, (0, 0, 0, 0), explicit))), same)
        kind = rng.choice((bundle.PoolKind.MAX, bundle.PoolKind.AVG))
        self._push(
            bundle.PoolOp(
                self.value,
                kind,
                kernel,
                self._activation(self._near_frac()),
                strides=strides,
                padding=window.padding,
                count_padding=kind is bundle.PoolKind.AVG and rng.random() < 0.3,
                negative_slope=self._slope() if rng.random() < 0.5 else 1.0,
            )
        )

    # Numbers.

    def _channels(self, most: int) -> int:
        """A number of channels; in a batch, one whose images fill whole bytes."""
        most = min(most, self.hardware.max_channels_in, self.hardware.max_channels_out)
        return self._unit * self.rng.randint(1, max(1, most // self._unit))

    @property
    def _unit(self) -> int:
        return 8 // self.hardware.bits_input if self.batch > 1 else 1

    def _is_number_of_channels(self, count: int) -> bool:
        return count % self._unit == 0 and count <= min(self.hardware.max_channels_in, self.hardware.max_channels_out)

    def _activation(self, frac: int) -> bundle.QType:
        """Mostly as wide as the hardware has it."""
        bits = self.hardware.bits_input
        return bundle.QType.of(max(min(2, bits), bits - 1) if self.rng.random() < 0.1 else bits, frac)

    def _near_frac(self) -> int:
        return bundle.q_of(self.value).frac.data + self.rng.choice((-2, -1, 0, 0, 0, 1, 2))

    def _slope(self) -> float:
        """A ReLU would leave nothing of a sign."""
        return self.rng.choice([slope for slope in SLOPES if slope > 0 or self.hardware.bits_input > 1])


# Hypothesis.


def hardwares() -> st.SearchStrategy[Hardware]:
    """Strategy of engines."""
    return st.randoms(use_true_random=False).map(random_hardware)


@st.composite
def networks_with_input(draw: st.DrawFn) -> tuple[ModuleOp, Ints]:
    """Strategy of (network for a drawn engine, integers for its input)."""
    rng = draw(st.randoms(use_true_random=False))
    module = random_network(rng, random_hardware(rng))
    return module, input_of(rng, module)

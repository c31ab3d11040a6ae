"""
How a bundle computes in PyTorch: the same arithmetic as the `bundle` dialect's, on real tensors.

In float64 every sum and product below is exact (all values are integers times a power of two, below 2**53), so an eval pass
in float64 gives the integers' results bit for bit. Weights are folded and quantised in float64 whatever the input's type is.
Images are NCHW here, as PyTorch has them; `BundleModel` converts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsf import numerics
from dsf.geometry import Window
from dsf.nn.bundle import Node, Pool
from dsf.nn.cores import EPSILON, QConvTransposeCore, QCore, QDenseCore, channels_out
from dsf.nn.layers import QActivation, rounding_of
from dsf.nn.moves import QConcat, QMove, QPad, QResize, QSlice
from dsf.nn.quantize import fake_quantize
from dsf.transposed import TransposedWindow

#: Weight of a new batch in the running statistics of batch normalisation.
MOMENTUM = 0.1


class BundleModule(nn.Module):
    """
    The weights of one bundle, if it has a core, and its forward pass.

    `weight` is (outputs, inputs / groups, KH, KW), or (outputs, inputs) for a dense core; `bias` is (outputs,). With batch
    normalisation there are `gamma`, `beta`, `running_mean` and `running_variance`, (outputs,) each, instead of `bias`.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    gamma: nn.Parameter
    beta: nn.Parameter
    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, node: Node):
        super().__init__()
        self.node = node
        core, hw = node.core, node.source.hw
        if core is None:
            self.register_parameter("weight", None)
            self.register_parameter("bias", None)
            return
        outputs = channels_out(core)
        self.weight = nn.Parameter(_initial_weight(weight_shape(node), node, hw.bits_weights))
        has_bias = core.bias_frac_bits is not None and not core.batch_norm
        self.register_parameter("bias", nn.Parameter(torch.zeros(outputs)) if has_bias else None)
        if core.batch_norm:
            self.gamma = nn.Parameter(torch.ones(outputs))
            self.beta = nn.Parameter(torch.zeros(outputs))
            self.register_buffer("running_mean", torch.zeros(outputs))
            self.register_buffer("running_variance", torch.ones(outputs))

    def forward(self, x: Tensor, skip: Tensor | None = None, quantized: bool = True, others: Sequence[Tensor] = ()) -> Tensor:
        """
        Input (and tensor to add or to multiply by, and `others` that are concatenated) to output, (N, C, H, W) or (N, K).
        `quantized=False` leaves out every rounding and clip.

        A bundle that ends in a softmax returns what goes into it.
        """
        node = self.node
        y = self._moved(x, list(others), quantized)
        if node.core is not None:
            y = self._core(y, node.core, quantized)
        if node.activation is not None:
            y = self._activate(y, node.activation, quantized)
        if node.add is not None:
            assert skip is not None
            if node.add.multiplies:
                factor = skip[:, :, None, None] if skip.dim() < y.dim() else skip
                y = self._activate(y * factor, node.add.activation, quantized)
            else:
                y = self._activate(y + skip, node.add.activation, quantized)
        if node.pool is not None:
            y = self._activate(pool(y, node.pool), node.pool.activation, quantized)
        if node.flatten and y.dim() == 4:
            y = y.permute(0, 2, 3, 1).flatten(1)
        return y

    def folded(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias in float64 with the running statistics folded in, not yet quantised."""
        assert self.weight is not None and self.node.core is not None
        if not self.node.core.batch_norm:
            return self.weight.double(), None if self.bias is None else self.bias.double()
        return self._fold(self.running_mean, self.running_variance)

    def _fold(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        assert self.weight is not None
        # The order of operations is that of the pass fold-batch-norm, so that both round alike.
        scale = self.gamma.double() / torch.sqrt(variance.double() + EPSILON)
        weight = self.weight.double() * scale.reshape(-1, *[1] * (self.weight.dim() - 1))
        return weight, self.beta.double() + (0.0 - mean.double()) * scale

    def _moved(self, x: Tensor, others: list[Tensor], quantized: bool) -> Tensor:
        """What the bundle's moves make of its input; those that concatenate take from `others`."""
        for one in self.node.moves:
            if isinstance(one, QConcat):
                taken, others = others[: len(one.others)], others[len(one.others) :]
                x = torch.cat([x, *taken], 1)
            elif isinstance(one, QPad) and quantized:
                value = torch.tensor(one.value, dtype=torch.float64)
                x = move(x, one, float(self._round(value, self.node.source.frac_bits, quantized)))
            else:
                x = move(x, one, one.value if isinstance(one, QPad) else 0.0)
        return x

    def _core(self, x: Tensor, core: QCore, quantized: bool) -> Tensor:
        node, hw = self.node, self.node.source.hw
        if isinstance(node.window, Window):
            top, bottom, left, right = node.window.padding
            x = F.pad(x, (left, right, top, bottom))
        if self.training and core.batch_norm:
            weight, bias = self._fold(*self._batch_statistics(x))
        else:
            weight, bias = self.folded()
        if quantized:
            weight = fake_quantize(weight, hw.bits_weights, core.weights_frac_bits)
            if bias is not None:
                assert core.bias_frac_bits is not None
                bias = fake_quantize(bias, hw.bits_bias, core.bias_frac_bits)
        return self._product(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))

    def _product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        core, window = self.node.core, self.node.window
        if isinstance(core, QDenseCore):
            return F.linear(x, weight, bias)
        if isinstance(core, QConvTransposeCore):
            assert isinstance(window, TransposedWindow)
            return conv_transpose(x, weight, bias, window, core.groups)
        assert isinstance(window, Window) and core is not None
        return F.conv2d(x, weight, bias, window.strides, 0, window.dilation, core.groups)

    def _batch_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance per channel of the sums of this batch; updates the running ones."""
        assert self.weight is not None
        sums = self._product(x, self.weight.to(x.dtype), None)
        axes = [axis for axis in range(sums.dim()) if axis != 1]
        count = sums.numel() // sums.shape[1]
        mean, variance = sums.mean(axes), sums.var(axes, unbiased=False)
        with torch.no_grad():
            unbiased = variance * (count / max(1, count - 1))
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), MOMENTUM)
            self.running_variance.lerp_(unbiased.to(self.running_variance.dtype), MOMENTUM)
        return mean, variance

    def _activate(self, x: Tensor, activation: QActivation, quantized: bool) -> Tensor:
        """The activation, with its rounding; of a function that is looked up, those before and after it."""
        how = rounding_of(activation)
        y = leaky(x, how.slope)
        if (how.minimum, how.maximum) != (None, None):
            y = y.clamp(how.minimum, how.maximum)
        y = self._round(y, how.frac_bits, quantized)
        if how.function is None:
            return y
        if quantized:
            return look_up(y, activation, self.node.source.hw.bits_input)
        return function(*how.function)(y)

    def _round(self, x: Tensor, frac: int, quantized: bool) -> Tensor:
        return fake_quantize(x, self.node.source.hw.bits_input, frac) if quantized else x


def move(x: Tensor, one: QMove, value: float) -> Tensor:
    """Images moved, borders of `value`; not concatenated."""
    match one:
        case QSlice():
            (row, column, channel), (rows, columns, channels) = one.first, one.size
            return x[:, channel : channel + channels, row : row + rows, column : column + columns]
        case QPad():
            top, bottom, left, right = one.sides
            return F.pad(x, (left, right, top, bottom), value=value)
        case QResize():
            return x.repeat_interleave(one.factors[0], 2).repeat_interleave(one.factors[1], 3)
        case QConcat():
            raise AssertionError(one)
        case _:
            axes = (1 + axis for axis in one.permutation)
            return x.permute(0, 2, 3, 1).permute(0, *axes).permute(0, 3, 1, 2)


def weight_shape(node: Node) -> tuple[int, ...]:
    """(outputs, inputs / groups, KH, KW), or (outputs, inputs) for a dense core; of no core no weights, (0,)."""
    core, inputs = node.core, node.moved_shape[-1]
    if core is None:
        return (0,)
    if isinstance(core, QDenseCore):
        return core.outputs, inputs
    return core.filters, inputs // core.groups, *core.kernel_size


def conv_transpose(x: Tensor, weight: Tensor, bias: Tensor | None, window: TransposedWindow, groups: int) -> Tensor:
    """A transposed convolution with `weight` (outputs, inputs / groups, KH, KW); each side has a padding of its own."""
    outputs, inputs, *kernel = weight.shape
    # PyTorch has the inputs first, through all groups, and the outputs of one group.
    theirs = weight.reshape(groups, outputs // groups, inputs, *kernel).transpose(1, 2).flatten(0, 1)
    below, right = window.output_padding
    plain = window.window
    y = F.conv_transpose2d(x, theirs, None, plain.strides, 0, 0, groups, plain.dilation)
    top, bottom, left, right_side = plain.padding
    y = F.pad(y, (-left, right - right_side, -top, below - bottom))
    return y if bias is None else y + bias[:, None, None]


#: The functions of `dsf.numerics.FUNCTIONS` in PyTorch, for gradients and without quantisation.
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "gelu": F.gelu,
    "swish": F.silu,
    "hard_sigmoid": F.hardsigmoid,
    "hard_swish": F.hardswish,
}


def function(kind: str, parameters: tuple[float, ...]) -> Callable[[Tensor], Tensor]:
    """A function of real numbers."""
    if kind == "leaky_relu":
        (slope,) = parameters
        return lambda x: F.leaky_relu(x, slope)
    return FUNCTIONS[kind]


def look_up(x: Tensor, activation: QActivation, bits: int) -> Tensor:
    """
    A function of quantised numbers as the engine looks it up, with the gradient of the function itself: the table's values are
    those of float64, which another float64 implementation may round otherwise.
    """
    how, after = rounding_of(activation), activation.frac_bits
    assert how.function is not None
    (kind, parameters), before = how.function, how.frac_bits
    entries = numerics.table(
        lambda reals: numerics.apply_function(kind, reals, parameters),
        bits,
        lambda integers: numerics.dequantize(integers, before),
        lambda reals: numerics.quantize(reals, bits, after),
    )
    values = torch.tensor(numerics.dequantize(entries, after).tolist(), dtype=x.dtype, device=x.device)
    index = torch.round(x.detach() * 2.0**before).long() - numerics.int_range(numerics.table_bits(bits))[0]
    smooth = fake_quantize(function(kind, parameters)(x), bits, after)
    # Both lie on the grid, so that the difference and the sum are exact.
    return smooth + (values[index] - smooth).detach()


def leaky(x: Tensor, negative_slope: float) -> Tensor:
    """Leaky ReLU; a slope of 1 is the identity."""
    return x if negative_slope == 1 else F.leaky_relu(x, negative_slope)


def pool(x: Tensor, node: Pool) -> Tensor:
    """Maximum or average over the elements of each window that lie inside the image."""
    top, bottom, left, right = node.window.padding
    window, strides = node.window.kernel, node.window.strides
    if node.type == "max":
        return F.max_pool2d(F.pad(x, (left, right, top, bottom), value=-math.inf), window, strides)
    sums = F.avg_pool2d(F.pad(x, (left, right, top, bottom)), window, strides, divisor_override=1)
    return sums / _counts(x, node.window)


def _counts(x: Tensor, window: Window) -> Tensor:
    """Elements of each window that lie inside the image, (1, 1, OH, OW)."""
    top, bottom, left, right = window.padding
    ones = F.pad(torch.ones_like(x[:1, :1]), (left, right, top, bottom))
    return F.avg_pool2d(ones, window.kernel, window.strides, divisor_override=1)


def _initial_weight(shape: tuple[int, ...], node: Node, bits_weights: int) -> Tensor:
    """
    He's normal initialisation, but not below half a step of the weights' grid: on a coarse grid a wide layer would begin with
    all weights rounded to zero, and learn nothing.
    """
    assert node.core is not None
    step = 2.0**-node.core.weights_frac_bits
    deviation = max(math.sqrt(2.0 / math.prod(shape[1:])), step / 2)
    limit = step * (1 << (bits_weights - 1))
    return cast(Any, torch).randn(shape).mul(deviation).clamp(-limit, limit - step)

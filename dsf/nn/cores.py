"""
Cores of bundles, as descriptions: convolution, transposed convolution and dense layer.

    acc = sum(x * quantize(w)) + quantize(b),   x on q<bits_input, x_frac>,  w on q<bits_weights, weights_frac_bits>,
                                                b on q<bits_bias, bias_frac_bits>,
                                                bias_frac_bits <= x_frac + weights_frac_bits + bits_fraction

Widths are the hardware's. With `batch_norm` the normalisation is folded into weights and bias, in float64, before they are
quantised: `w * s` and `beta - mean * s`, with `s = gamma / sqrt(variance + EPSILON)`; `bias_frac_bits` is then that of the
folded bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from dsf.nn.checks import Problems, normalise
from dsf.nn.layers import ACTIVATION_NAMES, ACTIVATIONS, QActivation, Softmax

#: Added to the variance in batch normalisation.
EPSILON = 1e-3


@dataclass(frozen=True, kw_only=True)
class QConvCore:
    """
    A convolution of `filters` output channels on NHWC tensors.

    `kernel_size`, `strides` and `dilation` are (vertical, horizontal) or one integer for both; `padding` is 'same'
    (TensorFlow's: the odd element below and right), 'valid' or ((top, bottom), (left, right)). With `groups`, equal parts of
    the input channels make equal parts of the filters; as many groups as channels are a depthwise convolution.
    `bias_frac_bits=None` means no bias. `activation=None`, or `Softmax()`, is for the last bundle: its result are the raw
    sums. Raises `ModelError`.
    """

    filters: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "same"
    weights_frac_bits: int
    bias_frac_bits: int | None = None
    activation: QActivation | Softmax | None = None
    groups: int = 1
    dilation: tuple[int, int] = (1, 1)
    batch_norm: bool = False

    def __post_init__(self) -> None:
        normalise(self, "kernel_size", "strides", "dilation")
        problems = Problems("QConvCore")
        problems.integer("filters", self.filters, 1)
        for name in ("kernel_size", "strides", "dilation"):
            problems.pair(name, getattr(self, name))
        problems.padding("padding", self.padding)
        problems.integer("groups", self.groups, 1)
        _check_common(problems, self)
        problems.raise_if_any()


@dataclass(frozen=True, kw_only=True)
class QConvTransposeCore:
    """
    A transposed convolution of `filters` output channels on NHWC tensors, which makes images larger by `strides`:

        y[oy, ox] = sum of x[iy, ix] * w[ky, kx]   over  oy = iy * strides[0] - top + ky * dilation[0],  ox likewise

    `padding` takes rows and columns away from the result: 'same' leaves `strides` times as many as the input has, as TensorFlow
    does, 'valid' takes none, ((top, bottom), (left, right)) so many. `output_padding` adds rows below and columns on the right,
    as in PyTorch. The other arguments are those of `QConvCore`. Raises `ModelError`.
    """

    filters: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "same"
    output_padding: tuple[int, int] = (0, 0)
    weights_frac_bits: int
    bias_frac_bits: int | None = None
    activation: QActivation | Softmax | None = None
    groups: int = 1
    dilation: tuple[int, int] = (1, 1)
    batch_norm: bool = False

    def __post_init__(self) -> None:
        normalise(self, "kernel_size", "strides", "dilation", "output_padding")
        problems = Problems("QConvTransposeCore")
        problems.integer("filters", self.filters, 1)
        for name in ("kernel_size", "strides", "dilation"):
            problems.pair(name, getattr(self, name))
        problems.pair("output_padding", self.output_padding, 0)
        problems.padding("padding", self.padding)
        problems.integer("groups", self.groups, 1)
        _check_common(problems, self)
        problems.raise_if_any()


@dataclass(frozen=True, kw_only=True)
class QDenseCore:
    """A dense layer of `outputs` channels on (N, K) tensors; the other arguments are those of `QConvCore`."""

    outputs: int
    weights_frac_bits: int
    bias_frac_bits: int | None = None
    activation: QActivation | Softmax | None = None
    batch_norm: bool = False

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems("QDenseCore")
        problems.integer("outputs", self.outputs, 1)
        _check_common(problems, self)
        problems.raise_if_any()


QCore: TypeAlias = QConvCore | QConvTransposeCore | QDenseCore


def channels_out(core: QCore) -> int:
    """Output channels of a core."""
    return core.outputs if isinstance(core, QDenseCore) else core.filters


def _check_common(problems: Problems, core: Any) -> None:
    problems.frac("weights_frac_bits", core.weights_frac_bits)
    problems.flag("batch_norm", core.batch_norm)
    if core.bias_frac_bits is not None:
        problems.frac("bias_frac_bits", core.bias_frac_bits)
    problems.need(
        not core.batch_norm or core.bias_frac_bits is not None,
        "batch_norm=True and bias_frac_bits=None, needs a fraction for the bias that the normalisation folds into; set it",
    )
    kinds = (*ACTIVATIONS, Softmax, type(None))
    problems.instance("activation", core.activation, kinds, f"{ACTIVATION_NAMES}, Softmax or None")

"""
What the networks of the zoo are built with: bundles whose fractions follow from the layer's shape, and weights drawn by a seed.

Fractions are chosen so that random weights neither saturate activations nor let them vanish. Weights follow He et al. 2015
(arXiv 1502.01852): with deviation sqrt(2 / fan_in) before a ReLU, activations keep their mean square from layer to layer, so
that one fraction serves all of them. Where no ReLU follows, the factor `LINEAR` makes up for that; the last layer of a residual
branch begins small (`RESIDUAL`), so that sums grow little over a stage. A grid of weights spans `bits_weights / 2` deviations.

Training may move away from that: gradients keep weights on their grid, and batch normalisation the sums in range.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import nn

from dsf.hardware import Hardware
from dsf.nn.bundle import Bundle, QInput, QTensor
from dsf.nn.cores import QConvCore, QDenseCore
from dsf.nn.layers import QActivation, QAdd, QIdentity, QLeakyReLu, QPool, QReLU6, Softmax
from dsf.nn.model import BundleModel

#: Factors of a layer's weights: before no ReLU, and at the end of a residual branch.
LINEAR = math.sqrt(0.5)
RESIDUAL = 0.25
#: Deviation of biases.
BIAS = 0.1


class Builder:
    """
    Makes bundles for `hw` and, at the end, the model. `shape` is an image's, (H, W, C), or (K,); inputs are in [-1, 1).

    Fractions: activations span [-4, 4), with `relu6`, which makes each ReLU a ReLU6, [-8, 8), narrow ones [-2, 2), which never
    reach 6, and biases [-8, 8); weights as above. With `batch_norm` all layers but the last have it.
    """

    def __init__(self, hw: Hardware, shape: tuple[int, ...], batch: int, *, batch_norm: bool, relu6: bool = False):
        self.input = QInput((batch, *shape), hw, input_frac_bits=hw.bits_input - 1)
        self._hw = hw
        self._batch_norm = batch_norm
        self._gains: dict[Bundle, float] = {}
        frac = hw.bits_input - ((4 if relu6 else 3) if hw.bits_input >= 8 else 2)
        self._relu: QActivation = QReLU6(frac_bits=frac) if relu6 else QLeakyReLu(negative_slope=0, frac_bits=frac)
        self._identity = QIdentity(frac_bits=frac)

    def conv(
        self,
        x: QTensor,
        filters: int,
        size: int | tuple[int, int],
        *,
        strides: int = 1,
        padding: str | int = "same",
        groups: int = 1,
        linear: bool = False,
        add: QTensor | None = None,
        pool: QPool | None = None,
        flatten: bool = False,
        batch_norm: bool | None = None,
    ) -> QTensor:
        """
        A convolution and a ReLU, unless it is `linear`; with `add` the ReLU comes after the sum. `padding` is 'same', 'valid'
        or what each side has.
        """
        kernel = (size, size) if isinstance(size, int) else size
        gain = self._gain(linear, add)
        fan_in = math.prod(kernel) * x.shape[3] // groups
        core = QConvCore(
            filters=filters,
            kernel_size=kernel,
            strides=(strides, strides),
            padding=((padding, padding), (padding, padding)) if isinstance(padding, int) else padding,
            groups=groups,
            activation=self._activation(linear or add is not None),
            batch_norm=self._batch_norm if batch_norm is None else batch_norm,
            **self._fractions(x, fan_in, gain),
        )
        sum_with = None if add is None else QAdd(add, activation=self._activation(linear))
        return self._use(Bundle(core=core, add=sum_with, pool=pool, flatten=flatten), x, gain)

    def depthwise(self, x: QTensor, *, strides: int = 1, padding: str | int = "same") -> QTensor:
        """A depthwise 3x3 convolution and a ReLU."""
        return self.conv(x, x.shape[3], 3, strides=strides, padding=padding, groups=x.shape[3])

    def dense(self, x: QTensor, outputs: int, *, linear: bool = False) -> QTensor:
        """A dense layer and a ReLU, unless it is `linear`, which leaves out batch normalisation as well."""
        gain = self._gain(linear, None)
        core = QDenseCore(
            outputs=outputs,
            activation=self._activation(linear),
            batch_norm=self._batch_norm and not linear,
            **self._fractions(x, x.shape[1], gain),
        )
        return self._use(Bundle(dense=core), x, gain)

    def classes(self, x: QTensor, classes: int) -> QTensor:
        """A dense layer and a softmax: raw sums leave the engine."""
        core = QDenseCore(outputs=classes, activation=Softmax(), **self._fractions(x, x.shape[1], LINEAR))
        return self._use(Bundle(dense=core), x, LINEAR)

    def model(self, outputs: QTensor, seed: int) -> BundleModel:
        """The model that ends in `outputs`, with weights drawn by `seed`; PyTorch's own random numbers stay as they are."""
        with cast(Any, torch.random).fork_rng(devices=[]):
            model = BundleModel(inputs=self.input, outputs=outputs)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for node, module in zip(model.nodes, model.bundles, strict=True):
                _draw(module, self._gains[node.bundle], generator)
        return model

    def _use(self, bundle: Bundle, x: QTensor, gain: float) -> QTensor:
        self._gains[bundle] = gain
        return bundle(x)

    def _gain(self, linear: bool, add: QTensor | None) -> float:
        if add is not None:
            return RESIDUAL
        return LINEAR if linear else 1.0

    def _activation(self, linear: bool) -> QActivation:
        return self._identity if linear else self._relu

    def _fractions(self, x: QTensor, fan_in: int, gain: float) -> dict[str, Any]:
        """The fractions of a core's weights and bias."""
        high = (1 << (self._hw.bits_weights - 1)) - 1
        deviation = gain * math.sqrt(2 / fan_in)
        weights = math.floor(math.log2(high / (self._hw.bits_weights / 2 * deviation)))
        return {"weights_frac_bits": weights, "bias_frac_bits": min(x.frac_bits + weights, self._hw.bits_bias - 4)}


def global_average(x: QTensor) -> QPool:
    """The average over all of an image as large as `x`."""
    return QPool(type="avg", size=(x.shape[1], x.shape[2]), padding="valid")


def _draw(module: nn.Module, gain: float, generator: torch.Generator) -> None:
    """Weights, and biases, of one bundle; where sums are normalised the gain is that of the normalisation."""
    parameters = dict(module.named_parameters())
    weight = parameters["weight"]
    normalised = "gamma" in parameters
    weight.normal_(0, math.sqrt(2 / math.prod(weight.shape[1:])) * (1.0 if normalised else gain), generator=generator)
    parameters["beta" if normalised else "bias"].normal_(0, BIAS, generator=generator)
    if normalised:
        parameters["gamma"].fill_(gain)

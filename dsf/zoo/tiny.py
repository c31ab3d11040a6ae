"""
The four networks of MLPerf Tiny (Banbury et al. 2021, arXiv 2106.07597), in the shapes of its reference models.

Padding is TensorFlow's. `seed` draws the weights.
"""

from __future__ import annotations

from dsf.hardware import Hardware
from dsf.nn.bundle import QTensor
from dsf.nn.model import BundleModel
from dsf.zoo.builder import Builder, global_average


def resnet8(hw: Hardware, *, batch: int = 1, classes: int = 10, seed: int = 0) -> BundleModel:
    """Image classification: 32 x 32 x 3, three residual blocks."""
    net = Builder(hw, (32, 32, 3), batch, batch_norm=True)
    x = net.conv(net.input, 16, 3)
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = net.conv(x, filters, 3, strides=strides)
        if strides > 1:
            x = net.conv(x, filters, 1, strides=strides, linear=True, batch_norm=False)
        last = filters == 64
        x = net.conv(y, filters, 3, add=x, pool=global_average(y) if last else None, flatten=last)
    return net.model(net.classes(x, classes), seed)


def mobilenet(hw: Hardware, *, batch: int = 1, classes: int = 2, seed: int = 0) -> BundleModel:
    """Visual wake words: 96 x 96 x 3, MobileNetV1 (Howard et al. 2017, arXiv 1704.04861) of width 0.25."""
    net = Builder(hw, (96, 96, 3), batch, batch_norm=True)
    x = net.conv(net.input, 8, 3, strides=2)
    blocks = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1))
    for index, (filters, strides) in enumerate(blocks):
        x = net.depthwise(x, strides=strides)
        x = _pointwise(net, x, filters, last=index == len(blocks) - 1)
    return net.model(net.classes(x, classes), seed)


def dscnn(hw: Hardware, *, batch: int = 1, classes: int = 12, seed: int = 0) -> BundleModel:
    """Keyword spotting: 49 x 10 coefficients, depthwise separable convolutions (Zhang et al. 2017, arXiv 1711.07128)."""
    net = Builder(hw, (49, 10, 1), batch, batch_norm=True)
    x = net.conv(net.input, 64, (10, 4), strides=2)
    for block in range(4):
        x = _pointwise(net, net.depthwise(x), 64, last=block == 3)
    return net.model(net.classes(x, classes), seed)


def autoencoder(hw: Hardware, *, batch: int = 1, seed: int = 0) -> BundleModel:
    """Anomaly detection: 640 values through layers of 128 and a bottleneck of 8 to as many again."""
    net = Builder(hw, (640,), batch, batch_norm=True)
    x: QTensor = net.input
    for outputs in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = net.dense(x, outputs)
    return net.model(net.dense(x, 640, linear=True), seed)


def _pointwise(net: Builder, x: QTensor, filters: int, *, last: bool) -> QTensor:
    """A 1x1 convolution; the `last` one is averaged over the image."""
    return net.conv(x, filters, 1, pool=global_average(x) if last else None, flatten=last)

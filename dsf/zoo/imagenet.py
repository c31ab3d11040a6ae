"""
Networks for ImageNet: images of 224 x 224 x 3 (AlexNet: 227 x 227 x 3), 1,000 classes.

`image` is another height and width, `classes` another number of classes; `seed` draws the weights.
"""

from __future__ import annotations

from typing import Any, Literal

from dsf.hardware import Hardware
from dsf.nn.bundle import QTensor
from dsf.nn.layers import QPool
from dsf.nn.model import BundleModel
from dsf.zoo.builder import Builder, global_average


def alexnet(hw: Hardware, *, batch: int = 1, classes: int = 1000, image: int = 227, seed: int = 0) -> BundleModel:
    """Krizhevsky et al. 2012, in two groups, without local response normalisation."""
    net = Builder(hw, (image, image, 3), batch, batch_norm=False)
    pool = QPool(type="max", size=(3, 3), strides=(2, 2), padding="valid")
    x = net.conv(net.input, 96, 11, strides=4, padding="valid", pool=pool)
    x = net.conv(x, 256, 5, groups=2, pool=pool)
    x = net.conv(x, 384, 3)
    x = net.conv(x, 384, 3, groups=2)
    x = net.conv(x, 256, 3, groups=2, pool=pool, flatten=True)
    x = net.dense(x, 4096)
    x = net.dense(x, 4096)
    return net.model(net.classes(x, classes), seed)


def vgg16(hw: Hardware, *, batch: int = 1, classes: int = 1000, image: int = 224, seed: int = 0) -> BundleModel:
    """Simonyan and Zisserman 2014 (arXiv 1409.1556), configuration D."""
    net = Builder(hw, (image, image, 3), batch, batch_norm=False)
    pool = QPool(type="max", size=(2, 2), strides=(2, 2), padding="valid")
    x: QTensor = net.input
    stages = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    for stage, (filters, convs) in enumerate(stages, start=1):
        for _ in range(convs - 1):
            x = net.conv(x, filters, 3)
        x = net.conv(x, filters, 3, pool=pool, flatten=stage == len(stages))
    x = net.dense(x, 4096)
    x = net.dense(x, 4096)
    return net.model(net.classes(x, classes), seed)


def resnet18(hw: Hardware, *, batch: int = 1, classes: int = 1000, image: int = 224, seed: int = 0) -> BundleModel:
    """He et al. 2015 (arXiv 1512.03385), two basic blocks in each of four stages."""
    net = Builder(hw, (image, image, 3), batch, batch_norm=True)
    x = _stem(net)
    for stage in range(4):
        for block in range(2):
            x = _basic_block(net, x, 64 << stage, strides=2 if stage > 0 and block == 0 else 1, last=(stage, block) == (3, 1))
    return net.model(net.classes(x, classes), seed)


def resnet50(
    hw: Hardware,
    *,
    version: Literal["1", "1.5"] = "1.5",
    batch: int = 1,
    classes: int = 1000,
    image: int = 224,
    seed: int = 0,
) -> BundleModel:
    """He et al. 2015, 50 layers. A stage's stride is in its first 1x1 convolution (version 1), or in the 3x3 one (1.5)."""
    net = Builder(hw, (image, image, 3), batch, batch_norm=True)
    x = _stem(net)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            strides = 2 if stage > 0 and block == 0 else 1
            of_first, of_second = (strides, 1) if version == "1" else (1, strides)
            last = (stage, block) == (3, blocks - 1)
            x = _bottleneck(net, x, 64 << stage, of_first, of_second, last=last)
    return net.model(net.classes(x, classes), seed)


def mobilenetv2(hw: Hardware, *, batch: int = 1, classes: int = 1000, image: int = 224, seed: int = 0) -> BundleModel:
    """Sandler et al. 2018 (arXiv 1801.04381), width 1, ReLU6."""
    net = Builder(hw, (image, image, 3), batch, batch_norm=True, relu6=True)
    x = net.conv(net.input, 32, 3, strides=2, padding=1)
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for factor, filters, blocks, strides in stages:
        for block in range(blocks):
            x = _inverted_residual(net, x, factor, filters, strides if block == 0 else 1)
    x = net.conv(x, 1280, 1, pool=global_average(x), flatten=True)
    return net.model(net.classes(x, classes), seed)


def _stem(net: Builder) -> QTensor:
    pool = QPool(type="max", size=(3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
    return net.conv(net.input, 64, 7, strides=2, padding=3, pool=pool)


def _shortcut(net: Builder, x: QTensor, filters: int, strides: int) -> QTensor:
    """`x`, by a 1x1 convolution where its shape is not that of the block's result."""
    if strides == 1 and x.shape[3] == filters:
        return x
    return net.conv(x, filters, 1, strides=strides, padding=0, linear=True)


def _basic_block(net: Builder, x: QTensor, filters: int, strides: int, *, last: bool) -> QTensor:
    y = net.conv(x, filters, 3, strides=strides, padding=1)
    return net.conv(y, filters, 3, add=_shortcut(net, x, filters, strides), **_end(y, last))


def _bottleneck(net: Builder, x: QTensor, filters: int, of_first: int, of_second: int, *, last: bool) -> QTensor:
    y = net.conv(x, filters, 1, strides=of_first, padding=0)
    y = net.conv(y, filters, 3, strides=of_second, padding=1)
    return net.conv(y, 4 * filters, 1, add=_shortcut(net, x, 4 * filters, of_first * of_second), **_end(y, last))


def _end(x: QTensor, last: bool) -> dict[str, Any]:
    """What the network's last block does besides."""
    return {"pool": global_average(x), "flatten": True} if last else {}


def _inverted_residual(net: Builder, x: QTensor, factor: int, filters: int, strides: int) -> QTensor:
    y = net.conv(x, factor * x.shape[3], 1) if factor > 1 else x
    y = net.depthwise(y, strides=strides, padding=1)
    add = x if strides == 1 and x.shape[3] == filters else None
    return net.conv(y, filters, 1, add=add, linear=True)

"""
Networks that people know, built with the public API, with weights drawn by a seed or trained by the user.

    from dsf import Hardware, zoo

    hw = Hardware(processing_elements=(8, 32), **zoo.NETWORKS["resnet8"].limits)
    model = zoo.resnet8(hw, batch=1, seed=0)

`NETWORKS` has all of them by name. Numbers have 4 or 8 bits (with 2, random weights leave nothing but zeros; train them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.nn.model import BundleModel
from dsf.zoo.imagenet import alexnet, mobilenetv2, resnet18, resnet50, vgg16
from dsf.zoo.tiny import autoencoder, dscnn, mobilenet, resnet8

__all__ = [
    "NETWORKS",
    "Network",
    "alexnet",
    "autoencoder",
    "build",
    "dscnn",
    "mobilenet",
    "mobilenetv2",
    "network",
    "resnet8",
    "resnet18",
    "resnet50",
    "vgg16",
]


@dataclass(frozen=True)
class Network:
    """A network, what it is, and the largest layer that it asks of its hardware: kernel, image and channels."""

    build: Callable[..., BundleModel]
    summary: str
    kernel: tuple[int, int]
    image: tuple[int, int]
    channels_in: int
    channels_out: int

    @property
    def limits(self) -> dict[str, Any]:
        """The arguments of `Hardware` that say so."""
        return {
            "max_kernel_size": self.kernel,
            "max_image_size": self.image,
            "max_channels_in": self.channels_in,
            "max_channels_out": self.channels_out,
        }


_IMAGENET = "ImageNet"
_RESNET50_V1 = partial(resnet50, version="1")
#: All networks, by name.
NETWORKS = {
    "alexnet": Network(alexnet, f"AlexNet, two groups, {_IMAGENET}", (11, 11), (227, 227), 9216, 4096),
    "vgg16": Network(vgg16, f"VGG-16, {_IMAGENET}", (3, 3), (224, 224), 25088, 4096),
    "resnet18": Network(resnet18, f"ResNet-18, {_IMAGENET}", (7, 7), (224, 224), 512, 1000),
    "resnet50_v1": Network(_RESNET50_V1, f"ResNet-50 version 1, {_IMAGENET}", (7, 7), (224, 224), 2048, 2048),
    "resnet50": Network(resnet50, f"ResNet-50 version 1.5, {_IMAGENET}", (7, 7), (224, 224), 2048, 2048),
    "mobilenetv2": Network(mobilenetv2, f"MobileNetV2, {_IMAGENET}", (3, 3), (224, 224), 1280, 1280),
    "resnet8": Network(resnet8, "ResNet-8, MLPerf Tiny, images of 32 x 32", (3, 3), (32, 32), 64, 64),
    "mobilenet": Network(mobilenet, "MobileNetV1 0.25, MLPerf Tiny, visual wake words", (3, 3), (96, 96), 256, 256),
    "dscnn": Network(dscnn, "DS-CNN, MLPerf Tiny, keyword spotting", (10, 4), (49, 10), 64, 64),
    "autoencoder": Network(autoencoder, "autoencoder, MLPerf Tiny, anomaly detection", (1, 1), (1, 1), 640, 640),
}


def network(name: str) -> Network:
    """The network `name` of `NETWORKS`. Raises `ModelError` for another name."""
    if name not in NETWORKS:
        raise ModelError(f"'{name}': is no network of the zoo, needs one of {', '.join(NETWORKS)}; change the name")
    return NETWORKS[name]


def build(name: str, hw: Hardware, *, batch: int = 1, seed: int = 0) -> BundleModel:
    """A model of the network `name`. Raises `ModelError` for another name, and for what does not fit `hw`."""
    return network(name).build(hw, batch=batch, seed=seed)

"""
Small networks trained on the data that scikit-learn brings, float and with Brevitas, and the ONNX files that other people's
exporters make of them.

- `digits`: a residual network on images of 8x8, ten classes; `separable`: depthwise-separable, on the same images;
  `autoencoder`: convolutions down to 2x2 and transposed ones back up, on the same images; `cancer`: a dense network on a
  table of 30 columns, two classes.
- Each is written as float ONNX (torch.onnx.export), QDQ (onnxruntime's quantize_static), QONNX and QCDQ (Brevitas), and once
  more, trained in fixed point, as QONNX.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

SEED = 1
#: Files are kept small: no traces of the machine that wrote them, only which module a node comes from.
_KEPT_METADATA = "pkg.torch.onnx.name_scopes"


class FloatLayers:
    """The layers of a network in floating point."""

    def input(self) -> nn.Module:
        return nn.Identity()

    def conv(self, inputs: int, outputs: int, kernel: int, **options: Any) -> nn.Module:
        return nn.Conv2d(inputs, outputs, kernel, **options)

    def conv_transpose(self, inputs: int, outputs: int, kernel: int, **options: Any) -> nn.Module:
        return nn.ConvTranspose2d(inputs, outputs, kernel, **options)

    def norm(self, channels: int) -> nn.Module:
        return nn.BatchNorm2d(channels)

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        return nn.Linear(inputs, outputs)

    def relu(self) -> nn.Module:
        return nn.ReLU()

    def quantized(self) -> nn.Module:
        """Where Brevitas is told to quantise what no activation precedes."""
        return nn.Identity()


class BrevitasLayers:
    """The same, trained with the rounding in place: weights of `weight_bits`, activations of `activation_bits`."""

    def __init__(self, weight_bits: int = 4, activation_bits: int = 8):
        import brevitas.nn as layers
        from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat, Uint8ActPerTensorFloat

        self._layers = layers
        self._weights = {"weight_bit_width": weight_bits, "weight_quant": Int8WeightPerChannelFloat}
        self._signed = {"act_quant": Int8ActPerTensorFloat, "bit_width": activation_bits}
        self._unsigned = {"act_quant": Uint8ActPerTensorFloat, "bit_width": activation_bits}

    def input(self) -> nn.Module:
        return self._layers.QuantIdentity(**self._signed)

    def conv(self, inputs: int, outputs: int, kernel: int, **options: Any) -> nn.Module:
        return self._layers.QuantConv2d(inputs, outputs, kernel, **self._weights, **options)

    def conv_transpose(self, inputs: int, outputs: int, kernel: int, **options: Any) -> nn.Module:
        return self._layers.QuantConvTranspose2d(inputs, outputs, kernel, **self._weights, **options)

    def norm(self, channels: int) -> nn.Module:
        return nn.BatchNorm2d(channels)

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        return self._layers.QuantLinear(inputs, outputs, bias=True, **self._weights)

    def relu(self) -> nn.Module:
        return self._layers.QuantReLU(**self._unsigned)

    def quantized(self) -> nn.Module:
        return self._layers.QuantIdentity(**self._signed)


class FixedPointLayers(BrevitasLayers):
    """
    The same with scales that are powers of two, and quantised biases: what Brevitas computes in float32 is exact. Batch
    normalisations, whose factors are no such numbers, are left out; convolutions have biases instead.
    """

    def __init__(self, weight_bits: int = 4, activation_bits: int = 8):
        super().__init__(weight_bits, activation_bits)
        from brevitas.quant import (
            Int8ActPerTensorFixedPoint,
            Int8BiasPerTensorFixedPointInternalScaling,
            Int8WeightPerTensorFixedPoint,
            Uint8ActPerTensorFixedPoint,
        )

        self._weights |= {
            "weight_quant": Int8WeightPerTensorFixedPoint,
            "bias_quant": Int8BiasPerTensorFixedPointInternalScaling,
        }
        self._signed["act_quant"] = Int8ActPerTensorFixedPoint
        self._unsigned["act_quant"] = Uint8ActPerTensorFixedPoint

    def conv(self, inputs: int, outputs: int, kernel: int, **options: Any) -> nn.Module:
        return super().conv(inputs, outputs, kernel, **options | {"bias": True})

    def norm(self, channels: int) -> nn.Module:
        return nn.Identity()


Layers = FloatLayers | BrevitasLayers


class Residual(nn.Module):
    """Two 3x3 convolutions beside nothing, added and rectified."""

    def __init__(self, make: Layers, channels: int):
        super().__init__()
        self.conv1 = make.conv(channels, channels, 3, padding=1, bias=False)
        self.norm1 = make.norm(channels)
        self.relu1 = make.relu()
        self.conv2 = make.conv(channels, channels, 3, padding=1, bias=False)
        self.norm2 = make.norm(channels)
        self.sum = make.quantized()
        self.relu2 = make.relu()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu1(self.norm1(self.conv1(x)))
        return self.relu2(self.sum(self.norm2(self.conv2(y))) + x)


class Digits(nn.Module):
    """A residual network with a max pooling and a mean over the image."""

    def __init__(self, make: Layers):
        super().__init__()
        self.input = make.input()
        self.stem = nn.Sequential(make.conv(1, 12, 3, padding=1, bias=False), make.norm(12), make.relu())
        self.block = Residual(make, 12)
        self.pool = nn.MaxPool2d(2)
        self.down = nn.Sequential(make.conv(12, 16, 3, bias=False), make.norm(16), make.relu())
        self.mean = nn.AvgPool2d(2)
        self.rounded = make.quantized()
        self.head = make.linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(self.pool(self.block(self.stem(self.input(x)))))
        return self.head(self.rounded(self.mean(x)).flatten(1))


class Separable(nn.Module):
    """Depthwise 3x3 and pointwise convolutions, with strides instead of poolings."""

    def __init__(self, make: Layers):
        super().__init__()

        def separable(inputs: int, outputs: int, stride: int) -> Iterator[nn.Module]:
            yield from (
                make.conv(inputs, inputs, 3, stride=stride, padding=1, groups=inputs, bias=False),
                make.norm(inputs),
            )
            yield make.relu()
            yield from (make.conv(inputs, outputs, 1, bias=False), make.norm(outputs), make.relu())

        self.input = make.input()
        self.stem = nn.Sequential(make.conv(1, 12, 3, padding=1, bias=False), make.norm(12), make.relu())
        self.body = nn.Sequential(*separable(12, 24, 2), *separable(24, 24, 1), *separable(24, 32, 2))
        self.head = make.linear(32 * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.stem(self.input(x))).flatten(1))


class Autoencoder(nn.Module):
    """64 pixels to 16 numbers and back."""

    def __init__(self, make: Layers):
        super().__init__()
        self.input = make.input()
        self.encoder = nn.Sequential(
            make.conv(1, 12, 3, stride=2, padding=1),
            make.relu(),
            make.conv(12, 4, 3, stride=2, padding=1),
            make.relu(),
        )
        self.decoder = nn.Sequential(
            make.conv_transpose(4, 12, 4, stride=2, padding=1),
            make.relu(),
            make.conv_transpose(12, 8, 4, stride=2, padding=1),
            make.relu(),
            make.conv(8, 1, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(self.input(x)))


class Cancer(nn.Module):
    """Three dense layers."""

    def __init__(self, make: Layers):
        super().__init__()
        self.layers = nn.Sequential(
            make.input(), make.linear(30, 24), make.relu(), make.linear(24, 12), make.relu(), make.linear(12, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


@dataclass(frozen=True)
class Data:
    """What a network is trained and tested on; an autoencoder's targets are its inputs."""

    train: NDArray[np.float32]
    train_targets: NDArray[Any]
    test: NDArray[np.float32]
    test_targets: NDArray[Any]


def _digits() -> Data:
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    return _split(images, labels)


def _images() -> Data:
    data = _digits()
    return Data(data.train, data.train, data.test, data.test)


def _cancer() -> Data:
    table, labels = load_breast_cancer(return_X_y=True)
    data = _split(table, labels)
    mean, deviation = data.train.mean(axis=0), data.train.std(axis=0)
    scaled = [((one - mean) / deviation).astype(np.float32) for one in (data.train, data.test)]
    return Data(scaled[0], data.train_targets, scaled[1], data.test_targets)


def _split(x: NDArray[Any], y: NDArray[Any]) -> Data:
    train, test, train_targets, test_targets = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
    return Data(train, train_targets, test, test_targets)


@dataclass(frozen=True)
class Network:
    """A network, its data, and how long it is trained."""

    build: Callable[[Layers], nn.Module]
    data: Callable[[], Data]
    epochs: int
    classifies: bool = True

    def score(self, results: NDArray[Any], targets: NDArray[Any]) -> float:
        """The fraction of right answers; of an autoencoder the signal-to-noise ratio in dB."""
        if self.classifies:
            return float(np.mean(results.argmax(axis=1) == targets))
        noise = np.square(results.astype(np.float64) - targets).sum()
        return float(10 * np.log10(np.square(targets.astype(np.float64)).sum() / noise))


NETWORKS = {
    "digits": Network(Digits, _digits, 30),
    "separable": Network(Separable, _digits, 30),
    "autoencoder": Network(Autoencoder, _images, 60, classifies=False),
    "cancer": Network(Cancer, _cancer, 60),
}


def train(network: Network, layers: Layers) -> nn.Module:
    """A trained network in inference mode, always the same one."""
    torch.manual_seed(SEED)
    module, data = network.build(layers), network.data()
    x = torch.from_numpy(data.train)
    y = torch.from_numpy(data.train_targets if not network.classifies else data.train_targets.astype(np.int64))
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, network.epochs)
    for _ in range(network.epochs):
        for rows in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            result = module(x[rows])
            loss = functional.cross_entropy(result, y[rows]) if network.classifies else functional.mse_loss(result, y[rows])
            loss.backward()
            optimiser.step()
        schedule.step()
    return module.eval()


def write_float(module: nn.Module, data: Data, path: Path) -> None:
    """As torch.onnx.export writes it, batch 1."""
    with quiet():
        program: Any = torch.onnx.export(module, (torch.from_numpy(data.test[:1]),), dynamo=True, input_names=["x"])
    save(program.model_proto, path)


def write_quantised(float_model: Path, samples: NDArray[np.float32], path: Path) -> None:
    """As onnxruntime's quantize_static writes it: QDQ, int8 weights per channel, uint8 activations."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._rows = iter(samples)

        def get_next(self) -> Any:
            row = next(self._rows, None)
            return None if row is None else {"x": row[None]}

    prepared = path.with_suffix(".prepared.onnx")
    with quiet():
        quant_pre_process(str(float_model), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(path),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )
    prepared.unlink()
    save(onnx.load(path), path)


def write_brevitas(module: nn.Module, data: Data, paths: Mapping[str, Path]) -> None:
    """As Brevitas writes it, in the forms that paths are given for: `qonnx`, `qcdq`."""
    from brevitas.export import export_onnx_qcdq, export_qonnx

    exports = {"qonnx": export_qonnx, "qcdq": export_onnx_qcdq}
    x = torch.from_numpy(data.test[:1])
    for form, path in paths.items():
        with quiet():
            exports[form](module, args=x, export_path=str(path), input_names=["x"], optimize=True, external_data=False)
        save(onnx.load(path), path)


def computed(module: nn.Module, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a module itself computes, input by input."""
    with torch.no_grad():
        return np.concatenate([module(torch.from_numpy(one[None])).numpy() for one in x])


@contextmanager
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def save(model: onnx.ModelProto, path: Path) -> None:
    """Writes a model without the exporter's notes, which name the files of whoever ran it."""
    for holder in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        kept = [one for one in holder.metadata_props if one.key == _KEPT_METADATA]
        del holder.metadata_props[:]
        holder.metadata_props.extend(kept)
    for node in model.graph.node:
        node.doc_string = ""
    assert not re.search(rb"/(home|root|tmp)/", model.SerializeToString())
    path.write_bytes(model.SerializeToString(deterministic=True))

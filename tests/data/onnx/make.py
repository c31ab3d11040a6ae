"""
Writes the ONNX files of this folder: a small network of each kind, exported by torch.onnx.export and quantised by
onnxruntime's quantize_static. Run it with `python tests/data/onnx/make.py`; the files are committed, so that tests need
neither exporter nor calibration.

| file | network | activations | weights |
|---|---|---|---|
| `residual_u8_channel.onnx` | ResNet-like: depthwise, residual addition, max pooling, dense | uint8 | int8 per channel |
| `residual_s8.onnx` | the same | int8 | int8 per tensor |
| `residual_symmetric.onnx` | the same | int8, zero points 0 | int8 per channel, symmetric |
| `mobile_u8.onnx` | depthwise-separable, ReLU6, global average, softmax | uint8 | uint8 per tensor, symmetric |
| `mobile_asymmetric.onnx` | the same | uint8 | uint8 per tensor, of which some have 9 bits less their zero point |
| `residual_operators.onnx` | the same, as QLinearConv and its kin | uint8 | int8 per channel |
| `gated_u8.onnx` | a gate of sigmoids, hard swish, leaky ReLU of slope 0.3, tanh | uint8 | int8 per channel |
| `line_u8.onnx` | convolutions over one axis, average pooling, leaky ReLU | uint8 | int8 per channel |
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

FOLDER = Path(__file__).parent


class Residual(nn.Module):
    """3x16x16 images to 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.depthwise, self.pointwise = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 8, 1)
        self.pool, self.down = nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.head = nn.Linear(16 * 4 * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(self.pointwise(torch.relu(self.depthwise(x))) + x)
        return self.head(torch.relu(self.down(self.pool(x))).flatten(1))


class Mobile(nn.Module):
    """2x12x12 images to 5 probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, (3, 5), stride=2, padding=(1, 2), bias=False)
        self.norm, self.act = nn.BatchNorm2d(6), nn.ReLU6()
        self.depthwise = nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=6)
        self.pointwise, self.grouped = nn.Conv2d(6, 12, 1), nn.Conv2d(12, 12, 3, padding=1, groups=3)
        self.average, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(x)))
        x = self.act(self.grouped(self.act(self.pointwise(self.act(self.depthwise(x))))))
        return torch.softmax(self.head(self.average(x).flatten(1)), -1)


class Line(nn.Module):
    """4 channels of 24 samples to 3 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(4, 8, 5, padding=2), nn.Conv1d(8, 8, 3, stride=2)
        self.act, self.pool = nn.LeakyReLU(0.125), nn.MaxPool1d(2)
        self.head = nn.Linear(8 * 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.act(self.second(self.act(self.first(x)))))
        return self.head(x.flatten(1))


class Gated(nn.Module):
    """2x8x8 images to 4 numbers: a block with a gate, and functions that are looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down, self.up = nn.Conv2d(2, 8, 3, padding=1), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.swish, self.leaky, self.out = nn.Hardswish(), nn.LeakyReLU(0.3), nn.Conv2d(8, 4, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.swish(self.stem(x))
        gate = torch.sigmoid(self.up(self.leaky(self.down(x.mean((2, 3), keepdim=True)))))
        return torch.tanh(self.out(x * gate + x)).flatten(1)


class Samples(CalibrationDataReader):
    """Normal random inputs, always the same."""

    def __init__(self, shape: tuple[int, ...]):
        draw = np.random.default_rng(0)
        self.left = [{"x": draw.normal(size=shape).astype(np.float32)} for _ in range(16)]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.left.pop() if self.left else None


def export(network: nn.Module, shape: tuple[int, ...], path: Path) -> None:
    """The float model, with weights drawn by a seed and statistics as training would leave them."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv1d | nn.Linear):
            module.reset_parameters()
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean, 0.0, 0.3)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.3)
    names = {"input_names": ["x"], "output_names": ["y"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (torch.zeros(shape),), path, dynamo=False, opset_version=17, **names)
    quant_pre_process(path, path)


def write(name: str, network: nn.Module, shape: tuple[int, ...], *, operators: bool = False, **options: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.onnx"
        export(network, shape, path)
        form = QuantFormat.QOperator if operators else QuantFormat.QDQ
        quantize_static(path, FOLDER / f"{name}.onnx", Samples(shape), quant_format=form, **options)
    model = onnx.load(FOLDER / f"{name}.onnx")
    print(f"{name}: {len(model.graph.node)} nodes, {model.ByteSize()} bytes")


def main() -> None:
    u8, s8 = QuantType.QUInt8, QuantType.QInt8
    symmetric = {"ActivationSymmetric": True, "WeightSymmetric": True}
    image = (1, 3, 16, 16)
    write("residual_u8_channel", Residual(), image, activation_type=u8, weight_type=s8, per_channel=True)
    write("residual_s8", Residual(), image, activation_type=s8, weight_type=s8)
    write(
        "residual_symmetric", Residual(), image, activation_type=s8, weight_type=s8, per_channel=True, extra_options=symmetric
    )
    # onnxruntime's uint8 weights are asymmetric unless it is told otherwise, and then have 9 bits less their zero point.
    options = {"WeightSymmetric": True}
    write("mobile_u8", Mobile(), (1, 2, 12, 12), activation_type=u8, weight_type=u8, extra_options=options)
    write("mobile_asymmetric", Mobile(), (1, 2, 12, 12), activation_type=u8, weight_type=u8)
    write("residual_operators", Residual(), image, operators=True, activation_type=u8, weight_type=s8, per_channel=True)
    write("gated_u8", Gated(), (1, 2, 8, 8), activation_type=u8, weight_type=s8, per_channel=True)
    write("line_u8", Line(), (1, 4, 24), activation_type=u8, weight_type=s8, per_channel=True)


if __name__ == "__main__":
    main()

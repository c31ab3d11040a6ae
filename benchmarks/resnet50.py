"""
ResNet-50 by other people's tools: torch.onnx.export, onnxruntime's quantize_static, then this compiler. `make bench-resnet50`,
or `python -m benchmarks.resnet50`.

The network is that of `dsf.zoo.resnet50` (version 1.5, as torchvision has it) written in PyTorch, its weights drawn by a seed,
the statistics of its batch normalisations taken from random images; the last factor of each block is a quarter, as training
makes it, without which a network of random weights enlarges every difference from layer to layer. Quantised on random images,
QDQ, int8 weights per channel, uint8 activations. Checked and compiled for the 7 x 96 elements of `benchmarks.kraken`; every
layer is compared with onnxruntime on onnxruntime's own inputs (`benchmarks.layerwise`), and the whole network by the
signal-to-noise ratio of its 1000 outputs: beside that of the quantised network to the one in floating point, and of onnxruntime
to itself, node by node and with its kernels for integers. The memories are as large together as in `benchmarks.kraken`;
features have 32 KB more, since a mean that is rescaled is a layer of the array, whose 7 x 7 x 2048 elements lie in feature
memory at once.

The result goes to `benchmarks/results/resnet50.json`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from benchmarks import accuracy_tables
from benchmarks.kraken import make_hardware
from benchmarks.layerwise import Difference, compare_layers, session_of
from benchmarks.trained import quiet, save, write_quantised
from dsf.compiler import compile_module
from dsf.frontend.onnx.check import check_onnx
from dsf.frontend.onnx.model import from_onnx
from dsf.hardware import Hardware

RESULT = accuracy_tables.RESNET50
SEED = 0
#: Images that statistics, and the limits of activations, are taken from; images that are compared.
STATISTICS, CALIBRATION, COMPARED = 8, 4, 2
#: At most so many elements of a layer may differ, and by this many steps.
MOST_DIFFERENT, MOST_STEPS = 0.001, 1


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 to four times as many channels; beside them nothing, or a 1x1 with the same stride."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet50(nn.Module):
    """He et al. (arXiv 1512.03385), stages of 3, 4, 6 and 3 bottlenecks."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels, stages = 64, []
        for stage, blocks in enumerate((3, 4, 6, 3)):
            width, layers = 64 << stage, []
            for block in range(blocks):
                layers.append(Bottleneck(channels, width, 2 if stage > 0 and block == 0 else 1))
                channels = 4 * width
            stages.append(nn.Sequential(*layers))
        self.layers = nn.Sequential(*stages)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.fc(self.avgpool(self.layers(x)).flatten(1))


def images(count: int, seed: int) -> NDArray[np.float32]:
    """Random images with coarse and fine structure, of mean 0 and deviation 1 or so."""
    draw = np.random.default_rng(seed)
    parts = [draw.normal(size=(count, 3, 224 // size, 224 // size)).repeat(size, 2).repeat(size, 3) for size in (32, 8, 1)]
    return (sum(parts) / np.sqrt(3)).astype(np.float32)


def hardware() -> Hardware:
    """The engine of `benchmarks.kraken`, its memories divided otherwise."""
    return replace(make_hardware(), feature_memory=112 << 10, weight_memory=256 << 10, parameter_groups=64)


def make_module() -> nn.Module:
    """The network in inference mode, always the same one."""
    torch.manual_seed(SEED)
    module = ResNet50()
    for one in module.modules():
        if isinstance(one, nn.Conv2d):
            nn.init.kaiming_normal_(one.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(one, nn.BatchNorm2d):
            one.momentum = None  # The mean of all that it sees.
        elif isinstance(one, Bottleneck):
            nn.init.constant_(one.bn3.weight, 0.25)
    with torch.no_grad():
        module(torch.from_numpy(images(STATISTICS, 1)))
    return module.eval()


def write_files(source: Path, target: Path) -> None:
    """Exports, and quantises to QDQ."""
    with quiet():
        program: Any = torch.onnx.export(make_module(), (torch.zeros(1, 3, 224, 224),), dynamo=True, input_names=["x"])
    save(program.model_proto, source)
    write_quantised(source, images(CALIBRATION, 2), target)


def signal_to_noise(wanted: NDArray[Any], got: NDArray[Any]) -> float:
    """In dB."""
    noise = np.square(wanted - got, dtype=np.float64).sum()
    return round(float(10 * np.log10(np.square(wanted, dtype=np.float64).sum() / noise)), 1)


def measure(source: Path, target: Path, count: int) -> dict[str, Any]:
    """Everything that is compared, of both files. Exits with what is wrong if the model is refused."""
    proto, hw = onnx.load(target), hardware()
    checked = check_onnx(proto, hw)
    if checked.problems:
        raise SystemExit("\n".join(checked.problems))
    model = from_onnx(proto, hw)
    compile_module(model.module)
    x = images(count, 3)
    layers = compare_layers(model, proto, [one[None] for one in x])
    wanted, got = computed(session_of(proto), x), model.predict(x)
    return {
        "network": "ResNet-50, torch.onnx.export, onnxruntime's quantize_static (QDQ)",
        "hardware": "7x96",
        "nodes": len(checked.placements),
        **summary(layers),
        "images": count,
        "snr_db": signal_to_noise(wanted, got),
        "onnxruntime_itself_db": signal_to_noise(wanted, computed(onnxruntime.InferenceSession(target), x)),
        "quantisation_db": signal_to_noise(computed(session_of(onnx.load(source)), x), wanted),
        "same_class": int(np.sum(wanted.argmax(axis=1) == got.argmax(axis=1))),
        "command": "python -m benchmarks.resnet50",
    }


def computed(session: onnxruntime.InferenceSession, x: NDArray[np.float32]) -> NDArray[Any]:
    """What onnxruntime computes, image by image."""
    return np.concatenate([session.run(None, {"x": one[None]})[0] for one in x])


def summary(layers: list[Difference]) -> dict[str, Any]:
    """How near the layers are, together and the farthest one of them."""
    elements, different = sum(one.elements for one in layers), sum(one.different for one in layers)
    worst = max(layers, key=lambda one: one.decided_fraction)
    return {
        "layers": len(layers),
        "elements": elements,
        "most_steps": max(one.most for one in layers),
        "different": different / elements,
        "half_way": sum(one.undecided for one in layers) / elements,
        "worst_layer": worst.layer,
        "worst_different": worst.decided_fraction,
    }


def problems(row: dict[str, Any]) -> Iterator[str]:
    """What is farther from onnxruntime than it may be."""
    if row["most_steps"] > MOST_STEPS:
        yield f"{row['most_steps']} steps from onnxruntime, needs at most {MOST_STEPS}"
    if row["worst_different"] > MOST_DIFFERENT:
        yield f"{row['worst_layer']}: {row['worst_different']:.3%} of the elements differ, needs at most {MOST_DIFFERENT:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resnet50", description=__doc__.split("\n\n")[0])
    parser.add_argument("--images", type=int, default=COMPARED, help="how many are compared")
    parser.add_argument("--files", type=Path, metavar="DIR", help="keep the ONNX files there, or take those that are there")
    chosen = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.files or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        source, target = (folder / f"resnet50.{form}.onnx" for form in ("float", "qdq"))
        if not target.is_file():
            write_files(source, target)
        row = measure(source, target, chosen.images)
    console.print_json(data=row)
    RESULT.write_text(json.dumps(row, indent=2) + "\n")
    accuracy_tables.main()
    console.print(f"written to {RESULT.relative_to(RESULT.parents[2])}")
    found = list(problems(row))
    if found:
        raise SystemExit("\n".join(found))


if __name__ == "__main__":
    main()

"""
Blocks of well-known networks as people write them in PyTorch, small, with the parts that make each one what it is; for
`test_architectures.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv(inputs: int, outputs: int, kernel: int = 3, *, groups: int = 1, stride: int = 1, act: type[nn.Module] = nn.ReLU):
    core = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(core, nn.BatchNorm2d(outputs), act())


class SqueezeAndExcite(nn.Module):
    def __init__(self, channels: int, gate: type[nn.Module], act: type[nn.Module]):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.gate = nn.Sequential(nn.Conv2d(channels, 8, 1), act(), nn.Conv2d(8, channels, 1), gate())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.pool(x))


class InvertedResidual(nn.Module):
    """MobileNetV3 (arXiv 1905.02244) with hard functions, EfficientNet (arXiv 1905.11946) with smooth ones."""

    def __init__(self, act: type[nn.Module], gate: type[nn.Module], inner: type[nn.Module]):
        super().__init__()
        self.stem = conv(3, 16, stride=2, act=act)
        layers = [conv(16, 32, 1, act=act), conv(32, 32, 5, groups=32, act=act), SqueezeAndExcite(32, gate, inner)]
        self.block = nn.Sequential(*layers, conv(32, 16, 1, act=nn.Identity))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head((x + self.block(x)).mean([2, 3]))


class Dense(nn.Module):
    """DenseNet (arXiv 1608.06993): normalised and rectified before each convolution, concatenated after it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 16)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(n), nn.ReLU(), nn.Conv2d(n, 8, 3, padding=1)) for n in (16, 24)
        )
        self.transition = nn.Sequential(nn.Conv2d(32, 16, 1), nn.AvgPool2d(2))
        self.head = nn.Linear(16 * 64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return self.head(torch.flatten(self.transition(x), 1))


class UNet(nn.Module):
    """U-Net (arXiv 1505.04597), enlarged by what `up` makes for a number of channels in and out."""

    def __init__(self, up: Callable[[int, int], nn.Module]):
        super().__init__()
        self.down = nn.ModuleList([conv(3, 8), conv(8, 16), conv(16, 32)])
        self.up = nn.ModuleList([up(32, 16), up(16, 8)])
        self.merge = nn.ModuleList([conv(32, 16), conv(16, 8)])
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = [self.down[0](x)]
        for layer in list(self.down)[1:]:
            kept.append(layer(F.max_pool2d(kept[-1], 2)))
        x = kept.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([up(x), kept.pop()], 1))
        return torch.sigmoid(self.head(x))


def enlarged(mode: str) -> Callable[[int, int], nn.Module]:
    def up(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Upsample(scale_factor=2, mode=mode), nn.Conv2d(inputs, outputs, 3, padding=1))

    return up


class Fire(nn.Module):
    """SqueezeNet (arXiv 1602.07360)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.squeeze = nn.Conv2d(3, 16, 3, 2), nn.Conv2d(16, 8, 1)
        self.one, self.three = nn.Conv2d(8, 16, 1), nn.Conv2d(8, 16, 3, padding=1)
        self.head = nn.Conv2d(32, 10, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2, ceil_mode=True)
        x = F.relu(self.squeeze(x))
        x = torch.cat([F.relu(self.one(x)), F.relu(self.three(x))], 1)
        return F.adaptive_avg_pool2d(F.relu(self.head(x)), 1).flatten(1)


class Shuffle(nn.Module):
    """ShuffleNetV2 (arXiv 1807.11164): half of the channels, then all shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 16)
        self.branch = nn.Sequential(conv(8, 8, 1), conv(8, 8, groups=8, act=nn.Identity), conv(8, 8, 1))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.stem(x).chunk(2, 1)
        x = torch.cat([first, self.branch(second)], 1)
        batch, channels, height, width = x.shape
        x = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(batch, channels, height, width)
        first, second = x.chunk(2, 1)
        return self.head(torch.cat([first, self.branch(second)], 1).mean([2, 3]))


class Inception(nn.Module):
    """GoogLeNet's four branches (arXiv 1512.00567), one of them in two directions, one pooled to the same size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.one = conv(3, 16), conv(16, 8, 1)
        self.three = nn.Sequential(conv(16, 8, 1), conv(8, 8))
        self.seven = nn.Sequential(nn.Conv2d(16, 8, (1, 7), padding=(0, 3)), nn.ReLU(), nn.Conv2d(8, 8, (7, 1), padding=(3, 0)))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), conv(16, 8, 1))
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.cat([self.one(x), self.three(x), self.seven(x), self.pool(x)], 1)
        return F.log_softmax(self.head(F.adaptive_avg_pool2d(x, (1, 1)).view(x.shape[0], -1)), 1)


class Grouped(nn.Module):
    """ResNeXt (arXiv 1611.05431)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 16)
        self.block = nn.Sequential(conv(16, 32, 1), conv(32, 32, groups=8, stride=2), conv(32, 32, 1, act=nn.Identity))
        self.skip = conv(16, 32, 1, stride=2, act=nn.Identity)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(torch.flatten(F.adaptive_avg_pool2d(F.relu(self.block(x) + self.skip(x)), 1), 1))


class Sound(nn.Module):
    """M5 (arXiv 1610.00087): raw audio, in one dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(1, 16, 16, stride=4), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(4))
        self.second = nn.Sequential(nn.Conv1d(16, 16, 3), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(4))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.first(x))
        return F.log_softmax(self.head(F.avg_pool1d(x, x.shape[-1]).permute(0, 2, 1)), 2)


class Mixer(nn.Module):
    """MLP-Mixer (arXiv 2105.01601) without its normalisations: layers over patches, then over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.across = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.within = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.across(x.transpose(1, 2)).transpose(1, 2)
        return self.head((x + self.within(x)).mean(1))


class Detector(nn.Module):
    """YOLOv5: every second pixel as channels, poolings of growing windows side by side, predictions last."""

    def __init__(self) -> None:
        super().__init__()
        self.focus, self.pool, self.head = conv(12, 16, act=nn.SiLU), nn.MaxPool2d(5, 1, 2), nn.Conv2d(64, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        pyramid = [self.focus(x)]
        for _ in range(3):
            pyramid.append(self.pool(pyramid[-1]))
        return self.head(torch.cat(pyramid, 1)).permute(0, 2, 3, 1)


class Gated(nn.Module):
    """A gated linear unit (arXiv 1612.08083)."""

    def __init__(self) -> None:
        super().__init__()
        self.value, self.gate, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.glu(torch.cat([self.value(x), self.gate(x)], 1), 1))


class SuperResolution(nn.Module):
    """ESPCN (arXiv 1609.05158): channels become pixels at the end."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.Conv2d(16, 8, 3, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8, 4, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Autoencoder(nn.Module):
    """Convolutions with leaky functions of several kinds, a dense bottleneck, and the way back."""

    def __init__(self) -> None:
        super().__init__()
        down = [nn.Conv2d(1, 8, 3, 2, 1), nn.LeakyReLU(0.01), nn.Conv2d(8, 16, 3, 2, 1), nn.ELU(), nn.Flatten()]
        up = [nn.Linear(6, 64), nn.PReLU(), nn.Unflatten(1, (16, 2, 2)), nn.ConvTranspose2d(16, 8, 3, 2, 1, 1), nn.SELU()]
        self.encoder = nn.Sequential(*down, nn.Linear(64, 6))
        self.decoder = nn.Sequential(*up, nn.ConvTranspose2d(8, 1, 3, 2, 1, 1), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


class Table(nn.Module):
    """Dense layers on a row of numbers, with smooth functions and a normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm, self.head = (
            nn.Linear(20, 32),
            nn.Linear(32, 32),
            nn.BatchNorm1d(32),
            nn.Linear(32, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = F.softplus(self.first(x))
        return F.softmax(self.head(x + F.mish(self.norm(self.second(x)))), -1)


class Maximum(nn.Module):
    """The largest of each channel, as PointNet has it (arXiv 1612.00593)."""

    def __init__(self) -> None:
        super().__init__()
        self.points, self.head = nn.Sequential(nn.Conv1d(3, 16, 1), nn.ReLU(), nn.Conv1d(16, 32, 1)), nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.amax(self.points(x), 2))


IMAGE = (3, 16, 16)
#: By name, the network, the shape of its input, and the signal-to-noise ratio in dB that 8 bits leave at least.
ARCHITECTURES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], float]] = {
    "mobilenet-v3": (lambda: InvertedResidual(nn.Hardswish, nn.Hardsigmoid, nn.ReLU), IMAGE, 35),
    "efficientnet": (lambda: InvertedResidual(nn.SiLU, nn.Sigmoid, nn.SiLU), IMAGE, 35),
    "densenet": (Dense, IMAGE, 30),
    "u-net": (lambda: UNet(lambda inputs, outputs: nn.ConvTranspose2d(inputs, outputs, 2, 2)), IMAGE, 40),
    "u-net-nearest": (lambda: UNet(enlarged("nearest")), IMAGE, 40),
    "u-net-bilinear": (lambda: UNet(enlarged("bilinear")), IMAGE, 40),
    "squeezenet": (Fire, (3, 32, 32), 35),
    "shufflenet": (Shuffle, IMAGE, 35),
    "inception": (Inception, IMAGE, 40),
    "resnext": (Grouped, IMAGE, 35),
    "m5": (Sound, (1, 400), 40),
    "mixer": (Mixer, IMAGE, 30),
    "yolo": (Detector, IMAGE, 30),
    "glu": (Gated, IMAGE, 30),
    "espcn": (SuperResolution, (1, 12, 12), 30),
    "autoencoder": (Autoencoder, (1, 8, 8), 30),
    "table": (Table, (20,), 35),
    "pointnet": (Maximum, (3, 40), 25),
}

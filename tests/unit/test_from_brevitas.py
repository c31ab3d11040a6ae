"""
`dsf.from_torch` with layers of Brevitas, beside what the module itself computes: the whole, and layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable

import brevitas.nn as layers
import numpy as np
import pytest
import torch
from brevitas.quant import (
    Int8ActPerTensorFixedPoint,
    Int8ActPerTensorFloat,
    Int8WeightPerChannelFloat,
    Int8WeightPerTensorFixedPoint,
    Int16Bias,
    ShiftedUint8ActPerTensorFloat,
    SignedBinaryActPerTensorConst,
    SignedBinaryWeightPerTensorConst,
    Uint8ActPerTensorFixedPoint,
    Uint8ActPerTensorFloat,
)
from torch import Tensor, nn

import dsf
from benchmarks.layerwise import Difference, differences, quantised_tensors
from dsf import Hardware
from dsf.compiler import compile_module
from dsf.errors import ModelError

#: Arguments of a layer that say how it quantises.
Kind = dict[str, object]
HARDWARE = Hardware(bits_bias=32)
#: On which free scales and biases are exact.
EXACT = Hardware(bits_bias=32, bits_sum=26, bits_multiplier=26, bits_fraction=10)
#: Of so many results one is near enough to half-way between two steps.
NOISE_OF_FLOAT32 = 2e-5
BINARY = Hardware(bits_input=1, bits_weights=1, bits_sum=24)
#: Scales that are powers of two, and quantised biases: what Brevitas computes in float32 is exact.
WEIGHTS = {"weight_quant": Int8WeightPerTensorFixedPoint, "weight_bit_width": 4}
SIGNED = {"act_quant": Int8ActPerTensorFixedPoint}
UNSIGNED = {"act_quant": Uint8ActPerTensorFixedPoint}
SIGNS = {"act_quant": SignedBinaryActPerTensorConst, "scaling_init": 0.5}
SIGN_WEIGHTS = {"weight_quant": SignedBinaryWeightPerTensorConst, "weight_scaling_init": 0.25}


class Mixed(nn.Module):
    """Convolutions (plain, depthwise, strided), a residual addition, a pooling and a dense layer."""

    def __init__(self, weights: Kind, signed: Kind, unsigned: Kind, bias: object) -> None:
        super().__init__()
        self.input = layers.QuantIdentity(**signed, return_quant_tensor=True)
        self.stem = layers.QuantConv2d(3, 8, 3, padding=1, bias=True, bias_quant=bias, **weights)
        self.relu = layers.QuantReLU(**unsigned, return_quant_tensor=True)
        self.depthwise = layers.QuantConv2d(8, 8, 3, padding=1, groups=8, bias=True, bias_quant=bias, **weights)
        self.rounded, self.same = (layers.QuantIdentity(**signed) for _ in range(2))
        self.sum = layers.QuantReLU(**unsigned)
        self.pool = nn.MaxPool2d(2)
        self.down = layers.QuantConv2d(8, 12, 3, stride=2, bias=False, **weights)
        self.tail = layers.QuantReLU(**unsigned, bit_width=4)
        self.head = layers.QuantLinear(12, 5, bias=False, **weights)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(self.input(x)))
        # Each rounded once more to a plain tensor: Brevitas adds tensors that carry scales only if those are alike.
        x = self.sum(self.rounded(self.depthwise(x)) + self.same(x))
        return self.head(self.tail(self.down(self.pool(x))).flatten(1))


def exact() -> nn.Module:
    """In fixed point."""
    return Mixed(WEIGHTS, SIGNED, UNSIGNED, Int16Bias)


def free(bits: int) -> nn.Module:
    """With scales and biases in floating point."""
    weights = {"weight_quant": Int8WeightPerChannelFloat, "weight_bit_width": bits}
    return Mixed(weights, {"act_quant": Int8ActPerTensorFloat}, {"act_quant": Uint8ActPerTensorFloat}, None)


class Averaged(nn.Module):
    """A mean whose sum of 16 loses 4 bits."""

    def __init__(self) -> None:
        super().__init__()
        self.input = layers.QuantIdentity(**SIGNED, return_quant_tensor=True)
        self.mean = layers.TruncAvgPool2d(4)
        self.head = layers.QuantConv2d(3, 4, 2, bias=False, **WEIGHTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mean(self.input(x)))


class Added(nn.Module):
    """Operands of an addition that share a scale, by QuantEltwiseAdd."""

    def __init__(self) -> None:
        super().__init__()
        self.input = layers.QuantIdentity(**SIGNED, return_quant_tensor=True)
        self.conv = layers.QuantConv2d(3, 3, 3, padding=1, bias=False, **WEIGHTS, return_quant_tensor=True)
        self.add = layers.QuantEltwiseAdd(input_quant=Int8ActPerTensorFixedPoint, output_quant=Int8ActPerTensorFixedPoint)
        self.head = layers.QuantConv2d(3, 4, 1, bias=False, **WEIGHTS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x)
        return self.head(self.add(self.conv(x), x))


def binary() -> nn.Module:
    return nn.Sequential(
        layers.QuantIdentity(**SIGNS),
        layers.QuantConv2d(3, 6, 3, padding=1, bias=False, **SIGN_WEIGHTS),
        nn.BatchNorm2d(6),
        layers.QuantIdentity(**SIGNS),
        nn.MaxPool2d((2, 1)),
        layers.QuantConv2d(6, 8, 3, bias=False, **SIGN_WEIGHTS),
        layers.QuantIdentity(**SIGNS),
        nn.Flatten(),
        layers.QuantLinear(8 * 12, 5, bias=False, **SIGN_WEIGHTS),
    )


def calibrated(build: Callable[[], nn.Module], x: Tensor) -> tuple[nn.Module, np.ndarray]:
    """A module whose scales and statistics come from random numbers, in inference mode, and what it computes of `x`."""
    torch.manual_seed(1)
    module = build().train()
    for _ in range(8):
        module(torch.randn(16, *x.shape[1:]))
    with torch.no_grad():
        return module, module.eval()(x).numpy()


@pytest.mark.parametrize("build", [exact, Averaged, Added])
def test_fixed_point_equals_the_module_bit_for_bit(build: Callable[[], nn.Module]) -> None:
    x = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    module, wanted = calibrated(build, x)
    model = dsf.from_torch(module, x[:1], HARDWARE)
    assert np.unique(wanted).size > 20
    assert np.array_equal(model.predict(x.numpy()), wanted)
    compile_module(model.module, verify_each=True)


@pytest.mark.parametrize(
    ("build", "hardware", "most"),
    [
        (exact, HARDWARE, 0),
        (lambda: free(4), HARDWARE, 0.001),
        (lambda: free(8), HARDWARE, 0.001),
        (lambda: free(4), EXACT, NOISE_OF_FLOAT32),
        (lambda: free(8), EXACT, NOISE_OF_FLOAT32),
    ],
    ids=["fixed point", "4 bits", "8 bits", "4 bits, exact", "8 bits, exact"],
)
def test_every_layer_equals_its_module_on_the_inputs_of_the_module(
    build: Callable[[], nn.Module], hardware: Hardware, most: float
) -> None:
    """
    What goes into the modules goes into the layers: at most 1 step apart, and hardly ever; in fixed point never. Where the
    engine is exact, what is left is Brevitas's float32.
    """
    x = torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    module, _ = calibrated(build, x)
    model = dsf.from_torch(module, x[:1], hardware)
    results: dict[str, Tensor] = {}
    for name, child in module.named_children():
        child.register_forward_hook(lambda _, inputs, y, name=name: results.update({name: getattr(y, "value", y)}))
    with torch.no_grad():
        module(x)
    totals: dict[str, Difference] = {}
    for index in range(len(x)):
        tensors = {
            name: wire.grid.to_integers(results[name.split(".")[0].removesuffix("_quantized")][[index]].numpy()) + wire.offset
            for name, wire in quantised_tensors(model).items()
        }
        for one in differences(model, tensors):
            totals[one.layer + one.operation] = totals[one.layer + one.operation] + one if index else one
    assert len(totals) == 5
    for one in totals.values():
        assert one.most <= 1, one
        assert one.different <= most * one.elements, one


def test_signs_equal_the_module_bit_for_bit() -> None:
    """With scales that are powers of two; of others, sums of 0 are noise in Brevitas's float32, and their signs chance."""
    x = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    module, wanted = calibrated(binary, x)
    got = dsf.from_torch(module, x[:1], BINARY).predict(x.numpy())
    assert np.unique(wanted).size > 10
    assert np.array_equal(got, wanted)


FREE = {
    "per channel, batch norm": lambda: nn.Sequential(
        layers.QuantIdentity(),
        layers.QuantConv2d(3, 6, 3, bias=False, weight_quant=Int8WeightPerChannelFloat, weight_bit_width=4),
        nn.BatchNorm2d(6),
        layers.QuantReLU(),
    ),
    "zero point": lambda: nn.Sequential(
        layers.QuantIdentity(act_quant=ShiftedUint8ActPerTensorFloat),
        layers.QuantConv2d(3, 6, 3, padding=1),
        layers.QuantReLU(),
    ),
    "hard tanh": lambda: nn.Sequential(
        layers.QuantIdentity(), layers.QuantConv2d(3, 6, 3), layers.QuantHardTanh(min_val=-1.0, max_val=1.0)
    ),
    "sigmoid": lambda: nn.Sequential(layers.QuantIdentity(), layers.QuantSigmoid()),
    "tanh": lambda: nn.Sequential(layers.QuantIdentity(), layers.QuantTanh()),
    "scale and bias": lambda: nn.Sequential(
        layers.QuantIdentity(), layers.QuantConv2d(3, 6, 3), layers.BatchNorm2dToQuantScaleBias(6), layers.QuantReLU()
    ),
}


@pytest.mark.parametrize("name", FREE)
def test_free_scales_are_a_step_away_at_most(name: str) -> None:
    x = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    module, wanted = calibrated(FREE[name], x)
    model = dsf.from_torch(module, x[:1], HARDWARE)
    step = float(model.imported.output.units[0])
    apart = np.abs(model.predict(x.numpy()) - wanted) / step
    assert apart.max() < 1.001
    assert np.mean(apart > 0.001) <= 0.002


def test_problems_are_named_after_modules() -> None:
    module = nn.Sequential(layers.QuantIdentity(), layers.QuantConv2d(3, 6, 3), layers.QuantReLU())
    calibrated(lambda: module, torch.zeros(1, 3, 8, 8))
    with pytest.raises(ModelError) as caught:
        dsf.from_torch(module, torch.zeros(1, 3, 8, 8), Hardware(max_channels_out=4))
    assert caught.value.problems[0].startswith("'1': 6 output channels, needs at most 4")


@pytest.mark.parametrize(
    ("module", "inputs", "message"),
    [
        (
            nn.Sequential(layers.QuantConv2d(3, 6, 3)),
            (1, 3, 8, 8),
            "'0': an operand that is the input in floating point, needs",
        ),
        (
            nn.Sequential(layers.QuantIdentity(), nn.Conv2d(3, 6, 3), layers.QuantReLU()),
            (1, 3, 8, 8),
            "'1': weights in floating point, needs integers behind a DequantizeLinear",
        ),
        (layers.QuantLSTM(4, 5), (1, 3, 4), "'QuantLSTM': Brevitas exports no operator of it, needs"),
    ],
    ids=["no quantised input", "a float layer", "LSTM"],
)
def test_what_can_not_be_taken(module: nn.Module, inputs: tuple[int, ...], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        dsf.from_torch(module.eval(), torch.zeros(inputs), HARDWARE)
    assert caught.value.problems[0].startswith(message)


def test_calibration_is_not_needed() -> None:
    with pytest.raises(
        ModelError, match="is quantised by Brevitas already, needs neither calibration nor options; leave them out"
    ):
        dsf.from_torch(layers.QuantReLU(), torch.zeros(1, 4), HARDWARE, calibration=torch.zeros(8, 4))

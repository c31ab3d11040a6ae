"""PyTorch modules: exported, quantised, named after their modules; and what can't be."""

import importlib.util
import logging

import numpy as np
import onnx
import pytest
import torch
from quantize_graphs import constants_of, decibels, run
from torch import nn

import dsf
from dsf import Hardware
from dsf.errors import ModelError, ToolError
from dsf.frontend.names import name_by_module
from dsf.frontend.torch import quantize_torch, torch_to_onnx
from dsf.hardware import DEFAULT_HARDWARE

HW = Hardware()


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.norm(self.conv(x)) + x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6())
        self.blocks = nn.ModuleList([Block(8), Block(8)])
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.pool(x).flatten(1))


class Sum(nn.Module):
    def forward(self, u, v):
        return torch.relu(u - v)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    module = Net()
    for _ in range(10):
        module(torch.randn(16, 1, 8, 8))  # Statistics for the batch normalisations.
    return module


@pytest.fixture(scope="module")
def exported(net):
    return torch_to_onnx(net, torch.randn(2, 1, 8, 8))


def test_the_export_computes_the_same(net, exported):
    x = torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        expected = net.eval()(x).numpy()
    net.train()
    assert np.allclose(run(exported, {exported.graph.input[0].name: x.numpy()})[0], expected, atol=1e-5)


def test_nodes_are_named_after_modules(exported):
    names = [one.name for one in exported.graph.node]
    assert {"stem.0", "stem.2", "blocks.0.conv", "blocks.1.conv", "blocks.1.act", "pool", "head"} <= set(names)
    assert len(set(names)) == len(names)


def test_quantised(net):
    torch.manual_seed(1)
    data = torch.randn(64, 1, 8, 8)
    result = quantize_torch(net, torch.randn(2, 1, 8, 8), HW, calibration=data, ranges="minmax")
    assert net.training
    with torch.no_grad():
        expected = net.eval()(data).numpy()
    net.train()
    name = result.model.graph.input[0].name
    real = np.concatenate([run(result.model, {name: data[at : at + 2].numpy()})[0] for at in range(0, 64, 2)])
    assert decibels(expected, real) > 25
    assert [one.name for one in result.report.layers][1:4] == ["stem.0", "blocks.0.conv", "blocks.0"]
    assert result.report.options["ranges"] == "minmax"


def test_widths_of_the_hardware(net):
    hw = Hardware(bits_input=4, bits_weights=4)
    result = quantize_torch(net, [torch.randn(1, 1, 8, 8)], hw, calibration=np.random.default_rng(0).normal(size=(8, 1, 8, 8)))
    kinds = {value.dtype.name for name, value in constants_of(result.model).items() if name.endswith("_zero_point")}
    assert kinds == {"int4", "int32"}


@pytest.mark.parametrize("as_dictionary", [False, True])
def test_several_inputs(as_dictionary):
    u, v = torch.randn(8, 4), torch.randn(8, 4)
    calibration = {"u": u, "v": v} if as_dictionary else (u, v)
    result = quantize_torch(Sum(), (torch.randn(1, 4), torch.randn(1, 4)), HW, calibration=calibration)
    feeds = {"u": u[:1].numpy(), "v": v[:1].numpy()}
    assert np.allclose(run(result.model, feeds)[0], torch.relu(u[:1] - v[:1]).numpy(), atol=0.1)


FUNCTIONS = (nn.Mish, nn.ELU, nn.SELU, nn.CELU, nn.Softplus, nn.Softsign, nn.SiLU, nn.Hardswish, nn.PReLU)


def enlarging():
    """As super-resolution networks are, which begin with blocks of pixels and end with them."""
    conv = [nn.Conv2d(inner, outer, 3, padding=1) for inner, outer in ((4, 8), (2, 8), (8, 4))]
    middle = [conv[0], nn.PReLU(8, 0.2), nn.PixelShuffle(2), conv[1], nn.PReLU(8), conv[2]]
    return nn.Sequential(nn.PixelUnshuffle(2), *middle, nn.PixelShuffle(2))


def pointwise():
    """Every function, each behind a convolution."""
    first = nn.Conv2d(1, 4, 3, padding=1)
    return nn.Sequential(first, *(one for function in FUNCTIONS for one in (function(), nn.Conv2d(4, 4, 3, padding=1))))


class Elementwise(nn.Module):
    """What has no module."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)

    def forward(self, x):
        x = self.conv(x)
        x = torch.sqrt(torch.abs(x) + 0.25) - torch.exp(-x) * 0.1
        x = torch.maximum(torch.erf(x), torch.tensor(-0.3)) ** 2
        x = torch.index_select(x, 1, torch.tensor([2, 0, 1, 1]))
        return torch.amax(x, (2, 3)) + torch.sum(torch.log(x + 0.5), (2, 3))


@pytest.mark.parametrize("make", [enlarging, pointwise, Elementwise])
def test_functions_and_blocks(make):
    torch.manual_seed(0)
    module, data = make().eval(), torch.randn(32, 1, 8, 8)
    model = dsf.from_torch(module, data[:1], Hardware(bits_bias=32), calibration=data)
    with torch.no_grad():
        expected = module(data).numpy()
    got = np.concatenate([model.predict(one[None].numpy()) for one in data])
    assert decibels(expected - expected.mean(), got - expected.mean()) > 20


class FakeQuantised(nn.Module):
    """A convolution and a dense layer, weights quantised by channel and by tensor; 0.5 a step of the result."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4 * 36, 5)

    def forward(self, x):
        scales, zeros = torch.tensor([0.002, 0.004, 0.003, 0.001]), torch.zeros(4, dtype=torch.int32)
        x = torch.fake_quantize_per_tensor_affine(x, 0.03, 0, -128, 127)
        w = torch.fake_quantize_per_channel_affine(self.conv.weight, scales, zeros, 0, -128, 127)
        x = torch.fake_quantize_per_tensor_affine(torch.relu(nn.functional.conv2d(x, w)), 0.02, 0, 0, 255)
        w = torch.fake_quantize_per_tensor_affine(self.head.weight, 0.001, 0, -128, 127)
        return torch.fake_quantize_per_tensor_affine(nn.functional.linear(x.flatten(1), w), 0.015625, 0, -128, 127)


def test_fake_quantised():
    """A module that quantises itself needs no samples, and gives what it gives in PyTorch."""
    torch.manual_seed(0)
    module, x = FakeQuantised(), torch.randn(4, 3, 8, 8)
    model = dsf.from_torch(module, x[:1])
    assert model.hw == DEFAULT_HARDWARE
    assert model.quantization is not None and model.quantization.layers == []
    steps = (model.predict(x.numpy()) - module(x).detach().numpy()) / 0.015625
    # PyTorch sums in float32: a sum at the border of two steps may be rounded to the other.
    assert np.abs(steps).max() <= 1 and np.count_nonzero(np.abs(steps) > 0.5) <= 1
    for named in ({"calibration": x}, {"ranges": "minmax"}):
        (found,) = problems(module, x[:1], HW, **named)
        assert found == "'FakeQuantised': is quantised already, needs neither calibration nor options; leave them out"


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_layers_of_torch_ao_are_named():
    module = nn.Sequential(torch.ao.nn.quantized.Quantize(0.1, 0, torch.quint8), torch.ao.nn.quantized.Linear(4, 4), nn.ReLU())
    (found,) = problems(module, torch.randn(1, 4), HW)
    assert found.startswith("'Sequential': has layers of torch.ao.nn.quantized (0, 1), needs layers that torch.onnx.export can")


def test_on_the_engine(net):
    torch.manual_seed(1)
    data = torch.randn(32, 1, 8, 8)
    model = dsf.from_torch(net, data[:2], Hardware(bits_bias=32), calibration=data)
    with torch.no_grad():
        expected = net.eval()(data).numpy()
    net.train()
    assert decibels(expected, model.predict(data.numpy())) > 25
    assert model.quantization is not None
    assert model.quantization.layers[-1].name == "head"


# What can't be done.


class Branch(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Sums(nn.Module):
    def forward(self, x):
        return torch.cumsum(x, -1)


def problems(*arguments, **named):
    with pytest.raises(ModelError) as caught:
        quantize_torch(*arguments, **named)
    return caught.value.problems


def test_what_export_can_not_trace(capfd):
    (found,) = problems(Branch(), torch.randn(1, 4), HW, calibration=torch.randn(8, 4))
    assert found.startswith("'Branch': can't be exported (")
    assert "needs a module that torch.export can trace" in found
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == 0


def test_inputs_that_the_module_does_not_take(net):
    (found,) = problems(net, torch.randn(1, 3, 8, 8), HW, calibration=torch.randn(8, 3, 8, 8))
    assert "expected input[1, 3, 8, 8] to have 1 channels, but got 3" in found
    assert net.training


def test_operators_that_can_not_be_quantised():
    (found,) = problems(Sums(), torch.randn(1, 4), HW, calibration=torch.randn(8, 4))
    assert "is a CumSum, needs an operator that can be quantised" in found


@pytest.mark.parametrize(
    ("module", "inputs", "message"),
    [
        (3, torch.zeros(1), "'from_torch': int is no torch.nn.Module, needs one; pass the model itself"),
        (Sum(), [], "'Sum': example_inputs is empty, needs a tensor, or a sequence of at least one; pass such"),
        (Sum(), "x", "'Sum': example_inputs is str, needs a tensor, or a sequence of at least one; pass such"),
        (Sum(), torch.tensor(1.0), "'Sum': example input 0 is a tensor of 0 axes of torch.float32, needs a float32 tensor"),
        (Sum(), [torch.ones(2, 3)] * 2, "'Sum': is not quantised, needs samples of its input; pass calibration="),
    ],
)
def test_arguments(module, inputs, message):
    (found,) = problems(module, inputs, HW)
    assert found.startswith(message)


def test_what_fits_neither_quantisation_nor_hardware_at_once():
    """With samples or without."""
    module = nn.Sequential(nn.Conv2d(1, 40, 3), Sums())
    hw = Hardware(bits_bias=32, max_channels_out=32)
    for calibration in (None, torch.randn(8, 1, 8, 8)):
        with pytest.raises(ModelError) as caught:
            dsf.from_torch(module, torch.randn(1, 1, 8, 8), hw, calibration=calibration)
        found = " ".join(caught.value.problems)
        assert "'0': 40 output channels, needs at most 32" in found and "CumSum" in found
        assert ("needs samples of its input" in found) == (calibration is None)


def test_all_wrong_inputs_at_once():
    found = problems(Sum(), [torch.zeros(1, 3, dtype=torch.int64), 3], HW)
    assert found == [
        "'Sum': example input 0 is a tensor of 2 axes of torch.int64, needs a float32 tensor with a batch axis; convert it",
        "'Sum': example input 1 is int, needs a float32 tensor with a batch axis; convert it",
    ]


def test_calibration_for_another_number_of_inputs():
    (found,) = problems(Sum(), (torch.randn(1, 4), torch.randn(1, 4)), HW, calibration=(torch.randn(8, 4),))
    assert found == "'calibration': has 1 arrays for 2 inputs, needs one for each of u, v; pass as many"


def test_options_that_are_none():
    (found,) = problems(Sum(), torch.ones(2, 3), HW, calibration=torch.ones(2, 3), bits=3)
    assert found.startswith("'bits': is no option, needs one of activation_bits")


def test_without_the_exporter(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="the package onnxscript is not installed"):
        torch_to_onnx(Sum(), torch.ones(2, 3))


# Names.


def named(*scopes, inputs=(), constants=()):
    nodes = [
        onnx.NodeProto(op_type="Relu", name=f"n{index}", input=inputs, output=[f"t{index}"]) for index, _ in enumerate(scopes)
    ]
    for one, scope in zip(nodes, scopes, strict=True):
        if scope is not None:
            one.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=scope)
    graph = onnx.GraphProto(node=nodes, initializer=[onnx.TensorProto(name=name) for name in constants])
    model = onnx.ModelProto(graph=graph)
    name_by_module(model)
    return [one.name for one in model.graph.node]


def test_names():
    assert named("['', 'a', 'a.b', 'relu']", "['', 'c', 'relu']", "['', 'c', 'relu_1']", "['', 'relu_2']", None) == [
        "a.b",
        "c.relu",
        "c.relu_1",
        "relu_2",
        "n4",
    ]
    assert named("['', 'norm', 'conv']", inputs=["x", "conv.weight"], constants=["conv.weight"]) == ["conv"]


def test_names_without_the_insides_of_brevitas():
    assert named(
        "['', 'a', 'a.act_quant', 'a.act_quant.fused_activation_quant_proxy.activation_impl', 'relu']",
        "['', 'b', 'b.act_quant', 'b.act_quant.export_handler', '_symbolic']",
        "['', 'c', 'c.weight_quant', 'c.weight_quant.export_handler', '_symbolic_1']",
        "['', 'c', 'conv2d']",
    ) == ["a", "b", "c.weight_quant", "c"]


@pytest.mark.parametrize("text", ["", "no list", "[", "3", "['a']", "{'a': 'b'}", "[" * 500])
def test_names_of_foreign_text(text):
    assert named(text) == ["n0"]

"""The networks of the zoo: their layers are those of the published tables, their random activations use the numbers' range."""

import csv
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch

from dsf import BundleModel, Hardware, QConvCore, QReLU6, zoo
from dsf.errors import ModelError
from dsf.nn.bundle import Node

TABLES = Path(__file__).parents[1] / "data" / "nets"
#: Each network's table. Sizes are those of an image of full size, layers in any order that the graph admits.
TABLE_OF = {
    "alexnet": "alexnet",
    "vgg16": "vgg16",
    "resnet18": "resnet18",
    "resnet50_v1": "resnet50",
    "resnet50": "resnet50_v15",
    "mobilenetv2": "mobilenetv2",
    "resnet8": "resnet8",
    "mobilenet": "vww_mbv1",
    "dscnn": "kws_dscnn",
    "autoencoder": "ad_autoenc",
}
IMAGENET = ("alexnet", "vgg16", "resnet18", "resnet50_v1", "resnet50", "mobilenetv2")
TINY = ("resnet8", "mobilenet", "dscnn", "autoencoder")
#: Numbers of a row, in the order of the tables.
SIZES = [
    "IH",
    "IW",
    "CI",
    "CO",
    "KH",
    "KW",
    "SH",
    "SW",
    "pad_t",
    "pad_b",
    "pad_l",
    "pad_r",
    "groups",
    "OH",
    "OW",
    "MACs",
    "weights",
]


def hardware(name: str, **options: object) -> Hardware:
    """An engine large enough for the layers of a network."""
    memories = {"feature_memory": 1 << 22, "weight_memory": 1 << 22}
    return Hardware(processing_elements=(8, 32), **memories | zoo.NETWORKS[name].limits | options)


def row_of(node: Node) -> tuple[object, ...]:
    """A bundle's core as a row of a table."""
    core = node.core
    if not isinstance(core, QConvCore):
        inputs, outputs = node.source.shape[1], node.core_shape[1]
        sizes = (1, 1, inputs, outputs, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1)
        return ("fc", *sizes, node.macs, inputs * outputs)
    assert node.window is not None
    (_, *image), (_, height, width, filters) = node.source.shape, node.core_shape
    depthwise = core.groups == image[2] == filters
    weights = prod(core.kernel_size) * image[2] // core.groups * filters
    window = (*core.kernel_size, *core.strides, *node.window.padding, core.groups)
    return ("dw" if depthwise else "conv", *image, filters, *window, height, width, node.macs, weights)


@pytest.mark.parametrize("name", TABLE_OF)
def test_layers_are_those_of_the_table(name: str):
    with (TABLES / f"nets_{TABLE_OF[name]}.csv").open() as stream:
        wanted = [(row["type"], *(int(row[size]) for size in SIZES)) for row in csv.DictReader(stream)]
    with torch.device("meta"):
        model = zoo.build(name, hardware(name))
    assert sorted(map(row_of, model.nodes), key=repr) == sorted(wanted, key=repr)
    assert [node.source.shape[0] for node in model.nodes] == [1] * len(wanted)


@pytest.mark.parametrize("name", TABLE_OF)
def test_limits_are_what_a_network_needs(name: str):
    with torch.device("meta"):
        nodes = zoo.build(name, hardware(name)).nodes
    kernels = [node.core.kernel_size for node in nodes if isinstance(node.core, QConvCore)] or [(1, 1)]
    images = [node.source.shape[1:3] for node in nodes if len(node.source.shape) == 4] or [(1, 1)]
    assert zoo.NETWORKS[name].limits == {
        "max_kernel_size": tuple(map(max, *kernels, (1, 1))),
        "max_image_size": tuple(map(max, *images, (1, 1))),
        "max_channels_in": max(node.source.shape[-1] for node in nodes),
        "max_channels_out": max(node.core_shape[-1] for node in nodes),
    }


@pytest.mark.parametrize(
    "name, bits", [*((name, bits) for name in TINY for bits in (4, 8)), ("resnet18", 8), ("resnet50", 8), ("mobilenetv2", 8)]
)
def test_random_activations_use_their_range(name: str, bits: int):
    """Few activations are clipped, and neither all nor nearly all are 0: what is computed wrong is seen at the end."""
    hw = hardware(name, bits_input=bits, bits_weights=bits)
    model = zoo.build(name, hw) if name in TINY else zoo.NETWORKS[name].build(hw, image=96)
    x = torch.from_numpy(model.random_input)
    model.eval()
    with torch.no_grad():
        outputs = model.forward_bundles(x)
    high = (1 << (bits - 1)) - 1
    for place, (node, output) in enumerate(zip(model.nodes, outputs, strict=True)):
        ints = np.ldexp(output.numpy(), node.frac_bits)
        if node.raw:
            assert len(np.unique(ints)) > ints.size // 2
            continue
        assert np.mean(ints != 0) > 0.05, f"bundle_{place} vanishes"
        assert np.mean((ints <= -high - 1) | (ints >= high)) < 0.1, f"bundle_{place} is clipped"
        assert bits < 8 or np.sqrt(np.mean(ints**2)) > 4, f"bundle_{place} is coarse"


@pytest.mark.parametrize("name", TABLE_OF)
def test_only_mobilenetv2_has_relu6(name: str):
    """Behind each layer but the linear ends of its bottlenecks and the classes; and its numbers go beyond 6."""
    with torch.device("meta"):
        nodes = zoo.build(name, hardware(name)).nodes
    clipped = [node for node in nodes if isinstance(node.core.activation, QReLU6)]
    assert len(clipped) == (35 if name == "mobilenetv2" else 0)
    assert all(2 ** (7 - node.core.activation.frac_bits) > 6 for node in clipped)


def parameters(model: BundleModel) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_weights_are_drawn_by_the_seed_alone():
    hw = hardware("resnet8")
    state = torch.random.get_rng_state()
    first = parameters(zoo.resnet8(hw, seed=3))
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(parameters(zoo.resnet8(hw, seed=3)), first)
    assert not torch.equal(parameters(zoo.resnet8(hw, seed=4)), first)


def test_networks_take_batches_and_classes():
    model = zoo.resnet8(hardware("resnet8"), batch=2, classes=7)
    assert model.input.shape == (2, 32, 32, 3) and model(torch.zeros(3, 32, 32, 3)).shape == (3, 7)
    assert zoo.build("autoencoder", hardware("autoencoder"), batch=5).nodes[-1].shape == (5, 640)


def test_unknown_names_are_refused():
    with pytest.raises(ModelError, match=r"'resnet9': is no network of the zoo, needs one of alexnet, .*; change the name"):
        zoo.build("resnet9", hardware("resnet8"))

"""Networks at the edge of what the API takes: each is proved the same at every level, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from nn_networks import hardware

from dsf import Bundle, BundleModel, Hardware, QAdd, QConvCore, QDenseCore, QIdentity, QInput, QLeakyReLu, QPool, Softmax
from dsf.errors import ModelError
from dsf.nn.bundle import QTensor

HW = hardware(bits_weights=8)
RELU = QLeakyReLu(0, 4)
Make = Callable[[], Bundle]


def conv(filters: int = 3, kernel=3, activation=RELU, **arguments) -> QConvCore:
    return QConvCore(filters=filters, kernel_size=kernel, weights_frac_bits=5, activation=activation, **arguments)


def dense(outputs: int, activation=RELU) -> QDenseCore:
    return QDenseCore(outputs=outputs, weights_frac_bits=5, bias_frac_bits=4, activation=activation)


def model(x_in: QInput, y: QTensor) -> BundleModel:
    torch.manual_seed(0)
    return BundleModel(x_in, y)


def line(shape: tuple[int, ...], *bundles: Make, hw: Hardware = HW) -> BundleModel:
    """One bundle after the other."""
    x = x_in = QInput(shape, hw, 4)
    for make in bundles:
        x = make()(x)
    return model(x_in, x)


def check(one: BundleModel, directory: Path) -> None:
    """Every level gives the float model's integers, with and without stopping at each pass."""
    found = one.export_inference(one.random_input, directory, rtl=False, verify_each=True, verbose=False)
    assert found.integers.shape == one.nodes[-1].shape


def bundle(*layers: object, **options: object) -> Make:
    return lambda: Bundle(*layers, **options)  # pyright: ignore


LINES: dict[str, tuple[tuple[int, ...], list[Make]]] = {
    "one element": ((1, 1, 1, 1), [bundle(conv(1, 1))]),
    "kernel in padding": ((1, 1, 1, 1), [bundle(conv(3, 3))]),
    "kernel larger than the image": ((1, 2, 3, 2), [bundle(conv(3, 7))]),
    "even kernels": ((2, 6, 5, 3), [bundle(conv(5, (2, 4))), bundle(conv(3, (4, 6)))]),
    "stride larger than the kernel": ((1, 9, 9, 2), [bundle(conv(3, (2, 1), strides=(4, 3)))]),
    "stride larger than the image": ((1, 3, 3, 2), [bundle(conv(3, 1, strides=255))]),
    "padding larger than the kernel": ((1, 4, 4, 3), [bundle(conv(3, 3, padding=((4, 5), (6, 7))))]),
    "one column": ((1, 16, 1, 3), [bundle(conv(5, (7, 1), strides=(3, 1))), bundle(conv(2, (1, 7)))]),
    "dilation": ((1, 8, 8, 3), [bundle(conv(3, 3, dilation=(2, 3)))]),
    "dense alone": ((1, 10), [bundle(dense=dense(3))]),
    "one to one": ((1, 1), [bundle(dense=dense(1))]),
    "dense chain": ((3, 7), [bundle(dense=dense(5)), bundle(dense=dense(1)), bundle(dense=dense(9, None))]),
    "dense softmax": ((5, 10), [bundle(dense=dense(3, Softmax()))]),
    "ends in sums": ((2, 4, 5, 3), [bundle(conv(5, 3, None))]),
    "ends in flat sums": ((2, 4, 5, 3), [bundle(conv(5, 3, None), flatten=True)]),
    "ends in images of probabilities": ((2, 4, 5, 3), [bundle(conv(5, 3, Softmax()))]),
    "ends in an activation": ((2, 4, 5, 3), [bundle(conv(5, 3, QIdentity(3)))]),
    "softmax of activations": ((2, 4, 5, 3), [bundle(conv(5, 3), softmax=True)]),
    "global average": ((2, 7, 5, 3), [bundle(conv(5), pool=QPool("avg", (7, 5), padding="valid"), flatten=True, softmax=True)]),
    "window larger than the image": ((1, 2, 2, 3), [bundle(conv(5), pool=QPool("max", 9))]),
    "steps over windows": ((1, 8, 8, 3), [bundle(conv(5), pool=QPool("avg", 2, strides=7))]),
    "batch beyond a field": ((5000, 1, 1, 4), [bundle(conv(3, 1))]),
    "batch beyond a field, dense": ((9000, 3), [bundle(dense=dense(2, None))]),
    "batch beyond a field, pooled": ((4097, 2, 2, 1), [bundle(conv(1, 2), pool=QPool("max", 2, strides=2))]),
}


@pytest.mark.parametrize("name", LINES)
def test_line(name: str, tmp_path: Path):
    shape, bundles = LINES[name]
    check(line(shape, *bundles), tmp_path)


@pytest.mark.parametrize("bits", [2, 4])
def test_narrow_elements_in_a_large_batch(bits: int, tmp_path: Path):
    """Chunks end at bytes."""
    channels = 8 // bits
    check(line((5001, 1, 1, channels), bundle(conv(channels, 1)), hw=hardware(bits_input=bits, bits_weights=8)), tmp_path)


def test_chain_of_skips(tmp_path: Path):
    x = y = QInput((2, 4, 4, 3), HW, 4)
    for _ in range(4):
        y = Bundle(core=conv(), add=QAdd(y))(y)
    check(model(x, y), tmp_path)


def test_one_tensor_added_many_times(tmp_path: Path):
    x = y = QInput((2, 4, 4, 3), HW, 4)
    for _ in range(4):
        y = Bundle(core=conv(), add=QAdd(x))(y)
    check(model(x, y), tmp_path)


def test_skips_that_cross(tmp_path: Path):
    x = QInput((1, 4, 4, 3), HW, 4)
    a, b = Bundle(core=conv(kernel=1))(x), Bundle(core=conv(kernel=1))(x)
    c = Bundle(core=conv(), add=QAdd(a))(b)
    d = Bundle(core=conv(), add=QAdd(b))(c)
    check(model(x, Bundle(core=conv(), add=QAdd(a, QLeakyReLu(0.5, 2)), pool=QPool("avg", 2, strides=2))(d)), tmp_path)


def test_skips_of_dense_layers_and_of_flat_images(tmp_path: Path):
    x = QInput((2, 2, 2, 3), HW, 4)
    a = Bundle(core=conv(kernel=1), flatten=True)(x)
    b = Bundle(dense=dense(12), add=QAdd(a))(a)
    check(model(x, Bundle(dense=dense(12), add=QAdd(a), softmax=True)(b)), tmp_path)


@pytest.mark.parametrize(
    ("shape", "bundles", "message"),
    [
        ((1, 3, 3, 2), [bundle(conv(3, 1, strides=256))], "a vertical stride of 256 rows, needs 0 to 255"),
        ((1, 8, 8, 3), [bundle(conv(3, 1, dilation=300))], "a vertical dilation of 300 rows, needs 0 to 255"),
        ((1, 4, 4, 3), [bundle(conv(3, 3, padding=((10**6, 0), (0, 0))))], "an output image of 1000002x2, needs at most 16x16"),
        ((1, 10**6, 10**6, 3), [bundle(conv())], "an input image of 1000000x1000000, needs at most 16x16"),
        ((10**9, 4, 4, 3), [bundle(conv())], "'input': 192000000000 bytes with 4 for a number, needs at most 4294967296"),
        ((1, 4, 4, 3), [bundle(conv(), flatten=True), bundle(dense=dense(10**8))], "4800000000 weights, needs at most"),
        ((1, 2, 2, 1), [bundle(conv(padding="valid"))], "spans 3x3 elements, needs a padded image at least as large"),
        ((1, 2, 2, 3), [bundle(conv(), pool=QPool("max", 9, padding="valid"))], "pooling window: spans 9x9 elements"),
    ],
)  # fmt: skip
def test_refused(shape: tuple[int, ...], bundles: list[Make], message: str):
    with pytest.raises(ModelError, match=message):
        line(shape, *bundles)

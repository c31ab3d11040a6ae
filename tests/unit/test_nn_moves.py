"""Bundles without a core, moves, clips and slopes of any size: the compiled integers are the model's own, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from nn_networks import hardware

from dsf import (
    Bundle,
    BundleModel,
    QAdd,
    QClip,
    QConcat,
    QConvCore,
    QConvTransposeCore,
    QDenseCore,
    QIdentity,
    QInput,
    QLeakyReLU,
    QMul,
    QPad,
    QPool,
    QReLU6,
    QResize,
    QSlice,
    QTanh,
    QTranspose,
)
from dsf.errors import ModelError
from dsf.nn.bundle import QTensor
from dsf.nn.serialize import model_from_dict, model_to_dict

HW = hardware()


def conv(x: QTensor, filters: int = 4, frac: int = 4, activation: object = None) -> QTensor:
    chosen = QIdentity(frac_bits=frac) if activation is None else activation
    return Bundle(core=QConvCore(filters=filters, kernel_size=3, weights_frac_bits=3, bias_frac_bits=5, activation=chosen))(x)


def dense(x: QTensor) -> QTensor:
    return Bundle(dense=QDenseCore(outputs=5, weights_frac_bits=3, bias_frac_bits=5, activation=QIdentity(frac_bits=2)))(x)


def unet(x: QTensor) -> QTensor:
    """Half the size, enlarged again by repetition and by a transposed convolution, beside what it was."""
    low = Bundle(pool=QPool(type="max", size=2, strides=2, padding="valid"))(x)
    up = Bundle(core=QConvTransposeCore(filters=3, kernel_size=2, strides=2, weights_frac_bits=3, activation=QIdentity(4)))(low)
    near = Bundle(moves=QResize(2))(low)
    return conv(Bundle(moves=QConcat(up, near))(x))


def split(x: QTensor) -> QTensor:
    """Channels in halves, exchanged."""
    halves = [Bundle(moves=QSlice(first=(0, 0, first), size=(6, 5, 2)))(x) for first in (0, 2)]
    return Bundle(moves=QConcat(halves[0]), activation=QTanh(frac_bits=6, input_frac_bits=4))(halves[1])


#: What is done with the result of a convolution, (2, 6, 5, 4) of 4 fractional bits.
LAYERS: dict[str, Callable[[QTensor], QTensor]] = {
    "max pooling": Bundle(pool=QPool(type="max", size=3, strides=2)),
    "average pooling": Bundle(pool=QPool(type="avg", size=(2, 3), frac_bits=5)),
    "global pooling": lambda x: dense(Bundle(pool=QPool(type="avg", size="global"), flatten=True)(x)),
    "pooling, clip": Bundle(pool=QPool(type="avg", size=2, activation=QClip(-0.5, 1.3, 5))),
    "activation": Bundle(activation=QTanh(frac_bits=6, input_frac_bits=4)),
    "another fraction": Bundle(activation=QIdentity(frac_bits=2)),
    "clip": Bundle(activation=QClip(-1.03, 2.97, 3)),
    "clip at one side": Bundle(activation=QClip(None, 0.4, 4)),
    "ReLU6": Bundle(activation=QReLU6(3)),
    "leaky": Bundle(activation=QLeakyReLU(0.3, 4)),
    "leaky and steep": Bundle(activation=QLeakyReLU(-1.7, 5)),
    "leaky of a shift": Bundle(activation=QLeakyReLU(0.25, 4)),
    "leaky core": lambda x: conv(x, activation=QLeakyReLU(0.2, 5)),
    "clipped core": lambda x: conv(x, activation=QClip(-0.7, 0.9, 5)),
    "addition": lambda x: Bundle(add=QAdd(conv(x, frac=5), activation=QLeakyReLU(0.1, 3)))(x),
    "clipped addition": lambda x: Bundle(add=QAdd(conv(x), activation=QClip(-2.0, 1.0, 4)))(x),
    "product": lambda x: Bundle(mul=QMul(conv(x), frac_bits=3))(x),
    "activation, addition, pooling": lambda x: Bundle(
        activation=QLeakyReLU(0, 4), add=QAdd(conv(x)), pool=QPool(type="max", size=2, strides=2)
    )(x),
    "flatten": lambda x: dense(Bundle(flatten=True)(x)),
    "slice": Bundle(moves=QSlice(first=(1, 0, 2), size=(4, 5, 2))),
    "pad": Bundle(moves=QPad(((1, 0), (2, 3)), value=-1.03)),
    "pad, core": lambda x: Bundle(
        moves=QPad(((2, 1), (0, 2)), 0.5),
        core=QConvCore(filters=3, kernel_size=3, padding="valid", weights_frac_bits=3, activation=QIdentity(4)),
    )(x),
    "resize": Bundle(moves=QResize((2, 3))),
    "transpose": Bundle(moves=QTranspose((1, 0, 2))),
    "channels as rows": Bundle(moves=QTranspose((2, 0, 1))),
    "several moves": Bundle(moves=[QSlice((0, 1, 0), (6, 3, 4)), QPad(((1, 1), (1, 1))), QResize(2)]),
    "rows": lambda x: Bundle(moves=QConcat(flat := Bundle(flatten=True)(x)))(flat),
    "split": split,
    "unet": lambda x: unet(Bundle(moves=QPad(((0, 0), (0, 1))))(x)),
}


def model_of(layer: Callable[[QTensor], QTensor]) -> BundleModel:
    torch.manual_seed(3)
    x_in = QInput((2, 6, 5, 4), HW, 4)
    model = BundleModel(x_in, layer(conv(x_in)))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.uniform_(-1, 1)
    return model


def fresh(name: str) -> Callable[[QTensor], QTensor]:
    """A layer that was not called yet, as a bundle may be only once."""
    layer = LAYERS[name]
    if not isinstance(layer, Bundle):
        return layer
    core, add, pool, flatten, softmax = layer.parts
    assert core is None and add is None
    return Bundle(pool=pool, flatten=flatten, softmax=softmax, activation=layer.activation, moves=layer.moves)


@pytest.mark.parametrize("name", LAYERS)
def test_bit_exact(name: str, tmp_path: Path) -> None:
    """The export compares every bundle with the float64 model, and the integers of all levels with each other."""
    model = model_of(fresh(name))
    x = np.random.default_rng(1).normal(scale=3.0, size=(2, 6, 5, 4))
    found = model.export_inference(x, tmp_path, rtl=False, verbose=False, verify_each=True)
    assert np.array_equal(found.outputs, model.predict(x))
    assert len(np.unique(found.integers)) > 3


@pytest.mark.parametrize("name", LAYERS)
def test_files(name: str) -> None:
    model = model_of(fresh(name))
    again = model_from_dict(model_to_dict(model))
    assert model_to_dict(again) == model_to_dict(model)
    again.load_state_dict(model.state_dict())
    assert np.array_equal(again.predict(model.random_input), model.predict(model.random_input))


def test_against_loops() -> None:
    """Moves as loops say them, on (rows, columns, channels)."""
    x_in = QInput((1, 3, 4, 2), HW, 4)
    moves = [QTranspose((1, 2, 0)), QSlice((1, 0, 1), (3, 2, 2)), QResize((1, 2)), QPad(((1, 0), (0, 2)), 0.5)]
    x = np.random.default_rng(0).integers(-128, 128, (1, 3, 4, 2)) / 16
    wanted = np.full((1, 4, 6, 2), 0.5)
    for row, column, channel in np.ndindex(3, 4, 2):
        # Rows were columns, columns channels, channels rows.
        wanted[0, 1 + row, column, channel] = x[0, 1 + channel, 1 + row, column // 2]
    assert np.array_equal(BundleModel(x_in, Bundle(moves=moves)(x_in)).predict(x), wanted)


def test_gradients_reach_what_is_before() -> None:
    model = model_of(fresh("unet"))
    model(torch.tensor(model.random_input)).square().sum().backward()
    first = model.bundles[0]
    assert first.weight is not None and first.weight.grad is not None and bool(first.weight.grad.abs().sum() > 0)


X = QInput((1, 6, 5, 4), HW, 4)
ROWS = QInput((1, 8), HW, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bundle(), "'Bundle': has nothing to do, needs a layer; give core="),
        (lambda: Bundle(pool=QPool(type="max", size=2), softmax=True), "'Bundle': has a softmax and no core, needs its sums"),
        (
            lambda: Bundle(core=QConvCore(filters=1, kernel_size=1, weights_frac_bits=1), activation=QIdentity(1)),
            "'Bundle': has a core and an activation of its own, needs the core's",
        ),
        (lambda: Bundle(moves=3), "'Bundle': a move=3, needs one of QConcat, QSlice, QPad, QResize, QTranspose"),
        (lambda: Bundle(activation="relu"), "'Bundle': activation='relu', needs QLeakyReLu, QIdentity"),
        (lambda: QLeakyReLU(float("nan"), 4), "'QLeakyReLu': negative_slope=nan, needs a finite number"),
        (lambda: QClip(2, 1, 4), "'QClip': minimum=2 above maximum=1, needs it the other way; exchange them"),
        (lambda: QClip(float("inf"), None, 4), "'QClip': minimum=inf, needs a finite number or None"),
        (lambda: QConcat(), "'QConcat': no tensor, needs those that stand behind"),
        (lambda: QConcat(np.zeros(3)), "'QConcat': a tensor=array([0., 0., 0.]), needs one that QInput or a Bundle returned"),
        (lambda: QSlice((0, 0), (1, 1, 1)), "'QSlice': first=(0, 0), needs three integers of at least 0"),
        (lambda: QSlice((0, 0, 0), (1, 0, 1)), "'QSlice': size=(1, 0, 1), needs three integers of at least 1"),
        (lambda: QPad((1, 1)), "'QPad': padding=(1, 1), needs ((top, bottom), (left, right))"),
        (lambda: QPad(((1, 1), (0, -1))), "'QPad': padding=((1, 1), (0, -1)), needs"),
        (lambda: QPad(((1, 1), (0, 1)), float("nan")), "'QPad': value=nan, needs a finite number"),
        (lambda: QResize(0), "'QResize': factors=(0, 0), needs an integer of at least 1"),
        (lambda: QTranspose((0, 1, 1)), "'QTranspose': permutation=(0, 1, 1), needs 0 (rows), 1 (columns) and 2 (channels)"),
        (lambda: QTranspose((0, 1)), "'QTranspose': permutation=(0, 1), needs three integers"),
        (
            lambda: Bundle(moves=QSlice((3, 0, 0), (4, 5, 4)))(X),
            "'Bundle(QSlice)': QSlice of (4, 5, 4) from (3, 0, 0) on, needs rows, columns and channels inside (6, 5, 4)",
        ),
        (lambda: Bundle(moves=QResize(2))(ROWS), "'Bundle(QResize)': QResize on a tensor of shape (1, 8), needs (N, H, W, C)"),
        (
            lambda: Bundle(moves=QConcat(QInput((1, 6, 4, 4), HW, 4)))(X),
            "'Bundle(QConcat)': QConcat of shapes (1, 6, 5, 4), (1, 6, 4, 4), needs equal sizes",
        ),
        (
            lambda: Bundle(moves=QConcat(QInput((1, 6, 5, 4), HW, 3)))(X),
            "'Bundle(QConcat)': QConcat of tensors with 4 and 3 fractional bits, needs equal ones",
        ),
    ],
)
def test_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        make()
    assert any(one.startswith(message) for one in caught.value.problems), caught.value.problems


def test_nothing_to_train() -> None:
    model = BundleModel(X, Bundle(pool=QPool(type="max", size=2))(X))
    for train in (model.compile, lambda: model.fit(np.zeros((2, 6, 5, 4)), np.zeros((2, 6, 5, 4)))):
        with pytest.raises(ModelError, match="'compile': a model without weights, needs a bundle with a core to train"):
            train()

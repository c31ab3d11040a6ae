"""Layers and bundles: shapes, fractions, defaults, and a message for everything that can be wrong."""

import json

import numpy as np
import pytest
from nn_networks import hardware

import dsf
from dsf import (
    Bundle,
    BundleModel,
    QAdd,
    QConvCore,
    QConvTransposeCore,
    QDenseCore,
    QIdentity,
    QInput,
    QLeakyReLU,
    QLeakyReLu,
    QPool,
    Softmax,
)
from dsf.errors import ModelError
from dsf.nn.serialize import model_to_dict

HW = hardware()
RELU = QLeakyReLu(0, 4)


def image(channels: int = 3, frac: int = 4, hw=HW) -> QInput:
    return QInput((2, 8, 8, channels), hw, frac)


def conv(filters: int = 4, kernel=(3, 3), activation=RELU, **arguments) -> QConvCore:
    return QConvCore(filters=filters, kernel_size=kernel, weights_frac_bits=3, activation=activation, **arguments)


def dense(outputs: int = 4, activation=RELU, **arguments) -> QDenseCore:
    return QDenseCore(outputs=outputs, weights_frac_bits=3, activation=activation, **arguments)


def test_public_names_are_all_there():
    assert all(hasattr(dsf, name) for name in dsf.__all__)
    assert set(dsf.__all__) <= set(dir(dsf))
    with pytest.raises(AttributeError, match="no attribute 'QConv'"):
        _ = dsf.QConv


def transposed(**arguments) -> QConvTransposeCore:
    return QConvTransposeCore(
        **({"filters": 4, "kernel_size": 3, "strides": 2, "weights_frac_bits": 3, "activation": RELU} | arguments)
    )


@pytest.mark.parametrize(
    ("arguments", "shape", "padding", "more"),
    [
        ({}, (2, 16, 16, 4), (0, 1, 0, 1), (0, 0)),
        ({"kernel_size": (1, 2), "strides": (3, 4)}, (2, 24, 32, 4), (0, 0, 0, 0), (2, 2)),
        ({"padding": "valid"}, (2, 17, 17, 4), (0, 0, 0, 0), (0, 0)),
        ({"padding": ((1, 1), (2, 0)), "output_padding": (1, 0)}, (2, 16, 15, 4), (1, 1, 2, 0), (1, 0)),
    ],
)
def test_transposed_shapes(arguments, shape, padding, more):
    y = Bundle(core=transposed(**arguments))(image())
    assert y.shape == shape
    window = y.producer.window
    assert (window.window.padding, window.output_padding) == (padding, more)
    ones = np.ones((8, 8, 3))
    assert y.producer.macs == 2 * ones.size * 4 * np.prod(y.producer.core.kernel_size)


def test_both_spellings():
    assert QLeakyReLU is QLeakyReLu


def test_defaults():
    core = QConvCore(filters=4, kernel_size=3, weights_frac_bits=4)
    assert (core.kernel_size, core.strides, core.padding, core.dilation, core.groups) == ((3, 3), (1, 1), "same", (1, 1), 1)
    assert core.bias_frac_bits is None and core.activation is None and not core.batch_norm
    assert QPool("max", 2).strides == (1, 1) and QPool("avg", (3, 2)).padding == "same"


@pytest.mark.parametrize("number", [np.int64, np.uint8, np.int32, np.array])
def test_integers_of_numpy(number):
    """As good as Python's everywhere, and Python's from then on."""
    n = number
    x = QInput((n(2), n(8), n(8), n(3)), HW, n(4))
    relu = QLeakyReLu(n(0), n(4))
    core = QConvCore(
        filters=n(3), kernel_size=(n(3), n(2)), strides=n(1), padding=((n(1), n(1)), [n(1), n(0)]), weights_frac_bits=n(3),
        bias_frac_bits=n(2), activation=relu, groups=n(1), dilation=[n(1), n(1)],
    )  # fmt: skip
    y = Bundle(
        core=core, add=QAdd(x, frac_bits=n(3)), pool=QPool("max", n(2), strides=(n(2), n(2)), frac_bits=n(4)), flatten=True
    )(x)
    y = Bundle(dense=QDenseCore(outputs=n(5), weights_frac_bits=n(3), activation=QIdentity(n(2))))(y)
    model = BundleModel(x, y)
    assert json.dumps(model_to_dict(model))
    assert model.predict(model.random_input, batch_size=n(1)).shape == (2, 5)
    again = BundleModel(x, Bundle(core=conv(3), flatten=True)(x))
    again.fit(np.zeros((n(4), 8, 8, 3)), np.zeros(4, dtype=int), epochs=n(1), batch_size=n(2), seed=n(3), verbose=False)


@pytest.mark.parametrize("value", [True, np.True_, 2.0, np.float64(2), "2", None, np.array([2, 2]), 2**100])
@pytest.mark.parametrize(
    "make",
    [
        lambda v: QInput((v, 8, 8, 3), HW, 4),
        lambda v: QInput((2, 8, 8, 3), HW, v),
        lambda v: QConvCore(filters=v, kernel_size=3, weights_frac_bits=3),
        lambda v: QConvCore(filters=4, kernel_size=(3, v), weights_frac_bits=3),
        lambda v: QConvCore(filters=4, kernel_size=3, strides=v, weights_frac_bits=3),
        lambda v: QConvCore(filters=4, kernel_size=3, padding=((1, v), (1, 1)), weights_frac_bits=3),
        lambda v: QConvCore(filters=4, kernel_size=3, padding=v, weights_frac_bits=3),
        lambda v: QConvCore(filters=4, kernel_size=3, weights_frac_bits=v),
        lambda v: QDenseCore(outputs=v, weights_frac_bits=3),
        lambda v: QPool("max", (v, 2)),
        lambda v: QPool(v, 2),
        lambda v: QIdentity(v),
    ],
)
def test_numbers_that_are_no_integers(make, value):
    """2**100 is one, but nothing is as large."""
    try:
        made = make(value)
    except ModelError as error:
        assert "needs" in str(error)
        return
    assert value == 2**100, made
    with pytest.raises(ModelError, match="needs"):
        x = made if isinstance(made, QInput) else QInput((2, 8), HW, 4) if isinstance(made, QDenseCore) else image()
        core = made if isinstance(made, (QConvCore, QDenseCore)) else conv(2)
        BundleModel(x, Bundle(core=core, pool=made if isinstance(made, QPool) else None)(x))


@pytest.mark.parametrize(
    ("arguments", "shape", "padding"),
    [
        ({}, (2, 8, 8, 4), (1, 1, 1, 1)),
        ({"strides": (2, 2)}, (2, 4, 4, 4), (0, 1, 0, 1)),  # TensorFlow: the odd element below and right
        ({"kernel": (2, 5)}, (2, 8, 8, 4), (0, 1, 2, 2)),
        ({"padding": "valid"}, (2, 6, 6, 4), (0, 0, 0, 0)),
        ({"padding": ((2, 0), (1, 3))}, (2, 8, 10, 4), (2, 0, 1, 3)),
        ({"kernel": 1, "strides": 3}, (2, 3, 3, 4), (0, 0, 0, 0)),
    ],
)
def test_convolution_shapes(arguments: dict, shape: tuple, padding: tuple):
    y = Bundle(core=conv(**arguments))(image())
    assert y.shape == shape
    assert y.producer.window.padding == padding


def test_fractions_follow_the_layers():
    x = image()
    assert Bundle(core=conv(activation=QIdentity(6)))(x).frac_bits == 6
    skip = Bundle(core=conv(activation=QIdentity(2)))(x)
    assert Bundle(core=conv(), add=QAdd(skip))(x).frac_bits == 4
    assert Bundle(core=conv(), add=QAdd(skip, frac_bits=1))(x).frac_bits == 1
    assert Bundle(core=conv(), add=QAdd(skip, activation=QLeakyReLu(0.5, 5)))(x).frac_bits == 5
    assert Bundle(core=conv(), pool=QPool("max", 2))(x).frac_bits == 4
    assert Bundle(core=conv(), pool=QPool("avg", 2, frac_bits=6))(x).frac_bits == 6
    assert Bundle(core=conv(), pool=QPool("avg", 2, activation=QIdentity(7)))(x).frac_bits == 7
    assert Bundle(core=conv(activation=Softmax()))(x).frac_bits == 7


def test_pool_argument_takes_an_add():
    x = image(4)
    assert Bundle(core=conv(), pool=QAdd(x))(x).producer.add.skip is x


def test_flatten_is_row_major_over_the_pooled_shape():
    assert Bundle(core=conv(), pool=QPool("max", 2, strides=2), flatten=True)(image()).shape == (2, 64)


def test_unequal_shapes_of_an_add():
    x = image(4)
    with pytest.raises(ModelError, match=r"filters=8.*QAdd adds .* \(2, 8, 8, 4\).*\(2, 8, 8, 8\), needs equal shapes"):
        Bundle(core=conv(8), add=QAdd(x))(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: QLeakyReLu("0.3", 4), r"'QLeakyReLu': negative_slope='0.3', needs a finite number"),
        (lambda: QLeakyReLu(float("inf"), 4), "negative_slope=inf"),
        (lambda: QLeakyReLu(0, 4.5), r"frac_bits=4.5, needs an integer of -32 to 32"),
        (lambda: QIdentity(None), "'QIdentity': frac_bits=None"),
        (lambda: QAdd("x"), "'QAdd': x='x', needs a tensor that QInput or a Bundle returned"),
        (lambda: QAdd(image(), activation=Softmax()), "softmax=True of the Bundle"),
        (lambda: QAdd(image(), activation=RELU, frac_bits=3), "frac_bits=3 and its activation's 4 differ"),
        (lambda: QPool("mean", 2), "type='mean', needs 'max' or 'avg'"),
        (lambda: QPool("max", 0), r"size=\(0, 0\)"),
        (lambda: QPool("max", 2, strides=(1,)), r"strides=\(1,\)"),
        (lambda: QPool("max", 2, padding="full"), "padding='full', needs 'same', 'valid'"),
        (lambda: conv(0), "filters=0, needs an integer of at least 1"),
        (lambda: conv(kernel=(3, 3, 3)), r"kernel_size=\(3, 3, 3\)"),
        (lambda: conv(padding=(1, 1)), r"padding=\(1, 1\)"),
        (lambda: conv(batch_norm=True), "batch_norm=True and bias_frac_bits=None"),
        (lambda: conv(activation="relu"), "activation='relu', needs QLeakyReLu"),
        (lambda: transposed(filters=0), "'QConvTransposeCore': filters=0, needs an integer of at least 1"),
        (lambda: transposed(strides=0), r"strides=\(0, 0\)"),
        (lambda: transposed(output_padding=(0, -1)), r"output_padding=\(0, -1\), needs an integer of at least 0 or a pair"),
        (lambda: transposed(padding="full"), "padding='full', needs 'same', 'valid'"),
        (lambda: dense(True), "outputs=True"),
        (lambda: dense(batch_norm=1, bias_frac_bits=2), "batch_norm=1, needs True or False"),
        (lambda: QInput((2, 8, 8), HW, 4), r"input_shape=\(2, 8, 8\), needs \(N, H, W, C\) or \(N, K\)"),
        (lambda: QInput((2, 0), HW, 4), "a size in input_shape=0"),
        (lambda: QInput((2, 3), "hw", 4), "hw='hw', needs a Hardware"),
        (lambda: Bundle(), "has nothing to do, needs a layer"),
        (lambda: Bundle(core=conv(), dense=dense()), "has two cores, needs one"),
        (lambda: Bundle(dense=conv()), "needs a QDenseCore; a QConvCore goes into core="),
        (lambda: Bundle(core="conv"), "core='conv', needs a QConvCore"),
        (lambda: Bundle(core=conv(), pool="max"), "pool='max', needs a QPool"),
        (lambda: Bundle(core=conv(), add=RELU), "needs a QAdd"),
        (lambda: Bundle(core=conv(), add=QAdd(image()), pool=QAdd(image())), "adds twice"),
        (lambda: Bundle(core=conv(), flatten=1), "flatten=1, needs True or False"),
        (lambda: Bundle(core=conv())([1, 2]), "called on a list, needs a tensor"),
        (lambda: Bundle(core=conv())(QInput((2, 5), HW, 4)), r"a convolution on a tensor of shape \(2, 5\)"),
        (lambda: Bundle(dense=dense())(image()), "give the bundle before it flatten=True"),
        (lambda: Bundle(core=conv(groups=2))(image(3)), "groups=2, needs a divisor of its 3 input channels"),
        (lambda: Bundle(core=transposed(groups=2))(image(3)), "groups=2, needs a divisor of its 3 input channels"),
        (lambda: Bundle(core=transposed(padding=((9, 9), (0, 0))))(image()), "kernel: an output of -1x17, needs at least 1x1"),
        (lambda: Bundle(core=conv(bias_frac_bits=8))(image()), "bias_frac_bits=8, needs at most 7"),
        (
            lambda: Bundle(core=conv(bias_frac_bits=10))(image(hw=hardware(bits_fraction=2))),
            r"bias_frac_bits=10, needs at most 9, the input's 4 \+ the weights' 3 \+ 2 \(bits_fraction\); lower it",
        ),
        (
            lambda: Bundle(core=conv(bias_frac_bits=8, activation=None))(image(hw=hardware(bits_fraction=2))),
            "bias_frac_bits=8, needs at most 7, the input's 4 \\+ the weights' 3; lower it",
        ),
        (lambda: Bundle(core=conv(kernel=(9, 9), padding="valid"))(image()), "kernel: spans 9x9 elements"),
        (lambda: Bundle(core=conv(), pool=QPool("max", 9, padding="valid"))(image()), "pooling window: spans 9x9"),
        (lambda: Bundle(core=conv(), pool=QPool("max", 2, padding=((2, 0), (0, 0))))(image()), "would see padding only"),
        (lambda: Bundle(dense=dense(), pool=QPool("max", 2))(QInput((2, 5), HW, 4)), "pool before flatten"),
        (lambda: Bundle(core=conv(activation=None), pool=QPool("max", 2))(image()), r"activation=QIdentity\(frac_bits=...\)"),
        (lambda: Bundle(core=conv())(Bundle(core=conv(activation=None))(image())), "raw sums, for lack of an activation"),
        (lambda: Bundle(core=conv())(Bundle(core=conv(), softmax=True)(image())), "its input is probabilities"),
    ],
)
def test_message(make, message: str):
    with pytest.raises(ModelError, match=message):
        make()


def test_all_problems_of_a_layer_at_once():
    with pytest.raises(ModelError) as caught:
        QConvCore(filters=0, kernel_size=(0, 1), strides="x", padding="no", weights_frac_bits=99)
    assert len(caught.value.problems) == 5


def test_bundle_is_used_once():
    bundle = Bundle(core=conv())
    bundle(image())
    with pytest.raises(ModelError, match="called twice, needs one call"):
        bundle(image())


def test_other_hardware():
    with pytest.raises(ModelError, match="made for other hardware"):
        Bundle(core=conv(), add=QAdd(image(4, hw=hardware(bits_weights=8))))(image(4))


def test_model_needs_its_input_and_a_bundle():
    x = image()
    y = Bundle(core=conv())(x)
    with pytest.raises(ModelError, match="inputs is QTensor"):
        BundleModel(y, y)
    with pytest.raises(ModelError, match="needs the tensor that the last Bundle returned"):
        BundleModel(x, x)
    with pytest.raises(ModelError, match="another QInput"):
        BundleModel(image(), y)


def test_everything_that_does_not_fit_the_hardware_at_once():
    x_in = QInput((2, 20, 20, 70), HW, 4)
    x = Bundle(core=conv(80, (9, 3)))(x_in)
    x = Bundle(core=conv(4, groups=2))(x)
    with pytest.raises(ModelError) as caught:
        BundleModel(x_in, x)
    text = "\n".join(caught.value.problems)
    parts = ("'bundle_0'", "'bundle_1'", "max_kernel_size", "max_channels_in", "max_channels_out", "max_image_size")
    for part in parts:
        assert part in text, part

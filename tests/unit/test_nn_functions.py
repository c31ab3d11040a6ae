"""Products, functions that are looked up, ReLU6 and global poolings: what PyTorch computes is what every level computes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from nn_networks import hardware

from dsf import Bundle, BundleModel, QAdd, QConvCore, QDenseCore, QIdentity, QInput, QLeakyReLu, QMul, QPool, QReLU6
from dsf.errors import ModelError
from dsf.nn.layers import FUNCTIONS, QActivation, QFunction
from dsf.nn.modules import FUNCTIONS as SMOOTH
from dsf.nn.modules import look_up
from dsf.nn.serialize import model_from_dict, model_to_dict

HW = hardware(bits_weights=8)


def conv(filters: int, activation: QActivation, kernel: int = 3) -> QConvCore:
    return QConvCore(filters=filters, kernel_size=kernel, weights_frac_bits=5, bias_frac_bits=6, activation=activation)


def gated() -> BundleModel:
    """Squeeze and excite with every function, a product of equal shapes, ReLU6 in a core, an add and a pooling."""
    torch.manual_seed(0)
    x_in = x = QInput((2, 6, 5, 4), HW, 4)
    images = x = Bundle(conv(4, QReLU6(frac_bits=4)))(x)
    for function in FUNCTIONS.values():
        activation = function(frac_bits=5, input_frac_bits=4)
        squeezed = Bundle(conv(8, QLeakyReLu(0.125, 4), 1), pool=QPool("avg", "global", frac_bits=5), flatten=True)(x)
        gate = Bundle(dense=QDenseCore(outputs=4, weights_frac_bits=6, activation=activation))(squeezed)
        x = Bundle(conv(4, QIdentity(4), 1), mul=QMul(gate, activation=activation))(x)
    x = Bundle(conv(4, QIdentity(4)), mul=QMul(images, frac_bits=3))(x)
    x = Bundle(conv(4, QIdentity(3)), add=QAdd(x, QReLU6(3)), pool=QPool("max", 2, 2, activation=QReLU6(2)))(x)
    x = Bundle(conv(3, QIdentity(3)), pool=QPool("max", "global"), flatten=True)(x)
    return BundleModel(x_in, x)


def test_every_level_gives_the_integers_of_the_model(tmp_path: Path) -> None:
    model = gated()
    found = model.export_inference(model.random_input, tmp_path, rtl=False, verify_each=True, verbose=False)
    assert found.integers.shape == (2, 3)


def test_the_file_of_a_model_has_all_of_it() -> None:
    entry = model_to_dict(gated())
    assert model_to_dict(model_from_dict(entry)) == entry


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_functions_have_gradients(kind: str) -> None:
    """Of the function itself, where its result is not clipped; and the values of the table, which are near it."""
    activation: QFunction = FUNCTIONS[kind](frac_bits=4, input_frac_bits=4)
    x = torch.linspace(-2, 1.5, 57, dtype=torch.float64, requires_grad=True)
    y = look_up(x, activation, 8)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    smooth = SMOOTH[kind](x)
    (expected,) = torch.autograd.grad(smooth.sum(), x)
    torch.testing.assert_close(gradient, expected)
    assert float((y - smooth).detach().abs().max()) <= 2**-5


def test_what_does_not_fit_is_said() -> None:
    x = QInput((2, 6, 5, 4), HW, 4)
    other = Bundle(conv(3, QIdentity(4)))(x)
    with pytest.raises(ModelError, match=r"QMul .* of shape \(2, 6, 5, 4\) by a tensor of shape \(2, 6, 5, 3\)"):
        Bundle(conv(4, QIdentity(4)), mul=QMul(other))(x)
    with pytest.raises(ModelError, match="adds and multiplies, needs one of them; use two bundles"):
        Bundle(conv(4, QIdentity(4)), add=QAdd(x), mul=QMul(x))
    with pytest.raises(ModelError, match="'QMul': x=3, needs a tensor"):
        QMul(3)  # pyright: ignore
    with pytest.raises(ModelError, match="'QSigmoid': input_frac_bits=99, needs an integer of -32 to 32"):
        FUNCTIONS["sigmoid"](frac_bits=4, input_frac_bits=99)
    with pytest.raises(ModelError, match="'QReLU6': frac_bits='a', needs an integer"):
        QReLU6("a")  # pyright: ignore

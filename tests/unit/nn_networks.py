"""Random networks through the public API, drawn by a seed: all layers, odd shapes, every place of a fraction."""

import numpy as np
import torch

from dsf import (
    Bundle,
    BundleModel,
    Hardware,
    QAdd,
    QConvCore,
    QConvTransposeCore,
    QDenseCore,
    QIdentity,
    QInput,
    QLeakyReLu,
    QPool,
    Softmax,
)
from dsf.nn.bundle import QTensor
from dsf.nn.layers import QActivation

# Small layers gain nothing from threads, and tests run in parallel.
torch.set_num_threads(1)


def hardware(bits_input: int = 8, bits_weights: int = 4, **changes: int) -> Hardware:
    """Small hardware with room for everything that `random_model` draws."""
    parameters = {
        "bits_input": bits_input,
        "bits_weights": bits_weights,
        "bits_sum": 32,
        "max_channels_in": 64,
        "max_channels_out": 64,
        "max_image_size": (16, 16),
        "max_kernel_size": (7, 7),
        **changes,
    }
    return Hardware(processing_elements=(4, 12), **parameters)


def random_model(seed: int, fraction: int = 0) -> BundleModel:
    """
    One to four convolutions, some in groups, dilated, transposed, with residual adds, pools and batch norm, then perhaps a
    dense layer; random weights. Biases may be `fraction` bits finer than sums.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    bits = int(rng.choice([1, 2, 4, 8]))
    hw = hardware(bits_input=bits, bits_weights=1 if bits == 1 else int(rng.choice([2, 4, 8])), bits_fraction=fraction)
    # Images of a batch begin at whole bytes: narrow elements need a batch of 1, or luck.
    batch, size, channels = (
        int(rng.integers(1, 4)) if hw.bits_input == 8 else 1,
        rng.integers(4, 10, 2),
        int(rng.integers(1, 6)),
    )
    x_in = x = QInput((batch, int(size[0]), int(size[1]), channels), hw, int(rng.integers(-1, 6)))
    dense = bool(rng.integers(2))
    count = int(rng.integers(1, 5))
    for place in range(count):
        last = place == count - 1
        x = _random_bundle(rng, x, flatten=last and dense, raw=last and not dense and bool(rng.integers(2)))
    if dense:
        outputs, activation = int(rng.integers(1, 12)), Softmax() if rng.integers(2) else None
        core = QDenseCore(outputs=outputs, activation=activation, **_fractions(rng, x, raw=True))
        x = Bundle(dense=core)(x)
    model = BundleModel(x_in, x)
    _randomise_statistics(model)
    return model.eval()


def _random_bundle(rng: np.random.Generator, x: QTensor, *, flatten: bool, raw: bool) -> QTensor:
    kernel = tuple(int(k) for k in rng.integers(1, 6, 2))
    filters = int(rng.integers(1, 9))
    if rng.integers(5) == 0 and max(x.shape[1:3]) <= 6:
        return _transposed_bundle(rng, x, kernel, filters, flatten=flatten, raw=raw)
    fits = kernel[0] <= x.shape[1] and kernel[1] <= x.shape[2]
    padding = ((int(rng.integers(4)), 1), (0, int(rng.integers(3)))) if fits and rng.integers(2) else "same"
    residual = not raw and bool(rng.integers(2))
    if residual:
        filters = x.shape[-1]
    groups = int(np.gcd(filters, x.shape[-1])) if rng.integers(2) else 1
    if raw:
        core = QConvCore(filters=filters, kernel_size=kernel, groups=groups, activation=None, **_fractions(rng, x, raw=True))
        return Bundle(core=core)(x)
    core = QConvCore(
        filters=filters,
        kernel_size=kernel,
        groups=groups,
        dilation=tuple(int(d) for d in rng.integers(1, 3, 2)) if padding == "same" else (1, 1),
        strides=(1, 1) if residual else tuple(int(s) for s in rng.integers(1, 3, 2)),
        padding="same" if residual else padding,
        activation=_activation(rng, x),
        **_fractions(rng, x),
    )
    add = QAdd(x, activation=_maybe(rng, _activation(rng, x)), frac_bits=None) if residual else None
    pool = None
    if rng.integers(2):
        activation = _maybe(rng, _activation(rng, x))
        kind, size = "max" if rng.integers(2) else "avg", tuple(int(k) for k in rng.integers(1, 4, 2))
        pool = QPool(
            type=kind,
            size=size,
            strides=size if rng.integers(2) else (1, 1),
            frac_bits=None if activation else _maybe(rng, int(rng.integers(-1, 5))),
            activation=activation,
        )
    return Bundle(core=core, add=add, pool=pool, flatten=flatten)(x)


def _transposed_bundle(
    rng: np.random.Generator, x: QTensor, kernel: tuple[int, ...], filters: int, *, flatten: bool, raw: bool
) -> QTensor:
    strides = tuple(int(s) for s in rng.integers(1, 3, 2))
    padding = ("same", "valid", ((0, 1), (int(rng.integers(2)), 0)))[int(rng.integers(3))]
    core = QConvTransposeCore(
        filters=filters,
        kernel_size=tuple(min(k, 4) for k in kernel),
        strides=strides,
        padding=padding,
        output_padding=(0, 0) if padding == "same" else tuple(int(rng.integers(s)) for s in strides),
        groups=int(np.gcd(filters, x.shape[-1])) if rng.integers(2) else 1,
        activation=None if raw else _activation(rng, x),
        **_fractions(rng, x, raw),
    )
    return Bundle(core=core, flatten=flatten and not raw)(x)


def _fractions(rng: np.random.Generator, x: QTensor, raw: bool = False) -> dict[str, object]:
    weights = int(rng.integers(0, 5))
    batch_norm = bool(rng.integers(2))
    most = x.frac_bits + weights + (0 if raw else x.hw.bits_fraction)
    bias = int(rng.integers(-2, most + 1)) if most > -2 else most
    has_bias = batch_norm or bool(rng.integers(2))
    return {"weights_frac_bits": weights, "bias_frac_bits": bias if has_bias else None, "batch_norm": batch_norm}


def _activation(rng: np.random.Generator, x: QTensor) -> QActivation:
    frac = int(rng.integers(-1, 6))
    # Of one bit a ReLU leaves nothing.
    slope = float(rng.choice([0, 0.125, 0.5, 1] if x.hw.bits_input > 1 else [0.125, 1]))
    return QIdentity(frac) if rng.integers(3) == 0 else QLeakyReLu(slope, frac)


def _maybe(rng: np.random.Generator, value):
    return value if rng.integers(2) else None


def _randomise_statistics(model: BundleModel) -> None:
    """As training would leave them: all parameters away from their initial values."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith(("bias", "beta", "running_mean")):
                tensor.normal_()
            if name.endswith(("gamma", "running_variance")):
                tensor.uniform_(0.3, 2.0)

"""
The whole Python API on one page: a network for 8 x 96 processing elements, on random numbers.

    python examples/api.py            # with the RTL; building the simulator of 768 processing elements takes minutes
    python examples/api.py --no-rtl   # up to the interpreted instructions

Writes hardware, model and program into `build/api/`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from dsf import Bundle, BundleModel, Hardware, QAdd, QConvCore, QDenseCore, QInput, QLeakyReLu, QPool, Softmax


def make_hardware() -> Hardware:
    """Widths, size of the array, and the largest layer; the memories follow from these."""
    return Hardware(
        processing_elements=(8, 96),
        frequency=1000,
        bits_input=8,
        bits_weights=4,
        bits_sum=24,
        bits_bias=16,
        max_kernel_size=(13, 13),
        max_channels_in=512,
        max_channels_out=512,
        max_image_size=(32, 32),
    )


def make_model(hw: Hardware) -> BundleModel:
    """Three bundles: a strided convolution with pooling, a residual one, a dense layer."""
    x_in = x = QInput(input_shape=(8, 32, 32, 3), hw=hw, input_frac_bits=4)
    x = Bundle(
        core=QConvCore(
            filters=32,
            kernel_size=(7, 7),
            strides=(2, 2),
            padding="same",
            weights_frac_bits=4,
            bias_frac_bits=8,
            activation=QLeakyReLu(negative_slope=0.125, frac_bits=4),
        ),
        pool=QPool(type="max", size=(3, 3), strides=(1, 1), padding="same", frac_bits=4),
    )(x)
    x_skip = x
    x = Bundle(
        core=QConvCore(
            filters=32,
            kernel_size=(3, 3),
            weights_frac_bits=4,
            bias_frac_bits=8,
            activation=QLeakyReLu(negative_slope=0, frac_bits=4),
        ),
        add=QAdd(x_skip),
        flatten=True,
    )(x)
    x = Bundle(dense=QDenseCore(outputs=10, weights_frac_bits=4, bias_frac_bits=8, activation=Softmax()))(x)
    return BundleModel(inputs=x_in, outputs=x)


def main() -> None:
    """Hardware, model, a little training, files, and the proof that all levels agree."""
    parser = argparse.ArgumentParser(description="The Python API on one page.")
    parser.add_argument("--no-rtl", action="store_true", help="leave out the simulation of the engine")
    rtl = not parser.parse_args().no_rtl
    directory = Path("build/api")
    torch.manual_seed(0)

    hw = make_hardware()
    hw.export(directory)  # config_hw.svh, config_hw.tcl, config_hw.json
    assert Hardware.from_json(directory / "config_hw.json") == hw

    model = make_model(hw)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 32, 32, 3)), rng.integers(0, 10, 64)
    model.compile(optimizer="adam", loss="cross_entropy", lr=1e-3)
    model.fit(x, y, epochs=2, batch_size=16)
    model.export(directory)  # config_model.json, model.pt
    model = BundleModel.from_json(directory / "config_model.json")

    found = model.export_inference(x=model.random_input, directory=directory, rtl=rtl)
    assert found.probabilities is not None
    print("answers:", found.probabilities.argmax(-1))
    print("files:", *(path.name for path in found.paths))


if __name__ == "__main__":
    main()

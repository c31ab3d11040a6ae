"""
The demo: a network trained on real images, compiled, and run on the simulated engine, bit for bit the same.

scikit-learn's digits (1,797 scanned 8x8 images) go through a small residual network with 8-bit activations and 4-bit
weights: convolution and max pool, strided convolution, residual add, average pool, flatten, dense, softmax. Takes under
a minute to train; building the simulator takes a minute or two the first time.

    python examples/digits.py

Writes the program's files, `digits.json` and a picture of it all, `report.png`, into `build/digits/`. Exits with 1 if the
integers are right for fewer than 97 % of the test images.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from dsf import Bundle, BundleModel, Hardware, QAdd, QConvCore, QDenseCore, QIdentity, QInput, QLeakyReLu, QPool, Softmax
from dsf.nn.export_inference import Inference

BATCH = 64
TEST_IMAGES = 6 * BATCH
LEAST_ACCURACY = 0.97


def load_data(seed: int = 0) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Training and test data: images (N, 8, 8, 1) from 0 to 1 in steps of 1/16, labels (N,)."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    x, y = images[order].reshape(-1, 8, 8, 1) / 16, labels[order]
    return (x[TEST_IMAGES:], y[TEST_IMAGES:]), (x[:TEST_IMAGES], y[:TEST_IMAGES])


def make_hardware() -> Hardware:
    """192 processing elements for 8-bit activations and 4-bit weights; what is not said takes a sensible default."""
    return Hardware(
        processing_elements=(8, 24),
        frequency=200,
        bits_input=8,
        bits_weights=4,
        bits_sum=24,
        bits_bias=16,
        max_kernel_size=(3, 3),
        max_channels_in=24,
        max_channels_out=24,
        max_image_size=(8, 8),
        name="digits",
    )


def make_model(hw: Hardware) -> BundleModel:
    """A small residual network."""
    relu, leaky = QLeakyReLu(negative_slope=0, frac_bits=3), QLeakyReLu(negative_slope=0.125, frac_bits=3)

    def conv(activation: QLeakyReLu | QIdentity, strides: tuple[int, int] = (1, 1)) -> QConvCore:
        return QConvCore(
            filters=24,
            kernel_size=(3, 3),
            strides=strides,
            weights_frac_bits=3,
            bias_frac_bits=6,
            activation=activation,
            batch_norm=True,
        )

    x_in = x = QInput(input_shape=(BATCH, 8, 8, 1), hw=hw, input_frac_bits=4)
    x = Bundle(core=conv(leaky), pool=QPool(type="max", size=(2, 2), strides=(1, 1)))(x)
    x = x_skip = Bundle(core=conv(leaky, strides=(2, 2)))(x)
    x = Bundle(core=conv(relu))(x)
    x = Bundle(
        core=conv(QIdentity(frac_bits=3)),
        add=QAdd(x_skip, activation=relu),
        pool=QPool(type="avg", size=(2, 2), strides=(2, 2)),
        flatten=True,
    )(x)
    x = Bundle(dense=QDenseCore(outputs=10, weights_frac_bits=3, bias_frac_bits=6, activation=Softmax()))(x)
    return BundleModel(inputs=x_in, outputs=x)


def train(model: BundleModel, x: np.ndarray, y: np.ndarray) -> None:
    """Twenty epochs with a falling learning rate, on one thread: the layers are too small for two to pay."""
    torch.set_num_threads(1)
    model.compile(optimizer="adam", loss="cross_entropy", lr=3e-3, schedule="cosine")
    model.fit(x, y, epochs=20, batch_size=32)


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of images whose largest output is that of the right digit."""
    return float((outputs.argmax(-1) == labels).mean())


def print_accuracies(accuracies: dict[str, float]) -> None:
    """Side by side."""
    table = Table(title=f"accuracy on the same {TEST_IMAGES} test images")
    for name in accuracies:
        table.add_column(name, justify="right", min_width=11)
    table.add_row(*(f"{value:.2%}" for value in accuracies.values()))
    Console().print(table)


def draw(path: Path, found: Inference, images: np.ndarray, labels: np.ndarray, accuracies: dict[str, float]) -> None:
    """One picture: cycles per bundle, utilisation, accuracies, and digits with what the engine took them for."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(12, 7.5), layout="constrained")
    hw = found.report["hardware"]
    rows, columns = hw["processing_elements"]
    rate = found.report["images_per_second"]
    figure.suptitle(
        f"digits on {rows} x {columns} processing elements at {hw['frequency']} MHz: "
        f"{found.cycles:,} cycles for {BATCH} images, {rate:,.0f} images a second"
    )
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 0.8))
    left, middle, right = top.subplots(1, 3, width_ratios=(1.5, 1, 0.8))
    _draw_cycles(left, found.report["bundles"])
    _draw_utilization(middle, found.report["bundles"])
    _draw_accuracies(right, accuracies)
    _draw_digits(bottom.subplots(3, 12), found, images, labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _draw_cycles(axes, bundles: list[dict]) -> None:
    places = np.arange(len(bundles))
    axes.bar(places - 0.2, [one["cycles"] for one in bundles], 0.4, label="estimated", color="#9db4c0")
    axes.bar(places + 0.2, [one["measured_cycles"] for one in bundles], 0.4, label="measured in RTL", color="#253237")
    axes.set_xticks(places, [one["name"].removeprefix("bundle_") for one in bundles])
    axes.set(xlabel="bundle", title=f"cycles for {BATCH} images")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_utilization(axes, bundles: list[dict]) -> None:
    places = np.arange(len(bundles))
    bars = axes.bar(places, [100 * one["utilization"] for one in bundles], 0.6, color="#5c6b73")
    axes.bar_label(bars, fmt="%.0f")
    axes.set_xticks(places, [one["name"].removeprefix("bundle_") for one in bundles])
    axes.set(xlabel="bundle", title="utilisation, %", ylim=(0, 105))
    axes.spines[["top", "right"]].set_visible(False)


def _draw_accuracies(axes, accuracies: dict[str, float]) -> None:
    bars = axes.barh(list(accuracies), [100 * value for value in accuracies.values()], 0.6, color="#9db4c0")
    axes.bar_label(bars, fmt="%.2f", label_type="center")
    axes.invert_yaxis()
    axes.set(title="test accuracy, %", xlim=(0, 100))
    axes.spines[["top", "right"]].set_visible(False)


def _draw_digits(grid, found: Inference, images: np.ndarray, labels: np.ndarray) -> None:
    assert found.probabilities is not None and found.rtl_integers is not None
    answers = found.rtl_integers.argmax(-1)
    # Wrong answers first: they are what one wants to see.
    order = np.argsort(answers == labels, kind="stable")
    for axes, place in zip(grid.flat, order, strict=False):
        right = answers[place] == labels[place]
        sure = found.probabilities[place, answers[place]]
        axes.imshow(images[place, :, :, 0], cmap="gray_r", interpolation="nearest")
        text = f"{answers[place]}  {sure:.0%}" if right else f"{answers[place]}, not {labels[place]}"
        axes.set_title(text, fontsize=9, color="black" if right else "#c1121f")
        axes.set_axis_off()


def main() -> int:
    """Trains, exports, simulates, compares; returns the exit code."""
    directory = Path("build/digits")
    (x_train, y_train), (x_test, y_test) = load_data()
    torch.manual_seed(0)
    hw = make_hardware()
    model = make_model(hw)
    train(model, x_train, y_train)
    hw.export(directory)
    model.export(directory)
    found = model.export_inference(x=x_test, directory=directory)
    assert found.rtl_integers is not None
    accuracies = {
        "float": accuracy(model.predict(x_test, quantized=False), y_test),
        "integer": accuracy(found.integers, y_test),
        "RTL": accuracy(found.rtl_integers, y_test),
    }
    print_accuracies(accuracies)
    (directory / "digits.json").write_text(json.dumps({"accuracy": accuracies, "cycles": found.cycles}, indent=2) + "\n")
    draw(directory / "report.png", found, x_test, y_test, accuracies)
    print(f"The picture is {directory / 'report.png'}, the program and its report are beside it.")
    if accuracies["integer"] < LEAST_ACCURACY:
        print(f"'digits': accuracy {accuracies['integer']:.2%}, needs {LEAST_ACCURACY:.0%}; train longer", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""
DeepSoCFlow's example, seven bundles on an 18x18x3 image, with random weights: `python -m benchmarks.seven_bundles`.

Runs it on the simulated system for 4-bit and 8-bit numbers on 8 x 24 processing elements, compared at every level down to the
RTL, once without stalls and then with random ones, and says how many cycles it takes; also in `results/seven_bundles.json`. Its
weights stay on chip, loaded before the first run; what a run takes if it loads them itself is measured for comparison.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from dsf import Bundle, BundleModel, Hardware, QAdd, QConvCore, QDenseCore, QInput, QLeakyReLu, QPool, Softmax

#: DeepSoCFlow takes this many cycles without stalls, with its processor's part for free.
DEEPSOCFLOW_CYCLES = 20_410

RESULT = Path(__file__).parent / "results" / "seven_bundles.json"


def make_hardware(bits: int, elements: tuple[int, int] = (8, 24)) -> Hardware:
    """Numbers of `bits` bits, images up to 64 x 64; everything else is the default. The tests and the layers use it as well."""
    return Hardware(
        processing_elements=elements, bits_input=bits, bits_weights=bits, max_image_size=(64, 64), name=f"seven_bundles_{bits}"
    )


def make_model(hw: Hardware, seed: int = 0) -> BundleModel:
    """The network, with weights drawn by `seed`."""
    torch.manual_seed(seed)
    bits = hw.bits_input
    frac, weights_frac = bits - 2, bits - 1
    relu, leaky = (QLeakyReLu(negative_slope=slope, frac_bits=frac) for slope in (0, 0.125))

    def conv(
        filters: int,
        size: int,
        activation: QLeakyReLu = relu,
        strides: tuple[int, int] = (1, 1),
        bias: bool = True,
    ) -> QConvCore:
        return QConvCore(
            filters=filters,
            kernel_size=(size, size),
            strides=strides,
            padding="same",
            weights_frac_bits=weights_frac,
            bias_frac_bits=frac + weights_frac if bias else None,
            activation=activation,
        )

    x_in = QInput(input_shape=(1, 18, 18, 3), hw=hw, input_frac_bits=bits - 1)
    pool = QPool(type="avg", size=(3, 4), strides=(2, 3), padding="same")
    x = first = Bundle(core=conv(8, 11, strides=(2, 1)), pool=pool)(x_in)
    x = second = Bundle(core=conv(8, 1), add=QAdd(first))(x)
    x = Bundle(core=conv(8, 7, bias=False), add=QAdd(second))(x)
    x = Bundle(core=conv(8, 5, leaky), add=QAdd(first))(x)
    x = Bundle(core=conv(24, 3))(x)
    x = Bundle(core=conv(10, 1, leaky), flatten=True)(x)
    dense = QDenseCore(outputs=10, weights_frac_bits=weights_frac, bias_frac_bits=frac + weights_frac, activation=Softmax())
    return BundleModel(inputs=x_in, outputs=Bundle(dense=dense)(x))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seven_bundles", description=__doc__)
    parser.add_argument("--bits", type=int, nargs="*", choices=(2, 4, 8), default=(4, 8), help="widths of the numbers")
    parser.add_argument("--stalls", type=float, default=0.3, help="chance of a stall each cycle, in the second run")
    chosen = parser.parse_args()
    results = [measure(bits, chosen.stalls) for bits in chosen.bits]
    RESULT.parent.mkdir(exist_ok=True)
    bits = " ".join(map(str, chosen.bits))
    command = f"python -m benchmarks.seven_bundles --bits {bits} --stalls {chosen.stalls}"
    found = {"command": command, "deepsocflow_cycles": DEEPSOCFLOW_CYCLES, "engines": results}
    RESULT.write_text(json.dumps(found, indent=2) + "\n")
    for one in results:
        load, without = one["load_program"]["measured_cycles"], one["without_resident_weights"]["cycles"]
        print(f"{one['bits']} bits: {one['cycles']:,} cycles an inference, after {load:,} that load the weights once;")
        print(f"  {without:,} if each inference loads them; DeepSoCFlow {DEEPSOCFLOW_CYCLES:,}")


def measure(bits: int, stalls: float) -> dict[str, Any]:
    """Cycles of the network, estimated and measured."""
    model = make_model(make_hardware(bits))
    x, folder = model.random_input, Path("build") / model.hw.name
    without = model.export_inference(x, f"{folder}_loading", stalls=stalls, resident_weights=False).report
    report = model.export_inference(x, folder, stalls=stalls).report
    names = ("name", "macs", "mode", "cycles", "measured_cycles", "utilization")
    return {
        "bits": bits,
        **_totals(report),
        "load_program": report["load_program"],
        "without_resident_weights": _totals(without),
        "bundles": [{name: one[name] for name in names} for one in report["bundles"]],
    }


def _totals(report: dict[str, Any]) -> dict[str, int]:
    names = ("instructions", "dram_words", "register_accesses")
    return {
        "cycles": report["measured_cycles"],
        "estimated_cycles": report["cycles"],
        **{name: report[name] for name in names},
    }


if __name__ == "__main__":
    main()

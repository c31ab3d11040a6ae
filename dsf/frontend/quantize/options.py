"""How a float model is quantised."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from dsf.arguments import as_int, is_real
from dsf.errors import ModelError
from dsf.hardware import Hardware

Ranges = Literal["minmax", "percentile", "mse"]
Scales = Literal["free", "power-of-two"]
Concat = Literal["share", "rescale"]
Outputs = Literal["float", "quantized"]

#: Widths of activations and weights. ONNX has a type for each of them; binary networks are trained, not quantised afterwards.
WIDTHS = (2, 4, 8)


@dataclass(frozen=True)
class QuantizeOptions:
    """
    - `activation_bits`, `weight_bits` (2, 4 or 8), `bias_bits` (8, 16 or 32).
    - `ranges`: what of the values seen a quantised tensor can hold. "minmax": all; "percentile": all but the outermost
      `100 - percentile` per cent; "mse": what makes the mean squared error smallest. Of weights, "percentile" means all.
    - `scales`: any ("free"), or only powers of two, which cost the engine no multiplier.
    - `per_channel`: weights have a scale for each output channel.
    - `zero_points`: activations have a zero point, so that a tensor whose values lie on one side uses all its integers.
    - `bias_correction`: the mean error of each output channel, measured on the calibration data, goes into its bias.
    - `concat`: inputs of a Concat "share" a scale, or each keeps its own and the Concat has to "rescale" them.
    - `outputs`: a convolution or matrix product that ends the network gives its sums as they are ("float"), or "quantized".

    Raises `ModelError`, which lists every problem.
    """

    activation_bits: int = 8
    weight_bits: int = 8
    bias_bits: int = 32
    ranges: Ranges = "mse"
    percentile: float = 99.99
    scales: Scales = "free"
    per_channel: bool = True
    zero_points: bool = False
    bias_correction: bool = True
    concat: Concat = "share"
    outputs: Outputs = "float"

    def __post_init__(self) -> None:
        problems = [
            *(_of(name, getattr(self, name), WIDTHS) for name in ("activation_bits", "weight_bits")),
            _of("bias_bits", self.bias_bits, (8, 16, 32)),
            *(_of(name, getattr(self, name), get_args(kind)) for name, kind in _CHOICES.items()),
            *(_flag(name, getattr(self, name)) for name in ("per_channel", "zero_points", "bias_correction")),
        ]
        if not is_real(self.percentile) or not 50 < self.percentile <= 100:
            problems.append(f"'percentile': {self.percentile!r}, needs a number above 50, at most 100")
        found = [problem for problem in problems if problem]
        if found:
            raise ModelError(found)

    @staticmethod
    def of_hardware(hw: Hardware, **changes: object) -> QuantizeOptions:
        """
        The widths of `hw`, with changes by name. Raises `ModelError` for a name that is none, a wrong value, and hardware whose
        numbers have one bit.
        """
        known = [one.name for one in dataclasses.fields(QuantizeOptions)]
        problems = [f"'{name}': is no option, needs one of {', '.join(known)}" for name in changes if name not in known]
        if 1 in (hw.bits_input, hw.bits_weights):
            problems.append(
                f"'{hw.name}': has numbers of one bit, needs 2, 4 or 8 to quantise a trained model; train a binary "
                "network with dsf.nn or Brevitas, or choose other bits_input and bits_weights"
            )
        if problems:
            raise ModelError(problems)
        widths: dict[str, object] = {
            "activation_bits": hw.bits_input,
            "weight_bits": hw.bits_weights,
            "bias_bits": hw.bits_bias,
        }
        return QuantizeOptions(**cast("dict[str, Any]", widths | changes))


_CHOICES = {"ranges": Ranges, "scales": Scales, "concat": Concat, "outputs": Outputs}


def _of(name: str, value: object, choices: tuple[object, ...]) -> str | None:
    integer = as_int(value)
    known = isinstance(value, str) and value in choices if integer is None else integer in choices
    return None if known else f"'{name}': {value!r}, needs one of {', '.join(map(str, choices))}"


def _flag(name: str, value: object) -> str | None:
    return None if isinstance(value, bool) else f"'{name}': {value!r}, needs True or False"


def power_of_two_at_least(value: float) -> float:
    """The smallest power of two that is not below a positive `value`."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent - 1 if mantissa == 0.5 else exponent)

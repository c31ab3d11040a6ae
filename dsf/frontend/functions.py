"""ONNX's functions of one element that are tables: which of `dsf.numerics.FUNCTIONS` they are, and their attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OnnxFunction:
    """A function's name in `dsf.numerics.FUNCTIONS`, and the attributes that are its parameters, with their defaults."""

    kind: str
    attributes: Mapping[str, float]

    def parameters(self, get: Callable[[str, Any], Any]) -> tuple[float, ...]:
        """The parameters of a node, of which `get` gives an attribute or a default."""
        return tuple(float(get(name, default)) for name, default in self.attributes.items())


def _plain(*op_types: str) -> dict[str, OnnxFunction]:
    """Functions without attributes that are called the same."""
    return {one: OnnxFunction(one.lower(), {}) for one in op_types}


#: Functions that only the operator's type and attributes say all of.
ONNX_FUNCTIONS: Mapping[str, OnnxFunction] = {
    **_plain("Sigmoid", "Tanh", "Exp", "Mish", "Softplus", "Softsign", "Abs", "Erf", "Log", "Sqrt", "Reciprocal", "Sign"),
    **_plain("Floor", "Ceil", "Round", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"),
    "HardSwish": OnnxFunction("hard_swish", {}),
    "HardSigmoid": OnnxFunction("hard_sigmoid", {"alpha": 0.2, "beta": 0.5}),
    "Swish": OnnxFunction("swish", {"alpha": 1.0}),
    "Elu": OnnxFunction("elu", {"alpha": 1.0}),
    "Selu": OnnxFunction("selu", {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}),
    "Celu": OnnxFunction("celu", {"alpha": 1.0}),
    "ThresholdedRelu": OnnxFunction("thresholded_relu", {"alpha": 1.0}),
    "Shrink": OnnxFunction("shrink", {"bias": 0.0, "lambd": 0.5}),
}

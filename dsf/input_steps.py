"""
What the processor computes of a network's input before it is quantised: normalisations such as (x - mean) / deviation that a
model has before its first QuantizeLinear. Each step is a function of single elements and a constant, in float32 as there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsf.numerics import Floats

Reals = NDArray[np.float32]
#: Types of inputs that are real numbers, by ONNX's names.
REAL_KINDS = frozenset({"float", "double", "float16", "bfloat16"})

#: What a step computes of the input and its constant; it has ONNX's name. A cast has a constant that says nothing.
OPERATORS: Mapping[str, Callable[[Reals, Reals], Reals]] = {
    "Cast": lambda x, values: x,
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Max": np.maximum,
    "Min": np.minimum,
}
#: What undoes a step, as far as that can be done.
_INVERSES = {"Add": "Sub", "Sub": "Add", "Mul": "Div", "Div": "Mul"}


@dataclass(frozen=True)
class InputStep:
    """An operator of `OPERATORS`, and its constant: `values` broadcast against the model's input."""

    operator: str
    values: Reals = field(repr=False)

    @staticmethod
    def of(operator: str, values: Reals) -> InputStep:
        """A step whose constant has an element for each of the input's; of axes along which it does not differ it keeps one."""
        for axis in range(values.ndim):
            first = values.take([0], axis)
            if bool((values == first).all()):
                values = first
        return InputStep(operator, values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, InputStep):
            return NotImplemented
        return self.operator == other.operator and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.operator, self.values.tobytes()))

    def apply(self, x: Reals) -> Reals:
        return OPERATORS[self.operator](x, self.values)

    def undo(self, y: Reals) -> Reals:
        """An x of which `apply` gives y, or nearly so; where there is none, y."""
        inverse = _INVERSES.get(self.operator)
        if inverse is None:
            return y
        values = np.where(self.values == 0, np.float32(1), self.values) if inverse == "Div" else self.values
        return OPERATORS[inverse](y, values)

    def to_json(self) -> dict[str, Any]:
        # A float32 is a double, which JSON writes exactly.
        return {"operator": self.operator, "shape": list(self.values.shape), "values": self.values.reshape(-1).tolist()}


def prepared(steps: Sequence[InputStep], x: NDArray[Any]) -> Floats:
    """The input after all steps, as the numbers that are quantised."""
    values: Reals = x.astype(np.float32)
    for one in steps:
        values = one.apply(values)
    return values.astype(np.float64)

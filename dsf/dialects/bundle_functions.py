"""
`bundle.function`: activations that are no leaky ReLU, any function of a single element. The engine looks them up in a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, Float64Type, TensorType, f64
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import IRDLOperation, irdl_attr_definition, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.str_enum import StrEnum

from dsf.dialects.bundle_cores import check_q
from dsf.dialects.bundle_types import Grid, bits_of, grid_of, tensor_of
from dsf.dialects.shapes import check_rank, check_result, need, shape
from dsf.numerics import FUNCTIONS, Floats, apply_function, int_range, table_bits


class FunctionKind(StrEnum):
    """The functions of `dsf.numerics.FUNCTIONS`; or any, by its values."""

    SIGMOID = "sigmoid"
    TANH = "tanh"
    EXP = "exp"
    GELU = "gelu"
    SWISH = "swish"
    HARD_SIGMOID = "hard_sigmoid"
    HARD_SWISH = "hard_swish"
    LEAKY_RELU = "leaky_relu"
    MISH = "mish"
    SOFTPLUS = "softplus"
    SOFTSIGN = "softsign"
    ELU = "elu"
    SELU = "selu"
    CELU = "celu"
    THRESHOLDED_RELU = "thresholded_relu"
    SHRINK = "shrink"
    ABS = "abs"
    ERF = "erf"
    LOG = "log"
    SQRT = "sqrt"
    RECIPROCAL = "reciprocal"
    POW = "pow"
    SIGN = "sign"
    FLOOR = "floor"
    CEIL = "ceil"
    ROUND = "round"
    SIN = "sin"
    COS = "cos"
    TAN = "tan"
    ASIN = "asin"
    ACOS = "acos"
    ATAN = "atan"
    SINH = "sinh"
    COSH = "cosh"
    ASINH = "asinh"
    ACOSH = "acosh"
    ATANH = "atanh"
    VALUES = "values"


@irdl_attr_definition
class FunctionKindAttr(EnumAttribute[FunctionKind], SpacedOpaqueSyntaxAttribute):
    name = "bundle.function_kind"


@irdl_op_definition
class FunctionOp(IRDLOperation):
    """
    Any function of `dsf.numerics.FUNCTIONS` of each element: `y = quantize(f(x))`, in float64. Functions that have parameters
    take them, or else their defaults. Those of `values` are the function: a result for each integer of the input, from the
    lowest one on, whatever it stands for.

    ```
    %y = bundle.function sigmoid %x : tensor<1x8x!bundle.q<8, 4>> -> tensor<1x8x!bundle.q<8, 7>>
    %z = bundle.function leaky_relu parameters [3.000000e-01] %x : tensor<1x8x!bundle.q<8, 4>> -> tensor<1x8x!bundle.q<8, 4>>
    %v = bundle.function values parameters [2.0, 1.0, 0.0, 0.5] %w : tensor<1x8x!bundle.q<2, 0>> -> tensor<1x8x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.function"

    kind = prop_def(FunctionKindAttr)
    parameters = prop_def(DenseArrayBase[Float64Type], default_value=DenseArrayBase.from_list(f64, []))
    input = operand_def(TensorType)
    output = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$kind (`parameters` $parameters^)? $input attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, kind: str, output: Grid, parameters: Sequence[float] = ()):
        super().__init__(
            operands=[input],
            properties={
                "kind": FunctionKindAttr(FunctionKind(kind)),
                "parameters": DenseArrayBase.from_list(f64, list(parameters)),
            },
            result_types=[tensor_of(shape(input), output)],
        )

    @property
    def numbers(self) -> tuple[float, ...]:
        """The parameters that are given."""
        return tuple(map(float, self.parameters.get_values()))

    def apply(self, x: Floats) -> Floats:
        """The function of real numbers: of those that the input has, if it is given by its values."""
        if self.kind.data is not FunctionKind.VALUES:
            return apply_function(str(self.kind.data), x, self.numbers)
        grid = grid_of(self.input)
        return np.array(self.numbers)[grid.to_integers(x) - int_range(table_bits(grid.bits.data))[0]]

    def verify_(self) -> None:
        check_q(self, self.input, self.output)
        check_rank(self, self.input, (2, 4))
        check_result(self, shape(self.input))
        if self.kind.data is FunctionKind.VALUES:
            count = 1 << table_bits(bits_of(self.input))
            has = f"{len(self.numbers)} values"
            need(len(self.numbers) == count, self, has, f"{count}, one for each integer of the input", "correct the list")
            self._check_finite()
            return
        defaults = FUNCTIONS[str(self.kind.data)].parameters
        has = f"{self.kind.data} with {len(self.numbers)} parameters"
        needs = "none" if not defaults else f"{len(defaults)}, or none for {', '.join(map(str, defaults))}"
        need(len(self.numbers) in (0, len(defaults)), self, has, needs, "correct the list")
        self._check_finite()

    def _check_finite(self) -> None:
        has = f"parameters {[one for one in self.numbers if not isfinite(one)]}"
        need(bool(np.isfinite(self.numbers).all()), self, has, "finite numbers", "correct the list")

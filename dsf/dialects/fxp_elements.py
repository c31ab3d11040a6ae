"""
Functions of single elements in the `fxp` dialect, beside `fxp.add`: the product of two tensors, and any function by its table.
"""

from __future__ import annotations

from numpy.typing import ArrayLike
from xdsl.dialects.builtin import I64, DenseIntOrFPElementsAttr, IntegerAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from dsf.dialects.constants import dense_ints, integer, ints_of
from dsf.dialects.integers import (
    MAX_MULTIPLIER,
    OFFSET_BITS,
    check_between,
    check_clip,
    check_integers,
    check_table,
    integers,
    width,
)
from dsf.dialects.shapes import check_operands, check_rank, check_result, shape
from dsf.numerics import MAX_LEAK, MAX_SHIFT, Ints, int_range


@irdl_op_definition
class MultiplyOp(IRDLOperation):
    """
    Product of two tensors with one rounding, `dsf.numerics.multiply`; `b` may be one pixel for each image of `a`:

        v = (a - zero_a) * (b - zero_b) * multiplier + offset
        y = clip(rhe(v / 2**(shift + (leak if v < 0 else 0))), low, high)

    ```
    %y = fxp.multiply %a, %b shift 7 clip -128 to 127 : tensor<1x4x4x8xi8>, tensor<1x1x1x8xi8> -> tensor<1x4x4x8xi8>
    ```
    """

    name = "fxp.multiply"

    a = operand_def(TensorType)
    b = operand_def(TensorType)
    output = result_def(TensorType)
    zero_a = prop_def(IntegerAttr[I64], default_value=integer(0))
    zero_b = prop_def(IntegerAttr[I64], default_value=integer(0))
    multiplier = prop_def(IntegerAttr[I64], default_value=integer(1))
    offset = prop_def(IntegerAttr[I64], default_value=integer(0))
    shift = prop_def(IntegerAttr[I64], default_value=integer(0))
    leak = prop_def(IntegerAttr[I64], default_value=integer(0))
    low = prop_def(IntegerAttr[I64])
    high = prop_def(IntegerAttr[I64])

    traits = traits_def(Pure())

    assembly_format = (
        "$a `,` $b (`zero_a` $zero_a^)? (`zero_b` $zero_b^)? (`multiplier` $multiplier^)? (`offset` $offset^)? "
        "(`shift` $shift^)? (`leak` $leak^)? `clip` $low `to` $high attr-dict "
        "`:` type($a) `,` type($b) `->` type($output)"
    )

    def __init__(
        self,
        a: SSAValue,
        b: SSAValue,
        *,
        bits: int,
        zero_a: int = 0,
        zero_b: int = 0,
        multiplier: int,
        offset: int = 0,
        shift: int,
        leak: int,
        low: int,
        high: int,
    ):
        numbers = {
            "zero_a": zero_a,
            "zero_b": zero_b,
            "multiplier": multiplier,
            "offset": offset,
            "shift": shift,
            "leak": leak,
            "low": low,
            "high": high,
        }
        super().__init__(
            operands=[a, b],
            properties={name: integer(value) for name, value in numbers.items()},
            result_types=[integers(shape(a), bits)],
        )

    def verify_(self) -> None:
        check_integers(self, self.a, self.b, self.output)
        check_operands(self, self.a, self.b)
        check_between(self, *int_range(width(self.a)), zero_a=self.zero_a)
        check_between(self, *int_range(width(self.b)), zero_b=self.zero_b)
        check_between(self, 0, MAX_MULTIPLIER, multiplier=self.multiplier)
        check_between(self, *int_range(OFFSET_BITS), offset=self.offset)
        check_between(self, 0, MAX_SHIFT, shift=self.shift)
        check_between(self, 0, MAX_LEAK, leak=self.leak)
        check_clip(self, self.low.value.data, self.high.value.data)


@irdl_op_definition
class TableOp(IRDLOperation):
    """
    A function of each element by its table, `dsf.numerics.lookup`: `y = table[x + 2**(bits - 1)]`, with an entry for each value
    of the input, from the least one on. An input of one bit is looked up as one of two bits, whose values are -2 to 1.

    ```
    %y = fxp.table %x table dense<[...]> : tensor<256xi8> : tensor<1x8xi8> -> tensor<1x8xi8>
    ```
    """

    name = "fxp.table"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    table = prop_def(DenseIntOrFPElementsAttr)

    traits = traits_def(Pure())

    assembly_format = "$input `table` $table attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, table: ArrayLike, *, bits: int):
        """The result is `i<bits>`, and so are the entries."""
        super().__init__(
            operands=[input], properties={"table": dense_ints(table, bits)}, result_types=[integers(shape(input), bits)]
        )

    @property
    def table_array(self) -> Ints:
        return ints_of(self.table)

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_rank(self, self.input, (2, 4))
        check_result(self, shape(self.input))
        check_table(self, self.table, self.input)

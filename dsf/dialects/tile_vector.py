"""Operations of the `tile` dialect that the vector unit computes: poolings and functions of single elements."""

from __future__ import annotations

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from dsf.dialects.bundle_types import PoolKind, PoolKindAttr
from dsf.dialects.constants import DenseAttr
from dsf.dialects.integers import (
    check_clip,
    check_integers,
    check_table,
    width,
)
from dsf.dialects.records import ints
from dsf.dialects.shapes import (
    check_operands,
    check_pool,
    check_rank,
    check_result,
    need,
    shape,
)
from dsf.dialects.tile_cuts import CutAttr, check_vector_cut
from dsf.dialects.tile_types import AddAttr, MultiplyAttr, ScaleAttr, WindowAttr, check_pad
from dsf.geometry import Window
from dsf.numerics import int_range


@irdl_op_definition
class PoolOp(IRDLOperation):
    """
    A pooling, as the vector unit computes it, with one rounding:

        y = pool_scale(max or sum of the taps inside the image, 1 or their number)

    ```
    %y = tile.pool max %x window <kernel = [2, 2], strides = [2, 2]> scale <low = -128, high = 127> cut <images = 1, rows = 4>
           : tensor<1x8x8x16xi8> -> tensor<1x4x4x16xi8>
    ```
    """

    name = "tile.pool"

    kind = prop_def(PoolKindAttr)
    x = operand_def(TensorType)
    y = result_def(TensorType)
    window = prop_def(WindowAttr)
    scale = prop_def(ScaleAttr)
    cut = prop_def(CutAttr)

    traits = traits_def(Pure())

    assembly_format = "$kind $x `window` $window `scale` $scale `cut` $cut attr-dict `:` type($x) `->` type($y)"

    def __init__(
        self, kind: PoolKind, x: SSAValue, *, window: WindowAttr, scale: ScaleAttr, cut: CutAttr, result_type: Attribute
    ):
        super().__init__(
            operands=[x],
            properties={"kind": PoolKindAttr(kind), "window": window, "scale": scale, "cut": cut},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        check_integers(self, self.x, self.y)
        check_pool(self, self.x, self.window.window)
        check_pad(self, self.window, self.x)
        check_clip(self, self.scale.low.data, self.scale.high.data)
        check_vector_cut(self, self.cut, shape(self.y))
        dilation = ints(self.window.dilation)
        need(dilation == (1, 1), self, f"dilation {list(dilation)}", "[1, 1]", "pool without dilation")


#: An element of the result is computed from the elements at its own place.
POINT = WindowAttr.from_window(Window((1, 1)))


@irdl_op_definition
class ElementwiseOp(IRDLOperation):
    """
    Sum or product of two tensors, with one rounding; `b` may be one pixel for each image of `x`:

        y = residual_add(x, b), or multiply(x, b)

    ```
    %y = tile.elementwise #tile.multiply<shift = 7, low = -128, high = 127> %x, %b cut <images = 1, rows = 8>
           : tensor<1x8x8x16xi8>, tensor<1x1x1x16xi8> -> tensor<1x8x8x16xi8>
    ```
    """

    name = "tile.elementwise"

    function = prop_def(AddAttr | MultiplyAttr)
    x = operand_def(TensorType)
    b = operand_def(TensorType)
    y = result_def(TensorType)
    cut = prop_def(CutAttr)

    traits = traits_def(Pure())

    assembly_format = "$function $x `,` $b `cut` $cut attr-dict `:` type($x) `,` type($b) `->` type($y)"

    def __init__(self, function: AddAttr | MultiplyAttr, x: SSAValue, b: SSAValue, *, cut: CutAttr, result_type: Attribute):
        super().__init__(operands=[x, b], properties={"function": function, "cut": cut}, result_types=[result_type])

    @property
    def window(self) -> WindowAttr:
        return POINT

    def verify_(self) -> None:
        check_integers(self, self.x, self.b, self.y)
        check_rank(self, self.x, (4,))
        check_operands(self, self.x, self.b)
        _check_zeros(self, self.function, width(self.x), width(self.b))
        check_clip(self, self.function.low.data, self.function.high.data)
        check_vector_cut(self, self.cut, shape(self.y))


def _check_zeros(op: IRDLOperation, function: AddAttr | MultiplyAttr, *bits: int) -> None:
    """Zero points are values of their operands, of so many bits."""
    if isinstance(function, AddAttr):
        return
    zeros = {"zero_a": function.zero_a.data, "zero_b": function.zero_b.data}
    for (name, zero), of_operand in zip(zeros.items(), bits, strict=True):
        low, high = int_range(of_operand)
        need(low <= zero <= high, op, f"{name} {zero}", f"{low} to {high}, what the operand holds", "correct it")


@irdl_op_definition
class LookupOp(IRDLOperation):
    """
    A function of each element by its table, `dsf.numerics.lookup`, with an entry for each value of the input.

    ```
    %y = tile.lookup %x table dense<[...]> : tensor<256xi8> cut <images = 1, rows = 8>
           : tensor<1x8x8x16xi8> -> tensor<1x8x8x16xi8>
    ```
    """

    name = "tile.lookup"

    x = operand_def(TensorType)
    y = result_def(TensorType)
    table = prop_def(DenseIntOrFPElementsAttr)
    cut = prop_def(CutAttr)

    traits = traits_def(Pure())

    assembly_format = "$x `table` $table `cut` $cut attr-dict `:` type($x) `->` type($y)"

    def __init__(self, x: SSAValue, table: DenseAttr, *, cut: CutAttr, result_type: Attribute):
        super().__init__(operands=[x], properties={"table": table, "cut": cut}, result_types=[result_type])

    @property
    def window(self) -> WindowAttr:
        return POINT

    def verify_(self) -> None:
        check_integers(self, self.x, self.y)
        check_rank(self, self.x, (4,))
        check_result(self, shape(self.x))
        check_table(self, self.table, self.x)
        check_vector_cut(self, self.cut, shape(self.y))

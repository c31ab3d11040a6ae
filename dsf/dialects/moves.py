"""
What the operations that move elements share in the `bundle` and `fxp` dialects: images (N, H, W, C), or for a
concatenation rows (N, K), all of a batch alike.

Every function raises `VerifyException` with a message that says what to change.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, operand_def, prop_def, result_def, traits_def, var_operand_def
from xdsl.traits import Pure

from dsf.dialects.constants import IntsAttr, ints_attr, pair, quad
from dsf.dialects.shapes import as_text, check_lists, check_rank, check_result, element, need, shape


def check_same_elements(op: IRDLOperation, *values: SSAValue) -> None:
    """What is moved keeps its type."""
    kinds = [element(value) for value in (*values, *op.results)]
    has = f"elements of types {', '.join(map(str, dict.fromkeys(kinds)))}"
    need(len(set(kinds)) == 1, op, has, "one type for all", "quantise all of them alike")


class ConcatenatedOp(IRDLOperation):
    """The channels of several images, or the numbers of rows (N, K), one after the other."""

    inputs = var_operand_def(TensorType)
    output = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$inputs attr-dict `:` type($inputs) `->` type($output)"

    def __init__(self, inputs: Sequence[SSAValue]):
        *sizes, _ = shape(inputs[0])
        channels = sum(shape(value)[-1] for value in inputs)
        super().__init__(operands=[inputs], result_types=[TensorType(element(inputs[0]), (*sizes, channels))])


def check_concat(op: ConcatenatedOp) -> None:
    """Images of equal sizes, whose channels stand behind each other in the result, or rows, whose numbers do."""
    values = op.inputs
    need(len(values) >= 1, op, "nothing to concatenate", "at least one tensor", "add one")
    for value in values:
        check_rank(op, value, (2, 4))
    *sizes, _ = shape(values[0])
    has = f"tensors of shapes {', '.join(as_text(shape(value)) for value in values)}"
    equal = all(shape(value)[:-1] == tuple(sizes) for value in values)
    need(equal, op, has, "equal sizes but for the channels", "crop or pad the images")
    check_result(op, (*sizes, sum(shape(value)[-1] for value in values)))
    check_same_elements(op, *values)


class SlicedOp(IRDLOperation):
    """
    A part of each image: (rows, columns, channels) of `size`, from `first` on.

        y[n, i, j, k] = x[n, first[0] + i, first[1] + j, first[2] + k]
    """

    input = operand_def(TensorType)
    output = result_def(TensorType)
    first = prop_def(IntsAttr)
    size = prop_def(IntsAttr)

    traits = traits_def(Pure())

    assembly_format = "$input `first` $first `size` $size attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, first: Sequence[int], size: Sequence[int]):
        super().__init__(
            operands=[input],
            properties={"first": ints_attr(first), "size": ints_attr(size)},
            result_types=[TensorType(element(input), (shape(input)[0], *size))],
        )

    @property
    def starts(self) -> tuple[int, ...]:
        return tuple(map(int, self.first.get_values()))

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(map(int, self.size.get_values()))


def check_slice(op: SlicedOp) -> None:
    """A part of each image: rows, columns and channels inside it."""
    first, size = op.starts, op.sizes
    check_rank(op, op.input, (4,))
    batch, *image = shape(op.input)
    ok = len(first) == len(size) == 3 and all(
        one >= 0 and count >= 1 and one + count <= whole for one, count, whole in zip(first, size, image, strict=True)
    )
    has = f"a part of {as_text(size)} from {list(first)} on"
    need(ok, op, has, f"rows, columns and channels inside {as_text(image)}", "correct the lists")
    check_result(op, (batch, *size))
    check_same_elements(op, op.input)


class TransposedOp(IRDLOperation):
    """
    Images whose axes (rows, columns, channels) are exchanged, as numpy's `transpose` does: axis m of the result is axis
    `permutation[m]` of the input.
    """

    input = operand_def(TensorType)
    output = result_def(TensorType)
    permutation = prop_def(IntsAttr)

    traits = traits_def(Pure())

    assembly_format = "$input `permutation` $permutation attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, permutation: Sequence[int]):
        batch, *image = shape(input)
        sizes = (batch, *(image[axis] for axis in permutation))
        super().__init__(
            operands=[input],
            properties={"permutation": ints_attr(permutation)},
            result_types=[TensorType(element(input), sizes)],
        )

    @property
    def order(self) -> tuple[int, ...]:
        return tuple(map(int, self.permutation.get_values()))


def check_transposed(op: TransposedOp) -> None:
    """Images whose axes, (rows, columns, channels), are those of the operand in another order."""
    check_rank(op, op.input, (4,))
    need(sorted(op.order) == [0, 1, 2], op, f"permutation {list(op.order)}", "0, 1 and 2 in any order", "correct the list")
    batch, *image = shape(op.input)
    check_result(op, (batch, *(image[axis] for axis in op.order)))
    check_same_elements(op, op.input)


class PaddedOp(IRDLOperation):
    """Images with a border of one number, `value`, which each dialect has of its own type."""

    input = operand_def(TensorType)
    output = result_def(TensorType)
    padding = prop_def(IntsAttr)

    traits = traits_def(Pure())

    assembly_format = "$input `padding` $padding (`value` $value^)? attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, padding: tuple[int, int, int, int], value: Attribute):
        batch, height, image_width, channels = shape(input)
        top, bottom, left, right = padding
        sizes = (batch, height + top + bottom, image_width + left + right, channels)
        super().__init__(
            operands=[input],
            properties={"padding": ints_attr(padding), "value": value},
            result_types=[TensorType(element(input), sizes)],
        )


def check_padded(op: PaddedOp) -> None:
    """Images with a border of so many rows and columns: top, bottom, left, right."""
    check_rank(op, op.input, (4,))
    check_lists(op, padding=op.padding)
    batch, height, image_width, channels = shape(op.input)
    top, bottom, left, right = quad(op.padding)
    check_result(op, (batch, height + top + bottom, image_width + left + right, channels))
    check_same_elements(op, op.input)


class ResizedOp(IRDLOperation):
    """
    Images enlarged by whole numbers, (vertical, horizontal), to the nearest element:

        y[n, i, j, k] = x[n, i // factors[0], j // factors[1], k]
    """

    input = operand_def(TensorType)
    output = result_def(TensorType)
    factors = prop_def(IntsAttr)

    traits = traits_def(Pure())

    assembly_format = "$input `factors` $factors attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, factors: tuple[int, int]):
        batch, height, image_width, channels = shape(input)
        sizes = (batch, height * factors[0], image_width * factors[1], channels)
        super().__init__(
            operands=[input],
            properties={"factors": ints_attr(factors)},
            result_types=[TensorType(element(input), sizes)],
        )


def check_resized(op: ResizedOp) -> None:
    """Images whose rows and columns are repeated so many times."""
    check_rank(op, op.input, (4,))
    check_lists(op, factors=op.factors)
    batch, height, image_width, channels = shape(op.input)
    vertical, horizontal = pair(op.factors)
    check_result(op, (batch, height * vertical, image_width * horizontal, channels))
    check_same_elements(op, op.input)

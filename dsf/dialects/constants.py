"""
Constants of the IR as numpy arrays and back, without copying element by element.

A dense attribute holds its elements little-endian, row-major, each in the smallest of 1, 2, 4 or 8 bytes that its type fits
(`i4` takes one byte, `i24` four). One of `i1` is the bit b, for the value 2b - 1 (`dsf.layout`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from xdsl.dialects.builtin import (
    I64,
    BytesAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    TensorType,
    f64,
    i64,
)
from xdsl.ir import Attribute

from dsf.layout import Stored, element_codes, elements_of_codes
from dsf.numerics import Floats, Ints, as_ints, fits

#: A constant tensor, and a list of integers such as strides.
DenseAttr = DenseIntOrFPElementsAttr[Any]
IntsAttr = DenseArrayBase[I64]

#: Elements of large arrays that are converted at once: a copy in 64 bits of all of them would be eight times their size.
CHUNK = 1 << 20


def storage(bits: int) -> str:
    """numpy type of an element of a dense attribute of `i<bits>`."""
    return next(f"<i{size}" for size in (1, 2, 4, 8) if bits <= 8 * size)


def converted(x: NDArray[Any], bits: int, convert: Callable[[NDArray[Any]], Ints]) -> Stored:
    """What `convert` makes of each element, integers of `bits` bits, as they are stored."""
    flat, made = x.reshape(-1), np.empty(x.size, storage(bits))
    for first in range(0, x.size, CHUNK):
        made[first : first + CHUNK] = convert(flat[first : first + CHUNK])
    return made.reshape(x.shape)


def dense_ints(x: ArrayLike, bits: int) -> DenseAttr:
    """A constant of type `tensor<...xi<bits>>`; a value that does not fit is a `ValueError`."""
    array = np.asarray(x)

    def codes(some: NDArray[Any]) -> Ints:
        values = as_ints(some)
        if not fits(values, bits):
            raise ValueError(f"dense_ints: values in [{array.min()}, {array.max()}] do not fit i{bits}")
        return element_codes(values, bits) if bits == 1 else values

    data = converted(array, bits, codes).tobytes()
    return DenseIntOrFPElementsAttr(TensorType(IntegerType(bits), array.shape), BytesAttr(data))


def dense_reals(x: ArrayLike) -> DenseAttr:
    """A constant of type `tensor<...xf64>`."""
    array = np.ascontiguousarray(x, dtype="<f8")
    return DenseIntOrFPElementsAttr(TensorType(f64, array.shape), BytesAttr(array.tobytes()))


def ints_of(attribute: DenseAttr) -> Ints:
    """The elements of a dense integer attribute, as `int64`."""
    return stored_ints(attribute).astype(np.int64)


def stored_ints(attribute: DenseAttr) -> Stored:
    """The elements of a dense integer attribute as they are stored, which can't be written; those of one bit as -1 and 1."""
    element = attribute.get_element_type()
    if not isinstance(element, IntegerType):
        raise ValueError(f"ints_of: elements are {element}, not integers")
    stored: Stored = np.frombuffer(attribute.data.data, storage(element.bitwidth)).reshape(attribute.get_shape())
    return converted(stored, 1, lambda some: elements_of_codes(some & 1, 1)) if element.bitwidth == 1 else stored


def reals_of(attribute: DenseAttr) -> Floats:
    """The elements of a dense `f64` attribute, which can't be written."""
    if not isinstance(attribute.get_element_type(), Float64Type):
        raise ValueError(f"reals_of: elements are {attribute.get_element_type()}, not f64")
    return np.frombuffer(attribute.data.data, "<f8").astype(np.float64, copy=False).reshape(attribute.get_shape())


def ints_attr(values: Sequence[int]) -> IntsAttr:
    """A list of integers, such as strides: prints `[1, 2]` in an operation's format."""
    return DenseArrayBase.from_list(i64, list(values))


def pair(attribute: IntsAttr) -> tuple[int, int]:
    """(vertical, horizontal); the operation's verifier has checked the length."""
    first, second = attribute.get_values()
    return int(first), int(second)


def quad(attribute: IntsAttr) -> tuple[int, int, int, int]:
    """(top, bottom, left, right); the operation's verifier has checked the length."""
    top, bottom, left, right = attribute.get_values()
    return int(top), int(bottom), int(left), int(right)


@lru_cache(maxsize=1 << 16)
def integer(value: int) -> IntegerAttr[I64]:
    """An integer property; its `i64` is not printed in an operation's format. Equal ones are the same object."""
    return IntegerAttr(value, i64)


def real(value: float) -> FloatAttr[Float64Type]:
    """A real property; its `f64` is not printed in an operation's format."""
    return FloatAttr(value, f64)


def float_text(value: float) -> str:
    """A number as MLIR reads it: `1e-05`, as Python writes it, has no point and is none."""
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    return text if "." in mantissa else f"{mantissa}.0{e}{exponent}"


def shape_of(value_type: Attribute) -> tuple[int, ...]:
    """Shape of a tensor type."""
    if not isinstance(value_type, TensorType):
        raise ValueError(f"shape_of: {value_type} is not a tensor")
    return tuple(value_type.get_shape())

"""
How tensors and weights lie in DRAM and in the weight stream, as executable definitions.

- An element is two's complement; one of one bit is b for the value 2b - 1.
- A feature tensor is its elements in NHWC order, `bits` wide, packed from bit 0 of byte 0 upwards, without gaps.
- Raw sums are 32-bit little-endian integers.
- A weight word (C/G weights of one reduction step) takes a slot of the next power of two of bits, lane 0 lowest.
- A channel's parameters take 64 bits: bias in [31:0], multiplier in [47:32], shift in [53:48], and those bits of a multiplier
  that are beyond 16 in [63:54].
- A lookup table is its entries, packed as a feature tensor is, for the least value first; it takes at least 64 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsf.numerics import Ints, as_ints, fits, to_element
from dsf.sizes import align_up

Bytes = NDArray[np.uint8]
#: Integers in as few bytes as hold them, or more. They are for keeping: what computes with them makes `Ints` of them.
Stored = NDArray[np.signedinteger[Any]]

#: Bytes of a channel's parameters in the weight stream.
PARAMETER_BYTES = 8


def element_codes(x: ArrayLike, bits: int) -> Ints:
    """The bits of elements, as unsigned integers. A value that is none of `bits` bits is a `ValueError`."""
    values = as_ints(x)
    if not fits(values, bits):
        raise ValueError(f"element_codes: a value does not fit {bits} bits")
    return (values + 1) >> 1 if bits == 1 else values & ((1 << bits) - 1)


def elements_of_codes(codes: ArrayLike, bits: int) -> Ints:
    """The inverse of `element_codes`."""
    codes = as_ints(codes)
    if bits == 1:
        return 2 * codes - 1
    return np.where(codes >= 1 << (bits - 1), codes - (1 << bits), codes)


def pack_elements(x: ArrayLike, bits: int) -> bytes:
    """Packs elements of `bits` bits (1, 2, 4, 8, 16 or 32), first one lowest; the last byte is filled with zeros."""
    codes = element_codes(x, bits).reshape(-1)
    if bits >= 8:
        return codes.astype(f"<u{bits // 8}").tobytes()
    per_byte = 8 // bits
    padded = np.zeros(align_up(codes.size, per_byte), dtype=np.int64)
    padded[: codes.size] = codes
    shifts = bits * np.arange(per_byte)
    return (padded.reshape(-1, per_byte) << shifts).sum(axis=1).astype(np.uint8).tobytes()


def unpack_elements(data: bytes, bits: int, count: int) -> Ints:
    """The inverse of `pack_elements` for the first `count` elements."""
    if bits >= 8:
        return np.frombuffer(data, dtype=f"<i{bits // 8}", count=count).astype(np.int64)
    per_byte = 8 // bits
    used = np.frombuffer(data, dtype=np.uint8, count=-(-count // per_byte)).astype(np.int64)
    fields = (used[:, None] >> (bits * np.arange(per_byte))) & ((1 << bits) - 1)
    return elements_of_codes(fields.reshape(-1)[:count], bits)


def packed_bytes(count: int, bits: int) -> int:
    """Bytes that `count` elements of `bits` bits take."""
    return -(-count * bits // 8)


def pack_weight_groups(weights: ArrayLike, bits: int, slot_bits: int) -> bytes:
    """
    Weight words to stream bytes. `weights` is (groups, words, lanes); each word takes `slot_bits`, a power of two, with 0
    (in one bit: +1) for the lanes that it does not have. The whole is filled up to a byte.
    """
    w = as_ints(weights)
    slots = slot_bits // bits
    padded = to_element(np.zeros((*w.shape[:2], slots), dtype=np.int64), bits)
    padded[:, :, : w.shape[2]] = w
    return pack_elements(padded, bits)


def unpack_weight_groups(data: bytes, bits: int, slot_bits: int, groups: int, words: int, lanes: int) -> Ints:
    """The inverse of `pack_weight_groups`."""
    slots = slot_bits // bits
    flat = unpack_elements(data, bits, groups * words * slots)
    return flat.reshape(groups, words, slots)[:, :, :lanes]


def pack_parameters(bias: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> bytes:
    """Per-channel parameters to stream bytes, 64 bits a channel."""
    b, m, s = (as_ints(v).reshape(-1) for v in (bias, multiplier, shift))
    words = (b & 0xFFFFFFFF) | ((m & 0xFFFF) << 32) | (s << 48) | (m >> 16 << 54)
    return words.astype("<u8").tobytes()


def unpack_parameters(data: bytes, channels: int, multiplier_bits: int) -> tuple[Ints, Ints, Ints]:
    """The inverse of `pack_parameters`: (bias, multiplier, shift), with as many bits of a multiplier as the engine keeps."""
    words = np.frombuffer(data, dtype="<u8", count=channels)
    bias = (words & np.uint64(0xFFFFFFFF)).astype(np.uint32).view(np.int32).astype(np.int64)
    multiplier = ((words >> np.uint64(32)) & np.uint64(0xFFFF) | words >> np.uint64(54) << np.uint64(16)).astype(np.int64)
    multiplier &= (1 << multiplier_bits) - 1
    shift = ((words >> np.uint64(48)) & np.uint64(0x3F)).astype(np.int64)
    return bias, multiplier, shift


def table_bytes(bits: int) -> int:
    """Bytes that a lookup table for elements of `bits` bits takes."""
    return max(8, packed_bytes(1 << bits, bits))


def pack_tables(tables: ArrayLike, bits: int) -> bytes:
    """Lookup tables (tables, 2**bits) to stream bytes. Entry i of a table is the result for the value i - 2**(bits - 1)."""
    return b"".join(pack_elements(table, bits).ljust(table_bytes(bits), b"\0") for table in as_ints(tables))


def unpack_tables(data: bytes, bits: int, count: int) -> Ints:
    """The inverse of `pack_tables`: (count, 2**bits)."""
    entries = 1 << bits
    size = table_bytes(bits)
    return np.stack([unpack_elements(data[i * size :], bits, entries) for i in range(count)])

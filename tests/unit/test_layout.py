"""Layouts of tensors, weights and parameters and tables: known bytes, and packing that unpacks."""

import numpy as np
import pytest

from dsf import layout
from dsf.numerics import random_elements


def test_known_bytes():
    assert layout.pack_elements([1, -1, 2, -2], 4) == bytes([0xF1, 0xE2])
    assert layout.pack_elements([1, -1, -2], 2) == bytes([0b00_10_11_01])
    # b for 2b - 1.
    assert layout.pack_elements([1, -1, -1, 1, 1, 1, 1, -1, 1], 1) == bytes([0b01111001, 0b00000001])
    assert layout.pack_elements([-2, 300], 16) == bytes([0xFE, 0xFF, 0x2C, 0x01])
    assert layout.pack_parameters([-1], [0x8001], [5]) == bytes([0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x80, 5, 0])


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("count", [1, 7, 8, 33])
def test_elements_round_trip(bits: int, count: int):
    x = random_elements(np.random.default_rng(bits * 100 + count), count, bits)
    data = layout.pack_elements(x, bits)
    assert len(data) == layout.packed_bytes(count, bits)
    assert np.array_equal(layout.unpack_elements(data, bits, count), x)


def test_value_out_of_range():
    with pytest.raises(ValueError, match="does not fit 4 bits"):
        layout.pack_elements([8], 4)
    # Nothing lies between -1 and 1.
    with pytest.raises(ValueError, match="does not fit 1 bits"):
        layout.pack_elements([1, 0], 1)


@pytest.mark.parametrize(("bits", "slot", "lanes"), [(8, 64, 8), (4, 32, 5), (2, 8, 3), (1, 8, 8), (1, 16, 11)])
def test_weight_groups_round_trip(bits: int, slot: int, lanes: int):
    w = random_elements(np.random.default_rng(bits), (3, 4, lanes), bits)
    data = layout.pack_weight_groups(w, bits, slot)
    assert len(data) == 3 * 4 * slot // 8
    assert np.array_equal(layout.unpack_weight_groups(data, bits, slot, 3, 4, lanes), w)


def test_parameters_round_trip():
    bias, multiplier, shift = [-(2**31), 5, 2**31 - 1], [0, 1, 65535], [0, 47, 63]
    data = layout.pack_parameters(bias, multiplier, shift)
    got = layout.unpack_parameters(data, 3, 16)
    assert [v.tolist() for v in got] == [bias, multiplier, shift]


def test_parameters_with_wide_multipliers():
    """The bits beyond 16 lie above the shift, and of those that an engine does not have it knows nothing."""
    bias, multiplier, shift = [-(2**31), 5, 2**31 - 1], [2**26 - 1, 0x2345678, 1], [0, 47, 63]
    data = layout.pack_parameters(bias, multiplier, shift)
    assert int.from_bytes(data[8:16], "little") == 0x234 << 54 | 47 << 48 | 0x5678 << 32 | 5
    for bits in (26, 20):
        got = layout.unpack_parameters(data, 3, bits)
        assert [v.tolist() for v in got] == [bias, [one % 2**bits for one in multiplier], shift]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_tables_round_trip(bits: int):
    """A table takes its entries, but at least 64 bits; the entry of the least value comes first."""
    rng = np.random.default_rng(bits)
    tables = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (3, 1 << bits))
    data = layout.pack_tables(tables, bits)
    assert len(data) == 3 * {2: 8, 4: 8, 8: 256}[bits]
    assert int.from_bytes(data[:1], "little") & ((1 << bits) - 1) == tables[0, 0] & ((1 << bits) - 1)
    np.testing.assert_array_equal(layout.unpack_tables(data, bits, 3), tables)

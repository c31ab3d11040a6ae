"""Sizes, rounded up."""

from __future__ import annotations


def align_up(size: int, alignment: int) -> int:
    """The least multiple of `alignment` that is at least `size`."""
    return -(-size // alignment) * alignment


def power_of_two_at_least(size: int) -> int:
    """The least power of two that is at least `size`, and at least 1."""
    return 1 << max(0, size - 1).bit_length()

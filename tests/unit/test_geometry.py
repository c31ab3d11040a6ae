"""Output sizes and padding, against their definitions counted out and against torch's 'same'."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsf.errors import ModelError
from dsf.geometry import Window, output_size, resolve_padding, same_padding, span

SMALL = st.integers(1, 12)


@given(size=SMALL, kernel=SMALL, stride=SMALL, dilation=st.integers(1, 4), before=st.integers(0, 5), after=st.integers(0, 5))
def test_output_size_counts_positions(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> None:
    last = (kernel - 1) * dilation
    positions = [first for first in range(-before, size + after, stride) if first + last < size + after]
    assert max(0, output_size(size, kernel, stride, dilation, before, after)) == len(positions)


@given(size=SMALL, kernel=SMALL, stride=SMALL, dilation=st.integers(1, 4))
def test_same_padding_is_the_least_for_its_outputs(size: int, kernel: int, stride: int, dilation: int) -> None:
    before, after = same_padding(size, kernel, stride, dilation)
    outputs = -(-size // stride)
    assert 0 <= after - before <= 1, "the odd element comes after"
    assert output_size(size, kernel, stride, dilation, before, after) == outputs or before + after == 0
    if before + after > 0:
        assert output_size(size, kernel, stride, dilation, before, after - 1) < outputs


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (32, 7, 2, (2, 3)),
        (32, 3, 1, (1, 1)),
        (32, 2, 1, (0, 1)),
        (8, 3, 2, (0, 1)),
        (7, 3, 2, (1, 1)),
        (5, 1, 3, (0, 0)),
        (1, 7, 1, (3, 3)),
    ],
)
def test_same_padding_of_tensorflow(size: int, kernel: int, stride: int, expected: tuple[int, int]) -> None:
    """Values of tf.keras.layers.Conv2D(padding='same'), whose padding is asymmetric with strides and even kernels."""
    assert same_padding(size, kernel, stride) == expected


def test_same_padding_of_torch() -> None:
    x = torch.randn(1, 1, 9, 10, dtype=torch.float64)
    for kernel in ((3, 4), (5, 2), (1, 7)):
        w = torch.randn(1, 1, *kernel, dtype=torch.float64)
        top, bottom, left, right = resolve_padding("same", (9, 10), kernel)
        padded = torch.nn.functional.pad(x, (left, right, top, bottom))
        ours = torch.nn.functional.conv2d(padded, w)
        torch.testing.assert_close(ours, torch.nn.functional.conv2d(x, w, padding="same"))


def test_span() -> None:
    assert (span(1, 5), span(3), span(3, 2)) == (1, 3, 5)


def test_window_larger_than_the_image_names_both() -> None:
    with pytest.raises(ModelError, match=r"spans 5x3 elements, needs a padded image at least as large and has 6x2"):
        Window((3, 3), padding=(1, 1, 0, 0), dilation=(2, 1)).output_shape(4, 2)


def test_resolve_padding() -> None:
    assert resolve_padding("valid", (4, 4), (3, 3)) == (0, 0, 0, 0)
    assert resolve_padding(((1, 2), (3, 4)), (4, 4), (3, 3)) == (1, 2, 3, 4)
    assert resolve_padding("same", (8, 5), (3, 2), (2, 1), (1, 2)) == (0, 1, 1, 1)
    with pytest.raises(ModelError, match="'padding': 'full', needs 'same', 'valid' or"):
        resolve_padding("full", (4, 4), (3, 3))
    with pytest.raises(ModelError, match="needs numbers of at least 0"):
        resolve_padding(((0, -1), (0, 0)), (4, 4), (3, 3))

"""
Where the windows of convolutions and poolings lie: output sizes and TensorFlow's padding, one direction at a time.

A window of `kernel` taps, `dilation` elements apart, spans `(kernel - 1) * dilation + 1` elements; output position `o` has
its first tap at input position `o * stride - before`. Positions outside `[0, size)` are padding.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsf.errors import ModelError


def span(kernel: int, dilation: int = 1) -> int:
    """Elements from the first to the last tap of a window."""
    return (kernel - 1) * dilation + 1


def same_padding(size: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """
    TensorFlow's 'same' padding, (before, after): just enough for `ceil(size / stride)` outputs, the odd element after.

    Source: tensorflow/core/framework/common_shape_fns.cc, `GetWindowedOutputSizeVerbose`.
    """
    outputs = -(-size // stride)
    total = max(0, (outputs - 1) * stride + span(kernel, dilation) - size)
    return total // 2, total - total // 2


def output_size(size: int, kernel: int, stride: int = 1, dilation: int = 1, before: int = 0, after: int = 0) -> int:
    """Number of window positions that lie inside the padded input; 0 or less when the window is larger than it."""
    return (size + before + after - span(kernel, dilation)) // stride + 1


@dataclass(frozen=True)
class Window:
    """
    A convolution's or pooling's window over images: (vertical, horizontal) pairs, padding as (top, bottom, left, right).

        for oy, ox, ky, kx: tap = (oy*strides[0] - top + ky*dilation[0], ox*strides[1] - left + kx*dilation[1])

    Padding below 0 leaves out so many rows or columns of the image at that side.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    def output_shape(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the output; raises `ModelError` when the window does not fit into the padded image."""
        top, bottom, left, right = self.padding
        out_height = output_size(height, self.kernel[0], self.strides[0], self.dilation[0], top, bottom)
        out_width = output_size(width, self.kernel[1], self.strides[1], self.dilation[1], left, right)
        if out_height < 1 or out_width < 1:
            tall, wide = span(self.kernel[0], self.dilation[0]), span(self.kernel[1], self.dilation[1])
            raise ModelError(
                f"'window': spans {tall}x{wide} elements, needs a padded image at least as large and has "
                f"{height + top + bottom}x{width + left + right}; use a smaller kernel or padding='same'"
            )
        return out_height, out_width


def resolve_padding(
    padding: str | tuple[tuple[int, int], tuple[int, int]],
    size: tuple[int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int, int, int, int]:
    """'same', 'valid' or explicit ((top, bottom), (left, right)), as (top, bottom, left, right) for an image of `size`."""
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "same":
        top, bottom = same_padding(size[0], kernel[0], strides[0], dilation[0])
        left, right = same_padding(size[1], kernel[1], strides[1], dilation[1])
        return top, bottom, left, right
    if isinstance(padding, str):
        raise ModelError(f"'padding': {padding!r}, needs 'same', 'valid' or ((top, bottom), (left, right)); choose one of them")
    (top, bottom), (left, right) = padding
    if min(top, bottom, left, right) < 0:
        raise ModelError(f"'padding': {padding!r}, needs numbers of at least 0; crop the image before the layer instead")
    return top, bottom, left, right

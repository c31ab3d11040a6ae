"""
What the hardware says about a model before it is trained: sizes, and features that the engine does not have yet.

The pass `check-hardware` decides on the trained model (accumulators and shifts depend on the weights); these are the
limits that need no weights, found when the `BundleModel` is made so that nobody trains for nothing.
"""

from __future__ import annotations

from dsf.nn.bundle import Node
from dsf.nn.cores import QConvCore, channels_out


def problems_of(name: str, node: Node) -> list[str]:
    """Everything about one bundle that does not fit `Hardware`, one sentence each."""
    hw, core = node.source.hw, node.core
    problems: list[str] = []

    def need(ok: bool, sentence: str) -> None:
        if not ok:
            problems.append(f"'{name}': {sentence}")

    def larger(limit: str) -> str:
        return f"choose a smaller one, or hardware with a larger {limit}"

    channels = channels_out(core)
    need(
        channels <= hw.max_channels_out,
        f"{channels} output channels, needs at most max_channels_out={hw.max_channels_out}; {larger('max_channels_out')}",
    )
    if not isinstance(core, QConvCore):
        return problems
    inputs = node.source.shape[-1]
    need(
        inputs <= hw.max_channels_in,
        f"{inputs} input channels, needs at most max_channels_in={hw.max_channels_in}; {larger('max_channels_in')}",
    )
    kernel, image = core.kernel_size, node.source.shape[1:3]
    need(
        kernel[0] <= hw.max_kernel_size[0] and kernel[1] <= hw.max_kernel_size[1],
        f"kernel_size={kernel}, needs at most max_kernel_size={hw.max_kernel_size}; {larger('max_kernel_size')}",
    )
    need(
        image[0] <= hw.max_image_size[0] and image[1] <= hw.max_image_size[1],
        f"images of {image[0]}x{image[1]}, needs at most max_image_size={hw.max_image_size}; {larger('max_image_size')}",
    )
    need(core.groups == 1, f"groups={core.groups}, needs 1, for this engine has no grouped convolution yet; use groups=1")
    need(
        core.dilation == (1, 1),
        f"dilation={core.dilation}, needs (1, 1), for this engine has no dilated convolution yet; use a larger kernel",
    )
    return problems

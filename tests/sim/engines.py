"""
The engines that are built for whole systems. A build takes a minute or two, so there are these six and no more; the first two
are those of the seven-bundle network, the last that of the networks of MLPerf Tiny.

Numbers of 8, 4, 2 and 1 bits are four circuits, and none of the three with 8 bits can stand in for another: what single layers
and the seven bundles may take is said of 8 x 24 elements, what the networks of MLPerf Tiny may take of 256 with all weights on
chip, and strips, long reductions and weights that come anew for each strip need memories too small for either. That of 4 bits
cannot be a small one, since its seven bundles have a limit on 8 x 24 as well; the two small ones also carry what no width needs
a build for, asynchronous reset, waves and a bus of 32 bits.
"""

from benchmarks.seven_bundles import make_hardware
from benchmarks.tiny import HARDWARE as TINY  # noqa: F401
from dsf.hardware import Hardware

EIGHT_BITS, FOUR_BITS = make_hardware(8), make_hardware(4)

#: Small, with nothing in common with the others; built with waves.
TWO_BITS = Hardware(
    processing_elements=(4, 10),
    column_groups=2,
    bits_input=2,
    bits_weights=4,
    bits_sum=16,
    bits_bias=16,
    axi_width=32,
    max_channels_in=64,
    max_channels_out=64,
    max_image_size=(16, 16),
    max_kernel_size=(7, 7),
    watchdog_cycles=1024,
    reset="async",
)

#: Small, binary.
ONE_BIT = Hardware(
    processing_elements=(3, 10),
    column_groups=2,
    bits_input=1,
    bits_weights=1,
    bits_sum=16,
    axi_width=32,
    max_channels_in=64,
    max_channels_out=64,
    max_image_size=(16, 16),
    max_kernel_size=(7, 7),
    watchdog_cycles=1024,
)

#: Small, 8 bits, with little memory, and biases that have room for zero points; with these and with gains that are exact.
WIDE = Hardware(
    processing_elements=(4, 8),
    column_groups=2,
    vector_length=16,
    axi_width=64,
    feature_memory=1 << 13,
    weight_memory=1 << 13,
    bits_sum=24,
    bits_bias=32,
    bits_multiplier=26,
    bits_fraction=12,
    watchdog_cycles=1024,
)

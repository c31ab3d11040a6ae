"""
What the cut of a layer may be: what the user decides, the shapes of the array in which it can be computed, what there is
room for in the weight memory, and the strips that can be made of it. Which cut is best is decided in `dsf.scheduling.cuts`
where all of a network fits on chip, and in `dsf.scheduling.places` where it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

from dsf.arguments import as_int
from dsf.cost import Cost, parameters_cost, weights_cost
from dsf.dialects import tile
from dsf.dialects.tile_cuts import Mode
from dsf.errors import ModelError
from dsf.geometry import span
from dsf.hardware import Hardware
from dsf.isa.table import MATRIX
from dsf.scheduling.depthwise import fits
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.pieces import Cut, Load, Span

#: A shape of the array, or the compiler's choice.
ModeOption = Literal["auto", "wide", "tall", "depthwise_rows", "depthwise_columns"]
#: What the option `mode` may be.
_MODES = get_args(ModeOption)
#: Cycles that a piece has to save to be worth its instruction.
PIECE_OVERHEAD = 2


@dataclass(frozen=True)
class TilingOptions:
    """
    What the user decides: `images` of a chunk of the batch, `rows` of a strip (all operations), channel `groups` of a load of
    weights, `block` of groups of a grouped convolution that are computed together, `mode` of the array (a depthwise one for
    those layers that can be); 0 and "auto" leave it to the compiler. Raises `ModelError`.
    """

    images: int = 0
    rows: int = 0
    groups: int = 0
    block: int = 0
    mode: ModeOption = "auto"

    def __post_init__(self) -> None:
        fields = {"images": "images", "rows": "rows", "groups": "channel_groups", "block": "run"}
        sizes = {name: (getattr(self, name), MATRIX.field(field).high) for name, field in fields.items()}
        problems = [
            f"'{name}': {value!r}, needs an integer from 0 (the compiler chooses) to {most}; change the option"
            for name, (value, most) in sizes.items()
            if (integer := as_int(value)) is None or not 0 <= integer <= most
        ]
        if self.mode not in _MODES:
            problems.append(f"'mode': {self.mode!r}, needs one of {', '.join(_MODES)}; change the option")
        if problems:
            raise ModelError(problems)


def weight_depth(hw: Hardware, words: int, groups: int) -> int:
    """Words that `groups` channel groups of `words` words take in each bank, the first one in bank 0."""
    return -(-groups // hw.column_groups) * words


def ranges_able(layer: Layer, hw: Hardware) -> bool:
    """Whether the weights of a channel group can come in ranges: each kernel row is one run, and has a bank."""
    window, block = layer.window, layer.blocks[0]
    one_run = window.kernel[1] == 1 or window.dilation[1] == 1
    whole = block.inputs.count == layer.input_image[2] and not layer.is_depthwise
    return one_run and whole and window.kernel[0] == hw.column_groups > 1


def place_of_ranges(load: Load) -> Span:
    """
    Where the weights of a load lie that come in ranges, in each bank: at the beginning, or of every other one further on by the
    first range, which so has a place beside the load before.
    """
    return Span(load.ranges[0].count if load.mirrored else 0, sum(run.count for run in load.ranges))


def matrix_layers(network: Network) -> list[Layer]:
    return [layer for layer in network.layers if isinstance(layer.op, tile.MatrixOp)]


def most_words(layer: Layer, hw: Hardware, modes: Sequence[Mode]) -> int:
    """Words of a channel group's weights that are on chip at once, in the best of these modes."""
    return hw.weight_words * (hw.column_groups if Mode.TALL in modes and not layer.is_depthwise else 1)


def pixels_at_once(hw: Hardware, mode: Mode) -> int:
    """Positions of a tile."""
    return hw.pixels_tall if mode is Mode.TALL else hw.rows


def parts_modes(layer: Layer, hw: Hardware, modes: Sequence[Mode]) -> list[Mode]:
    """Those of these modes in which the reduction of a layer can be cut: a row of its result is no more than a tile."""
    if layer.is_depthwise or layer.blocks[0].convolutions > 1:
        return []
    words = layer.words(layer.blocks[0]) // layer.blocks[0].inputs.count
    _, width, _ = layer.output_image
    return [mode for mode in modes if width <= pixels_at_once(hw, mode) and words <= hw.weight_words]


def equal_parts(layer: Layer, hw: Hardware) -> tuple[int, ...]:
    """Input channels of equal parts of a reduction, of which two are on chip at once."""
    block = layer.blocks[0]
    count = -(-layer.words(block) // max(1, hw.weight_words // 2))
    return (-(-block.inputs.count // min(count, block.inputs.count)),)


def weight_problems(layer: Layer, hw: Hardware, options: TilingOptions) -> list[str]:
    """Why the weights of a single channel group of a layer can't be on chip, neither all of them nor in parts, if so."""
    words, modes = layer.words(layer.blocks[0]), dense_modes(hw, options)
    most = most_words(layer, hw, modes)
    if words <= most or parts_modes(layer, hw, modes):
        return []
    least = hw.weight_bytes(-(-words * hw.weight_words // most))
    return [
        f"'{layer.name}': {words} weights for an output channel, needs at most {most}, the words of weight memory; "
        f"raise weight_memory to {least} bytes or use a smaller kernel or fewer input channels"
    ]


def most_groups(layer: Layer, hw: Hardware) -> int:
    """Most channel groups of a load: depthwise, if a read feeds only some columns, those that it feeds."""
    of_block = layer.groups_of_block(hw)
    feeds_all = hw.depthwise_groups == hw.column_groups
    return of_block if feeds_all or not layer.is_depthwise else min(of_block, hw.depthwise_groups)


def dense_modes(hw: Hardware, options: TilingOptions) -> tuple[Mode, ...]:
    """Wide and tall, unless the user wants one of them."""
    if options.mode in ("wide", "tall"):
        return (Mode(options.mode),)
    return (Mode.WIDE, Mode.TALL) if hw.column_groups > 1 else (Mode.WIDE,)


def depthwise_modes(layer: Layer, hw: Hardware, options: TilingOptions) -> tuple[Mode, ...]:
    """The depthwise modes in which a layer can be computed, unless the user wants one of them, or another; or none."""
    op = layer.op
    if not isinstance(op, tile.MatrixOp) or options.mode in ("wide", "tall"):
        return ()
    if not op.groups.value.data == layer.input_image[2] == layer.output_image[2]:
        return ()
    window, images = op.window.window, (layer.input_image, layer.output_image)
    pixel = layer.output_image[2] * (1 if op.raw is None else hw.raw_elements)
    down, right = op.target.steps
    steps = down * layer.result_image[1] * pixel, right * pixel
    able = tuple(mode for mode in Mode if mode.is_depthwise and fits(window, mode, *images, steps))
    return tuple(mode for mode in able if mode == options.mode) or able


def load_costs(hw: Hardware, groups: int, words: int) -> tuple[Cost, Cost]:
    """What it takes to load the parameters, and the weights, of channel groups of `words` words."""
    return parameters_cost(hw, groups), weights_cost(hw, groups, words)


def load_cycles(hw: Hardware, groups: int, words: int) -> int:
    """Cycles of a load of the parameters and weights of channel groups of `words` words."""
    return sum(cost.busy + cost.gap for cost in load_costs(hw, groups, words))


def strips_of(total: int, first: int, middle: int, last: int) -> tuple[int, ...]:
    """`total`, which is no less than them together, in a block of `first`, blocks of `middle`, and one of `last`; 0: none."""
    between = Span(0, total - first - last).sizes(middle)
    sizes = (*([first] if first else []), *between, *([last] if last else []))
    assert min(sizes) > 0, sizes
    return sizes


def computable(layer: Layer, rows: int) -> int:
    """Rows of a layer's result that need no more than the first `rows` of its input."""
    window, outputs = layer.window, layer.output_image[0]
    if rows >= layer.input_image[0]:
        return outputs
    below = rows + window.padding[0] - span(window.kernel[0], window.dilation[0])
    return min(max(0, below // window.strides[0] + 1), outputs)


def strips_behind(layer: Layer, before: Cut) -> Cut:
    """The cut of a layer into what can be computed after each strip of the layer before it, all channels."""
    (height, *_), (rows, *_) = layer.input_image, layer.output_image
    if before.images > 1:
        return Cut(before.images, (rows,))
    ends = [computable(layer, strip.stop) for _, strip in before.strips(Span(0, 1), height)]
    return Cut(1, tuple(stop - start for start, stop in pairwise([0, *ends]) if stop > start))

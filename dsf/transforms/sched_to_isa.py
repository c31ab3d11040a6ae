"""
`sched-to-isa`: buffers and geometry become addresses and steps, tokens become wait and signal masks.

Of the tokens only those remain that say something new (`dsf.scheduling.tokens`). Steps and addresses follow from tensors lying
as NHWC without gaps, see the loops in `dsf.isa.table`; an address that lies before the memory, for a window that begins in
padding, is taken modulo 2**24 like every address of the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from dsf.cost import runs_of
from dsf.dialects import isa, sched, sched_transfers, sched_vector, tile, tile_vector
from dsf.dialects.bundle_types import PoolKind
from dsf.dialects.engine import hardware_of
from dsf.dialects.sched_base import buffer_of
from dsf.dialects.sched_types import BASES, Space
from dsf.dialects.tile_cuts import Mode
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.isa.checks import instruction_problems
from dsf.isa.encoding import field_problem, operand_fields
from dsf.isa.table import FEATURE_ADDRESSES, VectorFunction, WeightTarget
from dsf.kernel_rows import Lines, lines_of
from dsf.layout import packed_bytes
from dsf.numerics import int_range
from dsf.scheduling.depthwise import Axis, axis_of, lines_across, walk
from dsf.scheduling.network import places_apart
from dsf.scheduling.tokens import Masks, token_masks
from dsf.transforms.locations import location_name, set_location

Fields = dict[str, int]

#: What LOAD_WEIGHTS fills.
TARGETS = {
    Space.WEIGHT: WeightTarget.WEIGHTS,
    Space.PARAMETER: WeightTarget.PARAMETERS,
    Space.TABLE: WeightTarget.TABLES,
}


def _dram(buffer: sched.BufferOp, op: sched_transfers.TransferOp, hw: Hardware) -> Fields:
    """Rows of elements in DRAM; one row has the stride of all."""
    elements = op.elements.value.data
    return {
        "base": BASES[buffer.space.data],
        "offset": buffer.start + op.offset.value.data,
        "rows": op.rows.value.data,
        "row_elements": elements,
        "row_stride": op.pitch.value.data or packed_bytes(elements, hw.bits_input),
    }


def load_fields(op: sched.LoadOp, hw: Hardware) -> Fields:
    fields = _dram(buffer_of(op.source), op, hw)
    return {**fields, "dst": buffer_of(op.target).start + op.at.value.data, "dst_stride": op.elements.value.data}


def store_fields(op: sched.StoreOp, hw: Hardware) -> Fields:
    fields = _dram(buffer_of(op.target), op, hw)
    return {**fields, "src": buffer_of(op.source).start + op.at.value.data, "src_stride": op.elements.value.data}


def load_weights_fields(op: sched.LoadWeightsOp, hw: Hardware) -> Fields:
    source, target = buffer_of(op.source), buffer_of(op.target)
    return {
        "base": BASES[source.space.data],
        "offset": source.start + op.offset.value.data,
        "bytes": op.bytes.value.data,
        "target": TARGETS[target.space.data],
        "bank": 0,
        "address": target.start + op.at.value.data,
        "words": op.words.value.data,
        "groups": op.groups.value.data,
    }


def _window(op: sched.MatrixOp | sched_vector.VectorOp | sched.CopyOp, how: tile.WindowAttr) -> Fields:
    """How the input is walked: `x` counts elements within a row of the image, `y` its rows."""
    window, piece, x = how.window, op.piece.piece, buffer_of(op.x)
    height, width, _ = op.piece.input_image
    channels = x.pitch(op.piece.input_image[2])
    row = width * channels
    x_start = x.at_channel(piece.block.inputs.first) - window.padding[2] * channels
    if piece.columns is not None:
        x_start += piece.columns.first * window.strides[1] * channels
    if piece.run is not None:
        x_start += piece.run.first
    y_start = piece.rows.first * window.strides[0] - window.padding[0]
    first = x.origin + (piece.images.first * height + y_start) * row + x_start
    return {
        "src": first % FEATURE_ADDRESSES,
        "x_start": x_start,
        "x_step": window.strides[1] * channels,
        "y_start": y_start,
        "y_step": window.strides[0],
        "row_step": window.strides[0] * row,
        "image_step": height * row,
        "row_elements": row,
        "height": height,
        "pad_value": how.pad_value.data,
        "kernel_rows": window.kernel[0],
        "kernel_row_step": window.dilation[0] * row,
    }


def _target(op: sched.MatrixOp | sched_vector.VectorOp | sched.CopyOp) -> tile.TargetAttr:
    """Where what an instruction makes goes in a tensor like the result."""
    return op.target if isinstance(op, sched.MatrixOp) else tile.WHOLE


def _steps(op: sched.MatrixOp | sched_vector.VectorOp | sched.CopyOp, buffer: sched.BufferOp, per_element: int) -> Fields:
    """How a tensor like the result is walked: steps from pixel to pixel, row to row, image to image."""
    height, width, channels = op.piece.output_image
    pixel, (down, right) = buffer.pitch(channels) * per_element, _target(op).steps
    return {"pixel_step": right * pixel, "row_step": down * width * pixel, "image_step": height * width * pixel}


def _first(
    op: sched.MatrixOp | sched_vector.VectorOp | sched.CopyOp, buffer: sched.BufferOp, lanes: int, per_element: int
) -> int:
    """Address of the first element of the piece in a tensor like the result."""
    height, width, channels = op.piece.output_image
    piece, target = op.piece.piece, _target(op)
    row, _ = target.rows(piece.rows.first, piece.rows.count)
    column = 0 if piece.columns is None else piece.columns.first * target.steps[1]
    pixels = (piece.images.first * height + row) * width + target.starts[1] + column
    channel = buffer.at_channel(piece.channels(lanes).first)
    return buffer.origin + (pixels * buffer.pitch(channels) + channel) * per_element


def _output(op: sched.MatrixOp | sched_vector.VectorOp | sched.CopyOp, lanes: int, per_element: int) -> Fields:
    piece = op.piece.piece
    return {
        "columns": piece.width(op.image[1] if isinstance(op, sched.MatrixOp) else op.piece.output_image[1]),
        "rows": piece.rows.count,
        "images": piece.images.count,
        "dst": _first(op, buffer_of(op.y), lanes, per_element),
        **{f"dst_{name}": step for name, step in _steps(op, buffer_of(op.y), per_element).items()},
    }


def _epilogue(op: sched.MatrixOp, hw: Hardware) -> Fields:
    how = op.epilogue
    # The engine counts from the last bit behind the point of a sum.
    bias_shift = how.bias_shift.data + hw.bits_fraction
    if isinstance(how, tile.RawAttr):
        return {"raw": 1, "bias_shift": bias_shift}
    return {
        "bias_shift": bias_shift,
        "leak": how.leak.data,
        "zero_point": how.zero_point.data,
        "low": how.low.data,
        "high": how.high.data,
    }


def _residual(op: sched.MatrixOp, add: tile.AddAttr, added: sched.BufferOp, lanes: int) -> Fields:
    return {
        "residual": 1,
        "residual_src": _first(op, added, lanes, 1),
        **{f"residual_{name}": step for name, step in _steps(op, added, 1).items()},
        "residual_multiplier_a": add.multiplier_a.data,
        "residual_multiplier_b": add.multiplier_b.data,
        "residual_offset": add.offset.data,
        "residual_shift": add.shift.data,
        "residual_leak": add.leak.data,
        "residual_low": add.low.data,
        "residual_high": add.high.data,
    }


def _skipped(op: sched.MatrixOp, skips: bool, row_words: int) -> Fields:
    """Kernel rows in padding are skipped where that is exact, and some can be."""
    return {"skip_rows": 1, "kernel_row_words": row_words} if skips and op.window.pad_value.data == 0 else {}


def _convolution(op: sched.MatrixOp, hw: Hardware) -> Fields:
    """How the taps of a convolution that is not depthwise are walked."""
    window, inputs = op.window.window, op.piece.block.inputs
    runs, piece = runs_of(hw, window, op.piece.input_image[2], inputs.count), op.piece.piece
    if piece.run is not None:
        runs = runs.part(hw, piece.run.count)
    height, columns = op.piece.input_image[0], piece.width(op.image[1])
    lines = lines_of(window, height, piece.rows.first, piece.rows.count, columns, piece.images.count)
    skips = op.bank_words == 0 and lines.skips(hw.pixels_tall if op.mode.data is Mode.TALL else hw.rows)
    row_words = runs.words // runs.kernel_rows
    fields = {
        **_window(op, op.window),
        "y_dilation": window.dilation[0],
        **_skipped(op, skips, row_words),
        "kernel_runs": runs.runs,
        "run_step": runs.run_step,
        "run": runs.run,
        "chunk": runs.chunk,
        "chunks": runs.chunks,
        "last_chunk": runs.last_chunk,
        "weight_words": runs.words,
        "bank_words": op.bank_words,
    }
    through = op.bank_words > 0 and op.window.pad_value.data == 0
    return _through_banks(op, fields, lines) if through else fields


def _through_banks(op: sched.MatrixOp, fields: Fields, lines: Lines) -> Fields:
    """`fields` of an instruction whose weights go from bank to bank, without the kernel rows that are padding for all of it."""
    row_words = fields["weight_words"] // fields["kernel_rows"]
    first, count = lines.through_banks(row_words, op.bank_words)
    return {
        **fields,
        "kernel_rows": count,
        "src": (fields["src"] + first * fields["kernel_row_step"]) % FEATURE_ADDRESSES,
        "y_start": fields["y_start"] + first * fields["y_dilation"],
        "weight_words": count * row_words,
        "weight_bank": first * row_words // op.bank_words,
    }


def _depthwise(op: sched.MatrixOp, hw: Hardware, axis: Axis) -> Fields:
    """How the taps of a depthwise convolution are walked, along lines."""
    piece, residue = op.piece.piece, op.piece.residue.data
    first = (piece.rows.first, residue) if axis.index == 1 else (piece.rows.first + residue, 0)
    fields = walk(op.window.window, axis, op.piece.input_image, first, piece.channels(hw.group_columns).first)
    src = buffer_of(op.x).origin + piece.images.first * fields["image_step"] + fields["src"]
    lines = lines_across(op.window.window, axis, op.piece.input_image, piece, op.image[1])
    fields |= _skipped(op, int(lines.lines().count.min()) < lines.kernel_rows, axis.taps.taps)
    return {**fields, "src": src % FEATURE_ADDRESSES, "pad_value": op.window.pad_value.data, "depthwise": 1}


def _along_lines(op: sched.MatrixOp, axis: Axis, fields: Fields, base: str, steps: str) -> Fields:
    """
    The walk of a tensor like the result, by the positions of a residue: `fields` are those that walk all of it, row by row;
    `base` and `steps` are the names of its first element and its steps.
    """
    pixel, row = fields[f"{steps}_pixel_step"], fields[f"{steps}_row_step"]
    along, across = (pixel, row) if axis.index == 1 else (row, pixel)
    first = fields[base] + op.piece.residue.data * along
    return {**fields, base: first, f"{steps}_pixel_step": axis.step * along, f"{steps}_row_step": across}


def _depthwise_output(op: sched.MatrixOp, axis: Axis, output: Fields) -> Fields:
    """The positions that a depthwise instruction computes: columns are those of a line."""
    piece, width = op.piece.piece, op.image[1]
    columns = axis.count(axis.along(piece, width), op.piece.residue.data)
    rows = axis.across(piece, width)
    return {**_along_lines(op, axis, output, "dst", "dst"), "columns": columns, "rows": rows}


def matrix_fields(op: sched.MatrixOp, hw: Hardware) -> Fields:
    piece, lanes = op.piece.piece, hw.group_columns
    output = _output(op, lanes, 1 if op.raw is None else hw.raw_elements)
    residual = {} if op.add is None or op.residual is None else _residual(op, op.add, buffer_of(op.residual), lanes)
    if op.mode.data.is_depthwise:
        axis = axis_of(op.window.window, op.mode.data)
        taps, output = _depthwise(op, hw, axis), _depthwise_output(op, axis, output)
        residual = _along_lines(op, axis, residual, "residual_src", "residual") if residual else {}
    else:
        taps = _convolution(op, hw)
    return {
        **taps,
        **output,
        "pixels": output["images"] * output["rows"] * output["columns"],
        "channel_groups": piece.groups.count,
        "last_group_lanes": piece.channels(lanes).count - (piece.groups.count - 1) * lanes,
        "tall": int(op.mode.data is Mode.TALL),
        "weight_address": buffer_of(op.weights).start + (0 if piece.run is None else piece.run.first),
        "accumulate": int(piece.accumulate),
        "partial": int(piece.partial),
        "parameter_address": buffer_of(op.parameters).start,
        **({} if piece.partial else _epilogue(op, hw)),
        **residual,
    }


def pool_fields(op: sched.PoolOp) -> Fields:
    maximum = op.kind.data is PoolKind.MAX
    channels = op.piece.block.outputs.count
    return {
        "function": VectorFunction.MAX_POOL if maximum else VectorFunction.AVERAGE_POOL,
        **_window(op, op.window),
        "kernel_columns": op.window.window.kernel[1],
        "kernel_column_step": buffer_of(op.x).pitch(op.piece.input_image[2]),
        **_output(op, channels, 1),
        "channels": channels,
        "count_padding": op.scale.count_padding.data,
        "left": op.scale.left.data,
        "right": op.scale.right.data,
        "leak": op.scale.leak.data,
        "low": op.scale.low.data,
        "high": op.scale.high.data,
    }


def copy_fields(op: sched.CopyOp, hw: Hardware) -> Fields:
    """The maximum of one element each: whole vectors at a time, where COPY may take few channels."""
    low, high = int_range(hw.bits_input)
    channels = op.piece.block.outputs.count
    return {
        "function": VectorFunction.MAX_POOL,
        **_window(op, tile_vector.POINT),
        "kernel_columns": 1,
        "kernel_column_step": buffer_of(op.x).pitch(op.piece.input_image[2]),
        **_output(op, channels, 1),
        "channels": channels,
        "low": low,
        "high": high,
    }


def _elements(op: sched.ElementwiseOp | sched.LookupOp) -> Fields:
    """The walk of a function of single elements: its fields but for those of the function."""
    window = _window(op, tile_vector.POINT)
    # One row, which is the default: the field is not used.
    del window["kernel_row_step"]
    channels = op.piece.block.outputs.count
    return {**window, **_output(op, channels, 1), "channels": channels}


def elementwise_fields(op: sched.ElementwiseOp) -> Fields:
    function, b, (height, width, _) = op.function, buffer_of(op.b), op.image_of_b
    channels = b.pitch(op.image_of_b[2])
    piece, row = op.piece.piece, width * channels
    step = 0 if op.pixel is not None else 1
    first = b.at_channel(piece.block.outputs.first)
    fields = {
        **_elements(op),
        "src_b": b.origin + (piece.images.first * height + op.rows_of_b.first) * row + first,
        "src_b_pixel_step": step * channels,
        "src_b_row_step": step * row,
        "src_b_image_step": height * row,
        "constant": function.offset.data,
        "right": function.shift.data,
        "leak": function.leak.data,
        "low": function.low.data,
        "high": function.high.data,
    }
    if isinstance(function, tile.AddAttr):
        multipliers = {"multiplier_a": function.multiplier_a.data, "multiplier_b": function.multiplier_b.data}
        return {"function": VectorFunction.ADD, **fields, **multipliers}
    zeros = {"zero_a": function.zero_a.data, "zero_b": function.zero_b.data}
    return {"function": VectorFunction.MULTIPLY, **fields, "multiplier_a": function.multiplier.data, **zeros}


def lookup_fields(op: sched.LookupOp) -> Fields:
    return {"function": VectorFunction.TABLE, **_elements(op), "table_address": buffer_of(op.table).start}


def move_fields(op: sched.MoveOp, hw: Hardware) -> Fields:
    piece, (row, column, channel) = op.piece.piece, op.part.starts
    x, y = buffer_of(op.x), buffer_of(op.y)
    (height, width, _), channels = op.piece.input_image, x.pitch(op.piece.input_image[2])
    (whole_height, whole_width, _), whole_channels = op.piece.output_image, y.pitch(op.piece.output_image[2])
    x_start, y_start = column * channels + x.at_channel(channel), row + piece.rows.first
    to_row, to_column, to_channel = op.target.starts
    first_pixel = (piece.images.first * whole_height + to_row) * whole_width + to_column
    row_step, pixel_step, channel_step = places_apart(op.target, (whole_height, whole_width, whole_channels))
    src = x.origin + (piece.images.first * height + y_start) * width * channels + x_start
    low, high = int_range(hw.bits_input)
    return {
        "function": VectorFunction.COPY,
        "src": src % FEATURE_ADDRESSES,
        "x_start": x_start,
        "x_step": channels,
        "y_start": y_start,
        "y_step": 1,
        "row_step": width * channels,
        "image_step": height * width * channels,
        "row_elements": width * channels,
        "height": height,
        "pad_value": op.part.pad_value.data,
        "columns": op.part.image[1],
        "rows": piece.rows.count,
        "images": piece.images.count,
        "dst": y.origin + first_pixel * whole_channels + y.at_channel(to_channel) + piece.rows.first * row_step,
        "dst_pixel_step": pixel_step,
        "dst_row_step": row_step,
        "dst_image_step": whole_height * whole_width * whole_channels,
        "dst_channel_step": channel_step,
        "channels": op.part.image[2],
        "low": low,
        "high": high,
    }


def lower(op: sched.InstructionOp, hw: Hardware, wait: int, signal: int) -> isa.InstructionOp:
    """The instruction of the `isa` level."""
    masks = {"wait": wait, "signal": signal, "cycles": op.cycles.value.data}
    match op:
        case sched.LoadOp():
            return isa.LoadOp(**masks, **load_fields(op, hw))
        case sched.StoreOp():
            return isa.StoreOp(**masks, **store_fields(op, hw))
        case sched.LoadWeightsOp():
            return isa.LoadWeightsOp(**masks, **load_weights_fields(op, hw))
        case sched.MatrixOp():
            return isa.MatrixOp(**masks, **matrix_fields(op, hw))
        case sched.PoolOp():
            return isa.VectorOp(**masks, **pool_fields(op))
        case sched.ElementwiseOp():
            return isa.VectorOp(**masks, **elementwise_fields(op))
        case sched.CopyOp():
            return isa.VectorOp(**masks, **copy_fields(op, hw))
        case sched.LookupOp():
            return isa.VectorOp(**masks, **lookup_fields(op))
        case sched.MoveOp():
            return isa.VectorOp(**masks, **move_fields(op, hw))
        case _:
            raise ModelError(f"'{op.name}': has no instruction, needs one of the sched dialect; remove it")


def illegal_fields(op: isa.InstructionOp, hw: Hardware) -> list[tuple[tuple[str, str], str]]:
    """
    Why the engine would refuse an instruction: sizes that its fields can't hold, or that this hardware does not have. Each
    problem comes with what it is about: the layer and the first field that it names.
    """
    name, layer = op.instruction.name, location_name(op) or op.name
    found = [field_problem(field, op[field.name]) for field in operand_fields(name)]
    problems = [problem for problem in found if problem is not None] or instruction_problems(name, op.fields, hw)
    return [((layer, problem.split()[0]), f"'{layer}': in its {name} instruction {problem}") for problem in problems]


def masks_of(instructions: Sequence[sched.InstructionOp], hw: Hardware) -> list[Masks]:
    """What instructions that the engine reads one after the other wait for and signal."""
    numbers: dict[Operation, int] = {op: index for index, op in enumerate(instructions)}
    waits = [[numbers[producer] for producer in op.producers] for op in instructions]
    return token_masks([op.QUEUE for op in instructions], waits, hw.queue_depth)


def _lower_all(instructions: Sequence[sched.InstructionOp], hw: Hardware) -> list[isa.InstructionOp]:
    """Instructions that the engine reads one after the other."""
    masks = masks_of(instructions, hw)
    ops: list[isa.InstructionOp] = []
    for op, mask in zip(instructions, masks, strict=True):
        lowered = lower(op, hw, mask.wait, mask.signal)
        set_location(lowered, op)
        ops.append(lowered)
    return ops


def _check_fields(ops: Sequence[isa.InstructionOp], hw: Hardware) -> None:
    problems = [problem for op in ops for problem in illegal_fields(op, hw)]
    if problems:
        # A layer has the same problem in each of its pieces: one of them, and each field, is named once.
        raise ModelError([f"{text}; change the layer" for text in dict(reversed(problems)).values()][::-1])


def lower_program(program: sched.ProgramOp, hw: Hardware) -> isa.ProgramOp:
    """The same program at the `isa` level. Raises `ModelError` with all that no instruction can say."""
    load = [] if program.load_program is None else _lower_all(program.load_program.instructions, hw)
    run = _lower_all(program.instructions, hw)
    _check_fields([*load, *run], hw)
    ops: list[Operation] = [*run, isa.EndOp()]
    if program.load_program is not None:
        ops.insert(0, isa.LoadProgramOp([*load, isa.EndOp()]))
    lowered_program = isa.ProgramOp(
        program.inputs,
        program.outputs,
        program.weights,
        program.arena_bytes.value.data,
        program.bundle_names,
        ops,
        softmax=program.softmax is not None,
    )
    lowered_program.attributes |= program.attributes
    return lowered_program


@dataclass(frozen=True)
class SchedToIsaPass(ModulePass):
    """From buffers, geometry and tokens to the fields of instructions."""

    name = "sched-to-isa"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        hw = hardware_of(op)
        programs = [one for one in op.ops if isinstance(one, sched.ProgramOp)]
        if not programs:
            raise ModelError("'builtin.module': no sched.program, needs one; run tile-to-sched first")
        for program in programs:
            block = program.parent
            assert block is not None
            block.insert_op_before(lower_program(program, hw), program)
            program.detach()
            program.erase()

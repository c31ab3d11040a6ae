"""
`report.json`: what a compiled network takes, per bundle and in total, and the table that shows it.

Cycles are the compiler's estimate, from a bundle's first to its last step, summed over the chunks of the batch; beside them
stand the measured ones where the engine was simulated. Multiplications include those with padding. Utilisation is
`macs / (cycles * R * C)`, of the measured cycles where there are any. A DRAM word is a beat of the bus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from dsf.codegen.program import BundleInfo, Program, Step
from dsf.hardware import Hardware
from dsf.isa.table import LOAD, LOAD_WEIGHTS, MATRIX, STORE, VECTOR, VectorFunction
from dsf.layout import packed_bytes

Report = dict[str, Any]
Interval = tuple[int, int]


def make_report(
    program: Program, name: str, *, measured: Mapping[str, int] | None = None, measured_cycles: int | None = None
) -> Report:
    """
    The report of a program, JSON types only. `measured` are the simulated cycles of each bundle by name, `measured_cycles`
    those of a whole run.
    """
    hardware = program.hardware
    bundles = [_bundle(program, info, (measured or {}).get(info.name)) for info in program.bundles]
    cycles = measured_cycles if measured_cycles is not None else program.cycles
    macs = sum(_macs(step, hardware) for step in program.steps)
    images = program.inputs[0].dimensions[0]
    return {
        "name": name,
        "hardware": hardware.to_dict(),
        "hardware_hash": f"{hardware.hash:08x}",
        "instructions": len(program.steps),
        "program_bytes": len(program.stream),
        "weight_bytes": len(program.weights),
        "input_bytes": program.input_bytes,
        "output_bytes": program.output_bytes,
        "arena_bytes": program.arena_bytes,
        "images": images,
        "macs": macs,
        "cycles": program.cycles,
        "measured_cycles": measured_cycles,
        "utilization": _utilization(macs, cycles, hardware),
        "images_per_second": round(images * hardware.frequency * 1e6 / cycles, 3) if cycles else None,
        "dram_words": sum(_dram_words(step, hardware) for step in program.steps),
        "bundles": bundles,
    }


def _bundle(program: Program, info: BundleInfo, measured: int | None) -> Report:
    hardware = program.hardware
    steps = [step for step in program.steps if step.bundle == info.name]
    macs = sum(_macs(step, hardware) for step in steps)
    estimate = None if info.estimate is None else info.estimate.cycles.data
    features = _covered(interval for step in steps for interval in _feature_intervals(step, hardware))
    return {
        "name": info.name,
        "shape": None if info.shape is None else list(info.shape),
        "macs": macs,
        "mode": "+".join(_modes(steps)) or None,
        "instructions": len(steps),
        "cycles": estimate,
        "measured_cycles": measured,
        "utilization": _utilization(macs, measured if measured is not None else estimate, hardware),
        "dram_words": sum(_dram_words(step, hardware) for step in steps),
        "feature_memory_bytes": packed_bytes(features, hardware.bits_input),
        "weight_memory_bytes": _covered(map(_weight_interval(hardware), steps)) * _row_bytes(hardware),
    }


def _utilization(macs: int, cycles: int | None, hardware: Hardware) -> float | None:
    return round(macs / (cycles * hardware.rows * hardware.columns), 4) if cycles else None


def _macs(step: Step, hardware: Hardware) -> int:
    one = step.instruction
    if one.name != MATRIX.name:
        return 0
    channels = (one["channel_groups"] - 1) * hardware.group_columns + one["last_group_lanes"]
    return one["pixels"] * one["weight_words"] * channels


def _modes(steps: Sequence[Step]) -> list[str]:
    """Shapes of the array that the bundle uses, each once."""
    modes = ("tall" if step.instruction["tall"] else "wide" for step in steps if step.instruction.name == MATRIX.name)
    return list(dict.fromkeys(modes))


def _dram_words(step: Step, hardware: Hardware) -> int:
    """Beats of the bus that an instruction moves; every row begins with a new one."""
    one = step.instruction
    match one.name:
        case LOAD.name | STORE.name:
            size = packed_bytes(one["row_elements"], hardware.bits_input)
            return one["rows"] * -(-size // hardware.beat_bytes)
        case LOAD_WEIGHTS.name:
            return -(-one["bytes"] // hardware.beat_bytes)
        case _:
            return 0


def _covered(intervals: Iterable[Interval]) -> int:
    """The size of a union of intervals [first, end)."""
    total, reached = 0, 0
    for first, end in sorted(intervals):
        total += max(0, end - max(first, reached))
        reached = max(reached, end)
    return total


def _feature_intervals(step: Step, hardware: Hardware) -> list[Interval]:
    """Parts of feature memory that an instruction reads or writes."""
    one = step.instruction
    if one.name in (LOAD.name, STORE.name):
        side = "dst" if one.name == LOAD.name else "src"
        return [(one[side], one[side] + (one["rows"] - 1) * one[f"{side}_stride"] + one["row_elements"])]
    if one.name == MATRIX.name:
        channels = (one["channel_groups"] - 1) * hardware.group_columns + one["last_group_lanes"]
        per_channel = hardware.raw_elements if one["raw"] else 1
        intervals = [_window(step, one["y_dilation"]), _placed(step, "dst", "dst", channels * per_channel)]
        return [*intervals, _placed(step, "residual_src", "residual", channels)] if one["residual"] else intervals
    if one.name == VECTOR.name:
        spread = (one["channels"] - 1) * one["dst_channel_step"] + 1
        intervals = [_window(step, 1), _placed(step, "dst", "dst", spread)]
        two = one["function"] == VectorFunction.MULTIPLY or one["multiplier_b"]
        return [*intervals, _placed(step, "src_b", "src_b", one["channels"])] if two else intervals
    return []


def _placed(step: Step, start: str, prefix: str, size: int) -> Interval:
    """The extent of `size` elements at every output position."""
    one = step.instruction
    steps = {"images": "image", "rows": "row", "columns": "pixel"}
    last = sum((one[count] - 1) * one[f"{prefix}_{name}_step"] for count, name in steps.items())
    return one[start], one[start] + last + size


def _window(step: Step, y_dilation: int) -> Interval:
    """The extent of the tensor under the windows, from its element (0, 0) on."""
    one = step.instruction
    pitch = one["kernel_row_step"] // max(1, y_dilation)
    if one["kernel_rows"] == 1:
        pitch = one["row_step"] // max(1, one["y_step"])
    first = one["src"] - one["y_start"] * pitch - one["x_start"]
    size = (one["images"] - 1) * one["image_step"] + (one["height"] - 1) * pitch + one["row_elements"]
    return first & 0xFFFFFF, (first & 0xFFFFFF) + size


def _weight_interval(hardware: Hardware) -> Callable[[Step], Interval]:
    """Rows of weight memory (a word of each bank) that an instruction uses."""

    def interval(step: Step) -> Interval:
        one = step.instruction
        if one.name != MATRIX.name:
            return 0, 0
        rows = -(-(one["weight_bank"] + one["channel_groups"]) // hardware.column_groups) * one["weight_words"]
        return one["weight_address"], one["weight_address"] + rows

    return interval


def _row_bytes(hardware: Hardware) -> int:
    return hardware.column_groups * hardware.weight_slot_bits // 8


# The table.

_COLUMNS = ("bundle", "output", "MACs", "mode", "cycles", "measured", "util.", "DRAM words", "SRAM bytes")

#: Columns of text where nobody sees a terminal.
_WIDTH = 120


def report_table(report: Report) -> Table:
    """The report as a table for the terminal."""
    hardware = report["hardware"]
    rows, columns = hardware["processing_elements"]
    title = f"{report['name']}: {rows} x {columns} processing elements, {hardware['frequency']} MHz"
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for index, column in enumerate(_COLUMNS):
        table.add_column(column, justify="left" if index in (0, 1, 3) else "right", overflow="fold")
    for one in report["bundles"]:
        shape = "-" if one["shape"] is None else "x".join(map(str, one["shape"]))
        table.add_row(one["name"], shape, *_numbers(one, one["mode"]), f"{one['feature_memory_bytes']:,}")
    table.add_section()
    table.add_row("total", "", *_numbers(report, ""), "")
    rate = report["images_per_second"]
    if rate is not None:
        table.caption = f"{rate:,.0f} images a second, {report['images']} in a run"
    return table


def _numbers(one: Report, mode: str | None) -> list[str]:
    return [
        f"{one['macs']:,}",
        mode or "-" if mode != "" else "",
        _count(one["cycles"]),
        _count(one["measured_cycles"]),
        "-" if one["utilization"] is None else f"{one['utilization']:.1%}",
        f"{one['dram_words']:,}",
    ]


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def print_report(report: Report, console: Console | None = None) -> None:
    """Prints the table."""
    terminal = Console()
    (console or (terminal if terminal.is_terminal else Console(width=_WIDTH))).print(report_table(report))

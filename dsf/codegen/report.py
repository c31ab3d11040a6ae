"""
`report.json`: what a compiled network takes, per bundle and in total, and the table that shows it.

Cycles are the compiler's estimate, from a bundle's first to its last step, summed over the chunks of the batch; beside them
stand the measured ones where the engine was simulated. Multiplications include those with padding, not those between groups
of a convolution. Utilisation is
`macs / (cycles * R * C)`, of the measured cycles where there are any. A DRAM word is a beat of the bus.

All numbers are those of a run. What a load program takes, once for all runs, stands apart in `load_program`.

Where the engine was simulated, `array` says what the array did, in cycles: it was busy, or waited for the reason that names
the cycles (`dsf.isa.registers.ARRAY`). A bundle has the cycles from the last step of the one before, or from the start of the
run, to its own last step; those of the whole run are the engine's counters, and the difference is what comes after.
`port_bytes` are the bytes of whole beats that each port of the bus moves.

`quantisation` is there for a float model that DSF quantised: layer by layer, how far it is from the float one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dsf.codegen.program import BundleInfo, Program, Step
from dsf.cost import transfer_beats
from dsf.hardware import Hardware
from dsf.isa.table import FEATURE_ADDRESSES, LOAD, LOAD_WEIGHTS, MATRIX, STORE, VECTOR, VectorFunction
from dsf.layout import packed_bytes
from dsf.progress import new_console

Report = dict[str, Any]
Interval = tuple[int, int]

#: The ports of the bus.
PORTS: tuple[str, ...] = ("instructions", "features", "weights", "output")
#: What a quantised layer has of signal-to-noise ratios, and what stands for one of -inf: JSON has no infinity.
RATIOS, NOTHING = ("snr_layer", "snr_total"), "-inf"

#: The memories of an engine, as `Hardware` names them.
MEMORIES: tuple[str, ...] = ("feature_memory", "weight_memory")


@dataclass(frozen=True)
class Measured:
    """
    A run of the simulated engine: its cycles, those of each bundle by name, and of the load program if one ran before it; the
    firmware's register accesses; and what the array did, by the names of `dsf.isa.registers.array_name`, in each bundle and in
    the whole run.
    """

    cycles: int | None = None
    bundles: Mapping[str, int] = field(default_factory=dict[str, int])
    load_cycles: int | None = None
    register_accesses: int | None = None
    bundle_array: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    array: Mapping[str, int] | None = None


#: Where nothing was simulated.
NOT_MEASURED = Measured()


def make_report(program: Program, name: str, measured: Measured = NOT_MEASURED, quantisation: Report | None = None) -> Report:
    """The report of a program, JSON types only, with what was measured, and what quantisation cost if it was done here."""
    hardware = program.hardware
    steps = _steps_by_bundle(program.steps)
    bundles = [_bundle(hardware, info, steps.get(info.name, []), measured) for info in program.bundles]
    cycles = measured.cycles if measured.cycles is not None else program.cycles
    macs = sum(one["macs"] for one in bundles)
    images = program.inputs[0].dimensions[0]
    return {
        "name": name,
        "hardware": hardware.to_dict(),
        "hardware_hash": f"{hardware.hash:08x}",
        "instructions": len(program.steps),
        "program_bytes": len(program.stream),
        "load_program": _load_program(program, measured),
        "weight_bytes": len(program.weights),
        "input_bytes": program.input_bytes,
        "output_bytes": program.output_bytes,
        "arena_bytes": program.arena_bytes,
        "images": images,
        "macs": macs,
        "cycles": program.cycles,
        "measured_cycles": measured.cycles,
        "register_accesses": measured.register_accesses,
        "utilization": _utilization(macs, cycles, hardware),
        "images_per_second": round(images * hardware.frequency * 1e6 / cycles, 3) if cycles else None,
        "dram_words": sum(_dram_words(step, hardware) for step in program.steps),
        "port_bytes": _port_bytes(program.steps, hardware),
        **_on_chip(program.steps, hardware),
        "array": None if measured.array is None else dict(measured.array),
        "bundles": bundles,
        **({} if quantisation is None else {"quantisation": quantisation}),
    }


def _load_program(program: Program, measured: Measured) -> Report | None:
    """What is needed once; `None` if weights come with each run."""
    if not program.load_steps:
        return None
    return {
        "instructions": len(program.load_steps),
        "program_bytes": len(program.load_stream),
        "cycles": program.load_cycles,
        "measured_cycles": measured.load_cycles,
        "dram_words": sum(_dram_words(step, program.hardware) for step in program.load_steps),
    }


def _steps_by_bundle(steps: Iterable[Step]) -> dict[str | None, list[Step]]:
    found: dict[str | None, list[Step]] = {}
    for step in steps:
        found.setdefault(step.bundle, []).append(step)
    return found


def _bundle(hardware: Hardware, info: BundleInfo, steps: Sequence[Step], measured: Measured) -> Report:
    measured_cycles, array = measured.bundles.get(info.name), measured.bundle_array.get(info.name)
    # An instruction does not say what of a grouped convolution it multiplies by 0.
    macs = sum(_macs(step, hardware) for step in steps) if info.macs is None else info.macs
    return {
        "name": info.name,
        "shape": None if info.shape is None else list(info.shape),
        "macs": macs,
        "mode": "+".join(_modes(steps)) or None,
        "instructions": len(steps),
        "cycles": info.cycles,
        "measured_cycles": measured_cycles,
        "utilization": _utilization(macs, measured_cycles if measured_cycles is not None else info.cycles, hardware),
        "dram_words": sum(_dram_words(step, hardware) for step in steps),
        "port_bytes": _port_bytes(steps, hardware),
        "array": None if array is None else dict(array),
        **_on_chip(steps, hardware),
    }


def _on_chip(steps: Sequence[Step], hardware: Hardware) -> dict[str, int]:
    """Bytes of the memories that instructions use, each byte once."""
    features = _covered(interval for step in steps for interval in _feature_intervals(step, hardware))
    return {
        "feature_memory_bytes": packed_bytes(features, hardware.bits_input),
        "weight_memory_bytes": hardware.weight_bytes(_covered(map(_weight_interval(hardware), steps))),
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
    matrices = [step.instruction for step in steps if step.instruction.name == MATRIX.name]
    modes = ("depthwise" if one["depthwise"] else "tall" if one["tall"] else "wide" for one in matrices)
    return list(dict.fromkeys(modes))


def _dram_words(step: Step, hardware: Hardware) -> int:
    """Beats of the bus that an instruction moves, if buffers begin at whole beats."""
    one = step.instruction
    match one.name:
        case LOAD.name | STORE.name:
            return transfer_beats(hardware, one["row_elements"], one["rows"], one["offset"], one["row_stride"])
        case LOAD_WEIGHTS.name:
            return -(-one["bytes"] // hardware.beat_bytes)
        case _:
            return 0


def _port_bytes(steps: Iterable[Step], hardware: Hardware) -> dict[str, int]:
    """Bytes that each port moves, if buffers begin at whole beats."""
    moved = dict.fromkeys(PORTS, 0)
    ports = {LOAD.name: "features", LOAD_WEIGHTS.name: "weights", STORE.name: "output"}
    for step in steps:
        moved["instructions"] += step.instruction.instruction.bytes
        port = ports.get(step.instruction.name)
        if port is not None:
            moved[port] += _dram_words(step, hardware) * hardware.beat_bytes
    return moved


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
    """The extent of the rows under the windows, as far as they are inside the tensor; a y may be a column of the image."""
    one = step.instruction
    pitch = one["kernel_row_step"] // max(1, y_dilation)
    if one["kernel_rows"] == 1:
        pitch = one["row_step"] // max(1, one["y_step"])
    last = one["y_start"] + (one["rows"] - 1) * one["y_step"] + (one["kernel_rows"] - 1) * y_dilation
    top, bottom = max(0, one["y_start"]), min(one["height"] - 1, last)
    first = one["src"] + (top - one["y_start"]) * pitch - one["x_start"]
    size = (one["images"] - 1) * one["image_step"] + max((bottom - top + 1) * pitch, one["row_elements"])
    return first % FEATURE_ADDRESSES, first % FEATURE_ADDRESSES + size


def _weight_interval(hardware: Hardware) -> Callable[[Step], Interval]:
    """Rows of weight memory (a word of each bank) that an instruction uses."""

    def interval(step: Step) -> Interval:
        one = step.instruction
        if one.name != MATRIX.name:
            return 0, 0
        rows = -(-(one["weight_bank"] + one["channel_groups"]) // hardware.column_groups) * one["weight_words"]
        return one["weight_address"], one["weight_address"] + rows

    return interval


# The table.

_COLUMNS = ("bundle", "output", "MACs", "mode", "cycles", "measured", "util.", "DRAM words", "features", "weights")


def report_table(report: Report) -> Table:
    """The report as a table for the terminal."""
    hardware = report["hardware"]
    rows, columns = hardware["processing_elements"]
    title = Text(f"{report['name']}: {rows} x {columns} processing elements, {hardware['frequency']} MHz")
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for index, column in enumerate(_COLUMNS):
        table.add_column(column, justify="left" if index in (0, 1, 3) else "right", overflow="fold")
    for one in report["bundles"]:
        shape = "-" if one["shape"] is None else "x".join(map(str, one["shape"]))
        table.add_row(Text(one["name"]), shape, *_numbers(one, one["mode"]))
    table.add_section()
    table.add_row("total", "", *_numbers(report, ""))
    table.caption = "\n".join(_remarks(report))
    return table


def _remarks(report: Report) -> Iterable[str]:
    """What the table says of a run beside its numbers, and of what comes before the first one."""
    rate, accesses, load = report["images_per_second"], report["register_accesses"], report["load_program"]
    used = (
        f"{report[f'{name}_bytes']:,} of {report['hardware'][name]:,} bytes of {name.replace('_', ' ')}" for name in MEMORIES
    )
    yield f"on chip: {', '.join(used)}"
    if rate is not None:
        yield f"{rate:,.0f} images a second, {report['images']} in a run"
    if accesses is not None:
        yield f"{accesses} register accesses of the firmware for a run"
    if load is not None:
        measured = "" if load["measured_cycles"] is None else f", measured {load['measured_cycles']:,}"
        cycles, words = _count(load["cycles"]), f"{load['dram_words']:,} DRAM words"
        yield f"weights stay on chip: loaded once in {cycles} cycles{measured}; {words}"
    elif report["weight_bytes"] > 0:
        yield "weights are loaded in every run"


def _numbers(one: Report, mode: str | None) -> list[str]:
    return [
        f"{one['macs']:,}",
        mode or "-" if mode != "" else "",
        _count(one["cycles"]),
        _count(one["measured_cycles"]),
        "-" if one["utilization"] is None else f"{one['utilization']:.1%}",
        f"{one['dram_words']:,}",
        f"{one['feature_memory_bytes']:,}",
        f"{one['weight_memory_bytes']:,}",
    ]


def array_table(report: Report) -> Table:
    """What the array did in each bundle of a measured report; only reasons that occur."""
    rows = [(one["name"], one["array"]) for one in report["bundles"] if one["array"] is not None]
    after = {name: cycles - sum(array[name] for _, array in rows) for name, cycles in report["array"].items()}
    names = [name for name, cycles in report["array"].items() if cycles > 0]
    table = Table(title="Cycles of the array: busy, or waiting for", box=box.SIMPLE_HEAD)
    table.add_column("bundle", overflow="fold")
    for name in ("all", *names):
        table.add_column(name, justify="right", overflow="fold")

    def add(bundle: str, array: Mapping[str, int]) -> None:
        table.add_row(Text(bundle), f"{sum(array.values()):,}", *(f"{array[name]:,}" for name in names))

    for bundle, array in rows:
        add(bundle, array)
    add("after the last step", after)
    table.add_section()
    add("total", report["array"])
    moved = ", ".join(f"{name} {count:,}" for name, count in report["port_bytes"].items())
    table.caption = f"bytes by port: {moved}"
    return table


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def print_report(report: Report, console: Console | None = None) -> None:
    """Prints the table, and where the engine was simulated a second one with the cycles of the array."""
    console = console or new_console()
    # Names are the user's: brackets in them are no markup.
    console.print(report_table(report), markup=False)
    if report["array"] is not None:
        console.print(array_table(report), markup=False)

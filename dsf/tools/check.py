"""`dsf check`: everything that an engine can't do of a network, and what becomes of each node."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from dsf.errors import ModelError
from dsf.hardware import DEFAULT_HARDWARE, Hardware
from dsf.progress import new_console
from dsf.tools.command import Commands, add_json, new_command, print_json, steps

if TYPE_CHECKING:
    from xdsl.ir import Operation

    from dsf.frontend.onnx.check import Checked, Sums

_CHECK = """\
Lists everything that an engine can't do of a network, all of it at once: each problem with the name of
its node, what it has, what is needed, and what to change. A table says what becomes of each node.
Of a quantised ONNX model it also says how many of all sums that its layers can have get another result
than the model means. Exit code 0: the network fits. Exit code 1: it does not.

MODEL is an ONNX file, the config_model.json of model.export(), or textual IR (.mlir). --hw is the engine,
as Hardware.export() writes it; without it, one of the default size, with biases of 32 bits.
docs/SUPPORTED.md lists operators and constraints.
"""

_CHECK_EXAMPLES = """\
examples:
  dsf check model.onnx                        does it fit at all?
  dsf check model.onnx --hw config_hw.json    does it fit on my engine?
  dsf check model.onnx --json                 for programs: problems and nodes
"""


def add(commands: Commands) -> None:
    parser = new_command(
        commands, "check", _check, summary="what an engine can't do of a network", description=_CHECK, examples=_CHECK_EXAMPLES
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="an ONNX file, config_model.json or .mlir")
    add_hardware(parser)
    add_json(parser)


def add_hardware(parser: argparse.ArgumentParser) -> None:
    """The options `--hw` and `--batch`, the same for all commands that read ONNX."""
    parser.add_argument("--hw", type=Path, metavar="HW.json", help="the engine: a config_hw.json")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="images of a run, where an ONNX file leaves it open")


def hardware_of_options(chosen: argparse.Namespace) -> Hardware | None:
    """The engine that was asked for. Raises `ModelError` for a batch that is none."""
    if chosen.batch < 1:
        raise ModelError(f"'--batch': {chosen.batch}, needs at least 1; correct it")
    return None if chosen.hw is None else Hardware.from_json(chosen.hw)


def _check(chosen: argparse.Namespace) -> None:
    # onnx takes a while to import, which other commands need not wait for.
    from dsf.frontend.onnx.check import Checked

    hardware = hardware_of_options(chosen)
    with steps(chosen)("checking"):
        try:
            checked = _checked(chosen.model, hardware, chosen.batch)
        except ModelError as error:  # Of what can't even be read a program wants to know as well.
            checked = Checked(tuple(error.problems), ())
    if chosen.json:
        print_json({"ok": not checked.problems, **asdict(checked)})
    else:
        _print(chosen.model, checked)
    if checked.problems:
        raise ModelError(checked.problems)


def _checked(path: Path, hardware: Hardware | None, batch: int) -> Checked:
    from dsf.frontend.onnx.check import Checked, Placement, check_onnx

    if path.suffix.lower() == ".onnx":
        return check_onnx(path, hardware or DEFAULT_HARDWARE, batch=batch)
    from dsf.compiler import context
    from dsf.constraints.check import problems_of
    from dsf.constraints.layers import bundle_of
    from dsf.dialects.bundle_group import LETTERS
    from dsf.runtime.execute import LEVELS
    from dsf.tools.load import load_model
    from dsf.transforms.fold_batch_norm import FoldBatchNormPass

    module = load_model(path, hardware)
    level = next((op.dialect_name() for op in module.walk() if op.dialect_name() in LEVELS[1:]), None)
    if level is not None:
        change = "check the model that it was made of, or use dsf estimate, which compiles it"
        raise ModelError(f"'{path}': a network of the level {level}, needs one of the level bundle; {change}")
    FoldBatchNormPass().apply(context(), module)
    layers = [op for op in module.walk() if op.name in LETTERS]
    placements = tuple(Placement(bundle_of(op) or op.name, op.name.removeprefix("bundle."), _becomes(op)) for op in layers)
    return Checked(tuple(problems_of(module)), placements)


def _becomes(op: Operation) -> str:
    return "processor" if op.name == "bundle.softmax" else "engine"


def _print(path: Path, checked: Checked) -> None:
    console = new_console()
    table = Table(title=str(path))
    for column in ("node", "operator", "becomes"):
        table.add_column(column, overflow="fold")
    for one in checked.placements:
        table.add_row(one.node, one.operator, one.becomes)
    if checked.placements:
        console.print(table)
    if checked.remark is not None:
        console.print(f"{path}: {checked.remark}", highlight=False)
    if checked.sums is not None:
        console.print(f"{path}: {_rounding(checked.sums)}", highlight=False)
    if not checked.problems:
        console.print(f"{path}: fits", highlight=False)


def _rounding(sums: Sums) -> str:
    """How exact it is, in a sentence."""
    if sums.neighbours == 0:
        return f"every convolution and dense layer rounds as the model means, whatever its input ({sums.values:,} sums)"
    many = f"{sums.neighbours:,} of the {sums.values:,} sums that its layers can have round to the neighbour of the result"
    return f"{many} that the model means; with more bits_multiplier and bits_fraction of the hardware fewer do"

"""`dsf zoo`: lists the networks of `dsf.zoo`, and compiles one of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from dsf.disk import make_directory
from dsf.errors import OutputError
from dsf.hardware import Hardware
from dsf.progress import Steps, new_console
from dsf.tools.command import Commands, add_json, new_command, print_json

_ZOO = """\
Without NAME: lists the networks that DSF brings along. With it: compiles one, with random weights, for the
engine of HW.json, which Hardware.export() writes as config_hw.json, and writes its files into DIR:
program.bin, weights.bin, config_firmware.h, report.json and input.bin, a random input. It says what it is
doing, a line for each pass of the compiler, and with --timing how many seconds each took.
"""

_ZOO_EXAMPLES = """\
examples:
  dsf zoo                                                 list the networks
  dsf zoo resnet50 --hw config_hw.json -o build/resnet50  compile one
  dsf zoo resnet8 --expected && dsf sim build/resnet8     compile one and run it
  dsf zoo --json                                          for programs
"""


def add(commands: Commands) -> None:
    parser = new_command(
        commands, "zoo", _zoo, summary="compile a network that DSF brings along", description=_ZOO, examples=_ZOO_EXAMPLES
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="a network; without it all are listed")
    parser.add_argument("--hw", type=Path, metavar="HW.json", help="the engine; default: one whose limits it keeps")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="where the files go; default: build/NAME")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="images of an inference")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws the weights")
    parser.add_argument("--expected", action="store_true", help="interpret the program too, and write expected.bin")
    parser.add_argument("--timing", action="store_true", help="say how many seconds each step takes")
    add_json(parser)


def _zoo(chosen: argparse.Namespace) -> None:
    # torch takes seconds to import, which other commands need not wait for.
    from dsf import zoo

    if chosen.name is None:
        if chosen.json:
            print_json({name: network.summary for name, network in zoo.NETWORKS.items()})
            return
        for name, network in zoo.NETWORKS.items():
            print(f"  {name:<14}{network.summary}")
        return
    limits = zoo.network(chosen.name).limits
    hw = Hardware(**limits) if chosen.hw is None else Hardware.from_json(chosen.hw)
    directory: Path = Path("build") / chosen.name if chosen.output is None else chosen.output
    make_directory(directory, OutputError)
    _compile(chosen, hw, directory, Steps(new_console(quiet=chosen.json, stderr=True), seconds=chosen.timing))


def _compile(chosen: argparse.Namespace, hw: Hardware, directory: Path, step: Steps) -> None:
    from dsf import zoo
    from dsf.codegen.files import write_files
    from dsf.compiler import compile_module, random_input
    from dsf.nn.to_ir import to_ir
    from dsf.runtime.execute import run

    def network() -> ModuleOp:
        with step("network"):
            return to_ir(zoo.build(chosen.name, hw, batch=chosen.batch, seed=chosen.seed))

    compiled = compile_module(network(), keep_in=directory, timing=step.done)
    x, expected = random_input(compiled), None
    if chosen.expected:
        with step("interpreter"):
            expected = run(compiled, x)
    with step("files"):
        paths = write_files(compiled, directory, x=x, expected=expected)
    if chosen.json:
        print_json({"files": [str(path) for path in paths]})
        return
    print(f"{directory}: {', '.join(path.name for path in paths)}")

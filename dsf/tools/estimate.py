"""`dsf estimate`: what a network takes on an engine, without writing or running anything."""

from __future__ import annotations

import argparse
from pathlib import Path

from dsf.hardware import Hardware
from dsf.tools.command import Commands, PassTimes, add_explain, add_json, add_timing, new_command, print_json, steps

_ESTIMATE = """\
Compiles a network and shows what it takes on an engine, bundle by bundle: cycles, utilisation, words of
DRAM traffic and on-chip memory. Nothing is written and nothing is run: the cycles are those of the cost
model by which the compiler chooses, and the same that `dsf report` shows.

--explain shows for each layer the five best ways to cut it that the compiler tried, with their cycles (of the
layer alone) and DRAM words, and what the others lack: cycles, words, or room in a memory. Of a batch it shows
how many images are on chip at once, and why not more.

MODEL is a directory that a compile wrote, the config_model.json of model.export(), a quantised ONNX file, or
textual IR (.mlir). --hw asks for another engine than the one that the network was made for, as Hardware.export() writes it.
"""

_ESTIMATE_EXAMPLES = """\
examples:
  dsf estimate build/digits                         on its own engine
  dsf estimate build/digits --hw config_hw.json     would a larger array be faster?
  dsf estimate build/digits --explain               why is each layer cut as it is?
  dsf estimate config_model.json --json             for programs: what report.json holds
"""


def add(commands: Commands) -> None:
    parser = new_command(
        commands,
        "estimate",
        _estimate,
        summary="what a network takes on an engine",
        description=_ESTIMATE,
        examples=_ESTIMATE_EXAMPLES,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="directory of a compile, config_model.json, .onnx or .mlir")
    parser.add_argument("--hw", type=Path, metavar="HW.json", help="the engine: a config_hw.json; else the network's own")
    add_explain(parser)
    add_timing(parser)
    add_json(parser)


def _estimate(chosen: argparse.Namespace) -> None:
    from dsf.codegen.kept import pipeline_of
    from dsf.codegen.program import Program
    from dsf.codegen.report import make_report, print_report
    from dsf.compiler import compile_module
    from dsf.scheduling.explain import explain, explanation_lines
    from dsf.tools.load import load_model

    model: Path = chosen.model
    step = steps(chosen)
    hardware = None if chosen.hw is None else Hardware.from_json(chosen.hw)
    with step("reading"):
        module = load_model(model, hardware)
    with step("compilation") as say:
        times = PassTimes(say)
        compiled = compile_module(module, pipeline=pipeline_of(module), timing=times)
    explanation = explain(module, pipeline_of(module)) if chosen.explain else None
    report = make_report(Program.from_module(compiled), model.resolve().name if model.is_dir() else model.stem)
    if chosen.json:
        more = {"explanation": explanation, "seconds": times.seconds if chosen.timing else None}
        print_json({**report, **{name: value for name, value in more.items() if value is not None}})
        return
    print_report(report)
    if chosen.timing:
        print("\n".join(times.lines()))
    if explanation is not None:
        print("\n".join(explanation_lines(explanation)))

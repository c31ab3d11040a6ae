"""
From a module to a program that is proved to compute the same, and its files.

    integers (fxp)  =  instructions (isa)  =  RTL, without and with random handshakes

The first two are compared by what leaves the engine, and the RTL by that and by what each instruction writes into feature
memory, element by element. The RTL is the whole system: registers, DMA and interrupt, driven by the C firmware. Front ends put
their own reference before that, bundle by bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from dsf.codegen.files import write_files
from dsf.codegen.kept import MODEL_NAME
from dsf.codegen.program import Program
from dsf.codegen.report import NOT_MEASURED, Measured, Report, make_report, print_report
from dsf.codegen.source import ModelTensors
from dsf.compiler import compile_module
from dsf.dialects.engine import TensorAttr, hardware_of
from dsf.disk import make_directory
from dsf.errors import MismatchError, OutputError
from dsf.isa.registers import ARRAY, array_name
from dsf.isa.table import Queue
from dsf.lowering import to_level
from dsf.numerics import Ints
from dsf.progress import Steps
from dsf.recorded import PROVENANCE_NAME
from dsf.runtime.execute import main_of, run_integers
from dsf.runtime.expected import interpret
from dsf.runtime.machine import unpack_tensor
from dsf.runtime.rtl import Simulation, build_core, check_bus, simulate_program
from dsf.scheduling.estimate import Interval, bundle_cycles
from dsf.transforms.dsf_pipeline import DsfPipelinePass
from dsf.transforms.locations import location_name


@dataclass(frozen=True)
class Options:
    """
    How a network is compiled and what is proved of it. `rtl` simulates the engine: once undisturbed, for the cycles, then all
    inputs with each channel of the bus held up in a cycle with probability `stalls`, drawn by `seed`. With `resident_weights`,
    weights that fit on chip all at once are loaded once, before the first run; without, in every run. `verify_each` also
    executes the module after every pass, `emit_ir` writes it. `timing` is told what each pass took.
    """

    rtl: bool = True
    stalls: float = 0.1
    seed: int = 0
    resident_weights: bool = True
    verify_each: bool = False
    emit_ir: bool = False
    timing: Callable[[str, float], None] | None = None


@dataclass(frozen=True)
class Proved:
    """What leaves the engine for every input, one run after the other; the fields are those of `Inference`."""

    integers: Ints
    rtl_integers: Ints | None = field(repr=False)
    cycles: int | None
    report: dict[str, Any] = field(repr=False)
    paths: tuple[Path, ...] = field(repr=False)


def prove(
    module: ModuleOp,
    inputs: Sequence[Ints],
    folder: Path,
    options: Options,
    steps: Steps,
    *,
    reference: Sequence[Mapping[str, Ints]] = (),
    source: ModelTensors | None = None,
    quantisation: Report | None = None,
    quiet: bool = False,
) -> Proved:
    """
    Compiles a module of the `bundle` level, runs it on `inputs` at every level and writes the files into `folder`, those of the
    self-test for the first input. `reference` has, for each input, what bundles are known to compute, by name. `source`
    says how the tensors of the model that was imported lie in the engine's, and `quantisation`, for the report, what quantising
    it cost. `quiet` leaves the table of the report out.

    Raises `ModelError` for what does not fit, `OutputError` where files can't be written, `MismatchError` naming the bundle
    and the first element where two levels differ, `EngineError` when the simulated engine stops, and `ToolError` without
    Verilator.
    """
    check_bus(options.stalls, latency=0, seed=options.seed)
    make_directory(folder, OutputError)
    with steps("integer pass" + (", compared bundle by bundle" if reference else "")):
        fxp = to_level(module, "fxp")
        last = _last_bundle(fxp)
        results = [_integer_pass(fxp, one, reference[place] if reference else {}) for place, one in enumerate(inputs)]
    with steps("compilation") as say:

        def timing(name: str, seconds: float) -> None:
            say(name)
            if options.timing is not None:
                options.timing(name, seconds)

        compiled = compile_module(
            module,
            pipeline=DsfPipelinePass(resident_weights=options.resident_weights),
            verify_each=options.verify_each,
            verify_input=inputs[0],
            emit_ir=folder / "ir" if options.emit_ir else None,
            keep_in=folder,
            timing=timing,
        )
    program = Program.from_module(compiled)
    with steps("instructions, interpreted") as say:
        interpreted = interpret(program, inputs, lambda i: say(f"run {i + 1} of {len(inputs)}"))
        for data, result in zip(interpreted.outputs, results, strict=True):
            got = unpack_tensor(program.outputs[0], data, "the interpreter's output")
            compare(got, result, last, "the instructions", "the integer pass")

    measured, rtl_results = NOT_MEASURED, None
    if options.rtl:
        with steps("RTL, built (the first time takes a minute or two)"):
            build_core(hardware_of(module))
        with steps("RTL, undisturbed"):
            simulation = simulate_program(program, inputs[:1], expected=interpreted)
            _check_runs(program, simulation, results[:1], last)
            check_traffic(program, simulation)
        measured = measure(program, simulation)
        with steps(f"RTL, {len(inputs)} run{'s' * (len(inputs) > 1)} with random handshakes") as say:
            on_run = _counting(say, len(inputs))
            stalled = simulate_program(
                program, inputs, stall=options.stalls, seed=options.seed, expected=interpreted, on_run=on_run
            )
            rtl_results = np.concatenate(_check_runs(program, stalled, results, last))

    files = write_files(
        compiled, folder, x=inputs[0], expected=results[0], measured=measured, source=source, quantisation=quantisation
    )
    paths = [*files, folder / MODEL_NAME, folder / PROVENANCE_NAME]
    report = make_report(program, folder.resolve().name, measured, quantisation)
    if not quiet:
        print_report(report, steps.console)
    return Proved(np.concatenate(results), rtl_results, measured.cycles, report, tuple(paths))


def _last_bundle(fxp: ModuleOp) -> str:
    """The name of the bundle that makes the result."""
    returned = main_of(fxp).get_return_op()
    owner = None if returned is None else returned.operands[0].owner
    return (location_name(owner) if isinstance(owner, Operation) else None) or "output"


def _integer_pass(fxp: ModuleOp, x: Ints, reference: Mapping[str, Ints]) -> Ints:
    """The result at the `fxp` level, of which the bundles are compared with `reference`."""
    values: dict[str, Ints] = {}
    result = run_integers(fxp, x, values)
    for name, wanted in reference.items():
        compare(values[name], wanted, name, "the integer pass", "the float64 pass")
    return result


def measure(program: Program, simulation: Simulation) -> Measured:
    """What the simulation's first run took, which ended well, counted as the compiler's estimate is."""
    run = simulation.runs[0]
    assert run.counted is not None
    arrays: dict[str, dict[str, int]] = {}
    for one in simulation.instructions:
        if one.queue is Queue.MATRIX:
            cycles = arrays.setdefault(program.steps[one.index].bundle or "", dict.fromkeys(map(array_name, ARRAY), 0))
            for counter, count in one.array.items():
                cycles[array_name(counter)] += count
    return Measured(
        cycles=run.cycles,
        bundles=bundle_cycles(_intervals(program, simulation)),
        load_cycles=run.load_cycles,
        register_accesses=run.accesses,
        bundle_array=arrays,
        array={array_name(counter): count for counter, count in run.counted.array.items()},
    )


def _intervals(program: Program, simulation: Simulation) -> Iterable[Interval]:
    for one in simulation.instructions:
        bundle = program.steps[one.index].bundle or ""
        if one.queue is Queue.MATRIX and one.first_step is not None and one.last_step is not None:
            yield Interval(bundle, one.first_step, one.last_step + 1, array=True)
        if one.queue is Queue.VECTOR and one.start is not None and one.finish is not None:
            yield Interval(bundle, one.start, one.finish, array=False)


def check_traffic(program: Program, simulation: Simulation) -> None:
    """What the engine counted at its ports in the first run must be what the report says."""
    counted = simulation.runs[0].counted
    assert counted is not None
    moved = make_report(program, "")["port_bytes"]
    for port, found in counted.port_bytes.items():
        wanted = moved[port.name.lower()]
        if found != wanted:
            raise MismatchError(
                f"'{port.name.lower()}': {found} bytes through this port in the RTL, needs {wanted} as in the report; "
                "this is a fault of the compiler"
            )


def _counting(say: Callable[[str], None], runs: int) -> Callable[[int], None]:
    return lambda i: say(f"run {i + 1} of {runs} done")


def _check_runs(program: Program, simulation: Simulation, expected: Sequence[Ints], name: str) -> list[Ints]:
    """The results of all runs, which must be those expected."""
    tensor: TensorAttr = program.outputs[0]
    results = [unpack_tensor(tensor, data, "the RTL's output") for data in simulation.outputs]
    for result, wanted in zip(results, expected, strict=True):
        compare(result, wanted, name, "the RTL", "the instructions")
    return results


def compare(got: Ints, expected: Ints, name: str, level: str, reference: str) -> None:
    """Raises `MismatchError`, naming the bundle and the first element that differs."""
    if got.size != expected.size:
        raise MismatchError(f"'{name}': {got.size} elements in {level}, needs {expected.size} as in {reference}")
    differ = np.argwhere(got.reshape(expected.shape) != expected)
    if differ.size:
        first = tuple(map(int, differ[0]))
        raise MismatchError(
            f"'{name}': element {first} is {got.reshape(expected.shape)[first]} in {level}, needs {expected[first]} as in "
            f"{reference}; {len(differ)} of {expected.size} differ, a fault of DSF"
        )

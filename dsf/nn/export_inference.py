"""
From a trained model to a program that is proved to compute the same: what `BundleModel.export_inference` does.

    float64 pass  =  integer pass (fxp)  =  instructions (isa)  =  RTL, without and with random handshakes

The first two are compared bundle by bundle, the next by what leaves the engine, and the RTL by that and by what each
instruction writes into feature memory, element by element. The RTL is the whole system: registers, DMA and interrupt, driven
by the C firmware. Then it writes the program's files (`dsf.codegen.files`) and shows what each bundle takes: the compiler's
estimate beside the simulated cycles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from xdsl.dialects.builtin import ModuleOp

from dsf.codegen.files import write_files
from dsf.codegen.kept import MODEL_NAME
from dsf.codegen.program import Program
from dsf.codegen.report import NOT_MEASURED, Measured, make_report, print_report
from dsf.compiler import compile_module
from dsf.dialects.engine import TensorAttr
from dsf.disk import make_directory
from dsf.errors import MismatchError, ModelError, OutputError
from dsf.isa.registers import ARRAY, array_name
from dsf.isa.table import Queue
from dsf.lowering import to_level
from dsf.nn.fit import as_tensor, batches
from dsf.nn.to_ir import to_ir
from dsf.numerics import Floats, Ints, as_ints, dequantize, quantize
from dsf.progress import Steps, new_console
from dsf.runtime.execute import run_integers
from dsf.runtime.expected import interpret
from dsf.runtime.machine import unpack_tensor
from dsf.runtime.rtl import Simulation, build_core, check_bus, simulate_program
from dsf.scheduling.estimate import Interval, bundle_cycles
from dsf.transforms.dsf_pipeline import DsfPipelinePass

if TYPE_CHECKING:
    from dsf.nn.model import BundleModel


@dataclass(frozen=True)
class Inference:
    """
    What an export found. `integers` are what leaves the engine for every image, on the grid 2**-frac_bits (raw sums are
    logits); `report` is what `report.json` holds; `cycles` are those of one run of the RTL without stalls, `None` without RTL.
    """

    integers: Ints
    frac_bits: int
    probabilities: Floats | None
    rtl_integers: Ints | None = field(repr=False)
    cycles: int | None
    report: dict[str, Any] = field(repr=False)
    paths: tuple[Path, ...] = field(repr=False)

    @property
    def outputs(self) -> Floats:
        """The integers as the real numbers that they stand for."""
        return dequantize(self.integers, self.frac_bits)


def export_inference(
    model: BundleModel,
    x: ArrayLike | Tensor,
    directory: str | Path | None = None,
    *,
    rtl: bool = True,
    stalls: float = 0.1,
    seed: int = 0,
    resident_weights: bool = True,
    verify_each: bool = False,
    emit_ir: bool = False,
    verbose: bool = True,
) -> Inference:
    """
    Compiles `model`, runs it on `x` at every level and writes the files into `directory` (`build/<hardware's name>`).

    `x` are real numbers of the model's input shape; a multiple of its batch is as many runs of the program, one after the
    other without a reset, and the files are for the first. `rtl` simulates the engine: once undisturbed, for the cycles,
    then all of `x` with each channel of the bus held up in a cycle with probability `stalls`, drawn by `seed`. With
    `resident_weights`, weights that fit on chip all at once are loaded once, before the first run; without, in every run.
    `verify_each` also executes the module after every pass, `emit_ir` writes it.

    Raises `ModelError` for what does not fit, `OutputError` where files can't be written, `MismatchError` naming the bundle
    and the first element where two levels differ, `EngineError` when the simulated engine stops, and `ToolError` without
    Verilator.
    """
    folder = Path(directory) if directory is not None else Path("build") / model.hw.name
    steps = Steps(new_console(quiet=not verbose))
    check_bus(stalls, latency=0, seed=seed)
    inputs = _inputs(model, x)
    make_directory(folder, OutputError)

    module = to_ir(model)
    with steps("float64 pass"):
        expected = [_float_pass(model, one) for one in inputs]
    with steps("integer pass, compared bundle by bundle"):
        fxp = to_level(module, "fxp")
        for one, bundles in zip(inputs, expected, strict=True):
            _check_bundles(fxp, one, bundles)
    last = model.names[-1]
    results = [bundles[last] for bundles in expected]
    with steps("compilation") as say:
        compiled = compile_module(
            module,
            pipeline=DsfPipelinePass(resident_weights=resident_weights),
            verify_each=verify_each,
            verify_input=inputs[0],
            emit_ir=folder / "ir" if emit_ir else None,
            keep_in=folder,
            timing=lambda name, _: say(name),
        )
    program = Program.from_module(compiled)
    with steps("instructions, interpreted") as say:
        interpreted = interpret(program, inputs, lambda i: say(f"run {i + 1} of {len(inputs)}"))
        for data, result in zip(interpreted.outputs, results, strict=True):
            got = unpack_tensor(program.outputs[0], data, "the interpreter's output")
            _compare(got, result, last, "the instructions", "the integer pass")

    measured, rtl_results = NOT_MEASURED, None
    if rtl:
        with steps("RTL, built (the first time takes a minute or two)"):
            build_core(model.hw)
        with steps("RTL, undisturbed"):
            simulation = simulate_program(program, inputs[:1], expected=interpreted)
            _check_runs(program, simulation, results[:1], last)
        measured = measure(program, simulation)
        with steps(f"RTL, {len(inputs)} run{'s' * (len(inputs) > 1)} with random handshakes") as say:
            on_run = _counting(say, len(inputs))
            stalled = simulate_program(program, inputs, stall=stalls, seed=seed, expected=interpreted, on_run=on_run)
            rtl_results = np.concatenate(_check_runs(program, stalled, results, last))

    paths = [*write_files(compiled, folder, x=inputs[0], expected=results[0], measured=measured), folder / MODEL_NAME]
    report = make_report(program, folder.resolve().name, measured)
    print_report(report, steps.console)
    integers, node = np.concatenate(results), model.nodes[-1]
    outputs = dequantize(integers, node.frac_bits)
    return Inference(
        integers=integers,
        frac_bits=node.frac_bits,
        probabilities=as_tensor(outputs, torch.float64).softmax(-1).numpy() if node.softmax else None,
        rtl_integers=rtl_results,
        cycles=measured.cycles,
        report=report,
        paths=tuple(paths),
    )


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
            yield Interval(bundle, one.first_step, one.last_step + 1)
        if one.queue is Queue.VECTOR and one.start is not None and one.finish is not None:
            yield Interval(bundle, one.start, one.finish)


def _counting(say: Callable[[str], None], runs: int) -> Callable[[int], None]:
    return lambda i: say(f"run {i + 1} of {runs} done")


def _inputs(model: BundleModel, x: ArrayLike | Tensor) -> list[Ints]:
    """The integers of `x`, one array for each run."""
    values = as_tensor(x, torch.float64)
    batch, *image = model.input.shape
    if list(values.shape[1:]) != image or len(values) == 0 or len(values) % batch != 0:
        raise ModelError(
            f"'export_inference': x of shape {tuple(values.shape)}, needs {model.input.shape}, or a multiple of its batch of "
            f"{batch}; fill up x or change input_shape"
        )
    return [quantize(one.cpu().numpy(), model.hw.bits_input, model.input.frac_bits) for one in batches(values, batch)]


def _float_pass(model: BundleModel, x: Ints) -> dict[str, Ints]:
    """What each bundle computes in float64, as the integers of its grid (raw sums before a softmax), by name."""
    # Imported here, not above: a model's export is a method of it.
    from dsf.nn.model import evaluating

    with torch.no_grad(), evaluating(model):
        outputs = model.forward_bundles(as_tensor(dequantize(x, model.input.frac_bits), torch.float64))
    grids = [node.frac_bits for node in model.nodes]
    values = (as_ints(np.ldexp(y.cpu().numpy(), frac)) for y, frac in zip(outputs, grids, strict=True))
    return dict(zip(model.names, values, strict=True))


def _check_bundles(fxp: ModuleOp, x: Ints, expected: dict[str, Ints]) -> None:
    values: dict[str, Ints] = {}
    run_integers(fxp, x, values)
    for name, wanted in expected.items():
        _compare(values[name], wanted, name, "the integer pass", "the float64 pass")


def _check_runs(program: Program, simulation: Simulation, expected: list[Ints], name: str) -> list[Ints]:
    """The results of all runs, which must be those expected."""
    tensor: TensorAttr = program.outputs[0]
    results = [unpack_tensor(tensor, data, "the RTL's output") for data in simulation.outputs]
    for result, wanted in zip(results, expected, strict=True):
        _compare(result, wanted, name, "the RTL", "the instructions")
    return results


def _compare(got: Ints, expected: Ints, name: str, level: str, reference: str) -> None:
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

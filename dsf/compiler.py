"""
The driver: a module at the `bundle` level becomes a program, checked after every pass.

After each pass the module is verified and every value must be defined before its use. With `verify_each` it is also
executed and compared with the level before, bundle by bundle: a wrong lowering is caught at the pass that made it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, TensorType
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import VerifyException

from dsf.codegen.kept import LEVEL, keep
from dsf.codegen.program import set_shapes
from dsf.dialects import get_all_dialects
from dsf.dialects.bundle_group import BundleOp
from dsf.dialects.isa import program_of
from dsf.disk import writing
from dsf.dominance import check_dominance
from dsf.errors import BinaryError, DsfError, MismatchError, ModelError, OutputError
from dsf.faults import culprit, fault_of_pass
from dsf.numerics import Ints, as_ints, random_elements
from dsf.parsing import PositionParser
from dsf.runtime.execute import PROGRAM_LEVELS, Capture, input_shape, level_of, run_integers, run_program
from dsf.runtime.machine import input_integers
from dsf.sidecar import module_text, resolve
from dsf.transforms.dsf_pipeline import DsfPipelinePass
from dsf.transforms.locations import location_name
from dsf.transforms.skip_unread import SkipUnreadPass, at_positions

#: Called after each pass with its name and the seconds it took.
Timing = Callable[[str, float], None]

#: Bytes of constants that are freed as soon as they have been replaced, which takes a look at all objects.
LARGE = 1 << 26

#: Random orders of the queues, besides the usual one, in which a program must give the same answer, in run after run.
ORDERS = (0, 1)


def context() -> Context:
    """A context that knows every dialect of DSF and those of xDSL that it uses."""
    from xdsl.dialects import get_all_dialects as get_dialects_of_xdsl

    known = {name: get_dialects_of_xdsl()[name] for name in ("builtin", "func")} | get_all_dialects()
    made = Context()
    for name, factory in known.items():
        made.register_dialect(name, factory)
    return made


def parse_module(path: Path) -> ModuleOp:
    """
    Reads textual IR, with the constants beside it.

    Raises `BinaryError` if it can't be read, and `ParseError`, which names line and column.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise BinaryError(f"'{path}': {why}, needs a file of textual IR") from error
    if not text.strip():
        raise BinaryError(f"'{path}': is empty, needs a file of textual IR")
    return PositionParser(context(), resolve(text, path.parent), str(path)).parse_module()


def compile_module(
    module: ModuleOp,
    *,
    pipeline: DsfPipelinePass | None = None,
    verify_each: bool = False,
    verify_input: ArrayLike | None = None,
    emit_ir: Path | None = None,
    keep_in: Path | None = None,
    timing: Timing | None = None,
) -> ModuleOp:
    """
    Compiles a module at the `bundle` level, or a lower one, which is left as it is, and returns one at the `isa` level.

    `pipeline` chooses the options of tiling. `verify_input` are the integers that `verify_each` runs (random ones without
    it). `emit_ir` is a directory that receives the module after each pass, `keep_in` one that receives the network as the tools
    need it (`dsf.codegen.kept`).

    Raises `ModelError` with all that does not fit the hardware, and `MismatchError` when `verify_each` finds a pass that
    changes what the network computes, and `OutputError` when a directory can't be written.
    """
    pipeline = pipeline or DsfPipelinePass()
    compiled = module.clone()
    compiled.location = module.location
    # Real constants, of eight bytes each, are needed no longer than until they are integers, if nobody else has them.
    del module
    large = _constant_bytes(compiled) > LARGE
    check_input(compiled)
    comparison = LevelComparison.begin(compiled, verify_input) if verify_each else None
    if emit_ir is not None:
        _write_ir(compiled, emit_ir / "0-input.mlir")
    ctx = context()
    shapes: dict[str, tuple[int, ...]] = {}
    kept = keep_in is None
    levels: dict[str, ModuleOp] = {}
    for index, one in enumerate(pipeline.passes(level_of(compiled)), start=1):
        if keep_in is not None and not kept and level_of(compiled) == LEVEL:
            keep(compiled, pipeline, keep_in)
            kept = True
            levels[LEVEL] = compiled.clone()
        start = time.perf_counter()
        run_pass(ctx, compiled, one, emit_ir)
        if large and level_of(compiled) != "bundle":
            # Operations and their results refer to each other: what the pass has replaced is still there.
            gc.collect()
            large = False
        if timing is not None:
            timing(one.name, time.perf_counter() - start)
        if level_of(compiled) in ("tile", "sched") and keep_in is not None:
            levels[level_of(compiled)] = compiled.clone()
        if emit_ir is not None:
            _write_ir(compiled, emit_ir / f"{index}-{one.name}.mlir")
        if comparison is not None:
            comparison.check(compiled, one.name)
        shapes |= _bundle_shapes(compiled)
    set_shapes(program_of(compiled), shapes)
    if keep_in is not None and levels.keys() == {LEVEL, "tile", "sched"}:
        from dsf.recorded import keep_provenance

        keep_provenance(keep_in, {**levels, "isa": compiled})
    return compiled


def _constant_bytes(module: ModuleOp) -> int:
    """Bytes of all constants of a module."""
    constants = (one for op in module.walk() for one in op.properties.values())
    return sum(len(one.data.data) for one in constants if isinstance(one, DenseIntOrFPElementsAttr))


def _bundle_shapes(module: ModuleOp) -> dict[str, tuple[int, ...]]:
    """The shape of the last tensor of each bundle, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for op in module.walk():
        name = location_name(op)
        if name is not None and len(op.results) == 1 and isinstance(kind := op.results[0].type, TensorType):
            shapes[name] = kind.get_shape()
    return shapes


def run_pass(ctx: Context, module: ModuleOp, one: ModulePass, faults: Path | None = None) -> None:
    """
    Applies a pass and checks what it left. Raises what the pass says of the network, and `FaultError` for a pass that is wrong:
    the module then goes into `faults`, or a new directory.
    """
    try:
        with _no_collection():
            one.apply(ctx, module)
            check(module)
    except (DsfError, MemoryError, OSError, RecursionError):
        raise
    except Exception as error:
        # The notes have the whole module, which is written instead.
        getattr(error, "__notes__", []).clear()
        raise fault_of_pass(one.name, module, error, faults) from error


@contextmanager
def _no_collection() -> Generator[None]:
    """Without Python's search for cycles of garbage: a pass leaves few, among many objects that stay."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def check_input(module: ModuleOp) -> None:
    """Raises `ModelError`, naming the operation, for a module that does not verify."""
    try:
        check(module)
    except VerifyException as error:
        op = culprit(error, module)
        (message, *_) = str(error).splitlines() or [type(error).__name__]
        place = None if op is None else location_name(op)
        if op is not None and place is not None:
            rule = message.removeprefix(f"'{op.name}': ")
            message = f"'{place}': {rule}"
        raise ModelError(message) from None


def check(module: ModuleOp) -> None:
    """Verifies a module. Raises `VerifyException`."""
    module.verify()
    check_dominance(module)


def _write_ir(module: ModuleOp, path: Path) -> None:
    with writing(path.parent, OutputError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(module_text(module, path.parent), encoding="utf-8")


@dataclass
class Outputs:
    """What a module computes: the integers of each bundle, and of the whole (before a softmax of the host)."""

    result: Ints
    bundles: Capture = field(default_factory=lambda: dict[str, Ints]())

    @staticmethod
    def of(module: ModuleOp, x: Ints) -> Outputs:
        bundles: Capture = {}
        return Outputs(run_integers(module, x, bundles), bundles)


@dataclass
class LevelComparison:
    """
    The outputs of the last level, which the next one must reproduce: the result, and that of each bundle. Only what a
    `bundle.bundle` named is a bundle: other locations are of single operations, which the next level may fuse.
    """

    x: Ints
    last: Outputs
    bundles: set[str] = field(default_factory=set[str])

    @staticmethod
    def begin(module: ModuleOp, x: ArrayLike | Path | None = None) -> LevelComparison:
        """
        Runs `module` on `x`: an array of integers, a .npy file of such, or `None` for random ones, always the same.

        Raises `ModelError` if the module can't be executed or the input does not fit it.
        """
        values = random_input(module) if x is None else load_integers(x) if isinstance(x, Path) else input_integers(x)
        return LevelComparison(values, Outputs.of(module, values), _bundles(module))

    def check(self, module: ModuleOp, pass_name: str) -> None:
        """Runs the module that `pass_name` made. Raises `MismatchError`, naming the pass and the first bundle that differs."""
        try:
            outputs = Outputs.of(module, self.x)
        except DsfError as error:
            raise type(error)([f"after '{pass_name}': {problem}" for problem in error.problems]) from error
        self.bundles |= _bundles(module)
        for name, values in outputs.bundles.items():
            if name in self.bundles and name in self.last.bundles:
                before = self.last.bundles[name]
                if pass_name == SkipUnreadPass.name:
                    before = at_positions(before, values)
                compare(values, before, f"'{pass_name}', {name}")
        compare(outputs.result, self.last.result, f"'{pass_name}', output")
        self._check_runs(module, pass_name)
        self.last = Outputs(outputs.result, outputs.bundles or self.last.bundles)

    def _check_runs(self, module: ModuleOp, pass_name: str) -> None:
        """A program gives the same answer in any run after it was loaded, and in any order that its tokens admit."""
        level = level_of(module)
        if level not in PROGRAM_LEVELS:
            return
        seeds = ORDERS if level == "isa" else (None,) * len(ORDERS)
        for index, got in enumerate(run_program(module, [self.x] * len(seeds), seeds)):
            order = f", random order {seeds[index]}" if level == "isa" else ""
            compare(got, self.last.result, f"'{pass_name}', output of run {index}{order}")


def _bundles(module: ModuleOp) -> set[str]:
    """The names of the bundles of a module that has them."""
    return {op.label.data for op in module.walk() if isinstance(op, BundleOp)}


def compare(got: Ints, expected: Ints, where: str) -> None:
    """Raises `MismatchError` with the first element that differs, unless both hold the same integers in the same order."""
    if got.size != expected.size:
        raise MismatchError(f"{where}: shape {got.shape}, needs {expected.shape} as before; this is a fault of the compiler")
    differ = np.flatnonzero(got.reshape(-1) != expected.reshape(-1))
    if differ.size:
        first = tuple(map(int, np.unravel_index(int(differ[0]), got.shape)))
        has, needs = got.reshape(-1)[differ[0]], expected.reshape(-1)[differ[0]]
        raise MismatchError(
            f"{where}: element {first} is {has}, needs {needs} as before ({differ.size} of {got.size} differ); "
            "this is a fault of the compiler, report it with the module"
        )


def random_input(module: ModuleOp, seed: int = 0) -> Ints:
    """Integers over the whole range of the input of a module of any level."""
    shape, bits = input_shape(module)
    return random_elements(np.random.default_rng(seed), shape, bits)


def load_integers(path: Path) -> Ints:
    """The integers of a .npy file. Raises `ModelError` if it can't be read or holds something else."""
    try:
        return as_ints(load_array(path))
    except ValueError as error:
        raise _not_integers(path, str(error)) from error


def load_array(path: Path) -> NDArray[Any]:
    """The array of a .npy file. Raises `ModelError` if it can't be read or holds something else."""
    try:
        loaded = np.load(path)
    except OSError as error:
        raise _not_integers(path, error.strerror or "is truncated or no .npy file") from error
    except Exception as error:  # what numpy's parser of headers, the unpickler and the zip reader raise
        raise _not_integers(path, "is truncated, holds Python objects, or is no .npy file") from error
    if not isinstance(loaded, np.ndarray):
        raise _not_integers(path, "is an archive of arrays (.npz)")
    return cast("NDArray[Any]", loaded)


def _not_integers(path: Path, has: str) -> ModelError:
    return ModelError(f"'{path}': {has}, needs a .npy file of integers; quantise the input and save it with numpy.save")

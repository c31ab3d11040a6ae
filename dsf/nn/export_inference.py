"""
From a trained model to a program that is proved to compute the same: what `BundleModel.export_inference` does.

    float64 pass  =  integer pass (fxp)  =  instructions (isa)  =  RTL, without and with random handshakes

The first two are compared bundle by bundle; the rest is `dsf.proof`. Then it writes the program's files (`dsf.codegen.files`)
and shows what each bundle takes: the compiler's estimate beside the simulated cycles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from dsf.disk import make_directory
from dsf.errors import ModelError, OutputError
from dsf.nn.fit import as_tensor, batches
from dsf.nn.to_ir import to_ir
from dsf.numerics import Floats, Ints, as_ints, dequantize, quantize
from dsf.progress import Steps, new_console
from dsf.proof import Options, prove
from dsf.runtime.rtl import check_bus

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
    options = Options(rtl, stalls, seed, resident_weights, verify_each, emit_ir)
    steps = Steps(new_console(quiet=not verbose))
    check_bus(stalls, latency=0, seed=seed)
    inputs = _inputs(model, x)
    make_directory(folder, OutputError)
    module = to_ir(model)
    with steps("float64 pass"):
        expected = [_float_pass(model, one) for one in inputs]
    proved = prove(module, inputs, folder, options, steps, reference=expected)
    node = model.nodes[-1]
    outputs = dequantize(proved.integers, node.frac_bits)
    return Inference(
        integers=proved.integers,
        frac_bits=node.frac_bits,
        probabilities=as_tensor(outputs, torch.float64).softmax(-1).numpy() if node.softmax else None,
        rtl_integers=proved.rtl_integers,
        cycles=proved.cycles,
        report=proved.report,
        paths=proved.paths,
    )


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
    named = zip(model.names, values, model.nodes, strict=True)
    return {name: value for name, value, node in named if node.computes}

"""
PyTorch modules: through torch.export and torch.onnx.export to ONNX, and from there to QDQ.

A float module is quantised by calibration data. Three kinds are quantised already, and the QDQ model computes what they do: one
that calls torch.fake_quantize_per_tensor_affine and _per_channel_affine is exported as QDQ, one that torch.ao.quantization
prepared is made such a one first (`dsf.frontend.prepared`), a Brevitas module goes by way of QONNX. Nodes are named after the
modules that they come from.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import tempfile
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import onnx
import torch
from torch import Tensor, nn
from torch.ao.nn.quantized import FloatFunctional

from dsf.errors import ModelError, ToolError
from dsf.frontend.decomposed import translations
from dsf.frontend.names import name_by_module
from dsf.frontend.onnx.check import with_all_problems
from dsf.frontend.onnx.from_onnx import import_onnx
from dsf.frontend.onnx.model import OnnxModel
from dsf.frontend.prepared import average_on_grids, exportable, is_prepared
from dsf.frontend.qonnx import qonnx_to_qdq
from dsf.frontend.quantize import QuantizedModel, QuantizeOptions, quantize_model
from dsf.frontend.quantize.quantize import Progress
from dsf.frontend.quantize.report import QuantizationReport
from dsf.frontend.reading import read_file
from dsf.hardware import DEFAULT_HARDWARE, Hardware

_NEEDS = "needs a module that torch.export can trace, with inputs like those of its forward"


def from_torch(
    module: nn.Module,
    example_inputs: Tensor | Sequence[Tensor],
    hw: Hardware = DEFAULT_HARDWARE,
    *,
    calibration: object = None,
    progress: Progress | None = None,
    **options: object,
) -> OnnxModel:
    """
    The network of a PyTorch module on `hw`; the arguments are those of `quantize_torch`, and `quantization` of the result says
    what quantisation cost.

    Raises what `quantize_torch` raises, and `ModelError` with everything that can't be expressed, or does not fit the hardware.
    """
    try:
        quantized = quantize_torch(module, example_inputs, hw, calibration=calibration, progress=progress, **options)
    except ModelError as error:
        exported = _exported(module, example_inputs)
        raise error if exported is None else with_all_problems(error, exported, hw) from error
    try:
        return OnnxModel(import_onnx(quantized.model, hw), hw, quantized.report)
    except ModelError as error:
        raise with_all_problems(error, quantized.model, hw) from error


def _exported(module: nn.Module, example_inputs: Tensor | Sequence[Tensor]) -> onnx.ModelProto | None:
    """The module as ONNX, for who looks for everything that is wrong with it; `None` if it can't be exported."""
    try:
        inputs = _checked(module, example_inputs)
        return _export_brevitas(module, inputs) if is_brevitas(module) else torch_to_onnx(module, inputs)
    except (ModelError, ToolError):
        return None


def quantize_torch(
    module: nn.Module,
    example_inputs: Tensor | Sequence[Tensor],
    hw: Hardware = DEFAULT_HARDWARE,
    *,
    calibration: object = None,
    progress: Progress | None = None,
    **options: object,
) -> QuantizedModel:
    """
    The module as a QDQ model for `hw`, and what quantisation cost.

    `example_inputs` is the input, or a sequence of them, whose shapes (batch size included) the network will have. `hw` is by
    default an engine of the default size, with biases of 32 bits.
    `calibration` are typical inputs: a tensor or array with samples along its first axis, for several inputs a sequence of
    them in the order of `forward`, or a dictionary by their names. `options` are those of `QuantizeOptions`. A module that is
    quantised, by fake quantisation or Brevitas, needs neither.

    Raises `ModelError` for a module that can't be exported, and for everything that is wrong with what was passed; `ToolError`
    if a package that the export needs is not installed.
    """
    inputs = _checked(module, example_inputs)
    by_samples = calibration is not None or bool(options)
    if is_brevitas(module):
        if by_samples:
            raise ModelError(_is_quantised(module, "by Brevitas "))
        return QuantizedModel(qonnx_to_qdq(_export_brevitas(module, inputs)), QuantizationReport([]))
    chosen = QuantizeOptions.of_hardware(hw, **options)
    model = torch_to_onnx(module, inputs)
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        if by_samples:
            raise ModelError(_is_quantised(module))
        return QuantizedModel(model, QuantizationReport([]))
    if calibration is None:
        raise ModelError(
            f"'{_name(module)}': is not quantised, needs samples of its input; pass calibration=, 100 samples or so, or "
            "quantise it with Brevitas or torch.fake_quantize_per_tensor_affine"
        )
    return quantize_model(model, _samples(calibration, model), chosen, progress=progress)


def _is_quantised(module: nn.Module, how: str = "") -> str:
    return f"'{_name(module)}': is quantised {how}already, needs neither calibration nor options; leave them out"


def torch_to_onnx(module: nn.Module, example_inputs: Tensor | Sequence[Tensor]) -> onnx.ModelProto:
    """
    A module as ONNX, float or with fake quantisation, in inference mode, its nodes named after modules. Raises as
    `quantize_torch`.
    """
    inputs = _checked(module, example_inputs)
    problems = list(_module_problems(module))
    if problems:
        raise ModelError(problems)
    if is_prepared(module):
        model = torch_to_onnx(exportable(module), inputs)
        average_on_grids(model)
        return model
    if importlib.util.find_spec("onnxscript") is None:
        raise ToolError("'from_torch': the package onnxscript is not installed, needs it to export; install dsf[torch]")
    with _in_eval_mode(module), _quiet(), torch.no_grad():
        try:
            table = translations()
            program = cast(Any, torch.onnx).export(module, inputs, dynamo=True, verbose=False, custom_translation_table=table)
            model = cast(onnx.ModelProto, program.model_proto)
        except Exception as failure:  # Each of the exporter's parts has its own errors, and the module too.
            raise ModelError(
                f"'{_name(module)}': can't be exported ({_reason(failure)}), {_NEEDS}; see torch.export's documentation for "
                "what it can't trace"
            ) from failure
    name_by_module(model)
    return model


def _module_problems(module: nn.Module) -> Iterator[str]:
    """Modules of which there is a form that can be exported, but not this one."""
    if isinstance(module, torch.jit.ScriptModule):
        yield f"'{_name(module)}': is TorchScript, needs a module that torch.export can trace; pass the module it was made of"
        return
    # The parts of such a layer, its packed weights, are of that package too.
    parts = list(cast("Iterable[tuple[str, nn.Module]]", module.named_modules()))
    names = [name or _name(module) for name, one in parts if _is_converted(one)]
    converted = [name for name in names if name.rpartition(".")[0] not in names]
    if converted:
        yield (
            f"'{_name(module)}': has layers of torch.ao.nn.quantized ({', '.join(converted)}), needs layers that "
            "torch.onnx.export can write; pass the module as it was before convert, with its fake quantisation or "
            "observers, or the float module with calibration="
        )
    nodes = module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ()
    if any(one.target is torch.quantize_per_tensor for one in nodes):
        yield (
            f"'{_name(module)}': computes with quantised tensors, as convert_to_reference_fx makes it, needs real numbers "
            "between its layers; pass the module as prepare_fx or prepare_qat_fx made it"
        )
    if any(type(one).__module__.startswith("torchao.") and "bserver" in type(one).__name__ for one in module.modules()):
        yield (
            f"'{_name(module)}': has observers of torchao, as prepare_pt2e makes it, needs scales; pass what torchao's "
            "convert_pt2e makes of it"
        )
    others = {str(one.dtype) for one in module.parameters() if one.dtype != torch.float32}
    if others:
        yield f"'{_name(module)}': has weights of {', '.join(sorted(others))}, needs torch.float32; call its method float()"


def _is_converted(module: nn.Module) -> bool:
    """Whether a module computes with integers; the reference ones and what stands between prepared layers do not."""
    where = type(module).__module__
    return ".quantized." in where and ".reference." not in where and not isinstance(module, FloatFunctional)


def is_brevitas(module: nn.Module) -> bool:
    """Whether layers of Brevitas are in a module."""
    return any(type(one).__module__.split(".")[0] == "brevitas" for one in module.modules())


def _export_brevitas(module: nn.Module, inputs: tuple[Tensor, ...]) -> onnx.ModelProto:
    """A Brevitas module as QONNX."""
    with _in_eval_mode(module), _quiet(), tempfile.TemporaryDirectory(prefix="dsf-") as folder:
        path = Path(folder) / "model.onnx"
        try:
            export = importlib.import_module("brevitas.export").export_qonnx
            export(module, args=inputs, export_path=str(path), optimize=True)
        except ModuleNotFoundError as failure:
            raise ToolError(f"'from_torch': {failure}, needs it to export from Brevitas; install onnxoptimizer") from failure
        except Exception as failure:  # As above.
            raise ModelError(
                f"'{_name(module)}': Brevitas can't export it ({_reason(failure)}), needs a module that "
                "brevitas.export.export_qonnx writes; replace the layer that it names, or export the model in another way and "
                "use dsf.from_onnx"
            ) from failure
        model = read_file(path)
    if not model.graph.node:
        has = f"'{_name(module)}': Brevitas exports no operator of it"
        raise ModelError(f"{has}, needs layers that compute its result; replace recurrent ones")
    name_by_module(model)
    return model


def _checked(module: object, example_inputs: object) -> tuple[Tensor, ...]:
    """The inputs as a tuple. Raises `ModelError` for what is no module and no tensors of floating-point numbers."""
    if isinstance(module, torch.export.ExportedProgram):
        change = "pass its method module()'s result, or the model itself"
        raise ModelError(f"'from_torch': ExportedProgram is no torch.nn.Module, needs one; {change}")
    if not isinstance(module, nn.Module):
        raise ModelError(f"'from_torch': {type(module).__name__} is no torch.nn.Module, needs one; pass the model itself")
    inputs = (example_inputs,) if isinstance(example_inputs, Tensor) else example_inputs
    tensors = cast("Sequence[object]", inputs) if isinstance(inputs, list | tuple) else ()
    if not tensors:
        has = f"example_inputs is {'empty' if isinstance(inputs, list | tuple) else type(inputs).__name__}"
        raise ModelError(f"'{_name(module)}': {has}, needs a tensor, or a sequence of at least one; pass such")
    problems = [
        f"'{_name(module)}': example input {index} is {_what(one)}, needs a float32 tensor with a batch axis; convert it"
        for index, one in enumerate(tensors)
        if not isinstance(one, Tensor) or one.dtype != torch.float32 or one.ndim == 0
    ]
    if problems:
        raise ModelError(problems)
    return cast("tuple[Tensor, ...]", tuple(tensors))


def _what(value: object) -> str:
    return f"a tensor of {value.ndim} axes of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__


def _samples(calibration: object, model: onnx.ModelProto) -> object:
    """Tensors as arrays; a sequence of them by the names of the inputs."""
    constants = {one.name for one in model.graph.initializer}
    names = [one.name for one in model.graph.input if one.name not in constants]
    if isinstance(calibration, dict):
        return {name: _array(value) for name, value in cast("dict[object, object]", calibration).items()}
    values = cast("Sequence[object]", calibration) if isinstance(calibration, list | tuple) else ()
    if values and len(names) > 1:
        if len(values) != len(names):
            has = f"{len(values)} arrays for {len(names)} inputs"
            raise ModelError(f"'calibration': has {has}, needs one for each of {', '.join(names)}; pass as many")
        return {name: _array(value) for name, value in zip(names, values, strict=True)}
    return _array(calibration)


def _array(value: Any) -> object:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value


def _name(module: nn.Module) -> str:
    return type(module).__name__


def _reason(failure: BaseException) -> str:
    """The innermost error's first line: the outer ones of the exporter are long, and say where to report it."""
    while failure.__cause__ is not None:
        failure = failure.__cause__
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    return f"{type(failure).__name__}: {lines[0][:200]}" if lines else type(failure).__name__


@contextlib.contextmanager
def _in_eval_mode(module: nn.Module) -> Generator[None]:
    training = [one for one in module.modules() if one.training]
    with contextlib.suppress(NotImplementedError):  # What torch.export made has the mode that it was traced in.
        module.eval()
    try:
        yield
    finally:
        for one in training:
            one.training = True


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """The exporter warns of packages that are not there and of its own future, and prints what it could not trace."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)

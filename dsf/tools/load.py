"""
What a command takes as a network: one way to load it for all of them.

| path | what it is |
|---|---|
| `*.mlir` | textual IR of the level `bundle`, or a lower one that still is a function |
| `*.json` | the `config_model.json` of `BundleModel.export()`, with the `model.pt` beside it |
| `*.onnx` | an ONNX file that is quantised already |
| a directory | one that a compile wrote: the `model.mlir` in it |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from dsf.codegen.kept import MODEL_NAME
from dsf.dialects.engine import HardwareOp
from dsf.errors import ModelError
from dsf.hardware import DEFAULT_HARDWARE, Hardware


def load_model(path: Path, hardware: Hardware | None = None) -> ModuleOp:
    """
    The module that `path` names, for `hardware` instead of its own if that is given.

    Raises `ModelError` or `BinaryError` for what can't be read or is no network, and `ParseError`, which names line and column.
    """
    if not path.exists():
        raise ModelError(f"'{path}': No such file or directory, needs a network; correct the path")
    load = _load_directory if path.is_dir() else _LOADERS.get(path.suffix.lower())
    if load is None:
        kinds = f"{', '.join(_LOADERS)}, or a directory that a compile wrote"
        raise ModelError(f"'{path}': a network by no name that DSF knows, needs one of {kinds}; rename it")
    return load(path, hardware)


def _for_hardware(module: ModuleOp, hardware: Hardware | None) -> ModuleOp:
    """`module`, which is changed, for another engine than its own, if one is given."""
    if hardware is None:
        return module
    new = HardwareOp.from_hardware(hardware)
    old = next((op for op in module.ops if isinstance(op, HardwareOp)), None)
    first = module.body.block.first_op
    if first is None:
        module.body.block.add_op(new)
    else:
        module.body.block.insert_op_before(new, first)
    if old is not None:
        old.detach()
        old.erase()
    return module


def _load_text(path: Path, hardware: Hardware | None) -> ModuleOp:
    from dsf.compiler import check_input, parse_module

    module = parse_module(path)
    check_input(module)
    return _for_hardware(module, hardware)


def _load_directory(path: Path, hardware: Hardware | None) -> ModuleOp:
    return _load_text(path / MODEL_NAME, hardware)


def _load_config(path: Path, hardware: Hardware | None) -> ModuleOp:
    # torch takes seconds to import, which commands that read no such file need not wait for.
    from dsf.nn.serialize import read_model
    from dsf.nn.to_ir import to_ir

    return _for_hardware(to_ir(read_model(path)), hardware)


def _load_onnx(path: Path, hardware: Hardware | None) -> ModuleOp:
    from dsf.frontend.onnx.model import from_onnx

    return from_onnx(path, hardware or DEFAULT_HARDWARE).module


#: By the end of the name.
_LOADERS: Mapping[str, Callable[[Path, Hardware | None], ModuleOp]] = {
    ".mlir": _load_text,
    ".json": _load_config,
    ".onnx": _load_onnx,
}

"""
The network that an exported directory keeps: `model.mlir`, at the `fxp` level, and how it was compiled.

It is what the tools go back to: to estimate the network on another engine (`dsf estimate`), to say what an instruction or a
byte of the weights is for (`dsf where`), and to find the pass that changes a result (`dsf bisect`). At this level every number
is an integer, so it takes about the room of the weights; the levels above are in `ir/`, if they were asked for.
"""

from __future__ import annotations

from pathlib import Path

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.utils.arg_spec import parse_pipeline
from xdsl.utils.exceptions import ArgSpecParseError

from dsf.disk import writing
from dsf.errors import BinaryError, DsfError, OutputError
from dsf.sidecar import module_text
from dsf.transforms.dsf_pipeline import DsfPipelinePass

MODEL_NAME = "model.mlir"
#: The level at which the network is kept.
LEVEL = "fxp"
#: Attribute of the module: the pipeline with its options, as `dsf-opt -p` takes it.
PIPELINE = "dsf.pipeline"


def keep(module: ModuleOp, pipeline: DsfPipelinePass, directory: Path) -> None:
    """Writes `module`, at the level `fxp`, as the network that `pipeline` compiles into `directory`. Raises `OutputError`."""
    module.attributes[PIPELINE] = StringAttr(str(pipeline.spec()))
    try:
        with writing(directory, OutputError):
            directory.mkdir(parents=True, exist_ok=True)
            (directory / MODEL_NAME).write_text(module_text(module, directory), encoding="utf-8")
    finally:
        del module.attributes[PIPELINE]


def pipeline_of(module: ModuleOp) -> DsfPipelinePass:
    """The pipeline that a network is to be compiled by: the one that it was kept with, if any. Raises `BinaryError`."""
    text = module.attributes.get(PIPELINE)
    if text is None:
        return DsfPipelinePass()
    try:
        if not isinstance(text, StringAttr):
            raise ValueError("no text")
        (spec,) = parse_pipeline(text.data)
        if spec.name != DsfPipelinePass.name:
            raise ValueError(f"pipeline {spec.name!r}")
        return DsfPipelinePass.from_spec(spec)
    except (ArgSpecParseError, DsfError, TypeError, ValueError) as error:
        raise BinaryError(
            f"'{PIPELINE}': {text}, needs the {DsfPipelinePass.name} that DSF wrote; export the network again"
        ) from error

"""A module at a level of the compiler, without what comes after it."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from dsf.compiler import context, run_pass
from dsf.runtime.execute import level_of
from dsf.transforms.dsf_pipeline import DsfPipelinePass


def to_level(module: ModuleOp, level: str) -> ModuleOp:
    """A copy of a module of the `bundle` level at a lower `level`. Raises `ModelError` for what does not fit the hardware."""
    lowered = module.clone()
    ctx = context()
    for one in DsfPipelinePass().passes():
        run_pass(ctx, lowered, one)
        if level_of(lowered) == level:
            break
    return lowered

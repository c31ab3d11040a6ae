"""
`check-hardware`: proves that the engine can run the network, or says everything that it can't.

Also the proof that no sum overflows, from the actual weights. Changes nothing; after it, the lowerings need not check.
The rules are in `dsf.constraints`.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from dsf.constraints.check import problems_of
from dsf.errors import ModelError


@dataclass(frozen=True)
class CheckHardwarePass(ModulePass):
    """List all that the engine can't do (`ModelError`), or leave the module as it is."""

    name = "check-hardware"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        problems = problems_of(op)
        if problems:
            raise ModelError(problems)

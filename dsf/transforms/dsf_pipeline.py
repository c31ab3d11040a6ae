"""The whole compiler as one pass, from the `bundle` level to instructions: `dsf-opt -p dsf-pipeline`."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline

from dsf.scheduling.cut_rules import TilingOptions
from dsf.transforms import get_all_passes

BEFORE_TILING = ("fold-batch-norm", "group-into-bundles", "check-hardware", "bundle-to-fxp")


@dataclass(frozen=True)
class DsfPipelinePass(TilingOptions, ModulePass):
    """
    `bundle` to `isa`. Options are those of the passes that make choices: `skip-unread`, `merge-columns`, `fxp-to-tile` and
    `tile-to-sched`.

    The level below `bundle` computes the same integers after each of its passes.
    """

    name = "dsf-pipeline"

    columns: int = 0
    resident_weights: bool = True
    skip_unread: bool = True

    def passes(self, level: str = "bundle") -> tuple[ModulePass, ...]:
        """The passes, in order, from `level` on; none for a module that is a program of instructions already."""
        from dsf.transforms.fxp_to_tile import FxpToTilePass
        from dsf.transforms.merge_columns import MergeColumnsPass
        from dsf.transforms.skip_unread import SkipUnreadPass
        from dsf.transforms.tile_to_sched import TileToSchedPass

        tiling = FxpToTilePass(images=self.images, rows=self.rows, groups=self.groups, block=self.block, mode=self.mode)
        placing = TileToSchedPass(resident_weights=self.resident_weights)
        steps = {
            "bundle": _named(BEFORE_TILING),
            "fxp": (SkipUnreadPass(enabled=self.skip_unread), MergeColumnsPass(columns=self.columns), tiling),
            "tile": (placing,),
            "sched": _named(("sched-to-isa",)),
            "isa": (),
        }
        levels = list(steps)
        return tuple(one for passed in levels[levels.index(level) :] for one in steps[passed])

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PassPipeline(self.passes()).apply(ctx, op)


def _named(names: tuple[str, ...]) -> tuple[ModulePass, ...]:
    available = get_all_passes()
    return tuple(available[name]()() for name in names)

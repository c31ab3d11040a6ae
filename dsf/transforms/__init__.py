"""
Lazy registry of the passes: importing this module imports none of them.

The pass `x-y` is the class `XYPass` of the module `dsf.transforms.x_y`.
"""

from collections.abc import Callable
from importlib import import_module

from xdsl.passes import ModulePass

NAMES = (
    "fold-batch-norm",
    "group-into-bundles",
    "check-hardware",
    "bundle-to-fxp",
    "skip-unread",
    "merge-columns",
    "fxp-to-tile",
    "tile-to-sched",
    "sched-to-isa",
    "dsf-pipeline",
)


def _factory(name: str) -> Callable[[], type[ModulePass]]:
    def load() -> type[ModulePass]:
        words = name.split("-")
        return getattr(import_module(f"dsf.transforms.{'_'.join(words)}"), "".join(map(str.capitalize, words)) + "Pass")

    return load


def get_all_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """A factory for each pass of DSF, by name."""
    return {name: _factory(name) for name in NAMES}

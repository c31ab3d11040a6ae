"""
Lazy registry of the dialects: importing this module imports none of them.

The dialect `x` is the object `X` of the module `dsf.dialects.x`.
"""

from collections.abc import Callable
from importlib import import_module

from xdsl.ir import Dialect

NAMES = ("engine", "bundle", "fxp", "tile", "sched", "isa")


def _factory(name: str) -> Callable[[], Dialect]:
    def load() -> Dialect:
        return getattr(import_module(f"dsf.dialects.{name}"), name.capitalize())

    return load


def get_all_dialects() -> dict[str, Callable[[], Dialect]]:
    """A factory for each dialect of DSF, by name."""
    return {name: _factory(name) for name in NAMES}

"""
What can go wrong in a way that the user can mend.

Every failure that a user can cause is a `DsfError`: it carries all problems found, one sentence each, in the form
`'<where>': <what it has>, needs <what>; <what to change>`. The command line prints them without a traceback.
"""

from __future__ import annotations

from collections.abc import Sequence


class DsfError(Exception):
    """One or more problems, each a sentence for the user."""

    def __init__(self, problems: Sequence[str] | str):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class HardwareError(DsfError):
    """The hardware's parameters contradict each other or are out of range."""


class ModelError(DsfError):
    """The model can't be expressed, or does not fit the hardware."""


class BinaryError(DsfError):
    """A program or weight file is truncated, foreign or illegal."""


class OutputError(DsfError):
    """A file can't be written where it shall be."""


class MismatchError(DsfError):
    """Two levels that must agree bit for bit do not."""


class EngineError(DsfError):
    """The simulated engine stopped with an error code."""


class FaultError(DsfError):
    """DSF itself is wrong: the user can only report it."""


class ToolError(DsfError):
    """A tool that DSF needs (Verilator, a C++ compiler) is missing or failed."""

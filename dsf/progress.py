"""What long work says meanwhile: which step it is at, and what the steps before took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator

from rich.console import Console

#: Columns of text where nobody sees a terminal.
WIDTH = 120


def new_console(*, quiet: bool = False, stderr: bool = False) -> Console:
    """Of the terminal's width; what goes into a file or a pipe has room for the whole table."""
    console = Console(quiet=quiet, stderr=stderr)
    return console if console.is_terminal else Console(quiet=quiet, stderr=stderr, width=WIDTH)


class Steps:
    """Says what is going on: a live line while a step runs, a lasting one when it is done, with the `seconds` that it took."""

    def __init__(self, console: Console, *, seconds: bool = True):
        self.console = console
        self._seconds = seconds

    @contextlib.contextmanager
    def __call__(self, name: str) -> Generator[Callable[[str], None]]:
        """A step, as a `with` statement; what that gives takes a detail of the step for the live line."""
        start = time.perf_counter()
        with self.console.status(f"{name} ...") as status:
            yield lambda detail: status.update(f"{name}: {detail} ...")
        self.done(name, time.perf_counter() - start)

    def done(self, name: str, seconds: float) -> None:
        """The lasting line of a step that has taken `seconds`."""
        self.console.print(f"  {name}: {seconds:.1f} s" if self._seconds else f"  {name}", highlight=False)

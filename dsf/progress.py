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
    """Says what is going on: a live line while a step runs, a lasting one when it is done."""

    def __init__(self, console: Console):
        self.console = console

    @contextlib.contextmanager
    def __call__(self, name: str) -> Generator[Callable[[str], None]]:
        """A step, as a `with` statement; what that gives takes a detail of the step for the live line."""
        start = time.perf_counter()
        with self.console.status(f"{name} ...") as status:
            yield lambda detail: status.update(f"{name}: {detail} ...")
        self.console.print(f"  {name}: {time.perf_counter() - start:.1f} s", highlight=False)

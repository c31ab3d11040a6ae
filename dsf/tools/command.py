"""What the subcommands of `dsf` share: each is a file of this folder with a function `add`, which `dsf.tools.dsf` calls."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from dsf.progress import Steps, new_console

#: What `add` of a subcommand adds its parser to.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # pyright: ignore[reportPrivateUsage]

FORMATTER = argparse.RawDescriptionHelpFormatter


def new_command(
    commands: Commands,
    name: str,
    command: Callable[[argparse.Namespace], None],
    *,
    summary: str,
    description: str,
    examples: str,
) -> argparse.ArgumentParser:
    """
    A subcommand without arguments, which calls `command` with those of the command line. `summary` stands in the list of
    commands; `description` and `examples` are its help. `command` raises what `dsf.tools.dsf.main` turns into messages.
    """
    parser = commands.add_parser(name, help=summary, formatter_class=FORMATTER, description=description, epilog=examples)
    parser.set_defaults(command=command)
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option `--json`, the same for all commands."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs, instead of text")


def steps(chosen: argparse.Namespace) -> Steps:
    """What says on the standard error what a command is doing; nothing where a program reads its output."""
    return Steps(new_console(quiet=chosen.json, stderr=True))


@dataclass
class PassTimes:
    """What each pass took: what `--timing` prints. Call it after a pass, as `dsf.compiler.Timing` says."""

    say: Callable[[str], None] = lambda _: None
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def __call__(self, name: str, seconds: float) -> None:
        self.seconds[name] = round(seconds, 3)
        self.say(f"{name} done")

    def lines(self) -> list[str]:
        """A pass a line, and all of them."""
        return [f"{seconds:8.3f} s  {name}" for name, seconds in [*self.seconds.items(), ("all", sum(self.seconds.values()))]]


def add_timing(parser: argparse.ArgumentParser) -> None:
    """The option `--timing` of commands that compile."""
    parser.add_argument("--timing", action="store_true", help="show what each pass of the compiler took, in seconds")


def add_explain(parser: argparse.ArgumentParser) -> None:
    """The option `--explain` of commands that compile."""
    parser.add_argument("--explain", action="store_true", help="show how else each layer could be cut, and why it is not")


def print_json(value: object) -> None:
    """Prints a value of JSON types."""
    print(json.dumps(value, indent=2))

"""What the subcommands of `dsf` share: each is a file of this folder with a function `add`, which `dsf.tools.dsf` calls."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
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


def print_json(value: object) -> None:
    """Prints a value of JSON types."""
    print(json.dumps(value, indent=2))

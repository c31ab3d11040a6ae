"""
Files that users name: read and written so that whatever is wrong with one ends in one message.

Each function takes the class of error to raise, which says what the file is about.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, cast

from dsf.errors import DsfError

#: Levels of nesting in a JSON file: what DSF writes has far fewer, and what reads it calls itself for each.
MAX_DEPTH = 32


@contextlib.contextmanager
def writing(path: Path, error: type[DsfError]) -> Generator[None]:
    """What the system refuses in a `with` block that writes `path` (a file, or a directory of files) becomes an `error`."""
    try:
        yield
    except (OSError, ValueError) as failure:
        # A name with a null byte is no OSError.
        reason = failure.strerror if isinstance(failure, OSError) else None
        raise error(f"'{path}': {reason or failure}, needs a place that can be written; choose another one") from failure


def check_file(path: Path, error: type[DsfError]) -> None:
    """Raises `error` unless a file can be written to `path`: before hours of work whose result will lie there."""
    with writing(path, error):
        new = not path.exists()
        path.open("ab").close()
        if new:
            path.unlink()


def make_directory(path: Path, error: type[DsfError]) -> None:
    """Makes `path` if need be. Raises `error` unless it is a directory that files can be written to."""
    with writing(path, error):
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()


def write_all(directory: Path, contents: Mapping[str, str | bytes], error: type[DsfError]) -> list[Path]:
    """Writes files by name into `directory`, which is made if need be; returns their paths. Raises `error`."""
    with writing(directory, error):
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            (directory / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return [directory / name for name in contents]


def read_json(path: Path, error: type[DsfError], needs: str) -> Any:
    """What a JSON file holds. Raises `error`, which says that `needs` is needed, for one that can't be read or is no JSON."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else None
        raise error(f"'{path}': {reason or failure}, needs {needs}") from failure
    return parse_json(data, str(path), error, needs)


def parse_json(data: bytes, where: str, error: type[DsfError], needs: str) -> Any:
    """What JSON text holds. Raises `error`, which begins with `where`, for anything else and for nesting without end."""
    deep = error(f"'{where}': is nested more than {MAX_DEPTH} levels deep, needs {needs}")
    try:
        value = json.loads(data)
    except RecursionError:
        raise deep from None
    except ValueError as failure:
        raise error(f"'{where}': is not JSON ({failure}), needs {needs}") from failure
    if _is_deep(value):
        raise deep
    return value


def _is_deep(value: object) -> bool:
    """Whether a value of JSON types is nested too deeply; without calling itself, for that is what must not be deep."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner += cast("dict[str, object]", one).values()
            elif isinstance(one, list):
                inner += cast("list[object]", one)
        if not inner:
            return False
        level = inner
    return True

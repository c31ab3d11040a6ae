"""
Large constants beside textual IR.

Text whose constants pass 1 MB is no longer read by people, so a constant of more than 1 KB is kept in a file of its own then,
named by the SHA-256 of its bytes, in the folder `constants` beside the text:

    dense<"sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"> : tensor<3x3x64x64xi8>

The modules of several passes share these files. `dsf-opt` and `dsf` resolve them when they read; a file that is missing or has
other contents is a `BinaryError`.
"""

from __future__ import annotations

import hashlib
import re
from io import StringIO
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

from dsf.errors import BinaryError

#: Bytes of constants in a text beyond which the larger ones move out of it.
LIMIT = 1 << 20
#: Bytes of the largest constant that stays in the text even then.
SMALL = 1 << 10
FOLDER = "constants"

_HEX = re.compile(r'dense<"0x([0-9A-Fa-f]+)">')
_REFERENCE = re.compile(r'dense<"sha256:([0-9a-f]{64})">')


def module_text(module: ModuleOp, directory: Path | None = None) -> str:
    """
    The text of a module, with locations. Where its constants pass `LIMIT` the large ones are written into the folder
    `constants` of `directory`, the one that the text will lie in; without a directory they stay in the text.
    """
    stream = StringIO()
    Printer(stream, print_debuginfo=True).print_op(module)
    text = stream.getvalue() + "\n"
    return text if directory is None else move_out(text, directory)


def move_out(text: str, directory: Path) -> str:
    """Replaces large constants of a text by references, if together they pass `LIMIT`, and writes their files."""
    if sum(len(found[1]) // 2 for found in _HEX.finditer(text)) <= LIMIT:
        return text

    def move(found: re.Match[str]) -> str:
        data = bytes.fromhex(found[1])
        if len(data) <= SMALL:
            return found[0]
        digest = hashlib.sha256(data).hexdigest()
        path = directory / FOLDER / f"{digest}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f'dense<"sha256:{digest}">'

    return _HEX.sub(move, text)


def resolve(text: str, directory: Path) -> str:
    """The inverse of `move_out`. Raises `BinaryError` for a file that is missing or has other contents."""

    def insert(found: re.Match[str]) -> str:
        path = directory / FOLDER / f"{found[1]}.bin"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BinaryError(f"'{path}': {error.strerror}, needs the constants beside the text; copy both") from error
        if hashlib.sha256(data).hexdigest() != found[1]:
            raise BinaryError(f"'{path}': its SHA-256 is not its name, needs the bytes that the text refers to; copy it again")
        return f'dense<"0x{data.hex()}">'

    return _REFERENCE.sub(insert, text)

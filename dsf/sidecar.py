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
from collections.abc import Iterable
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import cast

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, IntegerType, ModuleOp
from xdsl.ir import Attribute
from xdsl.printer import Printer

from dsf.dialects.constants import DenseAttr
from dsf.errors import BinaryError

#: Bytes of constants in a text beyond which the larger ones move out of it.
LIMIT = 1 << 20
#: Bytes of the largest constant that stays in the text even then.
SMALL = 1 << 10
FOLDER = "constants"

#: Elements up to which xDSL prints a constant as a list.
LISTED = 100
#: Stands for a constant in a text.
_MARK = "\0"
_HEX = re.compile(r'(?<=dense<)"0x([0-9A-Fa-f]+)"(?=>)')
_REFERENCE = re.compile(r'dense<"sha256:([0-9a-f]{64})">')


class _Text(StringIO):
    """A text whose constants in hexadecimal are kept apart, as bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.constants: list[bytes] = []

    def write_constant(self, data: bytes) -> None:
        self.constants.append(data)
        self.write(_MARK)

    def whole(self) -> str:
        """The text with all constants in it."""
        return self._with(_hexadecimal(data) for data in self.constants)

    def moved_out(self, directory: Path) -> str:
        """The text with references to the larger constants, and these in files, if together they pass `LIMIT`."""
        if sum(map(len, self.constants)) <= LIMIT:
            return self.whole()
        return self._with(_hexadecimal(data) if len(data) <= SMALL else _reference(data, directory) for data in self.constants)

    def _with(self, constants: Iterable[str]) -> str:
        first, *others = self.getvalue().split(_MARK)
        return "".join((first, *chain.from_iterable(zip(constants, others, strict=True))))


def _hexadecimal(data: bytes) -> str:
    return f'"0x{data.hex().upper()}"'


def _reference(data: bytes, directory: Path) -> str:
    """What a text has for a constant, after it was written into a file."""
    digest = hashlib.sha256(data).hexdigest()
    path = directory / FOLDER / f"{digest}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return f'"sha256:{digest}"'


class _Printer(Printer):
    """Prints as xDSL does, which makes Python objects of all elements of a constant before it prints its bytes."""

    def __init__(self, text: _Text):
        super().__init__(text, print_debuginfo=True)
        self._text = text

    def print_attribute(self, attribute: Attribute) -> None:
        constant = _in_hexadecimal(attribute)
        if constant is None:
            super().print_attribute(attribute)
            return
        self.print_string("dense<")
        self._text.write_constant(constant.data.data)
        self.print_string("> : ")
        self.print_attribute(constant.get_type())


def _in_hexadecimal(attribute: Attribute) -> DenseAttr | None:
    """The attribute, if it is a constant of many elements that are not all equal."""
    if not isinstance(attribute, DenseIntOrFPElementsAttr):
        return None
    constant = cast(DenseAttr, attribute)
    return None if len(constant) <= LISTED or _is_splat(constant) else constant


def _is_splat(constant: DenseAttr) -> bool:
    """Whether all elements are equal."""
    data, kind = constant.data.data, "i" if isinstance(constant.get_element_type(), IntegerType) else "f"
    values = np.frombuffer(data, f"<{kind}{len(data) // len(constant)}")
    return bool((values == values[0]).all())


def module_text(module: ModuleOp, directory: Path | None = None) -> str:
    """
    The text of a module, with locations. Where its constants pass `LIMIT` the large ones are written into the folder
    `constants` of `directory`, the one that the text will lie in; without a directory they stay in the text.
    """
    text = _Text()
    _Printer(text).print_op(module)
    text.write("\n")
    return text.whole() if directory is None else text.moved_out(directory)


def move_out(text: str, directory: Path) -> str:
    """Replaces large constants of a text by references, if together they pass `LIMIT`, and writes their files."""
    first, *others = _HEX.split(text)
    made = _Text()
    made.write(first)
    for digits, after in zip(others[::2], others[1::2], strict=True):
        made.write_constant(bytes.fromhex(digits))
        made.write(after)
    return made.moved_out(directory)


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

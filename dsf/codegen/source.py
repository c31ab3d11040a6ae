"""
How the tensors of the model that was compiled lie in the engine's, and what became of its nodes: `source.json`.

An ONNX model has images (N, C, H, W), the engine (N, H, W, C). For its input and its output the file has the name, the shape in
the model and `axes`, the model's axes in the order of the engine's, or where no order of axes is it `places`, for each element
of the model's tensor, row-major, its place in the engine's. `kind` is the type of the numbers that the model takes or gives;
integers of it are `offset` larger than the engine's. `before` is what the processor computes of the input before it is
quantised, `steps` what it computes of the output afterwards. `nodes` are all nodes of the model, each with its operator, what
became of it, the nodes whose results it reads, and those that do its work. `digest` is one of all this and of the program that
it belongs to: beside another program it would give wrong answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any, cast

import numpy as np

from dsf.arguments import as_int
from dsf.codegen.program import Program
from dsf.disk import read_json
from dsf.errors import BinaryError
from dsf.input_steps import OPERATORS, InputStep
from dsf.numerics import Ints

SOURCE_NAME = "source.json"
#: Elements of a tensor; no network for this engine has as many.
MAX_ELEMENTS = 1 << 26
_NEEDS = "the source.json that DSF writes; compile the model again"


@dataclass(frozen=True)
class SourceTensor:
    """
    A tensor of the model: `places` has its shape, and says of each element where it lies in the engine's. `before` are the
    steps from the model's input to what is quantised, `steps` those after the output.
    """

    name: str
    places: Ints
    kind: str
    offset: int
    steps: tuple[str, ...] = ()
    before: tuple[InputStep, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.places.shape

    def to_json(self) -> dict[str, Any]:
        axes = _axes(self.places)
        layout = {"places": self.places.reshape(-1).tolist()} if axes is None else {"axes": list(axes)}
        numbers: dict[str, Any] = {"kind": self.kind, "offset": self.offset, "steps": list(self.steps)}
        if self.before:
            numbers["before"] = [one.to_json() for one in self.before]
        return {"name": self.name, "shape": list(self.shape), **layout, **numbers}


def _axes(places: Ints) -> tuple[int, ...] | None:
    """The order of axes in which the elements follow each other in the engine's tensor, if there is one."""
    for axes in permutations(range(places.ndim)):
        if np.array_equal(places.transpose(axes).reshape(-1), np.arange(places.size)):
            return axes
    return None


@dataclass(frozen=True)
class SourceNode:
    """
    A node of the model: its operator, what became of it in words, the nodes whose results it reads, and where others do its
    work, which ones.
    """

    name: str
    operator: str
    becomes: str
    reads: tuple[str, ...]
    into: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelTensors:
    """The input, the output and the nodes of the model that was compiled."""

    input: SourceTensor
    output: SourceTensor
    nodes: tuple[SourceNode, ...] = ()

    def to_bytes(self, program: Program) -> bytes:
        """The file beside `program`."""
        data = {"input": self.input.to_json(), "output": self.output.to_json(), "nodes": [asdict(one) for one in self.nodes]}
        return f"{json.dumps({**data, 'digest': program.digest(json.dumps(data))})}\n".encode()


def read_source(directory: Path, program: Program) -> ModelTensors | None:
    """
    What a compile of a model wrote beside `program`, or `None` if there was none. Raises `BinaryError` for a file that is
    damaged, or is not of this program.
    """
    path = directory / SOURCE_NAME
    if not path.exists():
        return None
    data = read_json(path, BinaryError, _NEEDS)
    try:
        nodes = tuple(_node(one) for one in data["nodes"])
        tensors = ModelTensors(_tensor(data["input"]), _tensor(data["output"]), nodes)
        digest = data.pop("digest")
    except (KeyError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise BinaryError(f"'{path}': is damaged ({type(error).__name__}: {str(error)[:100]}), needs {_NEEDS}") from error
    if digest != program.digest(json.dumps(data)):
        raise BinaryError(f"'{path}': was changed or is of another program, needs {_NEEDS}")
    return tensors


@dataclass
class _Fields:
    """A JSON object of which every field has its type."""

    data: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def text(self, name: str) -> str:
        return _checked(self.data[name], isinstance(self.data[name], str), name)

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(_checked(one, isinstance(one, str), name) for one in self.data[name])

    def integer(self, name: str) -> int:
        value = as_int(self.data[name])
        return _checked(value, value is not None, name)

    def integers(self, name: str) -> list[int]:
        values = [as_int(one) for one in self.data[name]]
        return _checked(values, None not in values, name)

    def reals(self, name: str) -> list[float]:
        values = [float(one) for one in self.data[name]]
        return _checked(values, bool(np.isfinite(values).all()), name)


def _checked(value: Any, ok: bool, name: str) -> Any:
    if not ok:
        raise ValueError(f"{name} has another type")
    return value


def _fields(data: object) -> _Fields:
    if not isinstance(data, dict):
        raise TypeError("no object")
    return _Fields(cast("dict[str, Any]", data))


def _node(data: object) -> SourceNode:
    fields = _fields(data)
    name, operator, becomes = (fields.text(one) for one in ("name", "operator", "becomes"))
    return SourceNode(name, operator, becomes, fields.texts("reads"), fields.texts("into"))


def _tensor(data: object) -> SourceTensor:
    fields = _fields(data)
    shape = tuple(fields.integers("shape"))
    # Before anything of that size is made.
    size = int(np.prod(shape, dtype=object))
    if not 0 < size <= MAX_ELEMENTS or min(shape, default=0) < 1:
        raise ValueError(f"shape {shape}")
    if "axes" in fields.data:
        axes = fields.integers("axes")
        if sorted(axes) != list(range(len(shape))):
            raise ValueError(f"axes {axes} of a tensor of rank {len(shape)}")
        places = np.arange(size).reshape([shape[axis] for axis in axes]).transpose(np.argsort(axes))
    else:
        places = np.array(fields.integers("places"), dtype=np.int64)
    steps, before = fields.texts("steps"), tuple(_step(one, shape) for one in fields.data.get("before", []))
    numbers = fields.text("kind"), fields.integer("offset"), steps, before
    return SourceTensor(fields.text("name"), places.reshape(shape), *numbers)


def _step(data: object, sizes: tuple[int, ...]) -> InputStep:
    """A step on an input of these sizes."""
    fields = _fields(data)
    shape, operator = tuple(fields.integers("shape")), fields.text("operator")
    values = np.array(fields.reals("values"), dtype=np.float32).reshape(shape)
    _checked(operator, operator in OPERATORS, "operator")
    _checked(values, np.broadcast_shapes(shape, sizes) == sizes, "values")
    return InputStep(operator, values)

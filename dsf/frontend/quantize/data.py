"""Calibration data: samples of the network's inputs, checked against the model before any of it is used."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from dsf.errors import ModelError
from dsf.frontend.quantize.graph import Graph

#: One array for the only input, or one for each input by name.
Samples = Mapping[str, object] | object
Batch = dict[str, NDArray[np.float32]]


def read_samples(path: str | Path) -> Samples:
    """The arrays of an `.npz` file by name, or that of an `.npy` file. Raises `ModelError` for what is neither."""
    path = Path(path)
    needs = "needs a file of numpy.savez, an array for each input by its name, or of numpy.save; write it again"
    try:
        loaded: Any = np.load(path, allow_pickle=False)
        if not isinstance(loaded, NpzFile):
            return loaded
        with cast(Any, loaded) as archive:
            return {name: archive[name] for name in archive.files}
    except OSError as failure:
        raise ModelError(f"'{path}': {failure.strerror or failure}, {needs}") from failure
    except (ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error) as failure:
        raise ModelError(f"'{path}': is no NumPy file, or has Python objects in it, {needs}") from failure


def batches(graph: Graph, samples: Samples) -> list[Batch]:
    """
    The samples as batches of the size that the graph's inputs have. If the last one is not full, the first samples fill it.

    Raises `ModelError` with everything that is wrong with them.
    """
    shapes = {one.name: cast("tuple[int, ...]", graph.shape(one.name)) for one in graph.inputs}
    arrays = _by_name(samples, list(shapes))
    problems = list(_name_problems(arrays, list(shapes)))
    good: dict[str, NDArray[Any]] = {}
    for name in shapes.keys() & arrays.keys():
        found = list(_array_problems(name, arrays[name], shapes[name]))
        problems += found
        if not found:
            good[name] = _along_first(np.asarray(arrays[name]), shapes[name])
    counts = {name: -(-len(array) // shapes[name][0]) for name, array in good.items()}
    if len(set(counts.values())) > 1:
        has = ", ".join(f"{count} for '{name}'" for name, count in counts.items())
        problems.append(f"'calibration': has different numbers of batches ({has}), needs as many for each input; add samples")
    if problems:
        raise ModelError(sorted(problems))
    return list(_cut(good, shapes, next(iter(counts.values()), 0)))


def _by_name(samples: Samples, inputs: list[str]) -> dict[str, object]:
    if isinstance(samples, Mapping):
        return {str(name): value for name, value in cast("Mapping[object, object]", samples).items()}
    return {inputs[0]: samples} if len(inputs) == 1 else {"": samples}


def _name_problems(arrays: dict[str, object], inputs: list[str]) -> Iterator[str]:
    known = ", ".join(f"'{name}'" for name in inputs)
    if "" in arrays:
        yield f"'calibration': is one array, needs one for each of the inputs {known}; pass a dictionary"
        return
    for name in arrays:
        if name not in inputs:
            yield f"'calibration': has '{name}', which is no input, needs {known}; rename or remove it"
    for name in inputs:
        if name not in arrays:
            yield f"'calibration': has no samples for input '{name}', needs an array for each of {known}; add it"


def _along_first(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Samples along the first axis of the input. They may be stacked along one of their own: an input may have no batch."""
    return array.reshape(-1, *shape[1:]) if array.ndim == len(shape) + 1 else array


def _array_problems(name: str, value: object, shape: tuple[int, ...]) -> Iterator[str]:
    where = f"'calibration': '{name}'"
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):
        yield f"{where} is no array, needs floating-point numbers; convert it with numpy.asarray"
        return
    if array.dtype.kind != "f":
        yield (
            f"{where} has elements of type {array.dtype}, needs floating-point numbers, scaled as in training; "
            "convert it with .astype(numpy.float32)"
        )
        return
    wanted = "x".join(["N", *map(str, shape[1:])])
    if shape and array.shape[1:] == shape:
        array = _along_first(array, shape)
    if not shape or array.ndim != len(shape) or array.shape[1:] != shape[1:]:
        has = "x".join(map(str, array.shape)) or "a single number"
        yield f"{where} has shape {has}, needs {wanted}, samples along the first axis; reshape it"
    elif len(array) < shape[0]:
        yield f"{where} has too few samples, {len(array)}, needs at least {shape[0]}, one batch, better 100; add some"
    elif not np.all(np.isfinite(array)):
        index = tuple(int(one) for one in np.argwhere(~np.isfinite(array))[0])
        yield f"{where} is {array[index]} at {index}, needs finite numbers; remove sample {index[0]}"
    elif np.abs(array).max(initial=0.0) > np.finfo(np.float32).max:
        yield f"{where} has numbers beyond float32, needs such as the model was trained on; scale it as in training"


def _cut(arrays: dict[str, NDArray[Any]], shapes: dict[str, tuple[int, ...]], count: int) -> Iterator[Batch]:
    for number in range(count):
        batch: Batch = {}
        for name, array in arrays.items():
            size = shapes[name][0]
            rows = np.arange(number * size, (number + 1) * size) % len(array)
            batch[name] = array[rows].astype(np.float32)
        yield batch

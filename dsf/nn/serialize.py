"""
A model's files: `config_model.json` says how it is built, `model.pt` beside it holds the weights (a PyTorch state_dict).

    {"format": "dsf-model", "version": 1, "hardware": {...}, "input": {"shape": [8, 32, 32, 3], "frac_bits": 4},
     "bundles": [{"input": "input", "core": {"type": "conv", ...}, "add": {"input": 0, ...}, "pool": {...}, ...}, ...]}

Bundles refer to each other by their place in the list. Parsing is strict: an unknown or missing key is an error that names its
place.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch

from dsf.disk import read_json, write_all, writing
from dsf.errors import DsfError, ModelError, OutputError
from dsf.hardware import Hardware
from dsf.nn.bundle import Bundle, Node, QInput, QTensor
from dsf.nn.cores import QConvCore, QConvTransposeCore, QDenseCore
from dsf.nn.layers import FUNCTIONS, QAdd, QClip, QIdentity, QLeakyReLu, QMul, QPool, QReLU6, Softmax
from dsf.nn.moves import QConcat, QPad, QResize, QSlice, QTranspose

if TYPE_CHECKING:
    from dsf.nn.model import BundleModel

CONFIG_NAME, WEIGHTS_NAME = "config_model.json", "model.pt"
_FORMAT, _VERSION = "dsf-model", 1
_INPUT = "input"

_Object = dict[str, Any]
_Made = TypeVar("_Made")
#: Layers by the name that the file has for them.
_LAYERS: dict[str, type] = {
    "conv": QConvCore,
    "conv_transpose": QConvTransposeCore,
    "dense": QDenseCore,
    "pool": QPool,
    "leaky_relu": QLeakyReLu,
    "identity": QIdentity,
    "relu6": QReLU6,
    "clip": QClip,
    **FUNCTIONS,
    "softmax": Softmax,
    "slice": QSlice,
    "pad": QPad,
    "resize": QResize,
    "transpose": QTranspose,
}
#: Those that may be activations.
ACTIVATION_LAYERS = (QLeakyReLu, QIdentity, QReLU6, QClip, *FUNCTIONS.values())
#: Moves of the bundle's input alone.
MOVE_LAYERS = (QSlice, QPad, QResize, QTranspose)
_LAYER_NAMES = {layer: name for name, layer in _LAYERS.items()}


def write_model(model: BundleModel, directory: Path) -> list[Path]:
    """Writes both files; the same model gives the same `config_model.json`. Raises `OutputError`."""
    config = write_all(directory, {CONFIG_NAME: json.dumps(model_to_dict(model), indent=2) + "\n"}, OutputError)
    weights = directory / WEIGHTS_NAME
    with writing(weights, OutputError), weights.open("wb") as stream:
        torch.save(model.state_dict(), stream)
    return [*config, weights]


def model_to_dict(model: BundleModel) -> _Object:
    """The architecture, JSON types only."""
    places = {node: place for place, node in enumerate(model.nodes)}

    def place_of(x: QTensor) -> int | str:
        return _INPUT if x.producer is None else places[x.producer]

    return {
        "format": _FORMAT,
        "version": _VERSION,
        "hardware": model.hw.to_dict(),
        "input": {"shape": list(model.input.shape), "frac_bits": model.input.frac_bits},
        "bundles": [_node_to_dict(node, place_of) for node in model.nodes],
    }


def _node_to_dict(node: Node, place_of: Callable[[QTensor], int | str]) -> _Object:
    core, add, pool, flatten, softmax = node.bundle.parts
    return {
        "input": place_of(node.source),
        **_without_core(node.bundle, place_of),
        "core": _layer_to_dict(core),
        "add": None
        if add is None
        else {
            "type": "mul" if isinstance(add, QMul) else "add",
            "input": place_of(add.x),
            "activation": _layer_to_dict(add.activation),
            "frac_bits": add.frac_bits,
        },
        "pool": _layer_to_dict(pool),
        "flatten": flatten,
        "softmax": softmax,
    }


def _without_core(bundle: Bundle, place_of: Callable[[QTensor], int | str]) -> _Object:
    """What not every bundle has: moves, and an activation without a core."""
    entry: _Object = {}
    if bundle.moves:
        entry["moves"] = [
            {"type": "concat", "others": [place_of(other) for other in one.others]}
            if isinstance(one, QConcat)
            else _layer_to_dict(one)
            for one in bundle.moves
        ]
    if bundle.activation is not None:
        entry["activation"] = _layer_to_dict(bundle.activation)
    return entry


def _layer_to_dict(layer: Any) -> Any:
    if layer is None:
        return None
    values = {one.name: getattr(layer, one.name) for one in dataclasses.fields(layer)}
    name = _LAYER_NAMES[type(layer)]
    # A pooling has an argument called type, which says enough.
    entry = {} if "type" in values else {"type": name}
    for key, value in values.items():
        entry[key] = _layer_to_dict(value) if key == "activation" else value
    return entry


def read_model(path: Path) -> BundleModel:
    """The model of a `config_model.json`, with the weights of the `model.pt` beside it if there is one. Raises `ModelError`."""
    entry = read_json(path, ModelError, "the file that BundleModel.export() writes")
    model = model_from_dict(entry, str(path))
    weights = path.with_name(WEIGHTS_NAME)
    if weights.exists():
        _load_weights(model, weights)
    return model


def _load_weights(model: BundleModel, path: Path) -> None:
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        model.load_state_dict(state)
    except Exception as error:  # torch.load raises whatever the unpickler and the zip reader do
        reason = " ".join(str(error).split())
        raise ModelError(
            f"'{path}': does not hold the weights of this model ({reason}), needs the file exported with its "
            f"{CONFIG_NAME}; export both again"
        ) from error


def model_from_dict(entry: object, where: str = "model") -> BundleModel:
    """The inverse of `model_to_dict`, with new weights. Raises `ModelError`."""
    from dsf.nn.model import BundleModel

    top = _keys(entry, where, "format", "version", "hardware", "input", "bundles")
    if (top["format"], top["version"]) != (_FORMAT, _VERSION):
        raise ModelError(
            f"'{where}': format {top['format']!r}, version {top['version']!r}, needs {_FORMAT!r}, version {_VERSION}; "
            "export the model again"
        )
    if not isinstance(top["hardware"], dict):
        raise ModelError(f"'{where}.hardware': {top['hardware']!r}, needs an object")
    hw = Hardware.from_dict(cast(_Object, top["hardware"]), f"{where}.hardware")
    source = _keys(top["input"], f"{where}.input", "shape", "frac_bits")
    if not isinstance(top["bundles"], list) or not top["bundles"]:
        raise ModelError(f"'{where}.bundles': {top['bundles']!r}, needs a list of at least one bundle")
    x_in = _located(f"{where}.input", lambda: QInput(_tuples(source["shape"]), hw, source["frac_bits"]))
    tensors: list[QTensor] = []
    for place, bundle in enumerate(cast(list[object], top["bundles"])):
        here = f"{where}.bundles[{place}]"
        tensors.append(_bundle_from_dict(bundle, here, x_in, tensors))
    model = BundleModel(inputs=x_in, outputs=tensors[-1])
    if len(model.nodes) != len(tensors):
        raise ModelError(f"'{where}.bundles': {len(tensors)} bundles, needs every one to lead to the last; remove the others")
    return model


def _bundle_from_dict(entry: object, where: str, x_in: QInput, tensors: list[QTensor]) -> QTensor:
    bundle = _keys(entry, where, "input", "core", "add", "pool", "flatten", "softmax", optional=("moves", "activation"))

    def tensor(place: object, where: str) -> QTensor:
        if place == _INPUT:
            return x_in
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(tensors):
            raise ModelError(
                f"'{where}': {place!r}, needs {_INPUT!r} or the place of an earlier bundle, 0 to {len(tensors) - 1}"
            )
        return tensors[place]

    add = None
    if bundle["add"] is not None:
        fields = _keys(bundle["add"], f"{where}.add", "type", "input", "activation", "frac_bits")
        activation = _layer(fields["activation"], f"{where}.add.activation", *ACTIVATION_LAYERS)
        skip = tensor(fields["input"], f"{where}.add.input")
        kinds = {"add": QAdd, "mul": QMul}
        if fields["type"] not in kinds:
            raise ModelError(f"'{where}.add.type': {fields['type']!r}, needs one of: 'add', 'mul'")
        kind = kinds[fields["type"]]
        add = _located(f"{where}.add", lambda: kind(skip, activation, fields["frac_bits"]))
    core = _layer(bundle["core"], f"{where}.core", QConvCore, QConvTransposeCore, QDenseCore)
    pool = _layer(bundle["pool"], f"{where}.pool", QPool)
    x = tensor(bundle["input"], f"{where}.input")
    added, multiplied = add if isinstance(add, QAdd) else None, add if isinstance(add, QMul) else None
    flags = bundle["flatten"], bundle["softmax"]
    activation = _layer(bundle.get("activation"), f"{where}.activation", *ACTIVATION_LAYERS)
    moves = _moves(bundle.get("moves", []), f"{where}.moves", tensor)
    more = {"mul": multiplied, "activation": activation, "moves": moves}
    return _located(where, lambda: Bundle(core, None, added, pool, *flags, **cast(_Object, more))(x))


def _moves(entries: object, where: str, tensor: Callable[[object, str], QTensor]) -> list[Any]:
    if not isinstance(entries, list):
        raise ModelError(f"'{where}': {entries!r}, needs a list of moves")
    moves: list[Any] = []
    for place, entry in enumerate(cast("list[object]", entries)):
        here = f"{where}[{place}]"
        kind = cast(_Object, entry).get("type") if isinstance(entry, dict) else None
        if kind == "concat":
            fields = _keys(cast(object, entry), here, "type", "others")
            if not isinstance(fields["others"], list):
                raise ModelError(f"'{here}.others': {fields['others']!r}, needs a list of bundles")
            others = [tensor(one, f"{here}.others") for one in cast("list[object]", fields["others"])]
            moves.append(_located(here, lambda others=others: QConcat(*others)))
        else:
            moves.append(_layer(cast(object, entry), here, *MOVE_LAYERS))
    return moves


def _layer(entry: object, where: str, *allowed: type) -> Any:
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise ModelError(f"'{where}': {entry!r}, needs an object")
    values = dict(cast(_Object, entry))
    if QPool in allowed:
        layer: type = QPool
    else:
        name = values.pop("type", None)
        layer = _LAYERS[name] if isinstance(name, str) and name in _LAYERS else object
        if layer not in allowed:
            names = ", ".join(repr(_LAYER_NAMES[one]) for one in allowed)
            raise ModelError(f"'{where}.type': {name!r}, needs one of: {names}")
    fields = _keys(values, where, *(one.name for one in dataclasses.fields(cast(Any, layer))))
    arguments = {key: _tuples(value) for key, value in fields.items()}
    if "activation" in arguments:
        kinds = ACTIVATION_LAYERS if layer is QPool else (*ACTIVATION_LAYERS, Softmax)
        arguments["activation"] = _layer(fields["activation"], f"{where}.activation", *kinds)
    return _located(where, lambda: layer(**arguments))


def _keys(entry: object, where: str, *names: str, optional: tuple[str, ...] = ()) -> _Object:
    """`entry` if it is an object with exactly these keys, and perhaps the optional ones."""
    if not isinstance(entry, dict):
        raise ModelError(f"'{where}': {entry!r}, needs an object")
    found = cast(_Object, entry)
    problems = [
        f"'{where}': key {key!r} is unknown, needs only {', '.join(names)}; remove it"
        for key in found
        if key not in (*names, *optional)
    ]
    problems += [f"'{where}': key {name!r} is missing, needs {', '.join(names)}; add it" for name in names if name not in found]
    if problems:
        raise ModelError(problems)
    return found


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, cast("list[Any]", value))) if isinstance(value, list) else value


def _located(where: str, make: Callable[[], _Made]) -> _Made:
    """What `make` returns; its problems get their place in the file."""
    try:
        return make()
    except DsfError as error:
        raise ModelError([f"{problem} (in {where})" for problem in error.problems]) from error

"""Reads `report.json` back: what the tables show must be there, and be of its type."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import cast

from dsf.codegen.report import MEMORIES, NOTHING, PORTS, RATIOS, Report
from dsf.disk import read_json
from dsf.errors import BinaryError
from dsf.isa.registers import ARRAY, array_name

#: Types of the values by key.
Keys = Mapping[str, tuple[type, ...]]

_NUMBER, _MAYBE_NUMBER = (int, float), (int, float, NoneType)
_BOTH: Keys = {
    "name": (str,),
    "macs": (int,),
    "cycles": (int, NoneType),
    "measured_cycles": (int, NoneType),
    "utilization": _MAYBE_NUMBER,
    "dram_words": (int,),
    "port_bytes": (dict,),
    **{f"{name}_bytes": (int,) for name in MEMORIES},
    "array": (dict, NoneType),
}
_OF_REPORT: Keys = {
    **_BOTH,
    "hardware": (dict,),
    "bundles": (list,),
    "images": (int,),
    "images_per_second": _MAYBE_NUMBER,
    "register_accesses": (int, NoneType),
    "load_program": (dict, NoneType),
    "weight_bytes": (int,),
}
_OF_BUNDLE: Keys = {**_BOTH, "shape": (list, NoneType), "mode": (str, NoneType)}
_OF_HARDWARE: Keys = {
    "processing_elements": (list,),
    "frequency": _NUMBER,
    "axi_width": (int,),
    **dict.fromkeys(MEMORIES, (int,)),
}
_OF_LOAD: Keys = {"cycles": (int, NoneType), "measured_cycles": (int, NoneType), "dram_words": (int,)}
_OF_PORTS: Keys = dict.fromkeys(PORTS, (int,))
_OF_QUANTISATION: Keys = {"layers": (list,), "options": (dict,), "samples": (int,)}
_OF_LAYER: Keys = {
    **dict.fromkeys(("name", "operator", "tensor"), (str,)),
    "shape": (list,),
    **dict.fromkeys(("bits", "zero_point"), (int, NoneType)),
    "scale": _MAYBE_NUMBER,
    **dict.fromkeys(RATIOS, (*_MAYBE_NUMBER, str)),
}
_OF_ARRAY: Keys = {array_name(counter): (int,) for counter in ARRAY}


def read_report(path: Path) -> Report:
    """Reads a `report.json`. Raises `BinaryError` for what is none, naming every key that is missing or has no such value."""
    needs = "the report.json that DSF wrote"
    report: Report = read_json(path, BinaryError, needs)
    problems = _problems(report)
    if problems:
        raise BinaryError([f"'{path}': {problem}, needs {needs}" for problem in problems])
    return report


def _problems(report: Report) -> list[str]:
    problems = _wrong_keys(report, _OF_REPORT, "report")
    if problems:
        return problems
    problems += _wrong_keys(report["hardware"], _OF_HARDWARE, "hardware")
    problems += _wrong_parts(report, "report")
    if report["load_program"] is not None:
        problems += _wrong_keys(report["load_program"], _OF_LOAD, "load_program")
    for index, bundle in enumerate(report["bundles"]):
        where = f"bundles[{index}]"
        problems += _wrong_keys(bundle, _OF_BUNDLE, where) or _wrong_parts(bundle, where)
    if "quantisation" in report:
        problems += _wrong_quantisation(report["quantisation"])
    if not problems and len(report["hardware"]["processing_elements"]) != 2:
        problems.append("hardware.processing_elements has no two numbers")
    return problems


def _wrong_quantisation(entry: Report) -> list[str]:
    problems = _wrong_keys(entry, _OF_QUANTISATION, "quantisation")
    layers = [] if problems else cast("list[object]", entry["layers"])
    for index, layer in enumerate(layers):
        where = f"quantisation.layers[{index}]"
        wrong = _wrong_keys(layer, _OF_LAYER, where)
        problems += wrong or [f"{where}.{name} has a wrong value" for name in _wrong_ratios(cast("Report", layer))]
    return problems


def _wrong_ratios(layer: Report) -> list[str]:
    return [name for name in RATIOS if isinstance(layer[name], str) and layer[name] != NOTHING]


def _wrong_parts(entry: Report, where: str) -> list[str]:
    """What is wrong in the objects that a report and its bundles have alike."""
    problems = _wrong_keys(entry["port_bytes"], _OF_PORTS, f"{where}.port_bytes")
    return problems if entry["array"] is None else problems + _wrong_keys(entry["array"], _OF_ARRAY, f"{where}.array")


def _wrong_keys(entry: object, expected: Keys, where: str) -> list[str]:
    if not isinstance(entry, dict):
        return [f"{where} is no object"]
    found = cast("dict[str, object]", entry)
    missing = ", ".join(key for key in expected if key not in found)
    if missing:
        return [f"{where} lacks {missing}"]
    return [f"{where}.{key} has a wrong value" for key, types in expected.items() if type(found[key]) not in types]

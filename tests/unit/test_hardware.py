"""The hardware's parameters: defaults, checks, identity and files."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from dsf.errors import HardwareError
from dsf.hardware import PE_KINDS, Hardware, PeKind

MISSION = {
    "processing_elements": (8, 96),
    "frequency": 1000,
    "bits_input": 8,
    "bits_weights": 4,
    "bits_sum": 24,
    "bits_bias": 16,
    "max_kernel_size": (13, 13),
    "max_channels_in": 512,
    "max_channels_out": 512,
    "max_image_size": (32, 32),
}


def test_defaults_of_the_mission():
    hw = Hardware(**MISSION)
    assert (hw.column_groups, hw.group_columns, hw.vector_length) == (3, 32, 32)
    assert hw.pixels_tall == 24
    assert hw.feature_elements == hw.feature_memory == 1 << 18


@pytest.mark.parametrize(("columns", "groups"), [(24, 3), (96, 3), (16, 2), (8, 1), (7, 1), (32, 2), (2, 1)])
def test_default_column_groups(columns: int, groups: int):
    assert Hardware(processing_elements=(4, columns)).column_groups == groups


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("processing_elements", (0, 8), "1 to 64 rows"),
        ("processing_elements", 8, "pair of integers"),
        ("frequency", "fast", "needs a number"),
        ("name", 3, "needs a text"),
        ("frequency", 0, "needs 0.001 to 4000 MHz"),
        ("bits_input", 3, "2, 4 or 8 with integer processing elements"),
        ("bits_weights", 16, "2, 4 or 8 with integer processing elements"),
        ("pe", "floating", "one of integer, binary"),
        ("pe", 1, "needs a text"),
        ("bits_sum", 33, "16 to 32"),
        ("bits_bias", 12, "8, 16 or 32"),
        ("bits_bias", "16", "needs an integer"),
        ("max_kernel_size", (0, 3), "1 to 255"),
        ("max_image_size", (5000, 3), "1 to 4095"),
        ("max_channels_in", 0, "1 to 65536"),
        ("max_channels_out", 0, "1 to 32768"),
        ("column_groups", 5, "divisor of the 24 columns"),
        ("column_groups", 17, "at most 16"),
        ("vector_length", 24, "power of two"),
        ("vector_length", 16, "as many elements as pixels"),
        ("axi_width", 100, "32, 64, 128 or 256"),
        ("feature_memory", 64, "needs at least 128"),
        ("feature_memory", 1 << 28, "23-bit addresses"),
        ("weight_memory", 8, "needs at least"),
        ("weight_memory", 1 << 30, "needs at most"),
        ("feature_memory", -1, "a size in bytes"),
        ("parameter_groups", 5000, "at most 4096"),
        ("queue_depth", 1, "2 to 64"),
        ("capture_tiles", 3, "2, 4 or 8"),
        ("watchdog_cycles", 10, "256 to"),
        ("reset", "none", "'sync' or 'async'"),
        ("name", "no name", "a C identifier"),
    ],
)
def test_bad_parameter(parameter: str, value: object, message: str):
    with pytest.raises(HardwareError, match=message) as caught:
        Hardware(**{parameter: value})
    assert f"'{parameter}'" in str(caught.value)


def test_too_many_columns_in_a_group():
    """Counts of channels of a group have 8 bits."""
    assert Hardware(processing_elements=(1, 255), column_groups=1).group_columns == 255
    assert Hardware(processing_elements=(1, 256), column_groups=2).group_columns == 128
    with pytest.raises(HardwareError, match=r"256 columns, needs at most 255 columns in a group; use column_groups=2"):
        Hardware(processing_elements=(1, 256), column_groups=1)


def test_all_problems_at_once():
    with pytest.raises(HardwareError) as caught:
        Hardware(bits_input=3, bits_weights=5, reset="maybe")
    assert len(caught.value.problems) == 3


def test_processing_elements_suit_the_widths():
    assert Hardware().pe == "integer"
    binary = Hardware(bits_input=1, bits_weights=1)
    assert binary == Hardware(bits_input=1, bits_weights=1, pe="binary")
    assert (binary.pe, binary.operand_bits, binary.vector_length, binary.table_entries, binary.table_bytes) == (
        "binary",
        2,
        128,
        4,
        8,
    )
    with pytest.raises(HardwareError) as caught:
        Hardware(bits_input=1)
    assert caught.value.problems == ["'bits_weights': 8, needs 1 with binary processing elements"]
    with pytest.raises(HardwareError) as caught:
        Hardware(bits_input=1, bits_weights=1, pe="integer")
    assert caught.value.problems == [
        f"'{name}': 1, needs 2, 4 or 8 with integer processing elements" for name in ("bits_input", "bits_weights")
    ]
    with pytest.raises(HardwareError) as caught:
        Hardware(pe="binary")
    assert len(caught.value.problems) == 2


def test_hash_depends_on_the_kind_of_processing_element(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(PE_KINDS, "of_mine", PeKind(parameter=2, latency=1, bits=(8,)))
    mine = Hardware(pe="of_mine")
    assert mine.pe_latency == 1
    assert mine.hash != Hardware().hash
    assert Hardware.from_dict(mine.to_dict()) == mine


def test_hash_ignores_name_and_frequency_only():
    hw = Hardware()
    assert hw.hash == Hardware(frequency=1000, name="other").hash
    for one in dataclasses.fields(Hardware):
        # Not alone, and so by the test above: the kind of processing element.
        if one.name in ("name", "frequency", "pe"):
            continue
        value = getattr(hw, one.name)
        other = {
            "processing_elements": (4, 24),
            "bits_input": 4,
            "bits_weights": 4,
            "column_groups": 1,
            "vector_length": 64,
            "axi_width": 64,
            "bits_sum": 24,
            "bits_bias": 32,
            "bits_multiplier": 20,
            "bits_fraction": 4,
            "capture_tiles": 8,
            "reset": "async",
            "max_kernel_size": (3, 3),
            "max_image_size": (8, 8),
        }.get(one.name, value + value if isinstance(value, int) else value)
        if one.name == "parameter_groups":
            other = 128
        assert dataclasses.replace(hw, **{one.name: other}).hash != hw.hash, one.name


def test_export_and_read_back(tmp_path: Path):
    hw = Hardware(**MISSION)
    assert {path.name for path in hw.export(tmp_path)} == {"config_hw.svh", "config_hw.tcl", "config_hw.json"}
    assert Hardware.from_json(tmp_path / "config_hw.json") == hw
    first = (tmp_path / "config_hw.svh").read_bytes()
    hw.export(tmp_path)
    assert (tmp_path / "config_hw.svh").read_bytes() == first


def test_from_json_errors(tmp_path: Path):
    with pytest.raises(HardwareError, match="missing"):
        Hardware.from_json(tmp_path / "missing.json")
    path = tmp_path / "hw.json"
    path.write_text("{")
    with pytest.raises(HardwareError, match="not JSON"):
        Hardware.from_json(path)
    path.write_text("[]")
    with pytest.raises(HardwareError, match="holds no object"):
        Hardware.from_json(path)
    path.write_text(json.dumps({"bit_input": 8}))
    with pytest.raises(HardwareError, match=r"'bit_input' .* is unknown"):
        Hardware.from_json(path)
    path.write_text(json.dumps({"bit_input": 8, "bits_sum": 40, "axi_width": 65}))
    with pytest.raises(HardwareError) as caught:
        Hardware.from_json(path)
    unknown, *wrong = caught.value.problems
    assert unknown.startswith("'bit_input' in ")
    assert wrong == ["'bits_sum': 40, needs 16 to 32", "'axi_width': 65, needs 32, 64, 128 or 256"]


def test_numpy_integers_are_integers():
    plain, numpy = (
        Hardware(processing_elements=(4, 8)),
        Hardware(processing_elements=[np.int64(4), np.int32(8)], bits_sum=np.int64(32)),
    )
    assert plain == numpy and plain.hash == numpy.hash and type(numpy.bits_sum) is int


@pytest.mark.parametrize(
    "arguments",
    [
        {"frequency": float("inf")},
        {"frequency": float("nan")},
        {"frequency": 1 << 70},
        {"frequency": True},
        {"name": "\u00e9"},
        {"name": "int"},
        {"name": "a b"},
    ],
)
def test_frequency_is_finite_and_name_is_for_c(arguments: dict):
    with pytest.raises(HardwareError, match=f"'{next(iter(arguments))}'"):
        Hardware(**arguments)

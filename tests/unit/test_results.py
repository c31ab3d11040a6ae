"""The committed results of whole networks: what is in them, and that their figures agree with each other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import compile, kraken, levels, tiny
from dsf import zoo

FIELDS = {
    "name",
    "scope",
    "hardware",
    "cycles",
    "estimate_cycles",
    "dram_words",
    "fps",
    "mhz",
    "bit_exact",
    "command",
}
KRAKEN = json.loads(kraken.RESULT.read_text())
TINY = json.loads(tiny.RESULT.read_text())


def test_all_networks_are_there():
    assert [(row["name"], row["scope"]) for row in KRAKEN] == kraken.rows_of(kraken.NETWORKS, kraken.SCOPES)
    assert [(row["name"], row["scope"]) for row in TINY] == [(name, "all") for name in tiny.AIMS]


@pytest.mark.parametrize("row", [*KRAKEN, *TINY], ids=lambda row: f"{row['name']}-{row['scope']}")
def test_a_row(row: dict[str, Any]):
    """It is of a run that was right in every bit, and as long as was estimated, within 2 %."""
    assert row.keys() >= FIELDS
    assert row["bit_exact"] is True
    assert abs(row["estimate_cycles"] - row["cycles"]) <= 0.02 * row["cycles"]
    assert row["fps"] == pytest.approx(row["mhz"] * 1e6 / row["cycles"], abs=0.06)
    assert f"--networks {row['name']}" in row["command"]


@pytest.mark.parametrize("row", KRAKEN, ids=lambda row: f"{row['name']}-{row['scope']}")
def test_bundles_add_up(row: dict[str, Any]):
    """To the traffic of the run, but for instructions that belong to no bundle; each was measured."""
    bundles = row["bundles"]
    moved = sum(sum(one["port_bytes"].values()) for one in bundles)
    assert 0 <= row["dram_words"] - moved < 1024
    for one in bundles:
        assert one["measured_cycles"] > 0
        assert abs(one["cycles"] - one["measured_cycles"]) <= max(20, 0.02 * one["measured_cycles"]), one["name"]
        assert one["utilization"] == pytest.approx(one["macs"] / one["measured_cycles"] / (7 * 96), abs=1e-4)
    # One bundle begins while the last steps of the one before are computed, and the run is longer than its bundles by the
    # first load and the last store.
    assert sum(one["measured_cycles"] for one in bundles) == pytest.approx(row["cycles"], rel=0.05)


def test_all_networks_compile():
    """To all files; ResNet-50 in no more memory than it may take."""
    rows = {row["name"]: row for row in json.loads(compile.RESULT.read_text())}
    assert list(rows) == list(zoo.NETWORKS)
    for row in rows.values():
        assert (next(iter(row["passes"])), list(row["passes"])[-2:]) == ("network", ["sched-to-isa", "files"])
    assert rows["resnet50"]["peak_mb"] <= compile.PEAK_MB


def test_levels_of_imagenet_networks_agree():
    """Down to the instructions; and those of ResNet-50 are interpreted in time."""
    rows = {row["name"]: row for row in json.loads(levels.RESULT.read_text())}
    assert list(rows) == [name for name in zoo.NETWORKS if name in rows]
    assert set(levels.DEFAULT) <= set(rows)
    assert all(row["agree_after"][-1] == "sched-to-isa" for row in rows.values())
    assert rows["resnet50"]["isa_seconds"] <= levels.SECONDS

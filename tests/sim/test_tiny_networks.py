"""
The networks of MLPerf Tiny on one engine: all levels agree after every pass, and with the RTL; cycles as estimated, no more
than the aims; every byte that crosses the ports as the report has it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from engines import TINY

from benchmarks.tiny import AIMS
from dsf import zoo


@pytest.mark.parametrize("name", AIMS)
def test_network(name: str, tmp_path: Path) -> None:
    model = zoo.build(name, TINY)
    found = model.export_inference(model.random_input, tmp_path, stalls=0.2, verify_each=True, verbose=False)
    assert found.cycles is not None and found.cycles <= AIMS[name]
    assert abs(found.report["cycles"] - found.cycles) <= 0.02 * found.cycles
    for one in found.report["bundles"]:
        estimate, measured = one["cycles"], one["measured_cycles"]
        assert abs(estimate - measured) <= max(20, 0.02 * measured), (one["name"], estimate, measured)
    assert found.report["macs"] == sum(node.macs for node in model.nodes)

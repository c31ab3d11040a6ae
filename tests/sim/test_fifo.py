"""FIFO (`dsf_fifo`): order, capacity, throughput."""

from __future__ import annotations

import pytest
from stream_bench import check_stream_block


@pytest.mark.parametrize("depth", [2, 5])
def test_fifo(depth: int) -> None:
    check_stream_block("dsf_fifo", {"Width": 37, "Depth": depth}, "dsf_ram")

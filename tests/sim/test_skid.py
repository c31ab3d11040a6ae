"""Register slice (`dsf_skid`): order and throughput."""

from __future__ import annotations

from stream_bench import check_stream_block


def test_skid() -> None:
    check_stream_block("dsf_skid", {"Width": 19})

"""Width converter (`dsf_stream_resize`): order, packet ends, throughput, clearing."""

from __future__ import annotations

import pytest
from stream_bench import check_stream_block


@pytest.mark.parametrize(("wide_in", "wide_out"), [(128, 32), (32, 128), (64, 64)])
def test_stream_resize(wide_in: int, wide_out: int) -> None:
    check_stream_block("dsf_stream_resize", {"InWidth": wide_in, "OutWidth": wide_out})

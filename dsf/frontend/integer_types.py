"""ONNX's types of integers, and clips of real numbers in their place where they hold too much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import NodeProto, TensorProto, helper

from dsf.frontend.quantize.graph import Array, Graph

#: Narrowest first. The last one is that of biases.
TYPES: dict[int, tuple[int, int]] = {
    TensorProto.UINT2: (0, 3),
    TensorProto.INT2: (-2, 1),
    TensorProto.UINT4: (0, 15),
    TensorProto.INT4: (-8, 7),
    TensorProto.UINT8: (0, 255),
    TensorProto.INT8: (-128, 127),
    TensorProto.INT32: (-(2**31), 2**31 - 1),
}


@dataclass(frozen=True)
class Limits:
    """Integers from `low` to `high`."""

    low: int
    high: int

    @staticmethod
    def of(bits: int, signed: bool, narrow: bool) -> Limits:
        """Those of `bits` bits; `narrow` leaves one out, of signed ones the smallest, of others the largest."""
        if signed:
            return Limits(-(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1)
        return Limits(0, (1 << bits) - 1 - narrow)

    @property
    def type(self) -> int:
        """The narrowest type that holds them."""
        return next(kind for kind, (low, high) in TYPES.items() if low <= self.low and self.high <= high)

    @property
    def are_whole_type(self) -> bool:
        return TYPES[self.type] == (self.low, self.high)


def real_clip(
    graph: Graph, real: str, limits: Limits, scale: Array, zero_point: Array, stem: str, axis: int | None, rank: int
) -> list[NodeProto]:
    """
    Nodes that clip tensor `real`, of `rank` axes, to what the integers between `limits` stand for; scale and zero point are
    single ones, or one for each index of `axis`, and then Max and Min do what Clip does.
    """
    low, high = (((limit - zero_point) * scale.astype(np.float64)).astype(np.float32) for limit in (limits.low, limits.high))
    if low.size == 1:
        names = [graph.add_constant(f"{stem}_limit", one.reshape(())) for one in (low, high)]
        clipped = graph.fresh(f"{stem}_clipped")
        return [helper.make_node("Clip", [real, *names], [clipped], name=clipped)]
    assert axis is not None
    shape = [1] * rank
    shape[axis] = -1
    nodes: list[NodeProto] = []
    for kind, limit in (("Max", low), ("Min", high)):
        name = graph.add_constant(f"{stem}_limit", limit.reshape(shape))
        result = graph.fresh(f"{stem}_clipped")
        nodes.append(helper.make_node(kind, [real, name], [result], name=result))
        real = result
    return nodes

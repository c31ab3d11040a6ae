"""What samples are run with: poolings and convolutions compute what onnxruntime does."""

import numpy as np
import pytest
from quantize_graphs import model, node, random, run

from dsf.frontend.quantize.run import Runner


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "strides": [2, 1]},
        {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        {"kernel_shape": [2, 2], "dilations": [2, 2]},
        {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1},
        {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "ceil_mode": 1},
        {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [3, 2], "ceil_mode": 1, "count_include_pad": 1},
        {"kernel_shape": [4, 2], "pads": [1, 0, 1, 0], "strides": [3, 3], "ceil_mode": 1},
    ],
    ids=str,
)
def test_poolings_are_those_of_onnxruntime(kind, attributes):
    if kind == "MaxPool" and "count_include_pad" in attributes:
        attributes = {name: value for name, value in attributes.items() if name != "count_include_pad"}
    proto = model([node(kind, "x", "y", **attributes)], {"x": (2, 3, 7, 7)}, ["y"])
    x = random(2, 3, 7, 7)
    assert np.allclose(Runner(proto)({"x": x})["y"], run(proto, {"x": x})[0], atol=1e-6)


@pytest.mark.parametrize(
    ("x", "w", "attributes"),
    [
        ((2, 4, 7, 6), (6, 4, 3, 2), {"pads": [1, 0, 2, 1], "strides": [2, 1], "dilations": [1, 3]}),
        ((2, 4, 7, 6), (6, 2, 3, 3), {"group": 2, "strides": [2, 1], "auto_pad": "SAME_LOWER"}),
        ((1, 4, 7, 6), (4, 1, 3, 3), {"group": 4, "auto_pad": "VALID"}),
        ((2, 4, 9), (6, 4, 3), {"pads": [2, 1], "strides": [2]}),
    ],
    ids=str,
)
def test_convolutions_are_those_of_onnxruntime(x, w, attributes):
    proto = model([node("Conv", "x w b", "y", **attributes)], {"x": x}, ["y"], {"w": random(*w), "b": random(w[0])})
    value = random(*x)
    assert np.allclose(Runner(proto)({"x": value})["y"], run(proto, {"x": value})[0], atol=1e-5)

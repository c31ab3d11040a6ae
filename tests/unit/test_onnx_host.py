"""What the processor computes: of a model's input before it is quantised, and behind the last tensor of the engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnxruntime import InferenceSession
from test_onnx_check import Graph

from dsf.codegen.source import SOURCE_NAME
from dsf.errors import ModelError
from dsf.frontend.onnx.check import check_onnx
from dsf.frontend.onnx.model import from_onnx
from dsf.hardware import Hardware
from dsf.tools.dsf import main

HARDWARE = Hardware(processing_elements=(4, 12), bits_bias=32)
SHAPE = (1, 3, 8, 8)
MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


class Prepared(Graph):
    """A QDQ graph whose input is not quantised yet."""

    def __init__(self, shape: tuple[int, ...] = SHAPE):
        self.shape, self.nodes, self.constants, self.x = shape, [], [], "x"

    def apply(self, op_type: str, *values: object, **attributes: object) -> None:
        self.x = self.node(op_type, self.x, *(self.constant(np.float32(one)) for one in values), **attributes)

    def then_conv(self) -> None:
        self.quantise(self.x, 0.02, 130)
        self.conv(4, 3, "conv")


def by_channels(made: Prepared) -> None:
    made.apply("Sub", MEAN.reshape(3, 1, 1))
    made.apply("Div", DEVIATION.reshape(1, 3, 1, 1))


def of_pixels(made: Prepared) -> None:
    made.apply("Mul", 2.5)
    made.apply("Add", np.random.default_rng(3).normal(size=SHAPE))


def turned(made: Prepared) -> None:
    """Images (N, H, W, C), normalised as such; a constant first."""
    made.apply("Mul", [[[4.0, 3.0, 2.5]]])
    made.x = made.node("Sub", made.constant(np.float32([1.5, 1.0, 0.5])), made.x)
    made.x = made.node("Transpose", made.x, perm=[0, 3, 1, 2])


def norm_of_clipped(made: Prepared) -> None:
    made.apply("Clip", 0.1, 0.9)
    made.apply("BatchNormalization", [0.5, -2.0, 1.0], [0.1, 0.2, -0.3], MEAN, [0.1, 0.2, 0.3])
    made.apply("Relu")


def of_a_part(made: Prepared) -> None:
    """Only some of the input is read, and only that is scaled."""
    limits = [made.constant(np.array(one)) for one in ([1], [7], [2])]
    made.x = made.node("Slice", made.x, *limits)
    made.apply("Mul", 3.0)


@pytest.mark.parametrize(
    ("change", "shape"),
    [(by_channels, SHAPE), (of_pixels, SHAPE), (turned, (1, 8, 8, 3)), (norm_of_clipped, SHAPE), (of_a_part, SHAPE)],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_before_the_first_quantise(change: Callable[[Prepared], None], shape: tuple[int, ...]) -> None:
    made = Prepared(shape)
    change(made)
    made.then_conv()
    model = made.model()
    x = np.random.default_rng(7).uniform(0, 1, shape).astype(np.float32)
    expected = InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    assert np.count_nonzero(np.abs(from_onnx(model, HARDWARE).predict(x) - expected) > 0.01) == 0
    assert len(np.unique(expected)) > 20
    checked = check_onnx(model, HARDWARE)
    assert checked.problems == ()
    assert "input, by the processor" in {one.becomes for one in checked.placements}


def bytes_model() -> onnx.ModelProto:
    """Takes images of bytes, and scales them by itself."""
    made = Prepared()
    made.x = made.node("Cast", "x", to=TensorProto.FLOAT)
    made.apply("Div", 255.0)
    by_channels(made)
    made.then_conv()
    model = made.model()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    return model


def test_images_of_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also from the files that a compile writes: `source.json` says what to do with the input."""
    model = bytes_model()
    x = np.random.default_rng(8).integers(0, 256, SHAPE).astype(np.uint8)
    expected = InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    found = from_onnx(model, HARDWARE)
    assert np.abs(found.predict(x) - expected).max() < 0.01
    assert found.random_input.dtype == np.uint8 and len(np.unique(found.integers_of(found.random_input))) > 100
    onnx.save(model, tmp_path / "bytes.onnx")
    np.save(tmp_path / "x.npy", x)
    out = tmp_path / "out"
    assert main(["compile", str(tmp_path / "bytes.onnx"), "-o", str(out)]) == 0
    files = ["--input", str(tmp_path / "x.npy"), "--output", str(tmp_path / "y.npy")]
    assert main(["sim", str(out), *files]) == 0, capsys.readouterr().err
    assert np.abs(np.load(tmp_path / "y.npy") - expected).max() < 0.01
    before = json.loads((out / SOURCE_NAME).read_text())["input"]["before"]
    assert [(one["operator"], one["shape"]) for one in before] == [
        ("Cast", [1, 1, 1, 1]),
        ("Div", [1, 1, 1, 1]),
        ("Sub", [1, 3, 1, 1]),
        ("Div", [1, 3, 1, 1]),
    ]


@pytest.mark.parametrize(("kind", "numbers"), [(TensorProto.DOUBLE, np.float64), (TensorProto.FLOAT16, np.float16)])
def test_inputs_that_are_cast(kind: int, numbers: type, tmp_path: Path) -> None:
    """Of other types of real numbers, which are cast before they are scaled."""
    made = Prepared()
    made.x = made.node("Cast", "x", to=TensorProto.FLOAT)
    by_channels(made)
    made.then_conv()
    model = made.model()
    model.graph.input[0].type.tensor_type.elem_type = kind
    x = np.random.default_rng(8).uniform(0, 1, SHAPE).astype(numbers)
    expected = InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    found = from_onnx(model, HARDWARE)
    assert np.abs(found.predict(x) - expected).max() < 0.01
    assert found.random_input.dtype.kind == "f" and len(np.unique(found.integers_of(found.random_input))) > 100
    onnx.save(model, tmp_path / "cast.onnx")
    np.save(tmp_path / "x.npy", x)
    assert main(["compile", str(tmp_path / "cast.onnx"), "-o", str(tmp_path / "out")]) == 0
    assert main(["sim", str(tmp_path / "out"), "--input", str(tmp_path / "x.npy"), "--output", str(tmp_path / "y.npy")]) == 0
    assert np.abs(np.load(tmp_path / "y.npy") - expected).max() < 0.01


def test_doubles_that_are_quantised_are_refused() -> None:
    """ONNX has no QuantizeLinear of them."""
    made = Prepared()
    made.then_conv()
    model = made.model()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    with pytest.raises(ModelError, match="an input of type double that is quantised, needs float32, as ONNX has it; cast it"):
        from_onnx(model, HARDWARE)


def test_input_prepared_in_two_ways() -> None:
    made = Prepared()
    made.apply("Mul", 2.0)
    first = made.x
    made.quantise(first, 0.02, 130)
    first, made.x = made.x, "x"
    made.quantise("x", 0.02, 130)
    made.then("Add", first, name="sum")
    needs = "the input scaled or shifted in two ways before it is quantised, needs one"
    with pytest.raises(ModelError, match=needs):
        from_onnx(made.model(), HARDWARE)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_no_numbers(bad: float) -> None:
    model = Graph(SHAPE)
    model.conv(4, 3, "conv")
    x = np.zeros(SHAPE, np.float32)
    x[0, 1, 2, 3] = bad
    found = from_onnx(model.model(), HARDWARE)
    for run in (found.predict, lambda x: found.export_inference(x, rtl=False, verbose=False)):
        with pytest.raises(ModelError, match="'x': has values that are infinite or no numbers, needs finite ones; correct"):
            run(x)
    with pytest.raises(ModelError, match="'x': an input of type <U3, needs real numbers or integers; convert"):
        found.predict(np.full(SHAPE, "one"))


def test_integers_out_of_range() -> None:
    made = Prepared()
    scale, zero = made.constant(np.float32(0.02)), made.constant(np.uint8(130))
    made.x = made.node("DequantizeLinear", "x", scale, zero)
    made.conv(4, 3, "conv")
    model = made.model()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    found = from_onnx(model, HARDWARE)
    found.predict(np.full(SHAPE, 255))
    for values in (np.full(SHAPE, 256), np.full(SHAPE, -1), np.full(SHAPE, 0.5)):
        with pytest.raises(ModelError, match="needs integers from 0 to 255, of uint8; quantise it"):
            found.predict(values)


# At the end.


def scaled(made: Graph) -> None:
    made.x = made.node("Sub", made.node("Mul", made.x, made.constant(np.float32(0.7))), made.constant(np.float32(0.2)))


def negative(made: Graph) -> None:
    made.x = made.node("Sub", made.constant(np.float32([[[1]], [[2]], [[3]], [[4]]])), made.x)


def of_all_pixels(made: Graph) -> None:
    """Numbers that differ everywhere; the axes are moved behind."""
    values = np.random.default_rng(4).normal(size=(1, 4, 6, 6)).astype(np.float32)
    made.x = made.node("Transpose", made.node("Add", made.x, made.constant(values)), perm=[0, 2, 3, 1])


def behind_a_relu(made: Graph) -> None:
    """Of what is rectified, but not quantised."""
    weights = np.random.default_rng(1).integers(-127, 128, (4, 4, 3, 3)).astype(np.int8)
    w = made.node("DequantizeLinear", made.constant(weights), made.constant(np.float32(0.01)))
    made.x = made.node("Relu", made.node("Conv", made.x, w))
    scaled(made)
    made.x = made.node("LeakyRelu", made.node("Clip", made.x, "", made.constant(np.float32(1.5))), alpha=0.3)


def norm(made: Graph) -> None:
    numbers = [[0.5, -2.0, 1.0, 0.1], [0.1, 0.2, -0.3, 1.0], [0.3, -0.1, 0.0, 0.2], [0.5, 2.0, 1.0, 0.7]]
    made.x = made.node("BatchNormalization", made.x, *(made.constant(np.float32(one)) for one in numbers))


def behind_softmax(made: Graph) -> None:
    made.x = made.node("Sigmoid", made.node("Softmax", made.x, axis=1))
    made.x = made.node("Div", made.node("Add", made.x, made.constant(np.float32(1))), made.constant(np.float32(3)))


def integer_softmax(made: Graph, **attributes: object) -> None:
    """As onnxruntime's QOperator format has it; of older versions all axes behind one are one."""
    codes = made.nodes[-1].input[0]
    numbers = [(0.05, 117), (1 / 256, 0)]
    x, y = ([made.constant(np.float32(step)), made.constant(np.uint8(zero))] for step, zero in numbers)
    result = made.node("QLinearSoftmax", codes, *x, *y, domain="com.microsoft", **attributes)
    made.x = made.node("DequantizeLinear", result, *y)


def integer_softmax_of_channels(made: Graph) -> None:
    integer_softmax(made, axis=1, opset=13)


def integer_softmax_of_rows(made: Graph) -> None:
    integer_softmax(made, axis=2, opset=11)


def cast_argmax(made: Graph) -> None:
    made.x = made.node("Cast", made.node("ArgMax", made.x, axis=1), to=TensorProto.INT32)


ENDS = [scaled, negative, of_all_pixels, behind_a_relu, norm, behind_softmax, cast_argmax]


@pytest.mark.parametrize("change", [*ENDS, integer_softmax_of_channels, integer_softmax_of_rows])
def test_behind_the_last_grid(change: Callable[[Graph], None]) -> None:
    """Exactly what onnxruntime computes of the same integers."""
    made = Graph(SHAPE)
    made.conv(4, 3, "conv")
    change(made)
    model = made.model()
    if change is cast_argmax:
        model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32
    x = np.random.default_rng(7).normal(size=SHAPE).astype(np.float32)
    expected = InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    got = from_onnx(model, HARDWARE).predict(x)
    assert got.shape == expected.shape
    assert np.count_nonzero(np.abs(got - expected) > 1e-4) <= 1, np.abs(got - expected).max()
    checked = check_onnx(model, HARDWARE)
    assert checked.problems == () and "processor" in {one.becomes for one in checked.placements}


def test_a_factor_between_two_layers_is_the_engines() -> None:
    """Also where the last layer's result goes to the processor."""
    made = Graph(SHAPE)
    made.then("Mul", made.constant(np.float32([[[1]], [[2]], [[0.5]]])), name="scale")
    made.conv(4, 3, "conv")
    becomes = {one.node: one.becomes for one in check_onnx(made.model(), HARDWARE).placements}
    assert becomes["scale"] == "depthwise convolution of one tap"


def test_what_follows_the_processors_first_step_is_its_too() -> None:
    made = Graph(SHAPE)
    made.conv(4, 3, "conv")
    made.x = made.node("Mul", made.x, made.constant(np.float32(0.3)))
    made.x = made.node("Clip", made.x, *(made.constant(np.float32(limit)) for limit in (-1.0, 2.0)))
    made.x = made.node("Relu", made.x)
    made.x = made.node("Cast", made.x, to=TensorProto.DOUBLE)
    model = made.model()
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    becomes = {one.node: one.becomes for one in check_onnx(model, HARDWARE).placements}
    assert [becomes[node.name] for node in model.graph.node[-4:]] == ["processor"] * 4


def test_an_input_of_few_bits_that_is_scaled_is_refused() -> None:
    """ONNX computes that in float16, and the processor would in float32."""
    made = Prepared()
    made.x = made.node("Sub", made.x, made.constant(np.float16(0.5)))
    made.x = made.node("Cast", made.x, to=TensorProto.FLOAT)
    made.then_conv()
    model = made.model()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    with pytest.raises(ModelError, match="an input of type float16 that is scaled before it is quantised, needs float32"):
        from_onnx(model, HARDWARE)


def test_nodes_of_the_input_and_damaged_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(bytes_model(), tmp_path / "bytes.onnx")
    out = tmp_path / "out"
    assert main(["compile", str(tmp_path / "bytes.onnx"), "-o", str(out)]) == 0
    path = out / SOURCE_NAME
    data = json.loads(path.read_text())
    np.save(tmp_path / "x.npy", np.zeros(SHAPE, np.uint8))
    capsys.readouterr()
    for damage in ({"operator": "Pow"}, {"values": [1, 2]}, {"shape": [2]}, {"values": ["a"]}):
        changed = json.loads(json.dumps(data))
        changed["input"]["before"][1] |= damage
        path.write_text(json.dumps(changed))
        assert main(["sim", str(out), "--input", str(tmp_path / "x.npy")]) == 1
        assert "is damaged" in capsys.readouterr().err

"""The float64 meaning of each layer, against torch in float64 and against numpy written out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue

from dsf import numerics
from dsf.dialects import bundle
from dsf.dialects.bundle import PoolKind, QType, tensor_of
from dsf.runtime.execute import run
from dsf.transforms.fold_batch_norm import FoldBatchNormPass

F = torch.nn.functional
Q8 = QType.of(8, 4)


def network(sizes: tuple[int, ...], layers: Callable[[SSAValue], list[Operation]], q: QType = Q8) -> ModuleOp:
    """A module whose `@main` applies `layers` to an argument of `sizes`."""
    block = Block(arg_types=[tensor_of(sizes, q)])
    ops = layers(block.args[0])
    block.add_ops([*ops, func.ReturnOp(ops[-1].results[0])])
    signature = FunctionType.from_lists([block.args[0].type], [ops[-1].results[0].type])
    module = ModuleOp([func.FuncOp("main", signature, Region(block))])
    module.verify()
    return module


def draw(rng: np.random.Generator, sizes: tuple[int, ...], bits: int = 8) -> numerics.Ints:
    low, high = numerics.int_range(bits)
    return rng.integers(low, high, size=sizes, endpoint=True)


def nchw(x: ArrayLike) -> torch.Tensor:
    return torch.from_numpy(np.asarray(x, dtype=np.float64)).permute(0, 3, 1, 2)


def nhwc(x: torch.Tensor) -> np.ndarray:
    return x.permute(0, 2, 3, 1).numpy()


def pad(x: torch.Tensor, padding: tuple[int, int, int, int], value: float = 0) -> torch.Tensor:
    top, bottom, left, right = padding
    return F.pad(x, (left, right, top, bottom), value=value)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize(
    ("kernel", "strides", "padding"),
    [((3, 3), (1, 1), (1, 1, 1, 1)), ((2, 5), (2, 3), (0, 1, 3, 6)), ((1, 1), (1, 2), (2, 2, 0, 0))],
)
def test_conv(
    kernel: tuple[int, int],
    strides: tuple[int, int],
    padding: tuple[int, int, int, int],
    dilation: tuple[int, int],
    groups: int,
) -> None:
    rng = np.random.default_rng(1)
    x, w, b = draw(rng, (2, 9, 11, 4)), draw(rng, (*kernel, 4 // groups, 6)), draw(rng, (6,))

    def layers(value: SSAValue) -> list[Operation]:
        conv = bundle.ConvOp(
            value,
            numerics.dequantize(w, 5),
            QType.of(8, 5),
            bits_sum=32,
            bias=numerics.dequantize(b, 3),
            bias_type=QType.of(8, 3),
            strides=strides,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
        return [conv]

    torch_w = torch.from_numpy(numerics.dequantize(w, 5)).permute(3, 2, 0, 1)
    torch_b = torch.from_numpy(numerics.dequantize(b, 3))
    expected = F.conv2d(pad(nchw(numerics.dequantize(x, 4)), padding), torch_w, torch_b, strides, 0, dilation, groups)
    np.testing.assert_array_equal(numerics.dequantize(run(network(x.shape, layers), x), 9), nhwc(expected))


def test_dense() -> None:
    rng = np.random.default_rng(2)
    x, w, b = draw(rng, (3, 7)), draw(rng, (7, 5)), draw(rng, (5,))
    module = network(
        x.shape,
        lambda value: [bundle.DenseOp(value, w / 8, QType.of(8, 3), bits_sum=32, bias=b / 4, bias_type=QType.of(8, 2))],
    )
    expected = (x / 16) @ (w / 8) + b / 4
    np.testing.assert_array_equal(numerics.dequantize(run(module, x), 7), expected)


def test_weights_and_bias_are_quantised_at_use() -> None:
    """0.3 is 2 on a grid of 1/8 and 100 clips at 7/8; the bias 0.4 is 2 on a grid of 1/4."""
    module = network(
        (1, 2),
        lambda value: [
            bundle.DenseOp(value, [[0.3], [100]], QType.of(4, 3), bits_sum=32, bias=[0.4], bias_type=QType.of(8, 2))
        ],
    )
    np.testing.assert_array_equal(run(module, [[1, 10]]), [[1 * 2 + 10 * 7 + (2 << 5)]])


@pytest.mark.parametrize("slope", [1.0, 0.0, 0.5, 2.0**-15])
def test_activation_rounds_once_half_to_even(slope: float) -> None:
    x = np.arange(-2048, 2048).reshape(1, -1)
    module = network(x.shape, lambda value: [bundle.ActivationOp(value, QType.of(8, 3), slope)], QType.of(12, 5))
    real = torch.nn.functional.leaky_relu(torch.from_numpy(x / 32.0), slope)
    # torch.round rounds half to even, too.
    expected = torch.clamp(torch.round(real * 8), -128, 127).to(torch.int64).numpy()
    np.testing.assert_array_equal(run(module, x), expected)


def test_activation_can_gain_bits() -> None:
    module = network((1, 3), lambda value: [bundle.ActivationOp(value, QType.of(8, 7))])
    np.testing.assert_array_equal(run(module, [[3, -15, 16]]), [[24, -120, 127]])


@pytest.mark.parametrize("slope", [1.0, 0.0, 0.125])
def test_add_aligns_and_rounds_once(slope: float) -> None:
    a = np.repeat(np.arange(-128, 128), 256).reshape(1, -1)
    module = network(a.shape, lambda value: _add_of_two(value, slope))
    b = numerics.quantize(a / 16, 8, 6)
    total = a / 16 + b / 64
    expected = numerics.quantize(np.where(total < 0, total * slope, total), 8, 3)
    np.testing.assert_array_equal(run(module, a), expected)


def _add_of_two(value: SSAValue, slope: float) -> list[Operation]:
    fine = bundle.ActivationOp(value, QType.of(8, 6))
    return [fine, bundle.AddOp(value, fine.output, QType.of(8, 3), slope)]


WINDOWS = [((2, 2), (2, 2), (0, 0, 0, 0)), ((3, 2), (1, 3), (1, 2, 0, 1)), ((5, 7), (5, 7), (0, 0, 0, 0))]


@pytest.mark.parametrize(("size", "strides", "padding"), WINDOWS)
def test_max_pool(size: tuple[int, int], strides: tuple[int, int], padding: tuple[int, int, int, int]) -> None:
    x = draw(np.random.default_rng(3), (2, 5, 7, 3))
    module = network(x.shape, lambda value: [bundle.PoolOp(value, PoolKind.MAX, size, Q8, strides=strides, padding=padding)])
    expected = F.max_pool2d(pad(nchw(x), padding, -np.inf), size, strides)
    np.testing.assert_array_equal(run(module, x), nhwc(expected))


@pytest.mark.parametrize("count_padding", [False, True])
@pytest.mark.parametrize("slope", [1.0, 0.25])
@pytest.mark.parametrize(("size", "strides", "padding"), WINDOWS)
def test_average_pool(
    size: tuple[int, int], strides: tuple[int, int], padding: tuple[int, int, int, int], slope: float, count_padding: bool
) -> None:
    """Against sums and counts of torch; a tie is the common case with windows of 2x2."""
    x = draw(np.random.default_rng(4), (2, 5, 7, 3))
    module = network(
        x.shape,
        lambda value: [
            bundle.PoolOp(
                value,
                PoolKind.AVG,
                size,
                QType.of(8, 5),
                strides=strides,
                padding=padding,
                negative_slope=slope,
                count_padding=count_padding,
            )
        ],
    )
    ones = pad(torch.ones(1, 1, 5, 7, dtype=torch.float64), padding, 1.0 if count_padding else 0.0)
    area = size[0] * size[1]
    means = F.avg_pool2d(pad(nchw(x / 16), padding), size, strides) * area / (F.avg_pool2d(ones, size, strides) * area)
    real = F.leaky_relu(means, slope)
    expected = torch.clamp(torch.round(real * 32), -128, 127)
    np.testing.assert_array_equal(run(module, x), nhwc(expected))


def test_flatten_is_row_major() -> None:
    x = np.arange(24).reshape(2, 2, 3, 2)
    module = network(x.shape, lambda value: [bundle.FlattenOp(value)])
    np.testing.assert_array_equal(run(module, x), np.arange(24).reshape(2, 12))


def test_softmax_does_not_overflow() -> None:
    x = np.array([[127, 100, -128], [0, 0, 0]])
    module = network(x.shape, lambda value: [bundle.SoftmaxOp(value)], QType.of(8, -4))
    expected = torch.softmax(torch.from_numpy(x * 16.0), dim=-1)
    np.testing.assert_allclose(run(module, x), expected.numpy(), rtol=1e-15)


@pytest.mark.parametrize("biased", [False, True])
def test_batch_norm_is_its_folding(biased: bool) -> None:
    """Before and after fold-batch-norm, and against torch's batch norm on a grid fine enough to see no rounding."""
    rng = np.random.default_rng(5)
    x = draw(rng, (2, 5, 5, 3))
    w, b, gamma, beta, mean = (rng.normal(size=sizes) for sizes in ((3, 3, 3, 4), (4,), (4,), (4,), (4,)))
    variance = rng.uniform(0.5, 2, size=4)
    fine = QType.of(32, 24)

    def layers(value: SSAValue) -> list[Operation]:
        bias, bias_type = (b, fine) if biased else (None, None)
        conv = bundle.ConvOp(value, w, fine, bits_sum=48, bias=bias, bias_type=bias_type)
        norm = bundle.BatchNormOp(
            conv.output, gamma=gamma, beta=beta, mean=mean, variance=variance, epsilon=1e-3, bias_type=fine
        )
        return [conv, norm]

    module = network(x.shape, layers)
    y = run(module, x)
    sums = F.conv2d(nchw(x / 16), torch.from_numpy(w).permute(3, 2, 0, 1), torch.from_numpy(b) if biased else None)
    arguments = (torch.from_numpy(one) for one in (mean, variance, gamma, beta))
    expected = F.batch_norm(sums, *arguments, eps=1e-3)
    np.testing.assert_allclose(numerics.dequantize(y, 28), nhwc(expected), rtol=0, atol=1e-5)
    FoldBatchNormPass().apply(None, module)  # pyright: ignore[reportArgumentType]
    module.verify()
    assert not any(isinstance(op, bundle.BatchNormOp) for op in module.walk())
    np.testing.assert_array_equal(run(module, x), y)


def test_bundles_are_captured_by_name() -> None:
    def layers(value: SSAValue) -> list[Operation]:
        first = bundle.BundleOp("first", [bundle.ActivationOp(value, QType.of(8, 3))])
        return [first, bundle.BundleOp("second", [bundle.ActivationOp(first.output, QType.of(8, 5), 0.0)])]

    captured: dict[str, numerics.Ints] = {}
    result = run(network((1, 3), layers), [[-3, 2, 5]], captured)
    np.testing.assert_array_equal(captured["first"], [[-2, 1, 2]])
    np.testing.assert_array_equal(captured["second"], [[0, 4, 8]])
    np.testing.assert_array_equal(result, captured["second"])

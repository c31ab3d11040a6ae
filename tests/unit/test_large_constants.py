"""Large constants are converted, checked and printed in parts, with the same results, and without large copies of them."""

from __future__ import annotations

import tracemalloc
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from bundle_networks import Network
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.printer import Printer

from dsf import numerics
from dsf.compiler import compile_module, context
from dsf.constraints import sums
from dsf.dialects import constants
from dsf.dialects.constants import dense_ints, dense_reals, ints_of, stored_ints
from dsf.hardware import Hardware
from dsf.parsing import PositionParser
from dsf.sidecar import module_text, move_out, resolve


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk has a few elements."""
    monkeypatch.setattr(constants, "CHUNK", 7)
    monkeypatch.setattr(sums, "CHUNK", 7)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16, 24, 32, 40])
@pytest.mark.usefixtures("small_chunks")
def test_constants_keep_their_values(bits: int) -> None:
    values = numerics.random_elements(np.random.default_rng(bits), (3, 5, 4), bits)
    constant = dense_ints(values.transpose(2, 0, 1), bits)
    np.testing.assert_array_equal(ints_of(constant), values.transpose(2, 0, 1))
    assert ints_of(constant).dtype == np.int64
    stored = stored_ints(constant)
    np.testing.assert_array_equal(stored, values.transpose(2, 0, 1))
    assert stored.dtype.itemsize == len(constant.data.data) // values.size
    values[2, 4, 3] = 1 << (bits - 1)
    if bits > 1:
        with pytest.raises(ValueError, match=f"do not fit i{bits}"):
            dense_ints(values, bits)


@pytest.mark.parametrize("shape", [(3, 3, 4, 10), (40, 3), (1, 1, 1, 1)])
@pytest.mark.usefixtures("small_chunks")
def test_sums_of_some_channels_at_once(shape: tuple[int, ...]) -> None:
    """Of weights that are the least of 8 bits too, whose magnitude has no 8 bits."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-128, -120, shape)
    bias = rng.integers(-1000, 1000, shape[-1])
    expected = [128 * sum(abs(int(one)) for one in weights[..., c].flat) + abs(int(bias[c]) * 8) for c in range(shape[-1])]
    assert sums.largest_sums(weights.astype(np.int8), bias, 3, 8).tolist() == expected


def printed(module: ModuleOp) -> str:
    """As xDSL prints it, all in one."""
    stream = StringIO()
    Printer(stream, print_debuginfo=True).print_op(module)
    return stream.getvalue() + "\n"


def module_with_constants() -> ModuleOp:
    rng = np.random.default_rng(0)
    many, few = rng.integers(-8, 8, (3, 50)), rng.integers(-8, 8, 7)
    module = ModuleOp([])
    module.attributes = {
        "a": dense_ints(many, 4),
        "b": dense_ints(few, 4),
        "c": dense_ints(np.full(200, 3), 8),
        "d": dense_ints(many, 24),
        "e": dense_reals(many / 8),
        "f": dense_reals(np.full(200, 0.5)),
        "g": dense_ints(2 * (many > 0) - 1, 1),
        "h": UnitAttr(),
        "i": dense_ints(many, 4),
    }
    return module


def test_text_is_that_of_xdsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all constants in it, and with the large ones in files, which is the same whether printed so or moved later."""
    module = module_with_constants()
    assert module_text(module) == module_text(module, tmp_path) == printed(module)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("dsf.sidecar.LIMIT", 1000)
    monkeypatch.setattr("dsf.sidecar.SMALL", 200)
    text = module_text(module, tmp_path)
    # Of the five in hexadecimal, two of 150 elements of 4 bits, one of 1 bit, one of 24 and one real, the latter are large.
    assert text.count("sha256:") == 2 and text.count('dense<"0x') == 3
    assert text == move_out(printed(module), tmp_path)
    again = PositionParser(context(), resolve(text, tmp_path), "again").parse_module()
    assert again.attributes == module.attributes


def test_compiling_makes_no_large_copies(tmp_path: Path) -> None:
    """A layer of 2**20 weights of 8 bits, in parts of 2**17: less than two copies in 64 bits, at any time."""
    hw = Hardware(max_channels_in=1024, max_channels_out=1024, bits_bias=32)
    network = Network(hw, (1, 1, 1, 1024))
    network.conv(1, 1024)
    module = network.module()
    tracemalloc.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "CHUNK", 1 << 17)
        patch.setattr(sums, "CHUNK", 1 << 17)
        compile_module(module, keep_in=tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20, f"{peak / (1 << 20):.1f} bytes for each weight"

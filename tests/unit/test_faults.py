"""Faults of DSF end in one message, which says so and where to look: a pass that stops, or leaves what does not verify."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from dsf.compiler import compile_module, parse_module
from dsf.dialects import fxp
from dsf.errors import FaultError, ModelError
from dsf.tools.dsf import main
from dsf.transforms.fxp_to_tile import FxpToTilePass
from dsf.transforms.merge_columns import MergeColumnsPass

NETWORK = Path(__file__).parents[1] / "data" / "small_network.mlir"


def plant(monkeypatch: pytest.MonkeyPatch, change: object, one: type[ModulePass] = MergeColumnsPass) -> None:
    """After what a pass does, a change of the module that is none."""
    applied = one.apply

    def apply(self: ModulePass, ctx: Context, op: ModuleOp) -> None:
        applied(self, ctx, op)
        change(op)

    monkeypatch.setattr(one, "apply", apply)


def break_convolution(module: ModuleOp) -> None:
    conv = next(op for op in module.walk() if isinstance(op, fxp.ConvOp))
    conv.properties["groups"] = IntegerAttr(77, i64)


def stop(module: ModuleOp) -> None:
    raise KeyError("a bundle that is not there")


def test_what_does_not_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    plant(monkeypatch, break_convolution)
    assert main(["compile", str(NETWORK), "-o", str(tmp_path / "net"), "--emit-ir"]) == 70
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    file = tmp_path / "net" / "ir" / "fault-merge-columns.mlir"
    assert re.fullmatch(
        r"dsf: 'merge-columns': leaves 'fxp.conv' of '\w+' that does not verify \(.*77 groups.*\), needs one that does; this "
        rf"is a fault of DSF, not of the network: report it, {file} is the module as the pass left it",
        line,
    )
    assert "groups = 77" in file.read_text()


def test_a_pass_that_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    plant(monkeypatch, stop, FxpToTilePass)
    assert main(["estimate", str(NETWORK)]) == 70
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    found = re.fullmatch(
        r"dsf: 'fxp-to-tile': stops with KeyError: 'a bundle that is not there' in dsf/compiler.py, line \d+, needs to end; "
        r"this is a fault of DSF, not of the network: report it, (\S+) is the module as the pass left it",
        line,
    )
    assert found and "tile." in Path(found[1]).read_text()


def test_in_python_the_module_is_no_part_of_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, break_convolution)
    with pytest.raises(FaultError) as caught:
        compile_module(parse_module(NETWORK))
    assert caught.value.__cause__ is not None and not getattr(caught.value.__cause__, "__notes__", [])


def test_other_errors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("dsf.tools.load.load_model", fail)
    assert main(["check", str(NETWORK)]) == 70
    error = capsys.readouterr().err
    assert re.fullmatch(
        r"dsf: 'dsf': stops with ZeroDivisionError: division by zero in tools/check.py, line \d+, needs to end; this is a "
        r"fault of DSF: report it with what was given to it; DSF_TRACEBACK=1 shows where it comes from\n",
        error,
    )
    monkeypatch.setenv("DSF_TRACEBACK", "1")
    assert main(["check", str(NETWORK)]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_module_of_the_user_that_does_not_verify() -> None:
    """Is no fault of DSF: the message names the operation."""
    module = parse_module(NETWORK)
    conv = next(op for op in module.walk() if op.name == "bundle.conv")
    conv.properties["groups"] = IntegerAttr(77, i64)
    with pytest.raises(ModelError, match=r"^'[\w.]+': 77 groups, needs a divisor"):
        compile_module(module)

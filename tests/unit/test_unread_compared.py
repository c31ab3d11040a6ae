"""Levels agree where a pass leaves out positions that nobody reads: they are compared at those that are left."""

from __future__ import annotations

import numpy as np
import pytest
from bundle_networks import Network
from xdsl.dialects.builtin import ModuleOp

from dsf.bisection.levels import Bisection, levels_of_passes
from dsf.compiler import compile_module, random_input
from dsf.dialects.shapes import shape
from dsf.errors import MismatchError
from dsf.hardware import Hardware
from dsf.transforms.dsf_pipeline import DsfPipelinePass
from dsf.transforms.skip_unread import SkipUnreadPass, at_positions


def halved() -> ModuleOp:
    """A convolution of which the next one, 1x1 with stride 2, reads one position in four."""
    network = Network(Hardware(bits_bias=32), (1, 9, 8, 4))
    network.conv(3, 8)
    network.conv(1, 8, stride=2)
    return network.module()


def test_all_levels_agree() -> None:
    module = halved()
    compile_module(module, verify_each=True)
    bisection = Bisection(random_input(module))
    bisection.run(levels_of_passes(module, DsfPipelinePass().passes()))
    assert bisection.difference is None and "skip-unread" in bisection.steps


def test_a_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in what is left, and a stride too many."""
    apply = SkipUnreadPass.apply

    def wrong(self: SkipUnreadPass, ctx: object, op: ModuleOp) -> None:
        apply(self, ctx, op)  # type: ignore[arg-type]
        made = next(one for one in op.walk() if one.name == "fxp.requantize")
        assert shape(made.results[0])[1:3] == (5, 4)
        made.properties["bias"] = made.properties["bias"].from_list(made.properties["bias"].type, [1 << 10] * 8)

    monkeypatch.setattr(SkipUnreadPass, "apply", wrong)
    module = halved()
    with pytest.raises(MismatchError, match="'skip-unread', bundle_0: element"):
        compile_module(module, verify_each=True)
    bisection = Bisection(random_input(module))
    bisection.run(levels_of_passes(module, DsfPipelinePass().passes()))
    assert bisection.difference is not None and bisection.difference.step == "skip-unread"


@pytest.mark.parametrize("step", [(1, 2), (2, 1), (3, 2), (4, 4), (9, 8)])
def test_positions(step: tuple[int, int]) -> None:
    values = np.random.default_rng(0).integers(-99, 99, (2, 9, 8, 3))
    got = values[:, :: step[0], :: step[1]]
    np.testing.assert_array_equal(at_positions(values, got), got)
    assert at_positions(values, np.zeros((2, 10, 8, 3), dtype=np.int64)).shape == values.shape

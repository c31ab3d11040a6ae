"""Modules that torch.ao.quantization prepared, with fake quantisation or observers, eager or as graphs; and converted ones."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.ao import quantization
from torch.ao.nn.quantized import FloatFunctional
from torch.ao.quantization import quantize_fx

import dsf
from dsf.errors import ModelError

pytestmark = pytest.mark.filterwarnings("ignore")

EXAMPLE = torch.zeros(1, 3, 8, 8)


class Net(nn.Module):
    """A convolution with a batch normalisation, a residual addition, a dense layer."""

    def __init__(self, eager: bool):
        super().__init__()
        self.quant, self.back, self.sum = quantization.QuantStub(), quantization.DeQuantStub(), FloatFunctional()
        self.first, self.norm, self.relu = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()
        self.second, self.pool, self.head = nn.Conv2d(4, 4, 3, padding=1), nn.MaxPool2d(4), nn.Linear(16, 5)
        self.eager = eager

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.quant(x) if self.eager else x
        x = self.relu(self.norm(self.first(x)))
        y = self.second(x)
        y = self.sum.add_relu(y, x) if self.eager else torch.relu(y + x)
        y = self.head(self.pool(y).flatten(1))
        return self.back(y) if self.eager else y


def samples(count: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def eager(training: bool, *, feed: bool = True) -> nn.Module:
    torch.manual_seed(0)
    module = Net(eager=True).train(training)
    names = [["first", "norm", "relu"]]
    if training:
        module.qconfig = quantization.get_default_qat_qconfig("fbgemm")
        made = quantization.prepare_qat(quantization.fuse_modules_qat(module, names))
    else:
        module.qconfig = quantization.get_default_qconfig("qnnpack")
        made = quantization.prepare(quantization.fuse_modules(module, names))
    return fed(made) if feed else made


def graph(training: bool) -> nn.Module:
    torch.manual_seed(0)
    module = Net(eager=False).train(training)
    if training:
        made = quantize_fx.prepare_qat_fx(module, quantization.get_default_qat_qconfig_mapping("qnnpack"), (EXAMPLE,))
    else:
        made = quantize_fx.prepare_fx(module, quantization.get_default_qconfig_mapping("fbgemm"), (EXAMPLE,))
    return fed(made)


def fed(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        module(samples())
    return module.eval()


X = samples(50, seed=1)


def check(module: dsf.OnnxModel, expected: nn.Module, step: float, *, layers: int = 3) -> None:
    """
    The same results as those of a module, but where a sum nearly half-way between two steps went the other way: in each layer
    one of a thousand, of which each moves what the next one adds up of them.
    """
    with torch.no_grad():
        wanted = expected(X).numpy()
    apart = np.abs(module.predict(X.numpy()) - wanted) / step
    most = 0.003 * layers * apart.size
    assert apart.max() < layers - 1.5 and np.count_nonzero(apart > 0.5) <= most + 4 * most**0.5, apart


@pytest.mark.parametrize("make", [eager, graph])
def test_trained_with_fake_quantisation(make: Callable[[bool], nn.Module]) -> None:
    """What it computes in inference; it stays as it is."""
    module = make(True)
    quantisers = [one for one in module.modules() if isinstance(one, quantization.FakeQuantizeBase)]
    for one in quantisers:
        one.disable_observer()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    last = module.head.activation_post_process if make is eager else quantisers[-1]
    check(dsf.from_torch(module, X[:1]), module, float(last.scale))
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_prepared_with_observers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it computes once it is converted, in integers."""
    monkeypatch.setattr(torch.backends.quantized, "engine", "qnnpack")
    module = eager(False)
    converted = quantization.convert(module)
    check(dsf.from_torch(module, X[:1]), converted, float(converted.head.scale))
    # Of a graph as its reference, which has the same grids and computes in real numbers.
    prepared = graph(False)
    model = dsf.from_torch(prepared, X[:1])
    reference = quantize_fx.convert_to_reference_fx(prepared)
    *_, last = (one for one in reference.graph.nodes if one.target is torch.quantize_per_tensor)
    check(model, reference, float(getattr(reference, last.args[1].target)))


class Averaged(nn.Module):
    """Poolings whose results eager modules do not observe."""

    def __init__(self):
        super().__init__()
        self.quant, self.back = quantization.QuantStub(), quantization.DeQuantStub()
        self.first, self.mean = nn.Conv2d(3, 8, 3), nn.AvgPool2d(2, stride=1)
        self.second, self.all, self.head = nn.Conv2d(8, 16, 1), nn.AdaptiveAvgPool2d(1), nn.Linear(16, 40)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.second(self.mean(self.first(self.quant(x))))
        return self.back(self.head(self.all(x).flatten(1)))


def prepared(module: nn.Module, engine: str) -> nn.Module:
    module = module.eval()
    module.qconfig = quantization.get_default_qconfig(engine)
    return fed(quantization.prepare(module))


def test_a_reduced_range_does_not_clip() -> None:
    """fbgemm's observers choose scales for 7 bits, but what is converted has the 8 of its type."""
    module = prepared(nn.Sequential(quantization.QuantStub(), nn.Conv2d(3, 8, 3), quantization.DeQuantStub()), "fbgemm")
    converted = quantization.convert(module)
    wide = 3 * X
    wanted = converted(wide).numpy()
    step = float(converted[1].scale)
    assert np.ptp(wanted) / step > 140  # More than the observers' range.
    apart = np.abs(dsf.from_torch(module, X[:1]).predict(wide.numpy()) - wanted) / step
    assert apart.max() < 1.5 and np.mean(apart > 0.5) < 0.01


def test_means_keep_the_grid_of_what_they_are_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the converted module."""
    # The other engine, qnnpack, rounds halves of means up.
    monkeypatch.setattr(torch.backends.quantized, "engine", "fbgemm")
    torch.manual_seed(0)
    module = prepared(Averaged(), "fbgemm")
    converted = quantization.convert(module)
    check(dsf.from_torch(module, X[:1]), converted, float(converted.head.scale), layers=5)


def round_means(pool: nn.Module, scale: float) -> None:
    """Makes a pooling give means on this grid, of integers exactly, half to even."""
    alike = copy.deepcopy(pool)
    pool.register_forward_hook(lambda _, x, y: (torch.round(alike(torch.round(x[0].double() / scale))) * scale).float())


def test_means_of_fake_quantisation() -> None:
    """
    Scales are those that the prepared module computes with: torch's converted one has others, by a two-thousandth, and all 8
    bits where fbgemm's fake quantisation has 7.
    """
    torch.manual_seed(0)
    module = Averaged().train()
    module.qconfig = quantization.get_default_qat_qconfig("fbgemm")
    module = fed(quantization.prepare_qat(module))
    for one in module.modules():
        if isinstance(one, quantization.FakeQuantizeBase):
            one.disable_observer()
    model = dsf.from_torch(module, X[:1])
    for pool, before in ((module.mean, module.first), (module.all, module.second)):
        round_means(pool, float(before.activation_post_process.scale))
    check(model, module, float(module.head.activation_post_process.scale), layers=5)


def problems(module: object) -> list[str]:
    with pytest.raises(ModelError) as caught:
        dsf.from_torch(module, EXAMPLE)
    return caught.value.problems


def test_observers_that_have_seen_nothing() -> None:
    found = problems(eager(False, feed=False))
    assert {one.split(":")[0] for one in found} >= {"'quant.activation_post_process'", "'head.activation_post_process'"}
    assert all(
        one.endswith("an observer that has seen nothing, needs samples; call the prepared module on some") for one in found
    )


def test_converted() -> None:
    (found,) = problems(quantization.convert(eager(True)))
    assert (
        found.startswith("'Net': has layers of torch.ao.nn.quantized (") and "pass the module as it was before convert" in found
    )
    (found,) = problems(quantize_fx.convert_to_reference_fx(graph(False)))
    assert (
        found.startswith("'GraphModule': computes with quantised tensors")
        and "as prepare_fx or prepare_qat_fx made it" in found
    )


def test_other_forms_of_modules() -> None:
    module = Net(eager=False).eval()
    (found,) = problems(torch.jit.trace(module, EXAMPLE))
    assert "is TorchScript, needs a module that torch.export can trace; pass the module it was made of" in found
    (found,) = problems(torch.export.export(module, (EXAMPLE,)))
    assert found.startswith("'from_torch': ExportedProgram is no torch.nn.Module")
    observer = type("HistogramObserver", (nn.Identity,), {"__module__": "torchao.quantization.pt2e.observer"})
    (found,) = problems(nn.Sequential(nn.Conv2d(3, 4, 3), observer()))
    assert (
        "has observers of torchao, as prepare_pt2e makes it" in found
        and "pass what torchao's convert_pt2e makes of it" in found
    )
    (found,) = problems(Net(eager=False).half())
    assert found == "'Net': has weights of torch.float16, needs torch.float32; call its method float()"


def test_what_was_exported_before() -> None:
    module = torch.export.export(Net(eager=False).eval(), (EXAMPLE,)).module()
    model = dsf.from_torch(module, EXAMPLE, calibration=samples())
    assert model.quantization is not None and model.input_shape == (1, 3, 8, 8)

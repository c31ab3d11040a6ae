"""Well-known networks come in from PyTorch as they are written, are quantised, and compile."""

import numpy as np
import pytest
import torch
from architectures import ARCHITECTURES
from quantize_graphs import decibels

import dsf
from dsf import Hardware
from dsf.compiler import compile_module

HARDWARE = Hardware(bits_bias=32, max_kernel_size=(16, 16), max_image_size=(128, 1024))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_comes_in(name: str) -> None:
    make, shape, least = ARCHITECTURES[name]
    torch.manual_seed(0)
    module = make()
    for _ in range(3):
        module(torch.randn(16, *shape))  # Statistics for the batch normalisations.
    module.eval()
    x, seen = torch.randn(8, *shape), torch.randn(32, *shape)
    model = dsf.from_torch(module, (x[:1],), HARDWARE, calibration=seen.numpy())
    got = model.predict(x.numpy())
    with torch.no_grad():
        wanted = module(x).numpy()
    assert got.shape == wanted.shape
    assert decibels(wanted, got) > least
    assert np.ptp(wanted) > 0.1
    compile_module(model.module, verify_each=True)

"""
DSF: quantised neural networks on one reconfigurable engine. This is the public API.

Names are imported when they are first used, so that the compiler's tools start without PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dsf.errors import DsfError, HardwareError, ModelError
    from dsf.frontend.onnx.model import OnnxModel, from_onnx
    from dsf.frontend.torch import from_torch
    from dsf.hardware import Hardware
    from dsf.nn.bundle import Bundle, QInput
    from dsf.nn.cores import QConvCore, QConvTransposeCore, QDenseCore
    from dsf.nn.layers import (
        QAdd,
        QClip,
        QExp,
        QGelu,
        QHardSigmoid,
        QHardSwish,
        QIdentity,
        QLeakyReLU,
        QLeakyReLu,
        QMul,
        QPool,
        QReLU6,
        QSigmoid,
        QSwish,
        QTanh,
        Softmax,
    )
    from dsf.nn.model import BundleModel
    from dsf.nn.moves import QConcat, QPad, QResize, QSlice, QTranspose

__all__ = [
    "Bundle",
    "BundleModel",
    "DsfError",
    "Hardware",
    "HardwareError",
    "ModelError",
    "OnnxModel",
    "QAdd",
    "QClip",
    "QConcat",
    "QConvCore",
    "QConvTransposeCore",
    "QDenseCore",
    "QExp",
    "QGelu",
    "QHardSigmoid",
    "QHardSwish",
    "QIdentity",
    "QInput",
    "QLeakyReLU",
    "QLeakyReLu",
    "QMul",
    "QPad",
    "QPool",
    "QReLU6",
    "QResize",
    "QSigmoid",
    "QSlice",
    "QSwish",
    "QTanh",
    "QTranspose",
    "Softmax",
    "from_onnx",
    "from_torch",
]

_MODULES = {
    "dsf.errors": ("DsfError", "HardwareError", "ModelError"),
    "dsf.frontend.onnx.model": ("OnnxModel", "from_onnx"),
    "dsf.frontend.torch": ("from_torch",),
    "dsf.hardware": ("Hardware",),
    "dsf.nn.bundle": ("Bundle", "QInput"),
    "dsf.nn.cores": ("QConvCore", "QConvTransposeCore", "QDenseCore"),
    "dsf.nn.layers": (
        "QAdd",
        "QClip",
        "QExp",
        "QGelu",
        "QHardSigmoid",
        "QHardSwish",
        "QIdentity",
        "QLeakyReLU",
        "QLeakyReLu",
        "QMul",
        "QPool",
        "QReLU6",
        "QSigmoid",
        "QSwish",
        "QTanh",
        "Softmax",
    ),
    "dsf.nn.model": ("BundleModel",),
    "dsf.nn.moves": ("QConcat", "QPad", "QResize", "QSlice", "QTranspose"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'dsf' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

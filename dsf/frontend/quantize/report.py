"""How far a quantised network is from the float one, layer by layer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from dsf.codegen.report import NOTHING, RATIOS


@dataclass
class Energy:
    """Signal and noise, summed over batches."""

    signal: float = 0.0
    noise: float = 0.0

    def add(self, reference: NDArray[Any], result: NDArray[Any]) -> None:
        expected = reference.astype(np.float64)
        self.signal += float(np.square(expected).sum())
        self.noise += float(np.square(expected - result).sum())

    @property
    def decibels(self) -> float | None:
        """`10 log10(signal / noise)`, or `None` where there is no noise; a signal of 0 with noise is -inf."""
        if self.noise == 0.0:
            return None
        return float(10 * np.log10(self.signal / self.noise)) if self.signal else -np.inf


@dataclass(frozen=True)
class LayerReport:
    """
    A quantised tensor, named by the layer that computes it.

    `snr_layer` is the signal-to-noise ratio in decibels of this layer alone, given the float network's inputs; `snr_total` that
    of the network so far, in which errors accumulate. `None`: no difference; -inf: noise without a signal. `bits`, `scale` and
    `zero_point` are `None` for a result that leaves as it is.
    """

    name: str
    operator: str
    tensor: str
    shape: tuple[int, ...]
    bits: int | None
    scale: float | None
    zero_point: int | None
    snr_layer: float | None
    snr_total: float | None


@dataclass(frozen=True)
class QuantizationReport:
    """All layers in the order of the network, and what was asked for."""

    layers: list[LayerReport]
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    samples: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON types only: ratios of -inf as text."""
        data = asdict(self)
        for layer in data["layers"]:
            layer |= {name: NOTHING if layer[name] == -np.inf else layer[name] for name in RATIOS}
        return data

    @staticmethod
    def of_dict(data: dict[str, Any]) -> QuantizationReport:
        """What `to_dict` wrote, read again."""
        names = [one.name for one in fields(LayerReport)]
        layers = [LayerReport(**{name: _read(name, layer[name]) for name in names}) for layer in data["layers"]]
        return QuantizationReport(layers, data["options"], data["samples"])

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def table(self) -> Table:
        """For people: one row a layer."""
        table = Table(title=f"Signal to noise in dB, float against quantised, {self.samples} samples")
        for column in ("layer", "operator", "shape"):
            table.add_column(column, overflow="fold")
        for column in ("bits", "scale", "zero point", "layer alone", "accumulated"):
            table.add_column(column, justify="right")
        for one in self.layers:
            shape = "x".join(map(str, one.shape))
            numbers = ["" if one.bits is None else str(one.bits), "" if one.scale is None else f"{one.scale:.4g}"]
            numbers += ["" if one.zero_point is None else str(one.zero_point), _text(one.snr_layer), _text(one.snr_total)]
            table.add_row(one.name, one.operator, shape, *numbers)
        return table


def _read(name: str, value: Any) -> Any:
    return -np.inf if name in RATIOS and value == NOTHING else value


def _text(decibels: float | None) -> str:
    return "exact" if decibels is None else f"{decibels:.1f}"

"""
Training and evaluation loops: what `BundleModel.fit`, `evaluate` and `predict` do.

Batches are drawn by a generator of their own, so that a seed fixes the order whatever else draws random numbers.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor, nn

from dsf.errors import ModelError

Loss = Callable[[Tensor, Tensor], Tensor]
Optimizer = torch.optim.Optimizer | Callable[[Any], torch.optim.Optimizer] | str

_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
_LOSSES: dict[str, Loss] = {"cross_entropy": F.cross_entropy, "mse": F.mse_loss}


@dataclass(frozen=True)
class Metrics:
    """Mean loss, and the fraction of right answers where the model classifies (else `None`)."""

    loss: float
    accuracy: float | None

    def __str__(self) -> str:
        return f"loss {self.loss:.4f}" + ("" if self.accuracy is None else f", accuracy {self.accuracy:.2%}")


@dataclass(frozen=True)
class History:
    """Metrics of each epoch: of the training batches as they went by, and of the validation data (empty without)."""

    training: list[Metrics] = field(default_factory=list[Metrics])
    validation: list[Metrics] = field(default_factory=list[Metrics])


@dataclass(frozen=True)
class Recipe:
    """How to train: what `BundleModel.compile` was told."""

    optimizer: torch.optim.Optimizer
    loss: Loss
    schedule: Literal["cosine"] | None

    @staticmethod
    def make(model: nn.Module, optimizer: Optimizer, loss: str | Loss, lr: float, schedule: Literal["cosine"] | None) -> Recipe:
        """Names to objects. Raises `ModelError` for unknown names."""
        problems: list[str] = []
        if isinstance(optimizer, str) and optimizer not in _OPTIMIZERS:
            problems.append(f"'compile': optimizer={optimizer!r}, needs {', '.join(_OPTIMIZERS)}, or a torch.optim.Optimizer")
        if isinstance(loss, str) and loss not in _LOSSES:
            problems.append(f"'compile': loss={loss!r}, needs {', '.join(_LOSSES)}, or a function of (output, target)")
        if schedule not in (None, "cosine"):
            problems.append(f"'compile': schedule={schedule!r}, needs 'cosine' or None")
        if problems:
            raise ModelError(problems)
        if isinstance(optimizer, str):
            optimizer = _OPTIMIZERS[optimizer](model.parameters(), lr=lr)
        elif not isinstance(optimizer, torch.optim.Optimizer):
            optimizer = optimizer(model.parameters())
        return Recipe(optimizer, _LOSSES[loss] if isinstance(loss, str) else loss, schedule)


def fit(
    model: nn.Module,
    recipe: Recipe,
    x: Tensor,
    y: Tensor,
    *,
    epochs: int,
    batch_size: int,
    validation: tuple[Tensor, Tensor] | None,
    verbose: bool,
    seed: int,
) -> History:
    """Trains `model` for `epochs` passes over the shuffled data; the model is left in eval mode."""
    if min(epochs, batch_size) < 1:
        raise ModelError(f"'fit': epochs={epochs} and batch_size={batch_size}, needs at least 1 of each")
    if len(x) != len(y):
        raise ModelError(f"'fit': {len(x)} inputs and {len(y)} targets, needs one target for each input")
    steps = epochs * -(-len(x) // batch_size)
    scheduler = None
    if recipe.schedule == "cosine":
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(recipe.optimizer, steps)
    shuffle = torch.Generator().manual_seed(seed)
    history = History()
    with _progress(steps, verbose) as advance:
        for epoch in range(epochs):
            model.train()
            losses, right = 0.0, 0
            for chosen in batches(torch.randperm(len(x), generator=shuffle), batch_size):
                output = model(x[chosen])
                loss = recipe.loss(output, y[chosen])
                if not math.isfinite(loss.item()):
                    raise ModelError(f"'fit': the loss became {loss.item()} in epoch {epoch + 1}, needs a finite one; lower lr")
                recipe.optimizer.zero_grad()
                cast(Any, loss).backward()
                recipe.optimizer.step()
                if scheduler is not None:
                    scheduler.step()
                losses += loss.item() * len(chosen)
                right += _right(output, y[chosen])
                advance("")
            model.eval()
            history.training.append(Metrics(losses / len(x), right / len(x) if _classifies(y) else None))
            if validation is not None:
                history.validation.append(evaluate(model, recipe.loss, *validation, batch_size=max(batch_size, 256)))
            advance(_summary(epoch + 1, epochs, history), steps=0)
    return history


def evaluate(model: Callable[[Tensor], Tensor], loss: Loss, x: Tensor, y: Tensor, *, batch_size: int) -> Metrics:
    """Metrics of `model` over all of `x`, without gradients."""
    if len(x) != len(y) or len(x) == 0:
        raise ModelError(f"'evaluate': {len(x)} inputs and {len(y)} targets, needs as many of both, at least one")
    total, right = 0.0, 0
    with torch.no_grad():
        for batch, target in zip(batches(x, batch_size), batches(y, batch_size), strict=True):
            output = model(batch)
            total += loss(output, target if _classifies(target) else target.to(output.dtype)).item() * len(batch)
            right += _right(output, target)
    return Metrics(total / len(x), right / len(x) if _classifies(y) else None)


def as_tensor(values: ArrayLike | Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Arrays or tensors as a tensor; integers become int64 labels unless `dtype` is given."""
    tensor = values if isinstance(values, Tensor) else torch.from_numpy(np.array(values))  # pyright: ignore[reportUnknownMemberType]
    if dtype is not None:
        return tensor.to(dtype)
    return tensor.to(torch.float32) if tensor.is_floating_point() else tensor.to(torch.int64)


def batches(x: Tensor, size: int) -> Sequence[Tensor]:
    """`x` in pieces of `size` along its first axis, the last one shorter."""
    return cast("Sequence[Tensor]", cast(Any, x).split(size))


def _classifies(y: Tensor) -> bool:
    return y.dim() == 1 and not y.is_floating_point()


def _right(output: Tensor, y: Tensor) -> int:
    return int((output.argmax(-1) == y).sum().item()) if _classifies(y) and output.dim() == 2 else 0


def _summary(epoch: int, epochs: int, history: History) -> str:
    text = f"epoch {epoch}/{epochs}: {history.training[-1]}"
    return text if not history.validation else f"{text}; validation {history.validation[-1]}"


def _silent(text: str, steps: int = 1) -> None:
    """Shows nothing."""


@contextlib.contextmanager
def _progress(steps: int, verbose: bool) -> Generator[Callable[..., None]]:
    if not verbose:
        yield _silent
        return
    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns) as progress:
        task = progress.add_task("training", total=steps)

        def advance(text: str, steps: int = 1) -> None:
            progress.update(task, advance=steps, description=text or None)

        yield advance

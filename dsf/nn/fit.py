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

from dsf.arguments import is_real
from dsf.errors import ModelError
from dsf.nn.checks import Problems

Loss = Callable[[Tensor, Tensor], Tensor]
Optimizer = torch.optim.Optimizer | Callable[[Any], torch.optim.Optimizer] | str

_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of logits (N, ..., K) with labels (N, ...), or with probabilities of the logits' shape."""
    return F.cross_entropy(output.movedim(-1, 1), target.movedim(-1, 1) if target.is_floating_point() else target)


def mse(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of an output with targets of the same shape."""
    return F.mse_loss(output, target.to(output.dtype))


_LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "mse": mse}


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
        """Names to objects. Raises `ModelError` for unknown names, a rate that is not positive and what is no function."""
        problems: list[str] = []
        if next(model.parameters(), None) is None:
            raise ModelError("'compile': a model without weights, needs a bundle with a core to train; leave training out")
        if isinstance(optimizer, str) and optimizer not in _OPTIMIZERS:
            problems.append(f"'compile': optimizer={optimizer!r}, needs {', '.join(_OPTIMIZERS)}, or a torch.optim.Optimizer")
        if not isinstance(optimizer, (str, torch.optim.Optimizer)) and not callable(optimizer):
            problems.append(f"'compile': optimizer={optimizer!r}, needs a name, a torch.optim.Optimizer or a function to one")
        if loss not in _LOSSES if isinstance(loss, str) else not callable(loss):
            problems.append(f"'compile': loss={loss!r}, needs {', '.join(_LOSSES)}, or a function of (output, target)")
        if not is_real(lr) or not (math.isfinite(lr) and lr > 0):
            problems.append(f"'compile': lr={lr!r}, needs a positive number; start with 1e-3")
        if schedule not in (None, "cosine"):
            problems.append(f"'compile': schedule={schedule!r}, needs 'cosine' or None")
        if problems:
            raise ModelError(problems)
        if isinstance(optimizer, str):
            optimizer = _OPTIMIZERS[optimizer](model.parameters(), lr=lr)
        elif not isinstance(optimizer, torch.optim.Optimizer):
            made = optimizer(model.parameters())
            if not isinstance(made, torch.optim.Optimizer):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ModelError(f"'compile': optimizer(parameters) is {made!r}, needs a torch.optim.Optimizer; return one")
            optimizer = made
        return Recipe(optimizer, _LOSSES[loss] if isinstance(loss, str) else loss, schedule)


def fit(
    model: nn.Module,
    recipe: Recipe,
    x: Tensor,
    y: Tensor,
    *,
    output_shape: tuple[int, ...],
    epochs: int,
    batch_size: int,
    validation: tuple[Tensor, Tensor] | None,
    verbose: bool,
    seed: int,
) -> History:
    """
    Trains `model` for `epochs` passes over the shuffled data; the model is left in eval mode.

    `output_shape` is that of one image's output. All that can be wrong with the data is found before the first step. Raises
    `ModelError`.
    """
    problems = Problems("fit")
    epochs = problems.integer("epochs", epochs, 1)
    batch_size = problems.integer("batch_size", batch_size, 1)
    seed = problems.integer("seed", seed, -(1 << 63), (1 << 63) - 1)
    problems.raise_if_any()
    check_targets("fit", recipe.loss, x, y, output_shape)
    if validation is not None:
        check_targets("fit: validation_data", recipe.loss, *validation, output_shape)
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
                target = y[chosen].to(output.device)
                loss = recipe.loss(output, target)
                if not math.isfinite(loss.item()):
                    raise ModelError(f"'fit': the loss became {loss.item()} in epoch {epoch + 1}, needs a finite one; lower lr")
                recipe.optimizer.zero_grad()
                cast(Any, loss).backward()
                recipe.optimizer.step()
                if scheduler is not None:
                    scheduler.step()
                losses += loss.item() * len(chosen)
                right += _right(output, target)
                advance("")
            model.eval()
            history.training.append(Metrics(losses / len(x), right / len(x) if _classifies(y) else None))
            if validation is not None:
                size = max(batch_size, 256)
                metrics = evaluate(model, recipe.loss, *validation, output_shape=output_shape, batch_size=size)
                history.validation.append(metrics)
            advance(_summary(epoch + 1, epochs, history), steps=0)
    return history


def evaluate(
    model: Callable[[Tensor], Tensor], loss: Loss, x: Tensor, y: Tensor, *, output_shape: tuple[int, ...], batch_size: int
) -> Metrics:
    """Metrics of `model`, whose outputs have `output_shape` for each image, over all of `x`. Raises `ModelError`."""
    check_targets("evaluate", loss, x, y, output_shape)
    total, right = 0.0, 0
    with torch.no_grad():
        for batch, target in zip(batches(x, batch_size), batches(y, batch_size), strict=True):
            output = model(batch)
            target = target.to(output.device, output.dtype if target.is_floating_point() else target.dtype)
            total += loss(output, target).item() * len(batch)
            right += _right(output, target)
    return Metrics(total / len(x), right / len(x) if _classifies(y) else None)


def check_targets(where: str, loss: Loss, x: Tensor, y: Tensor, output_shape: tuple[int, ...]) -> None:
    """
    Raises `ModelError` unless there is a target for each input and, for the losses that have names, of the shape and range
    that they take: PyTorch would broadcast targets of another shape, and index by labels that are out of range.
    """
    problems = Problems(where)
    inputs, targets = len(x), len(y) if y.dim() > 0 else 0
    if not problems.need(
        inputs == targets and inputs > 0, f"{inputs} inputs and {targets} targets, needs as many of both, at least one"
    ):
        problems.raise_if_any()
    output = (inputs, *output_shape)
    shape = tuple(y.shape)
    if loss in (mse, F.mse_loss):
        change = f"reshape them, y.reshape({output})" if y.numel() == math.prod(output) else "change them or the last bundle"
        problems.need(shape == output, f"targets of shape {shape} and outputs of shape {output}, needs equal shapes; {change}")
    if loss is cross_entropy and y.is_floating_point():
        problems.need(
            shape == output,
            f"targets of real numbers of shape {shape}, needs probabilities of the output's shape {output}, or labels of shape "
            f"{output[:-1]}; for labels pass integers",
        )
    if loss is cross_entropy and not y.is_floating_point():
        ok = problems.need(
            shape == output[:-1],
            f"labels of shape {shape} for an output of shape {output}, needs {output[:-1]}; for one-hot ones y.argmax(-1)",
        )
        low, high = (int(y.min()), int(y.max())) if ok and y.numel() > 0 else (0, 0)
        problems.need(
            low >= 0 and high < output[-1],
            f"labels {low} to {high}, needs 0 to {output[-1] - 1}, one for each output; change them, or give the last bundle "
            "more outputs",
        )
    problems.raise_if_any()


def as_tensor(values: ArrayLike | Tensor, dtype: torch.dtype | None = None, where: str = "x") -> Tensor:
    """
    Arrays or tensors as a tensor without a gradient; integers become int64 labels unless `dtype` is given.

    Raises `ModelError`, which begins with `where`, for what holds no numbers, or numbers that are not finite.
    """
    try:
        tensor = values.detach() if isinstance(values, Tensor) else torch.from_numpy(np.array(values))  # pyright: ignore[reportUnknownMemberType]
    except (TypeError, ValueError) as error:
        kind = type(values).__name__
        raise ModelError(f"'{where}': a {kind} that is no array ({error}), needs numbers; pass an array") from error
    if tensor.is_complex():
        raise ModelError(f"'{where}': complex numbers, needs real ones; pass their real part")
    bad = tensor.numel() - int(tensor.isfinite().sum()) if tensor.is_floating_point() else 0
    if bad:
        raise ModelError(
            f"'{where}': {bad} of {tensor.numel()} numbers are NaN or infinite, needs finite ones; replace them, as with "
            "numpy.nan_to_num"
        )
    if dtype is not None:
        return tensor.to(dtype)
    return tensor.to(torch.float32) if tensor.is_floating_point() else tensor.to(torch.int64)


def batches(x: Tensor, size: int) -> Sequence[Tensor]:
    """`x` in pieces of `size` along its first axis, the last one shorter. Raises `ModelError` for a size below 1."""
    problems = Problems("batches")
    size = problems.integer("batch_size", size, 1)
    problems.raise_if_any()
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

"""
`BundleModel`: a graph of bundles as a PyTorch module that trains, saves itself and becomes a program.

Forward passes compute on the fixed-point grid (fake quantisation), so that what was trained is what the integers compute;
in float64 they compute exactly that. See `dsf.nn.modules` for the arithmetic.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.nn.bundle import Node, QInput, QTensor
from dsf.nn.fit import History, Loss, Metrics, Optimizer, Recipe, as_tensor, batches, cross_entropy, evaluate, fit
from dsf.nn.modules import BundleModule
from dsf.nn.quantize import fake_quantize
from dsf.nn.to_ir import bundle_name, hardware_problems
from dsf.numerics import Floats, dequantize, random_elements

if TYPE_CHECKING:
    from dsf.nn.export_inference import Inference


class BundleModel(nn.Module):
    """
    The bundles between `inputs` and `outputs`, named bundle_0, bundle_1, ... in the order in which they run.

    `bundles[i]` holds the weights of bundle i (`BundleModule`), initialised by PyTorch's random numbers: call
    `torch.manual_seed` before for the same weights again. Training works by `compile` and `fit` or by any loop over
    `forward`. Raises `ModelError` with everything that does not fit the hardware.
    """

    def __init__(self, inputs: QTensor, outputs: QTensor):
        super().__init__()
        if not isinstance(inputs, QInput):
            raise ModelError(f"'BundleModel': inputs is {inputs!r}, needs what QInput returned")
        if not isinstance(outputs, QTensor) or outputs.producer is None:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ModelError(f"'BundleModel': outputs is {outputs!r}, needs the tensor that the last Bundle returned")
        self.input = inputs
        self.nodes = _in_order(inputs, outputs.producer)
        problems = hardware_problems(inputs, self.nodes)
        if problems:
            raise ModelError(problems)
        self.bundles = nn.ModuleList(BundleModule(node) for node in self.nodes)
        self._recipe: Recipe | None = None

    @property
    def hw(self) -> Hardware:
        """The hardware that the model is for."""
        return self.input.hw

    @property
    def names(self) -> list[str]:
        """Names of the bundles, as in reports and messages."""
        return [bundle_name(place) for place in range(len(self.nodes))]

    @property
    def random_input(self) -> Floats:
        """Numbers on the input's grid, of `input_shape`; always the same ones."""
        ints = random_elements(np.random.default_rng(0), self.input.shape, self.hw.bits_input)
        return dequantize(ints, self.input.frac_bits)

    # Computing.

    def forward(self, x: Tensor, quantized: bool = True) -> Tensor:
        """
        (N, H, W, C) or (N, K), any batch, to the last bundle's result in real numbers; where a softmax ends it, the logits.

        Computes in the wider of x's and the weights' types: a float64 input gives the exact integers' result in eval mode.
        `quantized=False` leaves out all rounding and clipping: the float model of the same weights. `x` is moved to the
        device of the weights, where the result is.
        """
        return self.forward_bundles(x, quantized)[-1]

    def forward_bundles(self, x: Tensor, quantized: bool = True) -> list[Tensor]:
        """The results of all bundles, in order, as `forward`."""
        if not isinstance(x, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ModelError(f"'input': a {type(x).__name__}, needs a torch.Tensor; pass arrays to predict")
        self._check_input(x.shape)
        weight = next(self.parameters(), None)
        if weight is not None:
            x = x.to(weight.device, torch.promote_types(x.dtype, weight.dtype))
        if quantized:
            x = fake_quantize(x, self.hw.bits_input, self.input.frac_bits)
        values: dict[Node | None, Tensor] = {None: _channels_first(x)}
        for node, bundle in zip(self.nodes, self.bundles, strict=True):
            skip = None if node.add is None else values[node.add.skip.producer]
            others = [values[one.producer] for one in node.others]
            values[node] = bundle(values[node.source.producer], skip, quantized, others)
        return [_channels_last(values[node]) for node in self.nodes]

    def predict(self, x: ArrayLike | Tensor, *, quantized: bool = True, batch_size: int = 256) -> Floats:
        """
        Results for all of `x` in float64, exactly the integers' with `quantized`: probabilities where a softmax ends the model,
        else what `forward` gives.
        """
        with torch.no_grad(), evaluating(self):
            results = [self(batch, quantized).cpu() for batch in batches(as_tensor(x, torch.float64), batch_size)]
        output = torch.cat(results)
        return (output.softmax(-1) if self.nodes[-1].softmax else output).numpy()

    def evaluate(
        self, x: ArrayLike | Tensor, y: ArrayLike | Tensor, *, quantized: bool = True, batch_size: int = 256
    ) -> Metrics:
        """Loss (as given to `compile`, else cross-entropy) and accuracy, computed in float64 as in `predict`."""
        loss = cross_entropy if self._recipe is None else self._recipe.loss
        with evaluating(self):
            return evaluate(
                lambda batch: self(batch, quantized),
                loss,
                as_tensor(x, torch.float64),
                as_tensor(y, where="y"),
                output_shape=self.nodes[-1].shape[1:],
                batch_size=batch_size,
            )

    # Training.

    def compile(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        optimizer: Optimizer = "adam",
        loss: str | Loss = "cross_entropy",
        lr: float = 1e-3,
        schedule: Literal["cosine"] | None = None,
    ) -> None:
        """
        Says how `fit` trains. `optimizer` is 'adam', 'adamw' or 'sgd' with `lr`, an optimizer, or a function from parameters to
        one; `loss` is 'cross_entropy' (integer labels), 'mse' or a function of (output, target); the schedule 'cosine' lowers
        `lr` to 0 over a `fit`.
        """
        self._recipe = Recipe.make(self, optimizer, loss, lr, schedule)

    def fit(
        self,
        x: ArrayLike | Tensor,
        y: ArrayLike | Tensor,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: tuple[ArrayLike | Tensor, ArrayLike | Tensor] | None = None,
        verbose: bool = True,
        seed: int = 0,
    ) -> History:
        """Trains in float32 on inputs `x` and targets `y`, shuffled by `seed`; `verbose` shows a progress bar."""
        if self._recipe is None:
            self.compile()
        assert self._recipe is not None
        inputs = as_tensor(x, torch.float32)
        self._check_input(inputs.shape)
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ModelError(f"'fit': validation_data is a {type(validation_data).__name__}, needs a pair; pass (x, y)")
            validation = (
                as_tensor(validation_data[0], torch.float32, "validation_data[0]"),
                as_tensor(validation_data[1], where="validation_data[1]"),
            )
            self._check_input(validation[0].shape)
        return fit(
            self,
            self._recipe,
            inputs,
            as_tensor(y, where="y"),
            output_shape=self.nodes[-1].shape[1:],
            epochs=epochs,
            batch_size=batch_size,
            validation=validation,
            verbose=verbose,
            seed=seed,
        )

    # Files.

    def export(self, directory: str | Path = ".") -> list[Path]:
        """Writes `config_model.json` (architecture, hardware) and `model.pt` (weights) into `directory`; returns the paths."""
        from dsf.nn.serialize import write_model

        return write_model(self, Path(directory))

    @staticmethod
    def from_json(path: str | Path) -> BundleModel:
        """The model that `export` wrote; with its weights if `model.pt` is beside the file. Raises `ModelError`."""
        from dsf.nn.serialize import read_model

        return read_model(Path(path))

    def export_inference(self, x: ArrayLike | Tensor, directory: str | Path | None = None, **options: Any) -> Inference:
        """
        Compiles the model, runs it on `x` at every level and writes the program's files; see `dsf.nn.export_inference`.
        """
        from dsf.nn.export_inference import export_inference

        return export_inference(self, x, directory, **options)

    def _check_input(self, shape: tuple[int, ...]) -> None:
        if tuple(shape[1:]) != self.input.shape[1:]:
            wanted = ", ".join(str(size) for size in self.input.shape[1:])
            raise ModelError(f"'input': has shape {tuple(shape)}, needs (N, {wanted}), any N; reshape it, channels last")


def _in_order(inputs: QInput, last: Node) -> tuple[Node, ...]:
    """All nodes between `inputs` and `last`, each after those that it uses."""
    done: dict[Node, None] = {}
    stack = [last]
    while stack:
        node = stack[-1]
        waits_for = [x.producer for x in node.sources if x.producer is not None and x.producer not in done]
        if waits_for:
            stack.append(waits_for[0])
            continue
        stack.pop()
        done[node] = None
    for node in done:
        for x in node.sources:
            if x.producer is None and x is not inputs:
                raise ModelError(
                    "'BundleModel': its outputs depend on another QInput, needs one input; pass the QInput they come from"
                )
    return tuple(done)


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2) if x.dim() == 4 else x


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1) if x.dim() == 4 else x


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Generator[None]:
    """Eval mode for the length of a `with` block."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)

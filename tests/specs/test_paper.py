"""The tables of hyperparameters are the paper's."""

import dataclasses
import re

import pytest
from torch import nn

from lthlib import specs
from lthlib.engine import networks

# What the paper's table and text say, read anew: iterations, batch, optimiser, learning rate; momentum, weight decay;
# warm-up, drops; augmentation; what of convolutions, hidden layers and the output a round prunes, and how it is ranked.
ADAM, SGD = (0.0, 0.0, 0, (), False), (0.9, 1e-4)
LAYERS, ALL_CONVOLUTIONS = (0.2, 0.1, "layer"), (0.2, 0.0, 0.0, "global")
SAID = {
    "lenet": (50_000, 60, "adam", 0.0012, *ADAM, None, *LAYERS),
    "conv2": (20_000, 60, "adam", 0.0002, *ADAM, 0.1, *LAYERS),
    "conv4": (25_000, 60, "adam", 0.0003, *ADAM, 0.1, *LAYERS),
    "conv6": (30_000, 60, "adam", 0.0003, *ADAM, 0.15, *LAYERS),
    "conv6_256": (30_000, 60, "adam", 0.0003, *ADAM, 0.15, *LAYERS),
    "resnet20": (30_000, 128, "sgd", 0.03, *SGD, 20_000, (20_000, 25_000), True, *ALL_CONVOLUTIONS),
    "vgg19": (160 * 703, 64, "sgd", 0.1, *SGD, 10_000, (80 * 703, 120 * 703), True, *ALL_CONVOLUTIONS),
}
FIELDS = "iterations batch optimiser lr momentum weight_decay warmup drops augment rate_conv rate_fc rate_out scope"
ROUNDS = {"lenet": 28, "conv2": 22, "conv4": 26, "conv6": 26, "conv6_256": 26, "resnet20": 15, "vgg19": 33}
UNSAID = {"inputs", "train_eval", "precision", "seed"}


@pytest.mark.parametrize("network", specs.PAPER)
def test_each_line_is_that_of_figure_2(network):
    spec = specs.PAPER[network]
    for name, value in zip(FIELDS.split(), SAID[network], strict=True):
        assert value is None or getattr(spec, name) == value, name
    assert spec.data == ("mnist" if network == "lenet" else "cifar10")
    assert (spec.trials, spec.reinits, spec.randoms * spec.trials) == (5, 3, 10)
    assert (spec.width, spec.dropout, spec.sigma, spec.rewind) == (1, 0, 0, 0)
    assert spec.rounds == ROUNDS[network]


@pytest.mark.parametrize("network", specs.PAPER)
def test_a_field_is_said_by_the_paper_or_ours_or_no_such_thing_of_the_network(network):
    said, ours = set(specs.SAID[network]), set(specs.OPEN[network])
    assert not said & ours
    assert ours == UNSAID | ({"eval_every"} if network in specs.DEEP else set())
    adam = set() if network in specs.DEEP else {"momentum", "weight_decay"}
    rest = {f.name for f in dataclasses.fields(specs.Spec)} - said - ours - {"network"}
    assert rest == adam | ({"rate_conv"} if network == "lenet" else set())


@pytest.mark.parametrize("network", specs.PAPER)
def test_each_architecture_is_that_of_the_module(network):
    net, written = networks.build(specs.spec(network)), specs.ARCHITECTURES[network]
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    filters = [int(f) for n, f in re.findall(r"(?:(\d+) x )?(\d+)", written.conv) for _ in range(int(n or 1))]
    assert [m.out_channels for m in convolutions] == filters
    units = [m.out_features for m in net.modules() if isinstance(m, nn.Linear)]
    assert units == [int(n) for n in re.findall(r"\d+", written.fc)]
    assert sum(p.numel() for p in net.parameters() if p.dim() > 1) == written.weights


DROPOUT = {"conv2": (60_000, 3e-4), "conv4": (75_000, 2e-4), "conv6": (90_000, 2e-4)}


@pytest.mark.parametrize("network", DROPOUT)
def test_dropout_is_section_3_of_the_paper(network):
    spec, plain = specs.spec(network, setting="dropout"), specs.spec(network)
    assert (spec.dropout, spec.iterations, spec.lr) == (0.5, *DROPOUT[network])
    assert spec == dataclasses.replace(plain, dropout=0.5, iterations=spec.iterations, lr=spec.lr)
    assert specs.spec(network, "laptop", "dropout").iterations == 3 * specs.spec(network, "laptop").iterations


@pytest.mark.parametrize(
    ("network", "setting", "rates"),
    [
        ("resnet20", "lr0.1", (0.1, 0)),
        ("resnet20", "lr0.01", (0.01, 0)),
        ("resnet20", "warmup", (0.03, 20_000)),
        ("vgg19", "lr0.1", (0.1, 0)),
        ("vgg19", "lr0.01", (0.01, 0)),
        ("vgg19", "warmup", (0.1, 10_000)),
    ],
)
def test_the_three_learning_rates_are_section_4_of_the_paper(network, setting, rates):
    spec = specs.spec(network, setting=setting)
    assert (spec.lr, spec.warmup) == rates
    drops = {"resnet20": (20_000, 25_000), "vgg19": (56_240, 84_360)}[network]
    assert (spec.optimiser, spec.momentum, spec.weight_decay, spec.drops) == ("sgd", 0.9, 1e-4, drops)

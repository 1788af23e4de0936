"""Weight counts and the ladders of P_m are the paper's; every network is the textbook's, whatever its width."""

import itertools
import math

import pytest
import torch

from lthlib import specs
from lthlib.core import masks
from lthlib.core.streams import stream
from lthlib.engine import arms, cohort, networks, pruning
from lthlib.lab import task
from lthlib.specs import Rep

WEIGHTS = {  # all, and those of convolutions
    "lenet": (266_200, 0),
    "conv2": (4_300_992, 38_592),
    "conv4": (2_425_024, 259_776),
    "conv6": (1_667_264, 812_736),
    "conv6_256": (2_261_184, 1_144_512),
    "resnet20": (270_896, 270_256),
    "vgg19": (20_024_000, 20_018_880),
}
LADDERS = {  # P_m round by round, as the paper's axes and text print it
    "lenet": "100 80.04 64.06 51.28 41.05 32.87 26.32 21.07 16.88 13.52 10.83 8.68 6.95 5.57 4.47 3.58 2.87 2.31 1.85"
    " 1.49 1.19 0.96 0.77 0.62 0.50 0.40 0.33 0.26 0.21",
    "conv2": "100 80.10 64.16 51.41 41.20 33.02 26.47 21.23 17.03 13.66 10.97 8.81 7.08 5.69 4.57 3.68 2.97 2.39 1.93"
    " 1.56 1.26 1.02 0.83",
    "conv4": "100 81.08 65.84 53.55 43.63 35.61 29.13 23.88 19.62 16.16 13.35 11.06 9.18 7.65 6.40 5.37 4.51 3.81 3.23"
    " 2.75 2.34 2.01 1.72 1.49 1.28 1.11 0.97",
    "conv6": "100 82.45 68.05 56.21 46.48 38.46 31.86 26.42 21.92 18.21 15.14 12.60 10.49 8.74 7.29 6.09 5.09 4.25 3.56"
    " 2.98 2.50 2.09 1.76 1.48 1.24 1.04 0.88",
    "resnet20": "100 80.24 64.43 51.78 41.66 33.56 27.09 21.91 17.76 14.44 11.79 9.67 7.97 6.61 5.53 4.66",
    "vgg19": "100 80.01 64.01 51.21 40.98 32.79 26.23 20.99 16.80 13.44 10.76 8.61 6.90 5.52 4.42 3.54 2.84 2.28 1.83"
    " 1.47 1.18 0.95 0.76 0.62 0.50 0.40 0.33 0.27 0.22 0.18 0.15 0.12 0.10",
}


@pytest.mark.parametrize("network", networks.NETWORKS)
def test_each_network_has_the_papers_weights(network):
    net = networks.build(specs.spec(network))
    counted = {name: p.numel() for name, p in net.named_parameters() if p.dim() > 1}
    assert (
        sum(counted.values()),
        sum(n for name, n in counted.items() if net.get_parameter(name).dim() == 4),
    ) == WEIGHTS[network]


@pytest.mark.parametrize("network", LADDERS)
def test_each_ladder_of_remaining_weights_is_the_papers(network):
    printed = [float(percent) for percent in LADDERS[network].split()]
    assert pruning.ladder(specs.spec(network))[: len(printed)] == pytest.approx(printed, abs=0.05)


@pytest.mark.parametrize("network", ["lenet", "conv6", "resnet20"])
def test_pruning_goes_down_the_ladder(network):
    spec = specs.spec(network, width=0.5)
    theta = arms.initial(spec, [0])
    mask = masks.ones(theta, pruning.rates(spec))
    for n, expected in enumerate(pruning.ladder(spec)[:8]):
        row = task.tidy(spec, Rep("ticket", 0, n), masks.survivors(mask)[0], {"iteration": [0]})
        assert row["remaining"][0] == pytest.approx(expected, abs=1e-9)
        mask = masks.prune(theta, mask, pruning.rates(spec), pruning.together(spec))


def test_shortcuts_output_layers_and_batch_norm_of_the_deep_networks_are_never_pruned():
    assert sum(pruning.prunable(specs.spec("resnet20")).values()) == 270_896 - 2_560
    for network in ("resnet20", "vgg19"):
        spec = specs.spec(network)
        pruned = {name for name, rate in pruning.rates(spec).items() if rate}
        assert pruned == set(pruning.together(spec))
        assert not any("norm" in name or "shortcut" in name or "out" in name for name in pruned)


@pytest.mark.parametrize("network", networks.NETWORKS)
def test_a_narrow_variant_is_the_same_network(network):
    """As many layers of the same names; images in, ten logits out; first weights in Glorot's bounds."""
    full, narrow = specs.spec(network), specs.spec(network, width=0.25)
    assert list(pruning.rates(narrow)) == list(pruning.rates(full))
    assert pruning.weights(narrow) < pruning.weights(full) / 3
    theta = arms.initial(narrow, [0, 1])
    logits = cohort.of(narrow, theta).forward(torch.rand(2, 3, *networks.shape(network)))
    assert logits.shape == (2, 3, 10)
    for name in pruning.rates(narrow):
        w = theta[name]
        fans = (w.shape[1] + w.shape[2]) * math.prod(w.shape[3:])
        assert w.abs().max() <= 2 * math.sqrt(2 / fans) + 1e-6


def test_max_pooling_before_or_after_relu_is_the_same_function_with_the_same_gradient():
    x = torch.randn(2, 3, 4, 4, generator=stream(0, "x")).requires_grad_()
    pooled = [
        torch.nn.functional.max_pool2d(x.relu(), 2),
        torch.nn.functional.max_pool2d(x, 2).relu(),
    ]
    assert torch.equal(*pooled)
    slopes = [torch.autograd.grad(y.square().sum(), x)[0] for y in pooled]
    assert torch.equal(*slopes)


@pytest.mark.parametrize("network", ["resnet20", "vgg19"])
def test_batch_norm_starts_as_if_it_were_not_there_and_is_rewound_with_the_rest(network):
    theta = arms.initial(specs.spec(network, width=0.125), [0])
    for (name, value), (end, expected) in itertools.product(
        theta.items(), {"norm.weight": 1, "norm.bias": 0, "running_mean": 0, "running_var": 1}.items()
    ):
        if name.endswith(end):
            assert (value == expected).all()
    assert any(name.endswith("running_var") for name in theta)


G6 = [(25, 9), (50, 17), (100, 34), (150, 50), (200, 67), (300, 100), (400, 134), (500, 167), (900, 300)]


@pytest.mark.parametrize(("first", "second"), G6)
def test_a_width_of_lenet_is_one_of_the_papers_sizes(first, second):
    net = networks.build(specs.spec("lenet", width=first / 300))
    assert (net.fc1.out_features, net.fc2.out_features) == (first, second)


def test_a_plain_gaussian_start_has_its_sigma_in_every_layer_and_is_not_cut_off():
    theta = arms.initial(specs.spec("lenet", sigma=0.1), [0])
    for name in ("fc1.weight", "fc2.weight"):
        assert theta[name].std().item() == pytest.approx(0.1, rel=0.02)
        assert theta[name].abs().max() > 0.3
    assert not theta["fc1.bias"].any()

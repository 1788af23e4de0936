"""What the paper trains its networks with: Figure 2 written out, the settings of Sections 3 and 4, and the networks'
own numbers that ours are compared with."""

from typing import Any, NamedTuple

from lthlib.specs.arms import SECTION_2
from lthlib.specs.experiment import Spec

# Figure 2, a line per network, in two parts. None: the network has no such thing, or the paper does not say.

# How it trains. The paper trains the deep networks in several ways: here it is with warm-up (Section 4, Appendix I).
_TRAINED = "data iterations batch optimiser lr momentum weight_decay warmup drops augment eval_every"
# fmt: off
_HOW_IT_TRAINS = {
    "lenet":     ("mnist",    50_000,  60, "adam", 1.2e-3, None, None,      0, (),               False,  100),
    "conv2":     ("cifar10",  20_000,  60, "adam", 2e-4,   None, None,      0, (),               False,  100),
    "conv4":     ("cifar10",  25_000,  60, "adam", 3e-4,   None, None,      0, (),               False,  100),
    "conv6":     ("cifar10",  30_000,  60, "adam", 3e-4,   None, None,      0, (),               False,  100),
    "resnet20":  ("cifar10",  30_000, 128, "sgd",  0.03,   0.9,  1e-4, 20_000, (20_000, 25_000), True,  None),
    "vgg19":     ("cifar10", 112_480,  64, "sgd",  0.1,    0.9,  1e-4, 10_000, (56_240, 84_360), True,  None),
    "conv6_256": ("cifar10",  30_000,  60, "adam", 3e-4,   None, None,      0, (),               False,  100),
}
# fmt: on
# What is pruned between two trainings, of a layer's survivors, how often in its figures, and with which controls.
_PRUNED = "rate_conv rate_fc rate_out scope rounds arms"
_CONTROLS = ("ticket", "reinit", "random")
# fmt: off
_HOW_IT_IS_PRUNED = {
    "lenet":     (None, 0.2, 0.1, "layer",  28, SECTION_2),
    "conv2":     (0.1,  0.2, 0.1, "layer",  22, _CONTROLS),
    "conv4":     (0.1,  0.2, 0.1, "layer",  26, _CONTROLS),
    "conv6":     (0.15, 0.2, 0.1, "layer",  26, _CONTROLS),
    "resnet20":  (0.2,  0.0, 0.0, "global", 15, _CONTROLS),
    "vgg19":     (0.2,  0.0, 0.0, "global", 33, _CONTROLS),
    "conv6_256": (0.15, 0.2, 0.1, "layer",  26, _CONTROLS),
}
# fmt: on
# The same for every network, as in the main text: five trials, three new draws per ticket and ten networks of random
# sparsity (two per trial), at every round and every 2.5 % of one-shot pruning; whole, without dropout, reset to θ₀.
_EVERYWHERE = {
    **{"trials": 5, "reinits": 3, "randoms": 2, "branch_step": 1, "oneshot_step": 1},
    **{"width": 1.0, "dropout": 0.0, "sigma": 0.0, "rewind": 0},
}
CONVOLUTIONAL = ("conv2", "conv4", "conv6")  # the networks of Section 3
DEEP = ("resnet20", "vgg19")  # those of Section 4


def _said(network: str) -> dict[str, Any]:
    """What the paper says of a network, by field."""
    trained = zip(_TRAINED.split(), _HOW_IT_TRAINS[network], strict=True)
    pruned = zip(_PRUNED.split(), _HOW_IT_IS_PRUNED[network], strict=True)
    return {name: value for name, value in [*trained, *pruned] if value is not None} | _EVERYWHERE


SAID = {network: _said(network) for network in _HOW_IT_TRAINS}

# What the paper says nothing of, and what we take. Why, the book's page of hyperparameters says.
_OPEN = {"train_eval": 2_000, "precision": "fp32", "seed": 0}
OPEN: dict[str, dict[str, Any]] = {
    "lenet": {**_OPEN, "inputs": "unit"},
    "conv2": {**_OPEN, "inputs": "raw"},
    "conv4": {**_OPEN, "inputs": "raw"},
    "conv6": {**_OPEN, "inputs": "raw"},
    "resnet20": {**_OPEN, "inputs": "standard", "eval_every": 1_000},
    "vgg19": {**_OPEN, "inputs": "standard", "eval_every": 1_000},
    "conv6_256": {**_OPEN, "inputs": "raw"},
}
PAPER = {network: Spec(network, **SAID[network], **OPEN[network]) for network in SAID}

# What else the main text trains these networks with: by name, the changes to the line of PAPER above.
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "conv2": {"dropout": {"dropout": 0.5, "lr": 3e-4, "iterations": 60_000}},
    "conv4": {"dropout": {"dropout": 0.5, "lr": 2e-4, "iterations": 75_000}},
    "conv6": {"dropout": {"dropout": 0.5, "lr": 2e-4, "iterations": 90_000}},
    "resnet20": {"lr0.1": {"lr": 0.1, "warmup": 0}, "lr0.01": {"lr": 0.01, "warmup": 0}, "warmup": {}},
    "vgg19": {"lr0.1": {"lr": 0.1, "warmup": 0}, "lr0.01": {"lr": 0.01, "warmup": 0}, "warmup": {}},
}
# The iterations at which Section 4 reports accuracy: it has no early stops.
POINTS = {"resnet20": (10_000, 20_000, 30_000), "vgg19": (30_000, 60_000, 112_480)}
NAMES = {
    "lenet": "Lenet-300-100",
    "conv2": "Conv-2",
    "conv4": "Conv-4",
    "conv6": "Conv-6",
    "resnet20": "ResNet-20",
    "vgg19": "VGG-19",
    "conv6_256": "Conv-6 with 256 filters",
}


class Architecture(NamedTuple):
    """The layers of a network, and its weights, which are not biases nor batch-norm's: counted, and as printed."""

    conv: str  # filters of its 3x3 convolutions
    fc: str  # units of its fully-connected layers
    weights: int
    printed: str


ARCHITECTURES = {
    "lenet": Architecture("none", "300, 100, 10", 266_200, "266K"),
    "conv2": Architecture("2 x 64, pool", "256, 256, 10", 4_300_992, "4.3M"),
    "conv4": Architecture("2 x 64, pool, 2 x 128, pool", "256, 256, 10", 2_425_024, "2.4M"),
    "conv6": Architecture("2 x 64, pool, 2 x 128, pool, 2 x 192, pool", "256, 256, 10", 1_667_264, "1.7M"),
    "resnet20": Architecture("16, 6 x 16, 6 x 32, 6 x 64", "average, 10", 270_896, "274K"),
    "vgg19": Architecture(
        "2 x 64, pool, 2 x 128, pool, 4 x 256, pool, 4 x 512, pool, 4 x 512", "average, 10", 20_024_000, "20.0M"
    ),
    "conv6_256": Architecture("2 x 64, pool, 2 x 128, pool, 2 x 256, pool", "256, 256, 10", 2_261_184, "1.7M"),
}
# The smallest and largest of the paper's five dense networks, from the error bars of Figures 4a and 5.
PAPER_DENSE = {
    "lenet": {"es": (2_101, 5_701), "acc_es": (97.77, 98.06)},
    "conv2": {"es": (1_901, 2_901), "acc_es": (64.11, 67.03)},
    "conv4": {"es": (2_201, 3_001), "acc_es": (72.86, 74.52)},
    "conv6": {"es": (3_001, 3_701), "acc_es": (76.34, 77.68)},
}

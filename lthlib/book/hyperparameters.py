"""The tables of the page of hyperparameters: Figure 2 with what it leaves open, its settings, and what a profile
changes."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from lthlib import specs
from lthlib.book.html_table import Table
from lthlib.specs import ARCHITECTURES, CONVOLUTIONAL, DEEP, NAMES, OPEN, PAPER, SETTINGS, Origin
from lthlib.specs.experiment import require_known

# What the page calls the fields of a Spec, in its order.
LABELS = {
    "data": "images",
    "inputs": "inputs",
    "width": "part of these filters and units",
    "sigma": "initial weights",
    "dropout": "dropout",
    "augment": "random flips and crops",
    "optimiser": "optimiser",
    "lr": "learning rate",
    "momentum": "momentum",
    "weight_decay": "weight decay",
    "warmup": "warm-up, from 0",
    "drops": "rate is a tenth after",
    "batch": "batch",
    "iterations": "iterations",
    "precision": "precision of products",
    "rate_conv": "pruned per round, of convolutions",
    "rate_fc": "of hidden layers",
    "rate_out": "of the output layer",
    "scope": "ranked together",
    "rewind": "reset to iteration",
    "eval_every": "iterations between evaluations",
    "train_eval": "training examples evaluated",
    "seed": "seed",
    "rounds": "rounds",
    "trials": "trials",
    "arms": "arms",
    "reinits": "reinitialised networks per ticket",
    "randoms": "random masks per ticket",
    "branch_step": "rounds between controls",
    "oneshot_step": "one-shot at every so many 2.5 %",
}
LENET, CONV = ("lenet",), (*CONVOLUTIONAL, "conv6_256")
SECTIONS = (LENET, CONV, DEEP)  # 2, 3 and 4 of the paper: a page has room for a table of each
# Where the paper leaves a choice, says two things, or one elsewhere than in Figure 2: small print, by row and networks.
NOTES = [
    (
        "conv",
        CONV[2:],
        "Figure 2 prints 256 filters for the third module of Conv-6, and 1.7 million weights: these "
        "exclude each other. With 192, all levels of pruning are those that the paper's figures print.",
    ),
    ("weights", tuple(PAPER), "Counted, without biases and batch normalisation; in brackets as Figure 2 prints it."),
    ("weights", DEEP[:1], "The text says 271,000 of ResNet-20, which it calls Resnet-18."),
    ("inputs", LENET, "How far a dense Lenet is from the paper's then, its chapter shows."),
    (
        "inputs",
        CONV,
        "Of four ways, only pixels as stored bring both the early stop and the accuracy of a dense Conv-2 "
        "into the range of the paper's trials.",
    ),
    ("inputs", DEEP, "Batch normalisation undoes a scale."),
    (
        "sigma",
        tuple(PAPER),
        "That the Gaussian is cut off at two standard deviations is read from Figure 15. Biases "
        "start at 0, which the paper does not say.",
    ),
    ("dropout", CONV, "0.5 in a setting, below. Where it sits is not said."),
    ("augment", (*LENET, *CONV), "The paper mentions none."),
    ("optimiser", (*LENET, *CONV), "With β = (0.9, 0.999) and ε = 10⁻⁸, which the paper does not give."),
    ("precision", tuple(PAPER), "Weights and products alike."),
    ("rate_out", (*LENET, *CONV), "Half the rate of the rest."),
    ("rate_out", DEEP, "Nor are the 1 x 1 convolutions on shortcuts."),
    ("eval_every", DEEP, "The paper reports three iterations, which are among ours."),
    ("train_eval", tuple(PAPER), "All would cost several times as much, and move no accuracy by more than chance."),
    ("seed", tuple(PAPER), "Another one is another sample."),
    ("rounds", tuple(PAPER), "As many as the paper's figures show."),
    ("trials", DEEP, "Some curves of Figures 7 and 8 average three or four, as far as one can read off."),
    ("reinits", LENET, "Three, says the text; the averages of Figure 4 are those of five."),
    ("randoms", (*LENET, *CONV), "Ten networks in Figure 1, two for each trial."),
    ("rewind", tuple(PAPER), "Later iterations are those of the work that followed the paper."),
]
CLASSES = "lth-table lth-narrow"
WORDS = {
    **{"mnist": "MNIST", "mnist5k": "5,000 digits of MNIST", "cifar10": "CIFAR-10"},
    **{"adam": "Adam", "sgd": "SGD", "layer": "each layer", "global": "all convolutions", "fp32": "single"},
    **{"unit": "pixels from 0 to 1", "raw": "pixels from 0 to 255", "standard": "each image standardised"},
}
NONE = "–"


def figure2(networks: Sequence[str]) -> Table:
    """Figure 2 and what else the paper says of some of its networks: a line per field of an experiment, a column per
    network. What it does not say has an asterisk and is ours; small print where there was something to choose."""
    built = [("conv", "filters of 3 x 3"), ("fc", "fully-connected layers"), ("weights", "weights")]
    rows = {row: [label, *(_built(network, row) for network in networks)] for row, label in built}
    for name in LABELS:
        rows[name] = [_titled(name), *(_said(network, name) for network in networks)]
    rows = {row: cells for row, cells in rows.items() if set(cells[1:]) != {NONE}}
    frame = pd.DataFrame(rows.values(), columns=["field", *(NAMES[network] for network in networks)])
    caption = "Figure 2, and what else the paper says of these networks. *: it does not say, the value is ours."
    return Table(frame, caption, [_note(row, networks) for row in rows], CLASSES)


def groups(networks: str) -> list[list[str]]:
    """Names with commas between them, by the section of the paper that is about them. Raises SpecError for a name that
    is none.

    >>> groups("lenet,vgg19,conv2,conv4")
    [['lenet'], ['conv2', 'conv4'], ['vgg19']]
    """
    names = list(dict.fromkeys(name.strip() for name in networks.split(",") if name.strip()))
    for name in names:
        require_known("network", name, PAPER)
    parts = [[name for name in names if name in section] for section in SECTIONS]
    return [part for part in parts if part]


def _note(row: str, networks: Sequence[str]) -> str:
    return " ".join(text for about, whom, text in NOTES if about == row and set(whom) & set(networks))


def _titled(name: str) -> str:
    """What the page calls a field, and its name in a Spec if that is another."""
    return LABELS[name] if LABELS[name] == name else f"{LABELS[name]} ({name})"


def _built(network: str, row: str) -> str:
    found = ARCHITECTURES[network]
    return f"{found.weights:,} ({found.printed})" if row == "weights" else getattr(found, row)


def _said(network: str, name: str) -> str:
    """A field of the paper's line, with an asterisk if it is ours, or a dash where the network has no such thing."""
    known = name in specs.SAID[network] or name in OPEN[network]
    return _value(name, getattr(PAPER[network], name)) + "*" * (name in OPEN[network]) if known else NONE


def _value(name: str, value: Any) -> str:
    if name.startswith("rate_"):
        return f"{100 * value:g} %" if value else "none"
    if name == "sigma" and not value:
        return "Gaussian Glorot"
    if isinstance(value, tuple):
        return ", ".join(f"{v:,}" if isinstance(v, int) else v for v in value) or "never"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return WORDS.get(value, value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def settings(networks: Sequence[str]) -> Table:
    """The other ways in which the main text trains some networks: what is changed, in brackets the line of Figure 2."""
    lines = [
        {
            "network": NAMES[network],
            "setting": setting,
            "instead": "; ".join(_changed(network, *change) for change in changes.items())
            or "nothing: it is that line",
        }
        for network in networks
        for setting, changes in SETTINGS.get(network, {}).items()
    ]
    caption = "What a setting changes, in brackets the value above."
    return Table(pd.DataFrame(lines), caption if lines else "These networks have no other setting.")


def _changed(network: str, name: str, value: Any) -> str:
    return f"{LABELS[name]} {_value(name, value)} ({_said(network, name)})"


def profile(name: str, networks: Sequence[str]) -> Table:
    """What a profile gives some networks, in brackets the paper's value, or ours where it says nothing; a line per
    field that it changes for one of them."""
    shown = {network: {line.field: line for line in specs.origins(network, name)} for network in networks}
    rows = [[_titled(f), *(_scaled(n, shown[n][f]) for n in networks)] for f in LABELS]
    rows = [row for row in rows if set(row[1:]) != {NONE}]
    frame = pd.DataFrame(rows, columns=["field", *(NAMES[network] for network in networks)])
    caption = f"What the profile {name} changes. In brackets the value above; *: ours, the paper has none."
    return Table(frame, caption, classes=CLASSES)


def _scaled(network: str, line: Origin) -> str:
    same = line.value == getattr(PAPER[network], line.field)
    return NONE if same else f"{_value(line.field, line.value)} ({_said(network, line.field)})"

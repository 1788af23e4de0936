"""How much of the paper's figures has been run: which arms of which networks each draws, and the trials there are."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from lthlib.book.html_table import Table
from lthlib.book.style import ARMS
from lthlib.evidence import matching
from lthlib.evidence.verdicts import FEWEST
from lthlib.specs import NAMES, NOISE, Spec

Line = tuple[str | None, Mapping[str, Any]]  # a setting of a network (`specs.SETTINGS`), and what is varied in it


class Figure(NamedTuple):
    """Figures of the paper that draw the same arms, in the same settings: the lines of each network."""

    numbers: str
    draws: str
    arms: tuple[str, ...]
    lines: Mapping[str, list[Line]]


def _as(networks: str, setting: str | None = None) -> dict[str, list[Line]]:
    """Networks in one setting; without one in that of Figure 2."""
    return {network: [(setting, {})] for network in networks.split()}


def _by(field: str, values: tuple[float, ...], setting: str | None = None, **fixed: Any) -> list[Line]:
    """A line for each value of a field."""
    return [(setting, {**fixed, field: value}) for value in values]


def _rates(*values: float) -> list[Line]:
    return [(None, {"rate_fc": value, "rate_out": value / 2}) for value in values]


CONV, DEEP = "conv2 conv4 conv6", "resnet20 vgg19"
RATES: list[Line] = [(setting, {}) for setting in ("lr0.1", "lr0.01", "warmup")]  # the three of Figures 7 and 8
LAYERS: list[Line] = [(setting, {"scope": "layer"}) for setting, _ in RATES]
LR = (1e-4, 2e-4, 3e-4, 4e-4, 5e-4, 6e-4, 7e-4, 8e-4)
SGD: dict[str, Any] = {"optimiser": "sgd"}
MOMENTUM: dict[str, Any] = {"optimiser": "sgd", "momentum": 0.9}
WIDTHS = (1 / 12, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 1, 4 / 3, 5 / 3, 7 / 3, 3)

# From the captions and legends of the paper (arXiv 1803.03635, version 5). Figure 2 is a table. The convolutions of
# Conv-6 were pruned at 10 % a round in Figures 1 and 32 to 34, as the levels of their points say; Figure 1 is counted
# at the 15 % of all other figures, which this book draws it from.
FIGURES = [
    Figure("1", "tickets and random sparsity", ("ticket", "random"), _as(f"lenet {CONV}")),
    Figure("3, 11", "learning curves", ("ticket", "reinit"), _as("lenet")),
    Figure("4, 12", "iterative and one-shot pruning", ("ticket", "reinit", "oneshot", "oneshot_reinit"), _as("lenet")),
    Figure("5, 13", "early stop and accuracy", ("ticket", "reinit"), _as(CONV)),
    Figure("6", "with dropout", ("ticket",), _as(CONV, "dropout")),
    Figure("7", "three learning rates", ("ticket", "reinit"), {"vgg19": RATES}),
    Figure("8", "three learning rates", ("ticket", "reinit"), {"resnet20": RATES}),
    Figure("9", "resetting and training on", ("ticket", "continued"), _as("lenet")),
    Figure("10", "resetting and training on", ("ticket", "continued"), _as(CONV)),
    Figure(
        "14",
        "accuracy at the end",
        ("ticket", "reinit", "random"),
        _as(f"lenet {CONV}") | {"resnet20": RATES, "vgg19": RATES},
    ),
    Figure("15, 19, 20, 21, 23", "inside tickets", ("ticket",), _as("lenet")),
    Figure("16, 22, 24", "inside tickets, trained by SGD", ("ticket",), {"lenet": _by("lr", (0.8,), **SGD)}),
    Figure("17", "redrawn from the ticket", ("ticket", "reinit", "redrawn"), _as("lenet")),
    Figure("18", "pruned untrained", ("ticket", "reinit", "untrained"), _as("lenet")),
    Figure("25", "noise", ("ticket", "reinit", *NOISE), _as("lenet")),
    Figure(
        "26",
        "rates of Adam",
        ("ticket",),
        {"lenet": _by("lr", (2.5e-5, 5e-5, 2e-4, 8e-4, 1.2e-3, 2e-3, 3.2e-3, 6.4e-3))},
    ),
    Figure(
        "27",
        "rates of SGD",
        ("ticket",),
        {"lenet": _by("lr", (0.003125, 0.00625, 0.0125, 0.025, 0.1, 0.4, 0.8, 1.2), **SGD)},
    ),
    Figure(
        "28",
        "rates with momentum",
        ("ticket",),
        {"lenet": _by("lr", (0.003125, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.4), **MOMENTUM)},
    ),
    Figure("29", "pruned per round", ("ticket",), {"lenet": _rates(0.1, 0.2, 0.4, 0.6, 0.8)}),
    Figure("30", "initial spread", ("ticket",), {"lenet": _by("sigma", (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.0))}),
    Figure("31", "sizes of the network", ("ticket",), {"lenet": _by("width", WIDTHS)}),
    Figure("32", "rates of Adam", ("ticket",), {n: _by("lr", LR, rate_conv=0.1) for n in CONV.split()}),
    Figure(
        "33",
        "rates of SGD",
        ("ticket",),
        {
            "conv2": _by("lr", (1e-4, 5e-4, 8e-4, 1e-3, 1.5e-3, 2.5e-3), **SGD),
            "conv4": _by("lr", (1e-3, 2e-3, 3e-3, 5e-3, 1e-2), **SGD),
            "conv6": _by("lr", (2.5e-3, 5e-3, 0.01, 0.02, 0.025, 0.03, 0.035), rate_conv=0.1, **SGD),
        },
    ),
    Figure(
        "34",
        "rates with momentum",
        ("ticket",),
        {
            "conv2": _by("lr", (1e-4, 3e-4, 5e-4, 7e-4, 1e-3, 1.5e-3), **MOMENTUM),
            "conv4": _by("lr", (1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 8e-3), **MOMENTUM),
            "conv6": _by("lr", (1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 8e-3), rate_conv=0.1, **MOMENTUM),
        },
    ),
    Figure(
        "35",
        "convolutions pruned per round",
        ("ticket",),
        {
            **{n: _by("rate_conv", (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)) for n in ("conv2", "conv4")},
            "conv6": _by("rate_conv", (0.1, 0.15, 0.2, 0.25, 0.3)),
        },
    ),
    Figure(
        "36",
        "rates of Adam with dropout",
        ("ticket",),
        {n: _by("lr", LR[: 5 if n == "conv2" else 4], "dropout") for n in CONV.split()},
    ),
    Figure(
        "37",
        "some layers pruned alone",
        ("ticket",),
        {n: [(None, {"rate_fc": 0, "rate_out": 0}), (None, {"rate_conv": 0}), (None, {})] for n in CONV.split()},
    ),
    Figure("38", "global and layer by layer", ("ticket",), {"vgg19": RATES + LAYERS}),
    Figure("39", "global and layer by layer", ("ticket",), {"resnet20": RATES + LAYERS}),
    Figure("40", "layer by layer", ("ticket", "reinit"), {"vgg19": LAYERS}),
    Figure("41", "layer by layer", ("ticket", "reinit"), {"resnet20": LAYERS}),
    Figure("42", "rates", ("ticket", "reinit"), {"resnet20": _by("lr", (0.01, 0.02, 0.03, 0.05, 0.1), None, warmup=0)}),
    Figure("43", "rates", ("ticket", "reinit"), {"vgg19": _by("lr", (0.01, 0.02, 0.03, 0.05, 0.1), None, warmup=0)}),
    Figure("44", "lengths of warmup", ("ticket",), {"resnet20": _by("warmup", (0, 500, 1000, 5000, 10_000, 20_000))}),
    Figure("45", "lengths of warmup", ("ticket",), {"vgg19": _by("warmup", (0, 1000, 5000, 10_000, 20_000, 50_000))}),
]


def matrix(trainings: pd.DataFrame) -> Table:
    """What there is of each of the paper's figures, by network: how many trials hold all of its arms, pruned at least
    once, and over which share of the paper's iterations.

    >>> matrix(curves.summarise(rows)).frame.set_index("figure")["Lenet-300-100"]["9"]
    '● n = 3, 30 %'
    """
    networks = [name for name in NAMES if any(name in figure.lines for figure in FIGURES)]
    lines = [
        {
            "figure": figure.numbers,
            "of": f"{figure.draws} ({', '.join(ARMS[arm].short for arm in figure.arms)})",
            **{NAMES[n]: _cell(trainings, figure, n) if n in figure.lines else "" for n in networks},
        }
        for figure in FIGURES
    ]
    caption = (
        f"n: the trials that hold all of a figure's arms, the fewest of its lines; in percent how many of the paper's "
        f"iterations they had. ● in {FEWEST} trials or more; ◐ in fewer, or some of its lines; ◌ not all of its arms; "
        f"– not run; empty: not in this figure. † unlike the paper in more than that: see below."
    )
    return Table(pd.DataFrame(lines, dtype=object), caption, classes="lth-table lth-matrix lth-stack")


def credited(ran: pd.DataFrame) -> str:
    """The figures of the paper that an experiment, by its trainings, holds all arms of, in one of their settings."""
    first = ran.iloc[0]
    mine = [
        int(number)
        for figure in FIGURES
        if _trials(ran, figure) and any(matching.of(first, *line) for line in figure.lines.get(first["network"], []))
        for number in figure.numbers.split(", ")
    ]
    return ", ".join(map(str, sorted(mine))) or "none"


class _Held(NamedTuple):
    """What an experiment holds of a figure's line."""

    trials: int
    share: float
    alike: bool  # whether it is unlike the paper in nothing but its iterations


def _cell(trainings: pd.DataFrame, figure: Figure, network: str) -> str:
    lines, held, lacking = figure.lines[network], [], []
    for setting, variation in lines:
        found = matching.experiments(trainings, network, setting, variation)
        asked = matching.asked_for({"network": network, "setting": setting, "with": variation})
        whole = [_held(experiment, figure, asked) for experiment in found if _trials(experiment, figure)]
        held += whole[:1]
        lacking += [_missing(experiment, figure) for experiment in found]
    if not held:
        least = min(lacking, key=len, default=None)
        if least is None:
            return "–"
        return (
            f"◌ no {', '.join(ARMS[arm].short for arm in least)}" if len(least) < len(figure.arms) else "◌ dense alone"
        )
    n, share, every = min(one.trials for one in held), min(one.share for one in held), len(held) == len(lines)
    some = "" if every else f"{len(held)} of {len(lines)} lines, "
    unlike = "" if all(one.alike for one in held) else " †"
    return f"{'●' if every and n >= FEWEST else '◐'} {some}n = {n}, {100 * share:.0f} %{unlike}"


def _held(experiment: pd.DataFrame, figure: Figure, paper: Spec) -> _Held:
    departs = {departure.field for departure in matching.departures(experiment.iloc[0], paper)}
    share = float(experiment["iterations"].max()) / paper.iterations
    return _Held(_trials(experiment, figure), share, departs <= {"iterations"})


def _trials(experiment: pd.DataFrame, figure: Figure) -> int:
    """How many trials hold all arms of a figure, pruned at least once."""
    pruned = experiment[experiment["round"] > 0]
    return len(set.intersection(*(set(pruned["trial"][pruned["arm"] == arm]) for arm in figure.arms)))


def _missing(experiment: pd.DataFrame, figure: Figure) -> list[str]:
    """The arms of a figure that an experiment has not come to."""
    there = set(experiment["arm"][experiment["round"] > 0])
    return [arm for arm in figure.arms if arm not in there]

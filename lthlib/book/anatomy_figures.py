"""Figures of what is inside Lenet's tickets: the table that `anatomy` makes in, a picture with its caption out.

Lines are means over trials; bands run from the smallest to the largest, where there are several. A figure has a panel
for each layer.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

from lthlib.book.captions import scale
from lthlib.book.panel import plots, say_not_run
from lthlib.book.style import DENSE_LINE, GREY, LAYERS, LOOKS, Colour, Shown, level, shade, shown
from lthlib.book.tables import over_trials

OUT_OF = {"fc1.weight": "pixels", "fc2.weight": "hidden layer 1", "out.weight": "hidden layer 2"}
BLUE = LOOKS["ticket"].colour
SHADES = (-0.45, 0.1, 0.55)  # of levels, from many weights to few
RIVALS = {  # what a ticket is compared with: in the legend, in the caption, its colour and marker
    "shared_oneshot": (
        "chosen at once, after training",
        "what would be left if all were pruned at once after the first training",
        LOOKS["oneshot"].colour,
        "^",
    ),
    "shared_continued": (
        "found by training on",
        "the ticket found by training on between prunings",
        LOOKS["continued"].colour,
        "P",
    ),
    "shared_untrained": (
        "largest initial weights",
        "the largest initial weights",
        LOOKS["untrained"].colour,
        "*",
    ),
    "shared_trials": ("tickets of other trials", "the tickets of the other trials", BLUE, "o"),
    "shared_chance": ("chance", "a random mask", GREY, ""),
}


class Line(NamedTuple):
    """One line of a panel: what it is called, its values, one for each trial at each `x`, and how it looks."""

    label: str
    values: pd.Series
    look: dict

    @property
    def mean(self) -> pd.Series:
        return self.values.groupby(level=0).mean()


def initial_values(anatomy: pd.DataFrame, trainings: pd.DataFrame) -> Shown:
    """Figures 15 and 16: the distribution of the surviving weights' initial values, a line for each level."""
    panels = {f"Initial values, {LAYERS[layer]}": _by_level(t, "initial") for layer, t in _layers(anatomy)}
    what = (
        "Density of the initial values of the weights that are left, in standard deviations of their layer's, by the "
    )
    what += "percentage of weights remaining; 100 % is the dense network."
    return _drawn(panels, "initial value (σ)", what, anatomy, trainings, ["initial"])


def movement(anatomy: pd.DataFrame, trainings: pd.DataFrame) -> Shown:
    """Figures 19 and 20: how far the dense network's training moves weights, those of a ticket and the rest."""
    moved = anatomy[anatomy["quantity"] == "moved_in"]
    here = anatomy[anatomy["round"] == (8 if (moved["round"] == 8).any() else moved["round"].max())]
    rest = {"color": GREY}
    panels = {}
    for kind, title in (("moved", "How far"), ("grown", "Away from zero")):
        for layer, t in _layers(here):
            lines = [_density(t, f"{kind}_in", "in the ticket", {"color": BLUE})]
            lines.append(_density(t, f"{kind}_rest", "the rest", rest))
            panels[f"{title}, {LAYERS[layer]}"] = lines
    which = f"with {level(here['remaining'].iloc[0])} left " if len(here) else ""
    what = (
        "Density of |w′ − w|, how far training of the dense network moved a weight, and of |w′| − |w|, how much larger "
        f"it became, of the weights that the ticket {which}keeps and of the others."
    )
    return _drawn(panels, "change of the weight", what, here, trainings, ["moved_in", "grown_in"], tall=0.97)


def connections(anatomy: pd.DataFrame, trainings: pd.DataFrame) -> Shown:
    """Figures 21 to 24: how the connections that are left spread over units, incoming and outgoing."""
    pruned = anatomy[anatomy["round"] > 0]
    panels = {f"Into {LAYERS[layer]}": _by_level(t, "incoming") for layer, t in _layers(pruned)}
    panels |= {f"Out of {OUT_OF[layer]}": _by_level(t, "outgoing") for layer, t in _layers(pruned)}
    what = (
        "Density over units of the share of their incoming (above) and outgoing (below) connections that are left, by "
        "the percentage of weights remaining."
    )
    return _drawn(panels, "share of connections left", what, pruned, trainings, ["incoming", "outgoing"])


def overlaps(anatomy: pd.DataFrame, trainings: pd.DataFrame) -> Shown:
    """How much of a ticket is in other masks of as many weights."""
    pruned = anatomy[anatomy["round"] > 0]
    rivals = {name: rival for name, rival in RIVALS.items() if (pruned["quantity"] == name).any()}
    panels = {
        f"Overlap, {LAYERS[layer]} (%)": [
            _measured(t, name, label, colour, marker) for name, (label, _, colour, marker) in rivals.items()
        ]
        for layer, t in _layers(pruned)
    }
    what = (
        "The part of a ticket's weights that is also in another mask of as many, against the percentage of weights "
        f"remaining. The other mask is {', or '.join(said for _, said, *_ in rivals.values())}."
    )
    return _drawn(panels, "weights remaining (%)", what, anatomy, trainings, list(rivals), log=True)


def _layers(anatomy: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    return [(layer, anatomy[anatomy["layer"] == layer]) for layer in LAYERS]


def _by_level(t: pd.DataFrame, quantity: str) -> list[Line]:
    """A histogram's line for each level, the dense network's first."""
    t, lines = t[t["quantity"] == quantity], []
    pruned = sorted(set(t["round"]) - {0})
    shades = dict(zip(pruned, np.interp(np.arange(len(pruned)), range(3), SHADES), strict=True))
    for n, mine in t.groupby("round"):
        look = {"color": shade(BLUE, shades[n])} if n else DENSE_LINE
        lines.append(_density(mine, quantity, level(mine["remaining"].iloc[0]), look))
    return lines


def _density(t: pd.DataFrame, quantity: str, label: str, look: dict) -> Line:
    return _line(t[t["quantity"] == quantity], "x", label, look)


def _measured(t: pd.DataFrame, quantity: str, label: str, colour: Colour, marker: str) -> Line:
    return _line(t[t["quantity"] == quantity], "remaining", label, {"color": colour, "marker": marker})


def _line(t: pd.DataFrame, x: str, label: str, look: dict) -> Line:
    return Line(label, t.set_index(x)["value"].sort_index(kind="stable"), look)


def _drawn(
    panels: Mapping[str, list[Line]],
    xlabel: str,
    what: str,
    anatomy: pd.DataFrame,
    trainings: pd.DataFrame,
    quantities: list[str],
    log: bool = False,
    tall: float = 1.0,
) -> Shown:
    """`tall`: the part of a panel's values that it shows, where a few lie far above."""
    panels = {title: [line for line in lines if len(line.values)] for title, lines in panels.items()}

    def draw(narrow: bool) -> Figure:
        fig, axes = plots(list(panels), xlabel, narrow)
        for ax, lines in zip(axes, panels.values(), strict=True):
            _panel(ax, lines, log, tall) if lines else say_not_run(ax)
        looks = {line.label: line.look for lines in panels.values() for line in lines}
        handles = [Line2D([], [], **look, label=label) for label, look in looks.items()]
        if handles:
            rows = -(-len(handles) // max(1, int(fig.get_figwidth() / 1.9)))
            fig.legend(handles=handles, loc="outside upper left", ncols=-(-len(handles) // rows))
            fig.set_figheight(fig.get_figheight() + 0.2 * rows)
        return fig

    cut = "Peaks are cut off." if tall < 1 else ""
    some = anatomy["trial"].nunique() > 1
    bands = f"Lines: {over_trials(anatomy).lower()}; bands run from the smallest to the largest." if some else ""
    own = trainings[(trainings["arm"] == "ticket") & trainings["trial"].isin(anatomy["trial"])]
    caption = " ".join(part for part in (what, scale(own, bars=False), bands, cut) if part)
    alt = " ".join(f"{title}: {'; '.join(map(_said, lines)) or 'not run'}." for title, lines in panels.items())
    table = anatomy[anatomy["quantity"].isin([*quantities, *(q.replace("_in", "_rest") for q in quantities)])].copy()
    table.attrs["name"] = "-".join([*table["network"].unique(), *table["key"].unique(), *quantities[:2]])
    return shown(draw, caption, alt, table)


def _panel(ax: Axes, lines: list[Line], log: bool, tall: float) -> None:
    for line in lines:
        x, values = line.values.index.to_numpy(), line.values.to_numpy()
        band = ("pi", 100) if line.values.index.has_duplicates else None  # all of it, where there are several trials
        look = {"linewidth": 1.3, "markeredgecolor": line.look["color"], "markeredgewidth": 1.0, **line.look}
        sns.lineplot(x=x, y=values, errorbar=band, err_kws={"linewidth": 0}, ax=ax, gid=line.label, **look)
    heights = np.concatenate([line.values.groupby(level=0).max() for line in lines])
    ax.set_ylim(0, 1.08 * np.quantile(heights, tall))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    if log:
        ax.set_xscale("log")
        ax.set_xticks([100, 50, 20, 10, 5, 2, 1])
        ax.xaxis.set_major_formatter(ScalarFormatter())
        ax.xaxis.set_minor_locator(NullLocator())
        ends = np.concatenate([line.values.index for line in lines])
        ax.set_xlim(ends.max() * 1.1, ends.min() / 1.1)
    else:
        seen = np.concatenate([line.mean.index[line.mean > 0.01 * line.mean.max()] for line in lines])
        ax.set_xlim(seen.min(), seen.max())


def _said(line: Line) -> str:
    mean = line.mean
    return f"{line.label} highest, {mean.max():.2g}, at {mean.idxmax():.2g}"

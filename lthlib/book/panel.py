"""One plot of a figure: its axes, its lines with their bars, its legend, and what one sees there, in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from lthlib.book.style import DENSE_LINE, GREY, INK, LOOKS, NARROW, PALE, PAPER_LINE, WIDE, Arm, level
from lthlib.evidence import curves, paper_curves

PAPER_TICKS = (100, 51.3, 26.3, 13.5, 7.0, 3.6, 1.9, 1.0, 0.5, 0.3)  # every third round of Lenet, Figure 4a
CONV_TICKS = (100, 51.4, 26.5, 13.7, 7.1, 3.7, 1.9, 1.0)  # Figure 5, for all its networks
RESNET_TICKS = (100, 64.4, 41.7, 27.1, 17.8, 11.8, 8.0, 5.5)  # Figure 8
VGG_TICKS = (100, 41.0, 16.8, 6.9, 2.8, 1.2, 0.5, 0.2, 0.1)  # Figure 7
TICKS = {"lenet": PAPER_TICKS, "resnet20": RESNET_TICKS, "vgg19": VGG_TICKS}  # others: CONV_TICKS
COUNTS = (300_000, 100_000, 30_000, 10_000, 3_000, 1_000, 300)  # of weights, Figure 31
LINEAR_TICKS = (100, 87.5, 75.0, 62.6, 50.1, 37.6, 25.1, 12.7)  # Figure 4c
WINDOW = {"lenet": 6.0}  # percentage points of accuracy below the best that a panel shows; other networks: 15

Place = tuple[str, ...]  # where the paper's table has a curve: figure, its name for the quantity, perhaps a variant


@dataclass
class Panel:
    """One plot: by arm, our curve of a quantity and the paper's; and the dense network's mean, or not a number.

    Lenet's early stops are on a linear axis, as in the paper; those of other networks, where they range widely, on a
    logarithmic one: a ticket that is several times faster does not vanish below a network that is as much slower.
    """

    network: str
    quantity: str
    title: str
    ours: dict[str, pd.DataFrame]
    paper: dict[str, pd.DataFrame]
    dense: float
    looks: Mapping[str, Arm] = field(default_factory=lambda: LOOKS)

    @property
    def log(self) -> bool:
        if self.quantity != "es" or self.network == "lenet":
            return False
        stops = self._early_stops()
        return bool(stops.max() > 5 * stops[stops > 0].min())  # in a smaller range such an axis has too few ticks

    def _early_stops(self) -> pd.Series:
        drawn = [c[name] for c in self.ours.values() for name in ("mean", "low", "high")]
        return pd.concat([*drawn, *(c["mean"] for c in self.paper.values()), pd.Series([self.dense])])

    def text(self, value: float) -> str:
        if self.quantity == "es":
            return f"{value:,.0f}"
        return f"{value:.2f} {'points' if self.quantity.startswith('gap') else '%'}"

    def limits(self) -> tuple[float, float] | None:
        """All of ours, but accuracies only to `WINDOW` below the best, unless the dense network or a whole curve lies
        below that; of the paper's early stops only the first."""
        paper = list(self.paper.values())
        drawn = list(self.ours.values()) or paper
        if not drawn and np.isnan(self.dense):
            return None
        highest = [self.dense, *(c["high"].max() for c in drawn)]
        if self.log:
            stops = self._early_stops()
            return 0.85 * stops[stops > 0].min(), 1.25 * stops.max()
        if self.quantity == "es":
            return 0.0, 1.09 * np.nanmax([1.0, *highest, *(c["mean"].iloc[0] for c in paper)])
        best = np.nanmax([self.dense, *(c["mean"].max() for c in drawn)])
        lowest = np.nanmin([self.dense, *(c["low"].min() for c in drawn)])
        kept = np.nanmin([best - WINDOW.get(self.network, 15.0), self.dense, *(c["mean"].max() for c in drawn)])
        bottom = max(lowest, kept)
        top = np.nanmax([*highest, *(c["mean"].max() for c in paper)])
        room = 0.06 * max(top - bottom, 1.0)
        return bottom - room, min(top + room, 100.2)

    def cut_off(self) -> float | None:
        """Where the panel ends, if a measured value lies below that."""
        limits = self.limits()
        if self.log or limits is None:
            return None
        return limits[0] if any((c["low"] < limits[0]).any() for c in self.ours.values()) else None

    def draw(self, ax: Axes) -> None:
        for arm, curve in self.paper.items():
            hollow: dict[str, Any] = {"marker": self.looks[arm].marker, "ms": 3.2, "mfc": "white", "mew": 0.8}
            every = apart(ax, curve["remaining"])[::3]
            ax.plot(curve["remaining"], curve["mean"], **PAPER_LINE, **hollow, markevery=every, gid=f"paper:{arm}")
        if np.isfinite(self.dense):
            ax.axhline(self.dense, **DENSE_LINE, zorder=1.8, gid="dense")
        for arm, curve in self.ours.items():
            look = {"color": self.looks[arm].colour, "marker": self.looks[arm].marker}
            draw_curve(ax, curve, "remaining", apart(ax, curve["remaining"]), arm, **look)
        if not self.ours:
            say_not_run(ax)
        if self.log:
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_minor_locator(NullLocator())
        else:
            ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        ax.set_ylim(self.limits())
        if self.quantity == "es":
            ax.yaxis.set_major_formatter("{x:,.0f}")

    def alt(self) -> str:
        """What one sees, in numbers: the dense network, where each curve turns and ends, where the paper's turns."""
        seen = [] if self.ours else ["not run"]
        if np.isfinite(self.dense):
            seen.append(f"dense network {self.text(self.dense)}")
        for arm, curve in self.ours.items():
            turn, last = self._turn(curve), self._point(curve.iloc[-1])
            seen.append(f"{self.looks[arm].name} {turn}" + (f", then {last}" if last not in turn else ""))
        seen += [
            f"the paper's {self.looks[arm].name} {self._turn(curve)}" for arm, curve in list(self.paper.items())[:1]
        ]
        return f"{self.title}: {'; '.join(seen)}."

    def _turn(self, curve: pd.DataFrame) -> str:
        if self.quantity == "es":
            return f"lowest, {self._point(curve.iloc[curve['mean'].argmin()])}"
        return f"highest, {self._point(curve.iloc[curve['mean'].argmax()])}"

    def _point(self, point: pd.Series) -> str:
        return f"{self.text(point['mean'])}, with {level(point['remaining'])} left"


def panel_of(
    trainings: pd.DataFrame,
    run: Iterable[str],
    quantity: str,
    title: str,
    paper: Mapping[str, Place],
    looks: Mapping[str, Arm] = LOOKS,
) -> Panel:
    network = trainings["network"].iloc[0]
    measured = trainings.dropna(subset=quantity)
    spread = curves.spread(measured, quantity).sort_values("remaining", ascending=False)
    ours = {arm: spread[spread["arm"] == arm] for arm in run if (spread["arm"] == arm).any()}
    theirs = {arm: c for arm, place in paper.items() if len(c := paper_curves.beside(network, arm, *place))}
    dense = curves.dense(measured)[quantity].mean()
    return Panel(network, quantity, title, ours, theirs, dense, looks)


def plots(titles: list[str], xlabel: str, narrow: bool, sharey=False) -> tuple[Figure, np.ndarray]:
    """Plots side by side, four of them two by two; or in one column."""
    number = len(titles)
    columns = 1 if narrow else min(number, 3) if number != 4 else 2
    rows = -(-number // columns)
    size = (NARROW, 2.5 * number + 0.1) if narrow else (WIDE if number > 1 else 6.0, 2.6 * rows + 0.5)
    fig = Figure(figsize=size, layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False, sharey=sharey).ravel()
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title)
    for ax in axes[-columns:]:
        ax.set_xlabel(xlabel)
    return fig, axes


def draw_curve(ax: Axes, curve: pd.DataFrame, x: str, marked: list[int], gid: str, **look) -> None:
    """A line of means, and at the marked points a bar from minimum to maximum where there are several trainings."""
    bars = curve.iloc[marked]
    bars = bars[bars["n"] > 1]
    if len(bars):  # behind and fainter: the mean is the message. `gid` names what is drawn, for tests and for SVG.
        bar = {"color": look["color"], "lw": 1.0, "alpha": 0.6, "zorder": 2}
        ax.vlines(bars[x], bars["low"], bars["high"], **bar, gid=f"bars:{gid}")
    ax.plot(curve[x], curve["mean"], markevery=marked, zorder=3, gid=gid, **look)


def remaining_axis(
    ax: Axes, log: bool, levels: np.ndarray, inches: float, papers_ticks: Sequence[float], papers_curve: bool
) -> None:
    """P_m from 100 on the left to small on the right, with the paper's ticks; labels thin out rather than touch."""
    left, right = 103.0, 0.0
    ticks: Sequence[float] = LINEAR_TICKS
    if log:
        ax.set_xscale("log")
        # A run of few rounds still shows where the paper's curve turns, if that is drawn.
        left, right = 114.0, min(19 if papers_curve else 100, levels[-1]) / 1.14
        ticks = [t for t in papers_ticks if t > right]
        ticks = list(levels) if len(ticks) < 4 and len(levels) < 9 else ticks
    every = 1 if len(ticks) <= 3.3 * inches else 2
    labels = ["100" if t == 100 else f"{t:.1f}" for t in ticks]
    ax.set_xticks(ticks, [label if i % every == 0 else "" for i, label in enumerate(labels)])
    ax.minorticks_off()
    ax.set_xlim(left, right)


def weights_axis(ax: Axes, most: float, least: float) -> None:
    """The number of weights, from many on the left to few, on a logarithmic axis."""
    ax.set_xscale("log")
    ax.set_xlim(1.14 * most, least / 1.14)
    ax.set_xticks([t for t in COUNTS if least <= t <= most])
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.minorticks_off()


def apart(ax: Axes, remaining: pd.Series) -> list[int]:
    """The points that get a marker and a bar: all, unless they would touch (one-shot near 100 % on a log axis)."""
    kept: list[int] = []
    for i, p in enumerate(remaining):
        if ax.get_xscale() == "linear" or not kept or p < 0.87 * remaining.iloc[kept[-1]]:
            kept.append(i)
    return kept


def draw_end(ax: Axes, iterations: int) -> None:
    """Where training ended: an early stop up there says that the loss was still falling."""
    ax.axhline(iterations, color=GREY, lw=0.8, zorder=1.7, gid="end of training")
    above: dict[str, Any] = {"xytext": (0, 1), "textcoords": "offset points", "va": "bottom"}
    ax.annotate("training ends", (100, iterations), **above, size=8, color=GREY)


def legend(
    fig: Figure, arms: list[str], dense: bool, paper: bool, title: str, looks: Mapping[str, Arm] = LOOKS
) -> None:
    handles = [Line2D([], [], color=looks[a].colour, marker=looks[a].marker, label=looks[a].name) for a in arms]
    handles += [Line2D([], [], **DENSE_LINE, label="dense network")] if dense else []
    handles += [Line2D([], [], **PAPER_LINE, label="the paper's")] if paper else []
    if handles:
        lines = -(-len(handles) // int(fig.get_figwidth() / 1.5))  # an entry takes about an inch and a half
        named = {"title": title, "title_fontproperties": {"size": 11, "weight": "bold"}, "alignment": "left"}
        fig.legend(
            handles=handles, loc="outside upper left", ncols=-(-len(handles) // lines), **(named if title else {})
        )
        fig.set_figheight(fig.get_figheight() + 0.17 * lines + (0.22 if title else 0))


def say_not_run(ax: Axes) -> None:
    box = {"facecolor": "white", "edgecolor": PALE, "boxstyle": "round,pad=0.5"}
    ax.text(0.5, 0.5, "not run", transform=ax.transAxes, ha="center", va="center", color=INK, bbox=box)

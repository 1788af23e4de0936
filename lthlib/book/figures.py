"""One function per figure of the paper: a table of measurements in, a picture with its caption and alt text out.

Lines are means and bars run from the minimum to the maximum over trials, as in the paper, whose own curves lie dashed
behind ours where both are about the same data and a network of the same width. A figure is about one network. No
caption is typed by hand where a row holds the number.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from lthlib.book.style import (
    DENSE_LINE,
    GREY,
    INK,
    LOOKS,
    NARROW,
    PALE,
    PAPER_LINE,
    WIDE,
    Arm,
    Shown,
    level,
    listed,
    shade,
    shown,
)
from lthlib.evidence import curves, matching, paper_curves
from lthlib.specs import DIGITS, INPUTS, NAMES, NOISE, ONESHOT_LEVELS, PAPER, POINTS, Spec
from lthlib.specs.columns import TRAINING

ONESHOT = ("oneshot", "oneshot_reinit")  # their `round` counts steps of 2.5 % pruned
ITERATIVE = ("ticket", "reinit")
FOUR_ARMS = (*ITERATIVE, *ONESHOT)
EARLY_STOP = "Early stop (the iteration of smallest validation loss)"


def figure1_lenet(trainings: pd.DataFrame) -> Shown:
    """Figure 1, its Lenet part: early stop and the test accuracy there, winning tickets against random sparsity."""
    what = f"{EARLY_STOP} and test accuracy there, of winning tickets and of sparse networks drawn at random,"
    quantities = [
        ("es", "Early-stop iteration", {"ticket": ("fig4a", "es"), "random": ("fig1", "es")}),
        ("acc_es", "Test accuracy at early stop (%)", {"ticket": ("fig4a", "acc_es"), "random": ("fig1", "acc")}),
    ]
    return _against_remaining(trainings, "lenet", ("ticket", "random"), quantities, what)


def figure4a(trainings: pd.DataFrame) -> Shown:
    """Figure 4a: early stop, test and train accuracy there; iterative and one-shot tickets and their controls."""
    what = f"{EARLY_STOP}, test and train accuracy there,"
    quantities = [
        ("es", "Early-stop iteration", dict.fromkeys(ITERATIVE, ("fig4a", "es"))),
        ("acc_es", "Test accuracy there (%)", dict.fromkeys(ITERATIVE, ("fig4a", "acc_es"))),
        ("train_es", "Train accuracy there (%)", dict.fromkeys(ITERATIVE, ("fig4a", "train_es"))),
    ]
    return _against_remaining(trainings, "lenet", FOUR_ARMS, quantities, what)


def figure4b(trainings: pd.DataFrame) -> Shown:
    """Figure 4b: test accuracy at the end of training, which for the paper is iteration 50,000."""
    quantities = [("acc_end", "Test accuracy at the end (%)", dict.fromkeys(ITERATIVE, ("fig4b", "acc_50k")))]
    return _against_remaining(trainings, "lenet", FOUR_ARMS, quantities, "Test accuracy at the end of training")


def figure4c(trainings: pd.DataFrame) -> Shown:
    """Figure 4c: one-shot pruning on a linear axis, early stop and the test accuracy there."""
    what = f"{EARLY_STOP} and test accuracy there, of one-shot pruning,"
    quantities = [
        ("es", "Early-stop iteration", dict.fromkeys(ONESHOT, ("fig4c", "es"))),
        ("acc_es", "Test accuracy at early stop (%)", dict.fromkeys(ONESHOT, ("fig4c", "acc_es"))),
    ]
    return _against_remaining(trainings, "lenet", ONESHOT, quantities, what, log=False)


def figure5(trainings: pd.DataFrame, network: str) -> Shown:
    """Figure 5, one network of it: early stop, test and train accuracy there, test accuracy at the end of training."""
    titles = {
        "es": "Early-stop iteration",
        "acc_es": "Test accuracy there (%)",
        "train_es": "Train accuracy there (%)",
        "acc_end": "Test accuracy at the end (%)",
    }
    quantities = [(name, title, dict.fromkeys(ITERATIVE, ("fig5", name))) for name, title in titles.items()]
    what = f"{EARLY_STOP}, test and train accuracy there, and test accuracy at the end of training,"
    return _against_remaining(trainings, network, ITERATIVE, quantities, what)


def figure6(trainings: pd.DataFrame, network: str, plain: pd.DataFrame | None = None) -> Shown:
    """Figure 6, one network of it: early stop and test accuracy there, of tickets trained with dropout and without."""
    titles = {"es": "Early-stop iteration", "acc_es": "Test accuracy at early stop (%)"}
    quantities = [(name, title, {"ticket": ("fig6", name), "plain": ("fig5", name)}) for name, title in titles.items()]
    what = f"{EARLY_STOP} and test accuracy there, with dropout,"
    return _against_remaining(trainings, network, ("ticket",), quantities, what, beside={"plain": plain})


def figures7_8(rows: pd.DataFrame, network: str) -> Shown:
    """Figures 7 and 8, one network and learning rate of them: test accuracy at three points in training."""
    figure, last = {"vgg19": "fig7", "resnet20": "fig8"}[network], POINTS[network][-1]
    trainings, quantities = curves.summarise(matching.one_experiment(rows, network)), []
    variant = paper_curves.variant(matching.spec_of(trainings.iloc[0]))
    for n, point in enumerate(POINTS[network]):
        at = curves.reached(rows[rows["network"] == network], point / last)
        trainings[f"acc_{n}"] = at["acc_at"]
        place = figure, f"acc_{point // 1000}k", variant
        quantities.append((f"acc_{n}", f"Accuracy at {_range(at['at'])} (%)", dict.fromkeys(ITERATIVE, place)))
    return _against_remaining(trainings, network, ITERATIVE, quantities, "Test accuracy at three iterations")


def random_sparsity_deep(trainings: pd.DataFrame, network: str) -> Shown:
    """Figure 14, one deep network and learning rate of it: test accuracy at the end of training."""
    figure, last = {"vgg19": "fig7", "resnet20": "fig8"}[network], POINTS[network][-1]
    variant = paper_curves.variant(matching.spec_of(matching.one_experiment(trainings, network).iloc[0]))
    places = {
        **dict.fromkeys(ITERATIVE, (figure, f"acc_{last // 1000}k", variant)),
        "random": ("fig14", "acc_final", variant),
    }
    quantities = [("acc_end", "Test accuracy at the end (%)", places)]
    return _against_remaining(trainings, network, (*ITERATIVE, "random"), quantities, "Test accuracy at the end")


def scopes(trainings: pd.DataFrame, network: str, layerwise: pd.DataFrame | None = None) -> Shown:
    """Figures 38 and 39, one network and learning rate of them: weights of all convolutions ranked together, against
    each layer pruned for itself."""
    quantities = [("acc_end", "Test accuracy at the end (%)", {})]
    what = "Test accuracy at the end of training, of tickets whose convolutions are ranked together,"
    return _against_remaining(trainings, network, ("ticket",), quantities, what, beside={"layer": layerwise})


def warmups(runs: Mapping[int, pd.DataFrame], network: str) -> Shown:
    """Figures 44 and 45, one network of them: the validation accuracy of tickets at the end of training, a line for
    each length of warmup; `runs` are trainings by that length, in the paper's iterations."""
    runs = dict(sorted(runs.items()))
    longest = next(reversed(runs.values()))
    shrunk = longest["iterations"].iloc[0] != (paper := _paper(longest).iterations)
    note = f"Lengths are of the paper's {paper:,} iterations: here they are as much shorter as training is."
    quantities = [("valacc_end", f"{NAMES[network]}: validation accuracy, end (%)")]
    return sweep(runs, network, "iterations of warmup", quantities, unlike=("warmup",), note=note if shrunk else "")


SWEPT = (("es", "Early-stop iteration"), ("valacc_es", "Validation accuracy at early stop (%)"))


def sweep(
    runs: Mapping[str | float, pd.DataFrame],
    network: str,
    factor: str,
    quantities: Sequence[tuple[str, str]] = SWEPT,
    unlike: Sequence[str] = (),
    by_weights: bool = False,
    note: str = "",
) -> Shown:
    """Figures 26 to 31, 44 and 45, one of them: quantities of tickets against P_m, or against the number of weights, a
    line for each value of a factor, from light to dark; `runs` are trainings by that value.

    `unlike` names the settings that are varied. Runs at another scale than most of them are not drawn.
    """
    tickets = matching.tickets_of_one_scale(runs, network)
    left = [_said(value) for value in runs if value not in tickets]
    drawn = pd.concat(tickets.values())
    lighter = np.linspace(0.6, -0.5, len(tickets))
    blue = LOOKS["ticket"].colour
    looks = {
        f"{factor}:{value}": Arm(_said(value), _said(value), shade(blue, amount), "o")
        for value, amount in zip(tickets, lighter, strict=True)
    }
    panels = []
    for quantity, title in quantities:
        lines = (curves.spread(t, quantity).sort_values("remaining", ascending=False) for t in tickets.values())
        panels.append(Panel(network, quantity, title, dict(zip(looks, lines, strict=True)), {}, np.nan, looks))
    levels = np.sort(drawn["remaining"].round(1).unique())[::-1]
    total = {name: t["weights"].max() for name, t in zip(looks, tickets.values(), strict=True)}

    def draw(narrow: bool) -> Figure:
        fig, axes = plots([p.title for p in panels], "weights left" if by_weights else "weights remaining (%)", narrow)
        inches = fig.get_figwidth() / axes[0].get_gridspec().ncols - 0.55
        for ax, panel in zip(axes, panels, strict=True):
            if by_weights:
                _weights_axis(ax, max(total.values()), drawn["weights"].min())
                weighed = {
                    name: c.assign(remaining=c["remaining"] / 100 * total[name]) for name, c in panel.ours.items()
                }
                replace(panel, ours=weighed).draw(ax)
            else:
                _x_axis(ax, True, levels, inches, TICKS.get(network, CONV_TICKS), False)
                panel.draw(ax)
        handles = [Line2D([], [], color=look.colour, marker="o", label=look.name) for look in looks.values()]
        columns = min(len(handles), int(fig.get_figwidth() / 0.95))
        fig.legend(handles=handles, loc="outside upper left", ncols=columns, title=factor, alignment="left")
        fig.set_figheight(fig.get_figheight() + 0.2 + 0.17 * -(-len(handles) // columns))
        return fig

    late = drawn[(drawn["es"] >= 0.98 * drawn["iterations"]) & (panels[0].quantity == "es")]
    first = next(iter(tickets.values()))
    each = _range(drawn.groupby(["key", "round"]).size())
    cut = [f"{p.limits()[0]:.1f} %" for p in panels if p.cut_off()]
    caption = _words(
        f"{listed(title for _, title in quantities)}, of {NAMES[network]}'s tickets, by {factor}, against the "
        f"{'number' if by_weights else 'percentage'} of weights remaining.",
        _scale(first, levels=True, unlike=unlike),
        f"Over all lines n = {each}." if len(tickets) > 1 else "",
        note,
        f"Not drawn, for another scale or none of its own here: {listed(left)}." if left else "",
        _bars(drawn.assign(arm=drawn["key"]), "point"),
        f"Accuracies below {listed(dict.fromkeys(cut))} are cut off." if cut else "",
        "Where an early stop lies at the end of training, the loss was still falling." if len(late) else "",
    )
    alt = _words(f"By {factor}.", *(panel.alt() for panel in panels))
    return shown(draw, caption, alt, _numbers(drawn, [quantity for quantity, _ in quantities]))


def _said(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def random_sparsity(trainings: pd.DataFrame, network: str) -> Shown:
    """Figures 1 and 14, a convolutional network of them: tickets and reinit against networks sparse at random."""
    places = [
        ("es", "Early-stop iteration", ("fig1", "es")),
        ("acc_es", "Test accuracy there (%)", ("fig1", "acc")),
        ("acc_end", "Test accuracy, end (%)", ("fig14", "acc_final")),
    ]
    quantities = [(n, t, {**dict.fromkeys(ITERATIVE, ("fig5", n)), "random": place}) for n, t, place in places]
    what = f"{EARLY_STOP}, test accuracy there, and test accuracy at the end of training,"
    return _against_remaining(trainings, network, (*ITERATIVE, "random"), quantities, what)


def two_strategies(trainings: pd.DataFrame, network: str) -> Shown:
    """Figures 9 and 10, a network of them: tickets by resetting every round and by training on, Appendix B."""
    figure = "fig9" if network == "lenet" else "fig10"
    resetting = {"es": ("fig4a" if network == "lenet" else "fig5", "es"), "valacc_es": (figure, "valacc_es")}
    titles = {"es": "Early-stop iteration", "valacc_es": "Validation accuracy at early stop (%)"}
    quantities = [
        (name, title, {"ticket": resetting[name], "continued": (figure, name)}) for name, title in titles.items()
    ]
    what = f"{EARLY_STOP} and validation accuracy there, of tickets found with and without resetting between prunings,"
    return _against_remaining(trainings, network, ("ticket", "continued"), quantities, what)


def figure17(trainings: pd.DataFrame) -> Shown:
    """Figure 17: tickets, reinit, and the ticket's mask on weights drawn from its own initial ones (Appendix F.3)."""
    return _appendix_f(trainings, ("ticket", "redrawn", "reinit"), {"redrawn": "fig17"})


def figure18(trainings: pd.DataFrame) -> Shown:
    """Figure 18: tickets, reinit, and networks pruned by initial magnitude, untrained (Appendix F.4)."""
    return _appendix_f(trainings, ("ticket", "reinit", "untrained"), {"untrained": "fig18"})


def figure25(trainings: pd.DataFrame) -> Shown:
    """Figure 25: tickets with noise on their initial weights, and reinit (Appendix F.7)."""
    return _appendix_f(trainings, ("ticket", *NOISE, "reinit"), dict.fromkeys(NOISE, "fig25"))


def _appendix_f(trainings: pd.DataFrame, arms: Sequence[str], figure: Mapping[str, str]) -> Shown:
    """Early stop and the accuracy there; of the paper's curves that of accuracy alone, since its early stops here are
    those of the smallest loss on test data."""
    places = {arm: (figure.get(arm, "fig4a"), "acc_es") for arm in arms}
    quantities = [("es", "Early-stop iteration", {}), ("acc_es", "Test accuracy at early stop (%)", places)]
    return _against_remaining(trainings, "lenet", arms, quantities, f"{EARLY_STOP} and test accuracy there")


def generalisation(trainings: pd.DataFrame, network: str = "lenet") -> Shown:
    """How far test accuracy lies below train accuracy, at early stop and at the end of training (Section 5)."""
    quantities = [("gap_es", "Train less test accuracy at early stop (points)", {})]
    quantities += [("gap_end", "Train less test accuracy at the end (points)", {})]
    what = "Train accuracy less test accuracy, at early stop and at the end of training,"
    return _against_remaining(trainings, network, (*ITERATIVE, "random"), quantities, what)


# The lines of Figure 3, as (arm, round): 3 rounds leave 51.3 % of the weights, then 21.1, 7.0, 3.6 and 1.9 %.
FIGURE3 = {
    "Lightly pruned": [("ticket", 0), ("ticket", 3), ("ticket", 7)],
    "Pruned further": [("ticket", 0), ("ticket", 7), ("ticket", 12), ("ticket", 15), ("ticket", 18)],
    "With random reinit": [("ticket", 0), ("ticket", 3), ("ticket", 7), ("reinit", 3), ("reinit", 7)],
}


def figure3(rows: pd.DataFrame) -> Shown:
    """Figure 3: test accuracy as training proceeds: the dense network, tickets, and reinitialised tickets."""
    note = "The paper's own lines of this figure are not drawn."
    return _over_time(rows, FIGURE3, end=17_500, note=note)  # the end of the paper's axis


def over_time(
    rows: pd.DataFrame, lines: Sequence[tuple[str, int]], title: str | None = None, network: str = "lenet"
) -> Shown:
    """Test accuracy as training proceeds, one line for each (arm, round); ("ticket", 0) is the dense network."""
    return _over_time(rows, {title or "": lines}, network=network)


# --------------------------------------------------------------------------------- quantities against weights remaining

PAPER_TICKS = (100, 51.3, 26.3, 13.5, 7.0, 3.6, 1.9, 1.0, 0.5, 0.3)  # every third round of Lenet, Figure 4a
CONV_TICKS = (100, 51.4, 26.5, 13.7, 7.1, 3.7, 1.9, 1.0)  # Figure 5, for all its networks
RESNET_TICKS = (100, 64.4, 41.7, 27.1, 17.8, 11.8, 8.0, 5.5)  # Figure 8
VGG_TICKS = (100, 41.0, 16.8, 6.9, 2.8, 1.2, 0.5, 0.2, 0.1)  # Figure 7
TICKS = {"lenet": PAPER_TICKS, "resnet20": RESNET_TICKS, "vgg19": VGG_TICKS}  # others: CONV_TICKS
COUNTS = (300_000, 100_000, 30_000, 10_000, 3_000, 1_000, 300)  # of weights, Figure 31
LINEAR_TICKS = (100, 87.5, 75.0, 62.6, 50.1, 37.6, 25.1, 12.7)  # Figure 4c
WINDOW = {"lenet": 6.0}  # percentage points of accuracy below the best that a panel shows; other networks: 15


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

    def cut_off(self) -> bool:
        """Whether a measured value lies below the panel."""
        return not self.log and any((c["low"] < self.limits()[0]).any() for c in self.ours.values())

    def draw(self, ax: Axes) -> None:
        for arm, curve in self.paper.items():
            hollow = {"marker": self.looks[arm].marker, "ms": 3.2, "mfc": "white", "mew": 0.8}
            every = _apart(ax, curve["remaining"])[::3]
            ax.plot(curve["remaining"], curve["mean"], **PAPER_LINE, **hollow, markevery=every, gid=f"paper:{arm}")
        if np.isfinite(self.dense):
            ax.axhline(self.dense, **DENSE_LINE, zorder=1.8, gid="dense")
        for arm, curve in self.ours.items():
            look = {"color": self.looks[arm].colour, "marker": self.looks[arm].marker}
            _draw_curve(ax, curve, "remaining", _apart(ax, curve["remaining"]), arm, **look)
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
            return f"lowest, {self._point(curve.loc[curve['mean'].idxmin()])}"
        return f"highest, {self._point(curve.loc[curve['mean'].idxmax()])}"

    def _point(self, point: pd.Series) -> str:
        return f"{self.text(point['mean'])}, with {level(point['remaining'])} left"


def _panel(trainings: pd.DataFrame, run: Iterable[str], quantity: str, title: str, paper: Mapping) -> Panel:
    network = trainings["network"].iloc[0]
    measured = trainings.dropna(subset=quantity)
    spread = curves.spread(measured, quantity).sort_values("remaining", ascending=False)
    ours = {arm: spread[spread["arm"] == arm] for arm in run if (spread["arm"] == arm).any()}
    theirs = {arm: c for arm, place in paper.items() if len(c := paper_curves.beside(network, arm, *place))}
    dense = curves.dense(measured)[quantity].mean()
    return Panel(network, quantity, title, ours, theirs, dense)


def _title(trainings: pd.DataFrame) -> str:
    """A network, with what sets this experiment apart from others of it."""
    network, ours = trainings["network"].iloc[0], _recipe(trainings)
    if network == "lenet":
        return ""
    apart = []
    if network in POINTS:
        apart = [f"rate {ours['lr']:g}", *(["warmup"] if ours["warmup"] else [])]
    apart += ["dropout"] if ours["dropout"] else []
    return ", ".join([NAMES[network], *apart])


def _against_remaining(
    trainings: pd.DataFrame,
    network: str,
    arms: Sequence[str],
    quantities: list,
    what: str,
    log: bool = True,
    beside: Mapping[str, pd.DataFrame | None] | None = None,
) -> Shown:
    """The one picture behind Figures 1, 4 to 8, 14, 38 and 39: quantities of trainings against P_m, ours over the
    paper's.

    A quantity comes with its title and, by arm, the figure and the name under which the paper's table has its curve,
    perhaps in a variant. `beside` are other experiments whose tickets are drawn, by their look; None is not run.
    """
    trainings = matching.one_experiment(trainings, network)
    compared = {} if beside is None else beside
    beside = {name: matching.tickets_beside(t, network, name) for name, t in compared.items() if t is not None}
    beside = {name: t for name, t in beside.items() if len(t)}
    run = [arm for arm in arms if (trainings["arm"] == arm).any()]
    dense = curves.dense(trainings)
    alone = trainings[trainings["arm"].isin(run)] if run else dense
    measured = pd.concat([alone, *beside.values()]) if beside else alone
    trainings, run, arms = pd.concat([trainings, *beside.values()]), [*run, *beside], [*arms, *compared]
    comparable = not _incomparable(trainings)
    asked = [arm for arm in run or arms if comparable and any(arm in at for _, _, at in quantities)]
    panels = [_panel(trainings, run, q, t, {arm: at[arm] for arm in asked if arm in at}) for q, t, at in quantities]
    paper = [arm for arm in asked if any(arm in panel.paper for panel in panels)]
    levels = np.sort(measured["remaining"].round(1).unique())[::-1]  # as they are printed
    waiting = bool(run) and panels[0].quantity == "es"
    late = measured[waiting & (measured["es"] >= 0.98 * measured["iterations"])]

    def draw(narrow: bool) -> Figure:
        fig, axes = plots([panel.title for panel in panels], "weights remaining (%)", narrow)
        inches = fig.get_figwidth() / axes[0].get_gridspec().ncols - 0.55
        for ax, panel in zip(axes, panels, strict=True):
            _x_axis(ax, log, levels, inches, TICKS.get(network, CONV_TICKS), len(paper) > 0)
            panel.draw(ax)
        for end in late["iterations"].unique():
            _draw_end(axes[0], end)
        _legend(fig, run, len(dense) > 0, len(paper) > 0, _title(trainings))
        return fig

    cut = [f"{p.limits()[0]:.1f} %" for p in panels if p.cut_off()]
    caption = _words(
        f"{what} against the percentage of weights remaining.",
        _scale(alone, levels=True),
        *(f"Beside it, {LOOKS[name].short}. {_scale(t, levels=True)}" for name, t in beside.items()),
        _bars(measured, "point") if run else "",
        f"Dotted: the mean of the dense network{' of the first' if beside else ''}." if len(dense) else "",
        _not_run(*(LOOKS[arm].short if arm in compared else LOOKS[arm].name for arm in arms if arm not in run)),
        "Early stops are on a logarithmic axis." if panels[0].log else "",
        f"Accuracies below {listed(dict.fromkeys(cut))} are cut off." if cut else "",
        "Where an early stop lies at the end of training, the loss was still falling." if len(late) else "",
        _about_paper(trainings, paper, panels, quantities),
        _incomparable(trainings) if any(at for _, _, at in quantities) else "",  # is there a curve to leave out?
    )
    alt = _words("Against the percentage of weights remaining, 100 % on the left.", *(p.alt() for p in panels))
    drawn = pd.concat([dense, measured]).drop_duplicates(TRAINING)
    return shown(draw, caption, alt, _numbers(drawn, [panel.quantity for panel in panels]))


def _numbers(trainings: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """What a figure draws of each training, for the table behind it."""
    table = trainings[[*TRAINING, "remaining", "iterations", *dict.fromkeys(quantities)]].copy()
    named = [] if table.empty else [str(table[column].iloc[0]) for column in ("network", "key")]
    table.attrs["name"] = "-".join([*named, *dict.fromkeys(quantities)])
    return table


def _x_axis(
    ax: Axes, log: bool, levels: np.ndarray, inches: float, papers_ticks: Sequence[float], papers_curve: bool
) -> None:
    """P_m from 100 on the left to small on the right, with the paper's ticks; labels thin out rather than touch."""
    left, right, ticks = 103, 0, LINEAR_TICKS
    if log:
        ax.set_xscale("log")
        # A run of few rounds still shows where the paper's curve turns, if that is drawn.
        left, right = 114, min(19 if papers_curve else 100, levels[-1]) / 1.14
        ticks = [t for t in papers_ticks if t > right]
        ticks = levels if len(ticks) < 4 and len(levels) < 9 else ticks
    every = 1 if len(ticks) <= 3.3 * inches else 2
    labels = ["100" if t == 100 else f"{t:.1f}" for t in ticks]
    ax.set_xticks(ticks, [label if i % every == 0 else "" for i, label in enumerate(labels)])
    ax.minorticks_off()
    ax.set_xlim(left, right)


def _weights_axis(ax: Axes, most: float, least: float) -> None:
    """The number of weights, from many on the left to few, on a logarithmic axis."""
    ax.set_xscale("log")
    ax.set_xlim(1.14 * most, least / 1.14)
    ax.set_xticks([t for t in COUNTS if least <= t <= most])
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.minorticks_off()


def _apart(ax: Axes, remaining: pd.Series) -> list[int]:
    """The points that get a marker and a bar: all, unless they would touch (one-shot near 100 % on a log axis)."""
    kept = []
    for i, p in enumerate(remaining):
        if ax.get_xscale() == "linear" or not kept or p < 0.87 * remaining.iloc[kept[-1]]:
            kept.append(i)
    return kept


def _draw_end(ax: Axes, iterations: int) -> None:
    """Where training ended: an early stop up there says that the loss was still falling."""
    ax.axhline(iterations, color=GREY, lw=0.8, zorder=1.7, gid="end of training")
    above = {"xytext": (0, 1), "textcoords": "offset points", "va": "bottom"}
    ax.annotate("training ends", (100, iterations), **above, size=8, color=GREY)


def _legend(fig: Figure, arms: list[str], dense: bool, paper: bool, title: str) -> None:
    handles = [Line2D([], [], color=LOOKS[a].colour, marker=LOOKS[a].marker, label=LOOKS[a].name) for a in arms]
    handles += [Line2D([], [], **DENSE_LINE, label="dense network")] if dense else []
    handles += [Line2D([], [], **PAPER_LINE, label="the paper's")] if paper else []
    if handles:
        lines = -(-len(handles) // int(fig.get_figwidth() / 1.5))  # an entry takes about an inch and a half
        named = {"title": title, "title_fontproperties": {"size": 11, "weight": "bold"}, "alignment": "left"}
        fig.legend(
            handles=handles, loc="outside upper left", ncols=-(-len(handles) // lines), **(named if title else {})
        )
        fig.set_figheight(fig.get_figheight() + 0.17 * lines + (0.22 if title else 0))


# --------------------------------------------------------------------------------------------------- accuracy over time


def _over_time(
    rows: pd.DataFrame, panels: Mapping[str, Sequence], end: float = np.inf, note: str = "", network: str = "lenet"
) -> Shown:
    """Lines of test accuracy, given as (arm, round) by the title of their panel; those not in the rows are left out."""
    rows = matching.one_experiment(rows, network)
    asked = list(dict.fromkeys(line for lines in panels.values() for line in lines))
    end = min(end, rows["iteration"].max())
    rows = rows[pd.MultiIndex.from_frame(rows[["arm", "round"]]).isin(asked)]
    measured = curves.summarise(rows)
    trainings = dict(iter(rows.groupby(["arm", "round"], observed=True)))
    run = {line: _accuracies(trainings[line], end) for line in asked if line in trainings}

    def draw(narrow: bool) -> Figure:
        fig, axes = plots(list(panels), "training iteration", narrow, sharey=True)
        for ax, lines in zip(axes, panels.values(), strict=True):
            present = [line for line in lines if line in run]
            for i, line in enumerate(present):
                _draw_accuracies(ax, line, run[line], end * (np.arange(5) + 0.25 + 0.7 * i / len(present)) / 5)
            if present:
                ax.legend(loc="lower right", title="weights remaining", title_fontsize=8, fontsize=8, borderaxespad=0.2)
            else:
                say_not_run(ax)
            ax.set(xlim=(0, end), ylim=_upper_part(list(run.values())) if run else None)
            ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            ax.xaxis.set_major_formatter("{x:,.0f}")
        for ax in axes if narrow else axes[:1]:
            ax.set_ylabel("test accuracy (%)")
        return fig

    caption = _words(
        f"Test accuracy against the training iteration, up to iteration {end:,}, by the percentage of weights "
        "remaining; 100 % is the dense network.",
        _scale(measured),
        _bars(measured, "line") if run else "",
        _not_run(*(f"{LOOKS[arm].short} of round {n}" for arm, n in asked if (arm, n) not in run)),
        note,
    )
    seen = [f"{_line_name(line, c)}: {_at(c, end / 4)}, {_at(c, end)}" for line, c in run.items()] or ["not run"]
    alt = f"Test accuracy against the training iteration. {'; '.join(seen)}."
    lines = [curve.assign(arm=arm, round=n) for (arm, n), curve in run.items()]
    return shown(draw, caption, alt, pd.concat(lines) if lines else None)


def _accuracies(rows: pd.DataFrame, end: float) -> pd.DataFrame:
    """Mean, minimum and maximum test accuracy at each iteration that every training of this line reached."""
    curve = curves.spread(rows[rows["iteration"] <= end], "test_acc", by=("iteration",))
    return curve[curve["n"] == curve["n"].max()]


def _draw_accuracies(ax: Axes, line: tuple[str, int], curve: pd.DataFrame, marked: np.ndarray) -> None:
    """Markers and bars at a few iterations, each line's its own so that bars stay apart; fewer weights are lighter."""
    arm, n = line
    lighter = np.clip(0.65 * np.log10(21.1 / curve["remaining"].iloc[0]), -0.7, 0.7)
    look = {"color": shade(LOOKS[arm].colour, lighter)} if n else DENSE_LINE
    at = np.unique(np.abs(curve["iteration"].to_numpy()[:, None] - marked).argmin(axis=0)).tolist()
    look = {"linewidth": 1.3, "marker": LOOKS[arm].marker, **look, "label": _line_name(line, curve)}
    _draw_curve(ax, curve, "iteration", at, f"{arm}:{n}", **look)


def _line_name(line: tuple[str, int], curve: pd.DataFrame) -> str:
    arm, n = line
    name = "" if arm == "ticket" else f" {LOOKS[arm].short}"
    return f"{level(curve['remaining'].iloc[0])}{name if n else ', dense'}"


def _at(curve: pd.DataFrame, iteration: float) -> str:
    nearest = curve.iloc[(curve["iteration"] - iteration).abs().argmin()]
    return f"{nearest['mean']:.2f} % at iteration {nearest['iteration']:,.0f}"


def _upper_part(run: list[pd.DataFrame]) -> tuple[float, float]:
    """As the paper's 94 to 99 %: down to five points below the best, further if a line ends lower."""
    top, lowest_end = max(c["high"].max() for c in run), min(c["mean"].iloc[-1] for c in run)
    bottom = max(min(top - 5, lowest_end - 2), top - 20)
    return bottom, top + 0.05 * (top - bottom)


# ----------------------------------------------------------------------------------------------- what all figures share


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


def _draw_curve(ax: Axes, curve: pd.DataFrame, x: str, marked: list[int], gid: str, **look) -> None:
    """A line of means, and at the marked points a bar from minimum to maximum where there are several trainings."""
    bars = curve.iloc[marked]
    bars = bars[bars["n"] > 1]
    if len(bars):  # behind and fainter: the mean is the message. `gid` names what is drawn, for tests and for SVG.
        bar = {"color": look["color"], "lw": 1.0, "alpha": 0.6, "zorder": 2}
        ax.vlines(bars[x], bars["low"], bars["high"], **bar, gid=f"bars:{gid}")
    ax.plot(curve[x], curve["mean"], markevery=marked, zorder=3, gid=gid, **look)


def scale(trainings: pd.DataFrame, bars: bool = True) -> str:
    """What the captions of this book say of trainings that are drawn against P_m, for what draws them elsewhere."""
    return _words(_scale(trainings, levels=True), _bars(trainings, "point") if bars else "")


def say_not_run(ax: Axes) -> None:
    box = {"facecolor": "white", "edgecolor": PALE, "boxstyle": "round,pad=0.5"}
    ax.text(0.5, 0.5, "not run", transform=ax.transAxes, ha="center", va="center", color=INK, bbox=box)


def _words(*sentences: str) -> str:
    return " ".join(s for s in sentences if s)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _range(values: pd.Series) -> str:
    low, high = values.min(), values.max()
    return f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"


def _scale(trainings: pd.DataFrame, levels=False, unlike: Sequence[str] = ()) -> str:
    """What was run, how many trainings are behind a point, and where that is less than the paper's; in which settings
    it is `unlike` the paper's is said elsewhere."""
    if trainings.empty:
        return ""
    n = {}
    for arm in (a for a in LOOKS if (trainings["arm"] == a).any()):
        points = trainings[trainings["arm"] == arm]
        draws = points["draw"].nunique()
        n[arm] = _range(points.groupby("round").size()) + (f" with {draws} draws per trial" if draws > 1 else "")
    each = [f"{count} ({LOOKS[arm].short})" for arm, count in n.items()]
    pruned = f"down to {level(trainings['remaining'].min())} of the weights"
    network, inputs = trainings["network"].iloc[0], _recipe(trainings)["inputs"]
    seen = "" if (network, inputs) == ("lenet", "unit") else f" {INPUTS[inputs]};"
    return _words(
        f"Measured here: {NAMES[network]} on {trainings['data_label'].iloc[0]};{seen}",
        f"{_range(trainings['iterations'])} iterations per training;",
        f"{pruned if trainings['round'].max() else 'the dense network alone'};",
        f"n = {', '.join(each) if len(set(n.values())) > 1 else n.popitem()[1]}.",
        _reduced(trainings, levels, unlike),
        _otherwise(trainings, unlike),
    )


INSTEAD = {  # by the paper's data and ours
    ("mnist", "mnist5k"): "a small part of MNIST instead of all of it",
    **{("cifar10", digits): "padded digits instead of CIFAR-10" for digits in DIGITS},
    ("cifar10", "cifar10_jpeg"): "a copy in JPEG files instead of CIFAR-10 itself",
    ("cifar10", "cifar10_folder"): "images from a folder, unchecked, instead of CIFAR-10 itself",
}
PRODUCTS = {"fp32": "single precision", "tf32": "TF32 products", "bf16": "bfloat16 products"}
RECIPE = {
    "lr": "learning rate",
    "scope": "pruning scope",
    "batch": "batches of",
    "rate_conv": "convolutions' pruning rate",
    "rate_fc": "pruning rate",
}


def _recipe(trainings: pd.DataFrame) -> dict:
    return vars(matching.spec_of(trainings.iloc[0]))


def _paper(trainings: pd.DataFrame) -> Spec:
    return matching.nearest(trainings.iloc[0])


def _reduced(trainings: pd.DataFrame, levels: bool, said: Sequence[str] = ()) -> str:
    paper, recipe, less = _paper(trainings), _recipe(trainings), []
    data = trainings["data"].iloc[0]
    if data != paper.data:
        less.append(INSTEAD[paper.data, data])
    if recipe["width"] < paper.width and "width" not in said:
        less.append(f"{100 * recipe['width']:.3g} % of the filters and units")
    if recipe["precision"] != paper.precision:
        less.append(f"{PRODUCTS[recipe['precision']]} instead of {PRODUCTS[paper.precision]}")
    iterations = trainings["iterations"].min()
    if iterations < paper.iterations:
        less.append(f"{iterations:,} iterations instead of {paper.iterations:,}")
    trials = trainings.groupby(["arm", "round"], observed=True)["trial"].nunique().min()
    if trials < paper.trials:
        less.append(f"{_counted(trials, 'trial')} instead of {paper.trials}")
    iterative = trainings[~trainings["arm"].isin(ONESHOT)]
    pruned, most = (iterative, paper.rounds) if len(iterative) else (trainings, len(ONESHOT_LEVELS))
    run = pruned.loc[pruned["round"] > 0, "round"].nunique()
    if levels and 0 < run < most:
        less.append(f"{_counted(run, 'level')} of pruning instead of {most}")
    return f"Reduced scale: {listed(less)}." if less else ""


def _otherwise(trainings: pd.DataFrame, said: Sequence[str] = ()) -> str:
    """In what the recipe is not the paper's, beyond its scale and what the paper leaves unsaid."""
    paper = _paper(trainings)
    other = [
        f"{RECIPE.get(d.field, d.field)} {d.ours} instead of {d.paper}"
        for d in matching.departures(trainings.iloc[0], paper)
        if d.field not in ("data", "iterations", "width", "precision", "inputs", *said)
    ]
    return f"Unlike the paper: {listed(other)}." if other else ""


def _incomparable(trainings: pd.DataFrame) -> str:
    """Why the paper's own curves say nothing about these trainings, or nothing if they do."""
    paper, data = _paper(trainings), trainings["data"].iloc[0]
    if data not in (paper.data, "cifar10_jpeg"):
        about = "the whole of MNIST" if paper.data == "mnist" else "CIFAR-10"
    elif _recipe(trainings)["width"] < paper.width:
        about = "the network at its full width"
    else:
        return ""
    return f"The paper's own curves are left out: they are about {about}."


def _bars(trainings: pd.DataFrame, per: str) -> str:
    if trainings.groupby(["arm", "round"], observed=True).size().max() == 1:
        return f"There is one training per {per}, so no bar."
    over = "trials and draws" if trainings["draw"].nunique() > 1 else "trials"
    return f"Lines are means, bars run from the minimum to the maximum over {over}."


def _not_run(*names: str) -> str:
    return f"Not run: {listed(names)}." if names else ""


def _also(trainings: pd.DataFrame, arms: list[str]) -> str:
    """The iterations of the paper's curves of another experiment."""
    plain = PAPER[trainings["network"].iloc[0]].iterations
    return f" ({plain:,} {LOOKS['plain'].name})" if "plain" in arms else ""


def _about_paper(trainings: pd.DataFrame, arms: list[str], panels: list[Panel], quantities: list) -> str:
    if not arms:
        return ""
    network, data = trainings["network"].iloc[0], trainings["data"].iloc[0]
    on = {"mnist": "full MNIST", "cifar10": "CIFAR-10"}.get(data, "CIFAR-10 itself")
    random = {at["random"][0] for p, (*_, at) in zip(panels, quantities, strict=True) if "random" in p.paper}
    trials = "3 to 5" if network in POINTS else f"{_paper(trainings).trials}"
    ten = ", 10 of random sparsity" if "fig1" in random else ""  # in Figure 14 they are as many as of the others
    return _words(
        "Dashed grey: the paper's own curves for "
        f"{listed(LOOKS[a].name for a in arms)} (hollow markers of the same shape), read from its vector figures: "
        f"{_paper(trainings).iterations:,} iterations{_also(trainings, arms)} of {on}, {trials} trials{ten}"
        f"{' (5 at the end of training)' if ten and 'fig14' in random else ''}.",
        f"For its Figure 1 it pruned {NAMES[network]} at other rates: random sparsity is in the last panel only."
        if random == {"fig14"}
        else "",
    )

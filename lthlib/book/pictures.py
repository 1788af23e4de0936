"""The two pictures behind most figures: quantities against P_m, ours over the paper's, and accuracy over time."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lthlib.book import captions, readings
from lthlib.book.captions import sentences
from lthlib.book.panel import (
    CONV_TICKS,
    TICKS,
    Place,
    draw_curve,
    draw_end,
    legend,
    panel_of,
    plots,
    remaining_axis,
    say_not_run,
)
from lthlib.book.style import DENSE_LINE, LOOKS, Shown, level, listed, shade, shown
from lthlib.evidence import curves, matching
from lthlib.evidence.levels import LATE
from lthlib.specs import NAMES, POINTS
from lthlib.specs.columns import TRAINING

Quantity = tuple[str, str, Mapping[str, Place]]  # its name, its title, and by arm where the paper's curve is


def against_remaining(
    trainings: pd.DataFrame,
    network: str,
    arms: Sequence[str],
    quantities: Sequence[Quantity],
    what: str,
    log: bool = True,
    beside: Mapping[str, pd.DataFrame | None] | None = None,
    faint: Collection[str] = (),
    read_at: float = readings.FIFTH,
) -> Shown:
    """The picture of Figures 1, 4 to 8, 14, 38 and 39: quantities of trainings against P_m, ours over the
    paper's.

    A quantity comes with its title and, by arm, the figure and the name under which the paper's table has its curve,
    perhaps in a variant. `beside` are other experiments whose tickets are drawn, by their look; None is not run. The
    arms are compared in words near the level `read_at`. Those that are `faint` stand behind the others.
    """
    trainings = matching.one_experiment(trainings, network)
    compared = {} if beside is None else beside
    others = {name: matching.tickets_beside(t, network, name) for name, t in compared.items() if t is not None}
    others = {name: t for name, t in others.items() if len(t)}
    run = [arm for arm in arms if (trainings["arm"] == arm).any()]
    dense = curves.dense(trainings)
    alone = trainings[trainings["arm"].isin(run)] if run else dense
    measured = pd.concat([alone, *others.values()]) if others else alone
    trainings, run, arms = pd.concat([trainings, *others.values()]), [*run, *others], [*arms, *compared]
    looks = {**LOOKS, **{arm: LOOKS[arm]._replace(colour=shade(LOOKS[arm].colour, 0.6)) for arm in faint}}
    comparable = not captions.incomparable(trainings)
    asked = [arm for arm in run or arms if comparable and any(arm in at for _, _, at in quantities)]
    panels = [
        panel_of(trainings, run, q, t, {arm: at[arm] for arm in asked if arm in at}, looks) for q, t, at in quantities
    ]
    paper = [arm for arm in asked if any(arm in panel.paper for panel in panels)]
    random = {at["random"][0] for p, (*_, at) in zip(panels, quantities, strict=True) if "random" in p.paper}
    levels = np.sort(measured["remaining"].round(1).unique())[::-1]  # as they are printed
    waiting = bool(run) and panels[0].quantity == "es"
    late = measured[waiting & (measured["es"] >= LATE * measured["iterations"])]

    def draw(narrow: bool) -> Figure:
        fig, axes = plots([panel.title for panel in panels], "weights remaining (%)", narrow)
        inches = fig.get_figwidth() / axes[0].get_gridspec().ncols - 0.55
        for ax, panel in zip(axes, panels, strict=True):
            remaining_axis(ax, log, levels, inches, TICKS.get(network, CONV_TICKS), len(paper) > 0)
            panel.draw(ax)
        for end in late["iterations"].unique():
            draw_end(axes[0], end)
        legend(fig, run, len(dense) > 0, len(paper) > 0, _title(trainings), looks)
        return fig

    cut = [f"{bottom:.1f} %" for p in panels if (bottom := p.cut_off()) is not None]
    caption = sentences(
        "Against the percentage of weights remaining.", captions.lines(measured, len(dense) > 0, len(paper) > 0)
    )
    details = sentences(
        f"{what} against the percentage of weights remaining.",
        captions.measured(alone, levels=True),
        *(f"Beside it, {LOOKS[name].short}. {captions.measured(t, levels=True)}" for name, t in others.items()),
        captions.means_and_bars(measured, "point") if run else "",
        "The dotted mean is that of the first experiment's dense network." if others and len(dense) else "",
        captions.not_run(*(LOOKS[arm].short if arm in compared else LOOKS[arm].name for arm in arms if arm not in run)),
        "Early stops are on a logarithmic axis." if panels[0].log else "",
        f"Accuracies below {listed(dict.fromkeys(cut))} are cut off." if cut else "",
        "Where an early stop lies at the end of training, the loss was still falling." if len(late) else "",
        captions.papers_curves(trainings, paper, random),
        captions.incomparable(trainings) if any(at for _, _, at in quantities) else "",  # no curve to leave out
    )
    alt = sentences("Against the percentage of weights remaining, 100 % on the left.", *(p.alt() for p in panels))
    drawn = pd.concat([dense, measured]).drop_duplicates(TRAINING)
    places = {name: at if comparable else {} for name, _, at in quantities}
    finding = readings.against(trainings, run or arms, places, read_at)
    return shown(draw, caption, alt, numbers(drawn, [panel.quantity for panel in panels]), finding, details)


def numbers(trainings: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """What a figure draws of each training, for the table behind it."""
    table = trainings[[*TRAINING, "remaining", "iterations", *dict.fromkeys(quantities)]].copy()
    named = [] if table.empty else [str(table[column].iloc[0]) for column in ("network", "key")]
    table.attrs["name"] = "-".join([*named, *dict.fromkeys(quantities)])
    return table


def _title(trainings: pd.DataFrame) -> str:
    """A network, with what sets this experiment apart from others of it."""
    network, ours = trainings["network"].iloc[0], matching.spec_of(trainings.iloc[0])
    if network == "lenet":
        return ""
    apart = []
    if network in POINTS:
        apart = [f"rate {ours.lr:g}", *(["warmup"] if ours.warmup else [])]
    apart += ["dropout"] if ours.dropout else []
    return ", ".join([NAMES[network], *apart])


def accuracy_over_time(
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

    caption = sentences(
        f"Test accuracy up to iteration {end:,}, by the percentage of weights remaining; 100 % is the dense network.",
        captions.lines(measured, False, False) if run else "",
    )
    details = sentences(
        captions.measured(measured),
        captions.means_and_bars(measured, "line") if run else "",
        captions.not_run(*(f"{LOOKS[arm].short} of round {n}" for arm, n in asked if (arm, n) not in run)),
        note,
    )
    seen = [f"{_line_name(line, c)}: {_at(c, end / 4)}, {_at(c, end)}" for line, c in run.items()] or ["not run"]
    alt = f"Test accuracy against the training iteration. {'; '.join(seen)}."
    lines = [curve.assign(arm=arm, round=n) for (arm, n), curve in run.items()]
    data = pd.concat(lines) if lines else None
    return shown(draw, caption, alt, data, readings.over_time(run, end), details)


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
    draw_curve(ax, curve, "iteration", at, f"{arm}:{n}", **look)


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

"""One function per figure of the paper: a table of measurements in, a picture with its caption and alt text out.

Lines are means and bars run from the minimum to the maximum over trials, as in the paper, whose own curves lie dashed
behind ours where both are about the same data and a network of the same width. A figure is about one network. No
caption is typed by hand where a row holds the number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lthlib.book import captions, readings
from lthlib.book.captions import ONESHOT, sentences
from lthlib.book.panel import CONV_TICKS, TICKS, Panel, plots, remaining_axis, weights_axis
from lthlib.book.pictures import Quantity, accuracy_over_time, against_remaining, numbers
from lthlib.book.style import LOOKS, Arm, Shown, listed, shade, shown
from lthlib.evidence import curves, matching, paper_curves
from lthlib.evidence.levels import LATE
from lthlib.specs import NAMES, NOISE, POINTS

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
    return against_remaining(trainings, "lenet", ("ticket", "random"), quantities, what)


def at_a_glance(trainings: pd.DataFrame) -> Shown:
    """The book in one picture: Lenet's tickets against the same tickets with new initial values, and faint behind them
    networks sparse at random.

    >>> at_a_glance(curves.summarise(rows))
    """
    what = f"{EARLY_STOP} and test accuracy there, of winning tickets and of the same tickets with new initial values,"
    quantities = [
        ("es", "Early-stop iteration", dict.fromkeys(ITERATIVE, ("fig4a", "es"))),
        ("acc_es", "Test accuracy at early stop (%)", dict.fromkeys(ITERATIVE, ("fig4a", "acc_es"))),
    ]
    arms = (*ITERATIVE, "random")
    return against_remaining(trainings, "lenet", arms, quantities, what, faint=("random",))


def figure4a(trainings: pd.DataFrame) -> Shown:
    """Figure 4a: early stop, test and train accuracy there; iterative and one-shot tickets and their controls."""
    what = f"{EARLY_STOP}, test and train accuracy there,"
    quantities = [
        ("es", "Early-stop iteration", dict.fromkeys(ITERATIVE, ("fig4a", "es"))),
        ("acc_es", "Test accuracy there (%)", dict.fromkeys(ITERATIVE, ("fig4a", "acc_es"))),
        ("train_es", "Train accuracy there (%)", dict.fromkeys(ITERATIVE, ("fig4a", "train_es"))),
    ]
    return against_remaining(trainings, "lenet", FOUR_ARMS, quantities, what)


def figure4b(trainings: pd.DataFrame) -> Shown:
    """Figure 4b: test accuracy at the end of training, which for the paper is iteration 50,000."""
    quantities = [("acc_end", "Test accuracy at the end (%)", dict.fromkeys(ITERATIVE, ("fig4b", "acc_50k")))]
    return against_remaining(trainings, "lenet", FOUR_ARMS, quantities, "Test accuracy at the end of training")


def figure4c(trainings: pd.DataFrame) -> Shown:
    """Figure 4c: one-shot pruning on a linear axis, early stop and the test accuracy there."""
    what = f"{EARLY_STOP} and test accuracy there, of one-shot pruning,"
    quantities = [
        ("es", "Early-stop iteration", dict.fromkeys(ONESHOT, ("fig4c", "es"))),
        ("acc_es", "Test accuracy at early stop (%)", dict.fromkeys(ONESHOT, ("fig4c", "acc_es"))),
    ]
    return against_remaining(trainings, "lenet", ONESHOT, quantities, what, log=False)


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
    return against_remaining(trainings, network, ITERATIVE, quantities, what)


def figure6(trainings: pd.DataFrame, network: str, plain: pd.DataFrame | None = None) -> Shown:
    """Figure 6, one network of it: early stop and test accuracy there, of tickets trained with dropout and without."""
    titles = {"es": "Early-stop iteration", "acc_es": "Test accuracy at early stop (%)"}
    quantities = [(name, title, {"ticket": ("fig6", name), "plain": ("fig5", name)}) for name, title in titles.items()]
    what = f"{EARLY_STOP} and test accuracy there, with dropout,"
    return against_remaining(trainings, network, ("ticket",), quantities, what, beside={"plain": plain})


def figures7_8(rows: pd.DataFrame, network: str) -> Shown:
    """Figures 7 and 8, one network and learning rate of them: test accuracy at three points in training."""
    figure, last = {"vgg19": "fig7", "resnet20": "fig8"}[network], POINTS[network][-1]
    trainings, quantities = curves.summarise(matching.one_experiment(rows, network)), []
    variant = paper_curves.variant(matching.spec_of(trainings.iloc[0]))
    for n, point in enumerate(POINTS[network]):
        at = curves.reached(rows[rows["network"] == network], point / last)
        trainings[f"acc_{n}"] = at["acc_at"]
        place = figure, f"acc_{point // 1000}k", variant
        quantities.append((f"acc_{n}", f"Accuracy at {captions.span(at['at'])} (%)", dict.fromkeys(ITERATIVE, place)))
    return against_remaining(trainings, network, ITERATIVE, quantities, "Test accuracy at three iterations")


def random_sparsity_deep(trainings: pd.DataFrame, network: str) -> Shown:
    """Figure 14, one deep network and learning rate of it: test accuracy at the end of training."""
    figure, last = {"vgg19": "fig7", "resnet20": "fig8"}[network], POINTS[network][-1]
    variant = paper_curves.variant(matching.spec_of(matching.one_experiment(trainings, network).iloc[0]))
    places = {
        **dict.fromkeys(ITERATIVE, (figure, f"acc_{last // 1000}k", variant)),
        "random": ("fig14", "acc_final", variant),
    }
    quantities = [("acc_end", "Test accuracy at the end (%)", places)]
    return against_remaining(trainings, network, (*ITERATIVE, "random"), quantities, "Test accuracy at the end")


def scopes(trainings: pd.DataFrame, network: str, layerwise: pd.DataFrame | None = None) -> Shown:
    """Figures 38 and 39, one network and learning rate of them: weights of all convolutions ranked together, against
    each layer pruned for itself."""
    quantities: list[Quantity] = [("acc_end", "Test accuracy at the end (%)", {})]
    what = "Test accuracy at the end of training, of tickets whose convolutions are ranked together,"
    return against_remaining(trainings, network, ("ticket",), quantities, what, beside={"layer": layerwise})


def warmups(runs: Mapping[int, pd.DataFrame], network: str) -> Shown:
    """Figures 44 and 45, one network of them: the validation accuracy of tickets at the end of training, a line for
    each length of warmup; `runs` are trainings by that length, in the paper's iterations."""
    by_length: dict[str | float, pd.DataFrame] = {length: runs[length] for length in sorted(runs)}
    longest = runs[max(runs)]
    shrunk = longest["iterations"].iloc[0] != (paper := captions.nearest(longest).iterations)
    note = f"Lengths are of the paper's {paper:,} iterations: here they are as much shorter as training is."
    quantities = [("valacc_end", f"{NAMES[network]}: validation accuracy, end (%)")]
    note = note if shrunk else ""
    return sweep(by_length, network, "iterations of warmup", quantities, unlike=("warmup",), note=note)


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
                weights_axis(ax, max(total.values()), drawn["weights"].min())
                weighed = {
                    name: c.assign(remaining=c["remaining"] / 100 * total[name]) for name, c in panel.ours.items()
                }
                replace(panel, ours=weighed).draw(ax)
            else:
                remaining_axis(ax, True, levels, inches, TICKS.get(network, CONV_TICKS), False)
                panel.draw(ax)
        handles = [Line2D([], [], color=look.colour, marker="o", label=look.name) for look in looks.values()]
        columns = min(len(handles), int(fig.get_figwidth() / 0.95))
        fig.legend(handles=handles, loc="outside upper left", ncols=columns, title=factor, alignment="left")
        fig.set_figheight(fig.get_figheight() + 0.2 + 0.17 * -(-len(handles) // columns))
        return fig

    late = drawn[(drawn["es"] >= LATE * drawn["iterations"]) & (panels[0].quantity == "es")]
    first = next(iter(tickets.values()))
    each = captions.span(drawn.groupby(["key", "round"]).size())
    cut = [f"{bottom:.1f} %" for p in panels if (bottom := p.cut_off()) is not None]
    caption = sentences(
        f"{listed(title for _, title in quantities)}, of {NAMES[network]}'s tickets, by {factor}, against the "
        f"{'number' if by_weights else 'percentage'} of weights remaining.",
        captions.lines(drawn.assign(arm=drawn["key"]), False, False),
    )
    details = sentences(
        captions.measured(first, levels=True, unlike=unlike),
        f"Over all lines n = {each}." if len(tickets) > 1 else "",
        note,
        f"Not drawn, for another scale or none of its own here: {listed(left)}." if left else "",
        captions.means_and_bars(drawn.assign(arm=drawn["key"]), "point"),
        f"Accuracies below {listed(dict.fromkeys(cut))} are cut off." if cut else "",
        "Where an early stop lies at the end of training, the loss was still falling." if len(late) else "",
    )
    alt = sentences(f"By {factor}.", *(panel.alt() for panel in panels))
    finding = readings.of_values({_said(value): t for value, t in runs.items() if value in tickets}, quantities[-1][0])
    return shown(draw, caption, alt, numbers(drawn, [quantity for quantity, _ in quantities]), finding, details)


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
    return against_remaining(trainings, network, (*ITERATIVE, "random"), quantities, what)


def two_strategies(trainings: pd.DataFrame, network: str) -> Shown:
    """Figures 9 and 10, a network of them: tickets by resetting every round and by training on, Appendix B."""
    figure = "fig9" if network == "lenet" else "fig10"
    resetting = {"es": ("fig4a" if network == "lenet" else "fig5", "es"), "valacc_es": (figure, "valacc_es")}
    titles = {"es": "Early-stop iteration", "valacc_es": "Validation accuracy at early stop (%)"}
    quantities = [
        (name, title, {"ticket": resetting[name], "continued": (figure, name)}) for name, title in titles.items()
    ]
    what = f"{EARLY_STOP} and validation accuracy there, of tickets found with and without resetting between prunings,"
    return against_remaining(trainings, network, ("ticket", "continued"), quantities, what)


def figure17(trainings: pd.DataFrame) -> Shown:
    """Figure 17: tickets, reinit, and the ticket's mask on weights drawn from its own initial ones (Appendix F.3)."""
    return _appendix_f(trainings, ("ticket", "redrawn", "reinit"), {"redrawn": "fig17"})


def figure18(trainings: pd.DataFrame) -> Shown:
    """Figure 18: tickets, reinit, and networks pruned by initial magnitude, untrained (Appendix F.4)."""
    return _appendix_f(trainings, ("ticket", "untrained", "reinit"), {"untrained": "fig18"})


def figure25(trainings: pd.DataFrame) -> Shown:
    """Figure 25: tickets with noise on their initial weights, and reinit (Appendix F.7)."""
    return _appendix_f(trainings, ("ticket", *NOISE, "reinit"), dict.fromkeys(NOISE, "fig25"))


def _appendix_f(trainings: pd.DataFrame, arms: Sequence[str], figure: Mapping[str, str]) -> Shown:
    """Early stop and the accuracy there. The paper's curves are those of accuracy alone, since its early stops here are
    those of the smallest loss on test data."""
    places = {arm: (figure.get(arm, "fig4a"), "acc_es") for arm in arms}
    quantities = [("es", "Early-stop iteration", {}), ("acc_es", "Test accuracy at early stop (%)", places)]
    what = f"{EARLY_STOP} and test accuracy there"
    return against_remaining(trainings, "lenet", arms, quantities, what, read_at=3.6)  # the level of the paper's text


def generalisation(trainings: pd.DataFrame, network: str = "lenet") -> Shown:
    """How far test accuracy lies below train accuracy, at early stop and at the end of training (Section 5)."""
    quantities: list[Quantity] = [("gap_es", "Train less test accuracy at early stop (points)", {})]
    quantities += [("gap_end", "Train less test accuracy at the end (points)", {})]
    what = "Train accuracy less test accuracy, at early stop and at the end of training,"
    return against_remaining(trainings, network, (*ITERATIVE, "random"), quantities, what)


# The lines of Figure 3, as (arm, round): 3 rounds leave 51.3 % of the weights, then 21.1, 7.0, 3.6 and 1.9 %.
FIGURE3 = {
    "Lightly pruned": [("ticket", 0), ("ticket", 3), ("ticket", 7)],
    "Pruned further": [("ticket", 0), ("ticket", 7), ("ticket", 12), ("ticket", 15), ("ticket", 18)],
    "With random reinit": [("ticket", 0), ("ticket", 3), ("ticket", 7), ("reinit", 3), ("reinit", 7)],
}


def figure3(rows: pd.DataFrame) -> Shown:
    """Figure 3: test accuracy as training proceeds: the dense network, tickets, and reinitialised tickets."""
    note = "The paper's own lines of this figure are not drawn."
    return accuracy_over_time(rows, FIGURE3, end=17_500, note=note)  # the end of the paper's axis


def over_time(
    rows: pd.DataFrame, lines: Sequence[tuple[str, int]], title: str | None = None, network: str = "lenet"
) -> Shown:
    """Test accuracy as training proceeds, one line for each (arm, round); ("ticket", 0) is the dense network."""
    return accuracy_over_time(rows, {title or "": lines}, network=network)

"""What captions say of trainings: what was run, how much of the paper's that is, and what lines and bars are."""

from collections.abc import Sequence

import pandas as pd

from lthlib.book.style import LOOKS, level, listed
from lthlib.evidence import matching
from lthlib.evidence.matching import Departure
from lthlib.specs import DIGITS, INPUTS, NAMES, ONESHOT_LEVELS, PAPER, POINTS, Spec

ONESHOT = ("oneshot", "oneshot_reinit")  # their `round` counts steps of 2.5 % pruned
INSTEAD = {  # by the paper's data and ours
    ("mnist", "mnist5k"): "a small part of MNIST instead of all of it",
    **{("cifar10", digits): "padded digits instead of CIFAR-10" for digits in DIGITS},
    ("cifar10", "cifar10_jpeg"): "a copy in JPEG files instead of CIFAR-10 itself",
    ("cifar10", "cifar10_folder"): "images from a folder, unchecked, instead of CIFAR-10 itself",
}
PRODUCTS = {"fp32": "single precision", "tf32": "TF32 products", "bf16": "bfloat16 products"}
FIELDS = {  # of a Spec
    "lr": "learning rate",
    "scope": "pruning scope",
    "batch": "batches of",
    "rate_conv": "convolutions' pruning rate",
    "rate_fc": "pruning rate",
}
WHOLE = {"mnist": "the whole of MNIST", "cifar10": "CIFAR-10"}  # what the paper's curves are about, by its data
# Those in which a run is smaller than the paper's, or what the paper leaves unsaid: no other recipe.
SCALE = ("data", "iterations", "width", "precision", "inputs")


def scale(trainings: pd.DataFrame, bars: bool = True) -> str:
    """What the captions of this book say of trainings that are drawn against P_m, for what draws them elsewhere."""
    return sentences(measured(trainings, levels=True), means_and_bars(trainings, "point") if bars else "")


def measured(trainings: pd.DataFrame, levels=False, unlike: Sequence[str] = ()) -> str:
    """What was run, how many trainings are behind a point, and where that is less than the paper's; in which settings
    it is `unlike` the paper's is said elsewhere."""
    if trainings.empty:
        return ""
    n = {}
    for arm in (a for a in LOOKS if (trainings["arm"] == a).any()):
        points = trainings[trainings["arm"] == arm]
        draws = points["draw"].nunique()
        n[arm] = span(points.groupby("round").size()) + (f" with {draws} draws per trial" if draws > 1 else "")
    each = [f"{count} ({LOOKS[arm].short})" for arm, count in n.items()]
    pruned = f"down to {level(trainings['remaining'].min())} of the weights"
    network, inputs = trainings["network"].iloc[0], matching.spec_of(trainings.iloc[0]).inputs
    seen = "" if (network, inputs) == ("lenet", "unit") else f" {INPUTS[inputs]};"
    return sentences(
        f"Measured here: {NAMES[network]} on {trainings['data_label'].iloc[0]};{seen}",
        f"{span(trainings['iterations'])} iterations per training;",
        f"{pruned if trainings['round'].max() else 'the dense network alone'};",
        f"n = {', '.join(each) if len(set(n.values())) > 1 else n.popitem()[1]}.",
        _reduced(trainings, levels, unlike),
        _otherwise(trainings, unlike),
    )


def nearest(trainings: pd.DataFrame) -> Spec:
    """The line of the paper's hyperparameters that the trainings of one experiment are compared with."""
    return matching.nearest(trainings.iloc[0])


def _departures(training: pd.Series) -> dict[str, Departure]:
    """In what a training departs from the paper's, by the field of a Spec."""
    return {d.field: d for d in matching.departures(training)}


def _reduced(trainings: pd.DataFrame, levels: bool, said: Sequence[str] = ()) -> str:
    shortest = trainings.iloc[trainings["iterations"].argmin()]
    paper, found, less = nearest(trainings), _departures(shortest), []
    if d := found.get("data"):
        less.append(INSTEAD[d.paper, d.ours])
    if (d := found.get("width")) and d.ours < d.paper and "width" not in said:
        less.append(f"{100 * d.ours:.3g} % of the filters and units")
    if d := found.get("precision"):
        less.append(f"{PRODUCTS[d.ours]} instead of {PRODUCTS[d.paper]}")
    if d := found.get("iterations"):
        less.append(f"{d.ours:,} iterations instead of {d.paper:,}")
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
    found = [d for d in _departures(trainings.iloc[0]).values() if d.field not in (*SCALE, *said)]
    other = [f"{FIELDS.get(d.field, d.field)} {d.ours} instead of {d.paper}" for d in found]
    return f"Unlike the paper: {listed(other)}." if other else ""


def incomparable(trainings: pd.DataFrame) -> str:
    """Why the paper's own curves say nothing about these trainings, or nothing if they do."""
    found = _departures(trainings.iloc[0])
    if (d := found.get("data")) and d.ours != "cifar10_jpeg":
        about = WHOLE[d.paper]
    elif (d := found.get("width")) and d.ours < d.paper:
        about = "the network at its full width"
    else:
        return ""
    return f"The paper's own curves are left out: they are about {about}."


def lines(trainings: pd.DataFrame, dense: bool, paper: bool) -> str:
    """How to read a picture, in a sentence: what its lines, bars, dots and dashes are."""
    several = trainings.groupby(["arm", "round"], observed=True).size().max() > 1 if len(trainings) else False
    said = ["lines are means, bars the range of trials"] if several else ["one training per point"]
    said += ["dotted the dense network"] if dense else []
    said += ["dashed grey the paper's own curves"] if paper else []
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def means_and_bars(trainings: pd.DataFrame, per: str) -> str:
    """What lines and bars are; `per` says what one training is behind, where there are no bars: a point, or a line."""
    if trainings.groupby(["arm", "round"], observed=True).size().max() == 1:
        return f"There is one training per {per}, so no bar."
    over = "trials and draws" if trainings["draw"].nunique() > 1 else "trials"
    return f"Lines are means, bars run from the minimum to the maximum over {over}."


def not_run(*names: str) -> str:
    """What a figure would show and the rows do not hold."""
    return f"Not run: {listed(names)}." if names else ""


def _also(trainings: pd.DataFrame, arms: list[str]) -> str:
    """The iterations of the paper's curves of another experiment."""
    plain = PAPER[trainings["network"].iloc[0]].iterations
    return f" ({plain:,} {LOOKS['plain'].name})" if "plain" in arms else ""


def papers_curves(trainings: pd.DataFrame, arms: list[str], random: set[str]) -> str:
    """What the paper's own curves are that lie behind these arms; `random` are the figures that they come from where
    the arm is random sparsity."""
    if not arms:
        return ""
    network, data = trainings["network"].iloc[0], trainings["data"].iloc[0]
    on = {"mnist": "full MNIST", "cifar10": "CIFAR-10"}.get(data, "CIFAR-10 itself")
    trials = "3 to 5" if network in POINTS else f"{nearest(trainings).trials}"
    ten = ", 10 of random sparsity" if "fig1" in random else ""  # in Figure 14 they are as many as of the others
    return sentences(
        "Dashed grey: the paper's own curves for "
        f"{listed(LOOKS[a].name for a in arms)} (hollow markers of the same shape), read from its vector figures: "
        f"{nearest(trainings).iterations:,} iterations{_also(trainings, arms)} of {on}, {trials} trials{ten}"
        f"{' (5 at the end of training)' if ten and 'fig14' in random else ''}.",
        f"For its Figure 1 it pruned {NAMES[network]} at other rates: random sparsity is in the last panel only."
        if random == {"fig14"}
        else "",
    )


def sentences(*several: str) -> str:
    """Sentences in a row, without those that are empty."""
    return " ".join(one for one in several if one)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def span(values: pd.Series) -> str:
    """From the smallest to the largest of some counts: 5, or 3 to 5."""
    low, high = values.min(), values.max()
    return f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"

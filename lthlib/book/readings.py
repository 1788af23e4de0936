"""What a figure shows, read out: a sentence or two with numbers from the rows that it draws, the surprising one first.

Arms are compared as the ledger compares them: at one level of pruning, trial by trial, with 95 % intervals in brackets.
The level is not the one where they differ most, but one fixed beforehand: the nearest to a fifth of the weights, then
the smallest. What the paper's own curve has there is a sentence of its own.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from lthlib.book.style import LOOKS, listed
from lthlib.evidence import paper_curves
from lthlib.evidence.ledger import measured
from lthlib.evidence.levels import Missing, Trials, number
from lthlib.evidence.verdicts import FEWEST, Estimate
from lthlib.specs import NOISE

FIFTH = 20.0  # percent of weights remaining
SOONER, POINTS_OF = "faster", "gain"
# By quantity: its measurement, what an effect to each side is called, and what is compared if there is none to tell.
SAID = {
    "es": (SOONER, "stop {} times sooner", "stop {} times later", "in early stop"),
    **dict.fromkeys(
        ("acc_es", "valacc_es", "acc_end", "valacc_end"),
        (POINTS_OF, "are {} points more accurate", "are {} points less accurate", "in accuracy"),
    ),
    **dict.fromkeys(
        ("gap_es", "gap_end"),
        (POINTS_OF, "have a gap {} points larger", "have a gap {} points smaller", "by their gap"),
    ),
}
WHEN = {
    "acc_end": " at the end of training",
    "valacc_end": " at the end of training",
    "gap_end": " at the end of training",
}
IN_PROSE = {
    "ticket": "tickets",
    "reinit": "reinitialised tickets",
    "random": "networks sparse at random",
    "oneshot": "one-shot tickets",
    "oneshot_reinit": "reinitialised one-shot tickets",
    "continued": "tickets found by training on",
    "redrawn": "tickets with redrawn values",
    "untrained": "networks pruned untrained",
    **{name: f"tickets with {LOOKS[name].short}" for name in NOISE},
}
PaperAt = Mapping[str, tuple[str, ...]]  # by arm where the paper's table has a quantity


class Compared(NamedTuple):
    """A quantity of two arms: ours, the paper's where its curves have it, and whether the two disagree."""

    found: Estimate
    paper: float | None
    surprising: bool


def against(
    trainings: pd.DataFrame, arms: Sequence[str], quantities: Mapping[str, PaperAt], near: float = FIFTH
) -> str:
    """The first of the arms against the dense network and the next two, in the first two quantities of a figure, at the
    level `near` one, in percent.

    >>> against(trainings, ["ticket", "reinit"], {"acc_es": {}})
    'With 21.1 % of the weights left, tickets are 0.37 points more accurate than the dense network; in accuracy ...'
    """
    if not len(trainings) or not arms:
        return ""
    trials = Trials(trainings)
    # A third arm that was trained at other levels must not move the comparison of the first two.
    several = [list(arms[:n]) for n in (3, 2) if len(arms) >= n] or [list(arms)]
    levels = [(level, some[1:]) for some in several if (level := _level(trials, some, near)) is not None]
    if not levels:
        return ""
    level, others = min(levels, key=lambda one: abs(np.log(one[0] / near)))
    told: dict[str, dict[str | None, Compared]] = {}
    for quantity in [name for name in quantities if name in SAID][:2]:
        found = {one: _compared(trials, arms[0], one, level, quantity, quantities[quantity]) for one in [None, *others]}
        told[quantity] = {one: compared for one, compared in found.items() if compared is not None}
    told = {quantity: found for quantity, found in told.items() if found}
    if not told:
        return ""
    order = sorted(told, key=lambda quantity: not any(one.surprising for one in told[quantity].values()))
    here = "; they ".join(_clauses(told[quantity], quantity) for quantity in order)
    papers = [_papers_clause(told[quantity], quantity) for quantity in order]
    paper = f" In the paper: {'; '.join(said for said in papers if said)}." if any(papers) else ""
    few = "" if len(trials.numbers) >= FEWEST else f" That is {_trials(len(trials.numbers))}, and no evidence."
    return f"With {level:.1f} % of the weights left, {_plural(arms[0])} {here}.{few}{paper}"


def _level(trials: Trials, arms: Sequence[str], near: float) -> float | None:
    """The level nearest to one that all of the arms were trained at."""
    try:
        levels = [trials.levels("acc_end", arm).index for arm in arms]
    except Missing:
        return None
    shared = [level for level in levels[0] if all(np.isclose(level, other, rtol=0.01).any() for other in levels[1:])]
    return min(shared, key=lambda level: abs(np.log(level / near)), default=None)


def _compared(
    trials: Trials, arm: str, other: str | None, level: float, quantity: str, places: PaperAt
) -> Compared | None:
    measure = SAID[quantity][0]
    given = {"at": level, "arm": arm}
    given |= {"than": other} if measure == SOONER else {"quantity": quantity, "over": other}
    try:
        found = measured(measure, given, [trials])[1]
    except Missing:
        return None
    paper = _papers(trials, places, arm, other, level, measure)
    apart = paper is not None and found.n >= FEWEST and not found.low <= paper <= found.high
    return Compared(found, paper, apart)


def _clauses(told: Mapping[str | None, Compared], quantity: str) -> str:
    """ "stop 1.4 times sooner than the dense network, and cannot be told from reinitialised tickets in early stop" """
    measure, more, less, what = SAID[quantity]
    none = 1.0 if measure == SOONER else 0.0
    clear: list[str] = []
    unclear: list[str] = []
    for other, (found, _, _) in told.items():
        name = _plural(other) if other else "the dense network"
        if found.n >= FEWEST and found.low <= none <= found.high:
            unclear.append(name)
            continue
        said = (more if found.value >= none else less).format(_size(found.value, measure))
        clear.append(f"{_without_verb(said) if clear else said} than {name}")
    out = [listed(clear) + WHEN.get(quantity, "")] if clear else []
    out += [f"cannot be told from {listed(unclear)} {what}{WHEN.get(quantity, '')}"] if unclear else []
    return ", and ".join(out)


def _papers_clause(told: Mapping[str | None, Compared], quantity: str) -> str:
    """The paper's values of the same comparisons, in the same order: "1.24 and 2.16 times sooner"."""
    measure, more, less, _ = SAID[quantity]
    values = [paper for _, paper, _ in told.values() if paper is not None]
    if len(values) < len(told):
        return ""
    above = [value >= (1.0 if measure == SOONER else 0.0) for value in values]
    sizes = [_size(value, measure) for value in values]
    if len(set(above)) == 1:
        return _without_verb(more if above[0] else less).format(listed(sizes))
    return listed(_without_verb(more if up else less).format(size) for up, size in zip(above, sizes, strict=True))


def _without_verb(said: str) -> str:
    return said.partition(" ")[2]


def _size(value: float, measure: str) -> str:
    """A ratio of at least one, or a difference without its sign."""
    return number(max(value, 1 / value)) if measure == SOONER else number(abs(value))


def _papers(trials: Trials, places: PaperAt, arm: str, other: str | None, level: float, measure: str) -> float | None:
    """The same comparison on the paper's own curves, where they have the level."""
    mine = _curve(trials.network, places, arm, level)
    theirs = _curve(trials.network, places, other, level) if other else _curve(trials.network, places, "ticket", 100.0)
    if mine is None or theirs is None:
        return None
    return theirs / mine if measure == SOONER else mine - theirs


def _curve(network: str, places: PaperAt, arm: str | None, level: float) -> float | None:
    if arm is None or arm not in places:
        return None
    figure, quantity, *variant = places[arm]
    curve = paper_curves.beside(network, arm, figure, quantity, *variant)
    near = curve[np.isclose(curve["remaining"], level, rtol=0.02)]
    return float(near["mean"].iloc[0]) if len(near) else None


def over_time(curves: Mapping[tuple[str, int], pd.DataFrame], end: float) -> str:
    """Who is ahead a tenth of the way, and at the end of the axis; `curves` have a line's mean by iteration."""
    if len(curves) < 2:
        return ""
    said = []
    for at, when in ((end / 10, "After {:,.0f} iterations"), (end, "After {:,.0f}")):
        reached = {line: c.iloc[(c["iteration"] - at).abs().argmin()] for line, c in curves.items()}
        ranked = sorted(reached, key=lambda line: -reached[line]["mean"])
        first, last = ranked[0], ranked[-1]
        said.append(
            f"{when.format(reached[first]['iteration'])} {_line(first, reached[first])} is ahead with "
            f"{reached[first]['mean']:.2f} %, {_line(last, reached[last])} last with {reached[last]['mean']:.2f} %."
        )
    return " ".join(said)


def _line(line: tuple[str, int], point: pd.Series) -> str:
    arm, n = line
    if not n:
        return "the dense network"
    kind = "the ticket" if arm == "ticket" else LOOKS[arm].short
    return f"{kind} with {point['remaining']:.1f} %"


def of_values(tickets: Mapping[str | float, pd.DataFrame], quantity: str) -> str:
    """Which value of a factor has the best tickets: the level is chosen on the validation set, the accuracy is on the
    test set at early stop, or at the end where that is what the figure shows."""
    column = "acc_end" if quantity.endswith("_end") else "acc_es"
    best = {}
    for value, table in tickets.items():
        try:
            trials = Trials(table)
            best[value] = (trials.level(column, "ticket", "best")[0].mean(), trials.best_level())
        except Missing:
            continue
    if len(best) < 2:
        return ""
    ranked = sorted(best, key=lambda value: -best[value][0])
    first, last = ranked[0], ranked[-1]
    n = min(len(set(tickets[value]["trial"])) for value in best)
    few = f" From {_trials(n)} of each, only large differences count." if n < FEWEST else ""
    return (
        f"The best tickets, by validation accuracy, are those of {first}: {best[first][0]:.2f} % on the test set, with "
        f"{best[first][1]:.1f} % of the weights; those of {last} reach {best[last][0]:.2f} %.{few}"
    )


def _plural(arm: str) -> str:
    return IN_PROSE.get(arm) or LOOKS[arm].short


def _trials(n: int) -> str:
    return {1: "one trial", 2: "two trials"}.get(n, f"{n} trials")

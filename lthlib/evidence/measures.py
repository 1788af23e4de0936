"""What is measured for a claim: trainings of one experiment, or of several, in; a number out.

A measurement takes one line per training (`curves.summarise`, with `late` for an early stop at the last iteration) and
works on means over trials. Levels are P_m in percent, accuracies in percent, gains in percentage points. One that
compares two settings takes the trainings of both; one that compares many takes `runs`, trainings by label.
"""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lthlib.evidence import curves
from lthlib.specs import PAPER, POINTS

Runs = Mapping[Any, pd.DataFrame]  # trainings of several settings, by label


class Missing(Exception):
    """What the rows lack for a claim to be measured."""


class Found(NamedTuple):
    """What a measurement found: a value, the level it chose (P_m in percent), how to print it if not as a number."""

    value: float
    at: float | None = None
    shown: str | None = None


# --- levels --------------------------------------------------------------------------------------------------------


def _levels(
    t: pd.DataFrame, quantity: str, arm: str = "ticket", to: float | None = None
) -> tuple[pd.Series, pd.DataFrame]:
    """The dense networks' quantity by trial, and one of an arm's: a line per level (P_m, from large to small), a column
    per trial, draws averaged, a hole where a trial has not come so far."""
    if quantity not in t or t[quantity].isna().all():
        raise Missing("the weights of tickets, to look into")
    dense = _dense(t, quantity)
    pruned = t[(t["arm"] == arm) & (t["round"] > 0)]
    if pruned.empty:
        raise Missing(f"the arm {arm}")
    if to is not None and pruned["remaining"].min() > 1.15 * to:
        raise Missing(f"{arm} down to P_m {number(to)} % (so far {number(pruned['remaining'].min())} %)")
    table = pruned.groupby(["round", "trial"])[quantity].mean().unstack().reindex(columns=dense.index)
    table.index = pruned.groupby("round")["remaining"].first()[table.index]
    table = table.dropna(how="all")
    if table.empty:
        raise Missing(f"a trial with both the dense network and {arm}")
    return dense, table


def _dense(t: pd.DataFrame, quantity: str) -> pd.Series:
    """The dense networks' quantity by trial."""
    dense = curves.dense(t)
    if dense.empty:
        raise Missing("the dense network")
    _stopped(dense, "the dense network")
    return dense.set_index("trial")[quantity]


def _stopped(trainings: pd.DataFrame, what: str) -> None:
    """An early stop at the last iteration is none: the validation loss was still falling, or never fell. Of the deep
    networks the paper reports none."""
    if (
        not set(trainings["network"]) & set(POINTS)
        and len(trainings)
        and (n := trainings["late"].sum()) * 2 >= len(trainings)
    ):
        last = int(trainings["iterations"].max())
        raise Missing(f"more than {last:,} iterations: {what}'s loss was still falling in {n} of {len(trainings)}")


def _level(t: pd.DataFrame, quantity: str, arm: str, at: float) -> tuple[pd.Series, pd.Series]:
    """The dense networks' quantity and an arm's at one level, both by trial, for the trials that have both."""
    dense, table = _levels(t, quantity, arm)
    near = min(table.index, key=lambda remaining: abs(remaining - at))
    if abs(near - at) > 0.06 * at:
        raise Missing(f"{arm} at P_m {number(at)} % (nearest {number(near)} %)")
    _stopped(t[(t["arm"] == arm) & np.isclose(t["remaining"], near)], f"{arm} at P_m {number(at)} %")
    row = table.loc[near].dropna()
    return dense[row.index], row


def _beside(dense: pd.Series, table: pd.DataFrame) -> pd.Series:
    """Mean of the dense networks over the trials that each level has."""
    has = table.notna()
    return has.mul(dense, axis=1).sum(axis=1) / has.sum(axis=1)


# --- of one experiment -----------------------------------------------------------------------------------------------


def earlier(t: pd.DataFrame, at: float) -> Found:
    """How much sooner than the dense network a ticket stops early, in percent."""
    dense, ticket = _level(t, "es", "ticket", at)
    return Found(100 * (1 - ticket.mean() / dense.mean()))


def faster(t: pd.DataFrame, at: float, than: str = "reinit") -> Found:
    """How many times sooner than another arm a ticket stops early."""
    ticket, other = _level(t, "es", "ticket", at)[1], _level(t, "es", than, at)[1]
    both = ticket.index.intersection(other.index)
    return Found(other[both].mean() / ticket[both].mean())


def speedup(t: pd.DataFrame, to: float | None = None, at: float | None = None) -> Found:
    """How many times sooner than the dense network a ticket stops early, at its best level."""
    dense, table = _levels(t, "es", to=to)
    ratio = _beside(dense, table) / table.mean(axis=1)
    level: Any = at or ratio.idxmax()
    return Found(ratio[level], level)


def gain(t: pd.DataFrame, at: float, quantity: str = "acc_es", over: str | None = None, arm: str = "ticket") -> Found:
    """How many points more accurate a ticket is, or another arm, than the dense network or than an arm."""
    dense, mine = _level(t, quantity, arm, at)
    other = _level(t, quantity, over, at)[1] if over else dense
    return Found((mine - other).mean())


def kept(t: pd.DataFrame, at: float, arm: str, over: str = "reinit", quantity: str = "acc_es") -> Found:
    """How much of the tickets' lead over an arm another arm has, in percent."""
    ticket, other, mine = (_level(t, quantity, name, at)[1] for name in ("ticket", over, arm))
    lead = (ticket - other).mean()
    if not lead > 0:
        raise Missing(f"a lead of tickets over {over} at P_m {number(at)} %")
    return Found(100 * (mine - other).mean() / lead)


def ratio(t: pd.DataFrame, at: float, of: str, to: str) -> Found:
    """How many times as large a quantity of a ticket is as another."""
    one, other = (_level(t, quantity, "ticket", at)[1].mean() for quantity in (of, to))
    return Found(one / other)


def most(
    t: pd.DataFrame, quantity: str, arm: str = "ticket", to: float | None = None, at: float | None = None
) -> Found:
    """How many points more accurate than the dense network an arm is at its best level."""
    dense, table = _levels(t, quantity, arm, to)
    gains = (table - dense).mean(axis=1)
    level: Any = at or gains.idxmax()
    return Found(gains[level], level)


def falls(t: pd.DataFrame, arm: str, to: float, quantity: str = "acc_es") -> Found:
    """The level at which an arm's accuracy falls below the dense network's and stays there."""
    dense, table = _levels(t, quantity, arm, to)
    below = ((table - dense).mean(axis=1) < 0).to_numpy()
    held = np.flatnonzero(~below)
    first = held[-1] + 1 if len(held) else 0
    if first == len(below):
        return Found(table.index[-1], shown=f"below {number(table.index[-1])}")
    return Found(table.index[first])


def returns(t: pd.DataFrame, to: float) -> Found:
    """The level, after the earliest stop, at which tickets need as long as the dense network again."""
    dense, table = _levels(t, "es", to=to)
    difference = (table - dense).mean(axis=1)
    after = difference[difference.index < difference.idxmin()]
    again = after.index[after >= 0]
    if again.empty:
        return Found(table.index[-1], shown=f"below {number(table.index[-1])}")
    return Found(again[0])


def smallest(
    t: pd.DataFrame, better: Sequence[str], to: float | None, arm: str = "ticket", turned: bool = False
) -> Found:
    """The smallest level at which an arm is no worse than the dense network in all quantities named; 100 if none. With
    `turned` there must be a smaller level, at which it is worse."""
    holds: Any = True  # and then a Series, level by level
    for quantity in better:
        dense, table = _levels(t, quantity, arm, to)
        difference = (table - dense).mean(axis=1)
        holds = holds & (difference <= 0 if quantity == "es" else difference >= 0)
    levels = holds.index[holds]
    if turned and holds.iloc[-1]:
        raise Missing(
            f"a level below P_m {number(holds.index[-1])} %, where {arm} is still no worse than the dense network"
        )
    return Found(levels[-1] if len(levels) else 100.0)


def lowest(t: pd.DataFrame, quantity: str, to: float) -> Found:
    """The smallest mean of a quantity over the levels of at least P_m `to`."""
    means = _levels(t, quantity, to=to)[1].mean(axis=1)
    return Found(means[means.index >= to].min())


def share(t: pd.DataFrame, quantity: str, arm: str, between: Sequence[float]) -> Found:
    """The share of an interval's levels at which an arm beats the dense network; shown: all levels where it does."""
    high, low = between
    dense, table = _levels(t, quantity, arm, low)
    difference = (table - dense).mean(axis=1)
    holds = difference < 0 if quantity == "es" else difference > 0
    inside = holds[(holds.index <= high * 1.01) & (holds.index >= low * 0.99)]
    if len(inside) < 3:
        raise Missing(f"at least three levels of {arm} between P_m {number(high)} and {number(low)} %")
    return Found(inside.mean(), shown=_runs(holds))


def value(t: pd.DataFrame, quantity: str, at: float | None = None) -> Found:
    """The dense network's quantity, or a ticket's at a level."""
    return Found((_dense(t, quantity) if at is None else _level(t, quantity, "ticket", at)[1]).mean())


def highest(t: pd.DataFrame, quantity: str, between: Sequence[float]) -> Found:
    """The best mean of a quantity over the levels of an interval."""
    high, low = between
    means = _complete(_levels(t, quantity, to=low)[1]).mean(axis=1)
    return Found(means[(means.index <= 1.03 * high) & (means.index >= 0.97 * low)].max())


def lead(t: pd.DataFrame, quantity: str, over: str, to: float | None = None, at: float | None = None) -> Found:
    """How many points more accurate than another arm the tickets are, at the level of at least P_m `to` where most."""
    mine, theirs = _levels(t, quantity, to=to)[1], _levels(t, quantity, over, to)[1]
    leads = (mine - theirs).mean(axis=1).dropna()
    leads = leads[leads.index >= 0.97 * (to or 0)]
    if leads.empty:
        raise Missing(f"a level with both tickets and {over}")
    level: Any = at or leads.idxmax()
    return Found(leads[level], level)


def behind(t: pd.DataFrame, quantity: str, to: float | None = None, at: float | None = None) -> Found:
    """How many points less accurate than the dense network the tickets are, at their worst level of at least `to`."""
    dense, table = _levels(t, quantity, to=to)
    losses = (-table.sub(dense, axis=1)).mean(axis=1)
    losses = losses[losses.index >= 0.97 * (to or 0)]
    level: Any = at or losses.idxmax()
    return Found(losses[level], level)


def unfinished(t: pd.DataFrame) -> Found:
    """The share of dense trainings of the paper's length, in percent, whose loss falls until the end or nearly so."""
    dense = curves.dense(t)
    if dense.empty:
        raise Missing("the dense network")
    if dense["iterations"].min() < (asked := PAPER[dense["network"].iloc[0]].iterations):
        raise Missing(f"{asked:,} iterations")
    return Found(100 * (dense["es"] >= 0.98 * dense["iterations"]).mean())


# --- of two settings -------------------------------------------------------------------------------------------------


def dense_gain(t: pd.DataFrame, other: pd.DataFrame, quantity: str) -> Found:
    """How many points more accurate the dense network is than in another setting."""
    mine, theirs = _dense(t, quantity), _dense(other, quantity)
    both = mine.index.intersection(theirs.index)
    if both.empty:
        raise Missing("a trial run in both settings")
    return Found((mine[both] - theirs[both]).mean())


def best_gain(t: pd.DataFrame, other: pd.DataFrame, quantity: str, to: float) -> Found:
    """How many points more accurate the best tickets are than the best of another setting, both down to `to`."""
    return Found(_best(t, quantity, to) - _best(other, quantity, to))


def ratio_to_other(t: pd.DataFrame, other: pd.DataFrame, quantity: str, at: float) -> Found:
    """How many times as large a quantity of a ticket is as in another setting."""
    return Found(value(t, quantity, at).value / value(other, quantity, at).value)


# --- of several settings ---------------------------------------------------------------------------------------------


def named_over_others(
    runs: Runs,
    quantity: str,
    named: Sequence[object],
    to: float | None = None,
    at: float | None = None,
    dense: bool = False,
) -> Found:
    """How many points more accurate the best of the runs named are than the best of the others: their best tickets down
    to `to`, their tickets at a level, or their dense networks."""

    def score(t: pd.DataFrame) -> float:
        return (
            _dense(t, quantity).mean() if dense else _best(t, quantity, to) if at is None else _between(t, quantity, at)
        )

    named = [str(name) for name in named]
    best = [max(score(t) for name, t in runs.items() if (str(name) in named) == chosen) for chosen in (True, False)]
    return Found(best[0] - best[1])


def with_tickets(runs: Runs, quantity: str, to: float) -> Found:
    """The share of the runs, in percent, whose best tickets down to `to` are more accurate than their dense network."""
    return Found(100 * float(np.mean([most(t, quantity, to=to).value > 0 for t in runs.values()])))


def gained_by(runs: Runs, quantity: str, at: object, to: float, least: float = 0.2) -> Found:
    """How much of what the last run's best tickets down to `to` gain over the first run's is gained by the run `at`, in
    percent; nothing, if they gain less than `least` points."""
    best = {str(name): _best(t, quantity, to) for name, t in runs.items()}
    first, *_, last = best.values()
    if last - first < least:
        return Found(0.0, shown="no gain")
    return Found(100 * (best[str(at)] - first) / (last - first))


def with_size(runs: Runs, quantity: str, weights: float) -> Found:
    """Spearman's correlation over runs between the size of the dense network and the accuracy of tickets with as many
    weights, read between their levels."""
    sizes = [_size(t) for t in runs.values()]
    scores = [_between(t, quantity, 100 * weights / size) for t, size in zip(runs.values(), sizes, strict=True)]
    return Found(np.corrcoef(pd.Series(sizes).rank(), pd.Series(scores).rank())[0, 1])


def slowest_to_fastest(runs: Runs, to: float) -> Found:
    """How many times later than in the fastest run the tickets of the slowest stop, each at its best level down to
    `to`."""
    stops = [_complete(_levels(t, "es", to=to)[1]).mean(axis=1).min() for t in runs.values()]
    return Found(max(stops) / min(stops))


def weights_left(runs: Runs, quantity: str) -> Found:
    """The weights with which tickets are as accurate as their dense network for the last time: geometric mean."""
    left = [smallest(t, [quantity], to=None, turned=True).value * _size(t) / 100 for t in runs.values()]
    return Found(float(np.exp(np.mean(np.log(left)))), shown=f"{min(left):,.0f} to {max(left):,.0f}")


def _size(t: pd.DataFrame) -> float:
    return float(t.loc[t["round"] == 0, "weights"].iloc[0])


def _best(t: pd.DataFrame, quantity: str, to: float | None) -> float:
    means = _complete(_levels(t, quantity, to=to)[1]).mean(axis=1)
    return float(means[means.index >= 0.97 * (to or 0)].max())


def _complete(table: pd.DataFrame) -> pd.DataFrame:
    """The levels that all trials have come to which came to any: the best of some would not be the best of all."""
    table = table.dropna(axis=1, how="all").dropna()
    if table.empty:
        raise Missing("a level that all trials have come to")
    return table


def _between(t: pd.DataFrame, quantity: str, at: float) -> float:
    """A ticket's quantity at a level, on the line between the two levels around it, P_m on a logarithmic axis."""
    dense, table = _levels(t, quantity)
    means = pd.concat([pd.Series({100.0: dense.mean()}), _complete(table).mean(axis=1)]).sort_index()
    if not means.index[0] <= at <= 100:
        raise Missing(f"tickets down to P_m {number(at)} % (so far {number(means.index[0])} %)")
    return float(np.interp(np.log(at), np.log(means.index), means))


Measure = Callable[..., Found]
ONE: tuple[Measure, ...] = (earlier, faster, speedup, gain, most, falls, returns, smallest, lowest, highest)
ONE += (share, value, lead, behind, unfinished, kept, ratio)
TWO: tuple[Measure, ...] = (dense_gain, best_gain, ratio_to_other)
MANY: tuple[Measure, ...] = (named_over_others, with_tickets, gained_by, with_size, slowest_to_fastest, weights_left)
MEASURES: dict[str, Measure] = {m.__name__: m for m in (*ONE, *TWO, *MANY)}
RATIOS = ("earlier", "faster", "speedup")


def _runs(holds: pd.Series) -> str:
    """Levels where a condition holds, neighbours joined: "90.0 to 85.0, 67.6 to 20.2"."""
    runs = [run.index for _, run in holds.groupby((holds != holds.shift()).cumsum()) if run.iloc[0]]
    return ", ".join(" to ".join(dict.fromkeys((f"{r[0]:.1f}", f"{r[-1]:.1f}"))) for r in runs) or "nowhere"


def number(value: Any) -> str:
    """A number as the pages print it: at most two decimals; a range of levels as "67.5 to 17.6"."""
    if isinstance(value, list | tuple):
        return " to ".join(number(v) for v in value)
    if value is None:
        return "–"
    return f"{round(float(value), 2):g}" if isinstance(value, Real) else str(value)

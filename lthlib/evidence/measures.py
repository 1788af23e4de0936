"""What is measured for a claim: the trials of one experiment, or of several, in; a number, or one per level, out.

A measurement works on means over trials (`levels.Trials`), paired where seeds are shared. Levels are P_m in percent, or
"best"; accuracies in percent, gains in percentage points. One that compares two settings takes the trials of both; one
that compares many takes `runs`, trials by label.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lthlib.evidence.levels import LATE, NEAR, TooLittle, Trials, complete, number
from lthlib.specs import PAPER

Runs = Mapping[Any, Trials]


class Found(NamedTuple):
    """What a measurement found: a value, or one per level by P_m; and where, in words ("at P_m 21.1 %"). A value that
    is not a number cannot be told from these trials, and `where` then says what is missing."""

    value: Any
    where: str = ""


def _other(t: Trials, quantity: str, over: str | None, at: float | str) -> pd.Series:
    """What an arm is compared with at a level: another arm there or, without one, the dense networks."""
    return t.level(quantity, over, at)[0] if over else t.dense(quantity)


def _paired(mine: pd.Series, other: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Both of the trials that have both."""
    both = mine.index.intersection(other.index)
    if both.empty:
        raise TooLittle("a trial that holds all it compares")
    return mine[both], other[both]


# --- of one experiment, at a level -----------------------------------------------------------------------------------


def gain(t: Trials, at: float | str, quantity: str = "acc_es", arm: str = "ticket", over: str | None = None) -> Found:
    """How many points more accurate an arm is than the dense network or than another arm."""
    mine, where = t.level(quantity, arm, at)
    mine, other = _paired(mine, _other(t, quantity, over, at))
    return Found((mine - other).mean(), where)


def faster(t: Trials, at: float | str, arm: str = "ticket", than: str | None = None) -> Found:
    """How many times sooner than the dense network, or than another arm, an arm stops early: a ratio of means."""
    mine, where = t.level("es", arm, at)
    mine, other = _paired(mine, _other(t, "es", than, at))
    return Found(other.mean() / mine.mean(), where)


def earlier(t: Trials, at: float) -> Found:
    """How much sooner than the dense network a ticket stops early, in percent: of means."""
    ratio = faster(t, at)
    return Found(100 * (1 - 1 / ratio.value), ratio.where)


def slower(t: Trials, at: float, since: float) -> Found:
    """How many times as long as at an earlier level tickets take to stop at a later one."""
    late, where = t.level("es", "ticket", at)
    late, early = _paired(late, t.level("es", "ticket", since)[0])
    return Found(late.mean() / early.mean(), where)


def kept(t: Trials, at: float, arm: str, over: str = "reinit", quantity: str = "acc_es") -> Found:
    """How much of the tickets' lead over an arm another arm has, in percent: a ratio of means."""
    (ticket, where), (other, _), (mine, _) = (t.level(quantity, name, at) for name in ("ticket", over, arm))
    lead = (ticket - other).mean()
    if not lead > 0:
        return Found(np.nan, f"a lead of tickets over {over} at P_m {number(at)} %")
    return Found(100 * (mine - other).mean() / lead, where)


def ratio(t: Trials, at: float, of: str, to: str, times: float = 1.0) -> Found:
    """How many times as large a quantity of a ticket is as another, in `times` its unit."""
    (one, where), (other, _) = (t.level(quantity, "ticket", at) for quantity in (of, to))
    return Found(times * one.mean() / other.mean(), where)


def value(t: Trials, quantity: str, at: float | None = None) -> Found:
    """The dense network's quantity, or a ticket's at a level."""
    if at is None:
        return Found(t.dense(quantity).mean(), "of the dense network")
    mine, where = t.level(quantity, "ticket", at)
    return Found(mine.mean(), where)


def unfinished(t: Trials) -> Found:
    """The share of dense trainings, in percent, whose validation loss falls until the end or nearly so."""
    if (length := t.iterations()) < (asked := PAPER[t.network].iterations):
        raise TooLittle(f"{asked:,} iterations")
    stops = t.only(t.numbers).dense("es")
    return Found(100 * (stops >= LATE * length).mean(), "of the dense network")


# --- of one experiment, at all levels --------------------------------------------------------------------------------


def gains(
    t: Trials, between: list[float], quantity: str = "acc_es", arm: str = "ticket", over: str | None = None
) -> Found:
    """By how much a quantity of an arm is above the dense network's or another arm's, at every level of an interval of
    P_m."""
    mine = t.within(quantity, arm, between)
    if over is None:
        return _at_all(mine.sub(t.dense(quantity), axis=1))
    other = t.within(quantity, over, between)
    # Draws of an arm may have been trained at fewer rounds than the tickets: compared where there are both.
    shared = {level: min(other.index, key=lambda there: abs(there - level)) for level in mine.index}
    shared = {level: there for level, there in shared.items() if abs(there - level) <= NEAR * level}
    if not shared:
        raise TooLittle(f"a level with both {arm} and {over}")
    other = other.loc[list(shared.values())].set_axis(list(shared))
    return _at_all(mine.loc[list(shared)] - other)


def values(t: Trials, between: list[float], quantity: str) -> Found:
    """A quantity of the tickets at every level of an interval of P_m."""
    return _at_all(t.within(quantity, "ticket", between))


def _at_all(table: pd.DataFrame) -> Found:
    """Means over the trials that have come to all of these levels."""
    table = table.dropna(axis=1)
    if table.empty or len(table) < 2:
        raise TooLittle("a trial that has come to at least two levels, and to all that another has come to")
    means = table.mean(axis=1)
    return Found(means, f"at {len(means)} levels from P_m {number(means.index[0])} to {number(means.index[-1])} %")


# --- of two settings -------------------------------------------------------------------------------------------------


def dense_gain(t: Trials, other: Trials, quantity: str) -> Found:
    """How many points more accurate the dense network is than in another setting."""
    mine, theirs = _paired(t.dense(quantity), other.dense(quantity))
    return Found((mine - theirs).mean(), "of the dense network")


def gain_over_setting(t: Trials, other: Trials, quantity: str, at: float | str) -> Found:
    """How many points more accurate tickets are than in another setting: at a level, or each at its best."""
    (mine, where), (theirs, there) = (one.level(quantity, "ticket", at) for one in (t, other))
    mine, theirs = _paired(mine, theirs)
    return Found((mine - theirs).mean(), where if where == there else f"{where}, against {there}")


def ratio_to_other(t: Trials, other: Trials, quantity: str, at: float) -> Found:
    """How many times as large a quantity of a ticket is as in another setting."""
    mine, theirs = (value(one, quantity, at) for one in (t, other))
    return Found(mine.value / theirs.value, mine.where)


# --- of several settings ---------------------------------------------------------------------------------------------


def named_over_others(
    runs: Runs, named: list[Any], quantity: str = "acc_es", to: float = 0, at: float | None = None, dense: bool = False
) -> Found:
    """How many points more accurate the best of the runs named are than the best of the others. Which run is best, and
    at which level down to `to` its tickets are, is chosen by validation accuracy; or all are read at one level; or it
    is of their dense networks."""
    names, best = [str(name) for name in named], []
    for among in (True, False):
        scores = [
            _dense_score(t, quantity) if dense else _score(t, quantity, to, at)
            for name, t in runs.items()
            if (str(name) in names) == among
        ]
        best.append(max(scores)[1])
    return Found(best[0] - best[1])


def with_tickets(runs: Runs, quantity: str = "acc_es", to: float = 0) -> Found:
    """The share of the runs, in percent, whose best tickets down to `to` are more accurate than their dense network."""
    return Found(100 * np.mean([_score(t, quantity, to)[1] > t.dense(quantity).mean() for t in runs.values()]))


def gained_by(runs: Runs, quantity: str, at: float, to: float, least: float = 0.2) -> Found:
    """How much of what the last run's best tickets down to `to` gain over the first run's is gained by the run `at`, in
    percent; nothing, if they gain less than `least` points."""
    best = {str(name): _score(t, quantity, to)[1] for name, t in runs.items()}
    first, *_, last = best.values()
    if last - first < least:
        return Found(0.0, "no gain")
    return Found(100 * (best[str(at)] - first) / (last - first))


def with_size(runs: Runs, quantity: str, weights: int) -> Found:
    """Spearman's correlation over runs between the size of the dense network and the accuracy of tickets with as many
    weights, read between their levels."""
    sizes = [t.weights() for t in runs.values()]
    scores = [t.mean_between(quantity, 100 * weights / size) for t, size in zip(runs.values(), sizes, strict=True)]
    return Found(np.corrcoef(pd.Series(sizes).rank(), pd.Series(scores).rank())[0, 1])


def slowest_to_fastest(runs: Runs, to: float) -> Found:
    """How many times later than in the fastest run the tickets of the slowest stop, each at the level of its best
    tickets down to `to`."""
    stops = [t.level("es", "ticket", t.best_level(to=to))[0].mean() for t in runs.values()]
    return Found(max(stops) / min(stops))


def weights_left(runs: Runs, quantity: str, of: str) -> Found:
    """The weights with which tickets are as accurate as their dense network for the last time: `of` the run where they
    are "most", or "fewest"."""
    left = [_last_crossing(t, quantity) * t.weights() / 100 for t in runs.values()]
    if not np.isfinite(left).all():
        return Found(np.nan, "a level at which tickets are worse than their dense network")
    return Found({"most": max, "fewest": min}[of](left), f"{min(left):,.0f} to {max(left):,.0f} weights")


def _last_crossing(t: Trials, quantity: str) -> float:
    """The level at which tickets fall below their dense network for good, read between those around it; not a number
    if they have not."""
    gain = complete(t.levels(quantity).sub(t.dense(quantity), axis=1)).mean(axis=1)
    above = np.flatnonzero(gain >= 0)
    if not len(above):
        return 100.0
    last = above[-1]
    if last + 1 == len(gain):
        return np.nan
    part = gain.iloc[last] / (gain.iloc[last] - gain.iloc[last + 1])
    high, low = np.log(gain.index[last : last + 2])
    return float(np.exp(high + part * (low - high)))


def _score(t: Trials, quantity: str, to: float, at: float | None = None) -> tuple[float, float]:
    """By what a run is chosen, and what it is then measured by: of its tickets at a level or, without, at the best."""
    if at is not None:
        return t.mean_between("valacc_es", at), t.mean_between(quantity, at)
    best = t.best_level(to=to)
    chosen_by, measured = (t.level(name, "ticket", best)[0].mean() for name in ("valacc_es", quantity))
    return chosen_by, measured


def _dense_score(t: Trials, quantity: str) -> tuple[float, float]:
    return t.dense("valacc_es").mean(), t.dense(quantity).mean()


ONE = (gain, faster, earlier, slower, kept, ratio, value, unfinished)
ALL = (gains, values)
TWO = (dense_gain, gain_over_setting, ratio_to_other)
MANY = (named_over_others, with_tickets, gained_by, with_size, slowest_to_fastest, weights_left)
MEASURES: dict[str, Callable[..., Found]] = {m.__name__: m for m in (*ONE, *ALL, *TWO, *MANY)}
RATIOS = ("faster", "slower", "ratio", "ratio_to_other", "slowest_to_fastest", "weights_left")  # judged as logarithms
COUNTS = ("unfinished", "with_tickets", "with_size", "gained_by")  # of few values: trials may agree by chance alone

"""Trainings of one experiment as measurements read them: for each arm and quantity a table of levels by trials.

Levels are P_m in percent. A level that a claim names is read where rows have one within 6 % of it; otherwise on the
line between the two levels around it, P_m on a logarithmic axis. `at="best"`, where the paper names no level, is the
one with the largest mean validation accuracy: what is chosen on the validation set is measured on the test set.
"""

import itertools
import math
from collections.abc import Iterable
from numbers import Real

import numpy as np
import pandas as pd

from lthlib.specs import POINTS

END = 1.15  # how far from the end of an interval its last level may be, as a factor
NEAR = 0.06  # how far from the level asked for one may be, as a part of it
LATE = 0.98  # an early stop beyond this part of a training is none: the loss was still falling, or never fell
WIDEST = 2.5  # the largest ratio of two neighbouring levels between which a quantity is read


class Missing(Exception):
    """What the rows lack for a claim to be measured: an arm, a setting, a network."""


class TooLittle(Missing):
    """What was run does not go far enough for a claim to be measured: more rounds, iterations or trials are missing."""


class Trials:
    """The trainings of an experiment (lines of `curves.summarise`), or of some of its trials.

    >>> trials = Trials(trainings)
    >>> trials.levels("es", "reinit")  # a line per level, a column per trial, draws averaged
    >>> trials.only({0, 2}).dense("acc_es").mean()
    """

    def __init__(self, trainings: pd.DataFrame) -> None:
        self.network = str(trainings["network"].iloc[0])
        self.numbers = set(trainings["trial"])
        self.judge_stops = self.network not in POINTS  # of the deep networks the paper reports no early stop
        late = trainings["es"] >= LATE * trainings["iterations"]
        self._trainings = trainings.assign(late=late.astype(float))
        self._tables: dict[tuple[str, str], pd.DataFrame] = {}

    def only(self, numbers: Iterable[int], judge_stops: bool = False) -> "Trials":
        """Some of the trials. Whether an early stop is one is judged of all of them together, unless asked for."""
        some = object.__new__(Trials)
        some.__dict__.update(self.__dict__)
        some.numbers = self.numbers & set(numbers)
        some.judge_stops = self.judge_stops and judge_stops
        return some

    def levels(self, quantity: str, arm: str = "ticket") -> pd.DataFrame:
        """An arm's quantity: a line per level, from large to small, a column per trial, draws averaged, a hole where a
        trial has not come so far. Raises Missing without the arm, TooLittle without a level."""
        table = self._table(quantity, arm)
        table = table[[trial for trial in table.columns if trial in self.numbers]]
        table = table[table.notna().any(axis=1)]
        if table.empty:
            raise TooLittle(f"a trial of the arm {arm}")
        return table

    def dense(self, quantity: str) -> pd.Series:
        """The dense networks' quantity by trial."""
        dense = self._dense_table(quantity)
        self._stopped(self._dense_table("late"), "the dense network")
        return dense

    def level(self, quantity: str, arm: str, at: float | str) -> tuple[pd.Series, str]:
        """An arm's quantity at one level by trial, of the trials that have come there, and where it was read."""
        level = self.best_level(arm) if isinstance(at, str) else at
        table = self.levels(quantity, arm)
        near = min(table.index, key=lambda there: abs(there - level))
        if abs(near - level) <= NEAR * level:
            around = [near]
        else:
            around = [*table.index[table.index > level][-1:], *table.index[table.index < level][:1]]
            if len(around) < 2 or around[0] > WIDEST * around[1]:
                raise TooLittle(f"{arm} at P_m {number(level)} % (nearest {number(near)} %)")
        late = self.levels("late", arm)
        for there in around:
            self._stopped(late.loc[there].dropna(), f"{arm} at P_m {number(level)} %")
        if around == [near]:
            return table.loc[near].dropna(), f"at P_m {number(near)} %"
        high, low = np.log(around)
        part = (np.log(level) - low) / (high - low)
        between = part * table.loc[around[0]] + (1 - part) * table.loc[around[1]]
        return between.dropna(), f"read between P_m {number(around[0])} and {number(around[1])} %"

    def best_level(self, arm: str = "ticket", to: float = 0) -> float:
        """The level with the largest mean validation accuracy, of those down to `to` that all trials have come to."""
        means = complete(self.levels("valacc_es", arm)).mean(axis=1)
        means = means[means.index >= (1 - NEAR) * to]
        if means.empty:
            raise TooLittle(f"{arm} at P_m {number(to)} % or above")
        return float(means.index[int(means.argmax())])

    def mean_between(self, quantity: str, at: float) -> float:
        """The mean of tickets' quantity at a level, on the line between the two around it, however far apart."""
        means = complete(self.levels(quantity)).mean(axis=1)
        means = pd.concat([pd.Series({100.0: self.dense(quantity).mean()}), means]).sort_index()
        if not means.index[0] <= at <= 100:
            raise TooLittle(f"tickets down to P_m {number(at)} % (so far {number(means.index[0])} %)")
        return float(np.interp(np.log(at), np.log(means.index), means))

    def within(self, quantity: str, arm: str, between: list[float]) -> pd.DataFrame:
        """An arm's quantity at the levels of an interval of P_m, from whose begin to whose end it must have come, in
        steps no wider than WIDEST."""
        high, low = between
        table = self.levels(quantity, arm)
        table = table[(table.index <= high * 1.01) & (table.index >= low * 0.95)]
        levels = [high, *table.index, low]
        if not len(table) or table.index[-1] > END * low or (high < 100 and table.index[0] < high / END):
            reached = f"{number(table.index[0])} to {number(table.index[-1])} %" if len(table) else "none"
            raise TooLittle(f"{arm} from P_m {number(high)} to {number(low)} % (so far {reached})")
        if (widest := max(a / b for a, b in itertools.pairwise(levels))) > WIDEST:
            raise TooLittle(f"more levels of {arm}: two neighbours are a factor of {number(widest)} apart")
        return table

    def iterations(self) -> int:
        """Those of the dense networks: of the shortest training."""
        return int(self._dense_table("iterations").min())

    def weights(self) -> int:
        """Those of the dense network."""
        return int(self._dense_table("weights").iloc[0])

    def _table(self, quantity: str, arm: str) -> pd.DataFrame:
        if (quantity, arm) not in self._tables:
            t = self._trainings
            if quantity not in t or t[quantity].isna().all():
                raise TooLittle("the weights of tickets, to look into")
            pruned = t[(t["arm"] == arm) & (t["round"] > 0)]
            if pruned.empty:
                raise Missing(f"the arm {arm}")
            table = pruned.groupby(["round", "trial"])[quantity].mean().unstack()
            table.index = pruned.groupby("round")["remaining"].mean()[table.index]
            self._tables[quantity, arm] = table
        return self._tables[quantity, arm]

    def _dense_table(self, quantity: str) -> pd.Series:
        if (quantity, "dense") not in self._tables:
            t = self._trainings
            if quantity not in t or t[quantity].isna().all():
                raise TooLittle("the weights of tickets, to look into")
            dense = t[(t["arm"] == "ticket") & (t["round"] == 0)]
            self._tables[quantity, "dense"] = dense.set_index("trial")[[quantity]]
        column = self._tables[quantity, "dense"][quantity]
        column = column[column.index.isin(self.numbers)]
        if column.empty:
            raise Missing("the dense network")
        return column

    def _stopped(self, late: pd.Series, what: str) -> None:
        """An early stop at the last iteration is none: the validation loss was still falling, or never fell."""
        if self.judge_stops and len(late) and 2 * (n := (late > 0).sum()) >= len(late):
            last = int(self._trainings["iterations"].max())
            raise TooLittle(f"more than {last:,} iterations: {what}'s loss was still falling in {n} of {len(late)}")


def complete(table: pd.DataFrame) -> pd.DataFrame:
    """The levels that all trials have come to which came to any: the best of some would not be the best of all."""
    table = table.dropna(axis=1, how="all").dropna()
    if table.empty:
        raise TooLittle("a level that all trials have come to")
    return table


def number(value: object) -> str:
    """A number as the pages print it: at most two decimals; a range of levels as "67.5 to 17.6"; none as "–"."""
    if isinstance(value, list | tuple):
        return " to ".join(number(v) for v in value)
    if isinstance(value, Real):
        exact = float(value)
        return f"{round(exact, 2):g}" if abs(exact) < 1e5 else f"{exact:.0f}" if math.isfinite(exact) else "–"
    return "–" if value is None else str(value)


def decimals(low: float, high: float, edge: float = math.nan) -> int:
    """As many decimals as an interval leaves known: two digits of its half-width, two decimals at most. More, if an end
    of it would otherwise be printed as the `edge` on whose one side it lies.

    >>> decimals(0.68, 47.9), decimals(0.165, 0.719), decimals(0.0043, 0.55, edge=0)
    (0, 2, 3)
    """
    half = (high - low) / 2
    known = 2 if half <= 0 else min(2, max(0, 1 - math.floor(math.log10(half))))
    ends = [end for end in (low, high) if end != edge]
    return next((n for n in range(known, 5) if all(round(end, n) != round(edge, n) for end in ends)), known)


def known(value: float, low: float = math.nan, high: float = math.nan, edge: float = math.nan) -> str:
    """A measured number with as many digits as its interval leaves known; without one with three, and two decimals at
    most.

    >>> known(28.042, 0.68, 47.9), known(0.442, 0.165, 0.719), known(82.07)
    ('28', '0.44', '82.1')
    """
    if not math.isfinite(value):
        return "–"
    if math.isfinite(low) and math.isfinite(high):
        shown = f"{value:,.{decimals(low, high, edge)}f}"
    else:
        shown = number(float(f"{value:.3g}")) if abs(value) < 1000 else f"{value:,.0f}"
    return shown.removeprefix("-") if not shown.strip("-0.") else shown

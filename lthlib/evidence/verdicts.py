"""The rule: what trials say of a claim, from one statistic that gives value and interval.

**The statistic.** A claim is measured on means over trials, paired where seeds are shared: trial 3 of the tickets
against trial 3 of the dense network, that began with the same weights and saw the data in the same order. Its interval
is Student's t over the jackknife's pseudo-values: with n trials, each left out once, at 95 %. For a mean of differences
that is the paired t-interval to the last digit; for ratios of means it is taken of the logarithm.

**The verdict.** A claim names a region: one side of "no effect", or a band around the paper's value, at one level of
pruning or at all of an interval. The interval inside the region: it holds. Outside: it is contradicted. Across its
edge: undecided. With fewer than three trials, or at a scale at which the claim cannot be tried, there is no verdict.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from lthlib.evidence.levels import known, number
from lthlib.evidence.measures import COUNTS, RATIOS

HOLDS, OTHER_SIZE, CONTRADICTED, UNDECIDED = "holds", "holds, other size", "contradicted", "undecided"
TOO_LITTLE, NOT_RUN = "too little run", "not run"
VERDICTS = (HOLDS, OTHER_SIZE, CONTRADICTED, UNDECIDED, TOO_LITTLE, NOT_RUN)
WORDS = {
    HOLDS: "the interval lies on the claim's side and, where the paper gives a value, meets it within its own spread",
    OTHER_SIZE: "the interval lies on the claim's side, and does not meet the paper's value",
    CONTRADICTED: "the interval lies on the other side",
    UNDECIDED: "the interval lies across: these trials cannot tell",
    TOO_LITTLE: "fewer than three trials, or not enough rounds, iterations or data for this claim; no verdict",
    NOT_RUN: "there are no rows for it; nothing is guessed",
}
KINDS = ("effect", "equal", "all")
FEWEST = 3  # trials: from two the 95 % interval is 12.7 standard errors to each side
AGREEING = 6  # trials: so many tosses of a coin fall alike once in 32


class Estimate(NamedTuple):
    """A value over n trials with its 95 % interval, and the standard error on the scale on which that was taken; each a
    number, or one per level by P_m."""

    value: Any
    low: Any
    high: Any
    n: int
    error: Any = 0.0


# --- the statistic ---------------------------------------------------------------------------------------------------


def scale(measure: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """The scale on which a measurement's interval is taken, and the way back: logarithms of what is a ratio."""
    if measure in RATIOS:
        return np.log, np.exp
    if measure == "earlier":  # percent sooner: of the ratio that is left
        return (lambda x: -np.log1p(-np.asarray(x) / 100)), (lambda y: -100 * np.expm1(-np.asarray(y)))
    return (lambda x: x), (lambda y: y)


def jackknife(whole: Any, without: list[Any], measure: str = "gain") -> Estimate:
    """The estimate from what was found on all n trials, and on all except each one.

    whole, without  numbers, or Series of one number per level; `without` has n of them
    n               below two there is no interval: it is not a number to both sides

    >>> jackknife(2.0, [2.5, 2.0, 1.5])  # trials 1, 2 and 3: their mean and its t-interval
    Estimate(value=2.0, low=-0.484..., high=4.484..., n=3, error=0.577...)
    """
    there, back = scale(measure)
    n = len(without)
    if n < 2:
        return Estimate(whole, whole * np.nan, whole * np.nan, n, whole * np.nan)
    center, around = there(whole), [there(value) for value in without]
    pseudo = [n * center - (n - 1) * value for value in around]
    mean = sum(pseudo) / n
    error = np.sqrt(sum((value - mean) ** 2 for value in pseudo) / (n - 1) / n)
    half = stdtrit(n - 1, 0.975) * error
    return Estimate(whole, back(center - half), back(center + half), n, error)


def interval(values: np.ndarray) -> Estimate:
    """The mean of one value per trial, with Student's 95 % interval.

    >>> interval(np.array([1.0, 2.0, 3.0]))
    Estimate(value=2.0, low=-0.484..., high=4.484..., n=3, error=0.577...)
    """
    without = [float(np.delete(values, one).mean()) for one in range(len(values))] if len(values) > 1 else [np.nan]
    return jackknife(float(values.mean()), without)


# --- the verdict -----------------------------------------------------------------------------------------------------


def judge(part: Mapping[str, Any], found: Estimate, claimed: float | None, alone: list[float] | None = None) -> str:
    """The word for one part of a claim, against one value of the paper's: its text's, or its figure's.

    part     the claim: its `kind`, `side`, `neutral`, `spread`, `margin` or `share`, as book/claims.yml explains them
    found    our estimate; of kind "all" one per level
    claimed  the paper's value; None where it gives only the side
    alone    each trial by itself, for a claim about every trial

    >>> claim = {"kind": "effect", "side": "above", "neutral": 0, "size": "about", "spread": {"within": 0.2}}
    >>> judge(claim, Estimate(0.4, 0.3, 0.5, 5), 0.6)
    'holds'
    >>> judge(claim, Estimate(0.4, -0.1, 0.9, 5), 0.6)
    'undecided'
    """
    if found.n < FEWEST:
        return TOO_LITTLE
    if part["kind"] == "all":
        return _judge_all(part, found)
    if _by_chance(part, found):
        return UNDECIDED
    low, high = region(part, claimed)
    # The edges belong to a band (a value as large as its margin is within it), and not to a side of "no effect".
    if part["kind"] == "equal":
        inside, outside = low <= found.low and found.high <= high, found.high < low or found.low > high
    else:
        inside, outside = low < found.low and found.high < high, found.high < low or found.low > high
    if outside or (part.get("every") and not all(low < value < high for value in alone or ())):
        return CONTRADICTED
    if not inside:
        return UNDECIDED
    return HOLDS if part["kind"] == "equal" or _meets(part, found, claimed) else OTHER_SIZE


def region(part: Mapping[str, Any], claimed: float | None) -> tuple[float, float]:
    """Where a claim's interval must lie: beyond its neutral value, or within the margin around the paper's."""
    if part["kind"] in ("effect", "all"):
        return (part["neutral"], np.inf) if part["side"] == "above" else (-np.inf, part["neutral"])
    if claimed is None:
        raise ValueError("two values cannot be equal where the paper gives none")
    low, high = _around(claimed, part["margin"])
    return {"above": (low, np.inf), "below": (-np.inf, high)}.get(part.get("side") or "", (low, high))


def _around(value: float, by: Mapping[str, Any]) -> tuple[float, float]:
    if "factor" in by:
        return value / by["factor"], value * by["factor"]
    return value - by["within"], value + by["within"]


def _meets(part: Mapping[str, Any], found: Estimate, claimed: float | None) -> bool:
    """Whether an interval meets the paper's value within the paper's spread; what is one-sided may be exceeded. Of our
    own interval no more counts than the paper's spread: more noise must not make it easier."""
    if claimed is None:
        return True
    low, high = _around(claimed, part["spread"])
    least, most = sorted(_around(found.value, part["spread"]))
    ours = max(found.low, least), min(found.high, most)
    return bool((part["size"] == "at most" or ours[1] >= low) and (part["size"] == "at least" or ours[0] <= high))


def _by_chance(part: Mapping[str, Any], found: Estimate) -> bool:
    """Whether trials could agree to the last digit by chance: counts do."""
    counted = next(iter(part.get("measure", {})), "") in COUNTS
    return bool(counted and found.low == found.high and found.n < AGREEING)


def _judge_all(part: Mapping[str, Any], found: Estimate) -> str:
    surely, possibly = share(part, found)[1:]
    least = part["share"]["least"]
    return HOLDS if surely >= least else CONTRADICTED if possibly < least else UNDECIDED


def share(part: Mapping[str, Any], found: Estimate) -> tuple[float, float, float]:
    """At which share of the levels a claim about all of them holds: in the means, and as an interval surely (the
    interval of the level lies on its side) and possibly (it does not lie on the other). One level of many is on the
    other side by chance, so to that side the intervals are those of 95 % for all levels together (Bonferroni); that all
    lie on its side takes no such care."""
    low, high = region(part, None)
    means = (found.value >= low) & (found.value <= high)
    surely = (found.low >= low) & (found.high <= high)
    far = stdtrit(found.n - 1, 1 - 0.025 / np.size(found.value)) * found.error if found.n > 1 else np.inf
    against = (found.value + far < low) | (found.value - far > high)
    return float(np.mean(means)), float(np.mean(surely)), 1 - float(np.mean(against))


# --- why -------------------------------------------------------------------------------------------------------------


def why(part: Mapping[str, Any], found: Estimate, claimed: Any, word: str) -> str:
    """A verdict's reason, in a sentence of numbers."""
    if part["kind"] == "all":
        means, surely, possibly = (f"{100 * value:.0f} %" for value in share(part, found))
        interval = f", surely at {surely}, possibly at {possibly}" if found.n > 1 else ""
        return f"{part['side']} {number(part['neutral'])} at {means} of the levels{interval}"
    unit = part["unit"]
    if found.n < 2:
        return "one trial, no interval"
    edge = part["neutral"] if part["kind"] == "effect" else np.nan
    said = f"95 % interval {' to '.join(known(end, found.low, found.high, edge) for end in found[1:3])} {unit}"
    if word == OTHER_SIZE:
        nearest = "larger" if abs(found.value) > abs(claimed) else "smaller"
        return f"{said}: {nearest} than {number(claimed)} {unit}"
    if part["kind"] == "equal":
        low, high = region(part, claimed)
        band = " to ".join(number(edge) for edge in (low, high) if np.isfinite(edge))
        open_ = "" if np.isfinite(low) and np.isfinite(high) else "at most " if np.isfinite(high) else "at least "
        return f"{said}; equal would be {open_}{band}"
    if word == CONTRADICTED and part.get("every"):
        return f"{said}, and not in every trial"
    if word == UNDECIDED and _by_chance(part, found):
        return f"{found.n} trials that agree, as {found.n} tosses of a coin may"
    if word == UNDECIDED:
        return f"{said}; an effect of {half_width(part, found)} would be told from none every second time"
    return said


def half_width(part: Mapping[str, Any], found: Estimate) -> str:
    """How far the interval reaches to each side: a true effect of that size is told from none every second time."""
    there, back = scale(next(iter(part.get("measure", {"gain": {}}))))
    half = float(there(found.high) - there(found.low)) / 2
    return f"{known(float(back(half)))} {part['unit']}"  # of ratios the factor, of differences the difference

"""Gives a measured claim its verdict, and says why: from our value, that of each trial alone, and the paper's."""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from lthlib.evidence.measures import Found, number

Part = dict[str, Any]  # of a claim, as `claims.load` gives it
VERDICTS = ("reproduced", "partly", "not reproduced", "not run yet")


def _distance(part: Part, value: float, target: float) -> float:
    """From a target to a value, in the unit of the tolerance: levels are compared by their ratio."""
    return float(np.log(value / target)) if "factor" in part["tolerance"] else value - target


def _agrees(part: Part, value: float, target: float, alone: np.ndarray) -> str:
    """How a value agrees with a target, in words, or "" if it does not: it may miss it by the larger of the tolerance
    and half our own range over trials; what is one-sided may overshoot."""
    sides: dict[str, Callable[[float], float]] = {"about": abs, "at least": lambda d: -d, "at most": lambda d: d}
    distance = sides[part["direction"]]
    missed, tolerance = distance(_distance(part, value, target)), part["tolerance"]
    paper = np.log(tolerance["factor"]) if "factor" in tolerance else tolerance["within"]
    own = abs(_distance(part, alone.max(), alone.min())) / 2 if len(alone) > 1 and not _sign_alone(part) else 0
    if missed <= 1e-9 and part["direction"] != "about":
        return str(part["direction"])
    if missed <= paper + 1e-9:
        return "within the tolerance of"
    return "within our own spread of" if missed <= own else ""


def _sign_alone(part: Part) -> bool:
    """Whether the text gives no size: only that something is not worse, or not better."""
    return bool(part["text"] == part.get("neutral", 0) and part["tolerance"].get("within") == 0)


def judge(part: Part, found: Found, alone: np.ndarray) -> tuple[str, str]:
    """A verdict, and why, from the value on the means and from the same value for each trial alone.

    reproduced      the sign is the text's, in the mean and in most trials (in all, where the claim says `every`), and
                    the size agrees with the text's value up to the larger of the tolerance (the range of the paper's
                    trials) and half of our own range; one-sided claims may overshoot; a range must hold at the stated
                    share of its levels
    partly          the sign holds but the size does not, or only agrees with the paper's figure; or a range holds at
                    half of its levels; or one trial alone shows an effect no larger than the paper's trial range; or
                    only some parts (networks, arms) of the claim are reproduced or have been run
    not reproduced  the sign is another
    not run yet     the rows do not hold what the claim needs, or it cannot be measured yet
    """
    if part["direction"] == "range":
        return _judge_range(part, found, alone)
    value, text, neutral = found.value, part["text"], part.get("neutral", 0)
    figure: Any = part["figure"] if isinstance(part["figure"], Real) else None
    bare = _sign_alone(part)
    side = np.sign(text - neutral) or (bare and {"at least": 1, "at most": -1}.get(part["direction"], 0))
    same = (alone - neutral) * side > (-1e-9 if bare else 0)
    most = same.all() if part.get("every") else same.mean() > 0.5
    holds = side == 0 or ((value - neutral) * side > (-1e-9 if bare else 0) and most)
    level = part["unit"] == "P_m"
    said = f"the text's P_m {number(text)} %" if level else f"the text's {number(text)} {part['unit']}"
    if holds and (how := _agrees(part, value, text, alone)):
        verdict, why = "reproduced", [f"{how} {said}"]
        if figure is not None and part["direction"] == "about" and number(figure) != number(text):
            nearer = abs(_distance(part, value, figure)) < abs(_distance(part, value, text))
            why += [f"nearer to the figure's {number(figure)}"] if nearer else []
    elif holds and figure is not None and (how := _agrees(part, value, figure, alone)):
        verdict, why = "partly", [f"{how} the figure's {number(figure)}; not so for {said}"]
    elif holds and side and not bare:
        verdict, why = "partly", [f"the direction holds, the size is not {said}"]
    else:
        where = f": ours is {'larger' if value > text else 'smaller'}" if value != text else ""
        verdict, why = "not reproduced", [f"not {said}{where}"]
    if side and len(alone) > 1 and not same.all():
        why.append(f"{same.sum()} of {len(alone)} trials share its direction")
    if len(alone) < 2:
        why.append("one trial")
        small = side == 0 or bare or abs(value - neutral) < 2 * part["tolerance"].get("within", np.inf)
        if verdict == "reproduced" and small:
            verdict = "partly"
            why[-1] += ", and an effect no larger than the paper's trials range"
    return verdict, "; ".join(why)


def _judge_range(part: Part, found: Found, alone: np.ndarray) -> tuple[str, str]:
    why = f"holds at {100 * found.value:.0f} % of the levels from P_m {number(part['text'])} %"
    if found.value < 0.5:
        return "not reproduced", why
    if found.value < part["tolerance"]["share"]:
        return "partly", why
    return ("partly", f"{why}; one trial") if len(alone) < 2 else ("reproduced", why)


ENOUGH = 5  # trials for a bootstrap interval, as many as the paper has; from fewer it comes out far too narrow


def bootstrap(alone: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of the mean over trials, from 10,000 draws of as many trials, with replacement."""
    means = np.random.default_rng(0).choice(alone, (10_000, len(alone))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return low, high

"""Measures each claim of book/claims.yml on recorded rows, and gives it a value, a spread and a verdict."""

import inspect
import json
from dataclasses import fields
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml

from lthlib.curves import PROVENANCE, summarise
from lthlib.errors import LthError
from lthlib.specs import PAPER

VERDICTS = ("reproduced", "partly", "not reproduced", "not run yet")
DIRECTIONS = ("about", "at least", "at most", "range")
FIELDS = ("id", "section", "network", "statement", "text", "figure", "unit", "direction", "tolerance")
COLUMNS = ["id", "section", "network", "statement", "text", "figure", "ours", "low", "high", "n", "unit"]
COLUMNS += ["verdict", "why", "scale", "note"]

SUBSETS = ("mnist5k",)  # data sets cut down
SIZES = ("data", "iterations", "eval_every", "train_eval", "seed")  # of a Spec; with its extent, not the recipe


class ClaimsError(LthError, ValueError):
    """claims.yml holds an entry that cannot be used."""


class Missing(Exception):
    """What the rows lack for a claim to be measured."""


class Found(NamedTuple):
    """What a measurement found: a value, the level it chose (P_m in percent), how to print it if not as a number."""

    value: float
    at: float | None = None
    shown: str | None = None


# --- the trainings that a claim is measured on ---------------------------------------------------------------------


def departures(training: pd.Series) -> list[str]:
    """In what a training's recipe differs from the paper's for its network, as far as a Spec describes it."""
    recipe, paper = json.loads(training["spec"]), PAPER.get(training["network"])
    if paper is None:
        return []
    recipe = {name: tuple(value) if isinstance(value, list) else value for name, value in recipe.items()}
    names = [f.name for f in fields(paper) if f.name not in SIZES and not f.metadata.get("extent")]
    return [
        f"{name} {recipe[name]}" for name in names if recipe.get(name, getattr(paper, name)) != getattr(paper, name)
    ]


def best(trainings: pd.DataFrame) -> pd.DataFrame:
    """The trainings of one experiment per network, the nearest to the paper's.

    The paper's recipe comes before any other, then most iterations, then the full data set, then trials, then rounds.
    """

    def size(experiment: pd.DataFrame) -> tuple:
        first = experiment.iloc[0]
        full = first["data"] not in SUBSETS
        extent = experiment["trial"].nunique(), experiment["round"][experiment["arm"] == "ticket"].max()
        return (not departures(first), experiment["iterations"].max(), full, *extent)

    experiments = [e for _, e in trainings.groupby(["network", "key"], observed=True)]
    largest = {e["network"].iloc[0]: e for e in sorted(experiments, key=size)}
    return pd.concat(largest.values()) if largest else trainings


def _levels(t: pd.DataFrame, quantity: str, arm: str = "ticket", to: float | None = None):
    """The dense networks' quantity by trial, and one of an arm's: a line per level (P_m, from large to small), a column
    per trial, draws averaged, a hole where a trial has not come so far."""
    dense = t[(t["arm"] == "ticket") & (t["round"] == 0)]
    pruned = t[(t["arm"] == arm) & (t["round"] > 0)]
    if dense.empty:
        raise Missing("the dense network")
    if pruned.empty:
        raise Missing(f"the arm {arm}")
    if to is not None and pruned["remaining"].min() > 1.15 * to:
        raise Missing(f"{arm} down to P_m {_number(to)} % (so far {_number(pruned['remaining'].min())} %)")
    _stopped(dense, "the dense network")
    dense = dense.set_index("trial")[quantity]
    table = pruned.pivot_table(index="round", columns="trial", values=quantity).reindex(columns=dense.index)
    table.index = pruned.groupby("round")["remaining"].first()[table.index]
    table = table.dropna(how="all")
    if table.empty:
        raise Missing(f"a trial with both the dense network and {arm}")
    return dense, table


def _stopped(trainings: pd.DataFrame, what: str) -> None:
    """An early stop at the last iteration is none: the validation loss was still falling, or never fell."""
    if len(trainings) and (n := trainings["late"].sum()) * 2 >= len(trainings):
        last = int(trainings["iterations"].max())
        raise Missing(f"more than {last:,} iterations: {what}'s loss was still falling in {n} of {len(trainings)}")


def _level(t: pd.DataFrame, quantity: str, arm: str, at: float) -> tuple[pd.Series, pd.Series]:
    """The dense networks' quantity and an arm's at one level, both by trial, for the trials that have both."""
    dense, table = _levels(t, quantity, arm)
    near = min(table.index, key=lambda remaining: abs(remaining - at))
    if abs(near - at) > 0.06 * at:
        raise Missing(f"{arm} at P_m {_number(at)} % (nearest {_number(near)} %)")
    _stopped(t[(t["arm"] == arm) & np.isclose(t["remaining"], near)], f"{arm} at P_m {_number(at)} %")
    row = table.loc[near].dropna()
    return dense[row.index], row


def _beside(dense: pd.Series, table: pd.DataFrame) -> pd.Series:
    """Mean of the dense networks over the trials that each level has."""
    has = table.notna()
    return has.mul(dense, axis=1).sum(axis=1) / has.sum(axis=1)


# --- measurements: each takes trainings and returns what it found on the means over trials --------------------------


def earlier(t, at):
    """How much sooner than the dense network a ticket stops early, in percent."""
    dense, ticket = _level(t, "es", "ticket", at)
    return Found(100 * (1 - ticket.mean() / dense.mean()))


def faster(t, at, than="reinit"):
    """How many times sooner than another arm a ticket stops early."""
    ticket, other = _level(t, "es", "ticket", at)[1], _level(t, "es", than, at)[1]
    both = ticket.index.intersection(other.index)
    return Found(other[both].mean() / ticket[both].mean())


def speedup(t, to=None, at=None):
    """How many times sooner than the dense network a ticket stops early, at its best level."""
    dense, table = _levels(t, "es", to=to)
    ratio = _beside(dense, table) / table.mean(axis=1)
    at = at or ratio.idxmax()
    return Found(ratio[at], at)


def gain(t, at, quantity="acc_es", over=None):
    """How many points more accurate a ticket is than the dense network, or than another arm."""
    dense, ticket = _level(t, quantity, "ticket", at)
    other = _level(t, quantity, over, at)[1] if over else dense
    return Found((ticket - other).mean())


def most(t, quantity, arm="ticket", to=None, at=None):
    """How many points more accurate than the dense network an arm is at its best level."""
    dense, table = _levels(t, quantity, arm, to)
    gains = (table - dense).mean(axis=1)
    at = at or gains.idxmax()
    return Found(gains[at], at)


def falls(t, arm, to, quantity="acc_es"):
    """The level at which an arm's accuracy falls below the dense network's and stays there."""
    dense, table = _levels(t, quantity, arm, to)
    below = ((table - dense).mean(axis=1) < 0).to_numpy()
    held = np.flatnonzero(~below)
    first = held[-1] + 1 if len(held) else 0
    if first == len(below):
        return Found(table.index[-1], shown=f"below {_number(table.index[-1])}")
    return Found(table.index[first])


def returns(t, to):
    """The level, after the earliest stop, at which tickets need as long as the dense network again."""
    dense, table = _levels(t, "es", to=to)
    difference = (table - dense).mean(axis=1)
    after = difference[difference.index < difference.idxmin()]
    again = after.index[after >= 0]
    if again.empty:
        return Found(table.index[-1], shown=f"below {_number(table.index[-1])}")
    return Found(again[0])


def smallest(t, better, to):
    """The smallest level at which tickets are no worse than the dense network in all quantities named; 100 if none."""
    holds = True
    for quantity in better:
        dense, table = _levels(t, quantity, to=to)
        difference = (table - dense).mean(axis=1)
        holds = holds & (difference <= 0 if quantity == "es" else difference >= 0)
    levels = holds.index[holds]
    return Found(levels[-1] if len(levels) else 100.0)


def lowest(t, quantity, to):
    """The smallest mean of a quantity over the levels of at least P_m `to`."""
    means = _levels(t, quantity, to=to)[1].mean(axis=1)
    return Found(means[means.index >= to].min())


def share(t, quantity, arm, between):
    """The share of an interval's levels at which an arm beats the dense network; shown: all levels where it does."""
    high, low = between
    dense, table = _levels(t, quantity, arm, low)
    difference = (table - dense).mean(axis=1)
    holds = difference < 0 if quantity == "es" else difference > 0
    inside = holds[(holds.index <= high * 1.01) & (holds.index >= low * 0.99)]
    if len(inside) < 3:
        raise Missing(f"at least three levels of {arm} between P_m {_number(high)} and {_number(low)} %")
    return Found(inside.mean(), shown=_runs(holds))


MEASURES = {m.__name__: m for m in (earlier, faster, speedup, gain, most, falls, returns, smallest, lowest, share)}
RATIOS = ("earlier", "faster", "speedup")


def _runs(holds: pd.Series) -> str:
    """Levels where a condition holds, neighbours joined: "90.0 to 85.0, 67.6 to 20.2"."""
    runs = [run.index for _, run in holds.groupby((holds != holds.shift()).cumsum()) if run.iloc[0]]
    return ", ".join(" to ".join(dict.fromkeys((f"{r[0]:.1f}", f"{r[-1]:.1f}"))) for r in runs) or "nowhere"


# --- verdicts --------------------------------------------------------------------------------------------------------


def _distance(part: dict, value: float, target: float) -> float:
    """From a target to a value, in the unit of the tolerance: levels are compared by their ratio."""
    return np.log(value / target) if "factor" in part["tolerance"] else value - target


def _agrees(part: dict, value: float, target: float, alone: np.ndarray) -> str:
    """How a value agrees with a target, in words, or "" if it does not: it may miss it by the larger of the tolerance
    and half our own range over trials; what is one-sided may overshoot."""
    distance = {"about": abs, "at least": lambda d: -d, "at most": lambda d: d}[part["direction"]]
    missed, tolerance = distance(_distance(part, value, target)), part["tolerance"]
    paper = np.log(tolerance["factor"]) if "factor" in tolerance else tolerance["within"]
    own = abs(_distance(part, alone.max(), alone.min())) / 2 if len(alone) > 1 else 0
    if missed <= 1e-9 and part["direction"] != "about":
        return part["direction"]
    if missed <= paper + 1e-9:
        return "within the tolerance of"
    return "within our own spread of" if missed <= own else ""


def judge(part: dict, found: Found, alone: np.ndarray) -> tuple[str, str]:
    """A verdict, and why, from the value on the means and from the same value for each trial alone.

    reproduced      the sign is the text's, in the mean and in most trials, and the size agrees with the text's value
                    up to the larger of the tolerance (the range of the paper's trials) and half of our own range;
                    one-sided claims may overshoot; a range must hold at the stated share of its levels
    partly          the sign holds but the size does not, or only agrees with the paper's figure; or a range holds at
                    half of its levels; or one trial alone shows an effect no larger than the paper's trial range; or
                    only some parts (networks, arms) of the claim are reproduced or have been run
    not reproduced  the sign is another
    not run yet     the rows do not hold what the claim needs, or it cannot be measured yet
    """
    if part["direction"] == "range":
        return _judge_range(part, found, alone)
    value, text, neutral = found.value, part["text"], part.get("neutral", 0)
    figure = part["figure"] if isinstance(part["figure"], Real) else None
    side = np.sign(text - neutral)
    same = np.sign(alone - neutral) == side
    holds = side == 0 or (np.sign(value - neutral) == side and same.mean() > 0.5)
    level = part["unit"] == "P_m"
    said = f"the text's P_m {_number(text)} %" if level else f"the text's {_number(text)} {part['unit']}"
    if holds and (how := _agrees(part, value, text, alone)):
        verdict, why = "reproduced", [f"{how} {said}"]
        if figure is not None and part["direction"] == "about" and _number(figure) != _number(text):
            nearer = abs(_distance(part, value, figure)) < abs(_distance(part, value, text))
            why += [f"nearer to the figure's {_number(figure)}"] if nearer else []
    elif holds and figure is not None and (how := _agrees(part, value, figure, alone)):
        verdict, why = "partly", [f"{how} the figure's {_number(figure)}; not so for {said}"]
    elif holds and side:
        verdict, why = "partly", [f"the direction holds, the size is not {said}"]
    else:
        verdict, why = "not reproduced", [f"not {said}"]
    if side and len(alone) > 1 and not same.all():
        why.append(f"{same.sum()} of {len(alone)} trials share its direction")
    if len(alone) < 2:
        why.append("one trial")
        small = side == 0 or abs(value - neutral) < 2 * part["tolerance"].get("within", np.inf)
        if verdict == "reproduced" and small:
            verdict = "partly"
            why[-1] += ", and an effect no larger than the paper's trials range"
    return verdict, "; ".join(why)


def _judge_range(part: dict, found: Found, alone: np.ndarray) -> tuple[str, str]:
    why = f"holds at {100 * found.value:.0f} % of the levels from P_m {_number(part['text'])} %"
    if found.value < 0.5:
        return "not reproduced", why
    if found.value < part["tolerance"]["share"]:
        return "partly", why
    return ("partly", f"{why}; one trial") if len(alone) < 2 else ("reproduced", why)


# --- the ledger ------------------------------------------------------------------------------------------------------


def _measure(part: dict, t: pd.DataFrame) -> tuple[Found, np.ndarray]:
    """What a part of a claim is on the means over trials, and on each trial alone at the level that the means chose."""
    ((name, args),) = part["measure"].items()
    t = t[[c for c in t if c not in PROVENANCE]].assign(late=t["es"] >= t["iterations"])
    with np.errstate(divide="ignore", invalid="ignore"):
        found = MEASURES[name](t, **args)
        if not np.isfinite(found.value):
            raise Missing("a training whose early stop comes after its start")
        alone = [_alone(name, args, found.at, trial) for _, trial in t.assign(late=False).groupby("trial")]
    alone = np.array([value for value in alone if np.isfinite(value)])
    if not len(alone):
        raise Missing("a trial that holds all it compares")
    return found, alone


def _alone(name: str, args: dict, at: float | None, trial: pd.DataFrame) -> float:
    try:
        return MEASURES[name](trial, **(args if at is None else {**args, "at": at, "to": None})).value
    except (Missing, KeyError):  # this trial has not come to that level
        return np.nan


def _score(part: dict, chosen: pd.DataFrame) -> dict:
    """One part of a claim: its value, low and high over trials, number of trials, verdict, why and scale."""
    t = chosen[chosen["network"] == part["network"]] if isinstance(part["network"], str) else chosen.head(0)
    nothing = {"ours": None, "low": np.nan, "high": np.nan, "n": 0, "verdict": "not run yet", "scale": ""}
    if "measure" not in part:
        return {**nothing, "why": "not measurable yet"}
    if t.empty:
        return {**nothing, "why": f"{part['network']} has not been run"}
    try:
        found, alone = _measure(part, t)
    except Missing as missing:
        return {**nothing, "why": f"needs {missing}", "scale": _scale(t)}
    verdict, why = judge(part, found, alone)
    why = "; ".join([why, *_detail(part, found, alone), *_reduced(t)])
    low, high = (alone.min(), alone.max()) if part["direction"] != "range" else (np.nan, np.nan)
    ours = float(found.value) if found.shown is None else found.shown
    return {"ours": ours, "low": low, "high": high, "n": len(alone), "verdict": verdict, "why": why, "scale": _scale(t)}


def _detail(part: dict, found: Found, alone: np.ndarray) -> list[str]:
    out = [f"at P_m {_number(found.at)} %"] if found.at is not None else []
    # The paper does not say whether its ratios are of means (ours) or means of each trial's ratio: give both.
    if next(iter(part["measure"])) in RATIOS and len(alone) > 1:
        out.append(f"mean of the trials' own ratios {_number(alone.mean())}")
    return out


def _reduced(t: pd.DataFrame) -> list[str]:
    """In what the runs fall short of the paper's."""
    first, out = t.iloc[0], []
    paper = PAPER.get(first["network"])
    if paper and first["iterations"] < paper.iterations:
        out.append(f"at {int(first['iterations']):,} iterations, not {paper.iterations:,}")
    if first["data"] in SUBSETS:
        out.append(f"on {str(first['data_label']).split(', ')[0]}, not the full data set")
    elif paper and first["data"] != paper.data:
        out.append(f"on {str(first['data_label']).split(' (')[0]}, not the original images")
    return out + [f"with {d}, unlike the paper" for d in departures(first)]


def _scale(t: pd.DataFrame) -> str:
    first, trials = t.iloc[0], t["trial"].nunique()
    rounds = int(t["round"][~t["arm"].astype(str).str.startswith("oneshot")].max())
    return (
        f"{first['data_label']}; {int(first['iterations']):,} iterations; {rounds} rounds; "
        f"{trials} trial{'s' if trials != 1 else ''}"
    )


def _combine(claim: dict, scores: list[dict]) -> dict:
    """One line of the ledger from the scores of a claim's parts."""
    parts = claim["parts"]
    line = {f: claim.get(f, "") for f in ("id", "section", "statement", "note")}
    line["network"] = ", ".join(dict.fromkeys(n for p in parts for n in np.atleast_1d(p["network"]).tolist()))
    line["unit"] = ", ".join(dict.fromkeys(p["unit"] for p in parts))
    line |= {said: _beside_each_other([p[said] for p in parts], merge=True) for said in ("text", "figure")}
    if len(parts) == 1:
        return {**line, **scores[0]}
    run = [s for s in scores if s["verdict"] != "not run yet"]
    verdicts = {s["verdict"] for s in (run or scores)}
    whys = [f"{p['label']}: {s['verdict']}, {s['why']}" for p, s in zip(parts, scores, strict=True)]
    same = len({(s["verdict"], s["why"]) for s in scores}) == 1
    return {
        **line,
        "ours": _beside_each_other([s["ours"] for s in scores]),
        "low": np.nan,
        "high": np.nan,
        "n": min((s["n"] for s in run), default=0),
        # Parts that have not been run keep a claim from being reproduced, but not from being refuted.
        "verdict": "partly"
        if len(verdicts) > 1 or (verdicts == {"reproduced"} and len(run) < len(scores))
        else verdicts.pop(),
        "why": scores[0]["why"] if same else ". ".join(whys),
        "scale": " | ".join(dict.fromkeys(s["scale"] for s in scores if s["scale"])),
    }


def _beside_each_other(values: list, merge: bool = False):
    """The values of a claim's parts as one: the only one (merging: or the same in all parts), None if there is none."""
    if all(v is None for v in values):
        return None
    if len(values) == 1 or (merge and all(v == values[0] for v in values)):
        return _number(values[0]) if isinstance(values[0], list) else values[0]
    return " / ".join(_number(v) for v in values)


def ledger(rows: pd.DataFrame, claims: list[dict] | None = None) -> pd.DataFrame:
    """One line per claim, in the file's order: what the text says, what the figure holds, what we measured.

    `ours` is computed on the means over trials (ratios are ratios of means), `low` and `high` are the smallest and
    largest of the `n` trials each taken alone, against its own dense network, at the same level. A claim in several
    parts shows them side by side, separated by " / ", and carries each part's verdict in `why`. `scale` names the
    experiment it was measured on. What the verdicts mean: see `judge`.
    """
    chosen = best(summarise(rows)) if len(rows) else pd.DataFrame({"network": []})
    lines = [_combine(c, [_score(p, chosen) for p in c["parts"]]) for c in (load() if claims is None else claims)]
    return pd.DataFrame(lines, columns=COLUMNS).astype({c: object for c in ("text", "figure", "ours")})


def as_json(ledger: pd.DataFrame) -> list[dict]:
    """The ledger as plain dicts for JSON: what is not a number is None."""
    return [{name: _scalar(value) for name, value in line.items()} for line in ledger.to_dict("records")]


def as_text(ledger: pd.DataFrame) -> str:
    """The ledger for a terminal: each measured claim with its numbers, why, and the scale; the others by name."""
    run, rest = ledger[ledger["n"] > 0], ledger[ledger["n"] == 0]
    lines = []
    for claim in run.itertuples():
        spread = "" if np.isnan(claim.low) else f" ({_number(claim.low)} to {_number(claim.high)})"
        said = f"text {_number(claim.text)}, figure {_number(claim.figure)}, ours {_number(claim.ours)}{spread}"
        lines += [f"{claim.id:4}{claim.verdict:15} {said} [{claim.unit}], n = {claim.n}"]
        lines += [f"    {claim.statement}", f"    {claim.why}", f"    {claim.scale}"]
    if len(rest):
        lines.append(f"not run yet: {', '.join(rest['id'])}")
    return "\n".join(lines)


def _scalar(value):
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _number(value) -> str:
    """A number as the pages print it: at most two decimals; a range of levels as "67.5 to 17.6"."""
    if isinstance(value, list | tuple):
        return " to ".join(_number(v) for v in value)
    if value is None:
        return "–"
    return f"{round(float(value), 2):g}" if isinstance(value, Real) else str(value)


# --- the file --------------------------------------------------------------------------------------------------------


def path() -> Path:
    """claims.yml: the book's in a checkout, the shipped copy in an installed package."""
    book = Path(__file__).parents[1] / "book" / "claims.yml"
    return book if book.exists() else Path(__file__).with_name("claims.yml")


def load(file: Path | None = None) -> list[dict]:
    """The claims in the file's order, each with its `parts`: a list of at least one, complete in themselves.

    Raises ClaimsError, a ValueError, in one line for an entry that cannot be used.
    """
    file = Path(file or path())
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ClaimsError(f"{file.name}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ClaimsError(f"{file.name}: must be a list of claims")
    claims, seen = [], set()
    for i, entry in enumerate(entries, 1):
        name = f"{file.name}: claim {entry.get('id', f'number {i}')}"
        shared = {k: v for k, v in entry.items() if k != "parts"}
        inner = entry.get("parts", {"": {}})
        if not isinstance(inner, dict) or not inner or not all(isinstance(p, dict) for p in inner.values()):
            raise ClaimsError(f"{name}: parts must name at least one part, each a mapping")
        parts = [{**shared, **part, "label": str(label)} for label, part in inner.items()]
        for part in parts:
            if problem := _problem(part):
                raise ClaimsError(f"{name}: {problem}")
        if entry["id"] in seen:
            raise ClaimsError(f"{name}: this id is given twice")
        seen.add(entry["id"])
        claims.append({**shared, "parts": parts})
    return claims


def _problem(part: dict) -> str | None:
    """What is wrong with a part of a claim, or nothing."""
    for field in FIELDS:
        if field not in part:
            return f"no '{field}'"
    if part["direction"] not in DIRECTIONS:
        return f"unknown direction '{part['direction']}'; choose from {', '.join(DIRECTIONS)}"
    tolerance = part["tolerance"]
    if not isinstance(tolerance, dict) or "because" not in tolerance:
        return "a tolerance needs a reason, 'because'"
    if "measure" not in part:
        return None
    if not isinstance(part["measure"], dict) or len(part["measure"]) != 1:
        return "measure must be one function with its arguments"
    ((name, args),) = part["measure"].items()
    if name not in MEASURES:
        return f"unknown measure '{name}'; choose from {', '.join(MEASURES)}"
    try:
        inspect.signature(MEASURES[name]).bind(None, **args)
    except TypeError as error:
        return f"measure {name}: {error}"
    if (part["direction"] == "range") != ("share" in tolerance) or not {"within", "factor", "share"} & set(tolerance):
        return "a measured claim needs a tolerance: share for a range, otherwise within or factor"
    if part["direction"] != "range" and not isinstance(part["text"], Real):
        return "a measured claim needs a number as 'text'"
    return None

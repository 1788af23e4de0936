"""The ledger: each claim of book/claims.yml, measured on the trainings that it is about, with its verdict."""

import inspect
from contextlib import suppress
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from lthlib import specs
from lthlib.errors import LthError, SpecError
from lthlib.evidence import matching
from lthlib.evidence.curves import beside, extent, summarise
from lthlib.evidence.measures import MANY, MEASURES, RATIOS, TWO, Found, Missing, number
from lthlib.evidence.verdicts import ENOUGH, bootstrap, judge
from lthlib.specs import Spec
from lthlib.specs.columns import PROVENANCE

FIELDS = ("id", "page", "section", "network", "statement", "text", "figure", "unit", "direction", "tolerance")
DIRECTIONS = ("about", "at least", "at most", "range")
COLUMNS = ["id", "page", "section", "network", "statement", "text", "figure", "ours", "low", "high", "n", "unit"]
COLUMNS += ["verdict", "why", "scale", "note", "parts"]

Claim = dict[str, Any]  # an entry of the file, or one of its parts: FIELDS and what else it says
Line = dict[str, Any]  # of the ledger, or of a part of it: by COLUMNS


class ClaimsError(LthError, ValueError):
    """claims.yml holds an entry that cannot be used."""


# --- the file --------------------------------------------------------------------------------------------------------


def path() -> Path:
    """claims.yml: the book's in a checkout, the shipped copy in an installed package."""
    book = Path(__file__).parents[2] / "book" / "claims.yml"
    return book if book.exists() else Path(__file__).with_name("claims.yml")


def load(file: Path | None = None) -> list[Claim]:
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


def _problem(part: Claim) -> str | None:
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
    takes = "against" if MEASURES[name] in TWO else "sweep" if MEASURES[name] in MANY else None
    if {"against", "sweep"} & set(part) != ({takes} if takes else set()):
        return f"measure {name} takes {f'one setting, and {takes}' if takes else 'one setting alone'}"
    try:
        inspect.signature(MEASURES[name]).bind(*[None] * (2 if takes == "against" else 1), **args)
    except TypeError as error:
        return f"measure {name}: {error}"
    for line in (part, part.get("against", {}), *part.get("sweep", {}).values()):
        try:
            specs.spec(part["network"], "paper", line.get("setting"), line.get("with"))
        except SpecError as error:
            return str(error)
    if (part["direction"] == "range") != ("share" in tolerance) or not {"within", "factor", "share"} & set(tolerance):
        return "a measured claim needs a tolerance: share for a range, otherwise within or factor"
    if part["direction"] != "range" and not isinstance(part["text"], Real):
        return "a measured claim needs a number as 'text'"
    return None


# --- the ledger ------------------------------------------------------------------------------------------------------


def _measure(part: Claim, chosen: list[pd.DataFrame]) -> tuple[Found, np.ndarray]:
    """What a part of a claim is on the means over trials, and on each trial alone at the level that the means chose."""
    ((name, args),) = part["measure"].items()
    trials = set.intersection(*(set(t["trial"]) for t in chosen))
    if not trials:
        raise Missing("a trial run in all settings that are compared")
    # Settings are compared trial by trial: the same initial weights and order of the data in each.
    chosen = [t[t["trial"].isin(trials)] for t in chosen]
    chosen = [t[[c for c in t if c not in PROVENANCE]].assign(late=t["es"] >= t["iterations"]) for t in chosen]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = MEASURES[name](*_handed(part, chosen), **args)
        if not np.isfinite(found.value):
            raise Missing("a training whose early stop comes after its start")
        chosen = [t.assign(late=False) for t in chosen]
        alone = [_alone(part, found.at, [t[t["trial"] == trial] for t in chosen]) for trial in sorted(trials)]
    values = np.array([value for value in alone if np.isfinite(value)])
    if not len(values):
        raise Missing("a trial that holds all it compares")
    return found, values


def _handed(part: Claim, chosen: list[pd.DataFrame]) -> list[Any]:
    """What a measure takes: trainings of one setting, of two, or of several by their labels."""
    return [dict(zip(part["sweep"], chosen, strict=True))] if "sweep" in part else chosen


def _alone(part: Claim, at: float | None, chosen: list[pd.DataFrame]) -> float:
    ((name, args),) = part["measure"].items()
    try:
        level = {} if at is None else {"at": at, "to": None}
        return MEASURES[name](*_handed(part, chosen), **{**args, **level}).value
    except (Missing, KeyError):  # this trial has not come to that level
        return np.nan


def _score(part: Claim, trainings: pd.DataFrame) -> Line:
    """One part of a claim: its value, low and high over trials, number of trials, verdict, why and scale."""
    nothing = {"ours": None, "low": np.nan, "high": np.nan, "n": 0, "verdict": "not run yet", "scale": ""}
    if "measure" not in part:
        return {**nothing, "why": "not measurable yet"}
    if trainings.empty or not (trainings["network"] == part["network"]).any():
        return {**nothing, "why": f"{part['network']} has not been run"}
    measured = []
    try:
        measured = matching.chosen(part, trainings)
        found, alone = _measure(part, measured)
    except Missing as missing:
        return {**nothing, "why": f"needs {missing}", "scale": _scale(measured)}
    verdict, why = judge(part, found, alone)
    why = "; ".join([why, *_detail(part, found, alone), *shortfall(measured[0].iloc[0], matching.asked_for(part))])
    low, high = (alone.min(), alone.max()) if part["direction"] != "range" else (np.nan, np.nan)
    ours = float(found.value) if found.shown is None else found.shown
    return {
        **{"ours": ours, "low": low, "high": high, "n": len(alone)},
        **{"verdict": verdict, "why": why, "scale": _scale(measured)},
    }


def _detail(part: Claim, found: Found, alone: np.ndarray) -> list[str]:
    out = [f"at P_m {number(found.at)} %"] if found.at is not None else []
    # The paper does not say whether its ratios are of means (ours) or means of each trial's ratio: give both.
    if next(iter(part["measure"])) in RATIOS and len(alone) > 1:
        out.append(f"mean of the trials' own ratios {number(alone.mean())}")
    if len(alone) >= ENOUGH and part["direction"] != "range":
        low, high = bootstrap(alone)
        out.append(f"mean over trials, 95 % bootstrap interval {number(low)} to {number(high)}")
    return out


def shortfall(training: pd.Series, paper: Spec | None = None) -> list[str]:
    """The departures of a training from a line of the paper's, or the nearest, in words: ["at 15,000 iterations, not
    50,000"]."""
    found = {d.field: d for d in matching.departures(training, paper)}
    data, length, label = found.pop("data", None), found.pop("iterations", None), str(training["data_label"])
    out = [f"at {length.ours:,} iterations, not {length.paper:,}"] if length else []
    if data and data.ours in matching.SUBSETS:
        out.append(f"on {label.split(', ')[0]}, not the full data set")
    elif data:
        out.append(f"on {label.split(' (')[0]}, not the original images")
    return out + [f"with {d.field} {d.ours}, unlike the paper" for d in found.values()]


def _scale(chosen: list[pd.DataFrame]) -> str:
    if len(chosen) > 2:  # a sweep: of one scale but for its extents
        several = [extent(t) for t in chosen]
        rounds, trials = (" to ".join(str(n) for n in sorted({min(ns), max(ns)})) for ns in zip(*several, strict=True))
        return f"{len(chosen)} settings of {_extent(chosen[0], rounds, trials)}"
    return " against ".join(dict.fromkeys(_extent(t, *map(str, extent(t))) for t in chosen))


def _extent(t: pd.DataFrame, rounds: str, trials: str) -> str:
    first = t.iloc[0]
    return (
        f"{first['data_label']}; {int(first['iterations']):,} iterations; {rounds} rounds; "
        f"{trials} trial{'s' if trials != '1' else ''}"
    )


def _combine(claim: Claim, scores: list[Line]) -> Line:
    """One line of the ledger from the scores of a claim's parts."""
    parts = claim["parts"]
    line = {f: claim.get(f, "") for f in ("id", "page", "section", "statement", "note")}
    line["network"] = ", ".join(dict.fromkeys(n for p in parts for n in np.atleast_1d(p["network"]).tolist()))
    line["unit"] = ", ".join(dict.fromkeys(p["unit"] for p in parts))
    line |= {said: _beside_each_other([p[said] for p in parts], merge=True) for said in ("text", "figure")}
    asked = ("label", "text", "figure", "unit")
    line["parts"] = [
        {**{name: part[name] for name in asked}, "ours": score["ours"]}
        for part, score in zip(parts, scores, strict=True)
    ]
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


def _beside_each_other(values: list[Any], merge: bool = False) -> Any:
    """The values of a claim's parts as one: the only one (merging: or the same in all parts), None if there is none."""
    if all(v is None for v in values):
        return None
    if len(values) == 1 or (merge and all(v == values[0] for v in values)):
        return number(values[0]) if isinstance(values[0], list) else values[0]
    return " / ".join(number(v) for v in values)


def ledger(rows: pd.DataFrame, claims: list[Claim] | None = None, anatomy: pd.DataFrame | None = None) -> pd.DataFrame:
    """One line per claim, in the file's order: what the text says, what the figure holds, what we measured.

    `ours` is computed on the means over trials (ratios are ratios of means), `low` and `high` are the smallest and
    largest of the `n` trials each taken alone, against its own dense network, at the same level. A claim in several
    parts shows them side by side, separated by " / ", carries each part's verdict in `why`, and has them one by one in
    `parts`. `scale` names the experiment it was measured on. What the verdicts mean: see `verdicts.judge`. Claims about
    what is inside tickets need their `anatomy` (`Store.anatomy`).
    """
    trainings = summarise(rows) if len(rows) else pd.DataFrame()
    if anatomy is not None:
        trainings = beside(trainings, anatomy)
    lines = [_combine(c, [_score(p, trainings) for p in c["parts"]]) for c in (load() if claims is None else claims)]
    return pd.DataFrame(lines, columns=COLUMNS).astype({c: object for c in ("text", "figure", "ours")})


def looked_into(rows: pd.DataFrame) -> set[str]:
    """The keys of the experiments inside whose tickets a claim measures something: of no others does the ledger need
    the anatomy."""
    trainings = summarise(rows)
    keys: set[str] = set()
    for part in (part for claim in load() for part in claim["parts"] if _looks_inside(part)):
        with suppress(Missing):
            keys |= {experiment["key"].iloc[0] for experiment in matching.chosen(part, trainings)}
    return keys


def _looks_inside(part: Claim) -> bool:
    """Whether what is measured is of a layer, as `curves.beside` names it."""
    arguments = [value for given in part.get("measure", {}).values() for value in given.values()]
    return any(str(value).endswith(("_fc1", "_fc2", "_out")) for value in arguments)


def as_json(ledger: pd.DataFrame) -> list[Line]:
    """The ledger as plain dicts for JSON: what is not a number is None."""
    return [{str(name): _scalar(value) for name, value in line.items()} for line in ledger.to_dict("records")]


def as_text(ledger: pd.DataFrame) -> str:
    """The ledger for a terminal: each measured claim with its numbers, why, and the scale; the others by name."""
    run, rest = ledger[ledger["n"] > 0], ledger[ledger["n"] == 0]
    lines = []
    claim: Any
    for claim in run.itertuples():
        spread = "" if np.isnan(claim.low) else f" ({number(claim.low)} to {number(claim.high)})"
        said = f"text {number(claim.text)}, figure {number(claim.figure)}, ours {number(claim.ours)}{spread}"
        lines += [f"{claim.id:4}{claim.verdict:15} {said} [{claim.unit}], n = {claim.n}"]
        lines += [f"    {claim.statement}", f"    {claim.why}", f"    {claim.scale}"]
    if len(rest):
        lines.append(f"not run yet: {', '.join(rest['id'])}")
    return "\n".join(lines)


def _scalar(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value

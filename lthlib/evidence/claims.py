"""Chooses for each claim of book/claims.yml the trainings it is about, measures it, and gives it a verdict."""

import inspect
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from functools import cache
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import yaml

from lthlib import specs
from lthlib.errors import LthError, SpecError
from lthlib.evidence.curves import beside, extent, summarise
from lthlib.evidence.measures import MANY, MEASURES, RATIOS, TWO, Found, Missing, number
from lthlib.specs import PAPER, PROFILES, SETTINGS, Spec
from lthlib.specs.columns import PROVENANCE

VERDICTS = ("reproduced", "partly", "not reproduced", "not run yet")
DIRECTIONS = ("about", "at least", "at most", "range")
FIELDS = ("id", "section", "network", "statement", "text", "figure", "unit", "direction", "tolerance")
COLUMNS = ["id", "section", "network", "statement", "text", "figure", "ours", "low", "high", "n", "unit"]
COLUMNS += ["verdict", "why", "scale", "note", "parts"]

SUBSETS = ("mnist5k",)  # data sets cut down
SIZES = ("data", "iterations", "eval_every", "train_eval", "seed")  # of a Spec; with its extent, not the recipe
OPEN = ("precision", "inputs")  # how exact a run is, and what the paper does not say


class ClaimsError(LthError, ValueError):
    """claims.yml holds an entry that cannot be used."""


# --- the trainings that a claim is measured on ---------------------------------------------------------------------


def recipe(training: pd.Series) -> Mapping[str, Any]:
    """The settings that a training was run with; what its row does not name is the paper's."""
    return _recipe(training["network"], training["spec"])


@cache  # here and below: a page asks the same of every line of its ledger
def _recipe(network: str, text: str) -> Mapping[str, Any]:
    stored = {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()}
    return MappingProxyType({**vars(PAPER[network]), **stored})


def nearest(training: pd.Series) -> Spec:
    """The line of the paper's hyperparameters, in the setting that a training's recipe is nearest to."""
    return _nearest(training["network"], training["spec"])


@cache
def _nearest(network: str, text: str) -> Spec:
    lines = [_line(network, "paper", name) for name in (None, *SETTINGS.get(network, {}))]
    return min(lines, key=lambda line: len(_departures(network, text, line)))


def departures(training: pd.Series, paper: Spec | None = None) -> list[str]:
    """In what a training's recipe differs from a line of the paper's, or the nearest, as far as a Spec describes it."""
    network, text = training["network"], training["spec"]
    return list(_departures(network, text, paper or _nearest(network, text))) if network in PAPER else []


@cache
def _departures(network: str, text: str, paper: Spec) -> tuple[str, ...]:
    ours = _recipe(network, text)
    paper = vars(_shrunk(paper, ours["iterations"] / paper.iterations))
    return tuple(f"{name} {ours[name]}" for name in SHAPING if name not in SIZES and ours[name] != paper[name])


def _line(network: str, profile: str, setting: str | None = None, variation: dict | None = None) -> Spec:
    """`specs.spec`, remembered."""
    return _spec(network, profile, setting, _text(variation))


@cache
def _spec(network: str, profile: str, setting: str | None, variation: str, **changes: Any) -> Spec:
    return specs.spec(network, profile, setting, json.loads(variation), **changes)


def _text(variation: dict | None) -> str:
    return json.dumps(variation or {}, default=str)


SHAPING = [f.name for f in fields(Spec) if not f.metadata.get("extent")]


def _shrunk(paper: Spec, part: float) -> Spec:
    """The same with its schedule shortened in proportion."""
    return replace(paper, warmup=round(part * paper.warmup), drops=tuple(round(part * drop) for drop in paper.drops))


def of(training: pd.Series, setting: str | None = None, variation: dict | None = None) -> bool:
    """Whether a training is one of its network's in a setting, perhaps varied, at whatever scale: whether its recipe is
    what some profile makes of it."""
    return _of(training["network"], training["spec"], setting, _text(variation))


@cache
def _of(network: str, text: str, setting: str | None, variation: str) -> bool:
    if network not in PAPER:
        return False
    ours = _recipe(network, text)
    compared = [name for name in SHAPING if name not in (*SIZES, *OPEN)]
    lines = (vars(_spec(network, p, setting, variation, iterations=ours["iterations"])) for p in PROFILES)
    return any(all(ours[name] == line[name] for name in compared) for line in lines)


def experiments(
    trainings: pd.DataFrame, network: str, setting: str | None = None, variation: dict | None = None
) -> list[pd.DataFrame]:
    """The experiments of a network in a setting, each a table of its trainings, the nearest to the paper's first.

    The paper's recipe comes before any other, then most iterations, then the full data set, then trials, then rounds.
    """
    if trainings.empty:
        return []
    line = _line(network, "paper", setting, variation)

    def size(experiment: pd.DataFrame) -> tuple:
        first = experiment.iloc[0]
        full = first["data"] not in SUBSETS
        extent = experiment["trial"].nunique(), experiment["round"][experiment["arm"] == "ticket"].max()
        return (not departures(first, line), experiment["iterations"].max(), full, *extent)

    mine = trainings[trainings["network"] == network]
    firsts = mine.drop_duplicates("key").sort_values("key").set_index("key")["spec"]
    keys = [key for key, spec in firsts.items() if _of(network, spec, setting, _text(variation))]
    return sorted((mine[mine["key"] == key] for key in keys), key=size, reverse=True)


def best(trainings: pd.DataFrame, network: str, setting: str | None = None, variation: dict | None = None):
    """The trainings of the experiment that is nearest to the paper's; none, if there is none."""
    return next(iter(experiments(trainings, network, setting, variation)), trainings.head(0))


def _chosen(part: dict, trainings: pd.DataFrame) -> list[pd.DataFrame]:
    """The experiments that a part of a claim is measured on: of its setting; of two settings, `against` being the
    other; or of each line of its `sweep`. Several are of the same scale."""
    asked = [{**part, **line} for line in part["sweep"].values()] if "sweep" in part else [part]
    asked += [{"network": part["network"], **part["against"]}] if "against" in part else []
    found = [experiments(trainings, a["network"], a.get("setting"), a.get("with")) for a in asked]
    for one, several in zip(asked, found, strict=True):
        if not several:
            raise Missing(_named(one))
    settings = SETTINGS.get(part["network"], {})
    apart = {name for one in asked for name in {**settings.get(one.get("setting"), {}), **one.get("with", {})}}
    for first in found[0]:
        rest = [next((e for e in more if _alike(e, first, apart)), None) for more in found[1:]]
        if all(e is not None for e in rest):
            return [first, *rest]
    raise Missing(" and ".join(_named(one) for one in asked) + " at the same scale")


def _alike(one: pd.DataFrame, other: pd.DataFrame, apart: set[str]) -> bool:
    """Whether two experiments may be compared: whether they are the same, but for what their settings are `apart` in,
    and as large a part of the paper's iterations."""
    ours, theirs = recipe(one.iloc[0]), recipe(other.iloc[0])
    lengths = ("iterations", "warmup", "drops", "eval_every", "train_eval", "seed")
    mine, other_part = (e["iterations"].max() / nearest(e.iloc[0]).iterations for e in (one, other))
    same = all(ours[name] == theirs[name] for name in SHAPING if name not in (*lengths, *apart))
    return same and abs(mine - other_part) <= 0.02 * other_part


def _named(asked: dict) -> str:
    """A network and its setting, in words."""
    changes = [f"{name} {value}" for name, value in asked.get("with", {}).items()]
    return ", ".join([asked["network"], *([asked["setting"]] if asked.get("setting") else []), *changes])


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
    own = abs(_distance(part, alone.max(), alone.min())) / 2 if len(alone) > 1 and not _sign_alone(part) else 0
    if missed <= 1e-9 and part["direction"] != "about":
        return part["direction"]
    if missed <= paper + 1e-9:
        return "within the tolerance of"
    return "within our own spread of" if missed <= own else ""


def _sign_alone(part: dict) -> bool:
    """Whether the text gives no size: only that something is not worse, or not better."""
    return part["text"] == part.get("neutral", 0) and part["tolerance"].get("within") == 0


def judge(part: dict, found: Found, alone: np.ndarray) -> tuple[str, str]:
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
    figure = part["figure"] if isinstance(part["figure"], Real) else None
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


def _judge_range(part: dict, found: Found, alone: np.ndarray) -> tuple[str, str]:
    why = f"holds at {100 * found.value:.0f} % of the levels from P_m {number(part['text'])} %"
    if found.value < 0.5:
        return "not reproduced", why
    if found.value < part["tolerance"]["share"]:
        return "partly", why
    return ("partly", f"{why}; one trial") if len(alone) < 2 else ("reproduced", why)


# --- the ledger ------------------------------------------------------------------------------------------------------


def _measure(part: dict, chosen: list[pd.DataFrame]) -> tuple[Found, np.ndarray]:
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
    alone = np.array([value for value in alone if np.isfinite(value)])
    if not len(alone):
        raise Missing("a trial that holds all it compares")
    return found, alone


def _handed(part: dict, chosen: list[pd.DataFrame]) -> list:
    """What a measure takes: trainings of one setting, of two, or of several by their labels."""
    return [dict(zip(part["sweep"], chosen, strict=True))] if "sweep" in part else chosen


def _alone(part: dict, at: float | None, chosen: list[pd.DataFrame]) -> float:
    ((name, args),) = part["measure"].items()
    try:
        at = {} if at is None else {"at": at, "to": None}
        return MEASURES[name](*_handed(part, chosen), **{**args, **at}).value
    except (Missing, KeyError):  # this trial has not come to that level
        return np.nan


def _score(part: dict, trainings: pd.DataFrame) -> dict:
    """One part of a claim: its value, low and high over trials, number of trials, verdict, why and scale."""
    nothing = {"ours": None, "low": np.nan, "high": np.nan, "n": 0, "verdict": "not run yet", "scale": ""}
    if "measure" not in part:
        return {**nothing, "why": "not measurable yet"}
    if trainings.empty or not (trainings["network"] == part["network"]).any():
        return {**nothing, "why": f"{part['network']} has not been run"}
    chosen = []
    try:
        chosen = _chosen(part, trainings)
        found, alone = _measure(part, chosen)
    except Missing as missing:
        return {**nothing, "why": f"needs {missing}", "scale": _scale(chosen)}
    verdict, why = judge(part, found, alone)
    why = "; ".join([why, *_detail(part, found, alone), *_reduced(part, chosen[0])])
    low, high = (alone.min(), alone.max()) if part["direction"] != "range" else (np.nan, np.nan)
    ours = float(found.value) if found.shown is None else found.shown
    return {
        **{"ours": ours, "low": low, "high": high, "n": len(alone)},
        **{"verdict": verdict, "why": why, "scale": _scale(chosen)},
    }


def _detail(part: dict, found: Found, alone: np.ndarray) -> list[str]:
    out = [f"at P_m {number(found.at)} %"] if found.at is not None else []
    # The paper does not say whether its ratios are of means (ours) or means of each trial's ratio: give both.
    if next(iter(part["measure"])) in RATIOS and len(alone) > 1:
        out.append(f"mean of the trials' own ratios {number(alone.mean())}")
    if len(alone) >= ENOUGH and part["direction"] != "range":
        low, high = bootstrap(alone)
        out.append(f"mean over trials, 95 % bootstrap interval {number(low)} to {number(high)}")
    return out


ENOUGH = 5  # trials for a bootstrap interval, as many as the paper has; from fewer it comes out far too narrow


def bootstrap(alone: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of the mean over trials, from 10,000 draws of as many trials, with replacement."""
    means = np.random.default_rng(0).choice(alone, (10_000, len(alone))).mean(axis=1)
    return tuple(np.percentile(means, (2.5, 97.5)))


def _reduced(part: dict, t: pd.DataFrame) -> list[str]:
    """In what the runs that a part was measured on fall short of the paper's."""
    line = {**part, **next(iter(part.get("sweep", {}).values()), {})}
    return shortfall(t.iloc[0], _line(part["network"], "paper", line.get("setting"), line.get("with")))


def shortfall(training: pd.Series, paper: Spec | None = None) -> list[str]:
    """In what a training falls short of a line of the paper's, or the nearest: iterations, images, settings."""
    paper, out = paper or nearest(training), []
    if training["iterations"] < paper.iterations:
        out.append(f"at {int(training['iterations']):,} iterations, not {paper.iterations:,}")
    if training["data"] in SUBSETS:
        out.append(f"on {str(training['data_label']).split(', ')[0]}, not the full data set")
    elif training["data"] != paper.data:
        out.append(f"on {str(training['data_label']).split(' (')[0]}, not the original images")
    return out + [f"with {d}, unlike the paper" for d in departures(training, paper)]


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


def _combine(claim: dict, scores: list[dict]) -> dict:
    """One line of the ledger from the scores of a claim's parts."""
    parts = claim["parts"]
    line = {f: claim.get(f, "") for f in ("id", "section", "statement", "note")}
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


def _beside_each_other(values: list, merge: bool = False):
    """The values of a claim's parts as one: the only one (merging: or the same in all parts), None if there is none."""
    if all(v is None for v in values):
        return None
    if len(values) == 1 or (merge and all(v == values[0] for v in values)):
        return number(values[0]) if isinstance(values[0], list) else values[0]
    return " / ".join(number(v) for v in values)


def ledger(rows: pd.DataFrame, claims: list[dict] | None = None, anatomy: pd.DataFrame | None = None) -> pd.DataFrame:
    """One line per claim, in the file's order: what the text says, what the figure holds, what we measured.

    `ours` is computed on the means over trials (ratios are ratios of means), `low` and `high` are the smallest and
    largest of the `n` trials each taken alone, against its own dense network, at the same level. A claim in several
    parts shows them side by side, separated by " / ", carries each part's verdict in `why`, and has them one by one in
    `parts`. `scale` names the experiment it was measured on. What the verdicts mean: see `judge`. Claims about what is
    inside tickets need their `anatomy` (`Store.anatomy`).
    """
    trainings = summarise(rows) if len(rows) else pd.DataFrame()
    if anatomy is not None:
        trainings = beside(trainings, anatomy)
    lines = [_combine(c, [_score(p, trainings) for p in c["parts"]]) for c in (load() if claims is None else claims)]
    return pd.DataFrame(lines, columns=COLUMNS).astype({c: object for c in ("text", "figure", "ours")})


def looked_into(rows: pd.DataFrame) -> set[str]:
    """The keys of the experiments inside whose tickets a claim measures something: of no others does the ledger need
    the anatomy."""
    trainings, keys = summarise(rows), set()
    for part in (part for claim in load() for part in claim["parts"] if _looks_inside(part)):
        with suppress(Missing):
            keys |= {experiment["key"].iloc[0] for experiment in _chosen(part, trainings)}
    return keys


def _looks_inside(part: dict) -> bool:
    """Whether what is measured is of a layer, as `curves.beside` names it."""
    arguments = [value for given in part.get("measure", {}).values() for value in given.values()]
    return any(str(value).endswith(("_fc1", "_fc2", "_out")) for value in arguments)


def as_json(ledger: pd.DataFrame) -> list[dict]:
    """The ledger as plain dicts for JSON: what is not a number is None."""
    return [{name: _scalar(value) for name, value in line.items()} for line in ledger.to_dict("records")]


def as_text(ledger: pd.DataFrame) -> str:
    """The ledger for a terminal: each measured claim with its numbers, why, and the scale; the others by name."""
    run, rest = ledger[ledger["n"] > 0], ledger[ledger["n"] == 0]
    lines = []
    for claim in run.itertuples():
        spread = "" if np.isnan(claim.low) else f" ({number(claim.low)} to {number(claim.high)})"
        said = f"text {number(claim.text)}, figure {number(claim.figure)}, ours {number(claim.ours)}{spread}"
        lines += [f"{claim.id:4}{claim.verdict:15} {said} [{claim.unit}], n = {claim.n}"]
        lines += [f"    {claim.statement}", f"    {claim.why}", f"    {claim.scale}"]
    if len(rest):
        lines.append(f"not run yet: {', '.join(rest['id'])}")
    return "\n".join(lines)


def _scalar(value):
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


# --- the file --------------------------------------------------------------------------------------------------------


def path() -> Path:
    """claims.yml: the book's in a checkout, the shipped copy in an installed package."""
    book = Path(__file__).parents[2] / "book" / "claims.yml"
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

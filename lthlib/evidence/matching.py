"""Which trainings answer a question: whose recipe is the paper's, in what the others depart from it, and what may share
a figure or a claim.

What a training was run with is its Spec, read from its row: `spec_of(training)`. A question names a network, perhaps in
one of its settings, perhaps varied; what answers it are experiments, the nearest to the paper's first.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any, NamedTuple

import pandas as pd

from lthlib import specs
from lthlib.evidence.levels import Missing
from lthlib.evidence.verdicts import FEWEST
from lthlib.specs import PAPER, PROFILES, SETTINGS, Spec

SUBSETS = ("mnist5k",)  # data sets cut down
SIZES = ("data", "iterations", "eval_every", "train_eval", "seed")  # of a Spec; with its extent, not the recipe
OPEN = ("precision", "inputs")  # how exact a run is, and what the paper does not say
SHAPING = [f.name for f in fields(Spec) if not f.metadata.get("extent")]
RECIPE = [name for name in SHAPING if name not in SIZES]


# --- what a training was run with ------------------------------------------------------------------------------------

parsed = cache(specs.from_json)  # a page asks the same of every line of its tables


def spec_of(training: pd.Series) -> Spec:
    """The Spec that a training was run with; of a row likewise. Raises SpecError if this library knows no such."""
    return parsed(training["spec"])


def specs_of(table: pd.DataFrame) -> dict[str, Spec]:
    """The Spec of each experiment of a table, by key, in the order of the table."""
    firsts = table.drop_duplicates("key")
    return {key: parsed(text) for key, text in zip(firsts["key"], firsts["spec"], strict=True)}


# --- how near that is to the paper -----------------------------------------------------------------------------------


class Departure(NamedTuple):
    """One thing in which a training is not as the paper's: a field of a Spec, and its value here and there."""

    field: str
    ours: Any
    paper: Any


def departures(training: pd.Series, paper: Spec | None = None) -> list[Departure]:
    """In what a training departs from a line of the paper's, or from the nearest: other data, fewer iterations, and
    another recipe, as far as a Spec describes it. A schedule that is shorter in proportion is none.

    >>> departures(training)
    [Departure(field='iterations', ours=15000, paper=50000)]
    """
    paper = paper or nearest(training)
    data, iterations = training["data"], int(training["iterations"])
    sizes = [Departure("data", data, paper.data)] if data != paper.data else []
    sizes += [Departure("iterations", iterations, paper.iterations)] if iterations < paper.iterations else []
    return [*sizes, *_unlike(spec_of(training), paper)]


def nearest(training: pd.Series) -> Spec:
    """The line of the paper's hyperparameters, in the setting that a training's recipe is nearest to."""
    return _nearest(spec_of(training))


@cache
def _nearest(ours: Spec) -> Spec:
    lines = [_spec(ours.network, "paper", name) for name in (None, *SETTINGS.get(ours.network, {}))]
    return min(lines, key=lambda paper: len(_unlike(ours, paper)))


@cache
def _unlike(ours: Spec, paper: Spec) -> tuple[Departure, ...]:
    """The recipe's departures alone."""
    shrunk = _shrunk(paper, ours.iterations / paper.iterations)
    names = [name for name in RECIPE if getattr(ours, name) != getattr(shrunk, name)]
    return tuple(Departure(name, getattr(ours, name), getattr(paper, name)) for name in names)


def _shrunk(paper: Spec, part: float) -> Spec:
    """The same with its schedule shortened in proportion."""
    return replace(paper, warmup=round(part * paper.warmup), drops=tuple(round(part * drop) for drop in paper.drops))


@cache
def _spec(network: str, profile: str, setting: str | None, variation: str = "{}", **changes: Any) -> Spec:
    """`specs.spec`, remembered; the variation is JSON."""
    return specs.spec(network, profile, setting, json.loads(variation), **changes)


def _text(variation: Mapping[str, Any] | None) -> str:
    return json.dumps(dict(variation or {}), default=str)


# --- what answers a question -----------------------------------------------------------------------------------------


def of(training: pd.Series, setting: str | None = None, variation: Mapping[str, Any] | None = None) -> bool:
    """Whether a training is one of its network's in a setting, perhaps varied, at whatever scale: whether its recipe is
    what some profile makes of it."""
    return _of(spec_of(training), setting, _text(variation))


@cache
def _of(ours: Spec, setting: str | None, variation: str) -> bool:
    if ours.network not in PAPER:
        return False
    compared = [name for name in RECIPE if name not in OPEN]
    lines = (_spec(ours.network, profile, setting, variation, iterations=ours.iterations) for profile in PROFILES)
    return any(all(getattr(ours, name) == getattr(one, name) for name in compared) for one in lines)


def experiments(
    trainings: pd.DataFrame, network: str, setting: str | None = None, variation: Mapping[str, Any] | None = None
) -> list[pd.DataFrame]:
    """The experiments of a network in a setting, each a table of its trainings, the nearest to the paper's first.

    The full data set comes before a part of it; tickets before dense networks alone; then three trials, or as many as
    there are, before fewer, for one trial is no evidence; then the paper's recipe before any other, then most
    iterations, trials and rounds.
    """
    if trainings.empty:
        return []
    paper = _spec(network, "paper", setting, _text(variation))

    def size(experiment: pd.DataFrame) -> tuple[Any, ...]:
        first = experiment.iloc[0]
        full = first["data"] not in SUBSETS
        trials, rounds = experiment["trial"].nunique(), experiment["round"][experiment["arm"] == "ticket"].max()
        same = not _unlike(spec_of(first), paper)
        return full, rounds > 0, min(trials, FEWEST), same, experiment["iterations"].max(), trials, rounds

    mine = trainings[trainings["network"] == network]
    keys = sorted(key for key, spec in specs_of(mine).items() if _of(spec, setting, _text(variation)))
    return sorted((mine[mine["key"] == key] for key in keys), key=size, reverse=True)


def best(
    trainings: pd.DataFrame, network: str, setting: str | None = None, variation: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """The trainings of the experiment that is nearest to the paper's; none, if there is none.

    >>> figures.figure4a(best(curves.summarise(rows), "lenet"))
    """
    return next(iter(experiments(trainings, network, setting, variation)), trainings.head(0))


# --- what a claim is measured on -------------------------------------------------------------------------------------


def candidates(part: Mapping[str, Any], trainings: pd.DataFrame) -> list[list[pd.DataFrame]]:
    """What a part of a claim may be measured on, the nearest to the paper's first: experiments of its setting; of two
    settings, `against` being the other; or of each line of its `sweep`. Several are of the same scale. Raises Missing
    if they were not run."""
    asked = [{**part, **one} for one in part["sweep"].values()] if "sweep" in part else [part]
    asked += [{"network": part["network"], **part["against"]}] if "against" in part else []
    found = [experiments(trainings, a["network"], a.get("setting"), a.get("with")) for a in asked]
    for one, several in zip(asked, found, strict=True):
        if not several:
            raise Missing(_named(one))
    settings = SETTINGS.get(part["network"], {})
    apart = {name for one in asked for name in {**settings.get(one.get("setting") or "", {}), **one.get("with", {})}}
    equal, whole = part.get("against", {}).get("equal") == "iterations", []
    for first in found[0]:
        others = [next((e for e in more if _alike(e, first, apart, equal)), None) for more in found[1:]]
        compared = [first, *(e for e in others if e is not None)]
        whole += [compared] if len(compared) == len(found) else []
    if not whole:
        raise Missing(" and ".join(_named(one) for one in asked) + " at the same scale")
    return whole


def asked_for(part: Mapping[str, Any]) -> Spec:
    """The line of the paper's that a part of a claim is about; of a sweep the first."""
    first = {**part, **next(iter(part.get("sweep", {}).values()), {})}
    return _spec(part["network"], "paper", first.get("setting"), _text(first.get("with")))


def _alike(one: pd.DataFrame, other: pd.DataFrame, apart: set[str], equal: bool = False) -> bool:
    """Whether two experiments may be compared: whether they are the same, except for what their settings are `apart`
    in, and as large a part of the paper's iterations; or, of `equal` length, as many iterations."""
    ours, theirs = spec_of(one.iloc[0]), spec_of(other.iloc[0])
    lengths = ("iterations", "warmup", "drops", "eval_every", "train_eval", "seed")
    mine, other_part = (e["iterations"].max() / (1 if equal else nearest(e.iloc[0]).iterations) for e in (one, other))
    compared = [name for name in SHAPING if name not in (*lengths, *apart)]
    same = all(getattr(ours, name) == getattr(theirs, name) for name in compared)
    return same and abs(mine - other_part) <= 0.02 * other_part


def _named(asked: Mapping[str, Any]) -> str:
    """A network and its setting, in words."""
    changes = [f"{name} {value}" for name, value in asked.get("with", {}).items()]
    return ", ".join([asked["network"], *([asked["setting"]] if asked.get("setting") else []), *changes])


# --- what a figure draws ---------------------------------------------------------------------------------------------


def one_experiment(table: pd.DataFrame, network: str) -> pd.DataFrame:
    """The lines of a table that are a network's. Raises ValueError, in one line, if there are none or if they are of
    several experiments."""
    found = table[table["network"] == network] if len(table) else table
    if found.empty:
        raise ValueError(f"nothing to draw: the table holds no training of {network}; run `lth run {network}` first")
    keys = sorted(found["key"].unique())
    if len(keys) > 1:
        raise ValueError(f"rows of {len(keys)} experiments ({', '.join(keys)}) cannot share a figure: choose one key")
    return found


def tickets_beside(trainings: pd.DataFrame, network: str, name: str) -> pd.DataFrame:
    """The tickets of another experiment, as an arm of that name; none if the network was not run there."""
    there = len(trainings) and (trainings["network"] == network).any()
    found = one_experiment(trainings, network) if there else trainings.head(0)
    return found[found["arm"] == "ticket"].assign(arm=name) if there else found


def tickets_of_one_scale(runs: Mapping[str | float, pd.DataFrame], network: str) -> dict[str | float, pd.DataFrame]:
    """The tickets of the runs that may share a figure: on the data and of the length that most of them have, each
    experiment once."""
    tables = {value: one_experiment(t, network) for value, t in runs.items()}
    scales = {value: tuple(t[["data", "iterations"]].iloc[0]) for value, t in tables.items()}
    usual = max(reversed(scales.values()), key=list(scales.values()).count)
    tickets, seen = {}, set()
    for value, t in tables.items():
        mine = t[t["arm"] == "ticket"]
        if scales[value] == usual and len(mine) and t["key"].iloc[0] not in seen:
            tickets[value] = mine
            seen.add(t["key"].iloc[0])
    return tickets


def differing_in(field: str, trainings: pd.DataFrame) -> dict[Any, pd.DataFrame]:
    """The trainings that are alike in all but one field of their Spec, by its value, of the trials that each value has;
    of several such families that of most values. What was run at one value alone is returned by that."""
    known = specs_of(trainings)
    default: Any = {f.name: f.default for f in fields(Spec)}[field]
    alike = trainings["key"].map({key: specs.key(replace(spec, **{field: default})) for key, spec in known.items()})
    value = trainings["key"].map({key: getattr(spec, field) for key, spec in known.items()})
    families = [t for _, t in trainings.groupby(alike) if value[t.index].nunique() > 1]
    found = max(families, key=lambda t: (value[t.index].nunique(), len(t)), default=trainings)
    by_value = dict(iter(found.groupby(value[found.index])))
    shared = set.intersection(*(set(t["trial"]) for t in by_value.values()))
    return {one: t[t["trial"].isin(shared)] for one, t in by_value.items()}

"""The ledger: each claim of the paper, measured on the trainings that it is about, and judged by the rule."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from lthlib.evidence import claims, matching
from lthlib.evidence.curves import beside, summarise
from lthlib.evidence.levels import Missing, TooLittle, Trials, number
from lthlib.evidence.measures import ALL, MEASURES, Found
from lthlib.evidence.verdicts import (
    FEWEST,
    HOLDS,
    NOT_RUN,
    TOO_LITTLE,
    VERDICTS,
    Estimate,
    jackknife,
    judge,
    share,
    why,
)
from lthlib.specs import NAMES, Spec

# A claim that compares networks can be tried from this part of the paper's iterations on, our choice: it is what we can
# give VGG-19, and each test says its scale. Claims about what every further iteration changes say what they need.
LEAST = {"part": 0.05, "because": "our choice: shorter trainings end before networks have learnt"}
Claim = dict[str, Any]  # of claims.yml, or a part of one
COLUMNS = ["id", "part", "page", "section", "network", "statement", "kind", "side", "neutral", "text", "figure", "unit"]
COLUMNS += ["value", "low", "high", "n", "trials", "where", "verdict", "figure_verdict", "why", "scale", "of_paper"]
COLUMNS += ["departures", "keys", "note"]


def ledger(rows: pd.DataFrame, of: list[Claim] | None = None, anatomy: pd.DataFrame | None = None) -> pd.DataFrame:
    """One line per test: a claim of the paper, or each of its parts where it is about several networks or quantities.

    rows     evaluations, as `Store.rows` and `lth export` have them; those of experiments that no claim is about
             change nothing
    of       claims (`claims.load`); default: all, in the file's order
    anatomy  what is inside the tickets (`Store.anatomy`), for the claims about that

    `text` and `figure` are the paper's values, `value` ours on the means over the `n` trials, `low` and `high` its 95 %
    interval, `trials` each trial by itself, `where` the level, `verdict` and `figure_verdict` the words for text and
    figure, `of_paper` the part of the paper's iterations. What the words mean: `verdicts`.

    >>> ledger(rows).groupby("verdict").size()
    """
    trainings = summarise(rows) if len(rows) else pd.DataFrame()
    if anatomy is not None:
        trainings = beside(trainings, anatomy)
    ours = dict(iter(trainings.groupby("network"))) if len(trainings) else {}
    tables: dict[str, Trials] = {}
    parts = [part for claim in (claims.load() if of is None else of) for part in claim["parts"]]
    lines = [_line(part, ours.get(part["network"]), tables) for part in parts]
    objects = {column: object for column in ("text", "figure", "trials", "keys", "departures")}
    return pd.DataFrame(lines, columns=COLUMNS).astype(objects)


def _line(part: Claim, trainings: pd.DataFrame | None, tables: dict[str, Trials]) -> dict[str, Any]:
    """One test: what is claimed, what was found in its network's trainings, and the verdict. It is measured on the
    experiment nearest to the paper's of those that hold enough for a verdict; where none does, on the nearest."""
    line = {**dict.fromkeys(COLUMNS), **{name: part.get(name) for name in COLUMNS if name in part}}
    line |= {"part": part["label"], "note": part.get("note", "")}
    line |= {"value": np.nan, "low": np.nan, "high": np.nan, "n": 0, "trials": [], "where": "", "scale": ""}
    line |= {"of_paper": np.nan, "departures": [], "keys": [], "figure_verdict": ""}
    if trainings is None:
        return {**line, "verdict": NOT_RUN, "why": f"{part['network']} has not been run"}
    try:
        several = matching.candidates(part, trainings)
    except Missing as missing:
        return {**line, "verdict": NOT_RUN, "why": f"needs {missing}"}
    first: dict[str, Any] = {}
    for chosen in several:
        test = _tested(part, chosen, tables)
        if test["verdict"] not in (TOO_LITTLE, NOT_RUN):
            return line | test
        first = test if first.get("verdict", NOT_RUN) == NOT_RUN else first
    return line | first


def _tested(part: Claim, chosen: list[pd.DataFrame], tables: dict[str, Trials]) -> dict[str, Any]:
    """A part of a claim, tested on the experiments chosen for it."""
    paper, trials = matching.asked_for(part), [_trials(experiment, tables) for experiment in chosen]
    line: dict[str, Any] = {"scale": _scale(chosen), "keys": [t["key"].iloc[0] for t in chosen]}
    line |= {"of_paper": min(t["iterations"].max() for t in chosen) / paper.iterations}
    line |= {"departures": shortfall(chosen[0].iloc[0], paper)}
    try:
        found, estimate, alone = _of_part(part, trials)
    except Missing as missing:
        return {**line, "verdict": TOO_LITTLE if isinstance(missing, TooLittle) else NOT_RUN, "why": f"needs {missing}"}
    line |= {"n": estimate.n, "where": found.where, "trials": [_plain(part, value) for value in alone]}
    line |= _numbers(part, estimate)
    if short := _too_small(part, chosen, line["of_paper"]):
        return {**line, "verdict": TOO_LITTLE, "why": short}
    singles = [float(value) for value in alone] if part["kind"] != "all" else None
    text = None if part["kind"] == "all" or part["text"] is None else float(part["text"])
    word = judge(part, estimate, text, singles)
    reason = (
        f"{estimate.n} trial{'s' * (estimate.n > 1)} of {FEWEST}"
        if word == TOO_LITTLE
        else why(part, estimate, text, word)
    )
    return {**line, "verdict": word, "why": reason, "figure_verdict": _beside_figure(part, trials, estimate, singles)}


def _of_part(part: Claim, trials: list[Trials]) -> tuple[Found, Estimate, list[Any]]:
    ((name, args),) = part["measure"].items()
    return measured(name, args, trials, list(part["sweep"]) if "sweep" in part else None)


# --- measuring -------------------------------------------------------------------------------------------------------


def measured(
    name: str, args: dict[str, Any], judged: list[Trials], labels: list[Any] | None = None
) -> tuple[Found, Estimate, list[Any]]:
    """A measurement (of `MEASURES`) on the means over trials, with its interval, and on each trial alone.

    judged  the trials of an experiment; of two, for a measurement that compares two settings; or of one for each of
            the `labels` of a sweep

    >>> measured("gain", {"at": 21.1, "over": "reinit"}, [Trials(trainings)])[1]
    Estimate(value=0.29, low=-0.09, high=0.66, n=3)

    Raises Missing, or its kind TooLittle, with what the trials lack.
    """

    def measure(numbers: set[int], judge_stops: bool = False) -> Found:
        trials = [t.only(numbers, judge_stops) for t in judged]
        return MEASURES[name](*([dict(zip(labels, trials, strict=True))] if labels else trials), **args)

    numbers = set.intersection(*(t.numbers for t in judged))
    if not numbers:
        raise TooLittle("a trial run in all settings that are compared")
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = measure(numbers, judge_stops=True)  # raises what is missing
        # Those that hold all that is compared, and each other's levels.
        alone = {one: found for one in sorted(numbers) if (found := _or_none(measure, {one})) is not None}
        if MEASURES[name] in ALL and alone:
            levels = max((set(found.value.index) for found in alone.values()), key=len)
            alone = {one: found for one, found in alone.items() if set(found.value.index) == levels}
        if not alone:
            raise TooLittle("a trial that holds all it compares")
        if set(alone) != numbers:
            whole = measure(set(alone), judge_stops=True)
        without = [measure(set(alone) - {one}).value for one in alone] if len(alone) > 1 else [whole.value]
    if not np.isfinite(whole.value).all():
        never = "a training whose early stop comes after its start"
        raise TooLittle(whole.where if np.isnan(whole.value).all() else never)
    return whole, jackknife(whole.value, without, name), [found.value for found in alone.values()]


def _trials(experiment: pd.DataFrame, tables: dict[str, Trials]) -> Trials:
    """An experiment as tables, which are made once: a hundred claims read the same few."""
    key = experiment["key"].iloc[0]
    if key not in tables:
        tables[key] = Trials(experiment)
    return tables[key]


def _or_none(measure: Callable[[set[int]], Found], trials: set[int]) -> Found | None:
    with suppress(Missing, KeyError):
        return measure(trials)
    return None


def _numbers(part: Claim, estimate: Estimate) -> dict[str, float]:
    """Value and interval of a line: of a claim about all levels the share of them, in percent."""
    if part["kind"] != "all":
        return {"value": float(estimate.value), "low": float(estimate.low), "high": float(estimate.high)}
    value, low, high = (100 * found for found in share(part, estimate))
    return {"value": value, "low": low, "high": high} if estimate.n > 1 else {"value": value}


def _plain(part: Claim, value: Any) -> float:
    """One trial's number: of a claim about all levels, the share of them."""
    return float(value) if part["kind"] != "all" else 100 * share(part, Estimate(value, value, value, 1))[0]


def _too_small(claim: Claim, chosen: list[pd.DataFrame], of_paper: float) -> str:
    """Why a claim cannot be tried at the scale it was run at; nothing, if it can."""
    needs = claim.get("needs", LEAST)
    if of_paper < needs["part"] * 0.999:
        run, asked = (f"{round(100 * part, 1):g} %" for part in (of_paper, needs["part"]))
        return f"run at {run} of the paper's iterations, of which it needs {asked}: {needs['because']}"
    cut = [t["data_label"].iloc[0].split(", ")[0] for t in chosen if t["data"].iloc[0] in matching.SUBSETS]
    return f"run on {cut[0]}, not the full data set" if cut else ""


def _beside_figure(part: Claim, chosen: list[Trials], estimate: Estimate, alone: list[float] | None) -> str:
    """The word for the value that the paper's figure holds, where it was read."""
    if part["figure"] is None:
        return ""
    if part["kind"] != "all":
        return judge(part, estimate, float(part["figure"]), alone)
    ((name, args),) = part["measure"].items()
    with suppress(Missing):
        return judge(part, _of_part({**part, "measure": {name: {**args, "between": part["figure"]}}}, chosen)[1], None)
    return TOO_LITTLE


# --- what was run ----------------------------------------------------------------------------------------------------


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
    return out + [f"with {d.field} {d.ours}, the paper {d.paper}" for d in found.values()]


def _scale(chosen: list[pd.DataFrame]) -> str:
    """On which data, and how long: "MNIST, 55,000 / 5,000 / 10,000; 15,000 iterations"."""
    each = list(dict.fromkeys(f"{t['data_label'].iloc[0]}; {int(t['iterations'].max()):,} iterations" for t in chosen))
    return f"{len(chosen)} settings of {each[0]}" if len(chosen) > 2 else " against ".join(each)


def looked_into(rows: pd.DataFrame, of: list[Claim] | None = None) -> set[str]:
    """The keys of the experiments inside whose tickets a claim measures something: of no others does the ledger need
    the anatomy."""
    trainings, keys = summarise(rows), set()
    parts = (part for claim in (claims.load() if of is None else of) for part in claim["parts"])
    for part in (part for part in parts if _looks_inside(part)):
        with suppress(Missing):
            keys |= {e["key"].iloc[0] for several in matching.candidates(part, trainings) for e in several}
    return keys


def _looks_inside(part: Claim) -> bool:
    """Whether what is measured is of a layer, as `curves.beside` names it."""
    arguments = [value for given in part.get("measure", {}).values() for value in given.values()]
    return any(str(value).endswith(("_fc1", "_fc2", "_out")) for value in arguments)


# --- the ledger in words ---------------------------------------------------------------------------------------------


def tried(ledger: pd.DataFrame) -> pd.DataFrame:
    """The tests that have a verdict: three trials or more, at a scale at which the claim can be tried."""
    return ledger[~ledger["verdict"].isin([TOO_LITTLE, NOT_RUN])]


def headline(ledger: pd.DataFrame) -> str:
    """What was tested, in how many trials, on which networks, and how it came out; in a sentence or two."""
    judged = tried(ledger)
    whole = f"The paper's {ledger['id'].nunique()} claims make {len(ledger)} tests, one for each network and quantity. "
    waiting = {word: int((ledger["verdict"] == word).sum()) for word in (TOO_LITTLE, NOT_RUN)}
    rest = f"{waiting[TOO_LITTLE]} were run too little for a verdict, {waiting[NOT_RUN]} not at all."
    if judged.empty:
        return f"{whole}None has been run in {FEWEST} trials or more at a scale at which it can be tried: {rest}"
    *first, last = dict.fromkeys(NAMES[network] for network in judged["network"])
    names = f"{', '.join(first)} and {last}" if first else last
    counts = {word: int((judged["verdict"] == word).sum()) for word in VERDICTS}
    hold, other, against, open_ = (counts[word] for word in VERDICTS[:4])
    sized = (judged["kind"] == "effect") & judged[["text", "figure"]].isna().all(axis=1)
    bare = int((sized & (judged["verdict"] == HOLDS)).sum())
    in_all = judged.groupby("id")["verdict"].apply(lambda words: words.isin(VERDICTS[:2]).all())
    whole_claims = ledger.groupby("id")["verdict"].apply(lambda words: not words.isin([TOO_LITTLE, NOT_RUN]).any())
    return (
        f"{whole}{len(judged)} of them, on {names}, were run in {FEWEST} trials or more at a scale at which they can "
        f"be tried: {hold} hold ({bare} of them by their side alone, for the paper gives no size), {other} hold with "
        f"an effect of another size, {against} {'is' if against == 1 else 'are'} contradicted, and {open_} stay "
        f"undecided. "
        f"{rest} All tests of a claim hold in {int((in_all & whole_claims.reindex(in_all.index)).sum())} of "
        f"{judged['id'].nunique()} claims that were tried."
    )


def in_short(ledger: pd.DataFrame) -> str:
    """How the tests came out, in one sentence: what was not tried counts too.

    >>> in_short(ledger(rows))
    'Of the 108 tests that the paper's claims make, 52 hold here (11 with an effect of another size), 4 are ...'
    """
    found = [int((ledger["verdict"] == word).sum()) for word in VERDICTS[:4]]
    hold, other, against, open_ = found
    waiting = len(ledger) - sum(found)
    sizes = f" ({other} with an effect of another size)" if other else ""
    return (
        f"Of the {len(ledger)} tests that the paper's claims make, {hold + other} hold here{sizes}, "
        f"{against} {'is' if against == 1 else 'are'} contradicted, {open_} "
        f"{'stays' if open_ == 1 else 'stay'} undecided, and {waiting} {'was' if waiting == 1 else 'were'} not run or "
        f"too little for a verdict."
    )


def as_json(ledger: pd.DataFrame) -> list[dict[str, Any]]:
    """The ledger as plain dicts for JSON: what is not a number is None."""
    return [{str(name): _scalar(value) for name, value in line.items()} for line in ledger.to_dict("records")]


def as_text(ledger: pd.DataFrame) -> str:
    """The ledger for a terminal: the verdict first, each test with its numbers and why; what was not run by name."""
    run, rest = ledger[ledger["verdict"] != NOT_RUN], ledger[ledger["verdict"] == NOT_RUN]
    lines = [headline(ledger)]
    for identity, claim in run.groupby("id", sort=False):
        lines += ["", f"{identity}  {claim['statement'].iloc[0]}"]
        test: Any
        for test in claim.itertuples():
            lines += [
                f"    {test.verdict.upper()}{f' ({test.part})' if test.part else ''}: {_said(test)}",
                f"      {test.why}",
            ]
            lines += [f"      {'; '.join([test.scale, *test.departures])}"] if test.scale else []
    if len(rest):
        lines += ["", f"not run: {', '.join(dict.fromkeys(rest['id']))}"]
    return "\n".join(lines)


def _said(test: Any) -> str:
    unit = "% of the levels" if test.kind == "all" else test.unit
    ours = "nothing yet" if not test.n else f"{number(test.value)} {unit} {test.where}, n = {test.n}"
    return f"text {number(test.text)}, figure {number(test.figure)} [{test.unit}]; ours {ours}"


def _scalar(value: Any) -> Any:
    if isinstance(value, list):
        return [_scalar(one) for one in value]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value

"""The tables of claims: what the paper says, what we measured, and the verdict, with its reason."""

import math

import pandas as pd

from lthlib.book.html_table import Link, Table
from lthlib.evidence import calibration
from lthlib.evidence.levels import known, number
from lthlib.evidence.verdicts import CONTRADICTED, HOLDS, NOT_RUN, OTHER_SIZE, TOO_LITTLE, UNDECIDED, VERDICTS, WORDS
from lthlib.specs import NAMES

# A verdict is told by its shape and its word, not by a colour.
SHAPES = {HOLDS: "●", OTHER_SIZE: "◐", CONTRADICTED: "✕", UNDECIDED: "○", TOO_LITTLE: "◌", NOT_RUN: "–"}
LEDGER = "claims.html"  # the page of all claims, beside every other of the book


def verdict(word: str) -> str:
    """A verdict as pages print it: "● holds"."""
    return f"{SHAPES[word]} {word}"


def linked(claim: str) -> Link:
    """The name of a claim, which leads to its place in the ledger."""
    return Link(claim, f"{LEDGER}#{claim}")


def ledger(tests: pd.DataFrame) -> Table:
    """Tests (`evidence.ledger`): the verdict first, the claim, what the paper's text and figure say, and what we
    measured; under each its reason, the level, the scale, and what else is to be said of the claim."""
    lines, notes, last = [], [], ""
    for test in tests.to_dict("records"):
        first, last = test["id"] != last, test["id"]
        lines.append(
            {
                "": linked(test["id"]),
                "verdict": verdict(test["verdict"]),
                "claim, in our words": f"{test['statement'] if first else ''} {_named(test)}".strip(),
                "text": said(test, "text"),
                "figure": said(test, "figure"),
                "ours": ours(test),
            }
        )
        notes.append(_reasons(test, first))
    caption = "In brackets 95 % intervals, n the number of trials. What the words mean: the page on verdicts."
    return Table(pd.DataFrame(lines, dtype=object), caption, notes, "lth-table lth-ledger lth-stack")


def brief(tests: pd.DataFrame, ids: list[str]) -> Table:
    """A few claims in short: the verdict, what the paper says and what we measured; of each the tests that were run."""
    chosen = pd.concat([tests[tests["id"] == name] for name in ids])
    run = chosen[chosen["verdict"] != NOT_RUN]
    shown = run if len(run) else chosen.drop_duplicates("id")
    table = pd.DataFrame(
        {
            "": list(map(linked, shown["id"])),
            "verdict": list(map(verdict, shown["verdict"])),
            "the paper's claim, in our words": [
                f"{test['statement']} {_named(test)}".strip() for test in shown.to_dict("records")
            ],
            "its text": [said(test, "text") for test in shown.to_dict("records")],
            "its figure": [said(test, "figure") for test in shown.to_dict("records")],
            "here": [ours(test) for test in shown.to_dict("records")],
        },
        dtype=object,
    )
    scales = "; ".join(dict.fromkeys(scale for scale in run["scale"] if scale))
    caption = f"Here: {scales}. In brackets 95 % intervals, n the number of trials." if len(run) else "Not run yet."
    return Table(table, caption, classes="lth-table lth-brief lth-stack")


def verdicts(tests: pd.DataFrame) -> Table:
    """How many tests came out how, and of which claims they are."""
    lines = []
    for word in VERDICTS:
        given = tests[tests["verdict"] == word]
        counts = given.groupby("id", sort=False).size()
        which: list[str] = [
            Link(f"{name} ({n})" if n > 1 else str(name), linked(str(name)).to) for name, n in counts.items()
        ]
        lines.append(
            {
                "verdict": verdict(word),
                "tests": len(given),
                "what it says": WORDS[word],
                "of the claims": which or ["none"],
            }
        )
    caption = f"{len(tests)} tests of {tests['id'].nunique()} claims; in brackets how many of a claim's, where several."
    return Table(pd.DataFrame(lines, dtype=object), caption, classes="lth-table lth-verdicts lth-stack")


def calibrated() -> Table:
    """The rule on trials drawn from worlds whose answer is known: how often it gives which word, in percent."""
    table = calibration.table()
    words = table.columns[3:]
    table[words] = table[words].map("{:.0f}".format)
    renamed = {word: verdict(word) for word in words} | {"truth": "in truth it is", "n": "trials", "claim": "the claim"}
    caption = "Percent of 1,000 drawn experiments of 3 and of 5 trials, that scatter as Lenet's do."
    return Table(table.rename(columns=renamed), caption, classes="lth-table")


def said(test: dict, name: str) -> str:
    """The paper's value of a test, its `text` or its `figure`, with the unit."""
    value = test[name]
    if isinstance(value, list):
        return f"from P_m {number(value[0])} to {number(value[1])} %"
    return "–" if value is None or pd.isna(value) else with_unit(value, test["unit"])


def ours(test: dict) -> str:
    """Our value of a test, with its interval and the number of trials, in as many digits as are known."""
    if not test["n"]:
        return "–"
    if test["kind"] == "all":
        value, low, high = (f"{share:.0f}" for share in (test["value"], test["low"], test["high"]))
        unit = "% of levels"
    else:
        value, low, high = (measured(test, test[name]) for name in ("value", "low", "high"))
        unit = test["unit"]
    span = f" [{low} to {high}]" if pd.notna(test["low"]) else ""
    return f"{value} {unit}{span}, n = {test['n']}"


def measured(test: dict, value: float) -> str:
    """One of a test's own numbers, a trial's for example, in the digits that its interval leaves known."""
    edge = test["neutral"] if test["kind"] == "effect" else math.nan
    return known(value, test["low"], test["high"], edge)


def with_unit(value: float, unit: str) -> str:
    """A value of the paper's as pages print it: two decimals at most, three digits where it is large."""
    shown = number(value) if abs(value) < 100 else f"{value:,.0f}"
    return f"{shown} {unit}"


def _named(test: dict) -> str:
    """Which test of a claim it is, where it has several."""
    several = test["part"] or (NAMES[test["network"]] if test["id"] == "A1" else "")
    return f"[{several}]" if several else ""


def _reasons(test: dict, first: bool) -> str:
    figure = test["figure_verdict"]
    beside = f"Against the figure's value: {figure}." if figure and figure != test["verdict"] else ""
    where = f"{test['where'][:1].upper()}{test['where'][1:]}." if test["where"] else ""
    scale = f"{test['scale']}." if test["scale"] else ""
    parts = [f"{test['why']}." if test["why"] else "", where, beside, scale, (test["note"] or "") if first else ""]
    return " ".join(part for part in parts if part)

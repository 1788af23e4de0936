"""The ledger's page: every test once, its picture where its numbers are, its links, its words, its weight."""

import json
import re
from base64 import b64decode
from gzip import decompress
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import make_rows

from lthlib.book import chapters, claim_tables, interval_plot, ledger_page
from lthlib.evidence import claims
from lthlib.evidence import ledger as judged
from lthlib.evidence.levels import decimals, known, number
from lthlib.evidence.verdicts import CONTRADICTED, HOLDS, OTHER_SIZE, TOO_LITTLE, VERDICTS

ROOT = Path(__file__).parents[2]
PARTS = {(claim["id"], part["label"]): part for claim in claims.load() for part in claim["parts"]}
FILES = re.compile(r'base64,[^"]*')


@pytest.fixture(scope="module")
def tests():
    return judged.ledger(make_rows(trials=3))


@pytest.fixture(scope="module")
def committed():
    return chapters.ledger("published")


@pytest.fixture(scope="module")
def html(tests):
    return ledger_page.page(tests)._repr_html_()


class Elements(HTMLParser):
    """The elements of a text, each with its attributes, and a complaint about what is not closed in order."""

    VOID = ("input", "br", "path", "circle")

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


# --- the table ---


def test_every_test_is_on_the_page_once_in_its_claim(tests, html):
    bodies = re.findall(r'<tbody id="(\w+)".*?</tbody>', html, re.DOTALL)
    assert bodies == list(dict.fromkeys(tests["id"]))
    for name, body in zip(bodies, re.findall(r"<tbody.*?</tbody>", html, re.DOTALL), strict=True):
        mine = tests[tests["id"] == name]
        rows = re.findall(r'<tr data-verdict="(\d)".*?</tr>', body, re.DOTALL)
        assert [VERDICTS[int(n)] for n in rows] == mine["verdict"].tolist()
        for test in mine.to_dict("records"):
            assert body.count(f"<b>{ledger_page.as_html(ledger_page.title(test))}</b>") == 1
            assert f"{claim_tables.SHAPES[test['verdict']]} {test['verdict']}" in body
            for key in test["keys"]:
                assert f'href="#key-{key}"' in body


def test_it_is_whole_html_whose_names_are_told_apart(html):
    names = [attributes["id"] for _, attributes in Elements(html).found if "id" in attributes]
    assert len(names) == len(set(names))
    assert {claim["id"] for claim in claims.load()} <= set(names)


def test_no_number_is_none(tests, html):
    assert not re.search(r"\b(nan|None|inf)\b", FILES.sub("", html))
    shown = claim_tables.ledger(tests)._repr_html_() + claim_tables.brief(tests, ["L7", "C1"])._repr_html_()
    assert not re.search(r"\b(nan|None|inf)\b", shown)


def test_it_escapes(tests):
    changed = tests.copy()
    changed.loc[changed["id"] == "L1", ["statement", "note"]] = "a < b & c"
    page = ledger_page.page(changed).html
    assert page.count("a &lt; b &amp; c") == 2


def test_the_file_is_the_ledger(tests, html):
    packed = re.search(r'download="claims.json.gz" href="data:application/gzip;base64,([^"]*)"', html)[1]
    found = json.loads(decompress(b64decode(packed)))
    assert len(found) == len(tests)
    for one, line in zip(found, judged.as_json(tests), strict=True):
        assert one.keys() == line.keys()
        for name, value in line.items():
            assert one[name] == (pytest.approx(value, rel=1e-4) if isinstance(value, float) else one[name])
        assert (one["id"], one["part"], one["verdict"]) == (line["id"], line["part"], line["verdict"])
        assert one["trials"] == pytest.approx(line["trials"], rel=1e-4)


def test_a_claim_leads_to_the_chapter_that_shows_it():
    for stem, name in ledger_page.CHAPTERS.items():
        first = nbformat.read(ROOT / "book" / f"{stem}.ipynb", as_version=4).cells[0].source
        assert first.startswith(f"# {name}\n")
    assert {claim["page"] for claim in claims.load()} == {*ledger_page.CHAPTERS, "claims"}


def test_other_tables_lead_to_the_ledger_and_to_trainings(tests):
    for table in (claim_tables.ledger(tests), claim_tables.brief(tests, ["L7"]), claim_tables.verdicts(tests)):
        assert '<a href="claims.html#L7">L7</a>' in table._repr_html_()
    rows = make_rows(trials=1, rounds=1, arms=("ticket",), key="a" * 12)
    assert f'<a id="key-{"a" * 12}" download=' in chapters.provenance(rows, {})._repr_html_()


def test_the_page_stays_light(committed):
    """The theme and the table of trainings take up to 90 kB of the page's 300."""
    html = ledger_page.page(committed).html
    assert len(html.encode()) < 200_000
    assert len(re.findall("<tr data-verdict", html)) == len(committed)


# --- the pictures ---


def drawn(svg):
    """What a picture shows, in the numbers of its own ticks: marks by class, each a list of values."""
    names = [float(name.replace(",", "")) for name in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]
    places = [float(x) for x in re.findall(r'<text x="([^"]*)"', svg)]
    marks = {}
    for kind, path in re.findall(r'<path class="(\w)" d="([^"]*)"', svg):
        marks[kind] = [float(x) for x in re.findall(r"M([-\d.]+)", path)]
        marks[kind] += [float(x) for x in re.findall(r"H([-\d.]+)", path)] if kind == "o" else []
    marks["v"] = [float(x) for x in re.findall(r'class="v" cx="([^"]*)"', svg)]
    return names, places, marks


def along(names, places, place, log):
    """The number at a place, from the ticks alone."""
    scale, back = (np.log, np.exp) if log else (np.array, float)
    slope, start = np.polyfit(places, scale(names), 1)
    return float(back(slope * place + start)), abs(float(slope))


def check(test, part):
    svg = interval_plot.plot(test, part)
    axis = interval_plot.axis(test, part)
    names, places, marks = drawn(svg)
    assert 2 <= len(names) <= 6
    low, high = interval_plot.goal(part)
    expected = {"v": [test["value"]], "d": test["trials"], "e": [edge for edge in (low, high) if np.isfinite(edge)]}
    if np.isfinite(test["low"]):
        expected["o"] = [test["low"], test["low"], test["high"], test["high"]]
    for kind, name in (("t", "text"), ("f", "figure")):
        given = part["kind"] != "all" and test[name] is not None and np.isfinite(test[name])
        expected |= {kind: [test[name]]} if given else {}
    for kind in "tfo":
        assert (kind in marks) == (kind in expected)
    for kind, values in expected.items():
        assert len(marks[kind]) == len(values), kind
        for place, value in zip(sorted(marks[kind]), sorted(values), strict=True):
            assert 0 <= place <= interval_plot.WIDTH
            found, slope = along(names, places, place, axis.log)
            assert abs((np.log(found / value)) if axis.log else found - value) < 1.5 * slope, (kind, value, found)


def test_marks_lie_where_the_numbers_are(committed):
    """A picture read by its own ticks gives back the paper's values, ours, the interval, each trial and the edge."""
    run = committed[committed["n"] > 0]
    assert len(run) > 70
    for test in run.to_dict("records"):
        check(test, PARTS[test["id"], test["part"]])


finite = st.floats(-1e4, 1e4).map(lambda value: round(value, 3))


@given(finite, st.floats(0.001, 1e4), st.lists(finite, min_size=1, max_size=5), st.one_of(st.none(), finite))
def test_any_numbers_find_room(value, half, trials, text):
    part = {"kind": "effect", "side": "above", "neutral": 0, "text": text, "measure": {"gain": {}}}
    test = {"text": text, "figure": None, "value": value, "low": value - half, "high": value + half, "trials": trials}
    found = interval_plot.axis(test, part)
    for one in (value, value - half, value + half, *trials, 0, *([] if text is None else [text])):
        assert 0 <= found.at(one) <= interval_plot.WIDTH
    ticks = found.ticks()
    assert 2 <= len(ticks) <= 5
    assert ticks == sorted(set(ticks))


@given(st.floats(0.01, 100), st.floats(1.001, 50))
def test_ratios_lie_on_a_logarithmic_axis(value, factor):
    part = {"kind": "effect", "side": "above", "neutral": 1, "text": None, "measure": {"faster": {}}}
    test = {"text": None, "figure": None, "value": value, "low": value / factor, "high": value * factor, "trials": []}
    found = interval_plot.axis(test, part)
    assert found.log
    assert found.at(value) - found.at(value / factor) == pytest.approx(found.at(value * factor) - found.at(value))
    assert 1 <= len(found.ticks()) <= 5


def test_what_holds_lies_in_the_shade_and_what_is_contradicted_outside(committed):
    for test in committed.to_dict("records"):
        low, high = interval_plot.goal(PARTS[test["id"], test["part"]])
        inside = low <= test["low"] and test["high"] <= high
        if test["verdict"] in (HOLDS, OTHER_SIZE) and test["kind"] != "all":
            assert inside
        if (
            test["verdict"] == CONTRADICTED
            and test["kind"] != "all"
            and not PARTS[test["id"], test["part"]].get("every")
        ):
            assert test["high"] < low or test["low"] > high


# --- the numbers ---


@pytest.mark.parametrize(
    ("value", "low", "high", "edge", "shown"),
    [
        (28.042328, 0.676240, 47.868399, 0, ["28", "1", "48"]),
        (0.442, 0.165273, 0.718727, 0, ["0.44", "0.17", "0.72"]),
        (2.372093, 1.327586, 4.238388, 1, ["2.4", "1.3", "4.2"]),
        (0.278, 0.0043, 0.55, 0, ["0.278", "0.004", "0.550"]),  # it lies above 0, and is printed so
        (0.278, 0.0043, 0.55, np.nan, ["0.28", "0.00", "0.55"]),
        (13_044.7, 9_000, 17_000, 0, ["13,045", "9,000", "17,000"]),
        (1.0, 1.0, 1.0, 0, ["1.00", "1.00", "1.00"]),
        (-0.001, -0.4, 0.4, 0, ["0.00", "-0.40", "0.40"]),
    ],
)
def test_a_number_has_as_many_digits_as_are_known(value, low, high, edge, shown):
    assert [known(one, low, high, edge) for one in (value, low, high)] == shown


def test_without_an_interval_there_are_three_digits():
    assert [known(value) for value in (82.0712, 0.4213, 5.6, 13_044.7, -0.0001)] == [
        "82.1",
        "0.42",
        "5.6",
        "13,045",
        "0",
    ]
    assert [known(value) for value in (np.nan, np.inf)] == ["–", "–"]
    assert number(np.nan) == "–"


@given(st.floats(-1e4, 1e4), st.floats(1e-6, 1e4))
def test_digits_beyond_the_interval_are_not_printed(value, half):
    n = decimals(value - half, value + half)
    assert 0 <= n <= 2
    assert n == 0 or 10**-n > half / 100


def test_an_interval_on_one_side_is_never_printed_as_touching_none(committed):
    for test in committed[committed["kind"] == "effect"].to_dict("records"):
        for end in ("low", "high"):
            if np.isfinite(test[end]) and test[end] != test["neutral"] and abs(test[end] - test["neutral"]) > 1e-3:
                assert float(claim_tables.measured(test, test[end]).replace(",", "")) != test["neutral"]


def test_the_words_for_too_little_keep_their_value(committed):
    short = committed[(committed["verdict"] == TOO_LITTLE) & (committed["n"] == 1)]
    assert len(short)
    for test in short.to_dict("records"):
        assert claim_tables.ours(test).endswith("n = 1")
        assert pd.isna(test["low"])

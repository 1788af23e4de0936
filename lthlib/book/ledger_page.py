"""The ledger as a page: all claims as one table that a script makes searchable, with a picture of every test.

The table is complete without the script, and the page loads nothing: styles, script and file are in the element.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from gzip import compress
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from lthlib.book.claim_tables import SHAPES, ours, said
from lthlib.book.html_table import as_html, carried
from lthlib.book.interval_plot import plot
from lthlib.evidence import claims
from lthlib.evidence import ledger as judged
from lthlib.evidence.verdicts import VERDICTS
from lthlib.specs import NAMES

CHAPTERS = {  # the pages that claims are shown on, by name
    "02-fully-connected": "Fully-connected networks",
    "03-convolutional": "Convolutional networks",
    "04-dropout": "Dropout",
    "05-vgg-and-resnet": "VGG and ResNet",
    "06-two-strategies": "Two strategies",
    "07-inside-tickets": "Inside the winning ticket",
    "08-explorations": "Explorations",
}
KINDS = {"effect": "effects", "equal": "equalities", "all": "all levels"}
ORDERS = {
    "given": "as in the paper",
    "verdict": "by verdict",
    "n": "by number of trials",
    "part": "by share of the paper's iterations",
}
COLUMNS = ("Verdict", "Test", "On its own axis", "In numbers")
KEY = (  # how a mark is drawn, and what it means
    ('<path class="t" d="M8 3l5 5-5 5-5-5z"/>', "the paper's text"),
    ('<path class="f" d="M8 5l3 3-3 3-3-3z"/>', "its figure"),
    ('<path class="o" d="M1 8H23M1 4v8M23 4v8"/><circle class="v" cx="12" cy="8" r="4"/>', "ours, 95 % interval"),
    ('<path class="d" d="M4 8h0M12 8h0M19 8h0"/>', "our trials"),
    ('<path class="g" d="M8 1H24V15H8z"/><path class="e" d="M8 1V15"/>', "where the interval must lie"),
)


@dataclass(frozen=True)
class Page:
    """An element that a notebook cell shows."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def page(tests: pd.DataFrame, of: list[dict[str, Any]] | None = None) -> Page:
    """The ledger (`evidence.ledger`) as one element, with the claims that it was made `of` (all, unless said).

    >>> ledger_page.page(chapters.ledger("published"))
    """
    of = claims.load() if of is None else of
    parts = {(claim["id"], part["label"]): part for claim in of for part in claim["parts"]}
    lines: list[dict[str, Any]] = [{str(name): v for name, v in line.items()} for line in tests.to_dict("records")]
    bodies = [_claim(list(group), parts) for group in _by_claim(lines)]
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    count = f"{len(lines)} tests of {len(bodies)} claims"
    html = (
        f'<div class="lp" id="ledger"><style>{_file("css")}</style>{_key()}{_controls(lines)}{_files(tests)}'
        f"<table><caption>{count}. In brackets 95 % intervals, n the number of trials."
        f"</caption><thead><tr>{head}</tr></thead>{''.join(bodies)}</table>"
        f"<script>{_file('js')}</script></div>"
    )
    return Page(html, judged.as_text(tests))


def _file(kind: str) -> str:
    return Path(__file__).with_name(f"ledger_page.{kind}").read_text(encoding="utf-8")


def _by_claim(lines: Iterable[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    claims: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        claims.setdefault(line["id"], []).append(line)
    return claims.values()


# --- the table -------------------------------------------------------------------------------------------------------


def _claim(tests: list[dict[str, Any]], parts: Mapping[tuple[str, str], dict[str, Any]]) -> str:
    """A claim: a line that says it, a row for each of its tests, and what is to be known of all of them."""
    first, name = tests[0], tests[0]["id"]
    place = f"{'Appendix' if first['section'][:1].isupper() else 'Section'} {first['section']}"
    place = "Abstract" if first["section"] == "abstract" else place
    if chapter := CHAPTERS.get(first["page"]):
        place += f' · shown in <a href="{first["page"]}.html">{chapter}</a>'
    head = f'<a href="#{name}">{name}</a> <b>{as_html(first["statement"])}</b> <span class="lp-small">{place}</span>'
    rows = "".join(_test(test, parts[name, test["part"]]) for test in tests)
    foot = "".join(f"<p>{as_html(note)}</p>" for note in dict.fromkeys(t["note"] for t in tests if t["note"]))
    foot += _grounds(tests)
    last = (
        f'<tr class="lp-foot"><td colspan="{len(COLUMNS)}"><div class="lp-small">{foot}</div></td></tr>' if foot else ""
    )
    return (
        f'<tbody id="{name}" data-page="{first["page"]}">'
        f'<tr class="lp-claim"><th colspan="{len(COLUMNS)}" scope="rowgroup">{head}</th></tr>{rows}{last}</tbody>'
    )


def _test(test: dict[str, Any], part: Mapping[str, Any]) -> str:
    """A test: the verdict first, what it is of and why, its picture, and its numbers."""
    word, beside = test["verdict"], test["figure_verdict"]
    other = f'<div class="lp-small">figure: {_word(beside)}</div>' if beside and beside != word else ""
    of_paper = 0.0 if pd.isna(test["of_paper"]) else test["of_paper"]
    numbers = {"text": said(test, "text"), "figure": said(test, "figure"), "here": ours(test)}
    told = [
        f"<div><span>{name}</span>{as_html(text).replace('n = ', 'n&nbsp;=&nbsp;')}</div>"
        for name, text in numbers.items()
        if text != "–"
    ]
    why = re.sub(r"^95 % interval [^;:]*[;:]? ?", "", test["why"])  # it stands beside
    why = " ".join(_sentence(text) for text in (why, test["where"]) if text)
    return (
        f'<tr data-verdict="{VERDICTS.index(word)}" data-network="{test["network"]}" data-kind="{test["kind"]}" '
        f'data-n="{test["n"]}" data-part="{of_paper:.3g}"><td>{_word(word)}{other}</td>'
        f'<td><b>{as_html(title(test))}</b><div class="lp-small">{as_html(why)}</div></td>'
        f"<td>{plot(test, part) if test['n'] else ''}</td>"
        f"<td>{''.join(told)}</td></tr>"
    )


def _word(word: str) -> str:
    return f'<span class="lp-{VERDICTS.index(word)}">{SHAPES[word]} {word}</span>'


def title(test: Mapping[str, Any]) -> str:
    """Which test it is: its network, and the quantity or level where a claim has several.

    >>> title({"network": "lenet", "part": "reinit at 21.1 %"}), title({"network": "conv2", "part": "Conv-2 train"})
    ('Lenet-300-100: reinit at 21.1 %', 'Conv-2 train')
    """
    network, part = NAMES[test["network"]], test["part"]
    begins = part.replace(",", " ").split(" ")[0]
    return part if begins and network.startswith(begins) else f"{network}{': ' if part else ''}{part}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _grounds(tests: list[dict[str, Any]]) -> str:
    """On what the tests of a claim were measured: at which scale, in what that departs from the paper, and a link to
    the trainings; once for all that share it."""
    of: dict[tuple[Any, ...], list[str]] = {}
    for test in tests:
        if test["keys"]:
            of.setdefault((test["scale"], *test["departures"], tuple(test["keys"])), []).append(title(test))
    lines = []
    for (scale, *departures, keys), titles in of.items():
        who = f"<b>{as_html('; '.join(titles))}:</b> " if len(of) > 1 else ""
        unlike = f"Unlike the paper: {'; '.join(departures)}." if departures else "At the paper's settings."
        links = ", ".join(f'<a href="#key-{key}">{key}</a>' for key in keys)
        lines.append(f"<p>{who}{as_html(f'{_sentence(scale)} {unlike}')} Trainings: {links}.</p>")
    return f"<details open><summary>What it was measured on</summary>{''.join(lines)}</details>" if lines else ""


# --- around it -------------------------------------------------------------------------------------------------------


def _key() -> str:
    """What the marks of the pictures mean."""
    marks = "".join(
        f'<span><svg class="lp-mark" viewBox="0 0 24 16" aria-hidden="true">{mark}</svg>{means}</span>'
        for mark, means in KEY
    )
    return f'<p class="lp-key">{marks}</p>'


def _controls(lines: list[dict[str, Any]]) -> str:
    """What the script needs: hidden until it runs."""
    verdicts = "".join(
        f'<label class="lp-chip"><input type="checkbox" name="verdict" value="{n}">{_word(word)} '
        f"<span>{sum(line['verdict'] == word for line in lines)}</span></label>"
        for n, word in enumerate(VERDICTS)
    )
    networks = {name: NAMES[name] for name in dict.fromkeys(line["network"] for line in lines)}
    kinds = {kind: name for kind, name in KINDS.items() if kind in {line["kind"] for line in lines}}
    pages = {page: name for page, name in CHAPTERS.items() if page in {line["page"] for line in lines}}
    chosen = [
        _select("network", "Network", networks),
        _select("kind", "Kind", kinds),
        _select("page", "Chapter", pages),
    ]
    return (
        f'<form class="lp-bar" hidden><fieldset><legend>Verdict</legend>{verdicts}</fieldset><div class="lp-fields">'
        f'<label>Search<input type="search" name="search" autocomplete="off"></label>{"".join(chosen)}'
        f'<label>Order<select name="order">{_options(ORDERS)}</select></label></div>'
        f'<div class="lp-shown"><output aria-live="polite"></output><button type="reset">Show all</button>'
        f'<button type="button" class="lp-unfold" aria-pressed="false">Unfold all</button></div></form>'
    )


def _select(name: str, label: str, options: Mapping[str, str]) -> str:
    return f'<label>{label}<select name="{name}"><option value="">all</option>{_options(options)}</select></label>'


def _options(options: Mapping[str, str]) -> str:
    return "".join(f'<option value="{escape(value)}">{escape(name)}</option>' for value, name in options.items())


def _files(tests: pd.DataFrame) -> str:
    """The ledger as a file, packed; the script unpacks it where somebody asks, and makes a table of it."""
    records = [{name: _rounded(value) for name, value in line.items()} for line in judged.as_json(tests)]
    packed = compress(json.dumps(records, ensure_ascii=False).encode(), mtime=0)
    link = f'<a download="claims.json.gz" href="{carried(packed, "gzip")}">JSON</a>'
    made = '<span hidden>, <a download="claims.csv" href="#">CSV</a></span>'  # by the script
    return f'<p class="lp-files">All tests as a file: {link}{made}</p>'


def _rounded(value: Any) -> Any:
    """Five digits of a number: more than any is known to."""
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value

"""The ledger in a real browser: it filters, searches and sorts, opens at a claim's address, and shuts nobody out."""

import csv
import json
import re
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Watched, chromium

from lthlib.book import chapters, claim_tables, ledger_page
from lthlib.evidence import ledger as judged
from lthlib.evidence.verdicts import CONTRADICTED, HOLDS, VERDICTS

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[1]
ROWS = "#ledger tr[data-verdict]:visible"


def styles():
    """The theme's and the book's, as a page of the book has them, but for files that those would load."""
    for package, name in (("pydata_sphinx_theme", "pydata-sphinx-theme"), ("sphinx_book_theme", "sphinx-book-theme")):
        folder = Path(find_spec(package).origin).parent / "theme" / package / "static" / "styles"
        text = (folder / f"{name}.css").read_text(encoding="utf-8")
        yield re.sub(r"url\((?![\"']?data:)[^)]*\)", "none", text)
    yield (ROOT / "book/_static/lth.css").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tests():
    return chapters.ledger("published")


@pytest.fixture(scope="module")
def address(tests, tmp_path_factory):
    """The element by itself, in the frame that Jupyter Book puts around a cell's output."""
    head = f'<meta name="viewport" content="width=device-width"><style>{"".join(styles())}</style>'
    bare = tmp_path_factory.mktemp("ledger") / "claims.html"
    bare.write_text(
        f'<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Claims</title>{head}'
        '</head><body><main class="bd-content" style="display: block; max-width: 768px; margin: auto; padding: 0 1rem">'
        '<article class="bd-article"><h1>Claims</h1><div class="cell_output"><div class="output text_html">'
        f"{ledger_page.page(tests).html}{claim_tables.verdicts(tests)._repr_html_()}</div></div></article></main></body>"
        "</html>",
        encoding="utf-8",
    )
    return bare.as_uri()


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@contextmanager
def opened(browser, address, width=1440, **options):
    with browser.new_context(viewport={"width": width, "height": 900}, **options) as context:
        page = context.new_page()
        watched = Watched(page, "file:")
        page.goto(address)
        yield page
        assert watched.complaints() == []


@pytest.fixture
def page(browser, address):
    with opened(browser, address) as page:
        yield page


def shown(page):
    """Claim and test of each row that is seen, from above."""
    read = "all => all.map(row => [row.closest('tbody').id, row.cells[1].querySelector('b').textContent])"
    return [tuple(pair) for pair in page.locator(ROWS).evaluate_all(read)]


def expected(tests):
    return [(test["id"], ledger_page.title(test).replace("P_m", "Pm")) for test in tests.to_dict("records")]


def said(page):
    return page.locator("#ledger output").inner_text()


def choose(page, /, **options):
    for name, value in options.items():
        page.locator(f"#ledger select[name={name}]").select_option(value)


# --------------------------------------------------------------------------------------------------------- what is seen


def test_filters_leave_what_the_rows_say(page, tests):
    assert shown(page) == expected(tests)
    page.locator(f"#ledger input[value='{VERDICTS.index(HOLDS)}']").check()
    assert shown(page) == expected(tests[tests["verdict"] == HOLDS])
    page.locator(f"#ledger input[value='{VERDICTS.index(CONTRADICTED)}']").check()
    some = tests[tests["verdict"].isin([HOLDS, CONTRADICTED])]
    assert shown(page) == expected(some)
    assert said(page).startswith(f"{len(some)} of {len(tests)} tests of {tests['id'].nunique()} claims")
    choose(page, kind="equal")
    assert shown(page) == expected(some[some["kind"] == "equal"])
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function(
        "n => document.querySelectorAll('#ledger tr[data-verdict]:not([hidden])').length === n", arg=len(tests)
    )
    for name in ("conv2", "vgg19"):
        choose(page, network=name)
        assert shown(page) == expected(tests[tests["network"] == name])
    choose(page, network="", page="04-dropout")
    assert shown(page) == expected(tests[tests["page"] == "04-dropout"])


def test_search_finds_words_of_claims_and_tests(page, tests):
    field = page.get_by_label("Search")
    field.fill("one-shot tickets")
    assert {name for name, _ in shown(page)} == {"L10", "L11"}
    field.fill("no such word")
    assert shown(page) == []
    assert said(page).startswith("none of ")
    assert not page.locator("#ledger tbody:visible").count(), "no claim without a test"


def test_order_is_by_claim(page, tests):
    choose(page, order="n")
    names = list(dict.fromkeys(name for name, _ in shown(page)))
    most = tests.groupby("id")["n"].max()
    assert [most[name] for name in names] == sorted(most, reverse=True)
    choose(page, order="verdict")
    first = page.locator(ROWS).first.get_attribute("data-verdict")
    assert int(first) == min(VERDICTS.index(word) for word in tests["verdict"])
    choose(page, order="given")
    assert shown(page) == expected(tests)


def test_an_address_leads_to_its_claim_whatever_is_filtered(browser, address):
    with opened(browser, f"{address}#L7") as page:
        place = page.locator("#L7 .lp-claim")
        page.wait_for_function("document.getElementById('L7').getBoundingClientRect().top < 200")
        assert place.bounding_box()["y"] >= 0
        assert page.locator("#L7 details").get_attribute("open") is not None
        assert page.locator("#L8 details").get_attribute("open") is None
        page.locator("#ledger input[name=search]").fill("dropout")
        assert not place.is_visible()
        page.evaluate("location.hash = '#F6'")
        page.wait_for_function("document.getElementById('F6').getBoundingClientRect().top < 200")
        assert page.locator("#F6 .lp-claim").is_visible()
        assert page.locator("#F6 .lp-claim").bounding_box()["y"] >= 0


def test_files_hold_the_ledger(page, tests, tmp_path):
    found = {}
    for kind in ("JSON", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        assert download.value.suggested_filename == f"claims.{kind.lower()}"
        found[kind] = Path(download.value.path()).read_text(encoding="utf-8")
    lines = json.loads(found["JSON"])
    table = list(csv.DictReader(found["CSV"].splitlines()))
    for one, flat, test in zip(lines, table, judged.as_json(tests), strict=True):
        for name in ("id", "part", "verdict", "statement"):
            assert one[name] == flat[name] == test[name]
        assert one["value"] == (None if test["value"] is None else pytest.approx(test["value"], rel=1e-4))
        assert flat["value"] == "" if one["value"] is None else float(flat["value"]) == one["value"]
        assert json.loads(flat["trials"]) == one["trials"]


# --------------------------------------------------------------------------------------------------------- every reader


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_off_screen(browser, address, width):
    with opened(browser, address, width) as page:
        page.get_by_role("button", name="Unfold all").click()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        outside = """all => all.filter(e => { const box = e.getBoundingClientRect();
          return box.width > 1 && (box.left < 0 || box.right > innerWidth); }).map(e => e.outerHTML.slice(0, 99))"""
        assert page.locator("#ledger :is(td, th, td *, label, select, button)").evaluate_all(outside) == []
        first = page.locator("#L7 tr[data-verdict] td")
        tops = [box["y"] for box in first.evaluate_all("all => all.map(e => e.getBoundingClientRect())")]
        assert tops[0] == min(tops), "the verdict comes first"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out(browser, address, theme):
    with opened(browser, address, 768) as page:
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        page.get_by_label("Search").fill("Lenet")  # half of the page, every kind of part
        page.get_by_role("button", name="Unfold all").click()
        grave = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
        assert [(v["id"], v["nodes"][0]["html"][:200]) for v in grave] == []


def test_it_is_used_by_keyboard(page):
    page.locator("#ledger input[type=checkbox]").first.focus()
    page.keyboard.press("Space")
    assert said(page).startswith(str(page.locator(ROWS).count()))
    for _ in range(len(VERDICTS)):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "search"
    page.keyboard.type("nothing like this")
    page.keyboard.press("Enter")
    assert said(page).startswith("none")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_without_scripts_everything_is_there(browser, address, tests):
    with browser.new_context(java_script_enabled=False, viewport={"width": 768, "height": 900}) as context:
        page = context.new_page()
        page.goto(address)
        assert not page.locator("#ledger form").is_visible()
        text = page.locator("#ledger table").inner_text()
        assert page.locator(ROWS).count() == len(tests)
        assert page.locator("#ledger details[open]").count() == page.locator("#ledger details").count()
        assert not re.search(r"\bnan\b", text)
        for key in {key for keys in tests["keys"] for key in keys}:
            assert key in text


def test_on_paper_everything_is_unfolded(page):
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#ledger details:not([open])").count() == 0
    assert not page.locator("#ledger form").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#ledger details[open]").count() == 0

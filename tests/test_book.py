"""The real book, executed by papermill at a tiny size and laid out: every chapter runs, every figure has its words."""

import os
import re
from html import unescape
from urllib.parse import unquote

import pytest
from browser import Watched, chromium, served
from kernel import ROOT, code, execute, said
from marking import leaks
from papermill.translators import PythonTranslator

from lthlib.book import pages
from lthlib.book.addresses import UNKNOWN
from lthlib.evidence import claims

pytestmark = pytest.mark.book
WITH_FIGURES = {
    "01-the-hypothesis": 2,
    "02-fully-connected": 5,
    "03-convolutional": 2,
    "04-dropout": 1,
    "05-vgg-and-resnet": 1,
    "06-two-strategies": 1,
    "07-inside-tickets": 8,
    "08-explorations": 2,
}
TINY = {"trials": 2, "rounds": 3, "iterations": 30, "networks": "conv2,resnet20"}
TINY |= {"settings": "warmup", "scope": "global", "warmups": "", "factors": "rate,size", "branch_step": 3}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of pages of the whole book.

    Made on one core, where a chapter trains in its own kernel: worker processes would import everything anew for each
    of its small experiments. With workers a chapter is executed in test_kernel.py.
    """
    out, cores = tmp_path_factory.mktemp("book"), os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cores:
        os.sched_setaffinity(0, {max(cores)})
    try:
        return pages.build(ROOT, out, "quick", {**TINY, "store": str(out / "store")}).parent
    finally:
        if cores:
            os.sched_setaffinity(0, cores)


def page(site, name):
    return (site / "book" / f"{name}.html").read_text(encoding="utf-8")


def test_every_chapter_is_there_and_none_shows_a_traceback(site):
    for chapter in pages.notebooks(ROOT):
        assert "Traceback (most recent call last)" not in page(site, chapter.stem)
    for name in ("open-questions", "reproduce", "your-own-network", "assignments", "questions", "glossary"):
        assert page(site, name)


def test_no_page_leads_to_a_placeholder(site):
    files = [path for path in site.rglob("*") if path.is_file()]
    assert [path for path in files if UNKNOWN.encode() in path.read_bytes()] == []


def test_no_solution_of_an_assignment_is_in_the_pages(site):
    assert not leaks(site.parent, sorted(ROOT.glob("assignments/source/*/*.ipynb")))


def test_every_figure_of_a_chapter_has_alt_text_and_a_caption_with_its_scale(site):
    for name, least in WITH_FIGURES.items():
        figures = re.findall(r'<figure class="lth-figure">(.*?)</figure>', page(site, name), re.DOTALL)
        assert len(figures) >= least
        for figure in figures:
            assert len(re.search(r'alt="([^"]*)"', figure)[1]) > 60
        captions = [unescape(re.search(r"<figcaption>(.*?)</figcaption>", f, re.DOTALL)[1]) for f in figures]
        for caption in captions[:5] if name != "01-the-hypothesis" else []:
            assert f"{TINY['iterations']} iterations" in caption
            assert "5,000 digits" in caption
            assert "Reduced scale" in caption


def test_every_page_that_draws_results_says_where_they_come_from(site):
    for name in (*WITH_FIGURES, "claims", "status"):
        ours = page(site, name)
        assert "This page was executed on" in ours
        assert "Show what was asked of this page" not in ours  # it is said there
        keys = set(re.findall(r"Experiment ([0-9a-f]{12})", ours))
        told = re.findall(r'download="(\w{12}).json"[^>]*>\1</a></td><td>(?:Lenet-300-100|Conv-2|ResNet-20)</td>', ours)
        assert told
        assert keys <= set(told)


def test_every_chapter_is_executed_twice_in_one_kernel(site):
    """As 'Run All' again does, with parameters injected; after all the chapters before it."""
    wanted = {"profile": "quick", **TINY, "store": str(site.parent / "store")}
    cells = ["import lthlib.lab.run\nlthlib.lab.run.drive = None  # there is nothing left to train"]
    for chapter in pages.notebooks(ROOT):
        own, given = code(chapter), pages.given_of(ROOT / chapter, wanted)
        if given:
            own.insert(1, PythonTranslator.codify(given))
        cells += 2 * [f"# {chapter}", *own]
    cells = execute(cells).cells
    pages_twice = [cell for cell in cells if cell.source.startswith("# book/")]
    assert len(pages_twice) == 2 * len(pages.notebooks(ROOT))
    records = [said(cell) for cell in cells if "chapters.provenance(" in cell.source and "display" not in cell.source]
    assert len(records) % 2 == 0
    assert len(records) > 2 * len(WITH_FIGURES)
    told = [re.search(r", with (.*?)\.</", record) for record in records]
    assert [t and t[1] for t in told[::2]] == [t and t[1] for t in told[1::2]]


def test_a_word_that_is_linked_shows_its_meaning(site):
    links = [link for name in pages.notebooks(ROOT) for link in TERM.findall(page(site, name.stem))]
    links += TERM.findall(page(site, "questions"))
    assert len(links) > 10
    assert "_static/terms.js" in page(site, "questions"), "which opens it"
    meanings = {unescape(title) for _, title in links}
    assert all(len(meaning) > 30 for meaning in meanings)
    shown = dict(links)
    assert "initial values" in shown["glossary.html#term-rewind"]
    assert set(shown) <= {
        f"glossary.html#{anchor}" for anchor in re.findall(r'id="(term-[\w-]+)"', page(site, "glossary"))
    }


TERM = re.compile(r'<a class="reference internal" href="([^"]*#term-[\w-]+)"(?: title="([^"]*)")?>')


def test_the_ledger_has_a_line_for_every_claim(site):
    ledger = page(site, "claims")
    for claim in claims.load():
        assert f'id="{claim["id"]}"' in ledger
    assert "not run" in ledger


# ------------------------------------------------------------------------------------------------------- in a browser


def addresses(site):
    return sorted(path.relative_to(site).as_posix() for path in site.glob("book/*.html"))


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits_its_window_and_nothing_on_it_fails(site, browser, theme):
    """On a telephone, and in windows that are made wider."""
    with served(site) as home, browser.new_context(color_scheme=theme) as context:
        for address in addresses(site):
            page = context.new_page()
            watched = Watched(page, home)
            for width in (360, 768, 1440):
                page.set_viewport_size({"width": width, "height": 900})
                if width == 360:
                    page.goto(f"{home}/{address}")
                seen = (
                    "[...document.images].filter(i => i.checkVisibility())"  # what is folded away loads when it is seen
                )
                page.wait_for_function(f"{seen}.every(i => i.complete)")  # there are two sizes of each
                assert page.evaluate("document.documentElement.dataset.theme") == theme
                assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, (address, width)
                said = "(i.alt || i.closest('.navbar-brand'))"  # beside the logo stands the book's name
                broken = page.evaluate(f"{seen}.filter(i => !i.naturalWidth || !{said}).map(i => i.outerHTML)")
                assert broken == [], (address, width)
            assert watched.complaints() == [], address
            page.close()


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_shuts_anybody_out(site, browser, theme):
    """What axe-core calls serious or critical, in what we write: the theme's own bars are not ours, nor the markup of a
    bibliography, which is docutils'."""
    from axe_playwright_python.sync_playwright import Axe

    content = {"include": [["article.bd-article"]], "exclude": [[".citation-list"]]}
    with served(site) as home, browser.new_context(color_scheme=theme) as context:
        for address in addresses(site):
            page = context.new_page()
            page.goto(f"{home}/{address}")
            found = Axe().run(page, context=content).response["violations"]
            grave = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]
            assert grave == [], address
            page.close()


@pytest.mark.browser
def test_no_page_is_heavier_than_3_mb(site, browser):
    with served(site) as home:
        for address in addresses(site):
            with browser.new_context() as context:  # nothing is kept from the page before
                page, answers = context.new_page(), []
                page.on("response", lambda answer, seen=answers: seen.append(answer))
                page.goto(f"{home}/{address}")
                assert sum(len(answer.body()) for answer in answers if answer.ok) < 3e6, address


@pytest.mark.browser
def test_search_finds_rewinding(site, browser):
    with served(site) as home, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{home}/search.html?q=rewinding")
        page.wait_for_selector("#search-results li a")
        found = page.eval_on_selector_all(
            "#search-results li a", "links => links.map(link => link.getAttribute('href'))"
        )
        assert any("glossary" in link for link in found)


def test_links_within_the_book_lead_somewhere(site):
    pages = {path: path.read_text(encoding="utf-8") for path in site.glob("**/*.html")}
    anchors = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in pages.items()}
    for path, text in pages.items():
        if path.parent.name != "book":
            continue
        for link in set(re.findall(r'\shref="([^"]+)"', text)):
            link = unescape(link)
            if re.match(r"[a-z]+:|//|#$", link):
                continue
            target, _, anchor = link.partition("#")
            to = (path.parent / unquote(target.partition("?")[0])).resolve() if target else path
            assert to.exists(), f"{path.name}: {link}"
            assert not anchor or to.suffix != ".html" or anchor in anchors[to], f"{path.name}: {link}"

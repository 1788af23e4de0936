"""Words of the glossary open where they stand, by keys and by touch, and are links where no script runs."""

import shutil
from pathlib import Path

import pytest
from browser import chromium, served

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[1]
WORD = '<a href="glossary.html#term-mask" title="A one for each weight that is left."><span>mask</span></a>'
PAGE = """<!doctype html><html lang="en"><title>words</title><meta name="viewport" content="width=device-width">
<script defer src="terms.js"></script><link rel="stylesheet" href="lth.css">
<article class="bd-article"><p>A <a href="glossary.html#elsewhere">link</a> and a WORD.</p></article></html>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    for name in ("terms.js", "lth.css"):
        shutil.copy(ROOT / "book/_static" / name, folder)
    (folder / "page.html").write_text(PAGE.replace("WORD", WORD))
    (folder / "glossary.html").write_text("<title>glossary</title>")
    with served(folder) as home:
        yield home


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def test_a_word_opens_and_closes_by_keys(browser, site):
    page = browser.new_page()
    page.goto(f"{site}/page.html")
    word, note = page.locator("text=mask").locator(".."), page.locator(".lth-term")
    word.focus()
    page.keyboard.press("Enter")
    assert "A one for each weight that is left." in note.inner_text()
    assert note.evaluate("n => document.activeElement === n")
    assert word.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert not note.is_visible()
    assert word.evaluate("w => document.activeElement === w")
    page.wait_for_selector('a[aria-expanded="false"]')
    page.close()


def test_a_word_opens_by_touch_within_the_window_and_leads_on(browser, site):
    with browser.new_context(viewport={"width": 360, "height": 600}, has_touch=True) as context:
        page = context.new_page()
        page.goto(f"{site}/page.html")
        page.tap("text=mask")
        box = page.locator(".lth-term").bounding_box()
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 360
        page.tap("text=All words and symbols")
        page.wait_for_url("**/glossary.html#term-mask")


@pytest.mark.parametrize("link", ["mask", "link"])
def test_without_a_script_a_word_is_a_link(browser, site, link):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{site}/page.html")
        page.click(f"text={link}")
        page.wait_for_url("**/glossary.html#*")

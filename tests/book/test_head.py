"""A page says of itself what its first sentences say, and where it is if that is known."""

from types import SimpleNamespace

import pytest
from docutils.core import publish_doctree

from lthlib.book import head

CHAPTER = """
Dropout
=======

*Section 3 of the paper.*

**What it asks.** Two ways to leave out [Srivastava et al., 2014], at <once>? Or not.

What follows runs it.
"""


def tags(base, text=CHAPTER):
    doctree = publish_doctree(text, settings_overrides={"doctitle_xform": False, "report_level": 5})
    context = {"title": "4. Dropout &amp; more", "metatags": ""}
    app = SimpleNamespace(config=SimpleNamespace(html_baseurl=base, html_title="The book"))
    head.describe(app, "book/04-dropout", "page.html", context, doctree)
    return context["metatags"]


def test_a_page_is_described_by_its_first_sentences():
    said = tags("")
    assert '<meta name="description" content="Two ways to leave out, at &lt;once&gt;? Or not."/>' in said
    assert '<meta property="og:title" content="4. Dropout &amp; more"/>' in said
    assert "og:image" not in said
    assert "og:url" not in said


def test_what_a_page_says_of_itself_comes_first():
    said = tags("", ".. meta::\n   :description: In short.\n" + CHAPTER)
    assert '<meta property="og:description" content="In short."/>' in said


@pytest.mark.parametrize("base", ["https://reader.example/book", "https://reader.example/book/"])
def test_a_card_has_an_address_where_the_book_has_one(base):
    assert '<meta property="og:url" content="https://reader.example/book/book/04-dropout.html"/>' in tags(base)
    assert 'content="https://reader.example/book/_static/result.png"' in tags(base)


def test_the_search_has_no_description():
    context = {"metatags": ""}
    head.describe(None, "search", "search.html", context, None)
    assert context == {"metatags": ""}


def test_sentences_stay_whole_where_there_is_room():
    assert head.first_sentences("One. Two. Three.", 9) == "One. Two."
    assert head.first_sentences("No end of words in this one.", 12) == "No end of …"

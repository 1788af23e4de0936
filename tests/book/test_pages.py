"""A tiny book through papermill and Jupyter Book: built whole, or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lthlib.book import pages

ROOT = Path(__file__).parents[2]
PARAMETERS = "profile: str = 'quick'  # sizes\nshout: str = 'hush'  # a word"


@pytest.fixture
def source(tmp_path):
    """A book with one page of prose and one chapter that prints its parameters."""
    (tmp_path / "book").mkdir()
    (tmp_path / "_config.yml").write_text("title: Tiny\nauthor: us\nonly_build_toc_files: true\n")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/intro\nchapters:\n  - file: book/chapter\n")
    (tmp_path / "book/intro.md").write_text("# Welcome\n\nRead [the chapter](chapter.ipynb).\n")
    write_chapter(tmp_path, "print(f'<{profile} and {shout}>')")
    return tmp_path


def write_chapter(source, *cells):
    parameters = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    nb = new_notebook(cells=[new_markdown_cell("# A chapter"), parameters, *map(new_code_cell, cells)])
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nb, source / "book/chapter.ipynb")


def build(source, *options):
    """As a user does it; the command line keeps third-party warnings out of the test process."""
    return subprocess.run(
        [sys.executable, "-m", "lthlib.book.pages", "--out", "_build", *options],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def old_page(source):
    page = source / "_build/html/index.html"
    page.parent.mkdir(parents=True)
    page.write_text("the last good pages")
    return page


def last_line(done):
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.book
def test_a_book_is_executed_and_built(source):
    old_page(source)
    done = build(source, "--profile", "laptop", "-p", "shout", "hello")
    assert done.returncode == 0, done.stderr
    html = source / "_build/html"
    assert "Welcome" in (html / "book/intro.html").read_text()
    assert "book/intro.html" in (html / "index.html").read_text(), "the first page leads to the book"
    chapter = (html / "book/chapter.html").read_text()
    assert "&lt;laptop and hello&gt;" in chapter
    assert "Show what can be asked of this page" in chapter, "parameters are folded away, with their own label"
    assert "Show what was asked of this page" in chapter, "and so are those that were injected"
    assert not (source / "_build/html.old").exists()
    assert "[1/1] book/chapter.ipynb took" in done.stdout
    assert str(source) not in (html / "_sources/book/chapter.ipynb").read_text()
    assert not nbformat.read(source / "book/chapter.ipynb", 4).cells[2].outputs, "the chapter itself stays as it was"


@pytest.mark.book
def test_a_failing_cell_stops_the_build_and_is_named(source):
    page = old_page(source)
    write_chapter(source, "x = 1", "# the culprit\nraise ValueError('no such ticket')", "print('never')")
    done = build(source)
    assert done.returncode == 1
    assert last_line(done) == ("pages: book/chapter.ipynb, cell In [4] (# the culprit): ValueError: no such ticket")
    assert page.read_text() == "the last good pages"


@pytest.mark.book
def test_a_broken_cross_reference_fails_the_build(source):
    page = old_page(source)
    (source / "_toc.yml").write_text("format: jb-book\nroot: book/intro\n")
    (source / "book/intro.md").write_text("# Welcome\n\nSee {ref}`nowhere`.\n")
    done = build(source)
    assert done.returncode == 1
    assert "book/intro.md:3: WARNING: undefined label: 'nowhere'" in done.stderr
    assert last_line(done).startswith("pages: Jupyter Book does not accept these pages")
    assert page.read_text() == "the last good pages"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-p", "shuot", "x"], "pages: no chapter has a parameter 'shuot'"),
        (["--source", "book"], "pages: there is no _toc.yml in book: run in the root of the repository"),
    ],
)
def test_bad_input_is_one_line_before_anything_runs(source, options, message):
    done = build(source, *options)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (1, "", message)
    assert not (source / "_build").exists()


def test_a_missing_chapter_is_named(source):
    (source / "book/chapter.ipynb").unlink()
    with pytest.raises(pages.PagesError, match=r"lists book/chapter, but there is neither book/chapter\.ipynb nor"):
        pages.notebooks(source)


def test_chapters_come_in_the_order_of_the_contents(source):
    for name in ("one", "two", "three"):
        (source / f"book/{name}.ipynb").touch()
    (source / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nparts:\n  - caption: A\n    chapters:\n      - file: book/two\n"
        "        sections:\n          - file: book/three\n  - chapters:\n      - file: book/one\n"
    )
    assert [p.stem for p in pages.notebooks(source)] == ["two", "three", "one"]


def test_values_are_read_as_papermill_reads_them():
    written = {"n": "3", "x": "1e-3", "on": "True", "word": "cpu", "off": "None"}
    read = dict(map(pages.parameter, written.items()))
    assert read == {"n": 3, "x": 1e-3, "on": True, "word": "cpu", "off": None}


def test_what_the_theme_loads_twice_is_loaded_once():
    thebe = '<script>const THEBE_JS_URL = "a"; const other = 1;</script>'
    icons = '<script defer src="../_static/scripts/fontawesome.js?digest=1"></script>'
    page = f"<head>{thebe}<link>{thebe}</head><body>words{icons}<script src='x.js'></script></body>"
    expected = f"<head>{thebe}<link></head><body>words<script src='x.js'></script></body>"
    assert pages.lighten(page) == expected
    assert pages.lighten(expected) == expected

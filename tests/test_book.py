"""The real book, executed by papermill at a tiny size and laid out: every chapter runs, every figure has its words."""

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from marking import leaks

from lthlib import claims, pages

pytestmark = pytest.mark.book
ROOT = Path(__file__).parents[1]
WITH_FIGURES = {
    "01-the-hypothesis": 2,
    "02-fully-connected": 5,
    "03-convolutional": 2,
    "04-dropout": 1,
    "05-vgg-and-resnet": 1,
    "06-two-strategies": 1,
}
TINY = {"trials": 2, "rounds": 3, "iterations": 60, "networks": "conv2,resnet20"}
TINY |= {"settings": "warmup", "scope": "global", "warmups": ""}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of pages of the whole book."""
    out = tmp_path_factory.mktemp("book")
    return pages.build(ROOT, out, "quick", {**TINY, "store": str(out / "store")}).parent


def page(site, name):
    return (site / "book" / f"{name}.html").read_text(encoding="utf-8")


def test_every_chapter_is_there_and_none_shows_a_traceback(site):
    for chapter in pages.notebooks(ROOT):
        assert "Traceback (most recent call last)" not in page(site, chapter.stem)
    for name in ("intro", "open-questions", "reproduce", "your-own-network", "assignments"):
        assert page(site, name)


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
            assert "60 iterations" in caption
            assert "5,000 digits" in caption
            assert "Reduced scale" in caption


def test_the_ledger_has_a_line_for_every_claim(site):
    ledger = page(site, "claims")
    for claim in claims.load():
        assert f"<td>{claim['id']}</td>" in ledger
    assert "not run yet" in ledger


@pytest.mark.parametrize(
    ("line", "parameters"),
    [
        ("SpecError: trials must be at least 1, not 0", "trials 0"),
        ("SpecError: unknown parameter 'trails'", "trails 3"),
    ],
)
def test_papermill_with_a_bad_parameter_ends_in_one_clear_line(tmp_path, line, parameters):
    command = [sys.executable, "-m", "papermill", "book/02-fully-connected.ipynb", str(tmp_path / "out.ipynb")]
    done = subprocess.run([*command, "-p", *parameters.split()], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode
    assert line in done.stderr
    assert "specs.py" not in done.stderr  # no traceback through the library

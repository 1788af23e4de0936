"""What the pages for teachers and students promise is there: commands, chapters, slides, routes."""

import json
import re
import zipfile
from pathlib import Path

import nbformat
import pytest
import tiny
import yaml

from lthlib.book import pages, slides
from lthlib.book.coursework import gradescope, release
from lthlib.book.coursework.__main__ import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
SOURCES = sorted(ROOT.glob("assignments/source/*/*.ipynb"))


def test_the_page_maps_every_assignment_and_chapter():
    for one in release.assignments(ROOT / release.COURSE):
        assert f"| {one.title} |" in PAGE
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    names = [Path(entry).name for entry in pages.entries(toc)]
    chapters = [name for name in names if re.match(r"\d\d-", name)]
    assert len(chapters) == 8
    assert [name for name in chapters if f"({name}.ipynb)" not in PAGE] == []


def test_the_points_on_the_page_are_those_of_the_assignments():
    found = release.assignments(ROOT / release.COURSE)
    tests, both = sum(one.auto for one in found), sum(one.auto + one.manual for one in found)
    assert f"{tests} of the {both}" in " ".join(PAGE.split())


def test_the_commands_of_the_page_exist(capsys):
    named = set(re.findall(r"^coursework (\w+)|`coursework (\w+)", PAGE, re.MULTILINE))
    for command in {word for pair in named for word in pair if word}:
        with pytest.raises(SystemExit) as left:
            main([command, "--help"])
        assert left.value.code == 0, command
        told = capsys.readouterr().out
        for option in re.findall(rf"coursework {command}[^\n`|]*?(--[a-z-]+)", PAGE):
            assert option in told, f"{command} {option}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_question_has_a_difficulty_and_a_folded_hint(source):
    cells = [c.source for c in nbformat.read(source, as_version=4).cells if c.cell_type == "markdown"]
    assert "**House rules.**" in cells[0]
    questions = [text for text in cells if re.match(r"## \d\.\d+ ", text)]
    assert len(questions) > 3
    for text in questions:
        heading = text.partition("\n")[0]
        assert re.search(r" (●○○|●●○|●●●)( ·|$)", heading), heading
        assert 1 <= text.count("<summary>Hint ") <= 2, heading
    for text in cells:
        assert text.count("<details>") == text.count("</details>") == text.count("<summary>")


def test_slides_are_drawn_from_what_is_committed(tmp_path, capsys):
    path = tmp_path / "slides.html"
    assert slides.main([str(path)]) == 0
    page = path.read_text(encoding="utf-8")
    said = capsys.readouterr().out
    assert page.count("<section>") == 1 + len(slides.SLIDES) - said.count("left out")
    assert page.count("<section>") > 5
    assert page.count('<img alt="') == page.count("<figcaption>") == page.count("<section>") - 1
    assert not re.search(r'(?:src|href)="(?!data:)', page), "one file, which needs no other"
    assert slides.main([str(tmp_path / "no" / "folder.html")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.course
def test_gradescope_gets_its_zip_and_its_results(tmp_path):
    pytest.importorskip("nbgrader")
    course = tiny.make(tmp_path)
    with zipfile.ZipFile(gradescope.pack(course, tiny.NAME, release.address())) as zipped:
        assert sorted(zipped.namelist())[-2:] == ["run_autograder", "setup.sh"]
        assert all(info.external_attr >> 16 & 0o111 for info in zipped.infolist() if "/" not in info.filename)
        assert release.address() in zipped.read("setup.sh").decode()
    with pytest.raises(gradescope.GradescopeError, match="no assignment other"):
        gradescope.pack(course, "other", "")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Untitled.ipynb").write_text(json.dumps(tiny.notebook(course, solve="def double(x):\n    pass")))
    words = ["--submission", str(tmp_path / "in"), "--results", str(tmp_path / "out" / "results.json")]
    assert main(["--course", str(course), "gradescope", tiny.NAME, *words]) == 0
    told = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [(test["score"], test["max_score"]) for test in told["tests"]] == [(0, 1), (2, 2)]
    (tmp_path / "in" / "Untitled.ipynb").write_bytes(b"%PDF")
    assert gradescope.results(course, tiny.NAME, tmp_path / "in")["score"] == 0

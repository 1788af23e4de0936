"""The grading grades: right work has full marks, wrong work loses its own, and no solution is handed out.

Many submissions are marked in one process (marking.py), and for each assignment some as teachers mark, whose marks must
be the same. What is handed in in bad shape or bad faith is in tests/coursework.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
import yaml
from marking import Marker, leaks, secrets
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from submissions import STUB

from lthlib.book import pages
from lthlib.book.coursework import release

pytest.importorskip("nbgrader")
from nbgrader.api import Gradebook, MissingEntry

from lthlib.book.coursework import mark

pytestmark = pytest.mark.course
ROOT = Path(__file__).parents[1]
COURSE = ROOT / release.COURSE
SOURCES = sorted(COURSE.glob("source/*/*.ipynb"))
HANDED_OUT = f"# YOUR CODE HERE\n{STUB}"  # a cell to write in, as nbgrader leaves it

each = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def submissions(source):
    return import_module(f"submissions.{source.stem.replace('-', '_')}")


def read(path):
    return nbformat.read(path, as_version=4).cells


def role(cell, name=None):
    """Whether nbgrader knows a cell; with a name, whether it is one for a `solution`, or one to `grade`."""
    return cell.metadata.get("nbgrader", {}).get(name, False) if name else "nbgrader" in cell.metadata


def points_of(source):
    """Points by test."""
    cells = [cell for cell in read(source) if cell.cell_type == "code" and role(cell, "grade")]
    return {cell.id: cell.metadata.nbgrader.points for cell in cells}


# --------------------------------------------------------------------------------------------------------- the sources


@each
def test_a_source_is_well_formed(source):
    text = source.read_text(encoding="utf-8")
    nb = nbformat.reads(text, as_version=4)
    assert source.parent.name == source.stem
    assert nb.metadata["kernelspec"]["name"] == "python3"
    before = None
    for cell in nb.cells:
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id
        assert set(cell.metadata) <= {"nbgrader"}, cell.id
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cell.id), "a name that people can read"
        if not role(cell):
            assert "SOLUTION" not in cell.source
            assert "HIDDEN" not in cell.source
            continue
        meta = cell.metadata.nbgrader
        assert (meta.grade_id, meta.schema_version, meta.cell_type) == (cell.id, 3, cell.cell_type)
        assert meta.locked == (cell.cell_type == "code" and not meta.solution)
        if cell.cell_type == "markdown":
            assert "*Rubric.*" in cell.source, f"{cell.id}: what is each point given for?"
        elif meta.solution:
            assert "### BEGIN SOLUTION" in cell.source
        elif meta.grade:
            visible = cell.source.partition("### BEGIN HIDDEN TESTS")[0]
            assert "assert" in visible, f"{cell.id} shows a student nothing"
            # nbgrader puts a test that was deleted back behind the cell of the source that comes before it, and fails
            # if that is one that is only locked
            assert before.metadata.nbgrader.solution or before.metadata.nbgrader.grade, cell.id
        before = cell
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["repository-code"] in text


@each
def test_the_points_in_the_text_are_those_of_the_cells(source):
    cells, points = read(source), {}
    for cell in cells:
        if "points" in cell.metadata.get("nbgrader", {}):
            points.setdefault(cell.cell_type, []).append(cell.metadata.nbgrader.points)
    auto, manual = sum(points["code"]), sum(points["markdown"])
    assert f"**Points** {auto + manual}, of which {manual} by a reader" in cells[0].source
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown" and not role(cell))
    said = [int(n) for line in re.findall(r"^## .* · (.*)$", prose, re.M) for n in re.findall(r"\d+", line)]
    if source.stem == "spot-the-bug":  # says once for all nine: 2 for the mend and 1 for the reason
        said += [2, 1] * 9
    assert sum(said) == auto + manual


def test_the_page_lists_the_assignments_as_they_are():
    found = release.assignments(COURSE)
    assert len(found) == 5
    assert [one.title[0] for one in found] == ["1", "2", "3", "4", "5"]
    page = (ROOT / "book" / "assignments.md").read_text(encoding="utf-8")
    assert release.table(found) in page, "python -m lthlib.book.coursework list"
    for one in found:
        assert one.title in page.replace(release.table(found), ""), "its objectives"
    address = yaml.safe_load((ROOT / "CITATION.cff").read_text())["repository-code"]
    assert release.COLAB.startswith(address.replace("https://github.com/", "https://colab.research.google.com/github/"))


def test_the_book_leaves_the_sources_out(tmp_path):
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert release.COURSE in config["exclude_patterns"]
    assert config["only_build_toc_files"] is True
    assert not [page for page in pages.entries(yaml.safe_load((ROOT / "_toc.yml").read_text())) if "source" in page]
    stage = tmp_path / "stage"
    assert not leaks(pages.stage_of(ROOT, stage), SOURCES)
    # and even with them beside it, a build of the page takes nothing of them
    shutil.copytree(COURSE / "source", stage / "assignments" / "source")
    (stage / "_toc.yml").write_text("format: jb-book\nroot: book/assignments\n")
    alone = stage / "book" / "assignments.md"
    alone.write_text(re.sub(r"\[([^]]*)\]\(teaching\.md\)", r"\1", alone.read_text()))
    html = pages.lay_out(stage)
    assert (html / "book" / "assignments.html").is_file()
    assert not leaks(html.parent, SOURCES)


def test_without_nbgrader_one_line_says_what_to_do(tmp_path):
    code = (
        "import sys; sys.modules['nbgrader'] = None; from lthlib.book.coursework.__main__ import main; "
        "sys.exit(main([*sys.argv[1:], 'make']))"
    )
    for course, line in ((COURSE, "nbgrader is not installed"), (tmp_path, "there are no assignments in")):
        done = subprocess.run([sys.executable, "-c", code, "--course", str(course)], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.startswith(f"coursework: {line}")
        assert len(done.stderr.splitlines()) == 1


# ------------------------------------------------------------------------------------------------- what is handed out


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course, with what `make assignments` makes."""
    folder = tmp_path_factory.mktemp("class") / "assignments"
    folder.mkdir()
    shutil.copy(COURSE / "nbgrader_config.py", folder)
    shutil.copytree(COURSE / "source", folder / "source")
    release.make(folder)
    return folder


def test_a_search_for_solutions_finds_them(course, tmp_path):
    """Or what follows would prove nothing."""
    lines = sorted(secrets(SOURCES))
    (tmp_path / "page.html").write_text(highlight("\n".join(lines), PythonLexer(), HtmlFormatter()), encoding="utf-8")
    assert len(leaks(tmp_path, SOURCES)) == len(lines)
    for source in SOURCES:
        assert len(secrets([source])) > 20
    assert leaks(course / "source", SOURCES)
    assert leaks(course / "instructor", SOURCES)
    found = leaks(course / "zips", SOURCES)
    assert all(any(f"{source.stem}-instructor.zip" in leak for leak in found) for source in SOURCES)


def test_no_solution_hidden_test_or_rubric_is_in_what_students_get(course):
    assert sorted(path.name for path in (course / "release").iterdir()) == [source.stem for source in SOURCES]
    assert leaks(course / "release", SOURCES) == []
    assert [leak for leak in leaks(course / "zips", SOURCES) if "-instructor.zip" not in leak] == []
    for path in course.glob("release/*/*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert not re.search("(BEGIN|END) (SOLUTION|HIDDEN)|Rubric|hidden_tests", text)


def test_students_and_instructors_get_a_zip_of_each(course):
    for source in SOURCES:
        for whose, folder in (("student", "release"), ("instructor", "instructor")):
            with zipfile.ZipFile(course / "zips" / f"{source.stem}-{whose}.zip") as zipped:
                name = f"{source.stem}/{source.stem}.ipynb"
                assert zipped.read(name) == (course / folder / name).read_bytes()


@each
def test_a_release_asks_for_every_answer_and_keeps_its_visible_tests(course, source):
    release = {cell.id: cell for cell in read(course / "release" / source.stem / source.name)}
    for cell in read(source):
        given = release[cell.id]
        if role(cell, "solution"):
            assert "YOUR CODE HERE" in given.source or given.source == "YOUR ANSWER HERE"
        elif role(cell, "grade"):
            assert cell.source.partition("### BEGIN HIDDEN TESTS")[0].strip() in given.source
        else:
            assert given.source == cell.source


# ----------------------------------------------------------------------------------------------------- marked quickly


@pytest.fixture(scope="module")
def marker():
    marker = Marker()
    yield marker
    marker.close()


def lost(marker, source, replaced, folder):
    """The tests that do not give their points, and what was raised where."""
    base = getattr(submissions(source), "BASE", {})
    points, errors = marker.mark(source, {**base, **replaced}, folder, reference=base)
    return {name for name, most in points_of(source).items() if points.get(name) != most}, errors


def cases(kind):
    return [
        pytest.param(source, name, id=f"{source.stem}: {name}")
        for source in SOURCES
        for name in getattr(submissions(source), kind)
    ]


@each
def test_every_cell_of_the_solution_runs(marker, source, tmp_path):
    replaced = getattr(submissions(source), "BASE", {})
    points, errors = marker.mark(source, replaced, tmp_path, whole=True)
    assert not errors
    assert points == points_of(source)


@pytest.mark.parametrize(("source", "name"), cases("WRONG"))
def test_a_wrong_submission_loses_exactly_the_points_it_should(marker, source, name, tmp_path):
    replaced, expected = submissions(source).WRONG[name]
    found, errors = lost(marker, source, replaced, tmp_path)
    assert found == expected, errors
    for test in found:
        kind, _, message = errors[test].partition(": ")
        assert kind != "AssertionError" or len(message) > 10, f"{test} fails without a word"


@pytest.mark.parametrize(("source", "name"), cases("RIGHT"))
def test_what_is_right_but_written_otherwise_has_full_marks(marker, source, name, tmp_path):
    found, errors = lost(marker, source, submissions(source).RIGHT[name], tmp_path)
    assert not found, errors


@each
def test_there_are_enough_of_each(source):
    assert len(submissions(source).WRONG) >= 5
    assert len(submissions(source).RIGHT) >= 2
    failing = {test for _, expected in submissions(source).WRONG.values() for test in expected}
    assert failing == set(points_of(source)), "each test is failed by something"


# ------------------------------------------------------------------------------------------------ marked by nbgrader


def run_nbgrader(course, *words):
    """As the page says: in the folder of the course."""
    beside = str(Path(sys.executable).parent)  # as an active environment has it
    env = {**os.environ, "PATH": os.pathsep.join([beside, os.environ["PATH"]])}
    return subprocess.run([f"{beside}/nbgrader", *words], cwd=course, capture_output=True, text=True, env=env)


def hand_in(course, student, source, replaced):
    """The students' version with the text of some of its cells replaced. What only draws and tries things is left out,
    as a student might."""
    name = source.stem
    nb = nbformat.read(course / "release" / name / source.name, as_version=4)
    nb.cells = [cell for cell in nb.cells if cell.cell_type == "markdown" or role(cell)]
    for cell in nb.cells:
        cell.source = replaced.get(cell.id, cell.source)
    folder = course / "submitted" / student / name
    folder.mkdir(parents=True)
    nbformat.write(nb, folder / source.name)


def marks(course, student, name):
    """(points by cell, None where a reader has to give them; the most points by cell), or None if it was not marked."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        try:
            grades = book.find_submission_notebook(name, name, student).grades
        except MissingEntry:
            return None
        return {g.name: g.auto_score for g in grades}, {g.name: g.max_score for g in grades}


def answers(source):
    return {cell.id: cell.source for cell in read(source) if role(cell, "solution")}


@pytest.fixture(scope="module")
def records(course):
    """The solution of each assignment and the untouched release of one, marked as the page says, all at once."""
    for source in SOURCES:
        hand_in(course, "solution", source, answers(source))
        hand_in(course, "untouched", source, {})
        if source.stem != "spot-the-bug":  # of the others the quick way has to do
            shutil.rmtree(course / "submitted" / "untouched" / source.stem)
    marked = mark.mark(course, jobs=2, say=lambda line: None)
    return {(record.student, record.name): record for record in marked}


@each
def test_full_marks_for_the_solution_and_none_for_the_release(course, records, marker, source, tmp_path):
    name, tests = source.stem, points_of(source)
    solved = records["solution", name]
    assert (solved.failed, solved.points, solved.flags, solved.missing) == ("", tests, [], [])
    points, most = marks(course, "solution", name)
    assert {cell: points[cell] for cell in tests} == tests, "the gradebook says the same"
    assert all(points[cell] is None for cell in set(most) - set(tests)), "written answers wait for a reader"
    assert solved.waits == sum(most[cell] for cell in set(most) - set(tests))
    if untouched := records.get(("untouched", name)):
        assert (untouched.points, untouched.waits) == (dict.fromkeys(tests, 0), 0)
    nothing, base = dict.fromkeys(code_to_write(source), HANDED_OUT), getattr(submissions(source), "BASE", {})
    assert marker.mark(source, nothing, tmp_path, reference=base)[0] == dict.fromkeys(tests, 0)
    assert solved.seconds < 300, "a submission may take two minutes"


def code_to_write(source):
    return [cell.id for cell in read(source) if cell.cell_type == "code" and role(cell, "solution")]


def test_nbgrader_gives_the_same_marks_as_the_quick_way(course, marker, tmp_path):
    """On a submission with several mistakes. When the assignments were written all of `submissions` were compared."""
    source = next(path for path in SOURCES if path.stem == "spot-the-bug")
    wrong = submissions(source).WRONG
    replaced = {}
    for name in ("3.1 weights that are 0 are frozen", "3.4 biases set to 0", "3.10 a tolerance"):
        replaced |= wrong[name][0]
    hand_in(course, "mixed", source, {**answers(source), **replaced})
    assert run_nbgrader(course, "autograde", source.stem, "--student=mixed").returncode == 0
    points, _ = marks(course, "mixed", source.stem)
    quick, _ = marker.mark(source, replaced, tmp_path)
    assert {cell: points[cell] for cell in quick} == quick
    assert sorted(cell for cell, given in quick.items() if not given) == [
        "test-bias",
        "test-check-catches",
        "test-frozen",
    ]

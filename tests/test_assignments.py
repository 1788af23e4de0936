"""The grading grades: right work has full marks, wrong work loses its own, and no solution is handed out.

Many submissions are marked in one process (marking.py), and for each assignment some by nbgrader itself, whose marks
must be the same.
"""

import os
import re
import shutil
import subprocess
import sys
import time
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

from lthlib.book import coursework, pages

nbgrader = pytest.importorskip("nbgrader")
from nbgrader.api import Gradebook, MissingEntry  # noqa: E402

pytestmark = pytest.mark.course
ROOT = Path(__file__).parents[1]
COURSE = ROOT / coursework.COURSE
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
    found = coursework.assignments(COURSE)
    assert len(found) == 5
    assert [one.title[0] for one in found] == ["1", "2", "3", "4", "5"]
    page = (ROOT / "book" / "assignments.md").read_text(encoding="utf-8")
    assert coursework.table(found) in page, "python -m lthlib.book.coursework --list"
    for one in found:
        assert one.title in page.replace(coursework.table(found), ""), "its objectives"
    address = yaml.safe_load((ROOT / "CITATION.cff").read_text())["repository-code"]
    assert coursework.COLAB.startswith(
        address.replace("https://github.com/", "https://colab.research.google.com/github/")
    )


def test_the_book_leaves_the_sources_out(tmp_path):
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert coursework.COURSE in config["exclude_patterns"]
    assert config["only_build_toc_files"] is True
    assert not [page for page in pages.entries(yaml.safe_load((ROOT / "_toc.yml").read_text())) if "source" in page]
    stage = tmp_path / "stage"
    assert not leaks(pages.stage_of(ROOT, stage), SOURCES)
    # and even with them beside it, a build of the page takes nothing of them
    shutil.copytree(COURSE / "source", stage / "assignments" / "source")
    (stage / "_toc.yml").write_text("format: jb-book\nroot: book/assignments\n")
    html = pages.lay_out(stage)
    assert (html / "book" / "assignments.html").is_file()
    assert not leaks(html.parent, SOURCES)


def test_without_nbgrader_one_line_says_what_to_do(tmp_path):
    code = "import sys; sys.modules['nbgrader'] = None; from lthlib.book.coursework import main; sys.exit(main())"
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
    coursework.make(folder)
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
    replaced = {**getattr(submissions(source), "BASE", {}), **replaced}
    points, errors = marker.mark(source, replaced, folder)
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


@each
def test_nbgrader_gives_full_marks_to_the_solution_and_none_to_the_release(course, marker, source, tmp_path):
    name = source.stem
    hand_in(course, "solution", source, answers(source))
    hand_in(course, "untouched", source, {})
    begin = time.monotonic()
    done = run_nbgrader(course, "autograde", name)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begin < 240, "two submissions, of which each may take two minutes"
    points, most = marks(course, "solution", name)
    tests = points_of(source)
    assert {cell: points[cell] for cell in tests} == tests
    assert all(points[cell] is None for cell in set(most) - set(tests)), "written answers wait for a reader"
    points, _ = marks(course, "untouched", name)
    assert set(points.values()) == {0}
    assert marker.mark(source, dict.fromkeys(code_to_write(source), HANDED_OUT), tmp_path)[0] == dict.fromkeys(tests, 0)
    assert leaks(course / "submitted" / "untouched", SOURCES) == []


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


# ------------------------------------------------------------------------------------------------ bad submissions


GOOD = "def double(x):\n    return 2 * x"
TINY = {
    "solve": f"### BEGIN SOLUTION\n{GOOD}\n### END SOLUTION",
    "test": "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(-21) == -42, 'hush'\n### END HIDDEN TESTS",
    "solve-more": "### BEGIN SOLUTION\nthree = 3\n### END SOLUTION",
    "test-more": "assert three == 3\n### BEGIN HIDDEN TESTS\nassert three is not None\n### END HIDDEN TESTS",
}
READS = "def double(x):\n    return 2 * x\n\nseen = {}"
PEEKS = [
    "open('tiny.ipynb').read()",
    "open('../../../source/tiny/tiny.ipynb').read()",
    "open('../../../gradebook.db', 'rb').read()",
    "open('../../zoe/tiny/tiny.ipynb').read()",
    "__import__('os').listdir('../../..')",
    "__import__('glob').glob('*.ipynb')[0]",
    "list(__import__('pathlib').Path('../../../source').rglob('*'))[0]",
    "__import__('sqlite3').connect('../../../gradebook.db')",
    "__import__('subprocess').check_output(['cat', 'tiny.ipynb'])",
    "__import__('shutil').copy('tiny.ipynb', 'copy.txt')",
    "__import__('os').rename('tiny.ipynb', 'copy.txt')",
    "__import__('os').symlink('tiny.ipynb', 'copy.txt')",
    "__import__('socket').create_connection(('192.0.2.1', 80))",
]
BAD = {  # what it hands in, and what it gets for the two tests; None: it cannot be marked
    "a-hangs": ({"solve": "while True:\n    pass"}, (0, 2)),
    "b-hangs-in-a-test": ({"solve": "import time\n\n\ndef double(x):\n    time.sleep(1_000)"}, (0, 2)),
    "c-hangs-on": (
        {"solve": "import signal\n\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass"},
        None,
    ),
    "d-crashes": ({"solve": "import os\n\nos._exit(1)"}, None),
    "e-prints-megabytes": ({"solve": GOOD + "\n\n\nwhile True:\n    print('x' * 100_000)"}, (1, 2)),
    "f-prints-in-a-test": ({"solve": "def double(x):\n    while True:\n        print(x)"}, (0, 2)),
    "g-leaves-by-itself": ({"solve": "import sys\n\nsys.exit(0)"}, (0, 2)),
    "h-asks-for-input": ({"solve": GOOD + "\n\n\nname = input()"}, (1, 2)),
    "i-is-no-python": ({"solve": "def double(x:"}, (0, 2)),
    "j-peeks": (
        {
            "solve": "\n".join(
                f"try:\n    print({peek})\nexcept (PermissionError, IndexError):\n    print('refused')"
                for peek in PEEKS
            )
        },
        (0, 2),
    ),
    "zoe": ({}, (1, 2)),
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A course of one small assignment, with our settings but less patience, and all of these submissions marked."""
    course = tmp_path_factory.mktemp("tiny") / "assignments"
    (course / "source" / "tiny").mkdir(parents=True)
    settings = (COURSE / "nbgrader_config.py").read_text(encoding="utf-8").replace("seconds=600", "seconds=15")
    assert "seconds=15" in settings
    (course / "nbgrader_config.py").write_text(settings + "c.Execute.timeout_func = lambda cell: 3\n", encoding="utf-8")
    nb = nbformat.v4.new_notebook(metadata=nbformat.read(SOURCES[0], as_version=4).metadata)
    for name, text in TINY.items():
        test = name.startswith("test")
        meta = {
            "grade": test,
            "solution": not test,
            "locked": test,
            "grade_id": name,
            "schema_version": 3,
            "task": False,
        }
        points = {"points": 1 if name == "test" else 2} if test else {}
        nb.cells.append(nbformat.v4.new_code_cell(text, id=name, metadata={"nbgrader": meta | points}))
    nbformat.write(nb, course / "source" / "tiny" / "tiny.ipynb")
    coursework.make(course)
    source = course / "source" / "tiny" / "tiny.ipynb"
    for student, (replaced, _) in BAD.items():
        hand_in(course, student, source, {**answers(source), **replaced})
    for student, change in TAMPERED.items():
        hand_in(course, student, source, answers(source))
        path = course / "submitted" / student / "tiny" / "tiny.ipynb"
        handed = nbformat.read(path, as_version=4)
        change(handed)
        nbformat.write(handed, path)
    begin = time.monotonic()
    done = run_nbgrader(course, "autograde", "tiny")
    return course, done, time.monotonic() - begin


def _change_test(nb):
    nb.cells[0].source = "def double(x):\n    return 5"
    nb.cells[1].source = "pass"


def _delete_test(nb):
    nb.cells[0].source = "def double(x):\n    return 5"
    del nb.cells[1]


def _raise_points(nb):
    nb.cells[1].metadata.nbgrader.points = 100


def _copy_test(nb):
    nb.cells.append(nbformat.from_dict({**nb.cells[3], "id": "copy", "source": "pass"}))
    nb.cells[2].source = "three = 4"


def _unlock_test(nb):
    nb.cells[0].source = "def double(x):\n    return 5"
    nb.cells[1].metadata.nbgrader.locked = False
    nb.cells[1].source = "pass"


def _other_kernel(nb):
    nb.metadata.kernelspec = {"name": "no-such-kernel", "display_name": "mine", "language": "python"}


TAMPERED = {
    "t-changes-a-test": _change_test,
    "t-deletes-a-test": _delete_test,
    "t-raises-points": _raise_points,
    "t-copies-a-test": _copy_test,
    "t-unlocks-a-test": _unlock_test,
    "t-names-another-kernel": _other_kernel,
}
TAMPERED_POINTS = {
    "t-changes-a-test": (0, 2),
    "t-deletes-a-test": (0, 2),
    "t-raises-points": (1, 2),
    "t-copies-a-test": (1, 0),
    "t-unlocks-a-test": (0, 2),
    "t-names-another-kernel": (1, 2),
}


@pytest.mark.parametrize("student", [*BAD, *TAMPERED])
def test_a_bad_submission_fails_alone(tiny, student):
    course, _, _ = tiny
    expected = BAD[student][1] if student in BAD else TAMPERED_POINTS[student]
    if expected is None:
        assert not (course / "autograded" / student).exists() or not list(course.glob(f"autograded/{student}/tiny/*"))
        found = marks(course, student, "tiny")
        assert found is None or not any(found[0].values())
        return
    points, most = marks(course, student, "tiny")
    assert (points["test"], points["test-more"]) == expected
    assert most == {"test": 1, "test-more": 2}


def test_what_cannot_be_marked_is_said(tiny):
    _, done, _ = tiny
    assert done.returncode, "nbgrader ends with an error, after it has marked the others"
    for student, (_, expected) in BAD.items():
        told = re.search(rf"error processing assignment 'tiny' for student '{student}'", done.stderr)
        assert bool(told) == (expected is None), student


def test_bad_submissions_take_bounded_time_and_room(tiny):
    course, _, seconds = tiny
    assert seconds < 180, "eleven bad ones, six that were tampered with"
    for path in (course / "autograded").rglob("*.ipynb"):
        assert path.stat().st_size < 2_500_000, path


def test_who_looks_for_the_hidden_tests_sees_none(tiny):
    course, _, _ = tiny
    (path,) = course.glob("autograded/j-peeks/tiny/*.ipynb")
    shown = "".join(output.get("text", "") for output in read(path)[0].outputs)
    assert shown.splitlines() == ["refused"] * len(PEEKS), shown
    assert not list(course.glob("autograded/j-peeks/tiny/copy*"))


def test_marks_can_be_exported(tiny):
    course, _, _ = tiny
    assert run_nbgrader(course, "export").returncode == 0
    table = (course / "grades.csv").read_text()
    (zoe,) = [line.split(",") for line in table.splitlines() if ",zoe," in line]
    columns = table.splitlines()[0].split(",")
    assert float(zoe[columns.index("score")]) == 3

"""What a submission does ends with its own marking, and what was honest about it has its marks.

One small course, and everything handed in to it at once, as `coursework mark` marks it.
"""

import csv
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest
import tiny
from tiny import NAME

pytest.importorskip("nbgrader")
from lthlib.book.coursework import collect, grades, mark, mend, sandbox

pytestmark = pytest.mark.course
ISOLATED, WHY = sandbox.isolation()  # raises where LTH_SANDBOX=required and there is none


def student(name):
    return name.replace(" ", "-").replace(",", "").replace("'", "")


def contents(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A teacher's, with a folder for start-up files."""
    home = tmp_path_factory.mktemp("home")
    (home / ".ipython" / "profile_default" / "startup").mkdir(parents=True)
    return home


@pytest.fixture(scope="module")
def temporary():
    """A folder for temporary files that is empty before, and has a short name, as sockets want it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def marked(tmp_path_factory, home, temporary):
    """The course, what was said, and the records, by student."""
    course = tiny.make(tmp_path_factory.mktemp("class"))
    lay = {"zoe": tiny.notebook(course), "untouched": (course / "release" / NAME / f"{NAME}.ipynb").read_bytes()}
    lay["b-harms"] = tiny.notebook(course, solve=tiny.harms(course, home, temporary))
    for name, edit in {**tiny.MISHAPS, **{n: e for n, (e, *_) in tiny.LOSSES.items()}}.items():
        nb = tiny.notebook(course)
        edit(nb)
        lay[student(name)] = nb
    for name, (content, _) in tiny.BROKEN.items():
        lay[student(name)] = content
    for change in tiny.TAMPERED:
        nb = tiny.notebook(
            course, solve="def double(x):\n    return 5", solve_more="def quadruple(x):\n    return 4 * x"
        )
        change(nb)
        lay[student(change.__name__)] = nb
    for name, text in tiny.CHEATS.items():
        lay[student(name)] = tiny.notebook(course, solve=text, solve_more="quadruple = double")
    for name, (text, *_) in tiny.TROUBLE.items():
        lay[student(name)] = tiny.notebook(course, solve=text, solve_more="def quadruple(x):\n    return 4 * x")
    for who, nb in lay.items():
        tiny.lay(course, who, nb)
    (course.parent / "beside").write_text("x")
    before = {path: contents(course / path) for path in ("source", "release", "submitted")}
    said, begin = [], time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("TMPDIR", str(temporary))
        patch.setenv("LTH_SECRET", "hush")
        records = mark.mark(course, jobs=2, say=said.append)
    print(f"{len(lay)} submissions marked in {time.monotonic() - begin:.0f} s, {WHY}")
    return course, said, {record.student: record for record in records}, before


def points(marked, name):
    record = marked[2][student(name)]
    assert not record.failed, record.failed
    return record.points["test"], record.points["test-more"]


def test_an_honest_submission_has_full_marks_and_one_left_as_it_was_none(marked):
    assert points(marked, "zoe") == (1, 2)
    assert marked[2]["zoe"].waits == 3
    assert not marked[2]["zoe"].flags
    assert points(marked, "untouched") == (0, 0)
    assert marked[2]["untouched"].waits == 0


@pytest.mark.parametrize("name", tiny.MISHAPS)
def test_whatever_an_editor_does_an_answer_is_found(marked, name):
    assert points(marked, name) == (1, 2)
    assert marked[2][student(name)].missing == []
    assert marked[2][student(name)].waits == 3, "and the written one"


@pytest.mark.parametrize("name", tiny.LOSSES)
def test_what_is_lost_costs_itself_and_is_named(marked, name):
    _, expected, missing = tiny.LOSSES[name]
    record = marked[2][student(name)]
    assert record.points == expected
    assert record.missing == missing
    assert f"not found: {missing[0]}" in record.line()


@pytest.mark.parametrize("name", tiny.BROKEN)
def test_what_is_no_notebook_is_said_in_one_line(marked, name):
    record = marked[2][student(name)]
    assert tiny.BROKEN[name][1] in record.failed
    assert len(record.line().splitlines()) == 1
    assert "Traceback" not in record.line()


@pytest.mark.parametrize("change", tiny.TAMPERED, ids=lambda change: change.__name__)
def test_tests_and_points_are_the_instructors(marked, change):
    record = marked[2][student(change.__name__)]
    assert (record.points, record.most) == ({"test": 0, "test-more": 2}, {"test": 1, "test-more": 2})


@pytest.mark.parametrize("name", tiny.CHEATS)
def test_a_cheat_has_no_marks_and_is_flagged(marked, name):
    assert points(marked, name) == (0, 0)
    assert marked[2][student(name)].flags


@pytest.mark.parametrize("name", tiny.TROUBLE)
def test_trouble_costs_its_own_answer_at_most(marked, name):
    _, expected, died = tiny.TROUBLE[name]
    assert points(marked, name) == expected
    assert marked[2][student(name)].died == died


def test_a_submission_harms_nobody(marked, home, temporary):
    """Nor reads what is not its own: it prints what it could do."""
    course, _, _, before = marked
    (path,) = course.glob(f"autograded/b-harms/{NAME}/*.ipynb")
    outputs = [o.get("text", "") for c in nbformat.read(path, as_version=4).cells for o in c.get("outputs", ())]
    tried = "".join(outputs).splitlines()
    assert len(tried) == len(tiny.HARMS), tried
    past_python = set() if ISOLATED else {"DONE reads the gradebook, past Python", "DONE sends"}
    assert {line for line in tried if line.startswith("DONE")} <= past_python
    assert points(marked, "b-harms") == (1, 2), "its answer was right all the same"
    assert before == {path: contents(course / path) for path in before}
    assert not [p for folder in (course.parent, temporary) for p in folder.glob("left*")]
    assert not list(home.rglob("*left*")) + list(home.rglob("*.py"))
    with sqlite3.connect(course / "gradebook.db") as book:
        assert book.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_nothing_is_left_of_a_room(marked, temporary):
    assert not list(temporary.glob("marks-*"))
    assert not list((marked[0] / "mended").rglob("seen.json"))


def test_outputs_are_bounded(marked):
    for path in (marked[0] / "autograded").rglob("*.ipynb"):
        assert path.stat().st_size < 7_000_000, path


def test_one_line_for_each_student(marked):
    _, said, records, _ = marked
    assert len(said) == 1 + len(records), said
    assert said[0] == WHY
    assert all(len(line.splitlines()) == 1 for line in said)


def test_feedback_is_made_of_all_and_shows_no_hidden_test(marked):
    course, *_ = marked
    command = [str(Path(sys.executable).with_name("nbgrader")), "generate_feedback", NAME]
    done = subprocess.run(command, cwd=course, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": _here()})
    assert done.returncode == 0, done.stderr[-2000:]
    ran = [r.student for r in marked[2].values() if not r.failed]
    pages = {path.parts[-3]: path.read_text(encoding="utf-8") for path in (course / "feedback").rglob("*.html")}
    assert sorted(pages) == sorted(ran)
    for who, page in pages.items():
        assert "want" not in page or who in {*map(student, tiny.CHEATS), "b-harms"}, who
    assert "hush" in pages["_own_test_as_answer"] or "AssertionError" in pages["_own_test_as_answer"]


def _here():
    return str(Path(__file__).parents[2])


# -------------------------------------------------------------------------------------------------- again, and cut off


@pytest.fixture
def course(marked, tmp_path):
    """A copy of the course with two honest submissions."""
    new = tmp_path / "assignments"
    made = ("submitted", "autograded", "mended", "marks", "received", "backups", "feedback", "grades")
    shutil.copytree(marked[0], new, ignore=shutil.ignore_patterns(*made))
    (new / "gradebook.db").unlink()
    from lthlib.book.coursework import release

    release.make(new)
    for who in ("ann", "bob"):
        tiny.lay(new, who, tiny.notebook(new))
    return new


def test_a_marking_that_was_ended_is_gone_on_with(course):
    """Whoever was being marked is marked by the next call, and nobody has a 0 that nobody gave."""
    code = "import sys, pathlib; from lthlib.book.coursework.mark import mark; mark(pathlib.Path(sys.argv[1]), jobs=1)"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(course)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    while not list((course / "autograded").rglob("tiny.ipynb")) and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, 9)
    process.wait()
    process.stdout.close()
    assert len(list((course / "marks").rglob("*.json"))) < 2, "it was to be ended before its end"
    said = []
    records = mark.mark(course, jobs=2, say=said.append)
    assert [(r.student, r.points) for r in records] == [(w, {"test": 1, "test-more": 2}) for w in ("ann", "bob")]
    said.clear()
    assert mark.mark(course, say=said.append) == records, "and a third finds nothing to do"
    assert all(line.endswith("(as before)") for line in said[1:])
    backups = list((course / "backups").glob("*.db"))
    assert backups, "the gradebook of before is kept"
    tiny.lay(course, "ann", tiny.notebook(course, solve="def double(x):\n    return 5"))
    changed = mark.mark(course, say=said.append)
    assert [r.points["test"] for r in changed] == [0, 1], "a new notebook is marked anew"
    assert changed[0].points["test-more"] == 2, "with the instructors' answer in the place of one that failed"
    _exports(course, changed)


def _exports(course, records):
    """Marks wait for a reader, and are empty until then."""
    (course / "students.csv").write_text("id\nann\nbob\ncyd\n")
    said = grades.export(course, NAME, students=course / "students.csv")
    assert any(line == "left empty, to be looked at: ann, bob" for line in said)
    assert any(line == "not handed in: cyd" for line in said)
    rows = _table(course / "grades" / f"{NAME}.csv")
    assert [(row["student"], row["status"], row["by tests"], row["total"]) for row in rows] == [
        ("ann", "waits for a reader", "2", ""),
        ("bob", "waits for a reader", "3", ""),
        ("cyd", "not handed in", "", ""),
    ]
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        for who in ("ann", "bob"):
            grade = book.find_grade("words", NAME, NAME, who)
            grade.manual_score, grade.needs_manual_grade = 2, False
        book.db.commit()
    for who, number in (("ann", "501"), ("bob", "502")):
        (course / "received" / who / NAME).mkdir(parents=True)
        (course / "received" / who / NAME / "about.json").write_text(json.dumps({"number": number}))
    canvas = course / "canvas.csv"
    canvas.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,Other (1),tiny (77)\n"
        '    Points Possible,,,,,10,6\n"A, Ann",501,,a,S1,3,\n"B, Bob",502,,b,S1,,\n"C, Cyd",503,,c,S1,,\n'
    )
    moodle = course / "moodle.csv"
    moodle.write_text(
        "\ufeffIdentifier,Full name,Status,Grade,Maximum grade,Feedback comments\n"
        "Participant 501,Ann A,Submitted,,6.00,\nParticipant 503,Cyd C,No submission,,6.00,\n",
        encoding="utf-8",
    )
    grades.export(course, NAME, canvas=canvas, moodle=moodle)
    rows = _table(course / "grades" / f"{NAME}-canvas.csv")
    assert [row["tiny (77)"] for row in rows] == ["6", "4", "5", ""]
    assert "Other (1)" not in rows[0], "the marks of others stay out of an import"
    rows = _table(course / "grades" / f"{NAME}-moodle.csv")
    assert [row["Grade"] for row in rows] == ["4", ""]
    assert rows[0]["Feedback comments"] == "tests that failed: test"


def _table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_without_bubblewrap_one_line_says_so(monkeypatch):
    monkeypatch.setenv(sandbox.ASKED, "off")
    isolated, said = sandbox.isolation()
    assert not isolated
    assert said.startswith("only Python's audit hook keeps submissions in")
    monkeypatch.setenv(sandbox.ASKED, "required")
    monkeypatch.setattr(sandbox, "bubblewrap_works", lambda: (False, "there is none"))
    with pytest.raises(sandbox.SandboxError, match="LTH_SANDBOX=required"):
        sandbox.isolation()


def test_without_bubblewrap_the_audit_hook_refuses_what_python_announces(course, home, monkeypatch):
    """Which is not all: a library that opens files by itself, and packets without a connection."""
    monkeypatch.setenv(sandbox.ASKED, "off")
    tiny.lay(course, "bob", tiny.notebook(course, solve=tiny.harms(course, home, course.parent)))
    before = contents(course / "source")
    said = []
    record = mark.mark(course, students=["bob"], say=said.append)[0]
    assert "only Python's audit hook" in said[0]
    assert (record.points, record.isolated) == ({"test": 1, "test-more": 2}, False)
    (path,) = course.glob(f"autograded/bob/{NAME}/*.ipynb")
    outputs = [o.get("text", "") for c in nbformat.read(path, as_version=4).cells for o in c.get("outputs", ())]
    done = {line.removeprefix("DONE ") for line in "".join(outputs).splitlines() if line.startswith("DONE")}
    assert done <= {"reads the gradebook, past Python", "sends"}
    assert before == contents(course / "source")
    assert not list(course.parent.glob("left*"))


def test_nothing_to_mark_is_said(course):
    shutil.rmtree(course / "submitted")
    with pytest.raises(mark.MarkError, match="nothing was handed in"):
        mark.mark(course, say=lambda line: None)
    with pytest.raises(mark.MarkError, match="no assignment nothing"):
        mark.mark(course, ["nothing"], say=lambda line: None)
    shutil.rmtree(course / "release")
    with pytest.raises(mend.MendError, match="make assignments comes first"):
        collect.collect(course, [])

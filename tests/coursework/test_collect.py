"""Files as browsers, platforms and students name them find their assignment and their student."""

import io
import json
import zipfile
from datetime import datetime
from pathlib import Path

import nbformat
import pytest

from lthlib.book.coursework import collect, mend, names, words
from lthlib.book.coursework.__main__ import main

ROOT = Path(__file__).parents[2]
SOURCES = {path.stem: nbformat.read(path, as_version=4) for path in sorted(ROOT.glob("assignments/source/*/*.ipynb"))}
KNOWN = tuple(SOURCES)


@pytest.mark.parametrize(
    ("path", "student", "late", "attempt"),
    [
        ("Zoë O'Neil_99812_assignsubmission_file_/prune-and-rewind.ipynb", "zoe-o-neil_99812", False, 0),  # Moodle
        ("SURNAME_GIVEN_12345_assignsubmission_file_prune-and-rewind.ipynb", "surname_given_12345", False, 0),
        ("doejane_LATE_4321_98765_prune-and-rewind-1.ipynb", "doejane_4321", True, 1),  # Canvas
        ("doejane_4321_98765_Untitled (2).ipynb", "doejane_4321", False, 2),
        ("Week1_jdoe_attempt_2026-11-01-12-00-00_prune-and-rewind.ipynb", "jdoe", False, 0),  # Blackboard
        ("SURNAME_GIVEN_12345_prune-and-rewind.ipynb", "surname_given_12345", False, 0),
        ("jane/prune-and-rewind/prune-and-rewind (1).ipynb", "jane", False, 1),
        ("jane doe prune-and-rewind.ipynb", "jane-doe", False, 0),
        ("submitted/jane/prune-and-rewind.ipynb", "jane", False, 0),
        ("prune-and-rewind (1).ipynb", "", False, 1),  # a browser's, which does not say whose
        ("prune-and-rewind - Copy (2).ipynb", "", False, 2),
        ("Untitled.ipynb", "", False, 0),
    ],
)
def test_a_name_says_who_and_when(path, student, late, attempt):
    said = names.parse(path, KNOWN)
    assert (said.student, said.late, said.attempt) == (student, late, attempt)


def test_no_name_leads_out_of_a_folder():
    for path in (
        "../../../etc/x.ipynb",
        "..\\..\\x.ipynb",
        "a/../../..//_1234_assignsubmission_file_/x.ipynb",
        "/x.ipynb",
    ):
        student = names.parse(path, KNOWN).student
        assert not set(student) & set("/\\."), path


@pytest.mark.parametrize("name", KNOWN)
def test_an_assignment_is_known_by_its_cells(name):
    """By their names; without those by their text; and by what the answers define."""
    cells = {other: nb.cells for other, nb in SOURCES.items()}
    content = json.loads(json.dumps(SOURCES[name]))
    for change in (lambda c: None, lambda c: (c.pop("id"), c.update(metadata={}))):
        for cell in content["cells"]:
            change(cell)
        assert mend.assignment_of(mend.read(json.dumps(content).encode()), cells) == name
    content["cells"] = [c for c in content["cells"] if "### BEGIN SOLUTION" in "".join(c["source"])]
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"]) + "\n# my own"
    assert mend.assignment_of(mend.read(json.dumps(content).encode()), cells) == name


def test_a_notebook_of_something_else_is_of_none():
    other = json.dumps(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")])).encode()
    assert mend.assignment_of(mend.read(other), {name: nb.cells for name, nb in SOURCES.items()}) is None


@pytest.fixture
def course(tmp_path):
    """A course of which two assignments were handed out: the sources will do."""
    for name in KNOWN[:2]:
        folder = tmp_path / "course" / "release" / name
        folder.mkdir(parents=True)
        nbformat.write(SOURCES[name], folder / f"{name}.ipynb")
    return tmp_path / "course"


def notebook(name, mark="x"):
    nb = json.loads(json.dumps(SOURCES[name]))
    nb["cells"].append({"cell_type": "markdown", "metadata": {}, "source": mark})
    return json.dumps(nb).encode()


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as out:
        for (name, when), content in files.items():
            out.writestr(zipfile.ZipInfo(name, when), content)
    return path


FIRST, SECOND = KNOWN[:2]
EARLY, LATE = (2026, 11, 1, 10, 0, 0), (2026, 11, 2, 10, 0, 0)


def test_the_zip_of_a_platform_is_laid_out(course, tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as made:
        made.writestr("homework/mine.ipynb", notebook(FIRST))
        made.writestr("__MACOSX/homework/._mine.ipynb", b"\0")
    path = zipped(
        tmp_path / "all.zip",
        {
            ("Ann A_101_assignsubmission_file_/x.ipynb", EARLY): notebook(FIRST),
            ("Bob B_102_assignsubmission_file_/x.ipynb", LATE): notebook(SECOND),
            ("Cyd C_103_assignsubmission_file_/homework.zip", EARLY): inner.getvalue(),
            ("Dan D_104_assignsubmission_file_/essay.pdf", EARLY): b"%PDF-1.7",
            ("Eve E_105_assignsubmission_file_/prune-and-rewind.ipynb", EARLY): b'{"cells": [',
            ("Sam S_106_assignsubmission_file_/x.ipynb", EARLY): notebook(FIRST, "one"),
            ("Sam S_107_assignsubmission_file_/x.ipynb", EARLY): notebook(FIRST, "another of that name"),
            ("../../../../out_108_assignsubmission_file_/x.ipynb", EARLY): notebook(FIRST),
        },
    )
    said = collect.collect(course, [path], due=names.moment("2026-11-01"))
    laid = {p.parent.parent.name: p.parent.name for p in (course / "submitted").rglob("*.ipynb")}
    people = {"ann-a": FIRST, "bob-b": SECOND, "cyd-c": FIRST, "sam-s_106": FIRST, "sam-s_107": FIRST, "out": FIRST}
    assert {who: name for who, name in laid.items() if who != "eve-e"} == people
    assert f"bob-b, {SECOND}: collected, late" in said
    assert f"ann-a, {FIRST}: collected" in said
    assert any("essay.pdf: not a notebook: ask for the .ipynb" in line for line in said)
    assert any("Eve E" in line and "part of one, cut off" in line for line in said)
    assert collect.about(course, "ann-a", FIRST)["number"] == "101"
    assert (course / "submitted" / "bob-b" / SECOND / "timestamp.txt").read_text().startswith("2026-11-02 10:00:00")
    assert not [p for p in tmp_path.rglob("*") if "out" in p.name and course not in p.parents]
    assert collect.collect(course, [path])[-1].endswith("as before")


def test_of_several_the_newest_counts_and_is_not_undone(course, tmp_path):
    old, new = notebook(FIRST, "old"), notebook(FIRST, "new")
    path = zipped(tmp_path / "a.zip", {("annan_5_77_x-1.ipynb", LATE): new, ("annan_5_70_x.ipynb", EARLY): old})
    said = collect.collect(course, [path])
    assert any("handed in 2 times, the newest counts: annan_5_77_x-1.ipynb" in line for line in said)
    laid = course / "submitted" / "annan_5" / FIRST / f"{FIRST}.ipynb"
    assert laid.read_bytes() == new
    (said,) = collect.collect(course, [zipped(tmp_path / "b.zip", {("annan_5_70_x.ipynb", EARLY): old})])
    assert "older than what is there" in said
    assert laid.read_bytes() == new
    assert len(list((course / "received" / "annan_5" / FIRST).glob("*.ipynb"))) == 2, "all that came is kept"


def test_one_file_of_a_browser_needs_a_name(course, tmp_path, capsys):
    path = tmp_path / f"{FIRST} (1).ipynb"
    path.write_bytes(notebook(FIRST))
    assert main(["--course", str(course), "collect", str(path)]) == 0
    assert "but whose? Collect it alone, with --student NAME" in capsys.readouterr().out
    (course / "students.csv").write_text("id,first_name\nann,Ann\nbob,Bob\n")
    words = ["--student", "Ann", "--students", str(course / "students.csv"), "--due", "2030-01-01"]
    assert main(["--course", str(course), "collect", str(path), *words]) == 0
    assert capsys.readouterr().out.splitlines() == [f"ann, {FIRST}: collected", "handed in nothing yet: bob"]


def test_bad_input_ends_in_one_line(course, tmp_path, capsys):
    (tmp_path / "a.zip").write_bytes(
        zipped(tmp_path / "b.zip", {("x.ipynb", EARLY): b"x" * 2000}).read_bytes()[:-30] + b"0" * 30
    )
    (tmp_path / "none.csv").write_text("a,b\n1,2\n")
    for arguments, line in (
        (["collect", str(tmp_path / "nothing.zip")], "there is no file"),
        (["collect", str(tmp_path / "b.zip"), "--students", str(tmp_path / "none.csv")], "has no column of students"),
        (["export", FIRST], f"nothing of {FIRST} is marked"),
    ):
        assert main(["--course", str(course), *arguments]) == 1
        said = capsys.readouterr().err
        assert line in said
        assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("table", "students"),
    [
        (
            'Student,ID,SIS User ID,SIS Login ID,Section\n"Doe, Jane",4321,,jane,S1\n    Points Possible,,,,\n',
            ["doejane_4321"],
        ),
        ("Identifier,Full name,Status\nParticipant 9,Zoë O'Neil,Submitted\n", ["zoe-o-neil"]),
        ("First name,Surname,Email address\nJane,Doe,j@x\n", ["jane-doe"]),
        ("id,first_name,last_name,email\njane,Jane,Doe,j@x\n", ["jane"]),
    ],
)
def test_the_lists_of_platforms_name_students_as_their_files_do(tmp_path, table, students):
    path = tmp_path / "list.csv"
    path.write_text(table, encoding="utf-8-sig")
    assert [who for who in collect.roster(path) if who != "points-possible"] == students


def test_a_date_is_its_end():
    assert names.moment("2026-11-01") == datetime(2026, 11, 1, 23, 59, 59)
    assert names.moment("2026-11-01 12:00") == datetime(2026, 11, 1, 12)


def test_what_no_answer_needs_is_listed_and_what_all_need_is_not():
    for line in ("import inspect", "get_ipython()", "sys._getframe(1)", "torch.equal = lambda *a: True", "all = any"):
        assert words.words([f"import torch\n{line}"]), line
    for name, nb in SOURCES.items():
        answers = [c.source for c in nb.cells if c.cell_type == "code" and "### BEGIN SOLUTION" in c.source]
        handed_out = "\n".join(c.source for c in nb.cells if "### BEGIN SOLUTION" not in c.source)
        assert words.words(answers, handed_out) == [], name
    assert words.words(["# no inspect here"]) == []

"""Writes the marks as tables that Canvas and Moodle import, and one for people.

A mark that is not complete is left empty, never 0: what failed to run, what waits for a reader, what was not handed in.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from lthlib.book.coursework import collect, mark, names
from lthlib.book.coursework.mark import Record
from lthlib.errors import LthError

GRADES = "grades"  # the folder of the tables


class GradesError(LthError):
    """A table cannot be written; the message says what to do."""


@dataclass
class Mark:
    """What one student has for one assignment. `total` is None until a reader has given all points."""

    record: Record
    tests: float | None
    total: float | None
    most: float


def marks(course: Path, name: str) -> list[Mark]:
    """The marks of an assignment, a reader's points from nbgrader's gradebook. Raises GradesError."""
    kept = sorted((course / mark.MARKS / name).glob("[!.]*.json"))
    records = [record for path in kept if (record := mark.read(course, path.stem, name))]
    if not records:
        raise GradesError(f"nothing of {name} is marked: mark it first")
    found = []
    with _gradebook(course) as book:
        for record in records:
            tests = None if record.failed else sum(record.points.values())
            total, most = None, sum(record.most.values())
            if not record.failed:
                submission = book.find_submission(name, record.student)
                most = submission.max_score
                total = None if submission.needs_manual_grade else submission.score
            found.append(Mark(record, tests, total, most))
    return found


def _gradebook(course: Path):
    try:
        from nbgrader.api import Gradebook
    except ImportError:
        raise GradesError("nbgrader is not installed: pip install -e '.[course]', or make env") from None
    return Gradebook(f"sqlite:///{(course / 'gradebook.db').resolve()}")


def export(
    course: Path,
    name: str,
    canvas: Path | None = None,
    moodle: Path | None = None,
    students: Path | None = None,
    tests_only: bool = False,
) -> list[str]:
    """Write the tables of an assignment under grades/, and say what is in them, a line each.

    `canvas` is the gradebook exported from Canvas, `moodle` the grading worksheet of Moodle: their rows are kept, the
    marks filled in. Without them the tables have the columns that both can import. `students` is a list of who could
    have handed in. With `tests_only` the points by tests are exported, whether a reader has been there or not.
    """
    found = {one.record.student: one for one in marks(course, name)}
    expected = collect.roster(students) if students else {}
    folder = course / GRADES
    folder.mkdir(exist_ok=True)
    lines = [_for_people(folder / f"{name}.csv", course, name, found, expected)]
    value = {who: one.tests if tests_only else one.total for who, one in found.items()}
    lines.append(_canvas(folder / f"{name}-canvas.csv", course, name, found, value, canvas))
    lines.append(_moodle(folder / f"{name}-moodle.csv", course, name, found, value, moodle))
    empty = [who for who, given in value.items() if given is None]
    if empty:
        lines.append(f"left empty, to be looked at: {', '.join(sorted(empty))}")
    absent = sorted(set(expected) - set(found))
    if absent:
        lines.append(f"not handed in: {', '.join(absent)}")
    return lines


def _for_people(path: Path, course, name, found, expected) -> str:
    rows = []
    for who in sorted({*found, *expected}):
        one = found.get(who)
        record = one.record if one else None
        status = (
            "not handed in"
            if not record
            else "failed to run"
            if record.failed
            else ("waits for a reader" if one.total is None else "marked")
        )
        rows.append(
            {
                "student": who,
                "status": status,
                "late": "late" if record and record.late else "",
                "by tests": _number(one.tests) if one else "",
                "total": _number(one.total) if one else "",
                "of": _number(one.most) if one else "",
                "flagged": "; ".join(record.flags) if record else "",
                "remarks": "; ".join(
                    [
                        *([record.failed] if record.failed else []),
                        *([f"the kernel ended in {record.died}"] if record.died else []),
                        *record.notes,
                        *(f"not found: {m}" for m in record.missing),
                    ]
                )
                if record
                else "",
            }
        )
    _write(path, list(rows[0]), rows)
    return f"{path}: {len(rows)} students"


def _canvas(path, course, name, found, value, exported) -> str:
    if exported is None:
        columns = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", name]
        rows = []
        for who in found:
            number = who.rpartition("_")[2]
            told = collect.about(course, who, name)
            number = told.get("number") or (number if number.isdigit() else "")
            rows.append(
                {"Student": who, "ID": number, "SIS Login ID": "" if number else who, name: _number(value[who])}
            )
        _write(path, columns, rows)
        return f"{path}: for Canvas, by ID; better with --canvas, the gradebook exported from there"
    columns, rows = _table(exported)
    column = next((c for c in columns if names.slug(c.rpartition(" (")[0] or c) == name), None)
    if column is None:
        raise GradesError(
            f"{exported} has no column {name}: make an assignment of that name in Canvas, and export again"
        )
    filled = 0
    by_number = {collect.about(course, who, name).get("number") or who.rpartition("_")[2]: who for who in found}
    for row in rows:
        who = by_number.get((row.get("ID") or "").strip())
        if who and value[who] is not None:
            row[column] = _number(value[who])
            filled += 1
    keep = [c for c in columns if c in ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", column)]
    _write(path, keep, [{c: row[c] for c in keep} for row in rows])
    return f"{path}: for Canvas, {filled} marks filled in"


def _moodle(path, course, name, found, value, worksheet) -> str:
    if worksheet is None:
        rows = [
            {
                "Identifier": _participant(course, who, name),
                "Full name": who,
                "Grade": _number(value[who]),
                "Maximum grade": _number(one.most),
                "Feedback comments": _comment(one),
            }
            for who, one in found.items()
        ]
        _write(path, ["Identifier", "Full name", "Grade", "Maximum grade", "Feedback comments"], rows)
        return f"{path}: for Moodle, by Identifier; better with --moodle, the grading worksheet from there"
    columns, rows = _table(worksheet)
    missing = {"Identifier", "Grade"} - set(columns)
    if missing:
        raise GradesError(
            f"{worksheet} has no column {', '.join(sorted(missing))}: download the grading worksheet again"
        )
    by_identifier = {_participant(course, who, name): who for who in found}
    filled = 0
    for row in rows:
        who = by_identifier.get(row["Identifier"].strip()) or names.slug(row.get("Full name") or "")
        if value.get(who) is not None:
            row["Grade"] = _number(value[who])
            if "Feedback comments" in columns:
                row["Feedback comments"] = _comment(found[who])
            filled += 1
    _write(path, columns, rows)
    return f"{path}: for Moodle, {filled} marks filled in"


def _participant(course, who, name) -> str:
    told = collect.about(course, who, name)
    number = told.get("number") or (who.rpartition("_")[2] if who.rpartition("_")[2].isdigit() else "")
    return f"Participant {number}" if number else who


def _comment(one: Mark) -> str:
    if one.record.failed:
        return f"could not be marked: {one.record.failed}"
    lost = [name for name, given in one.record.points.items() if given < one.record.most[name]]
    return f"tests that failed: {', '.join(lost)}" if lost else "all tests passed"


def _table(path: Path):
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            return list(reader.fieldnames or ()), [row for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GradesError(f"{path} cannot be read as a table ({error})") from None


def _number(value) -> str:
    return "" if value is None else f"{value:g}"


def _write(path: Path, columns: list[str], rows: list[dict]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({column: _plain(row.get(column, "")) for column in columns} for row in rows)


def _plain(text):
    """A cell that a spreadsheet does not take for a formula: names and flags come from submissions."""
    return f"'{text}" if isinstance(text, str) and text[:1] in ("=", "+", "@", "\t", "\r") else text

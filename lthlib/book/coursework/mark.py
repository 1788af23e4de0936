"""Marks what has been collected: in parallel, one line for each student, and goes on where it was ended.

What a marking came to is a record, marks/NAME/STUDENT.json, written when it is over and not before. A submission
without one, or whose notebook or tests have changed since, is marked; whatever ended the last marking, nobody is
skipped.
"""

import hashlib
import json
import logging
import multiprocessing
import os
import re
import shutil
import sqlite3
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from lthlib.book.coursework import collect, mend, release, sandbox, words
from lthlib.errors import LthError

MENDED, MARKS, BACKUPS = "mended", "marks", "backups"  # notebooks as they are marked; records; gradebooks of before
KEPT = 20  # gradebooks of before
RULES = 1  # raised when marking itself changes, so that all are marked anew


class MarkError(LthError):
    """Nothing can be marked; the message says what to do."""


@dataclass
class Record:
    """What the marking of one submission came to."""

    student: str
    name: str
    digest: str = ""
    failed: str = ""  # why it has no marks; empty if it has
    points: dict[str, float] = field(default_factory=dict)  # by test
    most: dict[str, float] = field(default_factory=dict)
    waits: float = 0  # points that a reader has to give
    died: str = ""  # the cell in which the kernel ended
    missing: list[str] = field(default_factory=list)  # answers that were not found
    notes: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)  # for the teacher's eye
    late: bool = False
    isolated: bool = False
    seconds: float = 0

    def line(self) -> str:
        """The status, as it is printed.

        >>> Record("jane", "spot-the-bug", failed="not a notebook").line()
        'jane  spot-the-bug: failed to run: not a notebook'
        """
        parts = []
        if self.failed:
            parts.append(f"failed to run: {self.failed}")
        else:
            parts.append(f"marked, {sum(self.points.values()):g} of {sum(self.most.values()):g} by tests")
        if self.died:
            parts.append(f"the kernel ended in {self.died}")
        if self.missing:
            parts.append(f"not found: {', '.join(self.missing)}")
        if self.waits and not self.failed:
            parts.append(f"{self.waits:g} wait for a reader")
        if self.late:
            parts.append("late")
        if self.flags:
            parts.append(f"FLAGGED: {'; '.join(self.flags)}")
        return f"{self.student}  {self.name}: " + ", ".join(parts)


def mark(
    course: Path,
    only: Sequence[str] = (),
    students: Sequence[str] = (),
    jobs: int | None = None,
    force: bool = False,
    say=print,
) -> list[Record]:
    """Mark what was collected, or what is `only` of these assignments and of these students, and say a line of each.

    Returns the records of all of them, of those marked before too. Raises MarkError, MendError, SandboxError.
    """
    isolated, how = sandbox.isolation()
    say(how)
    handed_out = mend.released(course)
    unknown = set(only) - set(handed_out)
    if unknown:
        raise MarkError(f"no assignment {', '.join(sorted(unknown))}: there are {', '.join(handed_out)}")
    tests = {name: _tests(course, name) for name in handed_out}
    found, todo = [], []
    for folder in sorted((course / collect.SUBMITTED).glob("*/*")):
        who, name = folder.parent.name, folder.name
        if name not in handed_out or (only and name not in only) or (students and who not in students):
            continue
        notebooks = sorted(folder.glob("*.ipynb"), key=lambda path: path.stem != name)
        if not notebooks:
            found.append(Record(who, name, failed="there is no notebook in its folder"))
            continue
        digest = hashlib.sha256(notebooks[0].read_bytes() + tests[name] + bytes([RULES])).hexdigest()
        before = read(course, who, name)
        if before and before.digest == digest and not force:
            found.append(before)
        else:
            todo.append((notebooks[0], Record(who, name, digest, isolated=isolated)))
    if not found and not todo:
        raise MarkError(
            f"nothing was handed in: collect it first, or lay it under {course / collect.SUBMITTED}/STUDENT/NAME"
        )
    for record in found:
        say(f"{record.line()} (as before)")
    if todo:
        backup(course)
    ready = [_prepare(course, path, record, handed_out[record.name]) for path, record in todo]
    for record in _all(course, ready, jobs or os.cpu_count() or 1):
        _write(course, record)
        say(record.line())
        found.append(record)
    return sorted(found, key=lambda record: (record.name, record.student))


def _tests(course: Path, name: str) -> bytes:
    return (course / "source" / name / f"{name}.ipynb").read_bytes()


def _prepare(course: Path, path: Path, record: Record, handed_out) -> Record:
    """Lay the notebook that is to be marked; a record that failed already if there is none."""
    import nbformat

    (course / MARKS / record.name / f"{record.student}.json").unlink(
        missing_ok=True
    )  # or it would outlive this marking
    noted = collect.about(course, record.student, record.name)
    record.late = bool(noted.get("late"))
    folder = course / MENDED / record.student / record.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        cells = mend.read(path.read_bytes(), path.name)
        source = nbformat.reads(_tests(course, record.name).decode(), as_version=4)
        done = mend.mend(cells, handed_out, source)
    except mend.MendError as error:
        record.failed = str(error)
        return record
    record.missing, record.notes = done.missing, done.notes
    record.flags = words.words(done.own, "\n".join(cell.source for cell in handed_out.cells))
    nbformat.write(done.notebook, folder / f"{record.name}.ipynb")
    stamp = path.parent / "timestamp.txt"
    if stamp.is_file():
        shutil.copy(stamp, folder)
    return record


def _all(course: Path, ready: list[Record], jobs: int):
    """Each record, when it is done. A worker that dies takes its submission with it, and no other."""
    yield from (record for record in ready if record.failed)
    left = [record for record in ready if not record.failed]
    alone = False
    while left:
        workers = 1 if alone else min(jobs, len(left))
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_quiet) as pool:
            waiting = {pool.submit(_mark, str(course), record): record for record in (left[:1] if alone else left)}
            try:
                for one in as_completed(waiting):
                    done = one.result()
                    left.remove(waiting[one])
                    yield done
                alone = False
            except BrokenProcessPool:
                if alone:  # it was this one
                    record = left.pop(0)
                    record.failed = "the process that marked it was ended from outside, perhaps for want of memory"
                    record.digest = ""  # so that the next call tries again
                    yield record
                alone = not alone or bool(left)


def _quiet():
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)


def _mark(folder: str, record: Record) -> Record:
    """In a process of its own: nbgrader's autograder on one submission."""
    import nbformat
    from nbgrader.utils import determine_grade, is_grade

    _quiet()
    begin, course = time.monotonic(), Path(folder)
    seen = course / MENDED / record.student / record.name / "seen.json"
    seen.unlink(missing_ok=True)
    api = release.nbgrader(
        course,
        Execute={"report": str(seen)},
        CourseDirectory={"submitted_directory": MENDED},
        NbGrader={"log_level": 50},
    )
    with open(os.devnull, "w") as nowhere, _said_to(nowhere):
        done = api.autograde(record.name, record.student, force=True)
    record.seconds = round(time.monotonic() - begin, 1)
    marked = course / "autograded" / record.student / record.name / f"{record.name}.ipynb"
    if not done["success"] or not marked.is_file():
        errors = re.findall(r"^ *([\w.]*(?:Error|Exception)\b.*)", done.get("log") or "", re.MULTILINE)
        record.failed = f"nbgrader: {(errors or [release.last_line(done)])[-1][:300]}"
        return record
    saw: dict = json.loads(seen.read_text(encoding="utf-8")) if seen.is_file() else {"died": "", "flags": []}
    seen.unlink(missing_ok=True)
    record.died, record.flags = saw["died"], [*saw["flags"], *record.flags]
    for cell in nbformat.read(marked, as_version=4).cells:
        if is_grade(cell):
            given, most = determine_grade(cell)
            if given is None:
                record.waits += most
            elif cell.cell_type == "code":
                record.points[cell.metadata.nbgrader.grade_id] = given
                record.most[cell.metadata.nbgrader.grade_id] = most
    return record


class _said_to:
    """What a process and those it starts write goes to this file for a while: kernels print hints to their terminal."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        self.kept = [(number, os.dup(number)) for number in (1, 2)]
        for number, _ in self.kept:
            os.dup2(self.file.fileno(), number)

    def __exit__(self, *error):
        for number, kept in self.kept:
            os.dup2(kept, number)
            os.close(kept)


def read(course: Path, who: str, name: str) -> Record | None:
    """The record of a marking; None if it is not over, or what was written cannot be read."""
    try:
        return Record(**json.loads((course / MARKS / name / f"{who}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write(course: Path, record: Record) -> None:
    folder = course / MARKS / record.name
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{record.student}.{os.getpid()}"
    fresh.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    fresh.replace(folder / f"{record.student}.json")


def backup(course: Path) -> Path | None:
    """A copy of the gradebook, made before anything is marked; the last twenty are kept."""
    book = course / "gradebook.db"
    if not book.is_file():
        return None
    (course / BACKUPS).mkdir(exist_ok=True)
    copy = course / BACKUPS / f"gradebook-{datetime.now():%Y%m%d-%H%M%S-%f}.db"
    with sqlite3.connect(book) as old, sqlite3.connect(copy) as new:
        old.backup(new)
    old.close()
    new.close()
    for path in sorted((course / BACKUPS).glob("gradebook-*.db"))[:-KEPT]:
        path.unlink()
    return copy

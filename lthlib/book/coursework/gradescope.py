"""Marks one submission where Gradescope runs it, and packs what Gradescope needs for that."""

import json
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

from lthlib.book.coursework import collect, mark, mend
from lthlib.book.coursework.mark import Record
from lthlib.errors import LthError

SETUP = """#!/usr/bin/env bash
set -euo pipefail
apt-get update
apt-get install --yes --no-install-recommends python3-venv git bubblewrap
python3 -m venv /autograder/venv
/autograder/venv/bin/pip install "lthlib[book,course] @ git+{address}"
"""
RUN = """#!/usr/bin/env bash
set -euo pipefail
cd /autograder/source
coursework="/autograder/venv/bin/python -m lthlib.book.coursework --course course"
$coursework make
$coursework gradescope {name} --submission /autograder/submission --results /autograder/results/results.json
"""


class GradescopeError(LthError):
    """Nothing can be packed or marked; the message says what to do."""


def pack(course: Path, name: str, address: str) -> Path:
    """The zip that Gradescope asks for as "autograder", in zips/. Raises GradescopeError."""
    source = course / "source" / name
    if not source.is_dir():
        raise GradescopeError(f"no assignment {name} in {course / 'source'}")
    (course / "zips").mkdir(exist_ok=True)
    path = course / "zips" / f"{name}-gradescope.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        scripts = {"setup.sh": SETUP.format(address=address), "run_autograder": RUN.format(name=name)}
        for script, text in scripts.items():
            info = zipfile.ZipInfo(script, (2026, 1, 1, 0, 0, 0))
            info.external_attr = (stat.S_IFREG | 0o755) << 16
            zipped.writestr(info, text)
        zipped.write(course / "nbgrader_config.py", "course/nbgrader_config.py")
        zipped.write(source / f"{name}.ipynb", f"course/source/{name}/{name}.ipynb")
    return path


def results(course: Path, name: str, submission: Path) -> dict:
    """What Gradescope shows of the notebook in this folder, in the shape of its results.json."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for part in ("nbgrader_config.py", "source", "release", "gradebook.db"):
            copy = shutil.copytree if (course / part).is_dir() else shutil.copy
            copy(course / part, place / part)
        notebooks = sorted(submission.rglob("*.ipynb"), key=lambda path: path.stem != name)
        if not notebooks:
            return _told(Record("submission", name, failed="there is no notebook in it: hand in the .ipynb"))
        cells = {one: nb.cells for one, nb in mend.released(place).items()}
        (place / collect.SUBMITTED / "submission" / name).mkdir(parents=True)
        shutil.copy(notebooks[0], place / collect.SUBMITTED / "submission" / name / f"{name}.ipynb")
        (record,) = mark.mark(place, [name], say=lambda line: None)
        try:
            other = mend.assignment_of(mend.read(notebooks[0].read_bytes()), cells)
        except mend.MendError:
            other = name
        return _told(record, "" if other == name else f"this looks like {other}, not {name}")


def _told(record: Record, remark: str = "") -> dict:
    tests = [
        {"name": test, "score": given, "max_score": record.most[test], "status": "passed" if given else "failed"}
        for test, given in record.points.items()
    ]
    said = [remark, record.failed, record.died and f"the kernel ended in {record.died}", *record.notes]
    said += [f"{answer} was not found, and counts as not answered" for answer in record.missing]
    output = "\n".join(line for line in said if line)
    hidden = {"output": "; ".join(record.flags), "name": "for the teacher", "visibility": "hidden"}
    told = {"output": output or "marked", "tests": [*tests, *([hidden] if record.flags else [])]}
    return told if tests else told | {"score": 0}


def write(told: dict, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=1), encoding="utf-8")

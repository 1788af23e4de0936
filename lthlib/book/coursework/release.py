"""Makes what a teacher hands out from the sources of the assignments: nbgrader strips them, this zips the result."""

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from lthlib.errors import LthError

COURSE = "assignments"  # the folder of the course
# In that folder, and not committed: what students get, what teachers keep, and a zip of each.
RELEASE, INSTRUCTOR, ZIPS = "release", "instructor", "zips"


class CourseError(LthError):
    """The assignments cannot be made; the message says what is to be mended."""


@dataclass(frozen=True)
class Assignment:
    """What a list of assignments says of one, read from its source: `auto` points are given by tests, `manual` ones by
    a reader."""

    name: str
    title: str
    hours: str
    auto: int
    manual: int


def assignments(course: Path) -> list[Assignment]:
    """What there is to hand out, by the numbers in the titles. Raises CourseError."""
    found = [_read(path) for path in course.glob("source/*/*.ipynb")]
    if not found:
        raise CourseError(f"there are no assignments in {course / 'source'}: run in the root of a clone")
    return sorted(found, key=lambda one: one.title)


def _read(path: Path) -> Assignment:
    cells = _nbformat().read(path, as_version=4).cells
    title, *_ = re.findall(r"^# (.+)$", cells[0].source, re.MULTILINE) or [path.stem]
    hours, *_ = re.findall(r"\*\*Time\*\* (.+?) hours", cells[0].source) or ["?"]
    points = {"code": 0, "markdown": 0}
    for cell in cells:
        points[cell.cell_type] += cell.metadata.get("nbgrader", {}).get("points", 0)
    return Assignment(path.stem, title, hours, points["code"], points["markdown"])


def table(found: list[Assignment]) -> str:
    """The assignments as the page lists them, in Markdown, with links that open the students' version on Colab."""
    lines = ["| | hours | points by tests | points by a reader | |", "|---|---|---|---|---|"]
    for one in found:
        link = f"[Colab]({COLAB}/{one.name}/{one.name}.ipynb)"
        lines.append(f"| {one.title} | {one.hours} | {one.auto} | {one.manual} | {link} |")
    return "\n".join(lines)


# The branch to which a push to main publishes what students get (.github/workflows/assignments.yml).
COLAB = "https://colab.research.google.com/github/OWNER/lottery-ticket-book/blob/assignments"


def address() -> str:
    """Of the repository."""
    return COLAB.replace("colab.research.google.com/github", "github.com").removesuffix("/blob/assignments")


def make(course: Path) -> None:
    """Make the students' version of every assignment (nbgrader takes solutions, hidden tests and rubrics out, and
    notes in gradebook.db what to put back), the instructors' with everything, and a zip of each. Raises CourseError.
    """
    found, api = assignments(course), nbgrader(course)
    for folder in (INSTRUCTOR, ZIPS):
        shutil.rmtree(course / folder, ignore_errors=True)
    for one in found:
        done = api.generate_assignment(one.name, force=True)
        if not done["success"]:
            raise CourseError(f"nbgrader does not accept {one.name}: {last_line(done)}")
        shutil.copytree(course / "source" / one.name, course / INSTRUCTOR / one.name, ignore=_LEFT_BEHIND)
        for folder, whose in ((RELEASE, "student"), (INSTRUCTOR, "instructor")):
            zipped = course / ZIPS / f"{one.name}-{whose}"
            shutil.make_archive(str(zipped), "zip", course / folder, one.name)
        print(f"{one.title}: {one.auto + one.manual} points, {one.auto} by tests, {one.manual} by a reader", flush=True)
    print(f"for students: {course / RELEASE}, for you: {course / INSTRUCTOR}, zipped: {course / ZIPS}")


_LEFT_BEHIND = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")


def nbgrader(course: Path, **settings):
    """nbgrader with the course's own settings, and more by class, `Execute={"seconds": 60}`. Raises CourseError."""
    try:
        from nbgrader.apps import NbGrader, NbGraderAPI
    except ImportError:
        raise CourseError("nbgrader is not installed: pip install -e '.[course]', or make env") from None
    if not (course / "nbgrader_config.py").is_file():
        raise CourseError(f"there is no course in {course}: run in the root of a clone, or name it with --course")
    beside = str(Path(sys.executable).parent)  # nbgrader calls alembic by its bare name, also where .venv is not active
    os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
    app = NbGrader(config_file=str(course / "nbgrader_config"))
    app.load_config_file()
    app.config.CourseDirectory.root = str(course.resolve())
    for name, values in settings.items():
        app.config[name].update(values)
    return NbGraderAPI(config=app.config)


def _nbformat():
    try:
        import nbformat
    except ImportError:
        raise CourseError("nbformat is not installed: pip install -e '.[course]', or make env") from None
    return nbformat


def last_line(done: dict) -> str:
    said = [line for line in (done.get("error") or done.get("log") or "").splitlines() if line.strip()]
    return said[-1] if said else "it does not say why"

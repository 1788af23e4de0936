"""Makes what a teacher hands out from the sources of the assignments, and keeps submissions in bounds while marked.

nbgrader does the stripping and the marking; its settings are in assignments/nbgrader_config.py.
"""

import argparse
import faulthandler
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


def make(course: Path) -> None:
    """Make the students' version of every assignment (nbgrader takes solutions, hidden tests and rubrics out, and
    notes in gradebook.db what to put back), the instructors' with everything, and a zip of each. Raises CourseError.
    """
    found, api = assignments(course), _nbgrader(course)
    for folder in (INSTRUCTOR, ZIPS):
        shutil.rmtree(course / folder, ignore_errors=True)
    for one in found:
        done = api.generate_assignment(one.name, force=True)
        if not done["success"]:
            raise CourseError(f"nbgrader does not accept {one.name}: {_last_line(done)}")
        shutil.copytree(course / "source" / one.name, course / INSTRUCTOR / one.name, ignore=_LEFT_BEHIND)
        for folder, whose in ((RELEASE, "student"), (INSTRUCTOR, "instructor")):
            zipped = course / ZIPS / f"{one.name}-{whose}"
            shutil.make_archive(str(zipped), "zip", course / folder, one.name)
        print(f"{one.title}: {one.auto + one.manual} points, {one.auto} by tests, {one.manual} by a reader", flush=True)
    print(f"for students: {course / RELEASE}, for you: {course / INSTRUCTOR}, zipped: {course / ZIPS}")


_LEFT_BEHIND = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")


def _nbgrader(course: Path):
    """nbgrader, with the course's own settings."""
    try:
        from nbgrader.apps import NbGrader, NbGraderAPI
    except ImportError:
        raise CourseError("nbgrader is not installed: pip install -e '.[course]', or make env") from None
    beside = str(Path(sys.executable).parent)  # nbgrader calls alembic by its bare name, also where .venv is not active
    os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
    app = NbGrader(config_file=str(course / "nbgrader_config"))
    app.load_config_file()
    app.config.CourseDirectory.root = str(course.resolve())
    return NbGraderAPI(config=app.config)


def _nbformat():
    try:
        import nbformat
    except ImportError:
        raise CourseError("nbformat is not installed: pip install -e '.[course]', or make env") from None
    return nbformat


def _last_line(done: dict) -> str:
    said = [line for line in (done.get("error") or done.get("log") or "").splitlines() if line.strip()]
    return said[-1] if said else "it does not say why"


# --- in the kernel that marks a submission ----------------------------------------------------------------------------


def guard(course: str, seconds: float = 600, characters: int = 1_000_000) -> None:
    """Keep the submission that this process is to run within bounds; nbgrader_config.py has each kernel call it first.

    After so many seconds the process ends, whatever it is at. To print more than so many characters is an error, and
    stderr is stdout, because nbgrader takes a test that writes a warning for one that failed. Files of the course
    (sources with the hidden tests, the gradebook, other submissions) and of the tests and the history of this
    repository cannot be opened, except what the submission itself puts in its folder; no other program can be started,
    and no other machine be reached.

    This stops what a student would think of trying, not an attacker: Python cannot be made a sandbox from within, and
    the tests run in the same process as the code that they test.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__ or 2)
    sys.stdout = sys.stderr = Bounded(sys.stdout, characters)  # an object of ours: IPython puts a changed method back
    closed = [os.path.realpath(course), *(os.path.realpath(Path(course).parent / name) for name in ("tests", ".git"))]
    here = os.path.realpath(os.curdir)

    def watch(event, arguments):
        if event in PROGRAMS:
            raise PermissionError("a submission may not start other programs while it is marked")
        if event == "socket.getaddrinfo" or (event == "socket.connect" and arguments[1][0] not in LOCAL):
            raise PermissionError("a submission may not connect to anything while it is marked")
        if event in FILES and arguments and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if any(_within(path, folder) for folder in closed) and (
                not _within(path, here) or path.endswith(".ipynb") or path == here
            ):
                raise PermissionError(f"a submission may not read {os.path.basename(path)} while it is marked")

    sys.addaudithook(watch)


PROGRAMS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"}
LOCAL = {"127.0.0.1", "::1"}  # where the kernel's own ends may meet
FILES = {"open", "os.listdir", "os.scandir", "os.rename", "os.link", "os.symlink", "sqlite3.connect"}


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


class Bounded:
    """A stream that takes so many characters, and then raises RuntimeError."""

    def __init__(self, stream, characters: int):
        self.stream, self.most, self.left = stream, characters, characters

    def write(self, text: str) -> int:
        self.left -= len(text)
        if self.left < 0:
            raise RuntimeError(f"more than {self.most:,} characters printed")
        return self.stream.write(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lthlib.book.coursework", description=__doc__.partition("\n")[0])
    parser.add_argument("--course", type=Path, default=Path(COURSE), help=f"folder of the course ({COURSE})")
    parser.add_argument("--list", action="store_true", help="only print the table of book/assignments.md")
    options = parser.parse_args(arguments)
    try:
        print(table(assignments(options.course))) if options.list else make(options.course)
    except (LthError, OSError) as error:
        print(f"coursework: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

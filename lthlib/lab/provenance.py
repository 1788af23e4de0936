"""Where a result comes from: what was asked for, which data, code and machine, when, and how long it took."""

import json
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from lthlib import specs
from lthlib.engine.data import Data
from lthlib.specs import Spec


def of(spec: Spec, data: Data, device: str, seconds: float) -> dict:
    """The columns of a row that say where it comes from; `seconds` is one training's share of the wall time."""
    return {
        "spec": specs.as_json(spec),
        "data": data.name,
        "data_label": data.label,
        "data_source": data.source,
        "data_sha256": data.sha256,
        "device": device_name(device),
        "versions": versions(),
        "seconds": round(seconds, 3),
        "commit": COMMIT,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "results_version": specs.RESULTS_VERSION,
    }


@cache
def device_name(device: str) -> str:
    """What a device is called, with the threads that are used of a CPU."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{processor()}, {torch.get_num_threads()} thread" + ("s" if torch.get_num_threads() > 1 else "")


def processor() -> str:
    """What the CPU is called."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@cache
def versions() -> str:
    """Versions of Python and of the packages that results depend on, as JSON."""
    return json.dumps(
        {"python": platform.python_version(), **{name: _version(name) for name in ("lthlib", "torch", "numpy")}}
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit of the code, with a + if it has been changed since; empty outside a checkout."""
    here = Path(__file__).parent
    try:
        _git(here, "ls-files", "--error-unmatch", Path(__file__).name)  # not some other repository around us
        commit = _git(here, "rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git(here, "status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


COMMIT = _commit()  # of the code as it was imported

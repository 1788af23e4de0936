"""Whether this release trains faster than another: both on one core of this machine, turn about, in one run."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lthlib.errors import LthError, SpecError

TIMED = """
import json, sys
from lthlib import specs
try:
    from lthlib.engine import machine
    from lthlib.lab import cost
except ImportError:  # of before the library had rooms
    from lthlib import cost, machine
network, precision, length, device = sys.argv[1:]
with machine.prepared():
    print(json.dumps(cost.paces(specs.spec(network, precision=precision), int(length), device=device)))
"""
HERE = Path(__file__).parents[2]


def compare(
    other: str | Path,
    cases: list[tuple[str, str]],
    length: dict[str, int],
    device: str = "cpu",
    turns: int = 5,
    tell: Callable[[str], None] = lambda line: None,
) -> list[dict]:
    """Milliseconds per iteration, evaluation included, of one network in one process: of the release in the folder
    `other` (a clone, say), of this one, and their ratio. For each (network, precision) the median over `turns`, in each
    of which both are timed over stretches of `length[network]` iterations.

        releases.compare("../lthlib-0.1", [("lenet", "fp32")], {"lenet": 50})

    Raises SpecError if there is no release in that folder.
    """
    other = Path(other).expanduser().resolve()
    if not (other / "lthlib" / "__init__.py").is_file():
        raise SpecError(f"there is no lthlib in {other}: name the folder of a clone of another release")
    found = []
    for network, precision in cases:
        words = [network, precision, str(length[network]), device]
        both = [(_paces(other, words), _paces(HERE, words)) for _ in range(turns)]
        before, after = (
            1000 * statistics.median(pace for one in column for pace in one) for column in zip(*both, strict=True)
        )
        record = {"network": network, "precision": precision, "before_ms": before, "after_ms": after}
        found.append(record | {"ratio": before / after})
        tell(as_line(found[-1]))
    return found


def _paces(release: Path, words: list[str]) -> list[float]:
    """Seconds per iteration in each stretch, by a process that looks for lthlib nowhere else."""
    environment = {**os.environ, "PYTHONPATH": str(release)}
    ran = subprocess.run([sys.executable, "-P", "-c", TIMED, *words], capture_output=True, text=True, env=environment)
    if ran.returncode:
        last = (ran.stderr.strip() or "it says nothing").splitlines()[-1]
        raise LthError(f"the release in {release} cannot time {words[0]} ({last}): compare with a newer one")
    return json.loads(ran.stdout)


HEAD = "network   products   before ms   now ms   ratio"


def as_line(row: dict) -> str:
    """One line of the comparison, under HEAD."""
    return (
        f"{row['network']:9} {row['precision']:8} {row['before_ms']:11.2f} {row['after_ms']:8.2f} {row['ratio']:7.2f}"
    )

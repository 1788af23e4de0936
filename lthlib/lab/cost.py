"""What an experiment will take here, in time, memory and disk, from a calibration of a few seconds."""

import heapq
import math
import re
import resource
import statistics
import sys
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch

from lthlib import specs
from lthlib.core import masks
from lthlib.core.streams import stream
from lthlib.engine import arms, evaluation, networks, pruning
from lthlib.engine.data import Data
from lthlib.engine.sources import EXAMPLES
from lthlib.engine.train import training
from lthlib.errors import SpecError
from lthlib.lab import workers
from lthlib.lab.plan import chunks, hanging, missing, room
from lthlib.lab.progress import duration
from lthlib.lab.where import Where
from lthlib.lab.workers import settled
from lthlib.specs import Rep, Spec


@dataclass(frozen=True)
class Cost:
    """What the trainings that an experiment still misses take: seconds of wall time, bytes of memory (all processes
    together) and of disk, and what these follow from."""

    trainings: int
    workers: int
    pace: float  # seconds per iteration of one training, evaluation included
    seconds: float
    memory: float
    disk: float

    def __str__(self):
        where = "1 process" if self.workers == 1 else f"{self.workers} processes"
        return (
            f"{self.trainings} trainings of {1000 * self.pace:.3g} ms an iteration in {where}: about "
            f"{duration(self.seconds)}, {size(self.memory)} of memory, {size(self.disk)} of disk"
        )


def predict(spec: Spec, where: Where, todo: list[Rep] | None = None, budget: float = 4.0) -> Cost:
    """What a run of these trainings would take, by default of those that are missing. Calibrates for about `budget`
    seconds, in as many processes, because they slow each other down. SpecError for a scheduler's workers."""
    if where.scheduler:
        raise SpecError("what a cluster's workers would take cannot be told from here: leave out the scheduler")
    where, todo = settled(where, spec), missing(spec, where.shelf) if todo is None else todo
    device, processes = where.device, min(where.processes, max(1, len(todo)))
    if not todo:
        return Cost(0, processes, 0.0, 0.0, 0.0, 0.0)
    width = min(workers.width(spec, device), len(todo))
    began = time.perf_counter()
    with workers.pool(processes, device) as run:
        startup = time.perf_counter() - began
        pace = statistics.median(run(calibrate, *([v] * processes for v in (spec, device, width, budget))))
        memory = sum(run(peak, [device] * processes)) + processes * images(spec)
    if device != "cpu":
        torch.cuda.empty_cache()
    seconds = startup + makespan(spec, todo, processes, width) * spec.iterations * pace
    return Cost(len(todo), processes, pace, seconds, memory, room(spec, todo, processes * width))


def images(spec: Spec) -> float:
    """The bytes of the images that a process evaluates, which a calibration leaves out for the most part, and of its
    share of the data set."""
    train, valid, test = EXAMPLES[spec.data]
    return math.prod(networks.shape(spec.network)) * (4 * (valid + test + spec.train_eval) + (train + valid + test) / 2)


def calibrate(spec: Spec, device: str, replicates: int, budget: float) -> float:
    """Seconds per iteration of one training: the median over as many short stretches as a budget in seconds allows."""
    began = time.perf_counter()
    first = paces(spec, 2, replicates, device, 1)[-1]
    left = budget - (time.perf_counter() - began)
    length = max(2, min(spec.eval_every, int(left / 6 / max(first * replicates, 1e-6))))
    return statistics.median(paces(spec, length, replicates, device, 4))


def paces(
    spec: Spec,
    length: int,
    replicates: int = 1,
    device: str = "cpu",
    stretches: int = 5,
    mask: masks.Mask | None = None,
) -> list[float]:
    """Seconds per iteration and replicate, in each of so many stretches of `length` iterations on random pixels, of the
    dense network or under a mask [R, *shape].

    As much is evaluated after each stretch as the experiment evaluates per `length` iterations on the whole, so that
    the pace includes it: after 20 of every 100 iterations, a fifth of the images.
    """
    known = max(1, round(spec.train_eval * evaluation.share(spec, device) * length / spec.eval_every))
    short = replace(spec, iterations=length * (stretches + 1), eval_every=length, train_eval=known, rewind=0)
    examples = scaled(spec, length, device)
    reps = [Rep("ticket", trial) for trial in range(replicates)]
    theta = arms.initial(spec, list(range(replicates)))
    mask = mask or masks.ones(theta, pruning.rates(spec))
    ticks = []
    for _ in training(short, theta, mask, reps, examples.to(device)):
        if device != "cpu":
            torch.cuda.synchronize()
        ticks.append(time.perf_counter())
    return [(b - a) / length / replicates for a, b in pairwise(ticks[1:])]  # the first warms up


def scaled(spec: Spec, length: int, device: str = "cpu") -> Data:
    """Random pixels with random labels, as good as images to measure time: as many for validation and test as the
    experiment evaluates per `length` iterations on the whole."""
    generator = stream(0, "noise")
    _, valid, test = EXAMPLES[spec.data]
    seen = (valid, test * evaluation.share(spec, device))
    valid, test = (max(1, round(n * length / spec.eval_every)) for n in seen)
    total = TRAINED + valid + test
    pixels = torch.randint(0, 256, (total, *networks.shape(spec.network)), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 10, (total,), generator=generator)
    return Data("noise", "random pixels", "none", "", pixels, labels, TRAINED + valid, valid)


TRAINED = 6_000  # images to train on, more than a cache holds


def makespan(spec: Spec, todo: list[Rep], workers: int, width: int) -> float:
    """How many trainings one after the other the whole takes: chains of tickets first, branches behind their chain,
    each to the next process that is free. A cohort of several counts as so many, a training that starts late or ends
    early as the part of the iterations that it takes."""

    def part(rep: Rep) -> float:
        first, last = specs.span(spec, rep)
        return (last - first) / spec.iterations

    free = [0.0] * workers
    ready: list[tuple[float, float]] = []  # when a task may start, and how long it takes
    for some in chunks(sorted({rep.trial for rep in todo}), width):
        done = heapq.heappop(free)
        for trunk in specs.TRUNKS:  # the second chain follows the first in the same process, as likely as not
            done += sum(part(rep) for rep in todo if rep.arm == trunk and rep.trial in some)
            ready += [(done, float(len(c))) for c in chunks(hanging(todo, trunk, some), width)]
        heapq.heappush(free, done)
    for start, length in sorted(ready):
        heapq.heappush(free, max(heapq.heappop(free), start) + length)
    return max(free)


def peak(device: str) -> float:
    """The most bytes of memory that this process has held: on a GPU of its memory, else of the machine's."""
    if device != "cpu":
        return float(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status")
    held = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None  # not every kernel says so
    if held:  # the other way tells, of a process that was just started, what its parent held
        return 1024.0 * int(held[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)


def size(number: float) -> str:
    """For people: `512 MB`, `1.4 GB`."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"

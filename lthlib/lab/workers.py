"""Who trains: this process, or several of this machine, each prepared for it, and on which device."""

import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.queues import Queue

import torch

from lthlib.engine import data, machine, networks, sources
from lthlib.engine.pruning import weights
from lthlib.engine.sources import EXAMPLES
from lthlib.errors import DataError, SpecError
from lthlib.lab import task
from lthlib.lab.progress import Bars
from lthlib.lab.task import Job
from lthlib.lab.where import Where
from lthlib.specs import Rep, Spec


@dataclass(frozen=True)
class Crew:
    """Workers: `submit` hands a job to one of them, and its future is what `task.do` gives back; `together` says how
    many of given trainings one of them is to do at once."""

    submit: Callable[[Job], Future]
    together: Callable[[list[Rep]], int]


@contextmanager
def crew(processes: int, job: Job, bars: Bars) -> Iterator[Crew]:
    """This process, if one is enough, else so many of one thread, which share one copy of the job's data. How far they
    are the bars are told."""
    most = width(job.spec, job.where.device)
    with _here(bars) if processes == 1 else _beside(processes, job, bars) as submit:
        yield Crew(submit, lambda reps: most)


@contextmanager
def _here(bars: Bars) -> Iterator[Callable[[Job], Future]]:
    def submit(job):
        """Does the work at once."""
        future: Future[tuple[Rep, ...]] = Future()
        future.set_result(task.do(job, lambda *event: bars.tell(os.getpid(), *event)))
        return future

    with machine.prepared():
        yield submit


@contextmanager
def _beside(processes: int, job: Job, bars: Bars) -> Iterator[Callable[[Job], Future]]:
    context = multiprocessing.get_context("spawn")
    bars.queue = context.Queue()
    pool = ProcessPoolExecutor(processes, context, _begin, (bars.queue, job, _lent(job)))
    try:
        yield lambda job: pool.submit(_do, job)
    except BaseException:  # Ctrl-C too: a training under way leaves its checkpoint, and files are whole
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def pool(processes: int, device: str) -> Iterator[Callable]:
    """A `map` over so many processes prepared to train, as a `crew` is."""
    if device != "cpu" or processes == 1:
        with machine.prepared():
            yield lambda f, *arguments: list(map(f, *arguments))
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), machine.prepare) as workers:
        list(workers.map(time.sleep, [0.5] * processes))  # until all are up
        yield lambda f, *arguments: list(workers.map(f, *arguments))


# --- how many, and on what --------------------------------------------------------------------------------------------


def settled(where: Where, spec: Spec) -> Where:
    """The same with the device and the number of processes that train there, which a cluster knows itself. SpecError,
    in one line, for what is not there, or cannot do that."""
    if where.scheduler:
        if where.workers:
            raise SpecError(
                "workers are processes of this machine, and a scheduler has its own: leave out one of the two"
            )
        return where
    device = choose_device(where.device, spec.precision)
    return replace(where, device=device, workers=processes(where.workers, device))


def choose_device(device: str, precision: str = "fp32") -> str:
    """`auto` is the GPU if there is one, else the CPU; SpecError for a device that is not there, or cannot do that."""
    known = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    if device == "auto":
        device = known[-1]
    if device not in known:
        more = "; which GPU, CUDA_VISIBLE_DEVICES says" if str(device).startswith("cuda:") else ""
        raise SpecError(f"the device '{device}' is not available here: choose {', '.join(['auto', *known])}{more}")
    if precision == "tf32" and device == "cpu":
        raise SpecError("tf32 products are a GPU's: choose fp32 or bf16 here")
    return device


def processes(workers: int | None, device: str) -> int:
    """How many processes train: if it is not said, one per core, or one for an accelerator; SpecError for none."""
    if workers is not None and workers < 1:
        raise SpecError(f"workers must be at least 1, not {workers}")
    if device != "cpu" and (workers or 1) > 1:
        raise SpecError("one process feeds a GPU: leave out workers")
    return workers or (_cores() if device == "cpu" else 1)


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def width(spec: Spec, device: str) -> int:
    """The most networks of one cohort: on a CPU one, whose weights stay in the cache; on an accelerator as many as fit
    its memory and are worth doing together."""
    if device == "cpu":
        return 1
    kept = 12 * weights(spec)  # θ, its start, mask, two moments, copies of these four, gradients and theirs
    images = (EXAMPLES[spec.data][1] + spec.train_eval) * math.prod(networks.shape(spec.network))
    fitting = int(0.7 * torch.cuda.mem_get_info(device)[0] / (4 * (kept + images)))
    return max(1, min(fitting, MOST_AT_ONCE if networks.written_out(spec.network) else MOST_IN_TURN))


# Rows are stored when their whole cohort is done, so a cohort that gains nothing from more networks stays small.
MOST_AT_ONCE, MOST_IN_TURN = 256, 8


# --- in a worker process ----------------------------------------------------------------------------------------------


_said: Queue  # where a worker process says how far it is; its own beginning sets it, and nobody else


def _begin(said: Queue, job: Job, lent: data.Data | None) -> None:
    """Prepare a worker process, once."""
    global _said
    _said = said
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_follow_parent, daemon=True).start()
    machine.prepare()
    if lent is not None:
        sources.adopt(job.spec.data, job.where.data_root, networks.shape(job.spec.network), lent)


def _do(job: Job) -> tuple[Rep, ...]:
    return task.do(job, lambda *event: _said.put((os.getpid(), *event)))


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a worker process, which has one, follows it"
    parent.join()
    os._exit(1)


def _lent(job: Job) -> data.Data | None:
    """The data of a job in memory that processes share; nothing where that is too small, and each reads its own."""
    try:
        return sources.share(task.examples(replace(job, where=replace(job.where, device="cpu"))))
    except DataError:
        return None

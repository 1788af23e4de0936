"""Which trainings an experiment needs, which are done, in what order, and on which executor."""

import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from lthlib import lease, specs
from lthlib.engine import data, machine, networks
from lthlib.engine.arms import trunk_of
from lthlib.engine.data import EXAMPLES
from lthlib.engine.pruning import ladder, weights
from lthlib.errors import DataError, LthError, SpecError
from lthlib.lab import checkpoint, task
from lthlib.lab.progress import Bars
from lthlib.lab.store import Store
from lthlib.lab.task import Job
from lthlib.specs import ARMS, BRANCHES, CONTINUING, ONESHOT_LEVELS, OPENING, Rep, Spec


def plan(spec: Spec) -> list[Rep]:
    """Every training of an experiment: its trunks (with late rewinding the dense network's opening, a trial's tickets,
    of which round 0 is the dense network, and the chain that is trained on without resetting), then branches."""
    trunk = [Rep(OPENING, trial) for trial in range(spec.trials)] if spec.rewind else []
    trunk += [Rep("ticket", trial, n) for trial in range(spec.trials) for n in range(depth(spec) + 1)]
    if "continued" in spec.arms:
        trunk += [Rep(CONTINUING, trial, n) for trial in range(spec.trials) for n in range(1, spec.rounds + 1)]
    return trunk + [rep for trial in range(spec.trials) for rep in branches(spec, trial)]


def depth(spec: Spec) -> int:
    """The last round of tickets that an arm needs: one-shot pruning needs only the dense network."""
    return 0 if all(ARMS[arm].one_shot for arm in spec.arms) else spec.rounds


def branches(spec: Spec, trial: int) -> list[Rep]:
    """The trainings that need a trial's tickets, but not each other."""
    prunings = range(spec.branch_step, spec.rounds + 1, spec.branch_step)
    levels = [level for level in ONESHOT_LEVELS if level % spec.oneshot_step == 0]
    planned = []
    for name in (name for name in spec.arms if name in BRANCHES):
        arm = BRANCHES[name]
        draws = getattr(spec, arm.draws) if arm.draws else 1
        planned += [Rep(name, trial, n, draw) for n in (levels if arm.one_shot else prunings) for draw in range(draws)]
    return planned


def missing(spec: Spec, store: Store) -> list[Rep]:
    """The trainings of an experiment that are not stored."""
    return [rep for rep in plan(spec) if not store.has(spec, rep)]


def run(
    spec: Spec,
    store: str | Path,
    data_root: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    scheduler: str | None = None,
) -> None:
    """Train what the experiment still misses, on this machine, and store each training as it ends.

    On a CPU each of `workers` processes of one thread (default: one per core) trains one network at a time; on an
    accelerator one process trains whole cohorts. With the address of a Dask `scheduler` its workers train instead (see
    `remote`). It may be killed at any moment and called again: what is stored stays, what was under way goes on from
    its checkpoint, and the rest comes out the same. Called several times at once, it trains nothing twice. Raises
    SpecError, DataError or StoreError, in one line, before training starts.
    """
    device, workers, todo = ready(spec, store, data_root, device, workers, scheduler)
    if not todo:
        Store(store).drop_checkpoints(spec, plan(spec))
        return
    job = Job(replace(spec, rounds=depth(spec)), (), Path(store).absolute(), data_root, device)
    whole = plan(spec)
    count = partial(Store(store).count, spec, whole)
    alone = 1 if device == "cpu" else None  # networks that a process trains at once
    bars = Bars(f"{spec.network} {specs.key(spec)}", len(whole), count, spec.iterations, alone)
    try:
        with crew(workers, scheduler, bars, job) as (pool, job, together):
            drive(pool, job, todo, bars, together)
        Store(store).drop_checkpoints(spec, whole)  # of cohorts that were killed while their rows were stored
    except BrokenExecutor:
        raise LthError(
            "a worker process died, perhaps for lack of memory (or, in a script, for lack of an if __name__ == "
            "'__main__'): what is stored stays; run again, with fewer workers"
        ) from None
    finally:
        bars.close()


def ready(
    spec: Spec,
    store: str | Path,
    data_root: str | Path | None,
    device: str,
    workers: int | None,
    scheduler: str | None = None,
) -> tuple[str, int, list[Rep]]:
    """The device, the number of processes and the trainings of a run; what can be wrong is looked at before. With a
    scheduler, its workers look at their device and their data."""
    if scheduler and workers:
        raise SpecError("workers are processes of this machine, and a scheduler has its own: leave out one of the two")
    if not scheduler:
        device = choose_device(device, spec.precision)
    shelf = Store(store)
    todo = missing(spec, shelf)
    workers = 1 if scheduler else processes(workers, device, todo)
    checkpoint.interval()
    task.check_sources(shelf, spec, todo)
    if todo:
        shelf.open(spec, need=room(spec, todo, 1 if scheduler else workers * width(spec, device)))
        if not scheduler:
            data.fetch(spec.data, data_root)
    return device, workers, todo


@contextmanager
def crew(workers: int, scheduler: str | None, bars: Bars, job: Job) -> Iterator[tuple[Executor, Job, Callable]]:
    """Who trains: an executor, the job as it can do it, and how many of given trainings are to be done together."""
    if scheduler:
        from lthlib.lab import cluster

        with cluster.cluster(scheduler, job, bars.say) as found:
            yield found
    else:
        with executor(workers, bars, job) as pool:
            most = width(job.spec, job.device)
            yield pool, job, lambda reps: most


def drive(pool: Executor, job: Job, todo: list[Rep], bars: Bars, together: Callable[[list[Rep]], int]) -> None:
    """Submit the chains of tickets, behind each what hangs on it, as many `together` as that says, and wait for all.
    What another run is training is waited for too, and trained here if that run dies."""
    pending: dict[Future, tuple[Rep, ...]] = {}
    elsewhere: list[Rep] = []
    looked, told = 0.0, False

    def submit(reps):
        pending[pool.submit(_do, replace(job, reps=tuple(reps)))] = tuple(reps)

    chains = [Rep("ticket", trial) for trial in sorted({rep.trial for rep in todo})]
    for some in chunks(chains, together(chains)):
        submit(some)
    while pending or elsewhere:
        if not pending:
            time.sleep(0.5)
        done, _ = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
        bars.refresh()
        for future in done:
            reps = pending.pop(future)
            others = future.result()
            elsewhere += others
            arm, trials = reps[0].arm, tuple(rep.trial for rep in reps if rep not in others)
            if arm in specs.TRUNKS:
                branches = hanging(todo, arm, trials)
                for some in chunks(branches, together(branches)):
                    submit(some)
            needed = AFTER.get(arm, ())
            if further := [trial for trial in trials if any(r.arm in needed and r.trial == trial for r in todo)]:
                submit([Rep(CONTINUING, trial) for trial in further])
        if elsewhere and time.monotonic() - looked > LOOK:
            looked = time.monotonic()
            busy = occupied(job, elsewhere)
            if busy and not pending and not told:
                told = True
                bars.say(f"lth: all that is left is being trained by {others_of(busy)}: waiting")
            for rep in elsewhere:
                if rep not in busy:
                    submit([rep])
            elsewhere = list(busy)


LOOK = 2.0  # seconds between two looks at what other runs are doing


def occupied(job: Job, reps: list[Rep]) -> dict[Rep, lease.Holder]:
    """Those of these units of work that other processes hold and have not finished, with who holds them."""
    files = {rep: Store(job.store).lease_file(job.spec, rep) for rep in reps}
    now = lease.clock(files[reps[0]].parent)
    holders = {rep: lease.holder(file, now) for rep, file in files.items()}
    return {rep: who for rep, who in holders.items() if who and task.unfinished(job, rep)}


def others_of(busy: dict[Rep, lease.Holder]) -> str:
    """Who holds these, for people."""
    names = sorted({str(who) for who in busy.values()})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")


AFTER = {"ticket": (CONTINUING, "continued")}  # what needs the second chain, which needs the dense network of the first


def hanging(todo: list[Rep], trunk: str, trials: tuple[int, ...]) -> list[Rep]:
    """The branches among `todo` that hang on these trials of a trunk."""
    branches = [rep for rep in todo if rep.arm in BRANCHES and rep.trial in trials]
    return [rep for rep in branches if trunk_of(rep).arm == trunk]


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


def processes(workers: int | None, device: str, todo: list[Rep]) -> int:
    """How many processes train: if it is not said, one per core, or one for an accelerator; SpecError for none."""
    if workers is not None and workers < 1:
        raise SpecError(f"workers must be at least 1, not {workers}")
    if device != "cpu" and (workers or 1) > 1:
        raise SpecError("one process feeds a GPU: leave out workers")
    return min(workers or (_cores() if device == "cpu" else 1), max(1, len(todo)))


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


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def room(spec: Spec, todo: list[Rep], at_once: int = 1) -> float:
    """About the bytes that trainings need in a store: rows for each, weights and a mask for each ticket, and for as
    many as are trained at once a checkpoint (weights and two moments) and the next, which is written beside it."""
    rows = 20_000 + 40 * (spec.iterations / spec.eval_every)
    total, left = weights(spec), ladder(spec)
    chains = [rep for rep in todo if rep.arm in specs.TRUNKS]
    kept = sum(4 * total * left[rep.round] / 100 + total / 8 for rep in chains)
    return rows * len(todo) + kept + 2 * 3 * 4 * total * min(at_once, len(todo))


def chunks(items: list, width: int) -> Iterator[tuple]:
    """The items in tuples of at most `width`."""
    for start in range(0, len(items), width):
        yield tuple(items[start : start + width])


# --- where the work is done -------------------------------------------------------------------------------------------


def _report(label: str, iteration: int, stored: int) -> None:
    """Where this process says how far it is; `executor` and `_start` put something better here."""


def _do(job: Job) -> tuple[Rep, ...]:
    return task.do(job, _report)


class Here(Executor):
    """An executor that does the work at once, in this process."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextmanager
def executor(workers: int, bars: Bars, job: Job) -> Iterator[Executor]:
    """This process for one worker, else that many processes of one thread, which report to the bars and share one copy
    of the job's data."""
    if workers == 1:
        global _report
        before = _report
        _report = lambda *event: bars.tell(os.getpid(), *event)  # noqa: E731
        try:
            with machine.prepared():
                yield Here()
        finally:
            _report = before
        return
    context = multiprocessing.get_context("spawn")
    bars.queue = context.Queue()
    pool = ProcessPoolExecutor(workers, context, _start, (bars.queue, job, _lent(job)))
    try:
        yield pool
    except BaseException:  # Ctrl-C too: of a training under way its checkpoint is left, and files are whole
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def pool(processes: int, device: str) -> Iterator[Callable]:
    """A `map` over so many processes prepared to train, as `study` has them."""
    if device != "cpu" or processes == 1:
        with machine.prepared():
            yield lambda f, *arguments: list(map(f, *arguments))
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), machine.prepare) as workers:
        list(workers.map(time.sleep, [0.5] * processes))  # until all are up
        yield lambda f, *arguments: list(workers.map(f, *arguments))


def _lent(job: Job) -> data.Data | None:
    """The data of a job in memory that processes share; nothing where that is too small, and each reads its own."""
    try:
        return data.share(task.examples(replace(job, device="cpu")))
    except DataError:
        return None


def _start(queue, job: Job, lent: data.Data | None) -> None:
    """Prepare a worker process."""
    global _report
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_follow_parent, daemon=True).start()
    machine.prepare()
    if lent is not None:
        data.adopt(job.spec.data, job.data_root, networks.shape(job.spec.network), lent)
    _report = lambda *event: queue.put((os.getpid(), *event))  # noqa: E731


def _follow_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)

"""A run: train what an experiment misses, in order, in whatever processes there are, and store it."""

import time
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

from lthlib import lease, specs
from lthlib.engine import sources
from lthlib.errors import LthError
from lthlib.lab import checkpoint, cluster, task, workers
from lthlib.lab.plan import AFTER, chunks, depth, hanging, missing, plan, room
from lthlib.lab.progress import Bars
from lthlib.lab.task import Job
from lthlib.lab.where import Where
from lthlib.lab.workers import Crew, settled
from lthlib.specs import CONTINUING, Rep, Spec


def run(
    spec: Spec,
    store: str | Path,
    data_root: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    scheduler: str | None = None,
) -> None:
    """Train what the experiment still misses, on this machine, and store each training as it ends. For example
    `run(specs.spec("lenet", "quick"), "store")`.

    On a CPU each of `workers` processes of one thread (default: one per core) trains one network at a time; on an
    accelerator one process trains whole cohorts. With the address of a Dask `scheduler` its workers train instead (see
    `cluster`). It may be killed at any moment and called again: what is stored stays, what was under way goes on from
    its checkpoint, and the rest comes out the same. Called several times at once, it trains nothing twice. Raises
    SpecError, DataError or StoreError, in one line, before training starts.
    """
    carry_out(spec, *ready(spec, Where(store, data_root, device, workers, scheduler)))


def ready(spec: Spec, where: Where) -> tuple[Where, list[Rep]]:
    """Begin a run: what it is to train, where. What can be wrong is looked at now, and what is stored and no use is set
    aside. With a scheduler, its workers look at their device and their data."""
    where, shelf = settled(where, spec), where.shelf
    todo = missing(spec, shelf)
    checkpoint.interval()
    shelf.set_aside(spec, todo)
    task.check_sources(shelf, spec, todo)
    if todo:
        at_once = 1 if where.scheduler else where.processes * workers.width(spec, where.device)
        shelf.open(spec, need=room(spec, todo, at_once))
        if not where.scheduler:
            sources.fetch(spec.data, where.data_root)
    return where, todo


def carry_out(spec: Spec, where: Where, todo: list[Rep]) -> None:
    """Train these, which `ready` has found to be missing; LthError, in one line, if those who train go away."""
    whole = plan(spec)
    if todo:
        count = partial(where.shelf.count, spec, whole)
        alone = 1 if where.device == "cpu" else None  # networks that a process trains at once
        bars = Bars(f"{spec.network} {specs.key(spec)}", len(whole), count, spec.iterations, alone)
        job = Job(replace(spec, rounds=depth(spec)), (), where.from_anywhere())
        try:
            with _crew(job, bars, len(todo)) as crew:
                drive(crew, job, todo, bars)
        except BrokenExecutor:
            raise LthError(
                "a worker process died, perhaps for lack of memory (or, in a script, for lack of an if __name__ == "
                "'__main__'): what is stored stays; run again, with fewer workers"
            ) from None
        finally:
            bars.close()
    where.shelf.drop_checkpoints(spec, whole)  # of cohorts that were killed while their rows were stored


def _crew(job: Job, bars: Bars, trainings: int) -> AbstractContextManager[Crew]:
    """Who trains: the workers of a cluster, or of this machine not more than have something to do."""
    if job.where.scheduler:
        return cluster.crew(job, bars.say)
    return workers.crew(min(job.where.processes, trainings), job, bars)


def drive(crew: Crew, job: Job, todo: list[Rep], bars: Bars) -> None:
    """Submit the chains of tickets, behind each what hangs on it, as many at once as the crew can, and wait for all.
    What another run is training is waited for too, and trained here if that run dies."""
    pending: dict[Future, tuple[Rep, ...]] = {}
    elsewhere: list[Rep] = []
    looked, told = 0.0, False

    def submit(reps):
        pending[crew.submit(replace(job, reps=tuple(reps)))] = tuple(reps)

    chains = [Rep("ticket", trial) for trial in sorted({rep.trial for rep in todo})]
    for some in chunks(chains, crew.together(chains)):
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
                for some in chunks(branches, crew.together(branches)):
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
    files = {rep: job.where.shelf.lease_file(job.spec, rep) for rep in reps}
    now = lease.clock(files[reps[0]].parent)
    holders = {rep: lease.holder(file, now) for rep, file in files.items()}
    return {rep: who for rep, who in holders.items() if who and task.unfinished(job, rep)}


def others_of(busy: dict[Rep, lease.Holder]) -> str:
    """Who holds these, for people."""
    names = sorted({str(who) for who in busy.values()})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")

"""Workers elsewhere: those of a Dask cluster, whose tasks are chains of trainings and cohorts of branches.

A worker needs this library, the data, and the store: a folder that all of them and the machine that submits see under
one path. Whoever submits trains nothing. A worker that dies in a task loses the training it was at: another goes on
from there. One that joins late takes what is left.
"""

import logging
import math
import platform
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from lthlib import specs
from lthlib.engine import machine, sources
from lthlib.errors import LthError, SpecError, StoreError
from lthlib.lab import task, workers
from lthlib.lab.files import reason
from lthlib.lab.task import Job
from lthlib.lab.workers import Crew
from lthlib.specs import Rep


@contextmanager
def crew(job: Job, say: Callable[[str], None]) -> Iterator[Crew]:
    """The workers of the Dask cluster whose scheduler has the address that the job names. Waits for a first of them, of
    which it learns their device and the size of a cohort; `say` tells so.

    Chains go out one by one, since more workers may come; branches in parts for the workers that there are. Raises
    SpecError where there is no scheduler; LthError in one line, also in the body, if it goes away.
    """
    address = job.where.scheduler
    assert address is not None, "a job without a scheduler is for this machine's own workers"
    client = _connected(address)
    try:
        pool = client.get_executor(pure=False, retries=1)
        first = pool.submit(look, job)
        if not wait([first], timeout=5).done:
            say(f"lth: waiting for a worker of {address} that reads the data")
        device, most = first.result()
        there = replace(job.where, device=device)

        def together(reps: list[Rep]) -> int:
            crowd = max(1, len(client.nthreads()))
            return 1 if reps and reps[0].arm in specs.TRUNKS else max(1, min(most, math.ceil(len(reps) / crowd)))

        yield Crew(lambda job: pool.submit(do, replace(job, where=there)), together)
    except LthError:
        raise
    except Exception as error:
        if isinstance(error, CancelledError) or client.status != "running":
            raise LthError(
                f"the scheduler at {address} is gone: what is stored stays; start one and its workers, and run again"
            ) from None
        raise LthError(
            f"the workers of {address} cannot do this ({reason(error)}): what is stored stays; see their logs, and run "
            "again"
        ) from None
    finally:
        _close(client)


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise SpecError("a scheduler is Dask's, which is not installed: pip install 'lthlib[dask]'") from None
    try:
        return Client(address, timeout=10, set_as_default=False)
    except Exception as error:  # whatever an address can be made to raise
        raise SpecError(
            f"no Dask scheduler answers at {address} ({reason(error)}): start one with dask scheduler, or name "
            "none to train here"
        ) from None


def _close(client: Any) -> None:
    """Quietly: a client whose scheduler is gone would log that it cannot say goodbye."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with suppress(Exception):
            client.close(timeout=3)
    finally:
        logging.disable(before)


def look(job: Job) -> tuple[str, int]:
    """The device of this worker and the size of a cohort, once the data and the store are seen to be there."""
    _check(job)
    sources.fetch(job.spec.data, job.where.data_root)
    device = workers.choose_device(job.where.device, job.spec.precision)
    return device, workers.width(job.spec, device)


def do(job: Job) -> tuple[Rep, ...]:
    """As `task.do`, in a worker, which tells nobody how far it is."""
    _check(job)
    with machine.prepared():
        return task.do(job, lambda label, iteration, stored: None)


def _check(job: Job) -> None:
    if not job.where.shelf.begun(job.spec):
        raise StoreError(
            f"a worker on {platform.node()} does not see the store {job.where.store}: name a folder with --store that "
            "all workers share with the machine that submits"
        )

"""What one worker does at a stretch: a chain of tickets, or a cohort of a branch arm, trained and stored."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lthlib import data, masks, provenance, specs, tickets
from lthlib.cohort import Theta, stack, take
from lthlib.errors import StoreError
from lthlib.masks import Mask
from lthlib.specs import Rep, Spec
from lthlib.store import Arrays, Store
from lthlib.train import Curves, train


@dataclass(frozen=True)
class Job:
    """Trainings of one arm, as a message to any process: for tickets the whole chains of their trials, for a branch arm
    one cohort of the same round. What it finds goes to the store; what is there already is not trained again."""

    spec: Spec
    reps: tuple[Rep, ...]
    store: Path
    data_root: Path | None
    device: str


Report = Callable[[str, int, int], None]  # label of the training under way, its iteration, trainings stored since


def do(job: Job, report: Report) -> None:
    """Train what the job still misses."""
    digits = data.load(job.spec.data, job.data_root, job.device)
    remember = partial(_remember, job, digits, report)
    if job.reps[0].arm == "ticket":
        trials = [rep.trial for rep in job.reps]
        for _ in tickets.find_winning_tickets(job.spec, trials, remember):
            pass
    else:
        _branch(job, remember)


def _branch(job: Job, remember: Callable) -> None:
    rep, store = job.reps[0], Store(job.store)
    number = 0 if rep.arm.startswith("oneshot") else rep.round
    mask, theta_j = _recall(store, job.spec, [Rep("ticket", r.trial, number) for r in job.reps])
    start, mask = tickets.BRANCHES[rep.arm](job.spec, tickets.Round(number, mask, theta_j), list(job.reps))
    remember(start, mask, list(job.reps))


def _remember(job: Job, digits: data.Data, report: Report, start: Theta, mask: Mask, reps: list[Rep]) -> Theta:
    """θ_j of each training: from the store if it is there, else trained and stored."""
    store = Store(job.store)
    todo = [r for r, rep in enumerate(reps) if not store.has(job.spec, rep)]
    if todo:
        chosen, masked = [reps[r] for r in todo], take(mask, todo)
        began = time.perf_counter()
        theta_j, curves = train(
            job.spec, take(start, todo), masked, chosen, digits, lambda i: report(str(chosen[0]), i, 0)
        )
        source = provenance.of(job.spec, digits, job.device, (time.perf_counter() - began) / len(todo))
        for row, (rep, left) in enumerate(zip(chosen, masks.survivors(masked), strict=True)):
            rows = tidy(job.spec, rep, left, _row(curves, row)).assign(**source)
            store.save(job.spec, rep, rows, _arrays(take(theta_j, [row]), take(masked, [row])))
        report(str(chosen[0]), job.spec.iterations, len(todo))
    if reps[0].arm != "ticket":
        return {}
    kept, theta_j = _recall(store, job.spec, reps)
    for r, rep in enumerate(reps):
        if not all(torch.equal(kept[name][r], m[r]) for name, m in mask.items()):
            raise StoreError(
                f"{rep} in {job.store} was trained with another mask than the round before it gives now, which must "
                f"have been made again elsewhere: delete *-t{rep.trial}-* of {specs.key(job.spec)} and run again"
            )
    return theta_j


def tidy(spec: Spec, rep: Rep, left: dict[str, int], curve: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per evaluation of one training, with how much of the network is left (P_m in percent, weights only)."""
    total = tickets.weights(spec)
    weights = sum(left.values())
    identity = {"key": specs.key(spec), "network": spec.network, **rep._asdict()}
    size = {"remaining": 100 * weights / total, "weights": weights, "survivors": json.dumps(left)}
    return pd.DataFrame({**identity, **curve, **size}, index=range(len(curve["iteration"])))


def _row(curves: Curves, row: int) -> dict[str, np.ndarray]:
    return {name: (curve if curve.dim() == 1 else curve[:, row]).numpy() for name, curve in curves.items()}


def _arrays(theta: Theta, mask: Mask) -> Arrays:
    """One network as plain arrays: `theta.<parameter>` float32, `mask.<layer>` bool."""
    kept = {f"theta.{name}": value[0].cpu().numpy() for name, value in theta.items()}
    return kept | {f"mask.{name}": value[0].cpu().numpy().astype(bool) for name, value in mask.items()}


def _recall(store: Store, spec: Spec, reps: list[Rep]) -> tuple[Mask, Theta]:
    """Masks and final weights of stored trainings, as a cohort."""
    kept = [store.arrays(spec, rep) for rep in reps]

    def cohort(kind):
        rows = [
            {n.removeprefix(kind): torch.from_numpy(a).float() for n, a in k.items() if n.startswith(kind)}
            for k in kept
        ]
        return stack(rows)

    return cohort("mask."), cohort("theta.")

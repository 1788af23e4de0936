"""What one worker does at a stretch: a chain of trainings, or a cohort of branches, trained and stored."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch

from lthlib import lease, specs
from lthlib.core import masks, tickets
from lthlib.core.masks import Mask
from lthlib.engine import arms, data, networks, pruning, sources
from lthlib.engine.cohort import Theta, join, stack, take
from lthlib.engine.train import Curves, Unfit, training
from lthlib.errors import StoreError
from lthlib.lab import maintenance, provenance
from lthlib.lab.checkpoint import Checkpoint
from lthlib.lab.files import Arrays
from lthlib.lab.store import Store
from lthlib.lab.where import Where
from lthlib.specs import CONTINUING, Rep, Spec


@dataclass(frozen=True)
class Job:
    """Trainings to do together, as a message to any process: whole chains of some trials, or one cohort of branches.
    What it finds goes to the store; what is there already is not trained again."""

    spec: Spec
    reps: tuple[Rep, ...]
    where: Where  # whose device is known


Report = Callable[[str, int, int], None]  # label of the training under way, its iteration, trainings stored since


def do(job: Job, report: Report) -> tuple[Rep, ...]:
    """Train what the job still misses, except what another process is training: that is given back."""
    files = {rep: job.where.shelf.lease_file(job.spec, rep) for rep in job.reps if unfinished(job, rep)}
    with lease.hold(files.values()) as held:
        others = tuple(rep for rep, file in files.items() if file not in held)
        mine = replace(job, reps=tuple(rep for rep in job.reps if rep not in others))
        if mine.reps:
            remember = partial(_remember, mine, examples(job), report)
            if trunk := arms.TRUNKS.get(job.reps[0].arm):
                for _ in trunk(job.spec, [rep.trial for rep in mine.reps], remember):
                    pass
            else:
                _branch(mine, remember)
    return others


def unfinished(job: Job, rep: Rep) -> bool:
    """Whether a branch, or a round of the chain that begins with `rep`, seems to be missing."""
    rounds = range(rep.round, job.spec.rounds + 1) if rep.arm in specs.TRUNKS else [rep.round]
    own = [rep._replace(round=n) for n in rounds if n or rep.arm != CONTINUING]  # whose round 0 is the ticket's
    if rep.arm == "ticket" and job.spec.rewind:
        own.append(Rep(specs.OPENING, rep.trial))
    return not all(job.where.shelf.there(job.spec, each) for each in own)


def examples(job: Job) -> data.Data:
    """The data of a job, in the shape its network takes, on its device."""
    return sources.load(job.spec.data, job.where.data_root, job.where.device, networks.shape(job.spec.network))


def _branch(job: Job, remember: Callable) -> None:
    store, starts, left = job.where.shelf, [], []
    for rep in job.reps:
        source = arms.trunk_of(rep)
        theta_j = recall(store, job.spec, [source])[1] if starved(rep) else {}
        ticket = tickets.Round(source.round, masks_of(store, job.spec, [source]), theta_j)
        start, mask = arms.branch(job.spec, ticket, [rep])
        starts.append(start)
        left.append(mask)
    remember(join(starts), join(left), list(job.reps))


def _remember(job: Job, images: data.Data, report: Report, start: Theta, mask: Mask, reps: list[Rep]) -> Theta:
    """θ_j of each training: from the store if it is there, else trained, from a checkpoint on if there is one, and
    stored. Where the store has a ticket without weights, it is weights that are pruned to the same mask."""
    store = job.where.shelf
    todo = [r for r, rep in enumerate(reps) if not store.has(job.spec, rep)]
    if todo:
        _train(job, images, report, take(start, todo), take(mask, todo), [reps[r] for r in todo])
    if reps[0].arm not in specs.TRUNKS:
        return {}
    kept = masks_of(store, job.spec, reps)
    if job.reps[0].arm == CONTINUING or all(store.weighted(job.spec, rep) for rep in reps):
        theta_j = recall(store, job.spec, reps)[1]
    else:  # tickets start from θ₀: of θ_j only the layers that are pruned matter
        found = [_prunable(store, job.spec, rep) for rep in reps]
        theta_j = join([{name: theta[name] for name in mask} for theta in found])
    for r, rep in enumerate(reps):
        if not all(torch.equal(kept[name][r], m[r]) for name, m in mask.items()):
            raise StoreError(
                f"{rep} in {store.path} was trained with another mask than the round before it gives now, which must "
                f"have been made again elsewhere: delete *-t{rep.trial}-* of {specs.key(job.spec)} and run again"
            )
    return theta_j


def _train(job: Job, images: data.Data, report: Report, start: Theta, mask: Mask, reps: list[Rep]) -> None:
    """Train a cohort, from a checkpoint on if there is one, and store it."""
    store, label = job.where.shelf, str(reps[0])
    half = Checkpoint(store, job.spec, reps, start, mask, images, job.where.device)

    def to_the_end(resume):
        for point in training(job.spec, start, mask, reps, images, resume):
            report(label, point.iteration, 0)
            if not point.over:
                half.offer(point.state)
        return point.theta(), point.curves()

    try:
        theta_j, curves = to_the_end(half.read())
    except Unfit as error:
        half.refuse(error)
        theta_j, curves = to_the_end(None)
    source = provenance.of(job.spec, images, job.where.device, half.seconds / len(reps))
    for row, (rep, left) in enumerate(zip(reps, masks.survivors(mask), strict=True)):
        rows = tidy(job.spec, rep, left, curve(curves, row)).assign(**source)
        store.save(job.spec, rep, rows, _arrays(take(theta_j, [row]), take(mask, [row])))
    half.drop()
    report(label, specs.span(job.spec, reps[0])[1], len(reps))


def reset(store: Store, spec: Spec, rep: Rep) -> Theta:
    """Where a ticket starts from, as a cohort of one: θ₀, or with late rewinding the stored θ_k; StoreError if that is
    not there."""
    if specs.span(spec, rep)[0] == 0:
        return arms.initial(spec, [rep.trial])
    opening = Rep(specs.OPENING, rep.trial)
    if not store.has(spec, opening):
        raise StoreError(
            f"{rep} of {spec.network} {specs.key(spec)} starts where {opening} ends, which is not in {store.path}: run "
            "the experiment again"
        )
    return recall(store, spec, [opening])[1]


def tidy(spec: Spec, rep: Rep, left: dict[str, int], curve: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per evaluation of one training, with how much of the network is left (P_m in percent, weights only)."""
    total = pruning.weights(spec)
    weights = total - sum(pruning.prunable(spec).values()) + sum(left.values())
    identity = {"key": specs.key(spec), "network": spec.network, **rep._asdict()}
    size = {"remaining": 100 * weights / total, "weights": weights, "survivors": json.dumps(left)}
    return pd.DataFrame({**identity, **curve, **size}, index=range(len(curve["iteration"])))


def curve(curves: Curves, row: int) -> dict[str, np.ndarray]:
    """The curves of one training of a cohort."""
    return {name: (value if value.dim() == 1 else value[:, row]).numpy() for name, value in curves.items()}


def _arrays(theta: Theta, mask: Mask) -> Arrays:
    """One network as plain arrays: `theta.<parameter>` float32, `mask.<layer>` bool."""
    kept = {f"theta.{name}": value[0].cpu().numpy() for name, value in theta.items()}
    return kept | {f"mask.{name}": value[0].cpu().numpy().astype(bool) for name, value in mask.items()}


def recall(store: Store, spec: Spec, reps: list[Rep]) -> tuple[Mask, Theta]:
    """Masks and final weights of stored trainings, as a cohort. StoreError, in one line, if only masks are kept."""
    if bare := [rep for rep in reps if not store.weighted(spec, rep)]:
        raise StoreError(
            f"of {bare[0]} of {spec.network} {specs.key(spec)} the store {store.path} has the mask alone, not the "
            "weights that it ended at: merge the store that trained it"
        )
    return masks_of(store, spec, reps), _cohort(store, spec, reps, "theta.")


def masks_of(store: Store, spec: Spec, reps: list[Rep]) -> Mask:
    """Masks of stored trainings, as a cohort."""
    return _cohort(store, spec, reps, "mask.")


def next_mask(store: Store, spec: Spec, rep: Rep) -> Mask:
    """The mask that a stored ticket's pruning leaves, as a cohort of one."""
    theta_j = _prunable(store, spec, rep)
    return masks.prune(theta_j, masks_of(store, spec, [rep]), pruning.rates(spec), pruning.together(spec))


def _prunable(store: Store, spec: Spec, rep: Rep) -> Theta:
    """The final weights of a stored training as a cohort of one. Where only masks are kept, it is the next mask: in it
    as many survivors are 0 as the pruning drops, so that just these are the smallest."""
    return _cohort(store, spec, [rep], "theta." if store.weighted(spec, rep) else "next.")


def _cohort(store: Store, spec: Spec, reps: list[Rep], kind: str) -> Theta:
    kept = [store.arrays(spec, rep, kind) for rep in reps]
    return stack([{n.removeprefix(kind): torch.from_numpy(a).float() for n, a in each.items()} for each in kept])


def starved(rep: Rep) -> bool:
    """Whether a training begins with the weights that another ended at, so that its mask is not enough."""
    return rep.arm == CONTINUING or (rep.arm in specs.BRANCHES and specs.BRANCHES[rep.arm].needs_weights)


def check_sources(store: Store, spec: Spec, todo: list[Rep]) -> None:
    """StoreError, in one line, if some of these cannot be trained, because their trial's tickets came without weights:
    they begin with those, or initial weights come out otherwise here than where the tickets were found."""
    for trial in sorted({rep.trial for rep in todo}):
        dense = Rep("ticket", trial)
        if not store.there(spec, dense) or store.weighted(spec, dense):
            continue
        name = f"trial {trial} of {spec.network} {specs.key(spec)}"
        again = f"delete its files *-t{trial}-*, to train all of it again"
        try:
            maintenance.check_start(spec, trial, str(store.arrays(spec, dense, "theta0").get("theta0")))
        except ValueError as error:
            raise StoreError(
                f"{name} in {store.path}: {error}; run with the release that found its tickets, or {again}"
            ) from None
        if hungry := [rep for rep in todo if rep.trial == trial and starved(rep)]:
            arms = dict.fromkeys("continued" if rep.arm == CONTINUING else rep.arm for rep in hungry)
            raise StoreError(
                f"{' and '.join(arms)} need trained weights, and {store.path} has only the masks of the tickets of "
                f"{name}: leave that out, merge the store that trained the tickets, or {again}"
            )

"""What is inside a ticket of Lenet: which initial values survived, how far weights moved, what is connected.

For Appendix F of the paper, and for what it left unasked. A line is one number of one layer of one ticket: a measure of
`MEASURES`, or the density of a histogram of `HISTOGRAMS` around `x`. It is made of masks and trained weights, which
`results/` does not keep: there the table lies beside the rows.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from lthlib.core.masks import to_prune
from lthlib.engine import arms, networks, pruning
from lthlib.errors import StoreError
from lthlib.lab import task
from lthlib.lab.store import Store
from lthlib.specs import CONTINUING, Rep, Spec, key
from lthlib.specs.columns import ANATOMY, DRAWN, TRAINING

# A unit is a pixel or a neuron. The overlap of a ticket with another mask of as many weights is the part of its weights
# that is in the other too.
MEASURES = {
    "left": "weights that are left",
    "positive": "survivors whose initial value is positive, in percent",
    "valley": "the deepest valley between two peaks of the survivors' initial values; below 1 there are two",
    "valley_out": "the same of the numbers of outgoing connections that the units of the layer before keep",
    "uneven_in": "standard deviation over units of the share of incoming connections left, over that of a random mask",
    "uneven_out": "the same of the outgoing connections of the layer before",
    "moved": "how far training moved the ticket's weights in the dense network, over how far the others (means)",
    "away": "percent of the ticket's weights that training made larger in the dense network, less that of the others",
    "rank": "Spearman's correlation of the survivors' magnitudes before and after training",
    "shared_chance": "overlap with a random mask, in percent",
    "shared_trials": "overlap with the tickets of other trials, in percent, on average",
    "shared_oneshot": "overlap with what is chosen at once, by magnitude in the trained dense network, in percent",
    "shared_untrained": "overlap with what is chosen by initial magnitude, in percent",
    "shared_continued": "overlap with the ticket found by training on, in percent",
}
HISTOGRAMS = {
    "initial": "initial values of survivors, in σ of their layer's distribution",
    "moved_in": "|θ_j − θ₀| in the dense network, of the weights in the ticket",
    "moved_rest": "the same of the others",
    "grown_in": "|θ_j| − |θ₀| in the dense network, of the weights in the ticket",
    "grown_rest": "the same of the others",
    "incoming": "units' shares of incoming connections that are left",
    "outgoing": "the same of the outgoing connections of the layer before",
}

Masks = dict[str, np.ndarray]  # one network's, booleans


def of(spec: Spec, store: Store) -> pd.DataFrame:
    """The anatomy of an experiment's tickets, as far as a store keeps them: columns of `ANATOMY`. Networks that
    are not Lenet have none. Trials whose tickets came without weights are left out with a warning; StoreError, in one
    line, if that leaves none."""
    trials = range(spec.trials if spec.network == "lenet" else 0)
    kept = {trial: masks for trial in trials if (masks := _masks(spec, store, Rep("ticket", trial)))}
    whole = [trial for trial in kept if all(store.weighted(spec, Rep("ticket", trial, n)) for n in kept[trial])]
    if bare := sorted({*kept} - {*whole}):
        line = (
            f"no anatomy of trial {bare[0]} of {spec.network} {key(spec)}: it needs trained weights, and {store.path} "
            "has masks alone; merge the store that trained it"
        )
        if not whole:
            raise StoreError(line)
        warnings.warn(line, stacklevel=2)
    lines = [
        {**rep._asdict(), "layer": layer, "quantity": quantity, "x": x, "value": value}
        for trial in whole
        for rep, layer, quantity, x, value in _measured(spec, store, trial, kept)
    ]
    table = pd.DataFrame(lines, columns=[*Rep._fields, "layer", "quantity", "x", "value"])
    remaining = table["round"].map(dict(enumerate(pruning.ladder(spec))))
    return table.assign(key=key(spec), network=spec.network, remaining=remaining)[ANATOMY]


def every(store: Store, rows: pd.DataFrame) -> pd.DataFrame:
    """The anatomy of all tickets of these rows that a store has: of those exported to it, or that it keeps."""
    kept = [_if_any(_whole(spec, rows), store) for spec in store.experiments(rows)]
    found = [table for table in (store.anatomy(), *kept) if len(table)]
    every = pd.concat(found, ignore_index=True) if found else store.anatomy()
    return every.drop_duplicates([*TRAINING, "layer", "quantity", "x"], ignore_index=True)


def pack(spec: Spec, store: Store, target: str | Path) -> Path | None:
    """Put the anatomy of all tickets that a store keeps of an experiment into another folder (`results/`), beside the
    rows; nothing, where it keeps dense networks alone. Tickets that are there and not here stay."""
    table = _if_any(_whole(spec, store.rows(spec)), store)
    return Store(target, strict=True).pack_anatomy(spec, table) if table["round"].any() else None


def _if_any(spec: Spec, store: Store) -> pd.DataFrame:
    try:
        return of(spec, store)
    except StoreError as error:
        warnings.warn(str(error), stacklevel=3)
        return pd.DataFrame(columns=ANATOMY)


def _whole(spec: Spec, rows: pd.DataFrame) -> Spec:
    """The experiment with all tickets of these rows, however many were asked for last."""
    ran = rows[(rows["key"] == key(spec)) & (rows["arm"] == "ticket")]
    return replace(spec, trials=int(ran["trial"].max()) + 1, rounds=int(ran["round"].max())) if len(ran) else spec


def _masks(spec: Spec, store: Store, first: Rep) -> dict[int, Masks]:
    """A trial's masks of a trunk by round, as far as they are stored."""
    found = {}
    for n in range(first.round, spec.rounds + 1):
        rep = first._replace(round=n)
        if not store.there(spec, rep):
            break
        found[n] = _one(task.masks_of(store, spec, [rep]), bool)
    return found


def _one(cohort: Mapping, kind: type = float) -> Masks:
    """The only network of a cohort, its layers' tensors as arrays."""
    return {name: value[0].numpy().astype(kind) for name, value in cohort.items()}


def _measured(spec: Spec, store: Store, trial: int, kept: dict[int, dict[int, Masks]]) -> Iterator[tuple]:
    """Each ticket of a trial, layer and quantity with its value, and of histograms the place."""
    theta0, dense = _one(arms.initial(spec, [trial])), _one(task.recall(store, spec, [Rep("ticket", trial)])[1])
    rivals = {
        "oneshot": _chosen_at_once(spec, len(kept[trial]), dense),
        "untrained": _chosen_at_once(spec, len(kept[trial]), theta0),
        "continued": _masks(spec, store, Rep(CONTINUING, trial, 1)),
    }
    for n, masks in kept[trial].items():
        rep = Rep("ticket", trial, n)
        theta_j = _one(task.recall(store, spec, [rep])[1])
        others = {name: [found[n]] for name, found in rivals.items() if n in found}
        others["trials"] = [found[n] for other, found in kept.items() if other != trial and n in found]
        for layer, mask in masks.items():
            sigma = spec.sigma or networks.glorot(mask.shape)
            values = _scalars(theta0[layer], dense[layer], theta_j[layer], mask, sigma)
            for name, rival in others.items() if n else ():
                if rival:
                    values[f"shared_{name}"] = 100 * np.mean([r[layer][mask].mean() for r in rival])
            for quantity, value in values.items():
                yield rep, layer, quantity, np.nan, value
            if n in DRAWN:
                for quantity, (sample, edges) in _samples(theta0[layer], dense[layer], mask, sigma).items():
                    density = np.histogram(sample, edges)[0] / len(sample) / np.diff(edges)
                    for x, height in zip((edges[:-1] + edges[1:]) / 2, density, strict=True):
                        yield rep, layer, quantity, x, height


def _chosen_at_once(spec: Spec, rounds: int, theta: dict[str, np.ndarray]) -> dict[int, Masks]:
    """What as many prunings would choose if no training changed these weights. Their order stays then: of each layer
    the smallest go, one ranking for all rounds."""
    found: dict[int, Masks] = {n: {} for n in range(rounds)}
    for layer, rate in pruning.rates(spec).items():
        order, left = np.abs(theta[layer]).argsort(axis=None, kind="stable"), theta[layer].size
        for masks in found.values():
            mask = np.ones(theta[layer].shape, bool)
            mask.flat[order[: mask.size - left]] = False
            masks[layer] = mask
            left -= to_prune(left, rate)
    return found


def _scalars(theta0, dense, theta_j, mask, sigma: float) -> dict[str, float]:
    values, moved, grown = theta0[mask], np.abs(dense - theta0), np.abs(dense) > np.abs(theta0)
    found = {
        "left": mask.sum(),
        "positive": 100 * (values > 0).mean(),
        "valley": valley(values / sigma, np.linspace(-2, 2, 9)),
        "valley_out": valley(mask.sum(0), whole_numbers(mask.sum(0).max())),
        "uneven_in": unevenness(mask),
        "uneven_out": unevenness(mask.T),
        "rank": _spearman(np.abs(values), np.abs(theta_j[mask])),
        "shared_chance": 100 * mask.mean(),
    }
    if not mask.all():
        found["moved"] = moved[mask].mean() / moved[~mask].mean()
        found["away"] = 100 * (grown[mask].mean() - grown[~mask].mean())
    return found


def valley(values: np.ndarray, edges: np.ndarray) -> float:
    """How deep the deepest valley of a distribution is: over bins between two peaks, with at least a tenth of the
    values on either side, the smallest count over that of the lower peak; and this over what it is, on average, of as
    many values that are spread evenly. A Gaussian has about 1.3; below 1 there are two peaks."""
    counts = np.histogram(values, edges)[0]
    return float(_depths(counts[None])[0]) / _flat(int(counts.sum()), len(counts))


def _depths(counts: np.ndarray) -> np.ndarray:
    """The depth of the deepest valley of each row of counts; not a number where there is nothing between two peaks."""
    enough = np.maximum(1, 0.1 * counts.sum(1, keepdims=True))
    left, right = counts[:, :-2], counts[:, :1:-1]
    beside = np.minimum(left.cumsum(1), right.cumsum(1)[:, ::-1])
    peaks = np.minimum(np.maximum.accumulate(left, 1), np.maximum.accumulate(right, 1)[:, ::-1])
    depths = counts[:, 1:-1] / np.where(beside >= enough, peaks, np.nan)
    return np.fmin.reduce(depths, axis=1, initial=np.nan)


@cache
def _flat(values: int, bins: int) -> float:
    """The depth of an even distribution is below 1, the more so the fewer values there are: it is a smallest count."""
    draws = np.random.default_rng(0).multinomial(values, np.full(bins, 1 / bins), 500)
    return float(np.nanmean(_depths(draws))) if values >= bins else np.nan


def whole_numbers(most: int, bins: int = 10) -> np.ndarray:
    """Edges of about as many bins that hold equally many whole numbers, from 0 to the most."""
    step = -(-(int(most) + 1) // bins)
    return np.arange(0, most + 1 + step, step) - 0.5


def unevenness(mask: np.ndarray) -> float:
    """The unevenness of units' shares of the connections of a mask [units, connections]: their standard deviation over
    that of as many at random places."""
    shares, (units, connections) = mask.mean(1), mask.shape
    left = mask.mean()
    if units < 2 or left in (0, 1):
        return np.nan
    # Hypergeometric: each unit has `connections` of the layer's places, of which a part is left.
    chance = left * (1 - left) / connections * (units * connections - connections) / (units * connections - 1)
    return shares.std() / np.sqrt(chance)


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    return np.corrcoef(pd.Series(one).rank(), pd.Series(other).rank())[0, 1] if len(one) > 2 else np.nan


def _samples(theta0, dense, mask, sigma: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The values of each histogram, and the edges of its bins. What lies beyond the last is in none."""
    moved, grown = np.abs(dense - theta0), np.abs(dense) - np.abs(theta0)
    into, out = mask.mean(1), mask.mean(0)
    found = {"initial": (theta0[mask] / sigma, np.linspace(-2, 2, 33))}
    found |= {"incoming": (into, _steps(mask.shape[1])), "outgoing": (out, _steps(mask.shape[0]))}
    if not mask.all():
        for part, chosen in (("in", mask), ("rest", ~mask)):
            found[f"moved_{part}"] = moved[chosen], np.linspace(0, 0.5, 51)
            found[f"grown_{part}"] = grown[chosen], np.linspace(-0.5, 0.5, 51)
    return found


def _steps(connections: int) -> np.ndarray:
    """Edges of bins for shares of so many connections: fifty, or one for each share that there can be."""
    return np.linspace(0, 1, 51) if connections > 50 else (np.arange(connections + 2) - 0.5) / connections

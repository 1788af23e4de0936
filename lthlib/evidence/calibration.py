"""How often the rule says what, on trials drawn from a world in which the answer is known.

Each world is a kind of claim and a truth; its trials scatter as Lenet's do. The rule is the book's own: `jackknife` and
`judge` are called as the ledger calls them. What a referee wants to know is in two columns: how often a claim that is
not so is said to hold, and how often one that is so.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lthlib.evidence.verdicts import CONTRADICTED, HOLDS, OTHER_SIZE, UNDECIDED, jackknife, judge

# Over trials: standard deviations of Lenet's accuracy in points and, relative to its mean, of its early stop, for dense
# networks and tickets, as the committed rows have them (five trials at 15,000 iterations). Within a trial the two are
# not correlated there.
ACCURACY = {"dense": 0.16, "ticket": 0.10}
STOPS = {"dense": 0.25, "ticket": 0.14}
SAMPLING = {"validation": 0.19, "test": 0.13}  # points, of 5,000 and 10,000 images of which 98 % are right
LEVELS = 15
L3, L7 = 0.4, 2.16  # effects of the size that the paper's figures show: points of accuracy, a ratio of early stops


class World(NamedTuple):
    """A kind of claim and a truth: how trials come about, and what each says."""

    claim: str
    truth: str  # begins with "so", "not so" or "on the edge"
    part: dict[str, Any]
    draw: Callable[[np.random.Generator, int], Any]  # trials
    measure: Callable[[Any], Any]  # a value, or one per level, of trials
    name: str = "gain"  # of the measurement: how its interval is taken


def _effect(text: float, neutral: float = 0) -> dict[str, Any]:
    spread = {"within": 0.17} if neutral == 0 else {"factor": 1.4}
    return {"kind": "effect", "side": "above", "neutral": neutral, "text": text, "size": "about", "spread": spread}


def _gains(effect: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    """A ticket's lead over the dense network of its own trial."""
    return lambda random, n: random.normal(effect, ACCURACY["ticket"], n) - random.normal(0, ACCURACY["dense"], n)


def _stops(ratio: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Early stops of dense networks and tickets: a line for each of the two."""

    def draw(random: np.random.Generator, n: int) -> np.ndarray:
        dense = random.lognormal(0, STOPS["dense"], n) * np.exp(-(STOPS["dense"] ** 2) / 2)
        ticket = random.lognormal(0, STOPS["ticket"], n) * np.exp(-(STOPS["ticket"] ** 2) / 2)
        return np.stack([ratio * dense, ticket])

    return draw


def _levels(effects: np.ndarray) -> Callable[[np.random.Generator, int], np.ndarray]:
    """A ticket's lead at each of many levels: all against one dense network, whose luck they share."""
    return lambda random, n: (
        random.normal(effects[:, None], ACCURACY["ticket"], (len(effects), n)) - random.normal(0, ACCURACY["dense"], n)
    )


def _chosen(effects: np.ndarray) -> Callable[[np.random.Generator, int], np.ndarray]:
    """A ticket's lead at each of many levels, once on the validation set and once on the test set."""

    def draw(random: np.random.Generator, n: int) -> np.ndarray:
        network = _levels(effects)(random, n)
        return np.stack([network + random.normal(0, sd, network.shape) for sd in SAMPLING.values()])

    return draw


def _mean(trials: np.ndarray) -> Any:
    return trials.mean(axis=-1)


def _ratio(trials: np.ndarray) -> float:
    return float(trials[0].mean() / trials[1].mean())


def _at_best(trials: np.ndarray) -> float:
    """On the test set, at the level that is best on the validation set: as `levels.Trials.best_level` chooses."""
    validation, test = trials.mean(axis=-1)
    return float(test[validation.argmax()])


def worlds() -> list[World]:
    """The kinds of claims that the ledger holds, each true, false, and on the edge between the two."""
    none, some = np.zeros(LEVELS), np.full(LEVELS, L3)
    half = np.where(np.arange(LEVELS) < LEVELS // 2, L3, 0.0)
    accuracy, speed = _effect(L3), _effect(L7, neutral=1)
    same = {"kind": "equal", "text": 0.0, "neutral": 0, "margin": {"within": 0.15}}
    as_long = {"kind": "equal", "text": 1.0, "neutral": 1, "margin": {"factor": 1.27}}
    every = {"kind": "all", "side": "above", "neutral": 0, "share": {"least": 0.9}, "text": None}
    deep = {**every, "neutral": -0.5, "share": {"least": 1}}  # as a claim of the deep networks, that vary as much again
    small, half_size = np.full(LEVELS, 0.05), L3 / 2
    so, not_so, edge = "so", "not so", "on the edge"
    more, sooner, equal = "more accurate", "stops sooner", "as accurate"
    return [
        World(more, so, accuracy, _gains(L3), _mean),
        World(more, "so, at half the size", accuracy, _gains(half_size), _mean),
        World(more, edge, accuracy, _gains(0), _mean),
        World(more, not_so, accuracy, _gains(-L3), _mean),
        World(sooner, so, speed, _stops(L7), _ratio, "faster"),
        World(sooner, edge, speed, _stops(1), _ratio, "faster"),
        World(sooner, not_so, speed, _stops(1 / L7), _ratio, "faster"),
        World(equal, so, same, _gains(0), _mean),
        World(equal, edge, same, _gains(0.15), _mean),
        World(equal, not_so, same, _gains(L3), _mean),
        World("stops as late", so, as_long, _stops(1), _ratio, "faster"),
        World("stops as late", edge, as_long, _stops(1.27), _ratio, "faster"),
        World("stops as late", not_so, as_long, _stops(L7), _ratio, "faster"),
        World("more accurate at all levels", so, every, _levels(some), _mean),
        World("more accurate at all levels", "so, by little", every, _levels(small), _mean),
        World("more accurate at all levels", edge, every, _levels(none), _mean),
        World("more accurate at all levels", "not so at half of them", every, _levels(half), _mean),
        World("more accurate at all levels", not_so, every, _levels(-some), _mean),
        World("at most half a point less accurate at all levels", so, deep, _levels(none), _mean),
        World("at most half a point less accurate at all levels", not_so, deep, _levels(none - 1), _mean),
        World("more accurate at the best level", so, accuracy, _chosen(some), _at_best),
        World("more accurate at the best level", edge, accuracy, _chosen(none), _at_best),
        World("more accurate at the best level", not_so, accuracy, _chosen(-some), _at_best),
    ]


def words(world: World, n: int, draws: int = 1000) -> Counter[str]:
    """How often each word is given to n trials of a world.

    >>> words(worlds()[1], 3)["holds"]  # of 1,000 draws without any effect
    """
    random = np.random.default_rng([n, draws])
    counts: Counter[str] = Counter()
    for _ in range(draws):
        trials = world.draw(random, n)
        without = [world.measure(np.delete(trials, one, axis=-1)) for one in range(n)]
        estimate = jackknife(world.measure(trials), without, world.name)
        counts[judge({"measure": {world.name: {}}, **world.part}, estimate, world.part["text"])] += 1
    return counts


def table(trials: tuple[int, ...] = (3, 5), draws: int = 1000) -> pd.DataFrame:
    """The simulation, in percent: a line per kind of claim, truth and number of trials, a column per word."""
    lines = []
    for world in worlds():
        for n in trials:
            counts = words(world, n, draws)
            shares = {word: 100 * counts[word] / draws for word in (HOLDS, OTHER_SIZE, CONTRADICTED, UNDECIDED)}
            lines.append({"claim": world.claim, "truth": world.truth, "n": n, **shares})
    return pd.DataFrame(lines)

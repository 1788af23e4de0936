"""Which trainings an experiment needs, which of them are missing, what hangs on what, and what they fill."""

from collections.abc import Iterator

from lthlib import specs
from lthlib.engine.arms import trunk_of
from lthlib.engine.pruning import ladder, weights
from lthlib.lab.store import Store
from lthlib.specs import ARMS, BRANCHES, CONTINUING, ONESHOT_LEVELS, OPENING, Rep, Spec


def plan(spec: Spec) -> list[Rep]:
    """Every training of an experiment: its trunks (with late rewinding the dense network's opening, a trial's tickets,
    of which round 0 is the dense network, and the chain that is trained on without resetting), then branches.

    >>> planned = plan(specs.spec("lenet", "quick"))
    >>> len(planned), planned[1]
    (180, Rep(arm='ticket', trial=0, round=1, draw=0))
    """
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


AFTER = {"ticket": (CONTINUING, "continued")}  # what needs the second chain, which needs the dense network of the first


def hanging(todo: list[Rep], trunk: str, trials: tuple[int, ...]) -> list[Rep]:
    """The branches among `todo` that hang on these trials of a trunk."""
    branches = [rep for rep in todo if rep.arm in BRANCHES and rep.trial in trials]
    return [rep for rep in branches if trunk_of(rep).arm == trunk]


def chunks(items: list, width: int) -> Iterator[tuple]:
    """The items in tuples of at most `width`."""
    for start in range(0, len(items), width):
        yield tuple(items[start : start + width])


def room(spec: Spec, todo: list[Rep], at_once: int = 1) -> float:
    """About the bytes that trainings need in a store: rows for each, weights and a mask for each ticket, and for as
    many as are trained at once a checkpoint (weights and two moments) and the next, which is written beside it."""
    rows = 20_000 + 40 * (spec.iterations / spec.eval_every)
    total, left = weights(spec), ladder(spec)
    chains = [rep for rep in todo if rep.arm in specs.TRUNKS]
    kept = sum(4 * total * left[rep.round] / 100 + total / 8 for rep in chains)
    return rows * len(todo) + kept + 2 * 3 * 4 * total * min(at_once, len(todo))

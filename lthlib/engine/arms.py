"""Where the trainings of each arm start, and under which mask: what the records of `specs.arms` name, made."""

from collections.abc import Callable, Iterator

import torch

from lthlib.core import masks
from lthlib.core.masks import Mask
from lthlib.core.streams import stream
from lthlib.core.tickets import Round, find_winning_tickets, prune_and_train_on
from lthlib.engine import networks
from lthlib.engine.cohort import Theta, stack
from lthlib.engine.pruning import layers, rates, together
from lthlib.specs import BRANCHES, CONTINUING, OPENING, Rep, Spec

Train = Callable[[Theta, Mask, list[Rep]], Theta]  # start, masks, which trainings -> θ_j


# --- trunks: what is trained as one chain ----------------------------------------------------------------------------


def tickets(spec: Spec, trials: list[int], train: Train) -> Iterator[Round]:
    """The winning tickets of several trials, round by round (`core.tickets`). With `spec.rewind` = k the dense
    network's opening comes first, and survivors are reset to its end θ_k (Frankle et al. 2019)."""
    theta0, rate = initial(spec, trials), rates(spec)
    dense = masks.ones(theta0, rate)
    theta_k = train(theta0, dense, [Rep(OPENING, trial) for trial in trials]) if spec.rewind else theta0

    def one(theta0: Theta, m: Mask, n: int) -> Theta:
        return train(theta_k if n else theta0, m, [Rep("ticket", trial, n) for trial in trials])

    return find_winning_tickets(theta0, one, rate, spec.rounds, together(spec))


def continuing(spec: Spec, trials: list[int], train: Train) -> Iterator[Round]:
    """The chain of networks that are pruned and trained on without resetting; its round 0 is the tickets'."""

    def one(theta: Theta, m: Mask, n: int) -> Theta:
        return train(theta, m, [Rep(CONTINUING if n else "ticket", trial, n) for trial in trials])

    return prune_and_train_on(initial(spec, trials), one, rates(spec), spec.rounds, together(spec))


TRUNKS = {"ticket": tickets, CONTINUING: continuing}  # the opening is trained with the tickets that need it


# --- branches: one start and one mask for each -----------------------------------------------------------------------


def branch(spec: Spec, source: Round, reps: list[Rep]) -> tuple[Theta, Mask]:
    """Start and mask of trainings of one arm and round, [R, *shape], from the round of a trunk that they hang on
    (`trunk_of`), whose masks are [R, *shape] too.

    Random reinit is `fresh` weights under the `ticket`'s mask, random sparsity `fresh` weights under it `shuffled`.
    """
    arm = BRANCHES[reps[0].arm]
    return STARTS[arm.start](spec, source, reps), MASKS[arm.mask](spec, source, reps)


def trunk_of(rep: Rep) -> Rep:
    """The training of a trunk that a branch hangs on."""
    arm = BRANCHES[rep.arm]
    return Rep(arm.of, rep.trial) if arm.one_shot else Rep(arm.of, rep.trial, rep.round)


def initial(spec: Spec, trials: list[int]) -> Theta:
    """θ₀ of each trial, [R, *shape]."""
    return _draw(spec, [(t, "init") for t in trials])


def fresh(spec: Spec, reps: list[Rep]) -> Theta:
    """New weights from the distribution of θ₀: each training its own."""
    return _draw(spec, [(r.trial, "reinit", r.arm, r.round, r.draw) for r in reps])


def redrawn(spec: Spec, mask: Mask, reps: list[Rep]) -> Theta:
    """Each layer's weights drawn, with replacement, from the initial values of the ticket's survivors in it (Appendix
    F.3): their distribution without their places."""
    theta0 = initial(spec, [r.trial for r in reps])
    generators = [stream(spec.seed, r.trial, "redrawn", r.round, r.draw) for r in reps]
    for name, m in mask.items():
        for values, left, generator in zip(theta0[name], m > 0, generators, strict=True):
            survivors = values[left]
            chosen = torch.rand(len(survivors), generator=generator, dtype=torch.float64) * len(survivors)
            values[left] = survivors[chosen.long()]
    return theta0


def noisy(spec: Spec, reps: list[Rep]) -> Theta:
    """θ₀ with Gaussian noise on its weights, of so many of the σ that its layer was drawn with (Appendix F.7)."""
    theta0 = initial(spec, [r.trial for r in reps])
    generators = [stream(spec.seed, r.trial, "noise", r.arm, r.round, r.draw) for r in reps]
    sigmas = BRANCHES[reps[0].arm].sigmas
    for name in layers(spec):
        for values, generator in zip(theta0[name], generators, strict=True):
            sigma = spec.sigma or networks.glorot(values.shape)
            values += sigmas * sigma * torch.randn(values.shape, generator=generator)
    return theta0


def scattered(spec: Spec, mask: Mask, reps: list[Rep]) -> Mask:
    """Random sparsity (Figures 1, 14): as many survivors per layer as the ticket has, at random places."""
    return masks.shuffle(mask, [stream(spec.seed, r.trial, "shuffle", r.round, r.draw) for r in reps])


def level(spec: Spec, dense: Theta, number: int) -> Mask:
    """One-shot pruning (Section 2): drop `number` x 2.5 % of each hidden layer at once, half of that of the output; of
    a layer that rounds do not prune, nothing."""
    pruned = rates(spec)
    share = {name: (0.0125 if kind == "out" else 0.025) * number for name, kind in layers(spec).items()}
    portions = {name: part if pruned[name] else 0.0 for name, part in share.items()}
    return masks.prune(dense, masks.ones(dense, portions), portions, together(spec))


def untrained(spec: Spec, reps: list[Rep]) -> Mask:
    """As many prunings with no training between them: the smallest initial weights go (Appendix F.4)."""
    theta0 = initial(spec, [r.trial for r in reps])
    *_, last = find_winning_tickets(theta0, lambda start, m, n: start, rates(spec), reps[0].round, together(spec))
    return last.mask


STARTS: dict[str, Callable[[Spec, Round, list[Rep]], Theta]] = {
    "theta0": lambda spec, source, reps: initial(spec, [r.trial for r in reps]),
    "fresh": lambda spec, source, reps: fresh(spec, reps),
    "redrawn": lambda spec, source, reps: redrawn(spec, source.mask, reps),
    "noisy": lambda spec, source, reps: noisy(spec, reps),
}
MASKS: dict[str, Callable[[Spec, Round, list[Rep]], Mask]] = {
    "ticket": lambda spec, source, reps: source.mask,
    "shuffled": lambda spec, source, reps: scattered(spec, source.mask, reps),
    "level": lambda spec, source, reps: level(spec, source.theta_j, reps[0].round),
    "untrained": lambda spec, source, reps: untrained(spec, reps),
}


def _draw(spec: Spec, names: list[tuple]) -> Theta:
    net = networks.build(spec)
    return stack([networks.init(net, stream(spec.seed, *name), spec.sigma) for name in names])

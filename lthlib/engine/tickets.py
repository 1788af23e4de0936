"""The paper on one screen: how winning tickets are found, and the arms that each is compared with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from lthlib.core import masks
from lthlib.core.masks import Mask
from lthlib.core.streams import stream
from lthlib.engine import networks
from lthlib.engine.cohort import Theta, stack
from lthlib.specs import CONTINUING, OPENING, Rep, Spec

Train = Callable[[Theta, Mask, list[Rep]], Theta]  # start, masks, which trainings -> θ_j


@dataclass(frozen=True)
class Round:
    """One round of a cohort: the masks it trained with and the weights it ended at. The ticket is (mask, θ₀), or with
    late rewinding (mask, θ_k)."""

    number: int
    mask: Mask
    theta_j: Theta


def find_winning_tickets(spec: Spec, trials: list[int], train: Train) -> Iterator[Round]:
    """Iterative pruning with resetting: Strategy 1 of the paper (Section 2, Appendix B), for several trials at once.
    With `spec.rewind` = k survivors are reset to θ_k instead, and trained from iteration k on (Frankle et al. 2019)."""
    theta0 = initial(spec, trials)  # 1. θ₀ ~ D_θ
    m = masks.ones(theta0, _layers(spec))  #    m = 1^|θ|
    theta_k = train(theta0, m, [Rep(OPENING, trial) for trial in trials]) if spec.rewind else theta0
    for n in range(spec.rounds + 1):
        reps = [Rep("ticket", trial, n) for trial in trials]
        theta_j = train(theta_k if n else theta0, m, reps)  # 2. f(x; m ⊙ θ₀), j iterations
        yield Round(n, m, theta_j)
        m = masks.prune(theta_j, m, rates(spec), together(spec))  # 3. m′: drop smallest |θ_j|
        # 4. reset: the next turn trains θ₀ again (θ_k, which is θ₀ but with late rewinding)


def prune_and_train_on(spec: Spec, trials: list[int], train: Train) -> Iterator[Round]:
    """Iterative pruning with continued training: Strategy 2 (Appendix B), up to its last step, which is to reset."""
    theta = initial(spec, trials)
    m = masks.ones(theta, _layers(spec))
    for n in range(spec.rounds + 1):
        theta = train(theta, m, [Rep(CONTINUING if n else "ticket", trial, n) for trial in trials])
        yield Round(n, m, theta)
        m = masks.prune(theta, m, rates(spec), together(spec))


# What a process trains as one chain; the opening is trained with the tickets that need it.
TRUNKS = {"ticket": find_winning_tickets, CONTINUING: prune_and_train_on}


def initial(spec: Spec, trials: list[int]) -> Theta:
    """θ₀ of each trial, [R, *shape]."""
    return _draw(spec, [(t, "init") for t in trials])


def fresh(spec: Spec, reps: list[Rep]) -> Theta:
    """New weights from the distribution of θ₀: each training its own."""
    return _draw(spec, [(r.trial, "reinit", r.arm, r.round, r.draw) for r in reps])


def oneshot(spec: Spec, dense: Theta, level: int) -> Mask:
    """One-shot pruning (Section 2): drop `level` x 2.5 % of each hidden layer at once, half of that of the output; of a
    layer that rounds do not prune, nothing."""
    pruned = rates(spec)
    share = {name: (0.0125 if kind == "out" else 0.025) * level for name, kind in _layers(spec).items()}
    portions = {name: part if pruned[name] else 0.0 for name, part in share.items()}
    return masks.prune(dense, masks.ones(dense, portions), portions, together(spec))


def scattered(spec: Spec, mask: Mask, reps: list[Rep]) -> Mask:
    """Random sparsity (Figures 1, 14): as many survivors per layer as the ticket has, at random places."""
    return masks.shuffle(mask, [stream(spec.seed, r.trial, "shuffle", r.round, r.draw) for r in reps])


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


def noisy(spec: Spec, reps: list[Rep], sigmas: float) -> Theta:
    """θ₀ with Gaussian noise on its weights, of so many of the σ that its layer was drawn with (Appendix F.7)."""
    theta0 = initial(spec, [r.trial for r in reps])
    generators = [stream(spec.seed, r.trial, "noise", r.arm, r.round, r.draw) for r in reps]
    for name in _layers(spec):
        for values, generator in zip(theta0[name], generators, strict=True):
            sigma = spec.sigma or networks.glorot(values.shape)
            values += sigmas * sigma * torch.randn(values.shape, generator=generator)
    return theta0


def untrained(spec: Spec, reps: list[Rep]) -> tuple[Theta, Mask]:
    """As many prunings with no training between them: the smallest initial weights go (Appendix F.4)."""
    whole, trials = replace(spec, rounds=reps[0].round), [r.trial for r in reps]
    *_, last = find_winning_tickets(whole, trials, lambda start, mask, reps: start)
    return last.theta_j, last.mask


# The arms that branch off a trial's tickets: from a round (for one-shot the dense one) to the start and mask to train.
BRANCHES: dict[str, Callable[[Spec, Round, list[Rep]], tuple[Theta, Mask]]] = {
    "reinit": lambda spec, ticket, reps: (fresh(spec, reps), ticket.mask),
    "random": lambda spec, ticket, reps: (fresh(spec, reps), scattered(spec, ticket.mask, reps)),
    "oneshot": lambda spec, dense, reps: (
        initial(spec, [r.trial for r in reps]),
        oneshot(spec, dense.theta_j, reps[0].round),
    ),
    "oneshot_reinit": lambda spec, dense, reps: (fresh(spec, reps), oneshot(spec, dense.theta_j, reps[0].round)),
    "continued": lambda spec, last, reps: (initial(spec, [r.trial for r in reps]), last.mask),
    "redrawn": lambda spec, ticket, reps: (redrawn(spec, ticket.mask, reps), ticket.mask),
    "untrained": lambda spec, ticket, reps: untrained(spec, reps),
    "noise_half": lambda spec, ticket, reps: (noisy(spec, reps, 0.5), ticket.mask),
    "noise_one": lambda spec, ticket, reps: (noisy(spec, reps, 1), ticket.mask),
    "noise_two": lambda spec, ticket, reps: (noisy(spec, reps, 2), ticket.mask),
    "noise_three": lambda spec, ticket, reps: (noisy(spec, reps, 3), ticket.mask),
}


def source(rep: Rep) -> Rep:
    """The training of a trunk that a branch hangs on."""
    if rep.arm.startswith("oneshot"):
        return Rep("ticket", rep.trial)
    return Rep(CONTINUING if rep.arm == "continued" else "ticket", rep.trial, rep.round)


def rates(spec: Spec) -> dict[str, float]:
    """The fraction of its survivors that each layer loses per round (Figure 2)."""
    by_kind = {"conv": spec.rate_conv, "fc": spec.rate_fc, "out": spec.rate_out}
    return {name: by_kind[kind] for name, kind in _layers(spec).items()}


def weights(spec: Spec) -> int:
    """How many weights the whole network has; biases and batch-norm do not count."""
    return sum(p.numel() for p in networks.build(spec).parameters() if p.dim() > 1)


def prunable(spec: Spec) -> dict[str, int]:
    """How many weights each layer has that may be pruned."""
    net = networks.build(spec)
    return {name: net.get_parameter(name).numel() for name in networks.layers(net)}


def _layers(spec: Spec) -> dict[str, str]:
    return networks.layers(networks.build(spec))


def ladder(spec: Spec) -> list[float]:
    """P_m in percent after 0, 1, 2, ... rounds: counts follow from the rates alone."""
    left, total, percents = prunable(spec), weights(spec), []
    spared = total - sum(left.values())
    by_rate = rates(spec)
    groups = [tuple(together(spec)), *((name,) for name in left if name not in together(spec))]
    alive = {group: sum(left[name] for name in group) for group in groups if group}
    for _ in range(spec.rounds + 1):
        percents.append(100 * (spared + sum(alive.values())) / total)
        alive = {group: n - masks.to_prune(n, by_rate[group[0]]) for group, n in alive.items()}
    return percents


def together(spec: Spec) -> list[str]:
    """The layers whose weights are ranked together."""
    return [name for name, kind in _layers(spec).items() if kind == "conv"] if spec.scope == "global" else []


def _draw(spec: Spec, names: list[tuple]) -> Theta:
    net = networks.build(spec)
    return stack([networks.init(net, stream(spec.seed, *name), spec.sigma) for name in names])

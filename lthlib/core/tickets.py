"""The paper on one screen: how winning tickets are found."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from torch import Tensor

from lthlib.core import masks
from lthlib.core.masks import Mask

Theta = dict[str, Tensor]  # [R, *shape] each: R networks at once, one per trial
Train = Callable[[Theta, Mask, int], Theta]  # start, mask, round -> θ_j, in which what is pruned is 0


@dataclass(frozen=True)
class Round:
    """One round: the mask it trained under and the weights it ended at. The ticket is (mask, θ₀)."""

    number: int
    mask: Mask
    theta_j: Theta


def find_winning_tickets(
    theta0: Theta, train: Train, rates: dict[str, float], rounds: int, together: Collection[str] = ()
) -> Iterator[Round]:
    """Iterative pruning with resetting: Strategy 1 of the paper (Section 2, Appendix B).

    `rates` has for each layer that is pruned the fraction of its survivors that a round drops; layers `together` are
    ranked as one. Gives rounds 0 (the dense network) to `rounds`, each as soon as it is trained:

        for found in find_winning_tickets(theta0, train, {"fc1.weight": 0.2, "out.weight": 0.1}, rounds=15): ...
    """
    m = masks.ones(theta0, rates)  # 1. θ₀ ~ D_θ, m = 1^|θ|
    for n in range(rounds + 1):
        theta_j = train(theta0, m, n)  # 2. f(x; m ⊙ θ₀), j iterations
        yield Round(n, m, theta_j)
        m = masks.prune(theta_j, m, rates, together)  # 3. m′: drop the smallest |θ_j|; 4. the next turn starts from θ₀


def prune_and_train_on(
    theta0: Theta, train: Train, rates: dict[str, float], rounds: int, together: Collection[str] = ()
) -> Iterator[Round]:
    """Iterative pruning with continued training: Strategy 2 (Appendix B), up to its last step, which is to reset."""
    theta, m = theta0, masks.ones(theta0, rates)
    for n in range(rounds + 1):
        theta = train(theta, m, n)
        yield Round(n, m, theta)
        m = masks.prune(theta, m, rates, together)

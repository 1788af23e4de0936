"""Masks as pure functions of weights and masks: ones, prune, shuffle, and how much is left.

A mask is a dict of 0/1 float tensors [R, *shape], one per pruned layer and named like its weights; masks are values,
never changed in place. Biases have none.
"""

from collections.abc import Collection, Iterable

import torch
from torch import Tensor

Mask = dict[str, Tensor]


def ones(theta: dict[str, Tensor], layers: Iterable[str]) -> Mask:
    """m = 1^|θ|: everything is left."""
    return {name: torch.ones_like(theta[name]) for name in layers}


def to_prune(alive: int, rate: float) -> int:
    """How many of `alive` weights a rate prunes: the product, rounded half up. Counts follow from rates alone."""
    return int(rate * alive + 0.5)


def prune(theta: dict[str, Tensor], mask: Mask, rates: dict[str, float], together: Collection[str] = ()) -> Mask:
    """In each layer and row, drop the fraction `rates[layer]` of the survivors that has the smallest |θ|; the layers in
    `together`, of one rate, are ranked as if they were one (global pruning, Section 4).

    Ranked, not thresholded: the count is exact, and of equal magnitudes the one with the lower index goes first. Both
    dicts are [R, *shape]; ValueError if layers `together` have several rates.

    >>> prune({"w": torch.tensor([[1.0, -3.0, 2.0, 0.5]])}, {"w": torch.ones(1, 4)}, {"w": 0.5})
    {'w': tensor([[0., 1., 1., 0.]])}
    """
    layers = {name: m for name, m in mask.items() if name not in together}
    left = {name: _drop_smallest(theta[name].abs().flatten(1), m.flatten(1), rates[name]) for name, m in layers.items()}
    if together:
        sizes, flat = ([tensors[name].flatten(1) for name in together] for tensors in (theta, mask))
        (rate,) = {rates[name] for name in together}
        kept = _drop_smallest(torch.cat(sizes, 1).abs(), torch.cat(flat, 1), rate)
        left |= zip(together, torch.split(kept, [m.shape[1] for m in flat], 1), strict=True)
    return {name: left[name].reshape(m.shape) for name, m in mask.items()}


def _drop_smallest(size: Tensor, mask: Tensor, rate: float) -> Tensor:
    kept = mask.clone()  # [R, N]
    ranked = size.masked_fill(kept == 0, -1.0).argsort(dim=1, stable=True)  # the dead first, then the smallest
    for row, order in zip(kept, ranked, strict=True):
        alive = int(row.count_nonzero())
        dead = row.numel() - alive
        row[order[dead : dead + to_prune(alive, rate)]] = 0.0
    return kept


def shuffle(mask: Mask, generators: list[torch.Generator]) -> Mask:
    """As many survivors in each layer, elsewhere: one generator per row (random sparsity, Figures 1 and 14)."""
    return {
        name: torch.stack([_shuffled(row, g) for row, g in zip(m, generators, strict=True)]) for name, m in mask.items()
    }


def _shuffled(row: Tensor, generator: torch.Generator) -> Tensor:
    order = torch.randperm(row.numel(), generator=generator, device=generator.device)
    return row.flatten()[order.to(row.device)].view_as(row)


def survivors(mask: Mask) -> list[dict[str, int]]:
    """Per row, the number of weights left in each layer.

    >>> survivors({"w": torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])})
    [{'w': 2}, {'w': 1}]
    """
    counts = {name: m.flatten(1).sum(1).to(torch.int64).tolist() for name, m in mask.items()}
    return [dict(zip(counts, row, strict=True)) for row in zip(*counts.values(), strict=True)]

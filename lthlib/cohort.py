"""The replicate axis: R networks of one Spec side by side. The only file that knows how R meets an operator.

Weights are dicts of tensors [R, *shape], masks likewise; row r belongs to `reps[r]`. Each row must compute what it
would compute alone: nothing here may mix rows.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

Theta = dict[str, Tensor]
BATCHED = ("cuda",)  # devices on which one operation on all rows beats one operation per row


def stack(rows: list[Theta]) -> Theta:
    """One cohort of several networks: [*shape] each -> [R, *shape]."""
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def take(theta: Theta, rows: list[int]) -> Theta:
    """The cohort of the given rows."""
    return {name: value[rows] for name, value in theta.items()}


def forward(net: nn.Module, theta: Theta, x: Tensor) -> Tensor:
    """f(x_r; θ_r) for each row: x [R, B, ...] -> logits [R, B, classes].

    On an accelerator all at once, on a CPU one network after the other, because its caches hold one.
    """
    if x.device.type in BATCHED:
        return vmap(lambda one, x_one: functional_call(net, one, (x_one,)))(theta, x)
    return _stacked([functional_call(net, one, (x[r],)) for r, one in enumerate(rows(theta))])


def gradient(net: nn.Module, theta: Theta, x: Tensor, y: Tensor) -> Theta:
    """The gradient of each row's mean cross-entropy over its batch: x [R, B, ...], y [R, B] -> like `theta`."""
    if x.device.type in BATCHED:  # of the *sum* over rows, so that each row gets its own
        return _gradient(
            theta, lambda leaves: F.cross_entropy(forward(net, leaves, x).mT, y, reduction="sum") / y.shape[1]
        )
    found = [
        _gradient(one, lambda leaves, r=r: F.cross_entropy(functional_call(net, leaves, (x[r],)), y[r]))
        for r, one in enumerate(rows(theta))
    ]
    return {name: _stacked([one[name] for one in found]) for name in theta}


def rows(theta: Theta) -> list[Theta]:
    """The networks of a cohort, one by one, as views."""
    return [
        dict(zip(theta, row, strict=True)) for row in zip(*(value.unbind(0) for value in theta.values()), strict=True)
    ]


def _gradient(theta: Theta, loss: Callable[[Theta], Tensor]) -> Theta:
    leaves = {name: value.detach().requires_grad_() for name, value in theta.items()}
    return dict(zip(leaves, torch.autograd.grad(loss(leaves), list(leaves.values())), strict=True))


def _stacked(values: list[Tensor]) -> Tensor:
    return values[0][None] if len(values) == 1 else torch.stack(values)  # of one, a view

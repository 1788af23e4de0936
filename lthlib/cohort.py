"""The replicate axis: R networks of one Spec side by side. The only file that knows how R meets an operator.

Weights are dicts of tensors [R, *shape], masks likewise; row r belongs to `reps[r]`. Each row must compute what it would
compute alone: nothing here may mix rows.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

Theta = dict[str, Tensor]


def stack(rows: list[Theta]) -> Theta:
    """One cohort of several networks: [*shape] each -> [R, *shape]."""
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def take(theta: Theta, rows: list[int]) -> Theta:
    """The cohort of the given rows."""
    return {name: value[rows] for name, value in theta.items()}


def forward(net: nn.Module, theta: Theta, x: Tensor) -> Tensor:
    """f(x_r; θ_r) for each row: x [R, B, ...] -> logits [R, B, classes].

    On a CPU one network after the other (its caches hold one), on an accelerator all at once.
    """
    if len(x) == 1:  # views in, views out: nothing is copied
        return functional_call(net, {name: value.squeeze(0) for name, value in theta.items()}, (x.squeeze(0),))[None]
    if x.device.type == "cpu":
        networks = zip(*(value.unbind(0) for value in theta.values()), strict=True)
        return torch.stack(
            [functional_call(net, dict(zip(theta, one, strict=True)), (x[r],)) for r, one in enumerate(networks)]
        )
    return vmap(lambda one, x_one: functional_call(net, one, (x_one,)))(theta, x)

"""The replicate axis: R networks of one Spec side by side. The only file that knows how R meets an operator.

Weights are dicts of tensors [R, *shape], masks likewise; row r belongs to `reps[r]`. Each row must compute what it
would compute alone: nothing here may mix rows.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

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
    if len(x) == 1:  # views in, views out: nothing is copied
        return functional_call(net, {name: value.squeeze(0) for name, value in theta.items()}, (x.squeeze(0),))[None]
    rows = zip(*(value.unbind(0) for value in theta.values()), strict=True)
    logits = [functional_call(net, dict(zip(theta, row, strict=True)), (x[r],)) for r, row in enumerate(rows)]
    return torch.stack(logits)

"""Leaves out what cannot matter to a fully-connected network under its mask: dark inputs, and units that lead nowhere.

An input that is 0 in every image, or whose weights are all pruned, adds nothing; nor does a unit that no weight leaves.
The other way round no gradient reaches their weights, which without weight decay stay what they were. So the smaller
network computes the same function and takes the same steps, in less time: this is what a ticket saves on dense kernels.
"""

from dataclasses import replace

import torch
from torch import Tensor

from lthlib.core.masks import Mask
from lthlib.engine import networks
from lthlib.engine.cohort import Theta
from lthlib.engine.data import Data
from lthlib.specs import Spec

Live = dict[str, tuple[Tensor, ...]]  # per parameter, which indices of each of its axes matter


def live(spec: Spec, mask: Mask, data: Data) -> tuple[Live, Data]:
    """What matters of each parameter, to any network of the cohort; and the data with only the inputs that do.

    For networks unlike Lenet, with weight decay, or where images or channels are standardised, so that dark pixels are
    not 0, that is everything: no entry, the same data.
    """
    if spec.weight_decay or spec.inputs in ("standard", "channel") or not networks.written_out(spec.network):
        return {}, data
    layers = [name.removesuffix(".weight") for name in mask]  # from the inputs to the outputs
    found: Live = {}
    after = torch.arange(10, device=data.labels.device)
    for n, layer in reversed(list(enumerate(layers))):
        reached = mask[f"{layer}.weight"][:, after].flatten(0, 1).any(0)
        if n == 0:
            reached &= data.lit.to(reached.device)
        before = reached.nonzero().flatten()
        found[f"{layer}.weight"], found[f"{layer}.bias"] = (after, before), (after,)
        after = before
    pixels = data.pixels if len(after) == data.pixels.shape[1] else data.pixels.index_select(1, after)
    return found, replace(data, pixels=pixels)


def narrow(tensors: Theta, kept: Live) -> Theta:
    """What matters of a cohort's weights or masks [R, *shape], as tensors of their own."""
    return {name: value[_grid(kept[name])] if name in kept else value.clone() for name, value in tensors.items()}


def widen(tensors: Theta, kept: Live, whole: Theta) -> Theta:
    """The reverse of `narrow`: `whole`, changed in place, with what matters replaced."""
    for name, value in tensors.items():
        if name in kept:
            whole[name][_grid(kept[name])] = value
        else:
            whole[name] = value
    return whole


def _grid(axes: tuple[Tensor, ...]) -> tuple:
    """An index of all combinations, behind the replicate axis."""
    return (slice(None), *torch.meshgrid(*axes, indexing="ij"))

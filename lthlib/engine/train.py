"""One training loop, for a cohort of networks: weights, masks and data in, weights and curves out.

No file is written, nothing printed, and no training ends early: early stopping is an argmin on the recorded curve.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from lthlib.core.masks import Mask
from lthlib.engine import cohort, networks, slim
from lthlib.engine.cohort import Theta
from lthlib.engine.data import IMAGE, Data
from lthlib.engine.evaluation import Curves, Record, evaluations, exams
from lthlib.engine.feed import Feed
from lthlib.errors import SpecError
from lthlib.specs import Rep, Spec, span

State = dict[str, Tensor]  # of a training under way: `theta.<name>`, `optimiser.<n>`, and `curve.<name>` so far


class Unfit(ValueError):
    """A state to resume from that is not one of this training."""


@dataclass(frozen=True)
class Point:
    """A training that has just been evaluated, at this iteration, whether it is `over`, and what can be taken of it
    before it goes on, which changes these tensors."""

    iteration: int
    over: bool
    theta: Callable[[], Theta]  # its weights, [R, *shape]
    curves: Callable[[], Curves]  # up to here
    state: Callable[[], State]  # to go on from another time


def train(spec: Spec, theta0: Theta, mask: Mask, reps: list[Rep], data: Data) -> tuple[Theta, Curves]:
    """Train f(x; m ⊙ θ) from θ₀ for `spec.iterations` steps, R networks at once; θ₀ and m are left as they are. For
    example `theta_j, curves = train(spec, theta0, mask, [Rep("ticket", 0)], sources.load("mnist5k"))`.

    Returns θ_j [R, *shape], its pruned weights exactly 0, and the curves, as `evaluation.Record` has them: measured at
    iterations 0, `eval_every`, 2 `eval_every`, ... and after the last step. SpecError for data that do not fit.

    Trainings that `span` has start at iteration k > 0 are given θ_k instead of θ₀. From k on they see the batches and
    learning rates that they would see had they come there from 0; the optimiser's state is new and zero, Adam's count
    of steps too. Their curves begin at k; the evaluations after that are at the iterations named above.
    """
    *_, last = training(spec, theta0, mask, reps, data)
    return last.theta(), last.curves()


def training(
    spec: Spec, theta0: Theta, mask: Mask, reps: list[Rep], data: Data, resume: State | None = None
) -> Iterator[Point]:
    """What `train` does, from one evaluation to the next: whoever asks for a point has it trained up to there.

    With the same arguments and `resume`, the state of any point except the last, it goes on from there to the next, as
    if it had never ended; Unfit if these tensors are not those of this training.
    """
    device = data.labels.device
    ((first, last),) = {span(spec, rep) for rep in reps}  # a cohort keeps step
    splits = [data.split(spec.seed, rep.trial) for rep in reps]
    _check(spec, data, min(len(part) for part, _ in splits))
    whole, mask = ({name: value.to(device) for name, value in tensors.items()} for tensors in (theta0, mask))
    whole = {name: value * mask.get(name, 1) for name, value in whole.items()}
    kept, data = slim.live(spec, mask, data)
    theta, mask = slim.narrow(whole, kept), slim.narrow(mask, kept)
    nets = cohort.of(spec, theta)
    optimiser = OPTIMISERS[spec.optimiser](spec, {name: theta[name] for name in nets.trained})
    moving = {f"theta.{name}": value for name, value in theta.items()}
    moving |= {f"optimiser.{n}": value for n, value in enumerate(optimiser.state)}
    points = evaluations(spec, first, last)
    past = _restore(moving, points, resume) if resume else {}
    begin = int(past["iteration"][-1]) if past else first
    feed = Feed(spec, reps, [part for part, _ in splits], data, nets.units, begin)
    record = Record(spec, theta, nets, exams(spec, reps, splits, data), points, past)
    pruned = {name: m for name, m in mask.items() if not m.all()}  # to multiply by 1 takes as long as by 0

    def step():
        x, y, keep, lr = feed.next()
        gradients = nets.gradient(x, y, keep)
        for name, m in pruned.items():
            gradients[name].mul_(m)  # d f(x; m ⊙ θ) / dθ = m ⊙ f′; the product itself needs no work, θ stays m ⊙ θ
        optimiser.step(gradients, lr)

    def state():
        return moving | {f"curve.{name}": value for name, value in record.curves().items()}

    def examined(i):
        record.add(i)
        return Point(i, i == last, lambda: slim.widen(theta, kept, whole), record.curves, state)

    if not past:
        yield examined(first)
    for i, after in pairwise(points[points.index(begin) :]):
        feed.load(i, after - i)
        if i == begin:
            step = cohort.repeatable(step, [*theta.values(), *optimiser.state, *feed.tensors], device)
        for _ in range(after - i):
            step()
        yield examined(after)


def _restore(moving: dict[str, Tensor], points: list[int], state: State) -> Curves:
    """Make what moves what it was, and give the curves up to there."""
    curves = {name.removeprefix("curve."): value for name, value in state.items() if name.startswith("curve.")}
    shapes, had = ({n: (v.shape, v.dtype) for n, v in tensors.items() if n in moving} for tensors in (moving, state))
    done = curves["iteration"].tolist() if "iteration" in curves else []
    if shapes != had or not done or done != points[: len(done)] or len(done) == len(points):
        raise Unfit("it is of other tensors or other iterations")
    for name, value in moving.items():
        value.copy_(state[name])
    return curves


Options = dict[str, Any]  # of torch's functions
ADAM: Options = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}
SGD: Options = {"dampening": 0.0, "nesterov": False, "maximize": False}


class Adam:
    """Adam (β 0.9 and 0.999, ε 1e-8): elementwise, so no row sees another and a weight without a gradient stays."""

    def __init__(self, spec: Spec, theta: Theta):
        self.lr = None if _scheduled(spec) else spec.lr
        self.theta = theta
        self.moments = [{name: torch.zeros_like(value) for name, value in theta.items()} for _ in range(2)]
        self.steps = [torch.zeros((), device=value.device) for value in theta.values()]

    @property
    def state(self) -> list[Tensor]:
        return [*self.moments[0].values(), *self.moments[1].values(), *self.steps]

    @torch.no_grad()
    def step(self, gradients: Theta, lr: Tensor) -> None:
        """Change θ in place, at the rate `lr` []."""
        first, second = (list(moment.values()) for moment in self.moments)
        rate = lr if self.lr is None else self.lr
        adam(*_matched(self.theta, gradients), first, second, [], self.steps, fused=True, lr=rate, **ADAM)


class Sgd:
    """Stochastic gradient descent with momentum and weight decay, v ← μ v + g + λ θ, θ ← θ - lr v: elementwise; where
    the mask makes θ and g 0, v is 0 and the weight stays 0."""

    def __init__(self, spec: Spec, theta: Theta):
        self.options = {**SGD, "momentum": spec.momentum, "weight_decay": spec.weight_decay}
        self.theta = theta
        self.moments = [{name: torch.zeros_like(value) for name, value in theta.items()}] if spec.momentum else []

    @property
    def state(self) -> list[Tensor]:
        return [value for moment in self.moments for value in moment.values()]

    @torch.no_grad()
    def step(self, gradients: Theta, lr: Tensor) -> None:
        """Change θ in place, at the rate `lr` []."""
        theta, slopes = _matched(self.theta, gradients)
        moments: list[Tensor | None] = [*self.state] or [None] * len(theta)
        sgd(theta, slopes, moments, fused=True, lr=lr, **self.options)


OPTIMISERS: dict[str, type[Adam | Sgd]] = {"adam": Adam, "sgd": Sgd}


def _scheduled(spec: Spec) -> bool:
    return bool(spec.warmup or spec.drops)


def _matched(theta: Theta, gradients: Theta) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters and gradients laid out alike: the fused kernels ignore strides."""
    return list(theta.values()), [
        g if (g := gradients[name]).stride() == value.stride() else torch.empty_like(value).copy_(g)
        for name, value in theta.items()
    ]


def _check(spec: Spec, data: Data, most: int) -> None:
    takes, has = networks.shape(spec.network), tuple(data.pixels.shape[1:])
    if has != takes:
        raise SpecError(f"{spec.network} takes inputs of the shape {takes}, but {data.name} has {has}")
    if spec.inputs != "raw" and data.pixels.dtype != torch.uint8:
        raise SpecError(f"{data.name} is not of pixels from 0 to 255, uint8: use inputs='raw' to take it as it is")
    if spec.augment and has != IMAGE:
        raise SpecError(f"augment is for images of the shape {IMAGE}, but {data.name} has {has}")
    for name in ("batch", "train_eval"):
        if getattr(spec, name) > most:
            raise SpecError(f"{name} is {getattr(spec, name):,}, but {data.name} has {most:,} training examples")

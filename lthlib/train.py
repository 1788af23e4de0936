"""One training loop and one evaluation, for a cohort of networks: weights, masks and data in, weights and curves out.

No file is written, nothing printed, and no training ends early: early stopping is an argmin on the recorded curve.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.adam import adam

from lthlib import networks
from lthlib.cohort import Theta, forward, gradient
from lthlib.data import Data, batches
from lthlib.errors import SpecError
from lthlib.masks import Mask
from lthlib.specs import Rep, Spec
from lthlib.streams import stream

Curves = dict[str, Tensor]  # `iteration` [E]; `val_loss`, `val_acc`, `test_loss`, ... [E, R]
Exams = dict[str, tuple[Tensor, Tensor]]  # a name -> inputs [R, M, ...] and labels [R, M]
CHUNK = 1_000  # images evaluated at once, so that activations stay in a cache


def train(
    spec: Spec, theta0: Theta, mask: Mask, reps: list[Rep], data: Data, watch: Callable[[int], None] = lambda i: None
) -> tuple[Theta, Curves]:
    """Train f(x; m ⊙ θ) from θ₀ for `spec.iterations` steps, R networks at once; θ₀ and m are left as they are.

    Returns θ_j [R, *shape], its pruned weights exactly 0, and the curves: mean cross-entropy and accuracy (percent) on
    the trial's validation set, on the test set and on a fixed part of the trial's training set, at iterations 0,
    `eval_every`, 2 `eval_every`, ... and after the last step. `watch` is told the iteration at each evaluation.
    """
    net = networks.build(spec.network)
    splits = [data.split(spec.seed, rep.trial) for rep in reps]
    _check_sizes(spec, data, min(len(part) for part, _ in splits))
    feeds = [batches(spec, rep, part) for rep, (part, _) in zip(reps, splits, strict=True)]
    exams = _exams(spec, reps, splits, data)
    mask = {name: m.to(data.labels.device) for name, m in mask.items()}
    theta = {name: value.to(data.labels.device, copy=True) for name, value in theta0.items()}
    for name, m in mask.items():
        theta[name].mul_(m)
    optimiser = OPTIMISERS[spec.optimiser](spec, theta)
    curves = []

    def examine(i):
        curves.append({"iteration": torch.tensor(i), **evaluate(net, theta, exams)})
        watch(i)

    for i in range(spec.iterations):
        if i % spec.eval_every == 0:
            examine(i)
        x, y = data.at(torch.stack([next(feed) for feed in feeds]))
        gradients = gradient(net, theta, x, y)
        for name, m in mask.items():
            gradients[name].mul_(m)  # d f(x; m ⊙ θ) / dθ = m ⊙ f′; the product itself needs no work, θ stays m ⊙ θ
        optimiser.step(theta, gradients)
    examine(spec.iterations)
    return theta, {name: torch.stack([point[name] for point in curves]).cpu() for name in curves[0]}


@torch.no_grad()
def evaluate(net: nn.Module, theta: Theta, exams: Exams) -> Curves:
    """Mean cross-entropy and accuracy in percent, [R] each, on each exam: `<exam>_loss` and `<exam>_acc`."""
    points = {}
    for name, (x, y) in exams.items():
        loss, right = 0, 0
        for x_part, y_part in zip(x.split(CHUNK, dim=1), y.split(CHUNK, dim=1), strict=True):
            logits = forward(net, theta, x_part)
            errors = F.cross_entropy(logits.flatten(0, 1), y_part.flatten(), reduction="none").view(y_part.shape)
            loss = loss + errors.sum(1)
            right = right + (logits.argmax(-1) == y_part).sum(1)
        points[f"{name}_loss"], points[f"{name}_acc"] = loss / y.shape[1], 100 * right.double() / y.shape[1]
    return points


ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}


class Adam:
    """Adam (β 0.9 and 0.999, ε 1e-8): elementwise, so no row sees another and a weight without a gradient stays."""

    def __init__(self, spec: Spec, theta: Theta):
        self.lr = spec.lr
        self.moments = [{name: torch.zeros_like(value) for name, value in theta.items()} for _ in range(2)]
        self.steps = {name: torch.zeros((), device=value.device) for name, value in theta.items()}

    @torch.no_grad()
    def step(self, theta: Theta, gradients: Theta) -> None:
        """Change `theta` in place."""
        grads = [gradients[name].contiguous() for name in theta]  # the fused kernel ignores strides
        params, first, second, steps = ([d[name] for name in theta] for d in (theta, *self.moments, self.steps))
        adam(params, grads, first, second, [], steps, fused=True, lr=self.lr, **ADAM)


OPTIMISERS = {"adam": Adam}


def _check_sizes(spec: Spec, data: Data, most: int) -> None:
    for name in ("batch", "train_eval"):
        if getattr(spec, name) > most:
            raise SpecError(f"{name} is {getattr(spec, name):,}, but {data.name} has {most:,} training examples")


def _exams(spec: Spec, reps: list[Rep], splits: list[tuple[Tensor, Tensor]], data: Data) -> Exams:
    def sample(rep, part):
        order = torch.randperm(len(part), generator=stream(spec.seed, rep.trial, "train_eval"))
        return part[order[: spec.train_eval]]

    known = [sample(rep, part) for rep, (part, _) in zip(reps, splits, strict=True)]
    x, y = data.at(torch.arange(data.n_train, len(data.labels))[None])
    return {
        "val": data.at(torch.stack([valid for _, valid in splits])),
        "test": (x.expand(len(reps), -1, -1), y.expand(len(reps), -1)),
        "train": data.at(torch.stack(known)),
    }

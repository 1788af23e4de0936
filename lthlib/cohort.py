"""The replicate axis: R networks of one Spec side by side. The only file that knows how R meets an operator.

Weights are dicts of tensors [R, *shape], masks likewise; row r belongs to `reps[r]`. Each row must compute what it
would compute alone: nothing here may mix rows.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from lthlib import networks
from lthlib.data import FLAT
from lthlib.specs import Spec

Theta = dict[str, Tensor]


def stack(rows: list[Theta]) -> Theta:
    """One cohort of several networks: [*shape] each -> [R, *shape]."""
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def take(theta: Theta, rows: list[int]) -> Theta:
    """The cohort of the given rows."""
    return {name: value[rows] for name, value in theta.items()}


def join(cohorts: list[Theta]) -> Theta:
    """One cohort of several: [R₁, *shape], [R₂, *shape], ... -> [R₁ + R₂ + ..., *shape]."""
    return cohorts[0] if len(cohorts) == 1 else {name: torch.cat([c[name] for c in cohorts]) for name in cohorts[0]}


def rows(theta: Theta) -> list[Theta]:
    """The networks of a cohort, one by one, as views."""
    return [
        dict(zip(theta, row, strict=True)) for row in zip(*(value.unbind(0) for value in theta.values()), strict=True)
    ]


def of(spec: Spec, theta: Theta) -> "Loop | Batch":
    """The networks that compute with `theta`, which stays the caller's to change in place."""
    net = networks.build(spec)
    device = next(iter(theta.values())).device
    return (Batch if batched(net, device) else Loop)(spec, theta)


def batched(net: nn.Module, device: torch.device) -> bool:
    """Whether one operation on all rows beats one operation per row: for matrix products on an accelerator. A CPU's
    caches hold one network, and many convolutions at once are a grouped convolution, which has no fast kernels."""
    return device.type == "cuda" and not any(isinstance(module, nn.Conv2d) for module in net.modules())


class Loop:
    """R networks, one operation per row. In training, batch-norm moves its running statistics, which are in θ too."""

    def __init__(self, spec: Spec, theta: Theta):
        self.precision = spec.precision
        self.nets = [networks.build(spec) for _ in range(len(next(iter(theta.values()))))]
        for net, row in zip(self.nets, rows(theta), strict=True):
            _give(net, row)
        self.layout = _layout(spec, self.nets[0])
        self.trained = [name for name, _ in self.nets[0].named_parameters()]
        self.units = getattr(self.nets[0], "units", 0)  # that dropout may leave out

    def forward(self, x: Tensor) -> Tensor:
        """f(x_r; θ_r) of each row, as it is evaluated: x [R, B, ...] -> logits [R, B, classes]."""
        with torch.no_grad(), _computing(self.precision, x.device):
            return _stacked(
                [net.eval()(x[r].contiguous(memory_format=self.layout)).float() for r, net in enumerate(self.nets)]
            )

    def gradient(self, x: Tensor, y: Tensor, keep: Tensor | None = None) -> Theta:
        """The gradient of each row's mean cross-entropy over its batch: x [R, B, ...], y [R, B], dropout's `keep`
        [R, B, units] -> [R, *shape] for each name in `trained`."""
        found = []
        for r, net in enumerate(self.nets):
            net.training or net.train()
            more = () if keep is None else (keep[r],)
            with _computing(self.precision, x.device):
                logits = net(x[r].contiguous(memory_format=self.layout), *more)
            found.append(torch.autograd.grad(F.cross_entropy(logits.float(), y[r]), list(net.parameters())))
        return dict(zip(self.trained, map(_stacked, zip(*found, strict=True)), strict=True))


class Batch:
    """R networks, one operation on all rows: the same as `Loop`, for an accelerator."""

    def __init__(self, spec: Spec, theta: Theta):
        self.precision, self.theta = spec.precision, theta
        self.net = networks.build(spec)
        self.trained = [name for name, _ in self.net.named_parameters()]
        self.units = getattr(self.net, "units", 0)

    def forward(self, x: Tensor) -> Tensor:
        """As `Loop.forward`."""
        self.net.eval()
        with torch.no_grad():
            return self._logits(self.theta, x)

    def gradient(self, x: Tensor, y: Tensor, keep: Tensor | None = None) -> Theta:
        """As `Loop.gradient`: of the *sum* over rows, so that each row gets its own."""
        self.net.train()
        leaves = {name: self.theta[name].detach().requires_grad_() for name in self.trained}
        logits = self._logits({**self.theta, **leaves}, x, *(() if keep is None else (keep,)))
        loss = F.cross_entropy(logits.mT, y, reduction="sum") / y.shape[1]
        return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))

    def _logits(self, theta: Theta, *inputs: Tensor) -> Tensor:
        with _computing(self.precision, inputs[0].device):
            return vmap(lambda one, *given: functional_call(self.net, one, given))(theta, *inputs).float()


def repeatable(step: Callable[[], None], state: list[Tensor], device: torch.device) -> Callable[[], None]:
    """A step that changes `state` in place, made cheap to repeat: on a GPU recorded once as a graph, so that no launch
    waits for Python; elsewhere the step itself. The state is afterwards what it was."""
    if device.type != "cuda":
        return step
    rehearse(step, state)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def rehearse(step: Callable[[], None], state: list[Tensor], times: int = 3) -> None:
    """Take a step a few times and undo it, so that whatever a library sets up at first use is set up."""
    before = [value.clone() for value in state]
    aside = torch.cuda.Stream() if torch.cuda.is_available() else None  # what is recorded may not touch the default one
    with torch.cuda.stream(aside):
        for _ in range(times):
            step()
            for value, was in zip(state, before, strict=True):
                value.copy_(was)
    if aside:
        torch.cuda.synchronize()


def _computing(precision: str, device: torch.device):
    if device.type == "cuda":
        fp32 = "tf32" if precision == "tf32" else "ieee"
        torch.backends.cuda.matmul.fp32_precision = torch.backends.cudnn.conv.fp32_precision = fp32
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=False)


def _give(net: nn.Module, theta: dict[str, Tensor]) -> None:
    """Make one network's weights the parameters (and its statistics the buffers) of a module, without a copy."""
    for name, value in theta.items():
        module, _, leaf = name.rpartition(".")
        owner = net.get_submodule(module)
        setattr(owner, leaf, nn.Parameter(value) if leaf in owner._parameters else value)


def _layout(spec: Spec, net: nn.Module) -> torch.memory_format:
    """How images lie in memory: with their channels side by side, as fast convolutions want them. But a CPU's batch-norm
    then sums one number after the other, with errors of 1e-4 that single precision need not have."""
    if networks.shape(spec.network) == FLAT:
        return torch.contiguous_format
    normed = any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    return torch.contiguous_format if normed and spec.precision == "fp32" else torch.channels_last


def _stacked(values: list[Tensor]) -> Tensor:
    return values[0][None] if len(values) == 1 else torch.stack(values)  # of one, a view

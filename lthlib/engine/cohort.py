"""The replicate axis: R networks of one Spec side by side. The only file that knows how R meets an operator.

Weights are dicts of tensors [R, *shape], masks likewise; row r belongs to `reps[r]`. Each row must compute what it
would compute alone: nothing here may mix rows.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lthlib.engine import networks
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


def of(spec: Spec, theta: Theta) -> "Loop | Dense":
    """The networks that compute with `theta`, which stays the caller's to change in place."""
    return (Dense if networks.written_out(spec.network) else Loop)(spec, theta)


class Loop:
    """R networks of any kind, one after the other: many convolutions in one are a grouped convolution, which has no
    fast kernels. In training, batch-norm moves its running statistics, which are in θ too."""

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


class Dense:
    """R networks like Lenet, with the methods of `Loop`: linear layers with ReLU between. Their gradient is written
    out, so that no graph has to be built for it. On an accelerator one product is for all rows, on a CPU, whose caches
    hold one network, for one."""

    def __init__(self, spec: Spec, theta: Theta):
        self.precision, self.trained, self.units = spec.precision, list(theta), 0
        self.names = [name.removesuffix(".weight") for name in theta if name.endswith(".weight")]
        self.apart = apart(next(iter(theta.values())).device)
        self.nets = [self._layers(one) for one in (rows(theta) if self.apart else [theta])]

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad(), _computing(self.precision, x.device):
            return self._joined([self._outputs(net, part)[-1].float() for net, part in self._each(x)])

    def gradient(self, x: Tensor, y: Tensor, keep: Tensor | None = None) -> Theta:
        with torch.no_grad(), _computing(self.precision, x.device):
            found = [self._gradient(net, *part) for net, *part in self._each(x, y)]
        return {name: self._joined([one[name] for one in found]) for name in self.trained}

    def _layers(self, theta: Theta) -> list[tuple[Tensor, Tensor]]:
        return [(theta[f"{name}.weight"], theta[f"{name}.bias"]) for name in self.names]

    def _outputs(self, net: list[tuple[Tensor, Tensor]], x: Tensor) -> list[Tensor]:
        """The inputs, each hidden layer's outputs, and the logits."""
        seen = [x]
        for n, (w, b) in enumerate(net, 1):
            z = F.linear(seen[-1], w, b) if w.dim() == 2 else torch.baddbmm(b[:, None], seen[-1], w.mT)
            seen.append(z if n == len(net) else z.relu_())
        return seen

    def _gradient(self, net: list[tuple[Tensor, Tensor]], x: Tensor, y: Tensor) -> Theta:
        *seen, logits = self._outputs(net, x)
        slope = logits.float().softmax(-1)  # of the loss against the logits: softmax less one where the label is,
        slope.scatter_add_(-1, y[..., None], torch.full_like(slope[..., :1], -1.0))
        slope /= y.shape[-1]  # over the batch
        found = {}
        for name, (w, _), below in reversed(list(zip(self.names, net, seen, strict=True))):
            found[f"{name}.weight"] = (slope.mT @ below).float()
            found[f"{name}.bias"] = slope.sum(-2).float()
            if below is not x:
                slope = torch.ops.aten.threshold_backward(slope @ w, below, 0)  # no slope where the ReLU gave 0
        return found

    def _each(self, *tensors: Tensor) -> list[tuple]:
        return list(zip(self.nets, *tensors, strict=True)) if self.apart else [(self.nets[0], *tensors)]

    def _joined(self, values: list[Tensor]) -> Tensor:
        return _stacked(values) if self.apart else values[0]


def apart(device: torch.device) -> bool:
    """Whether networks are computed one by one rather than in one product."""
    return device.type == "cpu"


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
    aside = torch.cuda.Stream() if torch.cuda.is_available() else None  # what is recorded may not touch the default one
    if aside:
        aside.wait_stream(torch.cuda.current_stream())  # for what made the state
    with torch.cuda.stream(aside):
        before = [value.clone() for value in state]
        for _ in range(times):
            step()
            for value, was in zip(state, before, strict=True):
                value.copy_(was)
    if aside:
        torch.cuda.synchronize()


def _computing(precision: str, device: torch.device):
    if device.type == "cuda":
        fp32 = "tf32" if precision == "tf32" else "ieee"
        torch.backends.cuda.matmul.fp32_precision = fp32
        # torch makes this attribute while it is imported, which its types do not say
        torch.backends.cudnn.conv.fp32_precision = fp32  # type: ignore[attr-defined]
        torch.backends.cudnn.deterministic = True  # the same numbers again, at some cost
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=False)


def _give(net: nn.Module, theta: dict[str, Tensor]) -> None:
    """Make one network's weights the parameters (and its statistics the buffers) of a module, without a copy."""
    for name, value in theta.items():
        module, _, leaf = name.rpartition(".")
        owner = net.get_submodule(module)
        setattr(owner, leaf, nn.Parameter(value) if leaf in owner._parameters else value)


def _layout(spec: Spec, net: nn.Module) -> torch.memory_format:
    """How images lie in memory: with their channels side by side, as fast convolutions want them. But then a CPU's
    batch-norm sums one number after the other, with errors of 1e-4 that single precision need not have."""
    if len(networks.shape(spec.network)) < 3:
        return torch.contiguous_format
    normed = any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    return torch.contiguous_format if normed and spec.precision == "fp32" else torch.channels_last


def _stacked(values: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    return values[0][None] if len(values) == 1 else torch.stack(values)  # of one, a view

"""The paper's networks, each a textbook module for ONE network (no mask, no replicate axis); their first weights."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lthlib.engine.data import FLAT, IMAGE
from lthlib.errors import SpecError
from lthlib.specs import PAPER, Spec


class Lenet(nn.Module):
    """Lenet-300-100 (Figure 2): 266,200 weights. Input [B, 784], output logits [B, 10].

    Its other sizes, 25-9 to 900-300 (Appendix G.6), are widths too: the second layer is rounded up.
    """

    def __init__(self, width: float = 1.0):
        super().__init__()
        first, second = max(1, round(300 * width)), math.ceil(round(100 * width, 6))
        self.fc1 = nn.Linear(784, first)
        self.fc2 = nn.Linear(first, second)
        self.out = nn.Linear(second, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.out(x)


class Conv(nn.Module):
    """Conv-2, -4, -6 (Figure 2), scaled-down VGGs: two 3x3 convolutions and max-pooling, once per number in `filters`,
    then fully-connected layers of 256, 256 and 10. Input [B, 3, 32, 32], output logits [B, 10].

    `keep` [B, `units`] multiplies the hidden fully-connected units (Section 3's dropout; where it sits is not said).
    """

    def __init__(self, filters: tuple[int, ...], width: float = 1.0):
        super().__init__()
        *scaled, hidden = _scaled(width, *filters, 256)
        before = [3, *scaled]
        self.conv = nn.ModuleList(
            nn.ModuleList([nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 3, padding=1)])
            for a, b in zip(before, scaled, strict=False)
        )
        side = 32 >> len(scaled)
        self.fc1 = nn.Linear(scaled[-1] * side * side, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 10)
        self.units = 2 * hidden

    def forward(self, x, keep=None):
        for pair in self.conv:
            first, second = pair.children()
            x = F.relu(first(x))
            x = F.relu(F.max_pool2d(second(x), 2))  # the maximum of ReLUs, at a quarter of the cost
        keep1, keep2 = (None, None) if keep is None else keep.chunk(2, dim=-1)
        x = _kept(F.relu(self.fc1(x.flatten(1))), keep1)
        x = _kept(F.relu(self.fc2(x)), keep2)
        return self.out(x)


class Resnet20(nn.Module):
    """ResNet-20 for CIFAR-10, which the paper calls Resnet-18 (Figure 2): 270,896 weights; three stages of three blocks
    of two 3x3 convolutions, a 1x1 convolution on the two shortcuts that widen. Input [B, 3, 32, 32], logits [B, 10]."""

    class Block(nn.Module):
        def __init__(self, before, filters):
            super().__init__()
            widen = before != filters
            self.conv1 = nn.Conv2d(before, filters, 3, stride=2 if widen else 1, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(filters)
            self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(filters)
            self.shortcut = nn.Conv2d(before, filters, 1, stride=2, bias=False) if widen else None
            self.norm3 = nn.BatchNorm2d(filters) if widen else None

        def forward(self, x):
            y = F.relu(self.norm1(self.conv1(x)))
            y = self.norm2(self.conv2(y))
            return F.relu(y + (self.norm3(self.shortcut(x)) if self.shortcut and self.norm3 else x))

    def __init__(self, width: float = 1.0):
        super().__init__()
        filters = _scaled(width, *3 * [16], *3 * [32], *3 * [64])
        self.conv = nn.Conv2d(3, filters[0], 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(filters[0])
        self.blocks = nn.Sequential(*(self.Block(a, b) for a, b in zip([filters[0], *filters], filters, strict=False)))
        self.out = nn.Linear(filters[-1], 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.norm(self.conv(x))))
        return self.out(x.mean((-1, -2)))


class Vgg19(nn.Module):
    """VGG-19 for CIFAR-10 (Figure 2): 20,024,000 weights; sixteen 3x3 convolutions with batch-norm, four max-poolings,
    one average, one fully-connected layer. Input [B, 3, 32, 32], output logits [B, 10]."""

    def __init__(self, width: float = 1.0):
        super().__init__()
        groups = [[64] * 2, [128] * 2, [256] * 4, [512] * 4, [512] * 4]
        filters = [_scaled(width, *group) for group in groups]
        before = [3, *(f for group in filters for f in group)]
        self.groups = nn.ModuleList()
        for group in filters:
            layers = [nn.Conv2d(before.pop(0), f, 3, padding=1, bias=False) for f in group]
            self.groups.append(
                nn.ModuleList(nn.ModuleList([conv, nn.BatchNorm2d(conv.out_channels)]) for conv in layers)
            )
        self.out = nn.Linear(filters[-1][-1], 10)

    def forward(self, x):
        for n, group in enumerate(self.groups):
            for pair in group.children():
                conv, norm = pair.children()
                x = F.relu(norm(conv(x)))
            x = F.max_pool2d(x, 2) if n < 4 else x.mean((-1, -2))
        return self.out(x)


NETWORKS: dict[str, Callable[[float], nn.Module]] = {
    "lenet": Lenet,
    "conv2": lambda width: Conv((64,), width),
    "conv4": lambda width: Conv((64, 128), width),
    "conv6": lambda width: Conv((64, 128, 192), width),  # what the paper ran: its own counts of weights say so
    "conv6_256": lambda width: Conv((64, 128, 256), width),  # what Figure 2 prints
    "resnet20": Resnet20,
    "vgg19": Vgg19,
}


SHAPES: dict[str, tuple[int, ...]] = {"lenet": FLAT}  # of one input; the others take an IMAGE


def shape(network: str) -> tuple[int, ...]:
    """The shape of one input: a flattened digit for Lenet, else a colour image, or what one's own network takes."""
    return SHAPES.get(network, IMAGE)


def register(name: str, build: Callable[[float], nn.Module], shape: tuple[int, ...]) -> None:
    """From now on, in this process, a Spec may name this network: `build(width)` gives the module, whose inputs have
    this shape. Raises SpecError for a name of the paper's, and for a module whose weights this library cannot draw.
    """
    if name in PAPER:
        raise SpecError(f"{name} is a network of the paper: choose another name")
    with torch.device("meta"):
        net = build(1.0)
    for path, module in net.named_modules():
        owned = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if owned and not isinstance(module, (nn.Linear, nn.Conv2d, nn.BatchNorm2d)):
            raise SpecError(
                f"{path or name} is a {type(module).__name__}: build {name} of nn.Linear, nn.Conv2d, nn.BatchNorm2d "
                "and of what has neither weights nor buffers"
            )
    if not layers(net):
        raise SpecError(f"{name} has nothing to prune: neither a nn.Linear nor a nn.Conv2d of 3x3")
    NETWORKS[name], SHAPES[name] = build, tuple(shape)


def written_out(network: str) -> bool:
    """Whether it is known to be Linear layers with biases, ReLUs between them, and ten outputs. Nothing
    is taken for granted of a module of one's own: only its `forward` says what it computes."""
    return _constructor(network) is Lenet


def _constructor(network: str) -> Callable[[float], nn.Module]:
    if network not in NETWORKS:
        raise SpecError(f"there is no network '{network}': networks.register yours, in every process anew")
    return NETWORKS[network]


def build(spec: Spec) -> nn.Module:
    """The network of an experiment, without weights of its own (on torch's meta device): weights are an argument."""
    with torch.device("meta"):
        net = _constructor(spec.network)(spec.width)
    for norm in _norms(net).values():
        norm.num_batches_tracked = None  # statistics move by a fixed momentum, so nothing counts
    return net


def layers(net: nn.Module) -> dict[str, str]:
    """The layers that may be pruned: parameter name -> kind, `conv`, `fc` or `out` (the output layer). Biases,
    batch-norm and the 1x1 convolutions of shortcuts never are."""

    def kind(name, module):
        if isinstance(module, nn.Conv2d):
            return "conv" if module.kernel_size == (3, 3) else None
        return ("out" if name == "out" else "fc") if isinstance(module, nn.Linear) else None

    return {f"{name}.weight": found for name, module in net.named_modules() if (found := kind(name, module))}


def init(net: nn.Module, generator: torch.Generator, plain: float = 0.0) -> dict[str, Tensor]:
    """θ ~ D_θ for one network: Gaussian Glorot cut at two standard deviations, σ² = 2 / (fan_in + fan_out); biases 0;
    batch-norm as if it were not there (scale 1, shift 0, running mean 0 and variance 1).

    The paper says "Gaussian Glorot" (Figure 2); that it is cut off, with σ not corrected for it, is read from the
    support of its Figure 15, which ends at exactly 2σ in every layer. A σ that is given, `plain`, is every layer's, and
    nothing is cut off (Appendix G.5). Weights are float32 [*shape] by name, for one network:

    >>> {name: list(w.shape) for name, w in init(build(Spec("lenet")), stream(0, 0, "init")).items() if w.dim() > 1}
    {'fc1.weight': [300, 784], 'fc2.weight': [100, 300], 'out.weight': [10, 100]}
    """
    theta = {}
    for name, parameter in net.named_parameters():
        theta[name] = w = torch.zeros(parameter.shape)
        if w.dim() > 1 and plain:
            w.normal_(0.0, plain, generator=generator)
        elif w.dim() > 1:
            sigma = glorot(w.shape)
            nn.init.trunc_normal_(w, 0.0, sigma, -2 * sigma, 2 * sigma, generator=generator)
    for name, norm in _norms(net).items():
        theta[f"{name}.weight"].fill_(1)
        theta[f"{name}.running_mean"] = torch.zeros(norm.num_features)
        theta[f"{name}.running_var"] = torch.ones(norm.num_features)
    return theta


def glorot(shape: tuple[int, ...]) -> float:
    """Glorot's σ for weights [out, in, ...]: σ² = 2 / (fan_in + fan_out)."""
    return math.sqrt(2 / ((shape[0] + shape[1]) * math.prod(shape[2:])))


def _norms(net: nn.Module) -> dict[str, nn.BatchNorm2d]:
    return {name: module for name, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)}


def _scaled(width: float, *sizes: int) -> list[int]:
    return [max(1, round(width * size)) for size in sizes]


def _kept(x: Tensor, keep: Tensor | None) -> Tensor:
    return x if keep is None else x * keep

"""What of a network is pruned, at which rate, and how much that leaves: counts follow from the rates alone."""

from lthlib.core import masks
from lthlib.engine import networks
from lthlib.specs import Spec


def layers(spec: Spec) -> dict[str, str]:
    """The layers that may be pruned, as `networks.layers` has them: parameter name -> `conv`, `fc` or `out`."""
    return networks.layers(networks.build(spec))


def rates(spec: Spec) -> dict[str, float]:
    """The fraction of its survivors that each layer loses per round (Figure 2)."""
    by_kind = {"conv": spec.rate_conv, "fc": spec.rate_fc, "out": spec.rate_out}
    return {name: by_kind[kind] for name, kind in layers(spec).items()}


def together(spec: Spec) -> list[str]:
    """The layers whose weights are ranked together."""
    return [name for name, kind in layers(spec).items() if kind == "conv"] if spec.scope == "global" else []


def weights(spec: Spec) -> int:
    """How many weights the whole network has; biases and batch-norm do not count."""
    return sum(p.numel() for p in networks.build(spec).parameters() if p.dim() > 1)


def prunable(spec: Spec) -> dict[str, int]:
    """How many weights each layer has that may be pruned."""
    net = networks.build(spec)
    return {name: net.get_parameter(name).numel() for name in networks.layers(net)}


def ladder(spec: Spec) -> list[float]:
    """P_m in percent after 0, 1, 2, ... rounds, `spec.rounds` + 1 of them.

    >>> [round(percent, 1) for percent in ladder(specs.spec("lenet", rounds=3))]
    [100.0, 80.0, 64.1, 51.3]
    """
    left, total, percents = prunable(spec), weights(spec), []
    spared = total - sum(left.values())
    by_rate, joint = rates(spec), together(spec)
    groups = [tuple(joint), *((name,) for name in left if name not in joint)]
    alive = {group: sum(left[name] for name in group) for group in groups if group}
    for _ in range(spec.rounds + 1):
        percents.append(100 * (spared + sum(alive.values())) / total)
        alive = {group: n - masks.to_prune(n, by_rate[group[0]]) for group, n in alive.items()}
    return percents

"""The paper's networks, each a textbook module for ONE network (no mask, no replicate axis); their first weights."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Lenet(nn.Module):
    """Lenet-300-100 (Figure 2): 266,200 weights. Input [B, 784], output logits [B, 10]."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 300)
        self.fc2 = nn.Linear(300, 100)
        self.out = nn.Linear(100, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.out(x)


NETWORKS = {"lenet": Lenet}


def build(network: str) -> nn.Module:
    """The named network, without weights of its own (on torch's meta device): weights are always an argument."""
    with torch.device("meta"):
        return NETWORKS[network]()


def layers(net: nn.Module) -> dict[str, str]:
    """The layers that are pruned: parameter name -> kind, `fc` or `out` (the output layer). Biases never are."""
    return {
        f"{name}.weight": "out" if name == "out" else "fc"
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear)
    }


def init(net: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """θ ~ D_θ for one network: Gaussian Glorot cut at two standard deviations, σ² = 2 / (fan_in + fan_out); biases 0.

    The paper says "Gaussian Glorot" (Figure 2); that it is cut off, with σ not corrected for it, is read from the
    support of its Figure 15, which ends at exactly 2σ in every layer.
    """
    theta = {}
    for name, parameter in net.named_parameters():
        theta[name] = w = torch.zeros(parameter.shape)
        if w.dim() > 1:
            receptive = w[0, 0].numel()
            sigma = math.sqrt(2 / ((w.shape[0] + w.shape[1]) * receptive))
            nn.init.trunc_normal_(w, 0.0, sigma, -2 * sigma, 2 * sigma, generator=generator)
    return theta

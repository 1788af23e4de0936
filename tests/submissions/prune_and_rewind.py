"""Submissions to "Prune and rewind"."""

from submissions import STUB

WRONG = {
    "1.1 ones of another type": (
        {
            "ones": """
def ones(theta):
    return {n: torch.ones(v.shape, dtype=torch.float16) for n, v in theta.items() if n.endswith(".weight")}
"""
        },
        {"test-ones"},
    ),
    "1.1 ones of the default type": (
        {
            "ones": """
def ones(theta):
    return {n: torch.ones(v.shape) for n, v in theta.items() if n.endswith(".weight")}
"""
        },
        {"test-ones"},
    ),
    "1.3 a mask of yes and no": (
        {
            "layer": """
def prune_layer(w, m, rate):
    size = w.abs().flatten().masked_fill(m.flatten() == 0, float("inf"))
    new = m.flatten().bool()
    new[size.argsort()[: to_prune(int(m.sum()), rate)]] = False
    return new.view_as(m)
"""
        },
        {"test-layer"},
    ),
    "1.7 the mask is handed out unprotected": (
        {
            "round": """
def one_round(theta0, mask, rates, train):
    new = prune(train(rewind(theta0, mask), mask), mask, rates)
    return new, rewind(theta0, new)
"""
        },
        {"test-round"},
    ),
    "leaves out 1.1": ({"ones": STUB}, {"test-ones"}),
    "leaves out 1.4": ({"prune": STUB}, {"test-prune"}),
    "leaves out 1.5": ({"rewind": STUB}, {"test-rewind"}),
    "leaves out 1.6": ({"percent": STUB}, {"test-percent", "test-ladder"}),
    "leaves out 1.7": ({"round": STUB}, {"test-round"}),
    "masks for biases too": (
        {"ones": "def ones(theta):\n    return {n: torch.ones_like(v) for n, v in theta.items()}"},
        {"test-ones"},
    ),
    "rounds a half to even": (
        {"count": "def to_prune(alive, rate):\n    return round(alive * rate)"},
        {"test-count"},
    ),
    "rounds down": (
        {"count": "def to_prune(alive, rate):\n    return int(alive * rate)"},
        {"test-count"},
    ),
    "a threshold, which takes one too many": (
        {
            "layer": """
def prune_layer(w, m, rate):
    alive = w[m == 1].abs().sort().values
    threshold = alive[to_prune(len(alive), rate)]
    return m * (w.abs() > threshold)
"""
        },
        {"test-layer", "test-layer-hard"},
    ),
    "a threshold, which takes all that are equal": (
        {
            "layer": """
def prune_layer(w, m, rate):
    alive = w[m == 1].abs().sort().values
    k = to_prune(len(alive), rate)
    return m.clone() if k == 0 else m * (w.abs() > alive[k - 1]).float()
"""
        },
        {"test-layer-hard"},
    ),
    "the rate of all weights, not of the survivors": (
        {
            "layer": """
def prune_layer(w, m, rate):
    new, size = m.clone().flatten(), w.abs().masked_fill(m == 0, float("inf")).flatten()
    new[size.argsort()[: to_prune(w.numel(), rate)]] = 0
    return new.view_as(m)
"""
        },
        {"test-layer", "test-layer-hard"},
    ),
    "the smallest without the sign": (
        {
            "layer": """
def prune_layer(w, m, rate):
    new, size = m.clone().flatten(), w.masked_fill(m == 0, float("inf")).flatten()
    new[size.argsort()[: to_prune(int(m.sum()), rate)]] = 0
    return new.view_as(m)
"""
        },
        {"test-layer", "test-layer-hard"},
    ),
    "changes the mask it is given": (
        {
            "layer": """
def prune_layer(w, m, rate):
    flat = m.view(-1)
    size = w.abs().flatten().masked_fill(flat == 0, float("inf"))
    flat[size.argsort()[: to_prune(int(m.sum()), rate)]] = 0
    return m
"""
        },
        {"test-layer-hard"},
    ),
    "one rate for all layers": (
        {
            "prune": """
def prune(theta, mask, rates):
    return {name: prune_layer(theta[name], m, 0.2) for name, m in mask.items()}
"""
        },
        {"test-prune"},
    ),
    "biases that share memory with θ₀": (
        {
            "rewind": """
def rewind(theta0, mask):
    return {name: value * mask[name] if name in mask else value for name, value in theta0.items()}
"""
        },
        {"test-rewind"},
    ),
    "biases set to 0": (
        {
            "rewind": """
def rewind(theta0, mask):
    return {n: v * mask[n] if n in mask else torch.zeros_like(v) for n, v in theta0.items()}
"""
        },
        {"test-rewind"},
    ),
    "P_m of the pruned layers only": (
        {
            "percent": """
def remaining(theta, mask):
    return 100 * sum(float(m.sum()) for m in mask.values()) / sum(m.numel() for m in mask.values())


def ladder(sizes, rates, rounds):
    left, percents = dict(sizes), []
    for _ in range(rounds + 1):
        percents.append(100 * sum(left.values()) / sum(sizes.values()))
        left = {name: n - to_prune(n, rates.get(name, 0)) for name, n in left.items()}
    return percents
"""
        },
        {"test-percent"},
    ),
    "a ladder of fractions of weights": (
        {
            "percent": """
def remaining(theta, mask):
    left = total = 0
    for name, value in theta.items():
        if "weight" in name:
            total += value.numel()
            left += mask.get(name, torch.ones_like(value)).sum().item()
    return left / total * 100


def ladder(sizes, rates, rounds):
    total = sum(sizes.values())
    return [100 * sum(n * (1 - rates.get(k, 0)) ** r for k, n in sizes.items()) / total for r in range(rounds + 1)]
"""
        },
        {"test-ladder"},
    ),
    "prunes by the initial weights": (
        {
            "round": """
def one_round(theta0, mask, rates, train):
    train(rewind(theta0, mask), mask)
    mask = prune(theta0, mask, rates)
    return mask, rewind(theta0, mask)
"""
        },
        {"test-round"},
    ),
    "does not rewind": (
        {
            "round": """
def one_round(theta0, mask, rates, train):
    theta = train(rewind(theta0, mask), mask)
    mask = prune(theta, mask, rates)
    return mask, rewind(theta, mask)
"""
        },
        {"test-round"},
    ),
}

RIGHT = {
    "loops and other names": {
        "ones": """
def ones(parameters):
    result = {}
    for key in parameters:
        if "weight" in key:
            result[key] = torch.ones(parameters[key].shape, dtype=parameters[key].dtype)
    return result
""",
        "count": """
import math


def to_prune(n, p):
    return math.floor(n * p + 1 / 2)
""",
        "layer": """
def prune_layer(weights, old, p):
    alive = []
    flat_w, flat_m = weights.reshape(-1).tolist(), old.reshape(-1).tolist()
    for i in range(len(flat_w)):
        if flat_m[i] != 0:
            alive.append((abs(flat_w[i]), i))
    alive.sort()
    for _, i in alive[: to_prune(len(alive), p)]:
        flat_m[i] = 0.0
    return torch.tensor(flat_m).reshape(old.shape)
""",
        "prune": """
def prune(trained, masks, p):
    after = {}
    for key in masks:
        after[key] = prune_layer(trained[key], masks[key], p[key] if key in p else 0)
    return after
""",
        "rewind": """
import copy


def rewind(initial, masks):
    ticket = copy.deepcopy(initial)
    for key in masks:
        ticket[key] = ticket[key] * masks[key]
    return ticket
""",
        "percent": """
def remaining(parameters, masks):
    total, left = 0, 0
    for key, value in parameters.items():
        if key.endswith("bias"):
            continue
        total += value.numel()
        left += int((masks[key] != 0).sum()) if key in masks else value.numel()
    return left / total * 100


def ladder(n, p, rounds):
    n = dict(n)
    total = sum(n.values())
    steps = [100.0]
    while len(steps) <= rounds:
        for key in n:
            n[key] -= to_prune(n[key], p.get(key, 0))
        steps.append(sum(n.values()) / total * 100)
    return steps
""",
        "round": """
def one_round(initial, masks, p, train):
    begin = rewind(initial, masks)
    end = train(begin, copy.deepcopy(masks))
    after = prune(end, masks, p)
    return after, rewind(initial, after)
""",
    },
    "topk, in place on copies, and prints and warnings": {
        "ones": """
def ones(theta):
    return {n: v.new_ones(v.size()) for n, v in theta.items() if v.dim() > 1}
""",
        "count": """
from decimal import ROUND_HALF_UP, Decimal


def to_prune(alive, rate):
    return int(Decimal(str(round(alive * rate, 6))).quantize(Decimal(1), rounding=ROUND_HALF_UP))
""",
        "layer": """
import warnings


def prune_layer(w, m, rate):
    warnings.warn("an innocent warning")
    print("pruning", tuple(w.shape))
    left = m.detach().clone().flatten()
    places = left.nonzero().flatten()
    k = to_prune(places.numel(), rate)
    if k > 0:
        _, order = torch.topk(w.flatten()[places].abs(), k, largest=False)
        left[places[order]] = 0
    return left.reshape_as(m)
""",
        "rewind": """
def rewind(theta0, mask):
    start = {n: v.detach().clone() for n, v in theta0.items()}
    for n, m in mask.items():
        start[n].mul_(m)
    return start
""",
    },
}

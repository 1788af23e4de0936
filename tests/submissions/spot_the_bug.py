"""Submissions to "Spot the bug": for each program the faulty one again, and mends that are plausible and wrong."""

WRONG = {
    "3.6 the generator is ignored": (
        {
            "shuffle": """
def scatter(mask, generator):
    return {n: m.flatten()[torch.randperm(m.numel())].view(m.shape) for n, m in mask.items()}
"""
        },
        {"test-shuffle"},
    ),
    "3.9 trained whole, and masked at the end": (
        {
            "state": """
def rounds(theta0, masks, loss, steps, lr):
    trained = []
    for mask in masks:
        theta = {n: v.clone().requires_grad_() for n, v in theta0.items()}
        optimiser = torch.optim.Adam(theta.values(), lr=lr)
        for _ in range(steps):
            optimiser.zero_grad()
            loss(theta).backward()
            optimiser.step()
        trained.append({n: v.detach() * mask.get(n, 1) for n, v in theta.items()})
    return trained
"""
        },
        {"test-state"},
    ),
    "3.10 always yes": ({"check": "def leaks(step):\n    return True"}, {"test-check-catches", "test-check-spares"}),
    "3.10 always no": ({"check": "def leaks(step):\n    return False"}, {"test-check-catches", "test-check-spares"}),
    "3.1 as it was": (
        {
            "frozen": """
def mask_gradients(theta, gradients, mask):
    return faulty_mask_gradients(theta, gradients, mask)
"""
        },
        {"test-frozen"},
    ),
    "3.1 weights that are about 0 are frozen": (
        {
            "frozen": """
def mask_gradients(theta, gradients, mask):
    new = dict(gradients)
    for name in mask:
        new[name] = torch.where(theta[name].abs() < 1e-6, 0.0, gradients[name])
    return new
"""
        },
        {"test-frozen"},
    ),
    "3.1 weights that are 0 are frozen": (
        {
            "frozen": """
def mask_gradients(theta, gradients, mask):
    return {name: torch.where(theta[name] == 0, 0.0, g) if name in mask else g for name, g in gradients.items()}
"""
        },
        {"test-frozen"},
    ),
    "3.1 changes what it is given": (
        {
            "frozen": """
def mask_gradients(theta, gradients, mask):
    for name, m in mask.items():
        gradients[name] *= m
    return gradients
"""
        },
        {"test-frozen"},
    ),
    "3.2 weight decay masked, momentum not": (
        {
            "leak": """
def step(theta, gradients, v, mask, lr=0.1, momentum=0.9, decay=1e-4):
    new_theta, new_v = {}, {}
    for name, w in theta.items():
        new_v[name] = momentum * v[name] + mask.get(name, 1) * (gradients[name] + decay * w)
        new_theta[name] = w - lr * new_v[name]
    return new_theta, new_v
"""
        },
        {"test-leak"},
    ),
    "3.2 momentum given up altogether": (
        {
            "leak": """
def step(theta, gradients, v, mask, lr=0.1, momentum=0.9, decay=1e-4):
    new_theta, new_v = {}, {}
    for name, w in theta.items():
        m = mask.get(name, 1)
        new_v[name] = m * (gradients[name] + decay * w)
        new_theta[name] = m * (w - lr * new_v[name])
    return new_theta, new_v
"""
        },
        {"test-leak"},
    ),
    "3.2 masked before the step": (
        {
            "leak": """
def step(theta, gradients, v, mask, lr=0.1, momentum=0.9, decay=1e-4):
    theta = {name: w * mask.get(name, 1) for name, w in theta.items()}
    new_theta, new_v = {}, {}
    for name, w in theta.items():
        new_v[name] = momentum * v[name] + gradients[name] * mask.get(name, 1) + decay * w
        new_theta[name] = w - lr * new_v[name]
    return new_theta, new_v
"""
        },
        {"test-leak"},
    ),
    "3.3 a strict comparison": (
        {
            "toomany": """
def prune_layer(w, m, rate):
    alive = w[m == 1].abs().sort().values
    cut = alive[int(rate * len(alive) + 0.5)]
    return torch.where(w.abs() < cut, 0.0, m)
"""
        },
        {"test-toomany"},
    ),
    "3.3 the threshold moved by one": (
        {
            "toomany": """
def prune_layer(w, m, rate):
    alive = w[m == 1].abs().sort().values
    cut = alive[int(rate * len(alive) + 0.5) - 1]
    return torch.where(w.abs() <= cut, 0.0, m)
"""
        },
        {"test-toomany"},
    ),
    "3.4 copies once more, where it did already": (
        {
            "bias": """
import copy


class Rewinder:
    def __init__(self, theta):
        self.initial = copy.deepcopy({name: value.clone() for name, value in theta.items()})

    def rewind(self, theta, mask):
        for name, value in theta.items():
            value.data = self.initial[name] * mask[name] if name in mask else self.initial[name]
"""
        },
        {"test-bias"},
    ),
    "3.4 biases set to 0": (
        {
            "bias": """
class Rewinder:
    def __init__(self, theta):
        self.initial = {name: value.detach().clone() for name, value in theta.items()}

    def rewind(self, theta, mask):
        for name, value in theta.items():
            value.data = self.initial[name] * mask[name] if name in mask else torch.zeros_like(value)
"""
        },
        {"test-bias"},
    ),
    "3.4 new tensors in the dict": (
        {
            "bias": """
class Rewinder:
    def __init__(self, theta):
        self.initial = {name: value.detach().clone() for name, value in theta.items()}

    def rewind(self, theta, mask):
        for name in theta:
            theta[name] = (self.initial[name] * mask.get(name, 1)).clone().requires_grad_(theta[name].requires_grad)
"""
        },
        {"test-bias"},
    ),
    "3.5 the ticket's mask, shuffled": (
        {
            "control": """
def reinit(mask, draw, seed):
    g = torch.Generator().manual_seed(seed)
    new = {n: m.flatten()[torch.randperm(m.numel(), generator=g)].view_as(m) for n, m in mask.items()}
    return {n: value * new.get(n, 1) for n, value in draw(seed).items()}, new
"""
        },
        {"test-control"},
    ),
    "3.5 always the same draw": (
        {
            "control": """
def reinit(mask, draw, seed):
    return {n: value * mask.get(n, 1) for n, value in draw(0).items()}, mask
"""
        },
        {"test-control"},
    ),
    "3.6 rows are shuffled": (
        {
            "shuffle": """
def scatter(mask, generator):
    return {name: m[torch.randperm(len(m), generator=generator)] for name, m in mask.items()}
"""
        },
        {"test-shuffle"},
    ),
    "3.6 the ticket's own mask is overwritten": (
        {
            "shuffle": """
def scatter(mask, generator):
    for m in mask.values():
        m.copy_(m.flatten()[torch.randperm(m.numel(), generator=generator)].view(m.shape))
    return mask
"""
        },
        {"test-shuffle"},
    ),
    "3.6 the count over all layers": (
        {
            "shuffle": """
def scatter(mask, generator):
    flat = torch.cat([m.flatten() for m in mask.values()])
    flat = flat[torch.randperm(len(flat), generator=generator)]
    parts = flat.split([m.numel() for m in mask.values()])
    return {name: part.view(m.shape) for (name, m), part in zip(mask.items(), parts, strict=True)}
"""
        },
        {"test-shuffle"},
    ),
    "3.7 the best validation accuracy": (
        {
            "choose": """
def report(curve):
    best = curve["val_acc"].idxmax()
    return {"iteration": int(curve["iteration"][best]), "test_acc": float(curve["test_acc"][best])}
"""
        },
        {"test-choose"},
    ),
    "3.7 the smallest test loss": (
        {
            "choose": """
def report(curve):
    best = curve["test_loss"].idxmin()
    return {"iteration": int(curve["iteration"][best]), "test_acc": float(curve["test_acc"][best])}
"""
        },
        {"test-choose"},
    ),
    "3.8 divided by what was seen": (
        {
            "lastbatch": """
def accuracy(predict, x, y, batch=60):
    right = seen = 0
    for k in range(len(x) // batch):
        part = slice(k * batch, (k + 1) * batch)
        right += int((predict(x[part]) == y[part]).sum())
        seen += len(x[part])
    return 100 * right / seen
"""
        },
        {"test-lastbatch"},
    ),
    "3.8 the mean of the batches": (
        {
            "lastbatch": """
def accuracy(predict, x, y, batch=60):
    parts = zip(x.split(batch), y.split(batch))
    each = [(predict(a) == b).float().mean().item() for a, b in parts]
    return 100 * sum(each) / len(each)
"""
        },
        {"test-lastbatch"},
    ),
    "3.8 all at once": (
        {
            "lastbatch": """
def accuracy(predict, x, y, batch=60):
    return 100 * (predict(x) == y).float().mean().item()
"""
        },
        {"test-lastbatch"},
    ),
    "3.9 the moments are cleared, the count of steps is not": (
        {
            "state": """
def rounds(theta0, masks, loss, steps, lr):
    theta = {name: value.clone().requires_grad_() for name, value in theta0.items()}
    optimiser = torch.optim.Adam(theta.values(), lr=lr)
    trained = []
    for mask in masks:
        with torch.no_grad():
            for name, value in theta.items():
                value.copy_(theta0[name] * mask.get(name, 1))
            for state in optimiser.state.values():
                state["exp_avg"].zero_()
                state["exp_avg_sq"].zero_()
        for _ in range(steps):
            optimiser.zero_grad()
            loss(theta).backward()
            for name, m in mask.items():
                theta[name].grad *= m
            optimiser.step()
        trained.append({name: value.detach().clone() for name, value in theta.items()})
    return trained
"""
        },
        {"test-state"},
    ),
    "3.9 a new optimiser that goes on from where the last one ended": (
        {
            "state": """
def rounds(theta0, masks, loss, steps, lr):
    theta = {name: value.clone().requires_grad_() for name, value in theta0.items()}
    trained = []
    for mask in masks:
        optimiser = torch.optim.Adam(theta.values(), lr=lr)
        with torch.no_grad():
            for name, m in mask.items():
                theta[name] *= m
        for _ in range(steps):
            optimiser.zero_grad()
            loss(theta).backward()
            for name, m in mask.items():
                theta[name].grad *= m
            optimiser.step()
        trained.append({name: value.detach().clone() for name, value in theta.items()})
    return trained
"""
        },
        {"test-state"},
    ),
    "3.10 one step, from rest": (
        {
            "check": """
def leaks(step):
    theta, g = {"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([1.0, 1.0])}
    after, _ = step(theta, g, {"w": torch.zeros(2)}, {"w": torch.tensor([1.0, 0.0])}, 0.1, 0.9, 0.01)
    return bool(after["w"][1] != 0)
"""
        },
        {"test-check-catches", "test-check-spares"},  # it lets even 3.2's pass, and so is no check
    ),
    "3.10 a tolerance": (
        {
            "check": """
def leaks(step):
    mask = {n: torch.eye(4, 3) for n in ("a", "b")}
    theta, v = {n: m.clone() for n, m in mask.items()}, {n: torch.ones(4, 3) for n in mask}
    for _ in range(10):
        theta, v = step(theta, {n: torch.ones(4, 3) for n in theta}, v, mask, 0.1, 0.9, 0.01)
        if any(theta[n][mask[n] == 0].abs().max() > 1e-5 for n in mask):
            return True
    return False
"""
        },
        {"test-check-catches"},
    ),
    "3.10 asks for a momentum of 0 too": (
        {
            "check": """
def leaks(step):
    g = torch.Generator().manual_seed(4)
    theta, v = ({n: torch.randn(4, 3, generator=g) for n in ("a", "b")} for _ in range(2))
    mask = {n: (torch.rand(4, 3, generator=g) < 0.5).float() for n in theta}
    for _ in range(10):
        push = {n: torch.randn(4, 3, generator=g) for n in theta}
        theta, v = step(theta, push, v, mask, 0.1, 0.9, 0.01)
        if any((theta[n][mask[n] == 0] != 0).any() or (v[n][mask[n] == 0] != 0).any() for n in mask):
            return True
    return False
"""
        },
        {"test-check-spares"},
    ),
}

RIGHT = {
    "in place on copies, and loops": {
        "frozen": """
def mask_gradients(theta, gradients, mask):
    result = {}
    for key, value in gradients.items():
        value = value.clone()
        if key in mask:
            value[mask[key] == 0] = 0
        result[key] = value
    return result
""",
        "leak": """
def step(theta, gradients, v, mask, lr=0.1, momentum=0.9, decay=1e-4):
    w = {key: value.clone() for key, value in theta.items()}
    speed = {key: value.clone() for key, value in v.items()}
    for key in w:
        speed[key].mul_(momentum).add_(gradients[key]).add_(w[key], alpha=decay)
        w[key].sub_(lr * speed[key])
        if key in mask:
            w[key][mask[key] == 0] = 0.0  # whatever moved it
    return w, speed
""",
        "toomany": """
def prune_layer(w, m, rate):
    flat, left = w.abs().flatten().tolist(), m.flatten().tolist()
    alive = sorted((size, i) for i, size in enumerate(flat) if left[i] == 1)
    for _, i in alive[: int(rate * len(alive) + 0.5)]:
        left[i] = 0.0
    return torch.tensor(left).view(m.shape)
""",
        "bias": """
class Rewinder:
    def __init__(self, theta):
        self.initial = {name: value.clone() for name, value in theta.items()}

    def rewind(self, theta, mask):
        for name, value in theta.items():
            if name in mask:
                value.data = self.initial[name].data * mask[name]
            else:
                value.data = self.initial[name].data.clone()
""",
        "control": """
def reinit(mask, draw, seed):
    theta = {name: value.clone() for name, value in draw(seed).items()}
    for name, m in mask.items():
        theta[name] *= m
    return theta, {name: m.clone() for name, m in mask.items()}
""",
        "shuffle": """
def scatter(mask, generator):
    new = {}
    for name, m in mask.items():
        new[name] = torch.zeros(m.numel())
        new[name][torch.randperm(m.numel(), generator=generator)[: int(m.sum())]] = 1
        new[name] = new[name].reshape(m.shape)
    return new
""",
        "choose": """
def report(curve):
    losses, best = curve["val_loss"].tolist(), 0
    for k in range(1, len(losses)):
        if losses[k] < losses[best]:
            best = k
    return {"iteration": curve["iteration"].tolist()[best], "test_acc": curve["test_acc"].tolist()[best]}
""",
        "lastbatch": """
def accuracy(predict, x, y, batch=60):
    right, k = 0, 0
    while k < len(x):
        right += (predict(x[k : k + batch]) == y[k : k + batch]).sum().item()
        k += batch
    return right / len(x) * 100
""",
        "state": """
def rounds(theta0, masks, loss, steps, lr):
    theta = {name: value.clone().requires_grad_() for name, value in theta0.items()}
    optimiser = torch.optim.Adam(theta.values(), lr=lr)
    trained = []
    for mask in masks:
        optimiser.state.clear()
        with torch.no_grad():
            for name, value in theta.items():
                value.copy_(theta0[name] * mask.get(name, 1))
        for _ in range(steps):
            optimiser.zero_grad()
            loss(theta).backward()
            for name, m in mask.items():
                theta[name].grad *= m
            optimiser.step()
        trained.append({name: value.detach().clone() for name, value in theta.items()})
    return trained
""",
        "check": """
def leaks(step):
    for seed in range(20):
        g = torch.Generator().manual_seed(seed)
        names = ["one", "two", "three"]
        mask = {n: torch.randint(2, (3, 4), generator=g).float() for n in names}
        theta = {n: torch.randn(3, 4, generator=g) for n in names}
        v = {n: torch.randn(3, 4, generator=g) for n in names}
        for _ in range(4):
            push = {n: torch.randn(3, 4, generator=g) for n in names}
            theta, v = step(theta, push, v, mask, 0.3, 0.9, 0.2)
            for n in names:
                if torch.count_nonzero(theta[n] * (1 - mask[n])):
                    return True
    return False
""",
    },
    "torch's own means": {
        "frozen": """
def mask_gradients(theta, gradients, mask):
    return gradients | {n: gradients[n].masked_fill(m == 0, 0) for n, m in mask.items()}
""",
        "leak": """
def step(theta, gradients, v, mask, lr=0.1, momentum=0.9, decay=1e-4):
    ones = {n: torch.ones_like(w) for n, w in theta.items()} | mask
    w = {n: torch.nn.Parameter(value.clone()) for n, value in theta.items()}
    sgd = torch.optim.SGD(w.values(), lr=lr, momentum=momentum, weight_decay=decay)
    for n, value in w.items():
        value.grad = gradients[n].clone()
        sgd.state[value]["momentum_buffer"] = v[n].clone()
    sgd.step()
    new = {n: value.detach() * ones[n] for n, value in w.items()}
    return new, {n: sgd.state[value]["momentum_buffer"] * ones[n] for n, value in w.items()}
""",
        "toomany": """
def prune_layer(w, m, rate):
    places = m.flatten().nonzero().squeeze(1)
    k = int(rate * len(places) + 0.5)
    go = places[w.flatten()[places].abs().topk(k, largest=False).indices]
    return m.flatten().scatter(0, go, 0.0).view_as(m)
""",
        "lastbatch": """
from torch.utils.data import DataLoader, TensorDataset


def accuracy(predict, x, y, batch=60):
    right = torch.cat([predict(a) == b for a, b in DataLoader(TensorDataset(x, y), batch_size=batch)])
    return 100 * right.double().mean().item()
""",
        "choose": """
def report(curve):
    row = curve.sort_values("val_loss", kind="stable").iloc[0]
    return {"iteration": int(row["iteration"]), "test_acc": row["test_acc"]}
""",
    },
}

"""Submissions to "Find a winning ticket"."""

from submissions import STUB

WRONG = {
    "leaves out 2.2": ({"find": STUB}, {"test-find"}),
    "leaves out 2.3": ({"controls": STUB}, {"test-reinit", "test-scatter"}),
    "leaves out 2.4": ({"experiment": STUB}, {"test-experiment"}),
    "the last of equal minima": (
        {
            "stop": """
def _stop(curve):
    least = np.nanmin(curve["val_loss"])
    return np.flatnonzero(curve["val_loss"] == least)[-1]


def early_stop(curve):
    return int(curve["iteration"].iloc[_stop(curve)])


def accuracy_at_stop(curve):
    return curve["test_acc"].iloc[_stop(curve)]
"""
        },
        {"test-stop"},
    ),
    "not a number taken for a small loss": (
        {
            "stop": """
def early_stop(curve):
    return int(curve["iteration"].iloc[int(np.argmin(curve["val_loss"].to_numpy()))])


def accuracy_at_stop(curve):
    return curve["test_acc"].iloc[int(np.argmin(curve["val_loss"].to_numpy()))]
"""
        },
        {"test-stop"},
    ),
    "the best test accuracy": (
        {
            "stop": """
def early_stop(curve):
    return int(curve["iteration"].iloc[int(np.nanargmin(curve["val_loss"].to_numpy()))])


def accuracy_at_stop(curve):
    return curve["test_acc"].max()
"""
        },
        {"test-stop-accuracy"},
    ),
    "the place in the table, not the iteration": (
        {
            "stop": """
def early_stop(curve):
    return int(np.nanargmin(curve["val_loss"].to_numpy()))


def accuracy_at_stop(curve):
    return curve["test_acc"].iloc[early_stop(curve)]
"""
        },
        {"test-stop"},
    ),
    "goes on training instead of resetting": (
        {
            "find": """
def find_tickets(theta0, rates, rounds, train):
    found, mask, theta = [], ones(theta0), theta0
    for _ in range(rounds + 1):
        theta, curve = train(theta, mask)
        found.append((mask, curve))
        mask = prune(theta, mask, rates)
    return found
"""
        },
        {"test-find"},
    ),
    "prunes before it trains": (
        {
            "find": """
def find_tickets(theta0, rates, rounds, train):
    found, mask = [], ones(theta0)
    for _ in range(rounds + 1):
        theta_j, curve = train(theta0, mask)
        mask = prune(theta_j, mask, rates)
        found.append((mask, curve))
    return found
"""
        },
        {"test-find"},
    ),
    "prunes the dense network ever more, at once": (
        {
            "find": """
def find_tickets(theta0, rates, rounds, train):
    whole = ones(theta0)
    dense, curve = train(theta0, whole)
    found = [(whole, curve)]
    for n in range(1, rounds + 1):
        mask = prune(dense, whole, {k: 1 - (1 - rate) ** n for k, rate in rates.items()})
        found.append((mask, train(theta0, mask)[1]))
    return found
"""
        },
        {"test-find"},
    ),
    "a control with a mask of its own": (
        {
            "controls": """
def reinit(mask, *name):
    theta = draw(*name)
    own = prune(theta, ones(theta), {k: 1 - float(m.mean()) for k, m in mask.items()})
    return {k: value * own.get(k, 1) for k, value in theta.items()}


def scatter(mask, seed):
    g = torch.Generator().manual_seed(seed)
    return {k: m.flatten()[torch.randperm(m.numel(), generator=g)].view_as(m) for k, m in mask.items()}
"""
        },
        {"test-reinit"},
    ),
    "a shuffle that does nothing": (
        {
            "controls": """
def reinit(mask, *name):
    return {k: value * mask.get(k, 1) for k, value in draw(*name).items()}


def scatter(mask, seed):
    torch.manual_seed(seed)
    for m in mask.values():
        m = m.flatten()[torch.randperm(m.numel())].view_as(m)
    return dict(mask)
"""
        },
        {"test-scatter"},
    ),
    "a shuffle of rows": (
        {
            "controls": """
def reinit(mask, *name):
    return {k: value * mask.get(k, 1) for k, value in draw(*name).items()}


def scatter(mask, seed):
    g = torch.Generator().manual_seed(seed)
    return {k: m[torch.randperm(len(m), generator=g)] for k, m in mask.items()}
"""
        },
        {"test-scatter"},
    ),
    "survivors drawn with a chance, not counted": (
        {
            "controls": """
def reinit(mask, *name):
    return {k: value * mask.get(k, 1) for k, value in draw(*name).items()}


def scatter(mask, seed):
    g = torch.Generator().manual_seed(seed)
    return {k: (torch.rand(m.shape, generator=g) < m.mean()).float() for k, m in mask.items()}
"""
        },
        {"test-scatter"},
    ),
    "a control that is the ticket again": (
        {
            "experiment": """
def experiment(trials, rounds, rates, train):
    lines = []
    for t in range(trials):
        for n, (mask, curve) in enumerate(find_tickets(draw(t, "init"), rates, rounds, train)):
            runs = {"ticket": curve} | ({"reinit": train(reinit(mask, t, "init"), mask)[1]} if n else {})
            for arm, c in runs.items():
                lines.append((t, arm, n, remaining(mask), early_stop(c), accuracy_at_stop(c)))
    return pd.DataFrame(lines, columns=["trial", "arm", "round", "remaining", "es", "acc"])
"""
        },
        {"test-experiment"},
    ),
    "one draw for every round": (
        {
            "experiment": """
def experiment(trials, rounds, rates, train):
    lines = []
    for t in range(trials):
        for n, (mask, curve) in enumerate(find_tickets(draw(t, "init"), rates, rounds, train)):
            runs = {"ticket": curve} | ({"reinit": train(reinit(mask, t, "again"), mask)[1]} if n else {})
            for arm, c in runs.items():
                lines.append((t, arm, n, remaining(mask), early_stop(c), accuracy_at_stop(c)))
    return pd.DataFrame(lines, columns=["trial", "arm", "round", "remaining", "es", "acc"])
"""
        },
        {"test-experiment"},
    ),
    "unpaired": (
        {
            "compare": """
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


def compare(table, round, quantity):
    part = table[table["round"] == round]
    a, b = (part.loc[part["arm"] == arm, quantity] for arm in ("reinit", "ticket"))
    n, mean = min(len(a), len(b)), a.mean() - b.mean()
    if n < 2:
        return {"mean": mean, "low": -np.inf, "high": np.inf, "n": n, "verdict": "undecided"}
    half = T95[n] * (a.var() / len(a) + b.var() / len(b)) ** 0.5
    low, high = mean - half, mean + half
    verdict = "reinit is higher" if low > 0 else "reinit is lower" if high < 0 else "undecided"
    return {"mean": mean, "low": low, "high": high, "n": n, "verdict": verdict}
"""
        },
        {"test-compare"},
    ),
    "the spread instead of the standard error": (
        {
            "compare": """
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


def compare(table, round, quantity):
    part = table[table["round"] == round].pivot(index="trial", columns="arm", values=quantity).dropna()
    d = part["reinit"] - part["ticket"]
    n, mean, half = len(d), d.mean(), T95.get(len(d), np.inf) * d.std()
    low, high = mean - half, mean + half
    verdict = "reinit is higher" if low > 0 else "reinit is lower" if high < 0 else "undecided"
    return {"mean": mean, "low": low, "high": high, "n": n, "verdict": verdict}
"""
        },
        {"test-compare"},
    ),
}

RIGHT = {
    "loops and other names": {
        "stop": """
import math


def best_row(curve):
    best = None
    for place in range(len(curve)):
        loss = curve.iloc[place]["val_loss"]
        if math.isnan(loss):
            continue
        if best is None or loss < curve.iloc[best]["val_loss"]:
            best = place
    return curve.iloc[best]


def early_stop(curve):
    return int(best_row(curve)["iteration"])


def accuracy_at_stop(curve):
    return best_row(curve)["test_acc"]
""",
        "find": """
def find_tickets(initial, p, how_many, fit):
    m = ones(initial)
    result = []
    n = 0
    while True:
        start = {}
        for key in initial:
            start[key] = (initial[key] * m[key]) if key in m else initial[key].clone()
        trained, curve = fit(start, m)
        result.append((m, curve))
        if n == how_many:
            return result
        m = prune(trained, m, p)
        n += 1
""",
        "controls": """
def reinit(m, *what):
    fresh = draw(*what)
    for key in m:
        fresh[key] *= m[key]
    return fresh


def scatter(m, seed):
    generator = torch.Generator().manual_seed(seed)
    out = {}
    for key, old in m.items():
        new = torch.zeros(old.numel())
        places = torch.randperm(old.numel(), generator=generator)[: int(old.sum())]
        new[places] = 1
        out[key] = new.reshape(old.shape)
    return out
""",
        "experiment": """
def experiment(trials, rounds, rates, train):
    result = {"trial": [], "arm": [], "round": [], "remaining": [], "es": [], "acc": []}

    def add(*values):
        for column, value in zip(result.values(), values, strict=True):
            column.append(value)

    for t in range(trials):
        tickets = find_tickets(draw(t, "init"), rates, rounds, train)
        for n in range(len(tickets)):
            m, curve = tickets[n]
            add(t, "ticket", n, remaining(m), early_stop(curve), accuracy_at_stop(curve))
    # the controls afterwards, for one trial again, with the tickets' masks
        for n in range(1, rounds + 1):
            m = tickets[n][0]
            end, curve = train(reinit(m, f"new values of {t} at {n}"), m)
            add(t, "reinit", n, remaining(m), early_stop(curve), accuracy_at_stop(curve))
    return pd.DataFrame(result)
""",
        "compare": """
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


def compare(table, level, what):
    differences = []
    for t in sorted(set(table["trial"])):
        here = table[(table["trial"] == t) & (table["round"] == level)]
        a = here[here["arm"] == "reinit"][what].tolist()
        b = here[here["arm"] == "ticket"][what].tolist()
        if a and b:
            differences.append(a[0] - b[0])
    n = len(differences)
    mean = sum(differences) / n
    if n < 2:
        return dict(mean=mean, low=float("-inf"), high=float("inf"), n=n, verdict="undecided")
    s = (sum((d - mean) ** 2 for d in differences) / (n - 1)) ** 0.5
    low, high = mean - T95[n] * s / n**0.5, mean + T95[n] * s / n**0.5
    verdict = "undecided"
    if low > 0:
        verdict = "reinit is higher"
    if high < 0:
        verdict = "reinit is lower"
    return dict(mean=mean, low=low, high=high, n=n, verdict=verdict)
""",
    },
    "pandas and scipy": {
        "stop": """
def early_stop(curve):
    c = curve.reset_index(drop=True)
    return int(c.loc[c["val_loss"].idxmin(), "iteration"])


def accuracy_at_stop(curve):
    return curve.set_index("iteration")["test_acc"][early_stop(curve)]
""",
        "controls": """
def reinit(mask, *name):
    return {n: torch.where(mask[n].bool(), v, 0.0) if n in mask else v for n, v in draw(*name).items()}


def scatter(mask, seed):
    g, new = torch.Generator().manual_seed(seed), {}
    for n, m in mask.items():
        left = torch.rand(m.shape, generator=g).flatten().argsort() < int(m.count_nonzero())
        new[n] = left.reshape(m.shape).to(m.dtype)
    return new
""",
        "compare": """
from scipy import stats

T95 = {n: stats.t.ppf(0.975, n - 1) for n in range(2, 11)}


def compare(table, round, quantity):
    at = table.query("round == @round").set_index(["trial", "arm"])[quantity].unstack()
    d = (at["reinit"] - at["ticket"]).dropna().to_numpy()
    if len(d) < 2:
        return {"mean": d.mean(), "low": -np.inf, "high": np.inf, "n": len(d), "verdict": "undecided"}
    low, high = stats.t.interval(0.95, len(d) - 1, d.mean(), stats.sem(d))
    verdict = "undecided" if low <= 0 <= high else f"reinit is {'higher' if low > 0 else 'lower'}"
    return {"mean": d.mean(), "low": low, "high": high, "n": len(d), "verdict": verdict}
""",
    },
}

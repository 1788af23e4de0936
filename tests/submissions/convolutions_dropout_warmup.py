"""Submissions to "Convolutions, dropout, warmup"."""

SMALLEST = """

def smallest(sizes, rates, rounds):
    left = {name: n for name, n in layerwise(sizes, rates, rounds).items() if rates.get(name)}
    return min(left.items(), key=lambda item: item[1])
"""

WRONG = {
    "fractions of weights": (
        {
            "layerwise": """
def layerwise(sizes, rates, rounds):
    return {name: int(n * (1 - rates.get(name, 0)) ** rounds) for name, n in sizes.items()}
"""
            + SMALLEST
        },
        {"test-layerwise"},
    ),
    "the smallest of layers that are not pruned": (
        {
            "layerwise": """
def layerwise(sizes, rates, rounds):
    left = dict(sizes)
    for _ in range(rounds):
        left = {name: n - int(rates.get(name, 0) * n + 0.5) for name, n in left.items()}
    return left


def smallest(sizes, rates, rounds):
    left = layerwise(sizes, rates, rounds)
    name = min(left, key=left.get)
    return name, left[name]
"""
        },
        {"test-layerwise"},
    ),
    "each layer by itself": (
        {
            "global": """
def prune_global(theta, mask, rate, layers):
    new = dict(mask)
    for name in layers:
        size = theta[name].abs().flatten().masked_fill(mask[name].flatten() == 0, float("inf"))
        flat = mask[name].flatten().clone()
        flat[size.argsort()[: int(rate * int(flat.sum()) + 0.5)]] = 0
        new[name] = flat.view_as(mask[name])
    return new
"""
        },
        {"test-global", "test-global-hard"},
    ),
    "a threshold": (
        {
            "global": """
def prune_global(theta, mask, rate, layers):
    alive = torch.cat([theta[n][mask[n] == 1].abs() for n in layers]).sort().values
    k = int(rate * len(alive) + 0.5)
    if k == 0:
        return dict(mask)
    return {n: torch.where(theta[n].abs() <= alive[k - 1], 0.0, m) if n in layers else m for n, m in mask.items()}
"""
        },
        {"test-global-hard"},
    ),
    "a quantile of all weights, the dead among them": (
        {
            "global": """
def prune_global(theta, mask, rate, layers):
    size = torch.cat([(theta[n] * mask[n]).abs().flatten() for n in layers])
    k = int(rate * len(size) + 0.5)
    flat = torch.cat([mask[n].flatten() for n in layers])
    flat[size.argsort()[:k]] = 0
    parts = flat.split([mask[n].numel() for n in layers])
    return {**mask, **{n: part.view_as(mask[n]) for n, part in zip(layers, parts)}}
"""
        },
        {"test-global", "test-global-hard"},
    ),
    "the output layer ranked too": (
        {
            "global": """
def prune_global(theta, mask, rate, layers):
    layers = list(mask)
    size = torch.cat([theta[n].abs().flatten() for n in layers])
    flat = torch.cat([mask[n].flatten() for n in layers])
    flat[size.masked_fill(flat == 0, float("inf")).argsort()[: int(rate * int(flat.sum()) + 0.5)]] = 0
    parts = flat.split([mask[n].numel() for n in layers])
    return {n: part.view_as(mask[n]) for n, part in zip(layers, parts)}
"""
        },
        {"test-global"},
    ),
    "a drop one iteration late": (
        {
            "warmup": """
def learning_rate(i, lr, warmup=0, drops=()):
    warm = min(1.0, i / warmup) if warmup else 1.0
    return lr * warm * 0.1 ** sum(i > drop for drop in drops)
"""
        },
        {"test-warmup"},
    ),
    "no drop while it is warming up": (
        {
            "warmup": """
def learning_rate(i, lr, warmup=0, drops=()):
    if i < warmup:
        return lr * i / warmup
    return lr * 0.1 ** sum(i >= drop for drop in drops)
"""
        },
        {"test-warmup"},
    ),
    "drops counted from the end of warmup": (
        {
            "warmup": """
def learning_rate(i, lr, warmup=0, drops=()):
    warm = min(1.0, i / warmup) if warmup else 1.0
    return lr * warm * 0.1 ** sum(i >= warmup + drop for drop in drops)
"""
        },
        {"test-warmup"},
    ),
    "dropout that does not scale": (
        {
            "dropout": """
def dropout(h, p, generator=None):
    if generator is None:
        return h * 1
    return h * (torch.rand(h.shape, generator=generator) >= p)
"""
        },
        {"test-dropout"},
    ),
    "one mask for the whole batch": (
        {
            "dropout": """
def dropout(h, p, generator=None):
    if generator is None:
        return h
    return h * (torch.rand(h.shape[1], generator=generator) >= p) / (1 - p)
"""
        },
        {"test-dropout"},
    ),
    "p is the chance to be kept": (
        {
            "dropout": """
def dropout(h, p, generator=None):
    if generator is None:
        return h
    return h * (torch.rand(h.shape, generator=generator) < p) / max(p, 1e-9)
"""
        },
        {"test-dropout"},
    ),
    "torch's own, from the global generator": (
        {
            "dropout": """
def dropout(h, p, generator=None):
    return torch.nn.functional.dropout(h, p, training=generator is not None)
"""
        },
        {"test-dropout"},
    ),
    "all dense networks against the trials that went on": (
        {
            "speedup": """
def speedup(trainings, arm):
    dense = trainings.loc[(trainings["arm"] == "ticket") & (trainings["round"] == 0), "es"].mean()
    by = trainings[(trainings["arm"] == arm) & (trainings["round"] > 0)].groupby("round")
    table = by.agg(remaining=("remaining", "mean"), n=("trial", "nunique"), es=("es", "mean"))
    return table.assign(times=dense / table["es"])
"""
        },
        {"test-speedup"},
    ),
    "the mean of ratios": (
        {
            "speedup": """
def speedup(trainings, arm):
    dense = trainings[(trainings["arm"] == "ticket") & (trainings["round"] == 0)].set_index("trial")["es"]
    part = trainings[(trainings["arm"] == arm) & (trainings["round"] > 0)]
    each = part.groupby(["round", "trial"])[["es", "remaining"]].mean().reset_index()
    each = each[each["trial"].isin(dense.index)]
    each["times"] = each["trial"].map(dense) / each["es"]
    return each.groupby("round").agg(remaining=("remaining", "mean"), n=("trial", "size"), times=("times", "mean"))
"""
        },
        {"test-speedup"},
    ),
    "every draw counts by itself": (
        {
            "speedup": """
def speedup(trainings, arm):
    dense = trainings[(trainings["arm"] == "ticket") & (trainings["round"] == 0)].set_index("trial")["es"]
    part = trainings[(trainings["arm"] == arm) & (trainings["round"] > 0) & trainings["trial"].isin(dense.index)]
    by = part.assign(dense=part["trial"].map(dense)).groupby("round")
    table = by.agg(remaining=("remaining", "mean"), n=("trial", "nunique"), dense=("dense", "mean"), es=("es", "mean"))
    return table.assign(times=table["dense"] / table["es"])
"""
        },
        {"test-speedup"},
    ),
    "line by line, not round by round": (
        {
            "lead": """
def lead(ticket, reinit):
    n = min(len(ticket), len(reinit))
    values = ticket["value"].to_numpy()[:n] - reinit["value"].to_numpy()[:n]
    return pd.Series(values, index=ticket["percent_remaining"].to_numpy()[:n])
"""
        },
        {"test-lead"},
    ),
    "holes filled": (
        {
            "lead": """
def lead(ticket, reinit):
    a, b = (t.set_index("percent_remaining")["value"] for t in (ticket, reinit))
    return (a - b).sort_index(ascending=False).interpolate().fillna(0)
"""
        },
        {"test-lead"},
    ),
}

RIGHT = {
    "loops and other names": {
        "layerwise": """
def layerwise(n, p, rounds):
    result = {}
    for key in n:
        k = n[key]
        for _ in range(rounds):
            if key in p:
                lost = p[key] * k
                k = k - (int(lost) + (1 if lost - int(lost) >= 0.5 else 0))
        result[key] = k
    return result


def smallest(n, p, rounds):
    best = None
    for key, k in layerwise(n, p, rounds).items():
        if key in p and (best is None or k < best[1]):
            best = (key, k)
    return best
""",
        "global": """
def prune_global(weights, masks, p, which):
    alive = []
    for key in which:
        w, m = weights[key].flatten().tolist(), masks[key].flatten().tolist()
        for i in range(len(w)):
            if m[i]:
                alive.append((abs(w[i]), key, i))
    alive.sort()
    new = {key: m.clone() for key, m in masks.items()}
    for _, key, i in alive[: int(p * len(alive) + 0.5)]:
        new[key].view(-1)[i] = 0
    return new
""",
        "warmup": """
def learning_rate(step, base, k=0, drops=()):
    rate = base
    if step < k:
        rate *= step / k
    for drop in drops:
        if step >= drop:
            rate /= 10
    return rate
""",
        "dropout": """
def dropout(h, p, generator=None):
    out = h.clone()
    if generator is not None:
        chance = torch.full(h.shape, 1 - p)
        out = out * torch.bernoulli(chance, generator=generator) / (1 - p)
    return out
""",
        "speedup": """
def speedup(table, arm):
    dense = {}
    for row in table.itertuples():
        if row.arm == "ticket" and row.round == 0:
            dense[row.trial] = row.es
    found = []
    for n in sorted(set(table["round"])):
        here = table[(table["arm"] == arm) & (table["round"] == n)]
        trials = [t for t in sorted(set(here["trial"])) if t in dense]
        if n == 0 or not trials:
            continue
        a = [dense[t] for t in trials]
        b = [here[here["trial"] == t]["es"].mean() for t in trials]
        left = here[here["trial"].isin(trials)]["remaining"].mean()
        found.append({"round": n, "remaining": left, "n": len(trials), "times": sum(a) / sum(b)})
    return pd.DataFrame(found).set_index("round")
""",
        "lead": """
def lead(one, two):
    found = {}
    for _, a in one.sort_values("round").iterrows():
        for _, b in two.iterrows():
            if a["round"] == b["round"]:
                found[a["percent_remaining"]] = a["value"] - b["value"]
    return pd.Series(found)
""",
    },
    "topk and pandas' own joins": {
        "global": """
def prune_global(theta, mask, rate, layers):
    pairs = [(theta[n].reshape(-1), mask[n].reshape(-1)) for n in layers]
    size, flat = (torch.cat(parts) for parts in zip(*pairs))
    alive = flat.nonzero().squeeze(1)
    go = alive[size[alive].abs().topk(int(rate * len(alive) + 0.5), largest=False).indices]
    flat = flat.index_fill(0, go, 0)
    new, begin = dict(mask), 0
    for n in layers:
        new[n] = flat[begin : begin + mask[n].numel()].reshape(mask[n].shape)
        begin += mask[n].numel()
    return new
""",
        "warmup": """
def learning_rate(i, lr, warmup=0, drops=()):
    return lr * np.clip(i / max(warmup, 1e-12), 0, 1) ** bool(warmup) / 10.0 ** np.sum(np.asarray(drops) <= i)
""",
        "speedup": """
def speedup(trainings, arm):
    es = trainings.pivot_table(index="trial", columns=["arm", "round"], values="es", aggfunc="mean")
    left = trainings[trainings["arm"] == arm].groupby("round")["remaining"].mean()
    dense, lines = es["ticket"][0], {}
    for n, stops in es[arm].items():
        both = pd.concat([dense, stops], axis=1).dropna()
        if n > 0 and len(both):
            lines[n] = (left[n], len(both), both.iloc[:, 0].mean() / both.iloc[:, 1].mean())
    return pd.DataFrame.from_dict(lines, orient="index", columns=["remaining", "n", "times"])
""",
        "lead": """
def lead(ticket, reinit):
    index = ["round", "percent_remaining"]
    d = ticket.set_index("round")["value"].sub(reinit.set_index("round")["value"]).dropna().sort_index()
    d.index = d.index.map(ticket.set_index("round")["percent_remaining"])
    return d
""",
    },
}

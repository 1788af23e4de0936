"""Submissions to "A question of your own". They run a study of seconds, unless it is the study that is wrong."""

SMALL = """
few = dict(iterations=20, eval_every=10, width=0.05, train_eval=50, rounds=1, arms=["ticket"])
design = {f"lr {lr}": specs.spec("lenet", "quick", lr=lr, **few) for lr in (1e-3, 1e-2)}
"""
BASE = {"design": SMALL}

WRONG = {
    "one trial": ({"design": SMALL.replace("few = dict(", "few = dict(trials=1, ")}, {"test-design"}),
    "two things changed at once": (
        {"design": SMALL.replace("lr=lr,", "lr=lr, batch=round(6e4 * lr),")},
        {"test-design"},
    ),
    "nothing to compare with": (
        {"design": SMALL + "\ndesign = {'tickets': design['lr 0.001']}\n"},
        {"test-design"},
    ),
    "twice the same": (
        {"design": SMALL + "\ndesign['again'] = design['lr 0.001']\ndel design['lr 0.01']\n"},
        {"test-design"},
    ),
    "reinits without tickets": (
        {"design": SMALL.replace('["ticket"]', '["oneshot", "oneshot_reinit"], oneshot_step=20')},
        {"test-design"},
    ),
    "names instead of experiments": (
        {"design": SMALL + "\nwhole = design\ndesign = {label: 'lenet' for label in design}\n"},
        {"test-design"},  # what cannot be run cannot be drawn
    ),
    "the standard deviation as low and high": (
        {
            "overview": """
def overview(runs, quantity):
    lines = []
    for label, t in runs.items():
        for (arm, n), part in t.groupby(["arm", "round"]):
            m, s = part[quantity].mean(), part[quantity].std(ddof=0)
            left = part["remaining"].mean()
            lines.append(dict(label=label, arm=arm, round=n, remaining=left, mean=m, low=m - s, high=m + s))
            lines[-1]["n"] = len(part)
    return pd.DataFrame(lines)
"""
        },
        {"test-overview"},
    ),
    "trials counted, draws forgotten": (
        {
            "overview": """
def overview(runs, quantity):
    by = pd.concat(runs, names=["label"]).reset_index(level=0).groupby(["label", "arm", "round"])
    table = by[quantity].agg(mean="mean", low="min", high="max")
    return table.assign(n=by["trial"].nunique(), remaining=by["remaining"].mean()).reset_index()
"""
        },
        {"test-overview"},
    ),
    "arms thrown together": (
        {
            "overview": """
def overview(runs, quantity):
    parts = [curves.spread(t.assign(arm="ticket"), quantity).assign(label=label) for label, t in runs.items()]
    return pd.concat(parts, ignore_index=True)
"""
        },
        {"test-overview"},
    ),
    "axes without labels": (
        {
            "figure": """
fig, ax = plt.subplots()
for label, part in overview(runs, "acc_es").groupby("label"):
    ax.plot(part["remaining"], part["mean"], label=label)
ax.legend()
caption = "Test accuracy at the early stop of 3 trials against the weights remaining; lines are means over the trials."
"""
        },
        {"test-figure"},
    ),
    "no legend": (
        {
            "figure": """
fig, ax = plt.subplots()
for label, part in overview(runs, "acc_es").groupby("label"):
    ax.plot(part["remaining"], part["mean"], label=label)
ax.set(xlabel="weights remaining (%)", ylabel="test accuracy (%)")
caption = "Test accuracy at the early stop of 3 trials against the weights remaining; lines are means over the trials."
"""
        },
        {"test-figure"},
    ),
    "a caption that says nothing": (
        {
            "figure": """
fig, ax = plt.subplots()
ax.plot([1, 2], [1, 2])
ax.set(xlabel="weights remaining (%)", ylabel="test accuracy (%)")
caption = "My results."
"""
        },
        {"test-figure"},
    ),
}

RIGHT = {
    "one experiment with a control, and loops": {
        "design": """
design = {}
design["one"] = specs.spec(
    "lenet", "quick", trials=4, rounds=1, iterations=20, width=0.05, train_eval=50, arms=["ticket", "reinit"]
)
""",
        "overview": """
def overview(runs, quantity):
    columns = {c: [] for c in ("label", "arm", "round", "remaining", "mean", "low", "high", "n")}
    for label in runs:
        t = runs[label]
        for arm in t["arm"].unique():
            for n in sorted(t.loc[t["arm"] == arm, "round"].unique()):
                part = t[(t["arm"] == arm) & (t["round"] == n)]
                values = part[quantity].tolist()
                line = [label, arm, n, part["remaining"].mean(), sum(values) / len(values)]
                for c, value in zip(columns, line + [min(values), max(values), len(values)]):
                    columns[c].append(value)
    return pd.DataFrame(columns)
""",
        "figure": """
fig = plt.figure()
where = fig.add_subplot()
t = overview(runs, "es")
for arm in ("ticket", "reinit"):
    part = t[t["arm"] == arm]
    where.fill_between(part["remaining"], part["low"], part["high"], alpha=0.2)
    where.plot(part["remaining"], part["mean"], "o-", label=arm)
where.set_xlabel("weights remaining (%)")
where.set_ylabel("early stop (iterations)")
fig.legend()
caption = (
    "Early stops of tickets and of reinits, of a twentieth of Lenet's units on 5,000 digits, 20 iterations. Lines "
    "are means over 4 trials, shaded is the range."
)
""",
    },
    "two panels": {
        "overview": """
def overview(runs, quantity):
    everything = pd.concat([t.assign(label=label) for label, t in runs.items()])
    by = everything.groupby(["label", "arm", "round"], sort=False)
    named = {"mean": (quantity, "mean"), "low": (quantity, "min"), "high": (quantity, "max"), "n": (quantity, "size")}
    return by.agg(remaining=("remaining", "mean"), **named).reset_index()
""",
        "figure": """
fig, axes = plt.subplots(1, 2, sharex=True)
for ax, (quantity, name) in zip(axes, {"es": "early stop", "acc_es": "test accuracy there (%)"}.items()):
    for label, part in overview(runs, quantity).groupby("label"):
        bars = [part["mean"] - part["low"], part["high"] - part["mean"]]
        ax.errorbar(part["remaining"], part["mean"], bars, label=label)
    ax.set_xlabel("weights remaining (%)")
    ax.set_ylabel(name)
axes[0].legend()
caption = "Two learning rates, 20 iterations on 5,000 digits, n = 3 trials: means; bars from minimum to maximum."
""",
    },
}

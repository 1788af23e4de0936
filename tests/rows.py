"""Makes rows as a run would store them, with the paper's plotted values as their means over trials."""

import json

import numpy as np
import pandas as pd

from lthlib import specs
from lthlib.evidence.paper_curves import paper
from lthlib.specs.columns import COLUMNS

# Layers (or groups of layers pruned at one rate) with their number of weights and the share pruned per round.
LAYERS = {
    "lenet": {"fc1": (235_200, 0.2), "fc2": (30_000, 0.2), "out": (1_000, 0.1)},
    "conv2": {"conv": (38_592, 0.1), "fc": (4_259_840, 0.2), "out": (2_560, 0.1)},
    "conv4": {"conv": (259_776, 0.1), "fc": (2_162_688, 0.2), "out": (2_560, 0.1)},
    "conv6": {"conv": (812_736, 0.15), "fc": (851_968, 0.2), "out": (2_560, 0.1)},
}
# The groups of the deep networks, and what is never pruned.
DEEP = {
    "resnet20": {"conv": (267_696, 0.2), "out": (640, 0.0), "shortcuts": (2_560, 0.0)},
    "vgg19": {"conv": (20_018_880, 0.2), "out": (5_120, 0.0)},
}
LABELS = {
    "mnist": "MNIST, 55,000 / 5,000 / 10,000",
    "mnist5k": "5,000 MNIST digits, 3,500 / 500 / 1,000",
    "cifar10": "CIFAR10, 45,000 / 5,000 / 10,000",
}
# Where each arm's curves are: figure, the paper's name of the arm, the name of each quantity.
LENET = {
    "ticket": [
        ("fig4a", "ticket", {"es": "es", "acc_es": "acc_es", "train_es": "train_es"}),
        ("fig4b", "ticket", {"acc_end": "acc_50k"}),
    ],
    "reinit": [
        ("fig4a", "reinit", {"es": "es", "acc_es": "acc_es", "train_es": "train_es"}),
        ("fig4b", "reinit", {"acc_end": "acc_50k"}),
    ],
    "random": [
        ("fig1", "random", {"es": "es", "acc_es": "acc"}),
        ("fig14", "random_sparsity", {"acc_end": "acc_final"}),
    ],
    "oneshot": [("fig4c", "oneshot_ticket", {"es": "es", "acc_es": "acc_es"})],
    "oneshot_reinit": [("fig4c", "oneshot_reinit", {"es": "es", "acc_es": "acc_es"})],
    "redrawn": [("fig17", "sampled_from_ticket", {"es": "es_test", "acc_es": "acc_es"})],
    "untrained": [("fig18", "prune_at_iter0", {"es": "es_test", "acc_es": "acc_es"})],
    # Of noise there are no early stops: the tickets'.
    **{
        arm: [("fig4a", "ticket", {"es": "es"}), ("fig25", theirs, {"acc_es": "acc_es"})]
        for arm, theirs in zip(specs.NOISE, ("noise0.5", "noise1", "noise2", "noise3"), strict=True)
    },
}
FIG5 = {"es": "es", "acc_es": "acc_es", "train_es": "train_es", "acc_end": "acc_end"}
CONV = {
    "ticket": [("fig5", "ticket", FIG5)],
    "reinit": [("fig5", "reinit", FIG5)],
    "random": [
        ("fig1", "random", {"es": "es", "acc_es": "acc"}),
        ("fig14", "random_sparsity", {"acc_end": "acc_final"}),
    ],
}
ARMS = tuple(LENET)


def survivors(network: str, arm: str, level: int) -> dict[str, int]:
    """Weights left per layer after so many rounds, or, one-shot, after so many steps of 2.5 % (output layer half)."""
    left = {}
    for layer, (size, rate) in {**LAYERS, **DEEP}[network].items():
        if arm.startswith("oneshot"):
            left[layer] = size - int(size * 0.025 * level * (0.5 if layer == "out" else 1) + 0.5)
        else:
            left[layer] = size
            for _ in range(level):
                left[layer] -= int(left[layer] * rate + 0.5)
    return left


def means(network: str, arm: str, setting: str | None = None) -> pd.DataFrame:
    """The paper's plotted means of one arm by round: es, acc_es, train_es, acc_end, train_end; gaps filled."""
    curves = {}
    dropout = {"ticket": [("fig6", "dropout", {"es": "es", "acc_es": "acc_es"})]}
    for figure, name, quantities in (LENET if network == "lenet" else dropout if setting else CONV)[arm]:
        for ours, theirs in quantities.items():
            curves[ours] = paper(figure, network, name, theirs).set_index("round")["value"]
    out = pd.DataFrame(curves).reindex(columns=["es", "acc_es", "train_es", "acc_end"])
    out = out.reindex(range(out.index.min(), 40 if arm.startswith("oneshot") else 31))
    if (network, arm) == ("conv6", "random"):  # Figure 1 pruned Conv-6 at other rates: close to reinit, as elsewhere
        like = means(network, "reinit")
        out["es"], out["acc_es"] = like["es"] + 1, like["acc_es"]
    out["es"] = (out["es"] - 1).ffill()  # the paper counts iterations 1, 101, 201, ...; the rows 0, 100, 200, ...
    out["acc_es"] = out["acc_es"].interpolate(limit_area="inside")
    cut_off = out["acc_es"].isna().cumsum()  # past the plot's edge: 3 points less a round
    out["acc_es"] = (out["acc_es"].ffill() - 3 * cut_off).clip(lower=10)
    if arm.startswith("oneshot"):  # Figure 4c has its own dense runs: keep the distances to those
        for quantity in ("es", "acc_es"):
            dense = [
                paper(f, network, a, quantity)["value"].iloc[0]
                for f, a in (("fig4a", "ticket"), ("fig4c", "oneshot_ticket"))
            ]
            out[quantity] += dense[0] - dense[1]
    out["train_es"] = out["train_es"].fillna((out["acc_es"] + 1.2).clip(upper=99.9))
    out["acc_end"] = out["acc_end"].fillna(out["acc_es"])
    # Accuracy on the train set at the end is in no plot that we hold: all of it until few weights are left.
    late = 0.4 * (out.index - 13) if not arm.startswith("oneshot") else 0.4 * (out.index - 36)
    out["train_end"] = np.maximum(out["train_es"], 100 - np.maximum(late, 0))
    return out


def centred(rng: np.random.Generator, scale: float, n: int) -> np.ndarray:
    """Differences between n trials that leave their mean alone."""
    z = rng.normal(0, scale, n)
    return z - z.mean()


def on_grid(rng: np.random.Generator, mean: float, n: int, last: int, every: int) -> np.ndarray:
    """Early stops of n trials on the grid of evaluations, with this mean to half a grid step over n."""
    steps = np.floor(mean / every + centred(rng, 0.08 * mean / every, n)).astype(int)
    for i in range(abs(missing := round(n * mean / every) - steps.sum())):
        steps[i % n] += np.sign(missing)
    return np.clip(steps * every, 0, last)


def curve(at: np.ndarray, es: int, acc_es: float, acc_end: float, start: float = 10.0) -> np.ndarray:
    """An accuracy in percent that climbs from chance to `acc_es` at the early stop, then drifts to `acc_end`."""
    climb = -np.expm1(-8 * at / max(es, 1)) / -np.expm1(-8)
    drift = np.log1p(np.maximum(at - es, 0)) / np.log1p(max(at[-1] - es, 1))
    return np.clip(start + (acc_es - start) * np.minimum(climb, 1) + (acc_end - acc_es) * drift, 0, 100)


def losses(at: np.ndarray, es: int, lowest: float) -> np.ndarray:
    """A validation loss that falls from chance, bottoms out at the early stop, and rises slowly."""
    x = np.log((at + 100) / (es + 100))
    falling = (np.log(10) - lowest) / max(np.log((es + 100) / 100), 1e-9) ** 2
    return lowest + np.where(at < es, falling, 0.015) * x**2


def make_rows(
    trials: int = 5,
    rounds: int = 28,
    arms: tuple[str, ...] = ("ticket", "reinit"),
    iterations: int = 50_000,
    seed: int = 0,
    key: str | None = "0123456789ab",
    data: str | None = None,
    network: str = "lenet",
    draws: int = 1,
    every: int = 100,
    setting: str | None = None,
    **changes,
) -> pd.DataFrame:
    """Rows of one experiment: `rounds` prunings (one-shot arms: every step of 2.5 %), `draws` per reinit and random.

    The means over trials are the paper's plotted values where the plot holds one; the trials around them are made up.
    With `iterations` below an early stop the loss is still falling at the end, as in a real run cut short. It may be in
    a `setting`, and with `changes` to its recipe, which leave its curves as they are. A `key` of None is the true one.
    """
    rng = np.random.default_rng(seed)
    data = data or ("mnist" if network == "lenet" else "cifar10")
    at = np.arange(0, iterations + 1, every)
    dense_weights = sum(size for size, _ in LAYERS[network].values())
    spec = specs.spec(network, setting=setting, data=data, iterations=iterations, **changes)
    key = key or specs.key(spec)
    constant = {
        "spec": specs.as_json(spec),
        "data": data,
        "data_label": LABELS[data],
        "data_source": "made up",
        "data_sha256": "0" * 64,
        "device": "a CPU",
        "versions": json.dumps({"torch": "2.15", "lthlib": "0.1"}),
        "commit": "0" * 7,
        "finished": "2026-01-01T00:00:00+00:00",
    }
    parts = []
    for arm in arms:
        levels = means(network, arm, setting)
        last = 39 if arm.startswith("oneshot") else rounds
        for level in range(0 if arm == "ticket" else 1, last + 1):
            mean, left = levels.loc[level], survivors(network, arm, level)
            for draw in range(draws if arm in ("reinit", "random", "oneshot_reinit") else 1):
                stops = on_grid(rng, mean["es"], trials, iterations, every)
                shift, shift_end, shift_train = (centred(rng, s, trials) for s in (0.06, 0.05, 0.02))
                for trial in range(trials):
                    es = int(stops[trial])
                    test = curve(at, es, mean["acc_es"] + shift[trial], mean["acc_end"] + shift_end[trial])
                    loss = losses(at, es, 0.02 + 0.03 * (100 - mean["acc_es"]))
                    part = {
                        "key": key,
                        "network": network,
                        "arm": arm,
                        "trial": trial,
                        "round": level,
                        "draw": draw,
                        "iteration": at,
                        "val_loss": loss,
                        "val_acc": np.maximum(test - 0.1, 0),
                        "test_loss": 1.05 * loss,
                        "test_acc": test,
                        "train_loss": 0.9 * np.minimum.accumulate(loss) * np.exp(-at / 40_000),
                        "train_acc": curve(at, es, mean["train_es"] + shift_train[trial], mean["train_end"]),
                        "remaining": 100 * sum(left.values()) / dense_weights,
                        "weights": sum(left.values()),
                        "survivors": json.dumps(left),
                        "seconds": 0.0015 * iterations,
                        "results_version": 1,
                    }
                    parts.append(pd.DataFrame(part))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.assign(**{name: pd.Categorical([value] * len(rows)) for name, value in constant.items()})
    return rows[COLUMNS]


DEEP_CURVES = {  # figure, and what its quantities and its variants are called
    "resnet20": ("fig8", ("acc_10k", "acc_20k", "acc_30k"), ("lr0.1", "lr0.01", "lr0.03_warmup20k")),
    "vgg19": ("fig7", ("acc_30k", "acc_60k", "acc_112k"), ("lr0.1", "lr0.01", "lr0.1_warmup10k")),
}


def make_deep(network: str, setting: str, trials: int = 2, arms=("ticket", "reinit"), shift=0.0, **changes):
    """Rows of a deep network in one of its settings: at the three points in training the paper's plotted accuracy, plus
    `shift`; the validation set has the same. Where the plot has no value, half a point less than the round before."""
    figure, quantities, variants = DEEP_CURVES[network]
    variant = dict(zip(("lr0.1", "lr0.01", "warmup"), variants, strict=True))[setting]
    spec = specs.spec(network, "paper", setting, changes, trials=trials)
    at = np.array([0, *specs.POINTS[network]])
    template = make_rows(trials=1, rounds=0, arms=("ticket",), iterations=100).head(len(at)).reindex(range(len(at)))
    parts = []
    for arm in arms:
        curves = [paper(figure, network, arm, q, variant).set_index("round")["value"] for q in quantities]
        first, last = (0 if arm == "ticket" else 1), max(int(c.index.max()) for c in curves)
        for n in range(first, last + 1):
            left = survivors(network, "ticket", n)
            known = [c.reindex(range(first, last + 1)) for c in curves]
            values = [c.ffill()[n] - 0.5 * c.isna().cumsum()[n] + shift for c in known]
            for trial in range(trials):
                accuracy = np.array([10.0, *values]) + 0.1 * (trial - (trials - 1) / 2)
                part = {
                    **{"key": specs.key(spec), "network": network, "arm": arm, "trial": trial, "round": n, "draw": 0},
                    **{"iteration": at, "test_acc": accuracy, "val_acc": accuracy, "train_acc": accuracy},
                    **{
                        "val_loss": [2.3, 1.0, 0.9, 0.8],
                        "test_loss": 1.0,
                        "train_loss": 1.0,
                        "spec": specs.as_json(spec),
                    },
                    **{"data": spec.data, "data_label": LABELS[spec.data], "results_version": 1, "seconds": 1.0},
                    "weights": sum(left.values()),
                    "remaining": 100 * sum(left.values()) / sum(survivors(network, "ticket", 0).values()),
                    "survivors": json.dumps(left),
                }
                parts.append(template.assign(**part))
    rows = pd.concat(parts, ignore_index=True)
    filled = ["data_source", "data_sha256", "device", "versions", "commit", "finished"]
    return rows.assign(**{name: template[name].dropna().iloc[0] for name in filled})[COLUMNS]

"""The paper's own curves, read from its vector figures, by the names that we give to arms and settings."""

from functools import cache
from pathlib import Path

import pandas as pd

from lthlib.specs import NOISE, Spec

# What a figure's table calls an arm, where that is not our name for it.
THEIRS = {
    "fig4c": {"oneshot": "oneshot_ticket"},
    "fig5": {"plain": "ticket"},
    "fig6": {"ticket": "dropout"},
    "fig10": {"ticket": "resetting"},
    "fig14": {"random": "random_sparsity"},
    "fig17": {"redrawn": "sampled_from_ticket"},
    "fig18": {"untrained": "prune_at_iter0"},
    "fig25": dict(zip(NOISE, ("noise0.5", "noise1", "noise2", "noise3"), strict=True)),
}
# The learning rate that the paper warms up to, and what its table calls that.
WARM = {"resnet20": (0.03, "lr0.03_warmup20k"), "vgg19": (0.1, "lr0.1_warmup10k")}


@cache
def _table() -> pd.DataFrame:
    return pd.read_csv(Path(__file__).with_name("paper_curves.csv"), keep_default_na=True)


def paper(figure: str, network: str, arm: str, quantity: str, variant: str | None = None) -> pd.DataFrame:
    """One curve of the paper by the names of its table: columns `round`, `percent_remaining`, `value`.

    Points that the paper's axes cut off are absent. Empty when the paper has no such curve.

    >>> paper("fig4a", "lenet", "ticket", "es").head(1)
       round  percent_remaining   value
    0      0              100.0  4401.0
    """
    t = _table()
    chosen = (t["figure"] == figure) & (t["network"] == network) & (t["arm"] == arm) & (t["quantity"] == quantity)
    chosen &= t["variant"].isna() if variant is None else t["variant"] == variant
    return t.loc[chosen, ["round", "percent_remaining", "value"]].dropna(subset="value").reset_index(drop=True)


def beside(network: str, arm: str, figure: str, quantity: str, variant: str | None = None) -> pd.DataFrame:
    """The curve that belongs beside an arm of ours, in the columns of ours (`curves.spread`): means without a range."""
    name = THEIRS.get(figure, {}).get(arm, arm)
    curve = paper(figure, network, name, quantity, variant).rename(columns={"percent_remaining": "remaining"})
    return curve.assign(mean=curve["value"], low=curve["value"], high=curve["value"])


def variant(spec: Spec) -> str:
    """Under which name the table has the curves of a deep network at this learning rate; "none" if it has not."""
    rate, warm = WARM[spec.network]
    if spec.scope != "global":
        return "none"
    if spec.warmup:
        return warm if spec.lr == rate else "none"
    return f"lr{spec.lr:g}"

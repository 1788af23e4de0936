"""What recorded curves say: each training's early stop, and the spread over trials."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lthlib.specs.columns import EVALUATION, TRAINING

ENDS = {"acc_end": "test_acc", "valacc_end": "val_acc", "train_end": "train_acc"}


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per training from one line per evaluation.

    Early stopping is decided afterwards, on the recorded curve (paper, Section 2 and Figure 3): `es` is the iteration
    of the smallest validation loss, the first one on a tie; `acc_es`, `valacc_es`, `train_es` are the test, validation
    and train accuracies in percent at that iteration, `acc_end`, `valacc_end` and `train_end` those at the last one,
    `iterations`. Elsewhere the test set and the training sample need not have been evaluated, and rows hold nothing.
    A validation loss that is not a number never is the smallest. `gap_es` and `gap_end` are the points by which train
    accuracy is above test accuracy there. A table without rows gives one without lines, in the same columns:

        trainings = summarise(store.published().rows())
        trainings.groupby(["network", "arm"])["acc_es"].max()
    """
    if rows.empty:
        measured = ["es", "acc_es", "valacc_es", "train_es", *ENDS, "gap_es", "gap_end", "iterations"]
        return pd.DataFrame(
            {c: pd.Series(dtype=float) for c in [*rows.columns.difference(EVALUATION, sort=False), *measured]}
        )
    rows = rows.sort_values([*TRAINING, "iteration"], kind="stable", ignore_index=True)
    training = rows.groupby(TRAINING, sort=False, observed=True)
    loss = rows["val_loss"].where(np.isfinite(rows["val_loss"]), np.inf)
    stop = rows.loc[loss.groupby(training.ngroup()).idxmin().sort_index()]
    end = training.tail(1)
    columns = {"iteration": "es", "test_acc": "acc_es", "val_acc": "valacc_es", "train_acc": "train_es"}
    losses = [c for c in rows.columns if c.endswith("_loss")]
    summary = stop.drop(columns=losses).rename(columns=columns).reset_index(drop=True)
    for name, column in ENDS.items():
        summary[name] = end[column].to_numpy()
    summary["gap_es"] = summary["train_es"] - summary["acc_es"]
    summary["gap_end"] = summary["train_end"] - summary["acc_end"]
    summary["iterations"] = end["iteration"].to_numpy()
    return summary


def beside(trainings: pd.DataFrame, anatomy: pd.DataFrame) -> pd.DataFrame:
    """Lines of `summarise` with what is inside their tickets: a column for each measure of each layer, `positive_fc1`,
    which is empty where there are no weights to be looked into."""
    measured = anatomy[anatomy["x"].isna()]
    names = measured["quantity"] + "_" + measured["layer"].str.removesuffix(".weight")
    wide = measured.assign(name=names).pivot_table(index=TRAINING, columns="name", values="value")
    return trainings.join(wide, on=TRAINING) if len(trainings) and len(wide) else trainings


def dense(trainings: pd.DataFrame) -> pd.DataFrame:
    """Those of the unpruned network: it is round 0 of every arm, and stored as a ticket."""
    return trainings[(trainings["arm"] == "ticket") & (trainings["round"] == 0)]


def extent(trainings: pd.DataFrame) -> tuple[int, int]:
    """How many rounds the tickets of an experiment have come, and how many of its trials have come that far."""
    tickets = trainings[trainings["arm"] == "ticket"]
    if tickets.empty:
        return 0, 0
    deepest = int(tickets["round"].max())
    return deepest, tickets.loc[tickets["round"] == deepest, "trial"].nunique()


def reached(rows: pd.DataFrame, part: float) -> pd.DataFrame:
    """Each training's line, as `summarise` gives it, with `acc_at`, the test accuracy in percent after this part of its
    iterations, and `at`, the evaluation of the test set that is nearest to it."""
    trainings = summarise(rows).set_index(TRAINING)
    left = (rows["iteration"] - part * rows.groupby(TRAINING, observed=True)["iteration"].transform("max")).abs()
    left = left[rows["test_acc"].notna()]
    nearest = rows.loc[left.groupby([rows[c] for c in TRAINING], observed=True).idxmin()].set_index(TRAINING)
    return trainings.assign(acc_at=nearest["test_acc"], at=nearest["iteration"]).reset_index()


def spread(trainings: pd.DataFrame, quantity: str, by: Sequence[str] = ("arm", "round")) -> pd.DataFrame:
    """Mean, smallest and largest (`mean`, `low`, `high`) of a quantity over trials and draws, and their number `n`.

    The paper's lines are means, its error bars the minimum and the maximum over trials. `remaining` is P_m in percent.
    KeyError for a quantity that is no column of `summarise`.

    >>> list(spread(summarise(store.published().rows()), "acc_es").columns)
    ['arm', 'round', 'mean', 'low', 'high', 'n', 'remaining']
    """
    groups = trainings.groupby(list(by), observed=True)
    over = {"mean": "mean", "low": "min", "high": "max", "n": "count"}
    out = groups.agg(**{name: (quantity, how) for name, how in over.items()}, remaining=("remaining", "mean"))
    return out.reset_index()

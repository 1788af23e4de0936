"""Which tickets win, by the book's definition: as accurate as the dense network of their trial or more, stopping
early no later."""

import pandas as pd

from lthlib.evidence import curves


def wins(trainings: pd.DataFrame) -> pd.DataFrame:
    """How often each arm wins: a line per arm and round, with `remaining`, `won` and `trials`.

    trainings  lines of `curves.summarise` of one experiment; draws of an arm count each

    >>> wins(trainings).query("arm == 'ticket' and won == trials")["remaining"].min()  # the smallest sure winner
    """
    dense = curves.dense(trainings).set_index("trial")[["es", "acc_es"]].add_suffix("_dense")
    pruned = trainings[(trainings["round"] > 0) & trainings["trial"].isin(dense.index)]
    beside = pruned.join(dense, on="trial")
    won = (beside["acc_es"] >= beside["acc_es_dense"]) & (beside["es"] <= beside["es_dense"])
    groups = beside.assign(won=won.astype(int)).groupby(["arm", "round"], observed=True, as_index=False)
    return groups.agg(remaining=("remaining", "mean"), won=("won", "sum"), trials=("won", "count"))


def smallest(trainings: pd.DataFrame) -> int | None:
    """The round of the smallest ticket that wins in more than half of the trials; None if none does."""
    tickets = wins(trainings).query("arm == 'ticket' and won * 2 > trials")
    return int(tickets["round"].max()) if len(tickets) else None

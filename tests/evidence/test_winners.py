"""Winners, by the definition, against a loop over trials."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from lthlib.evidence import winners

values = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=12, max_size=12)


def trainings(values):
    lines = [
        {"arm": arm, "trial": trial, "round": n, "draw": 0, "remaining": 100 * 0.8**n, "es": es, "acc_es": acc}
        for (trial, n, arm), (es, acc) in zip(
            [(t, n, a) for t in range(3) for n, a in ((0, "ticket"), (1, "ticket"), (2, "ticket"), (2, "reinit"))],
            values,
            strict=True,
        )
    ]
    return pd.DataFrame(lines)


@given(values)
def test_a_winner_is_as_accurate_and_no_later_than_its_own_dense_network(values):
    table = trainings(values)
    found = winners.wins(table).set_index(["arm", "round"])
    for (arm, n), line in found.iterrows():
        won = 0
        for trial in range(3):
            of = table[table["trial"] == trial]
            dense = of[(of["arm"] == "ticket") & (of["round"] == 0)].iloc[0]
            one = of[(of["arm"] == arm) & (of["round"] == n)].iloc[0]
            won += one["acc_es"] >= dense["acc_es"] and one["es"] <= dense["es"]
        assert (line["won"], line["trials"]) == (won, 3)
        assert np.isclose(line["remaining"], 100 * 0.8**n)
    most = [n for n in (1, 2) if found.loc[("ticket", n), "won"] >= 2]
    assert winners.smallest(table) == (max(most) if most else None)


def test_without_a_dense_network_nobody_wins():
    assert winners.wins(trainings([(1, 1)] * 12).query("round > 0")).empty

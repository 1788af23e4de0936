"""Early stops and spreads."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lthlib.evidence.curves import spread, summarise
from lthlib.specs.columns import TRAINING

LOSS = st.one_of(st.sampled_from([0.0, 0.1, 0.2, np.nan, np.inf]), st.floats(0, 3))


def rows_of(losses_by_training):
    """Rows of one evaluation every 100 iterations, with accuracies that tell which evaluation they come from."""
    lines = []
    for i, losses in enumerate(losses_by_training):
        for j, loss in enumerate(losses):
            identity = ("k", "lenet", "ticket", i, 0, 0)
            accuracies = {
                f"{name}_acc": base + i + j / 100 for base, name in ((50, "val"), (60, "test"), (70, "train"))
            }
            lines.append(
                {**dict(zip(TRAINING, identity, strict=True)), "iteration": 100 * j, "val_loss": loss, **accuracies}
            )
    return pd.DataFrame(lines).assign(test_loss=9.0, train_loss=9.0, remaining=100.0)


def first_smallest(losses):
    best = 0
    for j, loss in enumerate(losses):
        if np.isfinite(loss) and not (np.isfinite(losses[best]) and losses[best] <= loss):
            best = j
    return best


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(LOSS, min_size=1, max_size=8), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_early_stop_is_the_first_smallest_validation_loss(curves, random):
    rows = rows_of(curves)
    order = list(range(len(rows)))
    random.shuffle(order)  # the order in which rows are stored means nothing
    found = summarise(rows.iloc[order]).set_index("trial").sort_index()
    for trial, losses in enumerate(curves):
        stop, end = first_smallest(losses), len(losses) - 1
        line = found.loc[trial]
        assert line["es"] == 100 * stop
        assert line["valacc_es"] == 50 + trial + stop / 100
        assert line["acc_es"] == 60 + trial + stop / 100
        assert line["train_es"] == 70 + trial + stop / 100
        assert line["acc_end"] == 60 + trial + end / 100
        assert line["train_end"] == 70 + trial + end / 100
        assert line["iterations"] == 100 * end


def test_a_loss_that_is_not_a_number_never_stops_a_training():
    assert summarise(rows_of([[2.0, np.nan, 0.5, np.nan]]))["es"].tolist() == [200]
    assert summarise(rows_of([[np.nan, 0.5, 0.5]]))["es"].tolist() == [100]


def test_no_rows_are_no_trainings():
    empty = summarise(rows_of([[1.0]]).head(0))
    assert empty.empty
    assert {*TRAINING, "remaining", "es", "acc_es", "train_es", "acc_end", "iterations"} <= set(empty.columns)
    assert "val_loss" not in empty


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["ticket", "reinit"]), st.integers(0, 2), st.floats(0, 100)), min_size=1, max_size=30
    )
)
def test_spread_is_mean_smallest_largest_and_count_over_trials_and_draws(measured):
    trainings = pd.DataFrame(measured, columns=["arm", "round", "acc_es"]).assign(remaining=lambda t: 0.8 ** t["round"])
    found = spread(trainings, "acc_es").set_index(["arm", "round"])
    assert set(found.index) == {(arm, level) for arm, level, _ in measured}
    for (arm, level), line in found.iterrows():
        values = [v for a, k, v in measured if (a, k) == (arm, level)]
        assert line["mean"] == pytest.approx(sum(values) / len(values))
        assert (line["low"], line["high"], line["n"]) == (min(values), max(values), len(values))
        assert line["remaining"] == pytest.approx(0.8**level)

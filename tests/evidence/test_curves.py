"""Early stops, spreads and the paper's own curves."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import ARMS, LAYERS, make_rows, survivors

from lthlib.evidence.curves import paper, spread, summarise
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


def test_the_papers_dense_and_pruned_lenet():
    stops = paper("fig4a", "lenet", "ticket", "es").set_index("round")["value"]
    assert (stops[0], stops[7]) == (4401, 3541)
    accuracy = paper("fig4a", "lenet", "ticket", "acc_es").set_index("round")["value"]
    assert (accuracy[0], accuracy[8]) == (97.93, 98.41)


def test_points_that_the_paper_cuts_off_are_absent():
    stops = paper("fig4a", "lenet", "reinit", "es")
    assert stops["value"].notna().all()
    assert stops["round"].max() < paper("fig4a", "lenet", "reinit", "acc_es")["round"].max()


def test_a_curve_that_the_paper_has_not_is_empty():
    assert paper("fig3", "lenet", "ticket", "acc").empty
    assert paper("fig8", "resnet20", "ticket", "acc_30k").empty  # there are three of them, told apart by `variant`
    assert len(paper("fig8", "resnet20", "ticket", "acc_30k", variant="lr0.1")) == 16


@pytest.mark.parametrize("network", LAYERS)
def test_made_up_rows_have_the_papers_sizes(network):
    dense = sum(size for size, _ in LAYERS[network].values())
    for point in paper("fig4a" if network == "lenet" else "fig5", network, "ticket", "acc_es").itertuples():
        left = sum(survivors(network, "ticket", point.round).values())
        assert 100 * left / dense == pytest.approx(point.percent_remaining, abs=0.006)


def test_made_up_rows_have_the_papers_means():
    trainings = summarise(make_rows(rounds=20, arms=ARMS, draws=2, seed=3))
    for arm, figure, name in (
        ("ticket", "fig4a", "ticket"),
        ("reinit", "fig4a", "reinit"),
        ("random", "fig1", "random"),
    ):
        for quantity, theirs in (("es", "es"), ("acc_es", "acc" if arm == "random" else "acc_es")):
            ours = spread(trainings[trainings["arm"] == arm], quantity).set_index("round")["mean"]
            curve = paper(figure, "lenet", name, theirs).set_index("round")["value"]
            both = ours.index.intersection(curve.index[curve < 40_000])
            assert len(both) > 15
            assert ours[both].to_numpy() == pytest.approx(
                curve[both].to_numpy(), rel=0.01 if quantity == "es" else 1e-6
            )

"""What is inside tickets: each number against one counted naively, weight by weight, from the same store."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lthlib import specs
from lthlib.engine import arms
from lthlib.errors import StoreError
from lthlib.evidence import curves
from lthlib.lab import anatomy, task
from lthlib.lab.run import run
from lthlib.lab.store import Store
from lthlib.specs import Rep
from lthlib.specs.columns import TRAINING

LAYERS = ("fc1.weight", "fc2.weight", "out.weight")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A store with two trials of four rounds, its Spec and its anatomy."""
    small = {"trials": 2, "rounds": 4, "iterations": 60, "eval_every": 20}
    spec = specs.spec("lenet", "quick", arms=["ticket", "continued"], variation={"width": 0.1}, **small)
    store = Store(tmp_path_factory.mktemp("store"))
    run(spec, store.path, workers=1)
    return spec, store, anatomy.of(spec, store)


def number(table, quantity, n, layer, trial=0):
    """The one value of a measure."""
    table = table[table["x"].isna() & (table["quantity"] == quantity) & (table["round"] == n)]
    [value] = table.loc[(table["layer"] == layer) & (table["trial"] == trial), "value"]
    return value


def weights(spec, store, n, layer, trial=0):
    """Initial values, those after the dense network's training, those after this round's, and whether they are left:
    lists of units, each a list of its incoming weights."""
    theta0 = arms.initial(spec, [trial])[layer][0].tolist()
    dense = task.recall(store, spec, [Rep("ticket", trial)])[1][layer][0].tolist()
    mask, theta_j = (kept[layer][0].tolist() for kept in task.recall(store, spec, [Rep("ticket", trial, n)]))
    return theta0, dense, theta_j, mask


def each(*lists):
    """Numbers of the same place in several lists of lists."""
    return [values for rows in zip(*lists, strict=True) for values in zip(*rows, strict=True)]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("n", [1, 4])
def test_every_measure_is_what_one_counts_by_hand(finished, n, layer):
    spec, store, table = finished
    theta0, dense, theta_j, mask = weights(spec, store, n, layer)
    inside = [(a, b, c) for a, b, c, m in each(theta0, dense, theta_j, mask) if m]
    outside = [(a, b, c) for a, b, c, m in each(theta0, dense, theta_j, mask) if not m]
    assert number(table, "left", n, layer) == len(inside)
    assert number(table, "positive", n, layer) == pytest.approx(100 * sum(a > 0 for a, *_ in inside) / len(inside))
    far = [sum(abs(b - a) for a, b, _ in part) / len(part) for part in (inside, outside)]
    assert number(table, "moved", n, layer) == pytest.approx(far[0] / far[1], rel=1e-5)
    grown = [100 * sum(abs(b) > abs(a) for a, b, _ in part) / len(part) for part in (inside, outside)]
    assert number(table, "away", n, layer) == pytest.approx(grown[0] - grown[1], abs=1e-6)
    for side, units in (("in", mask), ("out", [list(unit) for unit in zip(*mask, strict=True)])):
        shares = [sum(unit) / len(unit) for unit in units]
        density, places, own = len(inside) / len(each(mask)), len(each(mask)), len(units[0])
        chance = np.sqrt(density * (1 - density) / own * (places - own) / (places - 1))
        assert number(table, f"uneven_{side}", n, layer) == pytest.approx(np.std(shares) / chance)
    ranks = pd.DataFrame([(abs(a), abs(c)) for a, _, c in inside]).rank()
    assert number(table, "rank", n, layer) == pytest.approx(ranks.corr().iloc[0, 1])
    assert number(table, "shared_chance", n, layer) == pytest.approx(100 * len(inside) / len(each(mask)))


@pytest.mark.parametrize("layer", LAYERS)
def test_overlaps_are_counted_weight_by_weight(finished, layer):
    spec, store, table = finished
    n = 3
    theta0, dense, _, mask = weights(spec, store, n, layer)
    left = sum(m for (m,) in each(mask))

    def largest(theta):
        size = sorted((abs(w) for (w,) in each(theta)), reverse=True)
        return [[abs(w) >= size[int(left) - 1] for w in unit] for unit in theta]

    def overlap(other):
        return 100 * sum(1 for a, b in each(mask, other) if a and b) / left

    assert number(table, "shared_oneshot", n, layer) == pytest.approx(overlap(largest(dense)))
    assert number(table, "shared_untrained", n, layer) == pytest.approx(overlap(largest(theta0)))
    assert number(table, "shared_trials", n, layer) == pytest.approx(overlap(weights(spec, store, n, layer, 1)[3]))
    trained_on = task.recall(store, spec, [Rep(specs.CONTINUING, 0, n)])[0][layer][0].tolist()
    assert number(table, "shared_continued", n, layer) == pytest.approx(overlap(trained_on))


def test_the_first_pruning_is_the_same_at_once_or_round_by_round_with_reset_or_without(finished):
    _, _, table = finished
    first = table[(table["round"] == 1) & table["quantity"].isin(["shared_oneshot", "shared_continued"])]
    assert len(first) == 2 * 2 * 3
    assert (first["value"] == 100).all()


def test_the_sizes_are_those_of_the_rows(finished):
    spec, store, table = finished
    rows = store.rows(spec)
    rows = rows[rows["arm"] == "ticket"].drop_duplicates(TRAINING)
    left = table[table["quantity"] == "left"].pivot(index=["trial", "round"], columns="layer", values="value")
    for row in rows.itertuples():
        assert left.loc[(row.trial, row.round)].to_dict() == json.loads(row.survivors)
        assert table.loc[table["round"] == row.round, "remaining"].iloc[0] == pytest.approx(row.remaining)


def test_histograms_hold_all_their_values_but_those_beyond_the_last_edge(finished):
    spec, store, table = finished
    drawn = table[table["x"].notna()]
    assert set(drawn["round"]) == {0, 4}
    assert set(drawn["quantity"]) == set(anatomy.HISTOGRAMS)
    for (quantity, layer, *_), one in drawn.groupby(["quantity", "layer", "trial", "round"]):
        width = np.diff(one["x"]).mean()
        whole = (one["value"] * width).sum()
        assert (
            whole == pytest.approx(1)
            if quantity not in ("moved_in", "moved_rest", "grown_in", "grown_rest")
            else (0.9 < whole <= 1 + 1e-9)
        ), (quantity, layer)
    theta0, *_, mask = weights(spec, store, 4, "fc2.weight")
    sigma = np.sqrt(2 / (len(mask) + len(mask[0])))
    one = drawn[(drawn["quantity"] == "initial") & (drawn["layer"] == "fc2.weight") & (drawn["round"] == 4)]
    lowest = one[one["trial"] == 0].sort_values("x").iloc[0]
    inside = [w / sigma for w, m in each(theta0, mask) if m]
    assert lowest["value"] * 0.125 == pytest.approx(sum(w < -1.875 for w in inside) / len(inside))


def test_measures_are_those_that_are_described(finished):
    *_, table = finished
    assert set(table.loc[table["x"].isna(), "quantity"]) == set(anatomy.MEASURES)


EIGHT = np.linspace(-2, 2, 9)


@given(st.integers(0, 2**32 - 1))
def test_a_gaussian_has_no_valley_two_peaks_have_one_and_even_values_are_at_the_border(seed):
    draw = np.random.default_rng(seed)
    values = draw.normal(0, 1, 20_000)
    assert anatomy.valley(values, EIGHT) > 1
    assert anatomy.valley(np.concatenate([values - 2, values[:10_000] + 2]) / 2, EIGHT) < 0.8
    few = [anatomy.valley(draw.uniform(-2, 2, 400), EIGHT) for _ in range(100)]
    assert np.mean(few) == pytest.approx(1, abs=0.08), "however few they are"


@given(arrays(float, st.integers(0, 50), elements=st.floats(-2, 2)))
def test_a_valley_of_few_values_is_a_number_or_none(values):
    found = anatomy.valley(values, EIGHT)
    assert np.isnan(found) or found >= 0


@given(st.integers(0, 300))
def test_bins_of_whole_numbers_hold_equally_many(most):
    edges = anatomy.whole_numbers(most)
    counts = np.histogram(np.arange(most + 1), edges)[0]
    assert counts.sum() == most + 1
    assert len(set(counts[:-1].tolist())) <= 1


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_units_of_a_random_mask_are_as_uneven_as_chance(seed, left):
    draw = np.random.default_rng(seed)
    mask = draw.permutation(np.arange(200 * 60) < left * 200 * 60).reshape(200, 60)
    assert anatomy.unevenness(mask) == pytest.approx(1, abs=0.25)
    assert anatomy.unevenness(np.sort(mask.ravel()).reshape(200, 60)) > 3


def test_a_ticket_that_is_not_there_yet_is_left_out_and_one_trial_has_no_others(finished, tmp_path):
    spec, store, table = finished
    deeper = anatomy.of(replace(spec, rounds=9, trials=3), store)
    pd.testing.assert_frame_equal(deeper, table)
    alone = anatomy.of(replace(spec, trials=1), store)
    assert "shared_trials" not in set(alone["quantity"])
    assert anatomy.of(spec, Store(tmp_path)).empty
    assert anatomy.of(specs.spec("conv2", "quick"), store).empty


def test_packed_it_is_the_same_whatever_was_asked_for_last_and_other_tickets_stay(finished, tmp_path):
    spec, store, table = finished
    file = anatomy.pack(replace(spec, trials=1, rounds=1), store, tmp_path)
    packed = Store(tmp_path, strict=True).anatomy()
    pd.testing.assert_frame_equal(
        packed, table.sort_values([*TRAINING, "layer", "quantity", "x"], ignore_index=True), rtol=1e-4
    )
    before = file.read_bytes()
    Store(tmp_path).pack_anatomy(spec, table[table["trial"] == 1])
    assert file.read_bytes() == before
    assert Store(tmp_path, strict=True).rows().empty  # it is no table of rows


@pytest.mark.parametrize("damage", [b"", b"no gzip", "cut off"])
def test_a_damaged_file_is_one_line(finished, tmp_path, damage):
    spec, store, _ = finished
    file = anatomy.pack(spec, store, tmp_path)
    file.write_bytes(file.read_bytes()[:500] if damage == "cut off" else damage)
    with pytest.raises(StoreError, match="cannot be read as an anatomy .* delete it and export again") as error:
        Store(tmp_path).anatomy()
    assert "\n" not in str(error.value)


def test_lines_of_trainings_get_what_is_inside_their_tickets(finished):
    spec, store, table = finished
    trainings = curves.summarise(store.rows(spec))
    together = curves.beside(trainings, table)
    assert len(together) == len(trainings)
    tickets_ = together[together["arm"] == "ticket"].set_index(["trial", "round"])
    assert tickets_.loc[(1, 4), "positive_fc2"] == number(table, "positive", 4, "fc2.weight", 1)
    assert together.loc[together["arm"] != "ticket", "positive_fc2"].isna().all()
    pd.testing.assert_frame_equal(curves.beside(trainings, table.head(0)), trainings)

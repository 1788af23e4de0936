"""Pruning keeps exactly what it must: counts from rates alone, nested masks, ties by index; shuffling only moves."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lthlib import specs
from lthlib.core import masks
from lthlib.core.streams import stream
from lthlib.engine import arms, pruning
from lthlib.evidence.paper_curves import paper
from tests import oracle

SMALL = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 3), st.integers(1, 12)), elements=st.sampled_from([-2, -1, 0, 0.5, 1])
)
RATES = st.floats(0, 0.99)


def prune_once(weights, mask, rate):
    pruned = masks.prune({"w": torch.from_numpy(weights)}, {"w": torch.from_numpy(mask)}, {"w": rate})
    return pruned["w"].numpy()


@given(SMALL, RATES, st.randoms(use_true_random=False))
def test_pruning_is_what_forgetting_one_weight_at_a_time_gives(weights, rate, random):
    mask = np.ones_like(weights)
    mask.ravel()[[i for i in range(mask.size) if random.random() < 0.4]] = 0
    pruned = prune_once(weights, mask, rate)
    for row, w, m in zip(pruned, weights, mask, strict=True):
        np.testing.assert_array_equal(row, oracle.prune(w, m, rate))


@given(SMALL, st.lists(RATES, max_size=5))
def test_masks_are_nested_and_counts_follow_from_rates_alone(weights, rates):
    mask, alive = np.ones_like(weights), weights.shape[1]
    for rate in rates:
        pruned, alive = prune_once(weights, mask, rate), alive - masks.to_prune(alive, rate)
        assert (pruned <= mask).all()
        assert (pruned.sum(1) == alive).all()
        mask = pruned


@given(SMALL)
def test_rate_zero_prunes_nothing_and_masks_are_values(weights):
    mask = np.ones_like(weights)
    assert (prune_once(weights, mask, 0.0) == 1).all()
    prune_once(weights, mask, 0.9)
    assert (mask == 1).all()


def test_equal_magnitudes_go_in_order_and_never_one_too_many():
    pruned = prune_once(np.full((1, 1000), -0.5, dtype=np.float32), np.ones((1, 1000), dtype=np.float32), 0.2)
    np.testing.assert_array_equal(pruned[0], np.repeat([0, 1], [200, 800]))


def test_negative_weights_are_judged_by_size():
    pruned = prune_once(np.float32([[-3, -0.1, 2, 0.2]]), np.ones((1, 4), dtype=np.float32), 0.5)
    np.testing.assert_array_equal(pruned, [[1, 0, 1, 0]])


def test_counts_and_percentages_of_lenet_are_the_papers():
    spec = specs.spec("lenet")
    assert pruning.weights(spec) == 266_200
    theta = arms.initial(spec, [0])
    m = masks.ones(theta, {name: "" for name in pruning.rates(spec)})
    ladder = []
    for _ in range(29):
        ladder.append(100 * sum(masks.survivors(m)[0].values()) / pruning.weights(spec))
        m = masks.prune(theta, m, pruning.rates(spec))
    printed = paper("fig4a", "lenet", "ticket", "acc_es").set_index("round")["percent_remaining"]
    assert len(printed) > 20
    for n, p in printed.items():
        assert ladder[n] == pytest.approx(p, abs=0.01)
    closed = [100 * (265_200 * 0.8**n + 1_000 * 0.9**n) / 266_200 for n in range(29)]
    np.testing.assert_allclose(ladder, closed, atol=0.01)


@pytest.mark.parametrize(("level", "remaining"), [(2, 95.0), (13, 67.6), (33, 17.7), (38, 5.18)])
def test_one_shot_percentages_are_the_papers(level, remaining):
    spec = specs.spec("lenet")
    (left,) = masks.survivors(arms.level(spec, arms.initial(spec, [0]), level))
    assert 100 * sum(left.values()) / 266_200 == pytest.approx(remaining, abs=0.05)
    assert left["out.weight"] == 1_000 - int(12.5 * level + 0.5)


@given(st.integers(0, 2**31), st.floats(0.05, 0.95))
def test_shuffling_keeps_the_count_of_each_layer_and_moves_the_weights(seed, share):
    mask = {"w": (torch.rand(2, 40, 30, generator=stream(seed, "mask")) < share).float()}
    moved = masks.shuffle(mask, [stream(seed, row) for row in range(2)])
    assert masks.survivors(moved) == masks.survivors(mask)
    assert not torch.equal(moved["w"], mask["w"])
    assert not torch.equal(moved["w"][0] - mask["w"][0], moved["w"][1] - mask["w"][1])


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.5]))
def test_global_pruning_keeps_the_largest_of_all_layers_together(seed, rate):
    """One layer of large weights and one of small: the small one loses more, and order of layers changes nothing."""
    g = torch.Generator().manual_seed(seed)
    theta = {
        "a": torch.randn(2, 6, 4, generator=g),
        "b": 0.3 * torch.randn(2, 5, 8, generator=g),
        "c": torch.ones(2, 3),
    }
    mask = {"a": torch.ones(2, 6, 4), "b": (torch.rand(2, 5, 8, generator=g) < 0.7).float(), "c": torch.ones(2, 3)}
    rates = {"a": rate, "b": rate, "c": 0.0}
    left = masks.prune(theta, mask, rates, ["a", "b"])
    assert torch.equal(left["c"], mask["c"])
    for r in range(2):
        size = torch.cat([theta[n][r].flatten().abs()[mask[n][r].flatten() == 1] for n in "ab"])
        kept = torch.cat([left[n][r].flatten()[mask[n][r].flatten() == 1] for n in "ab"]) == 1
        assert kept.sum() == len(size) - masks.to_prune(len(size), rate)
        assert size[kept].min() >= size[~kept].max()
        assert all((left[n][r] <= mask[n][r]).all() for n in "ab")
    turned = masks.prune(theta, dict(reversed(mask.items())), rates, ["b", "a"])
    assert all(torch.equal(turned[n], left[n]) for n in left)

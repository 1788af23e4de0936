"""Every round starts from θ₀, masks shrink as they must, and each control keeps what it must."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from lthlib import specs
from lthlib.book import style
from lthlib.core import masks, tickets
from lthlib.engine import arms, cohort, networks, pruning, train
from lthlib.lab.plan import plan
from lthlib.specs import Rep
from tests import oracle


@pytest.fixture
def found(tiny, digits):
    """Two trials' rounds, and what each training was started from."""
    starts = []

    def remember(start, mask, reps):
        starts.append((start, mask, reps))
        return train.train(tiny, start, mask, reps, digits)[0]

    return list(arms.tickets(tiny, [0, 1], remember)), starts


def test_each_round_trains_the_initial_weights_again_under_the_mask_of_the_last(tiny, found):
    rounds, starts = found
    theta0 = arms.initial(tiny, [0, 1])
    assert [r.number for r in rounds] == [0, 1, 2]
    for n, (start, mask, reps) in enumerate(starts):
        assert reps == [Rep("ticket", 0, n), Rep("ticket", 1, n)]
        assert all(torch.equal(start[name], theta0[name]) for name in theta0)  # bit-equal: the rewind
        if n:
            for r in range(2):
                for name, rate in pruning.rates(tiny).items():
                    expected = oracle_prune(rounds[n - 1].theta_j[name][r], rounds[n - 1].mask[name][r], rate)
                    np.testing.assert_array_equal(mask[name][r].numpy().ravel(), expected)


def oracle_prune(theta, mask, rate):
    """Sort the survivors and cut: fast enough for a whole layer, another way than the library's."""
    flat, kept = theta.abs().numpy().ravel(), mask.numpy().astype(bool).ravel()
    alive = np.flatnonzero(kept)
    ordered = alive[np.lexsort((alive, flat[alive]))]
    kept[ordered[: math.floor(rate * len(alive) + 0.5)]] = False
    return kept


def test_oracles_agree():
    theta, mask = torch.tensor([0.5, -0.1, 0.1, 2.0, 0.0]), torch.tensor([1.0, 1, 1, 1, 0])
    np.testing.assert_array_equal(oracle_prune(theta, mask, 0.5), oracle.prune(theta, mask, 0.5))


def test_initial_weights_are_a_glorot_gaussian_cut_at_two_sigma():
    theta = arms.initial(specs.spec("lenet"), [0])
    for name, bound in (("fc1.weight", 0.0859), ("fc2.weight", 0.1414), ("out.weight", 0.2697)):  # Figure 15's support
        w = theta[name]
        assert w.abs().max() <= bound + 1e-4
        assert w.std() == pytest.approx(0.8796 * bound / 2, rel=0.05)
    assert w.numel() == 1_000
    assert not any(theta[name].any() for name in theta if name.endswith("bias"))


def test_trials_differ_and_a_trial_does_not_depend_on_its_company(tiny):
    pair, single = arms.initial(tiny, [0, 1]), arms.initial(tiny, [1])
    assert torch.equal(pair["fc1.weight"][1], single["fc1.weight"][0])
    assert not torch.equal(pair["fc1.weight"][0], pair["fc1.weight"][1])


@pytest.mark.parametrize("arm", specs.BRANCHES)
def test_each_control_differs_from_the_ticket_and_keeps_what_it_must_keep(tiny, found, arm):
    rounds, _ = found
    oneshot = arm.startswith("oneshot")
    source = rounds[arms.trunk_of(Rep(arm, 0, 2)).round]
    one = tickets.Round(source.number, cohort.take(source.mask, [0, 0]), cohort.take(source.theta_j, [0, 0]))
    reps = [Rep(arm, 0, 20 if oneshot else 2, draw) for draw in range(2)]
    start, mask = arms.branch(tiny, one, reps)
    theta0 = arms.initial(tiny, [0, 0])
    same_start = [torch.equal(start["fc1.weight"][r], theta0["fc1.weight"][r]) for r in range(2)]
    same_mask = [torch.equal(mask["fc1.weight"][r], one.mask["fc1.weight"][r]) for r in range(2)]
    assert same_start == [arm in ("oneshot", "continued", "untrained")] * 2
    assert same_mask == [arm in ("reinit", "continued", "redrawn", *specs.NOISE)] * 2
    if arm not in ("oneshot", "continued", "untrained"):  # another draw is another network
        assert not torch.equal(start["fc1.weight"][0], start["fc1.weight"][1])
    if arm == "random":
        assert masks.survivors(mask) == masks.survivors(one.mask)
        assert not torch.equal(mask["fc1.weight"][0], mask["fc1.weight"][1])
    if oneshot:
        assert masks.survivors(mask)[0] == {"fc1.weight": 117_600, "fc2.weight": 15_000, "out.weight": 750}
        kept, gone = (one.theta_j["fc1.weight"].abs()[mask["fc1.weight"] == side] for side in (1, 0))
        assert kept.min() >= gone.max()


def test_redrawn_weights_are_the_tickets_own_in_other_places(tiny, found):
    rounds, _ = found
    ticket, reps = rounds[2], [Rep("redrawn", trial, 2) for trial in (0, 1)]
    start, theta0 = arms.redrawn(tiny, ticket.mask, reps), arms.initial(tiny, [0, 1])
    for name, mask in ticket.mask.items():
        for row in range(2):
            left = mask[row] > 0
            mine, theirs = start[name][row][left], theta0[name][row][left]
            assert set(mine.tolist()) <= set(theirs.tolist())
            drawn = len(set(mine.tolist())) / len(set(theirs.tolist()))
            assert drawn == pytest.approx(1 - math.exp(-1), abs=0.05), "with replacement: about 63 % of them"
            assert abs(np.corrcoef(mine, theirs)[0, 1]) < 0.2, "in no order"
    assert not any(start[name].any() for name in start if name.endswith("bias"))


@pytest.mark.parametrize(
    ("arm", "sigmas"), {"noise_half": 0.5, "noise_one": 1, "noise_two": 2, "noise_three": 3}.items()
)
def test_noise_is_as_wide_as_it_says_in_every_layer(arm, sigmas):
    spec = specs.spec("lenet", trials=1)
    theta0 = arms.initial(spec, [0])
    start, _ = arms.branch(spec, tickets.Round(1, masks.ones(theta0, theta0), theta0), [Rep(arm, 0, 1)])
    for name, (before, after) in {"fc1.weight": (784, 300), "fc2.weight": (300, 100), "out.weight": (100, 10)}.items():
        noise = start[name] - theta0[name]
        expected = sigmas * math.sqrt(2 / (before + after))
        assert noise.std().item() == pytest.approx(expected, rel=0.06)
        assert abs(noise.mean().item()) < 0.12 * expected
        assert abs(np.corrcoef(noise.flatten(), theta0[name].flatten())[0, 1]) < 0.1
    assert not any(start[name].any() for name in start if name.endswith("bias"))


def test_noise_follows_a_plain_initialisation():
    spec = specs.spec("lenet", variation={"sigma": 0.4}, trials=1)
    noise = arms.noisy(spec, [Rep("noise_one", 0, 1)])["fc2.weight"] - arms.initial(spec, [0])["fc2.weight"]
    assert noise.std().item() == pytest.approx(0.4, rel=0.05)


@pytest.mark.parametrize("network", ["lenet", "conv2", "vgg19"])
def test_what_is_pruned_untrained_is_the_smallest_initial_weights(network):
    """Against one ranking of |θ₀|, by numpy; as many are left as of a ticket of that round."""
    spec = specs.spec(network, "quick", width=0.1, rounds=5)
    start, mask = arms.branch(spec, tickets.Round(5, {}, {}), [Rep("untrained", 1, 5)])
    theta0 = arms.initial(spec, [1])
    assert all(torch.equal(start[name], value) for name, value in theta0.items())
    groups = [pruning.together(spec), *([name] for name in mask if name not in pruning.together(spec))]
    for group in filter(None, groups):
        size = np.concatenate([np.abs(theta0[name].numpy()).ravel() for name in group])
        kept = np.concatenate([mask[name].numpy().ravel() for name in group]) > 0
        assert set(np.flatnonzero(kept)) == set(np.argsort(-size, kind="stable")[: kept.sum()])
    total, left = pruning.weights(spec), sum(masks.survivors(mask)[0].values())
    spared = total - sum(pruning.prunable(spec).values())
    assert 100 * (spared + left) / total == pytest.approx(pruning.ladder(spec)[5])


def test_strategy_two_trains_on_from_where_it_was_and_resets_only_at_the_end(tiny, digits):
    starts = []

    def remember(start, mask, reps):
        starts.append((start, reps))
        return train.train(tiny, start, mask, reps, digits)[0]

    rounds = list(arms.continuing(tiny, [0, 1], remember))
    theta0 = arms.initial(tiny, [0, 1])
    assert [reps[0] for _, reps in starts] == [Rep("ticket", 0), Rep("continuing", 0, 1), Rep("continuing", 0, 2)]
    assert torch.equal(starts[0][0]["fc1.weight"], theta0["fc1.weight"])
    for n in (1, 2):
        assert starts[n][0] is rounds[n - 1].theta_j  # no reset
        expected = masks.prune(rounds[n - 1].theta_j, rounds[n - 1].mask, pruning.rates(tiny))
        assert all(torch.equal(rounds[n].mask[name], m) for name, m in expected.items())
    start, mask = arms.branch(tiny, rounds[2], [Rep("continued", t, 2) for t in (0, 1)])
    assert torch.equal(start["fc1.weight"], theta0["fc1.weight"])
    assert mask is rounds[2].mask


def test_every_record_of_an_arm_can_be_made_planned_and_drawn(tiny):
    """What a record names exists; and what it is made of each control is tested above, for all of them."""
    assert not {*arms.TRUNKS, *specs.TRUNKS} & set(specs.BRANCHES)
    assert {*specs.SECTION_2, *specs.REWOUND} < set(specs.ARMS)
    planned = {rep.arm: rep for rep in plan(tiny)}
    for name, arm in specs.ARMS.items():
        assert arm.start in arms.STARTS
        assert arm.mask in arms.MASKS
        assert arm.counted_by <= {f.name for f in dataclasses.fields(specs.Spec)}
        assert arm.says.endswith(")"), "a sentence, and where the paper has it"
        assert name in planned
        assert name in style.LOOKS
        assert name == "ticket" or arms.trunk_of(planned[name]).arm in arms.TRUNKS
    assert set(networks.NETWORKS) == set(specs.PAPER)


@pytest.mark.parametrize("network", ["conv2", "resnet20"])
def test_one_shot_pruning_spares_what_rounds_spare(network):
    spec = specs.spec(network, width=0.1)
    dense = arms.initial(spec, [0])
    left, size = masks.survivors(arms.level(spec, dense, 20))[0], pruning.prunable(spec)
    for name, rate in pruning.rates(spec).items():
        if not rate:
            assert left[name] == size[name]
    if network == "conv2":
        assert all(left[n] == size[n] - masks.to_prune(size[n], 0.25 if n.startswith("out") else 0.5) for n in size)
    else:
        layers = pruning.together(spec)
        assert sum(left[n] for n in layers) == pytest.approx(sum(size[n] for n in layers) / 2, abs=1)

"""The algorithm by itself: nothing of the library is needed, each round starts from θ₀, and masks are nested."""

import itertools
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lthlib.core import masks, tickets
from tests import oracle

RATES = {"first": 0.3, "second": 0.1}
networks = st.integers(0, 1000).map(
    lambda seed: {
        name: torch.randn(2, *shape, generator=torch.Generator().manual_seed(seed + n))
        for n, (name, shape) in enumerate({"first": (4, 5), "second": (3, 4), "bias": (3,)}.items())
    }
)


def training(seen):
    """A stand-in that moves each weight by an amount of its own, and keeps what is pruned at 0."""

    def train(start, m, n):
        seen.append((n, start, m))
        moved = {name: value + 0.3 * torch.sin(7 * value + n) for name, value in start.items()}
        return {name: value * m.get(name, 1) for name, value in moved.items()}

    return train


@given(networks, st.integers(0, 6))
def test_each_round_starts_from_the_initial_weights_under_the_mask_of_the_last_pruning(theta0, rounds):
    seen = []
    found = list(tickets.find_winning_tickets(theta0, training(seen), RATES, rounds))
    assert [n for n, _, _ in seen] == [one.number for one in found] == list(range(rounds + 1))
    assert all(start is theta0 for _, start, _ in seen), "to rewind is to start again from the same place"
    assert all(bool(m.all()) for m in found[0].mask.values())
    assert found[0].mask.keys() == RATES.keys(), "biases have no mask"
    for before, after in itertools.pairwise(found):
        for name, rate in RATES.items():
            for theta, m, left in zip(before.theta_j[name], before.mask[name], after.mask[name], strict=True):
                assert left.flatten().tolist() == oracle.prune(theta.flatten(), m.flatten(), rate).tolist()
                assert (left <= m).all(), "masks are nested"


@given(networks, st.integers(1, 5))
def test_strategy_two_goes_on_from_where_the_last_round_ended(theta0, rounds):
    seen = []
    found = list(tickets.prune_and_train_on(theta0, training(seen), RATES, rounds))
    assert seen[0][1] is theta0
    for (_, start, m), before in zip(seen[1:], found, strict=False):
        assert start is before.theta_j
        expected = masks.prune(before.theta_j, before.mask, RATES)
        assert all(torch.equal(m[name], expected[name]) for name in RATES)


@pytest.mark.parametrize("module", ["lthlib.core.tickets", "lthlib.core.masks", "lthlib.core.streams"])
def test_the_core_needs_torch_and_nothing_else_of_the_library(module):
    code = f"import sys, {module}; print(*sorted(m for m in sys.modules if m.startswith('lthlib.')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert all(name.startswith("lthlib.core") for name in loaded), loaded

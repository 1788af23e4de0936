"""The toy that the page *Buy a ticket* trains: its random numbers, its first weights, its pruning."""

import numpy as np
import pytest
import torch

from lthlib.book import moons
from lthlib.core import masks


def test_random_numbers_are_those_of_mulberry32():
    """By its definition, in whole numbers; a stream goes on where it was left."""
    a, expected = (7 * 0x9E3779B1 + 3 * 0x85EBCA6B) % 2**32, []
    for _ in range(50):
        a = (a + 0x6D2B79F5) % 2**32
        t = ((a ^ (a >> 15)) * (a | 1)) % 2**32
        t = ((t + ((t ^ (t >> 7)) * (t | 61)) % 2**32) % 2**32) ^ t
        expected.append((t ^ (t >> 14)) / 2**32)
    assert moons.uniforms(7, 2, 50).tolist() == expected
    assert moons.uniforms(7, 2, 20, begin=30).tolist() == expected[30:]


def test_initial_weights_are_glorots():
    drawn = [np.concatenate([moons.initial(s, moons.FIRST)[layer].ravel() for s in range(40)]) for layer in range(3)]
    for layer, (into, out) in zip(drawn, ((2, 16), (16, 16), (16, 2)), strict=True):
        assert layer.std() == pytest.approx((2 / (into + out)) ** 0.5, rel=0.06)
        assert layer.mean() == pytest.approx(0, abs=0.03)


def test_pruning_is_that_of_the_book():
    theta = {str(i): w[None] for i, w in enumerate(moons.initial(3, moons.FIRST))}
    left = {name: np.ones_like(w) for name, w in theta.items()}
    rates = dict(zip(theta, moons.RATES, strict=True))
    for _ in range(moons.ROUNDS):
        ours = moons.prune(list(theta.values()), list(left.values()))
        tensors = ({name: torch.tensor(w) for name, w in each.items()} for each in (theta, left))
        theirs = masks.prune(*tensors, rates)
        assert all((a == theirs[name].numpy()).all() for name, a in zip(theta, ours, strict=True))
        left = dict(zip(theta, ours, strict=True))


def test_a_goal_is_reached_when_it_is_first_seen():
    assert moons.reached(np.array([[0, 475, 474], [474, 474, 474]])) == [10, None]

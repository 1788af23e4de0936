"""Verdicts: what the text says, what we found, and how far single trials lie apart."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lthlib.evidence.measures import Found
from lthlib.evidence.verdicts import bootstrap, judge

PART = {"direction": "about", "text": 2.0, "figure": 1.0, "unit": "pp", "tolerance": {"within": 0.3}}


@pytest.mark.parametrize(
    ("changes", "value", "alone", "verdict"),
    [
        ({}, 2.2, [2.1, 2.3], "reproduced"),
        ({}, 2.4, [2.35, 2.45], "partly"),
        ({}, 1.1, [1.0, 1.2], "partly"),  # as the figure, not as the text
        ({}, 1.3, [0.5, 2.1], "reproduced"),  # our own trials range that far
        ({}, -0.1, [-0.2, 0.0], "not reproduced"),
        ({}, 2.0, [-0.1, -0.1, 6.2], "not reproduced"),  # the mean has the sign, most trials have not
        ({}, 2.0, [2.0], "reproduced"),
        ({"text": 0.5, "figure": None}, 0.5, [0.5], "partly"),  # one trial, within the paper's trial range
        ({"direction": "at least"}, 9.0, [8.9, 9.1], "reproduced"),
        ({"direction": "at most", "text": 20, "neutral": 100, "tolerance": {"factor": 1.0}}, 3.0, [3, 3], "reproduced"),
        ({"direction": "at most", "text": 20, "neutral": 100, "tolerance": {"factor": 1.0}}, 41.0, [41, 41], "partly"),
        ({"direction": "at most", "text": 20, "neutral": 100, "tolerance": {"factor": 1.0}}, 3.0, [3], "partly"),
        (
            {"direction": "at most", "text": 20, "neutral": 100, "tolerance": {"factor": 1.0}},
            100,
            [100, 100],
            "not reproduced",
        ),
    ],
)
def test_verdicts(changes, value, alone, verdict):
    found = judge({**PART, **changes}, Found(value), np.array(alone, dtype=float))
    assert found[0] == verdict, found[1]


@given(st.lists(st.floats(-50, 50), min_size=5, max_size=5))
def test_a_bootstrap_interval_is_that_of_all_draws_of_the_trials(values):
    alone = np.array(values)
    low, high = bootstrap(alone)
    every = np.array(list(product(alone, repeat=len(alone)))).mean(axis=1)  # all 3,125 draws, each as likely
    shares = [(every < low - 1e-9).mean(), (every > high + 1e-9).mean()]
    assert max(shares) <= 0.03
    assert [(every <= low + 1e-9).mean() >= 0.02, (every >= high - 1e-9).mean() >= 0.02] == [True, True]


def test_a_claim_about_every_trial_is_lost_by_one():
    part = {"direction": "at least", "text": 0, "figure": None, "unit": "pp", "tolerance": {"within": 0}}
    alone = np.array([1.2, 0.4, -0.4])
    assert judge(part, Found(0.4), alone)[0] == "reproduced"
    assert judge({**part, "every": True}, Found(0.4), alone)[0] == "not reproduced"


def test_where_the_text_gives_only_a_sign_our_own_spread_is_no_excuse():
    part = {"direction": "at least", "text": 0, "figure": None, "unit": "pp", "tolerance": {"within": 0}}
    for alone, verdict in (([-1.2, -0.4, 0.4], "not reproduced"), ([1.2, 0.4, -0.4], "reproduced"), ([0.5], "partly")):
        assert judge(part, Found(np.mean(alone)), np.array(alone))[0] == verdict
    most = {**part, "direction": "at most"}
    assert judge(most, Found(0.3), np.array([0.2, 0.4]))[0] == "not reproduced"
    assert judge(most, Found(-0.3), np.array([-0.2, -0.4]))[0] == "reproduced"

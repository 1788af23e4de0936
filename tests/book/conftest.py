"""Trainings that several tests of the book draw."""

import pandas as pd
import pytest
from drawings import CONV, setting
from rows import make_rows

from lthlib import specs
from lthlib.evidence import curves


@pytest.fixture(scope="session")
def full():
    """Rows at the paper's own scale: every arm, 5 trials, and three draws of reinit."""
    parts = [
        make_rows(arms=("ticket", "random", "oneshot", "oneshot_reinit"), every=1000),
        make_rows(arms=("reinit",), draws=3, every=1000, seed=1),
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="session")
def trainings(full):
    return curves.summarise(full)


@pytest.fixture(scope="session")
def small():
    """What a quick run leaves: tickets and reinit, two trials, five rounds, a few thousand iterations of few digits."""
    return make_rows(trials=2, rounds=5, iterations=3_000, data="mnist5k")


@pytest.fixture(scope="session")
def conv_rows():
    """All arms of the three networks at the paper's own scale, in one table."""
    arms = ("ticket", "reinit", "random")
    return pd.concat(
        [
            make_rows(
                network=name,
                arms=arms,
                rounds=specs.PAPER[name].rounds,
                iterations=specs.PAPER[name].iterations,
                every=500,
                key=f"00000000{name[-4:]}",
            )
            for name in CONV
        ],
        ignore_index=True,
    )


@pytest.fixture(scope="session")
def conv(conv_rows):
    return curves.summarise(conv_rows)


@pytest.fixture(scope="session")
def conv_quick():
    """What a quick run leaves: a narrow Conv-4 on padded digits."""
    rows = make_rows(network="conv4", trials=2, rounds=6, iterations=400, every=20, data="mnist5k")
    return curves.summarise(setting(rows, width=0.125, inputs="raw"))

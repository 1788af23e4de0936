"""Sentences of pages hang on what was run."""

import re

import numpy as np
from rows import make_rows

from lthlib.book import notes
from lthlib.evidence.curves import summarise


def test_what_a_test_set_can_tell_is_the_luck_of_drawing_it():
    rows = make_rows(trials=2, rounds=1, every=500, data="mnist5k")
    said = notes.resolved(rows).text
    assert "What 1,000 test images" in said
    assert "One of them is 0.1 points" in said
    right = summarise(rows).query("round == 0 and arm == 'ticket'")["acc_es"].mean() / 100
    draws = np.random.default_rng(0).binomial(1000, right, (2, 20_000)) / 10
    luck = float(re.search(r"up to ([\d.]+) points", said)[1])
    assert np.mean(np.abs(draws[0] - draws[1]) <= luck + 0.051) > 0.94

"""The rule: its interval against Student's own, its words against where the interval lies, and how often it errs."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lthlib.evidence import calibration, matching
from lthlib.evidence.curves import summarise
from lthlib.evidence.levels import Trials
from lthlib.evidence.verdicts import Estimate, interval, jackknife, judge, share, why
from lthlib.lab.store import published

EFFECT = {"kind": "effect", "side": "above", "neutral": 0, "size": "about", "unit": "pp", "text": 2.0}
EFFECT |= {"spread": {"within": 0.3}, "measure": {"gain": {}}}
EQUAL = {"kind": "equal", "neutral": 0, "unit": "pp", "text": 0.0, "margin": {"within": 0.15}, "measure": {"gain": {}}}
ALL = {"kind": "all", "side": "above", "neutral": 0, "share": {"least": 0.9}, "text": None, "measure": {"gains": {}}}
trials = st.lists(st.floats(-50, 50), min_size=2, max_size=8).map(np.array)


# --- the interval ---


@given(trials)
def test_of_a_mean_the_interval_is_students(values):
    found = interval(values)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values) + 1e-300)
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))


@given(st.lists(st.tuples(st.floats(10, 1000), st.floats(10, 1000)), min_size=3, max_size=6))
def test_of_a_ratio_of_means_value_and_interval_are_one_statistic(pairs):
    above, below = np.array(pairs).T
    n = len(pairs)
    ratio = above.mean() / below.mean()
    without = [np.delete(above, i).mean() / np.delete(below, i).mean() for i in range(n)]
    found = jackknife(ratio, without, "faster")
    pseudo = n * np.log(ratio) - (n - 1) * np.log(without)  # by hand
    half = stats.t.ppf(0.975, n - 1) * pseudo.std(ddof=1) / np.sqrt(n)
    assert (found.low, found.high) == (pytest.approx(ratio * np.exp(-half)), pytest.approx(ratio * np.exp(half)))
    assert found.low * (1 - 1e-12) <= found.value <= found.high * (1 + 1e-12)  # there and back costs a last digit
    inverse = jackknife(1 / ratio, [1 / r for r in without], "faster")  # turned round, the same evidence
    assert inverse.low == pytest.approx(1 / found.high)


def test_percent_sooner_is_judged_as_the_ratio_that_it_is_of():
    ratio, without = 2.0, [1.8, 2.1, 2.2]
    as_ratio = jackknife(ratio, without, "faster")
    as_percent = jackknife(100 * (1 - 1 / ratio), [100 * (1 - 1 / r) for r in without], "earlier")
    assert as_percent.low == pytest.approx(100 * (1 - 1 / as_ratio.low))
    assert as_percent.high == pytest.approx(100 * (1 - 1 / as_ratio.high))


@given(trials, st.floats(-10, 10))
def test_a_constant_moves_the_interval_and_does_not_widen_it(values, by):
    here, there = interval(values), interval(values + by)
    assert there.high - there.low == pytest.approx(here.high - here.low, abs=1e-6)


# --- the words ---


@pytest.mark.parametrize(
    ("changes", "low", "high", "word"),
    [
        ({}, 1.5, 2.5, "holds"),
        ({}, 1.0, 1.65, "holds, other size"),
        ({}, 1.3, 1.75, "holds"),  # as far as the paper's own spread
        ({}, 0.1, 1.75, "holds, other size"),  # of our own no more counts
        ({}, 2.4, 3.0, "holds, other size"),
        ({"size": "at least"}, 2.4, 3.0, "holds"),
        ({"size": "at least"}, 0.1, 1.0, "holds, other size"),
        ({"size": "at most"}, 0.1, 1.0, "holds"),
        ({}, -0.1, 4.0, "undecided"),
        ({}, 0.0, 4.0, "undecided"),
        ({}, -3.0, -0.1, "contradicted"),
        ({"side": "below"}, -3.0, -0.1, "holds, other size"),
        ({"side": "below"}, 1.0, 3.0, "contradicted"),
        ({"neutral": 1, "measure": {"faster": {}}}, 0.5, 2.0, "undecided"),
        ({"neutral": 1, "spread": {"factor": 1.5}, "measure": {"faster": {}}}, 1.1, 1.4, "holds"),
    ],
)
def test_an_effect_is_told_by_where_its_interval_lies(changes, low, high, word):
    part = {**EFFECT, **changes}
    found = Estimate((low + high) / 2, low, high, 5)
    assert judge(part, found, part["text"]) == word
    assert why(part, found, part["text"], word)


@pytest.mark.parametrize(
    ("side", "low", "high", "word"),
    [
        (None, -0.1, 0.15, "holds"),
        (None, -0.1, 0.2, "undecided"),
        (None, 0.16, 0.3, "contradicted"),
        (None, -0.3, 0.3, "undecided"),
        ("below", -9.0, 0.1, "holds"),
        ("below", -9.0, 0.2, "undecided"),
        ("below", 0.2, 9.0, "contradicted"),
        ("above", -0.1, 9.0, "holds"),
        ("above", -9.0, -0.2, "contradicted"),
    ],
)
def test_an_equality_needs_the_whole_interval_within_its_margin(side, low, high, word):
    assert judge({**EQUAL, "side": side}, Estimate((low + high) / 2, low, high, 3), 0.0) == word


def test_all_levels_are_asked_for_and_not_the_mean_of_them():
    surely, possibly, against, far = (0.5, 1.5), (-1.0, 1.5), (-1.5, -0.5), (-20.5, -19.5)

    def of(*levels):
        low, high = np.array(levels).T
        return Estimate((low + high) / 2, low, high, 3, (high - low) / 2 / stats.t.ppf(0.975, 2))

    assert judge(ALL, of(*[surely] * 10), None) == "holds"
    assert judge(ALL, of(*[surely] * 9, against), None) == "holds"
    assert judge(ALL, of(*[surely] * 8, possibly, possibly), None) == "undecided"
    assert judge(ALL, of(*[surely] * 8, against, against), None) == "undecided"  # one level of ten is off by chance
    assert judge(ALL, of(*[surely] * 8, far, far), None) == "contradicted"
    assert share(ALL, of(*[surely] * 5, *[possibly] * 3, *[far] * 2)) == (0.8, 0.5, 0.8)
    assert judge({**ALL, "share": {"least": 1}}, of(*[surely] * 9, far), None) == "contradicted"


@pytest.mark.parametrize(("part", "claimed"), [(EFFECT, 2.0), (EQUAL, 0.0), (ALL, None)])
def test_fewer_than_three_trials_are_no_evidence(part, claimed):
    many = np.ones(12) if part is ALL else 1.0
    for n in (1, 2):
        assert judge(part, Estimate(2 * many, 1.9 * many, 2.1 * many, n), claimed) == "too little run"


@given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(0.01, 5))
def test_a_wider_interval_never_turns_undecided_into_a_verdict(value, half, more):
    """The noisier we are, the less we may say: today's rule had it the other way round."""
    for part, claimed in ((EFFECT, 2.0), (EQUAL, 0.0)):
        wide = Estimate(value, value - half - more, value + half + more, 5)
        narrow = Estimate(value, value - half, value + half, 5)
        if judge(part, narrow, claimed) == "undecided":
            assert judge(part, wide, claimed) == "undecided"


@given(st.floats(-5, 5), st.floats(0.01, 5))
def test_a_claim_and_its_opposite_never_both_hold(value, half):
    found = Estimate(value, value - half, value + half, 5)
    words = [judge({**EFFECT, "side": side}, found, None) for side in ("above", "below")]
    assert sorted(words) in (["contradicted", "holds"], ["undecided", "undecided"])


@given(st.floats(0.6, 3), st.floats(0.01, 0.5), st.floats(0.01, 5))
def test_a_wider_interval_never_makes_the_size_fit(value, half, more):
    narrow, wide = (Estimate(value, max(0.001, value - h), value + h, 5) for h in (0.35 + half, 0.35 + half + more))
    if judge(EFFECT, narrow, 2.0) == "holds, other size":
        assert judge(EFFECT, wide, 2.0) == "holds, other size"


def test_a_claim_about_every_trial_is_lost_by_one():
    found = Estimate(1.0, 0.1, 1.9, 4)
    assert judge({**EFFECT, "every": True}, found, None, [0.9, 0.8, 1.2, 1.1]) == "holds"
    assert judge({**EFFECT, "every": True}, found, None, [2.0, 1.9, 0.4, -0.3]) == "contradicted"


def test_trials_that_agree_by_chance_decide_nothing():
    late = {**EFFECT, "neutral": 50, "measure": {"unfinished": {}}}
    assert [judge(late, Estimate(100.0, 100.0, 100.0, n), None) for n in (3, 5, 6)] == ["undecided"] * 2 + ["holds"]


def test_what_was_not_seen_could_have_been_as_large_as_the_intervals_half():
    assert "an effect of 0.5 pp" in why(EFFECT, Estimate(0.1, -0.4, 0.6, 3), 2.0, "undecided")
    ratio = {**EFFECT, "neutral": 1, "unit": "x", "measure": {"faster": {}}}
    assert "an effect of 2 x" in why(ratio, Estimate(1.1, 0.55, 2.2, 3), 2.0, "undecided")


# --- how often it errs ---

SAID = {
    (world.claim, world.truth, n): calibration.words(world, n) for world, n in product(calibration.worlds(), (3, 5))
}
ERRORS = 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)  # 5 %, and what 1,000 draws may add


@pytest.mark.parametrize(("claim", "truth", "n"), SAID)
def test_what_is_not_so_is_seldom_said_to_hold_and_what_is_so_seldom_contradicted(claim, truth, n):
    words = SAID[claim, truth, n]
    if truth.startswith("so"):
        assert words["contradicted"] <= ERRORS * 1000
    else:
        assert words["holds"] + words["holds, other size"] <= ERRORS * 1000


def test_more_trials_say_more():
    for claim in ("more accurate", "stops sooner", "more accurate at all levels"):
        three, five = (SAID[claim, "so", n]["holds"] for n in (3, 5))
        assert five > 1.3 * three


def test_the_simulation_scatters_as_the_committed_trials_of_lenet():
    trials = Trials(matching.best(summarise(published().rows()), "lenet"))
    accuracy, stops = (trials.levels(quantity).iloc[: calibration.LEVELS] for quantity in ("acc_es", "es"))
    dense = {quantity: trials.dense(quantity) for quantity in ("acc_es", "es")}
    assert calibration.ACCURACY["dense"] == pytest.approx(dense["acc_es"].std(), rel=0.1)
    assert calibration.STOPS["dense"] == pytest.approx(dense["es"].std() / dense["es"].mean(), rel=0.1)
    assert calibration.ACCURACY["ticket"] == pytest.approx(np.sqrt(accuracy.var(axis=1).mean()), rel=0.1)
    relative = stops.var(axis=1) / stops.mean(axis=1) ** 2
    assert calibration.STOPS["ticket"] == pytest.approx(np.sqrt(relative.mean()), rel=0.1)
    alike = [np.corrcoef(level, dense["acc_es"][level.index])[0, 1] for _, level in accuracy.iterrows()]
    assert abs(np.mean(alike)) < 0.2  # within a trial: drawn without


def test_the_table_of_the_simulation_adds_up():
    table = calibration.table(trials=(3,), draws=50)
    assert np.allclose(table.iloc[:, 3:].sum(axis=1), 100)
    assert len(table) == len(calibration.worlds())

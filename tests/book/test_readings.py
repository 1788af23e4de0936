"""A figure read out: its numbers are those of the rows, it says what trials cannot tell, and keeps the paper apart."""

import re

import numpy as np
import pandas as pd
import pytest
from drawings import FIGURES
from rows import make_rows

from lthlib.book import figures, readings
from lthlib.evidence.curves import summarise
from lthlib.evidence.paper_curves import paper

PLACES = {name: {"ticket": ("fig4a", name), "reinit": ("fig4a", name)} for name in ("es", "acc_es")}


@pytest.fixture(scope="module")
def five():
    return summarise(make_rows(trials=5, rounds=12, every=200))


def naive(trainings, quantity, arm, n):
    some = trainings[(trainings["arm"] == arm) & (trainings["round"] == n)]
    return some.groupby("trial")[quantity].mean()


def test_the_numbers_are_those_of_the_rows(five):
    said = readings.against(five, ["ticket", "reinit"], PLACES)
    assert said.startswith("With 21.1 % of the weights left, tickets ")
    dense, ticket, reinit = (naive(five, "es", *of) for of in (("ticket", 0), ("ticket", 7), ("reinit", 7)))
    sooner = [f"{round(other.mean() / ticket.mean(), 2):g} times sooner than" for other in (dense, reinit)]
    assert all(text in said for text in sooner)
    better = naive(five, "acc_es", "ticket", 7) - naive(five, "acc_es", "ticket", 0)
    assert f"{round(better.mean(), 2):g} points more accurate than the dense network" in said


def test_the_papers_numbers_stand_apart_and_are_its_curves(five):
    here, _, theirs = readings.against(five, ["ticket", "reinit"], PLACES).partition(" In the paper: ")
    assert "paper" not in here
    es = {arm: paper("fig4a", "lenet", arm, "es").set_index("round")["value"] for arm in ("ticket", "reinit")}
    ratios = es["ticket"][0] / es["ticket"][7], es["reinit"][7] / es["ticket"][7]
    assert "{:g} and {:g} times sooner".format(*(round(ratio, 2) for ratio in ratios)) in theirs
    assert "In the paper" not in readings.against(five, ["ticket", "reinit"], {"es": {}, "acc_es": {}})


def test_what_trials_cannot_tell_is_said(five):
    pruned = five["round"] > 0
    random = np.random.default_rng(0)
    noise = five["trial"].map(dict(enumerate(random.normal(0, 3, 5))))
    same = five.assign(acc_es=five["acc_es"].where(~pruned, five["acc_es"][~pruned].mean() + noise))
    assert "cannot be told from the dense network in accuracy" in readings.against(same, ["ticket"], {"acc_es": {}})
    worse = five.assign(acc_es=five["acc_es"] - 9 * pruned)
    assert "points less accurate than the dense network" in readings.against(worse, ["ticket"], {"acc_es": {}})


@pytest.mark.parametrize(("trials", "said"), [(1, "one trial"), (2, "two trials")])
def test_few_trials_are_no_evidence(trials, said):
    trainings = summarise(make_rows(trials=trials, rounds=8, every=500))
    assert f"That is {said}, and no evidence." in readings.against(trainings, ["ticket", "reinit"], PLACES)


def test_what_the_paper_has_otherwise_comes_first(five):
    worse = five.assign(acc_es=five["acc_es"] - 3 * (five["round"] > 0) * (five["arm"] == "ticket"))
    said = readings.against(worse, ["ticket"], PLACES)
    assert said.index("less accurate") < said.index("sooner")


def test_without_rows_nothing_is_said(five):
    assert readings.against(five.iloc[:0], ["ticket"], PLACES) == ""
    assert readings.against(five, [], PLACES) == ""
    assert readings.against(five[five["round"] == 0], ["ticket"], PLACES) == ""


def test_over_time_the_first_and_the_last_are_named():
    points = {("ticket", 7): [90.0, 98.0], ("ticket", 0): [80.0, 97.0], ("reinit", 7): [85.0, 96.0]}
    curves = {
        line: pd.DataFrame({"iteration": [100, 1000], "mean": means, "remaining": 21.1})
        for line, means in points.items()
    }
    said = readings.over_time(curves, 1000)
    assert (
        "After 100 iterations the ticket with 21.1 % is ahead with 90.00 %, the dense network last with 80.00 %" in said
    )
    assert "After 1,000 the ticket with 21.1 % is ahead with 98.00 %, reinit with 21.1 % last with 96.00 %" in said


def test_of_many_values_the_best_is_chosen_by_validation_and_measured_on_the_test_set(five):
    worse = five.assign(valacc_es=five["valacc_es"] - 1, acc_es=five["acc_es"] + 9)
    said = readings.of_values({"0.1": five, "0.2": worse}, "valacc_es")
    assert said.startswith("The best tickets, by validation accuracy, are those of ")
    tickets = five[(five["arm"] == "ticket") & (five["round"] > 0)].groupby("round")
    best = tickets["valacc_es"].mean().idxmax()
    assert f"{tickets['acc_es'].mean()[best]:.2f} %" in said
    assert readings.of_values({"0.1": five}, "valacc_es") == ""


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_read_out_in_few_words(trainings, name):
    shown = getattr(figures, name)(trainings)
    assert re.match(r"With [\d.]+ % of the weights left, ", shown.finding)
    assert shown.html.index("lth-finding") < shown.html.index("<details>")
    assert len(shown.caption.split()) <= 60
    assert shown.details in shown.said

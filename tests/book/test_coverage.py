"""What of the paper's figures has been run: credited by arms, and only where they were really run."""

import pandas as pd
import pytest
from drawings import setting
from rows import make_rows

from lthlib import specs
from lthlib.book import coverage, tables
from lthlib.evidence import curves
from lthlib.specs import ARMS, PAPER, SETTINGS

MAIN = {*range(1, 11), 14} - {2}  # of the main text, and Appendices B and E
NUMBERS = [int(number) for figure in coverage.FIGURES for number in figure.numbers.split(", ")]


def cell(rows, figure, network="Lenet-300-100"):
    return coverage.matrix(curves.summarise(rows)).frame.set_index("figure")[network][figure]


def credited(rows):
    return {int(number) for number in coverage.credited(curves.summarise(rows)).split(", ") if number != "none"}


def test_every_figure_that_draws_trainings_is_there_once():
    assert sorted(NUMBERS) == [1, *range(3, 46)]
    assert set(NUMBERS) >= MAIN


def test_what_figures_draw_can_be_asked_for():
    for figure in coverage.FIGURES:
        assert set(figure.arms) <= set(ARMS)
        for network, lines in figure.lines.items():
            asked = [specs.key(specs.spec(network, "paper", name, changes)) for name, changes in lines]
            assert len(set(asked)) == len(lines), (figure.numbers, network)


def test_every_network_and_setting_is_in_a_figure():
    lines = [(n, name) for figure in coverage.FIGURES for n, several in figure.lines.items() for name, _ in several]
    for network in set(PAPER) - {"conv6_256"}:
        for name in SETTINGS.get(network, [None]):
            assert (network, name) in lines


def test_a_figure_is_credited_by_its_arms():
    tickets = make_rows(trials=3, rounds=4, arms=("ticket",))
    assert credited(tickets) >= {15, 19, 20, 21, 23}
    assert not credited(tickets) & {1, 3, 4, 9, 14, 17, 18, 25}
    both = make_rows(trials=3, rounds=4, arms=("ticket", "reinit"))
    assert credited(both) >= {3, 11}
    assert not credited(both) & {1, 4, 9, 14}
    all_of_four = make_rows(trials=3, rounds=4, arms=("ticket", "reinit", "oneshot", "oneshot_reinit"))
    assert credited(all_of_four) >= {3, 4, 12}


def test_a_line_of_a_sweep_is_not_the_paper_s_main_figure():
    rows = setting(make_rows(trials=3, rounds=4, arms=("ticket", "reinit")), lr=8e-4)
    assert credited(rows) == {26}
    assert cell(rows, "3, 11") == "–"
    assert cell(rows, "26") == "◐ 1 of 8 lines, n = 3, 100 %"


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "● n = 3, 100 %"),
        ({"trials": 2}, "◐ n = 2, 100 %"),
        ({"iterations": 15_000}, "● n = 3, 30 %"),
        ({"arms": ("ticket",)}, "◌ no reinit"),
        ({"arms": ("ticket",), "rounds": 0}, "◌ dense alone"),
        ({"data": "mnist5k", "iterations": 5_000}, "● n = 3, 10 % †"),
    ],
)
def test_a_cell_says_trials_and_iterations_or_what_is_lacking(changes, shown):
    rows = make_rows(**{"trials": 3, "rounds": 3, "arms": ("ticket", "reinit"), **changes})
    assert cell(rows, "3, 11") == shown


def test_trials_are_those_that_hold_all_arms():
    rows = make_rows(trials=5, rounds=3, arms=("ticket", "reinit"))
    assert cell(rows[(rows["arm"] == "ticket") | (rows["trial"] < 3)], "3, 11") == "● n = 3, 100 %"


def test_arms_of_two_experiments_are_not_added_up():
    one = make_rows(trials=3, rounds=3, arms=("ticket",), key="a" * 12)
    other = make_rows(trials=3, rounds=3, arms=("reinit",), iterations=15_000, key="b" * 12)
    assert cell(pd.concat([one, other]), "3, 11").startswith("◌")


def test_a_network_that_a_figure_does_not_draw_has_an_empty_cell():
    frame = coverage.matrix(curves.summarise(make_rows(trials=1, rounds=1))).frame.set_index("figure")
    assert frame["VGG-19"]["3, 11"] == ""
    assert frame["Conv-2"]["5, 13"] == "–"
    assert set(frame.columns) == {"of", *(specs.NAMES[n] for n in PAPER if n != "conv6_256")}


def test_the_list_of_experiments_credits_likewise():
    rows = make_rows(trials=2, rounds=3, arms=("ticket", "reinit"))
    shown = tables.status(curves.summarise(rows)).frame["the paper's figures"].tolist()
    assert shown == [coverage.credited(curves.summarise(rows))]

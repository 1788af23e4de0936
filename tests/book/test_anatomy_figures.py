"""Figures of what is inside tickets draw what the table says, and say at what scale it was measured."""

import numpy as np
import pandas as pd
import pytest
from rows import make_rows

from lthlib.book import anatomy_figures
from lthlib.book.style import LAYERS
from lthlib.evidence import curves
from lthlib.specs.columns import ANATOMY, TRAINING

DRAWN = (0, 4, 8, 12)
HISTOGRAMS = ("initial", "incoming", "outgoing", "moved_in", "moved_rest", "grown_in", "grown_rest")


@pytest.fixture(scope="module")
def trainings():
    return curves.summarise(make_rows(trials=3, rounds=14, arms=("ticket",), iterations=6_000, every=500))


@pytest.fixture(scope="module")
def anatomy(trainings):
    """A made-up anatomy of these trainings: every histogram and every overlap, another in each trial."""
    draw = np.random.default_rng(0)
    lines = []
    for ticket in trainings[[*TRAINING, "remaining"]].to_dict("records"):
        for layer in LAYERS:
            for quantity in HISTOGRAMS if ticket["round"] in DRAWN else ():
                lines += [
                    {**ticket, "layer": layer, "quantity": quantity, "x": x, "value": 1 + draw.random()}
                    for x in np.arange(0.05, 1, 0.1)
                ]
            for quantity in anatomy_figures.RIVALS if ticket["round"] else ():
                lines.append({**ticket, "layer": layer, "quantity": quantity, "x": np.nan, "value": 50 * draw.random()})
    return pd.DataFrame(lines)[ANATOMY]


FIGURES = [getattr(anatomy_figures, name) for name in ("initial_values", "movement", "connections", "overlaps")]


def lines(ax):
    return {line.get_gid(): line for line in ax.get_lines()}


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_says_what_was_run_at_which_scale_and_carries_its_numbers(figure, anatomy, trainings):
    shown = figure(anatomy, trainings)
    assert "6,000 iterations instead of 50,000" in shown.said
    assert "means over 3 trials" in shown.said
    assert len(shown.alt) > 60
    assert len(shown.data)
    assert set(shown.data["key"]) == set(trainings["key"])
    for fig in (shown.fig, shown.narrow):
        assert len(fig.axes) in (3, 6)
        assert all(ax.get_lines() for ax in fig.axes)


def test_lines_are_means_and_bands_the_range_over_trials(anatomy, trainings):
    shown = anatomy_figures.initial_values(anatomy, trainings)
    mine = anatomy[(anatomy["quantity"] == "initial") & (anatomy["layer"] == "fc2.weight") & (anatomy["round"] == 8)]
    over = mine.groupby("x")["value"]
    drawn = lines(shown.fig.axes[1])["16.9 %"]
    np.testing.assert_allclose(drawn.get_ydata(), over.mean())
    np.testing.assert_allclose(drawn.get_xdata(), over.mean().index)
    bands = [band.get_paths()[0].vertices[:, 1] for band in shown.fig.axes[1].collections]
    assert any(np.isclose(b.max(), over.max().max()) and np.isclose(b.min(), over.min().min()) for b in bands)
    assert list(lines(shown.fig.axes[0])) == ["100 %", "41.1 %", "16.9 %", "7.0 %"]


def test_one_trial_has_no_bands(anatomy, trainings):
    one = anatomy_figures.connections(anatomy[anatomy["trial"] == 0], trainings)
    assert not any(ax.collections for ax in one.fig.axes)
    assert "bands" not in one.said


def test_movement_is_that_of_one_ticket_and_of_the_rest(anatomy, trainings):
    shown = anatomy_figures.movement(anatomy, trainings)
    assert "with 16.9 % left" in shown.said
    assert [list(lines(ax)) for ax in shown.fig.axes] == [["in the ticket", "the rest"]] * 6
    assert set(shown.data["quantity"]) == {"moved_in", "moved_rest", "grown_in", "grown_rest"}


def test_what_was_not_compared_is_neither_drawn_nor_named(anatomy, trainings):
    some = anatomy[~anatomy["quantity"].isin(["shared_continued", "shared_trials"])]
    shown = anatomy_figures.overlaps(some, trainings)
    assert set(lines(shown.fig.axes[0])) == {"chosen at once, after training", "largest initial weights", "chance"}
    assert "training on" not in shown.said
    assert "a random mask" in shown.said
    mine = anatomy[(anatomy["quantity"] == "shared_chance") & (anatomy["layer"] == "out.weight")]
    drawn = lines(shown.fig.axes[2])["chance"]
    np.testing.assert_allclose(drawn.get_ydata(), mine.groupby("remaining")["value"].mean())
    left, right = shown.fig.axes[0].get_xlim()
    assert left > 80 > right, "much is left on the left"


def test_a_few_rounds_are_drawn_as_far_as_they_go(anatomy, trainings):
    for rounds in (0, 1, 3, 5, 9):
        few = anatomy[anatomy["round"] <= rounds]
        few = few[~((few["round"] == 0) & few["quantity"].str.contains("moved|grown"))]  # nothing is outside
        for figure in FIGURES:
            shown = figure(few, trainings[trainings["round"] <= rounds])
            assert shown.said
            assert shown.fig.axes
            assert "nan" not in shown.said

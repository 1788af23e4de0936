"""Axes, ticks and words of a plot show all that was measured."""

import numpy as np
import pytest
from drawings import CONV, CONV_FIGURES, both, drawn
from rows import make_rows

from lthlib.book import figures, panel
from lthlib.evidence import curves


@pytest.mark.parametrize("name", ["figure1_lenet", "figure4a", "figure4b"])
def test_weights_remaining_run_from_100_on_the_left_on_a_log_axis_with_the_papers_ticks(trainings, name):
    for layout, fig in both(getattr(figures, name)(trainings)):
        for ax in fig.axes:
            left, right = ax.get_xlim()
            assert ax.get_xscale() == "log"
            assert left >= 100 > right
            np.testing.assert_array_equal(ax.get_xticks(), panel.PAPER_TICKS)
            labels = [label.get_text() for label in ax.get_xticklabels()]
            assert labels[0] == "100", layout
            assert set(labels) - {""} <= {"100", "51.3", "26.3", "13.5", "7.0", "3.6", "1.9", "1.0", "0.5", "0.3"}
            assert len(set(labels) - {""}) >= 5


def test_one_shot_has_a_linear_axis_from_100_on_the_left(trainings):
    for _, fig in both(figures.figure4c(trainings)):
        for ax in fig.axes:
            assert ax.get_xscale() == "linear"
            assert ax.get_xlim()[0] >= 100 > ax.get_xlim()[1]


def test_all_trials_lie_inside_the_panels_or_the_caption_says_what_is_cut(trainings):
    shown = figures.figure4a(trainings)
    for ax, quantity in zip(shown.fig.axes, ("es", "acc_es", "train_es"), strict=True):
        values = trainings.loc[trainings["arm"].isin(figures.FOUR_ARMS), quantity]
        bottom, top = ax.get_ylim()
        assert values.max() <= top
        if values.min() < bottom:
            assert f"{bottom:.1f} %" in shown.said
    assert "cut off" in shown.said  # at 0.2 % of the weights accuracy leaves the panel
    assert "cut off" not in figures.figure4c(trainings).said


def test_the_dense_network_is_a_dotted_line_at_its_mean(trainings):
    dense = trainings[(trainings["arm"] == "ticket") & (trainings["round"] == 0)]
    [line] = drawn(figures.figure4c(trainings).fig.axes[1], "dense")
    assert line.get_ydata()[0] == pytest.approx(dense["acc_es"].mean())


def test_early_stops_that_wait_for_the_end_of_training_are_marked(trainings):
    short = curves.summarise(make_rows(trials=2, rounds=20, iterations=6_000, every=1000))
    shown = figures.figure4a(short)
    [line] = drawn(shown.fig.axes[0], "end of training")
    assert line.get_ydata()[0] == 6_000
    assert "still falling" in shown.said
    long = trainings[trainings["arm"].isin(["ticket", "reinit"])]
    assert not drawn(figures.figure4a(long).fig.axes[0], "end of training")
    assert "still falling" not in figures.figure4a(long).said


def test_convolutional_early_stops_are_on_a_logarithmic_axis_and_all_of_them_inside(conv):
    shown = figures.figure5(conv, "conv2")
    values = conv.loc[(conv["network"] == "conv2") & conv["arm"].isin(["ticket", "reinit"]), "es"]
    for _, fig in both(shown):
        bottom, top = fig.axes[0].get_ylim()
        assert fig.axes[0].get_yscale() == "log"
        assert bottom < values[values > 0].min() <= values.max() < top
        assert [ax.get_yscale() for ax in fig.axes[1:]] == ["linear"] * 3
    assert "Early stops are on a logarithmic axis." in shown.said


def test_a_network_that_never_learnt_still_draws(conv_quick):
    never = conv_quick.assign(es=np.where(conv_quick["round"] > 2, 0, conv_quick["es"]))
    assert figures.figure5(never, "conv4").html
    assert figures.figure5(conv_quick.assign(es=0), "conv4").html


def test_alt_text_tells_the_measured_numbers(trainings):
    tickets = curves.spread(trainings[trainings["arm"] == "ticket"], "es")
    best = tickets.loc[tickets["mean"].idxmin()]
    alt = figures.figure4a(trainings).alt
    assert f"winning tickets lowest, {best['mean']:,.0f}, with {best['remaining']:.1f} % left" in alt
    dense = trainings[(trainings["arm"] == "ticket") & (trainings["round"] == 0)]
    assert f"dense network {dense['acc_es'].mean():.2f} %" in alt
    assert "the paper's winning tickets lowest, 2,981, with 13.5 % left" in alt
    reinit = curves.spread(trainings[trainings["arm"] == "reinit"], "acc_es")
    assert f"random reinit highest, {reinit['mean'].max():.2f} %" in alt


@pytest.mark.parametrize("name", CONV_FIGURES)
@pytest.mark.parametrize("network", CONV)
def test_alt_texts_tell_each_panel_in_numbers(conv, name, network):
    alt = getattr(figures, name)(conv, network).alt
    ours = conv[(conv["network"] == network) & (conv["arm"] == "ticket")]
    dense = ours.loc[ours["round"] == 0, "acc_es"].mean()
    assert f"Test accuracy there (%): dense network {dense:.2f} %; winning tickets highest, " in alt
    stops = curves.spread(ours, "es")
    best = stops.loc[stops["mean"].idxmin()]
    assert f"winning tickets lowest, {best['mean']:,.0f}, with {best['remaining']:.1f} % left" in alt
    assert "random reinit lowest" in alt
    assert "the paper's winning tickets lowest" in alt

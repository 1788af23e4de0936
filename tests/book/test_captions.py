"""The words under a figure tell the truth about what was run, and about what the paper ran."""

import pytest
from drawings import CONV_FIGURES, FIGURES, both, drawn, setting
from rows import make_rows

from lthlib.book import captions, figures
from lthlib.evidence import curves


def test_the_caption_says_what_was_run_and_what_the_bars_are(trainings):
    caption = figures.figure4a(trainings[trainings["arm"].isin(["ticket", "reinit"])]).said
    assert "n = 5 (tickets), 15 with 3 draws per trial (reinit)." in caption
    assert "MNIST, 55,000 / 5,000 / 10,000" in caption
    assert "50,000 iterations per training" in caption
    assert "down to 0.2 % of the weights" in caption
    assert "minimum to the maximum over trials and draws" in caption
    assert "Dashed grey: the paper's own curves for winning tickets and random reinit" in caption
    assert "50,000 iterations of full MNIST, 5 trials" in caption


def test_what_is_drawn_elsewhere_has_the_same_words(trainings):
    some = trainings[trainings["arm"].isin(("ticket", "random"))]
    assert captions.scale(some) in figures.figure1_lenet(trainings).said


def test_n_is_counted_where_trials_are_missing(trainings):
    partial = trainings[(trainings["arm"] == "ticket") & ((trainings["trial"] < 3) | (trainings["round"] < 2))]
    caption = figures.figure4b(partial).said
    assert "n = 3 to 5." in caption
    assert "Reduced scale: 3 trials instead of 5." in caption


def test_one_training_per_point_has_no_bars_and_the_caption_says_so():
    shown = figures.figure4a(curves.summarise(make_rows(trials=1, rounds=3, every=1000)))
    assert "n = 1." in shown.said
    assert "no bar" in shown.said
    assert "minimum" not in shown.said
    assert not drawn(shown.fig.axes[0], "bars:ticket")


@pytest.mark.parametrize("name", FIGURES)
def test_full_scale_is_not_called_reduced(trainings, name):
    assert "Reduced scale" not in getattr(figures, name)(trainings).caption


def test_full_scale_over_time_is_not_called_reduced(full):
    assert "Reduced scale" not in figures.figure3(full).said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": "mnist5k"}, "a small part of MNIST instead of all of it"),
        ({"iterations": 49_000}, "49,000 iterations instead of 50,000"),
        ({"trials": 3}, "3 trials instead of 5"),
        ({"rounds": 20}, "20 levels of pruning instead of 28"),
    ],
)
def test_each_way_of_being_smaller_is_said(change, words):
    rows = make_rows(**{"every": 1000, **change})
    assert f"Reduced scale: {words}." in figures.figure4a(curves.summarise(rows)).said


def test_everything_smaller_is_said_in_one_sentence(small):
    assert (
        "Reduced scale: a small part of MNIST instead of all of it, 3,000 iterations instead of 50,000, 2 trials "
        "instead of 5 and 5 levels of pruning instead of 28."
    ) in figures.figure4a(curves.summarise(small)).said


def test_fewer_one_shot_levels_are_said(trainings):
    some = trainings[trainings["arm"].isin(["oneshot"]) & (trainings["round"] % 2 == 0)]
    assert "19 levels of pruning instead of 39" in figures.figure4c(some).said


@pytest.mark.parametrize("name", CONV_FIGURES)
def test_a_narrow_network_on_digits_says_so_and_has_no_curve_of_the_paper(conv_quick, name):
    shown = getattr(figures, name)(conv_quick, "conv4")
    gids = {str(a.get_gid()) for _, fig in both(shown) for ax in fig.axes for a in ax.get_children()}
    assert not [gid for gid in gids if gid.startswith("paper:")]
    assert (
        "Reduced scale: padded digits instead of CIFAR-10, 12.5 % of the filters and units, 400 iterations instead of "
        "25,000, 2 trials instead of 5 and 6 levels of pruning instead of 26."
    ) in shown.said
    assert "The paper's own curves are left out: they are about CIFAR-10." in shown.said
    assert "Dashed" not in shown.said
    assert "paper" not in shown.alt
    assert shown.html


@pytest.mark.parametrize(
    ("data", "changes", "words", "drawn_over"),
    [
        ("cifar10", {}, "Dashed grey", True),
        ("cifar10_jpeg", {}, "Reduced scale: a copy in JPEG files instead of CIFAR-10 itself.", True),
        ("cifar10_jpeg", {}, "20,000 iterations of CIFAR-10 itself, 5 trials", True),
        ("cifar10_folder", {}, "images from a folder, unchecked, instead of CIFAR-10 itself", False),
        ("mnist", {}, "Reduced scale: padded digits instead of CIFAR-10.", False),
        ("cifar10", {"width": 0.5}, "Reduced scale: 50 % of the filters and units.", False),
        ("cifar10", {"width": 0.5}, "left out: they are about the network at its full width.", False),
        ("cifar10", {"precision": "bf16"}, "Reduced scale: bfloat16 products instead of single precision.", True),
        ("cifar10", {"lr": 0.001}, "Unlike the paper: learning rate 0.001 instead of 0.0002.", True),
        ("cifar10", {"inputs": "unit"}, "pixels in [0, 1];", True),
    ],
)
def test_each_departure_of_a_convolutional_run_is_said(conv_rows, data, changes, words, drawn_over):
    rows = setting(conv_rows[conv_rows["network"] == "conv2"], **changes).assign(data=data)
    shown = figures.figure5(curves.summarise(rows), "conv2")
    assert words in shown.said
    assert bool(drawn(shown.fig.axes[0], "paper:ticket")) is drawn_over
    assert ("Dashed grey" in shown.said) is drawn_over

"""The figures draw what the rows say, over what the paper's file says."""

import json

import numpy as np
import pandas as pd
import pytest
from drawings import CONV, CONV_FIGURES, FIGURES, all_inside, both, drawn
from matplotlib.colors import to_rgb
from rows import make_deep, make_rows

from lthlib import specs
from lthlib.book import figures, panel
from lthlib.book.style import ARMS
from lthlib.evidence import curves, paper_curves

# ------------------------------------------------------------------------------------------------------ what is drawn


@pytest.mark.parametrize(
    ("name", "panel", "arm", "quantity"),
    [
        ("figure1_lenet", 0, "ticket", "es"),
        ("figure1_lenet", 1, "random", "acc_es"),
        ("figure4a", 0, "reinit", "es"),
        ("figure4a", 1, "ticket", "acc_es"),
        ("figure4a", 2, "oneshot", "train_es"),
        ("figure4b", 0, "reinit", "acc_end"),
        ("figure4c", 0, "oneshot_reinit", "es"),
        ("figure4c", 1, "oneshot", "acc_es"),
    ],
)
def test_lines_are_means_and_bars_are_minimum_and_maximum(trainings, name, panel, arm, quantity):
    shown = getattr(figures, name)(trainings)
    spread = curves.spread(trainings[trainings["arm"] == arm], quantity).sort_values("remaining", ascending=False)
    for _, fig in both(shown):
        ax = fig.axes[panel]
        [line] = drawn(ax, arm)
        np.testing.assert_array_equal(line.get_xdata(), spread["remaining"])
        np.testing.assert_array_equal(line.get_ydata(), spread["mean"])
        [bars] = drawn(ax, f"bars:{arm}")
        at = {x: (low, high) for (x, low), (_, high) in bars.get_segments()}
        expected = spread.set_index("remaining")
        assert at
        for x, ends in at.items():
            assert ends == (expected.loc[x, "low"], expected.loc[x, "high"])
        if not arm.startswith("oneshot") or name == "figure4c":  # one-shot levels crowd near 100 % on a log axis
            assert len(at) == len(spread)


@pytest.mark.parametrize(
    ("name", "panel", "arm", "source"),
    [
        ("figure1_lenet", 0, "ticket", ("fig4a", "ticket", "es")),
        ("figure1_lenet", 0, "random", ("fig1", "random", "es")),
        ("figure1_lenet", 1, "random", ("fig1", "random", "acc")),
        ("figure4a", 0, "ticket", ("fig4a", "ticket", "es")),
        ("figure4a", 1, "reinit", ("fig4a", "reinit", "acc_es")),
        ("figure4a", 2, "reinit", ("fig4a", "reinit", "train_es")),
        ("figure4b", 0, "ticket", ("fig4b", "ticket", "acc_50k")),
        ("figure4c", 0, "oneshot", ("fig4c", "oneshot_ticket", "es")),
        ("figure4c", 1, "oneshot_reinit", ("fig4c", "oneshot_reinit", "acc_es")),
    ],
)
def test_the_papers_curve_lies_behind_dashed_and_grey(trainings, name, panel, arm, source):
    figure, paper_arm, quantity = source
    expected = paper_curves.paper(figure, "lenet", paper_arm, quantity)
    assert len(expected) > 15  # the file holds the curve
    for _, fig in both(getattr(figures, name)(trainings)):
        [line] = drawn(fig.axes[panel], f"paper:{arm}")
        np.testing.assert_array_equal(line.get_xdata(), expected["percent_remaining"])
        np.testing.assert_array_equal(line.get_ydata(), expected["value"])
        red, green, blue = to_rgb(line.get_color())
        assert red == green == blue
        assert line.is_dashed()
        assert line.get_marker() == ARMS[arm].marker
        assert line.get_zorder() < drawn(fig.axes[panel], arm)[0].get_zorder()


def test_nothing_but_the_paper_is_dashed(full, trainings):
    shown = [getattr(figures, name)(trainings) for name in FIGURES] + [figures.figure3(full)]
    lines = [line for s in shown for _, fig in both(s) for ax in fig.axes for line in ax.get_lines()]
    ours = [line for line in lines if not str(line.get_gid()).startswith("paper:")]
    assert len(ours) > 50
    assert {line.get_linestyle() for line in ours} == {"-", ":"}  # dotted: the dense network


# ------------------------------------------------------------------------------------------------------------- family


def test_an_arm_has_one_colour_and_marker_in_all_figures(trainings):
    seen = {arm: set() for arm in ARMS}
    for name in FIGURES:
        for _, fig in both(getattr(figures, name)(trainings)):
            for ax in fig.axes:
                for arm in seen:
                    seen[arm] |= {(line.get_color(), line.get_marker()) for line in drawn(ax, arm)}
    strategies = figures.two_strategies(as_strategies(trainings), "lenet")
    for ax in strategies.fig.axes:
        seen["continued"] |= {(line.get_color(), line.get_marker()) for line in drawn(ax, "continued")}
    inside = curves.summarise(make_rows(arms=("ticket", "reinit", "redrawn", "untrained", *specs.NOISE), every=1000))
    for figure in (figures.figure17, figures.figure18, figures.figure25):
        for ax in figure(inside).fig.axes:
            for arm in seen:
                seen[arm] |= {(line.get_color(), line.get_marker()) for line in drawn(ax, arm)}
    assert seen == {arm: {(look.colour, look.marker)} for arm, look in ARMS.items()}


def test_arms_of_appendix_f_lie_over_the_papers_own_curves():
    trainings = curves.summarise(make_rows(arms=("ticket", "reinit", "redrawn", "untrained", *specs.NOISE), every=1000))
    for figure, arms in (
        (figures.figure17, {"redrawn": ("fig17", "sampled_from_ticket"), "ticket": ("fig4a", "ticket")}),
        (figures.figure18, {"untrained": ("fig18", "prune_at_iter0"), "reinit": ("fig4a", "reinit")}),
        (figures.figure25, {"noise_half": ("fig25", "noise0.5"), "noise_three": ("fig25", "noise3")}),
    ):
        shown = figure(trainings)
        _, accuracy = shown.fig.axes
        for arm, place in arms.items():
            [theirs] = drawn(accuracy, f"paper:{arm}")
            expected = paper_curves.paper(place[0], "lenet", place[1], "acc_es")
            np.testing.assert_array_equal(theirs.get_ydata(), expected["value"])
            assert len(drawn(accuracy, arm)) == 1
        all_inside(shown)


def test_the_gap_is_in_points(trainings):
    shown = figures.generalisation(trainings)
    line = drawn(shown.fig.axes[1], "reinit")[0]
    gaps = trainings[trainings["arm"] == "reinit"].groupby("round")["gap_end"].mean()
    np.testing.assert_allclose(line.get_ydata(), gaps)
    assert " points" in shown.alt
    assert "%, with" not in shown.alt
    all_inside(shown)


def test_a_sweep_by_number_of_weights_puts_each_size_where_its_weights_are():
    runs = {
        name: curves.summarise(make_rows(trials=2, arms=("ticket",), every=1000, key=f"{i}" * 12))
        for i, name in enumerate(("100-34", "300-100"))
    }
    small = runs["100-34"]
    spec = json.dumps({**json.loads(small["spec"].iloc[0]), "width": 1 / 3})
    runs["100-34"] = small.assign(weights=small["weights"] // 3, spec=spec)
    shown = figures.sweep(runs, "lenet", "hidden units", unlike=("width",), by_weights=True)
    for ax in shown.fig.axes:
        small, large = (drawn(ax, f"hidden units:{name}")[0] for name in runs)
        np.testing.assert_allclose(3 * small.get_xdata(), large.get_xdata(), rtol=1e-2)
        assert large.get_xdata()[0] == 266_200
        assert ax.get_xlim()[0] > ax.get_xlim()[1], "many weights on the left"
    assert [text.get_text() for text in shown.fig.legends[0].get_texts()] == ["100-34", "300-100"]
    assert "against the number of weights remaining" in shown.said
    assert "filters and units" not in shown.said, "which is what is varied"
    all_inside(shown)


def test_an_accuracy_far_below_the_others_is_cut_off_and_said_so():
    runs = {
        rate: curves.summarise(make_rows(trials=1, arms=("ticket",), every=1000, key=f"{i}" * 12))
        for i, rate in enumerate((0.0012, 0.0064))
    }
    low = runs[0.0064]
    runs[0.0064] = low.assign(valacc_es=low["valacc_es"].where(low["round"] < 5, 30.0))
    shown = figures.sweep(runs, "lenet", "learning rate", unlike=("lr",))
    assert "are cut off" in shown.said
    assert shown.fig.axes[1].get_ylim()[0] > 80
    assert "There is one training per point" in shown.said


def as_strategies(trainings):
    """Tickets and, as if found by the other strategy, what was random reinit."""
    both = trainings[trainings["arm"].isin(["ticket", "reinit"])]
    return both.assign(arm=both["arm"].replace({"reinit": "continued"}))


def test_two_strategies_lie_over_the_papers_own_curves(trainings):
    shown = figures.two_strategies(as_strategies(trainings), "lenet")
    stop, accuracy = shown.fig.axes
    assert len(drawn(stop, "continued")) == len(drawn(accuracy, "continued")) == 1
    assert "continued training" in shown.said
    assert "fig9" not in shown.said
    assert len(shown.alt) > 60


def test_figure3_keeps_an_arms_hue(full):
    """Its lines are shades of their arm's colour: the same mixed with black or white; the dense network is black."""
    for ax in figures.figure3(full).fig.axes:
        for line in ax.get_lines():
            arm, round_ = line.get_gid().split(":")
            colour, own = np.array(to_rgb(line.get_color())), np.array(to_rgb(ARMS[arm].colour))
            if round_ == "0":
                assert colour.max() < 0.2
            else:
                end = 0.0 if colour.sum() < own.sum() else 1.0
                amount = (colour - own) / np.where(end == own, 1, end - own)
                assert np.ptp(amount[own != end]) < 1e-9


@pytest.mark.parametrize("name", [*FIGURES, "figure3", "figure5", "random_sparsity"])
def test_no_text_is_clipped_or_overlaps_a_neighbour(full, trainings, conv, name):
    """Titles, tick labels and legends of both layouts lie inside the picture, and tick labels do not touch."""
    draw = getattr(figures, name)
    all_inside(draw(conv, "conv2") if name in CONV_FIGURES else draw(full if name == "figure3" else trainings))


# ----------------------------------------------------------------------------------------------------------- figure 3


def test_figure3_draws_means_and_bars_of_the_papers_levels(full):
    shown = figures.figure3(full)
    wanted = [
        ["ticket:0", "ticket:3", "ticket:7"],
        ["ticket:0", "ticket:7", "ticket:12", "ticket:15", "ticket:18"],
        ["ticket:0", "ticket:3", "ticket:7", "reinit:3", "reinit:7"],
    ]
    levels = {"0": "100 %, dense", "3": "51.3 %", "7": "21.1 %", "12": "7.0 %", "15": "3.6 %", "18": "1.9 %"}
    for _, fig in both(shown):
        assert [[line.get_gid() for line in ax.get_lines()] for ax in fig.axes] == wanted
        for ax in fig.axes:
            assert ax.get_xlim() == (0, 17_500)
            for line in ax.get_lines():
                arm, round_ = line.get_gid().split(":")
                assert line.get_label() == levels[round_] + (" reinit" if arm == "reinit" else "")
                ours = full[(full["arm"] == arm) & (full["round"] == int(round_)) & (full["iteration"] <= 17_500)]
                accuracy = ours.groupby("iteration")["test_acc"]
                np.testing.assert_allclose(line.get_ydata(), accuracy.mean())
                [bars] = drawn(ax, f"bars:{line.get_gid()}")
                for (x, low), (_, high) in bars.get_segments():
                    assert (low, high) == (accuracy.min()[x], accuracy.max()[x])


def test_figure3_of_a_short_run_skips_and_says_so(small):
    shown = figures.figure3(small)
    assert shown.fig.axes[0].get_xlim() == (0, 3_000)
    assert "up to iteration 3,000" in shown.said
    assert "Not run: tickets of round 7, tickets of round 12, " in shown.said
    assert "tickets of round 18 and reinit of round 7." in shown.said
    assert "n = 2." in shown.said
    assert "Reduced scale" in shown.said
    dense = small[(small["arm"] == "ticket") & (small["round"] == 0) & (small["iteration"] == 3_000)]
    assert f"{dense['test_acc'].mean():.2f} % at iteration 3,000" in shown.alt


def test_figure3_says_so_when_no_level_was_run(full):
    other = full[(full["arm"] == "ticket") & (full["round"] == 1)]
    shown = figures.figure3(other)
    assert "not run" in shown.alt
    assert shown.html


# ---------------------------------------------------------------------------------------------- convolutional networks


@pytest.mark.parametrize("name", CONV_FIGURES)
@pytest.mark.parametrize("network", CONV)
def test_a_convolutional_figure_draws_its_own_networks_means(conv, name, network):
    shown = getattr(figures, name)(conv, network)
    ours = conv[conv["network"] == network]
    quantities = ["es", "acc_es", "train_es", "acc_end"] if name == "figure5" else ["es", "acc_es", "acc_end"]
    arms = ["ticket", "reinit"] if name == "figure5" else ["ticket", "reinit", "random"]
    for _, fig in both(shown):
        assert len(fig.axes) == len(quantities)
        assert fig.legends[0].get_title().get_text() == specs.NAMES[network]
        for ax, quantity in zip(fig.axes, quantities, strict=True):
            np.testing.assert_array_equal(ax.get_xticks(), [t for t in panel.CONV_TICKS if t > ax.get_xlim()[1]])
            for arm in arms:
                spread = curves.spread(ours[ours["arm"] == arm], quantity).sort_values("remaining", ascending=False)
                np.testing.assert_array_equal(drawn(ax, arm)[0].get_ydata(), spread["mean"])
                assert drawn(ax, f"bars:{arm}")
    assert f"Measured here: {specs.NAMES[network]} on CIFAR10" in shown.said
    assert "pixels as stored, 0 to 255;" in shown.said
    assert "Reduced scale" not in shown.said
    assert "Unlike the paper" not in shown.said


@pytest.mark.parametrize(
    ("name", "network", "panel", "arm", "source"),
    [
        ("figure5", "conv2", 0, "ticket", ("fig5", "ticket", "es")),
        ("figure5", "conv4", 1, "reinit", ("fig5", "reinit", "acc_es")),
        ("figure5", "conv6", 2, "ticket", ("fig5", "ticket", "train_es")),
        ("figure5", "conv6", 3, "reinit", ("fig5", "reinit", "acc_end")),
        ("random_sparsity", "conv2", 0, "random", ("fig1", "random", "es")),
        ("random_sparsity", "conv4", 1, "random", ("fig1", "random", "acc")),
        ("random_sparsity", "conv4", 1, "reinit", ("fig5", "reinit", "acc_es")),
        ("random_sparsity", "conv6", 2, "random", ("fig14", "random_sparsity", "acc_final")),
    ],
)
def test_the_papers_convolutional_curves_lie_behind(conv, name, network, panel, arm, source):
    figure, paper_arm, quantity = source
    expected = paper_curves.paper(figure, network, paper_arm, quantity)
    assert len(expected) > 15
    shown = getattr(figures, name)(conv, network)
    for _, fig in both(shown):
        [line] = drawn(fig.axes[panel], f"paper:{arm}")
        np.testing.assert_array_equal(line.get_xdata(), expected["percent_remaining"])
        np.testing.assert_array_equal(line.get_ydata(), expected["value"])
        assert line.is_dashed()
    assert f"{specs.PAPER[network].iterations:,} iterations of CIFAR-10, 5 trials" in shown.said


def test_figure_1_of_conv6_is_another_experiment_and_not_drawn(conv):
    shown = figures.random_sparsity(conv, "conv6")
    assert not drawn(shown.fig.axes[0], "paper:random")
    assert "For its Figure 1 it pruned Conv-6 at other rates: random sparsity is in the last panel only." in shown.said
    for other in ("conv2", "conv4"):
        caption = figures.random_sparsity(conv, other).said
        assert "at other rates" not in caption
        assert "10 of random sparsity (5 at the end of training)." in caption


@pytest.mark.parametrize("name", CONV_FIGURES)
def test_a_network_that_was_not_run_is_one_clear_line(conv, name):
    with pytest.raises(ValueError, match="no training of conv4; run `lth run conv4` first"):
        getattr(figures, name)(conv[conv["network"] == "conv2"], "conv4")


# ----------------------------------------------------------------------------------------- settings of the same network


@pytest.fixture(scope="module")
def dropout():
    rows = make_rows(
        network="conv2", iterations=60_000, every=500, rounds=20, arms=("ticket",), key="d" * 12, setting="dropout"
    )
    return curves.summarise(rows)


def test_dropout_is_drawn_beside_the_tickets_without_it(dropout, conv):
    shown = figures.figure6(dropout, "conv2", conv)
    plain = conv[conv["network"] == "conv2"]
    for _, fig in both(shown):
        for ax, quantity in zip(fig.axes, ("es", "acc_es"), strict=True):
            for gid, trainings in (("ticket", dropout), ("plain", plain[plain["arm"] == "ticket"])):
                mean = curves.spread(trainings, quantity).sort_values("remaining", ascending=False)["mean"]
                np.testing.assert_array_equal(drawn(ax, gid)[0].get_ydata(), mean)
            for gid, source in (("ticket", ("fig6", "conv2", "dropout")), ("plain", ("fig5", "conv2", "ticket"))):
                [line] = drawn(ax, f"paper:{gid}")
                np.testing.assert_array_equal(line.get_ydata(), paper_curves.paper(*source, quantity)["value"])
    assert "60,000 iterations per training" in shown.said
    assert "Beside it, tickets without dropout. Measured here: Conv-2" in shown.said
    assert "20,000 iterations per training" in shown.said
    assert "Reduced" not in shown.said.split("Beside it")[1]
    all_inside(shown)


def test_dropout_alone_says_what_was_not_run_beside_it(dropout, conv):
    for plain in (None, conv.head(0)):
        shown = figures.figure6(dropout, "conv2", plain)
        assert "Not run: tickets without dropout." in shown.said
        assert not any(drawn(ax, "plain") for ax in shown.fig.axes)


@pytest.mark.parametrize("setting", ["lr0.1", "lr0.01", "warmup"])
@pytest.mark.parametrize("network", specs.DEEP)
def test_deep_networks_are_drawn_at_three_points_in_training(network, setting):
    rows = make_deep(network, setting)
    shown = figures.figures7_8(rows, network)
    for _, fig in both(shown):
        for ax, point in zip(fig.axes, specs.POINTS[network], strict=True):
            for arm in ("ticket", "reinit"):
                at = rows[(rows["arm"] == arm) & (rows["iteration"] == point)]
                expected = at.groupby("round")["test_acc"].mean()
                np.testing.assert_allclose(drawn(ax, arm)[0].get_ydata(), expected)
                [theirs] = drawn(ax, f"paper:{arm}")
                np.testing.assert_allclose(theirs.get_ydata()[:5], expected[:5])  # the rows were made from it
    assert f"rate {specs.spec(network, setting=setting).lr:g}" in shown.fig.legends[0].get_title().get_text()
    assert "3 to 5 trials" in shown.said
    all_inside(shown)


def test_a_shorter_training_is_read_at_the_same_parts_of_it():
    rows = make_deep("resnet20", "warmup")
    short = rows.assign(iteration=rows["iteration"] // 10)
    spec = specs.as_json(specs.spec("resnet20", setting="warmup", iterations=3_000))
    shown = figures.figures7_8(short.assign(spec=spec), "resnet20")
    assert [ax.get_title("left") for ax in shown.fig.axes] == [
        f"Accuracy at {n} (%)" for n in ("1,000", "2,000", "3,000")
    ]
    assert "3,000 iterations instead of 30,000" in shown.said
    assert "Unlike the paper" not in shown.said


def test_a_rate_that_the_paper_does_not_plot_has_no_curve_of_its_own():
    shown = figures.figures7_8(make_deep("vgg19", "lr0.1", lr=0.05), "vgg19")
    assert not any(drawn(ax, "paper:ticket") for ax in shown.fig.axes)
    assert "Unlike the paper: learning rate 0.05 instead of" in shown.said


def test_scopes_of_pruning_are_drawn_together_and_keep_their_keys_apart():
    mine = curves.summarise(make_deep("resnet20", "warmup"))
    other = curves.summarise(make_deep("resnet20", "warmup", arms=("ticket",), shift=-1.0, scope="layer"))
    shown = figures.scopes(mine, "resnet20", other)
    [ax] = shown.fig.axes
    difference = drawn(ax, "ticket")[0].get_ydata() - drawn(ax, "layer")[0].get_ydata()
    np.testing.assert_allclose(difference, 1.0)
    assert "pruning scope layer instead of global" in shown.said
    assert "Not run: tickets pruned layer by layer" in figures.scopes(mine, "resnet20").said
    all_inside(shown)


def test_lengths_of_warmup_are_lines_from_light_to_dark():
    runs = {
        k: curves.summarise(make_deep("resnet20", "warmup", shift=k / 10_000, warmup=k)) for k in (20_000, 0, 5_000)
    }
    shown = figures.warmups(runs, "resnet20")
    [ax] = shown.fig.axes
    lines = [drawn(ax, f"iterations of warmup:{k}")[0] for k in (0, 5_000, 20_000)]
    lightness = [sum(to_rgb(line.get_color())) for line in lines]
    assert lightness == sorted(lightness, reverse=True)
    np.testing.assert_allclose(lines[2].get_ydata() - lines[0].get_ydata(), 2.0)
    assert [text.get_text() for text in shown.fig.legends[0].get_texts()] == ["0", "5,000", "20,000"]
    assert "warmup 0 instead" not in shown.said
    assert "Not drawn" not in shown.said
    all_inside(shown)


def test_a_warmup_that_was_run_at_another_scale_is_named_and_not_drawn():
    runs = {k: curves.summarise(make_deep("resnet20", "warmup", warmup=k)) for k in (0, 500, 20_000)}
    runs[0] = runs[0].assign(data="mnist5k")
    shown = figures.warmups({**runs, 700: runs[500]}, "resnet20")
    assert [text.get_text() for text in shown.fig.legends[0].get_texts()] == ["500", "20,000"]
    assert "for another scale or none of its own here: 0 and 700." in shown.said


def test_layer_wise_tickets_do_not_lie_over_the_papers_global_ones():
    shown = figures.figures7_8(make_deep("resnet20", "warmup", scope="layer"), "resnet20")
    assert not any(drawn(ax, "paper:ticket") for ax in shown.fig.axes)


def test_accuracy_at_the_end_of_a_deep_network_lies_over_figure_14():
    rows = pd.concat(
        [make_deep("resnet20", "lr0.1"), make_deep("resnet20", "lr0.1", arms=("reinit",)).assign(arm="random")]
    )
    shown = figures.random_sparsity_deep(curves.summarise(rows), "resnet20")
    [ax] = shown.fig.axes
    [theirs] = drawn(ax, "paper:random")
    expected = paper_curves.paper("fig14", "resnet20", "random_sparsity", "acc_final", "lr0.1")["value"]
    np.testing.assert_array_equal(theirs.get_ydata(), expected)

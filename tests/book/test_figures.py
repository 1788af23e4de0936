"""The figures draw what the rows say, over what the paper's file says, and their words tell the truth about both."""

import json
import re
from base64 import b64decode
from io import BytesIO
from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from rows import make_deep, make_rows

from lthlib import specs
from lthlib.book import figures
from lthlib.book.style import ARMS, png, style
from lthlib.evidence import curves, paper_curves

FIGURES = ("figure1_lenet", "figure4a", "figure4b", "figure4c")


@pytest.fixture(scope="module")
def full():
    """Rows at the paper's own scale: every arm, 5 trials, and three draws of reinit."""
    parts = [
        make_rows(arms=("ticket", "random", "oneshot", "oneshot_reinit"), every=1000),
        make_rows(arms=("reinit",), draws=3, every=1000, seed=1),
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def trainings(full):
    return curves.summarise(full)


@pytest.fixture(scope="module")
def small():
    """What a quick run leaves: tickets and reinit, two trials, five rounds, a few thousand iterations of few digits."""
    return make_rows(trials=2, rounds=5, iterations=3_000, data="mnist5k")


def drawn(ax, gid):
    """What an axes holds under this name."""
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


def both(shown):
    return [("wide", shown.fig), ("narrow", shown.narrow)]


# ------------------------------------------------------------------------------------------------------ what is drawn


def behind(shown):
    """The table that a page offers with a figure, as a reader gets it."""
    held = re.search(r'<a class="lth-data" download="[\w-]+.csv" href="data:text/csv;base64,([^"]+)">', shown.html)[1]
    return pd.read_csv(BytesIO(b64decode(held)))


@pytest.mark.parametrize("name", FIGURES)
def test_the_file_behind_a_figure_holds_what_it_draws(trainings, name):
    shown = getattr(figures, name)(trainings)
    table = behind(shown)
    called = {
        "figure1_lenet": "es-acc_es",
        "figure4a": "es-acc_es-train_es",
        "figure4b": "acc_end",
        "figure4c": "es-acc_es",
    }
    assert f'download="lenet-{table["key"].iloc[0]}-{called[name]}.csv"' in shown.html
    for ax in shown.fig.axes:
        for arm in ("ticket", "reinit", "random", "oneshot", "oneshot_reinit"):
            for line in drawn(ax, arm):
                part = (
                    table[(table["arm"] == arm) & (table["round"] > 0)]
                    if arm != "ticket"
                    else table[table["arm"] == arm]
                )
                means = {q: part.groupby("round")[q].mean() for q in table.columns[8:]}
                assert any(np.allclose(m, line.get_ydata(), rtol=1e-5) for m in means.values()), (arm, list(means))


def test_the_file_behind_curves_over_time_holds_their_points(full):
    shown = figures.figure3(full)
    table = behind(shown)
    for line in (line for ax in shown.fig.axes for line in ax.lines if line.get_gid()):
        arm, n = line.get_gid().split(":")[:2] if ":" in line.get_gid() else (line.get_gid(), None)
        part = table[(table["arm"] == arm) & (table["round"] == int(n))]
        np.testing.assert_allclose(part["mean"], line.get_ydata(), rtol=1e-5)


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


@pytest.mark.parametrize("name", ["figure1_lenet", "figure4a", "figure4b"])
def test_weights_remaining_run_from_100_on_the_left_on_a_log_axis_with_the_papers_ticks(trainings, name):
    for layout, fig in both(getattr(figures, name)(trainings)):
        for ax in fig.axes:
            left, right = ax.get_xlim()
            assert ax.get_xscale() == "log"
            assert left >= 100 > right
            np.testing.assert_array_equal(ax.get_xticks(), figures.PAPER_TICKS)
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
            assert f"{bottom:.1f} %" in shown.caption
    assert "cut off" in shown.caption  # at 0.2 % of the weights accuracy leaves the panel
    assert "cut off" not in figures.figure4c(trainings).caption


def test_the_dense_network_is_a_dotted_line_at_its_mean(trainings):
    dense = trainings[(trainings["arm"] == "ticket") & (trainings["round"] == 0)]
    [line] = drawn(figures.figure4c(trainings).fig.axes[1], "dense")
    assert line.get_ydata()[0] == pytest.approx(dense["acc_es"].mean())


def test_early_stops_that_wait_for_the_end_of_training_are_marked(trainings):
    short = curves.summarise(make_rows(trials=2, rounds=20, iterations=6_000, every=1000))
    shown = figures.figure4a(short)
    [line] = drawn(shown.fig.axes[0], "end of training")
    assert line.get_ydata()[0] == 6_000
    assert "still falling" in shown.caption
    long = trainings[trainings["arm"].isin(["ticket", "reinit"])]
    assert not drawn(figures.figure4a(long).fig.axes[0], "end of training")
    assert "still falling" not in figures.figure4a(long).caption


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
    assert "against the number of weights remaining" in shown.caption
    assert "filters and units" not in shown.caption, "which is what is varied"
    all_inside(shown)


def test_an_accuracy_far_below_the_others_is_cut_off_and_said_so():
    runs = {
        rate: curves.summarise(make_rows(trials=1, arms=("ticket",), every=1000, key=f"{i}" * 12))
        for i, rate in enumerate((0.0012, 0.0064))
    }
    low = runs[0.0064]
    runs[0.0064] = low.assign(valacc_es=low["valacc_es"].where(low["round"] < 5, 30.0))
    shown = figures.sweep(runs, "lenet", "learning rate", unlike=("lr",))
    assert "are cut off" in shown.caption
    assert shown.fig.axes[1].get_ylim()[0] > 80
    assert "There is one training per point" in shown.caption


def as_strategies(trainings):
    """Tickets and, as if found by the other strategy, what was random reinit."""
    both = trainings[trainings["arm"].isin(["ticket", "reinit"])]
    return both.assign(arm=both["arm"].replace({"reinit": "continued"}))


def test_two_strategies_lie_over_the_papers_own_curves(trainings):
    shown = figures.two_strategies(as_strategies(trainings), "lenet")
    stop, accuracy = shown.fig.axes
    assert len(drawn(stop, "continued")) == len(drawn(accuracy, "continued")) == 1
    assert "continued training" in shown.caption
    assert "fig9" not in shown.caption
    assert len(shown.alt) > 60


def test_arms_differ_in_colour_and_marker():
    assert len({look.marker for look in ARMS.values()}) == len(ARMS)
    for one, other in combinations(ARMS.values(), 2):
        assert np.linalg.norm(np.subtract(to_rgb(one.colour), to_rgb(other.colour))) > 0.25, (one.name, other.name)


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


def test_backgrounds_are_opaque_white_so_that_dark_pages_stay_legible(trainings):
    image = Image.open(BytesIO(png(figures.figure4b(trainings).fig))).convert("RGBA")
    assert image.getextrema()[3] == (255, 255)
    assert image.getpixel((2, 2)) == (255, 255, 255, 255)


def test_rasters_have_two_pixels_for_each_one_shown(trainings):
    shown = figures.figure4c(trainings)
    width = int(re.search(r'<img[^>]* width="(\d+)"', shown.html)[1])
    assert Image.open(BytesIO(png(shown.fig))).width == 2 * width


def test_the_style_is_a_context_and_figures_are_unknown_to_pyplot(small):
    before = dict(mpl.rcParams)
    shown = figures.figure4a(curves.summarise(small))
    assert shown._repr_mimebundle_()["text/html"]
    assert dict(mpl.rcParams) == before
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", [*FIGURES, "figure3", "figure5", "random_sparsity"])
def test_no_text_is_clipped_or_overlaps_a_neighbour(full, trainings, conv, name):
    """Titles, tick labels and legends of both layouts lie inside the picture, and tick labels do not touch."""
    draw = getattr(figures, name)
    all_inside(draw(conv, "conv2") if name in CONV_FIGURES else draw(full if name == "figure3" else trainings))


def all_inside(shown):
    for layout, fig in both(shown):
        with style():
            fig.draw_without_rendering()  # lays it out
        inside = fig.bbox
        texts = [t for ax in fig.axes for t in [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]]
        boxes = [t.get_window_extent() for t in texts if t.get_text()]
        boxes += [legend.get_window_extent() for legend in fig.legends]
        for ax in fig.axes:
            right = max(ax.bbox.x0, ax.bbox.x1) + 1  # matplotlib keeps a tick beyond the axis, and does not draw it
            ticks = [tick.label1 for tick in ax.xaxis.get_major_ticks() if tick.label1.get_text()]
            labels = [
                t.get_window_extent() for t in ticks if ax.transData.transform((t.get_position()[0], 1))[0] < right
            ]
            assert len(labels) >= 4
            labels.sort(key=lambda box: box.x0)  # an axis may run from right to left
            assert all(a.x1 < b.x0 for a, b in pairwise(labels)), (layout, "tick labels touch")
            boxes += labels
        for box in boxes:
            assert box.x0 >= inside.x0 - 1, layout
            assert box.x1 <= inside.x1 + 1, layout
            assert box.y0 >= inside.y0 - 1, layout
            assert box.y1 <= inside.y1 + 1, layout


# ---------------------------------------------------------------------------------------------------------- its words


def test_the_caption_says_what_was_run_and_what_the_bars_are(trainings):
    caption = figures.figure4a(trainings[trainings["arm"].isin(["ticket", "reinit"])]).caption
    assert "n = 5 (tickets), 15 with 3 draws per trial (reinit)." in caption
    assert "MNIST, 55,000 / 5,000 / 10,000" in caption
    assert "50,000 iterations per training" in caption
    assert "down to 0.2 % of the weights" in caption
    assert "minimum to the maximum over trials and draws" in caption
    assert "Dashed grey: the paper's own curves for winning tickets and random reinit" in caption
    assert "50,000 iterations of full MNIST, 5 trials" in caption


def test_what_is_drawn_elsewhere_has_the_same_words(trainings):
    some = trainings[trainings["arm"].isin(("ticket", "random"))]
    assert figures.scale(some) in figures.figure1_lenet(trainings).caption


def test_n_is_counted_where_trials_are_missing(trainings):
    partial = trainings[(trainings["arm"] == "ticket") & ((trainings["trial"] < 3) | (trainings["round"] < 2))]
    caption = figures.figure4b(partial).caption
    assert "n = 3 to 5." in caption
    assert "Reduced scale: 3 trials instead of 5." in caption


def test_one_training_per_point_has_no_bars_and_the_caption_says_so():
    shown = figures.figure4a(curves.summarise(make_rows(trials=1, rounds=3, every=1000)))
    assert "n = 1." in shown.caption
    assert "no bar" in shown.caption
    assert "minimum" not in shown.caption
    assert not drawn(shown.fig.axes[0], "bars:ticket")


@pytest.mark.parametrize("name", FIGURES)
def test_full_scale_is_not_called_reduced(trainings, name):
    assert "Reduced scale" not in getattr(figures, name)(trainings).caption


def test_full_scale_over_time_is_not_called_reduced(full):
    assert "Reduced scale" not in figures.figure3(full).caption


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
    assert f"Reduced scale: {words}." in figures.figure4a(curves.summarise(rows)).caption


def test_everything_smaller_is_said_in_one_sentence(small):
    assert (
        "Reduced scale: a small part of MNIST instead of all of it, 3,000 iterations instead of 50,000, 2 trials "
        "instead of 5 and 5 levels of pruning instead of 28."
    ) in figures.figure4a(curves.summarise(small)).caption


def test_fewer_one_shot_levels_are_said(trainings):
    some = trainings[trainings["arm"].isin(["oneshot"]) & (trainings["round"] % 2 == 0)]
    assert "19 levels of pruning instead of 39" in figures.figure4c(some).caption


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


def test_words_are_escaped(trainings):
    evil = trainings.assign(data_label='<b>"digits" & more</b>')
    html = figures.figure4b(evil).html
    assert "<b>" not in html
    assert "&lt;b&gt;&quot;digits&quot; &amp; more&lt;/b&gt;" in html


# ------------------------------------------------------------------------------------------------- what was not run


def test_a_quick_run_draws_what_it_has(small):
    trainings = curves.summarise(small)
    shown = figures.figure4a(trainings)
    assert "Not run: one-shot tickets and one-shot reinit." in shown.caption
    assert not drawn(shown.fig.axes[0], "oneshot")
    assert "Not run: random sparsity." in figures.figure1_lenet(trainings).caption
    assert figures.figure4b(trainings).html


def test_one_shot_not_run_is_said_in_the_panels(small):
    shown = figures.figure4c(curves.summarise(small))
    assert [t.get_text() for ax in shown.fig.axes for t in ax.texts] == ["not run", "not run"]
    assert "Not run: one-shot tickets and one-shot reinit." in shown.caption
    assert "the dense network alone; n = 2." in shown.caption  # the dotted line
    assert "not run" in shown.alt


def test_what_is_not_run_still_shows_the_papers_curves_on_full_mnist(trainings):
    shown = figures.figure4c(trainings[trainings["arm"] == "ticket"])
    assert drawn(shown.fig.axes[0], "paper:oneshot")  # what there would be to compare with
    assert "the paper's one-shot tickets lowest" in shown.alt
    assert shown.fig.axes[0].get_ylim()[1] > 10_000


@pytest.mark.parametrize("name", FIGURES)
def test_the_papers_curves_are_left_out_where_the_data_are_other_ones(small, name):
    """Theirs are about the whole of MNIST: on fewer digits, some points lower, they would squeeze ours."""
    shown = getattr(figures, name)(curves.summarise(small))
    gids = {str(artist.get_gid()) for _, fig in both(shown) for ax in fig.axes for artist in ax.get_children()}
    assert not [gid for gid in gids if gid.startswith("paper:")]
    assert "the paper's" not in [text.get_text() for legend in shown.fig.legends for text in legend.get_texts()]
    assert "The paper's own curves are left out: they are about the whole of MNIST." in shown.caption
    assert "Dashed" not in shown.caption
    assert "paper" not in shown.alt
    if name != "figure4c":  # the axis is ours
        assert shown.fig.axes[0].get_ylim()[1] < 3_500


def test_only_reinit_still_draws(trainings):
    shown = figures.figure4a(trainings[trainings["arm"] == "reinit"])
    assert "Not run: winning tickets, one-shot tickets and one-shot reinit." in shown.caption
    assert "dense" not in shown.alt


@pytest.mark.parametrize("name", [*FIGURES, "figure3"])
def test_nothing_at_all_is_one_clear_line(full, trainings, name):
    table = full if name == "figure3" else trainings
    conv = table[:3].assign(network="conv2")
    for empty in (table[:0], conv, pd.DataFrame()):
        with pytest.raises(ValueError, match="nothing to draw") as error:
            getattr(figures, name)(empty)
        assert "\n" not in str(error.value)


def test_two_experiments_do_not_share_a_figure(trainings):
    mixed = pd.concat([trainings, trainings.assign(key="ffffffffffff")])
    with pytest.raises(ValueError, match="2 experiments"):
        figures.figure4a(mixed)


def test_other_networks_in_the_table_change_nothing(trainings):
    mixed = pd.concat([trainings, trainings[:50].assign(network="conv2", es=1.0, key="ffffffffffff")])
    assert figures.figure4a(mixed).alt == figures.figure4a(trainings).alt


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
    assert "up to iteration 3,000" in shown.caption
    assert "Not run: tickets of round 7, tickets of round 12, " in shown.caption
    assert "tickets of round 18 and reinit of round 7." in shown.caption
    assert "n = 2." in shown.caption
    assert "Reduced scale" in shown.caption
    dense = small[(small["arm"] == "ticket") & (small["round"] == 0) & (small["iteration"] == 3_000)]
    assert f"{dense['test_acc'].mean():.2f} % at iteration 3,000" in shown.alt


def test_figure3_says_so_when_no_level_was_run(full):
    other = full[(full["arm"] == "ticket") & (full["round"] == 1)]
    shown = figures.figure3(other)
    assert "not run" in shown.alt
    assert shown.html


# ----------------------------------------------------------------------------------------------------- lines over time


def test_over_time_draws_the_lines_asked_for(full):
    lines = [("ticket", 0), ("ticket", 5), ("reinit", 5), ("oneshot", 13)]
    shown = figures.over_time(full, lines, "A title")
    for _, fig in both(shown):
        [ax] = fig.axes
        assert [line.get_gid() for line in ax.get_lines()] == ["ticket:0", "ticket:5", "reinit:5", "oneshot:13"]
        labels = [line.get_label() for line in ax.get_lines()]
        assert labels == ["100 %, dense", "32.9 %", "32.9 % reinit", "67.6 % one-shot"]
        assert ax.get_title("left") == "A title"
        assert ax.get_xlim() == (0, 50_000)
    assert "n = 5 (tickets), 15 with 3 draws per trial (reinit), 5 (one-shot)." in shown.caption


def test_over_time_of_single_trainings_has_no_bars_and_says_so():
    rows = make_rows(trials=1, rounds=3, iterations=500, every=50, data="mnist5k")
    shown = figures.over_time(rows, [("ticket", 0), ("ticket", 3), ("reinit", 3)])
    assert "n = 1." in shown.caption
    assert "one training per line" in shown.caption
    assert "minimum" not in shown.caption
    assert "Reduced scale" in shown.caption
    for _, fig in both(shown):
        assert not [a for a in fig.axes[0].get_children() if str(a.get_gid()).startswith("bars:")]
    assert "51.3 % reinit: " in shown.alt
    assert shown.html


def test_over_time_names_what_was_not_run(small):
    shown = figures.over_time(small, [("ticket", 0), ("random", 4)])
    assert "Not run: random of round 4." in shown.caption
    assert [line.get_gid() for line in shown.fig.axes[0].get_lines()] == ["ticket:0"]
    assert "not run" in figures.over_time(small, [("random", 4)]).alt


# ---------------------------------------------------------------------------------------------- convolutional networks

CONV = ("conv2", "conv4", "conv6")
CONV_FIGURES = ("figure5", "random_sparsity")


def setting(rows, **changes):
    """Rows whose experiment has these settings."""
    return rows.assign(spec=json.dumps({**json.loads(rows["spec"].iloc[0]), **changes}))


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def conv(conv_rows):
    return curves.summarise(conv_rows)


@pytest.fixture(scope="module")
def conv_quick():
    """What a quick run leaves: a narrow Conv-4 on padded digits."""
    rows = make_rows(network="conv4", trials=2, rounds=6, iterations=400, every=20, data="mnist5k")
    return curves.summarise(setting(rows, width=0.125, inputs="raw"))


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
            np.testing.assert_array_equal(ax.get_xticks(), [t for t in figures.CONV_TICKS if t > ax.get_xlim()[1]])
            for arm in arms:
                spread = curves.spread(ours[ours["arm"] == arm], quantity).sort_values("remaining", ascending=False)
                np.testing.assert_array_equal(drawn(ax, arm)[0].get_ydata(), spread["mean"])
                assert drawn(ax, f"bars:{arm}")
    assert f"Measured here: {specs.NAMES[network]} on CIFAR10" in shown.caption
    assert "pixels as stored, 0 to 255;" in shown.caption
    assert "Reduced scale" not in shown.caption
    assert "Unlike the paper" not in shown.caption


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
    assert f"{specs.PAPER[network].iterations:,} iterations of CIFAR-10, 5 trials" in shown.caption


def test_figure_1_of_conv6_is_another_experiment_and_not_drawn(conv):
    shown = figures.random_sparsity(conv, "conv6")
    assert not drawn(shown.fig.axes[0], "paper:random")
    assert (
        "For its Figure 1 it pruned Conv-6 at other rates: random sparsity is in the last panel only." in shown.caption
    )
    for other in ("conv2", "conv4"):
        caption = figures.random_sparsity(conv, other).caption
        assert "at other rates" not in caption
        assert "10 of random sparsity (5 at the end of training)." in caption


@pytest.mark.parametrize("name", CONV_FIGURES)
def test_a_narrow_network_on_digits_says_so_and_has_no_curve_of_the_paper(conv_quick, name):
    shown = getattr(figures, name)(conv_quick, "conv4")
    gids = {str(a.get_gid()) for _, fig in both(shown) for ax in fig.axes for a in ax.get_children()}
    assert not [gid for gid in gids if gid.startswith("paper:")]
    assert (
        "Reduced scale: padded digits instead of CIFAR-10, 12.5 % of the filters and units, 400 iterations instead of "
        "25,000, 2 trials instead of 5 and 6 levels of pruning instead of 26."
    ) in shown.caption
    assert "The paper's own curves are left out: they are about CIFAR-10." in shown.caption
    assert "Dashed" not in shown.caption
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
    assert words in shown.caption
    assert bool(drawn(shown.fig.axes[0], "paper:ticket")) is drawn_over
    assert ("Dashed grey" in shown.caption) is drawn_over


def test_convolutional_early_stops_are_on_a_logarithmic_axis_and_all_of_them_inside(conv):
    shown = figures.figure5(conv, "conv2")
    values = conv.loc[(conv["network"] == "conv2") & conv["arm"].isin(["ticket", "reinit"]), "es"]
    for _, fig in both(shown):
        bottom, top = fig.axes[0].get_ylim()
        assert fig.axes[0].get_yscale() == "log"
        assert bottom < values[values > 0].min() <= values.max() < top
        assert [ax.get_yscale() for ax in fig.axes[1:]] == ["linear"] * 3
    assert "Early stops are on a logarithmic axis." in shown.caption


def test_a_network_that_never_learnt_still_draws(conv_quick):
    never = conv_quick.assign(es=np.where(conv_quick["round"] > 2, 0, conv_quick["es"]))
    assert figures.figure5(never, "conv4").html
    assert figures.figure5(conv_quick.assign(es=0), "conv4").html


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
    assert "60,000 iterations per training" in shown.caption
    assert "Beside it, tickets without dropout. Measured here: Conv-2" in shown.caption
    assert "20,000 iterations per training" in shown.caption
    assert "Reduced" not in shown.caption.split("Beside it")[1]
    all_inside(shown)


def test_dropout_alone_says_what_was_not_run_beside_it(dropout, conv):
    for plain in (None, conv.head(0)):
        shown = figures.figure6(dropout, "conv2", plain)
        assert "Not run: tickets without dropout." in shown.caption
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
    assert "3 to 5 trials" in shown.caption
    all_inside(shown)


def test_a_shorter_training_is_read_at_the_same_parts_of_it():
    rows = make_deep("resnet20", "warmup")
    short = rows.assign(iteration=rows["iteration"] // 10)
    spec = specs.as_json(specs.spec("resnet20", setting="warmup", iterations=3_000))
    shown = figures.figures7_8(short.assign(spec=spec), "resnet20")
    assert [ax._left_title.get_text() for ax in shown.fig.axes] == [
        f"Accuracy at {n} (%)" for n in ("1,000", "2,000", "3,000")
    ]
    assert "3,000 iterations instead of 30,000" in shown.caption
    assert "Unlike the paper" not in shown.caption


def test_a_rate_that_the_paper_does_not_plot_has_no_curve_of_its_own():
    shown = figures.figures7_8(make_deep("vgg19", "lr0.1", lr=0.05), "vgg19")
    assert not any(drawn(ax, "paper:ticket") for ax in shown.fig.axes)
    assert "Unlike the paper: learning rate 0.05 instead of" in shown.caption


def test_scopes_of_pruning_are_drawn_together_and_keep_their_keys_apart():
    mine = curves.summarise(make_deep("resnet20", "warmup"))
    other = curves.summarise(make_deep("resnet20", "warmup", arms=("ticket",), shift=-1.0, scope="layer"))
    shown = figures.scopes(mine, "resnet20", other)
    [ax] = shown.fig.axes
    difference = drawn(ax, "ticket")[0].get_ydata() - drawn(ax, "layer")[0].get_ydata()
    np.testing.assert_allclose(difference, 1.0)
    assert "pruning scope layer instead of global" in shown.caption
    assert "Not run: tickets pruned layer by layer" in figures.scopes(mine, "resnet20").caption
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
    assert "warmup 0 instead" not in shown.caption
    assert "Not drawn" not in shown.caption
    all_inside(shown)


def test_a_warmup_that_was_run_at_another_scale_is_named_and_not_drawn():
    runs = {k: curves.summarise(make_deep("resnet20", "warmup", warmup=k)) for k in (0, 500, 20_000)}
    runs[0] = runs[0].assign(data="mnist5k")
    shown = figures.warmups({**runs, 700: runs[500]}, "resnet20")
    assert [text.get_text() for text in shown.fig.legends[0].get_texts()] == ["500", "20,000"]
    assert "for another scale or none of its own here: 0 and 700." in shown.caption


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

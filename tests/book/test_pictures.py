"""Pictures carry their numbers, and say what was not run."""

import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from drawings import FIGURES, both, drawn
from matplotlib.colors import to_rgb
from rows import make_rows

from lthlib.book import figures
from lthlib.book.style import ARMS
from lthlib.evidence import curves


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


def test_a_quick_run_draws_what_it_has(small):
    trainings = curves.summarise(small)
    shown = figures.figure4a(trainings)
    assert "Not run: one-shot tickets and one-shot reinit." in shown.said
    assert not drawn(shown.fig.axes[0], "oneshot")
    assert "Not run: random sparsity." in figures.figure1_lenet(trainings).said
    assert figures.figure4b(trainings).html


def test_the_first_picture_shows_tickets_and_their_reinit_and_the_rest_faintly(trainings):
    shown = figures.at_a_glance(trainings)
    for _, fig in both(shown):
        for ax in fig.axes:
            colours = {arm: to_rgb(drawn(ax, arm)[0].get_color()) for arm in ("ticket", "reinit", "random")}
            assert colours["ticket"] == to_rgb(ARMS["ticket"].colour)
            assert colours["reinit"] == to_rgb(ARMS["reinit"].colour)
            assert min(colours["random"]) > 0.6 > min(to_rgb(ARMS["random"].colour))
        assert to_rgb(dict(_legend(fig))["random sparsity"]) == colours["random"]
    assert "reinitialised tickets" in shown.finding


def _legend(fig):
    [legend] = fig.legends
    return [(text.get_text(), line.get_color()) for text, line in zip(legend.texts, legend.get_lines(), strict=True)]


def test_one_shot_not_run_is_said_in_the_panels(small):
    shown = figures.figure4c(curves.summarise(small))
    assert [t.get_text() for ax in shown.fig.axes for t in ax.texts] == ["not run", "not run"]
    assert "Not run: one-shot tickets and one-shot reinit." in shown.said
    assert "the dense network alone; n = 2." in shown.said  # the dotted line
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
    assert "The paper's own curves are left out: they are about the whole of MNIST." in shown.said
    assert "Dashed" not in shown.said
    assert "paper" not in shown.alt
    if name != "figure4c":  # the axis is ours
        assert shown.fig.axes[0].get_ylim()[1] < 3_500


def test_only_reinit_still_draws(trainings):
    shown = figures.figure4a(trainings[trainings["arm"] == "reinit"])
    assert "Not run: winning tickets, one-shot tickets and one-shot reinit." in shown.said
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
    assert "n = 5 (tickets), 15 with 3 draws per trial (reinit), 5 (one-shot)." in shown.said


def test_over_time_of_single_trainings_has_no_bars_and_says_so():
    rows = make_rows(trials=1, rounds=3, iterations=500, every=50, data="mnist5k")
    shown = figures.over_time(rows, [("ticket", 0), ("ticket", 3), ("reinit", 3)])
    assert "n = 1." in shown.said
    assert "one training per line" in shown.said
    assert "minimum" not in shown.said
    assert "Reduced scale" in shown.said
    for _, fig in both(shown):
        assert not [a for a in fig.axes[0].get_children() if str(a.get_gid()).startswith("bars:")]
    assert "51.3 % reinit: " in shown.alt
    assert shown.html


def test_over_time_names_what_was_not_run(small):
    shown = figures.over_time(small, [("ticket", 0), ("random", 4)])
    assert "Not run: random of round 4." in shown.said
    assert [line.get_gid() for line in shown.fig.axes[0].get_lines()] == ["ticket:0"]
    assert "not run" in figures.over_time(small, [("random", 4)]).alt

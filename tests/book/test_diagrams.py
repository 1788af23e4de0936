"""The pictures show what they say, in both layouts, and a notebook gets them with their words."""

import re
from html import unescape
from itertools import pairwise

import numpy as np
import pytest

from lthlib.book import diagrams
from lthlib.book.style import ARMS, style


def test_first_layer_sums_each_mask_over_its_hidden_units():
    mask = np.zeros((300, 784), dtype=bool)
    mask[:7, 28 * 10 + 20] = True  # row 10, column 20, seen by seven units
    shown = diagrams.first_layer({"100 %": np.ones((300, 784)), 3.58: mask})
    for fig in (shown.fig, shown.narrow):
        dense, sparse = (ax.images[0].get_array() for ax in fig.axes[:2])
        assert (dense == 300).all()
        assert sparse[10, 20] == 7
        assert sparse.sum() == 7
        assert [ax.get_title() for ax in fig.axes[:2]] == ["100 %", "3.6 %"]
    assert "3.6 %: 7 in all" in shown.alt


@pytest.mark.parametrize("masks", [{}, {"wrong way round": np.ones((784, 300))}, {"flat": np.ones(784)}])
def test_first_layer_refuses_what_is_no_mask(masks):
    with pytest.raises(ValueError, match=r"no mask|\[hidden units, 784\]"):
        diagrams.first_layer(masks)


def test_tickets_stand_above_random_masks_on_a_common_scale():
    ticket, random = np.zeros((28, 28), int), np.full((28, 28), 2)
    ticket[7:21, 7:21] = 8
    shown = diagrams.ticket_and_random({100.0: (random, random), 25.04: (ticket, random)}, 300)
    for fig in (shown.fig, shown.narrow):
        assert [ax.images[0].get_clim() for ax in (fig.axes[1], fig.axes[3])] == [(0, 8), (0, 8)]
        assert (fig.axes[1].images[0].get_array() == ticket).all()
        assert (fig.axes[3].images[0].get_array() == random).all()
        assert [ax.get_title() for ax in fig.axes[:2]] == ["100 %", "25.0 %"]
    assert "25.0 %: 100 %, 25 %" in shown.alt
    assert "300 units" in shown.caption


def test_the_idea_shows_the_ticket_back_at_its_first_values_and_the_control_at_new_ones():
    shown = diagrams.idea()
    for fig in (shown.fig, shown.narrow):
        widths = {}
        for line in fig.axes[0].get_lines():
            if len(line.get_xdata()) == 2:
                widths.setdefault(line.get_color(), []).append(line.get_linewidth())
        blue, warm = ARMS["ticket"].colour, ARMS["reinit"].colour
        edges = sum(a * b for a, b in pairwise(diagrams.LAYERS))
        first, ticket = widths[blue][:edges], widths[blue][edges:]
        assert set(ticket) < set(first)  # rewound: each survivor has its own first value again
        assert len(widths[warm]) == len(ticket)  # the same connections
        assert not set(widths[warm]) & set(first)  # and other values


def test_the_idea_fits_its_sheet():
    shown = diagrams.idea()
    for fig in (shown.fig, shown.narrow):
        with style():
            fig.draw_without_rendering()
        for text in fig.axes[0].texts:
            box = text.get_window_extent()
            assert fig.bbox.x0 <= box.x0 < box.x1 <= fig.bbox.x1, text.get_text()
            assert fig.bbox.y0 <= box.y0 < box.y1 <= fig.bbox.y1, text.get_text()


def test_words_are_escaped():
    shown = diagrams.first_layer({'<i>"round"</i>': np.ones((300, 784))})
    assert "<i>" not in shown.html
    assert unescape(re.search(r'alt="([^"]*)"', shown.html)[1]) == shown.alt


@pytest.mark.parametrize("make", [diagrams.idea, lambda: diagrams.first_layer({"dense": np.ones((300, 784), bool)})])
def test_a_notebook_gets_one_figure_element_with_alt_and_caption(make):
    shown = make()
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    html = bundle["text/html"]
    assert html.startswith('<figure class="lth-figure">')
    assert html.endswith("</figcaption></figure>")
    assert html.count("<img ") == 1
    assert 'src="data:image/png;base64,' in html
    assert 'srcset="data:image/png;base64,' in html  # the layout for a telephone
    assert unescape(re.search("<figcaption><p>(.*)</p></figcaption>", html)[1]) == shown.caption
    assert shown.caption in bundle["text/plain"]
    assert shown.alt in bundle["text/plain"]
    assert len(shown.alt) > 40

"""The figures are a family, and legible wherever they are shown."""

import re
from io import BytesIO
from itertools import combinations

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from lthlib.book import figures
from lthlib.book.style import ARMS, png
from lthlib.evidence import curves


def test_arms_differ_in_colour_and_marker():
    assert len({look.marker for look in ARMS.values()}) == len(ARMS)
    for one, other in combinations(ARMS.values(), 2):
        assert np.linalg.norm(np.subtract(to_rgb(one.colour), to_rgb(other.colour))) > 0.25, (one.name, other.name)


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


def test_words_are_escaped(trainings):
    evil = trainings.assign(data_label='<b>"digits" & more</b>')
    html = figures.figure4b(evil).html
    assert "<b>" not in html
    assert "&lt;b&gt;&quot;digits&quot; &amp; more&lt;/b&gt;" in html

"""How every figure looks, and what a page is given: one picture in two layouts, with its caption and alt text.

The style is a family. An arm has one colour and one marker wherever it appears; the paper's own curve is dashed grey
and nothing else is dashed; the dense network is black and dotted. The background is opaque white, so that a dark page
leaves the picture legible.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from io import BytesIO
from typing import Any, NamedTuple

import matplotlib as mpl
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

Colour = str | tuple[float, float, float]  # as matplotlib takes it: a name, #RRGGBB, or shares of red, green, blue


class Arm(NamedTuple):
    """How one arm looks and is called, in every figure."""

    name: str
    short: str
    colour: Colour
    marker: str


# Okabe and Ito's palette, which colour-blind readers can tell apart; tickets are cool, reinitialised networks warm.
ARMS = {
    "ticket": Arm("winning tickets", "tickets", "#0072B2", "o"),
    "reinit": Arm("random reinit", "reinit", "#D55E00", "s"),
    "random": Arm("random sparsity", "random", "#CC79A7", "v"),
    "oneshot": Arm("one-shot tickets", "one-shot", "#009E73", "^"),
    "oneshot_reinit": Arm("one-shot reinit", "one-shot reinit", "#E69F00", "D"),
    "continued": Arm("continued training", "continued", "#56B4E9", "P"),
    "redrawn": Arm("redrawn from the ticket", "redrawn", "#AA3377", "X"),
    "untrained": Arm("pruned untrained", "pruned untrained", "#8C6D1F", "*"),
    "noise_half": Arm("noise of 0.5 σ", "noise of 0.5 σ", "#A3D39C", "<"),
    "noise_one": Arm("noise of 1 σ", "noise of 1 σ", "#5FAF6A", ">"),
    "noise_two": Arm("noise of 2 σ", "noise of 2 σ", "#2C7F3F", "p"),
    "noise_three": Arm("noise of 3 σ", "noise of 3 σ", "#0F4D24", "h"),
}
# Tickets of another experiment, drawn beside an arm of the first.
BESIDE = {
    "plain": Arm("without dropout", "tickets without dropout", "#8172B3", "X"),
    "layer": Arm("layer by layer", "tickets pruned layer by layer", "#8172B3", "X"),
}
LOOKS = ARMS | BESIDE
# Lenet's, by the weights that lead into them.
LAYERS = {"fc1.weight": "hidden layer 1", "fc2.weight": "hidden layer 2", "out.weight": "output layer"}
INK, GREY, PALE = "#222222", "#666666", "#D9D9D9"
DENSE_LINE: dict[str, Any] = {"color": INK, "linestyle": ":", "linewidth": 1.0}
# matplotlib's own dashes scale with the line; these are in points, the same length in every figure.
PAPER_LINE: dict[str, Any] = {"color": "#8A8A8A", "linestyle": (0, (4.5, 2.2)), "linewidth": 1.1, "zorder": 1.5}

STYLE: dict[Any, Any] = {  # by matplotlib's names
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.titlepad": 7,
    "grid.color": "#E8E8E8",
    "grid.linewidth": 0.6,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "lines.linewidth": 1.5,
    "lines.markersize": 3.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 2.2,
    "legend.columnspacing": 1.4,
    "legend.labelspacing": 0.3,
    "mathtext.fontset": "dejavusans",
}
PIXELS_PER_INCH = 100  # as shown; the raster has twice as many, for screens with dense pixels
WIDE, NARROW = 8.0, 3.8  # inches: a book's column, and a telephone's
PHONE = 600  # a window narrower than this many pixels gets the narrow layout


def style():
    """The family's style as a context: `with style(): ...`; importing this module changes nothing."""
    return mpl.rc_context(STYLE)


def shade(colour: Colour, amount: float) -> tuple[float, float, float]:
    """The colour mixed with white (amount > 0) or black (amount < 0)."""
    end = 1.0 if amount > 0 else 0.0
    red, green, blue = (c + (end - c) * abs(amount) for c in to_rgb(colour))
    return red, green, blue


def level(remaining: float) -> str:
    """P_m as the paper prints it: 100, 51.3, 0.3."""
    return "100 %" if remaining > 99.95 else f"{remaining:.1f} %"


def listed(items: Iterable[str]) -> str:
    """Items as words: a; a and b; a, b and c."""
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def png(fig: Figure) -> bytes:
    """A figure as a PNG with two pixels for each one shown."""
    raster, out = BytesIO(), BytesIO()
    with style():  # fonts are looked up when a figure is drawn, not when it is made
        fig.savefig(raster, format="png", dpi=2 * PIXELS_PER_INCH)
    # Line drawings need few colours: a palette makes the file, and so the page, a third of the size.
    Image.open(raster).convert("RGB").quantize(128).save(out, format="png")
    return out.getvalue()


@dataclass
class Shown:
    """A figure with the words that belong to it; a notebook cell that ends in one shows both.

    `fig` is the layout in columns, `narrow` the one a telephone gets. Neither is known to pyplot: none shows twice.
    Under it stands what it shows (`finding`) and how to read it (`caption`); folded, its scale and the rest
    (`details`), with the numbers that it draws (`data`) as a CSV file that the page carries itself, called by the
    table's attribute `name`, if it has one.
    """

    fig: Figure
    narrow: Figure = field(repr=False)
    caption: str
    alt: str
    data: pd.DataFrame | None = field(default=None, repr=False)
    finding: str = ""
    details: str = ""

    @property
    def said(self) -> str:
        """All that the page says of it."""
        return " ".join(text for text in (self.finding, self.caption, self.details) if text)

    @cached_property
    def html(self) -> str:
        wide, narrow = ("data:image/png;base64," + b64encode(png(f)).decode("ascii") for f in (self.fig, self.narrow))
        return (
            '<figure class="lth-figure"><picture>'
            f'<source media="(max-width: {PHONE}px)" srcset="{narrow}">'
            f'<img alt="{escape(self.alt)}" src="{wide}" width="{self.fig.get_figwidth() * PIXELS_PER_INCH:.0f}" '
            'style="max-width:100%;height:auto;background:#fff">'
            f"</picture><figcaption>{self._words()}</figcaption></figure>"
        )

    def _words(self) -> str:
        finding = f'<p class="lth-finding">{escape(self.finding)}</p>' if self.finding else ""
        rest = f"{escape(self.details)}{self._download()}"
        folded = f"<details><summary>Scale and data</summary><p>{rest}</p></details>" if rest else ""
        return f"{finding}<p>{escape(self.caption)}</p>{folded}"

    def _download(self) -> str:
        if self.data is None:
            return ""
        table = self.data.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        held = b64encode(table.encode()).decode("ascii")
        name = escape(self.data.attrs.get("name", "figure"))
        return (
            f' <a class="lth-data" download="{name}.csv" href="data:text/csv;base64,{held}">'
            f"Our numbers as CSV, {len(self.data):,} lines.</a>"
        )

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": f"{self.said}\n\n{self.alt}"}


def shown(
    draw: Callable[[bool], Figure],
    caption: str,
    alt: str,
    data: pd.DataFrame | None = None,
    finding: str = "",
    details: str = "",
) -> Shown:
    """Both layouts of one picture: `draw(False)` in columns, `draw(True)` as one column."""
    with style():
        return Shown(draw(False), draw(True), caption, alt, data, finding, details)

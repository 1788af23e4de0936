"""The pictures that are not the paper's: its idea in one diagram, and what a ticket's first layer looks at."""

from collections.abc import Mapping
from itertools import pairwise
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from lthlib.book.style import ARMS, INK, NARROW, PALE, WIDE, Colour, Shown, level, shade, shown

BLUE, WARM = ARMS["ticket"].colour, ARMS["reinit"].colour


def first_layer(masks: Mapping[str | float, np.ndarray]) -> Shown:
    """Which pixels a pruned Lenet still looks at: the first layer's surviving connections, summed over hidden units.

    `masks` maps what is printed above a map (text, or P_m in percent) to an array [hidden units, 784] of 0 and 1.
    """
    maps = {label if isinstance(label, str) else level(label): _pixels(label, mask) for label, mask in masks.items()}
    if not maps:
        raise ValueError("nothing to draw: no mask was given")
    white_to_ticket = LinearSegmentedColormap.from_list("ticket", ["#FFFFFF", BLUE, "#00263D"])

    def draw(narrow: bool) -> Figure:
        columns = min(len(maps), 2 if narrow else 5)
        lines = -(-len(maps) // columns)
        width = NARROW if narrow else min(WIDE, 1.9 * columns + 0.2)
        fig = Figure(figsize=(width, lines * (width / columns + 0.36)), layout="constrained")
        for place, (label, image) in enumerate(maps.items(), 1):
            ax = fig.add_subplot(lines, columns, place)
            # Each map has its own scale, printed below it: on a common one the sparse maps would be blank.
            ax.imshow(image, cmap=white_to_ticket, vmin=0, vmax=max(image.max(), 1e-9), interpolation="nearest")
            ax.set_title(label, loc="center")
            ax.set_xlabel(f"white 0, darkest {image.max():,.0f}", fontsize=8)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(True)
        return fig

    caption = (
        "Surviving connections of the first layer at each of the 28 x 28 input pixels, summed over the hidden units; "
        "each map has its own scale, from white (none) to its darkest pixel, whose number of connections is below it."
    )
    seen = [
        f"{label}: {image.sum():,.0f} in all, {image[7:21, 7:21].mean():.1f} per pixel in the central 14 x 14, "
        f"{image[[0, 1, -2, -1]].mean():.1f} in the two uppermost and two lowermost rows"
        for label, image in maps.items()
    ]
    alt = f"Maps of 28 x 28 pixels, darker where more connections survive. {'; '.join(seen)}."
    return shown(draw, caption, alt)


def ticket_and_random(maps: Mapping[float, tuple[np.ndarray, np.ndarray]], units: int) -> Shown:
    """Tickets above random masks: the first layer's surviving connections at each pixel, summed over its `units`.

    `maps` gives, by P_m in percent, two arrays [28, 28]: the ticket's, and that of as many connections elsewhere.
    """
    ramps = {
        arm: LinearSegmentedColormap.from_list(arm, ["#FFFFFF", ARMS[arm].colour, shade(ARMS[arm].colour, -0.75)])
        for arm in ("ticket", "random")
    }

    def draw(narrow: bool) -> Figure:
        width = NARROW if narrow else WIDE
        fig = Figure(figsize=(width, 2 * width / len(maps) + (0.2 if narrow else 0.1)), layout="constrained")
        axes = fig.subplots(2, len(maps), squeeze=False)
        for column, (remaining, images) in zip(axes.T, maps.items(), strict=True):
            for ax, image, ramp in zip(column, images, ramps.values(), strict=True):
                ax.imshow(image, cmap=ramp, vmin=0, vmax=max(map(np.max, images)), interpolation="nearest")
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_visible(True)
            column[0].set_title(level(remaining), loc="center")
            column[1].set_xlabel(f"0 to {max(map(np.max, images)):,}", fontsize=8)
        for ax, arm in zip(axes[:, 0], ramps, strict=True):
            ax.set_ylabel(ARMS[arm].short, color=ARMS[arm].colour, weight="bold")
        return fig

    caption = (
        f"Surviving connections of the first layer at each of the 28 x 28 input pixels, summed over {units} units, "
        "with this much of the network left: of one network's tickets, and of as many connections elsewhere. The two "
        "of a column share a scale, from white to the number below."
    )
    central = [
        f"{level(remaining)}: {', '.join(f'{100 * m[7:21, 7:21].sum() / m.sum():.0f} %' for m in images)}"
        for remaining, images in maps.items()
    ]
    alt = (
        "Two rows of maps of 28 x 28 pixels, darker where more connections survive: tickets above, random masks below. "
        f"Share of the connections in the central 14 x 14 pixels, ticket and random: {'; '.join(central)}."
    )
    return shown(draw, caption, alt)


def _pixels(label: str | float, mask: np.ndarray) -> np.ndarray:
    mask = np.asarray(mask, dtype=float)
    if mask.ndim != 2 or mask.shape[1] != 784:
        raise ValueError(f"a first-layer mask is [hidden units, 784], not {list(mask.shape)} (label {label!r})")
    return mask.sum(axis=0).reshape(28, 28)


# ------------------------------------------------------------------------------------------------------------- the idea

LAYERS = (4, 5, 3)  # nodes per layer of the diagram's little network
CARDS = {
    "init": ("1  Initialise", "draw $\\theta_0$ at random"),
    "train": ("2  Train", "$j$ iterations: $\\theta_0 \\to \\theta_j$"),
    "prune": ("3  Prune", "drop the smallest $|\\theta_j|$"),
    "ticket": ("4  Rewind", "what is left, at $\\theta_0$ again"),
    "control": ("Control: reinit", "same places, new values"),
}
CARD_HEIGHT = 21.5
HYPOTHESIS = (
    "A dense network holds a small one that, trained alone from the same initial values, gets at least as good in no "
    "more iterations: a winning ticket."
)
CONTROL = (
    "If the same connections do worse from new random values, then the connections alone are not what won: the initial "
    "values matter."
)


def idea() -> Shown:
    """The algorithm and its control in one picture: train, prune, rewind, repeat."""
    caption = (
        "How a winning ticket is found. Line width is the size of a weight: blue for the random initial values, dark "
        "for trained ones, vermilion for new random values. After training, the smallest weights are removed (faint); "
        "the rest go back to their own initial values, and the round repeats. The control keeps the same connections "
        "and draws new values."
    )
    alt = (
        "Diagram with five little networks. One, initialise: every connection has a random value. Two, train: the "
        "values change. Three, prune: the smallest are removed. Four, rewind: the remaining connections have their "
        "first values again; this is the winning ticket. An arrow leads from four back to two: repeat. Another leads "
        "to the control: the same connections with new random values."
    )
    return shown(lambda narrow: _idea_narrow() if narrow else _idea_wide(), caption, alt)


def _idea_wide() -> Figure:
    fig, ax = _sheet(WIDE, 5.12)
    places = {"init": (0.6, 29), "train": (20.8, 29), "prune": (41, 29), "ticket": (61.2, 29), "control": (61.2, 0.6)}
    _cards(ax, places, 18.2)
    for x in (19, 39.2, 59.4):
        _arrow(ax, (x, 39.75), (x + 1.6, 39.75))
    _arrow(ax, (66.2, 28.9), (66.2, 26.2), (29.9, 26.2), (29.9, 28.9), colour=BLUE)
    ax.text(48, 25.5, "repeat: each round removes 20 % of what is left", ha="center", va="top", color=BLUE)
    _arrow(ax, (75.2, 28.9), (75.2, 22.2), colour=WARM)
    _words(ax, 1.8, 20, "The hypothesis", fill(HYPOTHESIS, 62), BLUE, 10)
    _words(ax, 1.8, 9, "The control", fill(CONTROL, 70), WARM, 10)
    return fig


def _idea_narrow() -> Figure:
    fig, ax = _sheet(NARROW, 8.75)
    top, middle = 65.5, 38.5
    places = {"init": (0.5, top), "train": (19.7, top), "prune": (19.7, middle), "ticket": (0.5, middle)}
    _cards(ax, {**places, "control": (0.5, 11)}, 17.8)
    _arrow(ax, (18.3, 76.25), (19.7, 76.25))
    _arrow(ax, (33.6, 65.4), (33.6, 60.1))
    _arrow(ax, (19.7, 49.25), (18.3, 49.25))
    _arrow(ax, (9.4, 60.1), (9.4, 62.75), (25.6, 62.75), (25.6, 65.4), colour=BLUE)
    ax.text(9.4, 63.25, "repeat", va="bottom", color=BLUE)
    _arrow(ax, (9.4, 38.4), (9.4, 32.6), colour=WARM)
    _words(ax, 20, 31.5, "The control", fill(CONTROL, 26), WARM, 8.5)
    _words(ax, 0.8, 8.5, "The hypothesis", fill(HYPOTHESIS, 52), BLUE, 8.5)
    return fig


def _sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure, measured in tenths of an inch."""
    fig = Figure(figsize=(width, height))
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, 10 * width), ylim=(0, 10 * height))
    ax.set_axis_off()
    return fig, ax


def _cards(ax: Axes, places: Mapping[str, tuple[float, float]], width: float) -> None:
    """The five cards, each with the little network at that stage."""
    rng = np.random.default_rng(7)
    count = sum(a * b for a, b in pairwise(LAYERS))
    start, other = np.abs(rng.normal(size=(2, count)))
    trained = np.abs(0.7 * start + rng.normal(scale=0.8, size=count))
    kept = trained >= np.sort(trained)[int(0.55 * count)]
    everything = np.ones_like(kept)
    networks = {
        "init": (start, everything, BLUE),
        "train": (trained, everything, INK),
        "prune": (trained, kept, INK),
        "ticket": (start, kept, BLUE),
        "control": (other, kept, WARM),
    }
    for name, network in networks.items():
        (x, y), (title, words) = places[name], CARDS[name]
        edge = {"ticket": BLUE, "control": WARM}.get(name)
        look: dict[str, Any] = {"ec": edge or PALE, "lw": 2.0 if edge else 1.2}
        box = "round,pad=0,rounding_size=1.2"
        ax.add_patch(FancyBboxPatch((x, y), width, CARD_HEIGHT, boxstyle=box, fc="white", **look))
        ax.text(x + 1.2, y + 20.3, title, va="top", weight="bold", size=9.5, color=edge or INK)
        ax.text(x + 1.2, y + 17.7, words, va="top", size=8)
        _network(ax, x, y, width, *network, removed=name == "prune")


def _network(ax: Axes, x: float, y: float, width: float, weights, mask, colour: Colour, removed: bool) -> None:
    """Connections as wide as their weights; those that the mask removes are faint, or not shown."""
    columns = zip(np.linspace(x + 2.6, x + width - 2.6, len(LAYERS)), LAYERS, strict=True)
    layers = [[(x, y + 1 + (CARD_HEIGHT - 6.4) * (i + 0.5) / n) for i in range(n)] for x, n in columns]
    connections = [(a, b) for left, right in pairwise(layers) for a in left for b in right]
    for (a, b), weight, keep in zip(connections, weights, mask, strict=True):
        if keep:
            ax.plot(*zip(a, b, strict=True), color=colour, lw=0.4 + 1.5 * weight, solid_capstyle="round", zorder=2)
        elif removed:
            ax.plot(*zip(a, b, strict=True), color="#DDDDDD", lw=0.9, zorder=1)
    nodes = np.concatenate(layers)
    ax.scatter(nodes[:, 0], nodes[:, 1], s=62, color="white", edgecolors="#555555", linewidths=1.1, zorder=3)


def _arrow(ax: Axes, *points: tuple[float, float], colour: Colour = "#555555") -> None:
    """An arrow along a line with corners."""
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 11, "lw": 1.6, "joinstyle": "round"}
    ax.add_patch(FancyArrowPatch(path=Path(points), color=colour, **look))


def _words(ax: Axes, x: float, y: float, title: str, text: str, colour: Colour, size: float) -> None:
    ax.text(x, y, title, weight="bold", size=size + 1, va="top", color=colour)
    ax.text(x, y - 0.27 * size, text, size=size, va="top", linespacing=1.35)

"""One test of a claim as a small picture: what the paper says, what we measured, and where it would have to lie.

Everything is on the claim's own axis: of a ratio logarithmic, of a claim about all levels the share of them. A picture
is SVG in a page's own text, coloured by the page's styles (`ledger_page.css`), so that it is dark where the page is.
"""

import math
from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

from lthlib.book.claim_tables import measured
from lthlib.evidence.measures import RATIOS
from lthlib.evidence.verdicts import region

WIDTH, HEIGHT, SIDE = 220, 54, 16  # pixels, and how many are kept free at each side
PAPER, OURS, TRIALS, BASE = 9, 21, 31, 38  # the height of each line, from above
ROUND = (1, 2, 5)  # by which steps a reader counts


class Axis(NamedTuple):
    """The way from a claim's numbers to places in its picture."""

    low: float
    high: float
    log: bool

    def at(self, value: float) -> float:
        """Pixels from the left."""
        low, high, here = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return SIDE + (WIDTH - 2 * SIDE) * (here - low) / (high - low)

    def ticks(self) -> list[float]:
        """Two to five round numbers: on a long logarithmic axis 1, 2, 5, 10, on others at equal steps.

        >>> Axis(0, 1, False).ticks()
        [0.0, 0.5, 1.0]
        """
        inside = [v for v in _decades(self.low, self.high) if self.low <= v <= self.high] if self.log else []
        if len(inside) >= 3:
            return inside[:: math.ceil(len(inside) / 5)]
        step = next(s for s in _decades((self.high - self.low) / 100, self.high - self.low) if self._counts(s) <= 5)
        first = math.ceil(self.low / step - 1e-9)
        return [float(f"{n * step:.12g}") for n in range(first, first + self._counts(step))]

    def _counts(self, step: float) -> int:
        """How many multiples of a step lie on it."""
        return math.floor(self.high / step + 1e-9) - math.ceil(self.low / step - 1e-9) + 1


def _decades(low: float, high: float) -> list[float]:
    """The round numbers from the power of ten below one number to that above another."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [float(f"{digit}e{power}") for power in powers for digit in ROUND]


def goal(part: Mapping[str, Any]) -> tuple[float, float]:
    """Where the interval must lie for a part of a claim (`claims.load`) to hold; of kind "all" the share of levels, in
    percent."""
    if part["kind"] == "all":
        return 100 * part["share"]["least"], math.inf
    return region(part, part["text"])


def axis(test: Mapping[str, Any], part: Mapping[str, Any]) -> Axis:
    """An axis that holds all of a test's numbers and the edge of where it would have to lie."""
    if part["kind"] == "all":
        return Axis(0, 100, False)
    shown = [test["text"], test["figure"], test["value"], test["low"], test["high"], *test["trials"], *goal(part)]
    numbers = [float(value) for value in shown if value is not None and math.isfinite(value)]
    low, high = min(numbers), max(numbers)
    if next(iter(part["measure"])) in RATIOS and low > 0:
        room = (high / low) ** 0.04 if high > low else 1.1
        return Axis(low / room, high * room, True)
    room = 0.04 * (high - low) or max(0.1, 0.1 * abs(high))
    return Axis(low - room, high + room, False)


def plot(test: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    """A test's picture: a line of the ledger, and the part of the claim that it is of (`claims.load`).

    Above the paper's text (an open diamond) and its figure (a filled one), below them our value with its interval, then
    each trial; shaded, where the interval must lie for the claim to hold, with its edge.

    >>> plot(tests.iloc[0].to_dict(), claims.load()[0]["parts"][0])
    '<svg ...'
    """
    along = axis(test, part)
    marks = [_shade(along, *goal(part)), _scale(along)]
    if part["kind"] != "all":
        marks += [_diamond(along, test[name], name) for name in ("text", "figure")]
    if math.isfinite(test["low"]) and math.isfinite(test["high"]):
        low, high = along.at(test["low"]), along.at(test["high"])
        ends = "".join(f"M{end:.1f} {OURS - 4}v8" for end in (low, high))
        marks.append(f'<path class="o" d="M{low:.1f} {OURS}H{high:.1f}{ends}"/>')
    marks.append(f'<circle class="v" cx="{along.at(test["value"]):.1f}" cy="{OURS}" r="4"/>')
    trials = [value for value in test["trials"] if math.isfinite(value) and (value > 0 or not along.log)]
    marks.append(f'<path class="d" d="{"".join(f"M{along.at(value):.1f} {TRIALS}h0" for value in trials)}"/>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(alt(test))}">{"".join(marks)}</svg>'


def alt(test: Mapping[str, Any]) -> str:
    """What of the picture does not stand beside it in numbers: each trial."""
    shown = [f"{value:.0f}" if test["kind"] == "all" else measured(dict(test), value) for value in test["trials"]]
    return f"Trials: {', '.join(shown)}"


def _shade(along: Axis, low: float, high: float) -> str:
    """Where the interval must lie, with its edges."""
    edges = [along.at(edge) for edge in (low, high) if math.isfinite(edge)]
    left = along.at(low) if math.isfinite(low) else 0
    right = along.at(high) if math.isfinite(high) else WIDTH
    lines = "".join(f"M{edge:.1f} 1V{BASE}" for edge in edges)
    return f'<path class="g" d="M{left:.1f} 1H{right:.1f}V{BASE}H{left:.1f}z"/><path class="e" d="{lines}"/>'


def _scale(along: Axis) -> str:
    places = {tick: f"{along.at(tick):.0f}" for tick in along.ticks()}
    lines = "".join(f"M{place} {BASE}v3" for place in places.values())
    names = "".join(f'<text x="{place}" y="{HEIGHT - 4}">{_short(tick)}</text>' for tick, place in places.items())
    return f'<path class="a" d="M0 {BASE}H{WIDTH}{lines}"/>{names}'


def _short(tick: float) -> str:
    return f"{tick:,.0f}" if abs(tick) >= 1000 else f"{tick:g}"


def _diamond(along: Axis, value: Any, name: str) -> str:
    """The paper's value; none, where it gives none."""
    if value is None or not math.isfinite(value):
        return ""
    half = 5 if name == "text" else 3  # so that one is seen around the other
    moves = f"M{along.at(value):.1f} {PAPER - half}l{half} {half}-{half} {half}-{half}-{half}z"
    return f'<path class="{name[0]}" d="{moves}"/>'

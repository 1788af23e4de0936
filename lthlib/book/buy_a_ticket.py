"""What a hundred seeds say on the page *Buy a ticket*: its numbers, its picture and its words.

python -m lthlib.book.buy_a_ticket             picture, script and words anew, from the committed measurements
python -m lthlib.book.buy_a_ticket --measure   train the hundred seeds anew first: minutes of one core
"""

import argparse
import json
import re
import sys
from html import escape
from pathlib import Path
from typing import Any

from lthlib.book import moons, style
from lthlib.errors import LthError, StoreError

PAGE, RESULTS, DATA = "book/buy-a-ticket.md", "results/two-moons.json", "book/_static/buy-a-ticket-data.js"
STILL, NARROW = "book/_static/buy-a-ticket.png", "book/_static/buy-a-ticket-narrow.png"
BEGINS = "globalThis.LTH_HUNDRED ="
SEEDS = range(1, 101)
TOGETHER = 25  # seeds trained at once: more are slower, as they no longer fit near the processor
POOR = 400  # right answers, 80 %: less than a straight line between the moons would get
LANES = {"ticket": "ticket", "fresh": "reinit"}  # by the page's name: the arm of the book whose colour it has
NAMES = {"ticket": "ticket", "fresh": "new numbers"}


def measured() -> dict[str, Any]:
    """All seeds, trained: `moons.tickets` of each part, put together.

    found = measured()
    found["ticket"][4][0]  # of the first seed after four prunings: step that reached 95 %, right answers at the end
    """
    parts = [moons.tickets(SEEDS[i : i + TOGETHER]) for i in range(0, len(SEEDS), TOGETHER)]
    return joined(parts)


def joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Several results of `moons.tickets` as one: joined([tickets([1, 2]), tickets([3])])."""
    found: dict[str, Any] = {"seeds": [seed for part in parts for seed in part["seeds"]], "left": parts[0]["left"]}
    for arm in ("ticket", "new"):
        found[arm] = [
            None if results[0] is None else [result for some in results for result in some]
            for results in zip(*(part[arm] for part in parts), strict=True)
        ]
    return found


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """What the page's script is given: by round, how many seeds each of the two won, and their mean right answers.

    summary(read(root))["levels"][4]["first"]  # {"ticket": ..., "even": ..., "fresh": ...}
    """
    levels = [None, *(_level(found["ticket"][n], found["new"][n]) for n in range(1, len(found["left"])))]
    whole = [right for _, right in found["ticket"][0]]
    return {"left": found["left"], "whole": sum(whole) / len(whole), "levels": levels}


def _level(tickets: list, new: list) -> dict[str, Any]:
    never = moons.STEPS + 1  # later than any step
    both = dict(zip(LANES, (tickets, new), strict=True))
    gaps = [(b[0] or never) - (a[0] or never) for a, b in zip(tickets, new, strict=True)]
    return {
        "first": _won(gaps),
        "better": _won([a[1] - b[1] for a, b in zip(tickets, new, strict=True)]),
        "mean": {lane: sum(r[1] for r in results) / len(results) for lane, results in both.items()},
        "poor": {lane: sum(r[1] < POOR for r in results) for lane, results in both.items()},
        "never": {lane: sum(r[0] is None for r in results) for lane, results in both.items()},
    }


def _won(leads: list[int]) -> dict[str, int]:
    return {
        "ticket": sum(lead > 0 for lead in leads),
        "even": sum(lead == 0 for lead in leads),
        "fresh": sum(lead < 0 for lead in leads),
    }


# ------------------------------------------------------------------------------------------------------------- in words


def _share(right: float) -> float:
    return 100 * right / moons.POINTS


def _sizes(told: dict[str, Any]) -> list[float]:
    return [100 * left / told["left"][0] for left in told["left"]]


def still(told: dict[str, Any]) -> style.Shown:
    """The picture of all sizes: who was first, and how many points are right in the end."""
    sizes, levels = _sizes(told)[1:], told["levels"][1:]

    def draw(narrow: bool) -> Any:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MultipleLocator

        shape = (2, 1) if narrow else (1, 2)
        fig = Figure(figsize=(style.NARROW, 5.6) if narrow else (style.WIDE, 3.1), layout="constrained")
        first, end = fig.subplots(*shape)
        for lane, arm in LANES.items():
            look = {"color": style.ARMS[arm].colour, "marker": style.ARMS[arm].marker}
            won, right = ([level[of][lane] for level in levels] for of in ("first", "mean"))
            first.plot(sizes, won, **look)
            end.plot(sizes, [_share(n) for n in right], **look)
            label: dict[str, Any] = {"textcoords": "offset points", "color": look["color"], "fontsize": 9}
            first.annotate(NAMES[lane], (sizes[3], won[3]), (6, 3 if lane == "ticket" else -11), **label)
            end.annotate(NAMES[lane], (sizes[-1], _share(right[-1])), (6, -3), **label)
        end.axhline(_share(told["whole"]), **style.DENSE_LINE)
        end.annotate(
            "whole network", (sizes[0], _share(told["whole"])), (0, 4), textcoords="offset points", fontsize=8.5
        )
        first.set(title="First to 95 %", ylabel="of 100 games", ylim=0)
        end.set(title="Right at the end", ylabel="% of the test points, mean", ylim=(None, 99))
        end.yaxis.set_major_locator(MultipleLocator(5))
        for ax in (first, end):
            ax.set_xscale("log")
            ax.set_xlim(90, sizes[-1] * (0.45 if ax is end else 0.9))  # to the right of the lines are their names
            ax.set_xticks(sizes[::3], [f"{size:.0f}" for size in sizes[::3]])
            ax.minorticks_off()
            ax.set_xlabel("weights left (%)")
        return fig

    said = "; ".join(
        f"{size:.0f} %: {level['first']['ticket']} and {level['first']['fresh']}, "
        f"{_share(level['mean']['ticket']):.1f} and {_share(level['mean']['fresh']):.1f} %"
        for size, level in zip(sizes, levels, strict=True)
    )
    alt = (
        "Two charts against the weights left, for the ticket and for new numbers: of 100 games how many were first to "
        f"95 %, and how many points are right at the end. {said}."
    )
    caption = (
        "Left: of 100 games, those in which the ticket, or the same wiring with new numbers, was first to know 95 % of "
        "the test points; the rest were even. Right: how many points each knows after 1,000 steps, mean over the games."
    )
    return style.shown(draw, caption, alt)


def seen(told: dict[str, Any]) -> str:
    """The page's reading of the hundred seeds."""
    sizes, levels = _sizes(told), told["levels"]
    middle, last = levels[4], levels[-1]
    best = max(range(1, len(levels)), key=lambda n: levels[n]["first"]["ticket"])
    right = {n: {lane: f"{_share(levels[n]['mean'][lane]):.1f}" for lane in LANES} for n in (4, -1)}
    first, poor = middle["first"], last["poor"]
    good = {lane: len(SEEDS) - never for lane, never in last["never"].items()}
    return f"""\
* With {sizes[4]:.0f} % of the weights left the ticket was first in **{first["ticket"]} of 100** games, new numbers in
  {first["fresh"]}; even: {first["even"]}. At the end they are {right[4]["ticket"]} and {right[4]["fresh"]} % right, on
  average. The lead is clearest with {sizes[best]:.0f} % left: {levels[best]["first"]["ticket"]} to
  {levels[best]["first"]["fresh"]}.
* With {sizes[-1]:.0f} % left few get to 95 %: {good["ticket"]} of 100 tickets, and {good["fresh"]} of 100 with new
  numbers. On average the ticket ends at **{right[-1]["ticket"]} %** right, new numbers at {right[-1]["fresh"]} %, the
  whole network at {_share(told["whole"]):.1f} %. Below 80 % end {poor["ticket"]} of 100 tickets, and {poor["fresh"]} of
  100 with new numbers.
* It is a tendency, not a law. Who plays a single game may well see the other side win."""


def _table(told: dict[str, Any]) -> str:
    names = ("weights left", "ticket first", "even", "new numbers first", "ticket right", "new numbers right")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    lines = []
    for size, level in zip(_sizes(told)[1:], told["levels"][1:], strict=True):
        won, mean = level["first"], level["mean"]
        cells = (won["ticket"], won["even"], won["fresh"], *(f"{_share(mean[lane]):.1f} %" for lane in LANES))
        of_row = "".join(f"<td>{cell}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row">{size:.0f} %</th>{of_row}</tr>')
    return f'<table class="lb-levels"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def page(text: str, told: dict[str, Any]) -> str:
    """The page's text with what is made of the numbers put between its marks."""
    picture = still(told)
    width = picture.fig.get_figwidth() * style.PIXELS_PER_INCH
    figure = (
        f'<figure class="lth-figure"><picture><source media="(max-width: {style.PHONE}px)" '
        f'srcset="../_static/{Path(NARROW).name}"><img alt="{escape(picture.alt)}" src="../_static/{Path(STILL).name}" '
        f'width="{width:.0f}"></picture><figcaption>{escape(picture.caption)}</figcaption></figure>'
    )
    for name, words in {"still": f"{figure}\n{_table(told)}", "seen": seen(told)}.items():
        begin, end = (f"<!-- {edge} {name} of python -m lthlib.book.buy_a_ticket -->" for edge in ("begin", "end"))
        pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
        text, n = pattern.subn(f"{begin}\n{words}\n{end}".replace("\\", r"\\"), text)
        if n != 1:
            raise LthError(f"{PAGE} must have one place that begins with {begin} and ends with {end}")
    return text


# ---------------------------------------------------------------------------------------------------------------- files


def read(root: Path) -> dict[str, Any]:
    """What was measured: read(Path())["left"] is how many weights are left after each pruning."""
    try:
        return json.loads((root / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StoreError(
            f"{RESULTS} cannot be read: make it with python -m lthlib.book.buy_a_ticket --measure"
        ) from None


def script(told: dict[str, Any]) -> str:
    """The summary as a script that a page loads, from disk too."""
    made_by = (
        "// Made by python -m lthlib.book.buy_a_ticket. A script, not JSON: from disk, a page may load nothing else."
    )
    return f"{made_by}\n{BEGINS} {json.dumps(told)};\n"


def write(root: Path, found: dict[str, Any]) -> None:
    """Put the script, the picture and the words into the book."""
    told = summary(found)
    text = page((root / PAGE).read_text(encoding="utf-8"), told)
    (root / DATA).write_text(script(told), encoding="utf-8")
    picture = still(told)
    (root / STILL).write_bytes(style.png(picture.fig))
    (root / NARROW).write_bytes(style.png(picture.narrow))
    (root / PAGE).write_text(text, encoding="utf-8")


def save(root: Path, found: dict[str, Any]) -> None:
    """Keep the measurements, a line for each round."""
    one = json.dumps
    lines = [f"{one(name)}: {one(found[name])}" for name in ("seeds", "left")]
    for arm in ("ticket", "new"):
        lines.append(f"{one(arm)}: [\n" + ",\n".join(one(results) for results in found[arm]) + "]")
    (root / RESULTS).write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lthlib.book.buy_a_ticket", description=__doc__.partition("\n")[0])
    parser.add_argument("--measure", action="store_true", help="train the hundred seeds anew")
    parser.add_argument("--source", type=Path, default=Path(), help="root of the repository (.)")
    options = parser.parse_args(arguments)
    try:
        if options.measure:
            save(options.source, measured())
        write(options.source, read(options.source))
    except (LthError, OSError) as error:
        print(f"buy_a_ticket: {error}", file=sys.stderr)
        return 1
    print(f"wrote {DATA}, {STILL} and the words of {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

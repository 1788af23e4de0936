"""Makes slides of the main figures from the committed measurements: one HTML file, which a browser prints as a PDF.

python -m lthlib.book.slides slides.html
"""

import argparse
import sys
from base64 import b64encode
from collections.abc import Callable
from html import escape
from pathlib import Path

import pandas as pd

from lthlib.book import chapters, figures
from lthlib.book.style import Shown, png
from lthlib.errors import LthError, StoreError
from lthlib.evidence import curves
from lthlib.specs import NAMES

# What a slide asks, the network whose rows it needs, and the figure; `rows` where a figure wants each evaluation.
SLIDES: list[tuple[str, str, Callable[[pd.DataFrame, pd.DataFrame], Shown]]] = [
    ("Do sparse networks train as well as dense ones?", "lenet", lambda rows, t: figures.figure1_lenet(t)),
    ("How does a ticket learn, from its first iteration on?", "lenet", lambda rows, t: figures.figure3(rows)),
    ("Is it the mask, or the initial values?", "lenet", lambda rows, t: figures.figure4a(t)),
    ("Does it last to the end of training?", "lenet", lambda rows, t: figures.figure4b(t)),
    ("Can one prune all at once?", "lenet", lambda rows, t: figures.figure4c(t)),
    ("And the places: a control with other ones", "lenet", lambda rows, t: figures.random_sparsity(t, "lenet")),
    ("Convolutions", "conv2", lambda rows, t: figures.figure5(t, "conv2")),
]
STYLE = """
@page { size: 16in 9in; margin: 0 }
* { box-sizing: border-box }
body { margin: 0; background: #fff; color: #111; font: 22px/1.35 system-ui, sans-serif }
section { width: 100vw; min-height: 100vh; padding: 4vh 5vw; display: flex; flex-direction: column; break-after: page }
h1, h2 { margin: 0 0 2vh; font-weight: 600 }
figure { margin: 0; flex: 1; display: flex; flex-direction: column; justify-content: center }
img { max-width: 90vw; max-height: 68vh; margin: 0 auto; object-fit: contain; width: 100% }
figcaption { font-size: 15px; color: #444; margin-top: 2vh }
"""
KEYS = """
addEventListener("keydown", event => {
  const step = {ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1}[event.key]
  if (!step) return
  event.preventDefault()
  const slides = [...document.querySelectorAll("section")]
  const here = slides.findIndex(slide => slide.getBoundingClientRect().bottom > innerHeight / 2)
  slides[Math.max(0, Math.min(slides.length - 1, here + step))].scrollIntoView()
})
"""


def slides() -> tuple[str, list[str]]:
    """The page, and the titles of those that are left out because nothing is committed for them yet.

    >>> page, missing = slides()  # doctest: +SKIP
    """
    kept: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
    made, missing = [], []
    for title, network, draw in SLIDES:
        try:
            if network not in kept:
                rows = chapters.experiment(network, "published").rows()
                kept[network] = rows, curves.summarise(rows)
        except StoreError:
            missing.append(title)
            continue
        made.append(_slide(f"{title} <small>{escape(NAMES[network])}</small>", draw(*kept[network])))
    first = (
        "<section><h1>The Lottery Ticket Hypothesis, re-executed</h1>"
        "<p>Figures from the measurements of the book; grey and dashed are the paper's own curves "
        "(Frankle &amp; Carbin 2019).</p><p>Arrow keys go on and back. Printed, each slide is a page.</p></section>"
    )
    page = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Lottery tickets: slides</title>'
        f"<style>{STYLE}</style></head><body>{first}{''.join(made)}<script>{KEYS}</script></body></html>"
    )
    return page, missing


def _slide(title: str, figure: Shown) -> str:
    image = b64encode(png(figure.fig)).decode("ascii")
    return (
        f'<section><h2>{title}</h2><figure><img alt="{escape(figure.alt)}" src="data:image/png;base64,{image}">'
        f"<figcaption>{escape(figure.caption)}</figcaption></figure></section>"
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lthlib.book.slides", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("to", type=Path, nargs="?", default=Path("slides.html"), help="the file (slides.html)")
    options = parser.parse_args(arguments)
    try:
        page, missing = slides()
        options.to.write_text(page, encoding="utf-8")
    except (LthError, OSError) as error:
        print(f"slides: {error}", file=sys.stderr)
        return 1
    print(f"{options.to}: {page.count('<section>')} slides, {len(page) / 1e6:.1f} MB")
    for title in missing:
        print(f"left out, nothing is committed for it yet: {title}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

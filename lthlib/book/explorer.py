"""What the ticket explorer shows: one Lenet pruned round by round, as a script that a page loads, from disk too.

    python -m lthlib.book.explorer --store STORE   masks and measurements, from a store that keeps weights
    python -m lthlib.book.explorer                 only the measurements anew, from the committed rows

Masks are nested, so one letter per connection of the first layer says all of them: by which pruning it was removed.
Random masks are not: what a map needs of them is there, the sum at each pixel and that of each unit.
"""

import argparse
import json
import re
import sys
from collections.abc import Hashable, Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from string import ascii_letters
from typing import Any

import numpy as np
import pandas as pd

from lthlib import specs
from lthlib.book import captions, chapters, diagrams, style
from lthlib.core import tickets
from lthlib.engine import arms
from lthlib.errors import LthError, StoreError
from lthlib.evidence import curves, matching
from lthlib.lab import task
from lthlib.lab.store import Store
from lthlib.specs import Rep, Spec
from lthlib.specs.columns import TRAINING

PAGE, DATA = "book/explorer.md", "book/_static/explorer-data.js"
STILL, NARROW = "book/_static/explorer.png", "book/_static/explorer-narrow.png"
FIRST = "fc1.weight"  # the layer that is mapped
ARMS = ("ticket", "reinit", "random")
QUANTITIES = ("es", "acc_es", "acc_0")  # early stop, test accuracy there, and before the first step
KEPT = "."  # what no pruning has removed
BINS = 36  # of a histogram of initial weights, between the two ends at which their distribution is cut off
SIDE = 28
BEGINS = "globalThis.LTH_EXPLORER ="


def made(store: Store, rows: pd.DataFrame, trial: int = 0) -> dict[str, Any]:
    """All that is shown: the network of one trial, whose weights the store keeps, and the rows of its experiment."""
    own = rows[(rows["arm"] == "ticket") & (rows["trial"] == trial)]
    if own.empty:
        raise StoreError(f"there are no rows of tickets of trial {trial}: choose another trial")
    spec = replace(matching.spec_of(own.iloc[0]), rounds=int(own["round"].max()))
    found = {"key": specs.key(spec), "trial": trial, **_pruned(store, spec, trial)}
    stored = [json.loads(text) for text in own.drop_duplicates("round").sort_values("round")["survivors"]]
    if [{name: layer["left"][n] for name, layer in found["layers"].items()} for n in range(len(stored))] != stored:
        raise StoreError(f"the masks in the store {store.path} are not those that the rows were measured with")
    return found | measured(rows, trial)


def _pruned(store: Store, spec: Spec, trial: int) -> dict[str, Any]:
    """What masks and initial weights say: what each round removes, and a random mask beside each ticket."""
    theta0 = {name: value[0].numpy() for name, value in arms.initial(spec, [trial]).items()}
    alive, random = [], []
    for n in range(spec.rounds + 1):
        mask, theta_j = task.recall(store, spec, [Rep("ticket", trial, n)])
        alive.append({name: m[0].numpy() > 0 for name, m in mask.items()})
        # The very mask that the arm trains with: it is drawn from a generator named after trial, round and draw. The
        # dense network has nothing to shuffle, and no such arm.
        ticket = tickets.Round(n, mask, theta_j)
        scattered = arms.branch(spec, ticket, [Rep("random", trial, n)])[1] if n else mask
        random.append(scattered[FIRST][0].numpy() > 0)
        if n == 0:  # a weight on a pixel that is always black gets no gradient, and is afterwards what it was
            blank = (theta_j[FIRST][0].numpy() == theta0[FIRST]).all(0)
    return {
        "units": len(theta0[FIRST]),
        "layers": {name: _layer(name, [m[name] for m in alive], theta0[name]) for name in alive[0]},
        "removed": _letters([m[FIRST] for m in alive]),
        "blank": np.flatnonzero(blank).tolist(),  # pixels without ink in all of the trial's training digits
        "random": {"pixels": _sums(random, 0), "units": _sums(random, 1)},
    }


def _layer(name: str, alive: list[np.ndarray], theta0: np.ndarray) -> dict[str, Any]:
    """How many weights of a layer are left after each round, and the histogram of their initial values."""
    end = float(np.abs(theta0).max())
    counts = [np.histogram(theta0[mask], BINS, (-end, end))[0].tolist() for mask in alive]
    return {"name": style.LAYERS[name], "left": [int(mask.sum()) for mask in alive], "end": end, "initial": counts}


def _letters(alive: list[np.ndarray]) -> str:
    """By which pruning each connection was removed, unit by unit: a is the first."""
    rounds = np.sum(alive, axis=0).ravel()  # in how many networks it is
    letters = np.array([*ascii_letters[: len(alive) - 1], KEPT])
    return "".join(letters[rounds - 1])


def _sums(random: list[np.ndarray], axis: int) -> list[list[int]]:
    return [mask.sum(axis).tolist() for mask in random]


def first_layer(found: Mapping[str, Any], n: int) -> np.ndarray:
    """The first layer's mask after n prunings, booleans [units, pixels], read from the letters."""
    letters = np.array(list(found["removed"])).reshape(found["units"], -1)
    return ~np.isin(letters, list(ascii_letters[:n]))


def measured(rows: pd.DataFrame, trial: int = 0) -> dict[str, Any]:
    """What the rows of an experiment say of each round: means over trials, with the lowest, the highest and how many
    there are; the same of the one network that is shown; and in words at what scale this was measured."""
    trainings = curves.summarise(rows[rows["arm"].isin(ARMS)])
    before = rows[rows["iteration"] == 0].set_index(TRAINING)["test_acc"].rename("acc_0")
    trainings = trainings.join(before, on=TRAINING)
    own = trainings[(trainings["arm"] == "ticket") & (trainings["trial"] == trial)].set_index("round")
    rounds = int(own.index.max())
    # Deeper than the network that is shown there is nothing to be shown beside.
    trainings = trainings[trainings["round"] <= rounds]
    return {
        "remaining": [float(own["remaining"][n]) for n in range(rounds + 1)],
        "left": [int(own["weights"][n]) for n in range(rounds + 1)],
        "iterations": int(trainings["iterations"].max()),
        "curves": {arm: {q: _curve(trainings, arm, q, rounds) for q in QUANTITIES} for arm in ARMS},
        "own": {q: [float(own[q][n]) for n in range(rounds + 1)] for q in QUANTITIES},
        "arms": {arm: {"name": style.ARMS[arm].name, "colour": style.ARMS[arm].colour} for arm in ARMS},
        "scale": captions.scale(trainings),
    }


def _curve(trainings: pd.DataFrame, arm: str, quantity: str, rounds: int) -> list[dict[Hashable, Any] | None]:
    """One point per round, None where the arm was not trained."""
    spread = curves.spread(trainings[trainings["arm"] == arm], quantity).set_index("round")
    points = spread[["mean", "low", "high", "n"]].to_dict("index")
    return [points.get(n) for n in range(rounds + 1)]


# ------------------------------------------------------------------------------------------------------------- in words


def still(found: Mapping[str, Any]) -> style.Shown:
    """The picture where no script runs: the first layer of tickets above random masks, at five rounds."""
    last = len(found["left"]) - 1
    shown = sorted({round(part * last) for part in (0, 0.25, 0.5, 0.75, 1)})
    maps = {
        found["remaining"][n]: (
            first_layer(found, n).sum(0).reshape(SIDE, SIDE),
            np.reshape(found["random"]["pixels"][n], (SIDE, SIDE)),
        )
        for n in shown
    }
    return diagrams.ticket_and_random(maps, found["units"])


SEEN = """\
* **Where it looks.** At {blank} of the 784 pixels no digit of this network's training set has any ink, and training
  never changes a weight there. Of the ticket's connections to them {end}: that is the white frame of the map.
  The random mask still has {chance:,} there in round {last}.
* **What chance would do.** It treats all units alike: in round {last}, {bare} of the ticket's {units} units have lost
  every connection to the picture, and {bare_chance} of the random mask's. And it knows nothing: before their first step
  of training, networks with a random mask read at most {random:.0f} % of the test digits, a mean over trials, which is
  guessing. Tickets, at their initial values, read up to {ticket:.0f} %; their masks on new values up to {reinit:.0f} %.
* **When it hurts.** At the early stop the dense networks read {dense:.2f} % of the test digits, on average. What
  falls below that for good: {edge}."""


def seen(found: Mapping[str, Any]) -> str:
    """Answers to the page's three questions; their numbers are counted and measured, not typed."""
    last, blank = len(found["left"]) - 1, found["blank"]
    left = [style.level(remaining) for remaining in found["remaining"]]
    there = [int(first_layer(found, n)[:, blank].sum()) for n in range(last + 1)]
    gone = there.index(0) if 0 in there else None
    untrained = {arm: max(p["mean"] for p in found["curves"][arm]["acc_0"] if p) for arm in ARMS}
    dense, edge = found["curves"]["ticket"]["acc_es"][0]["mean"], []
    for arm in ARMS:
        means = {n: point["mean"] for n, point in enumerate(found["curves"][arm]["acc_es"]) if point}
        above = max((n for n in means if means[n] >= dense), default=0)
        below = [n for n in means if n > above]
        edge.append(f"{found['arms'][arm]['name']} {f'from {left[below[0]]} on' if below else 'nowhere'}")
    return SEEN.format(
        blank=len(blank),
        end=f"{there[last]:,} stay"
        if gone is None
        else f"the last goes in round {gone}, with {left[gone]} of all left",
        chance=sum(found["random"]["pixels"][last][i] for i in blank),
        last=last,
        units=found["units"],
        bare=int((~first_layer(found, last).any(1)).sum()),
        bare_chance=found["random"]["units"][last].count(0),
        dense=dense,
        edge=", ".join(edge),
        **untrained,
    )


def page(text: str, found: Mapping[str, Any]) -> str:
    """The page's text with what is made of the data put between its marks."""
    picture = still(found)
    width = picture.fig.get_figwidth() * style.PIXELS_PER_INCH
    html = (
        '<noscript>\n<figure class="lth-figure"><picture>'
        f'<source media="(max-width: {style.PHONE}px)" srcset="../_static/{Path(NARROW).name}">'
        f'<img alt="{escape(picture.alt)}" src="../_static/{Path(STILL).name}" width="{width:.0f}"></picture>'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>\n</noscript>"
    )
    origin = (
        f"{found['scale']} Key `{found['key']}`, network of trial {found['trial']}; what this page shows of them: "
        f'<a href="../_static/{Path(DATA).name}" download>{Path(DATA).name}</a>.'
    )
    for name, words in {"still": html, "seen": seen(found), "scale": origin}.items():
        text = _with(text, name, words)
    return text


def _with(text: str, name: str, words: str) -> str:
    """The page's text with these words between the marks of this name."""
    begin, end = (f"<!-- {edge} {name} of python -m lthlib.book.explorer -->" for edge in ("begin", "end"))
    pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    text, n = pattern.subn(lambda _: f"{begin}\n{words}\n{end}", text)
    if n != 1:
        raise LthError(f"{PAGE} must have one place that begins with {begin} and ends with {end}")
    return text


# ---------------------------------------------------------------------------------------------------------------- files


def read(file: Path) -> dict[str, Any]:
    """The data that `write` wrote."""
    try:
        return json.loads(file.read_text(encoding="utf-8").partition(BEGINS)[2].strip().removesuffix(";"))
    except (OSError, ValueError):
        raise StoreError(f"{file} cannot be read: make it with python -m lthlib.book.explorer --store STORE") from None


def write(root: Path, found: Mapping[str, Any]) -> None:
    """Put the data, the still picture and the words into the book."""
    compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    lines = ",\n".join(f"{compact(name)}:{compact(value)}" for name, value in found.items())
    text = page((root / PAGE).read_text(encoding="utf-8"), found)
    made_by = "// Made by python -m lthlib.book.explorer. A script, not JSON: from disk, a page may load nothing else."
    (root / DATA).write_text(f"{made_by}\n{BEGINS} {{\n{lines}\n}};\n", encoding="utf-8")
    picture = still(found)
    (root / STILL).write_bytes(style.png(picture.fig))
    (root / NARROW).write_bytes(style.png(picture.narrow))
    (root / PAGE).write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lthlib.book.explorer", description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, help="take the masks from this store; else they stay")
    parser.add_argument("--trial", type=int, default=0, help="whose network is shown, with --store (0)")
    parser.add_argument("--source", type=Path, default=Path(), help="root of the repository (.)")
    options = parser.parse_args(arguments)
    try:
        rows = chapters.experiment("lenet", "published").rows()
        if options.store:
            found = made(Store(options.store), rows, options.trial)
        else:
            found = read(options.source / DATA)
            if found["key"] != rows["key"].iloc[0]:
                raise StoreError(f"the committed rows are now those of {rows['key'].iloc[0]}: name its --store")
            found |= measured(rows, found["trial"])
        write(options.source, found)
    except (LthError, OSError) as error:
        print(f"explorer: {error}", file=sys.stderr)
        return 1
    print(f"wrote {DATA}, {(options.source / DATA).stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

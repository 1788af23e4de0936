"""What the chapter on performance shows: tables and a figure of what `lth bench --json` recorded on a machine."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lthlib.bench.formats import break_even
from lthlib.book.html_table import Table
from lthlib.book.style import DENSE_LINE, INK, NARROW, WIDE, Shown, level, shown
from lthlib.errors import StoreError
from lthlib.lab.cost import duration, makespan, size
from lthlib.lab.plan import plan
from lthlib.specs import NAMES, Spec

PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "tf32": "TF32"}
KERNELS = {  # name in the records -> how it is called, its colour and marker
    "masked": ("dense, mask multiplied in", "#999999", "x"),
    "CSR": ("sparse rows (CSR)", "#0072B2", "o"),
    "BSR 4": ("blocks of 4 x 4 (BSR)", "#009E73", "^"),
    "BSR 16": ("blocks of 16 x 16 (BSR)", "#E69F00", "D"),
    "compact": ("smaller dense matrix", "#CC79A7", "v"),
}


def recorded(folder: str | Path) -> list[dict]:
    """What was recorded on each machine: the files bench-*.json of a folder of results. Raises StoreError."""
    files = sorted(Path(folder).glob("bench-*.json"))
    if not files:
        raise StoreError(
            f"there is no bench-*.json in {folder}: make one with lth bench --json > {folder}/bench-NAME.json"
        )
    try:
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]
    except ValueError as error:
        raise StoreError(f"a bench-*.json in {folder} is not JSON ({error}): make it again with lth bench") from None


def show(draw: Callable[[dict], Table | Shown], machines: list[dict]) -> None:
    """Show one table or figure per machine, in a notebook; nothing for a machine where it was not measured."""
    from IPython.display import display

    for found in machines:
        if found.get(RECORDS[draw.__name__]):
            display(draw(found))


RECORDS = {"speed": "speed", "parts": "parts", "growth": "replicates", "tickets": "tickets", "products": "kernels"}


def speed(found: dict) -> Table:
    """Milliseconds per iteration of one training, evaluation included: ours, a conventional loop's, and the share that
    the bare products make of ours."""
    lines = [
        {
            "network": _name(row["network"], row["precision"]),
            "ours (ms)": _ms(row["ours_ms"]),
            "conventional loop (ms)": _ms(row["conventional_ms"]),
            "times faster": f"{row['ratio']:.1f}",
            "share of bare products": f"{100 * row['share']:.0f} %",
            "GFLOP/s per process": f"{row['gflops']:,.0f}",
            "memory per process": size(row["memory"]),
        }
        for row in found["speed"]
    ]
    processes = found["speed"][0]["processes"]
    square = " and ".join(f"{rate:,} in {precision}" for precision, rate in found["machine"]["gflops"].items())
    caption = (
        "Milliseconds per iteration of one training, the evaluation of validation and test images included; of ours "
        f"{_counted(processes)}; medians of stretches, turn about in one run. {_machine(found)}; products of square "
        f"matrices reach {square} GFLOP/s there."
    )
    return Table(pd.DataFrame(lines), caption)


def seconds(spec: Spec, found: dict) -> float | None:
    """How long all trainings of an experiment take where this was recorded; None if its network was not timed there, at
    this width and precision, on images of this size."""
    rows = [r for r in found["speed"] if (r["network"], r["precision"]) == (spec.network, spec.precision)]
    if not rows or spec.width != 1 or spec.data == "mnist5k":
        return None
    processes = rows[0]["processes"]
    turns = makespan(spec, plan(spec), processes, 1)
    return turns * spec.iterations * rows[0]["ours_ms"] * processes / 1000


def costs(asked: dict[str, list[Spec]], machines: list[dict]) -> Table:
    """What experiments cost at each profile: trainings, and the time that they take on each machine recorded."""
    lines = []
    for profile, specs in asked.items():
        for network, iterations in dict.fromkeys((spec.network, spec.iterations) for spec in specs):
            some = [spec for spec in specs if (spec.network, spec.iterations) == (network, iterations)]
            line = {
                "profile": profile,
                "network": NAMES[network],
                "trainings": f"{sum(len(plan(spec)) for spec in some):,}",
                "iterations of each": f"{iterations:,}",
            }
            for found in machines:
                taken = [s for spec in some if (s := seconds(spec, found)) is not None]
                known = len(taken) == len(some)
                about = found["machine"]
                where = f"about, on {about['cores']} core{'s' * (about['cores'] > 1)} of {about['device']}"
                line[where] = duration(sum(taken)) if known else "minutes" if profile == "quick" else "not timed"
            lines.append(line)
    caption = (
        "What the profiles take, as the engine was timed (How fast). lth cost says what it is on your machine, before "
        "anything is trained."
    )
    return Table(pd.DataFrame(lines), caption)


def parts(found: dict) -> Table:
    """Where the milliseconds of an iteration go, network by network."""
    table = pd.DataFrame(found["parts"])
    lines = []
    for (network, precision), rows in table.groupby(["network", "precision"], sort=False):
        own = {
            row["part"]: _ms(row["ms"]) + (f" ({_ms(row['products_ms'])})" if row["products_ms"] else "")
            for _, row in rows.iterrows()
        }
        lines.append({"network": _name(str(network), str(precision)), **own, "sum": _ms(rows["ms"].sum())})
    caption = (
        "Milliseconds per iteration in one process, part by part; evaluation is its share per iteration. In brackets "
        f"the bare products of that part. {_machine(found)}."
    )
    return Table(pd.DataFrame(lines), caption)


def growth(found: dict) -> Table:
    """How time grows with the networks in one process, and how many more trainings more processes do."""
    one = found["replicates"][0]["ms"]
    lines = [
        {
            "networks in one process": row["replicates"],
            "ms per iteration of all": _ms(row["ms"]),
            "against that many times one": f"{row['ms'] / one / row['replicates']:.2f}",
        }
        for row in found["replicates"]
    ]
    cores = [
        f"{row['processes']} processes: {row['speed_up']:.2f} times the trainings of one" for row in found["cores"]
    ]
    name = NAMES[found["replicates"][0]["network"]]
    caption = " ".join([f"{name}, evaluation included.", *(f"{more}." for more in cores[1:]), f"{_machine(found)}."])
    return Table(pd.DataFrame(lines), caption)


def tickets(found: dict, every: int = 3) -> Table:
    """What a ticket weighs on a disk, and how long an iteration of its training takes, round by round."""
    lines = []
    for row in found["tickets"][::every]:
        files = {(f["format"], f["compressed"]): f["bytes"] for f in row["files"]}
        lines.append(
            {
                "weights remaining": level(row["remaining"]),
                "dense file": _kb(files["dense", False]),
                "dense, zlib": _kb(files["dense", True]),
                "bit mask and weights": _kb(files["bit mask", False]),
                "the same, zlib": _kb(files["bit mask", True]),
                "CSR": _kb(files["CSR", False]),
                "training, times as fast as dense": f"{row['dense_ms'] / row['ms']:.2f}",
            }
        )
    key = found["tickets"][0]["key"]
    caption = (
        f"The winning tickets (mask and initial weights) of trial 0 of experiment {key}: bytes of their float32 files, "
        "and the pace of training them on dense kernels and random pixels, evaluation included, with units that lead "
        "nowhere left out (medians of three turns; what is within a tenth of 1 is noise). "
        f"{_machine(found)}."
    )
    return Table(pd.DataFrame(lines), caption)


def products(found: dict) -> Shown:
    """Time of a dense product over that of a sparse one, against the percentage of weights remaining."""
    table = pd.DataFrame(found["kernels"])
    layers = list(table.groupby(["shape", "batch"], sort=False))

    def draw(narrow: bool) -> Figure:
        fig = Figure(figsize=(NARROW, 2.7 * len(layers) + 0.6) if narrow else (WIDE, 3.4), layout="constrained")
        grid = (len(layers), 1) if narrow else (1, len(layers))
        axes = fig.subplots(*grid, squeeze=False, sharey=True).ravel()
        for ax, ((shape, batch), part) in zip(axes, layers, strict=True):
            _draw(ax, part)
            ax.set_title(f"{shape}, batch {batch:,}")
            ax.set_xlabel("weights remaining (%)")
        for ax in axes if narrow else axes[:1]:
            ax.set_ylabel("times as fast as dense")
        handles, labels = axes[-1].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=1 if narrow else 3)
        return fig

    even = break_even(table)
    found_at = ", ".join(f"{row['shape']} at batch {row['batch']:,}: {_at(row)}" for _, row in even.iterrows())
    caption = (
        "How many times as fast as the dense product y = x Wᵀ each kernel is (above the dotted line: faster), for "
        "layers written as outputs x inputs, with random masks; blocks and the smaller matrix have as many weights. "
        f"Sparse rows break even with {found_at}. One thread, medians. {_machine(found)}."
    )
    return shown(draw, caption, _alt(table), table)


def _draw(ax: Axes, part: pd.DataFrame) -> None:
    for kernel, (name, colour, marker) in KERNELS.items():
        line = part[part["kernel"] == kernel].dropna(subset="speed_up")
        ax.plot(line["remaining"], line["speed_up"], color=colour, marker=marker, label=name, gid=kernel)
    ax.axhline(1, **DENSE_LINE)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.invert_xaxis()
    ticks = [100, 20, 5, 1]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks], minor=False)
    ax.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"], color=INK)
    ax.minorticks_off()


def _alt(table: pd.DataFrame) -> str:
    words = []
    for (shape, batch), part in table.groupby(["shape", "batch"], sort=False):
        least = part[part["remaining"] == part["remaining"].min()].set_index("kernel")["speed_up"]
        known = [f"{KERNELS[k][0]} {least[k]:.1f}" for k in KERNELS if np.isfinite(least.get(k, np.nan))]
        words.append(f"Layer {shape}, batch {batch:,}, with {part['remaining'].min():g} % left: {', '.join(known)}.")
    return "Times as fast as the dense product, against weights remaining. " + " ".join(words)


def _at(row: pd.Series) -> str:
    return f"{row['remaining']:.0f} % left" if np.isfinite(row["remaining"]) else "nowhere"


def _name(network: str, precision: str) -> str:
    return f"{NAMES[network]}, {PRECISIONS[precision]}"


def _counted(processes: int) -> str:
    return (
        f"{processes} at once, one per core, so that each takes {processes} times as long" if processes > 1 else "one"
    )


def _machine(found: dict) -> str:
    about = found["machine"]
    return (
        f"{about['device']}, machine with {about['cores']} cores, torch {about['versions']['torch']}, {about['made']}"
    )


def _ms(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _kb(value: int) -> str:
    return f"{value / 1000:,.0f} kB" if value >= 10_000 else f"{value / 1000:.1f} kB"

"""The tables of the book: one function for each, of results or of claims."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lthlib import specs
from lthlib.book import coverage
from lthlib.book.captions import WHOLE
from lthlib.book.html_table import File, Table
from lthlib.book.style import LAYERS, listed
from lthlib.evidence import curves, matching, winners
from lthlib.evidence.curves import extent, spread, summarise
from lthlib.evidence.ledger import shortfall
from lthlib.evidence.levels import number
from lthlib.evidence.paper_curves import paper
from lthlib.evidence.verdicts import FEWEST, interval
from lthlib.specs import ARMS, NAMES, PAPER, PAPER_DENSE
from lthlib.specs.columns import DRAWN, TRAINING


def scale(rows: pd.DataFrame) -> Table:
    """At what scale an experiment was run: one line per arm, with how many trainings and what they cost."""
    first = rows.iloc[0]
    ran = rows.groupby(TRAINING).agg(seconds=("seconds", "first"), iterations=("iteration", "max")).reset_index()
    lines = [
        {
            "arm": arm,
            "what it is": record.says,
            "trials": part["trial"].nunique(),
            "draws": part["draw"].nunique(),
            "rounds or levels": part["round"].nunique() - (arm == "ticket"),
            "trainings": len(part),
            "hours": f"{part['seconds'].sum() / 3600:.2f}",
        }
        for arm, record in ARMS.items()
        if len(part := ran[ran["arm"] == arm])
    ]
    caption = (
        f"{first['data_label']}. {ran['iterations'].max():,} iterations per training, batches of "
        f"{matching.spec_of(first).batch}. Hours are the sum over trainings, on "
        f"{' and '.join(sorted(rows['device'].unique()))}. "
        f"Experiment {first['key']}."
    )
    return Table(pd.DataFrame(lines), caption)


def provenance(rows: pd.DataFrame, caption: str) -> Table:
    """Where rows come from: a line per experiment, and under it the command that asks for it and all its devices,
    versions, commits and data, if several. The key gives a file of all its settings."""
    lines, notes = [], []
    for key, experiment in rows.groupby("key", sort=False, observed=True):
        ran = experiment.drop_duplicates(TRAINING)
        days = sorted({finished[:10] for finished in ran["finished"]})
        made = [json.loads(versions) for versions in ran["versions"].unique()]
        spec = _as_drawn(ran)
        made_with = f"On {_all(ran['device'])}, with torch {_all(v['torch'] for v in made)}"
        code, data = _all(commit or "unknown" for commit in ran["commit"]), _all(d[:12] for d in ran["data_sha256"])
        notes.append(f"{_command(spec, len(ran))}. {made_with}; commit {code}; data of SHA-256 {data}.")
        lines.append(
            {
                "experiment": File(str(key), f"{key}.json", specs.as_json(spec), f"key-{key}"),
                "network": _name(ran["network"].iloc[0]),
                "trainings": len(ran),
                "hours": f"{ran['seconds'].sum() / 3600:.2f}",
                "finished": " to ".join(dict.fromkeys([days[0], days[-1]])),
            }
        )
    return Table(pd.DataFrame(lines, dtype=object), caption, notes, "lth-table lth-provenance")


def _as_drawn(ran: pd.DataFrame) -> specs.Spec:
    """The Spec of the trainings of one experiment, with the extent that these have: a run may have gone on since."""
    asked = matching.spec_of(ran.iloc[0])
    branches = ran[ran["arm"].isin(("reinit", "random", "continued"))]
    levels = ran[ran["arm"].str.startswith("oneshot")]
    rounds, trials = extent(ran)
    arms = tuple(arm for arm in ARMS if (ran["arm"] == arm).any())
    drawn: dict[str, Any] = {"arms": arms or asked.arms, "rounds": rounds}
    drawn |= {"trials": trials} if trials else {}
    drawn |= {"branch_step": int(branches["round"].min())} if len(branches) else {}
    drawn |= {"oneshot_step": int(levels["round"].min())} if len(levels) else {}
    for name, arm in (("reinits", "reinit"), ("randoms", "random")):
        if (ran["arm"] == arm).any():
            drawn[name] = int(ran.loc[ran["arm"] == arm, "draw"].max()) + 1
    return replace(asked, **drawn)


def _command(spec: specs.Spec, there: int) -> str:
    """What asks for an experiment, if that can be said on a command line, and how much of it is there."""
    if spec.network not in PAPER or spec.data not in specs.DATA:
        return "A network or data set of your own: asked for in Python"
    from lthlib.lab.plan import plan  # and with it torch, which reading results does without

    planned = len(plan(spec))
    return specs.command(spec) + ("" if planned == there else f" ({planned:,} trainings; {there:,} of them are here)")


def _name(network: str) -> str:
    """What a network is called; somebody's own as it is."""
    return NAMES.get(network, network)


def status(trainings: pd.DataFrame) -> Table:
    """What has been run of each network: a line per experiment, how much of the paper's it is, what it falls short in,
    what it cost, and when its last training ended."""
    lines, notes = [], []
    for _, ran in trainings.groupby("key", sort=False, observed=True):
        first, (rounds, trials) = ran.iloc[0], extent(ran)
        paper = matching.nearest(first) if first["network"] in PAPER else None
        lines.append(
            {
                "network": _name(first["network"]) + (" with dropout" if paper and paper.dropout else ""),
                "the paper's figures": coverage.credited(ran) if paper else "none",
                "arms": _all(arm for arm in ARMS if (ran["arm"] == arm).any()),
                "trials": f"{trials} of {paper.trials}" if paper else trials,
                "rounds": f"{rounds} of {paper.rounds}" if paper else rounds,
                "trainings": len(ran),
                "hours": f"{ran['seconds'].sum() / 3600:.1f}",
            }
        )
        short = shortfall(first, paper) if paper else ["not one of the paper's networks"]
        fell = "; ".join(short) if short else "at the paper's settings"
        notes.append(f"{first['key']}, on {_all(ran['device'])} until {str(max(ran['finished']))[:10]}: {fell}.")
    caption = f"{len(lines)} experiments, {len(trainings):,} trainings."
    return Table(pd.DataFrame(lines), caption, notes)


def _all(values) -> str:
    return ", ".join(dict.fromkeys(map(str, values)))


def rounds(rows: pd.DataFrame) -> Table:
    """Early stop and accuracy there, by arm and round: means over trials, and how often it wins (`winners`)."""
    trainings = summarise(rows[rows["arm"].isin(ARMS)])
    stop, accuracy = (spread(trainings, name) for name in ("es", "acc_es"))
    won = winners.wins(trainings).set_index(["arm", "round"])
    table = pd.DataFrame(
        {
            "arm": stop["arm"],
            "round": stop["round"],
            "weights remaining (%)": stop["remaining"].map("{:.1f}".format),
            "early stop (iteration)": stop["mean"].map("{:,.0f}".format),
            "test accuracy there (%)": accuracy["mean"].map("{:.1f}".format),
            "wins": [
                f"{won.loc[at, 'won']} of {won.loc[at, 'trials']}" if at in won.index else ""
                for at in zip(stop["arm"], stop["round"], strict=True)
            ],
        }
    )
    n = trainings["trial"].nunique()
    who = "One trial" if n == 1 else f"Means over {n} trials"
    order = table["arm"].map(list(ARMS).index)
    caption = f"{who}; {trainings['data_label'].iloc[0]}; {trainings['iterations'].max():,} iterations per training."
    return Table(table.assign(order=order).sort_values(["order", "round"]).drop(columns="order"), caption)


def inputs(rows: pd.DataFrame, network: str) -> Table:
    """The dense network by how its inputs are scaled, of which the paper says nothing, beside the paper's own. Trials
    are alike in everything else: initial weights, order of the data and all other settings."""
    found = matching.differing_in("inputs", summarise(curves.dense(rows[rows["network"] == network])))
    (lowest, highest), (worst, best) = PAPER_DENSE[network]["es"], PAPER_DENSE[network]["acc_es"]
    lines = [
        {
            "inputs": specs.INPUTS[name],
            "early stop (iteration)": f"{t['es'].mean():,.0f}",
            "test accuracy there (%)": f"{t['acc_es'].mean():.2f}",
            "within the paper's trials": listed(
                [
                    *(["early stop"] if lowest <= t["es"].mean() <= highest else []),
                    *(["accuracy"] if worst <= t["acc_es"].mean() <= best else []),
                ]
                or ["neither"]
            ),
        }
        for name, t in found.items()
    ]
    lines.append(
        {
            "inputs": "the paper's trials",
            "early stop (iteration)": f"{lowest:,} to {highest:,}",
            "test accuracy there (%)": f"{worst} to {best}",
            "within the paper's trials": "",
        }
    )
    first = next(iter(found.values()))
    caption = (
        "The paper does not say how pixels become inputs, and it matters. "
        f"Dense {NAMES[network]}, {first['data_label'].iloc[0]}, {first['iterations'].iloc[0]:,} iterations; "
        f"n = {first['trial'].nunique()}: the same initial weights and order of the data in every line."
    )
    return Table(pd.DataFrame(lines), caption)


def inside(anatomy: pd.DataFrame, measures: Mapping[str, str], rounds: Iterable[int] = DRAWN) -> Table:
    """What `anatomy` measured, by name and what the page calls it, at some rounds: means over trials, and ranges."""
    found = anatomy[anatomy["x"].isna() & anatomy["round"].isin(list(rounds))]
    lines = []
    for quantity, said in measures.items():
        for remaining, level in found[found["quantity"] == quantity].groupby("remaining"):
            values = {layer: t["value"] for layer, t in level.groupby("layer")}
            cells = {LAYERS[layer]: _over_trials(values[layer]) for layer in LAYERS if layer in values}
            lines.append({"": said, "weights remaining (%)": f"{remaining:.1f}", **cells})
    lines.sort(key=lambda line: (list(measures.values()).index(line[""]), -float(line["weights remaining (%)"])))
    spread = ", and from the smallest to the largest" if found["trial"].nunique() > 1 else ""
    return Table(pd.DataFrame(lines), f"{over_trials(found)}{spread}.")


def gaps(trainings: pd.DataFrame, levels: Iterable[float] = (51.3, 21.1, 13.5, 7.0, 3.6, 1.9)) -> Table:
    """What tickets have over the dense network of their trial at the end of training: train and test accuracy, and the
    gap between the two, in points; with the 95 % interval of its mean over trials."""
    tickets, lines = trainings[trainings["arm"] == "ticket"], []
    dense = tickets[tickets["round"] == 0].set_index("trial")
    for asked in levels:
        near = tickets[np.isclose(tickets["remaining"], asked, rtol=0.02)].set_index("trial")
        line = {"weights remaining (%)": f"{asked:g}", "trials": str(len(near))}
        for title, quantity in (("train accuracy", "train_end"), ("test accuracy", "acc_end"), ("gap", "gap_end")):
            difference = (near[quantity] - dense[quantity]).dropna().to_numpy()
            line[f"{title} (points)"] = f"{difference.mean():+.2f}" if len(difference) else "–"
        if len(difference):
            found = interval(difference)
            sure = f"{found.low:+.2f} to {found.high:+.2f}" if found.n >= FEWEST else f"too few trials: {found.n}"
            line["95 % interval of the gap"] = sure
        if len(near):
            lines.append(line)
    return Table(pd.DataFrame(lines), "Tickets less the dense network of the same trial, at the end of training.")


def over_trials(anatomy: pd.DataFrame) -> str:
    """How many trials the means of an anatomy are over."""
    n = anatomy.groupby("round")["trial"].nunique()
    if n.empty or n.max() == 1:
        return "One trial"
    return f"Means over {n.min()} to {n.max()} trials" if n.min() < n.max() else f"Means over {n.max()} trials"


def _over_trials(values: pd.Series) -> str:
    spread = f" ({number(values.min())} to {number(values.max())})" if len(values) > 1 else ""
    return f"{number(values.mean())}{spread}"


def dense(rows: pd.DataFrame) -> Table:
    """The dense network beside the paper's: if these two differ, nothing that follows can be compared."""
    trainings = curves.dense(summarise(rows))
    network, data = trainings["network"].iloc[0], trainings["data"].iloc[0]
    figure = "fig4a" if network == "lenet" else "fig5"
    lines = []
    for name, label, shape in (
        ("es", "early stop (iteration)", "{:,.0f}"),
        ("acc_es", "test accuracy there (%)", "{:.2f}"),
    ):
        low, high = PAPER_DENSE[network][name]
        theirs, ours = paper(figure, network, "ticket", name)["value"].iloc[0], trainings[name]
        lines.append(
            {
                "dense network" if network == "lenet" else f"dense {NAMES[network]}": label,
                "paper: mean": shape.format(theirs),
                "trials": f"{shape.format(low)} to {shape.format(high)}",
                "ours: mean": shape.format(ours.mean()),
                "our trials": f"{shape.format(ours.min())} to {shape.format(ours.max())}",
            }
        )
    whole = PAPER[network].data
    other = "" if data == whole else f" The paper's are on {WHOLE[whole]}: these are other numbers, not worse ones."
    caption = f"Ours: {trainings['data_label'].iloc[0]}, n = {len(trainings)}; the paper's: n = 5.{other}"
    return Table(pd.DataFrame(lines), caption)

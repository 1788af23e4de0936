"""What a chapter of the book asks for: its parameters checked, its experiment run or the committed one read."""

import ast
import inspect
import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lthlib import specs
from lthlib.book import speed_page, tables
from lthlib.book.html_table import Table
from lthlib.book.notes import Note
from lthlib.book.style import listed
from lthlib.errors import SpecError, StoreError
from lthlib.evidence import claims, matching, winners
from lthlib.evidence import ledger as judged
from lthlib.evidence.curves import summarise
from lthlib.lab import anatomy
from lthlib.lab import provenance as made_by
from lthlib.lab.cost import duration
from lthlib.lab.plan import plan
from lthlib.lab.run import carry_out, ready
from lthlib.lab.store import Store, published
from lthlib.lab.where import Where
from lthlib.lab.workers import choose_device
from lthlib.specs import Rep, Spec
from lthlib.specs import arms as arms_of_the_paper
from lthlib.specs.columns import COLUMNS, TRAINING


@dataclass(frozen=True)
class Experiment:
    """An experiment that a chapter draws, and where it is run; both are None where it draws the committed one."""

    network: str
    spec: Spec | None
    where: Where | None
    store: Store
    setting: str | None = None
    variation: Mapping[str, Any] | None = None

    def rows(self) -> pd.DataFrame:
        """One row per evaluation: the committed ones, or those asked for, after training what is missing."""
        if self.spec is None:
            return _best(self)
        assert self.where is not None, "an experiment to be run comes with the place to run it"
        carry_out(self.spec, *ready(self.spec, self.where))
        asked = pd.DataFrame(plan(self.spec))
        rows = self.store.rows(self.spec).merge(asked, on=list(asked.columns))
        if len(rows.drop_duplicates(list(asked.columns))) < len(asked):
            raise StoreError(f"the store {self.store.path} has lost rows of {specs.key(self.spec)}: run again")
        return rows

    def anatomy(self) -> pd.DataFrame:
        """What is inside the tickets of `rows`, which are there: see `anatomy`."""
        if self.spec is None:
            table = self.store.anatomy()
            return table[table["key"].isin(_best(self)["key"])]
        return anatomy.of(self.spec, self.store)

    def ticket_masks(self, layer: str, trial: int = 0) -> dict[int, np.ndarray]:
        """The masks of a layer by round, booleans of the layer's shape. A store keeps them, `results/` does not:
        SpecError for a committed experiment."""
        if self.spec is None:
            raise SpecError("the masks of a committed experiment are not here: choose quick, laptop or paper")
        rounds = [Rep("ticket", trial, n) for n in range(self.spec.rounds + 1)]
        return {rep.round: self.store.arrays(self.spec, rep)[f"mask.{layer}"] for rep in rounds}


def check_parameters(namespace: Mapping[str, Any]) -> None:
    """Refuse a parameter that papermill injected and the chapter does not declare; whatever else a kernel holds is none
    of a chapter's business. `namespace` is the chapter's globals()."""
    global BEGUN
    BEGUN = time.monotonic()
    declared, injected = _parameters(namespace)
    for name in injected:
        if name not in declared:
            raise SpecError(f"unknown parameter '{name}'; choose from {', '.join(declared)}")


BEGUN = time.monotonic()  # when the page that is being executed began


def _parameters(namespace: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The parameters that a chapter declares, and those that papermill injected.

    Cells say so, whose sources IPython keeps: a live kernel holds names of all kinds, and not every Python tells which
    of them have a type. Where cells were executed again, the last before the check count, and what was injected before
    the parameters were set again no longer holds.
    """
    cells = [cell for cell in namespace.get("_ih", ()) if isinstance(cell, str)]  # `In`, which somebody may overwrite
    checked = max((n for n, cell in enumerate(cells) if "check_parameters(" in cell), default=len(cells))
    typed = (n for n in reversed(range(checked)) if _assigned(cells[n], ast.AnnAssign))
    own = next(typed, None)
    if own is None:
        return [], []
    injected = [cell for cell in cells[own + 1 : checked] if cell.startswith(INJECTED)]
    return _assigned(cells[own]), _assigned(injected[-1]) if injected else []


INJECTED = "# Parameters"  # how papermill begins the cell that it adds behind the parameters


def _assigned(cell: str, *kinds: type) -> list[str]:
    """The names that a cell assigns a value, or in a certain way: `name: type = value` is an ast.AnnAssign."""
    try:
        lines = ast.parse(cell).body
    except (SyntaxError, ValueError):
        return []
    match lines:  # what IPython makes of a cell below %%time or the like
        case [ast.Expr(ast.Call(ast.Attribute(attr="run_cell_magic"), [*_, ast.Constant(str(below))]))]:
            return _assigned(below, *kinds)
    found = [line for line in lines if isinstance(line, ast.Assign | ast.AnnAssign)]
    found = [line for line in found if not kinds or isinstance(line, kinds)]
    targets = [t for line in found for t in (line.targets if isinstance(line, ast.Assign) else [line.target])]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def experiment(
    network: str,
    profile: str = "quick",
    store: str = "store",
    data_root: str | None = None,
    device: str = "auto",
    setting: str | None = None,
    variation: Mapping[str, Any] | None = None,
    scheduler: str | None = None,
    **changes: Any,
) -> Experiment:
    """The experiment that a chapter's parameters describe. Raises SpecError, in one line, if they describe none.

    `setting` and `variation` say which of the paper's experiments it is (`specs.spec`); the workers of a Dask
    `scheduler`, if there is one, train it (`run.run`). `changes` are fields of the Spec (trials, rounds, iterations,
    seed, ...); None leaves the profile's.
    """
    spec = specs.spec(network, profile, setting, variation, **changes)
    device = device if scheduler else choose_device(device)  # of the workers
    if profile != "published":
        shelf = _shelf(store)
        where = Where(shelf.path, data_root, device, scheduler=scheduler)
        return Experiment(network, spec, where, shelf, setting, variation)
    asked = {**changes, "scheduler": scheduler, "seed": None}
    given = [name for name, value in asked.items() if value is not None]
    if given:
        raise SpecError(f"the profile published draws committed results as they are: leave out {', '.join(given)}")
    return Experiment(network, None, None, published(), setting, variation)


def experiments(
    networks: str, known: Sequence[str], profile: str = "quick", arms: str | None = None, **parameters: Any
) -> dict[str, Experiment]:
    """An experiment for each network named in "conv2,conv4" that is among the `known`, those the chapter is about, with
    arms named in "ticket,reinit". No name is no experiment; the paper's other networks are left to other chapters.

    The other parameters are `experiment`'s. In the profile `published`, networks without committed rows, in the setting
    and variation asked for, are left out.
    """
    wanted = _names(networks) or []
    for name in wanted:
        if name not in specs.PAPER:
            raise SpecError(f"this chapter is not about the network {name!r}; choose from {', '.join(known)}")
    asked = {name: experiment(name, profile, arms=_names(arms), **parameters) for name in wanted if name in known}
    if profile != "published":
        return asked
    trainings = summarise(published().rows())
    return {n: one for n, one in asked.items() if len(matching.best(trainings, n, one.setting, one.variation))}


def settings(names: str, network: str) -> list[str]:
    """The settings named in "lr0.1,warmup", all of them a network's. No name is no setting."""
    return among(names, specs.SETTINGS[network], "setting", f" of {network}")


def scopes(names: str) -> list[str]:
    """The scopes of pruning named in "global,layer"."""
    return among(names, specs.SCOPES, "scope")


def numbers(text: str) -> list[int]:
    """The whole numbers of "0,1000,5000"; of "" none."""
    try:
        return sorted({int(part) for part in str(text).split(",") if part.strip()})
    except ValueError:
        raise SpecError(f"these are whole numbers with commas between them, not {text!r}") from None


def among(text: str, known: Collection[str], what: str, whose: str = "") -> list[str]:
    """The names in "one,other", all of them known; SpecError, with what they are names of, for another."""
    names = _names(text) or []
    for name in names:
        if name not in known:
            raise SpecError(f"unknown {what} {name!r}{whose}; choose from {', '.join(known)}")
    return names


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise SpecError(f"this is a list of names with commas between them, not {text!r}")
    return list(dict.fromkeys(part.strip() for part in text.split(","))) if text else []


def provenance(rows: pd.DataFrame, namespace: Mapping[str, Any]) -> Table:
    """Where the numbers of a page come from: the trainings it draws, and how the page itself was executed; `namespace`
    is the chapter's globals(), as for `check_parameters`."""
    declared, _ = _parameters(namespace)
    idle = ("device", "seed") if namespace.get("profile") == "published" else ()  # nothing was trained with them
    told = [n for n in declared if n not in (*WHERE, *idle) and namespace.get(n) is not None]
    given = [f"{n} = {namespace[n]!r}" for n in told]
    with_what = f", with {', '.join(given)}" if given else ""
    made = json.loads(made_by.versions())
    caption = (
        f"This page was executed on {datetime.now(UTC):%Y-%m-%d} in {duration(time.monotonic() - BEGUN)}, by "
        f"{', '.join(f'{name} {version}' for name, version in made.items())} on {made_by.processor()}{with_what}."
    )
    return tables.provenance(rows, caption)


WHERE = ("store", "scheduler")  # parameters that shape nothing, and name folders and machines


def all_rows(experiments: dict[str, Experiment]) -> pd.DataFrame:
    """The rows of several experiments in one table, which is empty if there is none."""
    return together(*(one.rows() for one in experiments.values()))


def together(*tables: pd.DataFrame) -> pd.DataFrame:
    """Rows of several tables in one, each once."""
    filled = [table for table in tables if len(table)]
    if not filled:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(filled, ignore_index=True).drop_duplicates([*TRAINING, "iteration"], ignore_index=True)


def smallest_winner(rows: pd.DataFrame, otherwise: int) -> int:
    """The round of the smallest ticket that wins in most trials, or another one where none does."""
    found = winners.smallest(summarise(rows))
    return otherwise if found is None else found


def left_out(
    networks: str, experiments: dict[str, Experiment], known: Sequence[str], setting: str | None = None
) -> Note | None:
    """What a page says of the networks it was asked for and does not draw: for want of committed results, perhaps in
    one setting, or because they are not among the `known`, those it is about."""
    if not experiments and not networks:
        return Note("This page was made without any network, so nothing is drawn below.")
    asked = _names(networks) or []
    others = [specs.NAMES[name] for name in asked if name not in known]
    missing = [specs.NAMES[name] for name in asked if name in known and name not in experiments]
    said = [f"This page is not about {listed(others)}."] if others else []
    if missing:
        who = listed(missing) + (f" in the setting `{setting}`" if setting else "")
        here = "so they are left out below" if experiments else "so nothing is drawn below"
        said.append(f"No results of {who} are committed yet, {here}; at any other profile this page runs them.")
    return Note(" ".join(said)) if said else None


def results(profile: str, store: str = "store") -> pd.DataFrame:
    """All rows there are: the committed ones for `published`, else those of the store."""
    if profile not in specs.PROFILES:
        raise SpecError(f"unknown profile '{profile}'; choose from {', '.join(specs.PROFILES)}")
    rows = (published() if profile == "published" else _shelf(store)).rows()
    if profile == "published":
        for _, experiment in rows.groupby("key", sort=False, observed=True):
            _refuse_stale(experiment)
    return rows


def ledger(profile: str, store: str = "store", page: str | None = None) -> pd.DataFrame:
    """The tests of the paper's claims (`evidence.ledger`), of all of them or of those that a page names.

    Every page asks this one judge, on all rows there are: a chapter does not judge by what it draws alone.

    >>> ledger("published", page="02-fully-connected")
    """
    rows = results(profile, store)
    of = [claim for claim in claims.load() if page in (None, claim["page"])]
    if profile == "published":
        return judged.ledger(rows, of, published().anatomy())
    return judged.ledger(rows, of, anatomy.every(_shelf(store), rows[rows["key"].isin(judged.looked_into(rows, of))]))


def benches(folder: str) -> list[dict]:
    """What `lth bench --json` recorded on each machine, in a folder that lies beside the book."""
    return speed_page.recorded(published().path.parent / folder)


def costs(
    networks: Sequence[str],
    settings: Sequence[str | None] = (None,),
    arms: str | None = None,
    quick: Sequence[str] | None = None,
    variations: Sequence[Mapping[str, Any]] = (),
) -> Table:
    """What the experiments of a chapter take at each profile, on the machines on which the engine was timed, if any.

    Its `networks`, or of a quick page the networks `quick`, in each of the settings; in the last of them also with the
    `variations`, tickets alone.
    """
    asked = {}
    for profile in ("quick", "laptop", "paper"):
        some = quick if quick and profile == "quick" else networks
        asked[profile] = [specs.spec(n, profile, s, arms=_names(arms)) for n in some for s in settings]
        asked[profile] += [specs.spec(n, profile, settings[-1], v, arms=["ticket"]) for n in some for v in variations]
    try:
        machines = benches("results")
    except StoreError:  # a notebook by itself, without the repository around it
        machines = []
    return speed_page.costs(asked, machines)


@dataclass(frozen=True)
class Code:
    """Python as a page shows it, in the page's own colours."""

    text: str

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"


def code(*things: Any) -> Code:
    """The code of functions, classes or modules, as it runs."""
    return Code("\n\n\n".join(inspect.getsource(thing).rstrip() for thing in things))


def branches() -> Code:
    """The code of the table of arms that branch off a ticket."""
    lines = inspect.getsource(arms_of_the_paper).splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("BRANCHES"))
    return Code("\n".join(lines[begin : lines.index("}", begin) + 1]))


def _best(asked: Experiment) -> pd.DataFrame:
    rows, network = asked.store.rows(), asked.network
    best = matching.best(summarise(rows), network, asked.setting, asked.variation)
    if best.empty:
        raise StoreError(f"no results of {network} are committed yet: run the chapter with another profile")
    rows = rows[rows["key"] == best["key"].iloc[0]]
    _refuse_stale(rows)
    return rows


def _refuse_stale(rows: pd.DataFrame) -> None:
    """StoreError, with the network whose figures are meant, if committed rows of an experiment are not to be drawn."""
    if why := _stale(rows):
        first = rows.iloc[0]
        what = f"figures of {specs.NAMES.get(first['network'], first['network'])} from the committed results"
        raise StoreError(f"no {what} {first['key']}: {why}; run and export them again")


def _stale(rows: pd.DataFrame) -> str | None:
    """Why the rows of one experiment are not to be drawn: what shaped them has changed, or was not the same for all."""
    first = rows.iloc[0]
    if made := sorted(set(rows["results_version"]) - {specs.RESULTS_VERSION}):
        return f"they were made by version {made[0]} of the results, this library makes version {specs.RESULTS_VERSION}"
    if (rows["data_sha256"] != first["data_sha256"]).any():
        return "they were trained on different data"
    try:
        same = specs.key(matching.spec_of(first)) == first["key"]
    except SpecError as error:
        return str(error)
    return None if same else "their key is not that of the experiment they name"


def _shelf(store: str) -> Store:
    """A relative store lies beside the book, wherever a chapter is executed."""
    if not isinstance(store, str) or not store:
        raise SpecError(f"store must be the path of a folder, not {store!r}")
    return Store(published().path.parent / Path(store).expanduser())

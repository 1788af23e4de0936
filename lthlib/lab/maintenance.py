"""Stores as they grow: what nothing refers to any more, and what another machine has run.

`merge` brings in trainings one by one, as `Store.save` would have stored them. The rows of a packed table go to a
packed table: they can be read and drawn, and a run that wants to go on from them trains them again. But where the masks
of a trial lie beside the table (`ticket_rounds`), its tickets come in one by one, without weights, and so does what
branches off them: a run goes on from there.
"""

import json
import math
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lthlib import lease, specs
from lthlib.errors import StoreError
from lthlib.lab import ticket_rounds
from lthlib.lab.files import CHECKS, PACKED, read_table, reason, replace_file, set_aside, unwritable, weighted, whole
from lthlib.lab.store import Store, kinds, lease_of, stem
from lthlib.lab.ticket_rounds import Chain
from lthlib.specs import TRUNKS, Rep, Spec
from lthlib.specs.columns import EVALUATION, SIZE, TRAINING

EXPERIMENT = re.compile(r"[a-z0-9_]+-[0-9a-f]{12}")
TRAINED = re.compile(r"([a-z_]+)-t(\d+)-r(\d{2,})-d(\d+)")
LEFTOVER = re.compile(
    r"\.[\w.-]+\.([0-9a-f]{32}|burial)|[\w-]+\.(npz|parquet|checkpoint)\.aside"
)  # of a killed writer; set aside


def orphans(store: Store) -> list[Path]:
    """Files that nothing refers to any more: what killed writers left half written, files that were set aside, leases
    of the dead, weights without their rows, and checkpoints of what is stored. Never rows, nothing young enough to be
    in the making, and nothing that this library did not write."""
    found = []
    for folder in [store.path, *_experiments(store)]:
        now = lease.clock(folder)
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            said = lease.read(file) if file.name.endswith(lease.SUFFIX) else None
            old = now - _modified(file) > lease.STALE
            if (said and not said.alive(now)) or (old and (LEFTOVER.fullmatch(file.name) or _useless(file))):
                found.append(file)
    return found


def _useless(file: Path) -> bool:
    """Whether these are weights without rows, or the checkpoint of a training whose rows are there."""
    if not TRAINED.fullmatch(file.stem):
        return False
    return file.with_suffix(".parquet").exists() is {".npz": False, ".checkpoint": True}.get(file.suffix)


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # gone since it was listed
        return math.inf


def remove(files: list[Path]) -> None:
    """Delete these files; StoreError if one cannot be."""
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot remove {file} ({error.strerror or error}): the rest stays") from None


@dataclass
class Merged:
    """How many trainings came in, and why others did not, with one example of each kind."""

    counts: Counter = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, trainings: int = 1, example: str = "") -> None:
        self.counts[kind] += trainings
        if trainings and example:
            self.example.setdefault(kind, example)

    def __str__(self):
        said = [f"{self.counts['new']} trainings came in, {self.counts['same']} were there already"]
        said += [words.format(self.counts[kind]) for kind, words in BESIDES.items() if self.counts[kind]]
        for kind, words in REFUSED.items():
            if self.counts[kind]:
                said.append(f"{self.counts[kind]} {words} ({self.example[kind]})")
        if self.counts["masks"]:
            said.append(f"trials whose tickets are no use here: {self.counts['masks']} ({self.example['masks']})")
        return "; ".join(said)


BESIDES = {
    "tickets": "trials whose tickets came in without weights: {}",
    "weights": "tickets whose weights came in: {}",
}
REFUSED = {
    "conflict": "are other than ours, which stay as they are",
    "busy": "are being trained here: merge again when that is done",
    "unusable": "are no use and were left",
}


def merge(store: Store, other: Store) -> Merged:
    """Bring in the trainings of another store that are not here; its files stay as they are, and so do ours.

    A trial of which a trunk's training is there and here with other content, rounded otherwise, say, is another trial:
    nothing of it comes in, as its tickets are not ours. Where we have a ticket without weights and they have these,
    the weights come in. May be stopped and called again. Raises StoreError.
    """
    if store.path.resolve() == other.path.resolve():
        raise StoreError(f"{other.path} is the store itself: name another one")
    merged = Merged()
    try:
        store.path.mkdir(parents=True, exist_ok=True)
        for folder in _experiments(other):
            _merge_folder(folder, store.path / folder.name, merged)
        for file in sorted(other.path.glob("*.parquet")):
            if EXPERIMENT.fullmatch(file.stem):
                _merge_packed(file, store, merged)
        for file in sorted(other.path.glob("*.npz")):
            named = ticket_rounds.NAME.fullmatch(file.name)
            if named and not file.with_name(f"{named[1]}.parquet").exists():
                merged.add("masks", 1, f"{file.name}: its rows are not beside it")
    except OSError as error:
        raise error if isinstance(error, StoreError) else unwritable(store.path, error) from None
    return merged


def _experiments(store: Store) -> list[Path]:
    return sorted(path for path in store.path.glob("*") if path.is_dir() and EXPERIMENT.fullmatch(path.name))


def _merge_folder(theirs: Path, ours: Path, merged: Merged) -> None:
    ours.mkdir(exist_ok=True)
    if (theirs / "spec.json").is_file() and not (ours / "spec.json").exists():
        replace_file(ours / "spec.json", lambda path: shutil.copyfile(theirs / "spec.json", path))
    trials: dict[int, list[Rep]] = {}
    for file in sorted(theirs.glob("*.parquet")):
        if named := TRAINED.fullmatch(file.stem):
            rep = Rep(named[1], *map(int, named.groups()[1:]))
            trials.setdefault(rep.trial, []).append(rep)
    for trial, reps in sorted(trials.items()):
        trunks = [lease_of(ours, Rep(trunk, trial)) for trunk in TRUNKS]
        with lease.hold({*trunks, *(lease_of(ours, rep) for rep in reps)}) as mine:
            free = [rep for rep in reps if lease_of(ours, rep) in mine] if {*trunks} <= {*mine} else []
            merged.add("busy", len(reps) - len(free), f"some of trial {trial} of {ours.name}")
            there = {rep: rows for rep in free if (rows := _usable(theirs, rep, merged)) is not None}
            for file, kind in ((_file(ours, rep, kind), kind) for rep in there for kind in kinds(rep)):
                set_aside(file, CHECKS[kind])
            here = {rep: read_table(_file(ours, rep, "parquet")).to_pandas() for rep in there if _stored(ours, rep)}
            new, same = _compared(there, here, merged)
            for rep in new:
                for kind in kinds(rep):  # rows last, as in Store.save
                    _copy(*(_file(folder, rep, kind) for folder in (theirs, ours)))
            for rep in same:
                if rep.arm in TRUNKS and _richer(*(_file(folder, rep, "npz") for folder in (theirs, ours))):
                    _copy(*(_file(folder, rep, "npz") for folder in (theirs, ours)))
                    merged.add("weights")


def _copy(source: Path, target: Path) -> None:
    replace_file(target, lambda path: shutil.copyfile(source, path))


def _richer(theirs: Path, ours: Path) -> bool:
    """Whether they have the weights of a ticket of which we have the same mask alone."""
    if weighted(ours) or not weighted(theirs):
        return False
    with np.load(theirs) as a, np.load(ours) as b:
        return all(np.array_equal(a[name], b[name]) for name in {*a.files, *b.files} if name.startswith("mask."))


def _merge_packed(file: Path, store: Store, merged: Merged) -> None:
    target = store.path / file.name
    try:
        CHECKS["parquet"](file)
        rows = read_table(file).to_pandas()
        if f"{rows['network'][0]}-{rows['key'][0]}" != file.stem or rows["key"].nunique() > 1:
            raise ValueError("it holds rows of another experiment")
    except Exception as error:  # whatever a damaged or foreign file makes its reader raise
        return merged.add("unusable", 1, f"{file.name}: {reason(error)}")
    there = _by_training(rows)
    for chain in _chains(file, rows, merged):
        for rep in _unpack(chain, there, store, merged):
            del there[rep]
    with lease.hold([target.with_name(f".{target.name}{lease.SUFFIX}")]) as mine:
        if not mine:
            return merged.add("busy", len(there), file.name)
        ours = store.rows()
        new, _ = _compared(there, _by_training(ours[ours["key"] == rows["key"][0]]), merged)
        if not new:
            return None
        set_aside(target, CHECKS["parquet"])
        packed = [read_table(target).to_pandas()] if target.exists() else []
        rows = pd.concat([*packed, *(there[rep] for rep in new)]).sort_values([*TRAINING, "iteration"])
        table = pa.Table.from_pandas(rows, preserve_index=False)
        replace_file(target, lambda path: pq.write_table(table, path, **PACKED))


def _chains(table: Path, rows: pd.DataFrame, merged: Merged) -> list[Chain]:
    """The tickets beside a packed table that are those of its rows, and that this machine can go on from."""
    found = []
    for file in sorted(table.parent.glob(f"{table.stem}.tickets.t*.npz")):
        try:
            found.append(verified(ticket_rounds.read(file), rows))
        except Exception as error:  # whatever a damaged or foreign file makes its reader raise
            merged.add("masks", 1, f"{file.name}: {reason(error)}")
    return found


def verified(chain: Chain, rows: pd.DataFrame) -> Chain:
    """A chain, up to the last round that these rows, of its experiment, know. Raises ValueError, in one line, if it is
    not that of the rows, or if the initial weights that its seed gives here are others."""
    from lthlib.core import masks
    from lthlib.engine import networks, pruning

    about, spec = chain.about, specs.from_json(chain.about["spec"])
    own = rows[(rows["arm"] == "ticket") & (rows["trial"] == about["trial"]) & (rows["key"] == about["key"])]
    own = own.drop_duplicates("round").set_index("round").sort_index()
    known = next(n for n in range(len(own) + 1) if n not in own.index)
    if not known:
        raise ValueError("its rows are not there")
    chain = chain.until(min(chain.rounds, known - 1))
    for name in ("data_sha256", "results_version"):
        if {*own.loc[: chain.rounds, name]} != {about[name]}:
            raise ValueError(f"its rows have another {name}")
    if about["results_version"] != specs.RESULTS_VERSION:
        raise ValueError(f"made by version {about['results_version']} of the results, now {specs.RESULTS_VERSION}")
    net = networks.build(spec)
    shapes = [(name, tuple(net.get_parameter(name).shape)) for name in networks.layers(net)]
    if [(name, left.shape) for name, left in chain.left.items()] != shapes:
        raise ValueError(f"its layers are not those of {spec.network}")
    counts = [{name: int(m.sum()) for name, m in chain.mask(n).items()} for n in range(chain.rounds + 2)]
    for n, survivors in own.loc[: chain.rounds, "survivors"].items():
        if json.loads(survivors) != counts[n]:
            raise ValueError(f"its mask of round {n} leaves other numbers of weights than its rows say")
    joint, rates = pruning.together(spec), pruning.rates(spec)
    for group in [joint, *([name] for name in chain.left if name not in joint)]:
        alive, after = (sum(left[name] for name in group) for left in counts[-2:])
        if group and alive - after != masks.to_prune(alive, rates[group[0]]):
            raise ValueError("its last mask is not what the next pruning leaves")
    check_start(spec, about["trial"], about["theta0"], json.loads(about["versions"]).get("torch"))
    return chain


def start_of(spec: Spec, trial: int) -> str:
    """The checksum of the initial weights that the seed of a trial gives on this machine."""
    from lthlib.engine import arms

    return ticket_rounds.checksum({name: value[0].numpy() for name, value in arms.initial(spec, [trial]).items()})


def check_start(spec: Spec, trial: int, theta0: str, release: str | None = None) -> None:
    """ValueError, in one line, unless a trial's initial weights are drawn here as they were where it was trained."""
    import torch

    if start_of(spec, trial) != theta0:
        there = f", with {release}" if release else ""
        raise ValueError(f"initial weights here, with torch {torch.__version__}, are others than there{there}")


def _unpack(chain: Chain, rows: dict[Rep, pd.DataFrame], store: Store, merged: Merged) -> list[Rep]:
    """Bring in a trial's tickets one by one, without weights, and what branches off them; which of the trainings of the
    table are done with: none of a trial that is another here."""
    from lthlib.engine import arms

    spec, trial = specs.from_json(chain.about["spec"]), chain.about["trial"]
    folder = store.path / f"{spec.network}-{specs.key(spec)}"
    trunk = {Rep("ticket", trial, n) for n in range(chain.rounds + 1)}
    there = {rep: rows[rep] for rep in rows if (rep if rep.arm in TRUNKS else arms.trunk_of(rep)) in trunk}
    folder.mkdir(exist_ok=True)
    files = {*(lease_of(folder, Rep(arm, trial)) for arm in TRUNKS), *(lease_of(folder, rep) for rep in there)}
    with lease.hold(files) as mine:
        if len(mine) < len(files):
            merged.add("busy", len(there), f"some of trial {trial} of {folder.name}")
            return [*there]
        store.set_aside(spec, [*there])
        here = _by_training(store.rows(spec))
        if any(rep in here and not _same(there[rep], here[rep]) for rep in trunk):
            return []  # whose rows are told as a conflict
        stored = {rep for rep in there if _stored(folder, rep)}
        if any(not _masked(store.arrays(spec, rep, "mask."), chain, rep.round) for rep in trunk & stored):
            merged.add("masks", 1, f"{chain.name}: its masks are others than ours")
            return []
        new, same = _compared(there, here, merged)
        for rep in sorted({*new, *same} - stored):
            store.save(spec, rep, _plain(there[rep]), _arrays(chain, rep.round) if rep in trunk else {})
        merged.add("tickets", bool(trunk - stored))
    return [*there]


def _masked(arrays: dict[str, np.ndarray], chain: Chain, n: int) -> bool:
    mask = {f"mask.{name}": m for name, m in chain.mask(n).items()}
    return arrays.keys() == mask.keys() and all(np.array_equal(arrays[name], m) for name, m in mask.items())


def _arrays(chain: Chain, n: int) -> dict[str, np.ndarray]:
    """What a store keeps of a ticket without weights: enough to train what branches off it, and the next."""
    masks = {f"{kind}.{name}": m for kind, at in (("mask", n), ("next", n + 1)) for name, m in chain.mask(at).items()}
    return {"theta0": np.array(chain.about["theta0"]), **masks}


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows without the categories of those that they were packed with."""
    return rows.astype({name: object for name, kind in rows.dtypes.items() if isinstance(kind, pd.CategoricalDtype)})


def _compared(
    there: dict[Rep, pd.DataFrame], here: dict[Rep, pd.DataFrame], merged: Merged
) -> tuple[list[Rep], list[Rep]]:
    """Which of their trainings are to come in, and which are here already; all of them are counted."""
    same = [rep for rep in there if rep in here and _same(there[rep], here[rep])]
    foreign = {rep.trial for rep in there if rep in here and rep not in same and rep.arm in TRUNKS}
    other = [rep for rep in there if rep not in same and (rep in here or rep.trial in foreign)]
    new = [rep for rep in there if rep not in same and rep not in other]
    merged.add("same", len(same))
    merged.add("new", len(new))
    merged.add("conflict", len(other), f"{other[0]} of {there[other[0]]['key'].iloc[0]}" if other else "")
    return new, same


def _same(theirs: pd.DataFrame, ours: pd.DataFrame) -> bool:
    """Whether two trainings of a name came out the same, wherever both have been evaluated."""
    a, b = _measured(theirs), _measured(ours)
    if not a["iteration"].equals(b["iteration"]):
        return False
    sparse = [name for name in EVALUATION if name.startswith(("test_", "train_"))]  # not everywhere in every run
    known = a[sparse].notna() & b[sparse].notna()
    return a.drop(columns=sparse).equals(b.drop(columns=sparse)) and a[sparse].where(known).equals(
        b[sparse].where(known)
    )


def _measured(rows: pd.DataFrame) -> pd.DataFrame:
    """What is the same wherever the same was trained: not when, by whom and how long."""
    columns = [*EVALUATION, *SIZE, "data_sha256"]
    rows = rows[columns].sort_values("iteration", ignore_index=True)
    return rows.astype({**dict.fromkeys([*EVALUATION, *SIZE], float), "survivors": str, "data_sha256": str})


def _by_training(rows: pd.DataFrame) -> dict[Rep, pd.DataFrame]:
    return {Rep._make(rep): training for rep, training in rows.groupby(list(Rep._fields), sort=False)}


def _usable(folder: Path, rep: Rep, merged: Merged) -> pd.DataFrame | None:
    """The rows of one of their trainings, if all of its files are what they should be."""
    try:
        for kind in kinds(rep):
            CHECKS[kind](_file(folder, rep, kind))
        rows = read_table(_file(folder, rep, "parquet")).to_pandas()
        if set(_by_training(rows)) != {rep} or set(rows["network"] + "-" + rows["key"]) != {folder.name}:
            raise ValueError("it holds rows of another training")
        return rows
    except Exception as error:  # whatever a damaged or foreign file makes its reader raise
        merged.add("unusable", 1, f"{folder.name}/{stem(rep)}: {reason(error)}")
        return None


def _stored(folder: Path, rep: Rep) -> bool:
    return all(whole(_file(folder, rep, kind), CHECKS[kind]) for kind in kinds(rep))


def _file(folder: Path, rep: Rep, kind: str) -> Path:
    return folder / f"{stem(rep)}.{kind}"

"""Stores as they grow: what nothing refers to any more, and what another machine has run.

`merge` brings in trainings one by one, as `Store.save` would have stored them. The rows of a packed table, which has no
weights, go to a packed table: they can be read and drawn, and a run that wants to go on from them trains them again.
"""

import math
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lthlib import lease
from lthlib.curves import EVALUATION, SIZE, TRAINING
from lthlib.errors import StoreError
from lthlib.specs import TRUNKS, Rep
from lthlib.store import (
    CHECKS,
    PACKED,
    Store,
    kinds,
    lease_of,
    read_table,
    reason,
    replace_file,
    stem,
    unwritable,
    whole,
)

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
    """How many trainings came in, and why others did not; of each kind of these, one for an example."""

    counts: Counter = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, trainings: int = 1, example: str = "") -> None:
        self.counts[kind] += trainings
        if trainings and example:
            self.example.setdefault(kind, example)

    def __str__(self):
        said = [f"{self.counts['new']} trainings came in, {self.counts['same']} were there already"]
        for kind, words in REFUSED.items():
            if self.counts[kind]:
                said.append(f"{self.counts[kind]} {words} ({self.example[kind]})")
        return "; ".join(said)


REFUSED = {
    "conflict": "are other than ours, which stay as they are",
    "busy": "are being trained here: merge again when that is done",
    "unusable": "are no use and were left",
}


def merge(store: Store, other: Store) -> Merged:
    """Bring in the trainings of another store that are not here; its files stay as they are, and so do ours.

    A trial of which a trunk's training is there and here with other content, rounded otherwise, say, is another trial:
    nothing of it comes in, as its tickets are not ours. May be stopped and called again. Raises StoreError.
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
            here = {rep: read_table(_file(ours, rep, "parquet")).to_pandas() for rep in there if _stored(ours, rep)}
            for rep in _new(there, here, merged):
                for kind in kinds(rep):  # rows last, as in Store.save
                    source = _file(theirs, rep, kind)
                    replace_file(_file(ours, rep, kind), lambda path, source=source: shutil.copyfile(source, path))


def _merge_packed(file: Path, store: Store, merged: Merged) -> None:
    target = store.path / file.name
    try:
        CHECKS["parquet"](file)
        rows = read_table(file).to_pandas()
        if f"{rows['network'][0]}-{rows['key'][0]}" != file.stem or rows["key"].nunique() > 1:
            raise ValueError("it holds rows of another experiment")
    except Exception as error:  # whatever a damaged or foreign file makes its reader raise
        return merged.add("unusable", 1, f"{file.name}: {reason(error)}")
    with lease.hold([target.with_name(f".{target.name}{lease.SUFFIX}")]) as mine:
        there, ours = _by_training(rows), store.rows()
        if not mine:
            return merged.add("busy", len(there), file.name)
        new = _new(there, _by_training(ours[ours["key"] == rows["key"][0]]), merged)
        if not new:
            return None
        packed = [read_table(target).to_pandas()] if whole(target, CHECKS["parquet"]) else []
        rows = pd.concat([*packed, *(there[rep] for rep in new)]).sort_values([*TRAINING, "iteration"])
        table = pa.Table.from_pandas(rows, preserve_index=False)
        replace_file(target, lambda path: pq.write_table(table, path, **PACKED))


def _new(there: dict[Rep, pd.DataFrame], here: dict[Rep, pd.DataFrame], merged: Merged) -> list[Rep]:
    """Which of their trainings are to come in; all of them are counted."""
    same = {rep for rep in there if rep in here and _measured(there[rep]).equals(_measured(here[rep]))}
    foreign = {rep.trial for rep in there if rep in here and rep not in same and rep.arm in TRUNKS}
    other = [rep for rep in there if rep not in same and (rep in here or rep.trial in foreign)]
    new = [rep for rep in there if rep not in same and rep not in other]
    merged.add("same", len(same))
    merged.add("new", len(new))
    merged.add("conflict", len(other), f"{other[0]} of {there[other[0]]['key'].iloc[0]}" if other else "")
    return new


def _measured(rows: pd.DataFrame) -> pd.DataFrame:
    """What is the same wherever the same was trained: not when, by whom and how long."""
    columns = [*EVALUATION, *SIZE, "data_sha256"]
    rows = rows[columns].sort_values("iteration", ignore_index=True)
    return rows.astype({"survivors": str, "data_sha256": str})


def _by_training(rows: pd.DataFrame) -> dict[Rep, pd.DataFrame]:
    return {Rep(*rep): training for rep, training in rows.groupby(list(Rep._fields), sort=False)}


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

"""Results on disk: one Parquet file of tidy rows and one of weights per training, found by key; atomic and idempotent.

    <store>/<network>-<key>/spec.json                    the experiment, for human eyes
                            ticket-t0-r03-d0.parquet     one row per evaluation, with its provenance
                            ticket-t0-r03-d0.npz         what a later round, a branch or an analysis needs of it

A file appears by renaming a finished one, so that it is whole or absent, whoever else writes. `results/` is read by the
same code: there, `pack` has put all the rows of an experiment into one file.
"""

import contextlib
import os
import uuid
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lthlib import specs
from lthlib.curves import COLUMNS, TRAINING
from lthlib.errors import StoreError
from lthlib.specs import Rep, Spec

Arrays = dict[str, np.ndarray]


class Store:
    """A folder of results. Reading needs no permission to write; `open` checks that writing will work."""

    def __init__(self, path: str | Path):
        self.path = Path(path).expanduser()

    def open(self, spec: Spec) -> "Store":
        """The store, ready to take results of this experiment. Raises StoreError if it cannot be written."""
        folder = self._folder(spec)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _replace(folder / "spec.json", lambda path: path.write_text(specs.as_json(spec) + "\n"))
        except OSError as error:
            raise StoreError(
                f"cannot write to the store {self.path} ({error.strerror}): choose another with --store"
            ) from None
        return self

    def has(self, spec: Spec, rep: Rep) -> bool:
        """Whether this training is stored, whole. A damaged file is set aside, with a warning, and counts as absent."""
        return all(_whole(self._file(spec, rep, kind), read) for kind, read in READERS.items() if kind in _kinds(rep))

    def save(self, spec: Spec, rep: Rep, rows: pd.DataFrame, arrays: Arrays) -> None:
        """Store one training. `arrays` is kept for what other trainings start from: the tickets and their masks."""
        table = pa.Table.from_pandas(rows, preserve_index=False)
        writers = {
            "npz": lambda path: _write_npz(path, arrays),
            "parquet": lambda path: pq.write_table(table, path, compression="zstd"),
        }
        for kind in _kinds(rep):  # rows last: they say that the training is done
            try:
                _replace(self._file(spec, rep, kind), writers[kind])
            except OSError as error:
                raise StoreError(
                    f"cannot write {rep} to the store {self.path} ({error.strerror}): make room or choose another with "
                    "--store; what is stored stays valid"
                ) from None

    def arrays(self, spec: Spec, rep: Rep) -> Arrays:
        """What `save` kept of a training."""
        with np.load(self._file(spec, rep, "npz")) as kept:
            return dict(kept)

    def experiments(self, rows: pd.DataFrame) -> list[Spec]:
        """The experiments of these rows, each with the extent that was asked for last."""
        found = []
        for _, experiment in rows.groupby("key", sort=False):
            spec = specs.from_json(experiment.sort_values("finished")["spec"].iloc[-1])
            asked = self._folder(spec) / "spec.json"
            found.append(specs.from_json(asked.read_text()) if asked.is_file() else spec)
        return found

    def rows(self, spec: Spec | None = None) -> pd.DataFrame:
        """All rows, or those of one experiment: one row per evaluation, in order of training and iteration."""
        if not self.path.is_dir():
            return pd.DataFrame(columns=COLUMNS)
        files = sorted(self.path.glob(f"*{specs.key(spec)}*/*.parquet" if spec else "*/*.parquet"))
        files += sorted(self.path.glob(f"*{specs.key(spec)}*.parquet" if spec else "*.parquet"))
        tables = [table for file in files if (table := _read_rows(file)) is not None]
        if not tables:
            return pd.DataFrame(columns=COLUMNS)
        rows = pa.concat_tables(tables, promote_options="permissive").to_pandas()
        return rows.drop_duplicates([*TRAINING, "iteration"]).sort_values([*TRAINING, "iteration"], ignore_index=True)

    def pack(self, spec: Spec, target: str | Path) -> Path:
        """Write all rows of an experiment as one Parquet file into another folder (`results/`), and say where."""
        rows = self.rows(spec)
        if rows.empty:
            raise StoreError(f"the store {self.path} has no results of {spec.network} {specs.key(spec)} to export")
        file = Path(target) / f"{spec.network}-{specs.key(spec)}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pandas(rows, preserve_index=False)
        _replace(file, lambda path: pq.write_table(table, path, compression="zstd", compression_level=19))
        return file

    def _folder(self, spec: Spec) -> Path:
        return self.path / f"{spec.network}-{specs.key(spec)}"

    def _file(self, spec: Spec, rep: Rep, kind: str) -> Path:
        return self._folder(spec) / f"{rep.arm}-t{rep.trial}-r{rep.round:02}-d{rep.draw}.{kind}"


def published() -> Store:
    """The committed results: the folder `results` beside the book, looked for from the working directory up."""
    here = Path.cwd()
    homes = [
        folder for folder in (here, *here.parents, Path(__file__).parent.parent) if (folder / "_toc.yml").is_file()
    ]
    return Store(homes[0] / "results" if homes else here / "results")


def _kinds(rep: Rep) -> tuple[str, ...]:
    return ("npz", "parquet") if rep.arm == "ticket" else ("parquet",)


READERS = {"parquet": pq.read_metadata, "npz": lambda file: zipfile.ZipFile(file).close()}


def _whole(file: Path, read) -> bool:
    if not file.exists():
        return False
    try:
        read(file)
    except Exception as error:  # whatever a damaged file makes its reader raise
        _set_aside(file, error)
        return False
    return True


def _read_rows(file: Path) -> pa.Table | None:
    try:
        return pq.read_table(file)
    except Exception as error:
        _set_aside(file, error)
        return None


def _set_aside(file: Path, error: Exception) -> None:
    aside = file.with_name(f"{file.name}.damaged")
    with contextlib.suppress(OSError):
        file.replace(aside)
    what = str(error).strip().splitlines()[0][:80] if str(error).strip() else type(error).__name__
    warnings.warn(f"{file} is damaged ({what}): set aside as {aside.name}, to be computed again", stacklevel=4)


def _replace(file: Path, write) -> None:
    """Write beside, then rename: the file is never seen half written."""
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        write(part)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def _write_npz(path: Path, arrays: Arrays) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)

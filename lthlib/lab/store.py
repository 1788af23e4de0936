"""Results on disk: one Parquet file of tidy rows and one of weights per training, found by key; atomic and idempotent.

    <store>/<network>-<key>/spec.json                    the experiment, as it was asked for last
                            ticket-t0-r03-d0.parquet     one row per evaluation, with its provenance
                            ticket-t0-r03-d0.npz         what a later round, a branch or an analysis needs of it
                            ticket-t0-r04-d0.checkpoint  of a training under way, deleted when it is stored
                            .ticket-t0.running           who is training that, see `lease`

A file appears by renaming a finished one, so that it is whole or absent, whoever else writes. `results/` is read by the
same code: there, `pack` has put all the rows of an experiment into one file, and `save_chain` all masks of a trial into
one (see `ticket_rounds`). A ticket that was merged from there has no weights: its arrays are the `mask.<layer>` that it
was trained with, `next.<layer>` of the round after it, and the checksum `theta0` of the weights that it started from.
"""

import gzip
import os
import shutil
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lthlib import lease, specs
from lthlib.errors import StoreError
from lthlib.lab import ticket_rounds
from lthlib.lab.files import (
    CHECKS,
    PACKED,
    Arrays,
    check_arrays,
    read_table,
    reason,
    replace_file,
    set_aside,
    unwritable,
    weighted,
    whole,
    write_arrays,
)
from lthlib.lab.ticket_rounds import Chain, Masks
from lthlib.specs import TRUNKS, Rep, Spec
from lthlib.specs.columns import ANATOMY, COLUMNS, TRAINING

State = TypeVar("State")
Read = TypeVar("Read")


class Store:
    """A folder of results. Reading needs no permission to write; `open` checks that writing will work.

    A file that cannot be read is passed over with a warning, or, in a `strict` store, is a StoreError.
    """

    def __init__(self, path: str | Path, strict: bool = False):
        self.path = Path(path).expanduser()
        self.strict = strict

    def open(self, spec: Spec, need: float = 0) -> "Store":
        """The store, ready to take results of this experiment: writable, with `need` bytes to spare, or StoreError."""
        folder = self._folder(spec)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(folder / "spec.json", lambda path: path.write_text(specs.as_json(spec) + "\n"))
            free = shutil.disk_usage(folder).free
        except OSError as error:
            raise unwritable(self.path, error) from None
        if free < need:
            raise StoreError(
                f"the results need about {need / 1e6:,.1f} MB and {self.path} has {free / 1e6:,.1f} MB left: make room "
                "or choose another folder"
            )
        return self

    def has(self, spec: Spec, rep: Rep) -> bool:
        """Whether this training is stored, whole, by this version of the library."""
        return all(whole(self._file(spec, rep, kind), CHECKS[kind]) for kind in kinds(rep))

    def set_aside(self, spec: Spec, reps: list[Rep]) -> None:
        """Put the damaged and the outdated files of these trainings aside, with a warning each, to be made again: what
        a run does when it begins. StoreError if that cannot be."""
        for rep in reps:
            for kind in kinds(rep):
                set_aside(self._file(spec, rep, kind), CHECKS[kind])

    def there(self, spec: Spec, rep: Rep) -> bool:
        """Whether this training seems to be stored: its files are there, unread."""
        return all(self._file(spec, rep, kind).exists() for kind in kinds(rep))

    def lease_file(self, spec: Spec, rep: Rep) -> Path:
        """The file by which a process says that it is training this: of a trunk, the whole chain of the trial."""
        return lease_of(self._folder(spec), rep)

    def count(self, spec: Spec, reps: list[Rep]) -> int:
        """How many of these trainings have rows here, by the names of their files."""
        try:
            names = set(os.listdir(self._folder(spec)))
        except OSError:
            return 0
        return sum(f"{stem(rep)}.parquet" in names for rep in reps)

    def save(self, spec: Spec, rep: Rep, rows: pd.DataFrame, arrays: Arrays) -> None:
        """Store one training. `arrays` is kept for what other trainings start from: the trunks' weights and masks."""
        table = pa.Table.from_pandas(rows, preserve_index=False)
        writers = {
            "npz": lambda path: write_arrays(path, arrays),
            "parquet": lambda path: pq.write_table(table, path, compression="zstd", write_page_checksum=True),
        }
        for kind in kinds(rep):  # rows last: they say that the training is done
            try:
                replace_file(self._file(spec, rep, kind), writers[kind])
            except OSError as error:
                raise StoreError(
                    f"cannot write {rep} to the store {self.path} ({error.strerror or error}): make room or choose "
                    "another with --store; what is stored stays valid"
                ) from None

    def arrays(self, spec: Spec, rep: Rep, kind: str = "") -> Arrays:
        """What `save` kept of a training, or the part of it that is of one kind: `mask.`, `theta.` or `next.`."""
        with np.load(self._file(spec, rep, "npz")) as kept:
            return {name: kept[name] for name in kept.files if name.startswith(kind)}

    def weighted(self, spec: Spec, rep: Rep) -> bool:
        """Whether the weights are there that a stored training of a trunk ended at, and not its masks alone."""
        return weighted(self._file(spec, rep, "npz"))

    def tickets(self, spec: Spec, trial: int) -> dict[int, Masks]:
        """The masks of a trial's tickets by round, booleans [*shape] by layer: from round 0 on as far as they are here,
        one by one, or else as they were exported to here; {} if there are none. Raises as `chain` does. For example
        `published().tickets(spec, 0)[3]["fc1.weight"]`."""
        found: dict[int, Masks] = {}
        while self.there(spec, rep := Rep("ticket", trial, len(found))):
            arrays = self.arrays(spec, rep, "mask.")
            found[rep.round] = {name.removeprefix("mask."): m for name, m in arrays.items()}
        if found or not (chain := self.chain(spec, trial)):
            return found
        return {n: chain.mask(n) for n in range(chain.rounds + 1)}

    def chain(self, spec: Spec, trial: int) -> Chain | None:
        """The file of a trial's tickets that was exported to here, None if there is none. One that cannot be read is
        passed over with a warning, or, in a `strict` store, is a StoreError."""
        file = self.path / ticket_rounds.file_name(spec.network, specs.key(spec), trial)
        return self._attempt(file, ticket_rounds.read, "tickets") if file.exists() else None

    def save_chain(self, chain: Chain) -> Path | None:
        """Put the masks of a trial's tickets into this folder, in the place of what is there; None, with a warning, if
        they would fill a file too large to be committed. StoreError if nothing can be written."""
        content = ticket_rounds.as_bytes(chain)
        if len(content) > ticket_rounds.LARGEST:
            line = f"{chain.name} would have {len(content) / 1e6:.1f} MB, too much to be committed: left out"
            warnings.warn(line, stacklevel=2)
            return None
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            replace_file(self.path / chain.name, lambda path: path.write_bytes(content))
        except OSError as error:
            raise unwritable(self.path, error) from None
        return self.path / chain.name

    def checkpoint(self, spec: Spec, rep: Rep, read: Callable[[Path], State]) -> State | None:
        """What `read` makes of the checkpoint of a training that is under way; None if there is none. One that is
        damaged, or at which `read` raises, is set aside with a warning."""
        found = []

        def check(file):
            check_arrays(file)
            found.append(read(file))

        set_aside(self._file(spec, rep, "checkpoint"), check)
        return found[0] if found else None

    def save_checkpoint(self, spec: Spec, rep: Rep, arrays: Arrays) -> None:
        """Store a checkpoint in the place of the last one. StoreError if that cannot be."""
        try:
            replace_file(self._file(spec, rep, "checkpoint"), lambda path: write_arrays(path, arrays, np.savez))
        except OSError as error:
            raise StoreError(
                f"cannot write a checkpoint of {rep} ({error.strerror or error}): trained on without"
            ) from None

    def drop_checkpoints(self, spec: Spec, reps: list[Rep]) -> None:
        """Delete what there is of checkpoints of trainings that are stored, half written ones too."""
        names = {self._file(spec, rep, "checkpoint").name for rep in reps}
        for file in self._folder(spec).glob("*.checkpoint*"):
            if file.name in names or file.name[1:].rpartition(".")[0] in names:
                with suppress(OSError):  # gone already, or of a store that is only read
                    file.unlink()

    def experiments(self, rows: pd.DataFrame) -> list[Spec]:
        """The experiments of these rows, each with the extent that was asked for last."""
        found = []
        for _, experiment in rows.groupby("key", sort=False):
            spec = specs.from_json(experiment.sort_values("finished")["spec"].iloc[-1])
            found.append(_asked(self._folder(spec) / "spec.json", spec))
        return found

    def begun(self, spec: Spec) -> bool:
        """Whether a run has opened this store for this experiment."""
        return (self._folder(spec) / "spec.json").is_file()

    def asked(self) -> list[Spec]:
        """The experiments that a run has begun here, each with the extent that was asked for last."""
        found = []
        for file in sorted(self.path.glob("*/spec.json")):
            with suppress(OSError, ValueError):  # SpecError and UnicodeError are of the latter
                spec = specs.from_json(file.read_text())
                if file.parent == self._folder(spec):
                    found.append(spec)
        return found

    def running(self, spec: Spec) -> dict[str, lease.Holder]:
        """The units of work of an experiment that processes are at, by name: `ticket-t0` or `reinit-t0-r01-d0`."""
        files = sorted(self._folder(spec).glob(f".*{lease.SUFFIX}"))
        holders = {file.name[1 : -len(lease.SUFFIX)]: lease.holder(file, time.time()) for file in files}
        return {unit: who for unit, who in holders.items() if who}

    def rows(self, spec: Spec | None = None) -> pd.DataFrame:
        """All rows, or those of one experiment: one row per evaluation, in order of training and iteration."""
        name = f"*{specs.key(spec)}*" if spec else "*"
        files = [*sorted(self.path.glob(f"{name}/*.parquet")), *sorted(self.path.glob(f"{name}.parquet"))]
        tables = [table for file in files if (table := self._attempt(file, read_table, "results")) is not None]
        if not tables:
            return pd.DataFrame(columns=COLUMNS)
        rows = pa.concat_tables(tables, promote_options="permissive").unify_dictionaries().to_pandas()
        return rows.drop_duplicates([*TRAINING, "iteration"]).sort_values([*TRAINING, "iteration"], ignore_index=True)

    def pack(self, spec: Spec, target: str | Path) -> Path:
        """Put all rows of an experiment into one Parquet file of another folder (`results/`), and say which. Trainings
        that are there and not here stay."""
        rows = self.rows(spec)
        if rows.empty:
            raise StoreError(f"the store {self.path} has no results of {spec.network} {specs.key(spec)} to export")
        file = Path(target) / f"{spec.network}-{specs.key(spec)}.parquet"
        there = Store(target, strict=True).rows(spec)
        rows = pd.concat([rows, there]) if len(there) else rows
        rows = rows.drop_duplicates([*TRAINING, "iteration"]).sort_values([*TRAINING, "iteration"])
        table = pa.Table.from_pandas(rows, preserve_index=False)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, lambda path: pq.write_table(table, path, **PACKED))
        except OSError as error:
            raise unwritable(target, error) from None
        return file

    def anatomy(self, spec: Spec | None = None) -> pd.DataFrame:
        """What is inside the tickets of all experiments, or of one, as `anatomy.pack` left it here."""
        files = sorted(self.path.glob(f"{f'{spec.network}-{specs.key(spec)}' if spec else '*'}{INSIDE}"))
        tables = []
        for file in files:
            try:
                tables.append(pd.read_csv(file, usecols=ANATOMY)[ANATOMY])
            except (OSError, EOFError, ValueError) as error:  # damaged, or another's; pandas' own are of the latter
                raise StoreError(
                    f"{file} cannot be read as an anatomy ({reason(error)}): restore it, or delete it and export again"
                ) from None
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=ANATOMY)

    def pack_anatomy(self, spec: Spec, table: pd.DataFrame) -> Path:
        """Put what is inside the tickets of an experiment into this folder; that of other tickets there stays."""
        there = self.anatomy(spec)
        same = pd.MultiIndex.from_frame(there[TRAINING]).isin(pd.MultiIndex.from_frame(table[TRAINING]))
        table = pd.concat([table, there[~same]]) if len(there) else table
        table = table.sort_values([*TRAINING, "layer", "quantity", "x"])
        file = self.path / f"{spec.network}-{specs.key(spec)}{INSIDE}"
        packed = gzip.compress(table.to_csv(index=False, float_format="%.5g").encode(), mtime=0)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            replace_file(file, lambda path: path.write_bytes(packed))
        except OSError as error:
            raise unwritable(self.path, error) from None
        return file

    def _attempt(self, file: Path, read: Callable[[Path], Read], what: str) -> Read | None:
        try:
            return read(file)
        except Exception as error:  # whatever a damaged or foreign file makes its reader raise
            message = f"{file} cannot be read as {what} ({reason(error)})"
            if self.strict:
                raise StoreError(f"{message}: restore it, or delete it and export again") from None
            warnings.warn(f"{message}: passed over", stacklevel=3)
            return None

    def _folder(self, spec: Spec) -> Path:
        return self.path / f"{spec.network}-{specs.key(spec)}"

    def _file(self, spec: Spec, rep: Rep, kind: str) -> Path:
        return self._folder(spec) / f"{stem(rep)}.{kind}"


INSIDE = ".anatomy.csv.gz"


def published() -> Store:
    """The committed results: the folder `results` beside the book, looked for from the working directory up. Strict:
    a file that cannot be read is a StoreError when it is asked for.

        rows = published().rows()  # of every experiment; of one with rows(spec)
        vgg19 = specs.spec("vgg19", "laptop", data="cifar10_jpeg")
        masks = published().tickets(vgg19, trial=0)  # by round, booleans by layer; {} where none were exported
    """
    here = Path.cwd()
    places = (here, *here.parents, Path(__file__).parents[2])
    home = next((place for place in places if (place / "_toc.yml").is_file()), here)
    return Store(home / "results", strict=True)


def stem(rep: Rep) -> str:
    """What the files of a training are called, less their suffix."""
    return f"{rep.arm}-t{rep.trial}-r{rep.round:02}-d{rep.draw}"


def lease_of(folder: Path, rep: Rep) -> Path:
    """The lease, in the folder of an experiment, of the unit of work that a training belongs to."""
    return folder / f".{f'{rep.arm}-t{rep.trial}' if rep.arm in TRUNKS else stem(rep)}{lease.SUFFIX}"


def kinds(rep: Rep) -> tuple[str, ...]:
    """The suffixes of the files of a training."""
    return ("npz", "parquet") if rep.arm in TRUNKS else ("parquet",)


def _asked(file: Path, spec: Spec) -> Spec:
    """The extent that was asked for last, if the file that says so can be believed."""
    try:
        asked = specs.from_json(file.read_text())
        return asked if specs.key(asked) == specs.key(spec) else spec
    except (OSError, ValueError):
        return spec

"""The files of a store: written whole or not at all, looked at closely before they are believed, set aside."""

import os
import uuid
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lthlib import specs
from lthlib.errors import StoreError
from lthlib.specs.columns import COLUMNS, PROVENANCE

Arrays = dict[str, np.ndarray]


def replace_file(file: Path, write: Callable[[Path], object]) -> None:
    """Write beside, then rename: the file is never seen half written."""
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        write(part)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def write_arrays(path: Path, arrays: Arrays, write: Callable = np.savez_compressed) -> None:
    """Arrays into a file of exactly this name."""
    with path.open("wb") as file:
        write(file, **arrays)


PACKED = {"compression": "zstd", "compression_level": 19, "write_page_checksum": True}
TEXT = ["survivors", *PROVENANCE]  # the same in all rows of a training: read as categories, or they fill the memory


def read_table(file: Path) -> pa.Table:
    """The rows of one file. Raises whatever a damaged or foreign file makes its reader raise."""
    table = pq.read_table(file, read_dictionary=TEXT, page_checksum_verification=True)
    if lacking := set(COLUMNS) - set(table.column_names):
        raise ValueError(f"it has no column {min(lacking)}")
    if not table.num_rows:
        raise ValueError("it has no rows")
    table = table.select(COLUMNS).replace_schema_metadata(None)  # pandas' own, which may be damaged too
    table.validate(full=True)
    return table


def _check_rows(file: Path) -> None:
    version = read_table(file)["results_version"][0].as_py()
    if version != specs.RESULTS_VERSION:
        raise ValueError(f"made by version {version} of the results, now {specs.RESULTS_VERSION}")


def check_arrays(file: Path) -> None:
    """Raises whatever a damaged or foreign file of arrays makes its reader raise."""
    with zipfile.ZipFile(file) as arrays:
        if name := arrays.testzip():
            raise ValueError(f"{name} is damaged")


CHECKS = {"parquet": _check_rows, "npz": check_arrays}


def weighted(file: Path) -> bool:
    """Whether the arrays of a training have weights among them."""
    with zipfile.ZipFile(file) as arrays:
        return any(name.startswith("theta.") for name in arrays.namelist())


def whole(file: Path, check: Callable[[Path], None]) -> bool:
    """Whether a file is there and passes a check of CHECKS; StoreError if it may not be read."""
    return file.exists() and not _flaw(file, check)


def set_aside(file: Path, check: Callable[[Path], None]) -> None:
    """Put a file that is there and does not pass a check out of the way, with a warning. Raises StoreError."""
    if file.exists() and (flaw := _flaw(file, check)):
        aside = file.with_name(f"{file.name}.aside")
        try:
            file.replace(aside)
        except FileNotFoundError:  # another run has been quicker
            return
        except OSError as error:
            raise unwritable(file.parent, error) from None
        warnings.warn(f"{file} is no use ({flaw}): set aside as {aside.name}, to be made again", stacklevel=3)


def _flaw(file: Path, check: Callable[[Path], None]) -> str:
    """Why a file does not pass a check, in a line; nothing if it does."""
    try:
        check(file)
    except Exception as error:  # whatever a damaged file makes its reader raise
        if isinstance(error, OSError) and error.errno:  # not the file's fault: leave it alone
            raise StoreError(f"cannot read {file} ({error.strerror or error})") from None
        return reason(error)
    return ""


def reason(error: Exception) -> str:
    """The first line of what an exception says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:100]


def unwritable(path: str | Path, error: OSError) -> StoreError:
    """What to say, in one line, of a folder that takes nothing."""
    return StoreError(f"cannot write to {path} ({error.strerror or error}): choose another folder")

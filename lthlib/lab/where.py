"""Where results and data are, and who trains: one value from the command line, or a chapter, to each worker."""

from dataclasses import dataclass, replace
from pathlib import Path

from lthlib.lab.store import Store


@dataclass(frozen=True)
class Where:
    """A folder of results, one of data sets (by default that of `sources.load`), and who trains: on a `device`, or on
    the best that there is, so many processes of this machine (by default as many as are good for it), or instead of
    them the workers of a Dask `scheduler`, named by its address. For example
    `Where("store", device="cpu", workers=2)`."""

    store: str | Path
    data_root: str | Path | None = None
    device: str = "auto"
    workers: int | None = None
    scheduler: str | None = None

    @property
    def shelf(self) -> Store:
        """The results."""
        return Store(self.store)

    @property
    def processes(self) -> int:
        """How many processes of this machine train, which is known once `workers.settled` has said so."""
        assert self.workers is not None, "not settled, or a scheduler's workers train"
        return self.workers

    def from_anywhere(self) -> "Where":
        """The same, as a process in another folder has to be told."""
        root = self.data_root and Path(self.data_root).expanduser().absolute()
        return replace(self, store=Path(self.store).expanduser().absolute(), data_root=root)

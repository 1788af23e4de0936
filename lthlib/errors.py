"""Bad input gets one clear line that says what to do."""


class LthError(Exception):
    """What a user can mend. The message is one line; notebooks and the command line show it without a traceback."""

    def _render_traceback_(self) -> list[str]:  # IPython asks an exception for this before printing a traceback
        return [f"{type(self).__name__}: {self}"]


class SpecError(LthError, ValueError):
    """An unknown or out-of-range name or number, found before any compute is spent."""


class DataError(LthError):
    """The data set is not there, or is not what it should be."""


class StoreError(LthError, OSError):
    """Results cannot be written or read."""

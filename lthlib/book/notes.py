"""Sentences of pages that hang on what was run."""

import math
from dataclasses import dataclass

import pandas as pd

from lthlib.evidence import curves
from lthlib.evidence.ledger import headline, in_short


@dataclass(frozen=True)
class Note:
    """A sentence of a page that hangs on what was run."""

    text: str

    def _repr_markdown_(self) -> str:
        return self.text


def tally(tests: pd.DataFrame) -> Note:
    """How the paper's claims stand here, in a few sentences (`evidence.ledger.headline`)."""
    return Note(f"**So far**: {headline(tests)}")


def how_sure(tests: pd.DataFrame) -> Note:
    """The same in one sentence, with the way to the rest (`evidence.ledger.in_short`).

    >>> how_sure(chapters.ledger("published")).text
    '**How sure?** Of the 108 tests that the paper's claims make, 52 hold here ...'
    """
    return Note(f"**How sure?** {in_short(tests)} [Each test, with its numbers](claims.html).")


def resolved(rows: pd.DataFrame) -> Note:
    """What a test set of this size can tell apart: how much one image is, and how far two equally good networks differ
    by the luck of which images are in it.

    >>> resolved(rows).text
    '**What 1,000 test images can tell apart.** One of them is 0.1 points. ...'
    """
    images = int(str(rows["data_label"].iloc[0]).rpartition("/")[2].split()[0].replace(",", ""))
    right = float(curves.dense(curves.summarise(rows))["acc_es"].mean()) / 100
    luck = 200 * math.sqrt(2 * right * (1 - right) / images)
    return Note(
        f"**What {images:,} test images can tell apart.** One of them is {100 / images:g} points. Two networks that "
        f"are equally good, {100 * right:.0f} % right, differ by up to {luck:.1f} points, nineteen times of twenty, by "
        "the luck of which images are in such a test set. Smaller differences in the table say nothing by themselves."
    )

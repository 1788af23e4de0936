"""How to cite this book, and the paper that it is about: BibTeX, from CITATION.cff."""

from pathlib import Path
from typing import Any

import yaml

from lthlib.book import addresses
from lthlib.book.notes import Note

ROOT = Path(__file__).parents[2]


def bibtex(root: Path = ROOT) -> Note:
    """An entry for the book, without an address where none is known, and one for each work that it refers to.

    >>> print(bibtex().text)
    ```bibtex
    @misc{lottery-ticket-book,
      author = {{the lthlib authors}},
    ...
    """
    cited = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    written = cited["repository-code"]
    address = addresses.home(root) or (None if addresses.UNKNOWN in written else written)
    entries = [_entry("misc", written.rpartition("/")[2], {**cited, "url": address})]
    for work in cited["references"]:
        key = f"{work['authors'][0]['family-names'].lower()}{work['year']}"
        entries.append(_entry("inproceedings", key, work))
    return Note("```bibtex\n" + "\n\n".join(entries) + "\n```")


def _entry(kind: str, key: str, work: dict[str, Any]) -> str:
    fields = {
        "author": " and ".join(map(_author, work["authors"])),
        "title": f"{{{work['title']}}}",  # its capitals are kept
        "booktitle": work.get("collection-title"),
        "year": work.get("year"),
        "url": work.get("url"),
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"


def _author(author: dict[str, str]) -> str:
    """A person by both names; a group in braces, or BibTeX takes its last word for a family name."""
    if "name" in author:
        return f"{{{author['name']}}}"
    return f"{author['family-names']}, {author['given-names']}"

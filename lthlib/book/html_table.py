"""A table as a page shows it and as a terminal does, small print under its rows, links and files in its cells."""

from base64 import b64encode
from dataclasses import dataclass
from html import escape

import pandas as pd


@dataclass(frozen=True)
class Table:
    """A table that a notebook cell shows. Cells are text, or lists of it; `notes` are small print under a row. On a
    narrow screen a table of the class lth-stack stands on end, each cell behind the name of its column, if that is
    short: a sentence explains itself."""

    frame: pd.DataFrame
    caption: str
    notes: list[str] | None = None
    classes: str = "lth-table"

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in self.frame.columns)
        stands = "lth-stack" in self.classes
        names = [escape(str(name)) if stands and len(str(name)) < 16 else "" for name in self.frame.columns]
        opens = [f'<td data-name="{name}">' if name else "<td>" for name in names]
        body = []
        for n, row in enumerate(self.frame.itertuples(index=False)):
            body.append(f"<tr>{''.join(f'{td}{_cell(cell)}</td>' for td, cell in zip(opens, row, strict=True))}</tr>")
            if self.notes and self.notes[n]:
                note = f'<td colspan="{len(row)}">{as_html(self.notes[n])}</td>'
                body.append(f'<tr class="lth-note">{note}</tr>')
        return (
            f'<div class="{self.classes}"><table><caption>{as_html(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
        )

    def __repr__(self) -> str:
        return f"{self.caption}\n{self.frame.to_string(index=False)}"


class Link(str):
    """Text of a cell that leads to another place of the book."""

    to: str

    def __new__(cls, text: str, to: str) -> "Link":
        cell = super().__new__(cls, text)
        cell.to = to
        return cell


class File(str):
    """Text of a cell by which one gets a file that the page carries itself. Other pages and cells lead to it by its
    `anchor`, if it has one."""

    name: str
    content: str
    anchor: str

    def __new__(cls, text: str, name: str, content: str, anchor: str = "") -> "File":
        cell = super().__new__(cls, text)
        cell.name, cell.content, cell.anchor = name, content, anchor
        return cell


def _cell(cell) -> str:
    if isinstance(cell, list):
        return ", ".join(map(_cell, cell))
    text = as_html(str(cell))
    if isinstance(cell, Link):
        return f'<a href="{escape(cell.to)}">{text}</a>'
    if not isinstance(cell, File):
        return text
    anchor = f'id="{escape(cell.anchor)}" ' if cell.anchor else ""
    return f'<a {anchor}download="{escape(cell.name)}" href="{carried(cell.content.encode(), "json")}">{text}</a>'


def carried(content: bytes, kind: str) -> str:
    """The address of a file that a page carries itself: "json", "gzip"."""
    return f"data:application/{kind};base64,{b64encode(content).decode('ascii')}"


def as_html(text: str) -> str:
    """Text as a page shows it, with P_m as the paper writes it."""
    return escape(text).replace("P_m", "<i>P</i><sub>m</sub>")

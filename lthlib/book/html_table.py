"""A table as a page shows it and as a terminal does, with small print under its rows and files in its cells."""

from base64 import b64encode
from dataclasses import dataclass
from html import escape

import pandas as pd


@dataclass(frozen=True)
class Table:
    """A table that a notebook cell shows. Cells are text; `notes` are small print under a row."""

    frame: pd.DataFrame
    caption: str
    notes: list[str] | None = None
    classes: str = "lth-table"

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in self.frame.columns)
        body = []
        for n, row in enumerate(self.frame.itertuples(index=False)):
            body.append(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>")
            if self.notes and self.notes[n]:
                note = f'<td colspan="{len(row)}">{_html(self.notes[n])}</td>'
                body.append(f'<tr class="lth-note">{note}</tr>')
        return (
            f'<div class="{self.classes}"><table><caption>{_html(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
        )

    def __repr__(self) -> str:
        return f"{self.caption}\n{self.frame.to_string(index=False)}"


class File(str):
    """Text of a cell by which one gets a file that the page carries itself."""

    name: str
    content: str

    def __new__(cls, text: str, name: str, content: str) -> "File":
        cell = super().__new__(cls, text)
        cell.name, cell.content = name, content
        return cell


def _cell(cell) -> str:
    text = _html(str(cell))
    if not isinstance(cell, File):
        return text
    held = b64encode(cell.content.encode()).decode("ascii")
    return f'<a download="{escape(cell.name)}" href="data:application/json;base64,{held}">{text}</a>'


def _html(text: str) -> str:
    return escape(text).replace("P_m", "<i>P</i><sub>m</sub>")

"""Reads a notebook as an editor or a platform left it, and lays its answers into one as it was handed out.

Whatever has happened to the file, marking then meets cells it knows, in their order, each once: tests and set-up
cells are the released ones, answers are the student's, cells of the student's own stay where they were. What cannot be
found counts as not answered, and is named.
"""

import ast
import json
import re
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

import nbformat

from lthlib.errors import LthError

ALIKE = 0.8  # of two texts, to be the same question
LARGEST = 100_000_000  # bytes of a file that is read at all
LONGEST = 1_000_000  # characters of one cell
INSTALL = "install"  # the cell that fetches the library on Colab: of no use, and no network, where marks are given


class MendError(LthError):
    """A file is no notebook; the message says what it is instead."""


@dataclass
class Mended:
    """A notebook to be marked, and what was missing or put right, a line each."""

    notebook: nbformat.NotebookNode
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)  # the texts of the code that the student wrote


@dataclass
class Found:
    """A cell of a submission. Names are those that its metadata still carries."""

    kind: str
    text: str
    names: tuple[str, ...]
    attachments: dict | None = None
    place: str = ""  # the released cell that it is


def read(content: bytes, name: str = "the file") -> list[Found]:
    """The cells of a notebook, whatever version it has and whatever its metadata looks like. Raises MendError.

    >>> read(b'{"cells": [{"cell_type": "code", "source": ["x = 1"]}]}')[0].text
    'x = 1'
    """
    if len(content) > LARGEST:
        raise MendError(f"{name} has {len(content) / 1e6:.0f} MB: ask for it without outputs")
    try:
        told = json.loads(content.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):
        raise MendError(f"{name} is not a notebook but {_kind(content)}: ask for the .ipynb") from None
    sheets = told.get("worksheets") if isinstance(told, dict) else None
    cells = (
        [cell for sheet in sheets for cell in _list(_dict(sheet).get("cells"))] if isinstance(sheets, list) else None
    )
    if cells is None:
        cells = told.get("cells") if isinstance(told, dict) else None
    if not isinstance(cells, list):
        raise MendError(f"{name} is JSON, but not a notebook: ask for the .ipynb")
    return [_found(cell) for cell in cells if isinstance(cell, dict)]


def _found(cell: dict) -> Found:
    meta = _dict(cell.get("metadata"))
    names = (_dict(meta.get("nbgrader")).get("grade_id"), cell.get("id"), meta.get("id"))
    text = cell.get("source", cell.get("input", ""))
    text = "".join(part for part in text if isinstance(part, str)) if isinstance(text, list) else text
    text = text[:LONGEST].encode("utf-8", "replace").decode() if isinstance(text, str) else ""
    kind = "code" if cell.get("cell_type") == "code" else "markdown"
    return Found(kind, text, tuple(n for n in names if isinstance(n, str)), _dict(cell.get("attachments")) or None)


def _dict(told) -> dict:
    return told if isinstance(told, dict) else {}


def _list(told) -> list:
    return told if isinstance(told, list) else []


def _kind(content: bytes) -> str:
    kinds = {b"%PDF": "a PDF", b"PK": "a zip or an office document", b"<": "a web page", b"": "empty"}
    start = content.lstrip(b"\xef\xbb\xbf \r\n\t")[:9]
    if start.startswith(b"{"):
        return "part of one, cut off"
    return next((kind for mark, kind in kinds.items() if start.startswith(mark) and (mark or not start)), "other text")


def assignment_of(cells: list[Found], courses: dict[str, list]) -> str | None:
    """Which of the assignments (name -> released cells) these cells are of: by their names, then by their text."""
    own = {name: {_name(c) or c.id for c in released} for name, released in courses.items()}
    common = set.intersection(*own.values()) if len(own) > 1 else set()
    carried = {name for cell in cells for name in cell.names}
    votes = {name: len((ids - common) & carried) for name, ids in own.items()}
    if not any(votes.values()):
        texts = {cell.text.strip() for cell in cells}
        wanted = {name: {c.source.strip() for c in released} for name, released in courses.items()}
        shared = set.intersection(*wanted.values()) if len(wanted) > 1 else set()
        votes = {name: len((told - shared) & texts) for name, told in wanted.items()}
    if not any(votes.values()):
        defined = {name for cell in cells if cell.kind == "code" for name in defines(cell.text)}
        votes = {name: len(set().union(*_answers(released).values()) & defined) for name, released in courses.items()}
    best = max(votes, key=lambda name: votes[name], default=None)
    return best if best and votes[best] else None


def _answers(released: list) -> dict[str, set[str]]:
    """The names that each cell of code to be written is to define."""
    return {_name(c) or "": defines(c.source) for c in released if c.cell_type == "code" and _is(c, "solution")}


def mend(cells: list[Found], released: nbformat.NotebookNode, source: nbformat.NotebookNode | None = None) -> Mended:
    """The released notebook with the answers that are found among these cells.

    An answer is known by the names in the metadata; failing that, code by the names it defines (those of the
    instructors' answer, if `source` is given), prose by standing where the question is.
    """
    base = nbformat.from_dict(json.loads(json.dumps(released)))
    places = [_name(cell) or cell.id for cell in base.cells]
    by_place = dict(zip(places, base.cells, strict=True))
    wanted = _answers((source or base).cells)
    _by_name(cells, by_place, set().union(*wanted.values()))
    _by_text(cells, by_place)
    _by_definition(cells, by_place, wanted)
    _by_position(cells, by_place, places)
    mended = Mended(base)
    answers: dict = {}
    after: dict = {}
    last = None
    for cell in cells:
        known = by_place.get(cell.place)
        if known is not None and _is(known, "solution"):
            answers.setdefault(cell.place, []).append(cell)
        elif known is not None:  # as it was handed out, unless it is one to try things in
            if "nbgrader" not in known.metadata and known.cell_type == "code" and cell.place != INSTALL:
                known.source = cell.text
        elif cell.text.strip():
            after.setdefault(last, []).append(cell)
        last = cell.place or last
    for place, given in answers.items():
        handed_out = by_place[place].source
        written = [cell for cell in given if cell.text.strip() != handed_out.strip()] or given
        chosen = written[-1] if by_place[place].cell_type == "markdown" else written[0]
        if len(written) > 1 and not any(defines(cell.text) >= wanted.get(place, set()) for cell in written):
            chosen = Found("code", "\n\n".join(cell.text for cell in written), chosen.names)  # it was cut up
            written = [chosen]
        by_place[place].source = chosen.text
        if chosen.attachments:
            by_place[place]["attachments"] = chosen.attachments
        after.setdefault(place, [])[:0] = [cell for cell in written if cell is not chosen]
        if len(written) > 1:
            mended.notes.append(f"{place} is there {len(written)} times")
        if not any(place in cell.names for cell in given):
            mended.notes.append(f"{place} was known by its text only")
    mended.missing = [place for place, cell in by_place.items() if _is(cell, "solution") and place not in answers]
    base.cells = [new for place in [None, *places] for new in _laid(place, by_place, after)]
    for number, cell in enumerate(base.cells):
        cell.setdefault("id", f"own-{number}")
    mended.own = [by_place[place].source for place in answers if by_place[place].cell_type == "code"]
    mended.own += [cell.text for extra in after.values() for cell in extra if cell.kind == "code"]
    return mended


def _laid(place, by_place, after):
    if place is not None:
        yield by_place[place]
    for cell in after.get(place, ()):
        make = nbformat.v4.new_code_cell if cell.kind == "code" else nbformat.v4.new_markdown_cell
        new = make(cell.text)
        del new["id"]
        yield new


def _by_name(cells, by_place, asked):
    for cell in cells:
        cell.place = next((name for name in cell.names if name in by_place), "")
        if cell.place:
            known = by_place[cell.place]
            # an answer that was written into a copy of another cell, or into a test
            if not _is(known, "solution") and asked & defines(cell.text) - defines(known.source):
                cell.place = ""


def _by_text(cells, by_place):
    taken = {cell.place for cell in cells}
    for cell in cells:
        if not cell.place and cell.text.strip():
            same = (p for p, known in by_place.items() if p not in taken and known.source.strip() == cell.text.strip())
            cell.place = next(same, "")
            taken.add(cell.place)
    for cell in cells:  # a question retyped
        if not cell.place and cell.kind == "markdown" and len(cell.text) > 80:
            for place, known in by_place.items():
                question = known.cell_type == "markdown" and not _is(known, "solution")
                if question and place not in taken and _alike(known.source, cell.text):
                    cell.place = place
                    taken.add(place)
                    break


def _alike(one: str, other: str) -> bool:
    compared = SequenceMatcher(None, one[:2000], other[:2000])
    return compared.quick_ratio() > ALIKE and compared.ratio() > ALIKE


def _by_definition(cells, by_place, wanted):
    # an answer that was written into a cell that is not its own takes the place of one that was left as it was
    has = {c.place for c in cells if c.place in wanted and c.text.strip() != by_place[c.place].source.strip()}
    for cell in cells:
        if cell.place or not defines(cell.text):
            continue
        names = defines(cell.text)
        fits = {place: len(names & asked) / len(asked) for place, asked in wanted.items() if asked and place not in has}
        best = max(fits, key=lambda place: fits[place], default=None)
        if best and fits[best] == 1:
            cell.place = best
            has.add(best)
    for place in wanted.keys() - has:  # an answer that was cut up into several cells
        parts = [cell for cell in cells if not cell.place and defines(cell.text) & wanted[place]]
        if wanted[place] and set().union(*(defines(cell.text) for cell in parts)) >= wanted[place]:
            for cell in parts:
                cell.place = place


def _by_position(cells, by_place, places):
    """Prose without a name that stands between its question and whatever is known to come next."""
    has = {cell.place for cell in cells if cell.place}
    here = None
    for cell in cells:
        if cell.place:
            here = places.index(cell.place)
        elif here is not None and here + 1 < len(places):
            place = places[here + 1]
            known = by_place[place]
            if place not in has and known.cell_type == "markdown" and _is(known, "solution"):
                cell.place = place
                has.add(place)


def defines(text: str) -> set[str]:
    """The functions, classes and variables that the top level of a text defines; of one that is no Python too.

    >>> sorted(defines("def f(x):\\n    y = 1\\nz, w = 1, 2"))
    ['f', 'w', 'z']
    """
    try:
        tree = ast.parse(re.sub(r"^\s*[%!].*$", "", text, flags=re.MULTILINE))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pairs = re.findall(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=[^=]", text, re.MULTILINE)
        return {name for pair in pairs for name in pair if name}
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {
                n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
    return found


def _name(cell) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _is(cell, role: str) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get(role))


def released(course: Path) -> dict[str, nbformat.NotebookNode]:
    """What students got, by name. Raises MendError where it has not been made."""
    found = {path.stem: nbformat.read(path, as_version=4) for path in sorted(course.glob("release/*/*.ipynb"))}
    if not found:
        raise MendError(f"nothing was handed out from {course}: make assignments comes first")
    return found

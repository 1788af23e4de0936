"""Cells of chapters in a live kernel, as a reader executes them."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]


def execute(cells, **options):
    """Cells in one new kernel; the notebook with what they gave."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    return NotebookClient(notebook, resources={"metadata": {"path": str(ROOT)}}, timeout=600, **options).execute()


def code(chapter):
    """The cells of a chapter's code but the first of most, which installs the library."""
    cells = nbformat.read(ROOT / chapter, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code" and "%pip" not in cell.source]


def said(cell):
    return "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)

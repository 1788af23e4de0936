"""Settings of nbgrader for these assignments. Run it in this folder, after `make assignments`."""

from pathlib import Path

from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    OverwriteCells,
    OverwriteKernelspec,
)

course = Path(__file__).parent.resolve()
c = get_config()  # noqa: F821 (nbgrader defines it)

c.CourseDirectory.course_id = "lottery-tickets"


def patience(cell):
    """Seconds that a cell may take before it is interrupted, and counts as failed. No right answer and no test needs
    more than a few; imports may on a slow machine, and the study of assignment 5 takes half a minute."""
    meta = cell.metadata.get("nbgrader", {})
    return 20 if meta.get("solution") or meta.get("grade") else 120


c.Execute.timeout_func = patience

# A kernel that does not even stop then is ended by `guard`, which also bounds what is printed, and keeps submissions
# away from the sources, the gradebook and each other: longer than `seconds` no submission keeps the others waiting.
c.Execute.extra_arguments = [
    "--HistoryManager.hist_file=:memory:",
    f"--IPKernelApp.exec_lines=from lthlib.book.coursework import guard; guard({str(course)!r}, seconds=600)",
]
c.LimitOutput.max_lines = 300
c.LimitOutput.max_traceback = 40


class PutBack(OverwriteCells):
    """A test that a student deleted is put back, and counts; one that was changed is overwritten, as always.

    nbgrader then also looks for task cells, which these assignments have none of, and stumbles in doing so over what is
    left of the metadata of a cell that a student copied.
    """

    add_missing_cells = True

    def preprocess(self, nb, resources):
        for cell in nb.cells:
            if cell.metadata.get("nbgrader") == {}:
                del cell.metadata["nbgrader"]
        return super().preprocess(nb, resources)

    def add_missing_task_cells(self, nb, resources):
        return nb, resources


c.Autograde.sanitize_preprocessors = [ClearOutput, DeduplicateIds, OverwriteKernelspec, PutBack, CheckCellMetadata]

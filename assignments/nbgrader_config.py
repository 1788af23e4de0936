"""Settings of nbgrader for these assignments. Run it in this folder, after `make assignments`."""

from pathlib import Path

from nbconvert.preprocessors import ClearMetadataPreprocessor, CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    GetGrades,
    IgnorePattern,
    LimitOutput,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

from lthlib.book.coursework.execute import Execute
from lthlib.book.coursework.feedback import HideTests

course = Path(__file__).parent.resolve()
c = get_config()  # noqa: F821 (nbgrader defines it)

c.CourseDirectory.course_id = "lottery-tickets"


def patience(cell):
    """Seconds that a cell may take before it is interrupted, and counts as failed. No right answer and no test needs
    more than a few; imports may on a slow machine, and the study of assignment 5 takes half a minute."""
    meta = cell.metadata.get("nbgrader", {})
    return 20 if meta.get("solution") or meta.get("grade") else 120


c.Execute.timeout_func = patience

# Each submission has a kernel of its own, inside bubblewrap where there is one (lthlib/book/coursework/sandbox.py). One
# that cannot even be interrupted is ended after so many seconds.
c.Execute.course = str(course)
c.Execute.seconds = seconds = 600
c.Execute.extra_arguments = [
    "--HistoryManager.hist_file=:memory:",
    "--IPKernelApp.exec_lines="
    f"from lthlib.book.coursework.guard import guard; guard({str(course)!r}, seconds={seconds})",
]
# One marking waits for another to write, when several are at work.
c.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}?timeout=120"
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
c.Autograde.autograde_preprocessors = [
    Execute,
    IgnorePattern,
    ClearMetadataPreprocessor,
    LimitOutput,
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]
# Pages for students say what went wrong, and do not show the hidden tests. Set this to False once all have handed in.
c.HideTests.hidden = True
c.HideTests.course = str(course)
c.GenerateFeedback.preprocessors = [HideTests, GetGrades, CSSHTMLHeaderPreprocessor]

"""Settings of nbgrader for these assignments. Run it in this folder, after `make assignments`."""

from pathlib import Path

course = Path(__file__).parent.resolve()
c = get_config()  # noqa: F821 (nbgrader defines it)

c.CourseDirectory.course_id = "lottery-tickets"

# No right answer needs more than seconds in a cell, but for the study of assignment 5, about half a minute. A cell that
# takes longer is interrupted and counts as failed. A kernel that does not even stop then is ended by `guard`, which
# also bounds what is printed, and keeps submissions away from the sources, the gradebook and each other: longer than
# `seconds` no submission keeps the others waiting.
c.Execute.timeout = 100
c.Execute.extra_arguments = [
    "--HistoryManager.hist_file=:memory:",
    f"--IPKernelApp.exec_lines=from lthlib.coursework import guard; guard({str(course)!r}, seconds=300)",
]
c.LimitOutput.max_lines = 300
c.LimitOutput.max_traceback = 40

# A test that a student deleted is put back, and counts; one that was changed is overwritten, as always.
c.OverwriteCells.add_missing_cells = True

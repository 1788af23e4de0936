"""Settings of nbgrader for these assignments. Run nbgrader in this folder; `make assignments` has made what it needs."""

from pathlib import Path

course = Path(__file__).parent.resolve()
c = get_config()  # noqa: F821: nbgrader defines it

c.CourseDirectory.course_id = "lottery-tickets"

# No right answer needs more than a few seconds in a cell. A cell that takes longer is interrupted and counts as failed;
# a kernel that does not even stop then is ended by `guard`, which also bounds what is printed, and keeps submissions away
# from the sources, from the gradebook and from each other. Longer than `seconds` no submission keeps the others waiting.
c.Execute.timeout = 60
c.Execute.extra_arguments = [
    "--HistoryManager.hist_file=:memory:",
    f"--IPKernelApp.exec_lines=from lthlib.coursework import guard; guard({str(course)!r}, seconds=300)",
]
c.LimitOutput.max_lines = 300
c.LimitOutput.max_traceback = 40

# A test that a student deleted is put back, and counts; one that was changed is overwritten, as always.
c.OverwriteCells.add_missing_cells = True

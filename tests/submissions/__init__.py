"""Submissions that the coursework is tried with, one module per assignment.

`WRONG`: a name -> the text of the solution cells that differ from the instructors', and the tests that must fail,
no others. `RIGHT`: a name -> the text of cells that are right, but written otherwise.
"""

STUB = "raise NotImplementedError()"  # what a cell holds that was left as it was handed out

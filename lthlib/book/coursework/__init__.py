"""The coursework: what is handed out, collected, marked and handed back; `python -m lthlib.book.coursework` does it.

nbgrader strips, runs and records; here is what it leaves to its users: files as they arrive (`names`, `collect`),
notebooks as editors leave them (`mend`), submissions that mean harm (`sandbox`, `guard`), answers that cheat or that
stumble over an earlier one (`referee`, `execute`, `words`), many at once (`mark`), and tables for learning platforms
(`grades`).
"""

"""Marks submissions as nbgrader's autograder does, but in one warm process, which forks for each of them.

A submission is the source of an assignment with other text in some of its solution cells: tests and set-up cells stay
the instructors', as nbgrader puts them back. Their code is run in order, an error does not end the run, and nbgrader's
own `determine_grade` says what a test is worth. Cells that nbgrader does not know (they draw and try things) are left
out to save time, unless the `whole` is asked for. That this is what nbgrader gives, test_assignments.py checks.
"""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from html import unescape
from pathlib import Path

SECONDS = 120  # for one submission


def leaks(folder: Path, sources: list[Path]) -> list[str]:
    """The files under a folder, also those in zips, that hold a line of a solution, of a hidden test or of a rubric."""
    lines, found = secrets(sources), []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as zipped:
                content = b"\n".join(zipped.read(name) for name in zipped.namelist())
        text = content.decode("utf-8", "ignore").replace('\\"', '"')  # as notebooks have it
        if path.suffix == ".html":
            text += unescape(re.sub("<[^>]*>", "", text))  # without colours
        found += [f"{path}: {line}" for line in lines if line in text]
    return found


def secrets(sources: list[Path]) -> set[str]:
    """The lines of solutions, hidden tests and written answers, but those that a student may see elsewhere in the
    assignments, and those too short to give anything away."""
    import nbformat

    secret, open_to_all = set(), set()
    for cell in (cell for source in sources for cell in nbformat.read(source, as_version=4).cells):
        inside = cell.cell_type == "markdown" and "nbgrader" in cell.metadata
        for line in map(str.strip, cell.source.splitlines()):
            if line.startswith(("### BEGIN", "### END")):
                inside = line.startswith("### BEGIN")
            else:
                (secret if inside else open_to_all).add(line)
    shown = "\n".join(open_to_all)
    return {line for line in secret if len(line) > 20 and line not in shown}


class Marker:
    """The warm process. `mark` gives points by test, and the last line of what each cell raised."""

    def __init__(self):
        command = [sys.executable, __file__]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "MPLBACKEND": "agg"}
        )

    def mark(
        self,
        source: Path,
        replaced: dict[str, str],
        folder: Path,
        whole: bool = False,
        reference: dict[str, str] | None = None,
    ) -> tuple[dict[str, float], dict[str, str]]:
        """`replaced` is text by solution cell, `reference` what takes the place of one that failed where that is to be
        other than the instructors'; the submission runs in `folder`."""
        job = {"source": str(source), "replaced": replaced, "folder": str(folder), "whole": whole}
        job["reference"] = reference or {}
        print(json.dumps(job), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        return answer["points"], answer["errors"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def serve():
    import warm  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if not child:
            signal.alarm(SECONDS)
            out = os.fdopen(os.dup(1), "w")
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            answer = run(**json.loads(line))
            print(json.dumps(answer), file=out, flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps({"points": {}, "errors": {"": f"the process died: {status}"}}), flush=True)


def run(source, replaced, folder, whole, reference):
    import nbformat
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from nbgrader.utils import determine_grade, is_grade

    from lthlib.book.coursework.guard import guard
    from lthlib.book.coursework.referee import Referee

    cells = nbformat.read(source, as_version=4).cells
    unknown = set(replaced) - {cell.metadata.nbgrader.grade_id for cell in cells if "nbgrader" in cell.metadata}
    assert not unknown, f"there is no cell {unknown}"
    os.chdir(folder)
    shell = InteractiveShell.instance(colors="NoColor")
    referee = Referee(nbformat.read(source, as_version=4).cells)
    referee.text |= reference

    def error_of(code):
        done = shell.run_cell(code, silent=True)
        error = done.error_before_exec or done.error_in_exec
        return type(error).__name__, str(error)

    with capture_output() as said:
        guard(str(Path(source).parents[2]), SECONDS)
        points, errors = {}, {}
        for cell in cells:
            if cell.cell_type != "code" or not (whole or "nbgrader" in cell.metadata):
                continue
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", cell.id)
            for code in [*referee.before(grade_id), *referee.restore(grade_id)]:
                shell.run_cell(code, silent=True)
            before = len(said.stderr)
            done = shell.run_cell(replaced.get(grade_id, cell.source), store_history=True)
            error = done.error_before_exec or done.error_in_exec
            cell.outputs = []
            if len(said.stderr) > before:
                cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=said.stderr[before:]))
            if error is not None:
                errors[grade_id] = f"{type(error).__name__}: {error}"
                cell.outputs.append(nbformat.v4.new_output("error", ename=type(error).__name__, evalue=str(error)))
            elif done.result is not None:
                data = {"text/plain": repr(done.result)}
                cell.outputs.append(nbformat.v4.new_output("execute_result", data=data, execution_count=1))
            if is_grade(cell):
                points[grade_id] = determine_grade(cell)[0]
                if points[grade_id] and not all(
                    canary.sang(*error_of(canary.code)) for canary in (referee.canary(grade_id), referee.tools())
                ):
                    points[grade_id], errors[grade_id] = 0, "TestPrevented: a cell that has to fail did not"
                referee.after(grade_id, bool(points[grade_id]))
            for code in referee.keep(grade_id):
                shell.run_cell(code, silent=True)
    return {"points": points, "errors": errors}


if __name__ == "__main__":
    serve()

"""Takes hidden tests out of the pages that students get back, and leaves what a failed one says."""

from pathlib import Path

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Bool, Unicode


class HideTests(NbGraderPreprocessor):
    """Shows each test as it was handed out, and of its error the last line."""

    hidden = Bool(True, help="whether hidden tests stay hidden").tag(config=True)
    course = Unicode(help="folder of the course").tag(config=True)

    def preprocess(self, nb, resources):
        if self.hidden:
            name = resources["nbgrader"]["assignment"]
            released = nbformat.read(Path(self.course, "release", name, f"{name}.ipynb"), as_version=4)
            shown = {cell.metadata.nbgrader.grade_id: cell.source for cell in released.cells if is_grade(cell)}
            for cell in nb.cells:
                if is_grade(cell) and not is_solution(cell) and cell.cell_type == "code":
                    cell.source = shown.get(cell.metadata.nbgrader.grade_id, "")
                    for output in cell.outputs:
                        if output.output_type == "error":
                            output.traceback = [f"{output.ename}: {output.evalue}"]
        return nb, resources

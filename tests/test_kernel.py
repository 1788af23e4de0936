"""A chapter in the hands of a reader: asked again in the same kernel, and with parameters that it does not have."""

import re
import subprocess
import sys

import pytest
from kernel import ROOT, code, execute, said
from papermill.translators import PythonTranslator

pytestmark = pytest.mark.book


def test_a_chapter_in_a_live_kernel_is_asked_again_for_something_else(tmp_path, monkeypatch):
    """With names of a start-up file about, and none of the types that Python 3.14 no longer keeps in one place."""
    (tmp_path / "profile_default/startup").mkdir(parents=True)
    (tmp_path / "profile_default/startup/mine.py").write_text("from pathlib import Path\nmine: int = 3\n")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    parameters, run, *_, record = code("book/02-fully-connected.ipynb")
    small = {"rounds": 1, "iterations": 20, "store": str(tmp_path / "store"), "device": "cpu"}
    once, again = (PythonTranslator.codify({**small, "trials": n}, "by hand") for n in (1, 2))
    by_hand = parameters.replace("trials: int = None", "trials: int = 2")
    assert by_hand != parameters
    refused = "# Parameters\ntrails = 3\n"
    nameless = "__annotations__.clear()\ndel __annotations__"
    first, second, third, fourth, fifth = (
        [parameters, nameless, once, run, record],
        [again, run, record],
        [by_hand, nameless, PythonTranslator.codify(small, "by hand"), run, record],
        [parameters, nameless, refused, run],
        [parameters, once, run, record],
    )
    cells = execute(["from pathlib import Path", *first, *second, *third, *fourth, *fifth], allow_errors=True).cells
    errors = [output.evalue for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert errors == ["unknown parameter 'trails'; choose from " + ", ".join(re.findall(r"^\w+", parameters, re.M))]
    told = [re.search(r"trials = (\d)", said(cell))[1] for cell in cells if cell.source == record]
    assert told == ["1", "2", "2", "1"]
    assert not [cell for cell in cells if "mine = " in said(cell)]


@pytest.mark.parametrize(
    ("line", "parameters"),
    [
        ("SpecError: trials must be at least 1, not 0", "trials 0"),
        ("SpecError: unknown parameter 'trails'", "trails 3"),
    ],
)
def test_papermill_with_a_bad_parameter_ends_in_one_clear_line(tmp_path, line, parameters):
    command = [sys.executable, "-m", "papermill", "book/02-fully-connected.ipynb", str(tmp_path / "out.ipynb")]
    done = subprocess.run([*command, "-p", *parameters.split()], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode
    assert line in done.stderr
    assert "experiment.py" not in done.stderr  # no traceback through the library

"""A course of one small assignment, and submissions to it that are honest, broken, tampered with, hostile, or cheat."""

import copy
import json
import shutil
import uuid
from pathlib import Path

import nbformat

from lthlib.book.coursework import release

COURSE = Path(__file__).parents[2] / release.COURSE
NAME = "tiny"
GOOD = "def double(x):\n    return 2 * x"
CELLS = [  # name, kind, points; the first is the set-up
    (
        "tiny-text",
        "markdown",
        None,
        "# 1 · Tiny\n\n**Time** 0 hours\n\nWrite `double`, which doubles, and say what it is good for.",
    ),
    ("setup", "locked", None, "known = 2"),
    ("solve", "solution", None, f"### BEGIN SOLUTION\n{GOOD}\n### END SOLUTION"),
    (
        "test",
        "test",
        1,
        "assert double(known) == 4\n### BEGIN HIDDEN TESTS\n\n\ndef hidden_tests():\n"
        "    for x, want in [(-21, -42), (8, 16)]:\n        assert double(x) == want, 'hush'\n\n\n"
        "hidden_tests()\n### END HIDDEN TESTS",
    ),
    (
        "solve-more",
        "solution",
        None,
        "### BEGIN SOLUTION\n\ndef quadruple(x):\n    return double(double(x))\n### END SOLUTION",
    ),
    (
        "test-more",
        "test",
        2,
        "assert quadruple(1) == 4\n### BEGIN HIDDEN TESTS\nassert quadruple(-3) == -12, 'hush'\n### END HIDDEN TESTS",
    ),
    (
        "words-text",
        "markdown",
        None,
        "## 1.2 In your words\n\nWhat is a double good for? Answer below in one sentence, and give a reason.",
    ),
    ("words", "reader", 3, "### BEGIN SOLUTION\nFor two.\n### END SOLUTION\n\n*Rubric.* 3 for two."),
]


def make(folder: Path, seconds: int = 40, patience: int = 4) -> Path:
    """The course, released, with our settings and less patience."""
    course = folder / "assignments"
    (course / "source" / NAME).mkdir(parents=True)
    settings = (COURSE / "nbgrader_config.py").read_text(encoding="utf-8")
    assert "seconds = 600" in settings
    settings = settings.replace("seconds = 600", f"seconds = {seconds}")
    longer = f"c.Execute.timeout_func = lambda cell: 30 if 'OUT, HOME' in cell.source else {patience}\n"
    (course / "nbgrader_config.py").write_text(f"{settings}{longer}", "utf-8")
    nb = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for name, kind, points, text in CELLS:
        if kind == "markdown":
            nb.cells.append(nbformat.v4.new_markdown_cell(text, id=name))
            continue
        meta = {"grade": kind in ("test", "reader"), "solution": kind in ("solution", "reader"), "task": False}
        meta |= {"locked": kind in ("test", "locked"), "grade_id": name, "schema_version": 3}
        meta |= {"points": points} if points else {}
        make = nbformat.v4.new_markdown_cell if kind == "reader" else nbformat.v4.new_code_cell
        nb.cells.append(make(text, id=name, metadata={"nbgrader": meta}))
    nbformat.write(nb, course / "source" / NAME / f"{NAME}.ipynb")
    release.make(course)
    return course


ANSWERS = {"solve": GOOD, "solve-more": "def quadruple(x):\n    return double(double(x))", "words": "For two of us."}


def notebook(course: Path, **answers: str) -> dict:
    """As handed out, with these answers, the others right."""
    nb = json.loads((course / "release" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    for cell in nb["cells"]:
        cell["source"] = (ANSWERS | {k.replace("_", "-"): v for k, v in answers.items()}).get(
            cell["id"], cell["source"]
        )
    return nb


def lay(course: Path, student: str, nb: dict | bytes, name: str = f"{NAME}.ipynb") -> Path:
    """As if it had been collected."""
    folder = course / "submitted" / student / NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / name).write_bytes(nb if isinstance(nb, bytes) else json.dumps(nb).encode())
    return folder / name


def cell(nb, name):
    return next(c for c in nb["cells"] if c["id"] == name)


def _without_names(nb):
    for c in nb["cells"]:
        c.pop("id")
        c["metadata"] = {}


def _numbered_anew(nb):
    for c in nb["cells"]:
        c["id"], c["metadata"] = uuid.uuid4().hex[:8], {"vscode": {"languageId": "python"}}


def _colab(nb):
    nb["nbformat_minor"], nb["metadata"] = 0, {"colab": {"provenance": []}}
    for c in nb["cells"]:
        c["metadata"]["id"] = c.pop("id")


def _other_kernel(nb):
    nb["metadata"] = {"kernelspec": {"name": "no-such-kernel", "display_name": "mine", "language": "python"}}


def _retyped(nb):
    for c in nb["cells"]:
        c["cell_type"] = "raw" if c["cell_type"] == "code" else "code"


def _turned_round(nb):
    nb["cells"].reverse()


def _twice(nb):
    nb["cells"] += copy.deepcopy(nb["cells"])


def _pasted_anew(nb):
    at = nb["cells"].index(cell(nb, "solve"))
    nb["cells"][at] = {"cell_type": "code", "metadata": {}, "source": GOOD.splitlines(True), "outputs": []}


def _written_below(nb):
    cell(nb, "solve")["source"] = "# YOUR CODE HERE\nraise NotImplementedError()"
    at = nb["cells"].index(cell(nb, "solve"))
    nb["cells"].insert(at + 1, {"cell_type": "code", "metadata": {}, "source": GOOD, "outputs": []})


def _in_two_cells(nb):
    cell(nb, "solve")["source"] = "def helper(x):\n    return 2 * x"
    at = nb["cells"].index(cell(nb, "solve"))
    nb["cells"].insert(at + 1, {"cell_type": "code", "metadata": {}, "source": "double = helper", "outputs": []})


def _megabytes(nb):
    nb["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"a": "x" * 3_000_000}}}
    cell(nb, "solve")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 5_000_000}]
    cell(nb, "test")["outputs"] = [{"output_type": "of no kind", "data": [1]}]


def _oddities(nb):
    nb["cells"] = [None, 3, {}, {"cell_type": 7}, {"cell_type": "code", "source": 5, "metadata": []}, *nb["cells"]]
    nb["metadata"], nb["nbformat"] = 7, "four"


def _third_version(nb):
    cells = [{**c, "input" if c["cell_type"] == "code" else "source": c["source"]} for c in nb["cells"]]
    nb.pop("cells")
    nb |= {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells, "metadata": {}}]}


def _names_taken(nb):
    nb["cells"].insert(3, {"cell_type": "code", "metadata": {}, "source": "known = None", "outputs": []})


# What editors, platforms and hands do, and nothing of it changes a mark.
MISHAPS = {
    "no metadata at all": _without_names,
    "numbered anew": _numbered_anew,
    "colab": _colab,
    "another kernel": _other_kernel,
    "cells of another type": _retyped,
    "cells in another order": _turned_round,
    "every cell twice": _twice,
    "an answer pasted into a new cell": _pasted_anew,
    "an answer below its cell": _written_below,
    "an answer in two cells": _in_two_cells,
    "megabytes of widgets and outputs": _megabytes,
    "cells that are none": _oddities,
    "the third version of the format": _third_version,
    "names of the set-up overwritten": _names_taken,
}


def _question_deleted(nb):
    nb["cells"] = [c for c in nb["cells"] if c["id"] not in ("solve", "test")]


def _code_only(nb):
    nb["cells"] = [c for c in nb["cells"] if c["cell_type"] == "code"]


# What is lost with them: points by test, and the answers that are named as missing.
LOSSES = {
    "a question deleted": (_question_deleted, {"test": 0, "test-more": 2}, ["solve"]),
    "prose deleted": (_code_only, {"test": 1, "test-more": 2}, ["words"]),
}
# Files that are no notebooks, and what is said of them.
BROKEN = {
    "cut off": (b'{"cells": [{"cell_type": "co', "part of one, cut off"),
    "a PDF": (b"%PDF-1.7 ...", "a PDF"),
    "a web page": (b"<!DOCTYPE html>", "a web page"),
    "empty": (b"", "empty"),
    "no notebook": (b'{"a": 1}', "JSON, but not a notebook"),
    "a thousand brackets": (b"[" * 100_000, "other text"),
}


def _tampers(change):
    def edit(nb):
        cell(nb, "solve")["source"] = "def double(x):\n    return 5"
        cell(nb, "solve-more")["source"] = "def quadruple(x):\n    return 4 * x"
        change(nb)

    return edit


def _change_test(nb):
    cell(nb, "test")["source"] = "pass"


def _delete_test(nb):
    nb["cells"] = [c for c in nb["cells"] if c["id"] != "test"]


def _raise_points(nb):
    cell(nb, "test-more")["metadata"]["nbgrader"]["points"] = 100


def _copy_test(nb):
    nb["cells"].append({**copy.deepcopy(cell(nb, "test-more")), "id": "copy", "source": "pass"})


def _unlock_test(nb):
    cell(nb, "test")["metadata"]["nbgrader"]["locked"] = False
    cell(nb, "test")["source"] = "pass"


def _own_test_as_answer(nb):
    cell(nb, "test")["metadata"]["nbgrader"] |= {"solution": True, "grade": False}
    cell(nb, "test")["source"] = "pass"


TAMPERED = [_change_test, _delete_test, _raise_points, _copy_test, _unlock_test, _own_test_as_answer]

# The text of an answer that is none, and gets no point.
_NO = "def double(x):\n    return None"
CHEATS = {
    "cells that assert are emptied": (
        "from IPython.core.interactiveshell import InteractiveShell as S\n"
        "S.instance().input_transformers_post.append("
        "lambda lines: ['pass\\n'] if any('assert' in l for l in lines) else lines)\n" + _NO
    ),
    "asserts are taken out": (
        "import ast\nclass Drop(ast.NodeTransformer):\n    def visit_Assert(self, node): return ast.Pass()\n"
        "get_ipython().ast_transformers.append(Drop())\n" + _NO
    ),
    "errors are not shown": (
        "from IPython.core.interactiveshell import InteractiveShell as S\n"
        "S.instance().showtraceback = S.instance()._showtraceback = lambda *a, **k: None\n" + _NO
    ),
    "errors are swallowed": "get_ipython().set_custom_exc((BaseException,), lambda *a, **k: [])\n" + _NO,
    "cells are not run": (
        "shell, run = get_ipython(), get_ipython().run_code\n"
        "async def skip(code, *a, **k):\n    return False\nshell.run_code = skip\n" + _NO
    ),
    "equal to everything": (
        "class Yes:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
        "import builtins\nbuiltins.all = lambda x: True\ndef double(x): return None"
    ),
    "the caller's frame": ("import sys\ndef double(x):\n    return sys._getframe(1).f_locals.get('want', 4)"),
    "the caller's frame, by inspect": (
        "import inspect\ndef double(x):\n    return inspect.currentframe().f_back.f_locals.get('want', 4)"
    ),
    "the caller's frame, by an error": (
        "def double(x):\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n"
        "        return error.__traceback__.tb_frame.f_back.f_locals.get('want', 4)"
    ),
    "a jump over the test": (
        "import sys\ndef double(x):\n    frame = sys._getframe(1)\n    def jump(f, event, arg):\n        return jump\n"
        "    frame.f_trace = jump\n    sys.settrace(jump)"
    ),
    "the test in the history": (
        "import re\ndef double(x):\n    return dict(eval(re.search(r'in (.*?):', In[-1])[1]) + [(2, 4)])[x]"
    ),
    "the sources through a library": (
        "import glob, re\nfound = ''.join(open(p).read() for p in glob.glob('../../**/tiny.ipynb', recursive=True))\n"
        "exec(re.search(r'def double.*?return 2 . x', found.replace('\\\\n', '\\n'), re.S).group())"
    ),
}


# What would outlive its own marking, or reach beyond it: each line is tried, and none may succeed. `OUT` is the folder
# of the course, `HOME` the teacher's home.
HARMS = {
    "reads the sources": "open(OUT + '/source/tiny/tiny.ipynb').read()",
    "reads another submission": "open(OUT + '/submitted/zoe/tiny/tiny.ipynb').read()",
    "reads the gradebook": "open(OUT + '/gradebook.db', 'rb').read()",
    "reads the gradebook, past Python": "__import__('numpy').fromfile(OUT + '/gradebook.db', dtype='u1', count=8)[7]",
    "lists the course": "__import__('os').listdir(OUT)[0]",
    "deletes the gradebook": "__import__('os').remove(OUT + '/gradebook.db')",
    "empties the gradebook": "__import__('os').truncate(OUT + '/gradebook.db', 0)",
    "renames over the gradebook": "open('mine', 'w').close(); __import__('os').rename('mine', OUT + '/gradebook.db')",
    "opens the gradebook as one": "__import__('sqlite3').connect(OUT + '/gradebook.db').execute('drop table grade')",
    "takes rights away": "__import__('os').chmod(OUT + '/nbgrader_config.py', 0)",
    "deletes the marks of others": "__import__('shutil').rmtree(OUT + '/marks'); open(OUT + '/marks/x')",
    "links out of its room": "__import__('os').symlink(OUT, 'way'); open('way/gradebook.db', 'ab').write(b'x')",
    "writes beside the course": "open(OUT + '/../left', 'w').write('x')",
    "writes into the library": "open(__import__('lthlib').__path__[0] + '/left.py', 'w').write('x')",
    "writes into the environment": "open(__import__('nbformat').__path__[0] + '/left.py', 'w').write('x')",
    "writes a start-up file": "open(HOME + '/.ipython/profile_default/startup/00.py', 'w').write('x')",
    "writes into the home": "open(HOME + '/.left', 'w').write('x')",
    "writes into the temporary folder": "open(TEMPORARY + '/left-by-a-submission', 'w').write('x')",
    "starts a program": "__import__('subprocess').check_output(['true'])",
    "starts a shell": "__import__('os').system('true') and 1 / 0",
    "forks": "__import__('os').fork()",
    "ends its marker": "__import__('os').kill(__import__('os').getppid(), 9)",
    "calls the system": "__import__('ctypes').CDLL(None).unlink((OUT + '/gradebook.db').encode())",
    "connects": "__import__('socket').create_connection(('192.0.2.1', 80), 1)",
    "asks for a name": "__import__('socket').getaddrinfo('example.org', 80)",
    "sends": "__import__('socket').socket(2, 2).sendto(b'x', ('192.0.2.1', 9)) and 1",
    "traces": "__import__('sys').settrace(print)",
    "listens": "__import__('sys').addaudithook(print); __import__('sys').settrace(None)",
    "takes all memory": "bytearray(10**11)",
    "reads a secret of the environment": "__import__('os').environ['LTH_SECRET']",
}


def harms(course: Path, home: Path, temporary: Path) -> str:
    """An answer that tries all of them and prints what succeeds."""
    lines = [f"OUT, HOME, TEMPORARY = {str(course)!r}, {str(home)!r}, {str(temporary)!r}"]
    for name, line in HARMS.items():
        lines += [
            "try:",
            f"    {line}",
            f"    print('DONE {name}')",
            "except Exception as e:",
            "    print(type(e).__name__)",
        ]
    return "\n".join([*lines, GOOD])


# (answer, points for the two tests, the cell in which its kernel ends)
TROUBLE = {
    "hangs": ("while True:\n    pass", (0, 2), ""),
    "hangs in a test": ("import time\ndef double(x):\n    time.sleep(1_000)", (0, 2), ""),
    "cannot be interrupted": (
        "import signal, faulthandler\nfaulthandler.cancel_dump_traceback_later()\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass",
        (0, 0),
        "solve",
    ),
    "crashes": ("import os\nos._exit(1)", (0, 0), "solve"),
    "prints without end": (GOOD + "\nwhile True:\n    print('x' * 100_000)", (1, 2), ""),
    "prints without end in a test": ("def double(x):\n    while True:\n        print(x)", (0, 2), ""),
    "shows megabytes": (
        GOOD + "\nfrom IPython.display import HTML, display\nfor _ in range(40):\n    display(HTML('x' * 500_000))",
        (1, 2),
        "",
    ),
    "leaves": ("import sys\nsys.exit(0)", (0, 2), ""),
    "says exit": (f"{GOOD}\nexit()", (1, 2), ""),
    "quits in a test": ("def double(x):\n    quit()", (0, 2), ""),
    "asks for input": (GOOD + "\nname = input()", (1, 2), ""),
    "is no Python": ("def double(x:", (0, 2), ""),
    "recurses": ("def double(x):\n    return double(x)", (0, 2), ""),
    "fills the disk": (
        f"{GOOD}\nfor n in range(400):\n    open(f'file{{n}}', 'wb').write(bytes(2_000_000))",
        (1, 2),
        "",
    ),
}

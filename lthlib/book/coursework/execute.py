"""Runs the cells of a submission in its sandbox for nbgrader, with a referee beside them, and reports what was seen."""

import json
import threading
from pathlib import Path

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbgrader import preprocessors
from nbgrader.utils import determine_grade, is_grade
from traitlets import Float, Integer, Unicode

from lthlib.book.coursework.referee import PREVENTED, Canary, Referee
from lthlib.book.coursework.sandbox import Kernel


class Execute(preprocessors.Execute):
    """nbgrader's own step, in a kernel of `sandbox`.

    A kernel that dies, or that is ended because it took too long, does not leave the notebook without marks: what was
    tested until then counts, what comes after has failed, and the report says where it died.
    """

    course = Unicode(help="folder of the course").tag(config=True)
    report = Unicode(help="file for what was seen, in JSON; none if empty").tag(config=True)
    seconds = Float(600, help="for a whole submission").tag(config=True)
    most_output = Integer(5_000_000, help="characters of all its outputs").tag(config=True)

    def __init__(self, *arguments, **options):
        options.setdefault("kernel_manager_class", Kernel)
        super().__init__(*arguments, **options)

    def preprocess(self, nb, resources=None, km=None):
        name = resources["nbgrader"]["assignment"]
        source = Path(self.course, "source", name, f"{name}.ipynb")
        self.referee = Referee(nbformat.read(source, as_version=4).cells)
        self.seen: dict = {"died": "", "flags": []}
        self.prevented: dict = {}
        self.left, self.dead, self.now = self.most_output, False, ""
        timer = threading.Timer(self.seconds, self._end)
        timer.start()
        try:
            # nbgrader would run it in the folder of the submission, which holds the hidden tests
            nb, _ = super().preprocess(nb, {**resources, "metadata": {}}, km)
        except (DeadKernelError, CellTimeoutError):  # it did not even start, or died between two cells
            self._died(self.now)
        finally:
            timer.cancel()
        for cell in nb.cells:
            if self.dead and is_grade(cell) and cell.cell_type == "code" and cell.metadata.get("run") is None:
                cell.outputs = [_error("NotRun", f"the kernel ended in the cell {self.seen['died']}")]
            cell.metadata.pop("run", None)
        self.seen["flags"] += [f"{why} ({', '.join(names)})" for why, names in self.prevented.items()]
        if self.report:
            Path(self.report).write_text(json.dumps(self.seen), encoding="utf-8")
        return nb, resources

    def _end(self):
        if self.km is not None and self.km.has_kernel:
            self.km.provisioner.process.kill()

    def _died(self, name):
        self.dead, self.seen["died"] = True, name or "a cell of its own"

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type != "code" or self.dead:
            return cell, resources
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        self.now = name
        try:
            for code in [*self.referee.before(name), *self.referee.restore(name)] if name else ():
                self._ask(code)
            cell, resources = super().preprocess_cell(cell, resources, index)
            if name and is_grade(cell):
                self._judge(cell, name)
            for code in self.referee.keep(name) if name else ():
                self._ask(code)
        except (DeadKernelError, CellTimeoutError):  # it ended, or could not even be interrupted
            self._end()
            self._died(name)
            cell.outputs.append(_error("KernelDied", "the kernel ended here: it crashed, or took too long"))
        cell.metadata["run"] = True
        return cell, self.resources

    def _judge(self, cell, name):
        passed = bool(determine_grade(cell)[0])
        if passed and name in self.referee.tests:
            why = self._prevented(name)
            if why:
                cell.outputs = [_error(PREVENTED, why)]
                self.prevented.setdefault(why, []).append(name)
                passed = False
        self.referee.after(name, passed)

    def _prevented(self, name) -> str:
        """Why this test cannot fail; nothing if it can."""
        canary, tools = self.referee.canary(name), self.referee.tools()
        if not canary.sang(*self._ask(canary)):
            return "a test that has to fail did not, so its neighbour proves nothing"
        ename, evalue = self._ask(tools)
        if not tools.sang(ename, evalue):
            return "a cell that has to fail did not, so its test proves nothing"
        broken, _, hooks = evalue.partition(" ")[2].partition("|")
        if hooks:
            self._flag(f"{name}: hooks of IPython were changed: {hooks}")
        return f"replaced what tests compare with: {broken.strip()}" if broken.strip() else ""

    def _flag(self, what):
        if what not in self.seen["flags"]:
            self.seen["flags"].append(what)

    def _ask(self, asked: Canary | str) -> tuple[str, str]:
        """Run code that is not in the notebook; the name and the text of its error."""
        code = asked.code if isinstance(asked, Canary) else asked
        cell = nbformat.v4.new_code_cell(code, metadata={"nbgrader": {"grade": True}})
        reply = self.wait_for_reply(self.kc.execute(code, silent=True, store_history=False), cell)
        content = (reply or {}).get("content", {})
        return content.get("ename", ""), str(content.get("evalue", ""))

    def process_message(self, msg, cell, cell_index):
        """Leave out what a submission puts out beyond its bound."""
        if msg["msg_type"] in ("stream", "display_data", "execute_result", "error", "update_display_data"):
            self.left -= len(json.dumps(msg["content"], default=str))
            if self.left < 0:
                if msg["msg_type"] != "error":
                    return None
                msg["content"] = {"ename": msg["content"].get("ename", "Error")[:80], "evalue": "", "traceback": []}
        return super().process_message(msg, cell, cell_index)


def _error(ename: str, evalue: str):
    return nbformat.v4.new_output("error", ename=ename, evalue=evalue, traceback=[f"{ename}: {evalue}"])

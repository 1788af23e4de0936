"""What is run beside the cells of a submission, so that a mark says what its own answer is worth.

Two things. A **canary** after each test that passed: the same test with its first assertion turned round, which has to
fail; where it does not, tests have been kept from failing. And the **reference**: an answer that failed its tests is
replaced, when all of them have been run, by the instructors', so that one slip does not cost the later questions that
build on it.
"""

import ast
import re
from dataclasses import dataclass, field
from secrets import token_hex

from lthlib.book.coursework.mend import defines

# What tests compare with, on cases that are false. Whoever has replaced one of these has marks from nobody.
TOOLS = {
    "all": "all([False])",
    "any": "any([False])",
    "isinstance": "isinstance(0, str)",
    "abs": "abs(-1) != 1",
    "len": "len([1]) != 1",
    "set": "set([1]) != {1}",
    "sum": "sum([1, 1]) != 2",
    "sorted": "sorted([2, 1]) != [1, 2]",
    "zip": "[*zip([1], [2])] != [(1, 2)]",
    "range": "[*range(2)] != [0, 1]",
    "max": "max(1, 2) != 2",
    "type": "type(1) is str",
    "int": "int(1.5) != 1",
    "float": "float(1) != 1",
    "str": "str(1) != '1'",
    "torch.equal": "_torch and _torch.equal(_torch.zeros(1), _torch.ones(1))",
    "torch.allclose": "_torch and _torch.allclose(_torch.zeros(1), _torch.ones(1))",
    "Tensor.all": "_torch and bool((_torch.zeros(2) == 1).all())",
    "Tensor.sum": "_torch and float(_torch.ones(2).sum()) != 2",
}
TORCH = "__import__('sys').modules.get('torch')"  # where it is not in use it is not loaded
KERNEL = "__import__('builtins').__dict__['__hooks_of_the_kernel__']"  # guard.Hooks
PREVENTED = "TestPrevented"  # the error that a test gets which could not fail


@dataclass
class Canary:
    """A cell that must fail with the word `nonce` in its error."""

    code: str
    nonce: str

    def sang(self, ename: str, evalue: str) -> bool:
        return ename == "AssertionError" and self.nonce in evalue


@dataclass
class Referee:
    """Watches one submission, cell by cell. `source` are the cells of the instructors' version.

    >>> referee = Referee([])
    >>> referee.before("a-cell")
    []
    """

    source: list
    failed: set = field(default_factory=set)  # answers of which a test has failed
    given: set = field(default_factory=set)  # answers that have been replaced
    done: set = field(default_factory=set)  # what has been run

    def __post_init__(self):
        self.answers: dict = {}  # answer -> its tests, in order
        self.tests: dict = {}  # test -> its answer
        self.text = {_name(cell): cell.source for cell in self.source if _name(cell)}
        code = [cell for cell in self.source if cell.cell_type == "code" and _name(cell)]
        locked = [cell for cell in code if not cell.metadata.nbgrader.get("solution")]
        others = [cell.source for cell in self.source if cell.cell_type == "code" and cell not in locked]
        free = set().union({"hidden_tests"}, *map(defines, others))  # for answers, and for cells to try things in
        self.locked = {_name(cell): defines(cell.source) - free for cell in locked}
        answer = None
        for cell in self.source:
            meta = cell.metadata.get("nbgrader", {})
            if cell.cell_type == "code" and meta.get("solution"):
                answer = _name(cell)
                self.answers[answer] = []
            elif cell.cell_type == "code" and meta.get("grade") and answer:
                self.answers[answer].append(_name(cell))
                self.tests[_name(cell)] = answer

    def before(self, name: str) -> list[str]:
        """The references to be run before a cell of that name: of answers that failed, when their tests are over."""
        open_ = [one for one in self.answers if one in self.failed - self.given]
        ready = [one for one in open_ if name != one != self.tests.get(name) and self.done >= set(self.answers[one])]
        self.given |= set(ready)
        return [self.text[one] for one in ready]

    def after(self, name: str, passed: bool) -> None:
        """Note what a cell came to."""
        self.done.add(name)
        if name in self.tests and not passed:
            self.failed.add(self.tests[name])

    def restore(self, name: str) -> list[str]:
        """Code to be run before a cell of the instructors': it gives their names back what an answer, or a cell of the
        student's own, has given another meaning."""
        return [f"{KERNEL}.restore({_used(self.text[name])})"] if name in self.locked else []

    def keep(self, name: str) -> list[str]:
        """Code to be run after such a cell: what it has defined is to stay so."""
        return [f"{KERNEL}.keep({sorted(self.locked[name])})"] if self.locked.get(name) else []

    def canary(self, name: str) -> Canary:
        """The test turned round."""
        nonce = token_hex(8)
        tree = _TurnedRound(nonce).visit(ast.parse(_plain(self.text[name])))
        return Canary(ast.unparse(ast.fix_missing_locations(tree)), nonce)

    def tools(self) -> Canary:
        """A cell whose error names what tests compare with and no longer tells right from wrong, after the word; and
        the hooks of IPython that were changed, after a bar."""
        nonce = token_hex(8)
        cases = ", ".join(f"({name!r}, lambda: {false.replace('_torch', TORCH)})" for name, false in TOOLS.items())
        lies = f"_{nonce}"  # one that raises an error tells no lie: with it tests fail of themselves
        code = [f"def {lies}(claim):", " try: return claim() is True", " except Exception: return False"]
        broken = f"[name for name, claim in ({cases},) if {lies}(claim)]"
        code += [f"assert False, '{nonce} ' + ' '.join({broken}) + '|' + ' '.join({KERNEL}.changed())"]
        return Canary("\n".join(code), nonce)


def _name(cell) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _used(source: str) -> list[str]:
    names = (node for node in ast.walk(ast.parse(_plain(source))) if isinstance(node, ast.Name))
    return sorted({node.id for node in names if isinstance(node.ctx, ast.Load)})


def _plain(source: str) -> str:
    return re.sub(r"^\s*### (BEGIN|END) .*$", "", source, flags=re.MULTILINE)


class _TurnedRound(ast.NodeTransformer):
    def __init__(self, nonce: str):
        self.nonce = nonce

    def visit_Assert(self, node):
        return ast.Assert(test=ast.UnaryOp(ast.Not(), node.test), msg=ast.Constant(self.nonce))

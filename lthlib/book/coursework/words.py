"""Lists what stands in a submission's code and no answer needs, for the teacher's eye: a question, not a verdict."""

import ast
import builtins
import re

WORDS = {
    "the tests, or what surrounds them": "get_ipython IPython In _ih hidden_tests __main__ linecache",
    "its caller": "inspect _getframe f_back f_locals f_globals tb_frame __traceback__ gi_frame settrace setprofile gc",
    "what Python is made of": "builtins __builtins__ ctypes __import__ importlib _posixsubprocess addaudithook",
    "other files and programs": "subprocess os.system socket requests urllib shutil os.remove gradebook nbgrader",
    "code made at run time": "eval exec compile",
    "the time limits": "faulthandler signal",
}
LIBRARY = re.compile(r"lthlib\.(?:core|engine\.(?:arms|pruning))[\w.]*")
# Names that tests use, and that answers have no reason to give another meaning.
FREE = {"_", "id", "input", "map", "filter", "hash", "dir", "vars", "copyright", "credits", "license"}
TOOLS = {name for name in vars(builtins) if name.islower()} - FREE


def words(texts: list[str], allowed: str = "") -> list[str]:
    """What stands out in the code of a student. `allowed` is all the text that was handed out: what stands there may
    stand here.

    >>> words(["import inspect"])
    ['inspect (its caller)']
    """
    found = []
    for text in texts:
        code = _without_comments(text)
        for what, names in WORDS.items():
            for name in names.split():
                told = re.escape(name)
                if re.search(rf"(?<![\w.]){told}(?!\w)|\.{told}(?!\w)", code) and not _allowed(name, allowed):
                    found.append(f"{name} ({what})")
        found += [f"{name} (the library's own answer)" for name in LIBRARY.findall(code) if name not in allowed]
        found += _assigned(code)
    return list(dict.fromkeys(found))


def _allowed(name: str, allowed: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", allowed))


def _assigned(code: str) -> list[str]:
    """Names of Python's that get another meaning, and attributes of modules that are set."""
    try:
        tree = ast.parse(re.sub(r"^\s*[%!].*$", "", code, flags=re.MULTILINE))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = []
    modules = {alias.asname or alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in TOOLS:
            found.append(f"{node.name} (a name of Python's, given another meaning)")
        for target in node.targets if isinstance(node, ast.Assign) else ():
            for n in ast.walk(target):
                if isinstance(n, ast.Name) and n.id in TOOLS and isinstance(n.ctx, ast.Store):
                    found.append(f"{n.id} (a name of Python's, given another meaning)")
                if not (isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)):
                    continue
                if isinstance(n.value, ast.Name) and n.value.id in modules | {"torch", "np", "pd", "F"}:
                    found.append(f"{n.value.id}.{n.attr} (of a library, replaced)")
    dunders = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)} & {
        "__eq__",
        "__torch_function__",
        "__class__",
    }
    return found + [f"{name} (objects that compare as they like)" for name in sorted(dunders)]


def _without_comments(text: str) -> str:
    return re.sub(r"#.*$", "", text, flags=re.MULTILINE)

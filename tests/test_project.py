"""The files around the library agree with each other and with what the README promises."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import lthlib
from lthlib import cli, specs
from lthlib.book import pages
from lthlib.cli import options
from lthlib.evidence import claims

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
PROSE = sorted((ROOT / "book").glob("*.md"))
TEACHES_CODE = "01-the-hypothesis"  # the only chapter that may define functions
WITHOUT = ("intro", "verdicts")  # parameters: one shows the committed results, one none

each_chapter = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def tracked():
    """What is committed, or would be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git repository")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


# ------------------------------------------------------------------------------------------------------- environments


def project():
    return tomllib.loads(text("pyproject.toml"))["project"]


def test_conda_and_pip_environments_are_the_same():
    conda_calls = {"torch": "pytorch", "playwright": "playwright-python"}
    wanted = [
        *project()["dependencies"],
        *(r for e in ("book", "course", "dask", "test") for r in project()["optional-dependencies"][e]),
    ]
    pip = {conda_calls.get(r.name, r.name): r.specifier for r in map(Requirement, wanted)}
    conda = yaml.safe_load(text("environment.yml"))["dependencies"]
    *others, by_pip = next(d["pip"] for d in conda if isinstance(d, dict))
    listed = [*(d for d in conda if isinstance(d, str) and d != "pip"), *others]
    names = {r.name: r.specifier for r in map(Requirement, listed)}
    assert names.pop("python") == SpecifierSet(project()["requires-python"])
    assert names == pip
    assert by_pip == "-e ."


def test_torch_leaves_out_the_release_that_breaks_torchvision():
    torch = next(r for r in map(Requirement, project()["dependencies"]) if r.name == "torch")
    assert not torch.specifier.contains("2.13.0")
    assert all(torch.specifier.contains(v) for v in ("2.11.0", "2.12.1", "2.14.0", "2.15.0", "2.15.0+cpu"))


def test_the_wheel_ships_the_claims_and_the_papers_curves(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    shipped = zipfile.ZipFile(wheel).namelist()
    assert {"lthlib/evidence/claims.yml", "lthlib/evidence/paper_curves.csv", "lthlib/book/pages.py"} <= set(shipped)
    assert not [name for name in shipped if not name.startswith(("lthlib/", "lthlib-"))]


# ------------------------------------------------------------------------------------------------------------ commands


def make(*arguments):
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, env=alone)


def test_every_command_of_the_prose_exists_in_the_makefile():
    help_text = make().stdout
    pattern = re.compile(r"(?:^|`)make ([a-z]+)", re.MULTILINE)
    pages_of_commands = ("README.md", "CONTRIBUTING.md", "book/reproduce.md", "book/assignments.md")
    named = {m for page in pages_of_commands for m in pattern.findall(text(page))}
    assert {"book", "test", "env", "assignments"} <= named
    assert named <= {line.split()[1] for line in help_text.splitlines()}


def test_every_target_says_what_it_does():
    targets = re.search(r"^\.PHONY: (.*)$", text("Makefile"), re.MULTILINE)[1].split()
    described = [line.split() for line in make("help").stdout.splitlines()]
    assert sorted(targets) == sorted(words[1] for words in described)
    assert all(len(words) > 2 for words in described)


def test_the_profiles_of_the_makefile_are_those_of_the_library():
    assert set(re.search(r"PROFILE=([a-z|]+)", make("help").stdout)[1].split("|")) == set(specs.PROFILES)


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 1\n", None], ids=["too old", "not there"])
def test_an_old_python_is_refused_in_one_line(tmp_path, script):
    python = tmp_path / "python"
    if script:
        python.write_text(script)
        python.chmod(0o755)
    done = make("env", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert done.returncode
    ours = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert ours == [f"lthlib needs Python 3.11 or newer and '{python}' is not: make env PYTHON=/path/to/python3.11"]
    assert not (tmp_path / "venv").exists()


def test_the_sizes_in_the_prose_are_those_of_the_profiles():
    plan = pytest.importorskip("lthlib.lab.plan").plan
    rows = re.findall(
        r"^\| `(\w+)` \| [^|]*\| (\d+) \| (\d+) \| ([\d,]+) \| ([\d,]+) \|", text("book/reproduce.md"), re.M
    )
    assert [row[0] for row in rows] == [name for name in specs.PROFILES if name != "published"]
    for name, *numbers in rows:
        spec = specs.spec("lenet", name)
        sizes = [spec.trials, spec.rounds, spec.iterations, len(plan(spec))]
        assert [int(n.replace(",", "")) for n in numbers] == sizes, name


def test_the_readme_speaks_of_the_committed_results():
    assert pages.result_words() in text("README.md"), "python -m lthlib.book.pages --draw"
    assert (ROOT / pages.RESULT).is_file()


def test_every_command_of_the_campaign_describes_an_experiment(tmp_path):
    """What `results/campaign.sh` would run, told by an `lth` that trains nothing."""
    (tmp_path / "lth").write_text('#!/bin/sh\necho "$*"\n')
    (tmp_path / "lth").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    command = ["sh", str(ROOT / "results" / "campaign.sh"), "DATA", "STORE"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}).stdout
    keys = {specs.key(options.spec(cli.parsed(line.split()))) for line in said.splitlines()}
    assert len(keys) > 20


# ------------------------------------------------------------------------------------------------------------ chapters


def parameters_cells(notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    return [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]


@each_chapter
def test_a_chapter_is_committed_without_outputs(notebook):
    nb = nbformat.read(notebook, as_version=4)
    for cell in nb.cells:
        assert not cell.get("outputs"), cell.source
        assert cell.get("execution_count") is None, cell.source
        assert not set(cell.metadata) - {"tags", "mystnb", "editable", "slideshow"}, cell.metadata
    assert nb.metadata["kernelspec"]["name"] == "python3"
    assert "papermill" not in nb.metadata


@each_chapter
def test_a_chapter_has_one_cell_of_typed_commented_parameters(notebook):
    import papermill

    if notebook.stem in WITHOUT:
        assert parameters_cells(notebook) == []
        return
    (cell,) = parameters_cells(notebook)
    assigned = ast.parse(cell.source).body
    assert all(isinstance(line, ast.AnnAssign) for line in assigned), "only `name: type = default  # comment`"
    declared = papermill.inspect_notebook(notebook)
    assert [line.target.id for line in assigned] == list(declared), "papermill cannot read all of these lines"
    for name, parameter in declared.items():
        assert parameter["inferred_type_name"] != "None", f"{name} has no type"
        assert len(parameter["help"]) > 10, f"{name} has no comment"


@each_chapter
def test_a_chapter_defines_nothing(notebook):
    if notebook.stem == TEACHES_CODE:
        pytest.skip("this chapter teaches code")
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            assert not re.search(r"^\s*(def|class|async def) ", cell.source, re.MULTILINE), cell.source


def test_the_contents_list_every_chapter():
    toc = yaml.safe_load(text("_toc.yml"))
    listed = {str(pages.page_of(ROOT, name)) for name in pages.entries(toc)}
    assert listed == {str(path.relative_to(ROOT)) for path in [*NOTEBOOKS, *PROSE]}


def test_each_claim_is_on_the_page_that_it_names_and_in_the_ledger():
    """A page asks for the ledger by its own name, and shows what it gets."""
    shown = {}
    for notebook in NOTEBOOKS:
        code = "\n".join(c.source for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code")
        if asked := re.search(r"ledger = chapters\.ledger\((.*)\)", code):
            shown[notebook.stem] = asked.group(1)
            assert "claim_tables.ledger(ledger" in code or notebook.stem in ("intro", "status", "claims"), notebook.stem
    assert shown.pop("claims") == "profile, store"
    pages = {claim["page"] for claim in claims.load()} - {"claims"}
    assert {page: asked for page, asked in shown.items() if page in pages} == {
        page: f'profile, store, "{page}"' for page in pages
    }


def markdown():
    """The prose of the book, by page."""
    for page in PROSE:
        yield page.stem, page.read_text(encoding="utf-8")
    for notebook in NOTEBOOKS:
        cells = nbformat.read(notebook, as_version=4).cells
        yield notebook.stem, "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_what_is_cited_is_in_the_bibliography_and_the_other_way_round():
    cited = {
        key.strip(): page
        for page, prose in markdown()
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", prose)
        for key in keys.split(",")
    }
    entries = re.findall(r"^@\w+\{([^,]+),", text("book/references.bib"), re.MULTILINE)
    assert len(entries) == len(set(entries)), "a key is there twice"
    assert set(cited) - set(entries) == set(), "cited, but not in references.bib"
    assert set(entries) - set(cited) == set(), "in references.bib, but not cited"


def test_each_word_of_the_glossary_is_used():
    words = re.findall(r"(?:^|\n\n)(\w[\w -]*)\n  \w", text("book/glossary.md").partition("```{glossary}\n")[2])
    assert {"arm", "extent", "pp", "winning ticket"} <= set(words)
    said = [prose for page, prose in markdown() if page != "glossary"]
    used = " ".join(" ".join([*said, *(path.read_text(encoding="utf-8") for path in SOURCES.values())]).lower().split())
    assert [word for word in words if not re.search(rf"\b{word}s?\b", used)] == []


def test_the_repository_has_one_address():
    address = yaml.safe_load(text("CITATION.cff"))["repository-code"]
    assert yaml.safe_load(text("_config.yml"))["repository"]["url"] == address
    assert address in text("book/reproduce.md")
    assert address in text("book/assignments.md")
    for notebook in NOTEBOOKS:
        for found in re.findall(r"git\+(https://[^\s\"\\]+)", notebook.read_text(encoding="utf-8")):
            assert found == address, notebook.name


# -------------------------------------------------------------------------------------------------------------- modules


ROOMS = ("errors", "lease", "core", "specs", "engine", "evidence", "lab", "bench", "cli", "book")
SOURCES = {path.relative_to(ROOT / "lthlib").with_suffix("").parts: path for path in (ROOT / "lthlib").rglob("*.py")}


def test_a_room_imports_only_those_before_it():
    """The rule of CONTRIBUTING, over the names of folders."""
    for (room, *_), path in SOURCES.items():
        for module in _imports(path) if room != "__init__" else ():
            top, _, other = module.partition(".")
            other = other.partition(".")[0]
            if top == "lthlib" and other:
                assert ROOMS.index(other) <= ROOMS.index(room), f"{path}: {module}"
                assert {room, other} != {"lab", "evidence"}, f"{path}: {module}"
                assert room != "core" or other == "core", f"{path}: {module}"
            assert top != "torch" or room not in ("specs", "evidence"), f"{path}: {module}"
            assert top != "matplotlib" or room == "book", f"{path}: {module}"
            assert room != "core" or top in {"torch", "lthlib", *sys.stdlib_module_names}, f"{path}: {module}"


def test_the_map_names_files_that_exist():
    """And every room, in the order of the rule."""
    page = text("CONTRIBUTING.md")
    rooms = re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE)
    assert rooms == [room for room in ROOMS if (ROOT / "lthlib" / room).is_dir()]
    assert set(rooms) == {parts[0] for parts in SOURCES if len(parts) > 1}
    for path in re.findall(rf"`((?:{'|'.join(rooms)})/\w+\.py)`", page):
        assert (ROOT / "lthlib" / path).is_file(), path
    assert f"*{', '.join(ROOMS)}*" in " ".join(page.split())


def test_the_face_is_a_dozen_names_that_load_what_they_name():
    assert len(lthlib.__all__) <= 12
    for name in lthlib.__all__:
        assert getattr(lthlib, name).__doc__, name
        assert name in dir(lthlib)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lthlib.nothing


def test_no_test_reaches_what_is_its_modules_own():
    """A name of ours that begins with `_`: imported, as an attribute of a module, or named to monkeypatch."""
    for path in (ROOT / "tests").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        modules = [n for n in nodes if isinstance(n, ast.ImportFrom) and n.module.partition(".")[0] == "lthlib"]
        imported = {alias.asname or alias.name: alias.name for module in modules for alias in module.names}
        attributes = [n for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
        named = {n.attr for n in attributes if n.value.id in imported}
        for call in (n for n in nodes if isinstance(n, ast.Call) and ast.unparse(n.func).endswith("setattr")):
            named |= {a.value.rpartition(".")[2] for a in call.args if isinstance(getattr(a, "value", None), str)}
        named -= {"_fields", "_replace"}  # which a named tuple gives to everybody
        assert not [name for name in {*imported.values(), *named} if re.match("_[a-z]", name)], path


def test_modules_stay_small_and_say_their_job():
    for path in SOURCES.values():
        source = path.read_text(encoding="utf-8")
        assert len(source.splitlines()) <= 400, path
        assert ast.get_docstring(ast.parse(source)), path


def test_no_modules_import_each_other_in_a_circle():
    names = {".".join(("lthlib", *parts)).removesuffix(".__init__"): path for parts, path in SOURCES.items()}
    arrows = {name: {i for i in _imports(path) if i in names and i != name} for name, path in names.items()}
    list(TopologicalSorter(arrows).static_order())  # raises CycleError


def _imports(path):
    """The full names of modules, and of what is imported from ours, wherever in the file they are imported."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


# --------------------------------------------------------------------------------------------------------------- files


def test_no_large_file_is_committed():
    assert [path.name for path in tracked() if path.stat().st_size > 5_000_000] == []


def test_no_file_names_a_folder_of_one_machine():
    absolute = re.compile(rb"(?<![\w.~$}*-])/(?:work|tmp|root|home|Users)(?:/\w|\b(?![\w-]))")
    found = []
    for path in tracked():
        content = path.read_bytes()
        if path != Path(__file__) and b"\0" not in content:
            lines = enumerate(content.splitlines(), 1)
            found += [f"{path.relative_to(ROOT)}:{number}" for number, line in lines if absolute.search(line)]
    assert found == []

"""Makes the book: papermill executes the chapters at one profile, then Jupyter Book builds pages from what they drew.

Jupyter Book cannot hand parameters to a chapter, papermill can; so the executed chapters and the prose go to a staging
tree, and the pages are built there with execution off. The last good pages stay until new ones are complete.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lthlib.book import addresses
from lthlib.errors import LthError
from lthlib.specs import PROFILES

BOOK = "book"  # the folder of the chapters
RESULT = f"{BOOK}/_static/result.png"  # the figure of the README, and what stands around its words there
RESULT_BEGINS, RESULT_ENDS = "<!-- result: drawn by python -m lthlib.book.pages --draw -->", "<!-- end of result -->"
JUPYTER_BOOK = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]


class PagesError(LthError):
    """The book cannot be built; the message says which chapter or page is to be mended."""


def build(
    source: Path, out: Path, profile: str, parameters: dict[str, Any] | None = None, site: str | None = None
) -> Path:
    """Execute every chapter of `source` at a profile and build `out`/html; returns its index.html.

    `parameters` go to the chapters that declare them; `site` is where the pages will be, if that is known. Raises
    PagesError at the first cell that fails and on a page's warning; what `out`/html held before is then still there.
    """
    begin = time.monotonic()
    chapters = notebooks(source)
    given = {chapter: given_of(source / chapter, {"profile": profile, **(parameters or {})}) for chapter in chapters}
    _refuse_unknown(parameters or {}, given)
    stage = stage_of(source, out / "stage", site)
    print(f"{len(chapters)} chapters to execute, profile {profile}", flush=True)
    for number, chapter in enumerate(chapters, 1):
        _execute(source, stage, chapter, given[chapter], f"[{number}/{len(chapters)}] {chapter}")
    addresses.readdress(stage, addresses.home(source))
    html = lay_out(stage)
    page = _replace(html, out / "html") / "index.html"
    print(f"built {page} in {_duration(time.monotonic() - begin)}", flush=True)
    return page


def notebooks(source: Path) -> list[Path]:
    """The notebooks that _toc.yml lists, in its order, relative to `source`."""
    toc = _yaml(source / "_toc.yml")
    return [path for name in entries(toc) if (path := page_of(source, name)).suffix == ".ipynb"]


def _yaml(path: Path) -> dict:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PagesError(f"there is no {path.name} in {path.parent}: run in the root of the repository") from None


def entries(toc: dict | list) -> Iterator[str]:
    if isinstance(toc, list):
        for entry in toc:
            yield from entries(entry)
    else:
        yield from (toc[name] for name in ("root", "file") if name in toc)
        for nested in ("parts", "chapters", "sections"):
            yield from entries(toc.get(nested, []))


def page_of(source: Path, name: str) -> Path:
    for suffix in ("", ".ipynb", ".md"):
        if (source / (name + suffix)).is_file():
            return Path(name + suffix)
    raise PagesError(f"_toc.yml lists {name}, but there is neither {name}.ipynb nor {name}.md")


def given_of(notebook: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    """Those of the parameters that a notebook declares."""
    declared = _papermill().inspect_notebook(notebook)
    return {name: value for name, value in parameters.items() if name in declared}


def _refuse_unknown(parameters: dict[str, Any], given: dict[Path, dict[str, Any]]) -> None:
    for name in parameters:
        if not any(name in taken for taken in given.values()):
            raise PagesError(f"no chapter has a parameter '{name}'")


def _papermill():
    try:
        import papermill
    except ImportError:
        raise PagesError("papermill is not installed: pip install -e '.[book]', or make env") from None
    return papermill


def stage_of(source: Path, stage: Path, site: str | None = None) -> Path:
    """A new tree with all of the book except its notebooks, and execution switched off; `site` becomes the canonical
    address of its pages."""
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    shutil.copytree(source / BOOK, stage / BOOK, ignore=shutil.ignore_patterns("*.ipynb", ".ipynb_checkpoints"))
    shutil.copy(source / "_toc.yml", stage)
    config = _yaml(source / "_config.yml")
    config["execute"] = {**config.get("execute", {}), "execute_notebooks": "off"}
    if site:
        config["html"] = {**config.get("html", {}), "baseurl": site.rstrip("/") + "/"}
    (stage / "_config.yml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return stage


def _execute(source: Path, stage: Path, chapter: Path, parameters: dict[str, Any], label: str) -> None:
    """One chapter through papermill, in the root of the repository; its progress bars show on a terminal."""
    from nbclient.exceptions import DeadKernelError

    papermill = _papermill()
    begin = time.monotonic()
    print(label, flush=True)
    try:
        papermill.execute_notebook(
            str(source / chapter),
            str(stage / chapter),
            parameters=parameters,
            cwd=str(source),
            progress_bar=False,
            extra_arguments=["--log-level=CRITICAL"],  # to the kernel, which says how it listens and stops
            stderr_file=sys.stderr if sys.stderr.isatty() else None,
        )
    except papermill.PapermillExecutionError as error:
        raise PagesError(_failure(chapter, error)) from None
    except DeadKernelError:
        raise PagesError(f"{chapter}: the kernel died, perhaps for want of memory") from None
    _tidy(stage / chapter)
    print(f"{label} took {_duration(time.monotonic() - begin)}", flush=True)


def _failure(chapter: Path, error) -> str:
    """Prints the cell's own error, and returns the one line that says where it is."""
    print(_plain("\n".join(error.traceback)), file=sys.stderr)
    first = error.source.strip().partition("\n")[0]
    reason = _plain(error.evalue).strip().partition("\n")[0]
    return f"{chapter}, cell In [{error.exec_count}] ({first}): {error.ename}: {reason}"


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _tidy(notebook: Path) -> None:
    """Folds the cells of parameters away, or drops the one that was injected where the end of the page says what it was
    executed with; drops papermill's record, which names this machine's folders."""
    import nbformat

    executed = nbformat.read(notebook, as_version=4)
    executed.metadata.pop("papermill", None)
    said = any("chapters.provenance(" in cell.source for cell in executed.cells)
    for cell in executed.cells:
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            tags.append("remove-cell" if said else "hide-input")
            cell.metadata["mystnb"] = {"code_prompt_show": "Show what was asked of this page"}
        elif "parameters" in tags:
            tags.append("hide-input")
            cell.metadata["mystnb"] = {"code_prompt_show": "Show what can be asked of this page"}
    nbformat.write(executed, notebook)


def lay_out(stage: Path) -> Path:
    """Jupyter Book on the staging tree, where a warning is an error; returns the folder of the site."""
    print("building the pages", flush=True)
    command = [*JUPYTER_BOOK, "build", "-n", "-W", "--keep-going", str(stage)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        log = stage / "jupyter-book.log"
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        raise PagesError(_complaints(_plain(done.stdout + done.stderr), stage, log))
    html = stage / "_build" / "html"
    for page in html.glob("**/*.html"):
        page.write_text(lighten(page.read_text(encoding="utf-8")), encoding="utf-8")
    return html


def lighten(page: str) -> str:
    """A page without what the theme loads twice: 1.5 MB of script that draws icons, which its fonts draw as well, and a
    second declaration of the same constants, which is an error."""
    page = re.sub(r"<script[^>]*/scripts/fontawesome\.js[^>]*></script>", "", page)
    first, *more = re.split(r"(?=<script>const THEBE_JS_URL)", page)
    return first + "".join(more[:1]) + "".join(part.partition("</script>")[2] for part in more[1:])


def _complaints(output: str, stage: Path, log: Path) -> str:
    """Prints what Jupyter Book complained of, and returns one line to end with."""
    output = output.replace(f"{stage.absolute()}/", "")
    found = list(dict.fromkeys(line for line in output.splitlines() if re.search(r"\b(WARNING|ERROR)\b", line)))
    print("\n".join(found or output.splitlines()[-20:]), file=sys.stderr)
    return f"Jupyter Book does not accept these pages (see above; all it said is in {log})"


def _replace(new: Path, target: Path) -> Path:
    """Puts a finished folder in a target's place."""
    old = target.with_name(target.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def draw_result(source: Path) -> None:
    """Draws the README's figure anew, and its words, from the committed results."""
    from lthlib.book import style

    figure = _result()
    (source / RESULT).write_bytes(style.png(figure.fig))
    readme = (source / "README.md").read_text(encoding="utf-8")
    before, _, rest = readme.partition(RESULT_BEGINS)
    _, _, after = rest.partition(RESULT_ENDS)
    (source / "README.md").write_text(before + result_words(figure) + after, encoding="utf-8")


def _result():
    from lthlib.book import chapters, figures
    from lthlib.evidence import curves

    return figures.figure4a(curves.summarise(chapters.experiment("lenet", "published").rows()))


def result_words(figure=None) -> str:
    """What the README says of its figure: the figure's own alt text and caption."""
    figure = figure or _result()
    return f"{RESULT_BEGINS}\n![{figure.alt}]({RESULT})\n\n{figure.said}\n{RESULT_ENDS}"


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        if options.draw:
            draw_result(options.source)
        else:
            build(options.source, options.out, options.profile, dict(map(parameter, options.parameter)), options.site)
    except (LthError, OSError) as error:
        print(f"pages: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("pages: interrupted; what was measured is stored, and the pages are as they were", file=sys.stderr)
        return 130
    return 0


def parameter(pair: list[str]) -> tuple[str, Any]:
    """A name and a value as in papermill's -p: a number or True, False, None where it looks like one, else text."""
    name, text = pair
    try:
        return name, ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return name, text


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lthlib.book.pages", description=__doc__.partition("\n")[0])
    parser.add_argument("--profile", choices=PROFILES, default="quick", help="sizes of the experiments (quick)")
    parser.add_argument(
        "-p",
        dest="parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a parameter for the chapters that declare it; repeatable",
    )
    parser.add_argument("--source", type=Path, default=Path(), help="root of the repository (.)")
    parser.add_argument("--out", type=Path, default=Path("_build"), help="folder for html/ (_build)")
    parser.add_argument("--site", default=os.environ.get("LTH_SITE"), help="address where the pages will be (LTH_SITE)")
    parser.add_argument("--draw", action="store_true", help="only draw the README's picture anew")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

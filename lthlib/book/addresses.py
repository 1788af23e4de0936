"""Which addresses the pages link to: those of the repository they are built in, and none where it has none."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

GITHUB = "https://github.com/"
UNKNOWN = "OWNER"  # stands in _config.yml and in links until somebody publishes the repository
NOWHERE = "ADDRESS-OF-THIS-REPOSITORY"  # what a reader has to fill in, in a command


def home(source: Path) -> str | None:
    """The address of the repository that is being built, without a slash at its end: in a workflow of GitHub that of
    the repository it runs in, else that of the clone's origin, if it has one on the web.

    >>> home(Path())
    'https://github.com/somebody/lottery-ticket-book'
    """
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}"
    asked = ["git", "-C", str(source), "remote", "get-url", "origin"]
    try:
        origin = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    except OSError:
        return None
    host, path = r"(?P<host>[\w.-]+\.\w+", r"(?P<path>.+?)(?:\.git)?/?"
    web, shell = rf"https?://(?:[^@/]*@)?{host}(?::\d+)?)/{path}", rf"ssh://(?:\w+@)?{host})(?::\d+)?/{path}"
    found = next(filter(None, (re.fullmatch(form, origin) for form in (web, shell, rf"\w+@{host}):{path}"))), None)
    return f"https://{found['host']}/{found['path']}" if found else None


def readdress(stage: Path, address: str | None) -> None:
    """Let the pages of a fork link to the fork: its address in the place of the one in _config.yml. Where neither is
    known, links to the repository become plain words, and the buttons that lead there are left out.

    >>> readdress(Path("_build/stage"), home(Path()))
    """
    config = yaml.safe_load((stage / "_config.yml").read_text(encoding="utf-8"))
    written = config.get("repository", {}).get("url")
    if not written:
        return
    known = address or (None if UNKNOWN in written else written)
    _set_buttons(config, known)
    (stage / "_config.yml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    for page in (*stage.glob("book/**/*.md"), *stage.glob("book/**/*.ipynb")):
        text = page.read_text(encoding="utf-8")
        if (changed := readdressed(text, written, known)) != text:
            page.write_text(changed, encoding="utf-8")


def readdressed(text: str, written: str, known: str | None) -> str:
    """A page with the address that is known in the place of the one that is written.

    >>> readdressed("[here](https://github.com/OWNER/book)", "https://github.com/OWNER/book", None)
    'here'
    """
    if written.startswith(GITHUB):  # as it stands in links to Colab, which opens nothing that lies elsewhere
        old = "/github/" + written.removeprefix(GITHUB)
        if known and known.startswith(GITHUB):
            text = text.replace(old, "/github/" + known.removeprefix(GITHUB))
        else:
            text = _unlinked(text, old)
    if not known:
        text = _unlinked(text, written)
    for form in (str, lambda address: quote(address, safe="")):  # as it is, and within another address
        text = text.replace(form(written), form(known or NOWHERE))
    return text


def _unlinked(text: str, address: str) -> str:
    """Markdown whose links to an address are plain words."""
    return re.sub(rf"\[([^\[\]]*)\]\([^()\s]*{re.escape(address)}[^()\s]*\)", r"\1", text)


def _set_buttons(config: dict[str, Any], known: str | None) -> None:
    """The buttons above a page: the theme draws them for three forges, and Colab knows one."""
    host = known.rsplit("/", 2)[0] if known else ""
    if not re.search("github|gitlab|bitbucket", host):
        config.pop("repository")
        for button in ("use_repository_button", "use_issues_button", "use_edit_page_button"):
            config.get("html", {}).pop(button, None)
    else:
        config["repository"]["url"] = known
        if "bitbucket" in host:  # of whose issues the theme knows nothing
            config.get("html", {}).pop("use_issues_button", None)
    if not known or not known.startswith(GITHUB):
        config.pop("launch_buttons", None)

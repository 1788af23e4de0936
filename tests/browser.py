"""A real browser for tests: Debian's Chromium or another one of this machine, driven by Playwright.

Where there is none, tests that need it are skipped; with LTH_BROWSER=required in the environment they fail instead.
"""

import os
import shutil
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import nbformat
import pytest

from lthlib.book import pages

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--no-sandbox",  # whoever runs tests in a container is root there
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium():
    """A browser to open pages with."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _without("Playwright is not installed: pip install -e '.[test]'")
    if not found:
        _without(f"there is no Chromium on the path ({', '.join(NAMES)})")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


def _without(why):
    if os.environ.get("LTH_BROWSER") == "required":
        pytest.fail(f"LTH_BROWSER=required, but {why}")
    pytest.skip(why)


class _Silent(SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/favicon.ico":  # for which a browser asks by itself
            return super().do_GET()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def served(folder):
    """The address of a folder on a server of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def laid_out(root, stage):
    """The site of a book whose chapters have one line each: for pages that execute nothing, with links that lead
    somewhere."""
    pages.stage_of(root, stage)
    for chapter in pages.notebooks(root):
        cells = [nbformat.v4.new_markdown_cell(f"# {chapter.stem}")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), stage / chapter)
    return pages.lay_out(stage)


class Watched:
    """What goes wrong on a page: errors of its scripts, and requests that fail or go anywhere else."""

    def __init__(self, page, home):
        self.errors, self.requests = [], []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.errors.append(f"failed: {request.url}"))
        page.on(
            "response", lambda answer: answer.status >= 400 and self.errors.append(f"{answer.status}: {answer.url}")
        )
        self.home = home

    def complaints(self):
        return self.errors + [f"left: {url}" for url in self.requests if not url.startswith((self.home, "data:"))]

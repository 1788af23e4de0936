"""Pages link to the repository that they are built in, and nowhere where it has no address."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from lthlib.book import addresses, pages

ROOT = Path(__file__).parents[2]
OWNER = "https://github.com/OWNER/book"


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("https://github.com/reader/lottery-ticket-book.git", "https://github.com/reader/lottery-ticket-book"),
        ("https://someone:secret@github.com/reader/book/", "https://github.com/reader/book"),
        ("git@github.com:reader/book.git", "https://github.com/reader/book"),
        ("ssh://git@gitlab.example.org/group/sub/book.git", "https://gitlab.example.org/group/sub/book"),
        ("https://git.example.org:8443/group/book", "https://git.example.org:8443/group/book"),
        ("ssh://git@git.example.org:2222/group/book.git", "https://git.example.org/group/book"),
        ("../a-clone/of/book", None),
        ("", None),
    ],
)
def test_the_address_of_a_clone_is_that_of_its_origin(tmp_path, monkeypatch, origin, address):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    assert addresses.home(tmp_path) is None
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    if origin:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", origin], check=True)
    assert addresses.home(tmp_path) == address
    monkeypatch.setenv("GITHUB_REPOSITORY", "forker/book")
    assert addresses.home(tmp_path) == "https://github.com/forker/book"


def test_the_pages_of_a_fork_link_to_the_fork(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://github.com/OWNER/book\n")
    (tmp_path / "book/page.md").write_text(
        "Clone https://github.com/OWNER/book, or https://github.com/other/thing.\n"
        "[Colab](https://colab.research.google.com/github/OWNER/book/blob/main/a.ipynb)\n"
    )
    addresses.readdress(tmp_path, "https://github.com/forker/book")
    assert "url: https://github.com/forker/book" in (tmp_path / "_config.yml").read_text()
    text = (tmp_path / "book/page.md").read_text()
    assert text == (
        "Clone https://github.com/forker/book, or https://github.com/other/thing.\n"
        "[Colab](https://colab.research.google.com/github/forker/book/blob/main/a.ipynb)\n"
    )


def test_without_an_address_no_page_of_the_book_leads_to_a_placeholder(tmp_path):
    """What Jupyter Book is given; `test_book.py` looks at what it makes of it."""
    stage = pages.stage_of(ROOT, tmp_path / "stage")
    for notebook in pages.notebooks(ROOT):
        (stage / notebook).write_bytes((ROOT / notebook).read_bytes())
    addresses.readdress(stage, None)
    files = [stage / "_config.yml", *stage.glob("book/*.md"), *stage.glob("book/*.ipynb")]
    assert [path.name for path in files if addresses.UNKNOWN in path.read_text(encoding="utf-8")] == []
    config = yaml.safe_load((stage / "_config.yml").read_text(encoding="utf-8"))
    assert not {"repository", "launch_buttons"} & set(config)
    assert not [name for name in config["html"] if name.endswith("_button")]
    for notebook in pages.notebooks(ROOT):
        json.loads((stage / notebook).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("known", "buttons", "launch"),
    [
        ("https://github.com/reader/book", ["use_issues_button", "use_repository_button"], True),
        ("https://gitlab.example.org/group/book", ["use_issues_button", "use_repository_button"], False),
        ("https://bitbucket.org/reader/book", ["use_repository_button"], False),
        ("https://git.example.org/reader/github", [], False),
        (None, [], False),
    ],
)
def test_buttons_lead_where_the_repository_is(tmp_path, known, buttons, launch):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    (tmp_path / "_config.yml").write_text(yaml.safe_dump({**config, "repository": {"url": OWNER}}))
    addresses.readdress(tmp_path, known)
    made = yaml.safe_load((tmp_path / "_config.yml").read_text())
    assert sorted(name for name in made["html"] if name.endswith("_button")) == buttons
    assert made.get("repository") == ({"url": known} if buttons else None)
    assert ("launch_buttons" in made) == launch


def test_only_links_to_the_repository_lose_their_address():
    page = f'"source": [ "[Colab](https://colab.research.google.com/github/OWNER/book/a.ipynb)", "git clone {OWNER}" ]'
    assert addresses.readdressed(page, OWNER, None) == f'"source": [ "Colab", "git clone {addresses.NOWHERE}" ]'
    lab = "https://gitlab.com/group/book"
    assert addresses.readdressed(page, OWNER, lab) == f'"source": [ "Colab", "git clone {lab}" ]'
    other = "[there](https://github.com/other/book)"
    assert addresses.readdressed(other, OWNER, None) == other
    within = "https://HUB/git-pull?repo=https%3A%2F%2Fgithub.com%2FOWNER%2Fbook&branch=main"
    assert "repo=https%3A%2F%2Fgitlab.com%2Fgroup%2Fbook&" in addresses.readdressed(within, OWNER, lab)
    assert f"repo={addresses.NOWHERE}&" in addresses.readdressed(within, OWNER, None)

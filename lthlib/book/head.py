"""What search engines, and cards where a page is shared, show of it: a Sphinx extension that writes a page's head."""

import re
from html import escape
from typing import Any

CARD = "_static/result.png"  # the picture of a shared page: the README's figure
ROOM = 200  # characters of a description; search engines cut at about as many


def setup(app: Any) -> dict:
    """What Sphinx calls; _config.yml lists this module among its extensions."""
    app.connect("html-page-context", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def describe(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give a page the tags of its description and of its card. A card's picture and address are absolute, so they are
    left out where nobody said where the book will be (html_baseurl)."""
    if doctree is None:  # the search, for one
        return
    base = (app.config.html_baseurl or "").rstrip("/")
    said, written = description(doctree), context.get("metatags", "")
    tags = [] if 'name="description"' in written else [("name", "description", said)]
    tags += [("name", "twitter:card", "summary")]
    tags += [("property", "og:type", "website"), ("property", "og:site_name", app.config.html_title)]
    tags += [("property", "og:title", re.sub("<[^>]*>", "", context["title"])), ("property", "og:description", said)]
    if base:
        tags += [("property", "og:url", f"{base}/{page}.html"), ("property", "og:image", f"{base}/{CARD}")]
    lines = [f'<meta {kind}="{name}" content="{_attribute(value)}"/>' for kind, name, value in tags if value]
    context["metatags"] = "\n".join([written, *lines])


def _attribute(text: str) -> str:
    """`title` comes escaped already, prose does not."""
    return escape(re.sub("&amp;", "&", text))


def description(doctree: Any) -> str:
    """What a page says of itself (html_meta), else the first sentences of its first paragraph of prose."""
    from docutils import nodes

    for meta in doctree.findall(nodes.meta):
        if meta.get("name") == "description":
            return str(meta["content"])
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section) and not _motto(paragraph):
            text = re.sub(r" \[[^\]]*\d{4}\]", "", " ".join(paragraph.astext().split()))  # without what it cites
            return first_sentences(re.sub(r"^What it asks\. ", "", text))
    return ""


def _motto(paragraph: Any) -> bool:
    """A line in italics below a chapter's title says which section of the paper it is about."""
    from docutils import nodes

    return len(paragraph.children) == 1 and isinstance(paragraph[0], nodes.emphasis)


def first_sentences(text: str, room: int = ROOM) -> str:
    """As many whole sentences as there is room for, or as many words of the first.

    >>> first_sentences("One. Two. Three.", 10)
    'One. Two.'
    """
    said = ""
    for sentence in re.split(r"(?<=[.?!]) ", text):
        if len(f"{said} {sentence}") > room:
            break
        said = f"{said} {sentence}".strip()
    return said or text[:room].rpartition(" ")[0] + " …"

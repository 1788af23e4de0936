"""Shows the meaning of a word where it is linked: a Sphinx extension that gives links to the glossary a tooltip."""

from typing import Any

PAGE = "book/glossary"


def setup(app: Any) -> dict:
    """What Sphinx calls; _config.yml lists this module among its extensions."""
    app.connect("doctree-resolved", explain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def explain(app: Any, doctree: Any, page: str) -> None:
    """Give every link to a term its meaning as the title that browsers show."""
    from docutils import nodes

    links = [n for n in doctree.findall(nodes.reference) if "#term-" in n.get("refuri", "") + f"#{n.get('refid', '')}"]
    if not links or PAGE not in app.env.found_docs:
        return
    said = meanings(app.env.get_doctree(PAGE))
    for link in links:
        term = (link.get("refuri") or "").partition("#")[2] or link.get("refid")
        if term in said:
            link["reftitle"] = said[term]


def meanings(doctree: Any) -> dict[str, str]:
    """The meaning of each term of a page, in plain text, by the anchor of the term."""
    from docutils import nodes

    found: dict[str, str] = {}
    for item in doctree.findall(nodes.definition_list_item):
        text = " ".join(part.astext() for part in item.findall(nodes.definition))
        found |= {anchor: " ".join(text.split()) for term in item.findall(nodes.term) for anchor in term["ids"]}
    return found

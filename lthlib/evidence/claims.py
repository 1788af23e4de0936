"""The paper's claims as data: reads book/claims.yml, and refuses in one line what cannot be judged."""

import inspect
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import yaml

from lthlib import specs
from lthlib.errors import LthError, SpecError
from lthlib.evidence.measures import ALL, MANY, MEASURES, TWO
from lthlib.evidence.verdicts import KINDS

FIELDS = ("id", "page", "section", "network", "statement", "kind", "measure", "text", "figure", "unit")
MORE = ("side", "neutral", "size", "spread", "margin", "share", "every", "needs", "setting", "with", "against", "sweep")
SIDES, SIZES = ("above", "below"), ("about", "at least", "at most")

# By what a claim of a kind is judged, beside its side, and how that is given.
RULES = {
    "effect": ("spread", ("within", "factor")),
    "equal": ("margin", ("within", "factor")),
    "all": ("share", ("least",)),
}


class ClaimsError(LthError, ValueError):
    """claims.yml holds an entry that cannot be used."""


def path() -> Path:
    """claims.yml: the book's in a checkout, the shipped copy in an installed package."""
    book = Path(__file__).parents[2] / "book" / "claims.yml"
    return book if book.exists() else Path(__file__).with_name("claims.yml")


def load(file: Path | None = None) -> list[dict[str, Any]]:
    """The claims in the file's order, each with its `parts`: a list of at least one, complete in themselves.

    Raises ClaimsError, a ValueError, in one line for an entry that cannot be used.

    >>> [part["label"] for part in load()[0]["parts"]]
    ['']
    """
    file = Path(file or path())
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ClaimsError(f"{file.name}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ClaimsError(f"{file.name}: must be a list of claims")
    claims: list[dict[str, Any]] = []
    for i, entry in enumerate(entries, 1):
        name = f"{file.name}: claim {entry.get('id', f'number {i}')}"
        shared = {k: v for k, v in entry.items() if k != "parts"}
        inner = entry.get("parts", {"": {}})
        if not isinstance(inner, dict) or not inner or not all(isinstance(p, dict) for p in inner.values()):
            raise ClaimsError(f"{name}: parts must name at least one part, each a mapping")
        parts = [{**shared, **part, "label": str(label)} for label, part in inner.items()]
        for part in parts:
            if problem := _problem(part):
                raise ClaimsError(f"{name}: {problem}")
        if entry["id"] in {claim["id"] for claim in claims}:
            raise ClaimsError(f"{name}: this id is given twice")
        claims.append({**shared, "parts": [{"neutral": 0, "size": "about", **part} for part in parts]})
    return claims


def _problem(part: Mapping[str, Any]) -> str | None:
    """What is wrong with a part of a claim, or nothing."""
    for field in FIELDS:
        if field not in part:
            return f"no '{field}'"
    if unknown := set(part) - {*FIELDS, *MORE, "note", "label"}:
        return f"unknown field '{min(unknown)}'"
    return _measure_problem(part) or _rule_problem(part)


def _measure_problem(part: Mapping[str, Any]) -> str | None:
    """What is wrong with how it is measured, and on what."""
    if not isinstance(part["measure"], dict) or len(part["measure"]) != 1:
        return "measure must be one function with its arguments"
    ((name, args),) = part["measure"].items()
    if name not in MEASURES:
        return f"unknown measure '{name}'; choose from {', '.join(MEASURES)}"
    takes = "against" if MEASURES[name] in TWO else "sweep" if MEASURES[name] in MANY else None
    if {"against", "sweep"} & set(part) != ({takes} if takes else set()):
        return f"measure {name} takes {f'one setting, and {takes}' if takes else 'one setting alone'}"
    try:
        inspect.signature(MEASURES[name]).bind(*[None] * (2 if takes == "against" else 1), **args)
    except TypeError as error:
        return f"measure {name}: {error}"
    for line in (part, part.get("against", {}), *part.get("sweep", {}).values()):
        try:
            specs.spec(part["network"], "paper", line.get("setting"), line.get("with"))
        except SpecError as error:
            return str(error)
    if (part["kind"] == "all") != (MEASURES[name] in ALL):
        gives = "one number per level" if MEASURES[name] in ALL else "one number"
        return f"measure {name} gives {gives}, which is not what a claim of kind '{part['kind']}' is about"
    return None


def _rule_problem(part: Mapping[str, Any]) -> str | None:
    """What is wrong with how it is judged."""
    kind = part["kind"]
    if kind not in KINDS:
        return f"unknown kind '{kind}'; choose from {', '.join(KINDS)}"
    if part.get("side") not in (None, *SIDES) or part.get("size", "about") not in SIZES:
        return f"side must be one of {', '.join(SIDES)}, and size one of {', '.join(SIZES)}"
    if kind != "equal" and part.get("side") is None:
        return f"a claim of kind '{kind}' needs a side: {' or '.join(SIDES)}"
    if kind == "equal" and not isinstance(part["text"], Real):
        return "a claim that two values are equal needs a number as 'text'"
    rule, choices = RULES[kind]
    if rule not in part and kind == "effect" and part["text"] is None and part["figure"] is None:
        return None  # a side alone
    given = part.get(rule)
    if not isinstance(given, dict) or len(set(choices) & set(given)) != 1 or set(given) - {*choices, "because"}:
        return f"a claim of kind '{kind}' needs a {rule}: {' or '.join(choices)}"
    if not str(given.get("because", "")).strip():
        return f"a {rule} needs a reason, 'because'"
    needs = part.get("needs", {"part": 1, "because": "-"})
    if not isinstance(needs, dict) or not isinstance(needs.get("part"), Real) or not needs.get("because"):
        return "needs must say which part of the paper's iterations, 'part', and 'because'"
    return None

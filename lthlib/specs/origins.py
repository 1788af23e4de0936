"""Where each value of an experiment comes from, beside the paper's: what `lth show` prints."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from lthlib.specs.experiment import Spec, key
from lthlib.specs.paper import NAMES, OPEN
from lthlib.specs.profiles import as_option, layers, spec

PAPERS = ("paper", "setting", "variation")  # layers, by their first word, that hold what the paper says


class Origin(NamedTuple):
    """A field of an experiment: its value, the paper's (None where it says nothing), and who gave the value."""

    field: str
    value: Any
    paper: Any
    source: str


def origins(
    network: str,
    profile: str = "paper",
    setting: str | None = None,
    variation: Mapping[str, Any] | None = None,
    **changes: Any,
) -> list[Origin]:
    """Where the fields of `spec` with the same arguments come from, in their order.

    `source` is the last of its `layers` that names a field, or `default` where none does: the network has no such
    thing. Raises SpecError as `spec` does.

    >>> origins("lenet", "laptop")[1]
    Origin(field='iterations', value=15000, paper=50000, source='profile laptop')
    """
    found = spec(network, profile, setting, variation, **changes)
    given = layers(network, profile, setting, variation, **changes)
    source = {name: layer.source for layer in given for name in layer.values}
    paper = {name: v for layer in given if layer.source.split()[0] in PAPERS for name, v in layer.values.items()}
    names = [f.name for f in fields(Spec) if f.name != "network"]
    return [Origin(name, getattr(found, name), paper.get(name), source.get(name, "default")) for name in names]


def as_text(found: Spec, lines: list[Origin]) -> str:
    """An experiment and its fields in columns, values as `lth run` takes them."""
    table = [("field", "here", "the paper", "from"), *(_cells(found.network, line) for line in lines)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([f"{NAMES[found.network]}, experiment {key(found)}", "", *rows])


def _cells(network: str, line: Origin) -> tuple[str, str, str, str]:
    unsaid = "not said" if line.field in OPEN[network] else "-"
    paper = unsaid if line.paper is None else as_option(line.paper) or "none"
    return line.field, as_option(line.value) or "none", paper, line.source

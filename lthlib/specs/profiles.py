"""What is to be run: a network of the paper at a profile, with changes, made of layers of which the last counts."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from lthlib.specs.arms import ARMS
from lthlib.specs.experiment import DATA, Spec, require, require_known
from lthlib.specs.paper import OPEN, PAPER, SAID, SETTINGS

# Profiles change only sizes, except in the quick convolutional networks, and on a laptop the precision of convolutions
# and how much of a network with them is pruned between two trainings.
# What a profile leaves out is the paper's. `quick` runs on the digits that ship with a package, the networks for images
# at an eighth of their width.
_QUICK = {"data": "mnist5k", "train_eval": 1_000, "trials": 3, "reinits": 1, "randoms": 1}
_NARROW = {**_QUICK, "width": 0.125, "trials": 2, "eval_every": 20, "train_eval": 500}
_ONE = {"trials": 1, "reinits": 1, "randoms": 1, "precision": "bf16"}
PROFILES: dict[str, dict[str, dict[str, Any]]] = {
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


class Layer(NamedTuple):
    """Fields of a Spec by name, and who gives them these values."""

    source: str
    values: Mapping[str, Any]


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

    >>> spec("resnet20", "laptop", "lr0.1", rounds=3).drops
    (4000, 5000)
    """
    found = made(network, layers(network, profile, setting, variation, **changes))
    require_known("data", found.data, DATA)
    return found


def made(network: str, layers: list[Layer]) -> Spec:
    """The Spec that layers make, one over the other: the last value of each field counts."""
    return Spec(network, **{name: value for layer in layers for name, value in layer.values.items()})


def layers(
    network: str,
    profile: str = "paper",
    setting: str | None = None,
    variation: Mapping[str, Any] | None = None,
    **changes: Any,
) -> list[Layer]:
    """Who gives the fields of `spec` with these arguments their values, from the first to the last that counts: the
    paper (`ours` where it says nothing), its setting, the variation, the profile, the schedule that follows the
    iterations, and the changes, as `option`. Raises SpecError for an unknown name."""
    require_known("network", network, PAPER)
    require_known("profile", profile, PROFILES)
    settings = SETTINGS.get(network, {})
    known = ", ".join(settings) or "none: it has only the one of Figure 2"
    require(not setting or setting in settings, f"unknown setting '{setting}' of {network}; choose from {known}")
    variation, changes = _fields(variation or {}), _fields(changes)
    paper = [
        Layer("paper", SAID[network]),
        Layer("ours", OPEN[network]),
        Layer(f"setting {setting}", settings[setting] if setting else {}),
        Layer("variation", variation),
    ]
    whole = made(network, paper)
    sizes = _sizes(profile, whole, variation)
    asked = changes.get("iterations", sizes.get("iterations", whole.iterations))
    part = asked / whole.iterations if type(asked) is int else 1.0  # anything else, Spec refuses
    return [
        *paper,
        Layer(f"profile {profile}", sizes),
        Layer(f"schedule x {part:g}", _schedule(whole, part)),
        Layer("option", changes),
    ]


def _sizes(profile: str, whole: Spec, variation: Mapping[str, Any]) -> dict[str, Any]:
    """What a profile gives a network, except what a variation is about: the longer the paper trains it in a setting,
    the longer the profile."""
    kind = "conv" if whole.network.startswith("conv") else whole.network
    sizes = {**PROFILES[profile].get(kind, {}), **PROFILES[profile].get(whole.network, {})}
    sizes = {name: value for name, value in sizes.items() if name == "iterations" or name not in variation}
    if "iterations" in sizes:
        sizes["iterations"] = round(sizes["iterations"] * whole.iterations / PAPER[whole.network].iterations)
    return sizes


def _schedule(whole: Spec, part: float) -> dict[str, Any]:
    """Warm-up and drops of a training that lasts for a part of the whole, if there are any."""
    scaled = {"warmup": round(part * whole.warmup), "drops": tuple(round(part * drop) for drop in whole.drops)}
    return {name: value for name, value in scaled.items() if part != 1 and getattr(whole, name)}


def _fields(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a Spec by name, without those that are None; SpecError for a name that is none."""
    changes = {name: value for name, value in changes.items() if value is not None}
    for name in changes:
        require_known("parameter", name, [f.name for f in fields(Spec) if f.name != "network"])
    return {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}


# Fields that `lth run` has an option for; the others are said with --set.
OPTIONS = ("trials", "rounds", "iterations", "reinits", "randoms", "seed", "rewind", "data", "precision", "arms")


def command(wanted: Spec) -> str:
    """The `lth run` that asks for an experiment with one of the paper's networks, from the profile and the setting that
    leave the least to be said.

    >>> command(spec("conv2", "quick", "dropout", lr=0.001))
    'lth run conv2 --profile quick --setting dropout --set lr=0.001'
    """
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
    shortest = min(found, key=len)
    return " ".join(shortest)


def _option(name: str, value: Any) -> str:
    return f"--{name} {as_option(value)}" if name in OPTIONS else f"--set {name}={as_option(value)}"


def as_option(value: Any) -> str:
    """A value of a field as `lth run` takes it: 0.1, true, or a list with commas between."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if type(value) is bool else str(value)

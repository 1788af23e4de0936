"""The options that say which experiment, and what is asked for by them."""

import argparse
from dataclasses import fields
from typing import Any

from lthlib import specs
from lthlib.errors import SpecError


def experiment(command: argparse.ArgumentParser) -> None:
    """The options that say which experiment."""
    command.add_argument("network", help=f"one of {', '.join(specs.PAPER)}")
    command.add_argument("--profile", default="quick", help=f"one of {', '.join(specs.PROFILES)} (default: quick)")
    for name, meaning in SIZES.items():
        command.add_argument(f"--{name}", type=int, metavar="N", help=f"{meaning} (default: the profile's)")
    for name, (choices, meaning) in NAMES.items():
        command.add_argument(f"--{name}", metavar="NAME", help=f"{meaning}: {', '.join(choices)} (the profile's)")
    command.add_argument("--arms", metavar="A,B", help=f"some of {','.join(specs.ARMS)} (default: the network's)")
    command.add_argument("--setting", metavar="NAME", help=f"which of the paper's: {_settings()} (default: Figure 2's)")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        type=_assignment,
        metavar="FIELD=VALUE",
        help=f"of {', '.join(OTHERS)}; warmup in iterations; repeatable",
    )


def _settings() -> str:
    return "; ".join(f"{name} {', '.join(settings)}" for name, settings in specs.SETTINGS.items())


def _assignment(text: str) -> tuple[str, object]:
    """A field of a Spec and its value, from "lr=0.1": a number, a name, true or false, or iterations "100,200"."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"say FIELD=VALUE, not {text!r}")
    if name not in OTHERS:
        own = name in specs.OPTIONS
        why = f"it has an option of its own, --{name}" if own else "there is no such field"
        raise argparse.ArgumentTypeError(f"{name} cannot be set: {why}")
    if name == "drops":
        return name, [_value(part) for part in value.split(",") if part]
    return name, _value(value)


def _value(text: str):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {"true": True, "false": False}.get(text, text)


NAMES = {
    "data": (specs.DATA, "which images"),
    "precision": (specs.PRECISIONS, "of products"),
}
SIZES = {
    "trials": "networks with initial weights of their own",
    "rounds": "prunings of each",
    "iterations": "steps of each training",
    "reinits": "new draws per ticket in the reinit arms",
    "randoms": "random masks per ticket",
    "seed": "of all randomness",
    "rewind": "iteration that tickets are reset to",
}
OTHERS = [f.name for f in fields(specs.Spec) if f.name not in ("network", *specs.OPTIONS)]


def spec(options: argparse.Namespace) -> specs.Spec:
    return specs.spec(**asked(options))


def asked(options: argparse.Namespace) -> dict[str, Any]:
    """What the options say, as `specs.spec` takes it."""
    if options.profile == "published":
        raise SpecError(
            "the profile published trains nothing: it draws the committed results; choose quick, laptop or paper"
        )
    changes = {name: getattr(options, name) for name in (*SIZES, *NAMES)}
    arms = None if options.arms is None else options.arms.split(",")
    experiment = {name: getattr(options, name) for name in ("network", "profile", "setting")}
    return {**experiment, "arms": arms, **changes, **dict(options.set)}

"""Randomness by name: every random draw of an experiment comes from a generator named by what it is for."""

import hashlib

import torch


def stream(seed: int, *name: str | int) -> torch.Generator:
    """A CPU generator for one purpose, for example `stream(seed, trial, "init")`.

    Streams of different names are independent; the global random state is neither read nor changed, and draws do not
    depend on the device, on the order of the work, or on which other networks are trained.
    """
    digest = hashlib.sha256(repr((seed, *name)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)

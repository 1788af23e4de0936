"""As many train at once as a machine is good for; what it cannot do is one line."""

import pytest

from lthlib import specs
from lthlib.engine import pruning
from lthlib.errors import SpecError
from lthlib.lab import workers


def test_a_cohort_on_an_accelerator_is_as_large_as_its_memory_allows(monkeypatch):
    monkeypatch.setattr(workers.torch.cuda, "mem_get_info", lambda device: (100e9, 140e9))
    widths = {name: workers.width(specs.spec(name), "cuda") for name in ("lenet", "conv2", "vgg19")}
    assert widths == {"lenet": workers.MOST_AT_ONCE, "conv2": workers.MOST_IN_TURN, "vgg19": workers.MOST_IN_TURN}
    monkeypatch.setattr(workers.torch.cuda, "mem_get_info", lambda device: (10e9, 10e9))
    assert 1 < workers.width(specs.spec("vgg19"), "cuda") < workers.MOST_IN_TURN
    assert workers.width(specs.spec("vgg19"), "cuda") * pruning.weights(specs.spec("vgg19")) * 4 * 12 < 10e9
    monkeypatch.setattr(workers.torch.cuda, "mem_get_info", lambda device: (1e6, 1e6))
    assert workers.width(specs.spec("vgg19"), "cuda") == 1


def test_one_process_feeds_a_gpu():
    with pytest.raises(SpecError, match="one process feeds a GPU"):
        workers.processes(2, "cuda")

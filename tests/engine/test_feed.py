"""What a training is fed depends on its name alone: not on its company, nor on how far ahead it is drawn."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lthlib import specs
from lthlib.engine import data, sources
from lthlib.engine.feed import Feed, rate
from lthlib.specs import OPENING, Rep

REPS = [Rep("ticket", 0), Rep("ticket", 1, 2), Rep("reinit", 0, 2, 1)]


@pytest.fixture(scope="module")
def spec():
    return specs.spec("conv2", "quick", batch=7, dropout=0.3, augment=True, warmup=3, drops=[5], inputs="unit")


@pytest.fixture(scope="module")
def images():
    return sources.load("mnist5k", shape=(3, 32, 32))


def fed(spec, reps, images, lengths, first=0):
    """Inputs, labels, dropout and rates of all iterations from the first, drawn in stretches of these lengths."""
    feed = Feed(spec, reps, [images.split(spec.seed, rep.trial)[0] for rep in reps], images, 4, first)
    seen, start = [], first
    for length in lengths:
        feed.load(start, length)
        seen += [feed.next() for _ in range(length)]
        start += length
    return [torch.stack(values) for values in zip(*seen, strict=True)]


def test_a_trainings_draws_do_not_depend_on_its_company(spec, images):
    together = fed(spec, REPS, images, [4])
    for r, rep in enumerate(REPS):
        for all_of_them, alone in zip(together[:3], fed(spec, [rep], images, [4])[:3], strict=True):
            assert torch.equal(all_of_them[:, r], alone[:, 0])
    for values in together[:3]:
        assert not torch.equal(values[:, 0], values[:, 1])
        assert not torch.equal(values[:, 0], values[:, 2])


def test_how_far_ahead_iterations_are_drawn_does_not_matter(spec, images):
    for one, other in zip(fed(spec, REPS[:1], images, [6]), fed(spec, REPS[:1], images, [3, 2, 1]), strict=True):
        assert torch.equal(one, other)


@given(first=st.integers(1, 9))
def test_an_iteration_is_fed_the_same_wherever_training_starts(spec, images, first):
    for whole, late in zip(fed(spec, REPS, images, [10]), fed(spec, REPS, images, [10 - first], first), strict=True):
        assert torch.equal(whole[first:], late)


def test_the_opening_is_fed_as_the_dense_network(spec, images):
    dense, opening = (fed(spec, [Rep(arm, 1)], images, [5]) for arm in ("ticket", OPENING))
    assert all(torch.equal(one, other) for one, other in zip(dense, opening, strict=True))


def test_a_stretch_may_be_longer_than_the_first(spec, images):
    for one, other in zip(fed(spec, REPS, images, [1, 5]), fed(spec, REPS, images, [6]), strict=True):
        assert torch.equal(one, other)


def test_dropout_keeps_the_mean(spec, images):
    keep = fed(spec, REPS[:1], images, [300])[2]
    assert keep.unique().tolist() == pytest.approx([0, 1 / 0.7])
    assert keep.mean() == pytest.approx(1, abs=0.05)


def test_without_augmentation_and_dropout_a_batch_is_its_images(images):
    spec = specs.spec("conv2", "quick", batch=5, inputs="raw")
    part = images.split(0, 0)[0]
    feed = Feed(spec, REPS[:1], [part], images, 4)
    feed.load(0, 1)
    x, y, keep, _ = feed.next()
    index = next(data.batches(spec, REPS[0], part))
    assert keep is None
    assert torch.equal(x[0], images.pixels[index].float())  # raw: 0 to 255
    assert torch.equal(y[0], images.labels[index])


@given(i=st.integers(0, 31_000))
def test_the_learning_rate_is_the_papers_at_every_iteration(i):
    """Section 4: linear warmup from 0 over 20,000 iterations, a tenth at 20,000 and again at 25,000."""
    spec = specs.spec("resnet20")
    expected = 0.03 * (i / 20_000 if i < 20_000 else 0.1 if i < 25_000 else 0.01)
    assert rate(spec, i) == pytest.approx(expected)
    assert rate(specs.spec("lenet"), i) == 1.2e-3


@given(i=st.integers(0, 112_480))
def test_vggs_warmup_ends_long_before_its_drops(i):
    stage = 1 if i < 56_240 else 0.1 if i < 84_360 else 0.01
    assert rate(specs.spec("vgg19"), i) == pytest.approx(0.1 * min(1, i / 10_000) * stage)

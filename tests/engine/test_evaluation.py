"""What is not evaluated changes nothing that is reported, and all that is reported is evaluated."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lthlib import specs
from lthlib.engine import arms, cohort, data, evaluation, networks, pruning, train
from lthlib.evidence.curves import reached, summarise
from lthlib.lab import task
from lthlib.specs import POINTS, Rep
from lthlib.specs.columns import TRAINING
from tests.engine.test_train import NARROW
from tests.lab.test_checkpoint import few

LONG = {**NARROW, "iterations": 46, "eval_every": 1}
SPECS = {
    "lenet": specs.spec("lenet", "quick", train_eval=50, iterations=230, eval_every=5),
    "conv2": specs.spec("conv2", "quick", **LONG, dropout=0.5, lr=0.02),
    "resnet20": specs.spec("resnet20", "quick", **LONG, lr=0.2, warmup=0, drops=()),
}
REPS = [Rep("ticket", 0, 1), Rep("reinit", 1, 2)]


@pytest.fixture(scope="module", params=SPECS)
def trained(request):
    """A spec, and the curves of its cohort: as they are recorded, and with everything evaluated each time."""
    spec = SPECS[request.param]
    images = few(data.load("mnist5k", shape=networks.shape(spec.network)))
    start = arms.initial(spec, [rep.trial for rep in REPS])
    mask = {name: (start[name].abs() > start[name].abs().median()).float() for name in pruning.rates(spec)}
    sparing = train.train(spec, start, mask, REPS, images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "reported", lambda spec, points: set(points))
        everything = train.train(spec, start, mask, REPS, images)
    assert all(torch.equal(sparing[0][name], value) for name, value in everything[0].items())
    alone = [
        train.train(spec, *(cohort.take(t, [r]) for t in (start, mask)), [rep], images)[1] for r, rep in enumerate(REPS)
    ]
    return spec, sparing[1], everything[1], alone


def test_what_is_evaluated_is_what_it_would_be_had_all_been_evaluated(trained):
    _, sparing, everything, _ = trained
    assert list(sparing) == list(everything)
    for name, value in sparing.items():
        there = ~value.isnan()
        assert torch.equal(value[there], everything[name][there])
        assert there.all() == (name == "iteration" or name.startswith("val"))


def test_every_early_stop_and_every_reported_iteration_has_its_accuracies(trained):
    spec, sparing, everything, _ = trained
    points, stops = sparing["iteration"].tolist(), []
    for r in range(len(REPS)):
        stop = points[everything["val_loss"][:, r].argmin()]
        stops.append(stop)
        for name in ("test_loss", "test_acc", "train_loss", "train_acc"):
            held = {i for i, value in zip(points, sparing[name][:, r].tolist(), strict=True) if value == value}
            assert held == evaluation.reported(spec, points) | {stop}
    assert set(stops) - evaluation.reported(spec, points), f"or this would show little: {stops}"


def test_what_is_reported_of_a_training_does_not_hang_on_what_is_left_out(trained):
    spec, *both, _ = trained
    tables = [task.tidy(spec, rep, {"fc1.weight": 1}, task.curve(curves, 0)) for curves in both for rep in REPS[:1]]
    for say in (summarise, lambda rows: reached(rows, 1 / 3)):
        ours, theirs = (say(rows).reset_index(drop=True) for rows in tables)
        columns = [c for c in ours if c not in TRAINING and ours[c].dtype.kind == "f" and c not in ("acc_at", "at")]
        assert ours[columns].equals(theirs[columns])
        assert not ours[columns].isna().any(axis=None)


def test_a_training_in_a_cohort_is_evaluated_where_it_is_alone(trained):
    spec, sparing, _, alone = trained
    if spec.network == "resnet20":
        pytest.skip("batch-norm magnifies rounding, which may move an early stop")
    for r, curves in enumerate(alone):
        for name in set(curves) - {"iteration"}:
            assert torch.equal(curves[name][:, 0].isnan(), sparing[name][:, r].isnan())


def test_the_iterations_of_section_4_are_evaluated():
    for network, named in POINTS.items():
        spec = specs.spec(network, "laptop")
        held = evaluation.reported(spec, evaluation.evaluations(spec, 0, spec.iterations))
        paper = specs.PAPER[network].iterations
        assert {round(i / paper * spec.iterations / spec.eval_every) * spec.eval_every for i in named} <= held


@given(st.integers(1, 500), st.integers(1, 40), st.integers(0, 30))
def test_a_training_has_at_least_five_evaluations_of_all_or_all_there_are(iterations, every, first):
    spec = specs.spec("lenet", "quick", iterations=iterations + first, eval_every=every)
    points = evaluation.evaluations(spec, first, spec.iterations)
    held = evaluation.reported(spec, points)
    assert {points[0], points[-1]} <= held <= set(points)
    grid = evaluation.reported(spec, evaluation.evaluations(spec, 0, spec.iterations))
    assert held - {first} <= grid, "rewound tickets are evaluated where the dense network is"
    assert len(grid) >= min(5, len(evaluation.evaluations(spec, 0, spec.iterations)))


def test_an_accelerator_evaluates_all_each_time(monkeypatch):
    """There a comparison would wait for the host."""
    spec = dataclasses.replace(SPECS["lenet"], iterations=60)
    images = few(data.load("mnist5k"))
    start = arms.initial(spec, [0])
    mask = {name: torch.ones_like(start[name]) for name in pruning.rates(spec)}
    monkeypatch.setattr(cohort, "apart", lambda device: False)
    _, curves = train.train(spec, start, mask, [Rep("ticket", 0)], images)
    assert not any(value.isnan().any() for value in curves.values())
    assert evaluation.share(spec) == 1

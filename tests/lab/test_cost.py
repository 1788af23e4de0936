"""What an experiment will take follows from what is missing, its order on processes, and a pace measured here."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lthlib import specs
from lthlib.errors import SpecError
from lthlib.lab import cost, workers
from lthlib.lab.plan import depth, missing, plan
from lthlib.lab.run import run
from lthlib.lab.store import Store
from lthlib.lab.where import Where

small = st.builds(
    lambda trials, rounds, step, arms: specs.spec(
        "lenet", "quick", trials=trials, rounds=rounds, branch_step=step, oneshot_step=13, arms=arms
    ),
    trials=st.integers(1, 4),
    rounds=st.integers(0, 4),
    step=st.integers(1, 2),
    arms=st.sampled_from([("ticket",), ("ticket", "reinit"), ("oneshot",), tuple(specs.ARMS)]),
)


@given(small, st.integers(1, 5))
def test_the_longest_way_is_bounded_by_all_work_and_by_the_longest_chain(spec, workers):
    todo = plan(spec)
    span = cost.makespan(spec, todo, workers, 1)
    chain = depth(spec) + 1 + spec.rounds * ("continued" in spec.arms)
    assert max(chain, math.ceil(len(todo) / workers)) <= span <= len(todo)
    assert cost.makespan(spec, todo, 1, 1) == len(todo)
    assert chain <= cost.makespan(spec, todo, 10_000, 1) <= chain + 1


def test_a_cohort_costs_as_much_as_its_networks():
    spec = specs.spec("lenet", "quick", trials=2, rounds=1, arms=("ticket", "reinit"))
    todo = plan(spec)
    assert cost.makespan(spec, todo, 1, 100) == len(todo) == 6


def test_a_rewound_ticket_costs_the_iterations_that_it_takes():
    sizes = {"trials": 2, "rounds": 3, "reinits": 1, "iterations": 100, "rewind": 10}
    spec = specs.spec("lenet", "quick", arms=("ticket", "reinit"), **sizes)
    chain = 0.1 + 1 + 3 * 0.9  # the opening, the dense network, three tickets
    assert cost.makespan(spec, plan(spec), 1, 1) == pytest.approx(2 * (chain + 3))
    assert cost.makespan(spec, plan(spec), 100, 1) == pytest.approx(chain + 1)
    assert len(cost.paces(dataclasses.replace(spec, rewind=99), 2, stretches=1)) == 1


def test_what_is_stored_costs_nothing(tmp_path):
    spec = specs.spec("lenet", "quick", trials=1, rounds=0, arms=("ticket",), iterations=2, eval_every=2)
    run(spec, tmp_path, workers=1)
    found = cost.predict(spec, Where(tmp_path))
    assert (found.trainings, found.seconds, found.disk) == (0, 0, 0)


def test_a_prediction_counts_what_is_missing(tmp_path, tiny):
    found = cost.predict(tiny, Where(tmp_path, workers=1), budget=0.2)
    assert found.trainings == len(missing(tiny, Store(tmp_path)))
    assert found.seconds - found.trainings * tiny.iterations * found.pace == pytest.approx(0, abs=0.05)
    assert found.memory > cost.images(tiny) + 1e8
    assert "trainings of" in str(found)
    assert not list(tmp_path.iterdir())


def test_what_a_cluster_would_take_is_not_guessed(tmp_path, tiny):
    with pytest.raises(SpecError, match="leave out the scheduler"):
        cost.predict(tiny, Where(tmp_path, scheduler="tcp://127.0.0.1:1"))


def test_a_kernel_that_does_not_tell_the_peak_is_asked_otherwise(monkeypatch):
    known = cost.peak("cpu")
    monkeypatch.setattr(cost.Path, "read_text", lambda path: "Name: python")
    assert known / 2 < cost.peak("cpu") < 2 * known


def test_a_stretch_evaluates_its_share_of_the_images():
    images = cost.scaled(specs.spec("conv2"), 20)  # of every 100 iterations
    tested = 2_000 * 22 / 201  # at every tenth of 201 evaluations, the first, and the early stop
    assert (images.n_valid, len(images.labels) - images.n_train) == (1_000, round(tested))
    assert images.pixels.shape[1:] == (3, 32, 32)


def test_a_pace_is_measured_in_every_stretch():
    spec = specs.spec("lenet", "quick")
    assert len(cost.paces(spec, 2, replicates=2, stretches=3)) == 3


@pytest.mark.parametrize(
    ("seconds", "text"), [(40, "40 s"), (89, "89 s"), (720, "12 min"), (12_600, "3.5 h"), (181_440, "2.1 days")]
)
def test_durations_are_for_people(seconds, text):
    assert cost.duration(seconds) == text


def test_sizes_are_for_people():
    assert (cost.size(512e6), cost.size(1.4e9)) == ("512 MB", "1.4 GB")


def test_the_memory_of_a_process_is_its_own_and_not_its_parents():
    ballast = torch.ones(150_000_000)  # 600 MB
    before = cost.peak("cpu")
    del ballast
    with workers.pool(2, "cpu") as each:
        assert max(each(cost.peak, ["cpu"] * 2)) < before - 100e6

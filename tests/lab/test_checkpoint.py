"""A training that was killed and goes on from its checkpoint is the training that was not, to the last bit."""

import contextlib
import dataclasses
import json
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lthlib import specs
from lthlib.core.streams import stream
from lthlib.engine import arms, cohort, evaluation, machine, networks, pruning, sources, train
from lthlib.errors import SpecError, StoreError
from lthlib.lab import checkpoint, task, workers
from lthlib.lab.plan import missing, plan, room
from lthlib.lab.progress import Bars
from lthlib.lab.run import run
from lthlib.lab.store import Store
from lthlib.specs import OPENING, Rep
from tests.engine.test_train import NARROW
from tests.forked import Forked, lth
from tests.lab.test_run import assert_same

SHORT = {"iterations": 11, **NARROW, "eval_every": 2, "arms": ["ticket"]}
SPECS = {
    "lenet": specs.spec("lenet", "quick", train_eval=50, iterations=25, eval_every=4, arms=["ticket"]),
    "rewound": specs.spec("lenet", "quick", train_eval=50, iterations=25, eval_every=4, arms=["ticket"], rewind=6),
    "conv2": specs.spec("conv2", "quick", **SHORT, dropout=0.5),
    "bf16": specs.spec("conv2", "quick", **SHORT, dropout=0.5, precision="bf16"),
    "resnet20": specs.spec("resnet20", "quick", **SHORT, warmup=5, drops=(8,), weight_decay=0.1),
}


class Killed(Exception):
    pass


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """At every evaluation."""
    monkeypatch.setenv(checkpoint.ENVIRONMENT, "0")


# ------------------------------------------------------------------------------------------------------------ one loop


def few(images):
    """A few of the examples, which are quickly evaluated."""
    return dataclasses.replace(images, pixels=images.pixels[:300], labels=images.labels[:300], n_train=200, n_valid=50)


@given(
    name=st.sampled_from(list(SPECS)), trials=st.sampled_from([[1], [0, 1]]), choice=st.randoms(use_true_random=False)
)
@settings(max_examples=12)
def test_resumed_is_uninterrupted(name, trials, choice):
    spec, reps = SPECS[name], [Rep("ticket", trial, 2) for trial in trials]
    assert name != "resnet20" or (spec.momentum and spec.augment)
    start = arms.initial(spec, trials)
    mask = {
        layer: (torch.rand(start[layer].shape, generator=stream(0, layer)) < 0.5).float()
        for layer in pruning.rates(spec)
    }
    images = few(sources.load("mnist5k", shape=networks.shape(spec.network)))
    points = evaluation.evaluations(spec, *specs.span(spec, reps[0]))
    asked = sorted(choice.sample(points[1:], choice.randint(1, 2)))
    kept, seen, kills = None, [], asked[:]
    while True:
        for point in train.training(spec, start, mask, reps, images, kept):
            seen.append(point.iteration)
            if kills and point.iteration == kills[0]:
                kills.pop(0)  # and of this training nothing is left but what was kept before
                break
            if not point.over:
                kept = {part: value.clone() for part, value in point.state().items()}
        else:
            break
    resumed = point.theta(), point.curves()
    straight = train.train(spec, start, mask, reps, images)
    for ours, theirs in zip(resumed, straight, strict=True):
        assert list(ours) == list(theirs)
        for part, value in theirs.items():
            torch.testing.assert_close(ours[part], value, rtol=0, atol=0, equal_nan=True, msg=part)
    assert seen == sorted(points + asked)  # only the evaluation that was killed comes twice


def test_a_state_that_is_not_of_this_training_is_refused():
    spec, rep = SPECS["lenet"], Rep("ticket", 0)
    start = arms.initial(spec, [0])
    mask = {layer: torch.ones_like(start[layer]) for layer in pruning.rates(spec)}
    images = few(sources.load("mnist5k"))
    first, *_, last = (point.state() for point in train.training(spec, start, mask, [rep], images))
    short = {name: value for name, value in first.items() if name != "optimiser.0"}
    other = first | {"theta.out.bias": torch.zeros(1, 11)}
    late = first | {"curve.iteration": first["curve.iteration"] + 1}
    for state in (short, other, late, last, {"theta.out.bias": torch.zeros(1)}):
        with pytest.raises(train.Unfit, match="other tensors or other iterations"):
            next(train.training(spec, start, mask, [rep], images, state))


# ------------------------------------------------------------------------------------------------------------- a study


SIZES = {"trials": 2, "rounds": 1, "iterations": 25, "eval_every": 4, "train_eval": 50, "reinits": 1}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small experiment, uninterrupted, one training at a time and all at once."""
    spec = specs.spec("lenet", "quick", arms=["ticket", "reinit"], rewind=6, **SIZES)
    stores = {}
    for most in (1, 100):
        folder = tmp_path_factory.mktemp(f"finished{most}")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(workers, "width", lambda spec, device, most=most: most)
            run(spec, folder, workers=1)
        stores[most] = Store(folder)
    return spec, stores


def kill_at(monkeypatch, arm, iteration, left=1):
    """The next so many trainings of an arm are killed at this iteration; the list of all iterations that are seen."""
    seen, killed = [], []

    def report(label, i, stored):
        seen.append((label, i))
        if label.startswith(arm) and i == iteration and not stored and len(killed) < left:
            killed.append(label)
            raise Killed(label)

    monkeypatch.setattr(Bars, "tell", lambda bars, worker, *event: report(*event))
    return seen


def left_over(store):
    return [file.name for file in Path(store).rglob("*") if "checkpoint" in file.name]


def assert_stores_same(path, spec, store):
    assert_same(Store(path).rows(spec), store.rows(spec))
    for rep in plan(spec):
        if rep.arm in specs.TRUNKS:
            ours, theirs = Store(path).arrays(spec, rep), store.arrays(spec, rep)
            assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("most", [1, 100])
@pytest.mark.parametrize(("arm", "at"), [("ticket", 16), ("reinit", 25), (OPENING, 6)])
def test_a_study_goes_on_within_a_training(finished, tmp_path, monkeypatch, most, arm, at):
    spec, stores = finished
    monkeypatch.setattr(workers, "width", lambda spec, device: most)
    seen = kill_at(monkeypatch, arm, at)
    with pytest.raises(Killed) as killed:
        run(spec, tmp_path, workers=1)
    label = str(killed.value)
    assert len(left_over(tmp_path)) == 1
    seen.clear()
    run(spec, tmp_path, workers=1)
    assert next(i for who, i in seen if who == label) == at  # not from the start again
    assert_stores_same(tmp_path, spec, stores[most])
    assert left_over(tmp_path) == []
    assert (Store(tmp_path).rows(spec)["seconds"] > 0).all()


def test_the_seconds_before_are_counted(finished, tmp_path, monkeypatch):
    spec, _ = finished
    kill_at(monkeypatch, "ticket", 16)
    with pytest.raises(Killed):
        run(spec, tmp_path, workers=1)
    (file,) = tmp_path.rglob("*.checkpoint")
    change(file, lambda about: about.update(seconds=1_000.0))
    run(spec, tmp_path, workers=1)
    seconds = Store(tmp_path).rows(spec).query("arm == 'ticket' and trial == 0 and round == 0")["seconds"]
    assert 1_000 < seconds.iloc[0] < 1_100


def change(file, about=lambda about: None, arrays=lambda arrays: None):
    with np.load(file) as kept:
        tensors = dict(kept)
    words = json.loads(str(tensors["about"]))
    about(words)
    tensors["about"] = np.array(json.dumps(words))
    arrays(tensors)
    write(file, tensors)


def write(file, tensors):
    with file.open("wb") as target:
        np.savez(target, **tensors)


class Trap:
    """What a pickle would run."""

    def __reduce__(self):
        return Path.touch, (Path(os.environ["LTH_TRAP"]),)


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)


BAD = {
    "truncated": lambda file: file.write_bytes(file.read_bytes()[:-100]),
    "empty": lambda file: file.write_bytes(b""),
    "one bit": flip,
    "text": lambda file: file.write_text("not a checkpoint"),
    "a pickle": lambda file: write(file, {"about": np.array([Trap()], dtype=object)}),
    "no checkpoint": lambda file: write(file, {"weights": np.zeros(3)}),
    "no description": lambda file: change(file, arrays=lambda a: a.update(about=np.array("null"))),
    "other version": lambda file: change(file, lambda about: about["belongs"].update(results_version=0)),
    "other experiment": lambda file: change(file, lambda about: about["belongs"].update(key="0123456789ab")),
    "other cohort": lambda file: change(file, lambda about: about["belongs"]["trainings"].append("ticket trial 9")),
    "other start": lambda file: change(file, lambda about: about["belongs"].update({"start and mask": "0"})),
    "other device": lambda file: change(file, lambda about: about["belongs"].update(device="abacus")),
    "other tensors": lambda file: change(file, arrays=lambda a: a.update({"theta.out.bias": np.zeros((1, 3))})),
    "no curves": lambda file: change(file, arrays=lambda a: a.pop("curve.iteration")),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_cannot_be_gone_on_from_is_set_aside_and_the_training_starts_anew(finished, tmp_path, monkeypatch, bad):
    spec, stores = finished
    one = dataclasses.replace(spec, trials=1, rounds=0, arms=("ticket",))
    monkeypatch.setenv("LTH_TRAP", str(tmp_path / "sprung"))
    seen = kill_at(monkeypatch, "ticket", 16)
    with pytest.raises(Killed):
        run(one, tmp_path, workers=1)
    (file,) = tmp_path.rglob("*.checkpoint")
    BAD[bad](file)
    seen.clear()
    with pytest.warns(UserWarning, match=r"ticket-t0-r00-d0.checkpoint is no use \(.*\): set aside"):
        run(one, tmp_path, workers=1)
    assert seen[0] == ("ticket trial 0 round 0", 0)
    rows, whole = Store(tmp_path).rows(one), stores[1].rows(spec)
    same = whole[(whole["trial"] == 0) & (whole["round"] == 0)].reset_index(drop=True)
    assert_same(rows, same)
    assert left_over(tmp_path) == [f"{file.name}.aside"]
    assert not (tmp_path / "sprung").exists()


def test_a_cohort_that_was_killed_while_it_was_stored_leaves_nothing(finished, tmp_path, monkeypatch):
    spec, stores = finished
    monkeypatch.setattr(workers, "width", lambda spec, device: 100)
    save, saved = Store.save, []

    def once(store, spec, rep, *what):
        if rep.arm == "reinit" and saved:
            raise Killed
        saved.extend([rep] if rep.arm == "reinit" else [])
        save(store, spec, rep, *what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "save", once)
        with pytest.raises(Killed):
            run(spec, tmp_path, workers=1)
    (kept,) = left_over(tmp_path)
    assert kept.startswith("reinit-t0")
    part = next(tmp_path.rglob(kept)).with_name(f".{kept}.0123")  # as a writer leaves it that is killed
    part.write_bytes(b"PK")
    monkeypatch.setattr(workers, "width", lambda spec, device: 1)
    run(spec, tmp_path, workers=1)
    assert left_over(tmp_path) == []
    assert len(Store(tmp_path).rows(spec)) == len(stores[1].rows(spec))
    part.with_name(kept).write_bytes(b"PK")  # all rows are stored, and nothing is left to train
    run(spec, tmp_path, workers=1)
    assert left_over(tmp_path) == []


# -------------------------------------------------------------------------------------------------------- how often


def test_how_often_follows_the_clock_and_never_takes_more_than_a_fiftieth(finished, tmp_path, monkeypatch):
    spec, _ = finished
    now, written = [1_000.0], []
    monkeypatch.setattr(checkpoint.time, "perf_counter", lambda: now[0])
    monkeypatch.setenv(checkpoint.ENVIRONMENT, "120")

    def save(*_):
        written.append(now[0])
        now[0] += 5

    monkeypatch.setattr(Store, "save_checkpoint", save)
    start = arms.initial(spec, [0])
    kept = checkpoint.Checkpoint(Store(tmp_path), spec, [Rep("ticket", 0)], start, {}, sources.load("mnist5k"), "cpu")
    while now[0] < 2_000:
        now[0] += 10
        kept.offer(lambda: {})
    gaps = np.diff([1_000, *written])
    assert gaps.tolist() == pytest.approx([120, 255, 255, 255], abs=10)


def test_what_cannot_be_written_is_a_warning_and_no_end(finished, tmp_path, monkeypatch):
    spec, _ = finished
    one = dataclasses.replace(spec, trials=1, rounds=0, arms=("ticket",))

    def full(*_):
        raise StoreError("cannot write a checkpoint")

    monkeypatch.setattr(Store, "save_checkpoint", full)
    with pytest.warns(UserWarning, match="cannot write a checkpoint"):
        run(one, tmp_path, workers=1)
    assert missing(one, Store(tmp_path)) == []


@pytest.mark.parametrize("said", ["soon", "-1", "nan", ""])
def test_an_environment_that_says_no_number_is_one_line_before_training(tmp_path, monkeypatch, said):
    monkeypatch.setenv(checkpoint.ENVIRONMENT, said)
    with pytest.raises(
        SpecError, match=f"LTH_CHECKPOINT_SECONDS must be a number of seconds, at least 0, not '{said}'"
    ):
        run(SPECS["lenet"], tmp_path / "store", workers=1)
    assert not (tmp_path / "store").exists()


def test_room_counts_the_checkpoints_of_what_is_trained_at_once(finished):
    spec, _ = finished
    todo = plan(spec)
    one, two, many = (room(spec, todo, n) for n in (1, 2, 1_000))
    assert two - one == 24 * pruning.weights(spec)
    assert many - one == (len(todo) - 1) * (two - one)


# -------------------------------------------------------------------------------------------------------------- kill -9


@pytest.mark.skipif(os.name != "posix", reason="needs process groups")
def test_a_process_group_that_is_killed_at_any_moment_loses_nothing(tmp_path):
    """Twice, at some moment after it has kept something new."""
    spec, store = specs.spec("lenet", "quick", arms=["ticket"], trials=2, rounds=1, iterations=400), tmp_path / "store"
    words = "run lenet --arms ticket --trials 2 --rounds 1 --iterations 400 --workers 1 --store"
    command = lth([*words.split(), store])
    for delay in (random.Random(9).uniform(0, 0.3), 0):
        before, patience = stamps(store), time.monotonic() + 120
        process = Forked(command, tmp_path / "said")
        while stamps(store) <= before:
            assert process.poll() is None
            assert time.monotonic() < patience
            time.sleep(0.005)
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    last = Forked(command, tmp_path / "said")
    assert last.wait() == 0, last.said()
    assert "is no use" not in last.said()
    run(spec, tmp_path / "straight", workers=1)
    assert_stores_same(store, spec, Store(tmp_path / "straight"))
    assert left_over(store) == []


def stamps(store):
    """Of what is kept of trainings under way."""
    found = set()
    for file in store.rglob("*.checkpoint"):
        with contextlib.suppress(OSError):
            found.add((file.name, file.stat().st_mtime_ns))
    return found


def test_one_network_of_a_cohort_alone_has_another_checkpoint(finished, tmp_path):
    """What is left out of products follows from the masks of the whole cohort."""
    spec, _ = finished
    start, images = arms.initial(spec, [0, 1]), sources.load("mnist5k")
    store = Store(tmp_path).open(spec)
    reps = [Rep("ticket", 0), Rep("ticket", 1)]
    with machine.prepared():
        kept = checkpoint.Checkpoint(store, spec, reps, start, {}, images, "cpu")
        kept.offer(lambda: {"theta.w": torch.ones(2)})
        assert set(checkpoint.Checkpoint(store, spec, reps, start, {}, images, "cpu").read()) == {"theta.w"}
        alone = checkpoint.Checkpoint(store, spec, reps[:1], cohort.take(start, [0]), {}, images, "cpu")
        with pytest.warns(UserWarning, match="it has another trainings"):
            assert alone.read() is None
    assert task.Checkpoint is checkpoint.Checkpoint

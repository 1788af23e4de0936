"""A study trains what is missing and nothing twice; killed and resumed it is as if never interrupted."""

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lthlib import lease, specs
from lthlib.errors import LthError, SpecError, StoreError
from lthlib.evidence.curves import summarise
from lthlib.lab import task, workers
from lthlib.lab.plan import missing, plan
from lthlib.lab.progress import Bars
from lthlib.lab.run import run
from lthlib.lab.store import Store
from lthlib.specs import Rep
from lthlib.specs.columns import EVALUATION, TRAINING
from tests.conftest import TINY
from tests.forked import Forked


def science(rows):
    """What must be the same again: not when, where and how long."""
    return rows[[*TRAINING, *EVALUATION, "remaining", "weights", "survivors"]].astype({"survivors": str})


def assert_same(rows, expected):
    """To the last bit."""
    pd.testing.assert_frame_equal(science(rows), science(expected), check_exact=True)


def assert_cohorts_are_the_same(spec, store, folder, monkeypatch):
    """The order of work of an accelerator, on the CPU: all trials of a round, and all draws of a branch, together."""
    monkeypatch.setattr(workers, "width", lambda spec, device: 100)
    run(spec, folder, workers=1)
    ours, expected = science(Store(folder).rows(spec)), science(store.rows(spec))
    pd.testing.assert_frame_equal(ours, expected, check_exact=False, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole small experiment, run in this process."""
    spec = specs.spec("lenet", "quick", train_eval=50, arms=list(specs.ARMS), **TINY)
    store = tmp_path_factory.mktemp("finished")
    run(spec, store, workers=1)
    return spec, Store(store)


def test_everything_planned_is_stored_with_its_size_and_provenance(finished):
    spec, store = finished
    rows = store.rows(spec)
    trainings = summarise(rows)
    stored = set(trainings[list(Rep._fields)].itertuples(index=False, name=None))
    assert stored == {tuple(rep) for rep in plan(spec)}
    assert missing(spec, store) == []
    assert (rows.groupby(TRAINING)["iteration"].apply(list).map(tuple) == (0, 10, 20, 25)).all()
    sizes = trainings[trainings["arm"] == "ticket"].groupby("round")["weights"].unique().map(list).tolist()
    assert sizes == [[266_200], [213_060], [170_538]]
    assert set(trainings["data"]) == {"mnist5k"}
    assert trainings["data_sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert (trainings["seconds"] > 0).all()
    assert specs.from_json(trainings["spec"].iloc[0]) == spec


def test_running_again_trains_nothing(finished, monkeypatch):
    spec, store = finished
    monkeypatch.setattr(task, "training", None)  # would fail
    asked, has = [], Store.has
    monkeypatch.setattr(Store, "has", lambda store, spec, rep: asked.append(rep) or has(store, spec, rep))
    run(spec, store.path, workers=1)
    assert asked == plan(spec), "each is looked at once"


def test_two_processes_give_what_one_gives(finished, tmp_path):
    spec, store = finished
    run(spec, tmp_path, workers=2)
    assert_same(Store(tmp_path).rows(spec), store.rows(spec))


def test_more_trials_keep_the_old_trainings(finished, tmp_path):
    spec, store = finished
    fewer = dataclasses.replace(spec, trials=1, arms=("ticket", "reinit"))
    run(fewer, tmp_path, workers=1)
    before = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*.parquet")}
    run(spec, tmp_path, workers=1)
    assert all(f.stat().st_mtime_ns == then for f, then in before.items())
    assert_same(Store(tmp_path).rows(spec), store.rows(spec))


def test_cohorts_of_many_give_what_one_at_a_time_gives(finished, tmp_path, monkeypatch):
    assert_cohorts_are_the_same(*finished, tmp_path, monkeypatch)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see which processes run")
@pytest.mark.parametrize("workers", [1, 2])
def test_kill_and_resume_equals_uninterrupted(finished, tmp_path, workers):
    spec, store = finished
    asked = f"specs.from_json({specs.as_json(spec)!r}), {str(tmp_path)!r}, workers={workers}"
    code = f"from lthlib import specs\nfrom lthlib.lab.run import run\nif __name__ == '__main__': run({asked})"
    script = tmp_path / "run.py"
    script.write_text(code)
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.rglob("*.parquet"))) < 3 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    family = [process.pid, *children(process.pid)]
    assert len(family) >= workers
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = len(list(tmp_path.rglob("*.parquet")))
    assert 3 <= done < len(plan(spec))
    deadline = time.monotonic() + 30
    while any(running(pid) for pid in family):  # workers whose parent was killed end by themselves
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run(spec, tmp_path, workers=1)
    assert_same(Store(tmp_path).rows(spec), store.rows(spec))


def children(pid):
    """Processes that this one started (its workers, and multiprocessing's tracker, which ends with it)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = stat.read_text().rpartition(")")[2].split()[1]
            found += [int(stat.parent.name)] if int(parent) == pid else []
    return found


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_damaged_result_is_computed_again_and_comes_out_the_same(finished, tmp_path):
    spec, store = finished
    run(spec, tmp_path, workers=1)
    next(tmp_path.rglob("ticket-t1-r01-d0.npz")).write_bytes(b"PK")
    next(tmp_path.rglob("reinit-t0-r02-d0.parquet")).write_bytes(b"PAR1")
    with pytest.warns(UserWarning, match="is no use.*to be made again"):
        run(spec, tmp_path, workers=1)
    assert_same(Store(tmp_path).rows(spec), store.rows(spec))


def test_the_number_of_threads_of_this_process_changes_nothing(finished, tmp_path):
    spec, store = finished
    few = dataclasses.replace(spec, trials=1, rounds=1, arms=("ticket",))
    torch.set_num_threads(2)
    try:
        run(few, tmp_path, workers=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    again, rows = Store(tmp_path).rows(few), store.rows(spec)
    same = rows[(rows["arm"] == "ticket") & (rows["trial"] == 0) & (rows["round"] < 2)]
    assert_same(again, same.reset_index(drop=True))


def test_a_chain_whose_rounds_do_not_belong_together_is_told(finished, tmp_path):
    spec, _ = finished
    few = dataclasses.replace(spec, trials=1, arms=("ticket",))
    run(few, tmp_path, workers=1)
    kept = next(tmp_path.rglob("ticket-t0-r01-d0.npz"))
    with np.load(kept) as file:
        arrays = dict(file)
    arrays["mask.fc1.weight"] = np.roll(arrays["mask.fc1.weight"], 1)
    np.savez_compressed(kept, **arrays)
    next(tmp_path.rglob("ticket-t0-r02-d0.parquet")).unlink()
    with pytest.raises(StoreError, match="ticket trial 0 round 1 .* another mask.*delete"):
        run(few, tmp_path, workers=1)


def test_results_of_another_version_are_made_again(finished, tmp_path, monkeypatch):
    spec, _ = finished
    few = dataclasses.replace(spec, trials=1, rounds=0, arms=("ticket",))
    run(few, tmp_path, workers=1)
    monkeypatch.setattr(specs, "RESULTS_VERSION", specs.RESULTS_VERSION + 1)
    with pytest.warns(UserWarning, match="made by version 1 of the results, now 2"):
        run(few, tmp_path, workers=1)
    assert set(Store(tmp_path).rows(few)["results_version"]) == {2}


def test_too_little_room_is_told_before_training(tiny, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100_000))
    with pytest.raises(StoreError, match=r"need about \d[\d.]* MB and .* has 0.1 MB left"):
        run(tiny, tmp_path, workers=1)
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_worker_that_dies_is_one_line_and_loses_nothing(finished, tmp_path, monkeypatch):
    spec, store = finished
    (tmp_path / "sitecustomize.py").write_text(
        "import os, threading, pathlib\n"
        f"flag = pathlib.Path({str(tmp_path / 'die')!r})\n"
        "def watch():\n"
        "    import time\n"
        "    while not flag.exists(): time.sleep(.02)\n"
        "    os._exit(9)\n"
        "threading.Thread(target=watch, daemon=True).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path) + os.pathsep + os.environ.get("PYTHONPATH", ""))
    remembered = Bars.refresh

    def refresh(bars):
        remembered(bars)
        if bars.stored >= 2:
            (tmp_path / "die").touch()

    monkeypatch.setattr(Bars, "refresh", refresh)
    with pytest.raises(LthError, match="a worker process died.*run again"):
        run(spec, tmp_path / "store", workers=2)
    (tmp_path / "die").unlink()
    monkeypatch.undo()
    run(spec, tmp_path / "store", workers=1)
    assert_same(Store(tmp_path / "store").rows(spec), store.rows(spec))


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("workers must be at least 1, not 0", {"workers": 0}),
        ("the device 'cuda:99' is not available", {"device": "cuda:99"}),
        ("the device 'None' is not available", {"device": None}),
        ("the device 'meta' is not available", {"device": "meta"}),
    ],
)
def test_bad_input_is_told_before_training(tiny, tmp_path, words, options):
    with pytest.raises(SpecError, match=words):
        run(tiny, tmp_path / "store", **options)
    assert not list(tmp_path.rglob("*.parquet"))


def test_what_a_device_cannot_do_is_told_before_training(tiny, tmp_path):
    with pytest.raises(SpecError, match="tf32 products are a GPU's"):
        run(dataclasses.replace(tiny, precision="tf32"), tmp_path, device="cpu")
    assert not list(tmp_path.iterdir())


def submitted(spec, store, tally, workers=1, slow=0.0):
    """A run of the same study by another process, which writes down what it trains."""
    code = (
        "import tests.tally\nfrom lthlib import specs\nfrom lthlib.lab.run import run\n"
        f"run(specs.from_json({specs.as_json(spec)!r}), {str(store)!r}, workers={workers})"
    )
    return Forked(code, tally.parent / "said", TALLY=str(tally), SLOW=str(slow))


def test_the_same_study_submitted_twice_at_once_trains_nothing_twice(finished, tmp_path):
    spec, store = finished
    both = [submitted(spec, tmp_path / "store", tmp_path / "tally", slow=0.1) for _ in range(2)]
    for process in both:
        assert process.wait() == 0, process.said()
    trained = [line.partition(" ")[2] for line in (tmp_path / "tally").read_text().splitlines()]
    assert sorted(trained) == sorted(map(str, plan(spec)))
    assert_same(Store(tmp_path / "store").rows(spec), store.rows(spec))
    assert not list((tmp_path / "store").rglob(f"*{lease.SUFFIX}*"))


@pytest.mark.parametrize("dies", [True, False], ids=["and trained here if that dies", "and found when it is done"])
def test_what_another_run_is_training_is_waited_for(finished, tmp_path, monkeypatch, capfd, dies):
    spec, store = finished
    few = dataclasses.replace(spec, trials=1, arms=("ticket",))
    monkeypatch.setattr("lthlib.lab.run.LOOK", 0.05)
    other = submitted(few, tmp_path / "store", tmp_path / "tally", slow=100 if dies else 1)
    file = Store(tmp_path / "store").lease_file(few, Rep("ticket", 0))
    deadline = time.monotonic() + 60
    while not lease.holder(file):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    say = Bars.say

    def said(bars, line):
        say(bars, line)
        if dies:
            other.kill()

    monkeypatch.setattr(Bars, "say", said)
    if not dies:
        monkeypatch.setattr(task, "training", None)  # would fail
    run(few, tmp_path / "store", workers=1)
    other.wait()
    words = f"all that is left is being trained by process {other.pid} on "
    assert capfd.readouterr().err.count(words) == 1
    rows = store.rows(spec)
    same = rows[(rows["arm"] == "ticket") & (rows["trial"] == 0)].reset_index(drop=True)
    assert_same(Store(tmp_path / "store").rows(few), same)

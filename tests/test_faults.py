"""What goes wrong on real machines loses nothing that is stored, and makes nothing else come out."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from lthlib import lease, specs, study
from lthlib.store import Store
from tests import killed
from tests.test_study import assert_same

pytestmark = pytest.mark.faults

SIZE = {"trials": 2, "rounds": 2, "iterations": 20, "arms": ["ticket", "reinit", "random"]}
SPEC = specs.spec("lenet", "quick", **SIZE)
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The rows of the experiment, run without any fault."""
    store = tmp_path_factory.mktemp("undisturbed")
    study.run(SPEC, store, workers=1)
    return Store(store).rows(SPEC)


def asked(store, *options):
    """The command that runs the experiment."""
    size = [f"--{name}={','.join(value) if name == 'arms' else value}" for name, value in SIZE.items()]
    return [sys.executable, "-m", "lthlib.cli", "run", "lenet", *size, "--store", str(store), *options]


def until(true, seconds=60, process=None):
    """Wait for a condition; a process that has ended meanwhile fails the test, with what it said."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)
    return found


# ------------------------------------------------------------------------------------------------------------ killing


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_fifty_random_moments_a_study_is_as_if_never_interrupted(tmp_path):
    study.run(killed.SPEC, tmp_path / "undisturbed", workers=1)
    command = [sys.executable, "-m", "tests.killed", str(tmp_path / "killed"), "0", "50"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    studies = counts.pop("studies")
    assert sum(counts.values()) >= 50
    assert min(counts.values()) >= 10
    expected = Store(tmp_path / "undisturbed").rows(killed.SPEC)
    for n in range(studies):
        found = Store(tmp_path / "killed" / str(n), strict=True)
        assert study.missing(killed.SPEC, found) == []
        when = ["seconds", "finished"]
        pd.testing.assert_frame_equal(found.rows().drop(columns=when), expected.drop(columns=when), check_exact=True)


# ----------------------------------------------------------------------------------------------------- a Dask cluster


class Cluster:
    """A scheduler and workers, each a process of its own, that write down what they train."""

    def __init__(self, folder):
        pytest.importorskip("distributed")
        self.tally, self.log, self.running = folder / "tally", (folder / "log").open("w"), []
        self.store = folder / "store"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.scheduler = self.start("scheduler", "--host", self.address)

    def start(self, what, *options, **more):
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TALLY": str(self.tally), **more}
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options, "--no-dashboard"]
        self.running.append(subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log))
        return self.running[-1]

    def worker(self, slow=0.2):
        options = ["--nthreads", "1", "--no-nanny", "--preload", "tests.tally"]
        return self.start("worker", self.address, *options, SLOW=str(slow))

    def submit(self):
        words = asked(self.store, "--scheduler", self.address)
        self.running.append(subprocess.Popen(words, stdout=-1, stderr=-1, text=True, cwd=ROOT))
        return self.running[-1]

    def trained(self):
        lines = self.tally.read_text().splitlines() if self.tally.exists() else []
        return [(int(pid), rep) for pid, _, rep in (line.partition(" ") for line in lines)]

    def close(self):
        for process in self.running:
            with contextlib.suppress(OSError):
                process.kill()
            process.communicate()
        self.log.close()


@pytest.fixture
def cluster(tmp_path):
    found = Cluster(tmp_path)
    yield found
    found.close()


def completed(process):
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert f"{len(study.plan(SPEC))} trainings of lenet {specs.key(SPEC)} are stored" in out
    return said


def test_a_worker_killed_in_a_task_costs_that_task_and_one_that_joins_late_helps(cluster, undisturbed):
    run = cluster.submit()
    first = cluster.worker(slow=1.5)
    until(cluster.trained, process=run)
    second = cluster.worker()
    until(lambda: any(pid == second.pid for pid, _ in cluster.trained()), process=run)
    shelf, trial = Store(cluster.store), [specs.Rep("ticket", t) for t in range(2)]
    units = [*trial, *(rep for rep in study.plan(SPEC) if rep.arm not in specs.TRUNKS)]
    held = [shelf.lease_file(SPEC, rep) for rep in units]
    until(lambda: any((who := lease.read(file)) and who.pid == first.pid for file in held), process=run)
    first.kill()
    completed(run)
    assert_same(shelf.rows(SPEC), undisturbed)
    times = Counter(rep for _, rep in cluster.trained())
    assert set(times) == set(map(str, study.plan(SPEC)))
    assert sum(times.values()) <= len(times) + 1  # killed between the training and its storing
    assert not list(cluster.store.rglob(f".*{lease.SUFFIX}"))


def test_the_same_study_submitted_twice_to_a_cluster_trains_nothing_twice(cluster, undisturbed):
    for _ in range(2):
        cluster.worker()
    for run in [cluster.submit(), cluster.submit()]:
        completed(run)
    assert_same(Store(cluster.store).rows(SPEC), undisturbed)
    assert sorted(rep for _, rep in cluster.trained()) == sorted(map(str, study.plan(SPEC)))


def test_a_scheduler_that_goes_away_is_one_line_and_what_is_stored_stays(cluster, undisturbed):
    run, worker = cluster.submit(), cluster.worker()
    until(lambda: len(cluster.trained()) > 1, process=run)
    cluster.scheduler.kill()
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 2, said
    lines = [line for line in said.splitlines() if line.startswith("lth: ")]
    assert lines[-1].startswith(
        f"lth: the scheduler at {cluster.address} is gone: what is stored stays; start one and "
    )
    assert "Traceback" not in said
    worker.kill()
    worker.wait()
    stored = {file: file.stat().st_mtime_ns for file in cluster.store.rglob("*.parquet")}
    assert len(stored) > 1
    study.run(SPEC, cluster.store, workers=1)
    assert all(file.stat().st_mtime_ns == then for file, then in stored.items())
    assert_same(Store(cluster.store).rows(SPEC), undisturbed)


def test_a_cluster_without_workers_is_waited_for_and_said(cluster):
    run = cluster.submit()
    said = []
    until(lambda: said.append(run.stderr.readline()) or "waiting for a worker of tcp://" in said[-1])
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=30) == 130

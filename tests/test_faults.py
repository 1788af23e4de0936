"""What goes wrong on real machines loses nothing that is stored, and makes nothing else come out."""

import io
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lthlib import cli, lease, specs
from lthlib.book import chapters
from lthlib.errors import LthError, SpecError, StoreError
from lthlib.lab import maintenance
from lthlib.lab.plan import missing, plan
from lthlib.lab.run import run
from lthlib.lab.store import Store
from tests import killed
from tests.forked import Forked, lth
from tests.lab.test_run import assert_same
from tests.lab.test_store import ARRAYS, REP, one_training
from tests.lab.test_store import SPEC as QUICK
from tests.test_lease import written

pytestmark = pytest.mark.faults

SIZE = {"trials": 2, "rounds": 2, "iterations": 20, "arms": ["ticket", "reinit", "random"]}
SPEC = specs.spec("lenet", "quick", **SIZE)
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The rows of the experiment, run without any fault."""
    store = tmp_path_factory.mktemp("undisturbed")
    run(SPEC, store, workers=1)
    return Store(store).rows(SPEC)


def asked(store, *options):
    """The words after `lth` that run the experiment."""
    size = [f"--{name}={','.join(value) if name == 'arms' else value}" for name, value in SIZE.items()]
    return ["run", "lenet", *size, "--store", str(store), *options]


def until(true, seconds=60, process=None):
    """Wait for a condition; a process that has ended meanwhile fails the test, with what it said."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.said()
        time.sleep(0.02)
    return found


# ------------------------------------------------------------------------------------------------------------ killing


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_fifty_random_moments_a_study_is_as_if_never_interrupted(tmp_path):
    run(killed.SPEC, tmp_path / "undisturbed", workers=1)
    command = [sys.executable, "-m", "tests.killed", str(tmp_path / "killed"), "0", "50"]
    often = {**os.environ, "LTH_CHECKPOINT_SECONDS": "0"}  # at every evaluation
    done = subprocess.run(command, cwd=ROOT, env=often, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    studies = counts.pop("studies")
    assert sum(counts.values()) >= 50
    assert min(counts.values()) >= 10
    expected = Store(tmp_path / "undisturbed").rows(killed.SPEC)
    for n in range(studies):
        found = Store(tmp_path / "killed" / str(n), strict=True)
        assert missing(killed.SPEC, found) == []
        when = ["seconds", "finished"]
        pd.testing.assert_frame_equal(found.rows().drop(columns=when), expected.drop(columns=when), check_exact=True)


# ----------------------------------------------------------------------------------------------------- a Dask cluster


class Cluster:
    """A scheduler and workers, each a process of its own, that write down what they train."""

    def __init__(self, folder):
        pytest.importorskip("distributed")
        self.folder, self.tally, self.store, self.running = folder, folder / "tally", folder / "store", []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.scheduler = self.start("scheduler", "--host", self.address)

    def start(self, what, *options, **more):
        """As `dask scheduler` or `dask worker` does."""
        code = f"from distributed.cli.dask_{what} import main\nmain({[*options, '--no-dashboard']!r})"
        return self.fork(code, TALLY=str(self.tally), **more)

    def fork(self, code, **more):
        self.running.append(Forked(code, self.folder / "said", **more))
        return self.running[-1]

    def worker(self, slow=0.2):
        options = ["--nthreads", "1", "--no-nanny", "--preload", "tests.tally"]
        return self.start("worker", self.address, *options, SLOW=str(slow))

    def submit(self):
        return self.fork(lth(asked(self.store, "--scheduler", self.address)))

    def trained(self):
        lines = self.tally.read_text().splitlines() if self.tally.exists() else []
        return [(int(pid), rep) for pid, _, rep in (line.partition(" ") for line in lines)]

    def close(self):
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    found = Cluster(tmp_path)
    yield found
    found.close()


def completed(process):
    assert process.wait() == 0, process.said()
    assert f"{len(plan(SPEC))} trainings of lenet {specs.key(SPEC)} are stored" in process.out.read_text()


def test_a_worker_killed_in_a_task_costs_that_task_and_one_that_joins_late_helps(cluster, undisturbed):
    asking = cluster.submit()
    first = cluster.worker(slow=1.5)
    until(cluster.trained, process=asking)
    second = cluster.worker()
    until(lambda: any(pid == second.pid for pid, _ in cluster.trained()), process=asking)
    shelf, trial = Store(cluster.store), [specs.Rep("ticket", t) for t in range(2)]
    units = [*trial, *(rep for rep in plan(SPEC) if rep.arm not in specs.TRUNKS)]
    held = [shelf.lease_file(SPEC, rep) for rep in units]
    until(lambda: any((who := lease.read(file)) and who.pid == first.pid for file in held), process=asking)
    first.kill()
    completed(asking)
    assert_same(shelf.rows(SPEC), undisturbed)
    times = Counter(rep for _, rep in cluster.trained())
    assert set(times) == set(map(str, plan(SPEC)))
    assert sum(times.values()) <= len(times) + 1  # killed between the training and its storing
    assert not list(cluster.store.rglob(f".*{lease.SUFFIX}"))


def test_the_same_study_submitted_twice_to_a_cluster_trains_nothing_twice(cluster, undisturbed):
    for _ in range(2):
        cluster.worker()
    for asking in [cluster.submit(), cluster.submit()]:
        completed(asking)
    assert_same(Store(cluster.store).rows(SPEC), undisturbed)
    assert sorted(rep for _, rep in cluster.trained()) == sorted(map(str, plan(SPEC)))


def test_a_scheduler_that_goes_away_is_one_line_and_what_is_stored_stays(cluster, undisturbed):
    asking, worker = cluster.submit(), cluster.worker()
    until(lambda: len(list(cluster.store.rglob("*.parquet"))) > 1, process=asking)
    cluster.scheduler.kill()
    assert asking.wait() == 2, asking.said()
    said = asking.said()
    lines = [line for line in said.splitlines() if line.startswith("lth: ")]
    assert lines[-1].startswith(
        f"lth: the scheduler at {cluster.address} is gone: what is stored stays; start one and "
    )
    assert "Traceback" not in said
    worker.kill()
    worker.wait()
    stored = {file: file.stat().st_mtime_ns for file in cluster.store.rglob("*.parquet")}
    assert len(stored) > 1
    run(SPEC, cluster.store, workers=1)
    assert all(file.stat().st_mtime_ns == then for file, then in stored.items())
    assert_same(Store(cluster.store).rows(SPEC), undisturbed)


def test_a_cluster_without_workers_is_waited_for_and_said(cluster):
    asking = cluster.submit()
    until(lambda: "waiting for a worker of tcp://" in asking.said(), process=asking)
    asking.kill(signal.SIGINT)
    assert asking.wait(timeout=30) == 130


# -------------------------------------------------------------------------------------------------------- full, locked


NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def can_mount():
    if not shutil.which("unshare"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        return not subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "none", folder], capture_output=True).returncode


def told(process):
    """The lines that the command line said, one after the other: exit status, and what went to stderr."""
    assert process.returncode == 0, process.stderr
    return [json.loads(line) for line in process.stdout.splitlines() if line.startswith("[")]


@pytest.mark.skipif(not can_mount(), reason="needs to mount a file system of its own")
def test_a_disk_that_fills_up_and_one_that_may_only_be_read_are_one_line_each(undisturbed, tmp_path):
    """On a tmpfs of 3 MB, then of 64 MB, then mounted for reading only."""
    disk, results, other = tmp_path / "disk", tmp_path / "results", tmp_path / "other"
    disk.mkdir()
    Store(other).open(QUICK).save(QUICK, REP, one_training(), ARRAYS)
    code = f"""
import contextlib, io, json, subprocess, sys
from pathlib import Path
from lthlib import cli
from lthlib.lab import cost, run
run.room = lambda *_: 0  # else it would be told beforehand
cost.predict = lambda *_: "not calibrated"

def mount(*options):
    subprocess.run(["mount", *options, {str(disk)!r}], check=True)

def lth(*arguments):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        status = cli.main(list(arguments))
    lines = [line for line in said.getvalue().splitlines() if line.startswith("lth: ")]
    files = sorted(str(path) for path in Path({str(disk)!r}).rglob("*") if path.is_file())
    print(json.dumps([status, lines, files]))

words, store = {asked("STORE")!r}, {str(disk)!r} + "/store"
words = [store if word == "STORE" else word for word in words] + ["--workers", "1", "--device", "cpu"]
mount("-t", "tmpfs", "-o", "size=3m", "none")
lth(*words)
lth("status", "--store", store)
mount("-o", "remount,size=64m")
lth(*words)
mount("-o", "remount,ro")
lth(*words)
lth("status", "--store", store)
lth(*words, "--trials", "3")
lth("merge", {str(other)!r}, "--store", store)
lth("export", "--store", store, "--to", {str(results)!r})
"""
    done = subprocess.run([*NAMESPACE, sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    full, read, resumed, *locked = told(done)
    assert full[0] == 2
    assert len(full[1]) == 1
    assert "No space left on device" in full[1][-1]
    assert full[2]
    assert not [file for file in full[2] if Path(file).name.startswith(".")]
    assert read == [0, [], full[2]]
    assert resumed[0] == 0
    assert {*full[2]} < {*resumed[2]}
    assert [status for status, *_ in locked] == [0, 0, 2, 2, 0]
    for _, lines, files in locked:
        assert files == resumed[2]
        assert len(lines) == 0 or "Read-only file system" in lines[0]
    assert_same(Store(results).rows(SPEC), undisturbed)


def test_a_limit_on_the_size_of_files_is_one_line_and_the_rest_resumes(undisturbed, tmp_path):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))  # weights have 1 MB
    try:
        with pytest.raises(StoreError, match="cannot write ticket trial 0 round 0 .*File too large") as error:
            run(SPEC, tmp_path, workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(error.value)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["spec.json"]
    run(SPEC, tmp_path, workers=1)
    assert_same(Store(tmp_path).rows(SPEC), undisturbed)


# --------------------------------------------------------------------------------------------------------- bad input


LENET = ["run", "lenet", "--store", "store"]
FLAGS = {  # what is typed, and what is said
    "run lanet": "unknown network 'lanet'; choose from lenet",
    "run lenet --rounds -1": "rounds must be at least 0, not -1",
    "run lenet --iterations -5": "iterations must be at least 1, not -5",
    "run lenet --iterations 1000000000000000": "make room or choose another folder",
    "run lenet --reinits -1": "reinits must be at least 0",
    "run lenet --randoms -1": "randoms must be at least 0",
    "run lenet --seed -1": "seed must be at least 0",
    "run lenet --arms=": "unknown arm ''; choose from ticket",
    "run lenet --arms ticket,ticket": "an arm is named twice: ticket, ticket",
    "run lenet --arms ticket,,reinit": "unknown arm ''",
    "run lenet --arms Ticket": "unknown arm 'Ticket'; choose from ticket",
    "run lenet --precision fp64": "unknown precision 'fp64'; choose from fp32",
    "run lenet --precision tf32 --device cpu": "tf32 products are a GPU's",
    "run lenet --data cifar10": "lenet takes mnist or mnist5k, not cifar10",
    "run lenet --data=": "unknown data ''",
    "run lenet --workers -3": "workers must be at least 1, not -3",
    "run lenet --device gpu": "the device 'gpu' is not available here: choose auto, cpu",
    "run lenet --profile Quick": "unknown profile 'Quick'; choose from quick",
    "run lenet --store notes.txt --trials 9": "cannot write to notes.txt (Not a directory)",
    "run lenet --store notes.txt/store": "cannot write to notes.txt/store (Not a directory)",
    "run lenet --scheduler tcp://h:1 --workers 2": "leave out one of the two",
    "run lenet --scheduler nonsense --trials 9": "no Dask scheduler answers at nonsense (missing port number",
    "run lenet --data mnist --data-root notes.txt": "MNIST cannot be read from notes.txt/MNIST/raw",
    "run conv2 --data cifar10 --data-root notes.txt": "CIFAR-10 cannot be read from notes.txt/cifar-10-batches-py",
    "run conv2 --data cifar10_folder --data-root .": "there is no folder cifar10: put images in its train/<class>/",
    "run conv2 --data cifar10_jpeg --data-root .": "there is neither a folder cifar10 nor a file cifar10-jpeg.tar.xz",
    "cost lanet": "unknown network 'lanet'",
    "cost lenet --trials 0": "trials must be at least 1",
    "status --store notes.txt": "there is no store at notes.txt",
    "merge nowhere": "there is no store at nowhere",
    "merge notes.txt": "there is no store at notes.txt",
    "merge store --store ./store": "store is the store itself",
    "merge store --store notes.txt": "cannot write to notes.txt",
    "gc --store nowhere": "there is no store at nowhere",
    "gc": "there is no terminal to ask on: add --yes",
    "claims --store notes.txt": "there is no store at notes.txt",
    "export 0123456789ab": "the store store has no experiment '0123456789ab', but",
    "export lenet --trial 0 out.safetensors": "lth export NETWORK --trial T --round N FILE",
    "export lenet --trial 7 --round 0 out.safetensors": "ticket trial 7 round 0 of lenet",
    "export lenet --trial 0 --round -1 out.safetensors": "ticket trial 0 round -1 of lenet",
    "export lenet --trial 0 --round 0 notes.txt": "notes.txt",
    "export --to notes.txt": "cannot write to notes.txt",
    "bench lanet": "unknown network 'lanet'; benched are",
}
REFUSED = [  # by the parser, which names the option and says how it is used
    "run",
    "run lenet conv2",
    "run lenet --trials 2.5",
    "run lenet --trials=",
    "run lenet --seed zero",
    "run lenet --lr 0.1",
    "merge",
    "merge a b",
    "gc --no",
    "status store",
    "cost",
    "export lenet --trial first --round 0 f",
]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small finished experiment, through the command line."""
    folder = tmp_path_factory.mktemp("small")
    words = "run lenet --trials 1 --rounds 1 --iterations 20 --arms ticket,reinit --workers 1 --store"
    assert cli.main([*words.split(), str(folder / "store")]) == 0
    return folder / "store"


@pytest.fixture
def desk(small, tmp_path, monkeypatch):
    """A folder to work in, without a network, with that experiment in a store, a note, and something to clear away."""

    def offline(*_, **__):
        raise OSError("no route to host")

    shutil.copytree(small, tmp_path / "store")
    (tmp_path / "notes.txt").write_text("mine")
    aside = next((tmp_path / "store").rglob("*.npz")).with_name("ticket-t0-r00-d0.npz.aside")
    aside.write_text("damaged")
    os.utime(aside, (0, 0))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("typed", FLAGS)
def test_a_bad_word_is_one_line_that_says_what_to_do_and_changes_nothing(typed, desk, monkeypatch, capsys):
    monkeypatch.setattr("lthlib.lab.task.training", None)  # nothing is to be trained
    before = contents(desk)
    assert cli.main(typed.split(" ")) == 2
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("lth: ")]
    assert len(lines) == 1, said
    assert FLAGS[typed] in lines[0]
    assert "Traceback" not in said
    after = contents(desk)
    assert {path: after[path] for path in before} == before
    assert not [path for path in after.keys() - before.keys() if path.name != "spec.json"]


@pytest.mark.parametrize("typed", REFUSED)
def test_what_the_parser_refuses_has_status_2_and_says_how_it_is_used(typed, desk, capsys):
    before = contents(desk)
    with pytest.raises(SystemExit) as stop:
        cli.main(typed.split(" "))
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: lth")
    assert ": error: " in said.splitlines()[-1]
    assert contents(desk) == before


FIELDS = [  # of a Spec, or a chapter's parameters
    ("trials must be a whole number, not 2.5", {"trials": 2.5}),
    ("trials must be a whole number, not True", {"trials": True}),
    ("iterations must be a whole number, not '100'", {"iterations": "100"}),
    ("iterations must be a whole number, not nan", {"iterations": math.nan}),
    ("unknown parameter 'trails'; choose from data", {"trails": 3}),
    ("unknown parameter 'rates'", {"rates": 0.1}),
    ("batch must be at least 1, not 0", {"batch": 0}),
    ("eval_every must be at least 1", {"eval_every": 0}),
    ("train_eval must be at least 1", {"train_eval": -1}),
    ("branch_step must be at least 1", {"branch_step": 0}),
    ("oneshot_step must be at least 1", {"oneshot_step": 0}),
    ("seed must be a whole number, not 'a'", {"seed": "a"}),
    ("lr must be positive and finite, not nan", {"lr": math.nan}),
    ("lr must be positive and finite, not inf", {"lr": math.inf}),
    ("lr must be positive and finite, not -1.0", {"lr": -1}),
    (r"rate_fc must lie in \[0, 1\), not 1.0", {"rate_fc": 1}),
    (r"rate_out must lie in \[0, 1\), not -0.1", {"rate_out": -0.1}),
    (r"width must lie in \(0, 10?\], not 0.0", {"width": 0}),
    ("unknown optimiser 'lamb'; choose from adam, sgd", {"optimiser": "lamb"}),
    ("momentum and weight_decay are for the optimiser sgd", {"momentum": 0.9}),
    ("unknown inputs 'white'; choose from unit", {"inputs": "white"}),
    ("unknown scope 'net'; choose from layer", {"scope": "net"}),
    ("unknown precision 'fp8'", {"precision": "fp8"}),
    ("augment is for networks that take images", {"augment": True}),
    ("augment must be true or false, not 1", {"augment": 1}),
    ("dropout is for conv2, conv4 and conv6", {"dropout": 0.5}),
    (r"drops must be iterations, in order, not \(3, 1\)", {"drops": (3, 1)}),
    ("drops must be a list of iterations, not 3", {"drops": 3}),
    ("arms must be a list of arm names, not 'ticket'", {"arms": "ticket"}),
    ("no arm to run", {"arms": []}),
    ("unknown arm 3|unknown arm '3'", {"arms": [3]}),
    ("unknown data 'svhn'", {"data": "svhn"}),
    ("data must be a name, not 5", {"data": 5}),
    ("unknown profile '3'", {"profile": 3}),
    ("store must be the path of a folder, not 3", {"store": 3}),
    ("the device 'tpu' is not available", {"device": "tpu"}),
]


@pytest.mark.parametrize(("words", "parameters"), FIELDS)
def test_a_bad_parameter_of_a_chapter_is_one_line_before_anything_is_trained(words, parameters, desk):
    before = contents(desk)
    with pytest.raises(SpecError, match=words) as error:
        chapters.experiment("lenet", **parameters)
    assert "\n" not in str(error.value)
    assert contents(desk) == before


# ------------------------------------------------------------------------------------------------------- damaged files


def other_version(file):
    rows = pd.read_parquet(file).assign(results_version=0)
    rows.to_parquet(file)


DAMAGE = {
    "empty": lambda file: file.write_bytes(b""),
    "cut off": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "text": lambda file: file.write_text("something else"),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
}
KINDS = {
    "rows": "ticket-t0-r01-d0.parquet",
    "rows of a branch": "reinit-t0-r01-d0.parquet",
    "weights": "ticket-t0-r00-d0.npz",
    "description": "spec.json",
    "lease": ".ticket-t0.running",
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_of_a_store_is_said_made_again_and_not_deleted(kind, how, desk, small):
    (spec,) = Store(small).asked()
    file = next((desk / "store").glob("lenet-*")) / KINDS[kind]
    if kind == "lease":
        written(file)
    DAMAGE[how](file)
    damaged = file.read_bytes()
    os.utime(file, (0, 0))  # so that a lease is nobody's
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert cli.main(["status", "--store", "store"]) == 0
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run(spec, desk / "store", workers=1)
    aside = file.with_name(f"{file.name}.aside")
    if kind in ("description", "lease"):  # which say nothing that is not known otherwise
        assert said == []
    else:
        (line,) = (str(warning.message) for warning in said)
        assert "is no use" in line
        assert f"set aside as {aside.name}, to be made again" in line
        assert aside.read_bytes() == damaged
    assert_same(Store("store", strict=True).rows(), Store(small).rows())


RAW = {
    "mnist": {"MNIST/raw/train-images-idx3-ubyte": 0, "MNIST/raw/train-labels-idx1-ubyte": 0},
    "cifar10": {"cifar-10-batches-py/data_batch_1": 0, "cifar-10-batches-py/batches.meta": 0},
    "cifar10_jpeg": {"cifar10-jpeg.tar.xz": 0},
    "cifar10_folder": {"cifar10/train/cat/1.png": 0, "cifar10/test/cat/1.png": 0},
}


@pytest.mark.parametrize("content", [b"", b"not what it should be", bytes(2_000)], ids=["empty", "text", "zeros"])
@pytest.mark.parametrize("name", RAW)
def test_wrong_data_files_are_one_line_and_stay(name, content, desk, capsys):
    for path in RAW[name]:
        (desk / "data" / path).parent.mkdir(parents=True, exist_ok=True)
        (desk / "data" / path).write_bytes(content)
    before = contents(desk)
    network = "lenet" if name == "mnist" else "conv2"
    assert cli.main(["run", network, "--data", name, "--data-root", "data", "--device", "cpu"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("lth: ")]
    assert len(lines) == 1
    assert "data" in lines[0]
    after = contents(desk)
    assert {path: after.get(path) for path in before} == before


# ------------------------------------------------------------------------------------------------------- fuzzed files


@settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_no_damage_to_any_file_of_a_store_makes_a_reader_crash(small, tmp_path, data):
    """Cut off, with bytes changed, or replaced: every reader says nothing, warns, or raises one line."""
    shutil.rmtree(tmp_path / "store", ignore_errors=True)
    shutil.copytree(small, tmp_path / "store")
    (spec,) = Store(small).asked()
    Store(small).pack(spec, tmp_path / "store")  # a file of the other layout
    written(Store(tmp_path / "store").lease_file(spec, specs.Rep("ticket", 0)))
    file = data.draw(st.sampled_from(sorted(path for path in (tmp_path / "store").rglob("*") if path.is_file())))
    content = bytearray(file.read_bytes())
    how = data.draw(st.sampled_from(["cut off", "changed", "replaced", "longer"]))
    if how == "cut off":
        del content[data.draw(st.integers(0, len(content))) :]
    elif how == "changed":
        for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=20)):
            content[place] = data.draw(st.integers(0, 255))
    elif how == "replaced":
        content = data.draw(st.binary(max_size=200))
    else:
        content += data.draw(st.binary(min_size=1, max_size=200))
    file.write_bytes(content)
    store, said = Store(tmp_path / "store"), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for read in (
            lambda: store.experiments(store.rows()),
            lambda: Store(store.path, strict=True).rows(),
            store.asked,
            lambda: store.running(spec),
            lambda: maintenance.orphans(store),
            lambda: maintenance.merge(Store(tmp_path / "into"), store),
            lambda: missing(spec, store),
            lambda: store.set_aside(spec, plan(spec)),
        ):
            try:
                read()
            except LthError as error:
                said.append(str(error))
    assert not [line for line in said if "\n" in line]
    shutil.rmtree(tmp_path / "into", ignore_errors=True)

"""What another machine ran comes in once and overwrites nothing; what is removed is nobody's."""

import json
import os
import time
import uuid

import numpy as np
import pandas as pd
import pytest

from lthlib import cli, lease, specs
from lthlib.errors import StoreError
from lthlib.lab import maintenance
from lthlib.lab.store import Store
from lthlib.specs import Rep
from lthlib.specs.columns import TRAINING
from tests.lab.test_store import ARRAYS, SPEC, files, one_training, same
from tests.test_lease import written

CHAIN = [Rep("ticket", 0, n) for n in range(3)]
BRANCH = Rep("reinit", 0, 1)


def filled(path, reps, **changes):
    """A store with these trainings."""
    store = Store(path).open(SPEC)
    for rep in reps:
        store.save(SPEC, rep, one_training(rep).assign(**changes), ARRAYS)
    return store


def trainings(store):
    return set(store.rows()[["arm", "trial", "round", "draw"]].itertuples(index=False, name=None))


def snapshot(store):
    return {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in store.path.rglob("*") if file.is_file()}


# -------------------------------------------------------------------------------------------------------------- merge


def test_what_another_store_has_comes_in_once(tmp_path):
    ours, other = filled(tmp_path / "ours", CHAIN[:2]), filled(tmp_path / "other", [*CHAIN, BRANCH])
    before, theirs = snapshot(ours), snapshot(other)
    assert str(maintenance.merge(ours, other)) == "2 trainings came in, 2 were there already"
    assert trainings(ours) == set(map(tuple, [*CHAIN, BRANCH]))
    assert all(ours.has(SPEC, rep) for rep in [*CHAIN, BRANCH])
    assert np.array_equal(ours.arrays(SPEC, CHAIN[2])["theta.w"], ARRAYS["theta.w"])
    assert before.items() <= (after := snapshot(ours)).items()
    assert str(maintenance.merge(ours, other)) == "0 trainings came in, 4 were there already"
    assert snapshot(ours) == after
    assert snapshot(other) == theirs


def test_an_empty_store_gets_everything_and_the_experiments_description(tmp_path):
    other = filled(tmp_path / "other", [*CHAIN, BRANCH])
    ours = Store(tmp_path / "new" / "ours")
    maintenance.merge(ours, other)
    same(ours.rows(SPEC), other.rows(SPEC))
    assert files(ours) == files(other)
    assert ours.asked() == [SPEC]


def test_who_ran_it_and_when_makes_no_conflict(tmp_path):
    ours = filled(tmp_path / "ours", CHAIN)
    other = filled(tmp_path / "other", CHAIN, device="another", finished="2030-01-01T00:00:00+00:00", seconds=1e3)
    assert str(maintenance.merge(ours, other)) == "0 trainings came in, 3 were there already"


def test_what_one_run_has_not_evaluated_makes_no_conflict(tmp_path):
    ours, other = filled(tmp_path / "ours", CHAIN), filled(tmp_path / "other", CHAIN[:1])
    sparse = one_training(CHAIN[1])
    sparse.loc[1::2, ["test_acc", "test_loss", "train_acc", "train_loss"]] = np.nan
    other.save(SPEC, CHAIN[1], sparse, ARRAYS)
    sparse = one_training(CHAIN[2]).assign(val_loss=np.nan)  # which is measured in every run
    other.save(SPEC, CHAIN[2], sparse, ARRAYS)
    assert maintenance.merge(ours, other).counts == {"new": 0, "same": 2, "conflict": 1, "busy": 0}


def test_a_branch_that_differs_stays_ours_and_is_counted(tmp_path):
    ours, other = filled(tmp_path / "ours", [*CHAIN, BRANCH]), filled(tmp_path / "other", CHAIN)
    other.save(SPEC, BRANCH, one_training(BRANCH).assign(test_acc=12.5), {})
    before = snapshot(ours)
    said = f"1 are other than ours, which stay as they are ({BRANCH} of {specs.key(SPEC)})"
    assert str(maintenance.merge(ours, other)) == f"0 trainings came in, 3 were there already; {said}"
    assert snapshot(ours) == before


def test_of_a_trial_with_another_chain_nothing_comes_in(tmp_path):
    """Its branches would hang on tickets that are not here."""
    ours, other = filled(tmp_path / "ours", CHAIN[:2]), filled(tmp_path / "other", [*CHAIN, BRANCH])
    other.save(SPEC, CHAIN[1], one_training(CHAIN[1]).assign(val_loss=0.25), ARRAYS)
    elsewhere = Rep("ticket", 1)
    other.save(SPEC, elsewhere, one_training(elsewhere), ARRAYS)
    merged = maintenance.merge(ours, other)
    assert dict(merged.counts) == {"same": 1, "new": 1, "conflict": 3, "busy": 0}
    assert trainings(ours) == {tuple(rep) for rep in (*CHAIN[:2], elsewhere)}


def test_a_packed_table_comes_in_as_one_and_rows_with_weights_come_first(tmp_path):
    ours = filled(tmp_path / "ours", CHAIN[:2])
    filled(tmp_path / "other", [*CHAIN, BRANCH]).pack(SPEC, tmp_path / "results")
    for counts in ({"new": 2, "same": 2}, {"new": 0, "same": 4}):
        assert counts.items() <= maintenance.merge(ours, Store(tmp_path / "results")).counts.items()
    assert trainings(ours) == set(map(tuple, [*CHAIN, BRANCH]))
    assert not ours.has(SPEC, CHAIN[2])  # no weights: to be trained again if a run asks for it
    assert len(ours.rows().drop_duplicates([*TRAINING, "iteration"])) == len(ours.rows())


def test_files_that_are_no_use_are_left_where_they_are_and_counted(tmp_path):
    ours, other = Store(tmp_path / "ours"), filled(tmp_path / "other", [*CHAIN, BRANCH])
    folder = next(path for path in other.path.iterdir())
    (folder / "ticket-t0-r01-d0.npz").write_bytes(b"PK")  # weights that are damaged
    (folder / "reinit-t0-r01-d0.parquet").write_bytes(b"PAR1")
    (folder / "reinit-t3-r01-d0.parquet").write_bytes((folder / "ticket-t0-r00-d0.parquet").read_bytes())  # misnamed
    (folder / "notes.parquet").write_text("not ours")
    other.save(SPEC, Rep("reinit", 1, 1), one_training(Rep("reinit", 1, 1)).assign(results_version=0), {})
    before = snapshot(other)
    merged = maintenance.merge(ours, other)
    assert (merged.counts["new"], merged.counts["unusable"]) == (2, 4)
    assert "4 are no use and were left (lenet-" in str(merged)
    assert snapshot(other) == before


def test_what_is_being_trained_here_is_left_for_later(tmp_path):
    ours, other = filled(tmp_path / "ours", []), filled(tmp_path / "other", [*CHAIN, BRANCH])
    with lease.hold([ours.lease_file(SPEC, BRANCH)]):
        assert dict(maintenance.merge(ours, other).counts) == {"busy": 1, "new": 3, "same": 0, "conflict": 0}
    with lease.hold([ours.lease_file(SPEC, CHAIN[0])]):
        assert maintenance.merge(ours, other).counts["busy"] == 4
    assert maintenance.merge(ours, other).counts == {"new": 1, "same": 3, "busy": 0, "conflict": 0}
    assert not list(ours.path.rglob(f"*{lease.SUFFIX}*"))


def test_a_store_into_itself_or_where_nothing_can_be_written_is_one_line(tmp_path):
    store = filled(tmp_path / "store", CHAIN)
    with pytest.raises(StoreError, match="is the store itself"):
        maintenance.merge(store, Store(tmp_path / "." / "store"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write to .*choose another folder"):
        maintenance.merge(Store(tmp_path / "file" / "store"), store)


def test_the_command_says_it_in_one_line(tmp_path, capsys):
    filled(tmp_path / "other", CHAIN)
    arguments = ["merge", str(tmp_path / "other"), "--store", str(tmp_path / "ours")]
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == "3 trainings came in, 0 were there already\n"


# ----------------------------------------------------------------------------------------------------------------- gc


@pytest.fixture
def littered(tmp_path):
    """A store with something of everything: which of its files are nobody's, and which are."""
    store = filled(tmp_path / "store", [*CHAIN, BRANCH])
    folder = next(store.path.iterdir())
    litter = [
        folder / f".ticket-t0-r01-d0.npz.{uuid.uuid4().hex}",
        folder / f".spec.json.{uuid.uuid4().hex}",
        folder / f".clock.running.{uuid.uuid4().hex}",
        folder / ".ticket-t0.running.burial",
        store.path / f".lenet-{specs.key(SPEC)}.parquet.{uuid.uuid4().hex}",
        folder / "ticket-t0-r02-d0.npz.aside",
        folder / "reinit-t0-r02-d0.parquet.aside",
        folder / "ticket-t7-r00-d0.npz",
        folder / "ticket-t0-r00-d0.checkpoint",
    ]
    kept = [
        folder / "ticket-t7-r00-d0.checkpoint",  # of a training to go on with
        folder / "notes.npz",
        folder / "readme.txt",
        folder / ".hidden",
        store.path / "readme.txt",
    ]
    for file in [*litter, *kept]:
        file.write_bytes(b"x")
        os.utime(file, (time.time() - 1_000,) * 2)
    dead = folder / ".ticket-t1.running"
    written(dead, age=1_000)
    written(folder / ".ticket-t2.running")
    (folder / f".reinit-t0-r01-d0.parquet.{uuid.uuid4().hex}").write_bytes(b"in the making")
    (folder / "ticket-t8-r00-d0.npz").write_bytes(b"its rows come next")
    return store, [*litter, dead]


def test_only_what_nothing_refers_to_is_removed_after_it_was_listed(littered, capsys):
    store, litter = littered
    rows, before = store.rows(), set(store.path.rglob("*"))
    assert sorted(maintenance.orphans(store)) == sorted(litter)
    assert cli.main(["gc", "--store", str(store.path), "--yes"]) == 0
    said = capsys.readouterr().out
    assert all(str(file) in said for file in litter)
    assert said.endswith(f"{len(litter)} files removed\n")
    assert set(store.path.rglob("*")) == before - set(litter)
    pd.testing.assert_frame_equal(store.rows(), rows)
    assert cli.main(["gc", "--store", str(store.path)]) == 0
    assert "there is nothing to remove" in capsys.readouterr().out


@pytest.mark.parametrize("answer", ["", "n", "what?"])
def test_without_a_yes_nothing_is_removed(littered, monkeypatch, answer):
    store, _ = littered
    before = snapshot(store)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert cli.main(["gc", "--store", str(store.path)]) == 0
    assert snapshot(store) == before


def test_without_a_terminal_it_asks_for_yes(littered, monkeypatch, capsys):
    store, _ = littered
    before = snapshot(store)
    assert cli.main(["gc", "--store", str(store.path)]) == 2
    assert capsys.readouterr().err == (
        "lth: lth gc asks before it removes anything, and there is no terminal to ask on: add --yes\n"
    )
    assert snapshot(store) == before


# ------------------------------------------------------------------------------------------------------------- status


def status(store, capsys):
    assert cli.main(["status", "--store", str(store.path), "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert cli.main(["status", "--store", str(store.path)]) == 0
    return lines, capsys.readouterr().out


def test_status_tells_what_is_running_stale_and_left(tmp_path, capsys):
    spec = specs.spec("lenet", "quick", trials=1, rounds=3, arms=["ticket"])
    store = Store(tmp_path).open(spec)
    for n, version in enumerate((specs.RESULTS_VERSION, specs.RESULTS_VERSION, specs.RESULTS_VERSION - 1)):
        rows = one_training(Rep("ticket", 0, n)).assign(seconds=90.0, results_version=version)
        store.save(spec, Rep("ticket", 0, n), rows, ARRAYS)
    with lease.hold([store.lease_file(spec, Rep("ticket", 0))]):
        (line,), table = status(store, capsys)
    assert (line["stored"], line["planned"], line["missing"], line["stale"]) == (2, 4, 2, 1)
    assert len(line["running"]) == 1
    assert line["running"][0].startswith(f"ticket-t0: process {os.getpid()} on ")
    assert line["rest_seconds"] == 180
    assert "3 min" in table
    (line,), _ = status(store, capsys)
    assert line["running"] == []


def test_status_of_an_experiment_that_has_just_begun_knows_not_how_long_it_takes(tmp_path, capsys):
    (line,), table = status(Store(tmp_path).open(SPEC), capsys)
    assert (line["stored"], line["missing"], line["rest_seconds"]) == (0, line["planned"], None)
    assert "unknown" in table

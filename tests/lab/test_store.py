"""Nothing stored is ever lost, half written or mistaken for something else."""

import errno
import os
import zipfile

import numpy as np
import pandas as pd
import pytest

from lthlib import specs
from lthlib.errors import StoreError
from lthlib.lab.files import TEXT
from lthlib.lab.store import Store
from lthlib.specs import Rep
from lthlib.specs.columns import COLUMNS, TRAINING
from tests.rows import make_rows

SPEC = specs.spec("lenet", "quick")
REP = Rep("ticket", 1, 3)
ARRAYS = {"theta.w": np.arange(6, dtype=np.float32).reshape(2, 3), "mask.w": np.eye(2, 3, dtype=bool)}


def one_training(rep=REP, spec=SPEC):
    rows = make_rows(trials=2, rounds=3, arms=("ticket", "reinit"), iterations=1_500, key=specs.key(spec))
    chosen = (rows["arm"] == rep.arm) & (rows["trial"] == rep.trial) & (rows["round"] == rep.round)
    rows = rows[chosen & (rows["draw"] == rep.draw)].sort_values("iteration", ignore_index=True)
    rows = rows.assign(spec=specs.as_json(spec), test_loss=0.5, train_loss=0.4, results_version=specs.RESULTS_VERSION)
    return rows[COLUMNS]


def same(rows, expected):
    plain = ({**frame, **{name: frame[name].astype(str) for name in TEXT}} for frame in (rows, expected))
    pd.testing.assert_frame_equal(*map(pd.DataFrame, plain), check_dtype=False)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store").open(SPEC)


def files(store):
    return sorted(p.name for p in store.path.rglob("*") if p.is_file())


def test_what_is_saved_is_read_again(store):
    assert not store.has(SPEC, REP)
    store.save(SPEC, REP, one_training(), ARRAYS)
    assert store.has(SPEC, REP)
    same(store.rows(SPEC), one_training())
    kept = store.arrays(SPEC, REP)
    assert all(np.array_equal(kept[name], ARRAYS[name]) and kept[name].dtype == ARRAYS[name].dtype for name in ARRAYS)


def test_saving_twice_is_saving_once(store):
    for _ in range(2):
        store.save(SPEC, REP, one_training(), ARRAYS)
    assert len(store.rows()) == len(one_training())
    assert files(store) == ["spec.json", "ticket-t1-r03-d0.npz", "ticket-t1-r03-d0.parquet"]


@pytest.mark.parametrize("kind", ["npz", "parquet"])
@pytest.mark.parametrize("keep", [0, 100])
def test_a_truncated_file_is_set_aside_with_a_warning_and_the_rest_stays_readable(store, kind, keep):
    other = Rep("ticket", 0, 1)
    for rep in (REP, other):
        store.save(SPEC, rep, one_training(rep), ARRAYS)
    broken = next(store.path.rglob(f"*t1*.{kind}"))
    broken.write_bytes(broken.read_bytes()[:keep])
    before = files(store)
    assert not store.has(SPEC, REP)
    assert files(store) == before, "a question changes nothing"
    with pytest.warns(UserWarning, match="is no use.*set aside"):
        store.set_aside(SPEC, [REP, other])
    assert f"{broken.name}.aside" in files(store)
    assert broken.name not in files(store)
    assert store.has(SPEC, other)
    assert 0 in store.rows(SPEC)["trial"].unique()


def test_a_foreign_file_does_not_hide_the_rows(store):
    store.save(SPEC, REP, one_training(), ARRAYS)
    (store.path / "lenet-x").mkdir()
    (store.path / "lenet-x" / "notes.parquet").write_text("not a table")
    with pytest.warns(UserWarning, match="notes.parquet cannot be read as results.*passed over"):
        assert len(store.rows()) == len(one_training())


def test_damage_inside_a_file_is_seen_and_a_file_that_may_not_be_read_is_left_alone(store, monkeypatch):
    store.save(SPEC, REP, one_training(), ARRAYS)
    arrays = next(store.path.rglob("*.npz"))
    whole = arrays.read_bytes()
    with zipfile.ZipFile(arrays) as members:
        middle = members.infolist()[1].header_offset - 5  # the end of what the first member holds
    arrays.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    assert not store.has(SPEC, REP)
    store.save(SPEC, REP, one_training(), ARRAYS)

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("pyarrow.parquet.read_table", refused)
    before = files(store)
    for look in (lambda: store.has(SPEC, REP), lambda: store.set_aside(SPEC, [REP])):
        with pytest.raises(StoreError, match="cannot read .*Permission denied"):
            look()
    assert files(store) == before


def test_committed_results_that_are_damaged_stop_whoever_reads_them(store, tmp_path):
    store.save(SPEC, REP, one_training(), ARRAYS)
    file = store.pack(SPEC, tmp_path / "results")
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(StoreError, match="cannot be read as results.*restore it"):
        Store(tmp_path / "results", strict=True).rows()
    assert file.exists()


def test_an_experiment_whose_description_is_garbage_is_known_from_its_rows(store):
    store.save(SPEC, REP, one_training(), ARRAYS)
    for garbage in ("{", '{"bogus": 1}', "null", "\x00"):
        next(store.path.rglob("spec.json")).write_text(garbage)
        assert [specs.key(s) for s in store.experiments(store.rows())] == [specs.key(SPEC)]


def test_packing_adds_to_what_is_there(store, tmp_path):
    store.save(SPEC, REP, one_training(), ARRAYS)
    store.pack(SPEC, tmp_path / "results")
    other = Store(tmp_path / "other").open(SPEC)
    other.save(SPEC, Rep("ticket", 0, 1), one_training(Rep("ticket", 0, 1)), ARRAYS)
    other.pack(SPEC, tmp_path / "results")
    assert len(Store(tmp_path / "results").rows().drop_duplicates(TRAINING)) == 2


def test_a_write_that_fails_leaves_no_half_file_and_one_line(store, monkeypatch):
    store.save(SPEC, Rep("reinit", 0, 1), one_training(Rep("reinit", 0, 1)), {})

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = files(store)
    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(StoreError, match="No space left on device.*stored stays valid") as error:
        store.save(SPEC, Rep("reinit", 1, 1), one_training(Rep("reinit", 1, 1)), {})
    assert "\n" not in str(error.value)
    assert files(store) == before
    assert len(store.rows())


def test_a_store_that_cannot_be_written_is_told_before_any_work(tmp_path):
    (tmp_path / "store").write_text("a file, not a folder")
    with pytest.raises(StoreError, match="cannot write to .*Not a directory.*choose another folder"):
        Store(tmp_path / "store").open(SPEC)


def test_packing_keeps_every_row_in_one_file_that_reads_alike(store, tmp_path):
    for rep in (REP, Rep("reinit", 0, 2)):
        store.save(SPEC, rep, one_training(rep), ARRAYS)
    file = store.pack(SPEC, tmp_path / "results")
    assert file.name == f"lenet-{specs.key(SPEC)}.parquet"
    pd.testing.assert_frame_equal(Store(tmp_path / "results").rows(SPEC), store.rows(SPEC))


def test_no_results_are_an_empty_table_with_all_columns(tmp_path):
    assert list(Store(tmp_path / "nowhere").rows().columns) == COLUMNS
    with pytest.raises(StoreError, match="no results of lenet"):
        Store(tmp_path).pack(SPEC, tmp_path / "results")


def test_rows_of_two_experiments_stay_apart(store):
    other = specs.spec("lenet", "quick", lr=1e-3)
    store.save(SPEC, REP, one_training(), ARRAYS)
    store.open(other).save(other, REP, one_training(spec=other), ARRAYS)
    assert set(store.rows(other)["key"]) == {specs.key(other)}
    assert store.rows().drop_duplicates(TRAINING).shape[0] == 2
    assert {specs.key(s) for s in store.experiments(store.rows())} == {specs.key(SPEC), specs.key(other)}

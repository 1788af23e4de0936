"""What a cluster lacks is one line; test_faults.py runs studies on real ones."""

import sys

import pytest

from lthlib import lease
from lthlib.errors import SpecError, StoreError
from lthlib.lab import cluster
from lthlib.lab.run import run
from lthlib.lab.store import Store
from lthlib.lab.task import Job
from lthlib.lab.where import Where
from lthlib.specs import Rep


def test_without_dask_it_is_said_how_to_get_it(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SpecError, match="Dask's, which is not installed: pip install 'lthlib"):
        run(tiny, tmp_path, scheduler="tcp://127.0.0.1:1")


def test_a_worker_that_does_not_see_the_store_says_where_it_is(tiny, tmp_path):
    job = Job(tiny, (Rep("ticket", 0),), Where(tmp_path / "store", device="cpu"))
    for task in (cluster.look, cluster.do):
        with pytest.raises(StoreError, match="a worker on .* does not see the store .*that all workers share"):
            task(job)
    Store(tmp_path / "store").open(tiny)
    assert cluster.look(job) == ("cpu", 1)


def test_a_task_trains_its_chain_and_gives_back_what_another_process_is_training(tiny, tmp_path):
    store = Store(tmp_path).open(tiny)
    reps = (Rep("ticket", 0), Rep("ticket", 1))
    with lease.hold([store.lease_file(tiny, reps[1])]):
        assert cluster.do(Job(tiny, reps, Where(tmp_path, device="cpu"))) == reps[1:]
    rounds = store.rows(tiny).groupby("trial")["round"].unique().map(list).to_dict()
    assert rounds == {0: [0, 1, 2]}

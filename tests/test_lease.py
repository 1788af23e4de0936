"""One process at a time holds a lease, and what the dead held is free."""

import errno
import json
import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lthlib import lease
from lthlib.errors import StoreError


@pytest.fixture
def file(tmp_path):
    return tmp_path / f".ticket-t0{lease.SUFFIX}"


def written(file, age=0.0, **changes):
    """A lease as some other process would have written it."""
    says = {"host": "elsewhere", "pid": 1, "since": "2026-01-01T00:00:00+00:00", "where": "elsewhere", "token": "a"}
    file.write_text(json.dumps({**says, **changes}))
    os.utime(file, (time.time() - age,) * 2)


def held(file):
    with lease.hold([file]) as mine:
        return mine == [file]


def test_a_lease_is_there_while_it_is_held_and_says_whose_it_is(file):
    with lease.hold([file]) as mine:
        assert mine == [file]
        assert lease.holder(file).pid == os.getpid()
        with lease.hold([file]) as again:
            assert again == []
        assert lease.holder(file)
    assert lease.holder(file) is None
    assert list(file.parent.iterdir()) == []


def test_it_goes_too_when_the_work_fails(file):
    with pytest.raises(ZeroDivisionError), lease.hold([file]):
        _ = 1 / 0
    assert not file.exists()


def test_of_several_the_free_ones_are_held(tmp_path):
    files = [tmp_path / name for name in "abc"]
    written(files[1])
    with lease.hold(files) as mine:
        assert mine == [files[0], files[2]]
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_lease_of_another_machine_is_dead_when_it_was_not_renewed_for_minutes(file):
    written(file, age=lease.STALE - 20)
    assert not held(file)
    written(file, age=lease.STALE + 20)
    assert lease.holder(file) is None
    assert held(file)


def test_its_age_is_measured_on_the_clock_of_the_file_system(file, monkeypatch):
    written(file)
    monkeypatch.setattr(time, "time", lambda: 1e12)  # a machine whose clock is off
    assert lease.holder(file)


def test_a_lease_of_a_process_of_this_machine_dies_with_it(file):
    code = f"from pathlib import Path\nfrom lthlib import lease\nwith lease.hold([Path({str(file)!r})]):"
    process = subprocess.Popen([sys.executable, "-c", f"{code} print(flush=True), input()"], stdin=-1, stdout=-1)
    process.stdout.readline()
    assert lease.holder(file).pid == process.pid
    assert not held(file)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # and leave it a zombie: nobody has asked after it
    assert held(file)
    process.communicate()


def test_a_lease_of_this_process_that_it_does_not_hold_is_a_former_ones_of_that_number(file):
    with lease.hold([file]):
        here = lease.read(file).where
    written(file, pid=os.getpid(), where=here)
    assert held(file)


def test_a_thread_renews_it(file, monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.02)
    monkeypatch.setattr(lease, "THREAD", "another thread than that of the tests before")
    with lease.hold([file]):
        os.utime(file, (0, 0))
        deadline = time.monotonic() + 10
        while file.stat().st_mtime == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        written(file, age=1_000)  # taken over by somebody else: not ours to renew, or to remove
        time.sleep(0.1)
        assert time.time() - file.stat().st_mtime > 900
    assert lease.read(file).host == "elsewhere"


def _race(file, tried, all_of_them):
    """Whether this process gets the lease; it is held until all have tried."""
    with lease.hold([file]) as mine, tried.open("a") as log:
        log.write("x")
        log.flush()
        deadline = time.monotonic() + 60
        while tried.stat().st_size < all_of_them and time.monotonic() < deadline:
            time.sleep(0.005)
        return len(mine)


def test_of_many_who_want_what_a_dead_process_held_at_most_one_gets_it_and_then_one_does(tmp_path):
    folder = tmp_path / "leases"
    folder.mkdir()
    with ProcessPoolExecutor(6, multiprocessing.get_context("spawn")) as pool:
        for turn in range(20):
            file = folder / str(turn)
            written(file, age=1_000)
            assert sum(pool.map(_race, [file] * 6, [tmp_path / f"tried {turn}"] * 6, [6] * 6)) <= 1
            assert held(file)
    assert list(folder.iterdir()) == []


def test_a_process_that_died_while_it_removed_a_dead_lease_is_in_nobodys_way_for_long(file):
    written(file, age=1_000)
    spade = file.with_name(file.name + lease.SPADE)
    spade.touch()
    assert not held(file)
    os.utime(spade, (0, 0))
    assert held(file)
    assert list(file.parent.iterdir()) == []


def test_a_lease_that_somebody_else_has_taken_over_meanwhile_is_left_alone(file, monkeypatch):
    clock = lease.clock

    def slow(folder):
        """Between the look at a dead lease and its removal somebody else has done both."""
        if lease.read(file).token == "a":
            written(file, token="b")
        return clock(folder)

    written(file, age=1_000)
    monkeypatch.setattr(lease, "clock", slow)
    assert not held(file)
    assert lease.read(file).token == "b"
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=80), st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists)))
def test_garbage_counts_as_somebodys_until_it_is_old(file, garbage):
    file.write_bytes(garbage if isinstance(garbage, bytes) else json.dumps({"pid": garbage}).encode())
    assert "process" in str(lease.holder(file))
    assert not held(file)
    os.utime(file, (0, 0))
    assert held(file)


def test_where_none_can_be_written_one_line_says_so(tmp_path):
    (tmp_path / "store").write_text("a file, not a folder")
    with (
        pytest.raises(StoreError, match="cannot write to .*Not a directory.*choose another folder"),
        lease.hold([tmp_path / "store" / "a"]),
    ):
        pass


def test_a_dead_lease_that_cannot_be_removed_is_one_line(file, monkeypatch):
    written(file, age=1_000)

    unlink = Path.unlink

    def locked(path, **more):
        if path == file:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        unlink(path, **more)

    monkeypatch.setattr(Path, "unlink", locked)
    with pytest.raises(StoreError, match="cannot write to .*Read-only file system"), lease.hold([file]):
        pass


def test_a_file_system_without_links_will_do(file, monkeypatch):
    def without(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", without)
    with lease.hold([file]) as mine:
        assert mine == [file]
        assert lease.holder(file).pid == os.getpid()
        assert [path.name for path in file.parent.iterdir()] == [file.name]
        with lease.hold([file]) as again:
            assert again == []
    assert list(file.parent.iterdir()) == []

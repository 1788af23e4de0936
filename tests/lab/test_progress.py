"""What a log says of a long run: a line a minute, from which to see whether to wait."""

import io
import queue
import sys

import pytest

from lthlib.lab import progress
from lthlib.lab.progress import Bars


class Run:
    """A run of trainings of 10,000 iterations on a clock that stands unless it is put on, and what its log says."""

    now = 1_000.0

    def __init__(self, capsys, trainings=4, together=1, stored=0):
        self.capsys, self.stored = capsys, stored
        self.bars = Bars("lenet d1c3", trainings, lambda: self.stored, 10_000, together, lambda: self.now)

    def tell(self, iteration, stored=0, label="ticket trial 0 round 0"):
        self.stored += stored
        self.bars.tell(7, label, iteration, stored)

    def lines(self):
        """The new ones."""
        return self.capsys.readouterr().err.splitlines()


def test_one_process_says_once_a_minute_how_far_it_is(capsys):
    log = Run(capsys)
    for iteration in range(0, 3_000, 100):  # three seconds for a hundred
        log.tell(iteration)
        log.now += 3
    assert log.lines() == [
        "lenet d1c3: 0 of 4 trainings stored, about 19 min left; ticket trial 0 round 0 at iteration 2,000 of 10,000, "
        "33.3 a second, 4 min left"
    ]
    for iteration in range(3_000, 10_001, 100):
        log.tell(iteration)
        log.now += 3
    assert len(log.lines()) == 4
    log.tell(10_000, stored=1)
    log.now += 57
    log.tell(0, label="ticket trial 0 round 1")
    (line,) = log.lines()
    assert line.endswith("ticket trial 0 round 1 at iteration 0 of 10,000"), "how fast it is remains to be seen"
    assert "1 of 4 trainings stored, about 18 min left" in line
    log.bars.close()
    assert log.lines() == ["lenet d1c3: 1 of 4 trainings stored, after 6 min"]


def test_a_short_run_says_only_how_it_ended(capsys):
    log = Run(capsys)
    log.tell(5_000)
    log.stored = 4
    log.bars.close()
    assert log.lines() == ["lenet d1c3: 4 of 4 trainings stored, after 0 s"]


def test_several_processes_share_a_line(capsys):
    log = Run(capsys, trainings=100)
    log.bars.queue = queue.Queue()
    for worker in range(6):
        log.bars.queue.put((worker, f"ticket trial {worker} round 0", 0, 0))
    log.bars.refresh()
    log.now += 59
    for worker in range(6):
        log.bars.queue.put((worker, f"ticket trial {worker} round 0", 100 * worker, 0))
    log.bars.refresh()
    assert log.lines() == []
    log.now += 1
    log.bars.refresh()
    (line,) = log.lines()
    assert line.startswith("lenet d1c3: 0 of 100 trainings stored, about 11.1 h left; ")
    assert "ticket trial 0 round 0 at iteration 0 of 10,000; " in line
    assert "ticket trial 3 round 0 at iteration 300 of 10,000, 5.08 a second, 32 min left; " in line
    assert line.endswith("; and 2 more")
    log.now += 120  # a worker that says nothing
    log.bars.refresh()
    log.bars.refresh()
    assert len(log.lines()) == 1


def test_a_training_that_goes_on_from_a_checkpoint_is_not_taken_for_a_fast_one(capsys):
    log = Run(capsys, trainings=1)
    log.tell(8_000)
    log.now += 60
    log.tell(8_500)
    assert log.lines() == [
        "lenet d1c3: 0 of 1 trainings stored, about 3 min left; ticket trial 0 round 0 at iteration 8,500 of 10,000, "
        "8.33 a second, 3 min left"
    ]


def test_how_long_cohorts_take_is_said_once_one_is_stored(capsys):
    log = Run(capsys, trainings=20, together=None)
    log.tell(0)
    log.now += 60
    log.tell(5_000)
    assert log.lines()[0].startswith("lenet d1c3: 0 of 20 trainings stored; ticket trial 0 round 0 at iteration 5,000")
    log.now += 60
    log.tell(10_000, stored=5)
    log.bars.refresh()
    assert log.lines() == ["lenet d1c3: 5 of 20 trainings stored, about 6 min left"]


def test_what_others_store_is_counted_and_what_was_there_is_no_progress(capsys):
    log = Run(capsys, trainings=30, together=None, stored=10)
    log.now += 60
    log.bars.refresh()
    assert log.lines() == ["lenet d1c3: 10 of 30 trainings stored"]
    log.stored += 10
    log.now += 60
    log.bars.refresh()
    assert log.lines() == ["lenet d1c3: 20 of 30 trainings stored, about 2 min left"]


@pytest.mark.parametrize("where", ["notebook", "terminal"])
def test_where_a_bar_can_be_drawn_anew_no_line_is_added(capsys, monkeypatch, where):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: where == "terminal")
    monkeypatch.setattr(progress, "in_notebook", lambda stream: where == "notebook")
    log = Run(capsys)
    for iteration in range(0, 10_000, 500):
        log.tell(iteration)
        log.now += 60
    said = capsys.readouterr().err
    log.bars.close()
    assert "trainings stored" not in said
    if where == "notebook":  # at the end of the bar
        assert "\n" not in said
        assert "at iteration 9,500 of 10,000, 8.33 a second, 60 s left]" in said


def test_a_kernel_is_told_from_a_log():
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    assert progress.in_notebook(stream())
    assert not progress.in_notebook(io.StringIO())

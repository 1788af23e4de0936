"""On a screen a bar for the whole experiment and one for each training under way; in a log a line a minute."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.queues import Queue
from queue import Empty

from tqdm import tqdm


@dataclass
class Course:
    """A training under way, or a cohort that keeps step: where it was when it was first heard of, and last."""

    label: str
    since: float
    begin: int
    now: float
    iteration: int

    def told(self, last: int) -> str:
        """How far it is, how fast it goes, and when that will bring it to the last iteration."""
        said = f"{self.label} at iteration {self.iteration:,} of {last:,}"
        if self.now <= self.since or self.iteration <= self.begin:
            return said
        pace = (self.iteration - self.begin) / (self.now - self.since)
        return f"{said}, {pace:.3g} a second, {duration((last - self.iteration) / pace)} left"


class Bars:
    """The progress of one experiment. `tell` says what a worker did; `refresh` hears what came through the queue, if
    there is one, and now and then counts what is stored, perhaps by other processes.

    On a terminal these are bars. In a notebook only that of the whole is drawn, and seldom: once a minute, at its end,
    how far trainings are. Anywhere else (a log) that is said in a line a minute, since a bar is nothing to look up.
    `together` is how many networks a worker trains at once, if that is known."""

    queue: Queue | None = None

    def __init__(
        self,
        title: str,
        trainings: int,
        count: Callable[[], int],
        iterations: int,
        together: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.terminal, self.notebook = sys.stderr.isatty(), in_notebook(sys.stderr)
        self.title, self.trainings, self.count, self.iterations = title, trainings, count, iterations
        self.together, self.clock = together, clock
        self.began = self.counted = self.told = clock()
        self.found = self.stored = count()
        calm = {} if self.terminal else {"mininterval": 15, "ascii": True, "disable": not self.notebook}
        self.whole = tqdm(total=trainings, initial=self.found, desc=title, unit="training", smoothing=0.05, **calm)
        self.bars: dict[int, tqdm] = {}
        self.courses: dict[int, Course] = {}

    def tell(self, worker: int, label: str, iteration: int, stored: int) -> None:
        """This worker's training is at this iteration, and so many more trainings are stored."""
        if stored:
            self.recount()
        if self.terminal:
            self._draw(worker, label, iteration)
        elif stored:
            self.courses.pop(worker, None)
        else:
            self._follow(worker, label, iteration)
            self._say_so()

    def _draw(self, worker: int, label: str, iteration: int) -> None:
        if worker not in self.bars:
            self.bars[worker] = tqdm(total=self.iterations, position=len(self.bars) + 1, leave=False, unit="it")
        bar = self.bars[worker]
        if iteration < bar.n:
            bar.reset()
        bar.set_description(f"  {label}", refresh=False)
        bar.update(iteration - bar.n)

    def _follow(self, worker: int, label: str, iteration: int) -> None:
        now, known = self.clock(), self.courses.get(worker)
        if known is None or known.label != label or iteration < known.iteration:
            known = self.courses[worker] = Course(label, now, iteration, now, iteration)
        known.now, known.iteration = now, iteration

    def _say_so(self) -> None:
        """Once a minute, where there are no bars of the trainings: how far they are."""
        if self.terminal or self.clock() - self.told < MINUTE:
            return
        self.told = self.clock()
        if self.notebook:
            self.whole.set_postfix_str(self._under_way())
        else:
            self.say("; ".join(filter(None, [self._so_far(self._left()), self._under_way()])))

    def _so_far(self, more: str) -> str:
        return f"{self.title}: {self.stored} of {self.trainings} trainings stored{more}"

    def _under_way(self) -> str:
        courses = [course.told(self.iterations) for course in self.courses.values()]
        return "; ".join(courses[:NAMED] + ([f"and {len(courses) - NAMED} more"] if courses[NAMED:] else []))

    def _left(self) -> str:
        """What the rest takes if it goes on as since the beginning, where that can be said."""
        courses = self.courses.values() if self.together else ()
        part = (self.together or 0) / self.iterations
        done = self.stored - self.found + part * sum(course.iteration - course.begin for course in courses)
        rest = self.trainings - self.stored - part * sum(course.iteration for course in courses)
        return f", about {duration(max(0, rest) * (self.clock() - self.began) / done)} left" if done > 0 else ""

    def refresh(self) -> None:
        """Draw what the workers have reported since."""
        while self.queue is not None:
            try:
                self.tell(*self.queue.get_nowait())
            except Empty:
                break
        if self.clock() - self.counted > 2:
            self.recount()
        self._say_so()

    def recount(self) -> None:
        """Set the bar of the whole to what is stored by now."""
        self.counted = self.clock()
        self.stored = self.count()
        self.whole.update(self.stored - self.whole.n)

    def say(self, line: str) -> None:
        """A line above the bars."""
        self.whole.write(line, file=sys.stderr)

    def close(self) -> None:
        """Take the bars of the trainings away and leave that of the whole, or say in a log how it ended."""
        self.told = self.clock()
        self.refresh()
        self.recount()
        for bar in (*self.bars.values(), self.whole):
            bar.close()
        if not self.terminal and not self.notebook:
            self.say(self._so_far(f", after {duration(self.clock() - self.began)}"))


MINUTE = 60.0  # between two lines of a log
NAMED = 4  # trainings under way that a line names


def in_notebook(stream: object) -> bool:
    """Whether what is written there appears below the cell of a notebook, where a bar can be drawn anew."""
    return type(stream).__module__.startswith("ipykernel")


def duration(seconds: float) -> str:
    """For people: `40 s`, `12 min`, `3.5 h`, `2.1 days`."""
    for unit, length, digits in (("days", 86_400, 1), ("h", 3_600, 1), ("min", 60, 0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.{digits}f} {unit}"
    return f"{seconds:.0f} s"

"""Progress on the screen: a bar for the whole experiment and one for each training under way."""

import sys
import time
from collections.abc import Callable
from queue import Empty

from tqdm import tqdm


class Bars:
    """The bars of one experiment. `tell` says what a worker did; `refresh` hears what came through the queue, if there
    is one, and now and then counts what is stored, perhaps by other processes. Without a terminal (a notebook, a log)
    only the bar of the whole is drawn, and seldom."""

    queue = None

    def __init__(self, title: str, trainings: int, count: Callable[[], int], iterations: int):
        self.terminal = sys.stderr.isatty()
        self.iterations = iterations
        calm = {} if self.terminal else {"mininterval": 15, "ascii": True}
        self.count, self.counted = count, time.monotonic()
        self.whole = tqdm(total=trainings, initial=count(), desc=title, unit="training", smoothing=0.05, **calm)
        self.bars: dict[int, tqdm] = {}

    def tell(self, worker: int, label: str, iteration: int, stored: int) -> None:
        """This worker's training is at this iteration, and so many more trainings are stored."""
        if stored:
            self.recount()
        if not self.terminal:
            return
        if worker not in self.bars:
            self.bars[worker] = tqdm(total=self.iterations, position=len(self.bars) + 1, leave=False, unit="it")
        bar = self.bars[worker]
        if iteration < bar.n:
            bar.reset()
        bar.set_description(f"  {label}", refresh=False)
        bar.update(iteration - bar.n)

    def refresh(self) -> None:
        """Draw what the workers have reported since."""
        while self.queue is not None:
            try:
                self.tell(*self.queue.get_nowait())
            except Empty:
                break
        if time.monotonic() - self.counted > 2:
            self.recount()

    def recount(self) -> None:
        """Set the bar of the whole to what is stored by now."""
        self.counted = time.monotonic()
        self.whole.update(self.count() - self.whole.n)

    def say(self, line: str) -> None:
        """A line above the bars."""
        self.whole.write(line, file=sys.stderr)

    def close(self) -> None:
        """Take the bars of the trainings away and leave that of the whole."""
        self.refresh()
        self.recount()
        for bar in (*self.bars.values(), self.whole):
            bar.close()

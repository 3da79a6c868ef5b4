"""Says where a run stands: a line that rewrites itself on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

FIRST_INTERVAL, LONGEST_INTERVAL = 2.0, 600.0  # seconds between the lines of a log
REFRESH = 0.1  # seconds between two looks of a terminal's line


class Progress:
    """The phases of a run by name, with an estimate of the time left of each.

    In a log the lines come at growing intervals, each twice the one before, so that neither a short
    run leaves a long log nor a long one a silent one.

    Args:
      stream: where to write; None for nowhere.
      clock: seconds, from any origin.
    """

    def __init__(self, stream: TextIO | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._rewrites = stream is not None and stream.isatty()
        self._interval, self._last = FIRST_INTERVAL, -float("inf")
        self._name, self._total, self._began, self._first = "", 0, clock(), 0

    def phase(self, name: str, total: int = 0, done: int = 0) -> None:
        """Begins a phase of `total` pieces, `done` of them by an earlier process."""
        self._name, self._total, self._began, self._first = name, total, self._clock(), done
        self._show(name, at_once=True)

    def step(self, done: int, what: str = "") -> None:
        """Says that `done` pieces of the phase are there; `what` is at hand now.

        A step that adds none ends what came before the pieces, such as compiling: the time left is
        estimated from there on.
        """
        pieces = [self._name, what or f"{done} of {self._total}"]
        new = done - self._first
        if new == 0:
            self._began = self._clock()
        if 0 < new and done < self._total:
            left = (self._clock() - self._began) / new * (self._total - done)
            pieces.append(f"about {duration(left)} left")
        self._show(", ".join(pieces), at_once=False)

    def close(self) -> None:
        """Clears the line of a terminal."""
        if self._rewrites:
            print("\r\033[K", end="", file=self._stream, flush=True)

    def _show(self, line: str, *, at_once: bool) -> None:
        now = self._clock()
        wait = REFRESH if self._rewrites else self._interval
        if self._stream is None or (not at_once and now - self._last < wait):
            return
        self._last = now
        if self._rewrites:
            print(f"\r\033[K{line}", end="", file=self._stream, flush=True)
            return
        if not at_once:
            self._interval = min(2 * self._interval, LONGEST_INTERVAL)
        print(line, file=self._stream, flush=True)


def duration(seconds: float) -> str:
    """Words for a time: "7 s", "3 min", "2.5 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def to_terminal() -> Progress:
    """Progress on the error stream, as programs show it."""
    return Progress(sys.stderr)

"""Says how far a sweep is: its cells, the run at hand, and the time left of them all."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from experiments.sweep_cells import Cell
from spline_fc.printing import shortened
from spline_fc.runs import Progress
from spline_fc.runs.progress import duration


class SweepProgress(Progress):
    """The line of a terminal tells of cell, run and time left; a log has a line per cell.

    The time left is what the cells that were run here took per epoch and parameter, of the same
    data set if there was one, times what is still to be done.

    Args:
      cells: that this process is to look at, in order.
      stream: as for `Progress`.
      clock: as for `Progress`.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        stream: TextIO = sys.stderr,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream, clock)
        self._cells, self._place = list(cells), -1  # of the cell at hand
        self._since = clock()
        self._known: list[tuple[Cell, float]] = []  # seconds of the cells that were run

    def turn_to(self, place: int) -> None:
        """Takes the cell at a place, the first at 0, to be the one at hand."""
        self._place, self._since = place, self._clock()

    def tell(self, said: str) -> None:
        """The cell at hand was run to its end, and what came of it: a line that stays."""
        took = self._clock() - self._since
        self._known.append((self._cells[self._place], took))
        self.close()
        later = self._cells[self._place + 1 :]
        left = f", about {duration(self._expected(later))} left" if later else ""
        print(f"{self._head()}: {said} ({duration(took)}{left})", file=self._stream, flush=True)

    def _head(self) -> str:
        return f"{self._place + 1}/{len(self._cells)} {self._cells[self._place].name}"

    def _expected(self, cells: Sequence[Cell]) -> float:
        """Seconds that cells will take, by what their like have taken."""
        rates: dict[str, float] = {}
        for name in {self._data(cell) for cell in cells}:
            known = [k for k in self._known if self._data(k[0]) == name] or self._known
            rates[name] = sum(took for _, took in known) / sum(cell.cost for cell, _ in known)
        return sum(rates[self._data(cell)] * cell.cost for cell in cells)

    def _data(self, cell: Cell) -> str:
        return str(cell.plan.data["name"])

    def _show(self, line: str, *, at_once: bool) -> None:
        """Phases are for terminals; a log of many runs would drown in them."""
        if at_once and not self._rewrites:
            return
        if self._known:
            here, later = self._cells[self._place], self._cells[self._place + 1 :]
            at_hand = max(self._expected([here]) - (self._clock() - self._since), 0)
            line = f"{line}; sweep: about {duration(at_hand + self._expected(later))} left"
        line = f"{self._head()}: {line}"
        if self._rewrites:  # of a line that is broken only the last piece could be rewritten
            line = shortened(line, shutil.get_terminal_size().columns - 1)
        super()._show(line, at_once=at_once)

"""What a reader should know before believing a report."""

import math
from typing import NamedTuple

from spline_fc.analysis.formats import display_name
from spline_fc.analysis.knots import DriftSummary
from spline_fc.analysis.tables import Row
from spline_fc.analysis.workdir import Workdir

FEW_SEEDS = 5


class Caution(NamedTuple):
    """One sentence; `grave` if the figures themselves are in doubt."""

    sentence: str
    grave: bool = False


def collect(work: Workdir, rows: list[Row], summaries: dict[str, DriftSummary]) -> list[Caution]:
    """Gathers every caution about a run.

    Args:
      work: from `read_workdir`.
      rows: of the main table.
      summaries: drift by initialisation, where parameters were found.

    Returns:
      Cautions, grave ones first.
    """
    found = [*_about_status(work), *_about_divergence(work), *_about_files(work),
             *_about_seeds(rows), *_about_rates(work), *_about_budget(work)]  # fmt: skip
    found += [w for init, s in summaries.items() for w in _about_units(init, s)]
    return sorted(found, key=lambda caution: not caution.grave)


def _about_status(work: Workdir) -> list[Caution]:
    if work.status == "done":
        return []
    reason = f": {work.error}" if work.error else "."
    return [Caution(f"The run's status is “{work.status}”{reason}", grave=True)]


def _about_divergence(work: Workdir) -> list[Caution]:
    runs = [run for run in work.runs if run.get("diverged")]
    if not runs:
        return []
    names = ", ".join(run["run"] for run in runs[:6]) + (" and more" if len(runs) > 6 else "")
    chosen = [run for run in runs if run.get("chosen")]
    verb = "run" if len(runs) == 1 else "runs"
    tail = f" {len(chosen)} of them had been chosen and miss from the means." if chosen else ""
    return [
        Caution(f"{len(runs)} {verb} of {len(work.runs)} diverged: {names}.{tail}", bool(chosen))
    ]


def _about_files(work: Workdir) -> list[Caution]:
    missing = [run["run"] for run in work.runs if run["run"] not in work.histories]
    found = []
    if missing:
        found.append(
            Caution(f"{len(missing)} run(s) have no metrics file, e.g. {missing[0]}.", True)
        )
    if work.rows is None:
        found.append(Caution("data.npz is missing: knots and shape functions cannot be shown."))
    return found


def _about_seeds(rows: list[Row]) -> list[Caution]:
    sizes = {row.name: row.seeds.size for row in rows}
    few = [name for name, size in sizes.items() if size < FEW_SEEDS]
    if not few:
        return []
    least = min(sizes[name] for name in few)
    return [
        Caution(
            f"Few seeds ({least} for {', '.join(few)}): intervals and standard errors over fewer "
            f"than {FEW_SEEDS} seeds say little."
        )
    ]


def _about_rates(work: Workdir) -> list[Caution]:
    found = []
    for init in work.inits:
        grid = sorted({run["learning_rate"] for run in work.runs if run["init"] == init})
        chosen = [run["learning_rate"] for run in work.chosen(init)]
        if len(grid) < 2:
            continue
        for edge, side in ((grid[0], "smallest"), (grid[-1], "largest")):
            count = chosen.count(edge)
            if 2 * count > len(chosen):
                found.append(
                    Caution(
                        f"{display_name(init)} chose the {side} learning rate of its grid "
                        f"({edge:g}) in {count} of {len(chosen)} seeds: the grid may be too narrow."
                    )
                )
    return found


def _about_budget(work: Workdir) -> list[Caution]:
    found = []
    for init in work.inits:
        runs = [run for run in work.chosen(init) if run["run"] in work.histories]
        last = [run["best_epoch"] >= work.histories[run["run"]].epoch[-1] for run in runs]
        first = [run["best_epoch"] == 0 for run in runs]
        if runs and 2 * sum(last) > len(runs):
            found.append(
                Caution(
                    f"{display_name(init)} was still improving at the last epoch in {sum(last)} of "
                    f"{len(runs)} seeds: a longer budget may change the comparison."
                )
            )
        if runs and 2 * sum(first) > len(runs):
            found.append(
                Caution(
                    f"For {display_name(init)} training added nothing in {sum(first)} of "
                    f"{len(runs)} seeds: the best validation loss is the one at step 0."
                )
            )
    return found


def _about_units(init: str, summary: DriftSummary) -> list[Caution]:
    counts = ((summary.dead, "never active"), (summary.always_on, "always active"))
    parts = [f"{count} {what}" for count, what in counts if count]
    if not parts or not math.isfinite(summary.flipped_share):
        return []
    return [
        Caution(
            f"{display_name(init)}, seed 0: of {summary.units} first-layer units after training, "
            f"{' and '.join(parts)} on the training rows."
        )
    ]

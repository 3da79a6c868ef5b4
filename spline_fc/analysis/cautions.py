"""What a reader should know before believing a report."""

from collections.abc import Mapping
from typing import NamedTuple

from spline_fc.analysis.formats import display_name
from spline_fc.analysis.study import LayerActivity, Study
from spline_fc.analysis.tables import Row
from spline_fc.analysis.workdir import Workdir

FEW_SEEDS = 5


class Caution(NamedTuple):
    """One sentence; `grave` if the figures themselves are in doubt."""

    sentence: str
    grave: bool = False


def collect(study: Study) -> list[Caution]:
    """Gathers every caution about a run.

    Args:
      study: of its workdir.

    Returns:
      Cautions, grave ones first.
    """
    work, rows = study.work, study.rows
    found = [*_about_status(work), *_about_divergence(work), *_about_files(work),
             *_about_seeds(rows), *_about_rates(work), *_about_budget(work)]  # fmt: skip
    for init, layers in study.activity.items():
        found += _about_units(init, study.seed, layers)
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


def _about_units(init: str, seed: int, layers: Mapping[str, LayerActivity]) -> list[Caution]:
    """Dead units of every hidden layer, and units of the first that never switch.

    Deeper units of a network that began as a spline may be always on by design: they pass on what
    is never negative.
    """
    pieces = []
    for index, (layer, units) in enumerate(layers.items(), 1):
        shares = units.active_after
        counts = [(int((shares == 0).sum()), "never active")]
        if layer == "Dense_0":
            counts.append((int((shares == 1).sum()), "always active"))
        said = " and ".join(f"{number} {what}" for number, what in counts if number)
        if said:
            pieces.append(f"{said} of the {shares.size} units of hidden layer {index}")
    if not pieces:
        return []
    return [
        Caution(
            f"{display_name(init)}, seed {seed}, after training, on the training rows: "
            f"{'; '.join(pieces)}."
        )
    ]

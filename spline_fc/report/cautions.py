"""What a reader should know before believing a report."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from spline_fc.report.formats import display_name
from spline_fc.report.measures import LayerActivity
from spline_fc.report.rows import Row
from spline_fc.report.study import Study
from spline_fc.workdir import Workdir

FEW_SEEDS = 5
MOST_DAMAGE = 6  # sentences about files


class Caution(NamedTuple):
    """One sentence; `grave` if the figures themselves are in doubt."""

    sentence: str
    grave: bool = False


def collect(study: Study) -> list[Caution]:
    """Gathers every caution about a run, grave ones first."""
    work, rows = study.work, study.rows
    found = [
        *_about_status(work),
        *_about_divergence(work),
        *_about_files(study),
        *_about_seeds(rows),
        *_about_rates(work),
        *_about_budget(work),
    ]
    for init, units in study.units.items():
        found += _about_units(init, study.seed, units.layers)
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


def _about_files(study: Study) -> list[Caution]:
    """What could not be read; a whole list of missing metrics is told once."""
    work = study.work
    place = f"{work.path}/"
    told = [sentence.replace(place, "") for sentence in study.damage]
    found = [Caution(sentence, grave=True) for sentence in told[:MOST_DAMAGE]]
    if len(told) > MOST_DAMAGE:
        found.append(Caution(f"{len(told) - MOST_DAMAGE} more files cannot be read.", grave=True))
    if study.data is None and work.runs:
        found.append(Caution("The training rows are missing: knots and shapes cannot be shown."))
    return found


def _about_seeds(rows: list[Row]) -> list[Caution]:
    sizes = {row.name: row.seeds.size for row in rows if row.seeds.size}
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
    at_edge: dict[str, list[str]] = {}
    for init in work.inits:
        grid = sorted({run["learning_rate"] for run in work.runs if run["init"] == init})
        chosen = [run["learning_rate"] for run in _sound(work, init)]
        if len(grid) < 2:
            continue
        for edge, side in ((grid[0], "smallest"), (grid[-1], "largest")):
            said = _mostly(init, chosen.count(edge), len(chosen))
            if said is not None:
                place = f"the {side} learning rate of the grid ({edge:g})"
                at_edge.setdefault(place, []).append(said)
    return [
        Caution(f"Chosen was {edge} by {', '.join(said)}: the grid may be too narrow.")
        for edge, said in at_edge.items()
    ]


def _about_budget(work: Workdir) -> list[Caution]:
    growing, idle = [], []
    for init in work.inits:
        runs = [run for run in _sound(work, init) if run["run"] in work.histories]
        last = [run["best_epoch"] >= work.histories[run["run"]].epoch[-1] for run in runs]
        first = [run["best_epoch"] == 0 for run in runs]
        growing.append(_mostly(init, sum(last), len(runs)))
        idle.append(_mostly(init, sum(first), len(runs)))
    short = "Still improving at the last epoch: {}; a longer budget may change the comparison."
    no_use = "Training added nothing to {}: the best validation loss is the one at step 0."
    return [
        Caution(sentence.format(", ".join(said)))
        for sentence, found in ((short, growing), (no_use, idle))
        if (said := [name for name in found if name])
    ]


def _sound(work: Workdir, init: str) -> list[dict[str, Any]]:
    """The chosen runs of a start that did not diverge, which has a sentence of its own."""
    return [run for run in work.chosen(init) if not run.get("diverged")]


def _mostly(init: str, number: int, seeds: int) -> str | None:
    """Says in how many seeds something was the case; None unless in more than half of them."""
    return f"{display_name(init)} in {number} of {seeds} seeds" if 2 * number > seeds else None


def _about_units(init: str, seed: int | None, layers: Mapping[str, LayerActivity]) -> list[Caution]:
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

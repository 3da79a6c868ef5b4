"""One self-contained page about one run, rebuilt from its files."""

import math
import pathlib
from typing import Any

import numpy as np

from spline_fc.analysis import cautions, html
from spline_fc.analysis import sections_model as model
from spline_fc.analysis import sections_training as training
from spline_fc.analysis import sections_units as units
from spline_fc.analysis.convergence import bootstrap
from spline_fc.analysis.formats import count, display_name, mean_error, percent, significant
from spline_fc.analysis.knots import on_axis_at_start, select, summarize_drift
from spline_fc.analysis.study import Study, study
from spline_fc.analysis.tables import Row, error_of
from spline_fc.analysis.workdir import Workdir, read_workdir
from spline_fc.threads import one_thread

SECTIONS = {
    "results": ("Results", training.results),
    "convergence": ("Convergence", training.convergence),
    "knots": ("Knots", units.knots),
    "regions": ("Activations and linear pieces", units.regions),
    "shapes": ("Shape functions", model.shapes),
    "importance": ("Importance of the features", model.importance),
    "setup": ("What was run", training.setup),
}


def write_report(workdir: Any) -> pathlib.Path:
    """Writes report.html, and every figure as PNG and CSV under figures/, from a run's files.

    Args:
      workdir: the folder that a run wrote.

    Returns:
      The path of report.html.

    Raises:
      ValueError: the folder does not hold a run, or a file in it is malformed.
    """
    with one_thread():
        found = study(read_workdir(workdir))
        parts = [html.section(key, name, *build(found)) for key, (name, build) in SECTIONS.items()]
    work = found.work
    page = html.page(title_of(work), _header(found), parts, _footer(work))
    return html.write(work.path / "report.html", page)


def title_of(work: Workdir) -> str:
    """What a run is called: its data set, else its folder."""
    for holder, key in ((work.config.get("dataset"), "name"), (work.config.get("data"), "name"),
                        (work.config, "dataset"), (work.config, "name")):  # fmt: skip
        if isinstance(holder, dict) and isinstance(holder.get(key), str):
            return holder[key].replace("_", " ").capitalize()
    return work.path.resolve().name


def _header(study: Study) -> str:
    work = study.work
    bad = "" if work.status == "done" else " bad"
    pieces = [f'<span class="status{bad}">{html.text(work.status)}</span>']
    device = work.environment.get("device") or work.environment.get("platform")
    pieces += [f"<span>{html.text(piece)}</span>" for piece in (
        f"spline_fc {work.environment.get('spline_fc', '')}".strip(), device,
        f"{len(work.runs)} runs") if piece]  # fmt: skip
    links = "".join(
        f'<a href="#{key}">{html.text(name)}</a>' for key, (name, _) in SECTIONS.items()
    )
    return "\n".join(
        [f'<p class="eyebrow">{"".join(pieces)}</p>', f"<h1>{html.text(title_of(work))}</h1>",
         html.paragraph(_finding(study), "lede"), html.paragraph(_what(work), "note"),
         html.tiles(_tiles(study)),
         _cautions(study), f"<nav>{links}</nav>"]
    )  # fmt: skip


def _what(work: Workdir) -> str:
    """What was run, in one sentence; the whole config stands at the end of the page."""
    if not work.runs:
        return "No run has ended yet."
    rates = sorted({run["learning_rate"] for run in work.runs})
    seeds = len({run["seed"] for run in work.runs})
    names = ", ".join(display_name(init) for init in work.inits)
    grid = "learning rate " if len(rates) == 1 else "learning rates "
    grid += ", ".join(f"{rate:g}" for rate in rates)
    pieces = [f"{count(len(work.runs), 'run')}: {count(seeds, 'seed')} and {grid} from each start "
              f"({names})"]  # fmt: skip
    sizes = (work.config.get("network") or {}).get("hidden_sizes")
    training_options = work.config.get("training") or {}
    if sizes:
        pieces.append(f"hidden layers of {', '.join(map(str, sizes))} units")
    if "epochs" in training_options:
        optimizer = training_options.get("optimizer", "")
        pieces.append(f"{training_options['epochs']} epochs of {optimizer}".removesuffix(" of "))
    return "; ".join(pieces) + "."


def _finding(study: Study) -> str:
    """The result in two sentences, with its uncertainty."""
    row = next((row for row in study.rows if row.init and row.init == study.init), None)
    reference = next((r for r in study.rows if r.init and r.init == study.work.reference), None)
    if row is None:
        return "No run that started from a spline was found in this folder."
    ratio = row.reach.step_ratio if row.reach is not None else None
    if reference is None or ratio is None or ratio.pairs == 0:
        return f"From the {row.name} start: best validation loss {mean_error(row.validation_loss)}."
    known = row.reach.steps[~np.isnan(row.reach.steps)]
    value, low, high = ratio.median
    goal = f"the best validation loss of the {reference.name} start"
    if math.isinf(value):
        arrived = int(np.isfinite(known).sum())
        first = f"From the {row.name} start, the network reached {goal} in only {arrived} of " \
                f"{known.size} seeds."  # fmt: skip
    elif value == 0:
        first = f"From the {row.name} start, the network is at or below {goal} before its first " \
                f"step in {int((known == 0).sum())} of {known.size} seeds."  # fmt: skip
    else:
        first = f"From the {row.name} start, the same network reached {goal} in {percent(value)} " \
                f"of the steps (median of {ratio.pairs} seeds; 95 % interval {percent(low)} to " \
                f"{percent(high)})."  # fmt: skip
    return f"{first} {_test_sentence(row, reference.name)}"


def _test_sentence(row: Row, reference: str) -> str:
    known = row.difference[~np.isnan(row.difference)]
    if known.size == 0:
        return ""
    low, high = bootstrap(known)[1:]
    better = int((known < 0).sum())
    verdict = {True: "lower", False: "higher"}.get(high < 0 if high < 0 or low > 0 else None)
    claim = f"is {verdict} than" if verdict and known.size > 1 else "does not clearly differ from"
    return (
        f"Its test error {claim} that of the {reference} start "
        f"({better} of {known.size} seeds better)."
    )


def _tiles(study: Study) -> list[tuple[str, str]]:
    tiles = []
    reference = study.work.reference
    reach = next((r.reach for r in study.rows if r.init == study.init and r.reach), None)
    if reach is not None and reach.step_ratio and math.isfinite(reach.step_ratio.median.value):
        what = f"of {display_name(reference)}'s steps to {display_name(reference)}'s best loss"
        tiles.append((percent(reach.step_ratio.median.value), what))
    for row in study.rows:
        values = error_of(row)
        if row.init in ("", study.init, reference) and np.isfinite(values).any():
            what = "test RMSE" if np.isfinite(row.test_rmse).any() else "test loss"
            name = row.name if not row.init else f"trained from {row.name}"
            tiles.append((significant(float(np.nanmean(values)), 3), f"{what}, {name}"))
    if study.init in study.drifts:
        drift = study.drifts[study.init]
        hinges = summarize_drift(select(drift, on_axis_at_start(drift)))
        if hinges.units:
            what = f"of the spline's units on a feature are still on it, seed {study.seed}"
            tiles.append((f"{hinges.aligned} of {hinges.units}", what))
            what = f"of their activations changed sides, seed {study.seed}"
            tiles.append((percent(hinges.flipped_share), what))
    return tiles


def _cautions(study: Study) -> str:
    found = cautions.collect(study)
    if not found:
        return '<h3 id="warnings">Warnings</h3>' + html.paragraph(
            "None: every run finished, no unit is dead, and there are enough seeds.", "good"
        )
    items = "".join(
        f'<li class="{"bad" if c.grave else ""}">{html.text(c.sentence)}</li>' for c in found
    )
    return f'<h3 id="warnings">Warnings</h3><ul class="warnings">{items}</ul>'


def _footer(work: Workdir) -> str:
    return (
        f"Rebuilt from the files of <code>{html.text(work.path.resolve().name)}</code> by "
        f"<code>python -m experiments.report {html.text(work.path.name)}</code>. Every figure lies "
        f"as PNG, its numbers as CSV, in <code>figures/</code>."
    )

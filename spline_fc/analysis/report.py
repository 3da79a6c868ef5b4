"""One self-contained page about one run, rebuilt from its files."""

import math
import pathlib
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis import cautions, html
from spline_fc.analysis.knots import (
    DriftSummary,
    KnotDrift,
    knot_drift,
    on_axis_at_start,
    select,
    summarize_drift,
)
from spline_fc.analysis.shapes import (
    Curve,
    additive_share,
    centred,
    feature_grid,
    partial_dependence,
)
from spline_fc.analysis.tables import (
    Row,
    Table,
    display_name,
    main_rows,
    main_table,
    mean_error,
    significant,
)
from spline_fc.analysis.workdir import Workdir, read_params, read_workdir

MIN_ALIGNMENT = 0.5
MOST_MOVED = 12
SHAPE_ROWS = 500  # partial dependence averages over at most so many rows
SHAPE_POINTS = 41
SECTIONS = {"results": "Results", "convergence": "Convergence", "knots": "Knots",
            "shapes": "Shape functions", "setup": "What was run"}  # fmt: skip


class _Study(NamedTuple):
    """Everything measured for one page."""

    work: Workdir
    rows: list[Row]
    drifts: dict[str, KnotDrift]  # by initialisation, seed 0
    summaries: dict[str, DriftSummary]

    @property
    def spline(self) -> str | None:
        """The initialisation the page is about: the first that is not the reference."""
        others = [init for init in self.work.inits if init != self.work.reference]
        return "spline" if "spline" in others else next(iter(others), None)


def write_report(workdir: Any) -> pathlib.Path:
    """Writes report.html, and every figure as PNG and CSV under figures/, from a run's files.

    Args:
      workdir: the folder that a run wrote.

    Returns:
      The path of report.html.

    Raises:
      ValueError: the folder does not hold a run, or a file in it is malformed.
    """
    study = _study(read_workdir(workdir))
    work = study.work
    parts = [_results(study), _convergence(study), _knots(study), _shapes(study), _setup(work)]
    page = html.page(_title(work), _header(study), parts, _footer(work))
    target = work.path / "report.html"
    draft = target.with_suffix(".html.tmp")
    draft.write_text(page, encoding="utf-8")
    draft.replace(target)
    return target


def _study(work: Workdir) -> _Study:
    drifts: dict[str, KnotDrift] = {}
    if work.rows is not None and work.runs:
        seed = min(run["seed"] for run in work.runs)
        for init in work.inits:
            pair = read_params(work, init, seed)
            if pair is not None and len(pair[0]) > 1:
                drifts[init] = knot_drift(
                    *pair, work.rows.x, scaler=work.rows.scaler, min_alignment=MIN_ALIGNMENT
                )
    summaries = {
        init: summarize_drift(drift, min_alignment=MIN_ALIGNMENT) for init, drift in drifts.items()
    }
    return _Study(work, main_rows(work), drifts, summaries)


def _title(work: Workdir) -> str:
    for holder, key in ((work.config.get("dataset"), "name"), (work.config.get("data"), "name"),
                        (work.config, "dataset"), (work.config, "name")):  # fmt: skip
        if isinstance(holder, dict) and isinstance(holder.get(key), str):
            return holder[key].replace("_", " ").capitalize()
    return work.path.resolve().name


def _header(study: _Study) -> str:
    work = study.work
    bad = "" if work.status == "done" else " bad"
    pieces = [f'<span class="status{bad}">{html.text(work.status)}</span>']
    device = work.environment.get("device") or work.environment.get("platform")
    pieces += [f"<span>{html.text(piece)}</span>" for piece in (
        f"spline_fc {work.environment.get('spline_fc', '')}".strip(), device,
        f"{len(work.runs)} runs") if piece]  # fmt: skip
    links = "".join(f'<a href="#{key}">{html.text(name)}</a>' for key, name in SECTIONS.items())
    return "\n".join(
        [f'<p class="eyebrow">{"".join(pieces)}</p>', f"<h1>{html.text(_title(work))}</h1>",
         html.paragraph(_finding(study), "lede"), html.tiles(_tiles(study)),
         _cautions(study), f"<nav>{links}</nav>"]
    )  # fmt: skip


def _finding(study: _Study) -> str:
    """The result in two sentences, with its uncertainty."""
    row = next((row for row in study.rows if row.init and row.init == study.spline), None)
    reference = next((r for r in study.rows if r.init and r.init == study.work.reference), None)
    if row is None:
        return "No run that started from a spline was found in this folder."
    if reference is None or row.ratio is None or row.ratio.pairs == 0:
        return f"From the {row.name} start: best validation loss {mean_error(row.validation_loss)}."
    value, low, high = row.ratio.median
    if math.isinf(value):
        arrived = int(np.isfinite(row.target_steps).sum())
        return (
            f"Starting from the spline, the network reached the best validation loss of the "
            f"{reference.name} start in only {arrived} of {row.seeds.size} seeds."
        )
    return (
        f"Starting from the spline, the same network reached the best validation loss of the "
        f"{reference.name} start in {_percent(value)} of the steps (median of {row.ratio.pairs} "
        f"seeds; 95 % interval {_percent(low)} to {_percent(high)})."
    )


def _tiles(study: _Study) -> list[tuple[str, str]]:
    tiles = []
    reference = study.work.reference
    ratios = [r.ratio for r in study.rows if r.init == study.spline and r.ratio]
    if ratios and math.isfinite(ratios[0].median.value):
        what = f"of {display_name(reference)}'s steps to {display_name(reference)}'s best loss"
        tiles.append((_percent(ratios[0].median.value), what))
    for row in study.rows:
        if row.init not in ("", study.spline, reference):
            continue
        use_rmse = np.isfinite(row.test_rmse).any()
        values = row.test_rmse if use_rmse else row.test_loss
        if np.isfinite(values).any():
            what = "test RMSE" if use_rmse else "test loss"
            name = row.name if not row.init else f"trained from {row.name}"
            tiles.append((significant(float(np.nanmean(values)), 3), f"{what}, {name}"))
    if study.spline in study.drifts:
        drift = study.drifts[study.spline]
        hinges = summarize_drift(select(drift, on_axis_at_start(drift)))
        if hinges.units:
            what = "of the spline's units still on their axis, seed 0"
            tiles.append((f"{hinges.aligned} of {hinges.units}", what))
            what = "of their activations changed sides, seed 0"
            tiles.append((_percent(hinges.flipped_share), what))
    return tiles


def _cautions(study: _Study) -> str:
    found = cautions.collect(study.work, study.rows, study.summaries)
    if not found:
        return '<h3 id="warnings">Warnings</h3>' + html.paragraph(
            "None: every run finished, no unit is dead, and there are enough seeds.", "good"
        )
    items = "".join(
        f'<li class="{"bad" if c.grave else ""}">{html.text(c.sentence)}</li>' for c in found
    )
    return f'<h3 id="warnings">Warnings</h3><ul class="warnings">{items}</ul>'


def _results(study: _Study) -> str:
    body = html.table(main_table(study.work)) if study.rows else _absent("No finished run yet.")
    return html.section("results", SECTIONS["results"], body)


def _convergence(study: _Study) -> str:
    if not study.work.histories:
        return html.section("convergence", SECTIONS["convergence"], _absent("No metrics yet."))
    from spline_fc.analysis import plots

    body = _picture(study, plots.convergence, study.work, study.rows)
    return html.section("convergence", SECTIONS["convergence"], body)


def _knots(study: _Study) -> str:
    drift = study.drifts.get(study.spline or "")
    if drift is None:
        missing = _absent("Knots need data.npz and the parameters before and after training.")
        return html.section("knots", SECTIONS["knots"], missing)
    from spline_fc.analysis import plots

    names = study.work.rows.feature_names
    hinges = select(drift, on_axis_at_start(drift))
    return html.section(
        "knots", SECTIONS["knots"],
        html.paragraph(_drift_sentence(summarize_drift(hinges), drift.unit.size)),
        _picture(study, plots.knot_drift, hinges, study.work.rows),
        "<h3>Units that moved most</h3>", html.table(moved_table(hinges, names), "text"),
        "<h3>Alignment</h3>", _picture(study, plots.alignment, study.drifts, MIN_ALIGNMENT),
    )  # fmt: skip


def moved_table(drift: KnotDrift, feature_names: tuple[str, ...], count: int = MOST_MOVED) -> Table:
    """The units whose knots moved furthest, in raw units.

    Args:
      drift: from `knot_drift`, with a scaler.
      feature_names: d names.
      count: at most so many rows.

    Returns:
      Table; only aligned units are listed.
    """
    ranked = np.argsort(-np.abs(np.where(drift.aligned, drift.displacement, 0.0)), kind="stable")
    ranked = [i for i in ranked if drift.aligned[i] and drift.displacement[i] != 0][:count]
    sides = {1.0: "right", -1.0: "left", 0.0: "–"}
    body = [
        [
            str(drift.unit[i]),
            feature_names[drift.feature[i]],
            f"{significant(drift.knot_before[i], 4)} → {significant(drift.knot_after[i], 4)}",
            f"{drift.displacement[i]:+.2f}".replace("-", "−"),
            sides[float(drift.direction_after[i])],
            f"{significant(drift.slope_before[i])} → {significant(drift.slope_after[i])}",
            f"{drift.alignment_after[i]:.2f}",
            f"{_percent(drift.active_before[i])} → {_percent(drift.active_after[i])}",
        ]
        for i in ranked
    ]
    header = ["unit", "feature", "knot", "moved by, IQR", "active to the", "slope", "alignment",
              "active rows"]  # fmt: skip
    return Table(header, body, ["Start → end of training, in raw units; IQR is the inter-quartile "
                                "range of the feature."])  # fmt: skip


def _shapes(study: _Study) -> str:
    init, work = study.spline, study.work
    if init not in study.drifts:
        missing = _absent("Shape functions need data.npz and the parameters of the run.")
        return html.section("shapes", SECTIONS["shapes"], missing)
    from spline_fc.analysis import plots

    rows = work.rows
    x = rows.x[:: -(-len(rows.x) // SHAPE_ROWS)]
    initial, best = read_params(work, init, min(run["seed"] for run in work.runs))
    knots = knot_drift(initial, best, x)
    before, after = (_curves(p, x, knots) for p in (initial, best))
    shares = [additive_share(p, x, c) for p, c in ((initial, before), (best, after))]
    sentence = (
        f"One feature varies, the others stay as {len(x)} training rows have them (partial "
        f"dependence). The sum of these curves carries {_percent(shares[0])} of the variance of "
        f"the network before training and {_percent(shares[1])} after it; the rest is interaction."
    )
    return html.section(
        "shapes", SECTIONS["shapes"], html.paragraph(sentence),
        _picture(study, plots.shapes, before, after, rows),
    )  # fmt: skip


def _curves(params: dict, x: np.ndarray, knots: KnotDrift) -> list[Curve]:
    curves = []
    for feature in range(x.shape[1]):
        here = knots.aligned & (knots.feature == feature)
        # Few features have more knots than points; where they do, the even grid is dense enough.
        extra = np.r_[knots.knot_before[here], knots.knot_after[here]][:SHAPE_POINTS]
        grid = feature_grid(x, feature, SHAPE_POINTS, extra)
        value = partial_dependence(params, x, feature, grid)
        curves.append(Curve(feature, grid, centred(value, grid, x[:, feature]), exact=False))
    return curves


def _setup(work: Workdir) -> str:
    parts = (
        [html.groups(work.config, "run")] if work.config else [_absent("config.json is missing.")]
    )
    if work.environment:
        parts += [html.groups({"versions and device": work.environment}, "")]
    if work.fits:
        parts += ["<h3>Spline fits</h3>", html.table(_fits_table(work.fits), "text")]
    return html.section("setup", SECTIONS["setup"], *parts)


def _fits_table(fits: list[dict[str, Any]]) -> Table:
    def cell(fit: dict[str, Any], key: str) -> str:
        value = fit.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value) if isinstance(value, int) else significant(value, 3)
        return "–" if value is None else str(value)

    keys = ("seed", "stop_reason", "terms", "gcv", "r2", "seconds_compile", "seconds_run")
    header = ["seed", "why the search stopped", "terms", "GCV", "R²", "s to compile", "s to fit"]
    return Table(header, [[cell(fit, key) for key in keys] for fit in fits], [])


def _drift_sentence(summary: DriftSummary, units: int) -> str:
    low, q1, median, q3, high = (significant(v, 2) for v in summary.displacement_quantiles)
    added = units - summary.units
    pieces = [
        f"{summary.units} of the {units} first-layer units began as hinges of the spline, each on "
        f"one feature; {summary.aligned} of them are still on it after training and "
        f"{summary.left_axis} left it."
    ]
    if added:
        pieces.append(f"The other {added} were added with random directions and have no knot.")
    if summary.aligned:
        pieces.append(
            f"The knots moved by {low} to {high} inter-quartile ranges of their feature (quartiles "
            f"{q1}, {median}, {q3}); {summary.sign_flips} units changed direction, "
            f"{summary.outside} knots left the range of the data, {summary.merged} merged with a "
            f"neighbour."
        )
    return " ".join([*pieces, "Seed 0, on the training rows."])


def _picture(study: _Study, draw: Any, *arguments: Any) -> str:
    from spline_fc.analysis import figures

    folder = study.work.path / "figures"
    folder.mkdir(exist_ok=True)
    with figures.style():
        picture = draw(*arguments)
        return html.figure(figures.save(picture, folder), picture.caption)


def _footer(work: Workdir) -> str:
    return (
        f"Rebuilt from the files of <code>{html.text(work.path.resolve().name)}</code> by "
        f"<code>python -m experiments.report {html.text(work.path.name)}</code>. Every figure lies "
        f"as PNG, its numbers as CSV, in <code>figures/</code>."
    )


def _absent(sentence: str) -> str:
    return html.paragraph(sentence, "note")


def _percent(share: float) -> str:
    if math.isinf(share):
        return "∞"
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{significant(value, 2)} %"

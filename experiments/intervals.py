"""What intervals of 90 % hold on test rows of the UCI sets, and how wide they are.

    python -m experiments.intervals --workdir=runs/anchors
    python -m experiments.intervals --table=results/ensembles/intervals.json

Measured are the ensembles that `python -m experiments.anchors` has kept in its workdir. A width is
told over that of a Gaussian: 2 * 1.645 times the root mean square of residuals of rows held out.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags

import spline_fc as sfc
from experiments import anchors_cells, config_files, startup
from experiments.benchmarks import machine, tables
from spline_fc.data import Dataset, join_validation
from spline_fc.ensemble import LEVEL, METHODS, Ensemble, of_ensemble
from spline_fc.ensemble.held_out import outputs_float64
from spline_fc.ensemble.train import out_of_fold
from spline_fc.protocol import SPLINE

GAUSSIAN = 2 * 1.6449  # deviations between the ends of 90 % of a Gaussian


def main(argv: list[str]) -> None:
    """Measures every split that has an ensemble, writes the record after each, prints the table."""
    given = flags.FLAGS
    if tables.shown(argv, given.table, table):
        return
    machine.check_output(given.output)
    config, folder = config_files.read(given.config), pathlib.Path(given.workdir) / "ensembles"
    sizes = {"members": config.members, "widths": config.hidden_sizes}
    record: dict[str, Any] = {**machine.stamp(), **sizes, "rows": []}
    for name in config.sets:
        for split in range(config.sets[name].splits):
            dataset = sfc.load(name, split=split)
            cell = anchors_cells.cell_of(dataset, config, split, SPLINE, folder)
            if cell.kept.is_file():
                row = interval_row(anchors_cells.kept(cell), dataset)
                record["rows"].append({"set": name, "split": split, **row})
                machine.write(given.output, record)
                print(" | ".join(line(f"{name} {split}", [row])), flush=True)
    if not record["rows"]:
        raise ValueError(
            f"--workdir must be that of experiments.anchors; {folder} has no ensemble."
        )
    print(table(record))


def interval_row(ensemble: Ensemble, dataset: Dataset) -> dict[str, Any]:
    """Measures the intervals of an ensemble on the test rows of the set that it was trained on.

    Args:
      ensemble: of a regression on one target.
      dataset: in raw units, as `train_ensemble` took it.

    Returns:
      {"rows": of the test part, "known": rows held out by any member, "rmse": of the mean of the
      members, "rmse_members": of one, "rmse_out_of_fold", "rmse_capped": the same of outputs pulled
      in to the range of the targets that a member was trained on, "methods": {method: {"coverage",
      "width"}}}; errors and widths in the units of the target.
    """
    pooled = sfc.standardize(join_validation(dataset))
    held_out = of_ensemble(ensemble, pooled)
    x, y, scale = *pooled.test, pooled.scaler.y_scale
    errors = scale * (outputs_float64(ensemble.params, x) - y)
    methods = {}
    for method in METHODS:
        lower, upper = held_out.interval(x, LEVEL, method)
        inside = (lower <= y) & (y <= upper)
        methods[method] = {"coverage": inside.mean(), "width": (scale * (upper - lower)).mean()}
    return {
        "rows": len(y),
        "known": len(held_out.sizes),
        "rmse": np.sqrt(np.mean(errors.mean(axis=0) ** 2)),
        "rmse_members": np.sqrt(np.mean(errors**2)),
        "rmse_out_of_fold": np.sqrt(np.mean((scale * held_out.sizes) ** 2)),
        "rmse_capped": np.sqrt(np.nanmean((scale * _capped(ensemble, pooled)) ** 2)),
        "methods": methods,
    }


def _capped(ensemble: Ensemble, pooled: Dataset) -> np.ndarray:
    """Residuals (n, k) of rows held out, outputs capped to the targets that members have seen."""
    seen = [ensemble.targets[~held] for held in ensemble.held_out]
    low, high = (np.stack([end(own, axis=0) for own in seen])[:, None] for end in (np.min, np.max))
    outputs = np.clip(outputs_float64(ensemble.params, pooled.train.x), low, high)
    return out_of_fold(outputs, ensemble.held_out) - ensemble.targets


def table(record: Mapping[str, Any]) -> str:
    """Sets a record as markdown, a line for each set."""
    heads = ["set", "splits, test rows", *(f"{m}: coverage, width" for m in METHODS)]
    heads += ["error held out", "of the mean", "held out, capped"]
    names = dict.fromkeys(row["set"] for row in record["rows"])
    body = tables.markdown(
        heads, [line(n, [r for r in record["rows"] if r["set"] == n]) for n in names]
    )
    said = (
        "Coverage in per cent of the test rows with its standard error, over splits where there "
        "are 3 or more; mean width over that of a Gaussian. The error of members on rows held out "
        "and that of their mean on test rows, over that of members on test rows; the first with "
        "outputs capped to the range of known targets, over itself. Ensembles of "
        f"{record['members']}. {machine.sentence(record)}"
    )
    return f"{body}\n\n{said}"


def line(name: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The cells of a set, of all its splits."""
    counts = np.array([row["rows"] for row in rows])
    cells = []
    for method in METHODS:
        shares = np.array([row["methods"][method]["coverage"] for row in rows])
        widths = [
            row["methods"][method]["width"] / (GAUSSIAN * row["rmse_out_of_fold"]) for row in rows
        ]
        share = (shares * counts).sum() / counts.sum()
        error = np.sqrt(share * (1 - share) / counts.sum())
        if len(rows) > 2:
            error = shares.std(ddof=1) / np.sqrt(len(rows))
        cells.append(f"{100 * share:.1f} ± {100 * error:.1f}, {np.mean(widths):.2f}")
    for error in ("rmse_out_of_fold", "rmse"):
        ratios = [row[error] / row["rmse_members"] for row in rows]
        cells.append(f"{np.exp(np.mean(np.log(ratios))):.2f}")
    capped = [row["rmse_capped"] / row["rmse_out_of_fold"] for row in rows]
    cells.append(f"{np.exp(np.mean(np.log(capped))):.3f}")
    return [name, f"{len(rows)}, {counts.sum()}", *cells]


if __name__ == "__main__":
    flags.DEFINE_string("output", "results/ensembles/intervals.json", "JSON file to write.")
    flags.DEFINE_string("table", None, "Print the table of this file, and end.")
    flags.DEFINE_string("config", "configs/anchors.py", "Config file[:mode] of the ensembles.")
    flags.DEFINE_string("workdir", "runs/anchors", "Workdir of experiments.anchors.")
    startup.start(main)

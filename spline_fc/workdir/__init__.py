"""The folder that a run leaves: one versioned format, written and read here and nowhere else.

    workdir.json            the format and what wrote it
    config.json, status
    environment.json        date, command, versions, device
    data/seed0.npz          training and test rows of a seed, their names, the seed's own scaler
    data/encoding-seed0.json   how columns became features, where there were columns
    starts.json             seconds and directions of the starts that are there
    baselines.json          scores of the mean and of a linear model
    fits.json, fits/spline-seed0.json   the spline of a seed: its scores; all of it
    params/spline-seed0-initial.npz, ...-best.npz
    models/spline-seed0.npz  the run that was chosen for a seed, with all that predicts new rows
    runs.json               one row per (start, seed, learning rate)
    metrics/spline-seed0-lr0.001.jsonl
    knots/spline-seed0.npz  the way of the knots through training
    checkpoints/spline/     state of training, to go on from
    report.html, figures/

Where a run lives until all of this is there, `spline_fc.runs.place` says.
"""

from spline_fc.workdir.overview import FORMAT, Workdir, read_workdir, scores_of
from spline_fc.workdir.store import (
    FOLDERS,
    Rows,
    begin,
    finished_rows,
    read_data,
    read_encoding,
    read_fit,
    read_knots,
    read_params,
    read_start,
    write_chosen,
    write_data,
    write_knots,
    write_params,
    write_start,
    write_status,
)

__all__ = [
    "FOLDERS",
    "FORMAT",
    "Rows",
    "Workdir",
    "begin",
    "finished_rows",
    "read_data",
    "read_encoding",
    "read_fit",
    "read_knots",
    "read_params",
    "read_start",
    "read_workdir",
    "scores_of",
    "write_chosen",
    "write_data",
    "write_knots",
    "write_params",
    "write_start",
    "write_status",
]

"""Gatehouse: what surrounds a run: its plan, its place, its progress, its rows."""

from spline_fc.runs.place import check_place, claim, differences, is_finished
from spline_fc.runs.plan import Plan, check_against_data, defaults, read_plan
from spline_fc.runs.progress import Progress, to_terminal
from spline_fc.runs.reading import load_seeds
from spline_fc.runs.rows import baseline_rows, chosen_model, fit_rows, run_rows
from spline_fc.runs.starts import all_starts
from spline_fc.runs.together import Work, assist, check_read, from_first, is_first, train
from spline_fc.runs.watch import Watch

__all__ = [
    "Plan",
    "Progress",
    "Watch",
    "Work",
    "all_starts",
    "assist",
    "baseline_rows",
    "check_against_data",
    "check_read",
    "check_place",
    "chosen_model",
    "claim",
    "defaults",
    "differences",
    "fit_rows",
    "from_first",
    "is_finished",
    "is_first",
    "load_seeds",
    "read_plan",
    "run_rows",
    "to_terminal",
    "train",
]

"""Study: what training did, measured and shown."""

from spline_fc.analysis.convergence import (
    area_under_curve,
    bootstrap,
    fit_rate,
    paired_ratio,
    read_history,
    steps_to_target,
)
from spline_fc.analysis.exact_shapes import exact_dependence
from spline_fc.analysis.knots import KnotDrift, activation_flips, knot_drift, summarize_drift
from spline_fc.analysis.regions import Cell, count_patterns, segment_breakpoints, slice_cells
from spline_fc.analysis.report import write_report
from spline_fc.analysis.shapes import partial_dependence
from spline_fc.analysis.tables import text_table

__all__ = [
    "Cell",
    "KnotDrift",
    "activation_flips",
    "area_under_curve",
    "bootstrap",
    "count_patterns",
    "exact_dependence",
    "fit_rate",
    "knot_drift",
    "paired_ratio",
    "partial_dependence",
    "read_history",
    "segment_breakpoints",
    "slice_cells",
    "steps_to_target",
    "summarize_drift",
    "text_table",
    "write_report",
]

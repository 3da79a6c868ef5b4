"""Study: what training did, measured and shown."""

from spline_fc.analysis.activations import PatternCount, flips_per_layer, pattern_count
from spline_fc.analysis.convergence import (
    History,
    Interval,
    PairedRatio,
    area_under_curve,
    bootstrap,
    fit_rate,
    paired_ratio,
    read_history,
    steps_to_target,
)
from spline_fc.analysis.exact_shapes import exact_dependence
from spline_fc.analysis.knot_track import (
    KnotTrack,
    TrackSummary,
    knot_track,
    select_units,
    summarize_track,
    track_networks,
)
from spline_fc.analysis.knots import KnotDrift, activation_flips, knot_drift, summarize_drift
from spline_fc.analysis.regions import Cell, count_patterns, segment_breakpoints, slice_cells
from spline_fc.analysis.report import write_report
from spline_fc.analysis.shapes import partial_dependence
from spline_fc.analysis.speed import (
    Reach,
    Speed,
    best_loss,
    compare_speed,
    fixed_targets,
    half_life,
    metrics_curves,
    relative_targets,
)
from spline_fc.analysis.tables import text_table

__all__ = [
    "Cell",
    "History",
    "Interval",
    "KnotDrift",
    "KnotTrack",
    "PairedRatio",
    "PatternCount",
    "Reach",
    "Speed",
    "TrackSummary",
    "activation_flips",
    "area_under_curve",
    "best_loss",
    "bootstrap",
    "compare_speed",
    "count_patterns",
    "exact_dependence",
    "fit_rate",
    "fixed_targets",
    "flips_per_layer",
    "half_life",
    "knot_drift",
    "knot_track",
    "metrics_curves",
    "paired_ratio",
    "partial_dependence",
    "pattern_count",
    "read_history",
    "relative_targets",
    "segment_breakpoints",
    "select_units",
    "slice_cells",
    "steps_to_target",
    "summarize_drift",
    "summarize_track",
    "text_table",
    "track_networks",
    "write_report",
]

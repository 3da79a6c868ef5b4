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
from spline_fc.analysis.decomposition import (
    Decomposition,
    component_values,
    decompose,
    main_effect,
    pair_surface,
)
from spline_fc.analysis.distil import Distillation, distil, share_explained
from spline_fc.analysis.exact_shapes import (
    ShapeFunctions,
    dependence_surface,
    exact_dependence,
    shape_functions,
)
from spline_fc.analysis.importance import (
    ImportanceTable,
    Permutation,
    compare_importance,
    importance_table,
    mean_contribution,
    permutation_importance,
)
from spline_fc.analysis.knot_track import (
    KnotTrack,
    TrackSummary,
    knot_track,
    select_units,
    summarize_track,
    track_networks,
)
from spline_fc.analysis.knots import KnotDrift, activation_flips, knot_drift, summarize_drift
from spline_fc.analysis.local import (
    CellExplanation,
    SplineExplanation,
    explain_network,
    explain_spline,
)
from spline_fc.analysis.regions import Cell, count_patterns, segment_breakpoints, slice_cells
from spline_fc.analysis.report import write_report
from spline_fc.analysis.shapes import Curve, Surface, partial_dependence, thin_curve
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
from spline_fc.analysis.sweep import write_sweep
from spline_fc.analysis.tables import set_text, text_table

__all__ = [
    "Cell",
    "CellExplanation",
    "Curve",
    "Decomposition",
    "Distillation",
    "History",
    "ImportanceTable",
    "Interval",
    "KnotDrift",
    "KnotTrack",
    "PairedRatio",
    "PatternCount",
    "Permutation",
    "Reach",
    "ShapeFunctions",
    "Speed",
    "SplineExplanation",
    "Surface",
    "TrackSummary",
    "activation_flips",
    "area_under_curve",
    "best_loss",
    "bootstrap",
    "compare_importance",
    "compare_speed",
    "component_values",
    "count_patterns",
    "decompose",
    "dependence_surface",
    "distil",
    "exact_dependence",
    "explain_network",
    "explain_spline",
    "fit_rate",
    "fixed_targets",
    "flips_per_layer",
    "half_life",
    "importance_table",
    "knot_drift",
    "knot_track",
    "main_effect",
    "mean_contribution",
    "metrics_curves",
    "pair_surface",
    "paired_ratio",
    "partial_dependence",
    "pattern_count",
    "permutation_importance",
    "read_history",
    "relative_targets",
    "segment_breakpoints",
    "select_units",
    "set_text",
    "shape_functions",
    "share_explained",
    "slice_cells",
    "steps_to_target",
    "summarize_drift",
    "summarize_track",
    "text_table",
    "thin_curve",
    "track_networks",
    "write_report",
    "write_sweep",
]

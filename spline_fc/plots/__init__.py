"""Pictures of records: functions that take matplotlib axes and return them.

Every function takes `ax`: an Axes, or as many as the picture has panels, or a function that makes
so many; without it a figure is made by pyplot, as seaborn does. It returns that Axes, or an array
of them where there are several panels. `about` tells names and units: a Dataset, a Model, or what
`plots.about` gathers. Models are measured here and drawn in raw units; records are drawn in the
units they were made in (their makers take `scaler=`). No global setting is changed.
"""

from spline_fc.plots.about import About, about
from spline_fc.plots.knots import drift_over_steps, knot_drift, knots_over_steps
from spline_fc.plots.scores import calibration, importance, predicted_against_observed
from spline_fc.plots.shapes import shape_functions
from spline_fc.plots.surfaces import partition, surface
from spline_fc.plots.training import convergence, intervals
from spline_fc.plots.units import alignment, flipped

__all__ = [
    "About",
    "about",
    "alignment",
    "calibration",
    "convergence",
    "drift_over_steps",
    "flipped",
    "importance",
    "intervals",
    "knot_drift",
    "knots_over_steps",
    "partition",
    "predicted_against_observed",
    "shape_functions",
    "surface",
]

"""Workshop: continuous piecewise-linear splines and how they are fitted."""

from spline_fc.cpwl.fit import FitResult, FitSeconds, fit_mars, r2_score
from spline_fc.cpwl.foreign import fit_pyearth, from_earth, from_pyearth
from spline_fc.cpwl.forward import ForwardTrace, Term
from spline_fc.cpwl.io import (
    fit_from_dict,
    fit_to_dict,
    load_fit,
    load_spline,
    save_fit,
    save_spline,
    spline_from_dict,
    spline_to_dict,
)
from spline_fc.cpwl.oblique import (
    DIRECTIONS,
    ObliqueFit,
    add_projections,
    compose_kernel,
    derive_directions,
    evaluate_oblique,
    fit_oblique,
)
from spline_fc.cpwl.pruning import PruningPath, gcv_score
from spline_fc.cpwl.shrinkage import shrink
from spline_fc.cpwl.spline import Spline, basis, evaluate
from spline_fc.cpwl.summary import Importance, importance, summarize

__all__ = [
    "DIRECTIONS",
    "FitResult",
    "FitSeconds",
    "ForwardTrace",
    "Importance",
    "ObliqueFit",
    "PruningPath",
    "Spline",
    "Term",
    "add_projections",
    "basis",
    "compose_kernel",
    "derive_directions",
    "evaluate",
    "evaluate_oblique",
    "fit_from_dict",
    "fit_mars",
    "fit_oblique",
    "fit_pyearth",
    "fit_to_dict",
    "from_earth",
    "from_pyearth",
    "gcv_score",
    "importance",
    "load_fit",
    "load_spline",
    "r2_score",
    "save_fit",
    "save_spline",
    "shrink",
    "spline_from_dict",
    "spline_to_dict",
    "summarize",
]

"""Continuous piecewise-linear splines: how they are fitted, described and kept."""

from spline_fc.cpwl.checked import check_fit, check_spline
from spline_fc.cpwl.classes import fit_classes
from spline_fc.cpwl.directions import DIRECTIONS, derive_directions, most_directions
from spline_fc.cpwl.evaluation import evaluate, evaluate_float64
from spline_fc.cpwl.fit import FIT_OPTIONS, fit_mars
from spline_fc.cpwl.foreign import fit_pyearth, from_earth, from_pyearth
from spline_fc.cpwl.forward import ForwardTrace
from spline_fc.cpwl.inputs import PRUNE_METHODS, check_search_options
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
from spline_fc.cpwl.labels import labelled_terms
from spline_fc.cpwl.likelihood import fit_logits, probabilities_of
from spline_fc.cpwl.pruning import PruningPath, gcv_score
from spline_fc.cpwl.result import FitResult
from spline_fc.cpwl.shrinkage import shrink
from spline_fc.cpwl.spline import (
    Spline,
    basis,
    num_features,
    spline_of,
    with_projections,
)
from spline_fc.cpwl.summary import Importance, importance, summarize
from spline_fc.cpwl.terms import (
    Factor,
    LiveTerms,
    Term,
    hinge_of,
    linear_pairs,
    live_terms,
    term_values,
)

__all__ = [
    "DIRECTIONS",
    "PRUNE_METHODS",
    "check_fit",
    "check_search_options",
    "check_spline",
    "FIT_OPTIONS",
    "Factor",
    "FitResult",
    "ForwardTrace",
    "Importance",
    "LiveTerms",
    "PruningPath",
    "Spline",
    "Term",
    "basis",
    "derive_directions",
    "evaluate",
    "evaluate_float64",
    "fit_from_dict",
    "fit_classes",
    "fit_logits",
    "fit_mars",
    "fit_pyearth",
    "fit_to_dict",
    "from_earth",
    "from_pyearth",
    "gcv_score",
    "hinge_of",
    "importance",
    "labelled_terms",
    "linear_pairs",
    "live_terms",
    "load_fit",
    "load_spline",
    "most_directions",
    "num_features",
    "probabilities_of",
    "save_fit",
    "save_spline",
    "shrink",
    "spline_from_dict",
    "spline_of",
    "spline_to_dict",
    "summarize",
    "term_values",
    "with_projections",
]

"""Spline-initialised fully connected networks: fit, convert, reshape, train on, look inside.

The road, in import order: data -> cpwl -> network -> training -> analysis. Pictures, `plots`, and
the estimators are loaded when they are asked for: they need matplotlib and scikit-learn.
"""

import importlib
from typing import TYPE_CHECKING, Any

from spline_fc.analysis import knot_drift
from spline_fc.checks import optional
from spline_fc.cpwl import (
    FitResult,
    Spline,
    evaluate,
    fit_classes,
    fit_logits,
    fit_mars,
    fit_pyearth,
    from_earth,
    from_pyearth,
    importance,
    load_fit,
    load_spline,
    save_fit,
    save_spline,
    shrink,
    summarize,
)
from spline_fc.data import (
    Chunks,
    Dataset,
    Encoding,
    chunks_of,
    chunks_of_npy,
    chunks_of_parquet,
    describe_columns,
    encode,
    encode_with_targets,
    from_arrays,
    load,
    standardize,
)
from spline_fc.ensemble import (
    Ensemble,
    ensemble_outputs,
    error_parts,
    member_outputs,
    train_ensemble,
)
from spline_fc.model import Model, fit_model, load_model, make_model, save_model
from spline_fc.network import (
    MLP,
    apply_params,
    init_params,
    reshape,
    spline_from_params,
    spline_start,
    to_params,
)
from spline_fc.report import write_report
from spline_fc.sharding import shard_process_rows, shard_rows
from spline_fc.training import TrainingConfig, TrainResult, train, train_chunks, train_replicas

if TYPE_CHECKING:
    from spline_fc import plots
    from spline_fc.estimators import (
        MARSRegressor,
        MARSTransformer,
        SplineFCClassifier,
        SplineFCRegressor,
    )

__all__ = [
    "MLP",
    "Chunks",
    "Dataset",
    "Encoding",
    "Ensemble",
    "FitResult",
    "MARSRegressor",
    "MARSTransformer",
    "Model",
    "Spline",
    "SplineFCClassifier",
    "SplineFCRegressor",
    "TrainResult",
    "TrainingConfig",
    "apply_params",
    "chunks_of",
    "chunks_of_npy",
    "chunks_of_parquet",
    "describe_columns",
    "encode",
    "encode_with_targets",
    "ensemble_outputs",
    "error_parts",
    "evaluate",
    "fit_classes",
    "fit_logits",
    "fit_mars",
    "fit_model",
    "fit_pyearth",
    "from_arrays",
    "from_earth",
    "from_pyearth",
    "importance",
    "init_params",
    "knot_drift",
    "load",
    "load_fit",
    "load_model",
    "load_spline",
    "make_model",
    "member_outputs",
    "plots",
    "reshape",
    "save_fit",
    "save_model",
    "save_spline",
    "shard_process_rows",
    "shard_rows",
    "shrink",
    "spline_from_params",
    "spline_start",
    "standardize",
    "summarize",
    "to_params",
    "train",
    "train_chunks",
    "train_ensemble",
    "train_replicas",
    "write_report",
]

_ESTIMATORS = ("MARSRegressor", "MARSTransformer", "SplineFCClassifier", "SplineFCRegressor")


def __getattr__(name: str) -> Any:
    """Loads what needs packages that most sessions can do without."""
    if name == "plots":
        optional("matplotlib", "plots")
        return importlib.import_module("spline_fc.plots")
    if name in _ESTIMATORS:
        return getattr(importlib.import_module("spline_fc.estimators"), name)
    raise AttributeError(f"module 'spline_fc' has no attribute {name!r}.")

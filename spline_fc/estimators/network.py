"""The whole road: spline, network, training, as a regressor and as a classifier."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from absl import logging
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags

from spline_fc.checks import check_boolean, check_integer, check_number, check_one_of
from spline_fc.cpwl import FitResult
from spline_fc.data import Dataset, join_validation, standardize
from spline_fc.estimators import reading
from spline_fc.estimators.fitted import FittedSpline, seed_of
from spline_fc.estimators.reading import Known
from spline_fc.model import Model, Trained, make_model, start_network, train_network
from spline_fc.model.record import EXTRAPOLATE
from spline_fc.network import Params
from spline_fc.protocol import LEARNING_RATES

_FEWEST = 40  # distinct rows of which some can be held out to choose by
_PASSED = ("max_degree", "penalty", "directions", "knots", "threshold", "share")


class _SplineFC(FittedSpline):
    """The options of the road, and the road.

    Args:
      hidden_sizes: widths of the hidden layers.
      max_terms, max_degree, penalty, directions, knots, threshold, share: of `spline_start`;
        directions=() keeps every hinge on a column, so that the spline can be read.
      epochs: passes over the training rows, at most.
      learning_rate: of Adam; None tries 0.001, 0.003 and 0.01 and keeps the one that is best on the
        rows held out (0.003 if there are none).
      batch_size: rows per step.
      early_stopping: hold rows out, keep the epoch that is best on them, and stop after `patience`
        epochs without a better one. With fewer than 40 distinct rows none are held out.
      validation_fraction: of the rows, to hold out; of every class alike.
      patience: epochs; 0 waits to the end.
      refit: then begin anew on all rows, for as many epochs at the rate that were chosen.
      extrapolate: "linear" goes on beyond the training rows as the pieces at the border do; "clip"
        pulls every column in to the range of the training rows.
      random_state: of the rows held out, free units and the order of rows; an integer, a
        RandomState, or None.

    Attributes:
      model_: Model, which predicts, explains and is saved (`model_.save`).
      spline_: Spline that the network began as, of the encoded columns in raw units.
      basis_coef_: (m, k) its coefficients.
      params_: the network in raw units; `to_linen` and `to_nnx` wrap it.
      history_: {"train_loss", "validation_loss"}: (epochs + 1,) of the run that chose.
      gcv_: generalised cross-validation score of the spline on targets of deviation 1.
      feature_importances_: (n_features_in_,) shares of what shuffling a column, with all its
        levels, costs on the rows held out.
      n_features_in_, feature_names_in_: of X.
    """

    def __init__(
        self,
        hidden_sizes: int | Sequence[int] = (64, 64),
        max_terms: int = 61,
        max_degree: int = 1,
        penalty: float | None = 3.0,
        directions: str | Sequence[str] | Any = ("ols", "sir", "phd"),
        knots: int | str = 64,
        threshold: float = 1e-4,
        share: float = 0.5,
        epochs: int = 100,
        learning_rate: float | None = None,
        batch_size: int = 64,
        early_stopping: bool = True,
        validation_fraction: float = 0.2,
        patience: int = 20,
        refit: bool = True,
        extrapolate: str = "linear",
        random_state: Any = 0,
    ) -> None:
        self.hidden_sizes = hidden_sizes
        self.max_terms = max_terms
        self.max_degree = max_degree
        self.penalty = penalty
        self.directions = directions
        self.knots = knots
        self.threshold = threshold
        self.share = share
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.refit = refit
        self.extrapolate = extrapolate
        self.random_state = random_state

    def _fit(self, known: Known) -> None:
        self._check()
        road, held = self._road(known)
        raw = reading.parts(known, type(self).__name__, self.validation_fraction * held, road.seed)
        standard = standardize(raw)
        rates = [self.learning_rate or LEARNING_RATES[len(LEARNING_RATES) // 2]]
        found = road.train(standard, LEARNING_RATES if held and not self.learning_rate else rates)
        model = make_model(
            standard,
            spline=found.fit,
            params=found.result.params,
            loss=found.loss,
            extrapolate=self.extrapolate,
            made={"seed": road.seed, "learning_rate": found.learning_rate},
        )
        fit = found.fit
        if held and self.refit:
            fit, standard, model = road.again(raw, found, model)
        losses = {part: found.result.history[f"{part}_loss"] for part in ("train", "validation")}
        done = ~np.isnan(losses["validation"])
        done[0] = True
        self.history_ = {f"{part}_loss": loss[done] for part, loss in losses.items()}
        self._keep(known, standard, fit, model)

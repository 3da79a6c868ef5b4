"""The whole road: spline, network, training, as a regressor and as a classifier."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin

from spline_fc import protocol
from spline_fc.checks import check, check_boolean, check_integer, check_number, check_one_of
from spline_fc.data import EXTRAPOLATE, Dataset, join_validation, train_range
from spline_fc.ensemble import LEVEL
from spline_fc.estimators import reading
from spline_fc.estimators.fitted import FittedSpline, Regression, seed_of
from spline_fc.estimators.notes import told_once
from spline_fc.estimators.reading import Known
from spline_fc.model import Trained, make_model, train_network
from spline_fc.model.fitting import told_of, train_members
from spline_fc.training import LEARNING_RATES, TrainResult

_FEWEST = 40  # distinct rows of which some can be held out to choose by
_PASSED = ("max_degree", "penalty", "directions", "threshold", "share")


class _SplineFC(FittedSpline):
    """The options of the road, and the road."""

    def __init__(
        self,
        hidden_sizes: int | Sequence[int] = (64, 64),
        max_terms: int = 61,
        max_degree: int = 1,
        penalty: float | None = 3.0,
        directions: str | Sequence[str] | Any = None,
        candidate_knots: int | str = 64,
        threshold: float = 1e-4,
        share: float = 0.5,
        epochs: int = 100,
        learning_rate: float | None = None,
        batch_size: int = 64,
        early_stopping: bool = True,
        validation_fraction: float = 0.2,
        patience: int = 20,
        refit: bool = False,
        members: int = 1,
        extrapolate: str = "clip",
        random_state: Any = 0,
    ) -> None:
        self.hidden_sizes = hidden_sizes
        self.max_terms = max_terms
        self.max_degree = max_degree
        self.penalty = penalty
        self.directions = directions
        self.candidate_knots = candidate_knots
        self.threshold = threshold
        self.share = share
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.refit = refit
        self.members = members
        self.extrapolate = extrapolate
        self.random_state = random_state

    def _fit(self, known: Known) -> None:
        road = self._road(known)
        if self.members > 1:
            return self._fit_members(known, road)
        held = bool(self.early_stopping) and len(known.encoded.x) >= _FEWEST
        raw = reading.parts(known, road.name, self.validation_fraction * held, road.seed)
        standard = protocol.prepare(raw, self.extrapolate)
        rates = LEARNING_RATES if held else LEARNING_RATES[1:2]
        found = road.train(standard, rates if self.learning_rate is None else [self.learning_rate])
        fit = found.fit
        model = make_model(
            standard,
            spline=fit,
            params=found.result.params,
            loss=found.loss,
            extrapolate=self.extrapolate,
            made={"seed": road.seed, "learning_rate": found.learning_rate},
        )
        if held and self.refit:
            raw = join_validation(raw)
            standard = protocol.prepare(raw, self.extrapolate)
            rerun = road.train_again(standard, found)
            fit = rerun.fit
            low, high = train_range(raw)
            again = {"scaler": standard.scaler, "low": low, "high": high}
            model = model._replace(params=rerun.result.last_params, **again)
        self.history_ = _history(found.result)
        self._keep(known, standard, fit, model)

    def _fit_members(self, known: Known, road: "_Road") -> None:
        """Several networks, which stop by rows that they hold out in turn."""
        wanted = f"with {self.members} members, which stop by rows that they hold out"
        check(bool(self.early_stopping), f"early_stopping must be True {wanted}; got False.")
        wanted = f"refit must be False with {self.members} members, which know all rows"
        check(not self.refit, f"{wanted}; got True.")
        rows = len(known.encoded.x)
        check(rows >= _FEWEST, f"X must have {_FEWEST} distinct rows for members > 1; got {rows}.")
        raw = reading.parts(known, road.name, self.validation_fraction, road.seed)
        rates = LEARNING_RATES if self.learning_rate is None else [self.learning_rate]
        found = train_members(
            raw,
            self.hidden_sizes,
            self.members,
            seed=road.seed,
            training_config={**road.training, "batch_size": min(self.batch_size, rows // 2)},
            start_options=road.start,
            learning_rates=rates,
            extrapolate=self.extrapolate,
        )
        fit: Any = found.ensemble.fits[0]  # no start but a spline has members here
        model = make_model(
            found.pooled,
            spline=fit,
            held_out=found.held_out,
            loss=found.ensemble.loss,
            extrapolate=self.extrapolate,
            made={"seed": road.seed, **told_of(found)},
        )
        self._keep(known, found.pooled, fit, model)

    def _road(self, known: Known) -> "_Road":
        """The options, checked as far as nothing later does so, for these rows."""
        check_one_of("extrapolate", self.extrapolate, EXTRAPOLATE)
        check_boolean("early_stopping", self.early_stopping)
        check_boolean("refit", self.refit)
        check_integer("members", self.members, 1)
        check_number("validation_fraction", self.validation_fraction, above=0, below=1)
        check_integer("max_terms", self.max_terms, 1)
        check_integer("batch_size", self.batch_size, 1)
        check_integer("patience", self.patience, 0)
        if self.learning_rate is not None:
            check_number("learning_rate", self.learning_rate, above=0)
        options = {name: getattr(self, name) for name in _PASSED}
        return _Road(
            type(self).__name__,
            self.hidden_sizes,
            {
                **options,
                "knots": self.candidate_knots,
                "max_terms": min(self.max_terms, len(known.encoded.x)),
            },
            {
                "epochs": self.epochs,
                "batch_size": self.batch_size,
                "patience": self.patience if self.early_stopping else 0,
            },
            seed_of(self.random_state),
        )


class _Road(NamedTuple):
    """What decides a fit apart from the rows."""

    name: str
    hidden_sizes: int | Sequence[int]
    start: dict[str, Any]  # options of spline_start
    training: dict[str, Any]  # fields of TrainingConfig
    seed: int

    def train(self, standard: Dataset, rates: Sequence[float], **changed: Any) -> Trained:
        rows = reading.rounded(standard)
        fields = {**self.training, **changed}
        fields["batch_size"] = min(fields["batch_size"], len(rows.train.x))
        return train_network(
            standard,
            self.hidden_sizes,
            trained_on=rows,
            seed=self.seed,
            training_config=fields,
            start_options=self.start,
            learning_rates=rates,
        )

    def train_again(self, standard: Dataset, found: Trained) -> Trained:
        """Begins anew, and trains for as many epochs as were best when rows were held out."""
        epochs = int(found.result.best_epoch)
        return self.train(standard, [found.learning_rate], epochs=epochs, patience=0)


def _history(result: TrainResult) -> dict[str, np.ndarray]:
    """Losses of the epochs that were trained, of the parts that there are."""
    parts = ("train_loss", "validation_loss")
    trained = ~np.all([np.isnan(result.history[part]) for part in parts], axis=0)
    trained[0] = True
    return {part: result.history[part][trained] for part in parts}


class SplineFCRegressor(Regression, _SplineFC):
    """A fully connected ReLU network that begins as a piecewise-linear spline.

    Args:
      hidden_sizes: widths of the hidden layers.
      max_terms, max_degree, penalty, directions, threshold, share: of `spline_start`;
        directions=() keeps every hinge on a column, so that the spline can be read, and None
        lets rows held out decide whether directions are worth more.
      candidate_knots: `knots` of `spline_start`: so many quantiles per column, or "all" values.
      epochs: passes over the training rows, at most.
      learning_rate: of Adam; None tries 0.001, 0.003 and 0.01 and keeps the one that is best on the
        rows held out (0.003 if there are none).
      batch_size: rows per step.
      early_stopping: hold rows out, keep the epoch that is best on them, and stop after `patience`
        epochs without a better one. With fewer than 40 distinct rows none are held out.
      validation_fraction: of the rows, to hold out; of every class alike.
      patience: epochs; 0 waits to the end.
      refit: then begin anew on all rows, at the rate and for the epochs that were chosen. Better
        on small tables with little noise; where labels are noisy nothing is left to stop it.
      members: networks whose mean predicts, 8 are better than one: each holds another part of the
        rows out to stop by, so that all rows are learnt from and `validation_fraction` has no say;
        rows held out give intervals. Takes about as many times as long.
      extrapolate: "clip" pulls every column in to the range of the training rows; "linear" goes
        straight on beyond them, as the pieces at the border do.
      random_state: of the rows held out, free units and the order of rows; an integer, a
        RandomState, or None.

    Attributes:
      model_: Model, which predicts, explains and is saved (`model_.save`).
      spline_: Spline that the network, or the first member, began as, of the encoded columns in raw
        units.
      basis_coef_: (m, k) its coefficients.
      params_: the network in raw units; `to_linen` and `to_nnx` wrap it.
      history_: {"train_loss", "validation_loss"}: (epochs + 1,) of the run that chose; several
        members have none.
      gcv_: generalised cross-validation score of the spline on targets of deviation 1.
      feature_importances_: (n_features_in_,) shares of what shuffling a column, with all its
        levels, costs on the rows held out, of which several members have known most.
      n_features_in_, feature_names_in_: of X.
    """

    @told_once()
    def predict_interval(
        self, X: Any, level: float = LEVEL, method: str = "cv+"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bounds the targets of rows, with members > 1: lower and upper, each as from `predict`.

        Args:
          X: as in `predict`.
          level: share of new rows whose target is to lie within, in (0, 1); of each target by
            itself.
          method: "cv+", "minmax" or "scaled", see `Model.predict_interval`.

        Raises:
          ValueError: members is 1, or a level that the rows cannot give.
        """
        lower, upper = self.model_.predict_interval(self._rows(X), level, method)
        return self._shaped(lower), self._shaped(upper)


class SplineFCClassifier(ClassifierMixin, _SplineFC):
    """A fully connected ReLU network of logits that begins as a spline of logits.

    Arguments and attributes are those of `SplineFCRegressor`, and one more.

    Args:
      class_weight: {label: factor} on the weights of its rows, others 1; "balanced" lets all
        classes count alike; None leaves the weights. Probabilities are of classes so weighted.

    Attributes:
      classes_: (c,) labels, in the order of the columns of `predict_proba`.
    """

    classes_: np.ndarray

    def __init__(
        self,
        hidden_sizes: int | Sequence[int] = (64, 64),
        max_terms: int = 61,
        max_degree: int = 1,
        penalty: float | None = 3.0,
        directions: str | Sequence[str] | Any = None,
        candidate_knots: int | str = 64,
        threshold: float = 1e-4,
        share: float = 0.5,
        epochs: int = 100,
        learning_rate: float | None = None,
        batch_size: int = 64,
        early_stopping: bool = True,
        validation_fraction: float = 0.2,
        patience: int = 20,
        refit: bool = False,
        members: int = 1,
        extrapolate: str = "clip",
        random_state: Any = 0,
        class_weight: Any = None,
    ) -> None:
        # scikit-learn reads the names of parameters off this signature.
        super().__init__(
            hidden_sizes,
            max_terms,
            max_degree,
            penalty,
            directions,
            candidate_knots,
            threshold,
            share,
            epochs,
            learning_rate,
            batch_size,
            early_stopping,
            validation_fraction,
            patience,
            refit,
            members,
            extrapolate,
            random_state,
        )
        self.class_weight = class_weight

    @told_once()
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "SplineFCClassifier":
        """Fits a spline of logits to the labels, and trains the network that it equals on.

        Args:
          X: as in `SplineFCRegressor.fit`.
          y: (n,) labels of any kind, at most 100 different ones.
          sample_weight: (n,), >= 0; a weight of 2 is two copies of the row.

        Raises:
          ValueError: rows, labels or options that cannot be fitted.
        """
        own = {"labels": True, "class_weight": self.class_weight}
        known = reading.read(self, X, y, sample_weight, **own)
        self._fit_known(known)
        self.classes_ = np.asarray(known.classes)
        return self

    @told_once()
    def predict_proba(self, X: Any) -> np.ndarray:
        """Predicts the probability of every class: (n, c) float64."""
        rows = self._rows(X)
        return self.model_.predict_proba(rows)

    @told_once()
    def predict_set(self, X: Any, level: float = LEVEL) -> np.ndarray:
        """Says which classes rows may have, with members > 1: (n, c) bool, in their order.

        Args:
          X: as in `predict`.
          level: share of new rows whose class is to be among them, in (0, 1).

        Raises:
          ValueError: members is 1, or a level that the rows cannot give.
        """
        return self.model_.predict_set(self._rows(X), level)

    def predict(self, X: Any) -> np.ndarray:
        """Predicts the most probable label of each row: (n,)."""
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(axis=1)]

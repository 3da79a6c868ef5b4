"""MARS alone: as a regressor, and as the basis that stands before other estimators."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from spline_fc.checks import check_integer, check_one_of
from spline_fc.cpwl import fit_mars, labelled_terms, linear_pairs, live_terms, term_values
from spline_fc.cpwl.terms import raw_columns
from spline_fc.data import EXTRAPOLATE, standardize
from spline_fc.estimators import reading
from spline_fc.estimators.fitted import FittedSpline, Regression, seed_of
from spline_fc.estimators.notes import told_once
from spline_fc.estimators.reading import Known
from spline_fc.model import make_model

# Options that fit_mars takes as they are.
_PASSED = ("max_degree", "penalty", "directions", "min_span", "end_span", "threshold")
_PASSED += ("allowed", "linear", "prune")


class _MARS(FittedSpline):
    """The options of `fit_mars`, and the fit."""

    def __init__(
        self,
        max_terms: int = 41,
        max_degree: int = 1,
        penalty: float | None = None,
        directions: str | Sequence[str] | Any = (),
        candidate_knots: int | str = 64,
        min_span: int | None = None,
        end_span: int | None = None,
        threshold: float = 1e-4,
        allowed: Sequence[Sequence[int | str]] | None = None,
        linear: Sequence[int | str] = (),
        prune: str = "gcv",
        extrapolate: str = "clip",
        random_state: Any = 0,
    ) -> None:
        self.max_terms = max_terms
        self.max_degree = max_degree
        self.penalty = penalty
        self.directions = directions
        self.candidate_knots = candidate_knots
        self.min_span = min_span
        self.end_span = end_span
        self.threshold = threshold
        self.allowed = allowed
        self.linear = linear
        self.prune = prune
        self.extrapolate = extrapolate
        self.random_state = random_state

    def _fit(self, known: Known) -> None:
        check_one_of("extrapolate", self.extrapolate, EXTRAPOLATE)
        check_integer("max_terms", self.max_terms, 1)
        seed = seed_of(self.random_state)
        standard = standardize(reading.parts(known, type(self).__name__, 0, seed), np.float64)
        fit = fit_mars(
            *standard.train,
            weights=None if standard.weights is None else standard.weights.train,
            names=standard.feature_names,
            max_terms=min(self.max_terms, len(standard.train.x)),
            key=seed,
            knots=self.candidate_knots,
            **{name: getattr(self, name) for name in _PASSED},
        )
        model = make_model(standard, spline=fit, extrapolate=self.extrapolate, made={"seed": seed})
        self._keep(known, standard, fit, model)


class MARSRegressor(Regression, _MARS):
    """Multivariate adaptive regression splines, of minima of hinges and not of products.

    Nothing is held out: the number of terms is chosen by generalised cross-validation.

    Args:
      max_terms, max_degree, penalty, directions, min_span, end_span, threshold, allowed, linear,
        prune: of `fit_mars`; max_terms is cut to the number of distinct rows. `allowed` and
        `linear` name encoded columns, "tree=oak" being one.
      candidate_knots: `knots` of `fit_mars`: so many quantiles per column, or "all" values.
      extrapolate: "clip" pulls every column in to the range of the training rows; "linear" goes
        straight on beyond them, as the pieces at the border do.
      random_state: of the directions "random"; an integer, a RandomState, or None.

    Attributes:
      model_: Model, which predicts, explains and is saved (`model_.save`).
      spline_: Spline of the encoded columns in raw units, float64.
      basis_coef_: (m, k) its coefficients.
      params_: the network that equals it, in raw units; `to_linen` and `to_nnx` wrap it.
      gcv_: generalised cross-validation score on targets of deviation 1.
      feature_importances_: (n_features_in_,) shares of what shuffling a column, with all its
        levels, costs on the training rows.
      n_features_in_, feature_names_in_: of X.
    """


class MARSTransformer(TransformerMixin, _MARS):
    """The terms that MARS finds, as columns for other estimators.

    Targets decide which terms there are: numbers as in a regression, words as labels, of which each
    is an output. A column is one hinge, the minimum of several, or, where a column of X enters
    linearly, its distance from a knot, all in raw units.

    Arguments and attributes are those of `MARSRegressor`.
    """

    @told_once()
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "MARSTransformer":
        """Finds the terms; arguments as for `MARSRegressor.fit`, y may hold labels that are words.

        Raises:
          ValueError: rows, targets or options that cannot be fitted.
        """
        self._fit_known(reading.read(self, X, y, sample_weight, labels=reading.are_labels(y)))
        return self

    @told_once()
    def transform(self, X: Any) -> np.ndarray:
        """Evaluates the terms on rows: (n, m) float64."""
        rows = self._rows(X)
        x, spline = self.model_.inputs(rows), self.spline_
        live = live_terms(spline)
        values = term_values(raw_columns(x, np.asarray(spline.projection)), live.terms)
        pairs = linear_pairs(live)
        for first, second in pairs.items():
            values[:, first] -= values[:, second]
        return np.delete(values, list(pairs.values()), axis=1)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names the columns of `transform`.

        "h(x0-0.5)" is a hinge, "(x0-0.5)" a linear term, "tree is oak" 1 where it is and else 0.
        """
        check_is_fitted(self)
        given = _check_feature_names_in(self, input_features)
        names = list(self._names())
        if not hasattr(self, "feature_names_in_"):  # then a column of X is one of the encoded ones
            names[: self._features.sum()] = given[self._features]
        levels = {
            place: f"{column.name} is {level}"
            for column in self.model_.columns()
            if column.levels
            for place, level in zip(column.places, column.shown_levels, strict=True)
        }
        labels = [label for label, _ in labelled_terms(self.spline_, names, levels)]
        times = [labels[:m].count(label) for m, label in enumerate(labels)]
        told = (f"{label}.{n}" if n else label for label, n in zip(labels, times, strict=True))
        return np.array(list(told), object)

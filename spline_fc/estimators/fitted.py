"""What all estimators are once they are fitted: doors to one `model_`."""

import os
from typing import Any, Self

import jax
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from spline_fc import analysis, network
from spline_fc.analysis import ShapeFunctions
from spline_fc.checks import check, named_by, shown
from spline_fc.cpwl import FitResult, Spline, linear_pairs, live_terms
from spline_fc.data import Dataset
from spline_fc.estimators import reading
from spline_fc.estimators.notes import told_once
from spline_fc.estimators.reading import Known
from spline_fc.model import Explanation, Model
from spline_fc.model.formula import raw_spline
from spline_fc.network import MLP, NNXMLP, Params
from spline_fc.network.structure import dtype_of

# Arguments of the road that estimators call otherwise.
_CALLED = {
    "folds": "members",
    "key": "random_state",
    "knots": "candidate_knots",
    "learning_rates": "learning_rate",
}
_SHOWN_ROWS = 500  # of the training part, over which shape functions are averaged


class FittedSpline(BaseEstimator):
    """A spline, perhaps a network that it became, and what makes x of rows.

    All arrays are NumPy's, so that an estimator can be pickled, copied and read without JAX.
    `spline_` and `params_` take the encoded columns (`model_.feature_names`) in raw units; `model_`
    has them standardised, with the scaler beside them.
    """

    model_: Model
    spline_: Spline
    basis_coef_: np.ndarray
    params_: Params
    gcv_: float
    feature_importances_: np.ndarray
    n_features_in_: int

    @told_once()
    def predict(self, X: Any) -> np.ndarray:
        """Predicts the targets of rows: (n,), or (n, k) where y had two axes in `fit`."""
        rows = self._rows(X)
        return self._shaped(self.model_.predict(rows))

    @told_once()
    def explain(self, X: Any, index: int = 0) -> Explanation:
        """Explains the prediction of row `index` of X in raw units, see `Model.explain`."""
        rows = self._rows(X)
        with named_by({"row": "index"}.get):
            return self.model_.explain(rows, index)

    def knots(self) -> dict[str, np.ndarray]:
        """Lists where the spline bends, in raw units.

        Returns:
          {name: increasing knots (m,)} of the encoded columns and directions that have any, without
          the digits that the precision of the fit does not bear.
        """
        check_is_fitted(self)
        live, names = live_terms(self.spline_), self._names()
        places = self._decimals()
        pairs = linear_pairs(live)
        straight = {*pairs, *pairs.values()}
        found: dict[str, set[float]] = {}
        for m, term in enumerate(live.terms):
            for column, _, knot in term.factors if m not in straight else ():
                known = round(float(knot), places[column]) + 0.0  # -0 is 0
                found.setdefault(names[column], set()).add(known)
        return {name: np.array(sorted(found[name])) for name in names if name in found}

    def shape_functions(self) -> ShapeFunctions:
        """Draws what the model does with each encoded column, see `analysis.shape_functions`.

        Averaged over at most 500 rows of the training part; in raw units, of a classification in
        those of `model_.outputs`.
        """
        check_is_fitted(self)
        model = self.model_
        part: Any = model.spline if model.params is None else model.params
        return analysis.shape_functions(part, self._shown, scaler=model.scaler)

    def plot(self, **options: Any) -> Any:
        """Draws the shape functions, see `plots.shape_functions`, which takes the options.

        Returns:
          The Axes, an array of them where there are several panels.
        """
        found = self.shape_functions()
        from spline_fc import plots  # with matplotlib

        about = plots.about(self.model_)._replace(x=self._shown)
        return plots.shape_functions(found, about, **options)

    def to_linen(self) -> tuple[MLP, dict[str, Params]]:
        """Hands out the network in raw units, as a Linen module and its variables."""
        self._tell_narrow()
        return MLP.from_params(self.params_), {"params": self.params_}

    def to_nnx(self) -> NNXMLP:
        """Hands out the network in raw units, as an NNX module."""
        self._tell_narrow()
        return network.to_nnx(self.params_)

    def export(self, path: str | os.PathLike, format: str) -> None:
        """Writes the model for other programs, see `Model.export`."""
        check_is_fitted(self)
        self.model_.export(path, format)

    def __sklearn_tags__(self) -> Tags:
        """Says that gaps and categories are taken, and that y is needed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.target_tags.required = True
        return tags

    def _fit_known(self, known: Known) -> None:
        """What `_fit` does; its errors name the arguments that the estimator has."""
        with named_by(lambda name: _CALLED.get(name, name.removeprefix("training."))):
            self._fit(known)

    def _fit(self, known: Known) -> None:
        """Fits the rows that were read, and keeps what came of it."""
        raise NotImplementedError

    def _tell_narrow(self) -> None:
        """A word where modules compute in a dtype that rows lie too far from zero for."""
        check_is_fitted(self)
        dtype = jax.dtypes.canonicalize_dtype(dtype_of(self.params_))
        self.model_.tell_offsets(dtype, "Enable jax_enable_x64, or subtract the offset from X.")

    def _rows(self, X: Any) -> Any:
        """Rows as the model takes them."""
        check_is_fitted(self)
        return reading.read_again(self, self._features, X)

    def _shaped(self, found: np.ndarray) -> np.ndarray:
        """What is told of the targets, with as many axes as they had."""
        return found if self._vector or found.ndim == 2 else found[:, None]

    def _decimals(self) -> list[int]:
        """How many decimals a knot has along each thing that the spline bends along."""
        spline: Any = self.model_.spline  # every estimator has one
        directions = np.shape(spline.projection)[1]
        width = np.concatenate([self.model_.scaler.x_scale, np.ones(directions)])
        error = 4 * np.finfo(np.asarray(spline.knot).dtype).eps * width
        return np.maximum(np.floor(-np.log10(error)), 0).astype(int).tolist()

    def _names(self) -> tuple[str, ...]:
        """Names of what the spline bends along."""
        directions = np.shape(self.spline_.projection)[1]
        own = (f"direction {j + 1}" for j in range(directions))
        return (*self.model_.feature_names, *own)

    def _keep(self, known: Known, standard: Dataset, fit: FitResult, model: Model) -> None:
        """Sets what all fitted estimators have; the model's spline is that of the fit."""
        spline, params = jax.tree.map(np.asarray, (fit.spline, model.params))
        # These are told of test rows, of which there are none here.
        absent = ("scores", "rows", "intervals")
        made = {name: what for name, what in model.made.items() if name not in absent}
        held_out = jax.tree.map(np.asarray, model.held_out)
        self.model_ = model._replace(spline=spline, params=params, made=made, held_out=held_out)
        self.spline_ = raw_spline(spline, model.scaler)
        self.basis_coef_ = np.asarray(self.spline_.coef)
        self.params_ = jax.tree.map(np.asarray, self.model_.network())
        self.gcv_ = fit.gcv
        self._features = reading.are_features(known.encoded.encoding, self.n_features_in_)
        self.feature_importances_ = np.zeros(self.n_features_in_)
        self.feature_importances_[self._features] = model.importance
        self._vector = known.vector
        x = np.asarray(standard.train.x)
        self._shown = x[:: -(-len(x) // _SHOWN_ROWS)]


class Regression(RegressorMixin, FittedSpline):
    """What regressors have in common; they take one target or several."""

    @told_once()
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fits rows and their targets.

        Args:
          X: (n, d) numbers, or a data frame with words, booleans, categories, dates and gaps.
          y: (n,) or (n, k) numbers; the outputs of a spline share one basis.
          sample_weight: (n,), >= 0; a weight of 2 is two copies of the row.

        Raises:
          ValueError: rows, targets or options that cannot be fitted.
        """
        self._fit_known(reading.read(self, X, y, sample_weight))
        return self

    def __sklearn_tags__(self) -> Tags:
        """Says that several outputs are taken, too."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def seed_of(random_state: Any) -> int:
    """An integer seed; of a RandomState, and of None, the next one of it."""
    if random_state is None or isinstance(random_state, np.random.RandomState):
        return int(check_random_state(random_state).randint(2**31 - 1))
    known = not isinstance(random_state, bool) and isinstance(random_state, (int, np.integer))
    known = known and 0 <= int(random_state) < 2**32
    wanted = "random_state must be an integer >= 0 and < 2**32, a RandomState or None"
    check(known, f"{wanted}; got {shown(random_state)}.")
    return int(random_state)

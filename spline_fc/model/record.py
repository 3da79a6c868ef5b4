"""The record of a fitted model, and how it predicts."""

import os
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.forward import output
from spline_fc.checks import check
from spline_fc.cpwl import Spline, evaluate_float64
from spline_fc.data import Encoding, Scaler, encode_with_targets, scale_x, scale_y, unscale_y
from spline_fc.ensemble import LEVEL, HeldOut, keep_held_out
from spline_fc.ensemble.held_out import num_members
from spline_fc.model.columns import Column, file_columns, tell_pulled_in
from spline_fc.model.explanation import Explanation, as_rows, explain, one_row
from spline_fc.model.formula import MOST_WEIGHTS, formula_lines, raw_spline
from spline_fc.model.rows import read_rows
from spline_fc.network import Params, clip_inputs, fold_scaler, to_params
from spline_fc.network.convert import tell_offsets
from spline_fc.network.structure import from_layers, layers_float64
from spline_fc.printing import printed, significant
from spline_fc.training import CLASS_SCORES, REGRESSION_SCORES, probabilities

_IN_UNITS = ("rmse", "mae")  # of other scores four places after the point are enough


@printed
class Model(NamedTuple):
    """A fitted function of raw rows: encoding, scaling, spline and network, and how they were made.

    Where there are both, the network predicts; it set out from the spline. Predictions are computed
    in float64 NumPy: nothing is compiled, and a saved model gives the same bits.
    """

    name: str  # of the data set
    task: str  # one of data.records.TASKS
    feature_names: tuple[str, ...]  # columns of x, d of them
    target_names: tuple[str, ...]
    classes: tuple[str, ...]  # labels of a classification in order, else ()
    encoding: Encoding | None  # from rows to x; None: rows are numbers in the order of the names
    scaler: Scaler  # of x and y: what spline and network see is standardised
    spline: Spline | None
    params: Params | None
    low: np.ndarray  # (d,) float64, the least of the training rows, in raw units
    high: np.ndarray  # (d,) and the largest
    extrapolate: str  # "clip": rows are pulled in to low..high first; "linear": straight on
    importance: np.ndarray  # (c,) share of each column of the file, on held-out rows; or (0,)
    loss: str  # what the outputs were trained on: of a cross-entropy they are logits
    made: dict[str, Any]  # plain JSON: versions, seed, options, scores
    held_out: HeldOut | None = None  # what intervals take; params is the mean of its members

    def _sentence(self) -> str:
        kinds = [k for k, part in (("spline", self.spline), ("network", self.params)) if part]
        d = len(self.feature_names)
        count = 1 if self.held_out is None else self.held_out.num_members
        several = f", the mean of {count}," if count > 1 else ""
        by = f"a {' and a '.join(kinds)}{several}"
        return f"Model of {self.name}: {self.task} by {by} of {d} features"

    def _table(self) -> list[list[str]]:
        return self.score_rows()

    def score_rows(self) -> list[list[str]]:
        """Lists the scores on test rows as cells: a head, then a row for each that was scored.

        Several targets have a column each. A model without scores has no rows and no head.
        """
        names, found = self.shown_scores(), self.made.get("scores")
        scores = found if isinstance(found, dict) else {}
        rows = [[name, *(_digits(own.get(n), n) for n in names)] for name, own in scores.items()]
        return [["on test rows", *names], *rows] if rows else []

    def shown_scores(self) -> tuple[str, ...]:
        """Names the scores that tell how good the model is, the first before all others."""
        if self.task != "regression":
            return CLASS_SCORES
        targets = self.target_names
        several = (*(f"rmse {name}" for name in targets), "r2")
        return REGRESSION_SCORES if len(targets) == 1 else several

    def outputs(self, rows: Any) -> np.ndarray:
        """Evaluates the function itself, before anything is made of its values.

        Args:
          rows: what `data.encode` takes: a path, a data frame, a mapping of columns, or a matrix
            if all features are numbers.

        Returns:
          (n, k) float64: targets in raw units; of a classification logits, or, where `loss` is no
          cross-entropy, regressions of 0 and 1.

        Raises:
          ValueError: a column is absent or of another kind, a cell cannot be read, a gap for which
            the encoding has no value.
        """
        x = scale_x(self.scaler, self.inputs(rows))
        return unscale_y(self.scaler, self.evaluate(x))

    def inputs(self, rows: Any) -> np.ndarray:
        """Reads rows as the function takes them: (n, d) float64 in raw units, clipped if it clips.

        A warning counts the rows that were pulled in, and names the column of most of them.

        Raises:
          ValueError: as for `outputs`.
        """
        x = read_rows(self.encoding, self.feature_names, rows)
        clipped = self._clipped(x)
        tell_pulled_in(x != clipped, self.columns())
        return clipped

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        """Evaluates the part that predicts, in standardised units: x (n, d) to (n, k) float64."""
        if self.params is not None:
            return output(self.params, x)
        return evaluate_float64(self._spline(), x)

    def predict(self, rows: Any) -> np.ndarray:
        """Predicts the target of each row.

        Args:
          rows: as in `outputs`.

        Returns:
          Regression: (n,) float64 in the target's units, (n, k) of several targets. Classification:
          (n,) labels, as text.

        Raises:
          ValueError: as for `outputs`.
        """
        if self.task == "regression":
            found = self.outputs(rows)
            return found[:, 0] if found.shape[1] == 1 else found
        return np.array(self.classes)[self.predict_proba(rows).argmax(axis=1)]

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Predicts the probability of every class.

        Args:
          rows: as in `outputs`.

        Returns:
          (n, c) float64, columns in the order of `classes`; the rows sum to 1.

        Raises:
          ValueError: as for `outputs`, or the model is a regression.
        """
        check(self.task != "regression", "predict_proba must be asked of a classification.")
        return probabilities(self.loss, self.outputs(rows))

    def predict_interval(
        self, rows: Any, level: float = LEVEL, method: str = "cv+"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bounds the target of each row, from the residuals of rows that members held out.

        The model of a run has those of the validation rows, by which its epoch was chosen: its
        intervals hold a little less than `level` (`ensemble.of_validation`).

        Args:
          rows: as in `outputs`.
          level: share of new rows whose target is to lie within, in (0, 1).
          method: "cv+", "minmax" or "scaled", see `HeldOut.interval`.

        Returns:
          lower, upper: as from `predict`, in the target's units; of several targets each has its
          own interval, and `level` is that of one.

        Raises:
          ValueError: as for `outputs`, the model is a classification or has no residuals, a level
            that the rows held out cannot give.
        """
        check(self.task == "regression", "predict_interval must be asked of a regression.")
        held_out = self._held_out()
        ends = held_out.interval(scale_x(self.scaler, self.inputs(rows)), level, method)
        lower, upper = (unscale_y(self.scaler, end) for end in ends)
        return (lower[:, 0], upper[:, 0]) if lower.shape[1] == 1 else (lower, upper)

    def predict_set(self, rows: Any, level: float = LEVEL) -> np.ndarray:
        """Says which classes each row may have, from rows that members held out.

        Args:
          rows: as in `outputs`.
          level: share of new rows whose class is to be among them, in (0, 1).

        Returns:
          (n, c) bool, columns in the order of `classes`; the class predicted is always among them.

        Raises:
          ValueError: as for `outputs`, the model is a regression or no ensemble, a level that the
            rows held out cannot give.
        """
        check(self.task != "regression", "predict_set must be asked of a classification.")
        held_out = self._held_out()
        return held_out.classes(scale_x(self.scaler, self.inputs(rows)), self.loss, level)

    def calibrated(self, rows: Any) -> "Model":
        """Takes intervals or sets from rows that nothing of the model has seen, with their targets.

        These hold a new target with probability `level` at least, whatever the model (Vovk et al.
        2005): split conformal prediction, which "cv+" and "minmax" then are. Any network will do.

        Args:
          rows: as in `outputs`, with the columns of the targets.

        Returns:
          Model that predicts the same.

        Raises:
          ValueError: as for `outputs`, no column of targets, there is no network.
        """
        if self.params is None or self.encoding is None:
            raise ValueError("the model must have a network and an encoding; it has not.")
        x, y = encode_with_targets(self.encoding, rows)
        standard = scale_x(self.scaler, self._clipped(x)), scale_y(self.scaler, y)
        one = {n: {k: leaf[None] for k, leaf in own.items()} for n, own in self.params.items()}
        members = one if self.held_out is None else self.held_out.members
        fresh = np.ones((num_members(members), len(x)), bool)
        loss = None if self.task == "regression" else self.loss
        made = {name: what for name, what in self.made.items() if name != "intervals"}
        held_out = keep_held_out(members, fresh, *standard, loss=loss)
        return self._replace(held_out=held_out, made=made)

    def explain(self, rows: Any, row: int = 0) -> Explanation:
        """Explains one prediction: what each column of the file adds to that of the average row.

        Args:
          rows: as in `outputs`, or one row: a mapping of single values, a series, a vector.
          row: which of them, from 0.

        Returns:
          Explanation, whose contributions sum to the prediction; of a classification they are told
          on the scale of `outputs`, which is mostly the logit.

        Raises:
          ValueError: as for `outputs`, or there is no such row.
        """
        x = one_row(read_rows(self.encoding, self.feature_names, as_rows(rows)), row)
        clipped = self._clipped(x)
        params, names = self._standard_network(), self.output_names()
        return explain(params, self.scaler, x, clipped, self.columns(), names, self.output_scale())

    def formula(self, most: int | None = MOST_WEIGHTS) -> str:
        """Writes the spline in raw units, one line a term.

        Where there is a network beside it, this is the function that the network set out from.

        Args:
          most: of the weights of a direction that are written, the largest; None for all.

        Returns:
          Lines of text; [column = level] is 1 where it holds and 0 where not.

        Raises:
          ValueError: there is no spline.
        """
        spline = raw_spline(self._spline(), self.scaler)
        names, spread = self.output_names(), self.scaler.x_scale
        return "\n".join(formula_lines(spline, self.columns(), names, spread, most))

    def summary(self, most: int | None = MOST_WEIGHTS) -> str:
        """Says what the model is, of how many rows, how good, what matters, and its formula.

        Args:
          most: as in `formula`.
        """
        from spline_fc.model.summary import summarize_model

        return summarize_model(self, most)

    def columns(self) -> tuple[Column, ...]:
        """Lists the columns of the file that are features, in order."""
        return file_columns(self.encoding, self.feature_names)

    def output_names(self) -> tuple[str, ...]:
        """Names the k outputs: targets, or classes; of two classes the second."""
        if self.task == "regression":
            return self.target_names
        return self.classes[1:] if self.task == "binary" else self.classes

    def output_scale(self) -> str:
        """Says in a word what `outputs` are."""
        if self.task == "regression":
            return "target units"
        return "logit" if self.loss.endswith("cross_entropy") else "regression of 0 and 1"

    def network(self, dtype: Any = None) -> Params:
        """Builds the network that takes rows of x in raw units and returns `outputs`.

        Args:
          dtype: of the parameters; by default that of the network or spline, or float64 (NumPy)
            where data lie far from zero. A warning tells of one that is too narrow for them.

        Returns:
          Parameters; the scaler is folded in, and two layers before all others clip where the model
          does, so that it stays piecewise linear.
        """
        params = self._standard_network()
        if dtype is not None:
            params = from_layers(layers_float64(params), dtype)
        if self.extrapolate == "clip":
            low, high = (scale_x(self.scaler, end) for end in (self.low, self.high))
            params = clip_inputs(params, low, high)
        params = fold_scaler(params, self.scaler)
        if dtype is None:
            return params
        self.tell_offsets(dtype, "Ask for a network in float64.")
        return from_layers(layers_float64(params), dtype)

    def tell_offsets(self, dtype: Any, remedy: str) -> None:
        """A word where rows lie too far from zero for a network of raw rows in this dtype."""
        called = [f"column {name!r}" for name in self.feature_names]
        tell_offsets(self.scaler, dtype, self.high > self.low, called, remedy)

    def export(self, path: str | os.PathLike, format: str) -> None:
        """Writes the model for other programs, see `export_model`."""
        from spline_fc.model.export import export_model

        export_model(self, path, format)

    def _spline(self) -> Spline:
        if self.spline is None:
            raise ValueError("the model must have a spline; it is a network alone.")
        return self.spline

    def _clipped(self, x: np.ndarray) -> np.ndarray:
        return np.clip(x, self.low, self.high) if self.extrapolate == "clip" else x

    def _held_out(self) -> HeldOut:
        if self.held_out is None:
            wanted = "the model must have residuals of rows held out"
            how = "fit with members=8, or see `calibrated`; a run has them of 9 validation rows on"
            raise ValueError(f"{wanted}; it has none ({how}).")
        return self.held_out

    def _standard_network(self) -> Params:
        return to_params(self._spline()) if self.params is None else self.params

    def save(self, path: str | os.PathLike) -> None:
        """Writes the model to a file, see `save_model`."""
        from spline_fc.model.io import save_model  # which makes this record when it reads

        save_model(self, path)


def _digits(value: float | None, name: str) -> str:
    """A score as a table has it."""
    if value is None:
        return "-"
    return (
        significant(value, 4) if name.split(" ")[0] in _IN_UNITS else f"{round(value, 4) + 0.0:.4f}"
    )

"""What becomes of another program's MARS model: continuous piecewise-linear terms, a FitResult.

Everything here is NumPy in float64: least squares go through a QR decomposition that is built up
over chunks of rows, so that no (n, terms) matrix is kept and no condition number squared.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spline_fc.cpwl import pruning
from spline_fc.cpwl.forward import ForwardTrace
from spline_fc.cpwl.inputs import CheckedData, chunks
from spline_fc.cpwl.result import FitResult
from spline_fc.cpwl.rows import HostRows
from spline_fc.cpwl.spline import Spline
from spline_fc.cpwl.terms import Term, as_spline, term_values
from spline_fc.timing import Seconds

RANK_TOLERANCE = 1e-13  # singular values below this share of the largest are rounding

Factors = tuple[tuple[int, float, float], ...]


class ForeignModel(NamedTuple):
    """A MARS model as its program wrote it: terms are products of factors.

    A factor (feature, sign, knot) is max(0, sign * (x - knot)), or x itself where sign is 0.
    """

    terms: tuple[Factors, ...]  # of the forward pass, in order, the intercept left out
    selected: np.ndarray  # (m,) bool, terms that survived its pruning
    coef: np.ndarray  # (1 + selected, k) float64, intercept first
    penalty: float
    origin: str  # names the program in stop_reason, with its own last word on the forward pass


class _Column(NamedTuple):
    """One regressor: weights on continuous piecewise-linear terms."""

    parts: tuple[tuple[Term, float], ...]
    source: int  # index of the foreign term
    constant: float  # the foreign term is the column plus this, if it is additive


class _Frame(NamedTuple):
    """What of the data goes into the terms."""

    anchor: np.ndarray  # (d,), weighted means, inside the data
    scale: np.ndarray  # (d,), weighted standard deviations, 1 for constant features


def _frame(data: CheckedData) -> _Frame:
    x, share = data.x, data.weights / data.weights.sum()
    # Clipped, as a rounded mean may leave a constant column.
    anchor = np.clip(share @ x, x.min(0), x.max(0))
    spread = np.sqrt(sum(share[rows] @ (x[rows] - anchor) ** 2 for rows in chunks(len(x))))
    return _Frame(anchor, np.where(spread > 0, spread, 1.0))


def _columns_of(source: int, factors: Factors, frame: _Frame) -> list[_Column]:
    """The regressors that stand for one foreign term.

    x = relu(x - a) - relu(a - x) + a exactly, with the anchor a inside the data. Within a product
    every linear factor is multiplied out that way and each piece gets a coefficient of its own.
    Hinges of a minimum are weighed by the deviations of their features, as by fit_mars.
    """
    if len(factors) == 1 and factors[0][1] == 0:
        v, at = factors[0][0], float(frame.anchor[factors[0][0]])
        return [_Column(((Term(((v, 1.0, at),)), 1.0), (Term(((v, -1.0, at),)), -1.0)), source, at)]
    options = []
    for v, sign, knot in factors:
        at = float(frame.anchor[v])
        options.append([(v, sign, knot)] if sign else [(v, 1.0, at), (v, -1.0, at), None])
    pieces = [_minimum([f for f in chosen if f]) for chosen in itertools.product(*options)]
    pieces = [
        tuple((v, sign / float(frame.scale[v]), knot) for v, sign, knot in piece)
        if len(piece) > 1
        else piece
        for piece in pieces
    ]
    return [_Column(((Term(piece), 1.0),), source, 0.0) for piece in pieces if piece]


def _minimum(factors: Sequence[tuple[int, float, float]]) -> Factors:
    """The factors that matter to their minimum; none if it is zero everywhere.

    py-earth may use a feature twice in a product.
    """
    tightest: dict[tuple[int, float], float] = {}
    for v, sign, knot in factors:
        other = tightest.get((v, sign), knot)
        tightest[v, sign] = sign * max(sign * knot, sign * other)
    for (v, sign), knot in tightest.items():
        if sign > 0 and knot >= tightest.get((v, -1.0), np.inf):
            return ()
    return tuple((v, sign, knot) for (v, sign), knot in tightest.items())


def foreign_values(x: np.ndarray, model: ForeignModel) -> np.ndarray:
    """What the foreign model itself predicts, products and all.

    Args:
      x: (n, d) float64.
      model: a ForeignModel.

    Returns:
      (n, k) float64.
    """
    values = np.tile(model.coef[0], (len(x), 1))
    kept = [factors for factors, keep in zip(model.terms, model.selected, strict=True) if keep]
    for factors, row in zip(kept, model.coef[1:], strict=True):
        product = np.ones(len(x))
        for v, sign, knot in factors:
            product *= np.maximum(sign * (x[:, v] - knot), 0) if sign else x[:, v]
        values += product[:, None] * row
    return values


class _Basis(NamedTuple):
    """The regressors of all foreign terms, over the distinct terms that they are made of."""

    columns: tuple[_Column, ...]  # (p,)
    parts: tuple[Term, ...]  # (m,)
    mixing: np.ndarray  # (m, p), column j is the values of parts @ mixing[:, j]
    source: np.ndarray  # (p,) int, foreign term


def _collect(model: ForeignModel, frame: _Frame) -> _Basis:
    """Distinct columns in order; one that several foreign terms share belongs to a selected one."""
    found: dict[tuple, _Column] = {}
    for source, factors in enumerate(model.terms):
        for column in _columns_of(source, factors, frame):
            first = found.get(column.parts)
            if first is None or (model.selected[source] and not model.selected[first.source]):
                found[column.parts] = column
    columns = tuple(found.values())
    index = {
        part: i for i, part in enumerate(dict.fromkeys(p for c in columns for p, _ in c.parts))
    }
    mixing = np.zeros((len(index), len(columns)))
    for j, column in enumerate(columns):
        for part, weight in column.parts:
            mixing[index[part], j] = weight
    return _Basis(columns, tuple(index), mixing, np.array([c.source for c in columns], int))


def _triangle(data: CheckedData, mean: np.ndarray, basis: _Basis, model: ForeignModel):
    """R of the QR decomposition of sqrt(weights) [1, columns, foreign values, y], both centred."""
    root = np.zeros((0, 1 + len(basis.columns) + 2 * data.y.shape[1]))
    for rows in chunks(len(data.x)):
        x, y, weights = data.x[rows], data.y[rows], data.weights[rows]
        columns = term_values(x, basis.parts) @ basis.mixing
        values = foreign_values(x, model) - mean
        block = np.hstack([np.ones((len(x), 1)), columns, values, y - mean])
        root = np.linalg.qr(np.vstack([root, np.sqrt(weights)[:, None] * block]), mode="r")
    return root


def _least_squares(design: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients (p, k) and RSS; columns are scaled to unit length first."""
    scale = np.linalg.norm(design, axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    coef = np.linalg.lstsq(design / scale, target, rcond=RANK_TOLERANCE)[0] / scale[:, None]
    return coef, _rss(design, coef, target)


def _rss(design: np.ndarray, coef: np.ndarray, target: np.ndarray) -> float:
    return float(((target - design @ coef) ** 2).sum())


def _kept_coefficients(
    model: ForeignModel, basis: _Basis, frame: _Frame, mean: np.ndarray
) -> np.ndarray:
    """The coefficients of an additive model, (1 + p, k), for targets less their mean."""
    coef = np.zeros((1 + len(basis.columns), len(mean)))
    coef[0] = model.coef[0] - mean
    place = {column.parts: j for j, column in enumerate(basis.columns, start=1)}
    for source, row in zip(np.flatnonzero(model.selected).tolist(), model.coef[1:], strict=True):
        for column in _columns_of(source, model.terms[source], frame):
            coef[place[column.parts]] += row
            coef[0] += column.constant * row
    return coef


def _moments(design: np.ndarray, target: np.ndarray, weight: float) -> pruning.Moments:
    """Cross products in an orthonormal basis of the design; factorised twice for the digits."""
    change = np.eye(design.shape[1])
    for _ in range(2):
        columns = design @ change
        change = change @ pruning.inverse_root(columns.T @ columns)[0]
    columns = design @ change
    return pruning.Moments(
        gram=(columns.T @ columns)[None],
        target=(columns.T @ target)[None],
        total=(target**2).sum(0)[None],
        weight=np.array([weight]),
        change=change,
        plain_gram=design.T @ design,
        plain_target=design.T @ target,
    )


def _pruned(design, target, weight: float, penalty: float, chosen, rss: float):
    """The backward pass over all columns, with the model's own subset in the place of its size."""
    moments = _moments(design, target, weight)
    uses = np.zeros((len(chosen), 0), bool)  # no cap on hinges
    path = pruning.prune(moments, penalty, "gcv", uses, None)
    kept, path_rss, gcv = (np.array(part) for part in path[:3])
    index = len(chosen) - int(chosen.sum())
    kept[index], path_rss[index] = chosen, rss
    gcv[index] = pruning.gcv_score(rss, 1 + chosen.sum(), weight, penalty)
    return pruning.PruningPath(kept, path_rss, gcv, None, index)


def _parent(earlier: Sequence[Factors], factors: Factors) -> tuple[int, tuple]:
    """The latest earlier term that lacks exactly one of the factors (-1 for none), and that one."""
    for m in reversed(range(len(earlier))):
        added = set(factors) - set(earlier[m])
        if len(earlier[m]) == len(factors) - 1 and len(added) == 1:
            return m, added.pop()
    return -1, factors[-1]


def _trace(model: ForeignModel, basis: _Basis, anchor, design, target) -> ForwardTrace:
    """The forward pass as the order of the terms tells it, with the RSS of our columns."""
    steps: list[tuple[int, int, float]] = []
    last: list[int] = []  # last foreign term of every step
    for m, factors in enumerate(model.terms):
        parent, (v, sign, knot) = _parent(model.terms[:m], factors)
        step = (parent, v, knot if sign else float(anchor[v]))
        if steps and steps[-1] == step:
            last[-1] = m  # the mirrored hinge
        else:
            steps.append(step)
            last.append(m)
    rss, counts = [], []
    for m in [-1, *last]:
        reached = np.concatenate([[True], basis.source <= m])
        rss.append(_least_squares(design[:, reached], target)[1])
        counts.append(int(reached.sum()))
    place = {int(source): j for j, source in reversed(list(enumerate(basis.source)))}
    parent, feature, knot = zip(*steps, strict=True) if steps else ((), (), ())
    return ForwardTrace(
        np.array(rss), np.array(counts), np.array([place.get(p, -1) for p in parent], int),
        np.array(feature, int), np.array(knot, float),
    )  # fmt: skip


def _live_spline(basis: _Basis, coef: np.ndarray, data: CheckedData) -> Spline:
    """The parts that the coefficients (1 + p, k) of the columns leave alive."""
    values = basis.mixing @ coef[1:]
    alive = np.flatnonzero((values != 0).any(1))
    no_directions = np.zeros((data.x.shape[1], 0))
    parts = [basis.parts[i] for i in alive]
    return as_spline(parts, coef[0], values[alive], no_directions, data.dtype)


def _listed(column: _Column, low: np.ndarray) -> Term:
    """The one term that spans the column on the data: for x itself the hinge at the minimum."""
    if len(column.parts) == 1:
        return column.parts[0][0]
    v = column.parts[0][0].factors[0][0]
    return Term(((v, 1.0, float(low[v])),))


def to_fit_result(model: ForeignModel, data: CheckedData) -> FitResult:
    """Turns a foreign model into a FitResult on given data.

    An additive model keeps its coefficients. With products, which no continuous piecewise-linear
    function equals, the minimum of the hinges takes their place and all coefficients are refitted
    by weighted least squares. `terms` lists one entry per regressor; a linear one is listed as the
    hinge at the feature's minimum, which is the same on the data, while the spline holds the pair.

    Args:
      model: a ForeignModel of d features and k outputs.
      data: in float64.

    Returns:
      FitResult without seconds. `forward` follows the order of the terms with the RSS of our
      regressors; `pruning` is our own backward pass over them, in which the model's selection
      stands in the place of its size; `stop_reason` states the change of RSS.
    """
    frame = _frame(data)
    mean = np.average(data.y, axis=0, weights=data.weights)
    basis = _collect(model, frame)
    p, num_outputs = len(basis.columns), data.y.shape[1]
    root = _triangle(data, mean, basis, model)
    design, theirs, target = np.split(root, [1 + p, 1 + p + num_outputs], axis=1)
    chosen = model.selected[basis.source]
    num_products = _num_products(model)
    if num_products:
        kept = np.concatenate([[True], chosen])
        coef = np.zeros((1 + p, num_outputs))
        coef[kept], _ = _least_squares(design[:, kept], target)
    else:
        coef = _kept_coefficients(model, basis, frame, mean)
    weight = float(data.weights.sum())
    total = float((target[1:] ** 2).sum())  # the first row is the share of the mean
    terms = tuple(_listed(column, data.x.min(0)) for column in basis.columns)
    coef[0] += mean
    spline = _live_spline(basis, coef, data)
    rss = HostRows(data).rss(spline)  # of coefficients as they are stored
    path = _pruned(design, target, weight, model.penalty, chosen, rss)
    reason = _sentence(model, num_products, float(((target - theirs) ** 2).sum()), rss)
    return FitResult(
        spline=spline,
        names=tuple(f"x{j}" for j in range(data.x.shape[1])),
        rss=rss,
        gcv=float(path.gcv[path.chosen]),
        r2=1 - rss / total if total > 0 else 0.0,
        terms=terms,
        forward=_trace(model, basis, frame.anchor, design, target),
        pruning=path,
        num_rows=weight,
        penalty=float(model.penalty),
        seconds=Seconds(0.0, 0.0),
        stop_reason=reason,
    )


def _num_products(model: ForeignModel) -> int:
    kept = zip(model.terms, model.selected, strict=True)
    return sum(len(factors) > 1 for factors, keep in kept if keep)


def _sentence(model: ForeignModel, num_products: int, before: float, after: float) -> str:
    kept = f"{1 + int(model.selected.sum())} of {1 + len(model.terms)} terms kept"
    if not num_products:
        return (f"{model.origin}; {kept}, all additive: the coefficients are its own and the "
                f"residual sum of squares stays {after:.6g}.")  # fmt: skip
    share = f" ({100 * (after / before - 1):+.1f} %)" if before > 0 else ""
    return (f"{model.origin}; {kept}, {num_products} product(s) became minimum terms and "
            f"all coefficients were refitted: the residual sum of squares went from {before:.6g} "
            f"to {after:.6g}{share}.")  # fmt: skip

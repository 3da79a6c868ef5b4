"""Coefficients of a spline whose outputs are logits: penalised logistic and softmax regression."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, log_expit, log_softmax, softmax

from spline_fc import checks
from spline_fc.cpwl import pruning
from spline_fc.cpwl.evaluation import evaluate_float64
from spline_fc.cpwl.inputs import CheckedData, checked_data, chunks
from spline_fc.cpwl.regressors import Regressors, check_fits, with_coefficients
from spline_fc.cpwl.result import FitResult
from spline_fc.cpwl.rows import HostRows
from spline_fc.cpwl.sharded.inputs import checked_rows
from spline_fc.cpwl.spline import num_features
from spline_fc.sharding import is_divided
from spline_fc.threads import one_thread
from spline_fc.timing import Stopwatch

RIDGES = tuple(10.0**-power for power in range(1, 10))  # from which one is chosen
NUM_FOLDS, ENOUGH_ROWS = 5, 5000  # fewer folds will do where rows are many
MOST_STEPS, MOST_INNER, MOST_HALVINGS = 50, 50, 30
PATIENCE = 2  # ridges in a row that are no better, after which no smaller one is tried
LEAST_RATE = 1e-6  # of a class, for the logit to begin with
LEAST_GAIN = 1e-10  # nats per row that another step must promise
CHOOSING_GAIN = 1e-6  # where only a ridge is chosen, whose losses differ by far more
INNER = 0.1  # share of the residual of a Newton system that may be left
MANY_ROWS, EVERY = 4096, 8  # from so many rows on steps begin on some of them
FLAT = 1e-12  # curvature added, of the largest: directions in which the likelihood is flat
_Map = Callable[[np.ndarray], np.ndarray]


@one_thread()
def fit_logits(
    fit: FitResult,
    x: Any,
    y: Any,
    *,
    weights: Any = None,
    ridge: float | None = None,
) -> FitResult:
    """Refits the coefficients of a fit so that its outputs are logits; the terms stay.

    Minimised is the mean log loss of sigmoid(f) (one output) or softmax(f) (several) plus
    ridge / 2 times the sum of the squared coefficients, the intercept left out, of terms that are
    scaled to unit deviation on the rows. Of several outputs the ridge counts twice, so that two of
    them are one logit; they sum to 0, as softmax does not tell a constant. Newton's method; of
    several outputs by conjugate gradients, preconditioned by the curvature of each alone.

    Without a ridge one is chosen by the log loss of the given terms on rows that were held out.
    These rows had a say in the search of the terms, so each degree of freedom is charged for it,
    with penalty / 2 over the number of rows as GCV charges a knot. The largest ridge is taken that
    is above the least by no more than the standard error of the difference. Equal rows are held out
    together, so that weights and repeated rows choose alike.

    Args:
      fit: of m terms on d features and k outputs.
      x: (n, d), finite; what was fitted on. y: (n,) or (n, 1) of 0 and 1, or (n, k) one-hot. Of
        rows on several devices at most 65536 are looked at, evenly spread.
      weights: (n,), >= 0; a weight of 2 is worth two copies of the row.
      ridge: > 0, or None to choose it among RIDGES.

    Returns:
      FitResult whose spline gives logits: link "logit" or "softmax"; log_loss is that of the rows,
      and rss, gcv and r2 are those of the probabilities. Trace and pruning path are of the search.

    Raises:
      ValueError: data that `fit_mars` would refuse, another number of features or outputs, labels
        that are not 0 and 1, or of one class alone, a ridge that is not positive.

    Reference:
      Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, 4.4; Friedman
      (1991), Annals of Statistics 19(1), section 4.5, for the logistic fit of a MARS basis.
    """
    check_ridge(ridge)
    with Stopwatch() as clock:
        known = fit.names[: num_features(fit.spline)]
        checked = checked_rows if is_divided(x) else checked_data
        data = checked(x, y, weights, known).sample().widened()
        check_fits(fit.spline, data.x, data.y)
        check_labels(data.y)
        found, _ = refit_logits(fit, data, ridge, is_compared=False)
    return found._replace(seconds=fit.seconds + clock.seconds)


def refit_logits(
    fit: FitResult, data: CheckedData, ridge: float | None, is_compared: bool = True
) -> tuple[FitResult, float]:
    """Does what `fit_logits` says on data that were checked, in float64.

    Args:
      is_compared: whether the expected loss is wanted where a given ridge does not need it.

    Returns:
      The fit, and the log loss that is expected of a new row, by which fits of one data set can be
      compared: that of rows which were held out, with the charge for the search; or NaN.
    """
    basis = HostRows(data).regressors(fit.spline)
    rows, unscale = _rows(basis, data)
    ridges, expected = RIDGES if ridge is None else (ridge,), float("nan")
    if ridge is None or is_compared:
        ridges, expected = _choice(rows, data, max(fit.penalty, 0) / 2, ridges)
    coef = unscale(_chosen(rows, ridges))
    spline = with_coefficients(fit.spline, basis, coef[1:], coef[0])
    return _described(fit._replace(spline=spline), data), expected


def check_ridge(ridge: float | None) -> None:
    """Raises ValueError unless a ridge is positive, or None for one that is chosen."""
    if ridge is not None:
        checks.check_number("ridge", ridge, above=0)


def check_labels(y: np.ndarray, name: str = "y") -> None:
    """Raises ValueError unless y (n, k) holds 0 and 1, or one-hot rows, of two classes or more."""
    is_one = y.shape[1] == 1
    labels = bool(np.isin(y, (0, 1)).all()) and (is_one or bool((y.sum(axis=1) == 1).all()))
    checks.check(
        labels,
        f"{name} must hold {'0 and 1' if is_one else 'one-hot rows'} for classes; got others.",
    )
    seen = int(y.any(axis=0).sum()) if not is_one else len(np.unique(y))
    checks.check(seen > 1, f"{name} must hold rows of two classes at least; got one class only.")


def probabilities_of(logits: np.ndarray) -> np.ndarray:
    """Means (n, k) of labels whose logits are given: sigmoid of one column, softmax of several."""
    return expit(logits) if logits.shape[1] == 1 else softmax(logits, axis=1)


def log_losses(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Log loss (n,) of every row of labels y (n, k) whose logits (n, k) are given."""
    if logits.shape[1] == 1:
        return -(log_expit(-logits) + y * logits)[:, 0]
    return -(y * log_softmax(logits, axis=1)).sum(axis=1)


class _Rows(NamedTuple):
    """What the likelihood is of."""

    design: np.ndarray  # (n, 1 + p), ones and centred terms of unit deviation
    y: np.ndarray  # (n, k)
    share: np.ndarray  # (n,), weights over their sum


class _Point(NamedTuple):
    """Coefficients, and the likelihood there."""

    coef: np.ndarray  # (1 + p, k)
    mean: np.ndarray  # (n, k), probabilities
    loss: float  # mean log loss
    objective: float  # the ridge included


def _rows(basis: Regressors, data: CheckedData) -> tuple[_Rows, _Map]:
    """The rows, and what makes coefficients (1 + p, k) on them those of the regressors."""
    share, p = data.weights / data.weights.sum(), len(basis.first)
    design = np.ones((len(share), 1 + p))
    for rows in chunks(len(share)):
        design[rows, 1:] = basis.values(data.x[rows])
    centre = share @ design[:, 1:]
    design[:, 1:] -= centre
    size = np.sqrt(share @ design[:, 1:] ** 2)
    size = np.where(size > 0, size, 1.0)
    design[:, 1:] /= size

    def unscale(coef: np.ndarray) -> np.ndarray:
        slopes = coef[1:] / size[:, None]
        return np.concatenate([coef[:1] - centre @ slopes, slopes])

    return _Rows(design, data.y, share), unscale


def _chosen(rows: _Rows, ridges: Sequence[float]) -> np.ndarray:
    """Coefficients (1 + p, k) at the last ridge, reached by way of the others."""
    coef = _rates(rows)
    if len(rows.y) >= MANY_ROWS:  # most of the way is as well gone on few
        coef = _begun(rows, coef, ridges[0])
    for ridge in ridges:
        coef = _optimum(rows, coef, ridge).coef
    return coef


def _choice(
    rows: _Rows, data: CheckedData, charge: float, ridges: Sequence[float]
) -> tuple[tuple[float, ...], float]:
    """The ridges as far as the one that is taken, and the log loss expected there."""
    folds, count = _folds(data), float(data.weights.sum())
    parts = [(folds != fold, folds == fold) for fold in range(NUM_FOLDS)]
    parts = [(rest, out) for rest, out in parts if rest.any() and out.any()]
    enough = -(-ENOUGH_ROWS * len(parts) // len(folds))
    fits = [_Fold(*(_part(rows, part) for part in pair)) for pair in parts[:enough]]
    coefs = [_rates(fold.rest) for fold in fits]
    share = np.concatenate([fold.out.share for fold in fits])
    looked_at, share = count * share.sum(), share / share.sum()
    losses: list[np.ndarray] = []
    for ridge in ridges:
        pairs = zip(fits, coefs, strict=True)
        points = [_optimum(fold.rest, coef, ridge, CHOOSING_GAIN) for fold, coef in pairs]
        coefs = [point.coef for point in points]
        freedom = np.mean(
            [_freedom(f.rest, p.mean, ridge) for f, p in zip(fits, points, strict=True)]
        )
        held_out = [_losses(f.out, c) for f, c in zip(fits, coefs, strict=True)]
        losses.append(np.concatenate(held_out) + charge * freedom / count)
        means = [float(share @ loss) for loss in losses]
        best = int(np.argmin(means))
        if len(means) > best + PATIENCE:
            break
    worse = [loss - losses[best] for loss in losses]
    more = [float(share @ loss) for loss in worse]
    squares = [float(share @ loss**2) for loss in worse]
    hardly = [
        m <= np.sqrt(max(s - m**2, 0.0) / looked_at) for m, s in zip(more, squares, strict=True)
    ]
    taken = hardly.index(True)
    return tuple(ridges[: 1 + taken]), means[taken]


def _freedom(rows: _Rows, mean: np.ndarray, ridge: float) -> float:
    """Degrees of freedom of an output: trace of (B + ridge)^-1 B, with curvature B."""
    k = mean.shape[1]
    # A step of one output of several moves the others too: two of them bend as one logit does.
    share, ridge = 1.0 if k == 1 else k / (k - 1), _doubled(ridge, k)
    found = []
    for block in _curvature(rows, mean):
        size = np.maximum(share * np.linalg.eigvalsh(block[1:, 1:]), 0.0)
        found.append(float((size / (size + ridge)).sum()))
    return float(np.mean(found))


def _doubled(ridge: float, num_outputs: int) -> float:
    """What the ridge counts: twice for several outputs, two of which are one logit."""
    return ridge if num_outputs == 1 else 2 * ridge


class _Fold(NamedTuple):
    """Rows to fit on, and rows to look at."""

    rest: _Rows
    out: _Rows


def _begun(rows: _Rows, coef: np.ndarray, ridge: float) -> np.ndarray:
    """The optimum of some rows of every class, or `coef` if all rows are no better off for it."""
    label = rows.y @ np.arange(1, 1 + rows.y.shape[1])
    order = np.random.default_rng(0).permutation(len(label))
    few = _part(rows, order[np.argsort(label[order], kind="stable")][::EVERY])
    found = _optimum(few._replace(share=few.share / few.share.sum()), coef, ridge).coef
    before, after = (rows.share @ _losses(rows, c) for c in (coef, found))
    return found if after < before else coef


def _part(rows: _Rows, chosen: np.ndarray) -> _Rows:
    return _Rows(*(array[chosen] for array in rows))


def _losses(rows: _Rows, coef: np.ndarray) -> np.ndarray:
    return log_losses(rows.design @ coef, rows.y)


def _rates(rows: _Rows) -> np.ndarray:
    """Coefficients (1 + p, k) of the rates of the classes alone."""
    coef = np.zeros((rows.design.shape[1], rows.y.shape[1]))
    rate = np.clip(rows.share @ rows.y / rows.share.sum(), LEAST_RATE, 1 - LEAST_RATE)
    coef[0] = np.log(rate / (1 - rate)) if len(rate) == 1 else np.log(rate) - np.log(rate).mean()
    return coef


def _folds(data: CheckedData) -> np.ndarray:
    """A fold for every row, the same for rows that are equal."""
    both = np.concatenate([data.x, data.y], axis=1)
    _, own = np.unique(both, axis=0, return_inverse=True)
    return np.random.default_rng(0).permutation(own.max() + 1)[own.ravel()] % NUM_FOLDS


def _at(rows: _Rows, coef: np.ndarray, ridge: float) -> _Point:
    loss = float(rows.share @ _losses(rows, coef))
    mean = probabilities_of(rows.design @ coef)
    return _Point(coef, mean, loss, loss + ridge / 2 * float((coef[1:] ** 2).sum()))


def _optimum(rows: _Rows, coef: np.ndarray, ridge: float, least_gain: float = LEAST_GAIN) -> _Point:
    """Newton's method with a line search."""
    ridge = _doubled(ridge, coef.shape[1])
    charge = np.full((len(coef), 1), ridge)
    charge[0] = 0
    point, k = _at(rows, coef, ridge), coef.shape[1]
    blocks = _curvature(rows, point.mean)
    for step_number in range(MOST_STEPS):
        if step_number and k == 1:  # of several outputs it is a preconditioner, and may be older
            blocks = _curvature(rows, point.mean)
        gradient = rows.design.T @ (rows.share[:, None] * (point.mean - rows.y))
        gradient += charge * point.coef
        step = _newton_step(rows, point.mean, blocks, gradient, charge)
        promised = -float((gradient * step).sum())
        moved = _line_search(rows, point, step, promised, ridge)
        if moved is None:
            break
        point = moved
        if promised < least_gain:
            break
    return point


def _line_search(
    rows: _Rows, point: _Point, step: np.ndarray, promised: float, ridge: float
) -> _Point | None:
    """The first point that keeps a share of the promise, of steps that are halved."""
    for halving in range(MOST_HALVINGS):
        trial = _at(rows, point.coef + step / 2**halving, ridge)
        if trial.objective <= point.objective - 1e-4 * promised / 2**halving:
            return trial
    return None


def _curvature(rows: _Rows, mean: np.ndarray) -> np.ndarray:
    """Second derivatives of the mean log loss in the coefficients of each output, (k, p, p)."""
    found = []
    for own in mean.T:
        scaled = rows.design * np.sqrt(rows.share * own * (1 - own))[:, None]
        block = scaled.T @ scaled
        block[np.diag_indices(len(block))] += FLAT * max(np.trace(block), np.finfo(float).tiny)
        found.append(block)
    return np.stack(found)


def _newton_step(
    rows: _Rows, mean: np.ndarray, blocks: np.ndarray, gradient: np.ndarray, charge: np.ndarray
) -> np.ndarray:
    """The step -H^-1 gradient, exactly for one output, by conjugate gradients for several."""
    factors = [cho_factor(block + np.diag(charge[:, 0])) for block in blocks]

    def preconditioned(vector: np.ndarray) -> np.ndarray:
        columns = [cho_solve(factors[j], vector[:, j]) for j in range(len(factors))]
        found = np.stack(columns, axis=1)
        # What all outputs share softmax does not see.
        return found - found.mean(axis=1, keepdims=True) if len(factors) > 1 else found

    if len(blocks) == 1:
        return -preconditioned(gradient)

    def curved(vector: np.ndarray) -> np.ndarray:
        moved = mean * (rows.design @ vector)
        moved -= mean * moved.sum(axis=1, keepdims=True)
        return rows.design.T @ (rows.share[:, None] * moved) + charge * vector

    return _conjugate_gradients(curved, preconditioned, -gradient)


def _conjugate_gradients(curved: _Map, preconditioned: _Map, wanted: np.ndarray) -> np.ndarray:
    """Solves curved(step) = wanted up to the share INNER of the residual."""
    step, rest = np.zeros_like(wanted), wanted
    ready = preconditioned(rest)
    along, size = ready, float((rest * ready).sum())
    aim = INNER**2 * size
    for _ in range(MOST_INNER):
        image = curved(along)
        bend = float((along * image).sum())
        if not bend > 0:
            break
        length = size / bend
        step, rest = step + length * along, rest - length * image
        ready = preconditioned(rest)
        size, before = float((rest * ready).sum()), size
        if size <= aim or not before > 0:
            break
        along = ready + size / before * along
    return step


def _described(fit: FitResult, data: CheckedData) -> FitResult:
    """The fit with what holds of its spline on the rows."""
    logits = np.concatenate([evaluate_float64(fit.spline, data.x[r]) for r in chunks(len(data.x))])
    rows = _Rows(logits, data.y, data.weights / data.weights.sum())
    point = _at(rows, np.eye(logits.shape[1]), 0.0)
    num_rows = float(data.weights.sum())
    centre = rows.share @ data.y
    rss, total = (
        num_rows * float((rows.share @ (data.y - mean) ** 2).sum()) for mean in (point.mean, centre)
    )
    return fit._replace(
        link="logit" if logits.shape[1] == 1 else "softmax",
        log_loss=point.loss,
        rss=rss,
        gcv=float(pruning.gcv_score(rss, fit.num_terms, num_rows, fit.penalty)),
        r2=1 - rss / total,
        num_rows=num_rows,
    )

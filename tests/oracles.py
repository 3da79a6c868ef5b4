"""Slow, obviously right NumPy versions of what the library computes fast."""

import fractions
import math

import numpy as np


def term_column(x: np.ndarray, factors) -> np.ndarray:
    """Minimum over factors (feature, slope, knot) of max(slope * (x[:, feature] - knot), 0)."""
    hinges = [np.maximum(slope * (x[:, v] - knot), 0.0) for v, slope, knot in factors]
    return np.min(hinges, axis=0)


def standardised(x: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1; constant ones of value 0."""
    constant = x.min(0) == x.max(0)
    return np.where(constant, 0.0, (x - x.mean(0)) / np.where(constant, 1.0, x.std(0)))


def least_squares(columns, y: np.ndarray, weights=None) -> tuple[np.ndarray, float]:
    """Coefficients and weighted RSS on an intercept and the given columns, by lstsq."""
    design = np.column_stack([np.ones(len(y)), *columns])
    root = np.sqrt(np.ones(len(y)) if weights is None else weights)[:, None]
    scale = np.maximum(np.linalg.norm(root * design, axis=0), 1e-300)
    coef = np.linalg.lstsq(root * design / scale, root * y, rcond=1e-11)[0] / scale[:, None]
    return coef, float(((root * (y - design @ coef)) ** 2).sum())


def rank(columns, num_rows: int) -> int:
    """Rank of an intercept and the given columns, scaled to unit length."""
    design = np.column_stack([np.ones(num_rows), *columns])
    norm = np.linalg.norm(design, axis=0)
    return int(np.linalg.matrix_rank(design / np.where(norm > 0, norm, 1), tol=1e-6))


def span_knots(x: np.ndarray, v: int, parent: np.ndarray, min_span: int, end_span: int):
    """Knots at active rows number end_span, end_span + min_span, ... with end_span rows left."""
    active = np.sort(x[parent > 0, v])
    numbers = range(end_span, len(active) - end_span, min_span)
    return sorted({active[i] for i in numbers})


def forward_rss(x, y, *, max_terms, max_degree, min_span=1, end_span=0):
    """RSS after every forward step, each candidate pair fitted from scratch by least squares."""
    n, d = x.shape
    terms, columns = [], []
    trace = [least_squares([], y)[1]]
    while 1 + len(terms) < max_terms:
        best = None
        for parent in [(), *terms]:
            if len(parent) >= max_degree:
                continue
            parent_column = term_column(x, parent) if parent else np.ones(n)
            for v in range(d):
                if v in {factor[0] for factor in parent} or x[:, v].min() == x[:, v].max():
                    continue
                for knot in span_knots(x, v, parent_column, min_span, end_span):
                    pair = [(*parent, (v, sign, knot)) for sign in (1.0, -1.0)]
                    room = max_terms - 1 - len(terms)
                    for entering in [pair] if room > 1 else [pair[:1], pair[1:]]:
                        new = [term_column(x, factors) for factors in entering]
                        rss = least_squares([*columns, *new], y)[1]
                        if best is None or rss < best[0] - 1e-12 * trace[0]:
                            best = (rss, entering, new)
        if best is None:
            break
        before = len(terms)
        by_norm = sorted(
            zip(best[1], best[2], strict=True), key=lambda item: -_remainder(columns, item[1])
        )
        for factors, column in by_norm:
            grows = rank([*columns, column], n) > rank(columns, n)
            if grows and 1 + len(terms) < max_terms:
                terms.append(factors)
                columns.append(column)
        if len(terms) == before:
            break
        trace.append(least_squares(columns, y)[1])
    return np.array(trace), terms


def _remainder(columns, new: np.ndarray) -> float:
    """Share of a column's squared length outside the span of an intercept and the others."""
    if not (new**2).sum() > 0:
        return 0.0
    return least_squares(columns, new[:, None])[1] / (new**2).sum()


def backward_rss(columns, y: np.ndarray) -> np.ndarray:
    """RSS of the best greedy subset of every size, from all columns down to none."""
    columns = list(columns)
    trace = [least_squares(columns, y)[1]]
    while columns:
        options = [least_squares(columns[:j] + columns[j + 1 :], y)[1] for j in range(len(columns))]
        j = int(np.argmin(options))
        trace.append(options[j])
        columns.pop(j)
    return np.array(trace)


def ledoit_wolf(standard: np.ndarray) -> np.ndarray:
    """Covariance of centred rows, shrunk to a multiple of the identity; Ledoit and Wolf (2004)."""
    rows, features = standard.shape
    sample = standard.T @ standard / rows
    target = np.trace(sample) / features * np.eye(features)
    spread = ((sample - target) ** 2).sum()
    noise = sum(((np.outer(row, row) - sample) ** 2).sum() for row in standard) / rows**2
    share = min(noise / spread, 1.0)
    return share * target + (1 - share) * sample


def logistic(design: np.ndarray, y: np.ndarray, weights: np.ndarray, ridge: np.ndarray):
    """Coefficients (p, k) of penalised logistic (k = 1) or softmax regression, and the mean loss.

    Newton's method on the whole Hessian, row by row; ridge (p,) per column.
    """
    p, k = design.shape[1], y.shape[1]
    coef, share = np.zeros((p, k)), weights / weights.sum()
    for _ in range(100):
        z = design @ coef
        if k == 1:
            mean = 1 / (1 + np.exp(-z))
        else:
            mean = np.exp(z - z.max(axis=1, keepdims=True))
            mean /= mean.sum(axis=1, keepdims=True)
        gradient = design.T @ (share[:, None] * (mean - y)) + ridge[:, None] * coef
        hessian = np.zeros((p, k, p, k))
        for row, m, s in zip(design, mean, share, strict=True):
            own = np.diag(m) - np.outer(m, m)  # of one output m (1 - m) as well
            hessian += s * np.einsum("p,q,jl->pjql", row, row, own)
        hessian = hessian.reshape(p * k, p * k) + np.diag(np.repeat(ridge, k))
        step = np.linalg.lstsq(hessian, gradient.ravel(), rcond=1e-12)[0].reshape(p, k)
        coef = coef - step
        if np.abs(step).max() < 1e-12:
            break
    loss = -(y * np.log(mean)).sum(axis=1)
    if k == 1:
        loss = loss - ((1 - y) * np.log(1 - mean)).sum(axis=1)
    return coef, float(share @ loss)


def jackknife_quantile(values, level: float) -> float:
    """The ceil(level (n + 1))-th smallest, by exact fractions (Barber et al. 2021, section 1)."""
    place = math.ceil(fractions.Fraction(str(level)) * (len(values) + 1))
    return sorted(values)[place - 1] if place <= len(values) else math.inf


def jackknife(y, out_of_fold, held_out, outputs, level, minmax=False):
    """Loops over new rows and rows i: mu_-i is the mean of the members that held row i out.

    CV+ takes quantiles of mu_-i(x) -+ R_i; minmax the outermost mu_-i(x) and a quantile of R_i.
    """
    num_members, num_new, num_targets = outputs.shape
    lower, upper = np.zeros((num_new, num_targets)), np.zeros((num_new, num_targets))
    for r in range(num_new):
        for t in range(num_targets):
            centres, sizes = [], []
            for i in range(len(y)):
                holders = [k for k in range(num_members) if held_out[k, i]]
                centres.append(sum(outputs[k, r, t] for k in holders) / len(holders))
                sizes.append(abs(y[i, t] - out_of_fold[i, t]))
            if minmax:
                reach = jackknife_quantile(sizes, level)
                lower[r, t], upper[r, t] = min(centres) - reach, max(centres) + reach
            else:
                pairs = list(zip(centres, sizes, strict=True))
                upper[r, t] = jackknife_quantile([c + s for c, s in pairs], level)
                lower[r, t] = -jackknife_quantile([s - c for c, s in pairs], level)
    return lower, upper


def prediction_sets(scores, groups, new_scores, level):
    """Loops over new rows and classes: a class stays unless enough rows have smaller scores."""
    num_new, num_classes = new_scores.shape[1:]
    found = np.zeros((num_new, num_classes), bool)
    most = fractions.Fraction(str(level)) * (len(scores) + 1)
    for r in range(num_new):
        for c in range(num_classes):
            pairs = zip(scores, groups, strict=True)
            found[r, c] = sum(s < new_scores[g, r, c] for s, g in pairs) < most
    return found


def twin_groups(x: np.ndarray, y: np.ndarray) -> list[int]:
    """Numbers rows that agree in x and y, one after another, by first appearance."""
    seen: dict[tuple, int] = {}  # in which -0.0 is found as 0.0
    rows = (tuple(map(float, row)) for row in np.hstack([x, y]))
    return [seen.setdefault(row, len(seen)) for row in rows]

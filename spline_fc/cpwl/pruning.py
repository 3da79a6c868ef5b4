"""The backward pass and the final least squares, on cross-product matrices alone.

One pass over the rows gives [1 B y]'[1 B y] per fold; elimination, GCV and cross-validated
selection then cost no further pass. These matrices are small and live in NumPy float64.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from spline_fc.printing import printed

SMALL_PIVOT = 1e-5  # below, one Cholesky factorisation is not accurate enough
ROUNDING = 1e-14  # share of the total sum of squares below which differences are noise


class Moments(NamedTuple):
    """Cross products of the columns Q = [1 B] change (p of them) and the targets; float64.

    Q is near orthonormal over all rows: least squares on nearly dependent terms keeps its digits.
    """

    gram: np.ndarray  # (folds, p, p), Q'Q
    target: np.ndarray  # (folds, p, k), Q'y
    total: np.ndarray  # (folds, k), y'y
    weight: np.ndarray  # (folds,), sum of weights
    change: np.ndarray  # (p, p)
    plain_gram: np.ndarray  # (p, p), [1 B]'[1 B] over all folds
    plain_target: np.ndarray  # (p, k), [1 B]'y over all folds


class Subsets(NamedTuple):
    """Greedy subsets of a fit, from all terms down to the intercept alone, s = p of them."""

    kept: np.ndarray  # (s, p - 1) bool
    coef: np.ndarray  # (s, p, k), intercept first; 0 for terms that are out
    rss: np.ndarray  # (s,)


@printed
class PruningPath(NamedTuple):
    """The backward pass, from all terms down to the intercept alone (s = m + 1 subsets)."""

    kept: np.ndarray  # (s, m) bool, terms of each subset (the intercept is always in)
    rss: np.ndarray  # (s,) float64
    gcv: np.ndarray  # (s,) float64
    cv_rss: np.ndarray | None  # (s,) float64, summed over held-out folds; None without folds
    chosen: int  # index of the subset that was taken

    def scaled(self, square: float) -> "PruningPath":
        """The same for targets whose squares are that many times as large."""
        cv_rss = None if self.cv_rss is None else self.cv_rss * square
        return self._replace(rss=self.rss * square, gcv=self.gcv * square, cv_rss=cv_rss)


def default_penalty(max_degree: int) -> float:
    """The GCV charge per knot: 2 for additive fits, 3 with interactions (Friedman 1991)."""
    return 2.0 if max_degree == 1 else 3.0


def gcv_score(rss: ArrayLike, num_terms: ArrayLike, num_rows: float, penalty: float) -> np.ndarray:
    """Generalised cross-validation, Friedman (1991) eq. 30 and 32; infinite when C reaches n.

    Args:
      rss: residual sum of squares, scalar or array.
      num_terms: terms, intercept included.
      num_rows: n, or the sum of the weights.
      penalty: charge per knot; -1 charges nothing at all, as in earth.
    """
    terms = np.asarray(num_terms, np.float64)
    cost = terms + penalty * (terms - 1) / 2 if penalty != -1 else np.zeros_like(terms)
    share = 1 - cost / num_rows
    with np.errstate(divide="ignore"):
        return np.where(share > 0, np.asarray(rss) / num_rows / share**2, np.inf)


def cross_products(squares: Callable[[np.ndarray | None], np.ndarray], p: int) -> Moments:
    """Cross products of p columns and the targets.

    Cholesky factorisation of the cross products gives a basis that is orthonormal up to
    cond^2 * eps; where that is not enough, a second pass in this basis makes up for it (the scheme
    known as CholeskyQR2, Yamamoto et al. 2015), which needs cond < 1e8, not cond^2.

    Args:
      squares: of `products.Products`.
      p: how many columns there are, the intercept included.
    """
    plain = squares(None)
    weight = plain[:, 0, 0]
    change, smallest = inverse_root(plain[:, :p, :p].sum(0))
    if smallest < SMALL_PIVOT:
        full = squares(change)
        correction, _ = inverse_root(full[:, :p, :p].sum(0))
        change = change @ correction
    else:
        full, correction = plain, change
    wide = np.eye(full.shape[1])
    wide[:p, :p] = correction
    full = wide.T @ full @ wide
    total = np.einsum("faa->fa", full[:, p:, p:])
    plain = plain.sum(0)[:p]
    return Moments(
        full[:, :p, :p], full[:, :p, p:], total, weight, change, plain[:, :p], plain[:, p:]
    )


def prefix_rss(moments: Moments) -> np.ndarray:
    """RSS of least squares on the first 1, 2, ..., p columns, (p,).

    Both changes of basis are upper triangular: the first columns span what they spanned.
    """
    root, _ = inverse_root(moments.gram.sum(0))
    effects = ((root.T @ moments.target.sum(0)) ** 2).sum(1)
    return np.maximum(float(moments.total.sum()) - np.cumsum(effects), 0.0)


def inverse_root(gram: np.ndarray) -> tuple[np.ndarray, float]:
    """Upper triangular T with T'GT = 1 where G has full rank, and the smallest relative pivot.

    Columns that are zero, or depend on earlier ones to rounding, get a zero column in T: they are
    left out. Zero columns do not count among the pivots.
    """
    present = np.flatnonzero(np.diag(gram) > 0)
    inside = np.ix_(present, present)
    scale = np.sqrt(np.diag(gram)[present])
    lower = _cholesky(gram[inside] / np.outer(scale, scale))
    pivots = np.diag(lower)
    out = pivots == 0
    inverse = np.linalg.inv(lower + np.diag(out.astype(float))).T
    inverse[:, out] = 0
    inverse[out] = 0
    root = np.zeros_like(gram)
    root[inside] = inverse / scale[:, None]
    return root, float(np.min(pivots**2, initial=1.0))


def _cholesky(gram: np.ndarray) -> np.ndarray:
    """Lower triangular factor; a zero row for a column that depends on earlier ones."""
    try:
        return np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        lower = np.zeros_like(gram)
    for j in range(len(gram)):
        used = np.flatnonzero(np.diag(lower)[:j] > 0)
        row = np.linalg.solve(lower[np.ix_(used, used)], gram[j, used])
        pivot = gram[j, j] - row @ row
        if pivot > ROUNDING:
            lower[j, used], lower[j, j] = row, np.sqrt(pivot)
    return lower


def eliminate(gram: np.ndarray, target: np.ndarray, total: float, change: np.ndarray) -> Subsets:
    """Removes one term at a time, that whose loss raises the RSS least.

    With T T' the inverse of the cross products and z = T'[1 B]'y, the coefficients are T z, the
    loss of term j raises the RSS by (T_j z)^2 / |T_j|^2, and what is left is T with row j projected
    out: no cross products are inverted or subtracted, so nearly dependent terms do no harm.

    Args:
      gram, target: (p, p) and (p, k), products of Q, see Moments. Column 0 is the intercept and
        stays.
      total: y'y.
      change: (p, p), of Moments.
    """
    inner, _ = inverse_root(gram)
    root, z, p = change @ inner, inner.T @ target, len(gram)
    kept, coefs = np.ones((p, p), bool), np.zeros((p, p, target.shape[1]))
    rss = np.full(p, total - (z**2).sum())
    for step in range(p):
        coefs[step] = coef = root @ z
        if step == p - 1:
            break
        length = np.einsum("pq,pq->p", root, root)
        length[length == 0] = np.inf  # terms that depend on others are lost for nothing
        loss = np.einsum("pk,pk->p", coef, coef) / length
        loss[~kept[step]] = loss[0] = np.inf
        worst = loss.argmin()
        unit = root[worst] / np.sqrt(length[worst])
        z = z - np.outer(unit, unit @ z)
        root = root - np.outer(root @ unit, unit)
        root[worst] = 0
        kept[step + 1 :, worst] = False
        rss[step + 1 :] += loss[worst]
    return Subsets(kept[:, 1:], coefs, np.maximum(rss, ROUNDING * total))


def _held_out_rss(moments: Moments, coef: np.ndarray) -> np.ndarray:
    """RSS (s,) over all folds, of s subsets each, with coef (folds, s, p, k) of the other folds."""
    coef = np.linalg.pinv(moments.change) @ coef  # of Q from those of [1 B]
    fitted = (coef * (moments.gram[:, None] @ coef)).sum((2, 3))
    crossed = (coef * moments.target[:, None]).sum((2, 3))
    return (moments.total.sum(1)[:, None] - 2 * crossed + fitted).sum(0)


def prune(
    moments: Moments, penalty: float, method: str, uses: np.ndarray, max_hinges: int | None
) -> PruningPath:
    """Runs the backward pass and chooses a subset.

    Args:
      moments: cross products, one set per fold.
      penalty: GCV charge per knot.
      method: "gcv", "cv" (least held-out RSS; needs two folds or more) or "none" (all terms).
      uses: (m, h) bool, which of h distinct hinges each term is made of.
      max_hinges: subsets with more distinct hinges are passed over; None for no cap.
    """
    # All rows first; then, where there are folds, those of all folds but one.
    num_folds = len(moments.weight)
    used = [np.ones(num_folds), *(1 - np.eye(num_folds) if num_folds > 1 else ())]
    subsets, *others = (
        eliminate(
            np.tensordot(folds, moments.gram, 1), np.tensordot(folds, moments.target, 1),
            float(folds @ moments.total.sum(1)), moments.change,
        )
        for folds in used
    )  # fmt: skip
    kept, rss = subsets.kept, subsets.rss
    gcv = gcv_score(rss, 1 + kept.sum(1), float(moments.weight.sum()), penalty)
    cv_rss = _held_out_rss(moments, np.stack([s.coef for s in others])) if others else None
    # Without a rule the first, largest subset is taken.
    score = -np.arange(len(rss), 0, -1.0)
    if method != "none":
        score = gcv if method == "gcv" or cv_rss is None else cv_rss
    if max_hinges is not None:
        score = np.where((kept @ uses > 0).sum(1) <= max_hinges, score, np.inf)
    best = np.flatnonzero(score <= score.min())  # all infinite: the intercept alone
    chosen = int(best[-1] if np.isinf(score.min()) else best[0])
    return PruningPath(kept, rss, gcv, cv_rss, chosen)

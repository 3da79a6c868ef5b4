"""The backward pass and the final least squares, on cross-product matrices alone.

One pass over the rows gives [1 B y]'[1 B y] per fold; elimination, GCV and cross-validated
selection then cost no further pass. These matrices are small and live in NumPy float64.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.cpwl.spline import Spline, basis

CHUNK_ROWS = 4096
ROUNDING = 1e-14  # share of the total sum of squares below which differences are noise


class Moments(NamedTuple):
    """Cross products of the columns [1 B] (p of them) and the targets; float64."""

    gram: np.ndarray  # (folds, p, p)
    target: np.ndarray  # (folds, p, k)
    total: np.ndarray  # (folds, k), y'y
    weight: np.ndarray  # (folds,), sum of weights


class PruningPath(NamedTuple):
    """The backward pass, from all terms down to the intercept alone (s = m + 1 subsets)."""

    kept: np.ndarray  # (s, m) bool, terms of each subset (the intercept is always in)
    rss: np.ndarray  # (s,) float64
    gcv: np.ndarray  # (s,) float64
    cv_rss: np.ndarray | None  # (s,) float64, summed over held-out folds; None without folds
    chosen: int  # index of the subset that was taken


def gcv_score(rss, num_terms, num_rows: float, penalty: float):
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


@partial(jax.jit, static_argnames=("num_folds", "chunk"))
def _accumulate(spline: Spline, x, y, weights, *, num_folds: int, chunk: int):
    num_rows, wide = x.shape[0], jnp.result_type(float)
    columns = 1 + spline.feature.shape[0] + y.shape[1]
    num_chunks = -(-num_rows // chunk)

    def one(i, total):
        start = jnp.minimum(i * chunk, num_rows - chunk)
        rows = [jax.lax.dynamic_slice_in_dim(a, start, chunk) for a in (x, y, weights)]
        fresh = start + jnp.arange(chunk) >= i * chunk  # the last chunk overlaps the one before
        z = jnp.concatenate([jnp.ones((chunk, 1), x.dtype), basis(spline, rows[0]), rows[1]], 1)
        z = z.astype(wide)
        weighted = z * jnp.where(fresh, rows[2], 0).astype(wide)[:, None]
        by_fold = (chunk // num_folds, num_folds, columns)
        product = jnp.einsum("ifa,ifb->fab", weighted.reshape(by_fold), z.reshape(by_fold))
        return total + jnp.roll(product, start % num_folds, axis=0)

    zero = jnp.zeros((num_folds, columns, columns), wide)
    return jax.lax.fori_loop(0, num_chunks, one, zero)


def cross_products(spline: Spline, x, y, weights, num_folds: int = 1) -> Moments:
    """Accumulates the cross products of a spline's terms and the targets over chunks of rows.

    Args:
      spline: its terms are read, its coefficients are not.
      x: (n, d) float. y: (n, k) float. weights: (n,) float.
      num_folds: row i belongs to fold i modulo num_folds.
    """
    num_rows = x.shape[0]
    chunk = max(num_folds, min(CHUNK_ROWS, num_rows) // num_folds * num_folds)
    product = np.asarray(_accumulate(spline, x, y, weights, num_folds=num_folds, chunk=chunk))
    p = 1 + spline.feature.shape[0]
    total = np.einsum("faa->fa", product[:, p:, p:])
    return Moments(product[:, :p, :p], product[:, :p, p:], total, product[:, 0, 0])


def _inverse(gram: np.ndarray) -> np.ndarray:
    """Inverse of a cross-product matrix with unit diagonal; the pseudoinverse if it has none."""
    try:
        root = np.linalg.inv(np.linalg.cholesky(gram))
        return root.T @ root
    except np.linalg.LinAlgError:
        return np.linalg.pinv(gram, rcond=1e-15, hermitian=True)


def solve(gram: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least squares from cross products, (p, k); columns are scaled to unit length first."""
    scale = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
    scaled = gram / np.outer(scale, scale)
    return _inverse(scaled) @ (target / scale[:, None]) / scale[:, None]


def eliminate(gram: np.ndarray, target: np.ndarray, total: float):
    """Removes one term at a time, always the one whose loss raises the RSS least.

    Args:
      gram: (p, p), target: (p, k), total: y'y; column 0 is the intercept and stays.

    Returns:
      kept (p, p - 1) bool, coefficients (p, p, k) and rss (p,), from all terms to none.
    """
    p = len(gram)
    scale = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
    inverse = _inverse(gram / np.outer(scale, scale))
    coef = inverse @ (target / scale[:, None])
    alive = np.ones(p, bool)
    kept, coefs, rss = [alive[1:].copy()], [coef / scale[:, None]], []
    rss.append(total - float((target * coefs[0]).sum()))
    for _ in range(p - 1):
        pivot = np.where(alive, np.maximum(np.diag(inverse), np.finfo(float).tiny), 1)
        loss = np.where(alive, (coef**2).sum(1) / pivot, np.inf)
        loss[0] = np.inf
        worst = int(np.argmin(loss))
        coef = coef - np.outer(inverse[:, worst] / pivot[worst], coef[worst])
        inverse = inverse - np.outer(inverse[:, worst], inverse[worst]) / pivot[worst]
        alive[worst] = False
        coef[worst] = inverse[worst] = inverse[:, worst] = 0
        kept.append(alive[1:].copy())
        coefs.append(coef / scale[:, None])
        rss.append(rss[-1] + float(loss[worst]))
    return np.array(kept), np.array(coefs), np.maximum(np.array(rss), ROUNDING * total)


def _held_out_rss(moments: Moments, fold: int) -> np.ndarray:
    """RSS on one fold of every subset size, eliminated and fitted on the other folds."""
    others = [np.delete(part, fold, axis=0).sum(0) for part in moments]
    _, coefs, _ = eliminate(others[0], others[1], float(others[2].sum()))
    gram, target, total = (part[fold] for part in moments[:3])
    fitted = np.einsum("spk,pq,sqk->s", coefs, gram, coefs)
    return total.sum() - 2 * np.einsum("spk,pk->s", coefs, target) + fitted


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
    gram, target, total, weight = (part.sum(0) for part in moments)
    kept, _, rss = eliminate(gram, target, float(total.sum()))
    gcv = gcv_score(rss, 1 + kept.sum(1), float(weight), penalty)
    num_folds = len(moments.weight)
    held_out = [_held_out_rss(moments, fold) for fold in range(num_folds)] if num_folds > 1 else []
    cv_rss = np.sum(held_out, axis=0) if held_out else None
    # Without a rule the first, largest subset is taken.
    score = {"gcv": gcv, "cv": cv_rss, "none": -np.arange(len(rss), 0, -1.0)}[method]
    if max_hinges is not None:
        score = np.where((kept @ uses > 0).sum(1) <= max_hinges, score, np.inf)
    best = np.flatnonzero(score <= score.min())  # all infinite: the intercept alone
    return PruningPath(kept, rss, gcv, cv_rss, int(best[-1] if np.isinf(score.min()) else best[0]))

"""The last least squares of a fit: coefficients that keep their digits."""

from collections.abc import Callable, Iterable

import numpy as np

from spline_fc.cpwl import pruning

SMALL_RSS = 1e-6  # share of the total below which a difference of sums is too coarse
MAX_CORRECTIONS = 3  # nearly always one is enough
RANK = 1e-14  # singular values of unit columns below this share of the largest are rounding


def least_squares(
    residuals: Callable[[np.ndarray], tuple[np.ndarray, float]],
    gram: np.ndarray, target: np.ndarray, total: float,
) -> tuple[np.ndarray, float]:  # fmt: skip
    """Coefficients of an intercept and some terms, refined on the rows, and the RSS that is left.

    Solving from cross products squares the condition number. Where that costs digits, correcting
    by the products of the true residual gives them back, until a correction lowers the RSS no more.

    Args:
      residuals: of `products.Products`, for the p columns.
      gram: (p, p) float64, cross products of [1 B]; a term whose row is 0 stays out.
      target: (p, k), [1 B]'y.
      total: y'y.

    Returns:
      coefficients (p, k), intercept first, and the residual sum of squares.
    """
    root, smallest_pivot = pruning.inverse_root(gram)
    effect = root.T @ target
    coef, rss = root @ effect, total - float((effect**2).sum())
    if smallest_pivot > pruning.SMALL_PIVOT and rss > SMALL_RSS * total:
        return coef, rss
    for _ in range(MAX_CORRECTIONS):
        products, rss = residuals(coef)
        effect = root.T @ products
        coef = coef + root @ effect
        gain = float((effect**2).sum())
        if gain <= 1e-3 * rss:
            break
    return coef, max(rss - gain, 0.0)


def triangle(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """R of the QR decomposition of a tall matrix that comes in blocks of rows.

    Products of columns would square the condition number; this does not.
    """
    found: np.ndarray | None = None
    for block in blocks:
        stacked = block if found is None else np.concatenate([found, block])
        found = np.asarray(np.linalg.qr(stacked, mode="r"))
    return np.zeros((0, 0)) if found is None else found


def solve_triangle(found: np.ndarray, p: int) -> np.ndarray:
    """Least squares (p, k) from R of [design (p) | targets (k)], on columns of unit length."""
    design, target = found[:, :p], found[:, p:]
    peak = np.abs(design).max(axis=0, initial=0.0)
    peak = np.where(peak > 0, peak, 1.0)
    size = peak * np.linalg.norm(design / peak, axis=0)  # squares of the columns may underflow
    size = np.where(size > 0, size, 1.0)
    return np.linalg.lstsq(design / size, target, rcond=RANK)[0] / size[:, None]

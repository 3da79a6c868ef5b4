"""Directions that tell classes apart, where a target says which class a row is of.

Worked out along the leading principal axes of the standardised features, so that hundreds of
columns cost little more than the products that find these axes.
"""

import itertools
from typing import NamedTuple

import numpy as np

from spline_fc import checks
from spline_fc.cpwl.inputs import CheckedData, chunks

CLASS_DIRECTIONS = ("pairs", "spread")
MOST_AXES = 256  # images of 784 pixels are told apart no better along more
MOST_CLASSES = 100
MOST_PAIRS = 120


class Classes(NamedTuple):
    """What is known of c classes, in r coordinates."""

    means: np.ndarray  # (c, r)
    scatter: np.ndarray  # (c, r, r), covariance about the mean, with a ridge
    share: np.ndarray  # (c,), of the total weight


def find_classes(
    data: CheckedData, mean: np.ndarray, axes: np.ndarray, ridge: float = 0.0
) -> Classes:
    """Means and scatter of every class; r / (rows of the class) is its ridge, and what is given.

    So far do variances of unit scale stray along r axes in so many rows.

    Args:
      data: n rows of d features, their y one-hot, 0 and 1 or of few distinct rows otherwise.
      mean: (d,), of the features.
      axes: (d, r), directions of x with projections of unit scale.
      ridge: >= 0, in these units.

    Raises:
      ValueError: y has more than MOST_CLASSES distinct rows.
    """
    labels, count = _labels(data.y)
    z, r = np.empty((len(labels), axes.shape[1])), axes.shape[1]
    for rows in chunks(len(labels)):
        z[rows] = (data.x[rows].astype(np.float64, copy=False) - mean) @ axes
    means, scatter, total = np.empty((count, r)), np.empty((count, r, r)), np.empty(count)
    for c in range(count):
        own = labels == c
        rows, weights = z[own], data.weights[own].astype(np.float64)
        total[c] = weights.sum()
        means[c] = weights @ rows / total[c]
        rest = rows - means[c]
        scatter[c] = (weights[:, None] * rest).T @ rest / total[c]
        scatter[c] += (r / total[c] + ridge) * np.eye(r)
    return Classes(means, scatter, total / total.sum())


def class_directions(name: str, classes: Classes, each: int) -> np.ndarray:
    """Finds the directions (r, q) of one of CLASS_DIRECTIONS; of "spread" `each` of each class."""
    if len(classes.means) < 2 or not classes.means.shape[1]:
        return np.zeros((classes.means.shape[1], 0))
    return _pairs(classes) if name == "pairs" else _spread(classes, each)


def most_class_directions(name: str, y: np.ndarray, each: int) -> int:
    """How many there may be at most; ValueError if y has more than MOST_CLASSES distinct rows."""
    _, count = _labels(y)
    return min(count * (count - 1) // 2, MOST_PAIRS) if name == "pairs" else count * each


def _labels(y: np.ndarray) -> tuple[np.ndarray, int]:
    rows, labels = np.unique(y, axis=0, return_inverse=True)
    checks.check(
        len(rows) <= MOST_CLASSES,
        'y must say classes for the directions "pairs" and "spread", at most '
        f"{MOST_CLASSES} distinct rows; got {len(rows)}.",
    )
    return labels.reshape(-1), len(rows)


def _pairs(classes: Classes) -> np.ndarray:
    """Linear discriminants (r, pairs) of two classes, on the mean of their scatters."""
    found, distance = [], []
    for i, j in itertools.combinations(range(len(classes.means)), 2):
        between = classes.means[j] - classes.means[i]
        scatter = (classes.scatter[i] + classes.scatter[j]) / 2
        found.append(np.linalg.solve(scatter, between))
        distance.append(between @ found[-1])
    nearest = np.argsort(distance, kind="stable")[:MOST_PAIRS]
    return np.stack(found, axis=1)[:, nearest]


def _spread(classes: Classes, each: int) -> np.ndarray:
    """Axes (r, q) along which a class scatters least as the classes do on average."""
    pooled = np.tensordot(classes.share, classes.scatter, 1)
    values, axes = np.linalg.eigh(pooled)
    whiten = axes / np.sqrt(values)
    found = []
    for own in classes.scatter:
        values, axes = np.linalg.eigh(whiten.T @ (own - pooled) @ whiten)
        found.append(whiten @ axes[:, np.argsort(-np.abs(values))[:each]])
    return np.concatenate(found, axis=1)

"""Folds of pooled rows: who is trained on what when every row is to be held out by somebody.

Members of an ensemble are trained side by side as one computation, so their parts must be of one
size. They are made so without padding: a member whose fold is smaller than the largest holds out a
few rows of other folds as well.
"""

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spline_fc.checks import check, check_integer
from spline_fc.data.splits import twin_groups


class Fold(NamedTuple):
    """What one member is trained on, and what it is not."""

    train: np.ndarray  # (m,) int64, rows to train on
    validation: np.ndarray  # (v,) int64, rows to stop and to choose by
    held_out: np.ndarray  # (n,) bool, rows of which neither they nor a twin are trained on


def cut_folds(
    groups: np.ndarray, classes: np.ndarray, folds: int, seed: int | Sequence[int]
) -> np.ndarray:
    """Deals rows to folds at random, whole groups at a time, the rows of each class evenly.

    Large groups are dealt first, each group to the fold with the fewest rows of its class, the
    smaller of two such folds; so folds differ by one row where there are enough groups of one.

    Args:
      groups: (n,) group number of each row; rows of one group stay together.
      classes: (n,) number of the class of each row, the same within a group.
      folds: how many.
      seed: of the draw.

    Returns:
      (n,) int64, the fold of each row.
    """
    _, first, member, counts = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.random.default_rng(seed).permutation(len(first))
    order = order[np.lexsort((-counts[order], classes[first][order]))]
    fold_of, total, heap, last = np.empty(len(first), np.int64), [0] * folds, [], None
    for group in order.tolist():
        if classes[first[group]] != last:
            last, heap = classes[first[group]], [(0, total[f], f) for f in range(folds)]
            heapq.heapify(heap)
        own, all_rows, fold = heap[0]
        size = int(counts[group])
        heapq.heapreplace(heap, (own + size, all_rows + size, fold))
        fold_of[group], total[fold] = fold, all_rows + size
    return fold_of[member]


def cross_fit(
    x: np.ndarray, y: np.ndarray, task: str, *, members: int, folds: int, seed: int
) -> list[Fold]:
    """Says which of the pooled rows each member of an ensemble is trained on.

    Member k holds out fold k modulo `folds`; with more members than folds the rows are dealt anew
    for every round of `folds` members. All members have equally many training rows and equally
    many validation rows: one whose fold is smaller than the largest holds out rows of other folds
    as well, whole groups of twins. Where groups do not fill the gap, a few rows are in no part.

    Args:
      x, y: (n, d) and (n, k), the pooled rows; rows that agree in both are held out together.
      task: "regression", "binary" or "multiclass"; classes are dealt evenly.
      members: how many.
      folds: how many.
      seed: of the draws.

    Returns:
      One Fold per member.

    Raises:
      ValueError: fewer rows than folds, fewer groups of twins than folds, or a class that is
        missing from the training rows of a member.
    """
    check_integer("members", members, 2)
    check_integer("folds", folds, 2)
    check(folds <= len(x), f"folds must be at most the {len(x)} pooled rows; got {folds}.")
    groups = twin_groups(x, y)
    distinct = int(groups.max()) + 1
    check(
        folds <= distinct,
        f"folds must be at most the {distinct} distinct pooled rows; got {folds}.",
    )
    classes = _classes(y, task)
    dealt = [cut_folds(groups, classes, folds, [seed, r]) for r in range(-(-members // folds))]
    rngs = [np.random.default_rng([seed, 0, member]) for member in range(members)]
    held_out = [
        _filled(dealt[member // folds], member % folds, groups, classes, rng)
        for member, rng in enumerate(rngs)
    ]
    sizes = [int(held.sum()) for held in held_out]
    train, validation = len(x) - max(sizes), min(sizes)
    found = []
    for member, (held, rng) in enumerate(zip(held_out, rngs, strict=True)):
        own = _some(~held, train, rng)
        _check_classes(classes, own, member)
        found.append(Fold(own, _some(held, validation, rng), held))
    return found


def _some(part: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """So many of the rows of a part, in their order; mostly all."""
    return np.sort(rng.permutation(np.flatnonzero(part))[:count])


def _classes(y: np.ndarray, task: str) -> np.ndarray:
    """The class of each row, (n,) int64; numbers are all of one class."""
    if task == "regression":
        return np.zeros(len(y), np.int64)
    return (y[:, 0] > 0.5).astype(np.int64) if task == "binary" else y.argmax(axis=1)


def _filled(
    dealt: np.ndarray, fold: int, groups: np.ndarray, classes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The rows of a fold, and more groups up to the size of the largest; no class is used up."""
    held = dealt == fold
    room = np.bincount(dealt).max() - held.sum()
    counts, left = np.bincount(groups), np.bincount(classes[~held])
    class_of = np.empty_like(counts)
    class_of[groups] = classes
    more = []
    for group in rng.permutation(np.unique(groups[~held])) if room else ():
        if counts[group] <= room and counts[group] < left[class_of[group]]:
            more.append(group)
            room -= counts[group]
            left[class_of[group]] -= counts[group]
            if room == 0:
                break
    return held | np.isin(groups, more)


def _check_classes(classes: np.ndarray, rows: np.ndarray, member: int) -> None:
    """Raises ValueError if a class that there is has no training row."""
    missing = np.setdiff1d(classes, classes[rows])
    if missing.size:
        raise ValueError(
            "every class must have rows in two folds, so that no member is trained without it; got "
            f"class {missing[0]} missing from the training rows of member {member}."
        )

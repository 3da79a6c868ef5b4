"""The folder layout of the UCI regression benchmark: one matrix and published splits.

    data.txt, index_features.txt, index_target.txt, index_train_0.txt, index_test_0.txt, ...

each plain or gzip. The splits are those of Hernandez-Lobato and Adams (2015).
"""

import pathlib
from collections.abc import Sequence

import numpy as np

from spline_fc.checks import check, check_integer
from spline_fc.data.arrays import assemble
from spline_fc.data.arrays import split as split_all
from spline_fc.data.files import first_file, need_file, read_matrix
from spline_fc.data.records import Dataset
from spline_fc.data.splits import Rows, first_rows, split_validation, twin_groups


def is_uci_folder(folder: pathlib.Path) -> bool:
    """Says whether a folder holds data.txt and index_features.txt, plain or gzip."""
    wanted = ("data.txt", "index_features.txt")
    return all(first_file([folder / name]) is not None for name in wanted)


def load_uci_folder(
    folder: pathlib.Path,
    *,
    name: str | None = None,
    names: Sequence[str] | None = None,
    split: int | None = None,
    seed: int = 0,
    test_fraction: float | None = None,
    validation_fraction: float = 0.2,
    keep_twins_together: bool = True,
    num_train: int | None = None,
) -> Dataset:
    """Loads a data set in the UCI folder layout.

    Only the columns listed in index_features.txt are features; what is listed nowhere (naval's
    second target) is left out. A published split is taken as it is, twins included; the validation
    part is drawn from its training rows by seed.

    Args:
      folder: with the files named at the top of this module.
      name: of the data set; None for the folder's name.
      names: of the features in the order of index_features.txt, then of the target; None for
        column_0, ...
      split: number of a published split, or None for a random split by seed.
      seed: of the random draws.
      test_fraction: of a random split, None for 0.2; a published split has its own.
      validation_fraction: share of the training rows that goes to the validation part.
      keep_twins_together: as in `from_arrays`, in whatever is drawn at random.
      num_train: as in `from_arrays`.

    Returns:
      Dataset in raw units, float64, y (n, 1).

    Raises:
      FileNotFoundError: a file of the layout is absent.
      ValueError: a malformed file, a column or row number out of range, a train and test part that
        overlap, an unknown split, a test_fraction beside a published split, a num_train beyond the
        training part.
    """
    data = read_matrix(need_file(folder, "data.txt"))
    features = _indices(need_file(folder, "index_features.txt"), data.shape[1], "column")
    target = _indices(need_file(folder, "index_target.txt"), data.shape[1], "column")
    shared = sorted(set(features.tolist()) & set(target.tolist()))
    check(not shared, f"{folder}: a target must not be a feature; got column(s) {shared} as both.")
    x, y = data[:, features], data[:, target]
    if split is None:
        fraction = 0.2 if test_fraction is None else test_fraction
        rows = split_all(
            x,
            y,
            test_fraction=fraction,
            validation_fraction=validation_fraction,
            seed=seed,
            keep_twins_together=keep_twins_together,
            num_train=num_train,
        )
    else:
        check(
            test_fraction is None,
            f"test_fraction must be left out beside a published split; got {test_fraction}.",
        )
        train, test = _published(folder, split, len(data))
        groups = twin_groups(x, y) if keep_twins_together else np.arange(len(x))
        train, validation = split_validation(groups, train, validation_fraction, seed)
        if num_train is not None:
            train = first_rows(groups, train, num_train)
        rows = Rows(train, validation, test)
    names = names or [f"column_{j}" for j in (*features, *target)]
    d, came = x.shape[1], x.shape[1] + y.shape[1]
    check(len(names) == came, f"{folder} must have {len(names)} columns in use; got {came}.")
    return assemble(name or folder.name, "regression", names[:d], names[d:], x, y, rows)


def _published(folder: pathlib.Path, split: int, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    published = [p.name.split("_")[-1].split(".")[0] for p in folder.glob("index_train_*.txt*")]
    count = max((int(number) for number in published if number.isdigit()), default=-1) + 1
    if count == 0:
        raise FileNotFoundError(f"{folder} must hold index_train_0.txt and so on; got no split.")
    check_integer("split", split, 0)
    check(split < count, f"split must be one of 0..{count - 1} for {folder.name}; got {split}.")
    parts = []
    for part in ("train", "test"):
        path = need_file(folder, f"index_{part}_{split}.txt")
        parts.append(_indices(path, num_rows, "row"))
    both = np.intersect1d(parts[0], parts[1])
    check(
        both.size == 0,
        f"{folder}: train and test rows of split {split} must not overlap; got {both.size} shared.",
    )
    return parts[0], parts[1]


def _indices(path: pathlib.Path, bound: int, kind: str) -> np.ndarray:
    values = read_matrix(path).ravel()
    good = (values >= 0) & (values < bound) & (values == np.floor(values))
    if not good.all():
        bad = values[np.argmin(good)]
        raise ValueError(f"{path} must hold {kind} numbers in 0..{bound - 1}; got {bad:g}.")
    indices = values.astype(np.int64)
    check(len(np.unique(indices)) == len(indices), f"{path} must not name a {kind} twice.")
    return indices

"""Named data sets whose distributors keep the test rows in a file of their own."""

import pathlib
from typing import NamedTuple

import numpy as np

from spline_fc.data import arrays
from spline_fc.data.encode import encode_table
from spline_fc.data.encoding import FEATURE, TARGET
from spline_fc.data.files import first_file
from spline_fc.data.matrices import encode_like, fill_medians
from spline_fc.data.named import DATA_DIR_VARIABLE, listed, with_names
from spline_fc.data.records import Dataset
from spline_fc.data.splits import Rows, first_rows, split_validation, twin_groups
from spline_fc.data.tables import read_csv


class PartedSource(NamedTuple):
    """A named data set with a test file of its own, and its columns, the target last."""

    files: tuple[str, str]  # for training, for testing; without header
    columns: tuple[str, ...]


# Each in a folder of its name.
PARTED = {
    "adult": PartedSource(
        files=("adult-train.csv", "adult-test.csv"),
        columns=tuple(
            "age workclass fnlwgt education education-num marital-status occupation relationship "
            "race sex capital-gain capital-loss hours-per-week native-country income".split()
        ),
    )
}


def load_parted(
    name: str,
    folders: list[pathlib.Path],
    seed: int,
    *,
    missing: str = "median",
    validation_fraction: float = 0.2,
    keep_twins_together: bool = True,
    num_train: int | None = None,
) -> Dataset:
    """Loads one of PARTED from the first folder that has it.

    Levels and medians are those of the training file. No row is dropped by default, so that the
    test part is the distributors' own, all of it.

    Args:
      name: a key of PARTED.
      folders: as `data_folders` returns them.
      seed: of the validation part.
      missing: as in `encode_table`, of both files.
      validation_fraction: share of the training file that goes to the validation part.
      keep_twins_together: as in `from_arrays`, within the training file.
      num_train: as in `from_arrays`.

    Returns:
      Dataset in raw units, float64, with its encoding.

    Raises:
      FileNotFoundError: found in no folder.
      ValueError: a file is malformed, or num_train is beyond the training part.
    """
    source = PARTED[name]
    places = [[folder / name / file for folder in folders] for file in source.files]
    found = [path for path in map(first_file, places) if path is not None]
    if len(found) < len(places):
        raise FileNotFoundError(
            f"{name!r} needs {' and '.join(source.files)} in the folder {name} below data_dir or "
            f"{DATA_DIR_VARIABLE}; got {listed(folders)}."
        )
    train, test = (with_names(read_csv(path, header=False), source.columns) for path in found)
    fitted = encode_table(train, missing=missing)
    count = len(fitted.x)
    groups = twin_groups(fitted.x, fitted.y) if keep_twins_together else np.arange(count)
    train_rows, validation = split_validation(groups, np.arange(count), validation_fraction, seed)
    if num_train is not None:
        train_rows = first_rows(groups, train_rows, num_train)
    if missing == "median":
        fitted = fill_medians(fitted, train_rows, train.path)
    encoding = fitted.encoding
    other = encode_like(encoding, test, roles=(FEATURE, TARGET), drop=True)
    x, y = np.concatenate([fitted.x, other.x]), np.concatenate([fitted.y, other.y])
    rows = Rows(train_rows, validation, np.arange(count, len(x)))
    named = encoding.feature_names, encoding.target_names
    dataset = arrays.assemble(name, encoding.task, *named, x, y, rows)
    return dataset._replace(encoding=encoding)

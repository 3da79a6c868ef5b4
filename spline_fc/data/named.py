"""Data sets known by name, and the folders they are looked for in."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from spline_fc.checks import check
from spline_fc.data import arrays
from spline_fc.data.encode import encode_table
from spline_fc.data.encoding import FEATURE, TARGET, WEIGHTS, Encoding
from spline_fc.data.files import first_file, need_file, read_idx
from spline_fc.data.matrices import encode_like
from spline_fc.data.openml import OpenmlSource, load_openml
from spline_fc.data.records import Dataset
from spline_fc.data.splits import Rows, first_rows, split_validation, twin_groups
from spline_fc.data.tables import Table, read_arff, read_csv
from spline_fc.data.uci import is_uci_folder, load_uci_folder

DATA_DIR_VARIABLE = "SPLINE_FC_DATA"


class NamedSource(NamedTuple):
    """A named data set: where its files lie below a data folder, and its columns."""

    path: str  # a file, or the folder of a set with published splits
    columns: tuple[str, ...] | None  # the target last; None where the file names them
    openml: OpenmlSource | None


_WINE = (
    "fixed acidity, volatile acidity, citric acid, residual sugar, chlorides, free sulfur dioxide, "
    "total sulfur dioxide, density, pH, sulphates, alcohol, quality"
)
_NAVAL = (
    "lever position, ship speed, gas turbine shaft torque, gas turbine rate of revolutions, "
    "gas generator rate of revolutions, starboard propeller torque, port propeller torque, "
    "high pressure turbine exit temperature, compressor inlet temperature, "
    "compressor outlet temperature, high pressure turbine exit pressure, "
    "compressor inlet pressure, compressor outlet pressure, exhaust gas pressure, "
    "turbine injection control, fuel flow, compressor decay"
)


def _names(listed: str) -> tuple[str, ...]:
    return tuple(listed.split(", "))


# The target is the last column of each. OpenML numbers are of the suite CTR23 (and 531 for Boston).
TABLES = {
    "abalone": NamedSource(
        "abalone/abalone.data",
        _names(
            "sex, length, diameter, height, whole weight, shucked weight, viscera weight, "
            "shell weight, rings"
        ),
        OpenmlSource(44956, 4177, 8),
    ),
    "wine_quality_red": NamedSource(
        "wine_quality/winequality-red.csv", None, OpenmlSource(44972, 1599, 11)
    ),
    "wine_quality_white": NamedSource(
        "wine_quality/winequality-white.csv", None, OpenmlSource(44971, 4898, 11)
    ),
    "california_housing": NamedSource(
        "california_housing/cal.housing.arff", None, OpenmlSource(44977, 20640, 8)
    ),
}
UCI = {
    "uci_boston": NamedSource(
        "bostonHousing",
        _names("CRIM, ZN, INDUS, CHAS, NOX, RM, AGE, DIS, RAD, TAX, PTRATIO, B, LSTAT, MEDV"),
        OpenmlSource(531, 506, 13),
    ),
    "uci_concrete": NamedSource(
        "concrete",
        _names(
            "cement, slag, fly ash, water, superplasticizer, coarse aggregate, fine aggregate, "
            "age, compressive strength"
        ),
        OpenmlSource(44959, 1030, 8),
    ),
    "uci_energy": NamedSource(
        "energy",
        _names(
            "relative compactness, surface area, wall area, roof area, overall height, "
            "orientation, glazing area, glazing area distribution, heating load"
        ),
        OpenmlSource(44960, 768, 8),
    ),
    "uci_kin8nm": NamedSource(
        "kin8nm",
        _names("theta1, theta2, theta3, theta4, theta5, theta6, theta7, theta8, distance"),
        OpenmlSource(44980, 8192, 8),
    ),
    "uci_naval": NamedSource(
        "naval-propulsion-plant", _names(_NAVAL), OpenmlSource(44969, 11934, 16)
    ),
    "uci_power": NamedSource("power-plant", _names("AT, V, AP, RH, PE"), None),
    "uci_protein": NamedSource(
        "protein-tertiary-structure",
        _names("F1, F2, F3, F4, F5, F6, F7, F8, F9, RMSD"),
        OpenmlSource(44963, 45730, 9),
    ),
    "uci_wine_red": NamedSource("wine-quality-red", _names(_WINE), OpenmlSource(44972, 1599, 11)),
    "uci_yacht": NamedSource(
        "yacht",
        _names(
            "longitudinal position, prismatic coefficient, length-displacement ratio, "
            "beam-draught ratio, length-beam ratio, Froude number, residuary resistance"
        ),
        None,
    ),
}
SHIPPED = {"diabetes": "regression", "breast_cancer": "binary", "digits": "multiclass"}
IMAGES = {"mnist": "mnist", "fashion_mnist": "fashion_mnist"}
_IMAGE_FILES = tuple(
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
)


def data_folders(data_dir: str | os.PathLike[str] | None) -> list[pathlib.Path]:
    """Returns the folders to look in: `data_dir`, then the one named by SPLINE_FC_DATA.

    Raises:
      FileNotFoundError: a folder was named and does not exist.
    """
    folders = []
    named_by_variable = os.environ.get(DATA_DIR_VARIABLE)
    for origin, value in (("data_dir", data_dir), (DATA_DIR_VARIABLE, named_by_variable)):
        if value:
            folder = pathlib.Path(value)
            if not folder.is_dir():
                raise FileNotFoundError(f"{origin} must name a folder; got {str(value)!r}.")
            folders.append(folder)
    return folders


def load_table(
    name: str,
    folders: list[pathlib.Path],
    cache_dir: pathlib.Path | None,
    seed: int,
    **options: Any,
) -> Dataset:
    """Loads one of TABLES from the first folder that has it, else from OpenML.

    Args:
      name: a key of TABLES.
      folders: as `data_folders` returns them.
      cache_dir: of what is fetched.
      seed: of the random split.
      **options: of `arrays.split`.

    Returns:
      Dataset in raw units, float64.

    Raises:
      FileNotFoundError: found nowhere.
      ValueError: the file is malformed.
    """
    return table_dataset(name, read_named(name, folders, cache_dir), seed, split=options)


def read_named(name: str, folders: list[pathlib.Path], cache_dir: pathlib.Path | None) -> Table:
    """Reads one of TABLES from the first folder that has it, else from OpenML.

    Raises:
      FileNotFoundError: found nowhere.
      ValueError: the file is malformed.
    """
    source = TABLES[name]
    path = pathlib.Path(source.path)
    found = first_file([folder / p for folder in folders for p in (path, path.name)])
    if found is None:
        assert source.openml is not None  # every one of TABLES lies there
        return load_openml(name, source.openml, cache_dir)
    table = read_arff(found) if ".arff" in found.name else read_csv(found)
    return with_names(table, source.columns) if source.columns else table


def with_names(table: Table, names: tuple[str, ...]) -> Table:
    """The table with other names for its columns; raises ValueError unless it has as many."""
    check(
        len(names) == len(table.names),
        f"{table.path} must have {len(names)} columns; got {len(table.names)}.",
    )
    return table._replace(names=names)


def table_dataset(
    name: str,
    table: Table,
    seed: int,
    *,
    encoding: Encoding | None = None,
    split: Mapping[str, Any] | None = None,
    **options: Any,
) -> Dataset:
    """Encodes, splits and checks a table.

    Args:
      name: of the data set.
      table: as it was read.
      seed: of the random split.
      encoding: of another table, to encode this one alike.
      split: options of `arrays.split`.
      **options: of `encode_table`; none beside an encoding.
    """
    if encoding is None:
        encoded = encode_table(table, **options)
    else:
        roles = (FEATURE, TARGET, WEIGHTS)
        encoded = encode_like(encoding, table, roles=roles, drop=True)
    return arrays.finish(name, encoded, path=table.path, seed=seed, **(split or {}))


def load_uci(
    name: str,
    folders: list[pathlib.Path],
    cache_dir: pathlib.Path | None,
    seed: int,
    *,
    split: int | None = None,
    **options: Any,
) -> Dataset:
    """Loads one of UCI from the first folder that has it, else (without splits) from OpenML.

    Args:
      name: a key of UCI.
      folders: as `data_folders` returns them.
      cache_dir: of what is fetched.
      seed: of the random draws.
      split: number of a published split; None for a random split.
      **options: of `load_uci_folder`.

    Returns:
      Dataset in raw units, float64.

    Raises:
      FileNotFoundError: found nowhere, or found on OpenML alone while a published split is wanted.
      ValueError: a file is malformed or the split is unknown.
    """
    source = UCI[name]
    for folder in folders:
        for place in (folder / "uci_regression" / source.path, folder / source.path):
            if is_uci_folder(place):
                return load_uci_folder(
                    place, name=name, names=source.columns, split=split, seed=seed, **options
                )
    if split is not None or source.openml is None:
        what = "published splits" if source.openml else "data"
        raise FileNotFoundError(
            f"{name!r} needs the folder uci_regression/{source.path} below data_dir or "
            f"{DATA_DIR_VARIABLE}; got {listed(folders)}, and OpenML does not hold its {what}."
        )
    return table_dataset(name, load_openml(name, source.openml, cache_dir), seed, split=options)


def load_shipped(name: str, seed: int, **options: Any) -> Dataset:
    """Loads a data set that comes with scikit-learn: diabetes, breast_cancer or digits.

    Args:
      name: a key of SHIPPED.
      seed: of the random split.
      **options: of `from_arrays`.

    Returns:
      Dataset in raw units, float64.
    """
    scaled = {"scaled": False} if name == "diabetes" else {}
    import sklearn.datasets  # takes longer to import than all of this package

    bunch = getattr(sklearn.datasets, f"load_{name}")(**scaled)
    task = SHIPPED[name]
    labels = {"breast_cancer": ("benign",), "digits": tuple(f"digit={i}" for i in range(10))}
    dataset = arrays.from_arrays(
        bunch.data,
        bunch.target,
        task=task,
        seed=seed,
        name=name,
        feature_names=tuple(str(n) for n in bunch.feature_names),
        target_names=labels.get(name, ("disease progression",)),
        **options,
    )
    return dataset._replace(shared_scale=name == "digits")


def load_images(
    name: str,
    folder: pathlib.Path,
    seed: int,
    *,
    validation_fraction: float = 0.2,
    keep_twins_together: bool = True,
    num_train: int | None = None,
) -> Dataset:
    """Loads a folder of four idx files as MNIST is distributed, plain or gzip.

    Args:
      name: of the data set.
      folder: with train-images-idx3-ubyte, train-labels-idx1-ubyte and the t10k files.
      seed: of the validation part.
      validation_fraction: share of the training images that goes to the validation part.
      keep_twins_together: as in `from_arrays`, within the training images.
      num_train: images to train on, drawn by seed; None for all that are no validation part.

    Returns:
      Dataset, multiclass: x (n, height * width) float32 in [0, 1] (a float64 copy of MNIST would
      take 440 MB), y (n, 10) float64 one-hot; the test part is the distributors' own.

    Raises:
      FileNotFoundError: a file is absent.
      ValueError: a file is malformed, images and labels do not agree in number, or there are fewer
        than num_train.
    """
    paths = [need_file(folder, file) for file in _IMAGE_FILES]
    read = [read_idx(path, rank) for path, rank in zip(paths, (3, 1, 3, 1), strict=True)]
    for images, labels, path in ((read[0], read[1], paths[1]), (read[2], read[3], paths[3])):
        wanted, came = len(images), len(labels)
        check(wanted == came, f"{path} must have {wanted} labels; got {came}.")
    height, width = read[0].shape[1:]
    shape = read[2].shape[1:]
    check(shape == (height, width), f"{paths[2]} must hold {height}x{width} images; got {shape}.")
    pixels = np.concatenate([read[0], read[2]]).reshape(-1, height * width)
    y, target_names = arrays.as_targets(np.concatenate([read[1], read[3]]), "multiclass", "class")
    given = len(read[0])
    everything = np.arange(len(pixels))
    groups = twin_groups(pixels, y) if keep_twins_together else everything
    train, validation = split_validation(groups, everything[:given], validation_fraction, seed)
    if num_train is not None:
        train = first_rows(groups, train, num_train)
    rows = Rows(train, validation, everything[given:])
    names = [f"pixel_{i}_{j}" for i in range(height) for j in range(width)]
    x = pixels.astype(np.float32) / 255
    dataset = arrays.assemble(name, "multiclass", names, target_names, x, y, rows)
    return dataset._replace(shared_scale=True)


def load_named_images(name: str, folders: list[pathlib.Path], seed: int, **options: Any) -> Dataset:
    """Loads mnist or fashion_mnist from the first folder that has it.

    Raises:
      FileNotFoundError: found in no folder.
    """
    for folder in folders:
        if is_image_folder(folder / IMAGES[name]):
            return load_images(name, folder / IMAGES[name], seed, **options)
    raise FileNotFoundError(
        f"{name!r} needs the folder {IMAGES[name]} with idx files below data_dir or "
        f"{DATA_DIR_VARIABLE}; got {listed(folders)}."
    )


def is_image_folder(folder: pathlib.Path) -> bool:
    """Says whether a folder holds a file of training images, plain or gzip."""
    return first_file([folder / _IMAGE_FILES[0]]) is not None


def listed(folders: list[pathlib.Path]) -> str:
    """The folders that were looked in, for a sentence."""
    return ", ".join(str(f) for f in folders) or "no folder"

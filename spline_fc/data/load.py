"""The one door for all sources."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from spline_fc.checks import check, check_integer, check_known_keys, check_one_of, shown
from spline_fc.data import arrays, joined, named, parted
from spline_fc.data.encoding import Encoding
from spline_fc.data.files import COMPRESSED, first_file, read_npz
from spline_fc.data.frames import is_frame
from spline_fc.data.generated import SOURCES, generate
from spline_fc.data.records import Dataset
from spline_fc.data.tables import Table, read_arff, read_csv
from spline_fc.data.uci import is_uci_folder, load_uci_folder

_SUFFIXES = {".csv", ".tsv", ".txt", ".data", ".dat", ".npz", ".arff", *COMPRESSED}
_SIZES = ("num_train", "num_validation", "num_test", "noise")
_SPLIT = ("test_fraction", "validation_fraction", "keep_twins_together", "num_train")
_READING = ("header", "delimiter")
_ENCODING = ("target", "ignore", "task", "missing", "weights", "kinds", "decimal")
_TABLE = (*_SPLIT, "shuffle", *_ENCODING, *_READING, "encoding")
# The options each kind of source takes; any other is refused rather than silently unread.
_OPTIONS = {
    "generated": _SIZES,
    "shipped": _SPLIT,
    "table": _SPLIT,
    "uci": ("split", *_SPLIT),
    "table with a test file": ("missing", *_SPLIT[1:]),
    "images": _SPLIT[1:],
    "npz file": (*_SPLIT, "shuffle", "task"),
    "table file": _TABLE,
}
Options = dict[str, Any]


def dataset_names() -> tuple[str, ...]:
    """Returns every name that `load` knows."""
    tables = (named.TABLES, joined.JOINED, named.UCI, parted.PARTED)
    known = (SOURCES, named.SHIPPED, *tables, named.IMAGES)
    return tuple(name for group in known for name in group)


def load(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    seed: int = 0,
    split: int | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    num_train: int | None = None,
    num_validation: int | None = None,
    num_test: int | None = None,
    noise: float | None = None,
    test_fraction: float | None = None,
    validation_fraction: float | None = None,
    keep_twins_together: bool | None = None,
    shuffle: bool | None = None,
    target: str | int | Sequence[str | int] | None = None,
    ignore: str | int | Sequence[str | int] | None = None,
    task: str | None = None,
    missing: str | None = None,
    weights: str | int | None = None,
    kinds: Mapping[str, str] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: Encoding | Dataset | None = None,
) -> Dataset:
    """Loads a data set by name or from a file.

    Names: the embedded friedman1, friedman2, friedman3, cpwl; scikit-learn's diabetes,
    breast_cancer, digits; abalone, wine_quality_red, wine_quality_white and both together as
    wine_quality, california_housing; with
    published splits uci_boston, uci_concrete, uci_energy, uci_kin8nm, uci_naval, uci_power,
    uci_protein, uci_wine_red, uci_yacht; with a test part of their own adult and the images mnist,
    fashion_mnist. What is neither embedded nor shipped is looked for in `data_dir`, then in the
    folder named by the environment variable SPLINE_FC_DATA, then (tables without published splits
    or test part) fetched from OpenML.

    Files: CSV, ARFF, NPZ (arrays x and y), a folder in the UCI layout, a folder of idx images. A
    relative path is tried as it is, then below the same two folders.

    Args:
      source: a name, a path, or a mapping with "name" and any of the options below (as a config
        has them; None means not given). A keyword given beside it wins.
      seed: of generated data and of random splits.
      split: number of a published split (UCI layout); None for a random split.
      data_dir: folder to look in first; embedded and shipped data ignore it.
      cache_dir: of what is fetched; None for spline_fc below the user's cache folder.
      num_train: training rows: of generated data (default 2000); of all others so many of those
        that the split gives, drawn by seed, twins together, with shuffle=False the last (default:
        all). Validation and test part do not depend on it.
      num_validation, num_test: generated data, rows (default 1000 and 2000).
      noise: generated data, standard deviation in target units (default by source).
      test_fraction: share of all rows that goes to the test part (default 0.2).
      validation_fraction: share of the other rows that goes to the validation part (default 0.2).
      keep_twins_together: rows that agree exactly in x and y stay in one part of a random split
        (default True).
      shuffle: False splits a file in its own order, for rows ordered in time (default True).
      target: CSV and ARFF, name or number of the target column, or several (default: the last).
      ignore: CSV and ARFF, name or number of a column to leave out, or several (default: none).
      task: files, "regression", "binary" or "multiclass" (default: by the target column).
      missing: CSV, ARFF and adult, "drop" rows with a missing feature (default) or fill in the
        training "median", words with the level "missing" (default of adult).
      weights: CSV and ARFF, name or number of a column of row weights, which is no feature then.
      kinds: CSV and ARFF, what columns are, by name: "number", "category", "date", or "dmy" or
        "mdy", the order of its dates; a column named here is never left out as an index or ids.
      header: CSV, whether the first row holds names (default: a guess).
      delimiter: CSV, ";", ",", "|", a tab, or " " for white space (default: by the first lines).
      decimal: CSV, "." or "," (default: by the cells).
      encoding: CSV and ARFF, a data set, or its encoding, by which this one is encoded as well: the
        same columns in the same order, whatever levels and gaps are in this file. It brings the
        options from target to decimal with it.

    Returns:
      Dataset in raw units, float64 (idx images: float32).

    Raises:
      ValueError: unknown name, an option the source does not take, a malformed file, NaN or
        infinity, and whatever `check_dataset` refuses.
      FileNotFoundError: a file or folder is absent and cannot be fetched.
    """
    options = {
        "split": split,
        "num_train": num_train,
        "num_validation": num_validation,
        "num_test": num_test,
        "noise": noise,
        "test_fraction": test_fraction,
        "validation_fraction": validation_fraction,
        "keep_twins_together": keep_twins_together,
        "shuffle": shuffle,
        "target": target,
        "ignore": ignore,
        "task": task,
        "missing": missing,
        "weights": weights,
        "kinds": kinds,
        "header": header,
        "delimiter": delimiter,
        "decimal": decimal,
        "encoding": encoding,
    }
    places = {"data_dir": data_dir, "cache_dir": cache_dir}
    name, options, places = _merge(source, options, places)
    check_integer("seed", seed, 0)
    options = {key: value for key, value in options.items() if value is not None}
    cache = pathlib.Path(places["cache_dir"]) if places["cache_dir"] else None
    if name not in dataset_names():
        path = find_path(name, places["data_dir"])
        if path is not None:
            return _load_path(path, seed, options)
        check_one_of("data set", name, dataset_names())
    return _load_name(name, places["data_dir"], cache, seed, options)


def _merge(config: Any, options: Options, places: Options) -> tuple[str, Options, Options]:
    """Name and options, of a mapping (or ConfigDict) too; keywords given beside it win."""
    if isinstance(config, (str, os.PathLike)):
        return os.fspath(config), options, places
    wanted = "a name, a path or a mapping with a name"
    check(not is_frame(config), f"source must be {wanted}; got a frame, which from_arrays takes.")
    check(hasattr(config, "keys"), f"source must be {wanted}; got {shown(config)}.")
    config = {key: config[key] for key in config}
    check_known_keys("the data config", config, ("name", *options, *places))
    check("name" in config, f"the data config must have a name; got {sorted(config)}.")
    options, places = (
        {key: config.get(key) if value is None else value for key, value in given.items()}
        for given in (options, places)
    )
    return os.fspath(config["name"]), options, places


def _check_options(source: str, kind: str, options: Options) -> None:
    for option in options:
        allowed = _OPTIONS[kind]
        check(
            option in allowed,
            f"{option} must be left out for {source!r} ({kind}), which takes {', '.join(allowed)}; "
            f"got {shown(options[option])}.",
        )


def _load_name(
    name: str, data_dir: Any, cache_dir: pathlib.Path | None, seed: int, options: Options
) -> Dataset:
    if name in SOURCES:
        _check_options(name, "generated", options)
        return generate(name, seed=seed, **options)
    if name in named.SHIPPED:
        _check_options(name, "shipped", options)
        return named.load_shipped(name, seed, **options)
    folders = named.data_folders(data_dir)
    if name in named.TABLES:
        _check_options(name, "table", options)
        return named.load_table(name, folders, cache_dir, seed, **options)
    if name in joined.JOINED:
        _check_options(name, "table", options)
        return joined.load_joined(name, folders, cache_dir, seed, **options)
    if name in named.UCI:
        _check_options(name, "uci", options)
        return named.load_uci(name, folders, cache_dir, seed, **options)
    if name in parted.PARTED:
        _check_options(name, "table with a test file", options)
        return parted.load_parted(name, folders, seed, **options)
    _check_options(name, "images", options)
    return named.load_named_images(name, folders, seed, **options)


def find_path(source: str, data_dir: Any) -> pathlib.Path | None:
    """The file or folder a source names; None if it does not look like a path."""
    check(bool(source), "source must be a name or a path; got ''.")
    path = pathlib.Path(source)
    if path.suffix.lower() not in _SUFFIXES and len(path.parts) < 2 and not path.exists():
        return None
    for folder in (pathlib.Path(), *named.data_folders(data_dir)):
        found = first_file([folder / path])
        if found is not None or (folder / path).is_dir():
            return found or folder / path
    raise FileNotFoundError(f"data file {source} does not exist.")


def _load_path(path: pathlib.Path, seed: int, options: Options) -> Dataset:
    if path.is_dir():
        return _load_folder(path, seed, options)
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in COMPRESSED]
    kind = suffixes[-1] if suffixes else ""
    if kind == ".npz":
        _check_options(str(path), "npz file", options)
        return arrays.from_arrays(*read_npz(path), seed=seed, name=path.stem, **options)
    _check_options(str(path), "table file", options)
    encoding = _as_encoding(options, str(path))
    table = read_table(path, encoding, **{k: options[k] for k in _READING if k in options})
    return named.table_dataset(
        path.name.split(".")[0],
        table,
        seed,
        encoding=encoding,
        split={k: options[k] for k in (*_SPLIT, "shuffle") if k in options},
        **{k: options[k] for k in _ENCODING if k in options},
    )


def read_table(path: pathlib.Path, encoding: Encoding | None = None, **options: Any) -> Table:
    """Reads a CSV or ARFF file, for an encoding with or without a header as its first file.

    Args:
      path: of the file.
      encoding: by which the table will be encoded; None for a first file.
      **options: header and delimiter, of a CSV file.
    """
    if ".arff" in (suffix.lower() for suffix in path.suffixes):
        check(not options, f"{', '.join(options)} must be left out for the ARFF file {path}.")
        return read_arff(path)
    if encoding is None:
        return read_csv(path, **options)
    names = tuple(c.name for c in encoding.columns)
    if encoding.has_header:
        return read_csv(path, known=names, **options)
    header = options.pop("header", False)
    table = read_csv(path, header=header, **options)
    return table._replace(names=names) if len(table.names) == len(names) else table


def _as_encoding(options: Options, path: str) -> Encoding | None:
    """Takes the encoding out of the options, which then hold none that it brings itself."""
    given = options.get("encoding")
    if given is None:
        return None
    encoding = as_encoding(given)
    for option in _ENCODING:
        check(option not in options, f"{option} must be left out for {path} beside an encoding.")
    return encoding


def as_encoding(given: Encoding | Dataset) -> Encoding:
    """Returns an encoding as it is, or that of a data set.

    Raises:
      ValueError: it is neither, or a data set that was made without one.
    """
    found = given.encoding if isinstance(given, Dataset) else given
    wanted = "encoding must be an Encoding, or a data set made from a table or arrays"
    if not isinstance(found, Encoding):
        raise ValueError(f"{wanted}; got {type(given).__name__} without one.")
    return found


def _load_folder(folder: pathlib.Path, seed: int, options: Options) -> Dataset:
    if is_uci_folder(folder):
        _check_options(str(folder), "uci", options)
        return load_uci_folder(folder, seed=seed, **options)
    if named.is_image_folder(folder):
        _check_options(str(folder), "images", options)
        return named.load_images(folder.name, folder, seed, **options)
    raise FileNotFoundError(
        f"{folder} must hold data.txt with index_features.txt, or train-images-idx3-ubyte; "
        "got neither."
    )

"""Matrices by a finished encoding: of the table it was made of, and of any other."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from spline_fc.checks import check
from spline_fc.data.cells import Cells, Format, Read, read_as
from spline_fc.data.dress import is_code, plain_numbers
from spline_fc.data.encoding import (
    FEATURE,
    MISSING_LEVEL,
    TARGET,
    WEIGHTS,
    ColumnEncoding,
    Encoding,
    encoded_names,
    shown_levels,
    spell,
)
from spline_fc.data.tables import Table


class Encoded(NamedTuple):
    """A table as matrices."""

    x: np.ndarray  # (n, d) float64
    y: np.ndarray  # (n, k) float64
    weights: np.ndarray | None  # (n,) float64
    encoding: Encoding


def encode_like(
    encoding: Encoding, table: Table, *, roles: Sequence[str] = (FEATURE,), drop: bool = False
) -> Encoded:
    """Encodes another table as the first was.

    Columns are found by name, whatever their order; others are passed over. A level that the first
    table did not have is spelled like one of its levels but for case, spaces and a final point, or
    is none of them: all its 0/1 columns are 0, and one warning counts such cells. A gap is filled
    as the first table's gaps were.

    Args:
      encoding: of the first table.
      table: with every feature of the first.
      roles: what is wanted of it, features and perhaps targets and weights.
      drop: leaves out rows with a gap that is not filled, with a word; False refuses them.

    Returns:
      Encoded; y has no column without targets.

    Raises:
      ValueError: a column is absent or of another kind, a gap that is not filled, an unseen label.
    """
    wanted = [c for role in roles for c in encoding.of_role(role)]
    absent = [c.name for c in wanted if c.name not in table.names]
    listed = ", ".join(map(repr, table.names[:8])) + (", ..." if len(table.names) > 8 else "")
    check(
        not absent,
        f"{table.path} must have the column {absent[0] if absent else ''!r}; got {listed}.",
    )
    reads = {c.name: _read_like(table, c) for c in wanted}
    x, unseen = feature_matrix(encoding, reads, table.path)
    if unseen:
        said = "; ".join(f"{name!r}: {count}" for name, count in unseen.items())
        message = "%s: levels that the encoding has not, taken for none of its levels: %s cell(s)."
        logging.warning(message, table.path, said)
    x = fill(encoding, x)
    others = [is_missing(reads[c.name].values) for c in wanted if c.role != FEATURE]
    gap = np.logical_or.reduce([np.isnan(x).any(axis=1), *others])
    if gap.any() and not drop:
        row = int(np.argmax(gap))
        named = [c.name for c in encoding.of_role(FEATURE) for _ in encoded_names(c)]
        bad = np.isnan(x[row])
        name = repr(named[int(np.argmax(bad))]) if bad.any() else "of the target"
        raise ValueError(
            f"{table.place(row)}: column {name} must have a value, as the encoding has none for "
            f"a gap (missing='median' has); got {int(gap.sum())} row(s) with a gap."
        )
    keep = kept_rows(table, gap)
    reads = {name: read._replace(values=read.values[keep]) for name, read in reads.items()}
    targets = TARGET in roles
    y = target_matrix(encoding, reads, table.path) if targets else np.zeros((int(keep.sum()), 0))
    weights = row_weights(encoding, reads) if WEIGHTS in roles else None
    return Encoded(x[keep], y, weights, encoding)


def fill_medians(encoded: Encoded, train: np.ndarray, path: object) -> Encoded:
    """Fills NaN with the median of the training rows, column by column, and keeps the medians.

    Args:
      encoded: x (n, d) with NaN where missing.
      train: row numbers of the training part.
      path: of the table, for the line that counts what was filled.

    Returns:
      Encoded, x finite, the encoding with a median for each numeric feature.

    Raises:
      ValueError: a column has no value at all in the training part.
    """
    x, columns, at = encoded.x, [], 0
    for column in encoded.encoding.columns:
        if column.role == FEATURE:
            if not column.levels:
                known = x[train, at][~np.isnan(x[train, at])]
                wanted = f"feature {column.name!r} must have a value in training; got none."
                check(known.size > 0, wanted)
                column = column._replace(median=float(np.median(known)))
            at += len(encoded_names(column))
        columns.append(column)
    encoding = encoded.encoding._replace(columns=tuple(columns))
    filled = {c.name: c.missing for c in encoding.of_role(FEATURE) if c.missing}
    if filled:
        said = ", ".join(f"{name!r} {count}" for name, count in filled.items())
        message = "%s: gaps filled with the training median, or the level %r of a category: %s."
        logging.warning(message, path, MISSING_LEVEL, said)
    return encoded._replace(x=fill(encoding, x), encoding=encoding)


def fill(encoding: Encoding, x: np.ndarray) -> np.ndarray:
    """Puts the medians of an encoding, where it has them, in the place of NaN."""
    medians = [
        np.nan if column.median is None else column.median
        for column in encoding.of_role(FEATURE)
        for _ in encoded_names(column)
    ]
    return np.where(np.isnan(x), medians, x)


def feature_matrix(
    encoding: Encoding, reads: Mapping[str, Read], path: object
) -> tuple[np.ndarray, dict[str, int]]:
    """The columns of x (n, d) float64, NaN for gaps; and the cells of unseen levels by column."""
    blocks, unseen = [], {}
    for column in encoding.of_role(FEATURE):
        values = reads[column.name].values
        if column.format.kind != "category":
            blocks.append(values[:, None])
            continue
        codes = _level_codes(column, values, path)
        strange = int((codes == -1).sum())
        if strange:
            unseen[column.name] = strange
        block = _one_hot(column, codes)
        block[codes == -2] = np.nan
        blocks.append(block)
    return np.concatenate(blocks, axis=1), unseen


def target_matrix(encoding: Encoding, reads: Mapping[str, Read], path: object) -> np.ndarray:
    """The columns of y (n, k) float64.

    Raises:
      ValueError: a label that the encoding has not.
    """
    columns = {c.name: c for c in encoding.of_role(TARGET)}
    if encoding.task == "regression" or len(encoding.targets) > 1:
        return np.stack([reads[name].values for name in encoding.targets], axis=1)
    column = columns[encoding.targets[0]]
    values = reads[column.name].values
    codes = _level_codes(column, values, path)
    if (codes < 0).any():
        strange = values[int(np.argmax(codes < 0))]
        known = ", ".join(repr(level) for level in column.levels[:8])
        raise ValueError(f"{path}: target {column.name!r} must be one of {known}; got {strange!r}.")
    return _one_hot(column, codes, encoding.task == "multiclass")


def as_words(read: Read) -> Read:
    """A column of numbers as one of words."""
    if read.format.kind == "category":
        return read
    words = ["" if np.isnan(v) else spell(float(v)) for v in read.values]
    return Read(Format("category"), np.array(words, object))


def kept_rows(table: Table, gap: np.ndarray, lack: str = "with a missing value") -> np.ndarray:
    """The rows without a gap, after a word on the others and what they lack."""
    dropped = int(gap.sum())
    if dropped:
        message = f"%s: dropped %d of %d rows {lack}."
        logging.warning(message, table.path, dropped, len(gap))
    check(dropped < len(gap), f"{table.path} must have a row without missing values; got none.")
    return ~gap


def is_missing(values: np.ndarray) -> np.ndarray:
    """Rows (n,) bool in which a column that was read has nothing."""
    return values == "" if values.dtype == object else np.isnan(values)


def _level_codes(column: ColumnEncoding, values: np.ndarray, path: object) -> np.ndarray:
    """The place of each cell among the levels; -1 for another word, -2 for a gap."""
    places = {level: place for place, level in enumerate(column.levels)}
    gap = places.get(MISSING_LEVEL, -2)
    alike: dict[str, list[int]] = {}
    for level, place in places.items():
        alike.setdefault(_plainly(level), []).append(place)
    respelled = 0
    distinct, found = {}, np.empty(len(values), np.int64)
    for row, value in enumerate(values.tolist()):
        code = distinct.get(value)
        if code is None:
            code = gap if value == "" else places.get(value, -1)
            if code == -1 and len(alike.get(_plainly(value), ())) == 1:
                code = alike[_plainly(value)][0]
                respelled += 1
            distinct[value] = code
        found[row] = code
    if respelled:
        message = "%s: column %r: %d word(s) spelled like a level but for case, spaces or a point."
        logging.warning(message, path, column.name, respelled)
    return found


def _plainly(level: str | float) -> str:
    """What levels have in common that differ in spelling alone: case, spaces, 1 for 1.0."""
    if not isinstance(level, str):
        return spell(level)
    number = None if is_code(level) else plain_numbers([level])
    plain = number is not None and np.isfinite(number).all()
    return spell(float(number[0])) if plain else level.casefold().strip(" .")


def _one_hot(column: ColumnEncoding, codes: np.ndarray, every: bool = False) -> np.ndarray:
    """(n, c) float64, a 0/1 column per level that is shown."""
    first = len(column.levels) - len(shown_levels(column, every))
    places = np.arange(first, len(column.levels))
    return (codes[:, None] == places).astype(np.float64)


def row_weights(encoding: Encoding, reads: Mapping[str, Read]) -> np.ndarray | None:
    """The weights (n,) of an encoded table, None where it has none."""
    weighing = encoding.of_role(WEIGHTS)
    return reads[weighing[0].name].values if weighing else None


def _kind(format: Format) -> str:
    kind = {"category": "words"}.get(format.kind, f"{format.kind}s")
    zone = " with a zone" if format.zoned else " without a zone"
    return kind + zone * (format.kind == "date")


def _read_like(table: Table, column: ColumnEncoding) -> Read:
    """A column of another table in the format of the first."""
    found = table.columns[table.names.index(column.name)]
    wanted = column.format
    if isinstance(found, Cells):
        return read_as(found, wanted)
    came = found.format
    if wanted.kind == "category":
        words = as_words(found)
        truth = {str(level).casefold(): level for level in column.levels}
        if came.kind == "number" and set(truth) - {MISSING_LEVEL} == {"true", "false"}:
            spelled = {"0": truth["false"], "1": truth["true"]}
            words = words._replace(
                values=np.array([spelled.get(w, w) for w in words.values], object)
            )
        return words
    same = came.kind == wanted.kind and came.zoned == wanted.zoned
    told = f"{table.path}: column {column.name!r} must hold {_kind(wanted)}; got {_kind(came)}."
    check(same, told)
    days = {"days": 86400.0}.get(came.unit, 1.0) / {"days": 86400.0}.get(wanted.unit, 1.0)
    return Read(wanted, found.values * (days if wanted.kind == "date" else 1.0))

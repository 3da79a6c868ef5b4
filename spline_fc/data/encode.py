"""From named columns to matrices: roles, categories, labels, gaps; and new rows like the old."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from absl import logging

from spline_fc.checks import check, check_one_of, shown
from spline_fc.data.cells import KINDS, Cells, Format, Hints, Read, decimal_of, interpret
from spline_fc.data.encoding import (
    FEATURE,
    IGNORED,
    LEFT_OUT,
    MISSING_LEVEL,
    TARGET,
    WEIGHTS,
    ColumnEncoding,
    Encoding,
)
from spline_fc.data.matrices import (
    Encoded,
    as_words,
    feature_matrix,
    is_missing,
    kept_rows,
    row_weights,
    target_matrix,
)
from spline_fc.data.tables import Table, column_of
from spline_fc.data.targets import MAX_LEVELS, target_columns

MISSING_POLICIES = ("drop", "median")

_FEWEST_IDS = 10  # rows from which on words that all differ are taken for ids
_ID = re.compile(r"(?:.*[_\s.-])?(?:id|uuid|guid|index|idx|row_?id|row_?names?)", re.IGNORECASE)
_CAMEL_ID = re.compile(r".*[a-z](?:Id|ID)")
_UNNAMED = re.compile(r"Unnamed: \d+")
Columns = str | int | Sequence[str | int]


def encode_table(
    table: Table,
    *,
    target: Columns = -1,
    ignore: Columns = (),
    task: str | None = None,
    missing: str = "drop",
    weights: str | int | None = None,
    kinds: Mapping[str, str] | None = None,
    decimal: str | None = None,
) -> Encoded:
    """Turns a table into x and y.

    A category of two levels becomes one 0/1 column named "column=level", one of more levels becomes
    one such column per level. Rows whose target is missing are always dropped, with a warning. An
    index and columns of ids are left out, with a word, unless `kinds` names them.

    Args:
      table: named columns.
      target: name or number of the target column; several for regression on several targets.
      ignore: names or numbers of columns that are neither feature nor target.
      task: "regression", "binary" or "multiclass"; None for regression on numbers and, on words,
        binary or multiclass by the number of levels.
      missing: "drop" leaves out rows with a missing feature, with a warning that counts them;
        "median" keeps NaN in numeric features for `fill_medians` and makes a level of its own for
        a missing category.
      weights: name or number of a column of row weights, which is no feature then; a row without
        one is dropped.
      kinds: what columns are, by name: "number", "category", "date", or the order "dmy" or "mdy" of
        dates.
      decimal: "." or ","; None for what the table shows.

    Returns:
      Encoded.

    Raises:
      ValueError: unknown column, task, kind or policy, no feature left, too many levels, no row
        left, weights that are words.
    """
    check_one_of("missing", missing, MISSING_POLICIES)
    kinds = _kinds(table, kinds)
    roles = _roles(table, target, ignore, weights)
    wanted = [n for n in table.names if roles[n] != IGNORED]
    reads = _read_columns(table, wanted, kinds, decimal)
    why = {n: r.note for n, r in reads.items() if r.note}
    for name in wanted:
        reason = _left_out(table, name, reads[name]) if roles[name] == FEATURE else ""
        if reason and (name not in kinds or reason == "no value at all"):
            roles[name] = LEFT_OUT
            why[name] = "; ".join(filter(None, (reads[name].note, f"{reason}, left out")))
        elif roles[name] == FEATURE and _hardly_repeats(reads[name].values):
            why.setdefault(name, "words most of which stand there once")
    if why:
        said = "; ".join(f"column {name!r}: {reason}" for name, reason in why.items())
        logging.warning("%s: %s.", table.path, said)
    features = [n for n in wanted if roles[n] == FEATURE]
    check(len(features) > 0, f"{table.path} must have at least one feature column; got none.")
    certain = (TARGET, WEIGHTS) if missing == "median" else (TARGET, WEIGHTS, FEATURE)
    needed = [name for name in wanted if roles[name] in certain]
    lack = "with a missing value" if FEATURE in certain else _without(weights is not None)
    gap = np.any([is_missing(reads[name].values) for name in needed], axis=0)
    keep = kept_rows(table, gap, lack)
    gaps = {name: int(is_missing(read.values).sum()) for name, read in reads.items()}
    reads = {name: read._replace(values=read.values[keep]) for name, read in reads.items()}
    targets = _in_order(table, target)
    labels, task = target_columns(targets, [reads[n] for n in targets], task)
    columns = tuple(
        (labels[name] if name in labels else _column(name, roles[name], reads.get(name)))._replace(
            missing=gaps.get(name, 0), note=why.get(name, "")
        )
        for name in table.names
    )
    encoding = Encoding(columns, task, missing, targets, table.has_header, num_rows=table.num_rows)
    x, _ = feature_matrix(encoding, reads, table.path)
    y = target_matrix(encoding, reads, table.path)
    return Encoded(x, y, row_weights(encoding, reads), encoding)


def _kinds(table: Table, kinds: Mapping[str, str] | None) -> dict[str, str]:
    wanted = f"kinds must be a mapping from names to kinds; got {shown(kinds)}."
    check(kinds is None or hasattr(kinds, "items"), wanted)
    found = {}
    for column, kind in (kinds or {}).items():
        check_one_of(f"kinds[{column!r}]", kind, KINDS)
        found[column_of(table, "kinds", column)] = kind
    return found


def _listed(columns: Columns) -> Sequence[str | int]:
    return (columns,) if isinstance(columns, (str, int, np.integer)) else tuple(columns)


def _in_order(table: Table, target: Columns) -> tuple[str, ...]:
    return tuple(column_of(table, "target", t) for t in _listed(target))


def _roles(
    table: Table, target: Columns, ignore: Columns, weights: str | int | None
) -> dict[str, str]:
    """{column: its role} as the caller wants it."""
    roles = dict.fromkeys(table.names, FEATURE)
    roles |= {column_of(table, "ignore", i): IGNORED for i in _listed(ignore)}
    targets = _in_order(table, target)
    check(len(targets) > 0, "target must name at least one column; got none.")
    check(len(set(targets)) == len(targets), f"target must name each column once; got {targets}.")
    both = [name for name in targets if roles[name] == IGNORED]
    check(not both, f"ignore must name no target; got {both[:1]} as both.")
    roles |= dict.fromkeys(targets, TARGET)
    if weights is not None:
        weighing = column_of(table, "weights", weights)
        check(weighing not in targets, f"weights must be no target; got {weighing!r} as both.")
        roles[weighing] = WEIGHTS
    return roles


def _read_columns(
    table: Table, names: Sequence[str], kinds: Mapping[str, str], decimal: str | None
) -> dict[str, Read]:
    """Reads the columns of these names, a decimal mark that one of them proves holding for all."""
    columns = {n: c for n, c in zip(table.names, table.columns, strict=True) if n in set(names)}
    texts = {n: c for n, c in columns.items() if isinstance(c, Cells)}
    if decimal is None:
        free = [c for n, c in texts.items() if kinds.get(n) != "category"]
        # Without a comma anywhere, and none to be expected, there is nothing to prove.
        open_question = table.comma_decides or any("," in "".join(c.words) for c in free)
        proved = set(filter(None, map(decimal_of, free))) if open_question else set()
        decimal = proved.pop() if len(proved) == 1 else None
    else:
        check_one_of("decimal", decimal, (".", ","))
    found = {}
    for name, column in columns.items():
        kind = kinds.get(name)
        if isinstance(column, Cells):
            found[name] = interpret(column, Hints(decimal, table.comma_decides, kind))
        elif kind == "category":
            found[name] = as_words(column)
        else:
            same = kind in (None, column.format.kind) or column.format.kind == "date"
            check(
                same, f"{table.path}: column {name!r} must hold {kind}s; got {column.format.kind}."
            )
            found[name] = column
    return found


def _left_out(table: Table, name: str, read: Read) -> str:
    """Why a column can be no feature: nothing in it, an index, ids; "" where it can."""
    values = read.values
    known = values[~is_missing(values)]
    if not len(known):
        return "no value at all"
    n = table.num_rows
    if len(known) < 2 or len(known) < n:
        return ""
    if read.format.kind == "category":
        distinct = n >= _FEWEST_IDS and len(set(known.tolist())) == n
        return "ids, each once" if distinct else ""
    if read.format.kind != "number" or not (known == np.floor(known)).all():
        return ""
    if name in table.unnamed or _UNNAMED.fullmatch(name):
        index = table.has_header and table.names[0] == name and len(np.unique(known)) == n
        return "an index without a name" if index else ""
    named = _ID.fullmatch(name) or _CAMEL_ID.fullmatch(name)
    return "ids, each once" if named and len(np.unique(known)) == n else ""


def _hardly_repeats(values: np.ndarray) -> bool:
    """Whether a column of words has more levels than half its rows."""
    known = values[~is_missing(values)]
    return known.dtype == object and 2 * len(set(known.tolist())) > max(len(known), _FEWEST_IDS)


def _column(name: str, role: str, read: Read | None) -> ColumnEncoding:
    """How a column that is no target is encoded; levels are those of the rows that are kept."""
    if read is None:
        return ColumnEncoding(name, role, Format("category"))
    column = ColumnEncoding(name, role, read.format)
    if role == WEIGHTS:
        words = read.format.kind == "category"
        check(not words, f"weights must name a column of numbers; got words in {name!r}.")
    if role != FEATURE or read.format.kind != "category":
        return column
    levels = sorted({word or MISSING_LEVEL for word in read.values.tolist()})
    check(
        len(levels) <= MAX_LEVELS,
        f"feature {name!r} must have at most {MAX_LEVELS} levels to be encoded; got {len(levels)} "
        "(leave the column out with ignore=, or say with kinds= that it holds numbers).",
    )
    return column._replace(levels=tuple(levels))


def _without(weighted: bool) -> str:
    """What rows lack that are dropped although gaps of features are filled."""
    return "without a target or a weight" if weighted else "without a target"

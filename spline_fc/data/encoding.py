"""The record of how a table became matrices, by which new rows become the same columns."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from spline_fc.checks import (
    check,
    check_boolean,
    check_integer,
    check_known_keys,
    check_mapping,
    check_number,
    check_one_of,
    shown,
)
from spline_fc.data.cells import Format, describe_format
from spline_fc.printing import printed

FEATURE, TARGET, WEIGHTS = "feature", "target", "weights"
IGNORED, LEFT_OUT = "ignored", "left out"
MISSING_LEVEL = "missing"
_TASKS = ("regression", "binary", "multiclass")


@printed
class ColumnEncoding(NamedTuple):
    """One column of a table."""

    name: str
    role: str  # feature, target, weights, ignored or left out
    format: Format
    levels: tuple[
        str | float, ...
    ] = ()  # of a category or of labels, in the order of their columns
    median: float | None = None  # of the training rows, where gaps are filled with it
    missing: int = 0  # gaps in the rows it was made of
    note: str = ""  # what was guessed, or why it was left out


@printed
class Encoding(NamedTuple):
    """How a table became x and y; plain types throughout, so that JSON keeps it.

    Features become columns of x in the order of the table: a number or a date one of its own name,
    a category of two levels one 0/1 column "name=second level", one of more levels a 0/1 column per
    level. Every column of the table is listed, also those that are no feature.
    """

    columns: tuple[ColumnEncoding, ...]
    task: str
    missing: str  # "drop" or "median"
    targets: tuple[str, ...]  # their order in y
    has_header: bool = True
    shown_targets: tuple[str, ...] | None = None  # names for the columns of y, if not by column
    num_rows: int | None = None  # of the table, dropped ones among them

    def of_role(self, role: str) -> tuple[ColumnEncoding, ...]:
        """The columns of a role, in order."""
        return tuple(c for c in self.columns if c.role == role)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns of x."""
        return tuple(n for c in self.of_role(FEATURE) for n in encoded_names(c))

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """The columns of x that each feature of the table became."""
        found, begin = {}, 0
        for column in self.of_role(FEATURE):
            end = begin + len(encoded_names(column))
            found[column.name] = tuple(range(begin, end))
            begin = end
        return found

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the columns of y."""
        if self.shown_targets is not None:
            return self.shown_targets
        columns = {c.name: c for c in self.of_role(TARGET)}
        every = self.task == "multiclass"
        return tuple(n for t in self.targets for n in encoded_names(columns[t], every))

    def to_json(self) -> dict[str, Any]:
        """The encoding as dicts and lists that `json.dump` takes."""
        columns = [{**c._asdict(), "format": c.format._asdict()} for c in self.columns]
        return {**self._asdict(), "columns": columns}


def encoding_from_json(fields: Mapping[str, Any]) -> Encoding:
    """Reads what `Encoding.to_json` returned.

    Raises:
      ValueError: it is something else; the sentence names the field.
    """
    _check_fields("encoding", fields, Encoding)
    check(isinstance(fields["columns"], list), "encoding.columns must be a list.")
    columns = tuple(_column_from_json(column) for column in fields["columns"])
    known = [column.name for column in columns]
    check(len(set(known)) == len(known), "encoding.columns must have names that differ.")
    check_one_of("encoding.task", fields["task"], _TASKS)
    check_one_of("encoding.missing", fields["missing"], ("drop", "median"))
    check_boolean("encoding.has_header", fields["has_header"])
    if fields["num_rows"] is not None:
        check_integer("encoding.num_rows", fields["num_rows"], 1)
    targets = _texts("encoding.targets", fields["targets"])
    for target in targets:
        check_one_of("a name in encoding.targets", target, known)
    names = fields["shown_targets"]
    names = None if names is None else _texts("encoding.shown_targets", names)
    values: dict[str, Any] = {"columns": columns, "targets": targets, "shown_targets": names}
    return Encoding(**{**fields, **values})


def _column_from_json(fields: Mapping[str, Any]) -> ColumnEncoding:
    _check_fields("a column of the encoding", fields, ColumnEncoding)
    name, levels = fields["name"], fields["levels"]
    for field in ("name", "note"):
        _check_text(f"{field} of a column of the encoding", fields[field])
    where = f"of column {name!r} of the encoding"
    check_one_of(f"role {where}", fields["role"], (FEATURE, TARGET, WEIGHTS, IGNORED, LEFT_OUT))
    check_integer(f"missing {where}", fields["missing"], 0)
    if fields["median"] is not None:
        check_number(f"median {where}", fields["median"])
    check(isinstance(levels, list), f"levels {where} must be a list; got {shown(levels)}.")
    for level in levels:
        if not isinstance(level, str):
            check_number(f"a level {where}", level)
    how = fields["format"]
    _check_fields(f"format {where}", how, Format)
    check_one_of(f"kind {where}", how["kind"], ("number", "category", "date", "time"))
    check_one_of(f"decimal {where}", how["decimal"], (".", ","))
    check_one_of(f"order {where}", how["order"], ("", "ymd", "dmy", "mdy"))
    check_boolean(f"zoned {where}", how["zoned"])
    for field in ("thousands", "unit"):
        _check_text(f"{field} {where}", how[field])
    values: dict[str, Any] = {"format": Format(**how), "levels": tuple(levels)}
    return ColumnEncoding(**{**fields, **values})


def _check_fields(name: str, fields: Any, record: Any) -> None:
    """Raises ValueError unless these are the fields of a record."""
    check_mapping(name, fields)
    check_known_keys(name, fields, record._fields)
    missing = [field for field in record._fields if field not in fields]
    check(not missing, f"{name} must have all fields; {', '.join(missing)} missing.")


def _check_text(name: str, value: Any) -> None:
    check(isinstance(value, str), f"{name} must be text; got {shown(value)}.")


def _texts(name: str, values: Any) -> tuple[str, ...]:
    check(isinstance(values, list), f"{name} must be a list; got {shown(values)}.")
    for value in values:
        _check_text(f"a name in {name}", value)
    return tuple(values)


def encoded_names(column: ColumnEncoding, every: bool = False) -> tuple[str, ...]:
    """Names of the columns of x or y that one column of the table becomes."""
    shown = shown_levels(column, every)
    return tuple(f"{column.name}={spell(level)}" for level in shown) or (column.name,)


def shown_levels(column: ColumnEncoding, every: bool = False) -> tuple[str | float, ...]:
    """The levels that have a 0/1 column: all, or of two (but for `every`) the second."""
    return column.levels[1:] if len(column.levels) == 2 and not every else column.levels


def spell(level: str | float) -> str:
    """A level as a name has it: 3, not 3.0, and every digit that tells it from others."""
    if isinstance(level, str):
        return level
    return str(int(level)) if level == int(level) and abs(level) < 1e15 else repr(float(level))


@printed
class ColumnReport(NamedTuple):
    """What each column of a table was taken for; prints itself as a table."""

    rows: tuple[dict[str, Any], ...]  # column, role, kind, levels, missing, filled, note

    def __str__(self) -> str:
        heads = ("column", "role", "kind", "levels", "missing", "filled", "note")
        lines = [heads, *(tuple(str(row[head]) for head in heads) for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        padded = (
            "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines
        )
        return "\n".join(line.rstrip() for line in padded)


def report(encoding: Encoding) -> ColumnReport:
    """Says for each column of an encoded table what it was taken for."""
    check(isinstance(encoding, Encoding), f"encoding must be an Encoding; got {encoding!r}.")
    return ColumnReport(tuple(_row(encoding, column) for column in encoding.columns))


def _row(encoding: Encoding, column: ColumnEncoding) -> dict[str, Any]:
    used = column.role in (FEATURE, TARGET, WEIGHTS) and column.missing > 0
    filled: str | int = f"{column.missing} row(s) dropped" if used else 0
    if used and encoding.missing == "median" and column.role == FEATURE:
        level, median = f"level {MISSING_LEVEL!r}", column.median
        by = level if median is None else f"median {median:.6g}"
        filled = f"{column.missing} by the {by}"
    return {
        "column": column.name,
        "role": column.role,
        "kind": "" if column.role == IGNORED else column.format.kind,
        "levels": len(column.levels) or "",
        "missing": column.missing,
        "filled": filled,
        "note": column.note or describe_format(column.format),
    }

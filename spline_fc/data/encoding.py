"""The record of how a table became matrices, by which new rows become the same columns."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from spline_fc.checks import check
from spline_fc.data.cells import Format, describe_format

FEATURE, TARGET, WEIGHTS = "feature", "target", "weights"
IGNORED, LEFT_OUT = "ignored", "left out"
MISSING_LEVEL = "missing"


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

    def of_role(self, role: str) -> tuple[ColumnEncoding, ...]:
        """The columns of a role, in order."""
        return tuple(c for c in self.columns if c.role == role)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns of x."""
        return tuple(n for c in self.of_role(FEATURE) for n in encoded_names(c))

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
      ValueError: it is something else.
    """
    try:
        columns = tuple(_column_from_json(column) for column in fields["columns"])
        names = {key: _tuple(fields[key]) for key in ("targets", "shown_targets")}
        values: dict[str, Any] = {**fields, **names, "columns": columns}
        return Encoding(**values)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"encoding must be what to_json returned; got an error ({error})."
        ) from error


def _column_from_json(fields: Mapping[str, Any]) -> ColumnEncoding:
    levels = tuple(fields["levels"])
    values: dict[str, Any] = {**fields, "format": Format(**fields["format"]), "levels": levels}
    return ColumnEncoding(**values)


def _tuple(names: Any) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


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

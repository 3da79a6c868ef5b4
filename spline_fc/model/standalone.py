"""Predictions of a fitted model with nothing but Python: neither spline_fc nor NumPy is needed.

    python THIS_FILE.py rows.csv > predictions.csv

As a module it has `predict(rows)`, `predict_proba(rows)` and `outputs(rows)`; a row is a mapping
from the names of the columns to numbers, words, dates or the text of a cell. A level that the model
does not know is none of its levels, and a gap gets the median where the model has one; both are
told once, with a count.
"""

import csv
import datetime
import json
import logging
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MODEL: dict[str, Any] = json.loads("{}")  # what `spline_fc export --format json` writes

_EPOCH = datetime.datetime(1970, 1, 1)


def predict(rows: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Predicts a number for each row, a list of numbers of several targets, or a label."""
    if MODEL["task"] != "regression":
        return [_best(shares) for shares in predict_proba(rows)]
    found = outputs(rows)
    return [values[0] for values in found] if len(MODEL["outputs"]) == 1 else found


def predict_proba(rows: Iterable[Mapping[str, Any]]) -> list[list[float]]:
    """Predicts a probability per class, in the order of MODEL["classes"]."""
    if MODEL["task"] == "regression":
        raise ValueError("predict_proba must be asked of a classification.")
    return [_shares(values) for values in outputs(rows)]


def outputs(rows: Iterable[Mapping[str, Any]]) -> list[list[float]]:
    """Evaluates the network: targets in their units; of a classification what `scale` says."""
    counts: dict[str, int] = {}
    found = [_network(_encode(row, counts)) for row in rows]
    for told, count in counts.items():
        logging.getLogger(__name__).warning("%s: %d cell(s).", told, count)
    return found


def _network(values: list[float]) -> list[float]:
    last = len(MODEL["layers"]) - 1
    for depth, layer in enumerate(MODEL["layers"]):
        total = list(layer["bias"])
        for value, weights in zip(values, layer["kernel"], strict=True):
            if value:
                total = [t + value * w for t, w in zip(total, weights, strict=True)]
        values = total if depth == last else [max(0.0, t) for t in total]
    return values


def _shares(values: list[float]) -> list[float]:
    if MODEL["scale"] != "logit":  # regressions of 0 and 1
        clipped = [min(max(v, 1e-6), 1 - 1e-6) for v in values]
        clipped = [1 - clipped[0], *clipped] if len(clipped) == 1 else clipped
        return [v / sum(clipped) for v in clipped]
    if MODEL["loss"].startswith("sigmoid") and len(values) > 1:  # each class for itself
        odds = [1 / (1 + math.exp(-v)) for v in values]
        return [v / sum(odds) for v in odds]
    values = [0.0, *values] if len(values) == 1 else values
    top = max(values)
    odds = [math.exp(v - top) for v in values]
    return [v / sum(odds) for v in odds]


def _best(shares: list[float]) -> str:
    return MODEL["classes"][shares.index(max(shares))]


def _encode(row: Mapping[str, Any], counts: dict[str, int]) -> list[float]:
    """One row as the columns of x."""
    x: list[float] = []
    for column in MODEL["columns"]:
        name, levels = column["name"], column["levels"]
        if name not in row:
            raise ValueError(f"a row must have the column {name!r}; got {list(row)[:8]}.")
        cell = row[name]
        gap = (
            cell is None
            or cell != cell
            or (isinstance(cell, str) and cell.strip() in MODEL["gaps"])
        )
        if gap and "missing" not in levels and column["median"] is None:
            raise ValueError(f"column {name!r} must have a value; got a gap.")
        if levels:
            x += _one_hot(name, levels, "missing" if gap else cell, column["shown"], counts)
        elif gap:
            _count(counts, f"gaps in column {name!r} filled with the median of the training rows")
            x.append(column["median"])
        else:
            x.append(_number(column, cell))
    return x


def _one_hot(
    name: str, levels: list[str], cell: Any, shown: list[str], counts: dict[str, int]
) -> list[float]:
    whole = isinstance(cell, float) and cell == int(cell)
    word = str(int(cell) if whole else cell).strip()
    if word not in levels:
        alike = [v for v in levels if v.casefold().strip(" .") == word.casefold().strip(" .")]
        if len(alike) != 1:
            _count(counts, f"levels that column {name!r} has not, taken for none of its levels")
        word = alike[0] if len(alike) == 1 else word
    return [float(word == level) for level in shown]


def _count(counts: dict[str, int], told: str) -> None:
    counts[told] = counts.get(told, 0) + 1


def _number(column: dict[str, Any], cell: Any) -> float:
    """A cell as a number; dates and times as days or seconds."""
    try:
        if column["kind"] in ("date", "time") and not isinstance(cell, (int, float)):
            return _moment(column, cell)
        value = _value(column, cell) if isinstance(cell, str) else float(cell)
        if math.isfinite(value):
            return value
    except (TypeError, ValueError):
        pass
    raise ValueError(f"column {column['name']!r} must hold {column['kind']}s; got {cell!r}.")


def _value(column: dict[str, Any], text: str) -> float:
    """The number of a text with the marks of the column, and with no others."""
    decimal, thousands, unit = column["decimal"], column["thousands"], column["unit"]
    text = (text.replace(unit, "", 1) if unit else text).strip()
    d, t = re.escape(decimal), re.escape(thousands)
    whole = rf"[0-9]{{1,3}}(?:{t}[0-9]{{2,3}})*{t}[0-9]{{3}}|[0-9]+" if thousands else "[0-9]+"
    pattern = rf"[+-]?(?:(?:{whole})(?:{d}[0-9]*)?|{d}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    if re.fullmatch(pattern, text) is None:
        raise ValueError("other marks")
    text = text.replace(thousands, "") if thousands else text
    return float(text.replace(decimal, "."))


def _moment(column: dict[str, Any], cell: Any) -> float:
    """A date, a time stamp, a time of day, or ISO text of one of them."""
    if column["kind"] == "time":
        time = datetime.time.fromisoformat(cell) if isinstance(cell, str) else cell
        return time.hour * 3600.0 + time.minute * 60 + time.second
    moment = datetime.datetime.fromisoformat(cell.strip()) if isinstance(cell, str) else cell
    if not isinstance(moment, datetime.datetime):
        moment = datetime.datetime.combine(moment, datetime.time())
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.timezone.utc).replace(tzinfo=None)  # noqa: UP017
    seconds = (moment - _EPOCH).total_seconds()
    return seconds / 86400 if column["unit"] == "days" else seconds


def _rows(file: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows of a table with a header, all of one length."""
    reader = csv.DictReader(file)
    for row in reader:
        if None in row or None in row.values():
            width = len(reader.fieldnames or ())
            raise ValueError(f"line {reader.line_num} must have {width} cells, as the header has.")
        yield row


def _main() -> None:
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} rows.csv > predictions.csv")
    try:
        with open(sys.argv[1], newline="", encoding="utf-8-sig") as file:
            found = predict(_rows(file))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    try:
        writer.writerow(MODEL["outputs"] if MODEL["task"] == "regression" else [MODEL["target"]])
        writer.writerows(v if isinstance(v, list) else [v] for v in found)
        sys.stdout.flush()
    except BrokenPipeError:  # of `... | head`; Python flushes once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    _main()

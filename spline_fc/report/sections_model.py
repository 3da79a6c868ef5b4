"""Sections for the owner of the data: errors, rows, formula, importance, shapes."""

import numpy as np

from spline_fc.cpwl.terms import live_terms
from spline_fc.data import describe_columns
from spline_fc.data.encoding import FEATURE, MISSING_LEVEL
from spline_fc.report.answers import AFTER, BEFORE, Answers
from spline_fc.report.formats import count, percent
from spline_fc.report.page import Block, Formula, Words
from spline_fc.report.study import Study
from spline_fc.report.tables import Table, confusion_table, error_table, permutation_table

MOST_COLUMNS = 60  # lines of the table of columns
CROSS_ENTROPY = "cross_entropy"


def errors(study: Study) -> list[Block]:
    """How good the networks are on rows that they have not seen, and what simpler models do."""
    if not study.rows and not study.baselines:
        return [Words("No finished run yet.", "note")]
    parts: list[Block] = [
        Words(
            "Errors on test rows, which no model has seen: of the networks, the spline that they "
            "set out from, a linear model of all columns, and the mean of the training rows."
        ),
        error_table(study.baselines, study.rows, study.unit),
    ]
    found, rows = study.answers, study.data
    if found is None or rows is None:
        return parts
    if rows.task != "regression":
        parts.append(confusion_table(found.observed, found.predicted, study.classes))
    return parts


def data(study: Study) -> list[Block]:
    """The rows and columns that were read, and what became of them."""
    rows = study.data
    if rows is None:
        return [Words("The rows of the run are missing.", "note")]
    parts: list[Block] = [Words(_rows_sentence(study))]
    if study.encoding is None:
        names = ", ".join(rows.feature_names[:MOST_COLUMNS])
        more = ", ..." if len(rows.feature_names) > MOST_COLUMNS else ""
        parts.append(Words(f"All columns are numbers: {names}{more}."))
        return parts
    return [*parts, _columns_table(describe_columns(study.encoding).rows)]


def formula(study: Study) -> list[Block]:
    """The spline in raw units, one line a term."""
    if not study.formula:
        return [Words("The formula needs the spline of a start and the rows of its seed.", "note")]
    lines = list(study.formula)
    split = lines.index("where") if "where" in lines else len(lines)
    rows = study.data
    what = ""
    if rows is not None and rows.task != "regression":
        what = f" Its value is a regression of 0 and 1 on the class, here {rows.target_names[0]}."
    return [
        Words(
            f"This is the spline that the network set out from, seed {study.seed}, in the units of "
            f"the data: all that it computes, {count(len(lines[1:split]) - 1, 'term')} and a "
            f"constant. The trained network is near it and has no formula of its own.{what}"
        ),
        Formula(lines[:split], lines[split + 1 :]),
    ]


def importance(study: Study) -> list[Block]:
    """How much each column of the file matters, to the network and to the spline alone."""
    found = study.answers
    if found is None:
        return [Words("Importance needs the test rows and the parameters.", "note")]
    return [
        Words(
            f"The figure ranks the columns of the file by what the test {study.error[0]} rises by "
            f"when the values of a column are shuffled between test rows; the levels of a category "
            f"are shuffled together."
        ),
        permutation_table(found, study.error, study.unit),
    ]


def shapes(study: Study) -> list[Block]:
    """What the model does with one column, before and after training."""
    found, rows = study.answers, study.data
    if found is None or rows is None:
        return [Words("Shape functions need the training rows and the parameters.", "note")]
    parts: list[Block] = [
        Words(
            f"Each panel moves one column through its range and shows how the prediction follows "
            f"on average over {found.num_averaged} training rows, the other columns being as those "
            f"rows have them. {_band_sentence(found)}"
        ),
        Words(_carried(found, rows.target_names)),
    ]
    return parts


def _rows_sentence(study: Study) -> str:
    rows, encoding = study.data, study.encoding
    assert rows is not None
    kept = sum(rows.sizes)
    train, validation, test = (f"{size:,}" for size in rows.sizes)
    parts = f"{train} train, {validation} choose learning rate and step, {test} test."
    if encoding is None or encoding.num_rows is None:
        return f"Of {count(kept, 'row')}, {parts}"
    dropped = encoding.num_rows - kept
    filled = sum(c.missing for c in encoding.of_role(FEATURE)) if encoding.missing != "drop" else 0
    pieces = [
        f"{count(encoding.num_rows, 'row')} were read",
        f"{count(dropped, 'row')} with a gap dropped" if dropped else "none was dropped",
        f"{count(filled, 'gap')} filled by the median of the training rows, or the level "
        f"“{MISSING_LEVEL}” of a category"
        if filled
        else "no gap was filled",
    ]
    return f"{', '.join(pieces)}. Of {count(kept, 'row')}, {parts}"


def _columns_table(rows: tuple) -> Table:
    header = ["column", "role", "read as", "levels", "missing", "filled", "note"]
    keys = ("column", "role", "kind", "levels", "missing", "filled", "note")
    body = [[str(row[key]) if row[key] != 0 else "" for key in keys] for row in rows[:MOST_COLUMNS]]
    kept = [j for j in range(len(keys)) if j < 3 or any(line[j] for line in body)]
    more = len(rows) - len(body)
    notes = [f"Left out here are {more} more columns."] if more > 0 else []
    body = [[line[j] for j in kept] for line in body]
    return Table([header[j] for j in kept], body, notes, words=3)


def _band_sentence(found: Answers) -> str:
    if len(found.seeds) == 1:
        return f"Dashed: {BEFORE}; solid: {AFTER}, seed {found.seeds[0]}."
    return (
        f"Dashed: {BEFORE}; solid: {AFTER}, the mean over {len(found.seeds)} seeds, the pale band "
        f"being their range."
    )


def _carried(found: Answers, target_names: tuple[str, ...]) -> str:
    """How much of the model the curves leave out."""
    left = {
        name: float(np.mean([one.non_additive[0] for one in seeds]))
        for name, seeds in found.shapes.items()
    }
    shown = ", ".join(f"{percent(max(v, 0.0))} for the {name}" for name, v in left.items())
    said = f"The sum of all curves leaves out interaction between columns: of the variance of the "
    said += f"prediction {shown}."
    if len(target_names) > 1:
        said += f" Shown is the first of {len(target_names)} outputs, {target_names[0]}."
    return said

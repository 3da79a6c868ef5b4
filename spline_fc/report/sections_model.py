"""Sections for the owner of the data: errors, rows, formula, importance, shapes."""

import numpy as np

from spline_fc.data import Encoding, describe_columns
from spline_fc.data.encoding import FEATURE, MISSING_LEVEL
from spline_fc.printing import one_line
from spline_fc.report import pictures_model as pictures
from spline_fc.report.answers import AFTER, Answers
from spline_fc.report.figures import place
from spline_fc.report.formats import count, percent
from spline_fc.report.page import Block, Formula, Heading, Words
from spline_fc.report.rows import ERRORS
from spline_fc.report.study import Study
from spline_fc.report.tables import Table
from spline_fc.report.tables_model import confusion_table, error_table, permutation_table
from spline_fc.workdir import Rows

MOST_COLUMNS = 60  # lines of the table of columns
MOST_TARGETS = 3  # of which the spline alone is drawn as well
MOST_OUTPUTS = 4  # of which shape functions are drawn
_PULLED_IN = (
    " For all of them alike validation and test rows are pulled in to the range of the training "
    "rows, column by column (the option extrapolate)."
)
MOST_PANELS = 12  # of numbers, and of categories, the most important ones


def errors(study: Study) -> list[Block]:
    """How good the networks are on rows that they have not seen, and what simpler models do."""
    if not study.rows and not study.baselines:
        return [Words("No finished run yet.", "note")]
    parts: list[Block] = [
        Words(
            "Errors on test rows, which no model has seen: of the networks, the spline that they "
            "set out from, a linear model of all columns, and the mean of the training rows."
            + _PULLED_IN
            * (study.work.config.get("extrapolate") == "clip")
        ),
        error_table(study.baselines, study.rows, [unit for _, unit in study.targets]),
    ]
    found, rows = study.answers, study.data
    if found is None or rows is None:
        return parts
    models = found.predicted
    if found.observed.shape[1] > MOST_TARGETS:  # no room for every model
        models = {AFTER: models[AFTER]}
    about, folder = pictures.about_of(study, rows), study.work.path
    given = models, found.observed, about, found.band
    parts.append(place(folder, pictures.predicted, *given))
    if rows.task != "regression":
        parts.append(place(folder, pictures.calibration, found.predicted, found.observed))
        parts.append(confusion_table(found.observed, found.predicted[AFTER], study.classes))
    return parts


def data(study: Study) -> list[Block]:
    """The rows and columns that were read, and what became of them."""
    rows = study.data
    if rows is None:
        return [Words("The rows of the run are missing.", "note")]
    parts: list[Block] = [Words(_rows_sentence(rows, study.encoding))]
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
    if rows is not None and rows.task != "regression" and study.fit is not None:
        classes = "the class" if len(study.outputs) > 1 else rows.target_names[0]
        what = f" Its value is the logit of {classes}: {pictures.DOUBLES}."
        if study.fit.link == "identity":
            what = f" Its value is a regression of 0 and 1 on {classes}."
    parts: list[Block] = [
        Words(
            f"This is the spline that the network set out from, seed {study.seed}, in the units of "
            f"the data: all that it computes, {count(len(lines[1:split]) - 1, 'term')} and a "
            f"constant. The trained network is near it and has no formula of its own.{what}"
        )
    ]
    parts += [Words(said) for said in _directions(study)]
    if study.terms:  # a column for each output
        body = [["constant", *study.terms[0][1:]], *study.terms[1:]]
        return [*parts, Table(["term", *study.outputs], body, []), Formula([], lines[split + 1 :])]
    return [*parts, Formula(lines[:split], lines[split + 1 :])]


def _directions(study: Study) -> list[str]:
    """Whether the spline bends along directions, and why; a run of before says nothing."""
    own = [fit for fit in study.work.fits if fit["init"] == study.init and "directions_why" in fit]
    said = [f"{fit['directions_why']}" for fit in own if fit["seed"] == study.seed]
    taken = sum(fit["directions_taken"] is True for fit in own)
    if said and 0 < taken < len(own):
        said = [f"{said[0]} Of {count(len(own), 'seed')}, {taken} took them."]
    return said


def importance(study: Study) -> list[Block]:
    """How much each column of the file matters, to the network and to the spline alone."""
    found = study.answers
    if found is None:
        return [Words(_nothing_of(study, "Importance needs the test rows"), "note")]
    several = len(found.importance) > 1
    joint = study.error == "r2" and not several
    error = "RMSE of standardised targets" if joint else ERRORS["rmse" if several else study.error]
    names = tuple(column.name for column in found.columns)
    parts: list[Block] = [
        Words(
            f"{'Each' if several else 'The'} figure ranks the columns of the file by what the test "
            f"{error}{' of a target' if several else ''} rises by when the values of a column are "
            f"shuffled between test rows; the levels of a category are shuffled together."
        )
    ]
    for index, models in enumerate(found.importance):
        target, unit = ("", "") if joint or study.classes else study.targets[index]
        measure = f"rise of the test {error}{f', {unit}' if unit else ''}"
        of = target if several else ""
        parts += [Heading(one_line(of))] if of else []
        parts += [
            place(study.work.path, pictures.importance, models, names, measure, of, index),
            permutation_table(found, index, f"{error}{f' of {one_line(of)}' if of else ''}", unit),
        ]
    return parts


def shapes(study: Study) -> list[Block]:
    """What the model does with one column, before and after training."""
    found, rows = study.answers, study.data
    if found is None or rows is None:
        return [Words(_nothing_of(study, "Shape functions need the training rows"), "note")]
    parts: list[Block] = [
        Words(
            f"Each panel moves one column through its range and shows how the prediction follows "
            f"on average over {found.num_averaged} training rows, the other columns being as those "
            f"rows have them."
        ),
        Words(_carried(found, study.outputs)),
    ]
    if study.are_logits:
        parts.append(
            Words(
                "All effects are on the logit of a class, of which probabilities are made at the "
                f"end: {pictures.DOUBLES}."
            )
        )
    about, folder = pictures.about_of(study, rows), study.work.path
    drawn = {curve.feature for one in found.shapes[AFTER] for curve in one.curves}
    order = np.argsort(-found.ranking, kind="stable")
    known = [c for c in (found.columns[j] for j in order) if drawn & set(c.places)]
    kinds = [c for c in known if not c.levels], [c for c in known if c.levels]
    for output, name in enumerate(study.outputs[:MOST_OUTPUTS]):
        parts += [Heading(one_line(name))] if len(study.outputs) > 1 else []
        for some in kinds:
            if some:
                shown = some[:MOST_PANELS]
                parts.append(place(folder, pictures.shapes, found.shapes, about, shown, output))
        if study.interaction:
            parts.append(place(folder, pictures.interaction, study.interaction, about, output))
    return parts


def _nothing_of(study: Study, need: str) -> str:
    """Why there is nothing to show of the networks."""
    if study.row is not None and study.row.failed and not study.row.seeds.size:
        return "Every chosen run diverged: there is no trained network to ask."
    return f"{need} and the parameters."


def _rows_sentence(rows: Rows, encoding: Encoding | None) -> str:
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


def _carried(found: Answers, outputs: tuple[str, ...]) -> str:
    """How much of the model the curves leave out."""
    shown = outputs[:MOST_OUTPUTS]
    left = []
    for name, seeds in found.shapes.items():
        shares = np.mean([one.non_additive for one in seeds], axis=0)[: len(shown)]
        each = [percent(max(float(v), 0.0)) for v in shares]
        if len(shown) > 1:
            each = [f"{share} ({one_line(of)})" for share, of in zip(each, shown, strict=True)]
        left.append(f"{', '.join(each)} for the {name}")
    every, drawn = sum(len(column.places) for column in found.columns), found.num_drawn
    which = (
        "all curves" if drawn == every else f"the curves of the first {drawn} of {every} features"
    )
    said = f"The sum of {which} leaves out interaction between columns: of the variance of the "
    said += f"prediction {'; '.join(left)}."
    if len(shown) < len(outputs):
        said += f" Shown are the first {len(shown)} of {len(outputs)} outputs."
    return said

"""Everything that is measured for the page about one run, before anything is drawn."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from spline_fc.analysis import KnotTrack, Speed, Surface
from spline_fc.checks import check
from spline_fc.cpwl import FitResult
from spline_fc.data import Encoding
from spline_fc.data.encoding import TARGET
from spline_fc.model.columns import file_columns
from spline_fc.model.formula import formula_cells, formula_lines, raw_spline
from spline_fc.network import layer_sizes
from spline_fc.printing import one_line
from spline_fc.report.answers import (
    MOST_SEEDS,
    Answers,
    Trained,
    answer,
    classes_of,
    some,
)
from spline_fc.report.measures import (
    Pair,
    Plane,
    Units,
    measure_interaction,
    measure_plane,
    measure_units,
)
from spline_fc.report.rows import (
    Row,
    baseline_rows,
    loss_word,
    main_rows,
    row_of,
    speeds_of,
)
from spline_fc.training import LOSS_OF, PRIMARY_SCORE
from spline_fc.workdir import (
    Rows,
    Workdir,
    read_data,
    read_encoding,
    read_fit,
    read_knots,
    read_params,
)

T = TypeVar("T")


class Study(NamedTuple):
    """What one page speaks of; units, formula and interaction are those of one seed, the least."""

    work: Workdir
    rows: list[Row]
    baselines: list[Row]
    speeds: list[Speed]
    init: str | None  # the start the page is about
    seed: int | None
    damage: tuple[str, ...]  # what could not be read or measured, one sentence each
    data: Rows | None = None
    encoding: Encoding | None = None  # of the file, if there was one
    answers: Answers | None = None
    formula: tuple[str, ...] = ()  # lines
    terms: tuple[list[str], ...] = ()  # of a formula of several outputs: cells, as a table has them
    units: Mapping[str, Units] = MappingProxyType({})  # by initialisation
    track: KnotTrack | None = None
    flips: Mapping[str, np.ndarray] = MappingProxyType({})  # (records, units) per hidden layer
    fit: FitResult | None = None
    interaction: Mapping[str, Surface] = MappingProxyType({})  # of the strongest pair, by model
    plane: Plane | None = None

    @property
    def row(self) -> Row | None:
        """The start the page is about."""
        return row_of(self.rows, self.init)

    @property
    def reference(self) -> Row | None:
        """The start that others are compared with."""
        return row_of(self.rows, self.work.reference)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels of a classification, in order."""
        return () if self.data is None else classes_of(self.data, self.encoding)

    @property
    def error(self) -> str:
        """The key of the score that the task is judged by; of several targets their mean R2."""
        if self.data is None:
            return "rmse"
        several = len(self.targets) > 1 and not self.classes
        return "r2" if several else PRIMARY_SCORE[self.data.task]

    @property
    def targets(self) -> tuple[tuple[str, str], ...]:
        """The columns that are predicted, each with its unit, "" where none was given."""
        own = () if self.encoding is None else self.encoding.of_role(TARGET)
        units = {column.name: column.format.unit for column in own}
        if self.data is None or len(own) == 1:
            return tuple(units.items())
        return tuple((name, units.get(name, "")) for name in self.data.target_names)

    @property
    def target(self) -> str:
        """What is predicted, in a word or two."""
        names = [one_line(name) for name, _ in self.targets]
        return names[0] if len(names) == 1 else f"{len(names)} targets"

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the outputs of a network stand for: targets, or classes; of two the second."""
        classes = self.classes[-1:] if len(self.classes) == 2 else self.classes
        return classes or tuple(name for name, _ in self.targets)

    @property
    def are_logits(self) -> bool:
        """Whether the networks return logits."""
        return self.data is not None and loss_of(self.work, self.data).endswith("cross_entropy")

    @property
    def loss_word(self) -> str:
        """What the loss that was trained on is called."""
        return loss_word(self.work, self.rows)


class _Attempts:
    """Runs measurements one by one; what cannot be read or measured becomes a sentence."""

    def __init__(self) -> None:
        self.damage: list[str] = []

    def __call__(self, what: str, measure: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return measure(*arguments)
        except (ValueError, TypeError, KeyError, IndexError, OSError) as error:
            said = f"{error}".splitlines() or [type(error).__name__]
            self.damage.append(f"{what} cannot be shown: {said[0].rstrip('.')}.")
            return None


def study(work: Workdir) -> Study:
    """Gathers what a page speaks of; what the folder lacks is None or empty."""
    attempt = _Attempts()
    speeds = attempt("The speed of the starts", speeds_of, work) or []
    rows = attempt("The results", main_rows, work, speeds) or []
    baselines = attempt("The baselines", baseline_rows, work) or []
    seed = min((run["seed"] for run in work.runs), default=None)
    init = _subject(work)
    found: dict[str, Any] = {} if seed is None else _of_seed(attempt, work, init, seed)
    if init is not None:
        found["answers"] = _answers(attempt, work, init)
    damage = tuple(dict.fromkeys((*work.damage, *attempt.damage)))
    return Study(work, rows, baselines, speeds, init, seed, damage, **found)


def _of_seed(attempt: _Attempts, work: Workdir, init: str | None, seed: int) -> dict[str, Any]:
    """The fields of a Study that speak of the networks of one seed."""
    data = attempt("The training rows", read_data, work, seed)
    encoding = attempt("The columns of the file", _encoding, work, seed, data)
    fits = {name: attempt(f"The fit of {name}", read_fit, work, name, seed) for name in work.inits}
    found: dict[str, Any] = {"data": data, "encoding": encoding}
    if init is not None:
        found["fit"] = fits.get(init)
        way = attempt("The way of the knots", read_knots, work, init, seed)
        if way is not None:
            found["track"], found["flips"] = way
    if data is None:
        return found
    if found.get("fit") is not None:
        written = attempt("The formula", _formula, found["fit"], data, encoding)
        found["formula"], found["terms"] = written or ((), ())
    units = found["units"] = {}
    for name in work.inits:
        pair = attempt(f"The parameters of {name}", _read_pair, work, name, seed, data.x.shape[1])
        if pair is None:
            continue
        measured = attempt(f"The units of {name}", measure_units, pair, data, fits[name])
        if measured is not None:
            units[name] = measured
        if name == init:
            found |= _of_pair(attempt, pair, measured, data, fits[name], loss_of(work, data))
    return found


def _of_pair(
    attempt: _Attempts,
    pair: Pair,
    units: Units | None,
    data: Rows,
    fit: FitResult | None,
    loss: str,
) -> dict[str, Any]:
    """The strongest interaction and the linear pieces of the start the page is about."""
    x, found = some(data.x), {}
    if fit is not None:
        measured = attempt(
            "The interaction", measure_interaction, fit, pair.after, x, data.scaler, loss
        )
        found["interaction"] = measured or {}
    if units is not None:
        found["plane"] = attempt("Linear pieces", measure_plane, pair, units.drift, x, data)
    return found


def _answers(attempt: _Attempts, work: Workdir, init: str) -> Answers | None:
    """What is told of the networks of the start the page is about, those that diverged left out."""
    trained = []
    for run in work.chosen(init)[:MOST_SEEDS]:
        seed, rows = run["seed"], None
        if not run.get("diverged"):
            rows = attempt(f"The rows of seed {seed}", read_data, work, seed)
        if rows is None:
            continue
        size = rows.x.shape[1]
        pair = attempt(f"The parameters of {init}", _read_pair, work, init, seed, size)
        fit = attempt(f"The fit of {init}", read_fit, work, init, seed)
        encoding = attempt("The columns of the file", _encoding, work, seed, rows)
        if pair is not None:
            trained.append(Trained(seed, rows, fit, *pair, encoding, loss_of(work, rows)))
    return attempt("The answers to the owner", answer, trained) if trained else None


def _encoding(work: Workdir, seed: int, rows: Rows | None) -> Encoding | None:
    """How the file of a seed was encoded; None where there was none, or no rows."""
    encoding = read_encoding(work, seed)
    if rows is None:
        return None
    if encoding is not None:
        wanted, came = rows.feature_names, encoding.feature_names
        check(wanted == came, f"their encoding must have the features {wanted}; got {came}")
    return encoding


def loss_of(work: Workdir, rows: Rows) -> str:
    """The loss that the networks were trained on."""
    training = work.config.get("training")
    options = training if isinstance(training, Mapping) else {}
    return str(options.get("loss") or LOSS_OF[rows.task])


def _formula(
    fit: FitResult, rows: Rows, encoding: Encoding | None
) -> tuple[tuple[str, ...], tuple[list[str], ...]]:
    """The lines of the spline in raw units, and its terms as cells if it has several outputs."""
    columns = file_columns(encoding, rows.feature_names)
    spline, several = raw_spline(fit.spline, rows.scaler), len(rows.target_names) > 1
    spread = rows.scaler.x_scale
    lines = formula_lines(spline, columns, rows.target_names, spread)
    return tuple(lines), tuple(formula_cells(spline, columns, spread)) if several else ()


def _read_pair(work: Workdir, init: str, seed: int, num_features: int) -> Pair | None:
    """Parameters before training and at the best validation loss; None unless both are there."""
    before, after = (
        read_params(work.path, f"{init}-seed{seed}-{kind}") for kind in ("initial", "best")
    )
    if before is None or after is None or len(before) < 2:
        return None
    wanted, came = layer_sizes(before), layer_sizes(after)
    check(
        wanted == came and wanted[0] == num_features,
        f"its networks must have {num_features} inputs and be alike; got sizes {wanted} before and "
        f"{came} after.",
    )
    return Pair(before, after)


def _subject(work: Workdir) -> str | None:
    """The start the page is about: the spline, else the first, if it can be not the reference."""
    others = [init for init in work.inits if init != work.reference] or work.inits
    return "spline" if "spline" in others else next(iter(others), None)

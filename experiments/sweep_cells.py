"""What a sweep consists of: cells, each a locked config that has been checked before any is run."""

import ast
import copy
import difflib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ml_collections import config_dict

from configs import default
from experiments import config_files
from spline_fc import runs
from spline_fc.runs import Plan

Fields = dict[str, Any]  # by their paths, {"training.epochs": 5}
# What else stands in the folder of a sweep, beside one folder per cell.
RESERVED = ("records", "failures", "figures", "report.html", "sweep.json", "sweep.csv")
_NAME = re.compile(r"\w[\w.=+-]*")


class Cell(NamedTuple):
    """One run of the pipeline."""

    name: str  # of its folder
    fields: Fields  # in which it differs from the base
    config: config_dict.ConfigDict  # locked
    plan: Plan  # of that config

    @property
    def runs(self) -> int:
        """Networks that are trained: one per start, seed and learning rate."""
        plan = self.plan
        return len(plan.contenders) * plan.seeds * len(plan.learning_rates)

    @property
    def cost(self) -> float:
        """Epochs times parameters over all runs: in proportion to the time, on one data set."""
        sizes = (10, *self.plan.hidden_sizes, 1)  # columns are not known before the data are read
        weights = sum(a * b for a, b in itertools.pairwise(sizes))
        epochs = sum(contender.training.epochs for contender in self.plan.contenders)
        return weights * epochs * self.plan.seeds * len(self.plan.learning_rates)

    @property
    def shape(self) -> str:
        """Equal for cells whose arrays have equal shapes, so that they share compiled programs."""
        plan = self.plan
        sizes = [list(plan.hidden_sizes), plan.seeds, len(plan.learning_rates)]
        return json.dumps([plan.config["data"], sizes], sort_keys=True)


class Sweep(NamedTuple):
    """All cells of a sweep, in its order."""

    base: Fields  # the config that cells differ from, plain
    mode: str  # "smoke" or nothing
    cells: dict[str, Cell]

    def in_order(self) -> list[Cell]:
        """The cells as they are run: those of one shape follow each other."""
        first: dict[str, int] = {}
        for cell in self.cells.values():
            first.setdefault(cell.shape, len(first))
        return sorted(self.cells.values(), key=lambda cell: first[cell.shape])

    def chosen(self, only: Sequence[str]) -> list[Cell]:
        """The cells that `--only` names, or share i of n of all: every cell is in one share.

        Raises:
          ValueError: a name that is none of a cell, or no share.
        """
        cells = self.in_order()
        if len(only) == 1 and "/" in only[0]:
            words = only[0].split("/", 1)
            own, count = (int(word) if word.isdecimal() else 0 for word in words)
            if not 1 <= own <= count:
                raise ValueError(f"--only must be i/n with i from 1 to n; got {only[0]!r}.")
            return share(cells, own - 1, count)
        unknown = [name for name in only if name not in self.cells]
        if unknown:
            known = ", ".join(itertools.islice(self.cells, 20))
            more = ", ..." if len(self.cells) > 20 else ""
            raise ValueError(f"--only must name cells out of {known}{more}; got {unknown[0]!r}.")
        return [cell for cell in cells if not only or cell.name in only]


def share(cells: list[Cell], index: int, count: int) -> list[Cell]:
    """The share of one of several processes, from 0: cells that stand together."""
    return cells[index * len(cells) // count : (index + 1) * len(cells) // count]


def expand(path: str, given: Mapping[str, Any] | None = None, grid: Sequence[str] = ()) -> Sweep:
    """Makes the cells of a sweep: those of the config, times the values of a grid.

    Args:
      path: "configs/NAME.py", or with a mode, "configs/NAME.py:smoke".
      given: fields that hold for all cells, whatever the config says: those of the command line.
      grid: "FIELD=VALUE,VALUE,...", one per field.

    Returns:
      Sweep.

    Raises:
      ValueError: no such file, nothing to sweep over, a name that is no name or comes twice, a
        field that the config does not have, a value that does not fit, two cells that are equal:
        all before anything is run, in a sentence that names the cell.
    """
    file, argument, mode = config_files.split(path)
    module = config_files.load(file)
    whole = (module.get_config(argument) if argument else module.get_config()).lock()
    given = dict(given or {})
    base = _with(whole, given, "--config")
    own = _own_cells(module, file)
    if not own and not grid:
        raise ValueError(f"{file} must have a sweep(add), or --grid be given; it has none.")
    cells: dict[str, Cell] = {}
    seen: dict[str, str] = {}
    for name, fields in _times_grid(own or [("", {})], _grid_points(grid, base, given)):
        _check_name(name, cells, file)
        cell = _cell(name, fields, whole, given, mode)
        full = cell if not mode else _cell(name, fields, whole, given, "")  # small ones may agree
        key = json.dumps(full.plan.config, sort_keys=True)
        if key in seen:
            raise ValueError(f"cells must differ; {seen[key]!r} and {name!r} are equal.")
        seen[key], cells[name] = name, cell
    return Sweep(base.to_dict(), mode, cells)


def _own_cells(module: Any, file: str) -> list[tuple[str, Fields]]:
    """What the config's own sweep(add) adds; nothing if it has none."""
    added: list[tuple[str, Fields]] = []
    if hasattr(module, "sweep"):
        module.sweep(lambda name, fields: added.append((name, dict(fields))))
        if not added:
            raise ValueError(f"the sweep of {file} must add at least one cell; it adds none.")
    return added


def _check_name(name: str, cells: Mapping[str, Cell], file: str) -> None:
    """Names are those of folders, with what a run sets beside its own."""
    reserved = name in RESERVED or str(name).endswith((".partial", ".replaced"))
    if not isinstance(name, str) or not _NAME.fullmatch(name) or reserved:
        raise ValueError(
            f"a cell of {file} must have the name of a folder, of letters, digits and _.=+-; "
            f"got {name!r}."
        )
    if name in cells:
        raise ValueError(f"the sweep of {file} must name each cell once; got {name!r} twice.")


def _cell(
    name: str, fields: Fields, whole: config_dict.ConfigDict, given: Fields, mode: str
) -> Cell:
    """The config of a cell: its fields, then the mode, then the command line."""
    config = default.finish(_with(whole, fields, f"cell {name!r}"), mode)
    config = _with(config, given, f"cell {name!r}")
    try:
        return Cell(name, fields, config, runs.read_plan(config))
    except (ValueError, TypeError) as error:
        raise ValueError(f"cell {name!r} must be a config that can run; {error}") from error


def _with(config: config_dict.ConfigDict, fields: Fields, who: str) -> config_dict.ConfigDict:
    """A copy of a config with other values; `who` sets them, for errors."""
    known = _paths(config)
    changed = copy.deepcopy(config)
    for field, value in fields.items():
        close = difflib.get_close_matches(field, known, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        if field not in known:
            raise ValueError(f"{who} must set fields of the config; got {field!r}{hint}.")
        try:
            changed.update_from_flattened_dict({field: value})
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"{who} must set {field} to a value of the kind of {known[field]!r}; got {value!r}."
            ) from error
    return changed


def _paths(config: config_dict.ConfigDict, prefix: str = "") -> Fields:
    """All fields with their values, sections among them."""
    found: Fields = {}
    for name, value in config.items():
        found[f"{prefix}{name}"] = value
        if isinstance(value, config_dict.ConfigDict):
            found |= _paths(value, f"{prefix}{name}.")
    return found


def _grid_points(grid: Sequence[str], base: config_dict.ConfigDict, given: Fields) -> list[Fields]:
    """All combinations of a grid's values, the last field changing first."""
    known = _paths(base)
    axes: dict[str, list[Any]] = {}
    for words in grid:
        field, _, values = words.partition("=")
        field = field.strip().removeprefix("config.")
        if not field or not values.strip():
            raise ValueError(f"--grid must be FIELD=VALUE,VALUE,...; got {words!r}.")
        if field in axes or field in given:
            raise ValueError(f"--grid must name a field that is given once; got {field!r} twice.")
        listed = isinstance(known.get(field), tuple)  # of which one value may stand for itself
        found = _values(values)
        axes[field] = [(v,) if listed and not isinstance(v, tuple) else v for v in found]
    return [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())]


def _values(text: str) -> list[Any]:
    """Numbers, tuples and quoted words as Python has them; other words are texts."""
    try:
        return list(ast.literal_eval(f"[{text}]"))
    except (ValueError, SyntaxError):
        return [_value(word.strip()) for word in text.split(",")]


def _value(word: str) -> Any:
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word


def _times_grid(
    cells: Sequence[tuple[str, Fields]], points: Sequence[Fields]
) -> Iterator[tuple[str, Fields]]:
    """Every cell at every point, named after both."""
    for (name, fields), point in itertools.product(cells, points):
        short = short_names(point)
        said = [f"{short[field]}={_spelled(value)}" for field, value in point.items()]
        yield "-".join([*[name] * bool(name), *said]), {**fields, **point}


def short_names(fields: Mapping[str, Any] | Sequence[str]) -> dict[str, str]:
    """{path of a field: its last word}, or the path itself where two end alike."""
    last = {field: field.rpartition(".")[2] for field in fields}
    words = list(last.values())
    return {field: word if words.count(word) == 1 else field for field, word in last.items()}


def _spelled(value: Any) -> str:
    """A value as a part of a folder's name."""
    if isinstance(value, (list, tuple)):
        return "x".join(map(_spelled, value)) or "none"
    text = f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)
    return re.sub(r"[^\w.=+-]+", "_", text)

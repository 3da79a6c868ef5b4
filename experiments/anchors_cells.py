"""What is measured on one published split: every way to end training, from every start."""

import pathlib
import pickle
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc import data, ensemble, network, protocol, training
from spline_fc.data import Dataset
from spline_fc.ensemble import Ensemble
from spline_fc.protocol import Contender

WAYS = ("single", "ensemble", "distilled")


class Cell(NamedTuple):
    """One start on one split."""

    contender: Contender
    raw: Dataset
    split: int
    hidden_sizes: tuple[int, ...]
    learning_rates: tuple[float, ...]
    members: int
    variety: dict[str, Any]  # what members draw
    extrapolate: str
    ways: tuple[str, ...]  # to end training, out of WAYS
    kept: pathlib.Path  # file of the ensemble


def settings(config: Any, name: str) -> dict[str, Any]:
    """What decides the figures of a set, as JSON."""
    fields = config.to_dict()
    own = {field: value for field, value in fields.items() if field != "sets"}
    return {**own, **{k: v for k, v in fields["sets"][name].items() if k != "splits"}}


def measure(
    raw: Dataset, config: Any, split: int, folder: pathlib.Path, row: Mapping[str, Any]
) -> dict[str, Any]:
    """Measures what a row does not hold yet.

    Args:
      raw: the split, in raw units.
      config: of configs/anchors.py.
      split: its number.
      folder: where ensembles are kept, so that more can be measured of them later.
      row: what an earlier run found, or nothing.

    Returns:
      {"split", "leaked", "starts": {start: {way: scores and costs}}}.
    """
    clean = unseen(raw)
    starts: dict[str, Any] = {}
    for start in config.starts:
        found = dict(row.get("starts", {}).get(start, {}))
        starts[start] = _ways(cell_of(raw, config, split, start, folder), clean, found)
    return {"split": split, "leaked": float(1 - clean.mean()), "starts": starts}


def cell_of(raw: Dataset, config: Any, split: int, start: str, folder: pathlib.Path) -> Cell:
    """One start on one split; arguments as for `measure`."""
    fields = config.sets[raw.name]
    trained = training.as_config({"epochs": fields.epochs, "batch_size": fields.batch_size})
    shape = tuple(config.hidden_sizes), tuple(config.learning_rates), config.members
    kept_in = folder / f"{raw.name}-{split}-{start}.pickle"
    contender = Contender(start, start, {}, trained)
    variety = dict(config.get("variety", {})) if start == protocol.SPLINE else {}
    ways = tuple(config.get("ways", WAYS))
    return Cell(contender, raw, split, *shape, variety, config.extrapolate, ways, kept_in)


def unseen(raw: Dataset) -> np.ndarray:
    """Which test rows (n,) have features that stand in no training or validation row."""
    known = {row.tobytes() for part in (raw.train, raw.validation) for row in part.x + 0.0}
    return np.array([row.tobytes() not in known for row in raw.test.x + 0.0])


def _ways(cell: Cell, clean: np.ndarray, found: dict[str, Any]) -> dict[str, Any]:
    """Adds the ways that are missing; those of the ensemble need it, trained or kept."""
    missing = [way for way in cell.ways if way not in found]
    if "single" in missing:
        found |= _single(cell, clean)
    if "ensemble" in missing:
        found |= _together(cell, clean, kept(cell))
    if "distilled" in missing:
        found |= _distilled(cell, clean, kept(cell))
    return found


def errors(cell: Cell, outputs: Any, dataset: Dataset, clean: np.ndarray) -> dict[str, float]:
    """Test RMSE in raw units, of all rows and of those that are in no training row."""
    given = np.asarray(data.unscale_y(dataset.scaler, np.asarray(outputs, np.float64)))
    squares = ((given - cell.raw.test.y) ** 2).mean(axis=1)
    of_clean = float(np.sqrt(squares[clean].mean())) if clean.any() else None
    return {"rmse": float(np.sqrt(squares.mean())), "clean_rmse": of_clean}


def _single(cell: Cell, clean: np.ndarray) -> dict[str, Any]:
    """One network by the protocol, and the same trained again on all rows; the spline alone."""
    began = time.perf_counter()
    dataset = protocol.prepare(cell.raw, cell.extrapolate)
    start = protocol.make_start(
        protocol.key_of(cell.split, cell.contender), cell.contender, dataset, cell.hidden_sizes
    )
    rules = [dataset], cell.learning_rates, [cell.split]
    result = protocol.train(cell.contender, [start], *rules)
    rate = int(protocol.best_losses(result)[0].argmin())
    epoch = int(result.best_epoch[0, rate])
    outputs = _apply(training.replica(result.params, 0, rate), dataset.test.x)
    took = time.perf_counter() - began
    chosen = [cell.split], [cell.learning_rates[rate]], [epoch]
    given = {"extrapolate": cell.extrapolate}
    ((params, _),) = protocol.refit(cell.contender, [cell.raw], cell.hidden_sizes, *chosen, **given)
    joined = rows_of(cell)
    again = errors(cell, _apply(params, joined.test.x), joined, clean)
    single = {
        **errors(cell, outputs, dataset, clean),
        "learning_rate": chosen[1][0],
        "best_epoch": epoch,
        "steps_per_epoch": result.steps_per_epoch,
        "seconds": took,
    }
    first = errors(cell, _apply(start.params, dataset.test.x), dataset, clean)
    again["seconds"] = time.perf_counter() - began
    return {"start": first, "single": single, "again": again}


def kept(cell: Cell) -> Ensemble:
    """The ensemble of a cell, from its file where there is one.

    Raises:
      ValueError: the file holds an ensemble of another config or of other rows.
    """
    if cell.kept.is_file():
        found = pickle.loads(cell.kept.read_bytes())
        _check_kept(cell, found)
        return found
    found = ensemble.train_ensemble(
        cell.split,
        cell.raw,
        cell.hidden_sizes,
        members=cell.members,
        start=cell.contender.start,
        variety=cell.variety,
        training_config=cell.contender.training,
        learning_rates=cell.learning_rates,
        extrapolate=cell.extrapolate,
    )
    found = jax.tree.map(lambda a: np.asarray(a) if isinstance(a, jax.Array) else a, found)
    cell.kept.parent.mkdir(parents=True, exist_ok=True)
    partial = cell.kept.with_suffix(".partial")
    partial.write_bytes(pickle.dumps(found))
    partial.replace(cell.kept)
    return found


def _check_kept(cell: Cell, found: Ensemble) -> None:
    wanted = cell.contender.training.epochs, cell.hidden_sizes, cell.members
    epochs = found.history["validation_loss"].shape[-1] - 1
    sizes = network.layer_sizes(found.params, 1)[1:-1]
    members = len(found.held_out) + found.dropped
    same_rows = np.array_equal(rows_of(cell).scaler.x_scale, found.scaler.x_scale)
    if (epochs, tuple(sizes), members) != wanted or not same_rows:
        raise ValueError(f"{cell.kept} must hold an ensemble of this config; it holds another.")


def rows_of(cell: Cell) -> Dataset:
    """The split in the units of its ensemble."""
    return protocol.prepare(data.join_validation(cell.raw), cell.extrapolate)


def _together(cell: Cell, clean: np.ndarray, found: Ensemble) -> dict[str, Any]:
    """The cross-fitted ensemble: its error, that of its members, and how alike these are."""
    pooled = rows_of(cell)
    outputs = np.asarray(ensemble.member_outputs(found, pooled.test.x))
    parts = ensemble.error_parts(found, pooled.test.x, pooled.test.y)
    told = {
        **errors(cell, outputs.mean(axis=0), pooled, clean),
        "member_rmse": [errors(cell, one, pooled, clean)["rmse"] for one in outputs],
        "correlation": parts.correlation,
        "learning_rate": found.learning_rate,
        "best_epochs": found.best_epochs.tolist(),
        "dropped": found.dropped,
        "validation": _short(found.history["validation_loss"].mean(axis=0)),
        "steps_per_epoch": found.steps_per_epoch,
        "seconds": found.seconds.compile + found.seconds.run,
        "compile_seconds": found.seconds.compile,
    }
    return {"ensemble": told}


def _distilled(cell: Cell, clean: np.ndarray, found: Ensemble) -> dict[str, Any]:
    """One network of a member's size that was trained to return what the ensemble does."""
    pooled, merged = rows_of(cell), network.merge_params(found.params)
    student = ensemble.distil_network(cell.split, merged, pooled, cell.hidden_sizes)
    told = {
        **errors(cell, _apply(student.params, pooled.test.x), pooled, clean),
        "function_error": float(student.error[0]),
        "learning_rate": student.learning_rate,
        "seconds": student.seconds.compile + student.seconds.run,
    }
    return {"distilled": told}


_evaluate = jax.jit(network.apply_params)


def _apply(params: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(_evaluate(params, jnp.asarray(x)))


def _short(values: Any) -> list[float]:
    """Five significant digits, to the last epoch that was trained."""
    values = np.asarray(values)
    return [float(f"{value:.5g}") for value in values[np.isfinite(values)]]

"""Splines as JSON files: readable, exact to the last bit, no pickle."""

import json
import os
import pathlib

import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check
from spline_fc.cpwl.spline import Spline

FORMAT = "spline_fc.spline/1"


def spline_to_dict(spline: Spline) -> dict:
    """A spline as plain lists and numbers; floats keep every digit of their dtype."""
    fields = {name: np.asarray(value).tolist() for name, value in spline._asdict().items()}
    # Shapes travel along: an empty list alone would forget its number of columns.
    shapes = {name: list(np.shape(value)) for name, value in spline._asdict().items()}
    return {"format": FORMAT, "dtype": str(spline.coef.dtype), **fields, "shapes": shapes}


def spline_from_dict(record: dict) -> Spline:
    """The inverse of `spline_to_dict`; the dtype is the saved one where JAX has it enabled.

    Raises:
      ValueError: the record is not of this format or lacks a field.
    """
    check(
        isinstance(record, dict) and record.get("format") == FORMAT,
        f"a saved spline must have format {FORMAT!r}; got {record.get('format')!r}."
        if isinstance(record, dict)
        else f"a saved spline must be a JSON object; got {type(record).__name__}.",
    )
    missing = [name for name in (*Spline._fields, "dtype", "shapes") if name not in record]
    check(not missing, f"a saved spline must have all its fields; {', '.join(missing)} missing.")
    arrays = {}
    for name in Spline._fields:
        dtype = np.int32 if name == "feature" else np.dtype(record["dtype"])
        arrays[name] = jnp.asarray(np.array(record[name], dtype).reshape(record["shapes"][name]))
    return Spline(**arrays)


def save_spline(path: str | os.PathLike, spline: Spline) -> None:
    """Writes a spline to a JSON file."""
    pathlib.Path(path).write_text(json.dumps(spline_to_dict(spline), indent=1) + "\n")


def load_spline(path: str | os.PathLike) -> Spline:
    """Reads a spline from a JSON file; ValueError names the file if it holds none."""
    try:
        return spline_from_dict(json.loads(pathlib.Path(path).read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{os.fspath(path)} must hold a saved spline; {error}") from error

"""The model file: one NPZ archive of arrays and one JSON text, versioned, without pickle.

about                   UTF-8 bytes of the JSON: format, names, task, encoding, how it was made
x_shift, x_scale, ...   the scaler
low, high, importance
spline/intercept, ...   the tables of the spline, if there is one
network/Dense_0/kernel, ...   if there is one and it is no mean of members
members/Dense_0/kernel, ...   else the networks that it is the mean of, leaves (K, ...)
held_out/holders, ...   of an ensemble: which members held which rows out, and residuals
spread/intercept, ...   how large residuals are, a spline with its ends
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc import files
from spline_fc.checks import check, check_known_keys, check_mapping, shown
from spline_fc.cpwl import Spline, check_spline
from spline_fc.data import Scaler, encoding_from_json
from spline_fc.ensemble import Groups, HeldOut, Spread
from spline_fc.model.checked import check_model
from spline_fc.model.record import Model
from spline_fc.network import Params, merge_params
from spline_fc.network.structure import check_network, flatten, unflatten

FORMAT = "spline_fc.model/3"
_ABOUT = ("name", "task", "feature_names", "target_names", "classes", "extrapolate", "loss")
_ARRAYS = ("low", "high", "importance")
_SPLINE, _NETWORK, _MEMBERS = "spline/", "network/", "members/"
_HELD_OUT, _SPREAD = "held_out/", "spread/"


def save_model(model: Model, path: str | os.PathLike) -> None:
    """Writes a model to one file of exactly this name, from which every prediction is the same.

    Args:
      model: from `make_model`.
      path: of the file; .npz is a good end of its name. What stood there is replaced when the new
        file is whole.

    Raises:
      TypeError: it is no model.
      ValueError: its parts do not fit together, or it has a dtype that NumPy does not have.
      OSError: the file cannot be written.
    """
    check_model(model)
    encoding = None if model.encoding is None else model.encoding.to_json()
    about = {field: getattr(model, field) for field in _ABOUT}
    about = {"format": FORMAT, **about, "encoding": encoding, "made": model.made}
    text = json.dumps(files.plain(about), allow_nan=False)
    arrays = {"about": np.frombuffer(text.encode("utf-8"), np.uint8)}
    arrays |= {name: np.asarray(getattr(model, name)) for name in _ARRAYS}
    arrays |= {name: np.asarray(value) for name, value in model.scaler._asdict().items()}
    if model.spline is not None:
        arrays |= _named(_SPLINE, model.spline._asdict())
    if model.held_out is not None:
        arrays |= _members_to_arrays(model.held_out)
    elif model.params is not None:
        arrays |= _named(_NETWORK, flatten(model.params))
    files.write_npz(path, arrays, compressed=True)


def _members_to_arrays(held: HeldOut) -> dict[str, np.ndarray]:
    """The members, of which the network follows, and what they held out."""
    rows: dict[str, Any] = {**held.groups._asdict(), "sizes": held.sizes}
    if held.weights is not None:
        rows["weights"] = held.weights
    arrays = _named(_MEMBERS, flatten(held.members))
    if held.spread is not None:
        ends = held.spread._asdict()
        arrays |= _named(_SPREAD, ends.pop("spline")._asdict())
        rows |= ends
    return arrays | _named(_HELD_OUT, rows)


def _named(prefix: str, tables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {f"{prefix}{name}": np.asarray(table) for name, table in tables.items()}


def load_model(path: str | os.PathLike) -> Model:
    """Reads a model file, strictly.

    Args:
      path: of a file that `save_model`, the program `spline_fc fit` or a run wrote.

    Returns:
      Model, whose predictions are those of the saved one to the last bit.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is damaged, something else, or of a later version; the sentence names file and
        field.
    """
    path = files.as_path(path)
    try:
        arrays = files.read_npz(path)
    except ValueError as error:
        told = str(error).removeprefix(f"{path}")
        raise ValueError(f"{path} must hold a saved model; it{told}") from error
    try:
        return _model(arrays)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} must hold a saved model; {error}") from error


def _model(arrays: dict[str, np.ndarray]) -> Model:
    check("about" in arrays, "it has no about.")
    about = _about(arrays.pop("about"))
    wanted = [*_ARRAYS, *Scaler._fields]
    missing = [name for name in wanted if name not in arrays]
    check(not missing, f"it must have all arrays; {', '.join(missing)} missing.")
    scaler = Scaler(*(arrays.pop(name) for name in Scaler._fields))
    others = {name: arrays.pop(name) for name in _ARRAYS}
    spline = _spline(_SPLINE, arrays)
    params = _params(_NETWORK, arrays)
    held_out = _held_out(arrays)
    params = params if held_out is None else merge_params(held_out.members)
    check(not arrays, f"it must hold no other arrays; got {', '.join(sorted(arrays)[:3])}.")
    encoding = about["encoding"]
    fields: dict[str, Any] = {**about, **others}
    fields["encoding"] = None if encoding is None else encoding_from_json(encoding)
    for name in ("feature_names", "target_names", "classes"):
        fields[name] = _texts(name, about[name])
    model = Model(**fields, scaler=scaler, spline=spline, params=params, held_out=held_out)
    check_model(model)
    return model


def _about(data: np.ndarray) -> dict[str, Any]:
    """The fields of the JSON text, the format checked and taken out."""
    check(data.dtype == np.uint8 and data.ndim == 1, f"about must hold bytes; got {shown(data)}.")
    about = files.parse_json(data.tobytes().decode("utf-8"))
    check_mapping("about", about)
    found = about.pop("format", None)
    (family, _, number), (own, _, current) = (str(f).rpartition("/") for f in (found, FORMAT))
    hint = ""
    if family == own and number.isdigit() and found != FORMAT:
        later = int(number) > int(current)
        hint = (
            " of a later version of spline_fc, which reads it"
            if later
            else (" of an earlier version, so fit again")
        )
    check(found == FORMAT, f"its format must be {FORMAT!r}; got {shown(found)}{hint}.")
    fields = (*_ABOUT, "encoding", "made")
    check_known_keys("about", about, fields)
    missing = [field for field in fields if field not in about]
    check(not missing, f"about must have all fields; {', '.join(missing)} missing.")
    return about


def _below(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Takes the arrays of a part out, by their names in it."""
    own = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays.pop(name) for name in own}


def _spline(part: str, arrays: dict[str, np.ndarray]) -> Spline | None:
    tables = _below(part, arrays)
    if not tables:
        return None
    _check_whole(part, tables, Spline._fields)
    fields: dict[str, Any] = dict(tables)
    spline = Spline(**fields)
    check_spline(spline)
    # JAX need not have float64 enabled.
    is_wide = tables["coef"].dtype == np.float64
    return spline if is_wide else jax.tree.map(jnp.asarray, spline)


def _params(part: str, arrays: dict[str, np.ndarray]) -> Params | None:
    leaves = _below(part, arrays)
    if not leaves:
        return None
    params = unflatten(leaves)
    check_network(params)
    is_wide = next(iter(leaves.values())).dtype == np.float64
    return params if is_wide else jax.tree.map(jnp.asarray, params)


def _held_out(arrays: dict[str, np.ndarray]) -> HeldOut | None:
    members, spline = _params(_MEMBERS, arrays), _spline(_SPREAD, arrays)
    rows: dict[str, Any] = _below(_HELD_OUT, arrays)
    if members is None:
        check(not rows and spline is None, "it must have the members of held_out.")
        return None
    weights = rows.pop("weights", None)
    fields = [*Groups._fields, "sizes"]
    if spline is not None:
        fields += (field for field in Spread._fields if field != "spline")
    _check_whole(_HELD_OUT, rows, fields)
    groups = Groups(*(rows.pop(field) for field in Groups._fields))
    sizes = rows.pop("sizes")
    spread = None if spline is None else Spread(spline, **rows)
    return HeldOut(members, groups, sizes, weights, spread)


def _check_whole(part: str, tables: Mapping[str, Any], fields: Sequence[str]) -> None:
    """Checks that a part has these tables and no others."""
    name = part.rstrip("/")
    check_known_keys(name, tables, fields)
    missing = [field for field in fields if field not in tables]
    check(not missing, f"{name} must have all tables; {', '.join(missing)} missing.")


def _texts(name: str, values: Any) -> tuple[str, ...]:
    good = isinstance(values, list) and all(isinstance(value, str) for value in values)
    check(good, f"{name} must be a list of texts; got {shown(values)}.")
    return tuple(values)

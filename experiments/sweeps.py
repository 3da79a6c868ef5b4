"""Config files: read with one sentence for what is wrong, and the sweeps that some carry."""

import copy
import difflib
import importlib.util
import pathlib
from typing import Any

from ml_collections import config_dict

from configs import default


def expand(path: str) -> dict[str, config_dict.ConfigDict]:
    """Applies every cell of a sweep to the config that carries it.

    Args:
      path: "configs/NAME.py", or with a mode, "configs/NAME.py:smoke".

    Returns:
      {name of the cell: locked config}, in the order of the sweep.

    Raises:
      ValueError: no such file, no sweep in it, a name that comes twice, a field that the config
        does not have or a value of another type: all before anything is run.
    """
    file, _, mode = path.partition(":")
    module = _load(file)
    if not hasattr(module, "sweep"):
        raise ValueError(f"{file} must have a sweep(add) to be run as one; it has none.")
    config, found = module.get_config(), {}

    def add(name: str, fields: dict[str, Any]) -> None:
        if name in found:
            raise ValueError(f"the sweep of {file} must name each cell once; got {name!r} twice.")
        cell = copy.deepcopy(config)
        try:
            cell.update_from_flattened_dict(fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"cell {name!r} of {file} must set known fields; {error}.") from error
        found[name] = default.finish(cell, mode)

    module.sweep(add)
    return found


def read(path: str) -> config_dict.ConfigDict:
    """Reads a config from "configs/NAME.py" or "configs/NAME.py:mode".

    Raises:
      ValueError: no such file (the closest config is suggested), or a mode that it does not have.
    """
    file, _, mode = path.partition(":")
    module = _load(file)
    return module.get_config(mode) if mode else module.get_config()


def _load(file: str) -> Any:
    path = pathlib.Path(file)
    if path.suffix != ".py" or not path.is_file():
        known = sorted(p.name for p in pathlib.Path(default.__file__).parent.glob("[a-z]*.py"))
        close = difflib.get_close_matches(path.name, known, n=1)
        hint = f" (did you mean configs/{close[0]}?)" if close else ""
        raise ValueError(f"--config must name a file, configs/NAME.py; got {file!r}{hint}.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

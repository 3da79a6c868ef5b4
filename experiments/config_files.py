"""Config files, configs/NAME.py: read with one sentence for what is wrong."""

import difflib
import importlib.util
import os
import pathlib
from types import ModuleType

from ml_collections import config_dict

from configs import default

SMOKE = "smoke"  # the mode that every config takes, behind an argument of its own if it has one


def read(path: str) -> config_dict.ConfigDict:
    """Reads a config from "configs/NAME.py" or "configs/NAME.py:mode".

    Raises:
      ValueError: no such file (the closest config is suggested), or a mode that it does not have.
    """
    file, _, mode = path.partition(":")
    module = load(file)
    return module.get_config(mode) if mode else module.get_config()


def split(path: str) -> tuple[str, str, str]:
    """Takes "configs/NAME.py:white,smoke" apart: the file, its own argument, "smoke" or nothing."""
    file, _, mode = path.partition(":")
    words = mode.split(",") if mode else []
    small = SMOKE if words[-1:] == [SMOKE] else ""
    return file, ",".join(words[:-1] if small else words), small


def load(file: str) -> ModuleType:
    """Imports a config file.

    Raises:
      ValueError: no such file; the closest config is suggested.
    """
    path = pathlib.Path(file)
    if path.suffix != ".py" or not path.is_file():
        folder = pathlib.Path(default.__file__).parent
        close = difflib.get_close_matches(
            path.name, [p.name for p in folder.glob("[a-z]*.py")], n=1
        )
        hint = f" (did you mean {os.path.relpath(folder / close[0])}?)" if close else ""
        raise ValueError(f"--config must name a file, configs/NAME.py; got {file!r}{hint}.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

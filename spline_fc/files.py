"""Files: whatever happens, what stood there is whole or the new one is; damage is told by name.

Everything is written beside its name, flushed to the disk and renamed: a full disk, a kill or a
power cut leaves no half file, and never harms the one that it was to replace. What is read is read
whole and checked: a file that is damaged, or of another kind, ends in one sentence that names it.
"""

import contextlib
import io
import json
import math
import os
import pathlib
import signal
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NoReturn

import numpy as np

from spline_fc.checks import check, shown

_END_RECORD = 22  # bytes of what ends a ZIP archive, before its comment
PLAIN_KINDS = "biufU"  # of NumPy dtypes: what an NPZ file of ours may hold


def as_path(path: str | os.PathLike, name: str = "path") -> pathlib.Path:
    """Takes the name of a file as a path; `name` is that of the argument, for errors.

    Raises:
      TypeError: it is neither text nor a path.
      ValueError: it is empty or holds a null character.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name} must be text or a path; got {shown(path)}.")
    text = os.fsdecode(path)
    check(bool(text) and "\0" not in text, f"{name} must name a file; got {text!r}.")
    return pathlib.Path(text)


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Opens a file that takes the place of `path` when the block ends well, and vanishes if not.

    Args:
      path: of the file to write, taken as it is; its folder must exist; a link is followed.

    Yields:
      A binary file.

    Raises:
      OSError: the folder does not exist or cannot be written, or something else than a file that
        may be written has this name already.
    """
    path = as_path(path)
    path = pathlib.Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise IsADirectoryError(f"path must name a file to write; {path} is something else.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must lie in a folder that exists; got {path}.")
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(f"path must name a file that may be written; {path} is read-only.")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        file = open(partial, "wb")  # noqa: SIM115 - closed by the block below
    except OSError as error:  # the user knows nothing of the name beside
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Puts Ctrl-C and SIGTERM off until the block has ended, in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.signal(number, lambda came, _: caught.append(came)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
    for number in caught:
        signal.raise_signal(number)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file in UTF-8."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Writes a JSON file; NumPy numbers and arrays become plain ones, NaN and infinity null."""
    write_text(path, json.dumps(plain(value), indent=1, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Takes mappings, sequences, NumPy numbers and arrays to what strict JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def write_npz(
    path: str | os.PathLike, arrays: Mapping[str, Any], *, compressed: bool = False
) -> None:
    """Writes arrays by name to an NPZ file of exactly this name; what needs pickle is refused."""
    for name, array in arrays.items():
        came = np.asarray(array).dtype
        check(came.kind in PLAIN_KINDS, f"{name} must be of a dtype of NPZ files; got {came}.")
    with replacing(path) as file:
        (np.savez_compressed if compressed else np.savez)(file, **arrays)


def read_json(path: str | os.PathLike) -> Any:
    """Reads a JSON file, strictly.

    Returns:
      Dicts, lists, texts, booleans, None and finite numbers.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is not UTF-8 or not JSON, holds NaN, infinity or a number beyond float64, or
        gives a key twice; so for every door that reads JSON.
    """
    path = as_path(path)
    data = path.read_bytes()
    try:
        return parse_json(data.decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} must hold JSON; {sentence(error)}") from error


def parse_json(text: str) -> Any:
    """Reads JSON as `read_json` does; ValueError tells what is wrong with it."""
    try:
        return json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_each_once
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply.") from error


def _refuse(token: str) -> NoReturn:
    raise ValueError(f"JSON knows no {token}")


def _finite(token: str) -> float:
    number = float(token)
    check(math.isfinite(number), f"{token:.20} is beyond float64")
    return number


def _each_once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        check(key not in found, f"the key {key!r} is there twice")
        found[key] = value
    return found


def read_npz(path: str | os.PathLike, fields: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Reads all arrays of an NPZ file.

    Args:
      path: of a file that `write_npz` or `numpy.savez` wrote.
      fields: names that must be among its arrays.

    Returns:
      {name: array} of real numbers, booleans or text.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is no NPZ file, is damaged, lacks a field, or holds pickled objects, complex
        numbers, dates or records.
    """
    path = as_path(path)
    return parse_npz(path, path.read_bytes(), fields)


def parse_npz(path: pathlib.Path, data: bytes, fields: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Reads the bytes of an NPZ file as `read_npz` does; the path is for errors."""
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # zipfile reads as many entries as fit into what the last record calls their size.
            last = len(data) - _END_RECORD - len(archive.comment)
            wanted = int.from_bytes(data[last + 10 : last + 12], "little")
            listed = len(archive.namelist())
            check(wanted in (listed, 0xFFFF), f"it must list {wanted} arrays; got {listed}.")
            for member in archive.namelist():
                name = member.removesuffix(".npy")
                check(name != member and name not in arrays, f"it holds {member!r}.")
                # Read whole, so that the checksum is compared; numpy.load stops where its header
                # says that the array ends.
                arrays[name] = _npy(name, archive.read(member))
    except Exception as error:  # noqa: BLE001 - zipfile, zlib and NumPy each raise their own
        raise ValueError(f"{path} must be an NPZ file; {sentence(error)}") from error
    missing = [field for field in fields if field not in arrays]
    check(not missing, f"{path} must hold {', '.join(fields)}; {', '.join(missing)} missing.")
    return arrays


def _npy(name: str, data: bytes) -> np.ndarray:
    """One array of an archive; nothing is allocated before its size is known to be true."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    older = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if older else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    check(dtype.kind in PLAIN_KINDS, f"{name} must hold real numbers; got {dtype}.")
    wanted, came = math.prod(shape) * dtype.itemsize, len(data) - file.tell()
    check(
        wanted == came and min(shape, default=0) >= 0,
        f"{name} must have {wanted} bytes, for shape {shape} and {dtype}; got {came}.",
    )
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def sentence(error: BaseException) -> str:
    """The first line of what an error says, as the end of a sentence."""
    lines = f"{error}".splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".") + "."

"""Reading files as bytes, text, NPZ and idx; errors name the file."""

import gzip
import io
import math
import pathlib
import struct
import zipfile
import zlib

import numpy as np

from spline_fc.checks import check

_GZIP_MAGIC = b"\x1f\x8b"
_IDX_BYTES = 0x08  # the idx type code of unsigned bytes


def first_file(candidates: list[pathlib.Path]) -> pathlib.Path | None:
    """Returns the first candidate that is a file, as it stands or with ".gz" appended."""
    for path in candidates:
        for spelled in (path, path.with_name(path.name + ".gz")):
            if spelled.is_file():
                return spelled
    return None


def need_file(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the file of a folder, plain or gzip; raises FileNotFoundError if there is neither."""
    path = first_file([folder / name])
    if path is None:
        raise FileNotFoundError(f"{folder} must hold {name} or {name}.gz; got neither.")
    return path


def read_bytes(path: pathlib.Path) -> bytes:
    """Reads a file, plain or gzip (told by its first bytes, not by its name).

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is empty or its compression is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"data file {path} does not exist.")
    raw = path.read_bytes()
    if raw.startswith(_GZIP_MAGIC):
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} must be a whole gzip file; got damage ({error}).") from error
    check(len(raw) > 0, f"{path} must hold data; got an empty file.")
    return raw


def read_text(path: pathlib.Path) -> str:
    """Reads a UTF-8 text file, plain or gzip; raises as `read_bytes` does, and on other bytes."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"{error.reason} at byte {error.start}"
        raise ValueError(f"{path} must be UTF-8 text; got {reason}.") from error


def read_matrix(path: pathlib.Path) -> np.ndarray:
    """Reads a text file of numbers separated by white space.

    Returns:
      (n, c) float64.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: no rows, a cell that is not a finite number, or rows of unequal length, with
        the line.
    """
    rows = []
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        cells = text.split()
        if not cells:
            continue
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: must hold numbers only ({error}).") from error
        finite = all(map(math.isfinite, rows[-1]))
        check(finite, f"{path}, line {line}: must hold finite numbers only; got {text.strip()!r}.")
        check(
            len(cells) == len(rows[0]),
            f"{path}, line {line}: must have {len(rows[0])} cells, as the first row has; got "
            f"{len(cells)}.",
        )
    check(len(rows) > 0, f"{path} must hold at least one row; got none.")
    return np.array(rows)


def read_npz(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads the arrays x and y of an NPZ file; pickled objects are refused.

    Returns:
      x and y as they are stored.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: not an NPZ file, x or y is absent, or an array holds pickled objects.
    """
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as archive:
            check(
                {"x", "y"} <= set(archive.files),
                f"{path} must hold arrays x and y; got {', '.join(archive.files) or 'none'}.",
            )
            return archive["x"], archive["y"]
    except (zipfile.BadZipFile, EOFError, zlib.error, AttributeError, TypeError) as error:
        raise ValueError(f"{path} must be an NPZ file; it could not be read ({error}).") from error
    except ValueError as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path} must be an NPZ file of plain arrays; got {error}") from error


def read_idx(path: pathlib.Path, rank: int) -> np.ndarray:
    """Reads an idx file of unsigned bytes, as MNIST is distributed.

    Args:
      path: plain or gzip.
      rank: number of axes wanted, 3 for images and 1 for labels.

    Returns:
      uint8 array with `rank` axes.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: another magic number, or a size that its header does not announce.
    """
    raw = read_bytes(path)
    magic = bytes((0, 0, _IDX_BYTES, rank))
    check(
        raw[:4] == magic and len(raw) >= 4 + 4 * rank,
        f"{path} must be an idx file of bytes with {rank} axes (magic {magic.hex()}); got "
        f"{raw[:4].hex()}.",
    )
    shape = struct.unpack(f">{rank}I", raw[4 : 4 + 4 * rank])
    body, wanted = len(raw) - 4 - 4 * rank, int(np.prod(shape, dtype=np.int64))
    check(body == wanted, f"{path} must hold {wanted} bytes for shape {shape}; got {body}.")
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)

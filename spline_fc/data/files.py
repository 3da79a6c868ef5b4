"""Reading files as bytes, text, NPZ and idx; errors name the file."""

import bz2
import gzip
import io
import lzma
import math
import pathlib
import struct
import zipfile
import zlib

import numpy as np
from absl import logging

from spline_fc.checks import check
from spline_fc.files import parse_npz

COMPRESSED = (".gz", ".bz2", ".xz", ".zip")  # told by the first bytes, never by the name
_COMPRESSIONS = (
    (b"\x1f\x8b", "gzip", gzip.decompress),
    (b"BZh", "bzip2", bz2.decompress),
    (b"\xfd7zXZ\x00", "xz", lzma.decompress),
)
_ZIP_MAGIC = b"PK\x03\x04"
_DAMAGE = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),  # before the mark of UTF-16, with which it begins
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
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
    """Reads a file, plain or compressed by gzip, bzip2 or xz.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is empty or its compression is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"data file {path} does not exist.")
    raw = path.read_bytes()
    for magic, kind, decompress in _COMPRESSIONS:
        if raw.startswith(magic):
            try:
                raw = decompress(raw)
            except _DAMAGE as error:
                raise ValueError(
                    f"{path} must be a whole {kind} file; got damage ({error})."
                ) from error
            break
    check(len(raw) > 0, f"{path} must hold data; got an empty file.")
    return raw


def read_text(path: pathlib.Path) -> str:
    """Reads a text file, plain, compressed or the only file of a zip archive.

    The text is UTF-8, or UTF-16 with a byte order mark; other bytes are read as Windows-1252, with
    a word.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is empty, damaged, or no text.
    """
    raw = read_bytes(path)
    if raw.startswith(_ZIP_MAGIC):
        raw = _only_member(path, raw)
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    wide = encoding != "utf-8" or b"\x00" not in raw[:4096]
    check(wide, f"{path} must be UTF-8 text, or UTF-16 with a byte order mark; got zero bytes.")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        binary = any(byte in raw for byte in b"\x00\x01\x02\x03\x04\x05\x06\x08\x7f")
        reason = f"{error.reason} at byte {error.start}"
        if binary or encoding != "utf-8":
            raise ValueError(f"{path} must be UTF-8 text; got {reason}.") from error
        logging.warning("%s: no UTF-8 (%s), read as Windows-1252.", path, reason)
        try:
            return raw.decode("cp1252")
        except UnicodeDecodeError:
            return raw.decode("latin-1")


def _only_member(path: pathlib.Path, raw: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = [n for n in archive.namelist() if not n.endswith("/")]
            check(len(names) == 1, f"{path} must be a zip archive of one file; got {len(names)}.")
            return archive.read(names[0])
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, *_DAMAGE) as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path} must be a whole zip archive; got damage ({error}).") from error


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
    stored = parse_npz(path, read_bytes(path), ("x", "y"))
    return stored["x"], stored["y"]


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

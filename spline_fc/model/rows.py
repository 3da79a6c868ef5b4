"""From rows as they come to the columns of x."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spline_fc.arrays import columns
from spline_fc.checks import check_finite, check_not_empty
from spline_fc.data import Encoding, encode
from spline_fc.data.frames import frame_table, is_frame


def read_rows(encoding: Encoding | None, names: Sequence[str], rows: Any) -> np.ndarray:
    """Reads rows as the training rows were read.

    Args:
      encoding: of the training rows; None where they were numbers.
      names: of the columns of x.
      rows: what `data.encode` takes; without an encoding what `arrays.columns` takes.

    Returns:
      (n, d) float64, raw units.

    Raises:
      ValueError: what `data.encode` and `arrays.columns` refuse; without an encoding also numbers
        that are not finite.
    """
    if encoding is not None:
        framed = is_frame(rows) or isinstance(rows, Mapping)
        return encode(encoding, frame_table("rows", rows) if framed else rows)
    x = columns("rows", rows, names).values.astype(np.float64, copy=False)
    check_not_empty("rows", x)
    check_finite("rows", x)
    return x

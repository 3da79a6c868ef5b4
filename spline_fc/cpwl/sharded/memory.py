"""What a fit needs of the memory of its devices, told before it begins."""

import jax
import numpy as np

from spline_fc.sharding import Placement

USABLE = 0.9  # share of the free memory that is counted on; the rest goes to gaps between arrays


def search_bytes(
    place: Placement, num_rows: int, num_columns: int, num_targets: int, dtype: np.dtype
) -> int:
    """Bytes that a search needs on each device, at its worst moment and beside the rows themselves.

    A number of each column is there as it came, scaled, sorted and grouped, and its order twice
    (8 bytes), its bin (2 bytes); a row has five numbers more for each target and the weight.

    Args:
      place: of the rows.
      num_rows: on all devices.
      num_columns: of z, features and directions.
      num_targets: k.
      dtype: in which the search computes.
    """
    item = np.dtype(dtype).itemsize
    row = num_columns * (4 * item + 10) + 5 * item * (num_targets + 1)
    return num_rows // place.num_devices * row


def parent_bytes(place: Placement, num_rows: int, num_columns: int, dtype: np.dtype) -> int:
    """Bytes on each device of a term that others join: order and offsets at x - B and x + B."""
    item = np.dtype(dtype).itemsize
    return num_rows // place.num_devices * 2 * num_columns * (item + 4)


def free_bytes(place: Placement) -> float:
    """Bytes that the fullest device of this process has left; infinite where none tells."""
    own = [d for d in place.mesh.devices.flat if d.process_index == jax.process_index()]
    told = [device.memory_stats() for device in own]
    if not all(told):
        return np.inf
    return USABLE * min(stats["bytes_limit"] - stats["bytes_in_use"] for stats in told)


def check_memory(place: Placement, needed: int) -> None:
    """Raises MemoryError if so many bytes are more than a device has left."""
    free = free_bytes(place)
    if needed > free:
        raise MemoryError(
            f"x must leave {needed / 1e6:.1f} MB of every device to the fit; got a device with "
            f"{free / 1e6:.1f} MB left."
        )

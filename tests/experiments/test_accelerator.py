"""The accelerator's program at small size: it measures what it says, and its table can be read."""

import json

import numpy as np
import pytest

from experiments.benchmarks import accelerator, machine
from spline_fc.cpwl.sharded import search


@pytest.fixture(scope="module")
def record():
    patch = pytest.MonkeyPatch()
    patch.setattr(accelerator, "MAX_TERMS", 7)
    patch.setattr(accelerator, "WARM", 1)
    patch.setattr(accelerator, "BLOCK", 300)
    seen, begin = [], search.ShardedSearch.__init__
    patch.setattr(
        search.ShardedSearch, "__init__", lambda self, *a: seen.append(a) or begin(self, *a)
    )
    case = accelerator.Case(1000, 10)  # as `agreement` has it: what is compiled serves both
    found = {
        **machine.stamp(),
        "copy_bytes_per_second": accelerator.copy_bandwidth(1 << 16),
        "fits": {"small": accelerator.measure_fit(case, 1e9)},
        "agreement": accelerator.agreement(1000, [1]),
        "starts": {},
    }
    patch.undo()
    assert len(seen) >= 3  # on the device, though it is a CPU
    return found


def test_fits_are_those_of_the_host(record):
    found = record["agreement"]["degree_1"]
    assert found["same_terms"] and found["rss"] < 1e-6 and found["rss_in_float64"] < 1e-5


def test_bytes_are_those_of_the_columns_that_enter(record):
    found = record["fits"]["small"]
    assert found["terms"] == 7 and found["search_bytes"] == 1000 * 10 * 8 * 8
    assert found["bandwidth_share"] == pytest.approx(
        found["search_bytes"] / min(found["warm_seconds"]) / 1e9
    )


def test_a_record_is_told_as_tables(record):
    failed = {"case": accelerator.Case(10, 2)._asdict(), "failed": "no memory"}
    full = json.loads(
        json.dumps({**record, "fits": {**record["fits"], "large": failed}}, default=float)
    )
    text = accelerator.table(full)
    assert "| 1,000 x 10 | 1 | float32 |" in text and "no memory" in text


def test_rows_are_drawn_in_blocks_with_all_their_digits():
    x, y = accelerator.rows_of(accelerator.Case(10, 5))
    assert x.shape == (10, 5) and y.shape == (10,) and x.dtype == np.float32
